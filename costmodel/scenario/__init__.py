"""A scenario: one workload, the ways to serve it, and what each of them needs month by month."""

from costmodel.scenario.model import Mix, Option, Scenario, Stage, Upkeep, Workload
from costmodel.scenario.plan import Chances, Event, InfeasibleError, Plan, Risk, book_for, plan
from costmodel.scenario.worth import settled

__all__ = [
    "Chances",
    "Event",
    "InfeasibleError",
    "Mix",
    "Option",
    "Plan",
    "Risk",
    "Scenario",
    "Stage",
    "Upkeep",
    "Workload",
    "book_for",
    "plan",
    "settled",
]
