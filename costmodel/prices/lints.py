"""What a price table may say and probably does not mean: slips that the reader lets pass.

Each finding names the row and the rule. A row whose note contains the name of the rule has given
its reason ("unconfirmed: output below input", "batch ratio 0.83 by the provider's page"), and is
not reported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from costmodel.errors import nearest
from costmodel.prices.catalog import Catalog, start_of
from costmodel.prices.meters import METERS, RETRIEVAL_UNITS, TOKEN_COLUMNS, TRAINING_UNITS
from costmodel.prices.rows import assemble, catalog_of, read_layers
from costmodel.prices.selecting import words_of
from costmodel.prices.tables import TABLES, Record
from costmodel.prices.writing import FORMULA

Group = tuple[Any, ...]

FRESH_DAYS, FRESH_RENT_DAYS = 90, 30
BATCH_RATIO = (0.4, 1.0)
# a price this many times that of its like is a slip of the unit; the shipped prices of one model
# differ by 10 between modes at most, rents of one GPU and market by 4, prices per unit by 50
SLIP_MODEL, SLIP_RENT, SLIP_UNIT = 20.0, 5.0, 100.0
# ranges outside of which no price of its kind was ever seen, in dollars
PLAUSIBLE: dict[str, tuple[float, float]] = {
    "input_mtok": (0.001, 200.0),
    "cached_input_mtok": (0.0001, 100.0),
    "cache_write_mtok": (0.001, 300.0),
    "cache_write_1h_mtok": (0.001, 500.0),
    "output_mtok": (0.001, 1_000.0),
    "train_mtok": (0.02, 200.0),
    "train_hour": (5.0, 500.0),
    "train_gpu_hour": (0.02, 60.0),
    "hosting_hour": (0.01, 100.0),
    "unit_hour": (0.05, 1_000.0),
    "gpu_hour": (0.02, 60.0),
    "person_hour": (3.0, 1_000.0),
}
# rows whose prices are alike: table, what they share, how far they may differ, their name
LIKES: tuple[tuple[str, Callable[[Record], Group], float, str], ...] = (
    (
        "inference",
        lambda row: (row["provider"], row["model"]),
        SLIP_MODEL,
        "other rows of the model",
    ),
    (
        "inference",
        lambda row: (row["model"].rpartition("/")[2].lower(),),
        SLIP_MODEL,
        "the model at all providers",
    ),
    ("gpu_rental", lambda row: (row["gpu"], row["market"]), SLIP_RENT, "the GPU in that market"),
    (
        "retrieval",
        lambda row: (row["component"], row["unit"]),
        SLIP_UNIT,
        "other rows of that unit",
    ),
)
CONTEXT_TOKENS = (64.0, 50e6)
LISTED = 5  # findings of a rule and a file that are listed one by one
SEEN_EARLY_DAYS = 30  # lists name a model before its release, by days
ENDED = ("retired", "announced")
TRIED = re.compile(r"no later reading by (\d{4}-\d{2}-\d{2})")

UNIT_SLIP = "unit slip"
BATCH = "batch ratio"
CACHED = "cached above input"
OUTPUT = "output below input"
TIER = "tier not ascending"
DATES = "dates out of order"
RETIRED = "retired model"
ALIAS = "alias to nothing"
STALE = "not verified"
NOT_SERVED = "no inference price"
NOT_HTTPS = "source is not https"
RUNS = "formula"
SPOT = "spot above on demand"


@dataclass(frozen=True)
class Finding:
    """Something in a row that is probably not meant.

    Attributes:
        rule: Which lint; the note of a row that contains these words has given its reason.
        file: Table, as messages call it.
        line: Line in it.
        text: What is odd about it and what to do.
    """

    rule: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: {self.rule}: {self.text}"

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        return asdict(self)


@dataclass(frozen=True)
class Known:
    """The rows of all layers, and what they are judged by."""

    tables: Mapping[str, Sequence[Record]]
    catalog: Catalog
    on: date

    def grouped(self, table: str, *columns: str) -> dict[Group, list[Record]]:
        """Return the rows of a table by some of their columns."""
        groups: dict[Group, list[Record]] = {}
        for row in self.tables[table]:
            groups.setdefault(tuple(row[column] for column in columns), []).append(row)
        return groups

    def model(self, row: Record) -> Record | None:
        """Return the row of `models.csv` for the model that a row prices."""
        return self.catalog.row_of(row["provider"], row.get("model", ""))


def lint(folders: Sequence[Path], on: date, *, below: Sequence[Path] = ()) -> list[Finding]:
    """Return what is odd in the tables of some folders, in the order of files and lines.

    Args:
        folders: Folders whose rows are judged.
        on: Today.
        below: Folders under them, whose rows are known and not judged.

    Raises:
        PriceError: If the tables cannot be read, or do not make a price book together.
    """
    known = _known([*below, *folders], on)
    assemble(known.tables)
    judged = {str(folder) for folder in folders}
    found = {
        (row["file"], row["line"], rule): Finding(rule, row["file"], row["line"], text)
        for rule, check in LINTS
        for row, text in check(known)
        if row["folder"] in judged and rule not in row.get("note", "").lower()
    }
    return sorted(found.values(), key=lambda finding: (finding.file, finding.line))


def _known(layers: Sequence[Path], on: date) -> Known:
    tables = read_layers(layers, also=("lifetimes",))
    return Known(tables, catalog_of(tables), on)


def summed_up(findings: Iterable[Finding]) -> list[str]:
    """Return a line for each finding; many of one rule in a file share one."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.file, finding.rule), []).append(finding)
    lines: list[str] = []
    for rows in groups.values():
        shown = rows if len(rows) <= LISTED else rows[:1]
        lines += [str(row) for row in shown[:-1]]
        more = f"; {len(rows) - 1} more such rows in the file" if len(shown) < len(rows) else ""
        lines.append(f"{shown[-1]}{more}")
    return lines


