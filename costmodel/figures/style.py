"""The look that all pictures share: inks, words and titles.

Pictures are drawn in the inks of a light page. `DARK` says which ink stands for each on a dark one:
replacing the one by the other in the JSON of a figure is all that a dark theme takes (`darkened`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from costmodel.analysis.wording import THOUSAND, brief, money

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class Ink(NamedTuple):
    """A colour that people with colour-blindness tell apart (Okabe and Ito, 2008).

    Attributes:
        line: Of lines and areas on white, at least 3:1.
        text: Of words on white, at least 4.5:1.
        dark: Of both on #212121.
    """

    line: str
    text: str
    dark: str


BLUE = Ink("#0072b2", "#0072b2", "#008fdf")
SKY = Ink("#229de2", "#187cb5", "#56b4e9")
GREEN = Ink("#009e73", "#008661", "#00a578")
VERMILLION = Ink("#d55e00", "#c35600", "#e8701a")
PURPLE = Ink("#cc79a7", "#bc508c", "#cf80ac")
ORANGE = Ink("#c58800", "#9d6c00", "#e69f00")
GREY = Ink("#8a9199", "#656c74", "#949ba3")
INKS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DASHES = ("solid", "dash", "dot", "dashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star", "cross", "hexagon")

TEXT, QUIET, GRID, HOVER = "#1f2328", "#59636e", "#dfe3e8", "#fefefe"
CLEAR = "rgba(0,0,0,0)"
TIMES = "\N{MULTIPLICATION SIGN}"

PHASE_INKS = {"build": BLUE, "serve": SKY, "upkeep": VERMILLION, "exit": PURPLE}
PHASE_COLOURS = {phase: ink.line for phase, ink in PHASE_INKS.items()}
PHASE_WORDS = {"build": "Build", "serve": "Serve", "upkeep": "Upkeep", "exit": "Exit"}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
TITLE_SIZE, SUBTITLE_SIZE, LABEL_SIZE = 17, 12.5, 12
TITLE_LETTERS, SUBTITLE_LETTERS = 78, 100  # of a line that fits into 720 pixels
CENTS = 2  # digits of a cent
HALF_PERCENT = 0.005
SHORT_DECADES = 2.6

# the button that uploads a chart must not be there, and $1 to $2 is no formula
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "responsive": False,  # the page watches its width
    "showSendToCloud": False,
    "typesetMath": False,
}


def alpha(ink: str, opacity: float) -> str:
    """Return a colour that lets through what lies below.

    >>> alpha("#0072b2", 0.2)
    'rgba(0,114,178,0.2)'
    """
    red, green, blue = _channels(ink)
    return f"rgba({red},{green},{blue},{opacity:g})"


def _channels(ink: str) -> tuple[int, int, int]:
    return int(ink[1:3], 16), int(ink[3:5], 16), int(ink[5:7], 16)


def _pairs() -> dict[str, str]:
    pairs = {TEXT: "#e6e8ea", QUIET: "#a9b1ba", GRID: "#43484e", HOVER: "#2b2f33"}
    for ink in (*INKS, GREY):
        pairs |= {ink.line: ink.dark, ink.text: ink.dark}
    words = {
        "rgba({},{},{},".format(*_channels(a)): "rgba({},{},{},".format(*_channels(b))
        for a, b in pairs.items()
    }
    return pairs | words


# light -> dark, in whole colours and in the beginning of those that let through
DARK: Mapping[str, str] = _pairs()


def darkened(json: str) -> str:
    """Return the JSON of a figure in the inks of a dark page.

    >>> darkened('{"color": "#0072b2", "fillcolor": "rgba(0,114,178,0.2)"}')
    '{"color": "#008fdf", "fillcolor": "rgba(0,143,223,0.2)"}'
    """
    found = "|".join(re.escape(ink) for ink in DARK)
    return re.sub(found, lambda match: DARK[match[0]], json)


# the same for a browser, and lines of the heading that fit: shownFigure(text, inks, width)
SHOWN = (Path(__file__).parent / "shown.js").read_text("utf-8")


def finding_of(figure: go.Figure) -> str:
    """Return the title of a figure as plain text."""
    return unescape(re.sub(r"<[^>]*>", " ", figure.layout.title.text or ""))


def template() -> go.layout.Template:
    """Return the template of all pictures: quiet, and without the button that uploads a chart."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "ticks": "",
        "ticklabelstandoff": 5,
        "exponentformat": "B",
        "minexponent": 2,
        "title": {"font": {"size": SUBTITLE_SIZE}},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12.5, "color": TEXT},
            "title": {
                "font": {"size": TITLE_SIZE},
                "subtitle": {"font": {"size": SUBTITLE_SIZE, "color": QUIET}},
                "x": 0,
                "xanchor": "left",
                "xref": "container",
                "pad": {"l": 16},
                "yref": "container",
                "yanchor": "top",
            },
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "xaxis": axis,
            "yaxis": axis,
            "showlegend": False,
            "uirevision": "keep",
            "hoverlabel": {
                "align": "left",
                "bgcolor": HOVER,
                "bordercolor": GREY.line,
                "font": {"color": TEXT, "family": FONT, "size": 12.5},
            },
            "modebar": {
                "remove": ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"],
                "bgcolor": CLEAR,
                "color": GREY.line,
                "activecolor": TEXT,
            },
        }
    )


