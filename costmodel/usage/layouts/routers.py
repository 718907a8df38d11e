"""Gateways and tracers: OpenRouter, LiteLLM, Langfuse, Helicone.

OpenRouter's money is a bill; that of the others is what the tool works out by its own table, and
stands as `computed`.
"""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.usage import cells
from costmodel.usage.layouts.base import (
    Columns,
    Layout,
    column_of,
    levels,
    paid,
    provider_of,
    requests_of,
    tagged,
    taken,
    texts,
    tokens,
    told,
)
from costmodel.usage.ledger import TOKENS

if TYPE_CHECKING:
    import pandas as pd

# column of the ledger -> column of the export, or several of which it has one
NAMES: dict[str, dict[str, str | tuple[str, ...]]] = {
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
        "own_key": "byok_usage_inference",
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
        "own_key": "byok_usage_inference",
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
        "cached": "cache_hit",
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
        # the API, the tool that writes tables
        "model": ("request_model", "model"),
        "provider": "provider",
        "money": "cost",
        "user": "request_user_id",
        "input_tokens": "prompt_tokens",
        "cached_input_tokens": "prompt_cache_read_tokens",
        "cache_write_tokens": "prompt_cache_write_tokens",
        "output_tokens": "completion_tokens",
        "total": "total_tokens",
        "id": ("request_id", "response_id"),
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
        "model": ("model", "providedModelName"),
        "money": ("calculatedTotalCost", "totalCost"),
        "project": "projectId",
        "id": "id",
        "details": "usageDetails",
    },
}
NEEDS = {
    "openrouter activity": ("date", "model_permaslug", "usage", "prompt_tokens"),
    "openrouter generations": ("created_at", "cost_total", "tokens_prompt", "model_permaslug"),
    "litellm spend logs": ("request_id", "spend", "startTime", "prompt_tokens", "model"),
    "litellm daily": ("date", "spend", "api_requests", "prompt_tokens", "model"),
    "helicone": ("request_created_at", "prompt_tokens", "completion_tokens"),
    "langfuse": ("start_time", "provided_model_name", "usage_details"),
    "langfuse (api)": ("startTime", "usageDetails"),
}
PARTS = ("cached_input_tokens", "cache_write_tokens")
CACHE_READ = re.compile(r'"(?:cache_read_input_tokens|cached_tokens)"\s*:\s*(\d+)')
CACHE_WRITE = re.compile(r'"cache_creation_input_tokens"\s*:\s*(\d+)')
TURNED = re.compile(r"claude-(?P<number>[4-9](?:\.\d)?)-(?P<size>[a-z]+)(?:-\d{8})?")
MAKERS = {"claude": "anthropic", "gpt": "openai", "o1": "openai", "o3": "openai", "o4": "openai"}
MAKERS |= {"gemini": "google", "mistral": "mistral", "grok": "xai", "deepseek": "deepseek"}
MAKERS |= {"command": "cohere", "text-embedding": "openai", "chatgpt": "openai"}


def _provider(batch: pd.DataFrame, has: dict[str, str]) -> Any:
    """Return who served a request: named by the export, or told from the name of the model."""

    def maker(model: str) -> str:
        first, slash, _ = model.partition("/")
        if slash:
            return provider_of(first)
        return next((who for name, who in MAKERS.items() if model.lower().startswith(name)), "")

    if not has["model"]:
        return ""
    made = texts(maker, batch[has["model"]])
    if not has.get("provider"):
        return made
    named = texts(provider_of, batch[has["provider"]])
    return np.where(named == "", made, named)


def model_of(name: str) -> str:
    """Return a model without the maker and the variant of a router.

    >>> [model_of(x) for x in ("openai/gpt-4.1", "deepseek/deepseek-r1:free", "ft:gpt-4.1:o::7p")]
    ['gpt-4.1', 'deepseek-r1', 'ft:gpt-4.1:o::7p']
    >>> model_of("anthropic/claude-4.5-haiku-20251001")
    'claude-haiku-4-5'
    """
    word = name.partition("/")[2] or name
    word = word.partition(":")[0] if not word.startswith("ft:") else word
    # OpenRouter turns the names of Anthropic around
    found = TURNED.fullmatch(word)
    return f"claude-{found['size']}-{found['number'].replace('.', '-')}" if found else word


def rows(batch: pd.DataFrame, names: dict[str, str | tuple[str, ...]], money: str) -> Columns:
    """Read requests, or sums of them by day."""
    has = {
        word: column_of(batch, *((of,) if isinstance(of, str) else of))
        for word, of in names.items()
    }
    day, minute = cells.moments(batch[has["day"]], has["day"])
    made: Columns = {"day": day, "minute": minute, "provider": _provider(batch, has)}
    made |= taken(batch, **{word: has.get(word, "") for word in ("project", "team", "user")})
    if has["model"]:
        made["model"] = levels(model_of, batch[has["model"]])
    if has.get("tags"):
        made["tags"] = tagged(batch[has["tags"]])
    if "requests" in names:
        made["requests"] = requests_of(batch, has["requests"])
    else:
        made["requests"] = np.ones(len(batch))
    made["scope"] = [batch[has[w]] for w in ("id", "scope") if has.get(w)]
    made |= _tokens(batch, has)
    made |= paid(batch, has["money"], money) if has["money"] else {"money": ""}
    if has.get("own_key") and (cells.numbers(batch[has["own_key"]], has["own_key"]) > 0).any():
        made["note"] = "requests with keys of your own are billed by their providers, too"
    # steps of a trace that ask no model
    made["keep"] = np.asarray(made.get("model", ""), object) != ""
    for name in TOKENS:
        made["keep"] |= made.get(name, 0) > 0
    made["keep"] |= made.get("amount", np.zeros(len(batch))) != 0
    return made


def _tokens(batch: pd.DataFrame, has: dict[str, str]) -> Columns:
    if "details" in has:
        return _details(batch[has["details"]])
    used = {name: tokens(batch, has.get(name, "")) for name in ("input_tokens", *PARTS)}
    if "metadata" in batch:
        # nothing is kept of it but these two numbers
        text = [cells.written_out(cell) for cell in batch["metadata"]]
        for name, pattern in zip(PARTS, (CACHE_READ, CACHE_WRITE), strict=True):
            found = [max(map(int, pattern.findall(cell)), default=0) for cell in text]
            used[name] = np.maximum(used[name], np.array(found, np.int64))
    parts = used["cached_input_tokens"] + used["cache_write_tokens"]
    used["output_tokens"] = tokens(batch, has["output_tokens"])
    outside = parts > used["input_tokens"]
    if has.get("total"):
        # where the total says that cached tokens stand beside the prompt
        total = tokens(batch, has["total"])
        outside |= (parts > 0) & (total == used["input_tokens"] + parts + used["output_tokens"])
    used["input_tokens"] = used["input_tokens"] + np.where(outside, parts, 0)
    if has.get("cached"):
        # answered by the gateway itself, without the model
        own = told(lambda word: word.lower() == "true", batch[has["cached"]])
        used = {name: np.where(own, 0, values) for name, values in used.items()}
    return used


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
    known = chain.from_iterable((x,) if isinstance(x, str) else x for x in columns.values())
    billed = name.startswith("openrouter")
    return Layout(
        name,
        frozenset(NEEDS[name]),
        partial(rows, names=columns, money="billed" if billed else "computed"),
        frozenset(known) | ({"metadata"} if name == "litellm spend logs" else set()),
        sums=name in ("openrouter activity", "litellm daily"),
    )


LAYOUTS = tuple(_layout(name) for name in NAMES)
