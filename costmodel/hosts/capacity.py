"""Capacity that stands ready at a provider: dedicated deployments and provisioned units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import ClassVar

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.errors import PriceError, ScenarioError
from costmodel.hosts.base import Host, Pace, Serving, Terms, counted_calls
from costmodel.months import HOURS_PER_DAY, Array, Months, Numeric, add_months
from costmodel.prices.catalog import Model
from costmodel.prices.rows import Key, PriceRow
from costmodel.quantities import serving, volumes


def pools_of(servings: Sequence[Serving], months: Months) -> Iterator[list[Serving]]:
    """Gather the servings that share capacity: the same base model in the same role.

    Args:
        servings: What is to be served; an evaluation needs no capacity of its own.
        months: The time axis.

    Yields:
        Servings of the same days.
    """
    pools: dict[tuple[object, ...], list[Serving]] = {}
    for item in servings:
        if not item.standing:
            # models that run beside each other for a while come and go together
            days = () if item.phase == "serve" else (item.since, item.until)
            pools.setdefault((item.model, item.phase, item.cause, days), []).append(item)
    for pool in pools.values():
        yield from in_time(pool, months)


def in_time(pool: list[Serving], months: Months) -> Iterator[list[Serving]]:
    """Split a pool on the days on which one of its servings begins or ends."""
    windows = {(item.since, item.until) for item in pool}
    if len(windows) == 1:
        yield pool
        return
    for since, until in pairwise(sorted({day for window in windows for day in window})):
        active = months.between(since, until)
        members = [item for item in pool if item.since <= since and until <= item.until]
        if members:
            yield [replace(item, active=active, since=since, until=until) for item in members]


@dataclass(frozen=True)
class Capacity(Host):
    """Capacity that stands ready and is billed by the hour.

    Attributes:
        replica_tokens_per_second: What one replica sustains, prompt and answer together: your own
            measurement. [token/s]
        peak_to_mean: Load at the peak over mean load. [1]
        min_replicas: Replicas kept when there is little load.
        deployed_share: Share of the hours in which the replicas stand; all requests come in these.
    """

    replica_tokens_per_second: Numeric | None = None
    peak_to_mean: Numeric | None = None
    min_replicas: Numeric = 1.0
    deployed_share: Numeric = 1.0

    def _measured(self) -> tuple[Numeric, Numeric]:
        if self.replica_tokens_per_second is None or self.peak_to_mean is None:
            message = (
                f"a {self.kind} host at {self.provider} needs replica_tokens_per_second (what one "
                "replica sustains, measured) and peak_to_mean (load at the peak over mean load)"
            )
            raise ScenarioError(message)
        return self.replica_tokens_per_second, self.peak_to_mean

    def _pace(
        self,
        pool: Sequence[Serving],  # noqa: ARG002
        model: Model,  # noqa: ARG002
        terms: Terms,  # noqa: ARG002
    ) -> Pace:
        """Return what one replica sustains, prompt and answer, and what that assumes."""
        return Pace(self._measured()[0])

    def _load(
        self, pool: Sequence[Serving], model: Model, terms: Terms
    ) -> tuple[Array, Array, Pace]:
        """Return tokens in an hour in which a pool stands, its replicas, and the pace of one."""
        pace = self._pace(pool, model, terms)
        said = pace.said
        # adapters share the replicas of their base model, weights of one's own take some each
        by_weights: dict[str, Array] = {}
        for item in pool:
            calls, counted = counted_calls(item, model, terms.book)
            said += counted
            per_request = sum((call.mean + call.output for call in calls), np.zeros(1))
            weights = item.deployment if item.own_weights else ""
            before = by_weights.get(weights, np.zeros(terms.months.count))
            by_weights[weights] = before + item.requests * per_request / terms.months.hours
        # replicas that stand on some hours only do the work of the month in those
        share = np.asarray(self.deployed_share, float)
        share = np.where(share > 0, share, 1.0)
        peak = np.maximum(self._peak(), 1.0 / share)
        replicas = sum(
            (
                serving.replicas_needed(mean, peak, pace.speed, self.min_replicas)
                for mean in by_weights.values()
            ),
            np.zeros(1),
        )
        tokens = sum(by_weights.values(), np.zeros(1)) / share
        return tokens, replicas + self._spare(), replace(pace, said=said)

    def _peak(self) -> Numeric:
        """Return the load at the peak over mean load."""
        return self._measured()[1]

    def _spare(self) -> Numeric:
        """Return the replicas that stand by against failures."""
        return 0.0

    def _standing(
        self,
        key: Key,
        meter: str,
        pool: Sequence[Serving],
        units_per_replica: float,
        model: Model,
        terms: Terms,
    ) -> Iterator[Quantity]:
        """Count the hours in which the capacity of a pool works, and those in which it waits."""
        tokens, replicas, pace = self._load(pool, model, terms)
        first = pool[0]
        units = serving.whole(replicas * units_per_replica)
        active = first.active * np.asarray(self.deployed_share)
        for activity, formula in (("serve", serving.busy_hours), ("idle", serving.idle_hours)):
            quantity = measure(
                Line(activity, key, meter, first.phase, first.cause),
                formula,
                units=units,
                hours=terms.months.hours,
                active=active,
                busy_replicas=tokens / volumes.SECONDS_PER_HOUR / pace.speed,
                replicas=replicas,
            )
            yield replace(quantity, assumptions=pace.said, spread=pace.spread)


@dataclass(frozen=True)
class Dedicated(Capacity):
    """A provider's managed deployment on GPUs of one's own, billed by the GPU-hour, idle or not.

    Attributes:
        gpu: GPU, as in `gpus.csv`.
        gpus_per_replica: GPUs that one replica occupies.
        instance: Name of the instance in `gpu_rental.csv`, blank for the cheapest that fits.
    """

    kind = "dedicated"
    ends_with_model = False
    market: ClassVar[str] = "dedicated"

    gpu: str = ""
    gpus_per_replica: int = 1
    instance: str = ""

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Pool the tasks on each base model, round up to replicas, count instance-hours."""
        row, said = self._rental(terms, self.gpus_per_replica, self._whole())
        for pool in pools_of(servings, terms.months):
            model = self.model(pool[0].model, terms.book)
            share = self.gpus_per_replica / float(row.facts["gpu_count"])
            quantities = self._standing(row.key, "instance_hour", pool, share, model, terms)
            for quantity in quantities:
                yield replace(quantity, assumptions=(*quantity.assumptions, *said))

    def _rental(self, terms: Terms, gpus: int, whole: str) -> tuple[PriceRow, tuple[str, ...]]:
        """Choose the instance that holds some GPUs for the least money.

        Args:
            terms: Prices and months.
            gpus: GPUs of a replica or of a training run. [1]
            whole: What has to fit into one machine; blank = it may be spread over several.

        Raises:
            PriceError: If none does.
        """
        if not self.gpu:
            message = f"a {self.kind} host at {self.provider} needs gpu, e.g. gpu = 'H100-SXM'"
            raise ScenarioError(message)
        rows = terms.book.rentals(self.provider, self.gpu, self.market_of(), self.region)
        if whole:
            most = max(float(row.facts["gpu_count"]) for row in rows)
            if most < gpus:
                remedy = {
                    "a replica": "a smaller precision or another provider, or state "
                    "replica_tokens_per_second",
                    "training": "training_gpus or another provider, or state "
                    "training_tokens_per_second",
                }[whole]
                message = (
                    f"{self.provider} rents out machines with {most:g} x {self.gpu} at most, "
                    f"{whole} takes {gpus}: choose {remedy} as measured over machines"
                )
                raise PriceError(message)
            rows = [row for row in rows if row.facts["gpu_count"] >= gpus]
        if self.instance:
            rows = [row for row in rows if row.key.sku == self.instance]
            if not rows:
                message = f"{self.provider} has no instance {self.instance!r} with {self.gpu}"
                raise PriceError(message)

        def one_replica(row: PriceRow) -> float:
            count = math.ceil(gpus / float(row.facts["gpu_count"]))
            usd = terms.book.price_on(row.key, "instance_hour", terms.months.start)
            return math.inf if math.isnan(usd) else count * usd

        best = min(rows, key=one_replica)
        said = f"{self.kind} host: {best.key} ({best.where})"
        return best, (said,) if len(rows) > 1 else ()

    def market_of(self) -> str:
        """Return the market whose prices hold."""
        return self.market

    def _whole(self) -> str:
        """Return what one machine has to hold, blank for nothing."""
        return ""


