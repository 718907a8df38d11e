"""Pictures of prices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from costmodel.analysis.request_costs import unbeaten
from costmodel.analysis.wording import brief, money, provider_words
from costmodel.figures import style
from costmodel.figures.labels import NARROW_PX, Box, Label, end_labels, name_point, placed
from costmodel.figures.rows import Row, row_axis, rows_figure
from costmodel.figures.style import said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

HISTORY_PX, ROW_PX, PARETO_PX = 300, 24, 380
THOUSAND = 1_000
MOST_ROWS = 20
WIDE = 20  # range above which a scale is logarithmic
METER_LOOKS = {
    "output_mtok": ("output", style.VERMILLION),
    "input_mtok": ("input", style.BLUE),
    "cached_input_mtok": ("cached input", style.GREEN),
    "cache_write_mtok": ("cache write", style.PURPLE),
    "cache_write_1h_mtok": ("cache write, 1 h", style.ORANGE),
    "cache_storage_mtok_hour": ("cache storage, per hour", style.SKY),
}
MARKET_LOOKS = {
    "on_demand": ("on demand", style.BLUE, "circle"),
    "spot": ("spot", style.GREEN, "diamond"),
    "marketplace": ("marketplace", style.PURPLE, "square"),
    "reserved_1y": ("reserved 1 year", style.ORANGE, "triangle-up"),
    "reserved_3y": ("reserved 3 years", style.VERMILLION, "triangle-down"),
    "capacity_block": ("capacity block", style.SKY, "cross"),
}


def price_history(frame: pd.DataFrame, on: date, *, ahead_days: int = 180) -> go.Figure:
    """Draw how the prices of a model moved and will move, as steps.

    Args:
        frame: What `analysis.prices.price_history` returns.
        on: Today, marked by a line.
        ahead_days: How far ahead prices that hold today are drawn. [day]
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if frame.empty:
        return style.dress(figure, "No price of tokens is published", [], plot_px=40)
    known = [day for day in frame["effective_from"] if day is not None]
    checked = list(frame["verified_on"])
    first = min([*known, *checked, on]) - timedelta(days=60)
    last = max([*known, on]) + timedelta(days=ahead_days)
    positive = frame.loc[frame["unit_price_usd"] > 0, "unit_price_usd"]
    low = math.log10(float(positive.min()) if len(positive) else 0.01) - 0.3
    high = math.log10(float(positive.max()) if len(positive) else 1.0) + 0.3
    labels = []
    for meter, (word, ink) in METER_LOOKS.items():
        rows = frame[(frame["meter"] == meter) & (frame["unit_price_usd"] > 0)]
        if rows.empty:
            continue
        x: list[str | None] = []
        y: list[float | None] = []
        about: list[str] = []
        for row in rows.to_dict("records"):
            begin = row["effective_from"] or first
            end = row["effective_to"] or last
            since = row["effective_from"] or "release (start unknown)"
            text = f"<b>{word}: {style.price(row['unit_price_usd'])} per Mtok</b><br>since {since}"
            text += style.cite(row["file"], row["row"], row["verified_on"])
            x += [begin.isoformat(), end.isoformat()]
            y += [row["unit_price_usd"]] * 2
            about += [text] * 2
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            line={"color": ink.line, "width": 2.5, "shape": "hv"},
            marker={"size": 5},
            customdata=about,
            hovertemplate="%{customdata}<extra></extra>",
        )
        open_ = rows[[day is None or day > on for day in rows["effective_to"]]]
        end_usd = float((open_ if len(open_) else rows)["unit_price_usd"].iloc[-1])
        text = f"{word} {style.price(end_usd)}"
        labels.append(Label(text, (math.log10(end_usd) - low) / (high - low), ink.text))
    end_labels(figure, labels, HISTORY_PX)
    figure.add_vline(x=on.isoformat(), line={"color": style.QUIET, "dash": "dot", "width": 1})
    figure.add_annotation(
        x=on.isoformat(),
        y=0,
        yref="y domain",
        text=f"today, {on}",
        showarrow=False,
        xanchor="right",
        yanchor="bottom",
        xshift=-4,
        font={"color": style.QUIET, "size": style.LABEL_SIZE},
    )
    note = "US$ per Mtok, logarithmic · steps = dated rows of the price table"
    if len(known) < len(frame):
        note += " · a price without a date is drawn back to 60 days before it was checked"
    style.dress(figure, _moved(frame, on), [note], plot_px=HISTORY_PX, right=150)
    return figure.update_layout(
        xaxis={"type": "date", "range": [first.isoformat(), last.isoformat()]},
        yaxis={
            "type": "log",
            "range": [low, high],
            "automargin": True,
            **style.log_ticks(low, high),
        },
    )