def holding(rows: Sequence[Record], on: date | None) -> Record:
    """Return the row of the strongest layer that holds on a day, else the first one to come.

    Args:
        rows: Rows of one key, at least one.
        on: The day, None = before all others.
    """
    day = on or date.min
    begun = [row for row in rows if start_of(row) <= day]
    if begun:
        return max(begun, key=lambda row: (row["layer"], start_of(row)))
    return min(rows, key=start_of)


def _prices(known: Known, table: str, row: Record) -> dict[str, float]:
    """Return what a row charges by meter, GPUs per GPU-hour. [US$]"""
    prices: dict[str, float] = {}
    if table == "inference":
        prices = {meter: row[column] for column, meter in TOKEN_COLUMNS.items()}
    elif table == "finetuning":
        prices = {
            TRAINING_UNITS[row["unit"]]: row["price"],
            "hosting_hour": row["hosting_per_hour"],
        }
    elif table == "provisioned":
        prices = {"unit_hour": row["price_per_unit_hour"]}
    elif table == "gpu_rental":
        prices = {"gpu_hour": row["price_per_hour"] / (row["gpu_count"] or math.nan)}
    elif table == "retrieval":
        prices = {RETRIEVAL_UNITS[row["unit"]]: row["price"]}
    elif table == "labour":
        prices = {"person_hour": row["per_hour"]}
    usd = known.catalog.usd_per(row["currency"], known.on)
    return {meter: price * usd for meter, price in prices.items() if price > 0}


def unit_slips(known: Known) -> Iterator[tuple[Record, str]]:
    """Prices outside all experience, and prices that are many times those of their like."""
    for table in ("inference", "finetuning", "provisioned", "gpu_rental", "retrieval", "labour"):
        for row in known.tables[table]:
            for meter, price in _prices(known, table, row).items():
                low, high = PLAUSIBLE.get(meter, (0.0, math.inf))
                if not low <= price <= high:
                    text = (
                        f"${price:g} per {METERS.get(meter, 'GPU-h')} ({meter}) is outside of "
                        f"${low:g} to ${high:g}; is the unit right?"
                    )
                    yield row, text
    for table, like, factor, others in LIKES:
        groups: dict[Group, list[Record]] = {}
        for row in known.tables[table]:
            groups.setdefault(like(row), []).append(row)
        for group in groups.values():
            yield from _unlike(known, table, group, factor, others)
    low, high = CONTEXT_TOKENS
    for row in known.tables["models"]:
        for column in ("context_window", "max_output_tokens"):
            if row[column] and not math.isnan(row[column]) and not low <= row[column] <= high:
                yield row, f"{column} {row[column]:g}: tokens are wanted, not thousands"


