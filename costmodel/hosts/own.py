"""GPUs with software of one's own, rented or bought: predicted where nothing was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.errors import PriceError, ScenarioError
from costmodel.hosts.base import (
    Pace,
    Serving,
    Terms,
    Training,
    counted_calls,
    epochs_of,
    hosted_training,
    tokens_per,
)
from costmodel.hosts.capacity import Capacity, Dedicated, in_time, pools_of
from costmodel.months import Numeric
from costmodel.plans.serving import Load, Policy, plan
from costmodel.plans.training import GPU_COUNTS, Job, TrainingPlan, does_not_fit, plan_on
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model
from costmodel.prices.meters import INFRASTRUCTURE_ITEMS
from costmodel.prices.rows import TEAM, Key, PriceRow
from costmodel.prices.specs import Specs
from costmodel.quantities import ownership, serving, training, volumes
from costmodel.quantities.training_runs import PACKED

USUAL_STACK, USUAL_METHOD = "hf", "lora"
USUAL_SEQUENCE = 2048  # tokens to which short examples are packed
NODE = GPU_COUNTS[-1]


@dataclass(frozen=True)
class Planned(Capacity):
    """Capacity with software of one's own: predicted where nothing was measured.

    Attributes:
        gpu: GPU, as in `gpus.csv`.
        gpus_per_replica: GPUs that one replica occupies.
        training_tokens_per_second: Measured training speed of all GPUs of a run; None = predicted.
            [token/s]
        training_gpus: GPUs of a training run; 0 = those of a replica.
        stack: Training software, a tool of `stacks.csv`; blank = Hugging Face.
        precision: Of the weights; blank = as published.
        engine: Serving software.
        tpot_ms: Longest time per token that is acceptable. [ms]
        ttft_ms: Longest time to the first token that is acceptable. [ms]
        spare_replicas: Replicas that stand by against failures.
        serving_factor, training_factor: Speed over the predicted one. [1]
    """

    sells_tuning = False

    gpu: str = ""
    gpus_per_replica: int = 1
    training_tokens_per_second: Numeric | None = None
    training_gpus: int = 0
    stack: str = ""
    precision: str = ""
    engine: str = "vllm"
    tpot_ms: Numeric | None = None
    ttft_ms: Numeric | None = None
    spare_replicas: Numeric = 0.0
    serving_factor: Numeric = 1.0
    training_factor: Numeric = 1.0

    def model(self, name: str, book: PriceBook) -> Model:
        """Return what the tables know about open weights, whoever else serves them."""
        return open_model(name, book)

    def _chip(self) -> str:
        """Return the GPU."""
        if not self.gpu:
            message = f"the {self.kind} host at {self.provider} needs gpu, e.g. gpu = 'H100-SXM'"
            raise ScenarioError(message)
        return self.gpu

    def _spare(self) -> Numeric:
        return self.spare_replicas

    def _peak(self) -> Numeric:
        if self.peak_to_mean is None:
            message = (
                f"a {self.kind} host at {self.provider} needs replica_tokens_per_second "
                "(measured; it is predicted where left out) and peak_to_mean (load at the peak "
                "over mean load)"
            )
            raise ScenarioError(message)
        return self.peak_to_mean

    def _pace(self, pool: Sequence[Serving], model: Model, terms: Terms) -> Pace:
        if self.replica_tokens_per_second is not None:
            return Pace(self.replica_tokens_per_second)
        self._peak()
        gpu = self._chip()
        weight = np.zeros(1)
        read, written = np.zeros(1), np.zeros(1)
        for item in pool:
            calls, _ = counted_calls(item, model, terms.book)
            requests = np.mean(item.requests) * len(calls)
            weight = weight + requests
            read = read + requests * np.mean([np.mean(call.mean) for call in calls])
            written = written + requests * np.mean([np.mean(call.output) for call in calls])
        if not float(np.mean(weight)) > 0:
            return Pace(1.0)
        load = Load(
            input_tokens=max(float(np.mean(read / weight)), 1.0),
            output_tokens=max(float(np.mean(written / weight)), 1.0),
            requests_per_second=float(np.mean(weight / terms.months.hours))
            / volumes.SECONDS_PER_HOUR,
            tpot_ms=_number(self.tpot_ms),
            ttft_ms=_number(self.ttft_ms),
        )
        policy = Policy(
            engine=self.engine,
            precision=self.precision or None,
            gpus=self.gpus_per_replica,
            spare=0,
        )
        found = plan(pool[0].model, gpu, load, Specs.of(terms.book), policy, compare=False)
        band = f"{found.tokens_per_second_low:,.0f} to {found.tokens_per_second_high:,.0f}"
        said = (
            f"{found.model} on {found.gpus_per_replica} x {found.gpu} in {found.precision}: "
            f"{found.tokens_per_second:,.0f} tokens/s a replica, prompt and answer, predicted "
            f"(80 % band {band}); state replica_tokens_per_second once it is measured"
        )
        doubts = tuple(f"low confidence: {text}" for text in found.doubts)
        loaded = f"replicas are loaded to {policy.busy:.0%} of that at the peak"
        middle = found.tokens_per_second
        return Pace(
            middle * policy.busy * np.asarray(self.serving_factor),
            (said, loaded, *doubts),
            {
                "serving_factor": (
                    found.tokens_per_second_low / middle,
                    found.tokens_per_second_high / middle,
                )
            },
        )

    def _trains(
        self, job: Training, gpus: int, speed: Numeric | None, stack: str, terms: Terms
    ) -> tuple[Numeric, Numeric, Pace]:
        """Return tokens of a run, its epochs, and its speed with what all that assumes.

        Args:
            job: What is trained.
            gpus: GPUs of the run. [1]
            speed: Measured speed of all of them; None = predicted. [token/s]
            stack: Training software, blank for what is usual.
            terms: Prices and months.

        Raises:
            ScenarioError: If the run does not fit the GPUs.
        """
        model = self.model(job.model, terms.book)
        ratio: float = 1.0
        said: tuple[str, ...] = ()
        if job.counted_with:
            ratio, said = tokens_per(model, job.counted_with, job.content, terms.book)
        epochs, chosen = epochs_of(job.epochs, None)
        tokens = job.tokens * np.asarray(ratio)
        if speed is not None:
            return tokens, epochs, Pace(speed, (*said, *chosen))
        found = predicted_training(job, (self._chip(), gpus), stack, ratio, Specs.of(terms.book))
        pace = replace(
            found,
            speed=found.speed * np.asarray(self.training_factor),
            said=(*said, *found.said, *chosen),
        )
        return tokens, epochs, pace


def predicted_training(
    job: Training, machine: tuple[str, int], stack: str, ratio: float, specs: Specs
) -> Pace:
    """Return the predicted speed of a training run, and what that assumes.

    Args:
        job: What is trained.
        machine: GPU and their number.
        stack: Training software, blank for what is usual.
        ratio: Tokens of the model per token counted.
        specs: Shapes of models, GPUs and coefficients.

    Raises:
        ScenarioError: If the run does not fit the GPUs.
    """
    gpu, gpus = machine
    method, objective = job.method or USUAL_METHOD, job.objective
    said = [] if job.method else [f"{USUAL_METHOD} taken as the method of training"]
    if objective == "rft":
        objective = "grpo"
        said.append("reinforcement on own GPUs: predicted as GRPO")
    longest = float(np.mean(job.sequence_tokens)) * ratio
    packed = max(math.ceil(longest / PACKED) * PACKED, USUAL_SEQUENCE)
    length = packed if job.sequence_length is None else float(np.mean(job.sequence_length))
    # the speed does not depend on how much is trained
    what = Job(1e6, objective, method, stack or USUAL_STACK, length)
    found = _planned(job.model, gpu, gpus, what, specs)
    if not found.fits:
        message = f"{job.name}: {does_not_fit(found)}; state training_gpus, or another method"
        raise ScenarioError(message)
    band = f"{found.tokens_per_second_low:,.0f} to {found.tokens_per_second_high:,.0f}"
    level = "90 %" if found.low_confidence else "80 %"
    said.append(
        f"{found.model} trained with {method} on {gpus} x {found.gpu}: "
        f"{found.tokens_per_second:,.0f} tokens/s, predicted ({level} band {band}; {found.tool}"
        f"{'' if stack else ' assumed'}, sequences of {length:,.0f}, {found.memory_gb:,.0f} of "
        f"{found.capacity_gb:,.0f} GB); state training_tokens_per_second once it is measured"
    )
    if found.low_confidence:
        said.append(f"low confidence: {found.low_confidence}")
    middle = found.tokens_per_second
    ends = (found.tokens_per_second_low / middle, found.tokens_per_second_high / middle)
    return Pace(middle, tuple(said), {"training_factor": ends})


@lru_cache(maxsize=256)
def _planned(model: str, gpu: str, gpus: int, job: Job, specs: Specs) -> TrainingPlan:
    """Plan a run once, however many occasions there are for it."""
    (found,) = plan_on(model, [(gpu, gpus)], job, specs=specs)
    return found


@dataclass(frozen=True)
class Rented(Planned, Dedicated):
    """GPUs rented from a cloud, with software of one's own.

    Attributes:
        market_name: on_demand | spot | reserved_1y | reserved_3y | marketplace.
        startup_hours: Start and loading of the weights before each training run. [h]
        egress_gb: Traffic out of the cloud in a month. [GB/month]
        disk_gb: Disk kept for weights and images. [GB]
    """

    kind = "rented"

    market_name: str = "on_demand"
    startup_hours: Numeric = 0.25
    egress_gb: Numeric = 0.0
    disk_gb: Numeric = 0.0

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Pool the tasks, round up to replicas, count instance-hours, then traffic and disk."""
        yield from super().serve(servings, terms)
        mine = [item for item in servings if not item.standing and item.phase == "serve"]
        if not mine:
            return
        active = sum(part[0].active for part in in_time(mine, terms.months))
        for item, amount in (("egress", self.egress_gb), ("disk", self.disk_gb)):
            if np.any(np.asarray(amount) > 0):
                key = Key("infrastructure", self.provider, item, "standard", self.region)
                meter = INFRASTRUCTURE_ITEMS[item]
                yield measure(
                    Line("serve", _bought(key, terms.book), meter, "serve"),
                    serving.capacity_hours,
                    units=amount,
                    hours=1.0,
                    active=active,
                )

    def _whole(self) -> str:
        # the serving model knows no link between machines
        predicted = self.replica_tokens_per_second is None and self.peak_to_mean is not None
        return "a replica" if predicted else ""

    def market_of(self) -> str:
        """Return the market whose prices hold."""
        return self.market_name

    def train(self, job: Training, terms: Terms) -> Iterator[Quantity]:
        """Count instance-hours at the measured speed, or at the predicted one."""
        if job.offer is not None:
            yield from hosted_training(job, terms)
            return
        gpus = self.training_gpus or self.gpus_per_replica
        measured = self.training_tokens_per_second
        # the training model knows fast links inside a machine, and whole machines joined
        row, said = self._rental(terms, min(gpus, NODE), "training" if measured is None else "")
        tokens, epochs, pace = self._trains(job, gpus, measured, self.stack, terms)
        quantity = measure(
            Line("train", row.key, "instance_hour", job.phase, job.cause, job.name),
            training.rented_training_hours,
            runs=job.runs,
            tokens=tokens,
            epochs=epochs,
            tokens_per_second=pace.speed,
            instances=float(math.ceil(gpus / float(row.facts["gpu_count"]))),
            startup_hours=self.startup_hours,
        )
        yield replace(quantity, assumptions=(*said, *pace.said), spread=pace.spread)


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
class Owned(Planned):
    """GPUs of one's own in a rented room: bought once, for the peak, and never given back.

    In hours in which they are not deployed they are paid as well, but switched off.

    Attributes:
        server_gpus: GPUs of one server; whole servers are bought.
        life_years: Useful life. [year]
        residual_share: Resale value at its end over the purchase. [1]
        capital_rate: Cost of capital. [1/year]
        support_share: Support, spares and repairs of a year over the purchase. [1/year]
        pue: Power of the building over power of its machines. [1]
        colocated: Whether a room is rented by the kW.
        staff_hours_per_gpu: Hours of people for one GPU in a month. [h/month]
        role: Who they are, a role of labour.csv.
    """

    kind = "owned"
    ends_with_model = False

    provider: str = "own"
    server_gpus: int = 8
    life_years: Numeric = 4.0
    residual_share: Numeric = 0.2
    capital_rate: Numeric = 0.1
    support_share: Numeric = 0.05
    pue: Numeric = 1.3
    colocated: bool = True
    staff_hours_per_gpu: Numeric = 0.0
    role: str = "ml_engineer"

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Count what the GPUs that were bought cost, busy or not."""
        for pool in pools_of(servings, terms.months):
            yield from self._stand(pool, terms)

    def _stand(self, pool: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        model = self.model(pool[0].model, terms.book)
        tokens, replicas, pace = self._load(pool, model, terms)
        row, facts, guessed = self._machine(terms)
        first = pool[0]
        active = first.active
        gpus = ownership.owned(replicas * self.gpus_per_replica, self.server_gpus)
        busy_replicas = tokens / volumes.SECONDS_PER_HOUR / pace.speed
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
        yield replace(capital, assumptions=(*pace.said, words, *guessed), spread=pace.spread)
        yield measure(
            line("support", row.key, "gpu_purchase"),
            ownership.supported_gpus,
            gpus=gpus,
            hours=hours,
            support_share=self.support_share,
        )
        yield measure(
            line("power", self._item("electricity", terms), "kwh"),
            ownership.energy_kwh,
            gpus=gpus,
            hours=hours * self.deployed_share,
            busy_share=busy_replicas * self.gpus_per_replica / np.maximum(gpus, 1.0),
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
        name = terms.book.catalog.gpu(self._chip())
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

    def train(self, job: Training, terms: Terms) -> Iterator[Quantity]:
        """Count the electricity of training: the GPUs stand there anyway."""
        if job.offer is not None:
            yield from hosted_training(job, terms)
            return
        _, facts, said = self._machine(terms)
        gpus = self.training_gpus or self.gpus_per_replica
        tokens, epochs, pace = self._trains(
            job, gpus, self.training_tokens_per_second, self.stack, terms
        )
        hours = training.rented_training_hours(
            runs=job.runs,
            tokens=tokens,
            epochs=epochs,
            tokens_per_second=pace.speed,
            instances=1.0,
            startup_hours=0.0,
        )
        quantity = measure(
            Line("train", self._item("electricity", terms), "kwh", job.phase, job.cause, job.name),
            ownership.energy_kwh,
            gpus=float(gpus),
            hours=hours,
            busy_share=1.0,
            load_kw=facts["load_kw"],
            idle_kw=facts["idle_kw"],
            pue=self.pue,
        )
        trained = "trained on the GPUs that stand there: their electricity only"
        yield replace(quantity, assumptions=(trained, *said, *pace.said), spread=pace.spread)


def open_model(name: str, book: PriceBook) -> Model:
    """Return what the tables know about an open-weight model, whoever serves it."""
    try:
        window = float(Specs.of(book).model(name)["context_window"])
    except PriceError:
        # of a shape nobody listed: the speed of its replica has to be stated
        window = math.nan
    for provider in sorted(book.catalog.providers):
        try:
            found = book.catalog.model(provider, name)
        except PriceError:
            continue
        # own weights neither retire nor carry the provider's rules
        encoding, params = found.encoding, found.params_total
        return Model(
            "own GPUs", name, encoding=encoding, params_total=params, context_window=window
        )
    return Model("own GPUs", name, context_window=window)
