"""The app about prices shows what the tables say, and writes only to a folder of one's own."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

import costmodel as cm
from costmodel.analysis.wording import provider_words
from costmodel.costs import shipped_book
from costmodel.prices.book import shipped_dir
from costmodel.ui.prices_and_providers import PricesAndProviders, prices_and_providers

ON = date(2026, 11, 21)
TINY = """\
version = 1
name = "One option"
start = 2026-12-01
months = 2
[workload]
requests = 1_000_000
[workload.parts]
question = 1000
answer = 100
[[option]]
name = "Prompting"
model = "gpt-6-luna"
host = {kind = "per_token", provider = "openai"}
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PricesAndProviders:
    """Return the app in an empty working folder, with an example of one option."""
    monkeypatch.delenv("COSTMODEL_PRICES", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY, "utf-8")
    made = prices_and_providers("tiny.toml", on=ON)
    assert isinstance(made, PricesAndProviders)
    return made


def bill(app: PricesAndProviders) -> str:
    """Return what the tab on the bill says, worked out."""
    app.show("Edit a price")
    app.settle()
    return app.page.html


def test_the_verdict_names_the_cheapest_for_ones_own_mix(app: PricesAndProviders) -> None:
    best = app.found.costs[0]
    usd = cm.inference_cost(
        best["provider"], best["model"], input_tokens=1500, output_tokens=300, on=ON
    )
    assert best["usd"] == pytest.approx(usd)
    assert f"costs least on {best['model']} at {provider_words(best['provider'])}" in app.verdict
    assert best["usd"] == min(record["usd"] for record in app.found.costs)


def test_words_narrow_models_and_tables(app: PricesAndProviders) -> None:
    app.control("find").value = "anthropic opus"
    assert all("anthropic" in r["provider"] + r["model"] for r in app.found.costs)
    assert all("opus" in row.key.sku for _, row in app.found.listed)
    assert "opus" in app.found.key.sku
    before = app.verdict
    app.control("find").value = "nobody sells this"
    assert "no model on sale" in app.control("find").error
    assert app.verdict == before


def test_a_price_that_a_later_row_replaced_is_no_longer_listed(app: PricesAndProviders) -> None:
    held = [(row.key, row.over_input_tokens, row.window) for _, row in app.found.listed]
    assert len(set(held)) == len(held) > 1_000
    listed = {row.key: place for place, row in app.found.listed if not row.over_input_tokens}
    book = app.found.today
    for key, place in listed.items():
        if not book.rows[place].window:
            assert place == book.row_on(key, app.found.on)


def test_rows_not_seen_for_90_days_are_counted_and_listed(app: PricesAndProviders) -> None:
    assert app.found.stale
    assert all(row["days"] > 90 for row in app.found.stale)
    assert app.status.warnings[0].startswith(f"{len(app.found.stale)} of ")
    assert app.found.stale[0]["what"].split()[0] in app.show("Age").html


def test_nothing_newer_is_cheaper_than_the_filled_ones(app: PricesAndProviders) -> None:
    from costmodel.analysis.request_costs import unbeaten

    dated = [r for r in app.found.costs if r["released"]]
    best = unbeaten(app.found.costs)
    for record in dated:
        rivals = [
            r for r in dated if r["released"] > record["released"] and r["usd"] < record["usd"]
        ]
        assert not rivals or record not in best


def test_a_price_that_is_typed_moves_the_bill_and_nothing_is_written(
    app: PricesAndProviders, tmp_path: Path
) -> None:
    assert "+$" not in bill(app)
    standard = next(row for row in app.grid.rows if row["name"] == "standard")
    listed = float(standard["cells"]["output_mtok"]["text"])
    # 2 months x 10^6 requests x 100 tokens = 200 Mtok of answers, each $1 dearer
    app.edit("standard", "output_mtok", str(listed + 1))
    assert "+$200" in bill(app)
    assert app.grid.changed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.toml"]
    app.undo()
    assert "+$" not in bill(app)
    assert not app.grid.changed


def test_a_price_that_no_option_pays_says_so(app: PricesAndProviders) -> None:
    app.control("model").value = "gpt-6-sol, openai"
    bill(app)
    app.edit("standard", "output_mtok", "99")
    assert "No option of tiny.toml pays the prices you changed" in bill(app)


