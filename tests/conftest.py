"""Hypothesis profiles, HYPOTHESIS_PROFILE=soak searches longer; and the invented price tables."""

import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from costmodel import PriceBook
from costmodel.cli import main
from costmodel.prices.tables import TABLES

settings.register_profile("ci", derandomize=True, max_examples=200, deadline=None)
settings.register_profile("soak", max_examples=100_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

EXAMPLE = Path(__file__).parent / "data" / "example"


@pytest.fixture(scope="session")
def example_dir() -> Path:
    """Return the folder of invented price tables, whose numbers never move."""
    return EXAMPLE


@pytest.fixture(scope="session")
def example_book(example_dir: Path) -> PriceBook:
    """Return the invented prices alone."""
    return PriceBook.read(example_dir, shipped=False)


@pytest.fixture
def tables(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a folder of tables: name = header and lines.

    Source, its kind and the day are filled in."""
    number = count()
    tail = {
        "source": "https://example.com/prices",
        "source_kind": "provider_page",
        "verified_on": "2026-11-01",
    }

    def write(**named: Sequence[str]) -> Path:
        folder = tmp_path / f"layer{next(number)}"
        for name, (header, *lines) in named.items():
            columns = TABLES[name.partition("__")[0]].columns
            ends = {column: word for column, word in tail.items() if column in columns}
            text = [",".join([header, *ends]), *(",".join([x, *ends.values()]) for x in lines)]
            path = folder / f"{name.replace('__', '/')}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(text) + "\n", "utf-8")
        return folder

    return write


@pytest.fixture
def layered(example_dir: Path, tables: Callable[..., Path]) -> Callable[..., PriceBook]:
    """Return a function that lays tables, header and lines of each, over the invented ones."""

    def lay(**named: Sequence[str]) -> PriceBook:
        return PriceBook.read(example_dir, tables(**named), shipped=False)

    return lay


@pytest.fixture
def command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command as a shell would: exit status, output, errors."""
    monkeypatch.delenv("COSTMODEL_PRICES", raising=False)

    def run(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run
