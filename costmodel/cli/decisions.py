"""Commands that help to decide: `costmodel breakeven|advise|diff`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.shell import (
    CENT,
    At,
    Json,
    Prices,
    ScenarioFile,
    amount,
    app,
    day,
    draws_option,
    grid,
    price_book,
    print_json,
    terminal,
)

if TYPE_CHECKING:
    from rich.console import Console

    from costmodel.analysis.advice import Advice
    from costmodel.analysis.breakeven import BreakEven, OwnAgainstHosted
    from costmodel.analysis.crossing_bands import Band
    from costmodel.analysis.difference import Difference
    from costmodel.analysis.forgotten import Forgotten
    from costmodel.analysis.payback import Payback
    from costmodel.analysis.phase_map import PhaseMap
    from costmodel.months import Array
    from costmodel.prices.book import PriceBook
    from costmodel.scenario import Scenario

SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
UNITS = {"usd_per_success": "per successful outcome", "total_usd": "over the horizon"}
SHOWN = 12  # lines of an option
NONE = "none can be had"
ROUNDING = 1e-6  # dollars that are left over from adding up

Options = Annotated[
    list[str] | None, typer.Option("--option", help="Compare these options only; repeat it.")
]


def _signed(text: str | float) -> float:
    """Read a number that may be below zero."""
    word = str(text).strip()
    return -amount(word[1:]) if word.startswith("-") else amount(word)


@app.command()
def breakeven(
    file: ScenarioFile,
    over: Annotated[
        str, typer.Option(help="Input that moves: requests, changes_per_year, any dotted name.")
    ] = "requests",
    low: Annotated[
        float | None, typer.Option("--from", parser=_signed, metavar="N", help="From this value.")
    ] = None,
    high: Annotated[
        float | None, typer.Option("--to", parser=_signed, metavar="N", help="To this value.")
    ] = None,
    option: Options = None,
    by: Annotated[
        str | None,
        typer.Option(metavar="INPUT,INPUT", help="Map of the cheapest option over two inputs."),
    ] = None,
    draws: Annotated[
        int, draws_option("Draws behind the spread of each crossing; 0 for none.", least=0)
    ] = 200,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Find where the cheapest option changes: crossings, regions, payback, own GPUs."""
    from costmodel.analysis import breakeven as analysis
    from costmodel.analysis.compare import compare
    from costmodel.analysis.payback import paybacks
    from costmodel.analysis.phase_map import phase_map
    from costmodel.scenario import Scenario

    scenario, book = Scenario.read(file), price_book(prices, at)
    if by is not None:
        words = [word.strip() for word in by.split(",")]
        if len(words) != 2 or not all(words):  # noqa: PLR2004
            message = f"--by reads like requests,changes_per_year, got {by!r}"
            raise typer.BadParameter(message)
        if low is not None or high is not None:
            message = "--from and --to go with --over, not with --by"
            raise typer.BadParameter(message)
        found = phase_map(scenario, book, *words, options=option or ())
        if json_:
            print_json(found.as_dict())
        else:
            _print_map(found)
        return
    line = analysis.breakeven(scenario, book, over, low=low, high=high, options=option or ())
    paid = paybacks(compare(scenario, book), option or ())
    volume = line.over == analysis.VOLUME
    pairs = analysis.own_against_hosted(scenario, book) if volume and not option else ()
    bands = _bands(scenario, book, line, draws)
    if json_:
        found_line = line.as_dict()
        for record, band in zip(found_line["crossings"], bands, strict=True):
            record["band"] = None if band is None else asdict(band)
        print_json(
            found_line
            | {"payback": [asdict(one) for one in paid]}
            | {"own_gpus": [pair.as_dict() for pair in pairs]}
        )
        return
    _print_breakeven(terminal(), line, paid, pairs, bands)


