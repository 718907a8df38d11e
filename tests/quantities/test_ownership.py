"""Owning GPUs, worked out by hand from the study behind the defaults."""

from __future__ import annotations

import numpy as np
import pytest

from costmodel.quantities.ownership import (
    capital_share,
    colocation_kw,
    depreciated_gpus,
    energy_kwh,
    owned,
    supported_gpus,
)

YEAR = 8760.0


def test_an_h100_costs_1_85_dollars_an_hour_with_the_defaults() -> None:
    capital = 39_200 * float(depreciated_gpus(1, YEAR, 4, 0.2, 0.1))
    support = 39_200 * float(supported_gpus(1, YEAR, 0.05))
    energy = 0.093 * float(energy_kwh(1, YEAR, 0.7, 0.87, 0.29 * 0.87, 1.3))
    room = 184.06 * 12 * float(colocation_kw(1, 1.275))
    assert capital == pytest.approx(10_677, abs=1)
    assert support == pytest.approx(1_960)
    assert room == pytest.approx(2_816, abs=1)
    assert energy == pytest.approx(726, abs=10)
    assert (capital + support + energy + room) / YEAR == pytest.approx(1.85, abs=0.01)


def test_without_interest_a_year_bears_its_part() -> None:
    assert float(capital_share(5, 0.0, 0.0)) == 0.2
    assert capital_share(np.array([4.0, 5.0]), 0.2, 0.0).tolist() == pytest.approx([0.2, 0.16])


def test_bought_servers_are_whole_and_stay() -> None:
    assert owned(np.array([3.0, 17.0, 1.0]), 8).tolist() == [8, 24, 24]
