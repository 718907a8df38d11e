"""`costmodel usage`: logs and bills priced at the prices of each day, and what they explain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.shell import (
    At,
    Json,
    Prices,
    app,
    elsewhere,
    grid,
    price_book,
    print_json,
    tables_named,
    terminal,
    write_text,
)

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from costmodel.usage.summary import Summary

UsageFiles = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Exports, or folders of them; plain, .gz or .zst."),
]
Basis = Annotated[
    str,
    typer.Option(
        "--basis", metavar="billed|effective", help="Cash, or amortised where an export has both."
    ),
]
Overlaps = Annotated[
    str,
    typer.Option(
        "--overlaps",
        metavar="refuse|add",
        help="What to do where two exports differ about the same day.",
    ),
]
SHOWN = 15  # lines of a table without --by


@app.command()
def usage(
    files: UsageFiles,
    by: Annotated[
        str, typer.Option("--by", metavar="day|model|project", help="Only this table, in full.")
    ] = "",
    basis: Basis = "billed",
    overlaps: Overlaps = "refuse",
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="OUT.csv", help="Write day, model, project, quantity, cost."),
    ] = None,
    focus: Annotated[
        Path | None,
        typer.Option("--focus", metavar="OUT.csv", help="Write FOCUS 1.2, a row per token type."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Read files in N processes.")
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="Read on a Dask cluster, or `local`."),
    ] = None,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Price usage logs and bills: what was used, its list cost, what was billed and why."""
    from costmodel.errors import DataError, nearest
    from costmodel.usage.summary import BY

    if by and by not in BY:
        message = f"--by {by}: unknown{nearest(by, BY)}"
        raise DataError(message)
    book = price_book(prices, at)
    with elsewhere(workers, dask, "reading") as executor:
        found = summarised(files, book, basis, overlaps, executor)
    if csv is not None:
        write_text(csv, found.lines().to_csv(index=False, lineterminator="\n"))
    if focus is not None:
        from costmodel.usage.focus_rows import focus_rows

        write_text(focus, focus_rows(found).to_csv(index=False, lineterminator="\n"))
    if json_:
        print_json(found.as_dict() | {"prices": list(book.folders)})
        return
    console = terminal()
    for line in _opening(found):
        console.print(line)
    for name in (by,) if by else BY:
        _table(console, found, name, full=bool(by))
    for line in _unpriced(found):
        console.print(line)
    if not by:
        for line in _open_ends(found):
            console.print(line)
    for note in dict.fromkeys(found.notes):
        console.print(f"Note: {note}")
    console.print(f"Prices: {tables_named(book.folders)}.")


def summarised(
    files: list[str], book: Any, basis: str, overlaps: str, executor: Any = None
) -> Summary:
    """Read exports and price them."""
    from costmodel.errors import DataError, nearest
    from costmodel.usage.condensing import grain_of
    from costmodel.usage.pricing import price
    from costmodel.usage.reading import OVERLAPS, read
    from costmodel.usage.summary import Summary

    if overlaps not in OVERLAPS:
        message = f"--overlaps {overlaps}: unknown{nearest(overlaps, OVERLAPS)}"
        raise DataError(message)
    ledger = read(*files, grain=grain_of(book), overlaps=overlaps, executor=executor)
    return Summary(ledger, price(ledger, book, basis=basis))


def _opening(found: Summary) -> Iterator[str]:
    """Say what the files were taken for, and the totals."""
    from costmodel.usage.pricing import total

    for export in found.ledger.exports:
        dropped = f"; dropped unread: {', '.join(export.private)}" if export.private else ""
        unused = f"; not used: {', '.join(export.ignored[:8])}" if export.ignored else ""
        unused += ", ..." if len(export.ignored) > 8 else ""  # noqa: PLR2004
        yield f"{export.file}: {export.layout}, {export.records:,} records{unused}{dropped}"
    frame, matching = found.priced.frame, found.matching
    said = f"List {_usd(total(frame['list_pico']))}"
    if not found.has_bill:
        yield f"{said}; no bill in these files, so there is nothing to match."
        return
    parts = [f"{said}, billed {_usd(total(frame['billed_pico']))}"]
    parts.append(f"matched {_usd(matching.pico('matched'))}")
    parts.append(f"unexplained {_signed(found.unexplained_pico)}")
    if len(found.priced.unpriced):
        parts.append(f"billed for what has no price {_usd(matching.pico('unpriced'))}")
    if len(matching.other):
        parts.append(f"not for models {_usd(total(matching.other['billed_pico']))}")
    yield "; ".join(parts) + "."


