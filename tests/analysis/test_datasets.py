"""The same file costs at each provider what its own rules make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.analysis.datasets import Dataset, billed, summary
from costmodel.costs import TokenRule, token_rule
from costmodel.errors import DataError
from costmodel.tokens.corpus import Job, tally_part
from costmodel.tokens.counting import counter
from costmodel.tokens.reading import sniff

DAY = date(2026, 11, 21)
O200K = TokenRule("o200k_base", "o200k_base", "o200k_base")
HEADER = "provider,model,objective,unit,price,serves_as"


def dataset(folder: Path, records: list[dict[str, Any]], **how: Any) -> Dataset:
    """Return a counted file of records."""
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    source = sniff(str(path))
    return Dataset(source.name, source.shape, tally_part(source, Job(**how)), O200K, **how)


def texts(*tokens: int) -> list[dict[str, Any]]:
    """Return texts of so many tokens each."""
    made = [{"text": " price" * n} for n in tokens]
    assert counter().counts([m["text"] for m in made]).tolist() == list(tokens)
    return made


def offered(
    tables: Callable[..., Path], columns: str, cells: str, unit: str = "mtok_epoch"
) -> cm.PriceBook:
    """Return a book with one tuning offer of $10 per Mtok."""
    line = f"acme,mini-1,sft,{unit},10,mini-1,{cells}"
    folder = tables(
        finetuning=(f"{HEADER},{columns}", line),
        inference__acme=("model,input_per_mtok,output_per_mtok", "mini-1,1,1"),
        models=("provider,model,encoding", "acme,mini-1,o200k_base"),
        tokenizers=("encoding,content,ratio", "o200k_base,english,1"),
    )
    return cm.PriceBook.read(folder, shipped=False)


def test_openai_bills_file_tokens_times_its_own_epochs(tmp_path: Path) -> None:
    # 20 examples of 1,000 tokens: 100 // 20 = 5 epochs, 100,000 tokens at $25 a million
    found = billed(dataset(tmp_path, texts(*[1000] * 20)), cm.PriceBook.read(), date(2026, 12, 1))
    [offer] = [o for o in found if (o["provider"], o["sku"]) == ("openai", "gpt-4.1:sft")]
    assert (offer["epochs"], offer["billed_tokens"], offer["trained_tokens"]) == (5, 2e4, 1e5)
    assert offer["train_usd"] == pytest.approx(2.50)
    assert offer["counted"] == "exact"


def test_together_bills_four_dollars_at_least(tmp_path: Path) -> None:
    found = billed(dataset(tmp_path, texts(*[1000] * 20)), cm.PriceBook.read(), DAY)
    mine = [o for o in found if o["provider"] == "together" and "235B" not in o["sku"]]
    assert mine
    assert {o["train_usd"] for o in mine if o["refused"] is None} == {4.0}


def test_unpacked_examples_are_billed_as_whole_sequences(tmp_path: Path) -> None:
    found = billed(
        dataset(tmp_path, texts(*[1000] * 20)), cm.PriceBook.read(), DAY, sequence_length=8192
    )
    [offer] = [o for o in found if o["sku"] == "up to 16B:sft:lora" and o["provider"] == "together"]
    assert offer["billed_tokens"] == 20 * 8192


def test_the_toy_file_is_billed_as_4306_tokens_in_20_epochs(tmp_path: Path) -> None:
    # the lengths of OpenAI's cookbook, and its longest example of 4,096 tokens
    data = dataset(tmp_path, texts(45, 111, 26, 28, 8032), limit=4096)
    found = billed(data, cm.PriceBook.read(), DAY)
    [offer] = [o for o in found if (o["provider"], o["sku"]) == ("openai", "gpt-4.1:sft")]
    assert (offer["billed_tokens"], offer["epochs"]) == (4306, 20)
    assert offer["trained_tokens"] == 86_120
    assert offer["refused"] == "wants at least 10 examples"


@pytest.mark.parametrize(
    ("over_long", "tokens"), [("truncate", 100 + 500), ("drop", 100), ("bill", 100 + 900)]
)
def test_long_examples_are_cut_dropped_or_billed(
    tmp_path: Path, tables: Callable[..., Path], over_long: str, tokens: int
) -> None:
    book = offered(tables, "max_example_tokens,over_long,default_epochs", f"500,{over_long},1")
    [offer] = billed(dataset(tmp_path, texts(100, 900)), book, DAY)
    assert offer["billed_tokens"] == tokens
    assert offer["over_limit"] == 1
    assert offer["train_usd"] == pytest.approx(tokens / 1e6 * 10)


def test_a_provider_without_a_rule_for_long_examples_refuses_them(
    tmp_path: Path, tables: Callable[..., Path]
) -> None:
    book = offered(tables, "max_example_tokens,default_epochs", "500,1")
    [offer] = billed(dataset(tmp_path, texts(100, 900, 901)), book, DAY)
    assert offer["refused"] == "2 examples are longer than the 500 tokens it takes"


def test_validation_is_billed_where_the_provider_bills_it(
    tmp_path: Path, tables: Callable[..., Path]
) -> None:
    held = dataset(tmp_path, texts(300))
    data = dataset(tmp_path, texts(100, 900))
    for billed_validation, tokens in (("yes", 2 * 1000 + 300), ("no", 2 * 1000)):
        book = offered(tables, "billed_validation,default_epochs", f"{billed_validation},2")
        [offer] = billed(data, book, DAY, validation=held)
        assert offer["trained_tokens"] == tokens
        assert offer["train_usd"] == pytest.approx(tokens / 1e6 * 10)


def test_vertex_bills_the_prompt_of_a_pair_twice(
    tmp_path: Path, tables: Callable[..., Path]
) -> None:
    pair = {"prompt": " price" * 100, "chosen": " price" * 10, "rejected": " price" * 20}
    columns = "pair_rule,default_epochs"
    for rule, tokens in (("2p+c+r", 230), ("p+c+r", 130), ("", 130)):
        book = offered(tables, columns, f"{rule},1")
        found = billed(dataset(tmp_path, [pair]), book, DAY, objective="sft")
        assert found[0]["billed_tokens"] == tokens


def test_other_vendors_are_counted_by_their_ratio_and_say_so(tmp_path: Path) -> None:
    found = billed(dataset(tmp_path, texts(*[1000] * 20)), cm.PriceBook.read(), DAY)
    [offer] = [o for o in found if o["sku"] == "gemma-3-27b-it:sft"]
    assert offer["counted"].startswith("ratio 1.03")
    assert offer["billed_tokens"] == pytest.approx(20_000 * 1.027)


def test_the_summary_adds_up(tmp_path: Path) -> None:
    found = summary(dataset(tmp_path, texts(10, 20, 30, 40, 1000), limit=500))
    assert found["records"] == 5
    assert found["tokens"] == sum(found["by_role"].values()) == 1100
    assert sum(b["examples"] for b in found["histogram"]) == 5
    assert (found["quantiles"]["p50"], found["quantiles"]["max"]) == (30, 1000)
    assert found["over_limit"]["first"] == [{"line": 5, "tokens": 1000}]


def test_an_estimate_scales_everything_and_says_so(tmp_path: Path) -> None:
    data = dataset(tmp_path, texts(100, 900))
    rule = token_rule("claude-opus-4-7", estimate=True)
    found = summary(Dataset(data.name, data.shape, data.tally, rule))
    assert found["tokens"] == round(1000 * 1.488)
    assert not found["exact"]
    assert "estimate" in found["said"]


# own ratios


def test_a_count_of_the_provider_becomes_a_row_of_ones_own(tmp_path: Path) -> None:
    from costmodel.analysis.calibration import calibrated, store

    book = cm.PriceBook.read()
    for model, content in (("claude-opus-4-7", "german"), ("command-r", "english")):
        [known, *_] = book.catalog.models_named(model)
        ratio = calibrated(known, 150, 100, content, DAY, "https://example.org/count")
        store(ratio, known, tmp_path, book)
    own = cm.PriceBook.read(tmp_path)
    text = " price" * 1000
    german = cm.count_tokens(text, "claude-opus-4-7", estimate=True, content="german", book=own)
    assert german == 1500
    assert cm.count_tokens(text, "command-r", estimate=True, book=own) == 1500
    # what was there before is still there
    assert cm.count_tokens(text, "claude-opus-4-7", estimate=True, book=own) == 1488


@pytest.mark.parametrize(("counted", "ours"), [(1500, 10), (1500, 100), (5, 100)])
def test_a_ratio_that_cannot_be_right_is_refused(counted: float, ours: int) -> None:
    from costmodel.analysis.calibration import calibrated

    [model, *_] = cm.PriceBook.read().catalog.models_named("claude-opus-4-7")
    with pytest.raises(DataError):
        calibrated(model, counted, ours, "english", DAY, "https://example.org")
