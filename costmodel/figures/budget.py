"""Pictures of what an option may cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from costmodel.analysis.uncertainty import CHANGES_AT_RANDOM
from costmodel.analysis.wording import brief, money, tally
from costmodel.figures import style
from costmodel.figures.labels import Label, end_labels
from costmodel.figures.lanes import lanes_key, lanes_of, lanes_px, over_lanes
from costmodel.figures.rows import row_axis
from costmodel.figures.style import said
from costmodel.months import add_months

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

BURN_PX = 300
MOST_DRIVERS = 8
BAR_PX = 40
SMALL = 0.005


def of_option(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the part of a budget that is about one option.

    Args:
        found: What `Budget.as_dict()` returns.
        name: The option.

    Raises:
        KeyError: If the budget has no such option.
    """
    for option in found["options"]:
        if option["name"] == name:
            return dict(option)
    raise KeyError(name)


def burn(
    found: Mapping[str, Any],
    name: str,
    events: Sequence[Mapping[str, Any]] = (),
    *,
    start: date | None = None,
    bill: pd.DataFrame | None = None,
) -> go.Figure:
    """Draw what an option will have spent by the end of each month, with what happens when below.

    Args:
        found: What `Budget.as_dict()` returns.
        name: The option.
        events: Its `calendar`: day, what, kind (certain | floor | expected).
        start: First day of the scenario; None = the first of its first month.
        bill: What `Bill.frame()` returns; where given, the dearest line of each month and its
            price row are shown when pointed at.
    """
    import plotly.graph_objects as go

    option = of_option(found, name)
    rows = option["by_month"]
    begin = start or date.fromisoformat(f"{rows[0]['month']}-01")
    days = [add_months(begin, k) for k in range(len(rows) + 1)]
    figure = go.Figure()
    top = _spent(figure, option, days, bill, found)
    limit = found["limit_usd"]
    top = max(top, limit or 0.0) * 1.06 or 1.0
    ends = [("P90", rows[-1]["cumulative_p90"]), ("P50", rows[-1]["cumulative_p50"])]
    ends.append(("P10", rows[-1]["cumulative_p10"]))
    if ends[0][1] - ends[2][1] <= SMALL * ends[0][1]:
        ends = [("", ends[1][1])]
    labels = [
        Label(f"{word} {brief(usd)}".strip(), usd / top, style.VERMILLION.text)
        for word, usd in ends
    ]
    if limit is not None:
        _limit(figure, limit)
        labels.append(Label(f"limit {brief(limit)}", limit / top, style.QUIET))
    end_labels(figure, labels, BURN_PX)
    lanes = lanes_of(events)
    notes = [
        f"Spent by the end of each month · line = median of {found['draws']:,} draws, "
        "band = P10 to P90",
        *lanes_key(lanes, "Below, what happens when"),
    ]
    below = lanes_px(lanes)
    style.dress(figure, _burn_finding(found, option), notes, plot_px=BURN_PX + below, right=98)
    over_lanes(figure, lanes, days, BURN_PX)
    figure.update_yaxes(range=[0, top], tickprefix="$", nticks=6, selector={"anchor": "x"})
    return figure


