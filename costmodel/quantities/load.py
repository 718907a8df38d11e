"""Load over the hours of a week, and the replicas that follow it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from costmodel.errors import DataError
from costmodel.months import Array

HOURS_PER_DAY, HOURS_PER_WEEK = 24, 168
SECONDS_PER_HOUR = 3600.0
WEEKS_PER_MONTH = 365.25 / 12 / 7
MINUTES_PER_HOUR = 60.0
STEEPEST = 60.0  # exponent of a wave whose peak is about as high as a day allows


@lru_cache(maxsize=64)
def wave(peak_to_mean: float) -> Array:
    """Return a daily wave, the same on every day, with mean 1.

    Args:
        peak_to_mean: Its highest hour over its mean; 24 at most. [1]

    Returns:
        Load over mean load in each hour of the week. [1], shape (168,)

    >>> bool(np.allclose(wave(1.0), 1.0)), round(float(wave(2.0).max()), 6)
    (True, 2.0)
    """
    angle = np.cos(2.0 * np.pi * np.arange(HOURS_PER_DAY) / HOURS_PER_DAY)

    def day(steepness: float) -> Array:
        values = np.exp(steepness * (angle - 1.0))
        return np.asarray(values / values.mean(), float)

    low, high = 0.0, STEEPEST
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if day(middle).max() < peak_to_mean else (low, middle)
    shape = np.tile(day((low + high) / 2.0), HOURS_PER_WEEK // HOURS_PER_DAY)
    shape.setflags(write=False)
    return shape


def scaled(profile: Array) -> Array:
    """Return a profile of the hours of a week with mean 1.

    Args:
        profile: Load in each hour from Monday midnight, in any unit. Shape (168,)

    Raises:
        DataError: If it has not 168 numbers >= 0, or all are 0.
    """
    if profile.shape != (HOURS_PER_WEEK,) or not np.all(profile >= 0) or not profile.sum() > 0:
        message = (
            f"a profile has {HOURS_PER_WEEK} numbers >= 0, one for each hour of the week from "
            f"Monday midnight; got {profile.size}"
        )
        raise DataError(message)
    return np.asarray(profile / profile.mean(), float)


def standing_replicas(
    need: Array, at_least: float, cold_start_minutes: float, scale_down_minutes: float
) -> Array:
    """Return the replicas billed in each hour when their number follows the load.

    A replica is started before its hour and let go after it has been idle for a while.

    Args:
        need: Replicas that the load of each hour keeps busy. [1], shape (hours,)
        at_least: Replicas kept when there is little load. [1]
        cold_start_minutes: Time from the start until it answers. [min]
        scale_down_minutes: Time for which an idle one is kept. [min]

    Returns:
        Replica-hours in each hour. [h], shape (hours,)

    >>> standing_replicas(np.array([1.0, 3.0, 1.0, 1.0]), 1, 30, 30).tolist()
    [1.0, 4.0, 2.0, 1.0]
    """
    count = np.maximum(np.ceil(need - 1e-9), at_least)
    lag = scale_down_minutes / MINUTES_PER_HOUR
    kept = np.zeros_like(count)
    standing, warm, earlier = count, np.roll(count, 1), np.roll(count, 1)
    for hour in range(int(np.ceil(lag))):
        warm = np.maximum(warm, earlier)
        # what was busy later, too, is kept already
        kept = kept + (np.maximum(standing, earlier) - standing) * min(lag - hour, 1.0)
        standing, earlier = np.maximum(standing, earlier), np.roll(earlier, 1)
    started = np.maximum(count - warm, 0.0) * cold_start_minutes / MINUTES_PER_HOUR
    return np.asarray(count + started + kept, float)
