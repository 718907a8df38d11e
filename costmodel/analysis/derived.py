"""Tables that are computed from others: rebuilt from what they rest on, or found to be in step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from costmodel.analysis import lives, rents
from costmodel.errors import PriceError
from costmodel.prices.rows import read_table
from costmodel.prices.tables import TABLES
from costmodel.prices.writing import RawTable

# what a table is computed from
RAW = {"survival": "lifetimes", "gpu_history": "gpu_rents"}
SAME = 2e-3  # relative difference that another computer's arithmetic may make of a fit


def rebuilt(folder: Path, today: date) -> dict[str, RawTable]:
    """Return the tables of a folder that are not in step with what they are computed from.

    Args:
        folder: Tables.
        today: Day of the fit.

    Raises:
        PriceError: If the folder has none of the raw tables, or one that cannot be read.
    """
    found: dict[str, RawTable] = {}
    known = False
    for name, raw in RAW.items():
        rows = read_table(raw, [folder])
        if not rows:
            continue
        known = True
        if name == "survival":
            observed = lives.lives(rows)
            new = lives.table(observed, lives.fit(observed), today)
        else:
            new = rents.history(rows)
        old = read_table(name, [folder])
        if not _in_step(name, old, new):
            cells = tuple({column: str(cell) for column, cell in row.items()} for row in new)
            path = TABLES[name].path
            found[path] = RawTable(path, tuple(cells[0]), cells, (0,) * len(cells))
    if not known:
        files = " nor ".join(TABLES[raw].path for raw in RAW.values())
        message = f"{folder}: has neither {files}, from which tables are rebuilt"
        raise PriceError(message)
    return found


def _in_step(name: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> bool:
    if len(old) != len(new):
        return False
    table = TABLES[name]
    columns = [column for column in table.columns if column not in ("fitted_on", "note")]

    def same(column: str, a: Any, b: Any) -> bool:
        if column in table.numbers:
            return math.isclose(float(a), float(b), rel_tol=SAME, abs_tol=1e-5)
        return str(a) == str(b)

    return all(
        same(column, before[column], after[column])
        for before, after in zip(old, new, strict=True)
        for column in columns
    )
