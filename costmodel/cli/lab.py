"""`costmodel lab`: the notebooks in JupyterLab."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from costmodel.cli.shell import Json, app, print_json, terminal
from costmodel.errors import DataError


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
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Start JupyterLab.")] = True,  # noqa: FBT002
    json_: Json = False,  # noqa: FBT002
) -> None:
    """Copy notebooks and scenarios to a working folder, never overwriting, and open JupyterLab."""
    from importlib.util import find_spec

    if open_ and find_spec("jupyterlab") is None:
        message = "JupyterLab is not installed; pip install 'costmodel[notebooks]'"
        raise DataError(message)
    copied = []
    home = notebooks_dir()
    try:
        for source in sorted(home.rglob("*")):
            target = folder / source.relative_to(home)
            hidden = any(part.startswith((".", "__")) for part in source.relative_to(home).parts)
            if source.is_file() and not target.exists() and not hidden:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                copied.append(str(target))
    except OSError as error:
        message = f"{folder}: cannot be written ({error.strerror or error})"
        raise DataError(message) from None
    if json_:
        print_json({"folder": str(folder), "copied": copied})
    else:
        terminal().print(f"{len(copied)} files copied to {folder}; files already there were kept")
    if open_:
        raise typer.Exit(
            subprocess.run(
                [sys.executable, "-m", "jupyterlab", str(folder)], check=False
            ).returncode
        )
