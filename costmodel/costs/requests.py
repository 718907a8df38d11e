"""Cost of requests to hosted models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from costmodel.bill import extend
from costmodel.costs.inputs import (
    Answer,
    Day,
    Numbers,
    Words,
    amounts,
    answer,
    broadcast,
    shipped_book,
    today,
)
from costmodel.errors import PriceError
from costmodel.months import Array, as_date
from costmodel.prices.book import PriceBook, in_row
from costmodel.prices.meters import AS_INPUT, TOKEN_COUNTS
from costmodel.quantities.volumes import request_mtok


@dataclass(frozen=True, eq=False)
class Priced:
    """Requests priced by meter: what `inference_cost` adds up.

    Attributes:
        book: The prices.
        row: Price row of each request. Shape (n,)
        mtok: Tokens by meter. [Mtok], shape (n,)
        unit_usd: Unit prices by meter. [US$/Mtok], shape (n,)
        assumptions: What had to be assumed.
    """

    book: PriceBook = field(repr=False)
    row: Any
    mtok: dict[str, Array]
    unit_usd: dict[str, Array]
    assumptions: tuple[str, ...]

    @property
    def usd(self) -> Array:
        """Cost of each request. [US$], shape (n,)"""
        return np.asarray(sum(extend(self.mtok[m], self.unit_usd[m]) for m in self.mtok), float)


def priced(columns: Mapping[str, Any], count: int, book: PriceBook, *, row: Any = None) -> Priced:
    """Price requests: the tier is chosen by all input of a request, each meter has its price.

    Args:
        columns: As `PriceBook.rows_for` takes them, plus the token counts of `inference_cost`.
        count: Number of records.
        book: The prices.
        row: Price rows, if they have been selected already.

    Raises:
        PriceError: If tokens are negative or do not add up, or something has no price.
    """
    names = ("input_tokens", *TOKEN_COUNTS, "requests")
    given = {n: amounts(n, columns[n]) for n in names if n in columns}
    for name, values in given.items():
        if not np.all(values >= 0):
            first = int(np.flatnonzero(~(values >= 0))[0])
            message = f"{in_row(first, count)}{name} must be >= 0, got {values[first]:g}"
            raise PriceError(message)
    row = book.rows_for(columns, count) if row is None else row
    total = given["input_tokens"]
    fresh = total
    for name in ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"):
        if name in given:
            fresh = fresh - given[name]
    if np.any(fresh < 0):
        first = int(np.flatnonzero(fresh < 0)[0])
        message = (
            f"{in_row(first, count)}cached and written tokens exceed input_tokens "
            f"{total[first]:g}, which is all input of a request"
        )
        raise PriceError(message)
    requests = given.get("requests", np.ones(1))
    tokens = {"input_mtok": fresh} | {m: given[n] for n, m in TOKEN_COUNTS.items() if n in given}
    plain = book.unit_prices(row, "input_mtok")
    said: list[str] = []
    unit_usd: dict[str, Array] = {}
    for meter, amount in tokens.items():
        usd = plain if meter == "input_mtok" else book.unit_prices(row, meter)
        missing = np.isnan(usd) & (amount > 0)
        if missing.any():
            first = int(np.flatnonzero(missing)[0])
            entry = book.rows[int(row[first])]
            if meter not in AS_INPUT:
                message = (
                    f"{in_row(first, count)}{entry.where}: {entry.key} has no price for {meter}"
                )
                raise PriceError(message)
            for k in np.unique(row[missing]):
                entry = book.rows[int(k)]
                said.append(
                    f"{entry.key}: no price for {meter} is published; billed as plain input"
                )
            usd = np.where(np.isnan(usd), plain, usd)
        unit_usd[meter] = np.where(np.isnan(usd), 0.0, usd)
    mtok = {meter: request_mtok(requests, amount) for meter, amount in tokens.items()}
    return Priced(book, row, mtok, unit_usd, tuple(said))


def inference_cost(
    provider: Words,
    model: Words,
    *,
    input_tokens: Numbers,
    output_tokens: Numbers,
    cached_input_tokens: Numbers = 0,
    cache_write_tokens: Numbers = 0,
    cache_write_1h_tokens: Numbers = 0,
    requests: Numbers = 1,
    mode: Words = "standard",
    region: Words | None = None,
    on: Day | None = None,
    book: PriceBook | None = None,
) -> Answer:
    """Return what requests to a hosted model cost.

    All arguments broadcast; names and days may be arrays or Series too.

    Args:
        provider: Provider, e.g. "openai".
        model: Model, by any of its names.
        input_tokens: ALL input of one request, cached and written tokens included. [token]
        output_tokens: What the model writes, thinking included. [token]
        cached_input_tokens: Input read from the prompt cache. [token]
        cache_write_tokens: Input written to the prompt cache. [token]
        cache_write_1h_tokens: Input written to the one-hour prompt cache. [token]
        requests: Requests of this kind. [1]
        mode: standard | batch | flex | priority | ...
        region: As in the tables; None = the default one.
        on: Day of the prices, or UTC time stamp; None = today.
        book: The prices; None = the shipped tables with your own laid over them, read once.

    Returns:
        Cost. [US$], a float, an array or a Series like the inputs

    Raises:
        PriceError: If a name is unknown, a token count impossible or a price missing.

    >>> round(inference_cost("openai", "gpt-6-luna", input_tokens=1_000, output_tokens=200,
    ...                      requests=10_000, on="2026-12-01"), 6)
    2.0
    """
    return price(
        provider,
        model,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached_input_tokens,
        cache_write_tokens=cache_write_tokens,
        cache_write_1h_tokens=cache_write_1h_tokens,
        requests=requests,
        mode=mode,
        region=region,
        on=on,
        book=book,
    )[0]


def price(
    provider: Words,
    model: Words,
    *,
    on: Day | None = None,
    book: PriceBook | None = None,
    **inputs: Any,
) -> tuple[Answer, Priced]:
    """Return what `inference_cost` returns, and the quantities and unit prices behind it.

    It takes all arguments of `inference_cost`.

    Raises:
        PriceError: As `inference_cost`.
    """
    book = shipped_book() if book is None else book
    on = today() if on is None else on
    if isinstance(on, str):
        on = as_date(on, "on")
    for name in TOKEN_COUNTS:
        if np.isscalar(inputs[name]) and inputs[name] == 0 and name != "output_tokens":
            inputs[name] = None
    columns, shape, index = broadcast(provider=provider, model=model, on=on, **inputs)
    count = math.prod(shape)
    found = priced(columns, count, book)
    size = np.broadcast_to(np.asarray(columns["input_tokens"], float), (count,))
    window = book.windows(found.row)
    if np.any(size > window):
        first = int(np.flatnonzero(size > window)[0])
        entry = book.rows[int(found.row[first])]
        message = (
            f"{in_row(first, count)}a prompt of {size[first]:,.0f} tokens does not fit the "
            f"context window of {entry.key}, {window[first]:,.0f} tokens"
        )
        raise PriceError(message)
    return answer(np.broadcast_to(found.usd, (count,)), shape, index), found
