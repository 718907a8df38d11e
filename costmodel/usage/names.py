"""Models of exports under the names of the price tables."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import PriceError
from costmodel.prices.book import PriceBook

if TYPE_CHECKING:
    import pandas as pd

# ids of Bedrock: profile, maker, name, date, version
BEDROCK = re.compile(
    r"(?:(?P<profile>us|eu|apac|au|jp|global|regional|us-gov)\.)?(?:[a-z0-9]+\.)?(?P<name>[a-z].*?)"
    r"(?:-\d{8})?(?:-v\d+)?(?::\d+\w*)?"
)
# a name without its maker, as bills have it; the aliases of the tables do not tell the global
# profile from those of regions
BILLED = re.compile(r"(?:us\.)?[a-z][a-z0-9-]*")


def _folded(name: str) -> str:
    """Return a name without what ids and bills write differently."""
    return re.sub(r"-instruct|[-. ]|(?<=\d)\.0(?!\d)", "", name)


def _alias(book: PriceBook, provider: str, model: str) -> str:
    try:
        return book.catalog.name(provider, model)
    except PriceError:
        return ""


def _bedrock(model: str, book: PriceBook) -> str:
    """Return the id of a model that a bill of AWS names by family and version.

    A bill names profiles with a region (`us.claude-sonnet-4-5`) and the global one
    (`claude-sonnet-4-5`); where a model has one price, both mean it.
    """
    asked = BEDROCK.fullmatch(model)
    if asked is None:
        return ""
    wanted, wanted_name = asked["profile"] or "", _folded(asked["name"])
    known = {sku: BEDROCK.fullmatch(sku) for sku in book.catalog.skus.get("bedrock", ())}
    skus = {
        sku: (_folded(parts["name"]), parts["profile"] or "")
        for sku, parts in known.items()
        if parts
    }
    found = {sku: profile for sku, (name, profile) in skus.items() if name == wanted_name}
    for profile in (wanted, *["regional"] * bool(wanted), "", "global"):
        same = sorted(sku for sku, own in found.items() if own == profile)
        if same:
            # the longest is the one with its maker
            return max(same, key=len)
    return ""


def tables_name(book: PriceBook, provider: str, model: str) -> str:
    """Return a model as the price tables name it, blank if they do not know it."""
    if not model:
        return ""
    if provider != "bedrock":
        return _alias(book, provider, model)
    if BILLED.fullmatch(model):
        return _bedrock(model, book) or _alias(book, provider, model)
    return _alias(book, provider, model) or _bedrock(model, book)


def named(frame: pd.DataFrame, book: PriceBook) -> Any:
    """Return the model of each row as the price tables name it, else as the export does."""
    import pandas as pd

    providers, models = frame["provider"].cat, frame["model"].cat
    size = max(len(models.categories), 1)
    codes = providers.codes.to_numpy().astype(np.int64) * size + models.codes.to_numpy()
    number, found = pd.factorize(codes)
    made = []
    for code in found.tolist():
        provider = str(providers.categories[code // size])
        model = str(models.categories[code % size])
        made.append(tables_name(book, provider, model) or model)
    own, names = pd.factorize(np.array(made, object))
    return pd.Categorical.from_codes(own[number], pd.Index(names, dtype="str"))
