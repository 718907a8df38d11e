"""Exports as ledgers: opened, recognised by their columns, read in batches."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import DataError
from costmodel.tokens.reading import Source, reading
from costmodel.usage import records
from costmodel.usage.cells import SHOWN, BadCellError
from costmodel.usage.condensing import Grain, condensed, summed
from costmodel.usage.layouts import LAYOUTS
from costmodel.usage.layouts.base import PRIVATE, Columns, Layout
from costmodel.usage.ledger import COLUMNS, TOKENS, Export, Ledger, joined, rows_of
from costmodel.usage.records import Batch

if TYPE_CHECKING:
    import pandas as pd

EMPTY = Layout("no record", frozenset(), lambda _: {})  # a page, or an array, of nothing
KEPT = 1 << 20  # rows of a file up to which all of them are kept
BLOCK = 1 << 20  # bytes read at a time to tell whether two files are the same
DATA = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".gz", ".zst")
MANIFEST = "manifest.json"
OVERLAPS = ("refuse", "add")
# columns of sums that tell whether two rows say the same
SAID = (*TOKENS, "requests", "quantity", "amount")
KEY = (
    *("provider", "model", "mode", "region", "project", "team", "user", "tags", "meter", "kind"),
    *("money", "currency"),
)


@dataclass(frozen=True, eq=False)
class Part:
    """What was read of one file.

    Attributes:
        frame: Rows of the ledger, all of them or sums.
        export: What the file was recognised as.
        sums: Whether its records are sums over periods.
        more: Whether it is a page of an API that says that others follow.
        foreign: Currency that is no dollar -> file and line where it first stands.
        notes: What a layout had to assume.
    """

    frame: pd.DataFrame = field(repr=False)
    export: Export
    sums: bool = True
    more: bool = False
    foreign: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def recognised(columns: Iterable[str], name: str, layouts: Sequence[Layout] = LAYOUTS) -> Layout:
    """Return the layout that has these columns, whatever their capitals.

    Raises:
        DataError: If none has, naming the layout that comes nearest and what it lacks.
    """
    given = {column.strip().lower() for column in columns}
    for layout in layouts:
        if {column.lower() for column in layout.needs} <= given:
            return layout
    lacking = {
        layout.name: [c for c in sorted(layout.needs) if c.lower() not in given]
        for layout in layouts
    }
    shares = {x.name: len(lacking[x.name]) / len(x.needs) for x in layouts}
    near = min(shares, key=lambda name: shares[name])
    # without a header the first line may be anything, private text included
    shown = ", ".join(column[:SHOWN] for column in sorted(columns)[:8]) or "none"
    hint = (
        f"; {near} comes nearest and lacks {', '.join(lacking[near])}"
        if shares[near] < 1
        else "; our own layout has date, provider, model, input_tokens, output_tokens, cost"
    )
    message = f"{name} line 1: no known export has the columns {shown}{hint}"
    raise DataError(message)


def _parts_of(layout: Layout, batch: Batch, source: Source) -> list[tuple[Any, Columns]]:
    """Return the rows of a batch: places in it (None = all), and columns of the ledger."""
    frame = batch.frame
    try:
        made = layout.rows(frame)
    except BadCellError as error:
        where = records.where(source, batch, error.at)
        message = f"{where}: {error.message}"
        raise DataError(message) from None
    count = len(frame)
    parts = made if isinstance(made, list) else [(None, made)]
    found = []
    for places, given in parts:
        columns = dict(given)
        keep = columns.pop("keep", None)
        chosen = places if keep is None or np.all(keep) else _among(places, np.asarray(keep, bool))
        columns |= {"file": source.name, "layout": layout.name}
        if layout.amortised and re.search(layout.amortised, source.path, re.IGNORECASE):
            columns["money"] = np.where(columns["money"] == "billed", "effective", "")
        columns["row"] = batch.first + np.arange(count, dtype=np.int64)
        _checked(columns, count, batch, source)
        found.append((chosen, columns))
    return found


def _among(places: Any, mask: Any) -> Any:
    return np.flatnonzero(mask) if places is None else places[mask[places]]


def _checked(columns: Columns, count: int, batch: Batch, source: Source) -> None:
    """Refuse cached tokens beyond the input; fill in the input of one request."""
    total = columns.get("input_tokens")
    given = [columns[name] for name in TOKENS[1:4] if name in columns]
    if given:
        parts = sum(given[1:], given[0])
        over = parts > (np.zeros(count, np.int64) if total is None else total)
        if over.any():
            at = int(np.flatnonzero(over)[0])
            message = (
                f"{records.where(source, batch, at)}: {parts[at]:,} cached and written tokens "
                f"exceed the {0 if total is None else total[at]:,} tokens of all input"
            )
            raise DataError(message)
    if "request_tokens" in columns or total is None:
        return
    requests = columns.get("requests", np.nan)
    if not np.ndim(requests):
        columns["request_tokens"] = total if requests == 1 else 0
        return
    if (requests == 1).all():
        columns["requests"], columns["request_tokens"] = 1.0, total
        return
    known = requests > 0
    each = np.ceil(total / np.where(known, requests, 1.0))
    columns["request_tokens"] = np.where(known, each, 0).astype(np.int64)


def _at(columns: Columns, places: Any) -> Columns:
    """Return columns of the ledger at some places, None = all."""
    return {
        name: values if places is None or not np.ndim(values) else values[places]
        for name, values in columns.items()
        if name in COLUMNS
    }


def read_part(path: str, grain: Grain | None = None, skip: Any = None) -> Part:
    """Read one file.

    Args:
        path: The file.
        grain: What rows are told apart by, if a long file is to be summed; None keeps all rows.
        skip: Records that stand in another file, too: numbers from 0, ascending.

    Raises:
        DataError: With file, line, value and remedy.
    """
    source, layout, columns = opened(path)
    if not columns:
        return Part(joined(()), Export(source.name, layout.name, 0))
    kept: list[pd.DataFrame] = []
    sums: list[pd.DataFrame] = []
    foreign: dict[str, str] = {}
    notes: dict[str, None] = {}
    seen = rows = least = 0
    progress = records.Progress()
    with reading(source, progress):
        for batch in records.batches(source, layout, progress):
            mask = None
            if skip is not None:
                mask = ~np.isin(np.arange(seen, seen + len(batch.frame)), skip)
            for places, given in _parts_of(layout, batch, source):
                if "note" in given:
                    notes[f"{source.name}: {given['note']}"] = None
                chosen = places if mask is None else _among(places, mask)
                part = _at(given, chosen)
                count = len(batch.frame) if chosen is None else len(chosen)
                if not count:
                    continue
                rows += count
                if grain is not None and max(rows, progress.total) > KEPT:
                    if kept:
                        sums += [summed(frame, grain) for frame in kept]
                        kept = []
                    frame = condensed(part, count, grain)
                    sums.append(frame)
                    if sum(map(len, sums)) > max(KEPT, 2 * least):
                        sums = [summed(joined(sums), grain)]
                        least = len(sums[0])
                else:
                    frame = rows_of(part, count)
                    kept.append(frame)
                for name in set(frame["currency"].cat.categories) - {"", "USD", *foreign}:
                    at = int(np.flatnonzero(np.asarray(given["currency"], object) == name)[0])
                    foreign[name] = records.where(source, batch, at)
            seen += len(batch.frame)
    frame = summed(joined(sums), grain) if sums and grain is not None else joined(kept)
    export = _export(source.name, layout, seen, columns)
    return Part(frame, export, layout.sums, progress.more, foreign, tuple(notes))


def read_frame(frame: pd.DataFrame, grain: Grain | None = None, name: str = "frame") -> Ledger:
    """Read a table in memory, as of one of the layouts.

    Args:
        frame: Records, with the columns of a layout.
        grain: What rows are told apart by, to be summed at once; None keeps every row.
        name: What to call it in messages.

    Raises:
        DataError: With row, value and remedy.
    """
    columns = [str(column) for column in frame.columns]
    layout = recognised(columns, name)
    chosen = records.taken(columns, layout)
    same = all(old == new for old, new in chosen.items())
    batch = Batch(frame if same else frame[list(chosen)].rename(columns=chosen), 1)
    made = []
    for places, given in _parts_of(layout, batch, Source(name, "parquet")):
        part = _at(given, places)
        count = len(frame) if places is None else len(places)
        made.append(rows_of(part, count) if grain is None else condensed(part, count, grain))
    return Ledger(joined(made), (_export(name, layout, len(frame), columns),))


def _export(name: str, layout: Layout, seen: int, columns: Sequence[str]) -> Export:
    """Say what became of each column."""
    used = tuple(records.taken(columns, layout))
    rest = [column for column in columns if column not in used]
    private = tuple(c for c in rest if c.strip().lower().replace("_", "") in PRIVATE)
    return Export(
        name, layout.name, seen, used, tuple(c for c in rest if c not in private), private
    )


def opened(path: str) -> tuple[Source, Layout, list[str]]:
    """Tell how to read a file, what it is, and its columns."""
    source = records.source_of(path)
    columns = records.columns_of(source)
    return source, recognised(columns, source.name) if columns else EMPTY, columns


def files_of(paths: Iterable[str | Path]) -> list[str]:
    """Return files, those of a folder in the order of their names.

    Raises:
        DataError: If a folder holds no export.
    """
    found: list[str] = []
    for path in paths:
        place = Path(path)
        if str(path) == "-":
            message = "standard input cannot be read twice, and exports are; name a file"
            raise DataError(message)
        if not place.is_dir():
            found.append(str(path))
            continue
        inside = sorted(
            x
            for x in place.rglob("*")
            # clouds put a list of the files beside them
            if x.is_file() and x.suffix.lower() in DATA and not x.name.lower().endswith(MANIFEST)
        )
        if not inside:
            message = f"{path}: no export in this folder ({', '.join(DATA)})"
            raise DataError(message)
        found += map(str, inside)
    if not found:
        message = "name at least one export"
        raise DataError(message)
    return found


def _once(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Leave out files that hold the same bytes as another, and say so."""
    notes: list[str] = []
    sizes: dict[int, list[str]] = {}
    chosen: list[str] = []
    digests: dict[str, bytes] = {}

    def digest(path: str) -> bytes:
        if path not in digests:
            made = hashlib.blake2b()
            with Path(path).open("rb") as stream:
                while block := stream.read(BLOCK):
                    made.update(block)
            digests[path] = made.digest()
        return digests[path]

    for path in paths:
        try:
            size = Path(path).stat().st_size
        except OSError:
            size = -1  # the reader says what is wrong with it
        others = sizes.setdefault(size, [])
        same = [x for x in others if size >= 0 and digest(x) == digest(path)]
        if same:
            notes.append(f"{path} holds the same as {same[0]} and is counted once")
            continue
        others.append(path)
        chosen.append(path)
    return chosen, notes


