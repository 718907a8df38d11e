"""An open-weight model on GPUs of one's own, or hosted for a price per token."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.analysis.self_hosting import (
    TOKENS_PER_MTOK,
    every_gpu,
    hosted_models,
    hosted_usd_per_mtok,
    hosts_of,
)
from costmodel.analysis.self_hosting import (
    Choice as Plans,
)
from costmodel.analysis.wording import money, provider_words, tally, whole
from costmodel.costs import plan_serving, shipped_book, today
from costmodel.errors import CostModelError
from costmodel.figures.breakeven import break_even
from costmodel.figures.serving import cost_against_utilisation
from costmodel.plans.serving import ServingPlan
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs
from costmodel.quantities.load import HOURS_PER_WEEK, SECONDS_PER_HOUR, WEEKS_PER_MONTH
from costmodel.report import table
from costmodel.ui import pieces
from costmodel.ui.app import App, Step, Tab
from costmodel.ui.controls import Choice, Field, Quantity, decades, steps
from costmodel.ui.screen import Files

if TYPE_CHECKING:
    import pandas as pd

SECONDS_PER_MONTH = HOURS_PER_WEEK * WEEKS_PER_MONTH * SECONDS_PER_HOUR
CHEAPEST = "the cheapest"
MOST_HOSTS = 4  # hosted prices in a picture
POINTS, SPAN = 49, 30.0  # volumes in a picture, and how far they reach from one's own
MOST_STEPS = 25  # replicas that are drawn as steps
MANY = 10.0  # times that are told without decimals
FARTHEST = 1_000.0  # times one's own volume, up to where a break-even is shown
MARKETS = {"On demand": "on_demand", "Spot": "spot", "Reserved 1 year": "reserved_1y"}


@dataclass(frozen=True, eq=False)
class Found:
    """What all tabs show.

    Attributes:
        plan: Replicas on the GPU looked at.
        plans: The same on every GPU that is for rent; None where one was named.
        hosted: Provider/model -> price of the same tokens, cheapest first. [US$/Mtok]
        refused: Provider/model -> why it has no price.
        also: A model to compare with besides, as provider/model.
        mtok: Tokens of a month, prompt and answer. [Mtok]
        arguments: Of `plan_serving`.
    """

    plan: ServingPlan
    plans: Plans | None
    hosted: Mapping[str, float]
    refused: Mapping[str, str]
    also: str
    mtok: float
    arguments: Mapping[str, Any] = field(repr=False)

    @property
    def named(self) -> dict[str, float]:
        """Hosted prices by provider, as pictures name them. [US$/Mtok]"""
        providers = [name.partition("/")[0] for name in self.hosted]
        return {
            name
            if providers.count(provider) > 1 or name == self.also
            else provider_words(provider): usd
            for (name, usd), provider in zip(self.hosted.items(), providers, strict=True)
        }

    @property
    def working(self) -> float:
        """Rent of a month for hours that work. [US$]"""
        return self.plan.usd_per_month * self.plan.utilisation

    @property
    def idle(self) -> float:
        """Rent of a month for hours that wait for requests. [US$]"""
        return self.plan.usd_per_month - self.working


def hosted_or_self_hosted(
    model: str = "Llama-3.3-70B",
    *,
    requests: float = 1_000_000,
    book: PriceBook | None = None,
    on: date | None = None,
) -> App:
    """Show from which volume own GPUs beat a price per token, and what idle hours cost.

    Args:
        model: Open-weight model.
        requests: Requests a month.
        book: The prices; None = the shipped tables, with your own laid over them.
        on: Day of the prices; None = today.
    """

    @cache
    def fields(tables: PriceBook) -> Sequence[Field]:
        models = {name: name for name in sorted({*hosted_models(tables), model})}
        gpus = {CHEAPEST: ""} | {row["gpu"]: row["gpu"] for row in Specs.of(tables).rows("gpus")}
        return [
            Choice("model", "Open-weight model", models),
            Quantity("requests", "Requests per month", rounds=decades(1e4, 1e9), low=1.0),
            Quantity("input", "Tokens of a prompt", rounds=decades(100, 1e5), low=1.0),
            Quantity("output", "Tokens of an answer", rounds=decades(10, 1e4), low=1.0),
            Choice("gpu", "GPU", gpus),
        ]

    def compute(state: Mapping[str, Any]) -> Found:
        # what is wrong with own tables is said in one sentence
        tables = shipped_book() if book is None else book
        return _compute(state, book=tables, on=today() if on is None else on)

    return App(
        fields=lambda found: fields(found.arguments["book"]),
        more=[
            Quantity(
                "peak",
                "Peak over mean load",
                rounds=steps(1, 6, 0.25),
                low=1.0,
                high=24.0,
                note="The busiest hour of the week over the mean one.",
            ),
            Choice("market", "Rented", MARKETS),
            Quantity("spare", "Spare replicas", rounds=steps(0, 3, 1), whole=True, high=100.0),
            Field("also", "Compare with", note="provider/model, e.g. openai/gpt-6-luna"),
        ],
        state={
            "model": model,
            "requests": requests,
            "input": 1500.0,
            "output": 300.0,
            "gpu": "",
            "peak": 2.0,
            "market": "on_demand",
            "spare": 1.0,
            "also": "",
        },
        compute=compute,
        verdict=_verdict,
        aside=_aside,
        warnings=_warnings,
        tabs=[
            Tab("Cost and volume", _volume_picture),
            Tab("Cost and use", _utilisation),
            Tab("Working and idle", _idle),
            Tab("Which GPU", _gpus, _all_gpus),
            Tab("Numbers", _numbers),
        ],
    )


def _arguments(state: Mapping[str, Any], book: PriceBook, on: date) -> dict[str, Any]:
    return {
        "input_tokens": state["input"],
        "output_tokens": state["output"],
        "requests_per_second": state["requests"] / SECONDS_PER_MONTH,
        "peak_to_mean": state["peak"],
        "market": state["market"],
        "spare": int(state["spare"]),
        "provider": None,
        "on": on,
        "book": book,
    }


def _compute(state: Mapping[str, Any], *, book: PriceBook, on: date) -> Found:
    arguments = _arguments(state, book, on)
    model, gpu = state["model"], state["gpu"]
    plans = None if gpu else every_gpu(model, arguments)
    if plans is not None and not plans.plans:
        why = "; ".join(f"{name}: {reason}" for name, reason in plans.refused.items())
        raise CostModelError(why)
    plan = plans.plans[0] if plans is not None else plan_serving(model, gpu, **arguments)
    hosted: dict[str, float] = {}
    refused: dict[str, str] = {}
    for name in dict.fromkeys([*hosts_of(model, book), *filter(None, [state["also"].strip()])]):
        try:
            hosted[name] = hosted_usd_per_mtok(name, model, arguments)
        except CostModelError as error:
            refused[name] = str(error)
    mtok = state["requests"] * (state["input"] + state["output"]) / TOKENS_PER_MTOK
    hosted = dict(sorted(hosted.items(), key=lambda pair: pair[1]))
    return Found(plan, plans, hosted, refused, state["also"].strip(), mtok, arguments)


def _fleet(plan: ServingPlan) -> str:
    return f"{plan.gpus} x {plan.gpu}"


def _verdict(found: Found) -> str:
    plan = found.plan
    own = f"{plan.model} on {_fleet(plan)} costs {whole(plan.usd_per_month)} a month, "
    own += f"{found.idle / plan.usd_per_month:.0%} of it for idle hours"
    if not found.hosted:
        return f"{own}; nobody hosts it."
    name, usd = next(iter(found.named.items()))
    hosted = usd * found.mtok
    even = plan.break_even_mtok(usd)
    volume = even / found.mtok * _requests(found)
    cheaper = hosted < plan.usd_per_month
    text = (
        f"Hosted at {name} is cheaper: {whole(hosted)} a month; {own}"
        if cheaper
        else f"Own GPUs are cheaper: {own}; hosted at {name} {whole(hosted)}"
    )
    text += ". "
    if not math.isfinite(even):
        return text + "Own GPUs never win: they are dearer even when full."
    times = volume / _requests(found)
    text += f"These break even at {tally(volume)} requests a month at the earliest, "
    text += f"{_times(times)} times yours" if times >= 1 else f"1/{_times(1 / times)} of yours"
    first = _first(found)
    if first.gpu == plan.gpu:
        return text + "."
    sooner = first.break_even_mtok(usd) / found.mtok * _requests(found)
    return text + f"; {first.gpu} at {tally(sooner)}."


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= MANY else f"{factor:.2g}"


def _requests(found: Found) -> float:
    return float(found.arguments["requests_per_second"] * SECONDS_PER_MONTH)


def _aside(found: Found) -> str:
    plan = found.plan
    low, high = plan.replicas_low, plan.replicas_high
    said = [
        f"How sure: one replica does {plan.tokens_per_second:,.0f} tokens/s, "
        f"{plan.tokens_per_second_low:,.0f} to {plan.tokens_per_second_high:,.0f} in 80% of cases, "
        f"so {low} to {high} replicas."
        if low != high
        else f"How sure: over the 80% band of the speed it stays at {low} replicas."
    ]
    for usd in list(found.hosted.values())[:1]:
        even, good = (f(usd) / found.mtok * _requests(found)
                      for f in (plan.break_even_mtok, plan.for_good_mtok))  # fmt: skip
        if even < good < math.inf:
            said.append(
                f"Beyond {tally(even)} requests, each further replica makes own GPUs dearer again "
                f"for a while; from {tally(good)} on they stay cheaper."
            )
    said.append("Own cost is rent alone; a scenario adds people and upkeep.")
    said += [f"{name} left out: {why}." for name, why in found.refused.items()]
    return " ".join(said)


def _warnings(found: Found) -> Sequence[str]:
    return [f"Low confidence: {text}." for text in found.plan.doubts]


def _utilisation(found: Found) -> Any:
    return cost_against_utilisation(
        found.plan.as_dict(), dict(list(found.named.items())[:MOST_HOSTS])
    )


def _first(found: Found) -> ServingPlan:
    """Return the plan that breaks even at the lowest volume."""
    usd = next(iter(found.hosted.values()), math.inf)
    plans = found.plans.plans if found.plans is not None else ()
    return min((found.plan, *plans), key=lambda plan: plan.break_even_mtok(usd))


def volumes(found: Found) -> pd.DataFrame:
    """Return what a month costs at other volumes: hosted, and on the GPUs of the verdict."""
    import pandas as pd

    mine, hosted = _requests(found), dict(list(found.named.items())[:MOST_HOSTS])
    plans = {plan.gpu: plan for plan in (found.plan, _first(found))}
    evens = [plan.break_even_mtok(usd) for usd in hosted.values() for plan in plans.values()]
    near = [even / found.mtok for even in evens if even < found.mtok * FARTHEST]
    ends = mine / SPAN, mine * max(SPAN, *(3 * even for even in near), 0.0)
    # where a replica comes on top lines stand upright
    full = [plan.holds_mtok / found.mtok * mine for plan in plans.values()]
    edges = [n * one * end for one in full for n in range(1, MOST_STEPS) for end in (1, 1 + 1e-6)]
    across = np.union1d(np.geomspace(*ends, POINTS), [x for x in edges if x < ends[1]])
    lines = []
    for plan in plans.values():
        replicas = _replicas(plan, across / mine * found.mtok)
        usd = plan.usd_per_month / plan.replicas * replicas
        source = [f"{n * plan.gpus_per_replica:.0f} GPUs; {plan.priced_by}" for n in replicas]
        lines.append({"option": f"own {plan.gpu}", "x": across, "p50": usd, "source": source})
    for name, price in hosted.items():
        usd = price * across / mine * found.mtok
        lines.append({"option": name, "x": across, "p50": usd, "source": f"{money(price)}/Mtok"})
    return pd.concat([pd.DataFrame(line) for line in lines], ignore_index=True)


def _replicas(plan: ServingPlan, mtok: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how many replicas stand for some loads, spare ones included. [1]"""
    busy = np.ceil(mtok / plan.holds_mtok - 1e-9)
    return np.maximum(busy, plan.policy.min_replicas) + plan.policy.spare


