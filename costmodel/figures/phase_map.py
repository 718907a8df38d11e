"""Pictures of which option is the cheapest where, over two inputs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from costmodel.analysis.wording import tally
from costmodel.figures import style
from costmodel.figures.breakeven import NOBODY, Floats, Scale
from costmodel.figures.labels import LETTER_PX, NARROW_PX, Box
from costmodel.figures.style import Ink, said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from costmodel.analysis.phase_map import PhaseMap

MAP_PX = 330
CLOSE = 0.15  # a lead so small that quality or risk should decide
SMALLEST = 0.015  # share of the map from which on a region is named
MOST_HOVERS = 24  # columns and rows of places that tell when pointed at


def cells(found: PhaseMap) -> pd.DataFrame:
    """Return a map over two inputs as `phase_map` draws it.

    Args:
        found: What `analysis.phase_map.phase_map` returns.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "x": float(x),
                "y": float(y),
                "best": found.options[found.winners[j, k]] if found.winners[j, k] >= 0 else NOBODY,
                "lead": float(found.next_usd[j, k] / found.usd[j, k] - 1)
                if np.isfinite(found.next_usd[j, k]) and found.usd[j, k] > 0
                else 1.0,
            }
            for j, y in enumerate(found.ys)
            for k, x in enumerate(found.xs)
        ]
    )


def phase_map(
    frame: pd.DataFrame,
    *,
    x_words: str = "requests per month",
    y_words: str = "requirement changes per year",
    months: int,
    here: tuple[float, float] | None = None,
    now: tuple[str, float] | None = None,
    looks: Mapping[Hashable, tuple[Ink, str]] | None = None,
) -> go.Figure:
    """Draw which option is cheapest where, paler where the lead is small.

    Args:
        frame: One row for each place of a grid. Columns: x, y, best (name of the cheapest option),
            lead (what the next one costs more, as a share of the cheapest [1]). `cells` makes it.
        x_words: What x counts.
        y_words: What y counts.
        months: Length of the horizon. [month]
        here: Place of the scenario.
        now: Cheapest option there and its lead; None = as at the nearest place of the grid. [1]
        looks: Option -> ink and dash; None = in the order of the frame.
    """
    import plotly.graph_objects as go

    names = list(dict.fromkeys(frame["best"]))
    looks = style.option_looks(names) if looks is None else looks
    inks = [looks.get(name, (style.GREY, ""))[0].line for name in names]
    numbered = frame.assign(code=[names.index(name) for name in frame["best"]])
    best = numbered.pivot_table(index="y", columns="x", values="code").sort_index()
    lead = frame.pivot_table(index="y", columns="x", values="lead").sort_index()
    codes, leads = best.to_numpy().astype(np.uint8), lead.to_numpy(float)
    x, y = best.columns.to_numpy(float), best.index.to_numpy(float)
    across, up = Scale.of(x), Scale.of(y)
    colours = [style.alpha(ink, opacity) for ink in inks for opacity in (0.88, 0.42)]
    steps = np.linspace(0, 1, len(colours) + 1)
    scale = [
        [float(edge), colour]
        for k, colour in enumerate(colours)
        for edge in (steps[k], steps[k + 1])
    ]
    figure = go.Figure()
    figure.add_heatmap(
        x=across.at(x).astype(np.float32),
        y=up.at(y).astype(np.float32),
        z=(codes * 2 + (leads < CLOSE)).astype(np.uint8),
        zmin=-0.5,
        zmax=len(colours) - 0.5,
        colorscale=scale,
        showscale=False,
        hoverinfo="skip",
    )
    _tell(figure, (x, y, codes, leads), names, (x_words, y_words))
    if here is not None:
        _you(figure, (float(across.at(here[0])), float(up.at(here[1]))))
    _name_regions(figure, (x, y, codes), names, here)
    note = (
        f"Cheapest option over {months} months · paler = lead over the next one under {CLOSE:.0%}"
    )
    note += ", so quality or risk should decide"
    style.dress(figure, _map_finding(names, (x, y, codes, leads), here, now), [note],
                plot_px=MAP_PX, bottom=58)  # fmt: skip
    return figure.update_layout(
        xaxis={
            "range": [across.low, across.high],
            "title": {"text": x_words},
            **across.ticks(),
            "showgrid": False,
        },
        yaxis={
            "range": [up.low, up.high],
            "title": {"text": y_words},
            **up.ticks(),
            "automargin": True,
            "showgrid": False,
        },
    )


