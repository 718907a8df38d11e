"""Commands on whole tables: `costmodel pricing check|fmt|rebuild|stale|init`, `validate prices`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli import BAD_INPUT
from costmodel.cli.shell import (
    Json,
    On,
    Prices,
    grid,
    price_book,
    pricing_app,
    print_json,
    tables_named,
    terminal,
    validate_app,
    write_text,
)
from costmodel.errors import DataError, PriceError


@validate_app.command("prices")
def validate_prices(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Write the input with predicted and ratio.")
    ] = None,
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Price requests of known cost and compare."""
    from costmodel.analysis import validate

    result = validate.validate_prices(validate.read_cases(file), price_book(prices), file.name)
    if rows is not None:
        write_text(rows, result.frame.to_csv(index=False, lineterminator="\n"))
    summary = result.as_dict()
    if json_:
        print_json(summary)
        return
    console = terminal()
    console.print(f"{summary['n']} of {summary['rows']} rows predicted")
    if summary["n"]:
        console.print(
            f"median absolute percentage error {summary['median_absolute_percentage_error']:.2%}, "
            f"exact {summary['share_exact']:.1%}, "
            f"within 25 % {summary['share_within_25_percent']:.1%}, "
            f"within 2x {summary['share_within_2x']:.1%}"
        )
    for text in summary["warnings"]:
        console.print(f"Warning: {text}")
    for item in summary["skipped"]:
        console.print(f"skipped line {item['line']}: {item['reason']}")


@pricing_app.command("check")
def pricing_check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Tables; those in force if left out.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    on: On = None,
    json_: Json = False,
) -> None:
    """Read every table, refuse what is wrong with it, and warn of what is probably not meant."""
    from costmodel import costs
    from costmodel.prices import lints
    from costmodel.prices.book import default_layers, shipped_dir
    from costmodel.prices.rows import problems

    folders = [folder] if folder is not None else [shipped_dir(), *default_layers()]
    below = [] if shipped_dir().resolve() in {f.resolve() for f in folders} else [shipped_dir()]
    found = [text for each in folders for text in problems(each)]
    warnings: list[lints.Finding] = []
    if not found:
        try:
            warnings = lints.lint(folders, costs.today() if on is None else on, below=below)
            found = [str(one) for one in warnings if one.rule == lints.RUNS]
            warnings = [one for one in warnings if one.rule != lints.RUNS]
        except PriceError as error:
            found = [str(error)]
    if json_:
        report = {"folders": [str(each) for each in folders], "problems": found}
        print_json(report | {"warnings": [warning.as_dict() for warning in warnings]})
    else:
        for text in found:
            print(text, file=sys.stderr)
        for text in lints.summed_up(warnings):
            print(f"Warning: {text}")
        if not found:
            said = f", {len(warnings)} rows to look at" if warnings else ""
            named = tables_named([str(each) for each in folders])
            terminal().print(f"Price tables in order{said}: {named}")
    if found or (strict and warnings):
        raise typer.Exit(BAD_INPUT)


@pricing_app.command("fmt")
def pricing_fmt(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Tables; else $COSTMODEL_PRICES, ./pricing."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing, exit 2.")] = False,
    json_: Json = False,
) -> None:
    """Write tables as they should be, after an editor or a spreadsheet had them."""
    from costmodel.prices.book import PriceBook, edited_folder, shipped_dir
    from costmodel.prices.formatting import formatted
    from costmodel.prices.writing import editing

    where = edited_folder(folder)
    own = where.resolve() == shipped_dir().resolve()
    with editing(where) as edited:
        found = formatted(where)
        if found and not check:
            edited.write(found, lambda copy: PriceBook.read(copy, shipped=not own))
    _told(where, found, "files {} written anew", check=check, json_=json_)


def _told(where: Path, files: Collection[str], words: str, *, check: bool, json_: bool) -> None:
    """Say which files changed, or would; with `check`, that some would is an error."""
    if json_:
        print_json({"folder": str(where), "files": list(files)})
    else:
        for name in files:
            print(name)
        verb = words.format("would be" if check else "were")
        terminal().print(f"{len(files)} {verb}")
    if files and check:
        raise typer.Exit(BAD_INPUT)


@pricing_app.command("rebuild")
def pricing_rebuild(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Tables; else $COSTMODEL_PRICES, ./pricing."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing, exit 2.")] = False,
    on: On = None,
    json_: Json = False,
) -> None:
    """Compute survival.csv (of lifetimes.csv) and gpu_history.csv (of gpu_rents.csv) anew."""
    from costmodel import costs
    from costmodel.analysis.derived import RAW, rebuilt
    from costmodel.prices.book import edited_folder
    from costmodel.prices.rows import read_table
    from costmodel.prices.writing import editing

    where = edited_folder(folder)
    with editing(where) as edited:
        found = rebuilt(where, costs.today() if on is None else on)
        if found and not check:
            edited.write(found, lambda copy: [read_table(name, [copy]) for name in RAW])
    _told(where, found, "tables {} computed anew", check=check, json_=json_)


@pricing_app.command("stale")
def pricing_stale(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Tables; those in force if left out.")
    ] = None,
    on: On = None,
    json_: Json = False,
) -> None:
    """List the rows in force that were not seen at their source lately, the oldest first."""
    from costmodel import costs
    from costmodel.prices import lints
    from costmodel.prices.book import default_layers, shipped_dir

    folders = [folder] if folder is not None else [shipped_dir(), *default_layers()]
    rows = lints.stale(folders, costs.today() if on is None else on)
    if json_:
        print_json({"folders": [str(each) for each in folders], "rows": rows})
        return
    columns = {"Price row": "left", "What": "left", "Last seen": "left", "Days": "right"}
    columns |= {"Source": "left"}
    shown = [
        [
            f"{row['file']}:{row['line']}",
            row["what"],
            row["verified_on"] + (f" (tried {row['tried_on']})" if row["tried_on"] else ""),
            str(row["days"]),
            row["source"],
        ]
        for row in rows
    ]
    limits = f"{lints.FRESH_DAYS} days, rents {lints.FRESH_RENT_DAYS}"
    terminal().print(grid(columns, shown, f"{len(rows)} rows not seen for {limits}"))


@pricing_app.command("init")
def pricing_init(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    json_: Json = False,
) -> None:
    """Copy the shipped tables to a folder for editing."""
    from costmodel.prices.book import shipped_dir

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} exists and is not empty; name a new folder"
        raise DataError(message)
    try:
        shutil.copytree(
            shipped_dir(), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*")
        )
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None
    if json_:
        print_json({"folder": str(folder)})
        return
    terminal().print(
        f"Copied the price tables to {folder}. They are used when named with --prices {folder}, "
        "by COSTMODEL_PRICES, or when the folder is called pricing and stands where you work."
    )
