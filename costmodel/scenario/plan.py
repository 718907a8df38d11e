"""From an option to quantities: stages in time, what they serve, the work they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from costmodel.approaches import Approach, Occasion, Site, model_calls, person_hours
from costmodel.bill import Line, Quantity
from costmodel.errors import PriceError, ScenarioError, nearest
from costmodel.hosts import Host, PerToken, Serving, Terms, Training
from costmodel.months import Array, Numeric, add_months
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.lifetimes import POOL, Curve, curve_of
from costmodel.prices.rows import Key
from costmodel.quantities import effort, outcomes, upkeep, volumes
from costmodel.quantities.requests import Part, Request
from costmodel.scenario.model import Mix, Option, Scenario, Stage, Workload


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
class _Span:
    """A stage with its dates: it serves from `since` up to `until`."""

    stage: Stage
    since: date
    until: date
    model: Model
    offer: TuningOffer | None
    previous: Stage | None
    floor: date | None
    open: bool = False  # whether nobody knows when the model ends
    cause: str = "retirement"  # why the stage before ended


@dataclass(eq=False)
class _Draft:
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


def book_for(scenario: Scenario, book: PriceBook) -> PriceBook:
    """Return the book with the scenario's own hourly rates laid over it.

    Raises:
        ScenarioError: If a rate is for a role that nobody has, or a provider is unknown.
    """
    where = scenario.path.name if scenario.path else "the scenario"
    roles = {row.key.sku for row in book.rows if row.key.table == "labour"}
    roles.add(scenario.upkeep.review_role)
    for option in scenario.options:
        for stage in option.stages if isinstance(option, Option) else ():
            for approach in stage.approaches.values():
                names = [entry.name for entry in fields(approach)]
                roles |= {getattr(approach, n) for n in names if n in ("role", "label_role")}
    for role in scenario.people:
        if role not in roles:
            message = f"{where} [people]: no approach has a role {role!r}{nearest(role, roles)}"
            raise ScenarioError(message)
    for provider in scenario.existing_customer:
        if provider not in book.catalog.providers:
            known = nearest(provider, book.catalog.providers)
            message = f"{where} existing_customer: unknown provider {provider!r}{known}"
            raise ScenarioError(message)
    return book.with_rates(scenario.people, where, scenario.start, scenario.people_lines)


def plan(
    scenario: Scenario, option: Option | Mix, book: PriceBook, chances: Chances = EXPECTED
) -> Plan:
    """Work out what an option needs in each month.

    Args:
        scenario: The scenario it belongs to.
        option: The option.
        book: Prices; only what is on sale matters here, not what it costs.
        chances: Draws of what comes at unknown times, for the risks of an earlier plan.

    Raises:
        InfeasibleError: If the option cannot be had over the whole horizon.
        PriceError: If it names something no table knows.
    """
    terms = Terms(book, scenario.horizon)
    draft = _Draft(scenario, terms, option.success_rate, chances)
    try:
        _draft_all(draft, option)
    except InfeasibleError as error:
        error.warnings = tuple(dict.fromkeys(draft.warnings))
        error.events = _sorted(draft.events)
        raise
    quantities = [*draft.fixed.values(), *draft.usage]
    served: list[Quantity] = []
    for host, servings in draft.servings.values():
        served += host.serve(servings, terms)
    draft.assumptions += _guesses("upkeep", scenario.upkeep)
    if option.success_rate is not None:
        draft.assumptions.append("success rates as stated in the scenario")
        draft.assumptions += _damage(scenario)
    return Plan(
        (*served, *quantities),
        tuple(dict.fromkeys(draft.assumptions)),
        tuple(dict.fromkeys(draft.warnings)),
        _sorted(draft.events),
        tuple(draft.risks.values()),
        {
            cause: np.asarray(sum(n for (one, _), n in draft.counts.items() if one == cause))
            for cause in dict.fromkeys(cause for cause, _ in draft.counts)
        },
    )


def _damage(scenario: Scenario) -> Iterator[str]:
    """Yield what is assumed about answers that fail."""
    tasks = scenario.all_tasks
    for usd in dict.fromkeys(float(np.mean(task.failure_usd)) for task in tasks):
        if usd > 0:
            yield f"a request that fails in the end does damage of ${usd:g}, as stated"
    if any(np.any(np.asarray(task.retries) > 0) for task in tasks):
        yield "repeated attempts succeed independently of each other"


def _sorted(events: list[Event]) -> tuple[Event, ...]:
    return tuple(sorted(set(events), key=lambda event: (event.day, event.what)))


def _draft_all(draft: _Draft, option: Option | Mix) -> None:
    """Add an option, or all members of a mix."""
    scenario, last = draft.scenario, draft.terms.months.end
    if isinstance(option, Mix):
        members = {**dict.fromkeys(option.shares, 0.0), **dict.fromkeys(option.escalate, 0.0)}
        for name in members:
            share = np.asarray(option.shares.get(name, 0.0)) + option.escalate.get(name, 0.0)
            member = scenario.option(name)
            assert isinstance(member, Option)
            _draft_option(draft, member, share, last)
    else:
        _draft_option(draft, option, 1.0, last)


def _guesses(name: str, item: Any) -> Iterator[str]:
    """Yield the defaults of ours that nobody replaced."""
    for entry in fields(item):
        if entry.metadata.get("assumed"):
            value, default = getattr(item, entry.name), entry.default
            stated = entry.name in item.stated
            if not stated and np.array_equal(value, default):  # type: ignore[arg-type]
                shown = value if isinstance(value, str) else f"{value:g}"
                yield f"{name}: {entry.name} = {shown} (our default)"


def _draft_option(
    draft: _Draft, option: Option, scale: Numeric, last: date, role: str = ""
) -> None:
    """Add an option up to a day, and what serves until it is live."""
    live = min(add_months(draft.scenario.start, option.live_after), last)
    if live >= last:
        message = (
            f"option {option.name!r} goes live after the horizon, in month {option.live_after}"
        )
        raise InfeasibleError(message)
    if option.until_then and live > draft.scenario.start:
        before = draft.scenario.option(option.until_then)
        assert isinstance(before, Option)
        _draft_option(draft, before, scale, live, f"{role} before")
    for stage in option.stages:
        for name, approach in stage.approaches.items():
            draft.assumptions += _guesses(name, approach)
            if approach.counted is not None:
                draft.assumptions.append(f"{name}: {approach.counted.said}")
    spans = _spans(draft, option, live, last)
    for number, span in enumerate(spans):
        _draft_span(draft, option, span, scale, f"{role} {number}")


# stages in time


def _spans(draft: _Draft, option: Option, live: date, last: date) -> list[_Span]:
    """Lay the stages of an option out in time.

    Raises:
        InfeasibleError: If a stage ends inside the horizon and nothing can follow it.
    """
    for named in option.stages:
        named.host.model(named.model, draft.book)  # a name no table knows is an error at once
    spans: list[_Span] = []
    stage, since, previous = option.stages[0], live, None
    waiting = list(option.stages[1:])
    cause = "retirement"
    while True:
        built = draft.scenario.start if previous is None else since
        in_place = option.in_place is not None and previous is None
        model = stage.host.model(stage.model, draft.book)
        offer = _offer(draft, option, stage, built, in_place=in_place)
        end, certain, what = _end_of(draft, stage, model, offer)
        floor = None
        until = last
        following = "provider_closes" if _closed(offer, model, end) else "retirement"
        if end is not None and end < last:
            if certain:
                until = end
                draft.events.append(Event(end, what, "certain", following, model.provider))
                draft.warnings.append(f"{what} on {end}")
            elif end > since:
                floor = end
                draft.events.append(Event(end, what, "floor", "retirement", model.provider))
                draft.warnings.append(f"{what} not sooner than {end}")
                draft.assumptions.append(
                    f"{what} not sooner than {end}: taken as that day, followed by a model at the "
                    "same prices; the move is billed"
                )
        if until <= since:
            message = f"{what}: it ended on {end}"
            raise InfeasibleError(message)
        unknown = stage.host.ends_with_model and (end is None or end <= since)
        spans.append(_Span(stage, since, until, model, offer, previous, floor, unknown, cause))
        if until >= last:
            return spans
        previous, since, cause = stage, until, following
        stage = (
            waiting.pop(0) if waiting else _replacement(draft, option, stage, model, what, until)
        )


def _closed(offer: TuningOffer | None, model: Model, on: date | None) -> bool:
    """Whether what ends on a day is the tuning service, and not the base model with it."""
    if offer is None or offer.training_until is None or on is None:
        return False
    if model.retires is not None and model.retires <= on:
        return False
    return offer.until_kind in ("fixed", "") and offer.training_until <= on


def _found_offer(draft: _Draft, option: Option, stage: Stage, on: date) -> TuningOffer | None:
    """Find what a provider sells to tune the model of a stage; None on own GPUs, or untuned.

    Raises:
        PriceError: If the provider does not tune it.
    """
    tuners = [approach for approach in stage.approaches.values() if approach.tunes]
    if len(tuners) > 1:
        message = f"option {option.name!r}: two approaches tune the same model; name one"
        raise ScenarioError(message)
    tuner: Any = tuners[0] if tuners else None
    provider = tuner and (tuner.trainer or (stage.host.sells_tuning and stage.host.provider))
    if not provider:
        return None
    hosted = isinstance(stage.host, PerToken) and provider == stage.host.provider
    return draft.book.catalog.tuning(
        provider,
        stage.model,
        objective=tuner.objective,
        method=tuner.method,
        region=stage.host.region if hosted else "",
        mode=tuner.tier,
        on=on,
    )


def _offer(
    draft: _Draft, option: Option, stage: Stage, built: date, *, in_place: bool
) -> TuningOffer | None:
    """Return the tuning offer a stage rests on, if a provider trains it.

    Raises:
        InfeasibleError: If the provider does not take the job.
    """
    offer = _found_offer(draft, option, stage, built)
    if offer is None:
        return None
    provider = offer.provider
    _market_notes(draft, offer)
    if in_place:
        return offer
    if offer.open_to == "existing" and provider not in draft.scenario.existing_customer:
        message = (
            f"{provider} tunes {offer.model} only for existing customers; if you are one, add "
            f'existing_customer = ["{provider}"]'
        )
        raise InfeasibleError(message)
    if offer.training_until is not None and built >= offer.training_until:
        if offer.until_kind in ("fixed", ""):
            message = f"{provider} takes no jobs to tune {offer.sku} since {offer.training_until}"
            raise InfeasibleError(message)
        draft.warnings.append(
            f"{provider} promises to tune {offer.sku} until {offer.training_until} only; "
            f"training on {built} is taken as still possible"
        )
    return offer


def _market_notes(draft: _Draft, offer: TuningOffer) -> None:
    """Say when a tuning service closes."""
    day = offer.training_until
    if day is None or day >= draft.terms.months.end:
        return
    certain = offer.until_kind in ("fixed", "")
    verb = "stopped" if day <= draft.scenario.start else "stops"
    what = f"{offer.provider} {verb} tuning {offer.sku}"
    draft.warnings.append(f"{what} {'on' if certain else 'not sooner than'} {day}")
    kind = "certain" if certain else "floor"
    draft.events.append(Event(day, what, kind, provider=offer.provider))


def _end_of(
    draft: _Draft, stage: Stage, model: Model, offer: TuningOffer | None
) -> tuple[date | None, bool, str]:
    """Return the day a stage ends, whether that is certain, and what ends."""
    if not stage.host.ends_with_model:
        return None, False, ""
    name = f"{model.provider}/{model.name}"
    if offer is not None and offer.provider == stage.host.provider:
        if offer.inference_until is not None:
            return offer.inference_until, offer.ends_for_certain, f"tuned {name} stops answering"
        if offer.serves_as:
            model = stage.host.model(offer.serves_as, draft.book)
    return model.retires, model.ends_for_certain, f"{name} retires"


def _replacement(
    draft: _Draft, option: Option, stage: Stage, model: Model, what: str, since: date
) -> Stage:
    """Return the stage with the model that the provider names as successor.

    Raises:
        InfeasibleError: If it names none, or one that cannot do the job.
    """
    if not model.replaced_by:
        message = f"{what} on {since} and no successor is named"
        raise InfeasibleError(message)
    following = replace(stage, model=model.replaced_by)
    try:
        stage.host.model(model.replaced_by, draft.book)
        _found_offer(draft, option, following, since)
    except PriceError:
        lacks = "cannot be tuned" if stage.tuned else "has no price"
        message = (
            f"{what} on {since}; its replacement {model.replaced_by} {lacks}: name a successor"
        )
        raise InfeasibleError(message) from None
    draft.assumptions.append(
        f"{model.name} is followed by {model.replaced_by}, the provider's replacement (models.csv)"
    )
    return following


# what a stage serves and the work it makes


def _draft_span(draft: _Draft, option: Option, span: _Span, scale: Numeric, place: str) -> None:
    scenario, months = draft.scenario, draft.terms.months
    active = months.between(span.since, span.until)
    unknown = _unknown_moves(draft, span)
    occasions = _occasions(draft, option, span, active, unknown)
    counted: dict[str, Numeric] = {}
    for occasion in occasions["all"]:
        if occasion.phase == "upkeep":
            # members of a mix have their events together
            before = draft.counts.get((occasion.cause, place), np.zeros(months.count))
            counted[occasion.cause] = counted.get(occasion.cause, 0.0) + occasion.times
            draft.counts[occasion.cause, place] = np.maximum(before, counted[occasion.cause])
    for task in scenario.all_tasks:
        request = _reshaped(task, option, span.stage)
        rate = draft.success_rate
        attempts = 1.0 if rate is None else outcomes.attempts(rate, task.retries)
        requests = volumes.growing(task.requests, task.growth, months.count) * scale * attempts
        serving = Serving(
            task=task.name,
            model=span.stage.model,
            request=request,
            requests=requests,
            active=active,
            since=span.since,
            until=span.until,
            offer=span.offer,
            tuned=span.stage.tuned,
            deployment=" + ".join(
                _told_apart(name, approach, task)
                for name, approach in span.stage.approaches.items()
                if approach.tunes
            ),
            caching=option.caching,
            cache_hit_share=option.cache_hit_share,
        )
        served = draft.served_by(span.stage.host)
        served.append(serving)
        served += _double_runs(draft, span, serving, occasions["all"])
        others = {n: a for n, a in span.stage.approaches.items() if not a.tunes}
        untuned = _reshaped(task, option, replace(span.stage, approaches=others))
        for occasion in (*occasions["all"], *_scheduled(scenario, active)):
            _evaluate(draft, option, span, serving, occasion, untuned)
        for name, approach in span.stage.approaches.items():
            site = Site(
                name=_told_apart(name, approach, task),
                terms=draft.terms,
                host=span.stage.host,
                model=span.stage.model,
                offer=span.offer,
                requests=requests * task.turns,
                request=request,
                active=active,
                occasions=occasions[name],
            )
            _draft_work(draft, approach, site, place)


def _told_apart(name: str, approach: Approach, task: Workload) -> str:
    """Return the name of an approach, with the task's unless the tasks share it."""
    return " ".join(filter(None, [name, "" if approach.shared else task.name]))


