"""The command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import NoReturn

from costmodel.errors import CostModelError

# exit statuses; the last two are those that a shell reports for the signals INT and PIPE
BAD_INPUT, INTERRUPTED, NOT_READ = 2, 130, 141
LONGEST = 1500  # characters of a complaint; some quote what they found


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line.

    Bad input is one line on standard error and exit status 2. Ctrl-C and a reader that has seen
    enough of the output end it silently, with 130 and 141.
    """
    _open_streams()
    try:
        # here, so that Ctrl-C is heard while modules are imported
        from costmodel.cli.commands import run

        status = run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except CostModelError as error:
        status = _fail(str(error))
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        status = NOT_READ
    except UnicodeEncodeError as error:
        part = error.object[max(0, error.start - 20) : error.end + 20]
        status = _fail(f"{part!a} holds bytes that are not UTF-8 text")
    except MemoryError:
        status = _fail("not enough memory for that much")
    except OSError as error:
        # what no command foresees: a full disk, a device that went away
        status = _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    try:
        sys.stdout.flush()
    except OSError:
        # Python would complain of what it could not write
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _fail(message: str) -> int:
    with suppress(OSError):
        said = " ".join(message.split())
        said = said if len(said) <= LONGEST else f"{said[:LONGEST]} ..."
        print(f"costmodel: {said}", file=sys.stderr)
    return BAD_INPUT


def _open_streams() -> None:
    """Put an empty stream where one was closed, and make each take any character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
