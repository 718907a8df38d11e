"""Azure: cost details of an enterprise agreement or a customer agreement, actual or amortised.

Quantities are counted in the unit of measure (1K, 1M, 1 Hour); the meter names model, deployment
and type of token.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    TYPES,
    Columns,
    Layout,
    block_of,
    by_type,
    levels,
    paid,
    refunded,
    tag,
    tagged,
    taken,
    times,
    type_of,
)

if TYPE_CHECKING:
    import pandas as pd

# enterprise agreement, customer agreement (camel case in newer exports)
NAMES: dict[str, dict[str, str]] = {
    "azure cost (EA)": {
        "day": "Date",
        "money": "Cost",
        "currency": "BillingCurrency",
        "meter": "MeterName",
        "category": "MeterCategory",
        "sub": "MeterSubCategory",
        "quantity": "Quantity",
        "unit": "UnitOfMeasure",
        "type": "ChargeType",
        "project": "ResourceGroup",
        "tags": "Tags",
        "benefit": "PricingModel",
        "resource": "ResourceId",
    },
    "azure cost (MCA)": {
        "day": "date",
        "money": "costInBillingCurrency",
        "currency": "billingCurrency",
        "meter": "meterName",
        "category": "meterCategory",
        "sub": "meterSubCategory",
        "quantity": "quantity",
        "unit": "unitOfMeasure",
        "type": "chargeType",
        "project": "resourceGroupName",
        "tags": "tags",
        "benefit": "pricingModel",
        "resource": "ResourceId",
    },
    "azure cost (EA, billing currency)": {
        "day": "Date",
        "money": "CostInBillingCurrency",
        "currency": "BillingCurrencyCode",
        "meter": "MeterName",
        "category": "MeterCategory",
        "sub": "MeterSubCategory",
        "quantity": "Quantity",
        "unit": "UnitOfMeasure",
        "type": "ChargeType",
        "project": "ResourceGroup",
        "tags": "Tags",
        "benefit": "PricingModel",
        "resource": "ResourceId",
    },
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
    name = re.sub(r"-ft$", "", name)
    # the month and day of a version
    name = re.sub(r"-\d{4}$", "", name)
    return f"gpt-{name}" if re.fullmatch(r"\d(\.\d)?(-[a-z]+)*", name) else name


def _region(meter: str) -> str:
    return next((word for said, word in WHERE if re.search(said, meter, re.IGNORECASE)), "")


def rows(batch: pd.DataFrame, names: dict[str, str]) -> Columns:
    """Read charges; those of models with their tokens."""
    day, minute = cells.moments(batch[names["day"]], names["day"], "month first")
    made: Columns = {"day": day, "minute": minute, "provider": "azure"}
    made |= taken(batch, project=names["project"])
    if names["tags"] in batch:
        made["tags"] = tagged(batch[names["tags"]])
        made["team"] = tag(batch[names["tags"]], "team", "costcenter", "cost-center", "department")
    meter = cells.words(batch[names["meter"]])
    category = np.asarray(levels(str.lower, batch[names["category"]]), object)
    ai = np.isin(category, AI)
    kind = levels(lambda word: KIND.get(word.lower(), "charge"), batch[names["type"]])
    quantity = cells.numbers(batch[names["quantity"]], names["quantity"])
    kind = refunded(np.asarray(kind, object), quantity)
    words = np.asarray(levels(lambda w: type_of(w) if TOKENS_OF.search(w) else "", meter), object)
    words = np.where(ai & (kind == "usage"), words, "")
    block = levels(lambda word: str(block_of(word)), batch[names["unit"]])
    factor = np.asarray(block.categories, float)[block.codes]
    is_tokens = words != ""
    amounts = times(np.where(is_tokens, quantity, 0.0), factor, names["quantity"])
    hosting = np.asarray(levels(lambda w: ("hosting" in w.lower() and "x") or "", meter), object)
    other = np.where(ai & (hosting == "x"), "hosting_hour", np.asarray(meter, object))
    other = np.where(ai, other, np.asarray(cells.words(batch[names["category"]]), object))
    money = paid(batch, names["money"], "billed", names["currency"])
    made |= by_type(words, amounts, TYPES) | money
    made["model"] = np.where(ai, np.asarray(levels(model_of, meter), object), "")
    made["region"] = np.where(ai, np.asarray(levels(_region, meter), object), "")
    batched = levels(lambda w: "batch" if "batch" in w.lower() else "standard", meter)
    made["mode"] = np.where(is_tokens, np.asarray(batched, object), "standard")
    made["meter"] = np.where(is_tokens, "tokens", np.where(other == "", "money", other))
    made["quantity"] = np.where(is_tokens, np.nan, quantity)
    # what is no model is money that the ledger keeps, and no use that it could price
    made["kind"] = np.where((kind == "usage") & ~ai, "charge", kind)
    resource = [batch[names["resource"]]] if names["resource"] in batch else []
    made["scope"] = [meter, *resource, batch[names["unit"]]]
    made["provider"] = np.where(ai, "azure", "azure (other services)")
    return made


LAYOUTS = tuple(
    Layout(
        name,
        frozenset({columns[word] for word in ("day", "money", "meter", "quantity", "type")}),
        partial(rows, names=columns),
        frozenset(columns.values()),
        # both exports have the same columns; Azure names the file of amortised cost so
        amortised="amorti[sz]ed",
    )
    for name, columns in NAMES.items()
)
