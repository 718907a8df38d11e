"""Pictures of a training run: what each way costs, how long it takes, whether it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from costmodel.analysis.renting import Offer
from costmodel.analysis.training_ways import Ways, lasting
from costmodel.analysis.wording import brief, money, provider_words
from costmodel.figures import style
from costmodel.figures.labels import NARROW_PX, Box, name_point, placed
from costmodel.figures.rows import Row, rows_figure
from costmodel.figures.style import BLUE, GREEN, GREY, ORANGE, VERMILLION, said
from costmodel.plans.training import HEADROOM, TrainingPlan

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_RENTED, MOST_HOSTED = 9, 5
PLOT_PX = 340
ALIKE = 1.15  # below which two costs are called alike


def training_costs(ways: Ways) -> go.Figure:
    """Draw what each way to have a run done costs: machines with their range, and providers."""
    machines = ways.cheapest_of_each[:MOST_RENTED]
    hosts = _one_each(ways.same)[:MOST_HOSTED]
    rows = [_machine(offer) for offer in machines] + [_host(record) for record in hosts]
    rows.sort(key=lambda row: row.value)
    if rows:
        rows[0] = rows[0]._replace(best=True)
    more = len(ways.cheapest_of_each) - len(machines)
    looks = (("rented", BLUE), ("rented, low confidence", ORANGE), ("provider, list price", GREEN))
    key = ", ".join(style.key(word, ink, "●") for word, ink in looks)
    notes = [
        f"US$ for the whole run · {key} · pale bar = range of the prediction"
        + (f" · {more} dearer GPUs left out" if more else "")
    ]
    return rows_figure(rows, _cheapest(ways), notes, dollars=True, log=True)


def _cheapest(ways: Ways) -> str:
    machine = ways.rented[0] if ways.rented else None
    host = ways.same[0] if ways.same else None
    if machine is None and host is None:
        return f"Nobody trains {ways.model} for you today"
    if machine is None:
        assert host is not None
        return f"{_at(host)} is the only kind of way: {money(host['train_usd'])}"
    if host is None:
        at = provider_words(machine.provider)
        return f"{machine.plan.gpu} at {at} is the only kind of way: {money(machine.usd)}"
    times = host["train_usd"] / machine.usd
    if 1 / ALIKE < times < ALIKE:
        return f"Renting and {_at(host)} cost about the same: {money(machine.usd)}"
    if times > 1:
        ratio = f"{times:.2g} times" if times < 10 else f"{times:.0f} times"  # noqa: PLR2004
        return (
            f"Renting {machine.plan.gpu} is cheapest, {money(machine.usd)}; the cheapest provider "
            f"asks {ratio} as much"
        )
    return (
        f"{_at(host)} is cheapest, {money(host['train_usd'])}; renting starts at "
        f"{money(machine.usd)}"
    )


def _at(record: Mapping[str, Any]) -> str:
    return provider_words(str(record["provider"]))


def _name(offer: Offer) -> str:
    return f"{offer.plan.gpus} {offer.plan.gpu}, {provider_words(offer.provider)}"


def _one_each(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cheapest record of each provider."""
    best: dict[str, Mapping[str, Any]] = {}
    for record in records:
        best.setdefault(record["provider"], record)
    return list(best.values())


def _machine(offer: Offer) -> Row:
    plan = offer.plan
    about = (
        f"<b>{plan.gpus} {said(plan.gpu)} at {said(offer.provider)}</b>: {money(offer.usd)} "
        f"({money(offer.usd_low)} to {money(offer.usd_high)})<br>"
        f"{lasting(plan.hours, plan.hours_low, plan.hours_high)}, "
        f"{plan.gpu_hours:,.3g} GPU-hours at {money(offer.usd_per_hour)} per {said(offer.instance)}"
        + (f"<br>Low confidence: {said(plan.low_confidence)}" if plan.low_confidence else "")
        + style.cite(offer.file, offer.line, offer.verified_on)
    )
    return Row(
        _name(offer),
        offer.usd,
        f"{brief(offer.usd)} ({brief(offer.usd_low)} to {brief(offer.usd_high)})",
        offer.usd_low,
        offer.usd_high,
        ORANGE if plan.low_confidence else BLUE,
        about,
    )


def _host(record: Mapping[str, Any]) -> Row:
    usd = record["train_usd"]
    about = (
        f"<b>{said(record['provider'])}</b>, {said(record['sku'])}: {money(usd)}<br>"
        f"{record['epochs']:g} passes, {said(record['tunes'])}"
        + style.cite(record["file"], record["row"], record["verified_on"])
    )
    return Row(f"{_at(record)}, hosted", usd, brief(usd), ink=GREEN, about=about)


