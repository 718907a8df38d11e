"""A bad scenario is one line on standard error, exit status 2, and nothing written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]

BASE = """\
version = 1
name = "case"
start = 2026-12-01
months = 2
existing_customer = ["openai"]

[workload]
requests = 1000
growth = 0.01
turns = 1
required_success = 0.5

[workload.parts]
system = {mean = 100, stable = true}
question = {mean = 100, cv = 0.5}
answer = 50

[people]
ml_engineer = 100

[upkeep]
requirement_changes_per_year = 1
review_share = 0.2

[approach.docs]
kind = "rag"
context_tokens = 400
corpus_tokens = 100000
monthly_churn = 0.1

[approach.tone]
kind = "fine_tune"
method = "lora"
examples = 100
tokens_per_example = {mean = 100, cv = 0.1}

[[option]]
name = "a"
model = "gpt-6-luna"
host = {kind = "per_token", provider = "openai"}
approaches = ["docs"]
success_rate = 0.9

[[option]]
name = "b"
model = "gpt-6-luna"
host = {kind = "per_token", provider = "openai"}
success_rate = 0.8

[[option]]
name = "c"
mix = {a = 0.5, b = 0.5}
success_rate = 0.8
"""
OPTION_A = 'approaches = ["docs"]'
HOST = 'host = {kind = "per_token", provider = "openai"}\napproaches'
RENTED = (
    'model = "Llama-3.1-8B"\nhost = {kind = "rented", provider = "runpod", gpu = "H100-SXM", '
    'instance = "Secure Cloud H100-SXM", replica_tokens_per_second = 5000, peak_to_mean = 3, '
    "training_tokens_per_second = 7000}"
)
MODEL_A = 'model = "gpt-6-luna"\nhost = {kind = "per_token", provider = "openai"}'


def case(name: str, old: str, new: str, *words: str) -> object:
    """Return a test case: what to replace in the scenario, and what the message must say."""
    assert old in BASE, old
    return pytest.param(BASE.replace(old, new, 1), words, id=name)


def keys() -> Iterator[object]:
    """Return misspelt keys at every level."""
    yield case("top", "months", "month", "case.toml line 4", "'month'", "did you mean 'months'")
    yield case("workload", "requests", "request", "line 8", "did you mean 'requests'")
    yield case("part", "question", "qestion", "line 15", "did you mean 'question'")
    yield case("in a part", "cv = 0.5", "cf = 0.5", "line 15", "unknown key 'cf'", "cv")
    yield case("upkeep", "review_share", "review_shares", "line 23", "'review_share'")
    yield case("approach", "context_tokens", "context_token", "line 27", "'context_tokens'")
    yield case("size", "cv = 0.1", "cw = 0.1", "line 35", "'cw'", "cv")
    yield case("option", "success_rate", "succes_rate", "line 42", "'success_rate'")
    yield case("host", ', provider = "openai"', ', vendor = "openai"', "line 40", "'vendor'")
    yield case("mix", "mix = {a", "escalat = {a = 1}\nmix = {a", "'escalat'", "'escalate'")
    new = OPTION_A + "\nsuccessor = {modle = 'gpt-6-astra'}"
    yield case("successor", OPTION_A, new, "'modle'", "did you mean 'model'")
    new = OPTION_A + "\nin_place = {from = 2026-01-01}"
    yield case("in_place", OPTION_A, new, "line 42", "in_place = {since = ")
    task = '[[task]]\nname = "x"\nrequest = 5\n[people]'
    yield case("task", "[people]", task, "'request'", "'requests'")
    yield case("role", "ml_engineer", "ml_enginer", "ml_enginer", "'ml_engineer'")
    prices = "prices = {rows = [{key = 'x', metre = 'y', usd = 1}]}\nmonths"
    yield case("prices", "months", prices, "line 4", "key, meter and usd")
    yield case("prices table", "months", "prices = {row = []}\nmonths", "'row'", "'rows'")


def names() -> Iterator[object]:
    """Return names that nothing has."""
    yield case("provider", 'provider = "openai"', 'provider = "opnai"', "'opnai'", "'openai'")
    yield case("model", "gpt-6-luna", "gpt-6-lunar", "option 'a'", "'gpt-6-lunar'", "'gpt-6-luna'")
    model = 'model = "claude-haiku-5-5"'
    yield case("model elsewhere", 'model = "gpt-6-luna"', model, "anthropic")
    mode = '"openai", mode = "bach"}\napproaches'
    yield case("mode", '"openai"}\napproaches', mode, "no mode 'bach'", "'batch'")
    mode = '"openai", mode = "spot"}\napproaches'
    yield case("mode without a row", '"openai"}\napproaches', mode, "has no mode 'spot'")
    region = '"openai", region = "mars"}\napproaches'
    yield case("region", '"openai"}\napproaches', region, "no region 'mars'")
    yield case("approach", '["docs"]', '["doc"]', "line 41", "no approach 'doc'", "'docs'")
    yield case("kind of host", "per_token", "per_tokens", "line 40", "'per_tokens'", "'per_token'")
    yield case("kind of approach", '"rag"', '"ragg"', "line 26", "'ragg'", "did you mean 'rag'")
    counted = 'counted_with = "o300k"\nrequests'
    yield case("encoding", "requests", counted, "unknown encoding 'o300k'")
    yield case("mix", "mix = {a", "mix = {x", "no option 'x'", "known: a, b, c")
    until = OPTION_A + '\nlive_after = 1\nuntil_then = "z"'
    yield case("until_then", OPTION_A, until, "no option 'z'")
    yield case("itself", OPTION_A, until.replace('"z"', '"a"'), "option 'a' refers to 'a'")
    yield case("mix of a mix", "mix = {a", "mix = {c", "option 'c' refers to 'c'")
    yield case("equal names", 'name = "b"', 'name = "a"', "two options are named 'a'")
    customer = 'existing_customer = ["opnai"]'
    yield case("customer", 'existing_customer = ["openai"]', customer, "'opnai'", "'openai'")
    rented = RENTED.replace("H100-SXM", "H900-SXM", 1)
    yield case("GPU", MODEL_A, rented, "unknown GPU 'H900-SXM'", "H100-SXM")
    rented = RENTED.replace("runpod", "runpot")
    yield case("landlord", MODEL_A, rented, "'runpot' rents out no GPUs", "'runpod'")
    text = BASE.replace(f"{MODEL_A}\n{OPTION_A}", RENTED + '\napproaches = ["tone"]', 1)
    text = text.replace('"lora"', '"lara"', 1)
    yield pytest.param(text, ("'lara'", "'lora'"), id="method")
    haiku = MODEL_A.replace("gpt-6-luna", "claude-haiku-5-5").replace("openai", "anthropic")
    text = BASE.replace(MODEL_A, haiku, 1).replace("growth", 'content = "klingon"\ngrowth', 1)
    yield pytest.param(text, ("'klingon'", "english"), id="content")


def values() -> Iterator[object]:
    """Return values of the wrong type or outside their range."""
    yield case("negative requests", "= 1000\n", "= -1000\n", "line 8", "must be >= 0, got -1000")
    yield case("negative tokens", "answer = 50", "answer = -50", "line 16", ">= 0, got -50")
    yield case("negative mean", "mean = 100, cv = 0.5", "mean = -1, cv = 0.5", "line 15", ">= 0")
    yield case("negative cv", "cv = 0.5", "cv = -0.5", "line 15", ">= 0")
    yield case("text for number", "= 1000\n", '= "many"\n', "line 8", "a number, got 'many'")
    yield case("bool for number", "= 1000\n", "= true\n", "line 8", "a number, got")
    yield case("nan", "= 1000\n", "= nan\n", "line 8", "must be a number, got nan")
    yield case("inf", "= 1000\n", "= inf\n", "line 8", "must be a number, got inf")
    yield case("list for number", "= 1000\n", "= [1000]\n", "line 8", "must be a number")
    yield case("table for number", "= 1000\n", "= {mean = 1}\n", "line 8", "or a range like")
    yield case("too large", "= 1000\n", "= 1e308\n", "case.toml line 8", "requests")
    yield case("a digit too many", "= 1000\n", f"= 1{'0' * 400}\n", "case.toml line 8", "requests")
    yield case("large cv", "cv = 0.5", "cv = 1e200", "line 15")
    yield case("shrinking", "growth = 0.01", "growth = -2", "case.toml line", "growth", "-2")
    yield case("exploding", "growth = 0.01", "growth = 1e300", "case.toml line", "growth")
    yield case("number for text", '"case"', "7", "line 2", "text in quotes, got 7")
    yield case("number for model", '"gpt-6-luna"', "6", "line 39", "text in quotes, got 6")
    yield case("text for bool", "stable = true", 'stable = "yes"', "line 14", "true or false")
    yield case("half a turn", "turns = 1", "turns = 1.5", "line 10", "whole number, got 1.5")
    yield case("no turn", "turns = 1", "turns = 0", "turns", "got 0")
    yield case("endless turns", "turns = 1", "turns = 1000000", "turns", "1000000")
    yield case("months 0", "months = 2", "months = 0", "line 4", "months", "got 0")
    yield case("months 10000", "months = 2", "months = 10000", "line 4", "240", "got 10000")
    yield case("half months", "months = 2", "months = 2.5", "line 4", "whole number, got 2.5")
    yield case("share", "review_share = 0.2", "review_share = 20", "line 23", "<= 1, got 20")
    yield case("rate", "success_rate = 0.9", "success_rate = 90", "line 42", "<= 1, got 90")
    yield case("churn", "churn = 0.1", "churn = 10", "line 29", "<= 1, got 10")
    required = "required_success = 90"
    yield case("required", "required_success = 0.5", required, "line 11", "<= 1, got 90")
    yield case("mix shares", "b = 0.5", "b = 0.6", "'c'", "shares add to 1.1, not 1")
    yield case("no date", "2026-12-01", '"soon"', "line 3", "like 2026-12-01, got 'soon'")
    yield case("more than a date", "2026-12-01", '"2026-12-01x"', "line 3", "'2026-12-01x'")
    yield case("number for date", "2026-12-01", "20261201", "line 3", "got 20261201")
    yield case("time for date", "2026-12-01", "10:00:00", "line 3", "must be a date")
    yield case("end of time", "2026-12-01", "9999-12-01", "case.toml", "start")
    yield case("version", "version = 1", "version = 2", "line 1", "2", "reads 1")


def shapes() -> Iterator[object]:
    """Return tables, lists and words in each other's place."""
    yield case("text for table", "[people]\nml_engineer = 100", "people = 3\n[x]", "case.toml")
    yield case("text for people", "ml_engineer = 100", 'ml_engineer = "free"', "line 19", "number")
    yield case("no parts", BASE[BASE.index("system") : BASE.index("[people]")], "", "needs parts")
    yield case("list of hosts", HOST, 'host = ["per_token"]\napproaches', "line 40", "a table")
    yield case("list of kinds", HOST, 'host = {kind = ["rag"]}\napproaches', "line 40", "kind")
    yield case("text for approaches", '["docs"]', '"docs"', "line 41", "must be a list of names")
    yield case("list of lists", '["docs"]', '[["docs"]]', "line 41")
    yield case("list of tables", '["docs"]', "[{docs = 1}]", "line 41")
    yield case("successor 3", OPTION_A, OPTION_A + "\nsuccessor = 3", "line 42", "got 3")
    yield case("successor text", OPTION_A, OPTION_A + '\nsuccessor = "x"', "line 42", "got 'x'")
    yield case("in_place date", OPTION_A, OPTION_A + "\nin_place = 2026-01-01", "line 42")
    yield case("text for tasks", "months", 'task = "x"\nmonths', "line 4", "[[task]]")
    task = '[[task]]\nname = "x"\nparts = 3\n[people]'
    yield case("task parts", "[people]", task, "must be a table, got 3")
    yield case("customer 3", '["openai"]\n\n', "3\n\n", "line 5", 'a list like ["openai"]')
    yield case("rows 3", "months", "prices = {rows = 3}\nmonths", "line 4", "rows")
    yield case("one option", "[[option]]", "[option]", "case.toml")


