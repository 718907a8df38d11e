"""What a spread comes from, where it can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.quantities.distributions import uniforms
from costmodel.quantities.sensitivity import explained, regret, worth_knowing


def test_first_order_shares_are_those_of_a_sum() -> None:
    # y = 3 a + 2 b + c of equal spread: 9, 4 and 1 parts of 14
    a, b, c = uniforms(1 << 14, 3, 0).T
    outcome = 3 * a + 2 * b + c
    shares = [explained(x, outcome) for x in (a, b, c)]
    assert shares == pytest.approx([9 / 14, 4 / 14, 1 / 14], abs=0.01)


def test_an_input_without_effect_explains_nothing() -> None:
    a, b = uniforms(1 << 13, 2, 0).T
    assert explained(b, a) < 0.01
    assert explained(np.ones(100), a[:100]) == 0


def test_regret_by_hand() -> None:
    # a costs 10 or 30, b always 18: on average a costs 20, so b is chosen; knowing saves 8 half of
    # the time
    a = np.array([10.0, 30.0] * 512)
    outcomes = np.array([a, np.full(1024, 18.0)]).T
    assert regret(outcomes) == pytest.approx(4.0)
    assert worth_knowing(a, outcomes) == pytest.approx(4.0)
    other = uniforms(1024, 1, 0)[:, 0]
    assert worth_knowing(other, outcomes) < 0.5


def test_what_rounding_leaves_is_worth_nothing() -> None:
    a, b = uniforms(4096, 2, 1).T
    # the first option is the cheapest in every group, so knowing `a` changes no choice
    outcomes = np.column_stack([0.06 + 0.001 * a, 0.09 + 0.001 * b])
    assert worth_knowing(a, outcomes) == 0.0
    assert worth_knowing(b, outcomes) == 0.0
