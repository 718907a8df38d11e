"""Anthropic: cost and usage reports, of the API (pages of buckets) and of the console (tables).

Input stands without what was cached or written, so that the ledger adds them up. Money of the API
is text in cents; money of the console is in dollars.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    Columns,
    Layout,
    Rows,
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

# column of the ledger -> column of the API, of the analytics API, of the console
USAGE: dict[str, dict[str, str]] = {
    "anthropic usage": {
        "day": "starting_at",
        "model": "model",
        "mode": "service_tier",
        "project": "workspace_id",
        "key": "api_key_id",
        "fresh": "uncached_input_tokens",
        "cached_input_tokens": "cache_read_input_tokens",
        "cache_write_tokens": "cache_creation.ephemeral_5m_input_tokens",
        "cache_write_1h_tokens": "cache_creation.ephemeral_1h_input_tokens",
        "output_tokens": "output_tokens",
        "searches": "server_tool_use.web_search_requests",
        "requests": "requests",
    },
    "anthropic usage (console)": {
        "day": "usage_date_utc",
        "model": "model_version",
        "mode": "usage_type",
        "project": "workspace",
        "key": "api_key",
        "fresh": "usage_input_tokens_no_cache",
        "cached_input_tokens": "usage_input_tokens_cache_read",
        "cache_write_tokens": "usage_input_tokens_cache_write_5m",
        "cache_write_1h_tokens": "usage_input_tokens_cache_write_1h",
        "output_tokens": "usage_output_tokens",
        "searches": "web_search_count",
    },
}
COST: dict[str, dict[str, str]] = {
    "anthropic cost": {
        "day": "starting_at",
        "money": "amount",
        "currency": "currency",
        "model": "model",
        "mode": "service_tier",
        "project": "workspace_id",
    },
    "anthropic cost (console)": {
        "day": "usage_date_utc",
        "money": "cost_usd",
        "model": "model",
        "mode": "usage_type",
        "project": "workspace",
    },
}
SCOPE = (
    *("ending_at", "description", "cost_type", "token_type", "context_window", "inference_geo"),
    *("speed", "product", "api_key_id", "api_key"),
)
LONG = re.compile(r"200k-|>")
LONG_TOKENS = 200_001  # stands for a prompt beyond the threshold of 200,000


def model_of(name: str) -> str:
    """Return the id of a model; the costs of the console have its name for people.

    >>> [model_of(x) for x in ("Claude Haiku 4.5", "claude-haiku-4-5-20251001")]
    ['claude-haiku-4-5', 'claude-haiku-4-5-20251001']
    """
    return re.sub(r"[ .]+", "-", name.lower()) if " " in name else name


def _scope(batch: pd.DataFrame) -> list[Any]:
    return [batch[name] for name in SCOPE if name in batch]


def _mode(batch: pd.DataFrame, name: str) -> Any:
    mode = levels(mode_of, batch[name]) if name in batch else "standard"
    if "speed" in batch:
        fast = told(lambda word: word.lower() == "fast", batch["speed"])
        mode = np.where(fast, "fast", np.asarray(mode, object))
    return mode


def usage(batch: pd.DataFrame, names: dict[str, str]) -> Rows:
    """Read tokens, and searches as rows of their own."""
    day, minute = cells.moments(batch[names["day"]], names["day"])
    made: Columns = {"day": day, "minute": minute, "provider": "anthropic"}
    made |= {"mode": _mode(batch, names["mode"]), "scope": _scope(batch)}
    made |= taken(batch, model=names["model"], project=names["project"], user=names["key"])
    parts = ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    used = {name: tokens(batch, names[name]) for name in (*parts, "output_tokens")}
    used["input_tokens"] = tokens(batch, names["fresh"]) + sum(used[name] for name in parts)
    requests = requests_of(batch, names.get("requests", ""))
    main = made | used | {"requests": requests}
    if "context_window" in batch:
        # told apart by the export, and surer than a mean
        long = told(LONG.search, batch["context_window"])
        main["request_tokens"] = np.where(long, LONG_TOKENS, 0).astype(np.int64)
    found: Rows = [(None, main)]
    searches = tokens(batch, names["searches"])
    at = np.flatnonzero(searches)
    if at.size:
        more = made | {"meter": "web_search", "quantity": searches.astype(float)}
        found.append((at, more))
    return found


def cost(batch: pd.DataFrame, names: dict[str, str], *, cents: bool) -> Columns:
    """Read money by day, model and type of token."""
    day, minute = cells.moments(batch[names["day"]], names["day"])
    made: Columns = {"day": day, "minute": minute, "provider": "anthropic", "scope": _scope(batch)}
    made |= taken(batch, project=names["project"])
    if names["model"] in batch:
        made["model"] = levels(model_of, batch[names["model"]])
    made |= {"mode": _mode(batch, names["mode"]), "meter": "money", "kind": "charge"}
    money = paid(batch, names["money"], "billed", names.get("currency", ""), cents=cents)
    return made | money | {"keep": money["money"] != ""}


KNOWN = frozenset({"context_window", *SCOPE})
LAYOUTS = (
    *(
        Layout(
            name,
            frozenset({columns["day"], columns["fresh"], columns["output_tokens"]}),
            partial(usage, names=columns),
            KNOWN | frozenset(columns.values()),
        )
        for name, columns in USAGE.items()
    ),
    *(
        Layout(
            name,
            frozenset({columns["day"], columns["money"]}),
            partial(cost, names=columns, cents=name == "anthropic cost"),
            KNOWN | frozenset(columns.values()),
        )
        for name, columns in COST.items()
    ),
)
