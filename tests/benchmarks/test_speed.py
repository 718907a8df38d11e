"""How fast the hot paths are, as ratios in the same run: `make bench`.

Both sides of a ratio run in turn, so that a busy machine slows them alike; medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import costmodel as cm
from costmodel.analysis.uncertainty import LIVES, chance_of, draws
from costmodel.quantities.distributions import Distribution
from costmodel.quantities.upkeep import drawn_events
from costmodel.scenario.model import Uncertain

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"
ROWS = 100_000
GENAI_ROWS = 1_000
# at both, with tiers at 200,000 and 272,000 tokens and changes of price
MODELS = (
    ("openai", "gpt-6-luna"),
    ("openai", "gpt-6-astra"),
    ("openai", "gpt-5.6-luna"),
    ("openai", "gpt-4.1-mini"),
    ("anthropic", "claude-haiku-5-5"),
    ("anthropic", "claude-opus-4-6"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-3.8-flash"),
)


def medians(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """Return the median time of each call, taken in turn. [s]"""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [statistics.median(times) for times in taken]


def timed(code: str) -> float:
    """Return what a fresh interpreter prints: the seconds that something took in it."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def import_seconds(module: str) -> float:
    return timed(
        f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    )


def requests(first: str, days: int) -> pd.DataFrame:
    """Return requests as a log has them: names as text, days as time stamps."""
    random = np.random.default_rng(0)
    picked = random.integers(len(MODELS), size=ROWS)
    date = np.datetime64(first) + random.integers(days, size=ROWS)
    size = random.integers(1_000, 400_000, size=ROWS)
    return pd.DataFrame(
        {
            "provider": [MODELS[k][0] for k in picked],
            "model": [MODELS[k][1] for k in picked],
            "mode": "standard",
            "date": date.astype("datetime64[s]"),
            "requests": 1,
            "input_tokens": size,
            "cached_input_tokens": (size * random.random(ROWS)).astype(int),
            "output_tokens": random.integers(1, 4_000, size=ROWS),
        }
    )


@pytest.fixture(scope="module")
def usage() -> pd.DataFrame:
    return requests("2026-03-01", 365).rename(columns={"date": "on"})


def ours(frame: pd.DataFrame, book: cm.PriceBook) -> Any:
    return cm.inference_cost(
        frame["provider"],
        frame["model"],
        mode=frame["mode"],
        on=frame["on"],
        input_tokens=frame["input_tokens"],
        cached_input_tokens=frame["cached_input_tokens"],
        output_tokens=frame["output_tokens"],
        book=book,
    )


def day_number(day: date | None, missing: str) -> int:
    """Return days since 1970."""
    return int(np.datetime64(day or missing, "D").astype(int))


