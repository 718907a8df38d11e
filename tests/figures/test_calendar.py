"""What falls due stands below what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from costmodel.analysis.calendar import calendar_of
from costmodel.figures.calendar import due

NAME = "Tuned GPT-4.1 mini then RAG"


def test_the_bars_are_the_bill_and_the_lanes_its_calendar(
    support_bot: Any, sound: Callable[..., str]
) -> None:
    entries = calendar_of(support_bot, NAME).entries
    bill = support_bot.bills[NAME].frame()
    figure = due(
        entries,
        bill,
        start=support_bot.scenario.start,
        months=24,
        finding="The next move is forced on 2027-01-05",
        name=NAME,
    )
    text = sound(figure, cites="row ")
    bars = [trace for trace in figure.data if trace.type == "bar"]
    drawn = sum(usd for trace in bars for usd in trace.y)
    assert drawn == pytest.approx(float(support_bot.bills[NAME].total), abs=1.0)
    marks = [x for trace in figure.data if trace.type == "scatter" for x in trace.x]
    assert sorted(marks) == sorted(f"{e.day}" for e in entries if e.sort == "event")
    assert "hours of people" in text
    assert json.loads(text)["layout"]["yaxis2"]["ticktext"]


def test_without_anything_due_there_are_no_lanes(support_bot: Any) -> None:
    figure = due(
        (),
        support_bot.bills[NAME].frame(),
        start=support_bot.scenario.start,
        months=24,
        finding="Nothing",
        name=NAME,
    )
    assert "yaxis2" not in figure.to_plotly_json()["layout"]
