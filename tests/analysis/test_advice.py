"""Rules are data, fire by what a scenario says, and always stand beside the money."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.analysis.advice import Advice, advise, rules
from costmodel.cli import main
from costmodel.prices.tables import COMPUTED, STATED

SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"
HEADER = "id,attribute,comparison,value,approach,verdict,strength,text,source,verified_on,note\n"
TAIL = "rag,for,strong,Look it up,https://example.com/rules,2026-11-21,\n"


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    return cm.PriceBook.read()


@pytest.fixture(scope="module")
def advice(book: cm.PriceBook) -> dict[str, Advice]:
    names = ("support_bot", "brand_voice", "contract_clauses", "legal_qa", "code_review")
    return {name: advise(cm.Scenario.read(SCENARIOS / f"{name}.toml"), book) for name in names}


# lines of tests/coverage.md: scenario, an option or blank for any, rule
GUIDES = [
    ("D3", "brand_voice", "", "D41"),
    ("D8", "support_bot", "Tuned Llama 8B on rented GPU", "D46"),
    ("D17", "legal_qa", "", "D90"),
    ("E1", "support_bot", "Prompting on GPT-6 Luna", "D01"),
    ("E1", "brand_voice", "", "D02"),
    ("E2", "legal_qa", "Pinecone, GPT-6.1 Terra", "D03"),
    ("E2", "brand_voice", "", "D10"),
    ("E3", "legal_qa", "By heart: tuned Nova 2 Lite", "D30"),
    ("E3", "legal_qa", "Pinecone, GPT-6.1 Terra", "D31"),
    ("E4", "contract_clauses", "", "D11"),
    ("E4", "contract_clauses", "", "D12"),
    ("E4", "contract_clauses", "", "D20"),
    ("E4", "code_review", "", "D13"),
    ("E4", "code_review", "", "D14"),
    ("E4", "code_review", "", "D15"),
    ("E5", "code_review", "", "D32"),
    ("E5", "code_review", "", "D48"),
    ("E5", "legal_qa", "By heart: tuned Nova 2 Lite", "D17"),
    ("E6", "support_bot", "RAG + tuned Nova 2 Lite", "D05"),
    ("E7", "contract_clauses", "Tuned Nova Micro at Bedrock", "D91"),
    ("E8", "support_bot", "RAG on GPT-6 Luna", "D92"),
    ("E9", "support_bot", "Tuned GPT-4.1 mini at Azure", "D66"),
    ("E9", "support_bot", "Tuned Llama 8B on rented GPU", "D65"),
    ("E10", "brand_voice", "", "D22"),
    ("E11", "support_bot", "RAG + tuned Nova 2 Lite", "D80"),
]


@pytest.mark.parametrize(("line", "name", "option", "rule"), GUIDES)
def test_what_the_guides_say_shows_in_a_scenario(
    advice: dict[str, Advice], line: str, name: str, option: str, rule: str
) -> None:
    fired = [
        one.result.name for one in advice[name].options if rule in [found.id for found in one.rules]
    ]
    assert fired, line
    assert not option or option in fired


def test_every_line_of_the_guides_is_shown() -> None:
    assert {line for line, *_ in GUIDES if line[0] == "E"} == {f"E{k}" for k in range(1, 12)}


@pytest.mark.parametrize(
    ("was", "becomes", "rule"),
    [
        ("examples = 3_000", "examples = 49", "D44"),
        ("examples = 3_000", "examples = 50", "D45"),
        ("examples = 3_000", "examples = 199", "D45"),
        ("examples = 3_000", "examples = 200", "D46"),
        ('method = "lora"', 'method = "full"', "D64"),
    ],
)
def test_size_of_the_set_and_method_have_their_rules(
    was: str, becomes: str, rule: str, tmp_path: Path, book: cm.PriceBook
) -> None:
    text = (SCENARIOS / "support_bot.toml").read_text("utf-8")
    text = text.replace("../data/", f"{SCENARIOS.parent / 'data'}/").replace(was, becomes)
    path = tmp_path / "mine.toml"
    measured = 'kind = "rented"\ntraining_tokens_per_second = 5_000'
    path.write_text(text.replace('kind = "rented"', measured), "utf-8")
    bot = cm.Scenario.read(path)
    [llama] = [one for one in bot.options if one.name == "Tuned Llama 8B on rented GPU"]
    [tuned] = advise(replace(bot, options=(llama,)), book).options
    fired = {found.id for found in tuned.rules}
    assert rule in fired
    assert fired & {"D44", "D45", "D46"} == ({"D46"} if rule == "D64" else {rule})


def test_rules_stand_beside_the_money(advice: dict[str, Advice]) -> None:
    for found in advice.values():
        for option in found.as_dict()["options"]:
            if option["feasible"]:
                assert option["total_usd"] > 0
                assert option["usd_per_success"] > 0
            else:
                assert option["reason"]


def test_conflicts_stay_visible(advice: dict[str, Advice]) -> None:
    [both] = [
        option
        for option in advice["support_bot"].as_dict()["options"]
        if option["name"] == "RAG + tuned Nova 2 Lite"
    ]
    assert both["conflict"]
    assert "D80" in [rule["id"] for rule in both["for"]]
    assert "D30" in [rule["id"] for rule in both["against"]]


def test_closing_providers_speak_against_their_tunes(advice: dict[str, Advice]) -> None:
    found = {one.result.name: one for one in advice["support_bot"].options}
    dying = [rule.id for rule in found["Tuned GPT-4.1 mini then RAG"].of("against")]
    assert {"P01", "P03"} <= set(dying)
    lasting = [rule.id for rule in found["Tuned Nova Micro at Bedrock"].of("against")]
    assert not {"P01", "P03"} & set(lasting)


def test_a_small_corpus_needs_no_index(advice: dict[str, Advice]) -> None:
    ids = {one.result.name: [rule.id for rule in one.rules] for one in advice["legal_qa"].options}
    assert "D70" in ids["Whole code on GPT-6 Luna"]
    assert "D71" not in ids["Pinecone, GPT-6.1 Terra"]


def test_every_shipped_rule_has_a_condition_that_can_hold(book: cm.PriceBook) -> None:
    for rule in rules(book):
        for condition in rule.conditions:
            assert condition.attribute in STATED | COMPUTED
        facts: dict[str, Any] = {}
        for condition in rule.conditions:
            step = {"<": -1, ">": 1}.get(condition.comparison, 0)
            value = condition.value
            if condition.comparison == "has":
                value = (*facts.get(condition.attribute, ()), value)
            elif condition.comparison == "is_not":
                value = None
            elif not isinstance(value, bool):
                value = value + step
            facts[condition.attribute] = value
        assert rule.fires(facts) or len({c.attribute for c in rule.conditions}) < len(
            rule.conditions
        )


def test_an_unknown_attribute_does_not_fire_but_asks(book: cm.PriceBook) -> None:
    scenario = replace(cm.Scenario.read(SCENARIOS / "legal_qa.toml"), situation={})
    found = advise(scenario, book)
    fired = {rule.id for option in found.options for rule in option.rules}
    assert not {"D02", "D33", "D48"} & fired
    assert "D02" in found.questions["prompting_suffices"]
    assert "D33" in found.questions["citations"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("X1,exampels,<,5," + TAIL, "rules.csv line 2: unknown attribute 'exampels'; did you mean"),
        ("X1,examples,has,5," + TAIL, "line 2: examples is compared by <, <=, >, >="),
        ("X1,examples,<,few," + TAIL, "line 2: examples is a number, got 'few'"),
        ("X1,examples,<,," + TAIL, "line 2: a condition needs attribute, comparison and value"),
        ("X1,goals,has,facts," + TAIL, "line 2: unknown goal 'facts'"),
        ("X1,holdout,is,maybe," + TAIL, "line 2: holdout is yes or no, got 'maybe'"),
        ("X1,examples,~,5," + TAIL, "line 2: unknown comparison '~'"),
        ("X1,examples,<,5,ragg" + TAIL[3:], "line 2: unknown approach 'ragg'; did you mean 'rag'"),
        (
            "X1,examples,<,5," + TAIL + "X1,shots,<,5," + TAIL.replace("Look", "Read"),
            "line 3: X1 says something else than line 2",
        ),
    ],
)
def test_a_wrong_rule_is_one_line(
    row: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.csv").write_text(HEADER + row, "utf-8")
    with pytest.raises(SystemExit) as stopped:
        main(["advise", str(SCENARIOS / "startup.toml"), "--prices", str(tmp_path)])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_rule_of_ones_own_replaces_ours(tmp_path: Path) -> None:
    (tmp_path / "rules.csv").write_text(
        HEADER + "D01,requests,>,5,prompting" + TAIL[3:] + "O1,,,,any" + TAIL[3:], "utf-8"
    )
    found = {rule.id: rule for rule in rules(cm.PriceBook.read(tmp_path))}
    assert found["D01"].text == "Look it up"
    assert len(found["D01"].conditions) == 1
    assert found["O1"].conditions == ()
    assert "D02" in found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("goal = ['knowledge']", "unknown key 'goal'; did you mean 'goals'"),
        ("goals = ['facts']", "unknown goal 'facts'"),
        ("goals = 'knowledge'", 'must be a list like ["knowledge", "style"]'),
        ("holdout = 'yes'", "must be true or false"),
        ("preference_pairs = 'many'", "must be a number"),
    ],
)
def test_a_wrong_situation_is_one_line(line: str, said: str, tmp_path: Path) -> None:
    text = (SCENARIOS / "clinical_coding.toml").read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(f"{text}\n[situation]\n{line}\n", "utf-8")
    with pytest.raises(cm.ScenarioError, match="mine") as error:
        cm.Scenario.read(path)
    assert said in str(error.value)


def test_a_situation_and_a_rate_of_discount_are_written(tmp_path: Path) -> None:
    legal = cm.Scenario.read(SCENARIOS / "clinical_coding.toml")
    changed = replace(legal, situation={"goals": ("style",), "holdout": False}, discount_rate=0.05)
    changed.write(tmp_path / "mine.toml")
    again = cm.Scenario.read(tmp_path / "mine.toml")
    assert again.situation == {"goals": ("style",), "holdout": False}
    assert again.discount_rate == 0.05
    replace(changed, path=None).write(tmp_path / "new.toml")
    assert cm.Scenario.read(tmp_path / "new.toml").situation == again.situation


def test_the_command_prints_rules_money_and_what_was_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(SCENARIOS / "support_bot.toml")
    with pytest.raises(SystemExit):
        main(["advise", file])
    out = capsys.readouterr().out
    for word in ("against", "The rules disagree", "Did you forget?", "per successful outcome"):
        assert word in out
    with pytest.raises(SystemExit):
        main(["advise", file, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        *("name", "verdict", "options", "not_in_the_scenario", "questions", "forgotten"),
    }
