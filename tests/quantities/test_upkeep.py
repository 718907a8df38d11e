"""How often work comes back, and what is kept."""

from __future__ import annotations

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