# words


def said(text: object) -> str:
    """Return text as a picture shows it, whatever it holds.

    >>> said("R&D <b>bot</b>"), said("from $1 to $2")
    ('R&amp;D &lt;b&gt;bot&lt;/b&gt;', 'from $1 to $2')
    """
    return escape(str(text), quote=False)


def clipped(text: str, letters: int = 34) -> str:
    """Return a name that fits beside a bar.

    >>> clipped("a name that is much too long to stand beside a bar")
    'a name that is much too long to s…'
    """
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def coloured(text: str, ink: Ink) -> str:
    """Return words in the colour of what they name."""
    return f'<span style="color:{ink.text}">{text}</span>'


def key(words: str, ink: Ink, mark: str = "■") -> str:
    """Return an entry of a key in place of a legend: a mark as areas and lines are, and words."""
    return f'<span style="color:{ink.line}">{mark}</span>&nbsp;{coloured(words, ink)}'


def phase_key(phases: Iterable[str]) -> str:
    """Return the key of phases."""
    return " ".join(key(PHASE_WORDS[phase], PHASE_INKS[phase]) for phase in phases)


def price(usd: float) -> str:
    """Write a unit price as tables state it, with all of its digits.

    >>> price(7.5), price(0.6), price(0.003), price(12), price(0)
    ('$7.50', '$0.60', '$0.003', '$12.00', '$0')
    """
    if not usd:
        return "$0"
    text = f"{usd:.6g}"
    return f"${text}" if len(text.partition(".")[2]) > CENTS or "e" in text else f"${usd:.2f}"


def chance(value: float) -> str:
    """Write a share, never as certain when it is not.

    >>> chance(0.996), chance(0.5), chance(0.001)
    ('over 99%', '50%', 'under 1%')
    """
    if 0 < value < HALF_PERCENT:
        return "under 1%"
    if 1 > value > 1 - HALF_PERCENT:
        return "over 99%"
    return f"{value:.0%}"


def log_ticks(low: float, high: float) -> dict[str, list[float] | list[str]]:
    """Return ticks of a logarithmic axis in dollars: 1, 2 and 5 where the range is short.

    Args:
        low: Exponent at the beginning.
        high: Exponent at the end.

    >>> log_ticks(-1.1, 0.1)["ticktext"]
    ['$0.1', '$0.2', '$0.5', '$1']
    """
    steps = (1, 2, 5) if high - low < SHORT_DECADES else (1,)
    decades = range(math.floor(low), math.ceil(high) + 1)
    values = [s * 10.0**k for k in decades for s in steps if low <= math.log10(s * 10.0**k) <= high]
    return {
        "tickvals": values,
        "ticktext": [brief(v) if v >= THOUSAND else f"${v:g}" for v in values],
    }


