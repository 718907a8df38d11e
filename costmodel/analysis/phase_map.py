"""The cheapest option over two inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from costmodel.analysis.sweep import Costs, Ints, names_of, points_of, range_of, winners_of
from costmodel.costs import shipped_book
from costmodel.errors import ScenarioError
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.scenario import Scenario, find_input


@dataclass(frozen=True, eq=False)
class PhaseMap:
    """The cheapest option over two inputs.

    Attributes:
        across, down: The inputs.
        xs, ys: Their values, shapes (X,) and (Y,).
        unit: What is compared. [US$]
        options: Options compared.
        winners: Index of the cheapest option, -1 for none, shape (Y, X).
        usd: What it costs, shape (Y, X). [US$]
        next_usd: What the next one costs, infinite where there is none, shape (Y, X). [US$]
    """

    across: str
    down: str
    xs: Array
    ys: Array
    unit: str
    options: tuple[str, ...]
    winners: Ints
    usd: Array
    next_usd: Array = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "across": self.across,
            "down": self.down,
            "xs": self.xs.tolist(),
            "ys": self.ys.tolist(),
            "unit": self.unit,
            "options": list(self.options),
            "cheapest": [
                [name or None for name in names_of(self.options, r)] for r in self.winners
            ],
            "usd": [[float(x) if np.isfinite(x) else None for x in row] for row in self.usd],
        }


def phase_map(
    scenario: Scenario,
    book: PriceBook | None,
    across: str,
    down: str,
    *,
    options: Sequence[str] = (),
    columns: int = 48,
    rows: int = 16,
) -> PhaseMap:
    """Find the cheapest option over a grid of two inputs.

    Args:
        scenario: The scenario.
        book: The prices; None = the shipped tables, with your own laid over them.
        across: One input, in full or short.
        down: The other.
        options: Names of options; none = all that can be had.
        columns: Values of the first, at most; whole numbers may be fewer.
        rows: Values of the second, at most.

    Raises:
        ScenarioError: If an input or an option is unknown, or both inputs are the same.
    """
    book = shipped_book() if book is None else book
    items = [find_input(scenario, word, book) for word in (across, down)]
    if items[0].name == items[1].name:
        message = f"a map needs two inputs, got {items[0].name} twice"
        raise ScenarioError(message)
    costs = Costs.of(scenario, book, options, shorter=any(item.whole for item in items))
    xs, ys = (
        _spread(points_of(item, *range_of(item, None, None), count), count)
        for item, count in zip(items, (columns, rows), strict=True)
    )
    grid_y, grid_x = np.meshgrid(ys, xs, indexing="ij")
    values = {items[0].name: grid_x.ravel(), items[1].name: grid_y.ravel()}
    table = costs.over(values)
    shape = (ys.size, xs.size)
    return PhaseMap(
        items[0].name,
        items[1].name,
        xs,
        ys,
        costs.unit,
        costs.options,
        winners_of(table).reshape(shape),
        table.min(axis=0).reshape(shape),
        np.sort(np.vstack([table, np.full((1, table.shape[1]), np.inf)]), axis=0)[1].reshape(shape),
    )


def _spread(points: Array, count: int) -> Array:
    """Return so many of the points, from end to end."""
    chosen = np.unique(np.linspace(0, points.size - 1, count).round().astype(int))
    return np.asarray(points[chosen])
