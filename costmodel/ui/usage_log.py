"""A usage log: what it cost, how far that is from the plan, and what would have been cheaper."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.actuals import Actuals, actuals
from costmodel.analysis.drafting import drafted, scenario_text
from costmodel.analysis.repricing import Calls, calls_of
from costmodel.analysis.savings import EQUAL, Savings, otherwise, savings
from costmodel.analysis.spending import allocation
from costmodel.analysis.uncertainty import Chance, chance_of
from costmodel.analysis.wording import money, whole
from costmodel.costs import shipped_book
from costmodel.figures import actuals as pictures
from costmodel.figures import usage as of_log
from costmodel.figures.style import cite
from costmodel.prices.book import PriceBook
from costmodel.report import table
from costmodel.scenario import Scenario
from costmodel.ui import pieces
from costmodel.ui.app import App, Step, Sure, Tab
from costmodel.ui.controls import Choice, Quantity, steps
from costmodel.ui.screen import Files
from costmodel.usage.condensing import grain_of
from costmodel.usage.ledger import PICO, Ledger
from costmodel.usage.pricing import Priced, price
from costmodel.usage.reading import read
from costmodel.usage.summary import harmless

if TYPE_CHECKING:
    import pandas as pd

Compared = tuple[Actuals, dict[str, Any]]  # and what its `as_dict` returned
EVERY = "all projects"
SHARES = (
    ("batch", "May wait for batch", "Share of the requests that may wait, within a day as a rule."),
    ("cached", "From the cache", "Share of the input that is read from the cache, at least."),
    ("keeps", "Prompts keep", "Share of the input that is left when prompts are shorter: tuned."),
)


@dataclass(frozen=True, eq=False)
class Log:
    """A log with prices, and the plan that it belongs to.

    Attributes:
        priced: The ledger with prices, of the projects that are looked at.
        saving: What it would have cost otherwise.
        chance: The scenario it belongs to, None without one.
        option: The option that was run; None = found by its models.
        kept: The comparison with the plan, once it is made: shares of savings do not move it.
        files: The files of the log.
        project: The one that is looked at, blank for all.
        shares: What the controls say: May wait, from the cache, kept. [1]
    """

    priced: Priced = field(repr=False)
    saving: Savings
    chance: Chance | None = field(repr=False)
    option: str | None = None
    kept: dict[str, Any] = field(default_factory=dict, repr=False)
    files: Sequence[str] = ()
    project: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows with `pico`: what was billed, or the list price where a row states no money."""
        frame = self.priced.frame
        own = np.where(frame["stated"], frame["billed_pico"], frame["list_pico"])
        return frame.assign(pico=own)

    @cached_property
    def usd(self) -> float:
        """What was spent. [US$]"""
        return float(self.rows["pico"].to_numpy().astype(float).sum() / PICO)


def usage_log(
    usage: str | Path | Sequence[str | Path] = "data/usage_log.csv",
    scenario: str | Path | None = None,
    *,
    option: str | None = None,
    book: PriceBook | None = None,
) -> App:
    """Show what a usage log cost, what would have been cheaper, and how far it is from a plan.

    Args:
        usage: Usage logs and bills, or folders of them.
        scenario: Scenario file with the plan; None = no plan to compare with.
        option: The option that was run; None = found by its models.
        book: The prices; None = the shipped tables, with your own laid over them.

    Raises:
        DataError: If a file cannot be read.
        ScenarioError: If the scenario cannot be read.
    """
    tables = shipped_book() if book is None else book
    files = [usage] if isinstance(usage, str | Path) else list(usage)
    names = [Path(file).as_posix() for file in files]
    ledger = read(*files, grain=grain_of(tables))
    chance = None if scenario is None else chance_of(Scenario.read(Path(scenario)), tables)
    known = sorted({str(name) for name in ledger.frame["project"].unique()} - {""})
    plan_tabs = [
        Tab("Actuals", _actuals, _compared),
        Tab("Variance", _variance, _compared),
    ]
    return App(
        fields=[
            Choice("project", "Project", {EVERY: "", **{name: name for name in known}}),
            *(
                Quantity(name, label, rounds=steps(0, 1, 0.05), high=1.0, percent=True, note=note)
                for name, label, note in SHARES
            ),
        ],
        state={"project": "", "batch": 0.5, "cached": 0.5, "keeps": 0.5},
        compute=_computed(ledger, tables, chance, option, names),
        verdict=_verdict,
        sure=None if chance is None else Sure(_compared, _against),
        tabs=[
            Tab("Savings", _savings),
            Tab("Day by day", _days),
            *(plan_tabs if chance is not None else ()),
            Tab("Who", _who),
            Tab("Numbers", _numbers, *((_compared,) if chance is not None else ())),
        ],
    )


