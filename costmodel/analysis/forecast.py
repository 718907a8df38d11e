"""What the rest of a horizon costs, from what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from costmodel.analysis.budget import SHOWN
from costmodel.analysis.plan_to_date import Planned, shown_by
from costmodel.analysis.spending import Spent
from costmodel.analysis.uncertainty import Chance, draws
from costmodel.months import Array
from costmodel.quantities.distributions import uniforms

WEEK = 7
DAYS_PER_MONTH = 365.25 / 12
WEEKS_PER_MONTH = DAYS_PER_MONTH / WEEK
RECENT = 4  # weeks that tell the level
ENOUGH, TREND = 6, 8  # weeks that tell a trend, and most that do
SURE = 2.0  # standard errors from which on a trend is carried on
LEAST = 1e-4  # growth of a week that is rounding
SEEDS_APART = 7919  # so that what is drawn here is not what the budget draws


@dataclass(frozen=True)
class Level:
    """How actual spending lies against the plan, by weeks counted back from the last day.

    Attributes:
        ratio: Actual over plan now. [1]
        weeks: Whole weeks that tell it, and its trend.
        spread: Standard deviation of the logarithm of a week's ratio.
        level_error: Standard error of the logarithm of `ratio`.
        trend: Growth of the logarithm of tokens over plan in a week. [1/week]
        trend_error: Its standard error. [1/week]
        carried: Whether the trend is carried on: for as long as it has been seen, then no further.
    """

    ratio: float
    weeks: int
    spread: float
    level_error: float
    trend: float = 0.0
    trend_error: float = 0.0
    carried: bool = False

    @property
    def trend_per_month(self) -> float:
        """Growth of the ratio in a month. [1/month]"""
        return float(np.expm1(self.trend * WEEKS_PER_MONTH))


def level(actual: Array, planned: Array, tokens: Array, planned_tokens: Array) -> Level | None:
    """Compare days of spending with the plan of these days.

    Money tells the level, of the last weeks: another model or price counts at once. Tokens tell
    the trend, as a step in prices is none.

    Args:
        actual: Spent on each day. [US$/day], shape (D,)
        planned: Plan of each day. [US$/day], shape (D,)
        tokens: Tokens of each day. [token/day], shape (D,)
        planned_tokens: Plan of each day. [token/day], shape (D,)

    Returns:
        The level, None with less than a week of spending and plan.
    """
    _, logs = _weeks(actual, planned)
    if not logs.size:
        return None
    recent = logs[-RECENT:]
    ratio, spread = float(np.exp(recent.mean())), _spread(recent)
    slope, error, carried, weeks = 0.0, 0.0, False, logs.size
    if logs.size <= 2:  # noqa: PLR2004
        # days tell the spread where there are no weeks to compare
        days = actual[-WEEK * logs.size :]
        scatter = float(days.std(ddof=1) / np.sqrt(WEEK))
        # credits may leave next to nothing to compare with
        spread = scatter / max(float(days.mean()), scatter, 1e-300)
    at, volumes = _weeks(tokens, planned_tokens)
    if volumes.size >= ENOUGH:
        at, volumes = at[-TREND:], volumes[-TREND:]
        centred = at - at.mean()
        slope = float(centred @ volumes / (centred @ centred))
        left = volumes - volumes.mean() - slope * centred
        scatter = float(np.sqrt(left @ left / (at.size - 2)))
        error = scatter / float(np.sqrt(centred @ centred))
        spread = max(spread, scatter)
        carried = abs(slope) > max(SURE * error, LEAST)
        weeks = at.size
    if carried:
        # from the middle of the recent weeks to now
        ratio *= float(np.exp(slope * recent.size / 2))
    return Level(ratio, weeks, spread, spread / float(np.sqrt(recent.size)), slope, error, carried)


def _weeks(actual: Array, planned: Array) -> tuple[Array, Array]:
    """Return the whole weeks with something on both sides, and the logarithms of their ratios."""
    weeks = actual.size // WEEK
    ours, theirs = (
        x[x.size - weeks * WEEK :].reshape(weeks, WEEK).sum(axis=1) for x in (actual, planned)
    )
    some = (ours > 0) & (theirs > 0)
    return np.flatnonzero(some).astype(float), np.log(ours[some] / theirs[some])


def _spread(values: Array) -> float:
    return float(values.std(ddof=1)) if values.size > 1 else 0.0


def factors(found: Level, months_ahead: Array, number: int, seed: int) -> tuple[Array, Array]:
    """Return factors on the plan of months to come.

    Args:
        found: The level.
        months_ahead: Time from the last day to the middle of what is left of each. [month], (K,)
        number: Draws.
        seed: Of the draws.

    Returns:
        The expected factors, shape (K,), and drawn ones, shape (number, K): error of the level and
        of the trend are the same for all months of a draw, the scatter of months is not. [1]
    """
    from scipy.special import ndtri

    ahead = np.minimum(months_ahead * WEEKS_PER_MONTH, found.weeks)
    expected = found.ratio * np.exp((found.trend if found.carried else 0.0) * ahead)
    normal = ndtri(uniforms(number, 2 + months_ahead.size, seed + SEEDS_APART))
    scatter = found.spread / np.sqrt(WEEKS_PER_MONTH)
    logs = normal[:, [0]] * found.level_error + normal[:, [1]] * found.trend_error * ahead
    logs = logs + normal[:, 2:] * scatter
    # the mean of what is drawn stays what is expected
    variance = found.level_error**2 + (found.trend_error * ahead) ** 2 + scatter**2
    return expected, np.asarray(expected * np.exp(logs - variance / 2))


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a horizon will cost, from what was seen of it.

    Attributes:
        months: Labels.
        plan: The plan of each month, expected. [US$/month], shape (T,)
        band: P10, P50 and P90 of the plan. [US$/month], shape (3, T)
        usage_band: P10 and P90 of the plan of what a log shows. [US$/month], shape (2, T)
        planned: Draws of the plan over the horizon. [US$], shape (S,)
        begun: Which months were seen, at least in part. shape (T,)
        actual: What was spent in the days seen, what no log shows included. [US$/month], (T,)
        expected: What each month will have cost. [US$/month], shape (T,)
        drawn: Draws of that. [US$/month], shape (S, T)
        usage: Rows plan, actual and expected, of what a log shows alone. [US$/month], shape (3, T)
        usage_drawn: Draws of the last. [US$/month], shape (S, T)
        level: How usage lies against the plan, None with less than a week of it.
        limit: Money there is. [US$]
    """

    months: tuple[str, ...]
    plan: Array
    band: Array
    usage_band: Array
    planned: Array
    begun: Any
    actual: Array
    expected: Array
    drawn: Array
    usage: Array
    usage_drawn: Array
    level: Level | None
    limit: float | None

    @cached_property
    def total(self) -> Array:
        """Draws of the whole horizon. [US$], shape (S,)"""
        return np.asarray(self.drawn.sum(axis=1))

    def chance_over(self, usd: float) -> float:
        """Return the share of the draws that end above a sum. [1]"""
        return float(np.mean(self.total > usd))

    def passes(self, usd: float) -> str | None:
        """Return the month by whose end more is expected to be spent than a sum, None if none."""
        over = np.flatnonzero(np.cumsum(self.expected) > usd)
        return self.months[over[0]] if over.size else None

    def said(self) -> str:
        """Say how the forecast was made."""
        if self.level is None:
            return "Less than a week of usage is seen: what is to come stays at plan."
        found = self.level
        text = (
            "What is to come is the plan, with its growth, prices and events, times "
            f"{found.ratio:.2f}: "
        )
        if found.carried:
            text += (
                f"how usage runs against the plan; tokens grew by {found.trend_per_month:+.1%} a "
                f"month against it in {found.weeks} weeks, which is carried on for as long again"
            )
        else:
            weeks = min(found.weeks, RECENT)
            when = f"the last {weeks} weeks" if weeks > 1 else "the week that is seen"
            text += f"how usage ran against the plan in {when}"
        text += f". Weeks scatter by {found.spread:.0%} around it; what no log shows stays at plan."
        return text

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        low, middle, high = (np.quantile(self.drawn, share, axis=0) for share in SHOWN)
        usage_low, usage_high = np.quantile(self.usage_drawn, (SHOWN[0], SHOWN[-1]), axis=0)
        sums = np.quantile(np.cumsum(self.drawn, axis=1), SHOWN, axis=0)
        ends, plan_ends = np.quantile(self.total, SHOWN), np.quantile(self.planned, SHOWN)
        plan = float(self.plan.sum())
        level = self.level
        return {
            "said": self.said(),
            "level": None if level is None else level.ratio,
            "weeks": 0 if level is None else level.weeks,
            "week_spread": None if level is None else level.spread,
            "trend_per_month": None if level is None else level.trend_per_month,
            "trend_carried": level is not None and level.carried,
            "budget_usd": plan,
            "budget_p10": float(plan_ends[0]),
            "budget_p90": float(plan_ends[2]),
            "expected_usd": float(self.expected.sum()),
            "p10": float(ends[0]),
            "p50": float(ends[1]),
            "p90": float(ends[2]),
            "chance_over_budget": self.chance_over(plan),
            "limit_usd": self.limit,
            "chance_over_limit": None if self.limit is None else self.chance_over(self.limit),
            "by_month": [
                {
                    "month": label,
                    "budget_usd": float(self.plan[k]),
                    "budget_p10": float(self.band[0, k]),
                    "budget_p90": float(self.band[2, k]),
                    "actual_usd": float(self.actual[k]) if self.begun[k] else None,
                    "expected_usd": float(self.expected[k]),
                    "p10": float(low[k]),
                    "p50": float(middle[k]),
                    "p90": float(high[k]),
                    "usage_budget_usd": float(self.usage[0, k]),
                    "usage_budget_p10": float(self.usage_band[0, k]),
                    "usage_budget_p90": float(self.usage_band[1, k]),
                    "usage_actual_usd": float(self.usage[1, k]) if self.begun[k] else None,
                    "usage_expected_usd": float(self.usage[2, k]),
                    "usage_p10": float(usage_low[k]),
                    "usage_p90": float(usage_high[k]),
                    "cumulative_budget_usd": float(self.plan[: k + 1].sum()),
                    "cumulative_expected_usd": float(self.expected[: k + 1].sum()),
                    "cumulative_p10": float(sums[0, k]),
                    "cumulative_p90": float(sums[2, k]),
                }
                for k, label in enumerate(self.months)
            ],
        }


