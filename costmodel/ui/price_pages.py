"""Pages of the app about prices: what was looked up, and how each tab shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from costmodel.analysis.compare import Comparison
from costmodel.analysis.prices import price_history
from costmodel.analysis.request_costs import Mix
from costmodel.analysis.wording import money, provider_words, tally, whole
from costmodel.figures import market as pictures
from costmodel.figures import style
from costmodel.prices import lints, own
from costmodel.prices.book import PriceBook
from costmodel.prices.meters import TOKEN_COLUMNS
from costmodel.prices.rows import Key, PriceRow
from costmodel.report import table
from costmodel.ui import pieces

OLD_DAYS = 90
MOST_ROWS = 50
# as a request meets them
METERS = (
    *("input_mtok", "cached_input_mtok", "cache_write_mtok", "cache_write_1h_mtok"),
    *("cache_storage_mtok_hour", "output_mtok"),
)
METER_WORDS = {meter: pictures.METER_LOOKS[meter][0] for meter in METERS}
Edits = Mapping[tuple[Key, str], float]


@dataclass(frozen=True, eq=False)
class Found:
    """What the app shows.

    Attributes:
        book: The prices.
        on: Day of the prices.
        mix: Tokens of a request.
        about: Which models are compared.
        costs: One record for each model, cheapest first.
        key: The model looked at.
        gpu: The GPU looked at.
        find: Words of the models looked for.
        edits: Own prices that are tried out.
        scenario: File of the example whose bill is shown.
    """

    book: PriceBook = field(repr=False)
    on: date
    mix: Mix
    about: str
    costs: Sequence[Mapping[str, Any]]
    key: Key
    gpu: str
    find: str
    edits: Edits
    scenario: Path

    @cached_property
    def stale(self) -> list[dict[str, Any]]:
        """Rows of prices in force that nobody saw at their source for 90 days."""
        return [
            row
            for row in lints.stale([Path(folder) for folder in self.book.folders], self.on)
            if row["days"] > OLD_DAYS and row["file"] in self.counted
        ]

    @cached_property
    def counted(self) -> dict[str, int]:
        """File -> rows of prices in force."""
        found: dict[str, int] = {}
        for file, _ in {(row.file, row.line) for row in self.book.at(self.on).rows}:
            found[file] = found.get(file, 0) + 1
        return found

    @cached_property
    def listed(self) -> list[tuple[int, PriceRow]]:
        """Rows of token prices in force of the models looked for, with their places in `today`."""
        words = self.find.lower().split()
        # of rows that hold for the same requests, the last one counts
        rows = {
            (row.key, row.over_input_tokens, row.window): (place, row)
            for place, row in enumerate(self.today.rows)
            if row.key.table == "inference"
            and all(word in f"{row.key.provider} {row.key.sku}".lower() for word in words)
        }
        return sorted(rows.values(), key=lambda pair: (pair[1].key.provider, pair[1].key.sku))

    @cached_property
    def today(self) -> PriceBook:
        """The prices of the day."""
        return self.book.at(self.on)

    @property
    def own(self) -> list[own.OwnPrice]:
        """Own prices that are tried out."""
        return [own.OwnPrice(key, meter, usd) for (key, meter), usd in self.edits.items()]


@dataclass(frozen=True, eq=False)
class Bills:
    """The example before and after."""

    before: Comparison
    after: Comparison


def keys(found: Found) -> list[Key]:
    """Return the modes and regions in which the model looked at is sold, its own first."""
    sold = dict.fromkeys(
        row.key
        for row in found.today.rows
        if row.key.table == "inference"
        and (row.key.provider, row.key.sku) == (found.key.provider, found.key.sku)
    )
    return sorted(sold, key=lambda key: key != found.key)


def row_name(key: Key) -> str:
    """Return what a mode and region are called in the grid."""
    return " ".join(filter(None, [key.mode, key.region]))


def base_price(found: Found, key: Key, meter: str) -> tuple[float, PriceRow] | None:
    """Return the price of the base tier and the row that states it, None where there is none."""
    book = found.today
    rows = [row for row in book.rows_of(key) if not row.over_input_tokens and not row.window]
    if not rows:
        return None
    place = book.rows.index(rows[-1])
    usd = book.unit_usd(place, meter)
    return (usd, book.rows[book.cited(place, meter)[0]]) if usd == usd else None  # noqa: PLR0124


def cell(found: Found, key: Key, meter: str) -> dict[str, Any] | None:
    """Return a cell of the grid, None where the tables state no price."""
    base = base_price(found, key, meter)
    if base is None:
        return None
    listed, row = base
    usd = found.edits.get((key, meter), listed)
    note = f"{row.where}, checked {row.verified_on}"
    changed = (key, meter) in found.edits
    if changed:
        note += f"; the tables say {style.price(listed)}"
    return {"text": f"{usd:.12g}", "note": note, "changed": changed}


def flat(found: Found, place: int, row: PriceRow) -> dict[str, Any]:
    """Return a row of prices as a record."""
    return {
        "provider": row.key.provider,
        "model": row.key.sku,
        "mode": row.key.mode,
        "region": row.key.region,
        "over_input_tokens": row.over_input_tokens,
        "window": row.window,
        **{meter: found.today.unit_usd(place, meter) for meter in TOKEN_COLUMNS.values()},
        "file": row.file,
        "row": row.line,
        "source": row.source,
        "verified_on": row.verified_on,
    }


def verdict(found: Found) -> str:
    """Say what is cheapest for the requests asked about."""
    best = found.costs[0]
    text = f"A request of {tally(found.mix.input_tokens)} tokens with an answer of "
    text += f"{tally(found.mix.output_tokens)} costs least on {best['model']} at "
    text += f"{provider_words(best['provider'])}: {money(best['usd'] * 1000)} per 1,000"
    mine = [
        r for r in found.costs if (r["provider"], r["model"]) == (found.key.provider, found.key.sku)
    ]
    if mine and mine[0] is not best:
        ratio = mine[0]["usd"] / best["usd"]
        text += f"; {found.key.sku} costs {money(mine[0]['usd'] * 1000)}, "
        text += f"{ratio - 1:.0%} more" if ratio < 2 else f"{ratio:.3g} times as much"  # noqa: PLR2004
    elif len(found.costs) > 1:
        second = found.costs[1]
        text += f", next {second['model']} at {money(second['usd'] * 1000)}"
    return f"{text}. {len(found.costs)} models compared at the prices of {found.on}."


def warnings(found: Found) -> list[str]:
    """Say which prices are old, and whether the model looked at retires."""
    said = []
    old, every = len(found.stale), sum(found.counted.values())
    if old:
        said.append(
            f"{old:,} of {every:,} price rows in force were not seen at their source for "
            f"{OLD_DAYS} days: the tab Age lists them."
        )
    base = base_price(found, found.key, "input_mtok")
    if base is not None and (found.on - base[1].verified_on).days > OLD_DAYS:
        said.append(f"The price of {found.key.sku} was last checked on {base[1].verified_on}.")
    model = found.book.catalog.model(found.key.provider, found.key.sku)
    if model.ends_for_certain and model.retires is not None:
        after = f"; {model.replaced_by} is named as its successor" if model.replaced_by else ""
        said.append(
            f"{model.name} at {provider_words(model.provider)} retires on {model.retires}{after}."
        )
    return said


def requests(found: Found) -> Any:
    """Draw what the requests cost on each model."""
    mix = found.mix
    sent, back = tally(mix.input_tokens), tally(mix.output_tokens)
    about = f"{found.about}, {sent} tokens in and {back} out"
    return pictures.newest_for_the_money(found.costs, about)


def prices(found: Found) -> str:
    """Return the table of prices."""
    shown = found.listed[:MOST_ROWS]
    rows = []
    for place, row in shown:
        where = " ".join(filter(None, [row.key.mode, row.key.region]))
        if row.over_input_tokens:
            where += f", over {tally(row.over_input_tokens)} tokens"
        where += f", {row.window}" if row.window else ""
        shown_meters = ("input_mtok", "cached_input_mtok", "output_mtok")
        prices = [found.today.unit_usd(place, meter) for meter in shown_meters]
        age = (found.on - row.verified_on).days
        days = f"{age} day{'' if age == 1 else 's'}"
        old = f'<b class="old">{days}</b>' if age > OLD_DAYS else days
        rows.append(
            [
                pieces.two(escape(row.key.sku), escape(row.key.provider)),
                escape(where),
                *("" if usd != usd else style.price(usd) for usd in prices),  # noqa: PLR0124
                old,
                pieces.row_link(row.file, row.line, row.source, row.verified_on),
            ]
        )
    if not rows:
        return f"<p>No price row has {escape(found.find)!r} in its name.</p>"
    columns = {"Model": "words", "Mode": "words", "Input": "", "Cached input": "", "Output": ""}
    columns |= {"Age": "", "Price row": "words"}
    caption = f"{len(found.listed):,} rows in force on {found.on}, US$ per Mtok"
    if len(found.listed) > len(shown):
        caption += f"; the first {len(shown)}: find models to see others, or take all from Numbers"
    return table(columns, rows, caption)


def history(found: Found) -> Any:
    """Draw how the prices of the model looked at moved."""
    frame = price_history(found.book, found.key.provider, found.key.sku, mode=found.key.mode)
    return pictures.price_history(frame, found.on)


def ages(found: Found) -> list[Any]:
    """Draw and list the rows that nobody saw lately."""
    rows = [
        [
            f"{row['days']:,}",
            pieces.two(escape(row["what"]), f"tried {row['tried_on']}" if row["tried_on"] else ""),
            pieces.row_link(row["file"], row["line"], row["source"], row["verified_on"]),
        ]
        for row in found.stale
    ]
    columns = {"Days": "", "What": "words", "Price row": "words"}
    caption = f"{len(rows):,} rows not seen for {OLD_DAYS} days, the oldest first"
    html = pieces.folded(caption, table(columns, rows, caption)) if rows else ""
    return [pictures.ages(found.stale, found.counted, OLD_DAYS), html]


def moved(found: Found, bills: Bills) -> str:
    """Return the bill of the example before and after."""
    before = {option.name: option.as_dict() for option in bills.before.results}
    after = {option.name: option.as_dict() for option in bills.after.results}
    name = escape(found.scenario.name)
    rows, moved = [], 0
    for option in bills.before.results:
        old, new = before[option.name], after[option.name]
        if not (old["feasible"] and new["feasible"]):
            continue
        change = new["total_usd"] - old["total_usd"]
        moved += abs(change) > 1e-9  # noqa: PLR2004
        sign = "+" if change > 0 else "−"  # noqa: RUF001
        rows.append(
            [
                escape(option.name),
                whole(old["total_usd"]),
                whole(new["total_usd"]),
                f"{sign}{whole(abs(change))}" if abs(change) > 1e-9 else "",  # noqa: PLR2004
            ]
        )
    months = bills.before.scenario.months
    columns = {"Option": "words", "With the tables": "", "With your prices": "", "Change": ""}
    html = table(columns, rows, f"Bill of {name} over {months} months, US dollars")
    if not found.edits:
        said = "Change a price above to see this bill move; nothing is written until you keep it."
    elif not moved:
        said = f"No option of {name} pays the prices you changed, so its bill stays."
    else:
        said = f"With your prices: {bills.after.verdict}"
    return f"<p>{escape(said)}</p>{html}"
