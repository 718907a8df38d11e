"""Tables come back from spreadsheets as they were; what could mean two things is not guessed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import PriceError
from costmodel.prices.book import shipped_dir
from costmodel.prices.formatting import canonical, formatted
from costmodel.prices.rows import table_files

Run = Callable[..., tuple[int, str, str]]
SAVED = Path(__file__).parents[1] / "data/spreadsheets"
ORIGINAL = SAVED / "original.csv"
NAME = "inference/example.csv"

SAVED_AS = ("semicolons", "tabs", "quoted")
HEAD = "model,input_per_mtok,output_per_mtok,effective_from,source,verified_on,note"


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "example.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return canonical(path, NAME).text()


def a_row(
    tmp_path: Path, *, number: str = "1", start: str = "2026-12-01", more: str = ""
) -> dict[str, str]:
    quoted = f'"{number}"' if "," in number else number
    text = f"{HEAD}\nm,{quoted},2,{start},https://example.com,2026-11-20,\n{more}"
    header, row, *_ = written(tmp_path, text).splitlines()
    return dict(zip(header.split(","), row.split(","), strict=True))


@pytest.mark.parametrize("name", ["original", *(f"libreoffice_{n}" for n in SAVED_AS)])
def test_what_a_spreadsheet_saved_is_written_as_it_was(name: str) -> None:
    assert canonical(SAVED / f"{name}.csv", NAME).text() == ORIGINAL.read_text("utf-8")


def test_a_spreadsheet_that_mixes_points_and_commas_leaves_it_open_what_is_meant() -> None:
    """Told to read English tables in German, it took some points for the decimal mark."""
    with pytest.raises(PriceError, match="line 5: input_per_mtok '1,125' could be"):
        canonical(SAVED / "libreoffice_decimal_commas.csv", NAME)


def test_a_table_with_decimal_commas_throughout_is_read(tmp_path: Path) -> None:
    rows = "m;1.500,25;0,55;;https://example.com;2026-11-20;a, b\nn;1,125;2.000;;x;2026-11-20;"
    text = written(tmp_path, HEAD.replace(",", ";") + "\n" + rows)
    assert [line.split(",")[1:3] for line in text.splitlines()[1:]] == [
        ["1500.25", "0.55"],
        ["1.125", "2000"],
    ]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="the saved files above stand for it")
def test_shipped_tables_survive_a_spreadsheet(tmp_path: Path) -> None:
    names = ("inference/openai.csv", "models.csv", "gpu_rental.csv", "finetuning.csv")
    office = ("soffice", f"-env:UserInstallation=file://{tmp_path}/user", "--headless")
    cells = "Text - txt - csv (StarCalc)"
    read = f"--infilter={cells}:44,34,76,1,,1033,false,true"
    write = f"csv:{cells}:59,34,76,1,,1033,false,true"
    paths = [str(shipped_dir() / name) for name in names]
    books = [str(tmp_path / "books" / f"{Path(path).stem}.xlsx") for path in paths]
    for words in (
        (read, "--convert-to", "xlsx", "--outdir", str(tmp_path / "books"), *paths),
        ("--convert-to", write, "--outdir", str(tmp_path / "saved"), *books),
    ):
        subprocess.run([*office, *words], check=True, capture_output=True, timeout=120)
    for name, path in zip(names, paths, strict=True):
        saved = tmp_path / "saved" / Path(name).name
        assert canonical(saved, name).text() == Path(path).read_text("utf-8")


def test_the_shipped_tables_are_as_they_should_be_written() -> None:
    assert list(formatted(shipped_dir())) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", ",,\n").encode(),
        lambda text: (text + "\n\n,,,,,,,,,,,,,,\n").encode(),
        lambda text: text.replace(",0.55,", ", 0.550 ,").encode(),
        lambda text: text.replace("0.000125", "1.25e-4").encode(),
        lambda text: text.replace("128000", '"128,000"').encode(),
        lambda text: text.replace("128000", "128\u00a0000").encode(),
        lambda text: text.replace("2027-01-01,2027-03-31", "1/1/2027,3/31/2027").encode(),
        lambda text: text.replace("2027-01-01,2027-03-31", "1.1.2027,31.3.2027").encode(),
        lambda text: text.replace("2027-01-01,2027-03-31", "01-Jan-27,31-Mar-2027").encode(),
        lambda text: text.replace("2027-01-01", "2027-01-01 00:00:00").encode(),
        lambda text: text.replace("2027-01-01", "2027/1/1").encode(),
        lambda text: "\n".join([text.splitlines()[0], *text.splitlines()[:0:-1], ""]).encode(),
        lambda text: text.replace('""the cut""', '""the cut""').rstrip("\n").encode(),
    ],
)
def test_what_an_editor_does_is_undone(tmp_path: Path, spoil: Callable[[str], bytes]) -> None:
    assert written(tmp_path, spoil(ORIGINAL.read_text())) == ORIGINAL.read_text()


@pytest.mark.parametrize(
    ("number", "plain"),
    [
        *(("1,500", "1500"), ("1,500.25", "1500.25"), ("12 345 678", "12345678")),
        *(("0.125", "0.125"), ("1.500", "1.5"), ("1e3", "1000"), ("0.50", "0.5")),
    ],
)
def test_numbers_lose_their_separators_and_idle_zeros(
    tmp_path: Path, number: str, plain: str
) -> None:
    assert a_row(tmp_path, number=number)["input_per_mtok"] == plain


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("11/12/2026", "could be 2026-11-12 or 2026-12-11"),
        ("11/12/26", "could be 2026-11-12 or 2026-12-11"),
        ("31/2/2026", "must be a date like 2026-12-01"),
        ("Christmas", "must be a date like 2026-12-01, got 'Christmas'"),
        ("45987", "must be a date like 2026-12-01, got '45987'"),
    ],
)
def test_a_date_that_could_be_two_days_is_refused(tmp_path: Path, start: str, words: str) -> None:
    with pytest.raises(PriceError, match=r"example\.csv line 2: effective_from") as refused:
        a_row(tmp_path, start=start)
    assert words in str(refused.value)


def test_another_date_of_the_file_proves_the_order_of_day_and_month(tmp_path: Path) -> None:
    american = "n,1,2,11/20/2026,https://example.com,2026-11-20,\n"
    assert a_row(tmp_path, start="11/12/2026", more=american)["effective_from"] == "2026-11-12"
    british = "n,1,2,20/11/2026,https://example.com,2026-11-20,\n"
    assert a_row(tmp_path, start="11/12/2026", more=british)["effective_from"] == "2026-12-11"
    with pytest.raises(PriceError, match="could be"):
        a_row(tmp_path, start="11/12/2026", more=american + british.replace("n,", "o,"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEAD}\nm,1E+09,2,,https://example.com,2026-11-20,\n", "was shortened by a spreadsheet"),
        (f"{HEAD}\nm,#REF!,2,,https://example.com,2026-11-20,\n", "is an error of a spreadsheet"),
        (f"{HEAD}\nm,1,2,,https://example.com,2026-11-20,a,b\n", "has 8 cells, the header has 7"),
        (f"{HEAD}\nm,1,2\n", "has 3 cells, the header has 7"),
        (f"{HEAD},modle\n", "did you mean 'mode' or 'model'"),
        (f"{HEAD},note\n", "column 'note' stands twice"),
        ("", "the file is empty"),
        (
            HEAD.replace(",", ";") + "\nm;1.500;2;;https://example.com;2026-11-20;\n",
            "could be a decimal fraction or thousands",
        ),
        (f'{HEAD}\nm,1,2,,https://example.com,2026-11-20,"open\n', "is not valid CSV"),
        (f"{HEAD}\nm,1,2,,https://example.com,2026-11-20,=1+1\n", "would run as a formula"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_line(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(PriceError) as refused:
        written(tmp_path, text)
    assert words in str(refused.value)
    assert NAME in str(refused.value)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c-1", "gpt-6"]),
            st.decimals(0, 10_000, places=6).map(str),
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        ),
        max_size=5,
    )
)
def test_formatting_twice_is_formatting_once(rows: list[tuple[str, str, str]]) -> None:
    import csv
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(HEAD.split(","))
            out.writerows(
                [m, n, n, "", "https://example.com", "2026-11-20", note] for m, n, note in rows
            )
        try:
            once = written(Path(folder), path.read_bytes())
        except PriceError:
            return
        assert written(Path(folder), once) == once


def test_fmt_writes_only_what_differs_and_nothing_when_it_is_wrong(
    tmp_path: Path, example_dir: Path, command_line: Run
) -> None:
    folder = Path(shutil.copytree(example_dir, tmp_path / "mine"))
    assert command_line("pricing", "fmt", "--help")[0] == 0
    status, _, err = command_line("pricing", "fmt", "nowhere")
    assert (status, err.count("\n")) == (2, 1)
    command_line("pricing", "fmt", folder)
    before = {path: path.read_bytes() for path in table_files(folder)}
    labour = folder / "labour.csv"
    labour.write_bytes(b"\xef\xbb\xbf" + labour.read_bytes().replace(b"\n", b"\r\n"))
    assert command_line("pricing", "fmt", folder, "--check")[0] == 2
    status, out, _ = command_line("pricing", "fmt", folder)
    assert (status, out.splitlines()[0]) == (0, "labour.csv")
    assert {path: path.read_bytes() for path in table_files(folder)} == before
    labour.write_bytes(labour.read_bytes().replace(b"USD", b"XXX") + b"\n\n")
    spoilt = labour.read_bytes()
    status, _, err = command_line("pricing", "fmt", folder)
    assert status == 2
    assert "labour.csv line 2: currency 'XXX' has no row in fx.csv" in err
    assert labour.read_bytes() == spoilt
