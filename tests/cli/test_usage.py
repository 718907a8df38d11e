"""`costmodel usage`: a bill beside what was used.

The figures of October 2025 are those of a real export of OpenAI, published on GitHub in
xavierjflanagan/Guardian, openai-usage-and-cost-report-2025-10-12.md; the layout is OpenAI's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., tuple[int, str, str]]
DAYS = {5: 1759622400, 6: 1759708800, 7: 1759795200, 8: 1759881600, 9: 1759968000}
DAYS |= {10: 1760054400, 11: 1760140800}
BILLED = {5: "0.8958740000000000", 6: "0.5617712500000000", 7: "0.569788"}
BILLED |= {8: "0.5455665000000000", 9: "", 10: "0.34090000000000000", 11: "0.072054"}
USED = [
    (5, 10, "gpt-4o-2024-08-06", 59200, 10646, 5760),
    (6, 8, "gpt-5-2025-08-07", 46264, 60000, 8192),
    (6, 1, "gpt-5-2025-08-07", 5783, 16000, 0),
    (7, 21, "gpt-5-mini-2025-08-07", 80992, 274770, 0),
    (10, 11, "gpt-5-mini-2025-08-07", 124784, 154852, 0),
    (11, 2, "gpt-5-mini-2025-08-07", 22688, 33191, 0),
]


@pytest.fixture
def october(tmp_path: Path) -> list[Path]:
    """Write the costs and the usage of a week, as the dashboard exports them."""
    costs = ["start_time\tend_time\tamount_value\tamount_currency\tline_item\torganization_name"]
    costs += [
        f"{DAYS[d]}\t{DAYS[d] + 86400}\t{usd}\t{'usd' if usd else ''}\t\tMe"
        for d, usd in BILLED.items()
    ]
    usage = [
        "start_time\tend_time\tproject_id\tnum_model_requests\tmodel\tbatch\tservice_tier\t"
        "input_tokens\toutput_tokens\tinput_cached_tokens"
    ]
    usage += [
        f"{DAYS[d]}\t{DAYS[d] + 86400}\tproj-1\t{n}.0\t{m}\tFALSE\tdefault\t{i}.0\t{o}.0\t{c}.0"
        for d, n, m, i, o, c in USED
    ]
    paths = [tmp_path / "usage.tsv", tmp_path / "costs.tsv"]
    for path, lines in zip(paths, (usage, costs), strict=True):
        path.write_text("\n".join(lines) + "\n")
    return paths


def of_json(run: Run, *words: str | Path) -> dict[str, Any]:
    status, out, err = run("usage", *words, "--json")
    assert (status, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_three_days_of_october_match_to_the_last_digit(
    command_line: Run, october: list[Path]
) -> None:
    found = of_json(command_line, *october)
    days = {day["day"]: day for day in found["days"]}
    for day, usd in (("2025-10-07", 0.569788), ("2025-10-10", 0.3409), ("2025-10-11", 0.072054)):
        assert days[day]["matched_usd"] == days[day]["list_usd"] == days[day]["billed_usd"] == usd
    assert found["matched_usd"] == 0.982742
    assert found["billed_usd"] == 2.98595375
    assert found["list_usd"] == 2.04584475
    assert found["unpriced"] == []
    assert found["files"][1]["private"] == ["organization_name"]


def test_the_other_days_are_unexplained_and_a_hint_is_no_match(
    command_line: Run, october: list[Path]
) -> None:
    found = of_json(command_line, *october)
    unexplained = {entry["day"]: entry for entry in found["unexplained"]}
    assert list(unexplained) == ["2025-10-05", "2025-10-06", "2025-10-08"]
    # 0.895874 - 0.24726 is what 38,072 + 8,192 cached + 60,000 tokens of gpt-5 cost the day after
    assert unexplained["2025-10-05"]["difference_usd"] == 0.648614
    moved = (
        "usage.tsv record 2 (gpt-5 of 2025-10-06, $0.648614), billed a day early, on 2025-10-05, "
        "would "
    )
    assert unexplained["2025-10-05"]["hint"] == f"{moved}explain it"
    # 0.56177125 billed, less 0.16722875 for the other request of that day
    assert unexplained["2025-10-06"]["hint"] == f"{moved}leave $0.394543 of this bill unexplained"
    assert unexplained["2025-10-08"]["hint"] == "no use on that day"
    parts = ("matched_usd", "unexplained_billed_usd", "unpriced_usd", "other_usd")
    assert sum(found[name] for name in parts) == pytest.approx(found["billed_usd"], abs=1e-12)


def test_order_and_repetition_of_files_change_nothing(
    command_line: Run, october: list[Path], tmp_path: Path
) -> None:
    once = of_json(command_line, *october)
    copy = tmp_path / "copy.tsv"
    copy.write_bytes(october[0].read_bytes())
    again = of_json(command_line, october[1], copy, october[0], october[1])
    assert again["notes"][0].endswith("and is counted once")
    for name in ("days", "models", "list_usd", "billed_usd", "matched_usd", "unexplained_usd"):
        assert again[name] == once[name]


def test_overlapping_exports_count_shared_records_once(
    command_line: Run, october: list[Path], tmp_path: Path
) -> None:
    header, *rows = october[0].read_text().splitlines()
    first, second = tmp_path / "a.tsv", tmp_path / "b.tsv"
    first.write_text("\n".join([header, *rows[:4]]))
    second.write_text("\n".join([header, *rows[2:]]))
    found = of_json(command_line, first, second, october[1])
    assert found["list_usd"] == 2.04584475
    assert "2 of 4 records of b.tsv stand in a.tsv, too" in found["notes"][0]
    # a day that was exported before it was over
    second.write_text("\n".join([header, rows[3].replace("274770", "300000"), *rows[4:]]))
    status, _, err = command_line("usage", first, second)
    assert status == 2
    assert "b.tsv line 2 and a.tsv line 5 are about the same day and thing and differ" in err
    added = of_json(command_line, first, second, "--overlaps", "add")
    assert added["list_usd"] == pytest.approx(2.04584475 + 0.020248 + 0.6)


def test_what_is_written_as_focus_is_read_back_the_same(
    command_line: Run, october: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "focus.csv"
    once = of_json(command_line, *october, "--focus", out)
    again = of_json(command_line, out)
    for name in ("list_usd", "billed_usd", "matched_usd", "unexplained_usd"):
        assert again[name] == once[name]
    frame = pd.read_csv(out)
    assert frame["BilledCost"].sum() == pytest.approx(2.98595375)
    assert frame["ListCost"].sum() == pytest.approx(2.04584475)
    tokens = frame[frame["x_TokenType"].notna()]
    priced = tokens["PricingQuantity"] * tokens["ListUnitPrice"]
    assert priced.to_numpy() == pytest.approx(tokens["ListCost"].to_numpy())
    mandatory = (
        *("BilledCost", "BillingAccountId", "BillingCurrency", "BillingPeriodStart"),
        *("BillingPeriodEnd", "ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd"),
        *("ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ProviderName"),
        *("PublisherName", "ServiceCategory", "ServiceName"),
    )
    assert frame[list(mandatory)].notna().all().all()


def test_the_table_names_what_was_recognised(command_line: Run, october: list[Path]) -> None:
    status, out, _ = command_line("usage", *october)
    assert status == 0
    assert "usage.tsv: openai usage, 6 records" in out
    assert "costs.tsv: openai costs, 7 records; dropped unread: organization_name" in out
    assert "Unexplained: 2025-10-05 openai +$0.649; usage.tsv record 2" in out
    _, only, _ = command_line("usage", *october, "--by", "model")
    assert "2025-10-07" not in only
    assert "gpt-5-mini" in only


@pytest.mark.parametrize("by", [(), ("--by", "day"), ("--by", "project")])
def test_what_has_no_price_is_said_beside_every_table(
    command_line: Run, tmp_path: Path, by: tuple[str, ...]
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "date,provider,model,input_tokens,output_tokens\n"
        "2026-11-02,openai,gpt-6-luna,1000,100\n"
        "2026-11-02,openai,gpt-6-lunna,1000,100\n"
    )
    status, out, _ = command_line("usage", log, *by)
    assert status == 0
    assert "No price: openai/gpt-6-lunna (1 rows, 1,100 tokens)" in out
    assert "did you mean 'gpt-6-luna'" in out


def test_the_tables_for_spreadsheets_hold_no_formula(command_line: Run, tmp_path: Path) -> None:
    path, lines, focus = (tmp_path / name for name in ("own.csv", "lines.csv", "focus.csv"))
    path.write_text(
        "date,provider,model,project,user,input_tokens,output_tokens,cost\n"
        '2026-10-01,openai,gpt-5-mini,"=HYPERLINK(1)",-2+3,1000,10,\n'
        "2026-10-01,openai,@m,,,1000,10,-1.5\n"
    )
    of_json(command_line, path, "--csv", lines, "--focus", focus)
    for out in (lines, focus):
        cells = pd.read_csv(out, dtype=str, keep_default_na=False).to_numpy().ravel()
        assert "'=HYPERLINK(1)" in cells
        assert "-1.5" in cells
        assert [cell for cell in cells if cell[:1] in tuple("=+@")] == []
        assert "-2+3" not in cells


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--by", "week"), "--by week: unknown"),
        (("--basis", "effectiv"), "did you mean 'effective'?"),
        (("--overlaps", "x"), "--overlaps x: unknown; known: add, refuse"),
        (("--workers", "0"), "--workers must be at least 1"),
    ],
)
def test_a_wrong_word_is_one_clear_line(
    command_line: Run, october: list[Path], words: tuple[str, ...], said: str
) -> None:
    status, out, err = command_line("usage", october[0], *words)
    assert (status, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_exports_of_the_same_day_that_cannot_be_compared_are_refused(
    command_line: Run, october: list[Path], tmp_path: Path
) -> None:
    hourly = tmp_path / "hourly.tsv"
    header, *rows = october[0].read_text().splitlines()
    hourly.write_text("\n".join([header, rows[0].replace("1759622400", "1759626000", 1)]))
    status, _, err = command_line("usage", october[0], hourly)
    assert status == 2
    assert "hourly.tsv (openai usage, by the hour, by model, by project) and usage.tsv (" in err
    page = tmp_path / "page.json"
    result = {"amount": {"value": 0.5, "currency": "usd"}}
    bucket = {"start_time": DAYS[7], "end_time": DAYS[8], "results": [result]}
    page.write_text(json.dumps({"data": [bucket]}))
    status, _, err = command_line("usage", october[1], page)
    assert status == 2
    assert "page.json (openai costs (api)) and costs.tsv (openai costs) both hold 2025-10-07" in err


def test_two_tools_that_saw_the_same_requests_are_noted(
    command_line: Run, october: list[Path], tmp_path: Path
) -> None:
    log = tmp_path / "litellm.csv"
    log.write_text(
        "date,model,custom_llm_provider,spend,api_requests,prompt_tokens,completion_tokens\n"
        "2025-10-07,gpt-5-mini,openai,0.9,1,1000,10\n"
    )
    notes = of_json(command_line, *october, log)["notes"]
    assert "litellm daily and openai usage both hold tokens of openai on 1 days" in notes[-1]