def _volume_picture(found: Found) -> Any:
    return break_even(volumes(found), months=1, here=_requests(found), cost="Cost of a month")


def _idle(found: Found) -> str:
    """Return where the rent goes, beside hosted prices, as a table."""
    plan = found.plan
    share = 1 / plan.usd_per_month
    rows = [
        ["Hours that work", whole(found.working), f"{found.working * share:.0%}",
         money(found.working / found.mtok)],
        ["Idle hours: nights, spare replicas, head-room", whole(found.idle),
         f"{found.idle * share:.0%}", money(found.idle / found.mtok)],
        [f"{escape(_fleet(plan))}, rented", whole(plan.usd_per_month), "100%",
         money(plan.usd_per_mtok)],
    ]  # fmt: skip
    rows += [
        [f"Hosted: {escape(name)}", whole(usd * found.mtok), "", money(usd)]
        for name, usd in found.hosted.items()
    ]
    columns = {"What": "words", "US$ a month": "", "Of the rent": "", "US$ per Mtok": ""}
    caption = f"{plan.replicas} replicas of {plan.gpus_per_replica} x {escape(plan.gpu)}, "
    caption += f"{plan.utilisation:.0%} used; {escape(plan.priced_by)}"
    return table(columns, rows, caption, best=2)


def _all_gpus(found: Found, step: Step) -> Plans:
    step(0.1)
    return found.plans or every_gpu(found.plan.model, found.arguments)


