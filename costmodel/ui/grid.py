"""A table of numbers to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class Grid(anywidget.AnyWidget):
    """A table of numbers to change, with a button that keeps them and one that does not.

    Attributes:
        rows: Rows: name, label, and cells by the name of their column (text, note, changed).
        columns: Columns: name and label.
        corner: Heading of the labels.
        caption: What the table shows.
        save: Words on the button that keeps the changes.
        said: What came of it.
        changed: Whether there is something to keep.
        shown: Counts what was shown; the browser draws when it changes.
    """

    _esm = HERE / "grid.js"
    _css = HERE / "grid.css"
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    columns: traitlets.List[Any] = traitlets.List().tag(sync=True)
    corner = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    save = traitlets.Unicode().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    changed = traitlets.Bool(False).tag(sync=True)  # noqa: FBT003
    shown = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        edited: Callable[[str, str, str], None],
        kept: Callable[[], None],
        undone: Callable[[], None],
    ) -> None:
        """Make an empty table.

        Args:
            edited: Called with row, column and text of a cell that was changed.
            kept: Called when the changes are to be kept.
            undone: Called when they are not.
        """
        super().__init__()
        self._edited, self._kept, self._undone = edited, kept, undone
        self.on_msg(self._told)

    def show(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[Mapping[str, str]],
        **words: str | bool,
    ) -> None:
        """Show other rows and columns; `words` are corner, caption, save, said and changed."""
        with self.hold_sync():
            self.rows, self.columns = list(rows), list(columns)
            for name, value in words.items():
                setattr(self, name, value)
            self.shown += 1

    def _told(self, _: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        if content.get("save"):
            self._kept()
        elif content.get("undo"):
            self._undone()
        else:
            self._edited(str(content["row"]), str(content["column"]), str(content["text"]))
