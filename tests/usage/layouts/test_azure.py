"""Cost details of Azure become rows of the ledger by their own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import PriceBook
from costmodel.errors import DataError
from costmodel.usage.ledger import PICO
from costmodel.usage.matching import matched
from costmodel.usage.pricing import price
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table, tokens


def test_azure_counts_in_the_unit_of_measure(write: Write, book: PriceBook) -> None:
    header = (
        "\ufeffDate,MeterCategory,MeterSubCategory,MeterName,Quantity,UnitOfMeasure,Cost,"
        "BillingCurrency,ChargeType,ResourceGroup,Tags,PricingModel,ResourceId,AdditionalInfo"
    )
    names = "Foundry Models,Azure OpenAI,gpt-4.1-mini"
    ledger = read(
        write(
            "actual.csv",
            table(
                header,
                f'11/01/2026,{names} Inp glbl Tokens,1500,1K,0.6,USD,Usage,rg,"""team"": ""a""",,,',
                f"11/01/2026,{names} cached Inp glbl Tokens,0.4,1M,0.04,USD,Usage,rg,,,,secret",
                f"11/01/2026,{names} Outp Data Zone Tokens,2,1M,3.52,USD,Usage,rg,,,,",
                "11/13/2026,Virtual Machines,,B1s,24,1 Hour,2.64,USD,Usage,rg,,,,",
                "11/13/2026,Virtual Machines,,B1s,1,1,-3,USD,Refund,rg,,,,",
            ),
        )
    )
    fresh, cached, out, machine, refund = only(ledger, "azure cost (EA)")
    assert tokens(fresh) == (1_500_000, 0, 0, 0, 0)
    assert tokens(cached) == (400_000, 400_000, 0, 0, 0)
    assert tokens(out) == (0, 0, 0, 0, 2_000_000)
    assert (fresh["model"], fresh["team"], fresh["region"]) == ("gpt-4.1-mini", "a", "")
    assert out["region"] == "data-zone"
    assert (machine["provider"], machine["kind"]) == ("azure (other services)", "charge")
    assert (refund["kind"], refund["amount"]) == ("credit", -3 * PICO)
    assert ledger.exports[0].private == ("AdditionalInfo",)
    # each of the three equals its list price
    listed = price(ledger, book).frame
    assert list(listed["list_pico"][:3]) == list(listed["billed_pico"][:3])


def test_azure_names_the_file_of_amortised_cost(write: Write) -> None:
    header = "Date,MeterCategory,MeterName,Quantity,UnitOfMeasure,Cost,BillingCurrency,ChargeType"
    line = "11/13/2026,Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,0.4,USD,Usage"
    header += ",MeterSubCategory"
    (row,) = only(read(write("AmortizedCost_11.csv", table(header, line + ","))), "azure cost (EA)")
    assert row["money"] == "effective"


def test_azure_names_the_folder_of_amortised_cost(write: Write, tmp_path: Path) -> None:
    (tmp_path / "amortized-daily").mkdir()
    line = "11/13/2026,0.4,Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,Usage"
    text = table(f"Date,Cost,{AZURE}", line)
    (row,) = read(write("amortized-daily/part_0_0001.csv", text)).frame.to_dict("records")
    assert row["money"] == "effective"


AZURE = "MeterCategory,MeterName,Quantity,UnitOfMeasure,ChargeType"


@pytest.mark.parametrize(
    ("header", "line"),
    [
        (
            "date,costInBillingCurrency,billingCurrency,resourceGroupName,costInUsd",
            "11/13/2026,5,EUR,rg,0.4",
        ),
        (
            "Date,CostInBillingCurrency,BillingCurrencyCode,ResourceGroup,CostInUSD",
            "2026-11-13,5,EUR,rg,0.4",
        ),
        ("Date,Cost,BillingCurrencyCode,ResourceGroup,CostInUsd", "11/13/2026,5,EUR,rg,0.4"),
    ],
)
def test_azure_states_dollars_beside_another_currency(
    write: Write, book: PriceBook, header: str, line: str
) -> None:
    meter = "Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,Usage"
    ledger = read(write("cost.csv", table(f"{header},{AZURE}", f"{line},{meter}")))
    (row,) = price(ledger, book).frame.to_dict("records")
    assert (row["amount"], row["currency"], row["project"]) == (4 * PICO // 10, "USD", "rg")
    assert row["list_pico"] == row["billed_pico"]


def test_azure_without_dollars_keeps_its_currency(write: Write) -> None:
    header = f"Date,CostInBillingCurrency,BillingCurrencyCode,{AZURE}"
    line = "2026-11-13,5,EUR,Foundry Models,gpt-4.1-mini Inp glbl Tokens,1,1M,Usage"
    (row,) = read(write("cost.csv", table(header, line))).frame.to_dict("records")
    assert (row["amount"], row["currency"]) == (5 * PICO, "EUR")


def test_azure_bills_tuning_by_tokens_and_hours(write: Write, book: PriceBook) -> None:
    header = f"Date,Cost,BillingCurrency,{AZURE}"
    ledger = read(
        write(
            "cost.csv",
            table(
                header,
                # 10,000 tokens at $5.50 per million, 2 hours at $110, 24 at $1.70
                "11/13/2026,0.055,USD,Foundry Models,gpt-4.1-mini FT Training regional Tokens,"
                "10,1K,Usage",
                "11/13/2026,220,USD,Foundry Models,o4-mini RFT Training regional Unit,2,1 Hour,"
                "Usage",
                "11/13/2026,40.8,USD,Foundry Models,gpt-4.1-mini-ft hosting regional Unit,24,"
                "1/Hour,Usage",
            ),
        )
    )
    rows = only(ledger, "azure cost (EA)")
    assert [(row["meter"], row["quantity"]) for row in rows] == [
        ("train_mtok", 0.01),
        ("train_hour", 2.0),
        ("hosting_hour", 24.0),
    ]
    groups = matched(price(ledger, book)).groups
    assert list(groups["state"]) == ["matched"] * 3


def test_more_tokens_than_can_be_counted_are_refused(write: Write) -> None:
    meter = "Foundry Models,gpt-4.1-mini Inp glbl Tokens,1e30,1M,Usage"
    path = write("a.csv", table(f"Date,Cost,{AZURE}", f"11/13/2026,5,{meter}"))
    with pytest.raises(DataError, match=r"^a.csv line 2: Quantity must be >= 0 and no more"):
        read(path)
