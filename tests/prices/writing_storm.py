"""Ends writers at every step and at random moments; run by test_writing.py in its own process."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from costmodel.prices import writing
from costmodel.prices.writing import editing, reading

FILES = ("labour.csv", "inference/example.csv", "models.csv")
ROWS = 20


def texts(mark: str) -> dict[str, str]:
    """Return a set of files that belong together, large enough to take a while."""
    return {name: f"{name} {mark}\n" * 2_000 for name in FILES}


def whole(folder: Path) -> str:
    """Return the mark of the set of files, after the next reader has come by."""
    with reading(folder):
        found = {(folder / name).read_text() for name in FILES}
        marks = {line.split()[1] for text in found for line in text.splitlines()}
        (mark,) = marks
        assert found == set(texts(mark).values()), "a file is not whole"
    with editing(folder):
        hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
        assert not hidden, hidden
    return mark


def child(work: Callable[[], object]) -> int:
    """Run something in a child of this process."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def ended_after(steps: int) -> Callable[[Path], object]:
    """Return a writer that is gone after so many steps on the disk."""
    left = [steps]

    def gone(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return call(*words, **named)

        return counted

    def write(folder: Path) -> None:
        for name in ("mkdir", "rename", "replace", "open", "unlink", "rmdir"):
            setattr(Path, name, gone(getattr(Path, name)))
        for module, name in ((os, "fsync"), (os, "rmdir"), (os, "unlink"), (writing, "_durable")):
            setattr(module, name, gone(getattr(module, name)))
        with editing(folder) as tables:
            tables.write(texts("new"))

    return write


def every_step(folder: Path) -> tuple[int, int]:
    """End a writer at every step; return how often the files were old and how often new."""
    counts = {"old": 0, "new": 0}
    for step in range(1_000):
        with editing(folder) as tables:
            tables.write(texts("old"))
        write = ended_after(step)
        status = os.waitpid(child(lambda write=write: write(folder)), 0)[1]  # type: ignore[misc]
        counts[whole(folder)] += 1
        if status == 0:
            return counts["old"], counts["new"]
    return -1, -1


def storm(folder: Path, rounds: int) -> int:
    """Kill a writer that never rests at random moments; return how many sets it wrote."""
    draw = random.Random(1)
    with editing(folder) as tables:
        tables.write(texts("0"))

    def work(first: int) -> None:
        for k in range(first, first + 10_000):
            with editing(folder) as tables:
                tables.write(texts(str(k)))

    last = 0
    for _ in range(rounds):
        pid = child(lambda last=last: work(last + 1))  # type: ignore[misc]
        time.sleep(draw.uniform(0.002, 0.05))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        mark = int(whole(folder))
        assert mark >= last
        last = mark
    return last


def two_at_once(folder: Path) -> int:
    """Let two writers add rows at the same time; return the rows that are there."""
    header = ("role", "per_hour", "source", "verified_on")
    with editing(folder) as tables:
        tables.write({"labour.csv": writing.RawTable("labour.csv", header)})

    def work(name: str) -> None:
        for k in range(ROWS):
            row = {
                "role": f"{name}{k}",
                "per_hour": "1",
                "source": "x",
                "verified_on": "2026-11-21",
            }
            with editing(folder) as tables:
                tables.write({"labour.csv": tables.read("labour.csv").appended([row])})

    for pid in [child(lambda n=name: work(n)) for name in ("a", "b")]:  # type: ignore[misc]
        assert os.waitpid(pid, 0)[1] == 0
    return len(writing.read_raw(folder / "labour.csv", "labour.csv").rows)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    old, new = every_step(place)
    written = storm(place, int(sys.argv[2]))
    sys.stdout.write(f"{old} {new} {written} {two_at_once(place)}")
