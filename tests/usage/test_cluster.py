"""A folder of logs that is read in processes or on a cluster is the same ledger."""

from __future__ import annotations

import gzip
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from costmodel import PriceBook
from costmodel.errors import DataError
from costmodel.usage.condensing import grain_of
from costmodel.usage.reading import read

MODELS = np.array(["gpt-5-mini", "gpt-6-luna", "gpt-4.1-mini"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a week of requests, a file for each day, in several formats."""
    random = np.random.default_rng(1)
    place = tmp_path / "logs"
    place.mkdir()
    for day in range(1, 8):
        size = random.integers(1, 300_000, 400)
        second = random.permutation(86_400)[:400]
        stamp = np.datetime64(f"2026-10-{day:02d}") + second.astype("timedelta64[s]")
        frame = pd.DataFrame(
            {
                "date": stamp,
                "provider": "openai",
                "model": MODELS[random.integers(3, size=400)],
                "input_tokens": size,
                "cached_input_tokens": size // 3,
                "output_tokens": random.integers(1, 900, 400),
            }
        )
        if day % 3 == 0:
            frame.to_parquet(place / f"{day}.parquet")
        elif day % 3 == 1:
            text = frame.to_csv(index=False)
            (place / f"{day}.csv.gz").write_bytes(gzip.compress(text.encode()))
        else:
            frame["date"] = frame["date"].astype(str)
            frame.to_json(place / f"{day}.jsonl", orient="records", lines=True)
    return place


def same(found: pd.DataFrame, expected: pd.DataFrame) -> bool:
    return bool(found.astype(object).equals(expected.astype(object)))


def test_processes_read_what_one_reads(folder: Path) -> None:
    expected = read(folder)
    assert expected.records == len(expected.frame) == 2_800
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = read(folder, executor=pool)
    assert same(found.frame, expected.frame)
    assert found.exports == expected.exports


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_of_a_cluster_loses_no_row(folder: Path) -> None:
    from dask import distributed

    dask: Any = distributed
    grain = grain_of(PriceBook.read())
    expected = read(folder, grain=grain)
    with (
        dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        dask.Client(cluster) as client,
    ):
        seen: list[str] = []

        def kill_one(path: str) -> None:
            # the first file is in: one worker dies with what it holds
            if not seen:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            seen.append(path)

        executor = client.get_executor(pure=False)
        found = read(folder, grain=grain, executor=executor, progress=kill_one)
    assert len(seen) == 7
    assert same(found.frame, expected.frame)


def test_a_broken_file_is_an_error_in_a_pool_too(folder: Path) -> None:
    (folder / "8.csv").write_text("date,provider,model,input_tokens\n2026-10-08,openai,m,-1\n")
    with (
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
        pytest.raises(DataError, match=r"8\.csv line 2: input_tokens must be a whole number"),
    ):
        read(folder, executor=pool)


def test_a_folder_without_exports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no export in this folder"):
        read(tmp_path)


def test_rotated_logs_of_one_day_are_no_duplicates(tmp_path: Path) -> None:
    header = "date,provider,model,input_tokens,output_tokens"
    for name, second in (("a", 1), ("b", 2)):
        line = f"2026-10-01T10:00:{second:02d}Z,openai,gpt-5-mini,1000,10"
        (tmp_path / f"{name}.csv").write_text(f"{header}\n{line}\n{line}\n")
    ledger = read(tmp_path / "a.csv", tmp_path / "b.csv")
    assert len(ledger.frame) == 4
    assert ledger.notes == ()
    # the same two requests again, and one that is new
    again = (tmp_path / "a.csv").read_text() + f"2026-10-01T11:00:00Z{line[20:]}\n"
    (tmp_path / "c.csv").write_text(again)
    more = read(tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "c.csv")
    assert len(more.frame) == 5
    assert "2 of 3 records of c.csv stand in a.csv and b.csv, too" in more.notes[0]


def test_a_request_counts_once_whichever_columns_its_files_have(tmp_path: Path) -> None:
    header = "date,provider,model,input_tokens,output_tokens"
    one, two, three = (f"2026-10-01T10:00:0{k}Z,openai,gpt-5-mini,1000,10" for k in (1, 2, 3))
    first = tmp_path / "first.csv"
    first.write_text(f"{header}\n{one}\n{two}\n")
    # what the first file leaves out stands here as what leaving it out means
    for text in (
        f"{header},region,mode\n{one},,\n{three},,standard\n",
        f"{header},requests\n{one},1\n{three},2\n",
        f"{header}\n{one}\n2026-10-01,openai,gpt-5-mini,7,7\n",
    ):
        (tmp_path / "second.csv").write_text(text)
        for paths in (("first.csv", "second.csv"), ("second.csv", "first.csv")):
            ledger = read(*(tmp_path / name for name in paths))
            assert len(ledger.frame) == 3
            assert "1 of 2 records" in ledger.notes[0]


def test_two_requests_of_one_second_are_two(tmp_path: Path) -> None:
    header = "date,provider,model,input_tokens,output_tokens"
    for name, size in (("a", 1000), ("b", 2000)):
        line = f"2026-10-01T10:00:00Z,openai,gpt-5-mini,{size},10"
        (tmp_path / f"{name}.csv").write_text(f"{header}\n{line}\n")
    assert read(tmp_path).frame["input_tokens"].sum() == 3000
    # sums of the day are no requests: two that differ contradict each other
    for path in tmp_path.glob("*.csv"):
        path.write_text(path.read_text().replace("T10:00:00Z", ""))
    with pytest.raises(DataError, match="are about the same day and thing and differ"):
        read(tmp_path)
