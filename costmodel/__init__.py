"""What a language model costs to adapt, to serve and to keep.

The public names are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmodel.analysis.compare import Comparison, compare
    from costmodel.approaches import (
        FewShot,
        FineTune,
        LongContext,
        PreferenceTune,
        Prompting,
        Rag,
    )
    from costmodel.bill import Bill
    from costmodel.costs import (
        count_tokens,
        inference_cost,
        maintenance_cost,
        plan_serving,
        training_cost,
    )
    from costmodel.errors import DataError, PriceError, ScenarioError
    from costmodel.hosts import Dedicated, Owned, PerToken, Provisioned, Rented
    from costmodel.plans.serving import ServingPlan
    from costmodel.plans.training import TrainingPlan, plan_training
    from costmodel.prices.book import PriceBook
    from costmodel.quantities.requests import Part, Size
    from costmodel.scenario import Mix, Option, Scenario, Stage, Upkeep, Workload

__version__ = "1.0.0"

_HOMES = {
    "analysis.compare": ("Comparison", "compare"),
    "approaches": ("FewShot", "FineTune", "LongContext", "PreferenceTune", "Prompting", "Rag"),
    "bill": ("Bill",),
    "costs": (
        "count_tokens",
        "inference_cost",
        "maintenance_cost",
        "plan_serving",
        "training_cost",
    ),
    "errors": ("DataError", "PriceError", "ScenarioError"),
    "hosts": ("Dedicated", "Owned", "PerToken", "Provisioned", "Rented"),
    "plans.serving": ("ServingPlan",),
    "plans.training": ("TrainingPlan", "plan_training"),
    "prices.book": ("PriceBook",),
    "quantities.requests": ("Part", "Size"),
    "scenario": ("Mix", "Option", "Scenario", "Stage", "Upkeep", "Workload"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Bill",
    "Comparison",
    "DataError",
    "Dedicated",
    "FewShot",
    "FineTune",
    "LongContext",
    "Mix",
    "Option",
    "Owned",
    "Part",
    "PerToken",
    "PreferenceTune",
    "PriceBook",
    "PriceError",
    "Prompting",
    "Provisioned",
    "Rag",
    "Rented",
    "Scenario",
    "ScenarioError",
    "ServingPlan",
    "Size",
    "Stage",
    "TrainingPlan",
    "Upkeep",
    "Workload",
    "compare",
    "count_tokens",
    "inference_cost",
    "maintenance_cost",
    "plan_serving",
    "plan_training",
    "training_cost",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"costmodel.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
