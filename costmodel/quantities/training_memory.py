"""Memory of training: weights, gradients, optimizer, activations and logits of one GPU.

The coefficients are fitted by `costmodel fit memory` and stand in `coefficients.csv`; their
physical expectation is `PRIORS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from costmodel.months import Array
from costmodel.quantities.training_runs import GIGA, PACKED, Flags, Prior, Runs

SMOOTH = 6  # power of the sum that stands for the larger of two peaks
FILLED = 1.0  # 10^9 byte per GB on the label at which the cache is emptied
WITH_EMBEDDINGS = "all-linear+embeddings"  # embeddings trained in full beside the adapters
ALIKE = 0.01  # the longest sequence is taken as the mean, if it is no further from it
RAGGED = 0.012  # a mean further than this from a multiple of 256 is one of unequal lengths

PRIORS: dict[str, Prior] = {
    "stored_full": Prior(0.7, 0.3, "1", "stored activations over the textbook, hf, full"),
    "stored_adapter": Prior(1.0, 0.3, "1", "the same, hf, adapters"),
    "stored_quantised": Prior(1.4, 0.2, "1", "the same on 4-bit weights, over 16-bit ones"),
    "stored_compile": Prior(0.8, 0.3, "1", "the same, fsdp2-compile and megatron"),
    "stored_selective": Prior(0.5, 0.3, "1", "share kept by selective checkpointing"),
    "boundary": Prior(1.0, 0.08, "1", "inputs of layers kept by checkpointing, over 2 bytes"),
    "boundary_shard": Prior(1.0, 0.15, "1", "added to them by ZeRO 3 with adapters on hf"),
    "layer": Prior(1.1, 0.25, "1", "one layer computed anew, over the textbook"),
    "logits": Prior(12.0, 0.2, "byte", "per logit, standard loss: three copies of 32 bits"),
    "logits_fused": Prior(8.0, 0.2, "byte", "per logit, fused loss: two copies of 32 bits"),
    "logits_chunked": Prior(2.0, 0.5, "byte", "per logit, chunked loss"),
    "logits_quantised": Prior(0.9, 0.2, "1", "per logit on 4-bit weights over 16-bit ones, hf"),
    "logits_shard": Prior(1.0, 0.15, "1", "per logit under ZeRO 3 over without, hf"),
    "base_allocated": Prior(0.4, 0.7, "GB", "what is always there, allocated"),
    "base_reserved": Prior(0.6, 0.5, "GB", "the same, reserved"),
    "base_device": Prior(1.2, 0.4, "GB", "the same, whole device: its context on top"),
    "base_shard": Prior(2.0, 0.5, "GB", "the same, added by ZeRO 3: buffers of exchanges"),
    "reserved": Prior(1.07, 0.03, "1", "reserved over allocated"),
    "cached_update": Prior(0.7, 0.5, "1", "kept of the smaller of update and backward pass"),
    "logits_reserved": Prior(
        14.0, 0.2, "byte", "per logit, reserved: three copies and that of 16 bits"
    ),
    "head": Prior(12.0, 0.4, "byte", "per token and width of the model beside the logits"),
    "cached_ragged": Prior(1.0, 0.6, "1", "the same of activations where lengths vary"),
    "cached_shard": Prior(0.1, 0.6, "1", "the same of activations between streams of ZeRO 3"),
    "cached_gathered": Prior(1.0, 0.6, "1", "the same of gathered layers"),
    "nf4": Prior(0.57, 0.03, "byte", "per parameter of the blocks, nf4"),
    "gptq": Prior(0.56, 0.03, "byte", "per parameter of the blocks, GPTQ"),
    "torchao": Prior(0.57, 0.1, "byte", "per parameter of the blocks, torchao"),
    "embedding": Prior(3.0, 0.25, "byte", "per parameter of embeddings beside 4-bit weights"),
    "mixed_single": Prior(22.0, 0.1, "byte", "per parameter, mixed precision on one GPU, hf"),
    "mixed_fused": Prior(10.0, 0.1, "byte", "the same, hf-fused"),
    "mixed": Prior(16.0, 0.06, "byte", "per parameter, mixed precision, spread"),
    "mixed_update": Prior(4.0, 0.2, "byte", "the same, during the update"),
    "pure": Prior(8.0, 0.06, "byte", "per parameter, 16 bits throughout"),
    "pure_update": Prior(2.0, 0.2, "byte", "the same, during the update"),
    "single": Prior(16.0, 0.05, "byte", "per parameter, 32 bits throughout"),
    "in_backward": Prior(5.0, 0.3, "byte", "per parameter, 8-bit optimizer in the backward pass"),
    "gathered": Prior(1.0, 0.5, "1", "layers gathered by ZeRO 3, over two"),
    "adapter": Prior(14.0, 0.2, "byte", "per adapter parameter"),
    "experts": Prior(1.0, 0.4, "1", "activations of experts over those of a dense layer"),
    "longest": Prior(3.5, 0.4, "1", "longest batch over the mean where lengths vary"),
    "unpacked": Prior(1.0, 0.5, "1", "matrices unpacked from 4 bits at a time, over one"),
    "stages": Prior(0.7, 0.4, "1", "share of a batch that a pipeline of fsdp2 works on"),
    "safety": Prior(1.02, 0.0, "1", "head-room of everything"),
    "safety_hf": Prior(1.25, 0.0, "1", "that of activations and logits, hf without ZeRO 3"),
    "safety_fused": Prior(1.05, 0.0, "1", "the same, hf-fused"),
    "safety_compile": Prior(1.3, 0.0, "1", "the same, fsdp2-compile and megatron"),
}


@dataclass(frozen=True)
class Memory:
    """Memory of one GPU of each run, by what fills it. [GB]"""

    weights: Array
    states: Array
    activations: Array
    logits: Array
    gathered: Array
    peak: Array


def adapter_params(runs: Runs) -> Array:
    """Return the parameters of the adapters: rank x (inputs + outputs) of each target.

    Args:
        runs: Settings.

    Returns:
        Parameters. [1]
    """
    query = runs.query + runs.hidden
    key = runs.key + runs.hidden
    both = np.where(runs.targets == "qv", 1.0, 2.0) * (query + key)
    dense = (runs.layers - runs.moe_layers) * runs.ffn + runs.moe_layers * (
        runs.expert_ffn * runs.experts
    )
    ffn = runs.matrices * (runs.hidden * (runs.layers + runs.moe_layers * (runs.experts - 1)))
    ffn = ffn + runs.matrices * dense
    linear = np.where(np.isin(runs.targets, ("all-linear", WITH_EMBEDDINGS)), ffn, 0.0)
    embeddings = np.where(runs.targets == WITH_EMBEDDINGS, runs.embedding * runs.embeddings, 0.0)
    return np.asarray(runs.rank * (runs.layers * both + linear) + embeddings, float)


def _layer_bytes(runs: Runs) -> Array:
    """Return what one layer keeps per token without checkpointing. [byte]"""
    matrices = np.where(runs.matrices > 2, 4.0, 3.0)  # noqa: PLR2004
    attention = 2.0 * (4.0 * runs.hidden + 2.0 * runs.query + 2.0 * runs.key)
    ffn = 2.0 * (2.0 * runs.hidden + matrices * runs.ffn)
    norms = np.where(runs.hugging_face, 8.0 * runs.hidden, 0.0)
    return attention + ffn + norms


def memory(runs: Runs, c: Mapping[str, float]) -> Memory:
    """Predict the peak memory of one GPU.

    The peak is that of the backward pass (weights, optimizer, activations, and gradients where
    micro-batches are accumulated) or that of the update (weights, optimizer, gradients and
    temporaries), whichever is larger.

    Args:
        runs: Settings.
        c: Coefficients.
    """
    naive = runs.layout == "naive-pipeline"
    parts = runs.tp * runs.pp * np.where(naive, runs.gpus, 1.0)
    group = np.where(naive, 1.0, np.maximum(runs.dp * runs.cp, 1.0))
    by1, by2, by3 = (np.where(runs.zero >= stage, group, 1.0) for stage in (1, 2, 3))
    quantised = runs.quantisation != ""
    fixed = np.select(
        [runs.quantisation == "gptq", runs.quantisation == "torchao"],
        [c["gptq"], c["torchao"]],
        c["nf4"],
    )
    blocks = runs.always + runs.expert
    embeddings = runs.embedding * runs.embeddings
    frozen = np.where(quantised, blocks * fixed + embeddings * c["embedding"], 2.0 * runs.params)
    weight, gradient, state, update = _state_bytes(runs, c, group, by1, by2, by3)
    params_off = runs.offload == "params"
    states_off = params_off | (runs.offload == "optimizer")
    kept = np.where(params_off, 0.05, 1.0)
    own = runs.params / parts
    weights = np.where(runs.full, own * weight, frozen / parts / by3) * kept
    gradients = np.where(runs.full, own * gradient, 0.0) * kept
    adapters = adapter_params(runs) / parts * c["adapter"] / by3
    states = np.where(runs.full, own * np.where(states_off, 0.0, state), adapters)
    temporary = np.where(runs.full & ~states_off, own * update, 0.0)

    # what is counted in bytes is sure; what comes and goes in a step is not, and gets head-room
    room = _head_room(runs, c)
    active, logits, extra = (part * room for part in _active_bytes(runs, c, by3))
    layer_params = blocks / runs.layers
    per_layer = np.where(quantised, fixed, 2.0) + np.where(runs.full, 2.0, 0.0)
    gathered = 2.0 * per_layer * layer_params * c["gathered"] / runs.tp
    gathered = np.where((by3 > 1) | params_off, gathered, 0.0)
    unpacked = np.where(quantised, 4.0 * runs.hidden * runs.ffn * c["unpacked"], 0.0)
    accumulated = np.where(runs.accumulation > 1, gradients, 0.0)
    backward = weights + states + accumulated + active + gathered + unpacked
    allocated = np.maximum(backward, weights + states + gradients + temporary) / GIGA
    # blocks of one phase seldom fit another, or later lengths: the allocator keeps both
    extra = extra + c["cached_update"] * np.minimum(temporary + gradients - accumulated, active)
    extra = extra + np.where(_unequal(runs), c["cached_ragged"] * active, 0.0)
    between = c["cached_gathered"] * gathered + c["cached_shard"] * active
    extra = extra + np.where(by3 > 1, between, 0.0)
    held = _held_gb(runs, c, by3 > 1, allocated, extra / GIGA)
    return Memory(
        weights=np.asarray(weights / GIGA, float),
        states=np.asarray((states + gradients) / GIGA, float),
        activations=np.asarray(active / GIGA, float),
        logits=np.asarray(logits / GIGA, float),
        gathered=np.asarray((gathered + unpacked) / GIGA, float),
        peak=np.asarray(held, float),
    )


def _held_gb(
    runs: Runs, c: Mapping[str, float], sharded: Flags, allocated: Array, cached: Array
) -> Array:
    """Return what is counted: allocated, reserved with the cache, or all of the device. [GB]"""
    counted, on_device = runs.basis != "allocated", runs.basis == "device"
    base = np.where(on_device, c["base_device"], c["base_reserved"])
    base = base + np.where(on_device & sharded, c["base_shard"], 0.0)
    base = np.where(counted, base, c["base_allocated"])
    held = (allocated * np.where(counted, c["reserved"], 1.0) + base) * c["safety"]
    # a GPU that is full has its cache emptied
    full = np.maximum(held, FILLED * runs.memory)
    return np.where(counted, np.minimum(held + cached, full), held)


def _mean_only(runs: Runs) -> Flags:
    """Return whether the longest sequence is not known apart from the mean."""
    return np.asarray(np.abs(runs.peak_sequence / runs.sequence - 1.0) < ALIKE, bool)


def _ragged(runs: Runs) -> Flags:
    """Return whether sequences are of unequal lengths, and only their mean is known."""
    lengths = runs.peak_sequence / PACKED
    off = np.abs(lengths - np.round(lengths)) * PACKED > RAGGED * runs.sequence
    return np.asarray(_mean_only(runs) & off, bool)


def _unequal(runs: Runs) -> Flags:
    """Return whether sequences are of unequal lengths."""
    return _ragged(runs) | ~_mean_only(runs)


def _active_bytes(runs: Runs, c: Mapping[str, float], by3: Array) -> tuple[Array, Array, Array]:
    """Return activations of the backward pass, logits of them, and what more is reserved. [byte]"""
    naive = runs.layout == "naive-pipeline"
    hf, megatron = runs.hugging_face, runs.stack == "megatron"
    longest = runs.peak_sequence * np.where(_ragged(runs), c["longest"], 1.0)
    tokens = runs.micro_batch * longest / runs.cp
    staged = np.where((runs.stack == "fsdp2-compile") & (runs.pp > 1), c["stages"], 1.0)
    split = np.where(hf, 1.0, runs.tp)
    held = np.where(megatron, runs.pp, 1.0)
    depth = runs.layers / np.where(naive, runs.gpus, runs.pp)
    layer = _layer_bytes(runs) / split * tokens
    boundary = 2.0 * runs.hidden / split * depth * tokens * held * c["boundary"]
    boundary = boundary * np.where(runs.offload == "activations", 0.1, 1.0)
    in_single = np.where(hf & ~runs.full & (by3 > 1), boundary * c["boundary_shard"], 0.0)
    again = layer * c["layer"] * np.where(runs.moe, c["experts"], 1.0) * staged + in_single
    stored = np.select(
        [~hf, runs.full], [c["stored_compile"], c["stored_full"]], c["stored_adapter"]
    )
    unpacked = (runs.quantisation != "") & hf
    stored = stored * np.where(unpacked, c["stored_quantised"], 1.0)
    stored = stored * np.where(runs.checkpointing == "selective", c["stored_selective"], 1.0)
    per_logit = np.select(
        [runs.loss_kernel == "standard", runs.loss_kernel == "fused"],
        [c["logits"], c["logits_fused"]],
        c["logits_chunked"],
    )
    per_logit = per_logit * np.where(hf & (by3 > 1), c["logits_shard"], 1.0)
    per_logit = per_logit * np.where(hf & (runs.quantisation != ""), c["logits_quantised"], 1.0)
    logits = runs.vocab * tokens * per_logit / split * staged
    # an older copy of the logits gives its block to nothing else
    copied = runs.vocab * tokens * c["logits_reserved"] / split * staged
    copied = np.where(hf & (runs.loss_kernel != "chunked"), np.maximum(logits, copied), logits)
    head = runs.hidden * tokens * c["head"] / split * staged

    def peak(loss: Array) -> Array:
        larger = (again**SMOOTH + (loss + head) ** SMOOTH) ** (1.0 / SMOOTH)
        whole = stored * layer * depth * held + loss
        return np.where(runs.checkpointing == "full", boundary + larger, whole)

    active = peak(logits)
    return active, np.asarray(logits, float), peak(copied) - active


def _state_bytes(
    runs: Runs, c: Mapping[str, float], group: Array, by1: Array, by2: Array, by3: Array
) -> tuple[Array, Array, Array, Array]:
    """Return weights, gradients, optimizer and temporaries of full tuning. [byte/parameter]"""
    words = runs.state_precision
    alone = (group <= 1) & (runs.stack != "megatron") & (words == "mixed")
    fused = alone & (runs.stack == "hf-fused")
    cases = [words == "pure16", fused, alone, words == "fp32"]
    mixed, single = c["mixed"], c["single"]
    weight = np.select(cases, [2.0 / by3, 2.0 / by3, 6.0 / by3, single / 4 / by3], mixed / 4 / by3)
    gradient = np.select(
        cases, [2.0 / by2, 2.0 / by2, 4.0 / by2, single / 4 / by2], mixed / 4 / by2
    )
    state = np.select(
        cases,
        [
            (c["pure"] - 4.0) / by1,
            (c["mixed_fused"] - 6.0) / by1,
            (c["mixed_single"] - 10.0) / by1,
            single / 2 / by1,
        ],
        mixed / 2 / by1,
    )
    short = c["pure_update"] / by1
    update = np.select(cases, [short, short, np.zeros_like(by1), short], c["mixed_update"] / by1)
    eight, in_backward = runs.optimizer == "adam8bit", runs.optimizer == "adam8bit-in-backward"
    state = np.where(eight, 2.0 / by1, np.where(in_backward, (c["in_backward"] - 2.0) / by1, state))
    gradient = np.where(in_backward, 0.2, gradient)
    update = np.where(eight | in_backward | (runs.optimizer == "adamw-fused"), 0.0, update)
    return weight, gradient, state, update


def _head_room(runs: Runs, c: Mapping[str, float]) -> Array:
    """Return the head-room of each kind of run: more where left-out rows scatter more. [1]"""
    dense = ~runs.moe
    fused = dense & np.isin(runs.stack, ("hf-fused", "unsloth"))
    plain = dense & (runs.stack == "hf")
    cases = [fused, plain & ~runs.sharded, dense & ~fused & ~plain]
    return np.select(cases, [c["safety_fused"], c["safety_hf"], c["safety_compile"]], 1.0)


def peak_gb(runs: Runs, c: Mapping[str, float]) -> Array:
    """Predict the peak memory of one GPU.

    Args:
        runs: Settings.
        c: Coefficients.

    Returns:
        Memory, 10^9 byte. [GB]
    """
    return memory(runs, c).peak
