"""What options cost as one or two inputs move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from costmodel.analysis.compare import Result, billed
from costmodel.costs import shipped_book
from costmodel.errors import CostModelError, ScenarioError
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.scenario import Scenario, book_for, find_input, replace_inputs
from costmodel.scenario.inputs import Input

Ints = npt.NDArray[np.int64]

EQUAL = 1e-9  # relative difference that is none
SPAN = 100.0  # the default range reaches from value / SPAN to value * SPAN
LOG_FROM = 50.0  # ratio of the ends from which points are spaced in proportion
MOST = 2_000  # values of a whole number tried at most


@dataclass(frozen=True, eq=False)
class Costs:
    """What options cost as one or two inputs move.

    Attributes:
        scenario: The scenario.
        book: Prices, its own rates included.
        options: Names of the options that are asked about.
        unit: usd_per_success or total_usd: what the verdict compares.
        excluded: Option -> why it cannot be had over the horizon of the scenario.
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
        cls,
        scenario: Scenario,
        book: PriceBook | None = None,
        options: Sequence[str] = (),
        *,
        shorter: bool = False,
    ) -> Costs:
        """Prepare costs of some options, or of all.

        Args:
            scenario: The scenario.
            book: The prices; None = the shipped tables, with your own laid over them.
            options: Names of options; none = all.
            shorter: Whether to keep options that cannot be had, as the horizon may become one over
                which they can.

        Raises:
            ScenarioError: If there is no such option, or none can be had.
        """
        book = shipped_book() if book is None else book
        for name in options:
            scenario.option(name)
        chosen = tuple(dict.fromkeys(options)) or tuple(o.name for o in scenario.options)
        priced = book_for(scenario, book)
        results = [billed(scenario, scenario.option(name), priced) for name in chosen]
        possible = [result for result in results if shorter or result.feasible]
        excluded = {r.name: r.reason for r in results if not r.feasible}
        if not possible:
            raise ScenarioError(none_can_be_had(excluded))
        rated = any(result.success_rate is not None for result in possible)
        unit = "usd_per_success" if rated else "total_usd"
        return cls(scenario, priced, tuple(r.name for r in possible), unit, excluded)

    def over(self, values: Mapping[str, Array]) -> Array:
        """Return the cost of each option for each set of values, as many at once as may be.

        Where one input takes one value at a time (months), the others move at once for each of
        its values.

        Args:
            values: Input -> its values, shape (S,).

        Returns:
            Costs as of `at`. [US$], shape (options, S)
        """
        single = [
            name for name in values if not find_input(self.scenario, name, self.book).broadcasts
        ]
        if not single or len(single) == len(values):
            table = self.at_once(values)
            return self.at(values) if table is None else table
        points = np.stack([values[name] for name in single], axis=1)
        table = np.empty((len(self.options), len(points)))
        for point in np.unique(points, axis=0):
            here = (points == point).all(axis=1)
            fixed = {name: float(value) for name, value in zip(single, point, strict=True)}
            scenario = replace_inputs(self.scenario, fixed)
            costs = replace(
                self,
                scenario=scenario,
                book=book_for(scenario, self.book),
                one_by_one=set(),
                seen={},
            )
            moving = {name: value[here] for name, value in values.items() if name not in single}
            table[:, here] = costs.over(moving)
            self.one_by_one.update(costs.one_by_one)
        return table

    def at(self, values: Mapping[str, Array], names: Sequence[str] | None = None) -> Array:
        """Return the cost of each option for each set of values.

        Args:
            values: Input -> its values, shape (S,).
            names: Options; None = all that are asked about.

        Returns:
            Costs, infinite where an option cannot be had or misses the required success. [US$],
            shape (options, S)
        """
        count = len(next(iter(values.values())))
        many = self._many(values, count)
        rows = []
        for name in self.options if names is None else names:
            row = self._vector(many, name, count)
            rows.append(self._single(values, name, count) if row is None else row)
        return np.array(rows)

    def at_once(self, values: Mapping[str, Array]) -> Array | None:
        """Return the costs of all options, None where some have to be billed one by one.

        Those are noted: options that refuse the values together, or whose bill is another one then
        than for a value alone.

        Args:
            values: Input -> its values, shape (S,).
        """
        count = len(next(iter(values.values())))
        few = np.unique([count // 3, 5 * count // 6])
        chosen = {name: value[few] for name, value in values.items()}
        many = self._many(values, count)
        rows = []
        for name in self.options:
            row = self._vector(many, name, count)
            if row is None:
                self.one_by_one.add(name)
                continue
            alone = self._single(chosen, name, few.size)
            if not np.allclose(row[few], alone, rtol=EQUAL, atol=0.0):
                self.one_by_one.add(name)
            rows.append(row)
        return None if self.one_by_one else np.array(rows)

    def _many(self, values: Mapping[str, Array], count: int) -> Scenario | None:
        """Return one scenario that holds all values, None if an input takes one at a time."""
        if count == 1:
            return replace_inputs(self.scenario, {n: float(v[0]) for n, v in values.items()})
        if all(find_input(self.scenario, name, self.book).broadcasts for name in values):
            return replace_inputs(self.scenario, values)
        return None

    def _vector(self, many: Scenario | None, name: str, count: int) -> Array | None:
        """Return the costs of many scenarios at once, None if they have to be billed one by one."""
        if many is None or name in self.one_by_one:
            return None
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
        if self.unit == "usd_per_success":
            rate = np.asarray(0.0 if option.success_rate is None else option.success_rate, float)
            required = scenario.workload.required_success if self.strict else None
            least = np.asarray(0.0 if required is None else required, float) - 1e-12
            missed = ~((rate >= least) & (rate > 0))
            cost = np.where(missed.reshape(-1), np.inf, cost)
        return np.array(np.broadcast_to(np.where(np.isnan(cost), np.inf, cost), count), float)


def none_can_be_had(reasons: Mapping[str, str]) -> str:
    """Say that no option can be had, and why not."""
    said = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return f"no option can be had over the horizon: {said}"


def _cost_of(found: Result, unit: str) -> Array:
    if found.bill is None:
        return np.array([np.inf])
    value = found.usd_per_success if unit == "usd_per_success" else found.bill.total
    return np.asarray(np.inf if value is None else value, float).reshape(-1)


def range_of(item: Input, low: float | None, high: float | None) -> tuple[float, float]:
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


def points_of(item: Input, low: float, high: float, count: int) -> Array:
    """Return points from end to end, in proportion where the range is wide."""
    if item.whole:
        whole = np.arange(np.ceil(low), np.floor(high) + 1)
        if not 0 < whole.size <= MOST:
            message = f"{item.name} takes whole numbers: choose a range with 1 to {MOST} of them"
            raise ScenarioError(message)
        return np.asarray(whole, float)
    if low > 0 and high / low >= LOG_FROM:
        points = np.geomspace(low, high, count)
    else:
        points = np.linspace(low, high, count)
    points[0], points[-1] = low, high
    return np.asarray(points)


def winners_of(costs: Array) -> Ints:
    """Return the index of the cheapest option for each value, -1 where none can be had.

    Costs that differ by rounding only are equal; the option that stands first is taken.
    """
    least = costs.min(axis=0)
    near = costs <= least + np.abs(np.where(np.isfinite(least), least, 0.0)) * EQUAL
    return np.where(np.isfinite(least), near.argmax(axis=0), -1)


def names_of(options: Sequence[str], winners: Ints) -> list[str]:
    """Return the names behind `winners_of`, blank where none can be had."""
    return [options[k] if k >= 0 else "" for k in winners]
