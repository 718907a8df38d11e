"""One picture in a notebook."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import traitlets
from ipywidgets import Widget

from costmodel.figures import style

if TYPE_CHECKING:
    import plotly.graph_objects as go

HERE = Path(__file__).parent


class Library(Widget):  # type: ignore[misc]
    """plotly.js, packed: sent once for all charts of a kernel."""

    code = traitlets.Bytes().tag(sync=True)


@cache
def library() -> Library:
    """Return the copy of plotly.js that the charts of this kernel share."""
    from plotly.offline import get_plotlyjs

    return Library(code=gzip.compress(get_plotlyjs().encode(), 6))


class Chart(anywidget.AnyWidget):
    """A picture that fills its width, follows the theme and keeps its zoom.

    It is drawn by `Plotly.react` when it can be seen. The element has the class `cm-chart`;
    its `data-seq` counts the figures set here, `data-drawn` is the one on the screen.

    Attributes:
        figure: The figure as JSON, in the inks of a light page.
        finding: What it shows, in words, for those who do not see it.
        seq: Number of the figure.
    """

    _esm = style.SHOWN + (HERE / "chart.js").read_text("utf-8")
    _css = (HERE / "chart.css").read_text("utf-8")
    figure = traitlets.Unicode().tag(sync=True)
    finding = traitlets.Unicode().tag(sync=True)
    seq = traitlets.Int(0).tag(sync=True)
    library = traitlets.Unicode().tag(sync=True)
    inks = traitlets.Dict(dict(style.DARK)).tag(sync=True)
    config = traitlets.Dict(dict(style.CONFIG)).tag(sync=True)

    def __init__(self, figure: go.Figure | None = None) -> None:
        """Make a chart, of a figure where one is given."""
        super().__init__(library=library().model_id)
        if figure is not None:
            self.show(figure)

    def show(self, figure: go.Figure) -> None:
        """Show another figure; zoom and hidden lines stay as they are."""
        with self.hold_sync():
            self.figure = figure.to_json()
            self.finding = style.finding_of(figure)
            self.seq += 1
