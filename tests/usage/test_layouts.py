"""Each export becomes rows of the ledger by its own rules. All files here are invented."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costmodel import PriceBook
from costmodel.errors import DataError
from costmodel.usage import records
from costmodel.usage.layouts import LAYOUTS
from costmodel.usage.layouts.base import Layout
from costmodel.usage.ledger import PICO, Ledger
from costmodel.usage.matching import matched
from costmodel.usage.pricing import dollars, price, total
from costmodel.usage.reading import read

Write = Callable[[str, Any], Path]


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return PriceBook.read()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file: JSON of objects, or lines of text."""

    def one(name: str, content: Any) -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")
        return path

    return one


def table(header: str, *lines: str) -> str:
    return "\n".join([header, *lines]) + "\n"


def only(ledger: Ledger, layout: str) -> list[dict[str, Any]]:
    """Return the rows of a ledger of one file, which was recognised as a layout."""
    (export,) = ledger.exports
    assert export.layout == layout
    return [{str(key): x for key, x in row.items()} for row in ledger.frame.to_dict("records")]


TOKENS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")


def tokens(row: dict[str, Any]) -> tuple[int, ...]:
    """Return all input, cached, written for 5 minutes, for an hour, and output."""
    return (*(row[name] for name in TOKENS), row["output_tokens"])


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


def test_azure_counts_in_the_unit_of_measure(write: Write, book: PriceBook) -> None:
    header = (
        "\ufeffDate,MeterCategory,MeterSubCategory,MeterName,Quantity,UnitOfMeasure,Cost,"
        "BillingCurrency,ChargeType,ResourceGroup,Tags,PricingModel,ResourceId,AdditionalInfo"
    )
    names = "Foundry Models,Azure OpenAI,gpt-4.1-mini"
    ledger = read(
        write(
            "actual.csv",
            table(
                header,
                f'11/01/2026,{names} Inp glbl Tokens,1500,1K,0.6,USD,Usage,rg,"""team"": ""a""",,,',
                f"11/01/2026,{names} cached Inp glbl Tokens,0.4,1M,0.04,USD,Usage,rg,,,,secret",
                f"11/01/2026,{names} Outp Data Zone Tokens,2,1M,3.52,USD,Usage,rg,,,,",
                "11/13/2026,Virtual Machines,,B1s,24,1 Hour,2.64,USD,Usage,rg,,,,",
                "11/13/2026,Virtual Machines,,B1s,1,1,-3,USD,Refund,rg,,,,",
            ),
        )
    )
    fresh, cached, out, machine, refund = only(ledger, "azure cost (EA)")
    assert tokens(fresh) == (1_500_000, 0, 0, 0, 0)
    assert tokens(cached) == (400_000, 400_000, 0, 0, 0)
    assert tokens(out) == (0, 0, 0, 0, 2_000_000)
    assert (fresh["model"], fresh["team"], fresh["region"]) == ("gpt-4.1-mini", "a", "")
    assert out["region"] == "data-zone"
    assert (machine["provider"], machine["kind"]) == ("azure (other services)", "charge")
    assert (refund["kind"], refund["amount"]) == ("credit", -3 * PICO)
    assert ledger.exports[0].private == ("AdditionalInfo",)
    # each of the three equals its list price
    listed = price(ledger, book).frame
    assert list(listed["list_pico"][:3]) == list(listed["billed_pico"][:3])


def test_azure_names_the_file_of_amortised_cost(write: Write) -> None:
    header = "Date,MeterCategory,MeterName,Quantity,UnitOfMeasure,Cost,BillingCurrency,ChargeType"
    line = "11/13/2026,Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,0.4,USD,Usage"
    header += ",MeterSubCategory"
    (row,) = only(read(write("AmortizedCost_11.csv", table(header, line + ","))), "azure cost (EA)")
    assert row["money"] == "effective"


def test_azure_names_the_folder_of_amortised_cost(write: Write, tmp_path: Path) -> None:
    (tmp_path / "amortized-daily").mkdir()
    line = "11/13/2026,0.4,Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,Usage"
    text = table(f"Date,Cost,{AZURE}", line)
    (row,) = read(write("amortized-daily/part_0_0001.csv", text)).frame.to_dict("records")
    assert row["money"] == "effective"


