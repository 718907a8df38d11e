"""What a dataset holds, and what each provider bills for training on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.analysis.market import Job, TrainingFile, tuning_market
from costmodel.costs import TokenRule
from costmodel.errors import DataError
from costmodel.months import Array
from costmodel.prices.book import PriceBook
from costmodel.tokens.chat import image_tokens
from costmodel.tokens.corpus import Job as Counting
from costmodel.tokens.corpus import cores, tally_files
from costmodel.tokens.counting import DEFAULT
from costmodel.tokens.formats import SHAPES
from costmodel.tokens.preflight import refusals
from costmodel.tokens.reading import sniff
from costmodel.tokens.sampling import Sampled
from costmodel.tokens.tally import Tally

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}
BARS = 8  # of the histogram


@dataclass(frozen=True, eq=False)
class Dataset:
    """A counted dataset: a whole file, several, or a sample of one.

    Attributes:
        name: What to call it.
        shape: Format of its records.
        tally: What was counted.
        rule: How the model counts tokens.
        limit: Longest example allowed; infinite for none. [token]
        sampled: What the sample says about the whole, if the tally is one.
    """

    name: str
    shape: str
    tally: Tally
    rule: TokenRule
    limit: float = math.inf
    sampled: Sampled | None = field(default=None, repr=False)

    @property
    def objective(self) -> str:
        """What it trains: sft | dpo | rft."""
        return SHAPES[self.shape].objective

    def distribution(self) -> tuple[Array, Array]:
        """Return lengths and how many examples have each. [token], [1], ascending."""
        if self.sampled is None:
            known = self.tally.distribution()
            lengths, examples = np.asarray(known[0], float), np.asarray(known[1], float)
        else:
            order = np.argsort(self.sampled.lengths)
            lengths, examples = self.sampled.lengths[order], self.sampled.examples[order]
        return lengths * self.rule.ratio, examples

    def quantile(self, share: float) -> float:
        """Return the length that a share of the examples does not exceed. [token]"""
        lengths, examples = self.distribution()
        reached = np.searchsorted(np.cumsum(examples), share * examples.sum() * (1 - 1e-12))
        return float(lengths[min(int(reached), lengths.size - 1)]) if lengths.size else 0.0


def read_dataset(
    path: str | Path,
    rule: TokenRule | None = None,
    *,
    limit: float = math.inf,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Count a file.

    Args:
        path: The file.
        rule: How tokens are counted; None = in the usual encoding.
        limit: Longest example allowed. [token]
        columns: Key of a format -> column of the file, where they differ.

    Raises:
        DataError: If it cannot be read, or holds nothing that can be counted.
    """
    rule = TokenRule(DEFAULT, DEFAULT) if rule is None else rule
    source = sniff(str(path), columns)
    [tally] = tally_files([source], Counting(rule.counted_with, limit / rule.ratio, cores()))
    if not tally.records:
        line, reason = tally.problems[0] if tally.problems else (1, "holds no example")
        message = f"{source.name} line {line}: {reason}; no line of the file can be counted"
        raise DataError(message)
    return Dataset(source.name, source.shape, tally, rule, limit)


def summary(data: Dataset) -> dict[str, Any]:
    """Return what a dataset holds, with the documented keys.

    Keys: file, format, records, tokens, by_role, quantiles (p10, p50, p90, p99, mean, max),
    histogram, over_limit, duplicates, problems, problem_count, encoding, engine, exact, said,
    preflight, images, sampled (None, or size and intervals).
    """
    tally, sampled, ratio = data.tally, data.sampled, data.rule.ratio
    lengths, examples = data.distribution()
    total = sampled.tokens[0] if sampled else float(tally.tokens)
    records = sampled.records[0] if sampled else float(tally.records)
    by_role = sampled.by_role if sampled else tally.by_role()
    over = lengths > data.limit
    quantiles: dict[str, float] = {name: data.quantile(share) for name, share in QUANTILES.items()}
    quantiles["mean"] = total * ratio / records if records else 0.0
    quantiles["max"] = float(lengths[-1]) if lengths.size else 0.0
    return {
        "file": data.name,
        "format": data.shape,
        "formats": dict(tally.shapes),
        "records": round(records),
        "tokens": round(total * ratio),
        "by_role": {name: round(count * ratio) for name, count in by_role.items()},
        "quantiles": {name: round(value, 1) for name, value in quantiles.items()},
        "histogram": histogram(lengths, examples),
        "over_limit": {
            "limit": data.limit if math.isfinite(data.limit) else None,
            "examples": round(float(examples[over].sum())),
            "first": [{"line": line, "tokens": round(n * ratio)} for line, n in tally.long]
            if sampled is None
            else [],
        },
        "messages": tally.messages,
        "duplicates": None if sampled else tally.duplicates,
        # where a record stands that was drawn is not known
        "problems": [
            {"line": line if sampled is None else None, "reason": reason}
            for line, reason in tally.problems
        ],
        "problem_count": sum(tally.reasons.values()),
        "encoding": data.rule.counted_with,
        "model": data.rule.model,
        "engine": tally.engine,
        "exact": data.rule.exact and sampled is None,
        "said": data.rule.said,
        "images": _images(data),
        "preflight": [
            {
                "provider": found.provider,
                "reason": found.reason,
                "records": found.records,
                "lines": list(found.lines),
            }
            for found in refusals(tally, data.shape)
            if sampled is None
        ],
        "sampled": None
        if sampled is None
        else {
            "records": sampled.size,
            "tokens_low": round(sampled.tokens[1] * ratio),
            "tokens_high": round(sampled.tokens[2] * ratio),
            "records_low": round(sampled.records[1]),
            "records_high": round(sampled.records[2]),
            "confidence": 0.95,
        },
    }


