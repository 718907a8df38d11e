"""Gateways and tracers: OpenRouter, LiteLLM, Langfuse, Helicone.

OpenRouter's money is a bill; that of the others is what the tool works out by its own table, and
stands as `computed`.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    Columns,
    Layout,
    levels,
    paid,
    provider_of,
    requests_of,
    tagged,
    taken,
    tokens,
)

if TYPE_CHECKING:
    import pandas as pd

# column of the ledger -> column of the export
NAMES: dict[str, dict[str, str]] = {
    "openrouter activity": {
        "day": "date",
        "model": "model_permaslug",
        "provider": "provider_name",
        "money": "usage",
        "project": "workspace_id",
        "requests": "requests",
        "input_tokens": "prompt_tokens",
        "cached_input_tokens": "cached_tokens",
        "output_tokens": "completion_tokens",
        "scope": "endpoint_id",
    },
    "openrouter generations": {
        "day": "created_at",
        "model": "model_permaslug",
        "provider": "provider_name",
        "money": "cost_total",
        "input_tokens": "tokens_prompt",
        "cached_input_tokens": "tokens_cached",
        "output_tokens": "tokens_completion",
        "id": "generation_id",
    },
    "litellm spend logs": {
        "day": "startTime",
        "model": "model",
        "provider": "custom_llm_provider",
        "money": "spend",
        "team": "team_id",
        "user": "user",
        "tags": "request_tags",
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "id": "request_id",
    },
    "litellm daily": {
        "day": "date",
        "model": "model",
        "provider": "custom_llm_provider",
        "money": "spend",
        "team": "team_id",
        "user": "user_id",
        "requests": "api_requests",
        "input_tokens": "prompt_tokens",
        "cached_input_tokens": "cache_read_input_tokens",
        "cache_write_tokens": "cache_creation_input_tokens",
        "output_tokens": "completion_tokens",
        "scope": "api_key",
    },
    "helicone": {
        "day": "request_created_at",
        "model": "request_model",
        "provider": "provider",
        "money": "cost",
        "user": "request_user_id",
        "input_tokens": "prompt_tokens",
        "cached_input_tokens": "prompt_cache_read_tokens",
        "cache_write_tokens": "prompt_cache_write_tokens",
        "output_tokens": "completion_tokens",
        "total": "total_tokens",
        "id": "request_id",
    },
    "langfuse": {
        "day": "start_time",
        "model": "provided_model_name",
        "money": "total_cost",
        "project": "project_id",
        "id": "id",
        "details": "usage_details",
    },
    "langfuse (api)": {
        "day": "startTime",
        "model": "model",
        "money": "calculatedTotalCost",
        "id": "id",
        "details": "usageDetails",
    },
}
NEEDS = {
    "openrouter activity": ("date", "model_permaslug", "usage", "prompt_tokens"),
    "openrouter generations": ("created_at", "cost_total", "tokens_prompt", "model_permaslug"),
    "litellm spend logs": ("request_id", "spend", "startTime", "prompt_tokens"),
    "litellm daily": ("date", "spend", "api_requests", "prompt_tokens"),
    "helicone": ("request_created_at", "prompt_tokens", "completion_tokens"),
    "langfuse": ("start_time", "provided_model_name", "usage_details"),
    "langfuse (api)": ("startTime", "usageDetails", "model"),
}
PARTS = ("cached_input_tokens", "cache_write_tokens")
CACHE_READ = re.compile(r'"(?:cache_read_input_tokens|cached_tokens)"\s*:\s*(\d+)')
CACHE_WRITE = re.compile(r'"cache_creation_input_tokens"\s*:\s*(\d+)')
MAKERS = {"claude": "anthropic", "gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai"}
MAKERS |= {"gemini": "google", "mistral": "mistral", "grok": "xai", "deepseek": "deepseek"}
MAKERS |= {"command": "cohere", "text-embedding": "openai", "chatgpt": "openai"}


def _provider(batch: pd.DataFrame, names: dict[str, str]) -> Any:
    """Return who served a request: named by the export, or told from the name of the model."""
    if names.get("provider", "") in batch:
        return levels(provider_of, batch[names["provider"]])

    def maker(model: str) -> str:
        first, slash, _ = model.partition("/")
        if slash:
            return provider_of(first)
        return next((who for name, who in MAKERS.items() if model.lower().startswith(name)), "")

    return levels(maker, batch[names["model"]])


def _model(name: str) -> str:
    """Return a model without the maker and the variant of a router."""
    word = name.partition("/")[2] or name
    return word.partition(":")[0] if not word.startswith("ft:") else word


def rows(batch: pd.DataFrame, names: dict[str, str], money: str) -> Columns:
    """Read requests, or sums of them by day."""
    day, minute = cells.moments(batch[names["day"]], names["day"])
    made: Columns = {"day": day, "minute": minute, "provider": _provider(batch, names)}
    made["model"] = levels(_model, batch[names["model"]])
    made |= taken(
        batch, **{word: names[word] for word in ("project", "team", "user") if word in names}
    )
    if names.get("tags", "") in batch:
        made["tags"] = tagged(batch[names["tags"]])
    if "requests" in names:
        made["requests"] = requests_of(batch, names["requests"])
    else:
        made["requests"] = np.ones(len(batch))
    made["scope"] = [batch[names[w]] for w in ("id", "scope") if names.get(w, "") in batch]
    if names["money"] in batch:
        made |= paid(batch, names["money"], money)
    return made | _tokens(batch, names)


def _tokens(batch: pd.DataFrame, names: dict[str, str]) -> Columns:
    if "details" in names:
        return _details(batch[names["details"]])
    used = {name: tokens(batch, names.get(name, "")) for name in ("input_tokens", *PARTS)}
    if "metadata" in batch:
        # nothing is kept of it but these two numbers
        text = [str(cell) for cell in batch["metadata"]]
        for name, pattern in zip(PARTS, (CACHE_READ, CACHE_WRITE), strict=True):
            found = [max(map(int, pattern.findall(cell)), default=0) for cell in text]
            used[name] = np.maximum(used[name], np.array(found, np.int64))
    parts = used["cached_input_tokens"] + used["cache_write_tokens"]
    output = tokens(batch, names["output_tokens"])
    outside = parts > used["input_tokens"]
    if names.get("total", "") in batch:
        # where the total says that cached tokens stand beside the prompt
        total = tokens(batch, names["total"])
        outside |= (parts > 0) & (total == used["input_tokens"] + parts + output)
    used["input_tokens"] = used["input_tokens"] + np.where(outside, parts, 0)
    return used | {"output_tokens": output}


def _details(values: Any) -> Columns:
    """Read a map of kinds of tokens, none of which is inside another."""
    names = ("input_tokens", *PARTS, "cache_write_1h_tokens", "output_tokens")
    sums = {name: np.zeros(len(values), np.int64) for name in names}
    for at, cell in enumerate(values):
        given = cell
        if isinstance(cell, str):
            try:
                given = json.loads(cell or "{}")
            except ValueError:
                raise cells.BadCellError(at, f"usage details are no JSON: {cell[:40]!r}") from None
        if not isinstance(given, dict):
            continue
        for key, value in given.items():
            if value is None or key == "total":
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
                message = f"usage details: {key} must be a whole number >= 0, got {value!r}"
                raise cells.BadCellError(at, message)
            if key.startswith("output") or "completion" in key:
                sums["output_tokens"][at] += int(value)
                continue
            sums["input_tokens"][at] += int(value)
            if "creation" in key or "write" in key:
                name = "cache_write_1h_tokens" if "1h" in key else "cache_write_tokens"
                sums[name][at] += int(value)
            elif "cach" in key:
                sums["cached_input_tokens"][at] += int(value)
    return sums


def _layout(name: str) -> Layout:
    columns = NAMES[name]
    billed = name.startswith("openrouter")
    return Layout(
        name,
        frozenset(NEEDS[name]),
        partial(rows, names=columns, money="billed" if billed else "computed"),
        frozenset(columns.values()) | ({"metadata"} if name == "litellm spend logs" else set()),
        sums=name in ("openrouter activity", "litellm daily"),
    )


LAYOUTS = tuple(_layout(name) for name in NAMES)
