"""One change of one price: a dated row more, never an edit of history; and models that are new."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from costmodel.errors import PriceError, nearest
from costmodel.prices import lints
from costmodel.prices.book import PriceBook, shipped_dir
from costmodel.prices.catalog import Catalog, tuning_sku
from costmodel.prices.lints import Finding
from costmodel.prices.rows import catalog_of, read_layer
from costmodel.prices.tables import TABLES, Record
from costmodel.prices.writing import Editor, RawTable, editing, plain_number, read_raw

# what a row is about, by table
NAMED = {
    "inference": "model",
    "finetuning": "model",
    "provisioned": "model",
    "retrieval": "product",
    "gpu_rental": "instance",
    "infrastructure": "item",
    "labelling": "item",
    "labour": "role",
    "fx": "currency",
}
# short words for columns
TOKENS = {
    "input": "input_per_mtok",
    "cached": "cached_input_per_mtok",
    "cache_write": "cache_write_per_mtok",
    "cache_write_1h": "cache_write_1h_per_mtok",
    "cache_storage": "cache_storage_per_mtok_hour",
    "output": "output_per_mtok",
}
SHORT: dict[str, dict[str, str]] = {
    "inference": TOKENS,
    "finetuning": {
        "train": "price",
        "hosting": "hosting_per_hour",
        "storage": "storage_per_month",
    },
    "provisioned": {"price": "price_per_unit_hour"},
    "gpu_rental": {"price": "price_per_hour", "low": "price_low", "high": "price_high"},
    "labour": {"price": "per_hour"},
    "fx": {"rate": "usd_per_unit"},
}
# what is meant where nothing else is said
USUAL = {
    "mode": "standard",
    "region": "",
    "over_input_tokens": 0.0,
    "window": "",
    "objective": "sft",
    "market": "on_demand",
}
PROVIDER = re.compile(r"[a-z0-9][a-z0-9._-]*")


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


def column_of(table: str, word: str) -> str | None:
    """Return the column of a table that a word names, None if there is none.

    >>> column_of("inference", "output"), column_of("finetuning", "train")
    ('output_per_mtok', 'price')
    """
    short = SHORT.get(table, {}).get(word, word)
    return short if short in TABLES[table].columns else None


def _layers(folder: Path) -> list[Path]:
    """Return the layers under a folder that is changed, and the folder itself."""
    return [folder] if folder.resolve() == shipped_dir().resolve() else [shipped_dir(), folder]


def _read(layers: Sequence[Path]) -> dict[str, list[Record]]:
    tables: dict[str, list[Record]] = {name: [] for name in TABLES}
    for layer, folder in enumerate(layers):
        for name, rows in read_layer(folder, layer).items():
            tables[name] += rows
    return tables


def _path(table: str, row: Record) -> str:
    return TABLES[table].path.replace("*", str(row.get("provider", "")))


def add_row(
    folder: Path,
    provider: str,
    name: str,
    values: Mapping[str, str],
    *,
    start: date,
    source: str,
    today: date,
    table: str | None = None,
    where: Mapping[str, str] | None = None,
    source_kind: str = "provider_page",
    note: str = "",
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
        source: Address of the page that says so.
        today: Day on which that page was read.
        table: Table, where the words could mean several.
        where: Column -> text of the row that is meant, where there are several.
        source_kind: As in the tables.
        note: Remark for the row.
        alike: Whether the other modes, tiers and regions of the same name move by the same factor.

    Raises:
        PriceError: If names are unknown or ambiguous, if nothing would change, or if the tables
            would not be in order afterwards; nothing is changed then.
    """
    if not values:
        message = "say what changes, e.g. output=0.55"
        raise PriceError(message)
    with editing(folder) as edited:
        layers = _layers(folder)
        tables = _read(layers)
        catalog = catalog_of(tables)
        found = _table_of(tables, catalog, provider, name, values, table)
        rows = _rows_named(found, tables[found], catalog, provider, name)
        group, others = _chosen(found, rows, f"{provider}/{name}", where or {})
        said: dict[str, str] = {"source": source, "verified_on": today.isoformat(), "note": note}
        if "source_kind" in TABLES[found].columns:
            said["source_kind"] = source_kind
        first = _successor(found, group, start, folder, said, values)
        moved = [first]
        if alike:
            factors = _factors(first.cells)
            moved += [
                _successor(found, other, start, folder, said, factors=factors) for other in others
            ]
        path = _path(found, first.base)
        lines = _write(edited, folder, {path: [one.row for one in moved if one.cells]})[path]
    changes = [
        Change(
            file=(Path(folder) / path).as_posix(),
            line=line,
            what=_words(found, one.base),
            start=start,
            cells=one.cells,
            follows=f"{one.base['file']} line {one.base['line']}",
        )
        for one, line in zip((one for one in moved if one.cells), lines, strict=True)
    ]
    return replace(
        changes[0],
        remarks=_remarks(group, [] if alike else others, start, str(folder)),
        findings=_findings(folder, path, lines, today),
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


def _table_of(
    tables: Mapping[str, Sequence[Record]],
    catalog: Catalog,
    provider: str,
    name: str,
    values: Mapping[str, str],
    table: str | None,
) -> str:
    """Return the table in which the words are columns and the name has rows."""
    if table is not None and table not in NAMED:
        message = f"unknown table {table!r}{nearest(table, NAMED)}"
        raise PriceError(message)
    fitting = [
        one
        for one in (NAMED if table is None else [table])
        if all(column_of(one, word) for word in values)
    ]
    if not fitting:
        known = {
            word
            for one in (NAMED if table is None else [table])
            for word in (*SHORT.get(one, {}), *TABLES[one].numbers)
        }
        bad = next(
            (w for w in values if not any(column_of(one, w) for one in NAMED)), next(iter(values))
        )
        message = f"{bad!r} is no price of {table or 'any table'}{nearest(bad, known)}"
        raise PriceError(message)
    found = [
        one
        for one in fitting
        if _rows_named(one, tables[one], catalog, provider, name, strict=False)
    ]
    if len(found) > 1:
        message = f"{provider}/{name} stands in {' and '.join(found)}: say --table {found[0]}"
        raise PriceError(message)
    if not found:
        # the message of a table that knows the provider helps most
        selling = [t for t in fitting if any((r["provider"] or t) == provider for r in tables[t])]
        if not selling:
            sellers = {row["provider"] or one for one in fitting for row in tables[one]}
            message = f"no table with such a price has {provider!r}{nearest(provider, sellers)}"
            raise PriceError(message)
        _rows_named(selling[0], tables[selling[0]], catalog, provider, name)
    return found[0]


def _rows_named(
    table: str,
    rows: Sequence[Record],
    catalog: Catalog,
    provider: str,
    name: str,
    *,
    strict: bool = True,
) -> list[Record]:
    """Return the rows about something, by any of its names.

    Raises:
        PriceError: If there are none, with the nearest names; not if `strict` is False.
    """
    column = NAMED[table]
    sellers = {row["provider"] or table for row in rows}
    mine = [row for row in rows if (row["provider"] or table) == provider]
    wanted = {name}
    if column == "model" and provider in catalog.providers:
        wanted.add(catalog.spellings(provider).get(name, name))
    if table == "gpu_rental":
        with suppress(PriceError):
            wanted.add(catalog.gpu(name))
    found = [row for row in mine if row[column] in wanted]
    if not found and table == "finetuning":
        found = [row for row in mine if tuning_sku(row) in wanted]
    if not found and table == "gpu_rental":
        found = [row for row in mine if row["gpu"] in wanted]
    if found or not strict:
        return found
    if not mine:
        message = f"{table} has no provider {provider!r}{nearest(provider, sellers)}"
        raise PriceError(message)
    known = {row[column] or tuning_sku(row) for row in mine}
    if table == "inference":
        known |= set(catalog.spellings(provider))
    message = f"{provider} has no {column} {name!r} in {table}{nearest(name, known)}"
    if table == "inference":
        message += "; `costmodel pricing add` is for a new model"
    raise PriceError(message)


def _same(row: Record, column: str, text: str) -> bool:
    value = row[column]
    if isinstance(value, float):
        number = plain_number(text or "0")
        return plain_number(repr(value)) == number or (value != value and not text)  # noqa: PLR0124
    return str("" if value is None else value) == text


def _chosen(
    table: str, rows: Sequence[Record], what: str, where: Mapping[str, str]
) -> tuple[list[Record], list[list[Record]]]:
    """Return the rows of one key, and those of the other keys of the same name."""
    for column in where:
        if column not in TABLES[table].columns:
            message = f"{table} has no column {column!r}{nearest(column, TABLES[table].columns)}"
            raise PriceError(message)
    groups: dict[tuple[object, ...], list[Record]] = {}
    for row in rows:
        key = tuple("" if row[c] is None else row[c] for c in TABLES[table].key)
        groups.setdefault(tuple(map(str, key)), []).append(row)
    fitting = [g for g in groups.values() if all(_same(g[0], c, t) for c, t in where.items())]
    if len(fitting) > 1:
        usual = {c: v for c, v in USUAL.items() if c in TABLES[table].key and c not in where}
        plain = [g for g in fitting if all(g[0][c] == v for c, v in usual.items())]
        fitting = plain if len(plain) == 1 else fitting
    if len(fitting) != 1:
        differs = [
            column
            for column in TABLES[table].key
            if len({str(group[0][column]) for group in fitting or groups.values()}) > 1
        ]
        sold = {
            " ".join(f"{c}={_shown(group[0][c])}" for c in differs)
            for group in fitting or groups.values()
        }
        said = "several rows" if fitting else "no such row"
        message = f"{what} has {said}: say which with --where COLUMN=VALUE{nearest('', sold)}"
        raise PriceError(message)
    return fitting[0], [group for group in groups.values() if group is not fitting[0]]


def _shown(value: object) -> str:
    if value is None or value != value:  # noqa: PLR0124
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


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


def _words(table: str, row: Record) -> str:
    columns = dict.fromkeys(("provider", *TABLES[table].key))
    values = [row.get(column) for column in columns]
    return " ".join(filter(None, (_shown(v) for v in values if v != 0.0)))


def _remarks(
    group: Sequence[Record], others: Sequence[Sequence[Record]], start: date, folder: str
) -> tuple[str, ...]:
    said = []
    for row in group:
        begins = row["effective_from"]
        if begins is not None and begins > start:
            verb = "follows" if row["folder"] == folder else "is overlaid by the new row"
            said.append(f"{row['file']} line {row['line']}, from {begins}, {verb}")
    alone = [
        " ".join(_shown(row[column]) for column in USUAL if row.get(column))
        for row in (lints.holding(other, start) for other in others)
    ]
    if any(alone):
        said.append(f"not changed: {', '.join(filter(None, alone))}; --alike moves them, too")
    return tuple(said)


def _write(
    edited: Editor, folder: Path, rows: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, list[int]]:
    """Add rows to tables of the folder; return their lines in each."""
    own = folder.resolve() == shipped_dir().resolve()

    def check(copy: Path) -> None:
        PriceBook.read(copy, shipped=not own)

    changes: dict[str, RawTable] = {}
    for path, new in rows.items():
        raw = edited.read(path)
        if not raw.rows:
            raw = with_columns_of_shipped(raw, path)
        changes[path] = raw.appended(new)
    edited.write(changes, check)
    lines = {}
    for path, new in rows.items():
        raw = edited.read(path)
        lines[path] = [_line_of(raw, _written(raw, row)) for row in new]
    return lines


def _line_of(raw: RawTable, wanted: Mapping[str, str]) -> int:
    """Return the line of a row that was just written."""
    filled = {column: cell for column, cell in wanted.items() if cell}
    return next(
        line
        for row, line in zip(raw.rows[::-1], raw.lines[::-1], strict=True)
        if {column: cell for column, cell in row.items() if cell} == filled
    )


def _written(raw: RawTable, row: Mapping[str, str]) -> dict[str, str]:
    numbers = raw.table.numbers if raw.table else ()
    return {c: plain_number(t) if c in numbers else t.strip(" ") for c, t in row.items()}


def with_columns_of_shipped(raw: RawTable, path: str) -> RawTable:
    """Give a new file the order of columns that users know from the shipped ones."""
    shipped = sorted(shipped_dir().glob(raw.table.path)) if raw.table else []
    return RawTable(path, read_raw(shipped[0], path).header) if shipped else raw


def _findings(folder: Path, path: str, lines: Sequence[int], today: date) -> tuple[Finding, ...]:
    layers = _layers(folder)
    label = path if len(layers) == 1 else f"{folder.as_posix()}/{path}"
    found = lints.lint([folder], today, below=layers[:-1])
    return tuple(f for f in found if f.file == label and f.line in lines)


def add_model(
    folder: Path,
    provider: str,
    model: str,
    values: Mapping[str, str],
    *,
    start: date | None,
    source: str,
    today: date,
    facts: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    source_kind: str = "provider_page",
    note: str = "",
    new_provider: bool = False,
) -> Change:
    """Add a model: its token prices and its row of `models.csv`, both or none.

    Args:
        folder: Tables to change.
        provider: Who sells it: the name of the file in `inference/`.
        model: Id as the provider's API spells it.
        values: Column or short word of the token prices -> number.
        start: Day from which it holds, None = since release.
        source: Address of the page that says so.
        today: Day on which that page was read.
        facts: Columns of `models.csv`: released, context_window, encoding, aliases, ...
        where: mode, region, over_input_tokens, window of the prices.
        source_kind: As in the tables.
        note: Remark for the row.
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
        tables = _read(_layers(folder))
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
        common = {"source": source, "verified_on": today.isoformat()}
        row = {
            "model": model,
            "mode": "standard",
            **(where or {}),
            **{column: after for column, (_, after) in cells.items()},
            "currency": "USD",
            "effective_from": "" if start is None else start.isoformat(),
            "source_kind": source_kind,
            "note": note,
            **common,
        }
        path = TABLES["inference"].path.replace("*", provider)
        rows = {path: [row]}
        if model not in known:
            rows["models.csv"] = [{"provider": provider, "model": model, **facts, **common}]
        lines = _write(edited, folder, rows)[path]
    return Change(
        file=(Path(folder) / path).as_posix(),
        line=lines[0],
        what=f"{provider} {model} {row['mode']}",
        start=start,
        cells=cells,
        findings=_findings(folder, path, lines, today),
    )
