"""Tables are changed whole or not at all, by one at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.errors import PriceError
from costmodel.prices import writing
from costmodel.prices.book import edited_folder
from costmodel.prices.writing import editing, read_raw, reading, table_of

STORM = Path(__file__).parent / "writing_storm.py"
INFERENCE = "inference/example.csv"


@pytest.fixture
def folder(example_dir: Path, tmp_path: Path) -> Path:
    """Return a copy of the invented tables, to be changed."""
    return Path(shutil.copytree(example_dir, tmp_path / "tables"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, hidden ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def check(folder: Path) -> None:
    cm.PriceBook.read(folder, shipped=False)


def test_an_appended_row_stands_in_its_place_and_leaves_the_others_alone(folder: Path) -> None:
    before = (folder / INFERENCE).read_text()
    with editing(folder) as tables:
        text = tables.read(INFERENCE)
        last = dict(text.rows[0]) | {"effective_from": "2031-01-01", "input_per_mtok": "5e-1"}
        tables.write({INFERENCE: text.appended([last])}, check)
    after = (folder / INFERENCE).read_text()
    new = set(after.splitlines()) - set(before.splitlines())
    assert set(before.splitlines()) <= set(after.splitlines())
    assert len(new) == 1
    assert ",0.5," in new.pop()  # written without an exponent


def test_a_replaced_cell_is_found_by_its_line(folder: Path) -> None:
    with editing(folder) as tables:
        text = tables.read("labour.csv")
        line = text.lines[0]
        tables.write({"labour.csv": text.replaced({line: {"per_hour": "99"}})}, check)
    assert read_raw(folder / "labour.csv", "labour.csv").rows[0]["per_hour"] == "99"
    with pytest.raises(PriceError, match="has no row at line 999"):
        text.replaced({999: {"per_hour": "99"}})


def test_a_column_that_the_header_lacks_is_added_before_the_dates() -> None:
    text = writing.RawTable("inference/x.csv", ("model", "input_per_mtok", "source", "verified_on"))
    wide = text.appended([{"model": "m", "output_per_mtok": "1", "effective_from": "2026-01-01"}])
    assert wide.header == (
        *("model", "input_per_mtok", "output_per_mtok"),
        *("effective_from", "source", "verified_on"),
    )


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-5", "@SUM(A1)", "\tx"])
def test_a_cell_that_a_spreadsheet_would_run_is_refused(folder: Path, cell: str) -> None:
    before = contents(folder)
    with editing(folder) as tables:
        text = tables.read("labour.csv")
        text = text.replaced({text.lines[0]: {"note": cell}})
        with pytest.raises(PriceError, match="run as a formula"):
            tables.write({"labour.csv": text})
    assert contents(folder) == before


def test_a_change_that_the_reader_refuses_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    with editing(folder) as tables:
        text = tables.read("labour.csv")
        bad = text.replaced({text.lines[0]: {"per_hour": "dear"}})
        with pytest.raises(PriceError, match=r"labour\.csv line 2: per_hour must be a number"):
            tables.write({INFERENCE: tables.read(INFERENCE), "labour.csv": bad}, check)
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", ".hidden/x.csv"])
def test_a_file_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    with editing(folder) as tables, pytest.raises(PriceError, match="inside the folder"):
        tables.write({name: "text"})


def test_a_new_file_and_a_notice_are_written_together(folder: Path) -> None:
    with editing(folder) as tables:
        table = writing.RawTable("imported/x.csv", ("a", "b"), ({"a": "1", "b": "x, y"},), (0,))
        tables.write({"imported/x.csv": table, "imported/NOTICE": "MIT\n"})
    assert (folder / "imported/x.csv").read_text() == 'a,b\n1,"x, y"\n'
    assert (folder / "imported/NOTICE").read_text() == "MIT\n"


def test_the_second_writer_is_refused_with_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PATIENCE_S", 0.05)
    with (
        editing(folder),
        pytest.raises(PriceError, match="another command is changing"),
        editing(folder),
    ):
        pass
    with reading(folder), reading(folder):  # readers do not wait for each other
        pass


def test_a_full_disk_changes_nothing(folder: Path) -> None:
    """A process that may write files of 1,000 bytes only meets the error of a full disk."""
    before = contents(folder)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from costmodel.prices.writing import editing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with editing(Path(sys.argv[1])) as tables:\n"
        "    tables.write({'a.txt': 'x', 'b.txt': 'y' * 2000})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert "cannot be written (File too large); nothing was changed" in run.stderr
    assert contents(folder) == before


def test_a_read_only_folder_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(folder)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with editing(folder) as tables, pytest.raises(PriceError, match="Read-only file system"):
        tables.write({"a.txt": "x"})
    assert contents(folder) == before


def test_what_was_killed_after_the_change_held_is_finished_by_the_next_reader(
    folder: Path,
) -> None:
    committed = folder / writing.COMMITTED
    committed.mkdir()
    rows = (folder / "labour.csv").read_text()
    (committed / "labour.csv").write_text(rows.replace("annotator", "annotater"))
    with reading(folder):
        assert "annotater" in (folder / "labour.csv").read_text() or "annotator" not in rows
        assert not committed.exists()


def test_what_was_killed_before_is_thrown_away(folder: Path) -> None:
    before = contents(folder)
    staged = folder / writing.STAGED
    staged.mkdir()
    (staged / "labour.csv").write_text("half a ta")
    with editing(folder) as tables:
        tables.write({})
    assert contents(folder) == before


def test_the_folder_to_change_is_never_that_of_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSTMODEL_PRICES", raising=False)
    with pytest.raises(PriceError, match="pricing init"):
        edited_folder()
    (tmp_path / "pricing").mkdir()
    assert edited_folder() == Path("pricing")
    monkeypatch.setenv("COSTMODEL_PRICES", str(tmp_path))
    assert edited_folder() == tmp_path
    installed = Path(cm.__file__).parent / "pricing"
    with pytest.raises(PriceError, match="installed package"):
        edited_folder(installed)


def test_every_file_of_tables_has_its_columns() -> None:
    assert table_of("inference/openai.csv") is table_of("inference/x.csv") is not None
    assert table_of("imported/openai.csv") is None


@pytest.mark.soak
def test_a_writer_that_is_killed_leaves_the_tables_whole_old_or_new(tmp_path: Path) -> None:
    """At every step of the disk and at random moments, and nothing of two writers is lost."""
    rounds = 200 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 10
    run = subprocess.run(
        [sys.executable, str(STORM), str(tmp_path), str(rounds)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    old, new, written, rows = map(int, run.stdout.split())
    assert old > 5  # steps before the change holds, and after
    assert new > 5
    assert written > 0
    assert rows == 2 * 20
