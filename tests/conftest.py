"""Hypothesis profiles, HYPOTHESIS_PROFILE=soak searches longer; and the invented price tables."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from costmodel import PriceBook
from costmodel.cli import main

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
