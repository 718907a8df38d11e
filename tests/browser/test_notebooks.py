"""Every notebook, as a user sees it: run, looked at in each theme and width, and listened to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Notebook

if TYPE_CHECKING:
    from tests.browser.conftest import Lab


def more_than(text: str) -> str:
    """Return a number that is half as much again, written alike."""
    figure = re.search(r"[\d.]+", text)
    assert figure, text
    return text.replace(figure[0], f"{float(figure[0]) * 1.5:g}")


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
        wrong += [f"{name}: {what}" for what in notebook.misfits()]
        if width == 1440:
            # only colours are others in the dark
            rules = ("color-contrast",) if theme == "dark" else ()
            wrong += [f"{name}: {what}" for what in notebook.violations(*rules)]
        if width > 800:
            notebook.picture(f"{theme}_{width}_{name}")
    notebook.dress("light", 1440)
    assert wrong == []


def test_it_shows_one_app_with_a_verdict(app: Notebook) -> None:
    assert app.page.locator('.cm-app[data-state="ready"]').count() == 1
    assert app.verdict.endswith(".")


def test_a_number_that_is_typed_moves_verdict_and_pictures(app: Notebook) -> None:
    verdict, pictures, text = app.verdict, app.pictures, app.number.input_value()
    app.enter(app.number, more_than(text))
    expect(app.said).not_to_have_text(verdict)
    app.until_pictures("!==", pictures)
    app.enter(app.number, text)
    expect(app.said).to_have_text(verdict)
    app.until_pictures("===", pictures)


def test_a_key_moves_the_slider_and_the_verdict(app: Notebook) -> None:
    verdict, text = app.verdict, app.number.input_value()
    app.press(app.slider, "ArrowLeft")
    expect(app.number).not_to_have_value(text)
    expect(app.said).not_to_have_text(verdict)


def test_words_in_a_box_for_numbers_leave_the_last_good_state(app: Notebook) -> None:
    verdict, pictures, text = app.verdict, app.pictures, app.number.input_value()
    app.enter(app.number, "many")
    expect(app.alerts).to_have_count(1)
    expect(app.alerts).to_contain_text("many")
    assert (app.verdict, app.pictures) == (verdict, pictures)
    app.enter(app.number, text)
    expect(app.alerts).to_have_count(0)


def test_after_ten_quick_changes_the_last_one_counts(app: Notebook) -> None:
    app.press(app.slider, "ArrowRight", times=10)
    app.settled()
    verdict, pictures, text = app.verdict, app.pictures, app.number.input_value()
    app.press(app.slider, "ArrowLeft")
    expect(app.said).not_to_have_text(verdict)
    app.enter(app.number, text)
    expect(app.said).to_have_text(verdict)
    app.until_pictures("===", pictures)


def test_every_file_on_offer_comes_and_is_not_empty(app: Notebook) -> None:
    offered = app.downloads
    assert offered
    assert [title for title in offered if not app.download(title).stat().st_size] == []


def test_screen_and_saved_scenario_agree_to_the_cent(scenario_app: Notebook) -> None:
    app = scenario_app
    saved = app.download("Scenario file")
    options = pd.read_csv(app.download("Options (CSV)")).set_index("name")
    found = json.loads(app.lab.costmodel("compare", saved, "--json"))
    totals = {o["name"]: o["total_usd"] for o in found["options"] if o["feasible"]}
    assert options["total_usd"].dropna().to_dict() == pytest.approx(totals, abs=0.005)
    rows = app.page.locator(".cm-page:visible tbody tr").all_inner_texts()
    for name, total in totals.items():
        assert [row for row in rows if name in row and f"${total:,.0f}" in row], name
    assert [name for name, total in totals.items() if f"${total:,.0f}" in app.verdict]


def test_the_plan_of_own_gpus_is_that_of_the_command_line(lab: Lab, browser: Browser) -> None:
    with browser.new_page(viewport={"width": 1440, "height": 900}) as page:
        app = Notebook(page, lab, "04_hosted_or_self_hosted.ipynb")
        app.open()
        app.run_all()
        plan = json.loads(app.download("Plan (JSON)").read_text("utf-8"))
        words = ("serve", plan["model"], "--gpu", plan["gpu"], "--peak-to-mean", "2", "--json")
        rate = ("--rps", repr(plan["requests_per_second"]))
        found = json.loads(lab.costmodel(*words, *rate))
        assert plan["usd_per_month"] == pytest.approx(found["usd_per_month"], abs=0.005)
        assert f"${found['usd_per_month']:,.0f}" in app.verdict


def test_nothing_leaves_the_machine_and_the_console_is_clean(notebook: Notebook) -> None:
    # the last test of a notebook: it tells of all that came before
    assert notebook.abroad == []
    assert notebook.errors == []
