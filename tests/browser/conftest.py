"""A JupyterLab of its own and Debian's Chromium, for tests of what users see.

Nothing is shared with the settings of the user, and nothing outside this machine is asked. Tests
wait for what the page says (kernel idle, cell done, `data-drawn`), never for time to pass.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    TimeoutError,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
PLAIN = ("00_start_here.ipynb", "09_use_in_scripts.ipynb")
APPS = [name for name in NOTEBOOKS if name not in PLAIN]
SCENARIO_APPS = [name for name in APPS if name[:2] in ("01", "02", "03")]
PICTURES = ROOT / ".screenshots"
HEIGHT = 1200
TOKEN = "costmodel"
PATIENCE = 60_000  # of a busy machine [ms]
# no news, no look for updates, and cells off the screen are drawn, too
SETTINGS: dict[str, dict[str, object]] = {
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"checkForUpdates": False, "fetchNews": "false"},
}
COSTMODEL = (sys.executable, "-c", "from costmodel.cli import main; main()")
PRIVATE = (
    *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
)
SERVER: dict[str, dict[str, object]] = {
    "ServerApp": {"open_browser": False, "ip": "127.0.0.1", "port": 0},
    "IdentityProvider": {"token": TOKEN},
    "LabApp": {
        "expose_app_in_browser": True,
        "extension_manager": "readonly",
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    },
}
CHROMIUM = (
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-default-apps", "--disable-domain-reliability", "--no-pings"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"
OURS = ".jp-OutputArea-output, .jp-MarkdownOutput"
CELLS = "window.jupyterapp.shell.currentWidget.content.widgets.filter(w => w.model.type === 'code')"
FAILED = '[data-mime-type="application/vnd.jupyter.error"]'
SETTLED = """() => {
    const light = document.body.dataset.jpThemeLight === "true" ? "light" : "dark";
    const apps = [...document.querySelectorAll(".cm-app")];
    const charts = [...document.querySelectorAll(".cm-chart")];
    const busy = document.querySelector('.cm-controls[data-busy="yes"]') !== null;
    return !busy && apps.every(app => ["ready", "error"].includes(app.dataset.state))
        && charts.filter(chart => chart.offsetParent !== null).every(chart =>
            chart.dataset.seq > 0 && chart.dataset.drawn === chart.dataset.seq
            && chart.dataset.theme === light);
}"""
THERE = """() => [...document.querySelectorAll(".cm-app, .cm-chart, .jp-InputPrompt")]
    .map(e => `${e.className} ${JSON.stringify(e.dataset)} ${e.offsetParent ? "" : "hidden"}`)
    .join("\\n")"""
# what a window has to be high to show all cells
HIGH = """() => {
    const cells = document.querySelector(".jp-WindowedPanel-outer");
    cells.scrollTop = 0;
    const last = [...document.querySelectorAll(".jp-Notebook .jp-Cell")].at(-1);
    return Math.ceil(last.getBoundingClientRect().bottom + innerHeight
        - cells.getBoundingClientRect().bottom + 10);
}"""
MISFITS = """() => [...document.querySelectorAll(".cm-chart")]
    .filter(chart => chart.offsetParent !== null)
    .map(chart => [chart.clientWidth, chart.querySelector(".main-svg").clientWidth])
    .filter(([room, width]) => Math.abs(room - width) > 2)
    .map(([room, width]) => `a picture of ${width} in ${room}`)"""
# words and shapes of the pictures on show, but for what the pointer is on
DRAWN = """() => [...document.querySelectorAll(".cm-chart")]
    .filter(chart => chart.offsetParent !== null)
    .flatMap(chart => [...chart.querySelectorAll(".main-svg :is(text, path)")])
    .filter(part => !part.closest(".hoverlayer"))
    .map(part => part.textContent + (part.getAttribute("d") ?? "")).join(" ")"""
SIDEWAYS = """() => [...document.querySelectorAll("html, .jp-Notebook, .jp-Notebook *")]
    .filter(e => e.scrollWidth > e.clientWidth + 1
        && ["auto", "scroll"].includes(getComputedStyle(e).overflowX))
    .map(e => `${e.tagName} .${e.className}: ${e.scrollWidth} in ${e.clientWidth}`)"""


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs: its address, the page it opens first, its folder and environment."""

    url: str
    first: str
    folder: Path
    environment: dict[str, str]

    def costmodel(self, *words: str | Path) -> str:
        """Return what a command prints, run in the working folder."""
        done = subprocess.run(
            [*COSTMODEL, *map(str, words)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass
class Notebook:
    """A notebook on a page of its own, and what went wrong there."""

    page: Page
    lab: Lab
    name: str
    errors: list[str] = field(default_factory=list)
    abroad: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen."""
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _asked(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in ("data", "blob") and where.hostname != "127.0.0.1":
            self.abroad.append(request.url)

    def open(self) -> None:
        """Load the page and wait for a kernel that is idle."""
        self.page.goto(f"{self.lab.url}doc/tree/{self.name}?token={TOKEN}&reset")
        self.page.locator(".jp-CodeCell").first.wait_for()
        # the status bar says idle while there is no kernel yet
        self.page.evaluate(f"async () => {{ await {SESSION}.ready; }}")
        self.idle()

    def idle(self) -> None:
        """Wait for a kernel that is idle."""
        self.page.wait_for_function(f"{SESSION}.session?.kernel?.status === 'idle'")

    def menu(self, menu: str, command: str) -> None:
        """Choose from a menu."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def run_all(self) -> None:
        """Run all cells from the menu, and wait until they are done and their charts drawn."""
        self.page.evaluate(f"{CELLS}.forEach(cell => {{ cell.model.executionCount = null; }})")
        self.menu("Run", "runmenu:run-all")
        self._wait(
            f"() => {CELLS}.every(cell => cell.model.executionCount !== null) || "
            f"document.querySelector('{FAILED}') !== null"
        )
        self.settled()

    def settled(self) -> None:
        """Wait until apps are ready and the charts on show are drawn."""
        self._wait(SETTLED)

    def _wait(self, condition: str) -> None:
        """Wait for a condition; one that never comes true is told with what there is instead."""
        try:
            self.page.wait_for_function(condition)
        except TimeoutError:
            self.page.screenshot(path=PICTURES / "failed.png")
            there = self.page.evaluate(THERE)
            pytest.fail(f"{self.name}: never {condition}\n{there}\n{self.errors}", pytrace=False)

    def dress(self, theme: str, width: int) -> None:
        """Take a theme (light or dark) and a width of the window, and wait for both."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        light = "true" if theme == "light" else "false"
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})",
            f"JupyterLab {theme.title()}",
        )
        self.page.locator(f'body[data-jp-theme-light="{light}"]').wait_for(state="attached")
        self.settled()

    def tabs(self) -> list[str]:
        """Return the titles of the tabs; a notebook without tabs has one view without a name."""
        return self.page.locator(".jp-Notebook").get_by_role("tab").all_inner_texts() or [""]

    def open_tab(self, title: str) -> None:
        """Show a tab and wait until its charts are drawn."""
        tab = self.page.locator(".jp-Notebook").get_by_role("tab", name=title, exact=True)
        if title and tab.get_attribute("aria-selected") != "true":
            before = self.page.locator(".cm-app").get_attribute("data-seq")
            tab.click()
            self._wait(f"() => document.querySelector('.cm-app').dataset.seq !== '{before}'")
        self.settled()

    @property
    def said(self) -> Locator:
        """The sentence above the tabs."""
        return self.page.locator(".cm-verdict p").first

    @property
    def verdict(self) -> str:
        """The words of the sentence above the tabs."""
        return self.said.inner_text()

    @property
    def alerts(self) -> Locator:
        """What is wrong with the input."""
        return self.page.get_by_role("alert").filter(has_text=re.compile(r"\S"))

    @property
    def pictures(self) -> str:
        """What the pictures on show are made of."""
        drawn: str = self.page.evaluate(DRAWN)
        return drawn

    def until_pictures(self, operator: str, drawn: str) -> None:
        """Wait until the pictures are (===) or are no longer (!==) as they were."""
        self.page.wait_for_function(f"drawn => ({DRAWN})() {operator} drawn", arg=drawn)

    @property
    def field(self) -> Locator:
        """The first row with a number and a slider."""
        rows = self.page.locator(".cm-row:has(input[type=range])").all()
        return next(row for row in rows if row.locator("input[type=text]").input_value())

    @property
    def number(self) -> Locator:
        """The box for the number."""
        return self.field.locator("input[type=text]")

    @property
    def slider(self) -> Locator:
        """The slider beside it."""
        return self.field.locator("input[type=range]")

    def enter(self, box: Locator, text: str) -> None:
        """Type a text into a box."""
        box.fill(text)
        box.press("Enter")

    def press(self, box: Locator, key: str, times: int = 1) -> None:
        """Press a key some times, as fast as it goes."""
        box.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def axis(self) -> list[float]:
        """Return the range of the first picture from left to right."""
        found: list[float] = self.page.evaluate(
            "() => document.querySelector('.cm-chart .js-plotly-plot')._fullLayout.xaxis.range"
        )
        return found

    def zoom(self) -> None:
        """Draw a box in the first picture, from a third to two thirds of its width."""
        box = self.page.locator(".cm-chart:visible .nsewdrag").first.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + box["width"] / 3, middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + box["width"] * 2 / 3, middle, steps=5)
        self.page.mouse.up()

    def whole(self) -> None:
        """Show the whole of the first picture again."""
        self.page.locator(".cm-chart:visible .nsewdrag").first.dblclick()

    def save(self) -> None:
        """Save the notebook with what it shows."""
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")

    def reload(self) -> None:
        """Load the page again, while the kernel goes on."""
        self.page.reload()
        self.page.locator(".jp-CodeCell").first.wait_for()
        self.page.evaluate(f"async () => {{ await {SESSION}.ready; }}")
        self.idle()
        self.page.locator(".cm-app").wait_for()
        self.settled()

    def restart(self) -> None:
        """Restart the kernel from the menu."""
        self.menu("Kernel", "kernelmenu:restart")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.evaluate(f"async () => {{ await {SESSION}.ready; }}")
        self.idle()

    @property
    def downloads(self) -> list[str]:
        """The files that the last tab offers."""
        self.open_tab(self.tabs()[-1])
        return self.page.locator(".cm-downloads:visible :is(a, button)").all_inner_texts()

    def download(self, title: str) -> Path:
        """Take a file away from the last tab, and put it where scenarios lie."""
        self.open_tab(self.tabs()[-1])
        with self.page.expect_download() as waiting:
            self.page.locator(".cm-downloads:visible").get_by_text(title, exact=True).click()
        path = self.lab.folder / "scenarios" / f"saved_{waiting.value.suggested_filename}"
        waiting.value.save_as(path)
        return path

    def misfits(self) -> list[str]:
        """Return what has to be scrolled sideways, and pictures that do not fill their width."""
        found: list[str] = []
        for script in (SIDEWAYS, MISFITS):
            # a picture follows its element a moment later
            with suppress(TimeoutError):
                self.page.wait_for_function(f"() => ({script})().length === 0", timeout=3_000)
            found += self.page.evaluate(script)
        return found

    def violations(self, *rules: str) -> list[str]:
        """Return what axe finds in our part of the page, by some rules or by all."""
        options: dict[str, object] = {"resultTypes": ["violations"]}
        options |= {"runOnly": list(rules)} if rules else {}
        found = Axe().run(self.page, OURS, options).response["violations"]
        return [
            f"{rule['id']}: {', '.join(str(node['target'][0]) for node in rule['nodes'][:5])}"
            for rule in found
        ]

    def picture(self, name: str) -> None:
        """Keep what the page shows, as high as it is, in the folder that git ignores."""
        size = self.page.viewport_size
        high = self.page.evaluate(HIGH)
        if size is not None and size["height"] != max(HEIGHT, high):
            self.page.set_viewport_size({"width": size["width"], "height": max(HEIGHT, high)})
            self.settled()
        self.page.screenshot(path=PICTURES / Path(self.name).stem / f"{name}.png")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start `costmodel lab` on a fresh working folder, with settings of its own."""
    home = tmp_path_factory.mktemp("lab")
    hidden = ("JUPYTER", "IPYTHON", "COSTMODEL_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    environment |= {name: str(home / name.lower()) for name in PRIVATE}
    settings = home / "jupyterlab_settings_dir" / "@jupyterlab"
    files: dict[Path, object] = {
        settings / f"{name}.jupyterlab-settings": said for name, said in SETTINGS.items()
    }
    files[home / "jupyter_config_dir" / "jupyter_config.json"] = SERVER
    for path, said in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(said), "utf-8")

    command = (*COSTMODEL, "lab", str(home / "work"))
    with subprocess.Popen(
        command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        heard = []
        for line in server.stderr:
            heard.append(line)
            if found := re.search(r"(http://127\.0\.0\.1:\d+/)(lab\S*)\?", line):
                break
        else:
            pytest.fail("JupyterLab does not start:\n" + "".join(heard))
        # a full pipe would stop the server
        reader = threading.Thread(target=server.stderr.read, daemon=True)
        reader.start()
        yield Lab(found[1], found[2], home / "work", environment)
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
        # a kernel that was just starting may outlive the server for a moment
        reader.join(timeout=20)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser; without one the tests fail."""
    path = Path(os.environ.get("COSTMODEL_CHROMIUM", "/usr/bin/chromium"))
    if not os.access(path, os.X_OK):
        pytest.fail(
            f"{path} is missing: sudo apt install chromium, or name one in COSTMODEL_CHROMIUM"
        )
    return path


# Of a module, as the event loop of Playwright would be in the way of other tests that have one.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Start Chromium."""
    expect.set_options(timeout=PATIENCE)
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM, *sandbox])
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda name: Path(name).stem)
def notebook(request: pytest.FixtureRequest, browser: Browser, lab: Lab) -> Iterator[Notebook]:
    """Open a notebook and run all of it; the tests of a module share the page."""
    with browser.new_page(viewport={"width": 1440, "height": HEIGHT}) as page:
        notebook = Notebook(page, lab, request.param)
        notebook.open()
        notebook.run_all()
        yield notebook
        page.evaluate(f"async () => {{ await {SESSION}.shutdown(); }}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask about apps where there is one, and about scenarios where the app saves one."""
    # pytest hands over the tests of all folders
    here = Path(__file__).parent
    asked = [i for i in items if isinstance(i, pytest.Function) and here in i.path.parents]
    for fixture, names in (("app", APPS), ("scenario_app", SCENARIO_APPS)):
        gone = [
            item
            for item in asked
            if fixture in item.fixturenames and item.callspec.params["notebook"] not in names
        ]
        items[:] = [item for item in items if item not in gone]


@pytest.fixture
def app(notebook: Notebook) -> Notebook:
    """Return a notebook with an app, at its first tab."""
    notebook.open_tab(notebook.tabs()[0])
    return notebook


@pytest.fixture
def scenario_app(app: Notebook) -> Notebook:
    """Return a notebook whose app is about a scenario and saves it."""
    return app
