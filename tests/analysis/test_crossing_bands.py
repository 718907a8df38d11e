"""How far a break-even may lie from where it is expected."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.analysis.breakeven import breakeven
from costmodel.analysis.crossing_bands import crossing_band
from costmodel.analysis.uncertainty import Chance, chance_of
from costmodel.scenario.inputs import with_inputs

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


def case(small: float = 0.9, **ranges: Any) -> Chance:
    """A cheap model that is more often wrong than a dear one."""
    options = [
        cm.Option(name, (cm.Stage(model, cm.PerToken("openai")),), success_rate=rate)
        for name, model, rate in (("small", "gpt-6-luna", small), ("large", "gpt-6.1-sol", 0.97))
    ]
    work = cm.Workload(100_000, {"question": 1_000, "answer": 200}, failure_usd=0.5)
    scenario = cm.Scenario("case", date(2026, 12, 1), 12, work, tuple(options))
    book = cm.PriceBook.read()
    return chance_of(with_inputs(scenario, ranges), book, bands=False, events=False)


def test_two_ways_to_one_crossing_agree() -> None:
    # small wins where a wrong answer does little damage
    chance = case()
    line = breakeven(chance.scenario, chance.book, "workload.failure_usd", low=0.001, high=10)
    [crossing] = line.crossings
    names = (crossing.before, crossing.after)
    asked: dict[str, Any] = {"low": line.low, "high": line.high}
    band = crossing_band(chance, line.over, crossing.at, names, **asked, number=4)
    assert band is not None
    assert band.share == 1
    # straight lines between 41 points against roots of the bill itself
    assert [band.p10, band.p50, band.p90] == pytest.approx([crossing.at] * 3, rel=0.02)
    ranges: dict[str, Any] = {
        "option.small.success_rate": {"low": 0.86, "mode": 0.9, "high": 0.93},
        "workload.parts.answer": {"distribution": "lognormal", "mean": 200, "cv": 0.3},
    }
    spread = crossing_band(case(**ranges), line.over, crossing.at, names, **asked)
    assert spread is not None
    assert spread.p10 < crossing.at < spread.p90


def test_options_that_never_meet_have_no_crossing() -> None:
    chance = case(small=0.97)  # as good as the large one, and cheaper
    names = ("small", "large")
    found = crossing_band(chance, "workload.requests", 1e5, names, low=1e3, high=1e7, number=8)
    assert found is None


def test_a_crossing_below_zero_has_a_spread_too() -> None:
    names = ("Router: Luna first then Flash", "RAG + tuned Nova 2 Lite")
    bot = with_inputs(cm.Scenario.read(SUPPORT_BOT), {"workload.requests": 500_000})
    book = cm.PriceBook.read()
    [crossing] = breakeven(bot, book, "growth", options=names).crossings
    assert crossing.at < 0
    chance = chance_of(bot, book, bands=False, events=False)
    asked: dict[str, Any] = {"low": -0.05, "high": 0.2, "number": 2}
    band = crossing_band(chance, "workload.growth", crossing.at, names, **asked)
    assert band is not None
    assert band.p50 == pytest.approx(crossing.at, rel=0.02)


def test_values_at_which_an_option_has_no_cost_are_no_crossing() -> None:
    # nothing succeeds at a rate of 0
    chance = case()
    over, names = "option.small.success_rate", ("large", "small")
    [crossing] = breakeven(chance.scenario, chance.book, over, low=0, high=1).crossings
    band = crossing_band(chance, over, crossing.at, names, low=0, high=1, number=2)
    assert band is not None
    assert band.p50 == pytest.approx(crossing.at, rel=0.02)
