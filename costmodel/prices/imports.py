"""Importing: what a source proposes, kept in `imported/`, and the rows that were accepted of it."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from costmodel.errors import DataError, PriceError, nearest
from costmodel.prices.book import PriceBook, shipped_dir
from costmodel.prices.catalog import Catalog
from costmodel.prices.changes import with_columns_of_shipped
from costmodel.prices.matching import (
    LOOSE,
    Known,
    causes,
    compared,
    curated,
    gone,
    gpu_of,
    squeezed,
)
from costmodel.prices.sources import SOURCES, Reading
from costmodel.prices.sources.frame import COLUMNS, KEYS, NUMBERS
from costmodel.prices.specs import Specs
from costmodel.prices.writing import FORMULA, Editor, RawTable, editing, read_raw

FOLDER = "imported"
NOTICE = f"{FOLDER}/NOTICE"
MARKS = ("origin", "imported_on", "as_of")  # columns of an imported file beside the common ones
# sources that are the provider's own list
OWN_LISTS = ("azure-retail", "aws-price-list")
FILTERS = ("table", "status", "provider", "model", "mode", "region", "column", "doubt")
PROPOSED = ("new", "changed", "filled")


def written(reading: Reading, on: date, as_of: str = "") -> tuple[str, int]:
    """Return a source as the text of its file in `imported/`, and the rows that were left out.

    Rows whose cells a spreadsheet would run as formulas are left out.
    """
    frame = reading.frame
    texts = [column for column in COLUMNS if column not in NUMBERS]
    first = frame[texts].apply(lambda cells: cells.str[:1].isin(FORMULA)).any(axis=1)
    kept = frame[~first]
    cells: dict[str, Any] = {}
    for column in COLUMNS:
        if column in NUMBERS:
            values = kept[column].to_numpy(float)
            stated = np.unique(values[np.isfinite(values)])
            known = {value: np.format_float_positional(value, trim="-") for value in stated}
            cells[column] = [known.get(value, "") for value in values]
        else:
            cells[column] = kept[column].str.replace(r"[\r\n]+", " ", regex=True).to_numpy()
    table = pd.DataFrame(cells).assign(
        origin=reading.origin, imported_on=on.isoformat(), as_of=as_of
    )
    return table.to_csv(index=False, lineterminator="\n"), int(first.sum())


def read_imported(folder: Path, name: str) -> pd.DataFrame:
    """Return what was imported of a source, in the common layout with `origin` and `imported_on`.

    Raises:
        DataError: If the file is broken.
    """
    path = folder / FOLDER / f"{name}.csv"
    remedy = f"import it again: costmodel pricing import {name}"
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        message = f"{path}: cannot be read ({str(error).splitlines()[0]}); {remedy}"
        raise DataError(message) from None
    if tuple(frame.columns) != (*COLUMNS, *MARKS) or frame.empty:
        message = f"{path}: is not laid out as an imported table; {remedy}"
        raise DataError(message)
    for column in NUMBERS:
        numbers = pd.to_numeric(frame[column].replace("", "nan"), errors="coerce")
        if (numbers.isna() & ~frame[column].isin(("", "nan"))).any():
            line = int(np.flatnonzero(numbers.isna() & (frame[column] != ""))[0]) + 2
            cell = frame[column].iloc[line - 2]
            message = f"{path} line {line}: {column} must be a number, got {cell!r}; {remedy}"
            raise DataError(message)
        frame[column] = numbers.astype(float)
    return frame


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a source would change in our tables.

    Attributes:
        name, origin, on: Source, its version, day.
        frame: One row per value (`matching.compared`), with `origin` and `cause`.
        gone: Our rows that were read there and are there no more.
        models: What the source knows about models, for those new to us.
        catalog: Names.
    """

    name: str
    origin: str
    on: date
    frame: pd.DataFrame = field(repr=False)
    gone: pd.DataFrame = field(repr=False)
    models: pd.DataFrame = field(repr=False)
    catalog: Catalog = field(repr=False)

    @property
    def proposed(self) -> pd.DataFrame:
        """The values that differ, of providers that our tables have."""
        known = self.catalog.providers
        mine = self.frame[self.frame["status"].isin(PROPOSED)]
        rental = (mine["table"] == "gpu_rental") & mine["known"]
        return mine[(mine["provider"].isin(known) & (mine["table"] != "gpu_rental")) | rental]

    @property
    def elsewhere(self) -> pd.DataFrame:
        """The values of providers that our tables do not have."""
        mine = self.frame[self.frame["status"].isin(PROPOSED)]
        return mine[~mine.index.isin(self.proposed.index)]


