"""Pictures of a training run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis.training_ways import Wanted, Ways, training_ways
from costmodel.analysis.wording import provider_words
from costmodel.figures import training as pictures
from costmodel.figures.style import BLUE, VERMILLION

ON = date(2026, 11, 21)


@pytest.fixture(scope="module")
def ways(shipped: cm.PriceBook) -> Ways:
    """Return the ways to train 20 million tokens three times."""
    return training_ways(Wanted("Llama-3.1-8B", 20e6, 20_000), shipped, ON)


def test_the_cheapest_way_is_the_finding_and_stands_on_top(
    ways: Ways, sound: Callable[..., str]
) -> None:
    figure = pictures.training_costs(ways)
    sound(figure, cites="gpu_rental.csv row")
    best = ways.rented[0]
    assert f"Renting {best.plan.gpu} is cheapest" in figure.layout.title.text.replace("<br>", " ")
    assert provider_words(best.provider) in figure.layout.yaxis.ticktext[0]
    # machines and providers side by side
    assert any("hosted" in text for text in figure.layout.yaxis.ticktext)


def test_no_hollow_machine_is_both_faster_and_cheaper_than_a_filled_one(
    ways: Ways, sound: Callable[..., str]
) -> None:
    figure = pictures.time_and_cost(ways)
    sound(figure, cites="gpu_rental.csv row")
    filled = next(t for t in figure.data if t.marker.color == BLUE.line and t.mode == "markers")
    for hours, usd in zip(filled.x, filled.y, strict=True):
        rivals = [o for o in ways.rented if o.plan.hours < hours * 0.999 and o.usd < usd * 0.999]
        assert not rivals


def test_memory_that_is_too_little_is_marked(
    shipped: cm.PriceBook, sound: Callable[..., str]
) -> None:
    # 70.6B parameters in full: no single GPU holds weights, gradients and two moments
    wanted = Wanted("Llama-3.1-70B", 20e6, 20_000, method="full", gpus=1)
    figure = pictures.memory_on_gpus(training_ways(wanted, shipped, ON).plans)
    sound(figure)
    assert figure.layout.title.text == "Llama-3.1-70B fits none of these GPUs with this method"
    marks = {trace.marker.color for trace in figure.data if trace.mode == "markers"}
    assert marks == {VERMILLION.line}


def test_each_gpu_has_its_memory_beside_what_the_run_takes(
    ways: Ways, sound: Callable[..., str]
) -> None:
    figure = pictures.memory_on_gpus(ways.plans)
    sound(figure, cites="gpus.csv")
    assert len(figure.layout.shapes) == len(ways.plans)
    assert "trains on a single" in figure.layout.title.text
