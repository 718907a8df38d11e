"""Labels keep their distance."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("plotly")

from costmodel.figures.labels import LETTER_PX, LINE_PX, WIDE, Box, placed, pushed_apart


@given(
    st.lists(st.floats(0, 300), min_size=1, max_size=12),
    st.floats(1, 20),
)
def test_labels_are_a_gap_apart_inside_and_in_order(wanted: list[float], gap: float) -> None:
    places = pushed_apart(wanted, gap, 0.0, 300.0)
    ordered = sorted(places)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(ordered))
    assert ordered[0] >= -1e-6
    assert ordered[-1] <= 300 + 1e-6
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    assert [places[k] for k in order] == ordered


def test_labels_with_room_stay_where_they_want_to_be() -> None:
    assert pushed_apart([10.0, 100.0, 200.0], 17) == [10.0, 100.0, 200.0]


points = st.tuples(st.floats(0, 560), st.floats(0, 380))


@given(st.lists(points, min_size=1, max_size=12), st.integers(3, 34), st.sampled_from([1.0, WIDE]))
def test_names_of_points_never_overlap_nor_leave_the_plot(
    at: list[tuple[float, float]], letters: int, wide: float
) -> None:
    half = letters * LETTER_PX / 2
    offsets = placed(at, ["x" * letters] * len(at), height=380)
    found = [(x * wide, y, *offset) for (x, y), offset in zip(at, offsets, strict=True) if offset]
    boxes = [Box(x + dx - half, y + dy - 8, x + dx + half, y + dy + 8) for x, y, dx, dy in found]
    assert not any(a.meets(b) for a, b in combinations(boxes, 2))
    assert all(b.left >= 0 and b.right <= 560 * wide + 1e-9 and b.top <= 380 for b in boxes)
    # where a name stands far away, a line leads to it
    for k, (x, y, dx, dy) in enumerate(found):
        others = [box for j, box in enumerate(boxes) if j != k]
        for share in np.linspace(0.3, 0.6, 20) if abs(dy) > LINE_PX and wide == WIDE else ():
            dot = Box(x + dx * share, y + dy * share, x + dx * share, y + dy * share)
            assert not any(box.meets(dot) for box in others)