def _unlike(
    known: Known, table: str, group: Sequence[Record], factor: float, others: str
) -> Iterator[tuple[Record, str]]:
    """Find prices that are many times the median of a group, or a small part of it."""
    charges = [(row, _prices(known, table, row)) for row in group]
    for meter in {meter for _, prices in charges for meter in prices}:
        typical = median([prices[meter] for _, prices in charges if meter in prices])
        for row, prices in charges:
            ratio = prices.get(meter, typical) / typical
            if not 1 / factor <= ratio <= factor:
                text = (
                    f"${prices[meter]:g} per {METERS.get(meter, 'GPU-h')} ({meter}) is {ratio:.3g} "
                    f"times the median of {others}, ${typical:g}; is the unit right?"
                )
                yield row, text


def batch_ratios(known: Known) -> Iterator[tuple[Record, str]]:
    """Batch prices that are no usual share of the standard price."""
    low, high = BATCH_RATIO
    columns = ("provider", "model", "region", "over_input_tokens", "window")
    for group in known.grouped("inference", *columns).values():
        standard = [row for row in group if row["mode"] == "standard"]
        for row in (row for row in group if row["mode"] == "batch"):
            if not standard:
                continue
            other = holding(standard, row["effective_from"])
            for column in ("input_per_mtok", "output_per_mtok"):
                ratio = row[column] / other[column] if other[column] else math.nan
                if ratio < low or ratio > high:
                    text = (
                        f"{column} {row[column]:g} is {ratio:.3g} of the standard price "
                        f"{other[column]:g} (line {other['line']}), usual is {low:g} to {high:g}"
                    )
                    yield row, text


def cached_above_input(known: Known) -> Iterator[tuple[Record, str]]:
    """Cached input that costs more than plain input."""
    for row in known.tables["inference"]:
        cached, plain = row["cached_input_per_mtok"], row["input_per_mtok"]
        if cached > plain:
            yield row, f"cached_input_per_mtok {cached:g}, input_per_mtok {plain:g}"


def output_below_input(known: Known) -> Iterator[tuple[Record, str]]:
    """Output that costs less than input: swapped columns."""
    for row in known.tables["inference"]:
        output, plain = row["output_per_mtok"], row["input_per_mtok"]
        if output < plain:
            yield row, f"output_per_mtok {output:g}, input_per_mtok {plain:g}; are they swapped?"


def tiers_not_ascending(known: Known) -> Iterator[tuple[Record, str]]:
    """Long requests that cost less than short ones."""
    columns = ("provider", "model", "mode", "region", "window")
    for group in known.grouped("inference", *columns).values():
        sizes = sorted({row["over_input_tokens"] for row in group})
        for row in group:
            below = [size for size in sizes if size < row["over_input_tokens"]]
            if not below:
                continue
            under = [other for other in group if other["over_input_tokens"] == below[-1]]
            other = holding(under, row["effective_from"])
            for column in ("input_per_mtok", "output_per_mtok"):
                if row[column] < other[column]:
                    text = (
                        f"{column} {row[column]:g} over {row['over_input_tokens']:.0f} tokens is "
                        f"less than {other[column]:g} below (line {other['line']})"
                    )
                    yield row, text


