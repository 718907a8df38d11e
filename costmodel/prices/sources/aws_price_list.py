"""AWS Price List: the offer files of Bedrock, US dollars per 1,000 or per million tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from costmodel.errors import DataError
from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

ADDRESS = (
    "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonBedrockFoundationModels/"
    "current/index.json"
)
PAGE = "https://aws.amazon.com/bedrock/pricing/"
REGION = "us-east-1"  # whose price stands for in-region
# Mtok in one unit: models of others are sold in units of a million tokens
UNITS = {"1K tokens": 1e3, "1M tokens": 1.0, "Units": 1.0}
EDITION = re.compile(r"\s*\(Amazon Bedrock Edition\)$")
MODES = {"batch": "batch", "flex": "flex", "priority": "priority"}
OTHER = re.compile(r"image|video|audio|speech|search|provisioned|reserved|latency|custom", re.I)


def is_mine(file: File) -> bool:
    """Whether a file is an offer of the price list."""
    data = file.json
    return isinstance(data, dict) and {"offerCode", "products", "terms"} <= set(data)


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return the prices of tokens in the common layout.

    The price list names models as people do ("Claude Sonnet 4.5"), which is matched without
    separators. Of models that are sold globally, too, in-region and US prices have region `us`.

    Args:
        files: The offers AmazonBedrock and AmazonBedrockFoundationModels, one or both.
        on: Day of the import; not used.
    """
    del on
    long = pd.DataFrame([row for file in files for row in _rows(file.json)])
    if long.empty:
        message = f"{files[0].name}: holds no price of tokens in {REGION}"
        raise DataError(message)
    choice = long.groupby("model")["everywhere"].transform("any")
    long["region"] = np.where(choice & ~long["everywhere"], "us", "")
    keys = ["model", "mode", "region", "over_input_tokens"]
    long = long.sort_values("effective_from", kind="stable")
    wide = long.pivot_table(index=keys, columns="column", values="usd", aggfunc="last")
    facts = long.groupby(keys).agg(
        effective_from=("effective_from", "max"), source_key=("source_key", "first")
    )
    rows = wide.join(facts).reset_index()
    return common(
        rows.assign(table="inference", provider="bedrock", source=PAGE, names=rows["model"])
    )


def _rows(offer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    terms = offer["terms"].get("OnDemand", {})
    for sku, product in offer["products"].items():
        facts = product.get("attributes", {})
        usage = str(facts.get("usagetype", ""))
        said = f"{usage} {facts.get('inferenceType', '')} {facts.get('feature', '')}".lower()
        if facts.get("regionCode") != REGION or OTHER.search(said):
            continue
        model = facts.get("model") or EDITION.sub("", str(facts.get("servicename", "")))
        column = _column(said)
        if not model or not column:
            continue
        mode = next((MODES[word] for word in MODES if word in said), "standard")
        for term in terms.get(sku, {}).values():
            for dimension in term.get("priceDimensions", {}).values():
                factor = UNITS.get(dimension.get("unit", ""))
                usd = float(dimension.get("pricePerUnit", {}).get("USD", "nan"))
                if factor is None or not usd > 0:
                    continue
                yield {
                    "model": model,
                    "mode": mode,
                    "everywhere": "global" in said,
                    "over_input_tokens": 200_000 if "_lctx" in said else 0,
                    "column": column,
                    "usd": usd * factor,
                    "effective_from": str(term.get("effectiveDate", ""))[:10],
                    "source_key": f"{sku} {usage}",
                }


def _column(said: str) -> str:
    """Return what a product prices, by the words of its usage type and kind of inference."""
    if re.search(r"cache[_ -]?write", said):
        return "cache_write_1h_per_mtok" if "1h" in said else "cache_write_per_mtok"
    if re.search(r"cache[_ -]?read", said):
        return "cached_input_per_mtok"
    if re.search(r"output[_ -]?token|response[_ -]?token", said):
        return "output_per_mtok"
    if re.search(r"input[_ -]?(text)?[_ -]?token", said):
        return "input_per_mtok"
    return ""
