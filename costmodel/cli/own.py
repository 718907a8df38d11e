"""Commands on own GPUs: `validate training|memory`, `fit training|memory`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

if TYPE_CHECKING:
    import pandas as pd

    from costmodel.analysis.validate import Validation
    from costmodel.prices.specs import Specs

fit_app = typer.Typer(help="Fit the coefficients of predictions to measurements.")
app.add_typer(fit_app, name="fit")

Rows = Annotated[
    Path | None, typer.Option("--rows", help="Write the input with predicted and ratio.")
]
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

    result = check(validate.read_cases(file), specifications(prices), file.name)
    if rows is not None:
        write_text(rows, result.frame.to_csv(index=False, lineterminator="\n"))
    found = result.as_dict()
    if as_json:
        print_json(found)
        return
    console = terminal()
    console.print(f"{found['n']} of {found['rows']} rows compared with {result.measured}")
    if found["n"]:
        console.print(
            f"median absolute percentage error {found['median_absolute_percentage_error']:.1%}, "
            f"within 25 % {found['share_within_25_percent']:.1%}, "
            f"within 2x {found['share_within_2x']:.1%}, "
            f"predicted too low {found['share_under_predicted']:.1%}"
        )
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
    columns = {"": "left", "Median error": "right", "Within 25 %": "right", "Within 2x": "right"}
    columns |= {"Too low": "right"}
    named = {
        "fit": "the rows it was fitted on",
        "left_out_by_source": "left out with their source",
        "left_out_by_model": "left out with their model",
    }
    console.print(grid(columns, [[text, *_shares(shown[name])] for name, text in named.items()]))
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
