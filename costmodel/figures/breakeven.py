"""Pictures of where one option overtakes another."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from costmodel.analysis.wording import brief, tally
from costmodel.figures import style
from costmodel.figures.labels import LETTER_PX, NARROW_PX, Box, Label, end_labels
from costmodel.figures.style import Ink, said
from costmodel.months import Numeric

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from costmodel.analysis.breakeven import BreakEven

PLOT_PX = 380
UNREACHED = 1e30  # [US$]
NOBODY = "no option"
MOST_POINTS = 101
WIDE_RANGE = 8  # ratio of the ends above which a scale is logarithmic
TIE = 1e-9  # difference of logarithms that is none
MOST_NOTES = 6  # crossings that are named
NAME_LETTERS = 34  # of a name at the end of a line
NOTE_PX = 3 * 15  # height of the three lines beside a crossing

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


def crossed(found: BreakEven) -> list[Crossing]:
    """Return the crossings of a break-even as `break_even` draws them.

    Args:
        found: What `analysis.breakeven.breakeven` returns.
    """
    return [
        Crossing(cross.at, cross.usd, cross.before or NOBODY, cross.after or NOBODY)
        for cross in found.crossings
    ]


class Scale(NamedTuple):
    """An axis: logarithmic where its values lie far apart."""

    log: bool
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Scale:
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
    scale = Scale.of(frame["x"])
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
    end_labels(figure, labels, PLOT_PX)
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
    right = 24 + int(min(NAME_LETTERS, max(len(str(n)) for n in names)) * LETTER_PX)
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
    scale: Scale,
    heights: tuple[float, float],
    costs: pd.DataFrame,
) -> None:
    """Ring the crossings, and name them where neither a line nor another name stands."""
    if not found:
        return

    def pixels(x: Numeric, usd: Numeric) -> tuple[Floats, Floats]:
        across = scale.share(x) * NARROW_PX
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
    # options that take turns are named the first and the last time
    pairs = [{c.before, c.after} for c in found]
    named = [
        cross
        for k, cross in enumerate(found)
        if pairs[k] not in pairs[:k] or pairs[k] not in pairs[k + 1 :]
    ]
    taken: list[Box] = []
    for cross in named[:MOST_NOTES]:
        px, py = (float(place) for place in pixels(cross.x, cross.usd))
        names = [style.clipped(str(cross.before)), f"→ {style.clipped(str(cross.after))}"]
        half = max(map(len, names)) * LETTER_PX / 2
        middle = min(max(px, half), NARROW_PX - half)
        up = NOTE_PX / 2
        boxes = [
            (away, Box(middle - half, py + away - up, middle + half, py + away + up))
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
                    text="<br>".join([f"<b>{tally(cross.x)}</b>", *map(said, names)]),
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
