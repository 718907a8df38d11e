"""A scenario takes token counts from the files it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import costmodel as cm
from costmodel.approaches import FineTune, LongContext, PreferenceTune, Rag
from costmodel.errors import ScenarioError

BASE = """\
version = 1
name = "case"
start = 2026-12-01
months = 1
existing_customer = ["openai"]
[workload]
requests = 1000
parts = {{question = 100, answer = 50}}
[approach.tone]
{approach}
[[option]]
name = "a"
model = "{model}"
host = {{kind = "per_token", provider = "openai"}}
approaches = ["tone"]
"""


def scenario(folder: Path, approach: str, model: str = "gpt-4.1-mini") -> cm.Scenario:
    """Return a scenario with one approach."""
    path = folder / "case.toml"
    path.write_text(BASE.format(approach=approach, model=model))
    return cm.Scenario.read(path)


def texts(path: Path, *tokens: int) -> None:
    """Write texts of so many tokens each."""
    lines = (json.dumps({"prompt": " price" * (n - 1), "completion": " x"}) for n in tokens)
    path.write_text("".join(line + "\n" for line in lines))


def approach_of(found: cm.Scenario) -> object:
    """Return the only approach."""
    option = found.options[0]
    assert isinstance(option, cm.Option)
    return option.stages[0].approaches["tone"]


def train_mtok(found: cm.Scenario) -> float:
    """Return what is trained in the first month, validation left out. [Mtok]"""
    bill = cm.compare(found).bills["a"]
    [built] = [b for b in bill.lines if (b.line.activity, b.line.phase) == ("train", "build")]
    return float(built.amount.sum())


def test_a_training_set_gives_number_and_lengths(tmp_path: Path) -> None:
    texts(tmp_path / "set.jsonl", *[100] * 30, *[300] * 30)
    tune = approach_of(scenario(tmp_path, 'kind = "fine_tune"\ndataset = "set.jsonl"'))
    assert isinstance(tune, FineTune)
    assert tune.examples == 60
    assert isinstance(tune.tokens_per_example, cm.Size)
    assert tune.tokens_per_example.mean == 200
    assert tune.tokens_per_example.cv == pytest.approx(0.5)


def test_the_bill_uses_the_very_lengths_of_the_file(tmp_path: Path) -> None:
    # one example of 70,000 tokens is cut at 65,536; 40 examples are trained in 3 epochs and 2 runs
    texts(tmp_path / "set.jsonl", *[100] * 39, 70_000)
    lines = 'kind = "fine_tune"\ndataset = "set.jsonl"\nvalidation_share = 0'
    found = scenario(tmp_path, lines)
    assert train_mtok(found) == pytest.approx((39 * 100 + 65_536) * 3 * 2 / 1e6)


def test_a_stated_number_of_examples_wins_and_the_lengths_are_said(tmp_path: Path) -> None:
    texts(tmp_path / "set.jsonl", *[100] * 20)
    lines = 'kind = "fine_tune"\ndataset = "set.jsonl"\nexamples = 5_000'
    found = scenario(tmp_path, lines)
    tune = approach_of(found)
    assert isinstance(tune, FineTune)
    assert tune.examples == 5000
    said = cm.compare(found).bills["a"].assumptions
    assert any("20 records of set.jsonl" in text for text in said)


def test_a_validation_set_gives_its_share(tmp_path: Path) -> None:
    texts(tmp_path / "set.jsonl", *[100] * 40)
    texts(tmp_path / "held.jsonl", *[100] * 10)
    lines = 'kind = "fine_tune"\ndataset = "set.jsonl"\nvalidation = "held.jsonl"'
    tune = approach_of(scenario(tmp_path, lines))
    assert isinstance(tune, FineTune)
    assert tune.validation_share == 0.25


def test_pairs_give_prompt_and_answers(tmp_path: Path) -> None:
    pair = {"prompt": " price" * 100, "chosen": " price" * 10, "rejected": " price" * 30}
    (tmp_path / "pairs.jsonl").write_text((json.dumps(pair) + "\n") * 12)
    tune = approach_of(scenario(tmp_path, 'kind = "preference_tune"\ndataset = "pairs.jsonl"'))
    assert isinstance(tune, PreferenceTune)
    assert (tune.examples, tune.prompt_tokens, tune.answer_tokens) == (12, 100, 20)


def test_documents_give_tokens_and_chunks(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for k, size in enumerate((100, 1000)):
        (tmp_path / "docs" / f"{k}.md").write_text(" price" * size)
    lines = 'kind = "rag"\ncorpus = "docs/*.md"\nchunk_tokens = 200\noverlap = 0.1'
    rag = approach_of(scenario(tmp_path, lines))
    assert isinstance(rag, Rag)
    assert rag.corpus_tokens == 1100
    assert rag.counted is not None
    # one chunk, and one with (1000 - 200) / 180 = 4.4 further ones
    assert rag.counted.chunks == 1 + 6
    spread = lines.replace("200", "{low = 100, mode = 200, high = 300}")
    ranged = approach_of(scenario(tmp_path, spread))
    assert isinstance(ranged, Rag)
    assert ranged.counted is not None
    assert ranged.counted.chunks is None
    whole = approach_of(scenario(tmp_path, 'kind = "long_context"\ncorpus = "docs/*.md"'))
    assert isinstance(whole, LongContext)
    assert whole.corpus_tokens == 1100


@pytest.mark.parametrize(
    ("approach", "reason"),
    [
        ('kind = "fine_tune"\ndataset = "nothing.jsonl"', "no file"),
        ('kind = "fine_tune"\ndataset = "pairs.jsonl"', "which train dpo, not sft"),
        ('kind = "preference_tune"\ndataset = "set.jsonl"', "which train sft, not dpo"),
        ('kind = "rag"\ncorpus = "docs/*.pdf"', "no file matches docs/*.pdf"),
        ('kind = "prompting"\ndataset = "set.jsonl"', "unknown key 'dataset'"),
        ('kind = "fine_tune"\ndataset = 3', "dataset"),
        ('kind = "fine_tune"\ndataset = "set.jsonl"\nvalidation = 3', "must be text in quotes"),
        ('kind = "rag"\ncorpus = "set.jsonl"\nchunk_tokens = "x"', "must be a number, got 'x'"),
        ('kind = "rag"\ncorpus = "set.jsonl"\noverlap = 1', "must be <= 0.99, got 1"),
        ('kind = "fine_tune"\ndataset = "empty.jsonl"', "is empty"),
    ],
)
def test_a_bad_file_is_refused_with_the_line_of_the_scenario(
    tmp_path: Path, approach: str, reason: str
) -> None:
    texts(tmp_path / "set.jsonl", 100)
    (tmp_path / "empty.jsonl").touch()
    pair = {"prompt": "a", "chosen": "b", "rejected": "c"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    with pytest.raises(ScenarioError) as error:
        scenario(tmp_path, approach)
    assert reason in str(error.value)
    assert str(error.value).startswith("case.toml line ")


def test_a_scenario_written_elsewhere_still_finds_its_files(tmp_path: Path) -> None:
    texts(tmp_path / "set.jsonl", *[100] * 12)
    found = scenario(tmp_path, 'kind = "fine_tune"\ndataset = "set.jsonl"')
    (tmp_path / "deep").mkdir()
    found.write(tmp_path / "deep" / "copy.toml")
    again = cm.Scenario.read(tmp_path / "deep" / "copy.toml")
    text = (tmp_path / "deep" / "copy.toml").read_text()
    assert 'dataset = "../set.jsonl"' in text
    assert "tokens_per_example" not in text
    assert approach_of(again).examples == 12  # type: ignore[attr-defined]


def test_a_changed_file_is_counted_again(tmp_path: Path) -> None:
    lines = 'kind = "fine_tune"\ndataset = "set.jsonl"'
    for number in (12, 15):
        texts(tmp_path / "set.jsonl", *[100] * number)
        assert approach_of(scenario(tmp_path, lines)).examples == number  # type: ignore[attr-defined]