class Gather:
    """What one would write by hand for one table of prices, without checks or evidence.

    Its table is made once: for each model the days from which prices hold, and for each of these
    spans the threshold of the tier, and prices below and above it.
    """

    def __init__(self, book: cm.PriceBook) -> None:
        self.codes: dict[tuple[str, str, str], int] = {}
        keys: list[int] = []
        over: list[float] = []
        low: list[list[float]] = []
        high: list[list[float]] = []
        meters = ("input_mtok", "cached_input_mtok", "output_mtok")
        for provider, model in MODELS:
            name = book.catalog.name(provider, model)
            rows = [
                (k, row)
                for k, row in enumerate(book.rows)
                if row.key.table == "inference"
                and (row.key.provider, row.key.sku) == (provider, name)
                and (row.key.mode, row.key.region) == ("standard", "")
            ]
            assert all(not row.window for _, row in rows)
            code = self.codes[provider, model, "standard"] = len(self.codes)
            starts = {row.effective_from for _, row in rows} | {r.effective_to for _, r in rows}
            days = sorted(day_number(day, "") for day in starts if day)
            for day in [0, *days]:
                since = {k: day_number(row.effective_from, "1970-01-01") for k, row in rows}
                until = {k: day_number(row.effective_to, "2262-01-01") for k, row in rows}
                holds = [
                    (row.over_input_tokens, k) for k, row in rows if since[k] <= day < until[k]
                ]
                # of rows of one tier the last one holds; none of these models has two tiers
                tiers = dict(sorted(holds))
                assert len(tiers) <= 2
                below, above = tiers[min(tiers)], tiers[max(tiers)]
                keys.append(code << 20 | int(day))
                over.append(max(tiers) or np.inf)
                low.append([book.unit_usd(below, meter) for meter in meters])
                high.append([book.unit_usd(above, meter) for meter in meters])
        self.keys = np.array(keys)
        self.over = np.array(over)
        # the prices above the threshold of each span stand behind those below it
        self.usd = np.array([low, high]).reshape(2 * len(low), 3).T / 1e6
        self.spans = len(low)

    def __call__(self, frame: pd.DataFrame) -> pd.Series:
        words = [pd.factorize(frame[name]) for name in ("provider", "model", "mode")]
        (provider, providers), (model, models), (mode, modes) = words
        combined = (provider * len(models) + model) * len(modes) + mode
        named = product(providers, models, modes)
        known = np.array([self.codes.get(names, -1) for names in named])
        day = frame["on"].to_numpy().astype("datetime64[D]").astype(np.int64)
        span = np.searchsorted(self.keys, known[combined] << 20 | day, side="right") - 1
        size = frame["input_tokens"].to_numpy()
        cached = frame["cached_input_tokens"].to_numpy()
        place = span + self.spans * (size > self.over[span])
        plain, reused, written = self.usd
        usd = (size - cached) * plain[place] + cached * reused[place]
        usd += frame["output_tokens"].to_numpy() * written[place]
        return pd.Series(usd, index=frame.index)


