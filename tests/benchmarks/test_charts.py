"""How fast charts are drawn and redrawn in JupyterLab, beside Plotly's FigureWidget.

Both run in the same JupyterLab and the same browser, in turn. Four charts are drawn at first; one
is redrawn, as an app redraws the tab on show. At a change both make the figure anew; ours is drawn
as it is, theirs takes over what has changed.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, WebSocket

from tests.browser import conftest
from tests.browser.conftest import SESSION, Lab, Notebook

# fixtures of the browser tests
lab, chromium, browser = conftest.lab, conftest.chromium, conftest.browser

CHARTS, LINES, ROUNDS, KEYS = 4, 7, 2, 12
PATIENCE = 300_000  # 20 MB of figure widgets take long on a busy machine [ms]
FIGURES = f"""\
# Four figures and a slider
import numpy as np
import plotly.graph_objects as go
from ipywidgets import IntSlider, VBox
from costmodel.figures import style

x = np.geomspace(1e3, 1e7, 101)


def curves(k, level):
    return [(level * (1 + j) * x ** (0.5 + k / 10)).tolist() for j in range({LINES})]


def figure(k, level=1):
    made = go.Figure()
    for y in curves(k, level):
        made.add_scatter(x=x.tolist(), y=y, mode="lines")
    return style.dress(made, f"Chart {{k}} at {{level}}", ["The same for both"], plot_px=300)


slider = IntSlider(1, 1, 100)
"""
OURS = """
from costmodel.ui.chart import Chart

charts = [Chart(figure(k)) for k in range(COUNT)]


def moved(change):
    for k, chart in enumerate(charts):
        chart.show(figure(k, change.new))


slider.observe(moved, "value")
VBox([slider, *charts])
"""
THEIRS = """
charts = [go.FigureWidget(figure(k)) for k in range(COUNT)]


def moved(change):
    for k, chart in enumerate(charts):
        made = figure(k, change.new)
        with chart.batch_update():
            for trace, new in zip(chart.data, made.data):
                trace.y = new.y
            chart.layout.title = made.layout.title


slider.observe(moved, "value")
VBox([slider, *charts])
"""
# the title of every chart, and whether all of its lines are there
SHOWN = f"""([level, count]) => {{
    const plots = [...document.querySelectorAll(".js-plotly-plot")];
    return plots.length === count && plots.every(plot =>
        plot.querySelectorAll(".scatterlayer .trace path.js-line").length === {LINES}
        && plot.querySelector(".gtitle")?.textContent.endsWith(` at ${{level}}`));
}}"""


def notebook_of(code: str, charts: int) -> str:
    code = code.replace("COUNT", f"{charts}")
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "id": "1", "metadata": {}}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [cell | {"outputs": [], "source": FIGURES + code}]
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def measured(page: Page, place: Lab, name: str, charts: int) -> tuple[float, float, list[float]]:
    """Return seconds from Run All to all charts drawn, megabytes over the websocket, and seconds
    from each key press on the slider to all charts redrawn."""
    sizes: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: sizes.append(len(frame)))

    def seconds(start: float) -> float:
        return (float(page.evaluate("() => performance.now()")) - start) / 1000

    page.on("websocket", listen)
    notebook = Notebook(page, place, name)
    page.set_default_timeout(PATIENCE)
    notebook.open()
    sizes.clear()
    start = page.evaluate("() => performance.now()")
    notebook.menu("Run", "runmenu:run-all")
    page.wait_for_function(SHOWN, arg=[1, charts], polling="raf")
    drawn, megabytes = seconds(start), sum(sizes) / 1e6
    page.get_by_role("slider").first.focus()
    taken = []
    for level in range(2, KEYS + 2):
        start = page.evaluate("() => performance.now()")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(SHOWN, arg=[level, charts], polling="raf")
        taken.append(seconds(start))
    page.evaluate(f"async () => {{ await {SESSION}.shutdown(); }}")
    return drawn, megabytes, taken


def test_four_charts_are_drawn_in_half_the_time_of_figure_widgets_and_redrawn_sooner(
    benchmark: Any,
    lab: Lab,
    browser: Browser,
    say: Callable[[str], None],
) -> None:
    found: dict[tuple[str, int], list[tuple[float, float, list[float]]]] = {}
    for _ in range(ROUNDS):
        for charts in (CHARTS, 1):
            for name, code in (("ours", OURS), ("theirs", THEIRS)):
                file = f"{name}_{charts}.ipynb"
                (lab.folder / file).write_text(notebook_of(code, charts), "utf-8")
                with browser.new_page(viewport={"width": 1440, "height": 2000}) as page:
                    runs = found.setdefault((name, charts), [])
                    runs.append(measured(page, lab, file, charts))
    drawn, size, again = {}, {}, {}
    for name in ("ours", "theirs"):
        drawn[name] = statistics.median(run[0] for run in found[name, CHARTS])
        size[name] = max(run[1] for run in found[name, CHARTS])
        again[name] = statistics.median(one for run in found[name, 1] for one in run[2])
    benchmark.pedantic(lambda: None)
    benchmark.extra_info.update(
        drawn=drawn["ours"] / drawn["theirs"],
        redrawn=again["ours"] / again["theirs"],
        megabytes=size["ours"],
    )
    say(
        f"four charts drawn in {drawn['ours']:.2f} s against {drawn['theirs']:.2f} s "
        f"({drawn['ours'] / drawn['theirs']:.2f}), {size['ours']:.2f} MB against "
        f"{size['theirs']:.1f} MB, one redrawn in {again['ours'] * 1000:.0f} ms against "
        f"{again['theirs'] * 1000:.0f} ms ({again['ours'] / again['theirs']:.2f})"
    )
    assert drawn["ours"] <= 0.5 * drawn["theirs"]
    assert size["ours"] <= 2.0
    assert again["ours"] < 0.15 or again["ours"] <= 0.8 * again["theirs"]
