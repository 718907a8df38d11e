"""How far a break-even may lie from where it is expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costmodel.analysis.uncertainty import Chance, costs_along

STEPS, FAR = 41, 30.0  # points of an input around a crossing, and how far they reach


@dataclass(frozen=True)
class Band:
    """Where two options cost the same, over the draws.

    Attributes:
        p10, p50, p90: Quantiles of the value, over the draws in which they meet.
        share: Share of the draws in which they meet inside the range. [1]
    """

    p10: float
    p50: float
    p90: float
    share: float


def crossing_band(
    chance: Chance,
    over: str,
    at: float,
    names: tuple[str, str],
    *,
    low: float,
    high: float,
    number: int = 200,
) -> Band | None:
    """Return the spread of the value of an input at which two options cost the same.

    Each draw is billed along the input; between two points costs are taken as straight lines.

    Args:
        chance: What is uncertain; the input itself is moved, not drawn.
        over: The input, in full.
        at: Where they cross in the central case.
        names: The two options.
        low: Beginning of the range.
        high: End of the range.
        number: Draws.

    Returns:
        The spread, None where the options never meet.
    """
    if low > 0:
        points = np.geomspace(max(low, at / FAR), min(high, at * FAR), STEPS)
    else:
        points = np.linspace(low, high, STEPS)
    costs = costs_along(chance, over, points, names, number)
    first, second = (costs[name] for name in names)
    with np.errstate(invalid="ignore"):
        gap = first - second
    known = np.isfinite(gap[:, :-1]) & np.isfinite(gap[:, 1:])
    left, right = (np.where(known, side, 1.0) for side in (gap[:, :-1], gap[:, 1:]))
    turns = known & (left * right <= 0)
    if not turns.any():
        return None
    width = right - left
    inside = np.where(turns & (width != 0), -left / np.where(width != 0, width, 1.0), 0.0)
    found = points[:-1] + inside * np.diff(points)
    # of several, the one nearest to the central case, in proportion as the points are
    away = np.abs(np.log(found / at)) if low > 0 else np.abs(found - at)
    closest = np.where(turns, away, np.inf).argmin(axis=1)
    meets = turns.any(axis=1)
    met = found[np.arange(number), closest][meets]
    low_end, middle, high_end = np.quantile(met, (0.1, 0.5, 0.9)).tolist()
    return Band(low_end, middle, high_end, float(meets.mean()))
