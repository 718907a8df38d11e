"""Compare the options of a scenario: which one is cheapest, and how much of it is upkeep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.wording import money, whole
from costmodel.bill import PHASES, Bill, bill
from costmodel.costs import shipped_book
from costmodel.errors import CostModelError, PriceError, ScenarioError
from costmodel.months import Array, Numeric
from costmodel.prices.book import PriceBook
from costmodel.quantities import outcomes
from costmodel.quantities.volumes import growing, present_value
from costmodel.scenario import (
    EXPECTED,
    Chances,
    Event,
    InfeasibleError,
    Mix,
    Option,
    Plan,
    Scenario,
    book_for,
    plan,
    settled,
)
from costmodel.scenario.pins import moved_prices

if TYPE_CHECKING:
    import pandas as pd

SEVERAL = 2
CLOSE = 0.05  # a lead that measuring the success rates may turn around


@dataclass(frozen=True, eq=False)
class Result:
    """What one option comes to.

    Attributes:
        name: Its name.
        provider, model: Of its first stage; those of all members of a mix.
        bill: Its bill, None if it is not feasible.
        reason: Why it is not feasible, blank if it is.
        success_rate: Share of single attempts that succeed, None if not stated. [1]
        usd_per_request: Total over all requests. [US$], shape (...)
        usd_per_success: Cost of a successful outcome, None if no rate is stated. [US$]
        damage_usd: Damage of the requests that fail in the end, not on the bill. [US$]
        warnings: What the reader should know.
        events: The calendar.
        discounted_usd: Total with later months counting less, where the scenario states a
            `discount_rate`. [US$], shape (...)
        counts: Cause -> how often it makes work in each month. [1/month], shape (..., T)
    """

    name: str
    provider: str
    model: str
    bill: Bill | None
    reason: str = ""
    success_rate: float | None = None
    usd_per_request: Array | None = None
    usd_per_success: Array | None = None
    damage_usd: Array | None = None
    warnings: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    discounted_usd: Array | None = None
    counts: Mapping[str, Array] = field(default_factory=dict, repr=False)

    @property
    def feasible(self) -> bool:
        """Whether the option can be had over the whole horizon."""
        return self.bill is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the result with the documented keys; means over scenarios made at once."""
        found = self.bill
        by_phase = None if found is None else {k: _mean(v) for k, v in found.by_phase().items()}
        return {
            "name": self.name,
            "provider": self.provider,
            "model": self.model,
            "total_usd": None if found is None else _mean(found.total),
            "discounted_usd": _mean(self.discounted_usd),
            "usd_per_request": _mean(self.usd_per_request),
            "usd_per_success": _mean(self.usd_per_success),
            "success_rate": self.success_rate,
            "damage_usd": _mean(self.damage_usd),
            "maintenance_share": None if found is None else _mean(found.maintenance_share),
            "labour_share": None if found is None else _mean(found.labour_share),
            "by_phase": by_phase,
            "feasible": self.feasible,
            "reason": self.reason or None,
            "warnings": list(self.warnings),
            "calendar": [
                {"day": event.day.isoformat(), "what": event.what, "kind": event.kind}
                for event in self.events
            ],
        }


