"""What a training run takes and costs: on rented GPUs and at providers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costmodel import costs
from costmodel.analysis.datasets import Dataset, read_dataset
from costmodel.analysis.market import TrainingFile
from costmodel.analysis.training_ways import Wanted, Ways, lasting, training_ways
from costmodel.analysis.wording import money, provider_words
from costmodel.errors import CostModelError
from costmodel.figures import training as pictures
from costmodel.figures.market import MARKET_LOOKS
from costmodel.plans.training import OBJECTIVES
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs
from costmodel.report import link, table
from costmodel.ui import pieces
from costmodel.ui.app import App, Tab
from costmodel.ui.controls import Choice, Field, Quantity, Upload, decades, steps
from costmodel.ui.screen import Files

if TYPE_CHECKING:
    from costmodel.analysis.renting import Offer

ANY = "Any that is for rent"
METHOD_WORDS = {"lora": "LoRA", "qlora": "QLoRA", "full": "Full"}
OBJECTIVE_WORDS = {
    "sft": "Supervised (SFT)",
    "dpo": "Preferences (DPO)",
    "ppo": "Reinforcement (PPO)",
    "grpo": "Reinforcement (GRPO)",
}
TOKENS = Quantity(
    "tokens",
    "Tokens of the dataset",
    rounds=decades(1e5, 1e10),
    low=1.0,
    note="As the model counts them. A file below More assumptions is counted for you.",
)
EPOCHS = Quantity(
    "epochs", "Passes over it", rounds=steps(1, 10, 1), low=0.1, note="Epochs; three are usual."
)
METHOD = Choice("method", "Method", {METHOD_WORDS[m]: m for m in ("lora", "qlora", "full")})
DATASET = Upload(
    "dataset",
    "Count a dataset file (it stays on this machine)",
    accept=pieces.DATASETS,
    note="Chat JSONL and other formats; sets tokens and examples.",
)
EXAMPLES = Quantity(
    "examples",
    "Examples in it",
    rounds=decades(10, 1e6),
    low=1.0,
    note="Some providers want a least number of them.",
)
OBJECTIVE = Choice("objective", "Objective", {OBJECTIVE_WORDS[one]: one for one in OBJECTIVES})
SEQUENCE = Quantity(
    "sequence_length",
    "Tokens of a sequence",
    rounds=(256, 512, 1024, 2048, 4096, 8192, 16384, 32768),
    low=16.0,
    high=1e6,
    whole=True,
    note="Examples are packed into sequences of this length.",
)
GPUS = Quantity(
    "gpus",
    "Number of GPUs",
    low=1.0,
    high=1024.0,
    whole=True,
    blank=True,
    note="Left out: as many as it takes at the lowest cost.",
)
RENT = Choice("rent", "Rented", {words: word for word, (words, _, _) in MARKET_LOOKS.items()})


def training_run(
    model: str = "Llama-3.1-8B",
    *,
    dataset: str | Path | None = None,
    book: PriceBook | None = None,
    on: date | None = None,
) -> App:
    """Show what training a model takes and costs everywhere.

    Args:
        model: Open-weight model, by any of its names.
        dataset: File to count; None = 20 million tokens in 20,000 examples.
        book: The prices; None = the shipped tables, with your own laid over them.
        on: Day of the prices; None = today.
    """
    return TrainingRun(model, dataset, book, on or costs.today())


class TrainingRun(App):
    """The app about a training run. Its state: the fields of `Wanted`, and `dataset`."""

    def __init__(
        self, model: str, dataset: str | Path | None, book: PriceBook | None, on: date
    ) -> None:
        """Show a first run."""
        self._book, self.on = book, on
        super().__init__(
            fields=self._main,
            more=self._further,
            state=None,
            compute=self._computed,
            verdict=Ways.verdict,
            warnings=Ways.warnings,
            tabs=[
                Tab("Cost", pictures.training_costs),
                Tab("Time and cost", pictures.time_and_cost),
                Tab("Memory", lambda ways: pictures.memory_on_gpus(ways.plans)),
                Tab("GPUs for rent", _rented),
                Tab("Providers", _hosted),
                Tab("Measured runs", _measured),
                Tab("Numbers", self._numbers),
            ],
        )
        first = {
            "model": model,
            "tokens": 20e6,
            "examples": 20e3,
            "epochs": 3.0,
            "method": "lora",
            "objective": "sft",
            "stack": "Hugging Face + PEFT",
            "sequence_length": 2048,
            "gpu": "",
            "gpus": None,
            "rent": "on_demand",
            "dataset": None,
        }
        try:
            # as the tables write it, so that the choice shows it
            first["model"] = Specs.of(self.book).model(model)["model"]
            if dataset is not None:
                first |= _counted(read_dataset(dataset))
        except CostModelError as error:
            self.become(first)
            self.fail(error)
        else:
            self.become(first)

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return costs.shipped_book() if self._book is None else self._book

    @property
    def wanted(self) -> Wanted:
        """The run that the controls ask for."""
        return _wanted(self.state)

    def put(self, state: Mapping[str, Any], name: str, value: Any) -> Any:
        """Return a state with another value; a file sets tokens and examples."""
        changed = {**state, name: value}
        if name == "dataset" and value is not None:
            return {**changed, **_counted(pieces.read_upload(value, read_dataset))}
        if name in ("tokens", "examples"):
            return changed | {"file": None, "dataset": None}
        return changed

    def _computed(self, state: Mapping[str, Any]) -> Ways:
        return training_ways(_wanted(state), self.book, self.on)

    def _main(self, _ways: Ways) -> list[Field]:
        specs = Specs.of(self.book)
        models = sorted(specs.models, key=str.lower)
        rows = self.book.at(self.on).rows
        rented = {str(row.facts["gpu"]) for row in rows if row.key.table == "gpu_rental"}
        gpus = {ANY: ""} | {name: name for name in sorted(specs.gpu(g)["gpu"] for g in rented)}
        return [
            Choice("model", "Model", {name: name for name in models}),
            TOKENS,
            EPOCHS,
            METHOD,
            Choice("gpu", "GPU", gpus),
        ]

    def _further(self, _ways: Ways) -> list[Field]:
        tools = [row["tool"] for row in Specs.of(self.book).rows("stacks")]
        software = Choice(
            "stack",
            "Training software",
            {name: name for name in sorted(tools, key=str.lower)},
            note="How fast and how sparing of memory; see pricing/stacks.csv.",
        )
        return [DATASET, EXAMPLES, OBJECTIVE, software, SEQUENCE, GPUS, RENT]

    # the last tab

    def code(self) -> str:
        """Return the same as code for a script."""
        wanted, usual = self.wanted, Wanted(self.wanted.model, 1.0)
        names = (
            *("tokens", "examples", "epochs", "objective", "method", "stack"),
            *("sequence_length", "gpu", "gpus", "rent"),
        )
        given = [
            f"{name}={pieces.quoted(getattr(wanted, name))}"
            for name in names
            if name == "tokens" or getattr(wanted, name) != getattr(usual, name)
        ]
        return "\n".join(
            [
                "import datetime",
                "",
                "from costmodel.analysis.training_ways import Wanted, training_ways",
                "from costmodel.costs import shipped_book",
                "",
                f"wanted = Wanted({wanted.model!r}, {', '.join(given)})",
                f"ways = training_ways(wanted, shipped_book(), {self.on!r})",
                "print(ways.verdict())",
            ]
        )

    def _numbers(self, ways: Ways) -> list[Any]:
        plan = ways.best
        said = [*plan.assumptions, *_assumed(ways)]
        files = Files(
            ready={
                "rented.csv": pieces.csv([_flat(offer) for offer in ways.rented]),
                "providers.csv": pieces.csv(ways.hosted),
            },
            labels={"rented.csv": "GPUs for rent (CSV)", "providers.csv": "Providers (CSV)"},
        )
        figures = [
            ["Time", lasting(plan.hours, plan.hours_low, plan.hours_high)],
            ["GPU-hours", _ranged(plan.gpu_hours, plan.gpu_hours_low, plan.gpu_hours_high)],
            ["GPUs", f"{plan.gpus} {escape(plan.gpu)}"],
            ["Setting", escape(_setting(plan))],
            [
                "Memory on each GPU",
                _ranged(plan.memory_gb, plan.memory_gb_low, plan.memory_gb_high)
                + f" of {plan.capacity_gb:,.0f} GB",
            ],
            [
                "Tokens per second",
                _ranged(
                    plan.tokens_per_second,
                    plan.tokens_per_second_low,
                    plan.tokens_per_second_high,
                ),
            ],
        ]
        if ways.rented:
            best = ways.rented[0]
            cost = f"{money(best.usd)} ({money(best.usd_low)} to {money(best.usd_high)})"
            figures.insert(0, ["Cost", f"{cost} at {escape(provider_words(best.provider))}"])
        caption = f"The cheapest plan for {escape(ways.model)}, low to high in brackets"
        return [
            files,
            table({"Of the run": "words", "Predicted": ""}, figures, caption)
            + pieces.folded(f"{len(said)} assumptions", pieces.listed(said))
            + pieces.code(self.code()),
        ]


def _wanted(state: Mapping[str, Any]) -> Wanted:
    known = {name: state[name] for name in Wanted.__dataclass_fields__ if name in state}
    gpus = known.pop("gpus")
    return Wanted(**known, gpus=None if gpus is None else int(gpus))


def _counted(data: Dataset) -> dict[str, Any]:
    """Return what a dataset says about a run."""
    lengths, examples = data.distribution()
    file = TrainingFile(
        lengths, examples, float(data.tally.prompts), counted_with=data.rule.counted_with
    )
    return {
        "tokens": float((lengths * examples).sum()),
        "examples": float(examples.sum()),
        "objective": data.objective if data.objective in OBJECTIVES else "sft",
        "file": file,
    }


def _assumed(ways: Ways) -> list[str]:
    said = [
        "Rents are list prices by the billing step of each provider; nothing is added for storing "
        "or moving data, and people are not counted: costmodel compare does that.",
    ]
    if ways.wanted.file is not None:
        said.append(
            f"The dataset was counted in {ways.wanted.file.counted_with}; each provider bills it "
            "by its own tokenizer where that is known."
        )
    return said


def _ranged(value: float, low: float, high: float) -> str:
    return f"{pieces.figure(value)} ({pieces.figure(low)} to {pieces.figure(high)})"


def _setting(plan: Any) -> str:
    return (
        f"{plan.tool}, {plan.sharding}, micro-batch {plan.micro_batch}, "
        f"checkpointing {plan.checkpointing}"
    )


def _flat(offer: Offer) -> dict[str, Any]:
    found = offer.as_dict()
    plan = found.pop("plan")
    return {**found, **{k: v for k, v in plan.items() if k not in ("model", "assumptions")}}


def _rented(ways: Ways) -> Any:
    if not ways.rented:
        return f"<p>{escape(ways.unfit)}.</p>"
    best = ways.cheapest_of_each
    title = f"The cheapest machine of each GPU for {escape(ways.model)}, cheapest first"
    every = f"All {len(ways.rented)} machines that fit"
    return _offers(best, title) + pieces.folded(every, _offers(ways.rented, every))


def _offers(offers: Any, caption: str) -> str:
    columns = {"GPUs": "words", "Provider": "words", "Cost": "", "Hours": "", "Memory": ""}
    columns |= {"Price row": "words"}
    rows = [
        [
            pieces.two(
                f"{o.plan.gpus} {escape(o.plan.gpu)}",
                f'<span title="{escape(o.plan.low_confidence)}">low confidence</span>'
                if o.plan.low_confidence
                else "",
            ),
            pieces.two(
                escape(" ".join(filter(None, [o.provider, o.region]))),
                (f"{o.instances} x " if o.instances > 1 else "") + escape(o.instance),
            ),
            pieces.two(money(o.usd), f"{money(o.usd_low)} to {money(o.usd_high)}"),
            pieces.two(f"{o.plan.hours:,.3g}", f"{o.plan.gpu_hours:,.3g} GPU-hours"),
            f"{o.plan.memory_gb:,.0f} of {o.plan.capacity_gb:,.0f} GB",
            pieces.row_link(o.file, o.line, o.source, o.verified_on),
        ]
        for o in offers
    ]
    return table(columns, rows, caption, best=0)


def _hosted(ways: Ways) -> Any:
    taken = ways.taken
    if not ways.hosted:
        word = OBJECTIVE_WORDS[ways.wanted.objective]
        return f"<p>No provider sells this kind of training by the token: {escape(word)}.</p>"
    same, other = ways.same, [r for r in taken if r not in ways.same]
    html = _records(same, f"Providers that tune {escape(ways.model)}, cheapest first", best=0)
    if not same:
        html = f"<p>No provider takes the job for {escape(ways.model)} today.</p>"
    if other:
        title = f"The same job on other models: {len(other)} offers, cheapest first"
        html += pieces.folded(title, _records(other, title))
    refused = pieces.refusals(ways.hosted)
    if refused:
        html += pieces.folded(f"{len(refused)} that do not take it", pieces.listed(refused))
    return html


def _records(records: Any, caption: str, best: int = -1) -> str:
    if not records:
        return ""
    columns = {"Provider": "words", "For": "words", "Training": "", "A month idle": ""}
    columns |= {"Ends": "words", "Price row": "words"}
    rows = [
        [
            pieces.two(
                escape(r["provider"]),
                escape(" ".join(filter(None, [r["sku"], r["region"], _mode(r["mode"])]))),
            ),
            r["tunes"],
            pieces.two(money(r["train_usd"]), f"{r['epochs']:g} passes"),
            "" if r["month_usd"] is None else money(r["month_usd"]),
            escape(_ends(r)),
            pieces.row_link(r["file"], r["row"], r["source"], r["verified_on"]),
        ]
        for r in records
    ]
    return table(columns, rows, caption, best=best)


def _mode(mode: str) -> str:
    return "" if mode == "standard" else mode


def _ends(record: Mapping[str, Any]) -> str:
    ends = [f"training {record['training_until']}"] if record["training_until"] else []
    ends += [f"answers {record['inference_until']}"] if record["inference_until"] else []
    ends += ["existing customers only"] if record["open_to"] == "existing" else []
    return ", ".join(ends)


def _measured(ways: Ways) -> Any:
    plan = ways.best
    columns = {"Published run": "words", "How": "words", "Sequence": ""}
    columns |= {"Tokens/s on each GPU": "", "Source": "words long"}
    rows = [
        [
            pieces.two(f"{escape(plan.model)} on {plan.gpus} {escape(plan.gpu)}", "predicted"),
            escape(f"{METHOD_WORDS[ways.wanted.method]}, {plan.tool}"),
            f"{ways.wanted.sequence_length:,.0f}",
            f"{plan.tokens_per_second / plan.gpus:,.0f}",
            "this plan",
        ]
    ]
    rows += [
        [
            pieces.two(f"{escape(run.model)} on {run.gpus} {escape(run.gpu)}", run.published),
            escape(f"{run.method}, {run.framework}"),
            f"{run.sequence_length:,.0f}",
            f"{run.tokens_per_second / max(run.gpus, 1):,.0f}",
            link(run.source),
        ]
        for run in ways.near
    ]
    caption = "The published measurements nearest to the cheapest plan"
    doubt = f"<p>Low confidence: {escape(plan.low_confidence)}.</p>" if plan.low_confidence else ""
    return table(columns, rows, caption, best=0) + doubt
