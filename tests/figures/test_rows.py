"""One row for each thing: marks, ranges and words do not get into each other's way."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

pytest.importorskip("plotly")

from costmodel.figures.rows import Row, rows_figure
from costmodel.figures.style import BLUE, GREEN

ROWS = [
    Row("H100 <b>at</b> runpod", 10.0, "$10 (8 to 15)", 8.0, 15.0, BLUE, "ten dollars", best=True),
    Row("hosted", 30.0, "$30", ink=GREEN),
]


def test_marks_stand_at_their_values_and_ranges_around_them(sound: Callable[..., str]) -> None:
    figure = rows_figure(ROWS, "Ten is less than thirty", ["note"], dollars=True, log=True)
    sound(figure, cites="ten dollars")
    lines = [list(trace.x) for trace in figure.data if trace.mode == "lines"]
    marks = {trace.marker.color: list(trace.x) for trace in figure.data if trace.mode == "markers"}
    assert lines == [[8.0, 15.0]]
    assert marks == {BLUE.line: [10.0], GREEN.line: [30.0]}


def test_the_first_row_is_on_top_and_the_best_is_bold() -> None:
    figure = rows_figure(ROWS, "Title", [])
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert figure.layout.yaxis.ticktext == (
        "<b>H100 &lt;b&gt;at&lt;/b&gt; runpod</b>",
        "hosted",
    )


def test_every_value_lies_inside_of_the_axis() -> None:
    rows = [*ROWS, Row("bound", 5.0, "5", bound=60.0)]
    for log in (False, True):
        low, high = rows_figure(rows, "Title", [], log=log).layout.xaxis.range
        ends = [math.log10(x) if log else x for x in (5.0, 60.0)]
        assert low <= ends[0]
        assert ends[1] <= high


def test_words_at_the_right_end_have_room() -> None:
    long = [Row("a", 1.0, "a text of thirty letters, about")]
    short = rows_figure(ROWS, "Title", []).layout.margin.r
    assert rows_figure(long, "Title", []).layout.margin.r > short
    assert short >= 6 * len("$10 (8 to 15)")


def test_bars_begin_at_nought_and_no_rows_are_no_error(sound: Callable[..., str]) -> None:
    figure = rows_figure(ROWS, "Title", [], bars=True, suffix=" GB")
    sound(figure)
    assert figure.layout.xaxis.range[0] == 0.0
    assert list(figure.data[0].x) == [10.0, 30.0]
    assert rows_figure([], "Nothing", []).layout.title.text == "Nothing"
