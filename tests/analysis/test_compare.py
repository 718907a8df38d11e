"""Which option wins, and in which words."""

from __future__ import annotations

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.costs import shipped_book

NO_UPKEEP = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    double_running_days=0,
)


def an_option(name: str, model: str, **facts: Any) -> cm.Option:
    return cm.Option(name, (cm.Stage(model, cm.PerToken("example")),), **facts)


def compared(
    book: cm.PriceBook,
    *options: cm.Option | cm.Mix,
    work: dict[str, Any] | None = None,
    **facts: Any,
) -> cm.Comparison:
    # a request costs $0.035 on large-1, $0.021 on mid-1, $0.007 on small-1
    parts = {"question": 2_000.0, "answer": 1_000.0}
    given: dict[str, Any] = {"requests": 1_000.0, "parts": parts} | (work or {})
    frame: dict[str, Any] = {"start": date(2026, 12, 1), "months": 2, "upkeep": NO_UPKEEP} | facts
    work_done = cm.Workload(**given)
    scenario = cm.Scenario(name="case", workload=work_done, options=options, **frame)
    return cm.compare(scenario, book)


def rated(large: float = 0.95, mid: float = 0.91, small: float = 0.8) -> tuple[cm.Option, ...]:
    return (
        an_option("large", "large-1", success_rate=large),
        an_option("mid", "mid-1", success_rate=mid),
        an_option("small", "small-1", success_rate=small),
    )


UNRATED = (an_option("large", "large-1"), an_option("small", "small-1"))


def test_without_success_rates_the_verdict_says_under_which_condition_it_holds(
    example_book: cm.PriceBook,
) -> None:
    result = compared(example_book, *UNRATED)
    # 2,000 requests; 35 is 400 % more than 7
    assert result.verdict.startswith(
        "If all options answer equally well, small is cheapest: $14.00 over 2 months, "
        "$0.00700 per request; 0% of it is upkeep."
    )
    assert result.verdict.endswith("Next: large, 400% more per request.")
    assert [r.name for r in result.ranked] == ["small", "large"]


def test_with_success_rates_the_verdict_counts_successful_outcomes(
    example_book: cm.PriceBook,
) -> None:
    result = compared(example_book, *rated(), work={"required_success": 0.9})
    # 0.021 / 0.91 = 0.023077; 0.035 / 0.95 = 0.036842 is 59.6 % more
    assert result.verdict.startswith(
        "mid is cheapest per successful outcome: $0.0231; its bill is $42.00 over 2 months"
    )
    assert "Next: large, 60% more per successful outcome." in result.verdict
    assert result.verdict.endswith(
        "Left out: 1 below the required success rate or without a stated one."
    )
    assert [r.name for r in result.ranked] == ["mid", "large"]


def test_what_failures_cost_can_turn_the_verdict(example_book: cm.PriceBook) -> None:
    work = {"required_success": 0.9, "failure_usd": 1.5}
    result = compared(example_book, *rated(), work=work)
    by_name = {r.name: r.as_dict()["usd_per_success"] for r in result.results}
    assert by_name["large"] == pytest.approx((0.035 + 0.05 * 1.5) / 0.95)
    assert by_name["mid"] == pytest.approx((0.021 + 0.09 * 1.5) / 0.91)
    assert result.verdict.startswith("large is cheapest")


def test_a_rate_of_an_option_that_cannot_be_had_asks_nothing_of_the_others(
    example_book: cm.PriceBook,
) -> None:
    result = compared(example_book, *UNRATED, an_option("dead", "base-1", success_rate=0.9))
    assert result.ranked[0].name == "small"
    assert "required success rate of 0" not in result.verdict


def test_an_option_just_at_the_required_rate_meets_it(example_book: cm.PriceBook) -> None:
    result = compared(example_book, *rated(small=0.9), work={"required_success": 0.9})
    assert [r.name for r in result.ranked] == ["small", "mid", "large"]


def test_an_option_without_a_rate_does_not_win_where_others_state_one(
    example_book: cm.PriceBook,
) -> None:
    options = (an_option("large", "large-1", success_rate=0.9), an_option("small", "small-1"))
    result = compared(example_book, *options)
    assert [r.name for r in result.ranked] == ["large"]
    assert "1 below the required success rate or without a stated one" in result.verdict
    (small,) = [r.as_dict() for r in result.results if r.name == "small"]
    assert small["usd_per_success"] is None
    assert small["total_usd"] == pytest.approx(14.0)


def test_nothing_meets_a_requirement_that_is_too_high(example_book: cm.PriceBook) -> None:
    result = compared(example_book, *rated(), work={"required_success": 0.99})
    assert result.ranked == ()
    assert result.verdict == "No option is stated to meet the required success rate of 0.99."


