"""Where the cheapest option changes: crossings, regions, the month in which building has paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.analysis.compare import Comparison, Result, billed
from costmodel.bill import Bill
from costmodel.costs import shipped_book
from costmodel.errors import CostModelError, ScenarioError
from costmodel.hosts import Owned, Rented
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.scenario import Mix, Option, Scenario, book_for
from costmodel.scenario.inputs import Input, find_input, replace_inputs

Ints = npt.NDArray[np.int64]

SWEEP = 501  # points of the first sweep
LEAST = 151  # the same at least, where many tasks make each of them dear
COARSE = 49  # the same where an option cannot be swept at once
POINTS, EACH = 2_000, 400  # points of one round of narrowing, and of one bracket, at most
WITHIN = 18  # points put into each interval that is looked at more closely
ROUNDS = 2  # times that intervals where two options come near are looked at
NARROW = 1e-9  # relative width at which a crossing is known
SMOOTH = 1e-6  # relative gap at a crossing below which costs meet; above, one of them steps
EQUAL = 1e-9  # relative difference that is none
SPAN = 100.0  # the default range reaches from value / SPAN to value * SPAN
LOG_FROM = 50.0  # ratio of the ends from which points are spaced in proportion
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
        return {
            "at": self.at,
            "before": self.before,
            "after": self.after,
            "usd": self.usd,
            "step": self.step,
        }


@dataclass(frozen=True, eq=False)
class Costs:
    """What options cost as one or two inputs move.

    Attributes:
        scenario: The scenario.
        book: Prices, its own rates included.
        options: Names of the options that are asked about.
        unit: usd_per_success or total_usd: what the verdict compares.
        excluded: Option -> why it cannot be had.
        strict: Whether options below the required success rate are out.
        one_by_one: Options whose bill cannot take many values at once, e.g. because a plan of GPUs
            is made for one load; they are billed value by value.
    """

    scenario: Scenario
    book: PriceBook
    options: tuple[str, ...]
    unit: str
    excluded: Mapping[str, str] = field(default_factory=dict)
    strict: bool = True
    one_by_one: set[str] = field(default_factory=set)
    seen: dict[tuple[str, tuple[tuple[str, float], ...]], float] = field(
        default_factory=dict, repr=False
    )

    @classmethod
    def of(
        cls, scenario: Scenario, book: PriceBook | None = None, options: Sequence[str] = ()
    ) -> Costs:
        """Prepare costs of some options, or of all.

        Raises:
            ScenarioError: If there is no such option, or none can be had.
        """
        book = shipped_book() if book is None else book
        for name in options:
            scenario.option(name)
        chosen = tuple(dict.fromkeys(options)) or tuple(o.name for o in scenario.options)
        priced = book_for(scenario, book)
        results = [billed(scenario, scenario.option(name), priced) for name in chosen]
        possible = [result for result in results if result.feasible]
        if not possible:
            reasons = "; ".join(f"{result.name}: {result.reason}" for result in results)
            message = f"no option can be had over the horizon: {reasons}"
            raise ScenarioError(message)
        rated = any(result.success_rate is not None for result in possible)
        unit = "usd_per_success" if rated else "total_usd"
        excluded = {r.name: r.reason for r in results if not r.feasible}
        return cls(scenario, priced, tuple(r.name for r in possible), unit, excluded)

    def at(
        self,
        values: Mapping[str, Array],
        names: Sequence[str] | None = None,
        *,
        trying: bool = False,
    ) -> Array:
        """Return the cost of each option for each set of values.

        Args:
            values: Input -> its values, shape (S,).
            names: Options; None = all that are asked about.
            trying: Whether to note an option that cannot take the values at once, its costs
                unknown, rather than to bill it one by one.

        Returns:
            Costs, infinite where an option cannot be had or misses the required success. [US$],
            shape (options, S)
        """
        names = self.options if names is None else names
        count = len(next(iter(values.values())))
        many = self._many(values, count)
        rows = []
        for name in names:
            row = None
            if many is not None and name not in self.one_by_one:
                row = self._vector(many, name, count)
                if row is None and trying:
                    self.one_by_one.add(name)
            if trying and name in self.one_by_one:
                row = np.full(count, np.nan)
            rows.append(self._single(values, name, count) if row is None else row)
        return np.array(rows)

    def _many(self, values: Mapping[str, Array], count: int) -> Scenario | None:
        """Return one scenario that holds all values, None if an input takes one at a time."""
        if count == 1:
            return replace_inputs(self.scenario, {n: float(v[0]) for n, v in values.items()})
        if all(find_input(self.scenario, name, self.book).broadcasts for name in values):
            return replace_inputs(self.scenario, values)
        return None

    def _vector(self, many: Scenario, name: str, count: int) -> Array | None:
        """Return the costs of many scenarios at once, None if they have to be billed one by one."""
        try:
            return self._cost(many, name, count)
        except CostModelError:
            # too long a prompt in one of the scenarios is an error for all of them
            return None

    def _single(self, values: Mapping[str, Array], name: str, count: int) -> Array:
        """Return the costs of scenarios billed one after the other."""
        result = np.empty(count)
        for k in range(count):
            these = {word: float(value[k]) for word, value in values.items()}
            key = (name, tuple(these.items()))
            if key not in self.seen:
                try:
                    self.seen[key] = float(
                        self._cost(replace_inputs(self.scenario, these), name, 1)[0]
                    )
                except CostModelError:
                    self.seen[key] = np.inf
            result[k] = self.seen[key]
        return result

    def _cost(self, scenario: Scenario, name: str, count: int) -> Array:
        option = scenario.option(name)
        people = scenario.people != self.scenario.people
        book = book_for(scenario, self.book) if people else self.book
        found = billed(scenario, option, book)
        cost = _cost_of(found, self.unit)
        required = scenario.workload.required_success
        if self.unit == "usd_per_success":
            rate = np.asarray(0.0 if option.success_rate is None else option.success_rate, float)
            least = (
                np.asarray(0.0 if required is None else required, float)
                if self.strict
                else np.zeros(())
            )
            least = least - 1e-12
            missed = ~((rate >= least) & (rate > 0))
            cost = np.where(missed.reshape(-1), np.inf, cost)
        return np.array(np.broadcast_to(np.where(np.isnan(cost), np.inf, cost), count), float)

    def check(self, values: Mapping[str, Array], table: Array) -> bool:
        """Find the options that have to be billed one by one: some values are billed both ways."""
        count = table.shape[1]
        few = np.unique([count // 3, 5 * count // 6])
        chosen = {name: value[few] for name, value in values.items()}
        for row, name in zip(table, self.options, strict=True):
            if name not in self.one_by_one:
                alone = self._single(chosen, name, few.size)
                if not np.allclose(row[few], alone, rtol=EQUAL, atol=0.0):
                    self.one_by_one.add(name)
        return bool(self.one_by_one)


def _cost_of(found: Result, unit: str) -> Array:
    if found.bill is None:
        return np.array([np.inf])
    value = found.usd_per_success if unit == "usd_per_success" else found.bill.total
    return np.asarray(np.inf if value is None else value, float).reshape(-1)


@dataclass(frozen=True, eq=False)
class BreakEven:
    """The cheapest option over a range of one input.

    Attributes:
        over: The input.
        low, high: Ends of the range.
        unit: usd_per_success or total_usd: what is compared. [US$]
        options: Options compared, in the order of the scenario.
        excluded: Option -> why it is left out.
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
        first = _names(self.options, _winners(self.costs[:, :1]))[0]
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
    over: str = "workload.requests",
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
    costs = Costs.of(scenario, book, options)
    item = find_input(scenario, over, costs.book)
    low, high = _range(item, low, high)
    values, table = _swept(costs, item, low, high)
    crossings = _crossings(costs, item, values, table)
    return BreakEven(
        item.name,
        low,
        high,
        costs.unit,
        costs.options,
        costs.excluded,
        crossings,
        values,
        table,
        item.value,
        tuple(name for name in costs.options if name in costs.one_by_one),
    )