def _tell(
    figure: go.Figure,
    grid: tuple[Floats, Floats, npt.NDArray[np.uint8], Floats],
    names: list[Hashable],
    words: tuple[str, str],
) -> None:
    """Lay a coarse layer that is not seen over the map: it tells when pointed at."""
    x, y, cells, leads = grid
    columns = np.unique(np.linspace(0, len(x) - 1, MOST_HOVERS).astype(int))
    rows = np.unique(np.linspace(0, len(y) - 1, MOST_HOVERS).astype(int))
    places = [(j, k) for j in rows for k in columns]
    figure.add_scatter(
        x=[round(float(Scale.of(x).at(x[k])), 3) for _, k in places],
        y=[round(float(Scale.of(y).at(y[j])), 4) for j, _ in places],
        mode="markers",
        marker={"size": 16, "opacity": 0},
        customdata=[
            [tally(x[k]), tally(y[j]), said(names[cells[j, k]]), f"{leads[j, k]:.0%}"]
            for j, k in places
        ],
        hovertemplate=(
            f"%{{customdata[0]}} {said(words[0])}, %{{customdata[1]}} {said(words[1])}<br>"
            "<b>%{customdata[2]}</b>, the next one %{customdata[3]} dearer<extra></extra>"
        ),
    )


def _you(figure: go.Figure, at: tuple[float, float]) -> None:
    figure.add_scatter(
        x=[at[0]],
        y=[at[1]],
        mode="markers",
        marker={"symbol": "x", "size": 11, "color": style.TEXT, "line": {"width": 1.5,
                "color": style.HOVER}},
        hoverinfo="skip",
    )  # fmt: skip
    figure.add_annotation(
        x=at[0],
        y=at[1],
        text="you are here",
        showarrow=False,
        xanchor="left",
        xshift=10,
        bgcolor=style.alpha(style.HOVER, 0.8),
        font={"size": style.LABEL_SIZE},
    )


def _name_regions(
    figure: go.Figure,
    grid: tuple[Floats, Floats, npt.NDArray[np.uint8]],
    names: list[Hashable],
    here: tuple[float, float] | None,
) -> None:
    """Write the name of each region of some size inside it, largest first, none over another."""
    x, y, cells = grid
    wide, tall = NARROW_PX / max(len(x) - 1, 1), MAP_PX / max(len(y) - 1, 1)
    across, up = Scale.of(x), Scale.of(y)
    taken: list[Box] = []
    if here is not None:
        px = float(across.share(here[0])) * NARROW_PX
        py = float(up.share(here[1])) * MAP_PX
        taken.append(Box(px - 10, py - 10, px + 100, py + 10))
    sizes = np.bincount(cells.ravel(), minlength=len(names))
    for code in np.argsort(-sizes):
        if sizes[code] < cells.size * SMALLEST:
            continue
        text = style.clipped(str(names[code]))
        half = len(text) * LETTER_PX / 2 + 4
        rows, columns = np.nonzero(cells == code)
        # the places of the region, nearest to its middle first
        order = np.hypot((rows - rows.mean()) * tall, (columns - columns.mean()) * wide).argsort()
        for k in order[:: max(1, len(order) // 200)]:
            px, py = columns[k] * wide, rows[k] * tall
            box = Box(px - half, py - 11, px + half, py + 11)
            inside = box.left >= 0 and box.right <= NARROW_PX
            inside = inside and box.bottom >= 0 and box.top <= MAP_PX
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                figure.add_annotation(
                    x=float(across.at(x[columns[k]])),
                    y=float(up.at(y[rows[k]])),
                    text=f"<b>{said(text)}</b>",
                    showarrow=False,
                    bgcolor=style.alpha(style.HOVER, 0.8),
                    borderpad=3,
                    font={"size": style.LABEL_SIZE},
                )
                break


def _map_finding(
    names: list[Hashable],
    grid: tuple[Floats, Floats, npt.NDArray[np.uint8], Floats],
    here: tuple[float, float] | None,
    now: tuple[str, float] | None,
) -> str:
    x, y, cells, leads = grid
    if here is None:
        largest = int(np.bincount(cells.ravel()).argmax())
        share = float(np.mean(cells == largest))
        return f"{names[largest]} is cheapest in {share:.0%} of the cases shown"
    j = int(np.abs(Scale.of(y).share(y) - Scale.of(y).share(here[1])).argmin())
    k = int(np.abs(Scale.of(x).share(x) - Scale.of(x).share(here[0])).argmin())
    name, lead = (names[cells[j, k]], leads[j, k]) if now is None else now
    if lead < CLOSE:
        return f"{name} is cheapest where you are, but its lead is only {lead:.0%}"
    return f"{name} is cheapest where you are; the next one costs {lead:.0%} more"
