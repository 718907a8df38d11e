"""What providers would refuse is found with its lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from costmodel.tokens.corpus import Job, tally_part
from costmodel.tokens.preflight import Refusal, refusals
from costmodel.tokens.reading import sniff

USER = {"role": "user", "content": "How much?"}
ASSISTANT = {"role": "assistant", "content": "Three dollars."}
SYSTEM = {"role": "system", "content": "Prices."}


def found(folder: Path, records: list[dict[str, Any]], shape: str = "") -> list[Refusal]:
    """Return what is refused in a file of records."""
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    source = sniff(str(path), shape=shape)
    return refusals(tally_part(source, Job()), source.shape)


def test_a_good_file_is_refused_by_nobody(tmp_path: Path) -> None:
    assert not found(tmp_path, [{"messages": [SYSTEM, USER, ASSISTANT]}] * 10)


def test_nine_examples_are_too_few_for_openai(tmp_path: Path) -> None:
    refused = found(tmp_path, [{"messages": [USER, ASSISTANT]}] * 9)
    assert {(r.provider, r.reason) for r in refused} == {
        ("openai", "fewer than 10 examples"),
        ("azure", "fewer than 10 examples"),
    }


@pytest.mark.parametrize(
    ("messages", "provider", "reason"),
    [
        ([USER], "openai", "no message of the assistant"),
        ([USER, ASSISTANT, USER], "mistral", "the last message is not the assistant's"),
        ([{"role": "bot", "content": "x"}, ASSISTANT], "openai", "role 'bot'"),
        ([USER, ASSISTANT | {"weight": 2}], "azure", "weight is neither 0 nor 1"),
        (
            [USER, {"role": "tool", "tool_call_id": "x", "content": "3"}, ASSISTANT],
            "openai",
            "a tool answers a call that was not made",
        ),
    ],
)
def test_a_bad_chat_is_refused_with_its_line(
    tmp_path: Path, messages: list[dict[str, Any]], provider: str, reason: str
) -> None:
    records: list[dict[str, Any]] = [{"messages": [USER, ASSISTANT]}] * 10
    refused = found(tmp_path, [*records, {"messages": messages}], "openai_chat")
    [one] = [r for r in refused if r.provider == provider and reason in r.reason]
    assert one.records == 1
    assert one.lines == (11,)


def test_bedrock_wants_user_and_assistant_in_turns(tmp_path: Path) -> None:
    def said(role: str) -> dict[str, Any]:
        return {"role": role, "content": [{"text": "x"}]}

    good = {"system": [{"text": "x"}], "messages": [said("user"), said("assistant")]}
    bad = {"system": [{"text": "x"}], "messages": [said("user"), said("user"), said("assistant")]}
    [refused] = found(tmp_path, [good, bad])
    assert (refused.provider, refused.lines) == ("bedrock", (2,))
    assert refused.reason == "user and assistant do not take turns"


def test_mistral_wants_ids_of_nine_characters(tmp_path: Path) -> None:
    call = {"id": "call_1", "function": {"name": "f", "arguments": "{}"}}
    chat = {"messages": [USER, {"role": "assistant", "tool_calls": [call]}]}
    [refused] = found(tmp_path, [chat] * 2, "mistral")
    assert refused.reason == "the id of a tool call does not have 9 characters"
    assert refused.records == 2
