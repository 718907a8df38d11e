"""Whether a better base model is worth the move to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from costmodel.bill import bill
from costmodel.prices.book import PriceBook
from costmodel.scenario.model import Mix, Option, Scenario
from costmodel.scenario.plan import plan


def settled(
    scenario: Scenario, option: Option | Mix, book: PriceBook
) -> tuple[Scenario, tuple[str, ...]]:
    """Decide whether an option moves to better base models, and say why.

    It does where the stated gain of one move pays for it: migration, training, evaluation, double
    running. The move is billed with the option; the gain is not taken off its bill.

    Args:
        scenario: The scenario.
        option: The option.
        book: The prices, own hourly rates included.

    Returns:
        The scenario, without better bases where they are not worth it; and what was found.

    Raises:
        InfeasibleError: If the option cannot be had over the whole horizon.
    """
    upkeep = scenario.upkeep
    gain = float(np.mean(upkeep.better_base_gain_usd))
    if not (gain > 0 and np.any(np.asarray(upkeep.better_bases_per_year) > 0)):
        return scenario, ()
    without = replace(scenario, upkeep=replace(upkeep, better_bases_per_year=0.0))
    needs = plan(scenario, option, book)
    moves = float(np.mean(np.sum(needs.counts.get("better_base", np.zeros(1)), axis=-1)))
    if not moves > 0:
        return without, ()
    totals = [
        bill(found.quantities, book, scenario.horizon).total
        for found in (needs, plan(without, option, book))
    ]
    each = float(np.mean(totals[0] - totals[1])) / moves
    said = f"a move to a better base costs ${each:,.0f} and gains ${gain:,.0f} as stated"
    if each <= gain:
        return scenario, (f"{said}: made, {moves:.2g} times",)
    return without, (f"{said}: not made",)
