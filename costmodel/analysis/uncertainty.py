"""Draws of everything that is not certain, the same for every option of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from costmodel.analysis.compare import Comparison, bill_of, compare, result_of
from costmodel.bill import Bill, BilledLine
from costmodel.errors import ScenarioError, nearest
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.quantities.distributions import Distribution, uniforms
from costmodel.quantities.upkeep import MONTHS_PER_YEAR, drawn_events
from costmodel.scenario import Option, Scenario, book_for, numeric_inputs, plan, replace_inputs
from costmodel.scenario.draft import Chances, Risk

BLOCK = 4000  # draws computed at once
RENT_TAIL = 0.1
# tables whose rows bring bands -> columns of the least, usual and greatest price, and the share of
# the outcomes beyond either end
BANDED = {
    "labour": (("low", "per_hour", "high"), 0.25),
    "gpu_rental": (("price_low", "price_per_hour", "price_high"), RENT_TAIL),
}
CHANGES = "upkeep.requirement_changes_per_year"
CHANGES_AT_RANDOM = "changes of requirements, at random"
LIVES = 4  # models that are drawn one after the other: the first, and those that follow it


@dataclass(frozen=True)
class Driver:
    """Something uncertain.

    Attributes:
        name: Input of the scenario, or the price that it moves.
        distribution: What it may be; of a price, a factor on it.
        rows: Rows of the book whose price it moves; empty for an input of the scenario.
        scaled: Whether it is a factor on something predicted, 1 on average.
    """

    name: str
    distribution: Distribution
    rows: frozenset[int] = frozenset()
    scaled: bool = False

    @property
    def middle(self) -> float:
        """Value in the central case; of a price, factor on it."""
        return 1.0 if self.rows or self.scaled else self.distribution.mean

    def drawn(self, share: Array) -> Array:
        """Return values of an input, or factors on a price, at shares of the outcomes."""
        values = self.distribution.quantile(share)
        if self.scaled:
            # the least factor that makes sense is least after scaling, too
            return np.maximum(values / self.distribution.mean, self.distribution.least)
        return values / self.distribution.mean if self.rows else values


@dataclass(frozen=True, eq=False)
class Chance:
    """Everything uncertain about a scenario.

    Attributes:
        scenario: With means in place of ranges.
        book: The prices, own rates included.
        drivers: What is uncertain.
        events: Whether requirements change and models retire at random, not evenly at their rate.
        seed: Of the draws.
    """

    scenario: Scenario
    book: PriceBook = field(repr=False)
    drivers: tuple[Driver, ...]
    events: bool = True
    seed: int = 0

    @cached_property
    def central(self) -> Comparison:
        """The scenario at the means of all inputs."""
        return compare(self.scenario, self.book)

    @cached_property
    def risks_of(self) -> dict[str, tuple[Risk, ...]]:
        """Models that may retire at any time, of each option that can be had."""
        if not self.events:
            return {}
        options = {name: self.scenario.option(name) for name in self.central.bills}
        return {name: plan(self.scenario, o, self.book).risks for name, o in options.items()}

    @cached_property
    def risks(self) -> dict[str, Risk]:
        """Models of all options that may retire at any time, by name."""
        return {risk.name: risk for risks in self.risks_of.values() for risk in risks}

    @cached_property
    def at_random(self) -> dict[str, float]:
        """What comes at times nobody knows, and how often to expect it over the horizon."""
        rate = float(np.mean(self.scenario.upkeep.requirement_changes_per_year))
        found = {CHANGES_AT_RANDOM: rate * self.years} if self.events and rate else {}
        return found | {name: float(risk.expected().sum()) for name, risk in self.risks.items()}

    @cached_property
    def fixed_rates(self) -> tuple[str, ...]:
        """Roles that are paid at one rate in every draw, e.g. as their rows state no range."""
        lines = (line for found in self.central.bills.values() for line in found.lines)
        keys = {self.book.rows[line.row].key for line in lines}
        roles = {f"people.{key.sku}" for key in keys if key.table == "labour"}
        return tuple(sorted(roles - {driver.name for driver in self.drivers}))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names for people, in the order of `names`."""
        retiring = {n: f"retirement of {r.provider}/{r.model}" for n, r in self.risks.items()}
        return tuple(retiring.get(name, name) for name in self.names)

    @property
    def years(self) -> float:
        """Length of the horizon. [year]"""
        return self.scenario.months / MONTHS_PER_YEAR

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is not certain."""
        return (*(driver.name for driver in self.drivers), *self.at_random)

    @cached_property
    def groups(self) -> list[list[int]]:
        """Drivers that are one and the same chance: the volumes of all tasks."""
        volumes = [k for k, d in enumerate(self.drivers) if d.name.endswith(".requests")]
        return [volumes] if len(volumes) > 1 else []

    @cached_property
    def mixing(self) -> Array | None:
        """Square root of the correlation of the normal scores, None if nothing is correlated.

        Raises:
            ScenarioError: If an input is unknown, or the correlations contradict each other.
        """
        names = [driver.name for driver in self.drivers]
        matrix = np.eye(len(names))
        for group in self.scenario.together:
            for name in group.inputs:
                if name not in names:
                    message = f"together: no uncertain input {name!r}{nearest(name, names)}"
                    raise ScenarioError(message)
            at = [names.index(name) for name in group.inputs]
            for i in at:
                for j in at:
                    matrix[i, j] = 1.0 if i == j else group.by
        if np.array_equal(matrix, np.eye(len(names))):
            return None
        if np.linalg.eigvalsh(matrix).min() < -1e-9:  # noqa: PLR2004
            message = "together: these correlations contradict each other; no numbers have them all"
            raise ScenarioError(message)
        return np.asarray(np.linalg.cholesky(matrix + 1e-12 * np.eye(len(names))))

    def shares(self, number: int) -> tuple[Array, Array, Array]:
        """Return where each draw lies among the outcomes.

        Args:
            number: Draws.

        Returns:
            Shares of the outcomes of each driver, shape (number, drivers); of the changes of each
            month, shape (number, months); and of the lives of each model that may retire, and of
            those that follow it, shape (number, risks x LIVES). [1]
        """
        months = self.scenario.months if self.events else 0
        sizes = (len(self.drivers), months, len(self.risks) * LIVES)
        points = uniforms(number, sum(sizes), self.seed)
        drivers, changes, lives = np.split(points, np.cumsum(sizes)[:-1], axis=1)
        if self.mixing is not None:
            from scipy.special import ndtr, ndtri

            drivers = np.asarray(ndtr(ndtri(drivers) @ self.mixing.T))
        for first, *others in self.groups:
            drivers[:, others] = drivers[:, [first]]
        return drivers, changes, lives

    def put(self, values: Mapping[str, Array], per_year: Array | None = None) -> Scenario:
        """Return the scenario with values of its inputs, one scenario for each draw.

        Args:
            values: Input -> its values, shape (S,); prices are left out.
            per_year: Rate at which requirements change in each month. [1/year], shape (S, T)
        """
        inputs = {d.name: values[d.name] for d in self.drivers if not d.rows}
        scenario = replace_inputs(self.scenario, inputs)
        return scenario if per_year is None else replace_inputs(scenario, {CHANGES: per_year})

    def moves(self, lives: Array, options: Sequence[str]) -> dict[str, Array]:
        """Return the forced moves of each model that may retire. [1/month], shape (S, T)

        Args:
            lives: Shares of the outcomes of their lives, shape (S, risks x LIVES). [1]
            options: Options that are billed; the models of others are left out.
        """
        asked = {risk.name for name in options for risk in self.risks_of.get(name, ())}
        parts = np.split(lives, max(len(self.risks), 1), axis=1)
        pairs = zip(self.risks.items(), parts, strict=False)
        return {name: risk.drawn(part) for (name, risk), part in pairs if name in asked}


def chance_of(
    scenario: Scenario,
    book: PriceBook,
    *,
    bands: bool = True,
    events: bool = True,
    seed: int = 0,
) -> Chance:
    """Gather what is uncertain about a scenario.

    Args:
        scenario: The scenario.
        book: The prices.
        bands: Whether labour and rents vary within the bands of their rows, and predicted speeds of
            own GPUs within theirs.
        events: Whether requirements change and models retire at random, not evenly at their rate.
        seed: Of the draws.

    Raises:
        ScenarioError: If a range stands where none can.
    """
    priced = book_for(scenario, book)
    known = numeric_inputs(scenario)
    drivers = []
    stated = set()
    for entry in scenario.uncertain:
        stated.add(entry.name)
        if entry.name.startswith("people."):
            rows = _rows_of(priced, "labour", entry.name.removeprefix("people."))
            drivers.append(Driver(entry.name, entry.distribution, rows))
            continue
        if entry.name not in known or not known[entry.name].broadcasts:
            message = f"{entry.name} cannot be a range: state one number"
            raise ScenarioError(message)
        drivers.append(Driver(entry.name, entry.distribution))
    if bands:
        bills = compare(scenario, priced).bills
        known_bands = (*_bands(priced, bills), *_predicted(scenario, bills))
        drivers += list({d.name: d for d in known_bands if d.name not in stated}.values())
    return Chance(scenario, priced, tuple(drivers), events, seed)


def _rows_of(book: PriceBook, table: str, sku: str) -> frozenset[int]:
    return frozenset(
        k for k, row in enumerate(book.rows) if (row.key.table, row.key.sku) == (table, sku)
    )


def _bands(book: PriceBook, bills: Mapping[str, Bill]) -> Iterator[Driver]:
    """Yield the prices that bring bands of their own, of rows that some bill uses."""
    used = {line.row for found in bills.values() for line in found.lines}
    seen: dict[str, Driver] = {}
    for k in sorted(used):
        row = book.rows[k]
        if row.key.table not in BANDED:
            continue
        columns, tail = BANDED[row.key.table]
        ends = [row.facts.get(column) for column in columns]
        if not all(isinstance(end, float) and end > 0 for end in ends):
            continue
        low, mode, high = (float(end) for end in ends)  # type: ignore[arg-type]
        if not low <= mode <= high or low == high:
            continue
        labour = row.key.table == "labour"
        name = f"people.{row.key.sku}" if labour else f"rent.{row.key.provider}.{row.key.sku}"
        rows = _rows_of(book, "labour", row.key.sku) if labour else frozenset((k,))
        if name in seen:
            seen[name] = replace(seen[name], rows=seen[name].rows | rows)
            continue
        band = Distribution("range", {"low": low, "mode": mode, "high": high}, tail, least=0.0)
        seen[name] = Driver(name, band, rows)
    yield from seen.values()


def _predicted(scenario: Scenario, bills: Mapping[str, Bill]) -> Iterator[Driver]:
    """Yield the speeds of own GPUs that were predicted with a band."""
    known = numeric_inputs(scenario)
    for name, found in bills.items():
        if not isinstance(scenario.option(name), Option):
            continue  # a router has the hosts of its members
        for line in found.lines:
            for factor, (low, high) in line.quantity.spread.items():
                # stages of one option have one host in common, or the first one is meant
                at = f"option.{name}.host.{factor}"
                if at in known and low < 1 < high:
                    ends = {"low": low, "mode": 1.0, "high": high}
                    yield Driver(at, Distribution("range", ends, RENT_TAIL, 0.01), scaled=True)


@dataclass(frozen=True, eq=False)
class Costs:
    """What one option comes to in some draws.

    Attributes:
        name: The option.
        monthly: Cost of each month. [US$], shape (S, T)
        value: What options are ranked by, of an outcome or in all: see `Draws.rated`. [US$], (S,)
        part: Cost of each month of the lines that were asked about; no months where none were.
            [US$], shape (S, T)
    """

    name: str
    monthly: Array
    value: Array
    part: Array


@dataclass(frozen=True, eq=False)
class Draws:
    """Options of a scenario in the same draws.

    Attributes:
        chance: What was drawn from.
        values: Driver -> value in each draw; of a price, factor on it; of what is left to chance,
            how often it came over the horizon. shape (S,)
        costs: One entry for each option that can be had.
        central: The same for the means of all inputs, one draw.
        rated: Whether options are ranked by the cost of a successful outcome.
        eligible: Options that meet the required success rate.
    """

    chance: Chance
    values: Mapping[str, Array]
    costs: tuple[Costs, ...]
    central: Comparison
    rated: bool
    eligible: tuple[str, ...]

    def of(self, name: str) -> Costs:
        """Return the costs of an option.

        Raises:
            ScenarioError: If it has none.
        """
        for entry in self.costs:
            if entry.name == name:
                return entry
        self.central.scenario.option(name)
        reason = next(r.reason for r in self.central.results if r.name == name)
        message = f"option {name!r} has no bill: {reason}"
        raise ScenarioError(message)


Step = Callable[[float], None]


def draws(
    chance: Chance,
    number: int,
    names: Sequence[str] = (),
    step: Step = lambda _share: None,
    part: Callable[[BilledLine], bool] | None = None,
) -> Draws:
    """Draw a scenario many times.

    Args:
        chance: What is uncertain.
        number: Draws.
        names: Options to bill; all that can be had if left out.
        step: Told the share of the work that is done, after each option of a block.
        part: Says which lines are also added up by themselves.

    Raises:
        ScenarioError: If an option contradicts itself.
    """
    if number < 1:
        message = f"draws must be at least 1, got {number}"
        raise ScenarioError(message)
    central = chance.central
    wanted = [r.name for r in central.results if r.feasible and (not names or r.name in names)]
    for name in names:
        central.bill(name)
    shares, changes, lives = chance.shares(number)
    values = {d.name: d.drawn(shares[:, k]) for k, d in enumerate(chance.drivers)}
    per_year = _changes(chance, values, changes)
    parts: dict[str, list[tuple[Array, Array, Array]]] = {name: [] for name in wanted}
    # models of options that were not asked about move nothing
    moved = {name: np.zeros(number) for name in chance.risks}
    for start in range(0, number, BLOCK):
        block = slice(start, min(start + BLOCK, number))
        moves = chance.moves(lives[block], wanted)
        here = _Block(
            chance,
            chance.put(
                {name: value[block] for name, value in values.items()},
                None if per_year is None else per_year[block],
            ),
            {row: values[d.name][block] for d in chance.drivers for row in d.rows},
            Chances(moves),
            block.stop - block.start,
            part,
        )
        for k, name in enumerate(wanted):
            step((start + k / len(wanted) * (block.stop - start)) / number)
            parts[name].append(_costs(here, name))
        for name, times in moves.items():
            moved[name][block] = times.sum(axis=-1)
    if per_year is not None:
        values[CHANGES_AT_RANDOM] = per_year.mean(axis=-1) * chance.years
    values |= moved
    costs = tuple(
        # one after the other, so that only one option lies in memory twice
        Costs(name, *(np.concatenate(each) for each in zip(*parts.pop(name), strict=True)))
        for name in wanted
    )
    eligible = tuple(r.name for r in central.ranked if r.name in wanted)
    return Draws(chance, values, costs, central, central.rated, eligible)


def _changes(chance: Chance, values: Mapping[str, Array], shares: Array) -> Array | None:
    """Return the rate at which requirements change in each month, None if it is the stated one."""
    if CHANGES_AT_RANDOM not in chance.at_random:
        return None
    stated = values.get(CHANGES, chance.scenario.upkeep.requirement_changes_per_year)
    rate = np.asarray(stated, float).reshape(-1, 1)
    return MONTHS_PER_YEAR * drawn_events(rate, shares)


@dataclass(frozen=True, eq=False)
class _Block:
    """Some draws of a scenario.

    Attributes:
        chance: What was drawn from.
        scenario: With the drawn inputs.
        factors: Row -> factor on its price, shape (S,)
        chances: What came at random.
        number: Draws.
        part: Says which lines are also added up by themselves.
    """

    chance: Chance
    scenario: Scenario
    factors: Mapping[int, Array]
    chances: Chances
    number: int
    part: Callable[[BilledLine], bool] | None = None


def _costs(block: _Block, name: str) -> tuple[Array, Array, Array]:
    """Return cost by month, the figure that options are ranked by, and cost of a part."""
    chance, scenario = block.chance, block.scenario
    option = scenario.option(name)
    found, needs = bill_of(scenario, option, chance.book, block.chances)
    monthly = np.zeros((block.number, scenario.months))
    part = np.zeros((block.number, 0 if block.part is None else scenario.months))
    for line in found.lines:
        factor = block.factors.get(line.row)
        cost = line.cost if factor is None else line.cost * factor[:, np.newaxis]
        monthly += cost
        if block.part is not None and block.part(line):
            part += cost
    total = monthly.sum(axis=-1)
    result = result_of(scenario, option, found, needs, total)
    value = result.usd_per_success if chance.central.rated else total
    value = total if value is None else value
    return monthly, np.broadcast_to(np.asarray(value, float), (block.number,)), part


def one_at_a_time(drawn: Draws, low: float = 0.1, high: float = 0.9) -> dict[str, Array]:
    """Return the total of each option with one thing at either end and the others at their mean.

    Args:
        drawn: Draws; what comes at random is as often as in them at either end.
        low: Share of the outcomes at the lower end. [1]
        high: Share at the upper end. [1]

    Returns:
        Option -> totals, in the order of `Chance.names`. [US$], shape (names, 2)
    """
    chance, count = drawn.chance, len(drawn.chance.names)
    if not count:
        return {entry.name: np.zeros((0, 2)) for entry in drawn.costs}
    ends = np.array([low, high])
    partners = {k: group for group in chance.groups for k in group}
    values: dict[str, Array] = {}
    for k, driver in enumerate(chance.drivers):
        column = np.full((count, 2), driver.middle)
        # what is one and the same chance moves together
        column[partners.get(k, [k])] = driver.drawn(ends)
        values[driver.name] = column.ravel()
    for k, (name, expected) in enumerate(chance.at_random.items(), len(chance.drivers)):
        column = np.full((count, 2), expected)
        column[k] = np.quantile(drawn.values[name], ends)
        values[name] = column.ravel()
    changes = values.get(CHANGES_AT_RANDOM)
    per_year = None if changes is None else changes[:, np.newaxis] / chance.years
    moves = {}
    for name, risk in chance.risks.items():
        evenly = risk.expected()
        moves[name] = values[name][:, np.newaxis] * evenly / max(float(evenly.sum()), 1e-12)
    block = _Block(
        chance,
        chance.put(values, per_year),
        {row: values[d.name] for d in chance.drivers for row in d.rows},
        Chances(moves),
        2 * count,
    )
    return {
        entry.name: _costs(block, entry.name)[0].sum(axis=-1).reshape(count, 2)
        for entry in drawn.costs
    }


def costs_along(
    chance: Chance,
    over: str,
    points: Array,
    names: Sequence[str],
    number: int,
    step: Step = lambda _share: None,
) -> dict[str, Array]:
    """Return what options cost in each draw as one input moves.

    Args:
        chance: What is uncertain; the input itself is moved, not drawn.
        over: The input, in full.
        points: Its values, shape (P,).
        names: Options.
        number: Draws.
        step: Told the share of the work that is done, after each option.

    Returns:
        Option -> the figure that options are ranked by. [US$], shape (number, P)
    """
    size = points.size
    shares, changes, lives = chance.shares(number)
    values = {d.name: d.drawn(shares[:, k]) for k, d in enumerate(chance.drivers)}
    per_year = _changes(chance, values, changes)
    values = {name: np.repeat(value, size) for name, value in values.items()}
    moves = {name: np.repeat(m, size, axis=0) for name, m in chance.moves(lives, names).items()}
    scenario = chance.put(values, None if per_year is None else np.repeat(per_year, size, axis=0))
    block = _Block(
        chance,
        replace_inputs(scenario, {over: np.tile(points, number)}),
        {row: values[d.name] for d in chance.drivers for row in d.rows},
        Chances(moves),
        number * size,
    )
    found = {}
    for k, name in enumerate(names):
        step(k / len(names))
        found[name] = _costs(block, name)[1].reshape(number, size)
    return found
