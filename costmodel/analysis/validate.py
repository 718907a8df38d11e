"""Check the program against published or own measurements."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from costmodel.analysis.measured import (
    LINE,
    MEASURED,
    Cases,
    lines_of,
    needed,
    numbers,
    texts,
    training_cases,
)
from costmodel.bill import extend
from costmodel.costs import priced
from costmodel.errors import CostModelError, DataError, nearest
from costmodel.months import Array
from costmodel.plans.serving_rows import workpiece
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs
from costmodel.quantities.training import train_mtok
from costmodel.quantities.training_memory import peak_gb
from costmodel.quantities.training_runs import Runs
from costmodel.quantities.training_speed import tokens_per_second

if TYPE_CHECKING:
    import pandas as pd

# columns of a file of price cases -> what the cost functions call them
PRICE_COLUMNS = {
    "provider": "provider",
    "model": "model",
    "mode": "mode",
    "region": "region",
    "input_tokens": "input_tokens",
    "cached_read_tokens": "cached_input_tokens",
    "cached_input_tokens": "cached_input_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_tokens": "output_tokens",
    "requests": "requests",
    "date": "on",
    "on": "on",
}
REQUIRED = ("provider", "model", "input_tokens", "output_tokens", "on")
# what a blank cell stands for, where that is not nothing; None = it is refused
BLANK: Mapping[str, float | None] = {"input_tokens": None, "output_tokens": None, "requests": 1.0}
# what counts as exact, near and tolerable in the summary
EXACT, NEAR, TWICE = 1e-6, 0.25, 2.0


@dataclass(frozen=True, eq=False)
class Validation:
    """Predictions beside measurements.

    Attributes:
        frame: The input, with `predicted` and `ratio` (predicted / measured).
        measured: Name of the measured column.
        skipped: Line and reason of each row that could not be predicted.
        warnings: Models that had retired on the day of a row, whose last price was taken.
        tested: Errors of the coefficients when rows were left out of their fit.
    """

    frame: pd.DataFrame
    measured: str
    skipped: tuple[tuple[int, str], ...]
    warnings: tuple[str, ...] = ()
    tested: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def ratios(self) -> Array:
        """Predicted over measured of the rows that were predicted."""
        ratio = np.asarray(self.frame["ratio"], float)
        return np.asarray(ratio[np.isfinite(ratio)])

    def as_dict(self) -> dict[str, Any]:
        """Return the summary with the documented keys."""
        ratio = self.ratios
        error = np.abs(ratio - 1.0)
        return {
            "rows": len(self.frame),
            "n": int(ratio.size),
            "skipped": [{"line": line, "reason": reason} for line, reason in self.skipped],
            "median_absolute_percentage_error": float(np.median(error)) if ratio.size else None,
            "share_exact": float(np.mean(error <= EXACT)) if ratio.size else None,
            "share_within_25_percent": float(np.mean(error <= NEAR)) if ratio.size else None,
            "share_within_2x": float(np.mean((ratio >= 1 / TWICE) & (ratio <= TWICE)))
            if ratio.size
            else None,
            "share_under_predicted": float(np.mean(ratio < 1.0)) if ratio.size else None,
            "warnings": list(self.warnings),
            **({"cross_validated": dict(self.tested)} if self.tested else {}),
        }


def read_cases(path: Path) -> pd.DataFrame:
    """Read a CSV file of cases as text.

    Raises:
        DataError: If there is no such file, or it is no CSV table.
    """
    import pandas as pd

    if not path.is_file():
        beside = [entry.name for entry in path.parent.glob("*.csv")] if path.parent.is_dir() else []
        message = f"no file {path}{nearest(path.name, beside, listing=False)}"
        raise DataError(message)
    lines, rows = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if row:
                    lines.append(reader.line_num)
                    rows.append(row)
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{path.name}: is not a CSV table in UTF-8 ({error})"
        raise DataError(message) from None
    if not rows:
        message = f"{path.name}: is empty; its first line names the columns"
        raise DataError(message)
    header = [name.strip() for name in rows[0]]
    for name in header:
        if header.count(name) > 1:
            message = f"{path.name} line {lines[0]}: column {name!r} stands twice"
            raise DataError(message)
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            message = f"{path.name} line {line}: has {len(row)} cells, the header {len(header)}"
            raise DataError(message)
    index = pd.Index(lines[1:], name=LINE)
    return pd.DataFrame(rows[1:], index=index, columns=pd.Index(header), dtype=object)


def _numbers(cases: pd.DataFrame, name: str, source: str, blank: float | None = None) -> Array:
    """Return a column as numbers >= 0.

    Args:
        cases: The cases.
        name: The column.
        source: Name of the file, for messages.
        blank: What a blank cell stands for; None = it is refused.
    """
    values = np.empty(len(cases))
    for k, (line, cell) in enumerate(zip(lines_of(cases), cases[name], strict=True)):
        text = str(cell).strip()
        if not text and blank is not None:
            values[k] = blank
            continue
        try:
            values[k] = float(text)
        except ValueError:
            values[k] = np.nan
        if not 0 <= values[k] < np.inf:
            message = f"{source} line {line}: {name} must be a number >= 0, got {cell!r}"
            raise DataError(message)
    return values


def _stamps(cases: pd.DataFrame, name: str, source: str) -> list[datetime]:
    stamps = []
    for line, text in zip(lines_of(cases), cases[name], strict=True):
        try:
            stamps.append(datetime.fromisoformat(str(text).strip()))
        except ValueError:
            message = f"{source} line {line}: {name} must be a date like 2026-12-01, got {text!r}"
            raise DataError(message) from None
    return stamps


def _asked(cases: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the cases with the columns the cost functions want."""
    import pandas as pd

    asked: dict[str, Any] = {}
    for column, name in PRICE_COLUMNS.items():
        if column in cases:
            if name.endswith("_tokens") or name == "requests":
                asked[name] = _numbers(cases, column, source, BLANK.get(name, 0.0))
            elif name == "on":
                asked[name] = np.array(_stamps(cases, column, source), object)
            else:
                asked[name] = np.array([str(x).strip() or None for x in cases[column]], object)
    for name in REQUIRED:
        if name not in asked:
            given = " or ".join(column for column, meant in PRICE_COLUMNS.items() if meant == name)
            message = f"{source}: needs a column {given}{nearest(name, cases.columns)}"
            raise DataError(message)
    needed(cases, ["expected_usd"], source)
    return pd.DataFrame(asked)


