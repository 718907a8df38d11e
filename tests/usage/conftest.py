"""Prices and files for tests of readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from costmodel import PriceBook
from tests.usage.rows import Write


@pytest.fixture(scope="session")
def book() -> PriceBook:
    """Return the shipped prices."""
    return PriceBook.read()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file: JSON of objects, or lines of text."""

    def one(name: str, content: Any) -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, "utf-8")
        return path

    return one
