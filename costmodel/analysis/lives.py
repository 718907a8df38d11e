"""How long models live: survival curves fitted to recorded lives, and how well they foretell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.analysis.fit import FEWEST, INSIDE, plain
from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.prices.lifetimes import POOL
from costmodel.prices.tables import Record

METHODS = ("log-logistic", "weibull")
METHOD = "log-logistic"  # foretells lives best, see `backtest`
# how far a provider strays from the pool, as standard deviations of logarithms: a weak provider
# stays with the pool, one with many lives has its own curve
SCALE_SPREAD, SHAPE_SPREAD = 0.15, 0.1
START = (np.log(600.0), np.log(2.0))
HALF_DAY = 0.5
GRID = (*range(0, 1440, 60), *range(1440, 3601, 180))

Words = npt.NDArray[np.str_]
Flags = npt.NDArray[np.bool_]
Parameters = dict[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Lives:
    """Lives of models as far as they were observed.

    A model is under observation from the day it was first listed: had it ended before, nobody
    would have recorded it (left truncation). One without an end has lived at least until it was
    last seen, or until the day before which its provider will not retire it (right censoring).

    Attributes:
        provider: Whose models.
        entry: Age when first seen. [day], shape (N,)
        last: Age at the end, or when last known to serve. [day], shape (N,)
        ended: Whether the last age is the end. Shape (N,)
    """

    provider: Words
    entry: Array = field(repr=False)
    last: Array = field(repr=False)
    ended: Flags = field(repr=False)


def lives(rows: Sequence[Record], on: date | None = None) -> Lives:
    """Return the lives as they were known on a day.

    Args:
        rows: Rows of `lifetimes.csv`.
        on: The day: later ends and floors are left out, as nobody knows when they were announced.
            None = all that the table knows.
    """
    found: list[tuple[str, float, float, bool]] = []
    for row in rows:
        released, seen, last = row["released"], row["first_seen"], row["last_seen"]
        kind, retired = row["date_kind"], row["retired"]
        if (retired is None) != (kind == "censored") or seen > last:
            message = (
                f"{row['file']} line {row['line']}: retired belongs to every kind but censored, "
                "and last_seen is not before first_seen"
            )
            raise DataError(message)
        if on is not None and seen > on:
            continue
        ended = kind in ("retired", "announced") and (on is None or retired <= on)
        if ended:
            last = retired
        elif on is None:
            last = last if kind == "censored" else max(retired, last)
        else:
            last = min(last, on) if kind == "censored" or retired <= on else on
        entry = max((seen - released).days, 0)
        if (last - released).days > entry:
            found.append((row["provider"], entry, (last - released).days, ended))
    provider, entries, ends, flags = zip(*found, strict=True) if found else ((), (), (), ())
    return Lives(
        np.array(provider, str),
        np.maximum(np.array(entries, float), HALF_DAY),
        np.array(ends, float),
        np.array(flags, bool),
    )


def hazard_of(method: str, age: Array, scale: Array | float, shape: Array | float) -> Array:
    """Return the cumulative hazard of a distribution of lives. [1]

    Args:
        method: log-logistic | weibull.
        age: Age. [day], shape (...)
        scale: Age that half of the models (log-logistic) or 37 % of them (Weibull) reach. [day]
        shape: How alike the lives are. [1]
    """
    power = (np.asarray(age) / scale) ** shape
    return np.asarray(power if method == "weibull" else np.log1p(power), float)


def _log_density(method: str, age: Array, scale: Array, shape: Array) -> Array:
    """Return the logarithm of the hazard rate. [log(1/day)]"""
    power = (age / scale) ** shape
    rate = np.log(shape) + shape * np.log(age / scale) - np.log(age)
    return np.asarray(rate if method == "weibull" else rate - np.log1p(power))


def fit(found: Lives, method: str = METHOD) -> Parameters:
    """Return scale and shape of each provider and of the pool, by maximum penalised likelihood.

    Args:
        found: The lives.
        method: log-logistic | weibull.

    Raises:
        DataError: If too few lives have ended, or there is no such method.
    """
    from scipy.optimize import minimize

    if method not in METHODS:
        message = f"unknown method {method!r}; there are {', '.join(METHODS)}"
        raise DataError(message)
    if found.ended.sum() < FEWEST:
        message = f"{int(found.ended.sum())} lives that ended are too few to fit; give {FEWEST}"
        raise DataError(message)
    names, index = np.unique(found.provider, return_inverse=True)
    count = names.size

    def negative(steps: Array) -> float:
        scale = np.exp(steps[0] + steps[2 : 2 + count][index])
        shape = np.exp(np.clip(steps[1] + steps[2 + count :][index], -2.0, 3.0))
        seen = np.where(found.ended, _log_density(method, found.last, scale, shape), 0.0)
        lived = hazard_of(method, found.last, scale, shape)
        lived = lived - hazard_of(method, found.entry, scale, shape)
        strayed = np.sum((steps[2 : 2 + count] / SCALE_SPREAD) ** 2)
        strayed += np.sum((steps[2 + count :] / SHAPE_SPREAD) ** 2)
        return float(np.sum(lived - seen) + strayed / 2)

    first = np.r_[START, np.zeros(2 * count)]
    with np.errstate(over="ignore", invalid="ignore"):
        best = minimize(negative, first, method="L-BFGS-B").x
    result = {POOL: (float(np.exp(best[0])), float(np.exp(best[1])))}
    for k, name in enumerate(names):
        result[str(name)] = (
            float(np.exp(best[0] + best[2 + k])),
            float(np.exp(best[1] + best[2 + count + k])),
        )
    return result


def kaplan_meier(found: Lives) -> tuple[Array, Array]:
    """Return ages at which models ended, and the share that outlives each (product limit).

    Those under observation at an age are the models seen before it and not yet ended.
    """
    ages = np.unique(found.last[found.ended])
    at_risk = ((found.entry[:, None] < ages) & (found.last[:, None] >= ages)).sum(axis=0)
    ends = ((found.last[:, None] == ages) & found.ended[:, None]).sum(axis=0)
    return ages, np.cumprod(1.0 - ends / at_risk)


def _each(parameters: Parameters, providers: Words) -> tuple[Array, Array]:
    pairs = [parameters.get(str(name), parameters[POOL]) for name in providers]
    scale, shape = np.array(pairs, float).T
    return scale, shape


@dataclass(frozen=True, eq=False)
class Backtest:
    """What was foretold on a day, beside what came.

    Attributes:
        on: The day; the fit knows nothing later.
        until: Last day of the record.
        method: Distribution.
        models: Models alive on the day.
        ended: How many of them have ended by the last day.
        expected: How many the curves expected.
        inside: Share of the lives that ended which the 80 % interval of the life left holds; the
            interval is that of lives which end by the last day, as nobody has seen others end.
        below, above: Shares that ended earlier and later than it says.
        score: Mean logarithm of the likelihood of what came; the higher, the better foretold.
    """

    on: date
    until: date
    method: str
    models: int
    ended: int
    expected: float
    inside: float
    below: float
    above: float
    score: float

    def as_dict(self) -> dict[str, Any]:
        """Return the figures with the documented keys."""
        return {
            "on": self.on.isoformat(),
            "until": self.until.isoformat(),
            "method": self.method,
            "models": self.models,
            "ended": self.ended,
            "expected": self.expected,
            "inside_80_percent": self.inside,
            "below": self.below,
            "above": self.above,
            "score": self.score,
        }


def backtest(rows: Sequence[Record], on: date, method: str = METHOD) -> Backtest:
    """Fit on what was known on a day, and look at the models that were alive then.

    Args:
        rows: Rows of `lifetimes.csv`.
        on: The day.
        method: log-logistic | weibull.

    Raises:
        DataError: If too little had happened by then, or nothing since.
    """
    until = max(row["verified_on"] for row in rows) if rows else on
    parameters = fit(lives(rows, on), method)
    alive = [
        row
        for row in rows
        if row["released"] < on
        and row["first_seen"] <= on <= row["last_seen"]
        and not (row["date_kind"] in ("retired", "announced") and row["retired"] <= on)
    ]
    came = np.array(
        [row["date_kind"] == "retired" and row["retired"] <= until for row in alive], bool
    )
    if not came.any():
        message = f"no model of the table ended between {on} and {until}"
        raise DataError(message)
    age = np.array([(on - row["released"]).days for row in alive], float)
    days = [
        (min(row["retired"] if ended else max(row["last_seen"], on), until) - row["released"]).days
        for row, ended in zip(alive, came, strict=True)
    ]
    last = np.maximum(np.array(days, float), age)
    scale, shape = _each(parameters, np.array([row["provider"] for row in alive], str))

    def ended_by(end: Array) -> Array:
        lived = hazard_of(method, end, scale, shape) - hazard_of(method, age, scale, shape)
        return np.asarray(-np.expm1(-lived))

    by_end = ended_by(age + (until - on).days)
    rank = (ended_by(last) / by_end)[came]
    edge = (1.0 - INSIDE) / 2
    density = np.where(came, _log_density(method, last, scale, shape), 0.0)
    density = density + np.log1p(-ended_by(last))
    return Backtest(
        on=on,
        until=until,
        method=method,
        models=len(alive),
        ended=int(came.sum()),
        expected=float(by_end.sum()),
        inside=float(np.mean((rank >= edge) & (rank <= 1.0 - edge))),
        below=float(np.mean(rank < edge)),
        above=float(np.mean(rank > 1.0 - edge)),
        score=float(density.mean()),
    )


def table(
    found: Lives, parameters: Parameters, fitted_on: date, method: str = METHOD
) -> list[dict[str, Any]]:
    """Return the rows of `survival.csv`: the curve of every provider, and of the pool."""
    rows = []
    ages = np.array(GRID, float)
    for name in sorted(parameters):
        mine = np.ones(found.ended.size, bool) if name == POOL else found.provider == name
        survival = np.exp(-hazard_of(method, ages, *parameters[name]))
        rows += [
            {
                "provider": name,
                "age_days": str(age),
                "survival": plain(float(share)),
                "lives": int(mine.sum()),
                "ended": int(found.ended[mine].sum()),
                "method": method,
                "fitted_on": fitted_on.isoformat(),
                "note": "",
            }
            for age, share in zip(GRID, survival, strict=True)
        ]
    return rows


def median(method: str, scale: float, shape: float) -> float:
    """Return the age that half of the models reach. [day]"""
    return float(scale * (np.log(2.0) ** (1.0 / shape) if method == "weibull" else 1.0))
