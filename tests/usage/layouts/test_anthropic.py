"""Reports and tables of Anthropic become rows of the ledger by their own rules."""

from __future__ import annotations

import pytest

from costmodel import PriceBook
from costmodel.usage.matching import matched
from costmodel.usage.pricing import dollars, price, total
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table, tokens


def test_anthropic_money_of_the_api_is_text_in_cents(write: Write) -> None:
    results = [
        {
            "amount": "123.45",
            "currency": "USD",
            "cost_type": "tokens",
            "token_type": "output_tokens",
            "model": "claude-haiku-4-5",
            "service_tier": "batch",
        },
        {"amount": "10", "currency": "USD", "cost_type": "web_search", "model": None},
    ]
    bucket = {"starting_at": "2026-11-01T00:00:00Z", "ending_at": "2026-11-02T00:00:00Z"}
    first, second = only(
        read(write("cost.json", {"data": [bucket | {"results": results}]})), "anthropic cost"
    )
    assert first["amount"] == 1_234_500_000_000
    assert (first["model"], first["mode"]) == ("claude-haiku-4-5", "batch")
    assert (second["amount"], second["model"]) == (100_000_000_000, "")


def test_anthropic_input_stands_without_what_was_cached(write: Write) -> None:
    result = {
        "uncached_input_tokens": 1500,
        "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
        "cache_read_input_tokens": 200,
        "output_tokens": 500,
        "server_tool_use": {"web_search_requests": 10},
        "model": "claude-sonnet-4-5",
        "service_tier": "standard",
        "context_window": "200k-1M",
        "workspace_id": "w1",
    }
    bucket = {"starting_at": "2026-11-01T00:00:00Z", "ending_at": "2026-11-02T00:00:00Z"}
    first, second = only(
        read(write("usage.json", {"data": [bucket | {"results": [result]}]})), "anthropic usage"
    )
    assert tokens(first) == (3200, 200, 500, 1000, 500)
    assert (first["request_tokens"], first["project"]) == (200_001, "w1")
    assert (second["meter"], second["quantity"], second["row"]) == ("web_search", 10.0, 1)


def test_the_console_of_anthropic_exports_tables(write: Write, book: PriceBook) -> None:
    header = (
        "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
        "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
        "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
        "web_search_count,inference_geo,speed"
    )
    line = "2026-07-31,claude-opus-5,key,Default,standard,≤ 200k,109911,2528,0,0,34988,0,global,"
    ledger = read(write("tokens.csv", table(header, line)))
    (row,) = only(ledger, "anthropic usage (console)")
    assert tokens(row) == (112_439, 0, 2528, 0, 34_988)
    # by hand: 109,911 at $5, 2,528 written at $6.25, 34,988 out at $25 per million
    assert dollars(total(price(ledger, book).frame["list_pico"])) == pytest.approx(1.440055)


def test_costs_of_the_console_of_anthropic_have_names_for_people(
    write: Write, book: PriceBook
) -> None:
    costs = write(
        "cost.csv",
        table(
            "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,"
            "list_price_usd,cost_type,inference_geo,speed",
            "2026-11-01,Claude Haiku 4.5,Default,k,message,≤ 200k,input_no_cache,2.00,2.00,token,,",
        ),
    )
    usage = write(
        "tokens.csv",
        table(
            "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
            "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
            "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
            "web_search_count,inference_geo,speed",
            "2026-11-01,claude-haiku-4-5-20251001,k,Default,message,≤ 200k,2000000,0,0,0,0,3,,",
        ),
    )
    # two million tokens at $1; the searches have no price, and do not hide that
    groups = matched(price(read(costs, usage), book)).groups
    states = dict(zip(groups["model"], groups["state"], strict=True))
    assert states == {"claude-haiku-4-5": "matched", "": "unpriced"}
