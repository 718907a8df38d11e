"""The command line: `costmodel compare|bill|explain|price|train|validate|pricing|lab`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.errors import CostModelError, DataError, PriceError, nearest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from costmodel.analysis.compare import Comparison
    from costmodel.analysis.market import Job
    from costmodel.bill import Bill
    from costmodel.prices.book import PriceBook
    from costmodel.prices.rows import PriceRow

app = typer.Typer(
    name="costmodel",
    help="What a language model costs to adapt, to serve and to keep.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
validate_app = typer.Typer(help="Check the program against known figures.")
pricing_app = typer.Typer(help="The price tables.")
app.add_typer(validate_app, name="validate")
app.add_typer(pricing_app, name="pricing")

# Typer exports only the last of this family
ClickError: type[Exception] = typer.BadParameter.__mro__[2]

BAD_INPUT = 2
MANY = 2  # options named one by one
WIDE = 180  # columns of a terminal in which everything fits
CENT = 0.01
SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9}
WIDTH_WITHOUT_TERMINAL = 200


def amount(text: str | float) -> float:
    """Read a number of tokens or requests: 1500, 20e6, 300k, 1.2M."""
    word = str(text).strip().lower().replace("_", "")
    factor = SUFFIXES.get(word[-1:], 1.0)
    try:
        value = float(word[:-1] if word[-1:] in SUFFIXES else word) * factor
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        message = f"must be a number >= 0 like 1500, 20e6, 300k or 1.2M, got {text!r}"
        raise typer.BadParameter(message)
    return value


def day(text: str) -> date:
    """Read a date."""
    from costmodel.months import as_date

    try:
        return as_date(text)
    except DataError as error:
        raise typer.BadParameter(str(error)) from None


ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="Scenario file (TOML).")]
OptionName = Annotated[str, typer.Option("--option", help="Name of the option in the scenario.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--prices",
        metavar="FOLDER|REVISION",
        help="Lay a folder of tables over the others, or take the tables of a git revision.",
    ),
]
At = Annotated[
    date | None,
    typer.Option("--at", parser=day, metavar="DATE", help="Take the prices of one day throughout."),
]
On = Annotated[
    date | None,
    typer.Option("--on", parser=day, metavar="DATE", help="Day of the prices; today if left out."),
]


def _count(name: str, text: str) -> Any:
    return typer.Option(name, parser=amount, metavar="N", help=text)


# shells around the library


@contextmanager
def _tables_of(revision: str) -> Iterator[Path]:
    """Yield the price tables as a git revision of the checkout has them."""
    from costmodel.prices.book import shipped_dir

    home = Path.cwd() if Path("pricing").is_dir() else shipped_dir().parent
    if revision.startswith("-") or shutil.which("git") is None:
        message = f"--prices {revision}: no such folder"
        raise PriceError(message)
    found = subprocess.run(
        ["git", "-C", str(home), "archive", "--format=tar", revision, "pricing"],
        capture_output=True,
        check=False,
    )
    if found.returncode:
        message = f"--prices {revision}: neither a folder nor a git revision with price tables"
        raise PriceError(message)
    with tempfile.TemporaryDirectory() as folder:
        import tarfile

        with tarfile.open(fileobj=BytesIO(found.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder) / "pricing"


def _book(prices: Sequence[str] | None, at: date | None = None) -> PriceBook:
    """Read the price tables in force: shipped, the user's own, those named."""
    from costmodel.prices.book import PriceBook, default_layers

    folders = [Path(name) for name in prices or [] if Path(name).is_dir()]
    revisions = [name for name in prices or [] if not Path(name).is_dir()]
    if len(revisions) > 1:
        message = f"--prices: name one revision, got {', '.join(revisions)}"
        raise PriceError(message)
    if revisions:
        with _tables_of(revisions[0]) as base:
            book = PriceBook.read(base, *folders, shipped=False)
        # the folder was a temporary one
        book = replace(book, folders=(f"revision {revisions[0]}", *book.folders[1:]))
    else:
        book = PriceBook.read(*default_layers(), *folders)
    return book if at is None else book.at(at)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _console() -> Console:
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, emoji=False, markup=False, soft_wrap=False)


