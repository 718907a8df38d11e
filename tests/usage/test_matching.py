"""Money is matched where it equals the list cost, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pandas as pd

from costmodel import PriceBook
from costmodel.usage.matching import matched
from costmodel.usage.pricing import price
from costmodel.usage.reading import read


def test_hours_and_training_are_billed_by_themselves(book: PriceBook, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "date,provider,model,mode,meter,quantity,region,cost\n"
        # $1.70 an hour, however the model was tuned; $5 per million; $55.04 for eight H100
        "2026-11-01,azure,gpt-4.1-mini,,hosting_hour,24,,40.8\n"
        "2026-11-01,openai,gpt-4.1-mini,,train_mtok,2,,10\n"
        "2026-11-01,aws,p5.48xlarge,on_demand,instance_hour,1,us-east-1,55.04\n"
        "2026-11-01,openai,gpt-4.1-mini,,web_search,1,,0.01\n"
    )
    found = matched(price(read(tmp_path / "own.csv"), book))
    states = dict(zip(found.groups["model"], found.groups["state"], strict=True))
    assert states == {
        "gpt-4.1-mini, hosting_hour": "matched",
        "gpt-4.1-mini, train_mtok": "matched",
        "p5.48xlarge, instance_hour": "matched",
        "gpt-4.1-mini, web_search": "unpriced",
    }
    assert found.pico("matched") == 105_840_000_000_000
    assert found.pico("unpriced") == 10_000_000_000


def test_a_contract_price_is_a_hint(book: PriceBook, tmp_path: Path) -> None:
    # a million tokens of gpt-5-mini cost $0.25 by list; billed are nine tenths
    lines = [
        f"2026-10-{day:02d},openai,gpt-5-mini,{day}000000,0,{day * 0.225}" for day in (1, 2, 3)
    ]
    header = "date,provider,model,input_tokens,output_tokens,cost"
    (tmp_path / "own.csv").write_text("\n".join([header, *lines]))
    groups = matched(price(read(tmp_path / "own.csv"), book)).groups
    assert set(groups["state"]) == {"unexplained"}
    assert all("90.0000% of list on all such days" in hint for hint in groups["hint"])


def test_a_bill_in_cents_matches_to_the_cent(book: PriceBook, tmp_path: Path) -> None:
    # 3,000,001 tokens at $0.25 per million are $0.75000025
    text = "date,provider,model,input_tokens,output_tokens,cost\n"
    line = (
        "2026-10-01,openai,gpt-5-mini,3000001,0,{}\n2026-10-02,openai,gpt-5-mini,8000000,0,2.00\n"
    )
    for cost, state in (("0.75", "matched"), ("0.76", "unexplained"), ("0.7501", "unexplained")):
        (tmp_path / "own.csv").write_text(text + line.format(cost))
        groups = matched(price(read(tmp_path / "own.csv"), book)).groups
        assert list(groups["state"]) == [state, "matched"]


def test_one_day_of_a_bill_without_a_charge_is_unexplained(book: PriceBook, tmp_path: Path) -> None:
    text = "date,provider,model,input_tokens,output_tokens,cost\n"
    text += "2026-10-01,openai,,,,0.25\n2026-10-01,openai,gpt-5-mini,1000000,0,\n"
    text += "2026-10-02,openai,gpt-5-mini,4000000,0,\n2026-10-03,openai,,,,1.00\n"
    text += "2026-10-09,openai,gpt-5-mini,1000000,0,\n"
    (tmp_path / "own.csv").write_text(text)
    groups = matched(price(read(tmp_path / "own.csv"), book)).groups
    assert list(groups["state"]) == ["matched", "unexplained", "unexplained", "no bill"]
    # the money of the third is the use of the second
    said = (
        "own.csv record 3 (gpt-5-mini of 2026-10-02, $1.000000), billed a day late, on 2026-10-03"
    )
    assert groups["hint"][1] == groups["hint"][2] == f"{said}, would explain it"


def test_use_that_is_billed_outside_the_days_of_the_bill_is_a_hint(
    book: PriceBook, tmp_path: Path
) -> None:
    text = "date,provider,model,input_tokens,output_tokens,cost\n"
    text += "2026-10-01,openai,,,,0.25\n2026-10-01,openai,gpt-5-mini,1000000,0,\n"
    text += "2026-10-01,openai,gpt-5-mini,3000000,0,\n"
    (tmp_path / "own.csv").write_text(text)
    groups = matched(price(read(tmp_path / "own.csv"), book)).groups
    said = "own.csv record 3 (gpt-5-mini of 2026-10-01, $0.750000)"
    assert list(groups["hint"]) == [f"{said}, billed on another day, would explain it"]


def test_hints_of_a_year_take_no_time(book: PriceBook, tmp_path: Path) -> None:
    lines = ["date,provider,model,project,input_tokens,output_tokens,cost"]
    for day in pd.date_range("2025-11-01", periods=365).strftime("%Y-%m-%d"):
        for model, usd in (("gpt-5-mini", 0.25), ("gpt-5", 1.25), ("gpt-4.1", 2.0)):
            lines += [f"{day},openai,{model},p{k},{k}000000,0," for k in (1, 2, 3)]
            lines.append(f"{day},openai,{model},,,,{5 * usd}")
    (tmp_path / "own.csv").write_text("\n".join(lines))
    priced = price(read(tmp_path / "own.csv"), book)
    start = perf_counter()
    groups = matched(priced).groups
    assert perf_counter() - start < 10
    # of 1 + 2 + 3 million tokens a day five were billed
    assert set(groups["state"]) == {"unexplained"}
    assert groups["hint"].str.endswith("billed on another day, would explain it").all()
