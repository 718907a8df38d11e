"""The stages of an option in time: when each begins, why it ends, what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from costmodel.errors import PriceError, ScenarioError
from costmodel.hosts import PerToken
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.scenario.draft import Draft, Event, InfeasibleError, Span
from costmodel.scenario.model import Option, Stage


def spans_of(draft: Draft, option: Option, live: date, last: date) -> list[Span]:
    """Lay the stages of an option out in time.

    Raises:
        InfeasibleError: If a stage ends inside the horizon and nothing can follow it.
    """
    for named in option.stages:
        named.host.model(named.model, draft.book)  # a name no table knows is an error at once
    spans: list[Span] = []
    stage, since = option.stages[0], live
    waiting = list(option.stages[1:])
    cause = "retirement"
    while True:
        previous = spans[-1] if spans else None
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
        spans.append(Span(stage, since, until, model, offer, previous, floor, unknown, cause))
        if until >= last:
            return spans
        since, cause = until, following
        stage = (
            waiting.pop(0) if waiting else _replacement(draft, option, stage, model, what, until)
        )


def _closed(offer: TuningOffer | None, model: Model, on: date | None) -> bool:
    """Whether what ends on a day is the tuning service, and not the base model with it."""
    if offer is None or offer.training_until is None or on is None:
        return False
    if model.retires is not None and model.retires <= on:
        return False
    return offer.dates_are_certain and offer.training_until <= on


def _found_offer(draft: Draft, option: Option, stage: Stage, on: date) -> TuningOffer | None:
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
    draft: Draft, option: Option, stage: Stage, built: date, *, in_place: bool
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
        if offer.dates_are_certain:
            message = f"{provider} takes no jobs to tune {offer.sku} since {offer.training_until}"
            raise InfeasibleError(message)
        draft.warnings.append(
            f"{provider} promises to tune {offer.sku} until {offer.training_until} only; "
            f"training on {built} is taken as still possible"
        )
    return offer


def _market_notes(draft: Draft, offer: TuningOffer) -> None:
    """Say when a tuning service closes."""
    day = offer.training_until
    if day is None or day >= draft.terms.months.end:
        return
    certain = offer.dates_are_certain
    verb = "stopped" if day <= draft.scenario.start else "stops"
    what = f"{offer.provider} {verb} tuning {offer.sku}"
    draft.warnings.append(f"{what} {'on' if certain else 'not sooner than'} {day}")
    kind = "certain" if certain else "floor"
    draft.events.append(Event(day, what, kind, provider=offer.provider))


def _end_of(
    draft: Draft, stage: Stage, model: Model, offer: TuningOffer | None
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
    draft: Draft, option: Option, stage: Stage, model: Model, what: str, since: date
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
