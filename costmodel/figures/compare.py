"""Pictures of a comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.wording import money, whole
from costmodel.bill import PHASES, Bill
from costmodel.figures import style
from costmodel.figures.labels import NARROW_PX, Box, name_point, placed
from costmodel.figures.style import PHASE_COLOURS, PHASE_WORDS, said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PALE = 0.35  # opacity of what does not count
BAR_PX = 34
PARETO_PX = 380
SHORT_PX = 60  # a step that a label may cover
WIDE_RANGE = 8  # above which a scale is logarithmic
# column of the frame -> what it is called
UNIT_COSTS = {
    "usd_per_success": "US$ per successful outcome, damage of failures included",
    "usd_per_request": "US$ per request",
    "total_usd": "US$ over the horizon",
}


def cost_by_phase(
    frame: pd.DataFrame, months: int, bills: Mapping[str, Bill] | None = None
) -> go.Figure:
    """Draw the cost of each feasible option, stacked by phase, best on top.

    Options that do not meet the required success rate stand below the others, paler.

    Args:
        frame: What `Comparison.frame()` returns: columns name, total_usd, maintenance_share,
            feasible, rank and one column per phase.
        months: Length of the horizon. [month]
        bills: Option -> its bill; where given, the dearest line of each bar and its price row are
            shown when pointed at.
    """
    import plotly.graph_objects as go

    shown = frame[frame["feasible"]].sort_values(
        ["rank", "total_usd"], ascending=False, na_position="first"
    )
    ranked = shown["rank"].notna()
    names = [
        f"<b>{said(style.clipped(name))}</b>" if rank == 1 else said(style.clipped(name))
        for name, rank in zip(shown["name"], shown["rank"], strict=True)
    ]
    figure = go.Figure()
    dearest = _dearest(bills or {})
    phases = [phase for phase in PHASES if (shown[f"{phase}_usd"].astype(float) > 0).any()]
    for phase in phases:
        usd = shown[f"{phase}_usd"].astype(float)
        share = usd / shown["total_usd"].astype(float)
        figure.add_bar(
            orientation="h",
            y=list(range(len(names))),
            x=[float(f"{u:.6g}") for u in usd],
            name=PHASE_WORDS[phase],
            marker={
                "color": PHASE_COLOURS[phase],
                "opacity": [1.0 if meets else PALE for meets in ranked],
            },
            customdata=[
                [said(n), money(u), f"{s:.0%}", dearest.get((n, phase), "")]
                for n, u, s in zip(shown["name"], usd, share, strict=True)
            ],
            hovertemplate=(
                "<b>%{customdata[0]}</b><br>" + PHASE_WORDS[phase] + ": %{customdata[1]}, "
                "%{customdata[2]} of the option%{customdata[3]}<extra></extra>"
            ),
        )
    damage = _damage(shown)
    if damage.any():
        _failures(figure, shown, damage)
    ends = shown["total_usd"].to_numpy(float) + damage
    bill = "bill " if damage.any() else ""
    figure.layout.annotations = [
        {"x": end, "y": k, "text": f" {bill}{whole(total)}", "showarrow": False, "xanchor": "left"}
        for k, (total, end) in enumerate(zip(shown["total_usd"].astype(float), ends, strict=True))
    ]
    left_out = [said(name) for name in frame[~frame["feasible"]]["name"]]
    note = f"Cost over {months} months in US dollars, undiscounted"
    note += f": {style.phase_key(phases)}" if phases else ""
    note += " · best on top"
    if ranked.any() and shown["usd_per_success"].notna().any():
        note += " (cost per successful outcome)"
    if damage.any():
        note += f" · {style.key('Damage', style.GREY)} of requests that fail, not billed"
    if not ranked.all():
        note += " · pale: below the required success rate, or none stated"
    notes = [note]
    if left_out:
        notes.append(f"Not to be had over the whole horizon: {'; '.join(left_out)}")
    style.dress(figure, _finding(shown), notes, plot_px=BAR_PX * max(len(shown), 1) + 10)
    figure.update_layout(
        barmode="stack",
        bargap=0.3,
        xaxis={"tickprefix": "$", "rangemode": "tozero", "nticks": 7},
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "automargin": True,
            "showgrid": False,
            "range": [-0.6, max(len(names), 1) - 0.4],
        },
    )
    if len(shown):
        figure.update_xaxes(range=[0, float(ends.max()) * 1.2])
    return figure


def _damage(shown: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return the damage of failures of each option that is ranked, 0 for others. [US$]"""
    damage = shown["damage_usd"].astype(float).fillna(0.0).to_numpy(float)
    return np.where(shown["rank"].notna(), damage, 0.0)