def _spent(
    figure: go.Figure,
    option: Mapping[str, Any],
    days: Sequence[date],
    bill: pd.DataFrame | None,
    found: Mapping[str, Any],
) -> float:
    """Draw band and median; return the highest point."""
    rows, ink = option["by_month"], style.VERMILLION
    x = [day.isoformat() for day in days]
    low, middle, high = (
        [0.0, *(round(row[f"cumulative_{p}"], 2) for row in rows)] for p in ("p10", "p50", "p90")
    )
    edge = {"color": ink.line, "width": 1, "dash": "dot"}
    figure.add_scatter(x=x, y=high, mode="lines", line=edge, hoverinfo="skip")
    figure.add_scatter(
        x=x,
        y=low,
        mode="lines",
        line=edge,
        fill="tonexty",
        fillcolor=style.alpha(ink.line, 0.16),
        hoverinfo="skip",
    )
    about = []
    for row in rows:
        text = f"<b>End of {row['month']}</b><br>spent {money(row['cumulative_p50'])} "
        text += f"({money(row['cumulative_p10'])} to {money(row['cumulative_p90'])})"
        text += f"<br>this month {money(row['p50'])} ({money(row['p10'])} to {money(row['p90'])})"
        text += f"<br>watch above {brief(row['watch_usd'])}, act above {brief(row['act_usd'])}"
        if row.get("chance_over_limit") is not None:
            text += f"<br>{style.chance(row['chance_over_limit'])} chance of being over the limit"
        if bill is not None:
            text += style.provenance(bill[bill["month"] == row["month"]])
        about.append(text + f"<br><i>{found['draws']:,} draws, seed {found['seed']}</i>")
    figure.add_scatter(
        x=x,
        y=middle,
        mode="lines",
        line={"color": ink.line, "width": 3},
        customdata=["<b>Start</b>", *about],
        hovertemplate="%{customdata}<extra></extra>",
    )
    return float(max(high))


def _limit(figure: go.Figure, limit: float) -> None:
    figure.add_shape(
        type="line",
        x0=0,
        x1=1,
        xref="x domain",
        y0=limit,
        y1=limit,
        line={"color": style.QUIET, "dash": "dash", "width": 1.5},
    )


def _burn_finding(found: Mapping[str, Any], option: Mapping[str, Any]) -> str:
    months, limit = len(option["by_month"]), found["limit_usd"]
    name = option["name"]
    if limit is not None:
        over = style.chance(option["chance_over_limit"])
        return f"{name}: {over} chance of passing {brief(limit)} within {months} months"
    if not found["uncertain"] or option["p90"] - option["p10"] <= SMALL * option["p90"]:
        return f"{name} comes to {brief(option['p50'])} over {months} months; little can move it"
    return (
        f"Ask for {brief(option['ask_usd'])} for {name}: "
        f"{found['confidence']:.0%} of the draws stay within it over {months} months"
    )


def input_words(name: str) -> str:
    """Return what an uncertain input is called.

    >>> input_words("workload.parts.answer"), input_words("people.domain_expert")
    ('Tokens of answer', 'Rate of domain expert')
    >>> input_words("workload.requests"), input_words("upkeep.requirement_changes_per_year")
    ('Requests per month', 'Requirement changes per year')
    """
    if name == CHANGES_AT_RANDOM:
        return "How often requirements change"
    if _at_random(name):
        return name[:1].upper() + name[1:]
    table, _, rest = name.partition(".")
    last = name.rpartition(".")[2]
    words = last.replace("_", " ")
    if ".parts." in name:
        words = f"tokens of {name.partition('.parts.')[2].replace('.', ' ').replace('_', ' ')}"
    elif table == "people":
        words = f"rate of {words}"
    elif table == "rent":
        words = f"rent of {rest.replace('.', ' ')}"
    elif last == "requests":
        words = "requests per month"
    if table == "approach" and ".parts." not in name:
        words = f"{words} of {rest.partition('.')[0]}"
    return (words[:1].upper() + words[1:]).replace(" ml ", " ML ")


def _at_random(name: str) -> bool:
    """Return whether a driver comes at random: its name is words, not the way to an input."""
    return " " in name and "." not in name.partition(" ")[0]


