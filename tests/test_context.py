"""Documents in the prompt: the whole corpus, or what a store finds, with every unit it bills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.approaches import Approach
from costmodel.months import Array
from costmodel.quantities.requests import Part, Request

Lay = Callable[..., cm.PriceBook]

QUIET = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    double_running_days=0,
)
REQUEST = Request((Part("system", 600, stable=True), Part("question", 120), Part("answer", 180)))
STORE = "provider,product,component,unit,price,allowance,minimum"


def rag(**facts: Any) -> cm.Rag:
    """Return an index of 20,000 records of 5,000 bytes: 0.1 GB, 20 M dimensions."""
    given: dict[str, Any] = {
        # 9,000,000 / (500 x 0.9); 4 x 1,000 dimensions + 1,000 bytes
        "corpus_tokens": 9_000_000,
        "chunk_tokens": 500,
        "overlap": 0.1,
        "metadata_bytes": 1_000,
        "monthly_churn": 0.1,
        "embedding": "example/embed-1",
        "store": "example/store-1",
        "build_hours": 0,
        "curation_hours_per_month": 0,
    }
    return cm.Rag(**(given | facts))


def billed(
    book: cm.PriceBook,
    *approaches: Approach,
    parts: Mapping[str, float] | None = None,
    months: int = 1,
    **facts: Any,
) -> cm.Bill:
    named = {approach.kind: approach for approach in approaches}
    stage = cm.Stage("mini-1", cm.PerToken("example"), named)
    scenario = cm.Scenario(
        name="documents",
        start=date(2026, 12, 1),
        months=months,
        workload=cm.Workload(
            1_000_000, dict(parts or {"system": 600, "question": 120, "answer": 180})
        ),
        options=(cm.Option("option", (stage,), **facts),),
        upkeep=QUIET,
    )
    return cm.compare(scenario, book).bill("option")


def amounts(found: cm.Bill, meter: str, sku: str, phase: str = "") -> Array:
    chosen = [
        line.amount
        for line in found.lines
        if (line.meter, line.line.key.sku) == (meter, sku)
        and line.kind == "usage"
        and phase in ("", line.line.phase)
    ]
    return np.asarray(sum(chosen, np.zeros(found.months.count)))


def usd(found: cm.Bill, sku: str) -> Array:
    chosen = [line.cost for line in found.lines if line.line.key.sku == sku]
    return np.asarray(sum(chosen, np.zeros(found.months.count)))


# the whole corpus


def test_the_corpus_stands_behind_the_system_prompt_and_is_stable() -> None:
    request = cm.LongContext(corpus_tokens=50_000).reshape(REQUEST)
    assert [part.name for part in request.parts] == ["system", "corpus", "question", "answer"]
    assert request.part("corpus") == Part("corpus", 50_000, stable=True)


def test_the_corpus_is_read_from_the_cache(example_book: cm.PriceBook) -> None:
    corpus = cm.LongContext(corpus_tokens=50_000)
    found = billed(example_book, corpus, cache_hit_share=1.0)
    # a million times 600 + 50,000 tokens at $0.10, and 120 at $0.40
    assert amounts(found, "cached_input_mtok", "mini-1") == pytest.approx([50_600])
    assert amounts(found, "input_mtok", "mini-1") == pytest.approx([120])
    # answers: 180 Mtok at $1.60
    assert usd(found, "mini-1") == pytest.approx([5_060 + 48 + 288])


def test_without_a_cache_the_corpus_is_paid_with_every_request(
    example_book: cm.PriceBook,
) -> None:
    found = billed(example_book, cm.LongContext(corpus_tokens=50_000), caching=False)
    assert amounts(found, "cached_input_mtok", "mini-1").sum() == 0
    assert amounts(found, "input_mtok", "mini-1") == pytest.approx([50_720])


def test_a_corpus_that_does_not_fit_is_refused(example_book: cm.PriceBook) -> None:
    # 600 + 120 of 128,000 are taken
    billed(example_book, cm.LongContext(corpus_tokens=127_280))
    with pytest.raises(cm.ScenarioError) as caught:
        billed(example_book, cm.LongContext(corpus_tokens=127_281))
    said = "a prompt of 128,001 tokens does not fit the context window of example/mini-1, 128,000"
    assert said in str(caught.value)


def test_a_corpus_is_prepared_once_and_kept_right_each_month(example_book: cm.PriceBook) -> None:
    corpus = cm.LongContext(corpus_tokens=50_000, build_hours=30, curation_hours_per_month=5)
    found = billed(example_book, corpus, months=2)
    assert amounts(found, "person_hour", "software_engineer", "build").tolist() == [30, 0]
    assert amounts(found, "person_hour", "software_engineer", "upkeep").tolist() == [5, 5]


def test_passages_beside_a_corpus_are_not_cached(example_book: cm.PriceBook) -> None:
    corpus = cm.LongContext(corpus_tokens=50_000)
    found = billed(example_book, corpus, rag(context_tokens=2_000), cache_hit_share=1.0)
    assert amounts(found, "cached_input_mtok", "mini-1") == pytest.approx([50_600])
    assert amounts(found, "input_mtok", "mini-1") == pytest.approx([2_120])
    # in whichever order they are named
    turned = billed(example_book, rag(context_tokens=2_000), corpus, cache_hit_share=1.0)
    assert float(turned.total) == pytest.approx(float(found.total))


# what is retrieved


def test_the_context_is_so_many_chunks_unless_it_is_stated() -> None:
    assert float(rag(top_k=5).reshape(REQUEST).part("context").tokens) == 2_500
    assert float(rag(top_k=8, chunk_tokens=300).reshape(REQUEST).part("context").tokens) == 2_400
    stated = rag(top_k=5, context_tokens=1_000).reshape(REQUEST)
    assert float(stated.part("context").tokens) == 1_000


def test_a_reranker_is_billed_by_the_request(layered: Lay) -> None:
    book = layered(retrieval=(STORE, "example,ranker,rerank,krequest,2,1,"))
    found = billed(book, rag(rerank="example/ranker"), months=2)
    # the first thousand of each month is free
    assert amounts(found, "krequest", "ranker") == pytest.approx([999, 999])
    assert usd(found, "ranker") == pytest.approx([1_998, 1_998])


def test_a_reranker_is_billed_by_the_tokens_it_reads(layered: Lay) -> None:
    book = layered(retrieval=(STORE, "example,ranker,rerank,mtok,0.05,,"))
    found = billed(book, rag(rerank="example/ranker", candidates=25))
    # 25 candidates, each of 500 tokens with the question of 120
    assert amounts(found, "mtok", "ranker") == pytest.approx([15_500])
    assert usd(found, "ranker") == pytest.approx([775])


# a store by every unit


@pytest.mark.parametrize(
    ("component", "unit", "amount"),
    [
        # 1,000,000 searches of 0.1 GB each
        ("search", "mru", 0.25),  # a quarter unit is the least
        ("search", "tb", 100),
        ("search", "pb", 1.28),  # 1.28 GB is the least
        # 5 records of 5,000 bytes sent back
        ("search", "gb", 25),
        ("search", "krequest", 1_000),
        ("search", "mrequest", 1),
        # December has 744 hours and 31 days
        ("search", "unit_hour", 744 * 3),
        ("vector_store", "gb_day", 3.1),
        ("vector_store", "gb_month", 0.1),
        ("vector_store", "gib_month", 0.1e9 / 2**30),
        ("vector_store", "mdim_month", 20),
        ("vector_store", "month", 1),
    ],
)
def test_a_store_is_billed_by_its_unit(
    layered: Lay, component: str, unit: str, amount: float
) -> None:
    book = layered(retrieval=(STORE, f"other,shelf,{component},{unit},7,,"))
    found = billed(book, rag(store="other/shelf", top_k=5, search_units=3))
    meter = "search_unit_hour" if unit == "unit_hour" else unit
    assert amounts(found, meter, "shelf") == pytest.approx([amount])
    assert usd(found, "shelf") == pytest.approx([7 * amount])


@pytest.mark.parametrize(("unit", "built"), [("mwu", 0.1), ("gb", 0.1)])
def test_what_changes_is_written_again(layered: Lay, unit: str, built: float) -> None:
    # 20,000 records of 5 kilobytes: 0.1 M units of one, 0.1 GB; a tenth changes in a month
    book = layered(retrieval=(STORE, f"other,shelf,ingestion,{unit},7,,"))
    found = billed(book, rag(store="other/shelf", monthly_churn=0.1), months=2)
    assert amounts(found, unit, "shelf", "build") == pytest.approx([built, 0])
    assert amounts(found, unit, "shelf", "upkeep") == pytest.approx([built / 10, built / 10])
    still = billed(book, rag(store="other/shelf", monthly_churn=0), months=2)
    assert amounts(still, unit, "shelf", "upkeep").sum() == 0
    # and embedded again: 9 Mtok / 0.9
    assert amounts(found, "mtok", "embed-1", "upkeep") == pytest.approx([1, 1])


def test_a_record_of_a_kilobyte_begun_is_two_write_units(layered: Lay) -> None:
    # 4 x 1,000 + 1,001 bytes are six kilobytes begun
    book = layered(retrieval=(STORE, "other,shelf,ingestion,mwu,7,,"))
    found = billed(book, rag(store="other/shelf", metadata_bytes=1_001))
    assert amounts(found, "mwu", "shelf", "build") == pytest.approx([0.12])


@pytest.mark.parametrize(
    ("unit", "amount"),
    # 1,000,000 searches of 2 GB, over the least of either
    [("mru", 2), ("pb", 2), ("tb", 2_000)],
)
def test_searches_grow_with_the_index(layered: Lay, unit: str, amount: float) -> None:
    book = layered(retrieval=(STORE, f"other,shelf,search,{unit},7,,"))
    found = billed(book, rag(store="other/shelf", corpus_tokens=180_000_000))
    assert amounts(found, unit, "shelf") == pytest.approx([amount])


def test_an_allowance_comes_back_every_month(layered: Lay) -> None:
    book = layered(retrieval=(STORE, "other,shelf,search,krequest,2,400,"))
    found = billed(book, rag(store="other/shelf"), months=2)
    assert amounts(found, "krequest", "shelf") == pytest.approx([600, 600])


def test_a_monthly_minimum_is_no_more_than_a_minimum(layered: Lay) -> None:
    lines = [
        "other,shelf,search,krequest,0.03,,50",
        "other,shelf,vector_store,gb_month,100,,50",
    ]
    found = billed(layered(retrieval=(STORE, *lines)), rag(store="other/shelf"), months=2)
    # 1,000 x 0.03 + 0.1 x 100 = 40, raised to 50 once and not for each of the two rows
    assert usd(found, "shelf") == pytest.approx([50, 50])
    dear = [line.replace("0.03", "0.07") for line in lines]
    found = billed(layered(retrieval=(STORE, *dear)), rag(store="other/shelf"), months=2)
    assert usd(found, "shelf") == pytest.approx([80, 80])


def test_an_index_of_vectors_of_unknown_length_is_refused(layered: Lay) -> None:
    book = layered(retrieval=(STORE, "other,embed-9,embedding,mtok,0.1,,"))
    with pytest.raises(cm.PriceError) as caught:
        billed(book, rag(embedding="other/embed-9"))
    said = "retrieval.csv gives no dimensions for 'other/embed-9': fill them in"
    assert said in str(caught.value)


def test_a_store_with_a_unit_that_nobody_counts_is_refused(layered: Lay) -> None:
    book = layered(retrieval=(STORE, "other,shelf,ingestion,mtok,1,,"))
    with pytest.raises(cm.ScenarioError) as caught:
        billed(book, rag(store="other/shelf"))
    assert "other/shelf bills ingestion by the mtok" in str(caught.value)
