"""A scenario file drafted from real use: what was asked, and the models that could answer it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from costmodel.analysis.compare import Comparison
from costmodel.analysis.forecast import WEEK, WEEKS_PER_MONTH, Level, level
from costmodel.analysis.plan_to_date import planned, planned_calls
from costmodel.analysis.savings import Savings
from costmodel.errors import DataError
from costmodel.months import Array, add_months
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import Key
from costmodel.usage.pricing import Priced, dollars, total

DAYS = 4 * WEEK  # of the log, that tell what is asked now
MONTHS = 12  # horizon of the draft
DAYS_PER_MONTH = 365.25 / 12
TAIL = 1.645  # standard deviations to the ends of a range, 5 % and 95 %
SMALL = 0.05  # share of the requests below which a model is left out
SINGLE = 0.9  # share of rows of one request from which on they tell how requests differ
HIT = 0.9  # share of warm caches, where rows of many requests do not tell it
ALTERNATIVES = 4
DIVIDED = "Today, as divided"
Way = tuple[str, str, str, str]  # provider, model, mode, region
FASTEST = 0.5  # growth in a month that a plan takes over


@dataclass(frozen=True)
class Drafted:
    """What a log says about a workload.

    Attributes:
        project: Whose, blank = all of the log.
        first, last: Days that tell what is asked now.
        requests, growth: A month's requests at the beginning of the draft, and their growth, each
            as 5 %, most likely, 95 %.
        growth_said: How growth is known.
        prefix, hit: Tokens that come from the cache, and the share of requests that find them.
        question, answer: Mean lengths, and spreads: cv of requests, or 5 % and 95 % of days.
        single: Whether rows are requests, so that the spreads are cvs.
        used: Provider, model, mode, region -> share of the requests.
        since: The same -> first day of the log on which it answered.
        usd_per_request: List cost of a request in these days. [US$]
        left_out: Other projects.
    """

    project: str
    first: date
    last: date
    requests: tuple[float, float, float]
    growth: tuple[float, float, float] | None
    growth_said: str
    prefix: float
    hit: float
    question: tuple[float, ...]
    answer: tuple[float, ...]
    single: bool
    used: dict[Way, float]
    since: dict[Way, date]
    usd_per_request: float
    left_out: tuple[str, ...] = ()


def drafted(priced: Priced) -> Drafted:
    """Gather what a ledger says about its largest project.

    Raises:
        DataError: If it does not say how many requests there were, covers less than a week, or has
            rows in half of its weeks at most.
    """
    frame = priced.frame
    mine = np.asarray((frame["meter"] == "tokens") & (frame["kind"] == "usage"))
    mine = mine & (frame["price_row"].to_numpy() >= 0) & (frame["requests"].to_numpy() > 0)
    if not mine.any():
        message = (
            "the usage does not say how many requests there were, and a scenario needs that: give "
            "a log with requests"
        )
        raise DataError(message)
    frame = frame.loc[mine]
    asked = frame.groupby("project", observed=True)["requests"].sum().sort_values(ascending=False)
    project, others = str(asked.index[0]), tuple(str(name) for name in asked.index[1:])
    frame = frame.loc[np.asarray(frame["project"] == project)]
    days = frame["day"].to_numpy().astype("datetime64[D]")
    first, last = days.min(), days.max()
    if last - first < np.timedelta64(WEEK - 1, "D"):
        message = f"the usage covers {first} to {last}; a scenario is drafted from a week at least"
        raise DataError(message)
    count = int((last - first).astype(int)) + 1
    daily = np.bincount((days - first).astype(int), frame["requests"].to_numpy(), count).astype(
        float
    )
    _refuse_gaps(daily, first, last)
    found = level(daily, np.ones(count), daily, np.ones(count))
    assert found is not None
    begin = max(first, last - np.timedelta64(DAYS - 1, "D"))
    now = frame.loc[days >= begin]
    single = float(np.mean(now["requests"].to_numpy() == 1)) >= SINGLE
    prefix, hit = _prefix(now, priced.book, single=single)
    fresh = now["input_tokens"].to_numpy() - hit * prefix * now["requests"].to_numpy()
    used = _used(now, priced.book)
    start = add_months(last.astype(object).replace(day=1), 1)
    growth, said = _growth(found)
    return Drafted(
        project=project,
        first=begin.astype(object),
        last=last.astype(object),
        requests=_requests(found, (start - last.astype(object)).days),
        growth=growth,
        growth_said=said,
        prefix=prefix,
        hit=hit,
        question=_lengths(np.maximum(fresh - _missed(now, prefix, hit), 0.0), now, single=single),
        answer=_lengths(now["output_tokens"].to_numpy().astype(float), now, single=single),
        single=single,
        used=used,
        since=_since(frame, used, priced.book),
        usd_per_request=dollars(total(now["list_pico"])) / float(now["requests"].sum()),
        left_out=others,
    )


def _refuse_gaps(daily: Array, first: Any, last: Any) -> None:
    """Refuse usage of whole months in rows of one day, which would be taken for that day's."""
    weeks = daily.size // WEEK
    seen = int(np.count_nonzero(daily[-weeks * WEEK :].reshape(weeks, WEEK).sum(axis=1)))
    if weeks >= 2 * seen:
        message = (
            f"the usage has priced rows in {seen} of the {weeks} weeks up to {last}, from {first} "
            "on; a scenario is drafted from rows of days: one for a month counts as one day"
        )
        raise DataError(message)


