"""How to train a model on own GPUs: the setting that fits and does it cheapest or fastest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from costmodel.errors import PriceError, nearest
from costmodel.months import Array
from costmodel.prices.specs import Specs, shipped_specs
from costmodel.prices.tables import Record
from costmodel.quantities.training_memory import peak_gb
from costmodel.quantities.training_runs import Flags, Runs, kinds, runs_of
from costmodel.quantities.training_speed import tokens_per_second
from costmodel.quantities.volumes import SECONDS_PER_HOUR

AIMS = ("cheapest", "fastest", "fewest")
OBJECTIVES = ("sft", "dpo", "ppo", "grpo")
METHODS = ("full", "lora", "qlora")
PRECISIONS = ("bf16", "fp8", "fp4")
GPU_COUNTS = (1, 2, 4, 8)
MORE_GPUS = (16, 32, 64, 128, 256, 512, 1024)
MICRO_BATCHES = (1, 2, 4, 8, 16)
WAYS = (1, 2, 4, 8)  # of tensor and pipeline parallelism
USABLE = 1.05  # 10^9 byte per GB on the label (which counts 2^30), without what the driver takes
HEADROOM = 1.08  # of the predicted peak that must be free
BATCH = 32  # sequences of a step, where one micro-batch of all GPUs is not more
# accelerators on which none of the stacks runs
OTHER_SOFTWARE = ("tpu", "trainium", "inferentia", "rubin", "cdna5")
# architectures of which runs were measured
MEASURED = ("ampere", "hopper", "blackwell", "ada")
# 90 % instead of 80 % of measurements, where nothing near was measured
UNSURE = (0.56, 1.75)
RL_COPIES = {"ppo": 3.0, "grpo": 1.0}  # further copies of the weights in 16 bits


@dataclass(frozen=True)
class TrainingPlan:
    """A way to train a model on own GPUs, with what it takes.

    `low` and `high` hold 80 % of measurements that were left out of the fit, 90 % where
    `low_confidence` says why less is known.

    Attributes:
        model, gpu, tool, stack: Names in the tables.
        gpus: GPUs of the run. [1]
        micro_batch: Sequences of a GPU at a time. [1]
        checkpointing: none | full.
        sharding: How the GPUs share the work.
        memory_gb, memory_gb_low, memory_gb_high: Peak on one GPU. [GB]
        capacity_gb: What one GPU has. [GB]
        fits: Whether the peak and a reserve are less than that.
        gpus_needed: GPUs with which it would fit, 0 if it fits or never does. [1]
        tokens_per_second, tokens_per_second_low, tokens_per_second_high: Of all GPUs. [token/s]
        hours, hours_low, hours_high: From start to end, failed runs included. [h]
        gpu_hours, gpu_hours_low, gpu_hours_high: The same times GPUs. [h]
        low_confidence: Why little is known, blank if runs like this were measured.
        assumptions: What had to be assumed.
    """

    model: str
    gpu: str
    tool: str
    stack: str
    gpus: int
    micro_batch: int
    checkpointing: str
    sharding: str
    memory_gb: float
    memory_gb_low: float
    memory_gb_high: float
    capacity_gb: float
    fits: bool
    gpus_needed: int
    tokens_per_second: float
    tokens_per_second_low: float
    tokens_per_second_high: float
    hours: float
    hours_low: float
    hours_high: float
    gpu_hours: float
    gpu_hours_low: float
    gpu_hours_high: float
    low_confidence: str = ""
    assumptions: tuple[str, ...] = ()

    @property
    def short_gb(self) -> float:
        """Memory missing on each GPU, 0 if it fits. [GB]"""
        return 0.0 if self.fits else max(self.memory_gb * HEADROOM - self.capacity_gb, 0.0)


def does_not_fit(plan: TrainingPlan) -> str:
    """Say what is missing, and how many GPUs would do."""
    message = (
        f"{plan.model} does not fit {plan.gpus} {plan.gpu} with {plan.tool}: a GPU needs "
        f"{plan.memory_gb * HEADROOM:,.0f} GB and has {plan.capacity_gb:,.0f}, "
        f"{plan.short_gb:,.0f} GB short"
    )
    if plan.gpus_needed:
        return f"{message}; it fits {plan.gpus_needed}"
    return f"{message}; no number of them up to 1,024 does"


@dataclass(frozen=True)
class Job:
    """What is to be trained, and what surrounds it.

    Attributes:
        tokens: Tokens trained on, all epochs; of PPO and GRPO prompts and samples. [token]
        objective: sft | dpo | ppo | grpo.
        method: full | lora | qlora.
        stack: A tool of `stacks.csv`, or a stack.
        sequence_length: Tokens of a sequence; packed, or the mean. [token]
        precision: bf16 | fp8 | fp4, blank = what the stack usually takes.
        tensor_parallel: GPUs that share a layer, 0 = searched. [1]
        startup_hours: Loading, compiling, saving. [h]
        evaluation_hours: Evaluation in the run. [h]
        failed_share: Further runs that fail, over those that succeed. [1]
    """

    tokens: float
    objective: str = "sft"
    method: str = "qlora"
    stack: str = "hf"
    sequence_length: float = 2048
    precision: str = ""
    tensor_parallel: int = 0
    startup_hours: float = 0.2
    evaluation_hours: float = 0.0
    failed_share: float = 0.07


def plan_training(
    model: str,
    gpu: str,
    *,
    tokens: float,
    objective: str = "sft",
    method: str = "qlora",
    stack: str = "hf",
    sequence_length: float = 2048,
    gpus: int | None = None,
    aim: str = "cheapest",
    precision: str = "",
    tensor_parallel: int = 0,
    startup_hours: float = 0.2,
    evaluation_hours: float = 0.0,
    failed_share: float = 0.07,
    specs: Specs | None = None,
) -> TrainingPlan:
    """Search the setting in which a model is trained on own GPUs.

    Args:
        model: Open-weight model, by any of its names.
        gpu: GPU, by any of its names.
        tokens: Tokens trained on, all epochs. [token]
        objective: sft | dpo | ppo | grpo.
        method: full | lora | qlora.
        stack: A tool such as "Axolotl", or a stack.
        sequence_length: Tokens of a sequence. [token]
        gpus: GPUs; None = searched.
        aim: cheapest (GPU-hours) | fastest | fewest (GPUs).
        precision: bf16 | fp8 | fp4; blank = what the stack usually takes.
        tensor_parallel: GPUs that share a layer; 0 = searched.
        startup_hours: Loading, compiling, saving. [h]
        evaluation_hours: Evaluation in the run. [h]
        failed_share: Further runs that fail, over those that succeed. [1]
        specs: Shapes and coefficients; None = the shipped ones.

    Raises:
        PriceError: If a name is unknown or the wishes contradict each other.

    >>> plan = plan_training("Llama-3.1-8B", "H100-SXM", tokens=20e6, method="lora", gpus=1)
    >>> plan.fits, plan.gpus
    (True, 1)
    """
    job = Job(
        tokens,
        objective,
        method,
        stack,
        sequence_length,
        precision,
        tensor_parallel,
        startup_hours,
        evaluation_hours,
        failed_share,
    )
    specs = shipped_specs() if specs is None else specs
    (found,) = plan_on(model, [(gpu, gpus)], job, aim=aim, specs=specs)
    return found


def plan_on(
    model: str,
    machines: Sequence[tuple[str, int | None]],
    job: Job,
    *,
    aim: str = "cheapest",
    specs: Specs,
) -> list[TrainingPlan]:
    """Search the best setting on each of several machines, all at once.

    Args:
        model: Open-weight model, by any of its names.
        machines: GPU and number of them (None = searched) of each.
        job: What is to be trained.
        aim: cheapest | fastest | fewest.
        specs: Shapes and coefficients.

    Raises:
        PriceError: If a name is unknown or the wishes contradict each other.
    """
    if aim not in AIMS:
        message = f"unknown aim {aim!r}{nearest(aim, AIMS)}"
        raise PriceError(message)
    shape, tool = specs.model(model), checked(job, specs)
    gpus = [specs.gpu(name) for name, _ in machines]
    for row, (_, count) in zip(gpus, machines, strict=True):
        _check_machine(row, count, job)
    asked = _searched(
        shape, gpus, [(c,) if c else GPU_COUNTS for _, c in machines], job, tool, specs
    )
    found = [_chosen(*part, aim) for part in asked]
    # larger numbers only where nothing fits
    lost = [k for k, (_, _, free) in enumerate(asked) if not free.any()]
    larger = [
        [n for n in (*GPU_COUNTS, *MORE_GPUS) if n > (machines[k][1] or GPU_COUNTS[-1])]
        for k in lost
    ]
    more = _searched(shape, [gpus[k] for k in lost], larger, job, tool, specs) if lost else []
    needed = [0] * len(machines)
    for k, (runs, rates, free) in zip(lost, more, strict=True):
        if free.any():
            needed[k] = int(runs[0].gpus[free].min())
            if machines[k][1] is None:
                least = free & (runs[0].gpus == needed[k])
                asked[k], needed[k] = (runs, rates, least), 0
                found[k] = _chosen(*asked[k], aim)
    return [
        _plan(shape, gpus[k], tool, job, asked[k], found[k], needed[k], specs)
        for k in range(len(machines))
    ]


Part = tuple[tuple[Runs, Array], Array, Flags]


def _searched(
    shape: Record,
    gpus: Sequence[Record],
    counts: Sequence[Sequence[int]],
    job: Job,
    tool: Record,
    specs: Specs,
) -> list[Part]:
    """Return settings and memory, speed, and what fits, for each GPU."""
    grids = [_grid(job, tool, numbers) for numbers in counts]
    ends = np.cumsum([0, *map(len, grids)])
    which = np.repeat(np.arange(len(gpus)), [len(grid) for grid in grids])
    settings = [setting for grid in grids for setting in grid]
    if not settings:
        message = "no setting is left to search; ask for fewer restrictions"
        raise PriceError(message)
    runs = _runs(shape, [gpus[k] for k in which.tolist()], settings, job, tool, specs)
    speed = tokens_per_second(runs, specs.coefficients("training"))
    memory = _memory(runs, job, specs)
    parts: list[Part] = []
    for k, row in enumerate(gpus):
        mine = slice(int(ends[k]), int(ends[k + 1]))
        own = runs.take(np.arange(mine.start, mine.stop))
        free = memory[mine] * HEADROOM <= row["memory_gb"] * USABLE
        parts.append(((own, memory[mine]), speed[mine], free))
    return parts


def _chosen(setting: tuple[Runs, Array], speed: Array, free: Flags, aim: str) -> int:
    """Return the best setting that fits, or the one that comes nearest to it."""
    runs, memory = setting
    good = np.flatnonzero(free)
    if not good.size:
        return int(np.argmin(memory))
    count = runs.gpus[good]
    per_gpu = np.round(np.log(count / speed[good]), 3)
    order = {
        "cheapest": (1.0 / speed[good], count, per_gpu),
        "fastest": (count, 1.0 / speed[good]),
        "fewest": (1.0 / speed[good], count),
    }[aim]
    return int(good[np.lexsort(order)[0]])


def checked(job: Job, specs: Specs) -> Record:
    """Return the tool of a job, refusing what cannot be.

    Raises:
        PriceError: If a word is unknown, a number impossible, or the tool cannot do it.
    """
    for word, allowed, name in (
        (job.objective, OBJECTIVES, "objective"),
        (job.method, METHODS, "method"),
        (job.precision or "bf16", PRECISIONS, "precision"),
    ):
        if word not in allowed:
            message = f"unknown {name} {word!r}{nearest(word, allowed)}"
            raise PriceError(message)
    for value, name in ((job.tokens, "tokens"), (job.sequence_length, "sequence_length")):
        if not (math.isfinite(value) and value > 0):
            message = f"{name} must be above 0, got {value:g}"
            raise PriceError(message)
    for value, name in (
        (job.startup_hours, "startup_hours"),
        (job.evaluation_hours, "evaluation_hours"),
        (job.failed_share, "failed_share"),
    ):
        if not (math.isfinite(value) and value >= 0):
            message = f"{name} must be >= 0, got {value:g}"
            raise PriceError(message)
    tool = specs.tool(job.stack)
    if tool[job.method] != "yes":
        able = [row["tool"] for row in specs.rows("stacks") if row[job.method] == "yes"]
        message = (
            f"{tool['tool']} does not train with {job.method}; these do: {', '.join(able[:4])}"
        )
        raise PriceError(message)
    column = "tensor_parallel" if job.method == "full" else "tensor_parallel_adapters"
    if job.tensor_parallel < 0:
        message = f"tensor_parallel must be >= 0, got {job.tensor_parallel}"
        raise PriceError(message)
    if job.tensor_parallel > 1 and tool[column] != "yes":
        message = (
            f"{tool['tool']} has no tensor parallelism for {job.method}; leave it out, or take "
            "NeMo AutoModel"
        )
        raise PriceError(message)
    return tool


def _check_machine(row: Record, count: int | None, job: Job) -> None:
    """Refuse precisions that a GPU does not have and numbers that no node has."""
    if math.isnan(row["bf16_dense_tflops"]) or math.isnan(row["memory_bandwidth_tbs"]):
        message = f"gpus.csv does not say how fast {row['gpu']} is"
        raise PriceError(message)
    if row["architecture"] in OTHER_SOFTWARE:
        message = f"none of the tools of stacks.csv was seen to train on {row['gpu']}"
        raise PriceError(message)
    if job.precision in ("fp8", "fp4") and math.isnan(row[f"{job.precision}_dense_tflops"]):
        message = f"{row['gpu']} ({row['architecture']}) computes no {job.precision}; take bf16" + (
            " or fp8" if job.precision == "fp4" and row["fp8_dense_tflops"] > 0 else ""
        )
        raise PriceError(message)
    if count is None:
        return
    if count < 1 or count != int(count):
        message = f"gpus must be a whole number above 0, got {count:g}"
        raise PriceError(message)
    node = max(int(np.nan_to_num(row["domain_gpus"])), GPU_COUNTS[-1])
    if count > node and count % GPU_COUNTS[-1]:
        message = f"{count} {row['gpu']} are no whole nodes: take 1 to 8 or a multiple of 8"
        raise PriceError(message)


def _grid(job: Job, tool: Record, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Return the settings worth looking at."""
    wide = tool["tensor_parallel" if job.method == "full" else "tensor_parallel_adapters"] == "yes"
    deep = tool["pipeline_parallel"] == "yes"
    found = []
    for count in counts:
        ways = [
            (tp, pp)
            for tp, pp in product(WAYS if wide else (1,), WAYS if deep else (1,))
            if count % (tp * pp) == 0 and job.tensor_parallel in (0, tp)
        ]
        for tp, pp in ways:
            groups = count // (tp * pp)
            sharing = (1.0,) if tool["stack"] == "megatron" else (0.0, 3.0)
            for zero, micro, checkpointing in product(
                sharing if groups > 1 else (0.0,), MICRO_BATCHES, ("none", "full")
            ):
                steps = max(round(BATCH / (micro * groups)), 1)
                found.append(
                    {
                        "n_gpus": count,
                        "dp": groups,
                        "tp": tp,
                        "pp": pp,
                        "cp": 1,
                        "zero_stage": zero,
                        "micro_batch": micro,
                        "grad_accum": steps,
                        "checkpointing": checkpointing,
                    }
                )
    if not found and counts and job.tensor_parallel:
        message = f"{counts[0]} GPUs cannot be split {job.tensor_parallel} ways"
        raise PriceError(message)
    return found


