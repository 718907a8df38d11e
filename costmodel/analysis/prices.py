"""Prices as tables: how those of a model moved, and what a GPU rents for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from costmodel.errors import PriceError
from costmodel.plans.rental import offers
from costmodel.prices.book import PriceBook
from costmodel.prices.meters import TOKEN_COLUMNS
from costmodel.prices.rows import Key

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
