"""Pictures of where one option overtakes another."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from costmodel.analysis.wording import brief, tally
from costmodel.figures import style
from costmodel.figures.style import Box, Ink, Label, said
from costmodel.months import Numeric

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from costmodel.analysis.breakeven import BreakEven, PhaseMap

PLOT_PX, MAP_PX = 380, 330
UNREACHED = 1e30  # [US$]
NOBODY = "no option"
MOST_POINTS = 101
WIDE_RANGE = 8  # ratio of the ends above which a scale is logarithmic
TIE = 1e-9  # difference of logarithms that is none
CLOSE = 0.15  # a lead so small that quality or risk should decide
SMALLEST = 0.015  # share of the map from which on a region is named
MOST_NOTES = 6  # crossings that are named
MOST_HOVERS = 24  # columns and rows of places that tell when pointed at
NAME_LETTERS = 26

Floats = npt.NDArray[np.float64]


class Crossing(NamedTuple):
    """Where the cheapest option changes.

    Attributes:
        x: Where.
        usd: What both cost there. [US$]
        before, after: The cheapest option on either side.
    """

    x: float
    usd: float
    before: Hashable
    after: Hashable


def crossings(frame: pd.DataFrame) -> list[Crossing]:
    """Return where the cheapest option changes, lines being straight on logarithmic scales.

    Args:
        frame: Columns option, x (> 0) and p50 (> 0); every option has the same x.
    """
    costs = frame.pivot_table(index="x", columns="option", values="p50", sort=False).sort_index()
    # what cannot be had is dearer than anything
    costs = costs[costs.index > 0].fillna(UNREACHED)
    x, usd = np.log(costs.index.to_numpy(float)), np.log(costs.to_numpy(float))
    names = list(costs.columns)
    found: list[Crossing] = []
    best = int(usd[0].argmin()) if len(x) else 0
    for k in range(len(x) - 1):
        # a crossing at a volume of the frame belongs to the stretch before it
        at = float(x[k])
        best = best if usd[k, best] <= usd[k].min() + TIE else int(usd[k].argmin())
        slope = (usd[k + 1] - usd[k]) / (x[k + 1] - x[k])
        while True:
            # the next line that comes below the cheapest one before the next x
            gap = usd[k] + slope * (at - x[k])
            closing = slope[best] - slope
            with np.errstate(divide="ignore", invalid="ignore"):
                ahead = np.where(closing > 0, (gap - gap[best]) / closing, np.inf)
            ahead[best] = np.inf
            after = int(ahead.argmin())
            if not at + ahead[after] <= x[k + 1]:
                break
            at += float(ahead[after])
            cost = float(usd[k, best] + slope[best] * (at - x[k]))
            found.append(Crossing(math.exp(at), math.exp(cost), names[best], names[after]))
            best = after
    return found


def swept(found: BreakEven) -> pd.DataFrame:
    """Return the sweep of a break-even as `break_even` draws it, thinned out.

    Args:
        found: What `analysis.breakeven.breakeven` returns.
    """
    import pandas as pd

    x = found.values  # noqa: PD011
    thin = np.unique(np.linspace(0, found.costs.shape[1] - 1, MOST_POINTS).astype(int))
    return pd.DataFrame(
        [
            {"option": name, "x": float(x[k]), "p50": float(costs[k])}
            for name, costs in zip(found.options, found.costs, strict=True)
            for k in thin
            if np.isfinite(costs[k])
        ],
        columns=["option", "x", "p50"],
    )


def cells(found: PhaseMap) -> pd.DataFrame:
    """Return a map over two inputs as `phase_map` draws it.

    Args:
        found: What `analysis.breakeven.phase_map` returns.
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


def crossed(found: BreakEven) -> list[Crossing]:
    """Return the crossings of a break-even as `break_even` draws them.

    Args:
        found: What `analysis.breakeven.breakeven` returns.
    """
    return [
        Crossing(cross.at, cross.usd, cross.before or NOBODY, cross.after or NOBODY)
        for cross in found.crossings
    ]