CUR = (
    "line_item_usage_start_date,line_item_line_item_type,line_item_product_code,"
    "line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,"
    "line_item_currency_code,line_item_line_item_description,pricing_unit,product_region_code,"
    "product_servicename,identity_line_item_id,resource_tags"
)


def test_aws_reports_hold_bedrock_and_gpus(write: Write, book: PriceBook) -> None:
    day = "2026-11-01T05:00:00Z"
    claude = "Claude Haiku 4.5 (Amazon Bedrock Edition)"
    lines = [
        f"{day},Usage,abc,USE1-MP:USE1_InputTokenCount_Global-Units,2,2.0,USD,,1M tokens,"
        f'us-east-1,{claude},1,"{{""user_team"": ""ml""}}"',
        f"{day},Usage,AmazonBedrock,USE1-NovaLite-output-tokens,500,0.12,USD,,1K tokens,"
        "us-east-1,Amazon Bedrock,2,",
        f"{day},Usage,AmazonEC2,BoxUsage:p5.48xlarge,2,110.08,USD,,Hrs,us-east-1,EC2,3,",
        f"{day},Usage,AmazonS3,Requests-Tier1,5,0.01,USD,,Requests,us-east-1,S3,4,",
        f"{day},Tax,AmazonBedrock,,0,1.5,USD,,,us-east-1,,5,",
        f"{day},Credit,AmazonBedrock,,0,-2,USD,,,us-east-1,,6,",
    ]
    ledger = read(write("cur.csv", table(CUR, *lines)))
    rows = only(ledger, "aws cost and usage report 2.0")
    assert [row["provider"] for row in rows[:4]] == [
        "bedrock",
        "bedrock",
        "aws",
        "aws (other services)",
    ]
    assert (rows[0]["model"], rows[0]["input_tokens"], rows[0]["team"]) == (
        "claude-haiku-4-5",
        2_000_000,
        "ml",
    )
    assert (rows[1]["model"], rows[1]["output_tokens"]) == ("nova-lite", 500_000)
    assert (rows[2]["meter"], rows[2]["quantity"], rows[2]["mode"]) == (
        "instance_hour",
        2,
        "on_demand",
    )
    assert [row["kind"] for row in rows[3:]] == ["charge", "tax", "credit"]
    listed = price(ledger, book).frame["list_pico"]
    # $1 per million of Haiku 4.5, $0.24 of Nova Lite, and two hours of eight H100
    assert list(listed[:3]) == [2 * PICO, 120_000_000_000, 110_080_000_000_000]


