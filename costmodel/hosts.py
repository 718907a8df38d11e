"""Where models run and how that is billed. A new way of billing is one class here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.errors import PriceError, ScenarioError
from costmodel.months import HOURS_PER_DAY, Array, Months, Numeric, add_months
from costmodel.plans.serving import Load, Policy, plan
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.meters import INFRASTRUCTURE_ITEMS
from costmodel.prices.rows import TEAM, Key, PriceRow
from costmodel.prices.specs import Specs
from costmodel.quantities import ownership, serving, training, volumes
from costmodel.quantities.ranges import check_ranges
from costmodel.quantities.requests import Request, Sizes, Turn


@dataclass(frozen=True)
class Terms:
    """What every host and approach is told: prices and months.

    Attributes:
        book: The prices.
        months: The time axis.
    """

    book: PriceBook
    months: Months


Ratio = tuple[float, tuple[str, ...]]


def tokens_per(model: Model, counted_with: str, content: str, book: PriceBook) -> Ratio:
    """Return tokens of the model per token of the workload, and what that assumes."""
    if not model.encoding:
        said = f"{model.name}: tokenizer not known, tokens taken as {counted_with} counts"
        return 1.0, (said,)
    if model.encoding == counted_with:
        return 1.0, ()
    ratio = book.catalog.tokens_per(model.encoding, counted_with, content)
    said = (
        f"{model.name}: {ratio:.3g} tokens of {model.encoding} for each {counted_with} token "
        f"({content}, tokenizers.csv)"
    )
    return ratio, (said,)


@dataclass(frozen=True, eq=False)
class Serving:
    """Requests for one deployment.

    Attributes:
        task: Whose requests they are, blank if there is one task.
        model: Model asked for; the base model of a tuned one.
        request: What is sent and what comes back.
        requests: Conversations in a full month, repeated attempts included. [1/month], (..., T)
        active: Share of the month in which they come. [1], shape (..., T)
        since, until: First day, and first day no more.
        offer: The tuning offer behind a model tuned by a provider.
        tuned: Whether the model is tuned.
        deployment: Name of the tuned model, blank for a base model.
        caching: Whether the provider's prompt cache is used where it can be.
        cache_hit_share: Share of requests that find the prefix warm; None = from the rate.
        standing: Whether they use a deployment that stands already, as an evaluation does.
        phase, cause: Of the lines.
    """

    task: str
    model: str
    request: Request
    requests: Array
    active: Array
    since: date
    until: date
    offer: TuningOffer | None = None
    tuned: bool = False
    deployment: str = ""
    caching: bool = True
    cache_hit_share: Numeric | None = None
    standing: bool = False
    phase: str = "serve"
    cause: str = ""


@dataclass(frozen=True, eq=False)
class Training:
    """Training runs.

    Attributes:
        name: Approach (and task) they are for.
        model: Base model.
        tokens: Tokens of the training set. [token]
        counted_with, content: Encoding in which they are counted, blank for that of the provider;
            and kind of content.
        epochs: Passes over it; None = the provider's default.
        runs: Runs in each month. [1/month], shape (..., T)
        validation_tokens, evaluations: Validation set and passes over it.
        hours: Length of a run that is billed by time. [h]
        examples: Examples in the set, where they are known.
        offer: What a provider sells; None on own GPUs.
        phase, cause: Of the lines.
    """

    name: str
    model: str
    tokens: Numeric
    epochs: Numeric | None
    runs: Array
    validation_tokens: Numeric = 0.0
    evaluations: Numeric = 0.0
    hours: Numeric | None = None
    examples: Numeric | None = None
    offer: TuningOffer | None = None
    counted_with: str = "o200k_base"
    content: str = "english"
    phase: str = "build"
    cause: str = ""


DEFAULT_EPOCHS = 3.0


def check_window(model: Model, calls: Sequence[Turn]) -> None:
    """Refuse a prompt that does not fit the model.

    Raises:
        ScenarioError: If the prompt is longer than the context window.
    """
    longest = max(float(np.max(call.mean)) for call in calls)
    if longest > model.context_window:
        message = (
            f"a prompt of {longest:,.0f} tokens does not fit the context window of "
            f"{model.provider}/{model.name}, {model.context_window:,.0f} tokens; "
            "shorten its parts or choose another model"
        )
        raise ScenarioError(message)


def _counted(item: Serving, model: Model, book: PriceBook) -> tuple[list[Turn], tuple[str, ...]]:
    """Return the calls of a conversation in the model's own tokens, and what that assumes."""
    request = item.request
    ratio, said = tokens_per(model, request.counted_with, request.content, book)
    calls = request.scaled(ratio).calls()
    check_window(model, calls)
    return calls, said


