"""The time axis counts days and hours of the calendar."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import DataError
from costmodel.months import Months, add_months, as_date

days = st.dates(date(2000, 1, 1), date(2060, 1, 1))


def test_months_have_the_days_of_the_calendar() -> None:
    months = Months(date(2028, 1, 1), 4)
    assert months.days.tolist() == [31, 29, 31, 30]
    assert months.hours.tolist() == [744, 696, 744, 720]
    assert months.labels == ("2028-01", "2028-02", "2028-03", "2028-04")
    assert months.end == date(2028, 5, 1)


def test_months_may_start_on_any_day() -> None:
    months = Months(date(2026, 12, 15), 2)
    assert months.bounds.astype(str).tolist() == ["2026-12-15", "2027-01-15", "2027-02-15"]
    assert months.days.tolist() == [31, 31]


def test_the_end_of_a_month_stays_the_end() -> None:
    # not shortened for good by February
    months = Months(date(2027, 1, 31), 3)
    assert months.bounds.astype(str).tolist() == [
        *("2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30")
    ]


@pytest.mark.parametrize(
    ("day", "count", "later"),
    [
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2027, 1, 14), 24, date(2029, 1, 14)),
        (date(2027, 1, 14), -1, date(2026, 12, 14)),
        (date(2027, 1, 14), 0, date(2027, 1, 14)),
    ],
)
def test_adding_months_keeps_the_day_where_there_is_one(day: date, count: int, later: date) -> None:
    assert add_months(day, count) == later


def test_a_share_of_a_month_is_counted_in_days() -> None:
    january = Months(date(2027, 1, 1), 1)
    assert january.between(date(2027, 1, 1), date(2027, 1, 14)) == pytest.approx([13 / 31])
    assert january.between(date(2027, 1, 14), date(2027, 2, 1)) == pytest.approx([18 / 31])
    assert january.between(date(2027, 2, 1), date(2027, 3, 1)).tolist() == [0]
    assert january.between(date(2027, 1, 20), date(2027, 1, 10)).tolist() == [0]


@given(days, st.integers(1, 36), days, days)
def test_what_is_cut_in_two_adds_up(start: date, count: int, first: date, second: date) -> None:
    months = Months(start, count)
    early, late = sorted((first, second))
    whole = months.between(start, months.end)
    parts = (
        months.between(date(1990, 1, 1), early)
        + months.between(early, late)
        + months.between(late, date(2100, 1, 1))
    )
    assert whole == pytest.approx(np.ones(count))
    assert parts == pytest.approx(np.ones(count))


@given(days, st.integers(1, 36), days)
def test_a_day_is_in_one_month_or_outside(start: date, count: int, day: date) -> None:
    months = Months(start, count)
    assert months.at(day).sum() == float(start <= day < months.end)


@pytest.mark.parametrize(
    "value",
    [
        "2027-01-14",
        " 2027-01-14 ",
        "2027-01-14T08:30:00Z",
        date(2027, 1, 14),
        datetime(2027, 1, 14, 23, 59),  # noqa: DTZ001
        np.datetime64("2027-01-14T12"),
    ],
)
def test_a_date_is_read_from_whatever_holds_one(value: object) -> None:
    assert as_date(value) == date(2027, 1, 14)


@pytest.mark.parametrize("value", ["14.1.2027", "2027-02-30", "", None, 2027])
def test_what_is_no_date_is_refused_with_its_name(value: object) -> None:
    with pytest.raises(DataError, match="start must be a date like 2026-12-01, got"):
        as_date(value, "start")
