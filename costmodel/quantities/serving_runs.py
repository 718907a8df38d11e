"""Replicas as arrays: what the prediction of serving speed takes and gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from costmodel.months import Array

Words = npt.NDArray[np.str_]
Flags = npt.NDArray[np.bool_]

MODES = ("closed_loop", "static_batch", "static_max", "offline_max", "burst")
# bytes of a weight, the scales of its block included
WEIGHT_BYTES = {
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "fp8wo": 1.0,
    "int8": 1.0,
    "int4": 0.53,
    "mxfp4": 0.53,
    "nvfp4": 0.5625,
}


@dataclass(frozen=True, eq=False)
class Coded:
    """Words as places in a list of the distinct ones: each is looked up once.

    Attributes:
        known: The distinct words.
        place: Place of each word among them.
    """

    known: tuple[str, ...]
    place: npt.NDArray[np.intp]

    @classmethod
    def of(cls, words: Words) -> Coded:
        """Sort out the distinct words."""
        known, place = np.unique(words, return_inverse=True)
        return cls(tuple(known.tolist()), place.reshape(np.shape(words)))

    def look_up(self, value: Callable[[str], float]) -> Array:
        """Return a number for each word."""
        return np.array([value(word) for word in self.known], float)[self.place]


@dataclass(frozen=True, eq=False)
class Shapes:
    """Architectures of models, one entry per prediction; from `open_models.csv`.

    Attributes:
        layers, hidden: Layers and width.
        heads, kv_heads, head_dim, v_head_dim: Of attention.
        vocab: Size of the vocabulary.
        params_total: All parameters.
        dense_params: Parameters that every token passes, the output matrix included, the embedding
            only where it is the same matrix.
        expert_params: Parameters of one expert.
        experts, top_k, moe_layers: Routed experts in a layer, experts per token, such layers.
        mla_rank, mla_rope: Latent rank and rotary part of latent attention, 0 = none.
        full_layers, window_layers, window: Layers with full and with windowed attention, window.
        kv_full, kv_window: Cache entries per token over all full and all windowed layers.
        linear_layers, linear_state: Layers with a fixed state, and its entries in each.
        sparse: Whether attention reads a selection of the tokens (DeepSeek sparse attention).
        four_bit_experts: Whether the published weights have experts of four bits.
    """

    layers: Array
    hidden: Array
    heads: Array
    kv_heads: Array
    head_dim: Array
    v_head_dim: Array
    vocab: Array
    params_total: Array
    dense_params: Array
    expert_params: Array
    experts: Array
    top_k: Array
    moe_layers: Array
    mla_rank: Array
    mla_rope: Array
    full_layers: Array
    window_layers: Array
    window: Array
    kv_full: Array
    kv_window: Array
    linear_layers: Array
    linear_state: Array
    sparse: Flags
    four_bit_experts: Flags


@dataclass(frozen=True, eq=False)
class Chips:
    """GPUs, one entry per prediction; from `gpus.csv`.

    Attributes:
        generation: ampere, hopper, blackwell, ...
        bf16, fp8, fp4: Dense peak, nan where the GPU has none. [FLOP/s]
        reached: Share of the bf16 peak that a matrix product was measured to reach, or nan. [1]
        memory: Size. [byte]
        bandwidth: Of the memory. [byte/s]
        link, domain: Between GPUs of a domain, per direction; GPUs in it. [byte/s], [1]
        pcie: Between GPUs of different domains. [byte/s]
    """

    generation: Words
    bf16: Array
    fp8: Array
    fp4: Array
    reached: Array
    memory: Array
    bandwidth: Array
    link: Array
    domain: Array
    pcie: Array

    @cached_property
    def generations(self) -> Coded:
        """Generations by place; fits predict the same rows a thousand times."""
        return Coded.of(self.generation)


@dataclass(frozen=True, eq=False)
class Setups:
    """How models are run, one entry per prediction; from `benchmarks/serving.csv`.

    Attributes:
        engine: Family of the software, see `engine_family`.
        weights, cache: Precision of weights and cache; `auto` = what the engine takes.
        gpus: GPUs of the replica. [1]
        stages: Pipeline stages. [1]
        copies: Copies of the attention, each for a part of the requests. [1]
        spread: GPUs over which whole experts are spread. [1]
        input_tokens, output_tokens: Mean of a request. [token]
        mode: How requests come: one of `MODES`.
        concurrency: Requests in progress, nan = as many as fit. [1]
        cached: Share of the prompt found in the prefix cache. [1]
    """

    engine: Words
    weights: Words
    cache: Words
    gpus: Array
    stages: Array
    copies: Array
    spread: Array
    input_tokens: Array
    output_tokens: Array
    mode: Words
    concurrency: Array
    cached: Array

    @cached_property
    def engines(self) -> Coded:
        """Families of the software by place."""
        return Coded.of(self.engine)

    @cached_property
    def precisions(self) -> Coded:
        """Precisions of the weights by place."""
        return Coded.of(self.weights)


@dataclass(frozen=True, eq=False)
class Speed:
    """What a replica does; every field has one entry per prediction.

    Attributes:
        output_tokens_per_second: Of all requests together. [token/s]
        first_token_seconds: Time to the first token. [s]
        token_seconds: Time per further token, as one request sees it. [s]
        batch: Requests in progress. [1]
        batch_limit: Requests that fit into the memory; below 1 the model does not fit. [1]
        prefill_share: Share of the time in which prompts are read. [1]
        weights_bytes: Weights on one GPU. [byte]
        kv_bytes: Cache of one request on one GPU. [byte]
    """

    output_tokens_per_second: Array
    first_token_seconds: Array
    token_seconds: Array
    batch: Array
    batch_limit: Array
    prefill_share: Array
    weights_bytes: Array
    kv_bytes: Array


# words in the name of an engine -> its family, and the releases that belong to an older one
_FAMILIES: tuple[tuple[str, str, tuple[int, int]], ...] = (
    ("vllm", "vllm", (0, 7)),
    ("sglang", "sglang", (0, 4)),
    ("nim", "trt", (0, 0)),
    ("tensorrt", "trt", (0, 10)),
    ("trt", "trt", (0, 10)),
    ("lmdeploy", "lmdeploy", (0, 0)),
    ("turbomind", "lmdeploy", (0, 0)),
)
_OLDEST, _OLD = range(2020, 2024), range(2020, 2025)  # years in place of a release


def engine_family(engine: str, version: str = "") -> str:
    """Return the family of a serving engine: releases that behave alike.

    Args:
        engine: Name, as in benchmarks.
        version: Release, or year; blank = a present one.

    >>> engine_family("vLLM", "0.6.3"), engine_family("vLLM", "0.11.0"), engine_family("vLLM")
    ('vllm-2024', 'vllm', 'vllm')
    """
    name, release = engine.lower(), version.lower()
    found = re.match(r"\D*(\d+)(?:\.(\d+))?", release)
    number = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    for word, family, since in _FAMILIES:
        if word not in name:
            continue
        if family == "vllm" and (number[0] in _OLDEST or "splitwise" in name):
            return "vllm-2023"
        if family == "vllm" and "rocm" in release:
            return "vllm-rocm"
        old = number < since or (number[0] in _OLD and since > (0, 0))
        return f"{family}-2024" if old else family
    return "other"
