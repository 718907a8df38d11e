"""Reading records: JSON lines, arrays, tables and texts, packed or not.

What a file is, is told from its first bytes and records. Nothing is dropped: a record that cannot
be read comes out as `Broken`, with its line and the reason.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections import Counter as Counts
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from costmodel.errors import DataError, nearest
from costmodel.tokens.formats import shape_of

BLOCK = 1 << 22  # bytes read and parsed at a time
SNIFFED = 20  # records from which the format is told
HEAD = 1 << 16  # bytes from which the kind of file is told
NOT_UTF8 = "is not UTF-8 text"
TEXT_SUFFIXES = (".txt", ".md", ".rst", ".text", ".markdown", ".html", ".tex")
DATA_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
PACKED_SUFFIXES = (".gz", ".zst")
# cells of a table that hold JSON
NESTED = (
    *("messages", "conversations", "contents", "tools", "prompt", "completion", "chosen"),
    *("rejected", "input", "preferred_output", "non_preferred_output", "completions"),
)


@dataclass
class Progress:
    """How far a file has been read: what comes next begins behind it.

    Attributes:
        lines, bytes: Lines and bytes read.
    """

    lines: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Source:
    """A file of records, and how to read it.

    Attributes:
        path: The file; "-" = standard input.
        kind: lines (JSONL) | array (JSON) | csv | parquet | text.
        packed: Suffix of its compression, blank for none.
        shape: Shape of its records, one of SHAPES.
        stated: Whether the user stated the shape.
        columns: Key of the shape -> key in the file, where they differ.
        head: Bytes of standard input that were read to tell what it is.
    """

    path: str
    kind: str
    packed: str = ""
    shape: str = ""
    stated: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    head: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """Name for messages."""
        return "standard input" if self.path == "-" else Path(self.path).name


@dataclass(frozen=True)
class Broken:
    """A record that could not be read, and why."""

    reason: str


# opening


@contextmanager
def opened(path: str, packed: str = "", head: bytes = b"") -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacked.

    Args:
        path: The file; "-" = standard input.
        packed: Suffix of its compression, blank for none.
        head: What was read of standard input before.

    Raises:
        DataError: If it is not there or cannot be read.
    """
    if path == "-":
        yield cast("BinaryIO", io.BufferedReader(_Standard(head), BLOCK))
        return
    place = Path(path)
    if place.is_dir():
        message = f"{path}: is a folder; name its files, or count it with --workers or --dask"
        raise DataError(message)
    try:
        raw = place.open("rb")
    except FileNotFoundError:
        beside = [e.name for e in place.parent.iterdir()] if place.parent.is_dir() else []
        message = f"no file {path}{nearest(place.name, beside, listing=False)}"
        raise DataError(message) from None
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror or error})"
        raise DataError(message) from None
    with raw, _unpacked(raw, packed) as stream:
        yield stream


class _Standard(io.RawIOBase):
    """Standard input, from the bytes on that were read of it before."""

    def __init__(self, head: bytes) -> None:
        """Begin with what was read."""
        self.head = head

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how many bytes came."""
        data = self.head[: len(buffer)] or sys.stdin.buffer.read(len(buffer))
        self.head = self.head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _unpacked(raw: BinaryIO, packed: str) -> BinaryIO:
    if packed == ".gz":
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw, mode="rb"))
    if packed == ".zst":
        from backports import zstd

        return cast("BinaryIO", zstd.ZstdFile(raw, "rb"))
    return raw


@contextmanager
def reading(source: Source, progress: Progress | None = None) -> Iterator[None]:
    """Turn what goes wrong while reading into one clear line."""
    from backports.zstd import ZstdError

    where = f"{source.name} line {progress.lines + 1}" if progress else source.name
    try:
        yield
    except EOFError:
        where = f"{source.name} line {progress.lines + 1}" if progress else source.name
        message = f"{where}: the {source.packed or 'compressed'} file is cut short"
        raise DataError(message) from None
    except (gzip.BadGzipFile, zlib.error, ZstdError) as error:
        message = f"{where}: is no whole {source.packed} file ({error})"
        raise DataError(message) from None
    except OSError as error:
        message = f"{where}: cannot be read ({error.strerror or error})"
        raise DataError(message) from None


def parsed(raw: bytes | memoryview) -> Any:
    """Parse a line of JSON, or say what is wrong with it."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raw = bytes(raw)
    try:
        # halves of surrogate pairs, NaN and a byte-order mark are beyond orjson
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Broken(NOT_UTF8)
    except RecursionError:
        return Broken("is nested too deeply")
    except ValueError as error:
        said = str(error)
        if raw[:1] == b"{" and not raw.rstrip().endswith(b"}"):
            return Broken(f"is cut short: {said}")
        return Broken(f"is not JSON: {said}")


