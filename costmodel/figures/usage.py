"""Pictures of a usage log: what was spent day by day, and what it would have cost otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.wording import brief, money
from costmodel.figures import style
from costmodel.figures.rows import bar, beside, row_axis
from costmodel.figures.style import GREEN, GREY, PURPLE, SKY, VERMILLION, said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

DAYS_PX, BAR_PX = 290, 30
WEEK = 7
LONG = 200  # days from which on a bar is a week
MOST_SERIES = 6
KINDS = {
    "model": ("other models", SKY),
    "mode": ("other modes", PURPLE),
    "cache": ("caching", GREEN),
    "prompt": ("shorter prompts", GREEN),
    "together": ("at once", GREEN),
}


def spent_by_day(frame: pd.DataFrame, *, price_rows: Mapping[str, str] | None = None) -> go.Figure:
    """Draw what was spent on each day, or in each week of a long log, by model.

    Args:
        frame: Columns day, model and usd, a row for each day and model.
        price_rows: Model -> file, row and day of its price, shown when pointed at.
    """
    import pandas as pd
    import plotly.graph_objects as go

    first, last = frame["day"].min(), frame["day"].max()
    count = int((last - first).days) + 1
    size = WEEK if count > LONG else 1
    at = (frame["day"] - first).dt.days.to_numpy() // size
    bins = -(-count // size)
    days = pd.date_range(first, periods=bins, freq=f"{size}D")
    sums = frame.groupby("model", observed=True)["usd"].sum().sort_values(ascending=False)
    names = [str(name) for name in sums.index]
    shown = names[:MOST_SERIES] if len(names) <= MOST_SERIES else names[: MOST_SERIES - 1]
    series = {name: frame["model"] == name for name in shown}
    if len(names) > len(shown):
        series["other models"] = ~frame["model"].isin(shown)
    figure = go.Figure()
    key = []
    for k, (name, mine) in enumerate(series.items()):
        rows = np.asarray(mine)
        usd = np.bincount(at[rows], frame["usd"].to_numpy()[rows], bins)
        ink = style.INKS[k % len(style.INKS)]
        ends = (price_rows or {}).get(name, "")
        word = "week of " if size > 1 else ""
        figure.add_bar(
            x=days.strftime("%Y-%m-%d").tolist(),
            y=usd.round(4).tolist(),
            marker={"color": ink.line},
            customdata=[
                f"<b>{said(name)}</b><br>{word}{day:%Y-%m-%d}: {money(float(x))}{ends}"
                for day, x in zip(days, usd, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
        key.append(style.key(said(style.clipped(name, 30)), ink))
    total = float(sums.sum())
    each = "week" if size > 1 else "day"
    title = f"{brief(total)} in {count} days, {brief(total / count)} a day"
    if len(names) > 1 and total > 0:
        title += f"; {sums.iloc[0] / total:.0%} of it on {style.clipped(names[0], 30)}"
    notes = [f"Spent on each {each}, by model: {' '.join(key)}"]
    style.dress(figure, title, notes, plot_px=DAYS_PX)
    return figure.update_layout(
        barmode="stack",
        bargap=0.1,
        xaxis={"type": "date", "showgrid": False},
        yaxis={"tickprefix": "$", "automargin": True, "nticks": 6},
    )


def savings(found: Mapping[str, Any], *, price_rows: Mapping[str, str] | None = None) -> go.Figure:
    """Draw what the same log would have cost otherwise, cheapest first of each kind.

    Args:
        found: What `Savings.as_dict()` returns.
        price_rows: Provider/model -> file, row and day of its price, shown when pointed at.
    """
    import plotly.graph_objects as go

    now = found["list_usd"]
    rows = list(found["savings"])
    figure = go.Figure()
    for at, row in enumerate(rows):
        ink = KINDS[row["kind"]][1] if row["saved_usd"] > 0 else VERMILLION
        text = f"<b>{said(row['name'])}</b><br>{money(row['usd'])} in place of {money(now)}"
        text += "".join(f"<br>{said(note)}" for note in row["notes"])
        text += (price_rows or {}).get(row["name"], "")
        bar(figure, at, row["usd"], ink, text)
        beside(figure, row["usd"], at, f"{brief(row['usd'])} {_change(row, now)}")
    bar(figure, len(rows), now, GREY, f"<b>The log</b> {money(now)} at list prices")
    beside(figure, now, len(rows), f"<b>{brief(now)}</b>")
    names = [said(style.clipped(row["name"], 40)) for row in rows]
    kinds = dict.fromkeys(row["kind"] for row in rows)
    inks = dict.fromkeys((KINDS[kind][1], _words(kinds, KINDS[kind][1])) for kind in kinds)
    key = " ".join(style.key(words, ink) for ink, words in inks)
    notes = [f"{found['from']} to {found['to']}, each way by itself: {key}", found["supposed"]]
    plot_px = BAR_PX * (len(rows) + 1) + 12
    style.dress(figure, _finding(rows, now), notes, plot_px=plot_px)
    top = max([now, *(row["usd"] for row in rows)]) or 1.0
    return figure.update_layout(
        bargap=0.3,
        xaxis={"tickprefix": "$", "range": [0, top * 1.3], "nticks": 7},
        yaxis=row_axis([*names, "<b>The log</b>"]),
    )


def _words(kinds: Mapping[str, None], ink: style.Ink) -> str:
    return (
        "the same models, otherwise"
        if ink == GREEN
        else KINDS[next(kind for kind in kinds if KINDS[kind][1] == ink)][0]
    )


def _change(row: Mapping[str, Any], now: float) -> str:
    share = abs(row["saved_usd"]) / now if now else 0.0
    return f"({share:.0%} {'less' if row['saved_usd'] > 0 else 'more'})"


def _finding(rows: Sequence[Mapping[str, Any]], now: float) -> str:
    if not rows:
        return f"Nothing would have been cheaper than {brief(now)}"
    best = min(rows, key=lambda row: row["usd"])
    if best["saved_usd"] <= 0:
        return f"Nothing of this would have been cheaper than {brief(now)}"
    text = f"{brief(now)} could have been {brief(best['usd'])}: {best['name']}"
    same = [row for row in rows if row["kind"] == "together"]
    if same and best["kind"] == "model":
        text += f"; {brief(same[0]['usd'])} on the same models"
    return text
