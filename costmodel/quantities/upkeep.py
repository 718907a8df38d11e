"""How often work comes back: changes, evaluations, ageing labels."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric

MONTHS_PER_YEAR = 12.0


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
