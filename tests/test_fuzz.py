"""Whatever the files hold, the readers answer or refuse in one line: `make soak` searches longer.

The suite runs 1,000 cases; the profile `soak` of conftest.py raises each number to its own.
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date, datetime, time
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.prices import lints
from costmodel.prices.book import shipped_dir
from costmodel.prices.columns import columns_of
from costmodel.prices.formatting import canonical
from costmodel.prices.rows import Key
from costmodel.prices.tables import TABLES, read_file

EXAMPLE = Path(__file__).parent / "data" / "example"
SHIPPED = sorted(path.relative_to(shipped_dir()) for path in shipped_dir().rglob("*.csv"))
OWN = sorted(path.relative_to(EXAMPLE) for path in EXAMPLE.rglob("*.csv"))


def cases(number: int) -> Callable[[Any], Any]:
    """Return settings for at least so many cases, and as many as a longer profile asks for."""
    profile = settings().max_examples
    return settings(
        max_examples=max(number, profile),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def refused(call: Callable[[], Any]) -> Any:
    """Return what a call gives, None if it refuses; anything but one clear line fails."""
    try:
        return call()
    except CostModelError as error:
        text = str(error)
        assert text.strip()
        assert len(text.splitlines()) == 1, text
        assert "Traceback" not in text
        return None


# price tables

CELLS = st.one_of(
    st.sampled_from(
        [
            *("", "0", "1", "-1", "-0", "nan", "inf", "-inf", "1e999", "1e308", "1e-320", "1_0"),
            *("$2", "1,5", "1.5e3", "0x10", "\u0664", " 7 ", "true", "yes", "no", "USD", "EUR"),
            *("2026-12-01", "2026-02-30", "0001-01-01", "9999-12-31", "2026-1-1", "26-01-01"),
            *("standard", "batch", "bach", "mini-1", "ft:mini-1", "example", "other", "a|b|mini-1"),
            *("mon-fri 01:00-04:00", "sun-mon 23:30-00:30", "25:00-26:00", "00:00-00:00", "|"),
            *("https://example.com", "mtok", "hour", "job", "fixed", "retired", "announced"),
            *('"', "\0", "\n", "\r", "\ufeff", "\u2028", "\x85", "\x1c", "caf\u00e9", "=1+1"),
        ]
    ),
    st.text(max_size=6),
    st.floats(0, 1e6).map(str),
)


@st.composite
def edited_table(draw: DrawFn, text: str) -> bytes:
    """Return a table with some of its cells, rows, columns or bytes changed."""
    rows = list(csv.reader(text.splitlines()))
    for _ in range(draw(st.integers(1, 3))):
        row = draw(st.integers(0, len(rows) - 1))
        column = draw(st.integers(0, max(len(rows[row]) - 1, 0)))
        other = draw(st.integers(0, max(len(rows[row]) - 1, 0)))
        what = draw(
            st.sampled_from(("cell", "cell", "cell", "swap", "drop", "twice", "cut", "add"))
        )
        if what == "cell" and rows[row]:
            rows[row][column] = draw(CELLS)
        elif what == "swap" and rows[row]:
            # the names of two columns, or two cells of a row
            rows[row][column], rows[row][other] = rows[row][other], rows[row][column]
        elif what == "drop" and len(rows) > 1:
            del rows[row]
        elif what == "twice":
            rows.append(list(rows[row]))
        elif what == "cut":
            rows[row] = rows[row][:column]
        elif what == "add":
            rows[row].append(draw(CELLS))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    data = stream.getvalue().encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(data)))
        junk = draw(st.binary(max_size=4))
        data = data[:at] + junk + data[at + draw(st.integers(0, 3)) :]
    if draw(st.integers(0, 9)) == 0:
        data = data[: draw(st.integers(0, len(data)))]
    return data


@st.composite
def edited_file(draw: DrawFn, folder: Path, files: list[Path]) -> tuple[Path, bytes]:
    name = draw(st.sampled_from(files))
    return name, draw(edited_table((folder / name).read_text("utf-8-sig")))


@pytest.fixture(scope="module")
def tables() -> Iterator[Path]:
    """Return a copy of the invented tables that tests may spoil."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
        yield Path(folder)


