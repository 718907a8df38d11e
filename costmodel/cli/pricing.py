"""Commands on single prices: `costmodel pricing set|add|show|history|diff`."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.decisions import print_difference
from costmodel.cli.shell import (
    Json,
    On,
    Prices,
    day,
    grid,
    price_book,
    pricing_app,
    print_json,
    terminal,
)
from costmodel.errors import PriceError
from costmodel.prices.tables import ISO_DATE

if TYPE_CHECKING:
    from costmodel.analysis.prices import Moved
    from costmodel.prices.book import PriceBook
    from costmodel.prices.catalog import Model
    from costmodel.prices.changes import Change

SHOWN = 40
SHIPPED = "shipped"  # the tables without those of the user
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
    alike: Annotated[  # noqa: FBT002
        bool, typer.Option("--alike", help="Other modes, tiers, regions move by the same factor.")
    ] = False,
    kind: Kind = "provider_page",
    note: Note = "",
    folder: Folder = None,
    on: On = None,
    json_: Json = False,  # noqa: FBT002
) -> None:
    """Change a price from a day on: a new row, the old one stays.

    Also for training (train=, hosting=), GPUs (price=, MODEL is instance or GPU), units, labour
    (PROVIDER is labour, MODEL the role) and exchange rates (fx EUR rate=1.2).
    """
    from costmodel import costs
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
        source=_source(source),
        today=costs.today() if on is None else on,
        table=table,
        where=_where(where, mode, region),
        source_kind=kind,
        note=note,
        alike=alike,
    )
    _print_change(change, as_json=json_)


def _source(source: str | None) -> str:
    if source is None or not source.startswith("https://"):
        message = f"--source must be the https address of the page that states it, got {source!r}"
        raise typer.BadParameter(message)
    return source


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
    new_provider: NewProvider = False,  # noqa: FBT002
    kind: Kind = "provider_page",
    note: Note = "",
    folder: Folder = None,
    on: On = None,
    json_: Json = False,  # noqa: FBT002
) -> None:
    """Add a new model with its token prices. On a terminal it asks for what is missing."""
    from costmodel import costs
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
        source=_source(source),
        today=costs.today() if on is None else on,
        facts=known,
        where=_where(None, mode, region),
        source_kind=kind,
        note=note,
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


def _models(book: PriceBook, word: str, provider: str | None) -> list[Model]:
    if provider is not None:
        return [book.catalog.model(provider, word)]
    return book.catalog.models_named(word)


Seller = Annotated[str | None, typer.Option("--provider", help="Only this one.")]


@pricing_app.command("show")
def pricing_show(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Also PROVIDER/MODEL.")],
    provider: Seller = None,
    on: On = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Show what the program will use for a model: every price in force, with file and line."""
    from costmodel import costs
    from costmodel.analysis.prices import in_force

    when = costs.today() if on is None else on
    book = price_book(prices)
    shown = []
    for known in _models(book, model, provider):
        facts = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in known.row.items()
            if name not in ("folder", "layer") and str(value) not in ("", "None", "nan")
        }
        rows = in_force(book, known.provider, known.name, when)
        shown.append(
            {"provider": known.provider, "model": known.name, "facts": facts, "prices": rows}
        )
    if json_:
        print_json({"on": when.isoformat(), "models": shown})
        return
    console = terminal()
    for one in shown:
        _print_shown(one, when)
    if len(shown) > 1:
        console.print(f"{len(shown)} providers; only one: --provider NAME")


