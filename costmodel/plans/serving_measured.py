"""Measurements beside a serving plan: own ones that correct it, published ones near it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.errors import DataError, nearest
from costmodel.plans.serving_rows import COLUMNS, Workpiece, workpiece
from costmodel.prices.specs import Specs
from costmodel.prices.tables import Record
from costmodel.quantities.serving_runs import engine_family

if TYPE_CHECKING:
    from costmodel.plans.serving import Policy, ServingPlan

NEAREST = 3


@dataclass(frozen=True)
class Nearby:
    """A published measurement near a prediction: settings, speed and where it was published."""

    model: str
    gpu: str
    n_gpus: int
    engine: str
    weights_prec: str
    isl: float
    osl: float
    concurrency: float
    out_tok_s: float
    predicted: float
    source: str


def anchored(
    row: Record,
    chip: Record,
    policy: Policy,
    precision: str,
    specs: Specs,
    anchors: Mapping[str, Sequence[Any]] | None,
) -> tuple[float, int, tuple[str, ...]]:
    """Return measured over predicted of own measurements of the same case, and their number.

    Raises:
        DataError: If the measurements cannot be read.
    """
    if not anchors:
        return 1.0, 0, ()
    absent = [name for name in ("model", "gpu", "isl", "osl", "out_tok_s") if name not in anchors]
    if absent:
        message = f"anchors: need a column {absent[0]}{nearest(absent[0], anchors)}"
        raise DataError(message)
    piece = workpiece(anchors, specs)
    if piece.reasons:
        place, reason = piece.reasons[0]
        message = f"anchors row {place + 1}: {reason}"
        raise DataError(message)
    try:
        measured = np.array([float(x) for x in anchors["out_tok_s"]])
    except ValueError:
        measured = np.zeros(1)
    if not np.all(measured > 0):
        message = "anchors: out_tok_s must be numbers > 0"
        raise DataError(message)
    ratio = measured / piece.speed(specs.coefficients("serving")).output_tokens_per_second
    same = np.array(
        [
            specs.model(str(m))["model"] == row["model"] and specs.gpu(str(g))["gpu"] == chip["gpu"]
            for m, g in zip(anchors["model"], anchors["gpu"], strict=True)
        ]
    )
    same &= (piece.setups.weights == precision) & (
        piece.setups.engine == engine_family(policy.engine)
    )
    count = int(same.sum())
    other = same.size - count
    notes = [f"{count} own measurements correct the prediction"] if count else []
    if other:
        notes.append(f"{other} own measurements are of another model, GPU, engine or precision")
    return float(np.median(ratio[same])) if count else 1.0, count, tuple(notes)


def nearest_measured(found: ServingPlan, row: Record, specs: Specs) -> tuple[Nearby, ...]:
    """Return the published measurements whose settings are nearest to a plan."""
    piece = _published(specs)
    rows = [specs.rows("serving_benchmarks")[k] for k in piece.rows]
    family = engine_family(found.engine)
    size = np.log(
        piece.shapes.dense_params
        + piece.shapes.expert_params * piece.shapes.moe_layers * piece.shapes.top_k
    )
    own = math.log(row["dense_params"] + row["expert_params"] * row["n_moe_layers"] * row["top_k"])
    chip = specs.gpu(found.gpu)
    names = np.array([entry["model"] for entry in rows])
    gpus = np.array([entry["gpu"] for entry in rows])
    running = np.nan_to_num(piece.setups.concurrency, nan=256.0)
    distance = (
        3.0 * (names != found.model)
        + 2.0 * np.abs(size - own)
        + 2.0 * ((piece.shapes.experts > 0) != (row["n_experts"] > 0))
        + 1.5 * (gpus != found.gpu)
        + 2.0 * (piece.chips.generation != chip["architecture"])
        + 1.0 * (piece.setups.engine != family)
        + 1.0 * (piece.setups.weights != found.precision)
        + 0.5 * np.abs(np.log2(piece.setups.gpus / found.gpus_per_replica))
        + 0.3 * np.abs(np.log2(running / found.concurrency))
        + 0.3 * np.abs(np.log2(piece.setups.input_tokens / found.load.input_tokens))
        + 0.3 * np.abs(np.log2(piece.setups.output_tokens / found.load.output_tokens))
    )
    chosen = np.argsort(distance, kind="stable")[:NEAREST]
    speed = piece.part(chosen).speed(specs.coefficients("serving")).output_tokens_per_second
    return tuple(
        Nearby(
            model=rows[k]["model"],
            gpu=rows[k]["gpu"],
            n_gpus=int(rows[k]["n_gpus"]),
            engine=f"{rows[k]['engine']} {rows[k]['engine_version']}".strip(),
            weights_prec=rows[k]["weights_prec"],
            isl=rows[k]["isl"],
            osl=rows[k]["osl"],
            concurrency=float(running[k]),
            out_tok_s=rows[k]["out_tok_s"],
            predicted=float(value),
            source=rows[k]["source"],
        )
        for k, value in zip(chosen.tolist(), speed.tolist(), strict=True)
    )


@lru_cache(maxsize=4)
def _published(specs: Specs) -> Workpiece:
    """Return the published measurements ready to be predicted, worked out once per tables."""
    rows = specs.rows("serving_benchmarks")
    return workpiece({name: [entry[name] for entry in rows] for name in COLUMNS}, specs)
