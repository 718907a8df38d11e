"""From answers to successful outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import outcomes

rates = st.floats(0.01, 1)
retries = st.integers(0, 5)
dollars = st.floats(1e-3, 1e3)


def test_success_with_a_retry_by_hand() -> None:
    # 1 - 0.4 x 0.4 = 0.84; attempts 1 + 0.4 = 1.4
    assert float(outcomes.success(0.6, 1)) == pytest.approx(0.84)
    assert float(outcomes.attempts(0.6, 1)) == pytest.approx(1.4)


def test_what_never_succeeds_is_tried_to_the_end_and_has_no_price() -> None:
    assert float(outcomes.attempts(0.0, 2)) == 3
    assert float(outcomes.success(0.0, 2)) == 0
    assert float(outcomes.usd_per_success(0.01, 0.0, 2, 1.5)) == float("inf")


def test_what_always_succeeds_costs_what_a_request_costs() -> None:
    assert float(outcomes.usd_per_success(0.01, 1.0, 0, 99)) == pytest.approx(0.01)


@given(rates, retries)
def test_attempts_are_counted_one_by_one(rate: float, retry: int) -> None:
    # the k-th retry is made when k attempts failed
    by_hand = sum((1 - rate) ** k for k in range(retry + 1))
    assert float(outcomes.attempts(rate, retry)) == pytest.approx(by_hand)


@given(dollars, rates, retries, dollars)
def test_the_formula_of_the_design(usd: float, rate: float, retry: int, failure: float) -> None:
    share = 1 - (1 - rate) ** (retry + 1)
    by_hand = (usd * share / rate + (1 - share) * failure) / share
    tried = usd * outcomes.attempts(rate, retry)
    assert float(outcomes.usd_per_success(tried, rate, retry, failure)) == pytest.approx(by_hand)


@given(st.lists(st.tuples(dollars, st.floats(0, 1), retries), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float, int]]) -> None:
    usd, rate, retry = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, share, more) in enumerate(rows):
        assert outcomes.success(rate, retry)[k] == pytest.approx(
            float(outcomes.success(share, more))
        )
        assert outcomes.attempts(rate, retry)[k] == pytest.approx(
            float(outcomes.attempts(share, more))
        )
        assert outcomes.usd_per_success(usd, rate, retry, 1.5)[k] == pytest.approx(
            float(outcomes.usd_per_success(one, share, more, 1.5))
        )
