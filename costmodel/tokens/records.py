"""The texts that stand in a record of training data, whatever its shape.

Each function hands every text of a record to a `Batch`, with the field it belongs to, and returns
the words that the rules of providers look at. What is trained on, billed or shown is a sum over
fields.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from costmodel.errors import DataError
from costmodel.tokens.chat import MESSAGE_FRAME, NAME_FRAME, image_size

Record = Mapping[str, Any]

# fields beside the roles of a chat
FIELDS = (
    *("name", "tools_json", "tool_call", "thinking", "text"),
    *("pref_prompt", "pref_chosen", "pref_rejected", "pc_prompt", "pc_completion"),
    *("alpaca_system", "alpaca_instruction", "alpaca_input", "alpaca_output", "alpaca_history"),
    "prompt",
)
NAME, TOOLS_JSON, TOOL_CALL, THINKING, TEXT = range(5)
PROMPT, CHOSEN, REJECTED, PC_PROMPT, PC_COMPLETION = range(5, 10)
ALPACA = {"system": 10, "instruction": 11, "input": 12, "output": 13, "history": 14}
PROMPT_ALONE = 15
# words of several formats for the same speaker
ROLES = {
    "human": "user",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "function": "tool",
    "function_response": "tool",
}
WIDTH = 64  # fields and roles of a record at most
# parts of a message that are no text
MEDIA = frozenset(
    ("image", "inlineData", "fileData", "video", "audio", "input_audio", "file", "document")
)


class Roles:
    """Codes of the roles that occur, behind those of the other fields.

    >>> roles = Roles()
    >>> roles.code("human") == roles.code("user")
    True
    """

    def __init__(self) -> None:
        """Begin without a role."""
        self.codes: dict[str, int] = {}
        self.names: list[str] = []

    def code(self, word: str) -> int:
        """Return the code of a role, by any word for it."""
        found = self.codes.get(word)
        if found is None:
            name = ROLES.get(word, word)
            if name not in self.names:
                # a file with dozens of roles is no chat; its further ones are counted together
                name = name if len(FIELDS) + len(self.names) < WIDTH - 1 else "other"
                self.names += [name] if name not in self.names else []
            found = self.codes[word] = len(FIELDS) + self.names.index(name)
        return found


@dataclass
class Batch:
    """The texts of some records, ready to be counted together.

    Attributes:
        roles: Codes of the roles; shared by the batches of a file.
        texts: Texts to count.
        places: Where each counts: record of the batch x WIDTH + code of its field or role.
        repeated: Texts that come again and again (instructions, tools), each with its place.
        said: Place of each message: record x WIDTH + code of its role.
        frames: Tokens of the frames of each record's messages, roles not counted.
        chats, prompts: Records that are a chat, and whose chat is the prompt of a preference.
        shapes, lines, digests: Shape and line of each record, and what tells it apart.
        signatures: What the rules of providers look at, for each record.
        images: Size of each image, None where it cannot be read.
    """

    roles: Roles = field(default_factory=Roles)
    texts: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    repeated: list[tuple[int, str]] = field(default_factory=list)
    said: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    chats: list[int] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    digests: list[int] = field(default_factory=list)
    signatures: list[tuple[str, ...]] = field(default_factory=list)
    images: list[tuple[int, int] | None] = field(default_factory=list)

    def add(self, place: int, content: Any, code: int) -> None:
        """Add a text that belongs to a field of the record at `place`."""
        if not isinstance(content, str):
            message = f"text expected, got {type(content).__name__}"
            raise DataError(message)
        self.texts.append(content)
        self.places.append(place + code)

    def filled(self) -> Iterable[list[Any]]:
        """Return the lists that grow while a record is read."""
        return (
            *(self.texts, self.places, self.repeated, self.frames, self.said, self.chats),
            *(self.prompts, self.images),
        )


def _content(batch: Batch, place: int, code: int, content: Any) -> None:  # noqa: PLR0912
    """Add the content of a message: a string, or parts of text, values and pictures."""
    if content is None:
        return
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        message = f"content of a message is text or a list of parts, got {type(content).__name__}"
        raise DataError(message)
    for part in content:
        if isinstance(part, str):
            batch.add(place, part, code)
        elif not isinstance(part, dict):
            message = f"a part of a content is text or a table, got {type(part).__name__}"
            raise DataError(message)
        elif "text" in part:
            batch.add(place, part["text"], code)
        elif "value" in part:  # LLaMA-Factory
            kind = {"reasoning": THINKING, "tool_call": TOOL_CALL}.get(part.get("type", ""), code)
            value = part["value"]
            batch.add(place, value if isinstance(value, str) else _compact(value), kind)
        elif part.get("type") == "image_url":
            url = part.get("image_url")
            url = url.get("url") if isinstance(url, dict) else url
            batch.images.append(image_size(url) if isinstance(url, str) else None)
        elif part.get("type") in ("thinking", "reasoning"):
            batch.add(place, part.get("thinking", part.get("reasoning", "")), THINKING)
        elif part.get("type") in MEDIA or MEDIA & part.keys():
            batch.images.append(None)
        elif "functionCall" in part or "toolUse" in part:
            _call(batch, place, part.get("functionCall", part.get("toolUse")))
        elif "functionResponse" in part or "toolResult" in part:
            answer = part.get("functionResponse", part.get("toolResult"))
            batch.add(place, _compact(answer), batch.roles.code("tool"))
        else:
            kind = part.get("type", ", ".join(sorted(part)) or "nothing")
            message = f"a part of a content of unknown kind: {kind}"
            raise DataError(message)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _call(batch: Batch, place: int, call: Any) -> None:
    """Add name and arguments of a call of a tool."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict):
        message = f"a tool call is a table with name and arguments, got {call!r:.60}"
        raise DataError(message)
    for key in ("name", "arguments", "args", "input"):
        value = function.get(key)
        if value:
            batch.add(place, value if isinstance(value, str) else _compact(value), TOOL_CALL)


