"""Records of exports in batches, column by column: tables, JSON lines, pages of an API, Parquet."""

from __future__ import annotations

import csv
import io
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from costmodel.errors import DataError
from costmodel.tokens import reading as files
from costmodel.tokens.reading import PACKED_SUFFIXES, Broken, Source, items, opened, reading
from costmodel.usage.layouts.base import Layout

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1 << 18  # records of a batch of Parquet
LINES = 1 << 16  # records of a batch of a table, whose cells are text
OBJECTS = 1 << 14  # records of a batch of JSON
SNIFFED = 1 << 16  # bytes from which a file is told
SEEN = 200  # records of JSON whose keys are looked at
DELIMITERS = (",", "\t", ";", "|")
QUOTE, NEWLINE, RETURN = 34, 10, 13
# objects of JSON whose fields are columns of their own
OPENED = frozenset(
    (
        "amount",
        "cache_creation",
        "server_tool_use",
        "service",
        "sku",
        "project",
        "location",
        "usage",
    )
)
# lists of a page: its buckets, the results of a bucket
LISTS = ("data", "results", "rows", "items")


@dataclass
class Progress(files.Progress):
    """How far a file has been read.

    Attributes:
        more: Whether the file is a page of an API that others follow.
        total: Records of the file, 0 where that is not known before they are read.
    """

    more: bool = False
    total: int = 0


@dataclass(frozen=True, eq=False)
class Batch:
    """Some records of a file.

    Attributes:
        frame: Their columns, under the names of the layout.
        first: Number of the first record in the file, from 1.
        lines: Line of each record, None where it follows from the number.
    """

    frame: pd.DataFrame = field(repr=False)
    first: int
    lines: list[int] | None = None


def source_of(path: str) -> Source:
    """Tell how a file is laid out.

    Raises:
        DataError: If it cannot be read, or is no table and no JSON.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes.pop() if suffixes and suffixes[-1] in PACKED_SUFFIXES else ""
    suffix = suffixes[-1] if suffixes else ""
    source = Source(path, "csv", packed)
    with reading(source), opened(path, packed) as stream:
        start = stream.read(SNIFFED)
    if start.startswith(b"PAR1") or suffix == ".parquet":
        return Source(path, "parquet", packed)
    if not start.strip():
        message = f"{source.name}: is empty"
        raise DataError(message)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message = f"{source.name}: is UTF-16 text; save it as UTF-8"
        raise DataError(message)
    if b"\0" in start:
        message = f"{source.name}: is a binary file, not an export"
        raise DataError(message)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] not in (b"{", b"["):
        return source
    line = text.split(b"\n", 1)[0]
    whole = text[:1] == b"{" and not isinstance(files.parsed(line), Broken)
    several = whole and text[len(line) :].strip() != b""
    return Source(path, "lines" if several or (whole and suffix != ".json") else "array", packed)


def _delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _header(source: Source) -> tuple[list[str], str]:
    """Return the columns of a table and what stands between them."""
    with reading(source), opened(source.path, source.packed) as stream:
        start = stream.readline(SNIFFED)
        while start and not start.strip():
            start = stream.readline(SNIFFED)
    try:
        text = start.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        message = f"{source.name} line 1: is not UTF-8 text"
        raise DataError(message) from None
    delimiter = _delimiter(text)
    try:
        names = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        message = f"{source.name} line 1: is no header of a table ({error})"
        raise DataError(message) from None
    names = [name.strip() for name in names]
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        message = f"{source.name} line 1: the column {twice[0]!r} stands there twice"
        raise DataError(message)
    return names, delimiter


def columns_of(source: Source) -> list[str]:
    """Return the columns of a file, those of JSON as its first records have them; none without."""
    if source.kind == "csv":
        return _header(source)[0]
    if source.kind == "parquet":
        with _parquet(source) as table:
            return list(_leaves(table))
    names: dict[str, None] = {}
    progress = Progress()
    with reading(source, progress):
        for _, record in islice(_objects(source, progress), SEEN):
            names.update(dict.fromkeys(record))
    return list(names)


def batches(source: Source, layout: Layout, progress: Progress) -> Iterator[Batch]:
    """Yield the records of a file, with the columns that a layout takes.

    Raises:
        DataError: At the first record that cannot be read, with its line.
    """
    if source.kind == "csv":
        yield from _table(source, layout, progress)
    elif source.kind == "parquet":
        yield from _columns(source, layout, progress)
    else:
        yield from _json(source, layout, progress)


def taken(names: Iterable[str], layout: Layout) -> dict[str, str]:
    """Return column of the file -> column of the layout that it is, whatever its capitals.

    Where two differ in capitals alone, the one written as in the layout is taken.
    """
    wanted = {name.lower(): name for name in layout.columns}
    given = list(names)
    found = {wanted[name.strip().lower()]: name for name in given if name.strip().lower() in wanted}
    found |= {name: name for name in given if name in layout.columns}
    return {name: column for column, name in found.items()}


# tables


class _Checked(io.RawIOBase):
    """A stream of bytes that refuses a row with more or fewer cells than the header."""

    def __init__(self, stream: BinaryIO, source: Source, fields: int, delimiter: str) -> None:
        self.stream, self.source, self.fields = stream, source, fields
        self.delimiter = ord(delimiter)
        self.inside = self.cells = self.length = 0
        self.line = self.begin = 1

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes, and check them."""
        with reading(self.source, files.Progress(self.line - 1)):
            block = self.stream.read(len(buffer))
        self._check(block)
        buffer[: len(block)] = block
        return len(block)

    def _check(self, block: bytes) -> None:
        data = np.frombuffer(block, np.uint8)
        newline = data == NEWLINE
        if not block:
            if self.inside:
                message = (
                    f"{self.source.name} line {self.begin}: a quoted cell does not end; is the "
                    "file cut short?"
                )
                raise DataError(message)
            if self.length:
                self._count(np.array([self.cells]), np.array([self.length]), np.array([self.line]))
            return
        quotes = data == QUOTE
        outside = np.ones(data.size, bool)
        if quotes.any() or self.inside:
            state = np.cumsum(quotes, dtype=np.int64) + self.inside
            outside = (state & 1) == 0
            self.inside = int(state[-1] & 1)
        ends = np.flatnonzero(newline & outside)
        marks = np.flatnonzero((data == self.delimiter) & outside)
        raw = np.flatnonzero(newline)
        lines = self.line + np.searchsorted(raw, ends)
        upto = np.searchsorted(marks, ends)
        before = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
        cells = np.diff(upto, prepend=0)
        length = ends - before
        blank = length - np.where(length > 0, data[np.maximum(ends - 1, 0)] == RETURN, 0)
        if ends.size:
            cells[0] += self.cells
            blank[0] += self.length
            self._count(cells, blank, lines)
            self.cells = int(marks.size - upto[-1])
            self.length = int(data.size - ends[-1] - 1)
            self.begin = int(lines[-1]) + 1
        else:
            self.cells += int(marks.size)
            self.length += data.size
        self.line += int(raw.size)

    def _count(self, marks: Any, length: Any, lines: Any) -> None:
        bad = (marks != self.fields - 1) & (length > 0)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            message = (
                f"{self.source.name} line {lines[at]}: has {marks[at] + 1} cells, the header "
                f"{self.fields}"
            )
            raise DataError(message)


