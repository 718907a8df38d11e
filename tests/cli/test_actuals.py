"""`costmodel actuals` as a user runs it, on the shipped plan and log."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PLAN = NOTEBOOKS / "data" / "help_desk.toml"
LOG = NOTEBOOKS / "data" / "usage_log.csv"
FEW = ("--draws", "128")
PARTS = ("price", "quantity", "mix", "other", "unexplained", "stated")


@pytest.fixture
def as_json(command_line: Run) -> Callable[..., Any]:
    def run(*words: str | Path) -> Any:
        status, out, err = command_line("actuals", PLAN, LOG, *FEW, "--json", *words)
        assert (status, err) == (0, "")
        return json.loads(out)

    return run


def test_the_difference_is_said_first_with_its_parts(command_line: Run) -> None:
    status, out, _ = command_line("actuals", PLAN, LOG, *FEW, "--limit", "60000")
    assert status == 0
    for text in (
        "Usage cost $8,802 against a budget of $8,699",
        "Option: RAG on GPT-5.6 Sol",
        "chance to pass $60,000",
        "openai/gpt-6-sol is not in the plan",
        "mail-sorting",
        "does not show labour, retrieval: what they cost stays at plan",
    ):
        assert text in out
    # what rounding to 10^-12 dollars leaves is not shown
    assert "0.00000" not in out


def test_the_parts_add_up_in_every_month_and_in_all(as_json: Callable[..., Any]) -> None:
    found = as_json()
    for record in (found, *found["months"]):
        parts = sum(record[f"{part}_usd"] for part in PARTS)
        assert record["variance_usd"] == pytest.approx(parts, abs=1e-9)
        gap = record["actual_usd"] - record["budget_usd"]
        assert record["variance_usd"] == pytest.approx(gap, abs=1e-9)
    for month in found["months"]:
        both = month["requests_usd"] + month["tokens_per_request_usd"]
        assert month["quantity_usd"] == pytest.approx(both, abs=1e-9)
    for key in ("budget_usd", "actual_usd"):
        assert sum(one[key] for one in found["phases"]) == pytest.approx(found[key], abs=1e-6)
    shared = sum(one["usd"] for one in found["allocation"]["project"])
    assert shared == pytest.approx(found["usage_usd"])


def test_a_budget_of_july_sees_the_price_cut_of_august(as_json: Callable[..., Any]) -> None:
    # gpt-5.6-sol: $5 and $30 until 21 August 2026, then $4 and $20
    frozen, known = as_json("--at", "2026-07-31"), as_json()
    assert frozen["price_usd"] < -1000
    assert abs(known["price_usd"]) < 10
    assert frozen["usage_usd"] == known["usage_usd"]


def test_one_project_can_be_compared_alone(as_json: Callable[..., Any]) -> None:
    found = as_json("--project", "help-desk")
    assert [one["name"] for one in found["allocation"]["project"]] == ["help-desk"]
    assert found["usage_usd"] == pytest.approx(7977.5764, abs=1e-3)


def test_outcomes_are_a_number_or_a_file(as_json: Callable[..., Any], tmp_path: Path) -> None:
    days = tmp_path / "won.csv"
    days.write_text("date,outcomes\n2026-08,150000\n2026-09-01,2\n2026-12-01,7\n", "utf-8")
    found = [as_json("--outcomes", words)["unit_costs"] for words in ("150002", days)]
    assert found[0] == found[1]
    assert found[0]["outcomes"] == 150_002


def test_what_was_paid_for_work_replaces_its_plan(
    as_json: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "paid.csv"
    path.write_text("month,phase,usd\n2026-08,build,20000\n", "utf-8")
    plan, found = as_json(), as_json("--paid", path)
    build = next(one for one in plan["phases"] if one["phase"] == "build")
    assert found["stated_usd"] == pytest.approx(20_000 - build["not_shown_usd"])


def test_the_table_has_the_money_of_the_output(as_json: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "lines.csv"
    found = as_json("--csv", out)
    with out.open(encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    for key in ("budget_usd", "actual_usd"):
        assert sum(float(row[key]) for row in rows) == pytest.approx(found[key])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--option", "RAG on GPT-5.6 Luna"), "no option 'RAG on GPT-5.6 Luna'; did you mean"),
        (("--as-of", "2026-07-01"), "the usage begins on 2026-08-01, after 2026-07-01"),
        (("--project", "helpdesk"), "no project 'helpdesk'; did you mean 'help-desk'?"),
        (("--by", "tag:env"), "no row has a tag 'env'; the usage has no tags"),
        (("--basis", "bild"), "unknown basis 'bild'"),
        (("--draws", "0.5"), "must be a whole number from 1"),
        (("--outcomes", "many"), "must be a number >= 0"),
        (("--limit", "-1"), "must be a number >= 0"),
    ],
)
def test_bad_input_is_one_line(command_line: Run, words: tuple[str, ...], said: str) -> None:
    status, out, err = command_line("actuals", PLAN, LOG, *words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("--paid", "month,usd\n2026-08,1\n", "paid.csv line 1: needs the columns month, phase"),
        ("--paid", "", "paid.csv line 1: needs the columns"),
        ("--paid", "month,phase,usd\n2026-08,bild,1\n", "line 2: unknown phase 'bild'; did you"),
        ("--paid", "month,phase,usd\n2025-08,build,1\n", "line 2: month '2025-08' is not in the"),
        ("--paid", "month,phase,usd\n2026-08,build,$5\n", "line 2: usd must be a number >= 0"),
        ("--paid", "month,phase,usd\n2026-08,build\n", "line 2: has not as many cells"),
        ("--outcomes", "date,outcomes\n08/01/2026,1\n", "line 2: date must be a date like"),
        ("--outcomes", "date,outcomes\n2026-08-01,-1\n", "line 2: outcomes must be a number >= 0"),
        ("--outcomes", "date,outcomes\n2027-08-01,1\n", "has no outcomes from 2026-08-01 to"),
    ],
)
def test_a_bad_file_is_named_with_its_line(
    command_line: Run, tmp_path: Path, option: str, text: str, said: str
) -> None:
    path = tmp_path / "paid.csv"
    path.write_text(text, "utf-8")
    status, out, err = command_line("actuals", PLAN, LOG, option, path)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_nothing_is_written_where_something_is_wrong(command_line: Run, tmp_path: Path) -> None:
    out = tmp_path / "lines.csv"
    status, _, _ = command_line("actuals", PLAN, LOG, "--csv", out, "--by", "colour", *FEW)
    assert status == 2
    assert not out.exists()
    status, _, err = command_line("actuals", PLAN, tmp_path / "none.csv")
    assert status == 2
    assert "none.csv" in err
