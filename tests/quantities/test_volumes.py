"""Tokens and requests that pass in a month."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import volumes

amounts = st.floats(1e-3, 1e9)
shares = st.floats(0, 1)


def test_tokens_of_a_month_by_hand() -> None:
    # 200,000 x 350 = 70 million
    assert float(volumes.request_mtok(200_000, 350)) == 70


def test_growth_by_hand() -> None:
    # 100, 103, 106.09
    assert volumes.growing(100, 0.03, 3) == pytest.approx([100, 103, 106.09])
    assert volumes.growing(100, -0.5, 3) == pytest.approx([100, 50, 25])
    assert volumes.growing(100, 0, 3).tolist() == [100, 100, 100]


@given(amounts, st.floats(-0.2, 0.2), st.integers(2, 36))
def test_growth_is_the_same_from_month_to_month(start: float, growth: float, count: int) -> None:
    figures = volumes.growing(start, growth, count)
    assert figures[1:] / figures[:-1] == pytest.approx(np.full(count - 1, 1 + growth))


def test_hit_share_by_hand() -> None:
    # 60 an hour x 5 minutes = 5 requests expected while it is warm; 1 - e^-5
    assert float(volumes.hit_share(60, 5)) == pytest.approx(1 - math.exp(-5))
    assert float(volumes.hit_share(0, 5)) == 0


@given(amounts, amounts)
def test_more_requests_find_the_cache_warm_more_often(rate: float, ttl: float) -> None:
    assert 0 <= volumes.hit_share(rate, ttl) <= volumes.hit_share(2 * rate, ttl) <= 1


def test_what_is_not_cached_by_hand() -> None:
    # 1,000,000 x (2,600 - 0.5 x 2,000) = 1,600 Mtok; where misses are written: x (2,600 - 2,000)
    assert float(volumes.uncached_mtok(1e6, 2_600, 2_000, 0.5, 0)) == pytest.approx(1_600)
    assert float(volumes.uncached_mtok(1e6, 2_600, 2_000, 0.5, 1)) == pytest.approx(600)


@given(amounts, amounts, shares, shares, st.sampled_from([0.0, 1.0]))
def test_all_input_is_billed_once(
    requests: float, tokens: float, part: float, hit: float, writes: float
) -> None:
    prefix = tokens * part
    billed = volumes.uncached_mtok(requests, tokens, prefix, hit, writes)
    billed = billed + volumes.cached_mtok(requests, prefix, hit)
    billed = billed + writes * volumes.written_mtok(requests, prefix, hit)
    assert float(billed) == pytest.approx(float(volumes.request_mtok(requests, tokens)))


@given(st.lists(st.tuples(amounts, amounts, shares), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float, float]]) -> None:
    requests, tokens, hit = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, size, share) in enumerate(rows):
        assert volumes.request_mtok(requests, tokens)[k] == volumes.request_mtok(one, size)
        assert volumes.hit_share(requests, tokens)[k] == volumes.hit_share(one, size)
        assert volumes.cached_mtok(requests, tokens, hit)[k] == volumes.cached_mtok(
            one, size, share
        )
        assert volumes.written_mtok(requests, tokens, hit)[k] == volumes.written_mtok(
            one, size, share
        )
        assert volumes.uncached_mtok(requests, tokens, tokens, hit, 0)[k] == volumes.uncached_mtok(
            one, size, size, share, 0
        )
