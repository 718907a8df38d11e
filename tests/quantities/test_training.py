"""Tokens and hours of a training run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import training

amounts = st.floats(1e-3, 1e9)


def test_billed_tokens_by_hand() -> None:
    # 3,000 examples x 400 tokens x 3 epochs = 3.6 Mtok
    assert float(training.train_mtok(1, 3_000 * 400, 3)) == pytest.approx(3.6)
    # 5 Mtok x 3 + 1 Mtok of validation x 2 evaluations = 17; two runs 34
    assert float(training.train_mtok(2, 5e6, 3, 1e6, 2)) == pytest.approx(34)


def test_hours_by_hand() -> None:
    assert float(training.run_hours(2, 1.5)) == 3


def test_rented_hours_by_hand() -> None:
    # 3.6 Mtok x 2 epochs / 1,000 token/s = 2 h, and 0.25 h to start; 3 runs on 2 instances
    hours = training.rented_training_hours(3, 3.6e6, 2, 1_000, 2, 0.25)
    assert float(hours) == pytest.approx(3 * 2.25 * 2)


@given(amounts, amounts, st.floats(1, 10))
def test_epochs_are_passes_over_the_same_set(runs: float, tokens: float, epochs: float) -> None:
    once = training.train_mtok(runs, tokens, 1)
    assert float(training.train_mtok(runs, tokens, epochs)) == pytest.approx(float(once) * epochs)


@given(amounts, amounts, amounts)
def test_without_evaluations_validation_costs_nothing(
    runs: float, tokens: float, validation: float
) -> None:
    assert training.train_mtok(runs, tokens, 3, validation, 0) == training.train_mtok(
        runs, tokens, 3
    )


@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float, float]]) -> None:
    runs, tokens, other = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, size, more) in enumerate(rows):
        assert training.train_mtok(runs, tokens, 3, other, 2)[k] == training.train_mtok(
            one, size, 3, more, 2
        )
        assert training.run_hours(runs, other)[k] == training.run_hours(one, more)
        assert training.rented_training_hours(runs, tokens, 2, other, 1, 0.25)[
            k
        ] == training.rented_training_hours(one, size, 2, more, 1, 0.25)