def dates_out_of_order(known: Known) -> Iterator[tuple[Record, str]]:
    """Days that cannot be in that order."""
    for table, rows in known.tables.items():
        seen = TABLES[table].sourced
        for row in rows:
            if seen and row["verified_on"] > known.on:
                yield row, f"verified_on {row['verified_on']} is after today, {known.on}"
    for row in known.tables["finetuning"]:
        training, inference = row["training_until"], row["inference_until"]
        if training and inference and inference < training:
            yield row, f"inference_until {inference} is before training_until {training}"
    for row in known.tables["inference"]:
        facts, start = known.model(row), row["effective_from"]
        if facts and facts["released"] and start and start < facts["released"]:
            text = (
                f"effective_from {start} is before {row['model']} was released, "
                f"{facts['released']} (models.csv line {facts['line']})"
            )
            yield row, text
    for row in known.tables["models"]:
        if row["retires_kind"] == "retired" and row["retires"] > known.on:
            yield row, f"retires {row['retires']} is to come, so retires_kind is announced"
    for row in known.tables["lifetimes"]:
        if row["first_seen"] + timedelta(SEEN_EARLY_DAYS) < row["released"]:
            yield row, f"first_seen {row['first_seen']} is before released {row['released']}"


def retired_models(known: Known) -> Iterator[tuple[Record, str]]:
    """Prices of models that are no more.

    Prices that held while the model answered stay for last year's scenario, and databases list
    them for long. What begins after the end, or was read on the provider's page after it, does not
    fit it.
    """
    for table in ("inference", "provisioned"):
        for row in known.tables[table]:
            facts = known.model(row)
            if not facts or not facts["retires"] or facts["retires_kind"] not in ENDED:
                continue
            end, start = facts["retires"], row["effective_from"]
            late = start is not None and start >= end
            seen = row["verified_on"] >= end and row["source_kind"] != "secondary"
            if late or (seen and row["effective_to"] is None):
                said = f"its price begins on {start}" if late else "its price has no effective_to"
                text = (
                    f"{row['model']} retired on {end} (models.csv line {facts['line']}), and {said}"
                )
                yield row, text


def aliases_to_nothing(known: Known) -> Iterator[tuple[Record, str]]:
    """Names for models that nothing prices, successors that no table knows."""
    priced = {
        (row["provider"], row["model"])
        for table in ("inference", "finetuning", "provisioned")
        for row in known.tables[table]
    }
    dedicated = {row["provider"] for row in known.tables["gpu_rental"]} | {
        row["provider"] for row in known.tables["finetuning"] if not row["model"]
    }
    for row in known.tables["models"]:
        key = (row["provider"], row["model"])
        if row["aliases"] and key not in priced and row["provider"] not in dedicated:
            yield row, f"{row['model']} has aliases and no price in any table"
        if row["replaced_by"]:
            names = known.catalog.spellings(row["provider"])
            if row["replaced_by"] not in names:
                hint = nearest(row["replaced_by"], names)
                text = f"replaced_by {row['replaced_by']!r} is no model of {row['provider']}{hint}"
                yield row, text


def not_verified(known: Known) -> Iterator[tuple[Record, str]]:
    """Rows in force that nobody has seen or looked for at their source lately."""
    for row, limit in _unseen(known):
        tried = _tried(row)
        if tried is None or known.on - tried > limit:
            seen = row["verified_on"]
            text = (
                f"last seen on {seen}, {(known.on - seen).days} days ago (limit {limit.days}); "
                "look at its source and set verified_on"
            )
            yield row, text


def _tried(row: Record) -> date | None:
    found = TRIED.search(row["note"])
    return None if found is None else date.fromisoformat(found[1])


def _unseen(known: Known) -> Iterator[tuple[Record, timedelta]]:
    """Yield the rows in force that were seen too long ago, and the limit; rents move faster."""
    for name, rows in known.tables.items():
        if not TABLES[name].sourced or name in AGELESS:
            continue
        limit = timedelta(FRESH_RENT_DAYS if name == "gpu_rental" else FRESH_DAYS)
        for row in in_force(name, rows, known.on):
            if known.on - row["verified_on"] > limit and not _over(known, row):
                yield row, limit


def stale(folders: Sequence[Path], on: date) -> list[dict[str, Any]]:
    """Return the rows in force that were seen too long ago, the oldest first.

    Args:
        folders: Folders of tables.
        on: Today.

    Returns:
        file, line, what (the key of the row), verified_on, tried_on (day of the last attempt that
        found no later reading, by the note), days, source.

    Raises:
        PriceError: If the tables cannot be read.
    """
    known = _known(folders, on)
    tables = {id(row): name for name, rows in known.tables.items() for row in rows}
    found = sorted(_unseen(known), key=lambda pair: pair[0]["verified_on"])
    return [
        {
            "file": row["file"],
            "line": row["line"],
            "what": words_of(tables[id(row)], row),
            "verified_on": row["verified_on"].isoformat(),
            "tried_on": "" if _tried(row) is None else str(_tried(row)),
            "days": (on - row["verified_on"]).days,
            "source": row["source"],
        }
        for row, _ in found
    ]


