"""From the records of the tables to price rows: layers, exchange rates, contract prices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise, product
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.errors import PriceError, nearest
from costmodel.months import Array
from costmodel.prices.catalog import Catalog, start_of, tuning_sku
from costmodel.prices.meters import (
    INFRASTRUCTURE_ITEMS,
    METERS,
    RETRIEVAL_UNITS,
    STORAGE_UNITS,
    TOKEN_COLUMNS,
    TRAINING_UNITS,
)
from costmodel.prices.tables import TABLES, Record, read_file
from costmodel.prices.windows import Mask, parse_window
from costmodel.prices.writing import reading

METER_NAMES = tuple(METERS)
METER_INDEX = {name: k for k, name in enumerate(METER_NAMES)}
TEAM = "team"  # the provider of person-hours
# folders beside the tables that hold something else
OTHER_FOLDERS = ("imported/", "benchmarks/")
PRICE_TABLES = (
    "inference",
    "finetuning",
    "provisioned",
    "retrieval",
    "gpu_rental",
    "infrastructure",
    "labour",
    "labelling",
)


@dataclass(frozen=True)
class Key:
    """What is bought, before tiers, windows and dates: the name of a group of price rows."""

    table: str
    provider: str
    sku: str
    mode: str = "standard"
    region: str = ""

    def __str__(self) -> str:
        words = [f"{self.provider}/{self.sku}"]
        if self.mode not in ("standard", ""):
            words.append(self.mode)
        return " ".join([*words, *filter(None, [self.region])])


@dataclass(frozen=True, eq=False, slots=True)
class PriceRow:
    """One row of a price table, with where it stands and where its figure comes from.

    A price in another currency makes one for each exchange rate, with the days of that rate.
    """

    key: Key
    file: str
    line: int
    source: str
    source_kind: str
    verified_on: date
    effective_from: date | None
    effective_to: date | None
    over_input_tokens: float
    window: str
    note: str
    facts: Mapping[str, Any] = field(repr=False)
    list_row: int | None = None
    contracted: frozenset[str] = frozenset()

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.file} line {self.line}"


Entry = tuple[tuple[Any, ...], PriceRow, dict[str, float]]


def table_files(folder: Path) -> dict[Path, str]:
    """Return the files of a folder that hold tables, and the name of the table each holds.

    Raises:
        PriceError: If there is no such folder, or a CSV file in it is no known table.
    """
    if not folder.is_dir():
        message = f"no folder of price tables at {folder}; `costmodel pricing init DIR` makes one"
        raise PriceError(message)
    single = {table.path: name for name, table in TABLES.items() if "*" not in table.path}
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() != ".csv" or hidden:
            continue
        if inside in single:
            found[path] = single[inside]
        elif inside.startswith(OTHER_FOLDERS):
            continue
        elif path.parent == folder / "inference" and path.suffix == ".csv":
            found[path] = "inference"
        else:
            message = (
                f"{inside}: no such table{nearest(inside, [*single, 'inference/PROVIDER.csv'])}"
            )
            raise PriceError(message)
    return found


def read_layer(folder: Path, layer: int, also: Sequence[str] = ()) -> dict[str, list[Record]]:
    """Read the tables of one folder; files of upper layers are named with their folder.

    Tables that are read on demand stay empty but for those in `also`: `read_table` reads them.
    """
    with reading(folder):
        return _records(folder, layer, also)


def read_layers(folders: Iterable[Path], also: Sequence[str] = ()) -> dict[str, list[Record]]:
    """Read the tables of folders that are laid over each other, the rows of later ones last."""
    tables: dict[str, list[Record]] = {name: [] for name in TABLES}
    for layer, folder in enumerate(folders):
        for name, rows in read_layer(folder, layer, also).items():
            tables[name] += rows
    return tables


def _records(folder: Path, layer: int, also: Sequence[str]) -> dict[str, list[Record]]:
    records: dict[str, list[Record]] = {name: [] for name in TABLES}
    for path, name in table_files(folder).items():
        if TABLES[name].on_demand and name not in also:
            continue
        label = path.relative_to(folder).as_posix()
        label = f"{folder.as_posix()}/{label}" if layer else label
        rows = read_file(TABLES[name], path, label)
        where, provider = str(folder), path.stem
        for row in rows:
            row["layer"] = layer
            row["folder"] = where
            if name == "inference":
                if row["provider"] not in ("", provider):
                    message = (
                        f"{label} line {row['line']}: provider {row['provider']!r} "
                        f"does not belong in {label}"
                    )
                    raise PriceError(message)
                row["provider"] = provider
        records[name] += rows
        _refuse_clashes(name, rows)
    return records


def read_table(name: str, layers: Sequence[Path]) -> list[Record]:
    """Read one table from every folder that has it; of rows with the same key the last stays.

    Args:
        name: A table of one file.
        layers: Folders of tables, later ones laid over earlier ones; those that are no more
            (the tables of a git revision) are left out.

    Raises:
        PriceError: At the first row that the table does not allow.
    """
    found: dict[tuple[object, ...], Record] = {}
    for layer, folder in enumerate(layers):
        path = folder / TABLES[name].path
        if not path.is_file():
            continue
        label = f"{folder.as_posix()}/{TABLES[name].path}" if layer else TABLES[name].path
        with reading(folder):
            rows = read_file(TABLES[name], path, label)
        _refuse_clashes(name, rows)
        found |= {tuple(row[column] for column in TABLES[name].key): row for row in rows}
    return list(found.values())


def problems(folder: Path) -> list[str]:
    """Return what is wrong with the tables of a folder, the first mistake of each file.

    Raises:
        PriceError: As `table_files`, or if the folder holds no table.
    """
    files = table_files(folder)
    if not files:
        message = f"no price tables in {folder}: a folder like pricing/ is wanted"
        raise PriceError(message)
    found = []
    for path, name in files.items():
        try:
            read_file(TABLES[name], path, path.relative_to(folder).as_posix())
        except PriceError as error:
            found.append(str(error))
    return found


def _refuse_clashes(name: str, rows: Sequence[Record]) -> None:
    """Refuse two rows of one file that would price the same thing on the same day."""
    named = itemgetter(*TABLES[name].key)
    groups: dict[object, list[Record]] = {}
    for row in rows:
        groups.setdefault(named(row), []).append(row)
    for group in groups.values():
        if len(group) == 1:
            continue
        group.sort(key=lambda row: row.get("effective_from") or date.min)
        for older, newer in pairwise(group):
            start = newer.get("effective_from")
            where = f"{newer['file']} line {newer['line']}"
            key = ", ".join(str(newer[c]) for c in TABLES[name].key if newer[c] not in ("", 0.0))
            if older.get("effective_from") == start:
                message = (
                    f"{where}: duplicate key {key!r} of line {older['line']}; "
                    "a price change is a new row with its own effective_from"
                )
                raise PriceError(message)
            if start is not None and (older["effective_to"] or start) > start:
                message = (
                    f"{where}: effective_from {start} overlaps line {older['line']}, which holds "
                    f"until {older['effective_to']}; leave effective_to blank: the next row closes "
                    "it"
                )
                raise PriceError(message)
    if name == "inference":
        _refuse_crossing_windows(rows)


def _refuse_crossing_windows(rows: Sequence[Record]) -> None:
    groups: dict[tuple[object, ...], list[tuple[Record, Mask]]] = {}
    for row in filter(lambda row: row["window"], rows):
        mask = parse_window(row["window"], f"{row['file']} line {row['line']}")
        key = (row["model"], row["mode"], row["region"], row["over_input_tokens"])
        for other, taken in groups.setdefault(key, []):
            if other["window"] == row["window"] or not (taken & mask).any():
                continue
            start = max(r["effective_from"] or date.min for r in (row, other))
            end = min(r["effective_to"] or date.max for r in (row, other))
            if start < end:
                message = (
                    f"{row['file']} line {row['line']}: window {row['window']!r} overlaps "
                    f"{other['window']!r} of line {other['line']}"
                )
                raise PriceError(message)
        groups[key].append((row, mask))


def catalog_of(tables: Mapping[str, Sequence[Record]]) -> Catalog:
    """Return what is known about names, unchecked."""
    skus: dict[str, set[str]] = {}
    for row in tables["inference"]:
        skus.setdefault(row["provider"], set()).add(row["model"])
    return Catalog(
        models=tuple(tables["models"]),
        offers=tuple(tables["finetuning"]),
        tokenizers=tuple(tables["tokenizers"]),
        gpus=tuple(tables["gpus"]),
        skus={provider: frozenset(names) for provider, names in skus.items()},
        aliases=tuple(tables["aliases"]),
        claims=tuple(tables["claims"]),
        images=tuple(tables["images"]),
        rules=tuple(tables["rules"]),
        rates=tuple(tables["fx"]),
    )


def assemble(
    tables: Mapping[str, Sequence[Record]],
) -> tuple[tuple[PriceRow, ...], Array, Catalog]:
    """Make price rows of the records of all layers.

    Returns:
        Rows, those of one key together and in the order in which they take precedence; their unit
        prices by meter, nan where not published; what is known about names.

    Raises:
        PriceError: If a row names something that does not exist.
    """
    catalog = catalog_of(tables)
    _check_names(catalog, tables)
    for provider in catalog.providers:
        catalog.spellings(provider)
    entries: list[Entry] = []
    for name in PRICE_TABLES:
        for row in tables[name]:
            key, prices = _priced(name, row)
            order = (name, *_words(key), *_selectors(row), row["layer"], start_of(row))
            for term in _terms(row, catalog):
                dollars = {
                    m: price * term.usd for m, price in prices.items() if not math.isnan(price)
                }
                entries.append((order, _price_row(key, row, term), dollars))
    entries = _overridden(entries, tables["overrides"], catalog)
    entries.sort(key=lambda entry: entry[0])
    usd = np.full((len(entries), len(METER_NAMES)), math.nan)
    for k, (_, _, prices) in enumerate(entries):
        for meter, price in prices.items():
            usd[k, METER_INDEX[meter]] = price
    return _linked([row for _, row, _ in entries]), usd, catalog


@dataclass(frozen=True)
class _Term:
    """Days in which a row holds at one exchange rate: US dollars per unit, and words for it."""

    start: date | None
    end: date | None
    usd: float = 1.0
    said: str = ""


def _terms(row: Record, catalog: Catalog) -> list[_Term]:
    """Split the days in which a row holds by the exchange rates of its currency."""
    start, end, currency = row["effective_from"], row["effective_to"], row["currency"]
    if currency in ("", "USD"):
        return [_Term(start, end)]
    rates = catalog.rates_of(currency)
    if not rates:
        known = {"USD", *(rate["currency"] for rate in catalog.rates)}
        message = (
            f"{row['file']} line {row['line']}: currency {currency!r} has no row in fx.csv"
            f"{nearest(currency, known)}"
        )
        raise PriceError(message)
    found = []
    for k, rate in enumerate(rates):
        begin = _later(start, rate["effective_from"] if k else None)
        close = _sooner(end, rates[k + 1]["effective_from"] if k + 1 < len(rates) else None)
        if begin is None or close is None or begin < close:
            usd = float(rate["usd_per_unit"])
            said = f"{currency} at {usd:g} US$, {rate['file']} line {rate['line']}"
            found.append(_Term(begin, close, usd, said))
    return found


def _later(*starts: date | None) -> date | None:
    return max(filter(None, starts), default=None)


def _sooner(*ends: date | None) -> date | None:
    return min(filter(None, ends), default=None)


def _priced(name: str, row: Record) -> tuple[Key, dict[str, float]]:
    """Return what a row sells and its prices by meter, in the row's own currency."""
    prices: dict[str, float]
    if name == "inference":
        key = Key(name, row["provider"], row["model"], row["mode"], row["region"])
        prices = {meter: row[column] for column, meter in TOKEN_COLUMNS.items()}
    elif name == "finetuning":
        key = Key(name, row["provider"], tuning_sku(row), row["mode"], row["region"])
        prices = {
            TRAINING_UNITS[row["unit"]]: row["price"],
            "hosting_hour": row["hosting_per_hour"],
        }
        if row["storage_unit"]:
            prices[STORAGE_UNITS[row["storage_unit"]]] = row["storage_per_month"]
    elif name == "provisioned":
        term = f"{row['commitment_months']:g} months"
        key = Key(name, row["provider"], row["model"], term, row["region"])
        prices = {"unit_hour": row["price_per_unit_hour"]}
    elif name == "retrieval":
        key = Key(name, row["provider"], row["product"], f"{row['component']} {row['unit']}")
        prices = {RETRIEVAL_UNITS[row["unit"]]: row["price"]}
    elif name == "labelling":
        key = Key(name, row["provider"], row["item"])
        prices = {"item": row["price"]}
    elif name == "gpu_rental":
        key = Key(name, row["provider"], row["instance"], row["market"], row["region"])
        prices = {"instance_hour": row["price_per_hour"]}
    elif name == "infrastructure":
        sku = " ".join(filter(None, [row["item"], row["gpu"]]))
        key = Key(name, row["provider"], sku, "standard", row["region"])
        prices = {INFRASTRUCTURE_ITEMS[row["item"]]: row["price"]}
    else:
        key = Key(name, TEAM, row["role"])
        prices = {"person_hour": row["per_hour"]}
    return key, prices