def _gpus(found: Found, plans: Plans) -> str:
    """Return the plans on every GPU for rent, cheapest first, as a table."""
    usd = next(iter(found.hosted.values()), None)

    def even(plan: ServingPlan) -> str:
        if usd is None:
            return ""
        mtok = plan.break_even_mtok(usd)
        return tally(mtok / found.mtok * _requests(found)) if math.isfinite(mtok) else "never"

    rows = [
        [
            f"{plan.replicas} x {plan.gpus_per_replica} {escape(plan.gpu)}"
            + (" <span class=quiet>low confidence</span>" if plan.doubts else ""),
            f"{plan.tokens_per_second:,.0f}",
            f"{plan.utilisation:.0%}",
            whole(plan.usd_per_month),
            money(plan.usd_per_mtok),
            even(plan),
            escape(plan.priced_by.partition(" (")[0]),
        ]
        for plan in plans.plans
    ]
    columns = {"Replicas x GPUs": "words", "Tokens/s of one": "", "Used": "", "US$ a month": ""}
    columns |= {"US$ per Mtok": "", "Breaks even at": "", "Rented from": "words"}
    best = [plan.gpu for plan in plans.plans].index(found.plan.gpu)
    text = table(columns, rows, "Cheapest first; breaks even at: requests a month", best=best)
    if not plans.refused:
        return text
    out = [f"{gpu}: {why}" for gpu, why in plans.refused.items()]
    return text + pieces.folded(f"{len(out)} do not serve it", pieces.listed(out))


