"""A sample says how much it does not know."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from costmodel.errors import DataError
from costmodel.tokens.corpus import Job, tally_part
from costmodel.tokens.reading import sniff
from costmodel.tokens.sampling import sample


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 3,000 chats whose lengths differ a hundredfold."""
    draw = random.Random(11)
    path = tmp_path_factory.mktemp("data") / "many.jsonl"
    words = ["price", "Rechnung", "12.50", "値段", "per", "hour,", "and", "then\n"]
    with path.open("w", encoding="utf-8") as stream:
        for _ in range(3000):
            text = " ".join(draw.choices(words, k=int(draw.lognormvariate(3, 1)) + 1))
            chat = [{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}]
            stream.write(json.dumps({"messages": chat}) + "\n")
    return path


def test_nineteen_of_twenty_intervals_hold_the_truth(many: Path) -> None:
    source = sniff(str(many))
    truth = tally_part(source, Job())
    held = records = 0
    for seed in range(200):
        found = sample(source, Job(), 100, seed)
        held += found.tokens[1] <= truth.tokens <= found.tokens[2]
        records += found.records[1] <= truth.records <= found.records[2]
    # 95 % of 200 is 190, give or take three standard deviations of 3.1
    assert 180 <= held <= 200
    assert 175 <= records <= 200


def test_a_sample_is_unbiased_though_long_lines_are_drawn_more_often(many: Path) -> None:
    source = sniff(str(many))
    truth = tally_part(source, Job())
    found = [sample(source, Job(), 200, seed) for seed in range(60)]
    assert sum(f.tokens[0] for f in found) / 60 == pytest.approx(truth.tokens, rel=0.02)
    assert sum(f.records[0] for f in found) / 60 == pytest.approx(truth.records, rel=0.03)


def test_the_same_seed_gives_the_same_sample(many: Path) -> None:
    source = sniff(str(many))
    assert sample(source, Job(), 50, 3).tokens == sample(source, Job(), 50, 3).tokens
    assert sample(source, Job(), 50, 3).tokens != sample(source, Job(), 50, 4).tokens


def test_roles_and_lengths_of_a_sample_stand_for_the_whole(many: Path) -> None:
    source = sniff(str(many))
    truth = tally_part(source, Job())
    found = sample(source, Job(), 1500, 1)
    assert found.by_role["user"] == pytest.approx(truth.sums["user"], rel=0.03)
    assert found.examples.sum() == pytest.approx(truth.records, rel=0.05)


def test_a_file_that_cannot_be_entered_is_read_through(many: Path, tmp_path: Path) -> None:
    import gzip

    packed = tmp_path / "many.jsonl.gz"
    packed.write_bytes(gzip.compress(many.read_bytes()))
    found = sample(sniff(str(packed)), Job(), 500, 1)
    truth = tally_part(sniff(str(many)), Job())
    assert found.records == (truth.records,) * 3
    assert found.tokens[1] < truth.tokens < found.tokens[2]


def test_a_sample_of_one_is_refused(many: Path) -> None:
    with pytest.raises(DataError, match="at least 2"):
        sample(sniff(str(many)), Job(), 1)


def test_a_file_drawn_whole_leaves_no_doubt(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("prompt,completion\nHow much?,Three.\nWhat else,\n")
    truth = tally_part(sniff(str(table)), Job())
    assert sample(sniff(str(table)), Job(), 10).tokens == (truth.tokens,) * 3
    table.write_text("prompt,completion\nHow much?,Three.\n")
    assert sample(sniff(str(table)), Job(), 10).records == (1.0, 1.0, 1.0)


def test_prompts_of_a_sample_stand_for_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pair = {"prompt": "How much is it?", "chosen": "Three dollars.", "rejected": "No idea."}
    path.write_text((json.dumps(pair) + "\n") * 500)
    truth = tally_part(sniff(str(path)), Job())
    # all records are alike, so that any sample knows the whole
    assert sample(sniff(str(path)), Job(), 10).prompts == pytest.approx(truth.prompts)
    assert truth.prompts == 500 * 5


def test_a_broken_line_that_is_drawn_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "How much?"}\n{"text": "cut\n\n\n')
    found = sample(sniff(str(path)), Job(), 200).tally
    [reason] = found.reasons
    assert reason.startswith("is cut short")
    assert found.records + found.reasons[reason] < 200  # blank lines are neither
