"""Tokens that a chat costs beside its text: frames of messages, tools, images.

OpenAI publishes none of these rules as a contract. The figures are those of its cookbook, which
were confirmed by calls to the API; what others worked out by trial says so.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.errors import DataError
from costmodel.tokens.counting import Counter

# OpenAI cookbook, How_to_count_tokens_with_tiktoken (2026-11): a frame around each message, one
# token more for a name, and three that begin the answer
MESSAGE_FRAME, NAME_FRAME, ANSWER_FRAME = 3, 1, 3
# the same for the functions of flat tools: per function by encoding, per property, at the end
FUNCTION_FRAME = {"cl100k_base": 10}
NEWER_FUNCTION_FRAME, PROPERTY_FRAME, ENUM_FRAME, ENUM_ITEM, TOOLS_END = 7, 3, -3, 3, 12


def texts_of(content: Any) -> list[str]:
    """Return the texts of a message: one string, parts of text, or nothing.

    Raises:
        DataError: If it is neither.
    """
    if isinstance(content, str):
        return [content]
    if content is None:
        return []
    if isinstance(content, list) and all(isinstance(part, str | Mapping) for part in content):
        parts = [part if isinstance(part, str) else part.get("text") for part in content]
        return [part for part in parts if isinstance(part, str)]
    message = f"content of a message is text or a list of parts, got {type(content).__name__}"
    raise DataError(message)


def count_messages(
    messages: Sequence[Mapping[str, Any]], counter: Counter, tools: Sequence[Mapping[str, Any]] = ()
) -> int:
    """Count the prompt tokens of a chat, frames and tools included.

    Args:
        messages: Messages with role and content, perhaps name and tool_calls.
        counter: Counts text.
        tools: Definitions of the functions that the model may call.

    Raises:
        DataError: If a message has no role, or content that is no text.

    >>> from costmodel.tokens.counting import counter
    >>> count_messages([{"role": "user", "content": "What does it cost?"}], counter())
    12
    """
    texts, frames = [], ANSWER_FRAME
    for message in messages:
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            wrong = "a message is a table with role and content"
            raise DataError(wrong)
        texts += [message["role"], *texts_of(message.get("content"))]
        frames += MESSAGE_FRAME
        if isinstance(message.get("name"), str):
            texts.append(message["name"])
            frames += NAME_FRAME
        texts += call_texts(message.get("tool_calls"))
    return int(counter.counts(texts).sum()) + frames + count_tools(tools, counter)


def call_texts(calls: Any) -> list[str]:
    """Return name and arguments of each call of a tool."""
    texts = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function", call) if isinstance(call, Mapping) else {}
        if isinstance(function, Mapping):
            texts += [str(function[key]) for key in ("name", "arguments") if function.get(key)]
    return texts


def count_tools(tools: Sequence[Mapping[str, Any]], counter: Counter) -> int:
    """Count the tokens of tool definitions, as the cookbook worked out for flat tools.

    A tool with nested parameters is beyond that rule: the same frames are put around each of its
    properties at every depth, which is a guess.

    Args:
        tools: Definitions, `{"type": "function", "function": {...}}` or the function alone.
        counter: Counts text.
    """
    if not tools:
        return 0
    texts: list[str] = []
    frames = TOOLS_END
    for tool in tools:
        function = tool.get("function", tool)
        texts.append(f"{function.get('name', '')}:{_plain(function)}")
        frames += FUNCTION_FRAME.get(counter.encoding, NEWER_FUNCTION_FRAME)
        frames += _properties(function.get("parameters") or {}, texts)
    return int(counter.counts(texts).sum()) + frames


def _plain(described: Mapping[str, Any]) -> str:
    return str(described.get("description") or "").removesuffix(".")


def _properties(schema: Any, texts: list[str]) -> int:
    """Add the lines of a schema's properties to `texts`; return the tokens of their frames."""
    known = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(known, Mapping) or not known:
        return 0
    frames = PROPERTY_FRAME
    for name, entry in known.items():
        frames += PROPERTY_FRAME
        if not isinstance(entry, Mapping):
            texts.append(str(name))
            continue
        if isinstance(entry.get("enum"), list):
            frames += ENUM_FRAME + ENUM_ITEM * len(entry["enum"])
            texts += [str(item) for item in entry["enum"]]
        texts.append(f"{name}:{entry.get('type', '')}:{_plain(entry)}")
        frames += _properties(entry, texts) + _properties(entry.get("items"), texts)
    return frames


