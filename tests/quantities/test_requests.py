"""Requests as ordered parts, and how their size is distributed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities.requests import (
    Part,
    Request,
    Sizes,
    Turn,
    lognormal,
    share_above,
)

sizes = st.floats(1, 1e6)
spreads = st.floats(0.01, 3)


def chat(turns: int = 1, *, stable_history: bool = False) -> Request:
    parts = (
        Part("system", 2_000, stable=True),
        Part("question", 100, cv=0.5),
        Part("answer", 200, cv=1.0),
    )
    return Request(parts, turns, stable_history)


def test_a_lognormal_has_the_mean_and_variance_it_was_made_from() -> None:
    # mean e^(mu + s^2/2); variance (e^(s^2) - 1) mean^2
    mu, sigma = lognormal(80_000, 40_000**2)
    assert float(np.exp(mu + sigma**2 / 2)) == pytest.approx(80_000)
    assert float(np.expm1(sigma**2)) == pytest.approx(0.25)


def test_with_no_spread_all_is_above_or_all_below() -> None:
    assert [float(share) for share in share_above(100, 101, 0)] == [1, 1]
    assert [float(share) for share in share_above(100, 100, 0)] == [0, 0]


def test_half_the_requests_are_above_the_median() -> None:
    # median = mean / sqrt(1 + cv^2)
    requests, tokens = share_above(80_000 / math.sqrt(1.25), 80_000, 40_000**2)
    assert float(requests) == pytest.approx(0.5)
    assert float(tokens) > 0.5


@given(sizes, sizes, spreads)
def test_long_requests_hold_more_than_their_share_of_tokens(
    threshold: float, mean: float, cv: float
) -> None:
    requests, tokens = share_above(threshold, mean, (cv * mean) ** 2)
    assert 0 <= requests <= tokens + 1e-12
    assert tokens <= 1


@given(sizes, st.lists(st.tuples(sizes, spreads), min_size=1, max_size=4))
def test_shares_of_arrays_are_shares_of_scalars(
    threshold: float, rows: list[tuple[float, float]]
) -> None:
    means, cvs = (np.array(column) for column in zip(*rows, strict=True))
    together = share_above(threshold, means, (cvs * means) ** 2)
    for k, (mean, cv) in enumerate(rows):
        alone = share_above(threshold, mean, (np.float64(cv) * mean) ** 2)
        assert [float(share[k]) for share in together] == pytest.approx(
            [float(share) for share in alone], rel=1e-12, abs=1e-300
        )


def test_a_mixture_of_fixed_and_spread_sizes() -> None:
    requests, tokens = share_above(100, np.array([50.0, 150.0, 150.0]), np.array([0.0, 0.0, 1e4]))
    assert requests[:2].tolist() == tokens[:2].tolist() == [0, 1]
    assert 0 < requests[2] < tokens[2] < 1


# parts


def test_parts_stand_in_the_order_of_a_prompt() -> None:
    request = chat().with_part(Part("shots", 400, stable=True)).with_part(Part("context", 900))
    assert [part.name for part in request.parts] == [
        *("system", "shots", "context", "question", "answer")
    ]


def test_a_part_takes_the_place_of_one_of_the_same_name() -> None:
    request = chat().with_part(Part("system", 500))
    assert request.part("system").tokens == 500
    assert len(request.parts) == 3
    assert chat().part("system").tokens == 2_000
    assert chat().part("thinking").tokens == 0


def test_another_encoding_scales_every_part() -> None:
    (call,) = chat().scaled(1.5).calls()
    assert float(call.mean[0]) == 3_150
    assert float(call.output) == 300
    # the spread grows with it: (1.5 x 50)^2
    assert float(call.variance[0]) == pytest.approx(75**2)


def test_what_can_be_cached_is_the_leading_stable_part() -> None:
    longer = chat().with_part(Part("context", 900)).with_part(Part("shots", 400, stable=True))
    (call,) = longer.calls()
    assert float(call.prefix[0]) == 2_400
    (broken,) = chat().with_part(Part("system", 2_000)).calls()
    assert float(broken.prefix[0]) == 0


def test_stable_parts_behind_one_that_varies_are_not_cached() -> None:
    request = Request(
        (Part("system", 100, stable=True), Part("shots", 50), Part("context", 900, stable=True))
    )
    (call,) = request.calls()
    assert float(call.prefix[0]) == 100


def test_call_k_carries_the_history_of_k_minus_1_turns() -> None:
    calls = chat(3).calls()
    # 2,000 + 100, then 300 more each turn
    assert [float(call.mean[0]) for call in calls] == [2_100, 2_400, 2_700]
    # variances: question 50^2; each earlier turn adds 50^2 + 200^2
    assert [float(call.variance[0]) for call in calls] == [2_500, 45_000, 87_500]
    assert [float(call.prefix[0]) for call in calls] == [2_000, 2_000, 2_000]


def test_stable_history_belongs_to_the_prefix() -> None:
    calls = chat(3, stable_history=True).calls()
    assert [float(call.prefix[0]) for call in calls] == [2_000, 2_300, 2_600]


# shares of a billed part


def a_call(mean: float, cv: float) -> Turn:
    return Turn(
        np.array([mean]),
        np.array([(mean * cv) ** 2]),
        np.zeros(1),
        np.zeros(1),
        np.array([10.0]),
    )


def test_the_whole_input_is_spread_like_tokens_the_answer_like_requests() -> None:
    call = a_call(80_000, 0.5)
    whole = Sizes.of([call], [(call.mean, call.variance)])
    answer = Sizes.of([call], [(call.output, np.zeros(1))])
    assert float(whole.above(100_000)[0]) == pytest.approx(0.4066, abs=5e-5)
    assert float(answer.above(100_000)[0]) == pytest.approx(0.2393, abs=5e-5)


@given(spreads, st.floats(0.01, 0.99), st.floats(1e3, 1e6))
def test_the_parts_of_an_input_add_up_to_it_above_any_size(
    cv: float, part: float, threshold: float
) -> None:
    # a constant prefix and the rest, which varies
    call = a_call(80_000, min(cv, 0.5))
    prefix = Sizes.of([call], [(call.mean * part, np.zeros(1))]).above(threshold) * part
    rest = Sizes.of([call], [(call.mean * (1 - part), call.variance)]).above(threshold)
    whole = Sizes.of([call], [(call.mean, call.variance)]).above(threshold)
    summed = float(prefix[0] + rest[0] * (1 - part))
    if float(rest[0]) < 1:
        assert summed == pytest.approx(float(whole[0]))


def test_calls_are_weighted_by_what_they_bill() -> None:
    short, long = a_call(1_000, 0), a_call(3_000, 0)
    sizes_of_both = Sizes.of([short, long], [(c.mean, c.variance) for c in (short, long)])
    # 3,000 of 4,000 tokens come with the long call, half of the answers
    assert float(sizes_of_both.above(2_000)[0]) == pytest.approx(0.75)
    answers = Sizes.of([short, long], [(c.output, np.zeros(1)) for c in (short, long)])
    assert float(answers.above(2_000)[0]) == pytest.approx(0.5)
