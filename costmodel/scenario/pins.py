"""The prices a written scenario remembers, and which of them have moved since."""

from __future__ import annotations

import math

from costmodel.bill import bill
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import PriceRow
from costmodel.scenario.draft import InfeasibleError
from costmodel.scenario.model import Pin, Scenario
from costmodel.scenario.plan import book_for, plan
from costmodel.scenario.worth import settled


def pin_key(row: PriceRow) -> str:
    """Name a price row in a way that survives re-ordering of the tables."""
    words = [row.key.table, str(row.key)]
    if row.over_input_tokens:
        words.append(f"over {row.over_input_tokens:g}")
    if row.window:
        words.append(row.window)
    if row.effective_from:
        words.append(f"from {row.effective_from}")
    return " ".join(words)


def pins_of(scenario: Scenario, book: PriceBook) -> tuple[Pin, ...]:
    """Return every unit price that the bills of a scenario rest on."""
    pins: dict[tuple[str, str], Pin] = {}
    book = book_for(scenario, book)
    for option in scenario.options:
        try:
            decided, _ = settled(scenario, option, book)
            found = bill(plan(decided, option, book).quantities, book, scenario.horizon)
        except InfeasibleError:
            continue
        for row, meter, usd in found.used_rows():
            pins[pin_key(row), meter] = Pin(pin_key(row), meter, usd)
    return tuple(pins[key] for key in sorted(pins))


def moved_prices(scenario: Scenario, book: PriceBook) -> list[str]:
    """Say which prices have moved since the scenario file was written."""
    if not scenario.pins:
        return []
    now = {(pin.key, pin.meter): pin.usd for pin in pins_of(scenario, book)}
    moved = []
    for pin in scenario.pins:
        usd = now.get((pin.key, pin.meter))
        base = pin.key.partition(" from ")[0]
        later = [
            value
            for (key, meter), value in now.items()
            if meter == pin.meter and key.partition(" from ")[0] == base
        ]
        if usd is None and later:
            usd = later[-1]
        if usd is None:
            moved.append(f"price of {pin.key} {pin.meter} was ${pin.usd:g}, is no longer used")
        elif not math.isclose(usd, pin.usd, rel_tol=1e-9):
            moved.append(f"price of {pin.key} {pin.meter} was ${pin.usd:g}, is ${usd:g}")
    pinned = {(pin.key, pin.meter) for pin in scenario.pins}
    bases = {(pin.key.partition(" from ")[0], pin.meter) for pin in scenario.pins}
    for (key, meter), usd in now.items():
        base, dated, _ = key.partition(" from ")
        if dated and (key, meter) not in pinned and (base, meter) in bases:
            moved.append(f"price of {key} {meter} is new: ${usd:g}")
    since = f" since {scenario.pinned_on}" if scenario.pinned_on else ""
    return [f"prices have moved{since}: {len(moved)}", *moved] if moved else []
