"""What a table may say and probably does not mean: each lint finds its slip and names the row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from costmodel.prices import lints
from costmodel.prices.book import shipped_dir
from costmodel.prices.lints import Finding, lint

TODAY = date(2026, 11, 21)
Tables = Callable[..., Path]

TOKENS = "model,mode,over_input_tokens,input_per_mtok,cached_input_per_mtok,output_per_mtok"
DATED = f"{TOKENS},effective_from,effective_to"
MODELS = "provider,model,aliases,released,retires,retires_kind,replaced_by"
RENT = "provider,instance,gpu,gpu_count,market,price_per_hour"
TUNING = "provider,model,objective,unit,price,serves_as,training_until,inference_until"

# the tables, the rule, the row that is odd, and words of the message
SLIPS: dict[str, tuple[dict[str, Sequence[str]], str, tuple[str, int], str]] = {
    "dollars per token": (
        {"inference__acme": (TOKENS, "a,standard,,0.0000005,,0.000002")},
        lints.UNIT_SLIP,
        ("inference/acme.csv", 2),
        "is the unit right",
    ),
    "a thousand times the other mode": (
        {"inference__acme": (TOKENS, "a,priority,,0.1,,0.4", "a,standard,,100,,400")},
        lints.UNIT_SLIP,
        ("inference/acme.csv", 2),
        "0.002 times the median",
    ),
    "dollars per thousand tokens of a model that others sell": (
        {"inference__acme": (TOKENS, "gpt-6-luna,standard,,0.0011,,0.0044")},
        lints.UNIT_SLIP,
        ("inference/acme.csv", 2),
        "times the median of the model at all providers",
    ),
    "rent of eight GPUs for one": (
        {
            "gpu_rental": (
                RENT,
                "acme,a,H100-SXM,1,on_demand,2.5",
                "acme,b,H100-SXM,8,on_demand,40",
                "acme,c,H100-SXM,1,on_demand,40",
            )
        },
        lints.UNIT_SLIP,
        ("gpu_rental.csv", 4),
        "times the median of the GPU in that market",
    ),
    "context in thousands": (
        {
            "inference__acme": (TOKENS, "a,standard,,1,,4"),
            "models": ("provider,model,context_window", "acme,a,32"),
        },
        lints.UNIT_SLIP,
        ("models.csv", 2),
        "not thousands",
    ),
    "batch at a quarter": (
        {"inference__acme": (TOKENS, "a,standard,,1,,4", "a,batch,,0.25,,2")},
        lints.BATCH,
        ("inference/acme.csv", 3),
        "input_per_mtok 0.25 is 0.25 of the standard price 1 (line 2)",
    ),
    "batch dearer than standard": (
        {"inference__acme": (TOKENS, "a,standard,,1,,4", "a,batch,,1,,4.1")},
        lints.BATCH,
        ("inference/acme.csv", 3),
        "is 1.02 of",
    ),
    "batch of a price since cut": (
        {
            "inference__acme": (
                DATED,
                "a,standard,,1,,4,,",
                "a,standard,,0.5,,2,2026-01-01,",
                "a,batch,,0.5,,2,2026-02-01,",
                "a,batch,,0.1,,2,2026-03-01,",
            )
        },
        lints.BATCH,
        ("inference/acme.csv", 5),
        "is 0.2 of",
    ),
    "cached dearer than plain": (
        {"inference__acme": (TOKENS, "a,standard,,1,1.5,4")},
        lints.CACHED,
        ("inference/acme.csv", 2),
        "cached_input_per_mtok 1.5",
    ),
    "swapped columns": (
        {"inference__acme": (TOKENS, "a,standard,,4,,1")},
        lints.OUTPUT,
        ("inference/acme.csv", 2),
        "are they swapped?",
    ),
    "a long request cheaper than a short one": (
        {"inference__acme": (TOKENS, "a,standard,,2,,8", "a,standard,200000,1,,12")},
        lints.TIER,
        ("inference/acme.csv", 3),
        "1 over 200000 tokens is less than 2 below (line 2)",
    ),
    "seen tomorrow": (
        {"labour": ("role,per_hour,note", "annotator,30,x")},
        lints.DATES,
        ("labour.csv", 2),
        "after today",
    ),
    "priced before its release": (
        {
            "inference__acme": (DATED, "a,standard,,1,,4,2025-01-01,"),
            "models": (MODELS, "acme,a,,2026-01-01,,,"),
        },
        lints.DATES,
        ("inference/acme.csv", 2),
        "before a was released, 2026-01-01 (models.csv line 2)",
    ),
    "retired in the future": (
        {
            "inference__acme": (TOKENS, "a,standard,,1,,4"),
            "models": (MODELS, "acme,a,,,2027-01-01,retired,"),
        },
        lints.DATES,
        ("models.csv", 2),
        "is to come",
    ),
    "tuned models end before the training": (
        {"finetuning": (TUNING, "acme,a,sft,mtok,3,,2027-02-01,2027-01-01")},
        lints.DATES,
        ("finetuning.csv", 2),
        "inference_until 2027-01-01 is before training_until 2027-02-01",
    ),
    "a model that retired, seen since": (
        {
            "inference__acme": (TOKENS, "a,standard,,1,,4"),
            "models": (MODELS, "acme,a,,,2026-06-01,retired,"),
        },
        lints.RETIRED,
        ("inference/acme.csv", 2),
        "retired on 2026-06-01 (models.csv line 2), and its price has no effective_to",
    ),
    "a price that begins after the end": (
        {
            "inference__acme": (DATED, "a,standard,,1,,4,2026-07-01,"),
            "models": (MODELS, "acme,a,,,2026-06-01,retired,"),
        },
        lints.RETIRED,
        ("inference/acme.csv", 2),
        "its price begins on 2026-07-01",
    ),
    "names for what has no price": (
        {
            "inference__acme": (TOKENS, "a,standard,,1,,4"),
            "models": (MODELS, "acme,a,,,,,", "acme,b,bee|b-latest,,,,"),
        },
        lints.ALIAS,
        ("models.csv", 3),
        "has aliases and no price",
    ),
    "a successor nobody knows": (
        {
            "inference__acme": (TOKENS, "mini-2,standard,,1,,4"),
            "models": (MODELS, "acme,mini-2,,,,,mini-3"),
        },
        lints.ALIAS,
        ("models.csv", 2),
        "did you mean 'mini-2'?",
    ),
    "a rent not seen for 31 days": (
        {"gpu_rental": (RENT, "acme,a,H100-SXM,1,on_demand,2.5")},
        lints.STALE,
        ("gpu_rental.csv", 2),
        "(limit 30)",
    ),
    "a price not seen for 91 days": (
        {"inference__acme": (TOKENS, "a,standard,,1,,4")},
        lints.STALE,
        ("inference/acme.csv", 2),
        "(limit 90)",
    ),
    "training without a way to use what it makes": (
        {"finetuning": (TUNING, "acme,a,sft,mtok,3,,,")},
        lints.NOT_SERVED,
        ("finetuning.csv", 2),
        "acme has neither a token price (serves_as)",
    ),
    "spot dearer than on demand": (
        {
            "gpu_rental": (
                RENT,
                "acme,a,H100-SXM,1,on_demand,2.5",
                "acme,a,H100-SXM,1,spot,3",
            )
        },
        lints.SPOT,
        ("gpu_rental.csv", 3),
        "on demand 2.5 (line 2)",
    ),
}
DAYS = {
    "seen tomorrow": date(2026, 10, 31),
    "a rent not seen for 31 days": date(2026, 11, 1) + timedelta(31),
    "a price not seen for 91 days": date(2026, 11, 1) + timedelta(91),
}


def found(folder: Path, rule: str, on: date = TODAY) -> list[Finding]:
    findings = lint([folder], on, below=[shipped_dir()])
    return [f for f in findings if f.rule == rule]


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_found_and_its_row_is_named(name: str, tables: Tables) -> None:
    named, rule, (file, line), words = SLIPS[name]
    folder = tables(**named)
    (finding,) = found(folder, rule, DAYS.get(name, TODAY))
    assert (finding.file, finding.line) == (f"{folder.as_posix()}/{file}", line)
    assert words in finding.text


@pytest.mark.parametrize("name", ["a rent not seen for 31 days", "a price not seen for 91 days"])
def test_a_row_is_fresh_on_its_last_day(name: str, tables: Tables) -> None:
    named, rule, *_ = SLIPS[name]
    assert not found(tables(**named), rule, DAYS[name] - timedelta(1))


@pytest.mark.parametrize("rule", [rule for rule, _ in lints.LINTS if rule != lints.RUNS])
def test_every_lint_has_a_slip_that_it_finds(rule: str) -> None:
    assert rule == lints.NOT_HTTPS or rule in {slip[1] for slip in SLIPS.values()}


def test_a_source_that_nobody_can_open_and_a_formula_are_found(tables: Tables) -> None:
    folder = tables(inference__acme=(TOKENS, "=a,standard,,1,,4"))
    path = folder / "inference/acme.csv"
    path.write_text(path.read_text().replace("https://example.com/prices", "my notes"))
    assert "'my notes'" in found(folder, lints.NOT_HTTPS)[0].text
    assert "'=a' would run" in found(folder, lints.RUNS)[0].text


def test_the_note_of_a_row_gives_the_reason(tables: Tables) -> None:
    head, rows = f"{TOKENS},note", "a,standard,,4,,1"
    assert found(tables(inference__acme=(head, f"{rows},seen")), lints.OUTPUT)
    assert not found(
        tables(inference__acme=(head, f"{rows},the page says so: output below input")), lints.OUTPUT
    )


def test_a_price_in_yen_is_no_slip_of_the_unit(tables: Tables) -> None:
    folder = tables(
        inference__acme=(f"{TOKENS},currency", "a,standard,,1,,4,USD", "a,batch,,75,,300,JPY"),
        fx=("currency,usd_per_unit", "JPY,0.00667"),
    )
    assert not found(folder, lints.UNIT_SLIP)


def test_looking_in_vain_for_a_later_reading_counts_for_as_long_as_a_reading(
    tables: Tables,
) -> None:
    rows = (f"{TOKENS},note", "a,standard,,1,,4,no later reading by 2027-01-31")
    assert not found(tables(inference__acme=rows), lints.STALE, date(2027, 5, 1))
    assert found(tables(inference__acme=rows), lints.STALE, date(2027, 5, 2))


def test_a_price_that_another_replaced_need_not_be_seen_again(tables: Tables) -> None:
    rows = (DATED, "a,standard,,1,,4,,", "a,standard,,2,,8,2026-11-01,")
    on = date(2027, 3, 1)
    assert [f.line for f in found(tables(inference__acme=rows), lints.STALE, on)] == [3]


def test_the_shipped_tables_are_clean_or_say_why() -> None:
    assert [str(finding) for finding in lint([shipped_dir()], TODAY)] == []


def test_stale_lists_the_oldest_first_with_the_day_of_the_last_attempt() -> None:
    rows = lints.stale([shipped_dir()], TODAY)
    assert [row["days"] for row in rows] == sorted((row["days"] for row in rows), reverse=True)
    assert all(row["tried_on"] == "2026-11-21" for row in rows)
    assert rows[0]["what"] == "azure ai-search-s1 search unit_hour"


def test_many_findings_of_a_rule_share_a_line() -> None:
    few = [Finding("x", "a.csv", k, "odd") for k in range(2, 5)]
    assert lints.summed_up(few) == [str(finding) for finding in few]
    many = [Finding("x", "a.csv", k, "odd") for k in range(2, 12)]
    assert lints.summed_up(many) == ["a.csv line 2: x: odd; 9 more such rows in the file"]
