"""Every notebook, as a user sees it: run, looked at in each theme and width, and listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Notebook


def test_it_runs_without_a_word_on_standard_error(notebook: Notebook) -> None:
    said = notebook.page.locator(
        '[data-mime-type="application/vnd.jupyter.stderr"], '
        '[data-mime-type="application/vnd.jupyter.error"]'
    )
    assert said.all_inner_texts() == []


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1440), ("light", 1024), ("light", 800), ("dark", 1440)]
)
def test_every_tab_is_drawn_fits_and_can_be_read_by_all(
    notebook: Notebook, theme: str, width: int
) -> None:
    notebook.dress(theme, width)
    wrong = []
    for name in notebook.tabs():
        notebook.open_tab(name)
        wrong += [f"{name}: {what}" for what in notebook.sideways()]
        if width == 1440:
            wrong += [f"{name}: {what}" for what in notebook.violations()]
        notebook.picture(f"{theme}_{width}_{name}")
    notebook.dress("light", 1440)
    assert wrong == []


def test_nothing_leaves_the_machine_and_the_console_is_clean(notebook: Notebook) -> None:
    # the last test of a notebook: it tells of all that came before
    assert notebook.abroad == []
    assert notebook.errors == []
