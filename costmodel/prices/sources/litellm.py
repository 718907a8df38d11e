"""litellm: `model_prices_and_context_window.json`, US dollars per token, no dates of prices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import PRICES, common
from costmodel.prices.windows import SLOTS_PER_DAY, SLOTS_PER_WEEK, written_window

PER_MTOK = 1e6  # of a price per token
# what is sold by the token; the prices of text count where a model also hears or speaks
KINDS = (
    *("chat", "responses", "completion", "embedding"),
    *("realtime", "audio_transcription", "audio_speech"),
)
PROVIDERS = {
    "text-completion-openai": "openai",
    "azure_ai": "azure",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock",
    "gemini": "google",
    "cohere_chat": "cohere",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "azure_text": "azure",
}
PREFIX = re.compile(
    r"^(?:azure_ai|azure_text|azure|bedrock_mantle|bedrock|gemini|groq|cohere|xai|together_ai|fireworks_ai"
    r"|mistral|deepseek|vertex_ai|openai|anthropic)/"
)
AZURE_REGIONS = {
    "us": "data-zone",
    "eu": "data-zone-eu",
    "apac": "data-zone-apac",
    "regional": "regional",
    "global": "",
    "global-standard": "",
}
AZURE_REGION = re.compile(rf"^({'|'.join(AZURE_REGIONS)})/(.*)$")
BEDROCK_REGION = re.compile(r"^((?:[a-z]{2}(?:-gov)?-[a-z]+-\d)|us-gov)/(?:invoke/)?(.*)$")
PRICE = re.compile(
    r"(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost"
    r"|cache_creation_input_token_cost)(_above_1hr)?(?:_above_(\d+)k_tokens)?"
    r"(?:_(batches|flex|priority))?"
)
COLUMN = {
    "input_cost_per_token": "input_per_mtok",
    "output_cost_per_token": "output_per_mtok",
    "cache_read_input_token_cost": "cached_input_per_mtok",
    "cache_creation_input_token_cost": "cache_write_per_mtok",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h_per_mtok",
}
MODES = {None: "standard", "batches": "batch", "flex": "flex", "priority": "priority"}
# the row prices what is longer than its threshold; xAI's dearer price begins at it
FROM_THRESHOLD = ("xai",)
# dates of these providers in the future are promises: not before
FLOORS = ("anthropic", "azure", "bedrock", "vertex")
ISO = r"\d{4}-\d{2}-\d{2}"


def is_mine(file: File) -> bool:
    """Whether a file is litellm's table."""
    data = file.json
    return isinstance(data, dict) and any(
        isinstance(entry, dict) and "litellm_provider" in entry for entry in data.values()
    )


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return litellm's table in the common layout.

    Args:
        files: The JSON file.
        on: Day of the import, ISO: later ends are still to come.
    """
    entries = {
        name: entry
        for name, entry in files[0].json.items()
        if isinstance(entry, dict) and entry.get("mode") in KINDS
    }
    facts = _facts(entries)
    prices = _prices(entries, facts)
    limit = pd.to_numeric(facts["max_input_tokens"], errors="coerce")
    models = facts.assign(
        table="models",
        context_window=limit.fillna(pd.to_numeric(facts["max_tokens"], errors="coerce")),
        retires=facts["deprecation_date"].where(
            facts["deprecation_date"].astype(str).str.fullmatch(ISO), ""
        ),
    )
    past = models["retires"] <= on
    kind = np.where(models["provider"].isin(FLOORS), "floor", "announced")
    models["retires_kind"] = np.where(past, "retired", kind)
    models.loc[models["retires"] == "", "retires_kind"] = ""
    return pd.concat([common(prices), common(models)], ignore_index=True)


def _facts(entries: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per entry: provider, model, region and what is no price."""
    wanted = (
        *("litellm_provider", "mode", "max_input_tokens", "max_output_tokens", "max_tokens"),
        *("deprecation_date", "source", "input_cost_per_character"),
    )
    facts = pd.DataFrame(
        [{key: entry.get(key) for key in wanted} for entry in entries.values()], columns=[*wanted]
    )
    facts["source_key"] = list(entries)
    theirs = facts["litellm_provider"].fillna("").astype(str)
    family = theirs.where(~theirs.str.startswith("vertex_ai"), "vertex")
    facts["provider"] = family.replace(PROVIDERS)
    model = facts["source_key"].str.replace(PREFIX, "", regex=True)
    own = facts["source_key"].str.partition("/")
    model = model.where(own[0] != theirs, own[2])
    parts = model.str.extract(AZURE_REGION)
    azure = (facts["provider"] == "azure") & parts[0].notna()
    region = parts[0].map(AZURE_REGIONS).where(azure, "")
    model = parts[1].where(azure, model)
    parts = model.str.extract(BEDROCK_REGION)
    bedrock = (facts["provider"] == "bedrock") & parts[0].notna()
    facts["region"] = parts[0].where(bedrock, region)
    facts["model"] = parts[1].where(bedrock, model)
    facts["kind"] = facts["mode"]
    per_character = facts["input_cost_per_character"].fillna(0.0).astype(float) > 0
    facts["doubt"] = np.where(per_character, "billed per character", "")
    return facts.drop(columns="mode")


