"""The numeric inputs of a scenario by name, and a scenario with other values for some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from costmodel.approaches import Approach
from costmodel.errors import ScenarioError, nearest
from costmodel.hosts import Host
from costmodel.months import Array, Numeric
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import TEAM, Key
from costmodel.quantities.distributions import distribution_of
from costmodel.quantities.ranges import limits
from costmodel.quantities.requests import Part, Size
from costmodel.scenario.model import Mix, Option, Scenario, Stage, Uncertain, Workload

Way = tuple[str | int, ...]

NUMBERS = ("Numeric", "Numeric | None", "float", "int", "Size | Numeric")
MAPPINGS = ("Mapping[str, Numeric]", "Mapping[str, float]")
# what people say for what a file says
SHORT = {
    "changes_per_year": "upkeep.requirement_changes_per_year",
    "changes": "upkeep.requirement_changes_per_year",
    "volume": "workload.requests",
    "requests": "workload.requests",
    "growth": "workload.growth",
    "utilisation": "deployed_share",
}


@dataclass(frozen=True)
class Input:
    """A number that a scenario states, or could state.

    Attributes:
        name: Its name with dots, e.g. `workload.requests`, `approach.docs.monthly_churn`.
        value: What the scenario says, the mean of many scenarios; None = not stated.
        low, high: Least and largest value it may have.
        whole: Whether it must be a whole number.
        broadcasts: Whether one scenario can hold many values of it at once, shape (S, 1).
        way: Where it stands.
    """

    name: str
    value: float | None
    low: float
    high: float
    whole: bool = False
    broadcasts: bool = True
    way: Way = field(default=(), repr=False)


def numeric_inputs(scenario: Scenario, book: PriceBook | None = None) -> dict[str, Input]:
    """Return every numeric input of a scenario by name.

    Names begin as in a scenario file: `workload.`, `task.NAME.`, `upkeep.`, `people.ROLE`,
    `approach.NAME.`, `option.NAME.`; `option.NAME.host.` is the host of its first stage,
    `option.NAME.successor.host.` another one of a later stage. The mean length of a part or an
    example bears the name of the field, its spread the same name with `.cv`.

    Args:
        scenario: The scenario.
        book: Tells the rates of roles that the scenario does not state; None = leave them out.
    """
    found = _found(scenario, book)
    return {item.name: item for item in found}


def find_input(scenario: Scenario, word: str, book: PriceBook | None = None) -> Input:
    """Return the input that a name means: in full, its end, or a short word like `requests`.

    Raises:
        ScenarioError: If there is none, or several.
    """
    known = numeric_inputs(scenario, book)
    for name in (word, SHORT.get(word, word)):
        if name in known:
            return known[name]
    ends = [item for name, item in known.items() if name.endswith(f".{SHORT.get(word, word)}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        names = " or ".join(item.name for item in ends[:4])
        message = f"{word!r} stands in several places; say which: {names}"
        raise ScenarioError(message)
    words = known if "." in word else {*SHORT, *(name.rpartition(".")[2] for name in known)}
    message = f"no numeric input {word!r} in the scenario{nearest(word, words)}"
    raise ScenarioError(message)


def replace_inputs(scenario: Scenario, values: Mapping[str, Numeric]) -> Scenario:
    """Return a scenario with other values for some inputs.

    An array of shape (S,) or (S, 1) makes S scenarios at once; months are the last axis. With
    several tasks, `workload.requests` is shared out over them in their old proportions, and
    another field of `workload` is changed in the tasks that have the workload's value. The other
    members of a router share what is left in their old proportions.

    Args:
        scenario: The scenario; it stays as it is.
        values: Full names of inputs -> their values.

    Raises:
        ScenarioError: If a name is unknown, or a value out of range.
    """
    known = numeric_inputs(scenario)
    for name, value in values.items():
        if name.startswith("people."):
            scenario = replace(scenario, people={**scenario.people, name[7:]: _single(name, value)})
            continue
        if name not in known:
            message = f"no numeric input {name!r} in the scenario{nearest(name, known)}"
            raise ScenarioError(message)
        item = known[name]
        number: Numeric = _column(value) if item.broadcasts else _single(name, value)
        if item.whole:
            number = _whole(name, number)
        try:
            scenario = _changed(scenario, item.way, number)
        except ScenarioError as error:
            message = f"{name}: {error}"
            raise ScenarioError(message) from None
    return scenario


def with_inputs(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """Return a scenario that states other values, as if its file had said so.

    Args:
        scenario: The scenario; it stays as it is.
        values: Name -> number, or a range like `{"low": 150, "mode": 200, "high": 320}`; `start`
            takes a date, and what is said in words under `upkeep` a text or a truth value.

    Raises:
        ScenarioError: If a name is unknown, or a value out of range.
    """
    for name, value in values.items():
        word = name.removeprefix("upkeep.")
        if name == "start":
            scenario = replace(scenario, start=value)
        elif word != name and isinstance(value, str | bool):
            scenario = replace(scenario, upkeep=_set(scenario.upkeep, [word], value))
        else:
            scenario = _restated(scenario, name, value)
    return scenario


def _restated(scenario: Scenario, name: str, value: Any) -> Scenario:
    """State a number, or a range, in place of what was stated before."""
    distribution = None
    if isinstance(value, Mapping):
        item = find_input(scenario, name)
        if not item.broadcasts:
            message = f"{name} cannot be a range: state one number"
            raise ScenarioError(message)
        try:
            distribution = distribution_of(value, item.low, item.high)
        except ScenarioError as error:
            message = f"{name}: {error}"
            raise ScenarioError(message) from None
    changed = replace_inputs(scenario, {name: distribution.mean if distribution else value})
    others = tuple(entry for entry in scenario.uncertain if entry.name != name)
    if distribution is not None:
        return replace(changed, uncertain=(*others, Uncertain(name, distribution)))
    left = [
        replace(group, inputs=tuple(word for word in group.inputs if word != name))
        for group in scenario.together
    ]
    together = tuple(group for group in left if len(group.inputs) > 1)
    return replace(changed, uncertain=others, together=together)


def _column(value: Numeric) -> Numeric:
    """Put many values on an axis before the months."""
    array = np.asarray(value, float)
    if array.ndim == 0:
        return float(array)
    return array[:, np.newaxis] if array.ndim == 1 else array


def _single(name: str, value: Numeric) -> float:
    array = np.asarray(value, float)
    if array.size != 1:
        message = f"{name} takes one value at a time, got {array.size}"
        raise ScenarioError(message)
    return float(array.reshape(()))


def _whole(name: str, value: Numeric) -> int:
    number = _single(name, value)
    if number != int(number):
        message = f"{name} must be a whole number, got {number:g}"
        raise ScenarioError(message)
    return int(number)


# finding


def _found(scenario: Scenario, book: PriceBook | None) -> Iterator[Input]:
    yield _input("months", scenario.months, ("months",), whole=True, broadcasts=False)
    yield _input("discount_rate", scenario.discount_rate, ("discount_rate",))
    for item in _of_workload("workload", scenario.workload, ("workload",)):
        if scenario.tasks and item.name == "workload.requests":
            asked = sum(float(np.mean(task.requests)) for task in scenario.tasks)
            yield replace(item, value=asked)
        else:
            yield item
    for k, task in enumerate(scenario.tasks):
        yield from _of_workload(f"task.{task.name}", task, ("task", k))
    yield from _of_fields("upkeep", scenario.upkeep, ("upkeep",))
    for role, usd in _roles(scenario, book).items():
        yield _input(f"people.{role}", usd, ("people", role), broadcasts=False)
    for name, approach in _approaches(scenario).items():
        yield from _of_fields(f"approach.{name}", approach, ("approach", name))
    for k, option in enumerate(scenario.options):
        yield from _of_option(option, k)


def _input(
    name: str, value: Any, way: Way, *, whole: bool = False, broadcasts: bool = True, of: str = ""
) -> Input:
    low, high = limits(of or name.rpartition(".")[2])
    mean = None if value is None else float(np.mean(value))
    return Input(name, mean, low, high, whole, broadcasts, way)


def _of_fields(prefix: str, item: Any, way: Way) -> Iterator[Input]:
    """Yield the numeric fields of a dataclass, those inside mappings and sizes included."""
    for entry in fields(item):
        name, here = f"{prefix}.{entry.name}", (*way, entry.name)
        value = getattr(item, entry.name)
        if entry.type in MAPPINGS:
            for key, one in value.items():
                yield _input(f"{name}.{key}", one, (*here, key), of=entry.name)
        elif isinstance(value, Size):
            yield _input(name, value.mean, here)
            yield _input(f"{name}.cv", value.cv, (*here, "cv"))
        elif entry.type in NUMBERS:
            whole = entry.type == "int"
            yield _input(name, value, here, whole=whole, broadcasts=not whole)


def _of_workload(prefix: str, task: Workload, way: Way) -> Iterator[Input]:
    yield from _of_fields(prefix, task, way)
    for name, part in task.parts.items():
        here = (*way, "parts", name)
        tokens = part.tokens if isinstance(part, Part) else part
        yield _input(f"{prefix}.parts.{name}", tokens, here)
        cv = part.cv if isinstance(part, Part) else 0.0
        yield _input(f"{prefix}.parts.{name}.cv", cv, (*here, "cv"))


def _of_option(option: Option | Mix, k: int) -> Iterator[Input]:
    prefix, way = f"option.{option.name}", ("option", k)
    if isinstance(option, Mix):
        yield _input(f"{prefix}.success_rate", option.success_rate, (*way, "success_rate"))
        several = len(option.shares) > 1
        for name, share in option.shares.items() if several else ():
            yield _input(f"{prefix}.mix.{name}", share, (*way, "shares", name), of="shares")
        for name, share in option.escalate.items():
            yield _input(
                f"{prefix}.escalate.{name}", share, (*way, "escalate", name), of="escalate"
            )
        return
    yield from _of_fields(prefix, option, way)
    before: Host | None = None
    later = 0
    for number, stage in enumerate(option.stages):
        if stage.host is before or (before is not None and stage.host == before):
            continue
        before = stage.host
        later += number > 0
        word = (
            "host" if number == 0 else "successor.host" if later == 1 else f"successor{later}.host"
        )
        yield from _of_fields(f"{prefix}.{word}", stage.host, (*way, "host", number))


def _roles(scenario: Scenario, book: PriceBook | None) -> dict[str, float | None]:
    rates: dict[str, float | None] = dict(scenario.people)
    if book is None:
        return rates
    used = {scenario.upkeep.review_role}
    for approach in _approaches(scenario).values():
        used |= {str(getattr(approach, n)) for n in ("role", "label_role") if hasattr(approach, n)}
    for role in sorted(used - set(rates)):
        key = Key("labour", TEAM, role)
        if book.sells(key, "person_hour"):
            rates[role] = book.price_on(book.key(key), "person_hour", scenario.start)
    return rates


def _approaches(scenario: Scenario) -> dict[str, Approach]:
    found: dict[str, Approach] = {}
    for option in scenario.options:
        for stage in option.stages if isinstance(option, Option) else ():
            for name, approach in stage.approaches.items():
                found.setdefault(name, approach)
    return found


# changing


def _changed(scenario: Scenario, way: Way, value: Any) -> Scenario:
    first, *rest = way
    if first in ("months", "discount_rate"):
        return replace(scenario, **{str(first): value})
    if first == "upkeep":
        return replace(scenario, upkeep=_set(scenario.upkeep, rest, value))
    if first == "workload":
        return _workload_changed(scenario, rest, value)
    if first == "task":
        k = rest[0]
        tasks = [
            _set(task, rest[1:], value) if j == k else task for j, task in enumerate(scenario.tasks)
        ]
        return replace(scenario, tasks=tuple(tasks))
    if first == "approach":
        return _approach_changed(scenario, str(rest[0]), rest[1:], value)
    k, inside = rest[0], rest[1:]
    options = [
        _option_changed(option, inside, value) if j == k else option
        for j, option in enumerate(scenario.options)
    ]
    return replace(scenario, options=tuple(options))


def _set(item: Any, way: list[str | int], value: Any) -> Any:
    """Return a dataclass with one number changed, marked as stated."""
    name = str(way[0])
    old = getattr(item, name)
    if len(way) > 1 and name == "parts":
        part = old[way[1]]
        tokens = part if isinstance(part, Part) else None
        if tokens is None and way[2:] != ["cv"]:
            new: Any = {**old, way[1]: value}
        else:
            made = part if isinstance(part, Part) else _part(item, str(way[1]))
            new = {**old, way[1]: replace(made, **{"cv" if way[2:] else "tokens": value})}
    elif isinstance(old, Size):
        new = replace(old, observed=(), **{"cv" if len(way) > 1 else "mean": value})
    elif len(way) > 1:
        new = {**old, way[1]: value}
    else:
        new = value
    changes = {name: new}
    if hasattr(item, "stated"):
        changes["stated"] = item.stated | {name}
    return replace(item, **changes)


def _part(task: Workload, name: str) -> Part:
    """Return a part of a workload that states its tokens only."""
    return next(part for part in task.request().parts if part.name == name)


def _workload_changed(scenario: Scenario, way: list[str | int], value: Any) -> Scenario:
    workload = scenario.workload
    changed = _set(workload, way, value)
    if way == ["requests"]:
        whole = sum((np.asarray(task.requests, float) for task in scenario.tasks), np.zeros(()))
        tasks = [
            replace(
                task, requests=np.asarray(value) * task.requests / np.where(whole > 0, whole, 1)
            )
            for task in scenario.tasks
        ]
    else:
        tasks = [
            _set(task, way, value) if _same(task, workload, way) else task
            for task in scenario.tasks
        ]
    return replace(scenario, workload=changed, tasks=tuple(tasks))


def _same(task: Workload, workload: Workload, way: list[str | int]) -> bool:
    """Whether a task has the workload's value."""
    name = str(way[0])
    mine, common = getattr(task, name), getattr(workload, name)
    if len(way) > 1:
        mine, common = mine.get(way[1]), common.get(way[1])
    if isinstance(mine, Part) and isinstance(common, Part):
        return np.array_equal(mine.tokens, common.tokens) and np.array_equal(mine.cv, common.cv)
    return np.array_equal(mine, common)


