"""Rents of GPUs by quarter, and tables that are computed from others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costmodel.analysis.derived import rebuilt
from costmodel.analysis.rents import history
from costmodel.errors import PriceError
from costmodel.prices.book import shipped_dir
from costmodel.prices.specs import shipped_specs
from costmodel.prices.tables import TABLES, read_file

TODAY = date(2026, 11, 21)
Run = Callable[..., tuple[int, str, str]]


def reading(series: str, day: str, usd: float) -> dict[str, Any]:
    return {
        "series": series,
        "seen_on": date.fromisoformat(day),
        "gpu": "H100-SXM",
        "market": "on_demand",
        "usd_per_gpu_hour": usd,
    }


def test_a_series_counts_once_in_a_quarter_however_often_it_was_read() -> None:
    """Median of b is 3; of a, read three times, 2: their median is 2.5."""
    rows = [reading("a", f"2026-0{m}-28", usd) for m, usd in ((1, 1.0), (2, 2.0), (3, 9.0))]
    rows += [reading("b", "2026-03-31", 3.0), reading("b", "2026-04-01", 4.0)]
    first, second = history(rows)
    assert (first["quarter"], first["usd_per_gpu_hour"]) == ("2026-01-01", "2.5")
    assert (first["low"], first["high"], first["series"], first["readings"]) == ("2", "3", "2", "4")
    assert (second["quarter"], second["usd_per_gpu_hour"]) == ("2026-04-01", "4")


def test_the_list_price_of_eight_h100_at_aws_fell_once_by_44_percent() -> None:
    """AWS p5.48xlarge: $12.29 a GPU-hour until June 2025, then $6.88 (the price list of AWS)."""
    rows = [
        row
        for row in shipped_specs().rows("gpu_rents")
        if row["series"] == "AWS-p5.48xlarge-on-demand"
    ]
    usd = [row["usd_per_gpu_hour"] for row in sorted(rows, key=lambda row: row["seen_on"])]
    assert usd[0] == pytest.approx(12.29)
    assert usd[-1] / usd[0] == pytest.approx(1 - 0.44, abs=0.005)


def test_every_reading_is_of_a_known_gpu() -> None:
    specs = shipped_specs()
    assert {row["gpu"] for row in specs.rows("gpu_rents")} <= {
        row["gpu"] for row in specs.rows("gpus")
    }


def test_the_shipped_tables_are_in_step_with_their_raw_tables() -> None:
    assert rebuilt(shipped_dir(), TODAY) == {}


def test_a_new_life_and_a_new_reading_rebuild_both_tables(
    tmp_path: Path, command_line: Run
) -> None:
    folder = Path(shutil.copytree(shipped_dir(), tmp_path / "pricing"))
    lives, rents = folder / "lifetimes.csv", folder / "benchmarks/gpu_rents.csv"
    lives.write_text("".join(lives.read_text().splitlines(keepends=True)[:-5]))
    with rents.open("a") as file:
        file.write("x,2026-10-05,H100-SXM,acme,on_demand,99,https://example.com,2026-11-20,\n")
    assert command_line("pricing", "rebuild", folder, "--check", "--json")[0] == 2
    before = (folder / "survival.csv").read_text()
    status, out, err = command_line("pricing", "rebuild", folder)
    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == ["survival.csv", "gpu_history.csv"]
    assert (folder / "survival.csv").read_text() != before
    rows = read_file(TABLES["gpu_history"], folder / "gpu_history.csv", "gpu_history.csv")
    assert max(row["high"] for row in rows) == 99
    assert command_line("pricing", "rebuild", folder, "--check")[0] == 0


def test_a_folder_without_raw_tables_has_nothing_to_rebuild(tmp_path: Path) -> None:
    with pytest.raises(PriceError, match=r"has neither lifetimes\.csv nor"):
        rebuilt(tmp_path, TODAY)


def test_history_of_a_gpu_is_shown_by_any_of_its_names(command_line: Run) -> None:
    status, out, _ = command_line("pricing", "history", "h100-80gb-hbm3")
    assert status == 0
    assert "H100-SXM" in out
    assert "gpu_history.csv:" in out
