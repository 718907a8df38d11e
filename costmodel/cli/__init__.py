"""The command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

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
from costmodel.cli.shell import BAD_INPUT, ClickError, app
from costmodel.errors import CostModelError

# each module registers its commands
COMMANDS = (
    *(
        scenarios,
        decisions,
        budget,
        actuals,
        savings,
        report,
        calendar,
        rates,
        tokens,
        tables,
        pricing,
        shown,
        imports,
        fits,
        serving,
        lives,
        usage,
        lab,
    ),
)


# commands of two words whose first is a command of its own
TWO_WORDS = {("tokens", "calibrate"): tokens.CALIBRATE}


def _fail(message: str) -> int:
    print(f"costmodel: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    command = typer.main.get_command(app)
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    joined = TWO_WORDS.get((words[0], "".join(words[1:2])))
    words = words if joined is None else [joined, *words[2:]]
    words = imports.with_question(words)
    try:
        status = command.main(words, prog_name="costmodel", standalone_mode=False)
    except CostModelError as error:
        status = _fail(str(error))
    except ClickError as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "costmodel"
        said = str(getattr(error, "format_message", error.__str__)()).rstrip(".")
        status = _fail(f"{said}; see {where} --help")
    except (typer.Abort, KeyboardInterrupt):
        status = _fail("stopped")
    except BrokenPipeError:
        # the reader of our output has seen enough
        sys.stderr.close()
        status = 0
    sys.exit(status if isinstance(status, int) else 0)