def in_force(name: str, rows: Sequence[Record], on: date) -> list[Record]:
    """Return the rows of a table that hold on a day or later: those that no other has replaced."""
    if not TABLES[name].dated:
        return list(rows)
    groups: dict[Group, list[Record]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in TABLES[name].key), []).append(row)
    return [
        row
        for group in groups.values()
        for row in group
        if (row["effective_to"] or date.max) > on
        and (row is holding(group, on) or start_of(row) > on)
    ]


def _over(known: Known, row: Record) -> bool:
    """Whether what a row speaks of has ended."""
    facts = known.model(row) if "model" in row else None
    ends = [facts["retires"]] if facts and facts["retires_kind"] in ENDED else []
    ends += [row.get("inference_until") or row.get("training_until")]
    return any(end is not None and end <= known.on for end in ends)


# what was measured or said once, and does not move with the market
AGELESS = ("tokenizers", "images", "gpus", "claims", "rules", "lifetimes", "gpu_rents")


def not_served(known: Known) -> Iterator[tuple[Record, str]]:
    """Training on offer without any way to use what it makes."""
    on_gpus = {
        row["provider"] for row in known.tables["gpu_rental"] if row["market"] == "dedicated"
    }
    on_units = {row["provider"] for row in known.tables["provisioned"]}
    for row in known.tables["finetuning"]:
        ended = row["inference_until"] is not None and row["inference_until"] <= known.on
        if row["serves_as"] or ended or row["provider"] in on_gpus | on_units:
            continue
        text = (
            f"{row['provider']} has neither a token price (serves_as), a dedicated GPU "
            "(gpu_rental.csv) nor a unit (provisioned.csv) for what is trained"
        )
        yield row, text


def sources_not_https(known: Known) -> Iterator[tuple[Record, str]]:
    """Sources that nobody can open."""
    for table, rows in known.tables.items():
        for row in rows if TABLES[table].sourced else ():
            if not row["source"].startswith("https://"):
                yield row, f"source {row['source']!r}: give the https address of the page"


def formulas(known: Known) -> Iterator[tuple[Record, str]]:
    """Cells that a spreadsheet would run."""
    for table, rows in known.tables.items():
        for row in rows:
            for column in TABLES[table].columns:
                cell = row[column]
                if isinstance(cell, str) and cell.startswith(FORMULA):
                    yield row, f"{column} {cell!r} would run in a spreadsheet"


def spot_above_on_demand(known: Known) -> Iterator[tuple[Record, str]]:
    """Spot machines that cost more than the same machine for certain."""
    for group in known.grouped("gpu_rental", "provider", "instance", "gpu", "region").values():
        firm = [row for row in group if row["market"] == "on_demand"]
        for row in (row for row in group if row["market"] == "spot"):
            if not firm:
                continue
            other = holding(firm, row["effective_from"])
            if row["price_per_hour"] > other["price_per_hour"]:
                text = (
                    f"{row['price_per_hour']:g} an hour, on demand {other['price_per_hour']:g} "
                    f"(line {other['line']})"
                )
                yield row, text


Check = Callable[[Known], Iterable[tuple[Record, str]]]
LINTS: tuple[tuple[str, Check], ...] = (
    (RUNS, formulas),
    (UNIT_SLIP, unit_slips),
    (BATCH, batch_ratios),
    (CACHED, cached_above_input),
    (OUTPUT, output_below_input),
    (TIER, tiers_not_ascending),
    (DATES, dates_out_of_order),
    (RETIRED, retired_models),
    (ALIAS, aliases_to_nothing),
    (NOT_SERVED, not_served),
    (SPOT, spot_above_on_demand),
    (NOT_HTTPS, sources_not_https),
    (STALE, not_verified),
)
