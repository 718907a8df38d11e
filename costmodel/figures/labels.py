"""Labels that keep their distance from each other, from points and from lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from costmodel.figures.style import GREY, LABEL_SIZE, TEXT

if TYPE_CHECKING:
    import plotly.graph_objects as go

LINE_PX = 17  # distance of two labels
LETTER_PX = 7.0  # width of a letter of a label, on the safe side
NARROW_PX = 560  # width of the plot on the narrowest page we care for


def pushed_apart(
    wanted: Sequence[float], gap: float, low: float = 0.0, high: float = float("inf")
) -> list[float]:
    """Return places at least a gap apart, as near as possible to those wanted, order kept.

    Neighbours that are too close become one block around the middle of where they want to be.

    Args:
        wanted: Where each label wants to be. [px]
        gap: Least distance. [px]
        low: Least place. [px]
        high: Greatest place; gives way where there is not room for all. [px]

    >>> pushed_apart([10, 12, 50], 10)
    [6.0, 16.0, 50.0]
    >>> pushed_apart([95, 99], 10, high=100)
    [90.0, 100.0]
    """
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    high = max(high, low + gap * (len(order) - 1))
    blocks: list[tuple[float, int]] = []  # sum of where the first wants to be, and size
    for place, k in enumerate(order):
        blocks.append((wanted[k] - gap * place, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, size = blocks.pop()
            blocks[-1] = (blocks[-1][0] + total, blocks[-1][1] + size)
    first = [total / size for total, size in blocks for _ in range(size)]
    first = [min(max(x, low), high - gap * (len(order) - 1)) for x in first]
    places = [0.0] * len(order)
    for place, k in enumerate(order):
        places[k] = float(first[place] + gap * place)
    return places


class Label(NamedTuple):
    """A label beside a line or a point.

    Attributes:
        text: What it says.
        at: Height where it wants to be, as a share of the plot. [1]
        colour: Of the text.
    """

    text: str
    at: float
    colour: str


def end_labels(
    figure: go.Figure, labels: Sequence[Label], plot_px: float, *, yref: str = "y domain"
) -> list[float]:
    """Write labels at the right end of lines, pushed apart; return their heights.

    Args:
        figure: Where to write.
        labels: What to write.
        plot_px: Height of the plot they stand beside. [px]
        yref: The axis they stand beside.

    Returns:
        Heights above the bottom of the plot. [px]
    """
    places = pushed_apart([x.at * plot_px for x in labels], LINE_PX, 0.0, plot_px)
    for label, place in zip(labels, places, strict=True):
        figure.add_annotation(
            text=label.text,
            x=1,
            xref="x domain",
            y=place / plot_px,
            yref=yref,
            xanchor="left",
            yanchor="middle",
            xshift=6,
            showarrow=False,
            font={"color": label.colour, "size": LABEL_SIZE},
        )
    return places


class Box(NamedTuple):
    """A rectangle on the screen. [px]"""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Return whether two rectangles overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


def placed(
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    *,
    width: float = NARROW_PX,
    height: float,
    taken: Sequence[Box] = (),
) -> list[tuple[float, float] | None]:
    """Return where labels of points go so that they neither overlap nor leave the plot.

    The first label is placed first; a label that fits nowhere is left out. Lines to labels that
    stand far away (`name_point`) keep clear of other labels, too.

    Args:
        points: Places of the points. [px]
        texts: Labels.
        width: Of the plot. [px]
        height: Of the plot. [px]
        taken: Rectangles to keep free besides.

    Returns:
        Middle of each label relative to its point. [px]

    >>> placed([(10, 50), (100, 50)], ["one", "two"], height=100)
    [(19.5, 0.0), (19.5, 0.0)]
    """
    marks = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    boxes = [*taken]
    found: list[tuple[float, float] | None] = []
    for k, ((x, y), text) in enumerate(zip(points, texts, strict=True)):
        half = len(text) * LETTER_PX / 2
        found.append(None)
        for dx, dy in _offsets(half):
            box = Box(x + dx - half, y + dy - 8, x + dx + half, y + dy + 8)
            inside = box.left >= 0 and box.right <= width and box.bottom >= 0 and box.top <= height
            others = (mark for j, mark in enumerate(marks) if j != k)
            mine = [box, *_line_to(x, y, dx, dy)]
            if inside and not any(a.meets(b) for b in (*boxes, *others) for a in mine):
                found[-1] = (dx, dy)
                boxes += mine
                break
    return found


def _line_to(x: float, y: float, dx: float, dy: float) -> list[Box]:
    """Return what an upright line from a point to its label covers, none where that is near."""
    if abs(dy) <= LINE_PX:
        return []
    ends = sorted((y + math.copysign(7, dy), y + dy - math.copysign(9, dy)))
    return [Box(x + dx - 2, ends[0], x + dx + 2, ends[1])]


def _offsets(half: float) -> Iterable[tuple[float, float]]:
    """Yield places around a point, nearest first; those far away are above and below it.

    On a wider page points move apart sideways: lines that are upright stay clear of them.
    """
    for side in (1, -1):
        yield side * (half + 9), 0.0
        yield side * (half + 4), 14.0
        yield side * (half + 4), -14.0
    for away in (16.0, 32.0, 48.0, 64.0, 80.0):
        for up in (1, -1):
            yield 0.0, up * away


def name_point(
    figure: go.Figure,
    at: tuple[object, object],
    text: str,
    offset: tuple[float, float],
    colour: str = TEXT,
) -> None:
    """Write the label of a point where `placed` put it, with a line to it if that is far away.

    Args:
        figure: Where to write.
        at: The point, in units of the axes.
        text: The label.
        offset: What `placed` returned. [px]
        colour: Of the label.
    """
    far = abs(offset[1]) > LINE_PX
    figure.add_annotation(
        x=at[0],
        y=at[1],
        text=text,
        font={"size": LABEL_SIZE, "color": colour},
        showarrow=far,
        arrowhead=0,
        arrowwidth=1,
        arrowcolor=GREY.line,
        ax=offset[0],
        ay=-offset[1],
        xshift=0 if far else offset[0],
        yshift=0 if far else offset[1],
        standoff=6,
    )
