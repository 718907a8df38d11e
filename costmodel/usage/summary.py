"""A priced ledger by day, model and project, as tables and for machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.prices.writing import FORMULA
from costmodel.usage.ledger import PICO, TOKENS, Ledger
from costmodel.usage.matching import Matching, matched
from costmodel.usage.names import named
from costmodel.usage.pricing import Priced, dollars, total

if TYPE_CHECKING:
    import pandas as pd

BY = {
    "day": ("day",),
    "model": ("provider", "model"),
    "project": ("project",),
}
LINES = ("day", "provider", "model", "mode", "region", "project", "team", "user", "meter", "kind")
AMOUNTS = ("requests", *TOKENS, "quantity")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
MONEY = {"list_pico": "list_usd", "billed_pico": "billed_usd"}


@dataclass(frozen=True, eq=False)
class Summary:
    """A ledger, what it costs by list, and what was billed.

    Attributes:
        ledger: What was used and billed.
        priced: The same with prices.
    """

    ledger: Ledger = field(repr=False)
    priced: Priced = field(repr=False)

    @cached_property
    def matching(self) -> Matching:
        """What was billed beside list."""
        return matched(self.priced)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The priced rows, models under the names of the price tables."""
        frame = self.priced.frame
        return frame.assign(model=named(frame, self.priced.book))

    @property
    def has_bill(self) -> bool:
        """Whether the ledger states any money."""
        return bool(self.priced.frame["stated"].any())

    def by(self, *names: str) -> pd.DataFrame:
        """Sum the ledger by some of its columns.

        Args:
            names: Columns of the ledger.

        Returns:
            These columns, requests (nan = not said), tokens, quantity, `list_pico` and
            `billed_pico` (10^-12 US$), `stated` (whether money is stated).
        """
        keys = list(names)
        frame = self.frame
        groups = frame.groupby(keys, observed=True, sort=True, as_index=False)
        sums = groups.agg(
            **{name: (name, "sum") for name in (*TOKENS, *MONEY)},
            stated=("stated", "any"),
        )
        # not said is not zero
        for name in ("requests", "quantity"):
            sums[name] = groups[name].sum(min_count=1)[name].to_numpy()
        # in an order that does not depend on that of the files
        words = {key: sums[key].astype(str) for key in keys if key != "day"}
        return sums.assign(**words).sort_values(keys, ignore_index=True)

    def days(self) -> pd.DataFrame:
        """Return the ledger by day, with what was matched."""
        found = self.by("day")
        groups = self.matching.groups
        for state in ("matched", "unexplained"):
            mine = groups[groups["state"] == state]
            parts = mine["billed_pico"] - (mine["list_pico"] if state == "unexplained" else 0)
            sums = parts.groupby(mine["day"]).sum()
            found[f"{state}_pico"] = found["day"].map(sums).fillna(0).astype(np.int64)
        return found

    def lines(self) -> pd.DataFrame:
        """Return the ledger by day, model, project and whoever used it, for a table of its own."""
        found = self.by(*LINES).drop(columns="stated")
        for pico, usd in MONEY.items():
            found[usd] = [exact(int(x)) for x in found.pop(pico)]
        found["day"] = found["day"].dt.strftime("%Y-%m-%d")
        for name in AMOUNTS:
            if name in TOKENS:
                found[name] = found[name].astype(np.int64)
        return harmless(found[[*LINES, *AMOUNTS, *MONEY.values()]])

    def as_dict(self) -> dict[str, Any]:
        """Return everything for machines; money in US dollars."""
        frame, matching = self.priced.frame, self.matching
        bill = self.has_bill
        groups = matching.groups
        unexplained = groups[groups["state"] == "unexplained"]
        unpriced = self.priced.unpriced
        return {
            "rows": len(frame),
            "records": self.ledger.records,
            "files": [asdict(export) for export in self.ledger.exports],
            "days": _records(self.days(), ["day"], bill=bill),
            "models": _records(self.by("provider", "model"), ["provider", "model"], bill=bill),
            "projects": _records(self.by("project"), ["project"], bill=bill),
            "list_usd": dollars(total(frame["list_pico"])),
            "billed_usd": dollars(total(frame["billed_pico"])) if bill else None,
            "matched_usd": dollars(matching.pico("matched")) if bill else None,
            "unpriced_usd": dollars(matching.pico("unpriced")) if bill else None,
            "unexplained_usd": dollars(self.unexplained_pico) if bill else None,
            "unexplained_billed_usd": dollars(matching.pico("unexplained")) if bill else None,
            "other_usd": dollars(total(matching.other["billed_pico"])) if bill else None,
            "unpriced": [
                {
                    **{name: row[name] for name in ("provider", "model", "mode", "region")},
                    **{name: row[name] for name in ("meter", "why", "rows", "tokens")},
                    **{name: _number(row[name]) for name in ("requests", "quantity")},
                    "billed_usd": dollars(row["billed_pico"]),
                }
                for row in unpriced.to_dict("records")
            ],
            "unexplained": [
                {
                    "provider": row["provider"],
                    "day": str(row["day"].date()),
                    "model": row["model"],
                    "list_usd": dollars(row["list_pico"]),
                    "billed_usd": dollars(row["billed_pico"]),
                    "difference_usd": dollars(row["billed_pico"] - row["list_pico"]),
                    "hint": row["hint"],
                }
                for row in unexplained.to_dict("records")
            ],
            "other": [
                {"what": row["what"], "billed_usd": dollars(row["billed_pico"])}
                for row in matching.other.to_dict("records")
            ],
            "notes": list(self.notes),
        }

    @property
    def unexplained_pico(self) -> int:
        """What was billed beyond list where the two differ. [10^-12 US$]"""
        matching = self.matching
        return matching.pico("unexplained") - matching.pico("unexplained", "list_pico")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was counted once, assumed, left out."""
        return (*self.ledger.notes, *self.priced.notes, *self.matching.notes)


def _number(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124


def exact(pico: int) -> str:
    """Write 10^-12 dollars as dollars, every digit of them.

    >>> exact(569_788_000_000), exact(-1_500_000_000_000), exact(0)
    ('0.569788', '-1.5', '0')
    """
    whole, part = divmod(abs(pico), PICO)
    digits = f"{part:012d}".rstrip("0")
    return f"{'-' if pico < 0 else ''}{whole}{'.' if digits else ''}{digits}"


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of whose words a spreadsheet takes none for a formula; numbers stay."""

    def one(word: Any) -> Any:
        if not isinstance(word, str) or not word.startswith(FORMULA) or NUMBER.fullmatch(word):
            return word
        return f"'{word}"

    texts = [name for name, kind in frame.dtypes.items() if kind.kind not in "iufbM"]
    return frame.assign(**{str(name): [one(word) for word in frame[name]] for name in texts})


def _records(found: pd.DataFrame, keys: Sequence[str], *, bill: bool) -> list[dict[str, Any]]:
    records = []
    for row in found.to_dict("records"):
        record: dict[str, Any] = {
            key: str(row[key].date()) if key == "day" else str(row[key]) for key in keys
        }
        record |= {"requests": _number(row["requests"])} | {name: row[name] for name in TOKENS}
        record["list_usd"] = dollars(row["list_pico"])
        record["billed_usd"] = dollars(row["billed_pico"]) if row["stated"] else None
        if bill and "matched_pico" in row:
            record["matched_usd"] = dollars(row["matched_pico"])
            record["unexplained_usd"] = dollars(row["unexplained_pico"])
        records.append(record)
    return records
