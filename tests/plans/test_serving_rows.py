"""Rows of measurements are read whatever is blank, and refused with a reason where impossible."""

from __future__ import annotations

import time
from typing import Any

import pytest

from costmodel.plans.serving_rows import COLUMNS, workpiece
from costmodel.prices.specs import shipped_specs

SPECS = shipped_specs()
ROWS = SPECS.rows("serving_benchmarks")
GOOD: dict[str, Any] = {"model": "Llama-3.1-8B", "gpu": "H100-SXM", "isl": "100", "osl": "50"}


def reason(**cells: Any) -> str:
    found = workpiece({k: [v] for k, v in (GOOD | cells).items()}, SPECS)
    return found.reasons[0][1] if found.reasons else ""


def test_every_published_measurement_can_be_predicted() -> None:
    found = workpiece({name: [row[name] for row in ROWS] for name in COLUMNS}, SPECS)
    assert not found.reasons
    assert found.rows.size == len(ROWS) > 4_000


def test_blanks_take_the_usual_value() -> None:
    assert reason() == ""
    found = workpiece({k: [v, v] for k, v in GOOD.items()} | {"n_gpus": ["8", ""]}, SPECS)
    assert found.setups.engine.tolist() == ["vllm", "vllm"]
    assert found.setups.weights.tolist() == ["bf16", "bf16"]
    assert found.setups.gpus.tolist() == [8, 1]
    native = workpiece({k: [v] for k, v in (GOOD | {"model": "DeepSeek-R1"}).items()}, SPECS)
    assert native.setups.weights.tolist() == ["fp8"]


def test_gpus_beyond_tensor_and_pipeline_hold_copies() -> None:
    rows = {k: [v] for k, v in (GOOD | {"n_gpus": "8", "tp": "2", "pp": "2"}).items()}
    assert workpiece(rows, SPECS).setups.copies.tolist() == [2]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"model": "Lama-3.1-8B"}, "unknown model 'Lama-3.1-8B'"),
        ({"gpu": "H100-SMX"}, "unknown GPU 'H100-SMX'; did you mean 'H100-SXM'"),
        ({"gpu": ""}, "gpu is blank"),
        ({"isl": ""}, "isl is blank"),
        ({"osl": "-3"}, "osl must be a number > 0, got '-3'"),
        ({"n_gpus": "two"}, "n_gpus must be a number > 0, got 'two'"),
        ({"weights_prec": "best"}, "unknown weights_prec 'best'"),
        ({"mode": "open"}, "unknown mode 'open'"),
    ],
)
def test_a_row_that_makes_no_sense_says_why(cells: dict[str, str], words: str) -> None:
    assert words in reason(**cells)


def test_six_thousand_rows_take_less_than_a_second() -> None:
    rows = [*ROWS, *ROWS[:2000]]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    start = time.perf_counter()
    workpiece(columns, SPECS).speed(SPECS.coefficients("serving"))
    assert time.perf_counter() - start < 1.0
