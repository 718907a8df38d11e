"""`costmodel train own`, `validate training|memory` and `fit`, as people type them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from costmodel.cli import main
from costmodel.prices.book import shipped_dir

BENCHMARKS = shipped_dir() / "benchmarks"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return command


OWN = ("train", "own", "Llama-3.1-8B", "--tokens", "20e6")


def test_a_plan_names_hours_dollars_memory_and_three_measurements(run: Run) -> None:
    status, out, err = run(*OWN, "--gpu", "H100-SXM", "--method", "qlora", "--stack", "unsloth")
    assert (status, err) == (0, "")
    for text in ("GPU-hours", "Memory of a GPU", "gpu_rental.csv:", "Low confidence: no run with"):
        assert text in out
    assert out.count("https://") == 3


def test_json_has_the_plan_its_offers_and_the_measurements(run: Run) -> None:
    status, out, _ = run(*OWN, "--gpu", "H100-SXM", "--gpus", 8, "--sequence", 4096, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["gpus"] == 8
    assert found["fits"] is True
    assert found["hours_low"] < found["hours"] < found["hours_high"]
    assert found["offers"][0]["usd"] <= found["offers"][-1]["usd"]
    assert found["offers"][0]["file"] == "gpu_rental.csv"
    assert len(found["measured"]) == 3


def test_without_a_gpu_all_that_are_for_rent_are_shown_cheapest_first(run: Run) -> None:
    status, out, _ = run(*OWN, "--method", "lora", "--json")
    usd = [offer["usd"] for offer in json.loads(out)]
    assert status == 0
    assert len(usd) > 50
    assert usd == sorted(usd)
    status, out, _ = run(*OWN, "--method", "lora")
    assert status == 0
    assert out.count("gpu_rental.csv:") > 15


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "own", "Llama-3.1-8B", "--gpu", "H100"), "give MODEL and --tokens"),
        ((*OWN, "--gpu", "H1000"), "unknown GPU 'H1000'"),
        ((*OWN, "--gpu", "A100", "--precision", "fp8"), "computes no fp8"),
        ((*OWN, "--gpu", "H100", "--gpus", "12"), "no whole nodes"),
        ((*OWN, "--gpu", "H100", "--stack", "nemo"), "NeMo does not train with qlora"),
        ((*OWN, "--gpu", "H100", "--hours", "3"), "--hours is for tuning at a provider"),
        ((*OWN, "--gpu", "L4", "--gpus", "1", "--method", "full"), "GB short; it fits"),
        ((*OWN, "--market", "free"), "unknown market 'free'"),
        (
            ("train", "openai", "gpt-4o", "--tokens", "1e6", "--stack", "hf"),
            "--stack is for own GPUs",
        ),
        (("validate", "training", "nowhere.csv"), "no file nowhere.csv"),
        (("fit", "memory", "nowhere.csv"), "no file nowhere.csv"),
    ],
)
def test_what_cannot_be_is_one_line_and_status_2(
    run: Run, words: tuple[str, ...], said: str
) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "file", "left_out"),
    [
        ("training", "training.csv", ("8.1%", "7.3%")),
        ("memory", "training_memory.csv", ("8.7%", "7.9%")),
    ],
)
def test_validation_prints_errors_and_writes_the_rows(
    run: Run, tmp_path: Path, model: str, file: str, left_out: tuple[str, str]
) -> None:
    rows = tmp_path / "rows.csv"
    status, out, _ = run("validate", model, BENCHMARKS / file, "--rows", rows, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["n"] == found["rows"]
    assert found["median_absolute_percentage_error"] < 0.1
    assert set(found["cross_validated"]) == {"fitted", "left_out_by_source", "left_out_by_model"}
    assert found["share_within_2x"] > 0.98
    with rows.open(encoding="utf-8") as stream:
        written = list(csv.DictReader(stream))
    assert len(written) == found["rows"]
    assert float(written[0]["ratio"]) > 0
    status, out, _ = run("validate", model, BENCHMARKS / file)
    for test, error in zip(("source", "model"), left_out, strict=True):
        (line,) = (line for line in out.splitlines() if f"rows left out by {test}" in line)
        assert next(word for word in line.split() if word.endswith("%")) == error


def test_a_fit_prints_honest_errors_and_writes_coefficients(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "coefficients.csv"
    cases = tmp_path / "few.csv"
    lines = (BENCHMARKS / "training_memory.csv").read_text(encoding="utf-8").splitlines()
    cases.write_text("\n".join([lines[0], *lines[1::12]]) + "\n", encoding="utf-8")
    status, out, _ = run("fit", "memory", cases, "--write", path)
    assert status == 0
    assert "rows left out by source" in out
    assert "the bands hold" in out
    text = path.read_text(encoding="utf-8")
    assert text.startswith("model,name,value,unit,n,fitted_on,error,note\n")
    assert "\nmemory,logits," in text
    assert "\ntraining,attention," in text
