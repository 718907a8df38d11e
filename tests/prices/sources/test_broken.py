"""Files of sources that were damaged: one clear line, never a traceback."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import CostModelError
from costmodel.prices import sources

ON = date(2026, 11, 21)
EXAMPLES = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else 20
JUNK: list[Any] = [
    *(None, "", "x", 0, -1, 1e308, 10**30, True, [], {}, [1], [[]], {"a": 1}, "2026-13-45"),
    *("=1+1", "\x00", "é" * 50, "1e999", "nan", [None], {"": {}}),
]


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything inside a JSON value."""
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    return [at, *(place for key, each in inner for place in _places(each, (*at, key)))]


def _with(value: Any, at: tuple[Any, ...], junk: Any) -> Any:
    """Return a JSON value in which one place holds something else."""
    if not at:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = _with(value[at[0]], at[1:], junk)
    return copy


def _read(name: str, file: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", errors="surrogatepass")
        try:
            frame = sources.read(name, str(path), ON).frame
        except CostModelError as error:
            said = str(error)
            assert "\n" not in said
        else:
            assert not frame.empty


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", sorted(sources.SOURCES))
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_junk_anywhere_in_a_file_is_read_or_refused_in_one_line(
    layouts: dict[str, tuple[str, str]], name: str, data: st.DataObject
) -> None:
    file, text = layouts[name]
    if file.endswith(".json"):
        value = json.loads(text)
        place = data.draw(st.sampled_from(_places(value)))
        _read(name, file, json.dumps(_with(value, place, data.draw(st.sampled_from(JUNK)))))
    else:
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 20))
        _read(name, file, text[:at] + str(data.draw(st.sampled_from(JUNK))) + text[at + length :])


@pytest.mark.hypothesis
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_junk_in_the_module_of_genai_prices(
    layouts: dict[str, tuple[str, str]], data: st.DataObject
) -> None:
    file, text = layouts["module"]
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 20))
    _read(
        "genai-prices",
        file,
        text[:at] + str(data.draw(st.sampled_from(JUNK))) + text[at + length :],
    )
