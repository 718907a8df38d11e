"""The shipped scenarios run, and each holds one fact that can be checked by hand."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import toktok

import costmodel as cm
from costmodel.prices.book import shipped_dir

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SCENARIOS = sorted((NOTEBOOKS / "scenarios").glob("*.toml"))
DATA = sorted((NOTEBOOKS / "data").glob("*.jsonl"))
HOURS = 731 * 24  # December 2026 to November 2028, with the 29 February of 2028

Run = Callable[..., tuple[int, str, str]]


@cache
def the_book() -> cm.PriceBook:
    return cm.PriceBook.read(shipped_dir(), shipped=False)


@cache
def compared(name: str) -> cm.Comparison:
    return cm.compare(cm.Scenario.read(NOTEBOOKS / "scenarios" / f"{name}.toml"), the_book())


@cache
def lines(name: str, option: str) -> pd.DataFrame:
    return compared(name).bills[option].frame()


@cache
def cells(file: str) -> list[list[str]]:
    with (shipped_dir() / file).open(encoding="utf-8", newline="") as text:
        return list(csv.reader(text))


def ratio(encoding: str, content: str) -> float:
    """Return tokens of an encoding for each token of o200k_base."""
    found = [row for row in cells("tokenizers.csv") if row[:2] == [encoding, content]]
    return float(found[0][2])


def served(frame: pd.DataFrame, meter: str, column: str = "quantity") -> float:
    """Return what serving takes of a meter, the double running at a change of model left out."""
    rows = frame[frame["line"].str.startswith("serve/") & (frame["phase"] == "serve")]
    return float(rows.loc[rows["meter"] == meter, column].sum())


# all of them


def test_there_are_at_least_ten_scenarios() -> None:
    assert len(SCENARIOS) >= 10


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_is_a_decision_with_an_answer(path: Path) -> None:
    comparison = compared(path.stem)
    assert 4 <= len(comparison.results) <= 12
    assert len({result.provider for result in comparison.results}) >= 3
    feasible = [result for result in comparison.results if result.feasible]
    assert feasible
    for result in feasible:
        found = result.as_dict()
        assert 0 < found["total_usd"] < 1e7
        assert found["total_usd"] == pytest.approx(sum(found["by_phase"].values()))
    assert "is cheapest per successful outcome" in comparison.verdict


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_says_what_it_is_and_that_its_rates_are_examples(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert "an example" in text
    assert "replace them" in text
    assert cm.Scenario.read(path).start.isoformat() == "2026-12-01"
    assert 12 <= cm.Scenario.read(path).months <= 36


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_command_compares_a_scenario(path: Path, command_line: Run) -> None:
    status, out, err = command_line("compare", path, "--json")
    assert (status, err) == (0, "")
    answer: dict[str, Any] = json.loads(out, parse_constant=pytest.fail)
    assert answer["verdict"]
    assert any(option["feasible"] for option in answer["options"])


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_dollar_of_a_scenario_cites_a_row_of_a_table(path: Path) -> None:
    for option in compared(path.stem).bills:
        frame = lines(path.stem, option)
        cited = frame[["file", "row", "source"]].drop_duplicates()
        for file, row, source in cited.itertuples(index=False):
            if file == path.name:  # own hourly rates under [people]
                continue
            header, found = cells(file)[0], cells(file)[row - 1]
            assert found[header.index("source")] == source, (option, file, row)


# one fact of each


def test_the_price_of_gemini_flash_doubles_in_january() -> None:
    frame = lines("support_bot", "RAG on Gemini 3.8 Flash")
    asked = frame[(frame["meter"] == "input_mtok") & (frame["phase"] == "serve")]
    prices = asked.groupby("month")["unit_price_usd"].first()
    assert (prices["2026-12"], prices["2027-01"]) == (0.75, 1.50)


def test_a_batch_is_billed_at_half_of_every_price() -> None:
    at_once = lines("contract_clauses", "GPT-6.1 Terra at once")
    overnight = lines("contract_clauses", "GPT-6.1 Terra overnight")
    for meter, price in (("input_mtok", 1.0), ("cached_input_mtok", 0.05), ("output_mtok", 5.0)):
        for frame, paid in ((at_once, price), (overnight, price / 2)):
            rows = frame[frame["line"].str.startswith("serve/") & (frame["meter"] == meter)]
            assert set(rows["unit_price_usd"]) == {paid}
    assert served(overnight, "output_mtok") == served(at_once, "output_mtok")


def test_a_batch_that_finds_the_cache_half_the_time_costs_more_than_a_warm_cache() -> None:
    at_once = lines("contract_clauses", "GPT-6.1 Terra at once")
    overnight = lines("contract_clauses", "GPT-6.1 Terra overnight")
    # a thousand clauses: 52 tokens of clause, 1,400 from the cache; 700 read and 700 written
    hand = (52 * 0.50 + 700 * 0.025 + 700 * 0.625 + 57 * 2.50) / (52 * 1 + 1400 * 0.05 + 57 * 5)
    paid = [frame[frame["phase"] == "serve"]["cost_usd"].sum() for frame in (overnight, at_once)]
    assert paid[0] / paid[1] == pytest.approx(hand, rel=1e-6)
    assert hand > 1.5


def test_training_on_preferences_costs_the_minimum_of_the_job() -> None:
    frame = lines("brand_voice", "DPO on Llama 8B at Together")
    train = frame[frame["line"].str.startswith("train/") & (frame["phase"] == "build")]
    assert train["cost_usd"].sum() == pytest.approx(2 * 4.00)  # two runs for a release


def test_a_pair_is_its_prompt_and_both_answers() -> None:
    frame = lines("brand_voice", "DPO on GPT-4.1 mini at Azure")
    train = frame[frame["line"].str.startswith("train/") & (frame["phase"] == "build")]
    # the 20 pairs of the file hold 2,761 tokens; 2 runs of 2 epochs over 1,500 such pairs
    assert train["quantity"].sum() == pytest.approx(2 * 2 * 1_500 * 2_761 / 20 / 1e6)


def test_long_records_pay_five_times_the_price() -> None:
    frame = lines("clinical_coding", "Claude Haiku 5.5")
    asked = frame[(frame["phase"] == "serve") & (frame["meter"] == "input_mtok")]
    paid = asked.groupby("unit_price_usd")["quantity"].sum()
    assert list(paid.index) == [0.1, 0.5]
    # a lognormal record of 66,960 tokens of Claude on average: the fifth that goes over 100,000
    # tokens with the rules before it holds Phi((10.815 + 0.593 - 11.467) / 0.770) of all tokens
    assert paid[0.5] / paid.sum() == pytest.approx(0.47, abs=0.02)


def test_a_look_up_adds_its_passages_to_every_prompt() -> None:
    without = lines("clinical_coding", "GPT-6.1 Terra overnight")
    looked_up = lines("clinical_coding", "Codes looked up, GPT-6.1 Terra")
    meters = ("input_mtok", "cached_input_mtok", "cache_write_mtok")
    more = sum(served(looked_up, meter) - served(without, meter) for meter in meters)
    assert more == pytest.approx(24 * 15_000 * 4_000 / 1e6, rel=1e-6)


def test_the_whole_text_in_the_prompt_needs_no_index() -> None:
    for option in ("Whole code on GPT-6 Luna", "Whole code on Claude Sonnet 5.5"):
        assert "retrieval.csv" not in set(lines("legal_qa", option)["file"])


def test_a_search_unit_is_paid_around_the_clock() -> None:
    frame = lines("legal_qa", "Azure search unit, GPT-6 Luna")
    unit = frame[frame["meter"] == "search_unit_hour"]
    assert unit["quantity"].sum() == pytest.approx(HOURS)
    assert unit["cost_usd"].sum() == pytest.approx(HOURS * 0.336)


def test_what_is_learnt_by_heart_is_out_of_date_every_four_months() -> None:
    frame = lines("legal_qa", "By heart: tuned Nova 2 Lite")
    label = frame[frame["line"].str.startswith("label/")].groupby("cause")["quantity"].sum()
    assert label[""] == pytest.approx(3_000 * 6 / 60)
    assert label["label_ageing"] == pytest.approx(6 * 0.5 * 3_000 * 6 / 60)


def test_thinking_is_billed_as_output() -> None:
    quick = lines("code_review", "GPT-6 Luna")
    thinking = lines("code_review", "GPT-6 Luna, thinking")
    more = served(thinking, "output_mtok") / served(quick, "output_mtok")
    assert more == pytest.approx((3_000 + 180) / 180)


def test_a_judge_marks_three_qualities_of_every_case() -> None:
    frame = lines("code_review", "GPT-6.1 Terra, thinking")
    judge = frame[(frame["sku"] == "claude-opus-5-5") & (frame["meter"] == "output_mtok")]
    drift = judge.loc[judge["cause"] == "drift", "quantity"].sum()
    written = 250 * ratio("claude-4.7", "code")
    assert drift == pytest.approx(18 * 250 * 3 * written / 1e6)


def test_twelve_adapters_share_one_replica() -> None:
    for option in ("Twelve adapters on one H100 at Together", "Twelve adapters on one rented L40S"):
        frame = lines("twelve_teams", option)
        serving = frame[(frame["meter"] == "instance_hour") & (frame["phase"] == "serve")]
        assert serving["quantity"].sum() == pytest.approx(HOURS)


def test_twelve_deployments_are_paid_twelve_times() -> None:
    frame = lines("twelve_teams", "Twelve deployments of GPT-4.1 mini at Azure")
    fees = frame[(frame["meter"] == "hosting_hour") & (frame["phase"] == "serve")]
    assert fees["cost_usd"].sum() == pytest.approx(12 * HOURS * 1.70)


def test_twelve_teams_share_one_index() -> None:
    frame = lines("twelve_teams", "Twelve adapters at Tinker")
    embedded = frame[frame["line"].str.startswith("embed/") & (frame["phase"] == "build")]
    assert embedded["quantity"].sum() == pytest.approx(6 / (1 - 0.1))  # a tenth overlaps


@pytest.mark.parametrize(("task", "content"), [("German", "german"), ("Japanese", "japanese")])
def test_a_language_costs_more_tokens_on_claude_than_on_gpt(task: str, content: str) -> None:
    answers = []
    for option in ("Claude Haiku 5.5", "GPT-6 Luna"):
        frame = lines("multilingual", option)
        answers.append(served(frame[frame["detail"] == task], "output_mtok"))
    assert answers[0] / answers[1] == pytest.approx(ratio("claude-4.7", content))
    assert answers[0] > 1.2 * answers[1]


def test_what_is_in_place_is_not_built() -> None:
    for option in ("Keep it, then prompt Luna", "Keep it, then tune Qwen at Tinker"):
        assert compared("keep_or_move").bills[option].by_phase()["build"] == 0


def test_the_old_model_answers_until_the_new_one_is_live() -> None:
    frame = lines("keep_or_move", "Move to Nova Micro in January")
    serving = frame[frame["line"].str.startswith("serve/") & (frame["phase"] == "serve")]
    first = serving[serving["month"] == "2026-12"]
    assert set(first["sku"]) == {"ft:gpt-4o-mini-2024-07-18"}
    assert set(serving.loc[serving["month"] == "2027-01", "sku"]) == {"amazon.nova-micro-v1:0"}


def test_doing_nothing_is_no_option() -> None:
    kept = next(r for r in compared("keep_or_move").results if r.name == "Keep it and hope")
    assert not kept.feasible
    assert "2027-01-14" in kept.reason


@pytest.mark.parametrize(("store", "minimum"), [("Pinecone", 50), ("Turbopuffer", 16)])
def test_the_startup_pays_the_minimum_of_its_store(store: str, minimum: float) -> None:
    frame = lines("startup", f"{store} and GPT-6 Luna")
    paid = frame[frame["provider"] == store.lower()].groupby("month")["cost_usd"].sum()
    assert len(paid) == 12
    assert paid.to_numpy() == pytest.approx([minimum] * 12)


def test_the_gpu_of_the_startup_works_two_hours_of_a_year() -> None:
    frame = lines("startup", "Tuned Llama 8B at Together")
    hours = frame[frame["meter"] == "instance_hour"].groupby("line")["quantity"].sum()
    idle = hours[hours.index.str.startswith("idle/")].sum()
    assert hours.sum() == pytest.approx(365 * 24)
    assert hours.sum() - idle < 2.5


# GPUs of one's own: the same work and people as by the token, and predicted speeds

OWN = {
    "support_bot": ("Tuned Llama 8B on rented GPU",),
    "contract_clauses": ("Tuned Qwen3 8B on a rented L40S", "Tuned Qwen3 8B on an owned H100"),
    "brand_voice": ("DPO on Llama 8B on a rented L40S",),
    "multilingual": ("Tuned Qwen3 8B on a rented H100",),
    "twelve_teams": ("Twelve adapters on one rented L40S", "Twelve adapters on one owned H100"),
}
BY_TOKEN = {
    "support_bot": "Tuned Nova Micro at Bedrock",
    "contract_clauses": "Tuned Qwen3 8B at Tinker",
    "brand_voice": "DPO on Llama 8B at Together",
    "multilingual": "Tuned Qwen3.5 9B at Tinker",
    "twelve_teams": "Twelve adapters at Tinker",
}


@pytest.mark.parametrize("name", OWN)
def test_own_gpus_are_compared_on_equal_terms(name: str) -> None:
    """People cost what they cost with a model by the token, but for hosted models that retire."""

    def people(option: str) -> dict[str, float]:
        frame = lines(name, option)
        hours = frame[(frame["meter"] == "person_hour") & (frame["cause"] != "retirement")]
        return {
            str(k): float(v) for k, v in hours.groupby(["line", "cause"])["cost_usd"].sum().items()
        }

    for option in OWN[name]:
        own, by_token = people(option), people(BY_TOKEN[name])
        assert own.keys() == by_token.keys()
        for line, usd in own.items():
            # a move to a new base replaces some of the changes that would come anyway
            assert 0.85 * usd <= by_token[line] <= usd * (1 + 1e-9), line
        assert "predicted" in " ".join(compared(name).bills[option].assumptions)


def training_speed(model: str, gpu: str, objective: str = "sft") -> float:
    plan = cm.plan_training(
        model, gpu, tokens=1e6, method="lora", objective=objective, gpus=1, sequence_length=2048
    )
    return plan.tokens_per_second


def test_a_rented_gpu_stands_for_the_peak_and_trains_for_minutes() -> None:
    frame = lines("contract_clauses", "Tuned Qwen3 8B on a rented L40S")
    standing = frame[(frame["meter"] == "instance_hour") & (frame["phase"] == "serve")]
    # 6 to 7.6 million clauses of 170 tokens, three times as many at the peak: one GPU
    assert standing["cost_usd"].sum() == pytest.approx(HOURS * 1.09)
    train = frame[frame["line"].str.startswith("train/") & (frame["phase"] == "build")]
    # 2 runs of 3 epochs over 4,000 clauses of 150 tokens, and a quarter of an hour for each start
    examples = read(NOTEBOOKS / "data" / "contract_clauses.jsonl")
    mean = sum(tokens(example["messages"]) for example in examples) / len(examples) + BEGIN
    amount = 3 * 4_000 * mean * ratio("qwen", "english")
    hand = 2 * (amount / training_speed("Qwen3-8B", "L40S") / 3600 + 0.25)
    assert train["quantity"].sum() == pytest.approx(hand)


def test_an_owned_gpu_costs_its_capital_whatever_it_does() -> None:
    frame = lines("contract_clauses", "Tuned Qwen3 8B on an owned H100")
    usd = frame.groupby("meter")["cost_usd"].sum()
    years = HOURS / 8_760
    # 39,200 dollars over 4 years at 10 %, a fifth left at the end, and 5 % a year of support
    annuity = (1 - 0.2 * 1.1**-4) * 0.1 / (1 - 1.1**-4)
    assert usd["gpu_purchase"] == pytest.approx(39_200 * (annuity + 0.05) * years)
    assert usd["kw_month"] == pytest.approx(24 * 1.275 * 184.06)


def test_a_pair_is_two_sequences_on_a_gpu_of_ones_own() -> None:
    frame = lines("brand_voice", "DPO on Llama 8B on a rented L40S")
    train = frame[frame["line"].str.startswith("train/") & (frame["phase"] == "build")]
    pairs = read(NOTEBOOKS / "data" / "brand_voice_pairs.jsonl")
    prompt = sum(tokens(pair["input"]["messages"]) for pair in pairs) / len(pairs) + BEGIN
    sides = ("preferred_output", "non_preferred_output")
    answers = sum(tokens(pair[side], 0) for pair in pairs for side in sides) / len(pairs)
    amount = 2 * 1_500 * (2 * prompt + answers) * ratio("llama3", "english")
    hand = 2 * (amount / training_speed("Llama-3.1-8B", "L40S", "dpo") / 3600 + 0.25)
    assert train["quantity"].sum() == pytest.approx(hand)


@pytest.mark.parametrize("name", OWN)
def test_no_option_on_own_gpus_is_the_cheapest(name: str) -> None:
    """At these volumes a GPU waits most of the time; the READMEs say so."""
    assert not any(compared(name).verdict.startswith(option) for option in OWN[name])


# the data beside them

OVERHEAD = 4  # tokens around each message: a frame of 3 and its role
BEGIN = 3  # tokens that begin an answer


def tokens(messages: list[dict[str, str]], overhead: int = OVERHEAD) -> int:
    counts = toktok.batch_count([message["content"] for message in messages], "o200k_base")
    return int(sum(counts)) + overhead * len(messages)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_the_examples_are_in_the_format_of_the_providers(path: Path) -> None:
    examples = read(path)
    assert 20 <= len(examples) <= 60
    for example in examples:
        pair = "preferred_output" in example
        messages = example["input"]["messages"] if pair else example["messages"]
        roles = [message["role"] for message in messages]
        assert roles == ["system", "user"] if pair else ["system", "user", "assistant"]
        if pair:
            for answer in (example["preferred_output"], example["non_preferred_output"]):
                assert [message["role"] for message in answer] == ["assistant"]
        assert all(message["content"].strip() for message in messages)


@pytest.mark.parametrize(
    ("data", "scenario", "approach"),
    [
        ("support_bot", "support_bot", "tone"),
        ("support_bot", "startup", "tone"),
        ("contract_clauses", "contract_clauses", "form"),
        ("code_review", "code_review", "past_reviews"),
        ("legal_qa", "legal_qa", "by_heart"),
        ("multilingual", "multilingual", "tone"),
        ("mail_sorting", "keep_or_move", "sorting"),
        ("twelve_teams", "twelve_teams", "form"),
    ],
)
def test_the_examples_are_as_long_as_the_scenario_says(
    data: str, scenario: str, approach: str
) -> None:
    examples = read(NOTEBOOKS / "data" / f"{data}.jsonl")
    mean = sum(tokens(example["messages"]) for example in examples) / len(examples) + BEGIN
    options = compared(scenario).scenario.options
    plain = [option for option in options if isinstance(option, cm.Option)]
    stages = [stage for option in plain for stage in option.stages]
    tune = next(stage.approaches[approach] for stage in stages if approach in stage.approaches)
    assert isinstance(tune, cm.FineTune)
    size = tune.tokens_per_example
    stated = size.mean if isinstance(size, cm.Size) else size
    assert float(stated) == pytest.approx(mean)


def test_the_pairs_are_as_long_as_the_scenario_says() -> None:
    pairs = read(NOTEBOOKS / "data" / "brand_voice_pairs.jsonl")
    prompts = sum(tokens(pair["input"]["messages"]) for pair in pairs) / len(pairs) + BEGIN
    sides = ("preferred_output", "non_preferred_output")
    answers = sum(tokens(pair[side], 0) for pair in pairs for side in sides) / len(pairs) / 2
    options = compared("brand_voice").scenario.options
    plain = [option for option in options if isinstance(option, cm.Option)]
    stages = [stage for option in plain for stage in option.stages]
    tunes = [a for s in stages for a in s.approaches.values() if isinstance(a, cm.PreferenceTune)]
    for tune in tunes:
        assert float(tune.prompt_tokens) == pytest.approx(prompts)
        assert float(tune.answer_tokens) == pytest.approx(answers)
    assert tunes


# what shows what

COVERAGE = Path(__file__).parents[1] / "coverage.md"
GROUPS = {"A": 12, "B": 13, "C": 14, "D": 19, "E": 11, "F": 12}


def test_every_line_of_the_list_is_shown_by_something() -> None:
    found = re.findall(r"^\| ([A-F]\d+) \| .+ \| (.+) \|$", COVERAGE.read_text("utf-8"), re.M)
    wanted = [f"{group}{k}" for group, count in GROUPS.items() for k in range(1, count + 1)]
    assert [line for line, _ in found] == wanted
    assert all(shown.strip() for _, shown in found)


def test_what_shows_something_exists() -> None:
    text = COVERAGE.read_text("utf-8")
    root = NOTEBOOKS.parent
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) == text.count("::") > 50
    for file, test in named:
        assert f"def {test}(" in (root / file).read_text("utf-8"), (file, test)
    for scenario in re.findall(r"`(\w+\.toml)`", text):
        assert (NOTEBOOKS / "scenarios" / scenario).is_file()


def test_the_readme_of_the_scenarios_names_each_of_them() -> None:
    text = (NOTEBOOKS / "scenarios" / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| \[(\w+)\]", text, re.M)) == [path.stem for path in SCENARIOS]
