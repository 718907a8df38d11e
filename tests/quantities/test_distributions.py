"""Distributions keep what was stated of them, and draws are the same everywhere."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import ScenarioError
from costmodel.quantities.distributions import Distribution, distribution_of, uniforms
from costmodel.quantities.upkeep import drawn_events

numbers = st.floats(-1e6, 1e6)


def ranged(low: float, mode: float, high: float) -> Distribution:
    """Return a range."""
    return Distribution("range", {"low": low, "mode": mode, "high": high})


@given(st.lists(st.integers(-10_000, 10_000), min_size=3, max_size=3, unique=True).map(sorted))
def test_a_range_has_its_ends_at_5_and_95_percent_and_its_peak_at_the_mode(
    ends: list[int],
) -> None:
    low, mode, high = map(float, ends)
    found = ranged(low, mode, high)
    assert found.quantile(np.array([0.05, 0.95])) == pytest.approx([low, high], abs=1e-6)
    # the density is highest where quantiles lie closest together
    shares = np.linspace(0.001, 0.999, 20_001)
    values = found.quantile(shares)
    assert np.all(np.diff(values) >= 0)
    closest = values[np.argmin(np.diff(values))]
    assert abs(closest - mode) <= 0.05 * (high - low)


@pytest.mark.parametrize(
    ("kind", "values", "mean"),
    [
        ("normal", {"mean": 5, "sd": 2}, 5),
        ("lognormal", {"mean": 100, "cv": 0.8}, 100),
        ("uniform", {"low": 2, "high": 6}, 4),
        ("triangular", {"low": 0, "mode": 3, "high": 6}, 3),
        ("triangular", {"low": 0, "mode": 0, "high": 6}, 2),
        ("beta", {"a": 2, "b": 6}, 0.25),
        ("range", {"low": 100, "mode": 200, "high": 300}, 200),
    ],
)
def test_means_are_those_of_the_textbook(kind: str, values: dict[str, float], mean: float) -> None:
    found = Distribution(kind, values)
    assert found.mean == pytest.approx(mean, rel=1e-4)
    drawn = found.quantile(uniforms(1 << 14, 1, 3)[:, 0])
    assert drawn.mean() == pytest.approx(mean, rel=1e-3)


def test_the_mean_of_a_skewed_range_is_that_of_two_half_normals() -> None:
    found = ranged(150, 200, 320)
    # the share below the mode, then the two spreads that put 5 % at either end
    shares = np.linspace(0.01, 0.99, 200_001)
    below = float(np.interp(200, found.quantile(shares), shares))
    normal = NormalDist()
    left = (200 - 150) / -normal.inv_cdf(0.05 / (2 * below))
    right = (320 - 200) / -normal.inv_cdf(0.05 / (2 * (1 - below)))
    assert left / right == pytest.approx(below / (1 - below), rel=1e-3)
    assert found.mean == pytest.approx(200 + (2 / np.pi) ** 0.5 * (right - left), rel=1e-4)


def test_a_point_is_a_point() -> None:
    found = ranged(7, 7, 7)
    assert found.is_point
    assert found.mean == 7
    assert found.quantile(np.array([0.01, 0.99])).tolist() == [7, 7]


def test_what_makes_no_sense_is_cut_off() -> None:
    share = distribution_of({"low": 0.8, "mode": 0.95, "high": 0.999}, 0.0, 1.0)
    drawn = share.quantile(uniforms(4096, 1, 0)[:, 0])
    assert drawn.max() == 1.0
    assert share.mean == pytest.approx(drawn.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"low": 3, "mode": 2, "high": 4}, "must have low <= mode <= high, got 3, 2, 4"),
        ({"low": 1, "high": 4}, "range needs mode"),
        ({"low": 1, "mode": 2, "high": 4, "sd": 1}, "range has no 'sd'"),
        ({"distribution": "norml", "mean": 1, "sd": 1}, "did you mean 'normal'"),
        ({"distribution": "normal", "mean": 1, "sd": -1}, "sd must be >= 0"),
        ({"distribution": "lognormal", "mean": 0, "cv": 1}, "must be > 0"),
        ({"distribution": "beta", "a": 0, "b": 1}, "a must be > 0"),
        ({"low": -1, "mode": 2, "high": 4}, "low must be >= 0"),
        ({"low": "1", "mode": 2, "high": 4}, "low must be a number"),
        ({"low": True, "mode": 2, "high": 4}, "low must be a number"),
    ],
)
def test_what_is_no_distribution_is_refused(table: dict[str, object], reason: str) -> None:
    with pytest.raises(ScenarioError) as error:
        distribution_of(table, 0.0)
    assert reason in str(error.value)


def test_draws_are_spread_evenly_and_the_same_everywhere() -> None:
    points = uniforms(1024, 3, 42)
    assert np.all((points > 0) & (points < 1))
    for column in points.T:
        assert np.histogram(column, 16, (0, 1))[0] == pytest.approx(np.full(16, 64), abs=1)
    # written down once: these digits must never move
    assert points[:2].ravel() == pytest.approx(
        [0.773956049, 0.438878440, 0.858597920, 0.273956049, 0.938878440, 0.358597920], abs=1e-9
    )
    assert uniforms(8, 0, 0).shape == (8, 0)


def test_events_are_those_of_poisson() -> None:
    shares = uniforms(1 << 15, 1, 5)[:, 0]
    counts = drawn_events(30.0, shares)
    assert counts.mean() == pytest.approx(2.5, rel=1e-3)
    assert counts.var() == pytest.approx(2.5, rel=1e-2)
    # e^-2.5 = 0.0821 of the months have none
    assert np.mean(counts == 0) == pytest.approx(0.0821, abs=1e-3)
    assert drawn_events(0.0, shares).max() == 0


def test_what_is_cut_off_at_the_top_lowers_the_mean() -> None:
    # z = (1 - 0.9) / 0.1 = 1: 0.9 - 0.1 x (phi(1) - 1 x (1 - Phi(1))) = 0.9 - 0.1 x 0.083315
    share = Distribution("normal", {"mean": 0.9, "sd": 0.1}, least=0.0, most=1.0)
    assert share.mean == pytest.approx(0.8916685, abs=1e-6)
