"""The picture says what the table says."""

from __future__ import annotations

import json
import warnings
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import costmodel as cm

pytest.importorskip("plotly")

from costmodel.analysis.wording import whole
from costmodel.figures.compare import cost_by_phase
from costmodel.figures.style import PHASE_COLOURS

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


def plain(name: str) -> str:
    """Return a name without the bold type of the best option."""
    return name.removeprefix("<b>").removesuffix("</b>")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read()).frame()


def test_the_bars_of_an_option_add_up_to_its_total(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame, 24)
    drawn: dict[str, float] = {}
    for trace in figure.data:
        for name, usd in zip(trace.y, trace.x, strict=True):
            drawn[plain(name)] = drawn.get(plain(name), 0.0) + usd
    feasible = frame[frame["feasible"]]
    assert drawn == pytest.approx(dict(zip(feasible["name"], feasible["total_usd"], strict=True)))


def test_one_trace_per_phase_in_the_colour_of_the_phase(frame: pd.DataFrame) -> None:
    figure = cost_by_phase(frame, 24)
    assert [trace.name for trace in figure.data] == ["Build", "Serve", "Upkeep"]
    for trace in figure.data:
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
    top_down = [plain(name) for name in figure.data[0].y][::-1]
    ranked = [r.name for r in result.ranked]
    assert top_down[: len(ranked)] == ranked
    assert set(top_down) == set(result.bills)
    for name in frame[~frame["feasible"]]["name"]:
        assert name in figure.layout.title.subtitle.text


def test_every_total_is_written_beside_its_bar(frame: pd.DataFrame) -> None:
    notes = cost_by_phase(frame, 24).layout.annotations
    assert {plain(note.y) for note in notes} == set(frame[frame["feasible"]]["name"])
    assert all(note.text.strip().startswith("$") for note in notes)


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
