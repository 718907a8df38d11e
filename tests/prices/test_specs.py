"""Open models, GPUs and tools are found by all their names; their tables are read strictly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.prices.book import shipped_dir
from costmodel.prices.rows import problems
from costmodel.prices.specs import Specs, shipped_specs, spelling
from costmodel.prices.tables import TABLES

SPECS = shipped_specs()
ON_DEMAND = [name for name, table in TABLES.items() if table.on_demand]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("unsloth/Meta-Llama-3.1-8B-bnb-4bit", "Llama-3.1-8B"),
        ("llama3.1:8b", "Llama-3.1-8B"),
        ("LLAMA2-70B", "Llama-2-70B"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "Mistral-7B"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3-30B-A3B"),
        ("google/gemma-2-9b-it", "Gemma-2-9B"),
        ("gemma2-9b", "Gemma-2-9B"),
    ],
)
def test_a_model_is_found_by_its_spellings(name: str, model: str) -> None:
    assert SPECS.model(name)["model"] == model


@pytest.mark.parametrize("table", ["training_benchmarks", "memory_benchmarks", "rl_benchmarks"])
def test_every_model_of_the_measurements_has_a_shape(table: str) -> None:
    for row in SPECS.rows(table):
        assert SPECS.model(row["model"])["layers"] > 0
        if row["gpu"] and row["gpu"] != "L20":
            assert SPECS.gpu(row["gpu"])["memory_gb"] > 0


def test_llama_3_1_8b_has_8_03_billion_parameters() -> None:
    row = SPECS.model("llama-3.1-8b")
    assert row["params_total"] == pytest.approx(8.03e9, rel=1e-3)
    # 32 layers of 4 attention and 3 feed-forward matrices, and the output layer
    attention = 4096 * (2 * 4096 + 2 * 8 * 128)
    assert row["dense_params"] == 32 * (attention + 3 * 4096 * 14336) + 128256 * 4096


@pytest.mark.parametrize("row", SPECS.rows("open_models"), ids=lambda row: str(row["model"]))
def test_the_parameters_of_a_model_add_up(row: dict[str, Any]) -> None:
    experts = row["n_moe_layers"] * row["n_experts"] * row["expert_params"]
    inputs = 0.0 if row["tied"] == "yes" else row["vocab"] * row["hidden"]
    assert row["params_total"] == pytest.approx(row["dense_params"] + experts + inputs, rel=0.06)
    assert row["params_active"] <= row["params_total"] * 1.001


def test_the_h100_of_torchtitan_has_96_gb_at_2_4_tb_per_second() -> None:
    row = SPECS.gpu("H100-96GB-500W")
    assert (row["memory_gb"], row["memory_bandwidth_tbs"]) == (96.0, 2.4)


def test_uncited_columns_are_columns() -> None:
    for row in SPECS.rows("gpus"):
        for column in filter(None, row["uncited"].split("|")):
            assert column in TABLES["gpus"].numbers


@pytest.mark.parametrize(
    ("tool", "stack"),
    [
        ("Unsloth", "unsloth"),
        ("llama-factory", "hf"),
        ("hf", "hf"),
        ("NeMo", "megatron"),
        ("torchtune", "fsdp2-compile"),
    ],
)
def test_a_tool_stands_on_a_stack(tool: str, stack: str) -> None:
    assert SPECS.tool(tool)["stack"] == stack


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("model", "Llama-3.1-9B", "did you mean 'Llama-3.1-8B'"),
        ("gpu", "H1000", "did you mean"),
        ("tool", "unslooth", "did you mean 'Unsloth'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(kind: str, name: str, said: str) -> None:
    find = {"model": SPECS.model, "gpu": SPECS.gpu, "tool": SPECS.tool}[kind]
    with pytest.raises(cm.PriceError, match="unknown") as caught:
        find(name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_own_rows_are_laid_over_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "open_models.csv").write_text(
        "model,aliases,params_total,params_active,layers,hidden,heads,vocab,source,verified_on\n"
        "Ours-1B,ours,1e9,9e8,16,2048,16,32000,https://example.com/ours,2026-11-01\n"
    )
    specs = Specs((shipped_dir(), tmp_path))
    assert specs.model("ours-instruct")["params_total"] == 1e9
    assert specs.model("Llama-3.1-8B")["layers"] == 32


@pytest.mark.parametrize("table", ON_DEMAND)
def test_a_table_read_on_demand_is_checked_with_the_others(table: str, tmp_path: Path) -> None:
    path = tmp_path / TABLES[table].path
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(shipped_dir() / TABLES[table].path, path)
    assert problems(tmp_path) == []
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0] + ",colour", *(f"{line},red" for line in lines[1:])]))
    (problem,) = problems(tmp_path)
    assert "unknown column 'colour'" in problem


def test_spellings_meet() -> None:
    assert spelling("A100_SXM 80GB") == spelling("a100-sxm-80gb")
