"""A bad command line, case or table is one line on standard error, status 2, nothing written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from costmodel.prices.book import shipped_dir
from tests.test_bad_input import BASE, Run, check

SCENARIO = "case.toml"
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unknown command": (("compere", SCENARIO), ("compere", "compare")),
    "unknown sub-command": (("pricing", "chek"), ("chek", "check")),
    "no sub-command": (("pricing",), ("pricing --help",)),
    "unknown option": (("compare", SCENARIO, "--jsn"), ("--jsn", "--json")),
    "missing argument": (("compare",), ("FILE", "compare --help")),
    "missing option": (("bill", SCENARIO), ("--option",)),
    "missing value": (("compare", SCENARIO, "--at"), ("--at", "argument")),
    "extra argument": (("compare", SCENARIO, "more"), ("more",)),
    "bad date": (("compare", SCENARIO, "--at", "soon"), ("--at", "2026-12-01", "soon")),
    "more than a date": (("compare", SCENARIO, "--at", "2026-12-01x"), ("--at", "2026-12-01x")),
    "no such day": (("compare", SCENARIO, "--at", "2026-02-30"), ("--at", "2026-02-30")),
    "no such option": (("bill", SCENARIO, "--option", "x"), ("no option 'x'", "known: a, b, c")),
    "no such line": (
        ("explain", SCENARIO, "--option", "a", "--line", "serve/openai/gpt-6-lune"),
        ("no line", "gpt-6-luna"),
    ),
    "no such month": (
        ("explain", SCENARIO, "--option", "a", "--month", "2027-05"),
        ("'2027-05'", "2026-12 to 2027-01"),
    ),
    "no such revision": (("compare", SCENARIO, "--prices", "zzz"), ("--prices", "zzz")),
    "no input": (("price", "openai", "gpt-6-luna"), ("--input",)),
    "bad number": (("price", "openai", "gpt-6-luna", "--input", "lots"), ("--input", "'lots'")),
    "decimal comma": (("price", "openai", "gpt-6-luna", "--input", "1,5k"), ("--input", "'1,5k'")),
    "nan": (("price", "openai", "gpt-6-luna", "--input", "nan"), ("--input", "'nan'")),
    "inf": (("price", "openai", "gpt-6-luna", "--input", "1e999"), ("--input", "'1e999'")),
    "negative": (("price", "openai", "gpt-6-luna", "--input", "-5"), ("--input", "-5")),
    "unknown provider": (("price", "opnai", "gpt-6-luna", "--input", "1"), ("'opnai'", "'openai'")),
    "unknown model": (("price", "openai", "gpt-6-lun", "--input", "1"), ("'gpt-6-luna'",)),
    "unknown mode": (
        ("price", "openai", "gpt-6-luna", "--input", "1", "--mode", "bacth"),
        ("'bacth'", "'batch'"),
    ),
    "unknown region": (
        ("price", "openai", "gpt-6-luna", "--input", "1", "--region", "mars"),
        ("'mars'",),
    ),
    "over the window": (
        ("price", "anthropic", "claude-haiku-4-5", "--input", "200001"),
        ("200,001", "200,000", "context window"),
    ),
    "cached above input": (
        ("price", "openai", "gpt-6-luna", "--input", "10", "--cached", "11"),
        ("cached",),
    ),
    "before the first price": (
        (
            "price",
            "openai",
            "gpt-5.6-luna",
            "--input",
            "1",
            "--mode",
            "batch",
            "--on",
            "2026-01-01",
        ),
        ("priced from 2026-07-30 on", "inference/openai.csv line"),
    ),
    "no tokens": (("train", "together", "Qwen/Qwen3.5-9B"), ("--tokens",)),
    "nobody trains it": (
        ("train", "anthropic", "claude-haiku-5-5", "--tokens", "1M"),
        ("anthropic", "claude-haiku-5-5", "tune"),
    ),
    "unknown method": (
        ("train", "together", "Qwen/Qwen3.5-9B", "--tokens", "1M", "--method", "lara"),
        ("'lara'", "lora"),
    ),
    "unknown objective": (
        ("train", "together", "Qwen/Qwen3.5-9B", "--tokens", "1M", "--objective", "stf"),
        ("'stf'", "sft"),
    ),
    "training too late": (
        ("train", "openai", "gpt-4.1-mini", "--tokens", "1M", "--on", "2027-01-06"),
        ("2027-01-06",),
    ),
    "training at the end of time": (
        ("train", "together", "Qwen/Qwen3.5-9B", "--tokens", "1M", "--on", "9999-12-31"),
        ("9999-12-31",),
    ),
    "no cases": (("validate", "prices", "cases.csv"), ("cases.csv",)),
    "no folder": (("pricing", "check", "nowhere"), ("nowhere",)),
    "init over a file": (("pricing", "init", SCENARIO), (SCENARIO, "name a new folder")),
    "lab over a file": (("lab", SCENARIO, "--no-open"), (SCENARIO, "cannot be written")),
    "target in no folder": (
        ("bill", SCENARIO, "--option", "a", "--csv", "no/such/out.csv"),
        ("out.csv", "cannot be written"),
    ),
    "folder as target": (("bill", SCENARIO, "--option", "a", "--csv", "."), ("folder",)),
    "empty target": (("bill", SCENARIO, "--option", "a", "--csv", ""), ("folder",)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_command_line_is_refused_in_one_line(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    words, said = COMMANDS[name]
    (tmp_path / SCENARIO).write_text(BASE, "utf-8")
    monkeypatch.chdir(tmp_path)
    if name in ("no folder",):
        status, out, err = command_line(*words)
        assert (status, out) == (2, "")
        assert "nowhere" in err
        assert len(err.splitlines()) == 1
    else:
        check(command_line(*words), said)
    assert [entry.name for entry in tmp_path.iterdir()] == [SCENARIO]


def test_a_folder_as_target_leaves_nothing_behind(command_line: Run, tmp_path: Path) -> None:
    path, target = tmp_path / SCENARIO, tmp_path / "folder"
    path.write_text(BASE, "utf-8")
    target.mkdir()
    ran = command_line("bill", path, "--option", "a", "--csv", target)
    check(ran, (str(target), "folder"))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [SCENARIO, "folder"]


def test_a_revision_that_reads_like_an_option_of_git_overwrites_nothing(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SCENARIO).write_text(BASE, "utf-8")
    (tmp_path / "pricing").mkdir()
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True, timeout=60)
    monkeypatch.chdir(tmp_path)
    check(command_line("compare", SCENARIO, f"--prices=--output={SCENARIO}"), ("--prices",))
    assert (tmp_path / SCENARIO).read_text("utf-8") == BASE


def test_without_git_a_revision_is_refused(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SCENARIO).write_text(BASE, "utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = command_line("compare", tmp_path / SCENARIO, "--prices", "HEAD")
    check(ran, ("--prices", "HEAD"))


# cases to validate

CASES = "provider,model,input_tokens,output_tokens,date,expected_usd\n"
GOOD = "openai,gpt-6-luna,1000,100,2026-12-01,1\n"
BAD_CASES = {
    "empty": (b"", ("cases.csv", "is empty")),
    "binary": (b"\xff\xfe\0\1", ("cases.csv", "UTF-8")),
    "NUL": (CASES.encode() + b"openai,gpt-6-luna,1\0,1,2026-12-01,1\n", ("cases.csv",)),
    "no column": (b"provider,model\na,b\n", ("cases.csv", "input_tokens")),
    "wrong column": (CASES.replace("input_", "inptu_").encode(), ("input_tokens", "inptu_tokens")),
    "no expectation": (CASES.replace("expected_usd", "usd").encode(), ("expected_usd",)),
    "text": ((CASES + GOOD.replace("1000", "many")).encode(), ("cases.csv line 2", "'many'")),
    "negative": ((CASES + GOOD + GOOD.replace("1000", "-1")).encode(), ("line 3", "'-1'")),
    "inf": ((CASES + GOOD.replace("1000", "inf")).encode(), ("line 2", "'inf'")),
    "bad date": ((CASES + GOOD.replace("2026-12-01", "soon")).encode(), ("line 2", "'soon'")),
    "day and month": ((CASES + GOOD.replace("2026-12-01", "12/1/26")).encode(), ("line 2",)),
    "no date": ((CASES + GOOD.replace("2026-12-01", "")).encode(), ("line 2", "date")),
    "cells": ((CASES + "openai,gpt-6-luna\n").encode(), ("line 2", "has 2 cells")),
    "a column twice": (
        (CASES.replace("date", "input_tokens,date") + GOOD.replace("100,", "100,5,")).encode(),
        ("input_tokens", "twice"),
    ),
    "open quote": ((CASES + '"openai').encode(), ("cases.csv",)),
}


@pytest.mark.parametrize("name", BAD_CASES)
def test_wrong_cases_are_refused_in_one_line(command_line: Run, tmp_path: Path, name: str) -> None:
    content, said = BAD_CASES[name]
    path, target = tmp_path / "cases.csv", tmp_path / "rows.csv"
    path.write_bytes(content)
    target.write_text("old", "utf-8")
    check(command_line("validate", "prices", path, "--rows", target), said)
    assert target.read_text("utf-8") == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cases.csv", "rows.csv"]


# tables

LABOUR = "role,per_hour,source,source_kind,verified_on\n"
INFERENCE = "model,input_per_mtok,output_per_mtok,source,source_kind,verified_on\n"
SOURCE = "https://example.com,provider_page,2026-11-01\n"
OWN = {
    "unknown table": ("labor.csv", LABOUR, ("labor.csv", "'labour.csv'")),
    "empty table": ("labour.csv", "", ("labour.csv line 1", "empty")),
    "unknown column": (
        "labour.csv",
        LABOUR.replace("per_hour", "per_hours"),
        ("labour.csv line 1", "'per_hours'", "'per_hour'"),
    ),
    "no source": ("labour.csv", LABOUR + "x,1,,,2026-11-01\n", ("labour.csv line 2", "source")),
    "no day": ("labour.csv", LABOUR + "x,1,https://e,,\n", ("line 2", "verified_on")),
    "price in words": ("labour.csv", LABOUR + "x,$1," + SOURCE, ("line 2", "per_hour", "'$1'")),
    "negative price": ("labour.csv", LABOUR + "x,-1," + SOURCE, ("line 2", "per_hour", "'-1'")),
    "nan": ("labour.csv", LABOUR + "x,nan," + SOURCE, ("line 2", "per_hour", "'nan'")),
    "bad date": ("labour.csv", LABOUR + "x,1,https://e,,1.2.26\n", ("line 2", "'1.2.26'")),
    "duplicate": (
        "labour.csv",
        LABOUR + ("x,1," + SOURCE) * 2,
        ("labour.csv line 3", "duplicate key 'x' of line 2"),
    ),
    "cells": ("labour.csv", LABOUR + "x,1\n", ("labour.csv line 2", "has 2 cells")),
    "unknown word": (
        "inference/openai.csv",
        INFERENCE.replace("model,", "model,mode,") + "m,bach,1,1," + SOURCE,
        ("inference/openai.csv line 2", "'bach'", "'batch'"),
    ),
    "dates out of order": (
        "inference/openai.csv",
        "effective_from,effective_to," + INFERENCE + "2027-01-01,2026-01-01,m,1,1," + SOURCE,
        ("inference/openai.csv line 2", "2026-01-01", "is not after"),
    ),
    "overlap": (
        "inference/openai.csv",
        "effective_from,effective_to,"
        + INFERENCE
        + ("2026-01-01,2026-06-01,m,1,1," + SOURCE)
        + ("2026-03-01,,m,2,2," + SOURCE),
        ("inference/openai.csv line 3", "overlaps line 2"),
    ),
    "window": (
        "inference/openai.csv",
        "window," + INFERENCE + "mornings,m,1,1," + SOURCE,
        ("inference/openai.csv line 2", "'mornings'"),
    ),
    "currency": (
        "labour.csv",
        "currency," + LABOUR + "XXX,x,1," + SOURCE,
        ("labour.csv line 2", "'XXX'", "fx.csv"),
    ),
    "unknown meter": (
        "overrides.csv",
        "provider,meter,price,source,verified_on\nopenai,outptu_mtok,1,https://e,2026-11-01\n",
        ("overrides.csv line 2", "'outptu_mtok'", "'output_mtok'"),
    ),
    "unknown provider": (
        "models.csv",
        "provider,model,source,verified_on\nopnai,m,https://e,2026-11-01\n",
        ("models.csv line 2", "'opnai'", "'openai'"),
    ),
    "open quote": ("labour.csv", LABOUR + '"x,1,', ("labour.csv line 2", "not valid CSV")),
}


@pytest.mark.parametrize("name", OWN)
def test_a_wrong_table_is_refused_in_one_line(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file, text, said = OWN[name]
    path = tmp_path / "pricing" / file
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    (tmp_path / SCENARIO).write_text(BASE, "utf-8")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for words in (
        ("compare", SCENARIO),
        ("bill", SCENARIO, "--option", "a", "--csv", "out.csv"),
        ("price", "openai", "gpt-6-luna", "--input", "1000"),
        ("train", "together", "Qwen/Qwen3.5-9B", "--tokens", "1M"),
    ):
        check(command_line(*words), said)
    assert sorted(tmp_path.rglob("*")) == before
    monkeypatch.chdir(tmp_path.parent)
    check(
        command_line(
            "compare", tmp_path / SCENARIO, "--prices", path.parents[len(Path(file).parts) - 1]
        ),
        said,
    )


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\0\1", b"role\0,per_hour\n", bytes(range(256)), b"\r\r\n\r"]
)
def test_a_table_that_is_no_text_is_refused(
    command_line: Run, tmp_path: Path, content: bytes
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(shipped_dir(), mine)
    (mine / "labour.csv").write_bytes(content)
    words = ("price", "openai", "gpt-6-luna", "--input", "1", "--prices", str(mine))
    check(command_line(*words), ("labour.csv",))
    status, out, err = command_line("pricing", "check", mine)
    assert (status, out) == (2, "")
    assert "labour.csv" in err
