"""Draws agree with the bill, with each other and with what can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import costmodel as cm
from costmodel.analysis.budget import budget
from costmodel.analysis.uncertainty import (
    CHANGES_AT_RANDOM,
    Chance,
    Driver,
    chance_of,
    draws,
    one_at_a_time,
)
from costmodel.errors import ScenarioError
from costmodel.quantities.distributions import Distribution, uniforms
from costmodel.quantities.sensitivity import explained

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"

CASE = """\
version = 1
name = "case"
start = 2026-12-01
months = 12
[workload]
requests = {requests}
failure_usd = 0.5
parts = {{question = 1000, answer = {answer}}}
[people]
domain_expert = {expert}
software_engineer = 80
[upkeep]
requirement_changes_per_year = 2
[approach.prompt]
kind = "prompting"
[[option]]
name = "small"
model = "gpt-6-luna"
host = {{kind = "per_token", provider = "openai"}}
approaches = ["prompt"]
success_rate = {small}
[[option]]
name = "large"
model = "gpt-6.1-sol"
host = {{kind = "per_token", provider = "openai"}}
approaches = ["prompt"]
success_rate = 0.97
{more}
"""
POINT = {"requests": "100_000", "answer": "200", "expert": "70", "small": "0.9", "more": ""}
RANGE = {
    "requests": "{low = 60_000, mode = 100_000, high = 200_000}",
    "answer": '{distribution = "lognormal", mean = 200, cv = 0.3}',
    "expert": "{low = 50, mode = 70, high = 90}",
    "small": "{low = 0.86, mode = 0.9, high = 0.93}",
}


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Chance]:
    """Return a function that gathers what is uncertain about the case."""
    book = cm.PriceBook.read()

    def make(*, bands: bool = False, events: bool = False, **stated: str) -> Chance:
        path = tmp_path / "case.toml"
        path.write_text(CASE.format(**{**POINT, **stated}))
        return chance_of(cm.Scenario.read(path), book, bands=bands, events=events)

    return make


def test_with_all_ranges_at_a_point_every_quantile_is_the_bill(
    case: Callable[..., Chance],
) -> None:
    collapsed = {
        "requests": "{low = 100_000, mode = 100_000, high = 100_000}",
        "answer": '{distribution = "normal", mean = 200, sd = 0}',
        "expert": "{low = 70, mode = 70, high = 70}",
    }
    chance = case(**collapsed)
    plain = cm.compare(case().scenario).bills
    for option in budget(chance, number=100).as_dict()["options"]:
        total = float(plain[option["name"]].total)
        for key in ("p10", "p50", "p90", "ask_usd", "central_usd", "mean_usd"):
            assert option[key] == pytest.approx(total, rel=1e-12)
        assert option["contingency_usd"] == pytest.approx(0, abs=1e-6)
        assert option["drivers"] == []


def test_the_mean_of_the_draws_is_the_expectation(case: Callable[..., Chance]) -> None:
    # the bill is linear in each of these, and they are independent of each other
    chance = case(requests=RANGE["requests"], expert=RANGE["expert"], events=True)
    found = draws(chance, 8192)
    for costs in found.costs:
        expected = float(found.central.bills[costs.name].total)
        spread = costs.monthly.sum(axis=-1).std() / 8192**0.5
        assert abs(costs.monthly.sum(axis=-1).mean() - expected) < 3 * spread


def test_the_quantile_of_one_input_is_the_bill_at_that_quantile(
    case: Callable[..., Chance],
) -> None:
    chance = case(requests=RANGE["requests"])
    [driver] = chance.drivers
    [small, _] = budget(chance, number=1 << 14).as_dict()["options"]
    for share, key in ((0.1, "p10"), (0.5, "p50"), (0.9, "p90")):
        requests = float(driver.distribution.quantile(np.array([share]))[0])
        by_hand = case(requests=f"{requests:.6f}").scenario
        total = float(cm.compare(by_hand).bills["small"].total)
        assert small[key] == pytest.approx(total, rel=1e-3)


def test_all_options_face_the_same_workload(case: Callable[..., Chance]) -> None:
    found = draws(case(requests=RANGE["requests"]), 500)
    requests = found.values["workload.requests"]
    for costs in found.costs:
        order = np.argsort(requests)
        assert np.all(np.diff(costs.monthly.sum(axis=-1)[order]) > 0)


def test_the_same_file_gives_the_same_nine_digits(case: Callable[..., Chance]) -> None:
    one, two = (budget(case(**RANGE), number=300).as_dict() for _ in range(2))
    assert one == two
    small = one["options"][0]
    # written down once: a figure that moves without a price moving is an error
    again = budget(replace(case(**RANGE), seed=1), number=300).as_dict()["options"][0]
    assert again["p50"] != small["p50"]


def test_blocks_change_nothing(
    case: Callable[..., Chance], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = case(**RANGE, events=True)
    whole = draws(chance, 700)
    monkeypatch.setattr("costmodel.analysis.uncertainty.BLOCK", 64)
    parts = draws(chance, 700)
    for a, b in zip(whole.costs, parts.costs, strict=True):
        assert a.monthly == pytest.approx(b.monthly, rel=1e-12)


def test_labour_varies_within_the_quartiles_of_its_row(case: Callable[..., Chance]) -> None:
    path = case().scenario.path
    assert path is not None
    path.write_text(CASE.format(**POINT).replace("domain_expert = 70\n", ""))
    chance = chance_of(cm.Scenario.read(path), cm.PriceBook.read())
    [wage] = [d for d in chance.drivers if d.name == "people.domain_expert"]
    row = next(r for r in chance.book.rows if r.key.sku == "domain_expert")
    quartiles = wage.distribution.quantile(np.array([0.25, 0.75]))
    assert quartiles == pytest.approx([row.facts["low"], row.facts["high"]])
    # on average the factor is 1, so that the expectation stays
    assert wage.drawn(uniforms(1 << 14, 1, 0)[:, 0]).mean() == pytest.approx(1, rel=1e-3)


def test_a_rate_stated_as_a_range_moves_its_lines_and_no_others(
    case: Callable[..., Chance],
) -> None:
    found = draws(case(expert=RANGE["expert"]), 2000)
    factor = found.values["people.domain_expert"]
    bill = found.central.bills["small"]
    reading = sum(
        float(line.cost.sum()) for line in bill.lines if line.line.key.sku == "domain_expert"
    )
    expected = float(bill.total) + reading * (factor - 1)
    assert found.of("small").monthly.sum(axis=-1) == pytest.approx(expected)


def test_rates_that_do_not_vary_are_named(case: Callable[..., Chance]) -> None:
    # the case states a number for both roles
    both = ("people.domain_expert", "people.software_engineer")
    assert case(bands=True).fixed_rates == both
    assert case(bands=True, expert=RANGE["expert"]).fixed_rates == both[1:]
    # the row of the domain expert has quartiles, that of the engineer lacks one
    shipped = chance_of(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    assert "people.domain_expert" not in shipped.fixed_rates
    assert "people.software_engineer" in shipped.fixed_rates


def test_changes_at_random_keep_their_rate_and_bring_the_spread(
    case: Callable[..., Chance],
) -> None:
    found = draws(case(events=True), 4096)
    assert found.values[CHANGES_AT_RANDOM].mean() == pytest.approx(2, rel=0.02)
    costs = found.of("small").monthly.sum(axis=-1)
    assert costs.std() > 0
    parts = [explained(found.values[name], costs) for name in found.chance.at_random]
    assert sum(parts) > 0.95


def test_random_retirements_are_on_average_the_expected_ones() -> None:
    scenario = cm.Scenario.read(SUPPORT_BOT)
    chance = chance_of(scenario, cm.PriceBook.read(), bands=False)
    assert len(chance.risks) >= 3
    found = draws(chance, 4096)
    for name, expected in chance.at_random.items():
        assert found.values[name].mean() == pytest.approx(expected, rel=0.03)
    for costs in found.costs:
        total = costs.monthly.sum(axis=-1)
        central = float(chance.central.bills[costs.name].total)
        # what falls into one month is done once, in draws as in the expectation
        assert total.mean() == pytest.approx(central, rel=0.01)


# correlation


def test_inputs_that_move_together_widen_the_spread(case: Callable[..., Chance]) -> None:
    both = {"requests": RANGE["requests"], "answer": RANGE["answer"]}
    spreads = []
    for by in (-0.9, 0.0, 0.9):
        more = f'[[together]]\ninputs = ["workload.requests", "workload.parts.answer"]\nby = {by}'
        found = draws(case(**both, more=more), 4096)
        first, second = (found.values[n] for n in ("workload.requests", "workload.parts.answer"))
        ranks = np.array([np.argsort(np.argsort(first)), np.argsort(np.argsort(second))])
        assert np.corrcoef(ranks)[0, 1] == pytest.approx(by, abs=0.04)
        spreads.append(found.of("large").monthly.sum(axis=-1).std())
    assert spreads[0] < spreads[1] < spreads[2]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ('[[together]]\ninputs = ["workload.reqests"]', "did you mean 'workload.requests'"),
        ('[[together]]\ninputs = ["workload.requests"]\nby = 1.5', "between -1 and 1"),
        ('[[together]]\ninputs = "workload.requests"', "inputs must be a list"),
        ('[[together]]\ninput = ["workload.requests"]', "unknown key 'input'"),
    ],
)
def test_what_cannot_move_together_is_refused(
    case: Callable[..., Chance], more: str, reason: str
) -> None:
    with pytest.raises(ScenarioError) as error:
        draws(case(**RANGE, more=more), 10)
    assert reason in str(error.value)


def test_correlations_that_contradict_each_other_are_refused(
    case: Callable[..., Chance],
) -> None:
    names = ["workload.requests", "workload.parts.answer", "option.small.success_rate"]
    pairs = [(0, 1, 0.9), (1, 2, 0.9), (0, 2, -0.9)]
    more = "\n".join(
        f'[[together]]\ninputs = ["{names[a]}", "{names[b]}"]\nby = {by}' for a, b, by in pairs
    )
    with pytest.raises(ScenarioError, match="contradict each other"):
        draws(case(**RANGE, more=more), 10)


# what the spread comes from


def test_one_at_a_time_agrees_with_the_bill(case: Callable[..., Chance]) -> None:
    chance = case(**RANGE)
    swings = one_at_a_time(draws(chance, 16))
    names = [driver.name for driver in chance.drivers]
    k = names.index("workload.requests")
    low = float(chance.drivers[k].distribution.quantile(np.array([0.1]))[0])
    means = {d.name: d.distribution.mean for d in chance.drivers}
    by_hand = case(
        requests=f"{low:.9f}",
        answer=f"{means['workload.parts.answer']:.9f}",
        expert=f"{means['people.domain_expert']:.9f}",
        small=f"{means['option.small.success_rate']:.9f}",
    ).scenario
    assert swings["small"][k, 0] == pytest.approx(float(cm.compare(by_hand).bills["small"].total))


def test_chances_to_be_cheapest_add_to_one() -> None:
    scenario = cm.Scenario.read(SUPPORT_BOT)
    found = budget(chance_of(scenario, cm.PriceBook.read()), number=500).as_dict()
    chances = [o["chance_cheapest"] for o in found["options"]]
    assert sum(c for c in chances if c is not None) == pytest.approx(1)
    assert any(c is None for c in chances)  # below the required success rate


# the budget


def test_the_limit_the_ask_and_the_months_fit_together(case: Callable[..., Chance]) -> None:
    chance = case(**RANGE, events=True)
    found = budget(chance, number=2000, confidence=0.8, limit=20_000).as_dict()
    for option in found["options"]:
        last = option["by_month"][-1]
        assert option["p10"] <= option["p50"] <= option["ask_usd"] <= option["p90"]
        assert option["chance_over_limit"] == pytest.approx(last["chance_over_limit"])
        assert last["cumulative_p50"] == pytest.approx(option["p50"])
        overs = [m["chance_over_limit"] for m in option["by_month"]]
        assert overs == sorted(overs)
    asked = budget(chance, number=2000, confidence=0.8, option="small").as_dict()["options"]
    assert [o["name"] for o in asked] == ["small"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"number": 0}, "draws must be at least 1"),
        ({"confidence": 1.0}, "confidence must be between 0 and 1"),
        ({"limit": -1.0}, "limit must be >= 0"),
        ({"option": "smal"}, "did you mean 'small'"),
    ],
)
def test_a_bad_question_is_refused(
    case: Callable[..., Chance], arguments: dict[str, object], reason: str
) -> None:
    with pytest.raises(ScenarioError) as error:
        budget(case(), **arguments)  # type: ignore[arg-type]
    assert reason in str(error.value)


def test_predicted_speeds_bring_their_bands() -> None:
    path = SUPPORT_BOT.with_name("contract_clauses.toml")
    chance = chance_of(cm.Scenario.read(path), cm.PriceBook.read(), events=False)
    speeds = {d.name: d for d in chance.drivers if d.scaled}
    assert any(name.endswith("host.serving_factor") for name in speeds)
    assert any(name.endswith("host.training_factor") for name in speeds)
    for driver in speeds.values():
        assert driver.middle == 1
        low, high = driver.distribution.quantile(np.array([0.1, 0.9]))
        assert low < 1 < high
    # half the speed needs twice the hours: a slower run costs more
    name = next(n for n in speeds if n.endswith("host.training_factor") and "L40S" in n)
    option = name.removeprefix("option.").removesuffix(".host.training_factor")
    swings = one_at_a_time(draws(chance, 8, [option]))[option]
    slow, fast = swings[[d.name for d in chance.drivers].index(name)]
    assert slow > fast


def test_a_speed_predicted_with_a_wide_band_stays_above_the_least_that_makes_sense() -> None:
    wide = Distribution("range", {"low": 0.2, "mode": 1.0, "high": 3.0}, 0.1, 0.01)
    drawn = Driver("option.x.host.training_factor", wide, scaled=True).drawn(np.array([1e-9, 0.5]))
    assert drawn[0] == 0.01
