"""Pieces that several apps share: choices of models, uploads, code to paste, tables as CSV."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from costmodel.analysis.request_costs import on_sale
from costmodel.errors import DataError
from costmodel.prices.book import PriceBook, default_layers
from costmodel.prices.catalog import Model
from costmodel.ui.controls import Choice

if TYPE_CHECKING:
    import pandas as pd

DATASETS = ".jsonl,.json,.ndjson,.csv,.tsv,.parquet,.txt,.md,.gz,.zst"
# what the choice of models means: makers only, and how old they may be
MODELS = {
    "new": (True, 366, "models that their makers released in the last year"),
    "everywhere": (False, 366, "models released in the last year, at all providers"),
    "all": (False, None, "all models on sale"),
}
CHOICE = Choice(
    "models",
    "Models",
    {
        "New, at their makers": "new",
        "New, at all providers": "everywhere",
        "All on sale": "all",
    },
)
MODE = Choice("mode", "Mode", {"Standard": "standard", "Batch": "batch"})
Read = TypeVar("Read")


def models_asked_for(
    state: Mapping[str, Any], book: PriceBook, on: date
) -> tuple[list[Model], str]:
    """Return the models that the controls `models`, `mode` and `find` ask for, and their name.

    Args:
        state: What the controls set.
        book: The prices.
        on: Day of the prices.

    Raises:
        DataError: If there are none.
    """
    makers, days, about = MODELS[state["models"]]
    words = state["find"].strip()
    found = on_sale(book, on, makers=makers, new_days=days, find=words, mode=state["mode"])
    if not found:
        message = f"no model on sale has {words!r} in its name and {state['mode']} mode"
        raise DataError(message)
    return found, f"models with {words!r} in their name" if words else about


def read_upload(upload: tuple[str, bytes], read: Callable[[Path], Read]) -> Read:
    """Read what was uploaded; it lies in a folder of this machine for that long only.

    Args:
        upload: Its name and its bytes.
        read: What reads a file.
    """
    name, content = upload
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (Path(name).name or "upload")
        path.write_bytes(content)
        return read(path)


def read_book() -> PriceBook:
    """Read the shipped tables with the user's own laid over them, as they are now.

    Raises:
        PriceError: With file, line and remedy, if something is wrong with one.
    """
    return PriceBook.read(*default_layers())


def code(text: str) -> str:
    """Return code to paste, as HTML."""
    return f"<h2>The same in a script</h2><pre>{escape(text)}</pre>"


def csv(rows: pd.DataFrame | Sequence[Mapping[str, Any]]) -> str:
    """Return a table as CSV; lists of records are in one cell each."""
    import pandas as pd

    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame.from_records(
            [
                {k: "; ".join(map(str, v)) if isinstance(v, list | tuple) else v
                 for k, v in row.items()}
                for row in rows
            ]
        )  # fmt: skip
    return str(rows.to_csv(index=False, lineterminator="\n"))


def figure(value: float) -> str:
    """Write a figure with four digits, a large one in whole numbers.

    >>> figure(0.74721), figure(19111.2)
    ('0.7472', '19,111')
    """
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.4g}"  # noqa: PLR2004


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
