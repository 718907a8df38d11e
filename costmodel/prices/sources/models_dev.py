"""models.dev: its `api.json`, or the repository's TOML files; US dollars per Mtok, release days."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from costmodel.errors import DataError
from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

PROVIDERS = {
    "amazon-bedrock": "bedrock",
    "google-vertex": "vertex",
    "google-vertex-anthropic": "vertex",
    "fireworks-ai": "fireworks",
    "togetherai": "together",
}
COLUMN = {
    "input": "input_per_mtok",
    "cache_read": "cached_input_per_mtok",
    "cache_write": "cache_write_per_mtok",
    "output": "output_per_mtok",
}
# keys of a cost that are read by nothing here, and no misspelling
OTHER = {"reasoning", "input_audio", "output_audio", "tiers", "context_over_200k"}
PAGE = "https://models.dev"
OVER_200K = 200_000


def is_mine(file: File) -> bool:
    """Whether a file is models.dev's."""
    if file.name.endswith(".toml"):
        return True
    data = file.json
    return isinstance(data, dict) and any(
        isinstance(entry, dict) and isinstance(entry.get("models"), dict) for entry in data.values()
    )


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return models.dev's table in the common layout.

    Args:
        files: `api.json`, or the TOML files of a checkout.
        on: Day of the import; not used.
    """
    del on
    found = _of_toml(files) if files[0].name.endswith(".toml") else _of_json(files[0])
    rows = [row for provider, name, model in found for row in _rows(provider, name, model)]
    if not rows:
        message = f"{files[0].name}: holds no models"
        raise DataError(message)
    return common(pd.DataFrame(rows))


Found = Iterator[tuple[str, str, Mapping[str, Any]]]


def _of_json(file: File) -> Found:
    for provider, entry in file.json.items():
        for name, model in ((entry or {}).get("models") or {}).items():
            yield provider, name, model


def _of_toml(files: Sequence[File]) -> Found:
    """Yield the models of a checkout; a model may take what it does not say from a base model."""
    paths = [(PurePosixPath(file.name).parts, file) for file in files]
    bases = {
        "/".join(parts[parts.index("models") + 1 :]).removesuffix(".toml"): _toml(file)
        for parts, file in paths
        if "models" in parts and "providers" not in parts
    }
    for parts, file in paths:
        if "providers" not in parts or "models" not in parts[parts.index("providers") :]:
            continue
        at = parts.index("providers")
        name = "/".join(parts[at + 3 :]).removesuffix(".toml")
        model = _toml(file)
        yield parts[at + 1], name, {**bases.get(str(model.get("base_model")), {}), **model}


def _toml(file: File) -> dict[str, Any]:
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        message = f"{file.name}: is not TOML ({error})"
        raise DataError(message) from None


def _rows(theirs: str, name: str, model: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    row = {
        "provider": PROVIDERS.get(theirs, theirs),
        "model": name,
        "source": PAGE,
        "source_key": f"{theirs}/{name}",
    }
    limit = model.get("limit") or {}
    yield {
        **row,
        "table": "models",
        "released": str(model.get("release_date") or ""),
        "context_window": limit.get("input") or limit.get("context"),
        "max_output_tokens": limit.get("output"),
    }
    cost = model.get("cost") or {}
    unread = sorted(set(cost) - set(COLUMN) - OTHER)
    tiers: list[tuple[int, Mapping[str, Any]]] = [(0, cost)]
    tiers += [
        (tier["tier"]["size"], tier)
        for tier in cost.get("tiers") or []
        if (tier.get("tier") or {}).get("type", "context") == "context"
    ]
    if "context_over_200k" in cost and len(tiers) == 1:
        tiers.append((OVER_200K, cost["context_over_200k"]))
    modes = {"standard": tiers}
    for mode, inner in ((model.get("experimental") or {}).get("modes") or {}).items():
        if mode == "fast" and inner.get("cost"):
            modes[mode] = [(0, inner["cost"])]
    for mode, stated in modes.items():
        for over, prices in stated:
            known = {COLUMN[key]: prices[key] for key in COLUMN if key in prices}
            if known or unread:
                yield {
                    **row,
                    "table": "inference",
                    "mode": mode,
                    "over_input_tokens": over,
                    **known,
                    "doubt": f"unknown price keys: {', '.join(unread)}" if unread else "",
                }
