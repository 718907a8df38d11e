"""Figures that circulate, beside those of the price tables."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import MISSING
from datetime import date
from typing import Any

from costmodel.analysis.market import HOURS_PER_MONTH
from costmodel.analysis.wording import money
from costmodel.approaches import FineTune
from costmodel.costs import plan_serving
from costmodel.errors import PriceError, nearest
from costmodel.plans.training import plan_training
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import Key
from costmodel.prices.specs import Specs
from costmodel.prices.tables import Record

Figure = tuple[str, list[str]]


def claims(book: PriceBook, on: date) -> list[dict[str, Any]]:
    """Return every claim with our figure and the rows behind it.

    Args:
        book: The prices; the figures are computed from them.
        on: Day of the prices.

    Returns:
        Records with id, claim, circulates, verdict, figure (what the tables say, blank where there
        is nothing to compute), rows, source, verified_on, note.
    """
    records = []
    for row in book.catalog.claims:
        word, _, rest = str(row["subject"]).partition(" ")
        if not re.fullmatch(r"[A-Z]\d+", str(row["id"])):
            message = f"{row['file']} line {row['line']}: id must be like D1, got {row['id']!r}"
            raise PriceError(message)
        if word not in FIGURES:
            message = f"{row['file']} line {row['line']}: unknown subject {row['subject']!r}"
            raise PriceError(message)
        try:
            figure, rows = FIGURES[word](book, rest, on)
        except PriceError as error:
            message = f"{row['file']} line {row['line']}: {error}"
            raise PriceError(message) from None
        facts = {k: row[k] for k in ("id", "claim", "circulates", "verdict", "note", "source")}
        records.append(
            {**facts, "figure": figure, "rows": rows, "verified_on": str(row["verified_on"])}
        )
    return sorted(records, key=lambda record: (len(str(record["id"])), str(record["id"])))


def _where(row: Any) -> str:
    return f"{row['file']} line {row['line']}"


def _offers(book: PriceBook, provider: str, on: date) -> list[Record]:
    book.catalog.check_provider(provider)
    return [row for row in book.catalog.offers_on(on) if row["provider"] == provider]


def _train(book: PriceBook, rest: str, on: date) -> Figure:
    """Say what training a model, or any model at a provider, costs per Mtok."""
    provider, _, model = rest.partition("/")
    rows = [
        row
        for row in _offers(book, provider, on)
        if row["unit"] in ("mtok", "mtok_epoch") and row["mode"] == "standard"
    ]
    if model:
        name = book.catalog.name(provider, model)
        rows = [row for row in rows if row["model"] == name and row["objective"] == "sft"]
    if not rows:
        message = f"nobody trains {rest!r} by the token"
        raise PriceError(message)
    prices = [row["price"] for row in rows]
    least = {row["minimum"] for row in rows if not math.isnan(row["minimum"])}
    low, high = money(min(prices)), money(max(prices))
    text = f"{low} per Mtok" if low == high else f"{low} to {high} per Mtok"
    if least:
        text += f", at least {money(min(least))} a job"
    cheapest, dearest = min(rows, key=lambda r: r["price"]), max(rows, key=lambda r: r["price"])
    return text, list(dict.fromkeys([_where(cheapest), _where(dearest)]))


def _tuned_ratio(book: PriceBook, rest: str, on: date) -> Figure:  # noqa: ARG001
    """Say what tuned tokens cost over those of the base, where they are sold by the token."""
    found = []
    for row in book.catalog.offers_on(on):
        if not row["serves_as"] or not row["model"]:
            continue
        keys = [
            Key("inference", row["provider"], name, "standard", row["region"])
            for name in (row["serves_as"], row["model"])
        ]
        for meter in ("input_mtok", "output_mtok"):
            if all(book.sells(key, meter) for key in keys):
                tuned = book.rows_of(keys[0])[0]
                prices = [book.price_on(k, meter, tuned.verified_on) for k in keys]
                if all(price > 0 for price in prices):
                    found.append((prices[0] / prices[1], tuned.where))
    if not found:
        message = "no tuned model is sold by the token beside its base"
        raise PriceError(message)
    low, high = min(found), max(found)
    return f"{low[0]:.1f}x to {high[0]:.1f}x the base", [low[1], high[1]]


def _hosting(book: PriceBook, rest: str, on: date) -> Figure:
    """Say what an idle tuned model costs a month."""
    provider, _, model = rest.partition("/")
    offer = book.catalog.tuning(provider, model, on=on)
    usd = offer.hosting_per_hour
    text = f"{money(usd)} an hour, {money(usd * HOURS_PER_MONTH)} a month, asked or not"
    return text, [_where(offer.row)]


def _dedicated(book: PriceBook, rest: str, on: date) -> Figure:
    """Say what a dedicated GPU costs, and a Mtok of a model on it."""
    return _standing(book, rest, on, "dedicated")


def _rented(book: PriceBook, rest: str, on: date) -> Figure:
    """Say what a GPU with software of one's own costs, and a Mtok of a model on it."""
    return _standing(book, rest, on, "on_demand")