def _messages(
    batch: Batch, place: int, messages: Any, *, who: str = "role", what: str = "content"
) -> list[str]:
    """Add the messages of a chat; return the words that the rules of providers look at."""
    if not isinstance(messages, list):
        message = f"messages are a list, got {type(messages).__name__}"
        raise DataError(message)
    if not messages:
        message = "has no messages"
        raise DataError(message)
    codes, texts, places, said = batch.roles.codes, batch.texts, batch.places, batch.said
    words = []
    frames = MESSAGE_FRAME * len(messages)
    called: set[Any] = set()
    for entry in messages:
        # the common message first: a role and a text, nothing else
        try:
            role, content = entry[who], entry[what]
            code = place + codes[role]
        except (KeyError, TypeError):
            role, content, code = _speaker(batch, place, entry, who, what)
        if type(content) is not str:
            _content(batch, place, code - place, content)
        elif role == "system" or role == "developer":  # noqa: PLR1714
            batch.repeated.append((code, content))
        else:
            texts.append(content)
            places.append(code)
        words.append(role)
        said.append(code)
        if len(entry) > 2 or content is None:  # noqa: PLR2004
            frames += _further(batch, place, entry, words, called)
    batch.frames[-1] += frames
    return words


def _speaker(batch: Batch, place: int, entry: Any, who: str, what: str) -> tuple[str, Any, int]:
    """Return role, content and place of a message that is not written like most."""
    if not isinstance(entry, dict):
        message = f"a message is a table with {who} and {what}, got {type(entry).__name__}"
        raise DataError(message)
    role = entry.get(who)
    if not isinstance(role, str):
        # ShareGPT's two ways to write the same
        role = entry.get("role" if who == "from" else "from")
        what = "content" if who == "from" else "value"
    if not isinstance(role, str):
        message = f"a message without {who}"
        raise DataError(message)
    content = entry.get(what)
    content = entry.get("parts") if content is None else content
    return role, content, place + batch.roles.code(role)


def _further(batch: Batch, place: int, entry: Record, words: list[str], called: set[Any]) -> int:
    """Add what a message has beside role and content; return the tokens of its frames."""
    frames = 0
    name = entry.get("name")
    if isinstance(name, str) and "role" in entry:
        batch.add(place, name, NAME)
        frames += NAME_FRAME
    for key in ("reasoning_content", "thinking", "reasoning"):
        if isinstance(entry.get(key), str):
            batch.add(place, entry[key], THINKING)
    calls = entry.get("tool_calls")
    if calls is None and isinstance(entry.get("function_call"), dict):
        calls = [entry["function_call"]]
    if calls is not None:
        if not isinstance(calls, list):
            message = f"tool_calls are a list, got {type(calls).__name__}"
            raise DataError(message)
        words.append("+calls")
        for call in calls:
            _call(batch, place, call)
            made = call.get("id")
            called.add(made if isinstance(made, str) else None)
            if isinstance(made, str) and len(made) != MISTRAL_ID:
                words.append("+id not of 9 characters")
    answered = entry.get("tool_call_id")
    if answered is not None and answered not in called:
        words.append("+answer to no call")
    if entry.get("weight", 1) not in (0, 1):
        words.append("+weight not 0 or 1")
    return frames


MISTRAL_ID = 9


def _tools(batch: Batch, place: int, tools: Any) -> None:
    if tools in (None, "", []):
        return
    content = tools if isinstance(tools, str) else _compact(tools)
    batch.repeated.append((place + TOOLS_JSON, content))


