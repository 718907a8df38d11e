"""What a spread comes from, and what it is worth to know more, by draws alone."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array

ROUNDING = 1e-12  # of a mean over draws


def explained(values: Array, outcome: Array) -> float:
    """Return the share of the variance of an outcome that one input explains by itself.

    The outcomes are sorted by the input into groups of equal size; the variance of the means of the
    groups, less what chance alone would give them, over the whole (first-order index of Sobol).

    Args:
        values: Of the input, shape (S,)
        outcome: shape (S,)

    >>> from costmodel.quantities.distributions import uniforms
    >>> x, y = uniforms(4096, 2, 1).T
    >>> round(explained(x, 2 * x + y), 1), round(explained(y, 2 * x + y), 1)
    (0.8, 0.2)
    """
    whole = float(np.var(outcome))
    if whole <= 0 or np.ptp(values) == 0:
        return 0.0
    means, within, size = _grouped(values, outcome[:, np.newaxis])
    between = float(np.var(means[:, 0])) - float(within[0]) / size
    return float(np.clip(between / whole, 0.0, 1.0))


def _grouped(values: Array, outcomes: Array) -> tuple[Array, Array, float]:
    """Sort outcomes by an input into groups; return their means, variance inside, and size."""
    count = max(1, min(64, round(len(values) ** 0.5 / 2)))
    order = np.argsort(values, kind="stable")
    parts = np.array_split(outcomes[order], count)
    means = np.array([part.mean(axis=0) for part in parts])
    within = np.mean([part.var(axis=0) for part in parts], axis=0)
    return means, within, len(values) / count


def regret(outcomes: Array) -> float:
    """Return what not knowing costs: the option best on average against the best in each draw.

    Args:
        outcomes: What each option costs in each draw. [US$], shape (S, options)
    """
    return float(outcomes.mean(axis=0).min() - outcomes.min(axis=1).mean())


def worth_knowing(values: Array, outcomes: Array) -> float:
    """Return how much of the regret knowing one input would save. [US$]

    Args:
        values: Of the input, shape (S,)
        outcomes: What each option costs in each draw. [US$], shape (S, options)
    """
    if np.ptp(values) == 0:
        return 0.0
    means, _, _ = _grouped(values, outcomes)
    now = float(outcomes.mean(axis=0).min())
    saved = now - float(means.min(axis=1).mean())
    return saved if saved > ROUNDING * abs(now) else 0.0
