"""Every approach, alone and in pairs, on every kind of host: each works or is refused in a line."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from datetime import date
from inspect import signature
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.approaches import APPROACHES, Approach
from costmodel.bill import BilledLine, units_of
from costmodel.errors import CostModelError
from costmodel.hosts import HOSTS, Host
from costmodel.prices.meters import METERS

TUNING: dict[str, Any] = {"examples": 1_000, "tokens_per_example": cm.Size(500, 0.4)}
SINGLE: dict[str, Approach] = {
    "prompting": cm.Prompting(system_tokens=1_500),
    "few_shot": cm.FewShot(shots=4),
    "rag": cm.Rag(
        context_tokens=1_200,
        context_cv=0.5,
        corpus_tokens=400_000_000,
        embedding="example/embed-1",
        store="example/store-1",
        rerank="example/rerank-1",
    ),
    "full": cm.FineTune(method="full", keeps={"system": 0.5}, **TUNING),
    "lora": cm.FineTune(method="lora", **TUNING),
    "qlora": cm.FineTune(method="qlora", **TUNING),
    "preferences": cm.PreferenceTune(examples=500, prompt_tokens=300, answer_tokens=200),
    "long_context": cm.LongContext(corpus_tokens=20_000),
}
COMBINATIONS = [(), *((name,) for name in SINGLE), *permutations(SINGLE, 2)]
LOAD: dict[str, Any] = {"replica_tokens_per_second": 1_500, "peak_to_mean": 2.0}
PLACES: dict[str, Host] = {
    "per token": cm.PerToken("example"),
    "per token and hour": cm.PerToken("other"),
    "dedicated": cm.Dedicated("example", gpu="G80", **LOAD),
    "units": cm.Provisioned("example", **LOAD),
    "committed units": cm.Provisioned("example", commitment_months=6, **LOAD),
    "rented": cm.Rented(
        "cloud", gpu="G80", gpus_per_replica=2, training_tokens_per_second=3_000, **LOAD
    ),
    "owned": cm.Owned(gpu="G80", training_tokens_per_second=3_000, staff_hours_per_gpu=1, **LOAD),
}
# the column of a table that states the price of a meter
PRICE_COLUMNS = {
    "hosting_hour": "hosting_per_hour",
    "storage_model_month": "storage_per_month",
    "storage_gb_month": "storage_per_month",
    "instance_hour": "price_per_hour",
    "unit_hour": "price_per_unit_hour",
    "person_hour": "per_hour",
}

Walk = dict[tuple[tuple[str, ...], str], cm.Bill | CostModelError]


def a_scenario(names: tuple[str, ...], host: Host) -> cm.Scenario:
    approaches = {name: SINGLE[name] for name in names}
    option = cm.Option("walked", (cm.Stage("mini-1", host, approaches),))
    question = cm.Part("question", 150, 0.6)
    parts: dict[str, Any] = {"system": 1_200, "question": question, "answer": 200}
    return cm.Scenario(
        name="walk",
        start=date(2026, 12, 15),
        months=9,
        workload=cm.Workload(400_000, parts, growth=0.05),
        options=(option,),
    )


@pytest.fixture(scope="module")
def walk(example_book: cm.PriceBook) -> Walk:
    """Bill every combination once; what is refused keeps its error."""
    found: Walk = {}
    for names in COMBINATIONS:
        for place, host in PLACES.items():
            scenario = a_scenario(names, host)
            try:
                comparison = cm.compare(scenario, example_book)
                found[names, place] = comparison.bill("walked")
            except CostModelError as error:
                found[names, place] = error
    return found


def bills(walk: Walk) -> Iterator[tuple[str, cm.Bill]]:
    for (names, place), found in walk.items():
        if isinstance(found, cm.Bill):
            yield f"{' + '.join(names) or 'nothing'} on {place}", found


def test_the_walk_covers_every_approach_and_every_host() -> None:
    assert {approach.kind for approach in SINGLE.values()} == set(APPROACHES)
    assert {host.kind for host in PLACES.values()} == set(HOSTS)


def test_every_combination_has_a_finite_bill_or_one_line_why_not(walk: Walk) -> None:
    for where, found in walk.items():
        if isinstance(found, CostModelError):
            assert str(found), where
            assert "\n" not in str(found), where
        else:
            for line in found.lines:
                assert np.all(np.isfinite(line.cost)), (where, line.path)
                assert np.all(line.cost >= 0), (where, line.path)
            assert float(found.total) > 0


def test_what_is_refused_is_what_nobody_sells(walk: Walk) -> None:
    tuners = {"full", "lora", "qlora", "preferences"}
    for (names, place), found in walk.items():
        refused = isinstance(found, CostModelError)
        twice = len(tuners & set(names)) > 1
        # `example` trains no QLoRA; `other` and own GPUs do
        not_sold = "qlora" in names and place not in ("per token and hour", "rented", "owned")
        assert refused == (twice or not_sold), (names, place, found)


def test_the_order_of_two_approaches_changes_no_dollar_unless_one_reshapes_the_other(
    walk: Walk,
) -> None:
    # the full tune halves whatever system prompt it finds
    for (names, place), found in walk.items():
        other = walk[names[::-1], place]
        if isinstance(found, cm.Bill) and set(names) != {"prompting", "full"}:
            assert isinstance(other, cm.Bill)
            assert float(found.total) == pytest.approx(float(other.total)), (names, place)


def test_a_pair_costs_more_to_build_than_either(walk: Walk) -> None:
    for (names, place), found in walk.items():
        if isinstance(found, cm.Bill) and len(names) == 2:
            for name in names:
                alone = walk[(name,), place]
                assert isinstance(alone, cm.Bill)
                assert found.by_phase()["build"] > alone.by_phase()["build"], (names, place)


def test_every_line_is_quantity_times_unit_price(walk: Walk) -> None:
    for where, found in bills(walk):
        for line in found.lines:
            by_hand = np.broadcast_to(line.amount, (9,)) * line.unit_usd
            assert np.broadcast_to(line.cost, (9,)) == pytest.approx(by_hand), (where, line.path)
        assert float(found.total) == pytest.approx(
            float(sum(np.broadcast_to(line.cost, (9,)).sum() for line in found.lines))
        )


def test_the_shares_of_a_quantity_add_to_one(walk: Walk) -> None:
    for where, found in bills(walk):
        shares: dict[int, Any] = {}
        for line in found.lines:
            if line.kind in ("usage", "commitment"):
                before = shares.get(id(line.quantity), np.zeros(9))
                shares[id(line.quantity)] = before + np.broadcast_to(line.share, (9,))
        for share in shares.values():
            assert share == pytest.approx(np.ones(9)), where


def test_the_lines_of_a_quantity_add_up_to_it(walk: Walk) -> None:
    for where, found in bills(walk):
        billed: dict[int, Any] = {}
        for line in found.lines:
            if line.kind != "minimum_top_up":
                before = billed.get(id(line.quantity), np.zeros(9))
                billed[id(line.quantity)] = before + np.broadcast_to(line.amount, (9,))
        for line in found.lines:
            if line.kind != "minimum_top_up":
                whole = np.broadcast_to(line.quantity.amount, (9,))
                assert billed[id(line.quantity)] == pytest.approx(whole), (where, line.path)


def test_every_quantity_can_be_computed_again_from_its_evidence(walk: Walk) -> None:
    for where, found in bills(walk):
        for line in found.lines:
            quantity = line.quantity
            again = quantity.formula(**quantity.inputs)
            assert np.array_equal(again, quantity.amount), (where, line.path)


def cells_of(folder: Path, file: str, line: int) -> dict[str, str]:
    with (folder / file).open(encoding="utf-8", newline="") as table:
        rows = list(csv.reader(table))
    return dict(zip(rows[0], rows[line - 1], strict=True))


def stated_price(cells: dict[str, str], meter: str) -> float:
    """Return the price that a row of a CSV file states for a meter."""
    token_column = meter.replace("_mtok", "_per_mtok")
    column = token_column if token_column in cells else PRICE_COLUMNS.get(meter, "price")
    return float(cells[column])


def cited(found: cm.Bill, line: BilledLine) -> tuple[str, int]:
    row = found.book.rows[line.row]
    return row.file, row.line


def test_every_line_cites_a_line_of_a_file_that_states_its_price(
    walk: Walk, example_dir: Path
) -> None:
    seen: set[tuple[str, int, str, str, float]] = set()
    for _, found in bills(walk):
        for line in found.lines:
            seen.add((*cited(found, line), line.line.meter, line.kind, line.unit_usd))
    for file, number, meter, kind, unit_usd in seen:
        cells = cells_of(example_dir, file, number)
        assert cells["source"].startswith("https://")
        if kind == "minimum_top_up":
            assert float(cells["minimum"]) > 0
            assert unit_usd == 1.0
        elif kind == "allowance":
            assert float(cells["allowance"]) > 0
            assert unit_usd == 0.0
        else:
            assert stated_price(cells, meter) == unit_usd, (file, number, meter)
    assert len({file for file, *_ in seen}) >= 6


def formulas(walk: Walk) -> set[Callable[..., Any]]:
    return {line.quantity.formula for _, found in bills(walk) for line in found.lines}


def test_every_formula_states_the_unit_of_each_input(walk: Walk) -> None:
    used = formulas(walk)
    assert len(used) >= 12
    for formula in used:
        assert set(units_of(formula)) == set(signature(formula).parameters), formula.__name__


def test_every_meter_has_a_unit(walk: Walk) -> None:
    for where, found in bills(walk):
        for line in found.lines:
            assert line.meter in METERS, where


def test_maintenance_is_there_by_default(walk: Walk) -> None:
    for where, found in bills(walk):
        share = float(found.maintenance_share)
        assert 0 < share < 1, where
        phases = sum(float(usd) for usd in found.by_phase().values())
        assert math.isclose(phases, float(found.total)), where
        causes = sum(float(np.sum(usd)) for usd in found.by_cause().values())
        assert causes == pytest.approx(float(found.by_phase()["upkeep"])), where


def test_every_explanation_names_formula_row_and_source(walk: Walk) -> None:
    for where, found in bills(walk):
        for record in found.explain():
            assert record["file"].endswith(".csv"), where
            assert record["row"] >= 2
            assert record["source"].startswith("https://")
            assert record["formula"].startswith("costmodel.quantities.")
            assert all(item["unit"] for item in record["inputs"]), (where, record["formula"])
