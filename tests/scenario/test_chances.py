"""What comes at unknown times: retirements, better bases, drift; and that it is done once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.analysis.compare import bill_of
from costmodel.bill import bill
from costmodel.months import Array
from costmodel.scenario import Chances, Plan, plan

Tables = Callable[..., Path]
HOST = cm.PerToken("example")
TUNE = cm.FineTune(examples=600, tokens_per_example=500, epochs=1)
QUIET = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    double_running_days=0,
)
# no ageing: of 100 models 100 x exp(-1) are left after 1,000 days, at whatever age
STEADY = [f"{p},{age},{math.exp(-age / 1000)}" for p in ("example", "pool") for age in (0, 1000)]


@pytest.fixture
def book(example_dir: Path, tables: Tables) -> cm.PriceBook:
    """Return the invented prices with survival curves."""
    lines = [f"{line},20,12,by hand,2026-11-01" for line in STEADY]
    curves = tables(survival=["provider,age_days,survival,lives,ended,method,fitted_on", *lines])
    return cm.PriceBook.read(example_dir, curves, shipped=False)


def a_scenario(*options: cm.Option | cm.Mix, **facts: Any) -> cm.Scenario:
    given: dict[str, Any] = {
        "start": date(2026, 12, 1),
        "months": 12,
        "workload": cm.Workload(31_000, {"question": 1_000, "answer": 0}),
        "upkeep": QUIET,
    }
    return cm.Scenario(name="chances", options=options, **(given | facts))


def an_option(model: str = "mini-1", **facts: Any) -> cm.Option:
    return cm.Option("tune", (cm.Stage(model, HOST, {"tune": TUNE}),), **facts)


def amounts(found: Plan, **wanted: str) -> Array:
    total: Array = np.zeros(12)
    for quantity in found.quantities:
        line = quantity.line
        words = {"meter": line.meter, "cause": line.cause, "activity": line.activity}
        if all(words[name] == word for name, word in wanted.items()):
            total = total + quantity.amount
    return total


# retirements at unknown times


def test_a_model_without_an_end_is_expected_to_retire_now_and_then(book: cm.PriceBook) -> None:
    option = an_option()
    found = plan(a_scenario(option), option, book)
    # without ageing moves come at a rate of 1 in 1,000 days, whatever was moved to
    days = np.array([31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    assert found.counts["retirement"] == pytest.approx(days / 1000, rel=1e-3)
    # 2 runs of 0.3 Mtok at each, and the engineers who move
    trained = amounts(found, meter="train_mtok", cause="retirement")
    assert trained == pytest.approx(0.6 * days / 1000, rel=1e-3)
    migrated = amounts(found, activity="migrate")
    assert migrated == pytest.approx(
        float(np.asarray(TUNE.migration_hours)) * days / 1000, rel=1e-3
    )
    said = next(text for text in found.assumptions if "has no announced end" in text)
    assert "release not known, taken as 6 months old" in said
    assert "0.37 forced moves expected by 2027-12-01" in said
    assert "12 of 20 lives ended" in said


def test_the_two_run_side_by_side_for_the_days_it_takes(book: cm.PriceBook) -> None:
    option = an_option()
    settings = replace(QUIET, double_running_days=14)
    found = plan(a_scenario(option, upkeep=settings), option, book)
    beside = amounts(found, meter="input_mtok", cause="retirement")
    # 31 Mtok a month x 14 days of the month x the chance of a move
    days = np.array([31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    assert beside == pytest.approx(31 * 14 / days * days / 1000, rel=1e-3)


@pytest.mark.parametrize("model", ["base-1", "floor-1"])
def test_a_model_with_a_date_is_not_expected_to_retire_earlier(
    book: cm.PriceBook, model: str
) -> None:
    stages = (cm.Stage(model, HOST), cm.Stage("mini-1", HOST))
    option = cm.Option("plain", stages if model == "base-1" else stages[:1])
    found = plan(a_scenario(option), option, book)
    assert [risk.model for risk in found.risks] == (["mini-1"] if model == "base-1" else [])
    # a promise beyond the horizon holds, too
    early = plan(a_scenario(option, start=date(2025, 12, 1)), option, book)
    assert not early.risks


def test_retirements_at_unknown_times_can_be_switched_off(book: cm.PriceBook) -> None:
    option = an_option()
    off = replace(QUIET, unknown_retirements=False)
    found = plan(a_scenario(option, upkeep=off), option, book)
    assert not found.risks
    assert "retirement" not in found.counts


def test_tables_without_curves_say_that_nothing_is_expected(example_book: cm.PriceBook) -> None:
    option = an_option()
    found = plan(a_scenario(option), option, example_book)
    assert not found.risks
    assert any("the tables have no survival.csv" in text for text in found.assumptions)


def test_own_weights_are_no_risk(book: cm.PriceBook) -> None:
    load: dict[str, Any] = {"replica_tokens_per_second": 1_000, "peak_to_mean": 1.0}
    rented = cm.Rented("cloud", gpu="G80", training_tokens_per_second=1_000, **load)
    option = cm.Option("own", (cm.Stage("base-2", rented, {"tune": TUNE}),))
    assert not plan(a_scenario(option), option, book).risks


def test_the_shipped_market_expects_moves_of_models_by_their_age() -> None:
    scenario = cm.Scenario.read(
        Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"
    )
    found = plan(scenario, scenario.option("RAG on GPT-6 Luna"), cm.PriceBook.read())
    (risk,) = found.risks
    assert (risk.provider, risk.curve.provider) == ("openai", "openai")
    assert 0 < float(risk.expected().sum()) < 3
    assert any("retires" in event.what and event.kind == "expected" for event in found.events)


# draws


def test_draws_take_the_place_of_the_expectation(book: cm.PriceBook) -> None:
    option = an_option()
    scenario = a_scenario(option)
    (risk,) = plan(scenario, option, book).risks
    moves = np.zeros((3, 12))
    moves[1, 4] = 1.0
    moves[2, [4, 9]] = 1.0
    drawn = plan(scenario, option, book, Chances({risk.name: moves}))
    trained = amounts(drawn, meter="train_mtok", cause="retirement")
    assert trained == pytest.approx(0.6 * moves)
    totals = bill(drawn.quantities, book, scenario.horizon).total
    quiet = bill(
        plan(scenario, option, book, Chances({risk.name: np.zeros(12)})).quantities,
        book,
        scenario.horizon,
    ).total
    assert totals[0] == pytest.approx(float(quiet))
    assert totals[2] - totals[0] == pytest.approx(2 * (totals[1] - totals[0]))


def test_the_mean_of_the_draws_is_the_expectation(book: cm.PriceBook) -> None:
    option = an_option()
    scenario = a_scenario(option, upkeep=cm.Upkeep())
    central = plan(scenario, option, book)
    (risk,) = central.risks
    moves = risk.drawn(np.random.default_rng(3).random((20_000, 8)))
    assert moves.shape == (20_000, 12)
    drawn = plan(scenario, option, book, Chances({risk.name: moves}))
    mean = float(bill(drawn.quantities, book, scenario.horizon).total.mean())
    assert mean == pytest.approx(
        float(bill(central.quantities, book, scenario.horizon).total), rel=0.005
    )


def test_options_on_the_same_model_share_its_risk(book: cm.PriceBook) -> None:
    one, other = an_option(), replace(an_option(), name="other", thinking_tokens=10)
    scenario = a_scenario(one, other)
    names = [[r.name for r in plan(scenario, option, book).risks] for option in (one, other)]
    assert names[0] == names[1] == ["example/mini-1 2026-12-01 to 2027-12-01"]


# drift and better bases


def test_a_tune_that_loses_quality_is_made_anew(book: cm.PriceBook) -> None:
    option = an_option()
    upkeep = replace(QUIET, unknown_retirements=False, monthly_decay=0.01, decay_limit=0.05)
    found = plan(a_scenario(option, upkeep=upkeep), option, book)
    # each 5 months
    assert amounts(found, meter="train_mtok", cause="drift") == pytest.approx(np.full(12, 0.12))
    # 600 x 0.3 x 10 minutes = 30 hours
    assert amounts(found, activity="label", cause="drift") == pytest.approx(np.full(12, 6.0))
    days = [event.day for event in found.events if event.cause == "drift"]
    assert days == [date(2027, 5, 1), date(2027, 10, 1)]


@pytest.mark.parametrize(
    ("gain", "verdict"), [(1_000_000, "made, 1 times"), (10, "not made"), (0, "")]
)
def test_a_better_base_is_moved_to_where_that_pays(
    book: cm.PriceBook, gain: float, verdict: str
) -> None:
    option = an_option()
    upkeep = replace(QUIET, unknown_retirements=False, better_base_gain_usd=gain)
    found, _ = bill_of(a_scenario(option, upkeep=upkeep), option, book)
    assert ("better_base" in found.by_cause()) is verdict.startswith("made")
    said = [text for text in found.assumptions if "better base" in text]
    if gain:
        (text,) = said
        # 40 hours of an engineer, a release, 2 runs
        assert f"gains ${gain:,.0f} as stated: {verdict}" in text
    else:
        assert said == [
            "better base models (1 a year) are not moved to: what that gains is not stated "
            "(better_base_gain_usd)"
        ]


def test_two_causes_in_one_month_train_once(book: cm.PriceBook) -> None:
    option = an_option()
    # a change in every month, labels that age in every month
    upkeep = replace(
        QUIET,
        unknown_retirements=False,
        requirement_changes_per_year=12,
        label_life_months=1,
        evaluation_cases=100,
        review_share=1.0,
        review_minutes=6,
    )
    found = plan(a_scenario(option, upkeep=upkeep), option, book)
    upkeep_runs = amounts(found, meter="train_mtok") - amounts(found, meter="train_mtok", cause="")
    assert upkeep_runs == pytest.approx(np.full(12, 0.6))  # not 1.2
    read = amounts(found, activity="evaluate") - amounts(found, activity="evaluate", cause="")
    assert read == pytest.approx(np.full(12, 10.0))  # one evaluation
    # both renew labels of their own: 600 x 0.3 x 10 minutes each
    for cause in ("requirement_change", "label_ageing"):
        labelled = amounts(found, activity="label", cause=cause)
        assert labelled == pytest.approx(np.full(12, 30.0))


def test_a_draw_in_which_a_model_retires_spares_the_change_of_that_month_its_training(
    book: cm.PriceBook,
) -> None:
    option = an_option()
    scenario = a_scenario(option, upkeep=replace(QUIET, requirement_changes_per_year=12))
    (risk,) = plan(scenario, option, book).risks
    moves = np.eye(12)[3]
    drawn = plan(scenario, option, book, Chances({risk.name: moves}))
    changed = amounts(drawn, meter="train_mtok", cause="requirement_change")
    assert changed == pytest.approx(0.6 * (1 - moves))
    moved = amounts(drawn, meter="train_mtok", cause="retirement")
    assert moved == pytest.approx(0.6 * moves)


# the function and the bill


@pytest.mark.parametrize("provider", ["example", "other"])
def test_maintenance_cost_and_the_bill_agree(book: cm.PriceBook, provider: str) -> None:
    facts: dict[str, Any] = {
        "tokens": 1e6,
        "start": date(2026, 12, 1),
        "months": 12,
        "changes_per_year": 2.0,
        "label_hours": 100.0,
        "evaluation_hours": 4.0,
        "migration_hours": 20.0,
    }
    causes = cm.maintenance_cost(provider, "mini-1", **facts, book=book)
    tune = cm.FineTune(
        examples=2_000,
        tokens_per_example=500,
        epochs=3,
        runs_per_release=1,
        validation_share=0,
        minutes_per_example=3,
        change_hours=0,
        migration_hours=20,
        second_annotator_share=0,
        release_hours=0,
    )
    option = cm.Option(
        "tune",
        (cm.Stage("mini-1", cm.PerToken(provider), {"tune": tune}),),
        in_place=date(2026, 6, 1),
    )
    upkeep = cm.Upkeep(
        requirement_changes_per_year=2,
        evaluation_cases=80,
        review_share=1,
        review_minutes=3,
        label_life_months=0,
    )
    workload = cm.Workload(0, {"question": 100, "answer": 100})
    found, _ = bill_of(a_scenario(option, upkeep=upkeep, workload=workload), option, book)
    by_bill = found.by_cause()
    assert set(by_bill) == set(causes) > {"retirement", "requirement_change"}
    # the bill pays the tokens of the 80 cases, too
    tokens = [x for x in found.lines if x.line.phase == "upkeep" and x.line.activity == "serve"]
    for cause, cost in causes.items():
        cases = sum(float(np.sum(x.cost)) for x in tokens if x.line.cause == cause)
        assert float(np.sum(cost)) == pytest.approx(float(np.sum(by_bill[cause])) - cases)
    without = cm.maintenance_cost(provider, "mini-1", **facts, unknown_retirements=False, book=book)
    assert "retirement" not in without


# what cannot be


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"decay_limit": 1.5}, "decay_limit must be <= 1, got 1.5"),
        ({"decay_limit": 0.0}, "decay_limit must be >= 0.001, got 0"),
        ({"monthly_decay": 2.0}, "monthly_decay is a share and must be <= 1, got 2"),
        ({"better_bases_per_year": -1.0}, "better_bases_per_year must be >= 0, got -1"),
        ({"better_base_gain_usd": -5.0}, "better_base_gain_usd must be >= 0, got -5"),
        ({"new_base_age_months": -1.0}, "new_base_age_months must be >= 0, got -1"),
    ],
)
def test_chances_and_rates_out_of_range_are_refused(facts: dict[str, float], said: str) -> None:
    with pytest.raises(cm.ScenarioError) as caught:
        cm.Upkeep(**facts)  # type: ignore[arg-type]
    assert str(caught.value) == said


@pytest.mark.parametrize("moves", [np.zeros(5), np.full(12, -1.0), np.full(12, np.nan)])
def test_draws_that_count_no_moves_are_refused(book: cm.PriceBook, moves: Array) -> None:
    option = an_option()
    scenario = a_scenario(option)
    (risk,) = plan(scenario, option, book).risks
    with pytest.raises(cm.ScenarioError, match="must be numbers >= 0 for each of 12 months"):
        plan(scenario, option, book, Chances({risk.name: moves}))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("monthly_decay = 1.2", "must be <= 1, got 1.2"),
        ("better_bases_per_year = -1", "must be >= 0, got -1"),
        ('unknown_retirements = "no"', "must be true or false, got 'no'"),
        ("unknown_retirement = false", "did you mean 'unknown_retirements'"),
    ],
)
def test_a_file_that_says_so_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    text = (Path(__file__).parents[1] / "data" / "bot.toml").read_text("utf-8")
    file = tmp_path / "bot.toml"
    file.write_text(text.replace("evaluate_every_months = 3", line), "utf-8")
    with pytest.raises(cm.ScenarioError) as caught:
        cm.Scenario.read(file)
    assert said in str(caught.value)
    assert str(caught.value).startswith("bot.toml line 25 [upkeep.")
