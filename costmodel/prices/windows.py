"""Time-of-day windows of prices: half hours of the week in UTC, Monday 00:00 first."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from costmodel.errors import PriceError

SLOTS_PER_DAY = 48
SLOTS_PER_WEEK = 7 * SLOTS_PER_DAY
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = re.compile(r"([01]?\d|2[0-4]):([03]0)-([01]?\d|2[0-4]):([03]0)")

Mask = npt.NDArray[np.bool_]


def parse_window(text: str, where: str) -> Mask:
    """Read `mon-fri 01:00-04:00 06:00-10:00` (UTC); without days it holds every day.

    Returns:
        Which half hours of the week are inside. Shape (336,).

    Raises:
        PriceError: If the text is no window.

    >>> parse_window("mon-fri 01:00-04:00 06:00-10:00", "x").sum() / 2
    np.float64(35.0)
    """
    words = text.lower().split()
    days = list(range(7))
    if words and (match := re.fullmatch(r"([a-z]{3})(?:-([a-z]{3}))?", words[0])):
        first, last = match[1], match[2] or match[1]
        if first in DAYS and last in DAYS:
            low, high = DAYS.index(first), DAYS.index(last)
            days = [day % 7 for day in range(low, (high if high >= low else high + 7) + 1)]
            words = words[1:]
    mask = np.zeros(SLOTS_PER_WEEK, dtype=bool)
    spans = [SPAN.fullmatch(word) for word in words]
    for span in spans:
        if span is None:
            break
        start = int(span[1]) * 2 + int(span[2]) // 30
        stop = int(span[3]) * 2 + int(span[4]) // 30
        length = (stop - start) % SLOTS_PER_DAY or SLOTS_PER_DAY
        for day in days:
            slots = day * SLOTS_PER_DAY + start + np.arange(length)
            mask[slots % SLOTS_PER_WEEK] = True
    if not spans or None in spans:
        message = (
            f"{where}: window must read like 'mon-fri 01:00-04:00 06:00-10:00' "
            f"(UTC, half hours), got {text!r}"
        )
        raise PriceError(message)
    return mask


def week_slot(stamps: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Return the half hour of the week of time stamps in UTC.

    >>> week_slot(np.array(["2026-11-23T01:30"], dtype="datetime64[m]"))
    array([3])
    """
    half_hours = stamps.astype("datetime64[m]").astype(np.int64) // 30
    # 1970-01-01 was a Thursday
    slot: npt.NDArray[np.int64] = (half_hours + 3 * SLOTS_PER_DAY) % SLOTS_PER_WEEK
    return slot


def written_window(mask: Mask) -> str:
    """Return half hours of the week as a window, blank for all of the week.

    Raises:
        PriceError: If days differ among each other, or are not consecutive.

    >>> written_window(parse_window("mon-fri 01:00-04:00 06:00-10:00", "x"))
    'mon-fri 01:00-04:00 06:00-10:00'
    """
    days = mask.reshape(7, SLOTS_PER_DAY)
    inside = np.flatnonzero(days.any(axis=1))
    if mask.all():
        return ""
    if (
        inside.size == 0
        or np.any(np.diff(inside) != 1)
        or not (days[inside] == days[inside[0]]).all()
    ):
        message = "a window is the same hours on consecutive days"
        raise PriceError(message)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], days[inside[0]].astype(int), [0]])))
    spans = [
        f"{start // 2:02}:{start % 2 * 30:02}-{stop // 2:02}:{stop % 2 * 30:02}"
        for start, stop in edges.reshape(-1, 2).tolist()
    ]
    first, last = DAYS[inside[0]], DAYS[inside[-1]]
    which = [] if inside.size == len(DAYS) else [first if first == last else f"{first}-{last}"]
    return " ".join([*which, *spans])
