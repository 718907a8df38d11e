"""What the coefficients of serving speed are before anything is measured."""

from __future__ import annotations

from costmodel.quantities.training_runs import Prior

_ROOFLINE = "share of the data sheet that kernels reach"
_OVERHEAD = "host and kernel launches"


def _hardware() -> dict[str, Prior]:
    """Return what generations of GPUs reach of their data sheets."""
    found: dict[str, Prior] = {}
    bandwidth = {"ampere": 0.83, "ampere-g": 0.75, "ada": 0.8, "hopper": 0.9, "blackwell": 0.65}
    bandwidth |= {"blackwell-g": 0.85, "cdna3": 0.6, "other": 0.75}
    for name, value in bandwidth.items():
        found[f"bandwidth_{name}"] = Prior(value, 0.15, "1", _ROOFLINE)
    compute = {
        "ampere": {"bf16": 0.67},
        "ampere-g": {"bf16": 0.51},
        "ada": {"bf16": 0.5, "fp8": 0.55},
        "hopper": {"bf16": 0.58, "fp8": 0.62},
        "blackwell": {"bf16": 0.65, "fp8": 0.6, "fp4": 0.44},
        "blackwell-g": {"bf16": 0.6, "fp8": 0.55, "fp4": 0.5},
        "cdna3": {"bf16": 0.4, "fp8": 0.35},
        "other": {"bf16": 0.5, "fp8": 0.5, "fp4": 0.4},
    }
    for name, kinds in compute.items():
        for kind, value in kinds.items():
            spread = 0.15 if (name, kind) == ("cdna3", "bf16") else 0.3
            found[f"compute_{name}_{kind}"] = Prior(value, spread, "1", _ROOFLINE)
    return found


def _common() -> dict[str, Prior]:
    """Return what holds for all generations and engines."""
    found: dict[str, Prior] = {}

    def add(unit: str, note: str, spread: float, **values: float) -> None:
        for name, value in values.items():
            found[name] = Prior(value, spread, unit, note)

    add(
        "1",
        "of the measured maximum of a matrix product, where nothing was served",
        0.0,
        reached_share=0.75,
    )
    add("1", _ROOFLINE, 0.2, dequant=0.8, decode_compute=0.8, moe_bandwidth=1.0, kv_bandwidth=0.9)
    add("1", _ROOFLINE, 0.3, moe_compute=0.8, attention_prefill=0.7, attention_decode=0.5)
    add("1", "four-bit weights beside 16-bit ones", 0.15, four_bit_read=0.85)
    add(
        "1",
        "four-bit experts computed in more bits",
        0.3,
        four_bit_other=0.75,
        four_bit_ampere=0.75,
        four_bit_hopper=0.75,
        four_bit_blackwell=0.75,
    )
    add("byte", "attention of four-bit mixtures of experts", 0.3, nvfp4_dense_byte=0.9)
    add("1", "width of an expert at which half its speed is reached", 0.7, expert_width=300.0)
    add("1", "power of the batch: requests that need different experts", 0.5, different_tokens=0.5)
    add("1", "slow attention kernel of early vLLM on AMD", 0.4, kv_paged=0.8)
    add("1", "power of the queries per cache head", 0.6, kv_group=0.1)
    add("1", "busiest GPU over mean, experts spread whole", 0.4, imbalance=2.0)
    add("1", "1 = one after the other, infinite = full overlap", 0.2, overlap_norm=1.5)
    add("1", "share of the answer that the cache holds on average", 0.1, occupancy=0.88)
    add("1", _ROOFLINE, 0.3, link=0.6, link_pcie=0.5)
    add("us", "one all-reduce, per doubling of GPUs", 0.5, hop=10.0, hop_pcie=27.0)
    add("us", "one exchange of tokens between experts", 0.6, exchange=80.0)
    add("us", _OVERHEAD, 0.5, layer=21.0)
    add("us", _OVERHEAD, 0.6, moe_layer=20.0)
    add("us", _OVERHEAD, 0.7, moe_choice=2.0)
    add("us", _OVERHEAD, 1.0, linear_layer=20.0)
    add("1", "steps of overhead per chunk of a prompt", 0.5, prefill_steps=1.0)
    add(
        "1",
        "kernels of DeepSeek sparse attention, 1.4 to 2.6 times over in the trial",
        0.2,
        sparse_attention=1.6,
    )
    add("1", "share of idle compute that reads prompts", 0.5, hide=0.3)
    add("1", "start and end of a finite burst", 0.5, burst=0.5)
    add("us", "network and tokenizer", 0.5, first_floor=50000.0)
    add("1", "steps before the first token", 0.5, first_steps=1.5)
    add("1", "power of the batch in the time to the first token", 0.3, first_queue=0.5)
    return found


def _software() -> dict[str, Prior]:
    """Return what engines add, alone and on a generation."""
    found: dict[str, Prior] = {}
    for name in ("ampere", "ampere-g", "ada", "blackwell", "blackwell-g", "cdna3"):
        value = 0.6 if name == "blackwell" else 1.0
        found[f"launch_{name}"] = Prior(value, 0.3, "1", "overhead over that of Hopper")
    steps = {
        "trt": (800.0, 9.0),
        "trt-2024": (800.0, 15.0),
        "vllm": (700.0, 21.0),
        "vllm-2024": (3300.0, 88.0),
        "vllm-2023": (3300.0, 88.0),
        "vllm-rocm": (1000.0, 30.0),
        "sglang": (1700.0, 15.0),
        "sglang-2024": (2000.0, 30.0),
        "lmdeploy": (1200.0, 6.0),
        "other": (1000.0, 20.0),
    }
    for name, (step, request) in steps.items():
        if name not in ("vllm", "other"):
            found[f"launch_{name}"] = Prior(1.0, 0.3, "1", "overhead over that of vLLM")
        found[f"step_{name}"] = Prior(step, 0.7, "us", "scheduler, per step")
        found[f"request_{name}"] = Prior(request, 0.7, "us", "scheduler, per step and request")
    for name in ("trt", "trt-2024", "vllm", "vllm-2024", "sglang", "other"):
        found[f"runtime_{name}"] = Prior(2.0, 0.5, "GB", "memory the engine keeps for itself")
    caps = {"vllm-2024": 256.0, "vllm-2023": 256.0, "vllm": 1024.0, "sglang": 1024.0}
    for name, value in (caps | {"lmdeploy": 256.0}).items():
        found[f"cap_{name}"] = Prior(value, 0.0, "1", "requests in progress by default")
    pairs = {
        "trt": ("ampere", "ada", "hopper", "blackwell", "blackwell-g"),
        "trt-2024": ("ampere", "hopper"),
        "vllm": ("ampere", "hopper", "blackwell"),
        "vllm-2024": ("ampere", "hopper", "cdna3"),
        "vllm-rocm": ("cdna3",),
        "sglang": ("hopper", "blackwell"),
    }
    for engine, generations in pairs.items():
        for generation in generations:
            for what, spread in (("compute", 0.1), ("bandwidth", 0.1)):
                found[f"{what}_{engine}_{generation}"] = Prior(
                    1.0, spread, "1", "engine on this generation, over the generation"
                )
            found[f"launch_{engine}_{generation}"] = Prior(
                1.0, 0.2, "1", "engine on this generation, over the generation"
            )
    found["half_vllm-2024_cdna3"] = Prior(0.4, 1.0, "1", "16-bit matrix products of early vLLM")
    return found


PRIORS = _hardware() | _common() | _software()
