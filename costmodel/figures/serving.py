"""Pictures of own GPUs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.wording import money
from costmodel.figures import style
from costmodel.figures.labels import NARROW_PX, Box, Label, end_labels, name_point, placed
from costmodel.figures.style import said

if TYPE_CHECKING:
    import plotly.graph_objects as go

PLOT_PX = 320
LOWEST = 0.01  # utilisation at which the picture begins


def cost_against_utilisation(
    plan: Mapping[str, Any], hosted: Mapping[str, float] | None = None
) -> go.Figure:
    """Draw what a token on own GPUs costs at each utilisation, beside hosted prices.

    Args:
        plan: What `ServingPlan.as_dict()` returns, with a price of the GPU.
        hosted: Name -> price of the same tokens where someone else hosts them. [US$/Mtok]

    Raises:
        KeyError: If the plan has no price.
    """
    import plotly.graph_objects as go

    full, here = plan["usd_per_mtok_full"], plan["utilisation"]
    hosted = dict(hosted or {})
    share = np.unique(np.append(np.geomspace(min(LOWEST, here), 1.0, 61), here))
    # the slower the replica, the dearer its tokens
    band = [
        full * plan["tokens_per_second"] / plan[f"tokens_per_second_{end}"]
        for end in ("low", "high")
    ]
    figure = go.Figure()
    x = [float(f"{s:.4g}") for s in share]
    cite = f"<br><i>{said(plan['priced_by'])}</i>"
    for usd, fill in ((band[0], None), (band[1], "tonexty")):
        figure.add_scatter(
            x=x,
            y=[float(f"{usd / s:.4g}") for s in share],
            mode="lines",
            line={"color": style.BLUE.line, "width": 0.5, "dash": "dot"},
            fill=fill,
            fillcolor=style.alpha(style.BLUE.line, 0.14),
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=x,
        y=[float(f"{full / s:.4g}") for s in share],
        mode="lines",
        line={"color": style.BLUE.line, "width": 3},
        customdata=[
            f"<b>{money(full / s)} per Mtok</b> at {s:.1%} utilisation{cite}" for s in share
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    figure.add_scatter(
        x=[here],
        y=[full / here],
        mode="markers",
        marker={"size": 12, "color": style.BLUE.line, "line": {"width": 2, "color": style.TEXT}},
        customdata=[
            f"<b>Your load</b>: {here:.1%} of {plan['gpus']} GPUs, "
            f"{money(full / here)} per Mtok{cite}"
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    heights = [full, full / x[0], *hosted.values()]
    low, high = math.log10(min(heights)) - 0.15, math.log10(max(heights)) + 0.1

    def at(usd: float) -> float:
        return (math.log10(usd) - low) / (high - low)

    labels = [Label(f"own, full {money(full)}", at(full), style.BLUE.text)]
    crossings: list[tuple[float, float]] = []
    inks = (style.VERMILLION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
    for k, (name, usd) in enumerate(hosted.items()):
        ink = inks[k % len(inks)]
        figure.add_scatter(
            x=[x[0], 1.0],
            y=[usd, usd],
            mode="lines",
            line={"color": ink.line, "width": 2, "dash": style.DASHES[1 + k % 3]},
            customdata=[f"<b>{said(name)}</b>: {money(usd)} per Mtok"] * 2,
            hovertemplate="%{customdata}<extra></extra>",
        )
        labels.append(Label(f"{said(style.clipped(name, 18))} {money(usd)}", at(usd), ink.text))
        if x[0] < full / usd <= 1:
            crossings.append((full / usd, usd))
    end_labels(figure, labels, PLOT_PX)
    _name_crossings(figure, crossings, (here, full / here), hosted, (math.log10(x[0]), at))
    note = f"{said(plan['model'])} on {said(plan['gpu'])}, {said(plan['priced_by'])} · "
    note += (
        "US$ per Mtok of prompt and answer, both scales logarithmic · band = 80 % of predictions"
    )
    style.dress(figure, _finding(plan, hosted), [note], plot_px=PLOT_PX, right=190, bottom=58)
    return figure.update_layout(
        xaxis={
            "type": "log",
            "range": [math.log10(x[0]), 0],
            "tickvals": [0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
            "tickformat": "~%",
            "title": {"text": "utilisation of the GPUs rented"},
        },
        yaxis={
            "type": "log",
            "range": [low, high],
            "automargin": True,
            **style.log_ticks(low, high),
        },
    )


def _name_crossings(
    figure: go.Figure,
    found: list[tuple[float, float]],
    here: tuple[float, float],
    hosted: Mapping[str, float],
    scale: tuple[float, Callable[[float], float]],
) -> None:
    """Ring the shares from which own GPUs are cheaper, and write them and one's own beside."""
    begin, at = scale

    def place(share: float, usd: float) -> tuple[float, float]:
        return (1 - math.log10(share) / begin) * NARROW_PX, at(usd) * PLOT_PX

    points = [here, *found]
    texts = [f"you: {style.chance(here[0])}", *(f"{share:.1%}" for share, _ in found)]
    # clear of the lines: those of hosted prices, and one's own, on which cost x share stays
    heights = [at(usd) * PLOT_PX for usd in hosted.values()]
    taken = [Box(0.0, y - 1, NARROW_PX, y + 1) for y in heights]
    own = [place(share, here[0] * here[1] / share) for share in np.geomspace(10**begin, 1.0, 200)]
    taken += [Box(x - 1, y - 1, x + 1, y + 1) for x, y in own]
    # bold letters are wider
    wide = [f"{text}__" for text in texts]
    spots = placed([place(*point) for point in points], wide, height=PLOT_PX, taken=taken)
    for (share, usd), text, offset in zip(points, texts, spots, strict=True):
        if offset is not None:
            name_point(figure, (math.log10(share), math.log10(usd)), f"<b>{text}</b>", offset)
    figure.add_scatter(
        x=[share for share, _ in found],
        y=[usd for _, usd in found],
        mode="markers",
        marker={"symbol": "circle-open", "size": 13, "color": style.QUIET, "line": {"width": 2}},
        hoverinfo="skip",
    )


def _finding(plan: Mapping[str, Any], hosted: Mapping[str, float]) -> str:
    own = f"{plan['model']} on own {plan['gpu']}"
    if not hosted:
        usd = plan["usd_per_mtok_full"] / plan["utilisation"]
        share = style.chance(plan["utilisation"])
        return f"{own} costs {money(usd)} per Mtok at your load, {share} of what it can do"
    name, usd = min(hosted.items(), key=lambda pair: pair[1])
    needed = plan["usd_per_mtok_full"] / usd
    if needed > 1:
        return f"{own} never beats {name}: even full it costs more"
    verb = (
        "it does"
        if plan["utilisation"] >= needed
        else f"yours is at {style.chance(plan['utilisation'])}"
    )
    return f"{own} beats {name} from {needed:.0%} utilisation on; {verb}"
