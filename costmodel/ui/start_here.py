"""The first page: every notebook with what it would say about an example."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, VBox

from costmodel.analysis import prices, validate
from costmodel.analysis.budget import budget
from costmodel.analysis.compare import Comparison, compare
from costmodel.analysis.datasets import Dataset, summary
from costmodel.analysis.savings import savings
from costmodel.analysis.uncertainty import chance_of
from costmodel.costs import TokenRule, plan_serving, shipped_book, today
from costmodel.figures import style
from costmodel.figures import usage as pictures
from costmodel.figures.bill import waterfall
from costmodel.figures.budget import burn
from costmodel.figures.compare import cost_by_phase
from costmodel.figures.market import price_history, rents
from costmodel.figures.serving import cost_against_utilisation
from costmodel.figures.tokens import token_histogram
from costmodel.figures.validation import predicted_against_measured
from costmodel.prices.book import shipped_dir
from costmodel.prices.lints import FRESH_DAYS, stale
from costmodel.prices.specs import Specs
from costmodel.scenario import Scenario
from costmodel.tokens.corpus import Job, tally_part
from costmodel.tokens.counting import DEFAULT
from costmodel.tokens.reading import sniff
from costmodel.ui.chart import Chart
from costmodel.ui.scenario_app import DRAWS
from costmodel.usage.pricing import price
from costmodel.usage.reading import read

if TYPE_CHECKING:
    import plotly.graph_objects as go

CSS = Path(__file__).with_suffix(".css")
MODEL, GPU = "Llama-3.1-8B", "H100-SXM"  # of the pictures about own GPUs
PRICED = ("google", "gemini-3.8-flash")  # whose price moves


@dataclass(frozen=True, eq=False)
class Example:
    """What the pictures are about.

    Attributes:
        result: The comparison of a scenario.
        folder: Folder of the notebooks.
        on: Today.
    """

    result: Comparison
    folder: Path
    on: date

    @property
    def best(self) -> str:
        """The option that comes first."""
        return self.result.ranked[0].name


def start_here(folder: str | Path = ".", scenario: str = "scenarios/support_bot.toml") -> VBox:
    """Show the notebooks of a folder, each with its picture of an example, and the age of prices.

    Args:
        folder: Folder of the notebooks.
        scenario: The example, a file below it.

    Raises:
        ScenarioError: If the example cannot be read.
        PriceError: If the price tables cannot be read.
    """
    home, on = Path(folder), today()
    example = Example(compare(Scenario.read(home / scenario), shipped_book()), home, on)
    cards = Box([_card(path, example) for path in _others(home)])
    cards.add_class("cm-cards")
    banner = f'<style>{CSS.read_text("utf-8")}</style><p class="cm-banner">{_ages(example)}</p>'
    page = VBox([HTML(banner), cards])
    page.add_class("cm-start")
    return page


def _others(home: Path) -> list[Path]:
    return [path for path in sorted(home.glob("[0-9]*.ipynb")) if not path.stem.startswith("00")]


def _card(path: Path, example: Example) -> VBox:
    """Show what a notebook is for, with what it says about the example."""
    title, words = _title(path)
    text = f'<h2><a href="{escape(path.name)}" target="_blank">{escape(title)}</a></h2>'
    draw = PICTURES.get(path.stem)
    figure = None if draw is None else draw(example)
    if figure is not None:
        text += f"<p><b>{escape(style.finding_of(figure))}</b></p>"
    # what stands between two dollar signs is no formula
    said = HTML(f'<div class="tex2jax_ignore mathjax_ignore">{text}<p>{escape(words)}</p></div>')
    card = VBox([said] if figure is None else [said, Chart(figure)])
    card.add_class("cm-card")
    return card


def _title(path: Path) -> tuple[str, str]:
    """Return the title of a notebook and its first sentence."""
    first = json.loads(path.read_text("utf-8"))["cells"][0]["source"]
    lines = "".join(first).split("\n")
    words = " ".join(line for line in lines[1:] if line.strip())
    return lines[0].removeprefix("# "), words.partition(". ")[0].rstrip(".") + "."


def _ages(example: Example) -> str:
    """Say how old the prices are."""
    days, book = example.result.prices_on, example.result.book
    rows = {(row.file, row.line) for row in book.at(example.on).rows}
    files = {file for file, _ in rows}
    unseen = stale([Path(folder) for folder in book.folders], example.on)
    old = [row for row in unseen if row["days"] > FRESH_DAYS and row["file"] in files]
    text = (
        f"The price rows behind this example were seen at their sources between "
        f"{days['verified_from']} and {days['verified_to']}."
    )
    if old:
        text += (
            f" {len(old):,} of {len(rows):,} price rows in force were not seen at their source for "
            f"{FRESH_DAYS} days, the oldest since {old[0]['verified_on']}: notebook 07 lists them."
        )
    return text


def _approach(example: Example) -> go.Figure:
    result = example.result
    return cost_by_phase(result.frame(), result.scenario.months, result.bills)


def _commitment(example: Example) -> go.Figure:
    """Draw the bill of the option that takes most to build: a tune."""
    result = example.result
    name = str(result.frame().set_index("name")["build_usd"].idxmax())
    return waterfall(result.bills[name].frame(), name, result.scenario.months)


def _forecast(example: Example) -> go.Figure:
    result = example.result
    drawn = budget(chance_of(result.scenario, result.book), number=DRAWS).as_dict()
    return burn(drawn, example.best, result.ranked[0].as_dict()["calendar"])


def _hosting(example: Example) -> go.Figure:
    plan = plan_serving(
        MODEL,
        GPU,
        input_tokens=3_000,
        output_tokens=180,
        requests_per_second=1,
        book=example.result.book,
        on=example.on,
    )
    return cost_against_utilisation(plan.as_dict())


def _training(example: Example) -> go.Figure:
    return rents(prices.rents(example.result.book, GPU, example.on), example.on)


def _tokens(example: Example) -> go.Figure:
    source = sniff(str(example.folder / "data" / "support_bot.jsonl"))
    rule = TokenRule(DEFAULT, DEFAULT, DEFAULT)
    tally = tally_part(source, Job(rule.counted_with))
    return token_histogram(summary(Dataset("support_bot.jsonl", source.shape, tally, rule)))


def _prices(example: Example) -> go.Figure:
    return price_history(prices.price_history(example.result.book, *PRICED), example.on)


def _measured(example: Example) -> go.Figure:
    cases = validate.read_cases(shipped_dir() / "benchmarks" / "training.csv")
    found = validate.validate_training(cases, Specs.of(example.result.book), "training")
    return predicted_against_measured(found.frame, found.measured, file="training.csv")


def _log(example: Example) -> go.Figure:
    ledger = read(str(example.folder / "data" / "usage_log.csv"))
    return pictures.savings(savings(price(ledger, example.result.book)).as_dict())


PICTURES: Mapping[str, Callable[[Example], go.Figure]] = {
    "01_which_approach": _approach,
    "02_fine_tune_commitment": _commitment,
    "03_budget_and_forecast": _forecast,
    "04_hosted_or_self_hosted": _hosting,
    "05_training_run": _training,
    "06_count_my_tokens": _tokens,
    "07_prices_and_providers": _prices,
    "08_check_the_numbers": _measured,
    "10_usage_log": _log,
}
