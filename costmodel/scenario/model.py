"""What a scenario states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from costmodel.approaches import Approach, assumed
from costmodel.errors import ScenarioError, nearest
from costmodel.hosts import Host
from costmodel.months import Months, Numeric
from costmodel.prices.book import PriceBook
from costmodel.quantities.distributions import Distribution
from costmodel.quantities.ranges import check_ranges
from costmodel.quantities.requests import PARTS, Part, Request

STABLE_PARTS = ("system", "shots", "corpus")
YEARS = (2000, 2199)


@dataclass(frozen=True)
class Workload:
    """The work to be done, the same for every option.

    Attributes:
        requests: Conversations in the first month. [1/month]
        parts: Tokens of each part of a request: a number, or a `Part`. [token]
        growth: Growth of the requests from month to month. [1/month]
        turns: Calls to the model in one conversation.
        stable_history: Whether earlier turns are cached like a stable part.
        counted_with: Encoding in which the tokens are stated.
        content: Kind of content, for ratios between encodings (tokenizers.csv).
        required_success: Share of single attempts that must succeed; None = not stated. [1]
        failure_usd: Damage of a request that fails in the end. [US$]
        retries: Further attempts after a failed one.
        name: Name of the task, where there are several.
    """

    requests: Numeric
    parts: Mapping[str, Part | Numeric]
    growth: Numeric = 0.0
    turns: int = 1
    stable_history: bool = False
    counted_with: str = "o200k_base"
    content: str = "english"
    required_success: Numeric | None = None
    failure_usd: Numeric = 0.0
    retries: Numeric = 0
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse parts no request has, and negative numbers."""
        for name in self.parts:
            if name not in PARTS:
                message = f"unknown part {name!r} of a request{nearest(name, PARTS)}"
                raise ScenarioError(message)
        check_ranges(self)

    def request(self) -> Request:
        """Return the request as stated; system prompt and shots are stable unless it says not."""
        parts = [
            part
            if isinstance(part, Part)
            else Part(name, np.asarray(part, float), stable=name in STABLE_PARTS)
            for name, part in self.parts.items()
        ]
        ordered = sorted(parts, key=lambda part: PARTS.index(part.name))
        return Request(
            tuple(ordered), self.turns, self.stable_history, self.counted_with, self.content
        )


