"""Reading scenario files: TOML, with the line of every mistake."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from costmodel.approaches import APPROACHES, Approach
from costmodel.errors import DataError, ScenarioError, nearest
from costmodel.hosts import HOSTS, Host
from costmodel.prices.tables import GOALS, STATED
from costmodel.scenario import values
from costmodel.scenario.files import counted
from costmodel.scenario.model import (
    Mix,
    Option,
    Pin,
    Scenario,
    Stage,
    Together,
    Uncertain,
    Upkeep,
    Workload,
)
from costmodel.scenario.values import Place, lines_of

VERSION = 1
OPTION_KEYS = ("name", "model", "host", "approaches", "successor", "in_place", "mix")
PIN_KEYS = ("on", "rows")
FILES = ("dataset", "corpus")  # keys of approaches that name files


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        ScenarioError: With file, line and remedy, at the first thing that is wrong.
    """
    if not path.exists():
        beside = (
            [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        )
        message = f"no scenario file {path}{nearest(path.name, beside, listing=False)}"
        raise ScenarioError(message)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        data = tomllib.loads(text)
    except UnicodeDecodeError:
        message = f"{path.name}: is not a UTF-8 text file; a scenario is a TOML file"
        raise ScenarioError(message) from None
    except OSError as error:
        message = f"{path.name}: cannot be read ({error.strerror or error})"
        raise ScenarioError(message) from None
    except tomllib.TOMLDecodeError as error:
        message = f"{path.name}: is not valid TOML: {error}"
        raise ScenarioError(message) from None
    except RecursionError:
        message = f"{path.name}: is nested too deeply for a scenario"
        raise ScenarioError(message) from None
    if not data:
        message = f"{path.name}: is empty; a scenario needs name, start, workload and options"
        raise ScenarioError(message)
    return _scenario(data, Place(path.name, lines_of(text)), path)


TOP = (
    *("version", "name", "start", "months", "existing_customer", "workload", "task", "people"),
    *("upkeep", "approach", "option", "prices", "together", "situation", "discount_rate"),
)


def _scenario(data: dict[str, Any], place: Place, path: Path) -> Scenario:
    for key in data:
        if key not in TOP:
            message = f"unknown key {key!r}{nearest(key, TOP)}"
            raise place.at(key).error(message)
    for key in ("name", "start", "workload", "option"):
        if key not in data:
            message = f"needs {key}" + (" (a table [[option]] for each)" if key == "option" else "")
            raise place.error(message)
    if data.get("version", VERSION) != VERSION:
        message = f"version {data['version']!r} is not known; this program reads {VERSION}"
        raise place.at("version").error(message)
    common = dict(values.table(data["workload"], place.at("workload")))
    workload = _workload(common, place.at("workload"))
    tasks = []
    for k, table in enumerate(_tables(data.get("task", []), place.at("task"))):
        here = place.at("task", k)
        parts = [values.table(x.get("parts", {}), here.at("parts")) for x in (common, table)]
        merged = common | table | {"parts": parts[0] | parts[1]}
        if "name" not in table:
            message = "needs name"
            raise here.error(message)
        tasks.append(_workload(merged, here))
    approaches = {
        name: _approach(table, place.at("approach", name), path.parent, workload.counted_with)
        for name, table in values.table(data.get("approach", {}), place.at("approach")).items()
    }
    options = [
        _option(table, place.at("option", k), approaches)
        for k, table in enumerate(_tables(data["option"], place.at("option")))
    ]
    customer = data.get("existing_customer", [])
    if not isinstance(customer, list):
        message = f'must be a list like ["openai"], got {customer!r}'
        raise place.at("existing_customer").error(message)
    pinned = values.table(data.get("prices", {}), place.at("prices"))
    pinned_on = values.day(pinned["on"], place.at("prices", "on")) if "on" in pinned else None
    try:
        return Scenario(
            name=values.text(data["name"], place.at("name")),
            start=values.day(data["start"], place.at("start")),
            months=values.count(data.get("months", 24), place.at("months")),
            workload=workload,
            options=tuple(options),
            tasks=tuple(tasks),
            upkeep=values.make(
                Upkeep, values.table(data.get("upkeep", {}), place.at("upkeep")), place.at("upkeep")
            ),
            people=values.numbers(data.get("people", {}), place.at("people")),
            situation=_situation(data.get("situation", {}), place.at("situation")),
            discount_rate=(
                values.number(data["discount_rate"], place.at("discount_rate"))
                if "discount_rate" in data
                else None
            ),
            existing_customer=tuple(
                values.text(name, place.at("existing_customer")) for name in customer
            ),
            pins=_pins(pinned, place.at("prices")),
            uncertain=_uncertain(place, tasks, options),
            together=_together(data.get("together", []), place.at("together")),
            pinned_on=pinned_on,
            path=path,
            people_lines={
                role: place.lines.get(("people", role), 0) for role in data.get("people", {})
            },
        )
    except ScenarioError as error:
        if str(error).startswith(place.name):
            raise
        raise place.error(str(error)) from None


def _uncertain(
    place: Place,
    tasks: Sequence[Workload],
    options: Sequence[Option | Mix],
) -> tuple[Uncertain, ...]:
    """Name the inputs that the file states as ranges."""
    stated = {"task": [task.name for task in tasks], "option": [o.name for o in options]}
    found = []
    for way, distribution in place.ranges.items():
        words = [str(word) for word in way]
        if way[0] in stated:
            words[1] = stated[str(way[0])][int(way[1])]
        if way[-1] == "mean" and len(way) > 1:
            words.pop()
        if way[0] == "option" and "successor" in way:
            message = "cannot be a range yet: state it for the first stage, or as one number"
            raise place.at(*way).error(message)
        if way[0] == "workload" and tasks:
            continue  # each task has read it for itself
        found.append(Uncertain(".".join(words), distribution))
    return tuple(found)


def _together(value: Any, place: Place) -> tuple[Together, ...]:
    """Read which inputs move together."""
    found = []
    for k, table in enumerate(_tables(value, place) if value else []):
        here = place.at(k)
        for key in table:
            if key not in ("inputs", "by"):
                message = f"unknown key {key!r}{nearest(key, ('inputs', 'by'))}"
                raise here.error(message)
        inputs = table.get("inputs")
        if not isinstance(inputs, list) or not all(isinstance(name, str) for name in inputs):
            message = f'inputs must be a list like ["workload.requests"], got {inputs!r}'
            raise here.error(message)
        by = table.get("by", 1.0)
        if isinstance(by, bool) or not isinstance(by, int | float) or not -1 <= by <= 1:
            message = f"by must be a correlation between -1 and 1, got {by!r}"
            raise here.error(message)
        found.append(Together(tuple(inputs), float(by)))
    return tuple(found)


def _approach(table: Any, place: Place, home: Path, encoding: str) -> Approach:
    """Make an approach, with what the files hold that it names."""
    entries = values.table(table, place)
    if not any(isinstance(entries.get(key), str) for key in FILES):
        return values.choose(APPROACHES, entries, place, "approach")
    try:
        found, counts = counted(str(entries.get("kind")), entries, home, encoding)
    except DataError as error:
        key = next(key for key in FILES if key in entries)
        raise place.at(key).error(str(error)) from None
    made = values.choose(APPROACHES, entries | found, place, "approach")
    return replace(made, counted=counts, stated=frozenset(entries))


def _tables(value: Any, place: Place) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        if value == [] and place.way == ("task",):
            return []
        message = f"must be a list of tables, each begun by [[{place.way[-1]}]]"
        raise place.error(message)
    return [values.table(item, place.at(k)) for k, item in enumerate(value)]


def _workload(table: dict[str, Any], place: Place) -> Workload:
    workload = values.make(Workload, table, place)
    if not workload.parts:
        message = (
            "needs parts, the tokens of a request, e.g. parts = {question = 120, answer = 180}"
        )
        raise place.error(message)
    return workload


def _option(
    table: dict[str, Any], place: Place, approaches: Mapping[str, Approach]
) -> Option | Mix:
    entries = dict(table)
    if "name" not in entries:
        message = "needs name"
        raise place.error(message)
    name = values.text(entries.pop("name"), place.at("name"))
    if "mix" in entries:
        for member, share in values.table(entries["mix"], place.at("mix")).items():
            if isinstance(share, Mapping):
                message = "the shares of a router cannot be ranges: they add to 1"
                raise place.at("mix", member).error(message)
        shares = values.numbers(entries.pop("mix"), place.at("mix"))
        return values.make(Mix, entries, place, ("name", "mix"), name=name, shares=shares)
    for key in ("model", "host"):
        if key not in entries:
            message = f"option {name!r} needs {key}"
            raise place.error(message)
    first = _stage(entries, place, approaches, None)
    stages = [first]
    successors = entries.pop("successor", [])
    if not isinstance(successors, dict | list):
        message = f"must be a table or a list of tables, got {successors!r}"
        raise place.at("successor").error(message)
    for k, successor in enumerate([successors] if isinstance(successors, dict) else successors):
        here = place.at("successor") if isinstance(successors, dict) else place.at("successor", k)
        rest = dict(values.table(successor, here))
        stages.append(_stage(rest, here, approaches, stages[-1]))
        if rest:
            key = next(iter(rest))
            message = f"unknown key {key!r}{nearest(key, ('model', 'host', 'approaches'))}"
            raise here.error(message)
    in_place = None
    if "in_place" in entries:
        here = place.at("in_place")
        since = entries.pop("in_place")
        if not isinstance(since, dict) or set(since) != {"since"}:
            message = "must read like in_place = {since = 2025-06-01}"
            raise here.error(message)
        in_place = values.day(since["since"], here)
    ready = {"name": name, "stages": tuple(stages), "in_place": in_place}
    return values.make(Option, entries, place, OPTION_KEYS, **ready)


def _stage(
    entries: dict[str, Any],
    place: Place,
    approaches: Mapping[str, Approach],
    before: Stage | None,
) -> Stage:
    """Take model, host and approaches out of a table; a successor inherits what it leaves out."""
    model = values.text(entries.pop("model"), place.at("model")) if "model" in entries else None
    if model is None and before is None:
        message = "needs model"
        raise place.error(message)
    host: Host | None = before.host if before else None
    if "host" in entries:
        host = values.choose(HOSTS, entries.pop("host"), place.at("host"), "host")
    names = entries.pop("approaches", None)
    chosen: Mapping[str, Approach] = before.approaches if before else {}
    if names is not None:
        if not isinstance(names, list):
            message = f"must be a list of names, got {names!r}"
            raise place.at("approaches").error(message)
        for name in names:
            if not isinstance(name, str) or name not in approaches:
                message = f"no approach {name!r}{nearest(str(name), approaches)}"
                raise place.at("approaches").error(message)
        chosen = {name: approaches[name] for name in names}
    assert host is not None
    return Stage(model or (before.model if before else ""), host, chosen)


def _situation(value: Any, place: Place) -> dict[str, Any]:
    """Read what the user knows about the task, in the words of the rules."""
    found: dict[str, Any] = {}
    for name, item in values.table(value, place).items():
        here = place.at(name)
        if name not in STATED:
            message = f"unknown key {name!r}{nearest(name, STATED)}"
            raise here.error(message)
        if STATED[name] == "yes or no":
            found[name] = values.flag(item, here)
        elif STATED[name] == "number":
            found[name] = values.number(item, here)
        else:
            if not isinstance(item, list) or not item:
                message = f'must be a list like ["knowledge", "style"], got {item!r}'
                raise here.error(message)
            for word in item:
                if word not in GOALS:
                    message = f"unknown goal {word!r}{nearest(str(word), GOALS)}"
                    raise here.error(message)
            found[name] = tuple(item)
    return found


def _pins(table: Mapping[str, Any], place: Place) -> tuple[Pin, ...]:
    for key in table:
        if key not in PIN_KEYS:
            message = f"unknown key {key!r}{nearest(key, PIN_KEYS)}"
            raise place.at(key).error(message)
    rows = table.get("rows", [])
    if not isinstance(rows, list):
        message = f"must be a list of tables, got {rows!r}"
        raise place.at("rows").error(message)
    pins = []
    for row in rows:
        if not isinstance(row, Mapping) or set(row) != {"key", "meter", "usd"}:
            message = f"rows hold key, meter and usd, got {row!r}"
            raise place.at("rows").error(message)
        pins.append(
            Pin(
                values.text(row["key"], place.at("rows")),
                values.text(row["meter"], place.at("rows")),
                values.point(row["usd"], place.at("rows")),
            )
        )
    return tuple(pins)
