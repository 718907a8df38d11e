"""What every host and approach is told, tokens of a model, and training at a provider."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import ClassVar

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.errors import ScenarioError
from costmodel.months import Array, Months, Numeric
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.rows import Key
from costmodel.quantities import training
from costmodel.quantities.ranges import check_ranges
from costmodel.quantities.requests import Request, Turn


@dataclass(frozen=True)
class Terms:
    """What every host and approach is told: prices and months.

    Attributes:
        book: The prices.
        months: The time axis.
    """

    book: PriceBook
    months: Months


Ratio = tuple[float, tuple[str, ...]]


def tokens_per(model: Model, counted_with: str, content: str, book: PriceBook) -> Ratio:
    """Return tokens of the model per token of the workload, and what that assumes."""
    if not model.encoding:
        said = f"{model.name}: tokenizer not known, tokens taken as {counted_with} counts"
        return 1.0, (said,)
    if model.encoding == counted_with:
        return 1.0, ()
    ratio = book.catalog.tokens_per(model.encoding, counted_with, content)
    said = (
        f"{model.name}: {ratio:.3g} tokens of {model.encoding} for each {counted_with} token "
        f"({content}, tokenizers.csv)"
    )
    return ratio, (said,)


@dataclass(frozen=True, eq=False)
class Serving:
    """Requests for one deployment.

    Attributes:
        task: Whose requests they are, blank if there is one task.
        model: Model asked for; the base model of a tuned one.
        request: What is sent and what comes back.
        requests: Conversations in a full month, repeated attempts included. [1/month], (..., T)
        active: Share of the month in which they come. [1], shape (..., T)
        since, until: First day, and first day no more.
        offer: The tuning offer behind a model tuned by a provider.
        tuned: Whether the model is tuned.
        deployment: Name of the tuned model, blank for a base model.
        own_weights: Whether all its weights were tuned, so that no other model shares a replica.
        caching: Whether the provider's prompt cache is used where it can be.
        cache_hit_share: Share of requests that find the prefix warm; None = from the rate.
        standing: Whether they use a deployment that stands already, as an evaluation does.
        phase, cause: Of the lines.
    """

    task: str
    model: str
    request: Request
    requests: Array
    active: Array
    since: date
    until: date
    offer: TuningOffer | None = None
    tuned: bool = False
    deployment: str = ""
    own_weights: bool = False
    caching: bool = True
    cache_hit_share: Numeric | None = None
    standing: bool = False
    phase: str = "serve"
    cause: str = ""


@dataclass(frozen=True, eq=False)
class Training:
    """Training runs.

    Attributes:
        name: Approach (and task) they are for.
        model: Base model.
        tokens: Tokens of the training set. [token]
        counted_with, content: Encoding in which they are counted, blank for that of the provider;
            and kind of content.
        epochs: Passes over it; None = the provider's default.
        runs: Runs in each month. [1/month], shape (..., T)
        validation_tokens, evaluations: Validation set and passes over it.
        hours: Length of a run that is billed by time. [h]
        examples: Examples in the set, where they are known.
        objective, method: As in the approach; no method is the choice of who trains.
        sequence_tokens: Mean length of one sequence; an example of preferences has several. [token]
        sequence_length: Length to which sequences are packed or filled, where stated. [token]
        offer: What a provider sells; None on own GPUs.
        phase, cause: Of the lines.
    """

    name: str
    model: str
    tokens: Numeric
    epochs: Numeric | None
    runs: Array
    validation_tokens: Numeric = 0.0
    evaluations: Numeric = 0.0
    hours: Numeric | None = None
    examples: Numeric | None = None
    objective: str = "sft"
    method: str | None = None
    sequence_tokens: Numeric = 0.0
    sequence_length: Numeric | None = None
    offer: TuningOffer | None = None
    counted_with: str = "o200k_base"
    content: str = "english"
    phase: str = "build"
    cause: str = ""


@dataclass(frozen=True, eq=False)
class Pace:
    """How fast something runs, measured or predicted.

    Attributes:
        speed: Tokens per second. [token/s]
        said: What that assumes.
        spread: Field of the host that scales a prediction -> ends of its 80 % band over the middle.
    """

    speed: Numeric
    said: tuple[str, ...] = ()
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)


DEFAULT_EPOCHS = 3.0


def check_window(model: Model, calls: Sequence[Turn]) -> None:
    """Refuse a prompt that does not fit the model.

    Raises:
        ScenarioError: If the prompt is longer than the context window.
    """
    longest = max(float(np.max(call.mean)) for call in calls)
    if longest > model.context_window:
        message = (
            f"a prompt of {longest:,.0f} tokens does not fit the context window of "
            f"{model.provider}/{model.name}, {model.context_window:,.0f} tokens; "
            "shorten its parts or choose another model"
        )
        raise ScenarioError(message)


def counted_calls(
    item: Serving, model: Model, book: PriceBook
) -> tuple[list[Turn], tuple[str, ...]]:
    """Return the calls of a conversation in the model's own tokens, and what that assumes."""
    request = item.request
    ratio, said = tokens_per(model, request.counted_with, request.content, book)
    calls = request.scaled(ratio).calls()
    check_window(model, calls)
    return calls, said


