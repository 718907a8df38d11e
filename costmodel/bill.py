"""The bill of quantities: what is needed, what it costs, and why. Money is made here only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache, reduce
from inspect import getdoc, signature
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from costmodel.errors import ScenarioError, nearest
from costmodel.months import Array, Months, Numeric
from costmodel.prices.book import PriceBook
from costmodel.prices.meters import METERS
from costmodel.prices.rows import Key, PriceRow
from costmodel.quantities.requests import Sizes

if TYPE_CHECKING:
    import pandas as pd

P = ParamSpec("P")

PHASES = ("build", "serve", "upkeep", "exit")
UNIT = re.compile(r"^\s*(?P<names>[a-z0-9_, ]+):.*?\[(?P<unit>[^\]]+)\]", re.M | re.S)


@dataclass(frozen=True)
class Line:
    """What a quantity is for and under which price it falls.

    Attributes:
        activity: serve, idle, host, train, label, evaluate, ...
        key: What is bought.
        meter: What is counted.
        phase: build | serve | upkeep | exit.
        cause: Why upkeep is needed: retirement, requirement_change, drift, ...
        detail: Task or approach, where several have such a line.
    """

    activity: str
    key: Key
    meter: str
    phase: str
    cause: str = ""
    detail: str = ""

    @property
    def path(self) -> str:
        """Name of the line in bills, e.g. `serve/openai/gpt-6-luna/output_mtok`."""
        return f"{self.activity}/{self.key.provider}/{self.key.sku}/{self.meter}"


@dataclass(frozen=True, eq=False)
class Quantity:
    """An amount of something billable in each month, with the formula and inputs that gave it.

    Attributes:
        line: What it is for.
        amount: Billable amount. [unit of the meter/month], shape (..., T)
        formula: The function that computed it.
        inputs: Its arguments, defaults included.
        sizes: How it is spread over small and large requests, for tiers.
        events: Jobs in each month, for a minimum per job. [1/month], shape (..., T)
        bought_on: Day whose price holds to the end of a term, for commitments.
        beyond: Amount still owed after the horizon. [unit of the meter], shape (...)
        assumptions: What had to be assumed.
        warnings: What the reader should know.
        spread: Factors on predicted speeds, fields of the host: ends of their 80 % band over the
            middle.
    """

    line: Line
    amount: Array
    formula: Callable[..., Array]
    inputs: Mapping[str, Any]
    sizes: Sizes | None = None
    events: Array | None = None
    bought_on: date | None = None
    beyond: Numeric = 0.0
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def measure(
    line: Line, formula: Callable[P, Array], /, *args: P.args, **inputs: P.kwargs
) -> Quantity:
    """Evaluate a formula and keep the evidence, defaults included.

    Args:
        line: What the quantity is for.
        formula: A pure function of numbers.
        args: Its arguments.
        inputs: Its arguments by name.
    """
    names, defaults = _parameters(formula)
    given = {**dict(zip(names, args, strict=False)), **inputs}
    # the formula itself refuses what is missing or unknown
    amounts = formula(*args, **inputs)
    evidence = {name: given.get(name, defaults.get(name)) for name in names}
    return Quantity(line, amounts, formula, evidence)


@lru_cache(maxsize=1024)
def _parameters(formula: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of a formula's inputs, and the defaults of those that have one."""
    found = signature(formula).parameters
    defaults = {name: one.default for name, one in found.items() if one.default is not one.empty}
    return tuple(found), defaults


def units_of(formula: Callable[..., Any]) -> dict[str, str]:
    """Read the units of a formula's inputs from its docstring."""
    text = (getdoc(formula) or "").partition("Args:")[2].partition("Returns:")[0]
    units: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", text):
        match = UNIT.match(entry.strip("\n"))
        if match:
            units.update({name.strip(): match["unit"] for name in match["names"].split(",")})
    return units


def extend(quantity: Numeric, unit_usd: Numeric) -> Array:
    """Multiply a quantity by its unit price: the only place where money is made.

    Args:
        quantity: Billable amount. [unit], shape (..., T)
        unit_usd: Price of one unit. [US$/unit]

    Returns:
        Cost. [US$], shape (..., T)
    """
    return np.asarray(np.asarray(quantity) * unit_usd, float)


