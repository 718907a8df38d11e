"""The errors a user can meet: each is one clear line that says where, what and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# letters a word needs to be searched for inside others, and names listed at most
SPEAKING, LISTED = 4, 8


class CostModelError(ValueError):
    """Something the user can put right; the command line prints it as one line and exits with 2."""


class PriceError(CostModelError):
    """A price, a model or a row of a price table is missing or wrong."""


class ScenarioError(CostModelError):
    """A scenario asks for something that is unknown, contradictory or impossible."""


class DataError(CostModelError):
    """A data file cannot be read as what it should be."""


def nearest(word: str, known: Iterable[str], limit: int = 3, *, listing: bool = True) -> str:
    """Return the end of an error message that names the nearest known words.

    Args:
        word: What was asked for.
        known: What there is.
        limit: Names shown at most.
        listing: Whether to list what there is when nothing is near.

    >>> nearest("growht", ["growth", "months"])
    "; did you mean 'growth'?"
    >>> nearest("zzz", ["b", "a"])
    '; known: a, b'
    """
    names = sorted({str(name) for name in known})
    lowered = {name.lower(): name for name in names}
    close = [lowered[name] for name in get_close_matches(str(word).lower(), lowered, n=limit)]
    inside = [
        n for n in names if len(word) >= SPEAKING and word.lower() in n.lower() and n not in close
    ]
    found = (close + inside)[:limit]
    if found:
        return "; did you mean " + " or ".join(repr(name) for name in found) + "?"
    if not names or not listing:
        return ""
    shown = ", ".join(names[:LISTED]) + (
        f", ... ({len(names)} in all)" if len(names) > LISTED else ""
    )
    return f"; known: {shown}"
