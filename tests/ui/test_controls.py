"""What is typed into a control means what people mean by it."""

from __future__ import annotations

from datetime import date

import pytest

pytest.importorskip("anywidget")

from costmodel.errors import DataError
from costmodel.ui.controls import Choice, Day, Quantity, decades, steps

REQUESTS = Quantity("requests", "Requests", rounds=decades(1e3, 1e6), ranges=True)
SHARE = Quantity("share", "Share", high=1.0, percent=True)
PRICE = Quantity("price", "Price", prefix="$")


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (REQUESTS, "300k", 300_000.0),
        (REQUESTS, " 1.2M ", 1_200_000.0),
        (REQUESTS, "1,234,567", 1_234_567.0),
        (REQUESTS, "1e6", 1_000_000.0),
        (REQUESTS, "150k to 320k", {"low": 150_000.0, "mode": 235_000.0, "high": 320_000.0}),
        (REQUESTS, "1k to 2k to 9k", {"low": 1_000.0, "mode": 2_000.0, "high": 9_000.0}),
        (SHARE, "20%", 0.2),
        (SHARE, "0.35", 0.35),
        (SHARE, "7.1%", 0.071),
        (PRICE, "$3", 3.0),
        (PRICE, "0.05", 0.05),
    ],
)
def test_a_number_is_read_as_people_write_it(field: Quantity, text: str, value: object) -> None:
    assert field.read(text) == value


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (REQUESTS, "many", "Requests: type a number like 300k, got 'many'"),
        (REQUESTS, "", "Requests: type a number like 300k"),
        (REQUESTS, "nan", "got 'nan'"),
        (REQUESTS, "inf", "got 'inf'"),
        (REQUESTS, "-5", "Requests: must be at least 0, got '-5'"),
        (REQUESTS, "10%", "got '10%'"),
        (REQUESTS, "9k to 1k", "a range goes from low to high"),
        (REQUESTS, "1 to 2 to 3 to 4", "a range reads like 150k to 320k"),
        (SHARE, "120%", "Share: must be at most 100%, got '120%'"),
        (PRICE, "1 to 2", "Price: takes one number, not a range"),
    ],
)
def test_what_is_no_number_gets_one_sentence(field: Quantity, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        field.read(text)


@pytest.mark.parametrize("value", [300_000.0, 123_456.0, 1_500.0, 0.5, 1e9, 316_228.0])
def test_a_number_comes_back_as_it_was_written(value: float) -> None:
    assert REQUESTS.read(REQUESTS.write(value)) == value


def test_a_range_comes_back_as_it_was_written() -> None:
    for text in ("150k to 320k", "150k to 200k to 320k"):
        assert REQUESTS.write(REQUESTS.read(text)) == text


def test_sliders_stop_at_round_numbers() -> None:
    assert 300_000.0 in decades(1e3, 1e8)
    assert [len(str(int(value)).rstrip("0")) <= 2 for value in decades(1e3, 1e8)].count(False) == 0
    assert steps(0.0, 0.2, 0.05) == (0.0, 0.05, 0.1, 0.15, 0.2)


def test_a_choice_and_a_day_say_what_is_wrong() -> None:
    assert Choice("months", "Ahead", {"1 year": 12}).read("1 year") == 12
    with pytest.raises(DataError, match="no choice '2 year'; did you mean '1 year'"):
        Choice("months", "Ahead", {"1 year": 12}).read("2 year")
    assert Day("start", "Start").read("2026-12-01") == date(2026, 12, 1)
    with pytest.raises(DataError, match="Start: "):
        Day("start", "Start").read("tomorrow")
