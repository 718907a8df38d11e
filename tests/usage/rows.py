"""What tests of readers share: files as text, rows of a ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from costmodel.usage.ledger import Ledger

Write = Callable[[str, Any], Path]
TOKENS = ("input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")


def table(header: str, *lines: str) -> str:
    return "\n".join([header, *lines]) + "\n"


def only(ledger: Ledger, layout: str) -> list[dict[str, Any]]:
    """Return the rows of a ledger of one file, which was recognised as a layout."""
    (export,) = ledger.exports
    assert export.layout == layout
    return [{str(key): x for key, x in row.items()} for row in ledger.frame.to_dict("records")]


def tokens(row: dict[str, Any]) -> tuple[int, ...]:
    """Return all input, cached, written for 5 minutes, for an hour, and output."""
    return (*(row[name] for name in TOKENS), row["output_tokens"])
