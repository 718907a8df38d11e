"""The calendar: days, money and hours of what falls due, and the file that calendars import."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.analysis.calendar import Calendar, Entry, calendar, ics
from costmodel.analysis.compare import bill_of
from costmodel.cli import main

HOST = cm.PerToken("example")
TUNE = cm.FineTune(examples=600, tokens_per_example=500, epochs=1)
SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"
MOVE = cm.Option(
    "move",
    (cm.Stage("base-1", HOST, {"tune": TUNE}), cm.Stage("base-2", HOST)),
    in_place=date(2026, 1, 1),
)
STAY = cm.Option("stay", (cm.Stage("base-1", HOST, {"tune": TUNE}),), in_place=date(2026, 1, 1))
OTHER = cm.Option("other", (cm.Stage("mini-1", HOST, {"tune": TUNE}),))


def a_scenario(*options: cm.Option, **facts: Any) -> cm.Scenario:
    given: dict[str, Any] = {
        "start": date(2026, 12, 1),
        "months": 12,
        "workload": cm.Workload(31_000, {"question": 1_000, "answer": 0}),
    }
    return cm.Scenario(name="due", options=options, **(given | facts))


def due(book: cm.PriceBook, *options: cm.Option, **facts: Any) -> Calendar:
    return calendar(a_scenario(*options, **facts), book)


def of(found: Calendar, sort: str, option: str = "move") -> list[Entry]:
    return [entry for entry in found.entries if (entry.sort, entry.option) == (sort, option)]


# what falls due


def test_the_last_day_to_train_is_the_day_before_the_service_ends(
    example_book: cm.PriceBook,
) -> None:
    (last,) = of(due(example_book, MOVE), "last_day_to_train")
    # training_until 2027-01-06 is the first day without
    assert (last.day, last.what) == (
        date(2027, 1, 5),
        "last day to train base-1:sft:lora at example",
    )
    assert (last.usd, last.person_hours) == (None, None)


def test_a_forced_move_has_the_money_and_the_hours_of_the_bill(
    example_book: cm.PriceBook,
) -> None:
    found = due(example_book, MOVE)
    (end,) = [entry for entry in of(found, "event") if entry.cause == "retirement"]
    assert (end.day, end.kind) == (date(2027, 1, 14), "certain")
    scenario = a_scenario(MOVE)
    billed, _ = bill_of(scenario, MOVE, example_book)
    # two weeks side by side in December and January, and the move
    assert end.usd == pytest.approx(float(billed.by_cause()["retirement"].sum()))
    hours = [
        float(np.sum(line.amount))
        for line in billed.lines
        if line.line.cause == "retirement" and line.meter == "person_hour"
    ]
    assert end.person_hours == pytest.approx(sum(hours))
    (begin,) = of(found, "double_running")
    assert begin.day == date(2026, 12, 31)


def test_an_event_at_a_rate_costs_its_share_of_what_the_year_costs(
    example_book: cm.PriceBook,
) -> None:
    upkeep = cm.Upkeep(requirement_changes_per_year=2)
    found = due(example_book, OTHER, upkeep=upkeep)
    changes = [entry for entry in found.entries if entry.what == "requirements change"]
    assert [entry.day for entry in changes] == [date(2027, 6, 1)]
    billed, _ = bill_of(a_scenario(OTHER, upkeep=upkeep), OTHER, example_book)
    year = float(billed.by_cause()["requirement_change"].sum())
    assert changes[0].usd == pytest.approx(year / 2)


def test_the_money_of_the_events_adds_up_to_the_bill() -> None:
    scenario = cm.Scenario.read(SCENARIOS / "support_bot.toml")
    option = scenario.option("RAG on GPT-6 Luna")
    billed, needs = bill_of(scenario, option, cm.PriceBook.read())
    found = calendar(scenario, cm.PriceBook.read(), option.name)
    for cause in ("requirement_change", "retirement"):
        each = next(entry.usd for entry in found.entries if entry.cause == cause)
        assert each is not None
        times = float(needs.counts[cause].sum())
        assert each * times == pytest.approx(float(billed.by_cause()[cause].sum()))


def test_a_notice_comes_as_long_before_the_end_as_the_provider_promises() -> None:
    scenario = cm.Scenario.read(SCENARIOS / "support_bot.toml")
    found = calendar(scenario, cm.PriceBook.read(), "Tuned GPT-4.1 mini at Azure")
    (notice,) = [entry for entry in found.entries if entry.sort == "notice"]
    end = next(e for e in found.entries if e.sort == "event" and e.cause == "retirement")
    assert end.day - notice.day == timedelta(days=60)
    assert notice.source.startswith("https://learn.microsoft.com")
    assert "60 days before" in notice.what


# keep or leave


def test_keep_or_leave_stands_beside_each_other(example_book: cm.PriceBook) -> None:
    found = due(example_book, MOVE, OTHER)
    (line,) = found.leaving
    assert (line.option, line.in_place, line.leave_for) == ("move", True, "other")
    totals = cm.compare(a_scenario(MOVE, OTHER), example_book).bills
    assert line.keep_usd == pytest.approx(float(totals["move"].total))
    assert line.leave_usd == pytest.approx(float(totals["other"].total))
    end = next(entry for entry in of(found, "event") if entry.cause == "retirement")
    assert (line.exit_usd, line.exit_hours) == (end.usd, end.person_hours)
    assert "exit cost" in line.said
    assert "2027-01-14" in line.said


def test_what_cannot_be_kept_costs_the_building_of_something_else(
    example_book: cm.PriceBook,
) -> None:
    found = due(example_book, STAY, OTHER)
    (line,) = found.leaving
    assert line.keep_usd is None
    built = cm.compare(a_scenario(STAY, OTHER), example_book).bills["other"].by_phase()["build"]
    assert line.exit_usd == pytest.approx(float(built))
    assert line.said.startswith("cannot be kept, leave for other $")
    assert "stay" in found.infeasible
    (only,) = due(example_book, STAY).leaving
    assert only.said == "cannot be kept, nothing else can be had"


def test_one_leaves_for_what_the_verdict_recommends() -> None:
    # the lowest bill is that of a prompt that is right 80 times of 100, where 90 are required
    scenario, book = cm.Scenario.read(SCENARIOS / "support_bot.toml"), cm.PriceBook.read()
    best = cm.compare(scenario, book).ranked[0]
    assert best.bill is not None
    (line,) = calendar(scenario, book, "Tuned GPT-4.1 mini at OpenAI").leaving
    assert line.leave_for == best.name
    assert line.exit_usd == pytest.approx(float(best.bill.by_phase()["build"]))


# the file

NAME = re.compile(r"[A-Z0-9-]+")


def parsed(text: str) -> list[dict[str, tuple[str, str]]]:
    """Parse a calendar file by the letter of RFC 5545, refusing all else; return its events."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in text.replace("\r\n", "")
    physical = text[:-2].split("\r\n")
    assert all(0 < len(line.encode()) <= 75 for line in physical)
    lines: list[str] = []
    for line in physical:
        if line.startswith((" ", "\t")):
            lines[-1] += line[1:]
        else:
            lines.append(line)
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    events: list[dict[str, tuple[str, str]]] = []
    head: dict[str, str] = {}
    inside = False
    for line in lines[1:-1]:
        name, colon, value = line.partition(":")
        name, _, parameters = name.partition(";")
        assert colon
        assert NAME.fullmatch(name)
        assert not any(ord(letter) < 32 for letter in value)
        if (name, value) in (("BEGIN", "VEVENT"), ("END", "VEVENT")):
            assert inside is (name == "END")
            inside = name == "BEGIN"
            if inside:
                events.append({})
        elif inside:
            assert name not in events[-1]  # none of ours may stand twice
            events[-1][name] = (parameters, value)
        else:
            head[name] = value
    assert head["VERSION"] == "2.0"
    assert head["PRODID"]
    for event in events:
        assert {"UID", "DTSTAMP", "DTSTART", "SUMMARY"} <= event.keys()
        assert re.fullmatch(r"\d{8}T\d{6}Z", event["DTSTAMP"][1])
        for name in ("DTSTART", "DTEND"):
            assert event[name][0] == "VALUE=DATE"
            assert re.fullmatch(r"\d{8}", event[name][1])
        assert event["DTEND"][1] > event["DTSTART"][1]
        for name in ("SUMMARY", "DESCRIPTION"):
            # commas, semicolons and backslashes of a text are escaped
            assert re.fullmatch(r"(?:[^\\,;]|\\[\\,;nN])*", event[name][1])
        assert event["STATUS"][1] in ("CONFIRMED", "TENTATIVE")
    ids = [event["UID"][1] for event in events]
    assert len(ids) == len(set(ids))
    return events


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_file_of_every_scenario_is_a_calendar(path: Path) -> None:
    found = calendar(cm.Scenario.read(path), cm.PriceBook.read())
    events = parsed(ics(found, date(2026, 11, 21)))
    assert len(events) == len(found.entries) > 0
    days = [event["DTSTART"][1] for event in events]
    assert days == [f"{entry.day:%Y%m%d}" for entry in found.entries]


