"""The shipped tables: every row can be traced, every priced model is known by all its names."""

from __future__ import annotations

import csv
from datetime import date

import pytest

import costmodel as cm
from costmodel.months import Months
from costmodel.prices.book import shipped_dir
from costmodel.prices.rows import Key
from costmodel.prices.tables import SOURCE_KINDS, TABLES

# the day the tables were last checked: raise it with them
LAST_CHECK = date(2026, 11, 21)
WITHOUT_KIND = {table.path for table in TABLES.values() if "source_kind" not in table.columns}
UNSOURCED = {table.path for table in TABLES.values() if not table.sourced}
NAMES = {table.path: name for name, table in TABLES.items()}
DECEMBER = Months(date(2026, 12, 1), 1)

Row = dict[str, str]


def shipped_rows() -> list[tuple[str, Row]]:
    """Return every row of every file with a name such as `inference/openai.csv:9`."""
    folder = shipped_dir()
    found = []
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                name = f"{path.relative_to(folder).as_posix()}:{reader.line_num}"
                found.append((name, row))
    return found


ROWS = [item for item in shipped_rows() if item[0].partition(":")[0] not in UNSOURCED]
# thousands of measurements are one test, the prices are one each
MEASURED = [item for item in ROWS if item[0].startswith("benchmarks/")]
SINGLE = [item for item in ROWS if not item[0].startswith("benchmarks/")]
MODELS = [row for name, row in ROWS if name.startswith("models.csv")]


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    return cm.PriceBook.read()


@pytest.mark.parametrize(("name", "row"), SINGLE, ids=[name for name, _ in SINGLE])
def test_a_shipped_row_can_be_traced(name: str, row: Row) -> None:
    assert row["source"].startswith("https://")
    assert " " not in row["source"]
    assert date(2025, 1, 1) <= date.fromisoformat(row["verified_on"]) <= LAST_CHECK
    file = name.partition(":")[0]
    if file not in WITHOUT_KIND:
        assert row["source_kind"] in SOURCE_KINDS
    if row.get("source_kind") == "derived":
        assert row["note"]


def test_a_measured_row_can_be_traced() -> None:
    assert len(MEASURED) > 1000
    for name, row in MEASURED:
        test_a_shipped_row_can_be_traced(name, row)


def test_the_files_are_plain_text() -> None:
    for path in sorted(shipped_dir().rglob("*.csv")):
        content = path.read_bytes()
        assert b"\r" not in content, path
        assert content.endswith(b"\n"), path
        assert not content.startswith(b"\xef\xbb\xbf"), path


def test_numbers_are_plain_decimals() -> None:
    for name, row in ROWS:
        file = name.partition(":")[0]
        table = TABLES[NAMES.get(file, "inference")]
        for column in table.numbers:
            cell = row.get(column) or "0"
            assert cell.replace(".", "", 1).isdigit(), (name, column, cell)
            assert "." not in cell or cell[-1] not in "0.", (name, column, cell)


def test_every_priced_model_is_in_the_list_of_models(book: cm.PriceBook) -> None:
    known = {(row["provider"], row["model"]) for row in MODELS}
    for provider, skus in book.catalog.skus.items():
        for sku in skus:
            assert (provider, sku) in known, f"{provider}/{sku} has a price but no row"


@pytest.mark.parametrize("row", MODELS, ids=[f"{row['provider']}/{row['model']}" for row in MODELS])
def test_a_model_is_found_by_all_its_names(book: cm.PriceBook, row: Row) -> None:
    names = [row["model"], *filter(None, (word.strip() for word in row["aliases"].split("|")))]
    for name in names:
        assert book.catalog.name(row["provider"], name) == row["model"]


def test_a_replacement_is_a_model_of_the_same_provider(book: cm.PriceBook) -> None:
    for row in MODELS:
        if row["replaced_by"]:
            book.catalog.name(row["provider"], row["replaced_by"])


def test_every_tuned_model_has_a_price_to_serve_it(book: cm.PriceBook) -> None:
    for offer in book.catalog.offers:
        if offer["serves_as"]:
            name = book.catalog.name(offer["provider"], offer["serves_as"])
            assert book.sells(Key("inference", offer["provider"], name), "output_mtok")


def test_every_encoding_has_a_ratio_for_english(book: cm.PriceBook) -> None:
    for row in MODELS:
        if row["encoding"]:
            assert book.catalog.tokens_per(row["encoding"], "o200k_base") > 0


def test_the_unit_of_all_ratios_is_o200k(book: cm.PriceBook) -> None:
    for row in book.catalog.tokenizers:
        if row["encoding"] == "o200k_base":
            assert row["ratio"] == 1.0


# facts that anyone can check on the page named beside them


def training(book: cm.PriceBook, provider: str, model: str, on: str = "2026-12-01") -> float:
    """Return the price of training on 1 Mtok for one epoch."""
    return float(cm.training_cost(provider, model, tokens=1e6, epochs=1, on=on, book=book))


def test_openai_trains_gpt_4o_mini_for_3_dollars(book: cm.PriceBook) -> None:
    assert training(book, "openai", "gpt-4o-mini") == pytest.approx(3.00)
    assert training(book, "openai", "gpt-4o-mini-2024-07-18") == pytest.approx(3.00)


def test_openai_trains_gpt_4o_for_25_dollars_until_2027_01_06(book: cm.PriceBook) -> None:
    assert training(book, "openai", "gpt-4o", "2027-01-05") == pytest.approx(25.00)
    with pytest.raises(cm.PriceError, match="2027-01-06"):
        training(book, "openai", "gpt-4o", "2027-01-06")


def test_azure_hosts_a_tuned_gpt_4o_for_170_an_hour(book: cm.PriceBook) -> None:
    key = Key("finetuning", "azure", "gpt-4o:sft")
    (match,) = book.match(key, "hosting_hour", DECEMBER)
    assert book.unit_usd(match.row, "hosting_hour") == pytest.approx(1.70)


def test_an_h100_at_together_is_549_and_was_399_in_september(book: cm.PriceBook) -> None:
    key = Key("gpu_rental", "together", "dedicated-h100-sxm", "dedicated")
    for month, usd in ((date(2026, 12, 1), 5.49), (date(2026, 9, 1), 3.99)):
        (match,) = book.match(key, "instance_hour", Months(month, 1))
        assert book.unit_usd(match.row, "instance_hour") == pytest.approx(usd)


def test_gpt_6_luna_is_10_cents_in_and_50_cents_out(book: cm.PriceBook) -> None:
    usd = cm.inference_cost(
        *("openai", "gpt-6-luna"),
        input_tokens=100_000,
        output_tokens=100_000,
        requests=10,
        on="2026-12-01",
        book=book,
    )
    # 1 Mtok x $0.10 + 1 Mtok x $0.50
    assert usd == pytest.approx(0.60)


def test_gpt_6_luna_doubles_its_input_above_272_000_tokens(book: cm.PriceBook) -> None:
    usd = [
        cm.inference_cost(
            *("openai", "gpt-6-luna"),
            input_tokens=size,
            output_tokens=0,
            on="2026-12-01",
            book=book,
        )
        for size in (272_000, 272_001)
    ]
    assert usd == pytest.approx([0.272 * 0.10, 0.272001 * 0.20])


def test_tunes_of_gpt_4o_mini_at_openai_stop_on_2027_01_14(book: cm.PriceBook) -> None:
    offer = book.catalog.tuning("openai", "gpt-4o-mini", on=date(2026, 12, 1))
    assert offer.training_until == date(2027, 1, 6)
    assert offer.inference_until == date(2027, 1, 14)
    assert offer.ends_for_certain
