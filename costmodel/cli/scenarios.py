"""Commands on a scenario: `costmodel compare|bill|explain`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.shell import (
    CENT,
    WIDE,
    At,
    Json,
    OptionName,
    Prices,
    ScenarioFile,
    app,
    grid,
    listed_price,
    price_book,
    print_json,
    tables_named,
    terminal,
    write_text,
)

if TYPE_CHECKING:
    from costmodel.analysis.compare import Comparison
    from costmodel.bill import Bill

MANY = 2  # options named one by one


def _grouped(assumptions: Sequence[str]) -> list[str]:
    """Gather the defaults of one thing on one line."""
    defaults: dict[str, list[str]] = {}
    others = []
    for text in assumptions:
        name, _, rest = text.partition(": ")
        if text.endswith(" (our default)"):
            defaults.setdefault(name, []).append(rest.removesuffix(" (our default)"))
        else:
            others.append(text)
    return [*others, *(f"defaults of {name}: {', '.join(v)}" for name, v in defaults.items())]


@app.command()
def compare(file: ScenarioFile, json_: Json = False, prices: Prices = None, at: At = None) -> None:
    """Compare the options of a scenario: verdict, totals, unit costs, share of upkeep."""
    from costmodel.analysis.compare import compare as compare_options
    from costmodel.scenario import Scenario

    result = compare_options(Scenario.read(file), price_book(prices, at))
    if json_:
        print_json(result.as_dict())
        return
    _print_comparison(result)


def _print_comparison(result: Comparison) -> None:
    console = terminal()
    scenario, options = result.scenario, [r.as_dict() for r in result.results]
    order = {r.name: k for k, r in enumerate(result.ranked)}
    options.sort(key=lambda o: (not o["feasible"], order.get(o["name"], len(order))))
    months = scenario.horizon
    begun = f", months begin on day {months.start.day}" if months.start.day > 1 else ""
    console.print(f"{scenario.name}: {months.labels[0]} to {months.labels[-1]}{begun}")
    console.print()
    console.print(result.verdict)
    wide = console.width >= WIDE
    columns = {"Option": "left"} | ({"Provider": "left", "Model": "left"} if wide else {})
    columns |= {"Total": "right"}
    if scenario.discount_rate is not None:
        columns |= {"Discounted": "right"}
    columns |= {"Build": "right", "Serve": "right", "Upkeep": "right"} if wide else {}
    if any(option["damage_usd"] for option in options):
        columns |= {"Damage": "right"}
    columns |= {"People": "right"} if wide else {}
    columns |= {"Upkeep share": "right", "Per request": "right", "Success": "right"}
    columns |= {"Per success": "right"}
    rows = [[_cells(option)[name] for name in columns] for option in options]
    console.print(grid(columns, rows))
    for option in options:
        if not option["feasible"]:
            console.print(f"{option['name']} is not feasible: {option['reason']}")
    said: dict[str, list[str]] = {}
    for option in options:
        for text in option["warnings"]:
            said.setdefault(text, []).append(option["name"])
    for text in result.warnings:
        console.print(f"Warning: {text}")
    for text, names in said.items():
        console.print(f"Warning: {text} ({'; '.join(names)})")
    console.print()
    console.print(
        grid(
            {"Date": "left", "Event": "left", "": "left", "Options": "left"},
            _calendar(options),
            "Calendar",
        )
    )
    days = result.prices_on
    if not result.bills:
        return
    frozen = f" of {days['day']}" if days["day"] else ""
    console.print(
        f"Prices{frozen} from {tables_named(result.book.folders)}; rows used were checked between "
        f"{days['verified_from']} and {days['verified_to']}."
    )
    console.print("Assumed:")
    for text in _grouped(result.assumptions):
        console.print(f"  - {text}")
    console.print(
        "Trace any figure: costmodel explain FILE --option NAME --month "
        f"{scenario.horizon.labels[0]}"
    )


def _cells(option: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in the table for one option."""
    from costmodel.analysis.wording import money, whole

    def total(value: float | None) -> str:
        return "" if value is None else whole(value)

    def usd(value: float | None) -> str:
        return "" if value is None else money(value)

    def percent(value: float | None) -> str:
        return "" if value is None else f"{value:.0%}"

    phases = option["by_phase"] or {}
    return {
        "Option": option["name"],
        "Provider": option["provider"],
        "Model": option["model"],
        "Total": total(option["total_usd"]) or "no",
        "Discounted": total(option["discounted_usd"]),
        "Build": total(phases.get("build")),
        "Serve": total(phases.get("serve")),
        "Upkeep": total(phases.get("upkeep")),
        "Damage": total(option["damage_usd"]),
        "Upkeep share": percent(option["maintenance_share"]),
        "People": percent(option["labour_share"]),
        "Per request": usd(option["usd_per_request"]),
        "Success": percent(option["success_rate"]),
        "Per success": usd(option["usd_per_success"]),
    }


