"""Controls: what a person types, and what it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from costmodel.analysis.wording import read_amount
from costmodel.errors import DataError, nearest
from costmodel.months import as_date

HERE = Path(__file__).parent
STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)  # round numbers of a decade
LARGEST = 1e15


def decades(low: float, high: float) -> tuple[float, ...]:
    """Return round numbers from one end to the other, as many in each decade.

    >>> decades(1_000, 3_000)
    (1000.0, 1200.0, 1500.0, 2000.0, 2500.0, 3000.0)
    """
    sizes = [10.0**k for k in range(-6, 16)]
    found = [float(f"{step * size:.6g}") for size in sizes for step in STEPS]
    return tuple(value for value in found if low <= value <= high)


def steps(low: float, high: float, by: float) -> tuple[float, ...]:
    """Return evenly spaced numbers from one end to the other.

    >>> steps(0, 0.2, 0.1)
    (0.0, 0.1, 0.2)
    """
    return tuple(float(f"{low + by * k:.9g}") for k in range(round((high - low) / by) + 1))


def written(value: float, *, percent: bool = False, prefix: str = "") -> str:
    """Write a number exactly, with a letter where that loses nothing.

    >>> written(300_000), written(1_234_567), written(0.2, percent=True), written(1.5, prefix="$")
    ('300k', '1,234,567', '20%', '$1.50')
    """
    if percent:
        return f"{value * 100:.12g}%"
    for letter, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        text = f"{value / size:.12g}"
        if abs(value) >= size and len(text.replace(".", "").strip("-")) <= 3:  # noqa: PLR2004
            return f"{prefix}{text}{letter}"
    cents = prefix == "$" and value == round(value, 2) != round(value)
    return f"{prefix}{value:,.2f}" if cents else f"{prefix}{value:,.12g}"


@dataclass(frozen=True)
class Field:
    """Something to set.

    Attributes:
        name: Where the value stands in the state, e.g. `workload.requests`.
        label: What people call it.
        note: Unit and source of the default, shown when pointed at.
    """

    name: str
    label: str
    note: str = field(default="", kw_only=True)
    kind: ClassVar[str] = "text"

    def read(self, text: str) -> Any:
        """Return the value that a text means.

        Raises:
            DataError: In one sentence, if it means none.
        """
        return text

    def write(self, value: Any) -> str:
        """Return the text for a value."""
        return "" if value is None else str(value)

    def shape(self) -> dict[str, Any]:
        """Return what the browser needs to know."""
        return {"name": self.name, "label": self.label, "note": self.note, "kind": self.kind}


@dataclass(frozen=True)
class Quantity(Field):
    """A number, typed exactly: `300k`, `1.2M`, `20%`, `$3`; beside it a slider over round numbers.

    Attributes:
        rounds: Values of the slider, see `decades` and `steps`; none = no slider.
        low, high: Least and largest value.
        percent: Whether it is written in percent.
        prefix: Written before it.
        unit: Written after it.
        whole: Whether it must be a whole number.
        ranges: Whether it may be a range, `150k to 320k`: 5 % and 95 %; or `150k to 200k to 320k`
            with the most likely value between them. Then the value is a table of low, mode, high.
        blank: Whether it may be left out; then the value is None.
    """

    rounds: tuple[float, ...] = field(default=(), kw_only=True)
    low: float = field(default=0.0, kw_only=True)
    high: float = field(default=LARGEST, kw_only=True)
    percent: bool = field(default=False, kw_only=True)
    prefix: str = field(default="", kw_only=True)
    unit: str = field(default="", kw_only=True)
    whole: bool = field(default=False, kw_only=True)
    ranges: bool = field(default=False, kw_only=True)
    blank: bool = field(default=False, kw_only=True)
    kind: ClassVar[str] = "quantity"

    def read(self, text: str) -> float | dict[str, float] | None:
        """Return the number or the range that a text means."""
        words = [word for word in re.split(r"\s+to\s+|\s*[–…]\s*", text.strip()) if word]  # noqa: RUF001
        if not words:
            if self.blank:
                return None
            message = f"{self.label}: type a number like {self._example()}"
            raise DataError(message)
        numbers = [self._number(word) for word in words]
        if len(numbers) == 1:
            return numbers[0]
        if not self.ranges:
            message = f"{self.label}: takes one number, not a range like {text.strip()!r}"
            raise DataError(message)
        if len(numbers) > 3:  # noqa: PLR2004
            message = f"{self.label}: a range reads like 150k to 320k, got {text.strip()!r}"
            raise DataError(message)
        if numbers != sorted(numbers):
            message = f"{self.label}: a range goes from low to high, got {text.strip()!r}"
            raise DataError(message)
        middle = numbers[1] if len(numbers) > 2 else (numbers[0] + numbers[1]) / 2  # noqa: PLR2004
        return {"low": numbers[0], "mode": middle, "high": numbers[-1]}

    def write(self, value: Any) -> str:
        """Return the text for a number or a range."""
        if value is None:
            return ""
        if isinstance(value, Mapping):
            low, mode, high = (float(value[key]) for key in ("low", "mode", "high"))
            ends = [low, high] if mode == (low + high) / 2 else [low, mode, high]
            return " to ".join(self._written(end) for end in ends)
        return self._written(float(value))

    def shape(self) -> dict[str, Any]:
        """Return what the browser needs to know."""
        rounds = [{"value": value, "text": self._written(value)} for value in self.rounds]
        return super().shape() | {"rounds": rounds, "unit": self.unit}

    def _written(self, value: float) -> str:
        return written(value, percent=self.percent, prefix=self.prefix)

    def _example(self) -> str:
        return "20%" if self.percent else f"{self.prefix}300k" if self.high > 1e5 else "3"  # noqa: PLR2004

    def _number(self, text: str) -> float:
        word = text.strip().replace(",", "").replace(" ", "").removeprefix("$")
        sign = -1.0 if word[:1] in ("-", "\N{MINUS SIGN}") else 1.0
        word = word.lstrip("-\N{MINUS SIGN}").removeprefix("$")
        share = word.endswith("%") and self.percent
        try:
            value = sign * read_amount(word.removesuffix("%") if share else word)
        except DataError:
            message = f"{self.label}: type a number like {self._example()}, got {text.strip()!r}"
            raise DataError(message) from None
        value = float(f"{value / 100:.15g}") if share else value
        if not self.low <= value <= self.high:
            bound = (
                f"at least {self._written(self.low)}"
                if value < self.low
                else f"at most {self._written(self.high)}"
            )
            message = f"{self.label}: must be {bound}, got {text.strip()!r}"
            raise DataError(message)
        if self.whole and value != int(value):
            message = f"{self.label}: must be a whole number, got {text.strip()!r}"
            raise DataError(message)
        return value


@dataclass(frozen=True)
class Choice(Field):
    """One of several.

    Attributes:
        choices: Words -> value.
    """

    choices: Mapping[str, Any]
    kind: ClassVar[str] = "choice"

    def read(self, text: str) -> Any:
        """Return the value behind some words."""
        if text not in self.choices:
            message = f"{self.label}: no choice {text!r}{nearest(text, self.choices)}"
            raise DataError(message)
        return self.choices[text]

    def write(self, value: Any) -> str:
        """Return the words for a value; one that is not offered stands for itself."""
        return next((words for words, one in self.choices.items() if one == value), f"{value}")

    def shape(self) -> dict[str, Any]:
        """Return what the browser needs to know."""
        return super().shape() | {"choices": list(self.choices)}


@dataclass(frozen=True)
class Tick(Field):
    """Yes or no."""

    kind: ClassVar[str] = "tick"

    def read(self, text: str) -> bool:
        """Return whether it is ticked."""
        return text == "yes"

    def write(self, value: Any) -> str:
        """Return the text for a truth value."""
        return "yes" if value else "no"


@dataclass(frozen=True)
class Day(Field):
    """A date."""

    kind: ClassVar[str] = "date"

    def read(self, text: str) -> date:
        """Return the day that a text means."""
        try:
            return as_date(text)
        except DataError as error:
            message = f"{self.label}: {error}"
            raise DataError(message) from None


@dataclass(frozen=True)
class Words(Field):
    """A longer text.

    Attributes:
        rows: Lines shown at once.
    """

    rows: int = field(default=6, kw_only=True)
    kind: ClassVar[str] = "words"

    def shape(self) -> dict[str, Any]:
        """Return what the browser needs to know."""
        return super().shape() | {"rows": self.rows}


@dataclass(frozen=True)
class Upload(Field):
    """A file from the reader's disk; the value is its name and its bytes, or None.

    Attributes:
        accept: Endings offered, e.g. `.jsonl,.csv`.
    """

    accept: str = field(default="", kw_only=True)
    kind: ClassVar[str] = "file"

    def read(self, text: Any) -> Any:
        """Return name and bytes."""
        return text or None

    def write(self, value: Any) -> str:
        """Return the name of the file."""
        return value[0] if value else ""

    def shape(self) -> dict[str, Any]:
        """Return what the browser needs to know."""
        return super().shape() | {"accept": self.accept}


class Form(anywidget.AnyWidget):
    """The controls of an app, in rows that wrap.

    What is changed in the browser arrives as one message with all that changed since the last
    answer: however fast a slider moves, one change is under way and the last one wins.

    Attributes:
        fields: What can be set.
        texts: What stands in each control.
        errors: Sentence below a control.
        answered: Number of the last message that was answered.
    """

    _esm = HERE / "controls.js"
    _css = HERE / "controls.css"
    fields: Any = traitlets.List().tag(sync=True)
    texts: Any = traitlets.Dict().tag(sync=True)
    errors: Any = traitlets.Dict().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)

    def __init__(self, changed: Callable[[Mapping[str, Any]], None]) -> None:
        """Make the form.

        Args:
            changed: Called with name -> text of what the browser changed.
        """
        super().__init__()
        self._changed = changed
        self.on_msg(self._told)

    def offer(self, fields: Sequence[Field], more: Sequence[Field]) -> None:
        """Set what can be set; what is in `more` is folded away."""
        shapes = [one.shape() | {"more": False} for one in fields]
        self.fields = shapes + [one.shape() | {"more": True} for one in more]

    def _told(self, _: Any, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        changes = dict(content["changes"])
        for name, words in list(changes.items()):
            if isinstance(words, dict):  # a file: its name here, its bytes beside the message
                changes[name] = (words["file"], bytes(buffers[words["buffer"]]))
        try:
            self._changed(changes)
        finally:
            self.answered = int(content["number"])
