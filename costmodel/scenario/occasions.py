"""What makes work while a stage serves: moves, changes, drift, ageing, evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np

from costmodel.approaches import Occasion
from costmodel.errors import ScenarioError
from costmodel.months import Array, Numeric, add_months
from costmodel.prices.lifetimes import POOL, curve_of
from costmodel.quantities import upkeep
from costmodel.scenario.draft import Draft, Event, Risk, Span
from costmodel.scenario.model import Option, Scenario


def unknown_moves(draft: Draft, span: Span) -> Array:
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


def occasions_of(
    draft: Draft, option: Option, span: Span, active: Array, unknown: Array
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
            known = span.previous.stage.approaches.get(name) == approach
            work = "retirement" if known else "build"
            started[name] = [Occasion(work, "upkeep", span.cause, begun)]
    result = {name: (*own, *later) for name, own in started.items()}
    once = [own[0] for own in started.values() if own][:1]
    if not span.stage.approaches and span.previous is not None:
        once = [Occasion("retirement", "upkeep", span.cause, begun)]
    return result | {"all": (*once, *later)}


def _moves(draft: Draft, span: Span, active: Array, unknown: Array) -> Iterator[Occasion]:
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


def _changes(draft: Draft, span: Span, active: Array) -> Iterator[Occasion]:
    """Yield what makes work at a rate while a stage serves, on the same base model."""
    months, settings = draft.terms.months, draft.scenario.upkeep
    trainable: Numeric = 1.0
    closes = span.offer.training_until if span.offer is not None else None
    if closes is not None and span.offer is not None and span.offer.dates_are_certain:
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


def _expect(draft: Draft, span: Span, every: float, what: str, cause: str) -> None:
    """Put the most likely dates of something that comes at a rate into the calendar."""
    step = max(round(min(every, 1e6)), 1)
    for months in range(step, draft.terms.months.count, step):
        day = add_months(span.since, months)
        if day < span.until:
            draft.events.append(Event(day, what, "expected", cause))


def _expect_counts(draft: Draft, span: Span, times: Array, what: str, cause: str) -> None:
    """Put the days on which the first, second, ... event is as likely past as not into it."""
    months = draft.terms.months
    passed = np.mean(np.cumsum(times, axis=-1).reshape(-1, months.count), axis=0)
    for number in range(int(passed[-1] + 0.5)):
        month = int(np.searchsorted(passed, number + 0.5))
        day = (months.bounds[month] + (months.bounds[month + 1] - months.bounds[month]) // 2).item()
        day = min(max(day, span.since), span.until - timedelta(days=1))
        draft.events.append(Event(day, what, "expected", cause, span.model.provider))


def scheduled(scenario: Scenario, active: Array) -> list[Occasion]:
    """Return the regular evaluations of a stage."""
    every = np.asarray(scenario.upkeep.evaluate_every_months, float)
    if not np.any(every > 0):
        return []
    times = np.where(every > 0, active / np.where(every > 0, every, 1.0), 0.0)
    return [Occasion("evaluation", "upkeep", "drift", times)]
