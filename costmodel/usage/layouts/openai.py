"""OpenAI: costs and usage, of the dashboard (tables) and of the API (pages of buckets).

Input includes what was cached. Money comes by day, project and line item; a bucket begins at
midnight UTC.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    TRUE,
    Columns,
    Layout,
    levels,
    mode_of,
    paid,
    requests_of,
    taken,
    tokens,
    told,
)

if TYPE_CHECKING:
    import pandas as pd

WHO = {"project": "project_id", "user": "user_id"}
# what follows the model in a line item
ITEMS = ("input", "output", "cached input", "cache", "training", "audio", "image", "batch", "text")
# column of other endpoints -> meter
OTHER = {
    "images": "image",
    "characters": "character",
    "seconds": "audio_second",
    "usage_bytes": "stored_byte",
    "num_sessions": "session",
    "num_requests": "call",
}


def _day(batch: pd.DataFrame) -> Columns:
    day, minute = cells.moments(batch["start_time"], "start_time")
    scope = [batch[name] for name in ("end_time", "api_key_id", "organization_id") if name in batch]
    return {"day": day, "minute": minute, "provider": "openai", "scope": scope}


def _model(item: str) -> str:
    """Return the model a line item is about, blank if it is about something else."""
    name, comma, rest = item.partition(", ")
    return name.strip() if comma and any(word in rest.lower() for word in ITEMS) else ""


def costs(batch: pd.DataFrame, value: str, currency: str) -> Columns:
    """Read money by day."""
    made = _day(batch) | taken(batch, project="project_id", user="user_id")
    made |= paid(batch, value, "billed", currency)
    made |= {"meter": "money", "kind": "charge"}
    if "line_item" in batch:
        made["model"] = levels(_model, batch["line_item"])
        made["scope"] = [*made["scope"], batch["line_item"]]
    # days without use stand in the export, without money
    made["keep"] = made["money"] != ""
    return made


def usage(batch: pd.DataFrame) -> Columns:
    """Read tokens by day, model and whatever the export was grouped by."""
    made = _day(batch) | taken(batch, model="model", **WHO)
    mode = levels(mode_of, batch["service_tier"]) if "service_tier" in batch else "standard"
    if "batch" in batch:
        batched = told(lambda word: word.lower() in TRUE, batch["batch"])
        mode = np.where(batched, "batch", np.asarray(mode, object))
    if any(name in batch and tokens(batch, name).any() for name in OTHER_TOKENS):
        made["note"] = "tokens of audio and images stand at the price of text"
    return made | {
        "mode": mode,
        "requests": requests_of(batch, "num_model_requests"),
        "input_tokens": tokens(batch, "input_tokens"),
        "cached_input_tokens": tokens(batch, "input_cached_tokens"),
        "cache_write_tokens": tokens(batch, "input_cache_write_tokens"),
        "output_tokens": tokens(batch, "output_tokens"),
    }


def other(batch: pd.DataFrame, column: str) -> Columns:
    """Read images, characters, seconds, bytes and sessions."""
    made = _day(batch) | taken(batch, model="model", **WHO)
    quantity = cells.numbers(batch[column], column)
    requests = requests_of(batch, "num_model_requests")
    return made | {"meter": OTHER[column], "quantity": quantity, "requests": requests}


COSTS = frozenset({"end_time", "line_item", "project_id", "user_id", "api_key_id"})
TABLE = COSTS | {"organization_id", "amount_currency"}
USED = frozenset({"end_time", "project_id", "user_id", "api_key_id", "model", "num_model_requests"})
TOKENS_OF = {"service_tier", "batch", "input_cached_tokens", "input_cache_write_tokens"}
OTHER_TOKENS = frozenset(
    f"{way}_{kind}_tokens" for way in ("input", "output") for kind in ("audio", "image")
)
LAYOUTS = (
    Layout(
        "openai costs",
        frozenset({"start_time", "amount_value"}),
        partial(costs, value="amount_value", currency="amount_currency"),
        TABLE,
    ),
    Layout(
        "openai costs (api)",
        frozenset({"start_time", "amount.value"}),
        partial(costs, value="amount.value", currency="amount.currency"),
        COSTS | {"amount.currency"},
    ),
    Layout(
        "openai usage",
        frozenset({"start_time", "input_tokens", "num_model_requests"}),
        usage,
        USED | TOKENS_OF | OTHER_TOKENS | {"output_tokens", "organization_id"},
    ),
    *(
        Layout(
            f"openai usage ({meter})",
            frozenset({"start_time", "end_time", column}),
            partial(other, column=column),
            USED,
        )
        for column, meter in OTHER.items()
    ),
)