def epochs_of(
    epochs: Numeric | None, offer: TuningOffer | None, examples: Numeric | None = None
) -> tuple[Numeric, tuple[str, ...]]:
    """Return the passes over the training set, and what is assumed where none were stated."""
    if epochs is not None:
        return epochs, ()
    if offer is None:
        return DEFAULT_EPOCHS, (f"{DEFAULT_EPOCHS:g} epochs taken",)
    if offer.epochs_rule == "by_examples" and examples is not None:
        chosen = training.epochs_by_examples(examples)
        said = (
            f"epochs: {float(np.mean(chosen)):g}, what {offer.provider} chooses for "
            f"{float(np.mean(examples)):,.0f} examples"
        )
        return chosen, (said,)
    if math.isnan(offer.default_epochs):
        said = (
            f"{offer.provider} chooses the epochs of {offer.sku} itself: {DEFAULT_EPOCHS:g} taken"
        )
        return DEFAULT_EPOCHS, (said,)
    return offer.default_epochs, (
        f"epochs: {offer.default_epochs:g}, the default of {offer.provider}",
    )


def check_examples(offer: TuningOffer, examples: float) -> None:
    """Refuse a set with fewer or more examples than the provider takes.

    Raises:
        ScenarioError: Naming the limit.
    """
    for limit, fits, word in (
        (offer.min_examples, examples >= offer.min_examples, "at least"),
        (offer.max_examples, examples <= offer.max_examples, "at most"),
    ):
        if not math.isnan(limit) and not fits:
            message = (
                f"{offer.provider} wants {word} {limit:,.0f} examples to tune {offer.sku}, "
                f"got {examples:,.0f}"
            )
            raise ScenarioError(message)


def hosted_training(job: Training, terms: Terms) -> Iterator[Quantity]:
    """Count what a provider bills for training runs."""
    offer = job.offer
    if offer is None:
        message = f"{job.name}: no tuning offer to train {job.model!r} under"
        raise ScenarioError(message)
    ratio: float = 1.0
    said: tuple[str, ...] = ()
    if job.counted_with:
        model = terms.book.catalog.model(offer.provider, job.model)
        ratio, said = tokens_per(model, job.counted_with, job.content, terms.book)
    key = Key("finetuning", offer.provider, offer.sku, offer.mode, offer.region)
    line = Line("train", key, "train_mtok", job.phase, job.cause, job.name)
    if offer.unit in ("hour", "gpu_hour"):
        meter = "train_hour" if offer.unit == "hour" else "train_gpu_hour"
        if job.hours is None:
            message = (
                f"{job.name}: {offer.provider} bills {offer.sku} by time "
                f"({offer.unit.replace('_', ' ')}); give the hours of one run"
            )
            raise ScenarioError(message)
        quantity = measure(
            replace(line, meter=meter), training.run_hours, runs=job.runs, hours_per_run=job.hours
        )
        yield replace(quantity, events=job.runs)
        return
    epochs, chosen = epochs_of(job.epochs, offer, job.examples)
    said += chosen
    billed = offer.billed_validation != "no"
    if offer.billed_validation == "" and np.any(np.asarray(job.validation_tokens) > 0):
        said += (f"{offer.provider}: validation tokens taken as billed (not published)",)
    quantity = measure(
        line,
        training.train_mtok,
        runs=job.runs,
        tokens=job.tokens * np.asarray(ratio),
        epochs=epochs,
        validation_tokens=job.validation_tokens * np.asarray(ratio) if billed else 0.0,
        evaluations=job.evaluations if billed else 0.0,
    )
    yield replace(quantity, events=job.runs, assumptions=said)


@dataclass(frozen=True)
class Host(ABC):
    """A place where models run.

    Attributes:
        provider: Who bills for it.
        region: As in the price tables, blank for the default one.
    """

    kind: ClassVar[str] = ""
    # whether the provider decides when a model ends here
    ends_with_model: ClassVar[bool] = True
    # whether training, too, is bought from the provider
    sells_tuning: ClassVar[bool] = True

    provider: str
    region: str = ""

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_ranges(self)

    @abstractmethod
    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Pool the requests of each deployment and count what is billed."""

    def train(self, job: Training, terms: Terms) -> Iterator[Quantity]:
        """Count what is billed for training runs."""
        return hosted_training(job, terms)

    def model(self, name: str, book: PriceBook) -> Model:
        """Return what is known about a model here.

        Raises:
            PriceError: If the provider has no such model.
        """
        return book.catalog.model(self.provider, name)
