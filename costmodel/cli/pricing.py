"""Commands that change single prices: `costmodel pricing set|seen|add`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.shell import (
    Json,
    On,
    day,
    pricing_app,
    print_json,
    terminal,
)

if TYPE_CHECKING:
    from costmodel.prices.changes import Change, Said

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir", metavar="DIR", help="Tables to change; else $COSTMODEL_PRICES, ./pricing."
    ),
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="URL", help="Page that states the price.")
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=VALUE", help="Which row, where there are several."),
]
Mode = Annotated[str | None, typer.Option(help="standard, batch, flex, priority; a GPU's market.")]
Region = Annotated[str | None, typer.Option(help="As in the tables.")]
Kind = Annotated[str, typer.Option("--kind", help="Kind of source, as in the tables.")]
Note = Annotated[str, typer.Option("--note", help="Remark for the row.")]
NewProvider = Annotated[bool, typer.Option("--new-provider", help="The provider is new, too.")]
Values = Annotated[
    list[str] | None, typer.Argument(metavar="WHAT=PRICE", help="input=0.5 output=2, train=3, ...")
]


def _pairs(words: Sequence[str] | None, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words or []:
        name, sign, text = word.partition("=")
        if not sign or not name or name in found:
            message = f"expected {example}, each once, got {word!r}"
            raise typer.BadParameter(message)
        found[name.strip()] = text.strip()
    return found


def _where(words: Sequence[str] | None, mode: str | None, region: str | None) -> dict[str, str]:
    given = _pairs(words, "COLUMN=VALUE")
    return given | {k: v for k, v in (("mode", mode), ("region", region)) if v is not None}


@pricing_app.command("set")
def pricing_set(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    values: Values = None,
    start: Annotated[
        date | None, typer.Option("--from", parser=day, metavar="DATE", help="First day.")
    ] = None,
    source: Source = None,
    mode: Mode = None,
    region: Region = None,
    where: Where = None,
    table: Annotated[
        str | None, typer.Option(help="Where the words could mean several tables.")
    ] = None,
    alike: Annotated[
        bool, typer.Option("--alike", help="Other modes, tiers, regions move by the same factor.")
    ] = False,
    kind: Kind = "provider_page",
    note: Note = "",
    folder: Folder = None,
    on: On = None,
    json_: Json = False,
) -> None:
    """Change a price from a day on: a new row, the old one stays.

    Also for training (train=, hosting=), GPUs (price=, MODEL is instance or GPU), units, labour
    (PROVIDER is labour, MODEL the role) and exchange rates (fx EUR rate=1.2).
    """
    from costmodel.prices.book import edited_folder
    from costmodel.prices.changes import add_row

    if start is None:
        message = "--from is missing: the first day of the new price"
        raise typer.BadParameter(message)
    change = add_row(
        edited_folder(folder),
        provider,
        model,
        _pairs(values, "WHAT=PRICE, e.g. output=0.55"),
        start=start,
        said=_said(source, on, kind, note),
        table=table,
        where=_where(where, mode, region),
        alike=alike,
    )
    _print_change(change, as_json=json_)


def _said(source: str | None, on: date | None, kind: str, note: str) -> Said:
    from costmodel import costs
    from costmodel.prices.changes import Said

    if source is None or not source.startswith("https://"):
        message = f"--source must be the https address of the page that states it, got {source!r}"
        raise typer.BadParameter(message)
    return Said(source, costs.today() if on is None else on, kind, note)


def _print_change(change: Change, *, as_json: bool) -> None:
    if as_json:
        report = _change_keys(change) | {"others": [_change_keys(one) for one in change.others]}
        print_json(report | {"warnings": [finding.as_dict() for finding in change.findings]})
        return
    console = terminal()
    for one in (change, *change.others):
        begins = f" from {one.start}" if one.start else ""
        console.print(f"Added {one.file} line {one.line}: {one.what}{begins}")
        for column, (before, after) in one.cells.items():
            percent = ""
            if before and after and float(before):
                percent = f" ({float(after) / float(before) - 1:+.1%})"
            console.print(f"  {column}: {before or 'blank'} -> {after or 'blank'}{percent}")
        if one.follows:
            console.print(f"  until then {one.follows} holds")
    for text in change.remarks:
        console.print(f"Note: {text}")
    for finding in change.findings:
        console.print(f"Warning: {finding}")


def _change_keys(change: Change) -> dict[str, Any]:
    return {
        "file": change.file,
        "line": change.line,
        "what": change.what,
        "from": None if change.start is None else change.start.isoformat(),
        "cells": {
            column: {"before": before, "after": after}
            for column, (before, after) in change.cells.items()
        },
        "follows": change.follows or None,
        "remarks": list(change.remarks),
    }


@pricing_app.command("seen")
def pricing_seen(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    mode: Mode = None,
    region: Region = None,
    where: Where = None,
    table: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    folder: Folder = None,
    on: On = None,
    json_: Json = False,
) -> None:
    """Say that the prices in force stand unchanged at their source: sets verified_on."""
    from costmodel import costs
    from costmodel.prices.book import edited_folder
    from costmodel.prices.changes import mark_seen

    when = costs.today() if on is None else on
    rows = mark_seen(
        edited_folder(folder),
        provider,
        model,
        seen_on=when,
        table=table,
        where=_where(where, mode, region),
    )
    if json_:
        print_json({"verified_on": when.isoformat(), "rows": rows})
        return
    for row in rows:
        print(row)
    terminal().print(f"{len(rows)} rows seen on {when}")


@pricing_app.command("add")
def pricing_add(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    values: Values = None,
    start: Annotated[
        date | None,
        typer.Option("--from", parser=day, metavar="DATE", help="First day; else since release."),
    ] = None,
    source: Source = None,
    mode: Mode = None,
    region: Region = None,
    facts: Annotated[
        list[str] | None,
        typer.Option("--fact", metavar="COLUMN=VALUE", help="Of models.csv: context_window=200000"),
    ] = None,
    new_provider: NewProvider = False,
    kind: Kind = "provider_page",
    note: Note = "",
    folder: Folder = None,
    on: On = None,
    json_: Json = False,
) -> None:
    """Add a new model with its token prices. On a terminal it asks for what is missing."""
    from costmodel.prices.book import edited_folder
    from costmodel.prices.changes import add_model

    where = edited_folder(folder)
    prices = _pairs(values, "WHAT=PRICE, e.g. input=0.5")
    known = _pairs(facts, "COLUMN=VALUE")
    if sys.stdin.isatty() and not json_:
        for name, text in ASKED.items():
            if name not in prices:
                prices |= _answer(name, f"{text} (blank: none)")
        source = source or typer.prompt("https address of the page that says so")
        for column, text in FACTS.items():
            if column not in known:
                known |= _answer(column, f"{text} (blank: not known)")
    if not prices:
        message = "say what it costs, e.g. input=0.5 output=2 (US dollars per 1M tokens)"
        raise typer.BadParameter(message)
    change = add_model(
        where,
        provider,
        model,
        prices,
        start=start,
        said=_said(source, on, kind, note),
        facts=known,
        where=_where(None, mode, region),
        new_provider=new_provider,
    )
    _print_change(change, as_json=json_)


ASKED = {
    "input": "US dollars per 1M input tokens",
    "cached": "per 1M input tokens read from a cache",
    "output": "per 1M output tokens",
}
FACTS = {
    "released": "Day of release, e.g. 2026-11-21",
    "context_window": "Longest prompt in tokens",
    "encoding": "Tokenizer, as in tokenizers.csv",
}


def _answer(name: str, text: str) -> dict[str, str]:
    said = typer.prompt(text, default="", show_default=False).strip()
    return {name: said} if said else {}
