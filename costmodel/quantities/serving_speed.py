"""How fast a replica answers: throughput, time to the first token, time per token.

A request is first read (prefill, bound by compute), then written token by token (decode, bound by
memory bandwidth); all requests in progress share the GPUs. The formulas are those of Pope et al.
2022 (partitioning, weights and cache), Kwon et al. 2023 (how many requests fit), Yuan et al. 2024
(roofline of an operator) and the DeepSeek-V2 report (latent attention). Coefficients are fitted on
published measurements (`coefficients.csv`, model `serving`) and come in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from costmodel.months import Array
from costmodel.quantities.serving_runs import (
    WEIGHT_BYTES,
    Chips,
    Coded,
    Flags,
    Setups,
    Shapes,
    Speed,
    Words,
)

Coefficients = Mapping[str, float]

FOUR_BIT = ("int4", "mxfp4", "nvfp4")
MICRO, GIGA = 1e-6, 1e9
USABLE_MEMORY = 0.92  # share that engines take by default
CHUNK_TOKENS = 8192.0  # prompt tokens that one step reads at most
LARGEST_BATCH = 2048.0  # requests in progress at most, whatever the memory
TOGETHER = 16.0  # short prompts read in one step at most
PAGED_PAIRS = 512.0  # requests x heads above which early vLLM on AMD took its slow kernel
FULL_SLACK = 0.02  # share by which a static batch may exceed the memory before it is split
QUEUE_BURST = 50.0  # requests at once from which a burst is mostly start and end


def _by_pair(first: Coded, second: Coded, value: Callable[[str, str], float]) -> Array:
    """Return a number for each pair of words."""
    table = np.array([[value(x, y) for y in second.known] for x in first.known], float)
    return np.asarray(table[first.place, second.place], float)


def kv_cache_bytes(shapes: Shapes, context: Array, entry_bytes: Array, ranks: Array) -> Array:
    """Return the cache of one request on one GPU that holds all layers.

    Args:
        shapes: Models.
        context: Tokens read and written so far. [token]
        entry_bytes: Size of one entry. [byte]
        ranks: GPUs that share the heads; latent attention keeps all of it on each. [1]

    Returns:
        Cache. [byte]
    """
    shared = np.where(shapes.mla_rank > 0, 1.0, np.minimum(ranks, np.maximum(shapes.kv_heads, 1.0)))
    window = np.where(shapes.window > 0, np.minimum(context, shapes.window), context)
    entries = shapes.kv_full * context + shapes.kv_window * window
    state = shapes.linear_layers * shapes.linear_state * 2.0 / ranks
    return np.asarray(entries * entry_bytes / shared + state, float)


@dataclass(frozen=True, eq=False)
class _Machine:
    """What a replica is made of, after precision and sharing."""

    ranks: Array
    copies: Array
    stage_gpus: Array
    dense_bytes: Array
    expert_bytes: Array
    weights_bytes: Array
    entry_bytes: Array
    dense_flops: Array
    expert_flops: Array
    half_flops: Array
    bandwidth: Array
    unpack: Array
    link: Array
    hop: Array
    launch: Array
    step: Array
    per_request: Array
    slow: Array
    exchanges: Flags
    others: Array


def _precision(shapes: Shapes, chips: Chips, setups: Setups, c: Coefficients) -> tuple[Array, ...]:
    """Return bytes of dense and expert weights and of a cache entry, and the speeds of compute."""
    moe, weights = shapes.experts > 0, setups.weights
    four = np.isin(weights, FOUR_BIT)
    expert_byte = setups.precisions.look_up(lambda word: WEIGHT_BYTES.get(word, 2.0))
    # checkpoints of four bits leave the attention of mixtures of experts in more
    whole = (weights == "int4") & ~shapes.four_bit_experts
    kept = np.where(weights == "nvfp4", c["nvfp4_dense_byte"], 2.0)
    dense_byte = np.where(four & moe & ~whole, kept, expert_byte)
    has8, has4 = np.isfinite(chips.fp8), np.isfinite(chips.fp4)
    eight = (weights == "fp8") & has8
    nv = weights == "nvfp4"
    dense_kind = np.where(eight | (nv & moe & has8), "fp8", "bf16")
    dense_kind = np.where(nv & has4 & ~moe, "fp4", dense_kind)
    expert_kind = np.where(eight | ((weights == "mxfp4") & has4 & has8), "fp8", "bf16")
    expert_kind = np.where(nv & has4, "fp4", expert_kind)
    engines, generations = setups.engines, chips.generations
    pair = _by_pair(engines, generations, lambda e, g: c.get(f"compute_{e}_{g}", 1.0))
    early = _by_pair(engines, generations, lambda e, g: c.get(f"half_{e}_{g}", 1.0))
    # four bits of later chips are more than twice as fast on paper only
    four_peak = 2.0 * chips.fp8 * np.sqrt(chips.fp4 / (2.0 * chips.fp8))

    def flops(kind: Words) -> Array:
        found: Array = np.full(np.shape(kind), np.nan)
        for word, peak in (("bf16", chips.bf16), ("fp8", chips.fp8), ("fp4", four_peak)):
            measured = [c.get(f"compute_{each}_{word}", np.nan) for each in generations.known]
            fitted = np.array(measured, float)[generations.place]
            other = c[f"compute_other_{word}"]
            reached = np.where(
                np.isfinite(chips.reached), c["reached_share"] * chips.reached, other
            )
            share = np.where(np.isfinite(fitted), fitted, np.minimum(reached, other * 1.5))
            found = np.where(kind == word, peak * share, found)
        return np.asarray(found * pair * np.where(kind == "bf16", early, 1.0), float)

    packed = (weights != "bf16") & (weights != "fp16")
    dense = flops(dense_kind) * np.where(packed & (dense_kind == "bf16") & ~moe, c["dequant"], 1.0)
    stage_gpus = np.maximum(setups.gpus / setups.stages, 1.0)
    width = shapes.expert_params / (3.0 * shapes.hidden)
    width = width / np.maximum(stage_gpus / setups.spread, 1.0)
    narrow = np.where(moe, width / (width + c["expert_width"]), 1.0)
    small = generations.look_up(lambda g: c.get(f"four_bit_{g}", c["four_bit_other"]))
    expert = flops(expert_kind) * c["moe_compute"] * narrow
    expert = expert * np.where(four & (expert_kind != "fp4"), small, 1.0)
    by_engine = np.isin(setups.engine, ("trt", "trt-2024", "vllm")) & np.isin(
        weights, ("fp8", "nvfp4")
    )
    automatic = np.isin(setups.cache, ("auto", ""))
    one_byte = np.isin(setups.cache, ("fp8", "int8")) | (automatic & by_engine)
    entry_bytes = np.where(one_byte, 1.0, 2.0)
    half = flops(np.full(np.shape(dense_kind), "bf16"))
    return dense_byte, expert_byte, entry_bytes, dense, expert, half


def _machine(shapes: Shapes, chips: Chips, setups: Setups, c: Coefficients) -> _Machine:
    """Work out precision, sharing and overheads."""
    s, engines, generations = shapes, setups.engines, chips.generations
    stages = setups.stages
    stage_gpus = np.maximum(setups.gpus / stages, 1.0)
    copies = np.clip(setups.copies, 1.0, stage_gpus)
    ranks = np.maximum(stage_gpus / copies, 1.0)
    dense_byte, expert_byte, entry_bytes, dense, expert, half = _precision(s, chips, setups, c)

    # the output matrix and the embedding stay in 16 bits
    head = s.vocab * s.hidden
    routed = s.expert_params * s.experts * s.moe_layers
    embedding = np.clip(s.params_total - s.dense_params - routed, 0.0, 2.0 * head)
    body = np.maximum(s.dense_params - head, 0.0)
    dense_bytes = (body * dense_byte + head * 2.0) / (ranks * stages)
    expert_bytes = routed * expert_byte / setups.gpus

    bandwidth = chips.bandwidth * generations.look_up(
        lambda g: c.get(f"bandwidth_{g}", c["bandwidth_other"])
    )
    bandwidth = bandwidth * _by_pair(
        engines, generations, lambda e, g: c.get(f"bandwidth_{e}_{g}", 1.0)
    )
    inside = ranks <= chips.domain
    linked = chips.domain > 1
    link = np.where(inside, chips.link, np.minimum(chips.pcie, chips.link))
    link = np.maximum(link * np.where(linked, c["link"], c["link_pcie"]), GIGA)
    launch = c["layer"] * s.layers + c["linear_layer"] * s.linear_layers
    launch = launch + (c["moe_layer"] + c["moe_choice"] * s.top_k) * s.moe_layers
    launch = launch * generations.look_up(lambda g: c.get(f"launch_{g}", 1.0))
    launch = launch * engines.look_up(lambda e: c.get(f"launch_{e}", 1.0))
    launch = launch * _by_pair(engines, generations, lambda e, g: c.get(f"launch_{e}_{g}", 1.0))
    return _Machine(
        ranks=ranks,
        copies=copies,
        stage_gpus=stage_gpus,
        dense_bytes=dense_bytes,
        expert_bytes=expert_bytes,
        weights_bytes=dense_bytes + expert_bytes + embedding * 2.0 / (ranks * stages),
        entry_bytes=entry_bytes,
        dense_flops=dense,
        expert_flops=expert,
        half_flops=half,
        bandwidth=bandwidth,
        unpack=np.where(np.isin(setups.weights, FOUR_BIT), c["four_bit_read"], 1.0),
        link=link,
        hop=np.where(inside & linked, c["hop"], c["hop_pcie"]) * MICRO,
        launch=launch / stages * MICRO,
        step=engines.look_up(lambda e: c.get(f"step_{e}", c["step_other"])) * MICRO,
        per_request=engines.look_up(lambda e: c.get(f"request_{e}", c["request_other"])) * MICRO,
        slow=np.where(s.sparse, c["sparse_attention"], 1.0),
        # tokens travel to the GPUs of their experts where the attention is split by request
        exchanges=(copies > 1) & (s.experts > 0),
        others=(stage_gpus - 1.0) * (1.0 - (1.0 - 1.0 / stage_gpus) ** np.maximum(s.top_k, 1.0)),
    )


def _norm(first: Array, second: Array, power: float) -> Array:
    """Return the time of two things that overlap in part: more than the longer, less than both."""
    return np.asarray((first**power + second**power) ** (1.0 / power), float)


def _windowed(shapes: Shapes, tokens: Array) -> Array:
    """Return the tokens that attention reads over all layers."""
    seen = np.where(shapes.window > 0, np.minimum(tokens, shapes.window), tokens)
    return np.asarray(shapes.full_layers * tokens + shapes.window_layers * seen, float)


@dataclass(frozen=True, eq=False)
class _Step:
    """One step of decoding: its time, and the time in which compute would have waited."""

    seconds: Array
    waiting: Array


def _decode(
    shapes: Shapes, chips: Chips, setups: Setups, m: _Machine, batch: Array, c: Coefficients
) -> _Step:
    """Return the time of one token of every request in progress."""
    s, stages = shapes, setups.stages
    per_stage = batch / stages
    per_copy = np.maximum(per_stage / m.copies, np.minimum(per_stage, 1.0))
    context = setups.input_tokens + setups.output_tokens / 2.0

    # the same prompt for all, as one benchmark does, needs the same experts
    same = np.isin(setups.mode, ("static_batch", "static_max")) & (setups.engine == "trt-2024")
    distinct = np.maximum(per_stage, 1.0) ** np.where(same, c["different_tokens"], 1.0)
    density = np.where(s.experts > 0, s.top_k / np.maximum(s.experts, 1.0), 0.0)
    covered = 1.0 - (1.0 - density) ** distinct
    read_dense = m.dense_bytes / (m.bandwidth * np.where(s.experts > 0, 1.0, m.unpack))
    read_experts = m.expert_bytes * covered / (m.bandwidth * c["moe_bandwidth"] * m.unpack)
    active = s.moe_layers * s.top_k * s.expert_params
    imbalance = np.where(setups.spread > 1, c["imbalance"], 1.0)
    dense = 2.0 * s.dense_params * per_copy / (m.ranks * stages * m.dense_flops)
    experts = 2.0 * active * per_stage * imbalance / (setups.gpus * m.expert_flops)
    dense, experts = dense / c["decode_compute"], experts / c["decode_compute"]

    latent = s.mla_rank > 0
    group = np.where(latent, 1.0, s.heads / np.maximum(s.kv_heads, 1.0))
    paged = (
        (setups.engine == "vllm-2024")
        & (chips.generation == "cdna3")
        & (per_copy * s.heads / m.ranks > PAGED_PAIRS)
    )
    ease = np.where(paged, c["kv_paged"] / group, c["kv_bandwidth"] * group ** -c["kv_group"])
    cache = kv_cache_bytes(s, context, m.entry_bytes, m.ranks) / stages
    read_cache = per_copy * cache / (m.bandwidth * ease)
    each = np.where(latent, 2.0 * s.mla_rank + s.mla_rope, s.head_dim + s.v_head_dim)
    pairs = 2.0 * s.heads * each * _windowed(s, context)
    scores = per_copy * pairs / (m.ranks * stages * m.half_flops * c["attention_decode"])

    power = c["overlap_norm"]
    core = (
        _norm(read_dense, dense, power)
        + _norm(read_experts, experts, power)
        + _norm(read_cache, scores, power)
    )
    ring = 2.0 * (m.ranks - 1.0) / m.ranks
    reduce = m.hop * np.log2(m.ranks) + ring * per_copy * s.hidden * 2.0 / m.link
    reduce = np.where(m.ranks > 1, 2.0 * s.layers / stages * reduce, 0.0)
    carried = per_copy * s.hidden * 1.5 * m.others / m.ranks / m.link
    exchange = 2.0 * s.moe_layers / stages * (c["exchange"] * MICRO + carried)
    exchange = np.where(m.exchanges, exchange, 0.0)
    seconds = stages * (core + m.launch + reduce + exchange) * m.slow
    seconds = seconds + m.step + m.per_request * batch / m.copies
    waiting = np.maximum(read_dense + read_experts - dense - experts, 0.0) * stages
    return _Step(seconds, waiting)


def _prefill(shapes: Shapes, setups: Setups, m: _Machine, batch: Array, c: Coefficients) -> Array:
    """Return the time of the whole replica that reading one prompt takes."""
    s, gpus, stages = shapes, setups.gpus, setups.stages
    inputs = setups.input_tokens * (1.0 - setups.cached)
    imbalance = np.where(setups.spread > 1, c["imbalance"], 1.0)
    body = np.maximum(s.dense_params - s.vocab * s.hidden, 0.0)
    active = s.moe_layers * s.top_k * s.expert_params
    pairs = (
        2.0
        * s.heads
        * (s.head_dim + s.v_head_dim)
        * _windowed(s, setups.input_tokens - inputs / 2.0)
        * inputs
    )
    work = (
        2.0 * body * inputs / (gpus * m.dense_flops)
        + 2.0 * active * inputs * imbalance / (gpus * m.expert_flops)
        + pairs / (gpus * m.half_flops * c["attention_prefill"])
    )
    chunks = np.maximum(np.ceil(inputs / CHUNK_TOKENS), 1.0)
    sharing = np.maximum(inputs * np.minimum(batch, TOGETHER) / CHUNK_TOKENS, 1.0 / TOGETHER)
    steps = np.minimum(chunks, sharing)
    sweep = (m.dense_bytes + m.expert_bytes) / m.bandwidth * steps
    ring = 2.0 * (m.ranks - 1.0) / m.ranks
    talk = 2.0 * s.layers * ring * inputs * s.hidden * 2.0 / m.link / (m.copies * stages)
    carried = 2.0 * s.moe_layers * inputs * s.hidden * 1.5 * m.others / m.link
    talk = talk + np.where(m.exchanges, carried / (m.stage_gpus * stages), 0.0)
    overhead = (m.launch + m.step) * steps * c["prefill_steps"]
    return np.asarray((_norm(work, sweep, c["overlap_norm"]) + talk) * m.slow + overhead, float)


def predict(shapes: Shapes, chips: Chips, setups: Setups, coefficients: Coefficients) -> Speed:
    """Predict throughput and latency of replicas.

    Args:
        shapes: Models.
        chips: GPUs.
        setups: How they are run.
        coefficients: As `coefficients.csv` lists them for the model `serving`.

    Returns:
        What each replica does; the fields of the arguments broadcast.
    """
    c, inputs, outputs = coefficients, setups.input_tokens, setups.output_tokens
    m = _machine(shapes, chips, setups, c)

    # how many requests fit, and how many there are
    runtime = setups.engines.look_up(lambda e: c.get(f"runtime_{e}", c["runtime_other"])) * GIGA
    free = USABLE_MEMORY * chips.memory - m.weights_bytes - runtime
    held = inputs + c["occupancy"] * outputs
    kv_bytes = kv_cache_bytes(shapes, held, m.entry_bytes, m.ranks) / setups.stages
    limit = m.copies * free / kv_bytes
    cap = setups.engines.look_up(lambda e: c.get(f"cap_{e}", LARGEST_BATCH))
    most = np.clip(np.minimum(limit, cap), 1.0, LARGEST_BATCH)
    wanted = np.where(np.isnan(setups.concurrency), np.inf, setups.concurrency)
    static = np.isin(setups.mode, ("static_batch", "static_max"))
    split = static & np.isfinite(wanted)
    turns = np.where(split, np.ceil(np.where(split, wanted, 1.0) / most - FULL_SLACK), 1.0)
    batch = np.maximum(np.minimum(wanted / np.maximum(turns, 1.0), most), 1.0)

    decode = _decode(shapes, chips, setups, m, batch, c)
    prefill = _prefill(shapes, setups, m, batch, c)
    # prompts are read while the memory is busy with decoding, except in a static batch
    reading = batch * prefill
    hidden = np.minimum(c["hide"] * outputs * decode.waiting, 0.9 * reading)
    cycle = outputs * decode.seconds + reading - np.where(static, 0.0, hidden)
    burst = setups.mode == "burst"
    cycle = cycle * (1.0 + np.where(burst, c["burst"] / (1.0 + QUEUE_BURST / wanted), 0.0))

    first = c["first_floor"] * MICRO + c["first_steps"] * decode.seconds
    first = first + m.copies * prefill * (batch / m.copies) ** c["first_queue"]
    first = np.minimum(first, 0.9 * cycle)
    token = (cycle - first) / np.maximum(outputs - 1.0, 1.0)
    crowd = np.where(np.isfinite(wanted), np.maximum(wanted / batch - 1.0, 0.0), 0.0)
    waiting = crowd * cycle * np.where(burst, 0.5, 1.0)
    return Speed(
        output_tokens_per_second=np.asarray(batch * outputs / cycle, float),
        first_token_seconds=np.asarray(first + waiting, float),
        token_seconds=np.asarray(token, float),
        batch=batch,
        batch_limit=np.asarray(limit, float),
        prefill_share=np.asarray(reading / cycle, float),
        weights_bytes=m.weights_bytes,
        kv_bytes=kv_bytes,
    )


def regimes(shapes: Shapes, setups: Setups) -> Words:
    """Return the kind of each prediction, which decides how wide its band is."""
    kind = np.where(shapes.experts > 0, "moe", "dense")
    return np.asarray(np.where(setups.mode == "burst", "burst", kind), str)


def band(shapes: Shapes, setups: Setups, coefficients: Coefficients) -> tuple[Array, Array]:
    """Return what 80 % of measurements lie between, over the prediction. [1]"""
    kind, c = Coded.of(regimes(shapes, setups)), coefficients
    low = kind.look_up(lambda word: c[f"band_{word}_low"])
    return low, kind.look_up(lambda word: c[f"band_{word}_high"])