def read(
    *paths: str | Path,
    grain: Grain | None = None,
    overlaps: str = "refuse",
    executor: Executor | None = None,
    progress: Callable[[str], object] | None = None,
) -> Ledger:
    """Read exports into one ledger.

    A record that stands in two files of one layout is counted once, whatever the order of the
    files; two exports that say different things about the same day are refused.

    Args:
        paths: Files, or folders of them; what each is, is told from its columns.
        grain: What rows are told apart by, if files of more than a million rows are to be summed
            (`condensing.grain_of(book)`); None keeps every row.
        overlaps: What to do where two exports of sums hold the same day and differ: `refuse`, or
            `add` both.
        executor: Reads files elsewhere: processes of this machine, or a cluster.
        progress: Called with the name of each file that was read.

    Raises:
        DataError: With file, line, value and remedy.
    """
    from costmodel.usage.overlaps import duplicates

    files, notes = _once(files_of(paths))
    parts = _read_all(files, [None] * len(files), grain, executor, progress)
    skips, said = duplicates(files, parts, add=overlaps == "add")
    again = [k for k, skip in enumerate(skips) if skip is not None]
    renewed = _read_all([files[k] for k in again], [skips[k] for k in again], grain, executor, None)
    for k, part in zip(again, renewed, strict=True):
        parts[k] = part
    frame = joined(part.frame for part in parts)
    if grain is not None and len(frame) > KEPT:
        frame = summed(frame, grain)
    notes += [*said, *(note for part in parts for note in part.notes), *_incomplete(parts)]
    foreign = {name: place for part in reversed(parts) for name, place in part.foreign.items()}
    return Ledger(frame, tuple(part.export for part in parts), tuple(notes), foreign)


