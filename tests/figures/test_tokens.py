"""The lengths of the examples of a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("plotly")

from costmodel.figures.tokens import cost_by_model, token_histogram, tokens_by_role

# what `costmodel tokens` says about notebooks/data/support_bot.jsonl
BARS = [(300, 330, 2), (330, 360, 1), (360, 390, 3), (390, 420, 5), (420, 450, 4), (450, 480, 3)]
SUMMARY: dict[str, Any] = {
    "file": "support_bot.jsonl",
    "records": 20,
    "tokens": 8_356,
    "quantiles": {"p10": 330.0, "p50": 417.0, "p90": 495.0, "p99": 520.0, "mean": 418, "max": 523},
    "histogram": [
        {"from": a, "to": b, "examples": n} for a, b, n in [*BARS, (480, 510, 1), (510, 540, 1)]
    ],
    "over_limit": {"limit": None, "examples": 0, "first": []},
    "encoding": "o200k_base",
    "exact": True,
}


def test_the_title_is_the_median_and_the_long_tail(sound: Callable[..., str]) -> None:
    figure = token_histogram(SUMMARY)
    sound(figure, cites="support_bot.jsonl")
    title = figure.layout.title.text.replace("<br>", " ")
    assert title == (
        "Half of 20 examples are shorter than 417 tokens, one in ten is longer than 495"
    )
    assert sum(bar.y[0] for bar in figure.data) == 20


def test_examples_over_the_limit_are_the_finding(sound: Callable[..., str]) -> None:
    limited = SUMMARY | {"over_limit": {"limit": 480, "examples": 2, "first": []}}
    figure = token_histogram(limited)
    sound(figure)
    assert "2 of 20 examples are longer than the limit of 480" in figure.layout.title.text
    assert len({bar.marker.color for bar in figure.data}) == 2


def test_marks_close_to_each_other_stand_in_lines_of_their_own() -> None:
    close = {"p50": 500.0, "p90": 505.0, "max": 510.0}
    figure = token_histogram(SUMMARY | {"quantiles": close})
    heights = [note.y for note in figure.layout.annotations if note.yanchor == "top"]
    assert len(set(heights)) == 3


def test_an_empty_file_says_so() -> None:
    figure = token_histogram(SUMMARY | {"histogram": []})
    assert figure.layout.title.text == "support_bot.jsonl holds no example"


def test_the_role_that_says_most_is_the_finding(sound: Callable[..., str]) -> None:
    roles = {"system": 3_800, "user": 1_542, "assistant": 2_714, "frames": 300}
    figure = tokens_by_role(SUMMARY | {"by_role": roles})
    sound(figure, cites="support_bot.jsonl")
    # 3,800 of 8,356
    assert figure.layout.title.text == "45% of 8.36k tokens are system (instructions)"
    assert list(figure.data[0].x) == [3_800, 2_714, 1_542, 300]


def test_many_fields_are_summed_up_as_others() -> None:
    roles = {f"field {k}": 100 - k for k in range(12)}
    figure = tokens_by_role(SUMMARY | {"by_role": roles})
    assert len(figure.data[0].x) == 9
    assert figure.data[0].x[-1] == sum(100 - k for k in range(8, 12))


def test_a_month_on_the_cheapest_model_is_the_finding(sound: Callable[..., str]) -> None:
    about = {
        "input_tokens": 1000.0,
        "output_tokens": 100.0,
        "counted": "exact",
        "input_usd_per_mtok": 1.0,
        "output_usd_per_mtok": 2.0,
        "file": "inference/x.csv",
        "row": 2,
        "verified_on": "2026-11-20",
    }
    records = [
        {"provider": "x", "model": f"m{k}", "usd": 0.001 * (k + 1)} | about for k in range(20)
    ]
    figure = cost_by_model(records, "all", 50_000)
    text = sound(figure, cites="inference/x.csv row 2")
    # 50,000 x $0.001
    assert figure.layout.title.text.replace("<br>", " ") == (
        "m0 is cheapest: $50.00 a month for 50k requests; m19 costs 20 times as much"
    )
    assert "4 dearer models are in the table below" in text
