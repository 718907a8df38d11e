"""Prices are kept true from the command line: set, add, show, history, diff, check, stale."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
SCENARIO = Path(__file__).parents[2] / "notebooks/scenarios/support_bot.toml"
SET = ("pricing", "set", "openai", "gpt-6-luna", "output=0.55", "--from", "2027-01-01")
PAGE = ("--source", "https://example.com/prices")
DAY = ("--on", "2026-11-21")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty ./pricing of a working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pricing").mkdir()
    return tmp_path / "pricing"


def answer(result: tuple[int, str, str]) -> Any:
    status, out, err = result
    assert (status, err) == (0, "")
    return json.loads(out)


@pytest.mark.usefixtures("mine")
def test_a_change_is_set_shown_and_compared(command_line: Run) -> None:
    made = answer(command_line(*SET, *PAGE, *DAY, "--json"))
    assert made["cells"] == {"output_per_mtok": {"before": "0.5", "after": "0.55"}}
    assert (made["file"], made["line"]) == ("pricing/inference/openai.csv", 2)
    assert answer(command_line("pricing", "check", *DAY, "--json"))["warnings"] == []

    shown = answer(command_line("pricing", "show", "openai/gpt-6-luna", *DAY, "--json"))
    (output,) = [
        row
        for row in shown["models"][0]["prices"]
        if (row["mode"], row["over_input_tokens"], row["meter"]) == ("standard", 0, "output_mtok")
    ]
    assert (output["unit_price_usd"], output["next_usd"], output["next_from"]) == (
        *(0.5, 0.55),
        "2027-01-01",
    )
    assert output["file"] == "inference/openai.csv"

    history = answer(command_line("pricing", "history", "openai/gpt-6-luna", "--json"))["prices"]
    outputs = [row for row in history if row["meter"] == "output_mtok"]
    assert [(row["effective_from"], row["unit_price_usd"]) for row in outputs] == [
        (None, 0.5),
        ("2027-01-01", 0.55),
    ]

    found = answer(command_line("pricing", "diff", "2026-12-31", "2027-01-01", "--json"))
    moved = [row for row in found["prices"] if row["provider"] == "openai"]
    assert [(row["usd_a"], row["usd_b"]) for row in moved] == [(0.5, 0.55)]


@pytest.mark.usefixtures("mine")
def test_diff_says_what_a_change_costs_a_scenario(command_line: Run) -> None:
    """1,239.35 Mtok of answers and 27.87 of evaluations from January on, by $0.05."""
    answer(command_line(*SET, *PAGE, *DAY, "--json"))
    found = answer(
        command_line(
            *("pricing", "diff", "shipped", "--scenario", SCENARIO),
            *("--option", "RAG on GPT-6 Luna", "--json"),
        )
    )
    (option,) = found["options"]
    assert option["difference_usd"] == pytest.approx(option["price_usd"], abs=1e-6)
    more = sum(
        row["quantity_b"] * 0.05 for row in option["lines"] if row["line"].endswith("output_mtok")
    )
    assert 0.9 * more < option["difference_usd"] < more  # December is at the old price


def test_a_contract_price_is_shown_with_its_list_price(mine: Path, command_line: Run) -> None:
    head = "provider,model,multiplier,effective_from,source,verified_on"
    row = "openai,gpt-6-luna,0.9,2026-01-01,https://example.com/contract,2026-11-01"
    (mine / "overrides.csv").write_text(f"{head}\n{row}\n")
    shown = answer(command_line("pricing", "show", "openai/gpt-6-luna", *DAY, "--json"))
    first = shown["models"][0]["prices"][0]
    assert first["unit_price_usd"] == pytest.approx(0.9 * first["list_unit_price_usd"])
    assert (first["file"], first["row"]) == ("pricing/overrides.csv", 2)
    assert first["list_row"].startswith("inference/openai.csv line")
    status, out, _ = command_line("pricing", "show", "openai/gpt-6-luna", *DAY)
    assert status == 0
    assert "pricing/overrides.csv:2" in out


def test_diff_of_a_revision_with_the_tables_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line("pricing", "init", "pricing")[0] == 0
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.com")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "tables")):
        subprocess.run([*git, *words], check=True, capture_output=True)
    assert answer(command_line("pricing", "diff", "HEAD", "--json")) == {
        "prices": [],
        "models": [],
    }
    assert command_line(*SET, *PAGE, *DAY)[0] == 0
    models = tmp_path / "pricing/models.csv"
    models.write_text(models.read_text().replace("2027-01-14,announced", "2027-02-14,announced"))
    found = answer(command_line("pricing", "diff", "HEAD", "--json"))
    assert [(row["sku"], row["from"]) for row in found["prices"]] == [("gpt-6-luna", "2027-01-01")]
    assert {(row["column"], row["a"], row["b"]) for row in found["models"]} == {
        ("retires", "2027-01-14", "2027-02-14")
    }
    status, out, _ = command_line("pricing", "diff", "HEAD")
    assert status == 0
    assert "+10.0 %" in out
    assert "retires 2027-01-14 -> 2027-02-14" in out


@pytest.mark.usefixtures("mine")
def test_add_makes_a_model_that_the_other_commands_know(command_line: Run) -> None:
    words = ("pricing", "add", "openai", "gpt-7", "input=1", "output=4")
    status, out, err = command_line(*words, "--fact", "context_window=400000", *PAGE, *DAY)
    assert (status, err) == (0, "")
    assert "Added pricing/inference/openai.csv line 2: openai gpt-7 standard" in out
    priced = answer(
        command_line(
            "price", "openai", "gpt-7", "--input", "200k", "--output", "200k", *DAY, "--json"
        )
    )
    assert priced["usd"] == pytest.approx(0.2 * 1 + 0.2 * 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*SET,), "--source must be the https address"),
        ((*SET, "--source", "my notes"), "--source must be the https address"),
        ((*SET[:-2], *PAGE), "--from is missing"),
        ((*SET[:-1], "1.1.2027", *PAGE), "2026-12-01"),
        ((*SET[:4], "output", *SET[5:], *PAGE), "expected WHAT=PRICE"),
        ((*SET, *PAGE, "--dir", "nowhere"), "no folder of price tables at nowhere"),
        (("pricing", "add", "openai", "gpt-7", *PAGE), "say what it costs"),
        (("pricing", "show", "gpt-6-lnua"), "did you mean 'gpt-6-luna'"),
        (("pricing", "seen", "openai", "gpt-6-lnua"), "did you mean 'gpt-6-luna'"),
        (("pricing", "history", "openai/gpt-6-luna", "--mode", "bath"), "no mode 'bath'"),
        (("pricing", "diff", "no-such-thing"), "neither a folder nor a git revision"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    mine: Path, command_line: Run, words: tuple[str, ...], said: str
) -> None:
    status, out, err = command_line(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert list(mine.rglob("*.csv")) == []


@pytest.mark.usefixtures("mine")
def test_warnings_are_errors_if_strict(command_line: Run) -> None:
    assert command_line(*SET[:4], "output=0.05", *SET[5:], *PAGE, *DAY)[0] == 0
    status, out, _ = command_line("pricing", "check", *DAY)
    assert status == 0
    assert "Warning: pricing/inference/openai.csv line 2: output below input" in out
    assert command_line("pricing", "check", *DAY, "--strict")[0] == 2


@pytest.mark.usefixtures("mine")
def test_a_price_is_seen_again(command_line: Run) -> None:
    assert command_line(*SET, *PAGE, *DAY)[0] == 0
    again = ("pricing", "seen", "openai", "gpt-6-luna", "--on", "2026-12-05")
    found = answer(command_line(*again, "--json"))
    assert found == {"verified_on": "2026-12-05", "rows": ["pricing/inference/openai.csv line 2"]}
    assert command_line(*again)[0] == 2  # nothing to say any more


def test_stale_lists_rows_with_their_source(command_line: Run) -> None:
    found = answer(command_line("pricing", "stale", *DAY, "--json"))["rows"]
    assert found[0]["source"].startswith("https://")
    assert found[0]["days"] > 90
    assert "rows not seen" in command_line("pricing", "stale", *DAY)[1]


@pytest.mark.usefixtures("mine")
def test_add_asks_on_a_terminal_for_what_is_missing(tmp_path: Path) -> None:
    """Input and output, no cached price; page, release and context; the tokenizer is not known."""
    answers = ["1", "", "4", "https://example.com/prices", "2026-11-01", "400000", ""]
    ours, theirs = pty.openpty()
    words = ("-c", "from costmodel.cli import main; main()", "pricing", "add", "openai", "gpt-7")
    with subprocess.Popen(
        [sys.executable, *words, *DAY], stdin=theirs, stdout=subprocess.PIPE, text=True
    ) as run:
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        out, _ = run.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert run.returncode == 0
    assert "US dollars per 1M input tokens" in out
    row = (tmp_path / "pricing/inference/openai.csv").read_text().splitlines()[1].split(",")
    assert [cell for cell in row if cell][:4] == ["gpt-7", "standard", "1", "4"]
    facts = (tmp_path / "pricing/models.csv").read_text().splitlines()[1]
    assert facts.startswith("openai,gpt-7,,2026-11-01,,,,400000,")


def test_a_cell_that_a_spreadsheet_would_run_is_an_error(mine: Path, command_line: Run) -> None:
    assert command_line(*SET, *PAGE, *DAY)[0] == 0
    path = mine / "inference/openai.csv"
    path.write_text(path.read_text().rstrip("\n") + "=HYPERLINK(1)\n")
    status, _, err = command_line("pricing", "check", *DAY)
    assert (status, err.count("\n")) == (2, 1)
    assert "pricing/inference/openai.csv line 2: formula: note '=HYPERLINK(1)'" in err