def _table(columns: Mapping[str, str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Make a table; `columns` says how each is aligned."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for name, justify in columns.items():
        table.add_column(
            name,
            justify=justify,  # type: ignore[arg-type]
            overflow="fold",
            no_wrap=name in ("Option", "Line", "Price row", "Date"),
        )
    for row in rows:
        table.add_row(*row)
    return table


def _where(folders: Sequence[str]) -> str:
    from costmodel.prices.book import shipped_dir

    names = ["shipped tables" if Path(f) == shipped_dir() else f for f in folders]
    return ", then ".join(names)


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
def compare(file: ScenarioFile, json_: Json = False, prices: Prices = None, at: At = None) -> None:  # noqa: FBT002
    """Compare the options of a scenario: verdict, totals, unit costs, share of upkeep."""
    from costmodel.analysis.compare import compare as compare_options
    from costmodel.scenario import Scenario

    result = compare_options(Scenario.read(file), _book(prices, at))
    if json_:
        _print_json(result.as_dict())
        return
    _print_comparison(result)


def _print_comparison(result: Comparison) -> None:
    console = _console()
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
    columns |= {"Build": "right", "Serve": "right", "Upkeep": "right"} if wide else {}
    if any(option["damage_usd"] for option in options):
        columns |= {"Damage": "right"}
    columns |= {"People": "right"} if wide else {}
    columns |= {"Upkeep share": "right", "Per request": "right", "Success": "right"}
    columns |= {"Per success": "right"}
    rows = [[_cells(option)[name] for name in columns] for option in options]
    console.print(_table(columns, rows))
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
        _table(
            {"Date": "left", "Event": "left", "": "left", "Options": "left"},
            _calendar(options),
            "Calendar",
        )
    )
    days = result.prices_on
    frozen = f" of {days['day']}" if days["day"] else ""
    console.print(
        f"Prices{frozen} from {_where(result.book.folders)}; rows used were checked between "
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
    words = {"certain": "announced", "floor": "not sooner", "expected": "most likely date"}
    events: dict[tuple[str, str, str], list[str]] = {}
    for option in options:
        for event in option["calendar"]:
            key = (event["day"], event["what"], words[event["kind"]])
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
    book = book_for(scenario, _book(prices, at))
    return bill_of(scenario, scenario.option(option), book)[0]


@app.command()
def bill(
    file: ScenarioFile,
    option: OptionName,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every line and month.")] = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
    at: At = None,
) -> None:
    """Print the bill of one option: every line, its quantity, unit price and price row."""
    from costmodel.analysis.wording import amount as quantity
    from costmodel.analysis.wording import money

    found = _bill(file, option, prices, at)
    frame = found.frame()
    if csv is not None:
        _write(csv, frame.to_csv(index=False, lineterminator="\n"))
    if json_:
        _print_json(
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
            *([_listed(item["list_unit_price_usd"])] if contracts else []),
        ]
        for item in grouped.to_dict("records")
    ]
    columns = {"Phase": "left", "Cause": "left", "Line": "left", "For": "left"}
    columns |= {"Quantity": "right", "Unit price": "right", "Cost": "right", "Price row": "left"}
    columns |= {"List price": "right"} if contracts else {}
    console = _console()
    console.print(_table(columns, rows, f"{option}, {found.months.count} months"))
    console.print(
        f"Total {money(float(found.total))}, upkeep {float(found.maintenance_share):.0%}."
    )
    for text in found.warnings:
        console.print(f"Warning: {text}")


def _listed(usd: float | None) -> str:
    return "" if usd is None or usd != usd else f"${usd:g}"  # noqa: PLR0124


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    if path.is_dir():
        message = f"{path}: is a folder; name a file"
        raise DataError(message)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        message = f"{path}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None


@app.command()
def explain(
    file: ScenarioFile,
    option: OptionName,
    line: Annotated[str | None, typer.Option(help="Path of a line, or its beginning.")] = None,
    month: Annotated[
        str | None,
        typer.Option(help="Month, e.g. 2027-02; left out, the first in which each line counts."),
    ] = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
    at: At = None,
) -> None:
    """Trace dollars back: formula, inputs with units, unit price, price row, source, date."""
    records = _bill(file, option, prices, at).explain(line, month)
    if json_:
        _print_json(records)
        return
    console = _console()
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


@app.command()
def price(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    input_: Annotated[float, _count("--input", "All input tokens of one request.")],
    output: Annotated[float, _count("--output", "Output tokens of one request.")] = 0.0,
    cached: Annotated[float, _count("--cached", "Input read from the prompt cache.")] = 0.0,
    cache_write: Annotated[float, _count("--cache-write", "Input written to the cache.")] = 0.0,
    cache_write_1h: Annotated[
        float, _count("--cache-write-1h", "Input written to the one-hour cache.")
    ] = 0.0,
    requests: Annotated[float, _count("--requests", "Number of such requests.")] = 1.0,
    mode: Annotated[str, typer.Option(help="standard, batch, flex, priority, ...")] = "standard",
    region: Annotated[str | None, typer.Option(help="As in the tables.")] = None,
    on: On = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Price requests to a hosted model."""
    from costmodel import costs

    when = costs.today() if on is None else on
    book = _book(prices)
    usd, found = costs.price(
        provider,
        model,
        input_tokens=input_,
        output_tokens=output,
        cached_input_tokens=cached,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=cache_write_1h,
        requests=requests,
        mode=mode,
        region=region,
        on=when,
        book=book,
    )
    row = book.rows[int(found.row[0])]
    lines = [
        _money_line(
            f"serve/{row.key.provider}/{row.key.sku}/{meter}",
            meter,
            float(found.mtok[meter][0]),
            float(found.unit_usd[meter][0]),
            *_cited(book, int(found.row[0]), meter),
        )
        for meter in found.mtok
        if found.mtok[meter][0]
    ]
    known = book.catalog.model(provider, model)
    warnings = []
    if known.retires is not None:
        sooner = "" if known.ends_for_certain else "not sooner than "
        verb = "retired" if known.retires <= when else "retires"
        warnings.append(f"{provider}/{known.name} {verb} {sooner or 'on '}{known.retires}")
    _print_price(usd, lines, found.assumptions, warnings, as_json=json_)


Listed = tuple["PriceRow", float] | None


def _cited(book: PriceBook, row: int, meter: str) -> tuple[PriceRow, Listed]:
    """Return the row to cite for a price, and list row and list price behind a contract price."""
    cited, listed = book.cited(row, meter)
    if listed is None:
        return book.rows[cited], None
    return book.rows[cited], (book.rows[listed], book.unit_usd(listed, meter))


def _money_line(
    path: str,
    meter: str,
    quantity: float,
    unit_usd: float,
    row: PriceRow,
    listed: Listed = None,
) -> dict[str, Any]:
    from costmodel.bill import extend

    line = {
        "line": path,
        "meter": meter,
        "quantity": quantity,
        "unit_price_usd": unit_usd,
        "cost_usd": float(extend(quantity, unit_usd)),
        "file": row.file,
        "row": row.line,
        "source": row.source,
        "verified_on": row.verified_on.isoformat(),
    }
    if listed is not None:
        entry, usd = listed
        line |= {"list_unit_price_usd": usd, "list_file": entry.file, "list_row": entry.line}
    return line


def _print_price(
    usd: float,
    lines: Sequence[Mapping[str, Any]],
    assumptions: Sequence[str],
    warnings: Sequence[str],
    *,
    as_json: bool,
) -> None:
    from costmodel.analysis.wording import amount as quantity
    from costmodel.prices.meters import METERS

    if as_json:
        _print_json(
            {
                "usd": usd,
                "lines": list(lines),
                "assumptions": list(assumptions),
                "warnings": list(warnings),
            }
        )
        return
    console = _console()
    columns = {"Line": "left", "Quantity": "right", "Unit price": "right", "Cost": "right"}
    columns |= {"Price row": "left", "Checked": "left", "Source": "left"}
    rows = [
        [
            line["line"],
            f"{quantity(line['quantity'])} {METERS[line['meter']]}",
            f"${line['unit_price_usd']:g}"
            + (f" (list ${line['list_unit_price_usd']:g})" if "list_file" in line else ""),
            f"${line['cost_usd']:,.6g}",
            f"{line['file']}:{line['row']}",
            line["verified_on"],
            line["source"],
        ]
        for line in lines
    ]
    console.print(f"${usd:,.6g}")
    console.print(_table(columns, rows))
    for text in warnings:
        console.print(f"Warning: {text}")
    for text in assumptions:
        console.print(f"Assumed: {text}")


@app.command()
def train(
    provider: Annotated[str | None, typer.Argument(metavar="[PROVIDER")] = None,
    model: Annotated[str | None, typer.Argument(metavar="MODEL]")] = None,
    tokens: Annotated[float | None, _count("--tokens", "Tokens of the training set.")] = None,
    examples: Annotated[
        float | None, _count("--examples", "Examples in it, in place of --tokens.")
    ] = None,
    example_tokens: Annotated[
        float | None, _count("--example-tokens", "Mean tokens of an example.")
    ] = None,
    requests: Annotated[
        float, _count("--requests", "Requests a month to the tuned model (all providers).")
    ] = 0.0,
    input_: Annotated[float, _count("--input", "Input tokens of such a request.")] = 0.0,
    output: Annotated[float, _count("--output", "Output tokens of such a request.")] = 0.0,
    epochs: Annotated[float | None, _count("--epochs", "Passes over it.")] = None,
    objective: Annotated[str, typer.Option(help="sft, dpo, ppo, grpo or rft.")] = "sft",
    method: Annotated[str | None, typer.Option(help="full, lora or qlora.")] = None,
    validation_tokens: Annotated[
        float, _count("--validation-tokens", "Tokens of the validation set.")
    ] = 0.0,
    evaluations: Annotated[float, _count("--evaluations", "Passes over the validation set.")] = 0.0,
    runs: Annotated[float, _count("--runs", "Jobs of this kind.")] = 1.0,
    hours: Annotated[float | None, _count("--hours", "Length of a job billed by time.")] = None,
    mode: Annotated[str, typer.Option(help="standard or developer.")] = "standard",
    region: Annotated[str, typer.Option(help="As in the tables.")] = "",
    on: On = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Price training jobs at a provider; without one, at all that take the job today."""
    from costmodel import costs
    from costmodel.prices.tables import OBJECTIVES

    if objective not in OBJECTIVES:
        message = f"unknown objective {objective!r}{nearest(objective, OBJECTIVES)}"
        raise typer.BadParameter(message)
    if examples is not None and examples < 1:
        message = f"--examples must be at least 1, got {examples:g}"
        raise typer.BadParameter(message)
    sized = examples is not None and example_tokens is not None
    if provider is None or model is None:
        if provider is not None or not sized:
            message = (
                "name PROVIDER and MODEL with --tokens, or give --examples and --example-tokens "
                "to see every provider"
            )
            raise typer.BadParameter(message)
        from costmodel.analysis.market import Job

        if hours is not None or region or mode != "standard" or validation_tokens or evaluations:
            message = "--hours, --mode, --region and validation need PROVIDER and MODEL"
            raise typer.BadParameter(message)
        size = (examples or 0.0, example_tokens or 0.0)
        job = Job(*size, epochs, objective, requests, input_, output, method, runs)
        _print_market(job, _book(prices), costs.today() if on is None else on, as_json=json_)
        return
    if tokens is None:
        if not sized:
            message = "give --tokens, or --examples and --example-tokens"
            raise typer.BadParameter(message)
        tokens = (examples or 0.0) * (example_tokens or 0.0)
    found = costs.training_bill(
        provider,
        model,
        tokens=tokens,
        epochs=epochs,
        objective=objective,
        method=method,
        validation_tokens=validation_tokens,
        evaluations=evaluations,
        runs=runs,
        hours=hours,
        examples=examples,
        mode=mode,
        region=region,
        on=on,
        book=_book(prices),
    )
    lines = [
        _money_line(
            line.path,
            line.meter,
            float(line.amount.sum()),
            line.unit_usd,
            found.book.rows[line.row],
            None
            if line.listed is None
            else (found.book.rows[line.listed], found.book.unit_usd(line.listed, line.meter)),
        )
        for line in found.lines
        if line.amount.sum()
    ]
    _print_price(float(found.total), lines, found.assumptions, found.warnings, as_json=json_)


def _print_market(job: Job, book: PriceBook, on: date, *, as_json: bool) -> None:
    """Print what a tuning job costs everywhere."""
    from costmodel.analysis.market import tuning_market
    from costmodel.analysis.wording import money

    records = tuning_market(job, book, on)
    if as_json:
        _print_json({"on": on.isoformat(), "offers": records})
        return
    console = _console()
    columns = {"Provider": "left", "What": "left", "Training": "right", "Epochs": "right"}
    columns |= {
        "A month afterwards": "right",
        "Served": "left",
        "Ends": "left",
        "Price row": "left",
    }
    open_, closed = [], []
    for record in records:
        what = " ".join(filter(None, [record["sku"], record["region"], _mode(record["mode"])]))
        if record["refused"]:
            closed.append(f"{record['provider']} {what}: {record['refused']}")
            continue
        ends = [f"training {record['training_until']}"] if record["training_until"] else []
        ends += [f"answers {record['inference_until']}"] if record["inference_until"] else []
        ends += ["existing customers"] if record["open_to"] == "existing" else []
        month = record["month_usd"]
        open_.append(
            [
                record["provider"],
                what,
                money(record["train_usd"]),
                "" if record["epochs"] is None else f"{record['epochs']:g}",
                "" if month is None else money(month),
                record["serving"],
                ", ".join(ends),
                f"{record['file']}:{record['row']}",
            ]
        )
    console.print(
        f"{job.examples:,.0f} examples of {job.example_tokens:,.0f} tokens, as each provider "
        f"counts them, on {on}; afterwards {job.requests:,.0f} requests a month"
    )
    console.print(_table(columns, open_))
    for text in closed:
        console.print(f"Not today: {text}")
    console.print("Labour comes on top: see costmodel compare.")


def _mode(mode: str) -> str:
    return "" if mode == "standard" else mode


@app.command()
def claims(on: On = None, json_: Json = False, prices: Prices = None) -> None:  # noqa: FBT002
    """Print figures that circulate beside those of the price tables, with the rows behind them."""
    from costmodel import costs
    from costmodel.analysis.claims import JOB_CALL
    from costmodel.analysis.claims import claims as collect

    records = collect(_book(prices), costs.today() if on is None else on)
    if json_:
        _print_json({"claims": records, "job_call": JOB_CALL})
        return
    console = _console()
    for record in records:
        rows = f" ({', '.join(record['rows'])})" if record["rows"] else ""
        ours = f" Ours: {record['figure']}{rows}." if record["figure"] else ""
        console.print(f"{record['id']}  {record['claim']}: {record['circulates']}")
        console.print(f"     {record['verdict']}.{ours} {record['note']}")
        console.print(f"     {record['source']}, checked {record['verified_on']}")
    console.print()
    console.print("Creating a job with the present OpenAI client (openai 3.51), not openai.File:")
    console.print(JOB_CALL)


@validate_app.command("prices")
def validate_prices(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Write the input with predicted and ratio.")
    ] = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Price requests of known cost and compare."""
    from costmodel.analysis import validate

    result = validate.validate_prices(validate.read_cases(file), _book(prices), file.name)
    if rows is not None:
        _write(rows, result.frame.to_csv(index=False, lineterminator="\n"))
    summary = result.as_dict()
    if json_:
        _print_json(summary)
        return
    console = _console()
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
    json_: Json = False,  # noqa: FBT002
) -> None:
    """Read every table and refuse what is wrong with it."""
    from costmodel.prices.book import PriceBook, default_layers, shipped_dir
    from costmodel.prices.rows import problems

    folders = [folder] if folder is not None else [shipped_dir(), *default_layers()]
    found = [text for each in folders for text in problems(each)]
    if not found:
        try:
            PriceBook.read(*([folder] if folder is not None else default_layers()))
        except PriceError as error:
            found = [str(error)]
    if json_:
        _print_json({"folders": [str(each) for each in folders], "problems": found})
    elif found:
        for text in found:
            print(text, file=sys.stderr)
    else:
        _console().print(f"Price tables in order: {_where([str(each) for each in folders])}")
    if found:
        raise typer.Exit(BAD_INPUT)


@pricing_app.command("init")
def pricing_init(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    json_: Json = False,  # noqa: FBT002
) -> None:
    """Copy the shipped tables to a folder for editing."""
    from costmodel.prices.book import shipped_dir

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} exists and is not empty; name a new folder"
        raise DataError(message)
    try:
        shutil.copytree(shipped_dir(), folder, dirs_exist_ok=True)
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None
    if json_:
        _print_json({"folder": str(folder)})
        return
    _console().print(
        f"Copied the price tables to {folder}. They are used when named with --prices {folder}, "
        "by COSTMODEL_PRICES, or when the folder is called pricing and stands where you work."
    )


def notebooks_dir() -> Path:
    """Return the shipped notebooks: inside an installed package, or beside the checkout."""
    package = Path(str(files("costmodel")))
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


@app.command()
def lab(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Working folder for the notebooks.")
    ] = Path("costmodel-notebooks"),
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Start JupyterLab.")] = True,  # noqa: FBT002
    json_: Json = False,  # noqa: FBT002
) -> None:
    """Copy notebooks and scenarios to a working folder, never overwriting, and open JupyterLab."""
    from importlib.util import find_spec

    if open_ and find_spec("jupyterlab") is None:
        message = "JupyterLab is not installed; pip install 'costmodel[notebooks]'"
        raise DataError(message)
    copied = []
    home = notebooks_dir()
    try:
        for source in sorted(home.rglob("*")):
            target = folder / source.relative_to(home)
            hidden = any(part.startswith((".", "__")) for part in source.relative_to(home).parts)
            if source.is_file() and not target.exists() and not hidden:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                copied.append(str(target))
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None
    if json_:
        _print_json({"folder": str(folder), "copied": copied})
    else:
        _console().print(f"{len(copied)} files copied to {folder}; files already there were kept")
    if open_:
        raise typer.Exit(
            subprocess.run(
                [sys.executable, "-m", "jupyterlab", str(folder)], check=False
            ).returncode
        )


def _fail(message: str) -> int:
    print(f"costmodel: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    command = typer.main.get_command(app)
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        status = command.main(words, prog_name="costmodel", standalone_mode=False)
    except CostModelError as error:
        status = _fail(str(error))
    except ClickError as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "costmodel"
        said = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
        status = _fail(f"{said}; see {where} --help")
    except (typer.Abort, KeyboardInterrupt):
        status = _fail("stopped")
    except BrokenPipeError:
        # the reader of our output has seen enough
        sys.stderr.close()
        status = 0
    sys.exit(status if isinstance(status, int) else 0)
