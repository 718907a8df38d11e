"""How fast usage logs are priced, as ratios in the same run: `make bench`.

Both sides of a ratio run in turn. Ours starts from the table as a log has it and ends with a ledger
that is checked, named, priced in whole 10^-12 dollars and cited.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import costmodel as cm
from costmodel.usage.condensing import grain_of
from costmodel.usage.pricing import price, total
from costmodel.usage.reading import read_frame
from tests.benchmarks.test_speed import MODELS, ROWS, Gather, genai_prices, medians, requests

FEW = 1_000
MANY = 10_000_000
READ = (
    "import json, sys, time\n"
    "import costmodel as cm, pandas, pyarrow.parquet\n"
    "from costmodel.usage import overlaps\n"
    "from costmodel.usage.condensing import grain_of\n"
    "from costmodel.usage.pricing import price, total\n"
    "from costmodel.usage.reading import read\n"
    "book = cm.PriceBook.read()\n"
    "grain = grain_of(book)\n"
    "start = time.process_time()\n"
    "priced = price(read(sys.argv[1], grain=grain), book)\n"
    "taken = time.process_time() - start\n"
    "peak = next(x for x in open('/proc/self/status') if x.startswith('VmHWM'))\n"
    "print(json.dumps({'seconds': taken, 'mib': int(peak.split()[1]) / 1024,\n"
    "    'pico': total(priced.frame['list_pico'])}))\n"
)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return requests("2026-10-01", 31)


def ours(log: pd.DataFrame, book: cm.PriceBook) -> int:
    return total(price(read_frame(log, grain_of_book(book)), book).frame["list_pico"])


def grain_of_book(book: cm.PriceBook) -> Any:
    if book not in GRAINS:
        GRAINS[book] = grain_of(book)
    return GRAINS[book]


GRAINS: dict[Any, Any] = {}


def test_a_log_is_priced_150_times_as_fast_as_by_genai_prices(
    benchmark: Any, log: pd.DataFrame, book: cm.PriceBook, say: Callable[[str], None]
) -> None:
    few = log.iloc[:FEW]
    assert ours(few, book) / 1e12 == pytest.approx(sum(genai_prices(few)), rel=1e-9)
    mine, theirs = medians(7, lambda: ours(log, book), lambda: genai_prices(few))
    theirs *= ROWS / FEW
    benchmark.pedantic(ours, args=(log, book), rounds=5, warmup_rounds=1)
    say(f"genai-prices / ledger = {theirs / mine:.0f}  ({theirs:.1f} s, {mine * 1e3:.1f} ms)")
    assert theirs >= 150 * mine


@pytest.mark.parametrize(
    ("first", "days", "most"), [("2026-10-01", 31, 1.5), ("2026-03-01", 365, 1.6)]
)
def test_a_log_takes_hardly_more_than_half_again_a_gather_written_by_hand(
    benchmark: Any,
    book: cm.PriceBook,
    say: Callable[[str], None],
    first: str,
    days: int,
    most: float,
) -> None:
    gather, log = Gather(book), requests(first, days)
    same = log.rename(columns={"date": "on"})
    assert ours(log, book) / 1e12 == pytest.approx(float(gather(same).sum()), rel=1e-12)
    mine, theirs = medians(51, lambda: ours(log, book), lambda: float(gather(same).sum()))
    benchmark.pedantic(ours, args=(log, book), rounds=5, warmup_rounds=1)
    say(f"ledger / gather by hand, {days} days = {mine / theirs:.2f}  ({mine * 1e3:.1f} ms)")
    assert mine <= most * theirs


def test_ten_million_rows_of_parquet_stream_in_600_mib(
    benchmark: Any, tmp_path: Path, say: Callable[[str], None]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, writer = tmp_path / "log.parquet", None
    random = np.random.default_rng(0)
    names = [pa.array([model[k] for model in MODELS]) for k in range(2)]
    million = 1_000_000
    for part in range(MANY // million):
        picked = pa.array(random.integers(len(MODELS), size=million))
        size = random.integers(1_000, 400_000, size=million)
        second = np.sort(random.integers(3 * 86_400, size=million)) + part * 3 * 86_400
        table = pa.table(
            {
                "date": np.datetime64("2026-03-01", "s") + second,
                "provider": names[0].take(picked),
                "model": names[1].take(picked),
                "input_tokens": size,
                "cached_input_tokens": size // 3,
                "output_tokens": random.integers(1, 4_000, size=million),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    one = os.environ | {"OMP_NUM_THREADS": "1"}

    def child() -> dict[str, Any]:
        words = [sys.executable, "-c", READ, str(path)]
        done = subprocess.run(words, env=one, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    found = [child() for _ in range(3)]
    start = time.perf_counter()
    benchmark.pedantic(child, rounds=1)
    assert time.perf_counter() > start
    best = min(x["seconds"] for x in found)
    peak = max(x["mib"] for x in found)
    say(f"{MANY / best / 1e6:.1f} M rows/s of processor time, {peak:.0f} MiB")
    assert len({x["pico"] for x in found}) == 1
    assert peak < 600
    assert best < MANY / 6e6
