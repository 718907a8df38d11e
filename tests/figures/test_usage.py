"""A usage log as pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import savings as analysis
from costmodel.figures.usage import savings, spent_by_day
from costmodel.usage.pricing import price
from costmodel.usage.reading import read

LOG = Path(__file__).parents[2] / "notebooks" / "data" / "usage_log.csv"


@pytest.fixture(scope="module")
def found(shipped: cm.PriceBook) -> dict[str, Any]:
    return analysis.savings(price(read(LOG), shipped)).as_dict()


def days(count: int) -> pd.DataFrame:
    at = pd.date_range("2026-08-01", periods=count)
    return pd.concat(
        [
            pd.DataFrame({"day": at, "model": "a", "usd": 3.0}),
            pd.DataFrame({"day": at, "model": "b", "usd": 1.0}),
        ]
    )


def test_savings_name_the_cheapest_way_first(
    found: dict[str, Any], sound: Callable[..., str]
) -> None:
    figure = savings(found, price_rows={"openai/gpt-6-luna": "<br><i>openai.csv row 9</i>"})
    sound(figure, cites="openai.csv row 9")
    title = figure.layout.title.text.replace("<br>", " ")
    assert title.startswith("$8.8k could have been $257: openai/gpt-6-luna; $3.76k on the same")
    *ways, log = figure.data
    assert [bar.x[0] for bar in ways] == [pytest.approx(row["usd"]) for row in found["savings"]]
    assert log.x[0] == pytest.approx(found["list_usd"])
    assert "equal quality" in figure.layout.title.subtitle.text.replace("<br>", " ")


def test_what_costs_more_is_said_to(found: dict[str, Any]) -> None:
    row = found["savings"][0] | {"usd": 20_000.0, "saved_usd": -11_000.0}
    figure = savings(found | {"savings": [row]})
    assert "Nothing of this would have been cheaper" in figure.layout.title.text
    assert any("more)" in note.text for note in figure.layout.annotations)


def test_days_are_stacked_by_model(sound: Callable[..., str]) -> None:
    figure = spent_by_day(days(10))
    sound(figure)
    first, second = figure.data
    assert (sum(first.y), sum(second.y)) == (30.0, 10.0)
    assert figure.layout.title.text == "$40.00 in 10 days, $4.00 a day; 75% of it on a"


def test_a_long_log_is_shown_by_weeks() -> None:
    figure = spent_by_day(days(210))
    assert len(figure.data[0].x) == 30
    assert set(figure.data[0].y) == {21.0}
    assert "each week" in figure.layout.title.subtitle.text
