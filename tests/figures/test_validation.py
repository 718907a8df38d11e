"""Predictions beside measurements."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("plotly")

import costmodel as cm
from costmodel.analysis import validate
from costmodel.analysis.lives import Backtest
from costmodel.figures.validation import (
    errors_left_out,
    forecast_of_ends,
    predicted_against_measured,
)
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


def test_a_narrower_band_holds_fewer(shipped: cm.PriceBook, sound: Callable[..., str]) -> None:
    cases = validate.read_cases(BENCHMARKS / "training.csv")
    found = validate.validate_training(cases, Specs.of(shipped))
    figure = predicted_against_measured(found.frame, found.measured, within=0.25)
    sound(figure)
    share = found.as_dict()["share_within_25_percent"]
    assert f"{share:.0%} lie within 25%" in figure.layout.title.text.replace("<br>", " ")


def test_the_worst_test_of_the_fits_is_the_finding(sound: Callable[..., str]) -> None:
    errors = {"median": 0.05, "within_25_percent": 0.9, "within_2x": 0.99}
    tested = {
        "Speed": {"fitted": errors, "left_out_by_source": errors | {"median": 0.12}},
        "Memory": {"fitted": errors},
    }
    figure = errors_left_out(tested)
    sound(figure, cites="coefficients.csv")
    assert figure.layout.title.text == (
        "Even for rows the fit never saw, half are off by less than 12%"
    )
    assert list(figure.data[0].x) == [5.0, 12.0, 5.0]


def test_forecasts_stand_beside_what_came(sound: Callable[..., str]) -> None:
    tests = [
        Backtest(day, date(2026, 11, 21), "weibull", 100, ended, expected, 0.8, 0.1, 0.1, -3.0)
        for day, ended, expected in (
            (date(2026, 1, 1), 50, 40.0),
            (date(2026, 6, 1), 30, 20.0),
        )
    ]
    figure = forecast_of_ends(tests)
    sound(figure, cites="lifetimes.csv")
    # 60 foretold, 80 came
    assert figure.layout.title.text == "Forecasts of retirements expected 25% fewer than came"
    assert [shape.x0 for shape in figure.layout.shapes] == [50.0, 30.0]
