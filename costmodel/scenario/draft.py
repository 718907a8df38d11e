"""What a plan consists of, and what is gathered on the way to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

import numpy as np

from costmodel.bill import Line, Quantity
from costmodel.errors import ScenarioError
from costmodel.hosts import Host, Serving, Terms
from costmodel.months import Array, Numeric
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.lifetimes import Curve
from costmodel.quantities import upkeep
from costmodel.scenario.model import Scenario, Stage


@dataclass(frozen=True)
class Event:
    """Something with a date that the reader should have in the calendar.

    Attributes:
        day: When.
        what: What happens.
        kind: certain (announced), floor (not sooner than) or expected (most likely date of
            something that comes at a rate).
        cause: Cause of the lines it makes, blank if it makes none.
        provider: Whose model or service it is about, if it is.
    """

    day: date
    what: str
    kind: str
    cause: str = ""
    provider: str = ""


@dataclass(frozen=True, eq=False)
class Risk:
    """A model that may retire at any time while a stage serves.

    Attributes:
        provider, model: Whose model, and which.
        since, until: First day of the stage, and first day no more.
        age: Age of the model on the first day. [day]
        fresh_age: Age of a model one moves to. [day]
        elapsed: Days of the stage passed at the bounds of the months. [day], shape (T + 1,)
        curve: How long such models live.
    """

    provider: str
    model: str
    since: date
    until: date
    age: Numeric
    fresh_age: Numeric
    elapsed: Array = field(repr=False)
    curve: Curve

    @property
    def name(self) -> str:
        """The name under which `Chances` states draws; options that share the model share it."""
        return f"{self.provider}/{self.model} {self.since} to {self.until}"

    def expected(self) -> Array:
        """Return the forced moves to expect in each month. [1/month], shape (..., T)"""
        return upkeep.expected_retirements(
            self.elapsed, self.age, self.fresh_age, self.curve.ages, self.curve.survival
        )

    def drawn(self, uniforms: Array) -> Array:
        """Return the forced moves of random lives. [1/month], shape (..., T)

        Args:
            uniforms: Random numbers below 1, for the model and those that follow it.
                [1], shape (..., N)
        """
        first = np.arange(uniforms.shape[-1]) == 0
        ages = np.where(first, self.age, self.fresh_age)
        curve = self.curve
        lives = upkeep.residual_life(uniforms, ages, curve.ages, curve.survival)
        return upkeep.retirements_in(lives, self.elapsed)


@dataclass(frozen=True, eq=False)
class Chances:
    """What happens at times nobody knows: the expectation, unless draws are stated.

    Attributes:
        retirements: Name of a `Risk` -> forced moves in each month: an expectation, or 0, 1, ... in
            random draws. [1/month], shape (..., T)
    """

    retirements: Mapping[str, Array] = field(default_factory=dict)


EXPECTED = Chances()


class InfeasibleError(ScenarioError):
    """An option that cannot be had; `compare` keeps it with the reason, `bill` refuses it.

    Attributes:
        warnings, events: What had been found out about its market until then.
    """

    warnings: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, eq=False)
class Plan:
    """What an option needs, unpriced.

    Attributes:
        quantities: Everything billable.
        assumptions, warnings: What had to be assumed, what the reader should know.
        events: The calendar, in order of dates.
        risks: Models that may retire at any time.
        counts: Cause -> how often it makes work in each month. [1/month], shape (..., T)
    """

    quantities: tuple[Quantity, ...]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    events: tuple[Event, ...]
    risks: tuple[Risk, ...] = ()
    counts: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Span:
    """A stage with its dates: it serves from `since` up to `until`."""

    stage: Stage
    since: date
    until: date
    model: Model
    offer: TuningOffer | None
    previous: Span | None
    floor: date | None
    open: bool = False  # whether nobody knows when the model ends
    cause: str = "retirement"  # why the stage before ended


@dataclass(eq=False)
class Draft:
    """What has been gathered so far."""

    scenario: Scenario
    terms: Terms
    success_rate: Numeric | None
    chances: Chances = EXPECTED
    servings: dict[object, tuple[Host, list[Serving]]] = field(default_factory=dict)
    fixed: dict[tuple[str, int, Line], Quantity] = field(default_factory=dict)
    usage: list[Quantity] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    risks: dict[str, Risk] = field(default_factory=dict)
    counts: dict[tuple[str, str], Array] = field(default_factory=dict)

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return self.terms.book

    def served_by(self, host: Host) -> list[Serving]:
        """Return what a host serves so far; equal hosts are one."""
        return self.servings.setdefault(_told(host), (host, []))[1]


def _told(host: Host) -> object:
    """Return what tells a host from others, many values of a number at once included."""
    values = [getattr(host, entry.name) for entry in fields(host) if entry.compare]
    return type(host), *(
        (one.shape, one.tobytes()) if isinstance(one, np.ndarray) else one for one in values
    )
