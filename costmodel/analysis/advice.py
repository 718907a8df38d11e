"""Advice: the rules of `rules.csv` that fire, beside the money; what a scenario leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from costmodel.analysis.compare import Comparison, Result, compare
from costmodel.analysis.forgotten import Forgotten, forgotten, mean_of
from costmodel.approaches import Approach, LongContext, Rag, Tune
from costmodel.costs import shipped_book
from costmodel.errors import CostModelError, PriceError, nearest
from costmodel.hosts import Dedicated, Owned, Provisioned, Rented
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import TuningOffer
from costmodel.prices.specs import Specs
from costmodel.prices.tables import COMPUTED, GOALS, STATED, Record
from costmodel.scenario import Mix, Option, Scenario, Stage

Facts = Mapping[str, Any]
STANDING = (Dedicated, Rented, Owned, Provisioned)

COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda mine, said: mine == said,
    "is_not": lambda mine, said: mine != said,
    "has": lambda mine, said: said in mine,
    "<": lambda mine, said: mine < said,
    "<=": lambda mine, said: mine <= said,
    ">": lambda mine, said: mine > said,
    ">=": lambda mine, said: mine >= said,
}


@dataclass(frozen=True)
class Condition:
    """One condition of a rule: an attribute, a comparison and a value."""

    attribute: str
    comparison: str
    value: Any

    def holds(self, facts: Facts) -> bool | None:
        """Say whether it holds; None where the attribute is not known."""
        mine = facts.get(self.attribute)
        if mine is None:
            # what nobody says is the case is not
            return True if self.comparison == "is_not" else None
        return COMPARED[self.comparison](mine, self.value)

    def said(self, facts: Facts) -> str:
        """Write it with what the scenario has."""
        mine = facts.get(self.attribute)
        if self.comparison in ("is", "is_not", "has"):
            said = {True: "yes", False: "no"}.get(self.value, self.value)
            return f"{self.attribute} {self.comparison.replace('_', ' ')} {said}"
        return f"{self.attribute} {mine:,.6g} {self.comparison} {self.value:,.6g}"


@dataclass(frozen=True)
class Rule:
    """A rule of `rules.csv`.

    Attributes:
        id: Its name.
        approach: Which options it speaks about.
        verdict: for | against | consider.
        strength: hard | strong | weak | info.
        text: What it says.
        conditions: All of them must hold; none = always.
        source, verified_on, where: Where it comes from.
    """

    id: str
    approach: str
    verdict: str
    strength: str
    text: str
    conditions: tuple[Condition, ...]
    source: str
    verified_on: str
    where: str

    def fires(self, facts: Facts) -> bool:
        """Whether all conditions hold."""
        return all(condition.holds(facts) for condition in self.conditions)

    def as_dict(self, facts: Facts) -> dict[str, Any]:
        """Return it with the documented keys."""
        return {
            "id": self.id,
            "approach": self.approach,
            "verdict": self.verdict,
            "strength": self.strength,
            "text": self.text,
            "because": [condition.said(facts) for condition in self.conditions],
            "row": self.where,
            "source": self.source,
            "verified_on": self.verified_on,
        }


def rules(book: PriceBook) -> tuple[Rule, ...]:
    """Read the rules; one that a later folder states anew replaces the one before.

    Raises:
        PriceError: If a condition cannot be: a word that is no goal, text in place of a number.
    """
    groups: dict[str, list[Record]] = {}
    for row in book.catalog.rules:
        before = groups.get(row["id"])
        if before and before[0]["layer"] != row["layer"]:
            before.clear()
        groups.setdefault(row["id"], []).append(row)
    found = []
    for rows in groups.values():
        first = rows[0]
        where = f"{first['file']} line {first['line']}"
        for row in rows[1:]:
            if any(row[k] != first[k] for k in ("approach", "verdict", "strength", "text")):
                message = (
                    f"{row['file']} line {row['line']}: {row['id']} says something else than line "
                    f"{first['line']}; rows of one rule differ in their condition only"
                )
                raise PriceError(message)
        conditions = tuple(_condition(row) for row in rows if _conditional(row))
        found.append(
            Rule(
                first["id"],
                first["approach"],
                first["verdict"],
                first["strength"],
                first["text"],
                conditions,
                first["source"],
                str(first["verified_on"]),
                where,
            )
        )
    return tuple(found)


def _conditional(row: Record) -> bool:
    """Whether a row states a condition; half of one is refused."""
    stated = [bool(row[name]) for name in ("attribute", "comparison", "value")]
    if any(stated) and not all(stated):
        message = (
            f"{row['file']} line {row['line']}: a condition needs attribute, comparison and value"
        )
        raise PriceError(message)
    return all(stated)


def _condition(row: Record) -> Condition:
    where = f"{row['file']} line {row['line']}"
    kind = (STATED | COMPUTED)[row["attribute"]]
    text, comparison = row["value"], row["comparison"]
    allowed = {"words": ("has",), "yes or no": ("is", "is_not")}.get(
        kind, ("<", "<=", ">", ">=", "is", "is_not")
    )
    if comparison not in allowed:
        by = ", ".join(allowed)
        message = f"{where}: {row['attribute']} is compared by {by}, got {comparison!r}"
        raise PriceError(message)
    value: Any = text
    if kind == "number":
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            message = f"{where}: {row['attribute']} is a number, got {text!r}"
            raise PriceError(message)
    elif kind == "yes or no":
        if text not in ("yes", "no"):
            message = f"{where}: {row['attribute']} is yes or no, got {text!r}"
            raise PriceError(message)
        value = text == "yes"
    elif text not in GOALS:
        message = f"{where}: unknown goal {text!r}{nearest(text, GOALS)}"
        raise PriceError(message)
    return Condition(row["attribute"], comparison, value)


@dataclass(frozen=True, eq=False)
class Advised:
    """An option with its money and the rules about it.

    Attributes:
        result: What it comes to.
        rank: From 1 for the cheapest that meets the requirement; None for the others.
        facts: What the rules looked at.
        rules: Those that fire.
    """

    result: Result
    rank: int | None
    facts: Facts = field(repr=False)
    rules: tuple[Rule, ...]

    def of(self, verdict: str) -> list[Rule]:
        """Return the rules of one verdict."""
        return [rule for rule in self.rules if rule.verdict == verdict]

    @property
    def conflict(self) -> bool:
        """Whether rules speak for it and against it."""
        return bool(self.of("for") and self.of("against"))

    def as_dict(self) -> dict[str, Any]:
        """Return it with the documented keys."""
        money = self.result.as_dict()
        return {
            **{k: money[k] for k in ("name", "total_usd", "usd_per_request", "usd_per_success")},
            **{k: money[k] for k in ("success_rate", "maintenance_share", "feasible", "reason")},
            "rank": self.rank,
            "conflict": self.conflict,
            **{v: [r.as_dict(self.facts) for r in self.of(v)] for v in VERDICTS},
        }


VERDICTS = ("for", "against", "consider")


@dataclass(frozen=True, eq=False)
class Advice:
    """What the rules say to a scenario, beside its money.

    Attributes:
        comparison: The money.
        options: In the order of the scenario.
        missing: Rules for approaches that no option uses, with the facts they look at.
        questions: Attributes that the scenario could state, and rules that wait for them.
        forgotten: What was left out.
    """

    comparison: Comparison
    options: tuple[Advised, ...]
    missing: tuple[tuple[Rule, Facts], ...]
    questions: Mapping[str, tuple[str, ...]]
    forgotten: tuple[Forgotten, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything with the documented keys."""
        return {
            "name": self.comparison.scenario.name,
            "verdict": self.comparison.verdict,
            "options": [option.as_dict() for option in self.options],
            "not_in_the_scenario": [rule.as_dict(facts) for rule, facts in self.missing],
            "questions": {name: list(ids) for name, ids in self.questions.items()},
            "forgotten": [item.as_dict() for item in self.forgotten],
        }


