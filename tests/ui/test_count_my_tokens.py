"""The app that counts agrees with the command line, and keeps to itself what it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

import costmodel as cm
from costmodel.ui.count_my_tokens import CountMyTokens, count_my_tokens

ON = date(2026, 11, 21)
DATA = Path(__file__).parents[2] / "notebooks" / "data"
GOOD = (
    b'{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]}\n'
)


@pytest.fixture(scope="module")
def book() -> cm.PriceBook:
    """Return the shipped tables."""
    return cm.PriceBook.read()


@pytest.fixture
def app(book: cm.PriceBook) -> CountMyTokens:
    """Return the app about the support bot."""
    made = count_my_tokens(DATA / "support_bot.jsonl", book=book, on=ON)
    assert isinstance(made, CountMyTokens)
    return made


def test_counts_are_those_of_the_command_line(
    app: CountMyTokens, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    path = DATA / "support_bot.jsonl"
    _, out, _ = command_line("tokens", path, "--on", "2026-11-21", "--json")
    found = json.loads(out)
    for name in ("records", "tokens", "by_role", "quantiles", "histogram"):
        assert app.found.summary[name] == found[name]
    theirs = {(r["file"], r["row"]): r["train_usd"] for r in found["billed"]}
    assert {(r["file"], r["row"]): r["train_usd"] for r in app.found.billed} == theirs


def test_a_request_is_the_mean_example_and_its_answer(app: CountMyTokens) -> None:
    # 3,800 system + 1,542 user + 300 frames = 5,642 and 2,714 said by the assistant, in 20
    assert (app.found.mix.input_tokens, app.found.mix.output_tokens) == (282.1, 135.7)


def test_the_cost_of_a_model_is_that_of_the_cost_function(
    app: CountMyTokens, book: cm.PriceBook
) -> None:
    record = next(r for r in app.found.costs if r["model"] == "gpt-6-sol")
    usd = cm.inference_cost(
        "openai", "gpt-6-sol", input_tokens=282.1, output_tokens=135.7, on=ON, book=book
    )
    assert record["usd"] == pytest.approx(usd)
    assert record["counted"] == "exact"


def test_models_of_other_tokenizers_get_more_tokens(app: CountMyTokens, book: cm.PriceBook) -> None:
    record = next(r for r in app.found.costs if r["model"] == "claude-opus-4-8")
    ratio = book.catalog.tokens_per("claude-4.7", "o200k_base", "english")
    assert ratio > 1
    assert record["input_tokens"] == pytest.approx(282.1 * ratio)


def test_models_that_have_retired_are_not_offered(app: CountMyTokens, book: cm.PriceBook) -> None:
    app.control("models").value = "All on sale"
    ends = [book.catalog.model(r["provider"], r["model"]) for r in app.found.costs]
    assert len(ends) > 500
    assert not [m.name for m in ends if m.ends_for_certain and m.retires and m.retires <= ON]


def test_half_price_in_batch(app: CountMyTokens) -> None:
    before = next(r["usd"] for r in app.found.costs if r["model"] == "gpt-6-luna")
    app.control("mode").value = "Batch"
    after = next(r["usd"] for r in app.found.costs if r["model"] == "gpt-6-luna")
    assert after == pytest.approx(before / 2)


def test_pasted_text_is_counted_and_an_empty_box_goes_back(app: CountMyTokens) -> None:
    before = app.verdict
    app.control("text").value = "What does it cost?"
    assert app.found.summary["tokens"] == cm.count_tokens("What does it cost?", "o200k_base")
    assert app.verdict.startswith("The pasted text has 5 tokens.")
    assert "plain text is no set of examples" in app.show("Training on it").html
    app.control("text").value = ""
    assert app.verdict == before


def test_pasted_lines_of_json_are_examples_and_braces_alone_are_text(app: CountMyTokens) -> None:
    app.control("text").value = GOOD.decode() * 3
    assert app.found.summary["records"] == 3
    app.control("text").value = "{neither JSON nor chat"
    assert app.found.data.shape == "text"


def test_an_upload_is_counted_and_an_example_takes_its_place(app: CountMyTokens) -> None:
    app.change({"upload": ("mine.jsonl", GOOD * 12)})
    assert app.verdict.startswith("mine.jsonl holds 12 examples")
    app.control("example").value = "legal_qa.jsonl"
    assert app.verdict.startswith("legal_qa.jsonl holds 20 examples")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("photo.png", b"\x89PNG\x00\x01", "photo.png"),
        ("empty.jsonl", b"", "empty.jsonl: is empty"),
        ("table.csv", b"a,b\n1,2\n", "no known format has the keys a, b; name its columns"),
        ("cut.jsonl.gz", b"\x1f\x8b\x08\x00", "cut.jsonl.gz"),
        ("broken.jsonl", b'{"messages": 3}\n', "broken.jsonl line 1"),
        ("../../up.jsonl", b"nothing", "up.jsonl"),
    ],
)
def test_an_upload_that_is_no_dataset_leaves_the_last_good_state(
    app: CountMyTokens, name: str, content: bytes, said: str
) -> None:
    before, state = app.verdict, app.state
    app.change({"upload": (name, content)})
    assert said in app.error
    assert "\n" not in app.error
    assert (app.verdict, app.state) == (before, state)


def test_bad_lines_are_listed_with_their_reason(app: CountMyTokens) -> None:
    app.change({"upload": ("some.jsonl", GOOD * 2 + b'{"messages": 3}\nnonsense\n')})
    assert app.status.warnings[0].startswith("2 lines cannot be used, the first one is line 3")
    html = app.show("Problems").html
    assert "<td>3</td>" in html
    assert "<td>4</td>" in html
    assert "fewer than 10 examples" in html


def test_a_file_without_problems_says_so(app: CountMyTokens) -> None:
    assert "No problem was found in support_bot.jsonl" in app.show("Problems").html


def test_columns_of_a_table_can_be_named(app: CountMyTokens) -> None:
    table = ("qa.csv", b"Question,Answer\nWhat is it?,It is a test.\n")
    app.change({"columns": "prompt=Question, completion=Answer", "upload": table})
    assert app.error == ""
    assert app.found.data.shape == "prompt_completion"
    app.control("columns").value = "prompt"
    assert "columns read like" in app.control("columns").error


def test_models_that_nobody_sells_are_said_and_the_rest_stays(app: CountMyTokens) -> None:
    before = app.verdict
    app.control("find").value = "zzz"
    assert app.control("find").error == "no model on sale has 'zzz' in its name and standard mode"
    assert app.verdict == before


def test_nothing_is_left_of_an_upload(
    app: CountMyTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    app.change({"upload": ("mine.jsonl", GOOD * 12)})
    assert app.found.summary["records"] == 12
    assert list(tmp_path.iterdir()) == []


def test_it_says_that_nothing_leaves_the_machine(app: CountMyTokens) -> None:
    assert app.verdict.endswith("Counted here; nothing left this machine.")


def test_the_code_on_the_last_tab_says_the_same(
    app: CountMyTokens, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(app.code().replace("=135.7)", f"=135.7, on='{ON}')"), {})
    tokens, usd = capsys.readouterr().out.strip().split("\n")
    assert tokens.startswith("8356 {")
    assert float(usd) == pytest.approx(app.found.costs[0]["usd"])


def test_every_tab_is_light_and_says_its_finding(app: CountMyTokens) -> None:
    for tab in app.tabs:
        page = app.show(tab.title)
        assert all(len(chart.figure) < 200_000 and chart.finding for chart in page.charts)
        assert page.charts or page.html
