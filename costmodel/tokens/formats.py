"""Shapes of training data, and the texts that stand in a record of each.

A shape is known by the keys of a record. `extract` hands every text of a record to a `Batch`, with
the field it belongs to; what is trained on, billed or shown is a sum over fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from costmodel.errors import DataError, nearest
from costmodel.tokens.chat import ANSWER_FRAME, MESSAGE_FRAME, NAME_FRAME, image_size

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
KEPT = 20  # lines kept of each kind of finding


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


# records


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


def _chat(batch: Batch, place: int, record: Record) -> list[str]:
    """Add an ordinary chat, perhaps with its instructions outside the messages."""
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


def _openai_dpo(batch: Batch, place: int, record: Record) -> list[str]:
    asked = record["input"]
    if not isinstance(asked, dict) or "messages" not in asked:
        message = "input needs messages"
        raise DataError(message)
    batch.prompts.append(place)
    words = _messages(batch, place, asked["messages"])
    _tools(batch, place, asked.get("tools"))
    _pair(batch, place, record, "preferred_output", "non_preferred_output")
    return words


def _vertex(batch: Batch, place: int, record: Record) -> list[str]:
    batch.chats.append(place)
    words: list[str] = []
    system = record.get("systemInstruction", record.get("system_instruction"))
    if isinstance(system, dict):
        told = {"role": "system", "content": system.get("parts")}
        words = _messages(batch, place, [told])
    words += _messages(batch, place, record["contents"], what="parts")
    _tools(batch, place, record.get("tools"))
    return words


def _vertex_pair(batch: Batch, place: int, record: Record) -> list[str]:
    words = _vertex(batch, place, record)
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


def _sharegpt(batch: Batch, place: int, record: Record) -> list[str]:
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


def _alpaca(batch: Batch, place: int, record: Record) -> list[str]:
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


def _pair_of_trl(batch: Batch, place: int, record: Record) -> list[str]:
    if record.get("prompt") is not None:
        _completion(batch, place, record["prompt"], PROMPT)
    _tools(batch, place, record.get("tools"))
    _pair(batch, place, record, "chosen", "rejected")
    return []


def _pair_of_chats(batch: Batch, place: int, record: Record) -> list[str]:
    _pair(batch, place, record, "chosen_messages", "rejected_messages")
    _tools(batch, place, record.get("tools"))
    return []


def _prompt_completion(batch: Batch, place: int, record: Record) -> list[str]:
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


def _prompt_alone(batch: Batch, place: int, record: Record) -> list[str]:
    _completion(batch, place, record["prompt"], PROMPT_ALONE)
    return []


def _text(batch: Batch, place: int, record: Record) -> list[str]:
    batch.add(place, record["text"], TEXT)
    return []


@dataclass(frozen=True)
class Shape:
    """One shape of record.

    Attributes:
        name: As shown and as `--format` takes it.
        extract: Adds a record's texts to a batch.
        keys: Keys that every record has.
        shown: Where it is used.
        objective: What it trains: sft | dpo | rft.
    """

    name: str
    extract: Callable[[Batch, int, Record], list[str]] = field(repr=False)
    keys: tuple[str, ...]
    shown: str
    objective: str = "sft"


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("openai_chat", _chat, ("messages",), "OpenAI, Azure, Together, Fireworks, TRL chat"),
        Shape("openai_rft", _chat, ("messages",), "OpenAI and Azure reinforcement", "rft"),
        Shape(
            "openai_dpo",
            _openai_dpo,
            ("input", "preferred_output", "non_preferred_output"),
            "OpenAI, Azure, Together preference",
            "dpo",
        ),
        Shape("mistral", _chat, ("messages",), "Mistral chat"),
        Shape("bedrock_converse", _chat, ("messages",), "Bedrock Converse: Nova, Llama"),
        Shape("bedrock_claude", _chat, ("messages",), "Bedrock Claude"),
        Shape("vertex_sft", _vertex, ("contents",), "Vertex chat"),
        Shape(
            "vertex_preference",
            _vertex_pair,
            ("contents", "completions"),
            "Vertex preference",
            "dpo",
        ),
        Shape("sharegpt", _sharegpt, ("conversations",), "ShareGPT, LLaMA-Factory"),
        Shape(
            "sharegpt_preference",
            _sharegpt,
            ("conversations", "chosen", "rejected"),
            "ShareGPT preference",
            "dpo",
        ),
        Shape("llama_factory", _chat, ("messages",), "LLaMA-Factory v1"),
        Shape(
            "llama_factory_preference",
            _pair_of_chats,
            ("chosen_messages", "rejected_messages"),
            "LLaMA-Factory v1 preference",
            "dpo",
        ),
        Shape("kto", _chat, ("messages", "label"), "KTO chat", "dpo"),
        Shape("sharegpt_kto", _sharegpt, ("conversations", "kto_tag"), "ShareGPT KTO", "dpo"),
        Shape(
            "fireworks_preference",
            _pair_of_trl,
            ("chosen", "rejected"),
            "Fireworks ORPO and DPO",
            "dpo",
        ),
        Shape("alpaca", _alpaca, ("instruction", "output"), "Alpaca"),
        Shape(
            "alpaca_preference",
            _alpaca,
            ("instruction", "chosen", "rejected"),
            "Alpaca preference",
            "dpo",
        ),
        Shape("trl_preference", _pair_of_trl, ("chosen", "rejected"), "TRL preference", "dpo"),
        Shape("trl_kto", _prompt_completion, ("prompt", "completion", "label"), "TRL KTO", "dpo"),
        Shape("trl_stepwise", _prompt_completion, ("prompt", "completions"), "TRL stepwise"),
        Shape("prompt_completion", _prompt_completion, ("prompt", "completion"), "prompt, answer"),
        Shape("trl_prompt", _prompt_alone, ("prompt",), "TRL prompts alone", "rft"),
        Shape("text", _text, ("text",), "plain text"),
    )
}
# formats that are the same records under another name
ALIASES = {
    "azure": "openai_chat",
    "together": "openai_chat",
    "fireworks": "openai_chat",
    "trl": "openai_chat",
    "chat": "openai_chat",
    "dpo": "openai_dpo",
    "vertex": "vertex_sft",
    "rft": "openai_rft",
    "converse": "bedrock_converse",
    "nova": "bedrock_converse",
    "claude": "bedrock_claude",
    "gemini": "vertex_sft",
    "llama-factory": "llama_factory",
}
# shapes of chats that one file may mix: what tells them apart is that something is left out
CHATS = frozenset(name for name, shape in SHAPES.items() if shape.extract is _chat)


def format_named(word: str) -> str:
    """Return the shape that a word names.

    Raises:
        DataError: With the nearest names.
    """
    name = word.lower().replace("-", "_")
    name = ALIASES.get(word.lower(), ALIASES.get(name, name))
    if name not in SHAPES:
        message = f"unknown format {word!r}{nearest(word, [*SHAPES, *ALIASES])}"
        raise DataError(message)
    return name


def shape_of(record: Record) -> str:  # noqa: PLR0911, PLR0912
    """Return the shape of a record, blank for none.

    >>> shape_of({"prompt": "2 + 2", "completion": "4"})
    'prompt_completion'
    """
    if "messages" in record:
        return _chat_shape(record)
    if "contents" in record:
        return "vertex_preference" if "completions" in record else "vertex_sft"
    if "conversations" in record:
        if "chosen" in record and "rejected" in record:
            return "sharegpt_preference"
        return "sharegpt_kto" if "kto_tag" in record else "sharegpt"
    if "preferred_output" in record and "non_preferred_output" in record and "input" in record:
        return "openai_dpo"
    if "chosen_messages" in record and "rejected_messages" in record:
        return "llama_factory_preference"
    if "instruction" in record:
        if "chosen" in record and "rejected" in record:
            return "alpaca_preference"
        return "alpaca" if "output" in record else ""
    if "chosen" in record and "rejected" in record:
        chats = isinstance(record["chosen"], dict) and "messages" in record["chosen"]
        return "fireworks_preference" if chats else "trl_preference"
    if "chosen" in record or "rejected" in record:
        return ""  # half a pair
    if "prompt" in record:
        if "completions" in record:
            return "trl_stepwise"
        if "completion" in record:
            return "trl_kto" if "label" in record else "prompt_completion"
        return "trl_prompt"
    return "text" if "text" in record else ""


BARE = frozenset({"messages", "tools", "functions", "parallel_tool_calls", "metadata", "id"})


def _chat_shape(record: Record) -> str:  # noqa: PLR0911
    """Tell chats apart by what stands beside and inside the messages."""
    messages = record["messages"]
    if len(record) == 1 and type(messages) is list and messages:
        last = messages[-1]
        if type(last) is dict and type(last.get("content")) is str:
            return "openai_chat"
    if "label" in record:
        return "kto"
    if "schemaVersion" in record or isinstance(record.get("system"), list):
        return "bedrock_converse"
    if "system" in record:
        return "bedrock_claude"
    entries = messages if isinstance(messages, list) else []
    for entry in entries[:2]:
        content = entry.get("content") if isinstance(entry, dict) else None
        part = content[0] if isinstance(content, list) and content else None
        if isinstance(part, dict) and "value" in part:
            return "llama_factory"
        if isinstance(part, dict) and "text" in part and "type" not in part:
            return "bedrock_converse"
    last = entries[-1] if entries else None
    asks = isinstance(last, dict) and last.get("role") == "user"
    return "openai_rft" if asks and record.keys() - BARE else "openai_chat"


def extract(batch: Batch, record: Any, shape: str, line: int, digest: int) -> None:
    """Add a record to a batch.

    Args:
        batch: Takes its texts.
        record: As it was parsed.
        shape: One of SHAPES.
        line: Where it begins.
        digest: Tells records apart.

    Raises:
        DataError: Saying what is wrong with the record; the batch is as it was before.
    """
    sizes = [len(each) for each in _lists(batch)]
    place = len(batch.frames) * WIDTH
    batch.frames.append(0)
    try:
        missing = [key for key in SHAPES[shape].keys if key not in record]
        words = [] if missing else SHAPES[shape].extract(batch, place, record)
    except (DataError, AttributeError, TypeError, KeyError, RecursionError) as error:
        for each, size in zip(_lists(batch), sizes, strict=True):
            del each[size:]
        if isinstance(error, DataError):
            raise
        message = f"is no {shape} record ({type(error).__name__})"
        raise DataError(message) from None
    if missing:
        batch.frames.pop()
        message = f"{shape} needs {missing[0]}"
        raise DataError(message)
    if words:
        batch.frames[-1] += ANSWER_FRAME
    batch.shapes.append(shape)
    batch.lines.append(line)
    batch.digests.append(digest)
    batch.signatures.append(tuple(words))


def _lists(batch: Batch) -> Iterable[list[Any]]:
    return (
        *(batch.texts, batch.places, batch.repeated, batch.frames, batch.said, batch.chats),
        *(batch.prompts, batch.images),
    )
