"""Did you forget? What usually costs and a scenario leaves out, priced at our defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from costmodel.analysis.compare import Comparison, Result, billed
from costmodel.errors import CostModelError
from costmodel.hosts import Owned, Rented
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import TEAM, Key
from costmodel.scenario import Option, Scenario, book_for, numeric_inputs, replace_inputs

BYTES_PER_TOKEN = 4.0  # of English text
GB = 1e9
WORDS = {
    "label_life_months": "re-labelling: labels age",
    "evaluate_every_months": "evaluation: a test set, month by month",
    "evaluation_cases": "evaluation: a test set, month by month",
    "review_share": "people who read a sample of the answers",
    "review_minutes": "people who read a sample of the answers",
    "requirement_changes_per_year": "requirements that change",
    "double_running_days": "double running at a change of model",
    "refresh_share": "examples renewed at a change",
    "validation_share": "a validation set",
    "monthly_churn": "documents that change",
}
PEOPLE = "people: hours of work"
RATE = "people: a rate of zero"
RETRIES = "retries of answers that fail"
IDLE = "idle hosting: hours in which nobody asks"
SPARE = "a spare replica for when one fails"
EGRESS = "egress: answers that leave the data centre"


@dataclass(frozen=True)
class Forgotten:
    """Something that usually costs and that a scenario leaves out.

    Attributes:
        what: In words.
        inputs: Input -> our default, with which the bills were made again.
        usd: Option -> what it adds to the bill. [US$]
        note: What cannot be priced, and why.
    """

    what: str
    inputs: Mapping[str, float]
    usd: Mapping[str, float]
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        return {
            "what": self.what,
            "inputs": dict(self.inputs),
            "usd": dict(self.usd),
            "note": self.note or None,
        }


def forgotten(comparison: Comparison, tables: PriceBook) -> tuple[Forgotten, ...]:
    """Price what a scenario leaves out, by making its bills again with our default put in.

    Args:
        comparison: The bills as the scenario states them.
        tables: The prices without the scenario's own rates.
    """
    scenario, book = comparison.scenario, comparison.book
    before = {result.name: result for result in comparison.results if result.bill is not None}
    items = []
    for what, inputs in _left_out(scenario).items():
        try:
            changed = replace_inputs(scenario, inputs)
            items.append(Forgotten(what, inputs, _added(changed, before, book)))
        except CostModelError as error:
            items.append(Forgotten(what, inputs, {}, f"not priced: {error}"))
    free = [role for role, rate in scenario.people.items() if rate == 0]
    if free:
        paid = {role: rate for role, rate in scenario.people.items() if rate}
        changed = replace(scenario, people=paid)
        listed = {f"people.{role}": _rate(role, scenario, tables) for role in free}
        items.append(Forgotten(RATE, listed, _added(changed, before, book_for(changed, tables))))
    return tuple(item for item in items if item.note or any(usd > 0 for usd in item.usd.values()))


def _rate(role: str, scenario: Scenario, book: PriceBook) -> float:
    """Return the rate of a role in labour.csv. [US$/h]"""
    return book.price_on(Key("labour", TEAM, role), "person_hour", scenario.start)


def _left_out(scenario: Scenario) -> dict[str, dict[str, float]]:
    """Return what is stated as nothing, with our defaults, by what it is."""
    found: dict[str, dict[str, float]] = {}
    known = numeric_inputs(scenario)
    for prefix, item in _defaulted(scenario):
        for entry in fields(item):
            value, default = getattr(item, entry.name), entry.default
            if not entry.metadata.get("assumed") or not isinstance(default, int | float):
                continue
            name = f"{prefix}.{entry.name}"
            if default > 0 and name in known and not np.any(np.asarray(value)):
                word = WORDS.get(entry.name, PEOPLE if "hours" in entry.name else "")
                word = word or (PEOPLE if "minutes" in entry.name else entry.name.replace("_", " "))
                found.setdefault(word, {})[name] = float(default)
    unsure = any(
        option.success_rate is not None and np.any(np.asarray(option.success_rate) < 1)
        for option in scenario.options
    )
    if unsure and not any(np.any(np.asarray(task.retries)) for task in scenario.all_tasks):
        found[RETRIES] = {"workload.retries": 1.0}
    for option in scenario.options:
        if isinstance(option, Option):
            for what, name, value in _of_host(scenario, option):
                found.setdefault(what, {})[f"option.{option.name}.host.{name}"] = value
    return found


def _defaulted(scenario: Scenario) -> Iterator[tuple[str, Any]]:
    yield "upkeep", scenario.upkeep
    seen: set[str] = set()
    for option in scenario.options:
        for stage in option.stages if isinstance(option, Option) else ():
            for name, approach in stage.approaches.items():
                if name not in seen:
                    seen.add(name)
                    yield f"approach.{name}", approach


def _of_host(scenario: Scenario, option: Option) -> Iterator[tuple[str, str, float]]:
    """Yield what a host leaves out: in words, field, our default."""
    host = option.stages[0].host
    share = getattr(host, "deployed_share", 1.0)
    # owned GPUs are paid while they are off
    if np.any(np.asarray(share) < 1) and not isinstance(host, Owned):
        yield IDLE, "deployed_share", 1.0
    if isinstance(host, Rented | Owned) and not np.any(np.asarray(host.spare_replicas)):
        yield SPARE, "spare_replicas", 1.0
    if isinstance(host, Rented) and not np.any(np.asarray(host.egress_gb)):
        tokens = 0.0
        for task in scenario.all_tasks:
            written = sum(mean_of(call.output) for call in task.request().calls())
            tokens += mean_of(task.requests) * written
        yield EGRESS, "egress_gb", tokens * BYTES_PER_TOKEN / GB


def _added(changed: Scenario, before: Mapping[str, Result], book: PriceBook) -> dict[str, float]:
    """Return what each bill grows by. [US$]"""
    added = {}
    for name, result in before.items():
        found = billed(changed, changed.option(name), book).bill
        if found is not None and result.bill is not None:
            more = mean_of(found.total) - mean_of(result.bill.total)
            if abs(more) > 1e-9 * mean_of(result.bill.total):
                added[name] = more
    return added


def mean_of(value: Any) -> float:
    """Return a number, the mean of those of many scenarios made at once."""
    return float(np.mean(value))
