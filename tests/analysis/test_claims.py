"""Figures that circulate, beside those of the tables."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.analysis.claims import FIGURES, JOB_CALL, claims
from costmodel.prices.book import shipped_dir

Lay = Callable[..., cm.PriceBook]
Run = Callable[..., tuple[int, str, str]]

ON = date(2026, 12, 1)
CLAIMS = "id,claim,circulates,verdict,subject"
TUNING = "provider,model,objective,method,unit,price,serves_as"


def table(name: str) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a shipped table that has one line for each, with their line numbers."""
    with (shipped_dir() / name).open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return [(reader.line_num, row) for row in reader]


def line_of(**wanted: str) -> int:
    """Return the line of the one row of finetuning.csv that has these cells."""
    (line,) = [
        line
        for line, row in table("finetuning.csv")
        if all(row[column] == word for column, word in wanted.items())
    ]
    return line


@pytest.fixture(scope="module")
def shipped() -> dict[str, dict[str, Any]]:
    """Return the claims of the shipped tables by their number."""
    return {record["id"]: record for record in claims(cm.PriceBook.read(), ON)}


def test_every_claim_of_the_list_is_answered_in_order(shipped: dict[str, dict[str, Any]]) -> None:
    assert list(shipped) == [f"D{number}" for number in range(1, 20)]
    rows = {row["id"]: row for _, row in table("claims.csv")}
    assert set(rows) == set(shipped)


@pytest.mark.parametrize("number", range(1, 20))
def test_a_claim_has_a_figure_of_ours_or_is_a_matter_of_judgement(
    shipped: dict[str, dict[str, Any]], number: int
) -> None:
    record = shipped[f"D{number}"]
    assert record["verdict"] in ("ok", "wrong", "stale", "judgement")
    assert record["figure"] or record["verdict"] == "judgement"
    assert record["note"]
    assert record["source"].startswith("https://")
    if record["verdict"] in ("wrong", "stale"):
        assert record["rows"]


def test_training_gpt_4o_mini_costs_three_dollars(shipped: dict[str, dict[str, Any]]) -> None:
    record = shipped["D10"]
    assert (record["circulates"], record["verdict"]) == ("$25/Mtok", "wrong")
    assert record["figure"] == "$3.00 per Mtok"
    line = line_of(provider="openai", model="gpt-4o-mini", objective="sft")
    assert record["rows"] == [f"finetuning.csv line {line}"]


def test_training_gpt_4o_costs_twenty_five(shipped: dict[str, dict[str, Any]]) -> None:
    record = shipped["D11"]
    assert (record["circulates"], record["verdict"]) == ("$100/Mtok", "wrong")
    assert record["figure"] == "$25.00 per Mtok"
    line = line_of(provider="openai", model="gpt-4o", objective="sft")
    assert record["rows"] == [f"finetuning.csv line {line}"]


def test_the_ratio_of_tuned_to_base_tokens_is_that_of_the_tables(
    shipped: dict[str, dict[str, Any]],
) -> None:
    book = cm.PriceBook.read()
    ratios = []
    for _, row in table("finetuning.csv"):
        if not (row["serves_as"] and row["model"]):
            continue
        tokens = [
            {
                (line["mode"] or "standard", line["region"], line["effective_from"]): line
                for _, line in table(f"inference/{row['provider']}.csv")
                if line["model"] == name and not line.get("over_input_tokens")
            }
            for name in (row["serves_as"], book.catalog.name(row["provider"], row["model"]))
        ]
        tuned, base = (found.get(("standard", row["region"], ""), {}) for found in tokens)
        ratios += [
            float(tuned[column]) / float(base[column])
            for column in ("input_per_mtok", "output_per_mtok")
            if float(tuned.get(column) or 0) and float(base.get(column) or 0)
        ]
    said = re.fullmatch(r"([\d.]+)x to ([\d.]+)x the base", shipped["D13"]["figure"])
    assert said is not None
    assert float(said[1]) == round(min(ratios), 1)
    assert float(said[2]) == round(max(ratios), 1)
    # $0.30 and $1.20 over $0.15 and $0.60: the twofold that circulates is true of some
    assert min(ratios) < 2 < max(ratios)


def test_training_at_together_has_a_wider_range_and_a_minimum(
    shipped: dict[str, dict[str, Any]],
) -> None:
    # $0.48 for LoRA up to 16B; $15 for preferences on the 235B model
    assert shipped["D15"]["figure"] == "$0.480 to $15.00 per Mtok, at least $4.00 a job"
    lines = [
        line_of(provider="together", params_up_to="16000000000", objective="sft", method="lora"),
        line_of(provider="together", model="Qwen/Qwen3-235B-A22B", objective="dpo"),
    ]
    assert shipped["D15"]["rows"] == [f"finetuning.csv line {line}" for line in lines]


