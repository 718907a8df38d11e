"""What a dataset holds, added up: sums, the distribution of lengths, and what was wrong where.

Tallies of parts of a file add up, so that parts can be counted anywhere.
"""

from __future__ import annotations

import json
from collections import Counter as Counts
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from costmodel.tokens.chat import count_tools
from costmodel.tokens.counting import DEFAULT, Counter
from costmodel.tokens.records import CHOSEN, FIELDS, REJECTED, TOOLS_JSON, WIDTH, Batch

Integers = npt.NDArray[np.int64]

KEPT = 20  # lines kept of each kind of finding
LISTED = 1000  # problems listed one by one
DIGESTS = 10_000_000  # records up to which duplicates are counted
REMEMBERED = 1 << 23  # characters of instructions and tools that are remembered
# what fields are called where people read them
NAMED = {
    "tool_call": "tool calls",
    "name": "names",
    "pref_prompt": "prompt",
    "text": "text",
    "pref_chosen": "chosen",
    "pref_rejected": "rejected",
    "pc_prompt": "prompt",
    "pc_completion": "completion",
    "alpaca_system": "system",
    "alpaca_input": "input",
    "alpaca_instruction": "instruction",
    "alpaca_output": "output",
    "alpaca_history": "history",
}
LONGEST = 100  # over-long examples listed one by one


