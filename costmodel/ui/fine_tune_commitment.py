"""What a fine-tune commits one to: the first run against three years, and the dates that force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.calendar import KINDS, MOVES, Entry, calendar_of, ics
from costmodel.analysis.wording import whole
from costmodel.figures import style
from costmodel.figures.bill import waterfall
from costmodel.figures.budget import burn, tornado
from costmodel.figures.calendar import due
from costmodel.prices.book import PriceBook
from costmodel.report import table
from costmodel.scenario import Mix, Option
from costmodel.ui.app import Tab
from costmodel.ui.scenario_app import (
    CHANGES,
    GROWTH,
    HORIZON,
    REQUESTS,
    START,
    Found,
    ScenarioApp,
    budget_of,
    option_of,
    scenario_files,
)
from costmodel.ui.screen import Files

if TYPE_CHECKING:
    import pandas as pd

YEARS = 3


def fine_tune_commitment(
    path: str | Path = "scenarios/support_bot.toml", *, book: PriceBook | None = None
) -> ScenarioApp:
    """Show what a fine-tune costs over years beside its first run, and which date forces a move.

    Args:
        path: Scenario file with at least one tuned option.
        book: The prices; None = the shipped tables, with your own laid over them.
    """
    return ScenarioApp(
        path,
        call="fine_tune_commitment",
        fields=lambda found: [scenario_files(path), option_of(found), REQUESTS, CHANGES, HORIZON],
        more=[GROWTH, START],
        verdict=_verdict,
        aside=_aside,
        tabs=[
            Tab("Calendar", _calendar),
            Tab("First run vs all", _waterfall),
            Tab("Year by year", _years),
            Tab("Spend over time", _burn, budget_of()),
            Tab("What matters", _matters, budget_of()),
        ],
        about=_is_tuned,
        months=12 * YEARS,
        files=_files,
        book=book,
    )


def _is_tuned(option: Option | Mix) -> bool:
    return isinstance(option, Option) and option.stages[0].tuned


def first_runs(bill: pd.DataFrame) -> float:
    """Return what the first training runs cost, without people. [US$]"""
    built = bill[(bill["phase"] == "build") & bill["line"].str.startswith("train/")]
    return float(built["cost_usd"].sum())


def entries_of(found: Found) -> Sequence[Entry]:
    """Return what falls due for the option looked at."""
    return calendar_of(found.result, found.option).entries


def next_move(entries: Sequence[Entry]) -> Entry | None:
    """Return what forces a move first: an announced date before one that is only likely."""
    forced = [e for e in entries if e.sort == "last_day_to_train" or e.cause in MOVES]
    forced = [e for e in forced if e.sort in ("event", "last_day_to_train")]
    dated = [e for e in forced if e.kind != "expected"]
    return min(dated or forced, key=lambda e: e.day, default=None)


def _move_words(entries: Sequence[Entry], months: int) -> str:
    entry = next_move(entries)
    if entry is None:
        return f"No date forces a move within {months} months"
    when = {"certain": "on", "floor": "not sooner than", "expected": "most likely around"}
    return f"The next move is forced {when[entry.kind]} {entry.day}: {entry.what}"


def _verdict(found: Found) -> str:
    result = next(r for r in found.result.results if r.name == found.option).as_dict()
    first = first_runs(found.bill)
    text = f"{found.option}: the first training costs {whole(first)}, "
    text += f"{_span(found.scenario.months)} cost {whole(result['total_usd'])}; "
    text += f"{result['maintenance_share']:.0%} of it is upkeep, "
    text += f"{result['labour_share']:.0%} is work of people. "
    return text + _move_words(entries_of(found), found.scenario.months) + "."


def _aside(found: Found) -> str:
    out = [r for r in found.result.results if not r.feasible and found.shows(r.name)]
    said = [f"Not to be had over the whole time: {r.name} ({r.reason})." for r in out]
    best = found.result.ranked[0] if found.result.ranked else None
    if best is not None and best.name != found.option and best.bill is not None:
        what = " per successful outcome" if found.result.rated else ""
        total = whole(float(np.mean(best.bill.total)))
        said.insert(0, f"Cheapest of all options{what}: {best.name}, its bill {total}.")
    return " ".join(said)


def _span(months: int) -> str:
    years, rest = divmod(months, 12)
    return f"{years} year{'s' if years > 1 else ''}" if years and not rest else f"{months} months"


def _calendar(found: Found) -> list[Any]:
    scenario, entries = found.scenario, entries_of(found)
    leaving = calendar_of(found.result, found.option).leaving
    picture = due(
        entries,
        found.bill,
        start=scenario.start,
        months=scenario.months,
        finding=_move_words(entries, scenario.months),
        name=found.option,
    )
    rows = [
        [
            f"{entry.day}",
            escape(entry.what),
            KINDS[entry.kind],
            whole(entry.usd) if entry.usd else "",
            f"{entry.person_hours:,.0f}" if entry.person_hours else "",
        ]
        for entry in entries
    ]
    columns = {"Date": "words day", "What falls due": "words", "How sure": "words day"}
    columns |= {"US$": "", "Hours of people": ""}
    said = "".join(f"<p>{escape(one.said)}.</p>" for one in leaving)
    return [picture, said + table(columns, rows, "What falls due, and what it costs each time")]


def _waterfall(found: Found) -> Any:
    return waterfall(found.bill, found.option, found.scenario.months)


def _years(found: Found) -> str:
    """Return money and hours of people of each year as a table."""
    months = list(found.scenario.horizon.labels)
    year = {label: k // 12 for k, label in enumerate(months)}
    bill = found.bill.assign(year=found.bill["month"].map(year))
    count = max(year.values()) + 1
    heads = [f"{months[12 * k]} to {months[min(12 * k + 11, len(months) - 1)]}"
             for k in range(count)]  # fmt: skip
    columns = dict.fromkeys(heads, "") | {"Total": ""}

    def row(name: str, part: pd.DataFrame, column: str = "cost_usd") -> list[str]:
        sums = part.groupby("year")[column].sum()
        values = [float(sums.get(k, 0.0)) for k in range(count)]
        write = whole if column == "cost_usd" else "{:,.0f}".format
        return [name, *(write(value) for value in (*values, sum(values)))]

    money = [
        row(words, bill[bill["phase"] == phase])
        for phase, words in style.PHASE_WORDS.items()
        if (bill["phase"] == phase).any()
    ]
    total = len(money)
    money.append(row("Total", bill))
    trained = bill[bill["line"].str.startswith("train/")]
    money.append(row("Training runs within the total", trained))
    hours = bill[(bill["file"] == "labour.csv") | (bill["meter"] == "person_hour")]
    people = [
        row(escape(_role(str(role))), part, "quantity") for role, part in hours.groupby("sku")
    ]
    people.append(row("All", hours, "quantity"))
    name = escape(found.option)
    return table({"US$": "words"} | columns, money, f"{name}: what each year costs", total) + table(
        {"Hours": "words"} | columns,
        people,
        "Hours of people: can you staff it?",
        len(people) - 1,
    )


def _role(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Ml ", "ML ")


def _burn(found: Found, drawn: Any) -> Any:
    events = next(r for r in found.result.results if r.name == found.option).as_dict()["calendar"]
    return burn(drawn, found.option, events, start=found.scenario.start, bill=found.bill)


def _matters(found: Found, drawn: Any) -> Any:
    return tornado(drawn, found.option, bill=found.bill)


def _files(found: Found) -> Files:
    dates = calendar_of(found.result, found.option)
    stamp = date.fromisoformat(found.result.prices_on["verified_to"] or f"{found.scenario.start}")
    return Files({"calendar.ics": ics(dates, stamp)}, labels={"calendar.ics": "Calendar (ICS)"})
