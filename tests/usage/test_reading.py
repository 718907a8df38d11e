"""Exports become rows of one ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.errors import DataError
from costmodel.usage.ledger import COLUMNS
from costmodel.usage.reading import read

OWN = """date,provider,model,project,requests,input_tokens,cached_input_tokens,output_tokens,cost
2026-10-01,openai,gpt-4.1-mini,bot,100,1000000,200000,50000,0.42
2026-10-02T13:05:00Z,openai,gpt-4.1-mini,bot,1,3000,0,180,
2026-10-02,openai,,,,,,,-1.5
"""


def test_a_minimal_table_becomes_rows_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(OWN)
    ledger = read(tmp_path / "own.csv")
    frame = ledger.frame
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame["day"].astype(str)) == ["2026-10-01", "2026-10-02", "2026-10-02"]
    assert list(frame["minute"]) == [-1, 13 * 60 + 5, -1]
    assert list(frame["request_tokens"]) == [10_000, 3_000, 0]
    assert list(frame["amount"]) == [420_000_000_000, 0, -1_500_000_000_000]
    assert list(frame["money"]) == ["billed", "", "billed"]
    assert list(frame["meter"]) == ["tokens", "tokens", "money"]
    assert list(frame["row"]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-10-03,openai,m,,1,-5,0,1,", "own.csv line 5: input_tokens must be a whole number"),
        ("03/10/2026,openai,m,,1,5,0,1,", "own.csv line 5: date mixes dates like 2026-12-01"),
        ("2026-10-03,openai,m,,1,5,0,1,=1+1", "own.csv line 5: cost holds a formula"),
        ("2026-10-03,openai,m,,1,5,9,1,", "own.csv line 5: 9 cached and written tokens exceed"),
    ],
)
def test_a_wrong_cell_is_named_with_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "own.csv").write_text(OWN + line + "\n")
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        read(tmp_path / "own.csv")
