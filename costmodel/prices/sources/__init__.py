"""Price tables of others, read into one layout; they never price anything by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import orjson
import pandas as pd

from costmodel.errors import DataError, PriceError
from costmodel.prices.sources import (
    aws_price_list,
    azure_retail,
    deprecations,
    genai_prices,
    gpuhunt,
    litellm,
    models_dev,
    openrouter,
    portkey,
    skypilot,
)
from costmodel.prices.sources.files import File, find_files
from costmodel.prices.sources.frame import doubtful


@dataclass(frozen=True)
class Source:
    """One source of prices.

    Attributes:
        name: As the command names it, and its file in `imported/`.
        patterns: How the paths of its files end, the newest layout first.
        is_mine: Whether a file is laid out like it.
        read: From its files and the day of the import to the common layout.
        address: Where `--download` fetches it; blank where nothing can be fetched in one file.
        page: The address of rows that name none of their own.
        several: Whether it comes as many files.
    """

    name: str
    patterns: tuple[str, ...]
    is_mine: Callable[[File], bool]
    read: Callable[[Sequence[File], str], pd.DataFrame]
    address: str
    page: str
    several: bool = False


# what reading a file meets that looks like a source's and is laid out otherwise
BROKEN = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError),
    *(OSError, pd.errors.InvalidIndexError, PriceError),
)
PATIENCE_S, MOST_PAGES = 60.0, 500
RAW = "https://raw.githubusercontent.com"
SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "litellm",
            ("model_prices_and_context_window*.json",),
            litellm.is_mine,
            litellm.read,
            f"{RAW}/BerriAI/litellm/main/model_prices_and_context_window.json",
            "https://github.com/BerriAI/litellm",
        ),
        Source(
            "genai-prices",
            ("genai_prices/data.py", "prices/data.json"),
            genai_prices.is_mine,
            genai_prices.read,
            f"{RAW}/pydantic/genai-prices/main/prices/data.json",
            "https://github.com/pydantic/genai-prices",
        ),
        Source(
            "portkey",
            ("pricing/*.json",),
            portkey.is_mine,
            portkey.read,
            "https://codeload.github.com/Portkey-AI/models/zip/refs/heads/main",
            portkey.PAGE,
            several=True,
        ),
        Source(
            "models-dev",
            ("api.json", "*.toml"),
            models_dev.is_mine,
            models_dev.read,
            "https://models.dev/api.json",
            models_dev.PAGE,
            several=True,
        ),
        Source(
            "openrouter",
            ("models.json",),
            openrouter.is_mine,
            openrouter.read,
            "https://openrouter.ai/api/v1/models",
            openrouter.PAGE,
        ),
        Source(
            "azure-retail",
            ("azure_genai_prices/data/snapshot.json", "*.json"),
            azure_retail.is_mine,
            azure_retail.read,
            azure_retail.ADDRESS,
            azure_retail.PAGE,
            several=True,
        ),
        Source(
            "aws-price-list",
            ("index.json", "*.json"),
            aws_price_list.is_mine,
            aws_price_list.read,
            aws_price_list.ADDRESS,
            aws_price_list.PAGE,
            several=True,
        ),
        Source(
            "deprecations",
            ("deprecations.json", "data.json"),
            deprecations.is_mine,
            deprecations.read,
            "https://deprecations.info/api/v1/deprecations.json",
            "https://deprecations.info",
        ),
        Source(
            "skypilot",
            ("vms.csv",),
            skypilot.is_mine,
            skypilot.read,
            "https://codeload.github.com/skypilot-org/skypilot-catalog/zip/refs/heads/master",
            skypilot.PAGE,
            several=True,
        ),
        Source(
            "gpuhunt",
            ("*.csv",),
            gpuhunt.is_mine,
            gpuhunt.read,
            "",
            gpuhunt.PAGE,
            several=True,
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Reading:
    """What a source says.

    Attributes:
        source: Where from.
        frame: Rows in the common layout (`sources.frame.COLUMNS`).
        version: Package and version, blank if not known.
        as_of: Day on which the source was gathered, where it says so.
    """

    source: Source
    frame: pd.DataFrame
    version: str
    as_of: str = ""

    @property
    def origin(self) -> str:
        """Name and version."""
        return self.version or self.source.name


def read(name: str, where: str, on: date) -> Reading:
    """Read a source.

    Args:
        name: One of `SOURCES`.
        where: File, folder, wheel or archive, or the name of an installed package.
        on: Day of the import.

    Raises:
        DataError: If nothing is there, if it is broken, or if it is another source's.
    """
    source = SOURCES[name]
    try:
        files = find_files(where, source.patterns)
    except DataError as error:
        message = f"{error}{_held(where, source)}"
        raise DataError(message) from None
    files = files if source.several else files[:1]
    try:
        mine = [file for file in files if source.is_mine(file)]
    except RecursionError:
        mine = []
    if not mine:
        raise DataError(_not_mine(files[0], source))
    try:
        frame = source.read(mine, on.isoformat())
    except DataError:
        raise
    except BROKEN as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:80]
        message = f"{mine[0].name}: is not laid out as {name} was ({said}); nothing was imported"
        raise DataError(message) from None
    if frame.empty:
        message = f"{mine[0].name}: holds no price of {name}"
        raise DataError(message)
    frame.loc[frame["source"] == "", "source"] = source.page
    return Reading(source, doubtful(frame), mine[0].version, _gathered(mine))


def _gathered(files: Sequence[File]) -> str:
    """Return the last day that the files say they were gathered on."""
    days = [""]
    for file in files:
        data = file.json
        if isinstance(data, dict):
            days.append(str(data.get("fetched_at") or "")[:10])
        elif isinstance(data, list):
            days += [str(row.get("scraped_at") or "")[:10] for row in data if isinstance(row, dict)]
    return max(days)


def _held(where: str, source: Source) -> str:
    """Say of which other source a folder holds files, if of any."""
    for other in SOURCES.values():
        try:
            files = find_files(where, other.patterns)
        except DataError:
            continue
        if other is not source and any(other.is_mine(file) for file in files):
            return f" but files of {other.name}: costmodel pricing import {other.name} {where}"
    return ""


def _not_mine(file: File, source: Source) -> str:
    """Say what a file is, if it is not what it was called."""
    others = [each.name for each in SOURCES.values() if each is not source and each.is_mine(file)]
    if others:
        return (
            f"{file.name}: is no file of {source.name} but of {others[0]}: "
            f"costmodel pricing import {others[0]}"
        )
    return f"{file.name}: is not laid out like a file of {source.name}"


def fetched(source: Source, address: str | None, folder: Path) -> Path:
    """Fetch a source from the network, all pages of it, and return where it lies.

    Args:
        source: What to fetch.
        address: Where from, if not from `source.address`.
        folder: Where to put it.

    Raises:
        DataError: If it cannot be fetched, or cannot be fetched in one file.
    """
    next_ = address or source.address
    if not next_:
        message = f"{source.name} cannot be fetched in one file: fetch it and name the folder"
        raise DataError(message)
    pages = 0
    while next_ and pages < MOST_PAGES:
        if urlsplit(next_).scheme not in ("https", "http"):
            message = f"--download {next_}: is not an address"
            raise DataError(message)
        request = Request(next_, headers={"User-Agent": "costmodel"})
        try:
            with urlopen(request, timeout=PATIENCE_S) as answer:
                data = answer.read()
        except (URLError, OSError, ValueError) as error:
            message = f"{next_}: cannot be fetched ({getattr(error, 'reason', None) or error})"
            raise DataError(message) from None
        begin = data.lstrip()[:1]
        kind = ".zip" if data[:2] == b"PK" else ".json" if begin in (b"{", b"[") else ".csv"
        path = folder / f"page{pages}{kind}"
        path.write_bytes(data)
        pages += 1
        next_ = _next_page(data)
    return path if pages == 1 else folder


def _next_page(data: bytes) -> str:
    """Return the address of the page that follows, as Azure gives it."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return ""
    return str(found.get("NextPageLink") or "") if isinstance(found, dict) else ""