def test_openai_takes_ten_examples(shipped: dict[str, dict[str, Any]]) -> None:
    assert shipped["D6"]["figure"] == "openai takes 10 or more"


def test_a_dedicated_gpu_costs_its_hours(shipped: dict[str, dict[str, Any]]) -> None:
    # $5.49 x 730 = $4,007.70
    assert shipped["D16"]["figure"].startswith("$5.49 an hour, $4,010 a month, idle or not; ")
    assert shipped["D16"]["verdict"] == "stale"


@pytest.mark.parametrize(("number", "usd_per_hour"), [("D14", 2.69), ("D16", 5.49)])
def test_a_gpu_is_a_price_per_token_after_all(
    shipped: dict[str, dict[str, Any]], number: str, usd_per_hour: float
) -> None:
    plan = cm.plan_serving(
        *("Llama-3.1-8B", "H100-SXM"),
        input_tokens=1_500,
        output_tokens=300,
        requests_per_second=0.1,
        gpus=1,
        usd_per_gpu_hour=usd_per_hour,
        on=ON,
    )
    full = usd_per_hour / (plan.tokens_per_second * 3600 / 1e6)
    said = re.findall(
        r"\$([\d.]+) per Mtok .* if always full, \$([\d.]+) at a tenth", shipped[number]["figure"]
    )
    assert [float(usd) for usd in said[0]] == pytest.approx([full, 10 * full], rel=0.01)


def test_small_runs_take_minutes_and_only_large_ones_2_to_8_hours(
    shipped: dict[str, dict[str, Any]],
) -> None:
    hours = re.findall(
        r"([\d.]+) h \(([\d.]+) to ([\d.]+)\) for ([\d.]+) Mtok", shipped["D2"]["figure"]
    )
    found = {float(size): float(value) for value, _, _, size in hours}
    for size, value in found.items():
        plan = cm.plan_training(
            "Llama-3.1-8B", "H100-SXM", tokens=size * 1e6, method="lora", gpus=1
        )
        # seconds of training and a fifth of an hour around it, and 7 % for runs that fail
        hand = (size * 1e6 / plan.tokens_per_second / 3600 + 0.2) * 1.07
        assert value == pytest.approx(hand, abs=0.051)
    assert found[1] < 0.5 < found[20] < 2 < found[100] < 8


def test_unsloth_is_not_twice_as_fast(shipped: dict[str, dict[str, Any]]) -> None:
    lora, qlora = map(float, re.findall(r"([\d.]+)x with", shipped["D18"]["figure"]))
    assert 1.2 < lora < 1.7
    assert 1.3 < qlora < 1.9
    assert len(shipped["D18"]["rows"]) == 2


def test_an_idle_tuned_model_costs_its_hours(shipped: dict[str, dict[str, Any]]) -> None:
    # $1.70 x 730 = $1,241
    assert shipped["D5"]["figure"] == "$1.70 an hour, $1,240 a month, asked or not"


def test_no_default_of_ours_comes_from_a_claim(shipped: dict[str, dict[str, Any]]) -> None:
    assert "no default" in shipped["D1"]["figure"]
    with pytest.raises(TypeError):
        cm.FineTune(tokens_per_example=100)  # type: ignore[call-arg]


# figures are computed


def figure(book: cm.PriceBook, name: str, on: date = ON) -> dict[str, Any]:
    (record,) = [record for record in claims(book, on) if record["id"] == name]
    return record


def asked(subject: str) -> tuple[str, str]:
    return CLAIMS, f"D9,something,a number,wrong,{subject}"


def test_the_figure_of_a_model_is_that_of_its_rows(example_book: cm.PriceBook) -> None:
    # mini-1 at example: LoRA $3, full $4
    record = figure(example_book, "D1")
    assert record["figure"] == "$3.00 to $4.00 per Mtok"
    assert record["rows"] == ["finetuning.csv line 5", "finetuning.csv line 4"]


def test_a_new_price_changes_the_figure(layered: Lay) -> None:
    head = "example,mini-1,sft,"
    lines = (head + "lora,mtok_epoch,7,ft:mini-1", head + "full,mtok_epoch,8,ft:mini-1")
    record = figure(layered(finetuning=(TUNING, *lines)), "D1")
    assert record["figure"] == "$7.00 to $8.00 per Mtok"
    assert [row.rpartition("/")[2] for row in record["rows"]] == [
        "finetuning.csv line 2",
        "finetuning.csv line 3",
    ]


