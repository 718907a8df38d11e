"""Predictions beside what was measured, claims beside what tables say, forecasts beside events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from costmodel import costs
from costmodel.analysis import validate
from costmodel.analysis.claims import claims
from costmodel.analysis.lives import Backtest, backtest
from costmodel.analysis.measured import lines_of
from costmodel.analysis.validate import Validation
from costmodel.errors import DataError
from costmodel.figures import style
from costmodel.figures import validation as pictures
from costmodel.prices.book import PriceBook
from costmodel.prices.specs import Specs
from costmodel.report import link, table
from costmodel.ui import pieces
from costmodel.ui.app import App, Step, Tab
from costmodel.ui.controls import Choice, Field, Quantity, Upload, steps
from costmodel.ui.screen import Files

if TYPE_CHECKING:
    import pandas as pd

QUARTERS = (12, 9, 6, 3)  # months before the last record from which forecasts are tested
SHOWN = 25  # rows farthest off
FEW = 10  # rows below which shares say little


@dataclass(frozen=True)
class Kind:
    """Something that is predicted and was measured.

    Attributes:
        word: What it is called.
        many: Its plural in a sentence.
        measured: Column that tells a file of it.
        file: Where the published ones stand, in the folder of tables; blank = none.
        names: Columns that say what a row is.
        needs: Columns of an own file.
        tested: Name of its coefficients.
    """

    word: str
    many: str
    measured: str
    file: str
    names: tuple[str, ...]
    needs: str
    tested: str = ""


KINDS = {
    "training": Kind(
        "Training speed",
        "training speeds",
        "tok_s_total",
        "benchmarks/training.csv",
        ("model", "gpu", "method"),
        "model, method, gpu, tok_s_total",
        "training",
    ),
    "memory": Kind(
        "Training memory",
        "peaks of memory",
        "peak_mem_gb",
        "benchmarks/training_memory.csv",
        ("model", "gpu", "method"),
        "model, method, gpu, peak_mem_gb",
        "memory",
    ),
    "serving": Kind(
        "Serving speed",
        "serving speeds",
        "out_tok_s",
        "benchmarks/serving.csv",
        ("model", "gpu", "engine"),
        "model, gpu, isl, osl, out_tok_s",
        "serving",
    ),
    "bills": Kind(
        "Training bills",
        "bills of training jobs",
        "reported_usd",
        "published_bills.csv",
        ("provider", "what"),
        "tokens, epochs, price_per_mtok, reported_usd",
    ),
    "prices": Kind(
        "Prices of requests",
        "costs of requests",
        "expected_usd",
        "",
        ("provider", "model"),
        "provider, model, input_tokens, output_tokens, date, expected_usd",
    ),
}
KIND = Choice(
    "kind",
    "What is checked",
    {kind.word: name for name, kind in KINDS.items()},
    note="Prices of requests: open a file of your own, with what each cost.",
)
WITHIN = Quantity(
    "within",
    "Near enough is within",
    rounds=(*steps(0.05, 0.5, 0.05), 1.0),
    low=0.001,
    high=1.0,
    percent=True,
    note="100% is a factor of two.",
)
FIND = Field("find", "Only rows that say", note="Words of any column, such as: H100 qlora")
UPLOAD = Upload(
    "upload",
    "Compare measurements of your own (CSV; the file stays on this machine)",
    accept=".csv",
    note="In the columns of pricing/benchmarks; what it measures is told from its columns.",
)


@dataclass(frozen=True, eq=False)
class Checked:
    """What the app shows.

    Attributes:
        kind: What is checked.
        file: Name of the file of measurements.
        own: Whether it is the reader's.
        result: Predictions beside measurements.
        within: Share up to which a prediction is near enough. [1]
        book: The prices.
        on: Day of the prices.
    """

    kind: Kind
    file: str
    own: bool
    result: Validation
    within: float
    book: PriceBook = field(repr=False)
    on: date

    @cached_property
    def claims(self) -> list[dict[str, Any]]:
        """Figures that circulate, beside those of the tables."""
        return claims(self.book, self.on)

    @property
    def tested(self) -> dict[str, Mapping[str, Mapping[str, float]]]:
        """Errors of rows that were left out of the fits."""
        specs = Specs.of(self.book)
        return {kind.word: specs.tested(kind.tested) for kind in KINDS.values() if kind.tested}


def check_the_numbers(
    bills: str | Path = "data/published_bills.csv",
    *,
    book: PriceBook | None = None,
    on: date | None = None,
) -> App:
    """Show how far predictions are from what was measured, and more that can be checked.

    Args:
        bills: File of reported training bills.
        book: The prices; None = the shipped tables, with your own laid over them.
        on: Day of the prices; None = today.
    """
    return CheckTheNumbers(Path(bills), book, on or costs.today())


class CheckTheNumbers(App):
    """The app that checks. Its state: the fields."""

    def __init__(self, bills: Path, book: PriceBook | None, on: date) -> None:
        """Show the published training speeds."""
        self._bills, self._book, self.on = bills, book, on
        self._read: dict[str, pd.DataFrame] = {}
        self._foretold: list[Backtest] = []
        super().__init__(
            fields=[KIND, WITHIN, FIND],
            more=[UPLOAD],
            state=None,
            compute=self._checked,
            verdict=_verdict,
            warnings=_warnings,
            tabs=[
                Tab("Predicted", _predicted),
                Tab("Rows left out", _left_out),
                Tab("Farthest off", _farthest),
                Tab("Claims", _claims),
                Tab("Model lives", _lives, self._forecasts),
                Tab("Numbers", self._numbers),
            ],
        )
        self.become({"kind": "training", "within": 0.25, "find": "", "upload": None})

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return costs.shipped_book() if self._book is None else self._book

    def put(self, state: Mapping[str, Any], name: str, value: Any) -> Any:
        """Return a state with another value; what a file measures is told from its columns."""
        changed = {**state, name: value}
        if name == "kind":
            return changed | {"upload": None}
        if name == "upload" and value is not None:
            cases = pieces.read_upload(value, validate.read_cases)
            return changed | {"kind": _kind_of(cases, value[0]), "find": ""}
        return changed

    def _checked(self, state: Mapping[str, Any]) -> Checked:
        kind = KINDS[state["kind"]]
        if state["upload"] is not None:
            file = state["upload"][0]
            cases = pieces.read_upload(state["upload"], validate.read_cases)
        else:
            file, cases = Path(kind.file).name, self._published(state["kind"])
        cases = _with_words(cases, state["find"], file)
        result = self._validated(state["kind"], cases, file)
        if not result.ratios.size:
            line, reason = result.skipped[0] if result.skipped else (0, "no row is left")
            message = f"{file} line {line}: {reason}; no row of it can be compared"
            raise DataError(message)
        own = state["upload"] is not None
        return Checked(kind, file, own, result, state["within"], self.book, self.on)

    def _published(self, name: str) -> pd.DataFrame:
        kind = KINDS[name]
        if not kind.file:
            message = (
                f"{kind.word}: open a file of your own below More assumptions, a CSV with the "
                f"columns {kind.needs}"
            )
            raise DataError(message)
        if name not in self._read:
            folders = [Path(f) for f in self.book.folders if (Path(f) / kind.file).is_file()]
            path = self._bills if name == "bills" else (folders or [Path()])[-1] / kind.file
            self._read[name] = validate.read_cases(path)
        return self._read[name]

    def _validated(self, name: str, cases: pd.DataFrame, file: str) -> Validation:
        specs = Specs.of(self.book)
        ways: dict[str, Callable[[], Validation]] = {
            "training": lambda: validate.validate_training(cases, specs, file),
            "memory": lambda: validate.validate_memory(cases, specs, file),
            "serving": lambda: validate.validate_serving(cases, specs, file),
            "bills": lambda: validate.validate_bills(cases, file),
            "prices": lambda: validate.validate_prices(cases, self.book, file),
        }
        return ways[name]()

    def _forecasts(self, _found: Checked, step: Step) -> list[Backtest]:
        """Foretell the ends of models from several days on, once."""
        rows = Specs.of(self.book).rows("lifetimes")
        last = max(row["verified_on"] for row in rows)
        days = [last - timedelta(round(months * 365 / 12)) for months in QUARTERS]
        for day in days[len(self._foretold) :]:
            step(len(self._foretold) / len(days))
            self._foretold.append(backtest(rows, day))
        return self._foretold

    # the last tab

    def code(self) -> str:
        """Return the same as code for a script."""
        name, found = self.state["kind"], self.found
        own = found.own or name == "bills"
        path = f"Path({(self._bills.as_posix() if name == 'bills' else found.file)!r})"
        if not own:
            path = f"shipped_dir() / {found.kind.file!r}"
        further = {"prices": ", shipped_book()", "bills": ""}.get(
            name, ", Specs.of(shipped_book())"
        )
        lines = [
            "from pathlib import Path\n" if own else "",
            "from costmodel.analysis import validate",
            "" if name == "bills" else "from costmodel.costs import shipped_book",
            "" if own else "from costmodel.prices.book import shipped_dir",
            "" if name in ("prices", "bills") else "from costmodel.prices.specs import Specs",
        ]
        return "\n".join(
            [
                *filter(None, lines),
                "",
                f"cases = validate.read_cases({path})",
                f"found = validate.validate_{name}(cases{further})",
                "print(found.as_dict())",
            ]
        )

    def _numbers(self, found: Checked) -> list[Any]:
        about = found.result.as_dict()
        frame = found.result.frame
        files = Files(
            ready={"claims.csv": pieces.csv(found.claims)},
            made={"compared.csv": lambda: pieces.csv(frame)},
            labels={"compared.csv": "Rows compared (CSV)", "claims.csv": "Claims (CSV)"},
        )
        rows = [
            ["Rows", f"{about['rows']:,}"],
            ["Compared", f"{about['n']:,}"],
            ["Skipped", f"{len(about['skipped']):,}"],
            ["Median error", f"{about['median_absolute_percentage_error']:.2%}"],
            ["Within 25%", style.chance(about["share_within_25_percent"])],
            ["Within a factor of two", style.chance(about["share_within_2x"])],
            ["Predicted too low", style.chance(about["share_under_predicted"])],
        ]
        caption = f"{escape(found.kind.word)}: predicted beside {escape(found.file)}"
        html = table({"Of the rows": "words", "Figure": ""}, rows, caption)
        if about["skipped"]:
            said = [f"line {item['line']}: {item['reason']}" for item in about["skipped"]]
            html += pieces.folded(f"{len(said)} rows skipped", pieces.listed(said))
        return [files, html + pieces.code(self.code())]


def _kind_of(cases: pd.DataFrame, file: str) -> str:
    for name, kind in KINDS.items():
        if kind.measured in cases:
            return name
    wanted = ", ".join(f"{kind.measured} ({kind.word.lower()})" for kind in KINDS.values())
    message = f"{file}: no column says what was measured; one of these must be there: {wanted}"
    raise DataError(message)


def _with_words(cases: pd.DataFrame, find: str, file: str) -> pd.DataFrame:
    """Return the rows that say all of some words."""
    words = find.lower().split()
    if not words:
        return cases
    texts = cases.astype(str).agg(" ".join, axis=1).str.lower()
    said = np.logical_and.reduce([texts.str.contains(w, regex=False) for w in words])
    if not said.any():
        message = f"no row of {file} says {find.strip()!r}"
        raise DataError(message)
    return cases[said]


def _share_within(found: Checked) -> float:
    ratio, (least, most) = found.result.ratios, pictures.bounds(found.within)
    return float(np.mean((ratio >= least) & (ratio <= most)))


def _verdict(found: Checked) -> str:
    ratio = found.result.ratios
    error = float(np.median(np.abs(ratio - 1)))
    whose = f"of {found.file}" if found.own else "that were published"
    text = f"Half of {ratio.size:,} {found.kind.many} {whose} are predicted to within "
    text += f"{pictures.off(error)}; "
    near = pictures.near(found.within)
    text += f"{style.chance(_share_within(found))} lie within {near}"
    left_out = found.result.tested.get("left_out_by_source")
    if left_out is None:
        return f"{text}."
    text += (
        f". Where a whole source was left out of the fit, half lie within {left_out['median']:.1%}"
    )
    return f"{text} and {style.chance(left_out['within_2x'])} within a factor of two."


def _warnings(found: Checked) -> list[str]:
    said = [*found.result.warnings]
    if found.result.skipped:
        line, reason = found.result.skipped[0]
        said.append(
            f"{len(found.result.skipped):,} rows of {found.file} could not be compared, the first "
            f"one is line {line}: {reason}."
        )
    if found.result.ratios.size < FEW:
        said.append(f"Only {found.result.ratios.size} rows: shares of so few say little.")
    if not found.own and found.kind.tested:
        said.append(
            "These rows are those of the fit itself: the tab Rows left out tells how well rows are "
            "predicted that the fit never saw."
        )
    return said


def _predicted(found: Checked) -> Any:
    return pictures.predicted_against_measured(
        found.result.frame,
        found.result.measured,
        file=found.file,
        names=found.kind.names,
        within=found.within,
    )


def _left_out(found: Checked) -> list[Any]:
    rows = [
        [
            escape(what),
            pictures.TESTS[test][0],
            f"{errors['median']:.1%}",
            style.chance(errors["within_25_percent"]),
            style.chance(errors["within_2x"]),
        ]
        for what, tests in found.tested.items()
        for test, errors in tests.items()
        if test in pictures.TESTS
    ]
    columns = {"Predicted": "words", "Test": "words", "Median error": "", "Within 25%": ""}
    columns |= {"Within a factor of two": ""}
    caption = "Errors of the rows of the fit, and of rows that were left out of it"
    return [pictures.errors_left_out(found.tested), table(columns, rows, caption)]


def _farthest(found: Checked) -> str:
    frame = found.result.frame
    ratio = np.asarray(frame["ratio"], float)
    known = np.flatnonzero(np.isfinite(ratio) & (ratio > 0))
    order = known[np.argsort(-np.abs(np.log(ratio[known])))][:SHOWN]
    lines = lines_of(frame)
    rows = []
    for k in order.tolist():
        row = frame.iloc[k]
        names = [str(row[name]) for name in found.kind.names if name in frame and str(row[name])]
        measured = float(row[found.result.measured])
        rows.append(
            [
                f"{lines[k]}",
                pieces.two(escape(names[0] if names else ""), escape(", ".join(names[1:]))),
                pieces.figure(measured),
                pieces.figure(float(row["predicted"])),
                f"{ratio[k]:.2f}",
                link(str(row["source"])) if "source" in frame else "",
            ]
        )
    columns = {"Line": "", "What": "words", "Measured": "", "Predicted": "", "Ratio": ""}
    columns |= {"Source": "words long"}
    unit = pictures.QUANTITIES.get(found.result.measured, found.result.measured)
    caption = f"The {len(rows)} rows of {escape(found.file)} farthest off, {escape(unit)}"
    return table(columns, rows, caption)


VERDICTS = {"wrong": "✗ wrong", "stale": "◔ out of date", "ok": "✓ right", "judgement": "~ depends"}
ORDER = ("wrong", "stale", "judgement", "ok")


def _claims(found: Checked) -> str:
    known = {word: k for k, word in enumerate(ORDER)}
    records = sorted(found.claims, key=lambda r: known.get(r["verdict"], len(ORDER)))
    rows = [
        [
            f"<b>{escape(VERDICTS.get(r['verdict'], r['verdict']))}</b>",
            pieces.two(escape(r["claim"]), escape(r["circulates"])),
            pieces.two(escape(r["figure"]), escape(r["note"])),
            pieces.two(link(r["source"]), f"checked {r['verified_on']}"),
        ]
        for r in records
    ]
    columns = {"Verdict": "words day", "What is said": "words", "What the tables say": "words"}
    columns |= {"Source": "words long"}
    wrong = sum(r["verdict"] in ("wrong", "stale") for r in records)
    caption = f"{wrong} of {len(records)} figures that circulate are wrong or out of date"
    return table(columns, rows, caption)


def _lives(_found: Checked, tests: Sequence[Backtest]) -> list[Any]:
    rows = [
        [
            str(test.on),
            f"{test.models:,}",
            f"{test.expected:,.1f}",
            f"{test.ended:,}",
            f"{test.inside:.0%}",
            f"{test.below:.0%}",
            f"{test.above:.0%}",
        ]
        for test in tests
    ]
    columns = {"From": "words day", "Models alive": "", "Foretold to end": "", "Ended": ""}
    columns |= {"Inside the 80% interval": "", "Sooner": "", "Later": ""}
    caption = f"Ends of models until {tests[-1].until}, foretold with what was known on each day"
    return [pictures.forecast_of_ends(tests), table(columns, rows, caption)]
