"""What providers ask, how old that is, and what a bill becomes with prices of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

from costmodel import costs
from costmodel.analysis.compare import Comparison, compare
from costmodel.analysis.prices import price_history, rents
from costmodel.analysis.request_costs import Mix, request_costs
from costmodel.analysis.wording import money
from costmodel.errors import CostModelError, PriceError
from costmodel.figures import market as pictures
from costmodel.figures import style
from costmodel.prices import own
from costmodel.prices.book import PriceBook, default_layers
from costmodel.prices.rows import Key
from costmodel.report import table
from costmodel.scenario import Scenario
from costmodel.ui import pieces
from costmodel.ui import price_pages as pages
from costmodel.ui.app import App, Step, Tab
from costmodel.ui.controls import Choice, Field, Quantity, decades
from costmodel.ui.grid import Grid
from costmodel.ui.scenario_app import scenario_files
from costmodel.ui.screen import Files

SOURCE = "own price, set in prices_and_providers"
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
            verdict=pages.verdict,
            warnings=pages.warnings,
            tabs=[
                Tab("Your requests", pages.requests),
                Tab("Prices", pages.prices),
                Tab("History", pages.history),
                Tab("GPU rents", lambda f: pictures.rents(rents(f.book, f.gpu, f.on), f.on)),
                Tab("Age", pages.ages),
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
            models, _ = pieces.models_asked_for(changed, self.book, self.on)
            names = [f"{model.provider}/{model.name}" for model in models]
            if state["model"] not in names:
                newest = max(models, key=lambda model: model.released or date.min)
                changed["model"] = f"{newest.provider}/{newest.name}"
        return changed

    def _looked_up(self, state: Mapping[str, Any]) -> pages.Found:
        book = self.book
        models, about = pieces.models_asked_for(state, book, self.on)
        mix = Mix(state["input_tokens"], state["output_tokens"], mode=state["mode"])
        provider, _, name = state["model"].partition("/")
        book.catalog.check_provider(provider)
        sku = book.catalog.model(provider, name).name
        key = book.key(Key("inference", provider, sku, state["mode"], ""))
        return pages.Found(
            book=book,
            on=self.on,
            mix=mix,
            about=about,
            costs=request_costs(mix, models, book, self.on),
            key=key,
            gpu=book.catalog.gpu(state["gpu"]),
            find=state["find"],
            edits=state["edits"],
            scenario=self._scenario.parent / state["scenario"],
        )

    def _main(self, found: pages.Found) -> list[Field]:
        sold = sorted(f"{record['provider']}/{record['model']}" for record in found.costs)
        names = dict.fromkeys([*sold, self.state["model"]])
        model = Choice("model", "Look at", {_shown(name): name for name in names})
        rows = self.book.at(self.on).rows
        gpus = sorted({str(row.facts["gpu"]) for row in rows if row.key.table == "gpu_rental"})
        gpu = Choice("gpu", "GPU for rent", {name: name for name in gpus})
        return [INPUT, OUTPUT, FIND, model, gpu]

    def _further(self, _found: pages.Found) -> list[Field]:
        bill = replace(scenario_files(self._scenario), name="scenario", label="Example bill")
        return [pieces.CHOICE, pieces.MODE, bill, FOLDER]

    # own prices

    def edit(self, row: str, meter: str, text: str) -> None:
        """Try out a price.

        Args:
            row: Mode and region of the model looked at, as the table of prices calls them.
            meter: What is counted.
            text: The price; blank takes back what was tried.
        """
        found: pages.Found = self.found
        key = next((key for key in pages.keys(found) if pages.row_name(key) == row), None)
        if key is None:  # the model looked at was changed meanwhile
            return
        edits = {k: usd for k, usd in found.edits.items() if k != (key, meter)}
        try:
            if text.strip():
                price = Quantity("price", f"Price of {pages.METER_WORDS[meter]}", high=1e5)
                base = pages.base_price(found, key, meter)
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

    def _try(self, said: str, edits: pages.Edits) -> None:
        """Take over prices that are tried out; the table says so before the bill is there."""
        self._outcome = said
        self.become({**self.state, "edits": edits})
        self._show_grid(self.found)

    def _bills(self, found: pages.Found, step: Step) -> pages.Bills:
        """Bill the example with the prices of the tables, and with those tried out."""
        scenario = Scenario.read(found.scenario)
        if found.scenario not in self._before:
            self._before[found.scenario] = compare(scenario, found.book)
        step(0.5)
        before = self._before[found.scenario]
        if not found.edits:
            return pages.Bills(before, before)
        tried = own.with_own(found.book, found.own, found.on, SOURCE)
        return pages.Bills(before, compare(scenario, tried))

    def _show_grid(self, found: pages.Found) -> None:
        keys = pages.keys(found)
        meters = [
            m
            for m in pages.METERS
            if any(pages.base_price(found, key, m) is not None for key in keys)
        ]
        rows = [
            {
                "name": pages.row_name(key),
                "label": pages.row_name(key),
                "cells": {m: c for m in meters if (c := pages.cell(found, key, m)) is not None},
            }
            for key in keys
        ]
        columns = [
            {"name": meter, "label": pages.METER_WORDS[meter].capitalize()} for meter in meters
        ]
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

    def _edited(self, found: pages.Found, bills: pages.Bills) -> list[Any]:
        self._show_grid(found)
        return [self.grid, pages.moved(found, bills)]

    # the last tab

    def code(self) -> str:
        """Return the same as code for a script."""
        found: pages.Found = self.found
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

    def _numbers(self, found: pages.Found) -> list[Any]:
        files = Files(
            ready={
                "models.csv": pieces.csv(found.costs),
                "history.csv": pieces.csv(
                    price_history(
                        found.book, found.key.provider, found.key.sku, mode=found.key.mode
                    )
                ),
                "rents.csv": pieces.csv(rents(found.book, found.gpu, found.on)),
            },
            made={
                "prices.csv": lambda: pieces.csv(
                    [pages.flat(found, *pair) for pair in found.listed]
                ),
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
