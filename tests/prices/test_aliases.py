"""Names of one's own for models: of deployments, for example."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm

Lay = Callable[..., cm.PriceBook]
HEADER = "provider,alias,model"
TOKENS: dict[str, Any] = {
    "input_tokens": 1_000,
    "output_tokens": 1_000,
    "requests": 1_000,
    "on": date(2026, 12, 1),
}


def test_a_deployment_costs_what_its_model_costs(example_book: cm.PriceBook) -> None:
    # our-bot is mini-1: $0.40 and $1.60
    assert cm.inference_cost("example", "our-bot", **TOKENS, book=example_book) == pytest.approx(2)
    assert example_book.catalog.name("example", "our-bot") == "mini-1"
    assert example_book.catalog.model("example", "our-bot").context_window == 128_000


def test_a_deployment_can_be_tuned_by_its_name(example_book: cm.PriceBook) -> None:
    usd = cm.training_cost(
        "example", "our-bot", tokens=1e6, epochs=1, on=date(2026, 12, 1), book=example_book
    )
    assert usd == pytest.approx(3)


def test_a_scenario_may_name_a_deployment(example_book: cm.PriceBook) -> None:
    option = cm.Option("ours", (cm.Stage("our-bot", cm.PerToken("example")),))
    scenario = cm.Scenario(
        name="alias",
        start=date(2026, 12, 1),
        months=1,
        workload=cm.Workload(1_000_000, {"question": 100, "answer": 10}),
        options=(option,),
        upkeep=cm.Upkeep(requirement_changes_per_year=0, evaluate_every_months=0),
    )
    # 100 x $0.40 + 10 x $1.60
    assert float(cm.compare(scenario, example_book).bill("ours").total) == pytest.approx(56)


def test_an_alias_may_stand_for_any_spelling(layered: Lay) -> None:
    lines = ("example,by-date,mini-1-2026-05-01", "example,second,our-bot")
    book = layered(aliases=(HEADER, *lines))
    assert [book.catalog.name("example", x) for x in ("by-date", "second")] == ["mini-1"] * 2


def test_a_name_is_that_of_one_provider(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match=r"other has no model 'our-bot'.*by example"):
        example_book.catalog.name("other", "our-bot")


def test_a_later_folder_moves_a_deployment(layered: Lay) -> None:
    book = layered(aliases=(HEADER, "example,our-bot,large-1"))
    assert book.catalog.name("example", "our-bot") == "large-1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("example,bot,larg-1", "alias 'bot' stands for example/larg-1, which no table knows"),
        ("exampel,bot,large-1", "exampel/large-1, which no table knows; did you mean 'example'"),
        ("example,,large-1", "line 2: alias is missing"),
        ("example,bot,", "line 2: model is missing"),
        # a name that a price row has already: which one is meant?
        ("example,mini-1,large-1", "'mini-1'"),
    ],
)
def test_an_alias_of_nothing_or_of_two_models_is_refused(
    layered: Lay, line: str, said: str
) -> None:
    with pytest.raises(cm.PriceError) as caught:
        layered(aliases=(HEADER, line))
    assert "aliases.csv line 2" in str(caught.value)
    assert said in str(caught.value)


def test_the_same_alias_twice_is_refused(layered: Lay) -> None:
    with pytest.raises(cm.PriceError, match=r"aliases\.csv line 3: duplicate key"):
        layered(aliases=(HEADER, "example,bot,large-1", "example,bot,mini-1"))


def test_the_command_line_knows_own_names(
    command_line: Callable[..., tuple[int, str, str]], tables: Callable[..., Path]
) -> None:
    folder = tables(aliases=(HEADER, "azure,prod-eu,gpt-4.1-mini"))
    words = ("--input", "1000", "--on", "2026-12-01", "--prices", folder)
    ours, theirs = (
        command_line("price", "azure", name, *words)[1].splitlines()[0]
        for name in ("prod-eu", "gpt-4.1-mini")
    )
    assert ours == theirs
    status, out, err = command_line("price", "azure", "prod-us", *words)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "'prod-eu'" in err
