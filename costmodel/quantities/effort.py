"""Hours of people."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric
from costmodel.quantities.volumes import MINUTES_PER_HOUR


def effort_hours(occasions: Numeric, hours: Numeric) -> Array:
    """Count the hours of work that comes back.

    Args:
        occasions: How often it is done. [1/month], shape (..., T)
        hours: Hours each time. [h]

    Returns:
        Hours. [person-h/month], shape (..., T)
    """
    return np.asarray(occasions * np.asarray(hours), float)


def labelling_hours(
    occasions: Numeric, examples: Numeric, share: Numeric, minutes_per_example: Numeric
) -> Array:
    """Count the hours spent writing or renewing examples.

    Args:
        occasions: How often it is done. [1/month], shape (..., T)
        examples: Examples in the set. [1]
        share: Share of them written or renewed each time. [1]
        minutes_per_example: Writing, checking and correcting one. [min]

    Returns:
        Hours. [person-h/month], shape (..., T)

    >>> float(labelling_hours(1, 3_000, 0.3, 10))
    150.0
    """
    minutes = np.asarray(examples) * share * minutes_per_example
    return np.asarray(occasions * minutes / MINUTES_PER_HOUR, float)


def labelled_items(occasions: Numeric, examples: Numeric, share: Numeric) -> Array:
    """Count the examples that a vendor labels.

    Args:
        occasions: How often it is done. [1/month], shape (..., T)
        examples: Examples in the set. [1]
        share: Share of them labelled or renewed each time. [1]

    Returns:
        Examples. [item/month], shape (..., T)
    """
    return np.asarray(occasions * np.asarray(examples) * share, float)


def review_hours(occasions: Numeric, cases: Numeric, minutes_per_case: Numeric) -> Array:
    """Count the hours in which people read a sample of answers.

    Args:
        occasions: How often it is done. [1/month], shape (..., T)
        cases: Answers read each time. [1]
        minutes_per_case: Time for one. [min]

    Returns:
        Hours. [person-h/month], shape (..., T)
    """
    return np.asarray(occasions * np.asarray(cases) * minutes_per_case / MINUTES_PER_HOUR, float)