def test_a_price_of_the_future_is_not_yet_ours(layered: Lay) -> None:
    line = "example,mini-1,sft,lora,mtok_epoch,1,ft:mini-1,2027-06-01"
    book = layered(finetuning=(f"{TUNING},effective_from", line))
    assert figure(book, "D1")["figure"] == "$3.00 to $4.00 per Mtok"
    assert figure(book, "D1", date(2027, 6, 1))["figure"] == "$1.00 to $4.00 per Mtok"


def test_the_ratio_is_made_of_token_prices(layered: Lay) -> None:
    # example 0.6 / 0.4 and 2.4 / 1.6, other 1x
    assert figure(layered(claims=asked("tuned_ratio")), "D9")["figure"] == "1.0x to 1.5x the base"
    # 2.0 / 0.4
    inference = ("model,input_per_mtok,output_per_mtok", "ft:mini-1,2,2.4")
    book = layered(claims=asked("tuned_ratio"), inference__example=inference)
    assert figure(book, "D9")["figure"] == "1.0x to 5.0x the base"


@pytest.mark.parametrize(
    ("subject", "said", "rows"),
    [
        # $1.70 x 730 = 1,241
        ("hosting other/mini-1", "$1.70 an hour, $1,240 a month, asked or not", 1),
        ("dedicated example G80", "$4.00 an hour, $2,920 a month, idle or not", 1),
        ("train other", "$1.50 to $10.00 per Mtok, at least $4.00 a job", 2),
        ("default examples", "examples: no default, the scenario states it", 0),
        ("text", "", 0),
    ],
)
def test_the_figure_of_a_subject(layered: Lay, subject: str, said: str, rows: int) -> None:
    record = figure(layered(claims=asked(subject)), "D9")
    assert (record["figure"], len(record["rows"])) == (said, rows)


def test_every_kind_of_figure_is_used() -> None:
    used = {row["subject"].partition(" ")[0] for _, row in table("claims.csv")}
    assert used == set(FIGURES)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("D9,a,b,wrong,trian example/mini-1", "unknown subject 'trian example/mini-1'"),
        ("D9,a,b,wrnog,text", "unknown verdict 'wrnog'; did you mean 'wrong'"),
        ("D9,a,b,wrong,train example/mini-2", "example has no model 'mini-2'"),
        ("D9,a,b,wrong,train exampel", "unknown provider 'exampel'; did you mean 'example'"),
        ("D9,a,b,wrong,dedicated example G81", "unknown GPU 'G81'"),
        # on sale, but nobody tunes it
        ("D9,a,b,wrong,train example/large-1", "large-1"),
        ("D9,a,b,wrong,min_examples example", "example"),
        ("D9,a,b,wrong,default example", "'example'"),
        ("nine,a,b,wrong,text", "'nine'"),
    ],
)
def test_a_claim_about_nothing_is_refused(layered: Lay, line: str, said: str) -> None:
    with pytest.raises(cm.PriceError) as caught:
        claims(layered(claims=(CLAIMS, line)), ON)
    assert said in str(caught.value)


# the command


def test_the_command_prints_claim_verdict_figure_and_row(command_line: Run) -> None:
    status, out, err = command_line("claims", "--on", "2026-12-01")
    assert (status, err) == (0, "")
    line = line_of(provider="openai", model="gpt-4o-mini", objective="sft")
    assert "D10  gpt-4o-mini training: $25/Mtok" in out
    assert f"wrong. Ours: $3.00 per Mtok (finetuning.csv line {line})." in out
    # B2: the client of today
    assert JOB_CALL.strip() in out
    assert "client.fine_tuning.jobs.create(" in out
    assert "openai.FineTuningJob" not in out


def test_the_command_prints_json(command_line: Run) -> None:
    status, out, err = command_line("claims", "--json", "--on", "2026-12-01")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert [record["id"] for record in answer["claims"]][:2] == ["D1", "D2"]
    assert answer["job_call"] == JOB_CALL
    compile(answer["job_call"], "job call", "exec")


def test_the_command_says_in_one_line_what_is_wrong(
    command_line: Run, tables: Callable[..., Path]
) -> None:
    for line, said in (
        ("D9,a,b,wrong,trian x", "unknown subject 'trian x'"),
        ("D9,a,b,maybe,text", "unknown verdict 'maybe'"),
    ):
        folder = tables(claims=(CLAIMS, line))
        status, out, err = command_line("claims", "--prices", folder)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert said in err
        assert "claims.csv line 2" in err
