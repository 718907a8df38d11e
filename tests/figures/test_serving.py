"""Own GPUs beside hosted prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.figures.serving import PLOT_PX, cost_against_utilisation


@pytest.fixture(scope="module")
def plan(shipped: cm.PriceBook) -> dict[str, Any]:
    return cm.plan_serving(
        "Llama-3.1-8B",
        "H100-SXM",
        input_tokens=3000,
        output_tokens=180,
        requests_per_second=1,
        book=shipped,
        on="2026-12-01",
    ).as_dict()


def test_the_crossing_is_where_full_cost_over_utilisation_is_the_hosted_price(
    plan: dict[str, Any], sound: Callable[..., str], ends_apart: Callable[[Any, float], None]
) -> None:
    figure = cost_against_utilisation(plan, {"gpt-6-luna at openai": 0.15})
    sound(figure, cites="gpu_rental.csv line ")
    ends_apart(figure, PLOT_PX)
    needed = plan["usd_per_mtok_full"] / 0.15
    assert f"beats gpt-6-luna at openai from {needed:.0%} utilisation on" in (
        figure.layout.title.text.replace("<br>", " ")
    )
    ring = [t for t in figure.data if t.mode == "markers" and t.marker.symbol == "circle-open"]
    assert ring[0].x[0] == pytest.approx(needed)


def test_own_cost_at_ones_load_is_that_of_the_plan(plan: dict[str, Any]) -> None:
    (here,) = [t for t in cost_against_utilisation(plan).data if t.mode == "markers" and len(t.x)]
    assert here.y[0] == pytest.approx(plan["usd_per_mtok"], rel=1e-6)


def test_a_hosted_price_below_the_full_cost_is_never_beaten(plan: dict[str, Any]) -> None:
    title = cost_against_utilisation(plan, {"cheap": 1e-4}).layout.title.text
    assert "never beats cheap" in title
