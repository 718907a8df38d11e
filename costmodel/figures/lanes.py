"""Lanes of events below a picture over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from costmodel.figures import style
from costmodel.figures.style import Ink, said

if TYPE_CHECKING:
    import plotly.graph_objects as go

Lanes = Mapping[str, Sequence[Mapping[str, Any]]]

LANE_PX, GAP_PX = 24, 34
MOST_LANES = 6
# words in an event -> the lane it stands in
LANES = {
    "stops tuning": "Tuning closes",
    "stops answering": "Model ends",
    "retire": "Model ends",
    "replaced": "Model ends",
    "requirements change": "Requirements change",
    "labels have aged": "Labels have aged",
    "price": "Price changes",
}
LANE_INKS = {
    "Tuning closes": style.PURPLE,
    "Model ends": style.BLUE,
    "Requirements change": style.GREEN,
    "Labels have aged": style.ORANGE,
    "Price changes": style.SKY,
}
OTHER = "Other"
# how sure a date is -> symbol and words
MARKS = {
    "certain": ("diamond", "announced"),
    "floor": ("triangle-right-open", "not sooner than this"),
    "expected": ("circle-open", "most likely date of something that comes at a rate"),
}
KIND_WORDS = {"certain": "◆ announced", "floor": "▷ not sooner", "expected": "○ most likely"}


def lanes_of(events: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Sort events into lanes, the rare and certain ones on top (last)."""
    lanes: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        words = (lane for part, lane in LANES.items() if part in event["what"])
        lanes.setdefault(next(words, OTHER), []).append(event)
    order = sorted(lanes, key=lambda lane: (any(e["kind"] == "certain" for e in lanes[lane]), lane))
    return {lane: lanes[lane] for lane in order[-MOST_LANES:]}


def _draw(
    figure: go.Figure, lanes: Mapping[str, Sequence[Mapping[str, Any]]], days: Sequence[date]
) -> None:
    """Draw what happens when on a second pair of axes, and a line up from what is announced.

    Args:
        figure: Where to draw.
        lanes: What `lanes_of` returns.
        days: First day of each month, and the end.
    """
    for at, (lane, events) in enumerate(lanes.items()):
        ink: Ink = LANE_INKS.get(lane, style.GREY)
        figure.add_scatter(
            x=[str(event["day"]) for event in events],
            y=[at] * len(events),
            xaxis="x2",
            yaxis="y2",
            mode="markers",
            marker={
                "symbol": [MARKS[event["kind"]][0] for event in events],
                "size": 11,
                "color": ink.line,
                "line": {"width": 2, "color": ink.line},
            },
            customdata=[
                f"<b>{event['day']}</b><br>{said(event['what'])}<br><i>{MARKS[event['kind']][1]}</i>"
                for event in events
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
        for event in events:
            if event["kind"] == "certain" and days[0] <= date.fromisoformat(event["day"]):
                figure.add_shape(
                    type="line",
                    x0=str(event["day"]),
                    x1=str(event["day"]),
                    y0=0,
                    y1=1,
                    yref="y domain",
                    line={"color": ink.line, "dash": "dot", "width": 1.5},
                )


def lanes_px(lanes: Lanes) -> int:
    """Return the height that lanes take below a plot. [px]"""
    return LANE_PX * len(lanes) + (GAP_PX if lanes else 0)


def lanes_key(lanes: Lanes, words: str) -> list[str]:
    """Return the sentence that says what the marks of lanes mean, if there are any."""
    kinds = {event["kind"] for events in lanes.values() for event in events}
    shown = ", ".join(text for kind, text in KIND_WORDS.items() if kind in kinds)
    return [f"{words}: {shown}"] if lanes else []


def over_lanes(figure: go.Figure, lanes: Lanes, days: Sequence[date], plot_px: int) -> None:
    """Set a plot over time above its lanes, on one axis of dates.

    Args:
        figure: Where to draw.
        lanes: What `lanes_of` returns.
        days: First day of each month, and the end.
        plot_px: Height of the plot alone. [px]
    """
    whole = plot_px + lanes_px(lanes)
    axis = {
        "type": "date",
        "range": [days[0].isoformat(), days[-1].isoformat()],
        "tickformat": "%b %Y",
    }
    figure.update_layout(
        xaxis=axis | {"anchor": "y", "showticklabels": not lanes},
        yaxis={"anchor": "x", "domain": [1 - plot_px / whole, 1], "automargin": True},
        hovermode="closest",
    )
    if not lanes:
        return
    _draw(figure, lanes, days)
    figure.update_layout(
        xaxis2=axis | {"anchor": "y2", "matches": "x"},
        yaxis2={
            "anchor": "x2",
            "domain": [0, LANE_PX * len(lanes) / whole],
            "tickvals": list(range(len(lanes))),
            "ticktext": list(lanes),
            "range": [-0.6, len(lanes) - 0.4],
            "automargin": True,
            "fixedrange": True,
        },
    )