def _print_shown(one: Mapping[str, Any], when: date) -> None:
    console = terminal()
    facts = one["facts"]
    said = [
        f"{word} {facts[name]}"
        for name, word in (("released", "released"), ("retires", "retires"))
        if name in facts
    ]
    if "context_window" in facts:
        said.append(f"{facts['context_window']:,.0f} tokens of context")
    where = f" ({facts['file']}:{facts['line']})" if facts else ""
    title = (
        f"{one['provider']}/{one['model']} on {when}: " + (", ".join(said) or "no facts") + where
    )
    columns = {"What": "left", "Prices": "left", "Then": "left", "Price row": "left"}
    columns |= {"Since": "left", "Checked": "left", "Source": "left"}
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in one["prices"]:
        key = (row["sku"] if row["table"] == "finetuning" else "", row["mode"], row["region"])
        size = f"over {row['over_input_tokens']:,.0f}" if row["over_input_tokens"] else ""
        groups.setdefault((*key, size, row["window"], row["file"], row["row"]), []).append(row)
    rows = []
    for (*words, file, line), group in groups.items():
        first = group[0]
        prices = [_price_of(row) for row in group]
        then = [
            f"{row['meter']} {row['next_usd']:g}"
            for row in group
            if row["next_usd"] not in (None, row["unit_price_usd"])
        ]
        rows.append(
            [
                " ".join(filter(None, words)),
                "\n".join(prices),
                f"from {first['next_from']}: {', '.join(then)}" if then else "",
                f"{file}:{line}",
                first["effective_from"] or "release",
                first["verified_on"],
                first["source"],
            ]
        )
    console.print(grid(columns, rows, title))
    if not rows:
        console.print(f"{one['provider']} has no price for it on {when}.")


def _price_of(row: Mapping[str, Any]) -> str:
    said = f"{row['meter']} ${row['unit_price_usd']:g} per {row['unit']}"
    if row["list_unit_price_usd"] is not None:
        said += f", list ${row['list_unit_price_usd']:g} of {row['list_row']}"
    return said


