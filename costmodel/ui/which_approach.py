"""Which approach is the cheapest, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis import breakeven, phase_map
from costmodel.analysis.uncertainty import chance_of, costs_along
from costmodel.figures import breakeven as pictures
from costmodel.figures import phase_map as maps
from costmodel.figures.budget import tornado
from costmodel.figures.compare import cost_by_phase, pareto
from costmodel.prices.book import PriceBook
from costmodel.report import UNITS
from costmodel.scenario import find_input
from costmodel.ui.app import Step, Tab
from costmodel.ui.scenario_app import (
    CHANGES,
    FAILURE,
    GROWTH,
    HORIZON,
    REQUESTS,
    REQUIRED,
    START,
    Found,
    ScenarioApp,
    budget_of,
    scenario_files,
)

if TYPE_CHECKING:
    import pandas as pd

BAND_POINTS, BAND_DRAWS = 13, 120


def which_approach(
    path: str | Path = "scenarios/support_bot.toml", *, book: PriceBook | None = None
) -> ScenarioApp:
    """Show which option is the cheapest, from where on another one is, and what decides it.

    Args:
        path: Scenario file.
        book: The prices; None = the shipped tables, with your own laid over them.
    """
    return ScenarioApp(
        path,
        call="which_approach",
        fields=[scenario_files(path), REQUESTS, CHANGES, REQUIRED, HORIZON],
        more=[GROWTH, FAILURE, START],
        tabs=[
            Tab("Cost", _cost),
            Tab("Break-even", _break_even, _crossings),
            Tab("Who wins where", _map, _regions),
            Tab("What matters", _matters, budget_of()),
            Tab("Cost and success", _pareto),
        ],
        book=book,
    )


def _cost(found: Found) -> Any:
    return cost_by_phase(found.frame, found.scenario.months, found.result.bills)


def _matters(found: Found, drawn: Mapping[str, Any]) -> Any:
    return tornado(drawn, found.option, bill=found.bill)


def _pareto(found: Found) -> Any:
    required = found.scenario.workload.required_success
    unit = "usd_per_success" if found.result.rated else "total_usd"
    need = None if required is None else float(np.mean(required))
    return pareto(found.frame, need, cost=unit, bills=found.sums)


def _break_even(found: Found, crossings: tuple[breakeven.BreakEven, pd.DataFrame]) -> Any:
    line, frame = crossings
    return pictures.break_even(
        frame,
        months=found.scenario.months,
        here=line.now,
        cost=UNITS[line.unit],
        found=pictures.crossed(line),
        looks=found.looks,
    )


def _crossings(found: Found, step: Step) -> tuple[breakeven.BreakEven, pd.DataFrame]:
    """Find the crossings over the volume, and the spread of each line over the draws."""
    line = breakeven.breakeven(found.scenario, found.book)
    step(0.5)
    frame = pictures.swept(line)
    names = [name for name in line.options if name in set(frame["option"])]
    chance = chance_of(found.scenario, found.book)
    points = np.geomspace(line.low, line.high, BAND_POINTS)
    swift = [name for name in names if name not in line.one_by_one]
    along = costs_along(
        chance, line.over, points, swift, BAND_DRAWS, lambda share: step(0.5 + share / 2)
    )
    for column, share in (("p10", 0.1), ("p90", 0.9)):
        frame[column] = frame["p50"]
        for name, costs in along.items():
            # the band follows its line between the points
            mine = frame["option"] == name
            x = np.log(frame.loc[mine, "x"])
            ends = np.interp(x, np.log(points), np.log(np.quantile(costs, share, axis=0)))
            frame.loc[mine, column] = np.exp(ends)
    return line, frame


def _regions(found: Found, step: Step) -> phase_map.PhaseMap:
    """Find the cheapest option over volume and rate of change."""
    step(0.1)
    return phase_map.phase_map(
        found.scenario, found.book, REQUESTS.name, CHANGES.name, columns=60, rows=24
    )


def _map(found: Found, regions: phase_map.PhaseMap) -> Any:
    scenario = found.scenario
    x, y = (find_input(scenario, n, found.book).value for n in (regions.across, regions.down))
    return maps.phase_map(
        maps.cells(regions),
        months=scenario.months,
        here=None if x is None or y is None else (x, y),
        now=_lead(found),
        looks=found.looks,
    )


def _lead(found: Found) -> tuple[str, float] | None:
    """Return the cheapest option of the verdict, and what the next one costs more. [1]"""
    unit = "usd_per_success" if found.result.rated else "total_usd"
    costs = found.frame.dropna(subset="rank").sort_values("rank")
    if len(costs) < 2:  # noqa: PLR2004
        return None
    first, second = costs[unit].iloc[:2]
    return str(costs["name"].iloc[0]), float(second / first - 1)
