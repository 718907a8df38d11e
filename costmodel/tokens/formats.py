"""Shapes of training data: by which keys each is known, and what reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from costmodel.errors import DataError, nearest
from costmodel.tokens import records
from costmodel.tokens.chat import ANSWER_FRAME
from costmodel.tokens.records import WIDTH, Batch, Record


@dataclass(frozen=True)
class Shape:
    """One shape of record.

    Attributes:
        extract: Adds a record's texts to a batch.
        keys: Keys that every record has.
        objective: What it trains: sft | dpo | rft.
    """

    extract: Callable[[Batch, int, Record], list[str]]
    keys: tuple[str, ...]
    objective: str = "sft"


PAIR = ("chosen", "rejected")
# by name, as shown and as `--format` takes it
SHAPES = {
    # OpenAI, Azure, Together, Fireworks, TRL
    "openai_chat": Shape(records.chat, ("messages",)),
    "openai_rft": Shape(records.chat, ("messages",), "rft"),
    "openai_dpo": Shape(
        records.openai_dpo, ("input", "preferred_output", "non_preferred_output"), "dpo"
    ),
    "mistral": Shape(records.chat, ("messages",)),
    "bedrock_converse": Shape(records.chat, ("messages",)),
    "bedrock_claude": Shape(records.chat, ("messages",)),
    "vertex_sft": Shape(records.vertex, ("contents",)),
    "vertex_preference": Shape(records.vertex_pair, ("contents", "completions"), "dpo"),
    # ShareGPT and LLaMA-Factory; its version 1 below
    "sharegpt": Shape(records.sharegpt, ("conversations",)),
    "sharegpt_preference": Shape(records.sharegpt, ("conversations", *PAIR), "dpo"),
    "llama_factory": Shape(records.chat, ("messages",)),
    "llama_factory_preference": Shape(
        records.pair_of_chats, ("chosen_messages", "rejected_messages"), "dpo"
    ),
    "kto": Shape(records.chat, ("messages", "label"), "dpo"),
    "sharegpt_kto": Shape(records.sharegpt, ("conversations", "kto_tag"), "dpo"),
    "fireworks_preference": Shape(records.pair_of_trl, PAIR, "dpo"),
    "alpaca": Shape(records.alpaca, ("instruction", "output")),
    "alpaca_preference": Shape(records.alpaca, ("instruction", *PAIR), "dpo"),
    "trl_preference": Shape(records.pair_of_trl, PAIR, "dpo"),
    "trl_kto": Shape(records.prompt_completion, ("prompt", "completion", "label"), "dpo"),
    "trl_stepwise": Shape(records.prompt_completion, ("prompt", "completions")),
    "prompt_completion": Shape(records.prompt_completion, ("prompt", "completion")),
    "trl_prompt": Shape(records.prompt_alone, ("prompt",), "rft"),
    "text": Shape(records.text, ("text",)),
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
CHATS = frozenset(name for name, shape in SHAPES.items() if shape.extract is records.chat)


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
    sizes = [len(each) for each in batch.filled()]
    place = len(batch.frames) * WIDTH
    batch.frames.append(0)
    try:
        missing = [key for key in SHAPES[shape].keys if key not in record]
        words = [] if missing else SHAPES[shape].extract(batch, place, record)
    except (DataError, AttributeError, TypeError, KeyError, RecursionError) as error:
        for each, size in zip(batch.filled(), sizes, strict=True):
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
