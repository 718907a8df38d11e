"""Whatever a file holds, it is counted, listed or refused in one line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.analysis.datasets import Dataset, summary
from costmodel.costs import TokenRule
from costmodel.errors import DataError
from costmodel.tokens.corpus import Job, tally_part
from costmodel.tokens.formats import SHAPES
from costmodel.tokens.reading import sniff

KEYS = sorted(
    {key for shape in SHAPES.values() for key in shape.keys}
    | {"role", "content", "from", "value", "tools", "tool_calls", "name", "system", "weight"}
    | {"type", "parts", "score", "completion", "function", "arguments", "systemInstruction"}
)
values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-5, 5) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
records = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)
chats = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(
                        ["system", "user", "assistant", "tool", "x", "text", "name"]
                    )
                },
                optional={"content": values, "tool_calls": values, "name": values},
            ),
            max_size=4,
        )
    }
)
lines = (
    st.binary(max_size=60)
    | st.builds(lambda value: json.dumps(value).encode(), values | records | chats)
    | st.builds(lambda value, n: json.dumps(value).encode()[:n], chats, st.integers(0, 80))
)


def cases(number: int) -> settings:
    """Return settings for at least so many cases, and as many as a longer profile asks for."""
    return settings(max_examples=max(number, settings().max_examples))


def check(name: str, content: bytes) -> None:
    """Count a file; the parts add up, and what is refused is refused in one line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        said = ""
        try:
            source = sniff(str(path))
            tally = tally_part(source, Job(limit=5))
        except DataError as error:
            said = str(error)
    assert len(said.splitlines()) <= 1
    if said:
        return
    assert sum(tally.by_role().values()) == tally.tokens
    assert sum(tally.lengths.values()) == tally.records == sum(tally.shapes.values())
    report: dict[str, Any] = summary(Dataset(name, source.shape, tally, TokenRule("x", "x")))
    json.dumps(report, allow_nan=False)


@cases(500)
@given(content=st.lists(lines, max_size=8).map(b"\n".join))
def test_json_lines_of_any_content(content: bytes) -> None:
    check("a.jsonl", content)


@cases(200)
@given(content=st.lists(values | records | chats, max_size=5), cut=st.integers(0, 400))
def test_arrays_of_any_content(content: list[Any], cut: int) -> None:
    whole = json.dumps(content, indent=cut % 3 or None).encode()
    check("a.json", whole[: len(whole) - cut % 7])


@cases(150)
@given(content=st.text(max_size=200) | st.sampled_from(["prompt,completion\n", "text\n"]))
def test_tables_of_any_content(content: str) -> None:
    check("a.csv", content.encode("utf-8", "surrogatepass"))


@cases(150)
@given(
    name=st.sampled_from(["a.gz", "a.jsonl.zst", "a.parquet", "a.txt", "a"]), content=st.binary()
)
def test_files_of_any_kind(name: str, content: bytes) -> None:
    check(name, content)
