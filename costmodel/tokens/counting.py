"""Counting tokens as OpenAI's encodings do, exactly and without a network.

The reference is tiktoken. Its vocabularies are compiled into toktok-rs, which counts several times
faster and needs neither network nor cache, so it is taken where it has the encoding and agrees with
ids that tiktoken gave (`recorded.json`). Else tiktoken counts, from its cache or after a download.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from costmodel.errors import DataError, nearest

# encodings that can be counted exactly
ENCODINGS = (
    *("o200k_base", "o200k_harmony", "cl100k_base", "p50k_base", "p50k_edit", "r50k_base"),
    *("gpt2", "qwen3.5"),
)
BUNDLED = ("o200k_base", "o200k_harmony", "cl100k_base", "qwen3.5")  # with toktok-rs
RECORDED = "recorded.json"
DEFAULT = "o200k_base"


@dataclass(frozen=True)
class Counter:
    """Counts tokens in one encoding.

    Attributes:
        encoding: Its name, as tiktoken spells it.
        engine: Library that counts: toktok-rs | tiktoken.

    >>> counter("o200k_base").count("What does it cost?")
    5
    """

    encoding: str
    engine: str
    _count: Callable[[list[str], int], Sequence[int]] = field(repr=False, compare=False)

    def counts(self, texts: Sequence[str], threads: int = 1) -> npt.NDArray[np.int64]:
        """Count the tokens of each text; what looks like a special token counts as plain text.

        Half a surrogate pair, which is no character, counts as the replacement character.

        Args:
            texts: Texts.
            threads: Threads to count with.

        Returns:
            Tokens of each. [token], shape (len(texts),)
        """
        try:
            found = self._count(list(texts), threads)
        except UnicodeEncodeError:
            found = self._count([_whole_characters(text) for text in texts], threads)
        return np.asarray(found, np.int64)

    def count(self, text: str) -> int:
        """Count the tokens of one text. [token]"""
        return int(self.counts([text])[0])


def _whole_characters(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@cache
def counter(encoding: str = DEFAULT, engine: str = "") -> Counter:
    """Return the counter of an encoding.

    Args:
        encoding: One of ENCODINGS.
        engine: toktok-rs or tiktoken; blank = the fastest that is exact.

    Raises:
        DataError: If there is no such encoding, or its vocabulary can be had nowhere.
    """
    if encoding not in ENCODINGS:
        message = f"unknown encoding {encoding!r}{nearest(encoding, ENCODINGS)}"
        raise DataError(message)
    if engine != "tiktoken" and encoding in BUNDLED and _agrees(encoding):
        return Counter(encoding, "toktok-rs", _toktok(encoding))
    if encoding == "qwen3.5":
        message = "qwen3.5 is counted by toktok-rs alone; install toktok-rs 0.3 again"
        raise DataError(message)
    return Counter(encoding, "tiktoken", _tiktoken(encoding))


def _toktok(encoding: str) -> Callable[[list[str], int], Sequence[int]]:
    from toktok import batch_count

    def count(texts: list[str], threads: int) -> Sequence[int]:
        found: list[int] = batch_count(texts, encoding, threads)
        return found

    return count


def recorded() -> dict[str, list[list[int]]]:
    """Return texts, and the ids that tiktoken gives them in each encoding."""
    stored: dict[str, list[list[int]]] = json.loads(
        files("costmodel.tokens").joinpath(RECORDED).read_text("utf-8")
    )
    return stored


def _agrees(encoding: str) -> bool:
    """Say whether toktok-rs counts the recorded texts as tiktoken did."""
    try:
        count = _toktok(encoding)
        stored = recorded()
        texts: list[str] = stored["texts"]  # type: ignore[assignment]
        # the recorded ids of harmony are those of o200k_base; none are recorded for Qwen
        ids = stored.get("o200k_base" if encoding == "o200k_harmony" else encoding)
        return ids is None or [len(i) for i in ids] == list(count(texts, 1))
    except (ImportError, KeyError, OSError, ValueError):
        return False


def _tiktoken(encoding: str) -> Callable[[list[str], int], Sequence[int]]:
    import requests
    import tiktoken

    try:
        found = tiktoken.get_encoding(encoding)
    except (requests.RequestException, OSError, ValueError) as error:
        message = (
            f"the vocabulary of {encoding} is not in tiktoken's cache and cannot be downloaded "
            f"({type(error).__name__}): point TIKTOKEN_CACHE_DIR at a folder that holds it, "
            f"choose one of {', '.join(BUNDLED)}, or ask for an estimate (--estimate)"
        )
        raise DataError(message) from None

    def count(texts: list[str], threads: int) -> Sequence[int]:
        return [len(ids) for ids in found.encode_ordinary_batch(texts, num_threads=threads)]

    return count