def epochs_of(
    epochs: Numeric | None, offer: TuningOffer | None, examples: Numeric | None = None
) -> tuple[Numeric, tuple[str, ...]]:
    """Return the passes over the training set, and what is assumed where none were stated."""
    if epochs is not None:
        return epochs, ()
    if offer is None:
        return DEFAULT_EPOCHS, (f"{DEFAULT_EPOCHS:g} epochs taken",)
    if offer.epochs_rule == "by_examples" and examples is not None:
        chosen = training.epochs_by_examples(examples)
        said = (
            f"epochs: {float(np.mean(chosen)):g}, what {offer.provider} chooses for "
            f"{float(np.mean(examples)):,.0f} examples"
        )
        return chosen, (said,)
    if math.isnan(offer.default_epochs):
        said = (
            f"{offer.provider} chooses the epochs of {offer.sku} itself: {DEFAULT_EPOCHS:g} taken"
        )
        return DEFAULT_EPOCHS, (said,)
    return offer.default_epochs, (
        f"epochs: {offer.default_epochs:g}, the default of {offer.provider}",
    )


def check_examples(offer: TuningOffer, examples: float) -> None:
    """Refuse a set with fewer or more examples than the provider takes.

    Raises:
        ScenarioError: Naming the limit.
    """
    for limit, fits, word in (
        (offer.min_examples, examples >= offer.min_examples, "at least"),
        (offer.max_examples, examples <= offer.max_examples, "at most"),
    ):
        if not math.isnan(limit) and not fits:
            message = (
                f"{offer.provider} wants {word} {limit:,.0f} examples to tune {offer.sku}, "
                f"got {examples:,.0f}"
            )
            raise ScenarioError(message)


def hosted_training(job: Training, terms: Terms) -> Iterator[Quantity]:
    """Count what a provider bills for training runs."""
    offer = job.offer
    if offer is None:
        message = f"{job.name}: no tuning offer to train {job.model!r} under"
        raise ScenarioError(message)
    ratio: float = 1.0
    said: tuple[str, ...] = ()
    if job.counted_with:
        model = terms.book.catalog.model(offer.provider, job.model)
        ratio, said = tokens_per(model, job.counted_with, job.content, terms.book)
    key = Key("finetuning", offer.provider, offer.sku, offer.mode, offer.region)
    line = Line("train", key, "train_mtok", job.phase, job.cause, job.name)
    if offer.unit in ("hour", "gpu_hour"):
        meter = "train_hour" if offer.unit == "hour" else "train_gpu_hour"
        if job.hours is None:
            message = (
                f"{job.name}: {offer.provider} bills {offer.sku} by time "
                f"({offer.unit.replace('_', ' ')}); give the hours of one run"
            )
            raise ScenarioError(message)
        quantity = measure(
            replace(line, meter=meter), training.run_hours, runs=job.runs, hours_per_run=job.hours
        )
        yield replace(quantity, events=job.runs)
        return
    epochs, chosen = epochs_of(job.epochs, offer, job.examples)
    said += chosen
    billed = offer.billed_validation != "no"
    if offer.billed_validation == "" and np.any(np.asarray(job.validation_tokens) > 0):
        said += (f"{offer.provider}: validation tokens taken as billed (not published)",)
    quantity = measure(
        line,
        training.train_mtok,
        runs=job.runs,
        tokens=job.tokens * np.asarray(ratio),
        epochs=epochs,
        validation_tokens=job.validation_tokens * np.asarray(ratio) if billed else 0.0,
        evaluations=job.evaluations if billed else 0.0,
    )
    yield replace(quantity, events=job.runs, assumptions=said)


