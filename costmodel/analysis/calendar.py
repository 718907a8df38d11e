"""The calendar of a scenario: what falls due when, with its money and the hours of people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.analysis.compare import Comparison, Result, compare
from costmodel.analysis.wording import whole
from costmodel.bill import Bill
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.prices.lifetimes import notice_of
from costmodel.scenario import Event, Option, Scenario

MOVES = ("retirement", "provider_closes")
LABOUR = "labour"
FOLD = 75  # octets of a line in a calendar file
KINDS = {"certain": "announced", "floor": "not sooner", "expected": "most likely date"}


@dataclass(frozen=True)
class Entry:
    """Something that falls due.

    Attributes:
        day: When.
        option: Whose.
        what: What happens, or is to be done.
        kind: certain | floor | expected, of the event behind it.
        sort: event | last_day_to_train | notice | double_running.
        usd: What the event costs, None if it costs nothing of its own. [US$]
        person_hours: Hours of people in it. [h]
        cause: Cause of its lines on the bill.
        provider: Whose model or service it is about, blank if it is about none.
        source: Where its date comes from, where a table of ours gave it.
    """

    day: date
    option: str
    what: str
    kind: str
    sort: str = "event"
    usd: float | None = None
    person_hours: float | None = None
    cause: str = ""
    provider: str = ""
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the entry with the documented keys."""
        return {**self.__dict__, "day": self.day.isoformat()}


@dataclass(frozen=True)
class Leaving:
    """Keep or leave: what an option costs to keep, and to leave.

    Attributes:
        option: The option.
        in_place: Whether it runs already.
        keep_usd: Its bill over the horizon, None where it cannot be kept. [US$]
        leave_for: The best other option: the first of the ranking behind the verdict, or the one
            with the lowest bill where none meets the requirement; blank where none can be had.
        leave_usd: The bill of that. [US$]
        exit_usd: What the end of its model or service costs: the moves to what follows; where
            nothing follows, the building of the other option. None where nothing ends. [US$]
        exit_hours: Hours of people in it. [h]
        because: What ends.
    """

    option: str
    in_place: bool
    keep_usd: float | None
    leave_for: str
    leave_usd: float | None
    exit_usd: float | None = None
    exit_hours: float | None = None
    because: str = ""

    @property
    def said(self) -> str:
        """The comparison in words."""
        words = []
        if self.in_place:
            keep = "cannot be kept" if self.keep_usd is None else f"keep {whole(self.keep_usd)}"
            leave = "nothing else can be had"
            if self.leave_usd is not None:
                leave = f"leave for {self.leave_for} {whole(self.leave_usd)}"
            words.append(f"{keep}, {leave}")
        if self.exit_usd is not None and self.exit_hours is not None:
            words.append(
                f"exit cost {whole(self.exit_usd)} and {self.exit_hours:,.0f} person-hours "
                f"({self.because})"
            )
        return "; ".join(words)


@dataclass(frozen=True, eq=False)
class Calendar:
    """What falls due in a scenario.

    Attributes:
        name: Of the scenario.
        entries: In order of days.
        leaving: Of options that run already, or whose model or service ends.
        infeasible: Option -> why it cannot be had over the whole horizon.
    """

    name: str
    entries: tuple[Entry, ...]
    leaving: tuple[Leaving, ...] = ()
    infeasible: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "name": self.name,
            "events": [entry.as_dict() for entry in self.entries],
            "leaving": [leaving.__dict__ | {"said": leaving.said} for leaving in self.leaving],
            "infeasible": dict(self.infeasible),
        }


def calendar(scenario: Scenario, book: PriceBook | None = None, option: str = "") -> Calendar:
    """Work out what falls due.

    Args:
        scenario: The scenario.
        book: The prices; None = the shipped tables, with your own laid over them.
        option: Only this option; blank = all.

    Raises:
        ScenarioError: If there is no such option, or one contradicts itself.
        PriceError: If an option names something no table knows.
    """
    return calendar_of(compare(scenario, book), option)


