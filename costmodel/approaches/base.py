"""What every approach is told, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, TypeVar

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.hosts import Host, Terms, Training, tokens_per
from costmodel.months import Array, Numeric
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.rows import TEAM, Key
from costmodel.quantities import effort, volumes
from costmodel.quantities.ranges import check_ranges
from costmodel.quantities.requests import Request, Size

Work = Quantity | Training
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Occasion:
    """Something that makes work: the build, a changed requirement, a retirement, ...

    Attributes:
        work: What is to be done: build, requirement_change, label_ageing, retirement (move to
            another base model), evaluation.
        phase, cause: Of the lines; no cause for the first build.
        times: How often in each month, an expectation. [1/month], shape (..., T)
        trainable: Share of these on which the tuning service still takes jobs. [1], (..., T)
        joint: Share of these whose training, evaluation and release are not done already on
            another occasion of the month. [1], shape (..., T)
        undated: Whether they come at no known day.
    """

    work: str
    phase: str
    cause: str
    times: Array
    trainable: Numeric = 1.0
    joint: Numeric = 1.0
    undated: bool = False

    @property
    def shared(self) -> Occasion:
        """The occasion, as often as it makes work that several causes share."""
        return replace(self, times=np.asarray(self.times * self.joint, float))


@dataclass(frozen=True, eq=False)
class Site:
    """What an approach is told about the stage in which it works.

    Attributes:
        name: Its name in the scenario, with the task where there are several.
        terms: Prices, months, counting.
        host: Where the model runs.
        model: Model in use.
        offer: Tuning offer, if a provider tunes it.
        requests: Calls to the model. [1/month], shape (..., T)
        request: What is sent and what comes back, as the approaches have reshaped it.
        active: Share of each month in which the stage serves. [1], shape (..., T)
        occasions: What makes work.
    """

    name: str
    terms: Terms
    host: Host
    model: str
    offer: TuningOffer | None
    requests: Array
    request: Request
    active: Array
    occasions: tuple[Occasion, ...]

    def tokens_of(self, model: Model) -> tuple[float, tuple[str, ...]]:
        """Return tokens of a model per token of the workload, and what that assumes."""
        how = (self.request.counted_with, self.request.content)
        return tokens_per(model, *how, self.terms.book)

    def labour(
        self,
        activity: str,
        role: str,
        occasion: Occasion,
        formula: Callable[..., Array],
        **inputs: Numeric,
    ) -> Quantity:
        """Count hours of people on an occasion."""
        return person_hours(self.terms.book, self.name, activity, role, occasion, formula, **inputs)


def person_hours(
    book: PriceBook,
    detail: str,
    activity: str,
    role: str,
    occasion: Occasion,
    formula: Callable[..., Array],
    **inputs: Numeric,
) -> Quantity:
    """Count hours of people on an occasion.

    Args:
        book: Knows the roles.
        detail: Approach or option they work for.
        activity: What they do.
        role: Role of labour.csv.
        occasion: Why, and how often.
        formula: Takes `occasions` and the further inputs.
        inputs: Its further inputs.
    """
    key = book.key(Key("labour", TEAM, role))
    line = Line(activity, key, "person_hour", occasion.phase, occasion.cause, detail)
    return measure(line, formula, occasions=occasion.times, **inputs)


@dataclass(frozen=True, eq=False)
class Counted:
    """What was counted in files that a scenario names.

    Attributes:
        said: Files, how much they hold, and how it was counted: an assumption that is shown.
        size: Lengths of the examples, in the workload's encoding; None = as stated. [token]
        chunks: Chunks of the documents; None where there are none. [1]
    """

    said: str
    size: Size | None = None
    chunks: float | None = None


def assumed(default: T) -> T:
    """Make a field whose default is a guess of ours, listed when it was not replaced."""
    made: T = field(default=default, metadata={"assumed": True})
    return made


@dataclass(frozen=True)
class Approach:
    """Reshapes the request and emits the work it needs.

    Attributes:
        shared: Whether several tasks share it: one index, one tuned model for all of them.
        counted: What was counted in its files.
        stated: Fields that a scenario file states, be it the default.
    """

    kind: ClassVar[str] = ""
    # whether requests go to a model of one's own making
    tunes: ClassVar[bool] = False

    shared: bool = field(default=False, kw_only=True)
    counted: Counted | None = field(default=None, kw_only=True, compare=False, repr=False)
    stated: frozenset[str] = field(default=frozenset(), kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_ranges(self)

    def reshape(self, request: Request) -> Request:
        """Return the request as this approach sends it."""
        return request

    def work(self, site: Site) -> Iterator[Work]:  # noqa: ARG002
        """Yield work that does not depend on the number of requests."""
        yield from ()

    def usage(self, site: Site) -> Iterator[Quantity]:  # noqa: ARG002
        """Yield what each request uses beside the model."""
        yield from ()


class Engineered(Protocol):
    """An approach that takes engineers' hours to build, to change and to move. [h]"""

    @property
    def build_hours(self) -> Numeric: ...  # noqa: D102
    @property
    def change_hours(self) -> Numeric: ...  # noqa: D102
    @property
    def migration_hours(self) -> Numeric: ...  # noqa: D102
    @property
    def role(self) -> str: ...  # noqa: D102


