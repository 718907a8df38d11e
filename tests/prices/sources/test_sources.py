"""What each source means by its figures."""

from __future__ import annotations

import http.server
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costmodel.errors import DataError
from costmodel.prices import sources
from costmodel.prices.sources.frame import COLUMNS, PRICES

ON = date(2026, 11, 21)
NAMES = sorted(sources.SOURCES)
Layouts = dict[str, tuple[str, str]]
Table = Callable[[str], pd.DataFrame]
Place = Callable[..., Path]


def row(frame: pd.DataFrame, model: str, table: str = "inference", **wanted: Any) -> Any:
    """Return the one row of a model."""
    mine = frame[(frame["table"] == table) & (frame["model"] == model)]
    for column, value in wanted.items():
        mine = mine[mine[column] == value]
    assert len(mine) == 1, mine
    return mine.iloc[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_read_into_the_same_columns(table: Table, name: str) -> None:
    frame = table(name)
    assert tuple(frame.columns) == COLUMNS
    assert frame["source"].str.startswith("https://").all()
    assert (frame["provider"] != "").all()


def test_a_price_per_token_is_a_millionth_of_a_price_per_mtok(table: Table) -> None:
    mine = row(table("litellm"), "swift-1", mode="standard", over_input_tokens=0, region="")
    stated = [float(mine[column]) for column in PRICES if pd.notna(mine[column])]
    assert stated == [0.1, 0.01, 0.125, 0.2, 0.5]


def test_a_tier_of_litellm_states_what_differs_from_the_price_below(table: Table) -> None:
    tier = row(table("litellm"), "swift-1", mode="standard", over_input_tokens=272_000)
    assert (tier["input_per_mtok"], tier["output_per_mtok"]) == (0.2, 0.75)
    assert tier["cached_input_per_mtok"] == 0.01


def test_a_mode_without_a_price_gets_no_row(table: Table) -> None:
    mine = table("litellm")
    of = mine[(mine["model"] == "swift-1") & (mine["table"] == "inference")]
    assert set(of["mode"]) == {"standard", "batch"}
    assert row(mine, "swift-1", mode="batch")["input_per_mtok"] == 0.05


def test_the_dearer_price_of_xai_begins_at_its_threshold(table: Table) -> None:
    # "long context >= 200k": our tiers begin above their threshold
    of = table("litellm")
    assert row(of, "groc-1", over_input_tokens=199_999)["input_per_mtok"] == 4
    same = table("genai-prices")
    assert row(same, "groc-1", over_input_tokens=199_999)["output_per_mtok"] == 12


def test_a_future_end_of_anthropic_is_a_floor_and_of_openai_announced(table: Table) -> None:
    of = table("litellm")
    kinds = {m: row(of, m, "models")["retires_kind"] for m in ("claud-9", "claud-1", "swift-0")}
    assert kinds == {"claud-9": "floor", "claud-1": "retired", "swift-0": "announced"}


def test_zero_for_input_and_output_may_mean_unknown(table: Table) -> None:
    assert row(table("litellm"), "free-1")["doubt"] == "0 may mean unknown"


def test_an_embedding_at_a_hundred_dollars_is_a_slip_of_the_unit(table: Table) -> None:
    mine = row(table("litellm"), "embed-light-v3.0")
    assert mine["input_per_mtok"] == 100
    assert "unit may have slipped" in mine["doubt"]


def test_three_thousand_dollars_per_mtok_are_a_slip_of_the_unit(table: Table) -> None:
    assert "unit may have slipped" in row(table("litellm"), "jay-30b")["doubt"]


def test_a_price_per_character_is_no_price_per_token(table: Table) -> None:
    assert row(table("litellm"), "text-embedding-1")["doubt"] == "billed per character"


def test_hours_off_peak_are_the_price_and_the_peak_is_a_window(table: Table) -> None:
    of = table("litellm")
    assert row(of, "deep-1", window="")["input_per_mtok"] == 0.15
    peak = row(of, "deep-1", window="mon-fri 01:00-04:00 06:00-10:00")
    assert (peak["input_per_mtok"], peak["output_per_mtok"]) == (0.3, 1.2)


def test_hours_off_peak_that_end_after_midnight(place: Place) -> None:
    entry = {
        "litellm_provider": "deepseek",
        "mode": "chat",
        "input_cost_per_token": 3e-07,
        "off_peak_pricing": {
            "input_cost_per_token": 1.5e-07,
            "windows": [{"hours_utc": "16:30-00:30"}],
        },
    }
    of = sources.read("litellm", str(place("litellm", json.dumps({"deep-2": entry}))), ON).frame
    assert row(of, "deep-2", window="00:30-16:30")["input_per_mtok"] == 0.3
    assert row(of, "deep-2", window="")["input_per_mtok"] == 0.15


def test_fast_mode_is_six_times_the_standard_price(table: Table) -> None:
    assert row(table("litellm"), "claud-9", mode="fast")["output_per_mtok"] == 150


def test_a_region_of_azure_stands_before_the_model(table: Table) -> None:
    assert row(table("litellm"), "swift-1", provider="azure")["region"] == "data-zone-eu"


def test_an_announced_price_has_its_day_and_ends_the_tier_before(table: Table) -> None:
    of = table("genai-prices")
    assert row(of, "groc-2", mode="standard", effective_from="2026-12-01")["input_per_mtok"] == 6
    tier = row(of, "groc-2", over_input_tokens=200_000)
    assert (tier["input_per_mtok"], tier["effective_to"]) == (10, "2026-12-01")


def test_only_variants_that_are_modes_of_ours_are_read(table: Table) -> None:
    of = table("genai-prices")
    mine = of[(of["model"] == "groc-2") & (of["table"] == "inference")]
    assert set(mine["mode"]) == {"standard", "batch"}


def test_the_module_of_genai_prices_is_parsed_and_never_run(place: Place, layouts: Layouts) -> None:
    file, text = layouts["module"]
    folder = place("genai-prices", text, file).parent
    of = sources.read("genai-prices", str(folder), ON).frame
    assert row(of, "groc-2", effective_from="2026-12-01")["output_per_mtok"] == 30
    assert row(of, "groc-2", effective_from="")["names"] == "groc-2-latest"


def test_cents_per_token_are_ten_thousandths(table: Table) -> None:
    of = table("portkey")
    assert row(of, "swift-1", mode="standard")["input_per_mtok"] == 2.5
    assert row(of, "swift-1", mode="batch")["input_per_mtok"] == 1.25
    # 0.0025 cents per token are $25 per Mtok; 10,000 cents an hour are $100
    assert row(of, "swift-1", "finetuning")["price"] == 25
    hourly = row(of, "swift-rft", "finetuning")
    assert (hourly["price"], hourly["unit"], hourly["objective"]) == (100, "hour", "rft")


def test_a_zero_beside_prices_is_a_blank(table: Table) -> None:
    mine = row(table("portkey"), "swift-1", mode="standard")
    assert pd.isna(mine["cache_write_per_mtok"])


def test_input_and_output_that_were_swapped_are_doubted(place: Place) -> None:
    # Portkey lists DeepSeek R1 at Azure at 7.08 in and 2.36 out
    prices = {"request_token": {"price": 0.000708}, "response_token": {"price": 0.000236}}
    text = json.dumps({"deep-r1": {"pricing_config": {"pay_as_you_go": prices}}})
    of = sources.read("portkey", str(place("portkey", text)), ON).frame
    assert row(of, "deep-r1")["doubt"] == "output is cheaper than input: swapped, perhaps"


def test_a_misspelt_price_key_is_a_doubt_and_no_blank(table: Table) -> None:
    assert row(table("models-dev"), "typo-1")["doubt"] == "unknown price keys: cached_input"


def test_toml_files_take_from_their_base_what_they_do_not_say(place: Place) -> None:
    base = place("models-dev", 'release_date = "2026-07-01"\n', "models/openai/swift-1.toml")
    text = 'base_model = "openai/swift-1"\n[cost]\ninput = 0.1\noutput = 0.5\n'
    place("models-dev", text, "providers/openai/models/swift-1.toml")
    of = sources.read("models-dev", str(base.parents[2]), ON).frame
    assert row(of, "swift-1", "models")["released"] == "2026-07-01"
    assert row(of, "swift-1")["output_per_mtok"] == 0.5


def test_texts_per_token_and_names_without_a_model(table: Table) -> None:
    of = table("openrouter")
    assert row(of, "openai/swift-1", over_input_tokens=0)["input_per_mtok"] == 0.1
    assert row(of, "openai/swift-1", over_input_tokens=272_000)["input_per_mtok"] == 0.2
    assert "openrouter/auto" not in set(of.loc[of["table"] == "inference", "model"])
    # 1782864000 s after 1970 is the first of July 2026
    assert row(of, "openai/swift-1", "models")["released"] == "2026-07-01"


def test_meters_of_azure_per_thousand_and_per_million_tokens(table: Table) -> None:
    of = table("azure-retail")
    mine = row(of, "gpt-4o-0806")
    assert (mine["input_per_mtok"], mine["cached_input_per_mtok"]) == (2.5, 1.25)
    assert mine["output_per_mtok"] == 10
    assert row(of, "gpt-5.4-mini")["input_per_mtok"] == 0.75  # of eastus2, not of westeurope
    assert row(of, "gpt-5.4-nano")["input_per_mtok"] == 0.2  # nor of a government's cloud
    luna = row(of, "gpt-5.6-luna")
    assert (luna["mode"], luna["region"], luna["over_input_tokens"]) == (
        *("priority", "data-zone"),
        272_000,
    )


def test_training_and_hosting_meters_make_one_tuning_row(table: Table) -> None:
    mine = row(table("azure-retail"), "gpt-4.1-mini", "finetuning")
    assert (mine["price"], mine["hosting_per_hour"]) == (5, 1.7)


def test_sound_and_graders_are_no_tokens_of_a_model(table: Table) -> None:
    of = table("azure-retail")
    assert not of["model"].str.contains("aud|rt|grdr", regex=True).any()


def test_tuned_models_of_azure_are_prices_of_their_own(table: Table) -> None:
    # $5.50 for the input of a tuned 4o-mini: implausible, and never the price of the base
    assert row(table("azure-retail"), "ft:gpt-4o-mini")["mode"] == "developer"


def test_the_price_list_of_aws_tells_global_from_in_region(table: Table) -> None:
    of = table("aws-price-list")
    assert row(of, "Claude Opus 5.5", region="us")["input_per_mtok"] == 4.4
    general = row(of, "Claude Opus 5.5", region="")
    assert (general["input_per_mtok"], general["cached_input_per_mtok"]) == (4, 0.2)
    assert row(of, "Nova Pro", mode="standard")["input_per_mtok"] == 0.8
    assert row(of, "Nova Pro", mode="batch")["output_per_mtok"] == 1.6
    assert row(of, "Nova 2.0 Lite", region="")["input_per_mtok"] == 0.3
    assert row(of, "Nova 2.0 Lite", region="us")["input_per_mtok"] == 0.33
    # sold in regions only: that is the price without a region
    assert row(of, "Claude 3 Haiku", mode="batch", region="")["input_per_mtok"] == 0.125
    assert "Nova Canvas" not in set(of["model"])


def test_an_announced_end_has_a_day_or_a_doubt(table: Table) -> None:
    of = table("deprecations")
    kinds = {m: row(of, m, "models")["retires_kind"] for m in ("swift-0", "swift-00", "swift-x")}
    assert kinds == {"swift-0": "announced", "swift-00": "retired", "swift-x": ""}
    assert row(of, "swift-x", "models")["doubt"] == "no day of the end"


def test_gpus_by_the_hour_of_an_instance(table: Table) -> None:
    of = table("skypilot")
    mine = of[(of["instance"] == "p5.48xlarge")].set_index("market")
    assert mine.loc["on_demand", "price_per_hour"] == 55.04
    assert mine.loc["spot", "price_per_hour"] == 22.5  # the cheapest zone
    # RunPod repeats its price on demand as that of spot
    assert list(of[of["instance"] == "1x_H100_SECURE"]["market"]) == ["on_demand"]
    assert of[of["instance"] == "L4"]["doubt"].iloc[0] == "the GPU alone, without its host"
    assert "a1.large" not in set(of["instance"])


def test_gpuhunt_tells_spot_from_on_demand(table: Table) -> None:
    of = table("gpuhunt").set_index("market")
    assert of["price_per_hour"].to_dict() == {"on_demand": 2.49, "spot": 1.1}
    assert set(of["provider"]) == {"lambda"}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_was_cut_off_is_one_clear_line(
    place: Place, layouts: Layouts, name: str
) -> None:
    file, text = layouts[name]
    if file.endswith(".csv"):
        path = place(name, text[: text.index("\n") // 2] + "\n", file)
    else:
        path = place(name, text[: len(text) // 2], file)
    with pytest.raises(DataError) as caught:
        sources.read(name, str(path), ON)
    assert Path(file).name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_a_file_of_another_source_names_that_source(place: Place, name: str, other: str) -> None:
    if name == other:
        return
    path = place(other)
    with pytest.raises(DataError, match=f"is no file of {name} but of {other}"):
        sources.read(name, str(path), ON)


def test_a_folder_of_another_source_names_that_source(place: Place) -> None:
    folder = place("genai-prices").parents[1]
    with pytest.raises(DataError, match="but files of genai-prices: costmodel pricing import"):
        sources.read("litellm", str(folder), ON)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "null", "[1, 2]", '{"a": 1}', "x", "\x00\x01", '{"a": {"models": 3}}', ""]
)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_price_table_is_refused(place: Place, name: str, text: str) -> None:
    path = place(name)
    path.write_text(text, "utf-8")
    with pytest.raises(DataError):
        sources.read(name, str(path), ON)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "litellm",
            '{"a": {"litellm_provider": "openai", "mode": "chat", "off_peak_pricing": {}}}',
        ),
        ("genai-prices", '[{"models": [{"id": 1}], "api_pattern": ""}]'),
        ("portkey", '{"a": {"pricing_config": {"pay_as_you_go": [1]}}}'),
        ("models-dev", '{"a": {"models": {"b": 3}}}'),
        ("openrouter", '{"data": [{"pricing": {"prompt": "x"}}]}'),
        ("azure-retail", '{"Items": [{"meterName": 3}]}'),
        ("aws-price-list", '{"offerCode": "x", "products": [], "terms": []}'),
        ("deprecations", '[{"model_id": 1, "shutdown_date": 2}]'),
    ],
)
def test_a_new_layout_is_named_and_nothing_else(place: Place, name: str, text: str) -> None:
    with pytest.raises(DataError, match=r"is not laid out as|holds no"):
        sources.read(name, str(place(name, text)), ON)


