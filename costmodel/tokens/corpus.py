"""Reading and counting datasets of any size.

Records stream through in batches: one thread parses while another counts. What is kept is a
`Tally`; those of parts of a file, counted by any `concurrent.futures.Executor`, add up.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from costmodel.errors import DataError
from costmodel.tokens.counting import DEFAULT, counter
from costmodel.tokens.formats import CHATS, extract, shape_of
from costmodel.tokens.reading import (
    BLOCK,
    Broken,
    Progress,
    Source,
    items,
    opened,
    pieces,
    reading,
    renamed,
)
from costmodel.tokens.records import Batch, Roles
from costmodel.tokens.tally import Tallier, Tally

RANGE = 1 << 26  # bytes of a part of a file, where parts are counted apart
RECORDS = 4096  # records of a batch at most


@dataclass(frozen=True)
class Job:
    """How to count.

    Attributes:
        encoding: Encoding.
        limit: Length above which an example is listed. [token]
        threads: Cores to use: one parses while the others count.
        strict: Whether the first problem ends it.
    """

    encoding: str = DEFAULT
    limit: float = float("inf")
    threads: int = 1
    strict: bool = False


def cores() -> int:
    """Return the processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no such call outside Linux
        return os.cpu_count() or 1


def tally_part(
    source: Source,
    job: Job,
    start: int = 0,
    stop: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Tally:
    """Count the records of a file, or those that begin in a range of its bytes.

    Args:
        source: The file.
        job: How to count.
        start: First byte of a range, for JSON lines that are not compressed.
        stop: First byte behind it; None = to the end.
        progress: Called with the bytes read since the last call.

    Raises:
        DataError: If the file cannot be read; with `strict`, at its first problem.
    """
    # one core parses, the others count
    tallier = Tallier(counter(job.encoding), max(1, job.threads - 1), job.limit)
    if source.kind == "text":
        return _tally_text(source, tallier)
    reader, noted = Progress(), Tally()
    batches = _batches(source, job, (reader, noted), start, stop)
    with _counting(tallier, parallel=job.threads > 1) as count, reading(source, reader):
        for size, batch in batches:
            count(batch)
            if progress is not None:
                progress(size)
    found = tallier.tally
    found.lines, found.bytes = reader.lines, reader.bytes
    found.reasons, found.problems = noted.reasons, noted.problems
    return found


@contextmanager
def _counting(tallier: Tallier, *, parallel: bool) -> Iterator[Callable[[Batch], None]]:
    """Yield what counts a batch: beside the parser if there is a core for it."""
    if not parallel:
        yield tallier.count
        return
    with ThreadPoolExecutor(1) as other:
        pending: list[Future[None]] = []

        def hand_over(batch: Batch) -> None:
            # one batch ahead, so that memory stays small
            while pending:
                pending.pop().result()
            pending.append(other.submit(tallier.count, batch))

        yield hand_over
        while pending:
            pending.pop().result()


def _batches(
    source: Source, job: Job, notes: tuple[Progress, Tally], start: int, stop: int | None
) -> Iterator[tuple[int, Batch]]:
    """Yield batches of records with the bytes read for each; note problems in the tally."""
    reader, tally = notes
    roles = Roles()
    batch, before = Batch(roles), 0
    kin = CHATS if source.shape in CHATS else frozenset((source.shape,))
    for line, record, raw in items(source, reader, start, stop):
        problem = ""
        if isinstance(record, Broken):
            problem = record.reason
        elif not isinstance(record, dict):
            problem = f"is no record: a table expected, got {type(record).__name__}"
        else:
            found = renamed(source, record) if source.columns else record
            shape = source.shape if source.stated else shape_of(found)
            if not shape:
                keys = ", ".join(sorted(map(str, found))[:6]) or "none"
                problem = f"no known format has the keys {keys}"
            else:
                try:
                    digest = zlib.crc32(raw) << 32 | zlib.adler32(raw)
                    extract(batch, found, shape, line, digest)
                    if shape not in kin:
                        problem = f"is {shape} in a file of {source.shape}; counted"
                except DataError as error:
                    problem = str(error)
        if problem:
            if job.strict:
                message = f"{source.name} line {line}: {problem}"
                raise DataError(message)
            tally.problem(line, problem)
        if reader.bytes - before >= BLOCK or len(batch.frames) >= RECORDS:
            yield reader.bytes - before, batch
            batch, before = Batch(roles), reader.bytes
    yield reader.bytes - before, batch


def _tally_text(source: Source, tallier: Tallier) -> Tally:
    """Count a text as one record."""
    tally, total = tallier.tally, 0
    first, second = zlib.crc32(b""), zlib.adler32(b"")
    reader = Progress()
    with reading(source, reader), opened(source.path, source.packed, source.head) as stream:
        for piece in pieces(stream, reader, source.name):
            total += int(tallier.counter.counts([piece], 1)[0])
            raw = piece.encode("utf-8", "surrogatepass")
            first, second = zlib.crc32(raw, first), zlib.adler32(raw, second)
    tally.lines, tally.bytes = reader.lines, reader.bytes
    tally.records, tally.shapes["text"], tally.sums["text"] = 1, 1, total
    tally.lengths[total] += 1
    tally.signatures[()] = (1, [1])
    tally.digests = [np.array([first << 32 | second], np.uint64)]
    if total > tallier.limit:
        tally.long.append((1, total))
    return tally


def parts_of(source: Source, size: int = RANGE) -> list[tuple[int, int | None]]:
    """Return ranges of bytes that can be counted apart."""
    if source.kind != "lines" or source.packed:
        return [(0, None)]
    try:
        total = Path(source.path).stat().st_size
    except OSError:
        return [(0, None)]  # the reader says what is wrong with it
    starts = range(0, max(total, 1), size)
    return [(start, min(start + size, total)) for start in starts]


def tally_files(
    sources: Iterable[Source],
    job: Job,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Tally]:
    """Count files, each as often as it is given.

    Args:
        sources: The files.
        job: How to count.
        executor: Counts parts of files elsewhere: processes of this machine, or a cluster.
        progress: Called with the bytes read since the last call.

    Returns:
        One tally for each file.

    Raises:
        DataError: If a file cannot be read.
    """
    if executor is None:
        return [tally_part(source, job, progress=progress) for source in sources]
    sources = list(sources)
    apart = [(k, source) for k, source in enumerate(sources) if source.path != "-"]
    parts = [(k, a, b) for k, source in apart for a, b in parts_of(source)]
    waiting = [executor.submit(tally_part, sources[k], job, a, b) for k, a, b in parts]
    found = [Tally(job.encoding) for _ in sources]
    try:
        for k, source in enumerate(sources):
            # the standard input of a worker is another one
            if source.path == "-":
                found[k] = tally_part(source, job, progress=progress)
        for (k, *_), future in zip(parts, waiting, strict=True):
            part = future.result()
            found[k].add(part)
            if progress is not None:
                progress(part.bytes)
    except BaseException:
        for future in waiting:
            future.cancel()
        raise
    return found