def price_of(key: Key, book: cm.PriceBook) -> float:
    words = {"mode": key.mode, "region": key.region, "on": "2027-01-05"}
    usd = cm.inference_cost(
        key.provider, key.sku, input_tokens=1_000, output_tokens=100, book=book, **words
    )
    return float(usd)


@cases(300)
@given(changed=edited_file(EXAMPLE, OWN))
def test_an_edited_folder_of_tables_is_read_or_refused(
    tables: Path, changed: tuple[Path, bytes]
) -> None:
    name, data = changed
    before = (tables / name).read_bytes()
    try:
        (tables / name).write_bytes(data)
        book = refused(lambda: cm.PriceBook.read(tables, shipped=False))
        if book is not None:
            assert all(f.line > 1 for f in lints.lint([tables], date(2026, 11, 21)))
    finally:
        (tables / name).write_bytes(before)
    if book is None:
        return
    assert np.all((book.usd >= 0) | np.isnan(book.usd))
    assert not np.isinf(book.usd).any()
    for row in book.rows:
        assert row.source
        assert row.line > 1
        if row.key.table == "inference":
            usd = refused(partial(price_of, row.key, book))
            assert usd is None or (math.isfinite(usd) and usd >= 0)


def table_of(name: Path) -> Any:
    return next(table for table in TABLES.values() if name.match(table.path))


@cases(200)
@given(changed=edited_file(shipped_dir(), SHIPPED))
def test_an_edited_shipped_table_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changed: tuple[Path, bytes]
) -> None:
    name, data = changed
    path = tmp_path_factory.getbasetemp() / "edited.csv"
    path.write_bytes(data)
    rows = refused(lambda: read_file(table_of(name), path, name.as_posix()))
    for row in rows or []:
        numbers = [value for value in row.values() if isinstance(value, float)]
        assert all(math.isnan(value) or 0 <= value < math.inf for value in numbers)


@cases(100)
@given(
    name=st.sampled_from(SHIPPED), data=st.one_of(st.binary(max_size=80), st.text().map(str.encode))
)
def test_any_bytes_at_all_are_read_as_a_table_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: Path, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    refused(lambda: read_file(table_of(name), path, name.as_posix()))


@cases(200)
@given(changed=edited_file(shipped_dir(), SHIPPED))
def test_an_edited_table_is_formatted_or_refused_and_reads_alike_by_columns(
    tmp_path_factory: pytest.TempPathFactory, changed: tuple[Path, bytes]
) -> None:
    name, data = changed
    path = tmp_path_factory.getbasetemp() / "formatted.csv"
    path.write_bytes(data)
    rows = refused(lambda: read_file(table_of(name), path, name.as_posix()))
    columns = columns_of(table_of(name), path)
    if columns is not None:
        # what is read by columns is what the reader of rows reads
        assert rows is not None
        assert [row["line"] for row in rows] == columns["line"].tolist()
    text = refused(lambda: canonical(path, name.as_posix()).text())
    if text is not None:
        path.write_text(text, "utf-8", newline="")
        assert canonical(path, name.as_posix()).text() == text


# scenarios

