"""What the cost functions take and give back, and the tables in force."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import PriceError
from costmodel.months import Array
from costmodel.prices.book import PriceBook, default_layers

Numbers = npt.ArrayLike  # a number, an array or a Series
Words = npt.ArrayLike  # a word, or an array or Series of words
Day = date | npt.ArrayLike  # a date or ISO text, or an array or Series of them
Answer = Any  # float, ndarray or Series, as the inputs were


@cache
def shipped_book() -> PriceBook:
    """Return the shipped tables with the user's own laid over them, read once per process."""
    return PriceBook.read(*default_layers())


def today() -> date:
    """Return today's date in UTC."""
    return datetime.now(UTC).date()


def broadcast(**inputs: Any) -> tuple[dict[str, Any], tuple[int, ...], Any]:
    """Return inputs as flat columns of equal length, their shape, and the index to give back.

    One value for all stays one value, and a Series stays one, so that nothing is copied.
    """
    series = [value for value in inputs.values() if hasattr(value, "to_numpy")]
    arrays = {
        name: value if hasattr(value, "to_numpy") or not np.ndim(value) else np.asarray(value)
        for name, value in inputs.items()
        if value is not None
    }
    sizes = {name: np.shape(value) for name, value in arrays.items() if np.ndim(value)}
    try:
        shape = np.broadcast_shapes(*sizes.values())
    except ValueError:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        message = f"inputs of different shape cannot be combined: {shown}"
        raise PriceError(message) from None
    for name, size in sizes.items():
        if len(shape) > 1 or size != shape:
            arrays[name] = np.broadcast_to(np.asarray(arrays[name]), shape).ravel()
    return arrays, shape, getattr(series[0], "index", None) if series else None


def answer(usd: Array, shape: tuple[int, ...], index: Any) -> Answer:
    """Return money in the shape of the inputs. [US$]"""
    if index is not None and len(index) == math.prod(shape):
        import pandas as pd

        return pd.Series(usd, index=index)
    return float(usd[0]) if shape == () else usd.reshape(shape)


def refuse_negative(**inputs: Any) -> None:
    """Refuse inputs below 0, or no numbers at all."""
    for name, value in inputs.items():
        if value is not None and np.any(~(np.asarray(value, float) >= 0)):
            message = f"{name} must be >= 0, got {value}"
            raise PriceError(message)


def amounts(name: str, values: Any) -> Array:
    """Return an input as numbers. Shape (n,)"""
    try:
        return np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError):
        message = f"{name} must be a number, got {values!r}"
        raise PriceError(message) from None