def forecast(
    chance: Chance,
    option: str,
    seen: Spent,
    plan: Planned,
    *,
    actual: Array,
    paid: Array,
    limit: float | None = None,
    number: int = 2000,
) -> Forecast:
    """Say what a horizon will cost, from what was seen of it.

    Draws of the plan are scaled so that each of them would have cost, in the days seen, what the
    plan expects; what they say of the months to come is left, and multiplied by the level.

    Args:
        chance: The scenario with what is uncertain about it.
        option: The option that was run.
        seen: What the ledger shows.
        plan: What the option was to cost.
        actual: What was spent in the days seen, all of it. [US$/month], shape (T,)
        paid: Of this, what no log shows. [US$/month], shape (T,)
        limit: Money there is. [US$]
        number: Draws.
    """
    drawn = draws(chance, number, [option], part=shown_by(seen)).of(option)
    months, share = seen.months, seen.seen
    usage, per_day = plan.shown, plan.shown_daily
    start = (seen.first - months.start).days
    days = slice(start, start + seen.daily.size)
    tokens = np.repeat(plan.tokens / months.days, months.days.astype(int))
    found = level(seen.daily, per_day[days], seen.daily_tokens, tokens[days])
    count = months.count

    def shares(first: date, last: date, otherwise: Array) -> Array:
        """Return what some days have of the plan of each month. [1], shape (T,)"""
        part = plan.between(per_day, first, last)
        return np.where(usage > 0, part / np.where(usage > 0, usage, 1.0), otherwise)

    day_after = seen.last + timedelta(days=1)
    days_left = np.asarray(months.between(day_after, months.end))
    after = shares(day_after, months.end, days_left)
    compared = shares(seen.first, seen.last, share)
    before = np.clip(1.0 - compared - after, 0.0, 1.0)
    expected_factor, factor = np.ones(count), np.ones((number, count))
    if found is not None:
        left = (months.bounds[1:] - np.datetime64(seen.last, "D")).astype(float)
        middle = np.maximum(left - days_left * months.days / 2, 0.0) / DAYS_PER_MONTH
        expected_factor, factor = factors(found, middle, number, chance.seed)
        part = drawn.part @ compared
        known = np.where(part > 0, float(usage @ compared) / np.where(part > 0, part, 1.0), 1.0)
        factor = factor * known[:, np.newaxis]
    spent_usage = actual - paid
    hidden = sum(plan.hidden.values(), np.zeros(count))
    rest = drawn.monthly - drawn.part
    begun = share > 0
    known_rest = paid + hidden * (1.0 - share)
    expected = spent_usage + usage * (before + after * expected_factor)
    usage_drawn = spent_usage + drawn.part * (before + after * factor)
    return Forecast(
        months=months.labels,
        plan=usage + hidden,
        band=np.quantile(drawn.monthly, SHOWN, axis=0),
        usage_band=np.quantile(drawn.part, (SHOWN[0], SHOWN[-1]), axis=0),
        planned=drawn.monthly.sum(axis=1),
        begun=begun,
        actual=actual,
        expected=expected + np.where(begun, known_rest, hidden),
        drawn=usage_drawn + np.where(begun, known_rest, rest),
        usage=np.array([usage, spent_usage, expected]),
        usage_drawn=usage_drawn,
        level=found,
        limit=limit,
    )
