"""A difference between actual and budget falls apart into quantity, mix and price."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.analysis.variance import by_requests, split
from costmodel.usage.ledger import PICO


def dollars(*rows: list[float]) -> Any:
    return np.array([[round(usd * PICO) for usd in row] for row in rows], object)


def one_group(lines: int) -> Any:
    return np.zeros(lines, np.int64)


def test_more_of_everything_is_quantity() -> None:
    # 100 Mtok at $0.40 and 50 Mtok at $1.60, and 1.32 times as much of both
    planned = np.array([[100.0], [50.0]])
    found = split(
        planned,
        dollars([40.0], [80.0]),
        planned * 1.32,
        dollars([52.8], [105.6]),
        dollars([52.8], [105.6]),
        one_group(2),
    )
    assert found.quantity.sum() / PICO == pytest.approx(120 * 0.32)
    assert np.abs(found.mix).max() <= 2
    assert np.abs(found.price).max() <= 2


def test_half_on_a_model_at_half_the_price_is_mix() -> None:
    # 100 Mtok planned at $2; 50 of them go to a new line at $1: $50 saved, all of it mix
    found = split(
        np.array([[100.0], [0.0]]),
        dollars([200.0], [0.0]),
        np.array([[50.0], [50.0]]),
        dollars([100.0], [50.0]),
        dollars([100.0], [50.0]),
        one_group(2),
    )
    assert found.mix.tolist() == dollars([-100.0], [50.0]).tolist()
    assert not found.quantity.any()
    assert not found.price.any()


def test_a_discount_is_price() -> None:
    # a new line that is billed at nine tenths of its list price has both: mix at list, price below
    found = split(
        np.array([[100.0], [0.0]]),
        dollars([200.0], [0.0]),
        np.array([[100.0], [0.0]]),
        dollars([180.0], [0.0]),
        dollars([200.0], [0.0]),
        one_group(2),
    )
    assert found.price.tolist() == dollars([-20.0], [0.0]).tolist()
    fresh = split(
        np.zeros((1, 1)),
        dollars([0.0]),
        np.array([[10.0]]),
        dollars([18.0]),
        dollars([20.0]),
        one_group(1),
    )
    assert fresh.quantity.tolist() == dollars([20.0]).tolist()
    assert fresh.price.tolist() == dollars([-2.0]).tolist()


def test_a_new_line_without_a_list_price_is_mix_at_what_it_cost() -> None:
    found = split(
        np.array([[100.0], [0.0], [0.0]]),
        dollars([200.0], [0.0], [0.0]),
        np.array([[90.0], [10.0], [0.0]]),
        dollars([180.0], [77.0], [3.0]),
        dollars([180.0], [0.0], [0.0]),
        one_group(3),
    )
    assert not found.price.any()
    assert not found.quantity.any()
    assert found.mix.tolist() == dollars([-20.0], [77.0], [3.0]).tolist()


def test_nothing_used_is_all_quantity() -> None:
    planned = np.array([[100.0], [50.0]])
    none = dollars([0.0], [0.0])
    found = split(planned, dollars([40.0], [80.0]), planned * 0, none, none, one_group(2))
    assert found.quantity.tolist() == dollars([-40.0], [-80.0]).tolist()
    assert not found.mix.any()


def test_hours_are_no_part_of_the_volume_of_tokens() -> None:
    # twice the tokens and the hours as planned: the hours differ by nothing
    found = split(
        np.array([[100.0], [744.0]]),
        dollars([100.0], [1488.0]),
        np.array([[200.0], [744.0]]),
        dollars([200.0], [1488.0]),
        dollars([200.0], [1488.0]),
        np.array([0, 1]),
    )
    assert found.quantity.tolist() == dollars([100.0], [0.0]).tolist()
    assert not found.mix.any()


def test_quantity_is_more_requests_and_more_tokens_for_each() -> None:
    # a tenth more requests of $120, and a fifth more tokens for each
    more, longer = by_requests(
        np.array([120 * PICO], object),
        np.array([round(120 * 0.32 * PICO)], object),
        np.array([100_000.0]),
        np.array([110_000.0]),
    )
    assert more[0] / PICO == pytest.approx(12.0)
    assert longer[0] / PICO == pytest.approx(26.4)


def test_requests_that_nobody_counted_add_nothing() -> None:
    quantity = np.array([5 * PICO], object)
    more, longer = by_requests(quantity, quantity, np.array([10.0]), np.array([np.nan]))
    assert (more[0], longer[0]) == (0, 5 * PICO)


AMOUNT = st.one_of(st.just(0.0), st.floats(1e-6, 1e9))
MONEY = st.one_of(st.just(0), st.integers(-(10**12), 10**25))
LINE = st.tuples(AMOUNT, MONEY, AMOUNT, MONEY, MONEY, st.integers(0, 2))


@given(st.lists(LINE, min_size=1, max_size=6))
def test_the_three_add_up_to_the_last_part_of_a_dollar(lines: list[tuple[Any, ...]]) -> None:
    columns = [[line[k] for line in lines] for k in range(6)]
    before, after = (np.array(columns[k], float)[:, np.newaxis] for k in (0, 2))
    planned, actual, listed = (np.array(columns[k], object)[:, np.newaxis] for k in (1, 3, 4))
    found = split(before, planned, after, actual, listed, np.array(columns[5], np.int64))
    assert (found.price + found.quantity + found.mix == actual - planned).all()


@given(
    st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.01, 100)), min_size=1, max_size=5),
    st.floats(0.1, 10),
    st.floats(0.1, 10),
)
def test_volume_alone_is_quantity_and_prices_alone_are_price(
    lines: list[tuple[float, float]], more: float, dearer: float
) -> None:
    amount = np.array([[q] for q, _ in lines])
    unit = np.array([[p] for _, p in lines])
    money = [
        np.array([[round(v * PICO)] for v in (amount * unit * f).ravel()], object)
        for f in (1.0, more, dearer)
    ]
    whole = float(money[0].sum())
    volume = split(amount, money[0], amount * more, money[1], money[1], one_group(len(lines)))
    assert float(volume.quantity.sum()) == pytest.approx(whole * (more - 1), abs=whole * 1e-9)
    assert np.abs(np.asarray(volume.mix, float)).sum() <= whole * 1e-9
    price = split(amount, money[0], amount, money[2], money[0], one_group(len(lines)))
    assert float(price.price.sum()) == pytest.approx(whole * (dearer - 1), abs=whole * 1e-9)
    assert np.abs(np.asarray(price.mix, float)).sum() <= whole * 1e-9
    assert not price.quantity.any()
