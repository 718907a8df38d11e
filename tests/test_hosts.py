"""Where models run and how that is billed."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.errors import CostModelError
from costmodel.hosts import Host, tokens_per
from costmodel.months import Array

QUIET = cm.Upkeep(
    requirement_changes_per_year=0,
    evaluate_every_months=0,
    evaluation_cases=0,
    label_life_months=0,
    double_running_days=0,
)
TUNE = cm.FineTune(examples=1_000, tokens_per_example=500, epochs=1)
# 744 h x 3,600 s x 1,000 token/s = 2,678.4 Mtok: one replica busy through a month of 31 days
FULL = 2_678_400.0
LOAD: dict[str, Any] = {"replica_tokens_per_second": 1_000, "peak_to_mean": 1.0}


def billed(
    book: cm.PriceBook,
    model: str,
    host: Host,
    *,
    requests: float = FULL,
    tune: cm.FineTune | cm.PreferenceTune | None = None,
    parts: dict[str, Any] | None = None,
    months: int = 1,
    growth: float = 0.0,
    **facts: Any,
) -> cm.Bill:
    stage = cm.Stage(model, host, {} if tune is None else {"tune": tune})
    work = cm.Workload(requests, parts or {"question": 800, "answer": 200}, growth=growth)
    scenario = cm.Scenario(
        name="host",
        start=date(2026, 12, 1),
        months=months,
        workload=work,
        options=(cm.Option("option", (stage,), **facts),),
        upkeep=QUIET,
    )
    return cm.compare(scenario, book).bill("option")


def amounts(found: cm.Bill, meter: str, **wanted: str) -> Array:
    total = np.zeros(found.months.count)
    for line in found.lines:
        words = {"activity": line.line.activity, "kind": line.kind, "sku": line.line.key.sku}
        if line.meter == meter and all(words[name] == word for name, word in wanted.items()):
            total = total + line.amount
    return total


# prompt caches


def test_a_prefix_below_the_minimum_is_not_cached(example_book: cm.PriceBook) -> None:
    for system, cached in ((1_023, 0), (1_024, 1_024)):
        found = billed(
            example_book,
            "mini-1",
            cm.PerToken("example"),
            requests=1e6,
            parts={"system": system, "question": 100, "answer": 1},
            cache_hit_share=1.0,
        )
        assert amounts(found, "cached_input_mtok").tolist() == [cached]
        assert amounts(found, "input_mtok").tolist() == [system + 100 - cached]


def test_a_stated_hit_share_holds_where_no_minimum_is_published(
    example_book: cm.PriceBook,
) -> None:
    models = [row | {"cache_min_tokens": math.nan} for row in example_book.catalog.models]
    book = replace(example_book, catalog=replace(example_book.catalog, models=tuple(models)))
    for stated, cached, said in ((0.75, 750, "of any length"), (None, 0, "none")):
        found = billed(
            book,
            "mini-1",
            cm.PerToken("example"),
            requests=1e6,
            parts={"system": 1_000, "question": 100, "answer": 1},
            cache_hit_share=stated,
        )
        assert amounts(found, "cached_input_mtok").tolist() == [cached]
        assert amounts(found, "input_mtok").tolist() == [1_100 - cached]
        assert any(f"not published, {said} taken as cached" in text for text in found.assumptions)


def test_the_hit_share_follows_from_the_rate_of_requests(example_book: cm.PriceBook) -> None:
    # 7,440 requests in 744 h = 10 an hour; a prefix lives 5 minutes: 1 - e^(-10/12)
    found = billed(
        example_book,
        "mini-1",
        cm.PerToken("example"),
        requests=7_440,
        parts={"system": 2_000, "question": 100, "answer": 1},
    )
    hit = 1 - math.exp(-10 * 5 / 60)
    assert amounts(found, "cached_input_mtok") == pytest.approx([7_440 * 2_000 / 1e6 * hit])
    assert any("57% of requests find the prompt cache warm" in text for text in found.assumptions)


def test_a_miss_is_a_write_where_writes_are_billed(example_book: cm.PriceBook) -> None:
    # the encoding of writer-1 needs 1.5 tokens for one: 3,000 and 150
    found = billed(
        example_book,
        "writer-1",
        cm.PerToken("example"),
        requests=1e6,
        parts={"system": 2_000, "question": 100, "answer": 1},
        cache_hit_share=0.75,
    )
    assert amounts(found, "cached_input_mtok").tolist() == [2_250]
    assert amounts(found, "cache_write_mtok").tolist() == [750]
    assert amounts(found, "input_mtok").tolist() == [150]


def test_caching_can_be_switched_off(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book,
        "mini-1",
        cm.PerToken("example"),
        requests=1e6,
        parts={"system": 2_000, "question": 100, "answer": 1},
        caching=False,
    )
    assert amounts(found, "cached_input_mtok").tolist() == [0]
    assert amounts(found, "input_mtok").tolist() == [2_100]


def test_tokens_spent_thinking_are_output(example_book: cm.PriceBook) -> None:
    found = billed(
        example_book, "mini-1", cm.PerToken("example"), requests=1e6, thinking_tokens=300
    )
    assert amounts(found, "output_mtok").tolist() == [500]


# modes, regions, fees


def test_a_mode_and_a_region_have_their_prices(example_book: cm.PriceBook) -> None:
    for host, usd in (
        (cm.PerToken("example", mode="batch"), 0.2),
        (cm.PerToken("example", region="eu"), 0.44),
    ):
        found = billed(example_book, "mini-1", host)
        prices = {line.unit_usd for line in found.lines if line.meter == "input_mtok"}
        assert prices == {usd}


def test_a_tuned_model_is_billed_at_its_own_price(example_book: cm.PriceBook) -> None:
    found = billed(example_book, "mini-1", cm.PerToken("example"), tune=TUNE)
    prices = {line.unit_usd for line in found.lines if line.meter == "input_mtok"}
    # the base model, tested beside it, costs 0.4
    assert prices == {0.4, 0.6}
    assert amounts(found, "hosting_hour").tolist() == [0]


def test_an_hourly_fee_comes_on_top_of_tokens(example_book: cm.PriceBook) -> None:
    found = billed(example_book, "mini-1", cm.PerToken("other"), tune=TUNE)
    assert amounts(found, "hosting_hour").tolist() == [744]
    half = billed(example_book, "mini-1", cm.PerToken("other", deployed_share=0.5), tune=TUNE)
    assert amounts(half, "hosting_hour").tolist() == [372]


def test_an_untuned_model_pays_no_hourly_fee(example_book: cm.PriceBook) -> None:
    found = billed(example_book, "mini-1", cm.PerToken("other"))
    assert amounts(found, "hosting_hour").tolist() == [0]


def test_what_is_not_served_by_the_token_says_where_it_could_be(
    example_book: cm.PriceBook,
) -> None:
    with pytest.raises(cm.ScenarioError, match="use a dedicated, provisioned or rented host"):
        billed(example_book, "monthly-1", cm.PerToken("other"), tune=TUNE)


def test_a_prompt_longer_than_the_window_is_an_error(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.ScenarioError, match="a prompt of 128,001 tokens does not fit"):
        billed(example_book, "mini-1", cm.PerToken("example"), parts={"question": 128_001})
    dedicated = cm.Dedicated("example", gpu="G80", **LOAD)
    with pytest.raises(cm.ScenarioError, match="does not fit the context window"):
        billed(example_book, "mini-1", dedicated, parts={"question": 128_001})


def test_open_weights_read_no_more_than_their_configuration_says() -> None:
    host = cm.Owned(gpu="H100-SXM", replica_tokens_per_second=9_000, peak_to_mean=2.0)
    book = cm.PriceBook.read()
    with pytest.raises(cm.ScenarioError, match="own GPUs/Llama-3-8B, 8,192 tokens"):
        billed(book, "Llama-3-8B", host, parts={"question": 8_193})
    assert billed(book, "Llama-3.1-8B", host, parts={"question": 8_193}).total > 0


# capacity


def test_capacity_never_takes_a_silent_single_replica(example_book: cm.PriceBook) -> None:
    for host in (
        cm.Dedicated("example", gpu="G80"),
        cm.Dedicated("example", gpu="G80", replica_tokens_per_second=1_000),
        cm.Provisioned("example", peak_to_mean=2),
        cm.Rented("cloud", gpu="G80"),
    ):
        with pytest.raises(cm.ScenarioError, match=r"replica_tokens_per_second.*peak_to_mean"):
            billed(example_book, "mini-1", host)


def test_a_full_replica_is_one_and_a_little_more_makes_two(example_book: cm.PriceBook) -> None:
    host = cm.Dedicated("example", gpu="G80", **LOAD)
    for requests, replicas in ((FULL, 1), (FULL * 1.001, 2), (FULL * 2, 2), (1.0, 1)):
        found = billed(example_book, "mini-1", host, requests=requests)
        assert amounts(found, "instance_hour") == pytest.approx([744 * replicas])


def test_replicas_follow_the_growth_of_the_load(example_book: cm.PriceBook) -> None:
    host = cm.Dedicated("example", gpu="G80", **LOAD)
    found = billed(example_book, "mini-1", host, requests=FULL * 0.9, growth=0.25, months=3)
    # 0.9; 1.125; 1.40625 x 744/672 for the short February = 1.56
    hours = np.array([744, 744, 672])
    assert amounts(found, "instance_hour") / hours == pytest.approx([1, 2, 2])


def test_instances_hold_whole_replicas(example_book: cm.PriceBook) -> None:
    # 3 replicas of 4 GPUs each: 12 GPUs are 1.5 instances of 8, so 2
    host = cm.Rented("cloud", gpu="G80", gpus_per_replica=4, instance="gpu.x8", **LOAD)
    found = billed(example_book, "mini-1", host, requests=FULL * 2.5)
    assert amounts(found, "instance_hour") == pytest.approx([744 * 2])


def test_the_cheapest_instance_for_a_replica_is_taken(example_book: cm.PriceBook) -> None:
    # 2 GPUs: two machines of one at $2, or one of eight at $12; 8 GPUs: $16 or $12
    for gpus, sku in ((2, "gpu.x1"), (8, "gpu.x8")):
        host = cm.Rented("cloud", gpu="G80-SXM", gpus_per_replica=gpus, **LOAD)
        found = billed(example_book, "mini-1", host)
        assert {line.line.key.sku for line in found.lines} == {sku}
        assert any(sku in text for text in found.assumptions)


def test_training_on_rented_machines_is_billed_by_their_hours(
    example_book: cm.PriceBook,
) -> None:
    host = cm.Rented("cloud", gpu="G80", training_tokens_per_second=1_000, **LOAD)
    tune = cm.FineTune(examples=7_200, tokens_per_example=500, epochs=2)
    found = billed(example_book, "mini-1", host, tune=tune)
    # 3.6 Mtok x 2 / 1,000 token/s = 2 h, and a quarter to start; 2 runs
    assert amounts(found, "instance_hour", activity="train") == pytest.approx([4.5])
    with pytest.raises(cm.PriceError, match="'mini-1': open_models"):
        billed(example_book, "mini-1", cm.Rented("cloud", gpu="G80", **LOAD), tune=tune)


def test_a_provider_can_train_what_rented_machines_serve(example_book: cm.PriceBook) -> None:
    host = cm.Rented("cloud", gpu="G80", **LOAD)
    tune = cm.FineTune(examples=1_000, tokens_per_example=500, epochs=1, trainer="example")
    found = billed(example_book, "mini-1", host, tune=tune)
    assert amounts(found, "train_mtok", sku="mini-1:sft:lora") == pytest.approx([1.0])


def test_a_gpu_must_be_named(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.ScenarioError, match="needs gpu"):
        billed(example_book, "mini-1", cm.Dedicated("example", **LOAD))
    with pytest.raises(cm.PriceError, match="unknown GPU 'G81'; did you mean 'G80'"):
        billed(example_book, "mini-1", cm.Dedicated("example", gpu="G81", **LOAD))


# provisioned units


def test_units_by_the_hour_stand_for_the_load(example_book: cm.PriceBook) -> None:
    found = billed(example_book, "mini-1", cm.Provisioned("example", **LOAD), requests=FULL * 1.5)
    assert amounts(found, "unit_hour") == pytest.approx([2 * 744])
    # $20 an hour without commitment
    assert float(found.total) == pytest.approx(2 * 744 * 20)


def test_units_can_be_bought_whatever_the_load(example_book: cm.PriceBook) -> None:
    found = billed(example_book, "mini-1", cm.Provisioned("example", units=3), requests=1)
    assert amounts(found, "unit_hour") == pytest.approx([3 * 744])


def test_a_growing_load_buys_units_for_terms_of_their_own(example_book: cm.PriceBook) -> None:
    host = cm.Provisioned("example", commitment_months=6, **LOAD)
    found = billed(example_book, "mini-1", host, requests=FULL * 0.9, growth=0.25, months=3)
    lines = [line for line in found.lines if line.kind == "commitment"]
    # one unit from December to May, a second from January to June
    assert [line.quantity.bought_on for line in lines] == [date(2026, 12, 1), date(2027, 1, 1)]
    assert amounts(found, "unit_hour") == pytest.approx([744, 2 * 744, 2 * 672])
    warnings = [text for text in found.warnings if "outlives" in text]
    # March to May: 92 days; March to June: 122 days, x 24 h x $10
    assert any("$22,080" in text for text in warnings)
    assert any("$29,280" in text for text in warnings)


def test_a_term_that_ends_is_bought_anew(example_book: cm.PriceBook) -> None:
    host = cm.Provisioned("example", commitment_months=6, units=1)
    found = billed(example_book, "mini-1", host, months=12)
    bought = [line.quantity.bought_on for line in found.lines if line.kind == "commitment"]
    assert bought == [date(2026, 12, 1), date(2027, 6, 1)]
    # every hour of the year once: 365 x 24
    assert amounts(found, "unit_hour").sum() == pytest.approx(8_760)
    assert not [text for text in found.warnings if "outlives" in text]


def test_a_term_that_is_not_sold_is_an_error(example_book: cm.PriceBook) -> None:
    with pytest.raises(cm.PriceError, match="has no mode '3 months'; did you mean"):
        billed(example_book, "mini-1", cm.Provisioned("example", commitment_months=3, units=1))


@pytest.mark.parametrize(
    ("host", "wanted"),
    [  # half a replica busy: one stands on the 31, 31 and 28 days of the months
        (cm.Dedicated("example", gpu="G80", **LOAD), {"instance_hour": [744, 744, 672]}),
        (cm.Rented("cloud", gpu="G80", disk_gb=100, **LOAD),
         {"instance_hour": [744, 744, 672], "gb_month": [100, 100, 100]}),
        (cm.Provisioned("example", **LOAD), {"unit_hour": [744, 744, 672]}),
        (cm.Provisioned("example", units=3), {"unit_hour": [2_232, 2_232, 2_016]}),
        (cm.Provisioned("example", commitment_months=6, units=3),
         {"unit_hour": [2_232, 2_232, 2_016]}),
        (cm.Owned(gpu="G80", server_gpus=1, **LOAD), {"kw_month": [1.2, 1.2, 1.2]}),
    ],
)  # fmt: skip
def test_capacity_serves_on_when_another_approach_takes_over(
    example_book: cm.PriceBook, host: Host, wanted: dict[str, list[float]]
) -> None:
    now = cm.Option("now", (cm.Stage("mini-1", host),))
    shots = {"shots": cm.FewShot(shots=0)}
    later = cm.Option("later", (cm.Stage("mini-1", host, shots),), live_after=1, until_then="now")
    scenario = cm.Scenario(
        name="hand-over",
        start=date(2026, 12, 15),
        months=3,
        workload=cm.Workload(FULL / 2, {"question": 800, "answer": 200}),
        options=(now, later),
        upkeep=QUIET,
    )
    found = cm.compare(scenario, example_book).bill("later")
    for meter, amount in wanted.items():
        assert amounts(found, meter) == pytest.approx(amount)


@pytest.mark.parametrize(("method", "replicas"), [("lora", 1), ("full", 2)])
def test_adapters_share_a_replica_and_models_tuned_in_full_do_not(
    example_book: cm.PriceBook, method: str, replicas: int
) -> None:
    host = cm.Rented("cloud", gpu="G80", training_tokens_per_second=1_000, **LOAD)
    tune = cm.FineTune(examples=1_000, tokens_per_example=500, epochs=1, method=method)
    parts = {"question": 800, "answer": 200}
    scenario = cm.Scenario(
        name="two teams",
        start=date(2026, 12, 1),
        months=1,
        workload=cm.Workload(FULL / 10, parts),
        tasks=tuple(cm.Workload(FULL / 10, parts, name=name) for name in ("sales", "service")),
        options=(cm.Option("option", (cm.Stage("mini-1", host, {"tune": tune}),)),),
        upkeep=QUIET,
    )
    found = cm.compare(scenario, example_book).bill("option")
    hours = [amounts(found, "instance_hour", activity=word)[0] for word in ("serve", "idle")]
    assert hours == pytest.approx([0.2 * 744, (replicas - 0.2) * 744])


def test_replicas_that_stand_half_the_time_do_all_the_work_in_it(
    example_book: cm.PriceBook,
) -> None:
    def of(busy: float) -> list[float]:
        host = cm.Dedicated("example", gpu="G80", deployed_share=0.5, **LOAD)
        found = billed(example_book, "mini-1", host, requests=busy * FULL)
        return [float(amounts(found, "instance_hour", activity=a)[0]) for a in ("serve", "idle")]

    # 0.4 of a replica: one stands 372 h and works 0.4 x 744 of them
    assert of(0.4) == pytest.approx([297.6, 74.4])
    # 0.9: one would have to work 1.8 hours in an hour, so two stand
    assert of(0.9) == pytest.approx([669.6, 74.4])


def test_owned_gpus_are_paid_while_they_are_switched_off(example_book: cm.PriceBook) -> None:
    def of(share: float) -> dict[str, float]:
        host = cm.Owned(gpu="G80", server_gpus=1, deployed_share=share, **LOAD)
        found = billed(example_book, "mini-1", host, requests=FULL / 2)
        return {line.line.activity: float(line.cost.sum()) for line in found.lines}

    whole, half = of(1.0), of(0.5)
    assert {word: half[word] for word in ("serve", "support", "room")} == pytest.approx(
        {word: whole[word] for word in ("serve", "support", "room")}
    )
    # 1 kW on 372 h; else 1 kW on 372 h and 0.3 kW on 372 h; PUE 1.3, 10 cents
    assert half["power"] == pytest.approx(372 * 1.3 * 0.1)
    assert whole["power"] == pytest.approx(372 * 1.3 * 1.3 * 0.1)


def test_nothing_stands_where_nothing_is_asked_for(example_book: cm.PriceBook) -> None:
    for host in (
        cm.Dedicated("example", gpu="G80", min_replicas=0, **LOAD),
        cm.Owned(gpu="G80", min_replicas=0, **LOAD),
    ):
        assert float(billed(example_book, "mini-1", host, requests=0).total) == 0


# how tokens are counted


def test_an_unknown_tokenizer_is_taken_as_stated_and_said(example_book: cm.PriceBook) -> None:
    catalog = example_book.catalog
    how = ("o200k_base", "english", example_book)
    assert tokens_per(catalog.model("example", "mini-1"), *how) == (1.0, ())
    ratio, said = tokens_per(catalog.model("example", "writer-1"), *how)
    assert ratio == 1.5
    assert "tokenizers.csv" in said[0]
    unknown = type(catalog.model("example", "mini-1"))("example", "mini-1")
    ratio, said = tokens_per(unknown, *how)
    assert ratio == 1.0
    assert "tokenizer not known" in said[0]


def test_the_cheapest_machine_is_found_at_the_price_one_pays(
    example_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "overrides.csv").write_text(
        "provider,model,meter,price,source,verified_on\n"
        "cloud,gpu.x1,instance_hour,1,https://example.com/contract,2026-11-01\n"
    )
    book = cm.PriceBook.read(example_dir, tmp_path, shipped=False)
    # 8 GPUs: eight machines at the contract price of $1, against one at $12
    host = cm.Rented("cloud", gpu="G80", gpus_per_replica=8, **LOAD)
    found = billed(book, "mini-1", host)
    assert {line.line.key.sku for line in found.lines} == {"gpu.x1"}
    assert float(found.total) == pytest.approx(8 * 744)


# own software: predicted where it was not measured


def test_rented_gpus_take_the_predicted_speed_and_say_so() -> None:
    book = cm.PriceBook.read()
    host = cm.Rented(
        "lambda", region="us", gpu="H100-SXM", gpus_per_replica=2, precision="fp8", peak_to_mean=2.0
    )
    found = billed(book, "Llama-3.3-70B", host)
    plan = cm.plan_serving(
        "Llama-3.3-70B",
        "H100-SXM",
        gpus=2,
        precision="fp8",
        input_tokens=800,
        output_tokens=200,
        requests_per_second=FULL / 744 / 3600,
        on="2026-12-01",
    )
    said = next(text for text in found.assumptions if "predicted" in text)
    shown = float(said.split(": ")[1].split(" ")[0].replace(",", ""))
    assert shown == pytest.approx(plan.tokens_per_second, rel=0.001)
    assert any("75%" in text for text in found.assumptions)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (cm.Rented("lambda", gpu="H100-SXM", precision="bf16", peak_to_mean=2.0, region="us"),
         ("does not fit 1 x H100-SXM", "2 GPUs would do")),
        (cm.Rented("hyperstack", gpu="A100-SXM-80GB", gpus_per_replica=8, precision="bf16",
                   peak_to_mean=2.0), ("at most", "a replica takes 8")),
        (cm.Owned(gpu="A100-PCIe-40GB", precision="fp8", peak_to_mean=2.0), ("computes no FP8",)),
        (cm.Owned(gpu="MI300X", precision="fp8", gpus_per_replica=2, peak_to_mean=2.0),
         ("infrastructure.csv has no row with provider own, item purchase, gpu MI300X",)),
        (cm.Owned(gpu="H100-SXM", gpus_per_replica=3, peak_to_mean=2.0), ("1, 2, 4 or 8",)),
        (cm.Owned(peak_to_mean=2.0, replica_tokens_per_second=1_000), ("needs gpu",)),
        (cm.Owned(gpu="H100-SXM", gpus_per_replica=8), ("peak_to_mean",)),
    ],
)  # fmt: skip
def test_gpus_that_cannot_serve_are_refused(host: Host, words: tuple[str, ...]) -> None:
    with pytest.raises(CostModelError) as caught:
        billed(cm.PriceBook.read(), "Llama-3.3-70B", host)
    for word in words:
        assert word in str(caught.value)


def test_owned_gpus_are_billed_for_capital_support_power_and_room(
    example_book: cm.PriceBook,
) -> None:
    """One busy replica of one GPU in a server of two, December: 744 hours."""
    host = cm.Owned(gpu="G80", server_gpus=2, capital_rate=0.0, staff_hours_per_gpu=3, **LOAD)
    found = billed(example_book, "mini-1", host)
    costs = {line.line.activity: float(line.cost.sum()) for line in found.lines}
    assert costs["serve"] == pytest.approx(2 * 30_000 * 0.2 * 744 / 8760)
    assert costs["support"] == pytest.approx(2 * 30_000 * 0.05 * 744 / 8760)
    # one GPU works at 1 kW, the other waits at 0.3 kW, PUE 1.3, 10 cents
    assert costs["power"] == pytest.approx(744 * 1.3 * 1.3 * 0.1)
    assert costs["room"] == pytest.approx(2 * 1.2 * 150)
    assert amounts(found, "person_hour").sum() == pytest.approx(6)


def test_owned_gpus_stay_when_the_load_goes(example_book: cm.PriceBook) -> None:
    host = cm.Owned(gpu="G80", server_gpus=1, **LOAD)
    found = billed(example_book, "mini-1", host, requests=3 * FULL, months=6, growth=-0.5)
    room = amounts(found, "kw_month")
    assert np.all(room >= room[0] - 1e-9)


def test_traffic_and_disk_of_rented_gpus_need_a_price(example_book: cm.PriceBook) -> None:
    host = cm.Rented("cloud", gpu="G80", egress_gb=1_000, disk_gb=200, **LOAD)
    found = billed(example_book, "mini-1", host)
    assert amounts(found, "gb").sum() == pytest.approx(1_000)
    assert amounts(found, "gb_month").sum() == pytest.approx(200)
    shipped = cm.Rented("lambda", region="us", gpu="H100-SXM", egress_gb=1.0, **LOAD)
    with pytest.raises(CostModelError, match="provider lambda, item egress: add one"):
        billed(cm.PriceBook.read(), "Llama-3.1-8B", shipped)


SET: dict[str, Any] = {"examples": 7_200, "tokens_per_example": 500, "epochs": 2}


def test_training_on_rented_gpus_takes_the_predicted_speed_and_says_so() -> None:
    host = cm.Rented("runpod", gpu="H100-SXM", instance="Secure Cloud H100-SXM", **LOAD)
    found = billed(cm.PriceBook.read(), "Llama-3.1-8B", host, tune=cm.FineTune(**SET))
    plan = cm.plan_training(
        "Llama-3.1-8B", "H100-SXM", tokens=7.2e6, method="lora", sequence_length=2048, gpus=1
    )
    # 3.6 Mtok x 2 epochs in each of 2 runs, and a quarter of an hour to start each;
    # 1.002 tokens of Llama for one of the workload
    hand = 2 * (1.002 * 7.2e6 / plan.tokens_per_second / 3600 + 0.25)
    assert amounts(found, "instance_hour", activity="train") == pytest.approx([hand])
    said = next(text for text in found.assumptions if "trained with lora" in text)
    for words in (f"{plan.tokens_per_second:,.0f} tokens/s, predicted", "80 % band", "assumed"):
        assert words in said


def test_training_on_owned_gpus_takes_the_predicted_speed_for_its_electricity() -> None:
    host = cm.Owned(gpu="H100-SXM", training_gpus=8, stack="torchtune", **LOAD)
    tune = cm.PreferenceTune(
        examples=5_000, prompt_tokens=300, answer_tokens=200, epochs=1, method="full"
    )
    found = billed(cm.PriceBook.read(), "Llama-3.1-8B", host, tune=tune)
    plan = cm.plan_training(
        *("Llama-3.1-8B", "H100-SXM"),
        tokens=5e6,
        method="full",
        objective="dpo",
        stack="torchtune",
        gpus=8,
    )
    # a pair is its prompt twice and both answers: 1,000 tokens; 0.87 kW of a GPU, PUE 1.3
    hand = 2 * 1.002 * 5e6 / plan.tokens_per_second / 3600 * 8 * 0.87 * 1.3
    assert amounts(found, "kwh", activity="train") == pytest.approx([hand])


@pytest.mark.parametrize(
    ("host", "tune", "words"),
    [
        (cm.Rented("runpod", gpu="L4", **LOAD), {"method": "full"},
         ("does not fit 1 L4", "GB short; it fits 16; state training_gpus")),
        (cm.Rented("runpod", gpu="H100-SXM", training_gpus=8, **LOAD), {},
         ("machines with 1 x H100-SXM at most", "training takes 8: choose training_gpus")),
        (cm.Owned(gpu="H100-SXM", training_gpus=12, **LOAD), {}, ("no whole nodes",)),
        (cm.Owned(gpu="H100-SXM", stack="unslot", **LOAD), {}, ("did you mean 'Unsloth'",)),
        (cm.Owned(gpu="H100-SXM", stack="nemo", **LOAD), {"method": "qlora"},
         ("NeMo does not train with qlora",)),
    ],
)  # fmt: skip
def test_gpus_that_cannot_train_are_refused(
    host: Host, tune: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(CostModelError) as caught:
        billed(cm.PriceBook.read(), "Llama-3.1-8B", host, tune=cm.FineTune(**SET, **tune))
    for word in words:
        assert word in str(caught.value)


def test_a_longer_example_makes_longer_sequences() -> None:
    host = cm.Rented("runpod", gpu="H100-SXM", instance="Secure Cloud H100-SXM", **LOAD)
    tune = cm.FineTune(examples=100, tokens_per_example=5_000)
    found = billed(cm.PriceBook.read(), "Llama-3.1-8B", host, tune=tune)
    assert any("sequences of 5,120" in text for text in found.assumptions)
    tune = cm.FineTune(examples=100, tokens_per_example=500, packing=False, sequence_length=1024)
    found = billed(cm.PriceBook.read(), "Llama-3.1-8B", host, tune=tune)
    assert any("sequences of 1,024" in text for text in found.assumptions)
