"""Inks can be read, words are short."""

from __future__ import annotations

import pytest

pytest.importorskip("plotly")

from costmodel.figures import style
from costmodel.figures.style import Ink


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


def test_what_users_wrote_is_shown_as_they_wrote_it() -> None:
    assert style.said('<img src="x" onerror="alert(1)">').startswith("&lt;img")


def test_every_option_has_a_look_of_its_own() -> None:
    looks = style.option_looks([f"option {k}" for k in range(24)])
    assert len(set(looks.values())) == 24
