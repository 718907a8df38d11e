"""Replicas of an open model for a load, with their rent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from costmodel.costs.inputs import Day, shipped_book, today
from costmodel.errors import PriceError, ScenarioError, nearest
from costmodel.months import as_date
from costmodel.plans import rental
from costmodel.plans.serving import Load, Policy, ServingPlan
from costmodel.plans.serving import plan as plan_fleet
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs


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
        book: The prices; None = the shipped tables with your own laid over them, read once.
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
        priced_by=f"{row.key} ({row.where}), ${offer.usd_per_hour:g}/h for {offer.gpus:g} GPU"
        + ("" if offer.gpus == 1 else "s"),
        source=row.source,
    )
