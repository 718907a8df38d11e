"""What a dataset or a text holds, and what it costs to send and to train on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from costmodel import costs
from costmodel.analysis.datasets import Dataset, billed, read_dataset, summary
from costmodel.analysis.request_costs import Mix, mix_of, request_costs
from costmodel.analysis.wording import brief, money, provider_words, tally
from costmodel.costs.tokens import TokenRule, token_rule
from costmodel.errors import DataError
from costmodel.figures import style
from costmodel.figures import tokens as pictures
from costmodel.figures.market import training_bills
from costmodel.prices.book import PriceBook
from costmodel.report import table
from costmodel.tokens.preflight import ACCEPTED
from costmodel.ui import pieces
from costmodel.ui.app import App, Tab
from costmodel.ui.controls import Choice, Field, Quantity, Upload, Words, decades, steps
from costmodel.ui.screen import Files

PASTED = "pasted text"
NONE = "none"
TEXT = Words("text", "Paste a text, a prompt or lines of JSON", rows=3)
UPLOAD = Upload(
    "upload",
    "Or open a file (it stays on this machine)",
    accept=pieces.DATASETS,
    note="Chat JSONL, preference pairs, tables, plain text; also packed.",
)
ANSWER = Quantity(
    "answer",
    "Tokens of an answer (blank: as in the file)",
    blank=True,
    note="What the answers in the file take, or 300 where it holds none.",
)
REQUESTS = Quantity("requests", "Requests per month", rounds=decades(1e3, 1e8), low=1.0)
FIND = Field("find", "Find models", note="Words of provider or name, such as: openai mini")
LIMIT = Quantity(
    "limit",
    "Longest example allowed",
    rounds=decades(100, 1e6),
    low=1.0,
    blank=True,
    note="In tokens; longer ones are marked.",
)
EPOCHS = Quantity(
    "epochs",
    "Passes in training",
    rounds=steps(1, 10, 1),
    low=0.1,
    blank=True,
    note="Left out: what each provider does by itself.",
)
COLUMNS = Field(
    "columns",
    "Columns of a table",
    note="Where a file names them in its own way: prompt=Question, completion=Answer",
)
USUAL_ANSWER = 300.0
SHOWN = 200  # problems listed on the screen


@dataclass(frozen=True, eq=False)
class Counted:
    """What the app shows.

    Attributes:
        data: What was counted.
        mix: Tokens of a mean request.
        requests: Of them in a month.
        costs: One record for each model, cheapest first.
        about: Which models these are.
        epochs: Passes in training, None = each provider's default.
        book: The prices.
        on: Day of the prices.
    """

    data: Dataset
    mix: Mix
    requests: float
    costs: list[dict[str, Any]]
    about: str
    epochs: float | None
    book: PriceBook = field(repr=False)
    on: date

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the dataset holds."""
        return summary(self.data)

    @cached_property
    def billed(self) -> list[dict[str, Any]]:
        """What each provider bills for training on it; none for plain text."""
        if self.data.shape == "text":
            return []
        return billed(self.data, self.book, self.on, epochs=self.epochs, content=self.mix.content)


def count_my_tokens(
    path: str | Path = "data/support_bot.jsonl",
    *,
    book: PriceBook | None = None,
    on: date | None = None,
) -> App:
    """Show what a dataset or a text holds, and what it costs to send and to train on.

    Args:
        path: A file to begin with; the files beside it are offered, too.
        book: The prices; None = the shipped tables, with your own laid over them.
        on: Day of the prices; None = today.
    """
    return CountMyTokens(Path(path), book, on or costs.today())


