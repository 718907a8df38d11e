"""`costmodel pricing import`: what others list, beside our tables, and what is taken of it."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli import BAD_INPUT
from costmodel.cli.shell import (
    Json,
    On,
    grid,
    pricing_app,
    print_json,
    terminal,
    write_text,
)
from costmodel.cli.shell import day as day_of
from costmodel.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.prices.audit import Audit
    from costmodel.prices.imports import Proposal

ASK = "ask"
SHOWN = 40  # rows of a table that are printed
Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="Folder of tables to write to; else $COSTMODEL_PRICES, ./pricing.",
    ),
]


def with_question(words: Sequence[str]) -> list[str]:
    """Return the words of a command in which `--accept` without a filter means: ask."""
    out = list(words)
    for k, word in enumerate(out):
        if word == "--accept" and (k + 1 == len(out) or out[k + 1].startswith("-")):
            return [*out[: k + 1], ASK, *out[k + 1 :]]
    return out


@pricing_app.command("import")
def pricing_import(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="litellm, genai-prices, portkey, models-dev, ..."),
    ],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH]", help="File, folder, wheel, or name of an installed package."
        ),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="[FILTER]",
            help="Take rows over: asked row by row, or all, or provider=openai,model=gpt-6*.",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the source; PATH may be another address.")
    ] = False,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the whole proposal.")] = None,
    folder: Folder = None,
    on: On = None,
    as_of: Annotated[
        date | None,
        typer.Option(
            "--as-of",
            parser=day_of,
            metavar="DATE",
            help="Day on which the source was gathered: rows of ours seen later are not overruled.",
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Compare the price table of others with ours, and take over what is accepted of it."""
    from costmodel import costs
    from costmodel.prices import imports, sources
    from costmodel.prices.book import PriceBook, edited_folder
    from costmodel.prices.changes import layers_of

    if source not in sources.SOURCES:
        message = f"unknown source {source!r}{nearest(source, sources.SOURCES)}"
        raise DataError(message)
    folder = edited_folder(folder)
    day = on or costs.today()
    if download:
        with tempfile.TemporaryDirectory() as scratch:
            fetched = sources.fetched(sources.SOURCES[source], path, Path(scratch))
            reading = sources.read(source, str(fetched), day)
    elif path is None:
        message = (
            f"name the file, folder or installed package of {source}, or fetch it with --download"
        )
        raise DataError(message)
    else:
        reading = sources.read(source, path, day)
    gathered = as_of.isoformat() if as_of else reading.as_of
    left_out = imports.keep(reading, folder, day, gathered)
    layers = layers_of(folder)
    book = PriceBook.read(*layers, shipped=False)
    found = imports.proposal(source, reading.origin, reading.frame, layers, book, day, gathered)
    if csv is not None:
        write_text(csv, found.frame.to_csv(index=False, lineterminator="\n"))
    if json_:
        print_json(as_dict(found, folder, left_out))
    else:
        show(found, folder, left_out)
    if accept is not None:
        taken = chosen(found, accept)
        accepted(taken, found, folder, quiet=json_)


def accepted(taken: pd.DataFrame, found: Proposal, folder: Path, *, quiet: bool) -> None:
    """Write accepted rows, and say which."""
    from costmodel.prices import imports
    from costmodel.prices.changes import layers_of
    from costmodel.prices.writing import editing

    with editing(folder) as tables:
        made = imports.changes(taken, found, folder)
        if made:
            imports.apply(made, tables, layers_of(folder))
    if quiet:
        return
    console = terminal()
    if not made:
        console.print("Nothing was accepted; the tables stay as they are.")
        return
    for change in made:
        console.print(f"{change.file}: {change.said}")
    console.print(
        f"{len(made)} rows written to {folder}; `costmodel pricing check {folder}` reads them."
    )


def chosen(found: Proposal, accept: str) -> pd.DataFrame:
    """Return the proposed values that a filter names, or that a person says yes to."""
    from costmodel.prices import imports

    proposed = found.proposed
    if accept != ASK:
        return imports.filtered(proposed, accept)
    if not sys.stdin.isatty():
        message = (
            "--accept asks on a terminal, and there is none; name what to take, such as --accept "
            "provider=openai,model=gpt-6* or --accept all"
        )
        raise DataError(message)
    records = proposed.to_dict("records")
    keys = [imports.keyed({str(k): v for k, v in row.items()}) for row in records]
    kept: list[int] = []
    console = terminal()
    for key in dict.fromkeys(keys):
        mine = [k for k, other in enumerate(keys) if other == key]
        for k in mine:
            console.print(line_of(records[k]))
        answer = typer.prompt("take this row? [y]es, [n]o, [q]uit", default="n")
        if answer[:1].lower() == "q":
            break
        if answer[:1].lower() == "y":
            kept += mine
    return proposed.iloc[kept]


