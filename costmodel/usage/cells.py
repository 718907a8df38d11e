"""Cells of exports as numbers, money and days: whole columns at a time, nothing guessed."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.usage import ledger
from costmodel.usage.ledger import PICO

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MOST = np.iinfo(np.int64).max
# below it, a float times 10^12 rounds to the integer that its digits mean
SURE = 2.0**51
LARGEST_COUNT = 2.0**53
DAY, MINUTE = 86_400, 60  # seconds
FEW = 64  # cells from which a column is told that may hold one word
SHOWN = 40  # characters of a wrong cell that are shown
EPOCHS = {"s": (1e9, 1e10), "ms": (1e12, 1e13), "us": (1e15, 1e16), "ns": (1e18, 1e19)}
ISO = re.compile(r"\s*\d{4}-\d\d?-\d\d?([ T]|\s*$)")
SLASHES = re.compile(r"\s*(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})(\s|$)")
BLANKS = ("", "NULL", "null", "None", "NaN", "nan", "N/A")


class BadCellError(Exception):
    """A cell that cannot be what its column says; the reader adds file and line."""

    def __init__(self, at: int, message: str) -> None:
        """Say which row of the batch, and what is wrong."""
        super().__init__(message)
        self.at, self.message = int(at), message


def _shown(value: Any) -> str:
    text = str(value)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def _wrong(column: str, values: Any, bad: npt.NDArray[np.bool_], what: str) -> BadCellError:
    at = int(np.flatnonzero(bad)[0])
    value = np.asarray(values, object)[at]
    text = str(value).lstrip()
    if text[:1] in ("=", "+", "@") or (text[:1] == "-" and "(" in text):
        what = f"holds a formula, {_shown(value)}; export values, or write what it gives"
    else:
        what = f"{what}, got {_shown(value)}"
    return BadCellError(at, f"{column} {what}")


def written_out(value: Any) -> str:
    """Return a cell as stripped text, objects as JSON, blank where nothing stands."""
    if isinstance(value, (dict, list)):
        # tags of JSON exports
        return json.dumps(value, default=str)
    word = str(value).strip()
    return "" if word in BLANKS else word


def _clean(level: Any) -> bool:
    return isinstance(level, str) and written_out(level) == level


def _one_word(values: Any) -> bool:
    """Tell whether a long column of text says the same throughout."""
    if getattr(values, "dtype", None) != "str" or len(values) < FEW:
        return False
    found = values.array
    return bool((found[:FEW] == found[0]).all() and (found == found[0]).all())


def words(values: Any) -> pd.Categorical:
    """Return cells as categories of stripped text, blank where nothing stands."""
    import pandas as pd

    if _one_word(values):
        # takes a third of the time of telling words apart
        return ledger.words(written_out(values.iloc[0]), len(values))
    given = getattr(values, "array", values)
    if isinstance(given, pd.Categorical):
        codes, levels = given.codes, list(given.categories)
        if all(map(_clean, levels)) and not (codes.size and codes.min() < 0):
            return given
    else:
        try:
            plain = values if isinstance(values, pd.Series) else np.asarray(given, object)
            codes, found = pd.factorize(plain)
        except TypeError:
            # cells that hold objects
            texts = [written_out(value) for value in given]
            codes, found = pd.factorize(np.array(texts, object))
        levels = list(found)
        if all(map(_clean, levels)) and not (codes.size and codes.min() < 0):
            return pd.Categorical.from_codes(codes, pd.Index(levels, dtype="str"))
    known = [written_out(level) for level in levels]
    merged, names = pd.factorize(np.array([*known, ""], object))
    # the last code, -1, is that of the blank
    return pd.Categorical.from_codes(merged[codes], pd.Index(names, dtype="str"))


def text(values: Any) -> npt.NDArray[np.object_]:
    """Return cells as stripped text, blank where nothing stands."""
    return np.asarray(words(values), object)


def numbers(values: Any, column: str) -> Floats:
    """Return cells as numbers, nan where nothing stands.

    Raises:
        BadCellError: If a cell is no finite number.
    """
    import pandas as pd

    given = np.asarray(values)
    if given.dtype.kind in "iuf":
        found = given.astype(float)
    else:
        given = given.astype(object)
        if given.size and isinstance(given[0], Decimal):
            given = given.astype(str)
        found = np.array(pd.to_numeric(pd.Series(given, dtype=object), errors="coerce"), float)
        open_ = np.flatnonzero(np.isnan(found))
        bad = np.zeros(found.size, bool)
        bad[open_] = text(given[open_]) != ""
        if bad.any():
            raise _wrong(column, values, bad, "must be a number like 1234.5")
    if np.isinf(found).any():
        raise _wrong(column, values, np.isinf(found), "must be a finite number")
    return found


def counts(values: Any, column: str, missing: float = 0) -> Ints:
    """Return cells as whole numbers >= 0; 59200.0 is 59200.

    Raises:
        BadCellError: If a cell is negative, broken, or too large to be told from its neighbour.
    """
    given = np.asarray(values)
    if given.dtype.kind in "iu":
        if given.size and (given.min() < 0 or given.max() > LARGEST_COUNT):
            bad = (given < 0) | (given > LARGEST_COUNT)
            raise _wrong(column, values, bad, "must be a whole number >= 0")
        return given.astype(np.int64, copy=False)
    found = numbers(values, column)
    found = np.where(np.isnan(found), missing, found)
    bad = (found < 0) | (found != np.rint(found)) | (found > LARGEST_COUNT)
    if bad.any():
        raise _wrong(column, values, bad, "must be a whole number >= 0")
    return found.astype(np.int64)


def pico(values: Any, column: str, cents: bool = False) -> tuple[Ints, npt.NDArray[np.bool_]]:  # noqa: FBT001, FBT002
    """Return money in 10^-12 of its currency, and which cells state any.

    Digits are taken as written, not as floats hold them; beyond the twelfth they are rounded.

    Raises:
        BadCellError: If a cell is no number, or a row bills more than 9.2 million.
    """
    import pandas as pd

    scale = PICO // 100 if cents else PICO
    found = numbers(values, column)
    stated = ~np.isnan(found)
    scaled = np.where(stated, found, 0.0) * scale
    exact = np.rint(scaled)
    large = np.abs(scaled) >= SURE
    amounts = np.where(large, 0.0, exact).astype(np.int64)
    if large.any():
        # longer than a float can hold
        places = np.flatnonzero(large)
        codes, levels = pd.factorize(np.asarray(values, object)[places])
        whole = []
        for k, level in enumerate(levels):
            try:
                whole.append(int((Decimal(str(level).strip()) * scale).to_integral_value()))
            except InvalidOperation:
                whole.append(MOST + 1)
            if abs(whole[-1]) > MOST:
                bad = np.zeros(stated.size, bool)
                bad[places[codes == k]] = True
                raise _wrong(column, values, bad, "of one row must stay below 9.2 million")
        amounts[places] = np.array(whole, np.int64)[codes]
    return amounts, stated


def moments(values: Any, column: str, slashes: str = "") -> tuple[Any, npt.NDArray[np.int16]]:
    """Return the UTC day of each cell, and the minute of the day, -1 where a cell is only a day.

    Args:
        values: ISO dates or time stamps (UTC unless they say otherwise), seconds or milliseconds
            since 1970, or datetimes.
        column: Its name.
        slashes: What 09/21/2023 means here: "month first", "day first", or blank = refuse what
            can be read both ways.

    Raises:
        BadCellError: If a cell is no date, or the column mixes formats.
    """
    import pandas as pd

    given = values if isinstance(values, pd.Series) else pd.Series(values)
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
        stamps = given
        only_day = np.zeros(len(given), bool)
    elif pd.api.types.is_numeric_dtype(given.dtype) and not pd.api.types.is_bool_dtype(given.dtype):
        return _epochs(given.to_numpy(), values, column)
    else:
        codes, levels = pd.factorize(text(given))
        plain = [str(level).removesuffix(" UTC") for level in levels]
        known, day_only = _written(plain, codes, values, column, slashes)
        stamps, only_day = known.take(codes), day_only[codes]
    stamps = pd.Series(stamps)
    if getattr(stamps.dt, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    times = stamps.to_numpy().astype("datetime64[s]")
    if np.isnat(times).any():
        raise _wrong(column, values, np.isnat(times), "must be a date like 2026-12-01")
    if only_day.all():
        return times.astype("datetime64[D]"), np.full(times.size, -1, np.int16)
    days, minute = _split(times.view(np.int64))
    return days, np.where(only_day, np.int16(-1), minute) if only_day.any() else minute


def _split(seconds: Ints) -> tuple[Any, npt.NDArray[np.int16]]:
    """Split seconds since 1970 into days and minutes of the day; all at midnight means days."""
    if seconds.size and seconds.min() >= 0 and seconds.max() < EPOCHS["s"][1] / 4:
        # half the width takes a third of the time
        seconds = seconds.astype(np.uint32)
    days = seconds // DAY
    left = seconds - days * DAY
    midnight = not left.any()
    minute = np.full(left.size, -1, np.int16) if midnight else (left // MINUTE).astype(np.int16)
    return days.astype(np.int64).view("datetime64[D]"), minute


def _epochs(given: Any, values: Any, column: str) -> tuple[Any, npt.NDArray[np.int16]]:
    seconds = given.astype(float)
    for unit, (low, high) in EPOCHS.items():
        if seconds.size and seconds.min() >= low and seconds.max() < high:
            whole = seconds // {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]
            return _split(whole.astype(np.int64))
    bad = ~((seconds >= EPOCHS["s"][0]) & (seconds < EPOCHS["s"][1]))
    bad = bad if bad.any() else np.ones(seconds.size, bool)
    raise _wrong(column, values, bad, "must be a date, or seconds since 1970")


def _written(
    levels: list[str], codes: Ints, values: Any, column: str, slashes: str
) -> tuple[Any, npt.NDArray[np.bool_]]:
    """Read distinct texts as days: all in one format."""
    import pandas as pd

    iso = np.array([ISO.match(word) is not None for word in levels], bool)
    slash = [SLASHES.match(word) for word in levels]
    slashed = np.array([found is not None for found in slash], bool)
    digits = np.array([word.replace(".", "", 1).isdigit() for word in levels], bool)
    kinds = {"2026-12-01": iso, "12/01/2026": slashed, "1796083200": digits}
    used = [name for name, mask in kinds.items() if mask.any()]
    other = ~(iso | slashed | digits)
    if other.any():
        raise _wrong(column, values, other[codes], "must be a date like 2026-12-01")
    if len(used) > 1:
        first = next(mask for mask in kinds.values() if mask[0])
        said = f"mixes dates like {' and '.join(used)}; write all of them like 2026-12-01"
        raise _wrong(column, values, ~first[codes], said)
    if digits.any():
        days, minute = _epochs(np.array([float(word) for word in levels]), levels, column)
        at = pd.Series(days + np.maximum(minute, 0).astype("timedelta64[m]"))
        return at, minute < 0
    if slashed.any():
        return _slashed(levels, codes, values, column, slashes), _bare(levels)
    try:
        return pd.Series(pd.to_datetime(levels, format="ISO8601", utc=True)), _bare(levels)
    except (ValueError, OverflowError):
        stamps = pd.to_datetime(levels, format="ISO8601", utc=True, errors="coerce")
        bad = np.asarray(stamps.isna())[codes]
        raise _wrong(column, values, bad, "must be a date like 2026-12-01") from None


def _bare(levels: list[str]) -> npt.NDArray[np.bool_]:
    return np.array([":" not in word for word in levels], bool)


def _slashed(levels: list[str], codes: Ints, values: Any, column: str, slashes: str) -> Any:
    import pandas as pd

    parts = [word.partition(" ")[0].split("/") for word in levels]
    first = np.array([int(part[0]) for part in parts])
    second = np.array([int(part[1]) for part in parts])
    months = np.maximum(first.max(), 0) <= 12, second.max() <= 12  # noqa: PLR2004
    if not slashes:
        if months[0] == months[1]:
            said = "can be read as month/day or day/month; write it like 2026-12-01"
            raise _wrong(column, values, np.ones(codes.size, bool), said)
        slashes = "month first" if months[0] else "day first"
    year = [f"20{part[2]}" if len(part[2]) == 2 else part[2] for part in parts]  # noqa: PLR2004
    month, day = (first, second) if slashes == "month first" else (second, first)
    iso = [
        f"{y}-{m:02d}-{d:02d}{word.partition(' ')[1]}{word.partition(' ')[2]}"
        for y, m, d, word in zip(year, month, day, levels, strict=True)
    ]
    stamps = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
    if stamps.isna().any():
        bad = np.asarray(stamps.isna())[codes]
        raise _wrong(column, values, bad, f"must be a date ({slashes})")
    return pd.Series(stamps)
