"""The plan beside a ledger: which of its lines a usage log shows, and which option was run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from costmodel.analysis.compare import Comparison
from costmodel.analysis.spending import Bought, Spent
from costmodel.bill import PHASES, Bill, BilledLine
from costmodel.errors import ScenarioError, nearest
from costmodel.months import Array, Months
from costmodel.prices.meters import TOKEN_COLUMNS
from costmodel.quantities import outcomes
from costmodel.quantities.volumes import TOKENS_PER_MTOK, growing
from costmodel.scenario import Mix, Scenario

ALIKE = 0.02  # difference of scores below which two options fit equally well
LEAST = 0.01  # share of the money that has to fit
FITS_WELL = 0.5
CERTAIN = "stated with --option"
TOKEN_METERS = frozenset(TOKEN_COLUMNS.values()) - {"cache_storage_mtok_hour"}


@dataclass(frozen=True, eq=False)
class Planned:
    """The bill of an option, divided by what a usage log can show.

    Attributes:
        months: The months of the scenario.
        amount: What is bought -> amounts. [unit of the meter/month], shape (T,)
        usd: What is bought -> cost. [US$/month], shape (T,)
        daily: What is bought -> cost of each day: that of a price on the days on which it holds.
            [US$/day], shape (D,)
        phases: What is bought -> phase -> cost. [US$/month], shape (T,)
        hidden: Phase -> cost of what no log shows: people, training, stores. [US$/month], (T,)
        hidden_from: Tables of prices behind that.
    """

    months: Months
    amount: Mapping[Bought, Array] = field(repr=False)
    usd: Mapping[Bought, Array] = field(repr=False)
    daily: Mapping[Bought, Array] = field(repr=False)
    phases: Mapping[Bought, Mapping[str, Array]] = field(repr=False)
    hidden: Mapping[str, Array] = field(repr=False)
    hidden_from: tuple[str, ...] = ()

    @property
    def shown(self) -> Array:
        """Cost of what a log shows. [US$/month], shape (T,)"""
        some = next(iter(self.hidden.values()))
        return np.asarray(sum(self.usd.values(), np.zeros_like(some)))

    @property
    def shown_daily(self) -> Array:
        """Cost of what a log shows, day by day. [US$/day], shape (D,)"""
        return np.asarray(sum(self.daily.values(), np.zeros(int(self.months.days.sum()))))

    def between(self, daily: Array, first: date, last: date) -> Array:
        """Return what falls on the days from first to last, by month. shape (T,)

        Args:
            daily: Of each day of the horizon. shape (D,)
            first: Day of the horizon.
            last: Another one.
        """
        mine = slice((first - self.months.start).days, (last - self.months.start).days + 1)
        month = np.repeat(np.arange(self.months.count), self.months.days.astype(int))
        return np.asarray(np.bincount(month[mine], daily[mine], self.months.count), float)

    @property
    def tokens(self) -> Array:
        """Tokens of requests. [token/month], shape (T,)"""
        some = next(iter(self.hidden.values()))
        mine = [a for (_, meter), a in self.amount.items() if meter in TOKEN_METERS]
        return np.asarray(sum(mine, np.zeros_like(some)) * TOKENS_PER_MTOK)


def shown_by(spent: Spent) -> Callable[[BilledLine], bool]:
    """Return the test whether a log shows a line: tokens of requests, and what else it counts."""
    others = {(key.table, key.provider) for key, _ in spent.lines}

    def shows(line: BilledLine) -> bool:
        key = line.line.key
        return key.table == "inference" or (key.table, key.provider) in others

    return shows


def planned(found: Bill, shows: Callable[[BilledLine], bool]) -> Planned:
    """Divide a bill by what a usage log can show.

    Args:
        found: The bill; means over scenarios made at once.
        shows: Whether a log shows a line.
    """
    count = found.months.count

    def mean(values: Array) -> Array:
        full = np.broadcast_to(values, np.broadcast_shapes(values.shape, (count,)))
        return np.asarray(full.reshape(-1, count).mean(axis=0))

    every = np.arange(found.months.bounds[0], found.months.bounds[-1])
    lengths = found.months.days.astype(int)
    month = np.repeat(np.arange(count), lengths)

    def by_day(line: BilledLine, cost: Array) -> Array:
        """Spread a month's cost over the days on which its price holds."""
        held = found.book.days_of(line.row, every).astype(float)
        days = np.bincount(month, held, count)
        even = np.where(days > 0, 0.0, 1.0)[month]
        return np.asarray(cost[month] * (held + even) / np.where(days > 0, days, lengths)[month])

    amount: dict[Bought, Array] = {}
    usd: dict[Bought, Array] = {}
    daily: dict[Bought, Array] = {}
    phases: dict[Bought, dict[str, Array]] = {}
    hidden = {phase: np.zeros(count) for phase in PHASES}
    tables: list[str] = []
    for line in found.lines:
        cost, phase = mean(line.cost), line.line.phase
        if not shows(line):
            hidden[phase] = hidden[phase] + cost
            tables += [line.line.key.table] if cost.any() else []
            continue
        bought = (line.line.key, line.meter)
        amount[bought] = amount.get(bought, np.zeros(count)) + mean(line.amount)
        usd[bought] = usd.get(bought, np.zeros(count)) + cost
        daily[bought] = daily.get(bought, np.zeros(every.size)) + by_day(line, cost)
        mine = phases.setdefault(bought, {})
        mine[phase] = mine.get(phase, np.zeros(count)) + cost
    return Planned(found.months, amount, usd, daily, phases, hidden, tuple(dict.fromkeys(tables)))


