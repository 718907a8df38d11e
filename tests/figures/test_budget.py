"""What an option may cost, over time and by what moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis.budget import budget
from costmodel.analysis.uncertainty import chance_of
from costmodel.analysis.wording import brief
from costmodel.figures.budget import BURN_PX, burn, input_words, of_option, tornado

NAME = "Tuned GPT-4.1 mini then RAG"


@pytest.fixture(scope="module")
def found(support_bot: Any, shipped: cm.PriceBook) -> dict[str, Any]:
    chance = chance_of(support_bot.scenario, shipped)
    return budget(chance, number=500, limit=60_000, option=NAME).as_dict()


@pytest.fixture(scope="module")
def events(support_bot: Any) -> list[dict[str, Any]]:
    (result,) = [r for r in support_bot.results if r.name == NAME]
    return list(result.as_dict()["calendar"])


def test_burn_says_the_chance_of_passing_the_limit(
    found: dict[str, Any],
    events: list[dict[str, Any]],
    support_bot: Any,
    sound: Callable[..., str],
    ends_apart: Callable[[Any, float], None],
) -> None:
    figure = burn(found, NAME, events, bill=support_bot.bills[NAME].frame())
    sound(figure, cites="labour.csv row ")
    ends_apart(figure, BURN_PX)
    over = of_option(found, NAME)["chance_over_limit"]
    assert figure.layout.title.text == f"{NAME}: {over:.0%} chance of passing $60k within 24 months"


def test_the_median_begins_at_nought_and_ends_at_the_last_month(found: dict[str, Any]) -> None:
    (line,) = [trace for trace in burn(found, NAME).data if trace.line.width == 3]
    last = of_option(found, NAME)["by_month"][-1]
    assert line.y[0] == 0
    assert line.y[-1] == pytest.approx(last["cumulative_p50"], abs=0.01)
    assert (line.x[0], line.x[-1]) == ("2026-12-01", "2028-12-01")


def test_events_stand_in_lanes_and_announced_ones_cross_the_picture(
    found: dict[str, Any], events: list[dict[str, Any]]
) -> None:
    figure = burn(found, NAME, events)
    assert set(figure.layout.yaxis2.ticktext) == {
        "Tuning closes",
        "Model ends",
        "Requirements change",
    }
    lines = {shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1}
    assert lines == {"2027-01-06", "2027-01-14"}


def test_without_a_limit_the_title_says_how_much_to_ask_for(found: dict[str, Any]) -> None:
    title = burn(found | {"limit_usd": None}, NAME).layout.title.text
    ask = brief(of_option(found, NAME)["ask_usd"])
    assert title.replace("<br>", " ").startswith(f"Ask for {ask} for {NAME}: 90% of the draws")


def test_tornado_is_sorted_by_swing_and_cites_the_rates(
    found: dict[str, Any], support_bot: Any, sound: Callable[..., str]
) -> None:
    figure = tornado(found, NAME, bill=support_bot.bills[NAME].frame())
    sound(figure, cites="labour.csv row ")
    low, high = figure.data
    swings = [abs(h - x) for x, h in zip(low.x, high.x, strict=True)]
    assert swings == sorted(swings, reverse=True)
    assert figure.layout.title.text.startswith("How often requirements change can move the bill")


def test_drivers_carry_the_ends_of_their_range(found: dict[str, Any]) -> None:
    drivers = {d["name"]: d for d in of_option(found, NAME)["drivers"]}
    engineer = drivers["people.ml_engineer"]
    assert engineer["factor"]
    assert engineer["low"] < 1 < engineer["high"]


def test_an_unknown_option_is_no_option(found: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        burn(found, "nobody")


def test_where_nothing_is_uncertain_the_picture_says_how_to_state_it(
    support_bot: Any, shipped: cm.PriceBook
) -> None:
    chance = chance_of(support_bot.scenario, shipped, bands=False, events=False)
    sure = budget(chance, number=16, option=NAME).as_dict()
    assert "Nothing uncertain" in tornado(sure, NAME).layout.title.text
    assert "little can move it" in burn(sure, NAME).layout.title.text.replace("<br>", " ")


def test_inputs_are_called_by_words() -> None:
    assert input_words("rent.runpod.Secure Cloud") == "Rent of runpod Secure Cloud"
    assert input_words("approach.tone.epochs") == "Epochs of tone"
