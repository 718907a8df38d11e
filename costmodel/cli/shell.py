"""What the commands share: options, the price book in force, tables and JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup

from costmodel.analysis.wording import read_amount
from costmodel.errors import DataError, PriceError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from costmodel.prices.book import PriceBook

# as --help lists them; the README has the same order
ORDER = {
    "costmodel": "compare bill explain breakeven budget calendar advise diff report price train "
    "serve tokens usage actuals savings pricing claims validate fit lab",
    "pricing": "show history set seen add check stale fmt diff import audit rebuild init",
}


class InOrder(TyperGroup):
    """Commands in the order of `ORDER`, not in that of the modules they stand in."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names that --help lists."""
        return ORDER[self.name or ""].split()


app = typer.Typer(
    name="costmodel",
    cls=InOrder,
    help="What a language model costs to adapt, to serve and to keep.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
validate_app = typer.Typer(help="Check the program against known figures.")
pricing_app = typer.Typer(help="The price tables.", cls=InOrder)
app.add_typer(validate_app, name="validate")
app.add_typer(pricing_app, name="pricing")

# the ancestor of all complaints about a command line; Typer exports only its last heir
ClickError: type[Exception] = typer.BadParameter.__mro__[2]
WIDE = 180  # columns of a terminal in which everything fits
WIDTH_WITHOUT_TERMINAL = 200
CENT = 0.01
MOST_DRAWS = 1_000_000
MOST_WORKERS = 1000


def amount(text: str | float) -> float:
    """Read a number of tokens or requests: 1500, 20e6, 300k, 1.2M."""
    try:
        return read_amount(text)
    except DataError as error:
        raise typer.BadParameter(str(error)) from None


def day(text: str) -> date:
    """Read a date."""
    from costmodel.months import as_date

    try:
        return as_date(text)
    except DataError as error:
        raise typer.BadParameter(str(error)) from None


ScenarioFile = Annotated[Path, typer.Argument(metavar="FILE", help="Scenario file (TOML).")]
OptionName = Annotated[str, typer.Option("--option", help="Name of the option in the scenario.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--prices",
        metavar="FOLDER|REVISION",
        help="Lay a folder of tables over the others, or take the tables of a git revision.",
    ),
]
At = Annotated[
    date | None,
    typer.Option("--at", parser=day, metavar="DATE", help="Take the prices of one day throughout."),
]
On = Annotated[
    date | None,
    typer.Option("--on", parser=day, metavar="DATE", help="Day of the prices; today if left out."),
]


def count(name: str, text: str) -> Any:
    """Return an option that reads a number of tokens or requests."""
    return typer.Option(name, parser=amount, metavar="N", help=text)


def draws_option(text: str, least: int = 1) -> Any:
    """Return the option --draws, which reads a whole number."""

    def read(typed: str | float) -> int:
        number = amount(typed)
        if number != int(number) or not least <= number <= MOST_DRAWS:
            message = f"must be a whole number from {least} to {MOST_DRAWS:,}, got {typed}"
            raise typer.BadParameter(message)
        return int(number)

    return typer.Option("--draws", parser=read, metavar="N", help=text)


@contextmanager
def _tables_of(revision: str) -> Iterator[Path]:
    """Yield the price tables as a git revision of the checkout has them."""
    from costmodel.prices.book import shipped_dir

    home = Path.cwd() if Path("pricing").is_dir() else shipped_dir().parent
    if revision.startswith("-") or shutil.which("git") is None:
        message = f"--prices {revision}: no such folder"
        raise PriceError(message)
    found = subprocess.run(
        ["git", "-C", str(home), "archive", "--format=tar", revision, "pricing"],
        capture_output=True,
        check=False,
    )
    if found.returncode:
        message = f"--prices {revision}: neither a folder nor a git revision with price tables"
        raise PriceError(message)
    with tempfile.TemporaryDirectory() as folder:
        import tarfile

        with tarfile.open(fileobj=BytesIO(found.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder) / "pricing"


def price_book(prices: Sequence[str] | None, at: date | None = None) -> PriceBook:
    """Read the price tables in force: shipped, the user's own, those named."""
    from costmodel.prices.book import PriceBook, default_layers

    folders = [Path(name) for name in prices or [] if Path(name).is_dir()]
    for folder in folders:
        if next(folder.rglob("*.csv"), None) is None:
            message = f"--prices {folder}: holds no price tables that can be read"
            raise PriceError(message)
    revisions = [name for name in prices or [] if not Path(name).is_dir()]
    if len(revisions) > 1:
        message = f"--prices: name one revision, got {', '.join(revisions)}"
        raise PriceError(message)
    if revisions:
        with _tables_of(revisions[0]) as base:
            book = PriceBook.read(base, *folders, shipped=False)
        # the folder was a temporary one
        book = replace(book, folders=(f"revision {revisions[0]}", *book.folders[1:]))
    else:
        book = PriceBook.read(*default_layers(), *folders)
    return book if at is None else book.at(at)


def print_json(value: object) -> None:
    """Print a value for machines."""
    unicode = (sys.stdout.encoding or "utf-8").lower() == "utf-8"
    print(json.dumps(value, indent=2, ensure_ascii=not unicode, allow_nan=False))


def terminal() -> Console:
    """Return the terminal, or wide plain text where there is none."""
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            # for main; Rich would end with 1
            raise BrokenPipeError from None

    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return Terminal(width=width, highlight=False, emoji=False, markup=False, soft_wrap=False)


def grid(columns: Mapping[str, str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Make a table; `columns` says how each is aligned."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for name, justify in columns.items():
        table.add_column(
            name,
            justify=justify,  # type: ignore[arg-type]
            overflow="fold",
            no_wrap=name in ("Option", "Line", "Price row", "Date"),
        )
    for row in rows:
        table.add_row(*row)
    return table


def tables_named(folders: Sequence[str]) -> str:
    """Name the folders whose tables are in force."""
    from costmodel.prices.book import shipped_dir

    names = ["shipped tables" if Path(f) == shipped_dir() else f for f in folders]
    return ", then ".join(names)


def listed_price(usd: float | None) -> str:
    """Show a list price, or nothing where there is none."""
    return "" if usd is None or usd != usd else f"${usd:g}"  # noqa: PLR0124


def check_place(path: Path) -> None:
    """Refuse a place where no file can be written, before there is work to lose."""
    if path.is_dir():
        message = f"{path}: is a folder; name a file"
        raise DataError(message)
    if not path.parent.is_dir():
        message = f"{path}: cannot be written (no folder {path.parent})"
        raise DataError(message)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; a link stays one, a device or a pipe takes the text."""
    check_place(path)
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, "utf-8", "replace", newline="")
            return
        place = path.resolve()
        part = place.with_name(f"{place.name}.part")
        try:
            part.write_text(text, "utf-8", "replace", newline="")
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None


@contextmanager
def elsewhere(workers: int | None, dask: str | None, doing: str) -> Iterator[Executor | None]:
    """Yield what works on parts of files elsewhere, or nothing."""
    if workers is not None and dask is not None:
        message = "give --workers or --dask, not both"
        raise typer.BadParameter(message)
    if workers is not None:
        if not 1 <= workers <= MOST_WORKERS:
            message = f"--workers must be at least 1 and at most {MOST_WORKERS}, got {workers}"
            raise typer.BadParameter(message)
        from multiprocessing import get_context

        pool = ProcessPoolExecutor(workers, get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
        return
    if dask is None:
        yield None
        return
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        message = f"{doing} on a cluster needs Dask; pip install 'costmodel[dask]'"
        raise DataError(message) from None
    try:
        # not typed, all of it
        made: Any = LocalCluster if dask == "local" else None
        cluster = made(threads_per_worker=1, dashboard_address=None) if made else None
        client: Any = cast("Any", Client)(cluster or dask, timeout="10s")
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {dask} ({error})"
        raise DataError(message) from None
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
