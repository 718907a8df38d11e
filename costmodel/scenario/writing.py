"""Writing scenario files: TOML, with comments and layout kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
from tomlkit.items import AoT, InlineTable, Table

from costmodel.approaches import Approach
from costmodel.errors import ScenarioError
from costmodel.prices.book import PriceBook
from costmodel.quantities.requests import Part, Size
from costmodel.scenario.model import STABLE_PARTS, Mix, Scenario, Uncertain
from costmodel.scenario.pins import pins_of
from costmodel.scenario.reading import VERSION, read_scenario
from costmodel.scenario.values import plain_fields

EXACT_INTEGERS = 2**53


def _plain(value: Any, default: Any = MISSING) -> Any:
    """Return a value as TOML writes it, or MISSING if it is the default."""
    if value is None or (default is not MISSING and np.array_equal(value, default)):
        return MISSING
    if isinstance(value, np.ndarray | np.generic):
        if value.size != 1:
            message = "a scenario of arrays cannot be written; write one of its scenarios"
            raise ScenarioError(message)
        value = value.item()
    if isinstance(value, Size):
        value = {"mean": value.mean, "cv": value.cv}
    elif isinstance(value, Part):
        stable = MISSING if value.stable == (value.name in STABLE_PARTS) else value.stable
        table = {"mean": value.tokens, "cv": _plain(value.cv, 0.0), "stable": stable}
        table = {key: item for key, item in table.items() if item is not MISSING}
        value = table if len(table) > 1 else _plain(value.tokens)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_INTEGERS:
        return int(value)
    return list(value) if isinstance(value, tuple) else value


def _stated(item: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults."""
    table = {}
    for name, entry in plain_fields(type(item)).items():
        default = entry.default
        if entry.default_factory is not MISSING:
            default = entry.default_factory()
        value = _plain(getattr(item, name), default)
        if value is not MISSING:
            table[name] = value
    return table


def _as_table(scenario: Scenario) -> dict[str, Any]:
    approaches: dict[str, Approach] = {}
    options = []
    for option in scenario.options:
        if isinstance(option, Mix):
            table = _stated(option)
            options.append({"name": option.name, "mix": table.pop("shares"), **table})
            continue
        stages = []
        for stage in option.stages:
            host = {"kind": stage.host.kind, **_stated(stage.host)}
            stages.append(
                {"model": stage.model, "host": host, "approaches": list(stage.approaches)}
            )
            for name, approach in stage.approaches.items():
                if approaches.setdefault(name, approach) != approach:
                    message = f"two approaches are named {name!r}; names must differ"
                    raise ScenarioError(message)
        first, *others = stages
        table = {"name": option.name, **first, **_stated(option)}
        if option.in_place is not None:
            table["in_place"] = {"since": option.in_place}
        if others:
            table["successor"] = others
        options.append(table)
    table = {
        "version": VERSION,
        "name": scenario.name,
        "start": scenario.start,
        "months": scenario.months,
        "existing_customer": list(scenario.existing_customer),
        "workload": _stated(scenario.workload),
        "task": [_stated(task) for task in scenario.tasks],
        "people": _plain(scenario.people),
        "upkeep": _stated(scenario.upkeep),
        "discount_rate": scenario.discount_rate,
        "situation": {
            k: list(v) if isinstance(v, tuple) else v for k, v in scenario.situation.items()
        },
        "approach": {name: {"kind": a.kind, **_stated(a)} for name, a in approaches.items()},
        "option": options,
        "together": [{"inputs": list(group.inputs), "by": group.by} for group in scenario.together],
    }
    for entry in scenario.uncertain:
        _state_range(table, entry)
    return {key: value for key, value in table.items() if value not in ([], {}, None)}


