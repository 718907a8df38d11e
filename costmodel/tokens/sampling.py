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
from costmodel.tokens.corpus import Job
from costmodel.tokens.counting import counter
from costmodel.tokens.formats import extract
from costmodel.tokens.reading import (
    Broken,
    Progress,
    Source,
    items,
    opened,
    parsed,
    reading,
    renamed,
    shape_in,
)
from costmodel.tokens.records import Batch
from costmodel.tokens.tally import Tallier, Tally, named, prompt_tokens


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
        prompts: Tokens of the whole in prompts of preferences. [token]
    """

    tally: Tally
    size: int
    tokens: tuple[float, float, float]
    records: tuple[float, float, float]
    lengths: Array
    examples: Array
    by_role: dict[str, int]
    prompts: float


MOST = 1_000_000  # records drawn; who wants more can count them all
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
    if not 2 <= size <= MOST:  # noqa: PLR2004
        message = f"a sample has at least 2 and at most {MOST:,} records, got {size:,}"
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
            if isinstance(record, dict) and shape:
                extract(batch, record, shape, k + 1, 0)
                at.append(k)
            elif raw.strip():
                said = record.reason if isinstance(record, Broken) else ""
                tallier.tally.problem(k + 1, said or "is no record of a known format")
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
    # nothing is drawn twice from a file that is read through
    drawn = 0.0 if records is None else len(lines) / records
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
        tokens=_interval(tokens * stands, drawn),
        records=number,
        lengths=np.asarray(each, float),
        examples=share,
        by_role=shown.by_role(),
        prompts=float(share @ prompt_tokens(table, each)),
    )


def _interval(values: Array, drawn: float = 0.0) -> tuple[float, float, float]:
    """Return the mean of estimates, and the ends of its interval.

    Args:
        values: What each record drawn says about the whole. shape (N,)
        drawn: Share of the whole that was drawn; 0 where a record may be drawn again. [1]
    """
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    half = NORMAL_95 * spread * ((1 - drawn) / len(values)) ** 0.5
    return mean, max(0.0, mean - half), mean + half
