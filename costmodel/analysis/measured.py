"""Measured training runs: text of a table turned into settings, blanks and all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from costmodel.errors import CostModelError, DataError, nearest
from costmodel.months import Array
from costmodel.prices.specs import Specs
from costmodel.prices.tables import MEMORY_BASES, TRAINING_NUMBERS, TRAINING_WORDS
from costmodel.quantities.training_runs import Runs, Words, runs_of

if TYPE_CHECKING:
    import pandas as pd

WORDS: Mapping[str, Sequence[str]] = TRAINING_WORDS | {"memory_basis": MEMORY_BASES}
# a word outside the vocabulary in one of these makes a row another case; elsewhere it is a blank
DECISIVE = ("method",)
UNKNOWN_GPU = "A100-SXM-80GB"  # stands in where the GPU does not matter much
LINE = "line"  # name of an index that holds lines of a file
MEASURED = {"training": "tok_s_total", "memory": "peak_mem_gb"}  # what is predicted of a run


@dataclass(frozen=True, eq=False)
class Cases:
    """Rows of a table of training runs, as far as they can be understood.

    Attributes:
        rows: Place of each understood row in the table.
        runs: Its settings.
        measured: What was measured, nan where blank; shape of all rows.
        skipped: Line and reason of each other row.
    """

    rows: npt.NDArray[np.int64]
    runs: Runs
    measured: Array
    skipped: tuple[tuple[int, str], ...]


def lines_of(cases: pd.DataFrame) -> list[int]:
    """Return the line of each case in its file."""
    if cases.index.name == LINE:
        return [int(line) for line in cases.index]
    return list(range(2, len(cases) + 2))


def needed(cases: pd.DataFrame, names: Sequence[str], source: str) -> None:
    """Refuse a table that lacks a column.

    Args:
        cases: The table.
        names: Columns.
        source: Name of the file, for messages.

    Raises:
        DataError: If one is missing.
    """
    for name in names:
        if name not in cases:
            message = f"{source}: needs a column {name}{nearest(name, cases.columns)}"
            raise DataError(message)


def texts(cases: pd.DataFrame, name: str) -> Words:
    """Return a column as stripped text, blank where the table has no such column."""
    if name not in cases:
        return np.full(len(cases), "", dtype=str)
    cells = ["" if cell is None else str(cell).strip() for cell in cases[name]]
    return np.array(["" if c.lower() in ("nan", "<na>") else c for c in cells], str)


def numbers(words: Words) -> tuple[Array, dict[int, str]]:
    """Return text as numbers >= 0, nan where blank, and the cells that are none."""
    values = np.full(words.size, np.nan)
    wrong: dict[int, str] = {}
    for k, text in enumerate(words.tolist()):
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if 0 <= value < np.inf:
            values[k] = value
        else:
            wrong[k] = text
    return values, wrong


def training_cases(
    cases: pd.DataFrame, specs: Specs, measured: str, source: str = "cases"
) -> Cases:
    """Understand rows of measured training runs.

    Args:
        cases: Columns of the training tables; further ones are ignored, missing ones are blank.
        specs: Shapes of models, and GPUs.
        measured: Column of the measurement.
        source: Name of the file, for messages.

    Raises:
        DataError: If there is no column `model` or `method`.
    """
    needed(cases, ("model", "method"), source)
    lines = lines_of(cases)
    problems: dict[int, str] = {}
    columns = {name: texts(cases, name) for name in WORDS}
    columns["stack"] = _stacks(columns["stack"], specs)
    for name, allowed in WORDS.items():
        plain = (columns[name] == "none") & ("none" not in allowed)
        columns[name] = np.where(plain, "", columns[name])
        strange = np.flatnonzero(~np.isin(columns[name], ("", *allowed)))
        for k in strange.tolist():
            if name in DECISIVE:
                word = str(columns[name][k])
                problems.setdefault(k, f"unknown {name} {word!r}{nearest(word, allowed)}")
        if name not in DECISIVE:
            columns[name] = np.where(np.isin(columns[name], allowed), columns[name], "")
    values: dict[str, Array] = {}
    for name in TRAINING_NUMBERS:
        values[name], wrong = numbers(texts(cases, name))
        for k, text in wrong.items():
            problems.setdefault(k, f"{name} must be a number >= 0, got {text!r}")
        if name != "zero_stage":
            # 0 GPUs, 0 tokens: not stated
            values[name] = np.where(values[name] > 0, values[name], np.nan)
    target, wrong = numbers(texts(cases, measured))
    for k, text in wrong.items():
        problems.setdefault(k, f"{measured} must be a number >= 0, got {text!r}")
    model_names = _looked_up(texts(cases, "model"), specs.model, problems)
    gpu_names = texts(cases, "gpu")
    gpu_names = np.where(gpu_names == "", UNKNOWN_GPU, gpu_names)
    gpu_names = _looked_up(gpu_names, specs.gpu, problems)
    rows = np.array([k for k in range(len(cases)) if k not in problems], np.int64)
    runs = runs_of(
        specs.model_columns(model_names[rows].tolist()),
        specs.gpu_columns(gpu_names[rows].tolist()),
        specs.architectures(gpu_names[rows].tolist()),
        {name: column[rows] for name, column in values.items()},
        {name: column[rows] for name, column in columns.items()},
    )
    skipped = tuple((lines[k], problems[k]) for k in sorted(problems))
    return Cases(rows, runs, target, skipped)


def _stacks(names: Words, specs: Specs) -> Words:
    """Replace names of tools by the stack they stand on."""
    found = {}
    for name in set(names.tolist()) - {"", *TRAINING_WORDS["stack"]}:
        try:
            found[name] = specs.tool(name)["stack"]
        except CostModelError:
            found[name] = ""
    return np.array([found.get(name, name) for name in names.tolist()], str)


def _looked_up(names: Words, find: Callable[[str], object], problems: dict[int, str]) -> Words:
    """Return names as they are where they are known, and note those that are not."""
    reasons: dict[str, str] = {}
    for name in set(names.tolist()):
        try:
            find(name)
        except CostModelError as error:
            reasons[name] = str(error)
    for k, name in enumerate(names.tolist()):
        if name in reasons:
            problems.setdefault(k, reasons[name])
    return names
