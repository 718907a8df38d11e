"""How rents of GPUs moved: quarter by quarter, from dated readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costmodel.prices.writing import plain_number


def history(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows of `gpu_history.csv`.

    A series (one product of one seller, or one index) counts once in a quarter, with the median of
    its readings; list prices that did not move have few readings and count no less for it.

    Args:
        rows: Rows of `benchmarks/gpu_rents.csv`.

    Returns:
        gpu, market, quarter (its first day), usd_per_gpu_hour = median over the series, low and
        high = least and greatest of them [US$/GPU-hour], series, readings, note. As text.
    """
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    day = pd.to_datetime(frame["seen_on"])
    frame["quarter"] = day.dt.to_period("Q").dt.start_time.dt.date
    each = frame.groupby(["gpu", "market", "quarter", "series"])["usd_per_gpu_hour"]
    medians = each.agg(["median", "size"]).reset_index()
    found = medians.groupby(["gpu", "market", "quarter"], sort=True).agg(
        usd_per_gpu_hour=("median", "median"),
        low=("median", "min"),
        high=("median", "max"),
        series=("series", "size"),
        readings=("size", "sum"),
    )
    return [
        {
            "gpu": str(row["gpu"]),
            "market": str(row["market"]),
            "quarter": str(row["quarter"]),
            **{name: _text(row[name]) for name in ("usd_per_gpu_hour", "low", "high")},
            **{name: str(row[name]) for name in ("series", "readings")},
            "note": "",
        }
        for row in found.reset_index().to_dict("records")
    ]


def _text(usd: float) -> str:
    return plain_number(f"{usd:.5g}")
