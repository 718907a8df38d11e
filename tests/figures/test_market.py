"""Prices over time, and rents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import prices
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
        "gemini-3.8-flash at google: output rises from $3.75 to $7.50 per Mtok on 2027-01-01"
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
    assert f"{frame['provider'].iloc[0]} is cheapest" in figure.layout.title.text.replace(
        "<br>", " "
    )
    assert figure.layout.yaxis.ticktext[0] == frame["provider"].iloc[0]


def test_an_empty_table_says_so(shipped: cm.PriceBook) -> None:
    frame = prices.rents(shipped, "H100", TODAY).iloc[:0]
    assert "Nobody" in market.rents(frame, TODAY).layout.title.text