class _Scale(NamedTuple):
    """An axis: logarithmic where its values lie far apart."""

    log: bool
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> _Scale:
        """Choose the scale for some values."""
        array = np.asarray(values, float)
        low, high = float(array.min()), float(array.max())
        if low > 0 and high / low > WIDE_RANGE:
            return cls(log=True, low=math.log10(low), high=math.log10(high))
        return cls(log=False, low=low, high=high)

    def at(self, value: Numeric) -> Floats:
        """Return where a value stands on the axis."""
        return np.log10(value) if self.log else np.asarray(value, float)

    def share(self, value: Numeric) -> Floats:
        """Return where a value stands between the ends. [1]"""
        return (self.at(value) - self.low) / ((self.high - self.low) or 1.0)

    def ticks(self) -> dict[str, Any]:
        """Return the ticks of an axis on which `at` gives the places."""
        if not self.log:
            return {}
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        return {"tickvals": list(decades), "ticktext": [tally(10.0**k) for k in decades]}


def break_even(
    frame: pd.DataFrame,
    *,
    months: int,
    here: float | None = None,
    unit: str = "requests per month",
    cost: str = "Total cost",
    found: Sequence[Crossing] | None = None,
    looks: Mapping[Hashable, tuple[Ink, str]] | None = None,
) -> go.Figure:
    """Draw what each option costs over the volume, and where the cheapest one changes.

    Args:
        frame: One row for each option and volume, every option at the same volumes, in the order
            of the scenario. Columns: option (name), x (volume), p50 (total over the horizon,
            the median or the expectation, > 0 [US$]); p10 and p90 draw a band [US$]; source (text)
            is shown when pointed at. `swept` makes it.
        months: Length of the horizon. [month]
        here: Volume of the scenario.
        unit: What x counts.
        cost: What p50 is.
        found: Where the cheapest changes, from `crossed`; None = worked out from the lines.
        looks: Option -> ink and dash; None = in the order of the frame.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    frame = frame[frame["p50"] > 0]
    names = list(dict.fromkeys(frame["option"]))
    if not names:
        return style.dress(figure, "No option can be had over the whole horizon", [], plot_px=40)
    looks = style.option_looks(names) if looks is None else looks
    banded = {"p10", "p90"} <= set(frame.columns)
    found = list(crossings(frame) if found is None else found)
    scale = _Scale.of(frame["x"])
    costs = frame.pivot_table(index="x", columns="option", values="p50", sort=False).sort_index()
    ever: set[Hashable] = set(costs.idxmin(axis=1).tolist())
    columns = ["p10", "p50", "p90"] if banded else ["p50"]
    heights = np.log10(frame[columns].to_numpy(float).clip(min=1e-9))
    low, high = float(heights.min()) - 0.1, float(heights.max()) + 0.1
    labels = []
    for name in names:
        rows = frame[frame["option"] == name].sort_values("x")
        ink, dash = looks[name]
        _line(figure, rows, name, (ink, dash), banded=banded, best=name in ever, unit=unit)
        text = said(style.clipped(str(name), NAME_LETTERS))
        text = f"<b>{text}</b>" if name in ever else text
        end = (math.log10(float(rows["p50"].iloc[-1])) - low) / (high - low)
        labels.append(Label(text, end, ink.text))
    style.end_labels(figure, labels, PLOT_PX)
    _name_crossings(figure, found, scale, (low, high), costs)
    if here is not None:
        figure.add_vline(x=here, line={"color": style.QUIET, "dash": "dot", "width": 1})
        figure.add_annotation(
            x=float(scale.at(here)),
            y=0,
            yref="y domain",
            text=f"you: {tally(here)}",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            xshift=5,
            font={"size": style.LABEL_SIZE},
        )
    over = f" over {months} months" if months > 1 else ""
    note = f"{cost}{over}, logarithmic · thick = cheapest somewhere"
    note += " · band = P10 to P90 of the draws" if banded else ""
    right = 24 + int(min(NAME_LETTERS, max(len(str(n)) for n in names)) * style.LETTER_PX)
    style.dress(figure, _finding(found, names, ever, here), [note], plot_px=PLOT_PX,
                right=right, bottom=58)  # fmt: skip
    return figure.update_layout(
        xaxis={
            "type": "log" if scale.log else "linear",
            "range": [scale.low, scale.high],
            "dtick": 1 if scale.log else None,
            "title": {"text": unit},
        },
        yaxis={
            "type": "log",
            "range": [low, high],
            "automargin": True,
            **style.log_ticks(low, high),
        },
    )


def _line(
    figure: go.Figure,
    rows: pd.DataFrame,
    name: Hashable,
    look: tuple[Ink, str],
    *,
    banded: bool,
    best: bool,
    unit: str,
) -> None:
    ink, dash = look
    x = _digits(rows["x"])
    if banded:
        for column, fill in (("p10", None), ("p90", "tonexty")):
            figure.add_scatter(
                x=x,
                y=_digits(rows[column]),
                mode="lines",
                line={"width": 0},
                fill=fill,
                fillcolor=style.alpha(ink.line, 0.12),
                hoverinfo="skip",
            )
    about = []
    for row in rows.to_dict("records"):
        text = f"<b>{said(name)}</b><br>{tally(row['x'])} {said(unit)}: {brief(row['p50'])}"
        text += f" ({brief(row['p10'])} to {brief(row['p90'])})" if banded else ""
        source = row.get("source")
        about.append(text + (f"<br><i>{said(source)}</i>" if source else ""))
    figure.add_scatter(
        x=x,
        y=_digits(rows["p50"]),
        mode="lines",
        line={"color": ink.line, "width": 3.5 if best else 1.5, "dash": dash},
        customdata=about,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _name_crossings(
    figure: go.Figure,
    found: list[Crossing],
    scale: _Scale,
    heights: tuple[float, float],
    costs: pd.DataFrame,
) -> None:
    """Ring the crossings, and name them where neither a line nor another name stands."""
    if not found:
        return

    def pixels(x: Numeric, usd: Numeric) -> tuple[Floats, Floats]:
        across = scale.share(x) * style.NARROW_PX
        up = (np.log10(usd) - heights[0]) / (heights[1] - heights[0]) * PLOT_PX
        return np.asarray(across), np.asarray(up)

    wide = np.repeat(costs.index.to_numpy(float), len(costs.columns))
    xs, ys = pixels(wide, costs.to_numpy(float).ravel())
    figure.add_scatter(
        x=[c.x for c in found],
        y=[c.usd for c in found],
        mode="markers",
        marker={"symbol": "circle-open", "size": 12, "color": style.TEXT, "line": {"width": 2}},
        customdata=[
            f"<b>{tally(c.x)}</b>: {said(c.after)} overtakes {said(c.before)} at {brief(c.usd)}"
            for c in found
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    taken: list[Box] = []
    for cross in found[:MOST_NOTES]:
        px, py = (float(place) for place in pixels(cross.x, cross.usd))
        names = f"{style.clipped(str(cross.before), 22)} → {style.clipped(str(cross.after), 22)}"
        half = len(names) * style.LETTER_PX / 2
        middle = min(max(px, half), style.NARROW_PX - half)
        boxes = [
            (away, Box(middle - half, py + away - 16, middle + half, py + away + 16))
            for away in (-60, -95, 60, 95, -130, 130)
        ]
        # rather over a thin line than nowhere
        boxes.sort(key=lambda pair: _lines_in(pair[1], xs, ys))
        for away, box in boxes:
            free = box.bottom >= 0 and box.top <= PLOT_PX
            if free and not any(box.meets(other) for other in taken):
                taken.append(box)
                figure.add_annotation(
                    x=float(scale.at(cross.x)),
                    y=math.log10(cross.usd),
                    text=f"<b>{tally(cross.x)}</b><br>{said(names)}",
                    ax=middle - px,
                    ay=-away,
                    arrowhead=0,
                    arrowwidth=1,
                    arrowcolor=style.GREY.line,
                    standoff=7,
                    bgcolor=style.alpha(style.HOVER, 0.8),
                    font={"size": style.LABEL_SIZE},
                )
                break


def _lines_in(box: Box, xs: Floats, ys: Floats) -> int:
    """Return how many points of lines lie in a rectangle. [1]"""
    across = (box.left <= xs) & (xs <= box.right)
    return int((across & (box.bottom <= ys) & (ys <= box.top)).sum())


def _finding(
    found: list[Crossing], names: list[Hashable], ever: set[Hashable], here: float | None
) -> str:
    if not found:
        (best,) = ever if len(ever) == 1 else (names[0],)
        return f"{best} is cheapest at every volume shown"
    if here is None:
        first = found[0]
        return f"{first.before} is cheapest up to {tally(first.x)}, then {first.after}"
    passed = [cross for cross in found if cross.x <= here]
    coming = [cross for cross in found if cross.x > here]
    if coming:
        nxt = coming[0]
        return (
            f"{nxt.before} is cheapest for you; {nxt.after} takes over from {tally(nxt.x)}, "
            f"{nxt.x / here:.2g} times your volume"
        )
    return f"{passed[-1].after} is cheapest for you, and from {tally(passed[-1].x)} on"


def _digits(values: pd.Series[Any]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


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
    numbered = frame.assign(code=[names.index(name) for name in frame["best"]])
    best = numbered.pivot_table(index="y", columns="x", values="code").sort_index()
    lead = frame.pivot_table(index="y", columns="x", values="lead").sort_index()
    codes, leads = best.to_numpy().astype(np.uint8), lead.to_numpy(float)
    x, y = best.columns.to_numpy(float), best.index.to_numpy(float)
    across, up = _Scale.of(x), _Scale.of(y)
    colours = [
        colour
        for name in names
        for colour in (
            style.alpha(looks[name][0].line, 0.88),
            style.alpha(looks[name][0].line, 0.42),
        )
    ]
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
        x=[round(float(_Scale.of(x).at(x[k])), 3) for _, k in places],
        y=[round(float(_Scale.of(y).at(y[j])), 4) for j, _ in places],
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
    wide, tall = style.NARROW_PX / max(len(x) - 1, 1), MAP_PX / max(len(y) - 1, 1)
    across, up = _Scale.of(x), _Scale.of(y)
    taken: list[Box] = []
    if here is not None:
        px = float(across.share(here[0])) * style.NARROW_PX
        py = float(up.share(here[1])) * MAP_PX
        taken.append(Box(px - 10, py - 10, px + 100, py + 10))
    sizes = np.bincount(cells.ravel(), minlength=len(names))
    for code in np.argsort(-sizes):
        if sizes[code] < cells.size * SMALLEST:
            continue
        text = style.clipped(str(names[code]), NAME_LETTERS)
        half = len(text) * style.LETTER_PX / 2 + 4
        rows, columns = np.nonzero(cells == code)
        # the places of the region, nearest to its middle first
        order = np.hypot((rows - rows.mean()) * tall, (columns - columns.mean()) * wide).argsort()
        for k in order[:: max(1, len(order) // 200)]:
            px, py = columns[k] * wide, rows[k] * tall
            box = Box(px - half, py - 11, px + half, py + 11)
            inside = box.left >= 0 and box.right <= style.NARROW_PX
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
    j = int(np.abs(_Scale.of(y).share(y) - _Scale.of(y).share(here[1])).argmin())
    k = int(np.abs(_Scale.of(x).share(x) - _Scale.of(x).share(here[0])).argmin())
    name, lead = (names[cells[j, k]], leads[j, k]) if now is None else now
    if lead < CLOSE:
        return f"{name} is cheapest where you are, but its lead is only {lead:.0%}"
    return f"{name} is cheapest where you are; the next one costs {lead:.0%} more"
