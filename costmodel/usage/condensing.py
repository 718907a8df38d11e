"""Rows of a ledger summed without changing what they cost.

Rows are put together that share everything a price depends on: names, day, tier, and the half hour
where a provider has prices by the hour. Sums are integers, so that their order does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError
from costmodel.prices.book import PriceBook
from costmodel.usage.ledger import COLUMNS, NAMES, TOKENS, joined, rows_of

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]

DAY = 86_400  # seconds
HALF_HOUR = 30
SPARSE = 1 << 20  # codes up to which a table of all of them is kept
WIDE = 1 << 40  # codes beyond which they are numbered anew
EXACT = 2.0**53
LOW = (1 << 32) - 1
WORDS = (*NAMES, "meter", "kind", "money", "currency")


@dataclass(frozen=True)
class Grain:
    """What rows are told apart by, beside their names and days.

    Attributes:
        tiers: Input tokens of a request above which some model costs another price, ascending.
        windows: Providers with prices by the hour.
    """

    tiers: tuple[float, ...] = ()
    windows: frozenset[str] = frozenset()


def grain_of(book: PriceBook) -> Grain:
    """Return what the prices of a book depend on."""
    rows = [row for row in book.rows if row.key.table == "inference"]
    tiers = sorted({row.over_input_tokens for row in rows} - {0.0})
    return Grain(tuple(tiers), frozenset(row.key.provider for row in rows if row.window))


def condensed(columns: Mapping[str, Any], count: int, grain: Grain) -> pd.DataFrame:
    """Sum rows of a ledger that cost alike.

    Args:
        columns: Columns of the ledger, one value for all rows or one for each.
        count: Rows.
        grain: What rows are told apart by.
    """
    import pandas as pd

    if not count:
        return rows_of({}, 0)
    codes, size = np.zeros(count, np.int64), 1
    given: dict[str, Any] = dict(columns)
    given["request_tokens"] = _tiers(given.get("request_tokens", 0), grain)
    given["minute"] = _slots(given, count, grain)
    keys: dict[str, Any] = {}
    for name in ("day", "minute", "request_tokens", *WORDS):
        values = given.get(name, COLUMNS[name][1])
        if not np.ndim(values):
            continue
        values, code, levels = _coded(name, values)
        keys[name] = values
        if levels == 1:
            continue
        if size * levels > WIDE:
            codes, found = pd.factorize(codes)
            codes, size = codes.astype(np.int64, copy=False), len(found)
        codes = codes * levels + code if size > 1 else code.astype(np.int64)
        size *= levels
    for name in ("requests", "quantity"):
        values = given.get(name, np.nan)
        if np.ndim(values) and values.dtype.kind == "f":
            unknown = np.isnan(values)
            if unknown.any():
                codes, size = codes * 2 + unknown, size * 2
    number, record = numbered(codes, size)
    made = {name: _taken(values, record) for name, values in keys.items()}
    made |= {name: given[name] for name in COLUMNS if name in given and not np.ndim(given[name])}
    rows = given.get("row", 0)
    made["row"] = rows[record] if np.ndim(rows) else rows
    for name in (*TOKENS, "requests", "quantity", "amount"):
        values = given.get(name, COLUMNS[name][1])
        if np.ndim(values):
            made[name] = _sums(name, values, number, record.size)
        else:
            each = np.bincount(number, minlength=record.size)
            made[name] = values * each if values == values else values  # noqa: PLR0124
    return rows_of(made, record.size)


def summed(frame: pd.DataFrame, grain: Grain) -> pd.DataFrame:
    """Sum rows of ledgers that were put together, in an order that is always the same."""
    if not len(frame):
        return frame
    columns = {
        name: frame[name].array if name in WORDS else frame[name].to_numpy() for name in COLUMNS
    }
    whole = condensed(columns, len(frame), grain)
    text = whole.assign(**{name: whole[name].astype(object) for name in WORDS})
    order = text.sort_values(
        [n for n in COLUMNS if n in WORDS or n == "day"] + ["minute", "request_tokens"]
    ).index
    return joined([whole.loc[order]])


def _coded(name: str, values: Any) -> tuple[Any, Any, int]:
    """Return a column, small numbers for what it holds, and how many there are."""
    import pandas as pd

    if name in WORDS:
        words = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
        return words, words.codes, max(len(words.categories), 1)
    whole = values.view(np.int64) // DAY if name == "day" else values
    low = int(whole.min())
    levels = int(whole.max()) - low + 1
    if levels <= SPARSE:
        return values, whole - low, levels
    code, found = pd.factorize(whole)
    return values, code, len(found)


def numbered(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """Number distinct codes below `size`: the number of each row, a row of each number."""
    import pandas as pd

    if size <= SPARSE:
        record = np.full(size, -1, np.int64)
        # from the end, so that the first row of each code stays
        record[codes[::-1]] = np.arange(codes.size - 1, -1, -1)
        used = np.flatnonzero(record >= 0)
        number = np.empty(size, np.int64)
        number[used] = np.arange(used.size)
        return number[codes], record[used]
    found, used = pd.factorize(codes)
    record = np.empty(len(used), np.int64)
    record[found[::-1]] = np.arange(codes.size - 1, -1, -1)
    return found.astype(np.int64, copy=False), record


def _taken(values: Any, record: Ints) -> Any:
    taken = values.take(record) if hasattr(values, "take") else values[record]
    return taken.remove_unused_categories() if hasattr(taken, "categories") else taken


def _tiers(tokens: Any, grain: Grain) -> Any:
    """Return one number of tokens for each tier: just above its threshold, 0 below all."""
    top = tokens.max() if np.ndim(tokens) and tokens.size else tokens
    crossed = [tier for tier in grain.tiers if tier < top]
    if not crossed:
        return 0
    found = np.zeros(np.shape(tokens), np.int64)
    for tier in crossed:
        np.putmask(found, tokens > tier, int(tier) + 1)
    return found if np.ndim(tokens) else int(found)


def _slots(columns: Mapping[str, Any], count: int, grain: Grain) -> Any:
    """Return the half hour of the day where prices depend on it, -1 elsewhere."""
    import pandas as pd

    minute = columns.get("minute", -1)
    if not grain.windows or not np.ndim(minute):
        return -1 if not grain.windows else minute
    provider = columns.get("provider", "")
    if not np.ndim(provider):
        inside = np.full(count, str(provider) in grain.windows)
    else:
        words = pd.Categorical(provider)
        known = np.array([str(word) in grain.windows for word in words.categories], bool)
        if not known.any():
            return -1
        inside = known[words.codes]
    half = minute // HALF_HOUR * HALF_HOUR
    return np.where(inside & (minute >= 0), half, -1).astype(np.int16)


def _sums(name: str, values: Any, number: Ints, size: int) -> Any:
    """Add up values by number; integers exactly."""
    if values.dtype.kind == "f":
        return np.bincount(number, values, minlength=size)
    top = float(np.abs(values).max()) if values.size else 0.0
    if top * values.size < EXACT:
        return np.bincount(number, values, minlength=size).astype(np.int64)
    low = np.bincount(number, values & LOW, minlength=size).astype(np.int64)
    high = np.bincount(number, values >> 32, minlength=size)
    if (np.abs(high) >= 2.0**30).any():
        message = f"{name}: rows of one day, model and project add up to more than 9.2 million"
        raise DataError(message)
    return (high.astype(np.int64) << 32) + low
