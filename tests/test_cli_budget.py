"""`costmodel budget` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

SUPPORT_BOT = Path(__file__).parents[1] / "notebooks" / "scenarios" / "support_bot.toml"
KEYS = {"confidence", "seed", "draws", "options"}
OPTION = {"name", "p10", "p50", "p90", "by_month", "chance_over_limit", "ask_usd"}
OPTION |= {"contingency_usd", "drivers", "chance_cheapest"}


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[[str, str], str]:
    """Return a function that writes the support bot with one line changed."""

    def write(old: str, new: str) -> str:
        text = SUPPORT_BOT.read_text("utf-8")
        assert old in text
        data = str(SUPPORT_BOT.parents[1] / "data")
        path = tmp_path / "bot.toml"
        path.write_text(text.replace(old, new, 1).replace("../data", data), "utf-8")
        return str(path)

    return write


def test_the_budget_is_told_in_one_sentence(command_line: Run) -> None:
    status, out, _ = command_line("budget", str(SUPPORT_BOT), "--draws", "400", "--limit", "60k")
    assert status == 0
    for text in (
        "to be 90% sure",
        "contingency",
        "Chance to spend more than $60,000",
        "Watch above",
    ):
        assert text in out


def test_the_keys_for_machines_are_the_documented_ones(command_line: Run) -> None:
    _, out, _ = command_line("budget", str(SUPPORT_BOT), "--draws", "300", "--json")
    found = json.loads(out)
    assert found.keys() >= KEYS
    assert all(option.keys() >= OPTION for option in found["options"])
    assert all(len(option["by_month"]) == 24 for option in found["options"])


def test_nothing_uncertain_is_said(command_line: Run) -> None:
    words = ("--draws", "50", "--no-bands", "--no-events")
    _, out, _ = command_line("budget", str(SUPPORT_BOT), *words)
    assert "Nothing is uncertain" in out


def test_a_range_in_a_file_is_a_driver(
    command_line: Run, scenario: Callable[[str, str], str]
) -> None:
    path = scenario("requests = 200_000", "requests = {low = 150_000, mode = 200_000, high = 3e5}")
    _, out, _ = command_line(
        "budget", path, "--draws", "300", "--no-bands", "--no-events", "--json"
    )
    assert json.loads(out)["uncertain"] == ["workload.requests"]
    status, out, _ = command_line("compare", path)
    assert status == 0


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("requests = 200_000", "requests = {low = 3, mode = 2, high = 4}", "low <= mode <= high"),
        ("requests = 200_000", "requests = {low = 3, high = 4}", "range needs mode"),
        ("months = 24", "months = {low = 12, mode = 24, high = 36}", "not a range"),
        ("success_rate = 0.80", "success_rate = {low = 0.7, mode = 0.8, high = 1.2}", "<= 1"),
        (
            'mix = {"RAG on GPT-6 Luna" = 1.0}',
            'mix = {"RAG on GPT-6 Luna" = {low = 0.9, mode = 1.0, high = 1.0}}',
            "shares of a router cannot be ranges",
        ),
    ],
)
def test_a_bad_range_is_one_line_with_its_place(
    command_line: Run, scenario: Callable[[str, str], str], old: str, new: str, reason: str
) -> None:
    status, out, err = command_line("budget", scenario(old, new))
    assert (status, out) == (2, "")
    assert reason in err
    assert "bot.toml line" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--draws", "0"), "must be a whole number from 1 to 1,000,000, got 0"),
        (("--draws", "1.5"), "must be a whole number"),
        (("--draws", "1e12"), "must be a whole number"),
        (("--confidence", "1.2"), "confidence must be between 0 and 1"),
        (("--limit", "-5"), "must be a number >= 0"),
        (("--limit", "nan"), "must be a number >= 0"),
        (("--option", "Promting on GPT-6 Luna"), "did you mean"),
    ],
)
def test_a_bad_question_is_one_line(command_line: Run, words: tuple[str, ...], reason: str) -> None:
    status, out, err = command_line("budget", str(SUPPORT_BOT), *words)
    assert (status, out) == (2, "")
    assert reason in err
    assert len(err.strip().splitlines()) == 1
