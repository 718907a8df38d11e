"""Commands on one price: `costmodel price|train|claims`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli import own
from costmodel.cli.shell import (
    Json,
    On,
    Prices,
    app,
    count,
    grid,
    price_book,
    print_json,
    terminal,
)
from costmodel.errors import nearest

if TYPE_CHECKING:
    from costmodel.analysis.market import Job
    from costmodel.prices.book import PriceBook
    from costmodel.prices.rows import PriceRow

OWN = "own"  # in place of a provider: own or rented GPUs


@app.command()
def price(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER")],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    input_: Annotated[float, count("--input", "All input tokens of one request.")],
    output: Annotated[float, count("--output", "Output tokens of one request.")] = 0.0,
    cached: Annotated[float, count("--cached", "Input read from the prompt cache.")] = 0.0,
    cache_write: Annotated[float, count("--cache-write", "Input written to the cache.")] = 0.0,
    cache_write_1h: Annotated[
        float, count("--cache-write-1h", "Input written to the one-hour cache.")
    ] = 0.0,
    requests: Annotated[float, count("--requests", "Number of such requests.")] = 1.0,
    mode: Annotated[str, typer.Option(help="standard, batch, flex, priority, ...")] = "standard",
    region: Annotated[str | None, typer.Option(help="As in the tables.")] = None,
    on: On = None,
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Price requests to a hosted model."""
    from costmodel import costs

    when = costs.today() if on is None else on
    book = price_book(prices)
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
        print_json(
            {
                "usd": usd,
                "lines": list(lines),
                "assumptions": list(assumptions),
                "warnings": list(warnings),
            }
        )
        return
    console = terminal()
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
    console.print(grid(columns, rows))
    for text in warnings:
        console.print(f"Warning: {text}")
    for text in assumptions:
        console.print(f"Assumed: {text}")


