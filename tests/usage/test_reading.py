"""Exports become rows of one ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costmodel.errors import DataError
from costmodel.usage.ledger import COLUMNS
from costmodel.usage.reading import read

OWN = """date,provider,model,project,requests,input_tokens,cached_input_tokens,output_tokens,cost
2026-10-01,openai,gpt-4.1-mini,bot,100,1000000,200000,50000,0.42
2026-10-02T13:05:00Z,openai,gpt-4.1-mini,bot,1,3000,0,180,
2026-10-02,openai,,,,,,,-1.5
"""


def test_a_minimal_table_becomes_rows_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(OWN)
    ledger = read(tmp_path / "own.csv")
    frame = ledger.frame
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame["day"].astype(str)) == ["2026-10-01", "2026-10-02", "2026-10-02"]
    assert list(frame["minute"]) == [-1, 13 * 60 + 5, -1]
    assert list(frame["request_tokens"]) == [10_000, 3_000, 0]
    assert list(frame["amount"]) == [420_000_000_000, 0, -1_500_000_000_000]
    assert list(frame["money"]) == ["billed", "", "billed"]
    assert list(frame["meter"]) == ["tokens", "tokens", "money"]
    assert list(frame["row"]) == [1, 2, 3]


def test_a_request_that_two_exports_state_differently_is_refused(tmp_path: Path) -> None:
    log = "request_id,startTime,model,custom_llm_provider,prompt_tokens,completion_tokens,spend\n"
    line = "r{},2026-11-01T10:00:00Z,gpt-5-mini,openai,1000,10,{}\n"
    (tmp_path / "a.csv").write_text(log + line.format(1, 0.1) + line.format(2, 0.1))
    (tmp_path / "b.csv").write_text(log + line.format(2, 0.2) + line.format(3, 0.2))
    with pytest.raises(DataError, match=r"^b.csv line 2 and a.csv line 3 .* differ"):
        read(tmp_path)
    assert len(read(tmp_path, overlaps="add").frame) == 4
    # the same without ids may be two requests
    plain = "date,provider,model,input_tokens\n2026-11-01T10:00:00Z,openai,gpt-5-mini,{}\n"
    (tmp_path / "a.csv").write_text(plain.format(5))
    (tmp_path / "b.csv").write_text(plain.format(6))
    assert len(read(tmp_path).frame) == 2


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("date,provider,model,request_id,input_tokens", "2026-11-01T10:00:0{}Z,openai,m,{},{}"),
        (
            "startTime,custom_llm_provider,model,request_id,prompt_tokens,spend",
            "2026-11-01T10:00:0{}Z,openai,m,{},{},1",
        ),
    ],
)
def test_requests_whose_id_is_blank_are_not_one_request(
    tmp_path: Path, header: str, line: str
) -> None:
    # two shards of a log, three requests of one minute, one of them with its id in both
    known = line.format(5, "r1", 5)
    for name, second, tokens in (("a.csv", 1, 100), ("b.csv", 2, 200)):
        (tmp_path / name).write_text(f"{header}\n{known}\n{line.format(second, '', tokens)}\n")
    assert sorted(read(tmp_path).frame["input_tokens"]) == [5, 100, 200]


def test_seconds_tell_requests_without_an_id_apart(tmp_path: Path) -> None:
    text = "date,provider,model,request_id,input_tokens\n2026-11-01T10:00:{}Z,openai,m,,100\n"
    for name, second in (("a.csv", "05"), ("b.csv", "15")):
        (tmp_path / name).write_text(text.format(second))
    assert len(read(tmp_path).frame) == 2


def test_a_request_with_an_id_counts_once_beside_some_without(tmp_path: Path) -> None:
    header = "date,provider,model,request_id,input_tokens\n"
    line = "2026-11-01T10:00:{}Z,openai,m,{},100\n"
    (tmp_path / "a.csv").write_text(header + line.format("05", "r1"))
    (tmp_path / "b.csv").write_text(header + line.format("05", "r1") + line.format("07", ""))
    assert len(read(tmp_path).frame) == 2


def test_a_folder_may_mix_layouts_and_hold_the_list_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(OWN)
    (tmp_path / "costs.csv").write_text("start_time,amount_value\n1793491200,0.5\n")
    (tmp_path / "october-Manifest.json").write_text('{"reportKeys": ["own.csv"]}')
    (tmp_path / "notes.txt").write_text("ours")
    ledger = read(tmp_path)
    assert [x.layout for x in ledger.exports] == ["openai costs", "costmodel"]
    assert ledger.records == 4


def test_a_table_without_a_header_does_not_repeat_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"2026-11-01,{'secret ' * 100}\n")
    with pytest.raises(DataError, match="no known export has the columns") as error:
        read(tmp_path / "log.csv")
    assert len(str(error.value)) < 300


def test_exports_that_differ_in_amortised_cost_alone_are_refused(tmp_path: Path) -> None:
    header = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName"
    for name, effective in (("a.csv", 490), ("b.csv", 245)):
        line = f"0,{effective},USD,2025-04-01T00:00:00Z,Usage,SaaS"
        (tmp_path / name).write_text(f"{header}\n{line}\n")
    with pytest.raises(DataError, match=r"b.csv line 2 and a.csv line 2 .* differ"):
        read(tmp_path)


def test_totals_and_their_parts_are_not_added_up(tmp_path: Path) -> None:
    header = "start_time,model,project_id,num_model_requests,input_tokens\n"
    (tmp_path / "all.csv").write_text(header + "1793491200,,,3,300\n")
    by = "1793491200,gpt-5-mini,p,1,100\n1793491200,gpt-4.1,p,2,200\n"
    (tmp_path / "by.csv").write_text(header + by)
    said = r"by.csv \(openai usage, by model, by project\) and all.csv \(openai usage\) both hold"
    with pytest.raises(DataError, match=said):
        read(tmp_path)
    assert read(tmp_path, overlaps="add").frame["input_tokens"].sum() == 600
    # requests of another model are no part of these, however they are broken down
    (tmp_path / "all.csv").write_text(header + "1793491200,text-embedding-3-small,,3,300\n")
    assert read(tmp_path).frame["input_tokens"].sum() == 600


def test_pages_that_meet_within_a_day_are_one_export(tmp_path: Path) -> None:
    # on the second day the first page holds nothing but the default workspace, or one hour
    def bucket(day: int, hour: int, workspace: str | None) -> dict[str, object]:
        result = {"uncached_input_tokens": 10, "output_tokens": 1, "model": "claude-haiku-4-5"}
        start = f"2026-10-0{day}T{hour:02d}:00:00Z"
        return {"starting_at": start, "results": [result | {"workspace_id": workspace}]}

    for name, buckets in (
        ("a.json", [bucket(1, 5, "w"), bucket(2, 0, None)]),
        ("b.json", [bucket(2, 1, "w"), bucket(2, 2, None)]),
    ):
        (tmp_path / name).write_text(json.dumps({"data": buckets}))
    assert read(tmp_path).frame["input_tokens"].sum() == 40


def test_hours_of_a_bill_may_go_on_in_the_next_file(tmp_path: Path) -> None:
    header = "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName"
    for name, times in (("a.csv", ("01T05", "02T00")), ("b.csv", ("02T07", "02T08"))):
        lines = [f"1,1,USD,2026-10-{time}:00:00Z,Usage,SaaS" for time in times]
        (tmp_path / name).write_text("\n".join([header, *lines]))
    assert read(tmp_path).records == 4


def test_actual_and_amortised_cost_count_their_tokens_once(tmp_path: Path) -> None:
    header = "Date,Cost,BillingCurrency,MeterName,MeterCategory,Quantity,UnitOfMeasure,ChargeType"
    line = "10/21/2026,{},USD,gpt 4.1 Inp glbl Tokens,Azure OpenAI,100,1K,Usage"
    folder = tmp_path / "amortized and actual"
    folder.mkdir()
    for name, cost in (("ActualCost.csv", 0.2), ("AmortizedCost.csv", 0.3)):
        (folder / name).write_text(f"{header}\n{line.format(cost)}\n")
    # the last word of the path says which of the two a file is
    assert list(read(folder / "ActualCost.csv").frame["money"]) == ["billed"]
    assert list(read(folder / "AmortizedCost.csv").frame["money"]) == ["effective"]
    said = r"AmortizedCost.csv \(azure cost \(EA\), amortised\) and ActualCost.csv .* both hold"
    with pytest.raises(DataError, match=said):
        read(folder)