def _reshaped(task: Workload, option: Option, stage: Stage) -> Request:
    request = task.request()
    if option.thinking_tokens is not None:
        request = request.with_part(Part("thinking", option.thinking_tokens))
    for approach in stage.approaches.values():
        request = approach.reshape(request)
    return request


def _draft_work(draft: _Draft, approach: Approach, site: Site, place: str) -> None:
    """Add the work of an approach; what several members of a mix share is done once."""
    for number, work in enumerate(approach.work(site)):
        items = site.host.train(work, site.terms) if isinstance(work, Training) else (work,)
        for item in items:
            draft.fixed.setdefault((place, number, item.line), item)
    draft.usage += approach.usage(site)


def _unknown_moves(draft: _Draft, span: _Span) -> Array:
    """Return the forced moves at unknown times in each month. [1/month], shape (..., T)"""
    months, settings = draft.terms.months, draft.scenario.upkeep
    none = np.zeros(months.count)
    if not (settings.unknown_retirements and span.open):
        return none
    model = span.model
    name = f"{model.provider}/{model.name}"
    curve = curve_of(draft.book, model.provider if model.released else POOL)
    if curve is None:
        draft.assumptions.append(
            f"{name}: no retirement at an unknown time, as the tables have no survival.csv"
        )
        return none
    born = f"released {model.released}"
    age: Numeric = float(max((span.since - (model.released or span.since)).days, 0))
    if model.released is None:
        age = np.asarray(settings.unknown_age_months) * upkeep.DAYS_PER_MONTH
        born = f"release not known, taken as {float(np.mean(settings.unknown_age_months)):g} months"
        born += " old"
    elapsed = np.clip(
        (months.bounds - np.datetime64(span.since, "D")).astype(float),
        0.0,
        float((span.until - span.since).days),
    )
    fresh = np.asarray(settings.new_base_age_months) * upkeep.DAYS_PER_MONTH
    risk = Risk(
        *(model.provider, model.name, span.since, span.until),
        *(age, fresh, elapsed, curve),
    )
    draft.risks[risk.name] = risk
    stated = draft.chances.retirements.get(risk.name)
    times = risk.expected() if stated is None else _stated(stated, risk, months.count)
    expected = float(np.mean(times.sum(axis=-1)))
    draft.assumptions.append(
        f"{name} ({born}) has no announced end: {expected:.2g} forced moves expected by "
        f"{span.until}, each to a model at the same prices; {curve.said}"
    )
    _expect_counts(draft, span, times, f"{name} retires", "retirement")
    return times


