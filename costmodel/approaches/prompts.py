"""Approaches that put more into the prompt: instructions, examples, a whole corpus."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from costmodel.approaches.base import Approach, Site, Work, assumed, curation, engineering
from costmodel.months import Numeric
from costmodel.quantities.requests import Part, Request


@dataclass(frozen=True)
class Prompting(Approach):
    """Instructions in a system prompt.

    Attributes:
        system_tokens: Length of the instructions; None = as the workload states. [token]
        build_hours, change_hours, migration_hours: Engineers' hours to write and test the prompt,
            to change it, to move it to another model. [h]
        role: Who does it, a role of labour.csv.
    """

    kind = "prompting"

    system_tokens: Numeric | None = None
    build_hours: Numeric = assumed(24.0)
    change_hours: Numeric = assumed(6.0)
    migration_hours: Numeric = assumed(12.0)
    role: str = "software_engineer"

    def reshape(self, request: Request) -> Request:
        """Put the instructions into the request."""
        if self.system_tokens is None:
            return request
        return request.with_part(replace(request.part("system"), tokens=self.system_tokens))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield hours of prompt writing."""
        yield from engineering(self, site)


@dataclass(frozen=True)
class FewShot(Approach):
    """Worked examples in every prompt.

    Attributes:
        shots: Examples in the prompt.
        tokens_per_shot: Length of one; None = question and answer of the workload. [token]
        build_hours, change_hours, migration_hours: Engineers' hours to choose and test examples,
            to exchange them, to move to another model. [h]
        role: Who does it, a role of labour.csv.
    """

    kind = "few_shot"

    shots: Numeric = assumed(8.0)
    tokens_per_shot: Numeric | None = None
    build_hours: Numeric = assumed(40.0)
    change_hours: Numeric = assumed(8.0)
    migration_hours: Numeric = assumed(12.0)
    role: str = "software_engineer"

    def reshape(self, request: Request) -> Request:
        """Put the examples behind the system prompt."""
        each = self.tokens_per_shot
        if each is None:
            each = request.part("question").tokens + request.part("answer").tokens
        tokens = np.asarray(self.shots) * each
        return request.with_part(Part("shots", tokens, stable=True))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield hours of choosing examples."""
        yield from engineering(self, site)


@dataclass(frozen=True)
class LongContext(Approach):
    """The whole corpus in every prompt, where the provider caches it.

    Attributes:
        corpus_tokens: Tokens of the documents. [token]
        corpus: The documents themselves, e.g. "docs/*.md", in place of their tokens.
        build_hours, change_hours, migration_hours: Engineers' hours to prepare the corpus and the
            prompt, to change them, to move to another model. [h]
        curation_hours_per_month: Hours to keep the documents right. [h/month]
        role: Who does it, a role of labour.csv.
    """

    kind = "long_context"

    corpus_tokens: Numeric
    build_hours: Numeric = assumed(32.0)
    change_hours: Numeric = assumed(6.0)
    migration_hours: Numeric = assumed(12.0)
    curation_hours_per_month: Numeric = assumed(4.0)
    role: str = "software_engineer"
    corpus: str = ""

    def reshape(self, request: Request) -> Request:
        """Put the corpus behind the system prompt; it is the same in every request."""
        return request.with_part(Part("corpus", self.corpus_tokens, stable=True))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield hours of preparing and keeping the corpus."""
        yield from engineering(self, site)
        yield curation(self.role, self.curation_hours_per_month, site)
