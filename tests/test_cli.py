"""Every command end to end, as a user runs it."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from typer.models import OptionInfo

import costmodel as cm
from costmodel.cli.commands import OUTPUTS
from costmodel.cli.fits import fit_app
from costmodel.cli.shell import app, pricing_app, validate_app, write_text
from costmodel.prices.book import shipped_dir

Run = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[1]
SUPPORT_BOT = ROOT / "notebooks" / "scenarios" / "support_bot.toml"
CASES = Path(__file__).parent / "data" / "price_cases.csv"
RAG = "RAG on GPT-6 Luna"


def answer(ran: tuple[int, str, str]) -> Any:
    """Return the JSON of a command that went well; NaN and Infinity are no JSON."""
    status, out, err = ran
    assert (status, err) == (0, "")

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is not JSON")

    return json.loads(out, parse_constant=refuse)


def text_of(ran: tuple[int, str, str]) -> str:
    """Return the words of a command that went well, however they were wrapped."""
    status, out, err = ran
    assert (status, err) == (0, "")
    return " ".join(out.split())


@cache
def csv_line(folder: Path, file: str, line: int) -> dict[str, str]:
    """Return the cells of one line of a table, by column."""
    with (folder / file).open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        while True:
            start = reader.line_num + 1
            cells = next(reader)
            if start == line:
                return dict(zip(header, cells, strict=True))


def numbers_in(cells: dict[str, str]) -> set[float]:
    found = set()
    for cell in cells.values():
        try:
            found.add(float(cell))
        except ValueError:
            continue
    return found


# compare


@pytest.fixture
def compared(command_line: Run) -> dict[str, Any]:
    found: dict[str, Any] = answer(command_line("compare", SUPPORT_BOT, "--json"))
    return found


def test_compare_prints_verdict_every_option_and_the_dates_of_that_market(
    command_line: Run, compared: dict[str, Any]
) -> None:
    text = text_of(command_line("compare", SUPPORT_BOT))
    assert compared["verdict"] in text
    for option in compared["options"]:
        assert option["name"] in text
    assert "stops tuning gpt-4.1-mini:sft on 2027-01-06" in text
    assert "stops answering on 2027-01-14" in text


def test_compare_holds_eight_options_over_five_providers_and_every_way_to_adapt(
    compared: dict[str, Any],
) -> None:
    options = compared["options"]
    assert len(options) >= 8
    assert len({option["provider"] for option in options}) >= 5
    assert sum(option["feasible"] for option in options) >= 7


def test_compare_as_json_holds_the_documented_keys(compared: dict[str, Any]) -> None:
    assert {"verdict", "prices_on", "assumptions", "options"} <= set(compared)
    keys = {"name", "provider", "model", "total_usd", "usd_per_request", "usd_per_success"}
    keys |= {"maintenance_share", "by_phase", "feasible", "reason", "warnings"}
    for option in compared["options"]:
        assert keys <= set(option)
        if option["feasible"]:
            assert option["reason"] is None
            assert set(option["by_phase"]) == {"build", "serve", "upkeep", "exit"}
            assert sum(option["by_phase"].values()) == pytest.approx(option["total_usd"])
            upkeep = option["maintenance_share"] * option["total_usd"]
            assert upkeep == pytest.approx(option["by_phase"]["upkeep"])
        else:
            assert option["reason"]
            assert option["total_usd"] is None
            assert option["by_phase"] is None


def test_dollars_per_request_times_requests_are_the_total(compared: dict[str, Any]) -> None:
    # 200,000 requests a month, growing 3 % a month, for 24 months
    requests = 200_000 * (1.03**24 - 1) / 0.03
    for option in compared["options"]:
        if option["feasible"]:
            assert option["usd_per_request"] * requests == pytest.approx(option["total_usd"])


def test_the_option_whose_tune_dies_is_refused_with_the_reason(compared: dict[str, Any]) -> None:
    (dead,) = [o for o in compared["options"] if not o["feasible"]]
    assert dead["name"] == "Tuned GPT-4.1 mini at OpenAI"
    assert "2027-01-14" in dead["reason"]
    warnings = " ".join(dead["warnings"])
    assert "2027-01-06" in warnings
    assert "2027-01-14" in warnings


def test_the_days_of_the_prices_are_named(command_line: Run, compared: dict[str, Any]) -> None:
    days = compared["prices_on"]
    assert days["day"] is None
    assert days["verified_from"] <= days["verified_to"]
    frozen = answer(command_line("compare", SUPPORT_BOT, "--json", "--at", "2026-12-01"))
    assert frozen["prices_on"]["day"] == "2026-12-01"
    assert "Prices of 2026-12-01" in text_of(
        command_line("compare", SUPPORT_BOT, "--at", "2026-12-01")
    )


def test_at_freezes_prices_that_would_double_later(
    command_line: Run, compared: dict[str, Any]
) -> None:
    frozen = answer(command_line("compare", SUPPORT_BOT, "--json", "--at", "2026-12-01"))

    def served(found: dict[str, Any]) -> float:
        flash = next(o for o in found["options"] if o["name"] == "RAG on Gemini 3.8 Flash")
        return float(flash["by_phase"]["serve"])

    assert served(frozen) < served(compared)


def test_the_console_script_works_from_another_folder(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "COSTMODEL_PRICES"}
    done = subprocess.run(
        [sys.executable, "-c", "from costmodel.cli import main; main()", "compare", SUPPORT_BOT],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "is cheapest per successful outcome" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["compare", "--help"]])
def test_help_is_no_mistake(command_line: Run, words: list[str]) -> None:
    assert "Usage: costmodel" in text_of(command_line(*words))


# explain and bill


def test_a_dollar_is_traced_to_formula_inputs_price_row_and_source(command_line: Run) -> None:
    words = ["explain", SUPPORT_BOT, "--option", RAG, "--month", "2027-02"]
    line = "serve/openai/gpt-6-luna/output_mtok"
    records = answer(command_line(*words, "--line", line, "--json"))
    # the requests of users; those of tests are upkeep
    (record,) = [r for r in records if r["phase"] == "serve"]
    # 200,000 x 1.03^2 x 180 tokens
    assert record["quantity"] == pytest.approx(200_000 * 1.03**2 * 180 / 1e6)
    assert record["cost_usd"] == pytest.approx(record["quantity"] * record["unit_price_usd"])
    assert record["unit"] == "Mtok"
    assert {item["name"] for item in record["inputs"]} == {"requests", "tokens"}
    assert all(item["unit"] for item in record["inputs"])
    cells = csv_line(shipped_dir(), record["file"], record["row"])
    assert cells["model"] == "gpt-6-luna"
    assert float(cells["output_per_mtok"]) == record["unit_price_usd"]
    assert cells["source"] == record["source"]
    assert cells["verified_on"] == record["verified_on"]
    text = text_of(command_line(*words, "--line", line))
    for said in (line, "2027-02", f"{record['file']} line {record['row']}", record["source"]):
        assert said in text
    assert f"checked {record['verified_on']}" in text
    assert "formula: " in text


def test_every_dollar_of_the_demo_stands_in_the_line_it_names() -> None:
    result = cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    seen = set()
    for name, bill in result.bills.items():
        records = [r for month in bill.months.labels for r in result.explain(name, month=month)]
        assert math.fsum(r["cost_usd"] for r in records) == pytest.approx(float(bill.total))
        for record in records:
            cost = record["quantity"] * record["unit_price_usd"]
            assert record["cost_usd"] == pytest.approx(cost, rel=1e-9)
            cells = csv_line(shipped_dir(), record["file"], record["row"])
            assert cells["source"] == record["source"]
            assert cells["verified_on"] == record["verified_on"]
            if record["kind"] not in ("minimum_top_up", "allowance"):
                assert record["unit_price_usd"] in numbers_in(cells), record["line"]
            seen.add(record["file"])
    assert {"labour.csv", "finetuning.csv", "gpu_rental.csv", "retrieval.csv"} <= seen


def test_explain_finds_a_line_by_its_beginning(command_line: Run) -> None:
    words = ["explain", SUPPORT_BOT, "--option", RAG, "--month", "2027-02", "--json"]
    records = answer(command_line(*words, "--line", "serve/"))
    assert records
    assert all(record["line"].startswith("serve/") for record in records)
    assert all(record["month"] == "2027-02" for record in records)


def test_the_lines_of_a_bill_add_up_to_its_total(command_line: Run, tmp_path: Path) -> None:
    target = tmp_path / "bill.csv"
    found = answer(command_line("bill", SUPPORT_BOT, "--option", RAG, "--csv", target, "--json"))
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = ["line", "month", "phase", "cause", "provider", "sku", "meter", "quantity"]
    columns += ["unit_price_usd", "cost_usd", "formula", "file", "row", "source", "verified_on"]
    assert set(columns) <= set(rows[0])
    total = math.fsum(float(row["cost_usd"]) for row in rows)
    assert total == pytest.approx(found["total_usd"])
    assert math.fsum(line["cost_usd"] for line in found["lines"]) == pytest.approx(total)
    assert sum(found["by_phase"].values()) == pytest.approx(total)
    for row in rows:
        cost = float(row["quantity"]) * float(row["unit_price_usd"])
        assert float(row["cost_usd"]) == pytest.approx(cost, rel=1e-9)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bill.csv"]


def test_a_bill_for_people_names_lines_and_price_rows(command_line: Run) -> None:
    text = text_of(command_line("bill", SUPPORT_BOT, "--option", RAG))
    assert "serve/openai/gpt-6-luna/output_mtok" in text
    assert "inference/openai.csv:" in text
    # the same dollars as in the comparison
    total = float(cm.compare(cm.Scenario.read(SUPPORT_BOT)).bills[RAG].total)
    assert f"Total ${total:,.0f}, upkeep" in text


# price and train


def test_price_over_a_tier_bills_the_whole_request_higher(command_line: Run) -> None:
    words = ["price", "google", "gemini-2.5-pro", "--output", "1000", "--on", "2026-11-01"]
    below = answer(command_line(*words, "--input", "200000", "--json"))
    above = answer(command_line(*words, "--input", "200001", "--json"))
    # 0.2 x 1.25 + 0.001 x 10, and 0.200001 x 2.50 + 0.001 x 15
    assert below["usd"] == pytest.approx(0.26)
    assert above["usd"] == pytest.approx(0.5150025)
    assert set(above) >= {"usd", "lines", "assumptions", "warnings"}
    assert math.fsum(line["cost_usd"] for line in above["lines"]) == pytest.approx(above["usd"])
    for line in above["lines"]:
        cells = csv_line(shipped_dir(), line["file"], line["row"])
        assert line["unit_price_usd"] in numbers_in(cells)


def test_price_of_cached_written_and_batched_tokens_by_hand(
    command_line: Run, example_dir: Path
) -> None:
    words: list[str | Path] = [
        "price",
        "example",
        "writer-1",
        "--prices",
        example_dir,
        "--on",
        "2026-12-01",
    ]
    words += ["--input", "10k", "--cached", "2k", "--cache-write", "3000", "--output", "1_000"]
    found = answer(command_line(*words, "--requests", "1M", "--json"))
    # a million times 0.005 x 1 + 0.002 x 0.1 + 0.003 x 1.25 + 0.001 x 4
    assert found["usd"] == pytest.approx(12_950)
    words = ["price", "example", "mini-1", "--prices", example_dir, "--on", "2026-12-01"]
    words += ["--input", "10000", "--output", "2000", "--mode", "batch"]
    batch = answer(command_line(*words, "--json"))
    # 0.01 x 0.2 + 0.002 x 0.8
    assert batch["usd"] == pytest.approx(0.0036)


def test_price_for_people_shows_dollars_row_and_day(command_line: Run) -> None:
    text = text_of(
        command_line("price", "openai", "gpt-6-luna", "--input", "1000", "--on", "2026-12-01")
    )
    assert text.startswith("$")
    assert "inference/openai.csv:" in text
    assert "2026-11-20" in text


def test_a_small_job_at_together_costs_its_minimum(command_line: Run) -> None:
    words = ["train", "together", "Qwen/Qwen3.5-9B", "--tokens", "418k", "--epochs", "3"]
    words += ["--on", "2026-12-01"]
    found = answer(command_line(*words, "--json"))
    # 1.254 Mtok x 0.48 = 0.60192, topped up to 4
    assert found["usd"] == pytest.approx(4.0)
    training, top_up = found["lines"]
    assert training["cost_usd"] == pytest.approx(0.60192)
    assert (top_up["quantity"], top_up["unit_price_usd"]) == (pytest.approx(3.39808), 1.0)
    assert (top_up["file"], top_up["row"]) == (training["file"], training["row"])
    cells = csv_line(shipped_dir(), top_up["file"], top_up["row"])
    assert float(cells["minimum"]) == 4.0
    assert text_of(command_line(*words)).startswith("$4 ")


def test_a_large_job_at_together_is_billed_by_tokens(command_line: Run) -> None:
    words = ["train", "together", "Qwen/Qwen3.5-9B", "--tokens", "10M", "--epochs", "3"]
    found = answer(command_line(*words, "--on", "2026-12-01", "--json"))
    assert found["usd"] == pytest.approx(30 * 0.48)
    assert [line["meter"] for line in found["lines"]] == ["train_mtok"]


def test_training_that_closes_soon_is_warned_about(command_line: Run) -> None:
    words = ["train", "openai", "gpt-4.1-mini", "--tokens", "1M", "--epochs", "3", "--json"]
    found = answer(command_line(*words, "--on", "2027-01-05"))
    assert "2027-01-06" in " ".join(found["warnings"])
    status, out, err = command_line(*words, "--on", "2027-01-06")
    assert (status, out) == (2, "")
    assert "2027-01-06" in err


# validate


def test_prices_of_known_cases_are_predicted_exactly(
    command_line: Run, example_dir: Path, tmp_path: Path
) -> None:
    target = tmp_path / "rows.csv"
    words = ["validate", "prices", CASES, "--prices", example_dir, "--rows", target]
    found = answer(command_line(*words, "--json"))
    assert (found["rows"], found["n"]) == (10, 8)
    assert found["share_exact"] == 1.0
    assert found["median_absolute_percentage_error"] == pytest.approx(0.0, abs=1e-9)
    assert found["share_within_25_percent"] == found["share_within_2x"] == 1.0
    unknown, early = found["skipped"]
    assert unknown["line"] == 10
    assert "mimi-1" in unknown["reason"]
    assert "did you mean 'mini-1'" in unknown["reason"]
    assert early["line"] == 11
    assert "2027-06-01" in early["reason"]
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[-2:] == ["predicted", "ratio"]
    assert [row["case"] for row in rows][-2:] == ["no such model", "on sale from 2027-06-01 on"]
    for row in rows[:8]:
        assert float(row["predicted"]) == pytest.approx(float(row["expected_usd"]), rel=1e-9)
        assert float(row["ratio"]) == pytest.approx(1.0)
    assert [row["predicted"] for row in rows[8:]] == ["", ""]


def test_validation_for_people_says_what_was_skipped_and_why(
    command_line: Run, example_dir: Path
) -> None:
    text = text_of(command_line("validate", "prices", CASES, "--prices", example_dir))
    assert "8 of 10 rows predicted" in text
    assert "skipped line 10: example has no model 'mimi-1'" in text


def test_wrong_expectations_show(command_line: Run, tmp_path: Path, example_dir: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "provider,model,input_tokens,output_tokens,date,expected_usd\n"
        "example,mini-1,1000000,0,2026-12-01,0.4\n"
        "example,mini-1,1000000,0,2026-12-01,0.5\n"
        "example,mini-1,1000000,0,2026-12-01,1.6\n",
        "utf-8",
    )
    found = answer(command_line("validate", "prices", cases, "--prices", example_dir, "--json"))
    # ratios 1, 0.8 and 0.25
    assert found["n"] == 3
    assert found["median_absolute_percentage_error"] == pytest.approx(0.2)
    assert found["share_exact"] == pytest.approx(1 / 3)
    assert found["share_within_25_percent"] == pytest.approx(2 / 3)
    assert found["share_within_2x"] == pytest.approx(2 / 3)


# price tables


def test_the_shipped_tables_are_in_order(command_line: Run) -> None:
    assert "in order" in text_of(command_line("pricing", "check"))
    assert answer(command_line("pricing", "check", "--json"))["problems"] == []


def test_a_copy_of_the_tables_is_in_order(command_line: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert str(mine) in text_of(command_line("pricing", "init", mine))
    shipped = {p.relative_to(shipped_dir()) for p in shipped_dir().rglob("*.csv")}
    assert {p.relative_to(mine) for p in mine.rglob("*.csv")} == shipped
    assert answer(command_line("pricing", "check", mine, "--json"))["problems"] == []
    empty = tmp_path / "empty"
    empty.mkdir()
    assert answer(command_line("pricing", "init", empty, "--json")) == {"folder": str(empty)}


def test_init_never_writes_into_a_folder_in_use(command_line: Run, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("mine", "utf-8")
    status, out, err = command_line("pricing", "init", tmp_path)
    assert (status, out) == (2, "")
    assert "not empty" in err
    assert "name a new folder" in err
    assert [entry.name for entry in tmp_path.iterdir()] == ["note.txt"]


def test_check_names_the_first_mistake_of_each_file(command_line: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(shipped_dir(), mine)
    for name, old, new in (("labour.csv", "32.89", "$33"), ("gpus.csv", "NVIDIA-A10,", "x,y,")):
        text = (mine / name).read_text("utf-8")
        (mine / name).write_text(text.replace(old, new, 1), "utf-8")
    status, out, err = command_line("pricing", "check", mine)
    assert (status, out) == (2, "")
    gpus, labour = sorted(err.splitlines())
    assert gpus.startswith("gpus.csv line 2: has 23 cells")
    assert labour == "labour.csv line 2: per_hour must be a number >= 0, got '$33'"
    status, out, err = command_line("pricing", "check", mine, "--json")
    assert (status, err) == (2, "")
    assert sorted(json.loads(out)["problems"]) == [gpus, labour]


# which tables


LUNA = ("price", "openai", "gpt-6-luna", "--input", "1M", "--on", "2026-12-01", "--json")
OWN = (
    "model,input_per_mtok,output_per_mtok,source,source_kind,verified_on\n"
    "gpt-6-luna,7,9,https://example.com/contract,contract,2026-11-01\n"
)


def own_tables(folder: Path, text: str = OWN) -> Path:
    (folder / "inference").mkdir(parents=True)
    (folder / "inference" / "openai.csv").write_text(text, "utf-8")
    return folder


def test_prices_lays_a_folder_over_the_shipped_tables(command_line: Run, tmp_path: Path) -> None:
    mine = own_tables(tmp_path / "mine")
    # above the tier of 272,000 tokens the shipped row stays; below it the own one holds
    small = [word if word != "1M" else "100k" for word in LUNA]
    assert answer(command_line(*small, "--prices", mine))["usd"] == pytest.approx(0.7)
    found = answer(command_line("compare", SUPPORT_BOT, "--json", "--prices", mine))
    assert found["price_tables"][-1] == str(mine)
    assert str(mine) in text_of(command_line("compare", SUPPORT_BOT, "--prices", mine))


def test_the_variable_names_a_folder_of_own_tables(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = own_tables(tmp_path / "mine")
    small = [word if word != "1M" else "100k" for word in LUNA]
    before = answer(command_line(*small))["usd"]
    monkeypatch.setenv("COSTMODEL_PRICES", str(mine))
    assert answer(command_line(*small))["usd"] == pytest.approx(0.7)
    assert before != pytest.approx(0.7)
    monkeypatch.setenv("COSTMODEL_PRICES", str(tmp_path / "nowhere"))
    status, out, err = command_line(*small)
    assert (status, out) == (2, "")
    assert "nowhere" in err


def test_a_folder_called_pricing_is_found_where_one_works(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_tables(tmp_path / "pricing")
    monkeypatch.chdir(tmp_path)
    small = [word if word != "1M" else "100k" for word in LUNA]
    assert answer(command_line(*small))["usd"] == pytest.approx(0.7)


def git(folder: Path, *words: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(
        ["git", *settings, *words],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )


def test_prices_takes_the_tables_of_a_git_revision(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(shipped_dir(), tmp_path / "pricing")
    table = tmp_path / "pricing" / "labour.csv"
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "pricing")
    git(tmp_path, "commit", "--quiet", "--message", "then")
    table.write_text(table.read_text("utf-8").replace(",32.89,", ",3289,"), "utf-8")
    git(tmp_path, "commit", "--quiet", "--all", "--message", "now")
    monkeypatch.chdir(tmp_path)
    words = ["explain", SUPPORT_BOT, "--option", "Tuned Nova Micro at Bedrock", "--json"]
    words += ["--line", "label/team/annotator/person_hour"]

    def rates(*more: str) -> set[float]:
        return {record["unit_price_usd"] for record in answer(command_line(*words, *more))}

    assert rates() == rates("--prices", "HEAD") == {3289.0}
    assert rates("--prices", "HEAD~1") == {32.89}
    status, out, err = command_line("compare", SUPPORT_BOT, "--prices", "no-such-revision")
    assert (status, out) == (2, "")
    assert "no-such-revision" in err
    assert "neither a folder nor a git revision" in err


def test_outputs_name_the_revision_whose_prices_they_use(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(shipped_dir(), tmp_path / "pricing")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "pricing")
    git(tmp_path, "commit", "--quiet", "--message", "then")
    monkeypatch.chdir(tmp_path)
    found = [
        answer(command_line("compare", SUPPORT_BOT, "--json", "--prices", "HEAD")) for _ in range(2)
    ]
    assert "HEAD" in " ".join(found[0]["price_tables"])
    assert found[0] == found[1]


# notebooks


def test_lab_copies_the_notebooks_and_never_overwrites(command_line: Run, tmp_path: Path) -> None:
    target = tmp_path / "work"
    found = answer(command_line("lab", target, "--no-open", "--json"))
    copy = target / "scenarios" / "support_bot.toml"
    assert str(copy) in found["copied"]
    assert copy.read_bytes() == SUPPORT_BOT.read_bytes()
    copy.write_text("mine", "utf-8")
    (target / "note.txt").write_text("mine", "utf-8")
    again = answer(command_line("lab", target, "--no-open", "--json"))
    assert again == {"folder": str(target), "copied": [], "kept": [str(copy)]}
    assert copy.read_text("utf-8") == "mine"
    assert (target / "note.txt").read_text("utf-8") == "mine"
    said = text_of(command_line("lab", target, "--no-open"))
    assert "0 files copied" in said
    assert "1 that you changed were kept" in said
    assert not list(target.rglob("*.part"))


PROGRAM = (sys.executable, "-c", "from costmodel.cli import main; main()")
FULL = Path("/dev/full")


@pytest.mark.parametrize(
    "words", [("bill", SUPPORT_BOT, "--option", RAG), ("tokens", "a", "--json"), ("--help",)]
)
def test_a_reader_that_has_seen_enough_ends_it_silently(words: Sequence[str]) -> None:
    job = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert job.stdout is not None
    assert job.stderr is not None
    job.stdout.close()
    assert job.stderr.read() == b""
    job.stderr.close()
    assert job.wait() == 141  # 128 + SIGPIPE, as a shell says it


def test_an_interrupt_ends_it_silently() -> None:
    with subprocess.Popen(
        # a shell that runs the tests in the background has it ignored
        ["env", "--default-signal=INT", *PROGRAM, "tokens", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as job:
        assert job.stdin is not None
        # more than a pipe holds: it has been read when the line returns
        job.stdin.write(b"What does it cost? " * 10_000)
        job.send_signal(signal.SIGINT)
        assert job.communicate()[1] == b""
    assert job.returncode == 130


def test_closed_streams_are_no_error() -> None:
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&-', "sh", *PROGRAM, "tokens", "a"],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert (closed.returncode, closed.stderr) == (0, b"")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("how", [(), ("--json",)])
def test_a_full_disk_is_one_line(how: Sequence[str]) -> None:
    with FULL.open("w") as full:
        words = [*PROGRAM, "tokens", "a", *how]
        ran = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ran.returncode == 2
    assert ran.stderr == b"costmodel: output: No space left on device\n"


def test_a_terminal_without_the_characters_still_shows_the_rest() -> None:
    data = ROOT / "notebooks" / "data" / "support_bot.jsonl"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for how in ((), ("--json",)):
        words = [*PROGRAM, "tokens", data, *how]
        ran = subprocess.run(words, capture_output=True, check=True, env=environment)
        assert b"openai_chat" in ran.stdout


# what is written


def test_a_device_takes_what_is_written_and_stays_one(tmp_path: Path) -> None:
    # a pipe stands for all that is no file, /dev/null and /dev/stdout included
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        write_text(pipe, "a,b\n")
        assert reader.communicate()[0] == "a,b\n"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_what_a_command_reads_is_never_written_over(command_line: Run, tmp_path: Path) -> None:
    scenario = tmp_path / "bot.toml"
    scenario.write_bytes(SUPPORT_BOT.read_bytes())
    link = tmp_path / "link.csv"
    link.symlink_to(scenario)
    for out in (scenario, link):
        for how in (("--csv", out), (f"--csv={out}",)):
            status, _, err = command_line("bill", scenario, "--option", RAG, *how)
            assert (status, "is named twice" in err) == (2, True)
    assert scenario.read_bytes() == SUPPORT_BOT.read_bytes()
    twice = tmp_path / "u.csv"
    log = ROOT / "notebooks" / "data" / "usage_log.csv"
    status, _, err = command_line("usage", log, "--csv", twice, "--focus", twice)
    assert (status, "is named twice" in err, twice.exists()) == (2, True, False)


def test_every_option_that_names_a_file_is_known_to_read_or_to_write_it() -> None:
    read = {"--validation", "--scenario", "--profile", "--anchors", "--paid", "--dir", "--to"}
    commands = [command for each in (app, validate_app, pricing_app, fit_app)
                for command in each.registered_commands]  # fmt: skip
    assert len(commands) >= 40
    for command in commands:
        assert command.callback is not None
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *told = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            if told and isinstance(told[0], OptionInfo) and Path in (kind, *get_args(kind)):
                known = {told[0].default, f"--{name}"}
                assert known & {*OUTPUTS, *read}, (command.name, name)


def test_a_number_of_tokens_is_no_file(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("1000").write_text("mine")
    words = ("openai", "gpt-6-luna", "--input", "1000", "--output", "1000")
    assert answer(command_line("price", *words, "--json"))["usd"] > 0


def test_a_name_that_is_no_text_is_refused_before_anything_is_written(
    command_line: Run, tmp_path: Path
) -> None:
    words = ("openai", "a\udcff", "input=1", "output=4", "--source", "https://example.com/x")
    status, out, err = command_line("pricing", "add", *words, "--dir", tmp_path)
    assert (status, out, list(tmp_path.rglob("*.csv"))) == (2, "", [])
    assert "not UTF-8 text" in err


def test_a_comparison_in_which_nothing_can_be_had_cites_no_prices(
    command_line: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "ended.toml"
    path.write_text(
        """\
version = 1
name = "ended"
start = 2026-12-01
months = 12
[workload]
requests = 100
parts = {question = 100, answer = 10}
[[option]]
name = "Realtime"
model = "gpt-4o-realtime-preview"
host = {kind = "per_token", provider = "openai"}
""",
        "utf-8",
    )
    status, out, _ = command_line("compare", path)
    assert status == 0
    assert "Realtime is not feasible: " in out
    assert "between" not in out


def test_a_folder_without_tables_is_refused(command_line: Run, tmp_path: Path) -> None:
    status, out, err = command_line("compare", SUPPORT_BOT, "--prices", tmp_path)
    assert (status, out) == (2, "")
    assert "holds no price tables" in err


def test_a_complaint_that_quotes_a_long_line_is_cut(command_line: Run, tmp_path: Path) -> None:
    profile = tmp_path / "profile.csv"
    profile.write_text("x" * 100_000)
    words = ("serve", "Qwen3.5-27B", "--gpu", "H100-SXM", "--profile", profile)
    status, _, err = command_line(*words)
    assert (status, "holds numbers only" in err, len(err) < 2000) == (2, True, True)
