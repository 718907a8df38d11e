"""Windows of the week, in UTC."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.errors import PriceError
from costmodel.prices.windows import SLOTS_PER_WEEK, parse_window, week_slot


def hours(text: str) -> float:
    return float(parse_window(text, "here").sum()) / 2


def test_a_week_has_336_half_hours() -> None:
    assert SLOTS_PER_WEEK == 7 * 24 * 2


def test_a_window_without_days_holds_every_day() -> None:
    # 3 hours x 7 days
    assert hours("01:00-04:00") == 21


def test_spans_and_days_add_up() -> None:
    # (3 + 4) hours x 5 days
    assert hours("mon-fri 01:00-04:00 06:00-10:00") == 35
    assert hours("sat 12:00-12:30") == 0.5


def test_a_window_over_midnight_ends_on_the_next_day() -> None:
    mask = parse_window("sun 23:00-01:00", "here")
    # Sunday 23:00 is half hour 6 x 48 + 46 = 334; Monday 00:00 and 00:30 are the first two
    assert np.flatnonzero(mask).tolist() == [0, 1, 334, 335]


def test_days_run_over_the_end_of_the_week() -> None:
    # Saturday, Sunday, Monday
    assert hours("sat-mon 00:00-24:00") == 72


def test_a_week_has_two_halves() -> None:
    day, night = parse_window("08:00-20:00", "here"), parse_window("20:00-08:00", "here")
    assert not (day & night).any()
    assert (day | night).all()


@pytest.mark.parametrize("text", ["", "mon", "01:10-02:00", "mon-xyz 01:00-02:00", "1-2"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(PriceError, match=r"prices\.csv line 7: window must read like"):
        parse_window(text, "prices.csv line 7")


def test_half_hours_are_counted_from_monday() -> None:
    # 2026-11-21 is a Saturday: 5 x 48 + 2 x 16 + 1 = 273
    stamps = np.array(["2026-11-21T16:30", "2026-11-23T00:29"], dtype="datetime64[m]")
    assert week_slot(stamps).tolist() == [273, 0]