# fields that make a count of files void
COUNTED = {
    "corpus_tokens": "chunks",
    "chunk_tokens": "chunks",
    "overlap": "chunks",
    "tokens_per_example": "size",
}


def _approach_changed(scenario: Scenario, name: str, way: list[str | int], value: Any) -> Scenario:
    """Change an approach wherever it is used; what was one object stays one."""
    made: dict[int, Approach] = {}

    def new(approach: Approach) -> Approach:
        if id(approach) not in made:
            changed: Approach = _set(approach, way, value)
            void = COUNTED.get(str(way[0]))
            if void and changed.counted is not None:
                counted = (
                    replace(changed.counted, size=None)
                    if void == "size"
                    else replace(changed.counted, chunks=None)
                )
                changed = replace(changed, counted=counted)
            made[id(approach)] = changed
        return made[id(approach)]

    options: list[Option | Mix] = []
    for option in scenario.options:
        if isinstance(option, Mix) or not any(name in s.approaches for s in option.stages):
            options.append(option)
            continue
        stages = [
            replace(
                stage,
                approaches={n: new(a) if n == name else a for n, a in stage.approaches.items()},
            )
            for stage in option.stages
        ]
        options.append(replace(option, stages=tuple(stages)))
    return replace(scenario, options=tuple(options))


