"""Commands on own GPUs: `train own`, `validate training|memory`, `fit training|memory`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.shell import (
    Json,
    Prices,
    app,
    grid,
    price_book,
    print_json,
    terminal,
    validate_app,
    write_text,
)
from costmodel.errors import PriceError

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.analysis.renting import Offer
    from costmodel.analysis.validate import Validation
    from costmodel.plans.training import Measurement, TrainingPlan
    from costmodel.prices.specs import Specs

fit_app = typer.Typer(help="Fit the coefficients of predictions to measurements.")
app.add_typer(fit_app, name="fit")

Rows = Annotated[
    Path | None, typer.Option("--rows", help="Write the input with predicted and ratio.")
]
ERRORS = {
    "": "left",
    "Median absolute percentage error": "right",
    "Within 25 %": "right",
    "Within 2x": "right",
    "Predicted too low": "right",
}
CasesFile = Annotated[Path, typer.Argument(metavar="FILE.csv")]


def specifications(prices: list[str] | None) -> Specs:
    """Return models, GPUs and coefficients of the tables in force."""
    from costmodel.prices.specs import Specs

    return Specs.of(price_book(prices))


@validate_app.command("training")
def validate_training(
    file: CasesFile,
    rows: Rows = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Predict the speed of training runs and compare with measurements."""
    from costmodel.analysis import validate

    run_validation(validate.validate_training, file, rows, prices, as_json=json_)


