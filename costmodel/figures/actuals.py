"""Pictures of a plan beside what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from costmodel.analysis.wording import brief, money
from costmodel.figures import style
from costmodel.figures.labels import Label, end_labels
from costmodel.figures.rows import bar, beside, row_axis
from costmodel.figures.style import said
from costmodel.months import add_months

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MONTHS_PX, BAR_PX = 300, 36
NEARLY = 0.005  # a share of the money that is no difference
# part -> what it is called, and how to read it
PARTS = {
    "requests": ("Requests", "more or fewer requests than planned, at the plan's cost of each"),
    "tokens_per_request": ("Tokens in each", "longer or shorter requests, at the plan's prices"),
    "hours": ("Hours and the like", "more or less of what is not counted in tokens"),
    "mix": ("Mix", "other models, modes, cached or written shares, at the plan's prices"),
    "price": ("Price", "what the same amounts cost beyond the plan's prices"),
    "other": ("Taxes, credits", "taxes, credits, corrections, purchases"),
    "unexplained": ("Unexplained", "billed, and no usage explains it"),
}


def spending(found: Mapping[str, Any], *, bill: pd.DataFrame | None = None) -> go.Figure:
    """Draw usage by month: budget with its band, what was spent, and what is to come.

    Args:
        found: What `Actuals.as_dict()` returns.
        bill: What `Bill.frame()` returns of the option; where given, the dearest line of the plan
            of each month and its price row are shown when pointed at.
    """
    import plotly.graph_objects as go

    rows = found["forecast"]["by_month"]
    months = [f"{row['month']}-01" for row in rows]
    edges = [*months, add_months(date.fromisoformat(months[-1]), 1).isoformat()]
    figure = go.Figure()
    edge = {"color": style.VERMILLION.line, "width": 1, "dash": "dot"}
    for end, fill in (("p90", None), ("p10", "tonexty")):
        figure.add_scatter(
            x=edges,
            y=_steps(rows, f"usage_budget_{end}"),
            mode="lines",
            line=edge | {"shape": "hv"},
            fill=fill,
            fillcolor=style.alpha(style.VERMILLION.line, 0.16),
            hoverinfo="skip",
        )
    _bars(figure, rows, months, bill)
    figure.add_scatter(
        x=edges,
        y=_steps(rows, "usage_budget_usd"),
        mode="lines",
        line={"color": style.VERMILLION.line, "width": 3, "shape": "hv"},
        hoverinfo="skip",
    )
    columns = ("usage_budget_p90", "usage_p90", "usage_actual_usd", "usage_expected_usd")
    top = 1.08 * max(row[key] or 0.0 for row in rows for key in columns) or 1.0
    last = rows[-1]
    labels = [
        Label(
            f"budget {brief(last['usage_budget_usd'])}",
            last["usage_budget_usd"] / top,
            style.VERMILLION.text,
        ),
        Label(
            f"forecast {brief(last['usage_expected_usd'])}",
            last["usage_expected_usd"] / top,
            style.SKY.text,
        ),
    ]
    end_labels(figure, labels, MONTHS_PX)
    seen = style.key("spent", style.BLUE)
    coming = style.key("forecast, its range P10 to P90", style.SKY)
    budget = style.key("budget, band P10 to P90", style.VERMILLION, "━")
    notes = [
        f"{said(found['option'])}, usage of each month: {seen} {coming} {budget}",
        said(found["forecast"]["said"]),
    ]
    style.dress(figure, _spending_finding(found), notes, plot_px=MONTHS_PX, right=118)
    return figure.update_layout(
        barmode="stack",
        bargap=0.35,
        hovermode="closest",
        xaxis={
            "type": "date",
            "tickformat": "%b %Y",
            "ticklabelmode": "period",
            "showgrid": False,
        },
        yaxis={"tickprefix": "$", "range": [0, top], "automargin": True, "nticks": 6},
    )


def _cents(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [round(row[key] or 0.0, 2) for row in rows]


def _steps(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """Return the heights of steps from month to month, to the end of the last one."""
    usd = _cents(rows, key)
    return [*usd, usd[-1]]


def _bars(
    figure: go.Figure,
    rows: Sequence[Mapping[str, Any]],
    months: Sequence[str],
    bill: pd.DataFrame | None,
) -> None:
    spent = _cents(rows, "usage_actual_usd")
    coming = [
        round(max(row["usage_expected_usd"] - usd, 0.0), 2)
        for row, usd in zip(rows, spent, strict=True)
    ]
    about = []
    for row in rows:
        text = f"<b>{row['month']}</b>"
        if row["usage_actual_usd"] is not None:
            text += f"<br>spent {money(row['usage_actual_usd'])}"
        text += f"<br>forecast {money(row['usage_expected_usd'])} ({money(row['usage_p10'])} to "
        text += f"{money(row['usage_p90'])})<br>budget {money(row['usage_budget_usd'])} "
        text += f"({money(row['usage_budget_p10'])} to {money(row['usage_budget_p90'])})"
        if bill is not None:
            mine = bill[(bill["month"] == row["month"]) & bill["meter"].str.endswith("_mtok")]
            text += style.provenance(mine)
        about.append(text)
    common = {"x": months, "xperiod": "M1", "xperiodalignment": "middle", "customdata": about,
              "hovertemplate": "%{customdata}<extra></extra>"}  # fmt: skip
    figure.add_bar(y=spent, marker={"color": style.BLUE.line}, **common)
    up = [round(row["usage_p90"] - row["usage_expected_usd"], 2) for row in rows]
    down = [round(row["usage_expected_usd"] - row["usage_p10"], 2) for row in rows]
    figure.add_bar(
        y=coming,
        marker={"color": style.SKY.line},
        error_y={
            "type": "data",
            "array": [max(x, 0.0) for x in up],
            "arrayminus": [max(x, 0.0) for x in down],
            "color": style.QUIET,
            "thickness": 1.5,
            "width": 3,
        },
        **common,
    )


def _spending_finding(found: Mapping[str, Any]) -> str:
    plan, usage = found["usage_budget_usd"], found["usage_usd"]
    ahead = found["forecast"]["by_month"]
    horizon = [sum(row[key] for row in ahead) for key in ("usage_expected_usd", "usage_budget_usd")]
    text = f"Usage cost {brief(usage)} by {found['to']}, {_against(usage, plan)}"
    return f"{text}; {brief(horizon[0])} of {brief(horizon[1])} by the end"


def _against(usd: float, plan: float) -> str:
    if plan <= 0:
        return "with no budget for it"
    if abs(usd / plan - 1) < NEARLY:
        return "as budgeted"
    return f"{abs(usd / plan - 1):.0%} {'over' if usd > plan else 'under'} budget"


def variance(found: Mapping[str, Any], *, bill: pd.DataFrame | None = None) -> go.Figure:
    """Draw why usage cost more or less than its budget: a bar from one to the other for each cause.

    Args:
        found: What `Actuals.as_dict()` returns.
        bill: What `Bill.frame()` returns of the option, for the price rows of the budget.
    """
    import plotly.graph_objects as go

    plan, usage = found["usage_budget_usd"], found["usage_usd"]
    parts = [(name, usd) for name, usd in _parts(found).items() if abs(usd) > NEARLY / 10 * plan]
    figure = go.Figure()
    names = ["<b>Budget</b>", *(PARTS[name][0] for name, _ in parts), "<b>Actual</b>"]
    token_lines = None if bill is None else bill[bill["meter"].str.endswith("_mtok")]
    cites = "" if token_lines is None else style.provenance(token_lines)
    bar(figure, 0, plan, style.GREY, f"<b>Budget</b> {money(plan)}{cites}")
    beside(figure, plan, 0, f"<b>{brief(plan)}</b>")
    at, ends = plan, [0.0, plan, usage]
    for k, (name, usd) in enumerate(parts, 1):
        word, reading = PARTS[name]
        ink = style.VERMILLION if usd > 0 else style.GREEN
        text = f"<b>{word}</b> {_signed(usd, money)}<br>{reading}"
        bar(figure, k, usd, ink, text + _lines(found, name), begin=at)
        at += usd
        ends.append(at)
        beside(figure, max(at, at - usd), k, _signed(usd, brief))
    bar(figure, len(parts) + 1, usage, style.BLUE, f"<b>Actual</b> {money(usage)}")
    beside(figure, usage, len(parts) + 1, f"<b>{brief(usage)}</b>")
    low, high = min(ends), max(ends) or 1.0
    more = style.key("costs more", style.VERMILLION)
    less = style.key("costs less", style.GREEN)
    note = f"{said(found['option'])}, usage from {found['from']} to {found['to']}: {more} {less}; "
    note += "the bars add up"
    style.dress(figure, _variance_finding(parts, plan, usage), [note], plot_px=BAR_PX * len(names))
    return figure.update_layout(
        bargap=0.3,
        barmode="overlay",
        xaxis={
            "tickprefix": "$",
            "range": [low - (high - low) * (0.1 if low < 0 else 0), high + (high - low) * 0.14],
            "nticks": 7,
        },
        yaxis=row_axis(names),
    )


def _parts(found: Mapping[str, Any]) -> dict[str, float]:
    """Return what leads from budget to actual, in the order of the picture."""
    asked, each = (
        sum(row[f"{name}_usd"] for row in found["months"])
        for name in ("requests", "tokens_per_request")
    )
    rest = found["quantity_usd"] - asked - each
    others = {name: found[f"{name}_usd"] for name in ("mix", "price", "other", "unexplained")}
    return {"requests": asked, "tokens_per_request": each, "hours": rest} | others


def _signed(usd: float, write: Any) -> str:
    return f"+{write(usd)}" if usd > 0 else f"\N{MINUS SIGN}{write(-usd)}"


def _lines(found: Mapping[str, Any], name: str) -> str:
    """Return the lines that make most of a part."""
    if name not in ("mix", "price"):
        return ""
    sums: dict[str, float] = {}
    for row in found["lines"]:
        mode = "" if row["mode"] == "standard" else f" {row['mode']}"
        line = f"{row['provider']}/{row['model']}{mode} {row['meter']}"
        sums[line] = sums.get(line, 0.0) + row[f"{name}_usd"]
    largest = sorted(sums.items(), key=lambda pair: -abs(pair[1]))[:4]
    return "".join(f"<br>{said(line)} {_signed(usd, money)}" for line, usd in largest if usd)


def _variance_finding(parts: Sequence[tuple[str, float]], plan: float, usage: float) -> str:
    if not parts:
        return f"Usage cost what was budgeted: {brief(plan)}"
    gap = usage - plan
    text = f"{brief(abs(gap))} {'more' if gap > 0 else 'less'} than the budget of {brief(plan)}"
    with_it = [part for part in parts if part[1] * gap > 0]
    against = [part for part in parts if part[1] * gap < 0]
    for word, mine in ((": mostly", with_it), ("; against it", against)):
        if mine:
            name, usd = max(mine, key=lambda part: abs(part[1]))
            text += f"{word} {PARTS[name][0].lower()}, {_signed(usd, brief)}"
    return text
