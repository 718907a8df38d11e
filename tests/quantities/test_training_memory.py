"""Memory of training by hand, and against single published figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from costmodel.prices.tables import TRAINING_WORDS
from costmodel.quantities import training_memory as memory
from costmodel.quantities.training_runs import Runs
from tests.quantities.conftest import SPECS, some_runs

C = SPECS.coefficients("memory")
BARE = C | {name: 1.0 for name in C if name.startswith("safety")}  # no head-room


def runs(**settings: Any) -> Runs:
    return some_runs(**{"model": "Mistral-7B", **settings})


def peak(c: Mapping[str, float] = C, /, **settings: Any) -> float:
    return float(memory.peak_gb(runs(**settings), c)[0])


def test_adapters_of_rank_16_on_four_attention_matrices_of_llama_2_7b() -> None:
    # rank x (inputs + outputs) of 4 matrices of 4096 x 4096 in 32 layers: 16.8 million
    one = runs(model="Llama-2-7B", method="lora", lora_rank=16, lora_targets="qkvo")
    assert float(memory.adapter_params(one)[0]) == 16 * 4 * (4096 + 4096) * 32


def test_trained_embeddings_are_counted_in_full_beside_the_adapters() -> None:
    """Qwen 1.8B has 151,936 words of 2,048 numbers, once for the input and once for the output."""
    both = [
        runs(model="Qwen-1.8B", method="lora", lora_rank=64, lora_targets=words)
        for words in ("all-linear+embeddings", "all-linear")
    ]
    more, less = (float(memory.adapter_params(one)[0]) for one in both)
    assert more - less == 2 * 151936 * 2048


def test_lengths_that_vary_leave_holes_in_what_is_reserved() -> None:
    """Qwen 7B, LoRA on news of up to 2,048 tokens: 29.8 GB reserved; even lengths take less."""
    same: dict[str, Any] = {"model": "Qwen-7B", "method": "lora", "lora_targets": "qkvo"}
    same |= {"lora_rank": 8, "micro_batch": 1, "peak_seq_len": 2048}
    ragged = peak(BARE, seq_len=1682, memory_basis="reserved", **same)
    assert ragged == pytest.approx(29.8, rel=0.1)
    assert peak(BARE, seq_len=2048, memory_basis="reserved", **same) < 0.8 * ragged
    lengths = [peak(seq_len=n, memory_basis="allocated", **same) for n in (1682, 2048)]
    assert lengths[0] == lengths[1]


def test_the_allocator_keeps_copies_of_logits_that_nothing_else_can_use() -> None:
    """Llama 3 8B, QLoRA, 4 x 4,096 tokens: a fused loss leaves 16 GB beside 27 GB allocated."""
    same: dict[str, Any] = {"model": "Llama-3-8B", "method": "qlora", "lora_targets": "qkvo"}
    same |= {"stack": "hf-fused", "micro_batch": 4, "seq_len": 4096}
    found = {
        loss: [
            peak(BARE, loss_kernel=loss, memory_basis=b, **same) for b in ("allocated", "device")
        ]
        for loss in ("fused", "chunked")
    }
    assert found["fused"] == pytest.approx([27.3, 43.2], rel=0.15)
    assert found["chunked"] == pytest.approx([14.4, 16.3], rel=0.15)


def test_full_tuning_in_16_bits_takes_10_bytes_per_parameter() -> None:
    """Mistral 7B took 72.4 GB on one A100, whatever the batch: 2 + 2 + 4 + 2 bytes."""
    for micro_batch in (2, 4, 8):
        found = peak(
            method="full_sft",
            state_precision="pure16",
            micro_batch=micro_batch,
            seq_len=4096,
            grad_accum=1,
            memory_basis="allocated",
        )
        assert found == pytest.approx(72.4, rel=0.05)


def test_zero_3_on_two_gpus_halves_the_states() -> None:
    same = {"method": "full_sft", "state_precision": "mixed", "stack": "hf-fused", "seq_len": 512}
    two = peak(n_gpus=2, dp=2, zero_stage=3, layout="sharded", micro_batch=1, **same)
    four = peak(n_gpus=4, dp=4, zero_stage=3, layout="sharded", micro_batch=1, **same)
    assert two / four == pytest.approx(2.0, rel=0.15)


def test_qlora_keeps_weights_in_half_a_byte() -> None:
    lora = memory.memory(runs(method="lora"), C)
    qlora = memory.memory(runs(method="qlora"), C)
    assert float(lora.weights[0]) == pytest.approx(14.5, rel=0.01)
    assert float(qlora.weights[0]) == pytest.approx(7.0 * 0.57 + 0.27 * 3.1, rel=0.1)


def test_a_chunked_loss_saves_memory_on_large_vocabularies() -> None:
    """Llama 3 8B, LoRA, 8 x 4,096 tokens: 59.0 GB with a fused loss, 33.6 GB with a chunked one."""
    same: dict[str, Any] = {"model": "Llama-3-8B", "method": "lora", "lora_targets": "qkvo"}
    same |= {"stack": "hf-fused"}
    same |= {"micro_batch": 8, "seq_len": 4096, "memory_basis": "allocated"}
    assert peak(BARE, loss_kernel="fused", **same) == pytest.approx(59.0, rel=0.1)
    assert peak(BARE, loss_kernel="chunked", **same) == pytest.approx(33.6, rel=0.1)


def test_head_room_is_added_to_what_comes_and_goes_and_not_to_weights() -> None:
    adapters: dict[str, Any] = {"method": "lora", "micro_batch": 8, "seq_len": 4096}
    for stack, room in (("hf", 1.25), ("hf-fused", 1.05)):
        one = runs(stack=stack, **adapters)
        with_room, bare = memory.memory(one, C), memory.memory(one, BARE)
        assert with_room.weights == bare.weights
        assert with_room.activations == pytest.approx(room * bare.activations)


def test_the_cache_of_the_allocator_does_not_outgrow_the_gpu() -> None:
    same = {"method": "qlora", "micro_batch": 16, "seq_len": 4096, "lora_targets": "qkvo"}
    same |= {"stack": "hf-fused", "loss_kernel": "fused"}
    allocated, device = (peak(memory_basis=basis, **same) for basis in ("allocated", "device"))
    assert allocated < device <= 1.1 * 80
    roomy = peak(gpu="H200-SXM", memory_basis="device", **same)
    assert roomy >= device


def test_checkpointing_saves_memory() -> None:
    same = {"method": "lora", "micro_batch": 4, "seq_len": 2048}
    assert peak(checkpointing="full", **same) < peak(checkpointing="none", **same)


def test_what_is_offloaded_is_not_on_the_gpu() -> None:
    same = {"method": "full_sft", "micro_batch": 1, "seq_len": 512}
    found = [peak(offload=word, **same) for word in ("none", "optimizer", "params")]
    assert found == sorted(found, reverse=True)
    assert found[2] < 0.3 * found[0]


def test_memory_is_counted_as_allocated_reserved_or_of_the_device() -> None:
    same = {"method": "lora", "micro_batch": 4, "seq_len": 2048}
    found = [peak(memory_basis=word, **same) for word in ("allocated", "reserved", "device")]
    assert found == sorted(found)


def test_more_tokens_never_take_less() -> None:
    lengths = np.array([256.0, 1024.0, 4096.0, 16384.0])
    for method in TRAINING_WORDS["method"]:
        found = memory.peak_gb(runs(method=method, seq_len=lengths, micro_batch=1), C)
        assert np.all(np.diff(found) >= 0), method


def test_arrays_give_what_scalars_give() -> None:
    batches = np.array([1.0, 4.0])
    together = memory.peak_gb(runs(method="qlora", micro_batch=batches, seq_len=1024), C)
    alone = [peak(method="qlora", micro_batch=size, seq_len=1024) for size in batches]
    assert together.tolist() == alone
