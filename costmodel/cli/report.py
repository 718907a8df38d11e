"""`costmodel report`: one page about a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli.shell import (
    At,
    Json,
    Prices,
    ScenarioFile,
    app,
    check_place,
    count,
    draws_option,
    price_book,
    print_json,
    terminal,
    write_text,
)
from costmodel.errors import DataError


@app.command()
def report(
    file: ScenarioFile,
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.html", help="Page to write.")
    ] = Path("report.html"),
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="DIR", help="Write the tables behind it, too.")
    ] = None,
    option: Annotated[
        str | None, typer.Option("--option", help="Option shown in detail; the best if left out.")
    ] = None,
    limit: Annotated[float | None, count("--limit", "Money there is, in US dollars.")] = None,
    draws: Annotated[int, draws_option("Draws.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Write one page that stands by itself: verdict, pictures, bill, assumptions, sources."""
    from importlib.util import find_spec

    from costmodel.analysis.budget import budget
    from costmodel.analysis.compare import compare
    from costmodel.analysis.uncertainty import chance_of
    from costmodel.report import report as report_of
    from costmodel.report import shown_option
    from costmodel.scenario import Scenario

    if find_spec("plotly") is None:
        message = "plotly is not installed; pip install 'costmodel[notebooks]'"
        raise DataError(message)
    if csv is not None and csv.exists() and not csv.is_dir():
        message = f"{csv}: is a file; name a folder"
        raise DataError(message)
    if csv is None or out.parent.resolve() != csv.resolve():
        check_place(out)
    scenario, book = Scenario.read(file), price_book(prices, at)
    result = compare(scenario, book)
    chosen = shown_option(result, option)
    found = budget(chance_of(scenario, book, seed=seed), number=draws, limit=limit).as_dict()
    made = report_of(result, found, chosen)
    files = {out: made.html()}
    if csv is not None:
        try:
            csv.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{csv}: cannot be written ({error.strerror or error})"
            raise DataError(message) from None
        files |= {csv / name: text for name, text in made.csv().items()}
    for path, text in files.items():
        write_text(path, text)
    if json_:
        print_json({"option": made.chosen, "files": [str(path) for path in files]})
        return
    console = terminal()
    console.print(result.verdict)
    size = len(files[out].encode()) / 1e6
    console.print(f"Written: {out} ({size:.1f} MB, opens without a network)")
    if csv is not None:
        console.print(f"Written: {len(files) - 1} tables in {csv}")
