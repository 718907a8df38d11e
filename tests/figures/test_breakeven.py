"""Where one option overtakes another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import breakeven as analysis
from costmodel.figures.breakeven import (
    PLOT_PX,
    break_even,
    crossed,
    crossings,
    swept,
)
from costmodel.scenario import replace_inputs

X = np.geomspace(1e3, 1e7, 41)


def lines(**costs: Any) -> pd.DataFrame:
    """Return the frame of a break-even: option = cost of each volume."""
    return pd.DataFrame(
        [
            {"option": name, "x": x, "p10": 0.8 * usd, "p50": usd, "p90": 1.3 * usd}
            for name, values in costs.items()
            for x, usd in zip(X, values, strict=True)
        ]
    )


def test_a_line_through_the_origin_meets_a_flat_one_at_their_ratio() -> None:
    # $0.01 each against $1,000: at 100,000; exact, as both are straight on these scales
    (found,) = crossings(lines(each=0.01 * X, flat=0 * X + 1_000))
    assert found.x == pytest.approx(100_000)
    assert found.usd == pytest.approx(1_000)
    assert (found.before, found.after) == ("each", "flat")


def test_only_crossings_of_the_cheapest_count() -> None:
    # the dear one crosses the flat one above the cheapest
    frame = lines(cheap=0.0001 * X + 1, flat=0 * X + 5_000, dear=0.1 * X)
    assert crossings(frame) == []


def test_two_crossings_between_the_same_two_volumes_are_both_found() -> None:
    frame = pd.DataFrame(
        [
            {"option": name, "x": x, "p50": usd}
            for name, values in {"a": (1, 1e6), "b": (10, 1e4), "c": (300, 400)}.items()
            for x, usd in zip((1.0, 1e6), values, strict=True)
        ]
    )
    assert [(c.before, c.after) for c in crossings(frame)] == [("a", "b"), ("b", "c")]


@pytest.fixture(scope="module")
def totals_of(support_bot: Any, shipped: cm.PriceBook) -> dict[str, Any]:
    """Return the totals of the support bot over volumes."""
    scenario = replace_inputs(support_bot.scenario, {"workload.requests": X})
    bills = cm.compare(scenario, shipped).bills
    return {name: np.broadcast_to(bill.total, X.shape) for name, bill in bills.items()}


def test_break_even_of_the_support_bot(
    totals_of: dict[str, Any], sound: Callable[..., str], ends_apart: Callable[[Any, float], None]
) -> None:
    frame = lines(**totals_of).assign(source="prices of 2026-11-21")
    figure = break_even(frame, months=24, here=200_000)
    sound(figure, cites="prices of 2026-11-21")
    ends_apart(figure, PLOT_PX)
    assert figure.layout.title.text.startswith("Prompting on GPT-6 Luna is cheapest at every")
    labels = [n for n in figure.layout.annotations if n.xref == "x domain" and n.x == 1]
    assert len(labels) == len(totals_of)


def test_the_crossings_of_the_analysis_are_those_of_the_picture(
    support_bot: Any, shipped: cm.PriceBook, sound: Callable[..., str]
) -> None:
    scenario = support_bot.scenario
    found = analysis.breakeven(scenario, shipped, "requests")
    figure = break_even(swept(found), months=24, here=found.now, found=crossed(found))
    sound(figure)
    ring = [t for t in figure.data if t.mode == "markers"]
    assert [x for t in ring for x in t.x] == [c.at for c in found.crossings]


def test_an_input_that_may_be_nought_has_an_even_scale() -> None:
    frame = pd.DataFrame(
        [
            {"option": name, "x": x, "p50": usd + x}
            for name, usd in (("a", 10.0), ("b", 20.0))
            for x in (0.0, 1.0, 2.0)
        ]
    )
    assert break_even(frame, months=24, here=1.0).layout.xaxis.type == "linear"


def test_nothing_to_draw_says_so() -> None:
    figure = break_even(lines(a=X).iloc[:0], months=24)
    assert figure.layout.title.text == "No option can be had over the whole horizon"
