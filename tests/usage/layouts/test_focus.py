"""Bills in FOCUS become rows of the ledger by their own rules."""

from __future__ import annotations

from costmodel import PriceBook
from costmodel.usage.ledger import PICO
from costmodel.usage.matching import matched
from costmodel.usage.pricing import dollars, price, total
from costmodel.usage.reading import read
from tests.usage.rows import Write, only, table, tokens

FOCUS = (
    "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ChargeClass,"
    "ServiceName,ProviderName,PricingCurrency,PricingQuantity,PricingUnit,ConsumedQuantity,"
    "ConsumedUnit,SkuMeter,x_Model,Tags"
)


def test_focus_counts_tokens_by_their_unit(write: Write) -> None:
    day = "2026-11-01T00:00:00Z"
    rows = only(
        read(
            write(
                "focus.csv",
                table(
                    FOCUS,
                    f"4,4,USD,{day},Usage,,API,openai,USD,10,1000000 Tokens,1e7,Tokens,input,m,",
                    f"8,8,USD,{day},Usage,,API,openai,USD,5000,1000 Tokens,,,output tokens,m,",
                    f"1,1,USD,{day},Usage,,API,openai,USD,400,tokens,,,cached input,m,",
                    f"-1,-1,USD,{day},Usage,Correction,API,openai,USD,-9,Tokens,,,input,m,",
                ),
            )
        ),
        "focus",
    )
    billed = [row for row in rows if row["money"] == "billed"]
    assert [tokens(row) for row in billed] == [
        (10_000_000, 0, 0, 0, 0),
        (0, 0, 0, 0, 5_000_000),
        (400, 400, 0, 0, 0),
        (0, 0, 0, 0, 0),
    ]
    assert billed[3]["kind"] == "correction"
    assert sum(row["amount"] for row in billed) == 12 * PICO


def test_focus_counts_training_in_blocks_and_cached_tokens_beside_the_input(
    write: Write, book: PriceBook
) -> None:
    header = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,ProviderName,"
        "PricingQuantity,PricingUnit,ConsumedQuantity,ConsumedUnit,SkuMeter,x_Model,x_InputTokens,"
        "x_OutputTokens,x_CachedTokens"
    )
    day = "2026-11-01T00:00:00Z"
    ledger = read(
        write(
            "focus.csv",
            table(
                header,
                # five million at $5
                f"25,USD,{day},Usage,Tuning,OpenAI,5,1000000 Tokens,,,training tokens,"
                "gpt-4.1-mini,,,",
                f"1,USD,{day},Usage,API,OpenAI,,,1,Requests,,gpt-5-mini,100,7,900",
            ),
        )
    )
    training, request = only(ledger, "focus")
    assert (training["meter"], training["quantity"]) == ("train_mtok", 5.0)
    assert tokens(request) == (1000, 900, 0, 0, 7)
    groups = matched(price(ledger, book)).groups
    assert groups.set_index("model")["state"]["gpt-4.1-mini, train_mtok"] == "matched"


def test_focus_of_google_names_model_and_token_in_the_description(
    write: Write, book: PriceBook
) -> None:
    header = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,ProviderName,"
        "ConsumedQuantity,ConsumedUnit,ChargeDescription"
    )
    day, google = "2026-11-01T00:00:00Z", "Vertex AI,Google Cloud"
    ledger = read(
        write(
            "focus.csv",
            table(
                header,
                f"0.3,USD,{day},Usage,{google},1000000,count,"
                "Gemini 2.5 Flash GA Text Input - Predictions",
                f"0.1,USD,{day},Usage,{google},10,count,"
                "Gemini 2.5 Flash GA Text Input Caching Storage",
                f"4,USD,{day},Usage,Compute Engine,Google Cloud,10,seconds,N2 Instance Core",
            ),
        )
    )
    text, storage, machine = only(ledger, "focus")
    assert (text["provider"], text["model"]) == ("vertex", "gemini-2.5-flash")
    assert (text["input_tokens"], storage["input_tokens"]) == (1_000_000, 0)
    assert machine["provider"] == "google cloud (compute engine)"
    listed = price(ledger, book).frame
    assert listed["list_pico"][0] == listed["billed_pico"][0]


def test_focus_does_not_take_a_virtual_currency_for_tokens(write: Write, book: PriceBook) -> None:
    ledger = read(
        write(
            "focus.csv",
            table(
                FOCUS,
                "2000,0,USD,4/1/25,Purchase,,SaaS,ACME,USD,1000,Token,,,,,",
                "0,490,USD,4/1/25,Usage,,SaaS,ACME,Token,245,Token,245,Token,,,",
            ),
        )
    )
    assert ledger.frame["input_tokens"].sum() + ledger.frame["output_tokens"].sum() == 0
    assert list(ledger.frame["day"].astype(str).unique()) == ["2025-04-01"]
    # cash when it is bought, effective when it is used, never both
    assert dollars(total(price(ledger, book).frame["billed_pico"])) == 2000
    assert dollars(total(price(ledger, book, basis="effective").frame["billed_pico"])) == 490


def test_focus_of_null_words_and_requests_is_read(write: Write, book: PriceBook) -> None:
    line = (
        "0.00000080000,NULL,USD,2024-09-18 22:00:00,Usage,NULL,LLM,openai,NULL,420,Requests,420,"
        'Requests,NULL,NULL,"{""model"": ""gpt-4.1-mini"", ""team_id"": ""t""}"'
    )
    ledger = read(write("focus.csv", table(FOCUS, line)))
    row, _ = only(ledger, "focus")
    assert (row["amount"], row["requests"]) == (800_000, 420.0)
    assert (row["model"], row["team"], row["minute"]) == ("gpt-4.1-mini", "t", 22 * 60)
    (why,) = price(ledger, book).unpriced["why"]
    assert why == "the export counts requests and does not say their tokens"


def test_focus_of_azure_counts_tokens_in_units(write: Write, book: PriceBook) -> None:
    header = (
        "BilledCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,"
        "ServiceSubcategory,ProviderName,PricingQuantity,PricingUnit,x_PricingBlockSize,"
        "x_SkuMeterName,SkuMeter"
    )
    day, azure = "2026-11-01T00:00:00Z", "Azure OpenAI,Generative AI,Microsoft"
    ledger = read(
        write(
            "focus.csv",
            table(
                header,
                f"0.66,USD,{day},Usage,{azure},1500,Units,1000,gpt-4.1-mini Inp Data Zone Tokens,",
                f"40.8,USD,{day},Usage,{azure},24,Hours,1,gpt-4.1-mini-ft hosting regional Unit,",
                f"2.64,USD,{day},Usage,Virtual Machines,Compute,Microsoft,24,Hours,1,B1s,",
                f"0.12,USD,{day},Usage,Amazon Bedrock,Generative AI,AWS,500,1K tokens,,,"
                "USE1-NovaLite-output-tokens",
            ),
        )
    )
    zone, hosting, machine, nova = only(ledger, "focus")
    assert (zone["model"], zone["region"]) == ("gpt-4.1-mini", "data-zone")
    assert zone["input_tokens"] == 1_500_000
    assert (hosting["meter"], hosting["quantity"]) == ("hosting_hour", 24.0)
    assert (machine["model"], machine["provider"]) == ("", "azure (virtual machines)")
    assert (nova["model"], nova["output_tokens"]) == ("nova-lite", 500_000)
    found = matched(price(ledger, book))
    assert set(found.groups["state"]) == {"matched"}
