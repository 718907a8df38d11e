"""What a scenario leaves out is priced by making its bills again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.analysis.forgotten import forgotten
from costmodel.scenario import replace_inputs

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    return cm.PriceBook.read()


def test_what_is_left_out_is_priced_at_our_default(book: cm.PriceBook) -> None:
    bot = cm.Scenario.read(SUPPORT_BOT)
    bare = replace(
        bot,
        upkeep=replace(bot.upkeep, label_life_months=0.0, evaluate_every_months=0.0),
        people={"ml_engineer": 0.0},
    )
    found = {item.what.partition(":")[0]: item for item in forgotten(cm.compare(bare, book), book)}
    for word, name, default in (
        ("re-labelling", "label_life_months", 18.0),
        ("evaluation", "evaluate_every_months", 1.0),
    ):
        item = found[word]
        assert item.inputs == {f"upkeep.{name}": default}
        whole = cm.compare(replace_inputs(bare, {f"upkeep.{name}": default}), book)
        before = cm.compare(bare, book)
        for option, usd in item.usd.items():
            more = float(whole.bills[option].total - before.bills[option].total)
            assert usd == pytest.approx(more, rel=1e-9)
            assert usd > 0
    rated = found["people"]
    assert len(rated.inputs) == 1
    assert rated.inputs["people.ml_engineer"] > 0
    paid = cm.compare(replace(bare, people={}), book)
    free = cm.compare(bare, book)
    for option, usd in rated.usd.items():
        more = float(paid.bills[option].total - free.bills[option].total)
        assert usd == pytest.approx(more, rel=1e-9)
    assert set(found) >= {"retries of answers that fail", "a spare replica for when one fails"}
    assert "egress" in found


def test_idle_hours_left_out_are_priced(book: cm.PriceBook) -> None:
    bot = cm.Scenario.read(SUPPORT_BOT)
    name = "Tuned Qwen 9B at Together"
    half = replace_inputs(bot, {f"option.{name}.host.deployed_share": 0.5})
    [item] = [i for i in forgotten(cm.compare(half, book), book) if i.what.startswith("idle")]
    assert set(item.usd) == {name}
    assert item.usd[name] > 0


@pytest.mark.parametrize(
    "name", ["Twelve adapters on one owned H100", "Twelve adapters on one rented L40S"]
)
def test_hours_without_replicas_are_not_forgotten_where_more_hours_cost_no_more(
    book: cm.PriceBook, name: str
) -> None:
    # owned GPUs are paid in all hours; at an even load, rented ones do the same work in fewer
    teams = cm.Scenario.read(SUPPORT_BOT.with_name("twelve_teams.toml"))
    busy = replace(
        teams,
        options=(teams.option(name),),
        tasks=tuple(replace(task, requests=task.requests * 200) for task in teams.tasks),
    )
    host = f"option.{name}.host"
    part = replace_inputs(busy, {f"{host}.deployed_share": 0.3, f"{host}.peak_to_mean": 1.0})
    assert not [i for i in forgotten(cm.compare(part, book), book) if i.what.startswith("idle")]
