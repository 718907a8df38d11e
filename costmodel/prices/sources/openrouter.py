"""OpenRouter: the answer of its models interface, texts in US dollars per token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import PRICES, common

PER_MTOK = 1e6  # of a price per token
COLUMN = {
    "prompt": "input_per_mtok",
    "completion": "output_per_mtok",
    "input_cache_read": "cached_input_per_mtok",
    "input_cache_write": "cache_write_per_mtok",
    "input_cache_write_1h": "cache_write_1h_per_mtok",
}
PAGE = "https://openrouter.ai/models"


def is_mine(file: File) -> bool:
    """Whether a file is an answer of OpenRouter."""
    data = file.json
    found = data.get("data") if isinstance(data, dict) else None
    return isinstance(found, list) and any(
        isinstance(entry, dict) and isinstance(entry.get("pricing"), dict) for entry in found
    )


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return OpenRouter's models in the common layout.

    Args:
        files: The JSON answer.
        on: Day of the import: later ends are still to come.
    """
    frame = pd.DataFrame([row for entry in files[0].json["data"] for row in _rows(entry, on)])
    for column in PRICES:
        # -1 marks names that stand for no model of their own
        usd = pd.to_numeric(frame.get(column, np.nan), errors="coerce")
        frame[column] = np.where(usd >= 0, usd * PER_MTOK, np.nan)
    return common(frame)


def _rows(entry: Mapping[str, Any], on: str) -> Iterator[dict[str, Any]]:
    row = {
        "provider": "openrouter",
        "model": str(entry["id"]),
        "source": PAGE,
        "source_key": str(entry["id"]),
    }
    top = entry.get("top_provider") or {}
    end = str(entry.get("expiration_date") or "")
    created = entry.get("created")
    yield {
        **row,
        "table": "models",
        "released": datetime.fromtimestamp(created, UTC).date().isoformat() if created else "",
        "retires": end,
        "retires_kind": ("retired" if end <= on else "announced") if end else "",
        "context_window": entry.get("context_length"),
        "max_output_tokens": top.get("max_completion_tokens"),
    }
    pricing = entry["pricing"]
    base = {column: pricing.get(key) for key, column in COLUMN.items()}
    if str(base["input_per_mtok"]).startswith("-"):
        return
    yield {**row, "table": "inference", **base}
    for over in pricing.get("overrides") or []:
        stated = {column: over[key] for key, column in COLUMN.items() if key in over}
        # at least so many tokens; our tiers begin above their threshold
        size = int(over["min_prompt_tokens"]) - 1
        yield {**row, "table": "inference", **base, **stated, "over_input_tokens": size}
