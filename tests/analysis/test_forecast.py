"""What is to come is told from what was seen."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.analysis.forecast import WEEKS_PER_MONTH, factors, level


def test_money_at_twice_the_plan_stays_there() -> None:
    days = np.full(70, 1.0)
    found = level(2 * days, days, days, days)
    assert found is not None
    assert found.ratio == pytest.approx(2.0)
    assert (found.trend, found.carried) == (0.0, False)
    expected, drawn = factors(found, np.array([0.5, 6.0]), 64, 0)
    assert expected == pytest.approx([2.0, 2.0])
    assert drawn == pytest.approx(2.0)


def test_weekends_do_not_move_the_level() -> None:
    # ten weeks of work from Monday to Friday: 7/5 on those days, nothing on the others
    week = np.array([1.4] * 5 + [0.0] * 2)
    found = level(np.tile(week, 10), np.ones(70), np.tile(week, 10), np.ones(70))
    assert found is not None
    assert found.ratio == pytest.approx(1.0)
    assert found.spread == pytest.approx(0.0, abs=1e-12)


def test_a_price_cut_changes_the_level_at_once_and_is_no_trend() -> None:
    # half the price since five weeks: the last four weeks tell the level
    money = np.concatenate([np.ones(35), np.full(35, 0.5)])
    found = level(money, np.ones(70), np.ones(70), np.ones(70))
    assert found is not None
    assert found.ratio == pytest.approx(0.5)
    assert not found.carried


def test_growth_is_carried_on_for_as_long_as_it_was_seen_and_no_longer() -> None:
    # 2 % a week against the plan in eight weeks
    weeks = np.repeat(1.02 ** np.arange(8), 7)
    found = level(weeks, np.ones(56), weeks, np.ones(56))
    assert found is not None
    assert found.carried
    assert found.trend == pytest.approx(np.log(1.02))
    # the middle of the last four weeks is two weeks ago
    assert found.ratio == pytest.approx(1.02 ** (5.5 + 2))
    expected, _ = factors(found, np.array([1.0, 12.0]), 8, 0)
    assert expected[0] / found.ratio == pytest.approx(1.02**WEEKS_PER_MONTH)
    assert expected[1] / found.ratio == pytest.approx(1.02**8)


def test_scatter_of_weeks_becomes_a_band_whose_mean_stays() -> None:
    random = np.random.default_rng(3)
    weeks = np.repeat(np.exp(0.2 * random.standard_normal(12)), 7)
    found = level(weeks, np.ones(84), weeks, np.ones(84))
    assert found is not None
    _, drawn = factors(found, np.array([1.0, 6.0]), 4096, 0)
    assert drawn.mean(axis=0) == pytest.approx(found.ratio, rel=0.02)
    low, high = np.quantile(drawn[:, 1], (0.1, 0.9)) / found.ratio
    assert low < 0.9
    assert high > 1.1
    assert np.ptp(drawn[:, 1]) > np.ptp(drawn[:, 0])


def test_less_than_a_week_tells_nothing() -> None:
    assert level(*(np.ones(6) for _ in range(4))) is None
    assert level(np.zeros(14), *(np.ones(14) for _ in range(3))) is None


def test_credits_that_leave_nothing_of_a_week_are_a_wide_band_and_no_overflow() -> None:
    week = np.array([9.0, 0, 0, 0, 0, 0, -8.999])
    found = level(week, np.ones(7), np.ones(7), np.ones(7))
    assert found is not None
    assert found.spread == 1.0
    spent_later = np.concatenate([np.ones(7), -np.ones(7)])
    found = level(spent_later, *(np.ones(14) for _ in range(3)))
    assert found is not None
    assert found.spread <= 1.0