class CountMyTokens(App):
    """The app that counts. Its state: the fields; `example`, `text` or `upload` is what counts."""

    def __init__(self, path: Path, book: PriceBook | None, on: date) -> None:
        """Count a first file."""
        self._book, self.on = book, on
        self.folder, self.first = path.parent, path.name
        self._last: tuple[Any, Dataset] | None = None
        super().__init__(
            fields=self._main,
            more=self._further,
            state=None,
            compute=self._counted,
            verdict=_verdict,
            warnings=_warnings,
            tabs=[
                Tab("Cost by model", _models),
                Tab("Who says what", lambda found: pictures.tokens_by_role(found.summary)),
                Tab("Lengths", lambda found: pictures.token_histogram(found.summary)),
                Tab("Training on it", _training),
                Tab("Problems", _problems),
                Tab("Numbers", self._numbers),
            ],
        )
        self.become(
            {
                "example": path.name,
                "text": "",
                "upload": None,
                "answer": None,
                "requests": 100e3,
                "models": "new",
                "find": "",
                "mode": "standard",
                "tokenizer": "o200k_base",
                "content": "english",
                "limit": None,
                "epochs": None,
                "columns": "",
            }
        )

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return costs.shipped_book() if self._book is None else self._book

    def put(self, state: Mapping[str, Any], name: str, value: Any) -> Any:
        """Return a state with another value; the last of example, text and file is counted."""
        changed = {**state, name: value}
        if name == "text" and not value.strip():
            # nothing is pasted any more
            return {**changed, "example": self.first} if state["text"] else changed
        if name == "text":
            return changed | {"example": NONE, "upload": None}
        if name == "upload":
            return changed | {"example": NONE, "text": ""}
        if name == "example":
            return changed | {"upload": None, "text": ""}
        return changed

    def _examples(self) -> list[str]:
        if not self.folder.is_dir():
            return [NONE]
        return sorted(path.name for path in self.folder.iterdir() if path.suffix == ".jsonl")

    def _main(self, _found: Counted) -> list[Field]:
        names = dict.fromkeys([*self._examples(), self.state["example"]])
        example = Choice("example", "Example", {name: name for name in names})
        return [example, REQUESTS, ANSWER, TEXT, UPLOAD]

    def _further(self, _found: Counted) -> list[Field]:
        catalog = self.book.catalog
        kinds = sorted({row["content"] for row in catalog.tokenizers})
        return [
            pieces.CHOICE,
            FIND,
            pieces.MODE,
            Choice(
                "tokenizer",
                "Count as",
                {_tokenizer(name): name for name in sorted(catalog.encodings)},
                note="Tokenizer of the counts; costs go by the one of each model.",
            ),
            Choice("content", "Kind of text", {kind.title(): kind for kind in kinds}),
            LIMIT,
            EPOCHS,
            COLUMNS,
        ]

    def _counted(self, state: Mapping[str, Any]) -> Counted:
        rule = token_rule(
            state["tokenizer"], estimate=True, content=state["content"], book=self.book
        )
        data = self._data(state, rule)
        found = summary(data)
        sent, written = mix_of(
            {name: n / rule.ratio for name, n in found["by_role"].items()}, found["records"]
        )
        answer = state["answer"]
        answer = (written or USUAL_ANSWER) if answer is None else answer / rule.ratio
        mix = Mix(sent, answer, rule.counted_with, state["content"], state["mode"])
        models, about = pieces.models_asked_for(state, self.book, self.on)
        records = request_costs(mix, models, self.book, self.on)
        return Counted(
            data, mix, state["requests"], records, about, state["epochs"], self.book, self.on
        )

    def _data(self, state: Mapping[str, Any], rule: TokenRule) -> Dataset:
        """Count what the state names, unless it was what was counted last."""
        names = ("example", "text", "upload", "tokenizer", "content", "limit", "columns")
        key = tuple(state[name] for name in names)
        if self._last is None or self._last[0] != key:
            how: dict[str, Any] = {
                "limit": math.inf if state["limit"] is None else state["limit"],
                "columns": _columns(state["columns"]),
            }
            self._last = (key, self._read(state, rule, how))
        return self._last[1]

    def _read(self, state: Mapping[str, Any], rule: TokenRule, how: Mapping[str, Any]) -> Dataset:
        def count(path: Path) -> Dataset:
            return read_dataset(path, rule, **how)

        if state["upload"] is not None:
            return pieces.read_upload(state["upload"], count)
        if not state["text"].strip():
            return count(self.folder / state["example"])
        content = state["text"].encode("utf-8", "surrogatepass")
        try:
            return pieces.read_upload((PASTED, content), count)
        except DataError:
            # no records, so a text
            return pieces.read_upload((f"{PASTED}.txt", content), count)

    # the last tab

    def code(self) -> str:
        """Return the same as code for a script."""
        mix = self.found.mix
        best = self.found.costs[0]
        state = self.state
        path = (self.folder / state["example"]).as_posix()
        if state["example"] == NONE:
            path = state["upload"][0] if state["upload"] else "text.txt"
        asked = (
            f"input_tokens={best['input_tokens']:.6g}, output_tokens={best['output_tokens']:.6g}"
        )
        mode = "" if mix.mode == "standard" else f", mode={mix.mode!r}"
        return "\n".join(
            [
                "import costmodel as cm",
                "from costmodel.analysis.datasets import read_dataset, summary",
                "",
                f"found = summary(read_dataset({path!r}))",
                'print(found["tokens"], found["by_role"])',
                f"usd = cm.inference_cost({best['provider']!r}, {best['model']!r}, {asked}{mode})",
                "print(usd)",
            ]
        )

    def _numbers(self, found: Counted) -> list[Any]:
        about = found.summary
        files = Files(
            ready={
                "models.csv": pieces.csv(found.costs),
                "training.csv": pieces.csv(found.billed),
                "lengths.csv": _lengths(found.data),
            },
            labels={
                "models.csv": "Cost by model (CSV)",
                "training.csv": "Training (CSV)",
                "lengths.csv": "Lengths (CSV)",
            },
        )
        rows = [
            ["Format", escape(about["format"])],
            ["Examples", f"{about['records']:,}"],
            ["Tokens", f"{about['tokens']:,}"],
            *(
                [escape(pictures.ROLE_WORDS.get(n, n)), f"{c:,}"]
                for n, c in about["by_role"].items()
            ),
            *([f"{name} of an example", f"{value:,g}"] for name, value in _quantiles(about)),
            [
                "Duplicates",
                "not looked for" if about["duplicates"] is None else f"{about['duplicates']:,}",
            ],
            ["Prompt of a request", f"{found.mix.input_tokens:,.1f}"],
            ["Answer to it", f"{found.mix.output_tokens:,.1f}"],
        ]
        how = about["said"] or f"{about['encoding']}, exact"
        caption = f"{escape(about['file'])}, tokens as counted by {escape(how)}"
        return [
            files,
            table({"Of the text": "words", "Count": ""}, rows, caption)
            + '<p class="quiet">A request is what an example holds besides what the assistant says '
            "in it; that is the answer. Everything was counted on this machine.</p>"
            + pieces.code(self.code()),
        ]