def test_an_infeasible_option_is_kept_with_its_reason_and_never_cheapest(
    example_book: cm.PriceBook,
) -> None:
    # base-1 costs next to nothing and shuts down on 2027-01-14
    result = compared(example_book, *UNRATED, an_option("dead", "base-1"))
    dead = next(r.as_dict() for r in result.results if r.name == "dead")
    assert not dead["feasible"]
    assert "2027-01-14" in dead["reason"]
    assert dead["total_usd"] is dead["usd_per_request"] is dead["maintenance_share"] is None
    assert [r.name for r in result.ranked] == ["small", "large"]
    assert "small is cheapest" in result.verdict
    assert result.verdict.endswith("Left out: 1 that cannot be had over the whole horizon.")
    with pytest.raises(cm.ScenarioError, match=r"'dead' has no bill: .*2027-01-14"):
        result.bill("dead")


def test_the_same_option_is_feasible_where_the_horizon_ends_before_its_model(
    example_book: cm.PriceBook,
) -> None:
    result = compared(example_book, *UNRATED, an_option("dying", "base-1"), months=1)
    assert result.ranked[0].name == "dying"


def test_when_nothing_is_feasible_the_verdict_gives_a_reason(example_book: cm.PriceBook) -> None:
    result = compared(example_book, an_option("dead", "base-1"))
    assert result.verdict.startswith("No option can be had over 2 months: ")
    assert "2027-01-14" in result.verdict
    assert result.prices_on == {"day": None, "verified_from": None, "verified_to": None}


def test_results_stand_in_the_order_of_the_scenario(example_book: cm.PriceBook) -> None:
    result = compared(example_book, *rated())
    assert [r.name for r in result.results] == ["large", "mid", "small"]
    assert list(result.frame()["name"]) == ["large", "mid", "small"]
    assert list(result.bills) == ["large", "mid", "small"]


def test_the_frame_holds_what_the_dictionary_holds(example_book: cm.PriceBook) -> None:
    result = compared(example_book, *rated(), an_option("dead", "base-1"))
    frame = result.frame().set_index("name")
    for option in result.as_dict()["options"]:
        row = frame.loc[option["name"]]
        if option["feasible"]:
            assert row["total_usd"] == pytest.approx(option["total_usd"])
            phases = sum(row[f"{phase}_usd"] for phase in ("build", "serve", "upkeep", "exit"))
            assert phases == pytest.approx(option["total_usd"])
        else:
            assert math.isnan(row["total_usd"])


def test_a_router_names_every_model_it_uses(example_book: cm.PriceBook) -> None:
    router = cm.Mix("router", {"small": 1.0}, escalate={"large": 0.2})
    result = compared(example_book, *UNRATED, router)
    mixed = next(r.as_dict() for r in result.results if r.name == "router")
    # 0.007 + 0.2 x 0.035
    assert mixed["usd_per_request"] == pytest.approx(0.014)
    assert "small-1" in mixed["model"]
    assert "large-1" in mixed["model"]


def test_many_scenarios_at_once_are_reported_as_means(example_book: cm.PriceBook) -> None:
    requests = np.array([[1_000.0], [3_000.0]])
    result = compared(example_book, *UNRATED, work={"requests": requests})
    small = next(r for r in result.results if r.name == "small")
    assert small.bill is not None
    assert small.bill.total == pytest.approx([14.0, 42.0])
    assert small.as_dict()["total_usd"] == pytest.approx(28.0)


def test_a_month_without_requests_still_gives_valid_json(example_book: cm.PriceBook) -> None:
    result = compared(example_book, *UNRATED, work={"requests": 0.0})
    assert "nan" not in result.verdict
    json.dumps(result.as_dict(), allow_nan=False)


def test_options_that_cost_nothing_are_compared_too(example_book: cm.PriceBook) -> None:
    result = compared(example_book, *UNRATED, work={"parts": {"question": 0.0, "answer": 0.0}})
    assert "nan" not in result.verdict
    json.dumps(result.as_dict(), allow_nan=False)


def test_a_mistake_in_an_option_names_the_option(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match=r"option 'wrong': .*'larg-1'.*did you mean 'large-1'"):
        compared(example_book, *UNRATED, an_option("wrong", "larg-1"))


def test_one_month_is_singular(example_book: cm.PriceBook) -> None:
    assert "over 1 month," in compared(example_book, *UNRATED, months=1).verdict


def test_without_a_book_the_tables_of_the_user_count_as_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "provider,multiplier,source,verified_on\n"
    (tmp_path / "overrides.csv").write_text(f"{header}openai,0.5,contract 7,2026-11-21\n")
    monkeypatch.setenv("COSTMODEL_PRICES", str(tmp_path))
    shipped_book.cache_clear()
    try:
        own = cm.compare(
            cm.Scenario.read(Path(__file__).parents[2] / "notebooks/scenarios/support_bot.toml")
        )
    finally:
        monkeypatch.undo()
        shipped_book.cache_clear()
    line = own.bill("RAG on GPT-6 Luna").frame().query("meter == 'output_mtok'").iloc[0]
    assert line["unit_price_usd"] == pytest.approx(line["list_unit_price_usd"] / 2)