def _requests(found: Level, days_ahead: int) -> tuple[float, float, float]:
    """Return the requests of the first month: where the level leads until its middle."""
    weeks = (days_ahead + DAYS_PER_MONTH / 2) / WEEK if found.carried else 0.0
    month = found.ratio * DAYS_PER_MONTH * float(np.exp(found.trend * weeks))
    # of the level, and of a month around it
    spread = found.spread * (1 / 4 + 1 / WEEKS_PER_MONTH) ** 0.5
    low, high = (month * float(np.exp(sign * TAIL * spread)) for sign in (-1, 1))
    return low, month, high


def _growth(found: Level) -> tuple[tuple[float, float, float] | None, str]:
    if not found.trend_error and not found.trend:
        return None, "the log is too short to tell growth, or has none"
    ends = [found.trend + sign * TAIL * found.trend_error for sign in (-1, 0, 1)]
    low, middle, high = (float(np.expm1(end * WEEKS_PER_MONTH)) for end in ends)
    word = "" if found.carried else ", not told from none"
    said = f"from month to month, as in the last {found.weeks} weeks{word}"
    low, middle, high = (float(np.clip(x, -FASTEST, FASTEST)) for x in (low, middle, high))
    return (low, middle, high), said


def _prefix(now: Any, book: PriceBook, *, single: bool) -> tuple[float, float]:
    """Return the length of what comes from the cache, and how often it is found there."""
    cached, requests = now["cached_input_tokens"].to_numpy(), now["requests"].to_numpy()
    if not cached.any():
        return 0.0, 0.0
    if single:
        warm = cached > 0
        return float(np.rint(cached[warm].mean())), float(warm.mean())
    mean = float(cached.sum() / requests.sum())
    longest = float((now["input_tokens"].sum()) / requests.sum())
    rows = np.unique(now["price_row"].to_numpy())
    keys = [book.rows[int(k)].key for k in rows]
    least = [book.catalog.model(key.provider, key.sku).cache_min_tokens for key in keys]
    prefix = min(max(mean / HIT, np.nan_to_num(np.array(least)).max()), longest)
    prefix = float(np.ceil(prefix))
    return prefix, mean / prefix


def _missed(now: Any, prefix: float, hit: float) -> Array:
    """Return the tokens of what is stable, of requests that did not find it in the cache."""
    return np.asarray(prefix * (1 - hit) * now["requests"].to_numpy(), float)


def _lengths(tokens: Array, now: Any, *, single: bool) -> tuple[float, ...]:
    """Return mean and cv of requests; of rows of many the mean, and 5 % and 95 % of their days."""
    requests = now["requests"].to_numpy()
    mean = float(tokens.sum() / requests.sum())
    if single:
        return mean, float(tokens.std() / mean) if mean else 0.0
    codes = np.unique(now["day"].to_numpy(), return_inverse=True)[1]
    per_day = np.bincount(codes, tokens) / np.bincount(codes, requests)
    low, high = np.quantile(per_day, (0.05, 0.95))
    return mean, min(float(low), mean), max(float(high), mean)