def test_long_names_fold_between_letters_and_keep_their_text() -> None:
    name = "Überprüfung; 再学習, \\ " * 20
    entry = Entry(date(2027, 1, 14), name, "a\nb", "certain", usd=1.0, person_hours=2.0)
    (event,) = parsed(ics(Calendar("x", (entry,)), date(2026, 11, 21)))
    text = event["SUMMARY"][1]
    for written, plain in (("\\n", "\n"), ("\\,", ","), ("\\;", ";"), ("\\\\", "\\")):
        text = text.replace(written, plain)
    assert text == f"a\nb ({name})"


def test_an_event_that_moves_keeps_its_id(example_book: cm.PriceBook) -> None:
    first = parsed(ics(due(example_book, MOVE, OTHER), date(2026, 11, 21)))
    settings = cm.Upkeep(double_running_days=20)
    again = parsed(ics(due(example_book, MOVE, OTHER, upkeep=settings), date(2026, 12, 24)))
    assert [event["UID"] for event in first] == [event["UID"] for event in again]
    assert [event["DTSTART"] for event in first] != [event["DTSTART"] for event in again]


# the command


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(str(stopped.value.code)), out, err


def test_calendar_prints_writes_and_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = SCENARIOS / "keep_or_move.toml", tmp_path / "due.ics"
    status, text, _ = run(capsys, "calendar", file, "--ics", out)
    assert status == 0
    assert "last day to train gpt-4o-mini:sft at openai" in text
    assert "Keep it and hope: cannot be kept, leave for" in text
    written = out.read_bytes().decode()
    assert f"{len(parsed(written))} events written" in text
    status, text, _ = run(capsys, "calendar", file, "--option", "Keep it and hope", "--json")
    assert status == 0
    answer = json.loads(text)
    assert {entry["option"] for entry in answer["events"]} == {"Keep it and hope"}
    assert answer["leaving"][0]["in_place"] is True
    assert "2027-01-14" in answer["infeasible"]["Keep it and hope"]


def test_calendar_refuses_in_one_line_and_writes_whole_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = SCENARIOS / "keep_or_move.toml", tmp_path / "due.ics"
    cases: list[tuple[list[object], str]] = [
        ([file, "--option", "Keep it and hop", "--ics", out], "did you mean 'Keep it and hope'"),
        ([file, "--ics", tmp_path / "no" / "due.ics"], "cannot be written"),
        ([file, "--ics", tmp_path], "is a folder"),
        (["no.toml"], "no scenario file no.toml"),
    ]
    for words, said in cases:
        status, text, err = run(capsys, "calendar", *words)
        assert (status, text) == (2, "")
        assert said in err
        assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