def calendar_of(comparison: Comparison, option: str = "") -> Calendar:
    """Work out what falls due in a scenario that is billed already.

    Args:
        comparison: Its options.
        option: Only this option; blank = all.

    Raises:
        ScenarioError: If there is no such option.
    """
    scenario = comparison.scenario
    if option:
        scenario.option(option)
    shown = [result for result in comparison.results if option in ("", result.name)]
    entries: list[Entry] = []
    leaving = []
    for result in shown:
        mine = list(_entries(scenario, result, comparison.book))
        entries += mine
        line = _leaving(scenario, result, mine, _best_other(comparison, result.name))
        leaving += [line] if line.said else []
    entries.sort(key=lambda entry: (entry.day, entry.option, entry.what))
    return Calendar(
        scenario.name,
        tuple(entries),
        tuple(leaving),
        {result.name: result.reason for result in shown if not result.feasible},
    )


def _entries(scenario: Scenario, result: Result, book: PriceBook) -> Iterator[Entry]:
    """Yield what falls due for one option."""
    days = timedelta(days=scenario.upkeep.double_running_days)
    name = result.name
    for event in result.events:
        if not event.cause:
            last = event.day - timedelta(days=1)
            if last < scenario.start:
                continue
            sku = event.what.partition(" stops tuning ")[2]
            what = f"last day to train {sku} at {event.provider}"
            yield Entry(last, name, what, event.kind, "last_day_to_train", provider=event.provider)
            continue
        usd = hours = None
        if result.bill is not None:
            usd, hours = _of_event(scenario, result, event)
        yield Entry(
            *(event.day, name, event.what, event.kind, "event"),
            *(usd, hours, event.cause, event.provider),
        )
        if event.cause not in MOVES:
            continue
        begin = event.day - days
        if event.kind != "expected" and days and begin >= scenario.start:
            what = f"old and new side by side: {event.what} on {event.day}"
            yield Entry(begin, name, what, event.kind, "double_running", provider=event.provider)
        row = notice_of(book, event.provider)
        if event.kind == "certain" or row is None:
            continue
        day = event.day - timedelta(days=int(row["days"]))
        if day >= scenario.start:
            what = f"notice to be expected, {row['days']:g} days before: {event.what}"
            yield Entry(
                *(day, name, what, event.kind, "notice"),
                provider=event.provider,
                source=str(row["source"]),
            )


def _of_event(scenario: Scenario, result: Result, event: Event) -> tuple[float, float]:
    """Return dollars and hours of one event: what its cause costs, over how often it comes."""
    found, months = result.bill, scenario.horizon
    assert found is not None
    usd = _monthly(found, event.cause)
    hours = _monthly(found, event.cause, LABOUR)
    counts = np.asarray(result.counts.get(event.cause, np.zeros(months.count)), float)
    counts = counts.reshape(-1, months.count).mean(axis=0)

    def around(dated: Event) -> npt.NDArray[np.bool_]:
        # what runs side by side before the day belongs to it
        begin = dated.day - timedelta(days=scenario.upkeep.double_running_days)
        return np.asarray(months.between(begin, dated.day + timedelta(days=1)) > 0)

    near = np.ones(months.count, bool)
    if event.kind != "expected":
        near = around(event)
    else:
        for other in result.events:
            if other.cause == event.cause and other.kind != "expected":
                near &= ~around(other)
    times = float(counts[near].sum())
    if event.kind != "expected":
        times = max(times, 1.0)
    if not times > 0:
        return 0.0, 0.0
    return float(usd[near].sum()) / times, float(hours[near].sum()) / times


def _monthly(found: Bill, cause: str, table: str = "") -> Array:
    """Return dollars of a cause in each month, or hours of people where the table is theirs."""
    total = np.zeros(found.months.count)
    for line in found.lines:
        if line.line.phase != "upkeep" or line.line.cause != cause:
            continue
        if table and (line.line.key.table != table or line.kind != "usage"):
            continue
        amount = line.amount if table else line.cost
        shape = np.broadcast_shapes(amount.shape, total.shape)
        total = total + np.broadcast_to(amount, shape).reshape(-1, total.size).mean(axis=0)
    return np.asarray(total)


