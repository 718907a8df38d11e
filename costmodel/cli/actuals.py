"""`costmodel actuals`: budget against actual, why they differ, and what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.shell import (
    At,
    Json,
    Prices,
    app,
    count,
    day,
    draws_option,
    grid,
    price_book,
    print_json,
    tables_named,
    terminal,
    write_text,
)
from costmodel.cli.usage import Basis, Overlaps

if TYPE_CHECKING:
    from costmodel.months import Array, Months
    from costmodel.prices.book import PriceBook
    from costmodel.usage.ledger import Ledger

LINES, ALLOCATED = 8, 10  # shown
PLACES = 6  # of a dollar that are shown of a difference
MARKS = {"act": "Act", "watch": "Watch", "note": "Note"}
PARTS = {
    "price": "Price",
    "quantity": "Quantity",
    "mix": "Mix",
    "other": "Taxes, credits, purchases",
    "unexplained": "Unexplained",
    "stated": "Stated with --paid",
}

Usage = Annotated[
    list[str],
    typer.Argument(
        metavar="USAGE...", help="Usage logs and bills, or folders of them; plain, .gz or .zst."
    ),
]
Projects = Annotated[
    list[str] | None, typer.Option("--project", help="Only this project; repeat it.")
]


def ledger_of(
    usage: Sequence[str],
    book: PriceBook,
    overlaps: str = "refuse",
    projects: Sequence[str] | None = None,
) -> Ledger:
    """Read usage files into one ledger, of some projects only where any are named.

    Raises:
        DataError: If a file cannot be read, or no row is of such a project.
    """
    from costmodel.errors import DataError, nearest
    from costmodel.usage.condensing import grain_of
    from costmodel.usage.reading import OVERLAPS, read

    if overlaps not in OVERLAPS:
        message = f"--overlaps {overlaps}: unknown{nearest(overlaps, OVERLAPS)}"
        raise DataError(message)
    return read(*usage, grain=grain_of(book), overlaps=overlaps).of_projects(*projects or ())


@app.command()
def actuals(
    file: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file (TOML).")],
    usage: Usage,
    option: Annotated[
        str | None,
        typer.Option("--option", help="The option that was run; found by its models if left out."),
    ] = None,
    as_of: Annotated[
        date | None,
        typer.Option("--as-of", parser=day, metavar="DATE", help="Last day that counts."),
    ] = None,
    outcomes: Annotated[
        str | None,
        typer.Option(
            metavar="N|FILE",
            help="Successful outcomes of these days, or a CSV with date (or 2026-12) and outcomes.",
        ),
    ] = None,
    paid: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV with month, phase and usd: what was paid for work that no log shows.",
        ),
    ] = None,
    limit: Annotated[float | None, count("--limit", "Money there is, in US dollars.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="Allocate by user, model, provider or tag:KEY, too."),
    ] = None,
    project: Projects = None,
    basis: Basis = "billed",
    overlaps: Overlaps = "refuse",
    draws: Annotated[int, draws_option("Draws of the forecast.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="OUT", help="Write lines by month as CSV.")
    ] = None,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Set what was spent beside the plan: variance, unit costs, forecast, alerts, allocation.

    With --at the plan has the prices of that day, e.g. when the budget was made; usage has those
    of each day.
    """
    from costmodel.analysis.actuals import actuals as compared
    from costmodel.analysis.uncertainty import chance_of
    from costmodel.scenario import Scenario
    from costmodel.usage.pricing import price
    from costmodel.usage.summary import harmless

    scenario, book = Scenario.read(file), price_book(prices)
    ledger = ledger_of(usage, book, overlaps, project)
    chance = chance_of(scenario, book if at is None else book.at(at), seed=seed)
    found = compared(
        chance,
        price(ledger, book, basis=basis),
        option=option,
        as_of=as_of,
        limit=limit,
        paid=None if paid is None else _paid(paid, scenario.horizon),
        number=draws,
    )
    if outcomes is not None:
        found = found.with_outcomes(_outcomes(outcomes, found.spent.first, found.spent.last))
    said = found.as_dict(by or ())
    said["notes"] = [*ledger.notes, *said["notes"]]
    if csv is not None:
        write_text(csv, harmless(found.frame()).to_csv(index=False, lineterminator="\n"))
    if json_:
        print_json(said)
        return
    _print(said)
    terminal().print(f"Prices from {tables_named(book.folders)}.")


