"""Exports as ledgers: opened, recognised by their columns, read in batches."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import DataError
from costmodel.tokens.reading import PACKED_SUFFIXES, Progress, Source, opened, reading
from costmodel.usage.cells import BadCellError
from costmodel.usage.layouts import LAYOUTS, Layout
from costmodel.usage.ledger import TOKENS, Export, Ledger, joined, rows_of

if TYPE_CHECKING:
    import pandas as pd

BATCH = 1 << 17  # records of a batch


def recognised(columns: list[str], name: str) -> Layout:
    """Return the layout that has these columns.

    Raises:
        DataError: If none has.
    """
    for layout in LAYOUTS:
        if layout.needs <= set(columns):
            return layout
    message = f"{name} line 1: no known export has the columns {', '.join(columns)}"
    raise DataError(message)


def _source(path: str) -> Source:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1] if suffixes and suffixes[-1] in PACKED_SUFFIXES else ""
    return Source(path, "csv", packed)


def batches(source: Source) -> Iterator[pd.DataFrame]:
    """Yield the records of an export as text, a frame per batch."""
    import pandas as pd

    with reading(source, Progress()), opened(source.path, source.packed) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        delimiter = "\t" if ".tsv" in source.path else ","
        try:
            yield from pd.read_csv(
                text,
                sep=delimiter,
                dtype=object,
                keep_default_na=False,
                chunksize=BATCH,
                quoting=csv.QUOTE_MINIMAL,
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            message = f"{source.name}: is no whole table ({str(error).splitlines()[0]})"
            raise DataError(message) from None


def _rows(layout: Layout, batch: pd.DataFrame, name: str, before: int) -> pd.DataFrame:
    try:
        columns = dict(layout.rows(batch))
    except BadCellError as error:
        message = f"{name} line {before + error.at + 2}: {error.message}"
        raise DataError(message) from None
    count = len(batch)
    columns |= {
        "file": name,
        "layout": layout.name,
        "row": np.arange(before + 1, before + count + 1),
    }
    made = rows_of(columns, count)
    parts = made[list(TOKENS[1:4])].to_numpy().sum(axis=1)
    if (parts > made["input_tokens"].to_numpy()).any():
        at = int(np.flatnonzero(parts > made["input_tokens"].to_numpy())[0])
        message = (
            f"{name} line {before + at + 2}: cached and written tokens exceed input_tokens "
            f"{made['input_tokens'][at]}, which is all input"
        )
        raise DataError(message)
    if "request_tokens" not in columns:
        requests = made["requests"].to_numpy()
        known = requests > 0
        each = made["input_tokens"].to_numpy() / np.where(known, requests, 1.0)
        made["request_tokens"] = np.where(known, np.ceil(each), 0).astype(np.int64)
    return made


def read(*paths: str | Path) -> Ledger:
    """Read exports into one ledger.

    Args:
        paths: Files; what each is, is told from its columns.

    Raises:
        DataError: With file, line, value and remedy.
    """
    frames: list[pd.DataFrame] = []
    exports: list[Export] = []
    for path in map(str, paths):
        source = _source(path)
        layout: Any = None
        records = 0
        columns: list[str] = []
        for batch in batches(source):
            if layout is None:
                columns = list(batch.columns)
                layout = recognised(columns, source.name)
            kept = batch[[c for c in columns if c in layout.needs | layout.knows]]
            frames.append(_rows(layout, kept, source.name, records))
            records += len(batch)
        used = tuple(c for c in columns if c in layout.needs | layout.knows)
        ignored = tuple(c for c in columns if c not in used and c not in layout.private)
        exports.append(Export(source.name, layout.name, records, used, ignored))
    return Ledger(joined(frames), tuple(exports))
