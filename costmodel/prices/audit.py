"""Sources side by side: where they differ from our tables or from each other, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from costmodel.prices.book import PriceBook
from costmodel.prices.imports import FOLDER, proposal, read_imported
from costmodel.prices.matching import TOLERANCE
from costmodel.prices.sources import SOURCES
from costmodel.prices.specs import Specs
from costmodel.prices.tables import CAUSES, Record

KEY = [
    *("table", "provider", "model", "mode", "region", "over_input_tokens", "window"),
    *("objective", "method", "unit", "instance", "market", "column", "since"),
]
OURS = "ours"


@dataclass(frozen=True, eq=False)
class Audit:
    """What sources say about the same prices.

    Attributes:
        on: Day.
        voices: Sources that were imported, with their versions.
        compared: Prices that at least one source and our tables have.
        found: One row per price on which voices differ: key columns, `ours`, a column per voice,
            `spelt` (their names), `cause`, `agree` (third voices) and `explained`.
        known: Rows of `disagreements.csv`.
        unheard: Those of them whose voice was imported and no longer differs.
    """

    on: date
    voices: Mapping[str, str]
    compared: int
    found: pd.DataFrame = field(repr=False)
    known: tuple[Record, ...] = field(repr=False)
    unheard: tuple[Record, ...] = field(repr=False)

    @property
    def unexplained(self) -> pd.DataFrame:
        """Differences without a cause."""
        return self.found[~self.found["explained"].astype(bool)]

    def by_cause(self) -> dict[str, int]:
        """Count differences by cause, those without one under `unexplained`."""
        words = self.found["cause"].str.extract(rf"({'|'.join(CAUSES)}):")[0]
        counts = words.where(self.found["explained"].astype(bool)).value_counts()
        return {**{str(k): int(v) for k, v in counts.items()}, "unexplained": len(self.unexplained)}


def audit(folders: Sequence[Path], book: PriceBook, on: date) -> Audit:
    """Set everything that was imported beside our tables.

    Args:
        folders: Folders of tables, later ones laid over earlier ones; the last import of a source
            counts.
        book: The same tables, read.
        on: Day whose prices are compared.

    Raises:
        DataError: If an imported file is broken.
    """
    parts, voices = [], {}
    for name in SOURCES:
        holders = [each for each in folders if (each / FOLDER / f"{name}.csv").is_file()]
        if not holders:
            continue
        frame = read_imported(holders[-1], name)
        origin, as_of = str(frame["origin"].iloc[0]), str(frame["as_of"].iloc[0])
        voices[name] = origin if not as_of else f"{origin} ({as_of})"
        made = proposal(name, origin, frame, folders, book, on, as_of)
        mine = made.frame[made.frame["provider"].isin(book.catalog.providers)]
        parts.append(mine[mine["table"] != "models"])
    known = tuple(Specs.of(book).rows("disagreements"))
    if not parts:
        return Audit(on, voices, 0, _beside(pd.DataFrame(), []), known, ())
    heard = pd.concat(parts, ignore_index=True)
    found = _beside(heard, list(voices))
    texts = " ".join(found["cause"]) if len(found) else ""
    unheard = tuple(
        row
        for row in known
        if row["voice"] in voices and f"{row['cause']}: {row['explanation']}" not in texts
    )
    ours = heard["status"].isin(("same", "changed"))
    return Audit(on, voices, int(ours.sum()), found, known, unheard)


def _beside(heard: pd.DataFrame, voices: Sequence[str]) -> pd.DataFrame:
    """Return one row per price on which voices differ."""
    columns = [*KEY, OURS, *voices, "spelt", "cause", "agree", "explained"]
    if heard.empty:
        return pd.DataFrame(columns=columns)
    numbers = heard.assign(
        new=pd.to_numeric(heard["new"], errors="coerce"),
        old=pd.to_numeric(heard["old"], errors="coerce"),
        since=heard["since"].where(heard["announced"].astype(bool), ""),
        window=np.where(heard["window"] != "", "window", ""),
        over_input_tokens=heard["over_input_tokens"].fillna(0.0),
        _own=heard["spelt"] != heard["model"],
    ).sort_values("_own", kind="stable")
    # a voice that has several prices for one of ours is heard with the first that differs
    numbers["_differs"] = ~np.isclose(
        numbers["new"], numbers["old"].fillna(numbers["new"]), rtol=TOLERANCE, atol=0
    )
    numbers = numbers.sort_values("_differs", ascending=False, kind="stable")
    first = numbers.drop_duplicates([*KEY, "origin"])
    wide = first.pivot_table(index=KEY, columns="origin", values="new", aggfunc="first")
    wide = wide.reindex(columns=list(voices))
    facts = first.groupby(KEY).agg(
        ours=("old", "first"),
        spelt=("spelt", lambda names: "|".join(dict.fromkeys(names))),
        cause=("cause", lambda said: "; ".join(dict.fromkeys(filter(None, said)))),
    )
    table = facts.join(wide).reset_index()
    values = table[[OURS, *voices]].to_numpy(float)
    spread = _spread(values)
    table = table[spread > TOLERANCE].reset_index(drop=True)
    values = table[[OURS, *voices]].to_numpy(float)
    table["agree"] = _agree(values, [OURS, *voices])
    table["explained"] = table["cause"] != ""
    return table[columns]


def _spread(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the relative distance between the least and the greatest of each row."""
    with np.errstate(all="ignore"):
        low = np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=1)
        high = np.nanmax(np.where(np.isfinite(values), values, -np.inf), axis=1)
        counted = np.isfinite(values).sum(axis=1)
        spread = np.where(counted > 1, high / low - 1, 0.0)
    return np.where(np.isnan(spread), 0.0, spread)


def _agree(values: np.ndarray[Any, Any], names: Sequence[str]) -> list[str]:
    """Say which voices agree with each other: `ours, portkey: 0.15 | litellm: 0.3`."""
    said = []
    for row in values:
        groups: dict[float, list[str]] = {}
        for value, name in zip(row, names, strict=True):
            if not np.isfinite(value):
                continue
            near = next((v for v in groups if np.isclose(v, value, rtol=TOLERANCE, atol=0)), value)
            groups.setdefault(near, []).append(name)
        said.append(" | ".join(f"{', '.join(who)}: {value:g}" for value, who in groups.items()))
    return said
