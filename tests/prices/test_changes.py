"""A price change is one dated row more: history stays, names are resolved, slips are refused."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.errors import PriceError
from costmodel.prices import selecting
from costmodel.prices.book import shipped_dir
from costmodel.prices.changes import Change, Said, add_model, add_row, mark_seen
from costmodel.prices.rows import Key

TODAY = date(2026, 11, 21)
NEW_YEAR = date(2027, 1, 1)
PAGE = "https://example.com/prices"
SAID = Said(PAGE, TODAY)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return an empty folder of own tables, laid over the shipped ones."""
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


def change(
    folder: Path, provider: str, name: str, values: Mapping[str, str], **more: Any
) -> Change:
    given: dict[str, Any] = {"start": NEW_YEAR, "said": SAID}
    return add_row(folder, provider, name, values, **(given | more))


def price(folder: Path, sku: str, meter: str, on: date, **key: str) -> float:
    table = key.pop("table", "inference")
    provider = key.pop("provider", "openai")
    return cm.PriceBook.read(folder).price_on(Key(table, provider, sku, **key), meter, on)


def test_the_new_price_holds_from_its_day_and_the_old_one_until_then(mine: Path) -> None:
    made = change(mine, "openai", "gpt-6-luna", {"output": "0.55"})
    assert made.cells == {"output_per_mtok": ("0.5", "0.55")}
    assert price(mine, "gpt-6-luna", "output_mtok", date(2026, 12, 31)) == 0.5
    assert price(mine, "gpt-6-luna", "output_mtok", NEW_YEAR) == 0.55
    # the other fields are those of the row before
    assert price(mine, "gpt-6-luna", "input_mtok", NEW_YEAR) == 0.1
    assert any("batch" in remark for remark in made.remarks)  # says what it left alone


def test_history_is_never_edited(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shipped_dir(), tmp_path / "pricing"))
    before = (copy / "inference/openai.csv").read_text().splitlines()
    made = change(copy, "openai", "gpt-6-luna", {"output": "0.55"})
    after = (copy / "inference/openai.csv").read_text().splitlines()
    assert [line for line in after if line not in before] == [after[made.line - 1]]
    assert [line for line in before if line not in after] == []
    assert "2027-01-01" in after[made.line - 1]
    assert made.follows == f"{copy.as_posix()}/inference/openai.csv line {made.line - 1}"
    others = [p.relative_to(copy) for p in copy.rglob("*.csv") if p.name != "openai.csv"]
    assert all((copy / p).read_bytes() == (shipped_dir() / p).read_bytes() for p in others)


def test_a_model_may_be_called_by_any_of_its_names(mine: Path) -> None:
    change(mine, "anthropic", "claude-3.5-haiku", {"output": "4.5"})
    assert "claude-3-5-haiku-latest," in (mine / "inference/anthropic.csv").read_text()


def test_mode_tier_and_region_choose_the_row(mine: Path) -> None:
    change(mine, "openai", "gpt-6-luna", {"output": "0.3"}, where={"mode": "batch"})
    change(mine, "openai", "gpt-6-luna", {"output": "0.8"}, where={"over_input_tokens": "272000"})
    assert price(mine, "gpt-6-luna", "output_mtok", NEW_YEAR, mode="batch") == 0.3
    assert price(mine, "gpt-6-luna", "output_mtok", NEW_YEAR) == 0.5  # the base tier stays
    rows = cm.PriceBook.read(mine).rows_of(Key("inference", "openai", "gpt-6-luna"))
    assert [row.over_input_tokens for row in rows if row.effective_from == NEW_YEAR] == [272_000]


@pytest.mark.parametrize(
    ("provider", "name", "values", "more", "file", "column", "text"),
    [
        ("azure", "gpt-4.1-mini", {"train": "4"}, {}, "finetuning.csv", "price", "4"),
        (
            *("azure", "gpt-4.1-mini", {"hosting": "1.9"}, {}),
            *("finetuning.csv", "hosting_per_hour", "1.9"),
        ),
        (
            *("runpod", "H100", {"price": "4.1"}),
            {"where": {"instance": "Secure Cloud H100-SXM"}},
            *("gpu_rental.csv", "price_per_hour", "4.1"),
        ),
        (
            *("bedrock", "amazon.nova-2-lite-v1:0", {"price": "50"}),
            {"table": "provisioned", "where": {"commitment_months": "0"}},
            *("provisioned.csv", "price_per_unit_hour", "50"),
        ),
        ("labour", "annotator", {"price": "40"}, {}, "labour.csv", "per_hour", "40"),
        ("fx", "EUR", {"rate": "1.2"}, {}, "fx.csv", "usd_per_unit", "1.2"),
    ],
)
def test_every_table_of_prices_is_changed_alike(
    mine: Path,
    provider: str,
    name: str,
    values: dict[str, str],
    more: dict[str, Any],
    file: str,
    column: str,
    text: str,
) -> None:
    made = change(mine, provider, name, values, **more)
    assert made.cells[column][1] == text
    header, row = (line.split(",") for line in (mine / file).read_text().splitlines())
    assert row[header.index(column)] == text
    assert "2027-01-01" in row


