"""What providers ask, how old that is, and what a bill becomes with prices of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from costmodel import costs
from costmodel.analysis.compare import Comparison, compare
from costmodel.analysis.prices import price_history, rents
from costmodel.analysis.request_costs import Mix, on_sale, request_costs
from costmodel.analysis.wording import money, tally, whole
from costmodel.errors import CostModelError, DataError, PriceError
from costmodel.figures import market as pictures
from costmodel.figures import style
from costmodel.prices import lints, own
from costmodel.prices.book import PriceBook, default_layers
from costmodel.prices.meters import TOKEN_COLUMNS
from costmodel.prices.rows import Key, PriceRow
from costmodel.report import table
from costmodel.scenario import Scenario
from costmodel.ui import pieces
from costmodel.ui.app import App, Step, Tab
from costmodel.ui.controls import Choice, Field, Quantity, decades
from costmodel.ui.count_my_tokens import CHOICE, MODE, MODELS
from costmodel.ui.grid import Grid
from costmodel.ui.scenario_app import scenario_files
from costmodel.ui.screen import Files

OLD_DAYS = 90
SOURCE = "own price, set in prices_and_providers"
MOST_ROWS = 50
INPUT = Quantity(
    "input_tokens",
    "Tokens sent in a request",
    rounds=decades(100, 1e6),
    low=1.0,
    note="Everything: instructions, history, passages, question.",
)
OUTPUT = Quantity(
    "output_tokens", "Tokens of an answer", rounds=decades(10, 1e5), low=1.0, note="With thinking."
)
FIND = Field(
    "find", "Find models or providers", note="Words of provider or name, such as: openai mini"
)
FOLDER = Field(
    "folder",
    "Keep own prices in the folder",
    note="A folder called pricing is used by itself where you work; others by COSTMODEL_PRICES.",
)
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
        rows = [
            (place, row)
            for place, row in enumerate(self.today.rows)
            if row.key.table == "inference"
            and all(word in f"{row.key.provider} {row.key.sku}".lower() for word in words)
        ]
        return sorted(rows, key=lambda pair: (pair[1].key.provider, pair[1].key.sku))

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


def prices_and_providers(
    scenario: str | Path = "scenarios/support_bot.toml",
    *,
    model: str = "openai/gpt-6-luna",
    gpu: str = "H100-SXM",
    folder: str | Path = "pricing",
    book: PriceBook | None = None,
    on: date | None = None,
) -> App:
    """Show prices, their age and history, and what a bill becomes with prices of one's own.

    Args:
        scenario: The example whose bill is shown.
        model: Provider and model to begin with.
        gpu: GPU to begin with.
        folder: Where own prices are kept.
        book: The prices; None = the shipped tables, with your own laid over them.
        on: Day of the prices; None = today.
    """
    first = {"model": model, "gpu": gpu, "folder": str(folder), "scenario": Path(scenario).name}
    return PricesAndProviders(first, Path(scenario), book, on or costs.today())


class PricesAndProviders(App):
    """The app about prices. Its state: the fields, and `edits`."""

    def __init__(
        self, first: Mapping[str, Any], scenario: Path, book: PriceBook | None, on: date
    ) -> None:
        """Show the prices."""
        self._book, self.on, self._scenario = book, on, scenario
        self._before: dict[Path, Comparison] = {}
        self.grid = Grid(self.edit, self.keep, self.undo)
        self._outcome = ""
        super().__init__(
            fields=self._main,
            more=self._further,
            state=None,
            compute=self._looked_up,
            verdict=_verdict,
            warnings=_warnings,
            tabs=[
                Tab("Your requests", _requests),
                Tab("Prices", _prices),
                Tab("History", _history),
                Tab("GPU rents", lambda f: pictures.rents(rents(f.book, f.gpu, f.on), f.on)),
                Tab("Age", _ages),
                Tab("Edit a price", self._edited, self._bills),
                Tab("Numbers", self._numbers),
            ],
        )
        usual = {
            "input_tokens": 1_500.0,
            "output_tokens": 300.0,
            "find": "",
            "models": "new",
            "mode": "standard",
            "edits": {},
        }
        self.become({**usual, **first})

    @property
    def book(self) -> PriceBook:
        """The prices, as they were when the app began or kept some."""
        if self._book is None:
            self._book = pieces.read_book()
        return self._book

    def put(self, state: Mapping[str, Any], name: str, value: Any) -> Any:
        """Return a state with another value; what is looked for decides what is looked at."""
        changed = {**state, name: value}
        if name in ("find", "models", "mode"):
            models = self._on_sale(changed)
            names = [f"{model.provider}/{model.name}" for model in models]
            if state["model"] not in names:
                newest = max(models, key=lambda model: model.released or date.min)
                changed["model"] = f"{newest.provider}/{newest.name}"
        return changed

    def _on_sale(self, state: Mapping[str, Any]) -> list[Any]:
        makers, days, _ = MODELS[state["models"]]
        found = on_sale(
            self.book,
            self.on,
            makers=makers,
            new_days=days,
            find=state["find"],
            mode=state["mode"],
        )
        if not found:
            message = f"no model on sale has {state['find']!r} in its name and {state['mode']} mode"
            raise DataError(message)
        return found

    def _looked_up(self, state: Mapping[str, Any]) -> Found:
        book = self.book
        about = MODELS[state["models"]][2]
        if state["find"].strip():
            about = f"models with {state['find'].strip()!r} in their name"
        mix = Mix(state["input_tokens"], state["output_tokens"], mode=state["mode"])
        provider, _, name = state["model"].partition("/")
        book.catalog.check_provider(provider)
        sku = book.catalog.model(provider, name).name
        key = book.key(Key("inference", provider, sku, state["mode"], ""))
        return Found(
            book=book,
            on=self.on,
            mix=mix,
            about=about,
            costs=request_costs(mix, self._on_sale(state), book, self.on),
            key=key,
            gpu=book.catalog.gpu(state["gpu"]),
            find=state["find"],
            edits=state["edits"],
            scenario=self._scenario.parent / state["scenario"],
        )

    def _main(self, found: Found) -> list[Field]:
        sold = sorted(f"{record['provider']}/{record['model']}" for record in found.costs)
        names = dict.fromkeys([*sold, self.state["model"]])
        model = Choice("model", "Look at", {_shown(name): name for name in names})
        rows = self.book.at(self.on).rows
        gpus = sorted({str(row.facts["gpu"]) for row in rows if row.key.table == "gpu_rental"})
        gpu = Choice("gpu", "GPU for rent", {name: name for name in gpus})
        return [INPUT, OUTPUT, FIND, model, gpu]

    def _further(self, _found: Found) -> list[Field]:
        example = scenario_files(self._scenario)
        return [CHOICE, MODE, replace(example, name="scenario", label="Example bill"), FOLDER]

    # own prices

    def edit(self, row: str, meter: str, text: str) -> None:
        """Try out a price.

        Args:
            row: Mode and region of the model looked at, as the table of prices calls them.
            meter: What is counted.
            text: The price; blank takes back what was tried.
        """
        found: Found = self.found
        key = next((key for key in _keys(found) if _row_name(key) == row), None)
        if key is None:  # the model looked at was changed meanwhile
            return
        edits = {k: usd for k, usd in found.edits.items() if k != (key, meter)}
        try:
            if text.strip():
                price = Quantity("price", f"Price of {METER_WORDS[meter]}", high=1e5)
                base = _base(found, key, meter)
                usd = float(str(price.read(text)))
                if base is None or usd != base[0]:
                    edits[key, meter] = usd
        except CostModelError as error:
            self._outcome = str(error)
            self._show_grid(found)
            return
        self._try("", edits)

    def undo(self) -> None:
        """Take back all prices that were tried out."""
        self._try("", {})

    def keep(self) -> None:
        """Write the prices that were tried out to the folder of own prices."""
        found, folder = self.found, Path(self.state["folder"])
        if not found.edits:
            return
        try:
            path = own.keep(folder, found.own, self.on, SOURCE, found.book.folders)
            used = any(folder.resolve() == layer.resolve() for layer in default_layers())
            book = (
                pieces.read_book()
                if used
                else PriceBook.read(*_others(found.book, folder), folder, shipped=False)
            )
        except PriceError as error:
            self._outcome = str(error)
            self._show_grid(found)
            return
        self._book = book
        self._before = {}
        costs.shipped_book.cache_clear()
        said = f"Kept in {path}, from {self.on} on. "
        said += (
            "Every command and app that is started here uses it."
            if used
            else f"Commands use it with --prices {folder}."
        )
        self._try(said, {})

    def _try(self, said: str, edits: Edits) -> None:
        """Take over prices that are tried out; the table says so before the bill is there."""
        self._outcome = said
        self.become({**self.state, "edits": edits})
        self._show_grid(self.found)

    def _bills(self, found: Found, step: Step) -> Bills:
        """Bill the example with the prices of the tables, and with those tried out."""
        scenario = Scenario.read(found.scenario)
        if found.scenario not in self._before:
            self._before[found.scenario] = compare(scenario, found.book)
        step(0.5)
        before = self._before[found.scenario]
        if not found.edits:
            return Bills(before, before)
        tried = own.with_own(found.book, found.own, found.on, SOURCE)
        return Bills(before, compare(scenario, tried))

    def _show_grid(self, found: Found) -> None:
        keys = _keys(found)
        meters = [m for m in METERS if any(_base(found, key, m) is not None for key in keys)]
        rows = [
            {
                "name": _row_name(key),
                "label": _row_name(key),
                "cells": {m: c for m in meters if (c := _cell(found, key, m)) is not None},
            }
            for key in keys
        ]
        columns = [{"name": meter, "label": METER_WORDS[meter].capitalize()} for meter in meters]
        self.grid.show(
            rows,
            columns,
            corner="Mode",
            caption=f"{found.key.sku} at {found.key.provider}, US$ per Mtok on {found.on}. "
            "Type a price of your own; a blank takes it back.",
            save=f"Keep in {Path(self.state['folder']) / own.FILE}",
            said=self._outcome,
            changed=bool(found.edits),
        )

    def _edited(self, found: Found, bills: Bills) -> list[Any]:
        self._show_grid(found)
        return [self.grid, _moved(found, bills)]

    # the last tab

    def code(self) -> str:
        """Return the same as code for a script."""
        found: Found = self.found
        best = found.costs[0]
        mode = "" if found.mix.mode == "standard" else f", mode={found.mix.mode!r}"
        asked = (
            f"input_tokens={found.mix.input_tokens:g}, output_tokens={found.mix.output_tokens:g}"
        )
        lines = ["import costmodel as cm", "", "book = cm.PriceBook.read()"]
        folder = Path(self.state["folder"])
        if folder.is_dir():
            lines[-1] = f"book = cm.PriceBook.read({str(folder)!r})"
        lines.append(
            f"cm.inference_cost({best['provider']!r}, {best['model']!r}, {asked}{mode}, book=book)"
        )
        lines.append(f'scenario = cm.Scenario.read("{found.scenario.as_posix()}")')
        lines.append("print(cm.compare(scenario, book).verdict)")
        return "\n".join(lines)

    def _numbers(self, found: Found) -> list[Any]:
        files = Files(
            ready={
                "models.csv": pieces.csv(found.costs),
                "history.csv": price_history(
                    found.book, found.key.provider, found.key.sku, mode=found.key.mode
                ).to_csv(index=False, lineterminator="\n"),
                "rents.csv": rents(found.book, found.gpu, found.on).to_csv(
                    index=False, lineterminator="\n"
                ),
            },
            made={
                "prices.csv": lambda: pieces.csv([_flat(found, *pair) for pair in found.listed]),
                "old_rows.csv": lambda: pieces.csv(found.stale),
            },
            labels={
                "models.csv": "Cost by model (CSV)",
                "history.csv": "History (CSV)",
                "rents.csv": "Rents (CSV)",
                "prices.csv": "Prices (CSV)",
                "old_rows.csv": "Old rows (CSV)",
            },
        )
        folders = ", then ".join(
            "the shipped tables" if k == 0 else Path(folder).name
            for k, folder in enumerate(found.book.folders)
        )
        columns = {"Model": "words", "1,000 requests": "", "Input": "", "Output": ""}
        columns |= {"Released": "words day", "Price row": "words"}
        rows = [
            [
                pieces.two(escape(r["model"]), escape(r["provider"])),
                money(r["usd"] * 1000),
                style.price(r["input_usd_per_mtok"]),
                style.price(r["output_usd_per_mtok"]),
                r["released"] or "",
                pieces.row_link(r["file"], r["row"], r["source"], r["verified_on"]),
            ]
            for r in found.costs
        ]
        caption = f"{len(rows)} {escape(found.about)}; prices from {folders}, US$ per Mtok"
        return [files, table(columns, rows, caption, best=0) + pieces.code(self.code())]


def _shown(name: str) -> str:
    provider, _, model = name.partition("/")
    return f"{model}, {provider}"


def _others(book: PriceBook, folder: Path) -> list[str]:
    return [name for name in book.folders if Path(name).resolve() != folder.resolve()]


def _keys(found: Found) -> list[Key]:
    """Return the modes and regions in which the model looked at is sold, its own first."""
    sold = dict.fromkeys(
        row.key
        for row in found.today.rows
        if row.key.table == "inference"
        and (row.key.provider, row.key.sku) == (found.key.provider, found.key.sku)
    )
    return sorted(sold, key=lambda key: key != found.key)


def _row_name(key: Key) -> str:
    return " ".join(filter(None, [key.mode, key.region]))


def _base(found: Found, key: Key, meter: str) -> tuple[float, PriceRow] | None:
    """Return the price of the base tier and the row that states it, None where there is none."""
    book = found.today
    rows = [row for row in book.rows_of(key) if not row.over_input_tokens and not row.window]
    if not rows:
        return None
    place = book.rows.index(rows[-1])
    usd = book.unit_usd(place, meter)
    return (usd, book.rows[book.cited(place, meter)[0]]) if usd == usd else None  # noqa: PLR0124


def _cell(found: Found, key: Key, meter: str) -> dict[str, Any] | None:
    base = _base(found, key, meter)
    if base is None:
        return None
    listed, row = base
    usd = found.edits.get((key, meter), listed)
    note = f"{row.where}, checked {row.verified_on}"
    changed = (key, meter) in found.edits
    if changed:
        note += f"; the tables say {style.price(listed)}"
    return {"text": f"{usd:.12g}", "note": note, "changed": changed}


def _flat(found: Found, place: int, row: PriceRow) -> dict[str, Any]:
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


def _verdict(found: Found) -> str:
    best = found.costs[0]
    text = f"A request of {tally(found.mix.input_tokens)} tokens with an answer of "
    text += f"{tally(found.mix.output_tokens)} costs least on {best['model']} at "
    text += f"{best['provider']}: {money(best['usd'] * 1000)} per 1,000"
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


def _warnings(found: Found) -> list[str]:
    said = []
    old, every = len(found.stale), sum(found.counted.values())
    if old:
        said.append(
            f"{old:,} of {every:,} price rows in force were not seen at their source for "
            f"{OLD_DAYS} days: the tab Age lists them."
        )
    base = _base(found, found.key, "input_mtok")
    if base is not None and (found.on - base[1].verified_on).days > OLD_DAYS:
        said.append(f"The price of {found.key.sku} was last checked on {base[1].verified_on}.")
    model = found.book.catalog.model(found.key.provider, found.key.sku)
    if model.ends_for_certain and model.retires is not None:
        after = f"; {model.replaced_by} is named as its successor" if model.replaced_by else ""
        said.append(f"{model.name} at {model.provider} retires on {model.retires}{after}.")
    return said


def _requests(found: Found) -> Any:
    mix = found.mix
    sent, back = tally(mix.input_tokens), tally(mix.output_tokens)
    about = f"{found.about}, {sent} tokens in and {back} out"
    return pictures.newest_for_the_money(found.costs, about)


def _prices(found: Found) -> str:
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
        old = f'<b class="old">{age} days</b>' if age > OLD_DAYS else f"{age} days"
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


def _history(found: Found) -> Any:
    frame = price_history(found.book, found.key.provider, found.key.sku, mode=found.key.mode)
    return pictures.price_history(frame, found.on)


def _ages(found: Found) -> list[Any]:
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


def _moved(found: Found, bills: Bills) -> str:
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
