"""The ledger: what was used and what was billed, one row for each line of an export.

The frame of a ledger has these columns, always all of them, in this order:

day: UTC day of the request, or first day of the period. (datetime64[s], midnight)
minute: Minute of the day of a request, UTC; -1 where only the day is known. [min]
file, row: Export, and number of the record in it (1 = the first below the header; 0 = a sum
    of several).
layout: What the export was recognised as, e.g. `openai usage`.
provider, model, mode, region: As in the price tables where they know the name, else as in the
    export; blank = not said (mode: `standard`).
project, team, user: Who used it; blank = not said.
tags: JSON object of text, keys sorted; blank = none.
requests: Requests of the row, nan = not said. [1]
input_tokens: ALL input of all its requests: fresh, read from the cache, written to it. [token]
cached_input_tokens: Of these, read from the cache. [token]
cache_write_tokens, cache_write_1h_tokens: Of these, written to the cache for 5 minutes, for an
    hour. [token]
output_tokens: What the model wrote, reasoning included. [token]
request_tokens: Input of ONE request, by which tiers are chosen; 0 = not known, base tier. [token]
meter: What the row counts: `tokens` (the columns above), `money` (nothing else), or the name of
    another meter, e.g. `instance_hour`, `web_search`.
quantity: Amount of that other meter, nan = not said. [of the meter]
kind: usage, purchase, tax, credit, correction; `charge` = money of which the export does not say
    what for, e.g. the total of a day.
money: What `amount` is: billed, effective (amortised), computed (by the tool that logged: no
    bill); blank = the row states no money.
amount: Money, an exact integer; negative = a credit; 0 where `money` is blank. [10^-12 currency]
currency: ISO code, e.g. USD; blank where `money` is blank.

Tokens are those of the whole row, not of one request. Words are categories, so that ten million
rows stay small. A ledger never holds text of prompts, answers or people's names beside `user`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

PICO = 10**12  # parts of a dollar in which money is counted

NAMES = ("file", "layout", "provider", "model", "mode", "region", "project", "team", "user", "tags")
TOKENS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
)
KINDS = ("usage", "charge", "purchase", "tax", "credit", "correction")
MONEY = ("billed", "effective", "computed")
# column -> type and what it holds where an export does not say
COLUMNS: dict[str, tuple[str, Any]] = {
    "day": ("datetime64[s]", None),
    "minute": ("int16", -1),
    "file": ("category", ""),
    "row": ("int64", 0),
    **dict.fromkeys(NAMES[1:4], ("category", "")),
    "mode": ("category", "standard"),
    **dict.fromkeys(NAMES[5:], ("category", "")),
    "requests": ("float64", np.nan),
    **dict.fromkeys(TOKENS, ("int64", 0)),
    "request_tokens": ("int64", 0),
    "meter": ("category", "tokens"),
    "quantity": ("float64", np.nan),
    "kind": ("category", "usage"),
    "money": ("category", ""),
    "amount": ("int64", 0),
    "currency": ("category", ""),
}


@dataclass(frozen=True)
class Export:
    """A file that was read, and what it was recognised as.

    Attributes:
        file: Its name.
        layout: The layout, e.g. `litellm spend logs`.
        records: Records read.
        used: Columns that went into the ledger.
        ignored: Columns that did not.
        private: Columns of private text, dropped while reading.
    """

    file: str
    layout: str
    records: int
    used: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Ledger:
    """What was used and billed.

    Attributes:
        frame: Rows, with the columns of this module's docstring.
        exports: The files behind it.
        notes: What a reader should know: what was counted once, assumed, left out.
        foreign: Currency that is no dollar -> file and line where it first stands.
    """

    frame: pd.DataFrame = field(repr=False)
    exports: tuple[Export, ...] = ()
    notes: tuple[str, ...] = ()
    foreign: Mapping[str, str] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """Records read, of all exports."""
        return sum(export.records for export in self.exports)

    def of_projects(self, *names: str) -> Ledger:
        """Return the rows of some projects, of all where none is named.

        Raises:
            DataError: If no row is of such a project.
        """
        if not names:
            return self
        projects = self.frame["project"]
        known = {str(name) for name in projects.unique()} - {""}
        for name in names:
            if name not in known:
                message = f"the usage has no project {name!r}{nearest(name, known)}"
                raise DataError(message)
        return replace(self, frame=self.frame[projects.isin(names)].reset_index(drop=True))


@lru_cache(maxsize=512)
def _alone(word: str) -> Any:
    """Return the categories of a column that holds one word throughout."""
    import pandas as pd

    return pd.CategoricalDtype(pd.Index([word], dtype="str"))


def words(values: Any, count: int) -> pd.Categorical[Any]:
    """Return a column of words as categories; missing ones are blank."""
    import pandas as pd

    if not np.ndim(values):
        return pd.Categorical.from_codes(np.zeros(count, np.int8), dtype=_alone(str(values)))
    found = getattr(values, "array", values)
    if not isinstance(found, pd.Categorical):
        plain = values if isinstance(values, pd.Series) else np.asarray(values, object)
        codes, levels = pd.factorize(plain)
        names = pd.Index([str(level) for level in levels], dtype="str")
        found = pd.Categorical.from_codes(codes, names)
    if found.categories.dtype == object:
        # of one type, so that ledgers can be joined
        names = pd.Index([str(level) for level in found.categories], dtype="str")
        found = pd.Categorical.from_codes(found.codes, names)
    if found.codes.size and found.codes.min() < 0:
        if "" not in found.categories:
            found = found.add_categories([""])
        found = found.fillna("")
    return found


def holds(column: Any, *wanted: str) -> Any:
    """Tell in which rows a column of categories holds one of some words."""
    found = column.array
    return np.array([str(word) in wanted for word in found.categories], bool)[found.codes]


def rows_of(columns: Mapping[str, Any], count: int) -> pd.DataFrame:
    """Make rows of a ledger of some columns; those left out hold what "not said" means.

    Args:
        columns: Column -> values, or one value for all rows.
        count: Rows.
    """
    import pandas as pd

    made: dict[str, Any] = {}
    for name, (kind, default) in COLUMNS.items():
        values = columns.get(name, default)
        if kind == "category":
            made[name] = words(values, count)
        elif np.ndim(values):
            made[name] = np.asarray(values).astype(kind, copy=False)
        else:
            made[name] = np.full(count, values, kind)
    return pd.DataFrame(made, copy=False)


def joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put rows of ledgers one below the other."""
    import pandas as pd
    from pandas.api.types import union_categoricals

    parts = [frame for frame in frames if len(frame)]
    if not parts:
        return rows_of({}, 0)
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    made: dict[str, Any] = {}
    for name, (kind, _) in COLUMNS.items():
        values = [part[name] for part in parts]
        if kind == "category":
            made[name] = union_categoricals(values)
        else:
            made[name] = np.concatenate([part.to_numpy() for part in values])
    return pd.DataFrame(made, copy=False)