Item = tuple[int, Any, bytes | memoryview]


class _Text(io.TextIOWrapper):
    """Text of a stream that somebody else closes."""

    def __del__(self) -> None:
        """Let go of the stream, not close it."""
        with suppress(ValueError):
            self.detach()


def _as_text(stream: BinaryIO, errors: str = "surrogateescape") -> io.TextIOWrapper:
    return _Text(stream, "utf-8-sig", errors=errors, newline="")


def _of_lines(stream: BinaryIO, start: int, stop: int | None, progress: Progress) -> Iterator[Item]:
    """Yield the records of JSON lines that begin in a range of bytes."""
    position = 0
    if start:
        stream.seek(start - 1)
        # the line that reaches into the range belongs to the one before
        position = start - 1 + len(stream.readline())
    for raw in _lines(stream):
        if stop is not None and position >= stop:
            return
        position += len(raw)
        progress.lines += 1
        progress.bytes += len(raw)
        record = parsed(raw)
        if not (isinstance(record, Broken) and bytes(raw).isspace()):
            yield progress.lines, record, raw


def _lines(stream: BinaryIO) -> Iterator[memoryview]:
    """Yield the lines of a stream without copying them one by one."""
    held: list[bytes] = []
    while block := stream.read(BLOCK):
        if b"\n" not in block:
            held.append(block)  # a line longer than a block
            continue
        block = b"".join([*held, block])
        view, at = memoryview(block), 0
        while end := block.find(b"\n", at) + 1:
            yield view[at:end]
            at = end
        held = [block[at:]] if at < len(block) else []
    if held:
        yield memoryview(b"".join(held))


DECODER = json.JSONDecoder()
SPACE = re.compile(r"[\s,]*")


def _of_array(stream: BinaryIO, progress: Progress) -> Iterator[Item]:
    """Yield the records of a JSON array, or of objects one after the other."""
    reader = _as_text(stream)
    text, at, line, whole = reader.read(BLOCK), 0, 1, False
    inside = text.lstrip().startswith("[")
    if inside:
        at = text.index("[") + 1
        line += text.count("\n", 0, at)
    while True:
        skipped = SPACE.match(text, at)
        after = skipped.end() if skipped else at
        line += text.count("\n", at, after)
        at = after
        if at < len(text) and inside and text[at] == "]":
            rest = text[at + 1 :].lstrip() or reader.read(BLOCK).lstrip()
            if rest:
                yield line, Broken("the array ends here, and what follows cannot be read"), b""
            progress.lines = line + text.count("\n", at)
            return
        try:
            record, end = DECODER.raw_decode(text, at)
            # a number or word may go on in the next block
            if end >= len(text) and not whole:
                raise json.JSONDecodeError("more", text, at)  # noqa: EM101, TRY301
        except RecursionError:
            yield line, Broken("is nested too deeply"), b""
            return
        except json.JSONDecodeError as error:
            if whole and at >= len(text):
                progress.lines = line
                if inside:
                    yield line, Broken("the array is cut short"), b""
                return
            if whole:
                yield (
                    line,
                    Broken(f"is not JSON: {error.msg}, and what follows cannot be read"),
                    b"",
                )
                progress.lines = line
                return
            more = reader.read(max(BLOCK, len(text) - at))
            text, at, whole = text[at:] + more, 0, not more
            continue
        raw = text[at:end].encode("utf-8", "surrogateescape")
        progress.bytes += len(raw)
        progress.lines = line
        yield line, _decoded(record, raw), raw
        line += text.count("\n", at, end)
        at = end
        if at > BLOCK:
            text, at = text[at:], 0


