"""Azure: cost details of an enterprise agreement or a customer agreement, actual or amortised.

Quantities are counted in the unit of measure (1K, 1M, 1 Hour); the meter names model, deployment
and type of token.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from costmodel.quantities.volumes import TOKENS_PER_MTOK
from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    TYPES,
    Columns,
    Layout,
    block_of,
    by_type,
    column_of,
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

# column -> its spellings in exports of the two agreements and their versions, capitals apart
NAMES: dict[str, tuple[str, ...]] = {
    "currency": ("BillingCurrency", "BillingCurrencyCode"),
    "usd": ("CostInUsd",),
    "project": ("ResourceGroup", "ResourceGroupName"),
    "tags": ("Tags",),
    "resource": ("ResourceId",),
}
KIND = {
    "usage": "usage",
    "purchase": "purchase",
    "unusedreservation": "usage",
    "unusedsavingsplan": "usage",
    "refund": "credit",
    "adjustment": "correction",
    "roundingadjustment": "correction",
    "tax": "tax",
}
# categories of meters that are models
AI = (
    *("cognitive services", "azure openai", "azure openai service", "azure ai services"),
    *("foundry models", "foundry tools", "ai foundry"),
)
TOKENS_OF = re.compile(r"\btokens?\b|\b(inp|outp|cchd|cached)\b", re.IGNORECASE)
MODELS = re.compile(
    r"^(?P<model>.+?)[ -]+(?:ft[ -]|batch|cached|cchd|inp|input|outp|output|training|hosting|"
    r"pp |global|glbl|gl\b|regional|regnl|data zone|data zn|dz|provisioned)",
    re.IGNORECASE,
)
WHERE = (
    (r"data ?z(one|n)|\bdzn?e?\b|dz(one)?\b", "data-zone"),
    (r"regional|regnl|\bregn?\b", "regional"),
    (r"global|glbl|\bgl\b", ""),
)


def model_of(meter: str) -> str:
    """Return the model that a meter of Azure OpenAI names.

    >>> [model_of(x) for x in ("gpt-4.1-mini cached Inp glbl Tokens", "gpt 4o 0806 Batch Outp")]
    ['gpt-4.1-mini', 'gpt-4o']
    """
    found = MODELS.match(meter.strip())
    if not found:
        return ""
    name = re.sub(r"[ _]+", "-", found["model"].strip().lower())
    name = re.sub(r"-(r?ft|dpo)$", "", name)
    # the month and day of a version
    name = re.sub(r"-\d{4}$", "", name)
    return f"gpt-{name}" if re.fullmatch(r"\d(\.\d)?(-[a-z]+)*", name) else name


def region_of(meter: str) -> str:
    """Return where a meter processes, blank for anywhere."""
    return next((word for said, word in WHERE if re.search(said, meter, re.IGNORECASE)), "")


def mode_of(meter: str) -> str:
    """Return the mode that a meter bills."""
    return "batch" if "batch" in meter.lower() else "standard"


def rows(batch: pd.DataFrame, cost: str) -> Columns:
    """Read charges; those of models with their tokens."""
    has = {word: column_of(batch, *names) for word, names in NAMES.items()}
    day, minute = cells.moments(batch["Date"], "Date", "month first")
    made: Columns = {"day": day, "minute": minute}
    made |= taken(batch, project=has["project"])
    if has["tags"]:
        made["tags"] = tagged(batch[has["tags"]])
        made["team"] = tag(batch[has["tags"]], "team", "costcenter", "cost-center", "department")
    meter = cells.words(batch["MeterName"])
    category = np.asarray(cells.words(batch["MeterCategory"]), object)
    ai = told(lambda word: word.lower() in AI, category)
    kind = texts(lambda word: KIND.get(word.lower(), "charge"), batch["ChargeType"])
    quantity = cells.numbers(batch["Quantity"], "Quantity")
    kind = refunded(kind, quantity)
    words = texts(lambda w: type_of(w) if TOKENS_OF.search(w) else "", meter)
    words = np.where(ai & (kind == "usage"), words, "")
    block = levels(lambda word: str(block_of(word)), batch["UnitOfMeasure"])
    factor = np.asarray(block.categories, float)[block.codes]
    is_tokens = words != ""
    amounts = times(np.where(is_tokens, quantity, 0.0), factor, "Quantity")
    made |= by_type(words, amounts, TYPES) | _money(batch, cost, has)
    made["model"] = np.where(ai, texts(model_of, meter), "")
    made["region"] = np.where(ai, texts(region_of, meter), "")
    made["mode"] = np.where(is_tokens, texts(mode_of, meter), "standard")
    other = np.where(ai, texts(_tuned, meter), category)
    made["meter"] = np.where(is_tokens, "tokens", np.where(other == "", "money", other))
    train = made["meter"] == "train_mtok"
    quantity = np.where(train, quantity * factor / TOKENS_PER_MTOK, quantity)
    made["quantity"] = np.where(is_tokens, np.nan, quantity)
    # what is no model is money that the ledger keeps, and no use that it could price
    made["kind"] = np.where((kind == "usage") & ~ai, "charge", kind)
    made["scope"] = [meter, batch["UnitOfMeasure"]]
    if has["resource"]:
        made["scope"].append(batch[has["resource"]])
    made["provider"] = np.where(ai, "azure", "azure (other services)")
    return made


def _tuned(meter: str) -> str:
    """Return what a meter of tuning counts, else its own name.

    >>> [_tuned(x) for x in ("gpt-4.1 FT Training regional Tokens", "o4-mini RFT Training Unit",
    ...     "gpt-4.1-ft hosting global Unit", "Code-Interpreter glbl 1 session")]
    ['train_mtok', 'train_hour', 'hosting_hour', 'Code-Interpreter glbl 1 session']
    """
    word = meter.lower()
    if "hosting" in word:
        return "hosting_hour"
    if "training" in word:
        return "train_mtok" if "token" in word else "train_hour"
    return meter


def _money(batch: pd.DataFrame, cost: str, has: dict[str, str]) -> Columns:
    """Return the money of the bill, in dollars where the bill itself states them."""
    money = paid(batch, cost, "billed", has["currency"])
    if has["usd"]:
        usd = paid(batch, has["usd"], "billed")
        known = (money["currency"] != "USD") & (usd["money"] != "") & (money["money"] != "")
        for name in ("amount", "currency"):
            money[name] = np.where(known, usd[name], money[name])
    return money


COSTS = {"azure cost (EA)": "Cost", "azure cost (MCA or EA)": "CostInBillingCurrency"}
LAYOUTS = tuple(
    Layout(
        name,
        frozenset(
            ("Date", cost, "MeterName", "MeterCategory", "Quantity", "UnitOfMeasure", "ChargeType")
        ),
        partial(rows, cost=cost),
        frozenset(name for names in NAMES.values() for name in names),
        # both exports have the same columns; Azure names the file or its folder
        amortised="amorti[sz]ed(?!.*actual)",
    )
    for name, cost in COSTS.items()
)
