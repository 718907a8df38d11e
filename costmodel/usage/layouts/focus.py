"""FOCUS 1.0 to 1.4, of any provider.

Tokens are counted only where the unit says so, and never from the pricing currency: there,
"Token" may be a currency that a vendor sells. Both costs are kept apart, as billed and as
effective; credits and corrections stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.quantities.volumes import TOKENS_PER_MTOK
from costmodel.usage import cells
from costmodel.usage.layouts import aws, azure, google
from costmodel.usage.layouts.base import (
    TYPES,
    Columns,
    Layout,
    Rows,
    block_of,
    by_type,
    labels,
    levels,
    paid,
    provider_of,
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

KIND = {
    "usage": "usage",
    "purchase": "purchase",
    "tax": "tax",
    "credit": "credit",
    "adjustment": "correction",
    "refund": "credit",
}
# the block of a price of tokens, not of a virtual currency: "1000 Tokens", "Tokens", "tokens"
UNIT = re.compile(r"^\s*(?P<block>[\d,.]+\s*[KM]?)?\s*tokens?\s*$", re.IGNORECASE)
# columns that vendors add, by what they hold
MODEL = ("x_Model", "x_AIModel")
KIND_OF_TOKEN = ("x_TokenType", "SkuMeter", "x_SkuMeterName", "SkuId", "ChargeDescription")
ADDED = {
    "input_tokens": "x_InputTokens",
    "cached_input_tokens": "x_CachedTokens",
    "output_tokens": "x_OutputTokens",
}
METER = "x_SkuMeterName"  # of Azure
COUNTS = ("units", "count")  # what Azure and Google call tokens
BLOCK = "x_PricingBlockSize"
HOURS = ("hour", "hours", "units/hour")
SCOPE = (
    *("BillingAccountId", "SubAccountId", "ResourceId", "SkuId", "SkuPriceId", "SkuMeter"),
    *("ChargeDescription", "InvoiceId", "PricingCategory", "ChargePeriodEnd"),
    "CommitmentDiscountId",
)


def _virtual(batch: pd.DataFrame) -> Any:
    """Tell rows that are priced in a currency of the vendor's own."""
    if "PricingCurrency" not in batch:
        return np.zeros(len(batch), bool)
    return ~told(lambda w: re.fullmatch("[A-Z]{3}|", w), batch["PricingCurrency"])


def _first(batch: pd.DataFrame, names: tuple[str, ...]) -> Any:
    found = np.full(len(batch), "", object)
    for name in names:
        if name in batch:
            found = np.where(found == "", np.asarray(cells.words(batch[name]), object), found)
    return found


def _tokens(batch: pd.DataFrame, use: Any) -> tuple[Columns, Any, Any]:
    """Return tokens of rows by type, which rows have any, and all tokens, nan for none."""
    count = len(batch)
    metered = _metered_tokens(batch)
    amount, factor = np.full(count, np.nan), np.ones(count)
    for quantity, unit in (
        ("PricingQuantity", "PricingUnit"),
        ("ConsumedQuantity", "ConsumedUnit"),
        ("x_ConsumedTokens", ""),
    ):
        if quantity not in batch:
            continue
        given = cells.numbers(batch[quantity], quantity)
        block = np.ones(count)
        if unit:
            words = cells.words(batch[unit]) if unit in batch else cells.words(np.full(count, ""))
            found = [UNIT.match(str(w)) for w in words.categories]
            blocks = [block_of(f["block"] or "") if f else np.nan for f in found]
            block = np.array(blocks, float)[words.codes]
            size = np.full(count, np.nan if unit == "PricingUnit" else 1.0)
            if unit == "PricingUnit" and BLOCK in batch:
                size = cells.numbers(batch[BLOCK], BLOCK)
            block = np.where(metered & told(lambda w: w.lower() in COUNTS, words), size, block)
        mine = ~np.isnan(given) & ~np.isnan(block) & use
        amount, factor = np.where(mine, given, amount), np.where(mine, block, factor)
    kinds = np.full(count, "", object)
    for name in KIND_OF_TOKEN:
        if name in batch:
            kinds = np.where(kinds == "", texts(type_of, batch[name]), kinds)
    counted = ~np.isnan(amount)
    kinds = np.where(counted, kinds, "")
    signed = np.where(kinds != "", amount, 0.0)
    made = by_type(kinds, times(signed, factor, "PricingQuantity"), TYPES)
    if ADDED["input_tokens"] in batch:
        # one row for a request or a sum of requests, tokens in columns of their own
        for name, column in ADDED.items():
            if column in batch:
                extra = cells.counts(batch[column], column)
                made[name] = np.where(use & (kinds == ""), extra, made[name])
        # a vendor's column may hold the input without what was cached
        outside = made["cached_input_tokens"] > made["input_tokens"]
        made["input_tokens"] += np.where(outside, made["cached_input_tokens"], 0)
        kinds = np.where(use & (made["input_tokens"] + made["output_tokens"] > 0), "x", kinds)
    return made, kinds != "", amount * factor


