"""How many replicas on which GPUs serve a load, and how busy they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from costmodel.errors import ScenarioError, nearest
from costmodel.months import Array
from costmodel.plans.serving_measured import Nearby, anchored, nearest_measured
from costmodel.plans.serving_rows import (
    DEFAULT_ENGINE,
    PRECISION_NAMES,
    chips_of,
    native_precision,
    shapes_of,
    taken,
)
from costmodel.prices.specs import Specs
from costmodel.prices.tables import Record
from costmodel.quantities import load as loads
from costmodel.quantities.serving_runs import (
    WEIGHT_BYTES,
    Chips,
    Setups,
    Shapes,
    engine_family,
)
from costmodel.quantities.serving_speed import GIGA, Coefficients, band, predict

GPUS_PER_REPLICA = (1, 2, 4, 8)
MOST_GPUS = 64  # looked at to say how many would do
MOST_REPLICAS = 10_000  # of a fleet that may still pay
# requests in progress that are tried
STEPS = np.unique(np.round(2.0 ** np.arange(0.0, 10.01, 0.25)))
# own measurements of the same case -> width of the band that is left (leave-one-model-out study)
ANCHORED = ((8, 0.63), (3, 0.68), (1, 0.75))
# the effect of drafting fades as the batch fills the compute: half of it at this many requests
DRAFT_BATCH = 32.0
FAST_KINDS = {"fp8": "fp8", "nvfp4": "fp4"}


@dataclass(frozen=True)
class Load:
    """What is asked of a fleet.

    Attributes:
        input_tokens, output_tokens: Mean of a request. [token]
        requests_per_second: Mean over the week. [1/s]
        peak_to_mean: Load at the peak over mean load. [1]
        profile: Share of the load in each hour of the week; None = a daily wave with that peak.
        tpot_ms, ttft_ms: Longest time per token and to the first token; None = no limit. [ms]
        cache_hit_share: Share of the prompt found in the prefix cache. [1]
    """

    input_tokens: float
    output_tokens: float
    requests_per_second: float
    peak_to_mean: float = 2.0
    profile: tuple[float, ...] | None = None
    tpot_ms: float | None = None
    ttft_ms: float | None = None
    cache_hit_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuse loads that cannot be."""
        for name in ("input_tokens", "output_tokens", "requests_per_second"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                message = f"{name} must be a number > 0, got {value:g}"
                raise ScenarioError(message)
        for name in ("tpot_ms", "ttft_ms"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                message = f"{name} must be a number > 0, got {value:g}"
                raise ScenarioError(message)
        if not 0 <= self.cache_hit_share < 1:
            message = f"cache_hit_share must be >= 0 and < 1, got {self.cache_hit_share:g}"
            raise ScenarioError(message)
        if self.profile is None and not 1 <= self.peak_to_mean < math.inf:
            message = f"peak_to_mean must be >= 1, got {self.peak_to_mean:g}"
            raise ScenarioError(message)

    @property
    def hourly(self) -> Array:
        """Requests per second in each hour of the week."""
        if self.profile is None:
            return loads.wave(self.peak_to_mean) * self.requests_per_second
        return loads.scaled(np.array(self.profile, float)) * self.requests_per_second


@dataclass(frozen=True)
class Policy:
    """How a fleet is run.

    Attributes:
        engine: Serving software.
        precision: Of the weights; None = as published.
        gpus: GPUs of a replica; None = the number that needs the fewest in all.
        busy: Share of its capacity that a replica is loaded with at most. [1]
        spare: Replicas beyond the need, against failures.
        min_replicas: Replicas kept when there is little load.
        autoscale: Whether replicas follow the load hour by hour.
        cold_start_minutes, scale_down_minutes: Until a new replica answers, and until an idle one
            is let go. [min]
        adapters: Fine-tunes as adapters on the same replicas.
        adapter_overhead: Share of the throughput that serving adapters costs. [1]
        draft_speedup: Speed of a single request with speculative decoding over without. [1]
    """

    engine: str = DEFAULT_ENGINE
    precision: str | None = None
    gpus: int | None = None
    busy: float = 0.75
    spare: int = 1
    min_replicas: int = 1
    autoscale: bool = False
    cold_start_minutes: float = 5.0
    scale_down_minutes: float = 15.0
    adapters: int = 0
    adapter_overhead: float = 0.15
    draft_speedup: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.gpus is not None and self.gpus not in GPUS_PER_REPLICA:
            message = f"gpus of a replica must be 1, 2, 4 or 8, got {self.gpus}"
            raise ScenarioError(message)
        limits = {
            "busy": (0.01, 1.0),
            "spare": (0, 1000),
            "min_replicas": (1, 100_000),
            "cold_start_minutes": (0, 1440),
            "scale_down_minutes": (0, 1440),
            "adapters": (0, 100_000),
            "adapter_overhead": (0.0, 0.95),
            "draft_speedup": (1.0, 10.0),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                message = f"{name} must be from {low:g} to {high:g}, got {value:g}"
                raise ScenarioError(message)


@dataclass(frozen=True)
class ServingPlan:
    """Replicas for a load.

    Attributes:
        model, gpu, engine, precision: What runs where.
        load, policy: What was asked.
        gpus_per_replica, attention_copies: GPUs of a replica, and copies of the attention in it.
        concurrency: Requests in progress in one replica at most. [1]
        tokens_per_second, tokens_per_second_low, tokens_per_second_high: What one replica
            sustains, prompt and answer together, and its 80 % band. [token/s]
        output_tokens_per_second: Of it the answers. [token/s]
        tpot_ms, ttft_ms: Time per token and to the first token at that concurrency. [ms]
        replicas, replicas_low, replicas_high: Replicas at the peak, spare ones included; low and
            high over the band.
        gpus: GPUs at the peak.
        gpu_hours: In a week, autoscaling counted. [h/week]
        utilisation: Load over what the replicas that stand could do. [1]
        prefill_share: Share of the time that goes into reading prompts. [1]
        weights_gb, kv_gb: Weights on one GPU, cache of one request on one GPU. [GB]
        batch_limit: Requests that fit into the memory of a replica. [1]
        doubts: Why the prediction is less sure than its band.
        nearest: Published measurements nearest to it.
        assumptions: What was taken where nothing was said.
        anchors: Own measurements that corrected it.
        usd_per_gpu_hour: Price of a GPU; nan = not given. [US$/h]
    """

    model: str
    gpu: str
    engine: str
    precision: str
    load: Load
    policy: Policy
    gpus_per_replica: int
    attention_copies: int
    concurrency: int
    tokens_per_second: float
    tokens_per_second_low: float
    tokens_per_second_high: float
    output_tokens_per_second: float
    tpot_ms: float
    ttft_ms: float
    replicas: int
    replicas_low: int
    replicas_high: int
    gpu_hours: float
    utilisation: float
    prefill_share: float
    weights_gb: float
    kv_gb: float
    batch_limit: float
    doubts: tuple[str, ...] = ()
    nearest: tuple[Nearby, ...] = ()
    assumptions: tuple[str, ...] = ()
    anchors: int = 0
    usd_per_gpu_hour: float = math.nan
    priced_by: str = ""
    source: str = field(default="", repr=False)

    @property
    def gpus(self) -> int:
        """GPUs at the peak."""
        return self.replicas * self.gpus_per_replica

    @property
    def usd_per_month(self) -> float:
        """Rent of the fleet in a mean month. [US$/month]"""
        return self.gpu_hours * loads.WEEKS_PER_MONTH * self.usd_per_gpu_hour

    @property
    def usd_per_mtok(self) -> float:
        """Rent over all tokens, prompt and answer, at the load. [US$/Mtok]"""
        tokens = self.load.requests_per_second * (self.load.input_tokens + self.load.output_tokens)
        weekly = tokens * loads.HOURS_PER_WEEK * loads.SECONDS_PER_HOUR / 1e6
        return self.gpu_hours * self.usd_per_gpu_hour / weekly

    @property
    def usd_per_mtok_full(self) -> float:
        """The same for a replica that is always full. [US$/Mtok]"""
        hourly = self.tokens_per_second * loads.SECONDS_PER_HOUR / 1e6
        return self.gpus_per_replica * self.usd_per_gpu_hour / hourly

    def split(self, usd_per_mtok: float) -> tuple[float, float]:
        """Split a price of all tokens by the time that reading and writing take.

        Returns:
            Price of input and of output. [US$/Mtok]
        """
        inputs, outputs = self.load.input_tokens, self.load.output_tokens
        usd = usd_per_mtok * (inputs + outputs)
        share = self.prefill_share
        return usd * share / inputs, usd * (1.0 - share) / outputs

    @property
    def holds_mtok(self) -> float:
        """Tokens of a month that each replica which is no spare answers, peaks held. [Mtok]"""
        hours = loads.HOURS_PER_WEEK * loads.WEEKS_PER_MONTH
        peak = float(np.max(self.load.hourly)) / self.load.requests_per_second
        full = self.tokens_per_second * loads.SECONDS_PER_HOUR * hours / 1e6
        return full * self.policy.busy / peak

    def break_even_mtok(self, usd_per_mtok: float) -> float:
        """Return the tokens a month from which the fleet is cheaper than a hosted price.

        Above it, the next replica may make the fleet dearer again for a while
        (`for_good_mtok`).

        Args:
            usd_per_mtok: Hosted price of prompt and answer together. [US$/Mtok]

        Returns:
            Tokens, infinite if the fleet is never cheaper. [Mtok/month]
        """
        return self._pays_mtok(usd_per_mtok, 0)

    def for_good_mtok(self, usd_per_mtok: float) -> float:
        """Return the tokens a month from which the fleet stays cheaper than a hosted price.

        Args:
            usd_per_mtok: Hosted price of prompt and answer together. [US$/Mtok]

        Returns:
            Tokens, infinite if there is no such load. [Mtok/month]
        """
        return self._pays_mtok(usd_per_mtok, 1)

    def _pays_mtok(self, usd_per_mtok: float, more: int) -> float:
        """Return the load from which replicas pay that pay still when some more stand beside."""
        if not usd_per_mtok > 0:
            return math.inf
        hours = loads.HOURS_PER_WEEK * loads.WEEKS_PER_MONTH
        replica_mtok = self.gpus_per_replica * self.usd_per_gpu_hour * hours / usd_per_mtok
        spare, gain = self.policy.spare, self.holds_mtok - replica_mtok
        # (busy + spare + more) x replica_mtok <= busy x holds_mtok
        least = (spare + more) * replica_mtok / gain if gain > 0 else math.inf
        busy = max(least, self.policy.min_replicas)
        if busy > MOST_REPLICAS:
            return math.inf
        return (math.ceil(busy - 1e-9) + spare) * replica_mtok

    def as_dict(self) -> dict[str, Any]:
        """Return the plan for machines."""
        priced = math.isfinite(self.usd_per_gpu_hour)
        found: dict[str, Any] = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("load", "policy", "nearest", "source", "usd_per_gpu_hour")
        }
        found |= {
            "gpus": self.gpus,
            "input_tokens": self.load.input_tokens,
            "output_tokens": self.load.output_tokens,
            "requests_per_second": self.load.requests_per_second,
            "usd_per_gpu_hour": self.usd_per_gpu_hour if priced else None,
            "price_source": self.source,
            "nearest": [vars(near) for near in self.nearest],
        }
        if priced:
            for word, usd in (("", self.usd_per_mtok), ("_full", self.usd_per_mtok_full)):
                inputs, outputs = self.split(usd)
                found |= {
                    f"usd_per_mtok{word}": usd,
                    f"usd_per_mtok_input{word}": inputs,
                    f"usd_per_mtok_output{word}": outputs,
                }
            found["usd_per_month"] = self.usd_per_month
        return {k: list(v) if isinstance(v, tuple) else v for k, v in found.items()}


def precision_of(row: Record, chip: Record, wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the precision of the weights, and what that assumes.

    Raises:
        ScenarioError: If the GPU cannot compute in it.
    """
    native = native_precision(row)
    if wanted is None:
        if native == "fp8" and math.isnan(chip["fp8_dense_tflops"]):
            return "bf16", (f"{chip['gpu']} computes no FP8: weights in bf16",)
        return native, (f"weights in {native}, as {row['model']} is published",)
    word = PRECISION_NAMES.get(wanted.lower(), wanted.lower())
    if word not in WEIGHT_BYTES:
        message = f"unknown precision {wanted!r}{nearest(wanted, WEIGHT_BYTES)}"
        raise ScenarioError(message)
    kind = FAST_KINDS.get(word)
    if kind and math.isnan(chip[f"{kind}_dense_tflops"]):
        weaker = "fp8wo (weights only), int4 or bf16" if kind == "fp8" else "fp8 or int4"
        message = (
            f"{chip['gpu']} ({chip['architecture']}) computes no {kind.upper()}; take {weaker}"
        )
        raise ScenarioError(message)
    if word == "mxfp4" and native != "mxfp4" and math.isnan(chip["fp4_dense_tflops"]):
        message = f"{chip['gpu']} computes no FP4, and {row['model']} is not published in mxfp4"
        raise ScenarioError(message)
    return word, ()


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Everything that is tried, one entry per replica size, copies and concurrency."""

    shapes: Shapes
    chips: Chips
    setups: Setups


def _candidates(
    row: Record, chip: Record, load: Load, policy: Policy, precision: str, sizes: Sequence[int]
) -> _Candidates:
    moe = row["n_experts"] > 0
    kinds = [(n, c) for n in sizes for c in ((1, n) if moe and n > 1 else (1,))]
    grid = np.array([(n, c, s) for n, c in kinds for s in STEPS], float)
    zeros = np.zeros(len(grid), np.int64)
    words = np.full(len(grid), engine_family(policy.engine))
    ones = np.ones(len(grid))
    return _Candidates(
        taken(shapes_of([row]), zeros),
        taken(chips_of([chip]), zeros),
        Setups(
            engine=words,
            weights=np.full(len(grid), precision),
            cache=np.full(len(grid), "auto"),
            gpus=grid[:, 0],
            stages=ones,
            copies=grid[:, 1],
            spread=np.where(grid[:, 1] > 1, grid[:, 0], 1.0),
            input_tokens=ones * load.input_tokens,
            output_tokens=ones * load.output_tokens,
            mode=np.full(len(grid), "closed_loop"),
            concurrency=grid[:, 2],
            cached=ones * load.cache_hit_share,
        ),
    )


def _unfit(
    row: Record, chip: Record, load: Load, policy: Policy, precision: str, c: Coefficients
) -> str:
    """Say that a model does not fit, and how many GPUs would do."""
    found = _candidates(row, chip, load, policy, precision, (*GPUS_PER_REPLICA, 16, 32, MOST_GPUS))
    speed = predict(found.shapes, found.chips, found.setups, c)
    fits = speed.batch_limit >= 1
    size = policy.gpus or max(GPUS_PER_REPLICA)
    here = found.setups.gpus == size
    weights = float(np.min(speed.weights_bytes[here])) / GIGA
    enough = found.setups.gpus[fits]
    advice = f"{enough.min():.0f} GPUs would do" if enough.size else "take smaller weights"
    return (
        f"{row['model']} in {precision} with {load.input_tokens + load.output_tokens:,.0f} tokens "
        f"does not fit {size} x {chip['gpu']} ({weights:,.0f} GB of weights on each of "
        f"{chip['memory_gb']:g} GB): {advice}"
    )


def _too_slow(token_ms: float, first_ms: float, load: Load) -> str:
    limits = [
        f"{name} of {limit:g} ms"
        for name, limit in (("a tpot", load.tpot_ms), ("a ttft", load.ttft_ms))
        if limit is not None
    ]
    return (
        f"cannot meet {' and '.join(limits)}: the fastest is {token_ms:.3g} ms per token after "
        f"{first_ms:.3g} ms; relax the limit or take a faster GPU"
    )


def plan(
    model: str,
    gpu: str,
    load: Load,
    specs: Specs,
    policy: Policy | None = None,
    anchors: Mapping[str, Sequence[Any]] | None = None,
    *,
    largest: int = 8,
    compare: bool = True,
) -> ServingPlan:
    """Find the replicas that serve a load with the fewest GPUs.

    Args:
        model: Open-weight model, by any of its names.
        gpu: GPU, by any of its names.
        load: What is asked.
        specs: Models, GPUs and coefficients.
        policy: How the fleet is run.
        anchors: Own measurements, columns of `benchmarks/serving.csv`.
        largest: GPUs that one machine has at most.
        compare: Whether to look for the nearest measurements.

    Raises:
        ScenarioError: If the model does not fit, is too slow, or does not read that much.
    """
    policy = policy or Policy()
    row, chip, c = specs.model(model), specs.gpu(gpu), specs.coefficients("serving")
    length, window = load.input_tokens + load.output_tokens, row["context_window"]
    if length > window:
        message = (
            f"a request of {length:,.0f} tokens does not fit the context window of "
            f"{row['model']}, {window:,.0f} tokens (open_models.csv)"
        )
        raise ScenarioError(message)
    precision, said = precision_of(row, chip, policy.precision)
    if policy.gpus is not None and policy.gpus > largest:
        message = f"no machine with {chip['gpu']} has {policy.gpus} GPUs: {largest} at most"
        raise ScenarioError(message)
    sizes = [n for n in ((policy.gpus,) if policy.gpus else GPUS_PER_REPLICA) if n <= largest]
    tried = _candidates(row, chip, load, policy, precision, sizes)
    speed = predict(tried.shapes, tried.chips, tried.setups, c)
    factor, used, notes = anchored(row, chip, policy, precision, specs, anchors)
    factor *= 1.0 - policy.adapter_overhead if policy.adapters else 1.0
    draft = 1.0 + (policy.draft_speedup - 1.0) / (1.0 + speed.batch / DRAFT_BATCH)
    output = speed.output_tokens_per_second * factor * draft
    token_ms = speed.token_seconds / (factor * draft) * 1e3
    first_ms = speed.first_token_seconds / factor * 1e3

    fits = (speed.batch_limit >= 1) & (tried.setups.concurrency <= np.maximum(speed.batch_limit, 1))
    if not fits.any():
        raise ScenarioError(_unfit(row, chip, load, policy, precision, c))
    ok = fits & (token_ms <= (load.tpot_ms or np.inf)) & (first_ms <= (load.ttft_ms or np.inf))
    if not ok.any():
        fastest = _too_slow(float(token_ms[fits].min()), float(first_ms[fits].min()), load)
        message = f"{row['model']} on {chip['gpu']} {fastest}"
        raise ScenarioError(message)
    hourly = load.hourly
    rate = output / load.output_tokens * policy.busy
    need = np.maximum(np.ceil(hourly.max() / rate - 1e-9), policy.min_replicas) + policy.spare
    total = np.where(ok, need * tried.setups.gpus, np.inf)
    best = int(np.lexsort((-output / tried.setups.gpus, total))[0])

    low, high = (float(x[best]) for x in band(tried.shapes, tried.setups, c))
    width = next((share for count, share in ANCHORED if used >= count), 1.0)
    low, high = low**width, high**width
    per_second = float(output[best]) * (1.0 + load.input_tokens / load.output_tokens)
    gpus = int(tried.setups.gpus[best])

    def replicas(scale: float) -> int:
        peak = float(hourly.max()) / (float(rate[best]) * scale)
        return max(math.ceil(peak - 1e-9), policy.min_replicas) + policy.spare

    standing = loads.standing_replicas(
        hourly / float(rate[best]),
        policy.min_replicas,
        policy.cold_start_minutes,
        policy.scale_down_minutes,
    )
    hours = (
        float(np.sum(standing)) + policy.spare * loads.HOURS_PER_WEEK
        if policy.autoscale
        else replicas(1.0) * loads.HOURS_PER_WEEK
    )
    full = float(output[best]) / load.output_tokens
    result = ServingPlan(
        model=row["model"],
        gpu=chip["gpu"],
        engine=policy.engine,
        precision=precision,
        load=load,
        policy=policy,
        gpus_per_replica=gpus,
        attention_copies=int(tried.setups.copies[best]),
        concurrency=int(tried.setups.concurrency[best]),
        tokens_per_second=per_second,
        tokens_per_second_low=per_second * low,
        tokens_per_second_high=per_second * high,
        output_tokens_per_second=float(output[best]),
        tpot_ms=float(token_ms[best]),
        ttft_ms=float(first_ms[best]),
        replicas=replicas(1.0),
        replicas_low=replicas(high),
        replicas_high=replicas(low),
        gpu_hours=hours * gpus,
        utilisation=load.requests_per_second * loads.HOURS_PER_WEEK / (hours * full),
        prefill_share=float(speed.prefill_share[best]),
        weights_gb=float(speed.weights_bytes[best]) / GIGA,
        kv_gb=float(speed.kv_bytes[best]) / GIGA,
        batch_limit=float(speed.batch_limit[best]),
        doubts=_doubts(row, chip, policy, gpus, c),
        assumptions=(*said, *_assumed(load, policy), *notes),
        anchors=used,
    )
    return replace(result, nearest=nearest_measured(result, row, specs)) if compare else result


def _assumed(load: Load, policy: Policy) -> tuple[str, ...]:
    said = [
        f"replicas loaded to {policy.busy:.0%} at the peak, {policy.spare} spare",
        "KV cache as the engine takes it (FP8 with FP8 weights)",
    ]
    if load.profile is None:
        said.append(f"a daily wave, its peak {load.peak_to_mean:g} times the mean")
    if policy.adapters:
        said.append(
            f"{policy.adapters} adapters on the same replicas cost "
            f"{policy.adapter_overhead:.0%} of the throughput"
        )
    return tuple(said)


def _doubts(
    row: Record, chip: Record, policy: Policy, gpus: int, c: Coefficients
) -> tuple[str, ...]:
    """Say why a prediction is less sure than its band."""
    family, generation = engine_family(policy.engine), chip["architecture"]
    said = []
    if "+dsa" in row["arch"]:
        said.append("sparse attention: kernels are young, 1.4 to 2.6 times too fast in one study")
    if f"bandwidth_{generation}" not in c:
        said.append(f"no measurement on {generation} GPUs: data sheet and general coefficients")
    elif f"bandwidth_{family}_{generation}" not in c:
        said.append(f"{policy.engine} was not measured on {generation} GPUs")
    if generation == "cdna3":
        said.append("MI300 series: measured with early software, off by up to half")
    if gpus > max(float(np.nan_to_num(chip["domain_gpus"])), 1.0):
        said.append(f"{gpus} GPUs of {chip['gpu']} talk over PCIe: few measurements")
    if row["n_experts"] > 0 and family in ("sglang", "trt"):
        said.append(f"new mixtures of experts on {policy.engine}: defaults can be far slower")
    return tuple(said)
