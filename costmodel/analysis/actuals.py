"""Budget against actual: what was spent beside the plan, why it differs, and what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.alerts import alerts
from costmodel.analysis.compare import Comparison
from costmodel.analysis.forecast import Forecast, forecast
from costmodel.analysis.plan_to_date import (
    TOKEN_METERS,
    Planned,
    option_run,
    planned,
    planned_calls,
    planned_outcomes,
    shown_by,
)
from costmodel.analysis.spending import Bought, Spent, Whole, allocation, spent, zeros
from costmodel.analysis.uncertainty import Chance
from costmodel.analysis.variance import Split, by_requests, split, whole
from costmodel.bill import PHASES
from costmodel.errors import ScenarioError
from costmodel.months import Array
from costmodel.usage.ledger import PICO
from costmodel.usage.pricing import Priced, dollars

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("price", "quantity", "mix", "other", "unexplained", "stated")
LINE_WORDS = ("provider", "model", "mode", "region", "meter")


@dataclass(frozen=True, eq=False)
class Actuals:
    """What one option was to cost, what it did, and what it will.

    Attributes:
        chance: The scenario with what is uncertain about it.
        priced: The ledger with prices.
        option: The option that was run.
        option_said: How that is known.
        spent: What the ledger shows.
        plan: What the option was to cost.
        limit: Money there is, None if not stated. [US$]
        outcomes: Successful outcomes in the days that the ledger covers, None if not stated. [1]
        paid: Phase -> what was paid in each month for work that no log shows, nan = not stated:
            the plan. [US$/month], shape (T,)
        number: Draws.
    """

    chance: Chance = field(repr=False)
    priced: Priced = field(repr=False)
    option: str
    option_said: str
    spent: Spent = field(repr=False)
    plan: Planned = field(repr=False)
    limit: float | None = None
    outcomes: float | None = None
    paid: Mapping[str, Array] = field(default_factory=dict, repr=False)
    number: int = 2000

    @property
    def comparison(self) -> Comparison:
        """The options, at the means of all inputs."""
        return self.chance.central

    @cached_property
    def lines(self) -> tuple[Bought, ...]:
        """What was planned or bought, by meter."""
        return tuple(dict.fromkeys((*self.plan.usd, *self.spent.lines)))

    def _of_plan(self, values: Mapping[Bought, Array]) -> Array:
        """Put lines of the plan in the order of all lines. shape (L, T)"""
        none = np.zeros(self.spent.months.count)
        rows = [values.get(line, none) for line in self.lines]
        return np.array(rows).reshape(len(rows), none.size)

    def _of_ledger(self, values: Any) -> Any:
        """Put lines of the ledger in the order of all lines. shape (L, T)"""
        found = zeros(len(self.lines), self.spent.months.count).astype(values.dtype)
        for line, row in zip(self.spent.lines, values, strict=True):
            found[self.lines.index(line)] = row
        return found

    @cached_property
    def planned_pico(self) -> Whole:
        """Budget of the lines for the days seen. [10^-12 US$], shape (L, T)"""
        seen = self.spent.first, self.spent.last
        usd = {name: self.plan.between(daily, *seen) for name, daily in self.plan.daily.items()}
        return whole(self._of_plan(usd) * PICO)

    @cached_property
    def share(self) -> Array:
        """Share of the plan of a month, as far as a log shows it, that is seen. [1], shape (T,)"""
        plan, seen = self.plan.shown, np.asarray(self.planned_pico.sum(axis=0) / PICO, float)
        return np.where(plan > 0, seen / np.where(plan > 0, plan, 1.0), self.spent.seen)

    @cached_property
    def pico(self) -> Whole:
        """Actual cost of the lines. [10^-12 US$], shape (L, T)"""
        return np.asarray(self._of_ledger(self.spent.pico))

    @cached_property
    def amounts(self) -> tuple[Array, Array]:
        """Amounts of the lines, planned for the days seen and actual. shape (L, T) each"""
        return (
            self._of_plan(self.plan.amount) * self.spent.seen,
            self._of_ledger(self.spent.amount),
        )

    @cached_property
    def tokens(self) -> Any:
        """Which lines count tokens. shape (L,)"""
        return np.array([meter in TOKEN_METERS for _, meter in self.lines], bool)

    @cached_property
    def variance(self) -> Split:
        """Actual less budget of the lines."""
        others = list(dict.fromkeys(meter for _, meter in self.lines))
        group = np.array([others.index(meter) + 1 for _, meter in self.lines], np.int64)
        return split(
            self.amounts[0],
            self.planned_pico,
            self.amounts[1],
            self.pico,
            self._of_ledger(self.spent.listed),
            np.where(self.tokens, 0, group),
        )

    @cached_property
    def hidden(self) -> tuple[Array, Array]:
        """What no log shows, by phase: the plan for the days seen, and the same as far as stated.

        [US$/month], shape (phases, T) each
        """
        seen = self.spent.seen
        none = np.full(seen.size, np.nan)
        plan = np.array([self.plan.hidden[phase] * seen for phase in PHASES])
        stated = np.array([self.paid.get(phase, none) for phase in PHASES])
        return plan, np.where(np.isnan(stated), plan, stated)

    @cached_property
    def parts(self) -> dict[str, Whole]:
        """Actual less budget of each month, by why. [10^-12 US$], shape (T,)

        price, quantity and mix of what the log counts; other: taxes, credits, purchases;
        unexplained: billed, and no usage explains it; stated: what was paid for work that no log
        shows, less its plan.
        """
        none = zeros(self.spent.months.count)
        plan, paid = self.hidden
        return {
            "price": _added(self.variance.price, none),
            "quantity": _added(self.variance.quantity, none),
            "mix": _added(self.variance.mix, none),
            "other": _added(self.spent.other.values(), none),
            "unexplained": _added(self.spent.unexplained.values(), none),
            "stated": whole((paid - plan).sum(axis=0) * PICO),
        }

    @cached_property
    def budget(self) -> Whole:
        """Budget of the days seen in each month, all of it. [10^-12 US$], shape (T,)"""
        rest = whole(self.hidden[0].sum(axis=0) * PICO)
        return _added(self.planned_pico, rest)

    @cached_property
    def actual(self) -> Whole:
        """Actual cost of each month; what no log shows at plan unless stated. [10^-12 US$], (T,)"""
        return np.asarray(self.budget + sum(self.parts.values()))

    @cached_property
    def calls(self) -> Array:
        """Calls that the plan has for the days seen. [1/month], shape (T,)"""
        return planned_calls(self.comparison.scenario, self.option) * self.spent.seen

    @cached_property
    def forecast(self) -> Forecast:
        """What the horizon will cost."""
        return forecast(
            self.chance,
            self.option,
            self.spent,
            self.plan,
            actual=np.asarray(self.actual / PICO, float),
            paid=self.hidden[1].sum(axis=0),
            limit=self.limit,
            number=self.number,
        )

    def with_outcomes(self, outcomes: float) -> Actuals:
        """Return the same with the successful outcomes of the days seen. [1]"""
        return replace(self, outcomes=outcomes)

    # tables

    def months_table(self) -> list[dict[str, Any]]:
        """Return a record for each month that the ledger covers."""
        quantity = _added(self.variance.quantity[self.tokens], zeros(self.actual.size))
        planned_tokens = _added(self.planned_pico[self.tokens], zeros(self.actual.size))
        more = by_requests(planned_tokens, quantity, self.calls, self.spent.requests)
        rows = []
        for k in np.flatnonzero(self.spent.seen > 0):
            calls = float(self.spent.requests[k])
            rows.append(
                {
                    "month": self.spent.months.labels[k],
                    "seen_share": float(self.spent.seen[k]),
                    "budget_usd": dollars(self.budget[k]),
                    "actual_usd": dollars(self.actual[k]),
                    "variance_usd": dollars(self.actual[k] - self.budget[k]),
                    **{f"{part}_usd": dollars(self.parts[part][k]) for part in PARTS},
                    "requests_usd": dollars(more[0][k]),
                    "tokens_per_request_usd": dollars(more[1][k]),
                    "not_shown_usd": float(self.hidden[1][:, k].sum()),
                    "requests": calls if np.isfinite(calls) else None,
                    "budget_requests": float(self.calls[k]),
                    "usage_p10": float(self.forecast.usage_band[0, k] * self.share[k]),
                    "usage_p90": float(self.forecast.usage_band[1, k] * self.share[k]),
                }
            )
        return rows

    def lines_table(self) -> list[dict[str, Any]]:
        """Return a record for each line and month: amounts, money, and why they differ."""
        before, after = self.amounts
        rows = []
        for (k, month), _ in np.ndenumerate(before):
            if not (before[k, month] or after[k, month] or self.pico[k, month]):
                continue
            key, meter = self.lines[k]
            gone, new = not after[k, month], not before[k, month]
            words = (key.provider, key.sku, key.mode, key.region, meter)
            named: dict[str, Any] = dict(zip(LINE_WORDS, words, strict=True))
            rows.append(
                {"month": self.spent.months.labels[month]}
                | named
                | {
                    "what": "gone" if gone else "new" if new else "planned",
                    "budget_quantity": float(before[k, month]),
                    "quantity": float(after[k, month]),
                    "budget_usd": dollars(int(self.planned_pico[k, month])),
                    "actual_usd": dollars(int(self.pico[k, month])),
                    "price_usd": dollars(int(self.variance.price[k, month])),
                    "quantity_usd": dollars(int(self.variance.quantity[k, month])),
                    "mix_usd": dollars(int(self.variance.mix[k, month])),
                }
            )
        return rows

    def frame(self) -> pd.DataFrame:
        """Return lines by month as a table, with money that belongs to no line at its end.

        The columns budget_usd and actual_usd add up to budget and actual, and actual_usd less
        budget_usd is price_usd + quantity_usd + mix_usd + rest_usd in each row.
        """
        import pandas as pd

        rows = [row | {"rest_usd": 0.0} for row in self.lines_table()]
        for k in np.flatnonzero(self.spent.seen > 0):
            month = self.spent.months.labels[k]
            extra = [(kind, money[k], 0.0) for kind, money in self.spent.other.items()]
            named = self.spent.unexplained.items()
            extra += [(f"unexplained {name}", money[k], 0.0) for name, money in named]
            found = [(what, dollars(pico), plan) for what, pico, plan in extra if pico]
            for phase, plan, paid in zip(PHASES, *(h[:, k] for h in self.hidden), strict=True):
                found += [(f"not shown, {phase}", paid, plan)] if plan or paid else []
            for what, usd, plan in found:
                money = {"budget_usd": plan, "actual_usd": usd, "rest_usd": usd - plan}
                rows.append({"month": month, "what": what, **money})
        return pd.DataFrame.from_records(rows)

    def _phases(self) -> list[dict[str, Any]]:
        """Share lines out over the phases in the proportion of the plan."""
        usd = {phase: [0.0, 0.0] for phase in PHASES}
        for k, line in enumerate(self.lines):
            mine = self.plan.phases.get(line, {})
            total = sum(mine.values(), np.zeros(self.actual.size))
            for phase, cost in mine.items() or [("serve", total)]:
                share = np.where(total > 0, cost / np.where(total > 0, total, 1.0), 0.0)
                share = np.where(total > 0, share, float(phase == "serve"))
                usd[phase][0] += float(share @ np.asarray(self.planned_pico[k] / PICO, float))
                usd[phase][1] += float(share @ np.asarray(self.pico[k] / PICO, float))
        usd["serve"][1] += sum(
            dollars(int(sum(self.parts[part]))) for part in ("other", "unexplained")
        )
        plan, paid = (each.sum(axis=1) for each in self.hidden)
        return [
            {
                "phase": phase,
                "budget_usd": usd[phase][0] + float(plan[k]),
                "actual_usd": usd[phase][1] + float(paid[k]),
                "not_shown_usd": float(paid[k]),
            }
            for k, phase in enumerate(PHASES)
        ]

    def _options(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "run": name == self.option,
                "budget_usd": self._of_days(planned(found, shown_by(self.spent))),
                "total_usd": float(np.mean(found.total)),
            }
            for name, found in self.comparison.bills.items()
        ]

    def _of_days(self, plan: Planned) -> float:
        """Return what a plan has for the days seen, all of it. [US$]"""
        usage = plan.between(plan.shown_daily, self.spent.first, self.spent.last)
        return float(usage.sum() + sum(plan.hidden.values()) @ self.spent.seen)

    def unit_costs(self) -> dict[str, Any]:
        """Return what a request, a user and a successful outcome cost, usage alone and in all."""
        rows = self.spent.rows
        usage = dollars(int(sum(self.spent.by_month)))
        everything = dollars(int(sum(self.actual)))
        plan_usage, plan_all = dollars(int(self.planned_pico.sum())), dollars(int(sum(self.budget)))
        seen = self.spent.seen > 0
        requests = float(self.spent.requests[seen].sum())
        calls = float(self.calls.sum())
        users = rows.loc[rows["user"] != "", ["user", "pico"]]
        count = int(users["user"].nunique())
        expected = planned_outcomes(self.comparison.scenario, self.option)
        wins = None if expected is None else float(expected @ self.spent.seen)
        return {
            "requests": requests if np.isfinite(requests) else None,
            "budget_requests": calls,
            "usage_usd_per_request": _each(usage, requests),
            "budget_usage_usd_per_request": _each(plan_usage, calls),
            "usd_per_request": _each(everything, requests),
            "budget_usd_per_request": _each(plan_all, calls),
            "users": count or None,
            "usage_usd_per_user": _each(float(users["pico"].sum() / PICO), count),
            "outcomes": self.outcomes,
            "budget_outcomes": wins,
            "usage_usd_per_outcome": _each(usage, self.outcomes),
            "usd_per_outcome": _each(everything, self.outcomes),
            "budget_usd_per_outcome": _each(plan_all, wins),
        }

    def allocation(self, by: str) -> list[dict[str, Any]]:
        """Return who spent what, largest first; what the ledger does not say is a line, too.

        Args:
            by: project, team, user, provider, model, or `tag:KEY`.

        Raises:
            DataError: If the ledger knows no such thing.
        """
        return allocation(self.spent.rows, by)

    def as_dict(self, by: Sequence[str] = ()) -> dict[str, Any]:
        """Return everything with the documented keys.

        Args:
            by: What to allocate by, besides projects and teams where the ledger names any.
        """
        rows = self.spent.rows
        named = [n for n in ("project", "team") if (rows[n] != "").any() and n not in by]
        total = {part: dollars(int(sum(pico))) for part, pico in self.parts.items()}
        found = self.forecast
        return {
            "name": self.comparison.scenario.name,
            "option": self.option,
            "option_said": self.option_said,
            "from": self.spent.first.isoformat(),
            "to": self.spent.last.isoformat(),
            "budget_usd": dollars(int(sum(self.budget))),
            "actual_usd": dollars(int(sum(self.actual))),
            "usage_budget_usd": dollars(int(self.planned_pico.sum())),
            "usage_usd": dollars(int(sum(self.spent.by_month))),
            "variance_usd": dollars(int(sum(self.actual) - sum(self.budget))),
            **{f"{part}_usd": total[part] for part in PARTS},
            "months": self.months_table(),
            "phases": self._phases(),
            "options": self._options(),
            "lines": self.lines_table(),
            "unit_costs": self.unit_costs(),
            "forecast": found.as_dict(),
            "alerts": [alert.as_dict() for alert in alerts(self)],
            "allocation": {name: self.allocation(name) for name in (*named, *by)},
            "unpriced": [
                {key: row[key] for key in ("provider", "model", "meter", "why", "rows", "tokens")}
                for row in self.priced.unpriced.to_dict("records")
            ],
            "not_shown": list(self.plan.hidden_from),
            "notes": list(self.notes()),
        }

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know."""
        found = [*self.priced.notes]
        part = [k for k in np.flatnonzero(self.spent.seen > 0) if self.spent.seen[k] < 1]
        labels = self.spent.months.labels
        for k in part:
            days = round(self.spent.seen[k] * self.spent.months.days[k])
            found.append(
                f"{labels[k]} is seen for {days} of {self.spent.months.days[k]:.0f} days: its "
                "budget is that of these days"
            )
        if self.spent.first > self.spent.months.start:
            found.append(
                f"nothing is known before {self.spent.first}: those days stay at plan, and are "
                "not compared"
            )
        if self.spent.left_out:
            found.append(f"{self.spent.left_out:,} rows lie outside the days that are compared")
        if self.plan.hidden_from:
            words = ", ".join(self.plan.hidden_from)
            found.append(
                f"a usage log does not show {words}: what they cost stays at plan unless --paid "
                "states it"
            )
        found.append("phases: lines are shared out in the proportion of the plan, new ones serve")
        return tuple(found)