def _table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a small CSV whose columns are known.

    Raises:
        DataError: If it cannot be read, or has other columns.
    """
    import csv

    from costmodel.errors import DataError

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        message = f"{path}: cannot be read ({reason})"
        raise DataError(message) from None
    rows = list(csv.DictReader(text.splitlines()))
    have = list(rows[0]) if rows else text.splitlines()[:1]
    for column in columns:
        if not rows or column not in have:
            shown = ", ".join(map(str, have))
            message = f"{path.name} line 1: needs the columns {', '.join(columns)}, got {shown}"
            raise DataError(message)
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            message = f"{path.name} line {number}: has not as many cells as the header"
            raise DataError(message)
    return rows


def _number(text: str, where: str, column: str) -> float:
    from costmodel.errors import DataError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        message = f"{where}: {column} must be a number >= 0, got {text!r}"
        raise DataError(message)
    return value


def _outcomes(word: str, first: date, last: date) -> float:
    """Read a number of outcomes, or add up those of a file in the days that are seen."""
    from costmodel.cli.shell import amount
    from costmodel.errors import DataError
    from costmodel.months import as_date

    path = Path(word)
    if not path.suffix and not path.exists():
        return amount(word)
    total, used = 0.0, False
    for number, row in enumerate(_table(path, ("date", "outcomes")), 2):
        where = f"{path.name} line {number}"
        text = row["date"].strip()
        month = len(text) == len("2026-12")
        try:
            when = as_date(f"{text}-01" if month else text)
        except DataError as error:
            message = f"{where}: {error}"
            raise DataError(message) from None
        # a month belongs to the days seen if it ends or begins in them
        begins = first.replace(day=1) if month else first
        value = _number(row["outcomes"], where, "outcomes")
        if begins <= when <= last:
            total, used = total + value, True
    if not used:
        message = f"{path.name}: has no outcomes from {first} to {last}, the days of the usage"
        raise DataError(message)
    return total


def _paid(path: Path, months: Months) -> dict[str, Array]:
    """Read what was paid in each month, by phase."""
    import numpy as np

    from costmodel.bill import PHASES
    from costmodel.errors import DataError, nearest

    found: dict[str, Array] = {}
    for number, row in enumerate(_table(path, ("month", "phase", "usd")), 2):
        where = f"{path.name} line {number}"
        month, phase = row["month"].strip(), row["phase"].strip()
        if phase not in PHASES:
            message = f"{where}: unknown phase {phase!r}{nearest(phase, PHASES)}"
            raise DataError(message)
        if month not in months.labels:
            message = (
                f"{where}: month {month!r} is not in the scenario, {months.labels[0]} to "
                f"{months.labels[-1]}"
            )
            raise DataError(message)
        usd = _number(row["usd"], where, "usd")
        values = found.setdefault(phase, np.full(months.count, np.nan))
        k = months.labels.index(month)
        values[k] = usd if np.isnan(values[k]) else values[k] + usd
    return found


# what is printed


def _signed(usd: float) -> str:
    from costmodel.analysis.wording import whole

    usd = round(usd, PLACES)
    return f"+{whole(usd)}" if usd > 0 else whole(usd).replace("$-", "-$")


def _print(found: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import whole

    console = terminal()
    console.print(f"{found['name']}: {found['from']} to {found['to']}")
    console.print(f"Option: {found['option']} ({found['option_said']})")
    console.print(_headline(found))
    ahead = found["forecast"]
    text = f"Forecast of the horizon: {whole(ahead['expected_usd'])} ({whole(ahead['p10'])} to "
    text += f"{whole(ahead['p90'])}); budget {whole(ahead['budget_usd'])} "
    text += f"({whole(ahead['budget_p10'])} to {whole(ahead['budget_p90'])})"
    if ahead["chance_over_limit"] is not None:
        text += f"; {ahead['chance_over_limit']:.0%} chance to pass {whole(ahead['limit_usd'])}"
    console.print(f"{text}. {ahead['said']}")
    for alert in found["alerts"]:
        console.print(f"{MARKS[alert['level']]}: {alert['text']}.")
    _print_months(found)
    _print_lines(found)
    _print_units(found["unit_costs"])
    _print_forecast(ahead)
    rows = [
        [
            one["name"] + (" (run)" if one["run"] else ""),
            whole(one["budget_usd"]),
            whole(one["total_usd"]),
        ]
        for one in found["options"]
    ]
    console.print(
        grid({"Option": "left", "Plan of these days": "right", "Of the horizon": "right"}, rows)
    )
    for by, records in found["allocation"].items():
        rows = [
            [one["name"], whole(one["usd"]), f"{one['share']:.1%}", _tally(one["requests"])]
            for one in records[:ALLOCATED]
        ]
        columns = {by.capitalize(): "left", "Usage": "right", "Share": "right"}
        more = len(records) - ALLOCATED
        title = f"{more} more are in --json" if more > 0 else ""
        console.print(grid(columns | {"Requests": "right"}, rows, title))
    for note in found["notes"]:
        console.print(f"Note: {note}.")


def _headline(found: Mapping[str, Any]) -> str:
    from costmodel.analysis.wording import whole

    gap = found["variance_usd"]
    plan = found["usage_budget_usd"]
    word = "more" if gap > 0 else "less"
    share = f", {abs(gap) / plan:.0%}" if plan > 0 else ""
    text = f"Usage cost {whole(found['usage_usd'])} against a budget of {whole(plan)} for the same "
    text += f"days: {whole(abs(gap))}{share} {word}"
    parts = {name: found[f"{name}_usd"] for name in PARTS}
    said = [
        f"{PARTS[name].lower()} {_signed(usd)}"
        for name, usd in sorted(parts.items(), key=lambda part: -abs(part[1]))
        if round(usd, PLACES)
    ]
    rest = found["actual_usd"] - found["usage_usd"]
    text += f" ({', '.join(said)})." if said else "."
    return f"{text} With what no log shows, {whole(rest)}: {whole(found['actual_usd'])}."


def _tally(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _print_months(found: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import whole

    used = [
        name for name in PARTS if any(round(row[f"{name}_usd"], PLACES) for row in found["months"])
    ]
    columns = {"Month": "left", "Seen": "right", "Usage, budget": "right", "P10 to P90": "right"}
    columns |= {"Actual": "right", "Variance": "right"}
    columns |= {PARTS[name]: "right" for name in used}
    columns |= {"Of quantity: requests": "right", "tokens each": "right", "Not shown": "right"}
    rows = []
    for row in found["months"]:
        rest = row["not_shown_usd"]
        usage = row["actual_usd"] - rest
        plan = row["budget_usd"] - (rest - row["stated_usd"])
        cells = [row["month"], f"{row['seen_share']:.0%}", whole(plan)]
        cells.append(f"{whole(row['usage_p10'])} to {whole(row['usage_p90'])}")
        cells += [whole(usage), _signed(row["variance_usd"])]
        cells += [_signed(row[f"{name}_usd"]) for name in used]
        cells += [_signed(row["requests_usd"]), _signed(row["tokens_per_request_usd"]), whole(rest)]
        rows.append(cells)
    terminal().print(grid(columns, rows, "Budget and actual by month"))
    columns = {"Phase": "left", "Budget": "right", "Actual": "right", "Of it not shown": "right"}
    rows = [
        [
            row["phase"],
            *(whole(row[name]) for name in ("budget_usd", "actual_usd")),
            whole(row["not_shown_usd"]),
        ]
        for row in found["phases"]
        if row["budget_usd"] or row["actual_usd"]
    ]
    terminal().print(grid(columns, rows))


def _print_lines(found: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import amount, whole

    sums: dict[str, dict[str, float]] = {}
    names = ("budget_quantity", "quantity", "budget_usd", "actual_usd")
    effects = ("price_usd", "quantity_usd", "mix_usd")
    for row in found["lines"]:
        words = [f"{row['provider']}/{row['model']}", row["region"], row["meter"]]
        words.insert(1, "" if row["mode"] == "standard" else row["mode"])
        line = sums.setdefault(" ".join(filter(None, words)), dict.fromkeys((*names, *effects), 0))
        for name in line:
            line[name] += row[name]
    order = sorted(sums, key=lambda name: -abs(sums[name]["actual_usd"] - sums[name]["budget_usd"]))
    rows = [
        [name, *(amount(sums[name][key]) for key in names[:2])]
        + [whole(sums[name][key]) for key in names[2:]]
        + [_signed(sums[name][key]) for key in effects]
        for name in order[:LINES]
    ]
    columns = {"Line": "left", "Planned": "right", "Used": "right", "Budget": "right"}
    columns |= dict.fromkeys(("Actual", "Price", "Quantity", "Mix"), "right")
    more = len(order) - LINES
    title = "Largest differences" + (f"; {more} more are in --csv and --json" if more > 0 else "")
    terminal().print(grid(columns, rows, title))


def _print_units(found: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import money

    def shown(usd: float | None) -> str:
        return "" if usd is None else money(usd)

    rows = []
    if found["requests"]:
        rows.append(
            [
                "request, usage",
                _tally(found["requests"]),
                shown(found["usage_usd_per_request"]),
                shown(found["budget_usage_usd_per_request"]),
            ]
        )
        rows.append(
            [
                "request, everything",
                _tally(found["requests"]),
                shown(found["usd_per_request"]),
                shown(found["budget_usd_per_request"]),
            ]
        )
    if found["users"]:
        cells = ["user, usage", _tally(found["users"]), shown(found["usage_usd_per_user"]), ""]
        rows.append(cells)
    if found["outcomes"]:
        rows.append(
            [
                "successful outcome, everything",
                _tally(found["outcomes"]),
                shown(found["usd_per_outcome"]),
                shown(found["budget_usd_per_outcome"]),
            ]
        )
    if rows:
        columns = {"Cost of a": "left", "Number": "right", "Actual": "right", "Budget": "right"}
        terminal().print(grid(columns, rows))


def _print_forecast(ahead: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import whole

    rows = []
    for row in ahead["by_month"]:
        band = [f"{whole(row[f'{x}p10'])} to {whole(row[f'{x}p90'])}" for x in ("budget_", "")]
        spent = "" if row["actual_usd"] is None else whole(row["actual_usd"])
        rows.append(
            [
                row["month"],
                whole(row["budget_usd"]),
                band[0],
                spent,
                whole(row["expected_usd"]),
                band[1],
                whole(row["cumulative_budget_usd"]),
                whole(row["cumulative_expected_usd"]),
            ]
        )
    columns = {"Month": "left", "Budget": "right", "P10 to P90": "right", "Spent": "right"}
    columns |= {"Forecast": "right", "P10 to P90 ": "right", "Budget so far": "right"}
    terminal().print(grid(columns | {"Forecast so far": "right"}, rows, "With what no log shows"))
