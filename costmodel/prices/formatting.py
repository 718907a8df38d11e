"""Tables as they should be written, out of what editors and spreadsheets make of them.

Read with mercy: byte order mark, CRLF, semicolons or tabs between cells, decimal commas, thousands
separators, dates in the order of a country, empty columns and rows at the end. What could mean two
things is refused with its line; what a spreadsheet has lost cannot be guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

from costmodel.errors import PriceError, nearest
from costmodel.prices.book import shipped_dir
from costmodel.prices.rows import table_files
from costmodel.prices.tables import ISO_DATE, Table, csv_text
from costmodel.prices.writing import RawTable, read_raw

DATES = ("effective_from", "effective_to", "verified_on")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SPACES = re.compile(r"[ \u00a0\u202f']")
SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+")  # how spreadsheets show long numbers
GROUPED = re.compile(r"\d{1,3}(?:([,. \u00a0\u202f'])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
NUMERIC_DATE = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})")
NAMED_DATE = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})[a-z]*[- ,]+(\d{4}|\d{2})")
YEAR_FIRST = re.compile(r"(\d{4})[/.](\d{1,2})[/.](\d{1,2})")
MIDNIGHT = re.compile(r"[ T]0{1,2}:00(:00)?$")
LAST_MONTH = 12
# numbers that can only be decimal fractions, with comma and with point
COMMA, POINT = r"(0|\d+(?=,(\d{1,2}|\d{4,})$)),\d+", r"(0|\d+(?=\.(\d{1,2}|\d{4,})$))\.\d+"


def formatted(folder: Path) -> dict[str, RawTable]:
    """Return the tables of a folder as they should be written, those that differ only.

    Args:
        folder: Tables.

    Raises:
        PriceError: At the first cell that could mean two things, with file, line and value.
    """
    found = {}
    for path in table_files(folder):
        name = path.relative_to(folder).as_posix()
        table = canonical(path, name)
        if table.text().encode() != path.read_bytes():
            found[name] = table
    return found


def canonical(path: Path, name: str) -> RawTable:
    """Return a table as it should be written.

    Args:
        path: The file.
        name: Its path inside the folder of tables.

    Raises:
        PriceError: If it cannot be read, or a cell could mean two things.
    """
    raw = _merciful(path, name)
    table = raw.table
    if table is None:
        message = f"{name}: is no price table"
        raise PriceError(message)
    rows = _with_dates(raw, table)
    rows = [
        {
            column: _number(cell, f"{name} line {line}", column)
            if column in table.numbers
            else cell
            for column, cell in row.items()
        }
        for row, line in zip(rows, raw.lines, strict=True)
    ]
    pairs = list(zip(rows, raw.lines, strict=True))
    if not table.in_order:
        pairs.sort(key=lambda pair: raw.order(pair[0]))
    return replace(
        raw,
        header=tuple(sorted(raw.header, key=_column_order(table).__getitem__)),
        rows=tuple(row for row, _ in pairs),
        lines=tuple(line for _, line in pairs),
    )


@cache
def _shipped_header(pattern: str) -> tuple[str, ...]:
    shipped = sorted(shipped_dir().glob(pattern))
    return read_raw(shipped[0], pattern).header if shipped else ()


def _column_order(table: Table) -> dict[str, int]:
    """Return the place of each column: as in the shipped table, others before the dates."""
    known = _shipped_header(table.path)
    end = len(known)
    places = {column: place for place, column in enumerate(known)}
    tail = min((places[c] for c in ("currency", *DATES, "source") if c in places), default=end)
    order = {c: p if p < tail else p + len(table.columns) + 1 for c, p in places.items()}
    others = [column for column in (*table.columns, "provider") if column not in places]
    return order | {column: tail + k for k, column in enumerate(dict.fromkeys(others))}


def _merciful(path: Path, name: str) -> RawTable:
    """Read a CSV file whatever separates its cells, without what is empty at its ends."""
    text = csv_text(path, name)
    table = RawTable(name, ()).table
    columns = (*table.columns, "provider") if table else ()
    first = text.lstrip("\r\n").partition("\n")[0]
    separators = {mark: first.count(mark) for mark in ",;\t"}
    mark = max(separators, key=lambda m: separators[m]) if any(separators.values()) else ","
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True))
    except csv.Error as error:
        message = f"{name}: is not valid CSV ({error})"
        raise PriceError(message) from None
    found = [
        (number, [cell.strip() for cell in cells])
        for number, cells in _numbered(text, mark, lines)
        if any(cell.strip() for cell in cells)
    ]
    if not found:
        message = f"{name} line 1: the file is empty; its first line names the columns"
        raise PriceError(message)
    header = found[0][1]
    width = max(k + 1 for k, column in enumerate(header) if column)
    header = header[:width]
    for column in header:
        if column not in columns or header.count(column) > 1:
            problem = "stands twice" if header.count(column) > 1 else "is unknown"
            message = f"{name} line 1: column {column!r} {problem}{nearest(column, columns)}"
            raise PriceError(message)
    rows, places = [], []
    for number, cells in found[1:]:
        if len(cells) < width or any(cells[width:]):
            message = (
                f"{name} line {number}: has {len(cells)} cells, the header has {width}; "
                "put text that contains the separator in double quotes"
            )
            raise PriceError(message)
        broken = next((cell for cell in cells if re.fullmatch(r"#[A-Z/0]+[!?]?", cell)), None)
        if broken is not None:
            message = f"{name} line {number}: {broken!r} is an error of a spreadsheet, not a value"
            raise PriceError(message)
        rows.append(dict(zip(header, cells[:width], strict=True)))
        places.append(number)
    raw = RawTable(name, tuple(header), tuple(rows), tuple(places))
    return raw if mark == "," or table is None else _with_points(raw, table)


def _numbered(
    text: str, mark: str, lines: Sequence[Sequence[str]]
) -> Iterable[tuple[int, Sequence[str]]]:
    """Give each row the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    line = 1
    for _, cells in zip(lines, reader, strict=True):
        yield line, cells
        line = reader.line_num + 1