def _computed(
    ledger: Ledger,
    book: PriceBook,
    chance: Chance | None,
    option: str | None,
    files: Sequence[str],
) -> Callable[[Mapping[str, Any]], Log]:
    """Return the computation behind all tabs; prices and proposals are worked out once."""
    known: dict[str, tuple[Priced, Calls, Savings, dict[str, Any]]] = {}

    def compute(state: Mapping[str, Any]) -> Log:
        project = str(state["project"])
        if project not in known:
            priced = price(ledger.of_projects(project) if project else ledger, book)
            known[project] = priced, calls_of(priced), savings(priced), {}
        priced, calls, saving, kept = known[project]
        batch, cached, keeps = (float(state[name]) for name, *_ in SHARES)
        models = [one for one in saving.found if one.kind == "model"]
        same = otherwise(calls, batch=batch, cached=cached, keeps=keeps)
        proposed = replace(saving, found=(*models, *same))
        shares = {"batch": batch, "cached": cached, "keeps": keeps}
        return Log(priced, proposed, chance, option, kept, files, project, shares)

    return compute


def _compared(found: Log, step: Step) -> Compared:
    """Set the log beside its plan."""
    assert found.chance is not None
    step(0.1)
    if not found.kept:
        compared = actuals(found.chance, found.priced, option=found.option)
        found.kept.update(compared=compared, said=compared.as_dict())
    return found.kept["compared"], found.kept["said"]


def _against(_found: Log, worked: Compared) -> str:
    """Say how far the log is from its plan."""
    said = worked[1]
    ahead, plan = said["forecast"], said["usage_budget_usd"]
    text = f"Against the plan of {said['option']}: {whole(said['usage_usd'])} of a budget of "
    text += f"{whole(plan)} for these days"
    text += f"; with what no log shows, {whole(ahead['expected_usd'])} "
    return f"{text}({whole(ahead['p10'])} to {whole(ahead['p90'])}) of " + (
        f"{whole(ahead['budget_usd'])} by the end of the horizon."
    )


def _verdict(found: Log) -> str:
    saving = found.saving
    text = f"The log cost {whole(found.usd)} from {saving.first} to {saving.last}."
    models = [one for one in saving.found if one.kind == "model" and one.saved_usd > 0]
    together = [one for one in saving.found if one.kind == "together"]
    if models:
        text += f" At list prices {models[0].name} would have cost {whole(models[0].usd)}"
        text += " for the same tokens, if it answers as well" + ("" if together else ".")
    if together:
        text += ";" if models else ""
        text += f" on the same models, batch, cache and shorter prompts: {whole(together[0].usd)}."
    return text


def _price_rows(found: Log) -> dict[str, str]:
    """Return where the price of each model stands, by model and by provider/model."""
    said = {}
    book = found.priced.book
    for k in np.unique(found.priced.frame["price_row"].to_numpy()).tolist():
        if k >= 0:
            row = book.rows[k]
            text = cite(row.file, row.line, row.verified_on)
            said[row.key.sku] = text
            said[f"{row.key.provider}/{row.key.sku}"] = text
    for saving in found.saving.found:
        if saving.kind == "model" and saving.name not in said:
            provider, _, name = saving.name.partition("/")
            row = next(r for r in book.rows if (r.key.provider, r.key.sku) == (provider, name))
            said[saving.name] = cite(row.file, row.line, row.verified_on)
    return said


def _savings(found: Log) -> Any:
    return of_log.savings(found.saving.as_dict(), price_rows=_price_rows(found))


def _days(found: Log) -> Any:
    import pandas as pd

    rows = found.rows
    frame = pd.DataFrame(
        {
            "day": rows["day"],
            "model": rows["model"].astype(object).replace("", "not said"),
            "usd": rows["pico"] / PICO,
        }
    )
    sums = frame.groupby(["day", "model"]).sum().reset_index()
    return of_log.spent_by_day(sums, price_rows=_price_rows(found))


def _bill(compared: Actuals) -> Any:
    return compared.comparison.bill(compared.option).frame()


def _actuals(_found: Log, worked: Compared) -> list[Any]:
    return actuals_part(worked)


