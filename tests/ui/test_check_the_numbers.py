"""The app that checks says what `costmodel validate` and `claims` say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

from costmodel.prices.book import PriceBook, shipped_dir
from costmodel.ui.check_the_numbers import CheckTheNumbers, check_the_numbers

ON = date(2026, 11, 21)
BILLS = Path(__file__).parents[2] / "notebooks" / "data" / "published_bills.csv"
PRICES = b"""provider,model,input_tokens,output_tokens,date,expected_usd
openai,gpt-6-luna,100000,0,2026-11-21,0.01
openai,gpt-6-luna,0,100000,2026-11-21,0.1
openai,gpt-9-nova,0,100000,2026-11-21,0.1
"""


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """Return the shipped tables."""
    return PriceBook.read()


@pytest.fixture
def app(book: PriceBook) -> CheckTheNumbers:
    """Return the app about the published training speeds."""
    made = check_the_numbers(BILLS, book=book, on=ON)
    assert isinstance(made, CheckTheNumbers)
    return made


@pytest.mark.parametrize(
    ("word", "command", "file"),
    [
        ("Training speed", "training", "training"),
        ("Training memory", "memory", "training_memory"),
        ("Serving speed", "serving", "serving"),
    ],
)
def test_errors_are_those_of_the_command_line(
    app: CheckTheNumbers,
    command_line: Callable[..., tuple[int, str, str]],
    word: str,
    command: str,
    file: str,
) -> None:
    app.control("kind").value = word
    path = shipped_dir() / "benchmarks" / f"{file}.csv"
    _, out, _ = command_line("validate", command, path, "--json")
    theirs = json.loads(out)
    ours = app.found.result.as_dict()
    assert ours == theirs
    assert f"{theirs['n']:,} " in app.verdict
    assert f"{theirs['median_absolute_percentage_error']:.1%}" in app.verdict


def test_reported_bills_of_training_are_met_by_hand(app: CheckTheNumbers) -> None:
    app.control("kind").value = "Training bills"
    frame = app.found.result.frame.set_index("case")
    # 418,000 tokens x (3 + 3 + 5) epochs x $1.5/Mtok
    assert frame.loc["together-mixtral", "predicted"] == pytest.approx(0.418 * 11 * 1.5)
    # 3 x 5 Mtok and one pass over 1 Mtok at $0.46
    assert frame.loc["ori-example", "predicted"] == pytest.approx(16 * 0.46)
    assert (abs(frame["ratio"] - 1) < 0.005).all()
    assert app.status.warnings == ["Only 5 rows: shares of so few say little."]


def test_a_wider_band_holds_more(app: CheckTheNumbers) -> None:
    app.control("within").value = "100%"
    ratio = app.found.result.ratios
    share = ((ratio <= 2) & (ratio >= 0.5)).mean()
    assert share > 0.99
    assert "over 99% lie within a factor of two" in app.verdict


def test_words_narrow_the_rows(app: CheckTheNumbers) -> None:
    app.control("find").value = "H100 lora"
    frame = app.found.result.frame
    assert frame["gpu"].str.contains("H100").all()
    assert len(frame) < 807
    before = app.verdict
    app.control("find").value = "no such words"
    assert app.control("find").error == "no row of training.csv says 'no such words'"
    assert app.verdict == before


def test_an_own_file_tells_by_its_columns_what_it_measures(app: CheckTheNumbers) -> None:
    app.change({"upload": ("mine.csv", PRICES)})
    assert app.control("kind").value == "Prices of requests"
    # $0.1/Mtok is the price, $0.5/Mtok half of what is expected; the third model is unknown
    assert app.found.result.ratios.tolist() == pytest.approx([1.0, 0.5])
    assert app.verdict.startswith("Half of 2 costs of requests of mine.csv are predicted")
    assert any("line 4" in text and "gpt-9-nova" in text for text in app.status.warnings)
    app.control("kind").value = "Training speed"
    assert "that were published" in app.verdict


def test_prices_without_a_file_say_what_to_open(app: CheckTheNumbers) -> None:
    before = app.verdict
    app.control("kind").value = "Prices of requests"
    assert "columns provider, model, input_tokens" in app.control("kind").error
    assert app.verdict == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "no column says what was measured"),
        (b"\x89PNG\x00", "is not a CSV table in UTF-8"),
        (b"", "is empty"),
        (b"model,tok_s_total\nx,fast\n", "needs a column method"),
        (b"model,method,tok_s_total\nno-such-model,lora,5\n", "line 2"),
        (b"epochs,tokens,price_per_mtok,reported_usd\nmany,1,1,1\n", "epochs reads like 3"),
    ],
)
def test_a_file_that_cannot_be_compared_leaves_the_last_good_state(
    app: CheckTheNumbers, content: bytes, said: str
) -> None:
    before, state = app.verdict, app.state
    app.change({"upload": ("mine.csv", content)})
    assert said in app.error
    assert "mine.csv" in app.error
    assert (app.verdict, app.state) == (before, state)


def test_claims_are_those_of_the_command_line_and_wrong_ones_lead(
    app: CheckTheNumbers, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    _, out, _ = command_line("claims", "--on", "2026-11-21", "--json")
    assert app.found.claims == json.loads(out)["claims"]
    html = app.show("Claims").html
    assert html.index("✗ wrong") < html.index("✓ right")


def test_forecasts_are_tested_with_what_was_known_then(app: CheckTheNumbers) -> None:
    app.show("Model lives")
    app.settle()
    found = app._foretold
    assert len(found) == 4
    assert all(test.on < test.until for test in found)
    assert f"{found[0].expected:.0f} foretold, {found[0].ended} came" in app.charts[0].figure


def test_rows_left_out_of_the_fit_are_shown_with_their_error(
    app: CheckTheNumbers, book: PriceBook
) -> None:
    from costmodel.prices.specs import Specs

    tested = Specs.of(book).tested("serving")["left_out_by_gpu"]
    assert f"{tested['median']:.1%}" in app.show("Rows left out").html


@pytest.mark.parametrize("word", ["Training speed", "Serving speed", "Training bills"])
def test_the_code_on_the_last_tab_says_the_same(
    app: CheckTheNumbers, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app.control("kind").value = word
    exec(app.code(), {})
    assert capsys.readouterr().out.strip() == str(app.found.result.as_dict())


def test_every_tab_is_light_and_says_its_finding(app: CheckTheNumbers) -> None:
    app.control("kind").value = "Serving speed"
    for tab in app.tabs:
        page = app.show(tab.title)
        app.settle()
        assert all(len(chart.figure) < 200_000 and chart.finding for chart in page.charts)
        assert page.charts or page.html
