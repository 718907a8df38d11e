"""What a price table may not say: every refusal names file, line and value."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.prices.meters import METERS, RETRIEVAL_UNITS, TOKEN_COLUMNS, TRAINING_UNITS
from costmodel.prices.tables import TABLES, read_file

INFERENCE = "inference/example.csv"
FILES = [
    INFERENCE,
    *(
        table.path
        for table in TABLES.values()
        if "*" not in table.path and table.sourced and not table.on_demand
    ),
]


@pytest.fixture
def folder(example_dir: Path, tmp_path: Path) -> Path:
    """Return a copy of the invented tables, to be spoilt."""
    return Path(shutil.copytree(example_dir, tmp_path / "tables"))


def cells_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def line_of(path: Path, **wanted: str) -> int:
    """Return the first line of a table with these cells."""
    header, *rows = cells_of(path)
    for number, row in enumerate(rows, 2):
        named = dict(zip(header, row, strict=True))
        if all(named[column] == cell for column, cell in wanted.items()):
            return number
    raise LookupError(wanted)


def edit(path: Path, line: int, **cells: str) -> None:
    rows = cells_of(path)
    for column, cell in cells.items():
        rows[line - 1][rows[0].index(column)] = cell
    write(path, rows)


def add(path: Path, like: int, **cells: str) -> int:
    """Append a copy of a line with other cells; return its line."""
    rows = cells_of(path)
    write(path, [*rows, list(rows[like - 1])])
    edit(path, len(rows) + 1, **cells)
    return len(rows) + 1


def refusal(folder: Path) -> str:
    """Return the one line with which the tables are refused."""
    with pytest.raises(cm.PriceError) as caught:
        cm.PriceBook.read(folder, shipped=False)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_invented_tables_are_fine(folder: Path) -> None:
    assert cm.PriceBook.read(folder, shipped=False).rows


# cells


@pytest.mark.parametrize(
    ("file", "column", "cell"),
    [
        (INFERENCE, "input_per_mtok", "$2"),
        (INFERENCE, "input_per_mtok", "-0.5"),
        (INFERENCE, "output_per_mtok", "nan"),
        (INFERENCE, "output_per_mtok", "inf"),
        (INFERENCE, "output_per_mtok", "1_000"),
        (INFERENCE, "output_per_mtok", "1,5"),
        (INFERENCE, "over_input_tokens", "200k"),
        (INFERENCE, "mode", "standart"),
        (INFERENCE, "effective_from", "2026-13-01"),
        (INFERENCE, "effective_from", "1.12.2026"),
        (INFERENCE, "effective_from", "20261201"),
        (INFERENCE, "verified_on", "yesterday"),
        (INFERENCE, "source_kind", "hearsay"),
        ("finetuning.csv", "price", "free"),
        ("finetuning.csv", "objective", "sfd"),
        ("finetuning.csv", "method", "lorra"),
        ("finetuning.csv", "unit", "ktok"),
        ("finetuning.csv", "billed_validation", "maybe"),
        ("finetuning.csv", "open_to", "nobody"),
        ("finetuning.csv", "until_kind", "perhaps"),
        ("finetuning.csv", "training_until", "soon"),
        ("finetuning.csv", "storage_unit", "gb"),
        ("provisioned.csv", "price_per_unit_hour", "-1"),
        ("provisioned.csv", "commitment_months", "half a year"),
        ("retrieval.csv", "component", "embeding"),
        ("retrieval.csv", "unit", "gb_year"),
        ("retrieval.csv", "allowance", "-1"),
        ("gpu_rental.csv", "market", "on-demand"),
        ("gpu_rental.csv", "gpu_count", "two"),
        ("labour.csv", "per_hour", "-30"),
        ("fx.csv", "usd_per_unit", "1.1 US$"),
        ("tokenizers.csv", "ratio", "about 1.5"),
        ("models.csv", "retires_kind", "rumoured"),
        ("models.csv", "retires", "2027"),
        ("models.csv", "context_window", "1M"),
        ("gpus.csv", "memory_gb", "80GB"),
    ],
)
def test_a_cell_that_is_no_such_thing_is_refused(
    folder: Path, file: str, column: str, cell: str
) -> None:
    edit(folder / file, 2, **{column: cell})
    message = refusal(folder)
    assert message.startswith(f"{file} line 2: ")
    assert column in message
    assert repr(cell) in message


@pytest.mark.parametrize("column", ["source", "verified_on"])
@pytest.mark.parametrize("file", FILES)
def test_a_row_without_source_or_date_is_refused(folder: Path, file: str, column: str) -> None:
    if file == "overrides.csv":
        own = "provider,multiplier,source,verified_on\nexample,0.9,https://example.com,2026-11-01\n"
        (folder / file).write_text(own)
    edit(folder / file, 2, **{column: ""})
    message = refusal(folder)
    assert message.startswith(f"{file} line 2: {column} is missing")


@pytest.mark.parametrize(
    ("file", "column"),
    [
        (INFERENCE, "model"),
        ("finetuning.csv", "price"),
        ("finetuning.csv", "unit"),
        ("provisioned.csv", "price_per_unit_hour"),
        ("retrieval.csv", "price"),
        ("gpu_rental.csv", "price_per_hour"),
        ("labour.csv", "per_hour"),
    ],
)
def test_a_blank_is_not_zero(folder: Path, file: str, column: str) -> None:
    edit(folder / file, 2, **{column: ""})
    assert refusal(folder).startswith(f"{file} line 2: {column} is missing")


def test_a_row_with_no_price_at_all_is_refused(folder: Path) -> None:
    edit(folder / INFERENCE, 2, input_per_mtok="", output_per_mtok="")
    message = refusal(folder)
    assert message.startswith(f"{INFERENCE} line 2: give at least one of ")
    assert "input_per_mtok" in message


# columns and files


def test_a_misspelt_column_is_refused_with_the_right_one(folder: Path) -> None:
    edit(folder / INFERENCE, 1, input_per_mtok="input_per_mtk")
    message = refusal(folder)
    assert message.startswith(f"{INFERENCE} line 1: unknown column 'input_per_mtk'")
    assert "'input_per_mtok'" in message


@pytest.mark.parametrize("column", ["source", "verified_on", "per_hour"])
def test_a_column_that_must_be_there_is_missed(folder: Path, column: str) -> None:
    path = folder / "labour.csv"
    rows = cells_of(path)
    place = rows[0].index(column)
    write(path, [[*row[:place], *row[place + 1 :]] for row in rows])
    assert refusal(folder).startswith(f"labour.csv line 1: needs '{column}'")


def test_a_column_that_stands_twice_is_refused(folder: Path) -> None:
    edit(folder / "labour.csv", 1, note="source")
    assert refusal(folder).startswith("labour.csv line 1: column 'source' stands twice")


def test_a_row_of_the_wrong_length_is_refused(folder: Path) -> None:
    path = folder / "labour.csv"
    rows = cells_of(path)
    rows[2].append("one more, after a comma")
    write(path, rows)
    message = refusal(folder)
    assert message.startswith("labour.csv line 3: has 12 cells, the header has 11")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: the file is empty"),
        (b"\n\n", "line 1: the file is empty"),
        (b"\xff\xfe\x00role", "is not a UTF-8 text file"),
        (b"PK\x03\x04\x00\x00", "is a binary file"),
        (b'role,per_hour,source,verified_on\n"annotator,3', "line 2: is not valid CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused(folder: Path, content: bytes, said: str) -> None:
    (folder / "labour.csv").write_bytes(content)
    message = refusal(folder)
    assert message.startswith("labour.csv")
    assert said in message


def test_a_file_of_another_name_is_refused(folder: Path) -> None:
    (folder / "labor.csv").write_text("role\n")
    message = refusal(folder)
    assert message.startswith("labor.csv: no such table")
    assert "'labour.csv'" in message


def test_a_folder_that_is_not_there_is_refused(folder: Path) -> None:
    assert "no folder of price tables" in refusal(folder / "nowhere")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Path) -> None:
    path = folder / "labour.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert cm.PriceBook.read(folder, shipped=False).rows


def test_a_provider_column_must_agree_with_the_name_of_the_file(folder: Path) -> None:
    path = folder / INFERENCE
    rows = cells_of(path)
    write(path, [["provider", *rows[0]], *(["other", *row] for row in rows[1:])])
    message = refusal(folder)
    assert message.startswith(f"{INFERENCE} line 2: ")
    assert "'other'" in message


# rows beside each other


@pytest.mark.parametrize("file", [file for file in FILES if file != "overrides.csv"])
def test_the_same_key_twice_is_refused(folder: Path, file: str) -> None:
    line = add(folder / file, like=2)
    message = refusal(folder)
    assert message.startswith(f"{file} line {line}: duplicate key ")
    assert "line 2" in message


def test_a_row_that_ends_after_the_next_begins_is_refused(folder: Path) -> None:
    path = folder / INFERENCE
    first = line_of(path, model="changing-1", effective_from="")
    edit(path, first, effective_to="2027-04-01")
    message = refusal(folder)
    # the next row starts on 2027-03-21
    assert message.startswith(f"{INFERENCE} line {first + 1}: ")
    assert "2027-03-21" in message
    assert "2027-04-01" in message


def test_a_row_that_ends_before_it_begins_is_refused(folder: Path) -> None:
    edit(folder / INFERENCE, 2, effective_from="2027-01-01", effective_to="2027-01-01")
    message = refusal(folder)
    assert message.startswith(f"{INFERENCE} line 2: effective_to 2027-01-01 is not after")


def test_windows_that_share_an_hour_are_refused(folder: Path) -> None:
    path = folder / INFERENCE
    night = line_of(path, window="mon-fri 01:00-04:00 06:00-10:00")
    line = add(path, like=night, window="fri-sat 03:30-05:00")
    message = refusal(folder)
    assert message.startswith(f"{INFERENCE} line {line}: window 'fri-sat 03:30-05:00' overlaps")
    assert f"line {night}" in message


def test_windows_beside_each_other_are_fine(folder: Path) -> None:
    path = folder / INFERENCE
    night = line_of(path, window="mon-fri 01:00-04:00 06:00-10:00")
    add(path, like=night, window="mon-fri 04:00-06:00")
    add(path, like=night, window="sat-sun 01:00-04:00")
    assert cm.PriceBook.read(folder, shipped=False).rows


@pytest.mark.parametrize(
    "window", ["at night", "25:00-26:00", "mon-fri", "01:15-02:00", "mo-fr 01:00-02:00"]
)
def test_a_window_that_cannot_be_read_is_refused(folder: Path, window: str) -> None:
    path = folder / INFERENCE
    night = line_of(path, window="mon-fri 01:00-04:00 06:00-10:00")
    edit(path, night, window=window)
    message = refusal(folder)
    assert message.startswith(f"{INFERENCE} line {night}: ")
    assert repr(window) in message


# names


@pytest.mark.parametrize(
    ("file", "cells", "nearest"),
    [
        ("models.csv", {"provider": "exampel"}, "'example'"),
        ("models.csv", {"encoding": "o200k"}, "'o200k_base'"),
        ("provisioned.csv", {"provider": "exampel"}, "'example'"),
        ("gpu_rental.csv", {"gpu": "G81"}, "'G80'"),
        ("finetuning.csv", {"serves_as": "base-11"}, "'base-1'"),
        (INFERENCE, {"currency": "EURO"}, "'EUR'"),
    ],
)
def test_a_name_that_no_table_knows_is_refused_with_the_nearest(
    folder: Path, file: str, cells: Mapping[str, str], nearest: str
) -> None:
    edit(folder / file, 2, **cells)
    message = refusal(folder)
    (name,) = cells.values()
    assert message.startswith(f"{file} line 2: ")
    assert repr(name) in message
    assert nearest in message


def test_a_retirement_needs_date_and_kind(folder: Path) -> None:
    edit(folder / "models.csv", 2, retires_kind="")
    assert refusal(folder).startswith("models.csv line 2: retires and retires_kind go together")


def test_a_model_retires_after_its_release(folder: Path) -> None:
    edit(folder / "models.csv", 2, released="2027-01-14")
    message = refusal(folder)
    assert message.startswith("models.csv line 2: retires 2027-01-14 is not after released")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("example,mini-1,,,input_mtokk,0.9,", "unknown meter 'input_mtokk'; did you mean"),
        ("exampel,,,,,0.9,", "no price row for 'exampel'; did you mean 'example'?"),
        ("example,mini-1,flex,,,0.9,", "no price row for 'example/mini-1/flex'"),
        ("example,mini-1,,,,,0.3", "a price needs the meter"),
        ("example,mini-1,,,input_mtok,0.9,0.3", "not both"),
        ("example,mini-1,,,input_mtok,,", "at least one of multiplier, price"),
        ("example,mini-1,,,input_mtok,-0.1,", "'-0.1'"),
    ],
)
def test_an_override_must_hit_something(folder: Path, row: str, said: str) -> None:
    header = "provider,model,mode,region,meter,multiplier,price,source,verified_on"
    text = f"{header}\n{row},https://example.com/contract,2026-11-01\n"
    (folder / "overrides.csv").write_text(text)
    message = refusal(folder)
    assert message.startswith("overrides.csv line 2: ")
    assert said in message


# vocabularies


def test_every_word_for_a_unit_stands_for_a_meter() -> None:
    for words in (TOKEN_COLUMNS, TRAINING_UNITS, RETRIEVAL_UNITS):
        assert set(words.values()) <= set(METERS)


def test_blank_cells_mean_what_the_readme_says(folder: Path) -> None:
    rows = read_file(TABLES["inference"], folder / INFERENCE, INFERENCE)
    mini = next(row for row in rows if row["model"] == "mini-1" and row["mode"] == "standard")
    assert mini["over_input_tokens"] == 0.0
    assert mini["region"] == mini["window"] == ""
    assert mini["effective_from"] is None
    assert mini["cache_write_per_mtok"] != mini["cache_write_per_mtok"]  # not published: nan
    assert (mini["file"], mini["line"]) == (INFERENCE, line_of(folder / INFERENCE, region="eu") - 1)


# whatever stands in a file, it is read or refused in a line

cell = st.one_of(
    st.sampled_from(["", "1", "0", "-1", "nan", "mini-1", "standard", "batch", "2027-01-01"]),
    st.text(max_size=8),
)


def read_or_refused(path: Path) -> None:
    message = ""
    try:
        read_file(TABLES["inference"], path, "inference/any.csv")
    except cm.PriceError as error:
        message = str(error)
    assert not message or message.startswith("inference/any.csv")
    assert "\n" not in message


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cell, min_size=4, max_size=6), max_size=4))
def test_any_cells_are_read_or_refused(tmp_path: Path, rows: list[list[str]]) -> None:
    header = ["model", "mode", "input_per_mtok", "effective_from", "source", "verified_on"]
    path = tmp_path / "any.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    read_or_refused(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
@example(b'model,source,verified_on\n"')
@example(b"model,source,verified_on\r\rmini-1,https://example.com,2026-11-01")
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    read_or_refused(path)
