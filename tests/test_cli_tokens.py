"""`costmodel tokens` as a user runs it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

DATA = Path(__file__).parents[1] / "notebooks" / "data"
BOT = str(DATA / "support_bot.jsonl")
KEYS = {"format", "records", "tokens", "by_role", "quantiles", "over_limit", "problems", "billed"}


def test_a_text_is_counted(command_line: Run) -> None:
    status, out, _ = command_line("tokens", "What does it cost?")
    assert (status, out.split()[0]) == (0, "5")
    assert "exact" in out


def test_a_text_is_counted_for_machines(command_line: Run) -> None:
    _, out, _ = command_line("tokens", "What does it cost?", "--model", "gpt-4o", "--json")
    found = json.loads(out)
    assert (found["tokens"], found["encoding"], found["exact"]) == (5, "o200k_base", True)


def test_a_dataset_is_shown_with_what_every_provider_bills(command_line: Run) -> None:
    status, out, _ = command_line("tokens", BOT, "--on", "2026-12-01")
    assert status == 0
    for word in ("openai_chat", "20 records", "P90", "█", "together", "finetuning.csv:"):
        assert word in out


def test_the_keys_for_machines_are_the_documented_ones(command_line: Run) -> None:
    _, out, _ = command_line("tokens", BOT, "--json")
    found = json.loads(out)
    assert found.keys() >= KEYS
    assert sum(found["by_role"].values()) == found["tokens"]
    assert {o["provider"] for o in found["billed"]} >= {"openai", "azure", "together", "bedrock"}


def test_plain_metrics_for_machines(command_line: Run) -> None:
    _, out, _ = command_line("tokens", BOT, "--metrics", "--encoding", "cl100k_base", "--json")
    found = json.loads(out)["metrics"]
    assert found["n_records"] == 20
    assert found["content_tokens"] == sum(
        count for name, count in found.items() if name.startswith("content_tokens_")
    )


def test_standard_input_is_read(command_line: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(BOT).open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        _, out, _ = command_line("tokens", "-", "--json")
    assert json.loads(out)["records"] == 20


def test_several_files_are_counted_together_and_each(command_line: Run) -> None:
    _, out, _ = command_line("tokens", BOT, str(DATA / "legal_qa.jsonl"), "--json")
    found = json.loads(out)
    assert found["records"] == 40
    assert [one["records"] for one in found["files"]] == [20, 20]
    assert found["tokens"] == sum(one["tokens"] for one in found["files"])


def test_a_folder_is_counted_in_processes(command_line: Run, tmp_path: Path) -> None:
    for path in DATA.glob("*.jsonl"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    _, out, _ = command_line("tokens", str(tmp_path), "--workers", "2", "--json")
    assert len(json.loads(out)["files"]) == len(list(DATA.glob("*.jsonl")))


def test_an_estimate_is_labelled(command_line: Run) -> None:
    _, out, _ = command_line("tokens", BOT, "--model", "claude-opus-4-7", "--estimate")
    assert "estimate: o200k_base x 1.488" in out


def test_a_sample_shows_its_interval(command_line: Run) -> None:
    _, out, _ = command_line("tokens", BOT, "--sample", "15")
    assert "95 % interval" in out
    _, out, _ = command_line("tokens", BOT, "--sample", "15", "--json")
    found = json.loads(out)
    assert found["sampled"]["tokens_low"] < found["tokens"] < found["sampled"]["tokens_high"]
    assert not found["exact"]


def test_chunks_of_documents_are_counted(command_line: Run, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(" price" * 1000)
    _, out, _ = command_line(
        "tokens", str(tmp_path / "a.md"), "--chunk", "200", "--overlap", "0.1", "--json"
    )
    assert json.loads(out)["chunks"] == 6


def test_problems_and_refusals_are_shown_with_lines(command_line: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    chat = {"messages": [{"role": "user", "content": "How much?"}]}
    path.write_text(json.dumps(chat) + '\n{"messages": [\n')
    _, out, _ = command_line("tokens", str(path))
    assert "line 2: is cut short" in out
    assert "Refused by openai: 1 records: no message of the assistant (lines 1)" in out


def test_own_ratios_are_stored_and_used(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = " price" * 100
    status, out, _ = command_line(
        "tokens", "calibrate", text, "--model", "claude-opus-4-7", "--counted", "160"
    )
    assert status == 0
    assert "ratio 1.6" in out
    _, out, _ = command_line("tokens", text, "--model", "claude-opus-4-7", "--estimate", "--json")
    assert json.loads(out)["tokens"] == 160


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nothing.jsonl",), "no file nothing.jsonl"),
        ((str(DATA),), "is a folder"),
        ((BOT, "--format", "alpaka"), "did you mean 'alpaca'"),
        ((BOT, "--encoding", "o201k"), "unknown encoding 'o201k'"),
        ((BOT, "--model", "gpt-4oo"), "gpt-4o"),
        ((BOT, "--model", "claude-opus-4-7"), "--estimate"),
        ((BOT, "--model", "gpt-4o", "--encoding", "o200k_base"), "not both"),
        ((BOT, "--columns", "prompt"), "--columns reads like"),
        ((BOT, "--sample", "1"), "at least 2"),
        ((BOT, BOT, "--sample", "10"), "one file"),
        ((BOT, "--workers", "0"), "at least 1"),
        ((BOT, "--workers", "99999999999999999999"), "and at most"),
        ((BOT, "--workers", "2", "--dask", "local"), "not both"),
        ((BOT, "--dask", "tcp://127.0.0.1:1"), "no Dask scheduler answers"),
        ((BOT, "--chunk", "0"), "--chunk must be at least 1"),
        ((BOT, "--chunk", "100", "--overlap", "1"), "--overlap is a share below 1"),
        ((BOT, "--format", "alpaca", "--strict"), "line 1: alpaca needs instruction"),
        ((BOT, "--sample", "10", "--workers", "1"), "leave out --workers"),
        ((BOT, "--sample", "10", "--metrics"), "leave out --sample"),
        ((BOT, "--sample", "1e9"), "at most 1,000,000"),
        (("calibrate", "short", "--model", "gpt-4o", "--counted", "5"), "at least 20 tokens"),
        (("calibrate", "x", "--model", "gpt-4o", "--counted", "0"), "above 0"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_input_is_one_line(command_line: Run, words: tuple[str, ...], reason: str) -> None:
    status, out, err = command_line("tokens", *words)
    assert (status, out) == (2, "")
    assert reason in err
    assert len(err.strip().splitlines()) == 1


def test_findings_in_several_files_name_file_and_line(command_line: Run, tmp_path: Path) -> None:
    good = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    lines = [json.dumps(good)] * 4
    for name, broken in (("a", 2), ("b", 3)):
        text = "\n".join([*lines[:broken], '{"messages": [', *lines[broken:]])
        (tmp_path / f"{name}.jsonl").write_text(text + "\n")
    files = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    _, out, _ = command_line("tokens", *files, "--limit", "5", "--json")
    found = json.loads(out)
    assert [(one["file"], one["line"]) for one in found["problems"]] == [
        ("a.jsonl", 3),
        ("b.jsonl", 4),
    ]
    over = [(one["file"], one["line"]) for one in found["over_limit"]["first"]]
    assert over[3:6] == [("a.jsonl", 5), ("b.jsonl", 1), ("b.jsonl", 2)]
    _, out, _ = command_line("tokens", *files)
    assert "line 4 of b.jsonl: is cut short" in out


def test_refusals_of_several_files_name_file_and_line(command_line: Run, tmp_path: Path) -> None:
    chat = json.dumps({"messages": [{"role": "user", "content": "How much?"}]})
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_text(f"{chat}\n{chat}\n")
    words = ("tokens", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    report = json.loads(command_line(*words, "--json")[1])
    found = next(one for one in report["preflight"] if one["lines"])
    assert (found["files"], found["lines"]) == (["a.jsonl"] * 2 + ["b.jsonl"] * 2, [1, 2, 1, 2])
    assert "(lines 1 of a.jsonl, 2 of a.jsonl, 1 of b.jsonl" in command_line(*words)[1]


def test_a_sample_is_billed_for_the_epochs_asked_for(command_line: Run) -> None:
    words = ("tokens", BOT, "--sample", "50", "--json", "--on", "2026-12-01")
    once, thrice = (json.loads(command_line(*words, "--epochs", n)[1])["billed"] for n in "13")
    openai = [one for one in once if one["provider"] == "openai" and not one["refused"]]
    again = [one for one in thrice if one["provider"] == "openai" and not one["refused"]]
    assert openai
    for one, other in zip(openai, again, strict=True):
        assert other["trained_tokens"] == pytest.approx(3 * one["trained_tokens"])


def test_a_limit_of_nothing_lists_every_example(command_line: Run) -> None:
    found = json.loads(command_line("tokens", BOT, "--limit", "0", "--json")[1])["over_limit"]
    assert (found["examples"], len(found["first"])) == (20, 20)


RUN = (sys.executable, "-c", "from costmodel.cli import main; main()", "tokens", "-", "--metrics")


@pytest.mark.parametrize("words", [(), ("--workers", "1")])
def test_standard_input_that_comes_in_pieces_is_counted_whole(words: tuple[str, ...]) -> None:
    record = json.dumps({"messages": [{"role": "user", "content": " price" * 20_000}]}).encode()
    with subprocess.Popen(
        [*RUN, "--json", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as job:
        assert job.stdin is not None
        assert job.stdout is not None
        # a pipe holds less than a record
        job.stdin.write(record + b"\n" + record + b"\n")
        job.stdin.close()
        found = json.load(job.stdout)["metrics"]
    assert (found["n_records"], found["content_tokens_user"]) == (2, 40_000)
