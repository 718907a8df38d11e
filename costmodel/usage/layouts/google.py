"""Google Cloud: the billing export of BigQuery, and the cost report of the console.

Models and types of token stand in the description of the SKU. Credits are rows of their own.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    TYPES,
    Columns,
    Layout,
    Rows,
    by_type,
    levels,
    paid,
    refunded,
    tag,
    tagged,
    taken,
    texts,
    times,
    told,
    type_of,
)

if TYPE_CHECKING:
    import pandas as pd

WORDS = {
    "day": "usage_start_time",
    "service": "service.description",
    "sku": "sku.description",
    "sku_id": "sku.id",
    "quantity": "usage.amount",
    "unit": "usage.unit",
    "money": "cost",
    "currency": "currency",
    "rate": "currency_conversion_rate",
    "project": "project.id",
    "region": "location.region",
    "labels": "labels",
    "credits": "credits",
    "type": "cost_type",
    "resource": "resource.name",
}
REPORT = {
    "day": "Date",
    "service": "Service description",
    "sku": "SKU description",
    "sku_id": "SKU ID",
    "quantity": "Usage amount",
    "unit": "Usage unit",
    "money": "Unrounded subtotal ($)",
    "project": "Project ID",
}
SERVICES = {
    "gemini api": "google",
    "generative language api": "google",
    "vertex ai": "vertex",
    "vertex ai api": "vertex",
    "cloud ai platform": "vertex",
}
KIND = {
    "regular": "usage",
    "tax": "tax",
    "adjustment": "correction",
    "rounding_error": "correction",
}
GEMINI = re.compile(
    r"gemini[ -](?P<number>\d+(?:\.\d+)?)[ -](?P<size>pro|flash)"
    r"(?P<lite>[ -]lite)?(?P<kind>[ -]image|[ -]native image|[ -]live)?(?P<preview>[ -]preview)?",
    re.IGNORECASE,
)
CLAUDE = re.compile(r"claude[ -](?:\d[\d. -]*)?(?:opus|sonnet|haiku)[ -]?\d?[\d.]*", re.IGNORECASE)
LONG = re.compile(r"\blong\b", re.IGNORECASE)
LONG_TOKENS = 200_001  # stands for a prompt beyond the threshold of 200,000
TEXT_ONLY = re.compile(r"image|audio|video|storage|grounding|search", re.IGNORECASE)


def model_of(sku: str) -> str:
    """Return the model of a SKU, blank if it names none.

    >>> [model_of(x) for x in ("Gemini 2.5 Flash GA Text Input - Predictions",
    ...     "Generate content output token count gemini 2.5 flash lite short")]
    ['gemini-2.5-flash', 'gemini-2.5-flash-lite']
    """
    found = GEMINI.search(sku)
    if found:
        parts = ("gemini", found["number"], found["size"], "lite" if found["lite"] else "")
        return "-".join(filter(None, parts)).lower()
    found = CLAUDE.search(sku)
    return re.sub(r"[ .]+", "-", found[0].strip().lower()) if found else ""


def type_of_sku(sku: str) -> str:
    """Return the type of tokens that a SKU counts, blank if it counts something else.

    >>> [type_of_sku(x) for x in ("Gemini 3 Flash Text Input Caching",
    ...     "Gemini 3 Flash Text Input Caching Storage", "Gemini 3 Flash Text Output")]
    ['cached', '', 'output']
    """
    # prices of pictures and sound differ from those of text
    return "" if TEXT_ONLY.search(sku) else type_of(sku)


def mode_of(sku: str) -> str:
    """Return the mode that a SKU bills."""
    word = sku.lower()
    return next((mode for mode in ("batch", "flex", "priority") if mode in word), "standard")


def rows(batch: pd.DataFrame, names: dict[str, str]) -> Rows:
    """Read charges, those of models with their tokens, and credits behind them."""
    day, _ = cells.moments(batch[names["day"]], names["day"])
    made: Columns = {"day": day}
    made |= taken(batch, project=names["project"])
    if "labels" in names and names["labels"] in batch:
        made["tags"] = tagged(batch[names["labels"]])
        made["team"] = tag(batch[names["labels"]], "team", "department", "cost-center")
    sku = cells.words(batch[names["sku"]])
    service = texts(lambda w: SERVICES.get(w.lower(), ""), batch[names["service"]])
    ai = service != ""
    kind = np.full(len(batch), "usage", object)
    if names.get("type", "") in batch:
        kind = texts(lambda w: KIND.get(w, "usage"), batch[names["type"]])
    given = levels(lambda w: w.replace(",", ""), batch[names["quantity"]])
    amount = cells.numbers(given, names["quantity"])
    kind = refunded(kind, amount)
    types = np.where(ai & (kind == "usage"), texts(type_of_sku, sku), "")
    is_tokens = types != ""
    counted = times(np.where(is_tokens, amount, 0.0), 1.0, names["quantity"])
    made |= by_type(types, counted, TYPES)
    made["request_tokens"] = np.where(is_tokens & told(LONG.search, sku), LONG_TOKENS, 0)
    made["provider"] = np.where(ai, service, "google (other services)")
    made["model"] = np.where(ai, texts(model_of, sku), "")
    made["mode"] = np.where(is_tokens, texts(mode_of, sku), "standard")
    other = np.where(np.asarray(sku, object) == "", "money", np.asarray(sku, object))
    made["meter"] = np.where(is_tokens, "tokens", other)
    made["quantity"] = np.where(is_tokens, np.nan, amount)
    made["kind"] = np.where((kind == "usage") & ~ai, "charge", kind)
    made["scope"] = [batch[names[w]] for w in ("sku_id", "resource") if names.get(w, "") in batch]
    money = _money(batch, names)
    found = [(None, made | money)]
    if names.get("credits", "") in batch:
        found += _credits(batch, names, made, money)
    return found


def _money(batch: pd.DataFrame, names: dict[str, str]) -> Columns:
    money = paid(batch, names["money"], "billed", names.get("currency", ""))
    if names.get("rate", "") in batch:
        # the rate of the invoice itself: units of the currency for a dollar
        rate = cells.numbers(batch[names["rate"]], names["rate"])
        foreign = ~np.isin(money["currency"], ("", "USD")) & (rate > 0)
        usd = np.rint(money["amount"] / np.where(foreign, rate, 1.0)).astype(np.int64)
        money["amount"] = np.where(foreign, usd, money["amount"])
        money["currency"] = np.where(foreign, "USD", money["currency"])
    return money


def _credits(batch: pd.DataFrame, names: dict[str, str], made: Columns, money: Columns) -> Rows:
    """Return the credits of each charge as rows."""

    def amount(word: str) -> str:
        try:
            read = json.loads(word or "[]")
            read = read if isinstance(read, list) else [read]
            found = [x.get("amount") if isinstance(x, dict) else x for x in read]
            return str(sum(float(x or 0) for x in found)) if found else ""
        except (ValueError, TypeError, RecursionError):
            return word  # is refused as no number

    given = levels(amount, batch[names["credits"]])
    frame = batch.assign(credits=given)
    credit = _money(frame, names | {"money": "credits"})
    at = np.flatnonzero((credit["money"] != "") & (credit["amount"] != 0))
    if not at.size:
        return []
    none = {name: np.zeros(len(batch), np.int64) for name in made if name.endswith("_tokens")}
    alone: Columns = {"meter": "money", "kind": "credit", "quantity": np.nan}
    return [(at, made | none | money | credit | alone)]


NEEDED = ("day", "sku", "money", "quantity", "service")
LAYOUTS = (
    Layout(
        "google billing export",
        frozenset(WORDS[word] for word in NEEDED),
        partial(rows, names=WORDS),
        frozenset(WORDS.values()),
    ),
    Layout(
        "google billing export (flat)",
        frozenset(WORDS[word].replace(".", "_") for word in NEEDED),
        partial(rows, names={word: name.replace(".", "_") for word, name in WORDS.items()}),
        frozenset(name.replace(".", "_") for name in WORDS.values()),
    ),
    Layout(
        "google cost report",
        frozenset(REPORT[word] for word in NEEDED),
        partial(rows, names=REPORT),
        frozenset(REPORT.values()),
    ),
)
