"""Parts of the screen of an app beside its controls: what it says, its pages, its files."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import anywidget
import traitlets
from ipywidgets import HTML, VBox, Widget

from costmodel.ui.chart import Chart

HERE = Path(__file__).parent
TYPES = {"csv": "text/csv", "html": "text/html", "toml": "application/toml", "ics": "text/calendar"}


@dataclass(frozen=True)
class Files:
    """Files to take away.

    Attributes:
        ready: Name -> text, small ones: they are in the page.
        made: Name -> function that makes the text when it is asked for.
        labels: Name -> words on the link; the name itself if left out.
    """

    ready: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


class Status(anywidget.AnyWidget):
    """Warnings above the verdict, how sure it is, and what is being worked on.

    What it says is shown when `seq` changes; `state` and `seq` are then written to the root of the
    app, as `data-state` and `data-seq`.
    """

    _esm = HERE / "status.js"
    _css = HERE / "status.css"
    fault = traitlets.Unicode().tag(sync=True)
    warnings: Any = traitlets.List().tag(sync=True)
    verdict = traitlets.Unicode().tag(sync=True)
    sure = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode("working").tag(sync=True)
    seq = traitlets.Int(0).tag(sync=True)
    progress = traitlets.Float(-1.0).tag(sync=True)
    work = traitlets.Unicode().tag(sync=True)

    def __init__(self, cancel: Callable[[], None]) -> None:
        """Make it; `cancel` is called when work is to stop."""
        super().__init__()
        self.on_msg(lambda _widget, _content, _buffers: cancel())


class Downloads(anywidget.AnyWidget):
    """Links to files."""

    _esm = HERE / "downloads.js"
    files: Any = traitlets.List().tag(sync=True)

    def __init__(self) -> None:
        """Offer nothing yet."""
        super().__init__()
        self._made: Mapping[str, Callable[[], str]] = {}
        self.on_msg(self._asked)

    def offer(self, files: Files) -> None:
        """Offer some files."""
        self._made = files.made
        ready = [
            {"name": name, "label": files.labels.get(name, name), "href": _address(name, text)}
            for name, text in files.ready.items()
        ]
        made = [{"name": name, "label": files.labels.get(name, name)} for name in files.made]
        self.files = ready + made

    def _asked(self, _: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        Thread(target=self._make, args=(str(content["make"]),), daemon=True).start()

    def _make(self, name: str) -> None:
        text = b""
        try:
            text = self._made[name]().encode()
        finally:
            # without a file the link goes back to what it was
            self.send({"name": name, "type": _type(name)}, [text] if text else [])


def _type(name: str) -> str:
    return f"{TYPES.get(name.rpartition('.')[2], 'text/plain')};charset=utf-8"


def _address(name: str, text: str) -> str:
    return f"data:{_type(name)};base64,{b64encode(text.encode()).decode()}"


class Page(VBox):  # type: ignore[misc]
    """The inside of a tab: pictures, text and files below each other."""

    def __init__(self) -> None:
        """Make an empty page."""
        super().__init__()
        self.add_class("cm-page")
        self.note = HTML()
        self.note.add_class("cm-html")
        self.children: tuple[Widget, ...] = ()
        self.shown = -1  # number of the state that is on it

    @property
    def charts(self) -> list[Chart]:
        """The pictures on it."""
        return [child for child in self.children if isinstance(child, Chart)]

    @property
    def html(self) -> str:
        """The text on it."""
        parts = [c.value for c in self.children if isinstance(c, HTML) and c is not self.note]
        return "\n".join(parts)

    def show(self, parts: Sequence[Any], note: str = "") -> None:
        """Show other content; what is there already is changed, not replaced."""
        old: list[Widget] = list(self.children[1:])
        made: list[Widget] = []
        for k, part in enumerate(parts):
            before = old[k] if k < len(old) else None
            made.append(_shown(part, before))
        self.mark(note)
        if [id(w) for w in made] != [id(w) for w in old]:
            self.children = (self.note, *made)

    def mark(self, note: str) -> None:
        """Write a note above the content, or none."""
        self.note.value = f'<div class="aged">{note}</div>' if note else ""


def _shown(part: Any, before: Any) -> Widget:
    """Return a widget for a part of a page, the one before if it can show it."""
    if isinstance(part, Widget):
        return part
    if isinstance(part, str):
        html = before if type(before) is HTML else HTML()
        html.add_class("cm-html")
        # what stands between two dollar signs is no formula
        html.value = f'<div class="tex2jax_ignore mathjax_ignore">{part}</div>'
        return html
    if isinstance(part, Files):
        downloads = before if isinstance(before, Downloads) else Downloads()
        downloads.offer(part)
        return downloads
    chart = before if isinstance(before, Chart) else Chart()
    chart.show(part)
    return chart
