"""Pictures of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.analysis.wording import money
from costmodel.bill import PHASES
from costmodel.figures.style import PHASE_COLOURS, PHASE_WORDS, template

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def cost_by_phase(frame: pd.DataFrame, months: int) -> go.Figure:
    """Draw the cost of each feasible option, stacked by phase, cheapest on top.

    Args:
        frame: What `Comparison.frame()` returns: columns name, total_usd, feasible, reason and
            one column per phase.
        months: Length of the horizon. [month]
    """
    import plotly.graph_objects as go

    shown = frame[frame["feasible"]].sort_values("total_usd", ascending=False)
    figure = go.Figure()
    for phase in PHASES:
        usd = shown[f"{phase}_usd"].astype(float)
        if not (usd > 0).any():
            continue
        share = usd / shown["total_usd"].astype(float)
        figure.add_bar(
            orientation="h",
            y=shown["name"].tolist(),
            x=usd.tolist(),
            name=PHASE_WORDS[phase],
            marker_color=PHASE_COLOURS[phase],
            customdata=[[money(u), f"{s:.0%}"] for u, s in zip(usd, share, strict=True)],
            hovertemplate=(
                "%{y}<br>" + PHASE_WORDS[phase] + ": %{customdata[0]}, %{customdata[1]} of the "
                "option<extra></extra>"
            ),
        )
    for name, total in zip(shown["name"], shown["total_usd"], strict=True):
        figure.add_annotation(
            x=total, y=name, text=f" {money(float(total))}", showarrow=False, xanchor="left"
        )
    left_out = frame[~frame["feasible"]]["name"].tolist()
    below = f"not to be had over the horizon: {', '.join(left_out)}" if left_out else ""
    figure.update_layout(
        template=template(),
        barmode="stack",
        height=170 + 44 * max(len(shown), 1),
        title={
            "text": _finding(shown),
            "subtitle": {
                "text": f"Cost over {months} months in US dollars, undiscounted, by phase"
                + (f"<br>{below}" if below else "")
            },
        },
        xaxis={"tickprefix": "$", "tickformat": "~s", "rangemode": "tozero"},
        yaxis={"ticksuffix": "  ", "automargin": True},
        legend={"orientation": "h", "y": -0.12, "x": 0, "traceorder": "normal"},
    )
    if len(shown):
        figure.update_xaxes(range=[0, float(shown["total_usd"].max()) * 1.15])
    return figure


def _finding(shown: pd.DataFrame) -> str:
    """Say what the picture shows: which option is cheapest and what upkeep costs."""
    if shown.empty:
        return "No option can be had over the whole horizon"
    best = shown.iloc[-1]
    return (
        f"{best['name']} costs least: {money(float(best['total_usd']))}, "
        f"{float(best['maintenance_share']):.0%} of it upkeep"
    )
