"""From an option to quantities: stages in time, what they serve, the work they make."""

from __future__ import annotations

from collections.abc import Iterator
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
    """

    day: date
    what: str
    kind: str


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
    """

    quantities: tuple[Quantity, ...]
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    events: tuple[Event, ...]


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


@dataclass(eq=False)
class _Draft:
    """What has been gathered so far."""

    scenario: Scenario
    terms: Terms
    success_rate: Numeric | None
    servings: dict[object, tuple[Host, list[Serving]]] = field(default_factory=dict)
    fixed: dict[tuple[str, int, Line], Quantity] = field(default_factory=dict)
    usage: list[Quantity] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

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


def plan(scenario: Scenario, option: Option | Mix, book: PriceBook) -> Plan:
    """Work out what an option needs in each month.

    Args:
        scenario: The scenario it belongs to.
        option: The option.
        book: Prices; only what is on sale matters here, not what it costs.

    Raises:
        InfeasibleError: If the option cannot be had over the whole horizon.
        PriceError: If it names something no table knows.
    """
    terms = Terms(book, scenario.horizon)
    draft = _Draft(scenario, terms, option.success_rate)
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
    while True:
        built = draft.scenario.start if previous is None else since
        in_place = option.in_place is not None and previous is None
        model = stage.host.model(stage.model, draft.book)
        offer = _offer(draft, option, stage, built, in_place=in_place)
        end, certain, what = _end_of(draft, stage, model, offer)
        floor = None
        until = last
        if end is not None and end < last:
            if certain:
                until = end
                draft.events.append(Event(end, what, "certain"))
                draft.warnings.append(f"{what} on {end}")
            elif end > since:
                floor = end
                draft.events.append(Event(end, what, "floor"))
                draft.warnings.append(f"{what} not sooner than {end}")
                draft.assumptions.append(
                    f"{what} not sooner than {end}: taken as that day, followed by a model at the "
                    "same prices; the move is billed"
                )
        if until <= since:
            message = f"{what}: it ended on {end}"
            raise InfeasibleError(message)
        spans.append(_Span(stage, since, until, model, offer, previous, floor))
        if until >= last:
            return spans
        previous, since = stage, until
        stage = (
            waiting.pop(0) if waiting else _replacement(draft, option, stage, model, what, until)
        )


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
    draft.events.append(Event(day, what, "certain" if certain else "floor"))


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
        served += _double_runs(draft, span, serving)
        others = {n: a for n, a in span.stage.approaches.items() if not a.tunes}
        untuned = _reshaped(task, option, replace(span.stage, approaches=others))
        occasions = _occasions(draft, option, span, active)
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


def _double_runs(draft: _Draft, span: _Span, serving: Serving) -> Iterator[Serving]:
    """Yield the days on which the new model runs beside the old one."""
    days = timedelta(days=draft.scenario.upkeep.double_running_days)
    changes = [span.since] if span.previous is not None else []
    changes += [span.floor] if span.floor is not None else []
    for change in changes:
        first = max(change - days, draft.scenario.start)
        beside = draft.terms.months.between(first, change)
        if np.any(beside > 0):
            yield replace(
                serving,
                active=beside,
                since=first,
                until=change,
                phase="upkeep",
                cause="retirement",
            )


def _occasions(
    draft: _Draft, option: Option, span: _Span, active: Array
) -> dict[str, tuple[Occasion, ...]]:
    """Return what makes work in a stage: for the stage as a whole, and for each approach."""
    months, settings = draft.terms.months, draft.scenario.upkeep
    trainable: Numeric = 1.0
    closes = span.offer.training_until if span.offer is not None else None
    if closes is not None and span.offer is not None and span.offer.until_kind in ("fixed", ""):
        open_days = months.between(span.since, min(max(closes, span.since), span.until))
        trainable = np.where(active > 0, open_days / np.where(active > 0, active, 1.0), 1.0)
    regular = []
    per_year = settings.requirement_changes_per_year
    if np.any(np.asarray(per_year) > 0):
        times = upkeep.expected_events(per_year, active)
        regular.append(
            Occasion("requirement_change", "upkeep", "requirement_change", times, trainable)
        )
        _expect(draft, span, 12.0 / float(np.mean(per_year)), "requirements change")
    if span.stage.tuned and np.any(np.asarray(settings.label_life_months) > 0):
        life = np.asarray(settings.label_life_months, float)
        ages = np.where(life > 0, 12.0 / np.where(life > 0, life, 1.0), 0.0)
        times = upkeep.expected_events(ages, active)
        regular.append(Occasion("label_ageing", "upkeep", "label_ageing", times, trainable))
        _expect(draft, span, 12.0 / float(np.mean(ages)), "labels have aged")
    if np.any(np.asarray(trainable) < 1.0) and regular:
        due = float(sum(np.sum(o.times * (1 - np.asarray(trainable))) for o in regular))
        draft.assumptions.append(
            f"no training on {span.offer.sku if span.offer else ''} after {closes}: "
            f"{due:.2g} re-tunes due by {span.until} are not done and not billed"
        )
    moves = []
    if span.floor is not None:
        moves.append(Occasion("retirement", "upkeep", "retirement", months.at(span.floor)))
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
            started[name] = [Occasion(work, "upkeep", "retirement", months.at(span.since))]
    result = {name: (*own, *moves, *regular) for name, own in started.items()}
    once = [own[0] for own in started.values() if own][:1]
    if not span.stage.approaches and span.previous is not None:
        once = [Occasion("retirement", "upkeep", "retirement", months.at(span.since))]
    return result | {"all": (*once, *moves, *regular)}


def _expect(draft: _Draft, span: _Span, every: float, what: str) -> None:
    """Put the most likely dates of something that comes at a rate into the calendar."""
    step = max(round(every), 1)
    for months in range(step, draft.terms.months.count, step):
        day = add_months(span.since, months)
        if day < span.until:
            draft.events.append(Event(day, what, "expected"))


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
        requests=cases * occasion.times,
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
        occasion,
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
