"""Values of a scenario file: read by the type of their field, refused with their line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import date
from typing import Any, TypeVar

from costmodel.errors import DataError, ScenarioError, nearest
from costmodel.months import as_date
from costmodel.quantities.distributions import Distribution, distribution_of
from costmodel.quantities.ranges import LARGEST, limits, out_of_range
from costmodel.quantities.requests import PARTS, Part, Size
from costmodel.scenario.model import STABLE_PARTS

T = TypeVar("T")
Way = tuple[str | int, ...]

HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
ENTRY = re.compile(r"\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\"[^\"]*\")\s*=")


@dataclass(frozen=True)
class Place:
    """Where something stands in a scenario file."""

    name: str
    lines: Mapping[Way, int]
    way: Way = ()
    # ranges found on the way, of the whole file
    ranges: dict[Way, Distribution] = field(default_factory=dict, compare=False)

    def at(self, *way: str | int) -> Place:
        """Return the place of something inside."""
        return Place(self.name, self.lines, (*self.way, *way), self.ranges)

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


def lines_of(text: str) -> dict[Way, int]:
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


def number(value: Any, place: Place) -> float:
    """Read a number, or a range."""
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


def _range(table: Mapping[str, Any], place: Place) -> float:
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


def point(value: Any, place: Place) -> float:
    """Read a number that cannot be a range."""
    if isinstance(value, Mapping):
        message = "must be one number, not a range"
        raise place.error(message)
    return number(value, place)


def count(value: Any, place: Place) -> int:
    """Read a whole number."""
    number = point(value, place)
    if number != int(number):
        message = f"must be a whole number, got {value!r}"
        raise place.error(message)
    return int(number)


def text(value: Any, place: Place) -> str:
    """Read text."""
    if not isinstance(value, str):
        message = f"must be text in quotes, got {value!r}"
        raise place.error(message)
    return value


def flag(value: Any, place: Place) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        message = f"must be true or false, got {value!r}"
        raise place.error(message)
    return value


def day(value: Any, place: Place) -> date:
    """Read a date."""
    try:
        return as_date(value, "")
    except DataError as error:
        raise place.error(str(error)) from None


def table(value: Any, place: Place) -> dict[str, Any]:
    """Read a table."""
    if not isinstance(value, dict):
        message = f"must be a table, got {value!r}"
        raise place.error(message)
    return value


def _size(value: Any, place: Place) -> Size | float:
    if isinstance(value, Mapping) and not _ranged(value):
        return make(Size, dict(value), place)
    return number(value, place)


def _ranged(value: Mapping[str, Any]) -> bool:
    """Whether a table is a range, rather than a length with mean and cv."""
    return bool(value.keys() & {"low", "high", "mode", "distribution"})


def _parts(value: Any, place: Place) -> dict[str, Part | float]:
    parts: dict[str, Part | float] = {}
    for name, item in table(value, place).items():
        here = place.at(name)
        if name not in PARTS:
            message = f"unknown part {name!r}{nearest(name, PARTS)}"
            raise here.error(message)
        if not isinstance(item, Mapping) or _ranged(item):
            parts[name] = number(item, here)
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
            number(item["mean"], here.at("mean")),
            number(item.get("cv", 0.0), here.at("cv")),
            flag(item.get("stable", name in STABLE_PARTS), here.at("stable")),
        )
    return parts


def numbers(value: Any, place: Place) -> dict[str, float]:
    """Read a table of numbers."""
    return {name: number(item, place.at(name)) for name, item in table(value, place).items()}


# how a field is read, by its type as written in the dataclass
CONVERTERS: dict[str, Callable[[Any, Place], Any]] = {
    "Numeric": number,
    "Numeric | None": number,
    "float": number,
    "Size | Numeric": _size,
    "int": count,
    "str": text,
    "str | None": text,
    "bool": flag,
    "date": day,
    "Mapping[str, Numeric]": numbers,
    "Mapping[str, float]": numbers,
    "Mapping[str, Part | Numeric]": _parts,
}


def plain_fields(kind: type[Any]) -> dict[str, Field[Any]]:
    """Return the fields of a dataclass that a scenario file states as plain values."""
    return {entry.name: entry for entry in fields(kind) if entry.type in CONVERTERS}


def make(
    kind: type[T],
    table: Mapping[str, Any],
    place: Place,
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


def choose(kinds: Mapping[str, type[T]], value: Any, place: Place, what: str) -> T:
    """Make the host or approach that `kind` names."""
    entries = dict(table(value, place))
    kind = entries.pop("kind", None)
    if kind is None:
        message = f"needs kind, one of {', '.join(kinds)}"
        raise place.error(message)
    if not isinstance(kind, str) or kind not in kinds:
        message = f"unknown kind of {what} {kind!r}{nearest(str(kind), kinds)}"
        raise place.at("kind").error(message)
    return make(kinds[kind], entries, place)
