"""What all layouts have in common. All files here are invented."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costmodel import PriceBook
from costmodel.usage import records
from costmodel.usage.layouts import LAYOUTS
from costmodel.usage.layouts.base import Layout
from costmodel.usage.pricing import price
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table


@pytest.mark.parametrize("packed", [".gz", ".zst", ".parquet", ".jsonl", ".json", ".tsv"])
def test_the_same_rows_in_another_file_format_are_the_same_ledger(
    write: Write, tmp_path: Path, packed: str
) -> None:
    rows = pd.DataFrame(
        {
            "date": ["2026-10-01", "2026-10-02"],
            "provider": "openai",
            "model": ["gpt-5-mini", None],
            "input_tokens": [1000, 0],
            "output_tokens": [10, 0],
            "cost": [0.1, -2.5],
        }
    )
    text = rows.to_csv(index=False)
    path = tmp_path / f"own{packed}"
    if packed == ".gz":
        path = tmp_path / "own.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
    elif packed == ".zst":
        from backports import zstd

        path = tmp_path / "own.csv.zst"
        path.write_bytes(zstd.compress(text.encode()))
    elif packed == ".parquet":
        rows.to_parquet(path)
    elif packed == ".tsv":
        rows.to_csv(path, index=False, sep="\t")
    else:
        rows.to_json(path, orient="records", lines=packed == ".jsonl")
    plain = read(write("own.csv", text)).frame.drop(columns="file")
    found = read(path).frame.drop(columns="file")
    assert found.astype(object).equals(plain.astype(object))


def test_capitals_of_columns_do_not_matter(write: Write) -> None:
    text = "DATE,Provider,Model,Input_Tokens\n2026-10-01,openai,gpt-5-mini,5\n"
    (row,) = only(read(write("own.csv", text)), "costmodel")
    assert row["input_tokens"] == 5


def test_pages_with_nothing_are_read_as_nothing(write: Write) -> None:
    bucket = {"start_time": 1793491200, "end_time": 1793577600, "results": []}
    pages: list[Any] = [{"data": [bucket], "has_more": False}, {"data": []}, []]
    for page in pages:
        ledger = read(write("page.json", page))
        assert ledger.notes == ("page.json holds no record",)
        assert ledger.frame.empty


def test_the_last_page_ends_the_series(write: Write) -> None:
    def page(start: int, *, more: bool) -> dict[str, Any]:
        result = {"input_tokens": 1000, "output_tokens": 5, "num_model_requests": 1}
        return {"data": [{"start_time": start, "results": [result]}], "has_more": more}

    pages = [page(1793491200, more=True), page(1793577600, more=False)]
    assert read(write("pages.json", pages)).notes == ()
    first, second = write("1.json", pages[0]), write("2.json", pages[1])
    assert read(first, second).notes == ()
    missing = "1.json is one page of several; the pages after it are missing"
    assert read(first).notes == (missing,)
    # what goes before does not end it
    assert read(write("0.json", page(1793404800, more=False)), first).notes == (missing,)
    observations = {
        "data": [{"startTime": "2026-11-01T10:00:00Z", "usageDetails": {"input": 1}, "model": "m"}],
        "meta": {"page": 1, "limit": 50, "totalItems": 51, "totalPages": 2},
    }
    assert "one page of several" in read(write("l.json", observations)).notes[0]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_columns_that_tell_a_layout_are_enough_to_read_it(
    write: Write, book: PriceBook, layout: Layout
) -> None:
    columns = sorted(layout.needs)
    days = {name for name in columns if re.search(r"date|start|created_at|_at$", name.lower())}
    days -= {name for name in columns if re.search(r"cost|amount", name.lower())}
    cells = ["2026-11-13" if name in days else "" for name in columns]
    ledger = read(write("export.csv", table(",".join(columns), ",".join(cells))))
    (export,) = ledger.exports
    assert (export.layout, export.records) == (layout.name, 1)
    price(ledger, book)


def test_a_key_that_records_of_json_leave_out_is_blank(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "OBJECTS", 1)
    lines = ['{"date": "2026-10-01", "provider": "openai", "model": "gpt-5-mini"}']
    lines.append('{"date": "2026-10-02", "provider": "openai", "cost": 1}')
    frame = read(write("own.jsonl", "\n".join(lines))).frame
    assert list(frame["model"]) == ["gpt-5-mini", ""]


def test_columns_without_a_name_and_columns_of_two_cases(write: Write) -> None:
    text = "Date,date,provider,model,input_tokens,,\n2025-01-01,2026-10-01,openai,m,5,,x\n"
    (row,) = only(read(write("own.csv", text)), "costmodel")
    assert (str(row["day"].date()), row["input_tokens"]) == ("2026-10-01", 5)
