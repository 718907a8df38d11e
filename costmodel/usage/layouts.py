"""What an export looks like, and how its columns become columns of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.usage import cells
from costmodel.usage.cells import BadCellError
from costmodel.usage.ledger import KINDS, MONEY

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Layout:
    """A kind of export.

    Attributes:
        name: What it is called in messages.
        needs: Columns by which it is told from others.
        rows: Function of a batch of its records -> columns of the ledger, all as long as the batch.
        knows: Columns that it may have and the ledger takes.
        private: Columns of private text, dropped while reading.
    """

    name: str
    needs: frozenset[str]
    rows: Callable[[pd.DataFrame], Mapping[str, Any]] = field(repr=False)
    knows: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()


def taken(batch: pd.DataFrame, **columns: str) -> dict[str, Any]:
    """Return text columns of a batch under names of the ledger, those that it has."""
    return {name: cells.text(batch[of]) for name, of in columns.items() if of in batch}


OWN_TOKENS = {
    "input_tokens": "input_tokens",
    "cached_input_tokens": "cached_input_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_tokens": "output_tokens",
}
OWN_WORDS = ("model", "region", "project", "team", "user", "tags")


def _one_of(values: Any, column: str, known: tuple[str, ...], default: str) -> Any:
    found = np.where(values == "", default, values)
    bad = ~np.isin(found, known)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        message = f"{column} must be one of {', '.join(known)}, got {found[at]!r}"
        raise BadCellError(at, message)
    return found


def own(batch: pd.DataFrame) -> dict[str, Any]:
    """Read our own minimal layout: `date`, `provider`, and what there is of the other columns."""
    day, minute = cells.moments(batch["date"], "date")
    made = {"day": day, "minute": minute} | taken(
        batch, provider="provider", **{name: name for name in OWN_WORDS}
    )
    if "mode" in batch:
        mode = cells.text(batch["mode"])
        made["mode"] = np.where(mode == "", "standard", mode)
    for name in OWN_TOKENS:
        if name in batch:
            made[name] = cells.counts(batch[name], name)
    if "requests" in batch:
        made["requests"] = cells.numbers(batch["requests"], "requests")
    if "meter" in batch:
        meter = cells.text(batch["meter"])
        made["meter"] = np.where(meter == "", "tokens", meter)
    if "quantity" in batch:
        made["quantity"] = cells.numbers(batch["quantity"], "quantity")
    if "kind" in batch:
        made["kind"] = _one_of(cells.text(batch["kind"]), "kind", KINDS, "usage")
    if "cost" in batch:
        amount, stated = cells.pico(batch["cost"], "cost")
        currency = cells.text(batch["currency"]) if "currency" in batch else np.full(len(batch), "")
        said = cells.text(batch["money"]) if "money" in batch else np.full(len(batch), "")
        made["amount"] = amount
        made["money"] = np.where(stated, _one_of(said, "money", MONEY, "billed"), "")
        made["currency"] = np.where(stated, np.where(currency == "", "USD", currency), "")
        # nothing but money
        tokens = np.zeros(len(batch), np.int64)
        for name in OWN_TOKENS:
            tokens = tokens + made.get(name, 0)
        meter = np.asarray(made.get("meter", np.full(len(batch), "tokens")))
        made["meter"] = np.where((tokens == 0) & (meter == "tokens"), "money", meter)
    return made


LAYOUTS = (
    Layout(
        "costmodel",
        frozenset({"date", "provider"}),
        own,
        frozenset(
            {*OWN_WORDS, *OWN_TOKENS, "mode", "requests", "meter", "quantity", "kind", "cost"}
            | {"currency", "money"}
        ),
    ),
)