@pytest.mark.parametrize(
    ("provider", "name", "values", "more", "words"),
    [
        ("openai", "gpt-6-lnua", {"output": "1"}, {}, "did you mean 'gpt-6-luna'"),
        ("openia", "gpt-6-luna", {"output": "1"}, {}, "did you mean 'openai'"),
        ("openai", "gpt-6-luna", {"outptu": "1"}, {}, "did you mean 'output'"),
        ("openai", "gpt-6-luna", {"output": "0.50"}, {}, "nothing changes: output_per_mtok 0.50"),
        ("openai", "gpt-6-luna", {"output": "$1"}, {}, "must be a number >= 0"),
        ("openai", "gpt-6-luna", {"output": "-1"}, {}, "must be a number >= 0"),
        ("openai", "gpt-6-luna", {"output": "1,5"}, {}, "must be a number >= 0"),
        ("openai", "gpt-6-luna", {"model": "x"}, {}, "model is not set like that"),
        ("openai", "gpt-6-luna", {}, {}, "say what changes"),
        ("openai", "gpt-6-luna", {"output": "1"}, {"where": {"mode": "bath"}}, "no such row"),
        ("openai", "gpt-6-luna", {"output": "1"}, {"where": {"mood": "x"}}, "did you mean 'mode'"),
        ("openai", "gpt-6-luna", {"output": "1"}, {"table": "infrence"}, "'inference'"),
        ("aws", "H100", {"price": "50"}, {}, "market=on_demand"),
        (
            *("bedrock", "amazon.nova-2-lite-v1:0", {"price": "50"}, {}),
            "stands in finetuning and provisioned",
        ),
    ],
)
def test_what_is_not_clear_is_refused_and_nothing_is_written(
    mine: Path, provider: str, name: str, values: dict[str, str], more: dict[str, Any], words: str
) -> None:
    with pytest.raises(PriceError) as refused:
        change(mine, provider, name, values, **more)
    assert words in str(refused.value)
    assert list(mine.rglob("*")) == []


def test_two_changes_of_one_day_are_a_correction_to_be_made_by_hand(mine: Path) -> None:
    made = change(mine, "openai", "gpt-6-luna", {"output": "0.55"})
    with pytest.raises(PriceError, match=f"line {made.line} holds from 2027-01-01 already"):
        change(mine, "openai", "gpt-6-luna", {"output": "0.6"})


def test_an_earlier_change_ends_where_the_later_one_begins(mine: Path) -> None:
    change(mine, "openai", "gpt-6-luna", {"output": "0.7"}, start=date(2027, 6, 1))
    made = change(mine, "openai", "gpt-6-luna", {"output": "0.6"})
    # the new row is line 2 now, the one that was there stands below
    assert any("openai.csv line 3, from 2027-06-01, follows" in remark for remark in made.remarks)
    assert price(mine, "gpt-6-luna", "output_mtok", date(2027, 5, 31)) == 0.6
    assert price(mine, "gpt-6-luna", "output_mtok", date(2027, 6, 1)) == 0.7


def test_a_layer_says_which_shipped_rows_it_overlays(mine: Path) -> None:
    made = change(mine, "google", "gemini-3.6-flash", {"output": "4"}, start=date(2026, 12, 1))
    (said,) = [remark for remark in made.remarks if "overlaid" in remark]
    assert "from 2027-01-01, is overlaid by the new row" in said


def test_a_slip_in_the_new_row_is_said_at_once(mine: Path) -> None:
    made = change(mine, "openai", "gpt-6-luna", {"output": "0.05"})
    assert [finding.rule for finding in made.findings] == ["output below input"]
    assert made.findings[0].line == made.line


def test_a_new_model_has_its_price_and_its_facts(mine: Path) -> None:
    made = add_model(
        mine,
        "openai",
        "gpt-7",
        {"input": "1", "output": "4"},
        start=None,
        said=SAID,
        facts={"context_window": "400000", "encoding": "o200k_base", "note": "in preview"},
    )
    assert made.line == 2
    book = cm.PriceBook.read(mine)
    assert book.catalog.model("openai", "gpt-7").context_window == 400_000
    assert book.catalog.model("openai", "gpt-7").row["note"] == "in preview"
    assert float(
        cm.inference_cost(
            "openai", "gpt-7", input_tokens=200_000, output_tokens=200_000, on=TODAY, book=book
        )
    ) == pytest.approx(0.2 * 1 + 0.2 * 4)