def known_causes(book: PriceBook) -> dict[tuple[str, str, str], Known]:
    """Return (source, provider, model) -> why it differs, of `disagreements.csv`.

    Raises:
        PriceError: If a row names figures that are none.
    """
    known = {}
    for row in Specs.of(book).rows("disagreements"):
        try:
            theirs = tuple(map(float, filter(None, row["theirs"].split("|"))))
        except ValueError:
            message = (
                f"{row['file']} line {row['line']}: theirs must be numbers with | between, "
                f"got {row['theirs']!r}"
            )
            raise PriceError(message) from None
        text = f"{row['cause']}: {row['explanation']}"
        known[row["voice"], row["provider"], row["model"]] = Known(text, row["right"], theirs)
    return known


def proposal(
    name: str,
    origin: str,
    frame: pd.DataFrame,
    folders: Sequence[Path],
    book: PriceBook,
    on: date,
    as_of: str = "",
) -> Proposal:
    """Compare a source with the tables in force.

    Args:
        name: Source.
        origin: Name and version.
        frame: Its rows in the common layout.
        folders: Folders of the tables, later ones laid over earlier ones.
        book: The same tables, read.
        on: Day.
        as_of: Day on which the source was gathered, blank if not known.
    """
    catalog = book.catalog
    ours = curated(folders, catalog, on)
    found = compared(frame, ours, catalog, on, loose=name in LOOSE).assign(origin=name)
    known = known_causes(book)
    found["cause"] = causes(found, ours, catalog, known, on)
    # what research found to be their mistake is no proposal of ours
    wrong = {each.text for each in known.values() if each.right != name}
    is_wrong = found["cause"].isin(wrong) & (found["doubt"] == "")
    found["doubt"] = found["doubt"].mask(is_wrong, "known: " + found["cause"])
    other = (found["table"] == "models") & (found["status"] != "new")
    other &= found["spelt"].map(squeezed) != found["model"].map(squeezed)
    said = "the end of another name of it, " + found["spelt"]
    found["doubt"] = found["doubt"].mask(other & (found["doubt"] == ""), said)
    seen = found["our_verified_on"].astype(str)
    later = found["status"].isin(("changed", "filled")) & (seen > as_of) & (found["doubt"] == "")
    if as_of:
        text = f"the source is of {as_of}, our row was seen on " + seen
        found["doubt"] = found["doubt"].mask(later, text)
        unsaid = later & (found["cause"] == "") & (found["status"] == "changed")
        found["cause"] = found["cause"].mask(unsaid, "date: " + text)
    models = frame[frame["table"] == "models"]
    return Proposal(name, origin, on, found, gone(frame, ours, catalog, on, name), models, catalog)


def filtered(frame: pd.DataFrame, said: str) -> pd.DataFrame:
    """Return the rows that a filter names: `all`, or `provider=openai,model=gpt-6*`.

    Doubtful rows are taken only by a filter that names `doubt`.

    Raises:
        DataError: If the filter is none.
    """
    words = [part.partition("=") for part in said.split(",")] if said != "all" else []
    keep = np.ones(len(frame), bool)
    if not any(column.strip() == "doubt" for column, _, _ in words):
        keep &= (frame["doubt"] == "").to_numpy()
    for column, sign, pattern in words:
        if not sign or column.strip() not in FILTERS:
            message = (
                f"--accept {said!r}: say all, or column=pattern with commas between, such as "
                f"provider=openai,model=gpt-6*{nearest(column.strip(), FILTERS)}"
            )
            raise DataError(message)
        cells = frame[column.strip()].astype(str)
        wanted = {
            cell: fnmatch.fnmatchcase(cell.lower(), pattern.strip().lower())
            for cell in cells.unique()
        }
        keep &= cells.map(wanted).to_numpy(bool)
    return frame[keep]