def advise(scenario: Scenario, book: PriceBook | None = None) -> Advice:
    """Find the rules that fire for each option of a scenario, and what the scenario leaves out.

    Args:
        scenario: The scenario; its `[situation]` says what no bill can.
        book: Prices and rules; None = the shipped tables, with your own laid over them.

    Raises:
        PriceError: If a rule or an option names something that does not exist.
        ScenarioError: If an option contradicts itself.
    """
    book = shipped_book() if book is None else book
    known = rules(book)
    comparison = compare(scenario, book)
    common = _common(comparison)
    ranks = {result.name: k for k, result in enumerate(comparison.ranked, 1)}
    options: list[Advised] = []
    waiting: dict[str, dict[str, None]] = {}
    used: set[str] = set()
    for option, result in zip(scenario.options, comparison.results, strict=True):
        facts = common | _of_option(scenario, option, result, comparison.book)
        tags = _tags(scenario, option, comparison.book)
        used |= tags
        mine = [rule for rule in known if rule.approach in tags]
        options.append(
            Advised(result, ranks.get(option.name), facts, tuple(r for r in mine if r.fires(facts)))
        )
        for rule in mine:
            for name in _asked(rule, facts):
                waiting.setdefault(name, {})[rule.id] = None
    missing = tuple(
        (rule, common)
        for rule in known
        if rule.conditions
        and rule.approach not in used
        and rule.verdict == "for"
        and rule.fires(common)
    )
    questions = {name: tuple(waiting[name]) for name in STATED if name in waiting}
    return Advice(comparison, tuple(options), missing, questions, forgotten(comparison, book))


