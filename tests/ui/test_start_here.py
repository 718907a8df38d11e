"""The first page names every notebook and says what it would say about the example."""

from __future__ import annotations

import json
import shutil
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

import costmodel as cm
from costmodel.ui import prices_and_providers, start_here
from costmodel.ui.chart import Chart
from costmodel.ui.start_here import PICTURES

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
EXAMPLE = NOTEBOOKS / "scenarios" / "support_bot.toml"


def test_every_notebook_has_a_card_with_its_title() -> None:
    cards = start_here(NOTEBOOKS).children[1].children
    others = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if not path.stem.startswith("00"))
    assert len(cards) == len(others) > 0
    for card, path in zip(cards, others, strict=True):
        title = json.loads(path.read_text("utf-8"))["cells"][0]["source"][0].strip("# \n")
        said = unescape(card.children[0].value)
        assert f'href="{path.name}"' in said
        assert title in said


def test_every_app_has_a_picture() -> None:
    plain = {"00_start_here", "09_use_in_scripts"}
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {*PICTURES, *plain}


def test_a_picture_says_its_finding_in_words() -> None:
    card = start_here(NOTEBOOKS).children[1].children[0]
    chart = card.children[1]
    assert isinstance(chart, Chart)
    result = cm.compare(cm.Scenario.read(EXAMPLE))
    best = result.ranked[0].as_dict()
    assert f"{best['name']} comes first: ${best['total_usd']:,.0f}" in chart.finding
    assert chart.finding in unescape(card.children[0].value)


def test_the_banner_tells_the_age_of_the_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(NOTEBOOKS)
    banner = start_here(NOTEBOOKS).children[0].value
    days = cm.compare(cm.Scenario.read(EXAMPLE)).prices_on
    assert f"between {days['verified_from']} and {days['verified_to']}" in banner
    # the count of notebook 07
    (said,) = [text for text in prices_and_providers().status.warnings if "90 days" in text]
    assert said.partition(" price rows")[0] in banner


def test_a_folder_without_the_example_is_refused_in_one_line(tmp_path: Path) -> None:
    shutil.copy(NOTEBOOKS / "01_which_approach.ipynb", tmp_path)
    with pytest.raises(cm.ScenarioError, match=r"support_bot\.toml"):
        start_here(tmp_path)
