"""Fit the coefficients of serving speed to measurements, and say honestly how well they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.analysis.fit import MEASURES, plain, tested
from costmodel.analysis.validate import NEAR
from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.plans.serving_rows import Workpiece, workpiece
from costmodel.prices.specs import Specs
from costmodel.quantities.serving_priors import PRIORS
from costmodel.quantities.serving_speed import regimes
from costmodel.quantities.training_runs import Prior

Ints = npt.NDArray[np.int64]


LATENCY = ("first_floor", "first_steps", "first_queue")
BY = ("model", "source", "gpu")  # what is left out in turn
BAND_UNIT, BAND_NOTE = "1", "measured over predicted, 10 and 90 % of the rows left out"
SCALE = 0.3  # error from which a row begins to count less, in logarithms
STRENGTH = 1.4  # weight of the priors: sources differ more than their rows do
GROUP, BALANCE = 40.0, -0.35  # large groups of alike rows weigh less than their number


@dataclass(frozen=True, eq=False)
class Measured:
    """Measurements ready for a fit.

    Attributes:
        piece: What is predicted from.
        speed, first, token: Measured output, time to first and to further tokens; nan = not given.
        source, model, gpu: Groups.
    """

    piece: Workpiece
    speed: Array
    first: Array
    token: Array
    source: npt.NDArray[np.str_]
    model: npt.NDArray[np.str_]
    gpu: npt.NDArray[np.str_]

    @property
    def weights(self) -> Array:
        """Weight of each row."""
        names = np.char.add(np.char.add(self.source, self.model), self.gpu)
        names = np.char.add(names, self.piece.setups.engine)
        _, group, count = np.unique(names, return_inverse=True, return_counts=True)
        return np.clip((count[group] / GROUP) ** BALANCE, 0.5, 2.5)

    def part(self, places: Any) -> Measured:
        """Return some of the rows."""
        return Measured(
            self.piece.part(places),
            self.speed[places],
            self.first[places],
            self.token[places],
            self.source[places],
            self.model[places],
            self.gpu[places],
        )


def measured(columns: Mapping[str, Any], specs: Specs) -> Measured:
    """Read measurements: columns of `benchmarks/serving.csv`.

    Raises:
        DataError: If there is nothing to fit.
    """

    def numbers(name: str, scale: float = 1.0) -> Array:
        if name not in columns:
            return np.full(len(columns["model"]), np.nan)
        return np.array([float(x) if str(x).strip() else np.nan for x in columns[name]]) * scale

    def words(name: str) -> npt.NDArray[np.str_]:
        given = columns.get(name, [""] * len(columns["model"]))
        return np.array([str(x) for x in given], str)

    piece = workpiece(columns, specs)
    speed = numbers("out_tok_s")[piece.rows]
    good = np.flatnonzero(speed > 0)
    if good.size < len(PRIORS):
        message = f"{good.size} rows with out_tok_s are too few to fit {len(PRIORS)} coefficients"
        raise DataError(message)
    at = piece.rows
    whole = Measured(
        piece,
        speed,
        numbers("ttft_ms", 1e-3)[at],
        numbers("tpot_ms", 1e-3)[at],
        words("source_id")[at],
        words("model")[at],
        words("gpu")[at],
    )
    return whole.part(good)


def _coefficients(names: Sequence[str], x: Array, rest: Mapping[str, float]) -> dict[str, float]:
    mean = np.log([PRIORS[name].value for name in names])
    width = np.array([PRIORS[name].width for name in names])
    return dict(rest) | dict(zip(names, np.exp(mean + width * x).tolist(), strict=True))


def _robust(error: Array, weight: Array) -> Array:
    """Return residuals whose squares are the losses of a Student distribution: outliers fade."""
    scaled = error / SCALE
    return np.asarray(np.sign(scaled) * np.sqrt(2 * np.log1p(scaled**2 / 2) * weight))


def fit(
    rows: Measured, start: Mapping[str, float] | None = None, rounds: int = 30
) -> dict[str, float]:
    """Return the coefficients that predict the rows best and stay near their priors.

    Args:
        rows: Measurements.
        start: Coefficients to start from; None = the priors.
        rounds: Steps at most.
    """
    from scipy.optimize import least_squares

    weight, target = rows.weights, np.log(rows.speed)
    fixed = {name: prior.value for name, prior in PRIORS.items() if prior.width == 0}
    result = {name: prior.value for name, prior in PRIORS.items()} | dict(start or {})
    free = [n for n, prior in PRIORS.items() if prior.width > 0 and n not in LATENCY]

    def place(names: Sequence[str]) -> Array:
        return np.array([np.log(result[n] / PRIORS[n].value) / PRIORS[n].width for n in names])

    def throughput(x: Array) -> Array:
        speed = rows.piece.speed(_coefficients(free, x, result | fixed))
        error = np.log(speed.output_tokens_per_second) - target
        return np.concatenate([_robust(error, weight), STRENGTH * x])

    found = least_squares(
        throughput, place(free), max_nfev=rounds, diff_step=np.array(1e-4), ftol=1e-4
    )
    result = _coefficients(free, found.x, result | fixed)
    timed = np.flatnonzero(np.isfinite(rows.first) & (rows.first > 0))
    if timed.size > len(LATENCY):
        some, base = rows.part(timed), dict(result)

        def latency(x: Array) -> Array:
            speed = some.piece.speed(_coefficients(LATENCY, x, base))
            error = np.log(speed.first_token_seconds / some.first)
            return np.concatenate([_robust(error, weight[timed]), x])

        found = least_squares(latency, place(LATENCY), max_nfev=rounds, diff_step=np.array(1e-4))
        result = _coefficients(LATENCY, found.x, base)
    return result


def folds(groups: npt.NDArray[np.str_], count: int) -> Ints:
    """Deal groups out to folds, the largest first, each to the fold with the fewest rows."""
    names, size = np.unique(groups, return_counts=True)
    load = np.zeros(min(count, names.size))
    where: dict[str, int] = {}
    for k in np.argsort(-size, kind="stable"):
        place = int(np.argmin(load))
        where[str(names[k])] = place
        load[place] += size[k]
    return np.array([where[str(group)] for group in groups], np.int64)


def left_out(
    rows: Measured, groups: npt.NDArray[np.str_], start: Mapping[str, float], count: int = 8
) -> Array:
    """Return the logarithm of predicted over measured of every row, fitted without its group.

    Args:
        rows: Measurements.
        groups: Group of each row: source, model or GPU.
        start: Coefficients to start each fit from.
        count: Folds.
    """
    fold = folds(groups, count)
    error = np.full(rows.speed.size, np.nan)
    for k in range(int(fold.max()) + 1):
        held = np.flatnonzero(fold == k)
        found = fit(rows.part(np.flatnonzero(fold != k)), start, rounds=8)
        part = rows.part(held)
        speed = part.piece.speed(found).output_tokens_per_second
        error[held] = np.log(speed / part.speed)
    return error


@dataclass(frozen=True)
class Errors:
    """How far predictions are from measurements.

    Attributes:
        n: Rows.
        median: Median absolute percentage error. [1]
        near: Share within 25 %. [1]
        twice: Share within a factor of two. [1]
    """

    n: int
    median: float
    near: float
    twice: float

    @classmethod
    def of(cls, logs: Array) -> Errors:
        """Summarise logarithms of predicted over measured."""
        off = np.abs(np.expm1(logs))
        twice = float(np.mean(np.abs(logs) <= np.log(2.0)))
        return cls(logs.size, float(np.median(off)), float(np.mean(off <= NEAR)), twice)

    def __str__(self) -> str:
        return f"{self.median:.1%} ({self.near:.0%} within 25 %, {self.twice:.1%} within 2x)"


BAND = (0.1, 0.9)
# a new model on known hardware is the usual question, so its errors count twice in the bands
BAND_WEIGHT = {"model": 2, "source": 1, "gpu": 1}


@dataclass(frozen=True, eq=False)
class Report:
    """A fit with its honest errors.

    Attributes:
        coefficients: What was found, bands included.
        n: Rows.
        fitted: Errors on the rows it was fitted on.
        left_out: Errors on rows whose model, source or GPU was left out.
        parts: The same by model, source and GPU.
        covered: Share of left-out rows inside the band, by what was left out. [1]
    """

    coefficients: dict[str, float]
    n: int
    fitted: Errors
    left_out: Mapping[str, Errors]
    parts: Mapping[str, Mapping[str, Errors]]
    covered: Mapping[str, float]

    @property
    def error(self) -> str:
        """The errors in one line, for the table of coefficients."""
        shown = ", ".join(f"{name} left out {e.median:.1%}" for name, e in self.left_out.items())
        return f"median: {shown}, fit {self.fitted.median:.1%}"

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the documented keys."""
        return {
            "model": "serving",
            "n": self.n,
            "fit": asdict(self.fitted),
            **{f"left_out_by_{name}": asdict(found) for name, found in self.left_out.items()},
            "parts": {
                name: {group: asdict(found) for group, found in groups.items()}
                for name, groups in self.parts.items()
            },
            "band_coverage": dict(self.covered),
            "coefficients": self.coefficients,
        }

    def records(self, fitted_on: date) -> list[dict[str, Any]]:
        """Return the rows of `coefficients.csv`."""
        rows = []
        for name, value in self.coefficients.items():
            prior = PRIORS.get(name, Prior(value, 1.0, BAND_UNIT, BAND_NOTE))
            rows.append(
                {
                    "model": "serving",
                    "name": name,
                    "value": plain(value),
                    "unit": prior.unit,
                    "n": str(self.n) if prior.width else "",
                    "fitted_on": fitted_on.isoformat(),
                    "error": self.error if name == "overlap_norm" else "",
                    "note": prior.meaning,
                }
            )
        tests = {"fitted": self.fitted}
        tests |= {f"left_out_by_{name}": errors for name, errors in self.left_out.items()}
        for test, errors in tests.items():
            shown = zip(MEASURES, (errors.median, errors.near, errors.twice), strict=False)
            rows += [
                tested("serving", test, measure, value, self.n, fitted_on)
                for measure, value in shown
            ]
        return rows