def _stated(moves: Array, risk: Risk, count: int) -> Array:
    """Return draws of forced moves, refusing what is none.

    Raises:
        ScenarioError: If they do not count moves in each month.
    """
    moves = np.asarray(moves, float)
    whole = moves.ndim > 0 and moves.shape[-1] == count
    if not whole or not np.all(np.isfinite(moves) & (moves >= 0)):
        message = f"draws of {risk.name} must be numbers >= 0 for each of {count} months"
        raise ScenarioError(message)
    return moves


def _double_runs(
    draft: _Draft, span: _Span, serving: Serving, occasions: tuple[Occasion, ...]
) -> Iterator[Serving]:
    """Yield the days on which the new model runs beside the old one."""
    months, settings = draft.terms.months, draft.scenario.upkeep
    days = timedelta(days=settings.double_running_days)
    changes = [(span.since, span.cause)] if span.previous is not None else []
    changes += [(span.floor, "retirement")] if span.floor is not None else []
    dated: dict[str, Serving] = {}
    for change, cause in changes:
        first = max(change - days, draft.scenario.start)
        beside = months.between(first, change)
        if np.any(beside > 0):
            # on dedicated capacity, what runs for one cause runs together
            before = dated.get(cause)
            active = beside if before is None else before.active + beside
            since = first if before is None else min(first, before.since)
            dated[cause] = replace(
                serving, active=active, since=since, until=change, phase="upkeep", cause=cause
            )
    for occasion in occasions:
        if not occasion.undated:
            continue
        beside = occasion.shared.times * settings.double_running_days / months.days
        if np.any(beside > 0):
            before = dated.get(occasion.cause)
            # without dates of its own: nobody buys a commitment for a move that may not come
            dated[occasion.cause] = replace(
                serving if before is None else before,
                active=beside if before is None else before.active + beside,
                since=span.since if before is None else before.since,
                until=span.since if before is None else before.until,
                phase="upkeep",
                cause=occasion.cause,
            )
    yield from dated.values()


