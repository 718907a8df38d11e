"""Which rows of a table are meant: by the words that people use for tables, columns and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from costmodel.errors import PriceError, nearest
from costmodel.prices.catalog import Catalog, tuning_sku
from costmodel.prices.tables import TABLES, Record
from costmodel.prices.writing import plain_number

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


def column_of(table: str, word: str) -> str | None:
    """Return the column of a table that a word names, None if there is none.

    >>> column_of("inference", "output"), column_of("finetuning", "train")
    ('output_per_mtok', 'price')
    """
    short = SHORT.get(table, {}).get(word, word)
    return short if short in TABLES[table].columns else None


def table_of(
    tables: Mapping[str, Sequence[Record]],
    catalog: Catalog,
    provider: str,
    name: str,
    values: Mapping[str, str],
    table: str | None,
) -> str:
    """Return the table in which the words are columns and the name has rows.

    Raises:
        PriceError: If there is none, or several.
    """
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
        if rows_named(one, tables[one], catalog, provider, name, strict=False)
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
        rows_named(selling[0], tables[selling[0]], catalog, provider, name)
    return found[0]


def rows_named(
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


def same_cell(row: Record, column: str, text: str) -> bool:
    """Whether a cell means what a text says."""
    value = row[column]
    if isinstance(value, float):
        number = plain_number(text or "0")
        return plain_number(repr(value)) == number or (value != value and not text)  # noqa: PLR0124
    return str("" if value is None else value) == text


def chosen(
    table: str, rows: Sequence[Record], what: str, where: Mapping[str, str]
) -> tuple[list[Record], list[list[Record]]]:
    """Return the rows of one key, and those of the other keys of the same name.

    Args:
        table: The table.
        rows: Rows about one thing.
        what: Its name, for messages.
        where: Column -> text of the rows that are meant; what is left out is as usual.

    Raises:
        PriceError: If no row or several keys are meant, with what tells them apart.
    """
    for column in where:
        if column not in TABLES[table].columns:
            message = f"{table} has no column {column!r}{nearest(column, TABLES[table].columns)}"
            raise PriceError(message)
    groups: dict[tuple[object, ...], list[Record]] = {}
    for row in rows:
        key = tuple("" if row[c] is None else row[c] for c in TABLES[table].key)
        groups.setdefault(tuple(map(str, key)), []).append(row)
    fitting = [g for g in groups.values() if all(same_cell(g[0], c, t) for c, t in where.items())]
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
            " ".join(f"{c}={shown(group[0][c])}" for c in differs)
            for group in fitting or groups.values()
        }
        said = "several rows" if fitting else "no such row"
        message = f"{what} has {said}: say which with --where COLUMN=VALUE{nearest('', sold)}"
        raise PriceError(message)
    return fitting[0], [group for group in groups.values() if group is not fitting[0]]


def shown(value: object) -> str:
    """Return a value as people write it in a cell; what is not known is blank."""
    if value is None or value != value:  # noqa: PLR0124
        return ""
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def words_of(table: str, row: Record) -> str:
    """Name what a row prices: provider and key, without what is usual."""
    columns = dict.fromkeys(("provider", *TABLES[table].key))
    values = [row.get(column) for column in columns]
    return " ".join(filter(None, (shown(v) for v in values if v != 0.0)))
