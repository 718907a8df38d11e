"""The month in which building has paid."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

import costmodel as cm
from costmodel.analysis.payback import Payback, payback, paybacks
from costmodel.months import Months

SUPPORT_BOT = Path(__file__).parents[2] / "notebooks" / "scenarios" / "support_bot.toml"


@pytest.mark.parametrize(
    ("built", "month", "number", "lost_again", "end_usd"),
    [
        # so far 6, 2, -2, -6 more than 4 a month
        ([10, 0, 0, 0], "2027-02", 3, None, 6),
        # 6, 2, -2, 14
        ([10, 0, 0, 20], "2027-02", 3, "2027-03", -14),
        # 6, 6, 6, 6
        ([10, 4, 4, 4], None, None, None, -6),
        # 0, 5, 5, -5: level in the first month is not paid back yet
        ([4, 9, 4, -6], "2027-03", 4, None, 5),
        # never behind
        ([4, 4, 4, 4], "2026-12", 1, None, 0),
    ],
)
def test_building_pays_in_the_month_in_which_the_sums_meet(
    built: list[float],
    month: str | None,
    number: int | None,
    lost_again: str | None,
    end_usd: float,
) -> None:
    months = Months(date(2026, 12, 1), 4)
    found = payback(months, ("built", np.array(built)), ("bought", np.full(4, 4.0)))
    first = built[0] - 4.0
    assert found == Payback("built", "bought", first, month, number, lost_again, end_usd)


def test_bills_are_set_beside_the_one_that_is_cheapest_in_month_1() -> None:
    found = cm.compare(cm.Scenario.read(SUPPORT_BOT), cm.PriceBook.read())
    monthly = {name: bill.monthly() for name, bill in found.bills.items()}
    # a prompt costs less in any month, but misses the required success
    ranked = [result.name for result in found.ranked]
    first = min(ranked, key=lambda name: monthly[name][0])
    assert {one.option for one in paybacks(found)} == {*ranked} - {first}
    names = ["RAG on GPT-6 Luna", "RAG + tuned Nova 2 Lite"]
    for options, against in ((), first), (names, names[0]):
        for one in paybacks(found, options):
            assert one.against == against
            gap = monthly[one.option] - monthly[against]
            assert (one.first_usd, one.end_usd) == pytest.approx((gap[0], -gap.sum()))
    assert [one.option for one in paybacks(found, names)] == names[1:]