def _asked(rule: Rule, facts: Facts) -> Iterator[str]:
    """Yield what the user could say to decide a rule."""
    held = [condition.holds(facts) for condition in rule.conditions]
    if False in held:
        return
    for condition, answer in zip(rule.conditions, held, strict=True):
        if answer is None and condition.attribute in STATED:
            yield condition.attribute


# what rules look at


def _common(comparison: Comparison) -> dict[str, Any]:
    """Return the attributes of the scenario as a whole."""
    scenario = comparison.scenario
    approaches = [a for o in scenario.options for a in _approaches(scenario, o)]
    sizes = [mean_of(a.corpus_tokens) for a in approaches if isinstance(a, Rag | LongContext)]
    churns = [mean_of(a.monthly_churn) for a in approaches if isinstance(a, Rag)]
    return dict(scenario.situation) | {
        "requests": sum(mean_of(task.requests) for task in scenario.all_tasks),
        "requirement_changes_per_year": mean_of(scenario.upkeep.requirement_changes_per_year),
        "tasks": float(len(scenario.all_tasks)),
        "corpus_tokens": max(sizes, default=None),
        "monthly_churn": max(churns, default=None),
        "rag_over_tuned": _rag_over_tuned(comparison),
    }


def _approaches(scenario: Scenario, option: Option | Mix) -> list[Approach]:
    return [a for stage in _stages(scenario, option) for a in stage.approaches.values()]


def _stages(scenario: Scenario, option: Option | Mix) -> list[Stage]:
    if isinstance(option, Option):
        return list(option.stages)
    members = [scenario.option(name) for name in {**option.shares, **option.escalate}]
    return [stage for member in members for stage in _stages(scenario, member)]


