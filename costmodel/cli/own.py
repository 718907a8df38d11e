"""What `train own` prints: training on own or rented GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from costmodel.cli.shell import (
    grid,
    price_book,
    print_json,
    terminal,
)
from costmodel.errors import PriceError

if TYPE_CHECKING:
    from costmodel.analysis.renting import Offer
    from costmodel.plans.training import TrainingPlan
    from costmodel.plans.training_measured import Measurement


def train(
    model: str,
    tokens: float,
    objective: str,
    method: str | None,
    wishes: Mapping[str, Any],
    machine: Mapping[str, Any],
    *,
    on: date,
    prices: list[str] | None,
    as_json: bool,
) -> None:
    """Print what training on own GPUs takes and costs in rent; without a GPU, on all of them."""
    from costmodel.analysis.renting import rented
    from costmodel.plans.training import Job, does_not_fit, plan_on
    from costmodel.plans.training_measured import nearest_measured
    from costmodel.prices.specs import Specs

    book = price_book(prices)
    specs = Specs.of(book)
    job = Job(tokens, objective, method or "qlora", **wishes)
    aim, market = machine["aim"] or "cheapest", machine["market"] or "on_demand"
    if machine["gpu"] is None:
        offers = rented(
            model, job, book, specs, on=on, market=market, gpus=machine["gpus"], aim=aim
        )
        if as_json:
            print_json([offer.as_dict() for offer in offers])
        else:
            _print_offers(model, offers)
        return
    (plan,) = plan_on(model, [(machine["gpu"], machine["gpus"])], job, aim=aim, specs=specs)
    if not plan.fits:
        raise PriceError(does_not_fit(plan))
    offers = rented(
        *(model, job, book, specs),
        on=on,
        market=market,
        gpus=plan.gpus,
        aim=aim,
        only=plan.gpu,
    )
    near = nearest_measured(plan, job, specs)
    if as_json:
        print_json(
            {
                **asdict(plan),
                "offers": [offer.as_dict() for offer in offers],
                "measured": [asdict(run) for run in near],
            }
        )
        return
    _print_plan(plan, offers, near)


def _range(low: float, value: float, high: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004
    return f"{value:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def _usd(low: float, value: float, high: float) -> str:
    return f"${value:,.2f} ({low:,.2f} to {high:,.2f})"


def _print_plan(plan: TrainingPlan, offers: Sequence[Offer], near: Sequence[Measurement]) -> None:
    console = terminal()
    rows = [
        ["GPUs", f"{plan.gpus} {plan.gpu}"],
        [
            "Set up",
            f"{plan.tool}, {plan.sharding}, micro-batch {plan.micro_batch}, "
            f"checkpointing {plan.checkpointing}",
        ],
        [
            "Memory of a GPU",
            _range(plan.memory_gb_low, plan.memory_gb, plan.memory_gb_high)
            + f" of {plan.capacity_gb:,.0f} GB",
        ],
        [
            "Tokens per second",
            _range(plan.tokens_per_second_low, plan.tokens_per_second, plan.tokens_per_second_high),
        ],
        ["Hours", _range(plan.hours_low, plan.hours, plan.hours_high)],
        ["GPU-hours", _range(plan.gpu_hours_low, plan.gpu_hours, plan.gpu_hours_high)],
    ]
    console.print(f"{plan.model} on {plan.gpu}")
    console.print(grid({"": "left", "Predicted (low to high)": "left"}, rows))
    if offers:
        _print_rent(offers[: len(near) + 2], with_gpu=False)
    else:
        console.print("No machine for rent in gpu_rental.csv has so many of them together.")
    if plan.low_confidence:
        console.print(f"Low confidence: {plan.low_confidence}.")
    shown = [
        [
            run.model,
            f"{run.gpus} {run.gpu}",
            f"{run.method}, {run.framework}",
            f"{run.sequence_length:,.0f}",
            f"{run.tokens_per_second / max(run.gpus, 1):,.0f}",
            run.source,
        ]
        for run in near
    ]
    columns = {"Nearest published runs": "left", "GPUs": "left", "How": "left"}
    columns |= {"Sequence": "right", "token/s per GPU": "right", "Source": "left"}
    console.print(grid(columns, shown))
    for text in plan.assumptions:
        console.print(f"Assumed: {text}")


def _print_rent(offers: Sequence[Offer], *, with_gpu: bool) -> None:
    columns = {"GPUs": "left", "Provider": "left", "Machine": "left"}
    columns |= {"Hours": "right"} if with_gpu else {}
    columns |= {"Per hour": "right", "Cost (low to high)": "right", "Price row": "left"}
    columns |= {"Sure": "left"} if with_gpu else {}
    rows = [
        [
            f"{offer.plan.gpus} {offer.plan.gpu}",
            " ".join(filter(None, [offer.provider, offer.region])),
            (f"{offer.instances} x " if offer.instances > 1 else "") + offer.instance,
            *(
                [_range(offer.plan.hours_low, offer.plan.hours, offer.plan.hours_high)]
                if with_gpu
                else []
            ),
            f"${offer.usd_per_hour * offer.instances:,.2f}",
            _usd(offer.usd_low, offer.usd, offer.usd_high),
            f"{offer.file}:{offer.line}",
            *(["low" if offer.plan.low_confidence else ""] if with_gpu else []),
        ]
        for offer in offers
    ]
    terminal().print(grid(columns, rows))


def _print_offers(model: str, offers: Sequence[Offer]) -> None:
    """Print the cheapest machine of each GPU."""
    best: dict[str, Offer] = {}
    for offer in offers:
        best.setdefault(offer.plan.gpu, offer)
    terminal().print(f"{model}: the cheapest machine of each GPU for rent")
    _print_rent(list(best.values()), with_gpu=True)
    doubts = {o.plan.low_confidence for o in best.values()} - {""}
    for text in sorted(doubts):
        terminal().print(f"Low confidence: {text}.")
    for text in next(iter(best.values())).plan.assumptions:
        terminal().print(f"Assumed: {text}")