def _failures(figure: go.Figure, shown: pd.DataFrame, damage: np.ndarray[Any, Any]) -> None:
    """Draw the damage of failures behind the bill: both together are what options are ranked by."""
    figure.add_bar(
        orientation="h",
        y=list(range(len(shown))),
        x=[float(f"{usd:.6g}") for usd in damage],
        name="Damage",
        marker={"color": style.alpha(style.GREY.line, 0.35)},
        customdata=[
            f"<b>{said(name)}</b><br>Damage of failures: {money(usd)}<br>"
            f"<i>as the scenario states it; {float(rate):.0%} of the single attempts succeed</i>"
            for name, usd, rate in zip(
                shown["name"], damage, shown["success_rate"].fillna(0.0), strict=True
            )
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _dearest(bills: Mapping[str, Bill]) -> dict[tuple[str, str], str]:
    """Return where the dearest line of each option and phase comes from."""
    found = {}
    for name, bill in bills.items():
        sums: dict[tuple[str, str, int], float] = {}
        for line in bill.lines:
            shape = np.broadcast_shapes((bill.months.count,), line.cost.shape)
            usd = float(np.broadcast_to(line.cost, shape).sum(axis=-1).mean())
            key = (line.line.phase, line.path, line.row)
            sums[key] = sums.get(key, 0.0) + usd
        for (phase, path, row), usd in sorted(sums.items(), key=lambda item: item[1]):
            at = bill.book.rows[row]
            found[name, phase] = style.cite(
                at.file, at.line, at.verified_on.isoformat(), f"{path} {money(usd)}"
            )
    return found


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


def pareto(
    frame: pd.DataFrame,
    required: float | None = None,
    *,
    cost: str = "usd_per_success",
    bills: Mapping[str, pd.DataFrame] | None = None,
) -> go.Figure:
    """Draw what success costs: options on the line are beaten by none in both cost and success.

    Args:
        frame: What `Comparison.frame()` returns: columns name, provider, model, feasible,
            success_rate, total_usd and the one that `cost` names.
        required: Required success rate. [1]
        cost: usd_per_success, usd_per_request or total_usd.
        bills: Option -> what `Bill.frame()` or `Bill.sums()` returns, for the price rows.
    """
    import plotly.graph_objects as go

    rated = frame[frame["feasible"] & frame["success_rate"].notna() & frame[cost].notna()]
    figure = go.Figure()
    if rated.empty:
        return style.dress(
            figure,
            "No option that can be had states a success rate",
            ["State success_rate of the options to see what success costs"],
            plot_px=40,
        )
    usd, rate = rated[cost].to_numpy(float), rated["success_rate"].to_numpy(float)
    best = _frontier(usd, rate)
    log = usd.min() > 0 and usd.max() / usd.min() > WIDE_RANGE
    xs, (low, high) = _scale(usd, log=log)
    floor, ceiling = _span(np.append(rate, [] if required is None else [required]))
    _staircase(figure, usd, rate, best, 10**high if log else high)
    symbols = {p: style.SYMBOLS[k % 8] for k, p in enumerate(dict.fromkeys(rated["provider"]))}
    for on_line in (False, True):
        rows = [k for k in range(len(rated)) if (k in best) == on_line]
        ink = style.VERMILLION.line if on_line else style.GREY.line
        records: list[dict[str, Any]] = [dict(rated.iloc[k]) for k in rows]
        figure.add_scatter(
            x=usd[rows],
            y=rate[rows],
            mode="markers",
            name="on the line" if on_line else "beaten",
            marker={
                "size": 13 if on_line else 10,
                "symbol": [symbols[r["provider"]] + ("" if on_line else "-open") for r in records],
                "color": ink,
                "line": {"width": 1.5, "color": ink},
            },
            customdata=[_about(record, bills) for record in records],
            hovertemplate="%{customdata}<extra></extra>",
        )
    order = [*best, *(k for k in range(len(rated)) if k not in best)]
    names = [style.clipped(rated["name"].iloc[k]) for k in order]
    at = [
        ((xs[k] - low) / (high - low) * NARROW_PX,
         (rate[k] - floor) / (ceiling - floor) * PARETO_PX)
        for k in order
    ]  # fmt: skip
    steps = pairwise([*at[: len(best)], (NARROW_PX, 0.0)])
    lines = [Box(x + 9, y - 1, nx, y + 1) for (x, y), (nx, _) in steps if nx > x + SHORT_PX]
    if required is not None:
        height = (required - floor) / (ceiling - floor) * PARETO_PX
        lines.append(Box(0.0, height - 1, NARROW_PX, height + 1))
    offsets = placed(at, names, height=PARETO_PX, taken=lines)
    for k, name, offset in zip(order, names, offsets, strict=True):
        if offset is not None:
            text, colour = said(name), style.QUIET
            if k in best:
                text, colour = f"<b>{text}</b>", style.TEXT
            name_point(figure, (float(xs[k]), float(rate[k])), text, offset, colour)
    notes = [
        f"{UNIT_COSTS[cost]} · filled = on the line, hollow = another option is better in both"
    ]
    notes[0] += " · shape = provider"
    style.dress(figure, _worth(rated, best), notes, plot_px=PARETO_PX, bottom=58)
    if required is not None:
        figure.add_hline(
            y=required,
            line={"color": style.QUIET, "dash": "dot", "width": 1},
            annotation={
                "text": f"required {required:.0%}",
                "font": {"size": style.LABEL_SIZE, "color": style.QUIET},
                "xanchor": "right",
            },
        )
    figure.update_layout(
        xaxis={
            "type": "log" if log else "linear",
            "range": [low, high],
            "tickprefix": "$",
            "dtick": 1 if log else None,
            "title": {"text": UNIT_COSTS[cost].partition(",")[0]},
        },
        yaxis={
            "range": [floor, ceiling],
            "tickformat": ".0%",
            "automargin": True,
            "title": {"text": "success rate", "standoff": 12},
        },
    )
    return figure


def _frontier(usd: np.ndarray[Any, Any], rate: np.ndarray[Any, Any]) -> list[int]:
    """Return the options that none beats in both, cheapest first."""
    best: list[int] = []
    for k in sorted(range(len(usd)), key=lambda k: (usd[k], -rate[k])):
        if not best or rate[k] > rate[best[-1]]:
            best.append(k)
    return best


def _scale(usd: np.ndarray[Any, Any], *, log: bool) -> tuple[np.ndarray[Any, Any], list[float]]:
    """Return places on an axis, and its range with some room at either end."""
    places = np.log10(usd) if log else usd
    low, high = float(places.min()), float(places.max())
    room = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    return places, [low - room if log else max(low - room, 0.0), high + room]


def _span(rate: np.ndarray[Any, Any]) -> tuple[float, float]:
    low, high = float(rate.min()), float(rate.max())
    room = max((high - low) * 0.12, 0.01)
    return max(low - room, 0.0), high + room


def _staircase(
    figure: go.Figure,
    usd: np.ndarray[Any, Any],
    rate: np.ndarray[Any, Any],
    best: list[int],
    end: float,
) -> None:
    figure.add_scatter(
        x=[*usd[best].tolist(), end],
        y=[*rate[best].tolist(), float(rate[best[-1]])],
        mode="lines",
        line={"shape": "hv", "dash": "dot", "color": style.VERMILLION.line, "width": 1.5},
        hoverinfo="skip",
    )


def _about(record: Mapping[str, Any], bills: Mapping[str, pd.DataFrame] | None) -> str:
    text = f"<b>{said(record['name'])}</b><br>{said(record['model'])} at {said(record['provider'])}"
    text += f"<br>{float(record['success_rate']):.0%} succeed, bill {whole(record['total_usd'])}"
    for name, unit in (("usd_per_request", "request"), ("usd_per_success", "success")):
        usd = record.get(name)
        if usd is not None and math.isfinite(usd):
            text += f"<br>{money(usd)} per {unit}"
    rows = None if bills is None else bills.get(record["name"])
    return text + ("" if rows is None else style.provenance(rows))


def _worth(rated: pd.DataFrame, best: list[int]) -> str:
    names = rated["name"].iloc[best].tolist()
    if len(rated) == 1:
        return f"{names[0]} is the only option with a stated success rate"
    if len(best) == 1:
        return f"{names[0]} beats all others in both cost and success"
    last = rated.iloc[best[-1]]
    return (
        f"{len(best)} of {len(rated)} options are worth paying for: from {names[0]} to "
        f"{names[-1]} ({float(last['success_rate']):.0%} succeed)"
    )