@pricing_app.command("history")
def pricing_history(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Also PROVIDER/MODEL.")],
    provider: Seller = None,
    mode: Annotated[str, typer.Option(help="standard, batch, flex, priority.")] = "standard",
    region: Annotated[str, typer.Option(help="As in the tables.")] = "",
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Show how the token prices of a model moved, announced changes included; or a GPU's rent."""
    from costmodel.analysis.prices import price_history

    book = price_book(prices)
    if provider is None and "/" not in model:
        with suppress(PriceError):
            _print_rents(book, book.catalog.gpu(model), as_json=json_)
            return
    tables, refused = [], []
    for known in _models(book, model, provider):
        try:
            found = price_history(book, known.provider, known.name, mode=mode, region=region)
        except PriceError as error:
            refused.append(error)
            continue
        tables.append(found)
    if not tables:
        raise refused[0]
    records = [
        {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in record.items()
        }
        for table in tables
        for record in table.to_dict("records")
    ]
    if json_:
        print_json({"model": model, "mode": mode, "region": region, "prices": records})
        return
    columns = {"Provider": "left", "From": "left", "Until": "left", "Meter": "left"}
    columns |= {"US$ per Mtok": "right", "Change": "right", "Price row": "left", "Source": "left"}
    last: dict[tuple[str, str], float] = {}
    rows = []
    for record in records:
        key, usd = (record["provider"], record["meter"]), float(record["unit_price_usd"])
        before = last.get(key)
        change = f"{usd / before - 1:+.1%}" if before and usd != before else ""
        last[key] = usd
        rows.append(
            [
                record["provider"],
                record["effective_from"] or "release",
                record["effective_to"] or "",
                record["meter"],
                f"{usd:g}",
                change,
                f"{record['file']}:{record['row']}",
                record["source"],
            ]
        )
    terminal().print(grid(columns, rows, f"{model} {mode} {region}".rstrip()))


def _print_rents(book: PriceBook, gpu: str, *, as_json: bool) -> None:
    from costmodel.prices.specs import Specs

    rows = [row for row in Specs.of(book).rows("gpu_history") if row["gpu"] == gpu]
    if as_json:
        names = ("market", "quarter", "usd_per_gpu_hour", "low", "high", "series", "readings")
        shown = [
            {name: row[name].isoformat() if name == "quarter" else row[name] for name in names}
            for row in rows
        ]
        print_json({"gpu": gpu, "rents": shown})
        return
    columns = {"Market": "left", "Quarter from": "left", "US$ per GPU-hour": "right"}
    columns |= {"Lowest": "right", "Highest": "right", "Series": "right", "Readings": "right"}
    columns |= {"Row": "left"}
    cells = [
        [
            row["market"],
            row["quarter"].isoformat(),
            *(f"{row[name]:g}" for name in ("usd_per_gpu_hour", "low", "high")),
            *(f"{row[name]:.0f}" for name in ("series", "readings")),
            f"{row['file']}:{row['line']}",
        ]
        for row in rows
    ]
    console = terminal()
    console.print(grid(columns, cells, f"{gpu}: median over the series that were read"))
    console.print("Other sellers were read in other quarters: compare like with like.")


def _book(word: str | None, prices: Sequence[str] | None) -> PriceBook:
    if word is None:
        return price_book(prices)
    if word == SHIPPED:
        from costmodel.prices.book import PriceBook

        return PriceBook.read()
    if ISO_DATE.fullmatch(word):
        return price_book(prices, day(word))
    return price_book([*(prices or []), word])


@pricing_app.command("diff")
def pricing_diff(
    first: Annotated[
        str, typer.Argument(metavar="A", help="Folder, date, git revision or `shipped`.")
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="The same; the tables in force if left out.")
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What it changes there, in dollars.")
    ] = None,
    option: Annotated[str | None, typer.Option("--option", help="Only this one.")] = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Say which prices differ between two folders, days or git revisions, and what that costs."""
    from costmodel.analysis.prices import moved, moved_facts

    books = _book(first, prices), _book(second, prices)
    found = moved(*books)
    facts = moved_facts(*books)
    report: dict[str, Any] = {"prices": [one.as_dict() for one in found], "models": facts}
    if scenario is None:
        if json_:
            print_json(report)
        else:
            _print_moved(found, facts, first, second)
        return
    from costmodel.analysis.compare import compare
    from costmodel.analysis.difference import differences, only_in_one
    from costmodel.scenario import Scenario

    bills = [compare(Scenario.read(scenario), book) for book in books]
    changed = differences(bills[0], bills[1], option)
    alone = {} if option is not None else only_in_one(bills[0], bills[1])
    if json_:
        report |= {
            "scenario": bills[0].scenario.name,
            "verdict_a": bills[0].verdict,
            "verdict_b": bills[1].verdict,
            "options": [one.as_dict() for one in changed],
            "only_in_one": alone,
        }
        print_json(report)
        return
    _print_moved(found, facts, first, second)
    print_difference(terminal(), changed, alone)
    same = bills[0].verdict == bills[1].verdict
    terminal().print(f"Verdict{' (the same)' if same else ' now'}: {bills[1].verdict}")


def _print_moved(
    found: Sequence[Moved], facts: Sequence[Mapping[str, str]], first: str, second: str | None
) -> None:
    console = terminal()
    columns = {"What": "left", "Meter": "left", "From": "left", "First": "right"}
    columns |= {"Second": "right", "Change": "right", "Price row": "left", "Source": "left"}
    rows = [
        [
            " ".join(
                filter(
                    None, [str(one.key), f"over {one.tier:,.0f}" if one.tier else "", one.window]
                )
            ),
            one.meter,
            str(one.start or ""),
            *("" if math.isnan(usd) else f"{usd:g}" for usd in (one.usd_a, one.usd_b)),
            one.what if math.isnan(one.percent) else f"{one.percent:+.1f} %",
            (one.row_b or one.row_a).where if one.row_b or one.row_a else "",  # type: ignore[union-attr]
            (one.row_b or one.row_a).source if one.row_b or one.row_a else "",  # type: ignore[union-attr]
        ]
        for one in found[:SHOWN]
    ]
    named = f"{first} against {second or 'the tables in force'}"
    console.print(grid(columns, rows, f"{len(found)} prices differ: {named}"))
    if len(found) > SHOWN:
        console.print(f"... and {len(found) - SHOWN} further ones, all with --json")
    for fact in facts[:SHOWN]:
        console.print(
            f"{fact['provider']}/{fact['model']}: {fact['column']} {fact['a'] or 'blank'} -> "
            f"{fact['b'] or 'blank'} ({fact['row']})"
        )