def _incomplete(parts: Sequence[Part]) -> Iterator[str]:
    """Say which exports hold nothing, and of which the pages that follow are missing."""
    last = [part.frame["day"].max() for part in parts]
    for part, day in zip(parts, last, strict=True):
        if not part.export.records:
            yield f"{part.export.file} holds no record"
        goes_on = any(
            other.export.layout == part.export.layout and later > day
            for other, later in zip(parts, last, strict=True)
        )
        if part.more and not goes_on:
            yield f"{part.export.file} is one page of several; the pages after it are missing"


def _read_all(
    files: Sequence[str],
    skips: Sequence[Any],
    grain: Grain | None,
    executor: Executor | None,
    progress: Callable[[str], object] | None,
) -> list[Part]:
    if executor is None:
        parts = []
        for path, skip in zip(files, skips, strict=True):
            parts.append(read_part(path, grain, skip))
            if progress is not None:
                progress(path)
        return parts
    waiting = [
        executor.submit(read_part, path, grain, skip)
        for path, skip in zip(files, skips, strict=True)
    ]
    try:
        parts = []
        for path, future in zip(files, waiting, strict=True):
            parts.append(future.result())
            if progress is not None:
                progress(path)
    except BaseException:
        for future in waiting:
            future.cancel()
        raise
    return parts
