"""SkyPilot's catalogue: `catalogs/v8/<cloud>/vms.csv`, US dollars per hour of an instance."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

COLUMNS = {"InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "Region"}
PAGE = "https://github.com/skypilot-org/skypilot-catalog"


def is_mine(file: File) -> bool:
    """Whether a file is a table of SkyPilot's catalogue."""
    return set(file.header) >= COLUMNS


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return the instances with GPUs in the common layout: on demand, and spot where it differs.

    Args:
        files: `vms.csv` of one cloud or of several; the folder is the cloud.
        on: Day of the import; not used.
    """
    del on
    return pd.concat([_cloud(file) for file in files if is_mine(file)], ignore_index=True)


def _cloud(file: File) -> pd.DataFrame:
    data = file.table()
    folders = PurePosixPath(file.name).parts[:-1]
    data = data[data["AcceleratorName"] != ""]
    for column in ("Price", "SpotPrice", "AcceleratorCount"):
        data[column] = pd.to_numeric(data.get(column, np.nan), errors="coerce")
    info = data.get("GpuInfo", pd.Series("", index=data.index))
    names = {text: _name(text) for text in info.unique()}
    spelt = info.map(names)
    base = pd.DataFrame(
        {
            "table": "gpu_rental",
            "provider": folders[-1] if folders else "",
            "instance": data["InstanceType"].where(
                data["InstanceType"] != "", data["AcceleratorName"]
            ),
            # the memory in GpuInfo is wrong for several clouds: the names alone are used
            "gpu": data["AcceleratorName"],
            "names": spelt,
            "gpu_count": data["AcceleratorCount"],
            "region": data["Region"],
            "source": PAGE,
            "doubt": np.where(data["InstanceType"] == "", "the GPU alone, without its host", ""),
        }
    )
    # some clouds repeat the price on demand as that of spot
    spot = data["SpotPrice"].where(data["SpotPrice"] < data["Price"])
    both = pd.concat(
        [
            base.assign(market="on_demand", price_per_hour=data["Price"]),
            base.assign(market="spot", price_per_hour=spot)[spot.notna()],
        ]
    )
    both = both[both["price_per_hour"].notna()]
    # one row per zone: the cheapest is what a region costs
    keys = ["provider", "instance", "gpu", "region", "market"]
    both = both.sort_values("price_per_hour", kind="stable").drop_duplicates(keys)
    both["source_key"] = both["provider"] + "/" + both["instance"] + "/" + both["region"]
    return common(both.sort_values(keys, kind="stable"))


def _name(info: str) -> str:
    """Return the name of the GPU in a cell of GpuInfo, a Python dict written as text."""
    try:
        gpus = ast.literal_eval(info.replace(": null", ": None"))["Gpus"]
        return str(gpus[0]["Name"])
    except (ValueError, SyntaxError, KeyError, IndexError, TypeError, MemoryError, RecursionError):
        return ""