def rows(batch: pd.DataFrame) -> Rows:
    """Read charges: what was billed with the tokens, and the effective cost behind it."""
    day, minute = cells.moments(batch["ChargePeriodStart"], "ChargePeriodStart", "month first")
    made: Columns = {"day": day, "minute": np.where(minute > 0, minute, -1)}
    kind = texts(lambda w: KIND.get(w.lower(), "charge"), batch["ChargeCategory"])
    if "ChargeClass" in batch:
        corrected = told(lambda w: w.lower() == "correction", batch["ChargeClass"])
        kind = np.where(corrected, "correction", kind)
    quantity, unit = _quantity(batch)
    kind = refunded(kind, quantity)
    amounts, is_tokens, counted = _tokens(batch, (kind == "usage") & ~_virtual(batch))
    made |= amounts
    tags = cells.words(batch["Tags"]) if "Tags" in batch else None
    model = _first(batch, MODEL)
    if tags is not None:
        made["tags"] = tagged(tags)
        made["team"] = tag(tags, "team", "team_alias", "team_id", "department", "cost-center")
        model = np.where(model == "", texts(lambda w: labels(w).get("model", ""), tags), model)
    made |= taken(batch, project="SubAccountName")
    if "project" not in made:
        made |= taken(batch, project="SubAccountId")
    model = np.where(model == "", texts(google.model_of, _sku(batch)), model)
    ai = is_tokens | (model != "") | _generative(batch)
    made["provider"] = _served(batch, ai)
    made |= _metered(batch, made["provider"], model, ai)
    if "x_Mode" in batch:
        made["mode"] = levels(lambda w: w or "standard", batch["x_Mode"])
    if "x_CostBasis" in batch and "RegionId" in batch:
        # of our own making: the region of the price tables
        made |= taken(batch, region="RegionId")
    requests = told(lambda w: w.lower() == "requests", unit)
    made["requests"] = np.where(requests & ai, quantity, np.nan)
    train = _says(batch, "train") & ai & ~np.isnan(counted)
    hosting = _says(batch, "hosting") & ai & told(lambda w: w.lower() in HOURS, unit)
    other = np.where(hosting, "hosting_hour", np.where(unit == "", "money", unit))
    made["meter"] = np.where(is_tokens, "tokens", np.where(train, "train_mtok", other))
    quantity = np.where(train, counted / TOKENS_PER_MTOK, quantity)
    made["quantity"] = np.where(is_tokens, np.nan, quantity)
    made["kind"] = np.where((kind == "usage") & ~ai, "charge", kind)
    made["scope"] = [batch[name] for name in SCOPE if name in batch]
    found: Rows = [(None, made | _billed(batch))]
    if "EffectiveCost" in batch and "x_CostBasis" not in batch:
        zero = {name: np.zeros(len(batch), np.int64) for name in amounts}
        effective = paid(batch, "EffectiveCost", "effective", "BillingCurrency")
        alone: Columns = {"meter": "money", "quantity": np.nan, "requests": np.nan}
        found.append((None, made | zero | alone | effective))
    return found


def _billed(batch: pd.DataFrame) -> Columns:
    billed = paid(batch, "BilledCost", "billed", "BillingCurrency")
    if "x_CostBasis" in batch:
        # of our own making: list cost where no bill is known
        basis = np.asarray(cells.words(batch["x_CostBasis"]), object)
        known = np.isin(basis, ("", "billed"))
        billed["money"] = np.where(known, billed["money"], "")
        billed["amount"] = np.where(known, billed["amount"], 0)
        billed["currency"] = np.where(known, billed["currency"], "")
    return billed


