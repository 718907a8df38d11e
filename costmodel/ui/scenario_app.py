"""Apps about a scenario file: their state is the scenario, every number comes from one comparison.

    def which_approach(path="scenarios/support_bot.toml") -> ScenarioApp:
        return ScenarioApp(path, call="which_approach", fields=[REQUESTS, CHANGES, MONTHS],
                           tabs=[Tab("Cost", lambda found: ...)])

Fields are named as in `costmodel.scenario.inputs`; besides there are `start`, `file` (another file
of the same folder), and `view.NAME` for what is no part of a scenario, like the option looked at.
`found` is a `Found`; `budget_of(number)` is work for the `needs` of a tab. The tab "Numbers" is
added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel.analysis.budget import budget
from costmodel.analysis.compare import Comparison, compare
from costmodel.analysis.uncertainty import chance_of
from costmodel.analysis.wording import whole
from costmodel.costs import shipped_book, today
from costmodel.errors import CostModelError, ScenarioError
from costmodel.figures import style
from costmodel.figures.budget import of_option
from costmodel.prices.book import PriceBook
from costmodel.prices.lints import FRESH_DAYS
from costmodel.report import options_table, report, warnings_of
from costmodel.scenario import Input, Mix, Option, Scenario, numeric_inputs, with_inputs
from costmodel.scenario.writing import scenario_text
from costmodel.ui import pieces
from costmodel.ui.app import App, Fields, Needs, Step, Sure, Tab
from costmodel.ui.controls import Choice, Day, Field, Quantity, decades, steps
from costmodel.ui.screen import Files

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 2_000
VIEW = "view."
OPTION = "view.option"

# fields that several apps show
REQUESTS = Quantity(
    "workload.requests",
    "Requests per month",
    rounds=decades(1e3, 1e8),
    ranges=True,
    note="In the first month. A range like 150k to 320k makes the forecast uncertain.",
)
CHANGES = Quantity(
    "upkeep.requirement_changes_per_year",
    "Changes per year",
    rounds=steps(0, 24, 1),
    ranges=True,
    note="Of requirements: each needs new prompts, examples or training.",
)
HORIZON = Choice(
    "months", "Look ahead", {"1 year": 12, "2 years": 24, "3 years": 36, "5 years": 60}
)
GROWTH = Quantity(
    "workload.growth",
    "Growth per month",
    rounds=steps(-0.05, 0.2, 0.005),
    low=-1.0,
    high=1.0,
    percent=True,
    ranges=True,
    note="Of the requests, from month to month.",
)
REQUIRED = Quantity(
    "workload.required_success",
    "Required success rate",
    rounds=steps(0.5, 1.0, 0.01),
    high=1.0,
    percent=True,
    note="Share of single attempts that must succeed. Options below it cannot win.",
)
FAILURE = Quantity(
    "workload.failure_usd",
    "Damage of a failure",
    rounds=(0.0, *decades(0.01, 1000)),
    prefix="$",
    ranges=True,
    note="What a request that fails in the end costs you, outside of the bill.",
)
START = Day("start", "Start")


def scenario_files(path: str | Path) -> Choice:
    """Return the choice between the scenario files of a folder."""
    names = {found.name for found in Path(path).parent.glob("*.toml")} | {Path(path).name}
    return Choice("file", "Scenario", {name: name for name in sorted(names)})


def option_of(found: Found) -> Choice:
    """Return the choice of the option looked at."""
    return Choice(OPTION, "Option", {name: name for name in found.options})


@dataclass(frozen=True)
class State:
    """What the controls of a scenario app set.

    Attributes:
        scenario: The scenario.
        view: What is no part of it.
    """

    scenario: Scenario
    view: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Found:
    """What all tabs of a scenario app show.

    Attributes:
        result: The comparison.
        view: What is no part of the scenario.
        book: The prices it was made with.
        about: Whether an option is one that can be looked at.
        looks: Ink and dash of each option, the same in every picture.
    """

    result: Comparison
    view: Mapping[str, Any]
    book: PriceBook = field(repr=False)
    about: Callable[[Option | Mix], bool] = field(default=lambda _option: True, repr=False)
    looks: Mapping[Hashable, Any] = field(default_factory=dict, repr=False)

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return self.result.scenario

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The options as a table."""
        return self.result.frame()

    @cached_property
    def bills(self) -> dict[str, pd.DataFrame]:
        """The bill of each option that can be had, as a table."""
        return {name: found.frame() for name, found in self.result.bills.items()}

    @cached_property
    def sums(self) -> dict[str, pd.DataFrame]:
        """The lines of each option that can be had, summed over the months."""
        return {name: found.sums() for name, found in self.result.bills.items()}

    @cached_property
    def options(self) -> tuple[str, ...]:
        """The options that can be looked at, best first.

        Raises:
            ScenarioError: If none can be had.
        """
        ranked = [found.name for found in self.result.ranked]
        rest = sorted(self.result.bills, key=lambda n: float(np.mean(self.result.bills[n].total)))
        names = [name for name in dict.fromkeys([*ranked, *rest]) if self.shows(name)]
        if not names:
            mine = [r for r in self.result.results if self.shows(r.name)]
            reasons = "; ".join(f"{r.name}: {r.reason}" for r in mine)
            why = reasons or "it has none of the kind this page is about; choose another file"
            message = f"no option of {self.scenario.name!r} can be looked at: {why}"
            raise ScenarioError(message)
        return tuple(names)

    def shows(self, name: str) -> bool:
        """Return whether an option is one this app is about."""
        return self.about(self.scenario.option(name))

    @property
    def option(self) -> str:
        """The option looked at: the chosen one if it can be had, else the best."""
        chosen = self.view.get("option")
        return str(chosen) if chosen in self.options else self.options[0]

    @cached_property
    def bill(self) -> pd.DataFrame:
        """The bill of the option looked at."""
        return self.result.bills[self.option].frame()


