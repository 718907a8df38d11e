"""The commands, and what runs one of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from costmodel.cli import (
    actuals,
    budget,
    calendar,
    decisions,
    fits,
    imports,
    lab,
    lives,
    pricing,
    rates,
    report,
    savings,
    scenarios,
    serving,
    shown,
    tables,
    tokens,
    usage,
)
from costmodel.cli.shell import ClickError, app
from costmodel.errors import DataError

# each module registers its commands
MODULES = (
    *(scenarios, decisions, budget, actuals, savings, report, calendar, rates, tokens),
    *(tables, pricing, shown, imports, fits, serving, lives, usage, lab),
)
# commands of two words whose first is a command of its own
TWO_WORDS = {("tokens", "calibrate"): tokens.CALIBRATE}


# options that name a file to write
OUTPUTS = ("--csv", "--focus", "--ics", "--output", "-o", "--rows", "--to-scenario", "--write")


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit status.

    Raises:
        CostModelError: If something is wrong with the input.
    """
    words = list(arguments) or ["--help"]
    joined = TWO_WORDS.get((words[0], "".join(words[1:2])))
    words = words if joined is None else [joined, *words[2:]]
    _spare_what_is_read(words)
    command = typer.main.get_command(app)
    try:
        with command.make_context("costmodel", imports.with_question(words)) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        # at a question, by Ctrl-C or the end of the input
        message = "stopped"
        raise DataError(message) from None
    except ClickError as error:
        at = getattr(error, "ctx", None)
        where = at.command_path if at else "costmodel"
        said = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
        message = f"{said}; see {where} --help"
        raise DataError(message) from None
    return 0


def _spare_what_is_read(words: Sequence[str]) -> None:
    """Refuse a command that would write over a file it reads, or twice to the same."""
    named: dict[int, Path] = {}  # place in the command line -> file
    # elsewhere it is a number of tokens
    outputs = {*OUTPUTS} - ({"--output"} if words[0] != "report" else set())
    for k, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in outputs and (equals or k + 1 < len(words)):
            named[k if equals else k + 1] = Path(value if equals else words[k + 1])
    for k, path in named.items():
        others = [other for at, other in named.items() if at != k]
        others += [Path(word) for at, word in enumerate(words) if at != k and path.is_file()]
        if path.resolve() in (other.resolve() for other in others):
            message = f"{path}: is named twice on this command line; write to another file"
            raise DataError(message)