def _runs(
    shape: Record,
    gpus: Sequence[Record],
    settings: Sequence[Mapping[str, Any]],
    job: Job,
    tool: Record,
    specs: Specs,
) -> Runs:
    size = len(settings)
    names = ("n_gpus", "dp", "tp", "pp", "cp", "zero_stage", "micro_batch", "grad_accum")
    numbers: dict[str, Array] = {
        name: np.array([setting[name] for setting in settings], float) for name in names
    }
    numbers |= {
        "seq_len": np.full(size, float(job.sequence_length)),
        "peak_seq_len": np.full(size, float(job.sequence_length)),
        "global_batch": np.full(size, np.nan),
        "lora_rank": np.full(size, 16.0),
    }
    method = {"full": "full_sft"}.get(job.method, job.method)
    megatron = tool["stack"] == "megatron"
    fp8 = np.array([row["fp8_dense_tflops"] > 0 for row in gpus])
    usual = np.where(fp8, "fp8", "bf16") if megatron else np.full(size, "bf16")
    compiled = tool["stack"] == "fsdp2-compile"
    flash3 = np.array([megatron and row["architecture"] not in ("ampere",) for row in gpus])
    words = {
        "method": np.full(size, method if job.objective == "sft" else job.objective),
        "layout": np.where(numbers["zero_stage"] >= 1, "sharded", "data-parallel"),
        "compute_precision": np.full(size, job.precision) if job.precision else usual,
        "quantisation": np.full(
            size, "" if job.method != "qlora" else "torchao" if compiled else "nf4"
        ),
        "checkpointing": np.array([setting["checkpointing"] for setting in settings]),
        "attention": np.where(flash3, "flash3-or-te", tool["attention"]),
        "stack": np.full(size, tool["stack"]),
        "loss_kernel": np.full(size, tool["loss_kernel"]),
        "offload": np.full(size, "none"),
        "state_precision": np.full(size, "mixed" if job.method == "full" else "frozen"),
        "optimizer_kind": np.full(size, "adamw"),
        "lora_targets": np.full(size, "all-linear"),
        "memory_basis": np.full(size, "device"),
    }
    model = specs.model_columns([shape["model"]])
    names_of = [row["gpu"] for row in gpus]
    return runs_of(
        {name: np.repeat(column, size) for name, column in model.items()},
        specs.gpu_columns(names_of),
        specs.architectures(names_of),
        numbers,
        words,
    )


