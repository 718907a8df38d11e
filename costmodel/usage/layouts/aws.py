"""AWS: cost and usage reports, legacy (`lineItem/UsageType`) and 2.0 (`line_item_usage_type`).

Models of Bedrock are named by product (its own) or description (Marketplace), tokens by usage type.
GPU instances are named by usage type: `BoxUsage:p5.48xlarge`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    TYPES,
    Columns,
    Layout,
    Rows,
    block_of,
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
    "day": ("lineItem/UsageStartDate", "line_item_usage_start_date"),
    "type": ("lineItem/LineItemType", "line_item_line_item_type"),
    "product": ("lineItem/ProductCode", "line_item_product_code"),
    "usage": ("lineItem/UsageType", "line_item_usage_type"),
    "amount": ("lineItem/UsageAmount", "line_item_usage_amount"),
    "money": ("lineItem/UnblendedCost", "line_item_unblended_cost"),
    "net": ("lineItem/NetUnblendedCost", "line_item_net_unblended_cost"),
    "currency": ("lineItem/CurrencyCode", "line_item_currency_code"),
    "said": ("lineItem/LineItemDescription", "line_item_line_item_description"),
    "unit": ("pricing/unit", "pricing_unit"),
    "region": ("product/regionCode", "product_region_code"),
    "region_old": ("product/region", "product_region"),
    "name": ("product/ProductName", "product_product_name"),
    "service": ("product/servicename", "product_servicename"),
    "model": ("product/model", "product_model"),
    # version 2.0 keeps what the product is called in a map
    "map": ("product", "product"),
    "account": ("lineItem/UsageAccountId", "line_item_usage_account_id"),
    "resource": ("lineItem/ResourceId", "line_item_resource_id"),
    "id": ("identity/LineItemId", "identity_line_item_id"),
    "operation": ("lineItem/Operation", "line_item_operation"),
    "savings": ("savingsPlan/SavingsPlanEffectiveCost", "savings_plan_savings_plan_effective_cost"),
    "reserved": ("reservation/EffectiveCost", "reservation_effective_cost"),
    "tags": ("resourceTags", "resource_tags"),
    "project": ("resourceTags/user:Project", "resource_tags_user_project"),
    "team": ("resourceTags/user:Team", "resource_tags_user_team"),
}
KIND = {
    "Usage": "usage",
    "DiscountedUsage": "usage",
    "SavingsPlanCoveredUsage": "usage",
    "SavingsPlanNegation": "correction",
    "Tax": "tax",
    "Credit": "credit",
    "Refund": "credit",
    "BundledDiscount": "credit",
    "EdpDiscount": "credit",
    "PrivateRateDiscount": "credit",
}
INSTANCE = re.compile(
    r"(?P<how>BoxUsage|SpotUsage|DedicatedUsage|Reservation|UnusedBox):(?P<what>.+)$"
)
GPUS = re.compile(r"^(p|g|trn|inf)\d")
MARKET = {"SpotUsage": "spot", "BoxUsage": "on_demand"}
EDITION = re.compile(r"(?P<model>[A-Za-z].*?) \(Amazon Bedrock Edition\)")
OWN = re.compile(
    r"^(?P<maker>[a-z\d]+\.)?(?P<model>[A-Za-z][\w.-]*?)(?:-mantle)?[-_]"
    r"(?:cache-(?:read|write)-)?(?:text-)?(?:input|output)[-_]tokens?",
    re.IGNORECASE,
)
CLAUDE = re.compile(r"Claude(?P<number>\d(?:\.\d)?)(?P<size>[A-Z][a-z]+)")
DESCRIBED = re.compile(r"\bper ([\d,.]+ ?[KM]?)\b[^|]*token|\b(million)\b[^|]*token", re.IGNORECASE)
MODES = ("batch", "flex", "priority")


def model_of(usage: str, said: str) -> str:
    """Return the model that a line of Bedrock is about, blank if it names none.

    >>> model_of("USE1-MP:USE1_InputTokenCount-Units", "Claude Sonnet 4.5 (Amazon Bedrock Edition)")
    'us.claude-sonnet-4-5'
    >>> [model_of(f"USE1-{x}-input-tokens", "") for x in ("NovaLite", "Claude4.6Sonnet")]
    ['nova-lite', 'us.claude-sonnet-4-6']
    >>> model_of("USW2-qwen.qwen3-coder-next-mantle-input-tokens-standard", "")
    'qwen.qwen3-coder-next'
    """
    profile = "" if "global" in usage.lower() else "us."
    found = EDITION.search(said)
    if found:
        name = found["model"].rsplit(" for ", 1)[-1].rsplit("- ", 1)[-1]
        # the global profile of a model may cost less than those of regions
        return profile + re.sub(r"[ .]+", "-", name.strip().lower())
    found = OWN.match(re.sub(r"^[A-Z]{2,4}\d?[-_]", "", usage.rpartition(":")[2]))
    if not found:
        return ""
    claude = CLAUDE.fullmatch(found["model"])
    if claude:
        return f"{profile}claude-{claude['size']}-{claude['number'].replace('.', '-')}".lower()
    if found["maker"]:
        return profile * found["maker"].startswith("anthropic") + found["maker"] + found["model"]
    plain = re.sub(r"(?<=\d)\.0(?=\D|$)", "", found["model"])
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z\d])|(?<=\d)(?=[A-Z][a-z])", "-", plain)
    return re.sub(r"[ ._]+", "-", spaced.lower())


def rows(batch: pd.DataFrame, old: int) -> Rows:
    """Read line items: tokens of Bedrock, hours of GPU instances, and the money of the rest."""
    names = {word: pair[old] for word, pair in WORDS.items()}
    day, _ = cells.moments(batch[names["day"]], names["day"])
    has = {word: name for word, name in names.items() if name in batch}
    text = _texts(batch, has)
    made: Columns = {"day": day}
    made |= taken(batch, project=names["project"], team=names["team"], user=names["account"])
    if "tags" in has:
        made["tags"] = tagged(batch[has["tags"]])
        for word in ("project", "team"):
            if word not in made:
                made[word] = tag(batch[has["tags"]], word, f"user_{word}", f"user:{word}")
    region = has.get("region", has.get("region_old", ""))
    where = np.asarray(cells.words(batch[region]), object) if region else ""
    kind = texts(lambda w: KIND.get(w, "purchase" if "Fee" in w else "charge"), text["type"])
    amount = cells.numbers(batch[names["amount"]], names["amount"])
    kind = refunded(kind, amount)
    said = _joined("|", text["service"], text["name"], text["said"])
    ai = told(lambda w: "bedrock" in w.lower(), text["product"])
    ai |= told(lambda w: "bedrock edition" in w.lower(), said)
    # what is reserved by the hour counts input, too, but no tokens
    types = texts(lambda w: type_of(w) if "token" in w.lower() else "", text["usage"])
    types = np.where(ai & (kind == "usage"), types, "")
    is_tokens = types != ""
    block = levels(
        lambda w: _block(*w.partition("|")[::2]), _joined("|", text["unit"], text["said"])
    )
    factor = np.asarray(block.categories, float)[block.codes]
    made |= by_type(types, times(np.where(is_tokens, amount, 0.0), factor, names["amount"]), TYPES)
    both = texts(lambda w: model_of(*w.partition("|")[::2]), _joined("|", text["usage"], said))
    slug = texts(lambda w: re.sub(r" +", "-", w.lower()), text["model"])
    model = np.where(slug == "", both, slug)
    what = texts(lambda w: _instance(w)[1], text["usage"])
    how = texts(lambda w: _instance(w)[0], text["usage"])
    gpu = what != ""
    hours = gpu & (kind == "usage")
    made["provider"] = np.where(ai, "bedrock", np.where(gpu, "aws", "aws (other services)"))
    made["model"] = np.where(ai, model, np.where(gpu, what, ""))
    mode = texts(lambda w: next((m for m in MODES if m in w.lower()), "standard"), text["usage"])
    made["mode"] = np.where(gpu, how, mode)
    made["region"] = np.where(gpu, where, "")
    other = np.where(text["usage"] == "", "money", text["usage"])
    made["meter"] = np.where(is_tokens, "tokens", np.where(hours, "instance_hour", other))
    made["quantity"] = np.where(is_tokens, np.nan, amount)
    made["kind"] = np.where((kind == "usage") & ~ai & ~gpu, "charge", kind)
    made["scope"] = [
        batch[has[w]] for w in ("id", "resource", "usage", "account", "operation") if w in has
    ]
    net = has.get("net", names["money"])
    billed = paid(batch, net, "billed", names["currency"])
    plain = paid(batch, names["money"], "billed", names["currency"])
    # net cost stands only where a discount is agreed
    for name in ("amount", "money", "currency"):
        billed[name] = np.where(billed["money"] == "", plain[name], billed[name])
    found = [(None, made | billed)]
    covered = [word for word in ("savings", "reserved") if word in has]
    if covered:
        found.append((None, _amortised(batch, made, text["type"], billed, has)))
    return found


def _texts(batch: pd.DataFrame, has: dict[str, str]) -> dict[str, Any]:
    """Return what a line says of itself, blank where a column is missing."""
    text = {
        word: np.asarray(cells.words(batch[has[word]]), object)
        if word in has
        else np.full(len(batch), "", object)
        for word in ("type", "product", "usage", "said", "name", "service", "model", "unit")
    }
    if "map" in has:
        for word, key in (("name", "product_name"), ("service", "servicename"), ("model", "model")):
            inside = np.asarray(tag(batch[has["map"]], key), object)
            text[word] = np.where(text[word] == "", inside, text[word])
    return text


def _amortised(
    batch: pd.DataFrame, made: Columns, kind: Any, billed: Columns, has: dict[str, str]
) -> Columns:
    """Return the same money amortised: plans and reservations where they are used."""
    money = {name: np.array(billed[name]) for name in ("amount", "currency")}
    for word, types in (("savings", "SavingsPlanCoveredUsage"), ("reserved", "DiscountedUsage")):
        if word in has:
            cost, stated = cells.pico(batch[has[word]], has[word])
            money["amount"] = np.where((kind == types) & stated, cost, money["amount"])
    paid_ahead = np.isin(kind, ("SavingsPlanNegation", "SavingsPlanUpfrontFee", "RIFee"))
    paid_ahead |= np.isin(kind, ("SavingsPlanRecurringFee",))
    money["amount"] = np.where(paid_ahead, 0, money["amount"])
    none = {name: np.zeros(len(batch), np.int64) for name in made if name.endswith("_tokens")}
    alone = {"meter": "money", "quantity": np.nan, "money": "effective"}
    return made | none | money | alone


def _block(unit: str, said: str) -> str:
    """Return the tokens of a unit, as text; the Marketplace says in words what it counts.

    >>> _block("1K tokens", ""), _block("Units", "usage|us-east-1|Million Input Tokens Global")
    ('1000.0', '1000000.0')
    """
    found = DESCRIBED.search(said) if unit in ("", "Units") else None
    return str(block_of(found[1] or found[2] if found else unit))


def _joined(between: str, *columns: Any) -> Any:
    return np.array([between.join(row) for row in zip(*columns, strict=True)], object)


def _instance(usage: str) -> tuple[str, str]:
    """Return market and type of a GPU instance, blank for other usage.

    >>> _instance("USW2-SpotUsage:p5.48xlarge")
    ('spot', 'p5.48xlarge')
    """
    found = INSTANCE.search(usage)
    if not found or not GPUS.match(found["what"]):
        return "", ""
    return MARKET.get(found["how"], "on_demand"), found["what"]


LAYOUTS = tuple(
    Layout(
        name,
        frozenset(WORDS[word][k] for word in ("day", "type", "usage", "amount", "money")),
        partial(rows, old=k),
        frozenset(pair[k] for pair in WORDS.values()),
    )
    for k, name in enumerate(("aws cost and usage report", "aws cost and usage report 2.0"))
)
