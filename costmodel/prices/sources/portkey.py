"""Portkey-AI/models: `pricing/<provider>.json`, US cents per token, with training prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from costmodel.errors import DataError
from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

PER_MTOK = 1e4  # of a price in cents per token
PER_DOLLAR = 100.0
PROVIDERS = {
    "mistral-ai": "mistral",
    "together-ai": "together",
    "fireworks-ai": "fireworks",
    "x-ai": "xai",
    "azure-openai": "azure",
    "azure-ai": "azure",
    "bedrock-mantle": "bedrock",
    "vertex-ai": "vertex",
}
COLUMN = {
    "request_token": "input_per_mtok",
    "cache_read_input_token": "cached_input_per_mtok",
    "cache_write_input_token": "cache_write_per_mtok",
    "response_token": "output_per_mtok",
}
PAGE = "https://github.com/Portkey-AI/models"


def is_mine(file: File) -> bool:
    """Whether a file is one of Portkey's tables."""
    data = file.json
    return isinstance(data, dict) and any(
        isinstance(entry, dict) and "pricing_config" in entry for entry in data.values()
    )


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return Portkey's tables in the common layout.

    Args:
        files: One JSON file for each provider, named after it.
        on: Day of the import; not used.
    """
    del on
    rows = [row for file in files if is_mine(file) for row in _rows(file)]
    if not rows:
        message = f"{files[0].name}: holds no prices"
        raise DataError(message)
    return common(pd.DataFrame(rows))


def _rows(file: File) -> Iterator[dict[str, Any]]:
    stem = PurePosixPath(file.name).stem
    provider = PROVIDERS.get(stem, stem)
    for model, entry in file.json.items():
        config = (entry or {}).get("pricing_config") or {}
        if model == "default" or not config:
            continue
        row = {
            "provider": provider,
            "model": model,
            "source": PAGE,
            "source_key": f"{stem}/{model}",
        }
        modes: dict[tuple[str, str], Mapping[str, Any]] = {
            ("", "standard"): config.get("pay_as_you_go") or {},
            ("", "batch"): config.get("batch_config") or {},
        }
        regions = (entry.get("custom_pricing") or {}).get("regions") or {}
        for region, offered in regions.items():
            for mode, inner in (offered.get("execution_modes") or {}).items():
                stated = (inner.get("pricing_config") or {}).get("pay_as_you_go") or {}
                modes["" if region == "default" else region, mode] = stated
        for (region, mode), stated in modes.items():
            prices = {
                COLUMN[key]: cell["price"] * PER_MTOK
                for key, cell in stated.items()
                if key in COLUMN and cell.get("price") is not None
            }
            if prices:
                yield {**row, "table": "inference", "mode": mode, "region": region, **prices}
        yield from _training(row, config.get("finetune_config") or {})


def _training(row: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the training prices: of tokens for examples, of hours for reinforcement."""
    for key, unit, objective, factor in (
        ("pay_per_token", "mtok_epoch", "sft", PER_MTOK),
        ("pay_per_hour", "hour", "rft", 1 / PER_DOLLAR),
    ):
        price = (config.get(key) or {}).get("price")
        if price:
            yield {
                **row,
                "table": "finetuning",
                "unit": unit,
                "objective": objective,
                "price": price * factor,
            }
