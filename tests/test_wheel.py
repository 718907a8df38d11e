"""The wheel carries the price tables and works far from the checkout, with its core alone."""

import json
import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

# Runs at the start of every Python process of the test environment, through a .pth file: Debian's
# Python has a sitecustomize module of its own, which would hide ours.
GUARD = """\
import sys

def refuse(event, args):
    if event in ("open", "os.listdir", "os.scandir") and str(args[0]).startswith({root!r}):
        raise RuntimeError(f"the checkout was read: {{args[0]}}")

sys.addaudithook(refuse)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Return what the command prints; on failure, show all that it said."""
    hidden = ("COSTMODEL_", "PYTHONPATH", "PYTHONHOME", "PIP_CONSTRAINT")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def core_distributions(wheel: Distribution) -> dict[str, Distribution]:
    """Return what the wheel needs without extras, and what those need in turn."""
    found: dict[str, Distribution] = {}
    waiting = [(wheel, "")]
    seen: set[tuple[str, str]] = set()
    while waiting:
        needing, extra = waiting.pop()
        for text in needing.requires or []:
            need = Requirement(text)
            if need.marker and not need.marker.evaluate({"extra": extra}):
                continue
            name = canonicalize_name(need.name)
            found.setdefault(name, distribution(name))
            steps = {(name, wanted) for wanted in {"", *need.extras}} - seen
            seen |= steps
            waiting += [(found[name], wanted) for _, wanted in sorted(steps)]
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build sdist and wheel; install the wheel in an environment that has the core only.

    The dependencies are links to the packages under test, picked by following the wheel's own
    requirements: nothing is downloaded, yet a dependency that pyproject.toml forgot is missing
    here too, and neither the extras nor the editable install can be seen.
    """
    home = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", home / "dist", ROOT)
    run(*build, cwd=home)
    (archive,) = (home / "dist").glob("costmodel-*.whl")
    assert list((home / "dist").glob("costmodel-*.tar.gz"))

    venv.create(home / "venv", with_pip=False, symlinks=True)
    python = home / "venv" / "bin" / "python"
    (site,) = (home / "venv" / "lib").glob("python*/site-packages")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    run(*pip, "--no-deps", "--no-index", archive, cwd=home)

    (installed,) = Distribution.discover(name="costmodel", path=[str(site)])
    for needed in core_distributions(installed).values():
        tops = {file.parts[0] for file in needed.files or [] if file.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(str(needed.locate_file(top))))
    (site / "guard.py").write_text(GUARD.format(root=f"{ROOT}{os.sep}"))
    (site / "guard.pth").write_text("import guard\n")
    return home


def test_the_package_comes_from_the_wheel(home: Path) -> None:
    where = "import costmodel; print(costmodel.__file__)"
    package = Path(run(home / "venv/bin/python", "-c", where, cwd=home).strip()).parent
    assert package.is_relative_to(home / "venv")
    assert (package / "py.typed").is_file()
    for folder, pattern in (("pricing", "**/*.csv"), ("notebooks", "**/*.ipynb")):
        shipped = {file.relative_to(package) for file in package.glob(f"{folder}/{pattern}")}
        ours = {
            file.relative_to(ROOT)
            for file in ROOT.glob(f"{folder}/{pattern}")
            if not any(part.startswith(".") for part in file.relative_to(ROOT).parts)
        }
        assert shipped == ours != set()
    assert (package / "notebooks/scenarios/support_bot.toml").is_file()


def test_the_wheel_prices_a_request(home: Path) -> None:
    price = ("price", "openai", "gpt-6-luna", "--input", "100000", "--output", "0", "--json")
    answer = json.loads(run(home / "venv/bin/costmodel", *price, cwd=home))
    assert answer["usd"] == pytest.approx(0.01)


def test_the_guard_notices_the_checkout(home: Path) -> None:
    with pytest.raises(AssertionError, match="the checkout was read"):
        run(home / "venv/bin/python", "-c", f"open({str(ROOT / 'LICENSE')!r})", cwd=home)
