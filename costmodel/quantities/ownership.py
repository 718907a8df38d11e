"""What owning GPUs takes: capital, power, space, support."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric

HOURS_PER_YEAR, MONTHS_PER_YEAR = 8760.0, 12.0


def capital_share(life_years: Numeric, residual_share: Numeric, capital_rate: Numeric) -> Array:
    """Return the share of a purchase that each year of its life bears, interest included.

    Args:
        life_years: Useful life. [year]
        residual_share: Resale value at its end over the purchase. [1]
        capital_rate: Cost of capital. [1/year]

    Returns:
        Share. [1/year]

    >>> float(capital_share(4, 0.2, 0.0))
    0.2
    >>> round(float(capital_share(4, 0.2, 0.10)) * 39_200)
    10677
    """
    years, rate = np.asarray(life_years, float), np.asarray(capital_rate, float)
    safe = np.where(rate > 0, rate, 1.0)
    recovery = np.where(rate > 0, safe / (1.0 - (1.0 + safe) ** -years), 1.0 / years)
    return np.asarray((1.0 - residual_share * (1.0 + rate) ** -years) * recovery, float)


def depreciated_gpus(
    gpus: Numeric,
    hours: Numeric,
    life_years: Numeric,
    residual_share: Numeric,
    capital_rate: Numeric,
) -> Array:
    """Count the purchases that a month bears.

    Args:
        gpus: GPUs owned. [1], shape (..., T)
        hours: Calendar hours of the month. [h], shape (T,)
        life_years: Useful life. [year]
        residual_share: Resale value at its end over the purchase. [1]
        capital_rate: Cost of capital. [1/year]

    Returns:
        GPUs. [GPU/month], shape (..., T)
    """
    share = capital_share(life_years, residual_share, capital_rate)
    return np.asarray(gpus * np.asarray(hours) / HOURS_PER_YEAR * share, float)


def supported_gpus(gpus: Numeric, hours: Numeric, support_share: Numeric) -> Array:
    """Count the purchases that support, spares and repairs of a month come to.

    Args:
        gpus: GPUs owned. [1], shape (..., T)
        hours: Calendar hours of the month. [h], shape (T,)
        support_share: Cost of a year over the purchase. [1/year]

    Returns:
        GPUs. [GPU/month], shape (..., T)
    """
    return np.asarray(gpus * np.asarray(hours) / HOURS_PER_YEAR * support_share, float)


def energy_kwh(
    gpus: Numeric,
    hours: Numeric,
    busy_share: Numeric,
    load_kw: Numeric,
    idle_kw: Numeric,
    pue: Numeric,
) -> Array:
    """Count the electricity of GPUs that work part of the time and wait the rest.

    Args:
        gpus: GPUs owned. [1], shape (..., T)
        hours: Calendar hours of the month. [h], shape (T,)
        busy_share: Share of the time in which they work. [1], shape (..., T)
        load_kw: At the wall, per GPU under load, its share of the server included. [kW]
        idle_kw: The same of a waiting one. [kW]
        pue: Power of the building over power of its machines. [1]

    Returns:
        Electricity. [kWh/month], shape (..., T)

    >>> float(energy_kwh(1, 8760, 1.0, 0.87, 0.26, 1.3).round())
    9908.0
    """
    busy = np.minimum(busy_share, 1.0)
    power = busy * np.asarray(load_kw) + (1.0 - busy) * np.asarray(idle_kw)
    return np.asarray(gpus * np.asarray(hours) * power * pue, float)


def colocation_kw(gpus: Numeric, provisioned_kw: Numeric) -> Array:
    """Count the power that is kept ready for GPUs, which is what space is billed by.

    Args:
        gpus: GPUs owned. [1], shape (..., T)
        provisioned_kw: Per GPU, its share of the server included. [kW]

    Returns:
        Power. [kW-month/month], shape (..., T)
    """
    return np.asarray(gpus * np.asarray(provisioned_kw), float)


def owned(need: Numeric, server_gpus: Numeric) -> Array:
    """Count the GPUs that are owned: whole servers, and none is given back.

    Args:
        need: GPUs that replicas occupy. [1], shape (..., T)
        server_gpus: GPUs of one server. [1]

    Returns:
        GPUs. [1], shape (..., T)

    >>> owned(np.array([1.0, 9.0, 2.0]), 8).tolist()
    [8.0, 16.0, 16.0]
    """
    servers = np.ceil(np.asarray(need, float) / server_gpus - 1e-9)
    return np.asarray(np.maximum.accumulate(np.atleast_1d(servers), axis=-1) * server_gpus, float)


def staff_hours(gpus: Numeric, hours_per_gpu: Numeric) -> Array:
    """Count the hours of people who run GPUs.

    Args:
        gpus: GPUs owned. [1], shape (..., T)
        hours_per_gpu: Of one GPU in a month. [h/month]

    Returns:
        Hours. [person-h/month], shape (..., T)
    """
    return np.asarray(gpus * np.asarray(hours_per_gpu), float)
