"""Hours of people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import effort

amounts = st.floats(1e-3, 1e9)


def test_hours_by_hand() -> None:
    assert float(effort.effort_hours(2, 12)) == 24
    # 3,000 examples, 30 % renewed, 10 minutes each: 9,000 minutes
    assert float(effort.labelling_hours(1, 3_000, 0.3, 10)) == pytest.approx(150)
    # 40 answers x 3 minutes, twice
    assert float(effort.review_hours(2, 40, 3)) == pytest.approx(4)


def test_work_that_does_not_come_takes_no_time() -> None:
    assert float(effort.effort_hours(0, 12)) == 0
    assert float(effort.labelling_hours(0, 3_000, 1, 10)) == 0


@given(amounts, st.floats(1, 1e5), st.floats(0, 1), st.floats(0, 60))
def test_a_share_of_the_labels_takes_that_share_of_the_time(
    occasions: float, examples: float, share: float, minutes: float
) -> None:
    whole = float(effort.labelling_hours(occasions, examples, 1, minutes))
    part = float(effort.labelling_hours(occasions, examples, share, minutes))
    assert part == pytest.approx(whole * share)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float]]) -> None:
    first, second = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, other) in enumerate(rows):
        assert effort.effort_hours(first, second)[k] == effort.effort_hours(one, other)
        assert effort.labelling_hours(first, second, 0.3, 10)[k] == effort.labelling_hours(
            one, other, 0.3, 10
        )
        assert effort.review_hours(first, second, 3)[k] == effort.review_hours(one, other, 3)
