"""Notebooks are thin: they call, show and explain, and are stored without what they showed."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
THICK = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef),
    *(ast.For, ast.AsyncFor, ast.While, ast.comprehension),
)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return a notebook as it is stored."""
    stored: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return stored


def code_of(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_nothing_that_was_shown_or_run_is_stored(notebook: dict[str, Any]) -> None:
    assert code_of(notebook)
    assert [cell["outputs"] for cell in code_of(notebook) if cell["outputs"]] == []
    assert {cell["execution_count"] for cell in code_of(notebook)} == {None}
    assert "widgets" not in notebook["metadata"]
    assert [cell["attachments"] for cell in notebook["cells"] if "attachments" in cell] == []


def test_it_begins_with_a_title(notebook: dict[str, Any]) -> None:
    first = notebook["cells"][0]
    assert first["cell_type"] == "markdown"
    assert first["source"][0].startswith("# ")


def test_it_shows_an_answer_and_no_code(notebook: dict[str, Any]) -> None:
    # JupyterLab shows the first line of a cell whose source is hidden
    cells = code_of(notebook)
    if "scripts" in notebook["cells"][0]["source"][0]:  # where the code is the answer
        assert not any(hidden(cell) for cell in cells)
    else:
        (cell,) = cells
        assert hidden(cell)
        assert cell["source"][0].startswith("# Run this cell (Shift+Enter)")


def hidden(cell: dict[str, Any]) -> bool:
    return bool(cell["metadata"].get("jupyter", {}).get("source_hidden"))


def test_it_has_no_functions_and_no_loops(notebook: dict[str, Any]) -> None:
    nodes = [n for cell in code_of(notebook) for n in ast.walk(ast.parse("".join(cell["source"])))]
    assert [type(node).__name__ for node in nodes if isinstance(node, THICK)] == []
