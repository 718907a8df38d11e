"""Commands on predictions and measurements: `validate` and `fit` of training, memory, serving."""

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

    from costmodel.prices.specs import Specs

    # records of `coefficients.csv`, and the summary with the documented keys
    Found = tuple[list[dict[str, Any]], dict[str, Any]]

fit_app = typer.Typer(help="Fit the coefficients of predictions to measurements.")
app.add_typer(fit_app, name="fit")

CasesFile = Annotated[Path, typer.Argument(metavar="FILE.csv")]
Rows = Annotated[
    Path | None, typer.Option("--rows", help="Write the input with predicted and ratio.")
]
Write = Annotated[
    Path | None, typer.Option("--write", help="Write coefficients.csv with what was found.")
]
ERRORS = {
    "": "left",
    "Median absolute percentage error": "right",
    "Within 25 %": "right",
    "Within 2x": "right",
    "Predicted too low": "right",
}
HEADS = {"Coefficient": "left", "Value": "right", "Unit": "left", "Rows": "right"}
HEADS |= {"Meaning": "left"}


def specifications(prices: list[str] | None) -> Specs:
    """Return models, GPUs and coefficients of the tables in force."""
    from costmodel.prices.specs import Specs

    return Specs.of(price_book(prices))


def _training(model: str) -> Callable[[pd.DataFrame, Specs, str], Found]:
    def find(cases: pd.DataFrame, specs: Specs, source: str) -> Found:
        from costmodel import costs
        from costmodel.analysis import fit

        found = fit.fit(fit.training_problem(model, cases, specs, source))
        return fit.table(found, costs.today()), found.as_dict()

    return find


def _serving(cases: pd.DataFrame, specs: Specs, source: str) -> Found:  # noqa: ARG001
    from costmodel import costs
    from costmodel.analysis import fit_serving

    columns = {str(name): cases[name].tolist() for name in cases}
    found = fit_serving.study(fit_serving.measured(columns, specs))
    return found.records(costs.today()), found.as_dict()


def _validates(model: str, says: str) -> None:
    """Register `validate MODEL`."""

    @validate_app.command(model, help=says)
    def command(
        file: CasesFile,
        rows: Rows = None,
        json_: Json = False,
        prices: Prices = None,
    ) -> None:
        from costmodel.analysis import validate
        from costmodel.analysis.fit import MEASURES

        checks = {
            "training": validate.validate_training,
            "memory": validate.validate_memory,
            "serving": validate.validate_serving,
        }
        result = checks[model](validate.read_cases(file), specifications(prices), file.name)
        if rows is not None:
            write_text(rows, result.frame.to_csv(index=False, lineterminator="\n"))
        found = result.as_dict()
        if json_:
            print_json(found)
            return
        console = terminal()
        console.print(f"{found['n']} of {found['rows']} rows compared with {result.measured}")
        table = [[f"the rows of {file.name}", *_shares(found)]] if found["n"] else []
        for test, errors in result.tested.items():
            shares = [f"{errors[name]:.1%}" if name in errors else "" for name in MEASURES]
            table.append([f"of the coefficients: {_tested(test)}", *shares])
        console.print(grid(ERRORS, table))
        for text in found["warnings"]:
            console.print(f"Warning: {text}")
        for item in found["skipped"]:
            console.print(f"skipped line {item['line']}: {item['reason']}")


def _fits(model: str, says: str, find: Callable[[pd.DataFrame, Specs, str], Found]) -> None:
    """Register `fit MODEL`."""

    @fit_app.command(model, help=says)
    def command(
        file: CasesFile,
        write: Write = None,
        json_: Json = False,
        prices: Prices = None,
    ) -> None:
        from costmodel.analysis import fit, validate

        specs = specifications(prices)
        records, found = find(validate.read_cases(file), specs, file.name)
        if write is not None:
            write_text(write, fit.written(specs.rows("coefficients"), records))
        if json_:
            print_json(found)
            return
        console = terminal()
        console.print(f"{model}: {found['n']} rows of {file.name}")
        errors: dict[str, dict[str, str]] = {}
        for row in records:
            test, _, measure = row["name"].partition(":")
            if measure in fit.MEASURES:
                errors.setdefault(test, {})[measure] = f"{float(row['value']):.1%}"
        table = [
            [_tested(test), *(shares.get(name, "") for name in fit.MEASURES)]
            for test, shares in errors.items()
        ]
        console.print(grid(ERRORS, table))
        shown = [
            [*(str(row[name]) for name in ("name", "value", "unit", "n")), row["note"]]
            for row in records
            if not row["name"].startswith("band") and ":" not in row["name"]
        ]
        console.print(grid(HEADS, shown))
        for kind, band in found.get("bands", {}).items():
            console.print(
                f"80 % of measurements of {kind} lie between {band['low']:.2f} and "
                f"{band['high']:.2f} times the prediction ({band['n']} rows)"
            )
        shares_of = [
            f"{share:.0%} of rows left out by {name.removeprefix('left_out_by_')}"
            for name, share in found["band_coverage"].items()
        ]
        console.print(f"the bands hold {', '.join(shares_of)}")


def _tested(test: str) -> str:
    if test == "fitted":
        return "the rows of the fit itself"
    return test.replace("left_out_by_", "rows left out by ")


def _shares(found: Mapping[str, Any]) -> list[str]:
    names = ("median_absolute_percentage_error", "share_within_25_percent", "share_within_2x")
    return [f"{found[name]:.1%}" for name in (*names, "share_under_predicted")]


TESTED = "rows are left out by source and by model to test it."
_validates("training", "Predict the speed of training runs and compare with measurements.")
_validates("memory", "Predict the memory of training runs and compare with measurements.")
_validates("serving", "Predict the throughput of replicas and compare with measurements.")
_fits("training", f"Fit the speed of training; {TESTED}", _training("training"))
_fits("memory", f"Fit the memory of training; {TESTED}", _training("memory"))
_fits(
    "serving",
    "Fit serving speed; rows are left out by model, source and GPU to test it (minutes).",
    _serving,
)
