"""Cost functions for scripts: tokens in, US dollars out, over scalars, arrays and Series alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.approaches import FineTune
from costmodel.bill import Bill, Quantity, bill, extend
from costmodel.errors import DataError, PriceError, ScenarioError, nearest
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
from costmodel.plans import rental
from costmodel.plans.serving import Load, Policy, ServingPlan
from costmodel.plans.serving import plan as plan_fleet
from costmodel.prices.book import PriceBook, default_layers, in_row
from costmodel.prices.specs import Specs
from costmodel.quantities.volumes import request_mtok
from costmodel.scenario import Option, Scenario, Stage, Upkeep, Workload, plan
from costmodel.tokens.chat import ImageRule, count_messages
from costmodel.tokens.counting import DEFAULT, ENCODINGS, counter

Numbers = npt.ArrayLike  # a number, an array or a Series
Words = npt.ArrayLike  # a word, or an array or Series of words
Day = date | npt.ArrayLike  # a date or ISO text, or an array or Series of them
Answer = Any  # float, ndarray or Series, as the inputs were


@cache
def shipped_book() -> PriceBook:
    """Return the shipped tables with the user's own laid over them, read once per process."""
    return PriceBook.read(*default_layers())


def today() -> date:
    """Return today's date in UTC."""
    return datetime.now(UTC).date()


def _broadcast(**inputs: Any) -> tuple[dict[str, Any], tuple[int, ...], Any]:
    """Return inputs as flat columns of equal length, their shape, and the index to give back.

    One value for all stays one value, and a Series stays one, so that nothing is copied.
    """
    series = [value for value in inputs.values() if hasattr(value, "to_numpy")]
    arrays = {
        name: value if hasattr(value, "to_numpy") or not np.ndim(value) else np.asarray(value)
        for name, value in inputs.items()
        if value is not None
    }
    sizes = {name: np.shape(value) for name, value in arrays.items() if np.ndim(value)}
    try:
        shape = np.broadcast_shapes(*sizes.values())
    except ValueError:
        shown = ", ".join(f"{name} {size}" for name, size in sizes.items())
        message = f"inputs of different shape cannot be combined: {shown}"
        raise PriceError(message) from None
    for name, size in sizes.items():
        if len(shape) > 1 or size != shape:
            arrays[name] = np.broadcast_to(np.asarray(arrays[name]), shape).ravel()
    return arrays, shape, getattr(series[0], "index", None) if series else None


def _answer(usd: Array, shape: tuple[int, ...], index: Any) -> Answer:
    if index is not None and len(index) == math.prod(shape):
        import pandas as pd

        return pd.Series(usd, index=index)
    return float(usd[0]) if shape == () else usd.reshape(shape)


TOKENS = {
    "cached_input_tokens": "cached_input_mtok",
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "output_tokens": "output_mtok",
}


@dataclass(frozen=True, eq=False)
class Priced:
    """Requests priced by meter: what `inference_cost` adds up.

    Attributes:
        book: The prices.
        row: Price row of each request. Shape (n,)
        mtok: Tokens by meter. [Mtok], shape (n,)
        unit_usd: Unit prices by meter. [US$/Mtok], shape (n,)
        assumptions: What had to be assumed.
    """

    book: PriceBook = field(repr=False)
    row: Any
    mtok: dict[str, Array]
    unit_usd: dict[str, Array]
    assumptions: tuple[str, ...]

    @property
    def usd(self) -> Array:
        """Cost of each request. [US$], shape (n,)"""
        return np.asarray(sum(extend(self.mtok[m], self.unit_usd[m]) for m in self.mtok), float)


def _amounts(name: str, values: Any) -> Array:
    try:
        return np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError):
        message = f"{name} must be a number, got {values!r}"
        raise PriceError(message) from None