def _fit(ours: Mapping[tuple[str, ...], float], theirs: Mapping[tuple[str, ...], float]) -> float:
    """Return how far two divisions of money overlap. [1]"""
    sums = sum(ours.values()), sum(theirs.values())
    if min(sums) <= 0:
        return 0.0
    shared = [min(usd / sums[0], theirs.get(name, 0.0) / sums[1]) for name, usd in ours.items()]
    return float(sum(shared))


def _divided(usd: Mapping[Bought, float], *, meters: bool) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for (key, meter), money in usd.items():
        name = (key.provider, key.sku, *((meter,) if meters else ()))
        found[name] = found.get(name, 0.0) + money
    return found


def _length(tokens: Any, calls: Any) -> float:
    """Return tokens of a call, nought where calls are not known. [token]"""
    return float(tokens / calls) if calls > 0 else 0.0


def option_run(comparison: Comparison, spent: Spent, name: str | None) -> tuple[str, str]:
    """Return the option that was run, and how that is known.

    Args:
        comparison: The options with their bills.
        spent: What was used.
        name: The option that the user names; None = the one whose plan has the models that were
            seen; of several the one that is nearest in tokens of a call and in how they divide.

    Raises:
        ScenarioError: If the option has no bill, none fits, or several do.
    """
    if name is not None:
        comparison.bill(name)
        return name, CERTAIN
    shows = shown_by(spent)
    actual = {b: float(sum(p)) for b, p in zip(spent.lines, spent.pico, strict=True)}
    scores: dict[str, tuple[float, float]] = {}
    length = _length(spent.daily_tokens.sum(), spent.requests[spent.seen > 0].sum())
    for option, found in comparison.bills.items():
        plan = planned(found, shows)
        usd = {bought: float(cost @ spent.seen) for bought, cost in plan.usd.items()}
        first, second = (
            _fit(_divided(actual, meters=each), _divided(usd, meters=each))
            for each in (False, True)
        )
        # options on one model differ by what they send
        calls = planned_calls(comparison.scenario, option)
        theirs = _length(plan.tokens @ spent.seen, calls @ spent.seen)
        near = min(length, theirs) / max(length, theirs) if min(length, theirs) > 0 else 1.0
        scores[option] = first, second * near
    order = sorted(scores, key=lambda option: (round(scores[option][0], 2), scores[option][1]))
    seen = dict.fromkeys(f"{key.provider}/{key.sku}" for key, _ in spent.lines)
    if not order or scores[order[-1]][0] < LEAST:
        what = f"shows {', '.join(seen)}, which no option of the scenario runs"
        message = (
            f"the usage {what if seen else 'names no model'}; say with --option which one it is "
            f"about{nearest('', comparison.bills)}"
        )
        raise ScenarioError(message)
    best = order[-1]
    alike = [
        option
        for option, score in scores.items()
        if all(abs(a - b) < ALIKE for a, b in zip(scores[best], score, strict=True))
    ]
    if len(alike) > 1:
        names = " and ".join(map(repr, alike))
        message = f"{names} fit the usage equally well; say with --option which one was run"
        raise ScenarioError(message)
    said = f"its plan fits {scores[best][0]:.0%} of the money by model"
    if scores[best][0] < FITS_WELL:
        said += ", which is little: name another one with --option if it is not this one"
    return best, said


def planned_calls(scenario: Scenario, name: str) -> Array:
    """Return the calls to models that an option makes of the requests. [1/month], shape (T,)"""
    option = scenario.option(name)
    passes = 1.0
    if isinstance(option, Mix):
        shares = [*option.shares.values(), *option.escalate.values()]
        passes = float(sum(np.mean(share) for share in shares))
    calls = np.zeros(scenario.months)
    for task in scenario.all_tasks:
        asked = growing(float(np.mean(task.requests)), float(np.mean(task.growth)), scenario.months)
        rate = option.success_rate
        tries = 1.0 if rate is None else np.mean(outcomes.attempts(rate, task.retries))
        calls = calls + asked * task.turns * tries * passes
    return calls


def planned_outcomes(scenario: Scenario, name: str) -> Array | None:
    """Return the requests that succeed, None where no rate is stated. [1/month], shape (T,)"""
    rate = scenario.option(name).success_rate
    if rate is None:
        return None
    parts = [
        growing(float(np.mean(task.requests)), float(np.mean(task.growth)), scenario.months)
        * np.mean(outcomes.success(rate, task.retries))
        for task in scenario.all_tasks
    ]
    return np.asarray(sum(parts, np.zeros(scenario.months)))
