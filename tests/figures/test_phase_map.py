"""Which option is the cheapest where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import phase_map as analysis
from costmodel.figures.breakeven import NOBODY
from costmodel.figures.phase_map import cells, phase_map
from costmodel.figures.style import option_looks


def test_the_title_of_a_map_is_about_the_very_place_not_the_nearest_of_the_grid() -> None:
    frame = pd.DataFrame({"x": [1e3, 1e3, 1e5, 1e5], "y": [1, 2, 1, 2], "best": ["A"] * 4})
    frame["lead"] = 0.3
    figure = phase_map(frame, months=24, here=(1e4, 1), now=("B", 0.08))
    said = figure.layout.title.text.replace("<br>", " ")
    assert said == "B is cheapest where you are, but its lead is only 8%"


def test_the_map_of_the_analysis_names_its_regions_and_where_you_are(
    support_bot: Any, shipped: cm.PriceBook, sound: Callable[..., str]
) -> None:
    found = analysis.phase_map(
        support_bot.scenario, shipped, "requests", "changes_per_year", columns=24, rows=8
    )
    frame = cells(found)
    assert (frame["lead"] >= 0).all()
    figure = phase_map(frame, months=24, here=(200_000, 2))
    sound(figure)
    said = [note.text for note in figure.layout.annotations]
    assert "you are here" in said
    assert "<b>Router: Luna first then Flash</b>" in said
    assert figure.data[0].z.dtype == np.uint8


def test_where_nothing_can_be_had_the_map_says_so() -> None:
    frame = pd.DataFrame({"x": [1e3, 1e5] * 2, "y": [1, 1, 2, 2], "best": ["A", NOBODY] * 2})
    frame["lead"] = 1.0
    figure = phase_map(frame, months=24, looks=option_looks(["A"]))
    assert [told[2] for told in figure.data[1].customdata] == ["A", "no option"] * 2