def test_words_for_a_price_are_refused_and_the_last_price_stays(app: PricesAndProviders) -> None:
    bill(app)
    before = app.grid.rows
    app.edit("standard", "output_mtok", "much")
    assert app.grid.said == "Price of output: type a number like 3, got 'much'"
    app.edit("standard", "output_mtok", "-1")
    assert "at least 0" in app.grid.said
    assert app.grid.rows == before
    assert app.found.edits == {}


def test_kept_prices_hold_in_every_command_from_here(
    app: PricesAndProviders, tmp_path: Path
) -> None:
    before = shipped_dir().joinpath("overrides.csv").read_bytes()
    bill(app)
    app.edit("standard", "output_mtok", "12.5")
    app.keep()
    with (tmp_path / "pricing" / "overrides.csv").open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["provider"], row["model"], row["meter"], row["price"], row["effective_from"]) == (
        *("openai", "gpt-6-luna", "output_mtok", "12.5", "2026-11-21"),
    )
    assert shipped_dir().joinpath("overrides.csv").read_bytes() == before
    usd = cm.inference_cost("openai", "gpt-6-luna", input_tokens=0, output_tokens=1e6, on=ON)
    assert usd == 12.5
    assert app.grid.said.startswith("Kept in pricing/overrides.csv")
    assert app.found.edits == {}
    # typed once more, the row is replaced
    app.edit("standard", "output_mtok", "11")
    app.keep()
    assert len((tmp_path / "pricing" / "overrides.csv").read_text("utf-8").splitlines()) == 2
    shipped_book.cache_clear()


def test_the_shipped_tables_are_never_written(app: PricesAndProviders) -> None:
    before = shipped_dir().joinpath("overrides.csv").read_bytes()
    bill(app)
    app.edit("standard", "output_mtok", "12.5")
    for folder in (shipped_dir(), shipped_dir() / "inference"):
        app.control("folder").value = str(folder)
        app.keep()
        assert "holds the shipped tables; name a folder of your own" in app.grid.said
    assert shipped_dir().joinpath("overrides.csv").read_bytes() == before
    assert app.found.edits


def test_a_folder_that_cannot_be_made_is_said(app: PricesAndProviders, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    bill(app)
    app.edit("standard", "output_mtok", "12.5")
    app.control("folder").value = "file"
    app.keep()
    assert "file: cannot be made" in app.grid.said


def test_a_price_folder_with_an_error_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY, "utf-8")
    (tmp_path / "pricing").mkdir()
    bad = "provider,model,meter,price,source,verified_on\n"
    bad += "openai,gpt-6-luna,output_mtok,$2,x,2026-11-21\n"
    (tmp_path / "pricing" / "overrides.csv").write_text(bad, "utf-8")
    app = prices_and_providers("tiny.toml", on=ON)
    assert app.status.fault.startswith("pricing/overrides.csv line 2: price must be a number")
    assert "\n" not in app.status.fault
    assert app.verdict == ""


def test_two_own_prices_are_kept_together_or_not_at_all(
    app: PricesAndProviders, tmp_path: Path
) -> None:
    (tmp_path / "pricing").mkdir()
    broken = tmp_path / "pricing" / "fx.csv"
    broken.write_text("currency\n", "utf-8")
    bill(app)
    app.edit("standard", "output_mtok", "12.5")
    app.keep()
    assert app.grid.said.endswith("nothing was changed")
    assert not (tmp_path / "pricing" / "overrides.csv").exists()


def test_the_code_on_the_last_tab_says_the_same(
    app: PricesAndProviders, capsys: pytest.CaptureFixture[str]
) -> None:
    bill(app)
    verdict = app._before[app.found.scenario].verdict
    exec(app.code(), {})
    assert capsys.readouterr().out.strip() == verdict


def test_every_tab_is_light_and_says_its_finding(app: PricesAndProviders) -> None:
    for tab in app.tabs:
        page = app.show(tab.title)
        app.settle()
        assert all(len(chart.figure) < 200_000 and chart.finding for chart in page.charts)
        assert page.charts or page.html
