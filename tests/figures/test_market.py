"""Prices over time, and rents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import prices
from costmodel.analysis.wording import provider_words
from costmodel.figures import market

TODAY = date(2026, 11, 21)


def test_a_price_that_doubles_is_the_finding(
    shipped: cm.PriceBook, sound: Callable[..., str], ends_apart: Callable[[Any, float], None]
) -> None:
    figure = market.price_history(
        prices.price_history(shipped, "google", "gemini-3.8-flash"), TODAY
    )
    text = sound(figure, cites="inference/google.csv row 146")
    ends_apart(figure, market.HISTORY_PX)
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == (
        "gemini-3.8-flash at Google: output rises from $3.75 to $7.50 per Mtok on 2027-01-01"
    )
    assert "start unknown" in text


def test_every_model_has_a_history_that_can_be_drawn(
    shipped: cm.PriceBook, sound: Callable[..., str]
) -> None:
    models = {
        (row.key.provider, row.key.sku)
        for row in shipped.rows
        if row.key.table == "inference" and row.effective_from and row.key.mode == "standard"
    }
    for provider, model in sorted(models)[:12]:
        frame = prices.price_history(shipped, provider, model)
        figure = market.price_history(frame, TODAY)
        if len(frame):
            sound(figure, cites=" row ")


def test_rents_are_sorted_and_cited(shipped: cm.PriceBook, sound: Callable[..., str]) -> None:
    frame = prices.rents(shipped, "H100", TODAY)
    figure = market.rents(frame, TODAY)
    sound(figure, cites="gpu_rental.csv row ")
    assert (
        f"{provider_words(frame['provider'].iloc[0])} is cheapest"
        in figure.layout.title.text.replace("<br>", " ")
    )
    assert figure.layout.yaxis.ticktext[0] == provider_words(frame["provider"].iloc[0])


def test_an_empty_table_says_so(shipped: cm.PriceBook) -> None:
    frame = prices.rents(shipped, "H100", TODAY).iloc[:0]
    assert "Nobody" in market.rents(frame, TODAY).layout.title.text


def record(model: str, usd: float, released: str | None, provider: str = "x") -> dict[str, Any]:
    """A model on sale, as `request_costs` returns it."""
    price = {"input_usd_per_mtok": usd, "output_usd_per_mtok": usd}
    row = {"file": "inference/x.csv", "row": 2, "verified_on": "2026-11-20"}
    return {"provider": provider, "model": model, "usd": usd, "released": released, **price, **row}


def test_models_without_a_newer_and_cheaper_rival_are_filled_and_named(
    sound: Callable[..., str],
) -> None:
    figure = market.newest_for_the_money(
        [
            record("cheap", 0.001, "2026-01-01"),
            record("beaten", 0.002, "2025-06-01"),
            record("new", 0.003, "2026-06-01"),
            record("undated", 0.001, None),
        ],
        "all",
    )
    text = sound(figure, cites="inference/x.csv row 2")
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == (
        "2 of 3 models have no newer and cheaper rival: from cheap at $1.00 to new at $3.00 per "
        "1,000 requests"
    )
    assert "1 without a day of release left out" in text.replace("<br>", " ")
    filled = [t for t in figure.data if t.mode == "markers" and "circle" in t.marker.symbol]
    assert [list(trace.x) for trace in filled] == [[1.0, 3.0]]


def test_a_bill_of_training_is_drawn_once_for_each_provider(sound: Callable[..., str]) -> None:
    row = {"file": "finetuning.csv", "row": 2, "verified_on": "2026-11-20", "counted": "exact"}
    job = {"sku": "m:sft", "trained_tokens": 1e6, "epochs": 3.0} | row
    offers = [("a", 2.0), ("a", 9.0), ("b", 3.0)]
    figure = market.training_bills(
        [{"provider": p, "train_usd": usd} | job for p, usd in offers], "f"
    )
    sound(figure, cites="finetuning.csv row 2")
    assert list(figure.data[0].x) == [2.0, 3.0]
    assert market.training_bills([], "f").layout.title.text.startswith("No provider takes f")


def test_old_rows_are_counted_by_table(sound: Callable[..., str]) -> None:
    rows = [{"file": "a.csv", "verified_on": "2026-01-01"}] * 3
    rows += [{"file": "b.csv", "verified_on": "2026-02-01"}]
    figure = market.ages(rows, {"a.csv": 10, "b.csv": 5, "c.csv": 85}, 90)
    sound(figure, cites="2026-01-01")
    assert figure.layout.title.text == "4 of 100 rows were not seen at their source for 90 days"
    assert list(figure.data[0].x) == [3, 1]
    assert "Every row was seen" in market.ages([], {"a.csv": 10}, 90).layout.title.text
