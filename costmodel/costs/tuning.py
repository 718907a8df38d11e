"""Cost of training at a provider, and of keeping what was trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from costmodel.approaches import FineTune
from costmodel.bill import Bill, Quantity, bill
from costmodel.costs.inputs import (
    Answer,
    Day,
    Numbers,
    answer,
    broadcast,
    refuse_negative,
    shipped_book,
    today,
)
from costmodel.errors import PriceError
from costmodel.hosts import (
    Host,
    PerToken,
    Serving,
    Terms,
    Training,
    check_examples,
    hosted_training,
)
from costmodel.months import Array, Months, as_date
from costmodel.prices.book import PriceBook
from costmodel.scenario import Option, Scenario, Stage, Upkeep, Workload, plan


def training_bill(
    provider: str,
    model: str,
    *,
    tokens: Numbers,
    epochs: Numbers | None = None,
    objective: str = "sft",
    method: str | None = None,
    validation_tokens: Numbers = 0,
    evaluations: Numbers = 0,
    runs: Numbers = 1,
    hours: Numbers | None = None,
    examples: float | None = None,
    region: str = "",
    mode: str = "standard",
    on: Day | None = None,
    book: PriceBook | None = None,
) -> Bill:
    """Return the bill of training jobs on one day, with everything behind it.

    It takes the arguments of `training_cost`, the number of examples to check it against the
    provider's limits, and region and mode of the training price as in finetuning.csv.

    Raises:
        PriceError: If the provider does not take the job on that day.
    """
    book = shipped_book() if book is None else book
    day = today() if on is None else as_date(on, "on")
    refuse_negative(
        tokens=tokens,
        epochs=epochs,
        validation_tokens=validation_tokens,
        evaluations=evaluations,
        runs=runs,
        hours=hours,
    )
    offer = book.catalog.tuning(
        provider, model, objective=objective, method=method, region=region, mode=mode, on=day
    )
    if examples is not None:
        check_examples(offer, examples)
    said: list[str] = []
    warnings: list[str] = []
    if method is None and offer.method:
        said.append(f"method not given: {offer.method} taken")
    when = "on" if offer.dates_are_certain else "not sooner than"
    if offer.training_until is not None:
        if offer.dates_are_certain and day >= offer.training_until:
            following = book.catalog.model(provider, model).replaced_by
            remedy = f"; {provider} names {following} as replacement" if following else ""
            message = (
                f"{provider} takes no jobs to tune {offer.sku} since {offer.training_until}, "
                f"so not on {day}{remedy}"
            )
            raise PriceError(message)
        warnings.append(f"{provider} stops tuning {offer.sku} {when} {offer.training_until}")
    if offer.inference_until is not None:
        warnings.append(f"tunes of {offer.sku} stop answering {when} {offer.inference_until}")
    if offer.open_to == "existing":
        warnings.append(f"{provider} takes these jobs from existing customers only")

    def monthly(value: Any) -> Any:
        return None if value is None else np.asarray(value, float)[..., None]

    terms = Terms(book.at(day), Months(day, 1))
    job = Training(
        name="training",
        model=model,
        tokens=monthly(tokens),
        epochs=monthly(epochs),
        runs=monthly(runs),
        validation_tokens=monthly(validation_tokens),
        evaluations=monthly(evaluations),
        hours=monthly(hours),
        examples=None if examples is None else monthly(examples),
        offer=offer,
        counted_with="",
    )
    found = bill(hosted_training(job, terms), terms.book, terms.months)
    return Bill(found.months, found.lines, terms.book, (*said, *found.assumptions), tuple(warnings))


def training_cost(
    provider: str,
    model: str,
    *,
    tokens: Numbers,
    epochs: Numbers | None = None,
    objective: str = "sft",
    method: str | None = None,
    validation_tokens: Numbers = 0,
    evaluations: Numbers = 0,
    runs: Numbers = 1,
    hours: Numbers | None = None,
    on: Day | None = None,
    book: PriceBook | None = None,
) -> Answer:
    """Return what training at a provider costs, minimum charges included.

    Args:
        provider: Who trains, e.g. "together".
        model: Base model, by any of its names.
        tokens: Tokens of the training set, as the provider counts them. [token]
        epochs: Passes over it; None = the provider's default.
        objective: sft | dpo | ppo | grpo | rft.
        method: full | lora | qlora; None = what the provider sells, LoRA if there is a choice.
        validation_tokens: Tokens of the validation set. [token]
        evaluations: Passes over the validation set.
        runs: Jobs of this kind. [1]
        hours: Length of a job, where it is billed by time. [h]
        on: Day of the jobs; None = today.
        book: The prices; None = the shipped tables with your own laid over them, read once.

    Returns:
        Cost. [US$], a float, an array or a Series like the inputs

    Raises:
        PriceError: If the provider does not take the job on that day.

    >>> training_cost("openai", "gpt-4o-mini", tokens=1_000_000, epochs=3, on="2026-12-01")
    9.0
    """
    sizes = {
        "tokens": tokens,
        "epochs": epochs,
        "validation_tokens": validation_tokens,
        "evaluations": evaluations,
        "runs": runs,
        "hours": hours,
    }
    columns, shape, index = broadcast(**sizes)
    found = training_bill(
        provider, model, objective=objective, method=method, on=on, book=book, **columns
    )
    count = math.prod(shape)
    return answer(np.broadcast_to(np.ravel(found.total), (count,)), shape, index)


@dataclass(frozen=True)
class _TrainingOnly(Host):
    """A provider that trains; where the model is served is somebody else's bill."""

    kind = "training_only"
    ends_with_model = False

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:  # noqa: ARG002
        yield from ()


