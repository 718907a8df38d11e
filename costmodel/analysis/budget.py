"""How much to ask for: spread, limit, contingency, and what drives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from costmodel.analysis.uncertainty import (
    Chance,
    Costs,
    Draws,
    Step,
    draws,
    one_at_a_time,
)
from costmodel.errors import ScenarioError
from costmodel.months import Array
from costmodel.quantities.sensitivity import explained, regret, worth_knowing

SHOWN = (0.1, 0.5, 0.9)
# shares of the draws at which a month calls for a look, and for a decision
WATCH, ACT = 0.75, 0.9


@dataclass(frozen=True, eq=False)
class Budget:
    """What the options of a scenario may cost.

    Attributes:
        drawn: The draws.
        confidence: Share of the draws that the money asked for must cover. [1]
        limit: Money there is, None if none was stated. [US$]
    """

    drawn: Draws
    confidence: float
    limit: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        drawn = self.drawn
        outcomes, counts = self._ranked()
        best = self._chances(outcomes)
        swings = one_at_a_time(drawn)
        saved = self._saved(outcomes, counts)
        uncertain = list(self._uncertain())
        return {
            "name": drawn.chance.scenario.name,
            "confidence": self.confidence,
            "seed": drawn.chance.seed,
            "draws": int(drawn.costs[0].value.size) if drawn.costs else 0,
            "limit_usd": self.limit,
            "ranked_by": "usd_per_success" if drawn.rated else "total_usd",
            "uncertain": list(drawn.chance.labels),
            "fixed_rates": list(drawn.chance.fixed_rates),
            "regret_usd": _over_horizon(drawn, regret(outcomes)) if outcomes.size else 0.0,
            "months": list(drawn.chance.scenario.horizon.labels),
            "options": [
                self._option(costs, best.get(costs.name))
                | {"drivers": self._drivers(costs, uncertain, swings[costs.name], saved)}
                for costs in drawn.costs
            ],
        }

    def _ranked(self) -> tuple[Array, Array]:
        """Return what options that meet the requirement are ranked by, and the draws that count.

        A draw without a single request has no cost of an outcome, and ranks nobody.

        Returns:
            Figures, shape (draws that count, options), and which draws count, shape (S,).
        """
        found = [c.value for c in self.drawn.costs if c.name in self.drawn.eligible]
        if not found:
            return np.zeros((0, 0)), np.zeros(0, bool)
        figures = np.array(found).T
        counts: Array = np.asarray(np.isfinite(figures).all(axis=1))
        return figures[counts], counts

    def _chances(self, outcomes: Array) -> dict[str, float]:
        """Return how often each option that meets the requirement is the cheapest."""
        names = [c.name for c in self.drawn.costs if c.name in self.drawn.eligible]
        if not outcomes.size:
            return {}
        first = outcomes.argmin(axis=1)
        return {name: float(np.mean(first == k)) for k, name in enumerate(names)}

    def _saved(self, outcomes: Array, counts: Array) -> dict[str, float]:
        """Return how much of the regret knowing each driver would save."""
        if not outcomes.size:
            return {}
        return {
            name: _over_horizon(self.drawn, worth_knowing(values[counts], outcomes))
            for name, values in self.drawn.values.items()
        }

    def _uncertain(self) -> Iterator[dict[str, Any]]:
        """Yield label and ends of everything uncertain, in the order of `Chance.names`."""
        chance = self.drawn.chance
        shares = np.array([SHOWN[0], SHOWN[-1]])
        ends = [driver.drawn(shares) for driver in chance.drivers]
        ends += [np.quantile(self.drawn.values[name], shares) for name in chance.at_random]
        factors = [bool(driver.rows) or driver.scaled for driver in chance.drivers]
        factors += [False] * len(chance.at_random)
        for label, (low, high), factor in zip(chance.labels, ends, factors, strict=True):
            yield {"name": label, "low": float(low), "high": float(high), "factor": factor}

    def _drivers(
        self,
        costs: Costs,
        uncertain: list[dict[str, Any]],
        swing: Array,
        saved: dict[str, float],
    ) -> list[dict[str, Any]]:
        """Return what the spread of an option comes from, the most important first."""
        total = costs.monthly.sum(axis=-1)
        drivers = [
            about
            | {
                "low_usd": float(low),
                "high_usd": float(high),
                "swing_usd": float(high - low),
                "variance_share": explained(self.drawn.values[name], total),
                "worth_knowing_usd": saved.get(name, 0.0),
            }
            for name, about, (low, high) in zip(
                self.drawn.chance.names, uncertain, swing, strict=True
            )
        ]
        return sorted(
            drivers, key=lambda d: (-d["variance_share"], -abs(d["swing_usd"]), d["name"])
        )

    def _option(self, costs: Costs, cheapest: float | None) -> dict[str, Any]:
        total = costs.monthly.sum(axis=-1)
        central = float(np.mean(self.drawn.central.bills[costs.name].total))
        low, middle, high = (float(x) for x in np.quantile(total, SHOWN))
        ask = float(np.quantile(total, self.confidence))
        over = None if self.limit is None else float(np.mean(total > self.limit))
        return {
            "name": costs.name,
            "central_usd": central,
            "mean_usd": float(total.mean()),
            "p10": low,
            "p50": middle,
            "p90": high,
            "ask_usd": ask,
            "contingency_usd": max(0.0, ask - central),
            "chance_over_limit": over,
            "chance_cheapest": cheapest,
            "by_month": self._by_month(costs.monthly),
        }

    def _by_month(self, monthly: Array) -> list[dict[str, Any]]:
        cumulative = np.cumsum(monthly, axis=-1)
        shown = np.quantile(monthly, SHOWN, axis=0)
        sums = np.quantile(cumulative, (*SHOWN, WATCH, ACT), axis=0)
        records = []
        for k, label in enumerate(self.drawn.chance.scenario.horizon.labels):
            record: dict[str, Any] = {"month": label}
            record |= {f"p{share * 100:.0f}": float(shown[j, k]) for j, share in enumerate(SHOWN)}
            record |= {
                f"cumulative_p{share * 100:.0f}": float(sums[j, k]) for j, share in enumerate(SHOWN)
            }
            record |= {"watch_usd": float(sums[-2, k]), "act_usd": float(sums[-1, k])}
            if self.limit is not None:
                record["chance_over_limit"] = float(np.mean(cumulative[:, k] > self.limit))
            records.append(record)
        return records


def _over_horizon(drawn: Draws, usd: float) -> float:
    """Turn a figure per successful outcome into one for the whole horizon."""
    if not drawn.rated:
        return usd
    results = [r for r in drawn.central.ranked if r.usd_per_success is not None]
    if not results:
        return usd
    best = results[0].as_dict()
    outcomes = (best["total_usd"] + (best["damage_usd"] or 0.0)) / best["usd_per_success"]
    return float(usd * outcomes)


def budget(
    chance: Chance,
    *,
    number: int = 10_000,
    confidence: float = 0.9,
    limit: float | None = None,
    option: str | None = None,
    step: Step = lambda _share: None,
) -> Budget:
    """Draw a scenario and say how much to ask for.

    Args:
        chance: What is uncertain.
        number: Draws.
        confidence: Share of the draws that the money asked for must cover. [1]
        limit: Money there is. [US$]
        option: The only option to look at; None = all.
        step: Told the share of the draws that are done.

    Raises:
        ScenarioError: If a number is out of range, or the option has no bill.
    """
    if not 0 < confidence < 1:
        message = f"confidence must be between 0 and 1, got {confidence:g}"
        raise ScenarioError(message)
    if limit is not None and limit < 0:
        message = f"limit must be >= 0, got {limit:g}"
        raise ScenarioError(message)
    return Budget(draws(chance, number, [option] if option else (), step), confidence, limit)