BOT = """\
version = 1
name = "Support bot"
start = 2026-12-01
months = 4
existing_customer = ["example"]

[workload]
requests = 20_000
growth = 0.03
counted_with = "o200k_base"
content = "english"
turns = 1
stable_history = false
required_success = 0.5
failure_usd = 1.50
retries = 1

[workload.parts]
system = 1_600
question = {mean = 120, cv = 0.6}
context = {mean = 50, stable = true}
answer = 180

[people]
annotator = 18

[upkeep]
requirement_changes_per_year = 2
evaluate_every_months = 3
evaluation_cases = 10
review_share = 0.1
review_minutes = 2
label_life_months = 12
double_running_days = 7

[approach.prompt]
kind = "prompting"

[approach.examples]
kind = "few_shot"
shots = 3

[approach.docs]
kind = "rag"
context_tokens = 400
corpus_tokens = 4_000_000
monthly_churn = 0.05
embedding = "example/embed-1"
store = "example/store-1"

[approach.tone]
kind = "fine_tune"
objective = "sft"
method = "lora"
examples = 800
tokens_per_example = {mean = 450, cv = 0.5}
epochs = 2
keeps = {system = 0.2}

[[option]]
name = "RAG"
model = "mini-1"
host = {kind = "per_token", provider = "example", mode = "batch"}
approaches = ["prompt", "docs"]
success_rate = 0.91
thinking_tokens = 10
caching = true
in_place = {since = 2025-06-01}

[[option]]
name = "tune"
model = "base-1"
host = {kind = "per_token", provider = "example"}
approaches = ["tone", "examples"]
success_rate = 0.93
live_after = 1
until_then = "RAG"
successor = [{model = "base-2", approaches = ["tone"]}]

[[option]]
name = "own"
model = "mini-1"
approaches = ["tone"]
success_rate = 0.92
[option.host]
kind = "rented"
provider = "cloud"
gpu = "G80"
replica_tokens_per_second = 1_500
peak_to_mean = 2.5
training_tokens_per_second = 3_000

[[option]]
name = "reserved"
model = "mini-1"
success_rate = 0.8
[option.host]
kind = "provisioned"
provider = "example"
commitment_months = 6
units = 2
replica_tokens_per_second = 1_500
peak_to_mean = 2.5

[[option]]
name = "router"
mix = {RAG = 0.8, own = 0.2}
escalate = {own = 0.1}
success_rate = 0.9
"""

Node = dict[str, Any] | list[Any]

VALUES: SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            *(0, 1, -1, 2, 0.5, 1.5, -0.0, 100, 2_000, 1e-12, 1e9, 1e12, 1e18, 1e300, -1e300),
            *(math.nan, math.inf, -math.inf, True, False, "", "x", "RAG", "tune", "mini-1"),
            *("base-1", "night-1", "late-1", "tiered-1", "writer-1", "euro-1", "other", "example"),
            *("cloud", "full", "qlora", "dpo", "per_token", "rented", "dedicated", "provisioned"),
            *("rag", "fine_tune", "heavy", "german", "batch", "eu", "docs", "tone", [], [1], {}),
            *(["docs"], ["tone", "docs"], [["x"]], [{}], {"mean": 5}, {"mean": 5, "cv": 2.0}),
            *({"RAG": 1.0}, {"kind": "rag"}, {"since": date(2026, 1, 1)}, {"x": {"y": 1}}),
            *(date(2026, 12, 31), date(1, 1, 1), date(9999, 12, 31), date(2027, 1, 5)),
            *(datetime(2027, 1, 1, 12), time(12), "2027-01-05", "\u0000", "a\nb", "\U0001f4b8"),  # noqa: DTZ001
        ]
    ),
    st.integers(-5, 300),
    st.floats(0, 1e6),
    st.text(max_size=4),
)
KEYS = (
    *("mode", "region", "kind", "model", "provider", "turns", "mean", "cv", "stable", "history"),
    *("thinking", "successor", "host", "approaches", "mix", "escalate", "live_after", "growth"),
    *("until_then", "units", "trainer", "method", "cache_hit_share", "gpus_per_replica", "task"),
    *("min_replicas", "deployed_share", "instance", "startup_hours", "x", "", "a.b"),
)


@cache
def example() -> cm.PriceBook:
    """Return the invented prices; no fixture, for hypothesis prints what a test is given."""
    return cm.PriceBook.read(EXAMPLE, shipped=False)


NUMBERS = st.one_of(
    st.sampled_from((0, 1, 0.5, 1.0, 2, 3, 24, 1e-12, 1e3, 1e5, 1e9, 1e12, 1e18, -1, -0.5, -0.0)),
    st.integers(0, 300),
    st.floats(0, 1),
    st.floats(0, 1e7),
)
NAMES = st.sampled_from(
    [
        *("mini-1", "base-1", "base-2", "old-1", "floor-1", "late-1", "night-1", "tiered-1"),
        *("writer-1", "euro-1", "veteran-1", "changing-1", "hourly-1", "monthly-1", "example"),
        *("other", "cloud", "RAG", "tune", "own", "docs", "tone", "full", "qlora", "dpo", "eu"),
        *("heavy", "german", "batch", "standard", "rag", "few_shot", "dedicated", "rented", "G80"),
    ]
)
DATES = st.dates(date(2025, 1, 1), date(2028, 12, 31))