def _prices(entries: Mapping[str, Mapping[str, Any]], facts: pd.DataFrame) -> pd.DataFrame:
    cells = [
        (number, key, float(value))
        for number, entry in enumerate(entries.values())
        for key, value in entry.items()
        if key.startswith(("input_", "output_", "cache_")) and isinstance(value, int | float)
    ]
    long = pd.DataFrame(cells, columns=["entry", "key", "usd"])
    # the few names of prices are taken apart once, not once a row
    parsed = [(key, PRICE.fullmatch(key)) for key in long["key"].unique()]
    words = pd.DataFrame(
        [
            (
                key,
                COLUMN.get(found[1] + (found[2] or "")),
                1e3 * float(found[3] or 0),
                MODES[found[4]],
            )
            for key, found in parsed
            if found
        ],
        columns=["key", "column", "over_input_tokens", "mode"],
    ).dropna(subset="column")
    long = long.merge(words, on="key")
    long["usd"] *= PER_MTOK
    wide = long.pivot_table(
        index=["entry", "mode", "over_input_tokens"], columns="column", values="usd"
    )
    wide = wide.reindex(columns=list(PRICES)).reset_index()
    # a tier states what differs from the price below it
    base = wide[wide["over_input_tokens"] == 0].drop(columns="over_input_tokens")
    under = wide[["entry", "mode"]].merge(base, on=["entry", "mode"], how="left")
    wide[list(PRICES)] = wide[list(PRICES)].fillna(under[list(PRICES)])
    wide = pd.concat([wide, _fast(entries, wide)], ignore_index=True)
    wide = _off_peak(entries, wide.assign(window=""))
    facts = facts.drop(columns=["max_input_tokens", "max_output_tokens"])
    rows = wide.merge(facts, left_on="entry", right_index=True).assign(table="inference")
    rows.loc[rows["kind"] == "embedding", "output_per_mtok"] = np.nan
    inclusive = rows["provider"].isin(FROM_THRESHOLD) & (rows["over_input_tokens"] > 0)
    rows.loc[inclusive, "over_input_tokens"] -= 1
    return rows


def _fast(entries: Mapping[str, Mapping[str, Any]], wide: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the fast mode, which litellm has as a multiple of the standard price."""
    factor = pd.Series(
        [(entry.get("provider_specific_entry") or {}).get("fast") for entry in entries.values()],
        dtype=float,
    )
    rows = wide[(wide["mode"] == "standard") & wide["entry"].map(factor).notna()].copy()
    rows[list(PRICES)] = rows[list(PRICES)].mul(rows["entry"].map(factor), axis=0)
    return rows.assign(mode="fast")


def _off_peak(entries: Mapping[str, Mapping[str, Any]], wide: pd.DataFrame) -> pd.DataFrame:
    """Turn `peak with hours off` into `price of the day, dearer in a window`."""
    cheap = {
        number: entry["off_peak_pricing"]
        for number, entry in enumerate(entries.values())
        if isinstance(entry.get("off_peak_pricing"), dict)
    }
    peak = wide[wide["entry"].isin(cheap) & (wide["mode"] == "standard")].copy()
    peak["window"] = peak["entry"].map({k: _peak(off["windows"]) for k, off in cheap.items()})
    base = peak.assign(window="")
    for key, column in COLUMN.items():
        base[column] = base["entry"].map({k: off.get(key) for k, off in cheap.items()}) * PER_MTOK
    rest = wide.drop(peak.index)
    return pd.concat([rest, base, peak], ignore_index=True)


def _peak(windows: Sequence[Mapping[str, Any]]) -> str:
    """Return the half hours outside of the hours off, as a window."""
    peak = np.ones(SLOTS_PER_WEEK, bool)
    for window in windows:
        spans = window["hours_utc"]
        midnights = (np.array(window.get("weekdays", range(1, 8))) - 1) * SLOTS_PER_DAY
        for span in [spans] if isinstance(spans, str) else spans:
            start, stop = (
                int(hour) * 2 + int(minute) // 30
                for hour, minute in (clock.split(":") for clock in span.split("-"))
            )
            # to the same hour = the whole day; beyond midnight = into the next day
            off = start + np.arange((stop - start) % SLOTS_PER_DAY or SLOTS_PER_DAY)
            peak[(midnights[:, None] + off) % SLOTS_PER_WEEK] = False
    return written_window(peak)
