"""What changed between two bills, line by line, adding up to the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel.analysis.compare import Comparison
from costmodel.bill import Bill
from costmodel.errors import ScenarioError

Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Change:
    """A line of two bills.

    Attributes:
        line, phase, cause, detail, kind: Which line.
        usd_a, usd_b: Its cost in each bill, 0 where it is not there. [US$]
        quantity_a, quantity_b: Its quantity over the horizon.
        what: new | gone | changed | same.
        quantity_usd: Difference because more or less is needed, at the price of the first. [US$]
        price_usd: Difference because a unit costs more or less, at the quantity of the second;
            tiers and dates count as price. [US$]
    """

    line: str
    phase: str
    cause: str
    detail: str
    kind: str
    usd_a: float
    usd_b: float
    quantity_a: float
    quantity_b: float
    what: str
    quantity_usd: float
    price_usd: float

    @property
    def usd(self) -> float:
        """What the line adds to the difference. [US$]"""
        return self.usd_b - self.usd_a

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        names = ("line", "phase", "cause", "detail", "kind", "what", "usd_a", "usd_b")
        more = ("quantity_a", "quantity_b", "quantity_usd", "price_usd")
        return {name: getattr(self, name) for name in (*names, *more)} | {
            "difference_usd": self.usd
        }


@dataclass(frozen=True)
class Difference:
    """Two bills of an option.

    Attributes:
        option_a, option_b: The options.
        total_a, total_b: Their totals. [US$]
        changes: Every line of either, largest difference first.
    """

    option_a: str
    option_b: str
    total_a: float
    total_b: float
    changes: tuple[Change, ...]

    @property
    def usd(self) -> float:
        """Second total less the first. [US$]"""
        return self.total_b - self.total_a

    def sum(self, what: str) -> float:
        """Return the part of the difference that is new, gone, quantity or price. [US$]"""
        if what in ("new", "gone"):
            return float(sum(change.usd for change in self.changes if change.what == what))
        both = [change for change in self.changes if change.what in ("changed", "same")]
        parts = [c.quantity_usd if what == "quantity" else c.price_usd for c in both]
        return float(sum(parts))

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "option_a": self.option_a,
            "option_b": self.option_b,
            "total_a_usd": self.total_a,
            "total_b_usd": self.total_b,
            "difference_usd": self.usd,
            **{f"{what}_usd": self.sum(what) for what in PARTS},
            "lines": [change.as_dict() for change in self.changes if change.what != "same"],
        }


PARTS = ("quantity", "price", "new", "gone")


def difference(first: tuple[str, Bill], second: tuple[str, Bill]) -> Difference:
    """Say what changed from one bill to another.

    A line that both have differs by quantity, (Qb - Qa) Pa, and by price, Qb (Pb - Pa), with its
    mean price P over the horizon; the two add up to its difference. What one bill has only is new
    or gone.

    Args:
        first: Option and bill.
        second: Option and bill.
    """
    ours, theirs = _sums(first[1]), _sums(second[1])
    changes = [
        _change(key, ours.get(key, (0.0, 0.0)), theirs.get(key, (0.0, 0.0)))
        for key in dict.fromkeys((*ours, *theirs))
    ]
    changes.sort(key=lambda change: -abs(change.usd))
    totals = [float(np.mean(found.total)) for _, found in (first, second)]
    return Difference(first[0], second[0], totals[0], totals[1], tuple(changes))


def _sums(found: Bill) -> dict[Key, tuple[float, float]]:
    """Return quantity and cost of each line over the horizon, whatever rows priced it."""
    sums: dict[Key, tuple[float, float]] = {}
    for line in found.lines:
        key = (line.path, line.line.phase, line.line.cause, line.line.detail, line.kind)
        shape = (*line.amount.shape[:-1], found.months.count)
        amount = float(np.broadcast_to(line.amount, shape).sum(axis=-1).mean())
        cost = float(np.broadcast_to(line.cost, shape).sum(axis=-1).mean())
        before = sums.get(key, (0.0, 0.0))
        sums[key] = (before[0] + amount, before[1] + cost)
    return {key: value for key, value in sums.items() if value != (0.0, 0.0)}


def _change(key: Key, ours: tuple[float, float], theirs: tuple[float, float]) -> Change:
    """Divide the difference of a line."""
    (quantity_a, usd_a), (quantity_b, usd_b) = ours, theirs
    difference_usd = usd_b - usd_a
    if ours == (0.0, 0.0):
        what, by_quantity = "new", difference_usd
    elif theirs == (0.0, 0.0):
        what, by_quantity = "gone", difference_usd
    else:
        near = abs(difference_usd) <= SAME * max(abs(usd_a), abs(usd_b))
        moved = abs(quantity_b - quantity_a) > SAME * max(abs(quantity_a), abs(quantity_b))
        what = "same" if near and not moved else "changed"
        by_quantity = (quantity_b - quantity_a) * usd_a / quantity_a if quantity_a else 0.0
    return Change(
        *key,
        usd_a,
        usd_b,
        quantity_a,
        quantity_b,
        what,
        by_quantity,
        difference_usd - by_quantity,
    )


SAME = 1e-12  # a relative difference that is rounding


def differences(
    first: Comparison, second: Comparison, option: str | None = None, other: str | None = None
) -> tuple[Difference, ...]:
    """Set the options of two comparisons side by side.

    Args:
        first: Before.
        second: After.
        option: The only option; None = all that both have by name.
        other: Its name in the second; None = the same.

    Raises:
        ScenarioError: If an option is unknown or has no bill, or no two have the same name.
    """
    if option is None:
        names = [name for name in first.bills if name in second.bills]
        if not names:
            message = "no option has a bill and the same name in both: say --option and --option-b"
            raise ScenarioError(message)
        return tuple(difference((n, first.bills[n]), (n, second.bills[n])) for n in names)
    other = option if other is None else other
    return (difference((option, first.bill(option)), (other, second.bill(other))),)


def only_in_one(first: Comparison, second: Comparison) -> dict[str, str]:
    """Return options that have no bill on one side, with the reason."""
    found = {}
    for one, another, side in ((first, second, "second"), (second, first, "first")):
        for name in one.bills:
            if name not in another.bills:
                reason = [r.reason for r in another.results if r.name == name]
                found[name] = f"not in the {side}" + (f": {reason[0]}" if reason else "")
    return found
