"""How much to ask for, what may go wrong, and when to look."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from costmodel.analysis.actuals import actuals
from costmodel.analysis.uncertainty import chance_of
from costmodel.analysis.wording import whole
from costmodel.figures.bill import waterfall
from costmodel.figures.budget import burn, of_option, tornado
from costmodel.figures.style import chance
from costmodel.prices.book import PriceBook
from costmodel.report import table
from costmodel.ui import pieces
from costmodel.ui.app import Step, Sure, Tab
from costmodel.ui.controls import Choice, Field, Quantity, decades
from costmodel.ui.scenario_app import (
    CHANGES,
    GROWTH,
    HORIZON,
    REQUESTS,
    START,
    Found,
    ScenarioApp,
    budget_of,
    option_of,
    scenario_files,
)
from costmodel.ui.screen import Files
from costmodel.ui.usage_log import Compared, actuals_part, variance_part
from costmodel.usage.condensing import grain_of
from costmodel.usage.pricing import price
from costmodel.usage.reading import read

WITHOUT = (
    "<p>Name a usage log under <b>More assumptions</b> to set it beside the plan: an export of "
    "your provider, or a table of your own. An example: the scenario <i>data/help_desk.toml</i> "
    "with the log <i>data/usage_log.csv</i>, which notebook 10 shows.</p>"
)

USAGE = Field(
    "view.usage",
    "Usage log",
    note="A log or bill to set beside the plan, e.g. data/usage_log.csv of data/help_desk.toml.",
)
LIMIT = Quantity(
    "view.limit",
    "Money there is",
    rounds=decades(1e3, 1e7),
    prefix="$",
    blank=True,
    note="Leave it blank where no limit is set. It is no part of the scenario file.",
)
CONFIDENCE = Choice(
    "view.confidence", "To be sure in", {"80%": 0.8, "90%": 0.9, "95%": 0.95, "99%": 0.99}
)


def budget_and_forecast(
    path: str | Path = "scenarios/support_bot.toml",
    *,
    limit: float | None = None,
    confidence: float = 0.9,
    usage: str | Path = "",
    book: PriceBook | None = None,
) -> ScenarioApp:
    """Show what to ask for, the chance of an overrun, what drives it, and when to look.

    Args:
        path: Scenario file; state volumes as ranges to have them count.
        limit: Money there is. [US$]
        confidence: Share of the draws that the money asked for must cover. [1]
        usage: Usage log or bill to set beside the plan; blank = none.
        book: The prices; None = the shipped tables, with your own laid over them.
    """
    drawn = budget_of()
    return ScenarioApp(
        path,
        call="budget_and_forecast",
        fields=lambda found: [scenario_files(path), option_of(found), REQUESTS, GROWTH, LIMIT],
        more=[USAGE, CONFIDENCE, HORIZON, CHANGES, START],
        verdict=_verdict,
        aside=lambda _found: "",
        sure=Sure(drawn, _ask, leads=True),
        tabs=[
            Tab("Spend over time", _burn, drawn),
            Tab("What to ask for", _asks, drawn),
            Tab("What matters", _matters, drawn),
            Tab("Where it goes", _waterfall),
            Tab("Actuals", _actuals, _compared),
            Tab("Variance", _variance, _compared),
        ],
        view={"limit": limit, "confidence": confidence, "usage": str(usage)},
        files=_files,
        book=book,
    )


def _verdict(found: Found) -> str:
    row = next(r for r in found.result.results if r.name == found.option).as_dict()
    phases = row["by_phase"]
    return (
        f"{found.option} is expected to cost {whole(row['total_usd'])} over "
        f"{found.scenario.months} months: {whole(phases['build'])} to build, "
        f"{whole(phases['serve'])} to answer, {whole(phases['upkeep'])} of upkeep."
    )


def _ask(found: Found, drawn: Mapping[str, Any]) -> str:
    row = of_option(drawn, found.option)
    text = (
        f"Ask for {whole(row['ask_usd'])} to be sure in {drawn['confidence']:.0%} of "
        f"{drawn['draws']:,} draws; {whole(row['contingency_usd'])} of it is contingency."
    )
    if row["chance_over_limit"] is not None:
        text += f" The chance of passing {whole(drawn['limit_usd'])} is "
        text += f"{chance(row['chance_over_limit'])}."
    return text


def _burn(found: Found, drawn: Mapping[str, Any]) -> Any:
    events = next(r for r in found.result.results if r.name == found.option).as_dict()["calendar"]
    return burn(drawn, found.option, events, start=found.scenario.start, bill=found.bill)


def _asks(found: Found, drawn: Mapping[str, Any]) -> str:
    """Return what to ask for each option, and what each month may cost, as tables."""
    sure = f"Ask ({drawn['confidence']:.0%})"
    columns = {"Option": "words", "Expected": "", "P10": "", "P50": "", "P90": "", sure: ""}
    columns |= {"Contingency": "", "Cheapest in": ""}
    limited = drawn["limit_usd"] is not None
    columns |= {"Over the limit": ""} if limited else {}
    order = {name: k for k, name in enumerate(found.options)}
    rows = sorted(drawn["options"], key=lambda row: order.get(row["name"], len(order)))
    cells = [
        [
            escape(row["name"]),
            *(whole(row[key]) for key in ("central_usd", "p10", "p50", "p90", "ask_usd")),
            whole(row["contingency_usd"]),
            "" if row["chance_cheapest"] is None else chance(row["chance_cheapest"]),
            *([chance(row["chance_over_limit"])] if limited else []),
        ]
        for row in rows
    ]
    best = [row["name"] for row in rows].index(found.option)
    caption = f"{found.scenario.months} months, US dollars; {drawn['draws']:,} draws, seed "
    caption += f"{drawn['seed']}. The bold one is shown in the other tabs."
    return table(columns, cells, caption, best=best) + _by_month(found, drawn)


def _matters(found: Found, drawn: Mapping[str, Any]) -> Any:
    return tornado(drawn, found.option, bill=found.bill)


def _waterfall(found: Found) -> Any:
    return waterfall(found.bill, found.option, found.scenario.months)


def _by_month(found: Found, drawn: Mapping[str, Any]) -> str:
    """Return what each month may cost, and above which sum to look and to act."""
    rows = [
        [
            month["month"],
            *(whole(month[key]) for key in ("p10", "p50", "p90")),
            *(whole(month[key]) for key in ("cumulative_p50", "watch_usd", "act_usd")),
        ]
        for month in of_option(drawn, found.option)["by_month"]
    ]
    columns = {"Month": "words", "P10": "", "P50": "", "P90": ""}
    columns |= {"Spent so far, P50": "", "Look if above": "", "Act if above": ""}
    caption = f"{escape(found.option)} by month; a quarter of the draws have spent more than the "
    return table(columns, rows, caption + "sum to look at, a tenth more than the sum to act on")


def _compared(found: Found, step: Step) -> Compared | None:
    """Set a usage log beside the plan, None where none is named."""
    usage = str(found.view.get("usage") or "").strip()
    if not usage:
        return None
    step(0.1)
    priced = price(read(usage, grain=grain_of(found.book)), found.book)
    step(0.3)
    chance = chance_of(found.scenario, found.book)
    compared = actuals(
        chance, priced, option=found.view.get("option"), limit=found.view.get("limit")
    )
    return compared, compared.as_dict()


def _actuals(_found: Found, compared: Compared | None) -> Any:
    return WITHOUT if compared is None else actuals_part(compared)


def _variance(_found: Found, compared: Compared | None) -> Any:
    return WITHOUT if compared is None else variance_part(compared)


def _files(found: Found) -> Files:
    def months() -> str:
        drawn = budget_of()(found, lambda _share: None)
        records = [{"option": o["name"], **row} for o in drawn["options"] for row in o["by_month"]]
        return pieces.csv(records)

    return Files(made={"forecast.csv": months}, labels={"forecast.csv": "Forecast (CSV)"})
