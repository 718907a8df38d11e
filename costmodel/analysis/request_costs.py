"""What one request costs on every hosted model, each counting tokens in its own way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from costmodel.costs.requests import priced
from costmodel.errors import PriceError
from costmodel.hosts.base import tokens_per
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import VENDORS, Model

NEW_DAYS = 366
# part of a chat or pair that the model writes
WRITTEN = ("assistant", "chosen", "completion", "output")
UNUSED = ("rejected",)


@dataclass(frozen=True)
class Mix:
    """Tokens of a request.

    Attributes:
        input_tokens: What is sent. [token]
        output_tokens: What comes back. [token]
        counted_with: Encoding of these counts.
        content: Kind of content, for models that count in another way.
        mode: standard | batch.
    """

    input_tokens: float
    output_tokens: float
    counted_with: str = "o200k_base"
    content: str = "english"
    mode: str = "standard"


def mix_of(by_role: Mapping[str, float], records: float) -> tuple[float, float]:
    """Return the mean prompt and answer of the examples of a file. [token]

    Args:
        by_role: Role or field -> tokens; the rejected answers of pairs are no part of a request.
        records: Examples in it.

    >>> mix_of({"system": 380, "user": 150, "assistant": 270}, 10)
    (53.0, 27.0)
    """
    written = sum(by_role.get(role, 0.0) for role in WRITTEN)
    sent = sum(n for role, n in by_role.items() if role not in (*WRITTEN, *UNUSED))
    return sent / max(records, 1), written / max(records, 1)


def on_sale(
    book: PriceBook,
    on: date,
    *,
    makers: bool = True,
    new_days: int | None = NEW_DAYS,
    find: str = "",
    mode: str = "standard",
) -> list[Model]:
    """Return the models that sell answers by the token and have not retired.

    Models that make pictures or speech, or write down speech, are found by their names only.

    Args:
        book: The prices.
        on: The day.
        makers: Whether only those who sell models of their own making are looked at.
        new_days: Age up to which models are returned; None = of any age, or of unknown age. [day]
        find: Words that provider and name hold, all of them; models of any age are found then.
        mode: standard | batch.
    """
    words = find.lower().split()
    keys = dict.fromkeys(
        (row.key.provider, row.key.sku)
        for row in book.rows
        if row.key.table == "inference" and row.key.mode == mode and not row.key.region
    )
    oldest = None if new_days is None or words else on - timedelta(new_days)
    found = []
    for provider, sku in keys:
        if makers and not words and provider not in VENDORS:
            continue
        if any(word not in f"{provider} {sku}".lower() for word in words):
            continue
        model = book.catalog.model(provider, sku)
        if model.kind and not words:
            continue
        gone = model.ends_for_certain and model.retires is not None and model.retires <= on
        young = oldest is None or (model.released is not None and model.released >= oldest)
        if not gone and young and not (model.released is not None and model.released > on):
            found.append(model)
    return found


def request_costs(
    mix: Mix, models: Sequence[Model], book: PriceBook, on: date
) -> list[dict[str, Any]]:
    """Price one request on each of several models, cheapest first.

    Models that do not sell answers by the token, or whose context window is too small, are left
    out.

    Args:
        mix: The request.
        models: The models.
        book: The prices.
        on: Day of the prices.

    Returns:
        Records with provider, model, released, usd (of a request), input_tokens, output_tokens (as
        the model counts), counted ("exact", or the ratio), input_usd_per_mtok,
        output_usd_per_mtok, context_window, file, row, source, verified_on.

    Raises:
        PriceError: If no model is left.
    """
    ratios, words = [], []
    for model in models:
        ratio, said = tokens_per(model, mix.counted_with, mix.content, book)
        ratios.append(ratio)
        unknown = "tokenizer not known"
        words.append("exact" if not said else f"x {ratio:.3g}" if model.encoding else unknown)
    scale = np.array(ratios, float)
    columns: dict[str, Any] = {
        "provider": np.array([model.provider for model in models], object),
        "model": np.array([model.name for model in models], object),
        "mode": mix.mode,
        "input_tokens": mix.input_tokens * scale,
        "output_tokens": mix.output_tokens * scale,
        "on": on,
    }
    rows = book.rows_for(columns, len(models), strict=False) if models else np.zeros(0, np.int64)
    prices = {
        meter: np.where(rows >= 0, book.unit_prices(np.maximum(rows, 0), meter), math.nan)
        for meter in ("input_mtok", "output_mtok")
    }
    windows = np.array([model.context_window for model in models], float)
    needed = (mix.input_tokens + mix.output_tokens) * scale
    ok = np.isfinite(prices["input_mtok"]) & (prices["output_mtok"] > 0) & ~(needed > windows)
    kept = np.flatnonzero(ok)
    if not kept.size:
        message = "no model on sale has prices for such a request; look for other models"
        raise PriceError(message)
    taken = {k: v[kept] if np.ndim(v) else v for k, v in columns.items()}
    usd = priced(taken, kept.size, book, row=rows[kept]).usd
    found = []
    for k, cost in zip(kept.tolist(), usd.tolist(), strict=True):
        model, row = models[k], book.rows[int(rows[k])]
        found.append(
            {
                "provider": model.provider,
                "model": model.name,
                "released": None if model.released is None else model.released.isoformat(),
                "usd": cost,
                "input_tokens": float(columns["input_tokens"][k]),
                "output_tokens": float(columns["output_tokens"][k]),
                "counted": words[k],
                "input_usd_per_mtok": float(prices["input_mtok"][k]),
                "output_usd_per_mtok": float(prices["output_mtok"][k]),
                "context_window": None if math.isnan(windows[k]) else float(windows[k]),
                "file": row.file,
                "row": row.line,
                "source": row.source,
                "verified_on": row.verified_on.isoformat(),
            }
        )
    return sorted(found, key=lambda record: (record["usd"], record["provider"], record["model"]))


def unbeaten(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the models than which none is both newer and cheaper, oldest first.

    Args:
        records: Of `request_costs`; those without a date of release are left out.
    """
    found: list[Mapping[str, Any]] = []
    dated = [record for record in records if record["released"] is not None]
    for record in sorted(
        dated, key=lambda r: (r["usd"], -date.fromisoformat(r["released"]).toordinal())
    ):
        if not found or record["released"] > found[-1]["released"]:
            found.append(record)
    return found