def _moved(frame: pd.DataFrame, on: date) -> str:
    """Say what the price of output does next, or did last."""
    name = f"{frame['model'].iloc[0]} at {provider_words(frame['provider'].iloc[0])}"
    order = [m for m in ("output_mtok", "input_mtok") if (frame["meter"] == m).any()]
    meter = order[0] if order else frame["meter"].iloc[0]
    rows = frame[frame["meter"] == meter].to_dict("records")
    word = METER_LOOKS[meter][0]
    for before, after in pairwise(rows):
        day, old, new = after["effective_from"], before["unit_price_usd"], after["unit_price_usd"]
        if day is not None and day > on and old > 0 and new != old:
            way = "rises" if new > old else "falls"
            between = f"{style.price(old)} to {style.price(new)} per Mtok"
            return f"{name}: {word} {way} from {between} on {day}"
    first, last = rows[0]["unit_price_usd"], rows[-1]["unit_price_usd"]
    if len(rows) == 1 or first <= 0 or first == last:
        return f"{name}: {word} at {style.price(last)} per Mtok, no change on record"
    way = "up" if last > first else "down"
    since = rows[-1]["effective_from"]
    change = f"{way} {abs(last / first - 1):.0%}"
    return f"{name}: {word} {change} to {style.price(last)} per Mtok since {since}"


