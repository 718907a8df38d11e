"""Google's billing export becomes rows of the ledger by its own rules."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costmodel import PriceBook
from costmodel.errors import DataError
from costmodel.usage.ledger import PICO
from costmodel.usage.pricing import price
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table, tokens


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
