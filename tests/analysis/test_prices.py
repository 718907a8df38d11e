"""Prices as tables agree with the book."""

from __future__ import annotations

from datetime import date

import pytest

import costmodel as cm
from costmodel.analysis.prices import price_history, rents
from costmodel.errors import PriceError
from costmodel.prices.rows import Key


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    return cm.PriceBook.read()


@pytest.mark.parametrize(
    ("provider", "model"),
    [("google", "gemini-3.8-flash"), ("deepseek", "deepseek-v4-flash"), ("openai", "gpt-6-luna")],
)
def test_each_step_is_the_price_of_its_first_day(
    book: cm.PriceBook, provider: str, model: str
) -> None:
    frame = price_history(book, provider, model)
    assert len(frame)
    for row in frame.to_dict("records"):
        day = row["effective_from"] or date(1990, 1, 1)
        key = Key("inference", provider, row["model"])
        assert row["unit_price_usd"] == book.price_on(key, row["meter"], day)


def test_gemini_doubles_with_the_new_year(book: cm.PriceBook) -> None:
    frame = price_history(book, "google", "gemini-3.8-flash", meters=["output_mtok"])
    assert frame["unit_price_usd"].tolist() == [3.75, 7.5]
    assert frame["effective_to"].tolist() == [date(2027, 1, 1), None]


def test_rents_are_by_the_gpu_and_cheapest_first(book: cm.PriceBook) -> None:
    frame = rents(book, "H100", date(2026, 11, 21))
    usd = frame["usd_per_gpu_hour"].tolist()
    assert usd == sorted(usd)
    assert set(frame["gpu"]) == {"H100-SXM"}


def test_a_wrong_meter_is_refused(book: cm.PriceBook) -> None:
    with pytest.raises(PriceError, match="no price of tokens"):
        price_history(book, "openai", "gpt-6-luna", meters=["kwh"])
