"""The app about a usage log says what the command line says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("anywidget")

import costmodel as cm
from costmodel.analysis.savings import savings
from costmodel.analysis.wording import whole
from costmodel.costs import shipped_book
from costmodel.errors import DataError
from costmodel.ui.app import App
from costmodel.ui.usage_log import _code, usage_log
from costmodel.usage.pricing import price
from costmodel.usage.reading import read

DATA = Path(__file__).parents[2] / "notebooks" / "data"
LOG, PLAN = DATA / "usage_log.csv", DATA / "help_desk.toml"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    made = usage_log(LOG, PLAN)
    yield made
    made.cancel()


def text_of(app: App, title: str) -> str:
    page = app.show(title)
    app.settle()
    assert page.note.value == ""
    said = [chart.finding for chart in page.charts]
    return unescape(re.sub(r"<[^>]*>", " ", "\n".join([*said, page.html])))


def test_every_tab_shows_its_part(app: App) -> None:
    assert "$8.8k could have been $257" in text_of(app, "Savings")
    assert "in 107 days" in text_of(app, "Day by day")
    actuals = text_of(app, "Actuals")
    assert "1% over budget" in actuals
    assert "openai/gpt-6-sol is not in the plan" in actuals
    assert "mostly requests" in text_of(app, "Variance")
    assert "mail-sorting" in text_of(app, "Who")
    assert "equal quality" in text_of(app, "Numbers")


def test_the_verdict_has_the_figures_of_the_analysis(app: App) -> None:
    found = savings(price(read(LOG), cm.PriceBook.read()))
    assert "The log cost $8,802 from 2026-08-01 to 2026-11-15" in app.verdict
    app.settle()
    assert "Against the plan of RAG on GPT-5.6 Sol: $8,802 of a budget of $8,699" in (
        app.status.sure
    )
    together = next(one for one in found.found if one.kind == "together")
    assert whole(together.usd) in app.verdict


def test_a_share_moves_the_verdict_and_comes_back(app: App) -> None:
    before = app.verdict
    app.control("batch").value = "75%"
    assert app.verdict != before
    app.control("batch").value = "50%"
    assert app.verdict == before
    app.control("keeps").value = "150%"
    assert "must be at most 100%" in app.error
    app.control("keeps").value = "50%"


def test_one_project_can_be_looked_at(app: App) -> None:
    app.control("project").value = "mail-sorting"
    assert "The log cost $824 from 2026-09-01" in app.verdict
    app.control("project").value = "all projects"
    assert "$8,802" in app.verdict


def test_files_can_be_taken_away(app: App) -> None:
    page = app.show("Numbers")
    app.settle()
    names = {file["label"] for child in page.children for file in getattr(child, "files", ())}
    assert names == {
        "Savings (JSON)",
        "Draft of a scenario (TOML)",
        "Budget and actual (CSV)",
    }


def test_without_a_plan_there_is_nothing_to_compare_with() -> None:
    made = usage_log(LOG)
    assert [tab.title for tab in made.tabs] == ["Savings", "Day by day", "Who", "Numbers"]
    made.cancel()
    with pytest.raises(DataError):
        usage_log(DATA / "none.csv")


@pytest.mark.parametrize("project", ["all projects", "mail-sorting"])
def test_the_code_of_the_last_tab_gives_the_same(app: App, project: str) -> None:
    app.control("project").value = project
    app.control("batch").value = "30%"
    app.show("Numbers")
    app.settle()
    code = unescape(re.findall(r"<pre>(.*?)</pre>", app.page.html, re.DOTALL)[0])
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["found"].as_dict() == app.found.saving.as_dict()
    app.control("batch").value = "50%"
    app.control("project").value = "all projects"


def test_the_code_of_the_last_tab_takes_own_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "overrides.csv").write_text(
        "provider,model,meter,multiplier,source,verified_on\n"
        "openai,gpt-5.6-sol,output_mtok,0.5,contract,2026-07-01\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("COSTMODEL_PRICES", str(tmp_path))
    shipped_book.cache_clear()
    made = usage_log(LOG)
    try:
        assert "The log cost $8,802" not in made.verdict
        names: dict[str, Any] = {}
        exec(_code(made.found), names)
        assert names["found"].as_dict() == made.found.saving.as_dict()
    finally:
        made.cancel()
        shipped_book.cache_clear()
