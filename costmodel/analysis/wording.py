"""How figures are written for people."""

from __future__ import annotations

import math

HUNDRED = 100.0


def money(usd: float) -> str:
    """Write dollars with three significant digits, never as $0.00.

    >>> money(46512.3), money(6.4567), money(0.000646)
    ('$46,500', '$6.46', '$0.000646')
    """
    if not math.isfinite(usd):
        return "not defined"
    if usd == 0:
        return "$0"
    if 1 <= abs(usd) < HUNDRED:
        return f"${usd:,.2f}"
    digits = 2 - math.floor(math.log10(abs(usd)))
    return f"${round(usd, digits):,.{max(digits, 0)}f}"


def whole(usd: float) -> str:
    """Write dollars of a total: whole ones, so that columns add up; small ones in digits.

    >>> whole(46512.3), whole(6.4567)
    ('$46,512', '$6.46')
    """
    return f"${usd:,.0f}" if abs(usd) >= HUNDRED else money(usd)


def amount(value: float) -> str:
    """Write a quantity with up to six significant digits.

    >>> amount(1234567.0), amount(0.08333333), amount(672.0)
    ('1,234,567', '0.0833333', '672')
    """
    if value and abs(value) < 1e6:  # noqa: PLR2004
        return f"{value:,.6g}"
    return f"{value:,.0f}"