def priced(columns: Mapping[str, Any], count: int, book: PriceBook, *, row: Any = None) -> Priced:
    """Price requests: the tier is chosen by all input of a request, each meter has its price.

    Args:
        columns: As `PriceBook.rows_for` takes them, plus the token counts of `inference_cost`.
        count: Number of records.
        book: The prices.
        row: Price rows, if they have been selected already.

    Raises:
        PriceError: If tokens are negative or do not add up, or something has no price.
    """
    names = ("input_tokens", *TOKENS, "requests")
    given = {n: _amounts(n, columns[n]) for n in names if n in columns}
    for name, values in given.items():
        if not np.all(values >= 0):
            first = int(np.flatnonzero(~(values >= 0))[0])
            message = f"{in_row(first, count)}{name} must be >= 0, got {values[first]:g}"
            raise PriceError(message)
    row = book.rows_for(columns, count) if row is None else row
    total = given["input_tokens"]
    fresh = total
    for name in ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"):
        if name in given:
            fresh = fresh - given[name]
    if np.any(fresh < 0):
        first = int(np.flatnonzero(fresh < 0)[0])
        message = (
            f"{in_row(first, count)}cached and written tokens exceed input_tokens "
            f"{total[first]:g}, which is all input of a request"
        )
        raise PriceError(message)
    requests = given.get("requests", np.ones(1))
    tokens = {"input_mtok": fresh} | {m: given[n] for n, m in TOKENS.items() if n in given}
    plain = book.unit_prices(row, "input_mtok")
    said: list[str] = []
    unit_usd: dict[str, Array] = {}
    for meter, amount in tokens.items():
        usd = plain if meter == "input_mtok" else book.unit_prices(row, meter)
        missing = np.isnan(usd) & (amount > 0)
        if missing.any():
            first = int(np.flatnonzero(missing)[0])
            entry = book.rows[int(row[first])]
            if meter not in ("cached_input_mtok", "cache_write_mtok"):
                message = (
                    f"{in_row(first, count)}{entry.where}: {entry.key} has no price for {meter}"
                )
                raise PriceError(message)
            for k in np.unique(row[missing]):
                entry = book.rows[int(k)]
                said.append(
                    f"{entry.key}: no price for {meter} is published; billed as plain input"
                )
            usd = np.where(np.isnan(usd), plain, usd)
        unit_usd[meter] = np.where(np.isnan(usd), 0.0, usd)
    mtok = {meter: request_mtok(requests, amount) for meter, amount in tokens.items()}
    return Priced(book, row, mtok, unit_usd, tuple(said))


def inference_cost(
    provider: Words,
    model: Words,
    *,
    input_tokens: Numbers,
    output_tokens: Numbers,
    cached_input_tokens: Numbers = 0,
    cache_write_tokens: Numbers = 0,
    cache_write_1h_tokens: Numbers = 0,
    requests: Numbers = 1,
    mode: Words = "standard",
    region: Words | None = None,
    on: Day | None = None,
    book: PriceBook | None = None,
) -> Answer:
    """Return what requests to a hosted model cost.

    All arguments broadcast; names and days may be arrays or Series too.

    Args:
        provider: Provider, e.g. "openai".
        model: Model, by any of its names.
        input_tokens: ALL input of one request, cached and written tokens included. [token]
        output_tokens: What the model writes, thinking included. [token]
        cached_input_tokens: Input read from the prompt cache. [token]
        cache_write_tokens: Input written to the prompt cache. [token]
        cache_write_1h_tokens: Input written to the one-hour prompt cache. [token]
        requests: Requests of this kind. [1]
        mode: standard | batch | flex | priority | ...
        region: As in the tables; None = the default one.
        on: Day of the prices, or UTC time stamp; None = today.
        book: The prices; None = the shipped tables, read once per process.

    Returns:
        Cost. [US$], a float, an array or a Series like the inputs

    Raises:
        PriceError: If a name is unknown, a token count impossible or a price missing.

    >>> round(inference_cost("openai", "gpt-6-luna", input_tokens=1_000, output_tokens=200,
    ...                      requests=10_000, on="2026-12-01"), 6)
    2.0
    """
    return price(
        provider,
        model,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached_input_tokens,
        cache_write_tokens=cache_write_tokens,
        cache_write_1h_tokens=cache_write_1h_tokens,
        requests=requests,
        mode=mode,
        region=region,
        on=on,
        book=book,
    )[0]