def alike(value: Any) -> SearchStrategy[Any]:
    """Return other values of the same kind, so that many edits still make a scenario."""
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int | float):
        return NUMBERS
    if isinstance(value, str):
        return NAMES
    return DATES if isinstance(value, date) else VALUES


def places(node: Any) -> Iterator[tuple[Node, Any]]:
    """Yield every key and index in a nested table."""
    inside = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(inside):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


@st.composite
def edited_scenario(draw: DrawFn) -> str:
    """Return a scenario with some keys, values or characters changed."""
    data = tomllib.loads(BOT)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(data))
        numbers = [place for place in found if isinstance(place[0][place[1]], int | float)]
        if draw(st.integers(0, 2)) > 0 and numbers:
            found = numbers
        node, key = found[draw(st.integers(0, len(found) - 1))]
        what = draw(
            st.sampled_from(
                ("like", "like", "like", "like", "value", "drop", "add", "rename", "copy")
            )
        )
        if what == "like":
            node[key] = deepcopy(draw(alike(node[key])))
        elif what == "value":
            node[key] = deepcopy(draw(VALUES))
        elif what == "drop":
            del node[key]
        elif isinstance(node, dict) and what == "add":
            node[draw(st.sampled_from(KEYS))] = deepcopy(draw(VALUES))
        elif isinstance(node, dict) and what == "rename":
            node[draw(st.sampled_from(KEYS))] = node.pop(key)
        elif isinstance(node, list):
            node.append(deepcopy(node[key]))
        if not data:
            break
    text = tomlkit.dumps(data)
    if draw(st.integers(0, 4)) == 0 and text:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=3)) + text[at + draw(st.integers(0, 3)) :]
    return text


def judge(path: Path, text: str) -> None:
    """Read and compare a scenario: refused in one line, or figures that are figures."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    scenario = refused(lambda: cm.Scenario.read(path))
    if scenario is None:
        return
    result = refused(lambda: cm.compare(scenario, example()))
    if result is None:
        return
    found = result.as_dict()
    json.dumps(found, allow_nan=False)
    assert "nan" not in found["verdict"].replace(scenario.name, "").split()
    for option in found["options"]:
        if not option["feasible"]:
            assert option["reason"]
            continue
        numbers = [option["total_usd"], option["maintenance_share"], *option["by_phase"].values()]
        numbers += [option["usd_per_request"] or 0.0, option["usd_per_success"] or 0.0]
        assert all(math.isfinite(number) and number >= 0 for number in numbers), option
        assert option["maintenance_share"] <= 1 + 1e-9
        total = sum(option["by_phase"].values())
        assert total == pytest.approx(option["total_usd"], rel=1e-9)


def test_the_scenario_that_is_edited_below_is_right(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(BOT, "utf-8")
    result = cm.compare(cm.Scenario.read(path), example())
    assert all(option.feasible for option in result.results)


@cases(300)
@given(text=edited_scenario())
def test_an_edited_scenario_is_compared_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    judge(tmp_path_factory.getbasetemp() / "bot.toml", text)


WORDS = st.sampled_from(
    [
        *("version", "name", "start", "months", "workload", "requests", "parts", "option", "model"),
        *("host", "kind", "[", "]", "[[", "]]", "{", "}", "=", ",", ".", "'", '"', "\n", "#", "1"),
        *("-1", "nan", "inf", "true", "2026-12-01", '"x"', "'''", "\\", "\t", " "),
    ]
)


@cases(100)
@given(text=st.one_of(st.text(), st.lists(WORDS, max_size=30).map(" ".join)))
def test_any_text_at_all_is_read_as_a_scenario_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    judge(tmp_path_factory.getbasetemp() / "any.toml", text)
