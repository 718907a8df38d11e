"""Pieces that several apps share: counting files, code to paste, tables as CSV."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from costmodel.analysis.datasets import Dataset, read_dataset
from costmodel.prices.book import PriceBook, default_layers

DATASETS = ".jsonl,.json,.ndjson,.csv,.tsv,.parquet,.txt,.md,.gz,.zst"


def count_bytes(name: str, content: bytes, *how: Any, **further: Any) -> Dataset:
    """Count what was uploaded; it lies in a folder of this machine for that long only.

    Args:
        name: Its name.
        content: Its bytes.
        how: As of `read_dataset`.
        further: As of `read_dataset`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (Path(name).name or "upload")
        path.write_bytes(content)
        return read_dataset(path, *how, **further)


def read_book() -> PriceBook:
    """Read the shipped tables with the user's own laid over them, as they are now.

    Raises:
        PriceError: With file, line and remedy, if something is wrong with one.
    """
    return PriceBook.read(*default_layers())


def code(text: str) -> str:
    """Return code to paste, as HTML."""
    return f"<h2>The same in a script</h2><pre>{escape(text)}</pre>"


def csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Return records as CSV, lists in one cell."""
    import pandas as pd

    flat = [
        {k: "; ".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in r.items()}
        for r in records
    ]
    return str(pd.DataFrame.from_records(flat).to_csv(index=False, lineterminator="\n"))


def quoted(value: Any) -> str:
    """Return a value as code."""
    if isinstance(value, float) and value == int(value):
        return f"{int(value):_}"
    return repr(value)


def row_link(file: str, row: int, source: str, checked: object) -> str:
    """Return a row of a table as HTML, linked to its source, with the day it was checked."""
    text = f"{escape(file)}:{row}"
    if source.startswith(("https://", "http://")) and " " not in source:
        text = f'<a href="{escape(source)}" rel="noreferrer" title="{escape(source)}">{text}</a>'
    return two(text, f"checked {checked}")


def two(first: str, second: str) -> str:
    """Return a cell of two lines, the second one small."""
    return f"{first}<br><span class=quiet>{second}</span>" if second else first


def folded(title: str, html: str) -> str:
    """Return HTML that unfolds below a title."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def listed(texts: Sequence[str]) -> str:
    """Return sentences as a list in HTML."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def refusals(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the reasons why providers do not take a tuning job, each once."""
    shut = (r for r in records if r["refused"] is not None)
    return sorted({f"{r['provider']} {r['sku']}: {r['refused']}" for r in shut})