@dataclass(frozen=True)
class Upkeep:
    """What keeping an option alive takes; on unless switched off.

    Attributes:
        requirement_changes_per_year: Changes that need new prompts, examples or training.
        evaluate_every_months: Time between evaluations; 0 switches them off. [month]
        evaluation_cases: Requests in the test set.
        review_share: Share of the answers that a person reads. [1]
        review_minutes: Time for one of them. [min]
        review_role: Who reads, a role of labour.csv.
        quality_dimensions: Qualities judged for each case: correctness, tone, guidelines, ...
        judge: Model that judges every answer, `provider/model`; blank = people only.
        judge_prompt_tokens, judge_output_tokens: Rubric for one quality of one case, and what the
            judge writes. [token]
        compare_with_base: Whether a tuned model is tested beside its base when it is made.
        label_life_months: Time after which labels are renewed; 0 = they never age. [month]
        double_running_days: Days for which old and new run side by side at a change of model.
        unknown_retirements: Whether models without an announced end are expected to retire as
            other models of their provider did (survival.csv).
        new_base_age_months: Age of the model one moves to then: time passes between its release
            and the move. [month]
        unknown_age_months: Age of a model whose release is not known. [month]
        better_bases_per_year: How often a better base model comes out. [1/year]
        better_base_gain_usd: What one move to it is worth: one moves only where that pays for the
            move. 0 = never. [US$]
        monthly_decay: Success that a tuned model loses in a month; 0 = none. [1/month]
        decay_limit: Loss at which it is tuned again, once an evaluation has shown it. [1]
        stated: Fields that a scenario file states, be it the default.
    """

    requirement_changes_per_year: Numeric = assumed(1.0)
    evaluate_every_months: Numeric = assumed(1.0)
    evaluation_cases: Numeric = assumed(200.0)
    review_share: Numeric = assumed(0.2)
    review_minutes: Numeric = assumed(3.0)
    review_role: str = "domain_expert"
    quality_dimensions: Numeric = assumed(1.0)
    judge: str = ""
    judge_prompt_tokens: Numeric = assumed(300.0)
    judge_output_tokens: Numeric = assumed(100.0)
    compare_with_base: bool = True
    label_life_months: Numeric = assumed(18.0)
    double_running_days: int = assumed(14)
    unknown_retirements: bool = True
    new_base_age_months: Numeric = assumed(3.0)
    unknown_age_months: Numeric = assumed(6.0)
    better_bases_per_year: Numeric = assumed(1.0)
    better_base_gain_usd: Numeric = 0.0
    monthly_decay: Numeric = assumed(0.0)
    decay_limit: Numeric = assumed(0.05)
    stated: frozenset[str] = field(default=frozenset(), kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_ranges(self)


@dataclass(frozen=True)
class Stage:
    """A model on a host with approaches, until the model or the service ends.

    Attributes:
        model: Model, by any of its names.
        host: Where it runs.
        approaches: Approaches by name, applied in this order.
    """

    model: str
    host: Host
    approaches: Mapping[str, Approach] = field(default_factory=dict)

    @property
    def tuned(self) -> bool:
        """Whether an approach makes a model of one's own."""
        return any(approach.tunes for approach in self.approaches.values())


@dataclass(frozen=True)
class Option:
    """One way to do the work.

    Attributes:
        name: Name in tables and pictures.
        stages: What serves first, then its successors.
        success_rate: Share of single attempts that succeed: your own measurement. [1]
        thinking_tokens: Tokens the model thinks before each answer. [token]
        caching: Whether prompt caches are used where the provider has them.
        cache_hit_share: Share of requests that find the cache warm; None = from the rate. [1]
        in_place: Day since which it has been running; then there is no build. None = to be built.
        live_after: Months until it serves. [month]
        until_then: Option that serves until then.
    """

    name: str
    stages: tuple[Stage, ...]
    success_rate: Numeric | None = None
    thinking_tokens: Numeric | None = None
    caching: bool = True
    cache_hit_share: Numeric | None = None
    in_place: date | None = None
    live_after: int = 0
    until_then: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers out of range, and months in which nobody would answer."""
        check_ranges(self)
        if bool(self.live_after) != bool(self.until_then):
            message = (
                f"option {self.name!r}: live_after and until_then go together: which option "
                "answers until it is live?"
            )
            raise ScenarioError(message)


@dataclass(frozen=True)
class Mix:
    """An option made of options: a router.

    Attributes:
        name: Name in tables and pictures.
        shares: Option -> share of the requests it gets first; they add to 1. [1], shape (..., T)
        escalate: Option -> share of all requests passed on to it in addition. [1], (..., T)
        success_rate: Share of requests that succeed: your own measurement. [1]
    """

    name: str
    shares: Mapping[str, Numeric]
    escalate: Mapping[str, Numeric] = field(default_factory=dict)
    success_rate: Numeric | None = None

    def __post_init__(self) -> None:
        """Refuse shares that do not add to 1."""
        check_ranges(self)
        total = sum((np.asarray(share, float) for share in self.shares.values()), np.zeros(1))
        if not np.allclose(total, 1.0):
            message = (
                f"mix {self.name!r}: shares add to {float(np.mean(total)):g}, not 1; what is "
                "passed on in addition stands under escalate"
            )
            raise ScenarioError(message)


@dataclass(frozen=True)
class Pin:
    """A price that a written scenario remembers."""

    key: str
    meter: str
    usd: float


@dataclass(frozen=True)
class Uncertain:
    """An input that a scenario states as a range or a distribution.

    Attributes:
        name: Input, e.g. `workload.requests` or `option.RAG.success_rate`.
        distribution: What it may be; the scenario itself holds the mean.
    """

    name: str
    distribution: Distribution


@dataclass(frozen=True)
class Together:
    """Inputs that move together.

    Attributes:
        inputs: Their names.
        by: Correlation of each with each, of the normal scores. [1]
    """

    inputs: tuple[str, ...]
    by: float


@dataclass(frozen=True)
class Scenario:
    """A workload and the options to serve it.

    Attributes:
        name: Title.
        start: First day.
        months: Length of the horizon. [month]
        workload: The work, or what all tasks have in common.
        options: Ways to do it.
        tasks: Several workloads served side by side by each option; empty for one.
        upkeep: What keeping an option alive takes.
        people: Own hourly rates by role, in place of labour.csv. [US$/h]
        situation: What no bill can say, for `costmodel advise`: goals, whether prompting suffices,
            ...; names of `STATED`.
        discount_rate: Rate at which later costs count less in discounted totals. [1/year]
        existing_customer: Providers whose tuning one already uses.
        uncertain: Inputs stated as ranges; their fields hold the means.
        together: Inputs that move together, beside the volumes of all tasks, which always do.
        pins: Prices used when the file was written.
        pinned_on: Day of those prices.
        path: File it was read from.
        people_lines: Role -> line of its rate in that file.
    """

    name: str
    start: date
    months: int
    workload: Workload
    options: tuple[Option | Mix, ...]
    tasks: tuple[Workload, ...] = ()
    upkeep: Upkeep = Upkeep()
    people: Mapping[str, float] = field(default_factory=dict)
    existing_customer: tuple[str, ...] = ()
    uncertain: tuple[Uncertain, ...] = ()
    together: tuple[Together, ...] = ()
    pins: tuple[Pin, ...] = ()
    pinned_on: date | None = None
    path: Path | None = field(default=None, compare=False)
    situation: Mapping[str, Any] = field(default_factory=dict)
    discount_rate: Numeric | None = None
    people_lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse an empty horizon, equal names and references to nothing."""
        check_ranges(self)
        if not YEARS[0] <= self.start.year <= YEARS[1]:
            message = (
                f"start must lie between the years {YEARS[0]} and {YEARS[1]}, got {self.start}"
            )
            raise ScenarioError(message)
        names = [option.name for option in self.options]
        for name in names:
            if names.count(name) > 1:
                message = f"two options are named {name!r}; names must differ"
                raise ScenarioError(message)
        for option in self.options:
            if isinstance(option, Mix):
                referred = [*option.shares, *option.escalate]
            else:
                referred = [option.until_then] if option.until_then else []
            for name in referred:
                other = self.option(name)
                if isinstance(other, Mix) or name == option.name:
                    message = (
                        f"option {option.name!r} refers to {name!r}; it must name another option, "
                        "and no router"
                    )
                    raise ScenarioError(message)
            if isinstance(option, Option) and (option.in_place or self.start) > self.start:
                message = (
                    f"option {option.name!r}: in_place says since when it has been running, and "
                    f"{option.in_place} is after the start"
                )
                raise ScenarioError(message)
            self._check_waiting(option)

    def _check_waiting(self, option: Option | Mix) -> None:
        """Refuse options that wait for each other in a circle."""
        waited = [option.name]
        while isinstance(option, Option) and option.until_then:
            option = self.option(option.until_then)
            if option.name in waited:
                circle = " -> ".join(repr(name) for name in [*waited, option.name])
                message = f"options wait for each other: {circle}"
                raise ScenarioError(message)
            waited.append(option.name)

    @property
    def horizon(self) -> Months:
        """The months of the scenario."""
        return Months(self.start, self.months)

    @property
    def all_tasks(self) -> tuple[Workload, ...]:
        """The tasks, or the workload alone."""
        return self.tasks or (self.workload,)

    def option(self, name: str) -> Option | Mix:
        """Return an option by name.

        Raises:
            ScenarioError: If there is none.
        """
        for option in self.options:
            if option.name == name:
                return option
        message = f"no option {name!r}{nearest(name, [option.name for option in self.options])}"
        raise ScenarioError(message)

    @classmethod
    def read(cls, path: str | Path) -> Scenario:
        """Read a scenario file (TOML).

        Raises:
            ScenarioError: If the file is missing, broken or says something unknown.
        """
        from costmodel.scenario.reading import read_scenario

        return read_scenario(Path(path))

    def write(self, path: str | Path, book: PriceBook | None = None) -> None:
        """Write the scenario file it was read from to another place, with the prices used.

        Comments and layout are kept. With a book, the file remembers the day and every unit price
        its bills rest on, so that opening it later can say which prices have moved.

        Raises:
            ScenarioError: If the scenario was not read from a file, or cannot be written.
        """
        from costmodel.scenario.writing import write_scenario

        write_scenario(self, Path(path), book)
