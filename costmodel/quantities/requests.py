"""What stands in a request: an ordered tuple of parts, and how its size is distributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from costmodel.months import Array, Numeric

# the order in which parts stand in a request; the last two are what the model writes
PARTS = ("system", "shots", "corpus", "context", "history", "question", "thinking", "answer")
OUTPUT_PARTS = ("thinking", "answer")
NEGLIGIBLE = 1e-9  # a share of the requests that is none


@dataclass(frozen=True)
class Size:
    """A length that varies.

    Attributes:
        mean: Mean. [token]
        cv: Standard deviation over mean. [1]
        observed: Lengths that were counted, and how many examples have each; blank = lognormal.
    """

    mean: Numeric
    cv: Numeric = 0.0
    observed: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Part:
    """One part of a request.

    Attributes:
        name: One of PARTS.
        tokens: Mean length. [token]
        cv: Standard deviation over mean. [1]
        stable: Whether it is the same from request to request, so that a provider can cache it.
    """

    name: str
    tokens: Numeric
    cv: Numeric = 0.0
    stable: bool = False

    @property
    def variance(self) -> Array:
        """Variance of the length. [token^2]"""
        return np.asarray((self.tokens * np.asarray(self.cv)) ** 2, float)


@dataclass(frozen=True)
class Turn:
    """One call to the model within a conversation: moments of its input and output.

    Attributes:
        mean, variance: All input. [token], [token^2]
        prefix, prefix_variance: Leading stable parts of the input.
        output: What the model writes, thinking included. [token]
    """

    mean: Array
    variance: Array
    prefix: Array
    prefix_variance: Array
    output: Array


@dataclass(frozen=True)
class Request:
    """What is sent and what comes back, once per turn of a conversation.

    Attributes:
        parts: Its parts in order.
        turns: Calls to the model in one conversation; call k carries the history of k - 1 turns.
        stable_history: Whether earlier turns are cached like a stable part.
        counted_with: Encoding in which its tokens are counted.
        content: Kind of content, for ratios between encodings.
    """

    parts: tuple[Part, ...]
    turns: int = 1
    stable_history: bool = False
    counted_with: str = "o200k_base"
    content: str = "english"

    def part(self, name: str) -> Part:
        """Return a part, of no tokens if the request has none of that name."""
        return next((p for p in self.parts if p.name == name), Part(name, 0.0))

    def with_part(self, part: Part) -> Request:
        """Return the request with a part put in its place, instead of one of the same name."""
        others = [p for p in self.parts if p.name != part.name]
        ordered = sorted([*others, part], key=lambda p: PARTS.index(p.name))
        return replace(self, parts=tuple(ordered))

    def scaled(self, factor: Numeric) -> Request:
        """Return the request counted in another encoding, `factor` tokens for each one."""
        return replace(
            self, parts=tuple(replace(p, tokens=p.tokens * np.asarray(factor)) for p in self.parts)
        )

    def calls(self) -> list[Turn]:
        """Return the calls of one conversation; thinking is not carried over to the next."""
        before = [p for p in self.parts if p.name not in (*OUTPUT_PARTS, "question", "history")]
        question, answer = self.part("question"), self.part("answer")
        output = np.asarray(answer.tokens + self.part("thinking").tokens, float)
        history = self.part("history")
        calls = []
        for earlier in range(self.turns):
            said = Part(
                "history",
                history.tokens + earlier * (question.tokens + answer.tokens),
                stable=self.stable_history,
            )
            said_variance = history.variance + earlier * (question.variance + answer.variance)
            ordered = [*((p, p.variance) for p in before), (said, said_variance)]
            ordered.append((question, question.variance))
            prefix, prefix_variance = np.zeros(1), np.zeros(1)
            leading = True
            mean, variance = np.zeros(1), np.zeros(1)
            for part, spread in ordered:
                leading = leading and (part.stable or not np.any(part.tokens))
                if leading:
                    prefix, prefix_variance = prefix + part.tokens, prefix_variance + spread
                mean, variance = mean + part.tokens, variance + spread
            calls.append(Turn(mean, variance, prefix, prefix_variance, output))
        return calls


def lognormal(mean: Numeric, variance: Numeric) -> tuple[Array, Array]:
    """Return mu and sigma of the lognormal distribution with this mean and variance.

    Args:
        mean: Mean. [token]
        variance: Variance. [token^2]
    """
    safe = np.where(np.asarray(mean) > 0, mean, 1.0)
    spread = np.log1p(variance / safe**2)
    return np.log(safe) - spread / 2, np.sqrt(spread)


def share_above(threshold: float, mean: Numeric, variance: Numeric) -> tuple[Array, Array]:
    """Return the share of requests, and of their input tokens, above a size.

    Input per request is lognormal; with no variance it is all above or all below.

    Args:
        threshold: Input tokens of one request. [token]
        mean: Mean input of one request. [token]
        variance: Its variance. [token^2]

    Returns:
        Share of requests, share of tokens. [1]

    >>> requests, tokens = share_above(100_000, 80_000, (0.5 * 80_000) ** 2)
    >>> float(requests.round(4)), float(tokens.round(4))
    (0.2393, 0.4066)
    """
    mu, sigma = lognormal(mean, variance)
    fixed = sigma == 0
    if np.all(fixed):
        certain = np.asarray(np.asarray(mean) > threshold, float)
        return certain, certain
    from scipy.special import ndtr

    z = (mu - np.log(threshold)) / np.where(fixed, 1.0, sigma)
    certain = np.asarray(np.asarray(mean) > threshold, float)
    return (
        np.where(fixed, certain, ndtr(z)),
        np.where(fixed, certain, ndtr(z + sigma)),
    )


@dataclass(frozen=True)
class Sizes:
    """How much of a billed quantity comes with requests above a size.

    One entry per call of a conversation: how its input is distributed, and which share of that
    distribution's variance belongs to the part that is billed. A part that varies is larger in
    large requests; one that does not is spread like the requests.

    Attributes:
        mean, variance: All input of one call. [token], [token^2]
        part, part_variance: The billed part of it, 0 variance if independent of the input's size.
        weight: Share of the quantity that comes with each call. [1]
    """

    mean: tuple[Array, ...]
    variance: tuple[Array, ...]
    part: tuple[Array, ...]
    part_variance: tuple[Array, ...]
    weight: tuple[Array, ...]

    @classmethod
    def of(cls, calls: Sequence[Turn], parts: Sequence[tuple[Array, Array]]) -> Sizes:
        """Describe a quantity made of one part, mean and variance, per call."""
        means = [np.asarray(mean, float) for mean, _ in parts]
        total = sum(means, np.zeros(1))
        safe = np.where(total > 0, total, 1.0)
        return cls(
            mean=tuple(call.mean for call in calls),
            variance=tuple(call.variance for call in calls),
            part=tuple(means),
            part_variance=tuple(np.asarray(spread, float) for _, spread in parts),
            weight=tuple(mean / safe for mean in means),
        )

    def above(self, threshold: float) -> Array:
        """Return the share of the quantity that comes with requests above a size. [1]"""
        shares = np.zeros(1)
        rows = zip(
            self.mean, self.variance, self.part, self.part_variance, self.weight, strict=True
        )
        for mean, variance, part, spread, weight in rows:
            requests, tokens = share_above(threshold, mean, variance)
            # regression of the part on the whole input: exact for the sum of all parts
            slope = np.where(variance > 0, spread / np.where(variance > 0, variance, 1.0), 0.0)
            safe = np.where(part > 0, part, 1.0)
            shares = shares + weight * (requests + slope * mean / safe * (tokens - requests))
        shares = np.clip(shares, 0.0, 1.0)
        return np.where(shares < NEGLIGIBLE, 0.0, shares)