@dataclass(eq=False)
class Tally:
    """What a dataset, or a part of one, holds.

    Attributes:
        encoding, engine: In which it was counted, and by what.
        records: Records counted.
        lines: Lines read.
        bytes: Bytes read.
        shapes: Shape -> records.
        sums: Field or role -> tokens. [token]
        frames: Tokens of frames of messages, names of roles included. [token]
        tools: Tokens of tool definitions by the rule. [token]
        asked: Chats that are the prompt of a preference, text alone. [token]
        prompts: Prompts of preferences, frames and tools included. [token]
        messages: Messages of chats.
        chat_tokens, chat_most: By the chat rule, in all and of the longest. [token]
        lengths: Tokens of an example -> examples.
        reasons: Problem -> records that have it.
        problems: First ones: line and reason.
        long: First examples over the limit: line and tokens.
        signatures: Roles and calls of a record -> how many, and the first lines.
        digests: What tells records apart; None where there were too many to remember.
        images: Size of pictures -> how many.
    """

    encoding: str = DEFAULT
    engine: str = ""
    records: int = 0
    lines: int = 0
    bytes: int = 0
    shapes: Counts[str] = field(default_factory=Counts)
    sums: Counts[str] = field(default_factory=Counts)
    frames: int = 0
    tools: int = 0
    asked: int = 0
    prompts: int = 0
    messages: int = 0
    chat_tokens: int = 0
    chat_most: int = 0
    lengths: Counts[int] = field(default_factory=Counts)
    reasons: Counts[str] = field(default_factory=Counts)
    problems: list[tuple[int, str]] = field(default_factory=list)
    long: list[tuple[int, int]] = field(default_factory=list)
    signatures: dict[tuple[str, ...], tuple[int, list[int]]] = field(default_factory=dict)
    digests: list[npt.NDArray[np.uint64]] | None = field(default_factory=list)
    images: Counts[tuple[int, int] | None] = field(default_factory=Counts)

    @property
    def tokens(self) -> int:
        """Tokens of all examples: texts, frames, tools. [token]"""
        return sum(length * count for length, count in self.lengths.items())

    @property
    def duplicates(self) -> int | None:
        """Records that stand in the file before, byte for byte; None if there are too many."""
        if self.digests is None:
            return None
        every = np.concatenate(self.digests) if self.digests else np.zeros(0, np.uint64)
        return int(every.size - np.unique(every).size)

    def distribution(self) -> tuple[Integers, Integers]:
        """Return the lengths that occur, ascending, and how many examples have each."""
        lengths = np.array(sorted(self.lengths), np.int64)
        return lengths, np.array([self.lengths[int(n)] for n in lengths], np.int64)

    def quantile(self, share: float) -> int:
        """Return the length that a share of the examples does not exceed. [token]"""
        lengths, counts = self.distribution()
        if not lengths.size:
            return 0
        at = np.searchsorted(np.cumsum(counts), share * counts.sum(), side="left")
        return int(lengths[min(int(at), lengths.size - 1)])

    def mean_and_cv(self) -> tuple[float, float]:
        """Return mean length, and standard deviation over mean. [token], [1]"""
        lengths, counts = self.distribution()
        if not lengths.size:
            return 0.0, 0.0
        mean = float(np.average(lengths, weights=counts))
        variance = float(np.average((lengths - mean) ** 2, weights=counts))
        return mean, (variance**0.5 / mean if mean else 0.0)

    def problem(self, line: int, reason: str) -> None:
        """Note that a record could not be read, or differs from the others."""
        self.reasons[reason] += 1
        if len(self.problems) < LISTED:
            self.problems.append((line, reason))

    def add(self, other: Tally) -> None:
        """Add the part of a file that follows."""
        before = self.lines
        self.engine = self.engine or other.engine
        sums = ("records", "lines", "bytes", "frames", "tools", "asked", "prompts", "messages")
        for name in (*sums, "chat_tokens"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.chat_most = max(self.chat_most, other.chat_most)
        for name in ("shapes", "sums", "lengths", "reasons", "images"):
            getattr(self, name).update(getattr(other, name))
        room = LISTED - len(self.problems)
        self.problems += [(line + before, why) for line, why in other.problems[:room]]
        room = LONGEST - len(self.long)
        self.long += [(line + before, tokens) for line, tokens in other.long[:room]]
        for words, (count, lines) in other.signatures.items():
            mine, known = self.signatures.get(words, (0, []))
            known = known + [line + before for line in lines[: KEPT - len(known)]]
            self.signatures[words] = (mine + count, known)
        if self.digests is not None and other.digests is not None:
            self.digests += other.digests
            if self.records > DIGESTS:
                self.digests = None
        else:
            self.digests = None

    def by_role(self) -> dict[str, int]:
        """Return tokens by role, field and frame; they add up to `tokens`. [token]"""
        texts: Counts[str] = Counts()
        for name, count in self.sums.items():
            texts[NAMED.get(name, name)] += count if name != "tools_json" else 0
        rest = {"tool definitions": self.tools, "frames": self.frames}
        return {name: count for name, count in (texts + Counts(rest)).items() if count}

    def metrics(self) -> dict[str, int]:
        """Return counts under plain names: text alone, by role, and by the chat rule."""
        roles = {name: n for name, n in self.sums.items() if name not in FIELDS}
        asked = self.sums["pref_prompt"] + self.asked
        found = {
            "n_records": self.records,
            "n_messages": self.messages,
            "content_tokens": sum(roles.values()),
            **{f"content_tokens_{name}": count for name, count in sorted(roles.items())},
            "chat_rule_tokens": self.chat_tokens,
            "chat_rule_max": self.chat_most,
            "pref_vertex_billable": 2 * asked
            + self.sums["pref_chosen"]
            + self.sums["pref_rejected"],
        }
        fields = [name for name in FIELDS if name not in ("name", "thinking")]
        found |= {f"{name}_tokens": self.sums[name] for name in fields}
        found["pref_prompt_tokens"] = asked
        always = ("n_records", "content_tokens")
        return {name: int(count) for name, count in found.items() if count or name in always}


# counting a batch


def named(batch: Batch, sums: npt.NDArray[Any]) -> dict[str, Any]:
    """Name the sums over the columns of a batch that are not zero."""
    found: Counts[str] = Counts()
    for name, value in zip((*FIELDS, *batch.roles.names), sums.tolist(), strict=False):
        found[name] += value  # a role may bear the name of a field
    return {name: value for name, value in found.items() if value}


def prompt_tokens(table: Integers, lengths: Integers) -> Integers:
    """Return the tokens of each record before the answers of a preference, 0 without one. [token]

    Args:
        table: Tokens by record and code of field or role. [token], shape (N, WIDTH)
        lengths: Tokens of each record. [token], shape (N,)
    """
    answers = table[:, CHOSEN] + table[:, REJECTED]
    return np.where(answers > 0, lengths - answers, 0)


class Tallier:
    """Counts batches into a tally."""

    def __init__(self, count: Counter, threads: int, limit: float) -> None:
        """Take a counter, its threads, and the length above which an example is listed."""
        self.counter, self.threads, self.limit = count, threads, limit
        self.tally = Tally(count.encoding, count.engine)
        # instructions and tools come again and again
        self.memo: dict[str, int] = {}
        self.remembered = 0
        self.tool_memo: dict[str, int] = {}
        self.role_tokens: list[int] = []

    def _counts(self, batch: Batch) -> tuple[Integers, Integers]:
        """Count every text once; return where the counts belong."""
        if self.remembered > REMEMBERED:
            self.memo.clear()
            self.tool_memo.clear()
            self.remembered = 0
        new = list({text for _, text in batch.repeated if text not in self.memo})
        self.remembered += sum(map(len, new))
        counts = self.counter.counts([*batch.texts, *new], self.threads)
        self.memo.update(zip(new, counts[len(batch.texts) :].tolist(), strict=True))
        known = [self.memo[text] for _, text in batch.repeated]
        places = np.array(batch.places + [place for place, _ in batch.repeated], np.int64)
        return places, np.concatenate([counts[: len(batch.texts)], np.array(known, np.int64)])

    def _tools(self, batch: Batch) -> Integers:
        """Count the tools of each record by the rule of chats."""
        found = np.zeros(len(batch.frames), np.int64)
        for place, text in batch.repeated:
            if place % WIDTH == TOOLS_JSON:
                if text not in self.tool_memo:
                    self.tool_memo[text] = self._rule(text)
                found[place // WIDTH] += self.tool_memo[text]
        return found

    def _rule(self, text: str) -> int:
        try:
            tools = json.loads(text)
            tools = tools if isinstance(tools, list) else [tools]
            return count_tools([tool for tool in tools if isinstance(tool, dict)], self.counter)
        except (ValueError, AttributeError, RecursionError):
            return self.counter.count(text)

    def measured(self, batch: Batch) -> tuple[Integers, Integers, Integers, Integers]:
        """Count the texts of a batch.

        Returns:
            Tokens by record and code of field or role, shape (records, WIDTH); of the frames and
            of the tools of each record; and the length of each. [token]
        """
        n = len(batch.frames)
        missing = batch.roles.names[len(self.role_tokens) :]
        self.role_tokens += self.counter.counts(missing).tolist() if missing else []
        places, counts = self._counts(batch)
        size = n * WIDTH
        table: Integers = np.bincount(places, counts, size).astype(np.int64).reshape(n, WIDTH)
        said = np.bincount(np.array(batch.said, np.int64), minlength=size).reshape(n, WIDTH)
        words = np.zeros(WIDTH, np.int64)
        words[len(FIELDS) : len(FIELDS) + len(self.role_tokens)] = self.role_tokens
        frames = np.array(batch.frames, np.int64) + said @ words
        tools = self._tools(batch)
        lengths: Integers = table.sum(axis=1) - table[:, TOOLS_JSON] + frames + tools
        return table, frames, tools, lengths

    def count(self, batch: Batch) -> None:
        """Add a batch to the tally."""
        tally = self.tally
        if not batch.frames:
            return
        table, frames, tools, lengths = self.measured(batch)
        tally.sums.update(named(batch, table.sum(axis=0)))
        tally.frames += int(frames.sum())
        tally.tools += int(tools.sum())
        chat = table[:, len(FIELDS) :].sum(axis=1)
        tally.asked += int(chat[np.array(batch.prompts, np.int64) // WIDTH].sum())
        tally.prompts += int(prompt_tokens(table, lengths).sum())
        tally.messages += len(batch.said)
        chats = np.array(batch.chats, np.int64) // WIDTH
        if chats.size:
            # names stand outside the text of a role, and inside the rule
            by_rule = chat[chats] + frames[chats] + table[chats, FIELDS.index("name")]
            tally.chat_tokens += int(by_rule.sum())
            tally.chat_most = max(tally.chat_most, int(by_rule.max()))
        occurring, each = np.unique(lengths, return_counts=True)
        tally.lengths.update(dict(zip(occurring.tolist(), each.tolist(), strict=True)))
        for k in np.flatnonzero(lengths > self.limit)[: LONGEST - len(tally.long)]:
            tally.long.append((batch.lines[k], int(lengths[k])))
        self._labels(batch)
        tally.records += len(batch.frames)

    def _labels(self, batch: Batch) -> None:
        """Add what a batch holds beside tokens."""
        tally = self.tally
        tally.shapes.update(batch.shapes)
        tally.images.update(batch.images)
        for words, line in zip(batch.signatures, batch.lines, strict=True):
            count, lines = tally.signatures.get(words, (0, []))
            if count < KEPT:
                lines.append(line)
            tally.signatures[words] = (count + 1, lines)
        if tally.digests is not None:
            tally.digests.append(np.array(batch.digests, np.uint64))
            if tally.records > DIGESTS:
                tally.digests = None