def _state_range(table: dict[str, Any], entry: Uncertain) -> None:
    """Put a range where its mean stands."""
    first, _, rest = entry.name.partition(".")
    node: Any = table[first]
    if first in ("task", "option", "approach"):
        # names may hold dots
        names = [item["name"] for item in node] if isinstance(node, list) else list(node)
        name = max((n for n in names if rest.startswith(f"{n}.")), key=len)
        node = node[names.index(name)] if isinstance(node, list) else node[name]
        rest = rest[len(name) + 1 :]
    *way, last = rest.split(".") if first != "people" else [rest]
    for word in way:
        if not isinstance(node.get(word), dict):
            node[word] = {"mean": node[word]} if word in node else {}
        node = node[word]
    if isinstance(node.get(last), dict):
        node, last = node[last], "mean"
    found = entry.distribution
    values = {key: _plain(value) for key, value in found.values.items()}
    node[last] = values if found.kind == "range" else {"distribution": found.kind, **values}


def _follow(document: tomlkit.TOMLDocument, home: Path, folder: Path) -> None:
    """Let the paths of files lead to them from another folder, too."""
    if home.resolve() == folder.resolve():
        return
    for table in document.get("approach", {}).values():
        for key in ("dataset", "validation", "corpus"):
            if table.get(key) and not Path(table[key]).is_absolute():
                table[key] = os.path.relpath(home.resolve() / table[key], folder.resolve())


def scenario_text(scenario: Scenario, folder: Path, book: PriceBook | None) -> str:
    """Return a scenario as a file in a folder states it, comments and layout kept."""
    if scenario.path is not None and scenario.path.exists():
        text = scenario.path.read_text("utf-8-sig")
        same = read_scenario(scenario.path)
    else:
        text, same = "", None
    document = tomlkit.parse(text)
    if same != scenario:
        _merge(document, _as_table(scenario), None if same is None else _as_table(same))
    if scenario.path is not None:
        _follow(document, scenario.path.parent, folder)
    if book is not None:
        prices = tomlkit.table()
        prices.add("on", book.priced_on or scenario.start)
        rows = tomlkit.array().multiline(multiline=True)
        for pin in pins_of(scenario, book):
            entry = tomlkit.inline_table()
            entry.update({"key": pin.key, "meter": pin.meter, "usd": pin.usd})
            rows.append(entry)
        prices.add("rows", rows)
        document["prices"] = prices
    return tomlkit.dumps(document)


def write_scenario(scenario: Scenario, path: Path, book: PriceBook | None) -> None:
    """Write a scenario, keeping comments and layout of the file it was read from."""
    text = scenario_text(scenario, path.parent, book)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        message = f"{path}: cannot be written ({error.strerror or error})"
        raise ScenarioError(message) from None


# tables that are written as tables of their own, not on one line
SECTIONS = ("workload", "upkeep", "people", "approach", "situation")


def _merge(node: Any, wanted: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Change what differs from `before`, leave everything else as it is written."""
    before = before or {}
    for key in [key for key in before if key not in wanted and key in node]:
        del node[key]
    for key, value in wanted.items():
        if key in before and before[key] == value:
            continue
        old = node.get(key)
        if isinstance(value, Mapping) and isinstance(old, Table | InlineTable):
            _merge(old, value, before.get(key, {}))
        elif isinstance(value, list) and isinstance(old, AoT) and len(old) == len(value):
            earlier: Sequence[Any] = before.get(key, [{}] * len(value))
            for entry, item, past in zip(old, value, earlier, strict=True):
                _merge(entry, item, past)
        elif key in ("option", "task"):
            tables = tomlkit.aot()
            for item in value:
                tables.append(_section(item))
            node[key] = tables
        elif key in SECTIONS and isinstance(value, Mapping):
            node[key] = _section(value, deep=key == "approach")
        else:
            node[key] = _inline(value)


def _section(value: Mapping[str, Any], *, deep: bool = False) -> Table:
    """Return a table with a header of its own, or one of such tables."""
    table = tomlkit.table(is_super_table=deep)
    for name, cell in value.items():
        table.add(name, _section(cell) if deep else _inline(cell))
    return table


def _inline(value: Any) -> Any:
    """Return a value as an item of one line."""
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update({key: _inline(item) for key, item in value.items()})
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for item in value:
            array.append(_inline(item))
        return array
    return value
