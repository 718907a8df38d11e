"""Pictures with one row for each thing: a value, its range, and words at both ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from costmodel.figures import style
from costmodel.figures.style import BLUE, Ink, said

if TYPE_CHECKING:
    import plotly.graph_objects as go

ROW_PX = 27
LETTERS = 34  # of a name beside a row
RIGHT_PX, RIGHT_LETTER_PX = 20, 6.6


class Row(NamedTuple):
    """A row of a picture.

    Attributes:
        name: What it is about.
        value: Where its mark stands.
        text: What stands at its right end.
        low, high: Ends of its range; the value itself where there is none.
        ink: Colour of its mark.
        about: What is shown when it is pointed at; markup is kept.
        bound: Where a short upright line stands, such as what there is room for.
        best: Whether it is the one that is looked for.
    """

    name: str
    value: float
    text: str
    low: float = math.nan
    high: float = math.nan
    ink: Ink = BLUE
    about: str = ""
    bound: float = math.nan
    best: bool = False


def rows_figure(
    rows: Sequence[Row],
    title: str,
    notes: Sequence[str],
    *,
    axis: str = "",
    dollars: bool = False,
    log: bool = False,
    bars: bool = False,
    suffix: str = "",
) -> go.Figure:
    """Draw rows below each other, the first one on top.

    Args:
        rows: What to draw.
        title: The finding in words.
        notes: How to read it.
        axis: Title of the axis below.
        dollars: Whether values are dollars.
        log: Whether the axis is logarithmic; values must be above 0 then.
        bars: Whether rows are bars from nought rather than marks with ranges.
        suffix: Of the numbers below, such as " GB".
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if not rows:
        return style.dress(figure, title, notes, plot_px=40)
    places = list(range(len(rows)))
    known = [x for row in rows for x in (row.value, row.low, row.high, row.bound) if x == x]  # noqa: PLR0124
    if bars:
        _bars(figure, rows, places)
    else:
        _marks(figure, rows, places)
    for y, row in zip(places, rows, strict=True):
        if row.bound == row.bound:
            ends = {"y0": y - 0.36, "y1": y + 0.36, "x0": row.bound, "x1": row.bound}
            figure.add_shape(type="line", line={"color": style.TEXT, "width": 2}, **ends)
        figure.add_annotation(
            text=f"<b>{said(row.text)}</b>" if row.best else said(row.text),
            x=1,
            xref="x domain",
            y=y,
            xanchor="left",
            xshift=8,
            showarrow=False,
            font={"size": style.LABEL_SIZE},
        )
    right = round(RIGHT_PX + RIGHT_LETTER_PX * max(len(row.text) for row in rows))
    height = ROW_PX * len(rows) + 10
    style.dress(figure, title, notes, plot_px=height, right=right, bottom=58 if axis else 40)
    figure.update_layout(
        xaxis=_scale(known, dollars=dollars, log=log, suffix=suffix)
        | {"title": {"text": axis}, "automargin": True},
        yaxis=row_axis([_named(row) for row in rows]),
    )
    return figure


def row_axis(names: Sequence[str]) -> dict[str, object]:
    """Return the axis of names beside rows, the first one on top; markup is kept."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "range": [len(names) - 0.4, -0.6],
        "automargin": True,
        "showgrid": False,
    }


def bar(
    figure: go.Figure, at: int, value: float, ink: Ink, about: str, *, begin: float = 0.0
) -> None:
    """Draw one bar.

    Args:
        figure: Where to draw.
        at: Its row.
        value: Its length.
        ink: Its colour.
        about: What is shown when it is pointed at; markup is kept.
        begin: Where it begins.
    """
    figure.add_bar(
        orientation="h",
        y=[at],
        x=[round(value, 6)],
        base=[round(begin, 6)],
        marker={"color": ink.line},
        customdata=[about],
        hovertemplate="%{customdata}<extra></extra>",
    )


def beside(figure: go.Figure, x: float, at: int, text: str) -> None:
    """Write at the right of a bar."""
    figure.add_annotation(
        x=x,
        y=at,
        text=f" {text}",
        showarrow=False,
        xanchor="left",
        font={"size": style.LABEL_SIZE},
    )


def _named(row: Row) -> str:
    name = said(style.clipped(row.name, LETTERS))
    return f"<b>{name}</b>" if row.best else name


def _marks(figure: go.Figure, rows: Sequence[Row], places: Sequence[int]) -> None:
    for y, row in zip(places, rows, strict=True):
        if row.low == row.low and row.high > row.low:
            figure.add_scatter(
                x=[row.low, row.high],
                y=[y, y],
                mode="lines",
                line={"color": style.alpha(row.ink.line, 0.35), "width": 8},
                hoverinfo="skip",
            )
    for ink in dict.fromkeys(row.ink for row in rows):
        mine = [(y, row) for y, row in zip(places, rows, strict=True) if row.ink == ink]
        figure.add_scatter(
            x=[float(f"{row.value:.6g}") for _, row in mine],
            y=[y for y, _ in mine],
            mode="markers",
            marker={"color": ink.line, "size": 11, "symbol": "circle"},
            customdata=[row.about or said(row.name) for _, row in mine],
            hovertemplate="%{customdata}<extra></extra>",
        )


def _bars(figure: go.Figure, rows: Sequence[Row], places: Sequence[int]) -> None:
    figure.add_bar(
        x=[float(f"{row.value:.6g}") for row in rows],
        y=list(places),
        orientation="h",
        width=0.66,
        marker={"color": [row.ink.line for row in rows]},
        customdata=[row.about or said(row.name) for row in rows],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _scale(known: Sequence[float], *, dollars: bool, log: bool, suffix: str) -> dict[str, object]:
    prefix = "$" if dollars else ""
    if not log:
        ends = [min(0.0, *known), max(known) * 1.04 or 1.0]
        return {"range": ends, "tickprefix": prefix, "ticksuffix": suffix, "nticks": 7}
    low, high = math.log10(min(known)) - 0.08, math.log10(max(known)) + 0.08
    ticks = style.log_ticks(low, high)
    if not dollars:
        ticks["ticktext"] = [f"{value:,.6g}{suffix}" for value in ticks["tickvals"]]
    return {"type": "log", "range": [low, high], **ticks}