@app.command()
def train(
    provider: Annotated[str | None, typer.Argument(metavar="[PROVIDER")] = None,
    model: Annotated[str | None, typer.Argument(metavar="MODEL]")] = None,
    tokens: Annotated[float | None, count("--tokens", "Tokens of the training set.")] = None,
    examples: Annotated[
        float | None, count("--examples", "Examples in it, in place of --tokens.")
    ] = None,
    example_tokens: Annotated[
        float | None, count("--example-tokens", "Mean tokens of an example.")
    ] = None,
    requests: Annotated[
        float, count("--requests", "Requests a month to the tuned model (all providers).")
    ] = 0.0,
    input_: Annotated[float, count("--input", "Input tokens of such a request.")] = 0.0,
    output: Annotated[float, count("--output", "Output tokens of such a request.")] = 0.0,
    epochs: Annotated[float | None, count("--epochs", "Passes over it.")] = None,
    objective: Annotated[str, typer.Option(help="sft, dpo, ppo, grpo or rft.")] = "sft",
    method: Annotated[str | None, typer.Option(help="full, lora or qlora.")] = None,
    validation_tokens: Annotated[
        float, count("--validation-tokens", "Tokens of the validation set.")
    ] = 0.0,
    evaluations: Annotated[float, count("--evaluations", "Passes over the validation set.")] = 0.0,
    runs: Annotated[float, count("--runs", "Jobs of this kind.")] = 1.0,
    hours: Annotated[float | None, count("--hours", "Length of a job billed by time.")] = None,
    mode: Annotated[str, typer.Option(help="standard or developer.")] = "standard",
    region: Annotated[str, typer.Option(help="As in the tables.")] = "",
    gpu: Annotated[str | None, typer.Option(help="own: GPU; all for rent if left out.")] = None,
    gpus: Annotated[int | None, typer.Option(help="own: GPUs; searched if left out.")] = None,
    stack: Annotated[str | None, typer.Option(help="own: tool, e.g. Axolotl, Unsloth.")] = None,
    sequence: Annotated[
        float | None, count("--sequence", "own: tokens of a sequence, 2048.")
    ] = None,
    aim: Annotated[str | None, typer.Option(help="own: cheapest, fastest or fewest.")] = None,
    precision: Annotated[str | None, typer.Option(help="own: bf16, fp8 or fp4.")] = None,
    tensor_parallel: Annotated[
        int | None, typer.Option(help="own: GPUs that share a layer.")
    ] = None,
    market: Annotated[str | None, typer.Option(help="own: market of the rent.")] = None,
    startup_hours: Annotated[
        float | None, count("--startup-hours", "own: loading, compiling, saving, 0.2.")
    ] = None,
    evaluation_hours: Annotated[
        float | None, count("--evaluation-hours", "own: evaluation in the run, 0.")
    ] = None,
    failed_share: Annotated[
        float | None, count("--failed-share", "own: runs that fail over those that do not, 0.07.")
    ] = None,
    on: On = None,
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Price training jobs at a provider; without one, at all that take the job today.

    `train own MODEL` plans the job on own or rented GPUs instead.
    """
    from costmodel import costs
    from costmodel.prices.tables import OBJECTIVES

    wishes = {
        "stack": stack,
        "sequence_length": sequence,
        "precision": precision,
        "tensor_parallel": tensor_parallel,
        "startup_hours": startup_hours,
        "evaluation_hours": evaluation_hours,
        "failed_share": failed_share,
    }
    machine = {"gpu": gpu, "gpus": gpus, "aim": aim, "market": market}
    if provider == OWN:
        hosted = {
            "--hours": hours,
            "--mode": None if mode == "standard" else mode,
            "--region": region or None,
            "--validation-tokens": validation_tokens or None,
            "--evaluations": evaluations or None,
            "--requests": requests or None,
        }
        given = [name for name, value in hosted.items() if value is not None]
        if given:
            message = f"{given[0]} is for tuning at a provider, not for own GPUs"
            raise typer.BadParameter(message)
        if tokens is None and examples is not None and example_tokens is not None:
            tokens = examples * example_tokens
        if model is None or tokens is None:
            message = "give MODEL and --tokens, or --examples and --example-tokens"
            raise typer.BadParameter(message)
        known = {name: value for name, value in wishes.items() if value is not None}
        own.train(
            model,
            tokens * runs * (1.0 if epochs is None else epochs),
            objective,
            method,
            known,
            machine,
            on=costs.today() if on is None else on,
            prices=prices,
            as_json=json_,
        )
        return
    extra = [name for name, value in {**wishes, **machine}.items() if value is not None]
    if extra:
        message = f"--{extra[0].replace('_', '-')} is for own GPUs: costmodel train own MODEL"
        raise typer.BadParameter(message.replace("--sequence-length", "--sequence"))
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
        _print_market(job, price_book(prices), costs.today() if on is None else on, as_json=json_)
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
        book=price_book(prices),
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
        print_json({"on": on.isoformat(), "offers": records})
        return
    console = terminal()
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
    console.print(grid(columns, open_))
    for text in closed:
        console.print(f"Not today: {text}")
    console.print("Labour comes on top: see costmodel compare.")


def _mode(mode: str) -> str:
    return "" if mode == "standard" else mode


@app.command()
def claims(on: On = None, json_: Json = False, prices: Prices = None) -> None:
    """Print figures that circulate beside those of the price tables, with the rows behind them."""
    from costmodel import costs
    from costmodel.analysis.claims import JOB_CALL
    from costmodel.analysis.claims import claims as collect

    records = collect(price_book(prices), costs.today() if on is None else on)
    if json_:
        print_json({"claims": records, "job_call": JOB_CALL})
        return
    console = terminal()
    for record in records:
        rows = f" ({', '.join(record['rows'])})" if record["rows"] else ""
        ours = f" Ours: {record['figure']}{rows}." if record["figure"] else ""
        console.print(f"{record['id']}  {record['claim']}: {record['circulates']}")
        console.print(f"     {record['verdict']}.{ours} {record['note']}")
        console.print(f"     {record['source']}, checked {record['verified_on']}")
    console.print()
    console.print("Creating a job with the present OpenAI client (openai 3.51), not openai.File:")
    console.print(JOB_CALL)
