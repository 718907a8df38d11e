"""Survival curves and rules of notice, as the tables state them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import costmodel as cm
from costmodel.prices.lifetimes import POOL, curve_of, notice_of

Tables = Callable[..., Path]
HEAD = "provider,age_days,survival,lives,ended,method,fitted_on"


def curve(*lines: str) -> list[str]:
    return [HEAD, *(f"{line},20,12,by hand,2026-11-01" for line in lines)]


def test_a_provider_without_a_curve_has_that_of_all(example_dir: Path, tables: Tables) -> None:
    rows = curve("example,0,1", "example,1000,0.25", "pool,0,1", "pool,500,0.5")
    book = cm.PriceBook.read(example_dir, tables(survival=rows), shipped=False)
    own, other = curve_of(book, "example"), curve_of(book, "other")
    assert own is not None
    assert other is not None
    assert (own.provider, own.lives, own.ended) == ("example", 20, 12)
    assert own.survival.tolist() == [1.0, 0.25]
    assert other.provider == POOL
    assert "curve of all providers, 12 of 20 lives ended" in other.said


def test_tables_without_curves_have_none(example_book: cm.PriceBook) -> None:
    assert curve_of(example_book, "example") is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["example,0,1.5", "example,9,0.5"], "survival is a share and must be <= 1, got 1.5"),
        (["example,0,1", "example,9,0.5", "example,18,0.6"], "from 1 at age 0 downwards"),
        (["example,10,1", "example,19,0.5"], "from 1 at age 0 downwards"),
        (["example,0,1"], "at two ages or more"),
        (["example,0,1", "example,9,-0.5"], "survival must be a number >= 0, got '-0.5'"),
    ],
)
def test_what_is_no_survival_curve_is_refused(
    example_dir: Path, tables: Tables, lines: list[str], said: str
) -> None:
    book = cm.PriceBook.read(example_dir, tables(survival=curve(*lines)), shipped=False)
    with pytest.raises(cm.PriceError) as caught:
        curve_of(book, "example")
    assert said in str(caught.value)
    assert "survival.csv line" in str(caught.value)


def test_every_shipped_curve_falls_and_every_notice_has_its_days() -> None:
    book = cm.PriceBook.read()
    for provider in sorted(book.catalog.providers):
        found = curve_of(book, provider)
        assert found is not None
        assert found.survival[0] == 1
        assert np.all(np.diff(found.survival) <= 0)
        assert found.lives >= found.ended
    openai = notice_of(book, "openai")
    assert openai is not None
    assert openai["days"] == 92  # 2026-10-14 to 2027-01-14
    assert notice_of(book, "ori") is None
