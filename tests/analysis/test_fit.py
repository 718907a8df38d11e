"""The shipped coefficients are what the shipped rows give; errors are those of left-out rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import costmodel as cm
from costmodel.analysis import fit
from costmodel.analysis.validate import read_cases, validate_training
from costmodel.prices.book import shipped_dir
from costmodel.prices.specs import shipped_specs

SPECS = shipped_specs()
FILES = {"training": "training.csv", "memory": "training_memory.csv"}


def problem(model: str) -> fit.Problem:
    path = shipped_dir() / "benchmarks" / FILES[model]
    return fit.training_problem(model, read_cases(path), SPECS, path.name)


PROBLEMS = {model: problem(model) for model in FILES}
SOLVED = {model: fit.solve(found) for model, found in PROBLEMS.items()}


def median_error(ratio: np.ndarray) -> float:
    return float(np.median(np.abs(ratio - 1.0)))


@pytest.mark.parametrize("model", FILES)
def test_the_shipped_coefficients_come_from_the_shipped_rows(model: str) -> None:
    shipped = SPECS.coefficients(model)
    for name, value in SOLVED[model].items():
        assert shipped[name] == pytest.approx(value, rel=0.02), name


@pytest.mark.parametrize(
    ("model", "error", "within_2x"), [("training", 0.09, 0.97), ("memory", 0.09, 0.99)]
)
def test_a_source_that_was_left_out_is_predicted_well(
    model: str, error: float, within_2x: float
) -> None:
    """The honest test: rows of each source by a fit that never saw the source."""
    one = PROBLEMS[model]
    ratio = fit._left_out(one, one.sources, SOLVED[model])
    assert median_error(ratio) < error
    assert np.mean((ratio > 0.5) & (ratio < 2.0)) > within_2x
    stated = {row["error"] for row in SPECS.rows("coefficients") if row["model"] == model}
    assert f"{median_error(ratio):.1%} left out by source" in stated
    shipped = SPECS.tested(model)["left_out_by_source"]["median"]
    assert shipped == pytest.approx(median_error(ratio), rel=0.02)


@pytest.mark.parametrize(
    ("groups", "error", "too_low"), [("sources", 0.09, 0.20), ("models", 0.085, 0.20)]
)
def test_memory_leans_to_the_safe_side(groups: str, error: float, too_low: float) -> None:
    """Too little memory ends a run: at most one left-out row in five is predicted too low."""
    one = PROBLEMS["memory"]
    ratio = fit._left_out(one, getattr(one, groups), SOLVED["memory"])
    assert np.mean(ratio < 1.0) < too_low
    assert median_error(ratio) < error


def test_head_room_is_added_to_a_fit_that_is_right_in_the_middle() -> None:
    one = PROBLEMS["memory"]
    bare = {name: 1.0 for name in one.priors if name.startswith("safety")}
    ratio = one.predict(one.items, SOLVED["memory"] | bare) / one.measured
    assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
    assert median_error(ratio) < 0.055


@pytest.mark.parametrize("model", [*FILES, "serving"])
def test_the_errors_of_a_fit_are_shipped_beside_it(model: str) -> None:
    found = SPECS.tested(model)
    assert {"fitted", "left_out_by_source", "left_out_by_model"} <= set(found)
    for test, errors in found.items():
        assert 0.0 < errors["median"] < 0.15, test
        assert errors["within_2x"] > 0.96
    assert not any(name in SPECS.coefficients(model) for name in ("fitted:median",))


@pytest.mark.parametrize("model", FILES)
def test_the_shipped_bands_hold_four_measurements_in_five(model: str) -> None:
    one, c = PROBLEMS[model], SPECS.coefficients(model)
    measured = one.measured / one.predict(one.items, c)
    low = np.array([c[f"band_low:{kind}"] for kind in one.regimes.tolist()])
    high = np.array([c[f"band_high:{kind}"] for kind in one.regimes.tolist()])
    # the rows were fitted here, so more of them lie inside than of those left out
    assert np.mean((measured >= low) & (measured <= high)) > 0.78


def test_bands_hold_what_was_left_out() -> None:
    one = PROBLEMS["memory"]
    by_source = fit._left_out(one, one.sources, SOLVED["memory"])
    found = fit.Fit(
        one, SOLVED["memory"], {"left_out_by_source": by_source, "left_out_by_model": by_source}
    )
    assert fit.band_coverage(found)["left_out_by_source"] == pytest.approx(0.8, abs=0.03)


def test_what_is_stated_is_not_fitted() -> None:
    assert SOLVED["training"]["rl"] == 5.0
    assert SOLVED["training"]["dpo"] == 1.7


def test_reinforcement_learning_is_as_slow_as_published() -> None:
    """Speed of PPO and GRPO, from the model of plain tuning and one factor: 64 published runs."""
    plain = {"deepspeed-chat": "hf", "easyr1": "fsdp2-compile", "nemo-rl": "megatron"}
    rows = [r for r in SPECS.rows("rl_benchmarks") if r["source_id"] in plain and r["gpu"] != "L20"]
    cases = pd.DataFrame(
        [
            {
                "model": row["model"],
                "gpu": row["gpu"],
                "n_gpus": row["n_gpus"],
                "seq_len": row["seq_len"],
                "method": "ppo" if row["method"] == "ppo" else "grpo",
                "compute_precision": "fp8" if row["compute_precision"] == "fp8" else "bf16",
                "stack": plain[row["source_id"]],
                "state_precision": "mixed",
                "layout": "sharded",
                "tok_s_total": row["rl_tok_s_gpu"] * row["n_gpus"],
            }
            for row in rows
        ],
        dtype=object,
    )
    found = validate_training(cases, SPECS).as_dict()
    assert found["n"] > 55
    assert found["median_absolute_percentage_error"] < 0.25
    assert found["share_within_2x"] > 0.9


def test_a_known_law_is_found_again() -> None:
    """Rows made with other coefficients, 5 % of noise and one wild source give them back."""
    one = PROBLEMS["training"]
    wanted = SOLVED["training"] | {"traffic_hf_lora": 400.0, "traffic_hf_fused": 160.0}
    noise = np.exp(0.05 * np.random.default_rng(5).standard_normal(one.measured.size))
    made = one.predict(one.items, wanted) * noise
    made = np.where(one.sources == "xtuner", made * 3.0, made)
    found = fit.solve(replace(one, measured=made))
    assert found["traffic_hf_lora"] == pytest.approx(400.0, rel=0.1)
    assert found["traffic_hf_fused"] == pytest.approx(160.0, rel=0.1)


def test_written_coefficients_keep_those_of_other_models() -> None:
    rows = [{"model": "training", "name": "x", "value": "1", "unit": "1", "n": 3}]
    rows[0] |= {"fitted_on": "2026-11-21", "error": "", "note": ""}
    text = fit.written(SPECS.rows("coefficients"), rows)
    assert "\ntraining,x,1,1,3,2026-11-21,,\n" in text
    assert text.count("\nmemory,") == sum(
        row["model"] == "memory" for row in SPECS.rows("coefficients")
    )


def test_too_few_rows_are_refused() -> None:
    one = PROBLEMS["training"]
    few = np.arange(one.measured.size) < 5
    with pytest.raises(cm.DataError, match="5 rows are too few"):
        fit.fit(one.take(few))


def test_a_file_without_sources_is_refused() -> None:
    cases = read_cases(shipped_dir() / "benchmarks" / "training.csv").drop(columns="source_id")
    with pytest.raises(cm.DataError, match=r"training.csv: needs a column source_id"):
        fit.training_problem("training", cases, SPECS, "training.csv")
