"""`costmodel budget`: how much to ask for, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from costmodel.cli.shell import (
    CENT,
    At,
    Json,
    Prices,
    ScenarioFile,
    app,
    count,
    draws_option,
    grid,
    price_book,
    print_json,
    tables_named,
    terminal,
)

DRIVERS = 8  # shown of an option
SMALL = 0.005  # a share that is shown as less than a percent


@app.command()
def budget(
    file: ScenarioFile,
    draws: Annotated[int, draws_option("Draws.")] = 10_000,
    confidence: Annotated[
        float, typer.Option(help="Share of the draws that the money asked for must cover.")
    ] = 0.9,
    limit: Annotated[float | None, count("--limit", "Money there is, in US dollars.")] = None,
    option: Annotated[
        str | None, typer.Option("--option", help="The only option to look at.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    bands: Annotated[
        bool, typer.Option("--bands/--no-bands", help="Labour, rents and predicted speeds vary.")
    ] = True,
    events: Annotated[
        bool,
        typer.Option("--events/--no-events", help="Changes and retirements come at random."),
    ] = True,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Say what the options may cost, how much to ask for, and what the spread comes from."""
    from costmodel.analysis.budget import budget as computed
    from costmodel.analysis.uncertainty import chance_of
    from costmodel.scenario import Scenario

    book = price_book(prices, at)
    chance = chance_of(Scenario.read(file), book, bands=bands, events=events, seed=seed)
    found = computed(
        chance, number=draws, confidence=confidence, limit=limit, option=option
    ).as_dict()
    if json_:
        print_json(found)
        return
    _print_budget(found, option)
    terminal().print(f"Prices from {tables_named(book.folders)}.")


def _print_budget(found: Mapping[str, Any], option: str | None) -> None:
    from costmodel.analysis.wording import money, whole

    console = terminal()
    console.print(f"{found['name']}: {found['months'][0]} to {found['months'][-1]}")
    options = found["options"]
    if not options:
        console.print("No option can be had over the whole horizon: see costmodel compare.")
        return
    chances = [o for o in options if o["chance_cheapest"] is not None]
    best = max(chances or options, key=lambda o: o["chance_cheapest"] or 0.0)
    chosen = next((o for o in options if o["name"] == option), best)
    sure = f"{found['confidence']:.0%}"
    lead = (
        f"{chosen['name']} is the cheapest in {_share(chosen['chance_cheapest'])} of the draws. "
        if chosen["chance_cheapest"] is not None and len(options) > 1
        else ""
    )
    console.print(
        f"{lead}Ask for {whole(chosen['ask_usd'])} to be {sure} sure: "
        f"{whole(chosen['central_usd'])} is expected, {whole(chosen['contingency_usd'])} is "
        "contingency."
    )
    if chosen["chance_over_limit"] is not None:
        console.print(
            f"Chance to spend more than {whole(found['limit_usd'])}: "
            f"{_share(chosen['chance_over_limit'])}{_when(chosen)}"
        )
    columns = {"Option": "left", "P10": "right", "P50": "right", "P90": "right"}
    columns |= {"Expected": "right", f"Ask ({sure})": "right", "Cheapest in": "right"}
    columns |= {"Over the limit": "right"} if found["limit_usd"] is not None else {}
    rows = []
    for one in sorted(options, key=lambda o: -(o["chance_cheapest"] or -1.0)):
        row = [one["name"], *(whole(one[key]) for key in ("p10", "p50", "p90"))]
        row += [whole(one["central_usd"]), whole(one["ask_usd"])]
        row.append("" if one["chance_cheapest"] is None else _share(one["chance_cheapest"]))
        if found["limit_usd"] is not None:
            row.append(_share(one["chance_over_limit"]))
        rows.append(row)
    console.print(grid(columns, rows, f"{found['draws']:,} draws, seed {found['seed']}"))
    # of other options, some inputs do nothing to this one
    drivers = [d for d in chosen["drivers"] if max(d["swing_usd"], d["worth_knowing_usd"]) >= CENT]
    if drivers:
        console.print(
            grid(
                {
                    "What the spread comes from": "left",
                    "At its P10": "right",
                    "At its P90": "right",
                    "Of the variance": "right",
                    "Worth knowing": "right",
                },
                [
                    [
                        driver["name"],
                        whole(driver["low_usd"]),
                        whole(driver["high_usd"]),
                        _share(driver["variance_share"]),
                        money(driver["worth_knowing_usd"]),
                    ]
                    for driver in drivers[:DRIVERS]
                ],
                chosen["name"],
            )
        )
        console.print(
            f"Choosing now costs {money(found['regret_usd'])} on average against choosing when "
            "everything is known; 'worth knowing' is what finding out one thing would save."
        )
        if found["fixed_rates"]:
            console.print(
                f"At one rate in every draw: {', '.join(found['fixed_rates'])}. A range in "
                "[people] of the scenario lets a rate vary."
            )
    else:
        console.print(
            "Nothing is uncertain: state ranges like requests = {low = 150, mode = 200, high = 320}"
        )
    rows = [
        [m["month"], *(whole(m[k]) for k in ("p10", "p50", "p90"))]
        + [whole(m[k]) for k in ("cumulative_p50", "watch_usd", "act_usd")]
        for m in chosen["by_month"]
    ]
    columns = {"Month": "left", "P10": "right", "P50": "right", "P90": "right"}
    columns |= {"Spent so far, P50": "right", "Watch above": "right", "Act above": "right"}
    console.print(grid(columns, rows, chosen["name"]))


def _share(value: float) -> str:
    if 0 < value < SMALL:
        return "<1%"
    if 1 > value > 1 - SMALL:
        return ">99%"
    return f"{value:.0%}"


def _when(chosen: Mapping[str, Any]) -> str:
    """Say from which month on that is more likely than not."""
    for record in chosen["by_month"]:
        if record["chance_over_limit"] > 1 / 2:
            return f"; more likely than not from {record['month']} on"
    return ""