def _numbers(found: Found) -> list[Any]:
    import pandas as pd

    plan = found.plan
    hosted = pd.DataFrame(
        {"hosted": list(found.hosted), "usd_per_mtok": list(found.hosted.values())}
    )
    hosted["usd_per_month"] = hosted["usd_per_mtok"] * found.mtok
    files = Files(
        ready={
            "plan.json": json.dumps(plan.as_dict(), indent=1, default=str),
            "hosted.csv": pieces.csv(hosted),
        },
        labels={"plan.json": "Plan (JSON)", "hosted.csv": "Hosted prices (CSV)"},
    )
    rows = [
        [name, text]
        for name, text in {
            "Replicas": f"{plan.replicas}"
            if plan.replicas_low == plan.replicas_high
            else f"{plan.replicas} ({plan.replicas_low} to {plan.replicas_high})",
            "GPUs": f"{plan.gpus}",
            "Tokens/s of a replica": f"{plan.tokens_per_second:,.0f} "
            f"({plan.tokens_per_second_low:,.0f} to {plan.tokens_per_second_high:,.0f})",
            "Requests at a time": f"{plan.concurrency}",
            "Time per token": f"{plan.tpot_ms:.3g} ms",
            "Time to the first token": f"{plan.ttft_ms:,.0f} ms",
            "Used": f"{plan.utilisation:.1%}",
            "Rent of a month": f"${plan.usd_per_month:,.2f}",
            "US$ per Mtok": money(plan.usd_per_mtok),
            "US$ per Mtok, always full": money(plan.usd_per_mtok_full),
            "Mtok a month": f"{found.mtok:,.1f}",
        }.items()
    ]
    shown = {
        name: value
        for name, value in found.arguments.items()
        if name not in ("book", "on") and value is not None
    }
    words = "".join(f",\n    {name}={value!r}" for name, value in shown.items())
    code = f'import costmodel as cm\n\nplan = cm.plan_serving(\n    "{plan.model}",\n'
    code += f'    "{plan.gpu}"{words},\n    on="{found.arguments["on"]}",\n)\n'
    code += "plan.usd_per_month, plan.usd_per_mtok"
    caption = f"{escape(plan.model)} ({plan.precision}, {plan.engine}) on {escape(plan.gpu)}"
    said = plan.assumptions
    return [
        files,
        table({"Figure": "words", "Value": ""}, rows, caption)
        + pieces.folded(f"{len(said)} assumptions", pieces.listed(said))
        + pieces.code(code),
    ]
