"""`costmodel fit lifetimes`: how long models live at each provider."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli.fits import fit_app, specifications
from costmodel.cli.shell import Json, Prices, day, grid, print_json, terminal, write_text

MONTH = 365.25 / 12


@fit_app.command("lifetimes")
def fit_lifetimes(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE.csv]", help="Lives; left out, lifetimes.csv of the tables."),
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", help="Write survival.csv with what was found.")
    ] = None,
    known: Annotated[
        list[date] | None,
        typer.Option(
            "--known-on", parser=day, metavar="DATE", help="Test the fit as it was on that day."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="log-logistic or weibull.")] = "log-logistic",
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Fit how long models live, and test it: fitted on what was known on a day, what came then."""
    from costmodel import costs
    from costmodel.analysis import lives
    from costmodel.analysis.fit import as_csv
    from costmodel.errors import DataError
    from costmodel.prices.tables import TABLES, read_file

    if file is None:
        rows = list(specifications(prices).rows("lifetimes"))
        if not rows:
            message = "the tables in force have no lifetimes.csv: name a file"
            raise DataError(message)
    else:
        rows = read_file(TABLES["lifetimes"], file, file.name)
    found = lives.lives(rows)
    parameters = lives.fit(found, method)
    tests = [lives.backtest(rows, on, method) for on in known or []]
    curves = lives.table(found, parameters, costs.today(), method)
    if write is not None:
        write_text(write, as_csv([*curves[0]], curves))
    counts = {row["provider"]: (row["lives"], row["ended"]) for row in curves}
    if json_:
        print_json(
            {
                "method": method,
                "curves": [
                    {
                        "provider": name,
                        "lives": counts[name][0],
                        "ended": counts[name][1],
                        "median_days": lives.median(method, scale, shape),
                        "shape": shape,
                    }
                    for name, (scale, shape) in parameters.items()
                ],
                "backtests": [test.as_dict() for test in tests],
            }
        )
        return
    console = terminal()
    columns = {"Provider": "left", "Lives": "right", "Ended": "right"}
    columns |= {"Half live for": "right", "Shape": "right"}
    shown = [
        [
            name,
            *(str(n) for n in counts[name]),
            f"{lives.median(method, scale, shape) / MONTH:.1f} months",
            f"{shape:.2f}",
        ]
        for name, (scale, shape) in parameters.items()
    ]
    console.print(grid(columns, shown, f"{method}, {found.ended.size} lives"))
    for test in tests:
        console.print(
            f"Known on {test.on}: of {test.models} models {test.expected:.0f} were expected to end "
            f"by {test.until}, {test.ended} did; the 80 % interval of the life left holds "
            f"{test.inside:.0%} of them ({test.below:.0%} ended earlier, {test.above:.0%} later)"
        )
