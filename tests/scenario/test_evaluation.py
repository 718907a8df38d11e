"""What it takes to know whether the answers are still good."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.approaches import Approach
from costmodel.months import Array

# 100 cases a month, a fifth of them read for 3 minutes
CARE: dict[str, Any] = {
    "requirement_changes_per_year": 0,
    "evaluate_every_months": 1,
    "evaluation_cases": 100,
    "review_share": 0.2,
    "review_minutes": 3,
    "label_life_months": 0,
    "double_running_days": 0,
}
JUDGE: dict[str, Any] = {
    "judge": "example/mid-1",
    "judge_prompt_tokens": 300,
    "judge_output_tokens": 100,
}


def billed(book: cm.PriceBook, *approaches: Approach, **upkeep: Any) -> cm.Bill:
    named = {approach.kind: approach for approach in approaches}
    stage = cm.Stage("mini-1", cm.PerToken("example"), named)
    scenario = cm.Scenario(
        name="evaluation",
        start=date(2026, 12, 1),
        months=2,
        workload=cm.Workload(0, {"system": 600, "question": 120, "answer": 180}),
        options=(cm.Option("option", (stage,)),),
        upkeep=cm.Upkeep(**(CARE | upkeep)),
    )
    return cm.compare(scenario, book).bill("option")


def amounts(found: cm.Bill, meter: str, sku: str, phase: str = "upkeep") -> Array:
    chosen = [
        line.amount
        for line in found.lines
        if (line.meter, line.line.key.sku, line.line.phase) == (meter, sku, phase)
    ]
    return np.asarray(sum(chosen, np.zeros(found.months.count)))


def usd(found: cm.Bill, activity: str) -> float:
    return float(sum(x.cost.sum() for x in found.lines if x.line.activity == activity))


def tune(**facts: Any) -> cm.FineTune:
    return cm.FineTune(examples=1_000, tokens_per_example=500, **facts)


def test_the_test_set_goes_through_the_model_every_month(example_book: cm.PriceBook) -> None:
    found = billed(example_book)
    # 100 x 720 in and 100 x 180 out
    assert amounts(found, "input_mtok", "mini-1") == pytest.approx([0.072, 0.072])
    assert amounts(found, "output_mtok", "mini-1") == pytest.approx([0.018, 0.018])
    # 100 x 0.2 x 3 minutes at $60
    assert amounts(found, "person_hour", "domain_expert") == pytest.approx([1, 1])
    assert usd(found, "evaluate") == pytest.approx(120)
    # nobody judges but people
    assert usd(found, "judge") == 0


def test_a_judge_reads_question_answer_and_rubric(example_book: cm.PriceBook) -> None:
    found = billed(example_book, **JUDGE)
    # 100 x (120 + 180 + 300) in, 100 x 100 out, at $3 and $15
    assert amounts(found, "input_mtok", "mid-1") == pytest.approx([0.06, 0.06])
    assert amounts(found, "output_mtok", "mid-1") == pytest.approx([0.01, 0.01])
    assert usd(found, "judge") == pytest.approx(2 * (0.06 * 3 + 0.01 * 15))


def test_every_quality_is_judged_by_itself(example_book: cm.PriceBook) -> None:
    found = billed(example_book, **JUDGE, quality_dimensions=4)
    assert amounts(found, "input_mtok", "mid-1") == pytest.approx([0.24, 0.24])
    assert amounts(found, "person_hour", "domain_expert") == pytest.approx([4, 4])
    # the answer is given once
    assert amounts(found, "output_mtok", "mini-1") == pytest.approx([0.018, 0.018])


def test_the_tokens_of_a_judge_are_its_own(example_book: cm.PriceBook) -> None:
    # writer-1 counts 1.5 for one of ours
    found = billed(example_book, **(JUDGE | {"judge": "example/writer-1"}))
    assert amounts(found, "input_mtok", "writer-1") == pytest.approx([0.09, 0.09])


def test_a_tuned_model_is_tested_beside_its_base_when_it_is_made(
    example_book: cm.PriceBook,
) -> None:
    found = billed(example_book, tune())
    for model in ("ft:mini-1", "mini-1"):
        assert amounts(found, "input_mtok", model, "build") == pytest.approx([0.072, 0])
        assert amounts(found, "output_mtok", model, "build") == pytest.approx([0.018, 0])
    # after that, the tuned one alone
    assert amounts(found, "input_mtok", "ft:mini-1") == pytest.approx([0.072, 0.072])
    assert amounts(found, "input_mtok", "mini-1").sum() == 0


def test_the_comparison_with_the_base_can_be_left_out(example_book: cm.PriceBook) -> None:
    found = billed(example_book, tune(), compare_with_base=False)
    assert amounts(found, "input_mtok", "ft:mini-1", "build") == pytest.approx([0.072, 0])
    assert amounts(found, "input_mtok", "mini-1", "build").sum() == 0


def test_a_model_that_is_not_tuned_has_no_base(example_book: cm.PriceBook) -> None:
    found = billed(example_book, cm.Prompting())
    assert amounts(found, "input_mtok", "mini-1", "build") == pytest.approx([0.072, 0])


def test_a_changed_model_is_tested_again(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book, cm.Prompting(), requirement_changes_per_year=12, evaluate_every_months=0
    )
    # one change a month
    assert amounts(found, "input_mtok", "mini-1") == pytest.approx([0.072, 0.072])


def test_an_unknown_judge_is_refused(example_book: cm.PriceBook) -> None:
    for judge, said in (
        ("example/mit-1", "example has no model 'mit-1'"),
        ("exampel/mid-1", "unknown provider 'exampel'; did you mean 'example'"),
    ):
        with pytest.raises(cm.PriceError) as caught:
            billed(example_book, judge=judge)
        assert said in str(caught.value)
