"""`costmodel serve`, `validate serving`: tables, JSON, one line if wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from costmodel.cli import main
from costmodel.prices.book import shipped_dir

CASE = ["serve", "Llama-3.1-8B", "--input", "1500", "--output", "300", "--rps", "2"]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    out, err = capsys.readouterr()
    return int(str(stopped.value.code)), out, err


def test_serve_prints_replicas_prices_and_measurements(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--gpu", "H100-SXM", "--precision", "fp8", "--tpot-ms", "50", "--on", "2026-12-01"]
    status, out, _ = run(capsys, *CASE, *words, "--compare", "openai/gpt-6-luna")
    assert status == 0
    assert "2 replicas of 1 x H100-SXM" in out
    assert "measured near: Llama-3.1-8B" in out
    assert "gpu_rental.csv line" in out
    # 2 requests a second of 1,800 tokens, 2,629,800 seconds of a mean month
    assert "hosted, the same 9,467 Mtok a month cost" in out
    assert "own GPUs break even at" in out


def test_every_gpu_for_rent_has_its_break_even(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*CASE, "--on", "2026-12-01", "--compare", "openai/gpt-6-luna"]
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert "Break even" in out
    assert out.count("at ") > 10
    status, out, _ = run(capsys, *words, "--json")
    for plan in json.loads(out)["plans"]:
        even = plan["break_even_mtok_per_month"]
        # with a replica that waits, own GPUs pay from two replicas' rent over the hosted price
        rent = plan["usd_per_month"] / plan["replicas"]
        assert even is None or even * plan["hosted_usd_per_mtok"] >= 1.99 * rent


def test_serve_without_a_gpu_lists_all_for_rent_cheapest_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, out, _ = run(capsys, *CASE, "--on", "2026-12-01", "--json")
    assert status == 0
    found = json.loads(out)
    cost = [plan["usd_per_month"] for plan in found["plans"]]
    assert len(cost) > 15
    assert cost == sorted(cost)


def test_serve_as_json_has_band_and_split(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, *CASE, "--gpu", "L40S", "--json", "--autoscale")
    found = json.loads(out)
    assert status == 0
    assert found["tokens_per_second_low"] < found["tokens_per_second"]
    assert found["usd_per_mtok_output"] > found["usd_per_mtok_input"]
    assert len(found["nearest"]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gpu", "H99"], "unknown GPU 'H99'"),
        (["--gpu", "A100-SXM-80GB", "--precision", "fp8"], "computes no FP8"),
        (["--gpu", "H100-SXM", "--profile", "no.csv"], "no profile in no.csv"),
        (["--gpu", "H100-SXM", "--anchors", "no.csv"], "no file no.csv"),
        (["--gpu", "H100-SXM", "--rps", "0"], "requests_per_second must be"),
        (["--gpu", "H100-SXM", "--compare", "opnai/gpt-6-luna"], "unknown provider 'opnai'"),
    ],
)
def test_serve_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, _, err = run(capsys, *CASE, *words)
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


def test_validate_serving_names_every_row_it_skips(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = (shipped_dir() / "benchmarks" / "serving.csv").read_text("utf-8").splitlines()
    file, rows = tmp_path / "cases.csv", tmp_path / "rows.csv"
    unknown = lines[1].replace("Llama-3.1-8B", "Lama-9")
    file.write_text("\n".join([*lines[:40], unknown]), "utf-8")
    status, out, _ = run(capsys, "validate", "serving", str(file), "--rows", str(rows), "--json")
    assert status == 0
    found = json.loads(out)
    assert (found["rows"], found["n"]) == (40, 39)
    assert found["skipped"][0]["line"] == 41
    assert "Lama-9" in found["skipped"][0]["reason"]
    with rows.open(encoding="utf-8", newline="") as stream:
        first = next(csv.DictReader(stream))
    assert float(first["predicted"]) / float(first["out_tok_s"]) == pytest.approx(
        float(first["ratio"])
    )
