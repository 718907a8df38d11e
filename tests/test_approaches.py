"""What each approach puts into the request, and the work it makes."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.approaches import Approach
from costmodel.months import Array
from costmodel.quantities.requests import Part, Request

QUIET = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    double_running_days=0,
)
REQUEST = Request((Part("system", 600, stable=True), Part("question", 120), Part("answer", 180)))


def rag(**facts: Any) -> cm.Rag:
    given: dict[str, Any] = {
        "context_tokens": 2_000,
        "corpus_tokens": 9_000_000,
        "embedding": "example/embed-1",
        "store": "example/store-1",
    }
    return cm.Rag(**(given | facts))


def billed(
    book: cm.PriceBook, *approaches: Approach, months: int = 2, upkeep: cm.Upkeep = QUIET
) -> cm.Bill:
    named = {approach.kind: approach for approach in approaches}
    option = cm.Option("option", (cm.Stage("mini-1", cm.PerToken("example"), named),))
    work = cm.Workload(1_000_000, {"system": 600, "question": 120, "answer": 180})
    scenario = cm.Scenario(
        name="approach",
        start=date(2026, 12, 1),
        months=months,
        workload=work,
        options=(option,),
        upkeep=upkeep,
    )
    return cm.compare(scenario, book).bill("option")


def amounts(found: cm.Bill, **wanted: str) -> Array:
    total = np.zeros(found.months.count)
    for line in found.lines:
        words = {
            "meter": line.meter,
            "activity": line.line.activity,
            "sku": line.line.key.sku,
            "phase": line.line.phase,
            "cause": line.line.cause,
            "kind": line.kind,
        }
        if all(words[name] == word for name, word in wanted.items()):
            total = total + line.amount
    return total


# prompting and few-shot


def test_prompting_writes_the_system_prompt() -> None:
    assert cm.Prompting().reshape(REQUEST) == REQUEST
    longer = cm.Prompting(system_tokens=1_500).reshape(REQUEST)
    assert longer.part("system") == Part("system", 1_500, stable=True)


def test_shots_are_examples_of_question_and_answer() -> None:
    shots = cm.FewShot(shots=4).reshape(REQUEST).part("shots")
    # 4 x (120 + 180)
    assert (float(shots.tokens), shots.stable) == (1_200, True)
    own = cm.FewShot(shots=4, tokens_per_shot=500).reshape(REQUEST)
    assert float(own.part("shots").tokens) == 2_000


def test_prompts_are_written_once_by_engineers(example_book: cm.PriceBook) -> None:
    found = billed(example_book, cm.Prompting(build_hours=20))
    assert amounts(found, sku="software_engineer", phase="build").tolist() == [20, 0]
    # $100 an hour
    assert float(found.by_phase()["build"]) == pytest.approx(2_000)


def test_a_change_of_requirements_takes_its_share_of_the_hours(
    example_book: cm.PriceBook,
) -> None:
    upkeep = cm.Upkeep(requirement_changes_per_year=6, evaluate_every_months=0, evaluation_cases=0)
    found = billed(example_book, cm.FewShot(change_hours=8), upkeep=upkeep)
    assert amounts(found, activity="change") == pytest.approx([4, 4])


# retrieval


def test_passages_stand_between_system_and_question_and_are_not_stable() -> None:
    request = rag(context_cv=0.5).reshape(REQUEST)
    assert [part.name for part in request.parts] == ["system", "context", "question", "answer"]
    assert request.part("context") == Part("context", 2_000, 0.5)


def test_a_corpus_is_embedded_once_and_its_changes_each_month(
    example_book: cm.PriceBook,
) -> None:
    found = billed(example_book, rag(overlap=0.1, monthly_churn=0.05))
    # 9 Mtok / 0.9 = 10; 5 % of it a month
    built = amounts(found, meter="mtok", phase="build")
    assert built == pytest.approx([10, 0])
    changed = amounts(found, meter="mtok", phase="upkeep", cause="stale_facts")
    assert changed == pytest.approx([0.5, 0.5])
    # each question is embedded too: 1,000,000 x 120
    assert amounts(found, meter="mtok", phase="serve") == pytest.approx([120, 120])


def test_an_index_is_stored_and_searched(example_book: cm.PriceBook) -> None:
    found = billed(example_book, rag(chunk_tokens=500, overlap=0.1, metadata_bytes=1_000), months=1)
    # 9,000,000 / 450 = 20,000 records x (4 x 1,000 + 1,000) bytes = 0.1 GB, within the free 1 GB
    assert amounts(found, meter="gb_month", kind="allowance") == pytest.approx([0.1])
    assert amounts(found, meter="gb_month", kind="usage") == pytest.approx([0])
    # a million searches, in thousands
    assert amounts(found, sku="store-1", meter="krequest") == pytest.approx([1_000])


def test_a_store_of_units_bills_writes_and_reads(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book,
        rag(
            store="other/store-2",
            chunk_tokens=500,
            overlap=0.1,
            metadata_bytes=1_000,
            monthly_churn=0.1,
        ),
    )
    # 20,000 records x 5 units of a kilobyte = 0.1 M; a tenth of it a month
    assert amounts(found, meter="mwu", phase="build") == pytest.approx([0.1, 0])
    assert amounts(found, meter="mwu", phase="upkeep") == pytest.approx([0.01, 0.01])
    # 0.1 GB is below the quarter unit a query costs at least: 1,000,000 x 0.25
    assert amounts(found, meter="mru") == pytest.approx([0.25, 0.25])
    # December: 0.11 x $4 + 0.25 x $16 + 0.1 x $0.33 = $4.473, raised to $50
    store = [line for line in found.lines if line.line.key.sku == "store-2"]
    assert sum(float(line.cost[0]) for line in store) == pytest.approx(50)


def test_a_reranker_is_asked_for_each_request(example_book: cm.PriceBook) -> None:
    found = billed(example_book, rag(rerank="example/rerank-1"))
    assert amounts(found, sku="rerank-1") == pytest.approx([1_000, 1_000])
    assert amounts(billed(example_book, rag()), sku="rerank-1").sum() == 0


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"embedding": "example/embed-2"}, "no embedding 'example/embed-2' in retrieval.csv"),
        ({"store": "example/stor-1"}, "no product 'example/stor-1' in retrieval.csv; did you mean"),
        ({"store": "other/store-3"}, "which rag cannot count yet"),
        ({"rerank": "example/embed-1"}, "no rerank 'example/embed-1'"),
    ],
)
def test_a_product_that_cannot_be_used_is_refused(
    example_book: cm.PriceBook, facts: dict[str, str], said: str
) -> None:
    with pytest.raises((cm.PriceError, cm.ScenarioError)) as caught:
        billed(example_book, rag(**facts))
    assert said in str(caught.value)


# fine-tuning


def test_tuning_keeps_a_share_of_a_part() -> None:
    tune = cm.FineTune(examples=1, tokens_per_example=1, keeps={"system": 0.2})
    assert float(tune.reshape(REQUEST).part("system").tokens) == pytest.approx(120)
    assert tune.reshape(REQUEST).part("system").stable


def test_a_tune_is_labelled_trained_and_stored(example_book: cm.PriceBook) -> None:
    tune = cm.FineTune(
        examples=1_200,
        tokens_per_example=cm.Size(500, 0.6),
        epochs=3,
        runs_per_release=2,
        minutes_per_example=5,
        second_annotator_share=0.2,
        usable_share=0.8,
        collect_hours=6,
        release_hours=4,
        build_hours=40,
        versions_kept=4,
        model_gb=0.25,
    )
    found = billed(example_book, tune)
    # 1,200 / 0.8 x 5 minutes = 125 hours, a fifth of them twice; 40 + 6 + 4 hours of engineers;
    # 2 runs x 0.6 Mtok x 3 epochs; 4 x 0.25 GB
    assert amounts(found, sku="annotator", phase="build").tolist() == pytest.approx([150, 0])
    assert amounts(found, sku="ml_engineer", phase="build").tolist() == [50, 0]
    assert amounts(found, meter="train_mtok").tolist() == pytest.approx([3.6, 0])
    assert amounts(found, meter="storage_gb_month").tolist() == [1, 1]
    # 150 x $30 + 50 x $120 + 3.6 x $3
    assert float(found.by_phase()["build"]) == pytest.approx(4_500 + 6_000 + 10.8)


def test_full_tuning_has_its_own_price(example_book: cm.PriceBook) -> None:
    facts: dict[str, Any] = {"examples": 1_000, "tokens_per_example": 500, "epochs": 1}
    costs = [
        sum(
            float(line.cost.sum())
            for line in billed(example_book, cm.FineTune(method=method, **facts)).lines
            if line.meter == "train_mtok"
        )
        for method in ("lora", "full")
    ]
    # 2 runs x 0.5 Mtok x $3 or $4
    assert costs == pytest.approx([3, 4])


def test_the_order_of_approaches_is_the_order_of_reshaping() -> None:
    tune = cm.FineTune(examples=1, tokens_per_example=1, keeps={"system": 0.5})
    prompt = cm.Prompting(system_tokens=2_000)
    first = tune.reshape(prompt.reshape(REQUEST))
    second = prompt.reshape(tune.reshape(REQUEST))
    assert float(first.part("system").tokens) == 1_000
    assert float(second.part("system").tokens) == 2_000


def test_rag_with_a_tune_is_both(example_book: cm.PriceBook) -> None:
    tune = cm.FineTune(examples=1_000, tokens_per_example=500, epochs=1)
    both = billed(example_book, rag(), tune)
    assert amounts(both, meter="train_mtok").sum() > 0
    assert amounts(both, meter="krequest").sum() > 0
    # 600 + 2,000 + 120
    served = amounts(both, meter="input_mtok", phase="serve", sku="ft:mini-1")
    assert served == pytest.approx([2_720, 2_720])
