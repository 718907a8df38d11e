"""Why actual and budget differ: quantity, mix and price, adding up to the last part of a dollar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costmodel.analysis.spending import Ints, Whole, zeros
from costmodel.months import Array


@dataclass(frozen=True, eq=False)
class Split:
    """A difference between actual and budget, line by line. [10^-12 US$], shape (L, T)

    Attributes:
        quantity: More or less of everything: the budget at the actual volume, less the budget.
        mix: A larger share of dear lines, or of cheap ones, at the prices of the budget; new
            lines and lines that are gone are that, too.
        price: The actual amounts at actual prices, less the same at those of the budget.
    """

    quantity: Whole
    mix: Whole
    price: Whole


def _over(money: Whole, amount: Array) -> Array:
    """Return unit prices, nan without an amount."""
    some = amount > 0
    return np.where(some, np.asarray(money, float) / np.where(some, amount, 1.0), np.nan)


def whole(values: Array) -> Whole:
    """Round money to whole parts of a dollar."""
    found = zeros(values.size)
    found[:] = [round(value) for value in values.ravel().tolist()]
    return found.reshape(values.shape)


def split(
    planned_amount: Array,
    planned: Whole,
    amount: Array,
    actual: Whole,
    listed: Whole,
    group: Ints,
) -> Split:
    """Divide actual less budget into quantity, mix and price.

    With amounts q, unit prices p and V the sum of the amounts of a group, b = budget, a = actual:

        quantity = qb pb (Va / Vb - 1)
        mix      = (qa - qb Va / Vb) pb
        price    = qa (pa - pb)

    A line that the budget does not have has the list price of its day for pb, or else what it
    cost; a month in which a group has no budget is all quantity. Each part is rounded to 10^-12
    US$, and mix takes what rounding leaves: the three add up exactly.

    Args:
        planned_amount: Amounts of the budget. [unit of the meter], shape (L, T)
        planned: Their cost. [10^-12 US$], shape (L, T)
        amount: Actual amounts. [unit of the meter], shape (L, T)
        actual: Their cost. [10^-12 US$], shape (L, T)
        listed: Their cost at list prices. [10^-12 US$], shape (L, T)
        group: Lines of one number have a volume in common. shape (L,)
    """
    count = int(group.max()) + 1 if group.size else 0
    volumes = [np.zeros((count, planned_amount.shape[-1])) for _ in range(2)]
    for volume, amounts in zip(volumes, (planned_amount, amount), strict=True):
        np.add.at(volume, group, amounts)
    before, after = (volume[group] for volume in volumes)
    unit = _over(planned, planned_amount)
    # what has no list price either is no matter of price
    list_unit = np.where(listed == 0, np.nan, _over(listed, amount))
    unit = np.where(np.isnan(unit), list_unit, unit)
    at_plan = np.where(np.isnan(unit), actual, whole(amount * np.nan_to_num(unit)))
    ratio = after / np.where(before > 0, before, 1.0)
    by_volume = np.asarray(planned, float) * (ratio - 1.0)
    more = np.where(before > 0, by_volume, np.asarray(at_plan, float))
    quantity = whole(more)
    price = actual - at_plan
    return Split(quantity, actual - planned - quantity - price, price)


def by_requests(
    planned: Whole, quantity: Whole, planned_requests: Array, requests: Array
) -> tuple[Whole, Whole]:
    """Divide what quantity makes of a month: more requests, and more tokens for each.

    Args:
        planned: Budget. [10^-12 US$], shape (T,)
        quantity: What quantity adds to it. [10^-12 US$], shape (T,)
        planned_requests: Requests of the budget. [1/month], shape (T,)
        requests: Actual ones, nan where not known. [1/month], shape (T,)

    Returns:
        What requests add, nought where they are not known, and what is left. shape (T,)
    """
    known = (planned_requests > 0) & np.isfinite(requests)
    ratio = np.where(known, requests, 1.0) / np.where(known, planned_requests, 1.0)
    more = whole(np.asarray(planned, float) * (ratio - 1.0))
    return more, quantity - more
