"""How long models live: fitted curves beside the product limit, and what they foretold."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel as cm
from costmodel.analysis import lives
from costmodel.cli import main
from costmodel.prices.book import shipped_dir
from costmodel.prices.lifetimes import POOL
from costmodel.prices.specs import shipped_specs
from costmodel.prices.tables import TABLES, read_file

ROWS = shipped_specs().rows("lifetimes")
YEAR_AGO = date(2025, 11, 21)


def a_life(age: int, kind: str = "retired", seen: int = 0, **facts: Any) -> dict[str, Any]:
    born = date(2024, 1, 1)
    last = born + timedelta(days=age)
    return {
        "file": "lifetimes.csv",
        "line": 2,
        "provider": "example",
        "released": born,
        "retired": None if kind == "censored" else last,
        "date_kind": kind,
        "first_seen": born + timedelta(days=seen),
        "last_seen": last,
        "verified_on": date(2026, 11, 21),
    } | facts


def test_the_product_limit_by_hand() -> None:
    rows = [a_life(100), a_life(200, "censored"), a_life(300), a_life(400, seen=250)]
    ages, share = lives.kaplan_meier(lives.lives(rows))
    # at 100 days three are known to live (the fourth was first seen at 250), at 300 two, then one
    assert ages.tolist() == [100, 300, 400]
    assert share == pytest.approx([2 / 3, 1 / 3, 0])


def test_what_ended_before_it_was_seen_says_nothing() -> None:
    assert lives.lives([a_life(100, seen=150, last_seen=date(2024, 7, 1))]).ended.size == 0


def test_on_a_day_nobody_knows_what_comes_later() -> None:
    rows = [a_life(100), a_life(500), a_life(900, "announced"), a_life(900, "floor")]
    then = lives.lives(rows, date(2024, 1, 1) + timedelta(days=200))
    assert then.ended.tolist() == [True, False, False, False]
    assert then.last.tolist() == [100, 200, 200, 200]
    now = lives.lives(rows)
    assert now.ended.tolist() == [True, True, True, False]
    assert now.last.tolist() == [100, 500, 900, 900]


@pytest.mark.parametrize("method", lives.METHODS)
def test_the_fit_finds_the_lives_it_was_drawn_from(method: str) -> None:
    chance = (np.arange(4_000) + 0.5) / 4_000
    if method == "weibull":
        drawn = 600 * (-np.log(1 - chance)) ** (1 / 2.5)
    else:
        drawn = 600 * (chance / (1 - chance)) ** (1 / 2.5)
    seen = np.where(np.arange(4_000) % 2, 0.5, 300.0)  # half of them first seen at 300 days
    known = drawn > seen
    last = np.minimum(drawn, 900.0)  # nobody looked after 900 days
    found = lives.Lives(
        np.full(known.sum(), "example"), seen[known], last[known], (drawn < 900)[known]
    )
    scale, shape = lives.fit(found, method)["example"]
    assert scale == pytest.approx(600, rel=0.03)
    assert shape == pytest.approx(2.5, rel=0.03)


def test_the_curve_of_all_lies_near_the_product_limit() -> None:
    found = lives.lives(ROWS)
    scale, shape = lives.fit(found)[POOL]
    ages, share = lives.kaplan_meier(found)
    for age in (300.0, 500.0, 700.0):
        limit = share[np.searchsorted(ages, age) - 1]
        fitted = float(np.exp(-lives.hazard_of(lives.METHOD, np.asarray(age), scale, shape)))
        # the pool is the middle of the providers, the product limit that of the models: Azure and
        # Bedrock have 189 of the 458 and the longest lives
        assert fitted == pytest.approx(limit, abs=0.17)


def test_a_provider_with_few_lives_stays_near_the_pool() -> None:
    parameters = lives.fit(lives.lives(ROWS))
    pool = parameters[POOL][0]
    assert parameters["xai"][0] == pytest.approx(pool, rel=0.05)  # none of 5 has ended
    assert parameters["azure"][0] > 1.3 * pool  # 40 of 113
    assert parameters["mistral"][0] < 0.8 * pool  # 25 of 36


# the published test


def test_the_interval_of_80_percent_held_79_of_100_lives_that_ended_within_a_year() -> None:
    found = lives.backtest(ROWS, YEAR_AGO)
    assert (found.models, found.ended) == (162, 84)
    assert 0.75 <= found.inside <= 0.85
    # 77 ends were expected
    assert found.expected == pytest.approx(found.ended, rel=0.15)


def test_the_log_logistic_curve_foretells_better_than_weibull() -> None:
    for on in (date(2025, 9, 15), YEAR_AGO, date(2026, 1, 20)):
        scores = {m: lives.backtest(ROWS, on, m).score for m in lives.METHODS}
        assert scores["log-logistic"] > scores["weibull"]


def test_the_published_figures_are_those_of_the_program() -> None:
    text = (shipped_dir() / "README.md").read_text("utf-8")
    found = re.findall(
        r"^\| (\d{4}-\d\d-\d\d) \| (\d+) \| (\d+) \| (\d+) \| (\d+) % \|", text, re.M
    )
    assert len(found) == 4
    for on, *figures in found:
        test = lives.backtest(ROWS, date.fromisoformat(on))
        shown = [test.models, round(test.expected), test.ended, round(100 * test.inside)]
        assert [int(figure) for figure in figures] == shown


def test_the_shipped_curves_are_those_of_the_shipped_lives() -> None:
    shipped = shipped_specs().rows("survival")
    found = lives.lives(ROWS)
    made = lives.table(found, lives.fit(found), date(2026, 11, 21))
    assert len(shipped) == len(made)
    for row, again in zip(shipped, made, strict=True):
        assert (row["provider"], row["age_days"]) == (again["provider"], float(again["age_days"]))
        assert row["survival"] == pytest.approx(float(again["survival"]), rel=2e-3, abs=1e-5)
        assert (row["lives"], row["ended"]) == (again["lives"], again["ended"])


# the command


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    out, err = capsys.readouterr()
    return int(str(stopped.value.code)), out, err


def test_fit_lifetimes_writes_a_table_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "survival.csv"
    words = ["fit", "lifetimes", "--known-on", "2025-11-21", "--write", str(out), "--json"]
    status, text, _ = run(capsys, *words)
    assert status == 0
    answer = json.loads(text)
    assert answer["backtests"][0]["ended"] == 84
    assert {curve["provider"] for curve in answer["curves"]} > {"openai", POOL}
    rows = read_file(TABLES["survival"], out, out.name)
    assert len(rows) == len(answer["curves"]) * len(lives.GRID)
    status, text, _ = run(capsys, *words[:-3])
    assert status == 0
    assert "the 80 % interval of the life left holds 79%" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "gamma"], "unknown method 'gamma'"),
        (["--known-on", "2025-03-01"], "too few to fit"),
        (["--known-on", "2027-03-01"], "no model of the table ended"),
        (["no_such.csv"], "no_such.csv: cannot be read"),
    ],
)
def test_fit_lifetimes_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    status, out, err = run(capsys, "fit", "lifetimes", *words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_life_that_ended_needs_its_end() -> None:
    with pytest.raises(cm.DataError, match=r"lifetimes\.csv line 2: retired belongs to every kind"):
        lives.lives([a_life(100, retired=None)])
