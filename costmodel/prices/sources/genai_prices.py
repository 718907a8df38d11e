"""genai-prices: its package's `data.py` or the repository's `data.json`, US dollars per Mtok."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from costmodel.errors import DataError
from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

PROVIDERS = {"aws": "bedrock", "x-ai": "xai"}
COLUMN = {
    "input_mtok": "input_per_mtok",
    "cache_read_mtok": "cached_input_per_mtok",
    "cache_write_mtok": "cache_write_per_mtok",
    "cache_write_1h_mtok": "cache_write_1h_per_mtok",
    "output_mtok": "output_per_mtok",
}
# what a price is meant for, in their words and in ours; other variants are no mode of ours
MODES = {
    ("processing", "batch"): "batch",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
    ("speed", "fast"): "fast",
}
BEGIN = "providers: list[Provider]"


def is_mine(file: File) -> bool:
    """Whether a file is a table of genai-prices."""
    data = file.json
    if data is None:
        return BEGIN in file.text
    found = data.get("providers") if isinstance(data, dict) else data
    return (
        isinstance(found, list)
        and bool(found)
        and isinstance(found[0], dict)
        and {"models", "api_pattern"} <= set(found[0])
    )


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return the table of genai-prices in the common layout.

    Args:
        files: `data.py`, which is parsed and never run, or `data.json`.
        on: Day of the import; not used.
    """
    del on
    data = files[0].json
    if data is None:
        data = _parsed(files[0])
    elif isinstance(data, dict):
        data = data["providers"]
    rows = pd.DataFrame([row for provider in data for row in _rows(provider)])
    prices = rows[rows["table"] == "inference"]
    return pd.concat([common(prices), common(rows[rows["table"] == "models"])], ignore_index=True)


def _parsed(file: File) -> list[Mapping[str, Any]]:
    """Return what the module assigns to `providers`, as lists and dicts."""
    try:
        tree = ast.parse(file.text)
    except SyntaxError as error:
        message = f"{file.name} line {error.lineno}: is not whole; fetch the file again"
        raise DataError(message) from None
    for statement in tree.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            found: list[Mapping[str, Any]] = _plain(statement.value)
            return found
    message = f"{file.name}: assigns nothing to `providers`"
    raise DataError(message)


def _plain(node: ast.expr | None) -> Any:
    """Turn an expression of literals and constructors into plain values."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_plain(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_plain(k): _plain(v) for k, v in zip(keys, values, strict=True)}
        case ast.Call():
            return _made(node)
        case _:
            return None


def _made(node: ast.Call) -> Any:
    """Return what a constructor is given: a number, a day, an hour, or names and values."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    given = [_plain(item) for item in node.args]
    if name == "Decimal":
        return float(given[0])
    if name == "date":
        return "{:04}-{:02}-{:02}".format(*given)
    if name == "time":
        return "{:02}:{:02}".format(*given[:2])
    # `or_` is the Python spelling of the JSON key
    return {word.arg.rstrip("_"): _plain(word.value) for word in node.keywords if word.arg}


def _rows(provider: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = PROVIDERS.get(provider["id"], provider["id"])
    address = next(iter(provider.get("pricing_urls") or []), "")
    for model in provider["models"]:
        row = {
            "provider": name,
            "model": model["id"],
            "names": "|".join(dict.fromkeys(_names(model.get("match") or {}))),
            "source": address,
            "source_key": f"{provider['id']}/{model['id']}",
        }
        yield {**row, "table": "models", "context_window": model.get("context_window")}
        listed = model["prices"]
        if isinstance(listed, dict):
            listed = [{"prices": listed}]
        yield from _dated(row, "standard", listed)
        modes: dict[str, list[Mapping[str, Any]]] = {}
        for variant in model.get("price_variants") or []:
            words = [MODES.get(pair) for pair in variant["when"].items()]
            if len(words) == 1 and words[0]:
                modes.setdefault(words[0], []).append(variant)
        for mode, variants in modes.items():
            yield from _dated(row, mode, variants)


def _names(match: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names that a rule takes literally, and the beginnings it takes with a star."""
    if "equals" in match:
        yield str(match["equals"])
    if "starts_with" in match:
        yield f"{match['starts_with']}*"
    for part in match.get("or") or []:
        yield from _names(part)


def _dated(
    row: Mapping[str, Any], mode: str, listed: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of dated prices; each ends, with its tiers, when the next one begins."""
    starts = sorted((stated.get("constraint") or {}).get("start_date") or "" for stated in listed)
    for stated in listed:
        start = (stated.get("constraint") or {}).get("start_date") or ""
        end = next((day for day in starts if day > start), "")
        for made in _tiers(row, mode, stated):
            # a window holds beside the dated prices
            yield made if made["window"] else {**made, "effective_to": end}


def _tiers(
    row: Mapping[str, Any], mode: str, stated: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield a row for the base price and one for each threshold of a price."""
    prices = {key: value for key, value in stated["prices"].items() if key in COLUMN}
    if not prices:
        return
    when = stated.get("constraint") or {}
    thresholds = sorted(
        {
            tier["start"]
            for value in prices.values()
            if isinstance(value, dict)
            for tier in value["tiers"]
        }
    )
    window = ""
    if "start_time" in when:
        window = f"{str(when['start_time'])[:5]}-{str(when['end_time'])[:5]}"
    for threshold in (0, *thresholds):
        yield {
            **row,
            "table": "inference",
            "mode": mode,
            "over_input_tokens": threshold,
            "window": window,
            "effective_from": when.get("start_date") or "",
            **{COLUMN[key]: _at(value, threshold) for key, value in prices.items()},
        }


def _at(value: Any, threshold: int) -> Any:
    """Return the price of a tier: of all tokens of a request that is longer than the threshold."""
    if not isinstance(value, dict):
        return value
    met = [tier for tier in value["tiers"] if tier["start"] <= threshold]
    return met[-1]["price"] if met and threshold else value["base"]
