"""The month in which building has paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from costmodel.analysis.compare import Comparison
from costmodel.months import Array, Months


@dataclass(frozen=True)
class Payback:
    """When an option that costs more at first has come to cost less.

    Attributes:
        option: The option.
        against: The option that costs least in the first month.
        first_usd: What it costs more in the first month. [US$]
        month: Month in which its cost so far is no longer higher; None = not in the horizon.
        number: That month, counted from 1.
        lost_again: Later month in which its cost so far is higher again; None = never.
        end_usd: What it has cost less at the end of the horizon. [US$]
    """

    option: str
    against: str
    first_usd: float
    month: str | None
    number: int | None
    lost_again: str | None
    end_usd: float


def payback(months: Months, option: tuple[str, Array], against: tuple[str, Array]) -> Payback:
    """Say in which month an option has paid for what it costs more at first.

    Args:
        months: The horizon.
        option: Name of the option that is built, and its cost of each month. [US$], shape (T,)
        against: The same of the other one.

    >>> from datetime import date
    >>> built, bought = np.array([10, 0, 0]), np.array([4, 4, 4])
    >>> payback(Months(date(2026, 12, 1), 3), ("built", built), ("bought", bought)).month
    '2027-02'
    """
    more = np.cumsum(option[1] - against[1])
    behind = more > 0
    paid = _first(~behind, int(behind.argmax()))
    lost = None if paid is None else _first(behind, paid)
    return Payback(
        option[0],
        against[0],
        float(more[0]),
        None if paid is None else months.labels[paid],
        None if paid is None else paid + 1,
        None if lost is None else months.labels[lost],
        -float(more[-1]),
    )


def _first(flags: npt.NDArray[np.bool_], begin: int) -> int | None:
    """Return the first month from a month on in which something is so, None if there is none."""
    found = np.flatnonzero(flags[begin:])
    return begin + int(found[0]) if found.size else None


def paybacks(comparison: Comparison, options: Sequence[str] = ()) -> tuple[Payback, ...]:
    """Set every option that costs more at first beside the one that costs least in month 1.

    Args:
        comparison: The bills.
        options: Names of options; none = all that the verdict ranks, or all where it ranks none.
    """
    months = comparison.scenario.horizon
    chosen = options or [result.name for result in comparison.ranked] or [*comparison.bills]
    costs = {
        name: found.monthly().reshape(-1, months.count).mean(axis=0)
        for name, found in comparison.bills.items()
        if name in chosen
    }
    start = min(costs, key=lambda name: float(costs[name][0]), default="")
    return tuple(
        payback(months, (name, usd), (start, costs[start]))
        for name, usd in costs.items()
        if name != start
    )
