"""`costmodel calendar`: what falls due when, with its money and hours; a file for calendars."""

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
    grid,
    price_book,
    print_json,
    terminal,
    write_text,
)


@app.command()
def calendar(
    file: ScenarioFile,
    option: Annotated[str, typer.Option("--option", help="Only this option.")] = "",
    ics: Annotated[
        Path | None, typer.Option("--ics", metavar="OUT.ics", help="Write a file for calendars.")
    ] = None,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Say what falls due: forced re-tunes, last days to train, notices, with money and hours."""
    from costmodel import costs
    from costmodel.analysis import calendar as due
    from costmodel.analysis.wording import whole
    from costmodel.scenario import Scenario

    found = due.calendar(Scenario.read(file), price_book(prices, at), option)
    if ics is not None:
        write_text(ics, due.ics(found, costs.today()))
    if json_:
        print_json(found.as_dict())
        return
    console = terminal()
    console.print(f"{found.name}: what falls due")
    columns = {"Date": "left", "Event": "left", "": "left", "Option": "left"}
    columns |= {"Cost": "right", "Hours": "right"}
    rows = [
        [
            str(entry.day),
            entry.what,
            due.KINDS[entry.kind],
            entry.option,
            "" if entry.usd is None else whole(entry.usd),
            "" if entry.person_hours is None else f"{entry.person_hours:,.1f}",
        ]
        for entry in found.entries
    ]
    console.print(grid(columns, rows))
    for line in found.leaving:
        console.print(f"{line.option}: {line.said}")
    for name, reason in found.infeasible.items():
        console.print(f"{name} cannot be had over the whole horizon: {reason}")
    console.print(
        "Cost and hours are those of one event. Events at unknown times stand on their most "
        "likely date; the bill holds their expectation."
    )
    if ics is not None:
        console.print(f"{len(found.entries)} events written to {ics}")
