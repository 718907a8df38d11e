"""Logs of gateways and tools that watch calls become rows of the ledger by their own rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from costmodel import PriceBook
from costmodel.usage.ledger import PICO
from costmodel.usage.pricing import price, total
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table, tokens


def test_openrouter_counts_reasoning_inside_the_answer(write: Write) -> None:
    activity = {
        "date": "2026-11-01 00:00:00",
        "model": "openai/gpt-4.1",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "provider_name": "OpenAI",
        "usage": 0.015,
        "requests": 5,
        "prompt_tokens": 2500,
        "cached_tokens": 1000,
        "completion_tokens": 625,
        "reasoning_tokens": 400,
    }
    (row,) = only(read(write("a.json", {"data": [activity]})), "openrouter activity")
    assert tokens(row) == (2500, 1000, 0, 0, 625)
    assert (row["provider"], row["model"], row["requests"]) == ("openai", "gpt-4.1-2025-04-14", 5)
    assert (row["money"], row["amount"], row["minute"]) == ("billed", 15_000_000_000, -1)
    header = (
        "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_reasoning,"
        "tokens_cached,model_permaslug,provider_name"
    )
    line = "g1,2026-02-06 18:54:30.040,0.015,2500,625,400,1000,anthropic/claude-4,Amazon Bedrock"
    (one,) = only(read(write("g.csv", table(header, line))), "openrouter generations")
    assert tokens(one) == (2500, 1000, 0, 0, 625)
    assert (one["provider"], one["minute"]) == ("bedrock", 18 * 60 + 54)


def test_litellm_money_is_computed_and_no_bill(write: Write, book: PriceBook) -> None:
    log = {
        "request_id": "r1",
        "spend": 0.0001,
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "startTime": "2026-11-01T10:00:00Z",
        "model": "openai/gpt-5-mini",
        "custom_llm_provider": "openai",
        "team_id": "t",
        "request_tags": ["a"],
        "messages": [{"role": "user", "content": "a secret"}],
        "metadata": json.dumps({"usage_object": {"cache_read_input_tokens": 800}}),
    }
    ledger = read(write("logs.jsonl", json.dumps(log) + "\n"))
    (row,) = only(ledger, "litellm spend logs")
    assert tokens(row) == (1000, 800, 0, 0, 10)
    assert (row["money"], row["team"], row["tags"]) == ("computed", "t", '{"a": ""}')
    assert "messages" in ledger.exports[0].private
    assert "secret" not in ledger.frame.to_csv()
    assert "not a bill" in price(ledger, book).notes[0]


def test_a_computed_cost_gives_way_to_the_bill(write: Write, book: PriceBook) -> None:
    log = write(
        "daily.csv",
        table(
            "date,model,custom_llm_provider,spend,api_requests,prompt_tokens,completion_tokens",
            "2026-11-01,gpt-5-mini,openai,0.9,1,1000,10",
        ),
    )
    bill = write("costs.csv", table("start_time,amount_value", "1793491200,0.5"))
    priced = price(read(log, bill), book)
    assert total(priced.frame["billed_pico"]) == PICO // 2
    assert "left out for openai, whose bill is here" in priced.notes[1]


def test_langfuse_adds_kinds_of_tokens_none_of_which_is_inside_another(write: Write) -> None:
    details = {
        "input": 100,
        "input_cached_tokens": 300,
        "cache_creation_input_tokens": 50,
        "output": 20,
        "output_reasoning_tokens": 5,
        "total": 475,
    }
    header = "id,project_id,start_time,input,output,provided_model_name,usage_details,total_cost"
    cell = json.dumps(details).replace('"', '""')
    line = f'o1,p,2026-11-01T10:00:00Z,private,private,claude-haiku-4-5,"{cell}",0.1'
    ledger = read(write("observations.csv", table(header, line)))
    (row,) = only(ledger, "langfuse")
    assert tokens(row) == (450, 300, 50, 0, 25)
    assert row["provider"] == "anthropic"
    assert ledger.exports[0].private == ("input", "output")


@pytest.mark.parametrize(("total_tokens", "whole"), [(1510, 1500), (1010, 1000)])
def test_helicone_says_by_its_total_whether_cached_tokens_are_inside(
    write: Write, total_tokens: int, whole: int
) -> None:
    record = {
        "request_id": "h1",
        "request_created_at": "2026-11-01T10:00:00Z",
        "provider": "ANTHROPIC",
        "request_model": "claude-haiku-4-5",
        "prompt_tokens": 1000,
        "prompt_cache_read_tokens": 500,
        "completion_tokens": 10,
        "total_tokens": total_tokens,
        "request_body": {"messages": []},
    }
    ledger = read(write("h.jsonl", json.dumps(record)))
    (row,) = only(ledger, "helicone")
    assert tokens(row) == (whole, 500, 0, 0, 10)
    assert ledger.exports[0].private == ("request_body",)


LITELLM: dict[str, Any] = {
    "request_id": "r1",
    "spend": 0.0001,
    "prompt_tokens": 1000,
    "completion_tokens": 10,
    "startTime": "2026-11-01 10:00:00.123+00",
    "model": "gpt-5-mini",
    "custom_llm_provider": "openai",
}


def test_litellm_states_cached_tokens_in_an_object(write: Write) -> None:
    log = LITELLM | {"metadata": {"usage_object": {"cache_read_input_tokens": 800}}}
    (row,) = only(read(write("logs.json", [log])), "litellm spend logs")
    assert tokens(row) == (1000, 800, 0, 0, 10)


def test_an_answer_from_the_cache_of_the_gateway_uses_no_tokens(write: Write) -> None:
    log = LITELLM | {"cache_hit": "True", "spend": 0}
    (row,) = only(read(write("logs.json", [log])), "litellm spend logs")
    assert (row["requests"], *tokens(row)) == (1, 0, 0, 0, 0, 0)


def test_a_blank_provider_is_told_from_the_model(write: Write) -> None:
    name = "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0"
    log = LITELLM | {"model": name, "custom_llm_provider": ""}
    (row,) = read(write("logs.json", [log])).frame.to_dict("records")
    assert row["provider"] == "bedrock"


def test_the_tool_of_helicone_writes_a_table_of_its_own(write: Write) -> None:
    header = (
        "response_id,response_created_at,response_status,request_created_at,request_body,"
        "request_properties,request_user_id,model,prompt_tokens,completion_tokens,latency,cost"
    )
    line = '"a","2026-11-01T10:00:01Z","200","2026-11-01T10:00:00Z","s","{}","u","gpt-5-mini",'
    ledger = read(write("output.csv", table(header, line + '"1000","10","500","0.0003"')))
    (row,) = only(ledger, "helicone")
    assert (row["provider"], row["model"], row["user"]) == ("openai", "gpt-5-mini", "u")
    assert tokens(row) == (1000, 0, 0, 0, 10)
    assert ledger.exports[0].private == ("request_body", "request_properties")


def test_steps_of_a_trace_that_ask_no_model_are_no_requests(write: Write) -> None:
    step: dict[str, Any] = {
        "id": "1",
        "start_time": "2026-11-01T10:00:00Z",
        "type": "SPAN",
        "usage_details": {},
    }
    step |= {"provided_model_name": None, "total_cost": None}
    call = step | {"id": "2", "provided_model_name": "gpt-5-mini", "usage_details": {"input": 5}}
    (row,) = read(write("o.json", [step, call])).frame.to_dict("records")
    assert (row["input_tokens"], row["requests"], row["row"]) == (5, 1, 2)
