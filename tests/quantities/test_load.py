"""Load over a week."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import DataError
from costmodel.quantities.load import HOURS_PER_WEEK, scaled, standing_replicas, wave


@given(st.floats(1.0, 10.0))
def test_a_wave_has_mean_one_and_the_peak_asked_for(peak: float) -> None:
    found = wave(peak)
    assert found.shape == (HOURS_PER_WEEK,)
    assert float(found.mean()) == pytest.approx(1.0)
    assert float(found.max()) == pytest.approx(peak, rel=1e-6)


def test_a_profile_is_scaled_to_its_mean_and_has_168_hours() -> None:
    assert float(scaled(np.arange(168.0)).mean()) == pytest.approx(1.0)
    with pytest.raises(DataError, match="168 numbers"):
        scaled(np.ones(24))


def test_replicas_that_follow_the_load_cost_less_than_those_that_stand_for_the_peak() -> None:
    need = wave(3.0) * 10
    standing = standing_replicas(need, 1, 5, 15)
    assert np.all(standing >= np.ceil(need) - 1e-9)
    assert float(standing.sum()) < 0.6 * HOURS_PER_WEEK * np.ceil(need.max())
    slower = standing_replicas(need, 1, 60, 240)
    assert float(slower.sum()) > float(standing.sum())


def test_an_idle_replica_is_kept_once_however_long_ago_it_was_let_go() -> None:
    # two of three fall idle and are kept for 2 h: 2 + 2 replica-hours beside the load
    need = np.array([3.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    assert standing_replicas(need, 1, 0, 120).tolist() == [3, 3, 3, 3, 1, 1]
    # 90 minutes: the second hour by half
    assert standing_replicas(need, 1, 0, 90).tolist() == [3, 3, 3, 2, 1, 1]


def test_a_replica_that_still_stands_is_not_started_again() -> None:
    need = np.array([3.0, 1.0, 3.0, 3.0])
    # kept for 2 h through the dip of one hour: no cold start of an hour
    assert standing_replicas(need, 1, 60, 120).tolist() == [3, 3, 3, 3]
    # let go at the end of the dip's first half hour: two start anew
    assert standing_replicas(need, 1, 60, 30).tolist() == [3, 2, 5, 3]
