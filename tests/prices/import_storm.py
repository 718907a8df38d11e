"""Kills imports and acceptances at random moments; run by test_imports.py in its own process."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from datetime import date
from pathlib import Path

from costmodel.prices import imports, sources
from costmodel.prices.book import PriceBook
from costmodel.prices.writing import editing

ON = date(2026, 11, 21)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every visible file of a folder."""
    with editing(folder):
        pass
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def work(folder: Path, file: Path) -> None:
    """Import a source and accept all of it."""
    reading = sources.read("litellm", str(file), ON)
    imports.keep(reading, folder, ON)
    book = PriceBook.read(folder, shipped=False)
    found = imports.proposal("litellm", reading.origin, reading.frame, [folder], book, ON)
    with editing(folder) as tables:
        made = imports.changes(imports.filtered(found.proposed, "all"), found, folder)
        imports.apply(made, tables, [folder])


def storm(folder: Path, file: Path, rounds: int, seed: int) -> tuple[int, int]:
    """Kill as many times; return how often the tables were old and how often new."""
    draw = random.Random(seed)
    before = contents(folder)
    began = time.perf_counter()
    if (child := os.fork()) == 0:
        work(folder, file)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    takes = time.perf_counter() - began
    whole = contents(folder)
    imported = {**before, **{k: v for k, v in whole.items() if k.startswith("imported/")}}
    assert whole != imported != before
    old = new = 0
    for _ in range(rounds):
        for name in set(whole) - set(before):
            (folder / name).unlink(missing_ok=True)
        for name, data in before.items():
            (folder / name).write_bytes(data)
        if (child := os.fork()) == 0:
            work(folder, file)
            os._exit(0)
        time.sleep(draw.uniform(0, takes * 1.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        now = contents(folder)
        assert now in (before, imported, whole), sorted(now)
        PriceBook.read(folder, shipped=False)
        old, new = old + (now != whole), new + (now == whole)
    return old, new


if __name__ == "__main__":
    ends = storm(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write("{} {}".format(*ends))
