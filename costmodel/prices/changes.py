"""One change of one price: a dated row more, never an edit of history; new models; rows seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from costmodel.errors import PriceError, nearest
from costmodel.prices import lints
from costmodel.prices.book import PriceBook, shipped_dir
from costmodel.prices.lints import Finding
from costmodel.prices.rows import catalog_of, read_layers
from costmodel.prices.selecting import (
    NAMED,
    TOKENS,
    USUAL,
    chosen,
    column_of,
    rows_named,
    same_cell,
    shown,
    table_of,
    words_of,
)
from costmodel.prices.tables import TABLES, Record
from costmodel.prices.writing import Editor, RawTable, editing, plain_number, read_raw

PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True)
class Said:
    """Where a figure comes from.

    Attributes:
        source: Address of the page that states it.
        on: Day on which that page was read.
        kind: Kind of source, as in the tables.
        note: Remark for the row.
    """

    source: str
    on: date
    kind: str = "provider_page"
    note: str = ""

    def cells(self, table: str) -> dict[str, str]:
        """Return what a row of a table says of it."""
        kind = {"source_kind": self.kind} if "source_kind" in TABLES[table].columns else {}
        seen = {"source": self.source, "verified_on": self.on.isoformat(), "note": self.note}
        return seen | kind


@dataclass(frozen=True)
class Change:
    """A row that was added.

    Attributes:
        file: Table, as messages call it.
        line: Line of the new row.
        what: What the row prices.
        start: The day it holds from, None = always.
        cells: Column -> text before and after, of what differs from the row it follows.
        follows: File and line of that row, blank for a new model.
        remarks: What the user should know: later rows, rows of the same name left alone.
        findings: What the lints say about the row.
        others: Rows of other modes, tiers and regions that moved by the same factor.
    """

    file: str
    line: int
    what: str
    start: date | None
    cells: Mapping[str, tuple[str, str]]
    follows: str = ""
    remarks: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    others: tuple[Change, ...] = ()


def layers_of(folder: Path) -> list[Path]:
    """Return the shipped tables and a folder that is changed over them, unless they are one."""
    return [folder] if folder.resolve() == shipped_dir().resolve() else [shipped_dir(), folder]


def _path(table: str, row: Record) -> str:
    return TABLES[table].path.replace("*", str(row.get("provider", "")))


def add_row(
    folder: Path,
    provider: str,
    name: str,
    values: Mapping[str, str],
    *,
    start: date,
    said: Said,
    table: str | None = None,
    where: Mapping[str, str] | None = None,
    alike: bool = False,
) -> Change:
    """Add a row with other prices from a day on; what it does not say is as in the row before.

    Args:
        folder: Tables to change; those under it are known.
        provider: Who sells it; the name of the table where rows have no provider (labour, fx).
        name: Model by any of its names, product, instance, item, role or currency.
        values: Column or short word (input, output, cached, train, hosting, price, rate) -> number,
            blank = no longer published.
        start: Day from which it holds.
        said: Who says so.
        table: Table, where the words could mean several.
        where: Column -> text of the row that is meant, where there are several.
        alike: Whether the other modes, tiers and regions of the same name move by the same factor.

    Raises:
        PriceError: If names are unknown or ambiguous, if nothing would change, or if the tables
            would not be in order afterwards; nothing is changed then.
    """
    if not values:
        message = "say what changes, e.g. output=0.55"
        raise PriceError(message)
    with editing(folder) as edited:
        tables = read_layers(layers_of(folder))
        catalog = catalog_of(tables)
        found = table_of(tables, catalog, provider, name, values, table)
        rows = rows_named(found, tables[found], catalog, provider, name)
        group, others = chosen(found, rows, f"{provider}/{name}", where or {})
        cells = said.cells(found)
        first = _successor(found, group, start, folder, cells, values)
        moved = [first]
        if alike:
            factors = _factors(first.cells)
            moved += [
                _successor(found, other, start, folder, cells, factors=factors) for other in others
            ]
        path = _path(found, first.base)
        lines = _write(edited, folder, {path: [one.row for one in moved if one.cells]})[path]
    changes = [
        Change(
            file=(Path(folder) / path).as_posix(),
            line=line,
            what=words_of(found, one.base),
            start=start,
            cells=one.cells,
            follows=_now_at(one.base, folder, lines),
        )
        for one, line in zip((one for one in moved if one.cells), lines, strict=True)
    ]
    return replace(
        changes[0],
        remarks=_remarks(group, [] if alike else others, start, folder, lines),
        findings=_findings(folder, path, lines, said.on),
        others=tuple(changes[1:]),
    )


@dataclass(frozen=True)
class _Next:
    """A row, the one it follows, and what differs."""

    base: Record
    row: dict[str, str]
    cells: dict[str, tuple[str, str]]


def _successor(
    table: str,
    group: Sequence[Record],
    start: date,
    folder: Path,
    said: Mapping[str, str],
    values: Mapping[str, str] | None = None,
    factors: Mapping[str, Decimal] | None = None,
) -> _Next:
    """Return the row that follows the one in force, with other values or moved by factors."""
    base = lints.holding(group, start)
    path = _path(table, base)
    raw = _raw(Path(base["folder"]) / path, path, base["line"])
    if values is not None:
        cells = _changed(table, raw, values, f"{base['file']} line {base['line']}")
    else:
        cells = {
            column: (raw[column], _times(raw[column], factor))
            for column, factor in (factors or {}).items()
            if raw.get(column)
        }
    same = [row for row in group if row["effective_from"] == start]
    if same and same[-1]["folder"] == str(folder):
        message = (
            f"{same[-1]['file']} line {same[-1]['line']} holds from {start} already; a "
            "correction edits that row, a change has a day of its own"
        )
        raise PriceError(message)
    end = base["effective_to"]
    new = {**raw, **{column: after for column, (_, after) in cells.items()}, **said}
    new |= {
        "effective_from": start.isoformat(),
        "effective_to": end.isoformat() if end is not None and end > start else "",
    }
    return _Next(base, new, cells)


def _factors(cells: Mapping[str, tuple[str, str]]) -> dict[str, Decimal]:
    for column, (before, after) in cells.items():
        if not before or not after or not float(before):
            message = f"{column} was {before or 'blank'}: other rows cannot move by the same factor"
            raise PriceError(message)
    return {column: Decimal(after) / Decimal(before) for column, (before, after) in cells.items()}


def _times(text: str, factor: Decimal) -> str:
    return plain_number(f"{Decimal(text) * factor:.9g}")


def _raw(path: Path, name: str, line: int) -> dict[str, str]:
    raw = read_raw(path, name)
    return dict(raw.rows[raw.lines.index(line)])


def _changed(
    table: str, row: Mapping[str, str], values: Mapping[str, str], where: str
) -> dict[str, tuple[str, str]]:
    """Return what differs: column -> text before and after."""
    cells: dict[str, tuple[str, str]] = {}
    for word, text in values.items():
        column = str(column_of(table, word))
        if column in ("effective_from", "source", "verified_on", "note", *TABLES[table].key):
            message = f"{column} is not set like that: see the options, or edit the table"
            raise PriceError(message)
        after = plain_number(text.strip()) if column in TABLES[table].numbers else text.strip()
        if column in TABLES[table].numbers and after and not _is_number(after):
            message = f"{word} must be a number >= 0 like 0.55, got {text!r}"
            raise PriceError(message)
        before = row.get(column, "").strip()
        if plain_number(before) != after:
            cells[column] = (before, after)
    if not cells:
        said = ", ".join(f"{column_of(table, word)} {text}" for word, text in values.items())
        message = f"nothing changes: {said} stands in {where} already"
        raise PriceError(message)
    return cells


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


def _now_at(row: Record, folder: Path, added: Sequence[int]) -> str:
    """Return where a row stands after others were added to its file."""
    line = row["line"]
    if row["folder"] == str(folder):
        for new in sorted(added):
            line += new <= line
    return f"{row['file']} line {line}"


def _remarks(
    group: Sequence[Record],
    others: Sequence[Sequence[Record]],
    start: date,
    folder: Path,
    added: Sequence[int],
) -> tuple[str, ...]:
    said = []
    for row in group:
        begins = row["effective_from"]
        if begins is not None and begins > start:
            verb = "follows" if row["folder"] == str(folder) else "is overlaid by the new row"
            said.append(f"{_now_at(row, folder, added)}, from {begins}, {verb}")
    alone = [
        " ".join(shown(row[column]) for column in USUAL if row.get(column))
        for row in (lints.holding(other, start) for other in others)
    ]
    if any(alone):
        said.append(f"not changed: {', '.join(filter(None, alone))}; --alike moves them, too")
    return tuple(said)


def _check(folder: Path) -> Callable[[Path], object]:
    """Return what reads a changed copy of a folder with the tables under it."""
    own = folder.resolve() == shipped_dir().resolve()
    return lambda copy: PriceBook.read(copy, shipped=not own)


def _write(
    edited: Editor, folder: Path, rows: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, list[int]]:
    """Add rows to tables of the folder; return their lines in each."""
    changes: dict[str, RawTable] = {}
    for path, new in rows.items():
        raw = edited.read(path)
        if not raw.rows:
            raw = with_columns_of_shipped(raw, path)
        changes[path] = raw.appended(new)
    edited.write(changes, _check(folder))
    lines = {}
    for path, new in rows.items():
        raw = edited.read(path)
        lines[path] = [_line_of(raw, row) for row in new]
    return lines


def _line_of(raw: RawTable, wanted: Mapping[str, str]) -> int:
    """Return the line of a row that was just written."""
    written = {column: raw.written(column, cell) for column, cell in wanted.items()}
    filled = {column: cell for column, cell in written.items() if cell}
    return next(
        line
        for row, line in zip(raw.rows[::-1], raw.lines[::-1], strict=True)
        if {column: cell for column, cell in row.items() if cell} == filled
    )


def with_columns_of_shipped(raw: RawTable, path: str) -> RawTable:
    """Give a new file the order of columns that users know from the shipped ones."""
    shipped = sorted(shipped_dir().glob(raw.table.path)) if raw.table else []
    return RawTable(path, read_raw(shipped[0], path).header) if shipped else raw


def _findings(folder: Path, path: str, lines: Sequence[int], today: date) -> tuple[Finding, ...]:
    layers = layers_of(folder)
    label = path if len(layers) == 1 else f"{folder.as_posix()}/{path}"
    found = lints.lint([folder], today, below=layers[:-1])
    return tuple(f for f in found if f.file == label and f.line in lines)


def mark_seen(
    folder: Path,
    provider: str,
    name: str,
    *,
    seen_on: date,
    table: str | None = None,
    where: Mapping[str, str] | None = None,
) -> list[str]:
    """Say that the prices in force were seen at their source, unchanged: sets `verified_on`.

    Args:
        folder: Tables to change; rows of the tables under them are left alone.
        provider: As of `add_row`.
        name: As of `add_row`.
        seen_on: The day.
        table: Table; left out, every table that has prices of that name.
        where: Column -> text of the rows that are meant; left out, all.

    Returns:
        File and line of each row.

    Raises:
        PriceError: If names are unknown, or no row of the folder that holds on the day was last
            seen before; nothing is changed then.
    """
    with editing(folder) as edited:
        tables = read_layers(layers_of(folder))
        catalog = catalog_of(tables)
        wanted = [table] if table is not None else list(NAMED)
        rows = {
            one: rows_named(one, tables[one], catalog, provider, name, strict=table is not None)
            for one in wanted
        }
        if not any(rows.values()):
            rows_named("inference", tables["inference"], catalog, provider, name)
        cells: dict[str, dict[int, dict[str, str]]] = {}
        for one, named in rows.items():
            mine = [row for row in named if row["folder"] == str(folder)]
            for row in lints.in_force(one, mine, seen_on):
                fits = all(
                    column in row and same_cell(row, column, text)
                    for column, text in (where or {}).items()
                )
                if fits and row["verified_on"] < seen_on:
                    note = lints.TRIED.sub("", row["note"]).strip("; ")
                    seen = {"verified_on": seen_on.isoformat(), "note": note}
                    cells.setdefault(_path(one, row), {})[row["line"]] = seen
        if not cells:
            message = (
                f"no row of {provider}/{name} in {folder} holds on {seen_on} and was last seen "
                "before; rows of the shipped tables are marked where they stand"
            )
            raise PriceError(message)
        changes = {path: edited.read(path).replaced(found) for path, found in cells.items()}
        edited.write(changes, _check(folder))
    return [f"{(folder / path).as_posix()} line {line}" for path in cells for line in cells[path]]


def add_model(
    folder: Path,
    provider: str,
    model: str,
    values: Mapping[str, str],
    *,
    start: date | None,
    said: Said,
    facts: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    new_provider: bool = False,
) -> Change:
    """Add a model: its token prices and its row of `models.csv`, both or none.

    Args:
        folder: Tables to change.
        provider: Who sells it: the name of the file in `inference/`.
        model: Id as the provider's API spells it.
        values: Column or short word of the token prices -> number.
        start: Day from which it holds, None = since release.
        said: Who says so.
        facts: Columns of `models.csv`: released, context_window, encoding, aliases, ...
        where: mode, region, over_input_tokens, window of the prices.
        new_provider: Whether the provider is new, too.

    Raises:
        PriceError: If the model is known, the provider is not, a word is wrong, or the tables
            would not be in order afterwards; nothing is changed then.
    """
    if not PROVIDER.fullmatch(provider):
        message = (
            f"a provider is named like 'openai' (small letters, digits, - and _), got {provider!r}"
        )
        raise PriceError(message)
    facts = {column: text for column, text in (facts or {}).items() if text}
    for column in facts:
        if column not in TABLES["models"].columns:
            message = (
                f"models.csv has no column {column!r}{nearest(column, TABLES['models'].columns)}"
            )
            raise PriceError(message)
    with editing(folder) as edited:
        tables = read_layers(layers_of(folder))
        catalog = catalog_of(tables)
        if provider not in catalog.providers and not new_provider:
            hint = nearest(provider, catalog.providers)
            message = f"unknown provider {provider!r}{hint}; --new-provider makes it one"
            raise PriceError(message)
        known = catalog.spellings(provider) if provider in catalog.providers else {}
        priced = {(row["provider"], row["model"]) for row in tables["inference"]}
        if (provider, known.get(model, model)) in priced:
            message = (
                f"{provider} sells {model!r} already; `costmodel pricing set` changes its price"
            )
            raise PriceError(message)
        for word in values:
            if column_of("inference", word) is None:
                message = f"{word!r} is no price of tokens{nearest(word, TOKENS)}"
                raise PriceError(message)
        cells = _changed("inference", {}, values, "the table")
        row = {
            "model": model,
            "mode": "standard",
            **(where or {}),
            **{column: after for column, (_, after) in cells.items()},
            "currency": "USD",
            "effective_from": "" if start is None else start.isoformat(),
            **said.cells("inference"),
        }
        path = TABLES["inference"].path.replace("*", provider)
        rows = {path: [row]}
        if model not in known:
            # the remark is on the price; a fact may have its own
            seen = said.cells("models") | {"note": facts.get("note", "")}
            rows["models.csv"] = [{"provider": provider, "model": model, **facts, **seen}]
        lines = _write(edited, folder, rows)[path]
    return Change(
        file=(Path(folder) / path).as_posix(),
        line=lines[0],
        what=f"{provider} {model} {row['mode']}",
        start=start,
        cells=cells,
        findings=_findings(folder, path, lines, said.on),
    )
