"""A ledger at the prices of each day: exact integers, each row with the price row behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError, PriceError, nearest
from costmodel.prices.book import PriceBook
from costmodel.prices.meters import AS_INPUT, METERS, TOKEN_COLUMNS, TOKEN_COUNTS
from costmodel.prices.rows import METER_INDEX, Key
from costmodel.usage.ledger import PICO, TOKENS, Ledger, holds
from costmodel.usage.names import named

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PER_TOKEN = 1e6  # US$ per Mtok -> 10^-12 US$ per token
NOON = 720  # minute that stands for a whole day, as in the price book
LIMIT = 2.0**63
RATE = 10**9  # parts in which exchange rates are counted
BASES = ("billed", "effective")
# what is bought -> table of prices, where it is not tokens of requests
TABLE_OF = {
    "instance_hour": "gpu_rental",
    "hosting_hour": "finetuning",
    "train_mtok": "finetuning",
    "train_hour": "finetuning",
    "unit_hour": "provisioned",
}
FRESH = "input_mtok"


@dataclass(frozen=True, eq=False)
class Priced:
    """A ledger with prices.

    Attributes:
        frame: The frame of the ledger and `price_row` (place in `book.rows`, -1 = without a
            price), `list_pico` (cost at the prices of the day, 10^-12 US$, 0 without a price),
            `stated` (whether the row states money on the chosen basis) and `billed_pico` (that
            money, 10^-12 US$, 0 where none is stated).
        book: The prices.
        unpriced: What has no price, a row each: provider, model, mode, region, meter, why, rows,
            requests, tokens, quantity, billed_pico.
        notes: What had to be assumed, exchange rates included.
    """

    frame: pd.DataFrame = field(repr=False)
    book: PriceBook = field(repr=False)
    unpriced: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()


def total(pico: Any) -> int:
    """Return the sum of amounts, exact however large. [10^-12 US$]"""
    values = np.asarray(pico, np.int64)
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def dollars(pico: int) -> float:
    """Return 10^-12 dollars as dollars.

    >>> dollars(569_788_000_000)
    0.569788
    """
    return pico / PICO


def product(amount: Ints, pico: Ints, what: str) -> Ints:
    """Multiply without leaving the range of integers.

    Raises:
        DataError: If a row would.
    """
    if not amount.size:
        return amount
    most = max(float(amount.max()), -float(amount.min())) * float(pico.max())
    if most >= LIMIT and np.max(np.abs(amount.astype(float) * pico)) >= LIMIT:
        message = f"{what}: a row costs more than 9.2 million US$; split it"
        raise DataError(message)
    return amount * pico


@lru_cache(maxsize=4)
def token_table(book: PriceBook) -> tuple[dict[str, Ints], dict[str, Bools]]:
    """Return what a token costs under each price row, by meter, and where it has a price.

    A cached or written token without a price of its own costs what plain input does. The last
    entry, which -1 finds, costs nothing and has no price.

    Returns:
        10^-12 US$ per token, and whether there is a price; shape (rows + 1,) each.
    """
    pico, known = {}, {}
    plain = book.usd[:, METER_INDEX[FRESH]]
    for meter in TOKEN_COLUMNS.values():
        usd = book.usd[:, METER_INDEX[meter]]
        usd = np.where(np.isnan(usd), plain, usd) if meter in AS_INPUT else usd
        usd = np.append(usd, np.nan)
        known[meter] = ~np.isnan(usd)
        pico[meter] = np.rint(np.where(known[meter], usd, 0.0) * PER_TOKEN).astype(np.int64)
    return pico, known


def token_pico(book: PriceBook, rows: Ints) -> dict[str, tuple[Ints, Bools]]:
    """Return what a token costs under price rows, by meter, and whether it has a price.

    Args:
        book: The prices.
        rows: Places in `book.rows`; -1 costs nothing.

    Returns:
        Meter -> 10^-12 US$ per token, and whether there is a price; see `token_table`.
    """
    pico, known = token_table(book)
    return {meter: (pico[meter][rows], known[meter][rows]) for meter in pico}


def token_amounts(columns: Mapping[str, Any]) -> dict[str, Ints]:
    """Return the tokens of rows by meter: fresh input, cached, written, output. [token]"""
    given = {name: np.asarray(columns[name], np.int64) for name in TOKENS}
    fresh = given["input_tokens"] - sum(given[name] for name in TOKENS[1:4])
    return {FRESH: fresh} | {meter: given[name] for name, meter in TOKEN_COUNTS.items()}


def price_rows(frame: pd.DataFrame, book: PriceBook) -> Ints:
    """Return the price row of each row of tokens, -1 where there is none or nothing to price."""
    tokens = holds(frame["meter"], "tokens")
    found = np.full(len(frame), -1, np.int64)
    part = frame if tokens.all() else frame.loc[tokens]
    if len(part):
        columns = price_columns(part)
        if holds(part["provider"], "bedrock").any():
            # bills of AWS have names of their own
            columns["model"] = named(part, book)
        found[tokens] = book.rows_for(columns, len(part), strict=False)
    return found


def price_columns(part: pd.DataFrame) -> dict[str, Any]:
    """Return the columns by which the book selects a price."""
    minute = part["minute"].to_numpy().astype(np.int64)
    minute = np.where(minute < 0, NOON, minute)
    return {
        **{name: part[name] for name in ("provider", "model", "mode", "region")},
        "on": part["day"].to_numpy() + minute.astype("timedelta64[m]"),
        "input_tokens": part["request_tokens"].to_numpy(),
    }


def usd_of(
    frame: pd.DataFrame, book: PriceBook, foreign: Mapping[str, str]
) -> tuple[Ints, list[str]]:
    """Return the money of each row in 10^-12 US$, and the exchange rates used.

    Args:
        frame: Rows of a ledger.
        book: The prices, with exchange rates.
        foreign: Currency -> file and line where it first stands.

    Raises:
        DataError: If a currency has no rate.
    """
    amount = frame["amount"].to_numpy()
    currency = frame["currency"].cat
    notes: list[str] = []
    if set(currency.categories) <= {"", "USD"}:
        return amount, notes
    usd, codes = amount.copy(), currency.codes.to_numpy()
    days = frame["day"].to_numpy().astype("datetime64[D]")
    for code in np.unique(codes):
        name = str(currency.categories[code])
        mine = np.flatnonzero(codes == code)
        if name in ("", "USD") or not mine.size:
            continue
        rates = book.catalog.rates_of(name)
        if not rates:
            known = {"USD", *(row["currency"] for row in book.catalog.rates)}
            message = (
                f"{foreign.get(name, 'the ledger')}: {name} has no exchange rate; add a row to "
                f"fx.csv, in a folder named with --prices{nearest(name, known)}"
            )
            raise DataError(message)
        # money older than the first rate takes it, and the note says of when it is
        begins = [row["effective_from"] for row in rates[1:]]
        which = np.searchsorted(np.array(begins, "datetime64[D]"), days[mine], side="right")
        parts = np.array([round(row["usd_per_unit"] * RATE) for row in rates], np.int64)[which]
        high, low = np.divmod(amount[mine], RATE)
        usd[mine] = product(high, parts, name) + (low * parts + RATE // 2) // RATE
        notes += [
            f"{name} at {rates[k]['usd_per_unit']:g} US$, {rates[k]['file']} line "
            f"{rates[k]['line']}, of {rates[k]['effective_from']}"
            for k in np.unique(which)
        ]
    return usd, notes


def price(ledger: Ledger, book: PriceBook, *, basis: str = "billed") -> Priced:
    """Price a ledger at the prices of each day.

    Args:
        ledger: What was used and billed.
        book: The prices.
        basis: Which money counts where an export states two: `billed` (cash, purchases when they
            are made) or `effective` (amortised). Money that a tool computed counts where a
            provider's bill is not in the ledger.

    Raises:
        DataError: If a currency has no exchange rate.
    """
    import pandas as pd

    if basis not in BASES:
        message = f"unknown basis {basis!r}{nearest(basis, BASES)}"
        raise DataError(message)
    frame = ledger.frame
    rows = price_rows(frame, book)
    table, priced_at = token_table(book)
    amounts = token_amounts({name: frame[name].to_numpy() for name in TOKENS})
    cost = np.zeros(len(frame), np.int64)
    missing: dict[str, Bools] = {}
    notes: list[str] = []
    for meter, amount in amounts.items():
        if not amount.any():
            continue
        cost += product(amount, table[meter][rows], "the ledger")
        gap = (rows >= 0) & ~priced_at[meter][rows]
        if gap.any() and (amount[gap] > 0).any():
            missing[meter] = gap & (amount > 0)
        if meter in AS_INPUT:
            used = np.flatnonzero(np.bincount(rows[(amount > 0) & (rows >= 0)]))
            own = np.isnan(book.usd[used, METER_INDEX[meter]])
            notes += [
                f"{key}: no price for {meter} is published; counted as plain input"
                for key in sorted({str(book.rows[int(k)].key) for k in used[own]})
            ]
    notes += _sizes(frame, rows, book)
    lacking = np.zeros(len(frame), bool)
    for gap in missing.values():
        lacking |= gap
    rows = np.where(lacking, -1, rows)
    cost[rows < 0] = 0
    _other_meters(frame, book, rows, cost)
    chosen, said = _chosen(frame, basis)
    usd, rates = usd_of(frame, book, ledger.foreign)
    billed = np.where(chosen, usd, 0)
    priced = frame.assign(price_row=rows, list_pico=cost, stated=chosen, billed_pico=billed)
    unpriced = _unpriced(priced, book, missing)
    return (
        Priced(priced, book, unpriced, (*said, *rates, *notes))
        if len(frame)
        else Priced(priced, book, pd.DataFrame(unpriced))
    )


def _sizes(frame: pd.DataFrame, rows: Ints, book: PriceBook) -> list[str]:
    """Say where a price depends on the size of a request that the export does not tell."""
    size, total_input = frame["request_tokens"].to_numpy(), frame["input_tokens"].to_numpy()
    unknown = (size == 0) & (total_input > 0) & (rows >= 0) & np.isnan(frame["requests"].to_numpy())
    if not unknown.any():
        return []
    keys = {book.rows[int(row)].key for row in np.unique(rows[unknown])}
    names = sorted(
        f"{key.provider}/{key.sku}"
        for key in keys
        if any(low < total_input[unknown].max() for low in book.thresholds(key))
    )
    if not names:
        return []
    return [
        f"{', '.join(dict.fromkeys(names))}: long prompts cost more, and the export does not say "
        "how many requests a row holds; prices of short prompts are taken"
    ]


def _chosen(frame: pd.DataFrame, basis: str) -> tuple[Bools, list[str]]:
    """Tell which rows state money that counts: one kind of each export."""
    notes: list[str] = []
    words, files, providers = (frame[name].cat for name in ("money", "file", "provider"))
    money, of = words.codes.to_numpy(), files.codes.to_numpy().astype(np.int64)
    kinds = [str(word) for word in words.categories]
    if kinds == [""]:
        return np.zeros(len(frame), bool), notes
    # which kinds of money each export states
    states = np.zeros((len(files.categories), len(kinds)), bool)
    states[of, money] = True
    takes = states & np.array([kind == basis for kind in kinds])
    alone = ~takes.any(axis=1) & ~(states & np.array([k == "computed" for k in kinds])).any(axis=1)
    # an export that states one kind only
    takes[alone] = states[alone] & np.array([kind != "" for kind in kinds])
    chosen: Bools = takes[of, money]
    if "computed" in kinds:
        computed = money == kinds.index("computed")
        who = providers.codes.to_numpy()
        billed = np.unique(who[chosen & ~computed])
        with_bill = np.isin(who, billed)
        chosen |= computed & ~with_bill
        tools = " and ".join(sorted(set(frame.loc[computed, "layout"].astype(str))))
        notes.append(f"money of {tools} is what the tool worked out, not a bill")
        left = np.unique(who[computed & with_bill])
        if left.size:
            names = ", ".join(sorted(str(providers.categories[k]) for k in left))
            notes.append(f"it is left out for {names}, whose bill is here")
    return chosen, notes


def _other_meters(frame: pd.DataFrame, book: PriceBook, rows: Ints, cost: Ints) -> None:
    """Price hours and training, one look-up for each thing and day."""
    names = ["provider", "model", "mode", "region", "meter", "day"]
    mine = holds(frame["meter"], *TABLE_OF) & ~np.isnan(frame["quantity"].to_numpy())
    if not mine.any():
        return
    part = frame.loc[mine, [*names, "quantity"]]
    numbers = part.groupby(names, observed=True, sort=False).ngroup().to_numpy()
    first = np.unique(numbers, return_index=True)[1]
    found, usd = np.full(first.size, -1, np.int64), np.zeros(first.size)
    for k, record in enumerate(part.iloc[first].itertuples(index=False)):
        *words, meter, day, _ = record
        key = Key(TABLE_OF[str(meter)], *map(str, words))
        row = _row_on(book, key, str(meter), day.date())
        if row >= 0:
            found[k], usd[k] = row, book.unit_usd(row, str(meter))
    rows[mine] = found[numbers]
    money = usd[numbers] * part["quantity"].to_numpy() * PICO
    cost[mine] = np.rint(money).astype(np.int64)


def _row_on(book: PriceBook, key: Key, meter: str, day: date) -> int:
    """Return the row of a day, -1 without one.

    Bills do not say how a model was tuned: all ways must cost the same.
    """
    keys = [key]
    if key.table == "finetuning":
        same = [row.key for row in book.rows if row.key.table == key.table]
        keys = [
            other
            for other in dict.fromkeys(same)
            if (other.provider, other.mode, other.region) == (key.provider, key.mode, key.region)
            and other.sku.partition(":")[0] == key.sku
        ]
    rows = [book.row_on(one, day) for one in keys if book.sells(one, meter)]
    found = [row for row in rows if row >= 0 and not np.isnan(book.unit_usd(row, meter))]
    return found[0] if len({book.unit_usd(row, meter) for row in found}) == 1 else -1


def _unpriced(priced: pd.DataFrame, book: PriceBook, missing: Mapping[str, Bools]) -> pd.DataFrame:
    """List what has no price, and why."""
    import pandas as pd

    names = ["provider", "model", "mode", "region", "meter"]
    columns = [*names, "why", "rows", "requests", "tokens", "quantity", "billed_pico"]
    without = priced["price_row"].to_numpy() < 0
    if without.any():
        without &= holds(priced["kind"], "usage") & ~holds(priced["meter"], "money")
    if not without.any():
        return pd.DataFrame(columns=columns)
    part = priced.loc[without]
    records = []
    for values, group in part.groupby(names, observed=True, sort=True):
        provider, model, mode, region, meter = map(str, values)
        at = int(group.index[0])
        why = ""
        if meter != "tokens":
            why = _no_meter(
                book, Key(TABLE_OF.get(meter, ""), provider, model, mode, region), meter
            )
        elif not model:
            why = "the export names no model"
        else:
            gaps = [name for name, gap in missing.items() if gap[priced.index.get_loc(at)]]
            why = f"{provider}/{model} has no price for {', '.join(gaps)}" if gaps else ""
            if not why:
                try:
                    book.rows_for(price_columns(group.iloc[:1]), 1)
                except PriceError as error:
                    why = str(error)
        records.append(
            (
                *(provider, model, mode, region, meter, why, len(group)),
                float(group["requests"].sum(min_count=1)),
                int(group["input_tokens"].sum() + group["output_tokens"].sum()),
                float(group["quantity"].sum(min_count=1)),
                total(group["billed_pico"]),
            )
        )
    return pd.DataFrame.from_records(sorted(records, key=lambda r: r[:5]), columns=columns)


def _no_meter(book: PriceBook, key: Key, meter: str) -> str:
    if meter.lower() == "requests":
        return "the export counts requests and does not say their tokens"
    if not key.table:
        known = "" if meter in METERS else nearest(meter, METERS, listing=False)
        return f"the price tables have no meter {meter!r}{known}"
    if key.table != "finetuning":
        try:
            book.key(key)
        except PriceError as error:
            return str(error)
    return f"{key} has no price, or more than one, for {meter} on that day"