def price(
    provider: Words,
    model: Words,
    *,
    on: Day | None = None,
    book: PriceBook | None = None,
    **inputs: Any,
) -> tuple[Answer, Priced]:
    """Return what `inference_cost` returns, and the quantities and unit prices behind it.

    It takes all arguments of `inference_cost`.

    Raises:
        PriceError: As `inference_cost`.
    """
    book = shipped_book() if book is None else book
    on = today() if on is None else on
    if isinstance(on, str):
        on = as_date(on, "on")
    for name in TOKENS:
        if np.isscalar(inputs[name]) and inputs[name] == 0 and name != "output_tokens":
            inputs[name] = None
    columns, shape, index = _broadcast(provider=provider, model=model, on=on, **inputs)
    count = math.prod(shape)
    found = priced(columns, count, book)
    size = np.broadcast_to(np.asarray(columns["input_tokens"], float), (count,))
    window = book.windows(found.row)
    if np.any(size > window):
        first = int(np.flatnonzero(size > window)[0])
        entry = book.rows[int(found.row[first])]
        message = (
            f"{in_row(first, count)}a prompt of {size[first]:,.0f} tokens does not fit the "
            f"context window of {entry.key}, {window[first]:,.0f} tokens"
        )
        raise PriceError(message)
    return _answer(np.broadcast_to(found.usd, (count,)), shape, index), found


