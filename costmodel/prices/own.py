"""Own prices: rows of `overrides.csv`, tried out or kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from costmodel.errors import PriceError
from costmodel.prices.book import PriceBook, edited_folder, shipped_dir
from costmodel.prices.rows import Key
from costmodel.prices.tables import TABLES
from costmodel.prices.writing import RawTable, editing

FILE = "overrides.csv"
SAME = ("provider", "model", "mode", "region", "meter")


@dataclass(frozen=True)
class OwnPrice:
    """A price of one's own.

    Attributes:
        key: What it is for; all tiers and hours of it.
        meter: What is counted.
        usd: Price of a unit. [US$]
    """

    key: Key
    meter: str
    usd: float

    def row(self, on: date, source: str) -> dict[str, str]:
        """Return the row that states it, valid from a day on."""
        return {
            "provider": self.key.provider,
            "model": self.key.sku,
            "mode": self.key.mode,
            "region": self.key.region,
            "meter": self.meter,
            "price": f"{self.usd:.12g}",
            "currency": "USD",
            "effective_from": on.isoformat(),
            "source": source,
            "verified_on": on.isoformat(),
        }


def with_own(book: PriceBook, prices: Sequence[OwnPrice], on: date, source: str) -> PriceBook:
    """Return the prices with own ones on top, leaving all tables as they are.

    Args:
        book: The prices.
        prices: Own ones.
        on: Day from which they hold.
        source: Where they come from.

    Raises:
        PriceError: If one of them is for nothing that is sold.
    """
    if not prices:
        return book
    with tempfile.TemporaryDirectory() as folder:
        raw = RawTable(FILE, TABLES["overrides"].columns)
        text = raw.appended(price.row(on, source) for price in prices).text()
        (Path(folder) / FILE).write_text(text, "utf-8", newline="")
        return PriceBook.read(*book.folders, folder, shipped=False)


def keep(
    folder: Path, prices: Sequence[OwnPrice], on: date, source: str, below: Sequence[str | Path]
) -> Path:
    """Write own prices to a folder of tables: all of them or none. The folder is made if need be.

    Args:
        folder: Folder of one's own; never that of the shipped tables.
        prices: Own prices; one for the same thing from the same day on replaces the former.
        on: Day from which they hold.
        source: Where they come from.
        below: Folders over which this one is laid.

    Returns:
        The file.

    Raises:
        PriceError: If it is the folder of the shipped tables, cannot be written, or would be
            refused afterwards.
    """
    if shipped_dir().resolve() in (folder.resolve(), *folder.resolve().parents):
        message = f"{folder}: holds the shipped tables; name a folder of your own"
        raise PriceError(message)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: cannot be made ({error.strerror or error}); nothing was changed"
        raise PriceError(message) from None
    layers = [f for f in below if Path(f).resolve() != folder.resolve()]
    try:
        with editing(edited_folder(folder)) as tables:
            raw = tables.read(FILE)
            rows = [price.row(on, source) for price in prices]
            there = {_named(row): line for row, line in zip(raw.rows, raw.lines, strict=True)}
            known = {there[_named(row)]: row for row in rows if _named(row) in there}
            raw = raw.replaced(known).appended(row for row in rows if _named(row) not in there)
            tables.write({FILE: raw}, lambda copy: PriceBook.read(*layers, copy, shipped=False))
    except PriceError:
        if made:
            folder.rmdir()
        raise
    return folder / FILE


def _named(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row.get(column, "") for column in (*SAME, "effective_from"))
