"""What a provider would refuse in a training file, found before money is spent.

Rules are those of the providers' pages on data for tuning, read on 2026-11-20: OpenAI and Azure
(fine-tuning guide and API specification 2.3.0), Vertex (supervised and preference tuning), Bedrock
(model customisation guide), Mistral (mistral-finetune).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from costmodel.tokens.records import ROLES
from costmodel.tokens.tally import KEPT, Tally

Words = Sequence[str]
Rule = Callable[[Words], str]

OPENAI_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# formats that a provider takes, by objective; others have to be converted first
ACCEPTED = {
    "openai": ("openai_chat", "openai_dpo", "openai_rft"),
    "azure": ("openai_chat", "openai_dpo", "openai_rft"),
    "together": ("openai_chat", "openai_dpo", "prompt_completion", "text"),
    "fireworks": ("openai_chat", "openai_dpo", "fireworks_preference"),
    "vertex": ("vertex_sft", "vertex_preference"),
    "bedrock": ("bedrock_converse", "bedrock_claude", "prompt_completion", "openai_rft"),
    "mistral": ("mistral", "openai_chat", "text"),
}
BEDROCK_CLAUDE = "bedrock (Claude)"


@dataclass(frozen=True)
class Refusal:
    """Records that a provider would refuse.

    Attributes:
        provider: Who.
        reason: Why.
        records: How many.
        lines: Lines of the first ones.
    """

    provider: str
    reason: str
    records: int
    lines: tuple[int, ...]


def _speakers(words: Words) -> list[str]:
    return [ROLES.get(word, word) for word in words if not word.startswith("+")]


def _openai(words: Words) -> str:
    strange = [word for word in words if word not in OPENAI_ROLES and not word.startswith("+")]
    if strange:
        return f"role {strange[0]!r} is none of {', '.join(OPENAI_ROLES)}"
    if "assistant" not in words:
        return "no message of the assistant"
    if "+answer to no call" in words:
        return "a tool answers a call that was not made (tool_call_id)"
    return "weight is neither 0 nor 1" if "+weight not 0 or 1" in words else ""


def _reinforced(words: Words) -> str:
    said = _speakers(words)
    return "" if said and said[-1] == "user" else "the last message is not the user's"


def _alternating(words: Words) -> str:
    said = [word for word in _speakers(words) if word != "system"]
    if not said or said[0] != "user":
        return "the first message is not the user's"
    if said[-1] != "assistant":
        return "the last message is not the assistant's"
    if any(a == b for a, b in itertools.pairwise(said)):
        return "user and assistant do not take turns"
    return "more than one system text" if _speakers(words).count("system") > 1 else ""


def _vertex(words: Words) -> str:
    said = [word for word in _speakers(words) if word not in ("system", "tool")]
    strange = [word for word in said if word not in ("user", "assistant")]
    if strange:
        return f"role {strange[0]!r} is neither user nor model"
    return "" if said and said[-1] == "assistant" else "the last content is not the model's"


def _mistral(words: Words) -> str:
    if "+id not of 9 characters" in words:
        return "the id of a tool call does not have 9 characters"
    said = _speakers(words)
    return "" if said and said[-1] == "assistant" else "the last message is not the assistant's"


RULES: dict[str, tuple[tuple[str, Rule], ...]] = {
    "openai_chat": (("openai", _openai), ("azure", _openai), ("mistral", _mistral)),
    "openai_rft": (("openai", _reinforced), ("azure", _reinforced)),
    "mistral": (("mistral", _mistral),),
    "bedrock_converse": (("bedrock", _alternating),),
    "bedrock_claude": ((BEDROCK_CLAUDE, _alternating),),
    "vertex_sft": (("vertex", _vertex),),
}
# fewest records that a provider takes
FEWEST = {"bedrock_claude": ((BEDROCK_CLAUDE, 32),), "openai_chat": (("openai", 10), ("azure", 10))}
FEWEST["openai_dpo"] = FEWEST["openai_chat"]


def refusals(tally: Tally, shape: str) -> list[Refusal]:
    """Return what providers that take this format would refuse, most records first.

    Args:
        tally: The counted file.
        shape: Its format.
    """
    return sorted(_found(tally, shape), key=lambda found: (-found.records, found.provider))


def _found(tally: Tally, shape: str) -> Iterator[Refusal]:
    for provider, fewest in FEWEST.get(shape, ()):
        if tally.records < fewest:
            reason = f"fewer than {fewest} examples"
            yield Refusal(provider, reason, tally.records, ())
    for provider, rule in RULES.get(shape, ()):
        broken: dict[str, tuple[int, list[int]]] = {}
        for words, (count, lines) in tally.signatures.items():
            reason = rule(words)
            if reason:
                known, at = broken.get(reason, (0, []))
                broken[reason] = (known + count, at + lines)
        for reason, (count, lines) in broken.items():
            yield Refusal(provider, reason, count, tuple(sorted(lines)[:KEPT]))
