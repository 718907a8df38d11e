"""The picture of a bill adds up and leads back to price rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("plotly")

from costmodel.analysis.wording import brief
from costmodel.figures.bill import waterfall

NAME = "Tuned GPT-4.1 mini then RAG"


def test_bars_begin_where_the_one_before_ends_and_end_at_the_total(
    support_bot: Any, sound: Callable[..., str]
) -> None:
    found = support_bot.bills[NAME]
    figure = waterfall(found.frame(), NAME, 24)
    sound(figure, cites="labour.csv row ")
    *bars, total = figure.data
    end = 0.0
    for bar in bars:
        assert bar.base[0] == pytest.approx(end)
        end += bar.x[0]
    assert end == pytest.approx(float(found.total))
    assert total.x[0] == pytest.approx(float(found.total))


def test_the_title_says_how_much_is_upkeep(support_bot: Any) -> None:
    found = support_bot.bills[NAME]
    title = waterfall(found.frame(), NAME, 24).layout.title
    assert title.text.startswith(f"Upkeep is {float(found.maintenance_share):.0%} of the ")
    assert brief(float(found.total)) in title.text
    assert "the first training runs are $37.60 of it" in title.subtitle.text.replace("<br>", " ")


def test_no_two_bars_have_the_same_name(support_bot: Any) -> None:
    for name, found in support_bot.bills.items():
        names = waterfall(found.frame(), name, 24).layout.yaxis.ticktext
        assert len(set(names)) == len(names)


def test_a_bar_shows_quantity_times_price_and_the_row(support_bot: Any) -> None:
    figure = waterfall(support_bot.bills[NAME].frame(), NAME, 24)
    about = figure.data[0].customdata[0]
    # 3,000 examples at ten minutes, a tenth of them twice
    assert "label/team/annotator/person_hour" in about
    assert "$16,400 = 500 person hour × $32.89" in about  # noqa: RUF001
    assert "labour.csv row " in about


def test_what_costs_nothing_says_so(support_bot: Any) -> None:
    frame = support_bot.bills[NAME].frame()
    assert waterfall(frame.iloc[:0], "free", 24).layout.title.text == "free costs nothing"
