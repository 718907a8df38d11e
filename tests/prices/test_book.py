"""Layers of tables and the one look-up that selects rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import costmodel as cm
from costmodel.months import Months
from costmodel.prices.book import default_layers
from costmodel.prices.rows import Key

INPUT = "input_mtok"
TAIL = "source,verified_on"
SAID = "https://example.com/own,2026-11-02"
MARCH = Months(date(2027, 3, 1), 1)
Layer = Callable[..., Path]


@pytest.fixture
def layer(tmp_path: Path) -> Layer:
    """Return a function that writes a folder of tables: file -> header and rows."""

    def written(name: str = "own", **files: str) -> Path:
        folder = tmp_path / name
        for file, text in files.items():
            path = folder / f"{file.replace('__', '/')}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            header, *rows = text.split("\n")
            lines = [f"{header},{TAIL}", *(f"{row},{SAID}" for row in rows)]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    return written


def request_usd(book: cm.PriceBook, model: str = "mini-1", on: str = "2026-12-01") -> float:
    """Return the price of one Mtok of input."""
    usd = cm.inference_cost(
        "example", model, input_tokens=100_000, output_tokens=0, requests=10, on=on, book=book
    )
    return float(usd)


# layers


def test_the_row_of_a_later_folder_wins(layer: Layer, example_dir: Path) -> None:
    first = layer("first", inference__example="model,input_per_mtok\nmini-1,0.30")
    second = layer("second", inference__example="model,input_per_mtok\nmini-1,0.25")
    assert request_usd(cm.PriceBook.read(example_dir, shipped=False)) == pytest.approx(0.40)
    assert request_usd(cm.PriceBook.read(example_dir, first, shipped=False)) == pytest.approx(0.30)
    both = cm.PriceBook.read(example_dir, first, second, shipped=False)
    assert request_usd(both) == pytest.approx(0.25)
    assert both.folders == (str(example_dir), str(first), str(second))
    turned = cm.PriceBook.read(example_dir, second, first, shipped=False)
    assert request_usd(turned) == pytest.approx(0.30)


def test_a_later_folder_leaves_other_rows_alone(layer: Layer, example_dir: Path) -> None:
    own = layer(inference__example="model,input_per_mtok\nmini-1,0.30")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert request_usd(book, "large-1") == pytest.approx(5.0)


def test_a_later_folder_wins_over_a_later_date(layer: Layer, example_dir: Path) -> None:
    # the list price changes on 2027-03-21; one's own row holds before and after
    own = layer(inference__example="model,input_per_mtok\nchanging-1,0.70")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert request_usd(book, "changing-1", "2027-03-20") == pytest.approx(0.70)
    assert request_usd(book, "changing-1", "2027-03-22") == pytest.approx(0.70)


def test_a_later_folder_changes_training_models_and_labour(layer: Layer, example_dir: Path) -> None:
    own = layer(
        finetuning=(
            "provider,model,objective,method,unit,price,serves_as\n"
            "example,mini-1,sft,lora,mtok_epoch,1.5,ft:mini-1"
        ),
        models="provider,model,context_window\nexample,large-1,1000",
        labour="role,per_hour\nml_engineer,200",
    )
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    usd = cm.training_cost(
        "example", "mini-1", tokens=1e6, epochs=1, method="lora", on="2026-12-01", book=book
    )
    assert usd == pytest.approx(1.5)
    assert book.catalog.model("example", "large-1").context_window == 1_000
    (match,) = book.match(Key("labour", "team", "ml_engineer"), "person_hour", MARCH)
    assert book.unit_usd(match.row, "person_hour") == 200


def test_the_folder_in_the_environment_is_a_layer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSTMODEL_PRICES", raising=False)
    assert default_layers() == []
    (tmp_path / "pricing").mkdir()
    assert default_layers() == [Path("pricing")]
    monkeypatch.setenv("COSTMODEL_PRICES", "elsewhere")
    assert default_layers() == [Path("elsewhere")]


# an endpoint of one's own


def test_an_endpoint_of_ones_own_is_a_folder_with_one_file(layer: Layer, example_dir: Path) -> None:
    own = layer(
        inference__mine="model,input_per_mtok,output_per_mtok\nour-llama,0.07,0.30\nour-tiny,0.01,0.02"
    )
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert "mine" in book.catalog.providers
    usd = cm.inference_cost(
        *("mine", "our-llama"),
        input_tokens=1_000,
        output_tokens=100,
        requests=10_000,
        on="2026-12-01",
        book=book,
    )
    # 10 Mtok x $0.07 + 1 Mtok x $0.30
    assert usd == pytest.approx(1.0)
    option = cm.Option("ours", (cm.Stage("our-llama", cm.PerToken("mine")),))
    scenario = cm.Scenario(
        name="own endpoint",
        start=date(2026, 12, 1),
        months=2,
        workload=cm.Workload(10_000, {"question": 1_000, "answer": 100}),
        options=(option,),
    )
    found = cm.compare(scenario, book)
    assert found.results[0].feasible
    bill = found.bill("ours")
    assert float(bill.by_phase()["serve"]) == pytest.approx(2.0)
    rows = {bill.book.rows[line.row].file for line in bill.lines if line.line.phase == "serve"}
    # rows of a layer are named with its folder
    assert rows == {f"{own.as_posix()}/inference/mine.csv"}
    assert any("our-llama: tokenizer not known" in text for text in found.assumptions)


def test_it_works_beside_the_shipped_tables(layer: Layer) -> None:
    own = layer(inference__mine="model,input_per_mtok,output_per_mtok\nour-llama,0.07,0.30")
    book = cm.PriceBook.read(own)
    usd = cm.inference_cost(
        np.array(["mine", "openai"]),
        np.array(["our-llama", "gpt-6-luna"]),
        input_tokens=1_000_000 / 4,
        output_tokens=0,
        requests=4,
        on="2026-12-01",
        book=book,
    )
    assert usd == pytest.approx([0.07, 0.10])


# dates


def test_the_prices_of_one_day_hold_throughout(example_book: cm.PriceBook) -> None:
    frozen = example_book.at(date(2027, 4, 1))
    assert frozen.priced_on == date(2027, 4, 1)
    assert request_usd(example_book, "changing-1", "2026-12-01") == pytest.approx(1.0)
    assert request_usd(frozen, "changing-1", "2026-12-01") == pytest.approx(2.0)
    before = example_book.at(date(2027, 3, 20))
    assert request_usd(before, "changing-1", "2027-05-01") == pytest.approx(1.0)
    (match,) = before.match(Key("inference", "example", "changing-1"), INPUT, MARCH)
    assert match.share == pytest.approx(1.0)


def test_what_is_not_yet_sold_on_that_day_has_no_price(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match="late-1"):
        request_usd(example_book.at(date(2027, 1, 1)), "late-1", "2027-08-01")


def test_a_price_that_starts_later_is_an_error_not_zero(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError) as caught:
        request_usd(example_book, "late-1", "2027-05-31")
    message = str(caught.value)
    assert "priced from 2027-06-01" in message
    assert "inference/example.csv line " in message
    assert "2027-05-31" in message
    assert request_usd(example_book, "late-1", "2027-06-01") == pytest.approx(1.0)


def test_a_scenario_that_starts_before_a_price_is_an_error(example_book: cm.PriceBook) -> None:
    option = cm.Option("late", (cm.Stage("late-1", cm.PerToken("example")),))
    scenario = cm.Scenario(
        name="too early",
        start=date(2027, 5, 1),
        months=3,
        workload=cm.Workload(10, {"question": 10, "answer": 10}),
        options=(option,),
    )
    with pytest.raises(cm.PriceError, match=r"late-1 is priced from 2027-06-01 on .*line \d+"):
        cm.compare(scenario, example_book)


def test_an_end_is_the_first_day_without_the_price(layer: Layer, example_dir: Path) -> None:
    rows = "mini-1,0.30,2027-01-01,2027-01-14"
    own = layer(inference__example=f"model,input_per_mtok,effective_from,effective_to\n{rows}")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    days = ("2026-12-31", "2027-01-01", "2027-01-13", "2027-01-14")
    # outside its dates the row of the layer below holds
    assert [request_usd(book, on=day) for day in days] == pytest.approx([0.4, 0.3, 0.3, 0.4])


# overrides


def test_a_contract_price_is_billed_and_the_list_price_shown(
    layer: Layer, example_dir: Path
) -> None:
    header = "provider,model,mode,region,meter,multiplier,price"
    own = layer(overrides=f"{header}\nexample,mini-1,,,,0.85,\nexample,large-1,,,input_mtok,,4.2")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    # 0.40 x 0.85 = 0.34
    assert request_usd(book, "mini-1") == pytest.approx(0.34)
    assert request_usd(book, "large-1") == pytest.approx(4.2)
    assert request_usd(book, "mid-1") == pytest.approx(3.0)
    options = tuple(
        cm.Option(model, (cm.Stage(model, cm.PerToken("example")),))
        for model in ("mini-1", "large-1")
    )
    scenario = cm.Scenario(
        name="contract",
        start=date(2026, 12, 1),
        months=1,
        workload=cm.Workload(1_000, {"question": 1_000, "answer": 1_000}),
        options=options,
    )
    found = cm.compare(scenario, book)
    (line,) = found.bill("mini-1").explain("serve/example/mini-1/input_mtok")[:1]
    assert (line["unit_price_usd"], line["list_unit_price_usd"]) == pytest.approx((0.34, 0.40))
    assert (line["file"], line["row"]) == (f"{own.as_posix()}/overrides.csv", 2)
    assert line["list_file"] == "inference/example.csv"
    assert (line["source"], line["verified_on"]) == ("https://example.com/own", "2026-11-02")
    by_meter = {
        record["line"].rpartition("/")[2]: record
        for record in found.bill("large-1").explain("serve/example/large-1")
        if record["phase"] == "serve"
    }
    assert by_meter["input_mtok"]["file"] == f"{own.as_posix()}/overrides.csv"
    assert by_meter["input_mtok"]["row"] == 3
    # only the input is under contract: the output cites the list
    assert by_meter["output_mtok"]["file"] == "inference/example.csv"
    assert by_meter["output_mtok"]["list_file"] is None
    assert by_meter["output_mtok"]["unit_price_usd"] == pytest.approx(25)


def test_a_discount_of_a_provider_holds_for_all_it_sells(layer: Layer, example_dir: Path) -> None:
    own = layer(overrides="provider,multiplier\nexample,0.5")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert request_usd(book, "large-1") == pytest.approx(2.5)
    assert request_usd(book, "tiered-1") == pytest.approx(0.25)
    usd = cm.training_cost(
        "example", "mini-1", tokens=1e6, epochs=1, method="lora", on="2026-12-01", book=book
    )
    assert usd == pytest.approx(1.5)


def test_a_contract_keeps_to_its_dates(layer: Layer, example_dir: Path) -> None:
    header = "provider,model,meter,price,effective_from,effective_to"
    own = layer(overrides=f"{header}\nexample,mini-1,input_mtok,0.2,2027-01-01,2028-01-01")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    days = ("2026-12-31", "2027-01-01", "2027-12-31", "2028-01-01")
    assert [request_usd(book, on=day) for day in days] == pytest.approx([0.4, 0.2, 0.2, 0.4])


def test_the_tiers_keep_their_thresholds_under_contract(layer: Layer, example_dir: Path) -> None:
    own = layer(overrides="provider,model,multiplier\nexample,tiered-1,0.5")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert book.thresholds(Key("inference", "example", "tiered-1")) == [100_000]
    usd = cm.inference_cost(
        *("example", "tiered-1"),
        input_tokens=np.array([100_000, 200_000]),
        output_tokens=0,
        on="2026-12-01",
        book=book,
    )
    # 0.1 Mtok x $0.25; 0.2 Mtok x $1.25
    assert usd == pytest.approx([0.025, 0.25])


def test_the_latest_contract_wins(layer: Layer, example_dir: Path) -> None:
    first = layer("first", overrides="provider,model,multiplier\nexample,mini-1,0.9")
    second = layer("second", overrides="provider,model,multiplier\nexample,mini-1,0.8")
    book = cm.PriceBook.read(example_dir, first, second, shipped=False)
    assert request_usd(book) == pytest.approx(0.32)


# currencies


def test_other_currencies_are_converted_with_the_row_of_fx_cited(
    example_book: cm.PriceBook,
) -> None:
    # 1.00 EUR at 1.25 US$
    assert request_usd(example_book, "euro-1") == pytest.approx(1.25)
    (row,) = example_book.rows_of(Key("inference", "example", "euro-1"))
    assert "EUR at 1.25" in row.note
    assert "fx.csv line 2" in row.note


def test_minimums_are_converted_too(layer: Layer, example_dir: Path) -> None:
    header = "provider,model,objective,unit,price,minimum,currency"
    own = layer(finetuning=f"{header}\nexample,small-1,sft,mtok,1,4,EUR")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    usd = cm.training_cost("example", "small-1", tokens=10, epochs=1, on="2026-12-01", book=book)
    # 4 EUR at 1.25 US$
    assert usd == pytest.approx(5.0)


RATES = "currency,usd_per_unit,effective_from"


def test_a_rate_holds_from_its_day_on(layer: Layer, example_dir: Path) -> None:
    own = layer(fx=f"{RATES}\nEUR,1.3,2027-01-16\nEUR,1.2,2026-06-01")
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    # before the first own rate the one below holds, 1.25
    for day, usd in (("2026-05-31", 1.25), ("2027-01-15", 1.2), ("2027-01-16", 1.3)):
        assert request_usd(book, "euro-1", on=day) == pytest.approx(usd)
    key = Key("inference", "example", "euro-1")
    matches = book.match(key, "input_mtok", Months(date(2027, 1, 1), 2))
    # 15 of the 31 days of January at 1.2, the rest and February at 1.3
    assert [book.unit_usd(m.row, "input_mtok") for m in matches] == [1.2, 1.3]
    assert [np.broadcast_to(m.share, 2).tolist() for m in matches] == [
        pytest.approx([15 / 31, 0]),
        pytest.approx([16 / 31, 1]),
    ]
    assert "EUR at 1.3 US$" in book.rows[matches[1].row].note


def test_a_new_rate_does_not_bring_back_an_old_price(layer: Layer, example_dir: Path) -> None:
    head = "model,input_per_mtok,currency,effective_from"
    own = layer(
        inference__example=f"{head}\neuro-1,2,EUR,\neuro-1,3,EUR,2026-11-01",
        fx=f"{RATES}\nEUR,1.5,2026-12-01",
    )
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert request_usd(book, "euro-1", on="2026-10-01") == pytest.approx(2 * 1.25)
    assert request_usd(book, "euro-1", on="2026-11-30") == pytest.approx(3 * 1.25)
    assert request_usd(book, "euro-1", on="2026-12-01") == pytest.approx(3 * 1.5)


def test_a_contract_in_euros_moves_with_the_rate(layer: Layer, example_dir: Path) -> None:
    row = "example,mini-1,input_mtok,0.2,EUR"
    own = layer(
        overrides=f"provider,model,meter,price,currency\n{row}", fx=f"{RATES}\nEUR,1.5,2027-01-01"
    )
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    assert request_usd(book, on="2026-12-31") == pytest.approx(0.2 * 1.25)
    assert request_usd(book, on="2027-01-01") == pytest.approx(0.2 * 1.5)
    note = book.rows[book.row_on(Key("inference", "example", "mini-1"), date(2027, 1, 1))].note
    assert "EUR at 1.5 US$" in note


def test_a_rate_with_an_end_is_refused(layer: Layer, example_dir: Path) -> None:
    own = layer(fx="currency,usd_per_unit,effective_to\nEUR,1.3,2027-01-16")
    with pytest.raises(cm.PriceError, match="line 2: a rate holds until the next one"):
        cm.PriceBook.read(example_dir, own, shipped=False)


# tiers, windows, regions, modes


@pytest.mark.parametrize(
    ("input_tokens", "usd_per_mtok"), [(99_999, 0.5), (100_000, 0.5), (100_001, 2.5)]
)
def test_a_tier_begins_above_its_threshold_and_prices_the_whole_request(
    example_book: cm.PriceBook, input_tokens: int, usd_per_mtok: float
) -> None:
    usd = cm.inference_cost(
        *("example", "tiered-1"),
        input_tokens=input_tokens,
        output_tokens=0,
        on="2026-12-01",
        book=example_book,
    )
    assert usd == pytest.approx(input_tokens / 1e6 * usd_per_mtok)


def test_a_window_holds_for_its_share_of_the_week(example_book: cm.PriceBook) -> None:
    matches = example_book.match(Key("inference", "example", "night-1"), INPUT, MARCH)
    prices = {example_book.unit_usd(m.row, INPUT): float(m.share[..., 0]) for m in matches}
    # 5 days x (3 + 4) hours of 168
    assert prices == pytest.approx({1.0: 133 / 168, 2.0: 35 / 168})


def test_a_window_can_be_given_the_hours_in_which_the_requests_come(
    example_book: cm.PriceBook,
) -> None:
    slots = np.zeros(336)
    slots[2] = 0.75  # Monday 01:00
    slots[336 - 46] = 0.25  # Sunday 01:00
    matches = example_book.match(Key("inference", "example", "night-1"), INPUT, MARCH, slots=slots)
    prices = {example_book.unit_usd(m.row, INPUT): float(m.share[..., 0]) for m in matches}
    assert prices == pytest.approx({1.0: 0.25, 2.0: 0.75})


@pytest.mark.parametrize(
    ("stamp", "usd"),
    [
        ("2026-11-23T01:00", 2.0),  # a Monday
        ("2026-11-23T03:59", 2.0),
        ("2026-11-23T04:00", 1.0),
        ("2026-11-21T02:00", 1.0),  # a Saturday
        ("2026-11-23", 1.0),  # a date alone means noon
        ("2026-11-23T03:30+01:00", 2.0),  # 02:30 UTC
    ],
)
def test_a_time_stamp_falls_into_a_window_or_not(
    example_book: cm.PriceBook, stamp: str, usd: float
) -> None:
    frame = pd.DataFrame({"provider": ["example"], "model": ["night-1"], "on": [stamp]})
    (row,) = example_book.prices(frame)
    assert example_book.unit_usd(int(row), INPUT) == usd


def test_the_shares_of_a_month_add_to_one_whatever_divides_it(
    layer: Layer, example_dir: Path
) -> None:
    header = "model,over_input_tokens,window,input_per_mtok,effective_from"
    rows = ("m,,,1,", "m,,,2,2027-03-11", "m,1000,,3,")
    mornings = ("m,,mon 00:00-12:00,4,", "m,1000,mon 00:00-12:00,5,")
    own = layer(inference__example="\n".join([header, *rows, *mornings]))
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    key = Key("inference", "example", "m")
    matches = book.match(key, INPUT, MARCH, share_over={1000.0: np.array([0.25])})
    shares = {book.unit_usd(m.row, INPUT): float(m.share[0]) for m in matches}
    # a quarter is long; 12 of 168 hours are Monday mornings; 10 of 31 days are before the 11th
    night = 12 / 168
    by_hand = {
        1.0: 10 / 31 * 0.75 * (1 - night),
        2.0: 21 / 31 * 0.75 * (1 - night),
        3.0: 0.25 * (1 - night),
        4.0: 0.75 * night,
        5.0: 0.25 * night,
    }
    assert shares == pytest.approx(by_hand)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_one_lookup_selects_rows_for_a_whole_frame(example_book: cm.PriceBook) -> None:
    frame = pd.DataFrame(
        {
            "provider": ["example", "other", "example", "example"],
            "model": ["mini-1", "mini-1", "tiered-1", "changing-1"],
            "mode": ["batch", "standard", "standard", "standard"],
            "region": [None, None, "", ""],
            "input_tokens": [10, 10, 200_000, 10],
            "on": ["2026-12-01", "2026-12-01", "2026-12-01", "2027-03-21"],
        }
    )
    rows = example_book.prices(frame)
    assert example_book.unit_prices(rows, INPUT) == pytest.approx([0.2, 0.5, 2.5, 2.0])


def test_a_frame_with_a_bad_row_names_it(example_book: cm.PriceBook) -> None:
    frame = pd.DataFrame(
        {"provider": ["example"] * 3, "model": ["mini-1", "mini-2", "mini-1"], "on": "2026-12-01"}
    )
    with pytest.raises(cm.PriceError, match=r"row 1: .*'mini-2'.*did you mean 'mini-1'"):
        example_book.prices(frame)
    rows = example_book.prices(frame, strict=False)
    assert (rows >= 0).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"provider": "exampel"}, "unknown provider 'exampel'; did you mean 'example'?"),
        ({"model": "minni-1"}, "no model 'minni-1'"),
        ({"mode": "flex"}, "has no mode 'flex'; known: batch, standard"),
        ({"region": "us"}, "has no region 'us'"),
        ({"mode": "batch", "region": "eu"}, "has no region 'eu'"),
    ],
)
def test_a_mode_or_region_without_a_row_is_an_error(
    example_book: cm.PriceBook, facts: dict[str, str], said: str
) -> None:
    asked = {"provider": "example", "model": "mini-1", "on": "2026-12-01"} | facts
    with pytest.raises(cm.PriceError) as caught:
        example_book.prices(pd.DataFrame({name: [value] for name, value in asked.items()}))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_region_has_its_own_price(example_book: cm.PriceBook) -> None:
    frame = pd.DataFrame(
        {"provider": ["example"], "model": ["mini-1"], "region": ["eu"], "on": ["2026-12-01"]}
    )
    assert example_book.unit_prices(example_book.prices(frame), INPUT) == pytest.approx([0.44])


def test_a_meter_that_is_not_published_is_an_error(example_book: cm.PriceBook) -> None:
    key = Key("inference", "example", "mid-1")
    with pytest.raises(cm.PriceError, match=r"line \d+: .* has no price for cached_input_mtok"):
        example_book.match(key, "cached_input_mtok", MARCH)
    assert not example_book.sells(key, "cached_input_mtok")
    assert example_book.sells(key, INPUT)


# names


@pytest.mark.parametrize(
    ("spelt", "name"),
    [
        ("mini-1", "mini-1"),
        ("mini-1-2026-05-01", "mini-1"),
        ("example/mini-1", "mini-1"),
        ("example/mid-1", "mid-1"),
        ("MINI-1", "mini-1"),
        ("ft:mini-1", "ft:mini-1"),
        ("ft:mini-1:our-org::7qTVM5AR", "ft:mini-1"),
        ("ft:mini-1-2026-05-01:our-org:bot:7qTVM5AR", "ft:mini-1"),
    ],
)
def test_every_spelling_of_a_model_is_known(
    example_book: cm.PriceBook, spelt: str, name: str
) -> None:
    assert example_book.catalog.name("example", spelt) == name


def test_an_unknown_model_is_sought_at_other_providers(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match=r"example has no model 'mix-47b'.*sold by other"):
        example_book.catalog.name("example", "mix-47b")


def test_an_alias_stands_for_one_model(layer: Layer, example_dir: Path) -> None:
    own = layer(models="provider,model,aliases\nexample,large-1,mini-1-2026-05-01")
    with pytest.raises(cm.PriceError, match=r"models.csv line \d+: alias 'mini-1-2026-05-01'"):
        cm.PriceBook.read(example_dir, own, shipped=False).catalog.name("example", "mini-1")


def test_gpus_are_known_by_any_name(example_book: cm.PriceBook) -> None:
    assert example_book.catalog.gpu("g80-sxm") == "G80"
    with pytest.raises(cm.PriceError, match=r"unknown GPU 'G90'; did you mean 'G80'\?"):
        example_book.catalog.gpu("G90")


def test_the_tokens_of_an_encoding_follow_from_the_ratios(example_book: cm.PriceBook) -> None:
    catalog = example_book.catalog
    assert catalog.tokens_per("heavy", "o200k_base") == pytest.approx(1.5)
    assert catalog.tokens_per("o200k_base", "heavy", "code") == pytest.approx(1 / 1.2)
    assert catalog.tokens_per("heavy", "heavy", "code") == 1.0
    with pytest.raises(cm.PriceError, match="no ratio of 'heavy' for 'arabic'"):
        catalog.tokens_per("heavy", "o200k_base", "arabic")
    with pytest.raises(cm.PriceError, match="unknown encoding 'o200k'"):
        catalog.tokens_per("o200k", "o200k_base")


# tuning offers


def test_a_size_band_holds_above_its_lower_and_up_to_its_upper_end(
    layer: Layer, example_dir: Path
) -> None:
    own = layer(models="provider,model,params_total\nother,p16,16000000000\nother,p69,69000000000")
    catalog = cm.PriceBook.read(example_dir, own, shipped=False).catalog
    day = date(2026, 12, 1)
    assert catalog.tuning("other", "p69", on=day).sku == "16B-69B:sft:lora"
    with pytest.raises(cm.PriceError, match="other does not tune 'p16'"):
        catalog.tuning("other", "p16", on=day)


def test_a_model_of_unknown_size_has_no_band(layer: Layer, example_dir: Path) -> None:
    own = layer(models="provider,model\nother,unknown-size")
    catalog = cm.PriceBook.read(example_dir, own, shipped=False).catalog
    with pytest.raises(cm.PriceError, match="no params_total for 'unknown-size'"):
        catalog.tuning("other", "unknown-size", on=date(2026, 12, 1))


def test_lora_is_taken_where_there_is_a_choice(example_book: cm.PriceBook) -> None:
    day = date(2026, 12, 1)
    assert example_book.catalog.tuning("example", "mini-1", on=day).method == "lora"
    assert example_book.catalog.tuning("other", "hourly-1", on=day).method == ""
    # a provider that chooses the method itself takes any
    offer = example_book.catalog.tuning("other", "hourly-1", method="lora", on=day)
    assert offer.sku == "hourly-1:sft"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"method": "qlora"}, "tunes 'mini-1' with full or lora, not with 'qlora'"),
        ({"objective": "grpo"}, "tunes 'mini-1' with objective 'dpo' or 'sft', not 'grpo'"),
        ({"mode": "developer"}, "tunes 'mini-1' with mode 'standard', not 'developer'"),
        ({"region": "eu"}, "tunes 'mini-1' with region the default, not 'eu'"),
    ],
)
def test_what_is_not_offered_is_an_error(
    example_book: cm.PriceBook, facts: dict[str, str], said: str
) -> None:
    with pytest.raises(cm.PriceError) as caught:
        example_book.catalog.tuning("example", "mini-1", on=date(2026, 12, 1), **facts)
    assert said in str(caught.value)


# rented machines


def test_rentals_are_found_by_gpu_and_market(example_book: cm.PriceBook) -> None:
    rows = example_book.rentals("cloud", "G80-SXM", "on_demand")
    assert {row.key.sku for row in rows} == {"gpu.x1", "gpu.x8"}
    with pytest.raises(cm.PriceError, match="cloud does not rent out G80 as 'spot'"):
        example_book.rentals("cloud", "G80", "spot")
    with pytest.raises(cm.PriceError, match=r"'clowd' rents out no GPUs; did you mean 'cloud'\?"):
        example_book.rentals("clowd", "G80", "on_demand")


def test_own_hourly_rates_replace_those_of_the_table(example_book: cm.PriceBook) -> None:
    book = example_book.with_rates({"annotator": 18.0}, "the scenario", date(2026, 12, 1))

    def rate(role: str) -> float:
        (match,) = book.match(Key("labour", "team", role), "person_hour", MARCH)
        return book.unit_usd(match.row, "person_hour")

    assert rate("annotator") == 18.0
    assert rate("ml_engineer") == 120.0


def test_a_contract_price_holds_for_training_whatever_the_model_is_called(
    layer: Layer, example_dir: Path
) -> None:
    own = layer(
        finetuning=(
            "provider,model,objective,method,unit,price\nexample,vendor.nova-v1:0,sft,,mtok,2"
        ),
        overrides="provider,model,meter,price\nexample,vendor.nova-v1:0,train_mtok,1.5",
    )
    book = cm.PriceBook.read(example_dir, own, shipped=False)
    usd = cm.training_cost(
        "example", "vendor.nova-v1:0", tokens=1e6, epochs=1, on="2026-12-01", book=book
    )
    assert usd == pytest.approx(1.5)


def test_a_match_kept_from_before_is_the_one_worked_out_anew() -> None:
    key, months = (
        Key("inference", "openai", "gpt-6-astra", "standard"),
        Months(date(2026, 12, 1), 24),
    )
    book, other = cm.PriceBook.read(), cm.PriceBook.read()
    (tier, *_) = book.thresholds(key)
    for share in (0.0, 0.25, 1.0):
        over = {tier: np.array([share])}
        first = book.match(key, "input_mtok", months, share_over=over)
        first.clear()  # what is handed out is the caller's
        again = book.match(key, "input_mtok", months, share_over=over)
        fresh = other._matches(key, "input_mtok", months, over, None, None)
        assert [(m.row, m.share.tolist()) for m in again] == [
            (m.row, m.share.tolist()) for m in fresh
        ]
