"""Files that a user opens, and prices that a user types, in a real JupyterLab."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import Lab, Notebook


@contextmanager
def opened(browser: Browser, lab: Lab, name: str) -> Iterator[Notebook]:
    """Open a notebook on a page of its own and run it."""
    with browser.new_page(viewport={"width": 1440, "height": 900}) as page:
        app = Notebook(page, lab, name)
        app.open()
        app.run_all()
        yield app


def test_a_file_is_counted_and_what_is_no_dataset_leaves_the_last_state(
    lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    chat = {"messages": [{"role": r, "content": "hi"} for r in ("user", "assistant")]}
    good, bad = tmp_path / "mine.jsonl", tmp_path / "photo.png"
    good.write_text(f"{json.dumps(chat)}\n" * 12, "utf-8")
    bad.write_bytes(b"\x89PNG\x00\x01")
    with opened(browser, lab, "06_count_my_tokens.ipynb") as app:
        app.page.locator("input[type=file]").first.set_input_files(good)
        expect(app.said).to_contain_text("mine.jsonl holds 12 examples")
        found = json.loads(lab.costmodel("tokens", good, "--json"))
        assert f"{found['tokens']:,} tokens" in app.verdict
        verdict = app.verdict
        app.page.locator("input[type=file]").first.set_input_files(bad)
        expect(app.alerts).to_have_count(1)
        expect(app.alerts).to_contain_text("photo.png")
        assert app.verdict == verdict
        app.page.locator("textarea").first.fill("What does it cost?")
        expect(app.said).to_contain_text("The pasted text has 5 tokens.")
        assert app.abroad == []


def test_a_price_that_is_typed_moves_the_bill_and_is_kept_where_commands_find_it(
    lab: Lab, browser: Browser
) -> None:
    own = lab.folder / "pricing" / "overrides.csv"
    try:
        with opened(browser, lab, "07_prices_and_providers.ipynb") as app:
            app.open_tab("Edit a price")
            price = app.page.get_by_label("Output, standard", exact=True)
            before = price.input_value()
            price.fill("9.75")
            price.press("Enter")
            expect(app.page.locator(".cm-page:visible")).to_contain_text("With your prices:")
            assert not own.exists()
            app.page.get_by_role("button", name="Keep in", exact=False).click()
            expect(app.page.locator(".cm-said")).to_contain_text("Kept in")
            with own.open(encoding="utf-8", newline="") as file:
                [row] = csv.DictReader(file)
            assert (row["meter"], row["price"]) == ("output_mtok", "9.75")
            expect(app.page.get_by_label("Output, standard", exact=True)).to_have_value("9.75")
            assert before != "9.75"
            words = ("price", row["provider"], row["model"], "--input", "0", "--output", "1M")
            assert json.loads(lab.costmodel(*words, "--json"))["usd"] == 9.75
    finally:
        # the other notebooks of the session count with the shipped prices
        own.unlink(missing_ok=True)
        if own.parent.is_dir():
            own.parent.rmdir()
