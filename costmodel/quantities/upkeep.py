"""How often work comes back: changes, evaluations, ageing labels, models that retire."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from costmodel.months import Array, Numeric

MONTHS_PER_YEAR = 12.0
DAYS_PER_MONTH = 365.25 / MONTHS_PER_YEAR
TINY = 1e-12  # survival below which a curve is taken as ended


def expected_events(per_year: Numeric, active: Numeric) -> Array:
    """Return how many events to expect in each month.

    Args:
        per_year: Events in a year. [1/year]
        active: Share of the month in which they count. [1], shape (..., T)

    Returns:
        Events. [1/month], shape (..., T)

    >>> float(expected_events(2.0, 1.0).round(4))
    0.1667
    """
    return np.asarray(np.asarray(per_year) / MONTHS_PER_YEAR * active, float)


MOST_EVENTS = 60  # of a month


def drawn_events(per_year: Numeric, share: Array) -> Array:
    """Return how many events come in each month of a draw, where they come independently.

    Args:
        per_year: Events in a year, on average. [1/year], shape (..., T)
        share: Share of the outcomes (of Poisson's distribution) not above this one. [1], (..., T)

    Returns:
        Whole events. [1/month], shape (..., T)

    >>> drawn_events(12.0, np.array([0.3, 0.5, 0.9, 0.99])).tolist()
    [0.0, 1.0, 2.0, 4.0]
    """
    mean = np.asarray(per_year, float) / MONTHS_PER_YEAR
    events = np.zeros(np.broadcast_shapes(mean.shape, share.shape))
    chance = np.exp(-mean)
    reached = np.array(np.broadcast_to(chance, events.shape))
    for k in range(1, MOST_EVENTS + 1):
        more = share > reached
        if not more.any():
            break
        events += more
        chance = chance * mean / k
        reached += chance
    return events


def stored_models(active: Numeric, models: Numeric, versions: Numeric) -> Array:
    """Count the tuned models a provider stores.

    Args:
        active: Share of the month in which they are kept. [1], shape (..., T)
        models: Tuned models in use. [1]
        versions: Versions kept of each. [1]

    Returns:
        Model-months. [model-month], shape (..., T)
    """
    return np.asarray(active * np.asarray(models) * versions, float)


def stored_model_gb(active: Numeric, models: Numeric, versions: Numeric, gb: Numeric) -> Array:
    """Return the size of the tuned models a provider stores.

    Args:
        active: Share of the month in which they are kept. [1], shape (..., T)
        models: Tuned models in use. [1]
        versions: Versions kept of each. [1]
        gb: Size of one. [GB]

    Returns:
        Storage. [GB-month], shape (..., T)
    """
    return np.asarray(stored_models(active, models, versions) * gb, float)


def drift_events(monthly_decay: Numeric, limit: Numeric, every: Numeric, active: Numeric) -> Array:
    """Return how often quality has decayed so far that a model is tuned again.

    The decay is seen at an evaluation: the time to the limit is rounded up to the next one.

    Args:
        monthly_decay: Success lost in a month; 0 = none. [1/month]
        limit: Loss at which the model is tuned again. [1]
        every: Time between evaluations; 0 = seen at once. [month]
        active: Share of the month in which it counts. [1], shape (..., T)

    Returns:
        Events. [1/month], shape (..., T)

    >>> float(drift_events(0.01, 0.05, 2.0, 1.0).round(4))  # after 5 months, seen after 6
    0.1667
    """
    decay, step = np.asarray(monthly_decay, float), np.asarray(every, float)
    months = np.asarray(limit) / np.where(decay > 0, decay, 1.0)
    safe = np.where(step > 0, step, 1.0)
    seen = np.where(step > 0, np.ceil(months / safe - 1e-9) * safe, months)
    return np.asarray(np.where(decay > 0, 1.0 / np.maximum(seen, TINY), 0.0) * active, float)


def not_yet_done(times: Sequence[Array]) -> tuple[Array, ...]:
    """Return for each cause the share of its events whose common work nobody did that month.

    Events of one month share a training run, an evaluation and a release. The first cause does
    them; a later one only where none of the earlier happened, taken as independent.

    Args:
        times: Events of each cause, most certain first. [1/month], each of shape (..., T)

    Returns:
        Shares, in the same order. [1], each of shape (..., T)

    >>> [float(share) for share in not_yet_done([np.asarray(0.25), np.asarray(0.5)])]
    [1.0, 0.75]
    """
    shares: list[Array] = []
    nobody: Array = np.ones(())
    for each in times:
        shares.append(nobody)
        nobody = nobody * (1.0 - np.clip(each, 0.0, 1.0))
    return tuple(shares)


# models that retire


def cumulative_hazard(age: Numeric, ages: Array, survival: Array) -> Array:
    """Return the cumulative hazard of a survival curve: minus the logarithm of the survivors.

    Straight between the ages of the curve, and beyond the last one as steep as before it.

    Args:
        age: Age. [day], shape (...)
        ages: Ages of the curve, rising from 0. [day], shape (K,)
        survival: Share that reaches each. [1], shape (K,)

    Returns:
        Hazard up to that age. [1], shape (...)
    """
    hazard = -np.log(np.maximum(survival, TINY))
    age = np.maximum(np.asarray(age, float), 0.0)
    slope = (hazard[-1] - hazard[-2]) / (ages[-1] - ages[-2])
    return np.asarray(np.interp(age, ages, hazard) + np.maximum(age - ages[-1], 0.0) * slope)


def surviving(age: Numeric, further: Numeric, ages: Array, survival: Array) -> Array:
    """Return the chance that a model of some age serves some days more.

    Args:
        age: Its age now. [day], shape (...)
        further: Days from now. [day], shape (...)
        ages: Ages of the survival curve, rising from 0. [day], shape (K,)
        survival: Share that reaches each. [1], shape (K,)

    Returns:
        Chance. [1], shape (...)

    >>> curve = np.array([0.0, 100.0, 200.0]), np.array([1.0, 0.8, 0.2])
    >>> float(surviving(100.0, 100.0, *curve).round(12))
    0.25
    """
    before = cumulative_hazard(age, ages, survival)
    after = cumulative_hazard(np.asarray(age) + further, ages, survival)
    return np.asarray(np.exp(before - after))


def residual_life(chance: Numeric, age: Numeric, ages: Array, survival: Array) -> Array:
    """Return the days after which a model of some age has retired with a given chance.

    The quantile function of its life left: a uniform random number gives a draw of it.

    Args:
        chance: Chance, or a uniform random number below 1. [1], shape (...)
        age: Its age now. [day], shape (...)
        ages: Ages of the survival curve, rising from 0. [day], shape (K,)
        survival: Share that reaches each. [1], shape (K,)

    Returns:
        Days. [day], shape (...)

    >>> curve = np.array([0.0, 100.0, 200.0]), np.array([1.0, 0.8, 0.2])
    >>> float(residual_life(0.75, 100.0, *curve).round(9))
    100.0
    """
    hazard = -np.log(np.maximum(survival, TINY))
    slope = (hazard[-1] - hazard[-2]) / (ages[-1] - ages[-2])
    spent = np.maximum(1.0 - np.asarray(chance, float), TINY)
    target = cumulative_hazard(age, ages, survival) - np.log(spent)
    beyond = np.maximum(target - hazard[-1], 0.0) / slope
    return np.asarray(np.interp(target, hazard, ages) + beyond - age)


def expected_retirements(
    elapsed: Array, age: Numeric, fresh_age: Numeric, ages: Array, survival: Array
) -> Array:
    """Return how many forced moves to another base model to expect in each month.

    A model that retires is followed by one of `fresh_age`, which may retire, too: the renewal
    equation, a move taken as made in the middle of its month.

    Args:
        elapsed: Days since the stage began, at the bounds of the months; it stands still where
            the stage does not serve. [day], shape (T + 1,)
        age: Age of the model when the stage begins. [day], shape (..., 1) or scalar
        fresh_age: Age of a model one moves to. [day], shape (..., 1) or scalar
        ages: Ages of the survival curve, rising from 0. [day], shape (K,)
        survival: Share that reaches each. [1], shape (K,)

    Returns:
        Moves. [1/month], shape (..., T)

    >>> curve = np.array([0.0, 1000.0]), np.exp(np.array([0.0, -1.0]))  # no ageing
    >>> expected_retirements(np.array([0.0, 10.0, 20.0]), 0.0, 0.0, *curve).round(4)
    array([0.01, 0.01])
    """
    alive = surviving(age, elapsed, ages, survival)
    first = alive[..., :-1] - alive[..., 1:]
    middle = (elapsed[:-1] + elapsed[1:]) / 2
    expected: Array = first
    for month, moved in enumerate(middle):
        since = np.maximum(elapsed - moved, 0.0)
        left = surviving(fresh_age, since, ages, survival)
        again = left[..., :-1] - left[..., 1:]
        # the move of this month may itself be undone within it
        here = expected[..., month : month + 1] / (1.0 - again[..., month : month + 1])
        later = np.arange(elapsed.size - 1) > month
        expected = np.where(later, expected + here * again, expected)
        expected = np.where(np.arange(elapsed.size - 1) == month, here, expected)
    return np.asarray(expected)


def retirements_in(lives: Array, elapsed: Array) -> Array:
    """Count the forced moves in each month of drawn lives, the seam for random draws.

    Args:
        lives: Life left of the first model, then lives of those that follow it, from
            `residual_life`. [day], shape (..., N)
        elapsed: Days since the stage began, at the bounds of the months. [day], shape (T + 1,)

    Returns:
        Moves. [1/month], shape (..., T)

    >>> retirements_in(np.array([40.0, 10.0, 500.0]), np.array([0.0, 31.0, 59.0, 90.0]))
    array([0., 2., 0.])
    """
    ends = np.cumsum(lives, axis=-1)[..., None]
    inside = (ends >= elapsed[:-1]) & (ends < elapsed[1:])
    return np.asarray(inside.sum(axis=-2, dtype=float))