def engineering(approach: Engineered, site: Site) -> Iterator[Quantity]:
    """Yield the engineers' hours of each occasion."""
    hours = {
        "build": approach.build_hours,
        "requirement_change": approach.change_hours,
        "retirement": approach.migration_hours,
    }
    activities = {"build": "engineer", "requirement_change": "change", "retirement": "migrate"}
    for occasion in site.occasions:
        if occasion.work in hours:
            yield site.labour(
                activities[occasion.work],
                approach.role,
                occasion,
                effort.effort_hours,
                hours=hours[occasion.work],
            )


def curation(role: str, hours: Numeric, site: Site) -> Quantity:
    """Count the hours that keep the documents right.

    Args:
        role: Who does it, a role of labour.csv.
        hours: How many. [h/month]
        site: Where the approach works.
    """
    always = Occasion("refresh", "upkeep", "stale_facts", site.active)
    return site.labour("curate", role, always, effort.effort_hours, hours=hours)


def calls(
    site: Site,
    model: tuple[str, str],
    what: tuple[str, str, str],
    requests: Numeric,
    tokens: tuple[Numeric, Numeric],
) -> Iterator[Quantity]:
    """Yield the tokens of calls to a further hosted model.

    Args:
        site: Where the approach works.
        model: Provider and model.
        what: Activity, phase and cause of the lines.
        requests: Calls. [1/month], shape (..., T)
        tokens: Input and output of one, in the workload's encoding. [token]
    """
    return model_calls(
        site.terms.book,
        (site.name, *what),
        model,
        (site.request.counted_with, site.request.content),
        requests,
        tokens,
    )


def model_calls(
    book: PriceBook,
    about: tuple[str, str, str, str],
    model: tuple[str, str],
    counted: tuple[str, str],
    requests: Numeric,
    tokens: tuple[Numeric, Numeric],
) -> Iterator[Quantity]:
    """Yield the tokens of calls to a hosted model beside the one that serves.

    Args:
        book: The prices.
        about: For whom, activity, phase and cause of the lines.
        model: Provider and model.
        counted: Encoding and kind of content of the tokens.
        requests: Calls. [1/month], shape (..., T)
        tokens: Input and output of one. [token]
    """
    found = book.catalog.model(*model)
    detail, activity, phase, cause = about
    key = book.key(Key("inference", found.provider, found.name))
    ratio, said = tokens_per(found, *counted, book)
    for meter, count in zip(("input_mtok", "output_mtok"), tokens, strict=True):
        quantity = measure(
            Line(activity, key, meter, phase, cause, detail),
            volumes.request_mtok,
            requests=requests,
            tokens=np.asarray(count) * ratio,
        )
        yield replace(quantity, assumptions=said)