def _served(batch: pd.DataFrame, ai: Any) -> Any:
    """Return who served; other services of a cloud under a name of their own."""
    service = texts(str.lower, batch["ServiceName"])
    provider = texts(provider_of, _first(batch, PROVIDER))
    cloud = texts(lambda w: google.SERVICES.get(w.lower(), "vertex"), batch["ServiceName"])
    provider = np.where(ai & (provider == "google cloud"), cloud, provider)
    provider = np.where(ai & (provider == "aws"), "bedrock", provider)
    return np.where(ai | (service == ""), provider, _other(provider, service))


def _metered(batch: pd.DataFrame, provider: Any, model: Any, ai: Any) -> Columns:
    """Return model, region and mode; where no column names a model, as the cloud's meter does."""
    made: Columns = {}
    if METER in batch:
        mine = ai & (provider == "azure")
        meter = np.where(mine, np.asarray(cells.words(batch[METER]), object), "")
        model = np.where(mine & (model == ""), texts(azure.model_of, meter), model)
        made = {"region": levels(azure.region_of, meter), "mode": levels(azure.mode_of, meter)}
    if "SkuMeter" in batch:
        mine = ai & (provider == "bedrock") & (model == "")
        usage = np.where(mine, np.asarray(cells.words(batch["SkuMeter"]), object), "")
        model = np.where(mine, texts(lambda w: aws.model_of(w, ""), usage), model)
    sku = _sku(batch)
    made["mode"] = np.where(
        sku == "", np.asarray(made.get("mode", "standard"), object), texts(google.mode_of, sku)
    )
    return made | {"model": np.where(ai, model, "")}


def _sku(batch: pd.DataFrame) -> Any:
    """Return the SKU of Google's models, in words, blank for all else."""
    if "ChargeDescription" not in batch:
        return np.full(len(batch), "", object)
    theirs = told(lambda w: w.lower() in google.SERVICES, batch["ServiceName"])
    return np.where(theirs, np.asarray(cells.words(batch["ChargeDescription"]), object), "")


def _metered_tokens(batch: pd.DataFrame) -> Any:
    """Tell rows whose meter counts tokens, although their unit does not say so."""
    found = texts(google.type_of_sku, _sku(batch)) != ""
    if METER in batch:
        found |= _generative(batch) & told(azure.TOKENS_OF.search, batch[METER])
    return found


def _quantity(batch: pd.DataFrame) -> tuple[Any, Any]:
    """Return what was consumed, else what was priced, and its unit."""
    quantity = np.full(len(batch), np.nan)
    unit = np.full(len(batch), "", object)
    for amount, of in (
        ("ConsumedQuantity", "ConsumedUnit"),
        ("PricingQuantity", "PricingUnit"),
    ):
        if amount in batch:
            given = cells.numbers(batch[amount], amount)
            mine = np.isnan(quantity) & ~np.isnan(given)
            quantity = np.where(mine, given, quantity)
            unit = np.where(mine, _first(batch, (of,)), unit)
    return quantity, unit


def _generative(batch: pd.DataFrame) -> Any:
    if "ServiceSubcategory" not in batch:
        return np.zeros(len(batch), bool)
    return told(lambda w: w.lower() == "generative ai", batch["ServiceSubcategory"])


def _says(batch: pd.DataFrame, word: str) -> Any:
    return told(lambda w: word in w.lower(), _first(batch, (*KIND_OF_TOKEN, METER)))


def _other(provider: Any, service: Any) -> Any:
    both = [f"{p} ({s})" for p, s in zip(provider, service, strict=True)]
    return np.array(both, object)


PROVIDER = ("ServiceProviderName", "ProviderName", "InvoiceIssuerName")
LAYOUTS = (
    Layout(
        "focus",
        frozenset({"BilledCost", "ChargePeriodStart", "ChargeCategory", "ServiceName"}),
        rows,
        frozenset(
            (
                *("EffectiveCost", "BillingCurrency", "ChargeClass", "PricingCurrency", "Tags"),
                *("PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit"),
                *(
                    "SubAccountName",
                    "ServiceSubcategory",
                    "x_CostBasis",
                    "x_Mode",
                    "x_ConsumedTokens",
                    *PROVIDER,
                ),
                *(*MODEL, *KIND_OF_TOKEN, METER, BLOCK, *ADDED.values(), *SCOPE, "RegionId"),
            )
        ),
    ),
)
