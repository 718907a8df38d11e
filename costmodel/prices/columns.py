"""Reading large tables by columns: each distinct cell is judged once, by the rules for all tables.

Whatever is not plain (quoted line breaks, blank lines, a row of another width, a cell that the
table refuses) is left to the reader of rows, which says what is wrong and where.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import PriceError
from costmodel.prices.tables import Record, Table, value_of

MANY = 1_000  # distinct cells that are worth reading at once
Column = npt.NDArray[Any]
# what Python takes for the end of a line, beside the line feed; and what is no text
BREAKS = "\0\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def columns_of(table: Table, path: Path) -> dict[str, Column] | None:
    """Read a table by columns.

    Args:
        table: What the file must look like.
        path: Where it is.

    Returns:
        Values of each column, `line` included; None if the file has to be read by rows.
    """
    cells = _cells(table, path)
    if cells is None:
        return None
    import pandas as pd

    count = len(cells["line"])
    found: dict[str, Column] = {"line": cells["line"]}
    blank: dict[str, Column] = {}
    try:
        for column in table.columns:
            default = table.defaults.get(column, "")
            if column not in cells:
                value = value_of(table, column, default, "")
                found[column] = np.full(count, value, object)
                blank[column] = np.ones(count, bool)
                continue
            codes, texts = pd.factorize(cells[column])
            stripped = [text.strip() for text in texts]
            values = _numbers(stripped) if column in table.numbers else None
            if values is None:
                values = np.empty(len(texts), object)
                values[:] = [value_of(table, column, text or default, "") for text in stripped]
            found[column] = values[codes]
            blank[column] = np.array([not text for text in stripped], bool)[codes]
    except PriceError:
        return None
    if table.any_of and np.logical_and.reduce([blank[column] for column in table.any_of]).any():
        return None
    if table.dated and _backwards(found["effective_from"], found["effective_to"]):
        return None
    if "provider" not in found:
        said = cells.get("provider")
        found["provider"] = np.full(count, "", object) if said is None else said
    return found


def _numbers(texts: Sequence[str]) -> Column | None:
    """Return the numbers of cells that are all numbers >= 0, else None."""
    if len(texts) < MANY or "" in texts or any("_" in text for text in texts):
        return None
    try:
        numbers = np.array(texts, object).astype(float)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() and (numbers >= 0).all() else None


def records_of(columns: dict[str, Column], name: str) -> list[Record]:
    """Return the rows of columns, each with its file.

    Args:
        columns: As of `columns_of`.
        name: How messages and bills call the file.
    """
    names = [*columns, "file"]
    lists = [column.tolist() for column in columns.values()]
    # the lists are of one length; to ask for it would cost a tenth
    return [dict(zip(names, row)) for row in zip(*lists, repeat(name))]  # noqa: B905


def _backwards(starts: Column, ends: Column) -> bool:
    both = np.flatnonzero((starts != None) & (ends != None))  # noqa: E711
    pairs: set[tuple[date, date]] = set(zip(starts[both], ends[both], strict=True))
    return any(start >= end for start, end in pairs)


def _cells(table: Table, path: Path) -> dict[str, Column] | None:
    """Return the text of each column, None where the file is not plain."""
    import pandas as pd

    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        text = data.decode()
    except (OSError, UnicodeDecodeError):
        return None
    lines = text.count("\n") + (not text.endswith("\n"))
    quoted = [line for line in text.split("\n") if '"' in line] if '"' in text else []
    try:
        header = [
            cell.strip()
            for cell in next(
                csv.reader([text[: text.find("\n") if "\n" in text else None]], strict=True)
            )
        ]
        widths = {len(row) for row in csv.reader(quoted, strict=True)}
    except (csv.Error, StopIteration):
        return None
    allowed = (*table.columns, "provider") if "model" in table.key else table.columns
    plain = len(set(header)) == len(header) and set(table.needed) <= set(header) <= set(allowed)
    commas = text.count(",") - sum(line.count(",") for line in quoted)
    even = commas == (lines - len(quoted)) * (len(header) - 1) and widths <= {len(header)}
    if not (plain and even) or any(mark in text for mark in BREAKS):
        return None
    try:
        # pandas warns of rows that are too long, and cuts them
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = pd.read_csv(
                BytesIO(data),
                dtype=object,
                na_filter=False,
                skip_blank_lines=False,
                names=list(range(len(header))),
                header=0,
                index_col=False,
            )
    except (ValueError, pd.errors.ParserWarning):
        frame = pd.DataFrame()
    if len(frame) != lines - 1:
        return None
    cells: dict[str, Column] = {column: frame[k].to_numpy() for k, column in enumerate(header)}
    return cells | {"line": np.arange(2, lines + 1)}
