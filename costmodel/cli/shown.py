"""Commands that show prices: `costmodel pricing show|history|diff`."""

from __future__ import annotations

import math
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

SHOWN = 40
SHIPPED = "shipped"  # the tables without those of the user


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
    json_: Json = False,
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
    json_: Json = False,
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
    json_: Json = False,
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