def _price_row(key: Key, row: Record, term: _Term) -> PriceRow:
    note, facts = row["note"], row
    if term.said:
        note = "; ".join(filter(None, [note, term.said]))
        if "minimum" in row:
            facts = row | {"minimum": row["minimum"] * term.usd}
    return PriceRow(
        key=key,
        file=row["file"],
        line=row["line"],
        source=row["source"],
        source_kind=row["source_kind"],
        verified_on=row["verified_on"],
        effective_from=term.start,
        effective_to=term.end,
        over_input_tokens=row.get("over_input_tokens", 0.0),
        window=row.get("window", ""),
        note=note,
        facts=facts,
    )


def _words(key: Key) -> tuple[str, ...]:
    return (key.provider, key.sku, key.mode, key.region)


def _selectors(row: Record) -> tuple[float, bool, str]:
    window = row.get("window", "")
    return (row.get("over_input_tokens", 0.0), bool(window), window)


def _check_names(catalog: Catalog, tables: Mapping[str, Sequence[Record]]) -> None:
    """Refuse rows that name a provider, a GPU, an encoding or a meter that does not exist."""
    encodings = {row["encoding"] for row in tables["tokenizers"]}
    gpus = {row["gpu"] for row in tables["gpus"]}
    for name in ("models", "provisioned"):
        for row in tables[name]:
            if row["provider"] not in catalog.providers:
                message = (
                    f"{row['file']} line {row['line']}: unknown provider {row['provider']!r}; it "
                    f"needs inference/{row['provider']}.csv or a row in finetuning.csv"
                    f"{nearest(row['provider'], catalog.providers)}"
                )
                raise PriceError(message)
    for row in tables["models"]:
        where = f"{row['file']} line {row['line']}"
        if row["encoding"] and row["encoding"] not in encodings:
            hint = nearest(row["encoding"], encodings)
            message = f"{where}: unknown encoding {row['encoding']!r}{hint}"
            raise PriceError(message)
        if bool(row["retires"]) != bool(row["retires_kind"]):
            message = f"{where}: retires and retires_kind go together; fill in both or neither"
            raise PriceError(message)
        if row["released"] and row["retires"] and row["released"] >= row["retires"]:
            message = f"{where}: retires {row['retires']} is not after released {row['released']}"
            raise PriceError(message)
    for row in (*tables["gpu_rental"], *tables["infrastructure"]):
        if row["gpu"] and row["gpu"] not in gpus:
            message = (
                f"{row['file']} line {row['line']}: unknown GPU {row['gpu']!r}"
                f"{nearest(row['gpu'], gpus)}"
            )
            raise PriceError(message)
    for row in tables["finetuning"]:
        sold = catalog.skus.get(row["provider"], frozenset())
        if row["serves_as"] and row["serves_as"] not in sold:
            message = (
                f"{row['file']} line {row['line']}: serves_as {row['serves_as']!r} has no price in "
                f"inference/{row['provider']}.csv{nearest(row['serves_as'], sold)}"
            )
            raise PriceError(message)


