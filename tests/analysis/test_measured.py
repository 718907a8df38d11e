"""Measured rows are understood whatever is blank; what cannot be says why."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.analysis.validate import read_cases, validate_memory, validate_training
from costmodel.prices.book import shipped_dir
from costmodel.prices.specs import shipped_specs

SPECS = shipped_specs()
TRAINING = read_cases(shipped_dir() / "benchmarks" / "training.csv")
MEMORY = read_cases(shipped_dir() / "benchmarks" / "training_memory.csv")


def test_every_shipped_run_is_predicted() -> None:
    for check, cases in ((validate_training, TRAINING), (validate_memory, MEMORY)):
        found = check(cases, SPECS).as_dict()
        assert found["n"] == len(cases)
        assert found["skipped"] == []
        assert found["share_within_2x"] > 0.98


def test_800_runs_take_less_than_three_tenths_of_a_second() -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        validate_training(TRAINING, SPECS)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3


def test_predictions_use_only_the_settings() -> None:
    """Names of sources, dates and prose change nothing."""
    shuffled = TRAINING.assign(source_id="x", framework="y", source="z", published="", row_id="1")
    first = validate_training(TRAINING, SPECS).frame["predicted"]
    second = validate_training(shuffled, SPECS).frame["predicted"]
    assert first.tolist() == second.tolist()


def test_the_output_has_all_columns_of_the_input() -> None:
    cases = TRAINING.head(3).assign(mine=["a", "b", "c"])
    frame = validate_training(cases, SPECS).frame
    assert [*cases.columns, "predicted", "ratio"] == list(frame.columns)
    assert frame["mine"].tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("column", [c for c in TRAINING.columns if c not in ("model", "method")])
def test_a_blank_or_missing_column_stops_nothing(column: str) -> None:
    cases = TRAINING.iloc[::40]
    if column == "tok_s_total":
        found = validate_training(cases.assign(tok_s_total=""), SPECS)
        assert found.as_dict()["n"] == 0
        assert found.as_dict()["warnings"][0].startswith(f"{len(cases)} rows have a prediction")
    else:
        for changed in (cases.assign(**{column: ""}), cases.drop(columns=column)):
            found = validate_training(changed, SPECS)
            assert found.as_dict()["n"] == len(cases)
    assert np.isfinite(found.frame["predicted"].to_numpy(float)).all()


def row(**cells: str) -> pd.DataFrame:
    plain = {"model": "llama2-7b", "method": "lora", "tok_s_total": "1000", "peak_mem_gb": "20"}
    return pd.DataFrame([plain | cells], dtype=object)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"model": "llama9-7b"}, "unknown model 'llama9-7b'"),
        ({"gpu": "H1000"}, "unknown GPU 'H1000'; did you mean"),
        ({"method": "lorra"}, "unknown method 'lorra'; did you mean 'lora'"),
        ({"n_gpus": "eight"}, "n_gpus must be a number >= 0, got 'eight'"),
        ({"seq_len": "-1"}, "seq_len must be a number >= 0, got '-1'"),
        ({"tok_s_total": "fast"}, "tok_s_total must be a number >= 0, got 'fast'"),
    ],
)
def test_a_row_that_cannot_be_understood_says_why(cells: dict[str, str], reason: str) -> None:
    cases = pd.concat([row(), row(**cells)], ignore_index=True).astype(object).fillna("")
    found = validate_training(cases, SPECS)
    assert found.as_dict()["n"] == 1
    ((line, said),) = found.skipped
    assert line == 3
    assert reason in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "cells",
    [
        {"stack": "Axolotl"},
        {"stack": "something new"},
        {"attention": "sdpa"},
        {"optimizer_kind": "lion"},
        {"quantisation": "none"},
        {"n_gpus": "0"},
        {"micro_batch": "", "global_batch": "16", "n_gpus": "8"},
        {"tp": "4", "pp": "2", "n_gpus": "8"},
        {"layout": "naive-pipeline", "n_gpus": "2"},
        {"gpu": ""},
        {"model": "meta-llama/Llama-2-7b-chat-hf"},
    ],
)
def test_a_row_that_can_be_understood_is_predicted(cells: dict[str, str]) -> None:
    for check in (validate_training, validate_memory):
        found = check(row(**cells), SPECS)
        assert found.skipped == ()
        assert found.as_dict()["n"] == 1


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(cm.DataError, match=r"other.csv: needs a column tok_s_total"):
        validate_training(read_cases(path), SPECS, path.name)
    with pytest.raises(cm.DataError, match="needs a column method"):
        validate_training(row().drop(columns="method"), SPECS, path.name)


@settings(max_examples=60, deadline=None)
@given(
    cells=st.dictionaries(
        st.sampled_from([c for c in MEMORY.columns if c not in ("model", "method")]),
        st.text(max_size=8) | st.integers(-5, 10**7).map(str),
        max_size=6,
    )
)
def test_no_cell_makes_it_fall_over(cells: dict[str, str]) -> None:
    found = validate_memory(row(**cells), SPECS)
    assert len(found.skipped) + np.isfinite(found.frame["predicted"].to_numpy(float)).sum() == 1
