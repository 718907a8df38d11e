"""The command `serve`: serving with own GPUs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli.shell import (
    Json,
    On,
    Prices,
    app,
    count,
    grid,
    price_book,
    print_json,
    terminal,
)

if TYPE_CHECKING:
    from costmodel.analysis.self_hosting import Choice
    from costmodel.plans.serving import ServingPlan


def _share(name: str, text: str) -> Any:
    return typer.Option(name, help=text)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    gpu: Annotated[
        str | None, typer.Option(help="GPU of gpus.csv; all for rent if left out.")
    ] = None,
    input_: Annotated[float, count("--input", "Mean prompt of a request.")] = 1500.0,
    output: Annotated[float, count("--output", "Mean answer.")] = 300.0,
    rps: Annotated[float, count("--rps", "Requests per second, mean over the week.")] = 1.0,
    tpot_ms: Annotated[float | None, typer.Option(help="Longest time per token.")] = None,
    ttft_ms: Annotated[float | None, typer.Option(help="Longest time to the first token.")] = None,
    precision: Annotated[str | None, typer.Option(help="bf16, fp8, int4, nvfp4, ...")] = None,
    gpus: Annotated[int | None, typer.Option(help="GPUs of a replica.")] = None,
    engine: Annotated[str, typer.Option(help="vllm, sglang, tensorrt-llm, ...")] = "vllm",
    profile: Annotated[
        Path | None, typer.Option(help="File with the load of the 168 hours of a week.")
    ] = None,
    peak_to_mean: Annotated[float | None, typer.Option(help="Peak over mean load.")] = None,
    anchors: Annotated[
        Path | None, typer.Option(help="Own measurements: columns of benchmarks/serving.csv.")
    ] = None,
    market: Annotated[str, typer.Option(help="on_demand, spot, reserved_1y, ...")] = "on_demand",
    provider: Annotated[str | None, typer.Option(help="Who rents the GPUs out.")] = None,
    usd_per_gpu_hour: Annotated[
        float | None, count("--usd-per-gpu-hour", "Own price of a GPU.")
    ] = None,
    busy: Annotated[float, _share("--busy", "Most load of a replica, a share.")] = 0.75,
    spare: Annotated[int, typer.Option(help="Replicas against failures.")] = 1,
    autoscale: Annotated[bool, typer.Option("--autoscale", help="Follow the load.")] = False,
    cold_start_minutes: Annotated[float, typer.Option(help="Start of a replica.")] = 5.0,
    scale_down_minutes: Annotated[float, typer.Option(help="Idle time kept.")] = 15.0,
    cache_hit: Annotated[float, _share("--cache-hit", "Share of prompts found cached.")] = 0.0,
    adapters: Annotated[int, typer.Option(help="Fine-tunes on the same replicas.")] = 0,
    draft_speedup: Annotated[float, typer.Option(help="Of speculative decoding.")] = 1.0,
    compare: Annotated[
        str | None,
        typer.Option(metavar="PROVIDER[/MODEL]", help="Hosted price to break even with."),
    ] = None,
    on: On = None,
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Plan the replicas that serve an open-weight model, and what they cost."""
    from costmodel import costs
    from costmodel.analysis import self_hosting

    book = price_book(prices)
    options: dict[str, Any] = {
        "input_tokens": input_,
        "output_tokens": output,
        "requests_per_second": rps,
        "tpot_ms": tpot_ms,
        "ttft_ms": ttft_ms,
        "precision": precision,
        "gpus": gpus,
        "engine": engine,
        "market": market,
        "provider": provider,
        "usd_per_gpu_hour": usd_per_gpu_hour,
        "busy": busy,
        "spare": spare,
        "autoscale": autoscale,
        "cold_start_minutes": cold_start_minutes,
        "scale_down_minutes": scale_down_minutes,
        "cache_hit_share": cache_hit,
        "adapters": adapters,
        "draft_speedup": draft_speedup,
        "on": costs.today() if on is None else on,
        "book": book,
    }
    if profile is not None:
        options["profile"] = self_hosting.read_profile(profile)
    if peak_to_mean is not None:
        options["peak_to_mean"] = peak_to_mean
    if anchors is not None:
        options["anchors"] = self_hosting.read_anchors(anchors)
    hosted = None
    if compare is not None:
        hosted = self_hosting.hosted_usd_per_mtok(compare, model, options)
    if gpu is None:
        _choose(self_hosting.every_gpu(model, options), model, hosted, as_json=json_)
        return
    found = costs.plan_serving(model, gpu, **options)
    if json_:
        print_json(_with_even(found, hosted))
        return
    _show(found, hosted)