@dataclass(frozen=True)
class ImageRule:
    """How a model counts the tokens of an image, a row of images.csv.

    Attributes:
        rule: tiles (of 512 pixels) | patches (the image is shrunk to whole patches) | edge (its
            longer edge is shortened until the patches fit).
        base: Tokens of any image. [token]
        each: Tokens of a tile or patch. [token]
        patch: Side of a patch. [pixel]
        longest: Longest side; a longer image is made smaller. [pixel]
        most: Patches at most.
    """

    rule: str
    base: float = 0.0
    each: float = 1.0
    patch: float = 32.0
    longest: float = math.inf
    most: float = math.inf


TILE, TILED_LONGEST, TILED_SHORTEST = 512, 2048, 768


def image_tokens(width: float, height: float, rule: ImageRule) -> int:
    """Count the tokens of an image.

    Source: OpenAI's and Anthropic's pages on vision, as litellm 1.109.1 reads them (2026-11).

    Args:
        width: Of the image. [pixel]
        height: Of the image. [pixel]
        rule: Of the model.

    >>> image_tokens(1024, 1024, ImageRule("tiles", 85, 170))
    765
    >>> image_tokens(1000, 1000, ImageRule("edge", patch=28, longest=1568, most=1568))
    1296
    """
    if width <= 0 or height <= 0:
        message = f"an image is at least one pixel wide and high, got {width:g} x {height:g}"
        raise DataError(message)
    if rule.rule == "tiles":
        scale = min(1.0, TILED_LONGEST / max(width, height))
        scale *= min(1.0, TILED_SHORTEST / (scale * min(width, height)))
        units = math.ceil(scale * width / TILE) * math.ceil(scale * height / TILE)
    elif rule.rule == "edge":
        units = _by_edge(max(width, height), min(width, height), rule)
    else:
        units = _by_patches(width, height, rule)
    return math.ceil(rule.base + rule.each * units)


def _by_edge(longer: float, shorter: float, rule: ImageRule) -> int:
    """Return the patches of the largest copy of an image that has few enough."""

    def patches(edge: int) -> int:
        other = max(round(edge * shorter / longer), 1)
        return math.ceil(edge / rule.patch) * math.ceil(other / rule.patch)

    edges = range(1, int(min(longer, rule.longest)) + 1)
    return patches(max(bisect_right(edges, rule.most, key=patches), 1))


def _by_patches(width: float, height: float, rule: ImageRule) -> int:
    scale = min(1.0, rule.longest / max(width, height))
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    found = math.ceil(width / rule.patch) * math.ceil(height / rule.patch)
    if found <= rule.most:
        return found
    shrink = math.sqrt(rule.patch**2 * rule.most / (width * height))
    across, down = width * shrink / rule.patch, height * shrink / rule.patch
    shrink *= min(math.floor(across) / across, math.floor(down) / down)
    sides = (max(1, math.floor(side * shrink)) for side in (width, height))
    return math.prod(math.ceil(side / rule.patch) for side in sides)


def image_size(data_url: str) -> tuple[int, int] | None:
    """Return width and height of a picture in a data URL, or None where they cannot be read.

    PNG, GIF, JPEG and WebP say their size in the first bytes.
    """
    head, _, body = data_url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        data = base64.b64decode(body[: 4 * 65536], validate=False)
    except (ValueError, binascii.Error):
        return None
    try:
        return _size_of(data)
    except (struct.error, IndexError):
        return None


def _size_of(data: bytes) -> tuple[int, int] | None:
    if data.startswith(b"\x89PNG"):
        return struct.unpack(">II", data[16:24])
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return struct.unpack("<HH", data[6:10])
    if data.startswith(b"RIFF") and data[8:16] == b"WEBPVP8X":
        wide, high = data[24:27], data[27:30]
        return int.from_bytes(wide, "little") + 1, int.from_bytes(high, "little") + 1
    if data.startswith(b"RIFF") and data[8:16] == b"WEBPVP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if data.startswith(b"\xff\xd8"):
        at = 2
        while at < len(data):
            marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # noqa: PLR2004
                height, width = struct.unpack(">HH", data[at + 5 : at + 9])
                return width, height
            at += 2 + length
    return None
