"""What a ledger says was spent in the months of a scenario: lines, other money, days."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError, nearest
from costmodel.months import Array, Months
from costmodel.prices.rows import Key
from costmodel.quantities.volumes import TOKENS_PER_MTOK
from costmodel.usage.ledger import PICO, TOKENS
from costmodel.usage.pricing import TABLE_OF, Priced, dollars, token_amounts, token_pico

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Whole = npt.NDArray[np.object_]  # Python integers: sums of money that no machine word bounds
Bought = tuple[Key, str]  # what, and by which meter

FRIDAY = 4
NOT_SAID = "(not said)"
ALLOCATED = ("project", "team", "user", "provider", "model")
OTHER_KINDS = ("purchase", "tax", "credit", "correction")
HALF = 32  # bits of either half of an amount that is summed


@dataclass(frozen=True, eq=False)
class Spent:
    """What was used and what it cost, in the months of a scenario.

    A row that states money costs that; another one costs the list price of its day. Money that
    stands beside the usage of the same provider and day covers it, and what is left of it is
    `unexplained`.

    Attributes:
        months: The months of the scenario.
        first, last: Days between which the ledger says what was used.
        seen: Share of the days of each month that lie between them. [1], shape (T,)
        lines: What was bought, and by which meter.
        amount: Amounts of the lines. [unit of the meter/month], shape (L, T)
        pico: Their cost. [10^-12 US$], shape (L, T)
        listed: Their cost at the prices of each day. [10^-12 US$], shape (L, T)
        other: purchase, tax, credit, correction -> money. [10^-12 US$], shape (T,)
        unexplained: Provider -> money that no usage explains. [10^-12 US$], shape (T,)
        requests: Calls to models, nan where the ledger does not say. [1/month], shape (T,)
        daily: Cost of each day but for `other`. [US$/day], shape (D,)
        daily_tokens: Tokens of each day. [token/day], shape (D,)
        rows: Rows of the ledger in these months, with `pico`, what each costs.
        without_data: Days from Monday to Friday without a row.
        left_out: Rows before and after the months.
    """

    months: Months
    first: date
    last: date
    seen: Array
    lines: tuple[Bought, ...]
    amount: Array
    pico: Whole
    listed: Whole
    other: Mapping[str, Whole]
    unexplained: Mapping[str, Whole]
    requests: Array
    daily: Array
    daily_tokens: Array
    rows: pd.DataFrame = field(repr=False)
    without_data: tuple[date, ...] = ()
    left_out: int = 0

    @property
    def by_month(self) -> Whole:
        """All money of each month. [10^-12 US$], shape (T,)"""
        parts = [*self.pico, *self.other.values(), *self.unexplained.values()]
        return np.asarray(sum(parts, zeros(self.months.count)))


def zeros(*shape: int) -> Whole:
    """Return integers that are nought."""
    found = np.empty(shape, object)
    found[...] = 0
    return found


def sums(values: Ints, codes: Ints, count: int) -> Whole:
    """Add integers up by code, exactly, however large the sums.

    Args:
        values: Integers. shape (n,)
        codes: Where each belongs, from 0. shape (n,)
        count: Codes.
    """
    import pandas as pd

    halves = pd.DataFrame({"high": values >> HALF, "low": values & ((1 << HALF) - 1)})
    added = halves.groupby(codes).sum()
    found = zeros(count)
    for code, high, low in added.itertuples():
        found[code] = (int(high) << HALF) + int(low)
    return found


def shared_out(money: int, weights: Sequence[int]) -> list[int]:
    """Divide money in proportion to weights, to the last part of it.

    >>> shared_out(100, [1, 1, 1]), shared_out(7, [0, 2, 5])
    ([33, 33, 34], [0, 2, 5])
    """
    whole = sum(weights)
    if not whole:
        return [0] * (len(weights) - 1) + [money]
    ends, so_far = [0], 0
    for weight in weights:
        so_far += weight
        ends.append(money * so_far // whole)
    return [b - a for a, b in pairwise(ends)]


def spent(priced: Priced, months: Months, *, as_of: date | None = None) -> Spent:
    """Gather what a ledger says was spent in the months of a scenario.

    Args:
        priced: The ledger with prices.
        months: The months.
        as_of: Last day that counts; None = the last one that the ledger has.

    Raises:
        DataError: If the ledger is empty, or has no day in these months.
    """
    frame = priced.frame
    if not len(frame):
        message = "the usage files hold no rows"
        raise DataError(message)
    days = frame["day"].to_numpy().astype("datetime64[D]")
    if as_of is not None and np.datetime64(as_of, "D") < days.min():
        message = f"the usage begins on {days.min()}, after {as_of}, the last day that counts"
        raise DataError(message)
    end = months.bounds[-1]
    end = end if as_of is None else min(end, np.datetime64(as_of, "D") + 1)
    inside = (days >= months.bounds[0]) & (days < end)
    if not inside.any():
        message = (
            f"the usage runs from {days.min()} to {days.max()}, the scenario from {months.start} "
            f"to {end - 1}: they have no day in common"
        )
        raise DataError(message)
    left_out = int((~inside).sum())
    if left_out:
        frame, days = frame.loc[inside].reset_index(drop=True), days[inside]
    first = days.min()
    last = days.max() if as_of is None else end - 1
    money = _money_of_rows(frame, days, first, int((last - first).astype(int)) + 1)
    month = np.searchsorted(months.bounds, days, side="right") - 1
    lines, amount, pico, listed = _lines(priced, frame, money["usage"], month, months.count)
    daily = np.bincount(
        (days - first).astype(int),
        (money["usage"] + money["unexplained"]) / PICO,
        minlength=int((last - first).astype(int)) + 1,
    ).astype(float)
    tokens = frame["input_tokens"].to_numpy() + frame["output_tokens"].to_numpy()
    daily_tokens = np.bincount((days - first).astype(int), tokens, minlength=daily.size)
    covered = first.astype(object), (last + 1).astype(object)
    return Spent(
        months=months,
        first=first.astype(object),
        last=last.astype(object),
        seen=months.between(*covered),
        lines=lines,
        amount=amount,
        pico=pico,
        listed=listed,
        other=_other(frame, money["other"], month, months.count),
        unexplained=_unexplained(frame, money["unexplained"], month, months.count),
        requests=_requests(frame, month, months.count),
        daily=daily,
        daily_tokens=daily_tokens.astype(float),
        rows=frame.assign(pico=sum(money.values()), month=month),
        without_data=_working_days_without(days, first, last),
        left_out=left_out,
    )


def _money_of_rows(frame: pd.DataFrame, days: Any, first: Any, count: int) -> dict[str, Ints]:
    """Return what rows cost, apart by what the money is for. [10^-12 US$]"""
    kind, meter = frame["kind"], frame["meter"]
    usage = np.asarray((kind == "usage") & (meter != "money"))
    other = np.asarray(kind.isin(OTHER_KINDS))
    stated, billed = frame["stated"].to_numpy(), frame["billed_pico"].to_numpy()
    priced = frame["price_row"].to_numpy() >= 0
    computed = np.asarray(frame["money"] == "computed")
    bills = stated & ~usage & ~other
    # a bill of a day stands for what its provider did on that day
    pair = frame["provider"].cat.codes.to_numpy().astype(np.int64) * count
    pair += (days - first).astype(np.int64)
    billed_pairs = np.zeros(int(pair.max()) + 1, bool)
    billed_pairs[pair[bills]] = True
    covered = usage & billed_pairs[pair] & (~stated | computed)
    own = stated & ~(covered & priced)
    cost = np.where(usage, np.where(own, billed, frame["list_pico"].to_numpy()), 0)
    return {
        "usage": cost,
        "unexplained": np.where(bills, billed, 0) - np.where(covered, cost, 0),
        "other": np.where(other & stated, billed, 0),
    }


def _lines(
    priced: Priced, frame: pd.DataFrame, cost: Ints, month: Ints, count: int
) -> tuple[tuple[Bought, ...], Array, Whole, Whole]:
    """Add rows of usage up to lines: amount, cost and list cost of each month."""
    import pandas as pd

    book = priced.book
    row = frame["price_row"].to_numpy()
    usage = np.asarray((frame["kind"] == "usage") & (frame["meter"] != "money"))
    # what neither states money nor has a price is reported, not counted as nought
    mine = np.flatnonzero(usage & ((row >= 0) | frame["stated"].to_numpy()))
    code = row[mine] + 1
    for name in ("provider", "model", "mode", "region", "meter"):
        column = frame[name].cat
        codes = column.codes.to_numpy()[mine]
        if name != "meter":
            codes = np.where(row[mine] >= 0, 0, codes)
        code = code * len(column.categories) + codes
    groups, _ = pd.factorize(code * count + month[mine])
    size = int(groups.max()) + 1 if mine.size else 0
    at = np.zeros(size, np.int64)
    at[groups[::-1]] = mine[::-1]
    tokens = {
        name: np.bincount(groups, frame[name].to_numpy()[mine], minlength=size).astype(np.int64)
        for name in TOKENS
    }
    by_meter = token_amounts(tokens)
    unit = token_pico(book, row[at])
    money = sums(cost[mine], groups, size)
    listed = sums(frame["list_pico"].to_numpy()[mine], groups, size)
    quantity = np.bincount(groups, np.nan_to_num(frame["quantity"].to_numpy()[mine]), size)
    found: dict[Bought, tuple[Array, Whole, Whole]] = {}

    def add(bought: Bought, k: int, parts: tuple[float, int, int]) -> None:
        empty = np.zeros(count), zeros(count), zeros(count)
        line = found.setdefault(bought, empty)
        for total, part in zip(line, parts, strict=True):
            total[month[at[k]]] += part

    for k in range(size):
        record = frame.iloc[at[k]]
        meter = str(record["meter"])
        key = (
            book.rows[row[at[k]]].key
            if row[at[k]] >= 0
            else Key(
                TABLE_OF.get(meter, "inference"),
                *(str(record[name]) for name in ("provider", "model", "mode", "region")),
            )
        )
        if meter != "tokens":
            add((key, meter), k, (float(quantity[k]), money[k], listed[k]))
            continue
        names = [name for name, amount in by_meter.items() if amount[k]] or ["input_mtok"]
        counts = [int(by_meter[name][k]) for name in names]
        costs = [n * int(unit[name][0][k]) for n, name in zip(counts, names, strict=True)]
        weights = costs if any(costs) else counts
        paid = shared_out(money[k], weights)
        for name, n, usd, listed_usd in zip(names, counts, paid, costs, strict=True):
            add((key, name), k, (n / TOKENS_PER_MTOK, usd, listed_usd))
    if not found:
        return (), np.zeros((0, count)), zeros(0, count), zeros(0, count)
    amount, paid_for, at_list = (np.stack(each) for each in zip(*found.values(), strict=True))
    return tuple(found), amount, paid_for, at_list


def _other(frame: pd.DataFrame, money: Ints, month: Ints, count: int) -> dict[str, Whole]:
    found = {}
    for kind in OTHER_KINDS:
        mine = np.asarray(frame["kind"] == kind)
        if money[mine].any():
            found[kind] = sums(money[mine], month[mine], count)
    return found


def _unexplained(frame: pd.DataFrame, money: Ints, month: Ints, count: int) -> dict[str, Whole]:
    column = frame["provider"].cat
    codes = column.codes.to_numpy()
    added = sums(money, codes * np.int64(count) + month, len(column.categories) * count)
    by_provider = added.reshape(len(column.categories), count)
    names = [str(name) for name in column.categories]
    return {name: part for name, part in zip(names, by_provider, strict=True) if any(part)}


def _requests(frame: pd.DataFrame, month: Ints, count: int) -> Array:
    calls = np.asarray((frame["kind"] == "usage") & (frame["meter"] == "tokens"))
    stated = frame["requests"].to_numpy()[calls]
    known = np.bincount(month[calls], minlength=count) > 0
    return np.where(known, np.bincount(month[calls], stated, minlength=count), np.nan)


def _working_days_without(days: Any, first: Any, last: Any) -> tuple[date, ...]:
    every = np.arange(first, last + 1)
    missing = np.setdiff1d(every, days)
    return tuple(day for day in missing.astype(object) if day.weekday() <= FRIDAY)


def allocation(rows: pd.DataFrame, by: str) -> list[dict[str, Any]]:
    """Return who spent what, largest first; what rows do not say is a line, too.

    Args:
        rows: As `Spent.rows`.
        by: project, team, user, provider, model, or `tag:KEY`.

    Raises:
        DataError: If there is no such thing to allocate by.
    """
    import pandas as pd

    if by.startswith("tag:"):
        column = _tag(rows, by.removeprefix("tag:"))
    elif by in ALLOCATED:
        column = rows[by]
    else:
        message = f"cannot allocate by {by!r}{nearest(by, (*ALLOCATED, 'tag:KEY'))}"
        raise DataError(message)
    codes, names = pd.factorize(np.asarray(column, object))
    usd = [dollars(pico) for pico in sums(rows["pico"].to_numpy(), codes, len(names))]
    stated = np.nan_to_num(rows["requests"].to_numpy())
    known = np.bincount(codes, rows["requests"].notna(), minlength=len(names)) > 0
    requests = np.bincount(codes, stated, minlength=len(names))
    total = sum(usd)
    records = [
        {
            "name": str(name) or NOT_SAID,
            "usd": usd[k],
            "share": usd[k] / total if total else 0.0,
            "requests": float(requests[k]) if known[k] else None,
        }
        for k, name in enumerate(names)
    ]
    return sorted(records, key=lambda record: -record["usd"])


def _tag(rows: pd.DataFrame, key: str) -> Any:
    tags = rows["tags"].cat
    parsed = [json.loads(text) if text else {} for text in tags.categories]
    keys = {name for entry in parsed for name in entry}
    if key not in keys:
        hint = nearest(key, keys) if keys else "; the usage has no tags"
        message = f"no row has a tag {key!r}{hint}"
        raise DataError(message)
    values = np.array([str(entry.get(key, "")) for entry in parsed], object)
    return values[tags.codes.to_numpy()]