def _mean(value: Numeric | None) -> float | None:
    """Return the mean over scenarios made at once, None if there is none."""
    mean = np.nan if value is None else float(np.mean(value))
    return mean if np.isfinite(mean) else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """The options of a scenario side by side.

    Attributes:
        scenario: What was compared.
        results: One per option, in the order of the scenario.
        book: The prices, own hourly rates included.
        warnings: About the scenario as a whole, e.g. prices that have moved.
    """

    scenario: Scenario = field(repr=False)
    results: tuple[Result, ...]
    book: PriceBook = field(repr=False)
    warnings: tuple[str, ...] = ()

    @cached_property
    def bills(self) -> Mapping[str, Bill]:
        """Bills of the feasible options by name."""
        return {result.name: result.bill for result in self.results if result.bill is not None}

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What had to be assumed, for all options."""
        said = [text for found in self.bills.values() for text in found.assumptions]
        return tuple(dict.fromkeys(said))

    @property
    def ranked(self) -> tuple[Result, ...]:
        """Feasible options that meet the requirement, cheapest first."""
        required = self.scenario.workload.required_success
        eligible = [result for result in self.results if result.feasible]
        if self.rated:
            eligible = [
                result
                for result in eligible
                if result.success_rate
                and (required is None or result.success_rate >= float(np.mean(required)) - 1e-12)
            ]
        unit = "usd_per_success" if self.rated else "total_usd"

        def cost(result: Result) -> float:
            usd = result.as_dict()[unit]
            return float("inf") if usd is None else float(usd)

        return tuple(sorted(eligible, key=cost))

    @property
    def rated(self) -> bool:
        """Whether the success rate of an option that can be had is stated."""
        return any(result.feasible and result.success_rate is not None for result in self.results)

    @cached_property
    def verdict(self) -> str:
        """The finding in one or two sentences."""
        return _verdict(self)

    @property
    def prices_on(self) -> dict[str, str | None]:
        """The days of the prices: frozen to one day, or oldest and newest check of those used."""
        days = [
            self.book.rows[line.row].verified_on
            for found in self.bills.values()
            for line in found.lines
        ]
        frozen = self.book.priced_on
        return {
            "day": frozen.isoformat() if frozen else None,
            "verified_from": min(days).isoformat() if days else None,
            "verified_to": max(days).isoformat() if days else None,
        }

    def frame(self) -> pd.DataFrame:
        """Return a table with one row per option: totals, unit costs, phases, feasibility.

        Column `rank` counts from 1 those that can be had and meet the requirement.
        """
        import pandas as pd

        ranks = {result.name: k for k, result in enumerate(self.ranked, 1)}
        records = []
        for result in self.results:
            record = result.as_dict()
            phases = record.pop("by_phase") or dict.fromkeys(PHASES)
            records.append(
                {k: v for k, v in record.items() if k not in ("warnings", "calendar")}
                | {"rank": ranks.get(result.name)}
                | {f"{phase}_usd": usd for phase, usd in phases.items()}
            )
        return pd.DataFrame.from_records(records)

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "name": self.scenario.name,
            "verdict": self.verdict,
            "prices_on": self.prices_on,
            "price_tables": list(self.book.folders),
            "months": list(self.scenario.horizon.labels),
            "assumptions": list(self.assumptions),
            "warnings": list(self.warnings),
            "options": [result.as_dict() for result in self.results],
        }

    def bill(self, option: str) -> Bill:
        """Return the bill of an option.

        Raises:
            ScenarioError: If there is no such option, or it is not feasible.
        """
        self.scenario.option(option)
        if option not in self.bills:
            reason = next(result.reason for result in self.results if result.name == option)
            message = f"option {option!r} has no bill: {reason}"
            raise ScenarioError(message)
        return self.bills[option]

    def explain(
        self, option: str, line: str | None = None, month: str | None = None
    ) -> list[dict[str, Any]]:
        """Trace the dollars of an option back to formula, inputs, price row and source."""
        return self.bill(option).explain(line, month)


def compare(scenario: Scenario, book: PriceBook | None = None) -> Comparison:
    """Bill every option of a scenario.

    Args:
        scenario: The scenario.
        book: The prices; None = the shipped tables, with your own laid over them.

    Returns:
        The comparison; options that cannot be had are kept with the reason.

    Raises:
        PriceError: If an option names something no table knows.
        ScenarioError: If an option contradicts itself.
    """
    book = shipped_book() if book is None else book
    priced = book_for(scenario, book)
    results = tuple(billed(scenario, option, priced) for option in scenario.options)
    return Comparison(scenario, results, priced, tuple(moved_prices(scenario, book)))


def bill_of(
    scenario: Scenario, option: Option | Mix, book: PriceBook, chances: Chances = EXPECTED
) -> tuple[Bill, Plan]:
    """Bill one option.

    Args:
        scenario: The scenario.
        option: The option.
        book: The prices, own hourly rates included (`book_for`).
        chances: Draws of what comes at unknown times, by the names of `Plan.risks`.

    Raises:
        InfeasibleError: If the option cannot be had over the whole horizon.
        PriceError: If it names something no table knows; the message names the option.
        ScenarioError: If it contradicts itself.
    """
    try:
        scenario, said = settled(scenario, option, book)
        needs = plan(scenario, option, book, chances)
        found = bill(needs.quantities, book, scenario.horizon)
    except InfeasibleError:
        raise
    except CostModelError as error:
        kind = PriceError if isinstance(error, PriceError) else ScenarioError
        message = f"option {option.name!r}: {error}"
        raise kind(message) from None
    assumptions = tuple(dict.fromkeys((*needs.assumptions, *said, *found.assumptions)))
    warnings = tuple(dict.fromkeys((*needs.warnings, *found.warnings)))
    return Bill(found.months, found.lines, book, assumptions, warnings), needs


def billed(scenario: Scenario, option: Option | Mix, book: PriceBook) -> Result:
    """Say what one option comes to; what cannot be had comes with the reason.

    Raises:
        PriceError: If it names something no table knows.
        ScenarioError: If it contradicts itself.
    """
    provider, model = _names(scenario, option)
    try:
        found, needs = bill_of(scenario, option, book)
    except InfeasibleError as error:
        return Result(
            option.name,
            provider,
            model,
            None,
            str(error),
            success_rate=None if option.success_rate is None else _mean(option.success_rate),
            warnings=error.warnings,
            events=error.events,
        )
    return result_of(scenario, option, found, needs, found.total)


def result_of(
    scenario: Scenario, option: Option | Mix, found: Bill, needs: Plan, total: Array
) -> Result:
    """Put the total of a bill in relation to requests and outcomes.

    Args:
        scenario: The scenario.
        option: The option.
        found: Its bill.
        needs: What it needs.
        total: Its total, where that is not the one of the bill. [US$], shape (...)
    """
    provider, model = _names(scenario, option)
    months = scenario.horizon
    tasks = scenario.all_tasks
    asked = [growing(t.requests, t.growth, months.count) for t in tasks]
    requests = _over_time(sum(asked, np.zeros(months.count)))
    some = np.where(requests > 0, requests, 1.0)
    per_request = np.where(requests > 0, total / some, np.nan)
    per_success, rate, damage = None, None, None
    if option.success_rate is not None:
        rate = float(np.mean(option.success_rate))
        ends = [outcomes.success(option.success_rate, task.retries) for task in tasks]
        damage = _added(
            _over_time(n * (1 - won) * task.failure_usd)
            for n, won, task in zip(asked, ends, tasks, strict=True)
        )
        won = _added(_over_time(n * share) for n, share in zip(asked, ends, strict=True))
        per_success = outcomes.per_outcome(total + damage, won)
    return Result(
        option.name,
        provider,
        model,
        found,
        success_rate=rate,
        usd_per_request=per_request,
        usd_per_success=per_success,
        damage_usd=damage,
        warnings=found.warnings,
        events=needs.events,
        discounted_usd=(
            None
            if scenario.discount_rate is None
            else present_value(found.monthly(), scenario.discount_rate)
        ),
        counts=needs.counts,
    )


def _added(parts: Iterable[Array]) -> Array:
    return np.asarray(sum(parts, np.zeros(())))


def _over_time(monthly: Numeric) -> Array:
    """Sum over the months, the last axis."""
    return np.asarray(np.sum(monthly, axis=-1))


def _names(scenario: Scenario, option: Option | Mix) -> tuple[str, str]:
    if isinstance(option, Mix):
        members = [scenario.option(name) for name in {**option.shares, **option.escalate}]
        pairs = [_names(scenario, member) for member in members]
        providers, models = (dict.fromkeys(words) for words in zip(*pairs, strict=True))
        return " + ".join(providers), " + ".join(models)
    stage = option.stages[0]
    return stage.host.provider, stage.model


def _verdict(comparison: Comparison) -> str:
    scenario, ranked = comparison.scenario, comparison.ranked
    out = [result for result in comparison.results if not result.feasible]
    span = f"{scenario.months} month{'s' if scenario.months > 1 else ''}"
    if not ranked:
        if len(out) == len(comparison.results):
            return f"No option can be had over {span}: {out[0].reason}."
        required = _mean(scenario.workload.required_success) or 0.0
        return f"No option is stated to meet the required success rate of {required:g}."
    best = ranked[0].as_dict()
    total, upkeep = whole(best["total_usd"]), f"{best['maintenance_share']:.0%} of it is upkeep"
    if comparison.rated:
        text = _best_outcome(best, f"its bill is {total} over {span}; {upkeep}.")
    else:
        each = best["usd_per_request"]
        unit = "" if each is None else f", {money(each)} per request"
        text = f"{best['name']} is cheapest: {total} over {span}{unit}; {upkeep}."
        text = f"If all options answer equally well, {text}"
    if len(ranked) >= SEVERAL:
        text += " " + _second(best, ranked[1].as_dict(), rated=comparison.rated)
    if comparison.rated:
        lowest = min((r.as_dict() for r in ranked), key=lambda row: row["total_usd"])
        if lowest["name"] != best["name"]:
            text += (
                f" The lowest bill that meets the requirement: {lowest['name']}, "
                f"{whole(lowest['total_usd'])}."
            )
    missed = len([r for r in comparison.results if r.feasible and r not in ranked])
    if missed:
        text += f" Left out: {missed} below the required success rate or without a stated one"
        text += f", {len(out)} that cannot be had over the whole horizon." if out else "."
    elif out:
        text += f" Left out: {len(out)} that cannot be had over the whole horizon."
    return text


def _best_outcome(best: Mapping[str, Any], rest: str) -> str:
    each = best["usd_per_success"]
    if each is None:
        return f"{best['name']} is cheapest; {rest}"
    text = f"{best['name']} is cheapest per successful outcome: {money(each)}"
    if best["damage_usd"]:
        share = best["damage_usd"] / (best["damage_usd"] + best["total_usd"])
        text += f", {share:.0%} of that the stated damage of wrong answers"
    return f"{text}; {rest}"


def _second(best: Mapping[str, Any], second: Mapping[str, Any], *, rated: bool) -> str:
    unit, what = ("usd_per_success", " per successful outcome") if rated else ("total_usd", "")
    if not best[unit] or second[unit] is None:
        return f"Next: {second['name']}, {whole(second['total_usd'])}."
    what = what or (" per request" if second["usd_per_request"] else "")
    more = second[unit] / best[unit] - 1
    tie = ": a tie, unless the success rates are measured" if rated and more < CLOSE else ""
    return f"Next: {second['name']}, {more:.0%} more{what}{tie}."
