"""How often work comes back, and what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import upkeep

amounts = st.floats(1e-3, 1e9)


def test_events_of_a_year_fall_evenly_on_its_months() -> None:
    # 2 a year: a sixth each month, a twelfth in half a month
    assert float(upkeep.expected_events(2, 1)) == pytest.approx(1 / 6)
    assert float(upkeep.expected_events(2, 0.5)) == pytest.approx(1 / 12)


@given(amounts)
def test_a_year_of_months_holds_the_events_of_a_year(per_year: float) -> None:
    assert upkeep.expected_events(per_year, np.ones(12)).sum() == pytest.approx(per_year)


def test_stored_versions_by_hand() -> None:
    # 3 models, 2 versions each, half a month; of 0.5 GB each
    assert float(upkeep.stored_models(0.5, 3, 2)) == 3
    assert float(upkeep.stored_model_gb(0.5, 3, 2, 0.5)) == 1.5


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float]]) -> None:
    first, second = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, other) in enumerate(rows):
        assert upkeep.expected_events(first, second)[k] == upkeep.expected_events(one, other)
        assert upkeep.stored_models(first, second, 2)[k] == upkeep.stored_models(one, other, 2)
        assert upkeep.stored_model_gb(first, second, 2, 0.5)[k] == upkeep.stored_model_gb(
            one, other, 2, 0.5
        )


# models that retire

CURVE = np.array([0.0, 365.0, 730.0]), np.array([1.0, 0.8, 0.2])
MONTHLY: Any = np.arange(25) * 30.0


def test_a_model_of_some_age_lives_on_as_others_of_that_age_did() -> None:
    # of 80 that reach 365 days, 20 reach 730
    assert float(upkeep.surviving(365.0, 365.0, *CURVE)) == pytest.approx(0.25)
    # beyond the curve as steep as before: a factor of 4 again
    assert float(upkeep.surviving(730.0, 365.0, *CURVE)) == pytest.approx(0.25)


@given(st.floats(0, 0.999), st.floats(0, 1500))
def test_the_life_left_is_the_inverse_of_survival(chance: float, age: float) -> None:
    left = upkeep.residual_life(chance, age, *CURVE)
    assert float(upkeep.surviving(age, left, *CURVE)) == pytest.approx(1 - chance, abs=1e-9)


def test_moves_by_hand() -> None:
    curve = np.array([0.0, 100.0, 200.0]), np.array([1.0, 0.8, 0.2])
    first, second = upkeep.expected_retirements(np.array([0.0, 50.0, 100.0]), 100.0, 0.0, *curve)
    # of 80 models of 100 days 40 are left after 50 days (halfway down the hazard), 20 after 100;
    # a new one, moved to in the middle of the month, ends within its 25 days by 1 - 0.8 ^ (25/100)
    soon, later = 1 - 0.8**0.25, 0.8**0.25 - 0.8**0.75
    assert first == pytest.approx(0.5 / (1 - soon))
    assert second == pytest.approx((0.25 + first * later) / (1 - soon))


def test_the_expected_moves_are_the_mean_of_drawn_lives() -> None:
    drawn = np.random.default_rng(1).random((40_000, 12))
    ages = np.where(np.arange(12) == 0, 200.0, 90.0)
    lives: Any = upkeep.residual_life(drawn, ages, *CURVE)
    counted = upkeep.retirements_in(lives, MONTHLY).mean(axis=0)
    expected = upkeep.expected_retirements(MONTHLY, 200.0, 90.0, *CURVE)
    assert counted.sum() == pytest.approx(expected.sum(), rel=0.01)
    # 4 standard errors of a month
    assert counted == pytest.approx(expected, abs=4 * np.sqrt(expected.max() / 40_000))


def test_expected_moves_broadcast_and_never_fall_below_nothing() -> None:
    ages = np.array([[0.0], [200.0], [600.0]])
    found = upkeep.expected_retirements(MONTHLY, ages, np.array([[90.0], [0.0], [30.0]]), *CURVE)
    assert found.shape == (3, 24)
    assert np.all(found >= 0)
    alone = [
        upkeep.expected_retirements(MONTHLY, float(a), f, *CURVE)
        for a, f in zip(ages[:, 0], (90.0, 0.0, 30.0), strict=True)
    ]
    assert found == pytest.approx(np.stack(alone))


def test_nothing_retires_while_a_stage_does_not_serve() -> None:
    elapsed = np.array([0.0, 0.0, 30.0, 60.0, 60.0])
    moves = upkeep.expected_retirements(elapsed, 300.0, 90.0, *CURVE)
    assert moves[0] == 0
    assert moves[3] == 0
    assert np.all(moves[1:3] > 0)


# what falls together


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_common_work_is_done_once_when_anything_happens(chances: list[float]) -> None:
    times = [np.asarray(chance) for chance in chances]
    shares = upkeep.not_yet_done(times)
    done = sum(float(t * share) for t, share in zip(times, shares, strict=True))
    # the chance that at least one of them happens
    assert done == pytest.approx(1 - np.prod([1 - chance for chance in chances]))


def test_in_a_draw_the_first_cause_does_the_work() -> None:
    moved, changed = np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0])
    shares = upkeep.not_yet_done([moved, changed])
    assert (moved * shares[0] + changed * shares[1]).tolist() == [1, 1, 1]


def test_drift_is_seen_at_the_next_evaluation() -> None:
    # 1 point a month, a limit of 5: after 5 months; evaluated each 3 months it is seen after 6
    assert float(upkeep.drift_events(0.01, 0.05, 1.0, 1.0)) == pytest.approx(1 / 5)
    assert float(upkeep.drift_events(0.01, 0.05, 3.0, 1.0)) == pytest.approx(1 / 6)
    assert float(upkeep.drift_events(0.01, 0.05, 0.0, 0.5)) == pytest.approx(1 / 10)
    assert float(upkeep.drift_events(0.0, 0.05, 1.0, 1.0)) == 0
