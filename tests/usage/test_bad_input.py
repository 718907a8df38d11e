"""What is wrong with a file is one clear line with file, place and value."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costmodel import PriceBook
from costmodel.errors import CostModelError, DataError
from costmodel.usage import reading, records
from costmodel.usage.condensing import grain_of
from costmodel.usage.layouts import LAYOUTS
from costmodel.usage.ledger import TOKENS, joined
from costmodel.usage.matching import matched
from costmodel.usage.pricing import price, total
from costmodel.usage.reading import read

HEADER = "date,provider,model,input_tokens,output_tokens,cost,currency"
LINE = "2026-10-01,openai,gpt-5-mini,1000,10,0.00027,USD"


def refused(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as error:
        read(path)
    said = str(error.value)
    assert len(said.splitlines()) == 1
    return said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-10-01,openai,m,-1,10,,", "input_tokens must be a whole number >= 0, got '-1'"),
        ("2026-10-01,openai,m,1.5,10,,", "input_tokens must be a whole number >= 0, got '1.5'"),
        (
            '2026-10-01,openai,m,"1,000",10,,',
            "input_tokens must be a number like 1234.5, got '1,000'",
        ),
        ("2026-10-01,openai,m,=SUM(A1),10,,", "input_tokens holds a formula, '=SUM(A1)'; export"),
        ("2026-10-01,openai,m,5,10,@x,", "cost holds a formula, '@x'"),
        ("2026-10-01,openai,m,5,10,inf,", "cost must be a finite number, got 'inf'"),
        ("2026-10-01,openai,m,5,10,1e10,", "cost of one row must stay below 9.2 million"),
        ("10/01/2026,openai,m,5,10,,", "date mixes dates like 2026-12-01 and 12/01/2026"),
        ("2026-13-01,openai,m,5,10,,", "date must be a date like 2026-12-01, got '2026-13-01'"),
        (",openai,m,5,10,,", "date must be a date like 2026-12-01, got ''"),
        ("2026-10-01,openai,m,5", "has 4 cells, the header 7"),
        ("2026-10-01,openai,m,5,10,,USD,x", "has 8 cells, the header 7"),
        ('2026-10-01,openai,"m,5,10,,', "a quoted cell does not end; is the file cut short?"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    text = "\n".join([HEADER, LINE, '2026-10-01,openai,"two\nlines",1,1,,', "", line]) + "\n"
    found = refused(tmp_path / "log.csv", text)
    assert found.startswith("log.csv line 6: ")
    assert said in found


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "", "a.csv: is empty"),
        ("a.csv", "a,b\n1,2\n", "a.csv line 1: no known export has the columns a, b"),
        ("a.csv", "date,provider,input_tokens\n", "costmodel comes nearest and lacks model"),
        ("a.csv", "date,date,provider,model\n", "the column 'date' stands there twice"),
        (
            "a.csv",
            HEADER.encode() + b"\n\xff\xfe\n",
            "log.csv",
        ),
        ("a.csv", "x".encode("utf-16"), "a.csv: is UTF-16 text; save it as UTF-8"),
        ("a.csv", b"\x00\x01\x02", "a.csv: is a binary file, not an export"),
        ("a.json", "[1, 2]", "a.json line 1: is no record: an object expected, got int"),
        ("a.json", '[{"date": 1', "a.json line 1"),
        ("a.jsonl", '{"date": 1}\n{', "a.jsonl line 2"),
        ("a.parquet", b"PAR1 nothing", "a.parquet: is no whole Parquet file"),
        ("a.csv.gz", b"\x1f\x8b broken", "a.csv.gz"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, content: bytes | str, said: str) -> None:
    found = refused(tmp_path / name, content)
    assert found.startswith(name)
    assert said in found or said == "log.csv"


def test_cached_tokens_are_part_of_all_input(tmp_path: Path) -> None:
    text = "date,provider,model,input_tokens,cached_input_tokens\n2026-10-03,openai,m,5,9\n"
    said = refused(tmp_path / "log.csv", text)
    assert said == "log.csv line 2: 9 cached and written tokens exceed the 5 tokens of all input"


def test_an_export_without_a_record_says_so(tmp_path: Path, book: PriceBook) -> None:
    (tmp_path / "log.csv").write_text(HEADER + "\n")
    ledger = read(tmp_path / "log.csv")
    assert ledger.notes == ("log.csv holds no record",)
    assert matched(price(ledger, book)).groups.empty


def test_a_cut_gzip_says_so(tmp_path: Path) -> None:
    lines = [f"2026-10-01,openai,gpt-5-mini,{n * 7919 % 9973},10,," for n in range(20_000)]
    whole = gzip.compress("\n".join([HEADER, *lines]).encode())
    said = refused(tmp_path / "log.csv.gz", whole[: len(whole) // 2])
    place, _, what = said.partition(": ")
    assert what == "the .gz file is cut short"
    assert 5_000 < int(place.removeprefix("log.csv.gz line ")) < 15_000


def test_dates_that_can_be_read_both_ways_are_refused(tmp_path: Path) -> None:
    text = f"{HEADER}\n03/04/2026,openai,m,1,1,,\n"
    said = refused(tmp_path / "log.csv", text)
    assert "log.csv line 2: date can be read as month/day or day/month" in said
    # one day beyond the twelfth settles it
    (tmp_path / "log.csv").write_text(text + "21/04/2026,openai,m,1,1,,\n")
    days = read(tmp_path / "log.csv").frame["day"].astype(str)
    assert list(days) == ["2026-04-03", "2026-04-21"]


def test_times_are_counted_in_utc(tmp_path: Path) -> None:
    text = f"{HEADER}\n2026-10-01T23:30:00-05:00,openai,m,1,1,,\n"
    (tmp_path / "log.csv").write_text(text)
    (row,) = read(tmp_path / "log.csv").frame.to_dict("records")
    assert (str(row["day"].date()), row["minute"]) == ("2026-10-02", 4 * 60 + 30)


def test_money_keeps_every_digit(tmp_path: Path) -> None:
    amounts = ["9199999.123456789012", "0.000000000001", "-0.1", "1e-7", "0.30000000000000004"]
    lines = [f"2026-10-01,openai,m,1,1,{amount}," for amount in amounts]
    (tmp_path / "log.csv").write_text("\n".join([HEADER, *lines]))
    assert list(read(tmp_path / "log.csv").frame["amount"]) == [
        9_199_999_123_456_789_012,
        1,
        -100_000_000_000,
        100_000,
        300_000_000_000,
    ]


def test_a_row_beyond_all_money_is_refused(tmp_path: Path) -> None:
    text = "date,provider,model,input_tokens,output_tokens\n"
    text += f"2026-10-01,openai,gpt-5-mini,1,{2**52}\n"
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match="a row costs more than"):
        price(read(tmp_path / "log.csv"), PriceBook.read())


def log(rows: int, seed: int = 0) -> str:
    """Return requests of our own layout, made from a seed."""
    random = np.random.default_rng(seed)
    models = np.array(["gpt-5-mini", "gpt-6-luna", "gpt-4.1-mini", "unheard-of"])
    size = random.integers(1, 400_000, rows)
    lines = zip(
        random.integers(1, 29, rows),
        random.integers(0, 24, rows),
        models[random.integers(4, size=rows)],
        size,
        (size * random.random(rows)).astype(int),
        random.integers(1, 4000, rows),
        strict=True,
    )
    text = [
        f"2026-10-{d:02d}T{h:02d}:00:0{k % 10}Z,openai,{m},p{k % 3},{i},{c},{o}"
        for k, (d, h, m, i, c, o) in enumerate(lines)
    ]
    header = "date,provider,model,project,input_tokens,cached_input_tokens,output_tokens"
    return "\n".join([header, *text]) + "\n"


def test_sums_of_a_long_log_cost_what_its_rows_cost(
    tmp_path: Path, book: PriceBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.csv").write_text(log(3_000))
    rows = price(read(tmp_path / "log.csv"), book)
    monkeypatch.setattr(reading, "KEPT", 100)
    sums = price(read(tmp_path / "log.csv", grain=grain_of(book)), book)
    assert len(sums.frame) < len(rows.frame) / 2
    for name in ("list_pico", *TOKENS):
        assert total(sums.frame[name]) == total(rows.frame[name])
    names = ["day", "model", "project"]
    by = [p.frame.groupby(names, observed=True)["list_pico"].sum() for p in (rows, sums)]
    assert by[0].equals(by[1])
    assert list(sums.unpriced["tokens"]) == list(rows.unpriced["tokens"])


def test_prices_by_the_hour_survive_the_sum(
    tmp_path: Path, layered: Callable[..., PriceBook], monkeypatch: pytest.MonkeyPatch
) -> None:
    book = layered(
        inference__owl=[
            "model,window,input_per_mtok,output_per_mtok",
            "night-1,,2,4",
            "night-1,00:00-06:00,1,2",
        ]
    )
    lines = [f"2026-10-01T{hour:02d}:10:00Z,owl,night-1,1000000,0" for hour in (3, 12, 5, 23)]
    header = "date,provider,model,input_tokens,output_tokens"
    (tmp_path / "log.csv").write_text("\n".join([header, *lines]))
    monkeypatch.setattr(reading, "KEPT", 0)
    sums = price(read(tmp_path / "log.csv", grain=grain_of(book)), book)
    assert total(sums.frame["list_pico"]) == 6 * 10**12


CELLS = st.one_of(
    st.sampled_from(["", "0", "5", "-1", "1e3", "NULL", "=1+1", "2026-10-01", "1759622400", "usd"]),
    st.text(max_size=8),
)
LAYOUT_HEADERS = sorted({layout.name: sorted(layout.columns) for layout in LAYOUTS}.items())


@settings(
    max_examples=max(1_000, settings().max_examples),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_the_cells_hold_the_readers_answer_or_refuse_in_one_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, book: PriceBook
) -> None:
    _, columns = data.draw(st.sampled_from(LAYOUT_HEADERS))
    likely = {
        name: st.sampled_from(["2026-10-01", "2026-10-02T03:04:05Z"])
        for name in columns
        if any(word in name.lower() for word in ("date", "start", "created", "period"))
    }
    rows = data.draw(
        st.lists(st.tuples(*(likely.get(name, CELLS) for name in columns)), min_size=1, max_size=4)
    )
    name = data.draw(st.sampled_from(["fuzz.csv", "fuzz.jsonl"]))
    compare = data.draw(st.integers(0, 9)) == 0
    path = tmp_path_factory.getbasetemp() / name
    if path.suffix == ".csv":
        quoted = [[*columns], *map(list, rows)]
        text = "\n".join(
            ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in quoted
        )
    else:
        text = "\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows)
    path.write_text(text, "utf-8", errors="replace")
    _answered(path, book, compare=compare)


@settings(
    max_examples=max(200, settings().max_examples),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_bytes_a_file_holds_the_readers_answer_or_refuse_in_one_line(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, book: PriceBook
) -> None:
    suffix = data.draw(st.sampled_from([".csv", ".json", ".jsonl", ".tsv", ".csv.gz", ".parquet"]))
    start = data.draw(
        st.sampled_from([b"", HEADER.encode() + b"\n", b"[{", b'{"data": [', b"PAR1"])
    )
    content = start + data.draw(st.binary(max_size=200))
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    path.write_bytes(content)
    _answered(path, book, compare=True)


def _answered(path: Path, book: PriceBook, *, compare: bool) -> None:
    said = ""
    try:
        priced = price(read(path), book)
    except CostModelError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
    if said or not compare:
        return
    found = matched(priced)
    groups = total(found.groups["billed_pico"]) + total(found.other["billed_pico"])
    assert total(priced.frame["billed_pico"]) == groups


def test_a_currency_without_a_rate_is_named_with_its_line(tmp_path: Path, book: PriceBook) -> None:
    text = f'{HEADER}\n{LINE}\n2026-10-01,openai,"two\nlines",1,1,1,EUR\n{LINE[:-3]}XYZ\n'
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(DataError, match=r"^log.csv line 5: XYZ has no exchange rate; add a row"):
        price(read(tmp_path / "log.csv"), book)


def test_days_that_differ_in_two_exports_are_named_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'{HEADER}\n2026-09-30,openai,"a\nb",1,1,1,\n{LINE}\n')
    (tmp_path / "b.csv").write_text(f"{HEADER}\n2026-10-02,openai,m,1,1,1,\n{LINE[:-3]}EUR\n{LINE}")
    page = {"data": [{"start_time": 1793491200, "amount": {"value": 1}}]}
    other = {"data": [{"start_time": 1793491200, "amount": {"value": 2}}]}
    (tmp_path / "a.json").write_text(json.dumps(page))
    (tmp_path / "b.json").write_text("\n" + json.dumps(other))
    changed = (tmp_path / "b.csv").read_text().replace("1000,10", "1001,10", 1)
    (tmp_path / "b.csv").write_text(changed.replace("EUR", "USD"))
    for suffix, said in ((".csv", "b.csv line 3 and a.csv line 4"), (".json", "b.json line 2, ")):
        with pytest.raises(DataError, match=f"^{said}.* about the same day and thing and differ"):
            read(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")


def test_sums_of_many_batches_stay_small(
    tmp_path: Path, book: PriceBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"2026-10-0{n % 9 + 1},openai,gpt-5-mini,{n},1,," for n in range(1, 2_000)]
    (tmp_path / "log.csv").write_text("\n".join([HEADER, *lines]))
    monkeypatch.setattr(reading, "KEPT", 50)
    monkeypatch.setattr(records, "LINES", 20)
    lengths: list[int] = []

    def counted(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
        found = joined(frames)
        lengths.append(len(found))
        return found

    monkeypatch.setattr(reading, "joined", counted)
    frame = read(tmp_path / "log.csv", grain=grain_of(book)).frame
    assert total(frame["input_tokens"]) == 1_999 * 1_000
    assert (len(frame), max(lengths) < 100) == (9, True)


def test_a_line_behind_a_long_text_is_named(tmp_path: Path) -> None:
    text = f'{HEADER},prompt\n{LINE},"{"word " * 50_000}\n"\n{LINE.replace("1000", "x")},\n'
    assert refused(tmp_path / "log.csv", text).startswith("log.csv line 4: input_tokens must be")