@dataclass(frozen=True)
class Host(ABC):
    """A place where models run.

    Attributes:
        provider: Who bills for it.
        region: As in the price tables, blank for the default one.
    """

    kind: ClassVar[str] = ""
    # whether the provider decides when a model ends here
    ends_with_model: ClassVar[bool] = True
    # whether training, too, is bought from the provider
    sells_tuning: ClassVar[bool] = True

    provider: str
    region: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_ranges(self)

    @abstractmethod
    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Pool the requests of each deployment and count what is billed."""

    def train(self, job: Training, terms: Terms) -> Iterator[Quantity]:
        """Count what is billed for training runs."""
        return hosted_training(job, terms)

    def model(self, name: str, book: PriceBook) -> Model:
        """Return what is known about a model here.

        Raises:
            PriceError: If the provider has no such model.
        """
        return book.catalog.model(self.provider, name)


@dataclass(frozen=True)
class PerToken(Host):
    """Tokens are billed; a tuned model also by the hour where the provider asks for that.

    Attributes:
        mode: standard | batch | flex | priority | ...
        deployed_share: Share of the hours in which a tuned model with an hourly fee is deployed.
        keep_cache: Whether prompts are kept in a cache that is billed by the hour, so that every
            request finds them, where the provider sells that.
    """

    kind = "per_token"

    mode: str = "standard"
    deployed_share: Numeric = 1.0
    keep_cache: bool = False

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Count tokens by what is charged for them, then hourly fees."""
        deployed: dict[tuple[str, ...], tuple[Serving, TuningOffer]] = {}
        for item in servings:
            yield from self._tokens(item, terms)
            if item.offer is not None and item.offer.hosting_per_hour > 0 and not item.standing:
                # what several members of a mix, or several tasks, use is deployed once
                name = (item.deployment, item.model, item.phase, item.cause, str(item.since))
                deployed.setdefault(name, (item, item.offer))
        for item, offer in deployed.values():
            yield self._hosting(item, offer, terms)

    def _sku(self, item: Serving, terms: Terms) -> str:
        if not item.tuned:
            return terms.book.catalog.name(self.provider, item.model)
        if item.offer is None or item.offer.provider != self.provider or not item.offer.serves_as:
            message = (
                f"{self.provider} does not serve a tuned {item.model!r} by the token; "
                "use a dedicated, provisioned or rented host"
            )
            raise ScenarioError(message)
        return item.offer.serves_as

    def _tokens(self, item: Serving, terms: Terms) -> Iterator[Quantity]:
        book = terms.book
        sku = self._sku(item, terms)
        key = book.key(Key("inference", self.provider, sku, self.mode, self.region))
        model = book.catalog.model(self.provider, sku)
        calls, said = _counted(item, model, book)
        if item.offer is not None and math.isnan(item.offer.hosting_per_hour):
            fee = f"{self.provider} publishes no hourly fee for tunes of {item.offer.sku}"
            said += (f"{fee}: none billed",)
        conversations = np.asarray(item.requests * item.active, float)
        cached = item.caching and book.sells(key, "cached_input_mtok")
        prefixes = [_cacheable(call.prefix, model) if cached else np.zeros(1) for call in calls]
        prefix = sum(prefixes, np.zeros(1))
        hit: Numeric = np.zeros(1)
        if np.any(prefix > 0):
            if self.keep_cache:
                hit = np.ones(1)
            elif item.cache_hit_share is not None:
                hit = np.asarray(item.cache_hit_share, float)
            elif math.isnan(model.cache_ttl_minutes):
                said += (f"{model.name}: life of cached prompts not published, none taken as hit",)
            else:
                per_hour = item.requests * len(calls) / terms.months.hours
                hit = volumes.hit_share(per_hour, model.cache_ttl_minutes)
                said += (
                    f"{model.name}: {float(np.mean(hit)):.0%} of requests find the prompt cache "
                    f"warm ({model.cache_ttl_minutes:g} minutes, requests at random)"
                    + ("; a batch may differ: state cache_hit_share" * (self.mode == "batch")),
                )
        writes = cached and book.sells(key, "cache_write_mtok")
        kept: Numeric = 1.0 if writes else hit

        def line(meter: str) -> Line:
            return Line("serve", key, meter, item.phase, item.cause, item.task)

        total = sum((call.mean for call in calls), np.zeros(1))
        if np.any(prefix > 0):
            uncached = measure(
                line("input_mtok"),
                volumes.uncached_mtok,
                requests=conversations,
                input_tokens=total,
                prefix_tokens=prefix,
                hit_share=hit,
                writes_billed=1.0 if writes else 0.0,
            )
        else:
            uncached = measure(
                line("input_mtok"), volumes.request_mtok, requests=conversations, tokens=total
            )
        pairs = list(zip(calls, prefixes, strict=True))
        fresh = [
            (call.mean - start * kept, call.variance - call.prefix_variance * (start > 0))
            for call, start in pairs
        ]
        yield replace(uncached, sizes=Sizes.of(calls, fresh), assumptions=said)
        if np.any(prefix > 0):
            stored = [(start, call.prefix_variance * (start > 0)) for call, start in pairs]
            sizes = Sizes.of(calls, stored)
            read = measure(
                line("cached_input_mtok"),
                volumes.cached_mtok,
                requests=conversations,
                prefix_tokens=prefix,
                hit_share=hit,
            )
            yield replace(read, sizes=sizes)
            if self.keep_cache:
                yield measure(
                    line("cache_storage_mtok_hour"),
                    volumes.kept_mtok_hours,
                    prefix_tokens=prefix,
                    hours=terms.months.hours,
                    active=item.active,
                )
            if writes:
                written = measure(
                    line("cache_write_mtok"),
                    volumes.written_mtok,
                    requests=conversations,
                    prefix_tokens=prefix,
                    hit_share=hit,
                )
                yield replace(written, sizes=sizes)
        answer = measure(
            line("output_mtok"),
            volumes.request_mtok,
            requests=conversations,
            tokens=sum((call.output for call in calls), np.zeros(1)),
        )
        independent = [(call.output, np.zeros(1)) for call in calls]
        yield replace(answer, sizes=Sizes.of(calls, independent))

    def _hosting(self, item: Serving, offer: TuningOffer, terms: Terms) -> Quantity:
        key = Key("finetuning", offer.provider, offer.sku, offer.mode, offer.region)
        return measure(
            Line("host", key, "hosting_hour", item.phase, item.cause, item.deployment),
            serving.capacity_hours,
            units=1.0,
            hours=terms.months.hours,
            active=item.active * self.deployed_share,
        )