@validate_app.command("memory")
def validate_memory(
    file: CasesFile,
    rows: Rows = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Predict the memory of training runs and compare with measurements."""
    from costmodel.analysis import validate

    run_validation(validate.validate_memory, file, rows, prices, as_json=json_)


def run_validation(
    check: Callable[[pd.DataFrame, Specs, str], Validation],
    file: Path,
    rows: Path | None,
    prices: list[str] | None,
    *,
    as_json: bool,
) -> None:
    """Predict, compare with measurements, print the summary and write the rows."""
    from costmodel.analysis import validate
    from costmodel.analysis.fit import MEASURES

    result = check(validate.read_cases(file), specifications(prices), file.name)
    if rows is not None:
        write_text(rows, result.frame.to_csv(index=False, lineterminator="\n"))
    found = result.as_dict()
    if as_json:
        print_json(found)
        return
    console = terminal()
    console.print(f"{found['n']} of {found['rows']} rows compared with {result.measured}")
    rows_of = {"fitted": "the rows of the fit itself"}
    table = []
    if found["n"]:
        table.append([f"the rows of {file.name}", *_shares(found)])
    for test, errors in result.tested.items():
        what = rows_of.get(test, test.replace("left_out_by_", "rows left out by "))
        shares = [f"{errors[name]:.1%}" if name in errors else "" for name in MEASURES]
        table.append([f"of the coefficients: {what}", *shares])
    console.print(grid(ERRORS, table))
    for text in found["warnings"]:
        console.print(f"Warning: {text}")
    for item in found["skipped"]:
        console.print(f"skipped line {item['line']}: {item['reason']}")


Write = Annotated[
    Path | None, typer.Option("--write", help="Write coefficients.csv with what was found.")
]


@fit_app.command("training")
def fit_training(
    file: CasesFile,
    write: Write = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Fit the speed of training; rows are left out by source and by model to test it."""
    _fit("training", file, write, prices, as_json=json_)


@fit_app.command("memory")
def fit_memory(
    file: CasesFile,
    write: Write = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Fit the memory of training; rows are left out by source and by model to test it."""
    _fit("memory", file, write, prices, as_json=json_)


def _fit(
    model: str, file: Path, write: Path | None, prices: list[str] | None, *, as_json: bool
) -> None:
    from costmodel import costs
    from costmodel.analysis import fit, validate

    specs = specifications(prices)
    problem = fit.training_problem(model, validate.read_cases(file), specs, file.name)
    found = fit.fit(problem)
    rows = fit.table(found, costs.today())
    if write is not None:
        write_text(write, fit.written(specs.rows("coefficients"), rows))
    if as_json:
        print_json(found.as_dict())
        return
    console = terminal()
    console.print(f"{model}: {problem.measured.size} rows of {file.name}")
    shown = found.as_dict()
    named = {
        "fit": "the rows it was fitted on",
        "left_out_by_source": "left out with their source",
        "left_out_by_model": "left out with their model",
    }
    console.print(grid(ERRORS, [[text, *_shares(shown[name])] for name, text in named.items()]))
    table = [
        [row["name"], row["value"], row["unit"], str(row["n"]), row["note"]]
        for row in rows
        if not row["name"].startswith("band")
    ]
    heads = {"Coefficient": "left", "Value": "right", "Unit": "left", "Rows": "right"}
    console.print(grid(heads | {"Meaning": "left"}, table))
    for kind, band in shown["bands"].items():
        console.print(
            f"80 % of measurements of {kind} lie between {band['low']:.2f} and {band['high']:.2f} "
            f"times the prediction ({band['n']} rows)"
        )
    cover = shown["band_coverage"]
    console.print(
        f"the bands hold {cover['left_out_by_source']:.0%} of rows left out with their source, "
        f"{cover['left_out_by_model']:.0%} of those left out with their model"
    )


def _shares(found: Mapping[str, Any]) -> list[str]:
    names = ("median_absolute_percentage_error", "share_within_25_percent", "share_within_2x")
    return [f"{found[name]:.1%}" for name in (*names, "share_under_predicted")]


# training on own or rented GPUs


def train(
    model: str,
    tokens: float,
    objective: str,
    method: str | None,
    wishes: Mapping[str, Any],
    machine: Mapping[str, Any],
    *,
    on: date,
    prices: list[str] | None,
    as_json: bool,
) -> None:
    """Print what training on own GPUs takes and costs in rent; without a GPU, on all of them."""
    from costmodel.analysis.renting import rented
    from costmodel.plans.training import Job, does_not_fit, nearest_measured, plan_on
    from costmodel.prices.specs import Specs

    book = price_book(prices)
    specs = Specs.of(book)
    job = Job(tokens, objective, method or "qlora", **wishes)
    aim, market = machine["aim"] or "cheapest", machine["market"] or "on_demand"
    if machine["gpu"] is None:
        offers = rented(
            model, job, book, specs, on=on, market=market, gpus=machine["gpus"], aim=aim
        )
        if as_json:
            print_json([offer.as_dict() for offer in offers])
        else:
            _print_offers(model, offers)
        return
    (plan,) = plan_on(model, [(machine["gpu"], machine["gpus"])], job, aim=aim, specs=specs)
    if not plan.fits:
        raise PriceError(does_not_fit(plan))
    offers = rented(
        *(model, job, book, specs),
        on=on,
        market=market,
        gpus=plan.gpus,
        aim=aim,
        only=plan.gpu,
    )
    near = nearest_measured(plan, job, specs)
    if as_json:
        print_json(
            {
                **asdict(plan),
                "offers": [offer.as_dict() for offer in offers],
                "measured": [asdict(run) for run in near],
            }
        )
        return
    _print_plan(plan, offers, near)


def _range(low: float, value: float, high: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def _usd(low: float, value: float, high: float) -> str:
    return f"${value:,.2f} ({low:,.2f} to {high:,.2f})"


def _print_plan(plan: TrainingPlan, offers: Sequence[Offer], near: Sequence[Measurement]) -> None:
    console = terminal()
    rows = [
        ["GPUs", f"{plan.gpus} {plan.gpu}"],
        [
            "Set up",
            f"{plan.tool}, {plan.sharding}, micro-batch {plan.micro_batch}, "
            f"checkpointing {plan.checkpointing}",
        ],
        [
            "Memory of a GPU",
            _range(plan.memory_gb_low, plan.memory_gb, plan.memory_gb_high)
            + f" of {plan.capacity_gb:,.0f} GB",
        ],
        [
            "Tokens per second",
            _range(plan.tokens_per_second_low, plan.tokens_per_second, plan.tokens_per_second_high),
        ],
        ["Hours", _range(plan.hours_low, plan.hours, plan.hours_high)],
        ["GPU-hours", _range(plan.gpu_hours_low, plan.gpu_hours, plan.gpu_hours_high)],
    ]
    console.print(f"{plan.model} on {plan.gpu}")
    console.print(grid({"": "left", "Predicted (low to high)": "left"}, rows))
    if offers:
        _print_rent(offers[: len(near) + 2], with_gpu=False)
    else:
        console.print("No machine for rent in gpu_rental.csv has so many of them together.")
    if plan.low_confidence:
        console.print(f"Low confidence: {plan.low_confidence}.")
    shown = [
        [
            run.model,
            f"{run.gpus} {run.gpu}",
            f"{run.method}, {run.framework}",
            f"{run.sequence_length:,.0f}",
            f"{run.tokens_per_second / max(run.gpus, 1):,.0f}",
            run.source,
        ]
        for run in near
    ]
    columns = {"Nearest published runs": "left", "GPUs": "left", "How": "left"}
    columns |= {"Sequence": "right", "token/s per GPU": "right", "Source": "left"}
    console.print(grid(columns, shown))
    for text in plan.assumptions:
        console.print(f"Assumed: {text}")


def _print_rent(offers: Sequence[Offer], *, with_gpu: bool) -> None:
    columns = {"GPUs": "left", "Provider": "left", "Machine": "left"}
    columns |= {"Hours": "right"} if with_gpu else {}
    columns |= {"Per hour": "right", "Cost (low to high)": "right", "Price row": "left"}
    columns |= {"Sure": "left"} if with_gpu else {}
    rows = [
        [
            f"{offer.plan.gpus} {offer.plan.gpu}",
            " ".join(filter(None, [offer.provider, offer.region])),
            (f"{offer.instances} x " if offer.instances > 1 else "") + offer.instance,
            *(
                [_range(offer.plan.hours_low, offer.plan.hours, offer.plan.hours_high)]
                if with_gpu
                else []
            ),
            f"${offer.usd_per_hour * offer.instances:,.2f}",
            _usd(offer.usd_low, offer.usd, offer.usd_high),
            f"{offer.file}:{offer.line}",
            *(["low" if offer.plan.low_confidence else ""] if with_gpu else []),
        ]
        for offer in offers
    ]
    terminal().print(grid(columns, rows))


def _print_offers(model: str, offers: Sequence[Offer]) -> None:
    """Print the cheapest machine of each GPU."""
    best: dict[str, Offer] = {}
    for offer in offers:
        best.setdefault(offer.plan.gpu, offer)
    terminal().print(f"{model}: the cheapest machine of each GPU for rent")
    _print_rent(list(best.values()), with_gpu=True)
    doubts = {o.plan.low_confidence for o in best.values()} - {""}
    for text in sorted(doubts):
        terminal().print(f"Low confidence: {text}.")
    for text in next(iter(best.values())).plan.assumptions:
        terminal().print(f"Assumed: {text}")
