"""The time axis: consecutive months, counted in days and hours of the calendar."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError

Array = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]
Numeric = float | Array

HOURS_PER_DAY = 24


def as_date(value: Any, what: str = "date") -> date:
    """Read a date from a date, a time stamp or ISO text.

    Raises:
        DataError: If the value is no date.

    >>> as_date("2027-01-14")
    datetime.date(2027, 1, 14)
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, np.datetime64):
        value = str(value.astype("datetime64[D]"))
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value.strip()).date()
    except ValueError:
        pass
    message = f"{what} must be a date like 2026-12-01, got {value!r}".strip()
    raise DataError(message)


def add_months(day: date, months: int) -> date:
    """Return the same day some months later, or the last day of a shorter month.

    >>> add_months(date(2027, 1, 31), 1)
    datetime.date(2027, 2, 28)
    """
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(years, month + 1)[1]
    return date(years, month + 1, min(day.day, last))


@dataclass(frozen=True)
class Months:
    """Consecutive months from a start date; month k runs from `bounds[k]` up to `bounds[k + 1]`.

    Attributes:
        start: First day.
        count: Number of months, T.

    >>> Months(date(2026, 12, 1), 2).hours
    array([744., 744.])
    """

    start: date
    count: int

    @cached_property
    def bounds(self) -> Days:
        """First day of each month and the day after the last one. Shape (T + 1,)."""
        days = [add_months(self.start, k).isoformat() for k in range(self.count + 1)]
        return np.array(days, dtype="datetime64[D]")

    @property
    def end(self) -> date:
        """The first day after the horizon."""
        return add_months(self.start, self.count)

    @cached_property
    def days(self) -> Array:
        """Days in each month. [day], shape (T,)."""
        return np.asarray(np.diff(self.bounds).astype(float))

    @cached_property
    def hours(self) -> Array:
        """Calendar hours in each month. [h], shape (T,)."""
        return self.days * HOURS_PER_DAY

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Year and month in which each month starts."""
        return tuple(str(day.astype("datetime64[M]")) for day in self.bounds[:-1])

    def between(self, first: date, last: date) -> Array:
        """Share of the days of each month in [first, last). Shape (T,).

        >>> Months(date(2027, 1, 1), 2).between(date(2027, 1, 14), date(2027, 2, 1)) * 31
        array([18.,  0.])
        """
        low = np.maximum(self.bounds[:-1], np.datetime64(first, "D"))
        high = np.minimum(self.bounds[1:], np.datetime64(last, "D"))
        return np.asarray(np.maximum((high - low).astype(float), 0.0) / self.days)

    def at(self, day: date) -> Array:
        """One in the month that holds the day, zero elsewhere; all zero outside. Shape (T,)."""
        inside = (self.bounds[:-1] <= np.datetime64(day, "D")) & (
            np.datetime64(day, "D") < self.bounds[1:]
        )
        return np.asarray(inside.astype(float))
