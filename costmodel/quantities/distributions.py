"""Distributions of uncertain inputs, drawn through their quantile functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from costmodel.errors import ScenarioError, nearest
from costmodel.months import Array, Numeric

TAIL = 0.05  # share of the outcomes below `low`, and above `high`
FINE = 1 << 16  # points at which a quantile function is averaged
STEPS = 200  # of a bisection: to the last bit

# parameters of each named distribution
NAMED: dict[str, tuple[str, ...]] = {
    "range": ("low", "mode", "high"),
    "normal": ("mean", "sd"),
    "lognormal": ("mean", "cv"),
    "uniform": ("low", "high"),
    "triangular": ("low", "mode", "high"),
    "beta": ("a", "b"),
}


@dataclass(frozen=True)
class Distribution:
    """What an uncertain number may be.

    Attributes:
        kind: range (5 %, most likely, 95 %) | normal | lognormal | uniform | triangular | beta.
        values: Its parameters by name.
        tail: Share of the outcomes below `low` and above `high` of a range. [1]
        least: Smallest value that makes sense; what lies below is taken as that.
        most: Largest value that makes sense.

    >>> cost = Distribution("range", {"low": 150, "mode": 200, "high": 320})
    >>> cost.quantile(np.array([0.05, 0.95])).round(6).tolist()
    [150.0, 320.0]
    """

    kind: str
    values: Mapping[str, float] = field(hash=False)
    tail: float = TAIL
    least: float = -np.inf
    most: float = np.inf

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        if self.kind not in NAMED:
            message = f"unknown distribution {self.kind!r}{nearest(self.kind, NAMED)}"
            raise ScenarioError(message)
        names = NAMED[self.kind]
        for name in self.values:
            if name not in names:
                message = f"{self.kind} has no {name!r}; it has {', '.join(names)}"
                raise ScenarioError(message)
        for name in names:
            if name not in self.values:
                message = f"{self.kind} needs {name}, beside {', '.join(self.values) or 'nothing'}"
                raise ScenarioError(message)
        self._check()

    def _check(self) -> None:
        v = self.values
        ordered = [v[name] for name in ("low", "mode", "high") if name in v]
        if ordered != sorted(ordered):
            words = " <= ".join(name for name in ("low", "mode", "high") if name in v)
            shown = ", ".join(f"{number:g}" for number in ordered)
            message = f"must have {words}, got {shown}"
            raise ScenarioError(message)
        for name in ("sd", "cv"):
            if v.get(name, 0.0) < 0:
                message = f"{name} must be >= 0, got {v[name]:g}"
                raise ScenarioError(message)
        for name in ("a", "b"):
            if v.get(name, 1.0) <= 0:
                message = f"{name} must be > 0, got {v[name]:g}"
                raise ScenarioError(message)
        if self.kind == "lognormal" and v["mean"] <= 0:
            message = f"the mean of a lognormal must be > 0, got {v['mean']:g}"
            raise ScenarioError(message)
        for name in ("low", "mode", "high", "mean"):
            if name in v and not self.least <= v[name] <= self.most:
                bound = f">= {self.least:g}" if v[name] < self.least else f"<= {self.most:g}"
                message = f"{name} must be {bound}, got {v[name]:g}"
                raise ScenarioError(message)

    def quantile(self, share: Numeric) -> Array:
        """Return the value that a share of the outcomes does not exceed.

        Args:
            share: Share of the outcomes, above 0 and below 1. [1]
        """
        found = _QUANTILES[self.kind](self, np.asarray(share, float))
        return np.asarray(np.clip(found, self.least, self.most))

    @cached_property
    def mean(self) -> float:
        """Expectation, what is cut off at the ends included."""
        if self.kind in ("range", "triangular", "uniform") and self.is_point:
            return float(self.values["low"])
        known = _mean(self)
        lowest, highest = _QUANTILES[self.kind](self, EDGES)
        if known is not None and self.least <= lowest and highest <= self.most:
            return known
        middle = (np.arange(FINE) + 0.5) / FINE
        return float(self.quantile(middle).mean())

    @property
    def is_point(self) -> bool:
        """Whether only one value is possible."""
        v = self.values
        if "low" in v:
            return v["low"] == v["high"]
        return v.get("sd", v.get("cv", 1.0)) == 0


EDGES = np.array([1e-9, 1.0 - 1e-9])  # where nothing may be cut off for a mean from the textbook


def _mean(found: Distribution) -> float | None:
    """Return the mean from the textbook, None where there is none."""
    v = found.values
    if found.kind in ("normal", "lognormal"):
        return v["mean"]
    if found.kind == "beta":
        return v["a"] / (v["a"] + v["b"])
    if found.kind in ("uniform", "triangular"):
        return sum(v.values()) / len(v)
    return None


def _normal_quantile(share: Array) -> Array:
    from scipy.special import ndtri

    return np.asarray(ndtri(share))


def _range(found: Distribution, share: Array) -> Array:
    """Return quantiles of a normal distribution with a spread of its own on either side.

    Mode, 5 % and 95 % are as stated; in between it is smooth (Fechner's two-piece normal).
    """
    low, mode, high = (float(found.values[name]) for name in NAMED["range"])
    if low == high:
        return np.full(share.shape, low)
    below, above = _spreads(mode - low, high - mode, found.tail)
    at_mode = below / (below + above)
    left = mode + below * _normal_quantile(np.minimum(share / (2 * at_mode), 0.5))
    rest = np.minimum((1 - share) / (2 * (1 - at_mode)), 0.5)
    right = mode - above * _normal_quantile(rest)
    return np.where(share < at_mode, left, right)


def _spreads(below: float, above: float, tail: float) -> tuple[float, float]:
    """Return the two standard deviations at which the ends of a range lie at their shares."""

    def ends(at_mode: float) -> tuple[float, float]:
        shares = np.array([tail / (2 * at_mode), tail / (2 * (1 - at_mode))])
        z = -_normal_quantile(np.minimum(shares, 0.5))
        return float(z[0]), float(z[1])

    least, most = tail, 1.0 - tail
    for _ in range(STEPS):
        middle = 0.5 * (least + most)
        z = ends(middle)
        # how far the ends lie from the mode, in one unit
        if middle * z[0] * above < (1 - middle) * z[1] * below:
            least = middle
        else:
            most = middle
    middle = 0.5 * (least + most)
    z = ends(middle)
    whole = below / (middle * z[0]) if z[0] > z[1] else above / ((1 - middle) * z[1])
    return middle * whole, (1 - middle) * whole


def _triangular(found: Distribution, share: Array) -> Array:
    low, mode, high = (float(found.values[name]) for name in NAMED["triangular"])
    if low == high:
        return np.full(share.shape, low)
    turn = (mode - low) / (high - low)
    left = low + np.sqrt(share * (high - low) * (mode - low))
    right = high - np.sqrt((1 - share) * (high - low) * (high - mode))
    return np.where(share < turn, left, right)


def _uniform(found: Distribution, share: Array) -> Array:
    return found.values["low"] + share * (found.values["high"] - found.values["low"])


def _normal(found: Distribution, share: Array) -> Array:
    return found.values["mean"] + found.values["sd"] * _normal_quantile(share)


def _lognormal(found: Distribution, share: Array) -> Array:
    variance = np.log1p(found.values["cv"] ** 2)
    centre = np.log(found.values["mean"]) - variance / 2
    return np.asarray(np.exp(centre + np.sqrt(variance) * _normal_quantile(share)))


def _beta(found: Distribution, share: Array) -> Array:
    from scipy.special import betaincinv

    return np.asarray(betaincinv(found.values["a"], found.values["b"], share))


_QUANTILES: dict[str, Callable[[Distribution, Array], Array]] = {
    "range": _range,
    "normal": _normal,
    "lognormal": _lognormal,
    "uniform": _uniform,
    "triangular": _triangular,
    "beta": _beta,
}


def distribution_of(
    table: Mapping[str, object], least: float = -np.inf, most: float = np.inf
) -> Distribution:
    """Make a distribution of what a scenario file says.

    Args:
        table: `{low, mode, high}`, or `{distribution = "normal", mean, sd}` and the like.
        least: Smallest value that makes sense.
        most: Largest value that makes sense.

    Raises:
        ScenarioError: If it is none.
    """
    values = {}
    for name, value in table.items():
        if name == "distribution":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = f"{name} must be a number, got {value!r}"
            raise ScenarioError(message)
        if not np.isfinite(value):
            message = f"{name} must be a number, got {value!r}"
            raise ScenarioError(message)
        values[name] = float(value)
    return Distribution(str(table.get("distribution", "range")), values, TAIL, least, most)


def uniforms(number: int, dimensions: int, seed: int) -> Array:
    """Return evenly spread points of the unit cube, the same on every machine.

    Points of Sobol (scipy's direction numbers, not scrambled), shifted around the cube by a
    distance that the seed gives (Cranley and Patterson 1976).

    Args:
        number: Points.
        dimensions: Of the cube.
        seed: Of the shift.

    Returns:
        Points, above 0 and below 1. [1], shape (number, dimensions)
    """
    from scipy.stats import qmc

    if not dimensions:
        return np.zeros((number, 0))
    power = max(0, int(np.ceil(np.log2(max(number, 1)))))
    points = qmc.Sobol(dimensions, scramble=False).random_base2(power)[:number]
    bits = np.random.PCG64(seed).random_raw(dimensions)
    shift = (np.asarray(bits, np.uint64) >> np.uint64(11)).astype(float) / 2.0**53
    # nought and one have no quantile
    return np.asarray(np.clip((points + shift) % 1.0, 2.0**-53, 1.0 - 2.0**-53), float)
