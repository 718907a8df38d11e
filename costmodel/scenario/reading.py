"""Reading scenario files: TOML, with the line of every mistake."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from costmodel.approaches import APPROACHES, Approach
from costmodel.errors import DataError, ScenarioError, nearest
from costmodel.hosts import HOSTS, Host
from costmodel.months import as_date
from costmodel.prices.tables import GOALS, STATED
from costmodel.quantities.distributions import Distribution, distribution_of
from costmodel.quantities.ranges import LARGEST, limits, out_of_range
from costmodel.quantities.requests import PARTS, Part, Size
from costmodel.scenario.files import counted
from costmodel.scenario.model import (
    STABLE_PARTS,
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

VERSION = 1
OPTION_KEYS = ("name", "model", "host", "approaches", "successor", "in_place", "mix")
PIN_KEYS = ("on", "rows")
FILES = ("dataset", "corpus")  # keys of approaches that name files
T = TypeVar("T")
Way = tuple[str | int, ...]

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
ENTRY = re.compile(r"\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\"[^\"]*\")\s*=")


@dataclass(frozen=True)
class _Place:
    """Where something stands in a scenario file."""

    name: str
    lines: Mapping[Way, int]
    way: Way = ()
    # ranges found on the way, of the whole file
    ranges: dict[Way, Distribution] = field(default_factory=dict, compare=False)

    def at(self, *way: str | int) -> _Place:
        """Return the place of something inside."""
        return _Place(self.name, self.lines, (*self.way, *way), self.ranges)

    def __str__(self) -> str:
        way = self.way
        while way and way not in self.lines:
            way = way[:-1]
        line = f" line {self.lines[way]}" if way else ""
        words = [str(word) for word in self.way if isinstance(word, str)]
        return f"{self.name}{line}" + (f" [{'.'.join(words)}]" if words else "")

    def error(self, message: str) -> ScenarioError:
        """Make the error that says what is wrong here."""
        return ScenarioError(f"{self}: {message}")


def _lines(text: str) -> dict[Way, int]:
    """Return the line of each table and key."""
    found: dict[Way, int] = {}
    counts: dict[Way, int] = {}
    here: Way = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            here = ()
            words = [word.strip().strip("\"'") for word in header[2].split(".")]
            for word in words[:-1]:
                here = (*here, word)
                if here in counts:
                    here = (*here, counts[here])
            here = (*here, words[-1])
            if header[1] == "[[":
                counts[here] = counts.get(here, -1) + 1
                here = (*here, counts[here])
            found.setdefault(here, number)
        elif entry := ENTRY.match(line):
            found.setdefault((*here, *entry[1].strip('"').split(".")), number)
    return found


# values


def _number(value: Any, place: _Place) -> float:
    if isinstance(value, Mapping):
        return _range(value, place)
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"must be a number, got {value!r}"
        raise place.error(message)
    if isinstance(value, int) and abs(value) > LARGEST:
        message = f"must be <= {LARGEST:g}, got a number of {len(str(abs(value)))} digits"
        raise place.error(message)
    if not math.isfinite(value):
        message = f"must be a number, got {value!r}"
        raise place.error(message)
    problem = out_of_range(str(place.way[-1]), value)
    if problem:
        raise place.error(problem)
    return value


def _range(table: Mapping[str, Any], place: _Place) -> float:
    """Remember a range; its mean stands in for it."""
    if not table.keys() & {"low", "high", "mode", "distribution"}:
        message = f"must be a number, or a range like {{low = 1, mode = 2, high = 4}}, got {table}"
        raise place.error(message)
    try:
        found = distribution_of(table, *limits(str(place.way[-1])))
    except ScenarioError as error:
        raise place.error(str(error)) from None
    if not found.is_point:
        place.ranges[place.way] = found
    return found.mean


def _point(value: Any, place: _Place) -> float:
    """Read a number that cannot be a range."""
    if isinstance(value, Mapping):
        message = "must be one number, not a range"
        raise place.error(message)
    return _number(value, place)


def _count(value: Any, place: _Place) -> int:
    value = _point(value, place)
    number = _number(value, place)
    if number != int(number):
        message = f"must be a whole number, got {value!r}"
        raise place.error(message)
    return int(number)


def _text(value: Any, place: _Place) -> str:
    if not isinstance(value, str):
        message = f"must be text in quotes, got {value!r}"
        raise place.error(message)
    return value


def _flag(value: Any, place: _Place) -> bool:
    if not isinstance(value, bool):
        message = f"must be true or false, got {value!r}"
        raise place.error(message)
    return value


def _day(value: Any, place: _Place) -> date:
    try:
        return as_date(value, "")
    except DataError as error:
        raise place.error(str(error)) from None


def _table(value: Any, place: _Place) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = f"must be a table, got {value!r}"
        raise place.error(message)
    return value


def _size(value: Any, place: _Place) -> Size | float:
    if isinstance(value, Mapping) and not _ranged(value):
        return _made(Size, dict(value), place)
    return _number(value, place)


def _ranged(value: Mapping[str, Any]) -> bool:
    """Whether a table is a range, rather than a length with mean and cv."""
    return bool(value.keys() & {"low", "high", "mode", "distribution"})


def _parts(value: Any, place: _Place) -> dict[str, Part | float]:
    parts: dict[str, Part | float] = {}
    for name, item in _table(value, place).items():
        here = place.at(name)
        if name not in PARTS:
            message = f"unknown part {name!r}{nearest(name, PARTS)}"
            raise here.error(message)
        if not isinstance(item, Mapping) or _ranged(item):
            parts[name] = _number(item, here)
            continue
        allowed = ("mean", "cv", "stable")
        for key in item:
            if key not in allowed:
                message = f"unknown key {key!r}{nearest(key, allowed)}"
                raise here.error(message)
        if "mean" not in item:
            message = "needs mean, the tokens of this part"
            raise here.error(message)
        parts[name] = Part(
            name,
            _number(item["mean"], here.at("mean")),
            _number(item.get("cv", 0.0), here.at("cv")),
            _flag(item.get("stable", name in STABLE_PARTS), here.at("stable")),
        )
    return parts


def _numbers(value: Any, place: _Place) -> dict[str, float]:
    return {name: _number(item, place.at(name)) for name, item in _table(value, place).items()}


# how a field is read, by its type as written in the dataclass
CONVERTERS: dict[str, Callable[[Any, _Place], Any]] = {
    "Numeric": _number,
    "Numeric | None": _number,
    "float": _number,
    "Size | Numeric": _size,
    "int": _count,
    "str": _text,
    "str | None": _text,
    "bool": _flag,
    "date": _day,
    "Mapping[str, Numeric]": _numbers,
    "Mapping[str, float]": _numbers,
    "Mapping[str, Part | Numeric]": _parts,
}


def plain_fields(kind: type[Any]) -> dict[str, Field[Any]]:
    """Return the fields of a dataclass that a scenario file states as plain values."""
    return {entry.name: entry for entry in fields(kind) if entry.type in CONVERTERS}


def _made(
    kind: type[T],
    table: Mapping[str, Any],
    place: _Place,
    also: Sequence[str] = (),
    **ready: Any,
) -> T:
    """Make a dataclass of a table, refusing unknown and missing keys.

    Args:
        kind: The dataclass.
        table: What the file says.
        place: Where it says so.
        also: Keys that may stand there and have been read already.
        ready: Fields made of them.
    """
    known = plain_fields(kind)
    values: dict[str, Any] = dict(ready)
    if "stated" in kind.__dataclass_fields__:  # type: ignore[attr-defined]
        values["stated"] = frozenset(table)
    for key, value in table.items():
        if key not in known or key in ready:
            names = [name for name in known if name not in ready]
            message = f"unknown key {key!r}{nearest(key, [*names, *also])}"
            raise place.at(key).error(message)
        values[key] = CONVERTERS[str(known[key].type)](value, place.at(key))
    for name, entry in known.items():
        required = entry.default is MISSING and entry.default_factory is MISSING
        if required and name not in values:
            message = f"needs {name}"
            raise place.error(message)
    try:
        return kind(**values)
    except ScenarioError as error:
        raise place.error(str(error)) from None


def _chosen(kinds: Mapping[str, type[T]], table: Any, place: _Place, what: str) -> T:
    """Make the host or approach that `kind` names."""
    entries = dict(_table(table, place))
    kind = entries.pop("kind", None)
    if kind is None:
        message = f"needs kind, one of {', '.join(kinds)}"
        raise place.error(message)
    if not isinstance(kind, str) or kind not in kinds:
        message = f"unknown kind of {what} {kind!r}{nearest(str(kind), kinds)}"
        raise place.at("kind").error(message)
    return _made(kinds[kind], entries, place)


# reading


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
    return _scenario(data, _Place(path.name, _lines(text)), path)


TOP = (
    *("version", "name", "start", "months", "existing_customer", "workload", "task", "people"),
    *("upkeep", "approach", "option", "prices", "together", "situation", "discount_rate"),
)


def _scenario(data: dict[str, Any], place: _Place, path: Path) -> Scenario:
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
    common = dict(_table(data["workload"], place.at("workload")))
    workload = _workload(common, place.at("workload"))
    tasks = []
    for k, table in enumerate(_tables(data.get("task", []), place.at("task"))):
        here = place.at("task", k)
        parts = [_table(x.get("parts", {}), here.at("parts")) for x in (common, table)]
        merged = common | table | {"parts": parts[0] | parts[1]}
        if "name" not in table:
            message = "needs name"
            raise here.error(message)
        tasks.append(_workload(merged, here))
    approaches = {
        name: _approach(table, place.at("approach", name), path.parent, workload.counted_with)
        for name, table in _table(data.get("approach", {}), place.at("approach")).items()
    }
    options = [
        _option(table, place.at("option", k), approaches)
        for k, table in enumerate(_tables(data["option"], place.at("option")))
    ]
    customer = data.get("existing_customer", [])
    if not isinstance(customer, list):
        message = f'must be a list like ["openai"], got {customer!r}'
        raise place.at("existing_customer").error(message)
    pinned = _table(data.get("prices", {}), place.at("prices"))
    try:
        return Scenario(
            name=_text(data["name"], place.at("name")),
            start=_day(data["start"], place.at("start")),
            months=_count(data.get("months", 24), place.at("months")),
            workload=workload,
            options=tuple(options),
            tasks=tuple(tasks),
            upkeep=_made(
                Upkeep, _table(data.get("upkeep", {}), place.at("upkeep")), place.at("upkeep")
            ),
            people=_numbers(data.get("people", {}), place.at("people")),
            situation=_situation(data.get("situation", {}), place.at("situation")),
            discount_rate=(
                _number(data["discount_rate"], place.at("discount_rate"))
                if "discount_rate" in data
                else None
            ),
            existing_customer=tuple(
                _text(name, place.at("existing_customer")) for name in customer
            ),
            pins=_pins(pinned, place.at("prices")),
            uncertain=_uncertain(place, tasks, options),
            together=_together(data.get("together", []), place.at("together")),
            pinned_on=_day(pinned["on"], place.at("prices", "on")) if "on" in pinned else None,
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
    place: _Place,
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


def _together(value: Any, place: _Place) -> tuple[Together, ...]:
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


def _approach(table: Any, place: _Place, home: Path, encoding: str) -> Approach:
    """Make an approach, with what the files hold that it names."""
    entries = _table(table, place)
    if not any(isinstance(entries.get(key), str) for key in FILES):
        return _chosen(APPROACHES, entries, place, "approach")
    try:
        found, counts = counted(str(entries.get("kind")), entries, home, encoding)
    except DataError as error:
        key = next(key for key in FILES if key in entries)
        raise place.at(key).error(str(error)) from None
    made = _chosen(APPROACHES, entries | found, place, "approach")
    return replace(made, counted=counts, stated=frozenset(entries))


def _tables(value: Any, place: _Place) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        if value == [] and place.way == ("task",):
            return []
        message = f"must be a list of tables, each begun by [[{place.way[-1]}]]"
        raise place.error(message)
    return [_table(item, place.at(k)) for k, item in enumerate(value)]


def _workload(table: dict[str, Any], place: _Place) -> Workload:
    workload = _made(Workload, table, place)
    if not workload.parts:
        message = (
            "needs parts, the tokens of a request, e.g. parts = {question = 120, answer = 180}"
        )
        raise place.error(message)
    return workload


def _option(
    table: dict[str, Any], place: _Place, approaches: Mapping[str, Approach]
) -> Option | Mix:
    entries = dict(table)
    if "name" not in entries:
        message = "needs name"
        raise place.error(message)
    name = _text(entries.pop("name"), place.at("name"))
    if "mix" in entries:
        for member, share in _table(entries["mix"], place.at("mix")).items():
            if isinstance(share, Mapping):
                message = "the shares of a router cannot be ranges: they add to 1"
                raise place.at("mix", member).error(message)
        shares = _numbers(entries.pop("mix"), place.at("mix"))
        return _made(Mix, entries, place, ("name", "mix"), name=name, shares=shares)
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
        rest = dict(_table(successor, here))
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
        in_place = _day(since["since"], here)
    ready = {"name": name, "stages": tuple(stages), "in_place": in_place}
    return _made(Option, entries, place, OPTION_KEYS, **ready)


def _stage(
    entries: dict[str, Any],
    place: _Place,
    approaches: Mapping[str, Approach],
    before: Stage | None,
) -> Stage:
    """Take model, host and approaches out of a table; a successor inherits what it leaves out."""
    model = _text(entries.pop("model"), place.at("model")) if "model" in entries else None
    if model is None and before is None:
        message = "needs model"
        raise place.error(message)
    host: Host | None = before.host if before else None
    if "host" in entries:
        host = _chosen(HOSTS, entries.pop("host"), place.at("host"), "host")
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


def _situation(value: Any, place: _Place) -> dict[str, Any]:
    """Read what the user knows about the task, in the words of the rules."""
    found: dict[str, Any] = {}
    for name, item in _table(value, place).items():
        here = place.at(name)
        if name not in STATED:
            message = f"unknown key {name!r}{nearest(name, STATED)}"
            raise here.error(message)
        if STATED[name] == "yes or no":
            found[name] = _flag(item, here)
        elif STATED[name] == "number":
            found[name] = _number(item, here)
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


def _pins(table: Mapping[str, Any], place: _Place) -> tuple[Pin, ...]:
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
                _text(row["key"], place.at("rows")),
                _text(row["meter"], place.at("rows")),
                _point(row["usd"], place.at("rows")),
            )
        )
    return tuple(pins)
