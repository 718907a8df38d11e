"""A plan fits, is the best of those that do, and says what it rests on."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.plans.training import Job, TrainingPlan, plan_on
from costmodel.plans.training_measured import nearest_measured
from costmodel.prices.specs import shipped_specs

SPECS = shipped_specs()


def plan(model: str = "Llama-3.1-8B", gpu: str = "H100-SXM", **wishes: Any) -> TrainingPlan:
    return cm.plan_training(model, gpu, **({"tokens": 20e6} | wishes))


def test_qlora_of_8b_fits_a_consumer_gpu_and_full_tuning_does_not() -> None:
    assert plan(gpu="RTX-4090", method="qlora", gpus=1).fits
    found = plan(gpu="RTX-4090", method="full", gpus=1)
    assert not found.fits
    assert found.short_gb > 50
    assert found.gpus_needed > 4


def test_qlora_of_70b_fits_an_a100_with_80_gb() -> None:
    """Published: 61 to 76 GB for Qwen-72B with 4 bits on one A100."""
    found = plan("Llama-3.1-70B", "A100-80GB", method="qlora", gpus=1, sequence_length=1024)
    assert 40 < found.memory_gb < 84


def test_hours_are_those_of_training_and_what_surrounds_it() -> None:
    bare = plan(gpus=1, startup_hours=0, failed_share=0)
    assert bare.hours == pytest.approx(20e6 / bare.tokens_per_second / 3600)
    more = plan(gpus=1, startup_hours=0.5, evaluation_hours=0.25, failed_share=0.1)
    assert more.hours == pytest.approx((bare.hours + 0.75) * 1.1)
    assert more.gpu_hours == more.hours * more.gpus


def test_low_and_high_lie_around_the_prediction() -> None:
    for stack, method in (("hf", "lora"), ("unsloth", "qlora"), ("nemo", "lora"), ("hf", "full")):
        found = plan(stack=stack, method=method)
        assert found.tokens_per_second_low < found.tokens_per_second < found.tokens_per_second_high
        assert found.hours_low < found.hours < found.hours_high
        assert found.memory_gb_low < found.memory_gb <= found.memory_gb_high * 1.01


@pytest.mark.parametrize("tool", [row["tool"] for row in SPECS.rows("stacks")])
def test_every_tool_has_a_plan_for_what_it_trains(tool: str) -> None:
    row = SPECS.tool(tool)
    for method in ("full", "lora", "qlora"):
        if row[method] == "yes":
            found = plan(stack=tool, method=method, gpus=8)
            assert found.fits
            assert (found.tool, found.stack) == (tool, row["stack"])


def test_what_was_not_measured_is_said_and_widens_the_band() -> None:
    sure, unsure = plan(stack="hf", method="lora"), plan(stack="unsloth", method="lora")
    assert sure.low_confidence == ""
    assert "Unsloth" in unsure.low_confidence
    wide = unsure.tokens_per_second_high / unsure.tokens_per_second_low
    assert wide > sure.tokens_per_second_high / sure.tokens_per_second_low
    assert "cdna3" in plan(gpu="MI300X").low_confidence
    assert "GRPO" in plan(objective="grpo").low_confidence


def test_the_fastest_plan_is_no_slower_than_the_cheapest_and_the_fewest_takes_no_more_gpus() -> (
    None
):
    cheapest, fastest, fewest = (
        plan(method="full", aim=a) for a in ("cheapest", "fastest", "fewest")
    )
    assert fastest.hours <= cheapest.hours
    assert cheapest.gpu_hours <= fastest.gpu_hours * 1.001
    assert fewest.gpus <= min(cheapest.gpus, fastest.gpus)


def test_as_many_gpus_as_it_takes() -> None:
    found = plan("Llama-3.1-70B", "H100-SXM", method="full")
    assert found.fits
    # 16 bytes for each of 70.6e9 parameters are 14 GPUs' worth of 80 GB: two nodes at least
    assert found.gpus >= 16


def test_a_pair_of_dpo_takes_more_memory_and_time_than_one_example() -> None:
    plain, dpo = (plan(method="lora", objective=o, gpus=1) for o in ("sft", "dpo"))
    assert dpo.hours > 1.3 * plain.hours


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"model": "Llama-9-8B"}, "unknown model 'Llama-9-8B'"),
        ({"gpu": "H1000"}, "unknown GPU 'H1000'; did you mean"),
        ({"stack": "axolottl"}, "unknown stack 'axolottl'; did you mean 'Axolotl'"),
        ({"method": "qlorra"}, "unknown method 'qlorra'; did you mean 'qlora'"),
        ({"objective": "stf"}, "unknown objective 'stf'; did you mean 'sft'"),
        ({"aim": "nicest"}, "unknown aim 'nicest'"),
        ({"tokens": 0}, "tokens must be above 0, got 0"),
        ({"tokens": -1}, "tokens must be above 0, got -1"),
        ({"tokens": float("nan")}, "tokens must be above 0, got nan"),
        ({"sequence_length": 0}, "sequence_length must be above 0, got 0"),
        ({"gpus": 0}, "gpus must be a whole number above 0, got 0"),
        ({"gpus": -8}, "gpus must be a whole number above 0, got -8"),
        ({"gpus": 12}, "12 H100-SXM are no whole nodes: take 1 to 8 or a multiple of 8"),
        ({"gpu": "A100", "precision": "fp8"}, "A100-SXM-80GB (ampere) computes no fp8; take bf16"),
        ({"precision": "fp4"}, "H100-SXM (hopper) computes no fp4; take bf16 or fp8"),
        ({"tensor_parallel": 2}, "has no tensor parallelism for qlora"),
        ({"stack": "nemo"}, "NeMo does not train with qlora; these do: "),
        ({"stack": "torchtitan", "method": "lora"}, "torchtitan does not train with lora"),
        ({"failed_share": -0.1}, "failed_share must be >= 0, got -0.1"),
        ({"gpu": "TPU-v5p"}, "none of the tools of stacks.csv was seen to train on TPU-v5p"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(cm.PriceError) as caught:
        plan(**wishes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_machines_are_planned_as_each_alone() -> None:
    job = Job(20e6, method="lora")
    machines = [("H100-SXM", 8), ("L40S", None), ("RTX-4090", 1)]
    together = plan_on("Llama-3.1-8B", machines, job, specs=SPECS)
    for (gpu, count), found in zip(machines, together, strict=True):
        assert found == plan(gpu=gpu, gpus=count, method="lora")


def test_a_search_takes_a_twentieth_of_a_second() -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        plan("Qwen2.5-32B", "A100-80GB", method="lora")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def test_the_nearest_measurements_are_published_runs() -> None:
    found = plan("Llama-3.1-70B", "H100-SXM", method="lora", stack="nemo", sequence_length=4096)
    job = Job(20e6, method="lora", stack="nemo", sequence_length=4096)
    near = nearest_measured(found, job, SPECS)
    assert len(near) == 3
    assert near[0].model in ("llama3-70b", "llama2-70b")
    assert near[0].method == "lora"
    assert all(run.source.startswith("https://") for run in near)
    assert [run.distance for run in near] == sorted(run.distance for run in near)


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(SPECS.models),
    gpu=st.sampled_from(["T4", "L40S", "A100-SXM-80GB", "H200-SXM", "GB300", "MI300X"]),
    method=st.sampled_from(["full", "lora", "qlora"]),
    stack=st.sampled_from(["hf", "unsloth", "torchtune", "NeMo AutoModel"]),
    objective=st.sampled_from(["sft", "dpo", "ppo", "grpo"]),
    sequence_length=st.integers(16, 100_000),
)
def test_a_plan_that_fits_fits(model: str, gpu: str, **wishes: Any) -> None:
    found = plan(model, gpu, **wishes)
    assert found.hours > 0
    assert found.fits == (found.memory_gb * 1.08 <= found.capacity_gb)
    assert found.fits or found.short_gb > 0