def _swept(costs: Costs, item: Input, low: float, high: float) -> tuple[Array, Array]:
    """Bill a range of an input, closely enough that no change of the cheapest hides."""
    if not item.broadcasts:
        costs.one_by_one.update(costs.options)
        values = _points(item, low, high, COARSE)
        return values, costs.at({item.name: values})
    count = max(SWEEP // len(costs.scenario.all_tasks), LEAST)
    values = _points(item, low, high, count)
    table = costs.at({item.name: values}, trying=True)
    if costs.check({item.name: values}, table):
        values = _points(item, low, high, COARSE)
        table = costs.at({item.name: values})
    return _refined(costs, item, values, table)


def _range(item: Input, low: float | None, high: float | None) -> tuple[float, float]:
    """Return the ends of the range, by default those that are sensible for the input."""
    value = item.value
    if (item.low, item.high) == (0.0, 1.0):
        ends = (0.0, 1.0)
    elif item.name.endswith(".growth"):
        ends = (-0.05, 0.2)
    elif item.name.endswith("changes_per_year"):
        ends = (0.0, 24.0)
    elif item.name == "months":
        ends = (1.0, 60.0)
    elif value:
        ends = (max(value / SPAN, item.low), min(value * SPAN, item.high))
    elif low is not None and high is not None:
        ends = (low, high)
    else:
        message = f"{item.name} is not stated in the scenario: say --from and --to"
        raise ScenarioError(message)
    first = ends[0] if low is None else low
    last = ends[1] if high is None else high
    for end in (first, last):
        if not item.low <= end <= item.high:
            message = f"{item.name} must lie between {item.low:g} and {item.high:g}, got {end:g}"
            raise ScenarioError(message)
    if not first < last:
        message = f"the range of {item.name} is empty: from {first:g} to {last:g}"
        raise ScenarioError(message)
    return first, last


def _points(item: Input, low: float, high: float, count: int) -> Array:
    """Return points from end to end, in proportion where the range is wide."""
    if item.whole:
        whole = np.arange(np.ceil(low), np.floor(high) + 1)
        if whole.size > MOST:
            message = f"{item.name} takes whole numbers: choose a range of at most {MOST}"
            raise ScenarioError(message)
        return np.asarray(whole, float)
    if low > 0 and high / low >= LOG_FROM:
        points = np.geomspace(low, high, count)
    else:
        points = np.linspace(low, high, count)
    points[0], points[-1] = low, high
    return np.asarray(points)


def _winners(costs: Array) -> Ints:
    """Return the index of the cheapest option for each value, -1 where none can be had.

    Costs that differ by rounding only are equal; the option that stands first is taken.
    """
    least = costs.min(axis=0)
    near = costs <= least + np.abs(np.where(np.isfinite(least), least, 0.0)) * EQUAL
    return np.where(np.isfinite(least), near.argmax(axis=0), -1)


def _names(options: Sequence[str], winners: Ints) -> list[str]:
    return [options[k] if k >= 0 else "" for k in winners]


def _refined(costs: Costs, item: Input, values: Array, table: Array) -> tuple[Array, Array]:
    """Bill more closely where the cheapest could change there and back."""
    for _ in range(ROUNDS):
        suspects = _suspects(table)
        if not suspects.size or suspects.size > MOST:
            break
        if costs.one_by_one:
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
    neighbouring points, steps included.
    """
    winners = _winners(table)
    least = np.where(winners >= 0, table.min(axis=0), np.inf)
    with np.errstate(invalid="ignore"):
        gaps = table - least
        moved = np.abs(np.diff(gaps, axis=1))
        largest = np.maximum(moved, np.roll(moved, 1, axis=1))
        largest = np.maximum(largest, np.roll(moved, -1, axis=1))
        gap = np.minimum(gaps[:, 1:], gaps[:, :-1])
        near = (gap <= largest) & (largest > 0)
    return np.flatnonzero(near.sum(axis=0) >= 1)


def _inside(values: Array, intervals: Ints, count: int) -> Array:
    """Return points inside intervals."""
    steps = np.arange(1, count + 1) / (count + 1)
    left, right = values[intervals], values[intervals + 1]
    return np.asarray((left[:, None] + (right - left)[:, None] * steps).ravel())


def _crossings(costs: Costs, item: Input, values: Array, table: Array) -> tuple[Crossing, ...]:
    """Narrow every interval in which the cheapest option changes."""
    winners = _winners(table)
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
    winners = _winners(table.reshape(len(costs.options), -1)).reshape(points.shape)
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
    before, after = (int(_winners(side[:, None])[0]) for side in (low, high))
    gaps = [
        abs(side[after] - side[before]) / max(abs(side[before]), 1e-300)
        if before >= 0 and after >= 0 and np.isfinite(side[[before, after]]).all()
        else np.inf
        for side in (low, high)
    ]
    names = _names(options, np.array([before, after]))
    usd = high[after] if after >= 0 else low[before]
    return Crossing(
        float(ends[1]), names[0], names[1], float(usd), bool(not whole and max(gaps) > SMOOTH)
    )


# two inputs


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
            "cheapest": [[name or None for name in _names(self.options, r)] for r in self.winners],
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
        columns: Values of the first.
        rows: Values of the second.

    Raises:
        ScenarioError: If an input or an option is unknown, or both inputs are the same.
    """
    costs = Costs.of(scenario, book, options)
    items = [find_input(scenario, word, costs.book) for word in (across, down)]
    if items[0].name == items[1].name:
        message = f"a map needs two inputs, got {items[0].name} twice"
        raise ScenarioError(message)
    xs = _points(items[0], *_range(items[0], None, None), columns)
    ys = _points(items[1], *_range(items[1], None, None), rows)
    grid_y, grid_x = np.meshgrid(ys, xs, indexing="ij")
    values = {items[0].name: grid_x.ravel(), items[1].name: grid_y.ravel()}
    table = costs.at(values, trying=True)
    if costs.check(values, table):
        table = costs.at(values)
    shape = (ys.size, xs.size)
    return PhaseMap(
        items[0].name,
        items[1].name,
        xs,
        ys,
        costs.unit,
        costs.options,
        _winners(table).reshape(shape),
        table.min(axis=0).reshape(shape),
        np.sort(np.vstack([table, np.full((1, table.shape[1]), np.inf)]), axis=0)[1].reshape(shape),
    )


# time


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


def payback(option: tuple[str, Bill], against: tuple[str, Bill]) -> Payback:
    """Say in which month an option has paid for what it costs more at first.

    Args:
        option: Name and bill of the option that is built.
        against: Name and bill of the other one.
    """
    months = option[1].months
    more = np.cumsum(_central(option[1]) - _central(against[1]))
    behind = np.flatnonzero(more > 0)
    paid = np.flatnonzero((more <= 0) & (np.arange(more.size) > (behind[0] if behind.size else -1)))
    first = int(paid[0]) if paid.size else None
    lost = np.flatnonzero(
        (more > 0) & (np.arange(more.size) > (more.size if first is None else first))
    )
    return Payback(
        option[0],
        against[0],
        float(more[0]),
        None if first is None else months.labels[first],
        None if first is None else first + 1,
        months.labels[lost[0]] if lost.size else None,
        -float(more[-1]),
    )


def paybacks(comparison: Comparison) -> tuple[Payback, ...]:
    """Set every option that costs more at first beside the one that costs least in month 1."""
    bills = comparison.bills
    if not bills:
        return ()
    start = min(bills, key=lambda name: _central(bills[name])[0])
    return tuple(
        payback((name, found), (start, bills[start]))
        for name, found in bills.items()
        if name != start
    )


def _central(found: Bill) -> Array:
    monthly = found.monthly()
    return np.asarray(monthly.reshape(-1, monthly.shape[-1]).mean(axis=0))


# own GPUs


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
    scenario: Scenario, book: PriceBook | None = None, over: str = "workload.requests"
) -> tuple[OwnAgainstHosted, ...]:
    """Find the volumes at which own or rented GPUs beat each hosted option.

    Pairs are compared whether or not they meet the required success rate.

    Args:
        scenario: The scenario.
        book: The prices; None = the shipped tables, with your own laid over them.
        over: The input that is the volume.

    Returns:
        One for each pair; none where no option runs on GPUs of one's own.
    """
    names = [o.name for o in scenario.options if _runs_own(o)]
    if not names:
        return ()
    costs = replace(Costs.of(scenario, book), strict=False)
    own = [name for name in names if name in costs.options]
    others = [name for name in costs.options if name not in names]
    item = find_input(scenario, over, costs.book)
    low, high = _range(item, None, None)
    pairs = []
    values = table = np.empty(0)
    if own and others:
        values, table = _swept(costs, item, low, high)
    for mine in own:
        for hosted in others:
            rows = [costs.options.index(mine), costs.options.index(hosted)]
            two = replace(costs, options=(mine, hosted))
            slow = {mine, hosted} & costs.one_by_one
            two = replace(two, one_by_one=slow)
            crossings = _crossings(two, item, values, table[rows])
            used = tuple(_utilisation(two, item, mine, crossing.at) for crossing in crossings)
            pairs.append(OwnAgainstHosted(mine, hosted, crossings, used))
    return tuple(pairs)


def _runs_own(option: Option | Mix) -> bool:
    return isinstance(option, Option) and isinstance(option.stages[0].host, Owned | Rented)


def _utilisation(costs: Costs, item: Input, name: str, value: float) -> float | None:
    """Return the share of the standing hours of an option that work. [1]"""
    scenario = replace_inputs(costs.scenario, {item.name: value})
    found = billed(scenario, scenario.option(name), costs.book).bill
    if found is None:
        return None
    hours = {"serve": 0.0, "idle": 0.0}
    for line in found.lines:
        if line.line.activity in hours and "replicas" in line.quantity.inputs:
            hours[line.line.activity] += float(np.sum(line.amount))
    whole = hours["serve"] + hours["idle"]
    return hours["serve"] / whole if whole > 0 else None
