"""A scenario: one workload, the ways to serve it, and what each of them needs month by month."""

from costmodel.scenario.inputs import Input, find_input, numeric_inputs, replace_inputs
from costmodel.scenario.model import Mix, Option, Scenario, Stage, Upkeep, Workload
from costmodel.scenario.plan import Event, InfeasibleError, Plan, book_for, plan

__all__ = [
    "Event",
    "InfeasibleError",
    "Input",
    "Mix",
    "Option",
    "Plan",
    "Scenario",
    "Stage",
    "Upkeep",
    "Workload",
    "book_for",
    "find_input",
    "numeric_inputs",
    "plan",
    "replace_inputs",
]
