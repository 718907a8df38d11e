"""Estimating a large file from some of its records."""

from __future__ import annotations

import json
import random
from collections import Counter as Counts
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.tokens.corpus import Job, Tallier, Tally, named
from costmodel.tokens.counting import counter
from costmodel.tokens.formats import Batch, extract
from costmodel.tokens.reading import (
    Progress,
    Source,
    items,
    opened,
    parsed,
    reading,
    renamed,
    shape_in,
)


@dataclass(frozen=True, eq=False)
class Sampled:
    """What a sample says about the whole.

    Attributes:
        tally: The sample: its problems, roles and pictures.
        size: Records drawn.
        tokens: Tokens of the whole: estimate, and the ends of a 95 % interval. [token]
        records: Records of the whole, likewise. [1]
        lengths, examples: Lengths drawn, and how many examples of the whole each stands for.
        by_role: Tokens of the whole by role and field. [token]
    """

    tally: Tally
    size: int
    tokens: tuple[float, float, float]
    records: tuple[float, float, float]
    lengths: Array
    examples: Array
    by_role: dict[str, int]


NORMAL_95 = 1.959963984540054


def sample(source: Source, job: Job, size: int, seed: int = 0) -> Sampled:
    """Estimate the tokens of a large file from some of its records.

    Places in the file are drawn at random, and the line at each is taken: a line is drawn with a
    chance in proportion to its bytes, so the mean of tokens per byte is unbiased (Hansen and
    Hurwitz 1943), and its spread gives the interval. A file that cannot be entered anywhere
    (compressed, CSV, an array) is read through and its records are drawn with equal chances.

    Args:
        source: The file.
        job: How to count.
        size: Records to draw.
        seed: Of the draws: the same seed gives the same sample.

    Raises:
        DataError: If the file cannot be read or no line drawn is a record.
    """
    if size < 2:  # noqa: PLR2004
        message = f"a sample has at least 2 records, got {size}"
        raise DataError(message)
    draw = random.Random(seed)
    if source.kind == "text":
        message = f"{source.name}: is one text; a sample needs records"
        raise DataError(message)
    if source.kind != "lines" or source.packed or source.path == "-":
        return _sample_through(source, job, size, draw)
    total = Path(source.path).stat().st_size
    places = sorted(draw.randrange(total) for _ in range(size))
    with reading(source), opened(source.path) as stream:
        lines = [_line_at(stream, place) for place in places]
    return _estimated(source, job, lines, records=None, total=total)


def _line_at(stream: BinaryIO, place: int) -> bytes:
    """Return the line that holds a byte."""
    back = 4096
    while True:
        start = max(0, place - back)
        stream.seek(start)
        before = stream.read(place - start)
        at = before.rfind(b"\n")
        if at >= 0 or start == 0:
            stream.seek(start + at + 1 if at >= 0 else 0)
            return stream.readline()
        back *= 8


def _sample_through(source: Source, job: Job, size: int, draw: random.Random) -> Sampled:
    """Draw records with equal chances while reading a file through."""
    kept: list[bytes] = []
    reader, seen = Progress(), 0
    with reading(source, reader):
        for _, record, _ in items(source, reader):
            if not isinstance(record, dict):
                continue
            seen += 1
            at = seen - 1 if seen <= size else draw.randrange(seen)
            if at < size:
                line = json.dumps(record).encode()
                kept[at : at + 1] = [line]
    return _estimated(source, job, kept, records=seen, total=reader.bytes)


def _estimated(
    source: Source, job: Job, lines: Sequence[bytes], *, records: int | None, total: int
) -> Sampled:
    """Estimate totals from drawn lines; `records` = how many there are, if known."""
    tallier = Tallier(counter(job.encoding), job.threads, job.limit)
    tokens, sizes = np.zeros(len(lines)), np.array([max(len(line), 1) for line in lines], float)
    batch, at = Batch(), []
    for k, raw in enumerate(lines):
        record = renamed(source, parsed(raw))
        shape = source.shape if source.stated else shape_in(source, record)
        try:
            if not isinstance(record, dict) or not shape:
                message = "is no record of a known format"
                raise DataError(message)  # noqa: TRY301
            extract(batch, record, shape, k + 1, 0)
            at.append(k)
        except DataError as error:
            tallier.tally.problem(k + 1, str(error))
    if not at:
        message = f"{source.name}: none of the {len(lines)} lines drawn is a record"
        raise DataError(message)
    table, frames, tools, each = tallier.measured(batch)
    tallier.count(batch)
    tokens[at] = each
    found = np.zeros(len(lines))
    found[at] = 1.0
    # how many records of the file a line drawn stands for
    stands = total / sizes if records is None else np.full(len(lines), float(records))
    number = (float(records or 0),) * 3 if records is not None else _interval(found * stands)
    share = stands[at] / len(lines)
    shown = replace(
        tallier.tally,
        sums=Counts(named(batch, np.rint(share @ table).astype(np.int64))),
        frames=round(float(share @ frames)),
        tools=round(float(share @ tools)),
    )
    return Sampled(
        tally=tallier.tally,
        size=len(lines),
        tokens=_interval(tokens * stands),
        records=number,
        lengths=np.asarray(each, float),
        examples=share,
        by_role=shown.by_role(),
    )


def _interval(values: Array) -> tuple[float, float, float]:
    mean = float(values.mean())
    half = NORMAL_95 * float(values.std(ddof=1)) / len(values) ** 0.5
    return mean, max(0.0, mean - half), mean + half
