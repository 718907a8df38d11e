"""Prices as tables: what is charged, how it moved, where two books differ, GPU rents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import PriceError
from costmodel.plans.rental import offers
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import tuning_sku
from costmodel.prices.meters import METERS as UNITS
from costmodel.prices.meters import TOKEN_COLUMNS
from costmodel.prices.rows import METER_NAMES, Key, PriceRow

if TYPE_CHECKING:
    import pandas as pd

METERS = ("input_mtok", "cached_input_mtok", "output_mtok")
CITED = ["file", "row", "source", "verified_on"]


def price_history(
    book: PriceBook,
    provider: str,
    model: str,
    *,
    mode: str = "standard",
    region: str = "",
    meters: Sequence[str] = METERS,
) -> pd.DataFrame:
    """Return the base prices of a model over time, one row for each price row and meter.

    Tiers for long requests and hours of the day are left out.

    Args:
        book: The prices.
        provider: Who sells it.
        model: Model, by any of its names.
        mode: standard, batch, flex, priority.
        region: As in the table.
        meters: What is billed.

    Returns:
        Columns provider, model, meter, effective_from (None = since release), effective_to
        (exclusive, None = open), unit_price_usd [US$/Mtok], file, row, source, verified_on.

    Raises:
        PriceError: If there is no such model or meter.
    """
    import pandas as pd

    for meter in meters:
        if meter not in TOKEN_COLUMNS.values():
            message = f"{meter!r} is no price of tokens: {', '.join(TOKEN_COLUMNS.values())}"
            raise PriceError(message)
    key = book.key(
        Key("inference", provider, book.catalog.model(provider, model).name, mode, region)
    )
    rows = [row for row in book.rows_of(key) if not row.over_input_tokens and not row.window]
    begins = sorted({row.effective_from for row in rows if row.effective_from is not None})
    records = []
    for day in (date.min, *begins):
        for meter in meters:
            # the strongest row of the key that holds on the day
            holds = [
                row
                for row in rows
                if (row.effective_from or date.min) <= day < (row.effective_to or date.max)
            ]
            if not holds:
                continue
            row = holds[-1]
            usd = book.unit_usd(book.rows.index(row), meter)
            following = [b for b in begins if b > day]
            ends = [d for d in (row.effective_to, *following[:1]) if d is not None]
            if np.isfinite(usd):
                records.append(
                    {
                        "provider": key.provider,
                        "model": key.sku,
                        "meter": meter,
                        "effective_from": None if day == date.min else day,
                        "effective_to": min(ends) if ends else None,
                        "unit_price_usd": usd,
                        "file": row.file,
                        "row": row.line,
                        "source": row.source,
                        "verified_on": row.verified_on,
                    }
                )
    names = ["provider", "model", "meter", "effective_from", "effective_to", "unit_price_usd"]
    return pd.DataFrame.from_records(records, columns=[*names, *CITED])


def rents(book: PriceBook, gpu: str, on: date, *, market: str = "any") -> pd.DataFrame:
    """Return what a GPU rents for on a day, cheapest first.

    Args:
        book: The prices.
        gpu: GPU, by any of its names.
        on: The day.
        market: on_demand, spot, reserved_1y, reserved_3y, capacity_block, marketplace, or any.

    Returns:
        Columns provider, instance, gpu, gpus, market, region, usd_per_gpu_hour [US$/h], file, row,
        source, verified_on.

    Raises:
        PriceError: If a name is unknown.
    """
    import pandas as pd

    records = [
        {
            "provider": offer.row.key.provider,
            "instance": offer.row.key.sku,
            "gpu": offer.row.facts["gpu"],
            "gpus": int(offer.gpus),
            "market": offer.row.key.mode,
            "region": offer.row.key.region,
            "usd_per_gpu_hour": offer.usd_per_hour / offer.gpus,
            "file": offer.row.file,
            "row": offer.row.line,
            "source": offer.row.source,
            "verified_on": offer.row.verified_on,
        }
        for offer in offers(book, gpu, on, market=market)
    ]
    names = ["provider", "instance", "gpu", "gpus", "market", "region", "usd_per_gpu_hour"]
    frame = pd.DataFrame.from_records(records, columns=[*names, *CITED])
    return frame.sort_values(["usd_per_gpu_hour", "provider", "row"], ignore_index=True)


@dataclass(frozen=True)
class Moved:
    """A price that two sets of tables, or two days, do not share.

    Attributes:
        key: What is bought.
        tier: Input tokens above which it holds. [token]
        window: Hours in which it holds, blank = always.
        meter: What is counted.
        start: First day on which they differ, None = from the beginning.
        usd_a, usd_b: The price of a unit in each, nan where there is none. [US$]
        row_a, row_b: The rows behind them.
    """

    key: Key
    tier: float
    window: str
    meter: str
    start: date | None
    usd_a: float
    usd_b: float
    row_a: PriceRow | None
    row_b: PriceRow | None

    @property
    def what(self) -> str:
        """New, gone or changed."""
        return "new" if np.isnan(self.usd_a) else "gone" if np.isnan(self.usd_b) else "changed"

    @property
    def percent(self) -> float:
        """How much more the second is than the first, nan where one is missing or 0. [%]"""
        return 100 * (self.usd_b / self.usd_a - 1) if self.usd_a else np.nan

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        row = self.row_b or self.row_a
        return {
            "table": self.key.table,
            "provider": self.key.provider,
            "sku": self.key.sku,
            "mode": self.key.mode,
            "region": self.key.region,
            "over_input_tokens": self.tier,
            "window": self.window,
            "meter": self.meter,
            "what": self.what,
            "from": None if self.start is None else self.start.isoformat(),
            "usd_a": None if np.isnan(self.usd_a) else self.usd_a,
            "usd_b": None if np.isnan(self.usd_b) else self.usd_b,
            "percent": None if np.isnan(self.percent) else self.percent,
            "row_a": None if self.row_a is None else self.row_a.where,
            "row_b": None if self.row_b is None else self.row_b.where,
            "source": row.source if row else "",
        }


Slot = tuple[Key, float, str]


def moved(first: PriceBook, second: PriceBook) -> list[Moved]:
    """Return every price that differs between two books, on the day from which it does.

    Args:
        first: Before.
        second: After.
    """
    ours, theirs = _slots(first), _slots(second)
    found = []
    for slot in dict.fromkeys((*ours, *theirs)):
        a, b = ours.get(slot, []), theirs.get(slot, [])
        if [(row.effective_from, row.effective_to, row_usd) for row, row_usd in a] == [
            (row.effective_from, row.effective_to, row_usd) for row, row_usd in b
        ]:
            continue
        found += _between(slot, a, b)
    return sorted(found, key=lambda one: (str(one.key), one.tier, one.start or date.min))


FACTS = ("released", "retires", "retires_kind", "replaced_by", "context_window", "encoding")


def moved_facts(first: PriceBook, second: PriceBook) -> list[dict[str, str]]:
    """Return what two books say differently of the models that both know.

    Returns:
        provider, model, column, a, b (as text, blank = not known), row (of the second).
    """
    ours, theirs = (
        {(row["provider"], row["model"]): row for row in book.catalog.models}
        for book in (first, second)
    )
    return [
        {
            "provider": key[0],
            "model": key[1],
            "column": column,
            "a": _text(ours[key][column]),
            "b": _text(row[column]),
            "row": f"{row['file']} line {row['line']}",
        }
        for key, row in theirs.items()
        if key in ours
        for column in FACTS
        if _text(ours[key][column]) != _text(row[column])
    ]


def _text(value: object) -> str:
    said = f"{value:.15g}" if isinstance(value, float) else str(value)
    return "" if said in ("None", "nan") else said


Priced = list[tuple[PriceRow, dict[str, float]]]


def _slots(book: PriceBook) -> dict[Slot, Priced]:
    """Return the rows of everything that has a price, the strongest last, with their prices."""
    slots: dict[Slot, Priced] = {}
    for k, row in enumerate(book.rows):
        known = np.flatnonzero(np.isfinite(book.usd[k]))
        prices = {METER_NAMES[meter]: float(book.usd[k, meter]) for meter in known}
        slots.setdefault((row.key, row.over_input_tokens, row.window), []).append((row, prices))
    return slots


def _between(slot: Slot, a: Priced, b: Priced) -> list[Moved]:
    """Return the days from which the prices of one thing differ."""
    days = {day for row, _ in (*a, *b) for day in (row.effective_from, row.effective_to) if day}
    found: list[Moved] = []
    last: dict[str, tuple[float, float]] = {}
    for day in (date.min, *sorted(days)):
        (row_a, prices_a), (row_b, prices_b) = _on(a, day), _on(b, day)
        for meter in dict.fromkeys((*prices_a, *prices_b)):
            pair = prices_a.get(meter, np.nan), prices_b.get(meter, np.nan)
            if pair[0] != pair[1] and not np.array_equal(last.get(meter, ()), pair, equal_nan=True):
                start = None if day == date.min else day
                found.append(Moved(*slot, meter, start, *pair, row_a, row_b))
            last[meter] = pair
    return found


def _on(rows: Priced, day: date) -> tuple[PriceRow | None, dict[str, float]]:
    holds = [
        (row, prices)
        for row, prices in rows
        if (row.effective_from or date.min) <= day < (row.effective_to or date.max)
    ]
    return holds[-1] if holds else (None, {})


def in_force(book: PriceBook, provider: str, model: str, on: date) -> list[dict[str, Any]]:
    """Return what the program charges for a model on a day, every mode, region, tier and meter.

    Args:
        book: The prices.
        provider: Who sells it.
        model: Model, by any of its names.
        on: The day.

    Returns:
        Records with table, mode, region, over_input_tokens, window, meter, unit, unit_price_usd,
        list_unit_price_usd (of the list row where a contract price is in force), file, row, source,
        verified_on, effective_from, effective_to, next_usd and next_from (announced), note.

    Raises:
        PriceError: If there is no such provider or model.
    """
    name = book.catalog.model(provider, model).name
    tuned = {tuning_sku(row) for row in book.catalog.offers_of(provider) if row["model"] == name}
    records = []
    place = {id(row): k for k, row in enumerate(book.rows)}
    for (key, tier, window), rows in _slots(book).items():
        mine = key.sku == name if key.table in ("inference", "provisioned") else key.sku in tuned
        if key.provider != provider or not mine:
            continue
        row, prices = _on(rows, on)
        if row is None:
            continue
        later = [(r, p) for r, p in rows if r.effective_from and r.effective_from > on]
        coming = min(later, key=lambda pair: str(pair[0].effective_from), default=None)
        for meter, usd in prices.items():
            cited, listed = book.cited(place[id(row)], meter)
            entry = book.rows[cited]
            records.append(
                {
                    "table": key.table,
                    "provider": provider,
                    "sku": key.sku,
                    "mode": key.mode,
                    "region": key.region,
                    "over_input_tokens": tier,
                    "window": window,
                    "meter": meter,
                    "unit": UNITS[meter],
                    "unit_price_usd": usd,
                    "list_unit_price_usd": None if listed is None else book.unit_usd(listed, meter),
                    "list_row": None if listed is None else book.rows[listed].where,
                    "file": entry.file,
                    "row": entry.line,
                    "source": entry.source,
                    "verified_on": entry.verified_on.isoformat(),
                    "effective_from": entry.effective_from and entry.effective_from.isoformat(),
                    "effective_to": entry.effective_to and entry.effective_to.isoformat(),
                    "next_usd": coming[1].get(meter) if coming else None,
                    "next_from": str(coming[0].effective_from) if coming else None,
                    "note": entry.note,
                }
            )
    # what most people ask for stands first
    return sorted(records, key=lambda one: (one["table"] != "inference", one["mode"] != "standard"))