def validate_prices(cases: pd.DataFrame, book: PriceBook, source: str = "cases") -> Validation:
    """Price requests of known cost.

    Args:
        cases: Columns provider, model, mode, input_tokens (all input of one request),
            cached_read_tokens, cache_write_tokens, output_tokens, date, expected_usd; further
            ones are passed through.
        book: The prices.
        source: Name of the file, for messages.

    Raises:
        DataError: If a column is missing or a value is no number.
    """
    frame, lines = _asked(cases, source), lines_of(cases)
    expected = _numbers(cases, "expected_usd", source, np.nan)
    predicted = np.full(len(frame), np.nan)
    skipped: list[tuple[int, str]] = []
    rows = book.prices(frame, strict=False)
    known = np.flatnonzero(rows >= 0)
    for k in np.flatnonzero(rows < 0).tolist():
        try:
            book.prices(frame.iloc[[k]])
        except CostModelError as error:
            skipped.append((lines[k], str(error)))

    def usd(some: npt.NDArray[np.int64]) -> Array:
        columns = {str(name): column for name, column in frame.iloc[some].items()}
        return priced(columns, some.size, book, row=rows[some]).usd

    try:
        predicted[known] = usd(known)
    except CostModelError:
        # one impossible row must not hide the others
        for k in known.tolist():
            try:
                predicted[k] = usd(np.array([k]))[0]
            except CostModelError as error:
                skipped.append((lines[k], str(error)))
    retired = tuple(_retired(frame.iloc[known], book))
    found = _Rows(np.arange(len(cases)), expected, tuple(sorted(skipped)))
    return _compared(cases, found, predicted, "expected_usd", retired)


def _retired(frame: pd.DataFrame, book: PriceBook) -> Iterator[str]:
    """Yield the models that were priced after their retirement."""
    last: dict[tuple[str, str], date] = {}
    for provider, name, on in zip(frame["provider"], frame["model"], frame["on"], strict=True):
        last[provider, name] = max(on.date(), last.get((provider, name), date.min))
    for (provider, name), day in sorted(last.items()):
        model = book.catalog.model(provider, name)
        if model.ends_for_certain and model.retires is not None and day >= model.retires:
            yield f"{provider}/{model.name} retired on {model.retires}: its last price is taken"


class _Rows(NamedTuple):
    """Rows that could be understood: their places, what was measured, and why others were not."""

    rows: Any
    measured: Array
    skipped: tuple[tuple[int, str], ...]


def _compared(
    cases: pd.DataFrame,
    found: Cases | _Rows,
    predicted: Array,
    measured: str,
    warnings: tuple[str, ...] = (),
    tested: Mapping[str, Mapping[str, float]] | None = None,
) -> Validation:
    """Put predictions beside the measurements of the same rows."""
    every = np.full(len(cases), np.nan)
    every[found.rows] = predicted
    known = np.isfinite(found.measured) & (found.measured > 0)
    ratio = np.where(known, every / np.where(known, found.measured, 1.0), np.nan)
    # nothing expected, nothing predicted
    ratio = np.where((found.measured == 0) & (every == 0), 1.0, ratio)
    alone = int(np.sum(np.isfinite(every) & np.isnan(ratio)))
    if alone:
        warnings += (f"{alone} rows have a prediction but no {measured} above 0 to compare with",)
    frame = cases.assign(predicted=every, ratio=ratio)
    return Validation(frame, measured, found.skipped, warnings, tested or {})