def _tokenizer(name: str) -> str:
    known = {
        "o200k_base": "OpenAI since GPT-4o (o200k_base)",
        "cl100k_base": "OpenAI before (cl100k_base)",
        "claude-4.7": "Claude since 4.7, estimated",
        "claude-3": "Claude before, estimated",
        "gemini": "Gemini, estimated",
    }
    return known.get(name, name)


def _columns(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, column = pair.partition("=")
        if not (key.strip() and equals and column.strip()):
            message = f"columns read like prompt=Question, completion=Answer, got {pair!r}"
            raise DataError(message)
        found[key.strip()] = column.strip()
    return found


def _quantiles(about: Mapping[str, Any]) -> list[tuple[str, float]]:
    words = {"mean": "Mean", "p50": "P50", "p90": "P90", "p99": "P99", "max": "Longest"}
    return [(word, about["quantiles"][name]) for name, word in words.items()]


def _lengths(data: Dataset) -> str:
    lengths, examples = data.distribution()
    return pieces.csv(
        [
            {"tokens": round(n), "examples": round(count)}
            for n, count in zip(lengths.tolist(), examples.tolist(), strict=True)
        ]
    )


def _verdict(found: Counted) -> str:
    about, best = found.summary, found.costs[0]
    if found.data.shape == "text":
        text = f"The {about['file'].removesuffix('.txt')} has {about['tokens']:,} tokens"
    else:
        name, most = max(about["by_role"].items(), key=lambda pair: pair[1])
        share = style.chance(most / max(about["tokens"], 1))
        role = pictures.ROLE_WORDS.get(name, name)
        examples = f"{about['records']:,} example{'' if about['records'] == 1 else 's'}"
        text = f"{about['file']} holds {examples} with {about['tokens']:,} tokens"
        text += f", {share} of them {role}"
    month = best["usd"] * found.requests
    text += f". The cheapest of {len(found.costs)} models for a request like this is "
    text += f"{best['model']} at {provider_words(best['provider'])}: "
    text += f"{money(best['usd'] * 1000)} per 1,000 requests, "
    text += f"{brief(month)} a month for {tally(found.requests)}. "
    return text + "Counted here; nothing left this machine."


def _warnings(found: Counted) -> list[str]:
    about, said = found.summary, []
    if about["problem_count"]:
        first = about["problems"][0]
        said.append(
            f"{about['problem_count']:,} lines cannot be used, the first one is line "
            f"{first['line']:,}: {first['reason']}."
        )
    over = about["over_limit"]
    if over["examples"]:
        said.append(f"{over['examples']:,} examples are longer than {over['limit']:,.0f} tokens.")
    if about["duplicates"]:
        said.append(f"{about['duplicates']:,} examples stand in the file twice or more.")
    if about["images"]["count"]:
        said.append(
            f"{about['images']['count']:,} pictures or other media are not in these counts."
        )
    if about["said"]:
        said.append(f"Tokens are an {about['said']}.")
    return said


def _models(found: Counted) -> list[Any]:
    columns = {"Model": "words", "1,000 requests": "", "A month": "", "Tokens sent": ""}
    columns |= {"Answered": "", "Counted": "words", "Price row": "words"}
    rows = [
        [
            pieces.two(escape(r["model"]), escape(r["provider"])),
            money(r["usd"] * 1000),
            money(r["usd"] * found.requests),
            f"{r['input_tokens']:,.0f}",
            f"{r['output_tokens']:,.0f}",
            escape(r["counted"]),
            pieces.row_link(r["file"], r["row"], r["source"], r["verified_on"]),
        ]
        for r in found.costs
    ]
    caption = f"One request on each of {len(rows)} models, cheapest first"
    about = table(columns, rows, caption, best=0)
    picture = pictures.cost_by_model(found.costs, found.about, found.requests)
    return [picture, pieces.folded(caption, about)]


def _training(found: Counted) -> list[Any]:
    if found.data.shape == "text":
        return [
            "<p>A plain text is no set of examples. Open a file of chats, prompts with answers, or "
            "pairs to see what each provider bills for training on it.</p>"
        ]
    taken = [r for r in found.billed if r["refused"] is None]
    shut = pieces.refusals(found.billed)
    columns = {"Provider": "words", "Training": "", "Billed tokens": "", "Counted": "words"}
    columns |= {"Convert": "words", "Price row": "words"}
    rows = [
        [
            pieces.two(
                escape(r["provider"]), escape(" ".join(filter(None, [r["sku"], r["region"]])))
            ),
            money(r["train_usd"]),
            pieces.two(
                f"{r['trained_tokens']:,.0f}", f"{r['epochs']:g} x {r['billed_tokens']:,.0f}"
            ),
            escape(r["counted"]),
            "" if found.data.shape in ACCEPTED.get(r["provider"], (found.data.shape,)) else "yes",
            pieces.row_link(r["file"], r["row"], r["source"], r["verified_on"]),
        ]
        for r in taken
    ]
    html = ""
    if rows:
        caption = "What each provider bills for training on it, cheapest first"
        html = pieces.folded(f"All {len(rows)} offers", table(columns, rows, caption, best=0))
    if shut:
        html += pieces.folded(f"{len(shut)} that do not take it", pieces.listed(shut))
    return [training_bills(taken, found.summary["file"]), html]


def _problems(found: Counted) -> str:
    about = found.summary
    html = ""
    if about["problem_count"]:
        rows = [[f"{p['line']:,}", escape(p["reason"])] for p in about["problems"][:SHOWN]]
        more = about["problem_count"] - len(rows)
        caption = f"{about['problem_count']:,} lines that cannot be used"
        caption += f", the first {len(rows)}" if more else ""
        html += table({"Line": "", "Problem": "words"}, rows, caption)
    if about["over_limit"]["first"]:
        rows = [[f"{p['line']:,}", f"{p['tokens']:,}"] for p in about["over_limit"]["first"]]
        html += table({"Line": "", "Tokens": ""}, rows, "Examples over the limit")
    if about["preflight"]:
        rows = [
            [
                escape(p["provider"]),
                f"{p['records']:,}",
                escape(p["reason"]),
                ", ".join(map(str, p["lines"][:8])),
            ]
            for p in about["preflight"]
        ]
        columns = {"Provider": "words", "Examples": "", "Why": "words", "Lines": "words"}
        html += table(columns, rows, "Examples that providers would refuse")
    return html or (
        f"<p>No problem was found in {escape(about['file'])}: every line can be read, and no "
        "provider would refuse an example for its form.</p>"
    )
