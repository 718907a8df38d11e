"""Where the cheapest option changes, found on the bill itself."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.analysis import breakeven as module
from costmodel.analysis.breakeven import breakeven, own_against_hosted
from costmodel.analysis.sweep import Costs, winners_of
from costmodel.cli import main
from costmodel.months import Array
from costmodel.scenario import Input, replace_inputs

SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"
QUIET = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    unknown_retirements=False,
)


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    return cm.PriceBook.read()


@pytest.fixture(scope="module")
def bot() -> cm.Scenario:
    return cm.Scenario.read(SCENARIOS / "support_bot.toml")


def tokens_or_gpus(requests: float = 1e6) -> cm.Scenario:
    """Terra by the token beside replicas of 1,000 tokens a second on dedicated H100s."""
    hosted = cm.Stage("gpt-6.1-terra", cm.PerToken("openai"))
    gpus = cm.Dedicated(
        "together", gpu="H100-SXM", replica_tokens_per_second=1_000.0, peak_to_mean=1.0
    )
    own = cm.Stage("Qwen/Qwen3.5-9B", gpus)
    return cm.Scenario(
        "Tokens or hours",
        date(2026, 12, 1),
        1,
        cm.Workload(requests, {"question": 2_000, "answer": 500}),
        (cm.Option("tokens", (hosted,), caching=False), cm.Option("hours", (own,))),
        upkeep=QUIET,
    )


def test_a_crossing_by_hand(bot: cm.Scenario, book: cm.PriceBook) -> None:
    # two lines: 24 h of an engineer at once against a price for each request
    first, second = (
        cm.Option(name, (cm.Stage(model, cm.PerToken("openai"), approaches),))
        for name, model, approaches in (
            ("plain", "gpt-6.1-terra", {}),
            ("built", "gpt-6-luna", {"prompt": cm.Prompting(build_hours=24.0)}),
        )
    )
    scenario = replace(
        bot,
        months=1,
        workload=cm.Workload(1_000.0, {"question": 2_000, "answer": 500}),
        options=(first, second),
        upkeep=QUIET,
        people={"software_engineer": 100.0},
    )
    each = [
        2_000e-6 * price(book, model, "input_mtok") + 500e-6 * price(book, model, "output_mtok")
        for model in ("gpt-6.1-terra", "gpt-6-luna")
    ]
    [crossing] = breakeven(scenario, book, low=1.0, high=1e8).crossings
    assert crossing.at == pytest.approx(2_400 / (each[0] - each[1]), rel=1e-8)
    assert (crossing.before, crossing.after, crossing.step) == ("plain", "built", False)
    assert crossing.usd == pytest.approx(crossing.at * each[0], rel=1e-8)


def price(book: cm.PriceBook, model: str, meter: str) -> float:
    from costmodel.prices.rows import Key

    return book.price_on(book.key(Key("inference", "openai", model)), meter, date(2026, 12, 1))


def test_every_step_of_a_staircase_is_found(book: cm.PriceBook) -> None:
    scenario = tokens_or_gpus()
    low, high = 1e5, 3e7
    found = breakeven(scenario, book, low=low, high=high)
    points = np.linspace(low, high, 200_001)
    table = Costs.of(scenario, book).at({"workload.requests": points})
    winner = table.argmin(axis=0)
    changes = np.flatnonzero(winner[1:] != winner[:-1])
    assert len(found.crossings) == len(changes) > 2
    for crossing, k in zip(found.crossings, changes, strict=True):
        assert points[k] <= crossing.at <= points[k + 1]
    assert {crossing.step for crossing in found.crossings} == {True, False}


@pytest.mark.parametrize("over", ["workload.requests", "changes_per_year", "workload.parts.answer"])
def test_crossings_of_the_support_bot_are_those_of_a_dense_sweep(
    bot: cm.Scenario, book: cm.PriceBook, over: str
) -> None:
    found = breakeven(bot, book, over)
    points = np.linspace(found.low, found.high, 6_001)
    table = Costs.of(bot, book).at({found.over: points})
    winner = table.argmin(axis=0)
    changes = np.flatnonzero(winner[1:] != winner[:-1])
    dense = [(points[k], points[k + 1]) for k in changes]
    seen = [c for c in found.crossings if c.at > points[1]]
    assert len(seen) == len([pair for pair in dense if pair[0] >= points[1]])
    for crossing, (below, above) in zip(seen[::-1], dense[::-1], strict=False):
        assert below <= crossing.at <= above * (1 + 1e-9)


def test_costs_are_equal_where_two_lines_cross(bot: cm.Scenario, book: cm.PriceBook) -> None:
    for crossing in breakeven(bot, book).crossings:
        there = replace_inputs(bot, {"workload.requests": crossing.at})
        usd = {r.name: r.as_dict()["usd_per_success"] for r in cm.compare(there, book).results}
        assert usd[crossing.before] == pytest.approx(usd[crossing.after], rel=1e-6)
        assert usd[crossing.after] == pytest.approx(crossing.usd, rel=1e-6)


def test_the_verdict_lies_in_the_region_of_its_option(bot: cm.Scenario, book: cm.PriceBook) -> None:
    best = cm.compare(bot, book).ranked[0].name
    regions = breakeven(bot, book).regions
    assert [name for low, high, name in regions if low <= 200_000 < high] == [best]
    assert regions[0][0] == 2_000
    assert regions[-1][1] == 20_000_000


# the first cost steps at 57.0 and the second at 57.15, between two points of the sweep
@example([(42.0, 0.0, 19.0, 46.2), (81.0, 0.0, 14.2875, 34.7)])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 10), st.floats(0.5, 30), st.floats(0, 50)),
        min_size=2,
        max_size=5,
    )
)
def test_no_crossing_of_lines_with_steps_is_missed(
    kinds: list[tuple[float, float, float, float]],
) -> None:
    class Stairs(Costs):
        def at(
            self,
            values: Mapping[str, Array],
            names: Sequence[str] | None = None,
        ) -> Array:
            x = np.asarray(values["x"])
            chosen = self.options if names is None else names
            rows = [kinds[self.options.index(name)] for name in chosen]
            return np.array([a + b * x + h * np.ceil(x / w) for a, b, w, h in rows])

    names = tuple(str(k) for k in range(len(kinds)))
    costs = Stairs(None, None, names, "total_usd")  # type: ignore[arg-type]
    item = Input("x", 10.0, 0.0, 1e15)
    values = np.linspace(0.0, 100.0, 501)
    values, table = module._refined(costs, item, values, costs.at({"x": values}))
    found = module._crossings(costs, item, values, table)
    dense = np.linspace(0.0, 100.0, 40_001)
    table = costs.at({"x": dense})
    winners = winners_of(table)
    at = np.flatnonzero(winners[1:] != winners[:-1])
    cuts = np.array([crossing.at for crossing in found])
    for k in at:
        least = np.sort(table[:, [k, k + 1]], axis=0)
        if np.any((least[1] - least[0]) < 1e-6):
            continue  # they touch
        assert np.any((cuts >= dense[k] - 1e-6) & (cuts <= dense[k + 1] + 1e-6))


def test_ten_options_take_less_than_two_seconds(bot: cm.Scenario, book: cm.PriceBook) -> None:
    names = [option.name for option in bot.options if "at OpenAI" not in option.name][:10]
    assert len(names) == 10
    best = np.inf
    for _ in range(2):
        began = time.process_time()
        breakeven(bot, book, options=names)
        best = min(best, time.process_time() - began)
    assert best < 2.0


def test_a_prompt_that_grows_too_long_takes_its_option_out(book: cm.PriceBook) -> None:
    legal = cm.Scenario.read(SCENARIOS / "legal_qa.toml")
    few = tuple(o for o in legal.options if "Luna" in o.name)
    over = "approach.everything.corpus_tokens"
    found = breakeven(replace(legal, options=few), book, over, low=1e5, high=1e7)
    assert found.one_by_one == ("Whole code on GPT-6 Luna",)
    assert not np.isfinite(found.costs[found.options.index("Whole code on GPT-6 Luna"), -1])
    assert np.isfinite(found.costs).any(axis=0).all()


def test_whole_numbers_are_tried_one_by_one(bot: cm.Scenario, book: cm.PriceBook) -> None:
    found = breakeven(bot, book, "months", low=6, high=12)
    assert found.values.tolist() == [6, 7, 8, 9, 10, 11, 12]


def test_an_option_that_ends_counts_over_a_horizon_before_its_end(
    bot: cm.Scenario, book: cm.PriceBook
) -> None:
    # tuned GPT-4.1 mini stops answering on 2027-01-14, in the second month
    names = ["Tuned GPT-4.1 mini at OpenAI", "RAG on GPT-6 Luna"]
    found = breakeven(bot, book, "months", low=1, high=2, options=names)
    assert found.options == tuple(names)
    assert found.excluded == {}
    row = found.costs[found.options.index(names[0])]
    one = cm.compare(replace(bot, months=1), book)
    [result] = [r for r in one.results if r.name == names[0]]
    assert row[0] == pytest.approx(result.as_dict()["usd_per_success"])
    assert row[1] == np.inf
    later = breakeven(bot, book, "months", low=2, high=3, options=names)
    assert later.options == ("RAG on GPT-6 Luna",)
    assert "2027-01-14" in later.excluded[names[0]]
    with pytest.raises(cm.ScenarioError, match=r"no option can be had .* 2027-01-14"):
        breakeven(bot, book, "months", low=2, high=3, options=names[:1])


def test_a_rate_of_people_is_an_input_too(bot: cm.Scenario, book: cm.PriceBook) -> None:
    names = ["Router: Luna first then Flash", "RAG + tuned Nova 2 Lite"]
    found = breakeven(bot, book, "people.software_engineer", low=1, high=900, options=names)
    assert found.now == pytest.approx(book_rate(book))
    for crossing in found.crossings:
        there = replace_inputs(bot, {"people.software_engineer": crossing.at})
        usd = {r.name: r.as_dict()["usd_per_success"] for r in cm.compare(there, book).results}
        assert usd[crossing.before] == pytest.approx(usd[crossing.after], rel=1e-6)
    assert found.crossings


def book_rate(book: cm.PriceBook) -> float:
    from costmodel.prices.rows import TEAM, Key

    return book.price_on(Key("labour", TEAM, "software_engineer"), "person_hour", date(2026, 12, 1))


def test_own_gpus_win_above_a_volume_at_a_utilisation(bot: cm.Scenario, book: cm.PriceBook) -> None:
    few = [o for o in bot.options if o.name.startswith(("Prompting", "Tuned Llama"))]
    speed = "option.Tuned Llama 8B on rented GPU.host.replica_tokens_per_second"
    two = replace_inputs(replace(bot, options=tuple(few)), {speed: 5_000})
    pairs = own_against_hosted(two, book)
    [pair] = pairs
    [crossing] = pair.crossings
    assert crossing.after == "Tuned Llama 8B on rented GPU"
    # one replica of 5,000 tokens a second: 180 + 120 + 180 tokens a request, growing 3 % a month
    requests = crossing.at * np.mean(1.03 ** np.arange(24))
    busy = pair.utilisation[0]
    assert busy is not None
    assert busy == pytest.approx(requests * 480 / (730.5 * 3600 * 5_000), rel=0.15)
    # the same work on a bought server of 8 GPUs, most of which stand idle
    host = cm.Owned(gpu="H100-SXM", replica_tokens_per_second=5_000, peak_to_mean=3)
    llama = two.option("Tuned Llama 8B on rented GPU")
    assert isinstance(llama, cm.Option)
    bought = replace(llama, name="bought", stages=(replace(llama.stages[0], host=host),))
    [pair] = own_against_hosted(replace(two, options=(two.options[0], bought)), book)
    [crossing] = pair.crossings
    requests = crossing.at * np.mean(1.03 ** np.arange(24))
    busy = pair.utilisation[0]
    assert busy is not None
    assert busy == pytest.approx(requests * 480 / (730.5 * 3600 * 5_000 * 8), rel=0.15)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--over", "reqests"], "did you mean 'requests'"),
        (["--over", "workload.growth", "--from", "0.1", "--to", "0.1"], "is empty"),
        (["--over", "growth", "--from", "-2"], "must lie between -1 and 1, got -2"),
        (["--option", "RAG"], "no option 'RAG'"),
        (["--by", "requests"], "--by reads like requests,changes_per_year"),
        (["--by", "requests,requests"], "a map needs two inputs"),
        (["--from", "many"], "must be a number"),
        (["--over", "months", "--from", "6.2", "--to", "6.8"], "takes whole numbers"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["breakeven", str(SCENARIOS / "support_bot.toml"), *words])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_the_command_prints_crossings_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(SCENARIOS / "startup.toml")
    with pytest.raises(SystemExit):
        main(["breakeven", file, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        *("over", "now", "from", "to", "unit", "options", "excluded", "crossings", "regions"),
        *("one_by_one", "payback", "own_gpus"),
    }
    with pytest.raises(SystemExit):
        main(["breakeven", file, "--by", "requests,changes_per_year"])
    assert "down: upkeep.requirement_changes_per_year" in capsys.readouterr().out
