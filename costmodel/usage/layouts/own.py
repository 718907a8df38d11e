"""Our own layout: one row for each request, or for each model and day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import nearest
from costmodel.usage import cells
from costmodel.usage.cells import BadCellError
from costmodel.usage.layouts.base import (
    Columns,
    Layout,
    levels,
    mode_of,
    paid,
    requests_of,
    tagged,
    taken,
)
from costmodel.usage.ledger import KINDS, MONEY, TOKENS

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("provider", "model", "region", "project", "team", "user")


def _one_of(values: Any, column: str, known: tuple[str, ...], default: str) -> Any:
    words = cells.words(values)
    found = [str(word) or default for word in words.categories]
    wrong = [word not in known for word in found]
    bad = np.array(wrong, bool)[words.codes]
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        word = found[int(words.codes[at])]
        message = f"{column} must be one of {', '.join(known)}, got {word!r}{nearest(word, known)}"
        raise BadCellError(at, message)
    return levels(lambda word: word or default, words)


def rows(batch: pd.DataFrame) -> Columns:
    """Read our own layout; a row with a time of day and no `requests` is one request."""
    day, minute = cells.moments(batch["date"], "date")
    made: Columns = {"day": day, "minute": minute} | taken(batch, **{name: name for name in WORDS})
    # with a time of day a row is a request, not a sum that another export may contradict
    made["single"] = minute >= 0
    if "request_id" in batch:
        made["single"] &= np.asarray(batch["request_id"].isna() | (batch["request_id"] == ""))
    made["scope"] = [batch.get("request_id", ""), _seconds(batch["date"], made["single"])]
    if "tags" in batch:
        made["tags"] = tagged(batch["tags"])
    if "mode" in batch:
        made["mode"] = levels(mode_of, batch["mode"])
    made |= _amounts(batch, minute)
    if "kind" in batch:
        made["kind"] = _one_of(batch["kind"], "kind", KINDS, "usage")
    if "cost" in batch:
        made |= paid(batch, "cost", "billed", "currency")
        if "money" in batch:
            said = np.asarray(_one_of(batch["money"], "money", MONEY, "billed"), object)
            made["money"] = np.where(made["money"] == "", "", said)
        _money_alone(made, len(batch))
    return made


def _seconds(dates: Any, single: Any) -> Any:
    """Return what tells requests without an id apart within a minute, blank for all else."""
    if single.all():
        return dates
    return np.where(single, np.asarray(cells.words(dates), object), "") if single.any() else ""


def _amounts(batch: pd.DataFrame, minute: Any) -> Columns:
    made: Columns = {name: cells.counts(batch[name], name) for name in TOKENS if name in batch}
    if "requests" in batch:
        made["requests"] = requests_of(batch, "requests")
    else:
        made["requests"] = 1.0 if (minute >= 0).all() else np.where(minute >= 0, 1.0, np.nan)
    if "meter" in batch:
        made["meter"] = levels(lambda word: word or "tokens", batch["meter"])
    if "quantity" in batch:
        made["quantity"] = cells.numbers(batch["quantity"], "quantity")
    return made


def _money_alone(made: Columns, count: int) -> None:
    """Mark rows that hold nothing but money."""
    used = np.zeros(count, np.int64)
    for name in TOKENS:
        used = used + made.get(name, 0)
    meter = np.asarray(made.get("meter", np.full(count, "tokens")), object)
    alone = (used == 0) & (meter == "tokens") & (made["money"] != "")
    if alone.any():
        made["meter"] = np.where(alone, "money", meter)
        kind = np.asarray(made.get("kind", np.full(count, "usage")), object)
        made["kind"] = np.where(alone & (kind == "usage"), "charge", kind)


LAYOUTS = (
    Layout(
        "costmodel",
        frozenset({"date", "provider", "model"}),
        rows,
        frozenset(
            (
                *(*WORDS, *TOKENS, "tags", "mode", "requests", "meter", "quantity", "kind"),
                *("cost", "currency", "money", "request_id"),
            )
        ),
    ),
)