def _occasions(
    draft: _Draft, option: Option, span: _Span, active: Array, unknown: Array
) -> dict[str, tuple[Occasion, ...]]:
    """Return what makes work in a stage: for the stage as a whole, and for each approach."""
    months = draft.terms.months
    begun = months.at(span.since) if span.previous is not None else np.zeros(months.count)
    later = [*_moves(draft, span, active, unknown), *_changes(draft, span, active)]
    done = upkeep.not_yet_done([begun, *(occasion.times for occasion in later)])[1:]
    later = [replace(one, joint=share) for one, share in zip(later, done, strict=True)]
    started: dict[str, list[Occasion]] = {}
    for name, approach in span.stage.approaches.items():
        started[name] = []
        if span.previous is None:
            if option.in_place is None:
                built = months.at(draft.scenario.start)
                started[name] = [Occasion("build", "build", "", built)]
        else:
            known = span.previous.approaches.get(name) == approach
            work = "retirement" if known else "build"
            started[name] = [Occasion(work, "upkeep", span.cause, begun)]
    result = {name: (*own, *later) for name, own in started.items()}
    once = [own[0] for own in started.values() if own][:1]
    if not span.stage.approaches and span.previous is not None:
        once = [Occasion("retirement", "upkeep", span.cause, begun)]
    return result | {"all": (*once, *later)}