def test_a_wheel_is_read_and_says_its_version(tmp_path: Path, layouts: Layouts) -> None:
    path = tmp_path / "litellm-1.109.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        name = "litellm/model_prices_and_context_window_backup.json"
        wheel.writestr(name, layouts["litellm"][1])
    assert sources.read("litellm", str(path), ON).origin == "litellm 1.109.1"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="is not a whole archive"):
        sources.read("litellm", str(path), ON)


def test_a_package_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layouts: Layouts
) -> None:
    package = tmp_path / "litellm"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "model_prices_and_context_window_backup.json").write_text(layouts["litellm"][1])
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not sources.read("litellm", "litellm", ON).frame.empty


def test_nothing_of_that_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file, folder or installed package of that name"):
        sources.read("litellm", str(tmp_path / "absent"), ON)
    with pytest.raises(DataError, match=r"holds no file called model_prices"):
        sources.read("litellm", str(tmp_path), ON)


@pytest.fixture
def server(tmp_path: Path, layouts: Layouts) -> Iterator[str]:
    """Serve pages of Azure's interface from this machine."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *args: Any) -> None:
            del args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        address = f"http://127.0.0.1:{running.server_address[1]}"
        items = json.loads(layouts["azure-retail"][1])["Items"]
        first = {"Items": items[:3], "NextPageLink": f"{address}/second"}
        (folder / "first").write_text(json.dumps(first))
        (folder / "second").write_text(json.dumps({"Items": items[3:], "NextPageLink": None}))
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield address
        running.shutdown()
        thread.join()


def test_a_download_follows_its_pages(server: str, tmp_path: Path) -> None:
    source = sources.SOURCES["azure-retail"]
    where = sources.fetched(source, f"{server}/first", tmp_path / "served" / "..")
    of = sources.read("azure-retail", str(where), ON).frame
    assert {"gpt-4o-0806", "gpt-5.4-mini"} <= set(of["model"])


def test_what_cannot_be_fetched_is_one_line(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be fetched"):
        sources.fetched(sources.SOURCES["litellm"], f"{server}/absent", tmp_path)
    with pytest.raises(DataError, match="is not an address"):
        sources.fetched(sources.SOURCES["litellm"], "file:///etc/passwd", tmp_path)
    with pytest.raises(DataError, match="cannot be fetched in one file"):
        sources.fetched(sources.SOURCES["gpuhunt"], None, tmp_path)
