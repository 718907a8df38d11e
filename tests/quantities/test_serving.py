"""Capacity that has to stand ready."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import serving

amounts = st.floats(1e-3, 1e9)


@pytest.mark.parametrize(
    ("need", "units"),
    [(0, 0), (0.1, 1), (1, 1), (0.1 * 3 * 10, 3), (3 + 1e-8, 4), (2.5, 3), (1e6 + 0.5, 1e6 + 1)],
)
def test_units_are_whole(need: float, units: float) -> None:
    assert float(serving.whole(need)) == units


def test_replicas_by_hand() -> None:
    # 3.6 M tokens an hour = 1,000 a second; at a peak of 2.5 times: 2.5 replicas of 1,000
    assert float(serving.replicas_needed(3_600_000, 2.5, 1_000)) == 3
    assert float(serving.replicas_needed(3_600_000, 2.5, 2_500)) == 1
    assert float(serving.replicas_needed(0, 2.5, 1_000)) == 1
    assert float(serving.replicas_needed(0, 2.5, 1_000, at_least=0)) == 0


@given(amounts, st.floats(1, 10), amounts)
def test_replicas_are_enough_and_not_one_too_many(load: float, peak: float, speed: float) -> None:
    replicas = float(serving.replicas_needed(load, peak, speed, at_least=0))
    need = load / 3_600 / speed * peak
    assert need - 1e-6 * max(need, 1) <= replicas < need + 1


def test_capacity_is_billed_used_or_idle() -> None:
    # 2 units x 744 h x half the month
    assert float(serving.capacity_hours(2, 744, 0.5)) == 744


def test_busy_and_idle_by_hand() -> None:
    # 1.2 of 3 replicas work, on 6 units: 6 x 744 = 4,464 h, of it 40 % busy
    assert float(serving.busy_hours(6, 744, 1, 1.2, 3)) == pytest.approx(1_785.6)
    assert float(serving.idle_hours(6, 744, 1, 1.2, 3)) == pytest.approx(2_678.4)


@given(amounts, st.floats(1, 744), st.floats(0, 1), amounts, st.floats(1, 1e3))
def test_busy_and_idle_make_the_whole(
    units: float, hours: float, active: float, busy: float, replicas: float
) -> None:
    given_ = (units, hours, active, busy, replicas)
    parts = serving.busy_hours(*given_), serving.idle_hours(*given_)
    assert all(part >= 0 for part in parts)
    whole = float(serving.capacity_hours(units, hours, active))
    assert float(sum(parts)) == pytest.approx(whole)


def test_committed_hours_are_those_of_the_term() -> None:
    hours, term = np.array([744.0, 672.0, 744.0]), np.array([1.0, 1.0, 0.0])
    assert serving.committed_hours(2, hours, term).tolist() == [1_488, 1_344, 0]


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float]]) -> None:
    first, second = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, other) in enumerate(rows):
        assert serving.replicas_needed(first, 2, second)[k] == serving.replicas_needed(
            one, 2, other
        )
        assert serving.capacity_hours(first, 744, 1)[k] == serving.capacity_hours(one, 744, 1)
        assert serving.busy_hours(first, 744, 1, second, 3)[k] == serving.busy_hours(
            one, 744, 1, other, 3
        )
        assert serving.committed_hours(first, 744, 1)[k] == serving.committed_hours(one, 744, 1)