def validate_training(cases: pd.DataFrame, specs: Specs, source: str = "cases") -> Validation:
    """Predict the speed of training runs, from their settings alone.

    Args:
        cases: Columns of `benchmarks/training.csv`; further ones are passed through, missing or
            blank ones are filled with what is usual.
        specs: Shapes of models, GPUs and coefficients.
        source: Name of the file, for messages.

    Raises:
        DataError: If there is no column `model`, `method` or `tok_s_total`.
    """
    return _validate_runs("training", tokens_per_second, cases, specs, source)


def validate_memory(cases: pd.DataFrame, specs: Specs, source: str = "cases") -> Validation:
    """Predict the peak memory of training runs: `peak_mem_gb` of `benchmarks/training_memory.csv`.

    Arguments and errors are those of `validate_training`.
    """
    return _validate_runs("memory", peak_gb, cases, specs, source)


def _validate_runs(
    model: str,
    predict: Callable[[Runs, Mapping[str, float]], Array],
    cases: pd.DataFrame,
    specs: Specs,
    source: str,
) -> Validation:
    """Predict what was measured of training runs."""
    measured = MEASURED[model]
    needed(cases, [measured], source)
    found = training_cases(cases, specs, measured, source)
    predicted = predict(found.runs, specs.coefficients(model))
    return _compared(cases, found, predicted, measured, tested=specs.tested(model))


def validate_serving(cases: pd.DataFrame, specs: Specs, source: str = "cases") -> Validation:
    """Predict the throughput of replicas, from their settings alone.

    Args:
        cases: Columns of `benchmarks/serving.csv`; further ones are passed through, missing or
            blank ones are filled with what is usual.
        specs: Shapes of models, GPUs and coefficients.
        source: Name of the file, for messages.

    Raises:
        DataError: If there is no column `model`, `gpu`, `isl`, `osl` or `out_tok_s`.
    """
    measured = "out_tok_s"
    needed(cases, ("model", "gpu", "isl", "osl", measured), source)
    columns = {str(name): cases[name].tolist() for name in cases}
    piece = workpiece(columns, specs)
    speed = piece.speed(specs.coefficients("serving"))
    lines = lines_of(cases)
    values, _ = numbers(texts(cases, measured))
    skipped = tuple((lines[k], reason) for k, reason in piece.reasons)
    found = _Rows(piece.rows, values, skipped)
    predicted = speed.output_tokens_per_second
    return _compared(cases, found, predicted, measured, tested=specs.tested("serving"))


def validate_bills(cases: pd.DataFrame, source: str = "cases") -> Validation:
    """Compute reported bills of training jobs, at the price that was reported with them.

    Args:
        cases: Columns tokens, epochs (of several jobs: `3|3|5`), price_per_mtok and reported_usd;
            optionally validation_tokens, evaluations and minimum_usd (of one job). Further ones
            are passed through.
        source: Name of the file, for messages.

    Raises:
        DataError: If a column is missing or a value is no number.
    """
    needed(cases, ("tokens", "epochs", "price_per_mtok", "reported_usd"), source)
    given = {name: _numbers(cases, name, source) for name in ("tokens", "price_per_mtok")}
    for name in ("validation_tokens", "evaluations", "minimum_usd"):
        given[name] = _numbers(cases, name, source, 0.0) if name in cases else np.zeros(len(cases))
    jobs = [_epochs(*row, source) for row in zip(lines_of(cases), cases["epochs"], strict=True)]
    which = np.repeat(np.arange(len(cases)), [len(job) for job in jobs])
    each = {name: values[which] for name, values in given.items()}
    mtok = train_mtok(1.0, each["tokens"], np.concatenate([[], *jobs]))
    mtok = mtok + train_mtok(1.0, each["validation_tokens"], each["evaluations"])
    usd = np.maximum(extend(mtok, each["price_per_mtok"]), each["minimum_usd"])
    predicted = np.asarray(np.bincount(which, usd, len(cases)), float)
    reported = _numbers(cases, "reported_usd", source, np.nan)
    found = _Rows(np.arange(len(cases)), reported, ())
    return _compared(cases, found, predicted, "reported_usd")


def _epochs(line: int, text: object, source: str) -> list[float]:
    """Return the epochs of each job behind a bill."""
    try:
        epochs = [float(word) for word in str(text).split("|")]
    except ValueError:
        epochs = []
    if not epochs or not all(0 < number < np.inf for number in epochs):
        message = (
            f"{source} line {line}: epochs reads like 3, or 3|3|5 for three jobs, got {text!r}"
        )
        raise DataError(message)
    return epochs
