"""A written scenario remembers the prices it was written with."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.scenario.pins import moved_prices, pins_of

TEXT = (Path(__file__).parents[1] / "data" / "bot.toml").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bot.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def pinned(file: Path, book: cm.PriceBook) -> cm.Scenario:
    path = file.with_name("pinned.toml")
    cm.Scenario.read(file).write(path, book)
    return cm.Scenario.read(path)


def test_a_written_scenario_remembers_every_price_used(
    file: Path, example_book: cm.PriceBook
) -> None:
    scenario = pinned(file, example_book)
    assert scenario.pins == pins_of(scenario, example_book)
    assert scenario.pinned_on == date(2026, 12, 1)
    prices = {(pin.key, pin.meter): pin.usd for pin in scenario.pins}
    assert prices["inference example/mini-1", "input_mtok"] == 0.4
    assert prices["labour team/annotator", "person_hour"] == 18
    assert prices["finetuning example/base-1:sft:lora", "train_mtok"] == 1
    # comments are still there
    assert "# our support bot" in file.with_name("pinned.toml").read_text(encoding="utf-8")


def test_while_no_price_moves_nothing_is_said(file: Path, example_book: cm.PriceBook) -> None:
    scenario = pinned(file, example_book)
    assert moved_prices(scenario, example_book) == []
    assert cm.compare(scenario, example_book).warnings == ()


def test_a_price_that_moved_is_named_with_both_figures(
    file: Path, example_dir: Path, example_book: cm.PriceBook, tmp_path: Path
) -> None:
    scenario = pinned(file, example_book)
    own = tmp_path / "own" / "inference"
    own.mkdir(parents=True)
    (own / "example.csv").write_text(
        "model,input_per_mtok,cached_input_per_mtok,output_per_mtok,source,verified_on\n"
        "mini-1,0.35,0.1,1.6,https://example.com/new,2026-11-10\n"
    )
    moved = cm.PriceBook.read(example_dir, own.parent, shipped=False)
    said = cm.compare(scenario, moved).warnings
    assert said[0] == "prices have moved since 2026-12-01: 1"
    assert said[1] == "price of inference example/mini-1 input_mtok was $0.4, is $0.35"
    assert len(said) == 2


def test_a_change_announced_since_is_named_too(
    file: Path, example_dir: Path, example_book: cm.PriceBook, tmp_path: Path
) -> None:
    scenario = pinned(file, example_book)
    own = tmp_path / "own" / "inference"
    own.mkdir(parents=True)
    (own / "example.csv").write_text(
        "model,input_per_mtok,cached_input_per_mtok,output_per_mtok,effective_from,"
        "source,verified_on\n"
        "mini-1,0.35,0.1,1.6,2027-03-01,https://example.com/new,2026-11-10\n"
    )
    moved = cm.PriceBook.read(example_dir, own.parent, shipped=False)
    # the bill from March on is another one
    totals = [float(cm.compare(scenario, book).bill("RAG").total) for book in (example_book, moved)]
    assert totals[1] < totals[0]
    assert any("0.35" in text for text in cm.compare(scenario, moved).warnings)
