"""Every format is told from its records, and every text of a record is counted once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from costmodel.errors import DataError
from costmodel.tokens.corpus import Job, tally_part
from costmodel.tokens.counting import counter
from costmodel.tokens.formats import SHAPES, format_named
from costmodel.tokens.reading import sniff
from costmodel.tokens.tally import Tally

Write = Callable[..., Path]

ASK, TELL = "How much is a training run?", "Three dollars for a million tokens."
WORSE, SYSTEM = "I cannot say.", "You answer questions about prices."
CHAT = [{"role": "user", "content": ASK}, {"role": "assistant", "content": TELL}]
CALL = {"id": "call_1", "function": {"name": "price", "arguments": '{"model": "mini"}'}}
TOOLS = [{"type": "function", "function": {"name": "price", "description": "Look up a price"}}]

RECORDS: dict[str, Mapping[str, Any]] = {
    "openai_chat": {"messages": [{"role": "system", "content": SYSTEM}, *CHAT]},
    "openai_rft": {"messages": CHAT[:1], "answer": 3},
    "openai_dpo": {
        "input": {"messages": CHAT[:1], "tools": TOOLS},
        "preferred_output": [{"role": "assistant", "content": TELL}],
        "non_preferred_output": [{"role": "assistant", "content": WORSE}],
    },
    "bedrock_converse": {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": SYSTEM}],
        "messages": [
            {"role": "user", "content": [{"text": ASK}]},
            {"role": "assistant", "content": [{"text": TELL}]},
        ],
    },
    "bedrock_claude": {"system": SYSTEM, "messages": CHAT},
    "vertex_sft": {
        "systemInstruction": {"parts": [{"text": SYSTEM}]},
        "contents": [
            {"role": "user", "parts": [{"text": ASK}]},
            {"role": "model", "parts": [{"text": TELL}]},
        ],
    },
    "vertex_preference": {
        "contents": [{"role": "user", "parts": [{"text": ASK}]}],
        "completions": [
            {"score": 0.0, "completion": {"role": "model", "parts": [{"text": WORSE}]}},
            {"score": 1.0, "completion": {"role": "model", "parts": [{"text": TELL}]}},
        ],
    },
    "sharegpt": {
        "system": SYSTEM,
        "conversations": [{"from": "human", "value": ASK}, {"from": "gpt", "value": TELL}],
    },
    "sharegpt_preference": {
        "conversations": [{"from": "human", "value": ASK}],
        "chosen": {"from": "gpt", "value": TELL},
        "rejected": {"from": "gpt", "value": WORSE},
    },
    "sharegpt_kto": {
        "conversations": [{"from": "human", "value": ASK}, {"from": "gpt", "value": TELL}],
        "kto_tag": True,
    },
    "llama_factory": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "value": ASK}], "loss_weight": 0.0},
            {"role": "assistant", "content": [{"type": "text", "value": TELL}]},
        ]
    },
    "llama_factory_preference": {
        "chosen_messages": CHAT,
        "rejected_messages": [CHAT[0], {"role": "assistant", "content": WORSE}],
    },
    "kto": {"messages": CHAT, "label": False},
    "fireworks_preference": {
        "chosen": {"messages": CHAT},
        "rejected": {"messages": [CHAT[0], {"role": "assistant", "content": WORSE}]},
    },
    "alpaca": {"instruction": ASK, "input": "", "output": TELL, "history": [[WORSE, TELL]]},
    "alpaca_preference": {"instruction": ASK, "chosen": TELL, "rejected": WORSE},
    "trl_preference": {"prompt": ASK, "chosen": TELL, "rejected": WORSE},
    "trl_kto": {"prompt": ASK, "completion": TELL, "label": True},
    "trl_stepwise": {"prompt": ASK, "completions": [TELL, WORSE], "labels": [True, False]},
    "trl_prompt": {"prompt": CHAT[:1]},
    "prompt_completion": {"prompt": ASK, "completion": TELL},
    "text": {"text": TELL},
}


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Return a function that writes records as JSON lines."""

    def write(records: Sequence[Mapping[str, Any]], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), "utf-8")
        return path

    return write


def counted(path: Path, **how: Any) -> Tally:
    """Return the tally of a file in o200k_base."""
    return tally_part(sniff(str(path), **how), Job())


def n(*texts: str) -> int:
    """Return the tokens of texts."""
    return int(counter().counts(texts).sum())


def test_every_shape_is_tried_here() -> None:
    # a Mistral file is a chat like OpenAI's: only the user can say which it is
    assert set(RECORDS) == set(SHAPES) - {"mistral"}


