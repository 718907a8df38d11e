"""The same log at other prices: other models, modes, caching, shorter prompts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from costmodel.analysis.repricing import Calls, Ints, Mask, calls_of
from costmodel.errors import PriceError, ScenarioError, nearest
from costmodel.months import Array
from costmodel.prices.catalog import VENDORS, Model
from costmodel.prices.rows import Key
from costmodel.usage.ledger import TOKENS
from costmodel.usage.pricing import Priced, dollars, total

MODES = ("batch", "flex", "standard")
NEW = timedelta(days=365)  # age up to which models are proposed
CHEAPEST, NEWEST = 2, 2  # models of the same provider that are proposed
ROWS = 2000  # rows of the log by which models are proposed
OTHERS = 3  # models of other makers that are proposed
MAIN = 0.05  # share of the money from which on a provider counts as one's own
WRITES = 0.1  # cache writes for each read that is new, where writes are billed
EQUAL = "All of this supposes answers of equal quality, which only a test of your own can show."


@dataclass(frozen=True)
class Saving:
    """What the log would have cost otherwise.

    Attributes:
        name: What is done.
        kind: model | mode | cache | prompt | together.
        usd: What the whole log would have cost. [US$]
        saved_usd: What that saves. [US$]
        share: Share of the money of the log that it touches; the rest stays as it is. [1]
        tokens_ratio: Tokens of its tokenizer for one of those in the log. [1]
        notes: What was supposed, and what stays as it is.
    """

    name: str
    kind: str
    usd: float
    saved_usd: float
    share: float
    tokens_ratio: float = 1.0
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        return asdict(self) | {"notes": list(self.notes)}


@dataclass(frozen=True)
class Savings:
    """What a log cost, and what it would have cost otherwise.

    Attributes:
        first, last: Days of the log.
        list_usd: What it cost at the list prices of each day. [US$]
        billed_usd: What was billed for these rows, None where not all of them say. [US$]
        found: Each way by itself, the largest saving of each kind first.
        refused: What was not counted -> why.
        notes: What a reader should know.
    """

    first: str
    last: str
    list_usd: float
    billed_usd: float | None
    found: tuple[Saving, ...]
    refused: Mapping[str, str]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "supposed": EQUAL,
            "from": self.first,
            "to": self.last,
            "list_usd": self.list_usd,
            "billed_usd": self.billed_usd,
            "savings": [saving.as_dict() for saving in self.found],
            "refused": dict(self.refused),
            "notes": list(self.notes),
        }


def savings(
    priced: Priced,
    *,
    models: Sequence[str] = (),
    batch: float = 0.5,
    cached: float = 0.5,
    keeps: float = 0.5,
    content: str = "english",
) -> Savings:
    """Say what a log would have cost on other models, in other modes, with caches, shorter.

    Args:
        priced: The ledger with prices.
        models: Models to count, `provider/model` or any name; empty = newer and cheaper ones.
        batch: Share of the requests that may wait. [1]
        cached: Share of the input that comes from the cache, where it is not more already. [1]
        keeps: Share of the input that is left when prompts are shorter: tuned, or retrieved. [1]
        content: Kind of content, for the ratios of tokenizers.

    Raises:
        DataError: If the ledger has nothing to price.
        PriceError: If a model is unknown.
        ScenarioError: If a share is none.
    """
    known = {row["content"] for row in priced.book.catalog.tokenizers}
    if content not in known:
        message = f"tokenizers.csv has no ratio for {content!r}{nearest(content, known)}"
        raise ScenarioError(message)
    calls = calls_of(priced)
    refused: dict[str, str] = {}
    chosen = [priced.book.catalog.models_named(word)[0] for word in models]
    for model in chosen:
        priced.book.key(Key("inference", model.provider, model.name))
    proposed = () if models else tuple(_proposed(calls, content))
    found = []
    for model in chosen or proposed:
        try:
            found.append(_on_model(calls, model, content))
        except PriceError as error:
            refused[f"{model.provider}/{model.name}"] = str(error)
    found.sort(key=lambda saving: -saving.saved_usd)
    found += otherwise(calls, batch=batch, cached=cached, keeps=keeps)
    frame = priced.frame
    counted = frame["price_row"].to_numpy() >= 0
    stated = frame["stated"].to_numpy()[counted]
    days = frame["day"].to_numpy().astype("datetime64[D]")
    return Savings(
        first=str(days.min()),
        last=str(days.max()),
        list_usd=dollars(total(calls.pico)),
        billed_usd=(
            dollars(total(frame["billed_pico"].to_numpy()[counted])) if stated.all() else None
        ),
        found=tuple(found),
        refused=refused,
        notes=tuple(_notes(priced, calls, models)),
    )


def _notes(priced: Priced, calls: Calls, models: Sequence[str]) -> Iterator[str]:
    yield "each line is counted by itself, at the prices of each day; they do not add up"
    if not models:
        yield (
            "models proposed: released in the year before the log ends and not retired; of the "
            f"same provider the {CHEAPEST} cheapest and the {NEWEST} newest, of other "
            f"makers the cheapest of each, {OTHERS} at most; others with --model"
        )
    unpriced = priced.unpriced
    if len(unpriced):
        left = int(unpriced["rows"].sum())
        yield f"{left:,} rows without a price are left out, with their requests"
    if (np.nan_to_num(calls.requests, nan=2.0) > 1).any():
        yield "rows of several requests: whether one fits a context window is told by their mean"
    if (np.asarray(calls.columns["input_tokens"])[calls.tokens["input_tokens"] > 0] == 0).any():
        yield "rows that do not say how long a request is cost the lowest tier, and fit any window"


# other models


def _encodings(calls: Calls) -> dict[str, Mask]:
    """Return the rows counted in each encoding, blank where that is not known."""
    found: dict[str, Mask] = {}
    for (provider, name), mine in calls.models().items():
        encoding = calls.book.catalog.model(provider, name).encoding
        found[encoding] = found.get(encoding, np.zeros(calls.count, bool)) | mine
    return found


def _ratio(calls: Calls, model: Model, content: str) -> tuple[Array, tuple[str, ...]]:
    """Return tokens of a model for one of those in the log, and what was supposed."""
    ratio, notes = np.ones(calls.count), []
    catalog = calls.book.catalog
    for encoding, mine in _encodings(calls).items():
        if encoding == model.encoding:
            continue
        if not encoding or not model.encoding:
            notes.append("tokenizer not known: tokens as counted in the log")
            continue
        try:
            found = catalog.tokens_per(model.encoding, encoding, content)
        except PriceError as error:
            notes.append(f"tokens as counted in the log: {error}")
            continue
        ratio[mine] = found
        notes.append(f"{found:.3g} tokens of {model.encoding} for one of {encoding}, {content}")
    return ratio, tuple(dict.fromkeys(notes))


def _on_model(calls: Calls, model: Model, content: str) -> Saving:
    """Put every row that fits on one model.

    Raises:
        PriceError: If none fits, or the model has no price on any of the days.
    """
    ratio, notes = _ratio(calls, model, content)
    tokens = {
        name: np.rint(values * ratio).astype(np.int64) for name, values in calls.tokens.items()
    }
    size = np.asarray(calls.columns["input_tokens"]) * ratio
    # what the model does not cache is plain input; an hour is no longer than five minutes
    lost = np.where(size < np.nan_to_num(model.cache_min_tokens), tokens["cached_input_tokens"], 0)
    tokens["cached_input_tokens"] = tokens["cached_input_tokens"] - lost
    tokens["cache_write_tokens"] = tokens["cache_write_tokens"] + tokens["cache_write_1h_tokens"]
    tokens["cache_write_1h_tokens"] = np.zeros(calls.count, np.int64)
    # rounding must not leave less than nothing for fresh input
    parts = tokens["cached_input_tokens"] + tokens["cache_write_tokens"]
    tokens["input_tokens"] = np.maximum(tokens["input_tokens"], parts)
    key = Key("inference", model.provider, model.name)
    modes = [m for m in MODES if calls.book.sells(replace(key, mode=m), "input_mtok")]
    given = np.asarray(calls.columns["mode"], object)
    cost, known = calls.cost(
        tokens,
        provider=model.provider,
        model=model.name,
        mode=np.where(np.isin(given, modes), given, "standard"),
        region="",
        input_tokens=np.ceil(size),
    )
    each = np.where(calls.requests > 0, calls.requests, 1.0)
    window = model.context_window if not math.isnan(model.context_window) else math.inf
    most = model.max_output_tokens if not math.isnan(model.max_output_tokens) else math.inf
    answers = tokens["output_tokens"] / each
    fits = (size + np.where(answers > 0, answers, 0) <= window) & (answers <= most)
    fits |= np.isnan(calls.requests) & (size <= window)
    served = known & fits
    if not served.any():
        name = f"{model.provider}/{model.name}"
        reason = (
            "has no price on the days of the log"
            if not known.any()
            else (f"holds no request of the log: its context window has {window:,.0f} tokens")
        )
        message = f"{name} {reason}"
        raise PriceError(message)
    notes += tuple(_left(calls, served, known))
    first = np.min(np.asarray(calls.columns["on"], "datetime64[D]"))
    if model.released is not None and np.datetime64(model.released, "D") > first:
        notes += (f"released on {model.released}, counted as if it had been there",)
    reads, writes = (tokens[f"cache{x}_tokens"].any() for x in ("d_input", "_write"))
    if calls.book.sells(key, "cache_write_mtok") and reads and not writes:
        notes += ("bills writes to its cache, of which the log has none: not counted",)
    name = f"{model.provider}/{model.name}"
    mean = float(np.average(ratio, weights=np.maximum(calls.pico, 1)))
    return _saving(calls, name, "model", np.where(served, cost, calls.pico), served, mean, notes)


def _left(calls: Calls, served: Mask, known: Mask) -> Iterator[str]:
    whole = total(calls.pico) or 1
    for mask, why in ((~known, "without a price there"), (known & ~served, "too long for it")):
        if mask.any():
            share = total(calls.pico[mask]) / whole
            yield f"{share:.1%} of the money stays where it is: {why}"


def _saving(
    calls: Calls,
    name: str,
    kind: str,
    cost: Ints,
    touched: Mask,
    ratio: float = 1.0,
    notes: tuple[str, ...] = (),
    share: float = 1.0,
) -> Saving:
    """Set a cost beside that of the log; `share` of the requests is treated so."""
    before = total(calls.pico)
    saved = (before - total(cost)) * share
    part = total(calls.pico[touched]) / before if before else 0.0
    return Saving(name, kind, (before - saved) / 1e12, saved / 1e12, part * share, ratio, notes)


def _proposed(calls: Calls, content: str) -> Iterator[Model]:
    """Yield models that are new, cheaper, and can serve a log: told from a part of its rows."""
    last = np.max(np.asarray(calls.columns["on"], "datetime64[D]")).astype(object)
    calls = calls.sample(ROWS)
    book, catalog = calls.book, calls.book.catalog
    whole = total(calls.pico) or 1
    present = {pair: total(calls.pico[mine]) / whole for pair, mine in calls.models().items()}
    own: dict[str, float] = {}
    for (provider, _), share in present.items():
        own[provider] = own.get(provider, 0.0) + share
    mine: list[tuple[float, Model]] = []
    others: dict[str, tuple[float, Model]] = {}
    for provider in sorted(catalog.skus):
        is_own = own.get(provider, 0.0) >= MAIN
        if not is_own and provider not in VENDORS:
            continue
        for sku in sorted(catalog.skus[provider]):
            model = catalog.model(provider, sku)
            old = model.released is None or not last - NEW <= model.released <= last
            gone = model.ends_for_certain and (model.retires or last) <= last
            sold = book.sells(Key("inference", provider, sku), "output_mtok")
            used = present.get((provider, sku), 0.0) > 1 - MAIN
            if model.kind or old or gone or not sold or used:
                continue
            try:
                saving = _on_model(calls, model, content)
            except PriceError:
                continue
            if saving.saved_usd <= 0 or saving.share < 1 - MAIN:
                continue
            if is_own:
                mine.append((saving.saved_usd, model))
            elif saving.saved_usd > others.get(provider, (0.0, model))[0]:
                others[provider] = saving.saved_usd, model
    order = sorted(mine, key=lambda pair: -pair[0])
    chosen, rest = order[:CHEAPEST], order[CHEAPEST:]
    chosen += sorted(rest, key=lambda pair: str(pair[1].released), reverse=True)[:NEWEST]
    chosen += sorted(others.values(), key=lambda pair: -pair[0])[:OTHERS]
    for _, model in chosen:
        yield model


# the same models, otherwise


def otherwise(calls: Calls, *, batch: float, cached: float, keeps: float) -> list[Saving]:
    """Return what a log would have cost on the same models: in other modes, cached, shorter.

    Args:
        calls: The log.
        batch: Share of the requests that may wait. [1]
        cached: Share of the input that comes from the cache, where it is not more already. [1]
        keeps: Share of the input that is left when prompts are shorter. [1]

    Raises:
        ScenarioError: If a share is none.
    """
    for name, share in {"batch": batch, "cached": cached, "keeps": keeps}.items():
        if not 0 <= share <= 1:
            message = f"{name} must be a share from 0 to 1, got {share:g}"
            raise ScenarioError(message)
    ways = [*(_in_mode(calls, mode, batch) for mode in MODES), _cached(calls, cached)]
    ways.append(_shorter(calls, keeps))
    found = [saving for saving in ways if saving is not None]
    return [*found, *_together(calls, batch, cached, keeps)]


def _otherwise(calls: Calls, mode: str) -> tuple[Ints, Mask]:
    """Return the cost of rows in a mode, where it is sold and cheaper."""
    given = np.asarray(calls.columns["mode"], object)
    cost, known = calls.cost(mode=mode)
    better = known & (given != mode) & (cost < calls.pico)
    return np.where(better, cost, calls.pico), better


def _in_mode(calls: Calls, mode: str, share: float) -> Saving | None:
    cost, better = _otherwise(calls, mode)
    if not better.any():
        return None
    if mode == "standard":
        name, share = "standard mode in place of dearer ones", 1.0
    else:
        name = f"{share:.0%} of the requests in {mode} mode"
    notes = ("answers come later, within a day as a rule",) if mode == "batch" else ()
    return _saving(calls, name, "mode", cost, better, notes=notes, share=share)


def _with_cache(
    calls: Calls, tokens: Mapping[str, Ints], size: Array, share: float
) -> dict[str, Ints]:
    """Return the tokens with at least a share of the input read from the cache, where sold."""
    book, catalog = calls.book, calls.book.catalog
    able, written = np.zeros(calls.count, bool), np.zeros(calls.count, bool)
    for (provider, name), mine in calls.models().items():
        key, model = Key("inference", provider, name), catalog.model(provider, name)
        if not book.sells(key, "cached_input_mtok"):
            continue
        least = np.nan_to_num(model.cache_min_tokens)
        able |= mine & ((size >= least) | (size == 0))
        if book.sells(key, "cache_write_mtok") and tokens["cache_write_tokens"][mine].any():
            written |= mine
    before = tokens["cached_input_tokens"]
    fresh = tokens["input_tokens"] - sum(tokens[name] for name in TOKENS[1:4])
    more = np.rint(tokens["input_tokens"] * share).astype(np.int64) - before
    more = np.where(able, np.clip(more, 0, fresh), 0)
    writes = np.where(written, np.rint(more * WRITES).astype(np.int64), 0)
    return {
        **tokens,
        "cached_input_tokens": before + more - writes,
        "cache_write_tokens": tokens["cache_write_tokens"] + writes,
    }


def _cached(calls: Calls, share: float) -> Saving | None:
    size = np.asarray(calls.columns["input_tokens"], float)
    tokens = _with_cache(calls, calls.tokens, size, share)
    cost, known = calls.cost(tokens)
    better = known & (cost < calls.pico)
    if not better.any():
        return None
    now = total(calls.tokens["cached_input_tokens"]) / max(total(calls.tokens["input_tokens"]), 1)
    notes = [f"now {now:.0%}; prompts have to begin alike, and follow each other closely"]
    if tokens["cache_write_tokens"].sum() > calls.tokens["cache_write_tokens"].sum():
        notes.append(f"one write for {1 / WRITES:.0f} reads, where writes are billed")
    name = f"{share:.0%} of the input from the cache"
    cost = np.where(better, cost, calls.pico)
    return _saving(calls, name, "cache", cost, better, notes=tuple(notes))


def _shortened(tokens: Mapping[str, Ints], keeps: float) -> dict[str, Ints]:
    found = {
        name: np.floor(values * keeps).astype(np.int64) if name != "output_tokens" else values
        for name, values in tokens.items()
    }
    parts = sum(found[name] for name in TOKENS[1:4])
    return {**found, "input_tokens": np.maximum(found["input_tokens"], parts)}


def _shorter(calls: Calls, keeps: float) -> Saving | None:
    if keeps >= 1:
        return None
    cost, known = calls.cost(
        _shortened(calls.tokens, keeps),
        input_tokens=np.ceil(np.asarray(calls.columns["input_tokens"]) * keeps),
    )
    name = f"prompts of {keeps:.0%} of their length"
    note = "tuned, or with passages in place of documents; what making that costs is not in it"
    cost = np.where(known, cost, calls.pico)
    return _saving(calls, name, "prompt", cost, known, notes=(note,))


def _together(calls: Calls, batch: float, cached: float, keeps: float) -> Iterator[Saving]:
    """Yield all ways on the same models at once."""
    size = np.ceil(np.asarray(calls.columns["input_tokens"]) * keeps)
    tokens = _with_cache(calls, _shortened(calls.tokens, keeps), size, cached)
    plain, known = calls.cost(tokens, input_tokens=size)
    plain = np.where(known, np.minimum(plain, calls.pico), calls.pico)
    late, sold = calls.cost(tokens, input_tokens=size, mode="batch")
    late = np.where(sold, np.minimum(late, plain), plain)
    before, after = total(calls.pico), total(plain) * (1 - batch) + total(late) * batch
    if after < before:
        yield Saving(
            "batch, cache and shorter prompts at once",
            "together",
            after / 1e12,
            (before - after) / 1e12,
            1.0,
        )
