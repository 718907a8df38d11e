"""Fit coefficients to measurements, and say honestly how well they predict what was left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from costmodel.analysis.measured import MEASURED, needed, texts, training_cases
from costmodel.analysis.validate import NEAR, TWICE
from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.prices.specs import Specs
from costmodel.quantities import training_memory, training_speed
from costmodel.quantities.training_runs import Prior, Words, kinds

if TYPE_CHECKING:
    import pandas as pd

Coefficients = dict[str, float]
HEAD_ROOM = "safety"
STEPS = 30  # of the solver; the fits settle in ten
FEWEST = 10  # rows below which there is nothing to fit
INSIDE = 0.8  # share of measurements that the band is to hold
DIGITS = 5


class Items(Protocol):
    """Settings of runs, as arrays of one length."""

    def take(self, rows: npt.ArrayLike) -> Items:
        """Return some of the runs."""
        ...


@dataclass(frozen=True, eq=False)
class Problem:
    """Measurements, a model of them, and what is known about its coefficients beforehand.

    Attributes:
        model: Name in `coefficients.csv`.
        priors: Coefficients: expectation and width.
        predict: Settings, coefficients -> predictions.
        items: Settings of the measured runs.
        measured: Measurements, all above 0.
        sources: Who published each; rows of one source are left out together.
        models: Model of each; rows of one model are left out together.
        regimes: Kind of each run, for the bands.
        spread: Relative error at which a row begins to count less.
        strength: Weight of the priors.
    """

    model: str
    priors: Mapping[str, Prior]
    predict: Callable[[Any, Mapping[str, float]], Array] = field(repr=False)
    items: Items = field(repr=False)
    measured: Array = field(repr=False)
    sources: Words = field(repr=False)
    models: Words = field(repr=False)
    regimes: Words = field(repr=False)
    spread: float = 0.12
    strength: float = 2.0

    def take(self, rows: npt.NDArray[np.bool_]) -> Problem:
        """Return the problem with some of its rows."""
        return replace(
            self,
            items=self.items.take(rows),
            measured=self.measured[rows],
            sources=self.sources[rows],
            models=self.models[rows],
            regimes=self.regimes[rows],
        )


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted coefficients and how they did.

    Attributes:
        problem: What was fitted.
        coefficients: The values.
        ratios: Predicted over measured: of the fit, and of each row when it was left out with its
            source and with its model.
    """

    problem: Problem
    coefficients: Coefficients
    ratios: Mapping[str, Array]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the documented keys."""
        return {
            "model": self.problem.model,
            "n": int(self.problem.measured.size),
            **{name: summary(ratio) for name, ratio in self.ratios.items()},
            "bands": {
                name: {"low": low, "high": high, "n": n}
                for name, (low, high, n) in bands(self).items()
            },
            "band_coverage": band_coverage(self),
            "coefficients": self.coefficients,
        }


def summary(ratio: Array) -> dict[str, float]:
    """Return what is said about predictions: error, shares near, within twice and too low."""
    error = np.abs(ratio - 1.0)
    return {
        "median_absolute_percentage_error": float(np.median(error)),
        "share_within_25_percent": float(np.mean(error <= NEAR)),
        "share_within_2x": float(np.mean((ratio >= 1 / TWICE) & (ratio <= TWICE))),
        "share_under_predicted": float(np.mean(ratio < 1.0)),
    }


def _weights(problem: Problem) -> Array:
    """Return weights by which a source with many rows of one model does not decide alone."""
    key = np.char.add(np.char.add(problem.sources, "|"), np.char.add(problem.models, "|"))
    _, number, count = np.unique(key, return_inverse=True, return_counts=True)
    weight = count[number] ** -0.25
    return np.asarray(weight / np.sqrt(np.mean(weight**2)), float)


def _values(names: Sequence[str], priors: Mapping[str, Prior], steps: Array) -> Coefficients:
    fitted = dict(zip(names, steps, strict=True))
    return {
        name: prior.value * float(np.exp(prior.width * fitted.get(name, 0.0)))
        for name, prior in priors.items()
    }


def solve(problem: Problem, start: Coefficients | None = None) -> Coefficients:
    """Return the coefficients that predict the measurements best without straying from physics.

    Logarithms of the ratios under a loss that grows ever more slowly (Cauchy: a source that
    measures in its own way cannot bend the rest), plus the distance of each coefficient from its
    prior in widths.

    Args:
        problem: What to fit.
        start: Where to begin; None = at the priors.
    """
    from scipy.optimize import least_squares

    names = [name for name, prior in problem.priors.items() if prior.width > 0]
    priors = problem.priors
    # head-room comes on top of a fit that is right in the middle, or the fit would eat it up
    bare = {name: 1.0 for name in priors if name.startswith(HEAD_ROOM)}
    weight, logs = _weights(problem), np.log(problem.measured)

    def residuals(steps: Array) -> Array:
        predicted = problem.predict(problem.items, _values(names, priors, steps) | bare)
        ratio = (np.log(predicted) - logs) / problem.spread
        robust = np.sign(ratio) * np.sqrt(np.log1p(ratio**2))
        return np.concatenate([weight * robust, problem.strength * steps])

    first = np.zeros(len(names))
    if start is not None:
        first = np.array([np.log(start[n] / priors[n].value) / priors[n].width for n in names])
    found = least_squares(residuals, first, max_nfev=STEPS, ftol=1e-4, xtol=1e-4)
    return _values(names, priors, np.asarray(found.x, float))


def _left_out(problem: Problem, groups: Words, start: Coefficients) -> Array:
    """Return predicted over measured of each row, fitted without the rows of its group."""
    ratio = np.empty(problem.measured.size)
    for group in np.unique(groups):
        out = groups == group
        if out.all():
            coefficients = {name: prior.value for name, prior in problem.priors.items()}
        else:
            coefficients = solve(problem.take(~out), start)
        left = problem.take(out)
        ratio[out] = problem.predict(left.items, coefficients) / left.measured
    return ratio


def fit(problem: Problem) -> Fit:
    """Fit a problem and cross-validate it by source and by model.

    Raises:
        DataError: If there are too few rows.
    """
    if problem.measured.size < FEWEST:
        message = f"{problem.measured.size} rows are too few to fit {problem.model}; give {FEWEST}"
        raise DataError(message)
    found = solve(problem)
    ready = {name: float(f"{value:.{DIGITS}g}") for name, value in found.items()}
    ratios = {
        "fit": problem.predict(problem.items, ready) / problem.measured,
        "left_out_by_source": _left_out(problem, problem.sources, found),
        "left_out_by_model": _left_out(problem, problem.models, found),
    }
    return Fit(problem, ready, ratios)


def _band(ratio: Array) -> tuple[float, float]:
    """Return the factors between which most measurements lie, over predictions."""
    edge = (1.0 - INSIDE) / 2
    low, high = np.quantile(1.0 / ratio, [edge, 1.0 - edge])
    return float(low), float(high)


def bands(found: Fit) -> dict[str, tuple[float, float, int]]:
    """Return low and high of measured over predicted for each kind of run, and the rows behind.

    They come from rows that were left out with their source or with their model.
    """
    problem = found.problem
    both = np.concatenate([found.ratios["left_out_by_source"], found.ratios["left_out_by_model"]])
    kinds = np.concatenate([problem.regimes, problem.regimes])
    result = {"all": (*_band(both), problem.measured.size)}
    for kind in np.unique(problem.regimes):
        mine = kinds == kind
        result[str(kind)] = (*_band(both[mine]), int(mine.sum()) // 2)
    return result


def band_coverage(found: Fit) -> dict[str, float]:
    """Return the share of left-out rows that lie in the bands of their kind."""
    result = {}
    shown = bands(found)
    for name in ("left_out_by_source", "left_out_by_model"):
        measured = 1.0 / found.ratios[name]
        low = np.array([shown[str(kind)][0] for kind in found.problem.regimes])
        high = np.array([shown[str(kind)][1] for kind in found.problem.regimes])
        result[name] = float(np.mean((measured >= low) & (measured <= high)))
    return result


def training_problem(model: str, cases: pd.DataFrame, specs: Specs, source: str) -> Problem:
    """Return the problem of fitting speed or memory of training to measured rows.

    Args:
        model: training | memory.
        cases: Rows as `validate_training` and `validate_memory` take them, with `source_id`.
        specs: Shapes of models, and GPUs.
        source: Name of the file, for messages.

    Raises:
        DataError: If a column is missing.
    """
    needed(cases, (MEASURED[model], "source_id"), source)
    found = training_cases(cases, specs, MEASURED[model], source)
    measured = found.measured[found.rows]
    known = np.isfinite(measured) & (measured > 0)
    runs = found.runs.take(known)
    rows = found.rows[known]
    names = texts(cases, "model")[rows]
    speed = model == "training"
    return Problem(
        model=model,
        priors=training_speed.PRIORS if speed else training_memory.PRIORS,
        predict=training_speed.tokens_per_second if speed else training_memory.peak_gb,
        items=runs,
        measured=measured[known],
        sources=texts(cases, "source_id")[rows],
        models=np.array([specs.model(name)["model"] for name in names.tolist()], str),
        regimes=kinds(runs),
        spread=0.12 if speed else 0.09,
        strength=2.0 if speed else 3.0,
    )


def table(found: Fit, fitted_on: date, note: str = "") -> list[dict[str, Any]]:
    """Return the rows of `coefficients.csv` that record a fit: coefficients, then bands."""
    problem = found.problem
    left = summary(found.ratios["left_out_by_source"])["median_absolute_percentage_error"]
    error = f"{left:.1%} left out by source"
    rows = [
        {
            "model": problem.model,
            "name": name,
            "value": plain(value),
            "unit": problem.priors[name].unit,
            "n": problem.measured.size if problem.priors[name].width > 0 else 0,
            "fitted_on": fitted_on.isoformat(),
            "error": error if problem.priors[name].width > 0 else "stated, not fitted",
            "note": "; ".join(filter(None, [problem.priors[name].meaning, note])),
        }
        for name, value in found.coefficients.items()
    ]
    names = {"fit": "fitted"}
    rows += [
        tested(
            problem.model, names.get(test, test), measure, value, problem.measured.size, fitted_on
        )
        for test, ratio in found.ratios.items()
        for measure, value in zip(MEASURES, summary(ratio).values(), strict=True)
    ]
    for kind, (low, high, n) in bands(found).items():
        rows += [
            {
                "model": problem.model,
                "name": f"band_{edge}:{kind}",
                "value": plain(value),
                "unit": "1",
                "n": n,
                "fitted_on": fitted_on.isoformat(),
                "error": f"{INSIDE:.0%} of left-out rows between low and high",
                "note": "measured over predicted",
            }
            for edge, value in (("low", low), ("high", high))
        ]
    return rows


# how a test of a fit is summed up, in the order of `summary`
MEASURES = ("median", "within_25_percent", "within_2x", "too_low")


def tested(
    model: str, test: str, measure: str, value: float, n: int, fitted_on: date
) -> dict[str, Any]:
    """Return the row of `coefficients.csv` that records how well a fit predicts.

    Args:
        model: What was fitted.
        test: fitted, or left_out_by_source and the like.
        measure: One of `MEASURES`.
        value: Error or share. [1]
        n: Rows.
        fitted_on: Day of the fit.
    """
    return {
        "model": model,
        "name": f"{test}:{measure}",
        "value": plain(value),
        "unit": "1",
        "n": n,
        "fitted_on": fitted_on.isoformat(),
        "error": "",
        "note": "absolute percentage error" if measure == "median" else "share of rows",
    }


def plain(value: float) -> str:
    """Write a number as a plain decimal of five digits.

    >>> plain(2.0875e-05), plain(110840000000.0), plain(0.6)
    ('0.000020875', '110840000000', '0.6')
    """
    text = f"{float(f'{value:.{DIGITS}g}'):.20f}".rstrip("0").rstrip(".")
    whole, _, part = text.partition(".")
    if not part:
        return whole
    # digits of binary rounding behind those that count
    lead = len(part) - len(part.lstrip("0")) if whole.strip("-0") == "" else -len(whole)
    return f"{value:.{max(lead + DIGITS, 1)}f}".rstrip("0").rstrip(".")


def written(old: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return `coefficients.csv` with the rows of one model replaced."""
    columns = ("model", "name", "value", "unit", "n", "fitted_on", "error", "note")
    own = {row["model"] for row in rows}
    kept = [
        {
            **{name: row[name] for name in columns},
            "value": plain(row["value"]),
            "n": "" if row["n"] != row["n"] else plain(row["n"]),
        }
        for row in old
        if row["model"] not in own
    ]
    # models stay where they stand in the file
    order = list(dict.fromkeys([*(str(row["model"]) for row in old), *sorted(map(str, own))]))
    return as_csv(columns, sorted([*kept, *rows], key=lambda row: order.index(str(row["model"]))))


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the text of a table."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