def test_importing_costs_at_most_half_of_importing_pandas(
    benchmark: Any, say: Callable[[str], None]
) -> None:
    pairs = [(import_seconds("costmodel"), import_seconds("pandas")) for _ in range(9)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    benchmark.pedantic(lambda: import_seconds("costmodel"), rounds=3)
    benchmark.extra_info["ratio"] = mine / theirs
    say(f"import costmodel / import pandas = {mine / theirs:.3f}  ({mine:.4f} s, {theirs:.4f} s)")
    assert mine <= 0.5 * theirs


def test_comparing_eight_options_takes_less_than_a_fifth_of_a_second(
    benchmark: Any, book: cm.PriceBook, say: Callable[[str], None]
) -> None:
    scenario = cm.Scenario.read(SUPPORT_BOT)
    assert len(scenario.options) >= 8
    assert scenario.months == 24
    benchmark(lambda: cm.compare(scenario, book).as_dict())
    taken = float(benchmark.stats.stats.median)
    say(f"compare {len(scenario.options)} options x 24 months: {taken:.3f} s")
    assert taken < 0.2


def test_the_first_comparison_of_a_process_takes_less_than_a_fifth_of_a_second(
    benchmark: Any, say: Callable[[str], None]
) -> None:
    # scipy is imported by the first formula that needs it: with it, and without it
    code = (
        "import time; from costmodel import PriceBook, Scenario, compare; "
        f"scenario = Scenario.read({str(SUPPORT_BOT)!r}); book = PriceBook.read(); "
        "t = time.perf_counter(); compare(scenario, book).as_dict(); "
        "print(time.perf_counter() - t)"
    )
    ready = f"import pandas, scipy.special; {code}"
    cold, warm = (statistics.median(timed(text) for _ in range(7)) for text in (code, ready))
    benchmark.pedantic(lambda: timed(ready), rounds=3)
    benchmark.extra_info.update(cold=cold, warm=warm)
    say(f"first comparison of a process: {warm:.3f} s; {cold:.3f} s with the import of scipy")
    assert warm < 0.2


def test_pricing_rows_takes_at_most_twice_a_gather_written_by_hand(
    benchmark: Any, usage: pd.DataFrame, book: cm.PriceBook, say: Callable[[str], None]
) -> None:
    gather = Gather(book)
    pd.testing.assert_series_equal(ours(usage, book), gather(usage), rtol=1e-12)
    mine, theirs = medians(25, lambda: ours(usage, book), lambda: gather(usage))
    benchmark.pedantic(ours, args=(usage, book), rounds=10, warmup_rounds=1)
    benchmark.extra_info["ratio"] = mine / theirs
    say(
        f"inference_cost / gather by hand = {mine / theirs:.2f}  "
        f"({mine * 1e3:.1f} ms, {theirs * 1e3:.1f} ms for {ROWS:,} rows)"
    )
    assert mine <= 2 * theirs


def genai_prices(frame: pd.DataFrame) -> list[float]:
    """Price requests one by one with genai-prices. [US$]"""
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        pytest.fail("genai-prices is not installed: run `make bench`, or pip install --group bench")
    names = ("provider", "model", "input_tokens", "cached_input_tokens", "output_tokens")
    columns = [frame[name].tolist() for name in names]
    noon = frame["date"].dt.tz_localize("UTC") + pd.Timedelta(hours=12)
    return [
        float(
            calc_price(
                Usage(input_tokens=size, cache_read_tokens=cached, output_tokens=output),
                model,
                provider_id=provider,
                genai_request_timestamp=stamp,
            ).total_price
        )
        for provider, model, size, cached, output, stamp in zip(
            *columns, noon.dt.to_pydatetime(), strict=True
        )
    ]


def test_pricing_rows_is_150_times_as_fast_as_genai_prices(
    benchmark: Any, usage: pd.DataFrame, book: cm.PriceBook, say: Callable[[str], None]
) -> None:
    few = usage.iloc[:GENAI_ROWS]
    dated = few.rename(columns={"on": "date"})
    same = np.isclose(genai_prices(dated), ours(few, book), rtol=1e-9)
    assert same.all(), few[~same].drop_duplicates(["provider", "model"])
    mine, theirs = medians(5, lambda: ours(usage, book), lambda: genai_prices(dated))
    theirs *= ROWS / GENAI_ROWS
    benchmark.pedantic(ours, args=(usage, book), rounds=10, warmup_rounds=1)
    benchmark.extra_info["ratio"] = theirs / mine
    say(
        f"genai-prices / inference_cost = {theirs / mine:.0f}  "
        f"({theirs:.1f} s, {mine * 1e3:.1f} ms for {ROWS:,} rows)"
    )
    assert theirs >= 150 * mine


# draws


def test_draws_against_the_same_sums_by_hand() -> None:
    """10,000 draws x 24 months of one option, against numpy written for this one case."""
    scenario = cm.Scenario.read(SUPPORT_BOT)
    spread = Distribution("range", {"low": 150e3, "mode": 200e3, "high": 320e3})
    uncertain = (Uncertain("workload.requests", spread),)
    chance = chance_of(replace(scenario, uncertain=uncertain), cm.PriceBook.read(), bands=False)
    name = "RAG on GPT-6 Luna"
    bill = chance.central.bills[name]
    central = 200e3 * 1.03 ** np.arange(24)
    # quantity of each line per request, for those in proportion to the requests; price
    serving = [(x.amount / central, x.unit_usd) for x in bill.lines if x.line.phase == "serve"]
    fixed = [(x.amount, x.unit_usd, x.line) for x in bill.lines if x.line.phase != "serve"]
    at, risk = next(
        (k, risk) for k, risk in enumerate(chance.risks.values()) if risk.model == "gpt-6-luna"
    )

    def by_hand() -> np.ndarray[Any, Any]:
        drawn, chances, lives = chance.shares(10_000)
        requests = spread.quantile(drawn[:, [0]]) * 1.03 ** np.arange(24)
        changes = drawn_events(2.0, chances)
        moves = risk.drawn(lives[:, LIVES * at : LIVES * (at + 1)])
        # work that both share is done once
        alone = changes * (1.0 - np.clip(moves, 0.0, 1.0))
        total = np.zeros((10_000, 24))
        for each, usd in serving:
            quantity = requests * each
            total += quantity * usd
        for amount, usd, line in fixed:
            times = moves if line.cause == "retirement" else alone
            quantity = times * amount
            total += quantity * usd
        return total

    ours, hand = medians(5, lambda: draws(chance, 10_000, [name]), by_hand)
    print(f"\n10,000 draws x 24 months: {ours:.3f} s, {ours / hand:.1f} x sums by hand")
    assert ours <= 3 * hand