def _added(parts: Any, none: Whole) -> Whole:
    return np.asarray(sum(parts, none))


def _each(usd: float, count: float | None) -> float | None:
    return usd / count if count and np.isfinite(count) else None


def actuals(
    chance: Chance,
    priced: Priced,
    *,
    option: str | None = None,
    as_of: date | None = None,
    limit: float | None = None,
    outcomes: float | None = None,
    paid: Mapping[str, Array] | None = None,
    number: int = 2000,
) -> Actuals:
    """Set what was spent beside the plan of a scenario.

    Args:
        chance: The scenario with what is uncertain about it.
        priced: The ledger with prices.
        option: The option that was run; None = found by the models that were seen.
        as_of: Last day that counts; None = the last one that the ledger has.
        limit: Money there is. [US$]
        outcomes: Successful outcomes in the days that the ledger covers. [1]
        paid: Phase -> what was paid in each month for work that no log shows, nan = not stated.
            [US$/month], shape (T,)
        number: Draws.

    Raises:
        DataError: If the ledger has no day in the months of the scenario.
        ScenarioError: If the option is unknown or cannot be told.
    """
    if limit is not None and limit < 0:
        message = f"limit must be >= 0, got {limit:g}"
        raise ScenarioError(message)
    comparison = chance.central
    if option is not None:
        comparison.bill(option)
    seen = spent(priced, comparison.scenario.horizon, as_of=as_of)
    name, said = option_run(comparison, seen, option)
    plan = planned(comparison.bill(name), shown_by(seen))
    return Actuals(chance, priced, name, said, seen, plan, limit, outcomes, paid or {}, number)
