"""What the benchmarks share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import costmodel as cm


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return a function that reports a measurement although pytest hides what tests print."""

    def report(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return report


@pytest.fixture(scope="session")
def book() -> cm.PriceBook:
    """Return the shipped prices."""
    return cm.PriceBook.read()
