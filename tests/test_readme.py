"""What the README promises is what the program does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

import costmodel as cm
from costmodel.cli.commands import TWO_WORDS
from costmodel.cli.shell import ORDER, app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
SUPPORT_BOT = ROOT / "notebooks" / "scenarios" / "support_bot.toml"


def section(title: str) -> str:
    """Return a section of the README, by its heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    assert found, title
    return found[1]


def commands() -> Iterator[tuple[str, TyperCommand]]:
    """Yield the commands of the program by the words that one types."""
    typed = {name: " ".join(words) for words, name in TWO_WORDS.items()}

    def walk(group: TyperGroup, before: str) -> Iterator[tuple[str, TyperCommand]]:
        for name, command in group.commands.items():
            words = before + typed.get(name, name)
            if isinstance(command, TyperGroup):
                yield from walk(command, f"{words} ")
            elif isinstance(command, TyperCommand):
                yield words, command

    whole = typer.main.get_command(app)
    assert isinstance(whole, TyperGroup)
    yield from walk(whole, "")


COMMANDS = dict(commands())


def written() -> Iterator[tuple[str, str]]:
    """Yield each command of the table as (words, what follows); a\\|b is two commands."""
    for text in re.findall(r"`costmodel ([^`]+)`", section("Commands")):
        first, *rest = text.split(" ")
        both = [f"{first} {word}" for word in rest[0].split(r"\|")] if rest else [first]
        for words in both:
            name = words if words in COMMANDS else first
            yield name, text


def options(command: TyperCommand) -> set[str]:
    """Return all options of a command, those that switch off included."""
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts)}


def test_every_command_stands_in_the_table() -> None:
    assert {name for name, _ in written()} == set(COMMANDS)


def test_help_lists_every_command_in_the_order_of_the_table() -> None:
    firsts = [name.split(" ")[0] for name, _ in written()]
    assert list(dict.fromkeys(firsts)) == ORDER["costmodel"].split()
    own = [name.removeprefix("pricing ") for name, _ in written() if name.startswith("pricing ")]
    assert sorted(own) == sorted(ORDER["pricing"].split())


def test_commands_of_the_table_have_the_options_it_names() -> None:
    for name, text in written():
        assert set(re.findall(r"--[a-z][\w-]*", text)) <= options(COMMANDS[name]), text


def test_options_named_elsewhere_exist() -> None:
    known = set().union(*map(options, COMMANDS.values()))
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", README))
    assert named <= known


def test_the_demo_prints_what_the_readme_shows() -> None:
    result = cm.compare(cm.Scenario.read(SUPPORT_BOT))
    shown = " ".join(section("Start").split())
    assert result.verdict in shown
    for option in result.as_dict()["options"]:
        row = re.search(rf"^    {re.escape(option['name'])}  .*$", section("Start"), re.M)
        if row and option["feasible"]:
            assert f"${option['total_usd']:,.0f}" in row[0]
            assert f"{option['maintenance_share']:.0%}" in row[0]


def test_the_script_of_the_readme_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = re.search(r"```python\n(import costmodel.*?)```", README, re.S)
    assert found
    exec(found[1], {})
    inference, training, tokens, verdict = capsys.readouterr().out.splitlines()
    # 200,000 x (3,000 x $0.10 + 180 x $0.50) / 10^6
    assert float(inference) == pytest.approx(78.0)
    assert float(training) == pytest.approx(4.0)
    assert int(tokens) > 6
    assert "cheapest" in verdict


def test_links_of_the_documents_lead_somewhere() -> None:
    for file in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pricing/README.md"):
        path = ROOT / file
        text = path.read_text("utf-8")
        heads = {
            re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
            for head in re.findall(r"^#+ (.+)$", text, re.M)
        }
        for to in re.findall(r"\]\(([^)]+)\)", text):
            if to.startswith("#"):
                assert to[1:] in heads, (file, to)
            elif not to.startswith("https://"):
                assert (path.parent / to).exists(), (file, to)


BOT, DATA = str(SUPPORT_BOT), str(ROOT / "notebooks" / "data")
DESK = (f"{DATA}/help_desk.toml", f"{DATA}/usage_log.csv")
_LOAD = ("--input", "1k", "--output", "200", "--rps", "1")
RUNS = [
    ("compare", "compare", BOT),
    ("bill", "bill", BOT, "--option", "RAG on GPT-6 Luna"),
    ("explain", "explain", BOT, "--option", "RAG on GPT-6 Luna", "--month", "2027-02"),
    ("breakeven", "breakeven", BOT, "--over", "requests", "--draws", "8"),
    ("breakeven --by", "breakeven", BOT, "--by", "requests,changes_per_year"),
    ("advise", "advise", BOT),
    ("diff", "diff", BOT, "--at", "2026-12-01", "--at-b", "2027-06-01"),
    ("calendar", "calendar", BOT),
    ("budget", "budget", BOT, "--draws", "64"),
    ("usage", "usage", DESK[1]),
    ("actuals", "actuals", *DESK),
    ("savings", "savings", DESK[1]),
    ("price", "price", "openai", "gpt-6-luna", "--input", "1k", "--output", "200"),
    ("price`, `train", "train", "together", "Qwen/Qwen3.5-9B", "--tokens", "20M"),
    ("train` without a provider", "train", "--examples", "2000", "--example-tokens", "800"),
    ("serve", "serve", "Llama-3.1-8B", "--gpu", "L40S", *_LOAD),
    ("tokens` TEXT", "tokens", "What does it cost?"),
    ("tokens` FILE", "tokens", f"{DATA}/support_bot.jsonl"),
    ("claims", "claims"),
    ("validate", "validate", "prices", str(ROOT / "tests" / "data" / "price_cases.csv")),
    ("pricing check", "pricing", "check"),
    ("pricing stale", "pricing", "stale", "--on", "2027-03-01"),
    ("pricing show", "pricing", "show", "openai/gpt-6-luna"),
    ("pricing history", "pricing", "history", "H100"),
    ("pricing diff", "pricing", "diff", "2026-12-01", "2027-06-01"),
]


@pytest.mark.parametrize("words", RUNS, ids=lambda words: words[0])
def test_keys_of_the_output_stand_in_the_table(
    words: tuple[str, ...], command_line: Callable[..., tuple[int, str, str]]
) -> None:
    row, *command = words
    status, out, err = command_line(*command, "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    table = section("Keys of the JSON output")
    found = [x for x in table.splitlines() if re.match(rf"\| [^|]*`{re.escape(row)}(`| \|)", x)]
    assert len(found) == 1
    told = set(re.findall(r"`(\w+)`", found[0]))
    if isinstance(answer, dict):
        assert set(answer) <= told
    lists = answer.values() if isinstance(answer, dict) else [answer]
    heads = [one[0] for one in lists if isinstance(one, list) and one]
    keys = set().union(*(one for one in heads if isinstance(one, dict)))
    assert keys <= set(re.findall(r"`(\w+)`", table))