def _moves(draft: _Draft, span: _Span, active: Array, unknown: Array) -> Iterator[Occasion]:
    """Yield moves to another base model inside a stage."""
    months, settings = draft.terms.months, draft.scenario.upkeep
    if span.floor is not None:
        yield Occasion("retirement", "upkeep", "retirement", months.at(span.floor))
    if np.any(unknown > 0):
        yield Occasion("retirement", "upkeep", "retirement", unknown, undated=True)
    per_year, gain = settings.better_bases_per_year, settings.better_base_gain_usd
    if not (np.any(np.asarray(per_year) > 0) and span.stage.host.ends_with_model):
        return
    if not np.any(np.asarray(gain) > 0):
        draft.assumptions.append(
            f"better base models ({float(np.mean(per_year)):g} a year) are not moved to: what "
            "that gains is not stated (better_base_gain_usd)"
        )
        return
    forced = unknown if span.floor is None else unknown + months.at(span.floor)
    moved = 1.0 - np.clip(forced, 0.0, 1.0)
    times = upkeep.expected_events(per_year, active) * moved
    yield Occasion("retirement", "upkeep", "better_base", times, undated=True)
    _expect(draft, span, 12.0 / float(np.mean(per_year)), "a better base model", "better_base")


def _changes(draft: _Draft, span: _Span, active: Array) -> Iterator[Occasion]:
    """Yield what makes work at a rate while a stage serves, on the same base model."""
    months, settings = draft.terms.months, draft.scenario.upkeep
    trainable: Numeric = 1.0
    closes = span.offer.training_until if span.offer is not None else None
    if closes is not None and span.offer is not None and span.offer.until_kind in ("fixed", ""):
        open_days = months.between(span.since, min(max(closes, span.since), span.until))
        trainable = np.where(active > 0, open_days / np.where(active > 0, active, 1.0), 1.0)
    regular = []
    per_year = np.asarray(settings.requirement_changes_per_year, float)
    if np.any(per_year > 0):
        times = upkeep.expected_events(per_year, active)
        regular.append(("requirement_change", "requirement_change", times))
        every = 12.0 / float(np.mean(per_year))
        _expect(draft, span, every, "requirements change", "requirement_change")
    decay = settings.monthly_decay
    if span.stage.tuned and np.any(np.asarray(decay) > 0):
        rule = (decay, settings.decay_limit, settings.evaluate_every_months)
        regular.append(("drift", "drift", upkeep.drift_events(*rule, active)))
        often = upkeep.drift_events(*rule, 1.0)
        every = 1.0 / max(float(np.mean(often)), upkeep.TINY)
        _expect(draft, span, every, "quality has drifted", "drift")
    life = np.asarray(settings.label_life_months, float)
    if span.stage.tuned and np.any(life > 0):
        ages = np.where(life > 0, 12.0 / np.where(life > 0, life, 1.0), 0.0)
        times = upkeep.expected_events(ages, active)
        regular.append(("label_ageing", "label_ageing", times))
        every = 12.0 / float(np.mean(ages))
        _expect(draft, span, every, "labels have aged", "label_ageing")
    if np.any(np.asarray(trainable) < 1.0) and regular:
        missed = 1.0 - np.asarray(trainable)
        due = float(np.mean(sum(np.sum(times * missed, axis=-1) for _, _, times in regular)))
        draft.assumptions.append(
            f"no training on {span.offer.sku if span.offer else ''} after {closes}: "
            f"{due:.2g} re-tunes due by {span.until} are not done and not billed"
        )
    for work, cause, times in regular:
        yield Occasion(work, "upkeep", cause, times, trainable)


