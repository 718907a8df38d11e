"""The cheapest option over two inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

import costmodel as cm
from costmodel.analysis.phase_map import phase_map
from costmodel.scenario import replace_inputs

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


@pytest.mark.parametrize(
    ("across", "down"),
    [("requests", "changes_per_year"), ("requests", "months"), ("months", "changes_per_year")],
)
def test_a_map_says_the_same_as_a_comparison(across: str, down: str) -> None:
    bot, book = cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read()
    found = phase_map(bot, book, across, down, columns=4, rows=2)
    assert found.winners.shape == (2, 4)
    for j, y in enumerate(found.ys):
        for k, x in enumerate(found.xs):
            there = replace_inputs(bot, {found.across: x, found.down: y})
            best = cm.compare(there, book).ranked[0].name
            assert found.options[found.winners[j, k]] == best