def _calendar(options: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    from costmodel.analysis.calendar import KINDS

    events: dict[tuple[str, str, str], list[str]] = {}
    for option in options:
        for event in option["calendar"]:
            key = (event["day"], event["what"], KINDS[event["kind"]])
            events.setdefault(key, []).append(option["name"])
    return [
        [*key, f"{len(names)} options" if len(names) > MANY else "; ".join(names)]
        for key, names in sorted(events.items())
    ]


def _bill(file: Path, option: str, prices: Sequence[str] | None, at: date | None) -> Bill:
    """Return the bill of one option of a scenario file."""
    from costmodel.analysis.compare import bill_of
    from costmodel.scenario import Scenario, book_for

    scenario = Scenario.read(file)
    book = book_for(scenario, price_book(prices, at))
    return bill_of(scenario, scenario.option(option), book)[0]


@app.command()
def bill(
    file: ScenarioFile,
    option: OptionName,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every line and month.")] = None,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Print the bill of one option: every line, its quantity, unit price and price row."""
    from costmodel.analysis.wording import amount as quantity
    from costmodel.analysis.wording import whole

    found = _bill(file, option, prices, at)
    frame = found.frame()
    if csv is not None:
        write_text(csv, frame.to_csv(index=False, lineterminator="\n"))
    if json_:
        print_json(
            {
                "option": option,
                "total_usd": float(found.total),
                "by_phase": {k: float(v) for k, v in found.by_phase().items()},
                "maintenance_share": float(found.maintenance_share),
                "lines": json.loads(frame.to_json(orient="records")),
                "assumptions": list(found.assumptions),
                "warnings": list(found.warnings),
            }
        )
        return
    keys = [
        "phase",
        "cause",
        "line",
        "detail",
        "unit_price_usd",
        "list_unit_price_usd",
        "file",
        "row",
    ]
    contracts = frame["list_unit_price_usd"].notna().any()
    sums = frame.groupby(keys, sort=False, dropna=False)[["quantity", "cost_usd"]].sum()
    grouped = sums.reset_index()
    rows = [
        [
            *(item[key] for key in keys[:4]),
            quantity(item["quantity"]),
            f"${item['unit_price_usd']:g}",
            f"${item['cost_usd']:,.2f}" if item["cost_usd"] >= CENT else "< $0.01",
            f"{item['file']}:{item['row']}",
            *([listed_price(item["list_unit_price_usd"])] if contracts else []),
        ]
        for item in grouped.to_dict("records")
    ]
    columns = {"Phase": "left", "Cause": "left", "Line": "left", "For": "left"}
    columns |= {"Quantity": "right", "Unit price": "right", "Cost": "right", "Price row": "left"}
    columns |= {"List price": "right"} if contracts else {}
    console = terminal()
    console.print(grid(columns, rows, f"{option}, {found.months.count} months"))
    console.print(
        f"Total {whole(float(found.total))}, upkeep {float(found.maintenance_share):.0%}."
    )
    for text in found.warnings:
        console.print(f"Warning: {text}")


@app.command()
def explain(
    file: ScenarioFile,
    option: OptionName,
    line: Annotated[str | None, typer.Option(help="Path of a line, or its beginning.")] = None,
    month: Annotated[
        str | None,
        typer.Option(help="Month, e.g. 2027-02; left out, the first in which each line counts."),
    ] = None,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Trace dollars back: formula, inputs with units, unit price, price row, source, date."""
    records = _bill(file, option, prices, at).explain(line, month)
    if json_:
        print_json(records)
        return
    console = terminal()
    if month is None:
        console.print("The first month in which each line counts; another one: --month 2027-02")
        console.print()
    for record in records:
        for text in _explanation(record):
            console.print(text)
        console.print()


def _explanation(record: Mapping[str, Any]) -> Iterator[str]:
    from costmodel.analysis.wording import amount as quantity

    about = ", ".join(filter(None, [record["phase"], record["cause"], record["detail"]]))
    yield f"{record['line']}  {record['month']}  ({about})"
    yield (
        f"  ${record['cost_usd']:,.6g} = {quantity(record['quantity'])} {record['unit']} "
        f"x ${record['unit_price_usd']:g}"
    )
    if record["kind"] == "minimum_top_up":
        yield "  quantity: what the job or month falls short of the minimum charge of this row"
    yield f"  formula:  {record['formula']}: {record['formula_says']}"
    for item in record["inputs"]:
        value = item["value"]
        shown = quantity(value) if isinstance(value, int | float) else str(value)
        yield f"    {item['name']} = {shown} [{item['unit']}]"
    if record["share"] != 1:
        yield f"  share of it under this row: {quantity(record['share'])} (tier, date or hours)"
    since = f", holds from {record['effective_from']}" if record["effective_from"] else ""
    yield f"  price:    {record['price_of']}, {record['file']} line {record['row']}{since}"
    if record["list_file"]:
        yield (
            f"  list:     ${record['list_unit_price_usd']:g}, {record['list_file']} "
            f"line {record['list_row']}"
        )
    yield f"  source:   {record['source']}, checked {record['verified_on']}"
    if record["note"]:
        yield f"  note:     {record['note']}"