def _table(source: Source, layout: Layout, progress: Progress) -> Iterator[Batch]:
    import pandas as pd

    names, delimiter = _header(source)
    chosen = taken(names, layout)
    # columns without a name, as spreadsheets leave them behind
    names = [name or f"({number})" for number, name in enumerate(names)]
    with opened(source.path, source.packed) as stream:
        checked = _Checked(stream, source, len(names), delimiter)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frames = pd.read_csv(
                    io.BufferedReader(checked, LINES),
                    sep=delimiter,
                    dtype=object,
                    keep_default_na=False,
                    index_col=False,
                    chunksize=LINES,
                    encoding="utf-8",
                    header=0,
                    names=names,
                    usecols=list(chosen),
                    skip_blank_lines=True,
                    low_memory=True,
                )
                for frame in frames:
                    first = progress.lines + 1
                    progress.lines += len(frame)
                    yield Batch(frame.rename(columns=chosen), first)
        except UnicodeDecodeError:
            message = f"{source.name} after line {progress.lines + 1}: is not UTF-8 text"
            raise DataError(message) from None
        except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
            said = str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. ")
            message = f"{source.name} after line {progress.lines + 1}: is no whole table ({said})"
            raise DataError(message) from None


def where(source: Source, batch: Batch, at: int) -> str:
    """Name the line of a record of a batch."""
    number = batch.first + at
    if batch.lines is not None:
        return f"{source.name} line {batch.lines[at]}, record {number}"
    if source.kind == "parquet":
        return f"{source.name} row {number}"
    # cells may hold ends of lines, so the lines are counted now
    _, delimiter = _header(source)
    with reading(source), opened(source.path, source.packed) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
        table = csv.reader(text, delimiter=delimiter)
        line = next(islice(_first_lines(table), number, None), 0)
    return f"{source.name} line {line}" if line else f"{source.name} record {number}"


def _first_lines(table: Any) -> Iterator[int]:
    """Yield the line on which each row begins that is not blank."""
    csv.field_size_limit(sys.maxsize)
    line = 1
    for row in table:
        if row:
            yield line
        line = table.line_num + 1


# JSON


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in record.items():
        if key in OPENED and isinstance(value, dict):
            made |= {f"{key}.{inner}": x for inner, x in value.items()}
        else:
            made[key] = value
    return made