def line_of(row: Any) -> str:
    """Say one proposed value in a line."""
    what = " ".join(
        filter(
            None,
            [
                f"{row['provider']}/{row.get('instance') or row['model']}",
                str(row.get("mode") or ""),
                str(row.get("region") or ""),
                f"over {row['over_input_tokens']:.0f}" if row["over_input_tokens"] > 0 else "",
            ],
        )
    )
    return (
        f"{what}: {row['column']} {cell(row['old']) or '(blank)'} -> {cell(row['new'])}"
        f"{said_percent(row['percent'])}"
        f"{' from ' + row['since'] if row['announced'] else ''}; {row['source']}"
        f"{'; ' + row['cause'] if row['cause'] else ''}"
        f"{'; doubtful: ' + row['doubt'] if row['doubt'] else ''}"
    )


def cell(value: Any) -> str:
    """Show a value, or nothing where there is none."""
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:g}"


def said_percent(percent: float) -> str:
    """Show a change in percent."""
    return "" if math.isnan(percent) else f" ({percent:+.1f} %)"


def as_dict(found: Proposal, folder: Path, left_out: int) -> dict[str, Any]:
    """Return a proposal for machines."""
    wanted = [
        *("status", "table", "provider", "model", "spelt", "mode", "region", "over_input_tokens"),
        *("window", "instance", "column", "old", "new", "percent", "since", "announced", "source"),
        *("source_key", "cause", "doubt", "our_file", "our_line"),
    ]
    rows = found.proposed.reindex(columns=wanted).astype(object)
    rows = rows.where(rows.notna(), None)
    return {
        "source": found.name,
        "origin": found.origin,
        "on": found.on.isoformat(),
        "written": str(folder / "imported" / f"{found.name}.csv"),
        "left_out": left_out,
        "counts": counts(found),
        "rows": rows.to_dict("records"),
        "gone": found.gone[["table", "provider", "model", "instance", "mode", "file", "line"]]
        .astype(object)
        .to_dict("records"),
    }


def counts(found: Proposal) -> dict[str, int]:
    """Count values by what they would do."""
    mine = found.frame[found.frame["status"] == "same"]
    proposed = found.proposed
    return {
        "same": len(mine),
        **{word: int((proposed["status"] == word).sum()) for word in ("changed", "filled", "new")},
        "gone": len(found.gone),
        "doubtful": int((proposed["doubt"] != "").sum()),
        "other_providers": len(found.elsewhere),
    }


def show(found: Proposal, folder: Path, left_out: int) -> None:
    """Print a proposal."""
    console = terminal()
    number = counts(found)
    console.print(
        f"{found.origin}: {number['same']} prices as ours, {number['changed']} changed, "
        f"{number['filled']} where we have a blank, {number['new']} new, {number['gone']} rows "
        f"gone, {number['doubtful']} of the proposed doubtful; {number['other_providers']} of "
        f"providers that our tables do not have. Written to {folder / 'imported'}/{found.name}.csv"
        + (f" without {left_out} rows that a spreadsheet would run" if left_out else "")
    )
    differ = found.proposed[found.proposed["status"].isin(("changed", "filled"))]
    _listed("Changed", differ)
    new = found.proposed[found.proposed["status"] == "new"]
    if len(new) <= SHOWN:
        _listed("New", new)
    else:
        of = new["provider"].value_counts()
        console.print(
            f"New: {len(new)} values ("
            + ", ".join(f"{name} {count}" for name, count in of.items())
            + "); all of them: --csv FILE"
        )
    for row in found.gone.head(SHOWN).to_dict("records"):
        console.print(
            f"Gone: {row['provider']}/{row['instance'] or row['model']} {row['mode']}, "
            f"{row['file']} line {row['line']}: a price that disappeared gets an effective_to"
        )


