"""Token counts of the files that a scenario names: training sets and documents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.approaches import Counted, Rag
from costmodel.errors import DataError
from costmodel.quantities.ranges import out_of_range
from costmodel.quantities.requests import Size
from costmodel.quantities.retrieval import chunks_of
from costmodel.tokens.corpus import Job, cores, tally_part
from costmodel.tokens.counting import ENCODINGS
from costmodel.tokens.formats import SHAPES
from costmodel.tokens.reading import sniff
from costmodel.tokens.tally import Tally

# what an approach takes from each kind of file
TUNES = ("fine_tune", "preference_tune")
RETRIEVES = ("rag", "long_context")


@lru_cache(maxsize=64)
def _counted(path: str, encoding: str, changed: tuple[int, int]) -> tuple[str, Tally]:  # noqa: ARG001
    """Count a file; `changed` makes sure that a changed one is counted again."""
    source = sniff(path)
    return source.shape, tally_part(source, Job(encoding, threads=cores()))


def _tally(path: Path, encoding: str) -> tuple[str, Tally]:
    if encoding not in ENCODINGS:
        message = f"files are counted in one of {', '.join(ENCODINGS)}, not in {encoding!r}"
        raise DataError(message)
    try:
        state = path.stat()
        changed = (state.st_mtime_ns, state.st_size)
    except OSError:
        changed = (0, 0)  # the reader says what is wrong with it
    return _counted(str(path), encoding, changed)


def counted(
    kind: str, table: Mapping[str, Any], home: Path, encoding: str
) -> tuple[dict[str, Any], Counted | None]:
    """Return what the files of an approach say, for the keys that its table leaves out.

    Args:
        kind: Of the approach.
        table: What the scenario says of it.
        home: Folder of the scenario file, from which paths start.
        encoding: Encoding of the workload.

    Raises:
        DataError: If a file cannot be read, or holds something else than the approach needs.
    """
    if kind in TUNES and table.get("dataset"):
        return _training_set(kind, table, home, encoding)
    if kind in RETRIEVES and table.get("corpus"):
        return _documents(kind, table, home, encoding)
    return {}, None


def _training_set(
    kind: str, table: Mapping[str, Any], home: Path, encoding: str
) -> tuple[dict[str, Any], Counted]:
    path = home / str(table["dataset"])
    shape, tally = _tally(path, encoding)
    if not tally.records:
        message = f"{path.name}: holds no record that can be read"
        raise DataError(message)
    trains = SHAPES[shape].objective
    wanted = table.get("objective", "sft" if kind == "fine_tune" else "dpo")
    if (trains == "dpo") != (wanted == "dpo"):
        message = f"{path.name}: holds records of {shape}, which train {trains}, not {wanted}"
        raise DataError(message)
    found: dict[str, Any] = {}
    size = None
    mean, cv = tally.mean_and_cv()
    if kind == "fine_tune" and "tokens_per_example" not in table:
        lengths, examples = tally.distribution()
        observed = tuple(zip(lengths.tolist(), examples.tolist(), strict=True))
        size = Size(mean, cv, observed)
        found["tokens_per_example"] = {"mean": mean, "cv": cv}
    elif kind == "preference_tune" and wanted == "dpo":
        answers = tally.sums["pref_chosen"] + tally.sums["pref_rejected"]
        found["prompt_tokens"] = tally.prompts / tally.records
        found["answer_tokens"] = answers / (2 * tally.records)
    elif kind == "preference_tune":
        found["prompt_tokens"] = mean
    found["examples"] = tally.records
    said = (
        f"lengths from {tally.records:,} records of {path.name} ({shape}, {mean:,.0f} tokens on "
        f"average, {encoding})"
    )
    unread = sum(n for why, n in tally.reasons.items() if not why.endswith("counted"))
    if unread:
        said += f"; {unread:,} further records could not be read"
    if isinstance(table.get("validation"), str):
        held = home / str(table["validation"])
        share = _tally(held, encoding)[1].tokens / max(tally.tokens, 1)
        found["validation_share"] = share
        said += f"; validation set {held.name}, {share:.1%} of the tokens"
    return {key: value for key, value in found.items() if key not in table}, Counted(said, size)


def _documents(
    kind: str, table: Mapping[str, Any], home: Path, encoding: str
) -> tuple[dict[str, Any], Counted]:
    pattern = str(table["corpus"])
    anchor = Path(pattern).anchor
    start, rest = (Path(anchor), pattern[len(anchor) :]) if anchor else (home, pattern)
    paths = sorted(path for path in start.glob(rest) if path.is_file())
    if not paths:
        message = f"no file matches {pattern}"
        raise DataError(message)
    tallies = [_tally(path, encoding)[1] for path in paths]
    total = sum(tally.tokens for tally in tallies)
    said = f"{len(paths):,} files of {pattern}, {total:,} tokens ({encoding})"
    chunks = None
    if kind == "rag":
        cut = {name: table.get(name, getattr(Rag, name)) for name in ("chunk_tokens", "overlap")}
        # a range is cut by its formula, and what is no number is refused with the line it is on
        if all(type(x) in (int, float) and not out_of_range(name, x) for name, x in cut.items()):
            chunks = 0.0
            for tally in tallies:
                lengths, documents = tally.distribution()
                chunks += float((chunks_of(np.asarray(lengths), **cut) * documents).sum())
            said += f", {chunks:,.0f} chunks"
    found = {} if "corpus_tokens" in table else {"corpus_tokens": total}
    return found, Counted(said, chunks=chunks)