def _inside(record: Any, outer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the records of a page: of its list, of the results of each bucket."""
    if not isinstance(record, dict):
        yield {"": record}
        return
    for name in LISTS:
        inner = record.get(name)
        if isinstance(inner, list) and all(isinstance(x, dict) for x in inner):
            plain = {k: v for k, v in record.items() if not isinstance(v, (list, dict))}
            for one in inner:
                yield from _inside(one, {**outer, **plain})
            return
    yield _flat({**outer, **record})


def _continued(record: Mapping[str, Any]) -> bool:
    """Tell whether a page says that others follow."""
    meta = record.get("meta")
    page, pages = (meta.get(x) if isinstance(meta, dict) else None for x in ("page", "totalPages"))
    if isinstance(page, int) and isinstance(pages, int):
        return page < pages
    return record.get("has_more") is True


def _objects(source: Source, progress: Progress) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records of a JSON file, with their lines."""
    for line, record, _ in items(source, progress):
        if isinstance(record, Broken):
            message = f"{source.name} line {line}: {record.reason}"
            raise DataError(message)
        if not isinstance(record, dict):
            message = (
                f"{source.name} line {line}: is no record: an object expected, got "
                f"{type(record).__name__}"
            )
            raise DataError(message)
        progress.more = _continued(record)
        for inner in _inside(record, {}):
            yield line, inner


def _json(source: Source, layout: Layout, progress: Progress) -> Iterator[Batch]:
    import pandas as pd

    records = _objects(source, progress)
    first = 1
    while chunk := list(islice(records, OBJECTS)):
        # keys of objects without a value are often left out
        names = dict.fromkeys(layout.needs, "")
        present = sorted(set(chain.from_iterable(record for _, record in chunk)))
        names |= {new: old for old, new in taken(present, layout).items()}
        columns = {
            new: np.fromiter((record.get(old) for _, record in chunk), object, len(chunk))
            for new, old in sorted(names.items())
        }
        yield Batch(pd.DataFrame(columns), first, [line for line, _ in chunk])
        first += len(chunk)


# Parquet


class _parquet:  # noqa: N801
    """A Parquet file, open; what goes wrong is one line."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __enter__(self) -> Any:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            message = (
                f"{self.source.path}: reading Parquet needs pyarrow; pip install "
                "'costmodel[parquet]'"
            )
            raise DataError(message) from None
        if self.source.packed:
            message = f"{self.source.name}: unpack it first; Parquet packs its own columns"
            raise DataError(message)
        self.wrong = (pa.ArrowException, OSError)
        try:
            self.file = pq.ParquetFile(self.source.path)
        except self.wrong as error:
            raise self._said(error) from None
        return self.file

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if hasattr(self, "file"):
            self.file.close()
        if isinstance(error, self.wrong):
            raise self._said(error) from None

    def _said(self, error: Any) -> DataError:
        said = (str(error).splitlines() or ["broken"])[0]
        return DataError(f"{self.source.name}: is no whole Parquet file ({said})")


def _leaves(table: Any) -> dict[str, str]:
    """Return the columns of a Parquet file: name as a layout has it -> name in the file."""
    found: dict[str, str] = {}
    for column in table.schema_arrow:
        if column.name in OPENED and str(column.type).startswith("struct"):
            found |= {f"{column.name}.{x.name}": column.name for x in column.type}
        else:
            found[column.name] = column.name
    return found


def _columns(source: Source, layout: Layout, progress: Progress) -> Iterator[Batch]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _parquet(source) as table:
        leaves = _leaves(table)
        chosen = taken(leaves, layout)
        names = {name: leaves[name] for name in chosen}
        progress.total = table.metadata.num_rows
        words = [
            c
            for n, c in names.items()
            if pa.types.is_string(table.schema_arrow.field(c).type)
            or pa.types.is_large_string(table.schema_arrow.field(c).type)
        ]
        first = 1
        with pq.ParquetFile(source.path, read_dictionary=words, pre_buffer=False) as file:
            for part in file.iter_batches(
                ROWS, columns=list(dict.fromkeys(names.values())), use_threads=False
            ):
                columns = {}
                for name, column in names.items():
                    values = part.column(column)
                    if name != column:
                        values = values.field(name.partition(".")[2])
                    columns[chosen[name]] = _array(values)
                progress.lines += part.num_rows
                yield Batch(pd.DataFrame(columns, copy=False), first)
                first += part.num_rows


def _array(values: Any) -> Any:
    """Return a column of Parquet as numpy or categories; nested cells as objects."""
    import pandas as pd
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        codes = values.indices
        if codes.null_count:
            codes = codes.fill_null(-1)
        levels = pd.Index(values.dictionary.to_pylist(), dtype="str")
        return pd.Categorical.from_codes(codes.to_numpy(zero_copy_only=False), levels)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return values.to_numpy(zero_copy_only=False)
    if pa.types.is_timestamp(kind):
        plain = values.cast(pa.timestamp("s"), safe=False)
        return plain.to_numpy(zero_copy_only=False)
    # cell by cell: numpy would make a table of lists of one length
    return np.fromiter((_plain(x) for x in values.to_pylist()), object, len(values))


def _plain(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return dict(value)  # a map
    return value if isinstance(value, (dict, list, str)) or value is None else str(value)
