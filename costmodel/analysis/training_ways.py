"""All ways to have a training run done: machines for rent and providers that take the job."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache
from typing import Any

from costmodel.analysis import market
from costmodel.analysis.renting import Offer, rented
from costmodel.analysis.wording import brief, money, provider_words, tally
from costmodel.errors import PriceError
from costmodel.plans.training import (
    OTHER_SOFTWARE,
    Job,
    TrainingPlan,
    plan_on,
)
from costmodel.plans.training_measured import Measurement, nearest_measured
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs
from costmodel.prices.tables import Record

SOON_DAYS = 365  # ahead of the end of a service that people are warned of
SAME, BAND, OTHER = "this model", "models of this size", "another model"
ADAPTERS = ("lora", "qlora")
HOSTED = ("sft", "dpo")  # objectives that providers sell by the token
NEAREST = 5


@dataclass(frozen=True)
class Wanted:
    """A training run that is wanted.

    Attributes:
        model: Open-weight model, by any of its names.
        tokens: Tokens of the dataset, as the model counts. [token]
        examples: Examples in it.
        epochs: Passes over it.
        objective: sft | dpo | ppo | grpo.
        method: full | lora | qlora.
        stack: Software, a tool of `stacks.csv`.
        sequence_length: Tokens of a packed sequence. [token]
        gpu: The only GPU looked at; blank = all.
        gpus: GPUs of the run; None = searched.
        rent: Market of the rent, as in `gpu_rental.csv`.
        file: The dataset itself where it was counted; hosted prices go by its lengths then.
    """

    model: str
    tokens: float
    examples: float = 1.0
    epochs: float = 3.0
    objective: str = "sft"
    method: str = "lora"
    stack: str = "Hugging Face + PEFT"
    sequence_length: float = 2048
    gpu: str = ""
    gpus: int | None = None
    rent: str = "on_demand"
    file: market.TrainingFile | None = field(default=None, repr=False)

    @property
    def job(self) -> Job:
        """What is trained on own GPUs."""
        return Job(
            self.tokens * self.epochs,
            self.objective,
            self.method,
            self.stack,
            self.sequence_length,
        )


@dataclass(frozen=True, eq=False)
class Ways:
    """All ways to have a run done, each list cheapest first.

    Attributes:
        wanted: The run.
        model: Name of the model in the tables.
        rented: Plans on machines for rent; none where nothing that is rented out fits.
        unfit: Why none of them fits, blank if some do.
        hosted: Records of `tuning_market` with `tunes` ("this model", "models of this size",
            "another model"); those that refuse the job have a reason in `refused`.
        on: Day of the prices.
        book: The prices.
    """

    wanted: Wanted
    model: str
    rented: Sequence[Offer]
    unfit: str
    hosted: Sequence[Mapping[str, Any]]
    on: date
    book: PriceBook = field(repr=False)

    @cached_property
    def plans(self) -> list[TrainingPlan]:
        """The best plan on each GPU, whether it fits or not."""
        specs, wanted = Specs.of(self.book), self.wanted
        gpus = [wanted.gpu] if wanted.gpu else _rentable(self.book, specs, self.on)
        machines = [(gpu, wanted.gpus) for gpu in gpus]
        plans = plan_on(wanted.model, machines, wanted.job, specs=specs)
        return sorted(plans, key=lambda plan: (not plan.fits, plan.gpus, plan.capacity_gb))

    @property
    def best(self) -> TrainingPlan:
        """The plan of the cheapest machine, or the one that comes nearest to fitting."""
        if self.rented:
            return self.rented[0].plan
        return min(self.plans, key=lambda plan: plan.short_gb)

    @property
    def near(self) -> list[Measurement]:
        """Published runs like the best plan."""
        return nearest_measured(self.best, self.wanted.job, Specs.of(self.book), NEAREST)

    @property
    def taken(self) -> list[Mapping[str, Any]]:
        """Providers that take the job today."""
        return [record for record in self.hosted if record["refused"] is None]

    @property
    def same(self) -> list[Mapping[str, Any]]:
        """Providers that tune this model, or models of its size by a price for all."""
        return [record for record in self.taken if record["tunes"] != OTHER]

    @property
    def cheapest_of_each(self) -> list[Offer]:
        """The cheapest machine of each GPU."""
        best: dict[str, Offer] = {}
        for offer in self.rented:
            best.setdefault(offer.plan.gpu, offer)
        return list(best.values())

    def verdict(self) -> str:
        """Say what the cheapest way is, what it costs, and how long it takes."""
        own = self.rented[0] if self.rented else None
        host = self.same[0] if self.same else None
        if own is None and host is None:
            return f"{self.unfit[:1].upper()}{self.unfit[1:]}; no provider takes the job either."
        wanted = self.wanted
        run = f"{tally(wanted.tokens)} tokens, {wanted.epochs:g} times"
        if own is None or (host is not None and host["train_usd"] <= own.usd):
            assert host is not None
            text = f"The cheapest way to train {self.model} ({run}) is {_named(host)}: "
            text += f"{money(host['train_usd'])} by its price list"
            if own is None:
                return f"{text}. Nothing that is for rent fits the run."
            rest = f"Renting {_machines(own)} costs {_usd(own)} and takes {_hours(own.plan)}"
            return f"{text}. {rest}."
        text = f"The cheapest way to train {self.model} ({run}) is renting {_machines(own)}: "
        text += f"{_usd(own)}, {_hours(own.plan)}, {own.plan.memory_gb:.0f} of "
        text += f"{own.plan.capacity_gb:.0f} GB on each GPU"
        if host is None:
            return f"{text}. No provider takes the job for this model."
        return f"{text}. The cheapest provider, {_named(host)}, asks {money(host['train_usd'])}."

    def warnings(self) -> list[str]:
        """Return what to know before going ahead: weak predictions, services that end."""
        said = []
        shown = [offer.plan for offer in self.cheapest_of_each]
        if shown and shown[0].low_confidence:
            text = f"Low confidence in the cheapest machine: {shown[0].low_confidence}."
            sure = next((o for o in self.cheapest_of_each if not o.plan.low_confidence), None)
            if sure is not None:
                text += f" The cheapest like those measured is {_machines(sure)}, {_usd(sure)}."
            said.append(text)
        ends: dict[tuple[str, str], list[str]] = {}
        for record in self.taken:
            end = record["training_until"]
            soon = end is not None and end <= (self.on + timedelta(SOON_DAYS)).isoformat()
            if soon and record["tunes"] != OTHER:
                ends.setdefault((record["provider"], end), []).append(_sold(record))
        said += [
            f"{provider_words(provider)} takes training jobs for "
            f"{', '.join(dict.fromkeys(names))} only until {end}: the model cannot be tuned there "
            "again afterwards."
            for (provider, end), names in sorted(ends.items(), key=lambda pair: pair[0][1])
        ]
        closing = sorted(
            {
                provider_words(record["provider"])
                for record in self.taken
                if record["tunes"] == OTHER
                and record["training_until"] is not None
                and record["training_until"] <= (self.on + timedelta(SOON_DAYS)).isoformat()
            }
        )
        if closing:
            said.append(
                f"Tuning of other models ends within a year at {', '.join(closing)}: the dates "
                "stand on the tab Providers."
            )
        return said


def training_ways(wanted: Wanted, book: PriceBook, on: date) -> Ways:
    """Plan a training run on every machine for rent, and price it at every provider.

    Args:
        wanted: The run.
        book: The prices.
        on: Day of the prices.

    Raises:
        PriceError: If a name is unknown, or the wishes contradict each other.
    """
    specs, book = Specs.of(book), book.at(on)
    shape = specs.model(wanted.model)
    only = specs.gpu(wanted.gpu)["gpu"] if wanted.gpu else ""
    job, unfit = wanted.job, ""
    try:
        offers = rented(
            wanted.model,
            job,
            book,
            specs,
            on=on,
            market=wanted.rent,
            gpus=wanted.gpus,
            only=only,
        )
        if not offers:
            unfit = f"nothing with {only} that is for rent as {wanted.rent!r} fits the run"
    except PriceError as error:
        offers, unfit = [], str(error)
    return Ways(
        wanted=replace(wanted, gpu=only),
        model=shape["model"],
        rented=offers,
        unfit=unfit,
        hosted=_hosted(wanted, shape, book, specs, on),
        on=on,
        book=book,
    )


def _rentable(book: PriceBook, specs: Specs, on: date) -> list[str]:
    """Return the GPUs that someone rents out and that training runs on."""
    rows = [row for row in book.at(on).rows if row.key.table == "gpu_rental"]
    names = sorted({str(row.facts["gpu"]) for row in rows})
    known = [specs.gpu(name) for name in names]
    return [
        row["gpu"]
        for row in known
        if not math.isnan(row["bf16_dense_tflops"])
        and not math.isnan(row["memory_bandwidth_tbs"])
        and row["architecture"] not in OTHER_SOFTWARE
    ]


def _hosted(
    wanted: Wanted, shape: Record, book: PriceBook, specs: Specs, on: date
) -> list[dict[str, Any]]:
    """Return what providers ask for the job, with what of theirs it would tune."""
    if wanted.objective not in HOSTED:
        return []
    job = market.Job(
        examples=wanted.examples,
        example_tokens=wanted.tokens / max(wanted.examples, 1.0),
        epochs=wanted.epochs,
        objective=wanted.objective,
        file=wanted.file,
    )
    offers = {(row["file"], row["line"]): row for row in book.catalog.offers_on(on)}
    method = "lora" if wanted.method in ADAPTERS else wanted.method
    found = []
    for record in market.tuning_market(job, book, on):
        row = offers[record["file"], record["row"]]
        if row["method"] in ("", method):
            found.append(record | {"tunes": _tunes(row, shape, specs), "model": row["model"]})
    return found


def _tunes(row: Record, shape: Record, specs: Specs) -> str:
    """Say whether an offer tunes a model."""
    if not row["model"]:
        low, high = row["params_over"] or 0.0, row["params_up_to"] or math.inf
        return BAND if low < shape["params_total"] <= high else OTHER
    return SAME if _shape(specs, str(row["model"])) == shape["model"] else OTHER


@lru_cache(maxsize=1024)
def _shape(specs: Specs, name: str) -> str:
    """Return the open model behind the name of an offer, blank if it is none."""
    try:
        return str(specs.model(name)["model"])
    except PriceError:
        return ""


def _named(record: Mapping[str, Any]) -> str:
    return f"{provider_words(record['provider'])} ({_sold(record)})"


def _sold(record: Mapping[str, Any]) -> str:
    """Name what a record sells."""
    return str(record["model"]) or f"any model of {str(record['sku']).partition(':')[0]}"


def _machines(offer: Offer) -> str:
    return f"{offer.plan.gpus} {offer.plan.gpu} at {provider_words(offer.provider)}"


def _usd(offer: Offer) -> str:
    return f"{money(offer.usd)} ({brief(offer.usd_low)} to {brief(offer.usd_high)})"


def _hours(plan: TrainingPlan) -> str:
    return lasting(plan.hours, plan.hours_low, plan.hours_high)


def lasting(value: float, low: float, high: float) -> str:
    """Write a time with its range, in minutes where it is short.

    Args:
        value: The time. [h]
        low: The low end of its range. [h]
        high: The high end of its range. [h]

    >>> lasting(0.5, 0.4, 1.2), lasting(3.456, 2, 1200)
    ('30 minutes (24 to 72)', '3.46 hours (2 to 1,200)')
    """
    if value < 1:
        ends = [f"{x * 60:,.0f}" for x in (value, low, high)]
        return f"{ends[0]} minutes ({ends[1]} to {ends[2]})"
    ends = [f"{x:,.3g}" if x < 1000 else f"{x:,.0f}" for x in (value, low, high)]  # noqa: PLR2004
    return f"{ends[0]} hours ({ends[1]} to {ends[2]})"