def _used(now: Any, book: PriceBook) -> dict[Way, float]:
    """Return the share of the requests that each model took, those of no account left out."""
    found: dict[Way, float] = {}
    rows, requests = now["price_row"].to_numpy(), now["requests"].to_numpy()
    for k in np.unique(rows).tolist():
        key = book.rows[k].key
        name = (key.provider, key.sku, key.mode, key.region)
        found[name] = found.get(name, 0.0) + float(requests[rows == k].sum())
    whole = sum(found.values())
    kept = {name: n / whole for name, n in found.items() if n / whole >= SMALL} or found
    total = sum(kept.values())
    return dict(sorted(((n, x / total) for n, x in kept.items()), key=lambda pair: -pair[1]))


def _since(frame: Any, used: dict[Way, float], book: PriceBook) -> dict[Way, date]:
    """Return the day on which each model was first seen."""
    rows = frame["price_row"].to_numpy()
    days = frame["day"].to_numpy().astype("datetime64[D]")
    found: dict[Way, date] = {}
    for k in np.unique(rows).tolist():
        key = book.rows[k].key
        name = (key.provider, key.sku, key.mode, key.region)
        day = days[rows == k].min().astype(object)
        found[name] = min(day, found.get(name, day))
    return {name: found[name] for name in used}


def closeness(found: Drafted, drawn_up: Comparison) -> str:
    """Say what a request costs in the draft, and what it cost in the log.

    Args:
        found: What the log says.
        drawn_up: The draft, billed.
    """
    name = DIVIDED if len(found.used) > 1 else _today(next(iter(found.used)))
    plan = planned(
        drawn_up.bill(name),
        lambda line: line.line.key.table == "inference" and line.line.phase == "serve",
    )
    each = float(plan.shown[0] / planned_calls(drawn_up.scenario, name)[0])
    more = each / found.usd_per_request - 1 if found.usd_per_request else 0.0
    return (
        f"a request costs ${each:.6f} under {name!r}, {more:+.1%} against the "
        f"${found.usd_per_request:.6f} of the log at list prices from {found.first} to {found.last}"
        + ("; misses of the cache are billed as writes" if _writes(found, drawn_up) else "")
    )


def _writes(found: Drafted, drawn_up: Comparison) -> bool:
    """Tell whether the draft pays for writes to the cache."""
    lines = next(iter(drawn_up.bills.values())).lines if found.prefix else ()
    return any(line.meter == "cache_write_mtok" and line.cost.any() for line in lines)


# the file


def _today(way: Way) -> str:
    return f"Today: {_name(way)}"


def _whole(value: float) -> str:
    return f"{round(value):_}"


def _of_requests(values: Sequence[float]) -> str:
    """Write requests with three digits."""
    rounded = [float(f"{value:.3g}") for value in values]
    if rounded[0] == rounded[2]:
        return _whole(rounded[1])
    low, mode, high = (_whole(value) for value in rounded)
    return f"{{low = {low}, mode = {mode}, high = {high}}}"


def _length(values: Sequence[float], *, single: bool) -> str:
    mean = values[0]
    if single:
        cv = round(values[1], 2)
        return f"{{mean = {_whole(mean)}, cv = {cv:g}}}" if cv else _whole(mean)
    low, high = values[1:]
    if round(low) == round(high):
        return _whole(mean)
    return f"{{low = {_whole(low)}, mode = {_whole(mean)}, high = {_whole(high)}}}"


def _host(key: Way) -> str:
    provider, _, mode, region = key
    words = ['kind = "per_token"', f"provider = {json.dumps(provider)}"]
    words += [f"mode = {json.dumps(mode)}"] if mode != "standard" else []
    words += [f"region = {json.dumps(region)}"] if region else []
    return f"{{{', '.join(words)}}}"


def scenario_text(found: Drafted, saving: Savings, book: PriceBook) -> str:
    """Write a scenario file of what a log says.

    Args:
        found: What the log says.
        saving: Models that could do the same for less: the first become options.
        book: The prices.
    """
    return "\n".join([*_head(found, book), *_options(found, saving, book)]) + "\n"


