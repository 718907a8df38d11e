"""The numbers of a scenario have names, and can be replaced by them."""

from pathlib import Path

import numpy as np
import pytest

import costmodel as cm
from costmodel.scenario import Scenario, find_input, numeric_inputs, replace_inputs

SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"


@pytest.fixture(scope="module")
def bot() -> Scenario:
    return cm.Scenario.read(SCENARIOS / "support_bot.toml")


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    return cm.PriceBook.read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workload.requests", 200_000),
        ("workload.parts.question", 120),
        ("workload.parts.question.cv", 0.6),
        ("workload.parts.system.cv", 0),
        ("upkeep.requirement_changes_per_year", 2),
        ("approach.docs.monthly_churn", 0.05),
        ("approach.tone.keeps.system", 0.2),
        ("option.RAG on Gemini 3.8 Flash.success_rate", 0.93),
        ("option.Router: Luna first then Flash.escalate.RAG on Gemini 3.8 Flash", 0.25),
        ("option.Tuned Qwen 9B at Together.host.peak_to_mean", 3),
        ("months", 24),
    ],
)
def test_an_input_is_found_by_name_and_replaced(bot: Scenario, name: str, value: float) -> None:
    assert numeric_inputs(bot)[name].value == value
    changed = replace_inputs(bot, {name: 1})
    assert numeric_inputs(changed)[name].value == 1
    assert numeric_inputs(bot)[name].value == value


def test_a_role_has_the_rate_of_the_table_until_the_scenario_states_one(
    bot: Scenario, book: cm.PriceBook
) -> None:
    name = "people.software_engineer"
    assert name not in numeric_inputs(bot)
    assert numeric_inputs(bot, book)[name].value
    assert replace_inputs(bot, {name: 50.0}).people == {"software_engineer": 50.0}


def test_short_words_name_an_input(bot: Scenario) -> None:
    assert find_input(bot, "requests").name == "workload.requests"
    assert find_input(bot, "changes_per_year").name == "upkeep.requirement_changes_per_year"
    assert find_input(bot, "monthly_churn").name == "approach.docs.monthly_churn"
    with pytest.raises(cm.ScenarioError, match="several places"):
        find_input(bot, "success_rate")
    with pytest.raises(cm.ScenarioError, match=r"did you mean 'workload\.growth'"):
        find_input(bot, "workload.growht")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("workload.growht", 1.0, "did you mean 'workload.growth'"),
        ("workload.requests", -1.0, "workload.requests: requests must be >= 0"),
        ("option.RAG on GPT-6 Luna.success_rate", 2.0, "is a share and must be <= 1, got 2"),
        ("months", 2.5, "months must be a whole number"),
        ("months", np.array([2.0, 3.0]), "months takes one value at a time, got 2"),
        ("workload.requests", np.array([1.0, -7.0]), "must be >= 0, got -7"),
    ],
)
def test_a_wrong_value_is_one_line(
    bot: Scenario, name: str, value: float | np.ndarray, said: str
) -> None:
    with pytest.raises(cm.ScenarioError, match=said) as error:
        replace_inputs(bot, {name: value})
    assert "\n" not in str(error.value)


NAMES = (
    "workload.requests",
    "workload.growth",
    "workload.parts.answer",
    "upkeep.requirement_changes_per_year",
    "upkeep.label_life_months",
    "upkeep.evaluate_every_months",
    "approach.tone.examples",
    "approach.tone.tokens_per_example",
    "approach.docs.corpus_tokens",
    "option.Tuned Qwen 9B at Together.host.peak_to_mean",
    "option.Tuned Llama 8B on rented GPU.host.deployed_share",
)


@pytest.mark.parametrize("name", NAMES)
def test_many_values_at_once_are_one_after_the_other(
    bot: Scenario, book: cm.PriceBook, name: str
) -> None:
    item = numeric_inputs(bot)[name]
    values = np.array([0.0, 0.5, 1.0]) * (item.value or 1.0)
    values = np.maximum(values, item.low)
    if name.endswith(("examples", "tokens_per_example")):
        values = values[1:]
    wanted = [cm.compare(replace_inputs(bot, {name: x}), book).bills for x in values]
    found = cm.compare(replace_inputs(bot, {name: values}), book).bills
    for option, bill in found.items():
        each = [float(one[option].total) for one in wanted]
        assert np.broadcast_to(bill.total, len(values)) == pytest.approx(each, rel=1e-9), option


def test_the_volume_of_several_tasks_is_shared_out_in_proportion() -> None:
    teams = cm.Scenario.read(SCENARIOS / "twelve_teams.toml")
    before = np.array([task.requests for task in teams.tasks])
    double = replace_inputs(teams, {"workload.requests": 2 * before.sum()})
    assert [task.requests for task in double.tasks] == pytest.approx(2 * before)


def test_members_of_a_router_share_what_is_left() -> None:
    from dataclasses import replace

    bot = cm.Scenario.read(SCENARIOS / "support_bot.toml")
    members = {"RAG on GPT-6 Luna": 0.75, "RAG on Gemini 3.8 Flash": 0.25}
    router = cm.Mix("Half", members)
    mixed = replace(bot, options=(*bot.options, router))
    other = replace_inputs(mixed, {"option.Half.mix.RAG on GPT-6 Luna": 0.4}).options[-1]
    assert isinstance(other, cm.Mix)
    assert other.shares == {"RAG on GPT-6 Luna": 0.4, "RAG on Gemini 3.8 Flash": pytest.approx(0.6)}
