"""Inks can be read, words are short, labels keep their distance."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("plotly")

from costmodel.figures import style
from costmodel.figures.style import Box, Ink


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ink", [*style.INKS, style.GREY])
def test_words_have_the_contrast_of_wcag_aa_on_white_and_on_dark(ink: Ink) -> None:
    assert contrast(ink.text, "#ffffff") >= 4.5
    assert contrast(ink.dark, "#212121") >= 4.5
    if ink not in (style.GREY,):
        assert contrast(ink.line, "#ffffff") >= 2.9


def test_text_and_subtitle_can_be_read_in_both_themes() -> None:
    for light in (style.TEXT, style.QUIET):
        assert contrast(light, "#ffffff") >= 4.5
        assert contrast(style.DARK[light], "#212121") >= 4.5


@given(
    st.lists(st.floats(0, 300), min_size=1, max_size=12),
    st.floats(1, 20),
)
def test_labels_are_a_gap_apart_inside_and_in_order(wanted: list[float], gap: float) -> None:
    places = style.pushed_apart(wanted, gap, 0.0, 300.0)
    ordered = sorted(places)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(ordered))
    assert ordered[0] >= -1e-6
    assert ordered[-1] <= 300 + 1e-6
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    assert [places[k] for k in order] == ordered


def test_labels_with_room_stay_where_they_want_to_be() -> None:
    assert style.pushed_apart([10.0, 100.0, 200.0], 17) == [10.0, 100.0, 200.0]


points = st.tuples(st.floats(0, 560), st.floats(0, 380))


@given(st.lists(points, min_size=1, max_size=12), st.integers(3, 34))
def test_names_of_points_never_overlap_nor_leave_the_plot(
    at: list[tuple[float, float]], letters: int
) -> None:
    boxes = []
    half = letters * style.LETTER_PX / 2
    for (x, y), offset in zip(
        at, style.placed(at, ["x" * letters] * len(at), height=380), strict=True
    ):
        if offset is not None:
            middle, height = x + offset[0], y + offset[1]
            boxes.append(Box(middle - half, height - 8, middle + half, height + 8))
    assert not any(a.meets(b) for a, b in combinations(boxes, 2))
    assert all(box.left >= 0 and box.right <= 560 and box.top <= 380 for box in boxes)


def test_what_users_wrote_is_shown_as_they_wrote_it() -> None:
    assert style.said('<img src="x" onerror="alert(1)">').startswith("&lt;img")


def test_every_option_has_a_look_of_its_own() -> None:
    looks = style.option_looks([f"option {k}" for k in range(24)])
    assert len(set(looks.values())) == 24
