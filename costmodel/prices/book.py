"""The price book: layers of tables, read once, and the one look-up that selects rows."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from importlib.resources import files
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import PriceError, nearest
from costmodel.months import Array, Days, Months
from costmodel.prices.catalog import Catalog
from costmodel.prices.rows import (
    METER_INDEX,
    METER_NAMES,
    TEAM,
    Key,
    PriceRow,
    assemble,
    read_layers,
)
from costmodel.prices.windows import SLOTS_PER_WEEK, Mask, parse_window, week_slot

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
FIRST_DAY, LAST_DAY = np.iinfo(np.int64).min // 2, np.iinfo(np.int64).max // 2
NOON = np.timedelta64(12, "h")
NAMES = {"provider": "", "model": "", "mode": "standard", "region": ""}  # and what blank means
SPARSE = 4  # codes per record up to which a table of all codes is small enough


@dataclass(frozen=True)
class Match:
    """A row and the share of a quantity that it prices. `share` has shape (..., T)."""

    row: int
    share: Array


def shipped_dir() -> Path:
    """Return the folder of shipped tables: inside an installed package, or beside the checkout."""
    package = Path(str(files("costmodel")))
    inside = package / "pricing"
    return inside if inside.is_dir() else package.parent / "pricing"


def default_layers() -> list[Path]:
    """Return the user's own tables: `$COSTMODEL_PRICES`, else `./pricing` where it exists."""
    named = os.environ.get("COSTMODEL_PRICES")
    if named:
        return [Path(named)]
    here = Path("pricing")
    return [here] if here.is_dir() and here.resolve() != shipped_dir().resolve() else []


def edited_folder(named: Path | None = None) -> Path:
    """Return the folder whose tables a command may change.

    Args:
        named: The folder that the user named; left out, `$COSTMODEL_PRICES`, else `./pricing`.

    Raises:
        PriceError: If there is none, or if it belongs to an installed package.
    """
    variable = os.environ.get("COSTMODEL_PRICES")
    folder = named or Path(variable or "pricing")
    inside = Path(str(files("costmodel"))).resolve() / "pricing"
    if inside in (folder.resolve(), *folder.resolve().parents):
        message = (
            f"{folder}: belongs to the installed package; "
            "`costmodel pricing init pricing` makes a copy to change"
        )
        raise PriceError(message)
    if not folder.is_dir():
        message = (
            f"no folder of price tables at {folder}: `mkdir pricing` makes a layer for what "
            "differs, `costmodel pricing init pricing` a copy of all; or name a folder with --dir"
        )
        raise PriceError(message)
    return folder


MOST_KEPT, KEPT_SIZE = 20_000, 1_000  # matches kept, and numbers that one may depend on


def _days(day: date | None, missing: int) -> int:
    return missing if day is None else (day - date(1970, 1, 1)).days