def _cacheable(prefix: Array, model: Model) -> Array:
    """Return the part of a prompt that the provider caches: nothing below its minimum."""
    if math.isnan(model.cache_min_tokens):
        return np.zeros(1)
    return np.where(prefix >= model.cache_min_tokens, prefix, 0.0)


@dataclass(frozen=True)
class _Capacity(Host):
    """Capacity that stands ready and is billed by the hour.

    Attributes:
        replica_tokens_per_second: What one replica sustains, prompt and answer together: your own
            measurement. [token/s]
        peak_to_mean: Load at the peak over mean load. [1]
        min_replicas: Replicas kept when there is little load.
        deployed_share: Share of the hours in which the replicas stand.
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
    ) -> tuple[Numeric, tuple[str, ...]]:
        """Return what one replica sustains, prompt and answer, and what that assumes."""
        return self._measured()[0], ()

    def _pools(self, servings: Sequence[Serving]) -> list[list[Serving]]:
        """Gather the servings that share a deployment: the same base model in the same role."""
        pools: dict[tuple[str, str, str], list[Serving]] = {}
        for item in servings:
            if item.standing:
                continue
            pools.setdefault((item.model, item.phase, item.cause), []).append(item)
        return list(pools.values())

    def _load(
        self, pool: Sequence[Serving], model: Model, terms: Terms
    ) -> tuple[Array, Array, tuple[str, ...]]:
        """Return tokens per hour of a pool, replicas at the peak, and what that assumes."""
        speed, said = self._pace(pool, model, terms)
        peak = self._peak()
        tokens = np.zeros(terms.months.count)
        for item in pool:
            calls, counted = _counted(item, model, terms.book)
            said += counted
            per_request = sum((call.mean + call.output for call in calls), np.zeros(1))
            tokens = tokens + item.requests * per_request / terms.months.hours
        replicas = serving.replicas_needed(tokens, peak, speed, self.min_replicas)
        return tokens, replicas + self._spare(), said

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
        tokens, replicas, said = self._load(pool, model, terms)
        speed, _ = self._pace(pool, model, terms)
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
                busy_replicas=tokens / volumes.SECONDS_PER_HOUR / speed,
                replicas=replicas,
            )
            yield replace(quantity, assumptions=said)


@dataclass(frozen=True)
class Dedicated(_Capacity):
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
        row, said = self._rental(terms)
        for pool in self._pools(servings):
            model = self.model(pool[0].model, terms.book)
            share = self.gpus_per_replica / float(row.facts["gpu_count"])
            quantities = self._standing(row.key, "instance_hour", pool, share, model, terms)
            for quantity in quantities:
                yield replace(quantity, assumptions=(*quantity.assumptions, *said))

    def _rental(self, terms: Terms) -> tuple[PriceRow, tuple[str, ...]]:
        """Choose the instance that hosts one replica for the least money."""
        if not self.gpu:
            message = f"a {self.kind} host at {self.provider} needs gpu, e.g. gpu = 'H100-SXM'"
            raise ScenarioError(message)
        rows = terms.book.rentals(self.provider, self.gpu, self.market_of(), self.region)
        if self._whole():
            most = max(float(row.facts["gpu_count"]) for row in rows)
            if most < self.gpus_per_replica:
                message = (
                    f"{self.provider} rents out machines with {most:g} x {self.gpu} at most, a "
                    f"replica takes {self.gpus_per_replica}: choose a smaller precision or another "
                    "provider, or state replica_tokens_per_second as measured over machines"
                )
                raise PriceError(message)
            rows = [row for row in rows if row.facts["gpu_count"] >= self.gpus_per_replica]
        if self.instance:
            rows = [row for row in rows if row.key.sku == self.instance]
            if not rows:
                message = f"{self.provider} has no instance {self.instance!r} with {self.gpu}"
                raise PriceError(message)

        def one_replica(row: PriceRow) -> float:
            count = math.ceil(self.gpus_per_replica / float(row.facts["gpu_count"]))
            usd = terms.book.price_on(row.key, "instance_hour", terms.months.start)
            return math.inf if math.isnan(usd) else count * usd

        best = min(rows, key=one_replica)
        said = f"{self.kind} host: {best.key} ({best.where})"
        return best, (said,) if len(rows) > 1 else ()

    def market_of(self) -> str:
        """Return the market whose prices hold."""
        return self.market

    def _whole(self) -> bool:
        """Whether one machine has to hold a whole replica."""
        return False


class _Planned(_Capacity):
    """Capacity with software of one's own: the serving model says what was not measured."""

    @abstractmethod
    def _wished(self) -> Wishes:
        """Return GPU and settings of a replica."""

    def _peak(self) -> Numeric:
        if self.peak_to_mean is None:
            message = (
                f"a {self.kind} host at {self.provider} needs replica_tokens_per_second "
                "(measured; it is predicted where left out) and peak_to_mean (load at the peak "
                "over mean load)"
            )
            raise ScenarioError(message)
        return self.peak_to_mean

    def _pace(
        self, pool: Sequence[Serving], model: Model, terms: Terms
    ) -> tuple[Numeric, tuple[str, ...]]:
        if self.replica_tokens_per_second is not None:
            return self.replica_tokens_per_second, ()
        self._peak()
        wishes = self._wished()
        weight = np.zeros(1)
        read, written = np.zeros(1), np.zeros(1)
        for item in pool:
            calls, _ = _counted(item, model, terms.book)
            requests = np.mean(item.requests) * len(calls)
            weight = weight + requests
            read = read + requests * np.mean([np.mean(call.mean) for call in calls])
            written = written + requests * np.mean([np.mean(call.output) for call in calls])
        if not float(np.mean(weight)) > 0:
            return 1.0, ()
        load = Load(
            input_tokens=max(float(np.mean(read / weight)), 1.0),
            output_tokens=max(float(np.mean(written / weight)), 1.0),
            requests_per_second=float(np.mean(weight / terms.months.hours)) / 3600.0,
            tpot_ms=wishes.tpot_ms,
            ttft_ms=wishes.ttft_ms,
        )
        policy = Policy(
            engine=wishes.engine, precision=wishes.precision or None, gpus=wishes.gpus, spare=0
        )
        found = plan(pool[0].model, wishes.gpu, load, Specs.of(terms.book), policy, compare=False)
        band = f"{found.tokens_per_second_low:,.0f} to {found.tokens_per_second_high:,.0f}"
        said = (
            f"{found.model} on {found.gpus_per_replica} x {found.gpu} in {found.precision}: "
            f"{found.tokens_per_second:,.0f} tokens/s a replica, prompt and answer, predicted "
            f"(80 % band {band}); state replica_tokens_per_second once it is measured"
        )
        doubts = tuple(f"low confidence: {text}" for text in found.doubts)
        loaded = f"replicas are loaded to {policy.busy:.0%} of that at the peak"
        return found.tokens_per_second * policy.busy, (said, loaded, *doubts)