def tornado(found: Mapping[str, Any], name: str, *, bill: pd.DataFrame | None = None) -> go.Figure:
    """Draw which uncertain input moves the bill of an option how far.

    Args:
        found: What `Budget.as_dict()` returns.
        name: The option.
        bill: What `Bill.frame()` returns, for the price rows of rates of people.
    """
    import plotly.graph_objects as go

    option = of_option(found, name)
    middle = option["central_usd"]
    drivers = [
        d
        for d in option["drivers"]
        if max(abs(d["low_usd"] - middle), abs(d["high_usd"] - middle)) > SMALL * middle / 10
    ]
    drivers.sort(key=lambda d: -abs(d["swing_usd"]))
    drivers = drivers[:MOST_DRIVERS]
    figure = go.Figure()
    if not drivers:
        return style.dress(
            figure,
            f"Nothing uncertain moves the bill of {name}",
            ["State ranges like requests = {low = 150, mode = 200, high = 320}"],
            plot_px=BAR_PX,
        )
    ends = (("low", "P10", style.SKY), ("high", "P90", style.VERMILLION))
    for end, word, ink in ends:
        figure.add_bar(
            orientation="h",
            y=list(range(len(drivers))),
            x=[round(d[f"{end}_usd"] - middle, 2) for d in drivers],
            base=[round(middle, 2)] * len(drivers),
            marker={"color": ink.line},
            customdata=[_about_driver(d, end, word, middle, bill) for d in drivers],
            hovertemplate="%{customdata}<extra></extra>",
        )
    for at, driver in enumerate(drivers):
        _ends(figure, driver, at, middle)
    figure.add_vline(x=middle, line={"color": style.QUIET, "width": 1})
    values = [d[f"{end}_usd"] for d in drivers for end in ("low", "high")]
    low, high = min(*values, middle), max(*values, middle)
    room = (high - low) * 0.16
    key = " ".join(style.key(word, ink) for _, word, ink in ends)
    notes = [
        f"One input at a time at its {key}, the others at their mean ({brief(middle)}); "
        f"{len(found['months'])} months"
    ]
    style.dress(figure, _tornado_finding(drivers, name), notes, plot_px=BAR_PX * len(drivers) + 16)
    return figure.update_layout(
        barmode="overlay",
        bargap=0.35,
        xaxis={"tickprefix": "$", "range": [low - room, high + room], "nticks": 7},
        yaxis=row_axis([_driver_name(d) for d in drivers]),
    )


def _driver_name(driver: Mapping[str, Any]) -> str:
    """Return name and range of an input."""
    name = said(style.clipped(input_words(driver["name"])))
    between = _between(driver)
    return f'{name}<br><span style="font-size:11px;color:{style.QUIET}">{between}</span>'


def _between(driver: Mapping[str, Any]) -> str:
    low, high = driver["low"], driver["high"]
    if driver["factor"]:
        return f"{low - 1:+.0%} to {high - 1:+.0%}".replace("-", "−")  # noqa: RUF001
    if _at_random(driver["name"]):
        return f"{low:.0f} to {high:.0f} times"
    return f"{tally(low)} to {tally(high)}"


def _ends(figure: go.Figure, driver: Mapping[str, Any], at: int, middle: float) -> None:
    """Write the totals at both ends of a bar; where both lie on one side, the outer one."""
    low, high = sorted((driver["low_usd"], driver["high_usd"]))
    written = [(low, "right", f"{brief(low)} ")] if low < middle else []
    written += [(high, "left", f" {brief(high)}")] if high > middle else []
    for x, anchor, text in written:
        figure.add_annotation(
            x=x, y=at, text=text, showarrow=False, xanchor=anchor, font={"size": style.LABEL_SIZE}
        )


def _about_driver(
    driver: Mapping[str, Any], end: str, word: str, middle: float, bill: pd.DataFrame | None
) -> str:
    usd = driver[f"{end}_usd"]
    text = f"<b>{said(input_words(driver['name']))}</b> at its {word}: {money(usd)}"
    text += f"<br>{money(abs(usd - middle))} {'more' if usd > middle else 'less'} than expected"
    text += f"<br>explains {style.chance(driver['variance_share'])} of the variance"
    text += f"<br>knowing it is worth {money(driver['worth_knowing_usd'])}"
    text += f"<br><i>{said(driver['name'])}: {_between(driver)}</i>"
    table, _, role = driver["name"].partition(".")
    if bill is not None and table in ("people", "rent"):
        sku = role if table == "people" else role.partition(".")[2]
        text += style.provenance(bill[bill["sku"] == sku])
    return text


def _tornado_finding(drivers: Sequence[Mapping[str, Any]], name: str) -> str:
    first = drivers[0]
    low, high = sorted((first["low_usd"], first["high_usd"]))
    text = f"{input_words(first['name'])} can move the bill of {name} "
    return text + f"from {brief(low)} to {brief(high)}"