@dataclass(frozen=True, eq=False)
class PriceBook:
    """Unit prices with the dates they hold from, and what is known about what they price.

    Attributes:
        rows: Price rows, those of one key together, in the order in which they take precedence.
        usd: Unit prices, a column per meter, nan where not published. [US$], shape (rows, meters)
        catalog: Models, tuning offers, GPUs, tokenizers.
        folders: Where the tables were read from, later ones laid over earlier ones.
        priced_on: The day whose prices hold throughout, None for the prices of each day.
    """

    rows: tuple[PriceRow, ...] = field(repr=False)
    usd: Array = field(repr=False)
    catalog: Catalog = field(repr=False)
    folders: tuple[str, ...] = ()
    priced_on: date | None = None

    @classmethod
    def read(cls, *folders: str | Path, shipped: bool = True) -> PriceBook:
        """Lay folders of tables over the shipped ones.

        Args:
            folders: Folders laid out like `pricing/`; rows of later ones win.
            shipped: Whether to start from the shipped tables.

        Raises:
            PriceError: At the first thing that is wrong, with file, line, value and remedy.
        """
        layers = [*([shipped_dir()] if shipped else []), *map(Path, folders)]
        # millions of new objects without a cycle: looking for cycles would take most of the time
        collecting = gc.isenabled()
        gc.disable()
        try:
            rows, usd, catalog = assemble(read_layers(layers))
        finally:
            if collecting:
                gc.enable()
        return cls(rows, usd, catalog, tuple(str(folder) for folder in layers))

    # the columns of the rows, as arrays

    @cached_property
    def _groups(self) -> dict[Key, slice]:
        groups: dict[Key, slice] = {}
        start = 0
        for key, rows in groupby(self.rows, attrgetter("key")):
            groups[key] = slice(start, start + sum(1 for _ in rows))
            start = groups[key].stop
        return groups

    @cached_property
    def _from(self) -> Ints:
        return np.array([_days(row.effective_from, FIRST_DAY) for row in self.rows], np.int64)

    @cached_property
    def _to(self) -> Ints:
        return np.array([_days(row.effective_to, LAST_DAY) for row in self.rows], np.int64)

    @cached_property
    def _over(self) -> Array:
        return np.array([row.over_input_tokens for row in self.rows], float)

    @cached_property
    def _windows(self) -> tuple[Ints, Mask]:
        """Window of each row (0 = always) and the half hours in each window."""
        texts = sorted({row.window for row in self.rows if row.window})
        masks = [np.ones(SLOTS_PER_WEEK, bool), *(parse_window(t, "window") for t in texts)]
        index = {text: k + 1 for k, text in enumerate(texts)}
        return np.array([index.get(row.window, 0) for row in self.rows], np.int64), np.stack(masks)

    # selecting rows

    def key(self, key: Key) -> Key:
        """Return the key if some row has it.

        Raises:
            PriceError: If nothing has that mode or region, naming those on sale.
        """
        if key in self._groups:
            return key
        mine = [k for k in self._groups if (k.table, k.provider) == (key.table, key.provider)]
        same = [k for k in mine if k.sku == key.sku]
        if not same:
            message = f"{key.provider} has no price for {key.sku!r}" + nearest(
                key.sku, {k.sku for k in mine}
            )
        elif key.mode not in {k.mode for k in same}:
            modes = {k.mode for k in same}
            message = f"{key.provider}/{key.sku} has no mode {key.mode!r}{nearest(key.mode, modes)}"
        else:
            regions = {k.region or "(default)" for k in same if k.mode == key.mode}
            asked = key.region or "(default)"
            message = (
                f"{key.provider}/{key.sku} {key.mode} has no region {asked!r}"
                f"{nearest(key.region, regions)}"
            )
        raise PriceError(message)

    def sells(self, key: Key, meter: str) -> bool:
        """Whether any row of a key has a price for a meter."""
        group = self._groups.get(key)
        return group is not None and bool(np.isfinite(self.usd[group, METER_INDEX[meter]]).any())

    def _select(self, start: Ints, length: Ints, day: Ints, size: Array, slot: Ints) -> Ints:
        """Return the row that holds for each record, -1 for none.

        Rows of a group stand in order of precedence, so the last one that holds wins: the higher
        tier over the lower, a window over the whole day, a later layer, a later start.
        """
        row = np.full(start.shape, -1, np.int64)
        window, masks = self._windows
        todo = np.arange(start.size)
        step = 0
        while todo.size:
            candidate = start[todo] + step
            holds = (self._from[candidate] <= day[todo]) & (day[todo] < self._to[candidate])
            holds &= (size[todo] > self._over[candidate]) | (self._over[candidate] == 0)
            if masks.shape[0] > 1:
                holds &= masks[window[candidate], slot[todo]]
            row[todo[holds]] = candidate[holds]
            step += 1
            todo = todo[length[todo] > step]
        return row

    def prices(self, frame: pd.DataFrame, *, strict: bool = True) -> Ints:
        """Select the row that prices each record: the one look-up behind bills, usage and checks.

        Args:
            frame: Columns `provider`, `model`; optionally `mode`, `region`, `input_tokens` (all
                input of one request, for tiers) and `on` (date or UTC time stamp; a date alone
                means noon).
            strict: Whether a record without a price is an error; else its row is -1.

        Returns:
            Index into `rows` and `usd` for each record.

        Raises:
            PriceError: For the first record that no row prices.
        """
        return self.rows_for(dict(frame.items()), len(frame), strict=strict)

    def rows_for(self, columns: Mapping[Any, Any], count: int, *, strict: bool = True) -> Ints:
        """Do what `prices` does for columns that may also be one value for all records.

        Args:
            columns: As of `prices`.
            count: Number of records.
            strict: As of `prices`.
        """
        group, record, names = _named(columns, count)
        starts, lengths = np.zeros(record.size, np.int64), np.zeros(record.size, np.int64)
        problems: dict[int, PriceError] = {}
        for k, (provider, model, mode, region) in enumerate(names):
            try:
                name = self.catalog.name(provider, model)
                rows = self._groups[self.key(Key("inference", provider, name, mode, region))]
            except PriceError as error:
                problems[k] = error
            else:
                starts[k], lengths[k] = rows.start, rows.stop - rows.start
        if problems and strict:
            first = int(np.flatnonzero(np.isin(group, list(problems)))[0])
            message = f"{in_row(first, count)}{problems[int(group[first])]}"
            raise PriceError(message)
        day, times = _clock(columns.get("on"), count)
        size = np.broadcast_to(np.asarray(columns.get("input_tokens", 0.0), float), (count,))

        # select once for each combination of what a row depends on: name, the days between two
        # changes of a price, tier, half hour
        used = np.concatenate(
            [
                np.zeros(0, np.int64),
                *(np.arange(a, a + n) for a, n in zip(starts, lengths, strict=True)),
            ]
        )
        case, cases = group, max(record.size, 1)
        changes = np.unique([self._from[used], self._to[used]])
        changes = changes[(changes > FIRST_DAY) & (changes < LAST_DAY)]
        if changes.size:
            # a table of days beats a search for each record
            first_day, last_day = changes[0] - 1, changes[-1]
            spans = np.searchsorted(changes, np.arange(first_day, last_day + 1), side="right")
            case = case * (changes.size + 1) + spans[np.clip(day, first_day, last_day) - first_day]
            cases *= changes.size + 1
        tier, thresholds = np.zeros(count, np.int64), np.unique(self._over[used])
        for threshold in thresholds:
            tier += size > threshold
        case, cases = case * (thresholds.size + 1) + tier, cases * (thresholds.size + 1)
        slot = np.zeros(count, np.int64)
        if self._windows[0][used].any():
            slot = week_slot(np.where(times == times.astype("datetime64[D]"), times + NOON, times))
            case, cases = case * SLOTS_PER_WEEK + slot, cases * SLOTS_PER_WEEK
        number, record = _numbered(case, cases)
        known = np.flatnonzero(lengths[group[record]] > 0)
        chosen = np.full(record.size, -1, np.int64)
        of, each = group[record[known]], record[known]
        chosen[known] = self._select(starts[of], lengths[of], day[each], size[each], slot[each])
        row: Ints = chosen[number]
        if strict and (row < 0).any():
            first = int(np.flatnonzero(row < 0)[0])
            day_text = str(np.datetime64(int(day[first]), "D"))
            message = self._not_priced(int(starts[group[first]]), day_text)
            raise PriceError(in_row(first, count) + message)
        return row

    def _not_priced(self, start: int, day: str) -> str:
        row = self.rows[start]
        begins = [r.effective_from for r in self.rows[self._groups[row.key]]]
        known = [day for day in begins if day is not None]
        if known and str(min(known)) > day:
            return (
                f"{row.key} is priced from {min(known)} on ({row.where}), "
                f"but the price of {day} is asked for"
            )
        return f"{row.key} has no price on {day}; the last one is in {row.where}"

    def match(
        self,
        key: Key,
        meter: str,
        months: Months,
        *,
        share_over: Mapping[float, Array] | None = None,
        slots: Array | None = None,
        bought_on: date | None = None,
    ) -> list[Match]:
        """Split a quantity between the rows that price it.

        Args:
            key: What is bought.
            meter: What is counted.
            months: The months in which it is bought.
            share_over: Function of a tier's threshold -> share of the quantity above it, as a
                mapping from the thresholds of `thresholds(key)`; None = all in the base tier.
            slots: Share of the quantity in each half hour of the week; None = evenly. Shape (336,).
            bought_on: Day whose price holds throughout (commitments).

        Returns:
            Rows and shares; the shares of each month add to 1.

        Raises:
            PriceError: If some share has no price.
        """
        parts = [np.asarray(part) for part in (share_over or {}).values()]
        parts += [] if slots is None else [slots]
        if sum(part.size for part in parts) > KEPT_SIZE:
            return self._matches(key, meter, months, share_over, slots, bought_on)
        asked = (
            *(
                key,
                meter,
                months.start,
                months.count,
                bought_on,
                slots is None,
                *(share_over or {}),
            ),
            *((part.shape, part.tobytes()) for part in parts),
        )
        if asked not in self._matched:
            if len(self._matched) >= MOST_KEPT:
                self._matched.clear()
            found = self._matches(key, meter, months, share_over, slots, bought_on)
            self._matched[asked] = found
        return list(self._matched[asked])

    @cached_property
    def _matched(self) -> dict[Any, list[Match]]:
        """What was matched before: a change of a scenario leaves most of it as it was."""
        return {}

    def _matches(
        self,
        key: Key,
        meter: str,
        months: Months,
        share_over: Mapping[float, Array] | None,
        slots: Array | None,
        bought_on: date | None,
    ) -> list[Match]:
        group = self._groups[self.key(key)]
        if bought_on is None:
            inside = np.concatenate([self._from[group], self._to[group]]).astype("datetime64[D]")
            inside = inside[(months.bounds[0] < inside) & (inside < months.bounds[-1])]
            edges = np.unique(np.concatenate([months.bounds[[0, -1]], inside]))
            days, day_share = (
                edges[:-1],
                [months.between(*pair) for pair in pairwise(edges.tolist())],
            )
        else:
            days = np.array([np.datetime64(bought_on, "D")])
            day_share = [np.ones(months.count)]
        tiers = [0.0, *(share_over or {})]
        above: list[Array] = [np.ones(1), *(share_over or {}).values(), np.zeros(1)]
        tier_share = [a - b for a, b in pairwise(above)]
        first_slot, slot_share = self._slot_classes(group, slots)
        d, b, w = (
            axis.ravel()
            for axis in np.meshgrid(
                np.arange(days.size), np.arange(len(tiers)), np.arange(first_slot.size)
            )
        )
        chosen = self._select(
            np.full(d.size, group.start, np.int64),
            np.full(d.size, group.stop - group.start, np.int64),
            days.astype(np.int64)[d],
            np.array(tiers)[b] + 1.0,
            first_slot[w],
        )
        shares: dict[int, Array] = {}
        for k, row in enumerate(chosen):
            share = day_share[d[k]] * tier_share[b[k]] * slot_share[w[k]]
            if row < 0:
                if np.any(share > 0):
                    day = str(days[d[k]])
                    raise PriceError(self._not_priced(group.start, day))
                continue
            shares[int(row)] = shares.get(int(row), np.zeros(1)) + share
        for row, share in shares.items():
            if np.any(share > 0) and math.isnan(self.usd[row, METER_INDEX[meter]]):
                message = f"{self.rows[row].where}: {key} has no price for {meter}"
                raise PriceError(message)
        return [
            Match(row, share)
            for row, share in sorted(shares.items())
            if not math.isnan(self.usd[row, METER_INDEX[meter]])
        ]

    def _slot_classes(self, group: slice, slots: Array | None) -> tuple[Ints, Array]:
        """Return one half hour for each class that the windows of a group make, and its share."""
        window, masks = self._windows
        used = np.unique(window[group])
        if used.size == 1:
            return np.zeros(1, np.int64), np.ones(1)
        _, first, member = np.unique(masks[used], axis=1, return_index=True, return_inverse=True)
        even = np.full(SLOTS_PER_WEEK, 1 / SLOTS_PER_WEEK) if slots is None else slots
        share = np.bincount(member.ravel(), even, minlength=first.size)
        return first.astype(np.int64), np.asarray(share, float)

    def thresholds(self, key: Key) -> list[float]:
        """Return the tiers of a key: input tokens above which another price holds, ascending."""
        return sorted(set(self._over[self._groups[self.key(key)]]) - {0.0})

    def rows_of(self, key: Key) -> tuple[PriceRow, ...]:
        """Return the rows of a key in order of precedence, the strongest last."""
        return self.rows[self._groups[self.key(key)]]

    def row_on(self, key: Key, day: date) -> int:
        """Return the base row of a key that holds on a day, -1 if there is none."""
        group = self._groups[self.key(key)]
        one = np.ones(1, np.int64)
        length = one * (group.stop - group.start)
        (row,) = self._select(one * group.start, length, one * _days(day, 0), np.ones(1), one * 0)
        return int(row)

    def days_of(self, row: int, days: Days) -> Mask:
        """Tell on which days a row holds, until a stronger one of its tier and hours. shape (D,)"""
        group, day = self._groups[self.rows[row].key], days.astype(np.int64)
        found = np.zeros(day.size, bool)
        for other in range(row, group.stop):
            mine, theirs = self.rows[row], self.rows[other]
            alike = mine.over_input_tokens == theirs.over_input_tokens
            if alike and mine.window == theirs.window:
                holds = (self._from[other] <= day) & (day < self._to[other])
                found = holds if other == row else found & ~holds
        return found

    def price_on(self, key: Key, meter: str, day: date) -> float:
        """Return the base price of one unit on a day, nan if there is none. [US$]"""
        row = self.row_on(key, day)
        return math.nan if row < 0 else self.unit_usd(row, meter)

    def products(self, table: str = "retrieval") -> list[Key]:
        """Return the keys of a table."""
        return self._products.get(table, [])

    @cached_property
    def _products(self) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = {}
        for key in self._groups:
            found.setdefault(key.table, []).append(key)
        return found

    def unit_usd(self, row: int, meter: str) -> float:
        """Return the price of one unit under a row, nan if it has none. [US$]"""
        return float(self.usd[row, METER_INDEX[meter]])

    def unit_prices(self, rows: Ints, meter: str) -> Array:
        """Return the price of one unit under each row, nan where there is none. [US$]"""
        return np.asarray(self.usd[:, METER_INDEX[meter]][rows], float)

    def windows(self, rows: Ints) -> Array:
        """Return the context window of the model of each row, infinite if not known. [token]"""
        return self._context[rows]

    @cached_property
    def _context(self) -> Array:
        found = np.full(len(self.rows), math.inf)
        for key, group in self._groups.items():
            row = self.catalog.row_of(key.provider, key.sku) if key.table == "inference" else None
            if row is not None and not math.isnan(row["context_window"]):
                found[group] = row["context_window"]
        return found

    def cited(self, row: int, meter: str) -> tuple[int, int | None]:
        """Return the row to cite for a price, and the list row behind a contract price."""
        entry = self.rows[row]
        if entry.list_row is None:
            return row, None
        if math.isnan(self.unit_usd(row, meter)):
            # not published: billed as plain input
            meter = "input_mtok"
        return (row, entry.list_row) if meter in entry.contracted else (entry.list_row, None)

    # other tables, other days

    def rentals(self, provider: str, gpu: str, market: str, region: str = "") -> list[PriceRow]:
        """Return the instances of a GPU that a provider rents out, one row of each.

        Raises:
            PriceError: If there is none.
        """
        name = self.catalog.gpu(gpu)
        rows = [row for row in self.rows if row.key.table == "gpu_rental"]
        providers = {row.key.provider for row in rows}
        if provider not in providers:
            message = f"{provider!r} rents out no GPUs{nearest(provider, providers)}"
            raise PriceError(message)
        rows = [row for row in rows if row.key.provider == provider and row.facts["gpu"] == name]
        fitting = [row for row in rows if row.key.mode == market and region in ("", row.key.region)]
        if not fitting:
            sold = {" ".join([row.key.mode, row.key.region]).strip() for row in rows}
            asked = " ".join([market, region]).strip()
            message = f"{provider} does not rent out {name} as {asked!r}{nearest('', sold)}"
            raise PriceError(message)
        return list({row.key: row for row in fitting}.values())

    def _kept(self, keep: Sequence[int]) -> list[PriceRow]:
        """Return some of the rows, contract rows pointing to the new place of their list row."""
        place = {old: new for new, old in enumerate(keep)}
        rows = (self.rows[k] for k in keep)
        return [r if r.list_row is None else replace(r, list_row=place[r.list_row]) for r in rows]

    def at(self, day: date) -> PriceBook:
        """Return a book in which the prices of one day hold throughout."""
        return self if self.priced_on == day else _at(self, day)

    def with_rates(
        self,
        rates: Mapping[str, float],
        file: str,
        on: date,
        lines: Mapping[str, int] | None = None,
    ) -> PriceBook:
        """Return a book with hourly rates of one's own in place of those of `labour.csv`.

        Args:
            rates: Role -> rate. [US$/h]
            file: Where they are stated.
            on: Day they are stated for.
            lines: Role -> line of the file.
        """
        if not rates:
            return self
        own = {role: Key("labour", TEAM, role) for role in rates}
        keep = [k for k, row in enumerate(self.rows) if row.key not in own.values()]
        rows = [
            PriceRow(
                key=key,
                file=file,
                line=(lines or {}).get(role, 0),
                source="stated in the scenario",
                source_kind="contract",
                verified_on=on,
                effective_from=None,
                effective_to=None,
                over_input_tokens=0.0,
                window="",
                note="own rate",
                facts={},
            )
            for role, key in own.items()
        ]
        usd = np.full((len(rows), len(METER_NAMES)), math.nan)
        usd[:, METER_INDEX["person_hour"]] = list(rates.values())
        return replace(self, rows=(*self._kept(keep), *rows), usd=np.vstack([self.usd[keep], usd]))


