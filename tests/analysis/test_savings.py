"""The same log at other prices, on a log of $1.14 whose every figure can be worked out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.analysis.drafting import drafted, scenario_text
from costmodel.analysis.savings import Saving, Savings, savings
from costmodel.errors import DataError, PriceError, ScenarioError
from costmodel.usage.ledger import Ledger, rows_of
from costmodel.usage.pricing import Priced, price


def log(book: cm.PriceBook, count: int = 1, **columns: Any) -> Priced:
    # 800k fresh at $0.40, 200k cached at $0.10, 500k written at $1.60: $0.32 + $0.02 + $0.80
    made: dict[str, Any] = {
        "day": np.full(count, "2026-12-01", "datetime64[s]"),
        "provider": "example",
        "model": "mini-1",
        "requests": 500.0,
        "input_tokens": 1_000_000,
        "cached_input_tokens": 200_000,
        "output_tokens": 500_000,
        "request_tokens": 2_000,
    }
    return price(Ledger(rows_of(made | columns, count)), book)


def of(found: Savings, kind: str) -> Saving:
    (one,) = [saving for saving in found.found if saving.kind == kind]
    return one


@pytest.fixture
def found(example_book: cm.PriceBook) -> Savings:
    return savings(log(example_book), models=["example/base-2"])


def test_what_the_log_cost(found: Savings) -> None:
    assert found.list_usd == pytest.approx(1.14)
    assert found.billed_usd is None


def test_half_of_the_requests_in_batch_mode(found: Savings) -> None:
    # in batch mode everything is half as dear: $0.57 for half of it
    assert of(found, "mode").saved_usd == pytest.approx(1.14 / 4)


def test_half_of_the_input_from_the_cache(found: Savings) -> None:
    # 500k at $0.40 and 500k at $0.10 in place of 800k and 200k
    assert of(found, "cache").saved_usd == pytest.approx(0.09)


def test_prompts_half_as_long(found: Savings) -> None:
    assert of(found, "prompt").saved_usd == pytest.approx(0.34 / 2)


def test_all_of_it_at_once_saves_less_than_the_sum(found: Savings) -> None:
    # shorter: $0.97, of which half in batch mode; 1,000 tokens are too few for the cache
    assert of(found, "together").usd == pytest.approx(0.97 * 0.75)
    parts = sum(of(found, kind).saved_usd for kind in ("mode", "cache", "prompt"))
    assert of(found, "together").saved_usd < parts


def test_a_model_without_a_price_for_cached_input_reads_it_as_plain(found: Savings) -> None:
    # 1 Mtok at $0.20 and half a Mtok at $0.80
    assert of(found, "model").usd == pytest.approx(0.6)


def test_tokens_are_those_of_the_other_tokenizer(example_book: cm.PriceBook) -> None:
    ratio = example_book.catalog.tokens_per("heavy", "o200k_base")
    assert ratio != 1
    one = of(savings(log(example_book), models=["example/writer-1"]), "model")
    # $1 fresh, $0.10 cached, $4 written
    assert one.usd == pytest.approx((0.8 + 0.02 + 2.0) * ratio, rel=1e-6)
    assert one.tokens_ratio == pytest.approx(ratio)
    assert any("tokens of heavy for one of o200k_base" in note for note in one.notes)


def test_what_does_not_fit_a_context_window_stays_where_it_is(example_book: cm.PriceBook) -> None:
    # the second row has prompts of 200,000 tokens; mini-1 holds 128,000
    sizes = np.array([2_000, 200_000])
    priced = log(example_book, 2, model="mid-1", request_tokens=sizes, cached_input_tokens=0)
    one = of(savings(priced, models=["example/mini-1"]), "model")
    each = 3 + 0.5 * 15
    assert one.usd == pytest.approx(each + 0.4 + 0.8)
    assert one.share == pytest.approx(0.5)
    assert any("50.0% of the money stays where it is: too long" in note for note in one.notes)
    both = log(example_book, model="mid-1", request_tokens=200_000)
    refused = savings(both, models=["example/mini-1"]).refused
    assert "has 128,000 tokens" in refused["example/mini-1"]


def test_a_tier_is_chosen_by_the_length_of_a_request(example_book: cm.PriceBook) -> None:
    # tiered-1 costs $0.50 and $2 up to 100,000 tokens, $2.50 and $6 above
    priced = log(example_book, model="mid-1", request_tokens=150_000, cached_input_tokens=0)
    one = of(savings(priced, models=["example/tiered-1"]), "model")
    assert one.usd == pytest.approx(2.5 + 3.0)
    # prompts of half that length are below it, and half as many tokens
    short = savings(log(example_book, model="tiered-1", request_tokens=150_000), keeps=0.5)
    assert of(short, "prompt").usd == pytest.approx(0.25 + 1.0)


def test_what_is_not_on_sale_yet_is_refused(example_book: cm.PriceBook) -> None:
    found = savings(log(example_book), models=["example/late-1"])
    assert found.refused == {"example/late-1": "example/late-1 has no price on the days of the log"}


def test_shares_models_and_logs_that_are_none(example_book: cm.PriceBook) -> None:
    with pytest.raises(ScenarioError, match=r"batch must be a share from 0 to 1, got 1\.5"):
        savings(log(example_book), batch=1.5)
    with pytest.raises(PriceError, match="did you mean 'mini-1'"):
        savings(log(example_book), models=["example/mini-2"])
    with pytest.raises(DataError, match="no row of tokens with a list price"):
        savings(log(example_book, model="unknown-7"))


def test_it_does_not_matter_how_rows_are_divided(example_book: cm.PriceBook) -> None:
    many = log(
        *(example_book, 100),
        requests=5.0,
        input_tokens=10_000,
        cached_input_tokens=2_000,
        output_tokens=5_000,
    )
    one, other = (
        savings(priced, models=["example/base-2"]) for priced in (log(example_book), many)
    )
    for a, b in zip(one.found, other.found, strict=True):
        assert a.saved_usd == pytest.approx(b.saved_usd)


# a scenario from real use


def four_weeks(book: cm.PriceBook, **columns: Any) -> Priced:
    days = np.arange("2026-11-02", "2026-11-30", dtype="datetime64[D]").astype("datetime64[s]")
    return log(book, days.size, **({"day": days} | columns))


def draft(book: cm.PriceBook, priced: Priced, path: Path) -> cm.Scenario:
    path.write_text(scenario_text(drafted(priced), savings(priced), book), "utf-8")
    return cm.Scenario.read(path)


def test_a_draft_costs_what_the_log_did(example_book: cm.PriceBook, tmp_path: Path) -> None:
    scenario = draft(example_book, four_weeks(example_book), tmp_path / "draft.toml")
    assert scenario.start.isoformat() == "2026-12-01"
    # 500 a day: a mean month has 30.4375 of them, said with three digits
    assert scenario.workload.requests == pytest.approx(15_219, rel=0.005)
    found = cm.compare(scenario, example_book)
    bill = found.bill("Today: example/mini-1")
    served = [line for line in bill.lines if line.line.activity == "serve"]
    usd = sum(float(line.cost[0]) for line in served if line.line.phase == "serve")
    assert usd == pytest.approx(1.14 * 30.4375, rel=0.01)
    assert "If all options answer equally well" in found.verdict


def test_single_requests_tell_spread_prefix_and_hits(example_book: cm.PriceBook) -> None:
    # three calls in four find 1,200 tokens warm; questions of 600 and 1,000 tokens by turns
    count = 28 * 40
    days = np.repeat(np.arange("2026-11-02", "2026-11-30", dtype="datetime64[D]"), 40)
    warm = np.arange(count) % 4 != 0
    question = np.where(np.arange(count) % 8 < 4, 600, 1_000)
    priced = price(
        Ledger(
            rows_of(
                {
                    "day": days.astype("datetime64[s]"),
                    "provider": "example",
                    "model": "mini-1",
                    "requests": 1.0,
                    "input_tokens": 1_200 + question,
                    "cached_input_tokens": np.where(warm, 1_200, 0),
                    "output_tokens": 200,
                    "request_tokens": 1_200 + question,
                },
                count,
            )
        ),
        example_book,
    )
    found = drafted(priced)
    assert (found.single, found.prefix, found.hit) == (True, 1_200.0, 0.75)
    assert found.question[0] == pytest.approx(800.0)
    assert found.answer == (200.0, 0.0)


def test_growth_is_drafted_where_it_is_seen(example_book: cm.PriceBook) -> None:
    days = np.arange("2026-10-05", "2026-11-30", dtype="datetime64[D]").astype("datetime64[s]")
    weeks = np.arange(days.size) // 7
    grown = price(
        Ledger(
            rows_of(
                {
                    "day": days,
                    "provider": "example",
                    "model": "mini-1",
                    "requests": 1000 * 1.02**weeks,
                    "input_tokens": 1_000_000,
                    "output_tokens": 100_000,
                },
                days.size,
            )
        ),
        example_book,
    )
    growth = drafted(grown).growth
    assert growth is not None
    assert growth[1] == pytest.approx(1.02 ** (30.4375 / 7) - 1, rel=1e-3)
    assert drafted(four_weeks(example_book)).growth is None


def test_several_models_of_today_become_a_mix(example_book: cm.PriceBook, tmp_path: Path) -> None:
    from costmodel.usage.ledger import joined

    parts = [four_weeks(example_book).frame, four_weeks(example_book, model="mid-1").frame]
    columns = [c for c in parts[0].columns if c in rows_of({}, 0).columns]
    priced = price(Ledger(joined([part[columns] for part in parts])), example_book)
    scenario = draft(example_book, priced, tmp_path / "draft.toml")
    mix = scenario.option("Today, as divided")
    assert isinstance(mix, cm.Mix)
    assert mix.shares == {"Today: example/mini-1": 0.5, "Today: example/mid-1": 0.5}
    assert cm.compare(scenario, example_book).bill("Today, as divided").total > 0


def test_a_log_without_requests_is_no_scenario(example_book: cm.PriceBook) -> None:
    with pytest.raises(DataError, match="does not say how many requests"):
        drafted(four_weeks(example_book, requests=np.nan))
    with pytest.raises(DataError, match="a scenario is drafted from a week at least"):
        drafted(log(example_book))


def test_a_row_for_each_month_is_not_taken_for_a_day(example_book: cm.PriceBook) -> None:
    two = log(example_book, 2, day=np.array(["2026-12-01", "2027-01-01"], "datetime64[s]"))
    with pytest.raises(DataError, match="rows in 1 of the 4 weeks up to 2027-01-01"):
        drafted(two)
    # a row for each week is enough
    mondays = np.arange("2026-12-07", "2027-01-05", 7, dtype="datetime64[D]")
    weekly = log(example_book, mondays.size, day=mondays.astype("datetime64[s]"))
    assert drafted(weekly).requests[1] == pytest.approx(500 / 7 * 365.25 / 12)
