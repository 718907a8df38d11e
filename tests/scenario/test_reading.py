"""Scenario files: what is read, and what is refused where."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.errors import CostModelError

TEXT = (Path(__file__).parents[1] / "data" / "bot.toml").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bot.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def with_line(path: Path, old: str, new: str) -> int:
    """Replace a line of the file; return its number."""
    lines = path.read_text(encoding="utf-8").split("\n")
    (number,) = [k for k, line in enumerate(lines) if line == old]
    lines[number] = new
    path.write_text("\n".join(lines), encoding="utf-8")
    return number + 1


def refusal(path: Path) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(cm.ScenarioError) as caught:
        cm.Scenario.read(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


# reading


def test_a_file_says_what_it_says(file: Path) -> None:
    scenario = cm.Scenario.read(file)
    assert scenario.name == "Support bot"
    assert (scenario.start, scenario.months) == (date(2026, 12, 1), 12)
    assert scenario.existing_customer == ("example",)
    work = scenario.workload
    assert (work.requests, work.growth, work.failure_usd) == (20_000, 0.03, 1.5)
    assert work.parts["system"] == 1_600
    assert work.parts["question"] == cm.Part("question", 120, 0.6)
    assert work.parts["context"] == cm.Part("context", 50, stable=True)
    assert scenario.people == {"annotator": 18}
    assert scenario.upkeep.requirement_changes_per_year == 2
    # not stated: on by default
    assert scenario.upkeep.label_life_months == 18


def test_options_have_hosts_approaches_and_successors(file: Path) -> None:
    rag, tune, own, router = cm.Scenario.read(file).options
    assert isinstance(rag, cm.Option)
    assert rag.in_place == date(2025, 6, 1)
    assert rag.stages[0].host == cm.PerToken("example")
    assert isinstance(tune, cm.Option)
    assert list(tune.stages[0].approaches) == ["tone", "docs"]
    # a successor inherits what it leaves out
    assert tune.stages[1] == replace(tune.stages[0], model="base-2")
    assert (tune.live_after, tune.until_then) == (1, "RAG")
    assert isinstance(own, cm.Option)
    host = own.stages[0].host
    assert isinstance(host, cm.Rented)
    assert (host.gpu, host.peak_to_mean) == ("G80", 2.5)
    tone = own.stages[0].approaches["tone"]
    assert isinstance(tone, cm.FineTune)
    assert tone.tokens_per_example == cm.Size(450, 0.5)
    assert tone.keeps == {"system": 0.2}
    assert isinstance(router, cm.Mix)
    assert (router.shares, router.escalate) == ({"RAG": 0.8, "own": 0.2}, {"own": 0.1})


def test_a_file_can_be_compared(file: Path, example_book: cm.PriceBook) -> None:
    found = cm.compare(cm.Scenario.read(file), example_book)
    assert [result.name for result in found.results] == ["RAG", "tune", "own", "router"]
    assert all(result.feasible for result in found.results)
    rates = {x.unit_usd for x in found.bill("tune").lines if x.line.key.sku == "annotator"}
    assert rates == {18.0}


def test_tasks_share_what_the_workload_states(file: Path) -> None:
    tasks = '\n[[task]]\nname = "mail"\nrequests = 500\n[task.parts]\nanswer = 400\n'
    file.write_text(TEXT + tasks, encoding="utf-8")
    (task,) = cm.Scenario.read(file).all_tasks
    assert (task.name, task.requests, task.growth) == ("mail", 500, 0.03)
    assert (task.parts["answer"], task.parts["system"]) == (400, 1_600)


# refusing


# more of what is refused, and with which words, stands in tests/test_bad_input.py
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("annotator = 18", "annotator = -18", "must be >= 0, got -18"),
        ("keeps = {system = 0.2}", "keeps = {system = -1}", "must be >= 0, got -1"),
        ("keeps = {system = 0.2}", "keeps = 0.2", "must be a table"),
        ("success_rate = 0.93", "success_rate = 1.93", "must be <= 1, got 1.93"),
        ('gpu = "G80"', "gpu = 80", "must be text in quotes, got 80"),
        ("peak_to_mean = 2.5", 'peak_to_mean = "2.5"', "must be a number, got '2.5'"),
        ("escalate = {own = 0.1}", "escalate = {own = -0.1}", "must be >= 0, got -0.1"),
        ("live_after = 1", "live_after = -2", "must be >= 0, got -2"),
        ("in_place = {since = 2025-06-01}", "in_place = {}", "in_place = {since = "),
        ('successor = [{model = "base-2"}]', "successor = ['base-2']", "must be a table"),
    ],
)
def test_a_mistake_is_named_with_its_line(file: Path, old: str, new: str, said: str) -> None:
    number = with_line(file, old, new)
    message = refusal(file)
    assert message.startswith(f"bot.toml line {number} [")
    assert said in message


def test_a_mistake_inside_a_table_has_the_line_of_its_key(file: Path) -> None:
    number = with_line(file, "[people]", "[[task]]\nname = 'mail'\nparts = []\n\n[people]")
    assert refusal(file) == f"bot.toml line {number + 2} [task.parts]: must be a table, got []"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replica_tokens_per_second = 1_500", "replica_tokens_per_second = 0"),
        ("training_tokens_per_second = 3_000", "training_tokens_per_second = 0"),
        ("start = 2026-12-01", "start = 9999-12-01"),
        ("live_after = 1", "live_after = 99999999999999999999"),
        ("corpus_tokens = 4_000_000", "corpus_tokens = 4_000_000\noverlap = 1"),
        ("corpus_tokens = 4_000_000", "corpus_tokens = 4_000_000\nchunk_tokens = 0"),
    ],
)
def test_what_cannot_be_is_an_error_not_a_traceback(
    file: Path, example_book: cm.PriceBook, old: str, new: str
) -> None:
    with_line(file, old, new)
    with pytest.raises(CostModelError):
        cm.compare(cm.Scenario.read(file), example_book)


# whatever stands in a file, it is read or refused in a line


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(0, len(TEXT.split("\n")) - 1),
    line=st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            ["months = -1", "requests = 1e999", "requests = nan", "[[option]]", "[workload]"]
        ),
        st.sampled_from(["approach = 1", "option = 1", "parts = 1", "model = 1", "host = 1"]),
        st.sampled_from(["[prices]", "rows = 1", "[[prices.rows]]", "mix = 1", "[task]"]),
    ),
)
def test_any_line_is_read_or_refused(tmp_path: Path, number: int, line: str) -> None:
    lines = TEXT.split("\n")
    lines[number] = line
    path = tmp_path / "any.toml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    message = ""
    try:
        cm.Scenario.read(path)
    except cm.ScenarioError as error:
        message = str(error)
    assert not message or message.startswith("any.toml")
    assert "\n" not in message


values = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=5), st.dates()),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "kind", "mean", "parts", "x"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)


def toml(value: Any) -> str:
    """Write a value as TOML does on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + "".join(c for c in value if c.isalnum()) + "'"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return str(value)


KEYS = [line.split(" = ")[0] for line in TEXT.split("\n") if " = " in line and "#" not in line]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(sorted(set(KEYS))), value=values)
def test_any_value_is_read_or_refused(tmp_path: Path, key: str, value: Any) -> None:
    lines = TEXT.split("\n")
    place = next(k for k, line in enumerate(lines) if line.startswith(f"{key} = "))
    lines[place] = f"{key} = {toml(value)}"
    path = tmp_path / "any.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    message = ""
    try:
        cm.Scenario.read(path)
    except cm.ScenarioError as error:
        message = str(error)
    assert not message or message.startswith("any.toml")
    assert "\n" not in message