@dataclass(frozen=True, eq=False)
class BilledLine:
    """A quantity, or the share of one, under one row of a price table.

    Attributes:
        quantity: What is billed, with its evidence.
        kind: usage | minimum_top_up | allowance | commitment.
        share: Share of the quantity that falls under this row. [1], shape (..., T)
        amount: Billed amount. [unit of the meter/month], shape (..., T)
        unit_usd: Unit price. [US$]
        row: Index of the row in the book.
        listed: Index of the list row behind a contract price.
    """

    quantity: Quantity
    kind: str
    share: Array
    amount: Array
    unit_usd: float
    row: int
    listed: int | None = None

    @property
    def line(self) -> Line:
        """What the line is for."""
        return self.quantity.line

    @property
    def meter(self) -> str:
        """What is counted."""
        return self.kind if self.kind == "minimum_top_up" else self.line.meter

    @property
    def path(self) -> str:
        """Name of the line in bills."""
        if self.kind == "minimum_top_up":
            return self.line.path.rpartition("/")[0] + "/minimum_top_up"
        return self.line.path

    @cached_property
    def cost(self) -> Array:
        """Cost of each month. [US$], shape (..., T)"""
        return extend(self.amount, self.unit_usd)


@dataclass(frozen=True, eq=False)
class Bill:
    """Lines of quantity x unit price, month by month.

    Attributes:
        months: The time axis.
        lines: One per quantity and price row.
        book: The prices.
        assumptions: What had to be assumed.
        warnings: What the reader should know.
    """

    months: Months
    lines: tuple[BilledLine, ...] = field(repr=False)
    book: PriceBook = field(repr=False)
    assumptions: tuple[str, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()

    def monthly(self, phase: str | None = None) -> Array:
        """Return the cost of each month, of one phase or of all. [US$], shape (..., T)"""
        costs = [line.cost for line in self.lines if phase in (None, line.line.phase)]
        return np.asarray(sum(costs, np.zeros(self.months.count)), float)

    @cached_property
    def total(self) -> Array:
        """Cost over the horizon, undiscounted. [US$], shape (...)"""
        return np.asarray(self.monthly().sum(axis=-1))

    def by_phase(self) -> dict[str, Array]:
        """Return the cost of each phase over the horizon. [US$], shape (...)"""
        return {phase: np.asarray(self.monthly(phase).sum(axis=-1)) for phase in PHASES}

    def by_cause(self) -> dict[str, Array]:
        """Return the upkeep of each cause in each month. [US$], shape (..., T)"""
        causes: dict[str, Array] = {}
        for line in self.lines:
            if line.line.phase == "upkeep":
                before = causes.get(line.line.cause, np.zeros(self.months.count))
                causes[line.line.cause] = before + line.cost
        return causes

    @property
    def maintenance_share(self) -> Array:
        """Upkeep over total, labour included. [1], shape (...)"""
        total = self.total
        upkeep = self.monthly("upkeep").sum(axis=-1)
        return np.asarray(np.where(total > 0, upkeep / np.where(total > 0, total, 1.0), 0.0))

    @property
    def labour_share(self) -> Array:
        """Cost of people over total. [1], shape (...)"""
        people = [line.cost for line in self.lines if line.line.key.table == "labour"]
        labour = sum(people, np.zeros(self.months.count)).sum(axis=-1)
        total = self.total
        return np.asarray(np.where(total > 0, labour / np.where(total > 0, total, 1.0), 0.0))

    def used_rows(self) -> list[tuple[PriceRow, str, float]]:
        """Return every price the bill rests on, once: row, meter, unit price."""
        seen: dict[tuple[int, str], tuple[PriceRow, str, float]] = {}
        for line in self.lines:
            if line.kind in ("usage", "commitment"):
                row = self.book.rows[line.row]
                seen[line.row, line.meter] = (row, line.meter, line.unit_usd)
        return list(seen.values())

    def frame(self) -> pd.DataFrame:
        """Return a table with one row per line and month in which it costs or counts something.

        Columns: line, month, phase, cause, provider, sku, meter, quantity, unit_price_usd,
        cost_usd, formula, file, row, source, verified_on, then detail, kind, share,
        list_unit_price_usd, list_file, list_row. Scenarios made at once get a column `sample`.
        """
        import pandas as pd

        records = []
        shape = np.broadcast_shapes(
            (self.months.count,), *(line.amount.shape for line in self.lines)
        )
        for line in self.lines:
            row = self.book.rows[line.row]
            amounts = np.broadcast_to(line.amount, shape).reshape(-1, self.months.count)
            shares = np.broadcast_to(line.share, shape).reshape(-1, self.months.count)
            listed = None if line.listed is None else self.book.rows[line.listed]
            for sample, month in np.argwhere(amounts != 0):
                amount = float(amounts[sample, month])
                record: dict[str, Any] = {"sample": int(sample)} if len(shape) > 1 else {}
                records.append(
                    record
                    | {
                        "line": line.path,
                        "month": self.months.labels[month],
                        "phase": line.line.phase,
                        "cause": line.line.cause,
                        "provider": line.line.key.provider,
                        "sku": line.line.key.sku,
                        "meter": line.meter,
                        "quantity": amount,
                        "unit_price_usd": line.unit_usd,
                        "cost_usd": float(extend(amount, line.unit_usd)),
                        "formula": line.quantity.formula.__name__,
                        "file": row.file,
                        "row": row.line,
                        "source": row.source,
                        "verified_on": row.verified_on.isoformat(),
                        "detail": line.line.detail,
                        "kind": line.kind,
                        "share": float(shares[sample, month]),
                        "list_unit_price_usd": _list_price(self.book, line),
                        "list_file": listed.file if listed else None,
                        "list_row": listed.line if listed else None,
                    }
                )
        return pd.DataFrame.from_records(records, columns=None if records else list(FRAME_COLUMNS))

    def sums(self) -> pd.DataFrame:
        """Return a table with one row per line, summed over the months: where dollars come from.

        Columns: line, phase, cause, meter, cost_usd, file, row, verified_on; means over scenarios
        made at once.
        """
        import pandas as pd

        records = []
        for line in self.lines:
            row = self.book.rows[line.row]
            shape = np.broadcast_shapes((self.months.count,), line.amount.shape)
            amount = np.broadcast_to(line.amount, shape).sum(axis=-1).mean()
            records.append(
                {
                    "line": line.path,
                    "phase": line.line.phase,
                    "cause": line.line.cause,
                    "meter": line.meter,
                    "cost_usd": float(extend(amount, line.unit_usd)),
                    "file": row.file,
                    "row": row.line,
                    "verified_on": row.verified_on.isoformat(),
                }
            )
        columns = ["line", "phase", "cause", "meter", "cost_usd", "file", "row", "verified_on"]
        return pd.DataFrame.from_records(records, columns=columns)

    def explain(self, line: str | None = None, month: str | None = None) -> list[dict[str, Any]]:
        """Trace dollars back: formula, inputs, unit price, file, line, source, date.

        Args:
            line: Path of a line, or the beginning of one; None for all.
            month: Month, e.g. 2027-02; None for the first month in which each line counts.

        Returns:
            One record per billed line, dearest first.

        Raises:
            ScenarioError: If there is no such line or month, or nothing is billed in it.
        """
        lines = [x for x in self.lines if line is None or x.path == line]
        if not lines and line is not None:
            lines = [x for x in self.lines if x.path.startswith(line)]
        if not lines:
            paths = {x.path for x in self.lines}
            message = f"the bill has no line {line!r}{nearest(str(line), paths)}"
            raise ScenarioError(message)
        if month is not None and month not in self.months.labels:
            message = (
                f"month {month!r} is not in the horizon: "
                f"{self.months.labels[0]} to {self.months.labels[-1]}"
            )
            raise ScenarioError(message)
        records = []
        for item in lines:
            amounts = np.broadcast_to(
                item.amount, np.broadcast_shapes(item.amount.shape, (self.months.count,))
            )
            used = np.flatnonzero(amounts.reshape(-1, self.months.count).any(axis=0))
            k = self.months.labels.index(month) if month else int(used[0]) if used.size else 0
            if np.any(amounts[..., k] != 0):
                records.append(self._trace(item, k))
        if not records and month is not None:
            message = f"{line or 'the option'} has no cost in {month}"
            raise ScenarioError(message)
        return sorted(records, key=lambda record: -float(np.mean(record["cost_usd"])))

    def _trace(self, line: BilledLine, month: int) -> dict[str, Any]:
        row = self.book.rows[line.row]
        units = units_of(line.quantity.formula)
        inputs = [
            {"name": name, "value": _in_month(value, month, self.months), "unit": units.get(name)}
            for name, value in line.quantity.inputs.items()
        ]
        listed = None if line.listed is None else self.book.rows[line.listed]
        return {
            "line": line.path,
            "month": self.months.labels[month],
            "phase": line.line.phase,
            "cause": line.line.cause,
            "detail": line.line.detail,
            "kind": line.kind,
            "cost_usd": _in_month(line.cost, month, self.months),
            "quantity": _in_month(line.amount, month, self.months),
            "unit": METERS[line.meter],
            "formula": f"{line.quantity.formula.__module__}.{line.quantity.formula.__name__}",
            "formula_says": (getdoc(line.quantity.formula) or "").split("\n")[0],
            "inputs": inputs,
            "share": _in_month(line.share, month, self.months),
            "unit_price_usd": line.unit_usd,
            "file": row.file,
            "row": row.line,
            "price_of": str(row.key),
            "effective_from": row.effective_from.isoformat() if row.effective_from else None,
            "source": row.source,
            "verified_on": row.verified_on.isoformat(),
            "note": row.note,
            "list_unit_price_usd": _list_price(self.book, line),
            "list_file": listed.file if listed else None,
            "list_row": listed.line if listed else None,
        }


FRAME_COLUMNS = (
    *("line", "month", "phase", "cause", "provider", "sku", "meter", "quantity"),
    *("unit_price_usd", "cost_usd", "formula", "file", "row", "source", "verified_on"),
    *("detail", "kind", "share", "list_unit_price_usd", "list_file", "list_row"),
)


def _list_price(book: PriceBook, line: BilledLine) -> float | None:
    return None if line.listed is None else book.unit_usd(line.listed, line.line.meter)


def _in_month(value: object, month: int, months: Months) -> Any:
    """Return a value, or that of one month if it has a time axis, as plain numbers."""
    array = np.asarray(value)
    if array.ndim and array.shape[-1] == months.count and months.count > 1:
        array = array[..., month]
    elif array.ndim and array.shape[-1] == 1:
        array = array[..., 0]
    return array.item() if array.ndim == 0 else array.tolist()


def _top_up_per_job(quantity: Quantity, share: Array, unit_usd: float, minimum: float) -> Array:
    """Return the dollars by which the jobs of each month fall short of a minimum per job."""
    events = np.asarray(quantity.events, float)
    safe = np.where(events > 0, events, 1.0)
    per_job = extend(quantity.amount / safe, unit_usd)
    return np.where(events > 0, np.maximum(minimum - per_job, 0.0) * events, 0.0) * share


def _top_up_per_month(lines: Sequence[BilledLine], book: PriceBook) -> list[BilledLine]:
    """Return lines for products whose usage in a month falls short of their monthly minimum."""
    groups: dict[tuple[str, str, str], list[BilledLine]] = {}
    for line in lines:
        row = book.rows[line.row]
        monthly = row.key.table == "retrieval" or row.facts.get("minimum_per") == "month"
        if monthly:
            groups.setdefault((row.key.table, row.key.provider, row.key.sku), []).append(line)
    result = []
    for group in groups.values():
        # each of the product's quantities knows the minimum; its rows hold one after the other
        minima: dict[int, Array] = {}
        for x in group:
            if x.kind == "usage":
                due = x.share * np.nan_to_num(float(book.rows[x.row].facts.get("minimum") or 0.0))
                minima[id(x.quantity)] = minima.get(id(x.quantity), np.zeros(1)) + due
        minimum = reduce(np.maximum, minima.values(), np.zeros(1))
        if not np.any(minimum > 0):
            continue
        spent = sum((x.cost for x in group), np.zeros(1))
        used = sum((np.abs(x.amount) for x in group), np.zeros(1)) > 0
        missing = np.where(used, np.maximum(minimum - spent, 0.0), 0.0)
        # a minimum that comes back every month belongs to the service, not to what was built
        serving = [x for x in group if x.line.phase == "serve"] or group
        result.append(_extra(serving[0], "minimum_top_up", missing, 1.0))
    return result


def _extra(line: BilledLine, kind: str, amount: Array, unit_usd: float) -> BilledLine:
    return BilledLine(line.quantity, kind, line.share, amount, unit_usd, line.row)


def bill(quantities: Iterable[Quantity], book: PriceBook, months: Months) -> Bill:
    """Price every quantity, one line per price row it falls under.

    Args:
        quantities: What is needed in each month.
        book: The prices.
        months: The time axis.

    Returns:
        Lines in the order of the quantities, charges beyond quantity x price beside their cause.

    Raises:
        PriceError: If something has no price.
    """
    lines: list[BilledLine] = []
    assumptions: list[str] = []
    warnings: list[str] = []
    used: dict[Key, Array] = {}
    for quantity in quantities:
        key, meter = quantity.line.key, quantity.line.meter
        assumptions += quantity.assumptions
        warnings += quantity.warnings
        share_over = None
        if quantity.sizes is not None:
            share_over = {size: quantity.sizes.above(size) for size in book.thresholds(key)}
        for match in book.match(
            key, meter, months, share_over=share_over, bought_on=quantity.bought_on
        ):
            if not match.share.any():
                continue  # a tier or a season that nothing falls under
            cited, listed = book.cited(match.row, meter)
            unit_usd = book.unit_usd(match.row, meter)
            facts = book.rows[match.row].facts
            # most quantities fall under one row: no need to copy them
            alone = match.share.ndim == 1 and bool(np.all(match.share == 1.0))
            amount = quantity.amount if alone else quantity.amount * match.share
            kind = "usage" if quantity.bought_on is None else "commitment"
            line = BilledLine(quantity, kind, match.share, amount, unit_usd, cited, listed)
            allowance = facts.get("allowance")
            if allowance is not None and allowance > 0:
                before = used.get(key, np.zeros(months.count))
                free = np.minimum(amount, np.maximum(allowance - before, 0.0))
                used[key] = before + free
                lines.append(_extra(line, "allowance", free, 0.0))
                line = BilledLine(
                    quantity, kind, match.share, amount - free, unit_usd, cited, listed
                )
            lines.append(line)
            minimum = facts.get("minimum", 0.0)
            if quantity.events is not None and minimum > 0 and facts["minimum_per"] == "job":
                missing = _top_up_per_job(quantity, match.share, unit_usd, minimum)
                lines.append(_extra(line, "minimum_top_up", missing, 1.0))
            if np.any(np.asarray(quantity.beyond) > 0):
                dollars = float(np.mean(extend(quantity.beyond, unit_usd)))
                warnings.append(
                    f"{quantity.line.path}: the term bought on {quantity.bought_on} outlives the "
                    f"horizon; ${dollars:,.0f} of it fall due after {months.end}"
                )
            row = book.rows[cited]
            priced_on = book.priced_on or months.start
            if row.facts.get("effective_from") is None and row.verified_on > priced_on:
                assumptions.append(
                    f"price of {row.key}: start unknown, used before {row.verified_on} "
                    f"when it was first seen ({row.where})"
                )
    lines += _top_up_per_month(lines, book)
    return Bill(
        months,
        tuple(lines),
        book,
        tuple(dict.fromkeys(assumptions)),
        tuple(dict.fromkeys(warnings)),
    )
