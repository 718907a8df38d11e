"""From an option to quantities: what its stages serve, and the work they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from costmodel.approaches import Approach, Occasion, Site, Tune, model_calls, person_hours
from costmodel.bill import Quantity
from costmodel.errors import ScenarioError, nearest
from costmodel.hosts import PerToken, Serving, Terms, Training
from costmodel.months import Numeric, add_months
from costmodel.prices.book import PriceBook
from costmodel.prices.rows import Key
from costmodel.quantities import effort, outcomes, volumes
from costmodel.quantities.requests import Part, Request
from costmodel.scenario.draft import EXPECTED, Chances, Draft, Event, InfeasibleError, Plan, Span
from costmodel.scenario.model import Mix, Option, Scenario, Stage, Workload
from costmodel.scenario.occasions import occasions_of, scheduled, unknown_moves
from costmodel.scenario.stages import spans_of


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
    draft = Draft(scenario, terms, option.success_rate, chances)
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


def _draft_all(draft: Draft, option: Option | Mix) -> None:
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


def _draft_option(draft: Draft, option: Option, scale: Numeric, last: date, role: str = "") -> None:
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
    for number, span in enumerate(spans_of(draft, option, live, last)):
        _draft_span(draft, option, span, scale, f"{role} {number}")


def _draft_span(draft: Draft, option: Option, span: Span, scale: Numeric, place: str) -> None:
    scenario, months = draft.scenario, draft.terms.months
    active = months.between(span.since, span.until)
    unknown = unknown_moves(draft, span)
    occasions = occasions_of(draft, option, span, active, unknown)
    counted: dict[str, Numeric] = {}
    for occasion in occasions["all"]:
        if occasion.phase == "upkeep":
            # members of a mix have their events together
            before = draft.counts.get((occasion.cause, place), np.zeros(months.count))
            counted[occasion.cause] = counted.get(occasion.cause, 0.0) + occasion.times
            draft.counts[occasion.cause, place] = np.maximum(before, counted[occasion.cause])
    for task in scenario.all_tasks:
        request = _reshaped(task, option, span.stage)
        tunes = {n: a for n, a in span.stage.approaches.items() if isinstance(a, Tune)}
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
            deployment=" + ".join(_told_apart(n, a, task) for n, a in tunes.items()),
            own_weights=any(tune.method == "full" for tune in tunes.values()),
            caching=option.caching,
            cache_hit_share=option.cache_hit_share,
        )
        served = draft.served_by(span.stage.host)
        served.append(serving)
        served += _double_runs(draft, span, serving, occasions["all"])
        others = {n: a for n, a in span.stage.approaches.items() if not a.tunes}
        untuned = _reshaped(task, option, replace(span.stage, approaches=others))
        for occasion in (*occasions["all"], *scheduled(scenario, active)):
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


def _draft_work(draft: Draft, approach: Approach, site: Site, place: str) -> None:
    """Add the work of an approach; what several members of a mix share is done once."""
    for number, work in enumerate(approach.work(site)):
        items = site.host.train(work, site.terms) if isinstance(work, Training) else (work,)
        for item in items:
            draft.fixed.setdefault((place, number, item.line), item)
    draft.usage += approach.usage(site)


def _double_runs(
    draft: Draft, span: Span, serving: Serving, occasions: tuple[Occasion, ...]
) -> Iterator[Serving]:
    """Yield the days on which the new model runs beside the old one."""
    months, settings = draft.terms.months, draft.scenario.upkeep
    days = timedelta(days=settings.double_running_days)
    changes = []
    if span.previous is not None:
        changes.append((span.previous.since, span.since, span.cause))
    if span.floor is not None:
        changes.append((span.since, span.floor, "retirement"))
    dated: dict[str, Serving] = {}
    for earliest, change, cause in changes:
        first = max(change - days, earliest)
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


def _evaluate(
    draft: Draft,
    option: Option,
    span: Span,
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
        served.append(
            replace(
                tested, tuned=False, offer=None, deployment="", own_weights=False, request=untuned
            )
        )
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


def _on_sale(span: Span, book: PriceBook) -> bool:
    """Whether the base model can be asked by the token where the tuned one is served."""
    host = span.stage.host
    if not isinstance(host, PerToken):
        return False
    key = Key("inference", host.provider, span.model.name, host.mode, host.region)
    return book.sells(key, "input_mtok")
