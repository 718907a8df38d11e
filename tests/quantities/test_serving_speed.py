"""Serving speed follows from memory, bandwidth and compute, and behaves as physics demands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.plans.serving_rows import chips_of, shapes_of, workpiece
from costmodel.prices.specs import shipped_specs
from costmodel.quantities.serving_runs import Speed, engine_family
from costmodel.quantities.serving_speed import band, kv_cache_bytes, predict, regimes

SPECS = shipped_specs()
COEFFICIENTS = SPECS.coefficients("serving")
ROW: dict[str, Any] = {
    "model": "Llama-3.1-8B",
    "gpu": "H100-SXM",
    "weights_prec": "fp8",
    "isl": 1500,
    "osl": 300,
    "concurrency": 64,
}


def speed(**changes: Any) -> Speed:
    row = ROW | changes
    return workpiece({k: [v] for k, v in row.items()}, SPECS).speed(COEFFICIENTS)


def throughput(**changes: Any) -> float:
    return float(speed(**changes).output_tokens_per_second[0])


def cache(model: str, context: float, ranks: float) -> float:
    shapes = shapes_of([SPECS.model(model)])
    one = np.ones(1)
    return float(kv_cache_bytes(shapes, context * one, 2.0 * one, ranks * one)[0])


def test_llama_3_1_8b_caches_128_kib_per_token() -> None:
    # 32 layers x 8 heads x (128 + 128) entries x 2 bytes
    assert cache("Llama-3.1-8B", 1, 1) == 32 * 8 * 256 * 2 == 131_072


def test_heads_are_shared_up_to_their_number_and_latent_cache_is_not_shared() -> None:
    assert cache("Llama-3.1-8B", 1000, 4) == cache("Llama-3.1-8B", 1000, 1) / 4
    assert cache("Llama-3.1-8B", 1000, 16) == cache("Llama-3.1-8B", 1000, 8)
    # DeepSeek-V3: 61 layers x (512 + 64) x 2 bytes, on every GPU
    assert cache("DeepSeek-V3", 1, 1) == cache("DeepSeek-V3", 1, 8) == 61 * 576 * 2


def test_a_window_ends_the_growth_of_the_cache() -> None:
    # gpt-oss-20b: half of its 24 layers see 128 tokens only
    full, window = 12 * 8 * 128 * 2, 12 * 8 * 128 * 2
    assert cache("gpt-oss-20b", 1000, 1) == full * 1000 + window * 128


def test_weights_in_fp8_take_a_byte_each_but_for_input_and_output() -> None:
    row = SPECS.model("Llama-3.1-8B")
    head = row["vocab"] * row["hidden"]
    found = float(speed().weights_bytes[0])
    assert found == pytest.approx(row["dense_params"] + 3 * head, rel=1e-5)


def test_one_request_is_bound_by_reading_the_weights() -> None:
    """A token cannot come faster than the weights stream from memory: roofline."""
    found = speed(concurrency=1, isl=100, osl=1000, weights_prec="bf16")
    weights = 7_504_000_000 * 2
    assert float(found.token_seconds[0]) > weights / 3.35e12
    assert float(found.token_seconds[0]) < 2 * weights / 3.35e12


def test_prefill_cannot_beat_the_peak_of_the_gpu() -> None:
    found = speed(isl=8000, osl=1, concurrency=64, weights_prec="bf16")
    requests_per_second = float(found.output_tokens_per_second[0])
    assert requests_per_second * 2 * 7.0e9 * 8000 < 989e12


def test_more_gpus_memory_bandwidth_or_smaller_weights_never_hurt_a_full_replica() -> None:
    base = throughput(model="Llama-3.1-70B", n_gpus=2, concurrency=64)
    assert throughput(model="Llama-3.1-70B", n_gpus=4, concurrency=64) > base
    assert throughput(model="Llama-3.1-70B", n_gpus=2, gpu="H200-SXM", concurrency=64) > base
    assert throughput(model="Llama-3.1-70B", n_gpus=2, gpu="B200-SXM", concurrency=64) > base
    assert throughput(weights_prec="bf16") < throughput(weights_prec="fp8")


@given(st.integers(1, 9), st.integers(16, 8000), st.integers(16, 2000))
def test_longer_prompts_slow_and_more_requests_speed_up(power: int, isl: int, osl: int) -> None:
    few = {"concurrency": 2**power, "isl": isl, "osl": osl}
    base = throughput(**few)
    assert throughput(**(few | {"isl": isl * 2})) <= base * 1.001
    more = speed(**(few | {"concurrency": 2 ** (power + 1)}))
    assert float(more.output_tokens_per_second[0]) >= base * 0.97
    assert float(more.token_seconds[0]) >= float(speed(**few).token_seconds[0]) * 0.99


def test_a_vector_is_its_scalars() -> None:
    models = ["Llama-3.1-8B", "DeepSeek-V3", "gpt-oss-120b", "Qwen3-30B-A3B"]
    gpus = ["H100-SXM", "H200-SXM", "B200-SXM", "L40S"]
    rows = {k: [v] * 4 for k, v in ROW.items()} | {"model": models, "gpu": gpus, "n_gpus": [8] * 4}
    together = workpiece(rows, SPECS).speed(COEFFICIENTS).output_tokens_per_second
    alone = [throughput(model=m, gpu=g, n_gpus=8) for m, g in zip(models, gpus, strict=True)]
    assert together.tolist() == pytest.approx(alone)


def test_what_does_not_fit_has_a_limit_below_one() -> None:
    assert float(speed(model="Llama-3.1-405B", weights_prec="bf16").batch_limit[0]) < 1
    assert float(speed().batch_limit[0]) > 100


def test_old_releases_are_slower_than_present_ones() -> None:
    old = throughput(engine="vLLM", engine_version="0.6.3", weights_prec="bf16")
    assert old < throughput(engine="vLLM", engine_version="0.11.0", weights_prec="bf16")
    assert engine_family("TensorRT-LLM", "1.0") == "trt"
    assert engine_family("TensorRT-LLM", "2024") == "trt-2024"
    assert engine_family("llama.cpp", "b4000") == "other"


def test_every_gpu_and_model_can_be_predicted() -> None:
    gpus = [row["gpu"] for row in SPECS.rows("gpus")]
    models = [row["model"] for row in SPECS.rows("open_models")]
    pairs = [(m, g) for m in models for g in gpus]
    rows = {k: [v] * len(pairs) for k, v in ROW.items() if k != "weights_prec"}
    rows |= {"model": [m for m, _ in pairs], "gpu": [g for _, g in pairs]}
    found = workpiece(rows, SPECS)
    assert not found.reasons
    output = found.speed(COEFFICIENTS).output_tokens_per_second
    assert np.all(np.isfinite(output))
    assert np.all(output > 0)


def test_the_band_is_around_one_and_wider_for_mixtures_of_experts() -> None:
    found = workpiece({k: [v, v] for k, v in (ROW | {"mode": "closed_loop"}).items()}, SPECS)
    low, high = band(found.shapes, found.setups, COEFFICIENTS)
    assert 0.5 < low[0] < 1 < high[0] < 2
    assert regimes(found.shapes, found.setups).tolist() == ["dense", "dense"]


def test_predict_takes_what_the_tables_say() -> None:
    found = workpiece({k: [v] for k, v in ROW.items()}, SPECS)
    chips = chips_of([SPECS.gpu("H100-SXM")])
    again = predict(found.shapes, chips, found.setups, COEFFICIENTS)
    assert float(again.output_tokens_per_second[0]) == throughput()
