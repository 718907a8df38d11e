"""Changing tables: rows as text, and files that are written whole or not at all.

    with editing(folder) as tables:                 # alone in the folder; the second one waits 5 s
        text = tables.read("inference/openai.csv")  # RawTable: header and rows of text
        text = text.appended([{"model": "gpt-6", "input_mtok": "0.55", ...}])
        tables.write({"inference/openai.csv": text}, check)   # all of these files or none

- `read_raw(path, name)`: a CSV file as a `RawTable`, without judging its cells.
- `RawTable.appended(rows)`, `.replaced({line: cells})`: copies with more or other rows; rows keep
  the order of the file where it has one, and a column that the header lacks is added to it.
- `RawTable.text()`: the file as it is written: columns in their order, numbers without exponents,
  LF. Refuses cells that a spreadsheet would run as formulas.
- `editing(folder)`: the exclusive lock of a folder. Hold it for the change only, never while a
  person is asked something.
- `tables.write(changes, check)`: file inside the folder -> `RawTable`, or text of a file that is
  no table. `check` is called with a copy of the folder that has the changes; what it raises
  leaves the folder as it was.
- `reading(folder)`: the shared lock under which readers see a set of files whole, old or new.

A set of files is staged in a hidden folder beside them and made durable; renaming that folder is
the moment at which the change holds. What was killed before is thrown away, what was killed after
is finished, by the next one who opens the folder.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatch
from functools import cache
from itertools import pairwise
from pathlib import Path

from costmodel.errors import PriceError
from costmodel.prices.tables import TABLES, Table, csv_lines

STAGED, COMMITTED = ".costmodel-staged", ".costmodel-committed"
PATIENCE_S, PAUSE_S = 5.0, 0.02
BREAKS = re.compile("[\t\n\r\x0b\x0c\x1c-\x1f\x85\u2028\u2029]+")  # a row is one line
_HELD: set[Path] = set()  # folders that this process is changing
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@cache
def table_of(name: str) -> Table | None:
    """Return what a file of a folder of tables must look like, None where it is no table.

    Args:
        name: Path inside the folder, e.g. `inference/openai.csv`.
    """
    return next((table for table in TABLES.values() if fnmatch(name, table.path)), None)


def plain_number(text: str) -> str:
    """Return a number without exponent, sign or idle zeros; what is no number stays.

    >>> plain_number("4.50"), plain_number("1.5e-07"), plain_number("20E6"), plain_number("n/a")
    ('4.5', '0.00000015', '20000000', 'n/a')
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or "_" in text:
        return text
    digits = format(number, "f")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) or "0"


