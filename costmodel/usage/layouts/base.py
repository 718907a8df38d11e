"""What an export looks like, and how its columns become columns of the ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from costmodel.usage import cells
from costmodel.usage.cells import BadCellError
from costmodel.usage.ledger import TOKENS

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, Any]
# places in a batch (None = all), and columns of the ledger as long as the batch
Rows = list[tuple[Any, Columns]]

# text of people and models, whatever the layout: never read; without capitals and underscores
PRIVATE = frozenset(
    (
        *("input", "output", "prompt", "completion", "messages", "response", "request", "metadata"),
        *("proxyserverrequest", "requestbody", "responsebody", "body", "prompts"),
        *("modelparameters", "toolcalls", "tooldefinitions", "properties", "requestproperties"),
        *("enduser", "requesteripaddress", "accountownerid", "additionalinfo"),
        *("organizationname", "comment", "name"),
    )
)
# as exports name a provider -> as the price tables do
PROVIDERS = {
    "azure": "azure",
    "azure openai": "azure",
    "azure_ai": "azure",
    "microsoft": "azure",
    "openai": "openai",
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "amazon bedrock": "bedrock",
    "amazon web services": "bedrock",
    "vertex_ai": "vertex",
    "vertex_ai_beta": "vertex",
    "vertex": "vertex",
    "google vertex": "vertex",
    "vertex ai": "vertex",
    "gemini": "google",
    "google": "google",
    "google ai studio": "google",
    "together": "together",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks": "fireworks",
    "fireworks_ai": "fireworks",
    "fireworks ai": "fireworks",
    "mistralai": "mistral",
    "mistral ai": "mistral",
    "x-ai": "xai",
    "xai": "xai",
    "cohere_chat": "cohere",
}
MODES = {
    "": "standard",
    "default": "standard",
    "auto": "standard",
    "standard": "standard",
    # as the console of Anthropic calls what is no batch
    "message": "standard",
    "batch": "batch",
    "flex": "flex",
    "priority": "priority",
}
TRUE = ("true", "1", "yes", "t")


@dataclass(frozen=True)
class Layout:
    """A kind of export.

    Attributes:
        name: What it is called in messages.
        needs: Columns by which it is told from others.
        rows: Function of a batch of its records -> columns of the ledger, as long as the batch or
            one value for all; `scope` holds what else tells two records apart, `keep` which
            records count, `single` which are requests without an id although the layout has sums.
            `note` is what had to be assumed. Several of them where a record makes more than one
            row.
        knows: Columns that it may have and the ledger takes.
        sums: Whether its records are sums over a period, so that two exports of the same period
            must agree; else they are requests.
        amortised: Pattern of paths of files whose money is amortised, where columns do not tell.
    """

    name: str
    needs: frozenset[str]
    rows: Callable[[pd.DataFrame], Columns | Rows] = field(repr=False)
    knows: frozenset[str] = frozenset()
    sums: bool = True
    amortised: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """Columns that are read."""
        return self.needs | self.knows


def levels(function: Callable[[str], str], values: Any) -> Any:
    """Apply a function to each distinct text of a column; categories come out."""
    import pandas as pd

    words = cells.words(values)
    made = [function(str(word)) for word in words.categories]
    if made == list(words.categories):
        return words
    codes, names = pd.factorize(np.array(made, object))
    return pd.Categorical.from_codes(codes[words.codes], pd.Index(names, dtype="str"))


def texts(function: Callable[[str], str], values: Any) -> npt.NDArray[np.object_]:
    """Apply a function to each distinct text of a column; text comes out."""
    return np.asarray(levels(function, values), object)


def told(test: Callable[[str], object], values: Any) -> npt.NDArray[np.bool_]:
    """Tell which texts of a column pass a test."""
    words = cells.words(values)
    found: npt.NDArray[np.bool_] = np.array([bool(test(str(x))) for x in words.categories], bool)
    return np.asarray(found[words.codes])


def taken(batch: pd.DataFrame, **columns: str) -> Columns:
    """Return columns of text under names of the ledger, those that a batch has."""
    return {name: cells.words(batch[of]) for name, of in columns.items() if of in batch}


def column_of(batch: pd.DataFrame, *names: str) -> str:
    """Return the first of some columns that a batch has, blank without one."""
    return next((name for name in names if name in batch), "")


def provider_of(word: str) -> str:
    """Return a provider as the price tables name it."""
    return PROVIDERS.get(word.strip().lower(), word.strip().lower())


def mode_of(word: str) -> str:
    """Return a service tier as the price tables name it."""
    return MODES.get(word.strip().lower(), word.strip().lower())


def tokens(batch: pd.DataFrame, name: str) -> Any:
    """Return a column of tokens, zero where the export lacks it."""
    if name not in batch:
        return np.zeros(len(batch), np.int64)
    return cells.counts(batch[name], name)


def times(amounts: Any, factors: Any, column: str) -> Any:
    """Return amounts in blocks of tokens as tokens, whole.

    Raises:
        BadCellError: If an amount is negative, or too large to be told from its neighbour.
    """
    found = np.rint(np.nan_to_num(amounts) * factors)
    bad = (found < 0) | (found > cells.LARGEST_COUNT)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        message = f"{column} must be >= 0 and no more than 9e15 tokens for use, got {amounts[at]:g}"
        raise BadCellError(at, message)
    return found.astype(np.int64)


def requests_of(batch: pd.DataFrame, name: str) -> Any:
    """Return a column of numbers of requests, nan where it is blank or missing."""
    if name not in batch:
        return np.full(len(batch), np.nan)
    found = cells.numbers(batch[name], name)
    if (found < 0).any():
        at = int(np.flatnonzero(found < 0)[0])
        message = f"{name} must be >= 0, got {found[at]:g}"
        raise BadCellError(at, message)
    return found


def paid(
    batch: pd.DataFrame,
    name: str,
    money: str = "billed",
    currency: str = "",
    *,
    cents: bool = False,
) -> Columns:
    """Return money and its currency.

    Args:
        batch: Records.
        name: Column of the money.
        money: What kind of money it is.
        currency: Column of the currency; blank or missing = US dollars.
        cents: Whether the column holds cents.
    """
    amount, stated = cells.pico(batch[name], name, cents=cents)
    if currency and currency in batch:
        words = levels(lambda word: word.upper() or "USD", batch[currency])
        code = np.where(stated, np.asarray(words, object), "")
    else:
        code = np.where(stated, "USD", "")
    return {"amount": amount, "money": np.where(stated, money, ""), "currency": code}


def by_type(kind: Any, amounts: Any, known: Mapping[str, tuple[str, ...]]) -> Columns:
    """Return tokens that stand in rows by their type as columns of the ledger.

    Args:
        kind: Type of each row, one of `known`, or blank for no tokens.
        amounts: Tokens of each row. [token]
        known: Type -> columns of the ledger it adds to.
    """
    kind = np.asarray(kind, object)
    made: Columns = {name: np.zeros(len(kind), np.int64) for name in TOKENS}
    for word, columns in known.items():
        mine = kind == word
        for column in columns:
            made[column][mine] = amounts[mine]
    return made


def refunded(kind: Any, amounts: Any) -> Any:
    """Return kinds of charges, use of less than nothing as a correction."""
    return np.where((kind == "usage") & (np.nan_to_num(amounts) < 0), "correction", kind)


# token type -> columns it adds to, where types are told apart
TYPES: dict[str, tuple[str, ...]] = {
    "input": ("input_tokens",),
    "cached": ("input_tokens", "cached_input_tokens"),
    "write": ("input_tokens", "cache_write_tokens"),
    "write_1h": ("input_tokens", "cache_write_1h_tokens"),
    "output": ("output_tokens",),
}
BLOCK = re.compile(r"([\d.,]+)\s*([KMB]|thousand|million)?", re.IGNORECASE)
BLOCKS = {"": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9}


def type_of(text: str) -> str:
    """Tell the type of tokens from the words of a meter or SKU, blank if it speaks of none.

    >>> [type_of(x) for x in ("cached Inp glbl Tokens", "USE1-OutputTokenCount", "CacheWrite 1h")]
    ['cached', 'output', 'write_1h']
    """
    word = text.lower().replace("_", " ")
    if re.search(r"train|hosting|fine.?tun", word) and not re.search(
        r"\b(inp|outp|out|input|output)", word
    ):
        return ""
    if re.search(r"cache.?(write|creation|wrt)|ephemeral", word):
        return "write_1h" if re.search(r"1.?h(our)?\b|1h", word) else "write"
    if re.search(r"cach|cchd", word):
        return "cached"
    if re.search(r"outp|output|\bout\b|opt\b|completion|response", word):
        return "output"
    if re.search(r"inp|prompt", word):
        return "input"
    return ""


def block_of(unit: str) -> float:
    """Return the tokens of one unit of a price.

    >>> [block_of(x) for x in ("1K", "1000000 Tokens", "1M Tokens", "Tokens", "10K tokens")]
    [1000.0, 1000000.0, 1000000.0, 1.0, 10000.0]
    """
    found = BLOCK.search(unit)
    if not found:
        word = unit.lower()
        return next((n for name, n in BLOCKS.items() if len(name) > 1 and name in word), 1.0)
    return float(found[1].replace(",", "")) * BLOCKS[(found[2] or "").lower()]


def labels(value: str) -> dict[str, str]:
    """Read tags: an object, a list of key and value, or `"key": "value"` without braces."""
    text = value.strip()
    if not text:
        return {}
    for shape in (text, f"{{{text}}}"):
        try:
            read = json.loads(shape)
        except (ValueError, RecursionError):
            continue
        if isinstance(read, dict):
            return {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in read.items()}
        if isinstance(read, list):
            pairs = [x for x in read if isinstance(x, dict) and "key" in x]
            return {str(x["key"]): str(x.get("value", "")) for x in pairs} | {
                str(x): "" for x in read if isinstance(x, str)
            }
    return {}


def tagged(values: Any) -> Any:
    """Return tags as the ledger writes them: a JSON object of text, keys sorted."""

    def one(word: str) -> str:
        found = labels(word)
        return json.dumps(found, sort_keys=True, ensure_ascii=False) if found else ""

    return levels(one, values)


def tag(values: Any, *keys: str) -> Any:
    """Return what tags say under the first of some keys that they have, blank without one."""

    def one(word: str) -> str:
        found = {k.lower(): v for k, v in labels(word).items()}
        return next((found[key] for key in keys if found.get(key)), "")

    return levels(one, values)
