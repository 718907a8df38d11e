"""Fit the coefficients of serving speed to measurements, and say honestly how well they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.analysis.fit import MEASURES, plain, tested
from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.plans.serving_rows import Workpiece, workpiece
from costmodel.prices.specs import Specs
from costmodel.quantities.serving_speed import regimes

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Prior:
    """What a coefficient is before anything is measured.

    Attributes:
        value: Most likely value.
        spread: Standard deviation of its logarithm; 0 = not fitted.
        unit: Unit.
        note: Where it comes from.
    """

    value: float
    spread: float
    unit: str = "1"
    note: str = ""


_ROOFLINE = "share of the data sheet that kernels reach"
_OVERHEAD = "host and kernel launches"


def _hardware() -> dict[str, Prior]:
    """Return what generations of GPUs reach of their data sheets."""
    found: dict[str, Prior] = {}
    bandwidth = {"ampere": 0.83, "ampere-g": 0.75, "ada": 0.8, "hopper": 0.9, "blackwell": 0.65}
    bandwidth |= {"blackwell-g": 0.85, "cdna3": 0.6, "other": 0.75}
    for name, value in bandwidth.items():
        found[f"bandwidth_{name}"] = Prior(value, 0.15, "1", _ROOFLINE)
    compute = {
        "ampere": {"bf16": 0.67},
        "ampere-g": {"bf16": 0.51},
        "ada": {"bf16": 0.5, "fp8": 0.55},
        "hopper": {"bf16": 0.58, "fp8": 0.62},
        "blackwell": {"bf16": 0.65, "fp8": 0.6, "fp4": 0.44},
        "blackwell-g": {"bf16": 0.6, "fp8": 0.55, "fp4": 0.5},
        "cdna3": {"bf16": 0.4, "fp8": 0.35},
        "other": {"bf16": 0.5, "fp8": 0.5, "fp4": 0.4},
    }
    for name, kinds in compute.items():
        for kind, value in kinds.items():
            spread = 0.15 if (name, kind) == ("cdna3", "bf16") else 0.3
            found[f"compute_{name}_{kind}"] = Prior(value, spread, "1", _ROOFLINE)
    return found


def _common() -> dict[str, Prior]:
    """Return what holds for all generations and engines."""
    found: dict[str, Prior] = {}

    def add(unit: str, note: str, spread: float, **values: float) -> None:
        for name, value in values.items():
            found[name] = Prior(value, spread, unit, note)

    add(
        "1",
        "of the measured maximum of a matrix product, where nothing was served",
        0.0,
        reached_share=0.75,
    )
    add("1", _ROOFLINE, 0.2, dequant=0.8, decode_compute=0.8, moe_bandwidth=1.0, kv_bandwidth=0.9)
    add("1", _ROOFLINE, 0.3, moe_compute=0.8, attention_prefill=0.7, attention_decode=0.5)
    add("1", "four-bit weights beside 16-bit ones", 0.15, four_bit_read=0.85)
    add(
        "1",
        "four-bit experts computed in more bits",
        0.3,
        four_bit_other=0.75,
        four_bit_ampere=0.75,
        four_bit_hopper=0.75,
        four_bit_blackwell=0.75,
    )
    add("byte", "attention of four-bit mixtures of experts", 0.3, nvfp4_dense_byte=0.9)
    add("1", "width of an expert at which half its speed is reached", 0.7, expert_width=300.0)
    add("1", "power of the batch: requests that need different experts", 0.5, different_tokens=0.5)
    add("1", "slow attention kernel of early vLLM on AMD", 0.4, kv_paged=0.8)
    add("1", "power of the queries per cache head", 0.6, kv_group=0.1)
    add("1", "busiest GPU over mean, experts spread whole", 0.4, imbalance=2.0)
    add("1", "1 = one after the other, infinite = full overlap", 0.2, overlap_norm=1.5)
    add("1", "share of the answer that the cache holds on average", 0.1, occupancy=0.88)
    add("1", _ROOFLINE, 0.3, link=0.6, link_pcie=0.5)
    add("us", "one all-reduce, per doubling of GPUs", 0.5, hop=10.0, hop_pcie=27.0)
    add("us", "one exchange of tokens between experts", 0.6, exchange=80.0)
    add("us", _OVERHEAD, 0.5, layer=21.0)
    add("us", _OVERHEAD, 0.6, moe_layer=20.0)
    add("us", _OVERHEAD, 0.7, moe_choice=2.0)
    add("us", _OVERHEAD, 1.0, linear_layer=20.0)
    add("1", "steps of overhead per chunk of a prompt", 0.5, prefill_steps=1.0)
    add(
        "1",
        "kernels of DeepSeek sparse attention, 1.4 to 2.6 times over in the trial",
        0.2,
        sparse_attention=1.6,
    )
    add("1", "share of idle compute that reads prompts", 0.5, hide=0.3)
    add("1", "start and end of a finite burst", 0.5, burst=0.5)
    add("us", "network and tokenizer", 0.5, first_floor=50000.0)
    add("1", "steps before the first token", 0.5, first_steps=1.5)
    add("1", "power of the batch in the time to the first token", 0.3, first_queue=0.5)
    return found


def _software() -> dict[str, Prior]:
    """Return what engines add, alone and on a generation."""
    found: dict[str, Prior] = {}
    for name in ("ampere", "ampere-g", "ada", "blackwell", "blackwell-g", "cdna3"):
        value = 0.6 if name == "blackwell" else 1.0
        found[f"launch_{name}"] = Prior(value, 0.3, "1", "overhead over that of Hopper")
    steps = {
        "trt": (800.0, 9.0),
        "trt-2024": (800.0, 15.0),
        "vllm": (700.0, 21.0),
        "vllm-2024": (3300.0, 88.0),
        "vllm-2023": (3300.0, 88.0),
        "vllm-rocm": (1000.0, 30.0),
        "sglang": (1700.0, 15.0),
        "sglang-2024": (2000.0, 30.0),
        "lmdeploy": (1200.0, 6.0),
        "other": (1000.0, 20.0),
    }
    for name, (step, request) in steps.items():
        if name not in ("vllm", "other"):
            found[f"launch_{name}"] = Prior(1.0, 0.3, "1", "overhead over that of vLLM")
        found[f"step_{name}"] = Prior(step, 0.7, "us", "scheduler, per step")
        found[f"request_{name}"] = Prior(request, 0.7, "us", "scheduler, per step and request")
    for name in ("trt", "trt-2024", "vllm", "vllm-2024", "sglang", "other"):
        found[f"runtime_{name}"] = Prior(2.0, 0.5, "GB", "memory the engine keeps for itself")
    caps = {"vllm-2024": 256.0, "vllm-2023": 256.0, "vllm": 1024.0, "sglang": 1024.0}
    for name, value in (caps | {"lmdeploy": 256.0}).items():
        found[f"cap_{name}"] = Prior(value, 0.0, "1", "requests in progress by default")
    pairs = {
        "trt": ("ampere", "ada", "hopper", "blackwell", "blackwell-g"),
        "trt-2024": ("ampere", "hopper"),
        "vllm": ("ampere", "hopper", "blackwell"),
        "vllm-2024": ("ampere", "hopper", "cdna3"),
        "vllm-rocm": ("cdna3",),
        "sglang": ("hopper", "blackwell"),
    }
    for engine, generations in pairs.items():
        for generation in generations:
            for what, spread in (("compute", 0.1), ("bandwidth", 0.1)):
                found[f"{what}_{engine}_{generation}"] = Prior(
                    1.0, spread, "1", "engine on this generation, over the generation"
                )
            found[f"launch_{engine}_{generation}"] = Prior(
                1.0, 0.2, "1", "engine on this generation, over the generation"
            )
    found["half_vllm-2024_cdna3"] = Prior(0.4, 1.0, "1", "16-bit matrix products of early vLLM")
    return found


PRIORS = _hardware() | _common() | _software()
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
    spread = np.array([PRIORS[name].spread for name in names])
    return dict(rest) | dict(zip(names, np.exp(mean + spread * x).tolist(), strict=True))


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
    fixed = {name: prior.value for name, prior in PRIORS.items() if prior.spread == 0}
    result = {name: prior.value for name, prior in PRIORS.items()} | dict(start or {})
    free = [n for n, prior in PRIORS.items() if prior.spread > 0 and n not in LATENCY]

    def place(names: Sequence[str]) -> Array:
        return np.array([np.log(result[n] / PRIORS[n].value) / PRIORS[n].spread for n in names])

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


NEAR = 0.25
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
                    "n": str(self.n) if prior.spread else "",
                    "fitted_on": fitted_on.isoformat(),
                    "error": self.error if name == "overlap_norm" else "",
                    "note": prior.note,
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
