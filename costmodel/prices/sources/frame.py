"""The common layout of everything that is read from others, and what is doubtful about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from costmodel.prices.meters import TOKEN_COLUMNS

PRICES = tuple(TOKEN_COLUMNS)
TEXTS = (
    *("table", "provider", "model", "names", "mode", "region", "window"),
    *("objective", "method", "unit", "instance", "gpu", "market", "retires_kind", "replaced_by"),
    *("source", "source_key", "doubt"),
)
DATES = ("released", "retires", "effective_from", "effective_to")
NUMBERS = (
    *("over_input_tokens", *PRICES, "price", "hosting_per_hour", "gpu_count", "price_per_hour"),
    *("context_window", "max_output_tokens"),
)
COLUMNS = (
    *("table", "provider", "model", "names", "mode", "region", "over_input_tokens", "window"),
    *PRICES,
    *("objective", "method", "unit", "price", "hosting_per_hour"),
    *("instance", "gpu", "gpu_count", "market", "price_per_hour"),
    *("released", "retires", "retires_kind", "replaced_by", "context_window", "max_output_tokens"),
    *("effective_from", "effective_to", "source", "source_key", "doubt"),
)
# what names a row of each table that sources have
KEYS: dict[str, tuple[str, ...]] = {
    "inference": ("provider", "model", "mode", "region", "over_input_tokens", "window"),
    "finetuning": ("provider", "model", "objective", "method", "region", "mode", "unit"),
    "gpu_rental": ("provider", "instance", "region", "market"),
    "models": ("provider", "model"),
}
# and what it says
VALUES: dict[str, tuple[str, ...]] = {
    "inference": PRICES,
    "finetuning": ("price", "hosting_per_hour"),
    "gpu_rental": ("price_per_hour",),
    "models": ("retires",),
}
ABSURD = 1e15  # no price, no number of tokens
DIGITS = 9  # of a price: what is beyond comes of multiplying floats
DEAREST_MTOK, DEAREST_EMBEDDING = 1000.0, 10.0  # US$ per Mtok beyond which a unit has slipped
GPU_HOUR = (0.02, 60.0)  # US$ for one GPU
BATCH = (0.4, 1.0)  # share of the standard price
EMBEDDING = "embed"


def rounded(values: Any) -> npt.NDArray[np.float64]:
    """Round to nine digits, so that 0.09999999999999999 is 0.1.

    >>> float(rounded(1e-07 * 1e6))
    0.1
    """
    x = np.asarray(values, float)
    x = np.where(np.abs(x) < ABSURD, x, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.where((x != 0) & np.isfinite(x), np.floor(np.log10(np.abs(x))), 0.0)
    up = np.power(10.0, DIGITS - 1 - exponent)
    return np.asarray(np.round(x * up) / up, float)


def common(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with every column of the common layout, in order: text, floats, ISO dates."""
    out: dict[str, Any] = {}
    for column in COLUMNS:
        cells = frame.get(column)
        if column in NUMBERS:
            numbers = np.nan if cells is None else pd.to_numeric(cells, errors="coerce")
            out[column] = rounded(np.broadcast_to(np.asarray(numbers, float), (len(frame),)))
        elif cells is None:
            out[column] = np.full(len(frame), "", object)
        else:
            out[column] = cells.astype(object).where(cells.notna(), "").astype(str).to_numpy(object)
    made = pd.DataFrame(out, columns=list(COLUMNS))
    made["over_input_tokens"] = made["over_input_tokens"].fillna(0.0)
    is_price = made["table"].isin(("inference", "finetuning"))
    made.loc[is_price & (made["mode"] == ""), "mode"] = "standard"
    return made


def joined(*parts: pd.Series[Any]) -> pd.Series[Any]:
    """Join texts row by row with `; `, leaving out blanks."""
    out = parts[0]
    for part in parts[1:]:
        both = (out != "") & (part != "")
        out = out + np.where(both, "; ", "") + part
    return out


def doubtful(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its doubts: what cannot be right, or may mean something else.

    Zero for both input and output may mean "unknown"; a zero beside prices is taken as blank.
    """
    rows = frame["table"] == "inference"
    zero = rows & (frame[list(PRICES)].fillna(0.0) == 0.0).all(axis=1)
    out = frame.copy()
    for column in PRICES:
        out.loc[rows & ~zero & (out[column] == 0.0), column] = np.nan
    out.loc[rows & out["model"].str.contains(EMBEDDING, case=False), "output_per_mtok"] = np.nan
    named = out["model"].str.contains(EMBEDDING, case=False)
    dearest = out[["input_per_mtok", "output_per_mtok"]].max(axis=1)
    per_gpu = out["price_per_hour"] / out["gpu_count"]
    standard = out[rows & (out["mode"] == "standard")].drop_duplicates(
        ["provider", "model", "region", "over_input_tokens", "window", "effective_from"]
    )
    keys = ["provider", "model", "region", "over_input_tokens", "window"]
    listed = out[[*keys]].merge(
        standard.drop_duplicates(keys)[[*keys, "input_per_mtok"]], on=keys, how="left"
    )["input_per_mtok"]
    ratio = out["input_per_mtok"] / listed.to_numpy()
    checks = {
        "0 may mean unknown": zero,
        f"over ${DEAREST_MTOK:,.0f} per Mtok: the unit may have slipped": rows
        & (dearest > DEAREST_MTOK),
        f"over ${DEAREST_EMBEDDING:g} per Mtok for an embedding: the unit may have slipped": rows
        & named
        & (dearest > DEAREST_EMBEDDING),
        "cached input is dearer than input": rows
        & (out["cached_input_per_mtok"] > out["input_per_mtok"]),
        "output is cheaper than input: swapped, perhaps": rows
        & (out["output_per_mtok"] < out["input_per_mtok"]),
        f"batch is not {BATCH[0]:g} to {BATCH[1]:g} of standard": rows
        & (out["mode"] == "batch")
        & ~ratio.between(*BATCH)
        & ratio.notna(),
        f"a GPU hour outside ${GPU_HOUR[0]:g} to ${GPU_HOUR[1]:g}": (out["table"] == "gpu_rental")
        & ~per_gpu.between(*GPU_HOUR),
        "no price": (out["table"] == "gpu_rental") & out["price_per_hour"].isna(),
    }
    for text, holds in checks.items():
        said = pd.Series(np.where(holds, text, ""), index=out.index, dtype=object)
        out["doubt"] = joined(out["doubt"], said)
    return out