def chat(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a chat, perhaps with its instructions outside the messages."""
    batch.chats.append(place)
    before: list[str] = []
    system = record.get("system")
    if system:
        before = _messages(batch, place, [{"role": "system", "content": system}])
    words = _messages(batch, place, record["messages"])
    for key in ("tools", "functions"):
        _tools(batch, place, record.get(key))
    config = record.get("toolConfig")
    if isinstance(config, dict):
        _tools(batch, place, config.get("tools"))
    return before + words


def _completion(batch: Batch, place: int, value: Any, code: int) -> None:
    """Add one answer of a pair: text, a message, or a list of messages."""
    if isinstance(value, str):
        batch.add(place, value, code)
        return
    if isinstance(value, dict):
        value = value.get("messages", [value])
    if not isinstance(value, list):
        message = f"an answer is text or messages, got {type(value).__name__}"
        raise DataError(message)
    for entry in value:
        if not isinstance(entry, dict):
            message = f"a message is a table with role and content, got {type(entry).__name__}"
            raise DataError(message)
        content = entry.get("content", entry.get("value", entry.get("parts")))
        if isinstance(content, str):
            batch.add(place, content, code)
        else:
            _content(batch, place, code, content)
        for call in entry.get("tool_calls") or []:
            _call(batch, place, call)


def _pair(batch: Batch, place: int, record: Record, chosen: str, rejected: str) -> None:
    _completion(batch, place, record[chosen], CHOSEN)
    _completion(batch, place, record[rejected], REJECTED)


def openai_dpo(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a chat that is answered twice, as OpenAI has it."""
    asked = record["input"]
    if not isinstance(asked, dict) or "messages" not in asked:
        message = "input needs messages"
        raise DataError(message)
    batch.prompts.append(place)
    words = _messages(batch, place, asked["messages"])
    _tools(batch, place, asked.get("tools"))
    _pair(batch, place, record, "preferred_output", "non_preferred_output")
    return words


def vertex(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a chat of Vertex."""
    batch.chats.append(place)
    words: list[str] = []
    system = record.get("systemInstruction", record.get("system_instruction"))
    if isinstance(system, dict):
        told = {"role": "system", "content": system.get("parts")}
        words = _messages(batch, place, [told])
    words += _messages(batch, place, record["contents"], what="parts")
    _tools(batch, place, record.get("tools"))
    return words


def vertex_pair(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a chat of Vertex with a good and a bad answer."""
    words = vertex(batch, place, record)
    batch.prompts.append(place)
    offered = record["completions"]
    right = isinstance(offered, list) and all(isinstance(entry, dict) for entry in offered)
    if not right or sorted(entry.get("score", -1) for entry in offered) != [0, 1]:
        message = "completions are two, one with score 1 and one with score 0"
        raise DataError(message)
    for entry in offered:
        _completion(
            batch, place, entry.get("completion"), CHOSEN if entry["score"] == 1 else REJECTED
        )
    return words


def sharegpt(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a chat of ShareGPT, perhaps with two answers."""
    batch.chats.append(place)
    words: list[str] = []
    if isinstance(record.get("system"), str) and record["system"]:
        words = _messages(batch, place, [{"role": "system", "content": record["system"]}])
    words += _messages(batch, place, record["conversations"], who="from", what="value")
    _tools(batch, place, record.get("tools"))
    if "chosen" in record and "rejected" in record:
        batch.prompts.append(place)
        _pair(batch, place, record, "chosen", "rejected")
    return words


def alpaca(batch: Batch, place: int, record: Record) -> list[str]:
    """Add an instruction with input and answer, or two answers."""
    for key in ("system", "instruction", "input", "output"):
        if record.get(key):
            batch.add(place, record[key], ALPACA[key])
    history = record.get("history") or []
    if not isinstance(history, list):
        message = f"history is a list of pairs, got {type(history).__name__}"
        raise DataError(message)
    for turn in history:
        for said in turn if isinstance(turn, list) else [turn]:
            batch.add(place, said, ALPACA["history"])
    if "chosen" in record:
        _pair(batch, place, record, "chosen", "rejected")
    return []


def pair_of_trl(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a prompt and two answers."""
    if record.get("prompt") is not None:
        _completion(batch, place, record["prompt"], PROMPT)
    _tools(batch, place, record.get("tools"))
    _pair(batch, place, record, "chosen", "rejected")
    return []


def pair_of_chats(batch: Batch, place: int, record: Record) -> list[str]:
    """Add two whole chats, the better and the worse."""
    _pair(batch, place, record, "chosen_messages", "rejected_messages")
    _tools(batch, place, record.get("tools"))
    return []


def prompt_completion(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a prompt and its answers."""
    if isinstance(record.get("system"), str):
        batch.add(place, record["system"], PC_PROMPT)
    _completion(batch, place, record["prompt"], PC_PROMPT)
    for key in ("completion", "completions"):
        answers = record.get(key, [])
        each = answers if key == "completions" and isinstance(answers, list) else [answers]
        for answer in each:
            _completion(batch, place, answer, PC_COMPLETION)
    _tools(batch, place, record.get("tools"))
    return []


def prompt_alone(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a prompt."""
    _completion(batch, place, record["prompt"], PROMPT_ALONE)
    return []


def text(batch: Batch, place: int, record: Record) -> list[str]:
    """Add a text."""
    batch.add(place, record["text"], TEXT)
    return []
