"""Budget against actual, on a plan of $120 a month whose every figure can be worked out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.analysis.actuals import Actuals, actuals
from costmodel.analysis.plan_to_date import planned, planned_calls
from costmodel.analysis.spending import spent
from costmodel.analysis.uncertainty import chance_of
from costmodel.errors import DataError, ScenarioError
from costmodel.months import Months
from costmodel.usage.ledger import PICO, Ledger, rows_of
from costmodel.usage.pricing import price

# 100,000 requests of 1,000 and 500 tokens: 100 Mtok at $0.40 and 50 Mtok at $1.60 a month
PLAN = """version = 1
name = "Plan"
start = 2026-12-01
months = 6
[workload]
requests = 100_000
[workload.parts]
question = 1_000
answer = 500
[upkeep]
requirement_changes_per_year = 0
evaluate_every_months = 0
unknown_retirements = false
better_bases_per_year = 0
[[option]]
name = "Mini"
model = "mini-1"
host = {kind = "per_token", provider = "example"}
success_rate = 0.9
[[option]]
name = "Large"
model = "large-1"
host = {kind = "per_token", provider = "example"}
"""

Compared = Callable[..., Actuals]
SOME = settings().max_examples // 4  # each example reads prices
PRICES = cm.PriceBook.read(Path(__file__).parents[1] / "data" / "example", shipped=False)


@pytest.fixture
def compared(tmp_path: Path, example_book: cm.PriceBook) -> Compared:
    """Return a function that sets rows of a ledger beside the plan."""

    def compare(frame: pd.DataFrame, plan: str = PLAN, **more: Any) -> Actuals:
        path = tmp_path / "plan.toml"
        path.write_text(plan, "utf-8")
        chance = chance_of(cm.Scenario.read(path), example_book)
        return actuals(chance, price(Ledger(frame), example_book), number=256, **more)

    return compare


def rows(first: str, last: str, **columns: Any) -> pd.DataFrame:
    """Make a row for each day: a month's plan of mini-1 spread over its days, times `times`."""
    days = pd.date_range(first, last)
    share = 1.0 / days.days_in_month.to_numpy()
    times = columns.pop("times", 1.0)
    made: dict[str, Any] = {
        "day": days.to_numpy(),
        "provider": "example",
        "model": "mini-1",
        "requests": 100_000 * share,
        # floats become whole tokens: multiples of a day's share are exact enough
        "input_tokens": np.rint(100e6 * share * times),
        "output_tokens": np.rint(50e6 * share * times),
    }
    return rows_of(made | columns, len(days))


def together(*frames: pd.DataFrame) -> pd.DataFrame:
    from costmodel.usage.ledger import joined

    return joined(frames)


def test_as_planned_is_no_variance(compared: Compared) -> None:
    found = compared(rows("2026-12-01", "2027-02-28")).as_dict()
    assert found["usage_budget_usd"] == pytest.approx(360.0)
    assert found["usage_usd"] == pytest.approx(360.0, abs=1e-4)
    assert found["variance_usd"] == pytest.approx(0.0, abs=1e-4)
    assert found["forecast"]["expected_usd"] == pytest.approx(720.0, rel=1e-6)
    assert found["alerts"] == []


def test_more_requests_and_longer_ones_are_quantity(compared: Compared) -> None:
    # a tenth more requests, a fifth more tokens in each: 120 x 0.32
    frame = rows("2026-12-01", "2026-12-31", times=1.32)
    frame["requests"] *= 1.1
    month = compared(frame).as_dict()["months"][0]
    assert month["quantity_usd"] == pytest.approx(38.4, abs=1e-4)
    assert month["requests_usd"] == pytest.approx(12.0, abs=1e-4)
    assert month["tokens_per_request_usd"] == pytest.approx(26.4, abs=1e-4)
    assert month["mix_usd"] == pytest.approx(0.0, abs=1e-4)
    assert month["price_usd"] == pytest.approx(0.0, abs=1e-4)


def test_a_cheaper_model_is_mix(compared: Compared) -> None:
    # half of it on base-2 at $0.20 and $0.80, half of the price: 120 -> 90
    half = [
        rows("2026-12-01", "2026-12-31", times=0.5, model=name) for name in ("mini-1", "base-2")
    ]
    found = compared(together(*half), option="Mini").as_dict()
    assert found["mix_usd"] == pytest.approx(-30.0, abs=1e-4)
    assert found["quantity_usd"] == pytest.approx(0.0, abs=1e-4)
    assert {line["what"] for line in found["lines"]} == {"planned", "new"}
    assert [alert["kind"] for alert in found["alerts"]].count("not_planned") == 1