def test_the_legacy_report_names_the_same_columns_otherwise(write: Write) -> None:
    header = (
        "identity/LineItemId,lineItem/UsageStartDate,lineItem/LineItemType,lineItem/ProductCode,"
        "lineItem/UsageType,lineItem/UsageAmount,lineItem/UnblendedCost,lineItem/CurrencyCode,"
        "lineItem/LineItemDescription,pricing/unit,savingsPlan/SavingsPlanEffectiveCost"
    )
    day = "2026-11-01T05:00:00Z"
    rows = only(
        read(
            write(
                "cur.csv",
                table(
                    header,
                    f"1,{day},SavingsPlanCoveredUsage,AmazonEC2,SpotUsage:p4d.24xlarge,1,20,USD,,Hrs,15",
                    f"2,{day},SavingsPlanNegation,AmazonEC2,,1,-20,USD,,,",
                ),
            )
        ),
        "aws cost and usage report",
    )
    billed = [(r["amount"] // PICO, r["kind"]) for r in rows if r["money"] == "billed"]
    effective = [r["amount"] // PICO for r in rows if r["money"] == "effective"]
    assert billed == [(20, "usage"), (-20, "correction")]
    assert effective == [15, 0]
    assert rows[0]["mode"] == "spot"


def test_google_names_model_and_token_in_the_sku(write: Write, book: PriceBook) -> None:
    def line(sku: str, amount: float, cost: float, **more: Any) -> str:
        record = {
            "service": {"description": "Vertex AI"},
            "sku": {"id": sku[:4], "description": sku},
            "usage_start_time": "2026-11-01 07:00:00 UTC",
            "project": {"id": "p-1"},
            "labels": [{"key": "team", "value": "search"}],
            "cost": cost,
            "currency": "USD",
            "usage": {"amount": amount, "unit": "count"},
            "credits": [],
            "cost_type": "regular",
        }
        return json.dumps(record | more)

    ledger = read(
        write(
            "export.jsonl",
            "\n".join(
                [
                    line("Gemini 2.5 Flash GA Text Input - Predictions", 1_000_000, 0.3),
                    line(
                        "Gemini 2.5 Flash GA Text Output - Predictions",
                        1e6,
                        2.5,
                        credits=[{"name": "promotion", "amount": -0.5}],
                    ),
                    line("Gemini 2.5 Flash GA Text Input Caching Storage", 10, 0.1),
                    line("Compute", 1, 4.0, service={"description": "Compute Engine"}),
                    line(
                        "Gemini 2.5 Flash GA Text Input - Predictions",
                        1e6,
                        0.27,
                        currency="EUR",
                        currency_conversion_rate=0.9,
                    ),
                ]
            ),
        )
    )
    rows = only(ledger, "google billing export")
    by_kind = {(row["row"], row["kind"]): row for row in rows}
    assert tokens(by_kind[1, "usage"]) == (1_000_000, 0, 0, 0, 0)
    assert (by_kind[1, "usage"]["team"], by_kind[1, "usage"]["project"]) == ("search", "p-1")
    assert by_kind[2, "credit"]["amount"] == -PICO // 2
    assert by_kind[3, "usage"]["meter"] == "Gemini 2.5 Flash GA Text Input Caching Storage"
    assert by_kind[4, "charge"]["provider"] == "google (other services)"
    # EUR 0.27 at 0.9 euros for a dollar, the rate of the invoice itself
    assert (by_kind[5, "usage"]["amount"], by_kind[5, "usage"]["currency"]) == (
        3 * PICO // 10,
        "USD",
    )
    listed = price(ledger, book).frame
    assert listed["list_pico"].sum() == 300_000_000_000 + 2_500_000_000_000 + 300_000_000_000


def test_a_credit_that_is_no_number_is_refused_with_its_line(write: Write) -> None:
    header = (
        "service_description,sku_description,usage_start_time,cost,currency,"
        "currency_conversion_rate,usage_amount,credits"
    )
    line = "Vertex AI,Gemini 2.5 Flash GA Text Input - Predictions,2026-11-01 07:00:00 UTC,{}"
    one = line.format('0.27,EUR,0.9,1000000,"[{""name"": ""x"", ""amount"": null}]"')
    (row,) = only(read(write("a.csv", table(header, one))), "google billing export (flat)")
    # 0.27 euros at 0.9 for a dollar
    assert (row["amount"], row["currency"]) == (3 * PICO // 10, "USD")
    two = line.format('0.27,EUR,0.9,1000000,"[{""amount"": ""much""}]"')
    with pytest.raises(DataError, match=r"^a.csv line 3: credits must be a number"):
        read(write("a.csv", table(header, one, two)))


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


FOCUS = (
    "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ChargeClass,"
    "ServiceName,ProviderName,PricingCurrency,PricingQuantity,PricingUnit,ConsumedQuantity,"
    "ConsumedUnit,SkuMeter,x_Model,Tags"
)


def test_focus_counts_tokens_by_their_unit(write: Write) -> None:
    day = "2026-11-01T00:00:00Z"
    rows = only(
        read(
            write(
                "focus.csv",
                table(
                    FOCUS,
                    f"4,4,USD,{day},Usage,,API,openai,USD,10,1000000 Tokens,1e7,Tokens,input,m,",
                    f"8,8,USD,{day},Usage,,API,openai,USD,5000,1000 Tokens,,,output tokens,m,",
                    f"1,1,USD,{day},Usage,,API,openai,USD,400,tokens,,,cached input,m,",
                    f"-1,-1,USD,{day},Usage,Correction,API,openai,USD,-9,Tokens,,,input,m,",
                ),
            )
        ),
        "focus",
    )
    billed = [row for row in rows if row["money"] == "billed"]
    assert [tokens(row) for row in billed] == [
        (10_000_000, 0, 0, 0, 0),
        (0, 0, 0, 0, 5_000_000),
        (400, 400, 0, 0, 0),
        (0, 0, 0, 0, 0),
    ]
    assert billed[3]["kind"] == "correction"
    assert sum(row["amount"] for row in billed) == 12 * PICO


def test_focus_counts_training_in_blocks_and_cached_tokens_beside_the_input(
    write: Write, book: PriceBook
) -> None:
    header = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,ProviderName,"
        "PricingQuantity,PricingUnit,ConsumedQuantity,ConsumedUnit,SkuMeter,x_Model,x_InputTokens,"
        "x_OutputTokens,x_CachedTokens"
    )
    day = "2026-11-01T00:00:00Z"
    ledger = read(
        write(
            "focus.csv",
            table(
                header,
                # five million at $5
                f"25,USD,{day},Usage,Tuning,OpenAI,5,1000000 Tokens,,,training tokens,"
                "gpt-4.1-mini,,,",
                f"1,USD,{day},Usage,API,OpenAI,,,1,Requests,,gpt-5-mini,100,7,900",
            ),
        )
    )
    training, request = only(ledger, "focus")
    assert (training["meter"], training["quantity"]) == ("train_mtok", 5.0)
    assert tokens(request) == (1000, 900, 0, 0, 7)
    groups = matched(price(ledger, book)).groups
    assert groups.set_index("model")["state"]["gpt-4.1-mini, train_mtok"] == "matched"


def test_focus_of_google_names_model_and_token_in_the_description(
    write: Write, book: PriceBook
) -> None:
    header = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,ProviderName,"
        "ConsumedQuantity,ConsumedUnit,ChargeDescription"
    )
    day, google = "2026-11-01T00:00:00Z", "Vertex AI,Google Cloud"
    ledger = read(
        write(
            "focus.csv",
            table(
                header,
                f"0.3,USD,{day},Usage,{google},1000000,count,"
                "Gemini 2.5 Flash GA Text Input - Predictions",
                f"0.1,USD,{day},Usage,{google},10,count,"
                "Gemini 2.5 Flash GA Text Input Caching Storage",
                f"4,USD,{day},Usage,Compute Engine,Google Cloud,10,seconds,N2 Instance Core",
            ),
        )
    )
    text, storage, machine = only(ledger, "focus")
    assert (text["provider"], text["model"]) == ("vertex", "gemini-2.5-flash")
    assert (text["input_tokens"], storage["input_tokens"]) == (1_000_000, 0)
    assert machine["provider"] == "google cloud (compute engine)"
    listed = price(ledger, book).frame
    assert listed["list_pico"][0] == listed["billed_pico"][0]


def test_focus_does_not_take_a_virtual_currency_for_tokens(write: Write, book: PriceBook) -> None:
    ledger = read(
        write(
            "focus.csv",
            table(
                FOCUS,
                "2000,0,USD,4/1/25,Purchase,,SaaS,ACME,USD,1000,Token,,,,,",
                "0,490,USD,4/1/25,Usage,,SaaS,ACME,Token,245,Token,245,Token,,,",
            ),
        )
    )
    assert ledger.frame["input_tokens"].sum() + ledger.frame["output_tokens"].sum() == 0
    assert list(ledger.frame["day"].astype(str).unique()) == ["2025-04-01"]
    # cash when it is bought, effective when it is used, never both
    assert dollars(total(price(ledger, book).frame["billed_pico"])) == 2000
    assert dollars(total(price(ledger, book, basis="effective").frame["billed_pico"])) == 490


def test_focus_of_null_words_and_requests_is_read(write: Write, book: PriceBook) -> None:
    line = (
        "0.00000080000,NULL,USD,2024-09-18 22:00:00,Usage,NULL,LLM,openai,NULL,420,Requests,420,"
        'Requests,NULL,NULL,"{""model"": ""gpt-4.1-mini"", ""team_id"": ""t""}"'
    )
    ledger = read(write("focus.csv", table(FOCUS, line)))
    row, _ = only(ledger, "focus")
    assert (row["amount"], row["requests"]) == (800_000, 420.0)
    assert (row["model"], row["team"], row["minute"]) == ("gpt-4.1-mini", "t", 22 * 60)
    (why,) = price(ledger, book).unpriced["why"]
    assert why == "the export counts requests and does not say their tokens"


@pytest.mark.parametrize("packed", [".gz", ".zst", ".parquet", ".jsonl", ".json", ".tsv"])
def test_the_same_rows_in_another_file_format_are_the_same_ledger(
    write: Write, tmp_path: Path, packed: str
) -> None:
    rows = pd.DataFrame(
        {
            "date": ["2026-10-01", "2026-10-02"],
            "provider": "openai",
            "model": ["gpt-5-mini", None],
            "input_tokens": [1000, 0],
            "output_tokens": [10, 0],
            "cost": [0.1, -2.5],
        }
    )
    text = rows.to_csv(index=False)
    path = tmp_path / f"own{packed}"
    if packed == ".gz":
        path = tmp_path / "own.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
    elif packed == ".zst":
        from backports import zstd

        path = tmp_path / "own.csv.zst"
        path.write_bytes(zstd.compress(text.encode()))
    elif packed == ".parquet":
        rows.to_parquet(path)
    elif packed == ".tsv":
        rows.to_csv(path, index=False, sep="\t")
    else:
        rows.to_json(path, orient="records", lines=packed == ".jsonl")
    plain = read(write("own.csv", text)).frame.drop(columns="file")
    found = read(path).frame.drop(columns="file")
    assert found.astype(object).equals(plain.astype(object))


def test_capitals_of_columns_do_not_matter(write: Write) -> None:
    text = "DATE,Provider,Model,Input_Tokens\n2026-10-01,openai,gpt-5-mini,5\n"
    (row,) = only(read(write("own.csv", text)), "costmodel")
    assert row["input_tokens"] == 5


def test_pages_with_nothing_are_read_as_nothing(write: Write) -> None:
    bucket = {"start_time": 1793491200, "end_time": 1793577600, "results": []}
    pages: list[Any] = [{"data": [bucket], "has_more": False}, {"data": []}, []]
    for page in pages:
        ledger = read(write("page.json", page))
        assert ledger.notes == ("page.json holds no record",)
        assert ledger.frame.empty


def test_the_last_page_ends_the_series(write: Write) -> None:
    def page(start: int, *, more: bool) -> dict[str, Any]:
        result = {"input_tokens": 1000, "output_tokens": 5, "num_model_requests": 1}
        return {"data": [{"start_time": start, "results": [result]}], "has_more": more}

    pages = [page(1793491200, more=True), page(1793577600, more=False)]
    assert read(write("pages.json", pages)).notes == ()
    first, second = write("1.json", pages[0]), write("2.json", pages[1])
    assert read(first, second).notes == ()
    missing = "1.json is one page of several; the pages after it are missing"
    assert read(first).notes == (missing,)
    # what goes before does not end it
    assert read(write("0.json", page(1793404800, more=False)), first).notes == (missing,)
    observations = {
        "data": [{"startTime": "2026-11-01T10:00:00Z", "usageDetails": {"input": 1}, "model": "m"}],
        "meta": {"page": 1, "limit": 50, "totalItems": 51, "totalPages": 2},
    }
    assert "one page of several" in read(write("l.json", observations)).notes[0]


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


def test_more_tokens_than_can_be_counted_are_refused(write: Write) -> None:
    meter = "Foundry Models,gpt-4.1-mini Inp glbl Tokens,1e30,1M,Usage"
    path = write("a.csv", table(f"Date,Cost,{AZURE}", f"11/13/2026,5,{meter}"))
    with pytest.raises(DataError, match=r"^a.csv line 2: Quantity must be >= 0 and no more"):
        read(path)


AZURE = "MeterCategory,MeterName,Quantity,UnitOfMeasure,ChargeType"


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "date,costInBillingCurrency,billingCurrency,resourceGroupName,costInUsd",
            "11/13/2026,5,EUR,rg,0.4",
        ),
        (
            "Date,CostInBillingCurrency,BillingCurrencyCode,ResourceGroup,CostInUSD",
            "2026-11-13,5,EUR,rg,0.4",
        ),
        ("Date,Cost,BillingCurrencyCode,ResourceGroup,CostInUsd", "11/13/2026,5,EUR,rg,0.4"),
    ],
)
def test_azure_states_dollars_beside_another_currency(
    write: Write, book: PriceBook, header: str, line: str
) -> None:
    meter = "Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,Usage"
    ledger = read(write("cost.csv", table(f"{header},{AZURE}", f"{line},{meter}")))
    (row,) = price(ledger, book).frame.to_dict("records")
    assert (row["amount"], row["currency"], row["project"]) == (4 * PICO // 10, "USD", "rg")
    assert row["list_pico"] == row["billed_pico"]


def test_azure_without_dollars_keeps_its_currency(write: Write) -> None:
    header = f"Date,CostInBillingCurrency,BillingCurrencyCode,{AZURE}"
    line = "2026-11-13,5,EUR,Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,Usage"
    (row,) = read(write("cost.csv", table(header, line))).frame.to_dict("records")
    assert (row["amount"], row["currency"]) == (5 * PICO, "EUR")


def test_azure_bills_tuning_by_tokens_and_hours(write: Write, book: PriceBook) -> None:
    header = f"Date,Cost,BillingCurrency,{AZURE}"
    ledger = read(
        write(
            "cost.csv",
            table(
                header,
                # 10,000 tokens at $5.50 per million, 2 hours at $110, 24 at $1.70
                "11/13/2026,0.055,USD,Foundry Models,gpt-4.1-mini FT Training regional Tokens,"
                "10,1K,Usage",
                "11/13/2026,220,USD,Foundry Models,o4-mini RFT Training regional Unit,2,1 Hour,"
                "Usage",
                "11/13/2026,40.8,USD,Foundry Models,gpt-4.1-mini-ft hosting regional Unit,24,"
                "1/Hour,Usage",
            ),
        )
    )
    rows = only(ledger, "azure cost (EA)")
    assert [(row["meter"], row["quantity"]) for row in rows] == [
        ("train_mtok", 0.01),
        ("train_hour", 2.0),
        ("hosting_hour", 24.0),
    ]
    groups = matched(price(ledger, book)).groups
    assert list(groups["state"]) == ["matched"] * 3


def test_the_marketplace_of_aws_says_in_words_that_it_counts_millions(
    write: Write, book: PriceBook
) -> None:
    header = (
        "line_item_usage_start_date,line_item_line_item_type,line_item_product_code,"
        "line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,"
        "line_item_line_item_description,pricing_unit,product"
    )
    said = "AWS Marketplace software usage|us-east-1|Million Input Tokens"
    # version 2.0 keeps the name of the product in a map
    haiku = '"{""product_name"":""Claude Haiku 4.5 (Amazon Bedrock Edition)""}"'
    opus = '"{""product_name"":""Claude Opus 4.6 (Amazon Bedrock Edition)""}"'
    day = "2026-11-01T05:00:00.000Z"
    ledger = read(
        write(
            "cur.csv",
            table(
                header,
                f"{day},Usage,abc,USE1-MP:USE1_InputTokenCount-Units,2,2.2,{said} Regional,Units,"
                f"{haiku}",
                f"{day},Usage,abc,USE1-MP:USE1_InputTokenCount_Global-Units,3,15,{said} Global,"
                f"Units,{opus}",
                f"{day},Usage,AmazonBedrock,USE1-x-reserved-input-tpm,24,9,Per Hour,Units,",
            ),
        )
    )
    regional, worldwide, reserved = only(ledger, "aws cost and usage report 2.0")
    assert (regional["model"], regional["input_tokens"]) == ("us.claude-haiku-4-5", 2_000_000)
    assert (worldwide["model"], worldwide["input_tokens"]) == ("claude-opus-4-6", 3_000_000)
    assert reserved["input_tokens"] == 0
    # $1.10 and $5 per million: the profile of all regions is not that of one
    listed = price(ledger, book).frame["list_pico"]
    assert list(listed[:2]) == [22 * PICO // 10, 15 * PICO]


def test_a_map_in_parquet_is_read_as_one_in_a_table(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    words = pa.map_(pa.string(), pa.string())
    columns = {
        "line_item_usage_start_date": pa.array([0], pa.timestamp("ms")),
        "line_item_line_item_type": ["Usage"],
        "line_item_product_code": ["AmazonBedrock"],
        "line_item_usage_type": ["USE1-NovaLite-input-tokens-batch"],
        "line_item_usage_amount": [5.0],
        "line_item_unblended_cost": [1.0],
        "pricing_unit": ["1K tokens"],
        "product": pa.array([[("model", "Nova Lite")]], words),
        "resource_tags": pa.array([[("user_team", "ml")]], words),
    }
    pq.write_table(pa.table(columns), tmp_path / "cur.parquet")
    (row,) = only(read(tmp_path / "cur.parquet"), "aws cost and usage report 2.0")
    assert (row["model"], row["team"], row["mode"]) == ("nova-lite", "ml", "batch")
    assert row["input_tokens"] == 5_000


def test_lists_of_one_in_parquet_are_cells(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    amount = pa.struct([("amount", pa.decimal128(20, 9))])
    columns = {
        "usage_start_time": pa.array([0], pa.timestamp("us", tz="UTC")),
        "service": [{"description": "Vertex AI"}],
        "sku": [{"description": "Gemini 2.5 Flash GA Text Input - Predictions"}],
        "usage": [{"amount": 1e6}],
        "cost": [0.3],
        "credits": pa.array([[{"amount": Decimal("-0.1")}]], pa.list_(amount)),
        "labels": [[{"key": "team", "value": "search"}]],
    }
    pq.write_table(pa.table(columns), tmp_path / "gcp.parquet")
    use, credit = only(read(tmp_path / "gcp.parquet"), "google billing export")
    assert (use["input_tokens"], use["team"]) == (1_000_000, "search")
    assert (credit["kind"], credit["amount"]) == ("credit", -PICO // 10)


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


def test_focus_of_azure_counts_tokens_in_units(write: Write, book: PriceBook) -> None:
    header = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,"
        "ServiceSubcategory,ProviderName,PricingQuantity,PricingUnit,x_PricingBlockSize,"
        "x_SkuMeterName,SkuMeter"
    )
    day, azure = "2026-11-01T00:00:00Z", "Azure OpenAI,Generative AI,Microsoft"
    ledger = read(
        write(
            "focus.csv",
            table(
                header,
                f"0.66,USD,{day},Usage,{azure},1500,Units,1000,gpt-4.1-mini Inp Data Zone Tokens,",
                f"40.8,USD,{day},Usage,{azure},24,Hours,1,gpt-4.1-mini-ft hosting regional Unit,",
                f"2.64,USD,{day},Usage,Virtual Machines,Compute,Microsoft,24,Hours,1,B1s,",
                f"0.12,USD,{day},Usage,Amazon Bedrock,Generative AI,AWS,500,1K tokens,,,"
                "USE1-NovaLite-output-tokens",
            ),
        )
    )
    zone, hosting, machine, nova = only(ledger, "focus")
    assert (zone["model"], zone["region"]) == ("gpt-4.1-mini", "data-zone")
    assert zone["input_tokens"] == 1_500_000
    assert (hosting["meter"], hosting["quantity"]) == ("hosting_hour", 24.0)
    assert (machine["model"], machine["provider"]) == ("", "azure (virtual machines)")
    assert (nova["model"], nova["output_tokens"]) == ("nova-lite", 500_000)
    found = matched(price(ledger, book))
    assert set(found.groups["state"]) == {"matched"}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_columns_that_tell_a_layout_are_enough_to_read_it(
    write: Write, book: PriceBook, layout: Layout
) -> None:
    columns = sorted(layout.needs)
    days = {name for name in columns if re.search(r"date|start|created_at|_at$", name.lower())}
    days -= {name for name in columns if re.search(r"cost|amount", name.lower())}
    cells = ["2026-11-13" if name in days else "" for name in columns]
    ledger = read(write("export.csv", table(",".join(columns), ",".join(cells))))
    (export,) = ledger.exports
    assert (export.layout, export.records) == (layout.name, 1)
    price(ledger, book)


def test_a_key_that_records_of_json_leave_out_is_blank(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "OBJECTS", 1)
    lines = ['{"date": "2026-10-01", "provider": "openai", "model": "gpt-5-mini"}']
    lines.append('{"date": "2026-10-02", "provider": "openai", "cost": 1}')
    frame = read(write("own.jsonl", "\n".join(lines))).frame
    assert list(frame["model"]) == ["gpt-5-mini", ""]


def test_columns_without_a_name_and_columns_of_two_cases(write: Write) -> None:
    text = "Date,date,provider,model,input_tokens,,\n2025-01-01,2026-10-01,openai,m,5,,x\n"
    (row,) = only(read(write("own.csv", text)), "costmodel")
    assert (str(row["day"].date()), row["input_tokens"]) == ("2026-10-01", 5)
