"""Published training runs near a plan."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from costmodel.prices.specs import Specs

if TYPE_CHECKING:
    from costmodel.plans.training import Job, TrainingPlan


@dataclass(frozen=True)
class Measurement:
    """A published run near a plan. `tokens_per_second` counts all GPUs."""

    model: str
    gpu: str
    gpus: int
    method: str
    framework: str
    sequence_length: float
    tokens_per_second: float
    published: str
    source: str
    distance: float = field(compare=False, default=0.0)


def nearest_measured(
    plan: TrainingPlan, job: Job, specs: Specs, count: int = 3
) -> list[Measurement]:
    """Return the published runs that are most like a plan, of different settings each."""
    size = specs.model(plan.model)["params_total"]
    architecture = specs.gpu(plan.gpu)["architecture"]
    method = "full_sft" if job.method == "full" else job.method
    found = []
    for row in specs.rows("training_benchmarks"):
        gpu = specs.gpu(row["gpu"]) if row["gpu"] else None
        away = abs(math.log(specs.model(row["model"])["params_total"] / size))
        away += 2.0 * (row["method"] != method) + 1.0 * (row["stack"] != plan.stack)
        other = gpu is None or gpu["gpu"] != plan.gpu
        away += 1.0 * other + 0.5 * (gpu is None or gpu["architecture"] != architecture)
        away += 0.3 * abs(math.log(max(row["n_gpus"], 1.0) / plan.gpus))
        away += 0.3 * abs(math.log(max(row["seq_len"], 1.0) / job.sequence_length))
        found.append((away, row))
    found.sort(key=lambda pair: pair[0])
    chosen: dict[tuple[Any, ...], Measurement] = {}
    for away, row in found:
        key = (row["source"], row["model"], row["gpu"], row["method"])
        if key not in chosen:
            chosen[key] = Measurement(
                model=row["model"],
                gpu=row["gpu"],
                gpus=int(row["n_gpus"]),
                method=row["method"],
                framework=row["framework"],
                sequence_length=row["seq_len"],
                tokens_per_second=row["tok_s_total"],
                published=str(row["published"]),
                source=row["source"],
                distance=away,
            )
        if len(chosen) == count:
            break
    return list(chosen.values())