@dataclass(frozen=True)
class RawTable:
    """A CSV file as text.

    Attributes:
        name: Path inside its folder, for messages and for what the file must look like.
        header: Columns.
        rows: Cells of each row by column.
        lines: Line of each row in the file, 0 for rows that are new.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...] = ()
    lines: tuple[int, ...] = ()

    @property
    def table(self) -> Table | None:
        """What the file must look like."""
        return table_of(self.name)

    def order(self, row: Mapping[str, str]) -> tuple[object, ...]:
        """Return what rows are sorted by: the key of the table, then the day they hold from."""
        table = self.table
        if table is None:
            return ()
        cells: list[object] = []
        for column in table.key:
            cell = row.get(column, "").strip() or table.defaults.get(column, "")
            if column in table.numbers:
                number = plain_number(cell or "0")
                with suppress(InvalidOperation):
                    cells.append((0, Decimal(number), ""))
                    continue
            cells.append((1, Decimal(0), cell))
        return (*cells, row.get("effective_from", ""))

    @property
    def is_sorted(self) -> bool:
        """Whether the rows stand in their order."""
        keys = [self.order(row) for row in self.rows]
        return all(a <= b for a, b in pairwise(keys))

    def appended(self, rows: Iterable[Mapping[str, str]]) -> RawTable:
        """Return a copy with more rows: in their place if the file is sorted, else at its end."""
        new = [dict(row) for row in rows]
        header = self._header(new)
        pairs = [*zip(self.rows, self.lines, strict=True), *((row, 0) for row in new)]
        if self.is_sorted:
            pairs.sort(key=lambda pair: self.order(pair[0]))
        return replace(
            self,
            header=header,
            rows=tuple(row for row, _ in pairs),
            lines=tuple(line for _, line in pairs),
        )

    def replaced(self, cells: Mapping[int, Mapping[str, str]]) -> RawTable:
        """Return a copy with other cells in some rows.

        Args:
            cells: Line of the row -> column -> text; columns left out stay.
        """
        unknown = set(cells) - set(self.lines)
        if unknown:
            message = f"{self.name}: has no row at line {min(unknown)}"
            raise PriceError(message)
        rows = tuple(
            {**row, **cells.get(line, {})} for row, line in zip(self.rows, self.lines, strict=True)
        )
        return replace(self, header=self._header(list(cells.values())), rows=rows)

    def _header(self, rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
        """Return the columns with those that rows add, before the dates and sources."""
        added = dict.fromkeys(
            column
            for row in rows
            for column, cell in row.items()
            if cell and column not in self.header
        )
        if not added:
            return self.header
        dates = ("effective_from", "effective_to")
        tail = ("currency", *dates, "source", "source_kind", "verified_on", "note")
        ends = [k for k, column in enumerate(self.header) if column in tail]
        end = ends[0] if ends else len(self.header)
        first = [column for column in added if column not in tail]
        last = [column for column in tail if column in self.header[end:] or column in added]
        rest = [column for column in self.header[end:] if column not in tail]
        return (*self.header[:end], *first, *rest, *last)

    def written(self, column: str, cell: str) -> str:
        """Return a cell as it is written: numbers plain, everything on one line."""
        text = cell.strip(" ")
        plain = self.table is not None and column in self.table.numbers
        return plain_number(text) if plain else BREAKS.sub(" ", text).strip(" ")

    def text(self) -> str:
        """Return the file as it is written.

        Raises:
            PriceError: At a cell that a spreadsheet would run as a formula.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.header)
        for k, row in enumerate(self.rows):
            cells = []
            for column in self.header:
                cell = row.get(column, "").strip(" ")
                if cell.startswith(FORMULA):
                    message = (
                        f"{self.name} row {k + 1}: {column} {cell!r} would run as a formula in a "
                        f"spreadsheet; begin it with another character than {cell[0]!r}"
                    )
                    raise PriceError(message)
                cells.append(self.written(column, cell))
            writer.writerow(cells)
        return out.getvalue()


def read_raw(path: Path, name: str) -> RawTable:
    """Read a CSV file as text, without judging its cells.

    Args:
        path: Where it is.
        name: How messages call it: its path inside the folder of tables.

    Raises:
        PriceError: If it cannot be read as CSV, or a row has other cells than the header.
    """
    found = [(line, cells) for line, cells in csv_lines(path, name) if any(map(str.strip, cells))]
    if not found:
        message = f"{name} line 1: the file is empty; its first line names the columns"
        raise PriceError(message)
    header = tuple(cell.strip() for cell in found[0][1])
    for line, cells in found[1:]:
        if len(cells) != len(header):
            message = (
                f"{name} line {line}: has {len(cells)} cells, the header has {len(header)}; "
                "put text with commas in double quotes"
            )
            raise PriceError(message)
    rows = tuple(dict(zip(header, cells, strict=True)) for _, cells in found[1:])
    return RawTable(name, header, rows, tuple(line for line, _ in found[1:]))


