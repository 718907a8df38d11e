"""Speed of training: tokens per second from arithmetic, memory traffic, launches and links.

The coefficients are fitted by `costmodel fit training` and stand in `coefficients.csv`; their
physical expectation is `PRIORS`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from costmodel.months import Array
from costmodel.quantities.training_runs import (
    FLASH2_NATIVE,
    LARGE_CACHE,
    RL_METHODS,
    Prior,
    Runs,
)

COMPUTE_POWER, SHARD_POWER = 4, 3  # how sharply the slowest part decides
BACKWARD_ATTENTION = 2.5  # the backward pass computes the scores anew
SELECTIVE = 0.2  # share of the forward pass that selective checkpointing repeats
OPTIMIZER_BYTES = 26.0  # read and written per parameter and step
TRAFFIC = 1.0 / 3.0  # of memory traffic and launches that a repeated forward pass adds

PRIORS: dict[str, Prior] = {
    "bf16": Prior(1.0, 0.1, "1", "speed of matrix products over the best measured one, bf16"),
    "fp8": Prior(0.75, 0.2, "1", "the same for fp8, over the scaled peak"),
    "fp4": Prior(0.62, 0.25, "1", "the same for fp4, over the scaled peak"),
    "attention": Prior(0.55, 0.25, "1", "speed of attention over that of matrix products"),
    "attention_flash2_hopper": Prior(0.3, 0.35, "1", "FlashAttention 2 on Hopper and newer"),
    "attention_triton": Prior(0.34, 0.3, "1", "attention kernels in Triton of 2023"),
    "traffic_hf_full": Prior(147.0, 0.4, "pass", "reads and writes of activations, hf, full"),
    "traffic_hf_lora": Prior(250.0, 0.4, "pass", "the same, hf, LoRA"),
    "traffic_hf_qlora": Prior(227.0, 0.4, "pass", "the same, hf, QLoRA"),
    "traffic_hf_fused": Prior(129.0, 0.4, "pass", "the same, hf-fused"),
    "traffic_compile": Prior(98.0, 0.3, "pass", "the same, fsdp2-compile"),
    "traffic_megatron": Prior(99.0, 0.4, "pass", "the same, megatron"),
    "cache": Prior(1.4, 0.15, "1", "bandwidth gained by the large caches of Ada, RTX Blackwell"),
    "launch_hf_full": Prior(8e-3, 0.5, "s/layer", "least time of a layer and micro-batch"),
    "launch_hf_lora": Prior(4e-3, 0.4, "s/layer", "the same, hf, LoRA"),
    "launch_hf_nf4": Prior(6e-3, 0.4, "s/layer", "the same, hf, QLoRA with nf4"),
    "launch_hf_qlora": Prior(5.5e-3, 0.4, "s/layer", "the same, hf, QLoRA otherwise"),
    "launch_hf_fused": Prior(5e-3, 0.6, "s/layer", "the same, hf-fused"),
    "launch_compile": Prior(0.8e-3, 0.5, "s/layer", "the same, fsdp2-compile"),
    "launch_megatron": Prior(1.5e-3, 0.5, "s/layer", "the same, megatron"),
    "launch_shard": Prior(12e-3, 0.5, "s/layer", "added by ZeRO 3 on hf"),
    "launch_moe": Prior(6e-3, 0.6, "s/layer", "added by a layer of experts"),
    "launch_moe_hf": Prior(0.5e-3, 0.7, "s/expert", "added by each expert of a layer, hf"),
    "unpack_nf4": Prior(1.0, 0.7, "1", "cost of unpacking nf4 weights"),
    "unpack_gptq": Prior(8.0, 0.6, "1", "cost of unpacking GPTQ weights"),
    "unpack_torchao": Prior(2.0, 0.7, "1", "cost of unpacking torchao weights"),
    "shard": Prior(0.55, 0.3, "1", "share of the link that ZeRO 3 reaches"),
    "tensor": Prior(0.5, 0.4, "1", "share of the link that tensor parallelism reaches"),
    "between_nodes": Prior(42e9, 0.5, "byte/s", "bandwidth per GPU between nodes, Hopper on"),
    "latency": Prior(20e-6, 0.7, "s", "of one exchange between GPUs"),
    "bubble": Prior(1.0, 0.4, "1", "idle time of a pipeline over its textbook value"),
    "expert_product": Prior(0.8, 0.15, "1", "speed of products of experts"),
    "expert_width": Prior(800.0, 0.7, "1", "width at which a product of experts loses half"),
    "expert_traffic": Prior(30.0, 0.8, "pass", "reads and writes around experts, per token"),
    "expert_traffic_k": Prior(10.0, 0.8, "pass", "the same, per token and expert"),
    "expert_traffic_hf": Prior(10.0, 0.8, "pass", "the same on hf"),
    "expert_exchange": Prior(0.6, 0.5, "1", "share of the link that expert parallelism reaches"),
    "blackwell": Prior(1.0, 0.1, "1", "speed of products on Blackwell over the measured best"),
    "gradients": Prior(0.3, 0.7, "1", "exchange of gradients that is not hidden"),
    "offload": Prior(0.6, 0.0, "1", "share of PCIe that offloading reaches"),
    "peft_other": Prior(0.82, 0.0, "1", "speed of other adapters over LoRA: median of 63 runs"),
    "unsloth_lora": Prior(1.35, 0.0, "1", "speed of Unsloth over hf, LoRA: published comparisons"),
    "unsloth_qlora": Prior(1.5, 0.0, "1", "speed of Unsloth over hf, QLoRA: published comparisons"),
    "unsloth_full": Prior(1.1, 0.0, "1", "speed of Unsloth over hf, full tuning: fused kernels"),
    "dpo": Prior(1.7, 0.0, "1", "time of DPO beyond its arithmetic: padding, no packing"),
    "rl": Prior(5.0, 0.0, "1", "time of PPO and GRPO over plain tuning, dense: mean of rl.csv"),
    "rl_moe": Prior(5.0, 0.0, "1", "the same for 30B parameters in experts"),
    "rl_moe_size": Prior(0.7, 0.0, "1", "its growth: power of the parameters over 30B"),
}


def passes(runs: Runs) -> Array:
    """Return the forward-sized passes of matrix products per token.

    Full tuning computes forward, gradients of activations and of weights: 3. With frozen weights
    the last one is missing: 2. Full checkpointing repeats the forward pass.

    Args:
        runs: Settings.

    Returns:
        Passes. [1]
    """
    return np.where(runs.full, 3.0, 2.0) + _repeated(runs)


def _repeated(runs: Runs) -> Array:
    selective = np.where(runs.checkpointing == "selective", SELECTIVE, 0.0)
    return np.where(runs.checkpointing == "full", 1.0, selective)


def attention_flops(runs: Runs) -> Array:
    """Return the arithmetic of causal attention in one forward pass.

    Args:
        runs: Settings.

    Returns:
        2 x sequence x width x layers; windows count up to their length. [FLOP/token]
    """
    window = np.where(runs.window > 0, np.minimum(2.0 * runs.window, runs.sequence), runs.sequence)
    seen = runs.full_layers * runs.sequence + runs.window_layers * window
    return np.asarray(2.0 * runs.query * seen, float)


def _by_stack(runs: Runs, c: Mapping[str, float], what: str) -> Array:
    hf, fused = runs.stack == "hf", runs.stack == "hf-fused"
    hf = hf | (runs.stack == "unsloth")
    quantised = runs.quantisation != ""
    nf4 = c["launch_hf_nf4"] if what == "launch" else c["traffic_hf_qlora"]
    return np.select(
        [
            hf & runs.full,
            hf & (runs.quantisation == "nf4"),
            hf & quantised,
            hf,
            fused,
            runs.stack == "fsdp2-compile",
        ],
        [
            c[f"{what}_hf_full"],
            nf4,
            c[f"{what}_hf_qlora"],
            c[f"{what}_hf_lora"],
            c[f"{what}_hf_fused"],
            c[f"{what}_compile"],
        ],
        c[f"{what}_megatron"],
    )


def arithmetic_seconds(runs: Runs, c: Mapping[str, float]) -> Array:
    """Return the time of matrix products and attention of a micro-batch.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Time. [s]
    """
    parallel = runs.tp * runs.pp * runs.cp
    newest = np.where(runs.architecture == "blackwell", c["blackwell"], 1.0)
    best16 = runs.bf16 * runs.mamf
    low = np.where(
        runs.precision == "fp8",
        runs.fp8 * c["fp8"],
        np.where(runs.precision == "fp4", runs.fp4 * c["fp4"], runs.bf16 * c["bf16"]),
    )
    speed = low * runs.mamf * newest
    narrow = 1.0 + c["expert_width"] / np.maximum(runs.expert_ffn, 1.0)
    experts = runs.expert_active / c["expert_product"] * np.where(runs.moe, narrow, 1.0)
    blocks = (runs.always + experts) / speed
    products = 2.0 * passes(runs) * (blocks + runs.embedding / (best16 * c["bf16"]))
    flash2_new = (runs.attention == "flash2") & ~np.isin(runs.architecture, FLASH2_NATIVE)
    share = np.select(
        [runs.attention == "flash-triton", flash2_new],
        [c["attention_triton"], c["attention_flash2_hopper"]],
        c["attention"],
    )
    again = 1.0 + BACKWARD_ATTENTION + (runs.checkpointing == "full")
    attention = attention_flops(runs) * again / (best16 * share)
    return np.asarray(runs.tokens / parallel * (products + attention), float)


def traffic_seconds(runs: Runs, c: Mapping[str, float]) -> Array:
    """Return the time in which a micro-batch reads and writes memory beside matrix products.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Time. [s]
    """
    parallel = runs.tp * runs.pp * runs.cp
    again = 1.0 + TRAFFIC * _repeated(runs)
    bandwidth = runs.bandwidth * np.where(np.isin(runs.architecture, LARGE_CACHE), c["cache"], 1.0)
    layer = runs.layers * 2.0 * (runs.hidden + runs.ffn / 2) * _by_stack(runs, c, "traffic")
    around = np.where(
        runs.hugging_face,
        c["expert_traffic_hf"] * runs.top_k,
        c["expert_traffic"] + c["expert_traffic_k"] * runs.top_k,
    )
    experts = runs.moe_layers * runs.hidden * 2.0 * around
    logits = runs.vocab * np.where(runs.loss_kernel == "standard", 16.0, 8.0)
    moved = runs.tokens * ((layer + experts) * again + logits) / parallel
    unpack = np.select(
        [runs.quantisation == name for name in ("nf4", "gptq", "torchao")],
        [c["unpack_nf4"], c["unpack_gptq"], c["unpack_torchao"]],
        0.0,
    )
    weights = (runs.always + runs.expert) * 2.5 * (2.0 + _repeated(runs)) * unpack
    unpacking = weights / (runs.tp * runs.pp * runs.bandwidth)
    return np.asarray(moved / bandwidth + unpacking, float)


def launch_seconds(runs: Runs, c: Mapping[str, float]) -> Array:
    """Return the time below which a micro-batch does not get, however few its tokens.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Time. [s]
    """
    again = 1.0 + TRAFFIC * _repeated(runs)
    shard = np.where(runs.sharded & runs.hugging_face, c["launch_shard"], 0.0)
    shard = shard * np.where(runs.full, 0.5, 1.0) * np.where(runs.stack == "hf-fused", 0.4, 1.0)
    moe = np.where(runs.hugging_face, c["launch_moe_hf"] * runs.experts, c["launch_moe"])
    layer = _by_stack(runs, c, "launch") * again + shard
    return np.asarray((runs.layers * layer + runs.moe_layers * again * moe) / runs.pp, float)


def _links(runs: Runs, c: Mapping[str, float]) -> tuple[Array, Array]:
    """Return bandwidth inside a node and between the GPUs of the run. [byte/s]"""
    bridged = (runs.domain <= 2) & (runs.gpus > 2)  # noqa: PLR2004
    link = np.where((runs.link <= runs.pcie) | bridged, runs.pcie, runs.link)
    between = c["between_nodes"] * np.where(runs.architecture == "ampere", 0.5, 1.0)
    return link, np.where(runs.gpus > runs.node, np.minimum(link, between), link)


def exchange_seconds(runs: Runs, c: Mapping[str, float]) -> tuple[Array, Array, Array]:
    """Return the time in which GPUs exchange data.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Weights of ZeRO 3 per micro-batch, activations per micro-batch, gradients per step. [s]
    """
    inside, across = _links(runs, c)
    on_pcie = inside <= runs.pcie
    group = runs.dp * runs.cp
    own = runs.params / (runs.tp * runs.pp)
    weight = np.where(runs.quantisation != "", 0.56, 2.0)
    moved = own * (2.0 * weight + np.where(runs.full, 2.0, 0.0)) * (group - 1.0) / group
    lane = across * c["shard"] * np.where(on_pcie, 0.5, 1.0)
    waits = runs.layers * 3.0 * c["latency"] * np.log2(np.maximum(group, 1.0))
    shard = np.where(runs.sharded, moved / lane + waits, 0.0)
    again = 1.0 + _repeated(runs) / 2
    layers = runs.layers / runs.pp
    activations = 8.0 * layers * runs.tokens / runs.cp * runs.hidden * again
    tensor = activations * (runs.tp - 1) / runs.tp / (inside * c["tensor"])
    tensor = np.where(runs.tp > 1, 0.6 * (tensor + 4.0 * again * layers * c["latency"]), 0.0)
    # experts spread over the GPUs; a token is sent once to each node that holds one of its experts
    spread = np.clip(runs.experts, 1.0, group * runs.tp)
    nodes = np.maximum(spread / runs.node, 1.0)
    beside = np.minimum(spread, runs.node)
    away = nodes * (1.0 - (1.0 - 1.0 / nodes) ** runs.top_k) * (nodes - 1.0) / nodes
    near = runs.top_k * (beside - 1.0) / beside
    sent = runs.moe_layers / runs.pp * runs.tokens / (runs.cp * runs.tp) * runs.hidden * 8.0 * again
    between = c["between_nodes"] * np.where(runs.architecture == "ampere", 0.5, 1.0)
    experts = sent * (away / between + near / inside) * 0.6 / c["expert_exchange"]
    experts = np.where(runs.hugging_face | ~runs.moe, 0.0, experts)
    alone = runs.full & (runs.zero < 3) & (group > 1)  # noqa: PLR2004
    gradients = np.where(alone, 4.0 * own * (group - 1.0) / group / across * c["gradients"], 0.0)
    return shard, tensor + experts, gradients


def step_seconds(runs: Runs, c: Mapping[str, float]) -> Array:
    """Return the time of one optimizer step of plain tuning.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Time of all micro-batches of a step, the pipeline's idle time, and the update. [s]
    """
    busy = arithmetic_seconds(runs, c) + traffic_seconds(runs, c)
    core = (busy**COMPUTE_POWER + launch_seconds(runs, c) ** COMPUTE_POWER) ** (1 / COMPUTE_POWER)
    shard, activations, gradients = exchange_seconds(runs, c)
    group = np.where(runs.zero >= 1, runs.dp * runs.cp, 1.0)
    own = runs.params / (runs.tp * runs.pp)
    host = runs.pcie * c["offload"]
    weights = np.where(runs.quantisation != "", 0.56, 2.0)
    fetched = np.where(runs.offload == "params", 2.0 * own * weights / group / host, 0.0)
    power = SHARD_POWER
    micro = (core**power + shard**power + fetched**power) ** (1 / power) + activations
    # megatron interleaves its stages; others cut the batch of a group into sequences
    pieces = runs.accumulation * np.where(runs.stack == "megatron", 2.0, runs.micro_batch)
    idle = 1.0 + c["bubble"] * (runs.pp - 1.0) / np.maximum(pieces, 1.0)
    update = np.where(runs.full, OPTIMIZER_BYTES * own / group / runs.bandwidth, 0.0)
    away = np.isin(runs.offload, ("optimizer", "params")) & runs.full
    update = update + np.where(away, 16.0 * own / group / host, 0.0)
    return np.asarray(runs.accumulation * micro * idle + update + gradients, float)


def objective_factor(runs: Runs, c: Mapping[str, float]) -> Array:
    """Return how much longer a token takes than in plain tuning of the same model.

    DPO adds a forward pass of the reference, and wastes time on padding. PPO and GRPO write
    their own samples: tokens then count prompts and samples.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Time over time of plain tuning. [1]
    """
    reference = (passes(runs) + 1.0) / passes(runs) * c["dpo"]
    size = np.maximum(runs.params / 30e9, 0.1) ** c["rl_moe_size"]
    sampled = np.where(runs.moe, c["rl_moe"] * size, c["rl"])
    rl = np.isin(runs.method, RL_METHODS)
    return np.where(runs.method == "dpo", reference, np.where(rl, sampled, 1.0))


def tokens_per_second(runs: Runs, c: Mapping[str, float]) -> Array:
    """Predict the speed of training.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Tokens of all GPUs together. [token/s]
    """
    plain = runs.tokens * runs.accumulation * runs.dp / step_seconds(runs, c)
    quantised = runs.quantisation != ""
    unsloth = np.where(quantised, c["unsloth_qlora"], c["unsloth_lora"])
    unsloth = np.where(runs.full, c["unsloth_full"], unsloth)
    faster = np.where(runs.stack == "unsloth", unsloth, 1.0)
    other = np.where(runs.method == "peft_other", c["peft_other"], 1.0)
    return np.asarray(plain * faster * other / objective_factor(runs, c), float)
