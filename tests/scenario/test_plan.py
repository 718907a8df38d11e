"""From an option to quantities: stages in time, and the work that comes with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.bill import bill
from costmodel.hosts import Host
from costmodel.months import Array
from costmodel.scenario import InfeasibleError, Plan, plan

WORK = cm.Workload(31_000, {"question": 1_000, "answer": 0})
TUNE = cm.FineTune(examples=600, tokens_per_example=500, epochs=1)
HOST = cm.PerToken("example")
QUIET = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    double_running_days=0,
)


def an_option(
    model: str, *more: cm.Stage, host: Host = HOST, tune: bool = False, **facts: Any
) -> cm.Option:
    approaches = {"tune": TUNE} if tune else {}
    return cm.Option("option", (cm.Stage(model, host, approaches), *more), **facts)


def a_scenario(*options: cm.Option | cm.Mix, **facts: Any) -> cm.Scenario:
    given: dict[str, Any] = {
        "start": date(2026, 12, 1),
        "months": 12,
        "workload": WORK,
        "upkeep": QUIET,
    }
    return cm.Scenario(name="plan", options=options, **(given | facts))


def planned(book: cm.PriceBook, option: cm.Option, **facts: Any) -> Plan:
    return plan(a_scenario(option, **facts), option, book)


def amounts(found: Plan, **wanted: str) -> Array:
    """Return the sum of the quantities with these words, month by month."""
    total = np.zeros(12)
    for quantity in found.quantities:
        line = quantity.line
        words = {
            "meter": line.meter,
            "phase": line.phase,
            "cause": line.cause,
            "activity": line.activity,
            "sku": line.key.sku,
        }
        if all(words[name] == word for name, word in wanted.items()):
            total = total + quantity.amount
    return total


# retirement


def test_the_replacement_the_provider_names_follows(example_book: cm.PriceBook) -> None:
    found = planned(example_book, an_option("old-1"))
    # 31 Mtok a month, to 2027-04-01 on the old, then on the new
    assert amounts(found, sku="old-1") == pytest.approx([31] * 4 + [0] * 8)
    assert amounts(found, sku="new-1") == pytest.approx([0] * 4 + [31] * 8)
    assert any("old-1 is followed by new-1" in text for text in found.assumptions)


def test_the_successor_a_user_names_comes_before_the_providers(
    example_book: cm.PriceBook,
) -> None:
    found = planned(example_book, an_option("old-1", cm.Stage("small-1", HOST)))
    assert amounts(found, sku="small-1")[4:] == pytest.approx([31] * 8)
    assert amounts(found, sku="new-1").sum() == 0


def test_a_tune_whose_replacement_cannot_be_tuned_has_no_successor(
    tmp_path: Path, example_dir: Path
) -> None:
    (tmp_path / "finetuning.csv").write_text(
        "provider,model,objective,method,unit,price,serves_as,source,verified_on\n"
        "example,old-1,sft,lora,mtok_epoch,1,old-1,https://example.com,2026-11-01\n"
    )
    book = cm.PriceBook.read(example_dir, tmp_path, shipped=False)
    with pytest.raises(InfeasibleError, match="its replacement new-1 cannot be tuned"):
        planned(book, an_option("old-1", tune=True))


def test_an_end_without_a_successor_is_infeasible(example_book: cm.PriceBook) -> None:
    with pytest.raises(InfeasibleError, match="base-1 retires on 2027-01-14 and no successor"):
        planned(example_book, an_option("base-1"))


def test_a_model_that_ended_before_the_start_is_infeasible(example_book: cm.PriceBook) -> None:
    with pytest.raises(InfeasibleError, match="it ended on 2027-01-14"):
        planned(example_book, an_option("base-1"), start=date(2027, 2, 1))


def test_a_model_that_ends_after_the_horizon_does_not_matter(
    example_book: cm.PriceBook,
) -> None:
    found = planned(example_book, an_option("base-1"), start=date(2026, 1, 1))
    assert amounts(found, sku="base-1") == pytest.approx([31] * 12)


def test_the_earliest_date_of_an_end_goes_on_at_the_same_price(
    example_book: cm.PriceBook,
) -> None:
    found = planned(example_book, an_option("floor-1"), upkeep=cm.Upkeep())
    assert amounts(found, sku="floor-1", phase="serve") == pytest.approx([31] * 12)
    assert any("not sooner than 2027-06-01" in text for text in found.assumptions)
    assert [(e.day, e.kind) for e in found.events if e.kind == "floor"] == [
        (date(2027, 6, 1), "floor")
    ]
    # 14 days of May beside it
    beside = amounts(found, sku="floor-1", cause="retirement")
    # and the evaluation of the move in June: 200 x 1,000 tokens
    assert beside[5] == pytest.approx(14)
    assert beside[6] == pytest.approx(0.2)


def test_own_weights_do_not_retire(example_book: cm.PriceBook) -> None:
    load: dict[str, Any] = {"replica_tokens_per_second": 1_000, "peak_to_mean": 1.0}
    rented = cm.Rented("cloud", gpu="G80", training_tokens_per_second=1_000, **load)
    found = planned(example_book, an_option("base-1", host=rented, tune=True))
    assert amounts(found, meter="instance_hour", cause="")[-1] > 0


def test_the_calendar_says_what_happens_when(example_book: cm.PriceBook) -> None:
    found = planned(
        example_book,
        an_option("base-1", cm.Stage("base-2", HOST, {"tune": TUNE}), tune=True),
    )
    certain = {event.day: event.what for event in found.events if event.kind == "certain"}
    assert set(certain) == {date(2027, 1, 6), date(2027, 1, 14)}
    assert "stops tuning" in certain[date(2027, 1, 6)]
    assert list(found.events) == sorted(found.events, key=lambda event: event.day)
    assert any("2027-01-06" in text for text in found.warnings)


# upkeep


def test_changes_evaluations_and_ageing_come_at_their_rates(
    example_book: cm.PriceBook,
) -> None:
    upkeep = cm.Upkeep(
        requirement_changes_per_year=3,
        evaluate_every_months=2,
        evaluation_cases=100,
        review_share=0.5,
        review_minutes=6,
        label_life_months=24,
    )
    found = planned(example_book, an_option("mini-1", tune=True), upkeep=upkeep)
    # a quarter of a change a month: 10 hours of engineering each
    changed = amounts(found, activity="change", cause="requirement_change")
    assert changed == pytest.approx(np.full(12, 2.5))
    # half an evaluation a month: 100 x 0.5 x 6 minutes = 5 hours
    read = amounts(found, activity="evaluate", cause="drift")
    assert read == pytest.approx(np.full(12, 2.5))
    # labels renewed each 24 months: 600 x 0.3 x 10 minutes = 30 hours
    labelled = amounts(found, activity="label", cause="label_ageing")
    assert labelled == pytest.approx(np.full(12, 30 / 24))
    # trained anew: 2 runs x 0.3 Mtok x (1/4 + 1/24) a month, but where both come in one month
    # (1/4 x 1/24 of the months) one training does for both
    trained = amounts(found, meter="train_mtok", phase="upkeep")
    assert trained == pytest.approx(np.full(12, 0.6 * (1 / 4 + 1 / 24 - 1 / 96)))


def test_upkeep_can_be_switched_off(example_book: cm.PriceBook) -> None:
    found = planned(example_book, an_option("mini-1", tune=True))
    upkeep = {q.line.cause for q in found.quantities if q.line.phase == "upkeep"}
    # what is stored is stored
    assert upkeep == {"versions"}


def test_upkeep_is_on_by_default_and_its_guesses_are_listed(
    example_book: cm.PriceBook,
) -> None:
    found = planned(example_book, an_option("mini-1", tune=True), upkeep=cm.Upkeep())
    causes = {q.line.cause for q in found.quantities if q.line.phase == "upkeep"}
    assert causes == {"requirement_change", "label_ageing", "drift", "versions"}
    guesses = [text for text in found.assumptions if "(our default)" in text]
    assert "upkeep: evaluation_cases = 200 (our default)" in guesses
    assert "tune: runs_per_release = 2 (our default)" in guesses
    # examples were given
    assert not any("examples" in text for text in guesses)


def test_prompting_does_not_age(example_book: cm.PriceBook) -> None:
    option = cm.Option("prompt", (cm.Stage("mini-1", HOST, {"prompt": cm.Prompting()}),))
    found = planned(example_book, option, upkeep=cm.Upkeep())
    assert "label_ageing" not in {q.line.cause for q in found.quantities}


def test_what_the_tuning_service_no_longer_takes_is_not_billed(
    example_book: cm.PriceBook,
) -> None:
    option = an_option("base-1", cm.Stage("base-2", HOST, {"tune": TUNE}), tune=True)
    upkeep = replace(QUIET, requirement_changes_per_year=12)
    found = planned(example_book, option, upkeep=upkeep)
    # one change a month, each 2 x 0.3 Mtok; in January jobs for base-1 are taken on 5 of its 13
    # days; from the 14th on base-2 is trained, in January by the move itself
    old = amounts(found, sku="base-1:sft:lora", cause="requirement_change")
    assert old[:3] == pytest.approx([0.6, 0.6 * 5 / 31, 0])
    new = amounts(found, sku="base-2:sft:lora", cause="requirement_change")
    assert new[:3] == pytest.approx([0, 0, 0.6])
    moved = amounts(found, sku="base-2:sft:lora", cause="retirement")
    assert moved[:3] == pytest.approx([0, 0.6, 0])
    # labels of 0.3 x 600 examples at 10 minutes, 30 hours, on the 5 and 18 days of January alone
    labels = amounts(found, activity="label", cause="requirement_change")
    assert labels[:3] == pytest.approx([30, 30 * 23 / 31, 30])
    # 4 hours of release; that of the 18 days is done by the move
    released = amounts(found, activity="release", cause="requirement_change")
    assert released[:3] == pytest.approx([4, 4 * 5 / 31, 4])
    said = (*found.warnings, *found.assumptions)
    assert any("re-tunes due by 2027-01-14 are not done and not billed" in text for text in said)


# later, in place, until then


def test_what_goes_live_later_is_built_now_and_served_later(
    example_book: cm.PriceBook,
) -> None:
    option = an_option("mini-1", tune=True, live_after=3, until_then="now")
    scenario = a_scenario(option, replace(an_option("large-1"), name="now"))
    found = plan(scenario, option, example_book)
    assert amounts(found, meter="train_mtok", phase="build")[0] == pytest.approx(0.6)
    served = amounts(found, sku="ft:mini-1", meter="input_mtok", phase="serve")
    assert served == pytest.approx([0] * 3 + [31] * 9)


def test_another_option_serves_until_then(example_book: cm.PriceBook) -> None:
    later = an_option("small-1", live_after=3, until_then="now")
    now = replace(an_option("large-1"), name="now")
    scenario = a_scenario(later, now)
    found = plan(scenario, later, example_book)
    assert amounts(found, sku="large-1") == pytest.approx([31] * 3 + [0] * 9)
    assert amounts(found, sku="small-1") == pytest.approx([0] * 3 + [31] * 9)


def test_what_is_in_place_is_not_built_but_kept(example_book: cm.PriceBook) -> None:
    option = an_option("mini-1", tune=True, in_place=date(2025, 1, 1))
    found = planned(example_book, option, upkeep=cm.Upkeep())
    assert not [q for q in found.quantities if q.line.phase == "build"]
    assert amounts(found, meter="train_mtok", phase="upkeep").sum() > 0


# mixes and tasks


def test_a_mix_bills_shares_and_shared_work_once(example_book: cm.PriceBook) -> None:
    plain = replace(an_option("mini-1", tune=True), name="plain")
    thinking = replace(plain, name="thinking", thinking_tokens=100)
    mix = cm.Mix("mix", shares={"plain": 0.75, "thinking": 0.25})
    scenario = a_scenario(plain, thinking, mix)
    alone = plan(scenario, plain, example_book)
    both = plan(scenario, mix, example_book)
    served = amounts(both, meter="input_mtok", phase="serve")
    assert served == pytest.approx([31] * 12)
    # one quarter thinks 100 tokens: 31,000 x 0.25 x 100
    assert amounts(both, meter="output_mtok", phase="serve") == pytest.approx(np.full(12, 0.775))
    # both use the same tune: it is made once
    built = amounts(both, meter="train_mtok", phase="build")
    assert built == pytest.approx(amounts(alone, meter="train_mtok", phase="build"))


def test_a_mix_of_different_tunes_trains_each(example_book: cm.PriceBook) -> None:
    one = replace(an_option("mini-1", tune=True), name="one")
    other = replace(an_option("base-2", tune=True), name="other")
    scenario = a_scenario(one, other, cm.Mix("mix", shares={"one": 0.5, "other": 0.5}))
    found = plan(scenario, scenario.option("mix"), example_book)
    assert amounts(found, meter="train_mtok", phase="build")[0] == pytest.approx(1.2)


def test_members_of_a_mix_share_capacity(example_book: cm.PriceBook) -> None:
    # 31 Mtok in 744 h is 11.57 token/s: 0.6 of a replica each half
    host = cm.Dedicated("example", gpu="G80", replica_tokens_per_second=9.645, peak_to_mean=1.0)
    members = [
        replace(an_option("mini-1", host=host, thinking_tokens=t), name=name)
        for name, t in (("a", 0), ("b", None))
    ]
    mix = cm.Mix("mix", shares={"a": 0.5, "b": 0.5})
    scenario = a_scenario(*members, mix)
    found = plan(scenario, mix, example_book)
    # 1.2 replicas together, in December: 2, not 1 + 1 rounded apart
    hours = amounts(found, meter="instance_hour")
    assert hours[0] == pytest.approx(2 * 744)


def test_tasks_are_served_side_by_side(example_book: cm.PriceBook) -> None:
    tasks = (
        replace(WORK, name="mail"),
        replace(WORK, name="chat", requests=62_000, growth=0.1),
    )
    found = planned(example_book, an_option("small-1"), tasks=tasks)
    served = amounts(found, meter="input_mtok")
    # 31 + 62 Mtok, the second growing by a tenth a month
    assert served[:3] == pytest.approx([31 + 62, 31 + 68.2, 31 + 75.02])
    assert {q.line.detail for q in found.quantities if q.line.meter == "input_mtok"} == {
        *("mail", "chat")
    }


# counting


def test_tokens_are_counted_as_the_model_counts_them(example_book: cm.PriceBook) -> None:
    found = planned(example_book, an_option("writer-1"))
    # its encoding needs 1.5 tokens for each of o200k
    assert amounts(found, meter="input_mtok") == pytest.approx([46.5] * 12)
    said = [text for quantity in found.quantities for text in quantity.assumptions]
    assert any("1.5 tokens of heavy for each o200k_base" in text for text in said)
    same = planned(
        example_book, an_option("writer-1"), workload=replace(WORK, counted_with="heavy")
    )
    assert amounts(same, meter="input_mtok") == pytest.approx([31] * 12)


def test_two_tunes_of_one_model_are_refused(example_book: cm.PriceBook) -> None:
    twice = cm.Option("twice", (cm.Stage("mini-1", HOST, {"a": TUNE, "b": TUNE}),))
    with pytest.raises(cm.ScenarioError, match="two approaches tune the same model"):
        plan(a_scenario(twice), twice, example_book)


def test_keeps_must_name_parts_of_the_request(example_book: cm.PriceBook) -> None:
    tune = replace(TUNE, keeps={"sistem": 0.2})
    option = cm.Option("keeps", (cm.Stage("mini-1", HOST, {"tune": tune}),))
    with pytest.raises(cm.ScenarioError, match="no part 'sistem' in the request"):
        plan(a_scenario(option), option, example_book)


def test_an_infeasible_option_has_no_bill(example_book: cm.PriceBook) -> None:
    scenario = a_scenario(an_option("base-1"))
    (result,) = cm.compare(scenario, example_book).results
    assert not result.feasible
    assert result.as_dict()["total_usd"] is None
    assert result.as_dict()["reason"] == result.reason


def test_a_plan_is_unpriced_and_a_bill_prices_it(example_book: cm.PriceBook) -> None:
    scenario = a_scenario(an_option("small-1"))
    found = plan(scenario, scenario.options[0], example_book)
    priced = bill(found.quantities, example_book, scenario.horizon)
    # 12 x 31 Mtok x $1
    assert float(priced.total) == pytest.approx(372)


# what refers to itself, comes too late, or counts for itself


def test_two_options_cannot_wait_for_each_other(example_book: cm.PriceBook) -> None:
    first = replace(an_option("small-1", live_after=2, until_then="b"), name="a")
    second = replace(an_option("large-1", live_after=1, until_then="a"), name="b")
    with pytest.raises(cm.ScenarioError, match="'b'"):
        cm.compare(a_scenario(first, second), example_book)


def test_what_never_goes_live_says_so(example_book: cm.PriceBook) -> None:
    option = an_option("small-1", live_after=12, until_then="now")
    scenario = a_scenario(option, replace(an_option("large-1"), name="now"))
    result = cm.compare(scenario, example_book).results[0]
    assert not result.feasible
    assert "None" not in result.reason
    assert "retires" not in result.reason


@pytest.mark.parametrize("words", [{"live_after": 3}, {"until_then": "now"}])
def test_somebody_must_answer_until_an_option_is_live(words: dict[str, Any]) -> None:
    with pytest.raises(cm.ScenarioError, match="live_after and until_then go together"):
        an_option("small-1", **words)


def test_a_tune_that_members_of_a_mix_share_is_hosted_once(example_book: cm.PriceBook) -> None:
    host = cm.PerToken("other")
    plain = replace(an_option("mini-1", tune=True, host=host), name="plain")
    thinking = replace(plain, name="thinking", thinking_tokens=100)
    mix = cm.Mix("mix", shares={"plain": 0.75, "thinking": 0.25})
    scenario = a_scenario(plain, thinking, mix)
    alone = plan(scenario, plain, example_book)
    both = plan(scenario, mix, example_book)
    hours = amounts(alone, meter="hosting_hour")
    assert hours[0] == pytest.approx(744)
    assert amounts(both, meter="hosting_hour") == pytest.approx(hours)


def test_what_tasks_share_is_made_once(example_book: cm.PriceBook) -> None:
    tasks = (replace(WORK, name="mail"), replace(WORK, name="chat"))
    for shared, runs in ((False, 2), (True, 1)):
        stage = cm.Stage("mini-1", HOST, {"tune": replace(TUNE, shared=shared)})
        option = cm.Option("tuned", (stage,))
        found = planned(example_book, option, tasks=tasks)
        # 0.6 Mtok for each set of examples
        assert amounts(found, meter="train_mtok", phase="build")[0] == pytest.approx(0.6 * runs)


def test_each_task_counts_its_tokens_in_its_own_encoding(example_book: cm.PriceBook) -> None:
    tasks = (
        replace(WORK, name="heavy", counted_with="heavy"),
        replace(WORK, name="light"),
    )
    found = planned(example_book, an_option("writer-1"), tasks=tasks)
    # 31 Mtok as the model counts, and 31 x 1.5
    assert amounts(found, meter="input_mtok")[0] == pytest.approx(31 + 46.5)


def test_each_task_tries_again_as_often_as_it_states(example_book: cm.PriceBook) -> None:
    tasks = (replace(WORK, name="once"), replace(WORK, name="twice", retries=1))
    found = planned(example_book, an_option("small-1", success_rate=0.5), tasks=tasks)
    # attempts: 1, and 1 + 0.5
    assert amounts(found, meter="input_mtok")[0] == pytest.approx(31 + 46.5)


def test_a_committed_unit_bought_for_double_running_serves_on(
    example_book: cm.PriceBook,
) -> None:
    host = cm.Provisioned("example", commitment_months=6, units=1)
    option = an_option("old-1", cm.Stage("mini-1", host))
    found = planned(example_book, option, upkeep=replace(QUIET, double_running_days=14))
    units = amounts(found, meter="unit_hour")
    # from 2027-03-18 on, 14 days before the change; one unit is enough for all of May
    assert units[3] == pytest.approx(14 * 24)
    assert units[5] == pytest.approx(744)


@pytest.mark.parametrize(
    ("model", "months"),
    [("floor-1", 6), ("old-1", 4)],  # moved on 2027-06-01, and retired on 2027-04-01
)
def test_nothing_runs_beside_a_model_that_does_not_serve_yet(
    example_book: cm.PriceBook, model: str, months: int
) -> None:
    now = replace(an_option("small-1"), name="now")
    later = an_option(model, live_after=months, until_then="now")
    upkeep = replace(QUIET, double_running_days=14)
    scenario = a_scenario(later, now, start=date(2026, 11, 25), upkeep=upkeep)
    beside = amounts(plan(scenario, later, example_book), meter="input_mtok", cause="retirement")
    # live on the 25th of the month before, 7 days at 1 Mtok
    assert beside == pytest.approx([0] * months + [7] + [0] * (11 - months))
