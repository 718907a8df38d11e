"""Tokens and requests that pass in a month."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric

TOKENS_PER_MTOK = 1e6
SECONDS_PER_HOUR = 3600.0
MINUTES_PER_HOUR = 60.0


def growing(start: Numeric, growth: Numeric, count: int) -> Array:
    """Grow a monthly figure at a constant rate.

    Args:
        start: Figure of the first month. [1/month], shape (..., 1)
        growth: Growth from month to month, 0.03 for 3 %. [1], shape (..., 1)
        count: Number of months. [month]

    Returns:
        Figure of each month. [1/month], shape (..., T)

    >>> growing(100.0, 0.1, 3).round(6)
    array([100., 110., 121.])
    """
    return np.asarray(start * (1.0 + np.asarray(growth)) ** np.arange(count), float)


def request_mtok(requests: Numeric, tokens: Numeric) -> Array:
    """Count the tokens moved by a number of requests.

    Args:
        requests: Requests served. [1/month], shape (..., T)
        tokens: Tokens of one kind in one request. [token]

    Returns:
        Tokens moved. [Mtok/month], shape (..., T)

    >>> float(request_mtok(requests=200_000, tokens=350))
    70.0
    """
    return np.asarray(requests * np.asarray(tokens) / TOKENS_PER_MTOK, float)


def hit_share(requests_per_hour: Numeric, ttl_minutes: Numeric) -> Array:
    """Estimate how often a cached prefix is still warm when the next request needs it.

    Requests arrive at random; a prefix stays warm for `ttl_minutes` after its last use.

    Args:
        requests_per_hour: Requests with this prefix. [1/h], shape (..., T)
        ttl_minutes: Time an unused prefix is kept. [min]

    Returns:
        Share of requests that find it warm, 1 - exp(-rate x time). [1], shape (..., T)

    >>> float(hit_share(requests_per_hour=60, ttl_minutes=5).round(4))
    0.9933
    """
    warm = np.asarray(requests_per_hour) * ttl_minutes / MINUTES_PER_HOUR
    return np.asarray(1.0 - np.exp(-warm), float)


def uncached_mtok(
    requests: Numeric,
    input_tokens: Numeric,
    prefix_tokens: Numeric,
    hit_share: Numeric,
    writes_billed: Numeric,
) -> Array:
    """Count the input that is billed at the full input price.

    Args:
        requests: Requests served. [1/month], shape (..., T)
        input_tokens: All input of one request. [token]
        prefix_tokens: Leading part of it that the provider caches. [token]
        hit_share: Share of requests that find the prefix warm. [1]
        writes_billed: 1 if a miss is billed as a cache write, 0 if as plain input. [1]

    Returns:
        Input at the full price. [Mtok/month], shape (..., T)

    >>> float(uncached_mtok(1e6, 2600, 2000, 0.5, 0).round(6))
    1600.0
    """
    kept = np.where(np.asarray(writes_billed) > 0, 1.0, hit_share)
    return request_mtok(requests, input_tokens - np.asarray(prefix_tokens) * kept)


def cached_mtok(requests: Numeric, prefix_tokens: Numeric, hit_share: Numeric) -> Array:
    """Count the input that is read from the provider's cache.

    Args:
        requests: Requests served. [1/month], shape (..., T)
        prefix_tokens: Leading part of the input that the provider caches. [token]
        hit_share: Share of requests that find the prefix warm. [1]

    Returns:
        Cached input. [Mtok/month], shape (..., T)
    """
    return request_mtok(requests, np.asarray(prefix_tokens) * hit_share)


def kept_mtok_hours(prefix_tokens: Numeric, hours: Numeric, active: Numeric) -> Array:
    """Count what keeping a prompt in a cache is billed for.

    Args:
        prefix_tokens: Part of the input that is kept. [token]
        hours: Calendar hours of the month. [h], shape (T,)
        active: Share of the month in which it is kept. [1], shape (..., T)

    Returns:
        Storage. [Mtok x h/month], shape (..., T)

    >>> float(kept_mtok_hours(200_000, 730, 1))
    146.0
    """
    kept = np.asarray(prefix_tokens) * np.asarray(hours) * active
    return np.asarray(kept / TOKENS_PER_MTOK, float)


def written_mtok(requests: Numeric, prefix_tokens: Numeric, hit_share: Numeric) -> Array:
    """Count the input that is written to the provider's cache, once for every miss.

    Args:
        requests: Requests served. [1/month], shape (..., T)
        prefix_tokens: Leading part of the input that the provider caches. [token]
        hit_share: Share of requests that find the prefix warm. [1]

    Returns:
        Cache writes. [Mtok/month], shape (..., T)
    """
    return request_mtok(requests, np.asarray(prefix_tokens) * (1.0 - np.asarray(hit_share)))


def present_value(usd_per_month: Numeric, discount_rate: Numeric) -> Array:
    """Return what costs to come are worth at the start.

    Args:
        usd_per_month: Cost of each month, falling due in its middle. [US$/month], shape (..., T)
        discount_rate: Rate at which later costs count less. [1/year]

    Returns:
        Sum over the months. [US$], shape (...)

    >>> float(present_value(np.full(24, 100.0), 0.0))
    2400.0
    >>> float(present_value(np.array([0.0, 110.0]), 1.0).round(4))
    100.8704
    """
    costs = np.asarray(usd_per_month, float)
    years = (np.arange(costs.shape[-1]) + 0.5) / 12
    rate = np.asarray(discount_rate, float)
    return np.asarray((costs * (1.0 + rate) ** -years).sum(axis=-1))
