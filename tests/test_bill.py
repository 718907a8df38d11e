"""The bill: quantity x unit price, one row each, and the charges beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import costmodel as cm
from costmodel.bill import FRAME_COLUMNS, Line, Quantity, bill, extend, measure, units_of
from costmodel.months import Array, Months
from costmodel.prices.rows import Key
from costmodel.quantities import effort, retrieval, training, upkeep, volumes

DECEMBER = Months(date(2026, 12, 1), 1)
WINTER = Months(date(2026, 12, 1), 3)
MINI = Key("inference", "example", "mini-1")
SERVE = Line("serve", MINI, "input_mtok", "serve")
STORE = Key("retrieval", "example", "store-1", "vector_store gb_month")
Tables = Callable[[str, str], cm.PriceBook]


@pytest.fixture
def with_rows(example_dir: Path, tmp_path: Path) -> Tables:
    """Return a function that lays one file of rows over the invented tables."""

    def layered(file: str, text: str) -> cm.PriceBook:
        header, *rows = text.split("\n")
        said = "https://example.com/own,2026-11-02"
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        lines = [f"{header},source,verified_on", *(f"{row},{said}" for row in rows)]
        path.write_text("\n".join(lines) + "\n")
        return cm.PriceBook.read(example_dir, tmp_path, shipped=False)

    return layered


def read_mtok(mtok: float, months: Months = DECEMBER) -> Quantity:
    return measure(SERVE, volumes.request_mtok, np.full(months.count, mtok * 1e3), 1_000)


def stored(gb: float | Array) -> Quantity:
    line = Line("store", STORE, "gb_month", "serve")
    return measure(line, retrieval.fixed, np.atleast_1d(np.asarray(gb, float)))


def training_jobs(model: str, mtok: float, runs: Array, provider: str = "other") -> Quantity:
    line = Line("train", Key("finetuning", provider, model), "train_mtok", "build")
    return replace(measure(line, training.train_mtok, runs, mtok * 1e6, 1), events=runs)


# quantity x unit price


def test_cost_is_quantity_times_unit_price(example_book: cm.PriceBook) -> None:
    found = bill([read_mtok(250)], example_book, DECEMBER)
    (line,) = found.lines
    # 250 Mtok x $0.40
    assert (line.amount.tolist(), line.unit_usd, line.cost.tolist()) == ([250], 0.4, [100])
    assert float(found.total) == 100
    assert line.kind == "usage"
    assert line.path == "serve/example/mini-1/input_mtok"


def test_money_is_made_by_one_multiplication() -> None:
    assert extend(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.5).tolist() == [[0.5, 1.0], [1.5, 2.0]]


def test_a_measurement_keeps_its_evidence_defaults_included() -> None:
    quantity = measure(SERVE, training.train_mtok, 2, tokens=1e6, epochs=3)
    assert dict(quantity.inputs) == {
        "runs": 2,
        "tokens": 1e6,
        "epochs": 3,
        "validation_tokens": 0.0,
        "evaluations": 0.0,
    }
    assert float(quantity.amount) == 6
    assert quantity.formula(**quantity.inputs) == quantity.amount


def test_units_are_read_from_the_docstring() -> None:
    assert units_of(effort.labelling_hours) == {
        "occasions": "1/month",
        "examples": "1",
        "share": "1",
        "minutes_per_example": "min",
    }
    assert units_of(upkeep.stored_model_gb)["gb"] == "GB"
    assert units_of(len) == {}


def test_phases_and_causes_add_up(example_book: cm.PriceBook) -> None:
    later = replace(SERVE, phase="upkeep", cause="retirement")
    drift = replace(SERVE, phase="upkeep", cause="drift")
    quantities = [
        read_mtok(100, WINTER),
        replace(read_mtok(50, WINTER), line=later),
        replace(read_mtok(25, WINTER), line=drift),
    ]
    found = bill(quantities, example_book, WINTER)
    # each month 100, 50 and 25 Mtok x $0.40
    assert found.monthly() == pytest.approx([70, 70, 70])
    assert found.monthly("upkeep") == pytest.approx([30, 30, 30])
    by_phase = {phase: float(usd) for phase, usd in found.by_phase().items()}
    assert by_phase == pytest.approx({"build": 0, "serve": 120, "upkeep": 90, "exit": 0})
    causes = {cause: usd.tolist() for cause, usd in found.by_cause().items()}
    assert causes["retirement"] == pytest.approx([20, 20, 20])
    assert causes["drift"] == pytest.approx([10, 10, 10])
    # 90 of 210
    assert float(found.maintenance_share) == pytest.approx(90 / 210)


def test_a_bill_of_nothing_is_nothing(example_book: cm.PriceBook) -> None:
    found = bill([], example_book, WINTER)
    assert float(found.total) == 0
    assert float(found.maintenance_share) == 0
    assert found.monthly().tolist() == [0, 0, 0]
    assert list(found.frame().columns) == list(FRAME_COLUMNS)


def test_scenarios_made_at_once_have_a_total_each(example_book: cm.PriceBook) -> None:
    amounts = np.array([[100.0], [200.0]]) * np.ones(3)
    quantity = measure(SERVE, volumes.request_mtok, amounts * 1e3, 1_000)
    found = bill([quantity, read_mtok(10, WINTER)], example_book, WINTER)
    # 3 months x (100 and 200, plus 10) Mtok x $0.40
    assert found.total == pytest.approx([132, 252])
    by_sample = found.frame().groupby("sample")["cost_usd"].sum()
    assert by_sample.to_dict() == pytest.approx({0: 132, 1: 252})


# minimums


def test_a_job_above_the_minimum_pays_no_more(example_book: cm.PriceBook) -> None:
    jobs = training_jobs("16B-69B:sft:lora", 10, np.ones(1))
    found = bill([jobs], example_book, DECEMBER)
    # 10 Mtok x $1.50, above $4
    assert float(found.total) == pytest.approx(15)
    assert sum(float(x.cost.sum()) for x in found.lines if x.kind == "minimum_top_up") == 0


def test_the_minimum_is_due_per_job_not_per_month(example_book: cm.PriceBook) -> None:
    jobs = training_jobs("16B-69B:sft:lora", 1, np.array([0.0, 3.0, 0.5]))
    found = bill([jobs], example_book, WINTER)
    # a job of 1 Mtok costs $1.50 and is topped up to $4: none, three, and half a one expected
    assert found.monthly() == pytest.approx([0, 12, 2])
    (top_up,) = [x for x in found.lines if x.kind == "minimum_top_up"]
    assert top_up.amount == pytest.approx([0, 7.5, 1.25])
    assert top_up.path == "train/other/16B-69B:sft:lora/minimum_top_up"
    assert top_up.unit_usd == 1.0


def test_a_minimum_per_month_is_due_once_for_all_jobs(example_book: cm.PriceBook) -> None:
    small = training_jobs("monthly-1:sft:lora", 1, np.array([1.0, 0.0, 2.0]))
    large = training_jobs("monthly-1:sft:lora", 2, np.array([0.0, 0.0, 4.0]))
    found = bill([small, large], example_book, WINTER)
    # $2 per Mtok, at least $10 in a month with a job: $2 -> $10; nothing; 2 x $2 + 4 x $4 = $20
    assert found.monthly() == pytest.approx([10, 0, 20])
    top_up = sum((x.cost for x in found.lines if x.kind == "minimum_top_up"), np.zeros(3))
    assert top_up == pytest.approx([8, 0, 0])


def test_a_monthly_minimum_is_charged_once_for_a_product(example_book: cm.PriceBook) -> None:
    def of(component: str, unit: str, amounts: list[float]) -> Quantity:
        key = Key("retrieval", "other", "store-2", f"{component} {unit}")
        return measure(Line("store", key, unit, "serve"), retrieval.fixed, np.array(amounts))

    quantities = [
        of("vector_store", "gb_month", [10, 100, 0]),
        of("search", "mru", [1, 5, 0]),
    ]
    found = bill(quantities, example_book, WINTER)
    # 10 x 0.33 + 1 x 16 = $19.30, raised to $50; 100 x 0.33 + 5 x 16 = $113; not used: nothing
    assert found.monthly() == pytest.approx([50, 113, 0])
    top_ups = [x for x in found.lines if x.kind == "minimum_top_up"]
    assert len(top_ups) == 1
    assert top_ups[0].amount == pytest.approx([30.7, 0, 0])


def test_a_monthly_minimum_changes_with_its_row(with_rows: Tables) -> None:
    head = "provider,product,component,unit,price,minimum,effective_from"
    row = "example,store-1,vector_store,gb_month"
    book = with_rows("retrieval.csv", f"{head}\n{row},0.25,50,\n{row},0.25,80,2027-01-11")
    found = bill([stored(np.full(3, 40.0))], book, WINTER)
    # $10 of storage; in January $50 on 10 days and $80 on 21 of 31
    assert found.monthly() == pytest.approx([50, (10 * 50 + 21 * 80) / 31, 80])


# allowances


def test_an_allowance_is_a_line_at_price_zero(example_book: cm.PriceBook) -> None:
    found = bill([stored(5.0)], example_book, DECEMBER)
    # 1 GB free, 4 GB x $0.25
    lines = {line.kind: line for line in found.lines}
    assert lines["allowance"].amount.tolist() == [1]
    assert lines["allowance"].unit_usd == 0
    assert lines["allowance"].cost.tolist() == [0]
    assert lines["usage"].amount.tolist() == [4]
    assert lines["allowance"].row == lines["usage"].row
    assert float(found.total) == 1


def test_an_allowance_is_shared_by_all_lines_of_a_month(example_book: cm.PriceBook) -> None:
    quantities = [stored(np.array([0.4, 0.4, 3.0])), stored(np.array([0.4, 1.0, 3.0]))]
    found = bill(quantities, example_book, WINTER)
    # billed: 0.8 - 1 -> 0; 1.4 - 1 = 0.4; 6 - 1 = 5 GB x $0.25, anew each month
    assert found.monthly() == pytest.approx([0, 0.1, 1.25])


def test_a_price_change_within_a_month_does_not_double_the_allowance(with_rows: Tables) -> None:
    head = "provider,product,component,unit,price,allowance,effective_from"
    row = "example,store-1,vector_store,gb_month"
    book = with_rows("retrieval.csv", f"{head}\n{row},0.25,1,\n{row},0.50,1,2027-03-21")
    march = Months(date(2027, 3, 1), 1)
    found = bill([stored(4.0)], book, march)
    free = sum(float(x.amount.sum()) for x in found.lines if x.kind == "allowance")
    assert free == pytest.approx(1.0)


# commitments, assumptions


def test_a_commitment_keeps_the_price_of_its_purchase(example_book: cm.PriceBook) -> None:
    key = Key("inference", "example", "changing-1")
    line = Line("commit", key, "input_mtok", "serve")
    quantity = measure(line, volumes.request_mtok, np.full(3, 1e6), 1_000)
    spring = Months(date(2027, 3, 1), 3)
    bought = replace(quantity, bought_on=date(2027, 3, 20))
    found = bill([bought], example_book, spring)
    # the price doubles on 2027-03-21
    assert [x.kind for x in found.lines] == ["commitment"]
    assert found.monthly() == pytest.approx([1_000, 1_000, 1_000])
    later = bill([replace(bought, bought_on=date(2027, 3, 21))], example_book, spring)
    assert later.monthly() == pytest.approx([2_000, 2_000, 2_000])


def test_a_price_used_before_it_was_first_seen_is_an_assumption(
    example_book: cm.PriceBook,
) -> None:
    # seen on 2026-11-01 first
    early = bill([read_mtok(1)], example_book, Months(date(2026, 10, 1), 1))
    (said,) = early.assumptions
    assert "start unknown" in said
    assert "2026-11-01" in said
    assert bill([read_mtok(1)], example_book, DECEMBER).assumptions == ()


def test_what_has_no_price_is_an_error(example_book: cm.PriceBook) -> None:
    nobody = replace(SERVE, key=Key("inference", "example", "mini-2"))
    with pytest.raises(cm.PriceError, match="no price for 'mini-2'; did you mean 'mini-1'"):
        bill([replace(read_mtok(1), line=nobody)], example_book, DECEMBER)
    written = replace(SERVE, meter="cache_write_mtok")
    with pytest.raises(cm.PriceError, match="no price for cache_write_mtok"):
        bill([replace(read_mtok(1), line=written)], example_book, DECEMBER)


# what a bill shows


@pytest.fixture(scope="module")
def found(example_book: cm.PriceBook) -> cm.Bill:
    # 100 Mtok in January and February; a training job of $1.50, raised to $4, in December
    amounts = np.array([0.0, 1e5, 1e5])
    quantities = [
        measure(SERVE, volumes.request_mtok, amounts, 1_000),
        training_jobs("16B-69B:sft:lora", 1, np.array([1.0, 0.0, 0.0])),
    ]
    return bill(quantities, example_book, WINTER)


def test_the_frame_has_the_documented_columns(found: cm.Bill) -> None:
    promised = (
        *("line", "month", "phase", "cause", "provider", "sku", "meter", "quantity"),
        *("unit_price_usd", "cost_usd", "formula", "file", "row", "source", "verified_on"),
    )
    frame = found.frame()
    assert tuple(frame.columns)[: len(promised)] == promised
    assert tuple(frame.columns) == FRAME_COLUMNS


def test_the_frame_has_a_row_for_each_month_in_which_a_line_counts(found: cm.Bill) -> None:
    frame = found.frame()
    counted = frame.groupby("line")["month"].apply(list).to_dict()
    assert counted == {
        "serve/example/mini-1/input_mtok": ["2027-01", "2027-02"],
        "train/other/16B-69B:sft:lora/train_mtok": ["2026-12"],
        "train/other/16B-69B:sft:lora/minimum_top_up": ["2026-12"],
    }
    assert frame["cost_usd"].sum() == pytest.approx(2 * 40 + 4)
    by_hand = frame["quantity"] * frame["unit_price_usd"]
    pd.testing.assert_series_equal(frame["cost_usd"], by_hand, check_names=False)


def test_a_dollar_is_traced_to_formula_inputs_and_row(found: cm.Bill) -> None:
    (record,) = found.explain("serve/example/mini-1/input_mtok", "2027-02")
    assert record["formula"] == "costmodel.quantities.volumes.request_mtok"
    assert record["formula_says"] == "Count the tokens moved by a number of requests."
    assert record["inputs"] == [
        {"name": "requests", "value": 100_000, "unit": "1/month"},
        {"name": "tokens", "value": 1_000, "unit": "token"},
    ]
    assert (record["quantity"], record["unit"]) == (100, "Mtok")
    assert record["unit_price_usd"] == 0.4
    assert record["cost_usd"] == pytest.approx(40)
    assert record["file"] == "inference/example.csv"
    assert record["price_of"] == "example/mini-1"
    assert (record["source"], record["verified_on"]) == ("https://example.com/prices", "2026-11-01")


def test_explanations_come_dearest_first_and_by_prefix(found: cm.Bill) -> None:
    costs = [record["cost_usd"] for record in found.explain()]
    # the first month in which each line counts
    assert costs == pytest.approx([40, 2.5, 1.5])
    assert len(found.explain("train/")) == 2
    with pytest.raises(cm.ScenarioError, match=r"mini-1/input_mtok has no cost in 2026-12"):
        found.explain("serve/example/mini-1/input_mtok", "2026-12")


def test_what_cannot_be_explained_is_refused(found: cm.Bill) -> None:
    with pytest.raises(cm.ScenarioError, match=r"no line 'serve/example/mini-1/inputmtok'; did"):
        found.explain("serve/example/mini-1/inputmtok")
    with pytest.raises(cm.ScenarioError, match="'2027-03' is not in the horizon"):
        found.explain(month="2027-03")


def test_every_price_used_is_named_once(found: cm.Bill) -> None:
    used = {(row.key.sku, meter): usd for row, meter, usd in found.used_rows()}
    assert used == {("mini-1", "input_mtok"): 0.4, ("16B-69B:sft:lora", "train_mtok"): 1.5}


def test_scenarios_made_at_once_can_be_explained(example_book: cm.PriceBook) -> None:
    amounts = np.array([[100.0], [200.0]]) * np.ones(3)
    quantity = measure(SERVE, volumes.request_mtok, amounts * 1e3, 1_000)
    (record,) = bill([quantity], example_book, WINTER).explain()
    assert record["cost_usd"] == pytest.approx([40, 80])


def test_the_sums_of_a_bill_are_its_lines_over_all_months() -> None:
    result = cm.compare(
        cm.Scenario.read(Path(__file__).parents[1] / "notebooks/scenarios/startup.toml")
    )
    for one in result.bills.values():
        sums, frame = one.sums(), one.frame()
        assert float(sums["cost_usd"].sum()) == pytest.approx(float(one.total), rel=1e-12)
        keys = ["line", "file", "row"]
        found = sums.groupby(keys)["cost_usd"].sum().to_dict()
        for key, usd in frame.groupby(keys)["cost_usd"].sum().to_dict().items():
            assert found[key] == pytest.approx(usd, rel=1e-9)