def _memory(runs: Runs, job: Job, specs: Specs) -> Array:
    """Return the peak of one GPU, with what preference tuning keeps beside the policy. [GB]"""
    c = specs.coefficients("memory")
    if job.objective == "sft":
        return peak_gb(runs, c)
    pairs = replace(runs, micro_batch=runs.micro_batch * 2) if job.objective == "dpo" else runs
    parts = runs.tp * runs.pp * np.where(runs.zero >= 3, runs.dp, 1.0)  # noqa: PLR2004
    copies = RL_COPIES.get(job.objective, 0.0)
    # adapters are switched off to get the reference; full tuning needs a copy of it
    copies += 1.0 if job.method == "full" else 0.0
    return peak_gb(pairs, c) + copies * 2.0 * runs.params / parts / 1e9


def _plan(
    shape: Record,
    gpu: Record,
    tool: Record,
    job: Job,
    part: Part,
    k: int,
    needed: int,
    specs: Specs,
) -> TrainingPlan:
    (runs, memory), speed, _ = part
    one = runs.take([k])
    kind = str(kinds(one)[0])
    low, high = band(specs, "training", kind, tool, job.method)
    why = _doubts(gpu, tool, job, runs.moe[k])
    if why:
        low, high = min(low, UNSURE[0]), max(high, UNSURE[1])
    less, more = band(specs, "memory", kind, tool, job.method)
    rate, peak, count = float(speed[k]), float(memory[k]), int(runs.gpus[k])

    def hours(tokens_per_second: float) -> float:
        training = job.tokens / tokens_per_second / SECONDS_PER_HOUR
        around = job.startup_hours + job.evaluation_hours
        return (training + around) * (1.0 + job.failed_share)

    capacity = gpu["memory_gb"] * USABLE
    tp, pp, dp = int(runs.tp[k]), int(runs.pp[k]), int(runs.dp[k])
    ways = [f"tensor {tp}" * (tp > 1), f"pipeline {pp}" * (pp > 1)]
    ways.append(f"data {dp}" * (dp > 1))
    ways.append(f"ZeRO {int(runs.zero[k])}" * int(runs.zero[k] >= 1 and dp > 1))
    said = (
        f"{job.startup_hours:g} h to load, compile and save",
        f"{job.evaluation_hours:g} h of evaluation",
        f"{job.failed_share:.0%} more for runs that fail",
        f"{HEADROOM - 1:.0%} of the predicted memory kept free",
    )
    return TrainingPlan(
        model=shape["model"],
        gpu=gpu["gpu"],
        tool=tool["tool"],
        stack=tool["stack"],
        gpus=count,
        micro_batch=int(runs.micro_batch[k]),
        checkpointing=str(runs.checkpointing[k]),
        sharding=", ".join(filter(None, ways)) or "one GPU",
        memory_gb=peak,
        memory_gb_low=peak * less,
        memory_gb_high=peak * more,
        capacity_gb=capacity,
        fits=peak * HEADROOM <= capacity,
        gpus_needed=needed,
        tokens_per_second=rate,
        tokens_per_second_low=rate * low,
        tokens_per_second_high=rate * high,
        hours=hours(rate),
        hours_low=hours(rate * high),
        hours_high=hours(rate * low),
        gpu_hours=hours(rate) * count,
        gpu_hours_low=hours(rate * high) * count,
        gpu_hours_high=hours(rate * low) * count,
        low_confidence=why,
        assumptions=said,
    )


def band(specs: Specs, predicted: str, kind: str, tool: Record, method: str) -> tuple[float, float]:
    """Return low and high of measured over predicted for a kind of run."""
    c = specs.coefficients(predicted)
    known = kind if f"band_low:{kind}" in c else "hf" if kind == "unsloth" else "all"
    low, high = c.get(f"band_low:{known}", 0.5), c.get(f"band_high:{known}", 2.0)
    value = tool.get(f"{method}_speed", math.nan)
    if predicted == "training" and value == value:  # noqa: PLR0124
        low *= tool[f"{method}_speed_low"] / value
        high *= tool[f"{method}_speed_high"] / value
    return low, high


def _doubts(gpu: Record, tool: Record, job: Job, moe: bool) -> str:  # noqa: FBT001
    """Say why a prediction rests on little."""
    found = []
    if tool["stack"] == "unsloth":
        found.append("no run with Unsloth was measured: published comparisons")
    if job.objective != "sft":
        found.append(f"few runs of {job.objective.upper()} were measured")
    if gpu["architecture"] not in MEASURED:
        found.append(f"no run on {gpu['architecture']} was measured")
    if moe and tool["stack"] != "megatron":
        found.append("few mixtures of experts were measured on this stack")
    return "; ".join(found)