@lru_cache(maxsize=8)
def budget_of(number: int = DRAWS) -> Needs:
    """Return the work that draws a scenario and says how much to ask for.

    Args:
        number: Draws, with a fixed seed.

    Returns:
        Work that gives what `Budget.as_dict()` returns; `limit` and `confidence` are taken from
        the view.
    """

    def work(found: Found, step: Step) -> dict[str, Any]:
        chance = chance_of(found.scenario, found.book)
        view = found.view
        drawn = budget(
            chance,
            number=number,
            confidence=view.get("confidence") or 0.9,
            limit=view.get("limit"),
            step=step,
        )
        return drawn.as_dict()

    return work


ASIDE = re.compile(r" (?=The lowest bill that meets|Left out:)")


def verdict_of(found: Found) -> str:
    """Return the verdict of the comparison, without what is said beside it."""
    return ASIDE.split(found.result.verdict)[0]


def beside(found: Found) -> str:
    """Return what the verdict of the comparison says beside which option is the cheapest."""
    return " ".join(ASIDE.split(found.result.verdict)[1:])


def how_sure(found: Found, drawn: Mapping[str, Any]) -> str:
    """Say how sure the bill of the option looked at is, from the draws."""
    row = of_option(drawn, found.option)
    text = f"How sure: the bill lies between {whole(row['p10'])} and {whole(row['p90'])} in 80% of "
    text += f"{drawn['draws']:,} draws"
    ranked = found.result.ranked
    if ranked and ranked[0].name == found.option and row["chance_cheapest"] is not None:
        text += f", and {found.option} stays the cheapest in "
        text += f"{style.chance(row['chance_cheapest'])} of them"
    return text + "."


