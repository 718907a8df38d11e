"""Labels that keep their distance from each other, from points and from lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from costmodel.figures.style import GREY, LABEL_SIZE, TEXT

if TYPE_CHECKING:
    import plotly.graph_objects as go

LINE_PX = 17  # distance of two labels
LETTER_PX = 7.0  # width of a letter of a label, on the safe side
NARROW_PX = 560  # width of the plot on the narrowest page we care for
WIDE = 1.9  # times that is a plot on a wide page


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
    height: float,
    taken: Sequence[Box] = (),
) -> list[tuple[float, float] | None]:
    """Return where labels of points go so that they neither overlap nor leave the plot.

    They keep apart on the narrowest page and on a wide one; there, lines to labels that stand far
    away (`name_point`) keep clear of other labels, too. The first label is placed first; a label
    that fits nowhere is left out.

    Args:
        points: Places of the points in a plot that is `NARROW_PX` wide. [px]
        texts: Labels.
        height: Of the plot. [px]
        taken: Rectangles to keep free besides, in the same plot.

    Returns:
        Middle of each label relative to its point. [px]

    >>> placed([(10, 50), (100, 50)], ["one", "two"], height=100)
    [(19.5, 0.0), (19.5, 0.0)]
    """
    marks = {wide: [_around(x * wide, y, 6, 6) for x, y in points] for wide in (1.0, WIDE)}
    boxes = {w: [Box(b.left * w, b.bottom, b.right * w, b.top) for b in taken] for w in marks}
    found: list[tuple[float, float] | None] = []
    for k, ((x, y), text) in enumerate(zip(points, texts, strict=True)):
        half = len(text) * LETTER_PX / 2
        found.append(None)
        for dx, dy in _offsets(half):
            mine = {wide: [_around(x * wide + dx, y + dy, half, 8)] for wide in marks}
            inside = all(
                box.left >= 0 and box.right <= NARROW_PX * wide
                and box.bottom >= 0 and box.top <= height
                for wide, (box,) in mine.items()
            )  # fmt: skip
            mine[WIDE] += _line_to(x * WIDE, y, dx, dy)
            if inside and not any(
                one.meets(other)
                for wide, own in mine.items()
                for other in (*boxes[wide], *marks[wide][:k], *marks[wide][k + 1 :])
                for one in own
            ):
                found[-1] = (dx, dy)
                for wide, own in mine.items():
                    boxes[wide] += own
                break
    return found


def _around(x: float, y: float, half: float, tall: float) -> Box:
    return Box(x - half, y - tall, x + half, y + tall)


def _line_to(x: float, y: float, dx: float, dy: float) -> list[Box]:
    """Return what a line from a point to its label covers, none where the label is near."""
    if abs(dy) <= LINE_PX:
        return []
    # the label itself begins 8 pixels before its middle
    shares = [away / abs(dy) for away in range(7, round(abs(dy)) - 8, 3)]
    return [_around(x + dx * share, y + dy * share, 2, 2) for share in shares]


def _offsets(half: float) -> Iterable[tuple[float, float]]:
    """Yield places around a point, nearest first."""
    for away in (0, 16, 32, 48, 64):
        for side in (1, -1):
            for up in (1, -1) if away else (1,):
                yield side * (half + 9), float(up * away)
                if not away:
                    yield side * (half + 4), 14.0
                    yield side * (half + 4), -14.0
        for up in (1, -1):
            yield 0.0, float(up * (away + 16))


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
