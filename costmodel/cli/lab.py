"""`costmodel lab`: the notebooks in JupyterLab."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from costmodel.cli.shell import Json, app, print_json, terminal
from costmodel.errors import DataError

FIRST = "00_start_here.ipynb"


def notebooks_dir() -> Path:
    """Return the shipped notebooks: inside an installed package, or beside the checkout."""
    package = Path(str(files("costmodel")))
    inside = package / "notebooks"
    return inside if inside.is_dir() else package.parent / "notebooks"


@app.command()
def lab(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Working folder for the notebooks.")
    ] = Path("costmodel-notebooks"),
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Start JupyterLab.")] = True,
    json_: Json = False,
) -> None:
    """Copy notebooks and scenarios to a working folder, never overwriting, and open JupyterLab."""
    from importlib.util import find_spec

    missing = [name for name in ("jupyterlab", "anywidget", "plotly") if find_spec(name) is None]
    if open_ and missing:
        message = f"{missing[0]} is not installed; pip install 'costmodel[notebooks]'"
        raise DataError(message)
    copied, kept = _copy(notebooks_dir(), folder)
    if json_:
        print_json({"folder": str(folder), "copied": copied, "kept": kept})
    else:
        said = f"; {len(kept)} that you changed were kept: {', '.join(kept)}" if kept else ""
        terminal().print(f"{len(copied)} files copied to {folder}{said}")
    if open_:
        _open(folder)


def _copy(home: Path, folder: Path) -> tuple[list[str], list[str]]:
    """Copy what is not there yet; return what was copied, and what is there and differs."""
    copied, kept = [], []
    try:
        for source in sorted(home.rglob("*")):
            name = source.relative_to(home)
            target = folder / name
            if not source.is_file() or any(part.startswith((".", "__")) for part in name.parts):
                continue
            if target.exists():
                kept += [str(target)] if target.read_bytes() != source.read_bytes() else []
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            # whole or not at all: half a file would be kept for ever
            part = target.with_name(f".{target.name}.part")
            shutil.copyfile(source, part)
            part.replace(target)
            copied.append(str(target))
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None
    return copied, kept


def _open(folder: Path) -> NoReturn:
    """Become JupyterLab, at the first notebook and with the price tables in force here."""
    from costmodel.prices.book import default_layers

    # a kernel runs in the folder of its notebook, where ./pricing would be another one
    for layer in default_layers():
        os.environ["COSTMODEL_PRICES"] = str(layer.resolve())
    words = [f"--ServerApp.root_dir={folder.resolve()}", f"--LabApp.default_url=/lab/tree/{FIRST}"]
    # in a container everybody is root, and JupyterLab would refuse
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *words])
