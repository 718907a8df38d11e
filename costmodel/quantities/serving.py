"""Capacity that has to stand ready: replicas, units, hours."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric
from costmodel.quantities.volumes import SECONDS_PER_HOUR

# below this a fraction of a unit is an error of floating point, not a need
ROUNDING = 1e-9


def whole(need: Numeric) -> Array:
    """Round up to whole units.

    Args:
        need: Units needed. [1]

    >>> float(whole(0.1 * 3 * 10)), float(whole(3.1))
    (3.0, 4.0)
    """
    return np.asarray(np.maximum(np.ceil(np.asarray(need) - ROUNDING), 0.0), float)


def replicas_needed(
    tokens_per_hour: Numeric,
    peak_to_mean: Numeric,
    replica_tokens_per_second: Numeric,
    at_least: Numeric = 1.0,
) -> Array:
    """Count the replicas, or provisioned units, that serve the load at its peak.

    Args:
        tokens_per_hour: Mean load of all tasks together, prompt and answer. [token/h]
        peak_to_mean: Load at the peak over mean load. [1]
        replica_tokens_per_second: What one replica sustains, prompt and answer. [token/s]
        at_least: Replicas kept when there is little load. [1]

    Returns:
        Whole replicas. [1], shape (..., T)

    >>> float(replicas_needed(12 * 0.1 * 3_600_000, 1.75, 1000))
    3.0
    """
    mean = np.asarray(tokens_per_hour) / SECONDS_PER_HOUR / replica_tokens_per_second
    return np.maximum(whole(mean * peak_to_mean), at_least)


def capacity_hours(units: Numeric, hours: Numeric, active: Numeric) -> Array:
    """Count the hours for which capacity is billed, used or idle.

    Args:
        units: Replicas, instances or units. [1], shape (..., T)
        hours: Calendar hours of the month. [h], shape (T,)
        active: Share of the month in which they stand. [1], shape (..., T)

    Returns:
        Unit-hours. [h/month], shape (..., T)
    """
    return np.asarray(units * np.asarray(hours) * active, float)


def busy_hours(
    units: Numeric, hours: Numeric, active: Numeric, busy_replicas: Numeric, replicas: Numeric
) -> Array:
    """Count the part of the capacity hours in which it works.

    Args:
        units: Instances or units billed. [1], shape (..., T)
        hours: Calendar hours of the month. [h], shape (T,)
        active: Share of the month in which they stand. [1], shape (..., T)
        busy_replicas: Replicas that the mean load keeps busy. [1], shape (..., T)
        replicas: Replicas that stand. [1], shape (..., T)

    Returns:
        Busy unit-hours. [h/month], shape (..., T)
    """
    standing = np.asarray(replicas, float)
    share = np.minimum(busy_replicas / np.where(standing > 0, standing, 1.0), 1.0)
    return capacity_hours(units, hours, active) * share


def idle_hours(
    units: Numeric, hours: Numeric, active: Numeric, busy_replicas: Numeric, replicas: Numeric
) -> Array:
    """Count the part of the capacity hours in which it waits: peak reserve and rounding up.

    Args:
        units: Instances or units billed. [1], shape (..., T)
        hours: Calendar hours of the month. [h], shape (T,)
        active: Share of the month in which they stand. [1], shape (..., T)
        busy_replicas: Replicas that the mean load keeps busy. [1], shape (..., T)
        replicas: Replicas that stand. [1], shape (..., T)

    Returns:
        Idle unit-hours. [h/month], shape (..., T)
    """
    return capacity_hours(units, hours, active) - busy_hours(
        units, hours, active, busy_replicas, replicas
    )


def committed_hours(units: Numeric, hours: Numeric, within_term: Numeric) -> Array:
    """Count the hours of units bought for a term, paid whether or not they are used.

    Args:
        units: Units bought. [1], shape (...)
        hours: Calendar hours of the month. [h], shape (T,)
        within_term: 1 in the months of the term. [1], shape (T,)

    Returns:
        Unit-hours. [h/month], shape (..., T)
    """
    return np.asarray(units * np.asarray(hours) * within_term, float)