@dataclass(frozen=True)
class Wishes:
    """What runs on the GPUs of one replica, for the serving model."""

    gpu: str
    gpus: int
    precision: str
    engine: str
    tpot_ms: float | None
    ttft_ms: float | None


@dataclass(frozen=True)
class Rented(_Planned, Dedicated):
    """GPUs rented from a cloud, with software of one's own.

    Attributes:
        market_name: on_demand | spot | reserved_1y | reserved_3y | marketplace.
        training_tokens_per_second: Measured training speed of one replica's GPUs. [token/s]
        startup_hours: Start and loading of the weights before each training run. [h]
        precision: Of the weights; blank = as published.
        engine: Serving software.
        tpot_ms: Longest time per token that is acceptable. [ms]
        ttft_ms: Longest time to the first token that is acceptable. [ms]
        spare_replicas: Replicas that stand by against failures.
        egress_gb: Traffic out of the cloud in a month. [GB/month]
        disk_gb: Disk kept for weights and images. [GB]
    """

    kind = "rented"
    sells_tuning = False

    market_name: str = "on_demand"
    training_tokens_per_second: Numeric | None = None
    startup_hours: Numeric = 0.25
    precision: str = ""
    engine: str = "vllm"
    tpot_ms: Numeric | None = None
    ttft_ms: Numeric | None = None
    spare_replicas: Numeric = 0.0
    egress_gb: Numeric = 0.0
    disk_gb: Numeric = 0.0

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Pool the tasks, round up to replicas, count instance-hours, then traffic and disk."""
        yield from super().serve(servings, terms)
        mine = [item for item in servings if not item.standing and item.phase == "serve"]
        if not mine:
            return
        first = mine[0]
        for item, amount in (("egress", self.egress_gb), ("disk", self.disk_gb)):
            if np.any(np.asarray(amount) > 0):
                key = Key("infrastructure", self.provider, item, "standard", self.region)
                meter = INFRASTRUCTURE_ITEMS[item]
                yield measure(
                    Line("serve", _bought(key, terms.book), meter, first.phase, first.cause),
                    serving.capacity_hours,
                    units=amount,
                    hours=1.0,
                    active=first.active,
                )

    def _wished(self) -> Wishes:
        if not self.gpu:
            message = f"a {self.kind} host at {self.provider} needs gpu, e.g. gpu = 'H100-SXM'"
            raise ScenarioError(message)
        return Wishes(
            self.gpu,
            self.gpus_per_replica,
            self.precision,
            self.engine,
            _number(self.tpot_ms),
            _number(self.ttft_ms),
        )

    def _spare(self) -> Numeric:
        return self.spare_replicas

    def _whole(self) -> bool:
        # the serving model knows no link between machines
        return self.replica_tokens_per_second is None and self.peak_to_mean is not None

    def market_of(self) -> str:
        """Return the market whose prices hold."""
        return self.market_name

    def model(self, name: str, book: PriceBook) -> Model:
        """Return what the tables know about open weights, whoever else serves them."""
        return open_model(name, book)

    def train(self, job: Training, terms: Terms) -> Iterator[Quantity]:
        """Count instance-hours at the measured speed."""
        if job.offer is not None:
            yield from hosted_training(job, terms)
            return
        if self.training_tokens_per_second is None:
            message = (
                f"{job.name}: training on rented GPUs needs training_tokens_per_second (measured), "
                "or a trainer = 'PROVIDER' that tunes the model"
            )
            raise ScenarioError(message)
        row, said = self._rental(terms)
        model = self.model(job.model, terms.book)
        ratio, counted = tokens_per(model, job.counted_with, job.content, terms.book)
        epochs, chosen = epochs_of(job.epochs, None)
        said += chosen
        instances = math.ceil(self.gpus_per_replica / float(row.facts["gpu_count"]))
        quantity = measure(
            Line("train", row.key, "instance_hour", job.phase, job.cause, job.name),
            training.rented_training_hours,
            runs=job.runs,
            tokens=job.tokens * np.asarray(ratio),
            epochs=epochs,
            tokens_per_second=self.training_tokens_per_second,
            instances=float(instances),
            startup_hours=self.startup_hours,
        )
        yield replace(quantity, assumptions=(*said, *counted))


def _number(value: Numeric | None) -> float | None:
    return None if value is None else float(np.mean(value))


def _bought(key: Key, book: PriceBook) -> Key:
    """Return a key of `infrastructure.csv`.

    Raises:
        PriceError: If the table has no such row, saying which to add.
    """
    try:
        return book.key(key)
    except PriceError:
        item, _, gpu = key.sku.partition(" ")
        wanted = f"provider {key.provider}, item {item}" + (f", gpu {gpu}" if gpu else "")
        message = f"infrastructure.csv has no row with {wanted}: add one with your price"
        raise PriceError(message) from None


WALL = 1.24  # wall power over the limits of the GPUs, measured on servers with 8 x H100
IDLE = 0.29  # waiting over working, measured on a server with 8 x B200
RESERVE = 1.2  # power kept ready over power under load, where it is not published


@dataclass(frozen=True)
class Owned(_Planned):
    """GPUs of one's own in a rented room: bought once, for the peak, and never given back.

    Attributes:
        gpu: GPU, as in `gpus.csv`.
        gpus_per_replica: GPUs that one replica occupies.
        server_gpus: GPUs of one server; whole servers are bought.
        life_years: Useful life. [year]
        residual_share: Resale value at its end over the purchase. [1]
        capital_rate: Cost of capital. [1/year]
        support_share: Support, spares and repairs of a year over the purchase. [1/year]
        pue: Power of the building over power of its machines. [1]
        colocated: Whether a room is rented by the kW.
        staff_hours_per_gpu: Hours of people for one GPU in a month. [h/month]
        role: Who they are, a role of labour.csv.
        spare_replicas: Replicas that stand by against failures.
        training_tokens_per_second: Measured training speed of one replica's GPUs. [token/s]
        precision, engine, tpot_ms, ttft_ms: As for `Rented`.
    """

    kind = "owned"
    ends_with_model = False
    sells_tuning = False

    provider: str = "own"
    gpu: str = ""
    gpus_per_replica: int = 1
    server_gpus: int = 8
    life_years: Numeric = 4.0
    residual_share: Numeric = 0.2
    capital_rate: Numeric = 0.1
    support_share: Numeric = 0.05
    pue: Numeric = 1.3
    colocated: bool = True
    staff_hours_per_gpu: Numeric = 0.0
    role: str = "ml_engineer"
    spare_replicas: Numeric = 0.0
    training_tokens_per_second: Numeric | None = None
    precision: str = ""
    engine: str = "vllm"
    tpot_ms: Numeric | None = None
    ttft_ms: Numeric | None = None

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Count what the GPUs that were bought cost, busy or not."""
        for pool in self._pools(servings):
            yield from self._stand(pool, terms)

    def _stand(self, pool: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        model = self.model(pool[0].model, terms.book)
        tokens, replicas, said = self._load(pool, model, terms)
        speed, _ = self._pace(pool, model, terms)
        row, facts, guessed = self._machine(terms)
        first = pool[0]
        active = first.active * np.asarray(self.deployed_share)
        gpus = ownership.owned(replicas * self.gpus_per_replica, self.server_gpus)
        busy = np.asarray(tokens / volumes.SECONDS_PER_HOUR / speed / replicas, float)
        hours = terms.months.hours * active
        words = (
            f"owned GPUs: {float(np.mean(self.life_years)):g} years of life, "
            f"{float(np.mean(self.residual_share)):.0%} resale, capital at "
            f"{float(np.mean(self.capital_rate)):.0%}, support "
            f"{float(np.mean(self.support_share)):.0%} of the purchase a year, "
            f"PUE {float(np.mean(self.pue)):g}, servers of {self.server_gpus} GPUs"
        )

        def line(activity: str, key: Key, meter: str) -> Line:
            return Line(activity, key, meter, first.phase, first.cause)

        capital = measure(
            line("serve", row.key, "gpu_purchase"),
            ownership.depreciated_gpus,
            gpus=gpus,
            hours=hours,
            life_years=self.life_years,
            residual_share=self.residual_share,
            capital_rate=self.capital_rate,
        )
        yield replace(capital, assumptions=(*said, words, *guessed))
        yield measure(
            line("support", row.key, "gpu_purchase"),
            ownership.supported_gpus,
            gpus=gpus,
            hours=hours,
            support_share=self.support_share,
        )
        share = replicas * self.gpus_per_replica / gpus
        yield measure(
            line("power", self._item("electricity", terms), "kwh"),
            ownership.energy_kwh,
            gpus=gpus,
            hours=hours,
            busy_share=busy * share,
            load_kw=facts["load_kw"],
            idle_kw=facts["idle_kw"],
            pue=self.pue,
        )
        if self.colocated:
            yield measure(
                line("room", self._item("colocation", terms), "kw_month"),
                ownership.colocation_kw,
                gpus=gpus * active,
                provisioned_kw=facts["provisioned_kw"],
            )
        if np.any(np.asarray(self.staff_hours_per_gpu) > 0):
            key = terms.book.key(Key("labour", TEAM, self.role))
            yield measure(
                line("staff", key, "person_hour"),
                ownership.staff_hours,
                gpus=gpus * active,
                hours_per_gpu=self.staff_hours_per_gpu,
            )

    def _item(self, item: str, terms: Terms) -> Key:
        key = Key("infrastructure", self.provider, item, "standard", self.region)
        return _bought(key, terms.book)

    def _machine(self, terms: Terms) -> tuple[PriceRow, dict[str, float], tuple[str, ...]]:
        """Return the row of the purchase, power of a GPU, and what was guessed of it."""
        wishes = self._wished()
        name = terms.book.catalog.gpu(wishes.gpu)
        row = terms.book.rows_of(self._item(f"purchase {name}", terms))[-1]
        found = {word: float(row.facts[word]) for word in ("load_kw", "idle_kw", "provisioned_kw")}
        said = []
        if math.isnan(found["load_kw"]):
            watts = next(r["tdp_w"] for r in terms.book.catalog.gpus if r["gpu"] == name)
            if math.isnan(watts):
                message = f"{row.where}: load_kw is missing, and gpus.csv has no tdp_w of {name}"
                raise PriceError(message)
            found["load_kw"] = watts / 1000.0 * WALL
            said.append(f"{name}: {WALL:g} times its power limit at the wall")
        if math.isnan(found["idle_kw"]):
            found["idle_kw"] = found["load_kw"] * IDLE
            said.append(f"{name}: {IDLE:.0%} of its power when it waits")
        if math.isnan(found["provisioned_kw"]):
            found["provisioned_kw"] = found["load_kw"] * RESERVE
            said.append(f"{name}: {RESERVE:g} times its power kept ready in the room")
        return row, found, tuple(said)

    def _wished(self) -> Wishes:
        if not self.gpu:
            message = "an owned host needs gpu, e.g. gpu = 'H100-SXM'"
            raise ScenarioError(message)
        return Wishes(
            self.gpu,
            self.gpus_per_replica,
            self.precision,
            self.engine,
            _number(self.tpot_ms),
            _number(self.ttft_ms),
        )

    def _spare(self) -> Numeric:
        return self.spare_replicas

    def model(self, name: str, book: PriceBook) -> Model:
        """Return what the tables know about open weights, whoever else serves them."""
        return open_model(name, book)

    def train(self, job: Training, terms: Terms) -> Iterator[Quantity]:
        """Count the electricity of training: the GPUs stand there anyway."""
        if job.offer is not None:
            yield from hosted_training(job, terms)
            return
        if self.training_tokens_per_second is None:
            message = (
                f"{job.name}: training on owned GPUs needs training_tokens_per_second (measured), "
                "or a trainer = 'PROVIDER' that tunes the model"
            )
            raise ScenarioError(message)
        _, facts, said = self._machine(terms)
        model = self.model(job.model, terms.book)
        ratio, counted = tokens_per(model, job.counted_with, job.content, terms.book)
        epochs, chosen = epochs_of(job.epochs, None)
        hours = training.rented_training_hours(
            runs=job.runs,
            tokens=job.tokens * np.asarray(ratio),
            epochs=epochs,
            tokens_per_second=self.training_tokens_per_second,
            instances=1.0,
            startup_hours=0.0,
        )
        quantity = measure(
            Line("train", self._item("electricity", terms), "kwh", job.phase, job.cause, job.name),
            ownership.energy_kwh,
            gpus=float(self.gpus_per_replica),
            hours=hours,
            busy_share=1.0,
            load_kw=facts["load_kw"],
            idle_kw=facts["idle_kw"],
            pue=self.pue,
        )
        trained = "trained on the GPUs that stand there: their electricity only"
        yield replace(quantity, assumptions=(trained, *said, *counted, *chosen))


def open_model(name: str, book: PriceBook) -> Model:
    """Return what the tables know about an open-weight model, whoever serves it."""
    for provider in sorted(book.catalog.providers):
        try:
            found = book.catalog.model(provider, name)
        except PriceError:
            continue
        # own weights neither retire nor carry the provider's rules
        return Model("own GPUs", name, encoding=found.encoding, params_total=found.params_total)
    return Model("own GPUs", name)


@dataclass(frozen=True)
class Provisioned(_Capacity):
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
        for pool in self._pools(servings):
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


HOSTS: dict[str, type[Host]] = {
    host.kind: host for host in (PerToken, Dedicated, Provisioned, Rented, Owned)
}