def _best_other(comparison: Comparison, name: str) -> tuple[str, Bill | None]:
    """Return name and bill of the option to leave another one for, blank if none can be had."""
    ranked = [result.name for result in comparison.ranked]
    bills = {n: found for n, found in comparison.bills.items() if n != name}

    def place(other: str) -> tuple[int, float]:
        rank = ranked.index(other) if other in ranked else len(ranked)
        return rank, float(np.mean(bills[other].total))

    best = min(bills, key=place, default="")
    return best, bills.get(best)


def _leaving(
    scenario: Scenario, result: Result, entries: list[Entry], other: tuple[str, Bill | None]
) -> Leaving:
    """Set the cost of keeping an option beside that of leaving it."""
    option = scenario.option(result.name)
    in_place = isinstance(option, Option) and option.in_place is not None
    best, its_bill = other
    ends = [e for e in entries if e.sort == "event" and e.kind == "certain" and e.cause in MOVES]
    because = "; ".join(f"{end.what} on {end.day}" for end in ends)
    exit_usd = exit_hours = None
    if ends and result.bill is not None:
        exit_usd = sum(end.usd or 0.0 for end in ends)
        exit_hours = sum(end.person_hours or 0.0 for end in ends)
    elif ends and its_bill is not None:
        exit_usd = float(np.mean(its_bill.by_phase()["build"]))
        exit_hours = _build_hours(its_bill)
        because += f", nothing follows: building {best}"
    return Leaving(
        result.name,
        in_place,
        None if result.bill is None else float(np.mean(result.bill.total)),
        best,
        None if its_bill is None else float(np.mean(its_bill.total)),
        exit_usd,
        exit_hours,
        because,
    )


def _build_hours(found: Bill) -> float:
    lines = [x for x in found.lines if x.line.phase == "build" and x.line.key.table == LABOUR]
    return float(sum(np.mean(np.sum(line.amount, axis=-1)) for line in lines))


# the calendar file (RFC 5545)


def escaped(text: str) -> str:
    r"""Write text as calendar files have it.

    >>> escaped("a; b, c")
    'a\\; b\\, c'
    """
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, written)
    return "".join(letter for letter in text if letter >= " ")


def folded(line: str) -> str:
    r"""Fold a line after 75 octets at the most, never inside a character; lines end in CRLF.

    >>> folded("x" * 81) == "x" * 75 + "\r\n " + "x" * 6 + "\r\n"
    True
    """
    parts, size = [""], 0
    for letter in line:
        octets = len(letter.encode())
        if size + octets > FOLD:
            parts.append(" ")
            size = 1
        parts[-1] += letter
        size += octets
    return "\r\n".join(parts) + "\r\n"


def ics(found: Calendar, stamp: date) -> str:
    """Return the calendar as a file that calendars import.

    The id of an event is made of scenario, option and what happens, so that importing again moves
    the event and does not double it.

    Args:
        found: The calendar.
        stamp: Day of the file.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//costmodel//calendar//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(found.name)}",
    ]
    seen: dict[tuple[str, ...], int] = {}
    for entry in found.entries:
        # a day in the words of a reminder is no part of what it is
        what = entry.what.partition(" on 2")[0]
        about = (found.name, entry.option, entry.sort, what)
        seen[about] = seen.get(about, 0) + 1
        name = "|".join((*about, str(seen[about])))
        uid = hashlib.sha256(name.encode()).hexdigest()[:32]
        said = [f"Option: {entry.option}", f"Date: {KINDS[entry.kind]}"]
        if entry.usd is not None:
            said.append(f"Cost: {whole(entry.usd)}")
        if entry.person_hours is not None:
            said.append(f"People: {entry.person_hours:,.1f} hours")
        if entry.source:
            said.append(f"Source: {entry.source}")
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}@costmodel",
            f"DTSTAMP:{stamp:%Y%m%d}T000000Z",
            f"DTSTART;VALUE=DATE:{entry.day:%Y%m%d}",
            f"DTEND;VALUE=DATE:{entry.day + timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{escaped(f'{entry.what} ({entry.option})')}",
            f"DESCRIPTION:{escaped(chr(10).join(said))}",
            f"CATEGORIES:{escaped(entry.sort.replace('_', ' '))}",
            f"STATUS:{'CONFIRMED' if entry.kind == 'certain' else 'TENTATIVE'}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    return "".join(folded(line) for line in [*lines, "END:VCALENDAR"])
