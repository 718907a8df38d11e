"""Writing a scenario keeps what was written, and changes what has changed."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm

TEXT = (Path(__file__).parents[1] / "data" / "bot.toml").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bot.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_what_is_written_reads_the_same(file: Path, tmp_path: Path) -> None:
    scenario = cm.Scenario.read(file)
    scenario.write(tmp_path / "copy.toml")
    assert cm.Scenario.read(tmp_path / "copy.toml") == scenario


def test_comments_and_layout_are_kept(file: Path, tmp_path: Path) -> None:
    cm.Scenario.read(file).write(tmp_path / "copy.toml")
    assert (tmp_path / "copy.toml").read_text(encoding="utf-8") == TEXT


def test_a_change_leaves_the_rest_as_it_was_written(file: Path, tmp_path: Path) -> None:
    scenario = cm.Scenario.read(file)
    rag, tune, *rest = scenario.options
    assert isinstance(tune, cm.Option)
    changed = replace(
        scenario,
        months=24,
        workload=replace(scenario.workload, requests=30_000),
        options=(rag, replace(tune, success_rate=0.95), *rest),
    )
    path = tmp_path / "copy.toml"
    changed.write(path)
    assert cm.Scenario.read(path) == changed
    before, after = (p.read_text(encoding="utf-8").split("\n") for p in (file, path))
    moved = [line for line in after if line not in before]
    assert sorted(moved) == [
        "months = 24",
        "requests = 30000            # per month",
        "success_rate = 0.95",
    ]
    assert "# our support bot" in after
    assert "[approach.docs]              # the manuals" in after


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Other"},
        {"people": {"annotator": 20.0, "ml_engineer": 95.0}},
        {"people": {}},
        {"existing_customer": ()},
        {"upkeep": cm.Upkeep(evaluate_every_months=0)},
        {"start": date(2027, 1, 1)},
    ],
)
def test_every_change_survives_writing(file: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    changed = replace(cm.Scenario.read(file), **change)
    changed.write(tmp_path / "copy.toml")
    assert cm.Scenario.read(tmp_path / "copy.toml") == changed


def test_an_option_more_or_less_survives_writing(file: Path, tmp_path: Path) -> None:
    scenario = cm.Scenario.read(file)
    more = cm.Option("large", (cm.Stage("large-1", cm.PerToken("example")),))
    for options in ((*scenario.options, more), scenario.options[:2]):
        changed = replace(scenario, options=options)
        changed.write(tmp_path / "copy.toml")
        assert cm.Scenario.read(tmp_path / "copy.toml") == changed


def test_an_option_in_the_middle_can_go(file: Path, tmp_path: Path) -> None:
    scenario = cm.Scenario.read(file)
    rag, tune, own, _ = scenario.options
    changed = replace(scenario, options=(own, rag, tune))
    changed.write(tmp_path / "copy.toml")
    assert cm.Scenario.read(tmp_path / "copy.toml") == changed


def test_a_scenario_made_in_code_can_be_written(tmp_path: Path) -> None:
    work = cm.Workload(
        1_000, {"question": cm.Part("question", 100, 0.5), "answer": 50}, turns=3, retries=1
    )
    scenario = cm.Scenario(
        name="made in code",
        start=date(2026, 12, 1),
        months=6,
        workload=work,
        options=(
            cm.Option("few", (cm.Stage("mini-1", cm.PerToken("example"), {"few": cm.FewShot(4)}),)),
            cm.Option(
                "units",
                (
                    cm.Stage("old-1", cm.Provisioned("example", commitment_months=6, units=2)),
                    cm.Stage("new-1", cm.PerToken("example")),
                ),
                thinking_tokens=200,
            ),
        ),
    )
    path = tmp_path / "made.toml"
    scenario.write(path)
    assert tomllib.loads(path.read_text(encoding="utf-8"))["version"] == 1
    again = cm.Scenario.read(path)
    assert again == scenario


def test_tasks_survive_writing(file: Path, tmp_path: Path) -> None:
    scenario = cm.Scenario.read(file)
    tasks = tuple(replace(scenario.workload, name=name) for name in ("mail", "chat"))
    changed = replace(scenario, tasks=tasks)
    changed.write(tmp_path / "copy.toml")
    assert cm.Scenario.read(tmp_path / "copy.toml").tasks == tasks


def test_what_cannot_be_written_is_refused_and_leaves_nothing(file: Path, tmp_path: Path) -> None:
    with pytest.raises(cm.ScenarioError, match="cannot be written"):
        cm.Scenario.read(file).write(tmp_path / "nowhere" / "copy.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["bot.toml"]
