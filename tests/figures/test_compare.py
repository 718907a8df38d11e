"""The picture says what the table says."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import costmodel as cm

pytest.importorskip("plotly")

from costmodel.analysis.wording import whole
from costmodel.figures.compare import cost_by_phase, pareto
from costmodel.figures.style import PHASE_COLOURS

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


def names(figure: Any) -> list[str]:
    """Return the names of the options from bottom to top, without bold type."""
    return [name.removeprefix("<b>").removesuffix("</b>") for name in figure.layout.yaxis.ticktext]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read()).frame()


def test_the_bars_of_an_option_add_up_to_its_total(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame, 24)
    drawn: dict[str, float] = {}
    for trace in figure.data[:3]:
        for name, usd in zip(trace.y, trace.x, strict=True):
            drawn[names(figure)[name]] = drawn.get(names(figure)[name], 0.0) + usd
    feasible = frame[frame["feasible"]]
    totals = dict(zip(feasible["name"], feasible["total_usd"], strict=True))
    assert drawn == pytest.approx(totals, rel=1e-5)


def test_one_trace_per_phase_in_the_colour_of_the_phase(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame, 24)
    assert [trace.name for trace in figure.data] == ["Build", "Serve", "Upkeep", "Damage"]
    for trace in figure.data[:3]:
        assert trace.marker.color == PHASE_COLOURS[trace.name.lower()]
    assert figure.layout.barmode == "stack"


def test_the_title_is_the_finding_of_the_verdict() -> None:
    result = cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    title = cost_by_phase(result.frame(), 24).layout.title
    best = result.ranked[0].as_dict()
    assert title.text.startswith(best["name"])
    assert whole(best["total_usd"]) in title.text
    assert f"{best['maintenance_share']:.0%} of it upkeep" in title.text
    assert "24 months" in title.subtitle.text
    assert "US dollars" in title.subtitle.text


def test_without_stated_rates_the_title_names_the_cheapest(example_book: cm.PriceBook) -> None:
    scenario = cm.Scenario(
        name="case",
        start=date(2026, 12, 1),
        months=1,
        workload=cm.Workload(requests=1000.0, parts={"question": 100.0}),
        options=tuple(
            cm.Option(name, (cm.Stage(name, cm.PerToken("example")),))
            for name in ("small-1", "large-1")
        ),
    )
    frame = cm.compare(scenario, example_book).frame()
    assert cost_by_phase(frame, 1).layout.title.text.startswith("small-1")


def test_the_best_is_on_top_and_what_is_not_feasible_is_named() -> None:
    result = cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    frame = result.frame()
    figure = cost_by_phase(frame, 24)
    # Plotly draws the first category at the bottom
    top_down = names(figure)[::-1]
    ranked = [r.name for r in result.ranked]
    assert top_down[: len(ranked)] == ranked
    assert set(top_down) == set(result.bills)
    for name in frame[~frame["feasible"]]["name"]:
        assert name in figure.layout.title.subtitle.text


def test_every_total_is_written_beside_its_bar(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame, 24)
    notes = figure.layout.annotations
    assert {names(figure)[note.y] for note in notes} == set(frame[frame["feasible"]]["name"])
    assert all(note.text.strip().startswith("bill $") for note in notes)


def test_bill_and_damage_together_are_what_the_options_are_ranked_by(frame: pd.DataFrame) -> None:
    *_, damage = cost_by_phase(frame, 24).data
    ranked = frame[frame["rank"].notna()].sort_values("rank")
    drawn = list(damage.x)[::-1]
    assert drawn[: len(ranked)] == pytest.approx(ranked["damage_usd"].tolist(), rel=1e-5)
    assert drawn[len(ranked) :] == [0.0] * (len(drawn) - len(ranked))
    free = frame.assign(damage_usd=0.0)
    assert len(cost_by_phase(free, 24).data) == 3


def test_the_bars_lead_back_to_the_dearest_price_row(
    frame: pd.DataFrame, sound: Callable[..., str]
) -> None:
    result = cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    text = sound(cost_by_phase(frame, 24, result.bills), cites="labour.csv row ")
    # phases are words in their colour, not a legend
    assert "Upkeep</span>" in text


def test_only_options_that_none_beats_in_both_stand_on_the_line(
    frame: pd.DataFrame, sound: Callable[..., str]
) -> None:
    result = cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    bills = {name: found.frame() for name, found in result.bills.items()}
    figure = pareto(frame, 0.88, bills=bills)
    text = sound(figure, cites=" row ")
    rated = frame[frame["feasible"]]
    best = [
        row["name"]
        for row in rated.to_dict("records")
        if not (
            (rated["usd_per_success"] <= row["usd_per_success"])
            & (rated["success_rate"] >= row["success_rate"])
            & (rated["name"] != row["name"])
        ).any()
    ]
    (line,) = [trace for trace in figure.data if trace.name == "on the line"]
    assert len(line.x) == len(best)
    assert all(any(name in about for about in line.customdata) for name in best)
    assert figure.layout.title.text.startswith(f"{len(best)} of {len(rated)} options")
    assert "required 88%" in text


def test_where_nobody_states_a_rate_there_is_nothing_to_weigh(frame: pd.DataFrame) -> None:
    figure = pareto(frame.assign(success_rate=float("nan")))
    assert "states a success rate" in figure.layout.title.text


def test_the_picture_is_small_and_private(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame, 24)
    text = figure.to_json()
    assert len(text.encode()) < 200_000
    shown = json.loads(text)["layout"]["template"]["layout"]["modebar"]
    assert "sendChartToCloud" in shown["remove"]
    assert "sendChartToCloud" not in shown.get("add", [])


def test_the_frame_is_left_alone_and_nothing_warns(frame: pd.DataFrame) -> None:
    before = frame.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cost_by_phase(frame, 24)
    pd.testing.assert_frame_equal(frame, before)


def test_without_a_feasible_option_the_title_says_so(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame[~frame["feasible"]], 24)
    assert len(figure.data) == 0
    assert figure.layout.title.text == "No option can be had over the whole horizon"
