"""What one set of examples costs to tune, at every provider that still takes the job."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from costmodel.bill import bill
from costmodel.costs import inference_cost
from costmodel.errors import CostModelError, ScenarioError
from costmodel.hosts import Terms, Training, epochs_of, hosted_training, tokens_per
from costmodel.months import Array, Months
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import TuningOffer
from costmodel.prices.rows import Key
from costmodel.quantities.training import billed_example_tokens, billed_file_tokens

HOURS_PER_MONTH = 365 * 24 / 12


@dataclass(frozen=True, eq=False)
class TrainingFile:
    """A training file as it was counted.

    Attributes:
        lengths, examples: Lengths that occur, and how many examples have each. [token], shape (N,)
        prompt_tokens: Tokens of the prompts of all pairs, for rules that bill them twice. [token]
        counted_with, content: Encoding of these counts, and kind of content, for other vendors.
        validation_tokens, evaluations: Tokens of the validation file, and passes over it.
        limit: Longest example that the user lets through. [token]
        sequence_length: Tokens of a sequence where examples are not packed together. [token]
    """

    lengths: Array
    examples: Array
    prompt_tokens: float = 0.0
    counted_with: str = "o200k_base"
    content: str = "english"
    validation_tokens: float = 0.0
    evaluations: float = 1.0
    limit: float = math.inf
    sequence_length: float | None = None


@dataclass(frozen=True)
class Job:
    """A set of examples, and the traffic of the tuned model.

    Attributes:
        examples: Examples in the set.
        example_tokens: Mean length of one, as the provider counts. [token]
        epochs: Passes over it; None = each provider's default.
        objective: sft | dpo | ...
        requests: Requests a month. [1/month]
        input_tokens, output_tokens: Of one request. [token]
        method: full | lora | qlora; None = any.
        runs: Jobs of this kind.
        file: The file itself, where its lengths are known; it replaces examples x tokens.
    """

    examples: float
    example_tokens: float
    epochs: float | None = None
    objective: str = "sft"
    requests: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    method: str | None = None
    runs: float = 1.0
    file: TrainingFile | None = None


def tuning_market(job: Job, book: PriceBook, on: date) -> list[dict[str, Any]]:
    """Price a tuning job and the month afterwards at every provider.

    Args:
        job: What is to be tuned and served.
        book: The prices.
        on: Day of the job.

    Returns:
        One record per offer, cheapest training first, those that refuse the job last. Keys:
        provider, sku, mode, region, train_usd, epochs, month_usd, serving, training_until,
        inference_until, open_to, refused (None, or why), file, row, source, verified_on; of a
        file also billed_tokens (of one epoch), trained_tokens, over_limit, counted, assumptions.
    """
    day_book = book.at(on)
    records = [
        _offer(job, day_book, TuningOffer.of(row), on)
        for row in book.catalog.offers_on(on)
        if row["objective"] == job.objective and job.method in (None, row["method"])
    ]
    return sorted(
        records, key=lambda r: (r["refused"] is not None, r["train_usd"] or 0.0, r["provider"])
    )


def _offer(job: Job, book: PriceBook, offer: TuningOffer, on: date) -> dict[str, Any]:
    refused = _refusal(job, offer, on)
    row = offer.row
    record: dict[str, Any] = {
        "provider": offer.provider,
        "sku": offer.sku,
        "mode": offer.mode,
        "region": offer.region,
        "train_usd": None,
        "epochs": None,
        "month_usd": None,
        "serving": None,
        "training_until": offer.training_until.isoformat() if offer.training_until else None,
        "inference_until": offer.inference_until.isoformat() if offer.inference_until else None,
        "open_to": offer.open_to,
        "refused": refused,
        "file": row["file"],
        "row": row["line"],
        "source": row["source"],
        "verified_on": str(row["verified_on"]),
    }
    if job.file is not None:
        record |= _trained(job, offer, book)
    if refused is None:
        terms = Terms(book, Months(on, 1))
        try:
            tokens, further = _billed(job, offer, book)
            validation = further.get("validation_tokens", 0.0)
            training = Training(
                name="tuning",
                model="",
                tokens=tokens,
                epochs=job.epochs,
                runs=np.full(1, job.runs),
                validation_tokens=validation,
                evaluations=job.file.evaluations if job.file and validation else 0.0,
                examples=job.examples,
                offer=offer,
                counted_with="",
            )
            quantities = list(hosted_training(training, terms))
            found = bill(quantities, book, terms.months)
            record["train_usd"] = float(found.total)
            record["epochs"] = float(np.mean(quantities[0].inputs.get("epochs", math.nan)))
            record["month_usd"], record["serving"] = _month(job, book, offer, on)
            if job.file is not None:
                record["assumptions"] = list(found.assumptions)
        except CostModelError as error:
            record["refused"] = str(error)
    return record


def _trained(job: Job, offer: TuningOffer, book: PriceBook) -> dict[str, Any]:
    """Return the tokens of a file that an offer bills, be the job refused or not."""
    try:
        tokens, further = _billed(job, offer, book)
    except CostModelError:
        return dict.fromkeys(("billed_tokens", "trained_tokens", "over_limit", "counted"))
    assert job.file is not None
    epochs = float(np.mean(epochs_of(job.epochs, offer, job.examples)[0]))
    again = 0.0 if offer.billed_validation == "no" else further["validation_tokens"]
    trained = epochs * tokens + job.file.evaluations * again
    return further | {"epochs": epochs, "trained_tokens": trained}


def _billed(job: Job, offer: TuningOffer, book: PriceBook) -> tuple[float, dict[str, Any]]:
    """Return the tokens that one epoch bills, and how they were counted."""
    limit = math.inf if math.isnan(offer.max_example_tokens) else offer.max_example_tokens
    if job.file is None:
        each = job.example_tokens
        if math.isfinite(limit):
            each = float(billed_example_tokens(each, 0.0, limit, offer.over_long))
        return job.examples * each, {}
    file = job.file
    ratio, counted = _ratio(file, offer, book)
    lengths = np.asarray(file.lengths) * ratio
    limit = min(limit, file.limit)
    over = int(np.sum(np.asarray(file.examples)[lengths > limit]))
    if over and not offer.over_long and math.isfinite(offer.max_example_tokens):
        message = (
            f"{over:,} examples are longer than the {offer.max_example_tokens:,.0f} tokens it takes"
        )
        raise ScenarioError(message)
    if file.sequence_length is not None and offer.packing == "yes":
        tokens = job.examples * file.sequence_length
        counted += f"; not packed: each example billed as {file.sequence_length:,.0f} tokens"
    else:
        tokens = float(billed_file_tokens(lengths, file.examples, limit, offer.over_long))
        if offer.pair_rule == "2p+c+r":
            tokens += file.prompt_tokens * ratio
    return tokens, {
        "billed_tokens": tokens,
        "over_limit": over,
        "counted": counted,
        "validation_tokens": file.validation_tokens * ratio,
    }


def _ratio(file: TrainingFile, offer: TuningOffer, book: PriceBook) -> tuple[float, str]:
    """Return tokens of the tuned model per token counted, and where that comes from."""
    if not offer.model:
        return 1.0, f"as {file.counted_with} counts; depends on the model"
    model = book.catalog.model(offer.provider, offer.model)
    if model.encoding == file.counted_with:
        return 1.0, "exact"
    ratio, said = tokens_per(model, file.counted_with, file.content, book)
    if not model.encoding:
        return ratio, f"as {file.counted_with} counts; tokenizer not known"
    return ratio, f"ratio {ratio:.3g} ({said[0].partition('(')[2]}" if said else "exact"


def _refusal(job: Job, offer: TuningOffer, on: date) -> str | None:
    """Say why a provider does not take the job, or nothing."""
    certain = offer.dates_are_certain
    # the lengths of a file are looked at one by one
    limit = math.inf if math.isnan(offer.max_example_tokens) else offer.max_example_tokens
    fits = job.file is not None or job.example_tokens <= limit
    if offer.training_until is not None and on >= offer.training_until:
        return f"{'closed' if certain else 'promised only to'} {offer.training_until}"
    if job.examples < offer.min_examples:
        return f"wants at least {offer.min_examples:,.0f} examples"
    if job.examples > offer.max_examples:
        return f"takes at most {offer.max_examples:,.0f} examples"
    if not fits and offer.over_long in ("", "drop"):
        return f"takes at most {offer.max_example_tokens:,.0f} tokens an example"
    if offer.unit in ("hour", "gpu_hour"):
        return f"bills by the {offer.unit.replace('_', ' ')}: name the provider and --hours"
    return None


def _month(job: Job, book: PriceBook, offer: TuningOffer, on: date) -> tuple[float | None, str]:
    """Return what the tuned model costs in an average month, and how it is served."""
    words, usd = [], 0.0
    key = Key("finetuning", offer.provider, offer.sku, offer.mode, offer.region)
    for meter, count, word in (
        ("hosting_hour", HOURS_PER_MONTH, "hosting by the hour"),
        ("storage_model_month", 1.0, "storage"),
    ):
        each = book.price_on(key, meter, on)
        if each > 0:
            usd += each * count
            words.append(word)
    if offer.serves_as and not job.requests:
        return usd, " + ".join(["tokens", *words])
    if offer.serves_as:
        usd += float(
            inference_cost(
                offer.provider,
                offer.serves_as,
                input_tokens=job.input_tokens,
                output_tokens=job.output_tokens,
                requests=job.requests,
                region=offer.region or None,
                on=on,
                book=book,
            )
        )
        return usd, " + ".join(["tokens", *words])
    dedicated = list(_dedicated(book, offer.provider, on))
    if not dedicated:
        return None, "not by the token: own or rented GPUs"
    each, sku = min(dedicated)
    return usd + each * HOURS_PER_MONTH, " + ".join([f"at least one {sku}, idle or not", *words])


def _dedicated(book: PriceBook, provider: str, on: date) -> Iterator[tuple[float, str]]:
    for row in book.rows:
        if (row.key.table, row.key.provider, row.key.mode) == ("gpu_rental", provider, "dedicated"):
            usd = book.price_on(row.key, "instance_hour", on)
            if not math.isnan(usd):
                yield usd, row.key.sku
