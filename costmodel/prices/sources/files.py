"""Finding and reading the files of a source: a file, a folder, a wheel or an installed package."""

from __future__ import annotations

import csv
import fnmatch
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from costmodel.errors import DataError

ARCHIVES = (".whl", ".zip")
DISTRIBUTION = re.compile(r"(?P<name>[A-Za-z0-9_.]+?)-(?P<version>\d[A-Za-z0-9.]*)(?:-.*)?")


@dataclass(frozen=True)
class File:
    """One file of a source.

    Attributes:
        name: How messages call it.
        data: What it holds.
        version: Package and version it came from, blank if not known.
    """

    name: str
    data: bytes = field(repr=False)
    version: str = ""

    @cached_property
    def text(self) -> str:
        """The file as text.

        Raises:
            DataError: If it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            message = f"{self.name}: is not a UTF-8 text file"
            raise DataError(message) from None

    @cached_property
    def json(self) -> Any:
        """The file as JSON, None if it does not begin like JSON.

        Raises:
            DataError: If it begins like JSON and is none: cut off, for example.
        """
        if self.data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
            return None
        try:
            return orjson.loads(self.data.lstrip(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as error:
            message = (
                f"{self.name} line {error.lineno}: is not complete JSON ({error.msg}); "
                "fetch the file again"
            )
            raise DataError(message) from None

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The names of the columns, if it is a CSV file."""
        if self.json is not None:
            return ()
        line = self.text.partition("\n")[0]
        return tuple(cell.strip() for cell in next(csv.reader(io.StringIO(line)), []))

    def table(self) -> pd.DataFrame:
        """Return the file as a table of text.

        Raises:
            DataError: If it is no whole CSV table.
        """
        try:
            return pd.read_csv(io.StringIO(self.text), dtype=str, keep_default_na=False)
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            message = f"{self.name}: is not a whole CSV table ({' '.join(str(error).split())})"
            raise DataError(message) from None


def _wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether a path ends as one of the patterns says."""
    return any(fnmatch.fnmatch(f"/{name}", f"*/{pattern}") for pattern in patterns)


def _version(folder: Path, package: str) -> str:
    """Return name and version of a package by the folder that describes it, else a blank."""
    for described in sorted(folder.glob("*.dist-info")):
        found = DISTRIBUTION.fullmatch(described.stem)
        if found and found["name"].replace("-", "_").lower() == package.lower():
            return f"{found['name'].replace('_', '-')} {found['version']}"
    return ""


def _in_archive(path: Path, patterns: Sequence[str]) -> list[File]:
    found = DISTRIBUTION.fullmatch(path.stem) if path.suffix == ".whl" else None
    version = f"{found['name'].replace('_', '-')} {found['version']}" if found else ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _wanted(name, patterns)]
            return [
                File(f"{path.name}:{name}", archive.read(name), version) for name in sorted(names)
            ]
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
        message = f"{path}: is not a whole archive ({error}); fetch it again"
        raise DataError(message) from None


def _in_folder(folder: Path, patterns: Sequence[str], version: str = "") -> list[File]:
    # the pattern that comes first counts: others name older layouts of the same source
    for pattern in patterns:
        paths = sorted(
            (p for p in folder.rglob(pattern.rpartition("/")[2]) if p.is_file()),
            key=lambda p: (len(p.parts), p.as_posix()),
        )
        paths = [p for p in paths if _wanted(p.relative_to(folder.parent).as_posix(), [pattern])]
        if paths:
            return [
                File(
                    p.relative_to(folder.parent).as_posix(),
                    read_bytes(p),
                    version or _version(p.parent.parent, p.parent.name),
                )
                for p in paths
            ]
    return []


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror or error})"
        raise DataError(message) from None


def find_files(where: str, patterns: Sequence[str]) -> list[File]:
    """Return the files of a source.

    Args:
        where: File, folder, wheel or zip archive, or the name of an installed package; nothing of
            a package is run or imported.
        patterns: How the paths of the files end, the newest layout first.

    Raises:
        DataError: If there is nothing of that name, or no such file inside.
    """
    path = Path(where)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError):
        is_file = is_folder = False
    if is_file and path.suffix in ARCHIVES:
        found = _in_archive(path, patterns)
    elif is_file:
        name = f"{path.absolute().parent.name}/{path.name}"
        found = [File(name, read_bytes(path), _version(path.parent.parent, path.parent.name))]
    elif is_folder:
        found = _in_folder(path, patterns)
    else:
        found = _in_package(where, patterns)
    if not found:
        message = f"{where}: holds no file called {' or '.join(patterns)}"
        raise DataError(message)
    return found


def _in_package(name: str, patterns: Sequence[str]) -> list[File]:
    spec = None
    if re.fullmatch(r"[A-Za-z][\w-]*", name):
        spec = find_spec(name.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        message = f"{name}: no file, folder or installed package of that name"
        raise DataError(message)
    try:
        version = f"{name.replace('_', '-')} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        version = ""
    return _in_folder(Path(next(iter(spec.submodule_search_locations))), patterns, version)
