"""A scenario: one workload, the ways to serve it, and what each of them needs month by month."""

from costmodel.scenario.model import Mix, Option, Scenario, Stage, Upkeep, Workload
from costmodel.scenario.plan import Event, InfeasibleError, Plan, book_for, plan

__all__ = [
    "Event",
    "InfeasibleError",
    "Mix",
    "Option",
    "Plan",
    "Scenario",
    "Stage",
    "Upkeep",
    "Workload",
    "book_for",
    "plan",
]
