"""Commands on serving with own GPUs: `serve`, `validate serving`, `fit serving`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.cli.own import (
    CasesFile,
    Rows,
    Write,
    fit_app,
    run_validation,
    specifications,
)
from costmodel.cli.shell import (
    Json,
    Prices,
    grid,
    print_json,
    terminal,
    validate_app,
    write_text,
)

if TYPE_CHECKING:
    from costmodel.analysis.fit_serving import Errors


@validate_app.command("serving")
def validate_serving(
    file: CasesFile,
    rows: Rows = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Predict the throughput of replicas and compare with measurements."""
    from costmodel.analysis import validate

    run_validation(validate.validate_serving, file, rows, prices, as_json=json_)


@fit_app.command("serving")
def fit_serving(
    file: CasesFile,
    write: Write = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Fit serving speed; rows are left out by model, source and GPU to test it (minutes)."""
    from costmodel import costs
    from costmodel.analysis import fit, validate
    from costmodel.analysis import fit_serving as serving

    specs = specifications(prices)
    cases = validate.read_cases(file)
    rows = serving.measured({str(name): cases[name].tolist() for name in cases}, specs)
    found = serving.study(rows)
    records = found.records(costs.today())
    if write is not None:
        write_text(write, fit.written(specs.rows("coefficients"), records))
    if json_:
        print_json(found.as_dict())
        return
    console = terminal()
    console.print(f"serving: {found.n} rows of {file.name}")
    named = {"the rows it was fitted on": found.fitted} | {
        f"left out with their {name}": errors for name, errors in found.left_out.items()
    }
    columns = {"": "left", "Median error": "right", "Within 25 %": "right", "Within 2x": "right"}
    console.print(grid(columns, [[text, *_shares(e)] for text, e in named.items()]))
    heads = {"Coefficient": "left", "Value": "right", "Unit": "left", "Meaning": "left"}
    table = [[row["name"], row["value"], row["unit"], row["note"]] for row in records]
    console.print(grid(heads, table))
    shown = ", ".join(f"{share:.0%} by {name}" for name, share in found.covered.items())
    console.print(f"the bands hold of the rows left out {shown}")


def _shares(errors: Errors) -> list[str]:
    return [f"{share:.1%}" for share in (errors.median, errors.near, errors.twice)]