def _option_changed(option: Option | Mix, way: list[str | int], value: Any) -> Option | Mix:
    if isinstance(option, Mix):
        if way[0] != "shares":
            mix: Mix = _set(option, way, value)
            return mix
        return replace(option, shares=_reshared(option.shares, str(way[1]), value))
    if way[0] != "host":
        changed: Option = _set(option, way, value)
        return changed
    number = int(way[1])
    old = option.stages[number].host
    host: Host = _set(old, way[2:], value)
    stages: list[Stage] = [
        replace(stage, host=host) if k >= number and stage.host == old else stage
        for k, stage in enumerate(option.stages)
    ]
    return replace(option, stages=tuple(stages))


def _reshared(shares: Mapping[str, Numeric], name: str, value: Numeric) -> dict[str, Numeric]:
    """Give one member a share; the others keep their proportions.

    >>> {k: float(v) for k, v in _reshared({"a": 0.5, "b": 0.3, "c": 0.2}, "a", 0.0).items()}
    {'a': 0.0, 'b': 0.6, 'c': 0.4}
    """
    rest = 1.0 - np.asarray(shares[name], float)
    even = 1.0 / (len(shares) - 1)

    def part(share: Numeric) -> Array:
        return np.asarray(np.where(rest > 0, share / np.where(rest > 0, rest, 1.0), even))

    left = 1.0 - np.asarray(value, float)
    return {n: value if n == name else left * part(share) for n, share in shares.items()}