def _decoded(record: Any, raw: bytes) -> Any:
    """Return a record, unless its bytes are no UTF-8."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Broken(NOT_UTF8)
    return record


def _of_csv(stream: BinaryIO, progress: Progress, name: str) -> Iterator[Item]:
    """Yield the rows of a table with a header."""
    csv.field_size_limit(sys.maxsize)
    reader = _as_text(stream)
    delimiter = "\t" if ".tsv" in Path(name).suffixes else ","
    rows = csv.reader(reader, delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        while True:
            line = rows.line_num + 1
            row = next(rows, None)
            if row is None:
                return
            progress.lines = rows.line_num
            if not row:
                continue
            raw = "\x1f".join(row).encode("utf-8", "surrogateescape")
            progress.bytes += len(raw)
            if len(row) != len(header):
                yield line, Broken(f"has {len(row)} cells, the header {len(header)}"), raw
            else:
                cells = zip(header, row, strict=True)
                record = {key: _cell(key, value) for key, value in cells}
                yield line, _decoded(record, raw), raw
    except csv.Error as error:
        yield progress.lines + 1, Broken(f"is no row of CSV: {error}"), b""


def _cell(key: str, value: str) -> Any:
    if key in NESTED and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _of_parquet(path: str, progress: Progress) -> Iterator[Item]:
    """Yield the rows of a Parquet file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        message = f"{path}: reading Parquet needs pyarrow; pip install 'costmodel[parquet]'"
        raise DataError(message) from None
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    progress.lines += 1
                    record = {key: value for key, value in row.items() if value is not None}
                    raw = json.dumps(record, default=str, sort_keys=True).encode()
                    progress.bytes += len(raw)
                    yield progress.lines, record, raw
    except (pa.ArrowException, OSError) as error:
        message = f"{Path(path).name}: is no whole Parquet file ({str(error).splitlines()[0]})"
        raise DataError(message) from None


# where a text can be cut without changing its tokens: no token of these encodings joins a letter or
# digit to white space behind it
CUT = re.compile(r".*[^\W_](?=\s)", re.DOTALL)


def pieces(stream: BinaryIO, progress: Progress, name: str) -> Iterator[str]:
    """Yield a text in pieces that can be counted apart."""
    held = ""
    decoder = _as_text(stream, errors="strict")
    while True:
        try:
            piece = decoder.read(BLOCK)
        except UnicodeDecodeError:
            message = f"{name} line {progress.lines + 1}: {NOT_UTF8}"
            raise DataError(message) from None
        if "\0" in piece:
            message = f"{name} line {progress.lines + 1}: is a binary file, not text"
            raise DataError(message)
        progress.bytes += len(piece.encode("utf-8", "surrogatepass"))
        progress.lines += piece.count("\n")
        held += piece
        if not piece:
            progress.lines += bool(held) and not held.endswith("\n")
            yield held
            return
        cut = CUT.match(held)
        if cut:
            yield held[: cut.end()]
            held = held[cut.end() :]


# what a file is