def _model(row: PriceRow) -> str:
    return str(row.facts.get("model", ""))


def _overridden(entries: list[Entry], overrides: Sequence[Record], catalog: Catalog) -> list[Entry]:
    """Lay contract prices over list prices: each is a row on top that keeps its list row."""
    result = list(entries)
    for rank, row in enumerate(overrides):
        where = f"{row['file']} line {row['line']}"
        if row["meter"] and row["meter"] not in METERS:
            message = f"{where}: unknown meter {row['meter']!r}{nearest(row['meter'], METERS)}"
            raise PriceError(message)
        if not math.isnan(row["price"]) and not row["meter"]:
            message = f"{where}: a price needs the meter it is for; a multiplier may leave it blank"
            raise PriceError(message)
        if not math.isnan(row["price"]) and not math.isnan(row["multiplier"]):
            message = f"{where}: give a price or a multiplier, not both"
            raise PriceError(message)
        sku = row["model"]
        if sku and row["provider"] in catalog.providers:
            # else it names a size band, a product or an instance
            sku = catalog.spellings(row["provider"]).get(sku, sku)
        hits = [
            entry
            for entry in entries
            if entry[1].key.provider == row["provider"]
            and sku in ("", entry[1].key.sku, entry[1].key.sku.split(":")[0], _model(entry[1]))
            and row["mode"] in ("", entry[1].key.mode)
            and row["region"] in ("", entry[1].key.region)
            and row["meter"] in ("", *entry[2])
        ]
        if not hits:
            wanted = "/".join(
                filter(None, (row["provider"], row["model"], row["mode"], row["meter"]))
            )
            known = {entry[1].key.provider for entry in entries}
            skus = {e[1].key.sku for e in entries if e[1].key.provider == row["provider"]}
            hint = nearest(row["model"], skus) if skus else nearest(row["provider"], known)
            message = f"{where}: overrides nothing: no price row for {wanted!r}{hint}"
            raise PriceError(message)
        terms = _terms(row, catalog)
        for (order, listed, prices), term in product(hits, terms):
            meters = [row["meter"]] if row["meter"] else list(prices)
            own = dict(prices)
            for meter in meters:
                price = row["price"] * term.usd
                own[meter] = prices[meter] * row["multiplier"] if math.isnan(price) else price
            start = _later(listed.effective_from, term.start)
            end = _sooner(listed.effective_to, term.end)
            if start and end and start >= end:
                continue
            contract = replace(
                listed,
                file=row["file"],
                line=row["line"],
                source=row["source"],
                source_kind="contract",
                verified_on=row["verified_on"],
                effective_from=start,
                effective_to=end,
                note="; ".join(filter(None, [row["note"], term.said])),
                contracted=frozenset(meters),
                facts={**listed.facts, "_listed": id(listed)},
            )
            # on top of every layer, and of earlier overrides
            top = (*order[:-2], 1_000_000 + rank, order[-2], order[-1])
            result.append((top, contract, own))
    return result


def _linked(rows: list[PriceRow]) -> tuple[PriceRow, ...]:
    """Point each contract row to its list row."""
    place = {id(row): k for k, row in enumerate(rows)}
    return tuple(
        replace(row, list_row=place[row.facts["_listed"]]) if row.contracted else row
        for row in rows
    )
