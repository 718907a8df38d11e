"""A ledger is priced at the prices of each day, to the last digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from costmodel import PriceBook
from costmodel.errors import DataError
from costmodel.usage.ledger import Ledger, rows_of
from costmodel.usage.pricing import dollars, price, total
from costmodel.usage.reading import read

DAY = np.datetime64("2025-10-07", "s")


def test_a_day_of_gpt_5_mini_costs_what_openai_billed(book: PriceBook) -> None:
    # 80,992 tokens in at $0.25 and 274,770 out at $2 per million: the bill of 2025-10-07
    used = {
        "day": np.array([DAY]),
        "provider": "openai",
        "model": "gpt-5-mini-2025-08-07",
        "input_tokens": np.array([80_992]),
        "output_tokens": np.array([274_770]),
    }
    priced = price(Ledger(rows_of(used, 1)), book)
    assert list(priced.frame["list_pico"]) == [569_788_000_000]
    assert dollars(569_788_000_000) == 0.569788


def test_cached_input_is_part_of_the_input(book: PriceBook, tmp_path: Path) -> None:
    # 53,440 fresh at $2.50, 5,760 cached at $1.25, 10,646 out at $10 per million
    text = "date,provider,model,input_tokens,cached_input_tokens,output_tokens\n"
    text += "2025-10-05,openai,gpt-4o-2024-08-06,59200,5760,10646\n"
    (tmp_path / "own.csv").write_text(text)
    priced = price(read(tmp_path / "own.csv"), book)
    assert total(priced.frame["list_pico"]) == (133_600 + 7_200 + 106_460) * 10**6


def test_what_has_no_price_says_why_and_names_the_nearest(book: PriceBook, tmp_path: Path) -> None:
    text = "date,provider,model,input_tokens,output_tokens,cost\n"
    text += "2025-10-05,openai,gpt-5-minni,1000,10,0.02\n2025-10-05,openai,gpt-5-mini,1000,10,\n"
    (tmp_path / "own.csv").write_text(text)
    priced = price(read(tmp_path / "own.csv"), book)
    (row,) = priced.unpriced.to_dict("records")
    assert (row["model"], row["rows"], row["tokens"]) == ("gpt-5-minni", 1, 1010)
    assert row["billed_pico"] == 20_000_000_000
    assert "did you mean 'gpt-5-mini'" in row["why"]
    assert total(priced.frame["list_pico"]) == 250_000_000 + 20_000_000


def test_totals_are_exact_beyond_what_an_integer_holds() -> None:
    largest = np.full(10, 2**62, np.int64)
    assert total(largest) == 10 * 2**62
    assert total(-largest) == -10 * 2**62


def test_money_in_a_currency_without_a_rate_is_refused(book: PriceBook, tmp_path: Path) -> None:
    text = "date,provider,model,cost,currency\n2026-10-05,openai,gpt-5-mini,1,EUR\n"
    (tmp_path / "own.csv").write_text(text)
    priced = price(read(tmp_path / "own.csv"), book)
    # EUR 1 at 1.1355, the rate of 2026-09-30
    assert list(priced.frame["billed_pico"]) == [1_135_500_000_000]
    assert "EUR at 1.1355" in priced.notes[0]
    (tmp_path / "own.csv").write_text(text.replace("EUR", "NOK"))
    with pytest.raises(DataError, match=r"own\.csv line 2: NOK has no exchange rate"):
        price(read(tmp_path / "own.csv"), book)
