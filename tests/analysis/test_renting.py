"""Rented machines: whole instances for whole hours, cheapest first, each with its price row."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.analysis.renting import Offer, rented
from costmodel.plans.training import Job
from costmodel.prices.book import shipped_dir
from costmodel.prices.specs import shipped_specs

SPECS, BOOK = shipped_specs(), cm.PriceBook.read()
ON = date(2026, 11, 21)
LORA = Job(20e6, method="lora")


def test_the_cost_is_hours_times_the_price_of_the_row() -> None:
    offers = rented("Llama-3.1-8B", LORA, BOOK, SPECS, on=ON)
    with (shipped_dir() / "gpu_rental.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    for offer in offers[:20]:
        row = lines[offer.line - 2]
        assert (row["provider"], row["instance"]) == (offer.provider, offer.instance)
        assert offer.usd_per_hour == pytest.approx(float(row["price_per_hour"]))
        assert offer.usd >= offer.plan.hours * offer.usd_per_hour * offer.instances * 0.999
        assert offer.gpus_rented >= offer.plan.gpus


def test_the_cheapest_comes_first() -> None:
    offers = rented("Llama-3.1-8B", LORA, BOOK, SPECS, on=ON)
    assert [offer.usd for offer in offers] == sorted(offer.usd for offer in offers)
    assert all(offer.usd_low <= offer.usd <= offer.usd_high for offer in offers)
    assert all(offer.plan.fits for offer in offers)
    assert len({offer.plan.gpu for offer in offers}) > 15


def test_a_price_that_was_superseded_is_offered_no_more(tables: Callable[..., Path]) -> None:
    best = rented("Llama-3.1-8B", LORA, BOOK, SPECS, on=ON)[0]
    gpu = f"{best.plan.gpu},{best.gpus_rented // best.instances},{best.region},on_demand"
    dearer = tables(
        gpu_rental=[
            "provider,instance,gpu,gpu_count,region,market,price_per_hour,currency,effective_from",
            f"{best.provider},{best.instance},{gpu},{best.usd_per_hour * 10:g},USD,2026-11-01",
        ]
    )
    offers = rented("Llama-3.1-8B", LORA, cm.PriceBook.read(dearer), SPECS, on=ON)
    machines = [machine(offer) for offer in offers]
    assert len(set(machines)) == len(machines)
    now = offers[machines.index(machine(best))]
    assert now.usd_per_hour == pytest.approx(best.usd_per_hour * 10)


def machine(offer: Offer) -> tuple[str, str, str]:
    return offer.provider, offer.instance, offer.region


def test_a_model_that_needs_two_nodes_is_planned_on_two() -> None:
    offers = rented("Llama-3.1-70B", Job(20e6, method="full"), BOOK, SPECS, on=ON)
    joined = [offer for offer in offers if offer.plan.gpu == "H100-SXM"]
    assert joined
    assert all(o.plan.gpus >= 16 and o.instances * 8 == o.plan.gpus for o in joined)


def test_a_search_over_all_machines_takes_half_a_second() -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        rented("Llama-3.1-70B", LORA, BOOK, SPECS, on=ON)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_an_unknown_market_is_refused() -> None:
    with pytest.raises(cm.PriceError, match="unknown market 'on_demnd'; did you mean 'on_demand'"):
        rented("Llama-3.1-8B", LORA, BOOK, SPECS, on=ON, market="on_demnd")


def test_what_fits_no_machine_says_what_is_short() -> None:
    with pytest.raises(cm.PriceError, match=r"GB short; it fits \d+"):
        rented("DeepSeek-V3", Job(1e6, method="full"), BOOK, SPECS, on=ON, gpus=8)
