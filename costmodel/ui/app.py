"""The frame of an app in a notebook: controls, warnings, one verdict, tabs.

How to write an app: a function that returns an `App`.

    def which_text(text: str = "Hello") -> App:
        return App(
            fields=[Words("text", "Text")],                   # at most five; `more` is folded away
            state={"text": text},                             # what the fields set, by their names
            compute=lambda state: count(state["text"]),       # the one computation behind all tabs
            verdict=lambda found: f"{found.tokens} tokens.",  # one sentence
            tabs=[Tab("Histogram", lambda found: token_histogram(found.summary)), ...],
        )

`compute` runs at every change, so it should take a tenth of a second; a `CostModelError` from it is
shown in one sentence, and the last good state stays. What takes longer is the `needs` of a tab: a
function of what was computed and of a `step` to report progress to, in a thread, cancelled by the
next change; its result is the second argument of `draw`. `draw` returns a figure, HTML, `Files`, a
widget, or a list of these. The last tab should be "Numbers". Apps about a scenario file are made
by `costmodel.ui.scenario_app`, which knows the fields, `load`, `save` and the numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from threading import Event, RLock, Thread
from typing import Any

from ipywidgets import Tab as Tabs
from ipywidgets import VBox

from costmodel.errors import CostModelError
from costmodel.ui.chart import Chart
from costmodel.ui.controls import Field, Form
from costmodel.ui.screen import Page, Status

PAUSE = 0.35  # without a change before work in the background begins [s]
OFTEN = 0.2  # time between two reports of progress [s]
MOST_TABS, MOST_LETTERS = 7, 16

Step = Callable[[float], None]
Needs = Callable[[Any, Step], Any]
Fields = Sequence[Field] | Callable[[Any], Sequence[Field]]


@dataclass(frozen=True)
class Tab:
    """A tab.

    Attributes:
        title: At most 16 letters.
        draw: Function of what was computed (and of what `needs` returned) that returns a figure,
            HTML, `Files`, a widget, or a list of these.
        needs: What takes longer: a function of what was computed and of a `step` that is told the
            share that is done, and stops the work where it was cancelled.
    """

    title: str
    draw: Callable[..., Any]
    needs: Needs | None = None


@dataclass(frozen=True)
class Sure:
    """How sure a verdict is: a sentence that comes when the work behind it is done.

    Attributes:
        needs: The work, as of a tab.
        words: Function of what was computed and what `needs` returned.
        leads: Whether it is the verdict itself, before the sentence that is there at once.
    """

    needs: Needs
    words: Callable[[Any, Any], str]
    leads: bool = False


class CancelledError(Exception):
    """Work that nobody waits for any more."""


class Control:
    """A control of an app; setting `value` is what typing into it is."""

    def __init__(self, app: App, name: str) -> None:
        """Find the control of a name."""
        self._app, self._name = app, name

    @property
    def value(self) -> str:
        """The text that stands in it."""
        return str(self._app.form.texts[self._name])

    @value.setter
    def value(self, text: str) -> None:
        self._app.change({self._name: text})

    @property
    def error(self) -> str:
        """The sentence below it, blank if all is well."""
        return str(self._app.form.errors.get(self._name, ""))


class App(VBox):  # type: ignore[misc]
    """An app on a screen.

    Its element has the class `cm-app`, `data-state` (ready, working or error) and `data-seq`,
    which counts the answers.

    Attributes:
        state: What the controls set.
        found: What was computed from it.
    """

    def __init__(
        self,
        *,
        fields: Fields,
        state: Any,
        compute: Callable[[Any], Any],
        verdict: Callable[[Any], str],
        tabs: Sequence[Tab],
        more: Fields = (),
        warnings: Callable[[Any], Sequence[str]] = lambda _found: (),
        aside: Callable[[Any], str] = lambda _found: "",
        sure: Sure | None = None,
    ) -> None:
        """Make an app and work out its first state.

        Args:
            fields: Controls, at most five; or a function of what was computed that returns them.
            state: First state: name of a field -> its value, unless `read` and `put` say
                otherwise.
            compute: Function of the state: what all tabs show.
            verdict: Function of what was computed: one sentence.
            tabs: At most seven, the last one "Numbers".
            more: Further controls, folded away.
            warnings: Function of what was computed: sentences above the verdict.
            aside: Function of what was computed: what is said below the verdict, smaller.
            sure: How sure the verdict is.
        """
        if len(tabs) > MOST_TABS or any(len(tab.title) > MOST_LETTERS for tab in tabs):
            message = f"at most {MOST_TABS} tabs, with at most {MOST_LETTERS} letters each"
            raise ValueError(message)
        self._lock = RLock()
        self._fields, self._more = fields, more
        self._compute, self._verdict, self._warnings = compute, verdict, warnings
        self._aside, self._sure, self.tabs = aside, sure, tuple(tabs)
        self.state: Any = state
        self.found: Any = None
        self._known: dict[str, Field] = {}
        self._values: dict[str, Any] = {}  # what the controls show
        self._said = ("", "")
        self._number = 0  # of the state
        self._worked: dict[Needs, tuple[int, Any]] = {}
        self._work: Work | None = None
        self._declined = False
        self.form = Form(self.change)
        self.status = Status(self.cancel)
        self.pages = [Page() for _ in tabs]
        self.tab = Tabs(children=self.pages, titles=[tab.title for tab in tabs], selected_index=0)
        super().__init__([self.form, self.status, self.tab])
        self.add_class("cm-app")
        self.tab.observe(self._turned, "selected_index")
        if state is not None:
            self.become(state)

    # the state

    def read(self, state: Any, name: str) -> Any:
        """Return what a state says about a field."""
        return state.get(name)

    def put(self, state: Any, name: str, value: Any) -> Any:
        """Return a state with another value for a field."""
        return {**state, name: value}

    def control(self, name: str) -> Control:
        """Return the control of a field."""
        if name not in self._known:
            message = f"no control {name!r}; there are {', '.join(self._known)}"
            raise KeyError(message)
        return Control(self, name)

    @property
    def verdict(self) -> str:
        """The sentence above the tabs."""
        return str(self.status.verdict)

    @property
    def error(self) -> str:
        """What is wrong with what was asked last, blank if nothing is."""
        return str(self.status.fault) or next(iter(self.form.errors.values()), "")

    def change(self, changes: Mapping[str, Any]) -> None:
        """Take over what was typed; what cannot be read stays below its control as a sentence.

        Args:
            changes: Name of a field -> text.
        """
        with self._lock:
            state, errors, good = self.state, dict(self.form.errors), dict[str, str]()
            for name, text in changes.items():
                try:
                    state = self.put(state, name, self._known[name].read(text))
                    good[name] = text if isinstance(text, str) else text[0]
                    errors.pop(name, None)
                except CostModelError as error:
                    errors[name] = _sentence(error)
            if good:
                problem = self._take(state, good)
                if problem:
                    errors |= dict.fromkeys(good, problem)
            with self.form.hold_sync():
                texts = {n: t if isinstance(t, str) else t[0] for n, t in changes.items()}
                self.form.texts = {**self.form.texts, **texts}
                self.form.errors = errors
            self._settle_state()

    def become(self, state: Any) -> None:
        """Take over a whole state; what cannot be computed is said, and the last one stays."""
        with self._lock:
            problem = self._take(state, {})
            if not problem:
                self.form.errors = {}
            self.status.fault = problem
            self._settle_state()

    def fail(self, error: Exception) -> None:
        """Say what went wrong; everything else stays as it is."""
        with self._lock:
            self.status.fault = _sentence(error)
            self._settle_state()

    def _take(self, state: Any, typed: Mapping[str, str]) -> str:
        """Compute a state and show it; return what is wrong with it, blank if nothing is."""
        try:
            found = self._compute(state)
            verdict, warnings = self._verdict(found), list(self._warnings(found))
            aside = self._aside(found)
        except Exception as error:
            return _sentence(error)
        self.state, self.found = state, found
        self._number += 1
        self._declined = False
        self._stop()
        self._offer(typed)
        self._said = verdict, aside
        self.status.fault, self.status.warnings = "", warnings
        self._say()
        self._draw()
        self._next()
        return ""

    def _offer(self, typed: Mapping[str, str]) -> None:
        """Show what the state says in the controls; what was typed stays as it was typed."""
        main, more = (
            list(f(self.found)) if callable(f) else list(f) for f in (self._fields, self._more)
        )
        known = {one.name: one for one in (*main, *more)}
        old, texts, values = self.form.texts, {}, {}
        for name, one in known.items():
            values[name] = value = self.read(self.state, name)
            same = name in old and name in self._values and self._values[name] == value
            texts[name] = typed.get(name, old[name] if same else one.write(value))
        self._values = values
        with self.form.hold_sync():
            if known != self._known:
                self._known = known
                self.form.offer(main, more)
            self.form.texts = texts

    # the screen

    @property
    def page(self) -> Page:
        """The page of the tab on show."""
        return self.pages[self.tab.selected_index or 0]

    @property
    def charts(self) -> list[Chart]:
        """The pictures on the tab on show."""
        return self.page.charts

    def show(self, title: str) -> Page:
        """Turn to a tab, and return its page."""
        self.tab.selected_index = [tab.title for tab in self.tabs].index(title)
        return self.page

    def _turned(self, _: Any) -> None:
        with self._lock:
            self._declined = False
            if self.found is not None:
                self._draw()
                self._next()
                self._settle_state()

    def _draw(self) -> None:
        """Draw the tab on show, unless it shows the state already."""
        at = self.tab.selected_index or 0
        page, tab = self.pages[at], self.tabs[at]
        if page.shown == self._number:
            return
        try:
            if tab.needs is None:
                page.show(_parts(tab.draw(self.found)))
            else:
                number, worked = self._worked.get(tab.needs, (0, None))
                if number != self._number:
                    page.mark(AGED if page.shown >= 0 else COMING)
                    return
                page.show(_parts(tab.draw(self.found, worked)))
        except Exception as error:
            page.show([], _sentence(error))
        page.shown = self._number

    def _say(self) -> None:
        """Say the verdict, and how sure it is where that is known."""
        verdict, aside = self._said
        sure = ""
        if self._sure is not None and self._has(self._sure.needs):
            sure = self._sure.words(self.found, self._worked[self._sure.needs][1])
            if self._sure.leads:
                verdict, sure = f"{sure} {verdict}", ""
        with self.status.hold_sync():
            self.status.verdict = verdict
            self.status.sure = " ".join(filter(None, [sure, aside]))

    def _settle_state(self) -> None:
        """Say whether everything on show is there."""
        state = "error" if self.error else "working" if self._work is not None else "ready"
        with self.status.hold_sync():
            self.status.state = state
            self.status.seq += 1

    # work in the background

    def cancel(self) -> None:
        """Stop the work in the background; the last result stays on show."""
        with self._lock:
            self._stop()
            self._declined = True
            at = self.tab.selected_index or 0
            if self.tabs[at].needs is not None and self.page.shown != self._number:
                self.page.mark(STOPPED)
            self._settle_state()

    def settle(self, timeout: float = 120.0) -> None:
        """Wait until the work in the background is done."""
        end = time.monotonic() + timeout
        while (work := self._work) is not None and time.monotonic() < end:
            work.thread.join(max(end - time.monotonic(), 0.0))

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancelled.set()
            self._work = None
            self.status.progress = -1.0

    def _next(self) -> None:
        """Begin what is needed for the tab on show, or for how sure the verdict is."""
        wanted = [self.tabs[self.tab.selected_index or 0].needs]
        wanted += [self._sure.needs] if self._sure else []
        open_ = [n for n in wanted if n is not None and not self._has(n)]
        if self._work is not None and self._work.needs not in open_[:1]:
            self._stop()
        if open_ and self._work is None and not self._declined:
            self._work = Work(self, open_[0], self._number, self.found)
            self._work.thread.start()

    def _has(self, needs: Needs) -> bool:
        return self._worked.get(needs, (0, None))[0] == self._number

    def report(self, work: Work, share: float) -> None:
        """Show how far work is."""
        with self._lock:
            if work is self._work:
                with self.status.hold_sync():
                    self.status.progress = share
                    self.status.work = "Working it out" if share < 1 else ""

    def finish(self, work: Work, result: Any, problem: str = "") -> None:
        """Show what work came to."""
        with self._lock:
            if work is not self._work:
                return
            self._work = None
            self.status.progress = -1.0
            if problem:
                self._declined = True
                self.page.mark(problem)
            else:
                self._worked[work.needs] = (work.number, result)
                self._draw()
                if self._sure is not None and self._sure.needs is work.needs:
                    self._say()
            self._next()
            self._settle_state()


AGED = "As of the former input; the new figures are being worked out."
COMING = "Being worked out."
STOPPED = "Cancelled. Change a control or open the tab again to work it out."


class Work:
    """Work in the background for one state of an app."""

    def __init__(self, app: App, needs: Needs, number: int, found: Any) -> None:
        """Prepare it; `thread.start()` begins."""
        self.app, self.needs, self.number, self.found = app, needs, number, found
        self.cancelled = Event()
        self._last = 0.0
        run = copy_context().run  # what a thread says belongs to the cell that began it
        self.thread = Thread(target=run, args=(self._run,))

    def step(self, share: float) -> None:
        """Report the share that is done; stop if nobody waits for it any more."""
        if self.cancelled.is_set():
            raise CancelledError
        now = time.monotonic()
        if now - self._last > OFTEN:
            self._last = now
            self.app.report(self, share)

    def _run(self) -> None:
        if self.cancelled.wait(PAUSE):
            return
        try:
            self.step(0.0)
            result = self.needs(self.found, self.step)
        except CancelledError:
            return
        except Exception as error:
            self.app.finish(self, None, _sentence(error))
        else:
            self.app.finish(self, result)


def _parts(content: Any) -> Sequence[Any]:
    return content if isinstance(content, list | tuple) else [content]


def _sentence(error: Exception) -> str:
    if isinstance(error, CostModelError):
        return str(error)
    return f"this cannot be worked out ({type(error).__name__}: {error})"