def sniff(path: str, columns: Mapping[str, str] | None = None, shape: str = "") -> Source:
    """Tell how to read a file and what its records look like, from its beginning.

    Args:
        path: The file; "-" = standard input.
        columns: Key of the shape -> key in the file, where they differ.
        shape: Shape of its records; blank = find out.

    Raises:
        DataError: If the file cannot be read, or holds no record of a known shape.
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes.pop() if suffixes and suffixes[-1] in PACKED_SUFFIXES else ""
    suffix = suffixes[-1] if suffixes else ""
    source = Source(path, "lines", packed, shape, bool(shape), columns or {})
    if path == "-":
        return _sniffed_input(source)
    with reading(source), opened(path, packed) as stream:
        source = _told(source, stream.read(HEAD), suffix)
    if source.shape:
        return source
    progress = Progress()
    with reading(source, progress), closing(items(source, progress)) as records:
        return _shaped(source, records)


def _told(source: Source, beginning: bytes, suffix: str) -> Source:
    """Tell how a file is laid out; the shape, too, where nothing else can be."""
    kind = _kind(beginning, suffix)
    if not beginning.strip() and kind != "parquet":
        message = f"{source.name}: is empty"
        raise DataError(message)
    if kind not in ("parquet", "text") and b"\0" in beginning:
        message = f"{source.name}: is a binary file, not a dataset"
        raise DataError(message)
    return replace(source, kind=kind, shape=source.shape or ("text" if kind == "text" else ""))


def _sniffed_input(source: Source) -> Source:
    """Tell what standard input holds from as much as it takes; that is read but once."""
    head, ended = b"", False
    while True:
        block = sys.stdin.buffer.read(HEAD)
        head, ended = head + block, len(block) < HEAD
        found = replace(_told(source, head, ""), head=head)
        if found.shape:
            return found
        try:
            return _shaped(found, _items_of(found, io.BytesIO(head), Progress()))
        except DataError:
            if ended or len(head) >= BLOCK:
                raise


def _shaped(source: Source, records: Iterator[Item]) -> Source:
    """Take the shape that most of the first records have."""
    some = [record for _, record, _ in islice(records, SNIFFED)]
    shapes = [shape_in(source, record) for record in some]
    known = Counts(shape for shape in shapes if shape)
    if known:
        return replace(source, shape=known.most_common(1)[0][0])
    first = next((r for r in some if not isinstance(r, Broken)), some[0] if some else None)
    if isinstance(first, dict):
        keys = ", ".join(sorted(map(str, first))[:8]) or "none"
        message = (
            f"{source.name} line 1: no known format has the keys {keys}; name its columns, "
            "e.g. prompt=KEY,completion=KEY (--columns), or its format (--format)"
        )
    elif isinstance(first, Broken):
        message = f"{source.name} line 1: {first.reason}"
    else:
        message = f"{source.name} line 1: holds no records, but {type(first).__name__}"
    raise DataError(message)


def _kind(beginning: bytes, suffix: str) -> str:
    """Tell how a file is laid out."""
    if beginning.startswith(b"PAR1") or suffix == ".parquet":
        return "parquet"
    if suffix in (".csv", ".tsv"):
        return "csv"
    if suffix in TEXT_SUFFIXES:
        return "text"
    start = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "array"
    if start.startswith(b"{"):
        line = start.split(b"\n", 1)[0]
        # an object over several lines is an array of one
        whole = len(line) < len(start) and isinstance(parsed(line), Broken)
        return "array" if whole and suffix == ".json" else "lines"
    return "lines" if suffix in DATA_SUFFIXES else "text"


def items(
    source: Source, progress: Progress, start: int = 0, stop: int | None = None
) -> Generator[Item]:
    """Yield line, record and bytes of each record."""
    if source.kind == "parquet":
        yield from _of_parquet(source.path, progress)
        return
    with opened(source.path, source.packed, source.head) as stream:
        yield from _items_of(source, stream, progress, start, stop)


def _items_of(
    source: Source, stream: BinaryIO, progress: Progress, start: int = 0, stop: int | None = None
) -> Iterator[Item]:
    if source.kind == "lines":
        return _of_lines(stream, start, stop, progress)
    if source.kind == "array":
        return _of_array(stream, progress)
    return _of_csv(stream, progress, source.path)


def renamed(source: Source, record: Any) -> Any:
    """Return a record with its keys as the shape wants them."""
    if not source.columns or not isinstance(record, dict):
        return record
    named = {key: record[of] for key, of in source.columns.items() if of in record}
    return {k: v for k, v in record.items() if k not in source.columns.values()} | named


def shape_in(source: Source, record: Any) -> str:
    """Return the shape of a record of a file, blank for none."""
    record = renamed(source, record)
    return shape_of(record) if isinstance(record, dict) else ""