def _usd(pico: int) -> str:
    from costmodel.analysis.wording import money
    from costmodel.usage.pricing import dollars

    return f"{'-' if pico < 0 else ''}{money(dollars(abs(int(pico))))}"


def _signed(pico: int) -> str:
    return f"{'+' if pico > 0 else ''}{_usd(pico)}"


def _count(value: float) -> str:
    return "" if value != value else f"{value:,.0f}"  # noqa: PLR0124


def _table(console: Console, found: Summary, name: str, *, full: bool) -> None:
    """Print one of the tables."""
    from costmodel.usage.summary import BY

    keys = BY[name]
    sums: pd.DataFrame = found.days() if name == "day" else found.by(*keys)
    if name == "project" and not full and set(sums["project"]) <= {""}:
        return
    if name != "day":
        sums = sums.sort_values(["list_pico", "billed_pico"], ascending=False)
    columns = dict.fromkeys([key.capitalize() for key in keys], "left")
    columns |= dict.fromkeys(["Requests", "Input", "Cached", "Output", "List", "Billed"], "right")
    states = ("matched", "unexplained") if name == "day" and found.has_bill else ()
    columns |= dict.fromkeys([state.capitalize() for state in states], "right")
    rows = []
    for row in sums.to_dict("records")[: None if full else SHOWN]:
        words = [str(row[key].date()) if key == "day" else str(row[key]) for key in keys]
        cells = [word or "(not said)" for word in words]
        cells += [_count(row["requests"]), _count(row["input_tokens"])]
        cells += [_count(row["cached_input_tokens"]), _count(row["output_tokens"])]
        cells.append(_usd(row["list_pico"]))
        cells.append(_usd(row["billed_pico"]) if row["stated"] else "")
        cells += [
            (_signed(row[f"{s}_pico"]) if s == "unexplained" else _usd(row[f"{s}_pico"]))
            if row[f"{s}_pico"]
            else ""
            for s in states
        ]
        rows.append(cells)
    console.print(grid(columns, rows))
    if len(sums) > len(rows):
        console.print(f"{len(sums) - len(rows):,} more; --by {name} shows them all.")


def _unpriced(found: Summary) -> Iterator[str]:
    """Say what has no price: no table shows that its list cost is missing."""
    rows = found.priced.unpriced.to_dict("records")
    for row in rows[:SHOWN]:
        what = "/".join(filter(None, (row["provider"], row["model"]))) or "?"
        billed = f", billed {_usd(row['billed_pico'])}" if row["billed_pico"] else ""
        much = f"{row['tokens']:,} tokens" if row["meter"] == "tokens" else row["meter"]
        yield f"No price: {what} ({row['rows']:,} rows, {much}{billed}): {row['why']}"
    if len(rows) > SHOWN:
        yield f"{len(rows) - SHOWN:,} more without a price; --json lists them."


def _open_ends(found: Summary) -> Iterator[str]:
    """Say what is not explained and what is not for models."""
    groups = found.matching.groups
    open_ = groups[groups["state"] == "unexplained"].to_dict("records")
    for row in open_[:SHOWN]:
        model = f"/{row['model']}" if row["model"] else ""
        gap = _signed(int(row["billed_pico"] - row["list_pico"]))
        said = f"; {row['hint']}" if row["hint"] else ""
        yield f"Unexplained: {row['day'].date()} {row['provider']}{model} {gap}{said}"
    if len(open_) > SHOWN:
        yield f"{len(open_) - SHOWN:,} more unexplained; --json lists them."
    for row in found.matching.other.to_dict("records")[:SHOWN]:
        yield f"Not for models: {row['what']}, {_signed(int(row['billed_pico']))}"
