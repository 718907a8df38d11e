"""Where the cheapest option changes: crossings, regions, volumes from which own GPUs win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from costmodel.analysis.compare import billed
from costmodel.analysis.sweep import (
    Costs,
    Ints,
    names_of,
    none_can_be_had,
    points_of,
    range_of,
    winners_of,
)
from costmodel.costs import shipped_book
from costmodel.errors import ScenarioError
from costmodel.hosts import Owned, Rented
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.scenario import Mix, Option, Scenario, find_input, replace_inputs
from costmodel.scenario.inputs import Input

VOLUME = "workload.requests"
SWEEP = 501  # points of the first sweep
LEAST = 151  # the same at least, where many tasks make each of them dear
COARSE = 49  # the same where an option cannot be swept at once
POINTS, EACH = 2_000, 400  # points of one round of narrowing, and of one bracket, at most
WITHIN = 18  # points put into each interval that is looked at more closely
ROUNDS = 3  # times that intervals where two options come near are looked at
NARROW = 1e-9  # relative width at which a crossing is known
SMOOTH = 1e-6  # relative gap at a crossing below which costs meet; above, one of them steps
FAR = 2.0  # dearer by this factor at both ends of a narrow bracket, an option cannot win inside
MOST = 2_000  # brackets followed at most


@dataclass(frozen=True)
class Crossing:
    """A value at which another option becomes the cheapest.

    Attributes:
        at: The value.
        before, after: Cheapest option below and above it.
        usd: What the cheapest costs there, in the unit of the whole. [US$]
        step: Whether a cost jumps there (one more replica, a tier), rather than two lines meet.
    """

    at: float
    before: str
    after: str
    usd: float
    step: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class BreakEven:
    """The cheapest option over a range of one input.

    Attributes:
        over: The input.
        low, high: Ends of the range.
        unit: usd_per_success or total_usd: what is compared. [US$]
        options: Options compared.
        excluded: Option -> why it is left out: it cannot be had.
        crossings: Where the cheapest option changes, in order.
        values, costs: Points of the sweep, shape (S,), and costs, shape (options, S). [US$]
        now: The value of the scenario.
        one_by_one: Options billed value by value; between two values of a coarser sweep a step
            there and back could hide.
    """

    over: str
    low: float
    high: float
    unit: str
    options: tuple[str, ...]
    excluded: Mapping[str, str]
    crossings: tuple[Crossing, ...]
    values: Array = field(repr=False)
    costs: Array = field(repr=False)
    now: float | None = None
    one_by_one: tuple[str, ...] = ()

    @cached_property
    def regions(self) -> tuple[tuple[float, float, str], ...]:
        """From, to and cheapest option; blank where none can be had."""
        first = names_of(self.options, winners_of(self.costs[:, :1]))[0]
        cuts = [self.low, *(c.at for c in self.crossings), self.high]
        names = [first, *(c.after for c in self.crossings)]
        return tuple(zip(cuts, cuts[1:], names, strict=False))

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "over": self.over,
            "now": self.now,
            "from": self.low,
            "to": self.high,
            "unit": self.unit,
            "options": list(self.options),
            "excluded": dict(self.excluded),
            "crossings": [crossing.as_dict() for crossing in self.crossings],
            "regions": [
                {"from": low, "to": high, "option": name or None}
                for low, high, name in self.regions
            ],
            "one_by_one": list(self.one_by_one),
        }


def breakeven(
    scenario: Scenario,
    book: PriceBook | None = None,
    over: str = VOLUME,
    *,
    low: float | None = None,
    high: float | None = None,
    options: Sequence[str] = (),
) -> BreakEven:
    """Find every value of an input at which another option becomes the cheapest.

    All options are billed at once over a dense sweep. Intervals in which the cheapest changes, or
    in which two of the cheapest come nearer to each other than their costs vary around there, are
    divided again; those in which it changes are narrowed until the value is known to nine digits.

    Args:
        scenario: The scenario.
        book: The prices; None = the shipped tables, with your own laid over them.
        over: The input, in full or short.
        low: Beginning of the range; None = a hundredth of the value, or 0 for a share.
        high: End of the range; None = a hundredfold of the value, or 1 for a share.
        options: Names of options; none = all that can be had.

    Raises:
        ScenarioError: If the input or an option is unknown, or the range is empty.
        PriceError: If an option names something no table knows.
    """
    book = shipped_book() if book is None else book
    item = find_input(scenario, over, book)
    costs = Costs.of(scenario, book, options, shorter=item.whole)
    low, high = range_of(item, low, high)
    values, table = _swept(costs, item, low, high)
    # with a shorter horizon some can be had that cannot over the one of the scenario
    possible = np.isfinite(table).any(axis=1) | ~np.isin(costs.options, [*costs.excluded])
    if not possible.any():
        raise ScenarioError(none_can_be_had(costs.excluded))
    crossings = _crossings(costs, item, values, table)
    shown = tuple(name for name, had in zip(costs.options, possible, strict=True) if had)
    return BreakEven(
        item.name,
        low,
        high,
        costs.unit,
        shown,
        {name: reason for name, reason in costs.excluded.items() if name not in shown},
        crossings,
        values,
        table[possible],
        item.value,
        tuple(name for name in shown if name in costs.one_by_one),
    )


def _swept(costs: Costs, item: Input, low: float, high: float) -> tuple[Array, Array]:
    """Bill a range of an input, closely enough that no change of the cheapest hides."""
    count = max(SWEEP // len(costs.scenario.all_tasks), LEAST)
    values = points_of(item, low, high, count)
    table = costs.at_once({item.name: values})
    if table is not None:
        return _refined(costs, item, values, table)
    values = points_of(item, low, high, COARSE)
    return values, costs.at({item.name: values})


def _refined(costs: Costs, item: Input, values: Array, table: Array) -> tuple[Array, Array]:
    """Bill more closely where the cheapest could change there and back."""
    for _ in range(ROUNDS):
        suspects = _suspects(table)
        if not 0 < suspects.size <= MOST:
            break
        new = _inside(values, suspects, WITHIN // 3)
        added = costs.at({item.name: new})
        order = np.argsort(np.concatenate([values, new]), kind="stable")
        values = np.concatenate([values, new])[order]
        table = np.concatenate([table, added], axis=1)[:, order]
    return values, table


def _suspects(table: Array) -> Ints:
    """Return the intervals in which an option that is dearer at both ends may be the cheapest.

    An option may dip below the cheapest where the gap is smaller than what gaps move by between
    neighbouring points, or than the steps that both costs take there: one may come before the
    other.
    """
    winners = winners_of(table)
    least = np.where(winners >= 0, table.min(axis=0), np.inf)
    with np.errstate(invalid="ignore"):
        gaps = table - least
        moved = np.abs(np.diff(gaps, axis=1))
        largest = np.maximum(moved, np.roll(moved, 1, axis=1))
        largest = np.maximum(largest, np.roll(moved, -1, axis=1))
        gap = np.minimum(gaps[:, 1:], gaps[:, :-1])
        near = (gap <= largest) & (largest > 0)
        jumps = _jumps(table)
        both = jumps + jumps[winners[:-1], np.arange(jumps.shape[1])]
        near |= (gap <= both) & (gap > 0)
    return np.flatnonzero(near.any(axis=0))


def _jumps(table: Array) -> Array:
    """Return how much more or less costs move in each interval than in those beside it."""
    moves = np.diff(table, axis=1)
    beside = np.abs(np.diff(moves, axis=1))
    before, after = (np.pad(beside, ((0, 0), ends), "edge") for ends in ((1, 0), (0, 1)))
    return np.asarray(np.minimum(before, after))


def _inside(values: Array, intervals: Ints, count: int) -> Array:
    """Return points inside intervals."""
    steps = np.arange(1, count + 1) / (count + 1)
    left, right = values[intervals], values[intervals + 1]
    return np.asarray((left[:, None] + (right - left)[:, None] * steps).ravel())


def _crossings(costs: Costs, item: Input, values: Array, table: Array) -> tuple[Crossing, ...]:
    """Narrow every interval in which the cheapest option changes."""
    winners = winners_of(table)
    at = np.flatnonzero(winners[1:] != winners[:-1])
    if at.size > MOST:
        message = f"the cheapest option changes more than {MOST} times: choose a smaller range"
        raise ScenarioError(message)
    left, right = values[at], values[at + 1]
    low, high = table[:, at], table[:, at + 1]
    while not item.whole:
        wide = right - left > NARROW * np.maximum(np.abs(right), np.abs(left))
        wide &= right - left > NARROW * (values[-1] - values[0]) * 1e-3
        if not wide.any():
            break
        inner = _divided(costs, item, (left[wide], right[wide]), (low[:, wide], high[:, wide]))
        order = np.argsort(np.concatenate([left[~wide], inner[0]]), kind="stable")
        left = np.concatenate([left[~wide], inner[0]])[order]
        right = np.concatenate([right[~wide], inner[1]])[order]
        low = np.concatenate([low[:, ~wide], inner[2]], axis=1)[:, order]
        high = np.concatenate([high[:, ~wide], inner[3]], axis=1)[:, order]
    return tuple(
        _crossing(costs.options, (left[k], right[k]), low[:, k], high[:, k], whole=item.whole)
        for k in range(left.size)
    )


def _divided(
    costs: Costs, item: Input, ends: tuple[Array, Array], outer: tuple[Array, Array]
) -> tuple[Array, Array, Array, Array]:
    """Divide brackets and keep the parts in which the cheapest changes."""
    left, right = ends
    # value by value, halving is cheapest
    count = 1 if costs.one_by_one else int(np.clip(POINTS // left.size, WITHIN, EACH))
    steps = np.arange(1, count + 1) / (count + 1)
    inner = left[:, None] + (right - left)[:, None] * steps
    found = np.full((len(costs.options), inner.size), np.inf)
    near = _contenders(outer)
    names = [costs.options[k] for k in near]
    found[near] = costs.at({item.name: inner.ravel()}, names)
    found = found.reshape(len(costs.options), *inner.shape)
    points = np.concatenate([left[:, None], inner, right[:, None]], axis=1)
    table = np.concatenate([outer[0][:, :, None], found, outer[1][:, :, None]], axis=2)
    winners = winners_of(table.reshape(len(costs.options), -1)).reshape(points.shape)
    rows, columns = np.nonzero(winners[:, 1:] != winners[:, :-1])
    return (
        points[rows, columns],
        points[rows, columns + 1],
        table[:, rows, columns],
        table[:, rows, columns + 1],
    )


def _contenders(outer: tuple[Array, Array]) -> Ints:
    """Return the options that cost at most FAR times the cheapest at an end of some bracket."""
    near = [side <= FAR * side.min(axis=0) for side in outer]
    return np.flatnonzero((near[0] | near[1]).any(axis=1))


def _crossing(
    options: Sequence[str], ends: tuple[float, float], low: Array, high: Array, *, whole: bool
) -> Crossing:
    """Describe a narrow bracket."""
    before, after = (int(winners_of(side[:, None])[0]) for side in (low, high))
    gaps = [
        abs(side[after] - side[before]) / max(abs(side[before]), 1e-300)
        if before >= 0 and after >= 0 and np.isfinite(side[[before, after]]).all()
        else np.inf
        for side in (low, high)
    ]
    names = names_of(options, np.array([before, after]))
    usd = high[after] if after >= 0 else low[before]
    return Crossing(
        float(ends[1]), names[0], names[1], float(usd), bool(not whole and max(gaps) > SMOOTH)
    )


@dataclass(frozen=True)
class OwnAgainstHosted:
    """From which volume own GPUs beat a hosted option.

    Attributes:
        own, hosted: The two options.
        crossings: Volumes at which the cheaper of the two changes.
        utilisation: Share of the GPU-hours paid for that work at each of them; own GPUs that are
            used less lose. [1]
    """

    own: str
    hosted: str
    crossings: tuple[Crossing, ...]
    utilisation: tuple[float | None, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        return {
            "own": self.own,
            "hosted": self.hosted,
            "crossings": [
                crossing.as_dict() | {"utilisation": share}
                for crossing, share in zip(self.crossings, self.utilisation, strict=True)
            ],
        }


def own_against_hosted(
    scenario: Scenario, book: PriceBook | None = None
) -> tuple[OwnAgainstHosted, ...]:
    """Find the requests a month at which own or rented GPUs beat each hosted option.

    Pairs are compared whether or not they meet the required success rate.

    Args:
        scenario: The scenario.
        book: The prices; None = the shipped tables, with your own laid over them.

    Returns:
        One for each pair; none where no option runs on GPUs of one's own.
    """
    names = [o.name for o in scenario.options if _runs_own(o)]
    if not names:
        return ()
    costs = replace(Costs.of(scenario, book), strict=False)
    own = [name for name in names if name in costs.options]
    others = [name for name in costs.options if name not in names]
    if not own or not others:
        return ()
    item = find_input(scenario, VOLUME)
    values, table = _swept(costs, item, *range_of(item, None, None))
    pairs = []
    for mine in own:
        for hosted in others:
            rows = [costs.options.index(mine), costs.options.index(hosted)]
            slow = {mine, hosted} & costs.one_by_one
            two = replace(costs, options=(mine, hosted), one_by_one=slow)
            crossings = _crossings(two, item, values, table[rows])
            used = tuple(_utilisation(two, item, mine, crossing.at) for crossing in crossings)
            pairs.append(OwnAgainstHosted(mine, hosted, crossings, used))
    return tuple(pairs)


def _runs_own(option: Option | Mix) -> bool:
    return isinstance(option, Option) and isinstance(option.stages[0].host, Owned | Rented)


def _utilisation(costs: Costs, item: Input, name: str, value: float) -> float | None:
    """Return the share of the GPU-hours paid by an option that work. [1]"""
    scenario = replace_inputs(costs.scenario, {item.name: value})
    found = billed(scenario, scenario.option(name), costs.book).bill
    if found is None:
        return None
    working = paid = 0.0
    for line in found.lines:
        inputs = line.quantity.inputs
        if line.line.activity in ("serve", "idle") and "replicas" in inputs:  # rented
            hours = float(np.sum(line.amount))
            paid += hours
            working += hours if line.line.activity == "serve" else 0.0
        elif "busy_share" in inputs:  # owned: work shows in the electricity, ...
            working += float(np.sum(inputs["gpus"] * inputs["hours"] * inputs["busy_share"]))
        elif "life_years" in inputs:  # ... what is paid in the purchase
            paid += float(np.sum(inputs["gpus"] * inputs["hours"]))
    return working / paid if paid > 0 else None