@lru_cache(maxsize=8)
def _at(book: PriceBook, day: date) -> PriceBook:
    """Keep the last few, as every change of an app asks for the same day again."""
    number = _days(day, 0)
    keep = np.flatnonzero((book._from <= number) & (number < book._to))
    rows = tuple(
        replace(row, effective_from=None, effective_to=None) for row in book._kept(keep.tolist())
    )
    offers = tuple(
        row | {"effective_from": None, "effective_to": None}
        for row in book.catalog.offers
        if (row["effective_from"] or date.min) <= day < (row["effective_to"] or date.max)
    )
    catalog = replace(book.catalog, offers=offers)
    return PriceBook(rows, book.usd[keep], catalog, book.folders, day)


def _numbered(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """Number distinct codes below `size`: the number of each record, a record of each number."""
    import pandas as pd

    if size <= SPARSE * codes.size:
        # a table of all codes beats hashing
        record = np.full(size, -1, np.int64)
        record[codes] = np.arange(codes.size)
        used = np.flatnonzero(record >= 0)
        number = np.empty(size, np.int64)
        number[used] = np.arange(used.size)
        return number[codes], record[used]
    found, used = pd.factorize(codes)
    record = np.empty(used.size, np.int64)
    record[found] = np.arange(codes.size)
    return found.astype(np.int64, copy=False), record


def _named(columns: Mapping[Any, Any], count: int) -> tuple[Ints, Ints, list[tuple[str, ...]]]:
    """Number the combinations of names in the columns.

    Returns:
        Number of each record, a record of each number, and provider, model, mode and region of it.
    """
    import pandas as pd

    codes, size = np.zeros(count, np.int64), 1
    levels: list[npt.NDArray[np.object_]] = []
    for column, default in NAMES.items():
        values = columns.get(column, default)
        if np.ndim(values):
            found = getattr(values, "array", values)
            if isinstance(found, pd.Categorical):
                code, names = found.codes, found.categories
            else:
                code, names = pd.factorize(values)
            level = np.append(np.asarray(names, object), default)
            if count and code.min() < 0:
                # missing values mean the default
                code = np.where(code < 0, level.size - 1, code)
            codes = codes * level.size + code
        else:
            level = np.array([default if values is None else values], object)
        size *= level.size
        levels.append(level)
    number, record = _numbered(codes, size)
    places = np.unravel_index(codes[record], [level.size for level in levels])
    words = [[str(x) for x in level[at]] for level, at in zip(levels, places, strict=True)]
    return number, record, list(zip(*words, strict=True))


def _clock(on: Any, count: int) -> tuple[Ints, Any]:
    """Return the day of each record, since 1970, and its time stamp in UTC."""
    import pandas as pd

    if on is None:
        message = "give the day of the price: a column `on`"
        raise PriceError(message)
    stamps = on
    if not np.ndim(on) or not pd.api.types.is_datetime64_any_dtype(on):
        codes, values = pd.factorize(on if np.ndim(on) else np.array([on], object))
        try:
            read = pd.to_datetime(np.asarray(values, object), utc=True)
        except ValueError as error:
            message = f"on: must be dates like 2026-12-01 ({str(error).splitlines()[0]})"
            raise PriceError(message) from None
        stamps = pd.Series(read).take(codes if np.ndim(on) else np.zeros(count, np.int64))
    stamps = pd.Series(stamps)
    if getattr(stamps.dt, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    times = stamps.to_numpy()
    days = times.astype("datetime64[D]")
    if np.isnat(days).any():
        first = int(np.flatnonzero(np.isnat(days))[0])
        message = f"{in_row(first, count)}on: the date is missing"
        raise PriceError(message)
    return days.astype(np.int64), times


def in_row(first: int, count: int) -> str:
    """Begin a message with the row it is about, if there are several."""
    return f"row {first}: " if count > 1 else ""
