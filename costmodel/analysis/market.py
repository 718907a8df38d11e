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
from costmodel.errors import CostModelError
from costmodel.hosts import Terms, Training, hosted_training
from costmodel.months import Months
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import TuningOffer
from costmodel.prices.rows import Key
from costmodel.quantities.training import billed_example_tokens

HOURS_PER_MONTH = 365 * 24 / 12


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


def tuning_market(job: Job, book: PriceBook, on: date) -> list[dict[str, Any]]:
    """Price a tuning job and the month afterwards at every provider.

    Args:
        job: What is to be tuned and served.
        book: The prices.
        on: Day of the job.

    Returns:
        One record per offer, cheapest training first, those that refuse the job last. Keys:
        provider, sku, mode, region, train_usd, epochs, month_usd, serving, training_until,
        inference_until, open_to, refused (None, or why), file, row, source, verified_on.
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
    if refused is None:
        terms = Terms(book, Months(on, 1))
        runs = np.full(1, job.runs)
        limit = offer.max_example_tokens
        each = job.example_tokens
        if not math.isnan(limit):
            each = float(billed_example_tokens(each, 0.0, limit, offer.over_long))
        tokens = job.examples * each
        training = Training("tuning", "", tokens, job.epochs, runs, offer=offer, counted_with="")
        try:
            quantities = list(hosted_training(training, terms))
            found = bill(quantities, book, terms.months)
            record["train_usd"] = float(found.total)
            record["epochs"] = float(np.mean(quantities[0].inputs.get("epochs", math.nan)))
            record["month_usd"], record["serving"] = _month(job, book, offer, on)
        except CostModelError as error:
            record["refused"] = str(error)
    return record


def _refusal(job: Job, offer: TuningOffer, on: date) -> str | None:
    """Say why a provider does not take the job, or nothing."""
    certain = offer.until_kind in ("fixed", "")
    fits = job.example_tokens <= offer.max_example_tokens or math.isnan(offer.max_example_tokens)
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