@dataclass(frozen=True)
class Editor:
    """A folder of tables that nobody else changes meanwhile. Made by `editing`."""

    folder: Path

    def read(self, name: str) -> RawTable:
        """Return a table of the folder as text; a table without a file has its columns and no row.

        Args:
            name: Path inside the folder.

        Raises:
            PriceError: As `read_raw`, or if there is neither a file nor a table of that name.
        """
        path, table = self.folder / name, table_of(name)
        if path.is_file() or table is None:
            return read_raw(path, name)
        return RawTable(name, table.columns)

    def write(
        self,
        changes: Mapping[str, RawTable | str],
        check: Callable[[Path], object] | None = None,
    ) -> None:
        """Write files: all of them or none.

        Args:
            changes: Path inside the folder -> table, or text of a file that is no table.
            check: Called with a copy of the folder that has the changes; may raise PriceError.

        Raises:
            PriceError: If a cell or a name is not allowed, if `check` refuses the result, or if
                the folder cannot be written; nothing is changed then.
        """
        texts = {
            name: change if isinstance(change, str) else change.text()
            for name, change in changes.items()
        }
        for name in texts:
            if Path(name).is_absolute() or any(part.startswith(".") for part in Path(name).parts):
                message = f"{name}: name a file inside the folder of tables"
                raise PriceError(message)
        if check is not None:
            self._rehearse(texts, check)
        try:
            _stage(self.folder, texts)
            for parent in {(self.folder / name).parent for name in texts}:
                parent.mkdir(parents=True, exist_ok=True)
                if not os.access(parent, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, f"no permission in {parent}")
            (self.folder / STAGED).rename(self.folder / COMMITTED)  # the change holds from here
        except OSError as error:
            shutil.rmtree(self.folder / STAGED, ignore_errors=True)
            raise _not_written(self.folder, error, "nothing was changed") from None
        _finish(self.folder)

    def _rehearse(self, texts: Mapping[str, str], check: Callable[[Path], object]) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / self.folder.name
            try:
                shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns(".*"))
                for name, text in texts.items():
                    (copy / name).parent.mkdir(parents=True, exist_ok=True)
                    (copy / name).write_text(text, "utf-8", newline="")
            except OSError as error:
                # the copy has the permissions of the folder
                raise _not_written(self.folder, error, "nothing was changed") from None
            try:
                check(copy)
            except PriceError as error:
                said = str(error).replace(f"{copy.as_posix()}/", "")
                message = f"{said}; nothing was changed"
                raise PriceError(message) from None


@contextmanager
def editing(folder: Path) -> Iterator[Editor]:
    """Yield a folder of tables for changing, alone.

    Raises:
        PriceError: If there is no such folder, or someone else changes it for longer than 5 s.
    """
    with _locked(folder, fcntl.LOCK_EX):
        _recover(folder)
        held = folder.resolve()
        _HELD.add(held)
        try:
            yield Editor(folder)
        finally:
            _HELD.discard(held)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Hold a folder of tables still while several files of it are read.

    Raises:
        PriceError: If someone changes it for longer than 5 s, or if an interrupted change cannot
            be finished.
    """
    if not os.access(folder, os.R_OK) or folder.resolve() in _HELD:
        # whoever reads it says so; whoever changes it may read it
        yield
        return
    if (folder / COMMITTED).is_dir():
        with editing(folder):
            pass
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        message = f"{folder}: no folder of price tables ({error.strerror or error})"
        raise PriceError(message) from None
    try:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(handle, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    message = f"{folder}: another command is changing these tables; try again"
                    raise PriceError(message) from None
                time.sleep(PAUSE_S)
            except OSError as error:
                # a file system without locks: readers do without, writers do not
                if kind == fcntl.LOCK_SH:
                    break
                raise _not_written(folder, error, "it cannot be locked") from None
        yield
    finally:
        os.close(handle)


def _not_written(folder: Path, error: OSError, end: str) -> PriceError:
    return PriceError(f"{folder}: cannot be written ({error.strerror or error}); {end}")


def _durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stage(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the new files beside the tables, in a folder that nobody reads."""
    staged = folder / STAGED
    staged.mkdir()
    for name, text in texts.items():
        path = staged / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(folder / name, path)
    for inner in (path for path in staged.rglob("*") if path.is_dir()):
        _durable(inner)
    _durable(staged)


def _finish(folder: Path) -> None:
    """Move the files of a change that holds to their places."""
    committed = folder / COMMITTED
    try:
        _durable(folder)
        for path in sorted(path for path in committed.rglob("*") if path.is_file()):
            place = folder / path.relative_to(committed)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            _durable(place.parent)
        shutil.rmtree(committed)
    except OSError as error:
        end = "the change holds, and the next command that can write there finishes it"
        raise _not_written(folder, error, end) from None


def _recover(folder: Path) -> None:
    """Finish a change that holds, throw away one that does not."""
    if (folder / COMMITTED).is_dir():
        _finish(folder)
    shutil.rmtree(folder / STAGED, ignore_errors=True)
