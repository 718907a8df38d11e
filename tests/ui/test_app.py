"""An app keeps one state: what is typed, what is computed and what is shown belong together."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ipywidgets import VBox

import costmodel as cm
from costmodel.ui.app import App, Needs, Step, Tab
from costmodel.ui.controls import Quantity
from costmodel.ui.scenario_app import ScenarioApp
from costmodel.ui.which_approach import which_approach


def squares(needs: Needs | None = None) -> App:
    """An app about one number."""
    field = Quantity("x", "Number", high=100.0)
    return App(
        fields=[field],
        state={"x": 3.0},
        compute=lambda state: state["x"] ** 2,
        verdict=lambda found: f"The square is {found:g}.",
        tabs=[
            Tab("Text", lambda found: f"<p>{found:g}</p>"),
            Tab("Later", lambda found, worked=None: f"<p>{found:g} {worked}</p>", needs),
        ],
    )


def test_what_is_typed_changes_verdict_and_page() -> None:
    app = squares()
    assert (app.verdict, app.status.state) == ("The square is 9.", "ready")
    app.control("x").value = "5"
    assert (app.verdict, app.page.html) == (
        "The square is 25.",
        '<div class="tex2jax_ignore mathjax_ignore"><p>25</p></div>',
    )
    assert app.state == {"x": 5.0}


def test_text_in_a_number_box_keeps_the_last_good_state() -> None:
    app = squares()
    app.control("x").value = "five"
    assert app.control("x").error.startswith("Number: type a number like")
    assert app.control("x").value == "five"
    assert (app.verdict, app.status.state, app.state) == (
        "The square is 9.",
        "error",
        {"x": 3.0},
    )
    app.control("x").value = "4"
    assert (app.control("x").error, app.status.state, app.verdict) == (
        "",
        "ready",
        "The square is 16.",
    )


def test_only_the_tab_on_show_is_drawn() -> None:
    drawn: list[str] = []

    def draw(title: str) -> Callable[[float], str]:
        def one(found: float) -> str:
            drawn.append(f"{title}{found:g}")
            return ""

        return one

    app = App(
        fields=[Quantity("x", "Number")],
        state={"x": 1.0},
        compute=lambda state: state["x"],
        verdict=str,
        tabs=[Tab("A", draw("A")), Tab("B", draw("B"))],
    )
    app.control("x").value = "2"
    assert drawn == ["A1", "A2"]
    app.show("B")
    app.show("A")
    assert drawn == ["A1", "A2", "B2"]


def test_work_in_the_background_keeps_the_last_result_until_the_new_one_is_there() -> None:
    gate = threading.Event()
    gate.set()

    def slow(found: float, step: Step) -> str:
        gate.wait()
        step(0.5)
        return f"worked on {found:g}"

    app = squares(slow)
    page = app.show("Later")
    assert page.note.value
    app.settle()
    assert "9 worked on 9" in page.html
    assert page.note.value == ""
    gate.clear()
    app.control("x").value = "4"
    assert app.verdict == "The square is 16."
    assert "worked on 9" in page.html
    assert "former input" in page.note.value
    assert app.status.state == "working"
    gate.set()
    app.settle()
    assert "16 worked on 16" in page.html
    assert app.status.state == "ready"


def test_of_ten_quick_changes_the_last_one_wins_and_nothing_queues_up() -> None:
    begun: list[float] = []

    def slow(found: float, step: Step) -> str:
        begun.append(found)
        step(0.5)
        return "worked"

    app = squares(slow)
    page = app.show("Later")
    for x in range(10):
        app.control("x").value = str(x)
    app.settle()
    assert "81 worked" in page.html
    assert begun == [81.0]


def test_cancelled_work_leaves_the_last_result_and_says_so() -> None:
    gate = threading.Event()

    def slow(found: float, step: Step) -> str:
        gate.wait()
        step(0.5)
        return f"worked on {found:g}"

    app = squares(slow)
    page = app.show("Later")
    app.cancel()
    gate.set()
    assert "Cancelled" in page.note.value
    assert app.status.state == "ready"
    app.show("Text")
    app.show("Later")
    app.settle()
    assert "9 worked on 9" in page.html


def test_an_app_of_a_scenario_says_what_the_command_line_says(
    app: ScenarioApp, tmp_path: Path
) -> None:
    app.control("workload.requests").value = "300k"
    app.save(tmp_path / "saved.toml")
    again = cm.compare(cm.Scenario.read(tmp_path / "saved.toml"))
    assert again.verdict.startswith(app.verdict)
    for name, bill in again.bills.items():
        assert float(app.result.bills[name].total) == pytest.approx(float(bill.total), abs=0.005)
    bars = json.loads(app.charts[0].figure)["data"]
    assert sum(bar["x"][-1] for bar in bars) == pytest.approx(
        float(again.bills[again.ranked[0].name].total), rel=1e-5
    )


def test_a_saved_file_keeps_its_comments_and_the_range_that_was_typed(
    app: ScenarioApp, tmp_path: Path
) -> None:
    app.control("workload.requests").value = "150k to 320k"
    assert not app.error
    app.save(tmp_path / "saved.toml")
    text = (tmp_path / "saved.toml").read_text("utf-8")
    assert "requests = {low = 150000, mode = 235000, high = 320000}   # a month" in text
    other = which_approach(tmp_path / "saved.toml")
    other.cancel()
    assert other.control("workload.requests").value == "150k to 320k"
    assert other.verdict == app.verdict
    other.control("workload.requests").value = "235k"
    assert other.scenario.uncertain == ()


def test_the_code_on_the_last_tab_gives_the_same_verdict(
    app: ScenarioApp, capsys: pytest.CaptureFixture[str]
) -> None:
    app.control("workload.requests").value = "150k to 320k"
    app.control("start").value = "2027-01-01"
    app.control("months").value = "3 years"
    exec(app.code(), {})
    assert capsys.readouterr().out.strip().startswith(app.verdict)


def test_a_broken_file_leaves_the_last_good_state(app: ScenarioApp, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("version = 1\nmonths = 'many'\n", "utf-8")
    before = app.verdict
    app.load(broken)
    assert "broken.toml" in app.error
    assert (app.verdict, app.status.state) == (before, "error")
    app.control("workload.requests").value = "60k"
    assert (app.error, app.verdict != before) == ("", True)


def test_an_app_on_a_broken_file_says_so_in_one_sentence(tmp_path: Path) -> None:
    app = which_approach(tmp_path / "missing.toml")
    assert app.error.startswith("no scenario file")
    assert app.status.state == "error"


def test_opening_an_old_file_says_which_prices_have_moved(app: ScenarioApp, tmp_path: Path) -> None:
    app.save(tmp_path / "old.toml")
    text = (tmp_path / "old.toml").read_text("utf-8")
    line = next(x for x in text.splitlines() if "input_mtok" in x and "gpt-6-luna" in x)
    usd = line.rpartition("usd = ")[2].partition("}")[0]
    (tmp_path / "old.toml").write_text(text.replace(line, line.replace(usd, "9.75")), "utf-8")
    app.load(tmp_path / "old.toml")
    assert any("was $9.75" in warning for warning in app.status.warnings)


def test_old_prices_are_a_warning(scenario_file: Path) -> None:
    from datetime import date

    from costmodel.ui.scenario_app import Found

    late = ScenarioApp(
        scenario_file,
        call="late",
        fields=[],
        tabs=[Tab("Nothing", lambda _found: "")],
        on=date(2028, 1, 1),
    )
    late.cancel()
    assert isinstance(late.found, Found)
    assert any("last checked" in warning for warning in late.status.warnings)


@pytest.mark.parametrize("kind", [App, *App.__subclasses__()], ids=lambda kind: kind.__name__)
def test_no_app_takes_a_name_of_the_widgets_it_is_made_of(kind: type[App]) -> None:
    known = {name for name in dir(VBox) if not name.startswith("__")}
    mine = {name for one in kind.__mro__ if issubclass(one, App) for name in vars(one)}
    assert mine & known <= {"_all_trait_default_generators", "_descriptors", "_instance_inits",
                            "_static_immutable_initial_values", "_trait_default_generators",
                            "_traits"}  # fmt: skip


def test_nothing_an_app_keeps_hides_a_name_of_the_widgets_it_is_made_of(app: ScenarioApp) -> None:
    kept = set(vars(app)) - set(vars(VBox()))
    assert {name for name in kept if hasattr(VBox, name)} == set()
