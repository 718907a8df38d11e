"""Exports and API pages of OpenAI become rows of the ledger by their own rules."""

from __future__ import annotations

from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table, tokens


def test_openai_costs_of_the_api_come_by_line_item(write: Write) -> None:
    bucket = {
        "object": "bucket",
        "start_time": 1793491200,
        "end_time": 1793577600,
        "results": [
            {
                "amount": {"value": "1.25", "currency": "usd"},
                "line_item": "gpt-5-mini-2025-08-07, input",
                "project_id": "proj-a",
            },
            {"amount": {"value": 0.5, "currency": "usd"}, "line_item": "web search tool calls"},
        ],
    }
    page = {"object": "page", "data": [bucket], "has_more": True, "next_page": "p"}
    ledger = read(write("costs.json", page))
    first, second = only(ledger, "openai costs (api)")
    assert (first["model"], first["project"]) == ("gpt-5-mini-2025-08-07", "proj-a")
    assert (first["kind"], first["meter"], first["currency"]) == ("charge", "money", "USD")
    assert (first["amount"], second["amount"]) == (1_250_000_000_000, 500_000_000_000)
    assert str(first["day"].date()) == "2026-11-01"
    assert second["model"] == ""
    assert ledger.notes == ("costs.json is one page of several; the pages after it are missing",)


def test_openai_counts_cached_tokens_inside_the_input(write: Write) -> None:
    result = {
        "input_tokens": 1000,
        "input_cached_tokens": 400,
        "input_cache_write_tokens": 100,
        "input_uncached_tokens": 500,
        "output_tokens": 500,
        "num_model_requests": 5,
        "model": "gpt-5-mini",
        "batch": True,
        "service_tier": "default",
    }
    bucket = {"start_time": 1793491200, "end_time": 1793577600, "results": [result]}
    (row,) = only(read(write("usage.json", {"data": [bucket]})), "openai usage")
    assert tokens(row) == (1000, 400, 100, 0, 500)
    assert (row["mode"], row["requests"], row["request_tokens"]) == ("batch", 5.0, 200)


def test_what_is_priced_as_something_else_is_said(write: Write) -> None:
    header = "start_time,model,num_model_requests,input_tokens,input_audio_tokens"
    (note,) = read(
        write("usage.csv", table(header, "1793491200,gpt-4o-audio-preview,1,100,60"))
    ).notes
    assert note == "usage.csv: tokens of audio and images stand at the price of text"
    assert read(write("usage.csv", table(header, "1793491200,gpt-4o,1,100,0"))).notes == ()
    header = "date,model_permaslug,usage,prompt_tokens,provider_name,byok_usage_inference"
    line = "2026-11-01,openai/gpt-4.1,0.01,5,OpenAI,{}"
    (note,) = read(write("a.csv", table(header, line.format(0.2)))).notes
    assert "keys of your own" in note
    assert read(write("a.csv", table(header, line.format(0)))).notes == ()


def test_openai_images_are_no_tokens(write: Write) -> None:
    header = "start_time,end_time,images,num_model_requests,model"
    (row,) = only(
        read(write("images.csv", table(header, "1793491200,1793577600,3,2,gpt-image-1"))),
        "openai usage (image)",
    )
    assert (row["meter"], row["quantity"], row["input_tokens"]) == ("image", 3.0, 0)
