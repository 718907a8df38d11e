"""The cheapest option over two inputs."""

from __future__ import annotations

from pathlib import Path

import costmodel as cm
from costmodel.analysis.phase_map import phase_map
from costmodel.scenario import replace_inputs

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


def test_a_map_says_the_same_as_a_comparison() -> None:
    bot, book = cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read()
    found = phase_map(bot, book, "requests", "changes_per_year", columns=5, rows=3)
    assert found.winners.shape == (3, 5)
    for j, y in enumerate(found.ys):
        for k, x in enumerate(found.xs):
            there = replace_inputs(bot, {found.across: x, found.down: y})
            best = cm.compare(there, book).ranked[0].name
            assert found.options[found.winners[j, k]] == best
