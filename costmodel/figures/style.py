"""The look that all pictures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

# colours that people with colour-blindness tell apart (Okabe and Ito, 2008)
PHASE_COLOURS = {
    "build": "#0072b2",
    "serve": "#229de2",
    "upkeep": "#d55e00",
    "exit": "#cc79a7",
}
PHASE_WORDS = {
    "build": "Build",
    "serve": "Serve",
    "upkeep": "Upkeep",
    "exit": "Exit",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


def template() -> go.layout.Template:
    """Return the template of all pictures: quiet, and without the button that uploads a chart."""
    import plotly.graph_objects as go

    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13},
            "title": {
                "font": {"size": 18},
                "subtitle": {"font": {"size": 13, "color": "#777777"}},
                "x": 0,
                "xanchor": "left",
                "xref": "container",
                "pad": {"l": 16, "t": 10},
                "automargin": True,
                "yref": "container",
                "y": 0.97,
            },
            "margin": {"l": 20, "r": 20, "t": 96, "b": 40},
            "paper_bgcolor": "#ffffff",
            "plot_bgcolor": "#ffffff",
            "xaxis": {"gridcolor": "rgba(128,128,128,0.25)", "zeroline": False},
            "yaxis": {"gridcolor": "rgba(128,128,128,0)", "zeroline": False},
            "hoverlabel": {"align": "left"},
            "modebar": {
                "remove": ["sendChartToCloud", "lasso2d", "select2d", "autoScale2d"],
                "bgcolor": "rgba(0,0,0,0)",
            },
        }
    )
