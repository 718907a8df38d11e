"""Own GPUs beside each other and beside a hosted price."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.analysis.validate import read_cases
from costmodel.costs import inference_cost, plan_serving
from costmodel.errors import CostModelError, DataError, PriceError
from costmodel.plans import rental
from costmodel.plans.serving import ServingPlan
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs

TOKENS_PER_MTOK = 1e6


@dataclass(frozen=True)
class Choice:
    """Plans for the same load on every GPU for rent.

    Attributes:
        plans: Those that serve it, cheapest first.
        refused: GPU -> why it does not.
    """

    plans: tuple[ServingPlan, ...]
    refused: Mapping[str, str]


def every_gpu(model: str, options: Mapping[str, Any]) -> Choice:
    """Plan a load on every GPU that is for rent.

    Args:
        model: Open-weight model.
        options: Arguments of `plan_serving` other than the GPU; `book` and `on` are needed.

    Raises:
        CostModelError: If the model is unknown, or no GPU serves it.
    """
    book, day = options["book"], options["on"]
    specs = Specs.of(book)
    specs.model(model)
    plans, refused = [], {}
    for gpu in sorted({row["gpu"] for row in specs.rows("gpus")}):
        found = rental.offers(
            book, gpu, day, market=options["market"], provider=options["provider"]
        )
        if not found:
            continue
        try:
            plans.append(plan_serving(model, gpu, **options))
        except CostModelError as error:
            refused[gpu] = str(error)
    if not plans and not refused:
        message = f"nobody rents out a GPU as {options['market']!r} on {day}"
        raise PriceError(message)
    plans.sort(key=lambda plan: plan.usd_per_month)
    return Choice(tuple(plans), refused)


def hosted_usd_per_mtok(name: str, model: str, options: Mapping[str, Any]) -> float:
    """Return what a provider charges for the same requests, per token of prompt and answer.

    Args:
        name: Provider, or provider/model.
        model: Model, where the name gives none.
        options: Arguments of `plan_serving`.

    Returns:
        Price. [US$/Mtok]
    """
    provider, _, other = name.partition("/")
    inputs, outputs = options["input_tokens"], options["output_tokens"]
    usd: float = inference_cost(
        provider,
        other or model,
        input_tokens=inputs,
        output_tokens=outputs,
        on=options["on"],
        book=options["book"],
    )
    return usd / float(inputs + outputs) * TOKENS_PER_MTOK


def hosts_of(model: str, book: PriceBook) -> tuple[str, ...]:
    """Return who answers with an open-weight model per token, as provider/model.

    Args:
        model: Open-weight model.
        book: The prices.

    Raises:
        DataError: If the model is unknown.
    """
    specs = Specs.of(book)
    name = specs.model(model)["model"]
    found: dict[str, str] = {}
    for key in book.products("inference"):
        row = specs.model_named(key.sku) if key.mode == "standard" else None
        if row is not None and row["model"] == name:
            found.setdefault(key.provider, f"{key.provider}/{key.sku}")
    return tuple(found.values())


def hosted_models(book: PriceBook) -> tuple[str, ...]:
    """Return the open-weight models that someone answers with per token."""
    specs = Specs.of(book)
    rows = (specs.model_named(key.sku) for key in book.products("inference"))
    return tuple(sorted({str(row["model"]) for row in rows if row is not None}))


def read_anchors(path: Path) -> dict[str, Sequence[Any]]:
    """Read own measurements: a CSV file with columns of `benchmarks/serving.csv`.

    Raises:
        DataError: If there is no such file, or it is no CSV table.
    """
    cases = read_cases(path)
    return {str(name): cases[name].tolist() for name in cases}


def read_profile(path: Path) -> list[float]:
    """Read the load of the 168 hours of a week: numbers, one in a line or separated by commas.

    Raises:
        DataError: If it holds anything else.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"no profile in {path} ({getattr(error, 'strerror', None) or 'not a text file'})"
        raise DataError(message) from None
    cells = [cell.strip() for row in csv.reader(text.splitlines()) for cell in row if cell.strip()]
    try:
        return [float(cell) for cell in cells]
    except ValueError as error:
        message = f"{path.name}: a profile holds numbers only ({error})"
        raise DataError(message) from None
