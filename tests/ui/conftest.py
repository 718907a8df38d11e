"""An app on a small scenario with invented prices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

from costmodel import PriceBook
from costmodel.ui import which_approach
from costmodel.ui.scenario_app import ScenarioApp

TWO_OPTIONS = """\
version = 1
name = "Two options"
start = 2026-12-01
months = 12

[workload]
requests = 50_000   # a month
[workload.parts]
system = 500
question = 100
answer = 200

[upkeep]
requirement_changes_per_year = 2

[approach.docs]
kind = "rag"
context_tokens = 1_000
corpus_tokens = 100_000

[[option]]
name = "Prompting"
model = "gpt-6-luna"
host = {kind = "per_token", provider = "openai"}
success_rate = 0.8

[[option]]
name = "RAG"
model = "gpt-6-luna"
host = {kind = "per_token", provider = "openai"}
approaches = ["docs"]
success_rate = 0.9
"""


@pytest.fixture
def scenario_file(tmp_path: Path) -> Path:
    """Return a scenario of two options."""
    path = tmp_path / "two.toml"
    path.write_text(TWO_OPTIONS, "utf-8")
    return path


@pytest.fixture
def app(scenario_file: Path) -> Iterator[ScenarioApp]:
    """Return an app on it."""
    made = which_approach(scenario_file, book=PriceBook.read())
    yield made
    made.cancel()