class ScenarioApp(App):
    """An app about a scenario file."""

    def __init__(
        self,
        path: str | Path,
        *,
        call: str,
        fields: Fields,
        tabs: Sequence[Tab],
        more: Fields = (),
        verdict: Callable[[Found], str] = verdict_of,
        aside: Callable[[Found], str] = beside,
        warnings: Callable[[Found], Sequence[str]] = lambda _found: (),
        sure: Sure | None = None,
        view: Mapping[str, Any] | None = None,
        about: Callable[[Option | Mix], bool] = lambda _option: True,
        months: int | None = None,
        files: Callable[[Found], Files] = lambda _found: Files(),
        book: PriceBook | None = None,
        on: date | None = None,
    ) -> None:
        """Read a scenario and show it.

        Args:
            path: Scenario file; a broken one is said in one sentence on the screen.
            call: Name of the function that makes the app, for the code on the last tab.
            fields: Controls, those the scenario does not know are left out.
            tabs: Tabs before "Numbers".
            more: Further controls, folded away.
            verdict: The sentence; that of the comparison if left out.
            aside: What is said below it at once.
            warnings: Sentences above the verdict, beside those of the bills and of old prices.
            sure: How sure the verdict is; None = by draws of the whole scenario.
            view: What is no part of the scenario.
            about: Which options can be looked at.
            months: Horizon to begin with; None = that of the file.
            files: Further files on the last tab.
            book: The prices; None = the shipped tables, with your own laid over them.
            on: Today, for the age of prices; None = the day of the computer.
        """
        self.call, self._book, self._on = call, book, on
        self._own_warnings, self._files, self._about = warnings, files, about
        self._view, self._months = dict(view or {}), months
        self._listed: tuple[Scenario, dict[str, Input]] | None = None
        self._looks: Mapping[Hashable, Any] = {}
        self._first = Path(path)
        super().__init__(
            fields=lambda found: self._shown(fields, found),
            more=lambda found: self._shown(more, found),
            state=None,
            compute=self._computed,
            verdict=verdict,
            aside=aside,
            warnings=self._warned,
            sure=sure or Sure(budget_of(), how_sure),
            tabs=[*tabs, Tab("Numbers", self._numbers)],
        )
        self.load(path)

    @property
    def scenario(self) -> Scenario:
        """The scenario as the controls have it.

        Raises:
            ScenarioError: If none could be read.
        """
        if self.state is None:
            raise ScenarioError(self.error)
        state: State = self.state
        return state.scenario

    @property
    def path(self) -> Path:
        """The file the scenario was read from."""
        return self.scenario.path or self._first

    @property
    def result(self) -> Comparison:
        """The comparison that is on the screen."""
        found: Found = self.found
        return found.result

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return shipped_book() if self._book is None else self._book

    def load(self, path: str | Path) -> None:
        """Open a scenario file; what is wrong with it is said, and the last good state stays."""
        try:
            self.become(self._opened(Path(path)))
        except CostModelError as error:
            self.fail(error)

    def save(self, path: str | Path) -> None:
        """Write the scenario, comments kept, with the prices used.

        Raises:
            ScenarioError: If it cannot be written.
        """
        self.scenario.write(path, self.book)

    def read(self, state: State, name: str) -> Any:
        """Return what the scenario or the view says about a field."""
        scenario = state.scenario
        if name == OPTION:
            return self.found.option
        if name.startswith(VIEW):
            return state.view.get(name.removeprefix(VIEW))
        if name in ("file", "start"):
            return scenario.start if name == "start" else scenario.path and scenario.path.name
        ranges = {entry.name: entry.distribution for entry in scenario.uncertain}
        if name in ranges and ranges[name].kind == "range":
            return dict(ranges[name].values)
        word = name.removeprefix("upkeep.")
        value = getattr(scenario.upkeep, word, None) if word != name else None
        if not isinstance(value, str | bool):
            value = self._inputs(scenario)[name].value
        return int(value) if name == "months" and value is not None else value

    def _inputs(self, scenario: Scenario) -> dict[str, Input]:
        """Return the numeric inputs of a scenario, worked out once for all controls."""
        if self._listed is None or self._listed[0] is not scenario:
            self._listed = scenario, numeric_inputs(scenario, self.book)
        return self._listed[1]

    def put(self, state: State, name: str, value: Any) -> State:
        """Return a state with another value for a field."""
        if name == "file":
            return self._opened(self._first.parent / str(value))
        if name.startswith(VIEW):
            return replace(state, view={**state.view, name.removeprefix(VIEW): value})
        return replace(state, scenario=with_inputs(state.scenario, {name: value}))

    def _opened(self, path: Path) -> State:
        scenario = Scenario.read(path)
        if self._months is not None:
            scenario = with_inputs(scenario, {"months": self._months})
        view = self._view if self.state is None else self.state.view
        return State(scenario, view)

    def _shown(self, fields: Fields, found: Found) -> list[Field]:
        """Return the fields that the scenario knows."""
        known = {*self._inputs(found.scenario), "start", "file"}
        listed = fields(found) if callable(fields) else fields
        return [
            one
            for one in listed
            if one.name in known or one.name.startswith((VIEW, "upkeep.", "people."))
        ]

    def _computed(self, state: State) -> Found:
        result = compare(state.scenario, self.book)
        return Found(result, state.view, self.book, self._about, self._looks_of(result))

    def _looks_of(self, result: Comparison) -> Mapping[Hashable, Any]:
        """Return the looks of options: the best of a list differ most, and keep theirs."""
        names = [found.name for found in (*result.ranked, *result.results)]
        if set(names) != set(self._looks):
            self._looks = style.option_looks(names)
        return self._looks

    def _warned(self, found: Found) -> list[str]:
        said = [*self._own_warnings(found), *warnings_of(found.result)]
        if found.result.bills:
            # those about the option looked at first
            said.sort(key=lambda text: found.option not in text)
        oldest = found.result.prices_on["verified_from"]
        if oldest is not None and not found.result.prices_on["day"]:
            age = ((self._on or today()) - date.fromisoformat(oldest)).days
            if age > FRESH_DAYS:
                said.append(
                    f"Some prices were last checked {age} days ago, on {oldest}: look at them "
                    "before you decide."
                )
        return list(dict.fromkeys(said))

    # the last tab

    def code(self) -> str:
        """Return the same comparison as code for a script."""
        first = Scenario.read(self.path)
        changed = {
            name: value
            for name in self._known
            if name not in ("file",) and not name.startswith(VIEW)
            for value in [self.read(self.state, name)]
            if value != self.read(State(first), name)
        }
        lines = ["import costmodel as cm", ""]
        lines.append(f'scenario = cm.Scenario.read("{self.path.as_posix()}")')
        if changed:
            lines[0] += "\nfrom costmodel.scenario import with_inputs"
            values = ", ".join(f"{json.dumps(n)}: {v!r}" for n, v in changed.items())
            if "datetime.date" in values:
                lines[0] = f"import datetime\n\n{lines[0]}"
            lines.append(f"scenario = with_inputs(scenario, {{{values}}})")
        lines += ["result = cm.compare(scenario)", "print(result.verdict)", "result.frame()"]
        return "\n".join(lines)

    def _numbers(self, found: Found) -> list[Any]:
        days = found.result.prices_on
        said = found.result.assumptions
        own = self._files(found)
        files = Files(
            ready={
                **own.ready,
                self.path.name: self._toml(found.scenario),
                "options.csv": pieces.csv(found.frame),
            },
            made={
                **own.made,
                "bills.csv": lambda: self._bills(found),
                "report.html": lambda: self._report(found),
            },
            labels={
                **own.labels,
                self.path.name: "Scenario file",
                "options.csv": "Options (CSV)",
                "bills.csv": "Bills (CSV)",
                "report.html": "Report (HTML)",
            },
        )
        return [
            files,
            options_table(found.result)
            + pieces.folded(f"{len(said)} assumptions", pieces.listed(said))
            + f'<p class="quiet">The price rows used were checked between {days["verified_from"]} '
            f"and {days['verified_to']}.</p>" + pieces.code(self.code()),
        ]

    def _toml(self, scenario: Scenario) -> str:
        return scenario_text(scenario, self.path.parent, self.book)

    def _bills(self, found: Found) -> str:
        import pandas as pd

        bills = pd.concat([f.assign(option=name) for name, f in found.bills.items()])
        bills = bills[["option", *(name for name in bills.columns if name != "option")]]
        return pieces.csv(bills)

    def _report(self, found: Found) -> str:
        drawn = budget_of()(found, lambda _share: None)
        return report(found.result, drawn, found.option).html()