def test_a_discount_on_the_bill_is_price(compared: Compared) -> None:
    frame = rows("2026-12-01", "2026-12-31", money="billed", currency="USD")
    amount = frame["input_tokens"] * 400_000 + frame["output_tokens"] * 1_600_000
    frame["amount"] = (amount * 9 // 10).astype("int64")
    found = compared(frame).as_dict()
    assert found["price_usd"] == pytest.approx(-12.0, abs=1e-4)
    assert found["quantity_usd"] == pytest.approx(0.0, abs=1e-4)


def test_parts_add_up_to_the_last_part_of_a_dollar(compared: Compared) -> None:
    taxed = rows_of(
        {
            "day": np.array(["2026-12-31"], "datetime64[s]"),
            "provider": "example",
            "meter": "money",
            "kind": "tax",
            "money": "billed",
            "amount": 7 * PICO + 1,
            "currency": "USD",
        },
        1,
    )
    frames = (
        rows("2026-12-01", "2027-01-20", times=1.1, model="mini-1"),
        rows("2027-01-03", "2027-01-20", times=0.4, model="changing-1"),
        taxed,
    )
    found = compared(together(*frames), option="Mini")
    assert (found.actual - found.budget == sum(found.parts.values())).all()
    assert found.parts["other"].sum() == 7 * PICO + 1
    frame = found.frame()
    sides = frame["actual_usd"].sum() - frame["budget_usd"].sum()
    effects = frame[["price_usd", "quantity_usd", "mix_usd", "rest_usd"]].sum().sum()
    assert sides == pytest.approx(effects, abs=1e-9)
    assert frame["actual_usd"].sum() == pytest.approx(found.as_dict()["actual_usd"], abs=1e-9)


def test_a_bill_beside_the_usage_is_not_counted_twice(compared: Compared) -> None:
    # the usage of December costs $120 by list; the bill of its days says $124 in all
    bill = rows_of(
        {
            "day": pd.date_range("2026-12-01", "2026-12-31").to_numpy(),
            "provider": "example",
            "meter": "money",
            "kind": "charge",
            "money": "billed",
            "amount": 4 * PICO,
            "currency": "USD",
        },
        31,
    )
    found = compared(together(rows("2026-12-01", "2026-12-31"), bill)).as_dict()
    assert found["usage_usd"] == pytest.approx(124.0)
    assert found["unexplained_usd"] == pytest.approx(4.0, abs=1e-4)
    assert "unexplained" in [alert["kind"] for alert in found["alerts"]]


def test_half_a_month_is_compared_with_half_a_budget(compared: Compared) -> None:
    found = compared(rows("2026-12-01", "2027-01-15")).as_dict()
    assert [month["seen_share"] for month in found["months"]] == [1.0, 15 / 31]
    assert found["usage_budget_usd"] == pytest.approx(120 * (1 + 15 / 31))
    assert found["variance_usd"] == pytest.approx(0.0, abs=1e-4)
    assert any("15 of 31 days" in note for note in found["notes"])


def test_a_price_that_the_plan_knows_to_change_in_a_month_is_no_variance(
    compared: Compared,
) -> None:
    # 100 Mtok at $1 and 50 at $4 a month are $300, and twice as much from 21 March on
    plan = PLAN.replace("2026-12-01", "2027-03-01").replace("mini-1", "changing-1")
    for last, budget in (("2027-03-10", 300 * 10 / 31), ("2027-03-25", 300 * (20 + 2 * 5) / 31)):
        seen = compared(rows("2027-03-01", last, model="changing-1"), plan, option="Mini")
        found = seen.as_dict()
        assert found["usage_budget_usd"] == pytest.approx(budget)
        assert found["variance_usd"] == pytest.approx(0.0, abs=1e-4)
        assert found["forecast"]["level"] == pytest.approx(1.0, rel=1e-6)
        # 20 days at $300, eleven and five months at $600
        march = 300 * (20 + 2 * 11) / 31
        assert found["forecast"]["by_month"][0]["expected_usd"] == pytest.approx(march, rel=1e-6)
        assert found["forecast"]["expected_usd"] == pytest.approx(march + 5 * 600, rel=1e-6)
        assert sum(row["budget_usd"] for row in found["phases"]) == pytest.approx(budget)
        assert found["options"][0]["budget_usd"] == pytest.approx(budget)


def test_days_before_the_log_stay_at_plan(compared: Compared) -> None:
    found = compared(rows("2027-01-01", "2027-01-31", times=2.0))
    assert found.as_dict()["usage_budget_usd"] == pytest.approx(120.0)
    # December at plan, January as seen, four months at twice the plan
    assert found.forecast.expected.sum() == pytest.approx(120 + 240 + 4 * 240, rel=1e-4)


def test_the_last_day_that_counts_can_be_stated(compared: Compared) -> None:
    found = compared(rows("2026-12-01", "2027-02-28"), as_of=date(2026, 12, 31))
    assert found.spent.last == date(2026, 12, 31)
    assert found.as_dict()["usage_usd"] == pytest.approx(120.0, abs=1e-4)


def test_days_without_rows_are_an_alert(compared: Compared) -> None:
    frame = rows("2026-12-01", "2026-12-31")
    # Thursday 10 to Sunday 13: two working days
    missing = frame["day"].between("2026-12-10", "2026-12-13")
    found = compared(frame[~missing].reset_index(drop=True))
    assert found.spent.without_data == (date(2026, 12, 10), date(2026, 12, 11))
    [alert] = [one for one in found.as_dict()["alerts"] if one["kind"] == "no_data"]
    assert alert["level"] == "watch"
    assert "whole month" not in alert["text"]


def test_a_row_for_each_month_is_an_alert_that_says_so(compared: Compared) -> None:
    frame = rows("2026-12-01", "2027-01-31")
    firsts = frame["day"].dt.day == 1
    found = compared(frame[firsts].reset_index(drop=True))
    [alert] = [one for one in found.as_dict()["alerts"] if one["kind"] == "no_data"]
    assert alert["level"] == "act"
    assert "state one for each day" in alert["text"]


def test_what_has_no_price_is_an_alert_and_not_nought(compared: Compared) -> None:
    strange = rows("2026-12-01", "2026-12-31", model="mini-7")
    found = compared(together(rows("2026-12-01", "2026-12-31"), strange)).as_dict()
    alert = next(alert for alert in found["alerts"] if alert["kind"] == "unpriced")
    assert alert["level"] == "act"
    assert "149,999,979 tokens, whose cost is missing" in alert["text"]
    assert "mini-1" in found["unpriced"][0]["why"]
    assert found["variance_usd"] == pytest.approx(0.0, abs=1e-4)


def test_the_option_is_found_by_its_models(compared: Compared) -> None:
    assert compared(rows("2026-12-01", "2026-12-31")).option == "Mini"
    assert compared(rows("2026-12-01", "2026-12-31", model="large-1")).option == "Large"


def test_options_on_one_model_are_told_apart_by_the_length_of_a_request(
    compared: Compared,
) -> None:
    twin = PLAN.replace('name = "Large"', 'name = "Thinking"').replace("large-1", "mini-1")
    twin += "thinking_tokens = 2_000\n"
    frame = rows("2026-12-01", "2026-12-31")
    assert compared(frame, twin).option == "Mini"
    frame["output_tokens"] *= 5
    assert compared(frame, twin).option == "Thinking"


def test_options_that_look_alike_have_to_be_named(compared: Compared) -> None:
    twin = PLAN.replace("large-1", "mini-1")
    with pytest.raises(ScenarioError, match=r"'Mini' and 'Large' fit .* --option"):
        compared(rows("2026-12-01", "2026-12-31"), twin)
    with pytest.raises(ScenarioError, match="no option 'Minni'; did you mean 'Mini'"):
        compared(rows("2026-12-01", "2026-12-31"), twin, option="Minni")


def test_a_model_that_no_option_runs_is_refused(compared: Compared) -> None:
    with pytest.raises(ScenarioError, match=r"example/night-1, which no option .* --option"):
        compared(rows("2026-12-01", "2026-12-31", model="night-1"))


def test_other_months_than_those_of_the_scenario_are_refused(compared: Compared) -> None:
    with pytest.raises(DataError, match="from 2025-12-01 to 2025-12-31, the scenario from 2026"):
        compared(rows("2025-12-01", "2025-12-31"))
    with pytest.raises(DataError, match="the usage begins on 2026-12-01, after 2026-11-30"):
        compared(rows("2026-12-01", "2026-12-31"), as_of=date(2026, 11, 30))
    with pytest.raises(DataError, match="hold no rows"):
        compared(rows_of({}, 0))


def test_unit_costs_of_a_request_a_user_and_an_outcome(compared: Compared) -> None:
    frame = together(
        *(rows("2026-12-01", "2026-12-31", times=0.5, user=name) for name in ("ann", "bob"))
    )
    frame["requests"] /= 2
    units = compared(frame, outcomes=80_000).unit_costs()
    assert units["usage_usd_per_request"] == pytest.approx(0.0012, rel=1e-6)
    assert units["budget_usage_usd_per_request"] == pytest.approx(0.0012)
    assert units["usage_usd_per_user"] == pytest.approx(60.0, rel=1e-6)
    assert units["usd_per_outcome"] == pytest.approx(120 / 80_000, rel=1e-6)
    assert units["budget_usd_per_outcome"] == pytest.approx(120 / 90_000)


def test_money_is_allocated_to_projects_and_tags(compared: Compared) -> None:
    frames = [
        rows("2026-12-01", "2026-12-31", times=0.75, project="bot", tags='{"env": "live"}'),
        rows("2026-12-01", "2026-12-31", times=0.25),
    ]
    found = compared(together(*frames))
    said = found.as_dict(["tag:env"])["allocation"]
    shares = {one["name"]: one["share"] for one in said["project"]}
    assert shares == pytest.approx({"bot": 0.75, "(not said)": 0.25}, abs=1e-6)
    assert said["tag:env"][0]["name"] == "live"
    with pytest.raises(DataError, match="no row has a tag 'enf'; did you mean 'env'"):
        found.allocation("tag:enf")
    with pytest.raises(DataError, match="cannot allocate by 'projct'; did you mean 'project'"):
        found.allocation("projct")


def test_what_a_log_does_not_show_stays_at_plan_unless_stated(compared: Compared) -> None:
    # people watch: 2 hours a month of a role at its rate
    plan = PLAN.replace("evaluate_every_months = 0", "evaluate_every_months = 1")
    found = compared(rows("2026-12-01", "2026-12-31"), plan)
    labour = found.plan.hidden["upkeep"][0]
    assert labour > 0
    assert found.as_dict()["not_shown"] == ["labour"]
    paid = {"upkeep": np.array([labour + 500, *[np.nan] * 5])}
    stated = compared(rows("2026-12-01", "2026-12-31"), plan, paid=paid).as_dict()
    assert stated["stated_usd"] == pytest.approx(500.0)
    difference = stated["actual_usd"] - found.as_dict()["actual_usd"]
    assert difference == pytest.approx(500.0)


def test_a_ledger_is_the_same_in_any_order(compared: Compared) -> None:
    frame = together(
        rows("2026-12-01", "2027-01-15", times=1.3),
        rows("2026-12-01", "2027-01-15", times=0.1, model="base-2"),
    )
    order = np.random.default_rng(1).permutation(len(frame))
    first, second = compared(frame), compared(frame.iloc[order].reset_index(drop=True))
    assert (first.actual == second.actual).all()
    parts = [{k: list(v) for k, v in found.parts.items()} for found in (first, second)]
    assert parts[0] == parts[1]


def test_sums_beyond_a_machine_word_are_exact() -> None:
    from costmodel.analysis.spending import sums

    values = np.array([2**62, 2**62, 2**62, -1, -(2**62)])
    found = sums(values, np.array([0, 0, 0, 1, 1]), 3)
    assert list(found) == [3 * 2**62, -(2**62) - 1, 0]


def test_a_bill_without_usage_is_all_unexplained(compared: Compared) -> None:
    bill = rows_of(
        {
            "day": pd.date_range("2026-12-01", "2026-12-31").to_numpy(),
            "provider": "example",
            "meter": "money",
            "kind": "charge",
            "money": "billed",
            "amount": 5 * PICO,
            "currency": "USD",
        },
        31,
    )
    with pytest.raises(ScenarioError, match=r"the usage names no model; say with --option"):
        compared(bill)
    found = compared(bill, option="Mini").as_dict()
    assert found["unexplained_usd"] == pytest.approx(155.0)
    assert found["quantity_usd"] == pytest.approx(-120.0)
    assert found["months"][0]["requests_usd"] == 0.0
    assert found["unit_costs"]["usd_per_request"] is None


def test_rows_of_several_exports_stand_side_by_side(compared: Compared) -> None:
    # what a tool computed is set aside where the provider's own bill says what the day cost
    logged = rows("2026-12-01", "2026-12-31", money="computed", amount=9 * PICO, currency="USD")
    assert compared(logged).as_dict()["usage_usd"] == pytest.approx(279.0)
    bill = rows_of(
        {
            "day": pd.date_range("2026-12-01", "2026-12-31").to_numpy(),
            "provider": "example",
            "meter": "money",
            "kind": "charge",
            "money": "billed",
            "amount": 4 * PICO,
            "currency": "USD",
        },
        31,
    )
    found = compared(together(logged, bill)).as_dict()
    assert found["usage_usd"] == pytest.approx(124.0)
    assert found["price_usd"] == pytest.approx(0.0, abs=1e-4)


SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"
BY_THE_TOKEN = 9  # options of it that bill tokens of requests


def log_of(found: Any, name: str, months: int) -> pd.DataFrame:
    """Make the log that an option leaves behind if all goes as planned."""
    axis = found.scenario.horizon
    plan = planned(found.bill(name), lambda line: line.line.key.table == "inference")
    keys = dict.fromkeys(key for key, _ in plan.usd)
    calls = planned_calls(found.scenario, name)
    frames = []
    for key in keys:
        for k in range(months):
            days = np.arange(axis.bounds[k], axis.bounds[k + 1]).astype("datetime64[s]")
            none = np.zeros(axis.count)
            fresh, read, written, output = (
                round(plan.amount.get((key, f"{meter}_mtok"), none)[k] * 1e6 / days.size)
                for meter in ("input", "cached_input", "cache_write", "output")
            )
            if not fresh + read + written + output:
                continue
            columns = {
                "day": days,
                "provider": key.provider,
                "model": key.sku,
                "mode": key.mode,
                "region": key.region,
                "requests": calls[k] / days.size / len(keys),
                "input_tokens": fresh + read + written,
                "cached_input_tokens": read,
                "cache_write_tokens": written,
                "output_tokens": output,
            }
            frames.append(rows_of(columns, days.size))
    return together(*frames)


def test_a_log_that_follows_the_plan_of_an_option_is_recognised_and_costs_what_was_planned() -> (
    None
):
    book = cm.PriceBook.read()
    chance = chance_of(cm.Scenario.read(SUPPORT_BOT), book, bands=False)
    seen = []
    for name in chance.central.bills:
        frame = log_of(chance.central, name, 4)
        if not len(frame):
            continue
        found = actuals(chance, price(Ledger(frame), book))
        assert found.option == name
        assert found.planned_pico.sum() == pytest.approx(found.pico.sum(), rel=1e-5)
        budget = float(found.planned_pico.sum())
        for part in ("price", "quantity", "mix"):
            assert abs(float(found.parts[part].sum())) < 1e-5 * budget
        seen.append(name)
    assert len(seen) == BY_THE_TOKEN


COUNT = st.integers(0, 10**9)
ROW = st.fixed_dictionaries(
    {
        "day": st.sampled_from(("2026-12-01", "2026-12-15", "2027-01-31", "2027-06-01")),
        "provider": st.sampled_from(("example", "other", "nobody")),
        "model": st.sampled_from(("mini-1", "mid-1", "tiered-1", "strange", "")),
        "mode": st.sampled_from(("standard", "batch")),
        "input_tokens": COUNT,
        "output_tokens": COUNT,
        "request_tokens": st.integers(0, 200_000),
        "meter": st.sampled_from(("tokens", "tokens", "money", "web_search")),
        "kind": st.sampled_from(("usage", "usage", "charge", "tax", "credit")),
        "money": st.sampled_from(("", "billed", "effective", "computed")),
        "amount": st.integers(-(10**15), 10**15),
    }
)


@settings(max_examples=SOME)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_no_money_of_a_ledger_is_lost_or_made(records: list[dict[str, Any]]) -> None:
    columns: dict[str, Any] = {name: [record[name] for record in records] for name in records[0]}
    # one row at least lies in the months
    columns["day"] = np.array(["2026-12-01", *columns["day"][1:]], "datetime64[s]")
    columns["amount"] = [
        amount if money else 0
        for amount, money in zip(columns["amount"], columns["money"], strict=True)
    ]
    columns["currency"] = ["USD" if money else "" for money in columns["money"]]
    priced = price(Ledger(rows_of(columns, len(records))), PRICES)
    found = spent(priced, Months(date(2026, 12, 1), 6))
    assert sum(found.by_month) == int(found.rows["pico"].sum())
    kinds = np.asarray(found.rows["kind"].isin(["tax", "credit"]) & found.rows["stated"])
    assert sum(sum(money) for money in found.other.values()) == int(
        found.rows.loc[kinds, "billed_pico"].sum()
    )