def _images(data: Dataset) -> dict[str, Any]:
    """Return how many pictures there are, and their tokens where rule and size are known."""
    found = data.tally.images
    known = {size: count for size, count in found.items() if size is not None}
    tokens = None
    if data.rule.image is not None:
        rule = data.rule.image
        tokens = sum(count * image_tokens(*size, rule) for size, count in known.items())
    return {"count": sum(found.values()), "of_known_size": sum(known.values()), "tokens": tokens}


def histogram(lengths: Array, examples: Array) -> list[dict[str, float]]:
    """Return how many examples have a length in each of a few ranges.

    Args:
        lengths: Lengths, ascending. [token], shape (N,)
        examples: Examples of each. [1], shape (N,)

    >>> histogram(np.array([10.0, 20.0, 1000.0]), np.array([1.0, 2.0, 1.0]))[0]
    {'from': 0, 'to': 125, 'examples': 3}
    """
    if not lengths.size:
        return []
    step = max(1, math.ceil((lengths[-1] - lengths[0]) / BARS))
    # from nought, unless that would leave half of the bars empty
    start = math.floor(lengths[0] / step) * step if lengths[0] > lengths[-1] / 2 else 0
    step = max(1, math.ceil((lengths[-1] - start) / BARS))
    edges = start + np.arange(0, BARS + 1) * step
    places = np.clip(np.searchsorted(edges, lengths, side="left") - 1, 0, BARS - 1)
    counts = np.bincount(places, examples, BARS)
    return [
        {"from": int(edges[k]), "to": int(edges[k + 1]), "examples": round(float(counts[k]))}
        for k in range(BARS)
    ]


def billed(
    data: Dataset,
    book: PriceBook,
    on: date,
    *,
    epochs: float | None = None,
    objective: str | None = None,
    validation: Dataset | None = None,
    content: str = "english",
    sequence_length: float | None = None,
) -> list[dict[str, Any]]:
    """Return what every provider bills for training on a dataset, by its own rules.

    Args:
        data: The training set.
        book: The prices.
        on: Day of the job.
        epochs: Passes over it; None = each provider's default.
        objective: sft | dpo | rft; None = what its format trains.
        validation: Validation set.
        content: Kind of content, for the tokens of other vendors.
        sequence_length: Tokens of a sequence, where examples are not packed. [token]

    Returns:
        Records of `tuning_market`, with billed_tokens (of one epoch), trained_tokens (of the job),
        over_limit, counted and assumptions.
    """
    lengths, examples = data.distribution()
    scale = 1.0
    if data.sampled is not None:
        # a file of whole examples has a whole number of them
        scale = round(data.sampled.records[0]) / max(float(examples.sum()), 1e-12)
    file = TrainingFile(
        lengths=lengths / data.rule.ratio,
        examples=examples * scale,
        prompt_tokens=scale * data.sampled.prompts if data.sampled else float(data.tally.prompts),
        counted_with=data.rule.counted_with,
        content=content,
        validation_tokens=float(validation.tally.tokens) if validation else 0.0,
        limit=data.limit,
        sequence_length=sequence_length,
    )
    number = float((examples * scale).sum())
    job = Job(
        examples=number,
        example_tokens=float((lengths * examples).sum() / max(examples.sum(), 1e-12)),
        epochs=epochs,
        objective=objective or data.objective,
        file=file,
    )
    return tuning_market(job, book, on)
