"""A plan beside what was spent, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis.actuals import Actuals, actuals
from costmodel.analysis.uncertainty import chance_of
from costmodel.figures.actuals import MONTHS_PX, spending, variance
from costmodel.usage.pricing import price
from costmodel.usage.reading import read

DATA = Path(__file__).parents[2] / "notebooks" / "data"


@pytest.fixture(scope="module")
def compared(shipped: cm.PriceBook) -> Actuals:
    chance = chance_of(cm.Scenario.read(DATA / "help_desk.toml"), shipped)
    return actuals(chance, price(read(DATA / "usage_log.csv"), shipped), number=256)


@pytest.fixture(scope="module")
def found(compared: Actuals) -> dict[str, Any]:
    return compared.as_dict()


def test_spending_says_how_far_usage_is_from_its_budget(
    compared: Actuals,
    found: dict[str, Any],
    sound: Callable[..., str],
    ends_apart: Callable[[Any, float], None],
) -> None:
    figure = spending(found, bill=compared.comparison.bill(compared.option).frame())
    sound(figure, cites="inference/openai.csv row ")
    ends_apart(figure, MONTHS_PX)
    title = figure.layout.title.text.replace("<br>", " ")
    assert title.startswith("Usage cost $8.8k by 2026-11-15, 1% over budget")


def test_bars_are_what_was_spent_and_what_is_to_come(found: dict[str, Any]) -> None:
    spent, coming = (trace for trace in spending(found).data if trace.type == "bar")
    assert len(spent.x) == 12
    assert sum(spent.y) == pytest.approx(found["usage_usd"], abs=0.05)
    # three months are over, half of November is to come
    assert list(coming.y[:3]) == [0.0, 0.0, 0.0]
    assert coming.y[3] > 0
    assert list(spent.y[4:]) == [0.0] * 8


def test_the_bars_of_the_variance_lead_from_budget_to_actual(
    compared: Actuals, found: dict[str, Any], sound: Callable[..., str]
) -> None:
    figure = variance(found, bill=compared.comparison.bill(compared.option).frame())
    sound(figure, cites="inference/openai.csv row ")
    budget, *parts, actual = figure.data
    assert budget.x[0] == pytest.approx(found["usage_budget_usd"])
    assert actual.x[0] == pytest.approx(found["usage_usd"])
    at = budget.x[0]
    for bar in parts:
        assert bar.base[0] == pytest.approx(at, abs=1e-4)
        at += bar.x[0]
    assert at == pytest.approx(actual.x[0], abs=0.004 * found["usage_budget_usd"])
    title = figure.layout.title.text.replace("<br>", " ")
    assert title.startswith("$103 more than the budget of $8.7k: mostly requests, +$4.3k;")


def test_as_planned_there_is_nothing_to_explain(found: dict[str, Any]) -> None:
    none = dict.fromkeys((f"{p}_usd" for p in ("price", "quantity", "mix", "variance")), 0.0)
    months = [row | {"requests_usd": 0.0, "tokens_per_request_usd": 0.0} for row in found["months"]]
    plan = found["usage_budget_usd"]
    figure = variance(found | none | {"months": months, "usage_usd": plan})
    assert figure.layout.title.text.startswith("Usage cost what was budgeted")
    assert len(figure.data) == 2
