"""Predictions beside measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import costmodel as cm
from costmodel.analysis.validate import read_cases, validate_bills, validate_prices
from costmodel.errors import DataError

HEADER = "provider,model,input_tokens,output_tokens,date,expected_usd\n"


def cases(tmp_path: Path, *lines: str, header: str = HEADER) -> pd.DataFrame:
    path = tmp_path / "cases.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines), "utf-8")
    return read_cases(path)


def test_the_ratio_is_predicted_over_measured(tmp_path: Path, example_book: cm.PriceBook) -> None:
    # 1 x 0.4 and 1 x 1.6 dollars
    frame = cases(
        tmp_path,
        "example,mini-1,1000000,0,2026-12-01,0.4",
        "example,mini-1,0,1000000,2026-12-01,3.2",
    )
    found = validate_prices(frame, example_book)
    assert found.frame["predicted"].tolist() == pytest.approx([0.4, 1.6])
    assert found.ratios == pytest.approx([1.0, 0.5])
    summary = found.as_dict()
    assert summary["median_absolute_percentage_error"] == pytest.approx(0.25)
    assert summary["share_exact"] == pytest.approx(0.5)
    assert summary["share_within_25_percent"] == pytest.approx(0.5)
    assert summary["share_within_2x"] == pytest.approx(1.0)


def test_nothing_expected_and_nothing_predicted_agree(
    tmp_path: Path, example_book: cm.PriceBook
) -> None:
    found = validate_prices(cases(tmp_path, "example,mini-1,0,0,2026-12-01,0"), example_book)
    assert found.ratios == pytest.approx([1.0])


def test_other_columns_are_passed_through_and_the_input_is_left_alone(
    tmp_path: Path, example_book: cm.PriceBook
) -> None:
    header = "who," + HEADER
    frame = cases(tmp_path, "me,example,mini-1,1000000,0,2026-12-01,0.4", header=header)
    before = frame.copy()
    found = validate_prices(frame, example_book)
    assert list(found.frame.columns) == [*before.columns, "predicted", "ratio"]
    pd.testing.assert_frame_equal(frame, before)


def test_an_impossible_row_does_not_hide_the_others(
    tmp_path: Path, example_book: cm.PriceBook
) -> None:
    header = HEADER.replace("output", "cached_read_tokens,output", 1)
    frame = cases(
        tmp_path,
        "example,mini-1,1000,2000,0,2026-12-01,1",
        "example,mini-1,1000000,0,0,2026-12-01,0.4",
        header=header,
    )
    found = validate_prices(frame, example_book)
    assert found.ratios == pytest.approx([1.0])
    ((line, reason),) = found.skipped
    assert line == 2
    assert "cached and written tokens exceed input_tokens 1000" in reason


@pytest.mark.parametrize("missing", ["provider", "model", "input_tokens", "expected_usd", "date"])
def test_a_missing_column_is_named(
    tmp_path: Path, example_book: cm.PriceBook, missing: str
) -> None:
    frame = cases(tmp_path, "example,mini-1,1,1,2026-12-01,1").drop(columns=missing)
    with pytest.raises(cm.DataError, match=f"cases: needs a column {missing}"):
        validate_prices(frame, example_book)


def test_a_blank_cell_is_not_nought(tmp_path: Path, example_book: cm.PriceBook) -> None:
    header = HEADER.replace("date", "cached_read_tokens,requests,date", 1)
    frame = cases(
        tmp_path,
        # one request where nobody says how many, nothing cached
        "example,mini-1,1000000,0,,,2026-12-01,0.4",
        "example,mini-1,1000000,0,0,3,2026-12-01,",
        "example,mini-1,1000000,0,0,3,2026-12-01,0",
        header=header,
    )
    found = validate_prices(frame, example_book)
    assert found.frame["predicted"].tolist() == pytest.approx([0.4, 1.2, 1.2])
    assert found.ratios == pytest.approx([1.0])
    assert found.warnings == (
        "2 rows have a prediction but no expected_usd above 0 to compare with",
    )


@pytest.mark.parametrize("text", ["", "-1", "many", "nan", "inf"])
def test_a_value_that_is_no_amount_is_named_with_its_line(
    tmp_path: Path, example_book: cm.PriceBook, text: str
) -> None:
    frame = cases(
        tmp_path, "example,mini-1,1,1,2026-12-01,1", f"example,mini-1,{text},1,2026-12-01,1"
    )
    with pytest.raises(
        cm.DataError, match=rf"cases line 3: input_tokens must be a number >= 0, got '{text}'"
    ):
        validate_prices(frame, example_book)


def test_a_bad_date_is_named_with_its_line(tmp_path: Path, example_book: cm.PriceBook) -> None:
    frame = cases(tmp_path, "example,mini-1,1,1,2026-12-01,1", "example,mini-1,1,1,1st of May,1")
    with pytest.raises(cm.DataError, match=r"cases line 3: date must be a date like .*1st of May"):
        validate_prices(frame, example_book)


def test_a_table_without_rows_predicts_nothing(tmp_path: Path, example_book: cm.PriceBook) -> None:
    summary = validate_prices(cases(tmp_path), example_book).as_dict()
    assert (summary["rows"], summary["n"]) == (0, 0)
    assert summary["median_absolute_percentage_error"] is None


def test_lines_are_counted_as_an_editor_counts_them(
    tmp_path: Path, example_book: cm.PriceBook
) -> None:
    frame = cases(tmp_path, "", "example,mimi-1,1,1,2026-12-01,1")
    ((line, _),) = validate_prices(frame, example_book).skipped
    assert line == 3


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cm.DataError, match="input_tokens"):
        cases(
            tmp_path,
            "example,mini-1,1,1,1,2026-12-01,1",
            header="provider,model,input_tokens,input_tokens,output_tokens,date,expected_usd\n",
        )


def test_a_row_with_too_few_cells_is_named(tmp_path: Path) -> None:
    with pytest.raises(cm.DataError, match=r"cases.csv line 2: has 3 cells, the header 6"):
        cases(tmp_path, "example,mini-1,1")


def test_ten_thousand_rows_are_as_exact_as_one(tmp_path: Path, example_book: cm.PriceBook) -> None:
    frame = cases(tmp_path, *["example,mini-1,1000000,0,2026-12-01,0.4"] * 10_000)
    found = validate_prices(frame, example_book)
    assert np.all(found.ratios == found.ratios[0])
    assert found.ratios.size == 10_000


def bills(**cells: str) -> pd.DataFrame:
    """One reported bill of 5 Mtok, three times, at $2."""
    usual = {"tokens": "5e6", "epochs": "3", "price_per_mtok": "2", "reported_usd": "30"}
    return pd.DataFrame([usual | cells])


def test_a_reported_bill_is_tokens_times_epochs_times_price() -> None:
    found = validate_bills(bills())
    assert found.frame["predicted"].tolist() == [30.0]
    assert found.as_dict()["share_exact"] == 1.0


def test_several_jobs_are_billed_one_by_one_each_with_its_minimum() -> None:
    # 0.4 Mtok x (3, 3, 5) x $1.5 = $1.8, 1.8 and 3, each raised to $4
    found = validate_bills(
        bills(tokens="4e5", epochs="3|3|5", price_per_mtok="1.5", minimum_usd="4")
    )
    assert found.frame["predicted"].tolist() == [12.0]


def test_passes_over_the_validation_set_are_billed() -> None:
    # (3 x 5 + 2 x 1) Mtok x $2
    found = validate_bills(bills(validation_tokens="1e6", evaluations="2"))
    assert found.frame["predicted"].tolist() == [34.0]


def test_a_bill_without_tokens_or_with_words_for_epochs_is_refused() -> None:
    with pytest.raises(DataError, match="needs a column tokens"):
        validate_bills(bills().drop(columns="tokens"))
    for text in ("three", "3||5", "-3", "0"):
        with pytest.raises(DataError, match="cases line 2: epochs reads like 3"):
            validate_bills(bills(epochs=text))
    with pytest.raises(DataError, match="cases line 2: price_per_mtok must be a number >= 0"):
        validate_bills(bills(price_per_mtok=""))
