"""Rows of a usage log that can be priced otherwise: other names, modes, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.usage.ledger import TOKENS
from costmodel.usage.pricing import Priced, price_columns, token_amounts, token_pico

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Calls:
    """Rows of a log that can be priced otherwise.

    Attributes:
        columns: As the book selects prices by: provider, model, mode, region, on, input_tokens.
        tokens: Columns of the ledger that count tokens. [token], shape (n,)
        requests: Requests of each row, nan where not known. [1], shape (n,)
        pico: What rows cost at list prices. [10^-12 US$], shape (n,)
        row: Their price rows. shape (n,)
        book: The prices.
    """

    columns: Mapping[str, Any] = field(repr=False)
    tokens: Mapping[str, Ints] = field(repr=False)
    requests: Array = field(repr=False)
    pico: Ints = field(repr=False)
    row: Ints = field(repr=False)
    book: PriceBook = field(repr=False)

    @property
    def count(self) -> int:
        """Rows."""
        return self.pico.size

    def cost(self, tokens: Mapping[str, Any] | None = None, **columns: Any) -> tuple[Ints, Mask]:
        """Return what rows would cost otherwise, and which of them have a price.

        Args:
            tokens: Columns of tokens in place of those of the log. [token], shape (n,)
            columns: Columns in place of those of the log.
        """
        rows = self.row
        if columns:
            rows = self.book.rows_for({**self.columns, **columns}, self.count, strict=False)
        unit = token_pico(self.book, rows)
        cost, known = np.zeros(self.count, np.int64), rows >= 0
        for meter, amount in token_amounts(tokens or self.tokens).items():
            pico, priced = unit[meter]
            cost += amount * pico
            known &= priced | (amount == 0)
        return np.where(known, cost, 0), known

    def models(self) -> dict[tuple[str, str], Mask]:
        """Return the rows of each model, by provider and name in the tables."""
        found: dict[tuple[str, str], list[int]] = {}
        for k in np.unique(self.row).tolist():
            key = self.book.rows[k].key
            found.setdefault((key.provider, key.sku), []).append(k)
        return {pair: np.isin(self.row, rows) for pair, rows in found.items()}

    def sample(self, most: int) -> Calls:
        """Return some of the rows, evenly spread over the log."""
        at = np.linspace(0, self.count - 1, min(most, self.count)).astype(np.int64)
        columns = {
            name: values.iloc[at] if hasattr(values, "iloc") else values[at]
            for name, values in self.columns.items()
        }
        tokens = {name: values[at] for name, values in self.tokens.items()}
        return Calls(columns, tokens, self.requests[at], self.pico[at], self.row[at], self.book)


def calls_of(priced: Priced) -> Calls:
    """Return the rows of a ledger that have a list price.

    Raises:
        DataError: If there is none.
    """
    frame = priced.frame
    mine = np.asarray(frame["meter"] == "tokens") & (frame["price_row"].to_numpy() >= 0)
    mine &= np.asarray(frame["kind"] == "usage")
    if not mine.any():
        why = priced.unpriced["why"]
        said = f": {why.iloc[0]}" if len(why) else ""
        message = f"the usage has no row of tokens with a list price{said}"
        raise DataError(message)
    part = frame.loc[mine]
    return Calls(
        columns=price_columns(part),
        tokens={name: part[name].to_numpy() for name in TOKENS},
        requests=part["requests"].to_numpy(),
        pico=part["list_pico"].to_numpy(),
        row=part["price_row"].to_numpy(),
        book=priced.book,
    )