def _bands(scenario: Scenario, book: PriceBook, line: BreakEven, draws: int) -> list[Band | None]:
    """Return how far each crossing may lie from where it is expected."""
    if draws < 1 or not line.crossings:
        return [None] * len(line.crossings)
    from costmodel.analysis.crossing_bands import crossing_band
    from costmodel.analysis.uncertainty import chance_of

    chance = chance_of(scenario, book)
    # draws do not move the required success, below which an option is out
    required = line.over.endswith(".success_rate")
    return [
        None
        if {one.before, one.after} & {*line.one_by_one, ""} or (required and one.step)
        else crossing_band(
            chance,
            line.over,
            one.at,
            (one.before, one.after),
            low=line.low,
            high=line.high,
            number=draws,
        )
        for one in line.crossings
    ]


def _spread(band: Band | None) -> str:
    if band is None:
        return ""
    ends = f"{_value(band.p10)} to {_value(band.p90)}"
    return ends if band.share > ALWAYS else f"{ends}, in {band.share:.0%} of the draws"


ALWAYS = 0.995  # a share of the draws that goes without saying


def _value(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def _print_breakeven(
    console: Console,
    line: BreakEven,
    paid: Sequence[Payback],
    pairs: Sequence[OwnAgainstHosted],
    bands: Sequence[Band | None],
) -> None:
    from costmodel.analysis.wording import money, whole

    now = "" if line.now is None else f"; the scenario has {_value(line.now)}"
    console.print(
        f"Cheapest {UNITS[line.unit]} over {line.over} from {_value(line.low)} to "
        f"{_value(line.high)}{now}"
    )
    regions = [[_value(low), _value(high), name or NONE] for low, high, name in line.regions]
    console.print(grid({"From": "right", "To": "right", "Option": "left"}, regions))
    if line.crossings:
        rows = [
            [
                _value(one.at),
                _spread(band),
                one.before or NONE,
                one.after or NONE,
                money(one.usd),
                "a cost steps" if one.step else "equal costs",
            ]
            for one, band in zip(line.crossings, bands, strict=True)
        ]
        columns = {
            "At": "right",
            "P10 to P90": "right",
            "Below": "left",
            "Above": "left",
            "Cost": "right",
            "": "left",
        }
        console.print(grid(columns, rows, "Crossings"))
    else:
        console.print("No other option becomes the cheapest in this range.")
    for name, reason in line.excluded.items():
        console.print(f"{name} is not feasible: {reason}")
    if line.one_by_one:
        console.print(f"Billed value by value, in a coarser sweep: {', '.join(line.one_by_one)}")
    rows = [
        [
            one.option,
            whole(one.first_usd),
            "not in the horizon" if one.month is None else f"{one.month} (month {one.number})",
            one.lost_again or "",
            whole(one.end_usd) if one.end_usd >= 0 else f"-{whole(-one.end_usd)}",
        ]
        for one in paid
    ]
    if rows:
        columns = {"Option": "left", "More in month 1": "right", "Paid back in": "left"}
        columns |= {"Lost again in": "left", "Saved at the end": "right"}
        title = f"Payback by the bill alone against {paid[0].against}, cheapest in month 1"
        console.print(grid(columns, rows, title))
    rows = [[pair.own, pair.hosted, *_own_cells(pair)] for pair in pairs]
    if rows:
        columns = {"Own GPUs": "left", "Hosted": "left", "From": "left", "Utilisation": "left"}
        console.print(grid(columns, rows, "Volume at which own GPUs win, required success or not"))


def _own_cells(pair: OwnAgainstHosted) -> list[str]:
    from_, used = [], []
    for crossing, share in zip(pair.crossings, pair.utilisation, strict=True):
        word = "wins above" if crossing.after == pair.own else "loses above"
        from_.append(f"{word} {_value(crossing.at)}")
        used.append("" if share is None else f"{share:.1%}")
    return ["; ".join(from_) or "never crosses", "; ".join(used)]


def _steps(points: Array) -> str:
    """Say so where each point of an axis is so many times the last."""
    import numpy as np

    if len(points) < 3 or points[0] <= 0:  # noqa: PLR2004
        return ""
    ratios = points[1:] / points[:-1]
    return f" (each step {ratios[0]:.3g} times the last)" if np.allclose(ratios, ratios[0]) else ""


def _print_map(found: PhaseMap) -> None:
    console = terminal()
    console.print(f"Cheapest {UNITS[found.unit]}")
    console.print(f"down: {found.down}{_steps(found.ys)}; across: {found.across}{_steps(found.xs)}")
    width = max(len(_value(y)) for y in found.ys)
    used = sorted({int(k) for k in found.winners.ravel() if k >= 0})
    sign = {k: SIGNS[j % len(SIGNS)] for j, k in enumerate(used)} | {-1: "."}
    for y, row in reversed(list(zip(found.ys, found.winners, strict=True))):
        console.print(f"{_value(y):>{width}} | {''.join(sign[int(k)] for k in row)}")
    ends = _value(found.xs[0]), _value(found.xs[-1])
    gap = max(len(found.xs) - len(ends[0]) - len(ends[1]), 1)
    console.print(f"{'':>{width}}   {ends[0]}{' ' * gap}{ends[1]}")
    for k in used:
        console.print(f"{sign[k]}  {found.options[k]}")
    if -1 in found.winners:
        console.print(f".  {NONE}")


@app.command()
def advise(file: ScenarioFile, json_: Json = False, prices: Prices = None, at: At = None) -> None:
    """Say what speaks for and against each option, beside its money, and what was left out."""
    from costmodel.analysis.advice import advise as collect
    from costmodel.scenario import Scenario

    found = collect(Scenario.read(file), price_book(prices, at))
    if json_:
        print_json(found.as_dict())
        return
    _print_advice(terminal(), found)


def _print_advice(console: Console, found: Advice) -> None:
    from costmodel.analysis.wording import money, whole

    console.print(found.comparison.verdict)
    order = sorted(found.options, key=lambda o: (o.rank is None, o.rank or 0))
    for option in order:
        row = option.as_dict()
        console.print()
        if row["total_usd"] is None:
            console.print(f"{row['name']}: is not feasible: {row['reason']}")
        else:
            each = row["usd_per_success"]
            per = "" if each is None else f", {money(each)} per successful outcome"
            place = "" if option.rank is None else f"{option.rank}. "
            console.print(f"{place}{row['name']}: {whole(row['total_usd'])}{per}")
        for verdict in ("for", "against", "consider"):
            for rule in row[verdict]:
                why = f" ({'; '.join(rule['because'])})" if rule["because"] else ""
                console.print(f"  {verdict:8} {rule['id']}  {rule['text']}{why}")
        if option.conflict:
            console.print("  The rules disagree about this option: weigh them against the money.")
    if found.missing:
        console.print()
        console.print("No option of the scenario tries:")
        for rule, facts in found.missing:
            why = "; ".join(rule.as_dict(facts)["because"])
            console.print(f"  {rule.approach}: {rule.id}  {rule.text} ({why})")
    if found.questions:
        console.print()
        console.print("More rules could speak if [situation] said:")
        for name, ids in found.questions.items():
            console.print(f"  {name}  ({', '.join(ids)})")
    if found.forgotten:
        console.print()
        console.print("Did you forget? Priced at our default:")
        for item in found.forgotten:
            console.print(f"  {item.what}: {_added(item)}")
    console.print()
    console.print("Rules with sources and dates: rules.csv, and --json")


def _added(item: Forgotten) -> str:
    from costmodel.analysis.wording import whole

    if item.note:
        return item.note
    values = [f"{name.rpartition('.')[2]} = {value:.4g}" for name, value in item.inputs.items()]
    low, high = min(item.usd.values()), max(item.usd.values())
    least, most = (f"-{whole(-usd)}" if usd < 0 else f"+{whole(usd)}" for usd in (low, high))
    span = least if len(item.usd) == 1 else f"{least} to {most}"
    which = next(iter(item.usd)) if len(item.usd) == 1 else f"{len(item.usd)} options"
    return f"{span} ({which}; {', '.join(dict.fromkeys(values))})"


@app.command()
def diff(
    file: ScenarioFile,
    other: Annotated[
        Path | None, typer.Argument(metavar="OTHER", help="Second scenario; left out, the same.")
    ] = None,
    option: Annotated[str | None, typer.Option("--option", help="The only option.")] = None,
    option_b: Annotated[
        str | None, typer.Option("--option-b", help="Its name in the second.")
    ] = None,
    at: At = None,
    at_b: Annotated[
        date | None,
        typer.Option("--at-b", parser=day, metavar="DATE", help="Day of the prices of the second."),
    ] = None,
    json_: Json = False,
    prices: Prices = None,
    prices_b: Annotated[
        list[str] | None,
        typer.Option("--prices-b", metavar="FOLDER|REVISION", help="Tables of the second."),
    ] = None,
) -> None:
    """Say what changed between two scenarios, or two days or tables of prices, line by line."""
    from costmodel.analysis.compare import compare
    from costmodel.analysis.difference import differences, only_in_one
    from costmodel.scenario import Scenario

    if other is None and at is None and at_b is None and not prices_b and option_b is None:
        message = "name a second scenario, or --at-b, --prices-b or --option-b"
        raise typer.BadParameter(message)
    if option_b is not None and option is None:
        message = "--option-b goes with --option"
        raise typer.BadParameter(message)
    first = compare(Scenario.read(file), price_book(prices, at))
    # two files are compared at the same prices unless something else is said
    day_b = at if at_b is None and (other is not None or prices_b or option_b) else at_b
    second = compare(Scenario.read(other or file), price_book(prices_b or prices, day_b))
    found = differences(first, second, option, option_b)
    alone = {} if option is not None else only_in_one(first, second)
    if json_:
        print_json(
            {
                "a": {"name": first.scenario.name, "prices_on": first.prices_on},
                "b": {"name": second.scenario.name, "prices_on": second.prices_on},
                "verdict_a": first.verdict,
                "verdict_b": second.verdict,
                "options": [one.as_dict() for one in found],
                "only_in_one": alone,
            }
        )
        return
    print_difference(terminal(), found, alone)


def _dollars(usd: float) -> str:
    from costmodel.analysis.wording import whole

    if abs(usd) < ROUNDING:
        return "$0"
    return f"-{whole(-usd)}" if usd < 0 else whole(usd)


def print_difference(
    console: Console, found: Sequence[Difference], alone: Mapping[str, str]
) -> None:
    """Show what changed, by option and by line."""
    from costmodel.analysis.wording import amount as quantity

    columns = {"Option": "left", "First": "right", "Second": "right", "Difference": "right"}
    columns |= {"Quantities": "right", "Prices": "right", "New": "right", "Gone": "right"}
    rows = [
        [
            one.option_a if one.option_a == one.option_b else f"{one.option_a} -> {one.option_b}",
            *(_dollars(usd) for usd in (one.total_a, one.total_b, one.usd)),
            *(_dollars(one.sum(what)) for what in ("quantity", "price", "new", "gone")),
        ]
        for one in found
    ]
    console.print(grid(columns, rows))
    for name, why in alone.items():
        console.print(f"{name}: {why}")
    columns = {"Line": "left", "For": "left", "": "left", "First": "right", "Second": "right"}
    columns |= {"Quantity, from": "right", "to": "right"}
    columns |= {"By quantity": "right", "By price": "right"}
    for one in found:
        changed = [change for change in one.changes if abs(change.usd) >= CENT]
        if not changed:
            continue
        rows = [
            [
                change.line,
                " ".join(filter(None, [change.phase, change.cause, change.detail])),
                change.what,
                *(_dollars(usd) for usd in (change.usd_a, change.usd_b)),
                *(quantity(number) for number in (change.quantity_a, change.quantity_b)),
                *(
                    (_dollars(change.quantity_usd), _dollars(change.price_usd))
                    if change.what == "changed"
                    else (_dollars(change.usd), "")
                ),
            ]
            for change in changed[:SHOWN]
        ]
        console.print(grid(columns, rows, one.option_b))
        if len(changed) > SHOWN:
            console.print(f"... and {len(changed) - SHOWN} further lines, all with --json")