def _show(found: ServingPlan, hosted: float | None) -> None:
    console = terminal()
    each = f"{found.gpus_per_replica} x {found.gpu}"
    console.print(
        f"{found.model} ({found.precision}, {found.engine}): {found.replicas} replicas of {each}, "
        f"{found.gpus} GPUs ({found.replicas_low} to {found.replicas_high} replicas over the band)"
    )
    console.print(
        f"one replica: {found.tokens_per_second:,.0f} tokens/s, prompt and answer "
        f"({found.tokens_per_second_low:,.0f} to {found.tokens_per_second_high:,.0f} in 80 % of "
        f"cases), {found.output_tokens_per_second:,.0f} of them written, {found.concurrency} "
        f"requests at a time, {found.tpot_ms:.3g} ms per token after {found.ttft_ms:,.0f} ms"
    )
    console.print(
        f"memory of a GPU: {found.weights_gb:.1f} GB of weights, {found.kv_gb:.3f} GB of cache per "
        f"request; {found.batch_limit:,.0f} requests fit; utilisation {found.utilisation:.0%}"
    )
    if math.isfinite(found.usd_per_gpu_hour):
        rows = []
        for name, usd in (
            ("at this load", found.usd_per_mtok),
            ("a replica always full", found.usd_per_mtok_full),
        ):
            inputs, outputs = found.split(usd)
            rows.append([name, f"${usd:,.3f}", f"${inputs:,.3f}", f"${outputs:,.3f}"])
        heads = {"US$ per Mtok": "left", "All": "right", "Input": "right", "Output": "right"}
        console.print(grid(heads, rows))
        console.print(f"${found.usd_per_month:,.0f} a month; {found.priced_by} {found.source}")
    if hosted is not None:
        load = _mtok(found)
        console.print(
            f"hosted, the same {load:,.0f} Mtok a month cost ${hosted:,.3f} per Mtok, "
            f"${hosted * load:,.0f}; own GPUs break even {_even(found, hosted)}"
        )
    for near in found.nearest:
        console.print(
            f"measured near: {near.model} on {near.n_gpus} x {near.gpu}, {near.engine}, "
            f"{near.weights_prec}, {near.isl:g} in, {near.osl:g} out, {near.concurrency:g} at a "
            f"time: {near.out_tok_s:,.0f} tokens/s written (predicted {near.predicted:,.0f}) "
            f"{near.source}"
        )
    for text in found.doubts:
        console.print(f"Low confidence: {text}")
    for text in found.assumptions:
        console.print(f"Assumed: {text}")


def _mtok(found: ServingPlan) -> float:
    """Return the tokens of a month, prompt and answer. [Mtok]"""
    from costmodel.quantities import load as loads

    load = found.load
    seconds = loads.HOURS_PER_WEEK * loads.WEEKS_PER_MONTH * loads.SECONDS_PER_HOUR
    return load.requests_per_second * (load.input_tokens + load.output_tokens) * seconds / 1e6


def _even(found: ServingPlan, hosted: float) -> str:
    even = found.break_even_mtok(hosted)
    return (
        f"at {even:,.0f} Mtok a month"
        if math.isfinite(even)
        else "never: they are dearer when full"
    )


def _with_even(found: ServingPlan, hosted: float | None) -> dict[str, Any]:
    if hosted is None:
        return found.as_dict()
    even = found.break_even_mtok(hosted)
    return found.as_dict() | {
        "hosted_usd_per_mtok": hosted,
        "break_even_mtok_per_month": even if math.isfinite(even) else None,
    }


def _choose(found: Choice, model: str, hosted: float | None, *, as_json: bool) -> None:
    """Show the plans on all GPUs for rent, cheapest first."""
    if as_json:
        plans = [_with_even(p, hosted) for p in found.plans]
        print_json({"plans": plans, "refused": found.refused})
        return
    console = terminal()
    heads = {"GPU": "left", "Precision": "left", "GPUs": "right", "Tokens/s": "right"}
    heads |= {"80 % band": "right", "Use": "right", "US$/month": "right", "US$/Mtok": "right"}
    heads |= {"Break even": "left"} if hosted is not None else {}
    heads |= {"Rented from": "left", "": "left"}
    rows = [
        [
            f"{p.replicas} x {p.gpus_per_replica} {p.gpu}",
            p.precision,
            str(p.gpus),
            f"{p.tokens_per_second:,.0f}",
            f"{p.tokens_per_second_low:,.0f} - {p.tokens_per_second_high:,.0f}",
            f"{p.utilisation:.0%}",
            f"${p.usd_per_month:,.0f}",
            f"${p.usd_per_mtok:,.3f}",
            *([_even(p, hosted).partition(" a month")[0].partition(":")[0]] if hosted else []),
            p.priced_by.partition(",")[0],
            "low confidence" if p.doubts else "",
        ]
        for p in found.plans
    ]
    console.print(grid(heads, rows, f"{model}, cheapest first"))
    if hosted is not None and found.plans:
        load = _mtok(found.plans[0])
        console.print(
            f"hosted, the same {load:,.0f} Mtok a month cost ${hosted:,.3f} per Mtok, "
            f"${hosted * load:,.0f}"
        )
    for name, reason in found.refused.items():
        console.print(f"not {name}: {reason}")
