"""What one set of examples costs at every provider, line by line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.analysis.market import Job, tuning_market

Lay = Callable[..., cm.PriceBook]
Run = Callable[..., tuple[int, str, str]]

ON = date(2026, 12, 1)
# 0.5 Mtok; 1 Mtok in and 0.1 Mtok out a month
JOB = Job(1_000, 500, None, "sft", 1_000, 1_000, 100)
TUNING = (
    "provider,model,objective,method,unit,price,serves_as,min_examples,max_examples,"
    "max_example_tokens,training_until,until_kind,effective_from"
)


def offers(job: Job, book: cm.PriceBook, on: date = ON) -> dict[tuple[str, str], dict[str, Any]]:
    return {(r["provider"], r["sku"]): r for r in tuning_market(job, book, on)}


@pytest.mark.parametrize(
    ("provider", "sku", "epochs", "train_usd", "month_usd", "serving"),
    [
        # 0.5 Mtok x 3 epochs x $1; 1 x 0.01 + 0.1 x 0.02
        ("example", "base-1:sft:lora", 3, 1.5, 0.012, "tokens"),
        ("example", "veteran-1:sft:lora", 3, 1.5, 0.1 + 0.04, "tokens"),
        ("example", "base-2:sft:lora", 3, 3, 0.2 + 0.08, "tokens"),
        # two epochs by default
        ("example", "mini-1:sft:lora", 2, 3, 0.6 + 0.24, "tokens"),
        ("example", "mini-1:sft:full", 2, 4, 0.6 + 0.24, "tokens"),
        # an hour costs $1.70 asked or not, of which a month has 730; a version kept is $2
        *(
            (
                "other",
                f"mini-1:sft:{method}",
                3,
                usd,
                0.5 + 0.2 + 730 * 1.7 + 2,
                "tokens + hosting by the hour + storage",
            )
            for method, usd in (("qlora", 6.75), ("lora", 7.5), ("full", 9))
        ),
        # 1.5 x 1.5 = 2.25 and 1.65 x 1.5 = 2.475, at least $4 a job
        ("other", "16B-69B:sft:lora", 3, 4, None, "not by the token: own or rented GPUs"),
        ("other", "16B-69B:sft:full", 3, 4, None, "not by the token: own or rented GPUs"),
        # 2 x 1.5 = 3, at least $10 a month
        ("other", "monthly-1:sft:lora", 3, 10, None, "not by the token: own or rented GPUs"),
    ],
)
def test_training_and_the_month_afterwards_by_hand(
    example_book: cm.PriceBook,
    provider: str,
    sku: str,
    epochs: float,
    train_usd: float,
    month_usd: float | None,
    serving: str,
) -> None:
    found = offers(JOB, example_book)[provider, sku]
    assert found["refused"] is None
    assert found["train_usd"] == pytest.approx(train_usd)
    assert found["epochs"] == epochs
    assert found["month_usd"] == (None if month_usd is None else pytest.approx(month_usd))
    assert found["serving"] == serving


def test_the_cheapest_comes_first_and_what_is_refused_last(example_book: cm.PriceBook) -> None:
    found = tuning_market(JOB, example_book, ON)
    refused = [record["refused"] is not None for record in found]
    assert refused == sorted(refused)
    costs = [record["train_usd"] for record in found if not record["refused"]]
    assert costs == sorted(costs)
    assert (found[0]["sku"], found[-1]["sku"]) == ("base-1:sft:lora", "hourly-1:sft")


def test_every_offer_for_the_objective_is_told_once(example_book: cm.PriceBook) -> None:
    for objective in ("sft", "dpo"):
        found = tuning_market(replace(JOB, objective=objective), example_book, ON)
        rows = [r for r in example_book.catalog.offers if r["objective"] == objective]
        assert sorted(r["row"] for r in found) == sorted(r["line"] for r in rows)


def test_epochs_can_be_stated(example_book: cm.PriceBook) -> None:
    found = offers(replace(JOB, epochs=1), example_book)
    assert found["example", "mini-1:sft:lora"]["train_usd"] == pytest.approx(1.5)
    # 0.5 Mtok x $1.50 is raised to $4 all the same
    assert found["other", "16B-69B:sft:lora"]["train_usd"] == pytest.approx(4)


def test_an_objective_has_its_own_prices(example_book: cm.PriceBook) -> None:
    found = offers(replace(JOB, objective="dpo"), example_book)
    # 0.5 x 2 x $6 and 0.5 x 3 x $10
    costs = {key: record["train_usd"] for key, record in found.items()}
    assert costs == {
        ("example", "mini-1:dpo:lora"): pytest.approx(6),
        ("other", "mini-1:dpo:lora"): pytest.approx(15),
    }


def test_a_closed_provider_is_told_with_the_day(example_book: cm.PriceBook) -> None:
    last = offers(JOB, example_book, date(2027, 1, 5))["example", "base-1:sft:lora"]
    assert (last["refused"], last["training_until"]) == (None, "2027-01-06")
    assert last["inference_until"] == "2027-01-14"
    closed = offers(JOB, example_book, date(2027, 1, 6))["example", "base-1:sft:lora"]
    assert closed["refused"] == "closed 2027-01-06"
    assert (closed["train_usd"], closed["month_usd"]) == (None, None)


def test_a_promise_that_has_run_out_is_no_closing(layered: Lay) -> None:
    line = "example,large-1,sft,lora,mtok_epoch,1,large-1,,,,2026-11-30,floor,"
    found = offers(JOB, layered(finetuning=(TUNING, line)))["example", "large-1:sft:lora"]
    assert found["refused"] == "promised only to 2026-11-30"


def test_existing_customers_are_told(example_book: cm.PriceBook) -> None:
    found = offers(JOB, example_book)
    assert found["example", "veteran-1:sft:lora"]["open_to"] == "existing"
    assert found["example", "base-1:sft:lora"]["open_to"] == "all"


@pytest.mark.parametrize(
    ("limits", "taken", "refused", "said"),
    [
        ("10,,", (10, 500), (9, 500), "wants at least 10 examples"),
        (",10000,", (10_000, 500), (10_001, 500), "takes at most 10,000 examples"),
        (",,65536", (1_000, 65_536), (1_000, 65_537), "takes at most 65,536 tokens an example"),
    ],
)
def test_limits_are_told(
    layered: Lay,
    limits: str,
    taken: tuple[float, float],
    refused: tuple[float, float],
    said: str,
) -> None:
    line = f"example,large-1,sft,lora,mtok_epoch,1,large-1,{limits},,,"
    book = layered(finetuning=(TUNING, line))
    assert offers(Job(*taken), book)["example", "large-1:sft:lora"]["refused"] is None
    assert offers(Job(*refused), book)["example", "large-1:sft:lora"]["refused"] == said


def test_what_is_billed_by_time_cannot_be_priced_from_examples(
    example_book: cm.PriceBook,
) -> None:
    found = offers(JOB, example_book)["other", "hourly-1:sft"]
    assert found["refused"] == "bills by the hour: name the provider and --hours"


def test_what_is_not_served_by_the_token_needs_a_whole_gpu(layered: Lay) -> None:
    rental = "provider,instance,gpu,gpu_count,market,price_per_hour"
    lines = ("other,small,G80,1,dedicated,3", "other,large,G80,1,dedicated,5")
    found = offers(JOB, layered(gpu_rental=(rental, *lines)))["other", "16B-69B:sft:lora"]
    # the cheaper one, 730 hours
    assert found["month_usd"] == pytest.approx(2_190)
    assert found["serving"] == "at least one small, idle or not"


def test_a_price_of_another_day_is_not_shown(layered: Lay) -> None:
    line = "example,large-1,sft,lora,mtok_epoch,1,large-1,,,,,,2027-06-01"
    book = layered(finetuning=(TUNING, line))
    assert ("example", "large-1:sft:lora") not in offers(JOB, book)
    assert ("example", "large-1:sft:lora") in offers(JOB, book, date(2027, 6, 1))


def test_a_row_of_ones_own_takes_the_place_of_the_other(layered: Lay) -> None:
    line = "example,base-2,sft,lora,mtok_epoch,1,base-2,,,,,,"
    found = [
        record
        for record in tuning_market(JOB, layered(finetuning=(TUNING, line)), ON)
        if record["sku"] == "base-2:sft:lora"
    ]
    # 0.5 x 3 x $1 in place of $2, and the row that says so
    assert [record["train_usd"] for record in found] == [pytest.approx(1.5)]
    assert found[0]["row"] == 2
    assert found[0]["file"].endswith("finetuning.csv")
    assert found[0]["file"] != "finetuning.csv"


# the shipped tables beside the provider sheet: 2,000 x 800 = 1.6 Mtok; where the epochs are the
# provider's own choice three are taken, 4.8 Mtok; 10,000 requests of 1,000 and 200 tokens a month

SHEET_DAY = date(2026, 11, 21)
SHEET = Job(2_000, 800, None, "sft", 10_000, 1_000, 200)
HOST = 730 * 1.7
H100_TOGETHER, H100_FIREWORKS = 730 * 5.49, 730 * 8.0
CHOSEN = 1.6 * 3


@pytest.fixture(scope="module")
def sheet() -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """Return the offers of the shipped tables by provider, what, region and mode."""
    found = [
        record
        for objective in ("sft", "dpo", "rft")
        for record in tuning_market(
            replace(SHEET, objective=objective), cm.PriceBook.read(), SHEET_DAY
        )
    ]
    keys = [(r["provider"], r["sku"], r["region"], r["mode"]) for r in found]
    twice = [key for key, times in Counter(keys).items() if times > 1]
    assert twice == []
    return dict(zip(keys, found, strict=True))


def lines() -> list[Any]:
    """Return the provider sheet: key, training, month afterwards (None = not by the token)."""
    rows: list[tuple[str, str, str, str, float, float | None]] = [
        ("openai", "gpt-4.1:sft", "", "standard", CHOSEN * 25, 10 * 3 + 2 * 12),
        ("openai", "gpt-4.1-mini:sft", "", "standard", CHOSEN * 5, 10 * 0.8 + 2 * 3.2),
        ("openai", "gpt-4o:sft", "", "standard", CHOSEN * 25, 10 * 3.75 + 2 * 15),
        ("openai", "gpt-4o-mini:sft", "", "standard", CHOSEN * 3, 10 * 0.3 + 2 * 1.2),
    ]
    # Azure at base prices; regional and data zone 1.10x, developer half price and no hosting
    for model, usd, tokens in (
        ("gpt-4.1", 25, 10 * 2 + 2 * 8),
        ("gpt-4.1-mini", 5, 10 * 0.4 + 2 * 1.6),
        ("gpt-4.1-nano", 1.5, 10 * 0.1 + 2 * 0.4),
        ("gpt-4o", 25, 10 * 2.5 + 2 * 10),
        ("gpt-4o-mini", 3, 10 * 0.15 + 2 * 0.6),
    ):
        sku = f"{model}:sft"
        rows += [
            ("azure", sku, "", "standard", CHOSEN * usd, tokens + HOST),
            ("azure", sku, "", "developer", CHOSEN * usd / 2, tokens),
            *(
                ("azure", sku, region, "standard", CHOSEN * usd * 1.1, tokens * 1.1 + HOST)
                for region in ("regional", "data-zone")
            ),
        ]
    rows += [
        ("azure", "gpt-oss-20b:sft", "", "standard", CHOSEN * 3.6, 0.7 + 0.6 + 730 * 0.3),
        ("azure", "Llama-3.3-70B-Instruct:sft", "", "standard", CHOSEN * 4.5, 12 * 0.71 + 219),
        ("azure", "Ministral-3B:sft", "", "standard", CHOSEN * 1, 0.5 + 0.3 + 730 * 0.65),
        # two epochs by default, $1.95 for the version kept
        (
            "bedrock",
            "amazon.nova-micro-v1:0:sft:lora",
            "",
            "standard",
            1.6 * 2 * 1.0,
            10 * 0.035 + 2 * 0.14 + 1.95,
        ),
        # at least $4 a job: 0.77, 0.86, 2.40 and 2.64 are raised to it
        ("together", "up to 16B:sft:lora", "", "standard", 4, H100_TOGETHER),
        ("together", "up to 16B:sft:full", "", "standard", 4, H100_TOGETHER),
        ("together", "16B-69B:sft:lora", "", "standard", 4, H100_TOGETHER),
        ("together", "16B-69B:sft:full", "", "standard", 4, H100_TOGETHER),
        ("together", "69B-100B:sft:lora", "", "standard", 1.6 * 2.9, H100_TOGETHER),
        ("together", "69B-100B:sft:full", "", "standard", 1.6 * 3.2, H100_TOGETHER),
        ("together", "up to 16B:dpo:lora", "", "standard", 4, H100_TOGETHER),
        ("together", "up to 16B:dpo:full", "", "standard", 4, H100_TOGETHER),
        ("together", "16B-69B:dpo:lora", "", "standard", 1.6 * 3.75, H100_TOGETHER),
        ("together", "16B-69B:dpo:full", "", "standard", 1.6 * 4.12, H100_TOGETHER),
        ("together", "69B-100B:dpo:lora", "", "standard", 1.6 * 7.25, H100_TOGETHER),
        ("together", "69B-100B:dpo:full", "", "standard", 1.6 * 8, H100_TOGETHER),
        ("tinker", "Qwen/Qwen3-8B:sft:lora", "", "standard", CHOSEN * 0.44, 1.95 + 1.2),
        ("tinker", "Qwen/Qwen3.5-4B:sft:lora", "", "standard", CHOSEN * 0.737, 3.3 + 2.01),
        ("tinker", "Qwen/Qwen3.5-9B:sft:lora", "", "standard", CHOSEN * 1.463, 6.6 + 3.99),
        ("tinker", "Qwen/Qwen3.6-35B-A3B:sft:lora", "", "standard", CHOSEN * 1.177, 5.4 + 2.67),
        ("ori", "up to 10B:sft:lora", "", "standard", CHOSEN * 0.46, None),
    ]
    # once through; supervised LoRA, preference LoRA, supervised full, preference full
    for size, prices in (
        ("up to 16B", (0.5, 1, 1, 2)),
        ("16B-80B", (3, 6, 6, 12)),
        ("80B-300B", (6, 12, 12, 24)),
        ("over 300B", (10, 20, 20, 40)),
    ):
        kinds = ("sft:lora", "dpo:lora", "sft:full", "dpo:full")
        rows += [
            ("fireworks", f"{size}:{kind}", "", "standard", 1.6 * usd, H100_FIREWORKS)
            for kind, usd in zip(kinds, prices, strict=True)
        ]
    return [pytest.param(row[:4], *row[4:], id=" ".join(filter(None, row[:4]))) for row in rows]


@pytest.mark.parametrize(("key", "train_usd", "month_usd"), lines())
def test_the_provider_sheet_line_by_line(
    sheet: dict[tuple[str, str, str, str], dict[str, Any]],
    key: tuple[str, str, str, str],
    train_usd: float,
    month_usd: float | None,
) -> None:
    record = sheet[key]
    assert record["refused"] is None
    assert record["train_usd"] == pytest.approx(train_usd)
    assert record["month_usd"] == (None if month_usd is None else pytest.approx(month_usd))


def test_the_figures_of_the_sheet_in_dollars(
    sheet: dict[tuple[str, str, str, str], dict[str, Any]],
) -> None:
    for key, usd in (
        (("openai", "gpt-4o-mini:sft"), 14.40),
        (("openai", "gpt-4.1:sft"), 120.00),
        (("bedrock", "amazon.nova-micro-v1:0:sft:lora"), 3.20),
        (("together", "up to 16B:sft:lora"), 4.00),
        (("fireworks", "up to 16B:sft:lora"), 0.80),
    ):
        assert sheet[(*key, "", "standard")]["train_usd"] == pytest.approx(usd)


@pytest.mark.parametrize(
    ("provider", "sku", "said"),
    [
        ("openai", "gpt-4.1-nano:sft", "closed 2026-10-23"),
        ("openai", "o4-mini:rft", "closed 2026-10-23"),
        ("vertex", "gemini-2.5-pro:sft:lora", "closed 2026-10-20"),
        ("vertex", "gemini-2.5-flash:sft:lora", "closed 2026-10-20"),
        ("vertex", "gemini-2.5-flash-lite:sft:lora", "closed 2026-10-20"),
        ("bedrock", "openai.gpt-oss-20b-1:0:rft", "bills by the hour: name the provider"),
        ("bedrock", "qwen.qwen3-32b-v1:0:rft", "bills by the hour: name the provider"),
    ],
)
def test_what_the_sheet_calls_gone_or_hourly_is_not_priced(
    sheet: dict[tuple[str, str, str, str], dict[str, Any]], provider: str, sku: str, said: str
) -> None:
    record = sheet[provider, sku, "", "standard"]
    assert record["refused"].startswith(said)
    assert record["train_usd"] is None


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini"])
def test_openai_closes_on_the_sixth_of_january_and_takes_old_customers_only(
    sheet: dict[tuple[str, str, str, str], dict[str, Any]], model: str
) -> None:
    record = sheet["openai", f"{model}:sft", "", "standard"]
    assert (record["training_until"], record["open_to"]) == ("2027-01-06", "existing")


# the command


def test_one_command_answers_for_every_provider(command_line: Run) -> None:
    words = "train --examples 2000 --example-tokens 800 --requests 10k --input 1000 --output 200"
    status, out, err = command_line(*words.split(), "--on", "2026-11-21", "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert answer["on"] == "2026-11-21"
    found = {(r["provider"], r["sku"], r["region"], r["mode"]): r for r in answer["offers"]}
    nova = found["bedrock", "amazon.nova-micro-v1:0:sft:lora", "", "standard"]
    assert (nova["train_usd"], nova["epochs"]) == (pytest.approx(3.2), 2)
    assert nova["month_usd"] == pytest.approx(2.58)
    assert all(record["source"].startswith("https://") for record in answer["offers"])


def test_the_table_names_what_is_closed(command_line: Run) -> None:
    words = "train --examples 2000 --example-tokens 800 --on 2026-11-21"
    status, out, err = command_line(*words.split())
    assert (status, err) == (0, "")
    assert "2,000 examples of 800 tokens" in out
    assert "Not today: openai gpt-4.1-nano:sft: closed 2026-10-23" in out
    assert "existing customers" in out


def test_a_folder_of_ones_own_is_in_the_answer(
    command_line: Run, tables: Callable[..., Path]
) -> None:
    folder = tables(
        inference__mine=("model,input_per_mtok,output_per_mtok", "m-1,1,2"),
        finetuning=(TUNING, "mine,m-1,sft,lora,mtok_epoch,1,m-1,,,,,,"),
    )
    words = "train --examples 1000 --example-tokens 500 --epochs 2 --on 2026-12-01 --json"
    out = command_line(*words.split(), "--prices", folder)[1]
    (mine,) = [r for r in json.loads(out)["offers"] if r["provider"] == "mine"]
    assert mine["train_usd"] == pytest.approx(1)


def test_a_method_and_a_number_of_runs_are_honoured(example_book: cm.PriceBook) -> None:
    one = tuning_market(Job(1_000, 500, 1.0, method="full"), example_book, date(2026, 12, 1))
    two = tuning_market(
        Job(1_000, 500, 1.0, method="full", runs=2), example_book, date(2026, 12, 1)
    )
    sold = {record["sku"]: record["train_usd"] for record in one if record["provider"] == "example"}
    # 0.5 Mtok x $4
    assert sold == {"mini-1:sft:full": pytest.approx(2.0)}
    twice = {r["sku"]: r["train_usd"] for r in two if r["provider"] == "example"}
    assert twice == {"mini-1:sft:full": pytest.approx(4.0)}
