"""What an import proposes, and what accepting it writes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import costmodel
from costmodel.cli import main
from costmodel.cli.imports import with_question
from costmodel.errors import DataError, PriceError
from costmodel.prices import imports, sources
from costmodel.prices.book import PriceBook
from costmodel.prices.matching import squeezed
from costmodel.prices.writing import editing, read_raw

ON = date(2026, 11, 21)
Place = Callable[..., Path]
STORM = Path(__file__).parent / "import_storm.py"

OPENAI = (
    "model,mode,over_input_tokens,input_per_mtok,cached_input_per_mtok,output_per_mtok,"
    "effective_from,note",
    "swift-1,standard,,0.2,,0.5,2026-01-01,via litellm 1.0",
    "swift-gone,standard,,1,,2,,via litellm 1.0",
    "swift-kept,standard,,1,,2,,read on the page",
)
MODELS = (
    "provider,model,aliases,retires,retires_kind",
    "openai,swift-0,,2027-06-01,announced",
    "openai,swift-1,,,",
)
ENDS = "model,input_per_mtok,output_per_mtok", "swift-0,1,2"


@pytest.fixture
def folder(tables: Callable[..., Path]) -> Path:
    """Return a folder of few prices."""
    return tables(
        inference__openai=OPENAI,
        inference__deepseek=("model,input_per_mtok,output_per_mtok", "deep-1,0.15,0.6"),
        inference__xai=("model,input_per_mtok,output_per_mtok", "groc-2,5,25"),
        models=MODELS,
        gpus=("gpu,memory_gb,aliases", "H100-SXM,80,H100|H100 SXM"),
        gpu_rental=(
            "provider,instance,gpu,gpu_count,region,market,price_per_hour",
            "aws,p5.48xlarge,H100-SXM,8,us-east-1,on_demand,98.32",
            "runpod,old,H100-SXM,1,,on_demand,2",
        ),
    )


@pytest.fixture
def proposed(folder: Path, place: Place) -> Callable[..., imports.Proposal]:
    """Return a function that imports a source into the folder."""

    def propose(name: str, text: str = "", as_of: str = "", file: str = "") -> imports.Proposal:
        reading = sources.read(name, str(place(name, text, file)), ON)
        book = PriceBook.read(folder, shipped=False)
        return imports.proposal(name, reading.origin, reading.frame, [folder], book, ON, as_of)

    return propose


def accept(found: imports.Proposal, folder: Path, said: str) -> list[imports.Change]:
    """Take over what a filter names."""
    with editing(folder) as tables:
        made = imports.changes(imports.filtered(found.proposed, said), found, folder)
        imports.apply(made, tables, [folder])
    return made


def one(found: pd.DataFrame, **wanted: Any) -> Any:
    """Return the one row with these cells."""
    for column, value in wanted.items():
        found = found[found[column] == value]
    assert len(found) == 1, found
    return found.iloc[0]


def price(folder: Path, model: str, on: str, column: str = "input_mtok") -> float:
    """Return the price in force of a model of OpenAI."""
    from costmodel.prices.rows import METER_INDEX

    book = PriceBook.read(folder, shipped=False)
    frame = pd.DataFrame({"provider": ["openai"], "model": [model], "on": [on]})
    return float(book.usd[book.prices(frame)[0], METER_INDEX[column]])


def test_a_price_that_fell_by_half_is_proposed_with_both_figures_and_the_source(
    proposed: Callable[..., imports.Proposal],
) -> None:
    row = one(
        proposed("litellm").proposed,
        model="swift-1",
        mode="standard",
        column="input_per_mtok",
        over_input_tokens=0,
    )
    assert (row["status"], row["old"], row["new"], row["percent"]) == ("changed", 0.2, 0.1, -50)
    assert row["source"] == "https://example.com/openai"
    assert (row["our_file"], row["our_line"]) == ("inference/openai.csv", 2)


def test_a_blank_of_ours_is_filled_and_an_equal_price_is_no_proposal(
    proposed: Callable[..., imports.Proposal],
) -> None:
    found = proposed("litellm").frame
    mine = found[
        (found["model"] == "swift-1")
        & (found["provider"] == "openai")
        & (found["mode"] == "standard")
        & (found["over_input_tokens"] == 0)
    ].set_index("column")["status"]
    assert mine["cached_input_per_mtok"] == "filled"
    assert mine["output_per_mtok"] == "same"


def test_a_price_of_ours_in_euros_is_compared_in_dollars(
    folder: Path, tables: Callable[..., Path], place: Place
) -> None:
    euros = tables(
        inference__openai=(
            "model,mode,input_per_mtok,output_per_mtok,currency",
            "swift-1,standard,0.08,0.5,EUR",
        ),
        fx=("currency,usd_per_unit,effective_from", "EUR,1.25,", "EUR,2,2027-01-01"),
    )
    layers = [folder, euros]
    reading = sources.read("litellm", str(place("litellm")), ON)
    book = PriceBook.read(*layers, shipped=False)
    found = imports.proposal("litellm", "litellm 1.2", reading.frame, layers, book, ON)
    mine = imports.filtered(found.frame, "provider=openai,model=swift-1,mode=standard,doubt=*")
    status = mine[mine["over_input_tokens"] == 0].set_index("column")["status"]
    # 0.08 EUR at 1.25 is the $0.1 of the source, 0.5 EUR are $0.625 and not its $0.5
    assert (status["input_per_mtok"], status["output_per_mtok"]) == ("same", "changed")
    # the row would keep its other figures in euros
    with pytest.raises(PriceError, match="line 2: is in EUR, the source in US dollars"):
        accept(found, euros, "model=swift-1,column=output_per_mtok")


def test_what_was_read_there_and_is_there_no_more_is_gone(
    proposed: Callable[..., imports.Proposal],
) -> None:
    assert list(proposed("litellm").gone["model"]) == ["swift-gone"]


def test_accepting_adds_a_dated_row_and_leaves_the_old_one(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    path = folder / "inference/openai.csv"
    before = read_raw(path, "inference/openai.csv").rows
    accept(proposed("litellm"), folder, "model=swift-1,mode=standard,status=changed")
    rows = read_raw(path, "inference/openai.csv").rows
    assert all(any(old.items() <= row.items() for row in rows) for old in before)
    assert len(rows) == len(before) + 1
    assert price(folder, "swift-1", "2026-11-20") == 0.2
    assert price(folder, "swift-1", "2026-11-21") == 0.1
    new = next(row for row in rows if row["effective_from"] == "2026-11-21")
    assert new["source"] == "https://example.com/openai"
    assert (new["source_kind"], new["verified_on"]) == ("secondary", "2026-11-21")
    assert new["note"] == "via litellm"


def test_what_a_source_does_not_say_stays_as_it_was(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    accept(proposed("litellm"), folder, "model=swift-1,mode=standard,column=cached*")
    assert price(folder, "swift-1", "2026-12-01", "cached_input_mtok") == 0.01
    assert price(folder, "swift-1", "2026-12-01") == 0.2


def test_a_model_that_is_new_gets_its_row_of_models(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    accept(proposed("litellm"), folder, "provider=openai,model=swift-0,table=inference")
    assert price(folder, "swift-0", "2026-11-21") == 1
    accept(proposed("genai-prices"), folder, "model=groc-1")
    rows = (folder / "models.csv").read_text()
    assert any(line.startswith("xai,groc-1,") and "500000" in line for line in rows.splitlines())


def test_an_end_that_moved_replaces_the_row_of_models(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    found = proposed("litellm")
    row = one(found.proposed, table="models", model="swift-0")
    assert (str(row["old"]), row["new"]) == ("2027-06-01", "2027-01-14")
    accept(found, folder, "table=models,model=swift-0")
    lines = [x for x in (folder / "models.csv").read_text().splitlines() if "swift-0" in x]
    assert len(lines) == 1
    assert "2027-01-14" in lines[0]


def test_an_announced_price_is_accepted_with_its_day(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    found = proposed("genai-prices")
    row = one(found.proposed, model="groc-2", column="input_per_mtok", since="2026-12-01")
    assert (row["old"], row["new"]) == (5, 6)
    accept(found, folder, "provider=xai,model=groc-2,mode=standard")
    rows = read_raw(folder / "inference/xai.csv", "inference/xai.csv").rows
    assert {
        r["effective_from"]: r["input_per_mtok"] for r in rows if not r["over_input_tokens"]
    } == {
        "": "5",
        "2026-12-01": "6",
    }


def test_doubtful_rows_are_taken_only_when_asked_for(
    proposed: Callable[..., imports.Proposal],
) -> None:
    found = proposed(
        "litellm",
        json.dumps(
            {
                "deepseek/deep-1": {
                    "litellm_provider": "deepseek",
                    "mode": "chat",
                    "input_cost_per_token": 0.0,
                    "output_cost_per_token": 0.0,
                }
            }
        ),
    ).proposed
    assert list(found["doubt"]) == ["0 may mean unknown"] * 2
    assert imports.filtered(found, "all").empty
    assert len(imports.filtered(found, "model=deep-1,doubt=*")) == 2


def test_a_thousandfold_price_is_a_slip_of_the_unit(
    proposed: Callable[..., imports.Proposal],
) -> None:
    found = proposed(
        "litellm",
        json.dumps(
            {
                "swift-kept": {
                    "litellm_provider": "openai",
                    "mode": "chat",
                    "input_cost_per_token": 1e-03,
                    "output_cost_per_token": 2e-06,
                }
            }
        ),
    ).proposed
    assert one(found, column="input_per_mtok")["cause"] == "unit: a power of ten apart"


def test_an_older_source_does_not_overrule_a_row_that_was_seen_later(
    proposed: Callable[..., imports.Proposal],
) -> None:
    found = proposed("litellm", as_of="2026-08-11").proposed
    changed = found[(found["status"] == "changed") & (found["table"] == "inference")]
    assert changed["doubt"].str.startswith("the source is of 2026-08-11").all()


def test_a_peak_is_compared_with_a_peak(proposed: Callable[..., imports.Proposal]) -> None:
    found = proposed("litellm").frame
    mine = found[(found["model"] == "deep-1") & (found["window"] == "")]
    assert set(mine["status"]) == {"same"}
    peak = found[(found["model"] == "deep-1") & (found["window"] != "")]
    assert set(peak["status"]) == {"new"}


def test_rent_of_gpus_is_compared_by_instance_region_and_market(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    found = proposed("skypilot", file="aws/vms.csv")
    row = one(found.proposed, instance="p5.48xlarge", market="on_demand")
    assert (row["old"], row["new"]) == (98.32, 55.04)
    accept(found, folder, "provider=aws,status=changed")
    rows = (folder / "gpu_rental.csv").read_text().splitlines()
    assert sum("p5.48xlarge" in line for line in rows) == 2


def test_an_instance_of_another_name_is_found_by_its_gpu_and_doubted(
    proposed: Callable[..., imports.Proposal],
) -> None:
    row = one(proposed("skypilot", file="runpod/vms.csv").proposed, instance="old")
    assert (row["instance"], row["old"], row["new"]) == ("old", 2, 3.99)
    assert "by GPU and number" in row["doubt"]


def test_a_gpu_that_is_unknown_is_refused_and_nothing_is_written(
    proposed: Callable[..., imports.Proposal], folder: Path
) -> None:
    text = "InstanceType,AcceleratorName,AcceleratorCount,Price,Region\np9,X900,1,3.5,us-east-1\n"
    before = (folder / "gpu_rental.csv").read_bytes()
    with pytest.raises(PriceError, match="does not know the GPU 'X900'"):
        accept(proposed("skypilot", text, file="aws/vms.csv"), folder, "all")
    assert (folder / "gpu_rental.csv").read_bytes() == before


@pytest.mark.parametrize("said", ["openai", "modle=x", "model", "=x", ""])
def test_a_filter_that_is_none_is_one_clear_line(
    proposed: Callable[..., imports.Proposal], said: str
) -> None:
    with pytest.raises(DataError, match="say all, or column=pattern"):
        imports.filtered(proposed("litellm").proposed, said)


def test_what_was_imported_reads_back_the_same(folder: Path, place: Place) -> None:
    reading = sources.read("litellm", str(place("litellm")), ON)
    assert imports.keep(reading, folder, ON) == 0
    again = imports.read_imported(folder, "litellm")
    pd.testing.assert_frame_equal(again[reading.frame.columns], reading.frame, check_dtype=False)
    assert set(again["imported_on"]) == {"2026-11-21"}
    # it is no table: prices stay as they are
    assert price(folder, "swift-1", "2026-12-01") == 0.2
    assert "Berri AI" in (folder / "imported/NOTICE").read_text()


def test_cells_that_a_spreadsheet_would_run_are_left_out(folder: Path, place: Place) -> None:
    entry = {"litellm_provider": "cloudflare", "mode": "chat", "input_cost_per_token": 1e-6}
    text = json.dumps({"@cf/model": entry, "=1+1": entry, "plain": entry})
    reading = sources.read("litellm", str(place("litellm", text)), ON)
    assert imports.keep(reading, folder, ON) == 4
    assert "=1+1" not in (folder / "imported/litellm.csv").read_text()


@pytest.mark.parametrize("broken", ["", "a,b\n1,2\n", "\x00", "table\n"])
def test_an_imported_file_that_is_broken_says_what_to_do(folder: Path, broken: str) -> None:
    (folder / "imported").mkdir()
    (folder / "imported/litellm.csv").write_text(broken)
    with pytest.raises(DataError, match="import it again: costmodel pricing import litellm"):
        imports.read_imported(folder, "litellm")


def test_a_table_of_five_thousand_models_is_compared_in_five_seconds(
    folder: Path, place: Place
) -> None:
    entry = {
        f"{kind}_cost_per_token{mode}": 1e-06
        for kind in ("input", "output")
        for mode in ("", "_batches")
    }
    many = {
        f"swift-{k}": {"litellm_provider": "openai", "mode": "chat", **entry} for k in range(5_000)
    }
    path = place("litellm", json.dumps(many))
    began = time.process_time()
    reading = sources.read("litellm", str(path), ON)
    imports.keep(reading, folder, ON)
    book = PriceBook.read(folder, shipped=False)
    found = imports.proposal("litellm", reading.origin, reading.frame, [folder], book, ON)
    assert len(found.proposed) == 5_000 * 2 * 2
    assert time.process_time() - began < 5


def test_names_are_the_same_without_separators_years_and_versions() -> None:
    assert squeezed("gpt-4o-2024-08-06") == squeezed("gpt 4o 0806")
    assert squeezed("anthropic.claude-opus-5-5-v1:0") == squeezed("Claude Opus 5.5")
    assert squeezed("ft:gpt-4o") != squeezed("gpt-4o")


def test_accept_without_a_filter_asks(
    folder: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert with_question(["import", "x", "--accept", "--json"])[2:] == ["--accept", "ask", "--json"]
    assert with_question(["--accept", "all"]) == ["--accept", "all"]
    words = ["pricing", "import", "litellm", str(place("litellm")), "--dir", str(folder)]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--accept"])
    assert stop.value.code == 2
    assert "asks on a terminal, and there is none" in capsys.readouterr().err


def test_asked_row_by_row_on_a_terminal_one_is_taken_and_one_is_not(
    folder: Path, place: Place
) -> None:
    """Two rows are proposed: yes to the first, no to the second."""
    entry = {"litellm_provider": "openai", "mode": "chat", "output_cost_per_token": 2e-06}
    text = json.dumps(
        {
            "swift-1": {**entry, "input_cost_per_token": 1e-07},
            "swift-kept": {**entry, "input_cost_per_token": 3e-06},
        }
    )
    words = ["pricing", "import", "litellm", str(place("litellm", text)), "--dir", str(folder)]
    program = f"from costmodel.cli import main; main({[*words, '--accept', '--on', '2026-11-21']})"
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=follower,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(costmodel.__file__).parents[1])},
    )
    os.write(leader, b"y\nn\nn\n")
    said, _ = running.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    assert running.returncode == 0, said
    assert "openai/swift-1 standard: input_per_mtok 0.2 -> 0.1 (-50.0 %)" in said
    assert "1 rows written" in said
    assert price(folder, "swift-1", "2026-11-21") == 0.1
    assert price(folder, "swift-kept", "2026-11-21") == 1


def test_the_command_shows_takes_over_and_says_so(
    folder: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["pricing", "import", "litellm", str(place("litellm")), "--dir", str(folder)]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--on", "2026-11-21", "--accept", "model=swift-1,mode=standard"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert "rows written to" in said
    assert (folder / "imported/litellm.csv").is_file()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["litlm", "x"], "did you mean 'litellm'"),
        (["litellm"], "name the file, folder or installed package"),
        (["litellm", "nothing-there"], "no file, folder or installed package"),
        (["litellm", "x", "--dir", "absent"], "no folder of price tables"),
    ],
)
def test_bad_words_are_one_line(
    folder: Path, words: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [] if "--dir" in words else ["--dir", str(folder)]
    with pytest.raises(SystemExit) as stop:
        main(["pricing", "import", *words, *more])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert wanted in said
    assert len(said.splitlines()) == 1


def _storm(folder: Path, place: Place, rounds: int) -> tuple[int, int]:
    command = [sys.executable, str(STORM), str(folder), str(place("litellm")), str(rounds), "7"]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(costmodel.__file__).parents[1])},
    )
    assert ran.returncode == 0, ran.stderr
    old, new = map(int, ran.stdout.split())
    return old, new


@pytest.mark.hypothesis
def test_killed_at_any_moment_the_tables_are_whole_old_or_new(folder: Path, place: Place) -> None:
    rounds = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 10
    old, new = _storm(folder, place, rounds)
    assert old + new == rounds
    assert old > 0


def test_two_at_once_wait_for_each_other(
    proposed: Callable[..., imports.Proposal], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costmodel.prices.writing.PATIENCE_S", 0.01)
    with editing(folder), pytest.raises(PriceError, match="another command is changing"):
        accept(proposed("litellm"), folder, "model=swift-1")
