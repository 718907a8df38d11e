"""Sources side by side: every difference has a cause, or is said to have none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costmodel import PriceBook
from costmodel.cli import main
from costmodel.errors import PriceError
from costmodel.prices import imports, sources
from costmodel.prices.audit import Audit, audit
from costmodel.prices.specs import Specs

ON = date(2026, 11, 21)
Place = Callable[..., Path]
HEADER = (
    "model,mode,region,over_input_tokens,input_per_mtok,cached_input_per_mtok,output_per_mtok,"
    "effective_from"
)
KNOWN = "voice,provider,model,explanation,right,theirs,cause"


def token(usd: float) -> float:
    """Return a price per token of one per Mtok."""
    return usd / 1e6


def entry(provider: str, usd_in: float, usd_out: float, **more: Any) -> dict[str, Any]:
    """Return an entry of litellm."""
    prices = {"input_cost_per_token": token(usd_in), "output_cost_per_token": token(usd_out)}
    return {"litellm_provider": provider, "mode": "chat", **prices, **more}


@pytest.fixture
def audited(tables: Callable[..., Path], place: Place) -> Callable[..., Audit]:
    """Return a function that imports litellm (and genai-prices) into tables and audits them."""

    def run(litellm: dict[str, Any], genai: dict[str, Any] | None = None, **more: Any) -> Audit:
        ours = {
            "inference__openai": (
                HEADER,
                "swift-1,standard,,,2,0.2,8,",
                "swift-1,standard,,,1,0.1,4,2026-02-01",
                "swift-1,standard,,,0.5,0.05,2,2026-06-01",
                "swift-1,batch,,,0.25,,1,",
                "swift-1,standard,,200000,3,,6,",
            ),
            "inference__azure": (HEADER, "swift-1,standard,,,0.5,,2,"),
            "inference__bedrock": (
                HEADER,
                "clod-1,standard,,,3,,15,",
                "clod-1,standard,us,,3.6,,18,",
            ),
        }
        folder = tables(**{**ours, **more})
        texts = {"litellm": json.dumps(litellm)}
        if genai:
            models = [
                {"id": name, "match": {"equals": name}, "prices": prices}
                for name, prices in genai.items()
            ]
            texts["genai-prices"] = json.dumps(
                [{"id": "openai", "api_pattern": "", "models": models}]
            )
        for name, text in texts.items():
            imports.keep(sources.read(name, str(place(name, text)), ON), folder, ON)
        return audit([folder], PriceBook.read(folder, shipped=False), ON)

    return run


def why(found: Audit, column: str = "input_per_mtok") -> str:
    """Return the cause of the one difference in a column."""
    mine = found.found[found.found["column"] == column]
    assert len(mine) == 1, found.found
    return str(mine["cause"].iloc[0])


def test_what_agrees_is_no_difference(audited: Callable[..., Audit]) -> None:
    found = audited({"swift-1": entry("openai", 0.5, 2)})
    assert found.compared == 2
    assert found.found.empty


def test_the_price_of_another_day(audited: Callable[..., Audit]) -> None:
    found = audited({"swift-1": entry("openai", 1, 2)})
    assert why(found) == "date: our price until 2026-06-01"
    older = audited({"swift-1": entry("openai", 2, 2)})
    assert why(older) == "date: our price until 2026-02-01"


def test_the_price_of_another_mode(audited: Callable[..., Audit]) -> None:
    found = audited({"swift-1": entry("openai", 0.25, 2)})
    assert why(found) == "mode: our price of mode batch"


def test_the_price_of_another_tier(audited: Callable[..., Audit]) -> None:
    found = audited({"swift-1": entry("openai", 3, 6)})
    assert why(found) == "tier: our price above 200000 tokens"


def test_the_price_of_shorter_requests_in_a_tier(audited: Callable[..., Audit]) -> None:
    tier = {"input_cost_per_token_above_200k_tokens": token(0.5)}
    found = audited({"swift-1": entry("openai", 0.5, 2, **tier)})
    assert why(found) == "tier: our price of shorter requests"


def test_the_price_of_the_peak_all_day(audited: Callable[..., Audit]) -> None:
    prices = (
        "model,mode,window,input_per_mtok,output_per_mtok",
        "deep-1,standard,,1,2",
        "deep-1,standard,mon-fri 01:00-04:00,2,4",
    )
    found = audited({"deepseek/deep-1": entry("deepseek", 2, 2)}, inference__deepseek=prices)
    assert why(found) == "date: our price of other hours"


def test_the_price_of_another_region(audited: Callable[..., Audit]) -> None:
    assert why(audited({"clod-1": entry("bedrock", 3.6, 15)})) == "region: our price of region us"


def test_ten_percent_more_at_a_host_with_regions(audited: Callable[..., Audit]) -> None:
    assert why(audited({"azure/swift-1": entry("azure", 0.55, 2)})).startswith("region: 10 %")


def test_a_price_a_thousand_times_ours(audited: Callable[..., Audit]) -> None:
    assert why(audited({"swift-1": entry("openai", 500, 2)})) == "unit: a power of ten apart"


def test_a_price_of_zero(audited: Callable[..., Audit]) -> None:
    assert why(audited({"swift-1": entry("openai", 0, 0)})) == "error: 0 may mean unknown"


def test_a_moving_name(audited: Callable[..., Audit]) -> None:
    models = (
        "provider,model,aliases",
        "openai,swift-1,swift-latest",
    )
    found = audited({"swift-latest": entry("openai", 0.7, 2)}, models=models)
    assert why(found) == "alias: a moving name, swift-latest"


def test_a_price_of_a_model_that_ended(audited: Callable[..., Audit]) -> None:
    models = "provider,model,retires,retires_kind", "openai,swift-1,2026-09-01,retired"
    found = audited({"swift-1": entry("openai", 0.7, 2)}, models=models)
    assert why(found) == "date: the model ended on 2026-09-01"


def test_what_has_no_cause_is_said_to_have_none(audited: Callable[..., Audit]) -> None:
    found = audited({"swift-1": entry("openai", 0.7, 2)})
    assert len(found.unexplained) == 1
    assert found.by_cause() == {"unexplained": 1}


def test_research_explains_the_figure_it_looked_into_and_no_other(
    audited: Callable[..., Audit],
) -> None:
    known = KNOWN, "litellm,openai,swift-1,kept an old one,ours,0.7,date"
    found = audited({"swift-1": entry("openai", 0.7, 2)}, disagreements=known)
    assert why(found) == "date: kept an old one"
    assert not found.unheard
    later = audited({"swift-1": entry("openai", 0.8, 2)}, disagreements=known)
    assert len(later.unexplained) == 1
    assert [row["model"] for row in later.unheard] == ["swift-1"]


def test_a_third_voice_stands_beside_the_two(audited: Callable[..., Audit]) -> None:
    genai = {"swift-1": {"input_mtok": 0.5, "output_mtok": 2}}
    found = audited({"swift-1": entry("openai", 0.7, 2)}, genai)
    assert list(found.found["agree"]) == ["ours, genai-prices: 0.5 | litellm: 0.7"]


def test_two_sources_that_differ_on_what_we_lack(audited: Callable[..., Audit]) -> None:
    genai = {"new-1": {"input_mtok": 5, "output_mtok": 9}}
    found = audited({"new-1": entry("openai", 4, 9)}, genai)
    assert list(found.found["agree"]) == ["litellm: 4 | genai-prices: 5"]


def test_rounding_to_three_digits_is_no_difference(audited: Callable[..., Audit]) -> None:
    assert audited({"swift-1": entry("openai", 0.5004, 2)}).found.empty


def test_figures_that_are_none_are_refused(audited: Callable[..., Audit]) -> None:
    known = KNOWN, "litellm,openai,swift-1,x,ours,0.7|much,date"
    with pytest.raises(PriceError, match=r"theirs must be numbers with \| between"):
        audited({"swift-1": entry("openai", 0.7, 2)}, disagreements=known)


def test_a_known_difference_says_whose_figure_is_right() -> None:
    rows = Specs.of(PriceBook.read()).rows("disagreements")
    assert len(rows) > 53  # litellm 1.109.1 beside genai-prices 0.2.3 on 2026-11-20, and later ones
    assert all(row["right"] in ("ours", *sources.SOURCES) for row in rows)


def test_our_tables_hold_what_is_said_to_be_right() -> None:
    """Where a source is wrong about a standard price, ours is not what it says."""
    book = PriceBook.read()
    from costmodel.prices.book import shipped_dir
    from costmodel.prices.matching import curated, in_force
    from costmodel.prices.sources.frame import KEYS

    ours = curated([shipped_dir()], book.catalog, ON)
    now = in_force(ours[ours["table"] == "inference"], KEYS["inference"], "2026-11-21")
    wrong = []
    for row in Specs.of(book).rows("disagreements"):
        mine = now[
            (now["provider"] == row["provider"])
            & (now["model"] == row["model"])
            & (now["mode"] == "standard")
            & (now["region"] == "")
            & (now["over_input_tokens"] == 0)
            & (now["window"] == "")
        ]
        theirs = {round(float(x), 6) for x in row["theirs"].split("|")}
        if len(mine) and row["cause"] in ("date", "alias", "region"):
            figures = mine[["input_per_mtok", "output_per_mtok"]].iloc[0].round(6)
            if set(figures) <= theirs:
                wrong.append((row["voice"], row["model"]))
    assert wrong == []


def test_the_command_says_how_many_have_no_cause(
    tables: Callable[..., Path], place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tables(inference__openai=(HEADER, "swift-1,standard,,,0.5,,2,"))
    text = json.dumps({"swift-1": entry("openai", 0.7, 2)})
    imports.keep(sources.read("litellm", str(place("litellm", text)), ON), folder, ON)
    words = ["pricing", "audit", "--dir", str(folder), "--on", "2026-11-21"]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--strict", "--json"])
    assert stop.value.code == 2
    said = json.loads(capsys.readouterr().out)
    assert said["by_cause"] == {"unexplained": 1}
    assert said["differences"][0]["litellm"] == 0.7
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0
    assert "Without a cause: 1" in capsys.readouterr().out


def test_an_audit_of_nothing_shows_what_research_knows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSTMODEL_PRICES", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(["pricing", "audit", "--on", "2026-11-21"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert "Nothing was imported yet" in said
    assert "mistral/mistral-large-4" in said
