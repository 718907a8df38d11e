"""Cost and usage reports of AWS become rows of the ledger by their own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import PriceBook
from costmodel.usage.ledger import PICO
from costmodel.usage.pricing import price
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table

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