def keyed(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what names the table row that a value belongs to, and the day it begins."""
    table = row["table"]
    return (
        table,
        *(row.get(name, "") for name in KEYS[table]),
        row["since"] if row["announced"] else "",
    )


@dataclass(frozen=True)
class Change:
    """One row that an accepted proposal makes.

    Attributes:
        file: Inside the folder of tables.
        cells: Column -> text.
        line: Line that is replaced (facts without dates), 0 for a new row.
        said: In words.
    """

    file: str
    cells: Mapping[str, str]
    line: int
    said: str


def changes(found: pd.DataFrame, from_: Proposal, target: Path) -> list[Change]:
    """Return the rows that make accepted values ours; prices are appended, never edited.

    Args:
        found: Accepted rows of `from_.proposed`.
        from_: The proposal.
        target: Folder that is changed.

    Raises:
        PriceError: If a row cannot be made, such as for a GPU that `gpus.csv` does not know.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    # of several names of one model the one that our tables use comes first
    order = found.assign(_own=found["spelt"] != found["model"]).sort_values("_own", kind="stable")
    for record in order.drop(columns="_own").to_dict("records"):
        plain: dict[str, Any] = {str(key): value for key, value in record.items()}
        group = groups.setdefault(keyed(plain), [])
        if not group or group[0]["source_key"] == plain["source_key"]:
            group.append(plain)
    made = [_change(rows, from_, target) for rows in groups.values()]
    described = {(row["provider"], row["model"]) for row in from_.catalog.models}
    fresh: dict[tuple[str, str], dict[str, Any]] = {
        (rows[0]["provider"], rows[0]["model"]): rows[0]
        for rows in groups.values()
        if rows[0]["table"] == "inference" and rows[0]["status"] == "new"
    }
    known = {(c.cells["provider"], c.cells["model"]) for c in made if c.file == "models.csv"}
    for pair, first in fresh.items():
        if pair not in described and pair not in known:
            made.append(_model(pair, first, from_))
    return made


def _tail(row: Mapping[str, Any], from_: Proposal) -> dict[str, str]:
    page = SOURCES[from_.name].page
    address = row["source"] if str(row["source"]).startswith("https://") else page
    return {
        "source": address,
        "verified_on": from_.on.isoformat(),
        "note": f"via {from_.origin}",
    }


def _text(value: Any) -> str:
    """Write a cell: numbers without exponent, blank for what is not known."""
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else np.format_float_positional(value, trim="-")


def _change(rows: Sequence[Mapping[str, Any]], from_: Proposal, target: Path) -> Change:
    row = rows[0]
    table = row["table"]
    values = {str(each["column"]): _text(each["new"]) for each in rows}
    name = {
        "inference": f"inference/{row['provider']}.csv",
        "finetuning": "finetuning.csv",
        "gpu_rental": "gpu_rental.csv",
        "models": "models.csv",
    }[table]
    known = isinstance(row.get("our_folder"), str) and bool(row["our_folder"])
    base = _base(Path(row["our_folder"]) / name, name, row) if known else {}
    if base.get("currency", "USD") not in ("", "USD"):
        message = (
            f"{row['our_file']} line {row['our_line']:.0f}: is in {base['currency']}, the source "
            "in US dollars; `costmodel pricing set` takes the new price"
        )
        raise PriceError(message)
    cells = {**base, **_key_cells(row, base, from_), **values, **_tail(row, from_)}
    what = (
        f"{row['provider']}/{row.get('instance') or row['model']} {row.get('mode') or ''}".strip()
    )
    said = ", ".join(f"{column} {value}" for column, value in values.items())
    if table == "models":
        cells["retires_kind"] = str(row.get("retires_kind") or "announced")
        mine = known and Path(row["our_folder"]).resolve() == target.resolve()
        return Change(name, cells, int(row["our_line"]) if mine else 0, f"{what}: {said}")
    start = _start(row, from_, known=known)
    kind = "provider_page" if from_.name in OWN_LISTS else "secondary"
    cells |= {
        "currency": "USD",
        "effective_from": start,
        "effective_to": "",
        "source_kind": kind,
    }
    return Change(name, cells, 0, f"{what}: {said}" + (f" from {start}" if start else ""))


def _start(row: Mapping[str, Any], from_: Proposal, *, known: bool) -> str:
    """Return the day from which an accepted price holds."""
    if row["announced"]:
        return str(row["since"])
    stated = str(row.get("effective_from") or "")
    if not known:
        return stated
    # an undated source does not say since when: it is known from the day it was seen on
    ours = str(row.get("our_effective_from") or "")
    return stated if stated > ours else from_.on.isoformat()


def _key_cells(row: Mapping[str, Any], base: Mapping[str, str], from_: Proposal) -> dict[str, str]:
    table = row["table"]
    if base and table != "models":
        return {}
    if table == "inference":
        over = row["over_input_tokens"]
        return {
            "model": str(row["model"]),
            "mode": str(row["mode"]),
            "region": str(row["region"]),
            "over_input_tokens": _text(over) if over else "",
            "window": str(row["window"]),
        }
    if table == "gpu_rental":
        return {
            "provider": str(row["provider"]),
            "instance": str(row["instance"]),
            "gpu": _gpu(row, from_.catalog),
            "gpu_count": _text(row["gpu_count"]),
            "region": str(row["region"]),
            "market": str(row["market"]),
        }
    return {name: str(row[name]) for name in KEYS[str(table)]}


def _gpu(row: Mapping[str, Any], catalog: Catalog) -> str:
    found = gpu_of(row, catalog)
    if found:
        return found
    message = (
        f"{row['source_key']}: gpus.csv does not know the GPU {row['gpu']!r}; add it or an alias, "
        "or accept a narrower filter"
    )
    raise PriceError(message)


def _base(path: Path, name: str, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of our row that a change starts from."""
    table, line = read_raw(path, name), int(row["our_line"])
    found = table.rows[table.lines.index(line)] if line in table.lines else {}
    asked = {"model": row["model"], "instance": row["instance"]}
    if not any(found.get(column) == cell for column, cell in asked.items() if cell):
        message = f"{path} line {line}: the table has changed meanwhile; import again"
        raise PriceError(message)
    return dict(found)


def _model(pair: tuple[str, str], row: Mapping[str, Any], from_: Proposal) -> Change:
    """Return the row of models.csv of a model that is new to us."""
    known = from_.models[from_.models["source_key"] == row["source_key"]]
    facts = {} if known.empty else dict(known.iloc[0])
    wanted = ("released", "retires", "retires_kind", "context_window", "max_output_tokens")
    cells = {
        "provider": pair[0],
        "model": pair[1],
        **{name: _text(facts.get(name, "")) for name in wanted},
        **_tail(row, from_),
    }
    return Change("models.csv", cells, 0, f"{pair[0]}/{pair[1]}: new in models.csv")


def apply(made: Sequence[Change], tables: Editor, layers: Sequence[Path]) -> None:
    """Write accepted rows into a folder of tables: all of them or none.

    Args:
        made: What `changes` returned.
        tables: The folder, held alone.
        layers: All folders in force, for reading the result before it holds.

    Raises:
        PriceError: If the tables would not read, or cannot be written.
    """
    files: dict[str, RawTable] = {}
    for name in dict.fromkeys(change.file for change in made):
        table = tables.read(name)
        table = table if table.rows else with_columns_of_shipped(table, name)
        mine = [change for change in made if change.file == name]
        table = table.replaced({change.line: change.cells for change in mine if change.line})
        files[name] = table.appended(change.cells for change in mine if not change.line)

    def readable(copy: Path) -> None:
        folders = [
            copy if folder.resolve() == tables.folder.resolve() else folder for folder in layers
        ]
        PriceBook.read(*folders, shipped=False)

    tables.write(files, readable)


def keep(reading: Reading, folder: Path, on: date, as_of: str = "") -> int:
    """Write a source into `imported/` of a folder, with the notices of its licence.

    Returns:
        Rows left out.
    """
    text, left_out = written(reading, on, as_of)
    notice = (shipped_dir() / NOTICE).read_text("utf-8")
    with editing(folder) as tables:
        tables.write({f"{FOLDER}/{reading.source.name}.csv": text, NOTICE: notice})
    return left_out