def rents(frame: pd.DataFrame, on: date) -> go.Figure:
    """Draw what a GPU rents for, one line for each provider, cheapest on top.

    Args:
        frame: What `analysis.prices.rents` returns.
        on: Day of the prices.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if frame.empty:
        return style.dress(figure, f"Nobody rents it out on {on}", [], plot_px=40)
    cheapest = frame.groupby("provider")["usd_per_gpu_hour"].min().sort_values()
    providers = [str(name) for name in cheapest.index[:MOST_ROWS]]
    shown = frame[frame["provider"].isin(providers)]
    at = {name: k for k, name in enumerate(providers)}
    for name, rows in shown.groupby("provider"):
        figure.add_scatter(
            x=[float(rows["usd_per_gpu_hour"].min()), float(rows["usd_per_gpu_hour"].max())],
            y=[at[str(name)]] * 2,
            mode="lines",
            line={"color": style.GRID, "width": 3},
            hoverinfo="skip",
        )
    present = [market for market in MARKET_LOOKS if (shown["market"] == market).any()]
    for market in present:
        word, ink, symbol = MARKET_LOOKS[market]
        rows = shown[shown["market"] == market]
        figure.add_scatter(
            x=rows["usd_per_gpu_hour"].round(4).tolist(),
            y=[at[name] for name in rows["provider"]],
            mode="markers",
            marker={"color": ink.line, "symbol": symbol, "size": 10, "opacity": 0.85},
            customdata=[
                f"<b>{money(r['usd_per_gpu_hour'])} per GPU-hour</b>, {word}<br>"
                f"{said(r['instance'])}, {r['gpus']} GPUs {said(r['region'])}"
                + style.cite(r["file"], r["row"], r["verified_on"])
                for r in rows.to_dict("records")
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    gpu, best = frame["gpu"].iloc[0], frame.iloc[0]
    usual = float(frame["usd_per_gpu_hour"].median())
    looks = [MARKET_LOOKS[market] for market in present]
    key = " ".join(style.key(word, ink) for word, ink, _ in looks)
    more = len(cheapest) - len(providers)
    notes = [f"US$ per GPU-hour on {on}: {key}" + (f" · {more} dearer left out" if more else "")]
    low, high = (float(f(shown["usd_per_gpu_hour"])) for f in (min, max))
    title = f"{gpu}: {money(low)} to {money(high)} an hour, half of the offers under {money(usual)}"
    title += f"; {provider_words(best['provider'])} is cheapest"
    style.dress(figure, title, notes, plot_px=ROW_PX * len(providers) + 12)
    return figure.update_layout(
        xaxis={"tickprefix": "$", "range": [0, high * 1.05], "nticks": 8},
        yaxis=row_axis([said(style.clipped(provider_words(name))) for name in providers]),
    )


def training_bills(records: Sequence[Mapping[str, Any]], file: str) -> go.Figure:
    """Draw what each provider bills for training on a dataset: its cheapest offer.

    Args:
        records: What `analysis.datasets.billed` returns, without those that refuse it.
        file: Name of the dataset.
    """
    best: dict[str, Mapping[str, Any]] = {}
    for record in records:
        best.setdefault(record["provider"], record)
    rows = [
        Row(
            provider_words(provider),
            r["train_usd"],
            money(r["train_usd"]),
            best=k == 0,
            ink=style.GREEN,
            about=f"<b>{said(provider)}</b>, {said(r['sku'])}: {money(r['train_usd'])}<br>"
            f"{r['trained_tokens']:,.0f} tokens in {r['epochs']:g} passes ({said(r['counted'])})"
            + style.cite(r["file"], r["row"], r["verified_on"]),
        )
        for k, (provider, r) in enumerate(best.items())
    ]
    if not rows:
        return rows_figure([], f"No provider takes {file} for training today", [])
    ends = [row.value for row in (rows[0], rows[-1])]
    title = f"{rows[0].name} trains on {file} for {money(ends[0])}"
    if ends[1] > 2 * ends[0] > 0:
        title += f", {rows[-1].name} for {money(ends[1])}"
    notes = ["US$ for one job with the cheapest model of each provider, by its own rules"]
    wide = 0 < ends[0] * WIDE < ends[1]
    if wide:
        notes = [f"{notes[0]} · logarithmic"]
    return rows_figure(rows, title, notes, dollars=True, bars=not wide, log=wide)


def newest_for_the_money(records: Sequence[Mapping[str, Any]], about: str) -> go.Figure:
    """Draw models by what 1,000 requests cost and when they came out.

    Args:
        records: What `analysis.request_costs.request_costs` returns.
        about: Which models and requests these are.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    dated = [record for record in records if record["released"] is not None]
    if not dated:
        return style.dress(figure, "No date of release is known of these models", [], plot_px=40)
    best = unbeaten(dated)
    names = {(r["provider"], r["model"]) for r in best}
    makers = list(dict.fromkeys(r["provider"] for r in dated))
    symbols = {name: style.SYMBOLS[k % len(style.SYMBOLS)] for k, name in enumerate(makers)}
    for good, ink in ((False, style.GREY), (True, style.VERMILLION)):
        mine = [r for r in dated if ((r["provider"], r["model"]) in names) == good]
        figure.add_scatter(
            x=[float(f"{r['usd'] * THOUSAND:.4g}") for r in mine],
            y=[r["released"] for r in mine],
            mode="markers",
            marker={
                "color": ink.line,
                "size": 11 if good else 8,
                "symbol": [symbols[r["provider"]] + ("" if good else "-open") for r in mine],
            },
            customdata=[
                f"<b>{said(r['model'])}</b> at {said(r['provider'])}, released {r['released']}<br>"
                f"{money(r['usd'] * THOUSAND)} per 1,000 requests: "
                f"{style.price(r['input_usd_per_mtok'])} in, "
                f"{style.price(r['output_usd_per_mtok'])} out, per Mtok"
                + style.cite(r["file"], r["row"], r["verified_on"])
                for r in mine
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.add_scatter(
        x=[r["usd"] * THOUSAND for r in best],
        y=[r["released"] for r in best],
        mode="lines",
        line={"color": style.VERMILLION.line, "width": 1.5, "dash": "dot", "shape": "hv"},
        hoverinfo="skip",
    )
    x = [math.log10(r["usd"] * THOUSAND) for r in dated]
    low, high = min(x) - 0.15, max(x) + 0.3
    days = [date.fromisoformat(r["released"]) for r in dated]
    room = timedelta(max((max(days) - min(days)).days // 14, 10))
    first, last = min(days) - room, max(days) + room

    def place(r: Mapping[str, Any]) -> tuple[float, float]:
        across = (math.log10(r["usd"] * THOUSAND) - low) / (high - low)
        up = (date.fromisoformat(r["released"]) - first) / (last - first)
        return across * NARROW_PX, up * PARETO_PX

    # beside the best, the cheapest of each provider is named
    each = {r["provider"]: r for r in reversed(dated)}
    named = [*best, *(r for r in each.values() if (r["provider"], r["model"]) not in names)]
    known = {(r["provider"], r["model"]) for r in named}
    rest = [place(r) for r in dated if (r["provider"], r["model"]) not in known]
    taken = [Box(a - 4, b - 4, a + 4, b + 4) for a, b in rest]
    corners = [place(r) for r in best]
    # the steps of the line
    taken += [Box(a[0] + 1, a[1] - 1, b[0] + 1, a[1] + 1) for a, b in pairwise(corners)]
    texts = [str(r["model"]) for r in named]
    spots = placed([place(r) for r in named], texts, height=PARETO_PX, taken=taken)
    for r, text, spot in zip(named, texts, spots, strict=True):
        if spot is not None:
            at = (math.log10(r["usd"] * THOUSAND), r["released"])
            good = r in best
            name = f"<b>{said(text)}</b>" if good else said(text)
            name_point(figure, at, name, spot, style.TEXT if good else style.GREY.text)
    left = len(records) - len(dated)
    note = f"US$ per 1,000 requests over day of release · {said(about)} · filled = nothing newer "
    note += "is cheaper · shape = provider"
    note += f" · {left} without a day of release left out" if left else ""
    cheap, newest = best[0], best[-1]
    title = f"{len(best)} of {len(dated)} models have no newer and cheaper rival"
    if cheap is not newest:
        title += f": from {cheap['model']} at {brief(cheap['usd'] * THOUSAND)} to "
        title += f"{newest['model']} at {brief(newest['usd'] * THOUSAND)} per 1,000 requests"
    style.dress(figure, title, [note], plot_px=PARETO_PX)
    return figure.update_layout(
        xaxis={"type": "log", "range": [low, high], **style.log_ticks(low, high)},
        yaxis={
            "type": "date",
            "range": [first.isoformat(), last.isoformat()],
            "automargin": True,
            "tickformat": "%b %Y",
        },
    )


def ages(rows: Sequence[Mapping[str, Any]], counted: Mapping[str, int], days: int) -> go.Figure:
    """Draw how many rows of each table nobody saw at their source lately.

    Args:
        rows: What `prices.lints.stale` returns.
        counted: File -> rows in force.
        days: Age above which a row is listed. [day]
    """
    found: dict[str, int] = {}
    for row in rows:
        found[row["file"]] = found.get(row["file"], 0) + 1
    shown = sorted(found.items(), key=lambda pair: -pair[1])[:MOST_ROWS]
    bars = [
        Row(
            file,
            count,
            f"{count} of {counted.get(file, count)}",
            ink=style.ORANGE,
            about=f"<b>{said(file)}</b>: {count} rows not seen for so long<br>"
            f"<i>the oldest was seen on {min(r['verified_on'] for r in rows if r['file'] == file)}"
            "</i>",
        )
        for file, count in shown
    ]
    every = sum(counted.values())
    title = f"{len(rows):,} of {every:,} rows were not seen at their source for {days} days"
    if not rows:
        title = f"Every row was seen at its source in the last {days} days"
    notes = ["Rows in force by table, with those that nobody saw lately"]
    return rows_figure(bars, title, notes, bars=True)