@pytest.mark.parametrize("shape", RECORDS)
def test_a_format_is_told_from_its_records(written: Write, shape: str) -> None:
    path = written([RECORDS[shape]] * 3)
    found = counted(path)
    assert sniff(str(path)).shape == shape
    assert found.records == 3
    assert not found.problems


@pytest.mark.parametrize("shape", RECORDS)
def test_what_is_counted_by_role_adds_up_to_the_tokens(written: Write, shape: str) -> None:
    found = counted(written([RECORDS[shape]] * 3))
    assert sum(found.by_role().values()) == found.tokens > 0


@pytest.mark.parametrize(
    "shape", ["openai_chat", "bedrock_converse", "bedrock_claude", "vertex_sft", "sharegpt"]
)
def test_a_chat_costs_the_same_in_every_format(written: Write, shape: str) -> None:
    found = counted(written([RECORDS[shape]]))
    # 3 for each of 3 messages, one for each role, 3 for the answer
    assert found.tokens == n(SYSTEM, ASK, TELL) + 3 * 3 + 3 + 3
    assert found.metrics()["content_tokens_user"] == n(ASK)
    assert found.metrics()["content_tokens_assistant"] == n(TELL)


@pytest.mark.parametrize(
    "shape", ["openai_dpo", "vertex_preference", "sharegpt_preference", "trl_preference"]
)
def test_a_pair_holds_a_prompt_and_two_answers(written: Write, shape: str) -> None:
    found = counted(written([RECORDS[shape]])).metrics()
    assert found["pref_prompt_tokens"] == n(ASK)
    assert found["pref_chosen_tokens"] == n(TELL)
    assert found["pref_rejected_tokens"] == n(WORSE)
    assert found["pref_vertex_billable"] == 2 * n(ASK) + n(TELL) + n(WORSE)


def test_calls_of_tools_and_their_definitions_are_counted(written: Write) -> None:
    message = {"role": "assistant", "tool_calls": [CALL]}
    found = counted(written([{"messages": [CHAT[0], message], "tools": TOOLS}])).metrics()
    assert found["tool_call_tokens"] == n("price", '{"model": "mini"}')
    assert found["tools_json_tokens"] == n(json.dumps(TOOLS, separators=(",", ":")))


def test_names_and_thinking_are_counted(written: Write) -> None:
    told = {"role": "assistant", "content": TELL, "reasoning_content": WORSE, "name": "Ada"}
    found = counted(written([{"messages": [CHAT[0], told]}])).by_role()
    assert found["thinking"] == n(WORSE)
    assert found["names"] == n("Ada")


def test_a_record_of_another_format_is_counted_and_listed(written: Write) -> None:
    path = written([RECORDS["openai_chat"]] * 3 + [RECORDS["alpaca"]])
    found = counted(path)
    assert found.records == 4
    assert found.problems == [(4, "is alpaca in a file of openai_chat; counted")]
    with pytest.raises(DataError, match=r"data.jsonl line 4: is alpaca"):
        tally_part(sniff(str(path)), Job(strict=True))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": []}, "has no messages"),
        ({"messages": "hello"}, "messages are a list"),
        ({"messages": [{"content": "hello"}]}, "a message without role"),
        ({"messages": [{"role": "user", "content": 3}]}, "content of a message"),
        ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "unknown kind: x"),
        ({"messages": ["hello"]}, "a message is a table"),
        ({"prompt": "a", "chosen": "b"}, "no known format has the keys"),
        ({"question": "a", "answer": "b"}, "no known format has the keys answer, question"),
        ([1, 2], "is no record"),
        ({"text": None}, "text expected, got NoneType"),
    ],
)
def test_a_broken_record_is_listed_with_its_line(written: Write, record: Any, reason: str) -> None:
    found = counted(written([RECORDS["openai_chat"], record, RECORDS["openai_chat"]]))
    assert found.records == 2
    [(line, said)] = found.problems
    assert line == 2
    assert reason in said


def test_a_stated_format_is_used_for_every_record(written: Write) -> None:
    path = written([{"messages": CHAT}, {"text": TELL}])
    found = counted(path, shape=format_named("mistral"))
    assert found.shapes == {"mistral": 1}
    assert found.problems == [(2, "mistral needs messages")]


def test_words_for_formats_are_known() -> None:
    assert format_named("azure") == "openai_chat"
    assert format_named("Bedrock-Converse") == "bedrock_converse"
    with pytest.raises(DataError, match="alpaca"):
        format_named("alpacca")


def test_columns_are_renamed(written: Write) -> None:
    path = written([{"Frage": ASK, "Antwort": TELL}])
    found = counted(path, columns={"prompt": "Frage", "completion": "Antwort"})
    assert found.metrics()["pc_prompt_tokens"] == n(ASK)
    with pytest.raises(DataError, match="--columns"):
        sniff(str(path))