def _variance(_found: Log, worked: Compared) -> list[Any]:
    return variance_part(worked)


def actuals_part(worked: Compared) -> list[Any]:
    """Return what was spent beside the plan, and what to look at, for a tab."""
    compared, said = worked
    alerts = "".join(
        f"<li><b>{alert['level'].capitalize()}</b>: {escape(alert['text'])}.</li>"
        for alert in said["alerts"]
    )
    return [
        pictures.spending(said, bill=_bill(compared)),
        f"<p>{escape(compared.option)}: {escape(compared.option_said)}.</p><ul>{alerts}</ul>",
    ]


def variance_part(worked: Compared) -> list[Any]:
    """Return why actual and budget differ, as a picture and a table, for a tab."""
    compared, said = worked
    names = ("price", "quantity", "mix", "other", "unexplained")
    columns = {"Month": "words", "Seen": "", "Budget": "", "Actual": "", "Difference": ""}
    columns |= {name.capitalize(): "" for name in names}
    rows = [
        [row["month"], f"{row['seen_share']:.0%}"]
        + [whole(row[key] - row["not_shown_usd"]) for key in ("budget_usd", "actual_usd")]
        + [_signed(row["variance_usd"]), *(_signed(row[f"{name}_usd"]) for name in names)]
        for row in said["months"]
    ]
    caption = "Usage by month, US dollars; a month that is seen in part has that part of its budget"
    return [pictures.variance(said, bill=_bill(compared)), table(columns, rows, caption)]


def _signed(usd: float) -> str:
    return "" if not usd else f"+{whole(usd)}" if usd > 0 else f"\N{MINUS SIGN}{whole(-usd)}"


def _who(found: Log) -> str:
    """Return who spent what, as tables."""
    text = []
    for by in ("project", "team", "user", "model"):
        records = allocation(found.rows, by)
        if len(records) == 1 and records[0]["name"].startswith("("):
            continue
        rows = [
            [
                escape(one["name"]),
                whole(one["usd"]),
                f"{one['share']:.1%}",
                "" if one["requests"] is None else f"{one['requests']:,.0f}",
                _each(one),
            ]
            for one in records[:20]
        ]
        columns = {by.capitalize(): "words", "Spent": "", "Share": "", "Requests": ""}
        text.append(table(columns | {"Per request": ""}, rows))
    return "".join(text)


def _each(record: Mapping[str, Any]) -> str:
    return money(record["usd"] / record["requests"]) if record["requests"] else ""


def _numbers(found: Log, worked: Compared | None = None) -> list[Any]:
    """Return the ways to save as a table, and files to take away."""
    rows = [
        [
            escape(one.name),
            whole(one.usd),
            _signed(-one.saved_usd),
            f"{one.share:.0%}",
            "" if one.tokens_ratio == 1 else f"{one.tokens_ratio:.2f}",
            escape("; ".join(one.notes)),
        ]
        for one in found.saving.found
    ]
    columns = {"Way": "words", "Cost": "", "Change": "", "Touches": "", "Tokens": ""}
    caption = f"{whole(found.saving.list_usd)} at list prices. {EQUAL}"
    text = table(columns | {"Note": "words"}, rows, escape(caption))
    ready = {"savings.json": json.dumps(found.saving.as_dict(), indent=2)}
    labels = {"savings.json": "Savings (JSON)", "scenario.toml": "Draft of a scenario (TOML)"}
    labels |= {"actuals.csv": "Budget and actual (CSV)"}
    made = {"scenario.toml": lambda: _draft(found)}
    if worked is not None:
        compared = worked[0]
        made["actuals.csv"] = lambda: pieces.csv(harmless(compared.frame()))
    return [Files(ready, made, labels), text + pieces.code(_code(found))]


def _code(found: Log) -> str:
    """Return the same as code for a script."""
    shares = "".join(f", {name}={value!r}" for name, value in found.shares.items())
    of_project = f".of_projects({found.project!r})" if found.project else ""
    return "\n".join(
        [
            "from costmodel.analysis.savings import savings",
            "from costmodel.costs import shipped_book",
            "from costmodel.usage.pricing import price",
            "from costmodel.usage.reading import read",
            "",
            f"ledger = read({', '.join(map(repr, found.files))}){of_project}",
            "priced = price(ledger, shipped_book())",
            f"found = savings(priced{shares})",
            "print(found.as_dict())",
        ]
    )


def _draft(found: Log) -> str:
    return scenario_text(drafted(found.priced), found.saving, found.priced.book)
