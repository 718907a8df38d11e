"""Pictures of counted files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costmodel.analysis.wording import brief, money, provider_words, tally
from costmodel.figures import style
from costmodel.figures.labels import LETTER_PX, LINE_PX, NARROW_PX
from costmodel.figures.rows import Row, rows_figure
from costmodel.figures.style import BLUE, GREEN, GREY, INKS, said

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLOT_PX = 260
MOST_ROLES, MOST_MODELS = 8, 16
ROLE_WORDS = {
    "frames": "frames of messages",
    "system": "system (instructions)",
    "assistant": "assistant (answers)",
    "user": "user (questions)",
}
THOUSAND = 1_000


def token_histogram(summary: Mapping[str, Any]) -> go.Figure:
    """Draw how long the examples of a file are, with its quantiles and the limit.

    Args:
        summary: What `analysis.datasets.summary` returns.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    bars, found = summary["histogram"], summary["quantiles"]
    name = said(summary["file"])
    if not bars:
        return style.dress(figure, f"{summary['file']} holds no example", [], plot_px=40)
    limit, over = summary["over_limit"]["limit"], summary["over_limit"]["examples"]
    counted = f"{said(summary['encoding'])}, {'exact' if summary['exact'] else 'estimated'}"
    reach = max(bars[-1]["to"], limit or 0)
    for bar in bars:
        beyond = limit is not None and bar["from"] >= limit
        figure.add_bar(
            x=[(bar["from"] + bar["to"]) / 2],
            y=[bar["examples"]],
            width=[(bar["to"] - bar["from"]) * 0.94],
            marker={"color": (style.VERMILLION if beyond else style.BLUE).line},
            customdata=[
                f"<b>{bar['examples']:,} examples</b> of {bar['from']:,} to {bar['to']:,} tokens"
                f"<br><i>{name}, counted in {counted}</i>"
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )
        if bar["examples"]:
            figure.add_annotation(
                x=(bar["from"] + bar["to"]) / 2,
                y=bar["examples"],
                text=tally(bar["examples"]),
                showarrow=False,
                yanchor="bottom",
                font={"size": style.LABEL_SIZE},
            )
    top = max(bar["examples"] for bar in bars) * 1.45
    begin = bars[0]["from"]
    marks = [("P50", found["p50"], style.TEXT), ("P90", found["p90"], style.TEXT)]
    marks += [("longest", found["max"], style.QUIET)]
    marks += [] if limit is None else [("limit", limit, style.VERMILLION.text)]
    span = (reach - begin) * 1.04
    texts = [f"{word} {tally(value)}" for word, value, _ in marks]
    rows = _rows([(v - begin) / span * NARROW_PX for _, v, _ in marks], texts)
    for (_, value, colour), text, row in zip(marks, texts, rows, strict=True):
        height = top * (1 - row * LINE_PX / PLOT_PX)
        figure.add_shape(
            type="line",
            x0=value,
            x1=value,
            y0=0,
            y1=height,
            line={"color": colour, "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            x=value,
            y=height,
            text=text,
            showarrow=False,
            xanchor="right" if (value - begin) / span > 1 / 2 else "left",
            yanchor="top",
            font={"size": style.LABEL_SIZE, "color": colour},
        )
    title = f"Half of {tally(summary['records'])} examples are shorter than "
    title += f"{tally(found['p50'])} tokens, one in ten is longer than {tally(found['p90'])}"
    if over:
        title = f"{tally(over)} of {tally(summary['records'])} examples are longer than the limit"
        title += f" of {tally(limit)} tokens"
    note = f"{name}: {tally(summary['tokens'])} tokens, {counted} · bars = examples by length"
    style.dress(figure, title, [note], plot_px=PLOT_PX, bottom=58)
    return figure.update_layout(
        xaxis={"title": {"text": "tokens of an example"}, "range": [begin, begin + span]},
        yaxis={"range": [0, top], "automargin": True, "title": {"text": "examples"}, "nticks": 5},
    )


def _rows(places: list[float], texts: list[str]) -> list[int]:
    """Return the line in which each label of a mark stands, so that none overlap."""
    taken: list[tuple[int, float, float]] = []
    rows = []
    for place, text in zip(places, texts, strict=True):
        width = (len(text) + 2) * LETTER_PX
        left = place - width if place > NARROW_PX / 2 else place
        row = 0
        while any(r == row and left < end and begin < left + width for r, begin, end in taken):
            row += 1
        taken.append((row, left, left + width))
        rows.append(row)
    return rows


def tokens_by_role(summary: Mapping[str, Any]) -> go.Figure:
    """Draw who says how much: tokens of each role or field, most first.

    Args:
        summary: What `analysis.datasets.summary` returns.
    """
    total = max(summary["tokens"], 1)
    known = sorted(summary["by_role"].items(), key=lambda pair: -pair[1])
    rest = sum(count for _, count in known[MOST_ROLES:])
    shown = known[:MOST_ROLES] + ([("others", rest)] if rest else [])
    each = max(summary["records"], 1)
    counted = f"{summary['encoding']}, {'exact' if summary['exact'] else 'estimated'}"
    rows = [
        Row(
            ROLE_WORDS.get(name, name),
            count,
            f"{tally(count)} ({style.chance(count / total)})",
            ink=INKS[k % len(INKS)],
            about=f"<b>{said(ROLE_WORDS.get(name, name))}</b>: {count:,} tokens, "
            f"{count / each:,.1f} in each example<br><i>{said(summary['file'])}, "
            f"counted in {said(counted)}</i>",
        )
        for k, (name, count) in enumerate(shown)
    ]
    if not rows:
        return rows_figure([], f"{summary['file']} holds no text", [])
    name, most = shown[0]
    title = f"{style.chance(most / total)} of {tally(summary['tokens'])} tokens are "
    title += ROLE_WORDS.get(name, name)
    notes = [f"Tokens of {said(summary['file'])} by role, counted in {said(counted)}"]
    return rows_figure(rows, title, notes, bars=True)


def cost_by_model(records: Sequence[Mapping[str, Any]], about: str, requests: float) -> go.Figure:
    """Draw what the requests of a month cost on each model, cheapest first.

    Args:
        records: What `analysis.request_costs.request_costs` returns.
        about: Which models these are.
        requests: Requests in a month. [1/month]
    """
    shown = list(records[:MOST_MODELS])
    rows = [
        Row(
            f"{r['model']}, {provider_words(r['provider'])}",
            r["usd"] * requests,
            brief(r["usd"] * requests),
            ink=BLUE if r["counted"] == "exact" else GREEN if r["counted"][0] == "x" else GREY,
            best=k == 0,
            about=f"<b>{said(r['model'])}</b> at {said(r['provider'])}: "
            f"{money(r['usd'] * THOUSAND)} per 1,000"
            f"<br>{r['input_tokens']:,.0f} tokens at {style.price(r['input_usd_per_mtok'])} and "
            f"{r['output_tokens']:,.0f} at {style.price(r['output_usd_per_mtok'])} per Mtok "
            f"({said(r['counted'])})" + style.cite(r["file"], r["row"], r["verified_on"]),
        )
        for k, r in enumerate(shown)
    ]
    looks = (("exact count", BLUE), ("by a ratio of tokenizers", GREEN), ("as counted here", GREY))
    key = ", ".join(style.key(word, ink, "●") for word, ink in looks)
    month = f"{tally(requests)} requests"
    notes = [f"US$ a month for {month}, logarithmic · {said(about)} · tokens: {key}"]
    best = shown[0]
    title = f"{best['model']} is cheapest: {brief(best['usd'] * requests)} a month for {month}"
    if len(records) > len(shown):
        more = len(records) - len(shown)
        notes.append(f"{more} dearer models are in the table below")
    dearest = records[-1]
    if dearest["usd"] > 2 * best["usd"]:
        title += f"; {dearest['model']} costs {dearest['usd'] / best['usd']:,.0f} times as much"
    return rows_figure(rows, title, notes, dollars=True, log=True)