def provenance(rows: pd.DataFrame) -> str:
    """Return where the dearest of some lines of a bill comes from.

    Args:
        rows: Part of what `Bill.frame()` returns.
    """
    if rows.empty:
        return ""
    sums = rows.groupby(["line", "file", "row", "verified_on"], sort=False)["cost_usd"].sum()
    dearest = sums.reset_index().loc[int(sums.argmax())]
    about = f"{dearest['line']} {money(float(sums.max()))}"
    return cite(dearest["file"], dearest["row"], dearest["verified_on"], about)


def cite(file: object, row: object, checked: object, about: str = "") -> str:
    """Return a row of a table as the end of a hover text.

    >>> cite("labour.csv", 14, "2026-11-01")
    '<br><i>labour.csv row 14, checked 2026-11-01</i>'
    """
    begins = f"{said(about)} · " if about else ""
    return f"<br><i>{begins}{said(file)} row {row}, checked {checked}</i>"


# layout


def dress(
    figure: go.Figure,
    title: str,
    subtitle: Sequence[str],
    *,
    plot_px: float,
    right: int = 24,
    bottom: int = 44,
) -> go.Figure:
    """Give a figure its title, subtitle and size, and return it.

    Args:
        figure: What to dress.
        title: The finding in words.
        subtitle: How to read it, in sentences; markup is kept, so escape what users wrote.
        plot_px: Height of the plot. [px]
        right: Room for labels at the end of lines. [px]
        bottom: Room below. [px]
    """
    heading = [said(line) for line in wrap(title, _even(len(title), TITLE_LETTERS))]
    rows = [row for text in subtitle for row in wrapped(text, SUBTITLE_LETTERS)]
    whole = {"title": said(title), "subtitle": list(subtitle), "rows": [len(heading), len(rows)]}
    top = 18 + 22 * len(heading) + 17 * len(rows) + 18
    height = round(plot_px + top + bottom)
    return figure.update_layout(
        template=template(),
        title={
            "text": "<br>".join(heading),
            "subtitle": {"text": "<br>".join(rows)},
            "y": 1 - 14 / height,
        },
        height=height,
        margin={"l": 16, "r": right, "t": top, "b": bottom},
        meta=whole,
    )


def wrapped(text: str, letters: int) -> list[str]:
    """Break a text with markup into lines, counting only what is seen.

    >>> wrapped('<span style="color:#0072b2">one</span> two three', 8)
    ['<span style="color:#0072b2">one</span> two', 'three']
    """
    lines: list[str] = []
    width = 0
    letters = _even(len(re.sub(r"<[^>]*>|&\w+;", "", text)), letters)
    # spaces inside of tags do not count
    for word in re.findall(r"(?:<[^>]*>|[^\s<])+", text):
        seen = len(re.sub(r"<[^>]*>|&\w+;", "", word))
        if lines and width + 1 + seen <= letters:
            lines[-1] += f" {word}"
            width += 1 + seen
        else:
            lines.append(word)
            width = seen
    return lines


def _even(length: int, letters: int) -> int:
    """Return the width at which a text fills all of its lines about evenly."""
    lines = math.ceil(length / letters)
    return letters if lines <= 1 else min(letters, math.ceil(length / lines) + 8)


def option_looks(names: Iterable[Hashable]) -> dict[Hashable, tuple[Ink, str]]:
    """Return ink and dash of each option, the same in every picture of a scenario.

    >>> option_looks(["A", "B"])["B"][0] == VERMILLION
    True
    """
    unique = list(dict.fromkeys(names))
    return {
        name: (INKS[k % len(INKS)], DASHES[k // len(INKS) % len(DASHES)])
        for k, name in enumerate(unique)
    }