def missing() -> Iterator[object]:
    """Return scenarios that lack something."""
    yield case("name", 'name = "case"\n', "", "case.toml: needs name")
    yield case("start", "start = 2026-12-01\n", "", "case.toml: needs start")
    options = BASE[BASE.index("[[option]]") :]
    yield case("options", options, "", "needs option", "[[option]]")
    yield case("requests", "requests = 1000\n", "", "line 7", "needs requests")
    yield case("name of an option", 'name = "a"\n', "", "line 37", "needs name")
    yield case("model", 'model = "gpt-6-luna"\n', "", "line 37", "needs model")
    yield case("host", 'host = {kind = "per_token", provider = "openai"}\n', "", "needs host")
    yield case("kind", 'kind = "per_token", ', "", "line 40", "needs kind, one of")
    yield case("provider", ', provider = "openai"', "", "line 40", "needs provider")
    yield case("mean", "mean = 100, cv = 0.5", "cv = 0.5", "line 15", "needs mean")
    yield case("corpus", "corpus_tokens = 100000\n", "", "line 25", "needs corpus_tokens")
    yield case("examples", "examples = 100\n", "", "line 31", "needs examples")
    for field in ("gpu", "peak_to_mean"):
        words = RENTED.split("{")[1].rstrip("}").split(", ")
        left = ", ".join(word for word in words if not word.startswith(f"{field} "))
        model = RENTED.split("\n", maxsplit=1)[0]
        yield case(f"rented {field}", MODEL_A, f"{model}\nhost = {{{left}}}", "option 'a'", field)
    old = f"{MODEL_A}\n{OPTION_A}"
    speed = ", training_tokens_per_second = 7000"
    tuned = RENTED.replace(speed, ', stack = "unslot"') + '\napproaches = ["tone"]'
    yield case("training speed", old, tuned, "option 'a'", "did you mean 'Unsloth'")