def _with_points(raw: RawTable, table: Table) -> RawTable:
    """Read 0,55 of a country that separates cells by semicolons because of its decimal comma."""
    columns = [column for column in raw.header if column in table.numbers]
    cells = [row[column] for row in raw.rows for column in columns]
    commas, points = (any(map(re.compile(p).fullmatch, cells)) for p in (COMMA, POINT))
    rows = []
    for row, line in zip(raw.rows, raw.lines, strict=True):
        new = dict(row)
        for column in columns:
            cell = row[column]
            if commas == points and re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", cell):
                message = (
                    f"{raw.name} line {line}: {column} {cell!r} could be a decimal fraction or "
                    f"thousands; write it as {cell.replace(',', '.')} or {re.sub('[.,]', '', cell)}"
                )
                raise PriceError(message)
            if commas and not points:
                cell = re.sub(r"\.(?=\d{3}(\D|$))", "", cell)
            if commas and re.fullmatch(r"\d+,\d+", cell):
                cell = cell.replace(",", ".")
            new[column] = cell
        rows.append(new)
    return replace(raw, rows=tuple(rows))


def _number(cell: str, where: str, column: str) -> str:
    """Take the thousands separators out of a number, refusing what has lost digits."""
    if SHORTENED.fullmatch(cell):
        message = (
            f"{where}: {column} {cell!r} was shortened by a spreadsheet; write it in full (format "
            "the column as a number without exponent before saving)"
        )
        raise PriceError(message)
    grouped = GROUPED.fullmatch(cell)
    if grouped and grouped[1] == "." and cell.count(".") == 1:
        return cell  # a decimal fraction of three digits
    if grouped and grouped[1] != ".":
        return SPACES.sub("", cell).replace(",", "")
    return cell


def _with_dates(raw: RawTable, table: Table) -> list[Mapping[str, str]]:
    """Write every date as 2026-12-01, in the order of days and months that the file proves."""
    columns = [column for column in raw.header if column in (*table.dates, *DATES)]
    cells = [
        (k, column, MIDNIGHT.sub("", row[column]))
        for k, row in enumerate(raw.rows)
        for column in columns
        if row[column] and not ISO_DATE.fullmatch(row[column])
    ]
    numeric = [match for _, _, cell in cells if (match := NUMERIC_DATE.fullmatch(cell))]
    # a point stands between day and month wherever the day comes first
    day_first = any(int(m[1]) > LAST_MONTH or m[2] == "." for m in numeric)
    month_first = any(int(m[3]) > LAST_MONTH and m[2] != "." for m in numeric)
    rows: list[dict[str, str]] = [dict(row) for row in raw.rows]
    for k, column, cell in cells:
        where = f"{raw.name} line {raw.lines[k]}"
        rows[k][column] = _iso(cell, where, column, day_first=day_first, month_first=month_first)
    return list(rows)


def _iso(cell: str, where: str, column: str, *, day_first: bool, month_first: bool) -> str:
    if ISO_DATE.fullmatch(cell):
        return cell
    numeric, named = NUMERIC_DATE.fullmatch(cell), NAMED_DATE.fullmatch(cell)
    ordered = YEAR_FIRST.fullmatch(cell)
    if ordered:
        parts = (ordered[1], ordered[2], ordered[3])
    elif named and named[2].lower() in MONTHS:
        parts = (named[3], str(MONTHS.index(named[2].lower()) + 1), named[1])
    elif numeric and day_first != month_first:
        first, second = (numeric[1], numeric[3]) if month_first else (numeric[3], numeric[1])
        parts = (numeric[4], first, second)
    elif numeric and numeric[1] != numeric[3]:
        a, b, year = f"{int(numeric[1]):02d}", f"{int(numeric[3]):02d}", numeric[4][-2:]
        message = (
            f"{where}: {column} {cell!r} could be 20{year}-{a}-{b} or 20{year}-{b}-{a}; write "
            "dates like 2026-12-01 (format the column as text before saving)"
        )
        raise PriceError(message)
    elif numeric:
        parts = (numeric[4], numeric[1], numeric[3])
    else:
        message = f"{where}: {column} must be a date like 2026-12-01, got {cell!r}"
        raise PriceError(message)
    try:
        year = int(parts[0]) + (2000 if len(parts[0]) == 2 else 0)  # noqa: PLR2004
        return date(year, int(parts[1]), int(parts[2])).isoformat()
    except ValueError:
        message = f"{where}: {column} must be a date like 2026-12-01, got {cell!r}"
        raise PriceError(message) from None
