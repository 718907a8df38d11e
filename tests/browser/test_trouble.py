"""What goes wrong while somebody works: nothing is lost, and one sentence says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Notebook

pytestmark = pytest.mark.parametrize("notebook", ["01_which_approach.ipynb"], indirect=True)


def test_a_cell_that_runs_twice_shows_one_app(notebook: Notebook) -> None:
    verdict = notebook.verdict
    notebook.run_all()
    expect(notebook.page.locator(".cm-app")).to_have_count(1)
    assert notebook.verdict == verdict


def test_zoom_is_kept_when_a_control_changes(notebook: Notebook) -> None:
    whole = notebook.axis()
    notebook.zoom()
    zoomed = notebook.axis()
    assert zoomed != whole
    pictures = notebook.pictures
    notebook.press(notebook.slider, "ArrowRight")
    notebook.until_pictures("!==", pictures)
    assert notebook.axis() == zoomed
    notebook.whole()
    low, high = notebook.axis()
    assert low == whole[0]
    assert high >= whole[1]


def test_after_a_reload_the_app_is_where_it_was(notebook: Notebook) -> None:
    notebook.enter(notebook.number, "300k")
    notebook.settled()
    verdict = notebook.verdict
    notebook.save()
    notebook.reload()
    expect(notebook.said).to_have_text(verdict)
    expect(notebook.number).to_have_value("300k")
    notebook.press(notebook.slider, "ArrowRight")
    expect(notebook.said).not_to_have_text(verdict)


def test_after_a_restart_the_app_says_that_the_cell_has_to_run_again(notebook: Notebook) -> None:
    verdict = notebook.verdict
    notebook.restart()
    expect(notebook.alerts).to_have_count(1)
    expect(notebook.alerts).to_contain_text("Run the cell again")
    assert notebook.verdict == verdict
    notebook.run_all()
    expect(notebook.alerts).to_have_count(0)
