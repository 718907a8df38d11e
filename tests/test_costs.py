"""The cost functions: tokens in, US dollars out, whatever shape they come in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.analysis.compare import bill_of
from costmodel.errors import CostModelError

DAY = "2026-12-01"
counts = st.integers(0, 60_000)


def usd(book: cm.PriceBook, provider: Any = "example", model: Any = "mini-1", **inputs: Any) -> Any:
    given_: dict[str, Any] = {"input_tokens": 1_000, "output_tokens": 0, "on": DAY} | inputs
    return cm.inference_cost(provider, model, book=book, **given_)


# inference


def test_a_request_by_hand(example_book: cm.PriceBook) -> None:
    # 1,000 x $0.40 + 500 x $1.60 per Mtok = $0.0004 + $0.0008
    cost = usd(example_book, output_tokens=500)
    assert isinstance(cost, float)
    assert cost == pytest.approx(0.0012)
    assert usd(example_book, output_tokens=500, requests=1_000) == pytest.approx(1.2)


def test_cached_tokens_are_part_of_the_input(example_book: cm.PriceBook) -> None:
    # 200 x $0.40 + 800 x $0.10
    assert usd(example_book, cached_input_tokens=800) == pytest.approx(0.00016)


def test_cache_writes_have_their_own_prices(example_book: cm.PriceBook) -> None:
    cost = usd(
        example_book,
        model="writer-1",
        input_tokens=1_000,
        cached_input_tokens=400,
        cache_write_tokens=300,
        cache_write_1h_tokens=200,
    )
    # 100 x $1 + 400 x $0.10 + 300 x $1.25 + 200 x $2
    assert cost == pytest.approx((100 + 40 + 375 + 400) / 1e6)


def test_what_has_no_price_in_the_cache_is_plain_input(example_book: cm.PriceBook) -> None:
    # mid-1 publishes no cached price: 1,000 x $3
    assert usd(example_book, model="mid-1", cached_input_tokens=800) == pytest.approx(0.003)


def test_a_one_hour_write_without_a_price_is_an_error(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match=r"line \d+: .*no price for cache_write_1h_mtok"):
        usd(example_book, cache_write_1h_tokens=10)


def test_modes_regions_and_days_select_rows(example_book: cm.PriceBook) -> None:
    costs = usd(example_book, mode=np.array(["standard", "batch"]), input_tokens=100_000)
    assert costs == pytest.approx([0.04, 0.02])
    assert usd(example_book, region="eu", input_tokens=100_000) == pytest.approx(0.044)
    days = np.array(["2027-03-20", "2027-03-21"], dtype="datetime64[D]")
    assert usd(example_book, model="changing-1", on=days) == pytest.approx([0.001, 0.002])


@pytest.mark.parametrize(
    "on",
    [
        "2027-03-21",
        date(2027, 3, 21),
        datetime(2027, 3, 21, 8, tzinfo=UTC),
        pd.Timestamp("2027-03-21"),
        np.datetime64("2027-03-21"),
    ],
)
def test_a_day_comes_as_any_kind_of_date(example_book: cm.PriceBook, on: Any) -> None:
    assert usd(example_book, model="changing-1", on=on) == pytest.approx(0.002)


# shapes


def test_arrays_give_arrays_of_the_same_shape(example_book: cm.PriceBook) -> None:
    tokens = np.array([[1_000, 2_000, 3_000], [4_000, 5_000, 6_000]])
    costs = usd(example_book, input_tokens=tokens)
    assert costs.shape == (2, 3)
    assert costs == pytest.approx(tokens * 0.4e-6)


def test_a_row_and_a_column_make_a_grid(example_book: cm.PriceBook) -> None:
    inputs, outputs = np.array([1_000, 2_000]), np.array([[0], [100], [200]])
    costs = usd(example_book, input_tokens=inputs, output_tokens=outputs)
    # input at $0.40, output at $1.60
    assert costs == pytest.approx((inputs * 0.4 + outputs * 1.6) / 1e6)
    assert costs.shape == (3, 2)


def test_a_series_keeps_its_index(example_book: cm.PriceBook) -> None:
    tokens = pd.Series([1_000, 2_000], index=["monday", "tuesday"], name="tokens")
    costs = usd(example_book, input_tokens=tokens, output_tokens=np.array([0, 100]))
    assert isinstance(costs, pd.Series)
    assert costs.index.tolist() == ["monday", "tuesday"]
    assert costs.tolist() == pytest.approx([0.0004, 0.00096])


def test_lists_are_arrays(example_book: cm.PriceBook) -> None:
    costs = usd(example_book, input_tokens=[1_000, 2_000])
    assert costs == pytest.approx([0.0004, 0.0008])


def test_providers_models_and_modes_may_be_mixed(example_book: cm.PriceBook) -> None:
    frame = pd.DataFrame(
        {
            "provider": ["example", "other", "example", "example"],
            "model": ["mini-1", "mini-1", "ft:mini-1:org::1", "tiered-1"],
            "tokens": [1_000, 1_000, 1_000, 200_000],
        },
        index=[7, 8, 9, 10],
    )
    costs = usd(example_book, frame["provider"], frame["model"], input_tokens=frame["tokens"])
    # $0.40, $0.50, $0.60 per Mtok, and $2.50 above the tier
    assert costs.to_dict() == pytest.approx({7: 0.0004, 8: 0.0005, 9: 0.0006, 10: 0.5})


def test_nothing_costs_nothing(example_book: cm.PriceBook) -> None:
    assert usd(example_book, input_tokens=0) == 0
    assert usd(example_book, input_tokens=np.array([])).shape == (0,)


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(counts, counts, counts), min_size=1, max_size=5))
def test_arrays_are_scalars_side_by_side(
    example_book: cm.PriceBook, rows: list[tuple[int, int, int]]
) -> None:
    plain, cached, output = (np.array(column) for column in zip(*rows, strict=True))
    together = usd(
        example_book,
        input_tokens=plain + cached,
        cached_input_tokens=cached,
        output_tokens=output,
    )
    for k, (fresh, read, written) in enumerate(rows):
        alone = usd(
            example_book,
            input_tokens=fresh + read,
            cached_input_tokens=read,
            output_tokens=written,
        )
        assert together[k] == alone
        # $0.40, $0.10, $1.60
        assert alone == pytest.approx((fresh * 0.4 + read * 0.1 + written * 1.6) / 1e6)


def test_shapes_that_do_not_fit_are_refused(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match=r"input_tokens \(2,\), output_tokens \(3,\)"):
        usd(example_book, input_tokens=np.ones(2), output_tokens=np.ones(3))


# agreement with the bill


@pytest.mark.parametrize(
    ("model", "system", "hit"),
    [("mini-1", 0, 0.0), ("turns-1", 2_000, 1.0), ("turns-1", 2_000, 0.25), ("large-1", 500, 0.5)],
)
def test_the_cost_of_a_request_is_what_the_bill_says(
    example_book: cm.PriceBook, model: str, system: int, hit: float
) -> None:
    option = cm.Option("one", (cm.Stage(model, cm.PerToken("example")),), cache_hit_share=hit)
    scenario = cm.Scenario(
        name="agreement",
        start=date(2026, 12, 1),
        months=1,
        workload=cm.Workload(1_000, {"system": system, "question": 700, "answer": 300}),
        options=(option,),
    )
    found = cm.compare(scenario, example_book).bill("one")
    # below 1,024 tokens, and without a price, nothing is cached
    cached = system * hit if model == "turns-1" else 0
    by_function = usd(
        example_book,
        model=model,
        input_tokens=system + 700,
        cached_input_tokens=cached,
        output_tokens=300,
        requests=1_000,
    )
    assert float(found.by_phase()["serve"]) == pytest.approx(by_function)


# errors


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"input_tokens": -1}, "input_tokens must be >= 0, got -1"),
        ({"output_tokens": -1}, "output_tokens must be >= 0, got -1"),
        ({"requests": -1}, "requests must be >= 0"),
        ({"input_tokens": float("nan")}, "input_tokens must be >= 0, got nan"),
        ({"cached_input_tokens": 1_001}, "exceed input_tokens 1000"),
        ({"input_tokens": np.array([5, 5, -5])}, "row 2"),
        ({"input_tokens": 128_001}, "does not fit the context window of example/mini-1, 128,000"),
        ({"mode": "flex"}, "has no mode 'flex'"),
        ({"region": "us"}, "has no region 'us'"),
        ({"provider": "exampel"}, "unknown provider 'exampel'; did you mean 'example'?"),
        ({"model": "mini-2"}, "no model 'mini-2' in the price tables; did you mean 'mini-1'"),
        ({"model": "late-1"}, "late-1 is priced from 2027-06-01"),
    ],
)
def test_bad_input_is_one_clear_line(
    example_book: cm.PriceBook, inputs: dict[str, Any], said: str
) -> None:
    with pytest.raises(cm.PriceError) as caught:
        usd(example_book, **inputs)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_day_must_be_one(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.DataError, match="on must be a date like 2026-12-01, got 'soon'"):
        usd(example_book, on="soon")


def test_an_array_of_days_must_be_days(example_book: cm.PriceBook) -> None:
    with pytest.raises((cm.DataError, cm.PriceError), match="soon"):
        usd(example_book, on=np.array(["2026-12-01", "soon"]))


# training


def train(
    book: cm.PriceBook, provider: str = "example", model: str = "mini-1", **facts: Any
) -> Any:
    asked: dict[str, Any] = {"tokens": 1e6, "epochs": 3, "on": DAY} | facts
    return cm.training_cost(provider, model, book=book, **asked)


def test_training_by_hand(example_book: cm.PriceBook) -> None:
    # 1 Mtok x 3 epochs x $3; LoRA is taken where there is a choice
    assert train(example_book) == pytest.approx(9)
    # in full at $4
    assert train(example_book, method="full") == pytest.approx(12)
    # two jobs
    assert train(example_book, runs=2) == pytest.approx(18)


def test_the_providers_own_number_of_epochs_is_the_default(example_book: cm.PriceBook) -> None:
    # 2 epochs x $3
    assert train(example_book, epochs=None) == pytest.approx(6)


def test_validation_is_billed_where_the_provider_does(example_book: cm.PriceBook) -> None:
    extra: dict[str, Any] = {"validation_tokens": 1e5, "evaluations": 2}
    # example: no; other: (3 + 0.1 x 2) Mtok x $5
    assert train(example_book, **extra) == pytest.approx(9)
    assert train(example_book, "other", **extra) == pytest.approx(16)


def test_what_is_billed_by_the_hour_needs_hours(example_book: cm.PriceBook) -> None:
    # 1.5 h x $60
    assert train(example_book, "other", "hourly-1", hours=1.5) == pytest.approx(90)
    with pytest.raises(cm.ScenarioError, match="give the hours of one run"):
        train(example_book, "other", "hourly-1")


def test_training_broadcasts(example_book: cm.PriceBook) -> None:
    grid = train(example_book, tokens=np.array([1e6, 2e6]), epochs=np.array([[1], [2], [3]]))
    assert grid == pytest.approx(np.array([[3, 6], [6, 12], [9, 18]]))
    series = train(example_book, tokens=pd.Series([1e6, 2e6], index=["a", "b"]))
    assert series.to_dict() == pytest.approx({"a": 9, "b": 18})
    assert isinstance(train(example_book), float)


def test_small_jobs_cost_the_minimum_each(example_book: cm.PriceBook) -> None:
    # 0.1, 1 and 10 Mtok at $1.50, at least $4
    costs = train(example_book, "other", "mix-47b", tokens=np.array([1e5, 1e6, 1e7]), epochs=1)
    assert costs == pytest.approx([4, 4, 15])
    three = train(example_book, "other", "mix-47b", tokens=1e5, epochs=1, runs=3)
    assert three == pytest.approx(12)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"tokens": -1}, "tokens must be >= 0, got -1"),
        ({"epochs": -1}, "epochs must be >= 0, got -1"),
        ({"epochs": float("nan")}, "epochs must be >= 0, got nan"),
        (
            {"provider": "other", "validation_tokens": -1e6, "evaluations": 1},
            "validation_tokens must be >= 0",
        ),
        (
            {"provider": "other", "validation_tokens": 1e6, "evaluations": -5},
            "evaluations must be >= 0",
        ),
        ({"method": "qlora"}, "with full or lora, not with 'qlora'"),
        ({"objective": "grpo"}, "objective 'dpo' or 'sft', not 'grpo'"),
        ({"model": "large-1"}, "example does not tune 'large-1'"),
        ({"model": "base-1", "on": "2027-01-06"}, "takes no jobs"),
    ],
)
def test_a_job_nobody_takes_is_an_error(
    example_book: cm.PriceBook, facts: dict[str, Any], said: str
) -> None:
    with pytest.raises(cm.PriceError) as caught:
        train(example_book, **facts)
    assert said in str(caught.value)


# upkeep

KEEP: dict[str, Any] = {
    "tokens": 1e6,
    "epochs": 3,
    "start": date(2026, 12, 1),
    "months": 12,
    "changes_per_year": 2.0,
    "refresh_share": 0.5,
    "label_hours": 100.0,
    "evaluation_hours": 4.0,
    "migration_hours": 20.0,
}


def test_the_upkeep_of_a_tune_by_hand(example_book: cm.PriceBook) -> None:
    causes = cm.maintenance_cost("example", "mini-1", **KEEP, book=example_book)
    assert {cause: cost.shape for cause, cost in causes.items()} == {
        "requirement_change": (12,),
        "drift": (12,),
        "versions": (12,),
    }
    # a sixth of a change a month: 3 Mtok x $3, half of 100 labelling hours x $30, 4 hours x $60
    assert causes["requirement_change"] == pytest.approx(np.full(12, (9 + 1_500 + 240) / 6))
    # an evaluation each month
    assert causes["drift"] == pytest.approx(np.full(12, 240))
    # 2 versions x 0.5 GB x $0.50
    assert causes["versions"] == pytest.approx(np.full(12, 0.5))


def test_a_retirement_is_part_of_the_upkeep(example_book: cm.PriceBook) -> None:
    facts = KEEP | {"successor": "base-2", "double_running_days": 0}
    causes = cm.maintenance_cost("example", "base-1", **facts, book=example_book)
    # on 2027-01-14: 20 hours x $120, training 3 Mtok x $2, an evaluation of 4 hours x $60
    assert causes["retirement"] == pytest.approx([0, 2_400 + 6 + 240, *[0] * 10])


def test_double_running_pays_the_hourly_fee_twice(example_dir: Path, tmp_path: Path) -> None:
    said = "https://example.com,2026-11-01"
    (tmp_path / "models.csv").write_text(
        "provider,model,retires,retires_kind,replaced_by,source,verified_on\n"
        f"other,hourly-1,2027-02-01,announced,mini-1,{said}\n"
    )
    (tmp_path / "finetuning.csv").write_text(
        "provider,model,objective,method,unit,price,serves_as,hosting_per_hour,source,verified_on\n"
        f"other,hourly-1,sft,lora,mtok_epoch,5,hourly-1,1.7,{said}\n"
    )
    book = cm.PriceBook.read(example_dir, tmp_path, shipped=False)
    facts = KEEP | {"evaluation_hours": 0.0, "migration_hours": 0.0}
    causes = cm.maintenance_cost("other", "hourly-1", **facts, book=book)
    # 14 days of January x 24 h x $1.70 beside the old one; 3 Mtok x $5 of training in February
    assert causes["retirement"][:3] == pytest.approx([0, 14 * 24 * 1.7, 15])


def test_the_upkeep_of_a_tune_that_ends_has_no_price(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.ScenarioError, match="2027-01-14"):
        cm.maintenance_cost("example", "base-1", **KEEP, book=example_book)


def test_upkeep_broadcasts(example_book: cm.PriceBook) -> None:
    facts = KEEP | {"label_hours": np.array([100.0, 200.0])}
    causes = cm.maintenance_cost("example", "mini-1", **facts, book=example_book)
    assert causes["requirement_change"].shape == (2, 12)
    by_hand = [(9 + 1_500 + 240) / 6, (9 + 3_000 + 240) / 6]
    assert causes["requirement_change"][:, 0] == pytest.approx(by_hand)
    assert {cost.shape for cost in causes.values()} == {(2, 12)}


@pytest.mark.parametrize(("provider", "model"), [("example", "mini-1"), ("other", "mini-1")])
def test_the_same_scenario_has_the_same_upkeep(
    example_book: cm.PriceBook, provider: str, model: str
) -> None:
    causes = cm.maintenance_cost(provider, model, **KEEP, book=example_book)
    tune = cm.FineTune(
        examples=2_000,
        tokens_per_example=500,
        epochs=3,
        runs_per_release=1,
        validation_share=0,
        # 2,000 examples x 3 minutes = 100 hours
        minutes_per_example=3,
        refresh_share=0.5,
        change_hours=0,
        migration_hours=20,
        second_annotator_share=0,
        release_hours=0,
    )
    option = cm.Option(
        "tune",
        (cm.Stage(model, cm.PerToken(provider), {"tune": tune}),),
        in_place=date(2026, 6, 1),
    )
    scenario = cm.Scenario(
        name="the same",
        start=date(2026, 12, 1),
        months=12,
        workload=cm.Workload(5_000, {"question": 100, "answer": 100}),
        options=(option,),
        upkeep=cm.Upkeep(
            requirement_changes_per_year=2,
            # 80 cases x 3 minutes = 4 hours
            evaluation_cases=80,
            review_share=1,
            review_minutes=3,
            label_life_months=0,
        ),
    )
    found, _ = bill_of(scenario, option, example_book)
    by_bill = found.by_cause()
    assert set(by_bill) == set(causes)
    # the bill also pays the tokens of 80 cases: cents
    tokens = sum(
        x.cost for x in found.lines if x.line.phase == "upkeep" and x.line.activity == "serve"
    )
    assert float(np.sum(tokens)) < 0.5
    total = sum(float(np.sum(cost)) for cost in by_bill.values()) - float(np.sum(tokens))
    assert sum(float(np.sum(cost)) for cost in causes.values()) == pytest.approx(total)


@pytest.mark.parametrize("name", ["tokens", "label_hours", "evaluation_hours", "changes_per_year"])
def test_upkeep_of_less_than_nothing_is_refused(example_book: cm.PriceBook, name: str) -> None:
    with pytest.raises(CostModelError, match=rf"{name} must be >= 0, got -1"):
        cm.maintenance_cost("example", "mini-1", **(KEEP | {name: -1.0}), book=example_book)


def test_existing_customers_are_asked_for_their_upkeep_too(example_book: cm.PriceBook) -> None:
    causes = cm.maintenance_cost("example", "veteran-1", **KEEP, book=example_book)
    assert causes["drift"].sum() == pytest.approx(12 * 240)


# imports


def test_importing_costs_little() -> None:
    code = "import costmodel, sys; print(*sorted({'numpy', 'pandas', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_can_be_had() -> None:
    for name in cm.__all__:
        assert getattr(cm, name) is not None
    assert set(cm.__all__) <= set(dir(cm))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cm.nonsense


def test_a_changed_copy_leaves_the_original_alone() -> None:
    work = cm.Workload(10, {"question": 1})
    assert replace(work, requests=20).requests == 20
    assert work.requests == 10