LOAD = (1_500.0, 300.0)  # tokens of a prompt and an answer
TENTH = 0.1  # of what it could serve: a GPU that waits most of the day


def _standing(book: PriceBook, rest: str, on: date, market: str) -> Figure:
    provider, gpu, *model = rest.split(" ")
    row = book.rentals(provider, gpu, market)[0]
    usd = book.price_on(row.key, "instance_hour", on)
    valid = [r for r in book.rows_of(row.key) if (r.effective_from or date.min) <= on][-1]
    text = f"{money(usd)} an hour, {money(usd * HOURS_PER_MONTH)} a month, idle or not"
    if model:
        found = plan_serving(
            *(model[0], gpu),
            input_tokens=LOAD[0],
            output_tokens=LOAD[1],
            requests_per_second=0.1,
            gpus=1,
            usd_per_gpu_hour=usd,
            on=on,
            book=book,
        )
        full, most = found.usd_per_mtok_full, found.usd_per_mtok_full / TENTH
        text += f"; {money(full)} per Mtok of {model[0]} if always full, {money(most)} at a tenth"
    return text, [valid.where]


def _run(book: PriceBook, rest: str, on: date) -> Figure:  # noqa: ARG001
    """Say how long training runs of several sizes take on a GPU."""
    model, gpu, method, *sizes = rest.split(" ")
    specs = Specs.of(book)
    plans = [
        plan_training(model, gpu, tokens=float(size), method=method, gpus=1, specs=specs)
        for size in sizes
    ]
    shown = [
        f"{p.hours:.1f} h ({p.hours_low:.1f} to {p.hours_high:.1f}) for {float(size) / 1e6:g} Mtok"
        for p, size in zip(plans, sizes, strict=True)
    ]
    text = f"{', '.join(shown)} of {plans[0].model} with {method} on one {plans[0].gpu}"
    return text, [_where(specs.tool(plans[0].tool)), _where(specs.gpu(gpu))]


def _faster(book: PriceBook, rest: str, on: date) -> Figure:  # noqa: ARG001
    """Say how much faster one tool trains than another, all else equal."""
    first, second, model, gpu = rest.split(" ")
    specs = Specs.of(book)
    shown = []
    for method in ("lora", "qlora"):
        speeds = [
            plan_training(
                model, gpu, tokens=1e6, method=method, stack=stack, gpus=1, specs=specs
            ).tokens_per_second
            for stack in (first, second)
        ]
        shown.append(f"{speeds[0] / speeds[1]:.2f}x with {method}")
    text = f"{' and '.join(shown)} for {model} on one {gpu}"
    return text, [_where(specs.tool(stack)) for stack in (first, second)]


def _min_examples(book: PriceBook, rest: str, on: date) -> Figure:
    """Say how many examples a provider wants at least."""
    rows = [row for row in _offers(book, rest, on) if not math.isnan(row["min_examples"])]
    if not rows:
        message = f"{rest} states no minimum of examples"
        raise PriceError(message)
    least = min(rows, key=lambda row: row["min_examples"])
    return f"{rest} takes {least['min_examples']:g} or more", [_where(least)]


def _default(book: PriceBook, rest: str, on: date) -> Figure:  # noqa: ARG001
    """Say that the program has no default: the number is asked for."""
    known = FineTune.__dataclass_fields__
    if rest not in known:
        message = f"no default {rest!r}{nearest(rest, known)}"
        raise PriceError(message)
    entry = known[rest]
    stated = "no default, the scenario states it" if entry.default is MISSING else entry.default
    return f"{rest}: {stated}", []


def _text(book: PriceBook, rest: str, on: date) -> Figure:  # noqa: ARG001
    return "", []


FIGURES: dict[str, Callable[[PriceBook, str, date], Figure]] = {
    "train": _train,
    "tuned_ratio": _tuned_ratio,
    "hosting": _hosting,
    "dedicated": _dedicated,
    "rented": _rented,
    "run": _run,
    "faster": _faster,
    "min_examples": _min_examples,
    "default": _default,
    "text": _text,
}

# B2: what circulates is the call of a client that no longer exists
JOB_CALL = """\
from openai import OpenAI

client = OpenAI()
uploaded = client.files.create(file=open("examples.jsonl", "rb"), purpose="fine-tune")
job = client.fine_tuning.jobs.create(training_file=uploaded.id, model="gpt-4.1-mini-2025-04-14")
"""
