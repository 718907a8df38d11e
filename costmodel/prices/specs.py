"""Open-weight models, GPUs, training tools and fitted coefficients, read when first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from costmodel.errors import PriceError, nearest
from costmodel.months import Array
from costmodel.prices.book import PriceBook, default_layers, shipped_dir
from costmodel.prices.rows import read_table
from costmodel.prices.tables import TABLES, Record

# words at the end of a name that do not change the shape of a model
SAME_SHAPE = {
    "instruct",
    "chat",
    "it",
    "base",
    "hf",
    "bf16",
    "fp8",
    "nvfp4",
    "fp4",
    "mxfp4",
    "awq",
    "gptq",
    "bnb",
    "4bit",
    "8bit",
    "int4",
    "int8",
    "pt",
    "sft",
    "dpo",
    "thinking",
    "w4a16",
    "w8a8",
    "quantized",
    "unsloth",
    "preview",
}
# names of coefficients.csv that say how well the others predict
TESTED = ("fitted:", "left_out_by_")
_BETWEEN = re.compile(r"[-_ :]+")


def _words(name: str) -> list[str]:
    return _BETWEEN.split(name.strip().lower().rsplit("/", 1)[-1])


def spelling(name: str) -> str:
    """Return what all spellings of a name have in common: no vendor, no case, no separators.

    >>> spelling("meta-llama/Llama-3.1-8B") == spelling("llama3.1-8b") == spelling("llama3.1:8b")
    True
    """
    return "".join(_words(name))


def _index(rows: Sequence[Record], column: str) -> dict[str, str]:
    """Return every spelling of the names in a table -> the name."""
    names: dict[str, str] = {}
    for row in rows:
        other = names.setdefault(spelling(row[column]), row[column])
        if other != row[column]:
            message = f"{row['file']} line {row['line']}: {row[column]!r} is {other!r} spelt anew"
            raise PriceError(message)
    for row in rows:
        for alias in filter(None, (word.strip() for word in row["aliases"].split("|"))):
            other = names.setdefault(spelling(alias), row[column])
            if other != row[column]:
                message = (
                    f"{row['file']} line {row['line']}: alias {alias!r} already stands for "
                    f"{other!r}; an alias names one {column}"
                )
                raise PriceError(message)
    return names


@dataclass(frozen=True, eq=False)
class Specs:
    """What is known about open models, GPUs and the software that runs one on the other.

    Attributes:
        folders: Folders of tables, later ones laid over earlier ones.
    """

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, book: PriceBook) -> Specs:
        """Return the specifications beside the prices of a book, read once per process."""
        folders = tuple(Path(f) for f in book.folders if Path(f).is_dir()) or (shipped_dir(),)
        return _read(folders)

    def rows(self, table: str) -> tuple[Record, ...]:
        """Return the rows of a table, read once per process."""
        return _rows(table, self.folders)

    # names

    @cached_property
    def _models(self) -> dict[str, Record]:
        return {row["model"]: row for row in self.rows("open_models")}

    @cached_property
    def _gpus(self) -> dict[str, Record]:
        return {row["gpu"]: row for row in self.rows("gpus")}

    @cached_property
    def _model_names(self) -> dict[str, str]:
        return _index(self.rows("open_models"), "model")

    @cached_property
    def _gpu_names(self) -> dict[str, str]:
        return _index(self.rows("gpus"), "gpu")

    @cached_property
    def _tool_names(self) -> dict[str, str]:
        return _index(self.rows("stacks"), "tool")

    @cached_property
    def gpus(self) -> tuple[str, ...]:
        """Names of all GPUs."""
        return tuple(self._gpus)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of all open models."""
        return tuple(self._models)

    def model_named(self, name: str) -> Record | None:
        """Return the row of an open-weight model, by any of its names; None if there is none."""
        words, known = _words(name), self._model_names
        while words:
            if "".join(words) in known:
                return self._models[known["".join(words)]]
            if words[-1] not in SAME_SHAPE:
                break
            words.pop()
        return None

    def model(self, name: str) -> Record:
        """Return the row of an open-weight model, by any of its names.

        Raises:
            PriceError: If `open_models.csv` has no such shape.
        """
        found = self.model_named(name)
        if found is not None:
            return found
        hint = nearest(name.rsplit("/", 1)[-1], self._models)
        message = f"unknown model {name!r}: open_models.csv has no such shape{hint}"
        raise PriceError(message)

    def gpu(self, name: str) -> Record:
        """Return the row of a GPU, by any of its names.

        Raises:
            PriceError: If `gpus.csv` does not know it.
        """
        known = self._gpu_names.get(spelling(name))
        if known is None:
            message = f"unknown GPU {name!r}{nearest(name, self._gpus)}"
            raise PriceError(message)
        return self._gpus[known]

    def tool(self, name: str) -> Record:
        """Return the row of a training tool, by any of its names.

        Raises:
            PriceError: If `stacks.csv` does not know it.
        """
        known = self._tool_names.get(spelling(name))
        if known is None:
            tools = [row["tool"] for row in self.rows("stacks")]
            message = f"unknown stack {name!r}{nearest(name, tools)}"
            raise PriceError(message)
        return next(row for row in self.rows("stacks") if row["tool"] == known)

    def coefficients(self, model: str) -> dict[str, float]:
        """Return the fitted coefficients of a model.

        Args:
            model: training | memory | serving.

        Raises:
            PriceError: If `coefficients.csv` has none.
        """
        found = {
            row["name"]: row["value"]
            for row in self.rows("coefficients")
            if row["model"] == model and not row["name"].startswith(TESTED)
        }
        if not found:
            message = f"coefficients.csv has no coefficients of {model!r}"
            raise PriceError(message)
        return found

    def tested(self, model: str) -> dict[str, dict[str, float]]:
        """Return the errors of a fit: on its own rows, and on rows that were left out of it.

        Args:
            model: training | memory | serving.

        Returns:
            fitted, left_out_by_source, ... -> median, within_25_percent, within_2x, too_low.
        """
        found: dict[str, dict[str, float]] = {}
        for row in self.rows("coefficients"):
            if row["model"] == model and row["name"].startswith(TESTED):
                test, _, measure = row["name"].partition(":")
                found.setdefault(test, {})[measure] = row["value"]
        return found

    # columns, for formulas that take arrays

    def model_columns(self, names: Iterable[str]) -> dict[str, Array]:
        """Return the number columns of models, one value per name; `tied` is 1 or 0."""
        rows = _each(self.model, names)
        columns = _columns(rows, TABLES["open_models"].numbers)
        columns["tied"] = np.array([row["tied"] == "yes" for row in rows], float)
        return columns

    def gpu_columns(self, names: Iterable[str]) -> dict[str, Array]:
        """Return the number columns of GPUs, one value per name."""
        return _columns(_each(self.gpu, names), TABLES["gpus"].numbers)

    def architectures(self, names: Iterable[str]) -> npt.NDArray[np.str_]:
        """Return the generation of GPUs, one word per name."""
        return np.array([row["architecture"] for row in _each(self.gpu, names)], str)


def _each(find: Callable[[str], Record], names: Iterable[str]) -> list[Record]:
    """Look up names, each once."""
    known: dict[str, Record] = {}
    return [known[name] if name in known else known.setdefault(name, find(name)) for name in names]


def _columns(rows: Sequence[Mapping[str, object]], names: Iterable[str]) -> dict[str, Array]:
    return {name: np.array([row[name] for row in rows], float) for name in names}


@lru_cache(maxsize=64)
def _rows(table: str, folders: tuple[Path, ...]) -> tuple[Record, ...]:
    return tuple(read_table(table, folders))


@lru_cache(maxsize=8)
def _read(folders: tuple[Path, ...]) -> Specs:
    return Specs(folders)


def shipped_specs() -> Specs:
    """Return the shipped specifications with the user's own laid over them."""
    return _read((shipped_dir(), *default_layers()))