def _listed(title: str, rows: pd.DataFrame) -> None:
    if rows.empty:
        return
    columns = {"Model": "left", "Price": "left", "Ours": "right", "Theirs": "right"}
    columns |= {"": "right", "From": "left", "Why": "left", "Our row": "left"}
    shown = [
        [
            " ".join(
                filter(
                    None,
                    [
                        f"{row['provider']}/{row.get('instance') or row['spelt']}",
                        row.get("mode", "") if row.get("mode") != "standard" else "",
                        str(row.get("region") or ""),
                        f">{row['over_input_tokens']:.0f}" if row["over_input_tokens"] > 0 else "",
                        "window" if row.get("window") else "",
                    ],
                )
            ),
            row["column"].removesuffix("_per_mtok"),
            cell(row["old"]),
            cell(row["new"]),
            said_percent(row["percent"]).strip(" ()"),
            row["since"] if row["announced"] else "",
            row["cause"] or row["doubt"],
            f"{row['our_file']}:{row['our_line']:.0f}" if row["our_file"] else "",
        ]
        for row in rows.head(SHOWN).to_dict("records")
    ]
    more = (
        f", the first {SHOWN} of {len(rows)}; all of them: --csv FILE" if len(rows) > SHOWN else ""
    )
    terminal().print(grid(columns, shown, f"{title}{more}"))


@pricing_app.command("audit")
def pricing_audit(
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every difference.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 2 if a difference has no cause.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="A further folder of tables with imported/."),
    ] = None,
    on: On = None,
    json_: Json = False,
) -> None:
    """Set what was imported beside our tables: every difference, its cause, and a third voice."""
    from costmodel import costs
    from costmodel.prices import audit as audits
    from costmodel.prices.book import PriceBook, default_layers, shipped_dir

    layers = [shipped_dir(), *default_layers(), *([folder] if folder else [])]
    book = PriceBook.read(*layers, shipped=False)
    found = audits.audit(layers, book, on or costs.today())
    if csv is not None:
        write_text(csv, found.found.to_csv(index=False, lineterminator="\n"))
    if json_:
        rows = found.found.astype(object)
        print_json(
            {
                "on": found.on.isoformat(),
                "voices": dict(found.voices),
                "compared": found.compared,
                "by_cause": found.by_cause(),
                "differences": rows.where(rows.notna(), None).to_dict("records"),
                "known": len(found.known),
                "known_no_longer_heard": [
                    f"{row['voice']} {row['provider']}/{row['model']}" for row in found.unheard
                ],
            }
        )
    else:
        show_audit(found)
    if strict and len(found.unexplained):
        raise typer.Exit(BAD_INPUT)


def show_audit(found: Audit) -> None:
    """Print an audit: differences without a cause first."""
    console = terminal()
    if not found.voices:
        console.print(
            "Nothing was imported yet: costmodel pricing import litellm litellm (an installed "
            f"package, or a file). {len(found.known)} differences are known from research:"
        )
    else:
        causes = found.by_cause()
        console.print(
            f"{' and '.join(found.voices.values())} beside our tables on {found.on}: "
            f"{found.compared} prices compared, {len(found.found)} differ"
            f" ({', '.join(f'{count} {cause}' for cause, count in causes.items())})"
        )
    missing = found.unexplained
    if len(missing):
        _differences(f"Without a cause: {len(missing)}", missing)
    _differences("Explained", found.found[found.found["explained"].astype(bool)])
    unheard = found.unheard if found.voices else found.known
    if unheard:
        columns = {"Voice": "left", "Model": "left", "Why": "left", "Right": "left"}
        columns |= {"Seen on": "left"}
        shown = [
            [
                row["voice"],
                f"{row['provider']}/{row['model']}",
                f"{row['cause']}: {row['explanation']}",
                row["right"],
                str(row["verified_on"]),
            ]
            for row in unheard
        ]
        title = "Known differences"
        if found.voices:
            title += ": between the names that the sources answer, or gone by now"
        console.print(grid(columns, shown, title))


def _differences(title: str, rows: pd.DataFrame) -> None:
    if rows.empty:
        return
    columns = {"Model": "left", "Price": "left", "Who says what": "left", "Why": "left"}
    shown = [
        [
            " ".join(
                filter(
                    None,
                    [
                        f"{row['provider']}/{row['model']}",
                        row["mode"] if row["mode"] != "standard" else "",
                        row["region"],
                        f">{row['over_input_tokens']:.0f}" if row["over_input_tokens"] else "",
                        row["window"],
                        f"from {row['since']}" if row["since"] else "",
                    ],
                )
            ),
            row["column"].removesuffix("_per_mtok"),
            row["agree"],
            row["cause"],
        ]
        for row in rows.head(SHOWN).to_dict("records")
    ]
    more = f", the first {SHOWN} of {len(rows)}; all: --csv FILE" if len(rows) > SHOWN else ""
    terminal().print(grid(columns, shown, f"{title}{more}"))