def worlds() -> Iterator[object]:
    """Return scenarios that contradict the tables."""
    yield case(
        "context window",
        "mean = 100, stable",
        "mean = 9000000, stable",
        "option 'a'",
        "context window",
        "gpt-6-luna",
    )
    # a price from 2026-07-30 on, in a mode without an earlier one
    old = f"start = 2026-12-01{BASE[BASE.index('2026-12-01') + 10 : BASE.index(OPTION_A)]}"
    new = old.replace("2026-12-01", "2026-01-01").replace("gpt-6-luna", "gpt-5.6-luna", 1)
    new = new.replace('"openai"}\n', '"openai", mode = "batch"}\n', 1)
    yield case(
        "before the first price",
        old,
        new,
        "option 'a'",
        "priced from 2026-07-30 on",
        "inference/openai.csv line",
    )
    tune = 'model = "claude-haiku-5-5"\nhost = {kind = "per_token", provider = "anthropic"}\n'
    yield case(
        "nobody tunes it",
        f"{MODEL_A}\n{OPTION_A}",
        f'{tune}approaches = ["tone"]',
        "option 'a'",
        "claude-haiku-5-5",
        "tune",
    )


def check(ran: tuple[int, str, str], words: tuple[str, ...]) -> None:
    status, out, err = ran
    assert "Traceback" not in err
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("costmodel: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    ("text", "words"), [*keys(), *names(), *values(), *shapes(), *missing(), *worlds()]
)
def test_a_wrong_scenario_is_refused_in_one_line(
    command_line: Run, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    path, target = tmp_path / "case.toml", tmp_path / "out.csv"
    path.write_text(text, "utf-8")
    target.write_text("old", "utf-8")
    check(command_line("compare", path, "--json"), words)
    check(command_line("bill", path, "--option", "a", "--csv", target), words)
    assert target.read_text("utf-8") == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["case.toml", "out.csv"]


def test_the_scenario_that_is_made_wrong_above_is_right(command_line: Run, tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text(BASE, "utf-8")
    status, out, err = command_line("compare", path)
    assert (status, err) == (0, "")
    assert "is cheapest" in " ".join(out.split())
    path.write_text(BASE.replace(MODEL_A, RENTED, 1), "utf-8")
    assert command_line("compare", path)[0] == 0


def test_a_retired_model_is_no_mistake_but_infeasible(command_line: Run, tmp_path: Path) -> None:
    path, target = tmp_path / "case.toml", tmp_path / "out.csv"
    # gpt-4.1-mini cannot be tuned from 2027-01-06 on
    text = BASE.replace('"gpt-6-luna"', '"gpt-4.1-mini"', 1).replace('["docs"]', '["tone"]')
    path.write_text(text.replace("2026-12-01", "2027-02-01", 1), "utf-8")
    status, out, err = command_line("compare", path)
    assert (status, err) == (0, "")
    assert "a is not feasible" in " ".join(out.split())
    check(
        command_line("bill", path, "--option", "a", "--csv", target),
        ("gpt-4.1-mini", "2027-01"),
    )
    assert not target.exists()


FILES = {
    "empty": (b"", "case.toml: is empty"),
    "only a comment": (b"# nothing\n", "case.toml: is empty"),
    "binary": (bytes(range(256)), "is not a UTF-8 text file"),
    "UTF-16": (BASE.encode("utf-16"), "is not a UTF-8 text file"),
    "NUL": (b"\0" * 100, "case.toml: is not valid TOML"),
    "broken": (BASE.replace("[people]", "[people").encode(), "case.toml: is not valid TOML"),
    "cut off": (BASE[:30].encode() + b'"', "case.toml: is not valid TOML"),
    "a key twice": (b"name = 1\nname = 2\n", "case.toml: is not valid TOML"),
    "CSV": (b"a,b,c\n1,2,3\n", "case.toml: is not valid TOML"),
    "deep": (b"x = " + b"[" * 5000 + b"]" * 5000, "case.toml: is "),
    "not even a table": (b'workload = 3\nname = "x"\nstart = 2026-01-01\noption = []', "workload"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_scenario_is_refused(
    command_line: Run, tmp_path: Path, name: str
) -> None:
    content, said = FILES[name]
    (tmp_path / "case.toml").write_bytes(content)
    check(command_line("compare", tmp_path / "case.toml"), (said,))
    assert [entry.name for entry in tmp_path.iterdir()] == ["case.toml"]


def test_a_missing_file_names_its_neighbour(command_line: Run, tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_text(BASE, "utf-8")
    ran = command_line("compare", tmp_path / "cas.toml")
    check(ran, ("no scenario file", "cas.toml", "did you mean 'case.toml'"))
    check(command_line("compare", tmp_path), (tmp_path.name, "cannot be read"))
    check(command_line("compare", ""), ())


def test_a_file_that_may_not_be_read_is_refused(
    command_line: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "case.toml"
    path.write_text(BASE, "utf-8")

    def refuse(_: Path) -> bytes:
        # what the system says to everybody but root
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    check(command_line("compare", path), ("case.toml", "cannot be read", "Permission denied"))