def _expect(draft: _Draft, span: _Span, every: float, what: str, cause: str) -> None:
    """Put the most likely dates of something that comes at a rate into the calendar."""
    step = max(round(min(every, 1e6)), 1)
    for months in range(step, draft.terms.months.count, step):
        day = add_months(span.since, months)
        if day < span.until:
            draft.events.append(Event(day, what, "expected", cause))


def _expect_counts(draft: _Draft, span: _Span, times: Array, what: str, cause: str) -> None:
    """Put the days on which the first, second, ... event is as likely past as not into it."""
    months = draft.terms.months
    passed = np.mean(np.cumsum(times, axis=-1).reshape(-1, months.count), axis=0)
    for number in range(int(passed[-1] + 0.5)):
        month = int(np.searchsorted(passed, number + 0.5))
        day = (months.bounds[month] + (months.bounds[month + 1] - months.bounds[month]) // 2).item()
        day = min(max(day, span.since), span.until - timedelta(days=1))
        draft.events.append(Event(day, what, "expected", cause, span.model.provider))


def _scheduled(scenario: Scenario, active: Array) -> list[Occasion]:
    every = np.asarray(scenario.upkeep.evaluate_every_months, float)
    if not np.any(every > 0):
        return []
    times = np.where(every > 0, active / np.where(every > 0, every, 1.0), 0.0)
    return [Occasion("evaluation", "upkeep", "drift", times)]


def _evaluate(
    draft: _Draft,
    option: Option,
    span: _Span,
    serving: Serving,
    occasion: Occasion,
    untuned: Request,
) -> None:
    """Add one evaluation per occasion: the test set through the model, a sample read by people."""
    settings = draft.scenario.upkeep
    cases = np.asarray(settings.evaluation_cases, float)
    tested = replace(
        serving,
        requests=cases * occasion.shared.times,
        active=np.ones(draft.terms.months.count),
        standing=True,
        caching=False,
        phase=occasion.phase,
        cause=occasion.cause,
    )
    served = draft.served_by(span.stage.host)
    served.append(tested)
    made = occasion.work in ("build", "retirement")
    if span.stage.tuned and settings.compare_with_base and made and _on_sale(span, draft.book):
        # the base needs the whole prompt
        served.append(replace(tested, tuned=False, offer=None, deployment="", request=untuned))
    name = " ".join(filter(None, [option.name, serving.task]))
    if settings.judge:
        provider, _, judge = settings.judge.partition("/")
        request = serving.request
        answer = request.part("answer").tokens
        read = request.part("question").tokens + answer + np.asarray(settings.judge_prompt_tokens)
        draft.usage += model_calls(
            draft.book,
            (name, "judge", occasion.phase, occasion.cause),
            (provider, judge),
            (request.counted_with, request.content),
            tested.requests * settings.quality_dimensions,
            (read, settings.judge_output_tokens),
        )
    reading = person_hours(
        draft.book,
        name,
        "evaluate",
        settings.review_role,
        occasion.shared,
        effort.review_hours,
        cases=cases * settings.review_share * settings.quality_dimensions,
        minutes_per_case=settings.review_minutes,
    )
    draft.usage.append(reading)


def _on_sale(span: _Span, book: PriceBook) -> bool:
    """Whether the base model can be asked by the token where the tuned one is served."""
    host = span.stage.host
    if not isinstance(host, PerToken):
        return False
    key = Key("inference", host.provider, span.model.name, host.mode, host.region)
    return book.sells(key, "input_mtok")
