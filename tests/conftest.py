"""Hypothesis profiles, HYPOTHESIS_PROFILE=soak searches longer; and the invented price tables."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from costmodel import PriceBook

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
