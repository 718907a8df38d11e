"""From rows of tables to predicted serving speed: names looked up, blanks filled in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from costmodel.errors import PriceError, nearest
from costmodel.months import Array
from costmodel.prices.specs import Specs
from costmodel.prices.tables import Record
from costmodel.quantities.serving_runs import (
    MODES,
    WEIGHT_BYTES,
    Chips,
    Setups,
    Shapes,
    Speed,
    engine_family,
)
from costmodel.quantities.serving_speed import GIGA, Coefficients, predict

Columns = TypeVar("Columns", Shapes, Chips, Setups, Speed)
TERA = 1e12
HBM_GB = 1.0737e9  # the memory of HBM parts is stated in GiB
GRAPHICS = ("-g", "ada", "turing", "xe2")  # generations with graphics memory, stated in GB
# columns a prediction may use: those of benchmarks/serving.csv but the measured ones
COLUMNS = (
    "engine",
    "engine_version",
    "model",
    "weights_prec",
    "kv_prec",
    "gpu",
    "n_gpus",
    "tp",
    "pp",
    "attn_dp",
    "ep",
    "isl",
    "osl",
    "mode",
    "concurrency",
)
MEASURED = ("out_tok_s", "ttft_ms", "tpot_ms")
NEEDED = ("model", "gpu", "isl", "osl")
COUNTS = ("n_gpus", "tp", "pp", "attn_dp", "ep", "concurrency")
DEFAULT_ENGINE = "vllm"
FILLED = {"engine": DEFAULT_ENGINE, "kv_prec": "auto", "mode": "closed_loop"}
PRECISION_NAMES = {"fp4": "nvfp4", "bfloat16": "bf16", "float16": "fp16", "awq": "int4"}
# parts of a name -> precision, the first that matches
PRECISION_HINTS = (
    ("mxfp4", "mxfp4"),
    ("fp4", "nvfp4"),
    ("fp8", "fp8"),
    ("e4m3", "fp8"),
    ("w4", "int4"),
    ("int4", "int4"),
    ("q4", "int4"),
    ("awq", "int4"),
    ("w8", "int8"),
    ("int8", "int8"),
    ("q8", "int8"),
    ("gptq", "int4"),
    ("4bit", "int4"),
    ("8bit", "int8"),
    ("bf16", "bf16"),
    ("bfloat16", "bf16"),
    ("16", "fp16"),
    ("32", "bf16"),
)
NATIVE = {"fp8": "fp8", "mxfp4 experts": "mxfp4", "int4 experts": "int4"}


def _numbers(rows: Sequence[Record], column: str, scale: float = 1.0) -> Array:
    values: Array = np.nan_to_num(np.array([row[column] for row in rows], float))
    return values * scale


def _peaks(rows: Sequence[Record], column: str) -> Array:
    return np.array([row[column] for row in rows], float) * TERA


def shapes_of(rows: Sequence[Record]) -> Shapes:
    """Return the architectures of rows of `open_models.csv`."""
    columns = {
        "experts": "n_experts",
        "moe_layers": "n_moe_layers",
        "mla_rank": "mla_kv_rank",
        "mla_rope": "mla_rope_dim",
        "full_layers": "n_full_layers",
        "window_layers": "n_swa_layers",
        "window": "swa_window",
        "kv_full": "kv_elems_per_tok_full",
        "kv_window": "kv_elems_per_tok_swa",
        "linear_layers": "n_linear_layers",
        "linear_state": "lin_state_elems",
    }
    flags: dict[str, Any] = {
        "sparse": np.array(["+dsa" in row["arch"] for row in rows], bool),
        "four_bit_experts": np.array(["4 experts" in row["native_weights"] for row in rows], bool),
    }
    names = [entry.name for entry in fields(Shapes) if entry.name not in flags]
    numbers = {name: _numbers(rows, columns.get(name, name)) for name in names}
    return Shapes(**(flags | numbers))


def chips_of(rows: Sequence[Record]) -> Chips:
    """Return the hardware of rows of `gpus.csv`."""
    generation = [row["architecture"] for row in rows]
    unit = [GIGA if word.endswith(GRAPHICS) else HBM_GB for word in generation]
    bf16 = _peaks(rows, "bf16_dense_tflops")
    return Chips(
        generation=np.array(generation, str),
        bf16=bf16,
        fp8=_peaks(rows, "fp8_dense_tflops"),
        fp4=_peaks(rows, "fp4_dense_tflops"),
        reached=_peaks(rows, "mamf_bf16_tflops") / bf16,
        memory=_numbers(rows, "memory_gb") * np.array(unit),
        bandwidth=_numbers(rows, "memory_bandwidth_tbs", TERA),
        link=_numbers(rows, "link_gbs", GIGA),
        domain=np.maximum(_numbers(rows, "domain_gpus"), 1.0),
        pcie=_numbers(rows, "pcie_gbs", GIGA),
    )


def taken(columns: Columns, places: Any) -> Columns:
    """Return some entries of columns, in any order, repeated where asked."""
    parts = {entry.name: getattr(columns, entry.name)[places] for entry in fields(columns)}
    return type(columns)(**parts)


def native_precision(row: Record) -> str:
    """Return the precision in which a model is published."""
    return NATIVE.get(str(row["native_weights"]), "bf16")


def known_precision(word: str, allowed: Sequence[str]) -> str:
    """Return the precision that another name stands for, by its number of bits.

    >>> words = ("bf16", "fp8", "int8", "int4", "nvfp4")
    >>> [known_precision(w, words) for w in ("AWQ", "w8a8", "fp8_e4m3", "gptq-int4", "q4_k_m")]
    ['int4', 'int8', 'fp8', 'int4', 'int4']
    """
    lower = word.lower()
    for hint, name in PRECISION_HINTS:
        if hint in lower and name in allowed:
            return name
    return word


@dataclass(frozen=True, eq=False)
class Workpiece:
    """Rows ready to be predicted.

    Attributes:
        rows: Which of the given rows these are.
        shapes, chips, setups: One entry per row.
        reasons: Row and reason of each one left out.
    """

    rows: Any
    shapes: Shapes
    chips: Chips
    setups: Setups
    reasons: tuple[tuple[int, str], ...]

    def speed(self, coefficients: Coefficients) -> Speed:
        """Predict all rows."""
        return predict(self.shapes, self.chips, self.setups, coefficients)

    def part(self, places: Any) -> Workpiece:
        """Return some of the rows."""
        return Workpiece(
            self.rows[places],
            taken(self.shapes, places),
            taken(self.chips, places),
            taken(self.setups, places),
            (),
        )


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()


class _Reader:
    """Reads the columns of measurements and notes which rows cannot be predicted."""

    def __init__(self, columns: Mapping[str, Any], specs: Specs) -> None:
        self.count = len(columns["model"])
        self.words = {
            name: [_text(value) for value in columns[name]]
            if name in columns
            else [""] * self.count
            for name in COLUMNS
        }
        self.specs = specs
        self.problems: dict[int, str] = {}

    def numbers(self, name: str) -> Array:
        values = np.full(self.count, np.nan)
        for k, text in enumerate(self.words[name]):
            if not text:
                if name in NEEDED:
                    self.problems.setdefault(k, f"{name} is blank")
                continue
            try:
                values[k] = float(text)
            except ValueError:
                values[k] = np.nan
            if values[k] == 0 and name in COUNTS:
                # none of what is counted: not used
                values[k] = np.nan
            elif not 0 < values[k] < np.inf:
                self.problems.setdefault(k, f"{name} must be a number > 0, got {text!r}")
        return values

    def named(self, name: str) -> tuple[list[Record], Any]:
        """Return the table rows of the names in a column, and which one each row has."""
        look = self.specs.model if name == "model" else self.specs.gpu
        found: dict[str, int] = {}
        rows: list[Record] = []
        place = np.zeros(self.count, np.int64)
        wrong: dict[str, str] = {}
        for k, word in enumerate(self.words[name]):
            if word not in found and word not in wrong:
                try:
                    rows.append(look(word))
                    found[word] = len(rows) - 1
                except PriceError as error:
                    wrong[word] = str(error) if word else f"{name} is blank"
            if word in wrong:
                self.problems.setdefault(k, wrong[word])
            else:
                place[k] = found[word]
        return rows, place

    def chosen(self, name: str, allowed: Sequence[str]) -> list[str]:
        """Return lower-case words, the default where blank."""
        words = [word.lower() or FILLED.get(name, "") for word in self.words[name]]
        if name.endswith("_prec"):
            words = [word if word in allowed else known_precision(word, allowed) for word in words]
        for k, word in enumerate(words):
            if word and word not in allowed:
                self.problems.setdefault(k, f"unknown {name} {word!r}{nearest(word, allowed)}")
        return words


def workpiece(columns: Mapping[str, Any], specs: Specs) -> Workpiece:
    """Make rows of measurements ready to be predicted; blanks take the usual value.

    Args:
        columns: As `COLUMNS`; `model` is needed, the others may be absent.
        specs: Models and GPUs.
    """
    reader = _Reader(columns, specs)
    models, model = reader.named("model")
    gpus, gpu = reader.named("gpu")
    weights = reader.chosen("weights_prec", tuple(WEIGHT_BYTES))
    cache = reader.chosen("kv_prec", ("auto", "bf16", "fp16", "fp8", "int8"))
    mode = reader.chosen("mode", MODES)
    inputs, outputs = reader.numbers("isl"), reader.numbers("osl")
    number = {name: reader.numbers(name) for name in COUNTS}
    engines = [e.lower() or DEFAULT_ENGINE for e in reader.words["engine"]]
    families = {
        pair: engine_family(*pair)
        for pair in set(zip(engines, reader.words["engine_version"], strict=True))
    }
    keep = np.array([k for k in range(reader.count) if k not in reader.problems], np.int64)
    if models:
        natives = [native_precision(row) for row in models]
        weights = [word or natives[m] for word, m in zip(weights, model.tolist(), strict=True)]

    def filled(name: str, other: Any) -> Array:
        return np.where(np.isnan(number[name]), other, number[name])

    stages, copies = filled("pp", 1.0), filled("attn_dp", 1.0)
    together = filled("n_gpus", filled("tp", 1.0) * stages)
    # GPUs that neither stages nor tensor parallelism use hold further copies
    left = together / np.maximum(filled("tp", together / stages / copies) * stages, 1.0)
    copies = np.where(np.isnan(number["attn_dp"]) | (copies == 1.0), np.maximum(left, 1.0), copies)
    setups = Setups(
        engine=np.array(
            [families[p] for p in zip(engines, reader.words["engine_version"], strict=True)], str
        ),
        weights=np.array(weights, str),
        cache=np.array(cache, str),
        gpus=together,
        stages=stages,
        copies=copies,
        spread=filled("ep", 1.0),
        input_tokens=inputs,
        output_tokens=outputs,
        mode=np.array(mode, str),
        concurrency=number["concurrency"],
        cached=np.zeros(reader.count),
    )
    reasons = tuple(sorted(reader.problems.items()))
    if not keep.size:
        none = np.zeros(0, np.int64)
        return Workpiece(none, shapes_of([]), chips_of([]), taken(setups, none), reasons)
    return Workpiece(
        keep,
        taken(shapes_of(models), model[keep]),
        taken(chips_of(gpus), gpu[keep]),
        taken(setups, keep),
        reasons,
    )
