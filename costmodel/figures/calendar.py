"""Pictures of what falls due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from costmodel.analysis.wording import whole
from costmodel.figures import style
from costmodel.figures.lanes import lanes_key, lanes_of, lanes_px, over_lanes
from costmodel.months import add_months

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from costmodel.analysis.calendar import Entry

MONTH_PX = 170


def due(
    entries: Sequence[Entry],
    frame: pd.DataFrame,
    *,
    start: date,
    months: int,
    finding: str,
    name: str,
) -> go.Figure:
    """Draw what an option costs in each month, with what falls due when below.

    Args:
        entries: What falls due, of `calendar`.
        frame: What `Bill.frame()` returns.
        start: First day of the scenario.
        months: Length of the horizon. [month]
        finding: The title.
        name: The option.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    days = [add_months(start, k) for k in range(months + 1)]
    sums = frame.groupby(["phase", "month"])["cost_usd"].sum()
    labels = list(dict.fromkeys(f"{day:%Y-%m}" for day in days))[:months]
    phases = [p for p in style.PHASE_WORDS if p in set(frame["phase"])]
    top = 0.0
    for phase in phases:
        usd = [float(sums.get((phase, label), 0.0)) for label in labels]
        figure.add_bar(
            x=[day.isoformat() for day in days[:-1]],
            y=[round(u, 2) for u in usd],
            xperiod="M1",
            xperiodalignment="middle",
            marker={"color": style.PHASE_COLOURS[phase]},
            customdata=[
                f"<b>{label}, {style.PHASE_WORDS[phase].lower()}</b>: {whole(u)}"
                + _dearest(frame, phase, label)
                for label, u in zip(labels, usd, strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    if len(frame):
        top = float(frame.groupby("month")["cost_usd"].sum().max())
    lanes = lanes_of([_event(entry) for entry in entries if entry.sort == "event"])
    total = whole(float(frame["cost_usd"].sum()))
    notes = [
        f"{style.said(name)}, {total} over {months} months, US dollars of each month: "
        f"{style.phase_key(phases)} · what comes at a rate is spread over the months",
        *lanes_key(lanes, "Below, what falls due when"),
    ]
    style.dress(figure, finding, notes, plot_px=MONTH_PX + lanes_px(lanes))
    over_lanes(figure, lanes, days, MONTH_PX)
    figure.update_layout(barmode="stack", bargap=0.15)
    height = top * 1.06 or 1.0
    figure.update_yaxes(range=[0, height], tickprefix="$", nticks=4, selector={"anchor": "x"})
    return figure


def _event(entry: Entry) -> Mapping[str, Any]:
    what = entry.what
    if entry.usd:
        what += f": {whole(entry.usd)}, {entry.person_hours or 0.0:,.0f} hours of people"
    return {"day": entry.day.isoformat(), "what": what, "kind": entry.kind}


def _dearest(frame: pd.DataFrame, phase: str, month: str) -> str:
    return style.provenance(frame[(frame["phase"] == phase) & (frame["month"] == month)])
