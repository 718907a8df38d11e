"""The app about a training run says what the command line says, and warns of what is weak."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("anywidget")

from costmodel.analysis.wording import provider_words
from costmodel.prices.book import PriceBook
from costmodel.ui.training_run import TrainingRun, training_run

ON = date(2026, 11, 21)
DATA = Path(__file__).parents[2] / "notebooks" / "data" / "support_bot.jsonl"


@pytest.fixture(scope="module")
def book() -> PriceBook:
    """Return the shipped tables."""
    return PriceBook.read()


@pytest.fixture
def app(book: PriceBook) -> TrainingRun:
    """Return the app about 20 million tokens, three times."""
    made = training_run("Llama-3.1-8B", book=book, on=ON)
    assert isinstance(made, TrainingRun)
    return made


def test_the_cheapest_machine_is_the_one_of_train_own(
    app: TrainingRun, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    words = "train own Llama-3.1-8B --tokens 20e6 --epochs 3 --method lora --on 2026-11-21 --json"
    _, out, _ = command_line(*words.split(), "--stack", "Hugging Face + PEFT")
    first = json.loads(out)[0]
    best = app.found.rented[0]
    assert (best.provider, best.instance) == (first["provider"], first["instance"])
    assert (best.usd_low, best.usd, best.usd_high) == pytest.approx(
        (first["usd_low"], first["usd"], first["usd_high"])
    )
    assert f"{best.plan.gpus} {best.plan.gpu} at {provider_words(best.provider)}" in app.verdict


def test_providers_are_those_of_train_examples(
    app: TrainingRun, command_line: Callable[..., tuple[int, str, str]]
) -> None:
    words = "train --examples 20000 --example-tokens 1000 --epochs 3 --on 2026-11-21 --json"
    _, out, _ = command_line(*words.split())
    offers = json.loads(out)["offers"]
    theirs = {(o["file"], o["row"]): o["train_usd"] for o in offers if o["refused"] is None}
    ours = {(r["file"], r["row"]): r["train_usd"] for r in app.found.taken}
    assert ours == pytest.approx({key: theirs[key] for key in ours})
    # 60 Mtok at $0.48: Together prices all models up to 16B alike
    together = next(r for r in app.found.same if r["provider"] == "together")
    assert together["train_usd"] == pytest.approx(60 * 0.48)


def test_adapters_are_not_offered_by_those_who_tune_in_full(app: TrainingRun) -> None:
    assert {r["sku"].rpartition(":")[2] for r in app.found.hosted} == {"lora", "sft"}
    app.control("method").value = "Full"
    assert "lora" not in {r["sku"].rpartition(":")[2] for r in app.found.hosted}


def test_a_band_of_sizes_holds_its_upper_end(app: TrainingRun) -> None:
    # 70.6B is above the 69B of one band of Together, below the 100B of the next
    app.control("model").value = "Llama-3.1-70B"
    names = {r["sku"] for r in app.found.same if r["provider"] == "together"}
    assert names == {"69B-100B:sft:lora"}


def test_a_gpu_without_measurements_is_called_weak_and_a_measured_one_named(
    app: TrainingRun,
) -> None:
    weak = app.found.rented[0].plan.low_confidence
    assert weak
    [first] = [text for text in app.status.warnings if text.startswith("Low confidence")]
    assert weak in first
    sure = next(o for o in app.found.rented if not o.plan.low_confidence)
    assert f"{sure.plan.gpus} {sure.plan.gpu} at {provider_words(sure.provider)}" in first


def test_services_that_close_for_this_model_are_warned_of(app: TrainingRun) -> None:
    # Azure takes Llama-3.3-70B until 2027-01-31, within a year of the day
    app.control("model").value = "Llama-3.3-70B"
    said = [text for text in app.status.warnings if "2027-01-31" in text]
    assert len(said) == 1
    assert said[0].startswith("Azure takes training jobs for Llama-3.3-70B-Instruct only until")


def test_a_gpu_that_is_too_small_is_no_dead_end(app: TrainingRun) -> None:
    app.change({"model": "Qwen3-32B", "method": "Full", "gpu": "T4"})
    assert app.error == ""
    assert app.verdict.endswith("Nothing that is for rent fits the run.")
    assert app.show("Memory").charts[0].finding.endswith("with this method")
    assert "fits" in app.show("GPUs for rent").html


def test_a_file_sets_tokens_and_examples_and_a_typed_number_replaces_it(app: TrainingRun) -> None:
    app.change({"dataset": ("support_bot.jsonl", DATA.read_bytes())})
    # 8,356 tokens in 20 examples, as `costmodel tokens` counts them
    assert (app.control("tokens").value, app.control("examples").value) == ("8,356", "20")
    assert app.wanted.file is not None
    app.control("tokens").value = "1M"
    assert app.wanted.file is None


def test_an_upload_that_is_no_dataset_leaves_the_last_good_state(app: TrainingRun) -> None:
    before = app.verdict
    app.change({"dataset": ("photo.png", b"\x89PNG\x00\x01")})
    assert "photo.png" in app.error
    assert (app.verdict, app.control("tokens").value) == (before, "20M")


def test_an_unknown_model_is_said_with_its_neighbours(book: PriceBook) -> None:
    app = training_run("Lama-3.1-8B", book=book, on=ON)
    assert app.status.fault.startswith("unknown model 'Lama-3.1-8B'")
    assert "Llama-3.1-8B" in app.status.fault
    assert app.verdict == ""


def test_reinforcement_has_no_provider_by_the_token(app: TrainingRun) -> None:
    app.control("objective").value = "Reinforcement (GRPO)"
    assert app.found.hosted == []
    assert "No provider sells this kind" in app.show("Providers").html
    assert "few runs of GRPO were measured" in app.status.warnings[0]


def test_nearest_published_runs_are_linked(app: TrainingRun) -> None:
    html = app.show("Measured runs").html
    sources = [run.source for run in app.found.near]
    assert len(sources) == 5
    assert all(f'href="{source}"' in html for source in sources)


def test_the_code_on_the_last_tab_says_the_same_verdict(
    app: TrainingRun, capsys: pytest.CaptureFixture[str]
) -> None:
    app.change({"method": "QLoRA", "epochs": "2", "gpu": "H100-SXM"})
    exec(app.code(), {})
    assert capsys.readouterr().out.strip() == app.verdict


def test_every_tab_is_light_and_says_its_finding(app: TrainingRun) -> None:
    for tab in app.tabs:
        page = app.show(tab.title)
        assert all(len(chart.figure) < 200_000 and chart.finding for chart in page.charts)
        assert page.charts or page.html


def test_large_figures_are_written_in_full(app: TrainingRun) -> None:
    html = app.show("Numbers").html
    speed = app.found.best.tokens_per_second
    assert speed > 10_000
    assert f"{speed:,.0f} (" in html
    assert "e+0" not in html