def _rag_over_tuned(comparison: Comparison) -> float | None:
    """Return the cheapest bill with retrieval over the cheapest with a tune, None without both."""
    scenario = comparison.scenario
    totals: dict[str, list[float]] = {"rag": [], "tuned": []}
    for result in comparison.ranked:
        option = scenario.option(result.name)
        if isinstance(option, Mix) or result.bill is None:
            continue
        found = _approaches(scenario, option)
        tuned = any(approach.tunes for approach in found)
        if tuned != any(isinstance(approach, Rag) for approach in found):
            totals["tuned" if tuned else "rag"].append(mean_of(result.bill.total))
    if not totals["rag"] or not totals["tuned"] or not min(totals["tuned"]) > 0:
        return None
    return min(totals["rag"]) / min(totals["tuned"])


def _tags(scenario: Scenario, option: Option | Mix, book: PriceBook) -> set[str]:
    """Return the words of `rules.csv` for what an option does."""
    tags = {"any"}
    for stage in _stages(scenario, option):
        mine = {approach.kind for approach in stage.approaches.values()}
        if not mine:
            mine = {"prompting"}
        for approach in stage.approaches.values():
            if isinstance(approach, Tune):
                offer = _offer(scenario, stage, approach, book)
                method = approach.method or (offer.method if offer is not None else "")
                mine.add("full_fine_tune" if method == "full" else "lora")
        if "rag" in mine and "fine_tune" in mine:
            mine.add("rag+fine_tune")
        tags |= mine
    return tags


def _offer(scenario: Scenario, stage: Stage, tuner: Tune, book: PriceBook) -> TuningOffer | None:
    """Return what a provider sells to tune a stage, None if nobody does."""
    provider = tuner.trainer or (stage.host.provider if stage.host.sells_tuning else "")
    try:
        return book.catalog.tuning(
            provider,
            stage.model,
            objective=tuner.objective,
            method=tuner.method,
            mode=tuner.tier,
            on=scenario.start,
        )
    except CostModelError:
        return None


def _of_option(
    scenario: Scenario, option: Option | Mix, result: Result, book: PriceBook
) -> dict[str, Any]:
    """Return the attributes of one option."""
    facts: dict[str, Any] = dict.fromkeys(COMPUTED)
    found = {k: v for k, v in _of_stages(scenario, option, book).items() if v is not None}
    if result.bill is not None:
        found["maintenance_share"] = mean_of(result.bill.maintenance_share)
        found["labour_share"] = mean_of(result.bill.labour_share)
    # what is said about the scenario stays
    return {k: v for k, v in (facts | found).items() if k in found}


def _of_stages(scenario: Scenario, option: Option | Mix, book: PriceBook) -> dict[str, Any]:
    facts: dict[str, Any] = {"tuned": any(a.tunes for a in _approaches(scenario, option))}
    end = scenario.horizon.end
    for stage in _stages(scenario, option):
        for approach in stage.approaches.values():
            if isinstance(approach, Rag | LongContext):
                facts["corpus_tokens"] = mean_of(approach.corpus_tokens)
            if isinstance(approach, Rag):
                facts["monthly_churn"] = mean_of(approach.monthly_churn)
            if approach.kind == "few_shot":
                facts["shots"] = mean_of(getattr(approach, "shots", 0.0))
            if not isinstance(approach, Tune):
                continue
            facts["examples"] = mean_of(approach.examples)
            facts["open_weights"] = _is_open(stage.model, book)
            offer = _offer(scenario, stage, approach, book)
            standing = isinstance(stage.host, STANDING)
            if offer is not None:
                fixed = offer.dates_are_certain
                closes, stops = offer.training_until, offer.inference_until
                facts["tuning_closes"] = closes is not None and fixed and closes < end
                served = stops is not None and offer.provider == stage.host.provider
                facts["tuned_model_ends"] = served and stops is not None and stops < end
                hosted = offer.provider == stage.host.provider and offer.hosting_per_hour > 0
                standing = standing or hosted
            facts["standing_hours"] = standing
    return facts


def _is_open(model: str, book: PriceBook) -> bool:
    try:
        Specs.of(book).model(model)
    except CostModelError:
        return False
    return True
