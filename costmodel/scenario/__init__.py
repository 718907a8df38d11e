"""A scenario: one workload, the ways to serve it, and what each of them needs month by month."""

from costmodel.scenario.draft import EXPECTED, Chances, Event, InfeasibleError, Plan, Risk
from costmodel.scenario.inputs import (
    Input,
    find_input,
    numeric_inputs,
    replace_inputs,
    with_inputs,
)
from costmodel.scenario.model import Mix, Option, Scenario, Stage, Upkeep, Workload
from costmodel.scenario.plan import book_for, plan
from costmodel.scenario.worth import settled

__all__ = [
    "EXPECTED",
    "Chances",
    "Event",
    "InfeasibleError",
    "Input",
    "Mix",
    "Option",
    "Plan",
    "Risk",
    "Scenario",
    "Stage",
    "Upkeep",
    "Workload",
    "book_for",
    "find_input",
    "numeric_inputs",
    "plan",
    "replace_inputs",
    "settled",
    "with_inputs",
]