def time_and_cost(ways: Ways) -> go.Figure:
    """Draw what it costs to be done sooner: each machine by hours and dollars."""
    import plotly.graph_objects as go

    figure = go.Figure()
    offers = ways.rented
    if not offers:
        return style.dress(figure, "Nothing that is for rent fits the run", [], plot_px=40)
    best = _staircase(offers)
    for good, ink in ((False, GREY), (True, BLUE)):
        mine = [offer for offer in offers if (offer in best) == good]
        figure.add_scatter(
            x=[float(f"{offer.plan.hours:.4g}") for offer in mine],
            y=[float(f"{offer.usd:.4g}") for offer in mine],
            mode="markers",
            marker={
                "color": ink.line,
                "size": 11 if good else 8,
                "symbol": "circle" if good else "circle-open",
            },
            customdata=[_machine(offer).about for offer in mine],
            hovertemplate="%{customdata}<extra></extra>",
        )
    figure.add_scatter(
        x=[offer.plan.hours for offer in best],
        y=[offer.usd for offer in best],
        mode="lines",
        line={"color": BLUE.line, "width": 1.5, "dash": "dot", "shape": "vh"},
        hoverinfo="skip",
    )
    x = [math.log10(offer.plan.hours) for offer in offers]
    y = [math.log10(offer.usd) for offer in offers]
    across = (min(x) - 0.1, max(x) + 0.25)
    up = (min(y) - 0.15, max(y) + 0.15)
    _name_best(figure, best, [o for o in offers if o not in best], across, up)
    note = "Cost of the run over its hours, both logarithmic · filled = no machine is both faster "
    note += "and cheaper · hollow = some machine is"
    style.dress(figure, _sooner(best), [note], plot_px=PLOT_PX, bottom=58)
    hours = [float(value) for value in style.log_ticks(*across)["tickvals"]]
    words = [f"{value:g} h" if value >= 1 else f"{value * 60:g} min" for value in hours]
    ticks = {"tickvals": hours, "ticktext": words}
    return figure.update_layout(
        xaxis={"type": "log", "range": list(across), "title": {"text": "hours"}, **ticks},
        yaxis={"type": "log", "range": list(up), "automargin": True, **style.log_ticks(*up)},
    )


def _staircase(offers: Sequence[Offer]) -> list[Offer]:
    """Return the offers than which no other is both faster and cheaper, fastest first."""
    found: list[Offer] = []
    for offer in sorted(offers, key=lambda one: (one.usd, one.plan.hours)):
        if not found or offer.plan.hours < found[-1].plan.hours:
            found.append(offer)
    return found[::-1]


def _name_best(
    figure: go.Figure,
    best: Sequence[Offer],
    others: Sequence[Offer],
    across: tuple[float, float],
    up: tuple[float, float],
) -> None:
    """Write names beside the best machines, clear of the others."""

    def place(offer: Offer) -> tuple[float, float]:
        x = (math.log10(offer.plan.hours) - across[0]) / (across[1] - across[0])
        y = (math.log10(offer.usd) - up[0]) / (up[1] - up[0])
        return x * NARROW_PX, y * PLOT_PX

    taken = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in map(place, others)]
    # the steps of the line: down, then to the right
    for a, b in pairwise(map(place, best)):
        taken += [Box(a[0] - 1, b[1], a[0] + 1, a[1] - 8), Box(a[0], b[1] - 1, b[0] - 8, b[1] + 1)]
    texts = [_name(offer) for offer in best]
    spots = placed([place(one) for one in best], texts, height=PLOT_PX, taken=taken)
    for offer, text, offset in zip(best, texts, spots, strict=True):
        if offset is not None:
            at = (math.log10(offer.plan.hours), math.log10(offer.usd))
            name_point(figure, at, said(text), offset)


def _sooner(best: Sequence[Offer]) -> str:
    fast, cheap = best[0], best[-1]
    if fast is cheap:
        return f"{_name(fast)}, is both the cheapest and the fastest"
    faster = cheap.plan.hours / fast.plan.hours
    dearer = fast.usd / cheap.usd
    return (
        f"Being done {faster:.1f} times sooner costs {dearer:.1f} times as much: "
        f"{fast.plan.gpus} {fast.plan.gpu} rather than {cheap.plan.gpus} {cheap.plan.gpu}"
    )


def memory_on_gpus(plans: Sequence[TrainingPlan]) -> go.Figure:
    """Draw what the best setting takes of the memory of each GPU.

    Args:
        plans: The best plan on each GPU, whether it fits or not.
    """
    rows = [
        Row(
            f"{plan.gpus} {plan.gpu}",
            plan.memory_gb,
            f"{plan.memory_gb:,.0f} of {plan.capacity_gb:,.0f} GB"
            + ("" if plan.fits else ", too little"),
            plan.memory_gb_low,
            plan.memory_gb_high,
            BLUE if plan.fits else VERMILLION,
            f"<b>{plan.gpus} {said(plan.gpu)}</b>: {plan.memory_gb:,.1f} GB "
            f"({plan.memory_gb_low:,.1f} to {plan.memory_gb_high:,.1f}) on each<br>"
            f"{said(plan.sharding)}, {plan.micro_batch} sequences at a time, "
            f"checkpointing {said(plan.checkpointing)}<br><i>open_models.csv, gpus.csv, "
            "coefficients.csv</i>",
            bound=plan.capacity_gb,
        )
        for plan in plans
    ]
    fit = [plan for plan in plans if plan.fits]
    alone = [plan for plan in fit if plan.gpus == 1]
    if not plans:
        title = "No GPU to look at"
    elif not fit:
        title = f"{plans[0].model} fits none of these GPUs with this method"
    elif alone:
        least = min(alone, key=lambda plan: plan.capacity_gb)
        title = f"{least.model} trains on a single {least.gpu}; {len(alone)} kinds do it alone"
    else:
        least = min(fit, key=lambda plan: plan.gpus)
        title = f"{least.model} needs at least {least.gpus} GPUs, such as {least.gpu}"
    notes = [
        "Peak memory on each GPU in the setting with the lowest cost that fits · pale bar = range "
        f"of the prediction · upright line = memory of the GPU; a run fits with "
        f"{HEADROOM - 1:.0%} of its peak to spare · {style.key('does not fit', VERMILLION, '●')}"
    ]
    return rows_figure(rows, title, notes, suffix=" GB")
