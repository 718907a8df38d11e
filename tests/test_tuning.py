"""Rules of providers for tuning jobs, the work on data, and tuning on preferences."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.approaches import Approach
from costmodel.months import Array

Lay = Callable[..., cm.PriceBook]

QUIET: dict[str, Any] = {
    "requirement_changes_per_year": 0,
    "evaluate_every_months": 0,
    "evaluation_cases": 0,
    "label_life_months": 0,
    "double_running_days": 0,
}
# one run on 1,000 x 500 = 0.5 Mtok, once through, by nobody
PLAIN: dict[str, Any] = {
    "examples": 1_000,
    "epochs": 1,
    "runs_per_release": 1,
    "validation_share": 0,
    "minutes_per_example": 0,
    "second_annotator_share": 0,
    "collect_hours": 0,
    "build_hours": 0,
    "change_hours": 0,
    "release_hours": 0,
}


def offer(**facts: Any) -> tuple[str, str]:
    """Return a finetuning.csv of one row: base-2 at $2 per Mtok, with rules of its own."""
    row = {
        "provider": "example",
        "model": "base-2",
        "objective": "sft",
        "method": "lora",
        "unit": "mtok_epoch",
        "price": 2,
        "serves_as": "base-2",
        "billed_validation": "no",
    } | facts
    return ",".join(row), ",".join(str(value) for value in row.values())


def tuned(**facts: Any) -> cm.FineTune:
    return cm.FineTune(**({"tokens_per_example": 500} | PLAIN | facts))


def preferred(**facts: Any) -> cm.PreferenceTune:
    return cm.PreferenceTune(**({"prompt_tokens": 200, "answer_tokens": 100} | PLAIN | facts))


def billed(
    book: cm.PriceBook,
    approach: Approach,
    *,
    model: str = "base-2",
    months: int = 1,
    **upkeep: Any,
) -> cm.Bill:
    option = cm.Option("tune", (cm.Stage(model, cm.PerToken("example"), {"tune": approach}),))
    scenario = cm.Scenario(
        name="tuning",
        start=date(2026, 12, 1),
        months=months,
        workload=cm.Workload(0, {"question": 120, "answer": 180}),
        options=(option,),
        upkeep=cm.Upkeep(**(QUIET | upkeep)),
    )
    return cm.compare(scenario, book).bill("tune")


def refusal(book: cm.PriceBook, approach: Approach, **facts: Any) -> str:
    with pytest.raises((cm.PriceError, cm.ScenarioError)) as caught:
        billed(book, approach, **facts)
    return str(caught.value)


def lines(found: cm.Bill, **wanted: str) -> list[Any]:
    return [
        line
        for line in found.lines
        if all(
            {
                "activity": line.line.activity,
                "meter": line.meter,
                "sku": line.line.key.sku,
                "phase": line.line.phase,
                "cause": line.line.cause,
            }[name]
            == word
            for name, word in wanted.items()
        )
    ]


def amounts(found: cm.Bill, **wanted: str) -> Array:
    return np.asarray(sum((x.amount for x in lines(found, **wanted)), np.zeros(found.months.count)))


def usd(found: cm.Bill, **wanted: str) -> float:
    return float(sum(np.sum(line.cost) for line in lines(found, **wanted)))


# rules of providers


def test_a_set_below_the_minimum_is_refused_and_the_minimum_is_not(layered: Lay) -> None:
    book = layered(finetuning=offer(min_examples=10))
    said = refusal(book, tuned(examples=9))
    assert "example wants at least 10 examples to tune base-2:sft:lora, got 9" in said
    # 10 x 500 tokens
    assert amounts(billed(book, tuned(examples=10)), meter="train_mtok") == pytest.approx([0.005])


def test_a_set_above_the_maximum_is_refused_and_the_maximum_is_not(layered: Lay) -> None:
    book = layered(finetuning=offer(max_examples=10_000))
    said = refusal(book, tuned(examples=10_001))
    assert "example wants at most 10,000 examples to tune base-2:sft:lora, got 10,001" in said
    assert amounts(billed(book, tuned(examples=10_000)), meter="train_mtok") == pytest.approx([5])


def test_the_minimum_holds_without_packing_too(layered: Lay) -> None:
    book = layered(finetuning=offer(min_examples=10))
    said = refusal(book, tuned(examples=9, packing=False, sequence_length=4_096))
    assert "at least 10 examples" in said


def normal(z: float) -> float:
    """Return the share of a normal distribution below z."""
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


# lengths of mean 80,000 and cv 0.5: sigma^2 = ln 1.25, mu = ln 80,000 - sigma^2 / 2
SIGMA = math.sqrt(math.log(1.25))
Z = (math.log(80_000) - SIGMA**2 / 2 - math.log(100_000)) / SIGMA
# 24 % of the examples, and 41 % of the tokens, are longer than 100,000
LONG_EXAMPLES, LONG_TOKENS = normal(Z), normal(Z + SIGMA)


@pytest.mark.parametrize(
    ("over_long", "tokens"),
    [
        # the long ones count 100,000 each: 47,469 + 23,930
        ("truncate", 80_000 * (1 - LONG_TOKENS) + 100_000 * LONG_EXAMPLES),
        # the long ones are left out
        ("drop", 80_000 * (1 - LONG_TOKENS)),
        ("bill", 80_000),
    ],
)
def test_long_examples_are_cut_left_out_or_billed(
    layered: Lay, over_long: str, tokens: float
) -> None:
    assert (round(LONG_EXAMPLES, 4), round(LONG_TOKENS, 4)) == (0.2393, 0.4066)
    book = layered(finetuning=offer(max_example_tokens=100_000, over_long=over_long))
    found = billed(book, tuned(tokens_per_example=cm.Size(80_000, 0.5)))
    # 1,000 examples
    assert amounts(found, meter="train_mtok") == pytest.approx([tokens / 1_000])
    assert usd(found, meter="train_mtok") == pytest.approx(2 * tokens / 1_000)


def test_long_examples_are_refused_where_nobody_says_what_becomes_of_them(layered: Lay) -> None:
    book = layered(finetuning=offer(max_example_tokens=100_000))
    said = refusal(book, tuned(tokens_per_example=cm.Size(80_000, 0.5)))
    assert "24% of the examples are longer than the 100,000 tokens that example takes" in said
    # all alike: none or all
    assert "100% of the examples" in refusal(book, tuned(tokens_per_example=100_001))
    found = billed(book, tuned(tokens_per_example=100_000))
    assert amounts(found, meter="train_mtok") == pytest.approx([100])


def test_a_few_stray_long_examples_are_no_reason_to_refuse(layered: Lay) -> None:
    # mean 40,000, cv 0.3: sigma 0.294, z = -3.27, one example in 1,800
    book = layered(finetuning=offer(max_example_tokens=100_000))
    found = billed(book, tuned(tokens_per_example=cm.Size(40_000, 0.3)))
    assert amounts(found, meter="train_mtok") == pytest.approx([40])


def test_the_limit_is_in_the_tokens_of_the_provider(layered: Lay) -> None:
    # writer-1 counts 1.5 tokens for one of ours: 70,000 are 105,000, cut to 100,000
    rules = {"model": "writer-1", "serves_as": "writer-1", "max_example_tokens": 100_000}
    book = layered(finetuning=offer(**rules, over_long="truncate"))
    for ours, theirs in ((60_000, 90_000), (70_000, 100_000)):
        found = billed(book, tuned(tokens_per_example=ours), model="writer-1")
        assert amounts(found, meter="train_mtok") == pytest.approx([theirs / 1_000])


def test_a_set_of_which_nothing_is_left_is_refused(layered: Lay) -> None:
    book = layered(finetuning=offer(max_example_tokens=100_000, over_long="drop"))
    assert "100,000" in refusal(book, tuned(tokens_per_example=100_001))


def test_without_packing_every_example_is_billed_as_a_whole_sequence(
    example_book: cm.PriceBook,
) -> None:
    found = billed(example_book, tuned(packing=False, sequence_length=4_096, epochs=2))
    # 1,000 rows x 4,096 x 2 epochs, in place of 1,000 x 500 x 2
    assert amounts(found, meter="train_mtok") == pytest.approx([8.192])
    found = billed(example_book, tuned(packing=True, sequence_length=4_096, epochs=2))
    assert amounts(found, meter="train_mtok") == pytest.approx([1])


def test_without_packing_the_length_of_a_sequence_must_be_known() -> None:
    with pytest.raises(cm.ScenarioError, match="packing = false needs sequence_length"):
        tuned(packing=False)


@pytest.mark.parametrize(
    ("rule", "mtok"),
    # 0.5 Mtok, and a fifth of it read twice where that is billed
    [("yes", 0.7), ("no", 0.5), ("", 0.7)],
)
def test_validation_is_billed_or_not(layered: Lay, rule: str, mtok: float) -> None:
    book = layered(finetuning=offer(billed_validation=rule))
    found = billed(book, tuned(validation_share=0.2, evaluations=2))
    assert amounts(found, meter="train_mtok") == pytest.approx([mtok])
    said = "example: validation tokens taken as billed (not published)"
    assert (said in found.assumptions) == (rule == "")


def test_epochs_are_those_of_the_provider_unless_stated(layered: Lay) -> None:
    book = layered(finetuning=offer(default_epochs=4))
    found = billed(book, tuned(epochs=None))
    assert amounts(found, meter="train_mtok") == pytest.approx([2])
    assert "epochs: 4, the default of example" in found.assumptions
    assert amounts(billed(book, tuned(epochs=2)), meter="train_mtok") == pytest.approx([1])


def test_unpublished_epochs_are_taken_as_three_and_said(layered: Lay) -> None:
    found = billed(layered(finetuning=offer()), tuned(epochs=None))
    assert amounts(found, meter="train_mtok") == pytest.approx([1.5])
    said = "example chooses the epochs of base-2:sft:lora itself: 3 taken"
    assert said in found.assumptions


def test_a_minimum_holds_per_month_or_per_job(example_book: cm.PriceBook) -> None:
    # $2 per Mtok, at least $10 a month whatever the number of jobs
    facts: dict[str, Any] = {"epochs": 1, "on": date(2026, 12, 1), "book": example_book}
    monthly = [
        cm.training_cost("other", "monthly-1", tokens=1_000_000, runs=runs, **facts)
        for runs in (1, 4, 8)
    ]
    assert monthly == pytest.approx([10, 10, 16])
    # 1.5 per Mtok, at least $4 each job
    jobs = [
        cm.training_cost("other", "mix-47b", tokens=tokens, runs=2, method="lora", **facts)
        for tokens in (1_000_000, 4_000_000)
    ]
    assert jobs == pytest.approx([8, 12])


def test_a_job_in_a_scenario_pays_the_minimum_for_each_of_its_runs(layered: Lay) -> None:
    head, row = offer()
    book = layered(finetuning=(f"{head},minimum,minimum_per", f"{row},4,job"))
    # a run is 0.5 Mtok x $2 = $1, short of $4 by $3
    found = billed(book, tuned(runs_per_release=3))
    assert usd(found, activity="train") == pytest.approx(12)
    assert usd(found, meter="minimum_top_up") == pytest.approx(9)


# work on data

DATA: dict[str, Any] = {
    "minutes_per_example": 6,
    "second_annotator_share": 0.2,
    "usable_share": 0.8,
    "collect_hours": 7,
    "release_hours": 4,
}


def test_examples_are_collected_written_checked_and_released(example_book: cm.PriceBook) -> None:
    found = billed(example_book, tuned(**DATA), months=2)
    # 1,000 usable ones are 1,250 bought, 6 minutes each; a fifth is done by a second person
    assert amounts(found, activity="label") == pytest.approx([125, 0])
    assert amounts(found, activity="check") == pytest.approx([25, 0])
    assert amounts(found, activity="collect") == pytest.approx([7, 0])
    assert amounts(found, activity="release") == pytest.approx([4, 0])
    # 150 h x $30 + 11 h x $120
    assert usd(found, sku="annotator") == pytest.approx(4_500)
    assert usd(found, sku="ml_engineer") == pytest.approx(1_320)


def test_a_change_renews_a_share_of_the_examples_and_is_released_too(
    example_book: cm.PriceBook,
) -> None:
    found = billed(
        example_book,
        tuned(**DATA, refresh_share=0.4, change_hours=10),
        months=2,
        requirement_changes_per_year=12,
    )
    cause = {"cause": "requirement_change"}
    # one a month: 0.4 x 125 h, nothing collected anew, a training on the whole set
    assert amounts(found, activity="label", **cause) == pytest.approx([50, 50])
    assert amounts(found, activity="check", **cause) == pytest.approx([10, 10])
    assert amounts(found, activity="release", **cause) == pytest.approx([4, 4])
    assert amounts(found, activity="change", **cause) == pytest.approx([10, 10])
    assert amounts(found, activity="train", **cause) == pytest.approx([0.5, 0.5])
    assert amounts(found, activity="collect") == pytest.approx([7, 0])


def test_examples_that_a_model_writes_cost_its_tokens(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book,
        tuned(
            **DATA,
            synthetic_share=0.5,
            synthetic_model="example/mid-1",
            synthetic_prompt_tokens=600,
        ),
    )
    # 500 / 0.8 = 625 examples: 600 tokens in and 500 out each, at $3 and $15
    written = {"activity": "synthesise", "sku": "mid-1"}
    assert amounts(found, meter="input_mtok", **written) == pytest.approx([0.375])
    assert amounts(found, meter="output_mtok", **written) == pytest.approx([0.3125])
    assert usd(found, **written) == pytest.approx(0.375 * 3 + 0.3125 * 15)
    # people write the other half
    assert amounts(found, activity="label") == pytest.approx([62.5])


def test_nobody_labels_what_a_model_writes(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book,
        tuned(**DATA, synthetic_share=1, synthetic_model="example/mid-1", refresh_share=0.4),
        requirement_changes_per_year=12,
    )
    assert amounts(found, sku="annotator").sum() == 0
    # 1,250 x 500 tokens, and 0.4 of them for the change
    tokens = {"activity": "synthesise", "meter": "output_mtok"}
    assert amounts(found, phase="build", **tokens) == pytest.approx([0.625])
    assert amounts(found, phase="upkeep", **tokens) == pytest.approx([0.25])


def test_the_tokens_of_a_writer_are_its_own(example_book: cm.PriceBook) -> None:
    # writer-1 counts 1.5 for one of ours
    found = billed(
        example_book,
        tuned(synthetic_share=1, synthetic_model="example/writer-1", synthetic_prompt_tokens=600),
    )
    assert amounts(found, sku="writer-1", meter="input_mtok") == pytest.approx([0.9])
    assert amounts(found, sku="writer-1", meter="output_mtok") == pytest.approx([0.75])


def test_a_share_of_synthetic_examples_needs_a_model(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.ScenarioError, match="synthetic_share needs synthetic_model"):
        tuned(synthetic_share=0.5)
    said = refusal(example_book, tuned(synthetic_share=0.5, synthetic_model="example/mid-2"))
    assert "example has no model 'mid-2'" in said
    assert "mid-1" in said


def test_a_vendor_labels_by_the_piece(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book,
        tuned(**DATA, label_vendor="example/pair", refresh_share=0.4),
        months=2,
        requirement_changes_per_year=12,
    )
    # 1,250 examples and 250 done twice, at $0.50; 0.4 of them each month
    assert amounts(found, meter="item", phase="build") == pytest.approx([1_500, 0])
    assert amounts(found, meter="item", phase="upkeep") == pytest.approx([600, 600])
    assert usd(found, meter="item") == pytest.approx(0.5 * 2_700)
    assert amounts(found, sku="annotator").sum() == 0


def test_an_unknown_vendor_is_refused(example_book: cm.PriceBook) -> None:
    said = refusal(example_book, tuned(label_vendor="example/pear"))
    assert "example has no price for 'pear'" in said
    assert "pair" in said


def test_the_share_of_people_in_a_bill(example_book: cm.PriceBook) -> None:
    # 100 x 6 minutes = 10 h x $30 = $300; 100 x 0.5 Mtok x $2 = $100
    facts: dict[str, Any] = {"examples": 100, "tokens_per_example": 500_000}
    by_hand = billed(example_book, tuned(**facts, minutes_per_example=6))
    assert float(by_hand.total) == pytest.approx(400)
    assert float(by_hand.labour_share) == pytest.approx(0.75)
    # what a vendor is paid, 100 x $0.50, is nobody's wage here
    bought = billed(example_book, tuned(**facts, label_vendor="example/pair"))
    assert float(bought.total) == pytest.approx(150)
    assert float(bought.labour_share) == 0


def test_expertise_differs_by_approach() -> None:
    # prompts and retrieval are the work of software engineers, tuning that of specialists
    assert (cm.Prompting().role, cm.Rag(corpus_tokens=1).role) == ("software_engineer",) * 2
    assert (tuned().role, tuned().label_role) == ("ml_engineer", "annotator")


# preferences


@pytest.mark.parametrize(
    ("rule", "tokens"),
    # a prompt of 200 with two answers of 100, or sent once with each answer
    [("p+c+r", 400), ("2p+c+r", 600), ("", 400)],
)
def test_a_pair_is_billed_by_the_rule_of_the_provider(
    layered: Lay, rule: str, tokens: float
) -> None:
    book = layered(finetuning=offer(objective="dpo", pair_rule=rule))
    found = billed(book, preferred(minutes_per_example=5))
    assert amounts(found, meter="train_mtok") == pytest.approx([tokens / 1_000])
    assert usd(found, meter="train_mtok") == pytest.approx(2 * tokens / 1_000)
    # a pair is judged in 5 minutes
    assert amounts(found, activity="label") == pytest.approx([1_000 * 5 / 60])


def test_preferences_have_a_price_of_their_own(example_book: cm.PriceBook) -> None:
    # 0.4 Mtok x 2 epochs, the default of example, x $6
    found = billed(example_book, preferred(epochs=None), model="mini-1")
    assert usd(found, activity="train") == pytest.approx(4.8)


def test_preference_tuning_is_refused_where_only_examples_are_taken(
    example_book: cm.PriceBook,
) -> None:
    said = refusal(example_book, preferred())
    assert "example tunes 'base-2' with objective 'sft', not 'dpo'" in said


HOURLY: dict[str, Any] = {"objective": "rft", "method": "", "unit": "hour", "price": 80}
REINFORCED: dict[str, Any] = {
    "objective": "rft",
    "examples": 100,
    "samples": 4,
    "epochs": 2,
    "runs_per_release": 2,
    "grader": "example/mid-1",
    "grader_output_tokens": 50,
}


def test_reinforcement_is_billed_by_the_hour_with_the_tokens_of_the_grader(layered: Lay) -> None:
    found = billed(layered(finetuning=offer(**HOURLY)), preferred(**REINFORCED, hours_per_run=2.5))
    # 2 runs x 2.5 h x $80
    assert amounts(found, meter="train_hour") == pytest.approx([5])
    assert usd(found, activity="train") == pytest.approx(400)
    # 2 runs x 100 prompts x 4 answers x 2 epochs = 1,600 gradings of 300 tokens, 50 written
    assert amounts(found, activity="grade", meter="input_mtok") == pytest.approx([0.48])
    assert amounts(found, activity="grade", meter="output_mtok") == pytest.approx([0.08])
    assert usd(found, activity="grade") == pytest.approx(0.48 * 3 + 0.08 * 15)


def test_a_rule_of_ones_own_grades_for_nothing(layered: Lay) -> None:
    book = layered(finetuning=offer(**HOURLY))
    found = billed(book, preferred(**(REINFORCED | {"grader": ""}), hours_per_run=2.5))
    assert usd(found, activity="grade") == 0
    assert usd(found, activity="train") == pytest.approx(400)


def test_the_hours_of_a_run_must_be_stated(layered: Lay) -> None:
    said = refusal(layered(finetuning=offer(**HOURLY)), preferred(**REINFORCED))
    assert "example bills base-2:rft by time (hour); give the hours of one run" in said


def test_an_unknown_grader_is_refused(layered: Lay) -> None:
    facts = REINFORCED | {"grader": "example/mit-1", "hours_per_run": 1}
    said = refusal(layered(finetuning=offer(**HOURLY)), preferred(**facts))
    assert "example has no model 'mit-1'" in said


def test_a_model_writes_the_pair_and_not_the_billing_rule(layered: Lay) -> None:
    # 1,000 pairs written as p + c + r = 400 tokens, whatever is billed for training on them
    writer: dict[str, Any] = {"synthetic_share": 1, "synthetic_model": "example/mid-1"}
    for rule in ("p+c+r", "2p+c+r"):
        book = layered(finetuning=offer(objective="dpo", pair_rule=rule))
        found = billed(book, preferred(**writer))
        assert amounts(found, sku="mid-1", meter="output_mtok") == pytest.approx([0.4])