def study(rows: Measured, start: Mapping[str, float] | None = None) -> Report:
    """Fit, then leave out models, sources and GPUs in turn.

    Args:
        rows: Measurements.
        start: Coefficients to start from; None = the priors.
    """
    found = fit(rows, start)
    speed = rows.piece.speed(found)
    errors = {name: left_out(rows, getattr(rows, name), found) for name in BY}
    kinds = regimes(rows.piece.shapes, rows.piece.setups)
    logs = np.log(speed.output_tokens_per_second / rows.speed)
    inside = {name: np.zeros(logs.size, bool) for name in BY}
    for kind in np.unique(kinds):
        here = kinds == kind
        pooled = [-errors[name][here] for name in BY for _ in range(BAND_WEIGHT[name])]
        low, high = np.quantile(np.concatenate(pooled), BAND)
        found |= {f"band_{kind}_low": float(np.exp(low)), f"band_{kind}_high": float(np.exp(high))}
        for name in BY:
            inside[name] |= here & (-errors[name] >= low) & (-errors[name] <= high)
    parts = {
        name: {
            str(group): Errors.of(errors[name][getattr(rows, name) == group])
            for group in np.unique(getattr(rows, name))
        }
        for name in BY
    }
    return Report(
        coefficients=found,
        n=logs.size,
        fitted=Errors.of(logs),
        left_out={name: Errors.of(errors[name]) for name in BY},
        parts=parts,
        covered={name: float(np.mean(inside[name])) for name in BY},
    )