def _head(found: Drafted, book: PriceBook) -> Iterator[str]:
    who = f"project {json.dumps(found.project)}" if found.project else "the whole log"
    provider, model, *_ = next(iter(found.used))
    encoding = book.catalog.model(provider, model).encoding
    start = add_months(found.last.replace(day=1), 1)
    yield f"# Drafted from a usage log by costmodel savings --to-scenario: {who}, what was asked"
    yield f"# from {found.first} to {found.last}. Tokens, requests and models are those of the log;"
    yield "# what a log does not know stands at defaults: people, upkeep, success rates. State"
    yield "# success_rate for each option as your own test gives it: until then all options are"
    yield "# supposed to answer equally well."
    if found.left_out:
        others = ", ".join(json.dumps(name or "rows without a project") for name in found.left_out)
        yield f"# Left out: {others}"
        yield "# (another project is drafted with --project)."
    yield ""
    yield "version = 1"
    yield f"name = {json.dumps(f'Drafted from usage: {found.project or model}')}"
    yield f"start = {start}"
    yield f"months = {MONTHS}"
    yield ""
    yield "[workload]"
    yield f"requests = {_of_requests(found.requests)}   # calls a month; 5 %, most likely, 95 %"
    if found.growth is None:
        yield f"growth = 0   # {found.growth_said}"
    else:
        low, mode, high = (f"{value:.3f}" for value in found.growth)
        shown = mode if low == high else f"{{low = {low}, mode = {mode}, high = {high}}}"
        yield f"growth = {shown}   # {found.growth_said}"
    yield f"counted_with = {json.dumps(encoding or 'o200k_base')}" + (
        "" if encoding else f"   # the tokenizer of {model} is not known: state it"
    )
    yield ""
    yield "[workload.parts]   # tokens of a call" + (
        ": mean, and spread from call to call"
        if found.single
        else "; rows of many calls tell the spread of days (5 %, most likely, 95 %), not of calls"
    )
    if found.prefix:
        yield f"system = {_whole(found.prefix)}   # what came from the cache: the same in each call"
    yield f"question = {_length(found.question, single=found.single)}   # all other input"
    yield f"answer = {_length(found.answer, single=found.single)}   # with what the model thought"
    yield ""
    yield "# --- approaches ----------------------------------------------------------------------"
    yield ""
    yield "[approach.prompt]   # people who move the prompt to another model, and keep it"
    yield 'kind = "prompting"'
    yield ""
    yield "# --- options -------------------------------------------------------------------------"


def _options(found: Drafted, saving: Savings, book: PriceBook) -> Iterator[str]:
    share = f"cache_hit_share = {found.hit:.3g}" if found.prefix else ""
    keys: list[Way] = list(found.used)
    names = [_today(key) for key in keys]
    for key, name in zip(keys, names, strict=True):
        yield from _option(name, key, share)
        yield f"in_place = {{since = {found.since[key]}}}"
    if len(keys) > 1:
        yield ""
        yield "[[option]]   # as it is divided now"
        yield f"name = {json.dumps(DIVIDED)}"
        shares = [round(value, 4) for value in found.used.values()]
        shares[0] = round(1 - sum(shares[1:]), 4)
        pairs = zip(names, shares, strict=True)
        yield f"mix = {{{', '.join(f'{json.dumps(n)} = {x:g}' for n, x in pairs)}}}"
    provider, model, mode, region = keys[0]
    batch = Key("inference", provider, model, "batch", region)
    if mode == "standard" and book.sells(batch, "input_mtok"):
        yield from _option(
            f"{_name(keys[0])} in batch mode", (*keys[0][:2], "batch", region), share
        )
    used = {key[:2] for key in keys}
    ways = [s.name.partition("/") for s in saving.found if s.kind == "model"]
    others = [(p, m) for p, _, m in ways if (p, m) not in used]
    for other in others[:ALTERNATIVES]:
        sold = book.sells(Key("inference", *other, mode), "input_mtok")
        key = (*other, mode if sold else "standard", "")
        yield from _option(f"Move to {_name(key)}", key, share)


def _name(key: Way) -> str:
    provider, model, mode, region = key
    words = [f"{provider}/{model}", *([mode] if mode != "standard" else []), region]
    return " ".join(filter(None, words))


def _option(name: str, key: Way, share: str) -> Iterator[str]:
    yield ""
    yield "[[option]]"
    yield f"name = {json.dumps(name)}"
    yield f"model = {json.dumps(key[1])}"
    yield f"host = {_host(key)}"
    yield 'approaches = ["prompt"]'
    if share:
        yield share
