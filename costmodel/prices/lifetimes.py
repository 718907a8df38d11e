"""How long models live at each provider, and how long before their end it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from costmodel.errors import PriceError
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs
from costmodel.prices.tables import Record

POOL = "pool"  # all providers together, in survival.csv
FEWEST_AGES = 2


@dataclass(frozen=True, eq=False)
class Curve:
    """Share of a provider's models that reach an age: rows of `survival.csv`.

    Attributes:
        provider: Whose models; `pool` = those of all providers.
        ages: Rising from 0. [day], shape (K,)
        survival: Share that reaches each. [1], shape (K,)
        lives, ended: Models behind it, and how many of them have an end.
        method: How it was fitted.
        fitted_on: When.
    """

    provider: str
    ages: Array = field(repr=False)
    survival: Array = field(repr=False)
    lives: int
    ended: int
    method: str
    fitted_on: date

    @property
    def said(self) -> str:
        """The curve in words."""
        whose = "all providers" if self.provider == POOL else self.provider
        return f"curve of {whose}, {self.ended} of {self.lives} lives ended (survival.csv)"


def curve_of(book: PriceBook, provider: str) -> Curve | None:
    """Return the survival curve of a provider, else of all providers; None without a table.

    Raises:
        PriceError: If the rows of the provider are no survival curve.
    """
    rows = Specs.of(book).rows("survival")
    for name in (provider, POOL):
        mine = [row for row in rows if row["provider"] == name]
        if mine:
            return _curve(sorted(mine, key=lambda row: float(row["age_days"])))
    return None


def _curve(rows: list[Record]) -> Curve:
    ages = np.array([float(row["age_days"]) for row in rows])
    survival = np.array([row["survival"] for row in rows], float)
    first = rows[0]
    where = f"{first['file']} line {first['line']}: {first['provider']}"
    for row in rows:
        if row["survival"] > 1:
            message = (
                f"{row['file']} line {row['line']}: survival is a share and must be <= 1, "
                f"got {row['survival']:g}"
            )
            raise PriceError(message)
    whole = len(rows) >= FEWEST_AGES and ages[0] == 0 and survival[0] == 1
    if not whole or np.any(np.diff(survival) > 0) or not survival[-1] < 1:
        message = f"{where} needs survival from 1 at age 0 downwards, at two ages or more"
        raise PriceError(message)
    return Curve(
        provider=first["provider"],
        ages=ages,
        survival=survival,
        lives=int(first["lives"]),
        ended=int(first["ended"]),
        method=first["method"],
        fitted_on=first["fitted_on"],
    )


def notice_of(book: PriceBook, provider: str) -> Record | None:
    """Return the row of `notices.csv`: how long before an end a provider says so."""
    rows = Specs.of(book).rows("notices")
    return next((row for row in rows if row["provider"] == provider), None)
