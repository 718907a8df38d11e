"""The apps of the notebooks answer their question, with the figures of the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

import costmodel as cm
from costmodel.analysis.budget import budget
from costmodel.analysis.calendar import calendar
from costmodel.analysis.self_hosting import hosted_models, hosts_of
from costmodel.analysis.uncertainty import chance_of
from costmodel.analysis.wording import whole
from costmodel.costs import shipped_book
from costmodel.ui import (
    budget_and_forecast,
    fine_tune_commitment,
    hosted_or_self_hosted,
    which_approach,
)
from costmodel.ui.app import App
from costmodel.ui.fine_tune_commitment import first_runs, next_move
from costmodel.ui.hosted_or_self_hosted import volumes
from costmodel.ui.scenario_app import DRAWS, ScenarioApp

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


def walked(app: App) -> dict[str, str]:
    """Turn to every tab; return what each shows, as text."""
    shown = {}
    for tab in app.tabs:
        page = app.show(tab.title)
        app.settle()
        assert page.note.value == "", tab.title
        assert page.charts or page.html, tab.title
        findings = [chart.finding for chart in page.charts]
        assert all(len(chart.figure) < 200_000 for chart in page.charts)
        shown[tab.title] = unescape(re.sub(r"<[^>]*>", " ", "\n".join([*findings, page.html])))
    return shown


@pytest.fixture(scope="module")
def commitment() -> Iterator[ScenarioApp]:
    app = fine_tune_commitment(SUPPORT_BOT)
    yield app
    app.cancel()


@pytest.fixture(scope="module")
def forecast() -> Iterator[ScenarioApp]:
    app = budget_and_forecast(SUPPORT_BOT, limit=60_000)
    yield app
    app.cancel()


@pytest.fixture(scope="module")
def hosting() -> Iterator[App]:
    app = hosted_or_self_hosted(on=cm.Scenario.read(SUPPORT_BOT).start)
    yield app
    app.cancel()


def test_which_approach_shows_every_picture_of_its_question() -> None:
    app = which_approach(SUPPORT_BOT)
    shown = walked(app)
    best = app.result.ranked[0]
    assert list(shown) == [
        *("Cost", "Break-even", "Who wins where"),
        *("What matters", "Cost and success", "Numbers"),
    ]
    assert best.name in shown["Break-even"]
    assert whole(best.as_dict()["total_usd"]) in shown["Cost"]
    assert all(f"{name}" in shown["Numbers"] for name in app.result.bills)
    assert "stays the cheapest in" in app.status.sure
    bands = json.loads(app.show("Break-even").charts[0].figure)["data"]
    assert sum(trace.get("fill") == "tonexty" for trace in bands) == len(app.result.ranked)
    # an option keeps its colour when another one takes over
    looks = dict(app.found.looks)
    app.control("workload.requests").value = "2M"
    assert app.result.ranked[0].name != best.name
    assert app.found.looks == looks
    app.cancel()


def test_a_fine_tune_is_its_first_run_against_three_years(commitment: ScenarioApp) -> None:
    found = commitment.found
    saved = cm.compare(commitment.scenario)
    assert commitment.scenario.months == 36
    total = float(saved.bills[found.option].total)
    assert whole(total) in commitment.verdict
    assert whole(first_runs(saved.bills[found.option].frame())) in commitment.verdict
    assert first_runs(found.bill) < total / 100
    shown = walked(commitment)
    assert whole(total) in shown["Year by year"]
    hours = sum(
        float(line.amount.sum())
        for line in saved.bills[found.option].lines
        if line.line.key.table == "labour"
    )
    assert f"{hours:,.0f}" in shown["Year by year"]


def test_the_date_that_forces_the_next_move_is_that_of_the_calendar(
    commitment: ScenarioApp,
) -> None:
    name = "Tuned GPT-4.1 mini then RAG"
    commitment.control("view.option").value = name
    assert not commitment.error
    # the last day to train is 2027-01-05: tuning at OpenAI closes on the 6th
    assert "The next move is forced on 2027-01-05: last day to train" in commitment.verdict
    entries = calendar(commitment.scenario, option=name).entries
    found = next_move(entries)
    assert found is not None
    assert f"{found.day}" == "2027-01-05"
    dated = [e for e in entries if e.kind == "certain" and e.sort != "double_running"]
    assert found.day == min(entry.day for entry in dated)
    numbers = commitment.show("Numbers")
    assert "Calendar (ICS)" in [file["label"] for file in numbers.children[1].files]


def test_only_tuned_options_can_be_looked_at(commitment: ScenarioApp) -> None:
    for name in commitment.found.options:
        assert commitment.scenario.option(name).stages[0].tuned  # type: ignore[union-attr]
    commitment.control("view.option").value = "Prompting on GPT-6 Luna"
    assert "no choice" in commitment.error
    commitment.control("view.option").value = commitment.found.options[0]
    assert not commitment.error


def test_a_scenario_without_a_fine_tune_is_one_sentence_and_nothing_is_lost(
    commitment: ScenarioApp,
) -> None:
    before = commitment.verdict
    commitment.control("file").value = "clinical_coding.toml"
    assert "none of the kind this page is about" in commitment.error
    assert commitment.verdict == before
    commitment.control("file").value = "support_bot.toml"
    assert not commitment.error


def test_what_to_ask_for_is_what_the_command_line_says(forecast: ScenarioApp) -> None:
    shown = walked(forecast)
    scenario = forecast.scenario
    found = budget(chance_of(scenario, cm.PriceBook.read()), number=DRAWS, limit=60_000).as_dict()
    best = next(o for o in found["options"] if o["name"] == forecast.found.option)
    assert forecast.verdict.startswith(f"Ask for {whole(best['ask_usd'])} to be sure in 90%")
    assert f"passing $60,000 is {best['chance_over_limit']:.0%}" in forecast.verdict
    assert whole(best["central_usd"]) in forecast.verdict
    assert whole(best["contingency_usd"]) in shown["What to ask for"]
    assert whole(best["by_month"][-1]["act_usd"]) in shown["What to ask for"]


def test_a_range_widens_what_to_ask_for(forecast: ScenarioApp) -> None:
    def contingency() -> float:
        forecast.settle()
        text = re.search(r"\$([\d,]+) of it is contingency", forecast.verdict)
        assert text
        return float(text[1].replace(",", ""))

    before = contingency()
    forecast.control("workload.requests").value = "100k to 300k"
    assert contingency() > before
    forecast.control("workload.requests").value = "200k"
    assert contingency() == before


def test_own_gpus_cost_what_the_plan_says(hosting: App) -> None:
    found = hosting.found
    arguments = {k: v for k, v in found.arguments.items() if k != "book"}
    plan = cm.plan_serving(found.plan.model, found.plan.gpu, **arguments)
    assert whole(plan.usd_per_month) in hosting.verdict
    assert found.working + found.idle == pytest.approx(plan.usd_per_month)
    name, usd = next(iter(found.hosted.items()))
    provider, _, model = name.partition("/")
    one = cm.inference_cost(
        provider, model, input_tokens=1500, output_tokens=300, on=arguments["on"]
    )
    assert usd * found.mtok == pytest.approx(one * 1_000_000)
    shown = walked(hosting)
    assert whole(found.idle) in shown["Working and idle"]
    assert found.plan.gpu in shown["Which GPU"]


def test_the_fleet_at_other_volumes_is_that_of_a_plan_for_them(hosting: App) -> None:
    found = hosting.found
    frame = volumes(found)
    mine = frame[frame["option"] == f"own {found.plan.gpu}"].set_index("x")["p50"]
    rate = found.arguments["requests_per_second"] / 1_000_000
    for volume in mine.index[5::30]:
        arguments = {**found.arguments, "requests_per_second": volume * rate}
        plan = cm.plan_serving(
            found.plan.model, found.plan.gpu, gpus=found.plan.gpus_per_replica, **arguments
        )
        assert mine[volume] == pytest.approx(plan.usd_per_month)
    # the GPU that breaks even first is drawn, too
    even = re.search(r"; (\S+) at [\d.]+M\.$", hosting.verdict)
    assert even is not None
    assert f"own {even[1]}" in set(frame["option"])


def test_broken_tables_of_ones_own_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpu_rental.csv").write_text("provider,colour\nmine,blue\n", "utf-8")
    monkeypatch.setenv("COSTMODEL_PRICES", str(tmp_path))
    shipped_book.cache_clear()
    app = hosted_or_self_hosted()
    assert "gpu_rental.csv" in app.error
    assert app.verdict == ""
    shipped_book.cache_clear()


def test_low_confidence_is_a_warning(hosting: App) -> None:
    assert [f"Low confidence: {text}." for text in hosting.found.plan.doubts] == (
        hosting.status.warnings
    )


def test_a_gpu_too_small_is_one_sentence_and_nothing_is_lost(hosting: App) -> None:
    before = hosting.verdict
    hosting.control("also").value = "openai/gpt-7-sol"
    assert "left out" in hosting.status.sure
    hosting.control("also").value = ""
    hosting.control("input").value = "10M"
    assert "context" in hosting.error
    assert hosting.verdict == before
    hosting.control("input").value = "1.5k"
    assert not hosting.error


def test_who_hosts_an_open_model_is_found_by_all_of_its_names() -> None:
    book = cm.PriceBook.read()
    assert "together/meta-llama/Meta-Llama-3.1-8B" in hosts_of("Llama-3.1-8B", book)
    assert "gpt-oss-120b" in hosted_models(book)


def test_a_usage_log_stands_beside_the_budget() -> None:
    data = SUPPORT_BOT.parents[1] / "data"
    app = budget_and_forecast(data / "help_desk.toml", usage=data / "usage_log.csv")
    for title, words in {"Actuals": "1% over budget", "Variance": "mostly requests"}.items():
        page = app.show(title)
        app.settle()
        assert words in page.charts[0].finding
    app.control("view.usage").value = ""
    page = app.show("Actuals")
    app.settle()
    assert "Name a usage log" in page.html
    app.control("view.usage").value = "none.csv"
    app.settle()
    assert "none.csv" in app.page.note.value
    app.cancel()