def _refuse_negative(**inputs: Any) -> None:
    for name, value in inputs.items():
        if value is not None and np.any(~(np.asarray(value, float) >= 0)):
            message = f"{name} must be >= 0, got {value}"
            raise PriceError(message)


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
    _refuse_negative(
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
    if offer.training_until is not None:
        if offer.until_kind in ("fixed", "") and day >= offer.training_until:
            following = book.catalog.model(provider, model).replaced_by
            remedy = f"; {provider} names {following} as replacement" if following else ""
            message = (
                f"{provider} takes no jobs to tune {offer.sku} since {offer.training_until}, "
                f"so not on {day}{remedy}"
            )
            raise PriceError(message)
        sooner = "" if offer.until_kind in ("fixed", "") else "not sooner than "
        warnings.append(
            f"{provider} stops tuning {offer.sku} {sooner or 'on '}{offer.training_until}"
        )
    if offer.inference_until is not None:
        sooner = "" if offer.ends_for_certain else "not sooner than "
        warnings.append(
            f"tunes of {offer.sku} stop answering {sooner or 'on '}{offer.inference_until}"
        )
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
        book: The prices; None = the shipped tables, read once per process.

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
    columns, shape, index = _broadcast(**sizes)
    found = training_bill(
        provider, model, objective=objective, method=method, on=on, book=book, **columns
    )
    count = math.prod(shape)
    return _answer(np.broadcast_to(np.ravel(found.total), (count,)), shape, index)


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
        book: The prices; None = the shipped tables, read once per process.

    Returns:
        Cost by cause: requirement_change, retirement, drift (evaluation), versions (storage).
        [US$/month], shape (..., T)

    Raises:
        InfeasibleError: If the tune ends inside the horizon and nothing can follow it.
        PriceError: If the provider does not tune the model.
    """
    book = shipped_book() if book is None else book
    day = as_date(start, "start")
    _refuse_negative(
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


def plan_serving(
    model: str,
    gpu: str,
    *,
    input_tokens: float,
    output_tokens: float,
    requests_per_second: float,
    precision: str | None = None,
    gpus: int | None = None,
    market: str = "on_demand",
    provider: str | None = None,
    usd_per_gpu_hour: float | None = None,
    anchors: Mapping[str, Sequence[Any]] | None = None,
    on: Day | None = None,
    book: PriceBook | None = None,
    **options: Any,
) -> ServingPlan:
    """Plan the replicas that serve an open-weight model on GPUs of one's own.

    Args:
        model: Model of `open_models.csv`, by any of its names.
        gpu: GPU of `gpus.csv`, by any of its names.
        input_tokens: Mean prompt of a request. [token]
        output_tokens: Mean answer. [token]
        requests_per_second: Mean over the week. [1/s]
        precision: bf16 | fp8 | int4 | nvfp4 | ...; None = as the weights are published.
        gpus: GPUs of a replica; None = the number that needs the fewest in all.
        market: Market of `gpu_rental.csv` whose prices hold, or any.
        provider: Who rents the GPUs out; None = the cheapest.
        usd_per_gpu_hour: Own price of a GPU in place of that of the tables. [US$/h]
        anchors: Own measurements that correct the prediction: a table with columns of
            `benchmarks/serving.csv` (model, gpu, isl, osl, concurrency, out_tok_s, ...).
        on: Day of the prices; None = today.
        book: The prices; None = the shipped tables, read once per process.
        options: Further fields of `Load` (peak_to_mean, profile, tpot_ms, ttft_ms,
            cache_hit_share) and of `Policy` (engine, busy, spare, min_replicas, autoscale,
            cold_start_minutes, scale_down_minutes, adapters, adapter_overhead, draft_speedup).

    Returns:
        The plan, with its band and, where the GPU is for rent, its price.

    Raises:
        ScenarioError: If the model does not fit, is too slow, or options contradict each other.
        PriceError: If a name is unknown.

    >>> plan = plan_serving("Llama-3.1-8B", "H100-SXM", input_tokens=1500, output_tokens=300,
    ...                     requests_per_second=2, precision="fp8", on="2026-12-01")
    >>> plan.gpus_per_replica, plan.tokens_per_second_low < plan.tokens_per_second
    (1, True)
    """
    book = shipped_book() if book is None else book
    day = today() if on is None else as_date(on, "on")
    load_names = {entry.name for entry in fields(Load)}
    policy_names = {entry.name for entry in fields(Policy)}
    for name in options:
        if name not in load_names | policy_names:
            message = (
                f"plan_serving has no option {name!r}{nearest(name, load_names | policy_names)}"
            )
            raise ScenarioError(message)
    if options.get("profile") is not None:
        if "peak_to_mean" in options:
            message = "give a profile or peak_to_mean, not both"
            raise ScenarioError(message)
        options["profile"] = tuple(float(x) for x in options["profile"])
    load = Load(
        input_tokens,
        output_tokens,
        requests_per_second,
        **{name: value for name, value in options.items() if name in load_names},
    )
    policy = Policy(
        precision=precision,
        gpus=gpus,
        **{name: value for name, value in options.items() if name in policy_names},
    )
    specs = Specs.of(book)
    chip = specs.gpu(gpu)["gpu"]
    if usd_per_gpu_hour is not None:
        if not 0 <= usd_per_gpu_hour < math.inf:
            message = f"usd_per_gpu_hour must be a number >= 0, got {usd_per_gpu_hour:g}"
            raise ScenarioError(message)
        found = plan_fleet(model, chip, load, specs, policy, anchors)
        return replace(found, usd_per_gpu_hour=usd_per_gpu_hour, priced_by="own price")
    for_rent = rental.offers(book, chip, day, market=market, provider=provider)
    if not for_rent:
        if provider is not None:
            message = f"{provider} does not rent out {chip} as {market!r} on {day}"
            raise PriceError(message)
        found = plan_fleet(model, chip, load, specs, policy, anchors)
        said = f"no price: gpu_rental.csv has no {chip} as {market!r} on {day}"
        return replace(found, assumptions=(*found.assumptions, said))
    largest = int(max(offer.gpus for offer in for_rent))
    found = plan_fleet(model, chip, load, specs, policy, anchors, largest=max(largest, 1))
    offer = rental.cheapest(for_rent, found.gpus_per_replica, found.gpus)
    if offer is None:
        return found
    row = offer.row
    return replace(
        found,
        usd_per_gpu_hour=offer.usd_per_gpu_hour(found.gpus),
        priced_by=f"{row.key} ({row.where}), ${offer.usd_per_hour:g}/h for {offer.gpus:g} GPUs",
        source=row.source,
    )


# tokens


@dataclass(frozen=True)
class TokenRule:
    """How the tokens of a model are counted.

    Attributes:
        model: As it was asked for.
        encoding: Tokenizer of the model, as tokenizers.csv names it.
        counted_with: Encoding that is really counted.
        ratio: Tokens of the model per token counted; 1 where the count is exact. [1]
        said: Where an estimate comes from, blank for an exact count.
        image: How the model counts pictures, if images.csv knows.
    """

    model: str
    encoding: str
    counted_with: str = DEFAULT
    ratio: float = 1.0
    said: str = ""
    image: ImageRule | None = None

    @property
    def exact(self) -> bool:
        """Whether the count is exact."""
        return not self.said


def token_rule(
    model: str,
    *,
    estimate: bool = False,
    content: str = "english",
    book: PriceBook | None = None,
) -> TokenRule:
    """Return how the tokens of a model are counted.

    Args:
        model: Model by any of its names, `provider/model`, or an encoding.
        estimate: Whether to go by a ratio where the tokenizer is not public.
        content: Kind of content, for the ratio: a language, code, json, ...
        book: The tables; None = the shipped ones.

    Raises:
        PriceError: If nobody knows the model, with the nearest names.
        DataError: If only an estimate is possible and none was asked for.
    """
    book = shipped_book() if book is None else book
    catalog = book.catalog
    if model in ENCODINGS:
        return TokenRule(model, model, model)
    if model in catalog.encodings:
        encoding = model
    else:
        models = catalog.models_named(model)
        known = dict.fromkeys(found.encoding for found in models if found.encoding)
        encoding = next(iter(known), "")
    image = _image_rule(book, model, encoding)
    if encoding in ENCODINGS:
        return TokenRule(model, encoding, encoding, image=image)
    if not encoding:
        message = (
            f"the tokenizer of {model!r} is not known: count with its provider and store the ratio "
            "(costmodel tokens calibrate), or count in an encoding (--encoding o200k_base)"
        )
        raise DataError(message)
    ratio = catalog.tokens_per(encoding, DEFAULT, content)
    said = f"{DEFAULT} x {ratio:.4g} ({encoding}, {content}, tokenizers.csv)"
    if not estimate:
        message = (
            f"{model!r} is counted by {encoding}, which is not at hand: ask for an estimate "
            f"(--estimate), {said}, or count with the provider and store the ratio "
            "(costmodel tokens calibrate)"
        )
        raise DataError(message)
    return TokenRule(model, encoding, DEFAULT, ratio, f"estimate: {said}", image)


def _image_rule(book: PriceBook, model: str, encoding: str) -> ImageRule | None:
    name = model.rpartition("/")[2]
    for found in [] if model in book.catalog.encodings else book.catalog.models_named(model):
        row = book.catalog.image_rule(found.name, encoding)
        if row is not None:
            break
    else:
        row = book.catalog.image_rule(name, encoding)
    if row is None:
        return None

    def bound(column: str) -> float:
        value = float(row[column])
        return math.inf if math.isnan(value) else value

    patch = 32.0 if math.isnan(row["patch_px"]) else float(row["patch_px"])
    return ImageRule(
        str(row["rule"]),
        float(row["base_tokens"]),
        float(row["tokens_each"]),
        patch,
        bound("longest_px"),
        bound("most_patches"),
    )


def count_tokens(
    text_or_messages: str | Sequence[Mapping[str, Any]],
    model: str,
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    estimate: bool = False,
    content: str = "english",
    book: PriceBook | None = None,
) -> int:
    """Count the tokens of a text, or of a chat with its frames, as a model counts them.

    Args:
        text_or_messages: A text, or messages with role and content.
        model: Model by any of its names, `provider/model`, or an encoding.
        tools: Definitions of functions that the model may call.
        estimate: Whether to go by a ratio where the tokenizer is not public.
        content: Kind of content, for the ratio: a language, code, json, ...
        book: The tables; None = the shipped ones.

    Returns:
        Tokens; rounded where it is an estimate. [token]

    Raises:
        PriceError: If nobody knows the model, with the nearest names.
        DataError: If only an estimate is possible and none was asked for.

    >>> count_tokens("What does it cost?", "gpt-4.1-mini")
    5
    >>> count_tokens([{"role": "user", "content": "What does it cost?"}], "gpt-4o")
    12
    """
    rule = token_rule(model, estimate=estimate, content=content, book=book)
    count = counter(rule.counted_with)
    if isinstance(text_or_messages, str):
        found = count.count(text_or_messages)
    else:
        found = count_messages(text_or_messages, count, tools)
    return round(found * rule.ratio)
