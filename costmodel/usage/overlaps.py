"""What stands in two exports is counted once; two exports that contradict each other are refused.

Only exports of one layout are compared, and only where they share days. Requests are told apart
by their id or else by all they say; sums by their period and names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError
from costmodel.usage import cells, records
from costmodel.usage.layouts.base import told
from costmodel.usage.ledger import COLUMNS, holds

if TYPE_CHECKING:
    from costmodel.usage.reading import Part

Hashes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
OWN = "costmodel"  # may hold requests and sums side by side
# whose exports are broken down by what was asked for
GROUPED = ("openai", "anthropic")
BY = ("model", "project", "user")
MIX = np.uint64(0x9E3779B97F4A7C15)


def duplicates(
    files: Sequence[str], parts: Sequence[Part], *, add: bool
) -> tuple[list[Any], list[str]]:
    """Find records that stand in an earlier file, too.

    Args:
        files: Paths.
        parts: What was read of them.
        add: Whether sums that contradict each other are added up.

    Returns:
        For each file the numbers of the records to leave out, None for none; and what to say.

    Raises:
        DataError: If two exports hold the same day of the same thing and differ.
    """
    skips: list[Any] = [None] * len(files)
    notes: list[str] = []
    days = [set(part.frame["day"].unique()) for part in parts]
    prints: dict[int, tuple[Hashes, Hashes, Bools]] = {}
    for k, part in enumerate(parts):
        if part.sums and not add:
            _alike(k, parts, days)
        shared = [
            j
            for j in range(k)
            if parts[j].export.layout == part.export.layout and days[j] & days[k]
        ]
        for j in shared:
            for at in (j, k):
                if at not in prints:
                    prints[at] = _prints(files[at])
        if not shared:
            continue
        whole = prints[k][1]
        gone = np.zeros(whole.size, bool)
        for j in shared:
            gone |= _again(whole, prints[j][1])
        names = [parts[j].export.file for j in shared]
        if not add:
            _refuse(files, shared, prints, k, gone)
        if gone.any():
            skips[k] = np.flatnonzero(gone)
            verb = "stands" if gone.sum() == 1 else "stand"
            notes.append(
                f"{int(gone.sum()):,} of {gone.size:,} records of {part.export.file} {verb} in "
                f"{' and '.join(names)}, too, and are counted once"
            )
    return skips, notes


def _alike(k: int, parts: Sequence[Part], days: Sequence[set[Any]]) -> None:
    """Refuse sums of the same days that cannot be compared: by hour and by day, by model and not.

    Raises:
        DataError: If there are any.
    """
    mine = parts[k]
    for other, theirs in zip(parts[:k], days[:k], strict=True):
        both = theirs & days[k]
        if not both or _family(other) != _family(mine) or mine.export.layout == OWN:
            continue
        kinds = [", ".join([x.export.layout, *_groups(x)]) for x in (mine, other)]
        if kinds[0] == kinds[1] or _apart(mine, other):
            continue
        message = (
            f"{mine.export.file} ({kinds[0]}) and {other.export.file} ({kinds[1]}) both hold "
            f"{str(min(both))[:10]} and cannot be compared; leave one file out, or add both with "
            "--overlaps add"
        )
        raise DataError(message)


def _groups(part: Part) -> list[str]:
    """Say what the sums of an export are; a day alone may hold blanks and midnights only."""
    found = ["by the hour"] if (part.frame["minute"].to_numpy() >= 0).any() else []
    if (
        holds(part.frame["money"], "effective").any()
        and not holds(part.frame["money"], "billed").any()
    ):
        found.append("amortised")
    if part.export.layout.startswith(GROUPED):
        found += [f"by {name}" for name in BY if not holds(part.frame[name], "").all()]
    return found


def _apart(one: Part, other: Part) -> bool:
    """Tell whether two exports of an API are about other models, projects or users."""
    if one.export.layout != other.export.layout or not one.export.layout.startswith(GROUPED):
        return False
    for name in BY:
        mine, theirs = set(one.frame[name].unique()), set(other.frame[name].unique())
        if "" not in mine | theirs and mine.isdisjoint(theirs):
            return True
    return False


def _family(part: Part) -> str:
    """Name what a file is about, however it was exported."""
    return re.sub(r" \((api|console|flat)\)$", "", part.export.layout)


def _again(mine: Hashes, other: Hashes) -> npt.NDArray[np.bool_]:
    """Tell which of my records the other has: as many of equal ones as it has."""
    order = np.argsort(mine, kind="stable")
    ordered = mine[order]
    begins = np.ones(mine.size, bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, mine.size)).astype(np.int64)
    nth = np.arange(mine.size) - np.repeat(starts, lengths)
    known, counts = np.unique(other, return_counts=True)
    place = np.minimum(np.searchsorted(known, ordered), max(known.size - 1, 0))
    held = (
        np.where(known[place] == ordered, counts[place], 0) if known.size else np.zeros(mine.size)
    )
    found = np.zeros(mine.size, bool)
    found[order] = nth < held
    return found


def _refuse(
    files: Sequence[str],
    shared: Sequence[int],
    prints: dict[int, tuple[Hashes, Hashes, Bools]],
    k: int,
    gone: Any,
) -> None:
    key = prints[k][0]
    for j in shared:
        clash = ~gone & ~prints[k][2] & np.isin(key, prints[j][0])
        if clash.any():
            mine = int(np.flatnonzero(clash)[0])
            theirs = int(np.flatnonzero(prints[j][0] == key[mine])[0])
            message = (
                f"{_place(files[k], mine)} and {_place(files[j], theirs)} are about the same day "
                "and thing and differ; leave one file out, or add both with --overlaps add"
            )
            raise DataError(message)


def _place(path: str, record: int) -> str:
    """Name the line of a record, numbered from 0."""
    from costmodel.usage import reading

    source, layout, _ = reading.opened(path)
    for batch in records.batches(source, layout, records.Progress()):
        at = record + 1 - batch.first
        if at < len(batch.frame):
            return records.where(source, batch, at)
    return source.name


def _prints(path: str) -> tuple[Hashes, Hashes, Bools]:
    """Return what each record is about, all that it says, and whether it is a nameless request."""
    from costmodel.usage import reading

    source, layout, _ = reading.opened(path)
    keys: list[Hashes] = []
    wholes: list[Hashes] = []
    singles: list[Bools] = []
    for batch in records.batches(source, layout, records.Progress()):
        count = len(batch.frame)
        parts = [columns for _, columns in reading._parts_of(layout, batch, source)]
        key, first = np.zeros(count, np.uint64), parts[0]
        scope = first.get("scope", ())
        for values in (*(first.get(name, COLUMNS[name][1]) for name in reading.KEY), *scope):
            key = _mixed(key, values)
        for name in ("day", "minute"):
            key = _mixed(key, np.asarray(first.get(name, -1)).astype(np.int64))
        whole = key
        for columns in parts:
            for name in reading.SAID:
                whole = _mixed(whole, columns.get(name, COLUMNS[name][1]))
        single = first.get("single")
        if single is None:
            single = np.full(count, not layout.sums)
            for values in scope:
                single &= told(lambda word: not word, values)
        singles.append(single)
        keys.append(key)
        wholes.append(whole)
    none = np.zeros(0, np.uint64)
    single = np.concatenate([np.zeros(0, bool), *singles])
    return np.concatenate([none, *keys]), np.concatenate([none, *wholes]), single


def _mixed(found: Hashes, values: Any) -> Hashes:
    """Mix values into hashes; one value for all counts as a column that holds it throughout."""
    import pandas as pd

    if not np.ndim(values):
        values = np.array([values])
    if getattr(getattr(values, "dtype", None), "kind", "O") in "iuf":
        hashed = pd.util.hash_array(np.nan_to_num(np.asarray(values, float)))
    else:
        words = cells.words(values)
        levels = np.array([str(x) for x in words.categories], object)
        hashed = pd.util.hash_array(levels, categorize=False)[words.codes]
    return (found ^ hashed) * MIX + (found >> np.uint64(29))
