"""Frames of chats, tools and pictures, against published figures."""

from __future__ import annotations

import base64
import struct

import pytest

import costmodel as cm
from costmodel.errors import DataError
from costmodel.tokens.chat import (
    ImageRule,
    count_messages,
    count_tools,
    image_size,
    image_tokens,
)
from costmodel.tokens.counting import counter

# OpenAI cookbook, How_to_count_tokens_with_tiktoken: counts confirmed by the API
EXAMPLE = [
    (
        "You are a helpful, pattern-following assistant that translates corporate jargon into "
        "plain English.",
        "",
    ),
    ("New synergies will help drive top-line growth.", "example_user"),
    ("Things working well together will increase revenue.", "example_assistant"),
    (
        "Let's circle back when we have more bandwidth to touch base on opportunities for "
        "increased leverage.",
        "example_user",
    ),
    ("Let's talk later when we're less busy about how to do better.", "example_assistant"),
]
MESSAGES = [
    {"role": "system", "content": text} | ({"name": name} if name else {}) for text, name in EXAMPLE
]
MESSAGES.append(
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    }
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {
                        "type": "string",
                        "description": "The city and state, e.g. San Francisco, CA",
                    },
                    "unit": {
                        "type": "string",
                        "description": "The unit of temperature to return",
                        "enum": ["celsius", "fahrenheit"],
                    },
                },
                "required": ["location"],
            },
        },
    }
]
WEATHER = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]


@pytest.mark.parametrize(("encoding", "tokens"), [("cl100k_base", 129), ("o200k_base", 124)])
def test_the_published_chat_has_129_and_124_tokens(encoding: str, tokens: int) -> None:
    assert count_messages(MESSAGES, counter(encoding)) == tokens


@pytest.mark.parametrize(
    ("encoding", "tools", "together"), [("cl100k_base", 71, 105), ("o200k_base", 68, 101)]
)
def test_the_published_tools_have_105_and_101_tokens(
    encoding: str, tools: int, together: int
) -> None:
    assert count_tools(TOOLS, counter(encoding)) == tools
    assert count_messages(WEATHER, counter(encoding), TOOLS) == together


def test_count_tokens_takes_a_chat_with_tools() -> None:
    assert cm.count_tokens(MESSAGES, "gpt-4o") == 124
    assert cm.count_tokens(WEATHER, "gpt-4o", tools=TOOLS) == 101


def test_a_message_without_a_role_is_refused() -> None:
    with pytest.raises(DataError, match="role and content"):
        count_messages([{"content": "How much?"}], counter())


def test_content_that_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="content of a message"):
        count_messages([{"role": "user", "content": 12}], counter())


# pictures: OpenAI's page on vision gives 765 for 1024 x 1024 and 1105 for 2048 x 4096 at gpt-4o


@pytest.mark.parametrize(
    ("width", "height", "tokens"), [(1024, 1024, 765), (2048, 4096, 1105), (512, 512, 255)]
)
def test_a_picture_is_counted_in_tiles(width: int, height: int, tokens: int) -> None:
    assert image_tokens(width, height, ImageRule("tiles", 85, 170)) == tokens


# the page of Anthropic: 1568 tokens at most for Claude up to 4.6
@pytest.mark.parametrize(("width", "height", "tokens"), [(200, 200, 64), (1000, 1000, 1296)])
def test_a_picture_is_counted_in_patches_of_28_pixels(width: int, height: int, tokens: int) -> None:
    rule = ImageRule("edge", patch=28, longest=1568, most=1568)
    assert image_tokens(width, height, rule) == tokens
    assert image_tokens(8000, 8000, rule) <= 1568


def test_a_picture_is_counted_in_patches_of_32_pixels() -> None:
    rule = ImageRule("patches", each=1.2, longest=2048, most=2500)
    # 32 x 32 patches x 1.2
    assert image_tokens(1024, 1024, rule) == 1229
    assert image_tokens(4000, 3000, rule) <= 3000


def test_a_picture_of_no_size_is_refused() -> None:
    with pytest.raises(DataError, match="one pixel"):
        image_tokens(0, 100, ImageRule("tiles", 85, 170))


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480)
GIF = b"GIF89a" + struct.pack("<HH", 320, 200)
JPEG = (
    b"\xff\xd8\xff\xe0" + struct.pack(">H", 4) + b"xx\xff\xc0" + struct.pack(">HBHH", 11, 8, 9, 7)
)
WEBP = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + (99).to_bytes(3, "little") + (49).to_bytes(3, "little")


@pytest.mark.parametrize(
    ("data", "size"), [(PNG, (640, 480)), (GIF, (320, 200)), (JPEG, (7, 9)), (WEBP, (100, 50))]
)
def test_the_size_of_a_picture_stands_in_its_first_bytes(
    data: bytes, size: tuple[int, int]
) -> None:
    url = "data:image/x;base64," + base64.b64encode(data).decode()
    assert image_size(url) == size


@pytest.mark.parametrize("url", ["https://example.org/a.png", "data:image/png;base64,AAAA", ""])
def test_a_size_that_cannot_be_read_is_not_guessed(url: str) -> None:
    assert image_size(url) is None
