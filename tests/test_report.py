"""The report is one page that stands by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis.breakeven import breakeven
from costmodel.analysis.budget import budget
from costmodel.analysis.uncertainty import chance_of
from costmodel.analysis.wording import tally
from costmodel.report import Report, options_table, report

SCENARIOS = Path(__file__).parents[1] / "notebooks" / "scenarios"
Run = Callable[..., tuple[int, str, str]]


def made(scenario: cm.Scenario, option: str | None = None) -> Report:
    book = cm.PriceBook.read()
    found = budget(chance_of(scenario, book), number=64).as_dict()
    return report(cm.compare(scenario, book), found, option)


@pytest.fixture(scope="module")
def bot() -> Report:
    return made(cm.Scenario.read(SCENARIOS / "support_bot.toml"))


@pytest.fixture(scope="module")
def page(bot: Report) -> str:
    return bot.html()


@pytest.fixture(scope="module")
def body(page: str) -> str:
    """Return what is read: the page without scripts and markup."""
    return unescape(page.partition("<main>")[2].partition("</main>")[0])


def test_the_page_loads_nothing(page: str) -> None:
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r'src=|<link|@import|url\(|http-equiv="refresh"', own)
    assert "default-src 'none'" in own
    assert len(page.encode()) < 6_000_000


def test_the_page_says_verdict_warnings_bill_assumptions_and_sources(
    body: str, bot: Report
) -> None:
    result = bot.result
    assert result.verdict in body
    assert "tuned openai/gpt-4.1-mini stops answering on 2027-01-14" in body
    for text in result.assumptions:
        assert text in body
    for bill in result.bills.values():
        for row, _, _ in bill.used_rows():
            assert row.source in body
    assert "Tuned GPT-4.1 mini at OpenAI</b> cannot be had" in body
    assert not re.search(r"\$-?0\.0+(?!\d)", body.replace("< $0.01", ""))


def test_every_picture_has_its_finding_as_label(page: str) -> None:
    labels = re.findall(
        r'<figure class="chart" id="chart\d" role="figure" aria-label="([^"]+)"', page
    )
    assert len(labels) == 8
    assert labels[0].startswith("Router: Luna first then Flash comes first")


OTHERS = sorted(path for path in SCENARIOS.glob("*.toml") if path.stem != "support_bot")


@pytest.mark.parametrize("path", OTHERS, ids=lambda p: p.stem)
def test_every_shipped_scenario_has_a_report(path: Path) -> None:
    found = made(cm.Scenario.read(path))
    page = found.html()
    assert len(page.encode()) < 6_000_000
    assert page.count('class="chart"') == sum(len(group) for group in found.figures.values())


def test_what_users_wrote_cannot_become_markup(tmp_path: Path) -> None:
    text = (SCENARIOS / "support_bot.toml").read_text("utf-8")
    evil = "</script><script>alert(1)</script>"
    text = text.replace('name = "Support bot"', f'name = "{evil}"')
    text = text.replace('name = "RAG on GPT-6 Luna"', f'name = "{evil}"')
    text = text.replace('"RAG on GPT-6 Luna" = 1.0', f'"{evil}" = 1.0')
    text = text.replace("../data", str(SCENARIOS.parent / "data"))
    path = tmp_path / "evil.toml"
    path.write_text(text, "utf-8")
    scenario = cm.Scenario.read(path)
    few = tuple(o for o in scenario.options if o.name == evil or "Flash" in o.name)
    assert len(few) == 3
    page = made(replace(scenario, options=few), evil).html()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_command_writes_page_and_tables(command_line: Run, tmp_path: Path, bot: Report) -> None:
    out, folder = tmp_path / "r.html", tmp_path / "csv"
    status, said, errors = command_line(
        "report", SCENARIOS / "support_bot.toml", "-o", out, "--csv", folder, "--draws", "64"
    )
    assert (status, errors) == (0, "")
    assert str(out) in said.replace("\n", "")
    assert out.read_text("utf-8").startswith("<!doctype html>")
    result = bot.result
    bill = pd.read_csv(folder / "bill_rag_on_gpt_6_luna.csv")
    assert bill["cost_usd"].sum() == pytest.approx(float(result.bills["RAG on GPT-6 Luna"].total))
    assert len(pd.read_csv(folder / "options.csv")) == len(result.results)
    assert {path.name for path in folder.iterdir()} >= {"events.csv", "budget.csv"}


def bad(tmp_path: Path) -> dict[str, list[Any]]:
    return {
        "no file": ["missing.toml"],
        "no option": [SCENARIOS / "support_bot.toml", "--option", "RAG on GPT-6 Lunar"],
        "infeasible": [SCENARIOS / "support_bot.toml", "--option", "Tuned GPT-4.1 mini at OpenAI"],
        "a folder": [SCENARIOS / "support_bot.toml", "-o", tmp_path],
        "no such folder": [SCENARIOS / "support_bot.toml", "-o", tmp_path / "no" / "r.html"],
        "no draws": [SCENARIOS / "support_bot.toml", "--draws", "0"],
    }


@pytest.mark.parametrize(
    "case", ["no file", "no option", "infeasible", "a folder", "no such folder", "no draws"]
)
def test_bad_input_is_one_line_and_nothing_is_written(
    case: str, command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, said, errors = command_line("report", *bad(tmp_path)[case])
    assert status == 2
    assert said == ""
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_page_draws_where_another_option_takes_over_and_how_prices_moved(bot: Report) -> None:
    figures = bot.figures
    assert [len(figures[part]) for part in ("options", "detail", "prices")] == [3, 3, 2]
    title = figures["options"][-1].layout.title.text
    line = breakeven(bot.result.scenario, bot.result.book)
    after = min(crossing.at for crossing in line.crossings if crossing.at > 200_000)
    assert f"takes over from {tally(after)}" in title
    moved = [figure.layout.title.text for figure in figures["prices"]]
    assert any("gemini-3.8-flash at Google" in text for text in moved)
    assert any("gpt-6-luna at OpenAI" in text for text in moved)


def test_a_page_about_own_gpus_has_no_prices_per_token_to_draw(bot: Report) -> None:
    assert list(replace(bot, chosen="Tuned Llama 8B on rented GPU").price_histories()) == []


def test_options_that_cannot_win_stand_below_the_others_the_cheapest_first() -> None:
    scenario = cm.Scenario.read(SCENARIOS / "support_bot.toml")
    html = options_table(cm.compare(replace(scenario, options=scenario.options[::-1])))
    names = re.findall(r"<tr[^>]*><t[hd][^>]*>(.*?)</t[hd]>", html.partition("<tbody>")[2])
    assert names[0] == "Router: Luna first then Flash"
    # totals of those below 88 %: $11k, $20k, $65k and $133k
    assert names[-4:] == [
        "Prompting on GPT-6 Luna",
        "Few-shot on Claude Haiku 5.5",
        "Tuned Nova Micro at Bedrock",
        "Tuned Llama 8B on rented GPU",
    ]