@dataclass(frozen=True)
class Provisioned(Capacity):
    """Whole model units, by the hour or committed for a term that is paid to its end.

    Attributes:
        commitment_months: Term, 0 for none. [month]
        units: Units bought whatever the load; None = enough for the peak.
    """

    kind = "provisioned"

    commitment_months: int = 0
    units: Numeric | None = None

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Pool the tasks on each base model, then buy whole units for whole terms."""
        bought: dict[Line, list[tuple[Serving, Array]]] = {}
        for pool in pools_of(servings, terms.months):
            first = pool[0]
            model = terms.book.catalog.model(self.provider, first.model)
            term = f"{self.commitment_months} months"
            key = terms.book.key(Key("provisioned", self.provider, model.name, term, self.region))
            if self.units is None and not self.commitment_months:
                yield from self._standing(key, "unit_hour", pool, 1.0, model, terms)
                continue
            line = Line("serve", key, "unit_hour", first.phase, first.cause)
            if self.units is None:
                _, units, _ = self._load(pool, model, terms)
            else:
                units = serving.whole(self.units) * np.ones(terms.months.count)
            if self.commitment_months:
                # a unit bought for one purpose serves every other until its term ends
                line = Line("commit", key, "unit_hour", "serve")
                bought.setdefault(line, []).append((first, units))
                continue
            yield measure(
                line,
                serving.capacity_hours,
                units=units,
                hours=terms.months.hours,
                active=first.active * np.asarray(self.deployed_share),
            )
        for line, needs in bought.items():
            yield from _commitments(line, needs, self.commitment_months, terms.months)


def _commitments(
    line: Line, needs: Sequence[tuple[Serving, Array]], term: int, months: Months
) -> Iterator[Quantity]:
    """Buy units when they are needed, each for a whole term, whatever happens to the model.

    Args:
        line: What is bought.
        needs: Who needs units from when to when, and how many in each month.
        term: Length of a term. [month]
        months: The time axis.
    """
    held: list[tuple[Array, date]] = []
    for month in range(months.count):
        begin, end = months.bounds[month].item(), months.bounds[month + 1].item()
        days = {max(begin, who.since) for who, _ in needs if max(begin, who.since) < end}
        days |= {lapse for _, lapse in held if begin < lapse < end}
        for day in sorted(days):
            needed = sum(
                (units[..., month] for who, units in needs if who.since <= day < who.until),
                np.zeros(()),
            )
            has = sum((bought for bought, lapse in held if day < lapse), np.zeros(()))
            bought = np.maximum(needed - has, 0.0)
            if not np.any(bought > 0):
                continue
            lapse = add_months(day, term)
            held.append((bought, lapse))
            quantity = measure(
                replace(line, detail=f"from {day}"),
                serving.committed_hours,
                units=bought[..., None],
                hours=months.hours,
                within_term=months.between(day, lapse),
            )
            beyond = max((lapse - max(months.end, day)).days, 0) * HOURS_PER_DAY * bought
            yield replace(quantity, bought_on=day, beyond=beyond)
