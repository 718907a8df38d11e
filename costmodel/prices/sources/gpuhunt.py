"""gpuhunt: the catalogue of a provider as CSV, US dollars per hour of an instance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

COLUMNS = {"instance_name", "location", "price", "gpu_count", "gpu_name", "spot"}
PAGE = "https://github.com/dstackai/gpuhunt"
PROVIDERS = {"lambdalabs": "lambda", "datacrunch": "verda", "vastai": "vast"}


def is_mine(file: File) -> bool:
    """Whether a file is a catalogue of gpuhunt."""
    return set(file.header) >= COLUMNS


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return the instances with GPUs in the common layout.

    Args:
        files: `<provider>.csv` of one provider or of several; the name is the provider unless a
            column gives it.
        on: Day of the import; not used.
    """
    del on
    return pd.concat([_provider(file) for file in files if is_mine(file)], ignore_index=True)


def _provider(file: File) -> pd.DataFrame:
    data = file.table()
    data = data[pd.to_numeric(data["gpu_count"], errors="coerce") > 0]
    stem = PurePosixPath(file.name).stem
    memory = data.get("gpu_memory", pd.Series("", index=data.index)).str.removesuffix(".0")
    rows = pd.DataFrame(
        {
            "table": "gpu_rental",
            "provider": data.get("provider", pd.Series(stem, index=data.index)).replace(PROVIDERS),
            "instance": data["instance_name"],
            "gpu": data["gpu_name"],
            "names": data["gpu_name"] + np.where(memory != "", "-" + memory + "GB", ""),
            "gpu_count": pd.to_numeric(data["gpu_count"], errors="coerce"),
            "region": data["location"],
            "market": np.where(data["spot"].str.lower() == "true", "spot", "on_demand"),
            "price_per_hour": pd.to_numeric(data["price"], errors="coerce"),
            "source": PAGE,
        }
    )
    rows["source_key"] = rows["provider"] + "/" + rows["instance"] + "/" + rows["region"]
    keys = ["provider", "instance", "gpu", "region", "market"]
    rows = rows.sort_values("price_per_hour", kind="stable").drop_duplicates(keys)
    return common(rows.sort_values(keys, kind="stable"))
