"""What changed between two bills adds up to the difference."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import costmodel as cm
from costmodel.analysis.difference import Difference, difference, differences, only_in_one
from costmodel.cli import main
from costmodel.scenario import Scenario, replace_inputs

SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"
BOOK = cm.PriceBook.read()
BOT = cm.Scenario.read(SCENARIOS / "support_bot.toml")
NAME = "RAG on Gemini 3.8 Flash"


def small(scenario: Scenario, name: str = NAME) -> Scenario:
    calm = replace(scenario.upkeep, unknown_retirements=False)
    return replace(scenario, options=(scenario.option(name),), upkeep=calm)


def adds_up(found: Difference) -> None:
    assert sum(change.usd for change in found.changes) == pytest.approx(found.usd, abs=1e-6)
    parts = sum(found.sum(what) for what in ("quantity", "price", "new", "gone"))
    assert parts == pytest.approx(found.usd, abs=1e-6)
    for change in found.changes:
        assert change.quantity_usd + change.price_usd == pytest.approx(change.usd, abs=1e-9)


def test_more_requests_are_an_effect_of_quantity() -> None:
    one = small(BOT)
    double = replace_inputs(one, {"workload.requests": 400_000})
    [found] = differences(cm.compare(one, BOOK), cm.compare(double, BOOK))
    adds_up(found)
    assert found.sum("price") == pytest.approx(0, abs=1e-6)
    assert found.sum("new") == found.sum("gone") == 0
    [output] = [c for c in found.changes if c.phase == "serve" and "output" in c.line]
    assert output.usd == pytest.approx(output.usd_a, rel=1e-9)
    assert output.quantity_b == pytest.approx(2 * output.quantity_a)


def test_a_price_that_doubles_is_an_effect_of_price() -> None:
    # the price of Gemini 3.8 Flash doubles on 2027-01-01
    one = small(BOT)
    before = cm.compare(one, BOOK.at(date(2026, 12, 15)))
    after = cm.compare(one, BOOK.at(date(2027, 1, 15)))
    [found] = differences(before, after)
    adds_up(found)
    assert found.sum("quantity") == pytest.approx(0, abs=1e-6)
    [output] = [c for c in found.changes if c.phase == "serve" and "output" in c.line]
    assert output.price_usd == pytest.approx(output.usd_a, rel=1e-9)


def test_price_and_quantity_by_hand() -> None:
    # 10 hours at $50 become 12 hours at $60: 2 x 50 by quantity, 12 x 10 by price
    def bill(hours: float, rate: float) -> cm.Bill:
        work = cm.Prompting(build_hours=hours)
        stage = cm.Stage("gpt-6-luna", cm.PerToken("openai"), {"prompt": work})
        scenario = cm.Scenario(
            "Hours",
            date(2026, 12, 1),
            1,
            cm.Workload(0, {"question": 1, "answer": 1}),
            (cm.Option("one", (stage,)),),
            upkeep=cm.Upkeep(
                requirement_changes_per_year=0,
                evaluate_every_months=0,
                evaluation_cases=0,
                unknown_retirements=False,
            ),
            people={"software_engineer": rate},
        )
        return cm.compare(scenario, BOOK).bills["one"]

    found = difference(("one", bill(10, 50)), ("one", bill(12, 60)))
    [change] = [c for c in found.changes if c.what == "changed"]
    assert (change.usd_a, change.usd_b) == (500, 720)
    assert (change.quantity_usd, change.price_usd) == (100, 120)
    assert found.usd == 220


def test_another_model_is_gone_and_new() -> None:
    one, other = "RAG on GPT-6 Luna", NAME
    [found] = differences(cm.compare(BOT, BOOK), cm.compare(BOT, BOOK), one, other)
    adds_up(found)
    assert found.sum("new") > 0 > found.sum("gone")
    new = {change.line for change in found.changes if change.what == "new"}
    assert any("gemini-3.8-flash" in line for line in new)


def test_a_bill_does_not_differ_from_itself() -> None:
    found = cm.compare(BOT, BOOK)
    for one in differences(found, found):
        assert one.usd == 0
        assert {change.what for change in one.changes} <= {"same"}
        assert one.as_dict()["lines"] == []


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.1, 10),
    st.floats(0, 12),
    st.integers(1, 30),
    st.sampled_from([date(2026, 12, 1), date(2027, 6, 1), date(2027, 1, 15)]),
)
def test_it_always_adds_up(factor: float, changes: float, months: int, day: date) -> None:
    other = replace_inputs(
        BOT,
        {
            "workload.requests": 200_000 * factor,
            "upkeep.requirement_changes_per_year": changes,
            "months": months,
        },
    )
    few = tuple(o for o in BOT.options if "Luna" in o.name or o.name == NAME)
    first = cm.compare(replace(BOT, options=few), BOOK)
    second = cm.compare(replace(other, options=few), BOOK.at(day))
    for found in differences(first, second):
        adds_up(found)


def test_options_of_one_side_are_named() -> None:
    first, second = cm.compare(BOT, BOOK), cm.compare(small(BOT), BOOK)
    assert len(differences(first, second)) == 1
    assert only_in_one(first, second)["RAG on GPT-6 Luna"] == "not in the second"
    with pytest.raises(cm.ScenarioError, match="no option has a bill and the same name"):
        differences(cm.compare(small(BOT, "RAG on GPT-6 Luna"), BOOK), second)


def test_a_rate_of_discount_shows_beside_the_total(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = cm.compare(replace(small(BOT), discount_rate=0.08), BOOK)
    plain = cm.compare(small(BOT), BOOK)
    bill, row = found.bills[NAME], found.results[0].as_dict()
    by_hand = sum(usd / 1.08 ** ((k + 0.5) / 12) for k, usd in enumerate(bill.monthly()))
    assert row["discounted_usd"] == pytest.approx(by_hand)
    assert row["total_usd"] == plain.results[0].as_dict()["total_usd"] > row["discounted_usd"]
    assert row["maintenance_share"] == plain.results[0].as_dict()["maintenance_share"]
    assert plain.results[0].as_dict()["discounted_usd"] is None
    text = (SCENARIOS / "clinical_coding.toml").read_text("utf-8")
    path = tmp_path / "one.toml"
    path.write_text(text.replace("version = 1", "version = 1\ndiscount_rate = 0.08"), "utf-8")
    with pytest.raises(SystemExit):
        main(["compare", str(path)])
    assert "Discounted" in capsys.readouterr().out
    path.write_text(text.replace("version = 1", "version = 1\ndiscount_rate = 8"), "utf-8")
    with pytest.raises(cm.ScenarioError, match=r"discount_rate.* must be <= 1, got 8"):
        cm.Scenario.read(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a second scenario, or --at-b"),
        (["--option-b", "x"], "--option-b goes with --option"),
        (["no.toml"], "no scenario file no.toml"),
        (["--at-b", "soon"], "must be a date"),
        (["--at-b", "2027-01-15", "--option", "RAG"], "no option 'RAG'"),
        (["--prices-b", "nowhere"], "neither a folder nor a git revision"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["diff", str(SCENARIOS / "support_bot.toml"), *words])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_the_command_prints_lines_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(SCENARIOS / "support_bot.toml")
    words = ["diff", file, "--at", "2026-12-15", "--at-b", "2027-01-15"]
    with pytest.raises(SystemExit):
        main(words)
    assert NAME in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"a", "b", "verdict_a", "verdict_b", "options", "only_in_one"}
    for one in found["options"]:
        total = sum(line["difference_usd"] for line in one["lines"])
        assert total == pytest.approx(one["difference_usd"], abs=1e-6)
