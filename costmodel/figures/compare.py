"""Pictures of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.analysis.wording import money, whole
from costmodel.bill import PHASES
from costmodel.figures.style import PHASE_COLOURS, PHASE_WORDS, template

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PALE = 0.35  # opacity of what does not count


def cost_by_phase(frame: pd.DataFrame, months: int) -> go.Figure:
    """Draw the cost of each feasible option, stacked by phase, best on top.

    Options that do not meet the required success rate stand below the others, paler.

    Args:
        frame: What `Comparison.frame()` returns: columns name, total_usd, maintenance_share,
            feasible, rank and one column per phase.
        months: Length of the horizon. [month]
    """
    import plotly.graph_objects as go

    shown = frame[frame["feasible"]].sort_values(
        ["rank", "total_usd"], ascending=False, na_position="first"
    )
    ranked = shown["rank"].notna()
    names = [
        f"<b>{name}</b>" if rank == 1 else name
        for name, rank in zip(shown["name"], shown["rank"], strict=True)
    ]
    figure = go.Figure()
    for phase in PHASES:
        usd = shown[f"{phase}_usd"].astype(float)
        if not (usd > 0).any():
            continue
        share = usd / shown["total_usd"].astype(float)
        figure.add_bar(
            orientation="h",
            y=names,
            x=usd.tolist(),
            name=PHASE_WORDS[phase],
            marker={
                "color": PHASE_COLOURS[phase],
                "opacity": [1.0 if meets else PALE for meets in ranked],
            },
            customdata=[[money(u), f"{s:.0%}"] for u, s in zip(usd, share, strict=True)],
            hovertemplate=(
                "%{y}<br>" + PHASE_WORDS[phase] + ": %{customdata[0]}, %{customdata[1]} of the "
                "option<extra></extra>"
            ),
        )
    for name, total in zip(names, shown["total_usd"], strict=True):
        figure.add_annotation(
            x=total, y=name, text=f" {whole(float(total))}", showarrow=False, xanchor="left"
        )
    left_out = frame[~frame["feasible"]]["name"].tolist()
    notes = [f"Cost over {months} months in US dollars, undiscounted, by phase"]
    if not ranked.all():
        notes[0] += "; pale: below the required success rate, or none stated"
    if left_out:
        notes.append(f"Not to be had over the whole horizon: {'; '.join(left_out)}")
    figure.update_layout(
        template=template(),
        barmode="stack",
        height=170 + 44 * max(len(shown), 1),
        title={
            "text": _finding(shown),
            "subtitle": {"text": "<br>".join(notes)},
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
    if best["rank"] != 1:
        return "No option is stated to meet the required success rate"
    return (
        f"{best['name']} comes first: {whole(float(best['total_usd']))}, "
        f"{float(best['maintenance_share']):.0%} of it upkeep"
    )
