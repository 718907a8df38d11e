"""Settings of training runs as arrays: what the predictions of speed and memory take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.months import Array, Numeric

Words = npt.NDArray[np.str_]
Flags = npt.NDArray[np.bool_]

FROZEN_METHODS = ("lora", "qlora", "peft_other")
RL_METHODS = ("ppo", "grpo")
# architectures on which FlashAttention 2 runs as fast as attention gets
FLASH2_NATIVE = ("turing", "volta", "ampere", "ampere-g", "ada")
LARGE_CACHE = ("ada", "blackwell-g")
USUAL_NODE = 8  # GPUs that share fast links where nothing better is known
PACKED = 256  # packed sequences are whole multiples of this
USUAL_MICRO_BATCH_TOKENS = 8192
USUAL_MAMF = 0.80  # share of the peak a matrix product reaches, where it was not measured
GIGA, TERA = 1e9, 1e12


@dataclass(frozen=True)
class Prior:
    """A fitted coefficient: what is known before the fit.

    Attributes:
        value: Physical expectation.
        width: Standard deviation of its logarithm; 0 = stated, not fitted.
        unit: Unit of the value.
        meaning: What it stands for.
    """

    value: float
    width: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Runs:
    """Training runs: the shape of the model, the GPU and every setting, as arrays of one length.

    Attributes:
        params: Parameters, all experts counted. [1]
        always: Parameters of the blocks that every token uses. [1]
        expert: Parameters of all experts of all layers. [1]
        expert_active: Those that one token uses. [1]
        embedding: Parameters of one embedding. [1]
        embeddings: Embeddings kept: 1 if input and output share it, else 2. [1]
        layers: Layers. [1]
        moe_layers: Layers with experts. [1]
        full_layers: Layers whose attention sees all tokens. [1]
        window_layers: Layers whose attention sees a window. [1]
        window: Tokens of the window. [token]
        hidden: Width of the residual stream. [1]
        query: Width of all heads together. [1]
        key: Width of all key-value heads together. [1]
        ffn: Width of the feed-forward part that one token uses, mean over layers. [1]
        expert_ffn: Width of one expert. [1]
        matrices: Matrices of the feed-forward part. [1]
        experts: Experts of a layer, 1 if dense. [1]
        top_k: Experts that one token uses. [1]
        vocab: Rows of the embedding. [1]
        bf16: Peak of bf16 matrix products. [FLOP/s]
        fp8: Peak of fp8 products, that of bf16 if there is none. [FLOP/s]
        fp4: Peak of fp4 products, that of fp8 if there is none. [FLOP/s]
        mamf: Share of the bf16 peak that a product reaches. [1]
        bandwidth: Memory bandwidth. [byte/s]
        link: Bandwidth between GPUs of a domain, per direction. [byte/s]
        domain: GPUs of a domain. [1]
        pcie: Bandwidth to the host. [byte/s]
        memory: Memory of a GPU. [GB]
        gpus: GPUs of the run. [1]
        dp: Data-parallel groups; each has its own tokens. [1]
        tp: Tensor-parallel GPUs. [1]
        pp: Pipeline stages. [1]
        cp: Context-parallel GPUs. [1]
        zero: ZeRO stage, 0 to 3. [1]
        sequence: Mean length of a sequence. [token]
        peak_sequence: Length of the longest sequence. [token]
        micro_batch: Sequences of a group at a time. [1]
        accumulation: Micro-batches of a step. [1]
        rank: Rank of the adapters. [1]
        method, precision, quantisation, checkpointing, attention, stack, loss_kernel, offload,
            state_precision, optimizer, targets, basis, layout, architecture: Words as in
            `pricing/README.md`.
    """

    params: Array
    always: Array
    expert: Array
    expert_active: Array
    embedding: Array
    embeddings: Array
    layers: Array
    moe_layers: Array
    full_layers: Array
    window_layers: Array
    window: Array
    hidden: Array
    query: Array
    key: Array
    ffn: Array
    expert_ffn: Array
    matrices: Array
    experts: Array
    top_k: Array
    vocab: Array
    bf16: Array
    fp8: Array
    fp4: Array
    mamf: Array
    bandwidth: Array
    link: Array
    domain: Array
    pcie: Array
    memory: Array
    gpus: Array
    dp: Array
    tp: Array
    pp: Array
    cp: Array
    zero: Array
    sequence: Array
    peak_sequence: Array
    micro_batch: Array
    accumulation: Array
    rank: Array
    method: Words
    precision: Words
    quantisation: Words
    checkpointing: Words
    attention: Words
    stack: Words
    loss_kernel: Words
    offload: Words
    state_precision: Words
    optimizer: Words
    targets: Words
    basis: Words
    layout: Words
    architecture: Words

    def __len__(self) -> int:
        """Return the number of runs."""
        return int(self.params.size)

    def take(self, rows: npt.ArrayLike) -> Runs:
        """Return some of the runs."""
        chosen = np.asarray(rows)
        return Runs(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    @property
    def full(self) -> Flags:
        """Whether all weights are trained."""
        return np.asarray(
            ~np.isin(self.method, FROZEN_METHODS) & (self.state_precision != "frozen"), bool
        )

    @property
    def hugging_face(self) -> Flags:
        """Whether the run stands on the trainer of Transformers."""
        return np.isin(self.stack, ("hf", "hf-fused", "unsloth"))

    @property
    def moe(self) -> Flags:
        """Whether the model is a mixture of experts."""
        return np.asarray(self.expert > 0, bool)

    @property
    def tokens(self) -> Array:
        """Tokens of a micro-batch. [token]"""
        return self.micro_batch * self.sequence

    @property
    def sharded(self) -> Flags:
        """Whether weights are spread over the data-parallel GPUs."""
        return np.asarray((self.zero >= 3) & (self.dp * self.cp > 1), bool)  # noqa: PLR2004

    @property
    def node(self) -> Array:
        """GPUs that share fast links. [1]"""
        return np.where(self.domain > USUAL_NODE, self.domain, USUAL_NODE)


def _filled(values: Array, default: Numeric) -> Array:
    return np.asarray(np.where(np.isfinite(values), values, default), float)


def _worded(words: Words, default: npt.ArrayLike) -> Words:
    return np.asarray(np.where(words == "", default, words), str)


def shape_of(model: Mapping[str, Array]) -> dict[str, Array]:
    """Return the part of `Runs` that a model decides.

    Args:
        model: Columns of `open_models.csv`, `tied` as 1 or 0.

    Returns:
        The fields from `params` to `vocab`.
    """
    m = {name: np.asarray(values, float) for name, values in model.items()}
    layers = m["layers"]
    zero = np.zeros_like(layers)
    moe_layers = _filled(m.get("n_moe_layers", zero), 0.0)
    experts = _filled(m.get("n_experts", zero), 0.0)
    top_k = _filled(m.get("top_k", zero), 0.0)
    expert = _filled(m.get("expert_params", zero), 0.0) * moe_layers
    embedding = m["hidden"] * m["vocab"]
    head = _filled(m["head_dim"], m["hidden"] / m["heads"])
    width = (head + _filled(m["v_head_dim"], head)) / 2
    always = _filled(m["dense_params"], m["params_active"] - expert * top_k) - embedding
    expert_ffn = _filled(m["moe_ffn"], 0.0)
    dense_ffn = _filled(m["ffn_dim"], 4 * m["hidden"])
    shared = _filled(m["shared_ffn"], 0.0)
    mixed = moe_layers * (top_k * expert_ffn + shared)
    ffn = ((layers - moe_layers) * dense_ffn + mixed) / layers
    full_layers = _filled(m["n_full_layers"], layers)
    window_layers = _filled(m["n_swa_layers"], 0.0)
    linear = _filled(m["n_linear_layers"], 0.0)
    nothing_said = full_layers + window_layers + linear == 0
    return {
        "params": m["params_total"],
        "always": always,
        "expert": expert * experts,
        "expert_active": expert * top_k,
        "embedding": embedding,
        "embeddings": np.where(m["tied"] > 0, 1.0, 2.0),
        "layers": layers,
        "moe_layers": moe_layers,
        "full_layers": np.where(nothing_said, layers, full_layers),
        "window_layers": window_layers,
        "window": _filled(m["swa_window"], 0.0),
        "hidden": m["hidden"],
        "query": m["heads"] * width,
        "key": _filled(m["kv_heads"], m["heads"]) * width,
        "ffn": ffn,
        "expert_ffn": np.where(expert_ffn > 0, expert_ffn, ffn),
        "matrices": _filled(m["mlp_mats"], 3.0),
        "experts": np.maximum(experts, 1.0),
        "top_k": top_k,
        "vocab": m["vocab"],
    }


def machine_of(gpu: Mapping[str, Array]) -> dict[str, Array]:
    """Return the part of `Runs` that a GPU decides.

    Args:
        gpu: Columns of `gpus.csv`.

    Returns:
        The fields from `bf16` to `memory`.
    """
    g = {name: np.asarray(values, float) for name, values in gpu.items()}
    bf16 = g["bf16_dense_tflops"]
    fp8 = _filled(g["fp8_dense_tflops"], bf16)
    pcie = _filled(g["pcie_gbs"], 32.0)
    return {
        "bf16": bf16 * TERA,
        "fp8": fp8 * TERA,
        "fp4": _filled(g["fp4_dense_tflops"], fp8) * TERA,
        "mamf": _filled(g["mamf_bf16_tflops"] / bf16, USUAL_MAMF),
        "bandwidth": g["memory_bandwidth_tbs"] * TERA,
        "link": _filled(g["link_gbs"], pcie) * GIGA,
        "domain": np.maximum(_filled(g["domain_gpus"], 1.0), 1.0),
        "pcie": np.maximum(pcie, 1.0) * GIGA,
        "memory": g["memory_gb"],
    }


def settings_of(numbers: Mapping[str, Array], words: Mapping[str, Words]) -> dict[str, Any]:
    """Return the settings of runs, what is blank filled in with what is usual.

    Args:
        numbers: n_gpus, dp, tp, pp, cp, zero_stage, seq_len, peak_seq_len, micro_batch,
            grad_accum, global_batch, lora_rank; nan where blank.
        words: The columns of words of the training tables; blank where not stated.

    Returns:
        The fields of `Runs` from `gpus` on, without `architecture`.
    """
    n = numbers
    stack = _worded(words["stack"], "hf")
    method = _worded(words["method"], "full_sft")
    quantisation = words["quantisation"]
    quantisation = np.where((quantisation == "") & (method == "qlora"), "nf4", quantisation)
    megatron = stack == "megatron"
    fused = np.isin(stack, ("hf-fused", "unsloth"))
    compiled = stack == "fsdp2-compile"
    frozen = np.isin(method, FROZEN_METHODS)
    layout = words["layout"]
    naive = layout == "naive-pipeline"
    tp, pp, cp = (_filled(n[name], 1.0) for name in ("tp", "pp", "cp"))
    groups = _filled(n["dp"], 1.0) * tp * pp * cp
    gpus = np.maximum(_filled(n["n_gpus"], groups), 1.0)
    dp = _filled(n["dp"], np.maximum(gpus / (tp * pp * cp), 1.0))
    dp = np.where(naive, 1.0, dp)
    usual = np.where(megatron, 1.0, np.where(layout == "sharded", 3.0, 0.0))
    zero = _filled(n["zero_stage"], usual)
    sequence = _filled(n["seq_len"], _filled(n["peak_seq_len"], 2048.0))
    whole = n["global_batch"] / dp
    usual_micro = np.maximum(np.floor(USUAL_MICRO_BATCH_TOKENS / sequence), 1.0)
    usual_micro = np.minimum(usual_micro, np.maximum(_filled(whole, np.inf), 1.0))
    micro_batch = _filled(n["micro_batch"], _filled(whole / n["grad_accum"], usual_micro))
    steps = np.maximum(whole / micro_batch, 1.0)
    accumulation = _filled(n["grad_accum"], _filled(steps, np.where(pp > 1, 4.0 * pp, 1.0)))
    loss = np.where(
        megatron | compiled | (stack == "unsloth"), "chunked", np.where(fused, "fused", "standard")
    )
    return {
        "gpus": gpus,
        "dp": dp,
        "tp": tp,
        "pp": pp,
        "cp": cp,
        "zero": zero,
        "sequence": sequence,
        "peak_sequence": _filled(n["peak_seq_len"], sequence),
        "micro_batch": np.maximum(micro_batch, 1e-3),
        "accumulation": np.maximum(accumulation, 1.0),
        "rank": _filled(n["lora_rank"], 16.0),
        "method": method,
        "precision": _worded(words["compute_precision"], "bf16"),
        "quantisation": quantisation,
        "checkpointing": _worded(words["checkpointing"], np.where(megatron, "none", "full")),
        "attention": _worded(words["attention"], np.where(megatron, "flash3-or-te", "flash2")),
        "stack": stack,
        "loss_kernel": _worded(words["loss_kernel"], loss),
        "offload": _worded(words["offload"], "none"),
        "state_precision": _worded(words["state_precision"], np.where(frozen, "frozen", "mixed")),
        "optimizer": _worded(words["optimizer_kind"], "adamw"),
        "targets": _worded(words["lora_targets"], "all-linear"),
        "basis": _worded(words["memory_basis"], "reserved"),
        "layout": _worded(layout, np.where(zero >= 1, "sharded", "data-parallel")),
    }


def runs_of(
    model: Mapping[str, Array],
    gpu: Mapping[str, Array],
    architecture: Words,
    numbers: Mapping[str, Array],
    words: Mapping[str, Words],
) -> Runs:
    """Return training runs from columns of equal length.

    Args:
        model: Columns of `open_models.csv`.
        gpu: Columns of `gpus.csv`.
        architecture: Generation of the GPU.
        numbers: Numeric settings as `settings_of` takes them.
        words: Settings in words as `settings_of` takes them.
    """
    parts: dict[str, Any] = {**shape_of(model), **machine_of(gpu), **settings_of(numbers, words)}
    return Runs(**parts, architecture=architecture)


def kinds(runs: Runs) -> Words:
    """Return the kind of each run for which a band is known: its stack, or `moe`."""
    return np.asarray(np.where(runs.moe, "moe", runs.stack), str)
