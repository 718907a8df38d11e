"""How figures are written for people."""

from __future__ import annotations

import math
from decimal import Decimal

from costmodel.errors import DataError

SUFFIXES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9}
HUNDRED = 100.0
THOUSAND = 1000.0
MOST = 1e18  # of an amount that is typed; products of larger ones leave the range of numbers
# as they write themselves
PROVIDERS = {
    "akash": "Akash",
    "anthropic": "Anthropic",
    "aws": "AWS",
    "azure": "Azure",
    "bedrock": "Bedrock",
    "cohere": "Cohere",
    "coreweave": "CoreWeave",
    "crusoe": "Crusoe",
    "deepseek": "DeepSeek",
    "digitalocean": "DigitalOcean",
    "fireworks": "Fireworks",
    "gcp": "Google Cloud",
    "google": "Google",
    "groq": "Groq",
    "huggingface": "Hugging Face",
    "hyperstack": "Hyperstack",
    "lambda": "Lambda",
    "mistral": "Mistral",
    "modal": "Modal",
    "nebius": "Nebius",
    "oci": "Oracle Cloud",
    "openai": "OpenAI",
    "ori": "Ori",
    "predibase": "Predibase",
    "replicate": "Replicate",
    "runpod": "Runpod",
    "sfcompute": "SF Compute",
    "tinker": "Tinker",
    "together": "Together",
    "vast": "Vast.ai",
    "verda": "Verda",
    "vertex": "Vertex AI",
    "xai": "xAI",
}


def read_amount(text: str | float) -> float:
    """Read a number of tokens or requests: 1500, 20e6, 300k, 1.2M.

    >>> read_amount("300k"), read_amount("1_500")
    (300000.0, 1500.0)

    Raises:
        DataError: If it is none, less than 0 or beyond MOST.
    """
    word = str(text).strip().lower().replace("_", "")
    factor = SUFFIXES.get(word[-1:], 1.0)
    try:
        # "1.2M" is 1200000, not 1199999.9999999998
        value = float(Decimal(word[:-1] if word[-1:] in SUFFIXES else word) * Decimal(factor))
    except ArithmeticError:
        value = -1.0
    if value != 0 and not 1 / MOST <= value <= MOST:
        bound = " and <= 1e18" if value > MOST else ""
        message = f"must be a number >= 0{bound} like 1500, 20e6, 300k or 1.2M, got {text!r}"
        raise DataError(message)
    return value


def provider_words(name: str) -> str:
    """Write a provider as it writes itself; one of the user's own stays as it is.

    >>> provider_words("openai"), provider_words("my-endpoint")
    ('OpenAI', 'my-endpoint')
    """
    return PROVIDERS.get(name, name)


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


def brief(usd: float) -> str:
    """Write dollars with up to three significant digits and a letter, for pictures.

    >>> brief(46512.3), brief(2.2e6), brief(6.4567), brief(0.000646), brief(999_900)
    ('$46.5k', '$2.2M', '$6.46', '$0.000646', '$1M')
    """
    return money(usd) if abs(usd) < THOUSAND - 0.5 else f"${_lettered(usd)}".replace("$-", "-$")


def tally(value: float) -> str:
    """Write a count with up to three significant digits and a letter, for pictures.

    >>> tally(655_900), tally(2_240_000), tally(812), tally(0)
    ('656k', '2.24M', '812', '0')
    """
    return f"{value:.3g}" if abs(value) < THOUSAND - 0.5 else _lettered(value)


def _lettered(value: float) -> str:
    for letter, size in (("k", 1e3), ("M", 1e6)):
        scaled = float(f"{value / size:.3g}")
        if abs(scaled) < THOUSAND:
            return f"{scaled:.3g}{letter}"
    return f"{float(f'{value / 1e9:.3g}'):,.6g}B"
