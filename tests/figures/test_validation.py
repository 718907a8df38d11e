"""Predictions beside measurements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import validate
from costmodel.figures.validation import predicted_against_measured
from costmodel.prices.specs import Specs

BENCHMARKS = Path(__file__).parents[2] / "pricing" / "benchmarks"


@pytest.mark.parametrize(
    ("name", "check"),
    [("serving", validate.validate_serving), ("training", validate.validate_training)],
)
def test_the_title_is_the_median_error_of_the_published_measurements(
    name: str,
    check: Callable[..., validate.Validation],
    shipped: cm.PriceBook,
    sound: Callable[..., str],
) -> None:
    cases = validate.read_cases(BENCHMARKS / f"{name}.csv")
    found = check(cases, Specs.of(shipped), name)
    figure = predicted_against_measured(found.frame, found.measured, file=f"{name}.csv")
    sound(figure, cites=f"{name}.csv row ")
    error = found.as_dict()["median_absolute_percentage_error"]
    n = found.as_dict()["n"]
    assert f"Half of {n:,} predictions are off by less than {error:.1%}" in (
        figure.layout.title.text.replace("<br>", " ")
    )
    assert sum(len(trace.x) for trace in figure.data if trace.mode == "markers") == n


def test_rows_without_a_prediction_are_left_out(shipped: cm.PriceBook) -> None:
    cases = validate.read_cases(BENCHMARKS / "training.csv").head(5)
    found = validate.validate_training(cases, Specs.of(shipped))
    none = found.frame.assign(ratio=np.nan)
    title = predicted_against_measured(none, found.measured).layout.title.text
    assert title == "No row could be predicted"
