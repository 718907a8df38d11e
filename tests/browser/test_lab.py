"""`costmodel lab` from a folder where nothing is yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.conftest import Lab


def test_it_opens_the_first_notebook(lab: Lab, browser: Browser) -> None:
    with browser.new_page() as page:
        page.goto(f"{lab.url}{lab.first}?token=costmodel")
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-MarkdownOutput h1").wait_for()
        assert page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel").all_inner_texts() == [
            "00_start_here.ipynb"
        ]
        session = "window.jupyterapp.shell.currentWidget.sessionContext"
        page.evaluate(f"async () => {{ await {session}.ready; await {session}.shutdown(); }}")
