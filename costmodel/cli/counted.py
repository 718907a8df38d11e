"""What `costmodel tokens FILE` prints for people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from costmodel.cli.shell import grid, terminal

EACH = 3  # offers of a provider shown in the terminal
SHOWN = 8  # problems, refusals and offers shown in the terminal
BAR = 30  # columns of the longest bar


def show(report: Mapping[str, Any]) -> None:
    """Print what a dataset holds, and what each provider bills for training on it."""
    console = terminal()
    sampled = report["sampled"]
    about = "about " if sampled else ""
    how = report["said"] or f"{report['encoding']}, {report['engine']}"
    console.print(
        f"{report['file']}: {report['format']}, {about}{report['records']:,} records, "
        f"{about}{report['tokens']:,} tokens of {report['model']} ({how})"
    )
    if sampled:
        console.print(
            f"Estimated from {sampled['records']:,} records: 95 % interval "
            f"{sampled['tokens_low']:,} to {sampled['tokens_high']:,} tokens"
        )
    roles = sorted(report["by_role"].items(), key=lambda item: -item[1])
    total = max(report["tokens"], 1)
    shown = ", ".join(f"{name} {value:,} ({value / total:.0%})" for name, value in roles)
    console.print(f"By role: {shown}")
    q = report["quantiles"]
    console.print(
        f"Tokens of a record: mean {q['mean']:,.1f}, P50 {q['p50']:,.0f}, P90 {q['p90']:,.0f}, "
        f"P99 {q['p99']:,.0f}, max {q['max']:,.0f}"
    )
    for line in _bars(report["histogram"]):
        console.print(line)
    _print_notes(console, report)
    _print_billed(console, report)


def _bars(histogram: Sequence[Mapping[str, float]]) -> Iterator[str]:
    if sum(bin_["examples"] for bin_ in histogram) <= 1:
        return
    most = max(bin_["examples"] for bin_ in histogram)
    width = len(f"{histogram[-1]['to']:,}")
    for bin_ in histogram:
        bar = "█" * math.ceil(BAR * bin_["examples"] / most)
        ends = f"{bin_['from']:>{width},} - {bin_['to']:>{width},}"
        yield f"  {ends}  {bar} {bin_['examples']:,}"


def _print_notes(console: Any, report: Mapping[str, Any]) -> None:
    """Print what is wrong with the file, before the prices."""
    over = report["over_limit"]
    if over["limit"] is not None:
        lines = ", ".join(f"{_at(one)} ({one['tokens']:,})" for one in over["first"][:SHOWN])
        console.print(
            f"Over {over['limit']:,.0f} tokens: {over['examples']:,} examples"
            + (f"; first lines (tokens): {lines}" if lines else "")
        )
    if report["duplicates"]:
        console.print(f"Duplicates: {report['duplicates']:,} records stand there before")
    images = report["images"]
    if images["count"]:
        unknown = images["count"] - images["of_known_size"]
        cost = "" if images["tokens"] is None else f", {images['tokens']:,} tokens on top"
        rest = f"; the size of {unknown:,} is not known, they are not counted" if unknown else ""
        console.print(f"Pictures and other media: {images['count']:,}{cost}{rest}")
    if report["problem_count"]:
        console.print(f"Problems: {report['problem_count']:,}")
        for one in report["problems"][:SHOWN]:
            where = "a record drawn" if one["line"] is None else f"line {_at(one)}"
            console.print(f"  {where}: {one['reason']}")
        if report["problem_count"] > SHOWN:
            console.print("  ... all with --json")
    for found in report["preflight"][:SHOWN]:
        files = found.get("files", [None] * len(found["lines"]))
        places = [
            {"line": line, "file": file} for line, file in zip(found["lines"], files, strict=True)
        ]
        at = ", ".join(_at(place) for place in places[:SHOWN])
        where = f" (lines {at}{', ...' if found['records'] > SHOWN else ''})" if at else ""
        console.print(
            f"Refused by {found['provider']}: {found['records']:,} records: {found['reason']}"
            f"{where}"
        )


def _at(place: Mapping[str, Any]) -> str:
    """Write a line, with its file where there are several."""
    file = place.get("file")
    return f"{place['line']:,}" if file is None else f"{place['line']:,} of {file}"


def _print_billed(console: Any, report: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import money
    from costmodel.tokens.preflight import ACCEPTED

    offers = report["billed"]
    if not offers:
        return
    taken = [offer for offer in offers if offer["refused"] is None]
    cheapest = [
        offer
        for k, offer in enumerate(taken)
        if sum(other["provider"] == offer["provider"] for other in taken[:k]) < EACH
    ]
    rows = [
        [
            offer["provider"],
            " ".join(filter(None, [offer["sku"], offer["region"], _mode(offer["mode"])])),
            f"{offer['billed_tokens']:,.0f}",
            f"{offer['epochs']:g}",
            f"{offer['trained_tokens']:,.0f}",
            money(offer["train_usd"]),
            offer["counted"],
            ""
            if report["format"] in ACCEPTED.get(offer["provider"], (report["format"],))
            else "yes",
            f"{offer['file']}:{offer['row']}",
        ]
        for offer in cheapest
    ]
    columns = {"Provider": "left", "What": "left", "Tokens of an epoch": "right"}
    columns |= {"Epochs": "right", "Billed tokens": "right", "Training": "right"}
    columns |= {"Counted": "left", "Convert": "left", "Price row": "left"}
    console.print(grid(columns, rows, "What each provider bills for training on it"))
    closed = len(offers) - len(taken)
    if closed:
        reasons = sorted(
            {f"{o['provider']} {o['sku']}: {o['refused']}" for o in offers if o["refused"]}
        )
        for text in reasons[:SHOWN]:
            console.print(f"Not today: {text}")
    hidden = len(taken) - len(cheapest) + max(0, closed - SHOWN)
    if hidden:
        console.print(f"... and {hidden} further offers, all with --json")


def _mode(mode: str) -> str:
    return "" if mode == "standard" else mode
