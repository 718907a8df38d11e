"""A ledger as FOCUS 1.2: a row for each type of token, so that quantity x unit price is the cost.

BilledCost and EffectiveCost are the money that the ledger states. Where a day is matched, the
rows of tokens carry it; where not, they carry their list cost alone, and the money stands in a row
of its own. Where a provider's bill is not in the ledger, list cost stands for it, and
`x_CostBasis` says so. `x_` columns are ours: the specification has none for tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.prices.meters import TOKEN_COLUMNS
from costmodel.usage.ledger import TOKENS
from costmodel.usage.names import named
from costmodel.usage.pricing import token_amounts, token_table
from costmodel.usage.summary import Summary, exact, harmless

if TYPE_CHECKING:
    import pandas as pd

MILLION = 10**6
KINDS = {
    "input_mtok": "input",
    "cached_input_mtok": "cached input",
    "cache_write_mtok": "cache write",
    "cache_write_1h_mtok": "cache write 1h",
    "output_mtok": "output",
}
CATEGORIES = {
    "usage": ("Usage", ""),
    "charge": ("Usage", ""),
    "purchase": ("Purchase", ""),
    "tax": ("Tax", ""),
    "credit": ("Credit", ""),
    "correction": ("Usage", "Correction"),
}
COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargeFrequency", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice"),
    *("EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory"),
    *("PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId"),
    *("ServiceCategory", "ServiceSubcategory", "ServiceName", "SkuId", "SkuMeter", "SkuPriceId"),
    *("SubAccountId", "Tags", "x_Model", "x_Mode", "x_TokenType", "x_CostBasis"),
)


def _money(pico: Any) -> Any:
    """Write 10^-12 dollars as decimals, every digit of them."""
    return np.array([exact(int(value)) for value in pico], object)


def focus_rows(summary: Summary) -> pd.DataFrame:
    """Return a ledger as rows of FOCUS 1.2."""
    import pandas as pd

    frame = summary.priced.frame
    book = summary.priced.book
    groups = summary.matching.groups
    key = pd.MultiIndex.from_frame(groups[["provider", "day", "model"]])
    state = pd.Series(groups["state"].to_numpy(), index=key)
    names = np.asarray(named(frame, book), object)
    billed_by = set(frame.loc[frame["stated"], "provider"].astype(str))
    # the state of the model where it stands by itself, else that of the day
    who, none = frame["provider"].astype(str), np.full(len(frame), "", object)
    own, rest = (
        state.reindex(pd.MultiIndex.from_arrays([who, frame["day"], model])).to_numpy()
        for model in (names, none)
    )
    found = np.where(pd.isna(own), rest, own)
    matched = found == "matched"
    bill = frame["provider"].astype(str).isin(billed_by).to_numpy()
    basis = np.where(matched, "billed", np.where(bill, "list, bill differs", "list, no bill"))
    parts = []
    rows = frame["price_row"].to_numpy()
    amounts = token_amounts({name: frame[name].to_numpy() for name in TOKENS})
    table, _ = token_table(book)
    for meter in TOKEN_COLUMNS.values():
        if meter not in amounts:
            continue
        at = np.flatnonzero(amounts[meter] > 0)
        tokens, pico = amounts[meter][at], table[meter][rows[at]]
        cost = tokens * pico
        carried = np.where(bill[at] & ~matched[at], 0, cost)
        part = _common(frame.iloc[at], names[at])
        part |= {
            "BilledCost": _money(carried),
            "EffectiveCost": _money(carried),
            "ContractedCost": _money(carried),
            "ListCost": _money(cost),
            "ListUnitPrice": _money(pico * MILLION),
            "ContractedUnitPrice": "",
            "ConsumedQuantity": tokens,
            "ConsumedUnit": "Tokens",
            "PricingQuantity": _money(tokens * MILLION),
            "PricingUnit": "1000000 Tokens",
            "ChargeDescription": [f"{name}, {KINDS[meter]} tokens" for name in names[at]],
            "SkuMeter": f"{KINDS[meter]} tokens",
            "x_TokenType": KINDS[meter],
            "x_CostBasis": np.where(rows[at] < 0, "no price", basis[at]),
        }
        parts.append(pd.DataFrame(part))
    parts.append(_paid(frame, names, matched))
    made = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    order = ["ChargePeriodStart", "ProviderName", "x_Model"]
    return harmless(made.sort_values(order, kind="stable"))


def _paid(frame: pd.DataFrame, names: Any, matched: Any) -> pd.DataFrame:
    """Return rows of money that no row of tokens carries."""
    import pandas as pd

    at = np.flatnonzero(frame["stated"].to_numpy() & ~matched)
    part = frame.iloc[at]
    money = _money(part["billed_pico"])
    made = _common(part, names[at])
    kinds = np.asarray(part["kind"], object)
    return pd.DataFrame(
        made
        | {
            "BilledCost": money,
            "EffectiveCost": money,
            "ContractedCost": money,
            # list cost stands in the rows of tokens
            "ListCost": np.where(np.isin(kinds, ("usage", "charge")), "0", money),
            "ListUnitPrice": "",
            "ContractedUnitPrice": "",
            "ConsumedQuantity": "",
            "ConsumedUnit": "",
            "PricingQuantity": "",
            "PricingUnit": "",
            "ChargeDescription": [f"{kind}, as billed" for kind in kinds],
            "SkuMeter": "",
            "x_TokenType": "",
            "x_CostBasis": "billed",
        }
    )


def _common(part: pd.DataFrame, names: Any) -> dict[str, Any]:
    """Return the columns that do not depend on the type of token."""
    day = part["day"]
    month = day.dt.to_period("M").dt.start_time
    after = (day.dt.to_period("M") + 1).dt.start_time
    text = "%Y-%m-%dT00:00:00Z"
    words = {name: np.asarray(part[name], object) for name in ("provider", "project", "mode")}
    kinds = [CATEGORIES[str(kind)] for kind in part["kind"]]
    mode = words["mode"]
    return {
        "BillingAccountId": words["provider"],
        "BillingAccountName": "",
        "BillingCurrency": "USD",
        "BillingPeriodStart": month.dt.strftime(text).to_numpy(),
        "BillingPeriodEnd": after.dt.strftime(text).to_numpy(),
        "ChargeCategory": [category for category, _ in kinds],
        "ChargeClass": [wrong for _, wrong in kinds],
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": day.dt.strftime(text).to_numpy(),
        "ChargePeriodEnd": (day + np.timedelta64(1, "D")).dt.strftime(text).to_numpy(),
        "InvoiceIssuerName": words["provider"],
        "PricingCategory": np.where(mode == "standard", "Standard", "Other"),
        "ProviderName": words["provider"],
        "PublisherName": words["provider"],
        "RegionId": np.asarray(part["region"], object),
        "ServiceCategory": "AI and Machine Learning",
        "ServiceSubcategory": "Generative AI",
        "ServiceName": "Inference",
        "SkuId": names,
        "SkuPriceId": [f"{name}/{m}" if name else "" for name, m in zip(names, mode, strict=True)],
        "SubAccountId": words["project"],
        "Tags": np.asarray(part["tags"], object),
        "x_Model": names,
        "x_Mode": mode,
    }
