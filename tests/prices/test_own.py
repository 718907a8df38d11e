"""Own prices are tried out without a trace, and kept whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.errors import PriceError
from costmodel.prices.book import shipped_dir
from costmodel.prices.own import OwnPrice, keep, with_own
from costmodel.prices.rows import Key

ON = date(2026, 12, 1)
MINI = Key("inference", "example", "mini-1", "standard", "")
NONE = Key("inference", "example", "mini-9", "standard", "")


def cost(book: cm.PriceBook, on: date = ON) -> float:
    """A million tokens of answers."""
    return float(
        cm.inference_cost("example", "mini-1", input_tokens=0, output_tokens=1e6, on=on, book=book)
    )


def test_a_price_tried_out_holds_from_its_day_and_leaves_the_book(
    example_book: cm.PriceBook,
) -> None:
    tried = with_own(example_book, [OwnPrice(MINI, "output_mtok", 7.25)], ON, "own")
    assert (cost(tried), cost(example_book)) == (7.25, 1.6)
    assert cost(tried, date(2026, 11, 30)) == 1.6


def test_nothing_tried_is_the_same_book(example_book: cm.PriceBook) -> None:
    assert with_own(example_book, [], ON, "own") is example_book


def test_a_price_for_nothing_that_is_sold_is_refused(example_book: cm.PriceBook) -> None:
    with pytest.raises(PriceError, match="overrides nothing"):
        with_own(example_book, [OwnPrice(NONE, "output_mtok", 1.0)], ON, "own")


def test_kept_prices_are_a_table_that_other_commands_read(
    example_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    prices = [OwnPrice(MINI, "output_mtok", 7.25), OwnPrice(MINI, "input_mtok", 0.1)]
    path = keep(folder, prices, ON, "contract", [example_dir])
    assert path == folder / "overrides.csv"
    assert cost(cm.PriceBook.read(example_dir, folder, shipped=False)) == 7.25
    keep(folder, [OwnPrice(MINI, "output_mtok", 6.0)], ON, "contract", [example_dir, folder])
    book = cm.PriceBook.read(example_dir, folder, shipped=False)
    assert cost(book) == 6.0
    # a header, and one row for each of the two
    assert len(path.read_text("utf-8").splitlines()) == 3
    # another day is another row
    later = date(2027, 1, 1)
    keep(folder, [OwnPrice(MINI, "output_mtok", 5.0)], later, "contract", [example_dir])
    book = cm.PriceBook.read(example_dir, folder, shipped=False)
    assert (cost(book), cost(book, later)) == (6.0, 5.0)


def test_a_refused_price_leaves_no_folder_behind(example_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    with pytest.raises(PriceError, match="nothing was changed"):
        keep(folder, [OwnPrice(NONE, "output_mtok", 1.0)], ON, "own", [example_dir])
    assert not folder.exists()


def test_the_shipped_tables_are_never_written(tables: Callable[..., Path]) -> None:
    before = {path: path.read_bytes() for path in shipped_dir().glob("*.csv")}
    for folder in (shipped_dir(), shipped_dir() / "inference", shipped_dir() / "new"):
        with pytest.raises(PriceError, match="holds the shipped tables"):
            keep(folder, [OwnPrice(MINI, "output_mtok", 1.0)], ON, "own", [tables()])
    assert {path: path.read_bytes() for path in shipped_dir().glob("*.csv")} == before
    assert not (shipped_dir() / "new").exists()


def test_a_source_that_a_spreadsheet_would_run_is_refused(
    example_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(PriceError, match="would run as a formula"):
        keep(tmp_path / "m", [OwnPrice(MINI, "output_mtok", 1.0)], ON, "=1+1", [example_dir])
    assert not (tmp_path / "m").exists()
