"""From answers to successful outcomes."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric


def attempts(success_rate: Numeric, retries: Numeric) -> Array:
    """Return the expected attempts per request when a failed one is tried again.

    Args:
        success_rate: Share of single attempts that succeed. [1]
        retries: Further attempts after a failed one. [1]

    >>> float(attempts(0.8, 0)), float(attempts(0.5, 1))
    (1.0, 1.5)
    """
    rate = np.asarray(success_rate, float)
    safe = np.where(rate > 0, rate, 1.0)
    return np.where(rate > 0, success(rate, retries) / safe, np.asarray(retries) + 1.0)


def success(success_rate: Numeric, retries: Numeric) -> Array:
    """Return the share of requests that succeed in the end, 1 - (1 - p)^(r + 1).

    Args:
        success_rate: Share of single attempts that succeed, p. [1]
        retries: Further attempts after a failed one, r. [1]

    >>> float(success(0.5, 1))
    0.75
    """
    return np.asarray(1.0 - (1.0 - np.asarray(success_rate)) ** (np.asarray(retries) + 1.0))


def usd_per_success(
    usd_per_request: Numeric, success_rate: Numeric, retries: Numeric, failure_usd: Numeric
) -> Array:
    """Return the cost of one successful outcome.

    Args:
        usd_per_request: Cost of a request with all its attempts. [US$]
        success_rate: Share of single attempts that succeed. [1]
        retries: Further attempts after a failed one. [1]
        failure_usd: Damage of a request that fails in the end. [US$]

    Returns:
        (usd_per_request + (1 - P) failure_usd) / P, infinite if nothing succeeds. [US$]

    >>> float(usd_per_success(0.010, 0.95, 0, 1.50).round(5))
    0.08947
    """
    share = success(success_rate, retries)
    return per_outcome(usd_per_request + (1.0 - share) * failure_usd, share)


def per_outcome(usd: Numeric, succeeding: Numeric) -> Array:
    """Spread the cost of all requests over those that succeed.

    Args:
        usd: Cost of a request, damage included. [US$]
        succeeding: Share of the requests that succeed in the end. [1]

    Returns:
        Cost of one successful outcome, infinite if nothing succeeds. [US$]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.asarray(usd, float) / succeeding, float)
