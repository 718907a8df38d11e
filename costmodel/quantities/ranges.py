"""Which numbers an input may have, by its name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from costmodel.errors import ScenarioError
from costmodel.quantities.requests import Part, Size

SMALLEST = 1e-12
LARGEST = 1e15  # beyond any token, request or dollar that will ever be counted

# least and largest value where it is not 0 and LARGEST; shares are found by their name, too
RANGES: dict[str, tuple[float, float]] = {
    "growth": (-1.0, 1.0),
    "cv": (0.0, 100.0),
    "usable_share": (0.01, 1.0),
    "context_cv": (0.0, 100.0),
    "turns": (1, 1000),
    "required_success": (0.0, 1.0),
    "overlap": (0.0, 0.99),
    "monthly_churn": (0.0, 1.0),
    "chunk_tokens": (1.0, LARGEST),
    "peak_to_mean": (1.0, LARGEST),
    "replica_tokens_per_second": (1e-6, LARGEST),
    "training_tokens_per_second": (1e-6, LARGEST),
    "serving_factor": (0.01, 100.0),
    "training_factor": (0.01, 100.0),
    "gpus_per_replica": (1, 4096),
    "training_gpus": (0, 1024),
    "commitment_months": (0, 120),
    "server_gpus": (1, 256),
    "life_years": (0.25, 30.0),
    "pue": (1.0, 5.0),
    "live_after": (0, 240),
    "months": (1, 240),
    "double_running_days": (0, 366),
    "retries": (0, 1000),
    "discount_rate": (0.0, 1.0),
    "new_base_age_months": (0.0, 120.0),
    "unknown_age_months": (0.0, 120.0),
    "monthly_decay": (0.0, 1.0),
    "decay_limit": (0.001, 1.0),
    "shares": (0.0, 1.0),
    "escalate": (0.0, 1.0),
    "keeps": (0.0, 1.0),
}
SHARE = (0.0, 1.0)
NUMBER = (0.0, LARGEST)


def limits(name: str) -> tuple[float, float]:
    """Return the least and the largest value of a number, by its name.

    >>> limits("success_rate"), limits("turns")
    ((0.0, 1.0), (1, 1000))
    """
    return RANGES.get(name, SHARE if name.endswith(("_share", "_rate")) else NUMBER)


def out_of_range(name: str, value: Any) -> str:
    """Say what is wrong with a number, or nothing.

    >>> out_of_range("success_rate", 1.5), out_of_range("turns", 0)
    ('is a share and must be <= 1, got 1.5', 'must be >= 1, got 0')
    """
    low, high = limits(name)
    values = np.asarray(value, float)
    # what is smaller than this is a slip, and would overflow as a divisor
    values = np.where(np.abs(values) < SMALLEST, 0.0, values)
    wrong = values[~((values >= low) & (values <= high))]
    shown = f"{float(wrong.flat[0] if np.ndim(value) and wrong.size else np.mean(value)):.12g}"
    if np.any(np.isnan(values)):
        return f"must be a number, got {shown}"
    if np.any(values < low):
        return f"must be >= {low:g}, got {shown}"
    if np.any(values > high):
        return (
            f"{'is a share and ' if (low, high) == SHARE else ''}must be <= {high:g}, got {shown}"
        )
    return ""


def check_ranges(item: Any) -> None:
    """Refuse a dataclass with a number out of range.

    Raises:
        ScenarioError: Naming the field.
    """
    for entry in fields(item):
        value = getattr(item, entry.name)
        values = value.values() if isinstance(value, dict) else (value,)
        for one in values:
            number = one
            if isinstance(one, Part):
                number = one.tokens
            elif isinstance(one, Size):
                number = one.mean
            if isinstance(number, str | bool | frozenset) or not isinstance(
                number, int | float | np.ndarray | np.generic
            ):
                continue
            problem = out_of_range(entry.name, number)
            if problem:
                message = f"{entry.name} {problem}"
                raise ScenarioError(message)
