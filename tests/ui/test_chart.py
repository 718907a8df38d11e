"""All charts of a kernel share one copy of plotly.js, and say what they show."""

from __future__ import annotations

import gzip
import json

import pytest

pytest.importorskip("anywidget")

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from costmodel.figures import style
from costmodel.ui.chart import Chart, library


def figure(title: str) -> go.Figure:
    made = go.Figure().add_scatter(x=[1, 2], y=[3, 4])
    return style.dress(made, title, ["How to read it"], plot_px=200)


def test_charts_share_one_copy_of_the_library() -> None:
    first, second = Chart(figure("One")), Chart(figure("Two"))
    assert first.library == second.library == f"{library().model_id}"
    assert gzip.decompress(library().code).decode() == get_plotlyjs()
    assert len(library().code) < 1_700_000
    assert len(json.dumps({k: first.get_state()[k] for k in ("figure", "inks", "config")})) < 20_000


def test_a_chart_tells_its_finding_and_counts_its_figures() -> None:
    chart = Chart(figure("R&D costs $5"))
    assert (chart.finding, chart.seq) == ("R&D costs $5", 1)
    chart.show(figure("Less"))
    assert (chart.finding, chart.seq) == ("Less", 2)


def test_no_chart_has_a_button_that_uploads_it() -> None:
    chart = Chart(figure("One"))
    assert chart.config["showSendToCloud"] is False
    assert "sendChartToCloud" in chart.figure
