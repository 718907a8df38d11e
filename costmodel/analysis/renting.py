"""What training on rented GPUs costs: every machine for rent, with the plan that runs on it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from costmodel.bill import extend
from costmodel.errors import PriceError, nearest
from costmodel.plans.training import (
    GPU_COUNTS,
    OTHER_SOFTWARE,
    Job,
    TrainingPlan,
    does_not_fit,
    plan_on,
)
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import PriceRow
from costmodel.prices.specs import Specs
from costmodel.prices.tables import MARKETS, Record
from costmodel.quantities.volumes import SECONDS_PER_HOUR

NODE = GPU_COUNTS[-1]


@dataclass(frozen=True)
class Offer:
    """A plan on machines that someone rents out. Costs in US$."""

    plan: TrainingPlan = field(repr=False)
    provider: str
    instance: str
    instances: int
    gpus_rented: int
    region: str
    market: str
    usd_per_hour: float
    usd: float
    usd_low: float
    usd_high: float
    file: str
    line: int
    source: str
    verified_on: date

    def as_dict(self) -> dict[str, Any]:
        """Return the offer and its plan with the documented keys."""
        return {**asdict(self), "verified_on": self.verified_on.isoformat()}


def rented(
    model: str,
    job: Job,
    book: PriceBook,
    specs: Specs,
    *,
    on: date,
    market: str = "on_demand",
    gpus: int | None = None,
    aim: str = "cheapest",
    only: str = "",
) -> list[Offer]:
    """Plan a training job on every machine for rent, cheapest first.

    Args:
        model: Open-weight model, by any of its names.
        job: What is to be trained.
        book: The prices.
        specs: Shapes of models, GPUs and coefficients.
        on: Day of the prices.
        market: As in `gpu_rental.csv`.
        gpus: GPUs of the run; None = those of the machine, or as many as it takes.
        aim: cheapest | fastest | fewest.
        only: A GPU; blank = all.

    Raises:
        PriceError: If there is no such market, or nothing that is for rent fits.
    """

    def gpu_of(number: int) -> str:
        return str(book.rows[number].facts["gpu"])

    if market not in MARKETS:
        message = f"unknown market {market!r}{nearest(market, MARKETS)}"
        raise PriceError(message)
    usable = [
        (number, count)
        for number in _in_force(book, market, on)
        if (count := _planned(book.rows[number], gpus))
        and only in ("", gpu_of(number))
        and _trains(specs.gpu(gpu_of(number)), job.precision)
    ]
    machines = sorted({(gpu_of(number), count) for number, count in usable})
    if not machines:
        if only:
            return []
        asked = f"{gpus} GPUs together" if gpus else "GPUs that can train"
        message = f"nobody rents out {asked} as {market!r} on {on}"
        raise PriceError(message)
    plans = dict(zip(machines, plan_on(model, machines, job, aim=aim, specs=specs), strict=True))
    if gpus is None:
        # machines of a whole node can be joined
        more = [
            (gpu, plan.gpus_needed)
            for (gpu, count), plan in plans.items()
            if not plan.fits and plan.gpus_needed and count >= NODE
        ]
        joined = plan_on(model, more, job, aim=aim, specs=specs) if more else []
        for (gpu, _), plan in zip(more, joined, strict=True):
            plans |= {key: plan for key in plans if key[0] == gpu and key[1] >= NODE}
    offers = [
        _offer(plan, book.rows[number], book.unit_usd(number, "instance_hour"))
        for number, count in usable
        if (plan := plans[gpu_of(number), count]).fits
    ]
    if not offers and not only:
        least = min(plans.values(), key=lambda plan: plan.short_gb)
        raise PriceError(does_not_fit(least))
    return sorted(offers, key=lambda offer: (offer.usd, offer.provider, offer.instance))


def _in_force(book: PriceBook, market: str, on: date) -> list[int]:
    """Return the rows of machines for rent whose price holds on a day, one for each machine."""
    keys = {row.key for row in book.rows if (row.key.table, row.key.mode) == ("gpu_rental", market)}
    places = [book.row_on(key, on) for key in keys]
    return sorted(place for place in places if place >= 0)


def _trains(gpu: Record, precision: str) -> bool:
    """Whether training in a precision runs on a GPU, with software that we know."""
    computes = precision in ("", "bf16") or gpu[f"{precision}_dense_tflops"] > 0
    known = not math.isnan(gpu["bf16_dense_tflops"])
    return bool(known and computes and gpu["architecture"] not in OTHER_SOFTWARE)


def _planned(row: PriceRow, gpus: int | None) -> int:
    """Return the GPUs to plan with on a machine, 0 if it does not do."""
    count = float(row.facts["gpu_count"])
    if count < 1:
        return 0
    if gpus is None:
        return min(int(count), NODE)
    return gpus if count >= min(gpus, NODE) else 0


def _offer(plan: TrainingPlan, row: PriceRow, usd_per_hour: float) -> Offer:
    count = int(row.facts["gpu_count"])
    instances = math.ceil(plan.gpus / count)
    step = row.facts["billing_granularity_s"]
    step = 1.0 if math.isnan(step) or step <= 0 else float(step)

    def usd(hours: float) -> float:
        billed = math.ceil(hours * SECONDS_PER_HOUR / step) * step / SECONDS_PER_HOUR
        return float(extend(billed * instances, usd_per_hour))

    return Offer(
        plan=plan,
        provider=row.key.provider,
        instance=row.key.sku,
        instances=instances,
        gpus_rented=instances * count,
        region=row.key.region,
        market=row.key.mode,
        usd_per_hour=usd_per_hour,
        usd=usd(plan.hours),
        usd_low=usd(plan.hours_low),
        usd_high=usd(plan.hours_high),
        file=row.file,
        line=row.line,
        source=row.source,
        verified_on=row.verified_on,
    )
