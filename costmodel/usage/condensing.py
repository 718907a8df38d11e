"""Rows of a ledger summed without changing what they cost.

Rows are put together that share everything a price depends on: names, day, tier, and the half hour
where a provider has prices by the hour. Sums are integers, so that their order does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import DataError
from costmodel.prices.book import PriceBook
from costmodel.usage.ledger import COLUMNS, NAMES, TOKENS, joined, rows_of
from costmodel.usage.ledger import words as words_of

if TYPE_CHECKING:
    import pandas as pd

HALF_HOUR = 30
SPARSE = 1 << 20  # combinations up to which a sum of each is kept
WIDEST = 1 << 62
EXACT = 2.0**53
LOW = (1 << 32) - 1
SLOTS = np.concatenate([[-1], np.arange(0, 24 * 60, HALF_HOUR)]).astype(np.int16)
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
    """Sum rows of a ledger that cost alike; `row` becomes 0, as of no single record.

    Args:
        columns: Columns of the ledger, one value for all rows or one for each.
        count: Rows.
        grain: What rows are told apart by.
    """
    import pandas as pd

    if not count:
        return rows_of({}, 0)
    given: dict[str, Any] = dict(columns) | {"row": 0}
    keys = list(_keys(given, count, grain))
    codes, size, sizes = np.zeros(count, np.int64), 1, []
    for _, code, levels in keys:
        sizes.append(len(levels))
        if sizes[-1] > 1:
            codes *= sizes[-1]
            codes += code
        size *= sizes[-1]
        if size > WIDEST:
            message = "too many projects, users and tags to sum: leave some columns out"
            raise DataError(message)
    if size <= SPARSE:
        each = np.bincount(codes, minlength=size)
        used = np.flatnonzero(each)
        each = each[used]
        sums = lambda values: np.bincount(codes, values, minlength=size)[used]  # noqa: E731
    else:
        number, used = pd.factorize(codes)
        each = np.bincount(number)
        sums = lambda values: np.bincount(number, values)  # noqa: E731
    places = np.unravel_index(used, sizes) if sizes else ()
    made: dict[str, Any] = {name: COLUMNS[name][1] for name in ("minute", "request_tokens")}
    made |= {name: given[name] for name in COLUMNS if name in given and not np.ndim(given[name])}
    made |= {
        name: levels.take(at) if isinstance(levels, pd.Categorical) else levels[at]
        for (name, _, levels), at in zip(keys, places, strict=True)
    }
    for name in (*TOKENS, "requests", "quantity", "amount"):
        values = given.get(name, COLUMNS[name][1])
        made[name] = _sums(name, values, sums) if np.ndim(values) else values * each
    return rows_of(made, len(used))


def _keys(given: Mapping[str, Any], count: int, grain: Grain) -> Iterator[tuple[str, Any, Any]]:
    """Yield what rows are told apart by: column, a small number of each row, what it stands for."""
    import pandas as pd

    days = given["day"].view(np.int64)
    low = int(days.min())
    yield "day", days - low, (low + np.arange(int(days.max()) - low + 1)).view(given["day"].dtype)
    slot = _slots(given, count, grain)
    if slot is not None:
        yield "minute", slot + 1, SLOTS
    tokens = given.get("request_tokens", 0)
    if np.ndim(tokens):
        top = tokens.max()
        crossed = [int(tier) for tier in grain.tiers if tier < top]
        tier = np.zeros(count, np.int8)
        for threshold in crossed:
            tier += tokens > threshold
        # just above the threshold, 0 below all
        yield "request_tokens", tier, np.array([0, *(t + 1 for t in crossed)], np.int64)
    for name in WORDS:
        values = given.get(name, COLUMNS[name][1])
        if np.ndim(values):
            words = values if isinstance(values, pd.Categorical) else pd.Categorical(values)
            each = pd.Categorical.from_codes(np.arange(len(words.categories)), dtype=words.dtype)
            yield name, words.codes, each
    for name in ("requests", "quantity"):
        values = given.get(name, np.nan)
        if np.ndim(values):
            unknown = np.isnan(values)
            if unknown.any():
                yield "", unknown, np.zeros(2)


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


def _slots(columns: Mapping[str, Any], count: int, grain: Grain) -> Any:
    """Return the half hour of the day where prices depend on it, -1 elsewhere; None = nowhere."""
    minute, provider = columns.get("minute", -1), words_of(columns.get("provider", ""), count)
    known = np.array([str(word) in grain.windows for word in provider.categories], bool)
    if not np.ndim(minute) or not known.any():
        return None
    return np.where(known[provider.codes] & (minute >= 0), minute // HALF_HOUR, -1)


def _sums(name: str, values: Any, sums: Callable[[Any], Any]) -> Any:
    """Add up values; integers exactly."""
    if values.dtype.kind == "f":
        return sums(values)
    top = max(float(values.max()), -float(values.min()))
    if top * values.size < EXACT:
        return sums(values).astype(np.int64)
    low, high = sums(values & LOW).astype(np.int64), sums(values >> 32)
    if (np.abs(high) >= 2.0**30).any():
        message = f"{name}: rows of one day, model and project add up to more than 9.2 million"
        raise DataError(message)
    return (high.astype(np.int64) << 32) + low
