"""Ratios between tokenizers from counts that a user got from the provider."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from costmodel.errors import DataError
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model
from costmodel.prices.tables import TABLES


@dataclass(frozen=True)
class Ratio:
    """Tokens of an encoding per token of o200k_base, as measured by a user.

    Attributes:
        encoding: The encoding, as tokenizers.csv names it.
        content: Kind of content it was measured on.
        ratio: Tokens per token of o200k_base. [1]
        source: Page of the provider on counting.
        measured_on: Day.
        note: What was counted.
    """

    encoding: str
    content: str
    ratio: float
    source: str
    measured_on: date
    note: str


def calibrated(
    model: Model, counted: float, ours: int, content: str, on: date, source: str
) -> Ratio:
    """Make a ratio of the tokens a provider counted and those of o200k_base.

    Raises:
        DataError: If there is nothing to count, or the ratio cannot be right.
    """
    if ours < LEAST:
        message = f"a ratio needs at least {LEAST} tokens of text, got {ours}"
        raise DataError(message)
    ratio = counted / ours
    if not 1 / FARTHEST <= ratio <= FARTHEST:
        message = (
            f"{counted:,.0f} tokens for {ours:,} of o200k_base is a ratio of {ratio:.3g}: "
            "was it the same text?"
        )
        raise DataError(message)
    encoding = model.encoding or f"{model.provider}-{model.name}".replace("/", "-").lower()
    note = f"own measurement: {counted:.0f} tokens of {model.name} for {ours} of o200k_base"
    return Ratio(encoding, content, round(ratio, 4), source, on, note)


LEAST = 20  # tokens below which a ratio says nothing
FARTHEST = 6.0  # a ratio further from one is a mistake


def store(ratio: Ratio, model: Model, folder: Path, book: PriceBook) -> list[str]:
    """Write a ratio into a folder of tables, and the encoding of a model that had none.

    Args:
        ratio: What was measured.
        model: Its model.
        folder: Folder of own tables; made if it is not there.
        book: The tables in force.

    Returns:
        Files written.

    Raises:
        DataError: If they cannot be written.
    """
    row = {
        "encoding": ratio.encoding,
        "content": ratio.content,
        "ratio": f"{ratio.ratio:g}",
        "source": ratio.source,
        "source_kind": "measured",
        "verified_on": ratio.measured_on.isoformat(),
        "note": ratio.note,
    }
    new = {"tokenizers.csv": row}
    if not model.encoding:
        known = {name: _shown(value) for name, value in model.row.items()}
        columns = _columns("models")
        new["models.csv"] = {name: known.get(name, "") for name in columns} | {
            "provider": model.provider,
            "model": model.name,
            "encoding": ratio.encoding,
            "source": known.get("source") or ratio.source,
            "verified_on": known.get("verified_on") or ratio.measured_on.isoformat(),
        }
    if ratio.encoding not in book.catalog.encodings and ratio.content != "english":
        message = (
            f"{model.name!r} has no ratio for english yet, which other ratios are read beside: "
            "calibrate english text first"
        )
        raise DataError(message)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, entry in new.items():
            table = "models" if name == "models.csv" else "tokenizers"
            _put(folder / name, entry, TABLES[table].key)
            written.append(str(folder / name))
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None
    return written


def _shown(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _columns(table: str) -> list[str]:
    return [*TABLES[table].columns]


def _put(path: Path, row: dict[str, str], key: tuple[str, ...]) -> None:
    """Add a row to a table, in place of one with the same key; whole or not at all."""
    rows: list[dict[str, str]] = []
    header = list(row)
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            header = list(reader.fieldnames or header)
            rows = [r for r in reader if tuple(r[k] for k in key) != tuple(row[k] for k in key)]
    header += [name for name in row if name not in header]
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(sorted([*rows, row], key=lambda r: tuple(r.get(k, "") for k in key)))
    part = path.with_name(f"{path.name}.part")
    part.write_text(out.getvalue(), "utf-8")
    part.replace(path)