@pytest.mark.parametrize(
    ("provider", "model", "values", "facts", "words"),
    [
        ("openai", "gpt-6-luna", {"input": "1"}, {}, "`costmodel pricing set` changes its price"),
        ("openia", "gpt-7", {"input": "1"}, {}, "--new-provider"),
        ("Open AI", "gpt-7", {"input": "1"}, {}, "is named like 'openai'"),
        ("openai", "gpt-7", {"imput": "1"}, {}, "did you mean 'input'"),
        ("openai", "gpt-7", {"input": "1"}, {"context": "1"}, "did you mean 'context_window'"),
        ("openai", "gpt-7", {"input": "1"}, {"encoding": "o200k"}, "unknown encoding 'o200k'"),
        ("openai", "=gpt-7", {"input": "1"}, {}, "would run as a formula"),
    ],
)
def test_a_new_model_that_is_not_right_writes_neither_table(
    mine: Path,
    provider: str,
    model: str,
    values: dict[str, str],
    facts: dict[str, str],
    words: str,
) -> None:
    with pytest.raises(PriceError) as refused:
        add_model(
            *(mine, provider, model, values),
            start=None,
            said=SAID,
            facts=facts,
        )
    assert words in str(refused.value)
    assert list(mine.rglob("*.csv")) == []


def test_a_new_provider_is_one_only_if_said(mine: Path) -> None:
    add_model(
        *(mine, "acme", "a-1", {"input": "1", "output": "4"}),
        start=None,
        said=SAID,
        new_provider=True,
    )
    assert "acme" in cm.PriceBook.read(mine).catalog.providers


def test_short_words_are_columns() -> None:
    for table, words in selecting.SHORT.items():
        for word, column in words.items():
            assert selecting.column_of(table, word) == column


def test_the_other_modes_and_tiers_may_move_by_the_same_factor(mine: Path) -> None:
    """Output from 0.50 to 0.60: batch at half price from 0.25 to 0.30, the tier 0.75 to 0.90."""
    made = change(mine, "openai", "gpt-6-luna", {"output": "0.6", "input": "0.12"}, alike=True)
    assert len(made.others) == 7
    assert made.findings == ()
    after = {one.what: one.cells["output_per_mtok"][1] for one in made.others}
    assert after["openai gpt-6-luna batch"] == "0.3"
    assert after["openai gpt-6-luna standard 272000"] == "0.9"
    assert price(mine, "gpt-6-luna", "output_mtok", NEW_YEAR, mode="priority") == 1.2
    lines = (mine / "inference/openai.csv").read_text().splitlines()
    assert [one.line for one in (made, *made.others)] == [
        lines.index(line) + 1
        for one in (made, *made.others)
        for line in lines
        if line.split(",")[:4] == [*(one.what.split()[1:3]), "", (one.what.split()[3:] or [""])[0]]
    ]


def test_what_was_free_has_no_factor(mine: Path) -> None:
    with pytest.raises(PriceError, match="hosting_per_hour was 0: other rows cannot move"):
        change(
            *(mine, "azure", "gpt-4.1-mini", {"hosting": "1"}),
            where={"mode": "developer"},
            alike=True,
        )
    assert list(mine.rglob("*.csv")) == []


def test_a_remark_of_several_lines_is_written_on_one(mine: Path) -> None:
    said = replace(SAID, note=' "big"\nchange,\there ')
    made = change(mine, "openai", "gpt-6-luna", {"output": "0.6"}, said=said)
    row = (mine / "inference/openai.csv").read_text().splitlines()[made.line - 1]
    assert row.endswith(',"""big"" change, here"')


def test_a_price_seen_again_changes_the_day_and_nothing_else(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shipped_dir(), tmp_path / "pricing"))
    later = date(2026, 12, 15)
    lines = (copy / "gpu_rental.csv").read_text().splitlines()
    (row,) = mark_seen(copy, "aws", "g4dn.12xlarge", seen_on=later)
    number = int(row.rpartition(" ")[2]) - 1
    after = (copy / "gpu_rental.csv").read_text().splitlines()
    assert [k for k, line in enumerate(after) if line != lines[k]] == [number]
    assert "no later reading" in lines[number]
    assert "no later reading" not in after[number]
    assert after[number].replace("2026-12-15", "2026-07-20") == lines[number].replace(
        "; no later reading by 2026-11-21", ""
    )
    with pytest.raises(PriceError, match="was last seen before"):
        mark_seen(copy, "aws", "g4dn.12xlarge", seen_on=later)


def test_rows_in_force_are_seen_in_every_table_and_history_is_not(mine: Path) -> None:
    """Of three rows of one key two hold from now on; the shipped rows below are left alone."""
    for start, usd in (("2026-01-01", "0.7"), ("2026-02-01", "0.6"), ("2027-02-01", "0.8")):
        change(mine, "openai", "gpt-6-luna", {"output": usd}, start=date.fromisoformat(start))
    seen = mark_seen(mine, "openai", "gpt-6-luna", seen_on=date(2026, 12, 1))
    assert [row.rpartition(" ")[2] for row in seen] == ["3", "4"]
    with pytest.raises(PriceError, match="'gpt-6-luna'"):
        mark_seen(mine, "openai", "gpt-6-lnua", seen_on=NEW_YEAR)
    with pytest.raises(PriceError, match="marked where they stand"):
        mark_seen(mine, "openai", "gpt-5", seen_on=NEW_YEAR)
