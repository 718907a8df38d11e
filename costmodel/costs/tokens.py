"""Tokens as a model counts them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costmodel.costs.inputs import shipped_book
from costmodel.errors import DataError
from costmodel.prices.book import PriceBook
from costmodel.tokens.chat import ImageRule, count_messages
from costmodel.tokens.counting import DEFAULT, ENCODINGS, counter


@dataclass(frozen=True)
class TokenRule:
    """How the tokens of a model are counted.

    Attributes:
        model: As it was asked for.
        encoding: Tokenizer of the model, as tokenizers.csv names it.
        counted_with: Encoding that is really counted.
        ratio: Tokens of the model per token counted; 1 where the count is exact. [1]
        said: Where an estimate comes from, blank for an exact count.
        image: How the model counts pictures, if images.csv knows.
    """

    model: str
    encoding: str
    counted_with: str = DEFAULT
    ratio: float = 1.0
    said: str = ""
    image: ImageRule | None = None

    @property
    def exact(self) -> bool:
        """Whether the count is exact."""
        return not self.said


def token_rule(
    model: str,
    *,
    estimate: bool = False,
    content: str = "english",
    book: PriceBook | None = None,
) -> TokenRule:
    """Return how the tokens of a model are counted.

    Args:
        model: Model by any of its names, `provider/model`, or an encoding.
        estimate: Whether to go by a ratio where the tokenizer is not public.
        content: Kind of content, for the ratio: a language, code, json, ...
        book: The tables; None = the shipped ones with your own laid over them.

    Raises:
        PriceError: If nobody knows the model, with the nearest names.
        DataError: If only an estimate is possible and none was asked for.
    """
    book = shipped_book() if book is None else book
    catalog = book.catalog
    if model in ENCODINGS:
        return TokenRule(model, model, model)
    if model in catalog.encodings:
        encoding = model
    else:
        models = catalog.models_named(model)
        known = dict.fromkeys(found.encoding for found in models if found.encoding)
        encoding = next(iter(known), "")
    image = _image_rule(book, model, encoding)
    if encoding in ENCODINGS:
        return TokenRule(model, encoding, encoding, image=image)
    if not encoding:
        message = (
            f"the tokenizer of {model!r} is not known: count with its provider and store the ratio "
            "(costmodel tokens calibrate), or count in an encoding (--encoding o200k_base)"
        )
        raise DataError(message)
    ratio = catalog.tokens_per(encoding, DEFAULT, content)
    said = f"{DEFAULT} x {ratio:.4g} ({encoding}, {content}, tokenizers.csv)"
    if not estimate:
        message = (
            f"{model!r} is counted by {encoding}, which is not at hand: ask for an estimate "
            f"(--estimate), {said}, or count with the provider and store the ratio "
            "(costmodel tokens calibrate)"
        )
        raise DataError(message)
    return TokenRule(model, encoding, DEFAULT, ratio, f"estimate: {said}", image)


def _image_rule(book: PriceBook, model: str, encoding: str) -> ImageRule | None:
    name = model.rpartition("/")[2]
    for found in [] if model in book.catalog.encodings else book.catalog.models_named(model):
        row = book.catalog.image_rule(found.name, encoding)
        if row is not None:
            break
    else:
        row = book.catalog.image_rule(name, encoding)
    if row is None:
        return None

    def bound(column: str) -> float:
        value = float(row[column])
        return math.inf if math.isnan(value) else value

    patch = 32.0 if math.isnan(row["patch_px"]) else float(row["patch_px"])
    return ImageRule(
        str(row["rule"]),
        float(row["base_tokens"]),
        float(row["tokens_each"]),
        patch,
        bound("longest_px"),
        bound("most_patches"),
    )


def count_tokens(
    text_or_messages: str | Sequence[Mapping[str, Any]],
    model: str,
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    estimate: bool = False,
    content: str = "english",
    book: PriceBook | None = None,
) -> int:
    """Count the tokens of a text, or of a chat with its frames, as a model counts them.

    Args:
        text_or_messages: A text, or messages with role and content.
        model: Model by any of its names, `provider/model`, or an encoding.
        tools: Definitions of functions that the model may call.
        estimate: Whether to go by a ratio where the tokenizer is not public.
        content: Kind of content, for the ratio: a language, code, json, ...
        book: The tables; None = the shipped ones with your own laid over them.

    Returns:
        Tokens; rounded where it is an estimate. [token]

    Raises:
        PriceError: If nobody knows the model, with the nearest names.
        DataError: If only an estimate is possible and none was asked for.

    >>> count_tokens("What does it cost?", "gpt-4.1-mini")
    5
    >>> count_tokens([{"role": "user", "content": "What does it cost?"}], "gpt-4o")
    12
    """
    rule = token_rule(model, estimate=estimate, content=content, book=book)
    count = counter(rule.counted_with)
    if isinstance(text_or_messages, str):
        found = count.count(text_or_messages)
    else:
        found = count_messages(text_or_messages, count, tools)
    return round(found * rule.ratio)
