"""What a budget owner should look at: spending that leaves the plan, and gaps in the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from costmodel.analysis.wording import money, whole
from costmodel.usage.pricing import dollars

if TYPE_CHECKING:
    from costmodel.analysis.actuals import Actuals

LIKELY, POSSIBLE = 0.5, 0.1  # chances that call for a decision, and for a look
SMALL = 0.01  # a share of the money that may stay unexplained
SHOWN = 5
MANY = 15  # working days without a row, as many as a month of one row leaves at least


@dataclass(frozen=True)
class Alert:
    """Something to look at.

    Attributes:
        level: act | watch | note.
        kind: What it is about.
        text: One sentence.
    """

    level: str
    kind: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return it with the documented keys."""
        return asdict(self)


def alerts(found: Actuals) -> tuple[Alert, ...]:
    """Return what to look at, the most pressing first."""
    order = ("act", "watch", "note")
    every = [*_money(found), *_months(found), *_data(found), *_models(found)]
    return tuple(sorted(every, key=lambda alert: order.index(alert.level)))


def _money(found: Actuals) -> Iterator[Alert]:
    """Yield what the forecast passes."""
    ahead = found.forecast
    plan, high = float(ahead.plan.sum()), float(np.quantile(ahead.planned, 0.9))
    expected = float(ahead.expected.sum())
    if ahead.limit is not None:
        chance = ahead.chance_over(ahead.limit)
        if chance >= POSSIBLE:
            when = ahead.passes(ahead.limit)
            text = f"{chance:.0%} chance to spend more than the limit of {whole(ahead.limit)}"
            text += f"; expected to pass it in {when}" if when else ""
            yield Alert("act" if chance >= LIKELY else "watch", "limit", text)
    if expected > high > 0 and high > plan:
        text = f"the forecast of {whole(expected)} is above {whole(high)}, which nine tenths of the"
        yield Alert("act", "above_p90", f"{text} plan's own draws stay below")
    elif ahead.chance_over(plan) >= LIKELY and expected > plan * (1 + SMALL):
        when = ahead.passes(plan)
        text = f"at this rate the horizon costs {whole(expected)}, {expected / plan - 1:.0%} above "
        text += f"the budget of {whole(plan)}" + (f", passed in {when}" if when else "")
        yield Alert("act", "over_budget", text)
    level = ahead.level
    if level is not None and level.carried:
        word = "grows" if level.trend > 0 else "falls"
        text = f"usage {word} by {abs(level.trend_per_month):.1%} a month against the plan"
        yield Alert("watch" if level.trend > 0 else "note", "trend", text)


def _months(found: Actuals) -> Iterator[Alert]:
    """Yield months outside the band of the plan."""
    seen = found.spent.seen
    for k in np.flatnonzero(seen > 0):
        usd = dollars(int(found.spent.by_month[k]))
        low, high = found.forecast.usage_band[:, k] * found.share[k]
        # rare moves lift what is expected above the band of nearly all draws
        expected = float(found.forecast.usage[0, k] * found.share[k])
        low, high = min(low, expected), max(high, expected)
        label = found.spent.months.labels[k]
        part = "" if seen[k] >= 1 else f" in the {seen[k]:.0%} of it seen"
        # a plan without any spread has no band
        if usd > high * (1 + SMALL):
            text = f"{label}: usage of {money(usd)}{part} is above the plan's P90 of {money(high)}"
            yield Alert("watch", "month_above_band", text)
        elif usd < low * (1 - SMALL):
            text = f"{label}: usage of {money(usd)}{part} is below the plan's P10 of {money(low)}"
            yield Alert("note", "month_below_band", text)


def _data(found: Actuals) -> Iterator[Alert]:
    """Yield what is missing from the data."""
    unpriced = found.priced.unpriced
    if len(unpriced):
        tokens = int(unpriced["tokens"].sum())
        names = dict.fromkeys(
            f"{p}/{m}" for p, m in zip(unpriced["provider"], unpriced["model"], strict=True)
        )
        shown = ", ".join([*names][:SHOWN]) + (" and others" if len(names) > SHOWN else "")
        missing = unpriced.loc[unpriced["billed_pico"] == 0]
        # a bill of the provider holds it, though it does not say so
        missing = missing.loc[~missing["provider"].isin(list(found.spent.unexplained))]
        word = "is missing from the actual cost" if len(missing) else "is in what was billed"
        text = f"{shown} has no price: {tokens:,} tokens, whose cost {word}"
        yield Alert("act" if len(missing) else "note", "unpriced", text)
    whole_usd = dollars(int(sum(found.spent.by_month)))
    for provider, pico in found.spent.unexplained.items():
        usd = dollars(int(sum(pico)))
        if whole_usd and abs(usd) > SMALL * abs(whole_usd):
            text = f"{money(usd)} billed by {provider} that no usage explains"
            yield Alert("watch", "unexplained", f"{text}: {usd / whole_usd:.0%} of the money")
    days = found.spent.without_data
    if days:
        shown = ", ".join(day.isoformat() for day in days[:SHOWN])
        more = f" and {len(days) - SHOWN} more" if len(days) > SHOWN else ""
        word = "working days" if len(days) > 1 else "working day"
        text = f"{len(days)} {word} without a row: {shown}{more}; nothing counts as spent there"
        monthly = len(days) >= MANY
        if monthly:
            text += ". A row of a whole month counts on its day alone: state one for each day"
        yield Alert("act" if monthly else "watch", "no_data", text)


def _models(found: Actuals) -> Iterator[Alert]:
    """Yield models that were not planned, and planned ones that were not seen."""
    seen = {f"{key.provider}/{key.sku}" for key, _ in found.spent.lines}
    share = found.spent.seen
    planned = {
        f"{key.provider}/{key.sku}" for (key, _), usd in found.plan.usd.items() if usd @ share > 0
    }
    pico = dict.fromkeys(seen, 0)
    for (key, _), money_of in zip(found.spent.lines, found.spent.pico, strict=True):
        pico[f"{key.provider}/{key.sku}"] += int(sum(money_of))
    for name in sorted(seen - planned, key=lambda name: -pico[name]):
        text = f"{name} is not in the plan of {found.option}: {money(dollars(pico[name]))} spent"
        yield Alert("watch", "not_planned", text)
    for name in sorted(planned - seen):
        yield Alert("note", "not_seen", f"{name} is planned and was not seen")
