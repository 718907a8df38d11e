"""Azure's retail prices: pages of the interface, or the meters that azure-genai-prices carries."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import COLUMNS, common

ADDRESS = (
    "https://prices.azure.com/api/retail/prices?$filter="
    "serviceName%20eq%20'Foundry%20Models'%20and%20priceType%20eq%20'Consumption'"
)
PAGE = "https://prices.azure.com/api/retail/prices"
# Mtok in one unit, and hours
UNITS = {"1K": 1e3, "1M": 1.0, "1 Hour": 1.0, "1/Hour": 1.0}
# words of meters; what is left over names the model
REGION = {
    **dict.fromkeys(("glbl", "global", "gl"), ""),
    **dict.fromkeys(("dzone", "dz", "datazone"), "data-zone"),
    **dict.fromkeys(("regnl", "regional", "regn", "rgnl", "rg"), "regional"),
}
INPUT = ("inp", "inpt", "input", "in")
OUTPUT = ("opt", "outp", "outpt", "out", "output")
CACHED = ("cchd", "cd", "cached", "cach", "cache", "ch")
WRITE = ("wr", "write")
NOISE = (
    "tokens",
    "token",
    "tkn",
    "1m",
    "1k",
    "unit",
    "units",
    "std",
    "shortco",
    "az",
    "model",
    "mdel",
)
HOSTING = ("hstng", "hosting", "deployment")
TRAINING = ("training", "trng", "train")
TUNED = ("ft", "finetuned", "dev")
# meters of sound, pictures, graders, search and throughput bought ahead
OTHER = re.compile(
    r"\b(?:aud|audio|rt|rtime|realtime|realtimeprvw|img|image|sora|video|tts|whisper|dall|trcb|tcrb"
    r"|transcribe|grdr|grader|pages|search|provisioned|overage|session|sessions|speech)\b"
)
LONG_CONTEXT = 272_000  # tokens beyond which OpenAI's models cost more; the meter says `LongCo`
FAMILY = {
    "Azure OpenAI GPT5": "gpt-",
    "Azure OpenAI PP FT GPT4s": "gpt-",
    "Azure OpenAI OSS Models": "gpt-",
    "Azure Deepseek Models": "deepseek-",
    "Azure Llama Models": "",
    "Azure Grok Models": "",
    "Azure Kimi": "kimi-",
    "Azure Mistral Models": "mistral-",
}
UNITED_STATES = re.compile(r"us\d?$")
PREFERRED = ("eastus2", "eastus")  # of regions with different prices


def _items(file: File) -> list[dict[str, object]] | None:
    data = file.json
    found = data.get("Items", data.get("items")) if isinstance(data, dict) else None
    if isinstance(found, list) and found and isinstance(found[0], dict) and "meterName" in found[0]:
        return found
    return None


def is_mine(file: File) -> bool:
    """Whether a file holds meters of Azure."""
    return _items(file) is not None


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return the meters of tokens, training and hosting in the common layout.

    Meters of sound, pictures and throughput are left out. Names of meters are short for names of
    models: what the words leave over is offered as `names`, to be matched without separators.

    Args:
        files: Pages of the interface (`Items`), or the snapshot of azure-genai-prices (`items`).
        on: Day of the import; not used.
    """
    del on
    data = pd.DataFrame([item for file in files for item in _items(file) or []])
    if "type" in data:
        data = data[data["type"] == "Consumption"]
    data = data[_public(data)]
    text = data["meterName"].str.lower().str.replace("data zone", "datazone")
    unit = data["unitOfMeasure"].map(UNITS)
    kept = unit.notna() & ~text.str.replace(r"[\s_-]+", " ", regex=True).str.contains(OTHER)
    data, unit, text = data[kept], unit[kept], text[kept]
    hours = data["unitOfMeasure"].str.contains("Hour")
    words = text.str.split(r"[\s_-]+", regex=True)
    # each name is taken apart once, however many regions repeat it
    named = {tuple(each): _word(each) for each in words}
    parsed = pd.DataFrame([named[tuple(each)] for each in words], index=data.index)
    parsed["usd"] = pd.to_numeric(data["retailPrice"], errors="coerce") * unit
    prefix = data["productName"].map(FAMILY).fillna("")
    parsed["model"] = (
        np.where(
            parsed["model"].str.startswith(("gpt", "o1", "o3", "o4", "text", "codex")), "", prefix
        )
        + parsed["model"]
    )
    parsed["effective_from"] = data["effectiveStartDate"].astype(str).str[:10]
    parsed["source_key"] = data["meterName"] + " (" + data["unitOfMeasure"] + ")"
    parsed["place"] = _place(data)
    parsed = parsed[(parsed["kind"] != "") & (parsed["model"] != "") & (parsed["usd"] > 0)]
    parsed = parsed[(parsed["kind"] == "hosting_per_hour") == hours.reindex(parsed.index)]
    # the price of one region stands for all, the newest meter for the older ones
    parsed = parsed.sort_values(["place", "effective_from"], kind="stable")
    keys = ["model", "mode", "region", "over_input_tokens"]
    latest = parsed.drop_duplicates([*keys, "kind"], keep="last")
    training = latest["kind"].isin(("price", "hosting_per_hour"))
    frames = [
        _wide(latest[~training], keys).assign(table="inference"),
        _wide(latest[training], keys).assign(
            table="finetuning", objective="sft", unit="mtok_epoch"
        ),
    ]
    rows = pd.concat([frame for frame in frames if len(frame)] or [pd.DataFrame(columns=COLUMNS)])
    rows = rows.assign(provider="azure", source=PAGE, names=rows["model"])
    tuned = (rows["table"] == "inference") & rows["tuned"].astype(bool)
    rows["model"] = np.where(tuned, "ft:" + rows["model"], rows["model"])
    rows["names"] = np.where(tuned, "ft:" + rows["names"], rows["names"])
    return common(rows)