def maintenance_cost(
    provider: str,
    model: str,
    *,
    tokens: Numbers,
    epochs: Numbers = 3,
    objective: str = "sft",
    method: str | None = "lora",
    start: date | str,
    months: int = 24,
    changes_per_year: Numbers = 1.0,
    refresh_share: Numbers = 0.3,
    label_hours: Numbers = 0,
    evaluation_hours: Numbers = 0,
    migration_hours: Numbers = 0,
    double_running_days: int = 14,
    successor: str | None = None,
    unknown_retirements: bool = True,
    book: PriceBook | None = None,
) -> dict[str, Array]:
    """Return what keeping a tuned model alive costs, by cause and month.

    The bill of a scenario says the same: this is its upkeep for a fine-tune in place, without
    requests.

    Args:
        provider: Who trains, and serves where it serves tuned models.
        model: Base model, by any of its names.
        tokens: Tokens of the training set, as the provider counts them. [token], shape (...)
        epochs: Passes over it. [epoch]
        objective: sft | dpo | ppo | grpo | rft.
        method: full | lora | qlora.
        start: First day.
        months: Length of the horizon, T. [month]
        changes_per_year: Changes of requirements, each a re-tune on the whole set. [1/year]
        refresh_share: Share of the labels renewed at each. [1]
        label_hours: Hours to label the whole set (role annotator). [h]
        evaluation_hours: Hours of people for one evaluation (role domain_expert), done monthly and
            after each re-tune. [h]
        migration_hours: Hours for the move to another base model (role ml_engineer). [h]
        double_running_days: Days for which old and new stand side by side. [day]
        successor: Model to move to when this one ends; None = the provider's replacement.
        unknown_retirements: Whether a base without an announced end is expected to retire as other
            models of its provider did.
        book: The prices; None = the shipped tables with your own laid over them, read once.

    Returns:
        Cost by cause: requirement_change, retirement, drift (evaluation), versions (storage).
        [US$/month], shape (..., T)

    Raises:
        InfeasibleError: If the tune ends inside the horizon and nothing can follow it.
        PriceError: If the provider does not tune the model.
    """
    book = shipped_book() if book is None else book
    day = as_date(start, "start")
    refuse_negative(
        tokens=tokens,
        epochs=epochs,
        changes_per_year=changes_per_year,
        refresh_share=refresh_share,
        label_hours=label_hours,
        evaluation_hours=evaluation_hours,
        migration_hours=migration_hours,
        double_running_days=double_running_days,
    )

    def wide(value: Any) -> Any:
        return np.asarray(value, float)[..., None] if np.ndim(value) else float(value)

    offer = book.catalog.tuning(provider, model, objective=objective, method=method, on=day)
    host = PerToken(provider) if offer.serves_as else _TrainingOnly(provider)
    tune = FineTune(
        examples=1.0,
        tokens_per_example=wide(tokens),
        objective=objective,
        method=method,
        epochs=wide(epochs),
        runs_per_release=1.0,
        validation_share=0.0,
        evaluations=0.0,
        minutes_per_example=wide(label_hours) * 60.0,
        refresh_share=wide(refresh_share),
        build_hours=0.0,
        change_hours=0.0,
        migration_hours=wide(migration_hours),
        second_annotator_share=0.0,
        collect_hours=0.0,
        release_hours=0.0,
    )
    stages = [Stage(model, host, {"tune": tune})]
    if successor is not None:
        stages.append(Stage(successor, host, {"tune": tune}))
    option = Option("tune", tuple(stages), in_place=day)
    encoding = book.catalog.model(provider, model).encoding
    scenario = Scenario(
        name="upkeep of a tune",
        start=day,
        months=months,
        workload=Workload(
            requests=0.0, parts={"question": 0.0}, counted_with=encoding or "o200k_base"
        ),
        options=(option,),
        upkeep=Upkeep(
            requirement_changes_per_year=wide(changes_per_year),
            evaluation_cases=1.0,
            review_share=1.0,
            review_minutes=wide(evaluation_hours) * 60.0,
            label_life_months=0.0,
            double_running_days=double_running_days,
            unknown_retirements=unknown_retirements,
            better_bases_per_year=0.0,
        ),
        existing_customer=(provider,),
    )
    found = bill(plan(scenario, option, book).quantities, book, scenario.horizon)
    shape = np.broadcast_shapes((months,), *(cost.shape for cost in found.by_cause().values()))
    return {cause: np.broadcast_to(cost, shape) for cause, cost in found.by_cause().items()}