def _rank(region: str) -> int:
    """Rank a region: the preferred ones, then the United States, then the rest."""
    if region in PREFERRED:
        return 1 + len(PREFERRED) - PREFERRED.index(region)
    return int(bool(UNITED_STATES.search(region)))


def _place(data: pd.DataFrame) -> pd.Series[int]:
    """Rank the regions in which a meter holds by the highest of them."""
    if "regions" in data:
        return data["regions"].map(lambda found: max(map(_rank, found), default=0))
    return data["armRegionName"].map(_rank)


def _public(data: pd.DataFrame) -> pd.Series[bool]:
    """Whether a meter holds outside of the clouds of governments, which have other prices."""
    if "regions" in data:
        return data["regions"].map(lambda found: not all(r.startswith("usgov") for r in found))
    return ~data["armRegionName"].str.startswith("usgov")


def _word(words: Sequence[str]) -> dict[str, object]:
    """Take the words of a meter apart."""
    have = set(words)
    kind = ""
    if have & set(TRAINING):
        kind = "price"
    elif have & set(HOSTING):
        kind = "hosting_per_hour"
    elif have & set(OUTPUT):
        kind = "output_per_mtok"
    elif have & set(CACHED):
        kind = "cache_write_per_mtok" if have & set(WRITE) else "cached_input_per_mtok"
    elif have & set(INPUT):
        kind = "input_per_mtok"
    mode = "batch" if "batch" in have else "priority" if "pp" in have else "standard"
    mode = "developer" if "dev" in have else mode
    taken = {
        *(*REGION, *INPUT, *OUTPUT, *CACHED, *WRITE, *NOISE, *HOSTING, *TRAINING, *TUNED),
        *("batch", "pp", "longco"),
    }
    return {
        "kind": kind,
        "mode": mode,
        "region": next((REGION[word] for word in words if word in REGION), ""),
        "over_input_tokens": LONG_CONTEXT if "longco" in have else 0,
        "tuned": bool(have & set(TUNED)),
        "model": "-".join(word for word in words if word not in taken),
    }


def _wide(long: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Turn one row per meter into one row per model, mode, region and tier."""
    wide = long.pivot_table(index=[*keys, "tuned"], columns="kind", values="usd", aggfunc="last")
    facts = long.groupby([*keys, "tuned"]).agg(
        effective_from=("effective_from", "max"), source_key=("source_key", "first")
    )
    return wide.join(facts).reset_index()
