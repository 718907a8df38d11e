"""A synthetic log for notebooks and tests: `python -m costmodel.usage.sample usage_log.csv`.

Nobody's requests: numbers drawn with a seed. Two projects of a software firm from August to the
middle of November 2026. `help-desk` answers questions with passages of the manual; it runs on
gpt-5.6-sol, cheaper since 21 August, and on 5 October moves to gpt-6-sol, which is half as dear.
`mail-sorting` reads mails overnight in batch mode, and begins in September. Work is done from
Monday to Friday, a tenth of it at weekends, and grows.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from costmodel.months import Array

if TYPE_CHECKING:
    import pandas as pd

SEED = 20261115
FIRST, LAST = date(2026, 8, 1), date(2026, 11, 15)
SATURDAY = 5
WEEKEND = 0.1  # requests of a Saturday, over those of a working day
DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Stream:
    """Requests of a kind.

    Attributes:
        project, team: Whose they are.
        model, mode: What answers, until `moves`.
        per_day: Requests of a working day at the beginning. [1/day]
        growth: From month to month. [1/month]
        input_tokens, output_tokens: Of a request, on average. [token]
        cached: Share of the input that is read from the cache. [1]
        begins: First day.
        moves, moves_to: Day of a change of model, and the model.
        users: People who ask.
    """

    project: str
    team: str
    model: str
    mode: str
    per_day: float
    growth: float
    input_tokens: float
    output_tokens: float
    cached: float
    begins: date = FIRST
    moves: date = LAST
    moves_to: str = ""
    users: int = 0


STREAMS = (
    Stream(
        *("help-desk", "support", "gpt-5.6-sol", "standard"),
        per_day=7_400,
        growth=0.055,
        input_tokens=3_500,
        output_tokens=190,
        cached=0.24,
        moves=date(2026, 10, 5),
        moves_to="gpt-6-sol",
        users=4,
    ),
    Stream(
        *("mail-sorting", "back office", "gpt-5.6-sol", "batch"),
        per_day=4_000,
        growth=0.02,
        input_tokens=1_450,
        output_tokens=60,
        cached=0.0,
        begins=date(2026, 9, 1),
    ),
)


def _normal(random: np.random.PCG64, shape: tuple[int, ...]) -> Array:
    """Draw normal numbers through their quantiles, the same with every version of numpy."""
    from scipy.special import ndtri

    bits = np.asarray(random.random_raw(int(np.prod(shape))), np.uint64) >> np.uint64(11)
    return np.asarray(ndtri((bits.astype(float) + 0.5) / 2.0**53)).reshape(shape)


def sample_log(
    streams: tuple[Stream, ...] = STREAMS,
    first: date = FIRST,
    last: date = LAST,
    seed: int = SEED,
) -> pd.DataFrame:
    """Return a synthetic log in our own minimal layout, a row for each day, project and user.

    Args:
        streams: What is asked.
        first: First day.
        last: Last day.
        seed: Of the draws.
    """
    import pandas as pd

    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    random = np.random.PCG64(seed)
    tables = []
    for stream in streams:
        begins = np.datetime64(stream.begins, "D")
        mine = days[days >= begins]
        months = (mine - begins).astype(float) / DAYS_PER_MONTH
        free = np.array([day.weekday() >= SATURDAY for day in mine.astype(object)])
        busy = stream.per_day * (1 + stream.growth) ** months * np.where(free, WEEKEND, 1.0)
        users = max(stream.users, 1)
        # some ask more than others, always the same
        weights = 1.0 / np.arange(1, users + 1)
        each = busy[:, np.newaxis] * weights / weights.sum()
        noise = _normal(random, (4, *each.shape))
        requests = np.rint(each * np.exp(0.1 * noise[0])).astype(int)
        lengths = np.exp(0.04 * noise[1:])
        tokens = np.rint(requests * stream.input_tokens * lengths[0]).astype(int)
        answers = np.rint(requests * stream.output_tokens * lengths[1]).astype(int)
        cached = np.floor(tokens * np.minimum(stream.cached * lengths[2], 1.0)).astype(int)
        moved = (mine >= np.datetime64(stream.moves, "D")) & bool(stream.moves_to)
        names = [f"agent {k + 1}" for k in range(users)] if stream.users else [""]
        tables.append(
            pd.DataFrame(
                {
                    "date": np.repeat(mine.astype(str), users),
                    "provider": "openai",
                    "model": np.repeat(np.where(moved, stream.moves_to, stream.model), users),
                    "mode": stream.mode,
                    "project": stream.project,
                    "team": stream.team,
                    "user": np.tile(names, mine.size),
                    "requests": requests.ravel(),
                    "input_tokens": tokens.ravel(),
                    "cached_input_tokens": cached.ravel(),
                    "output_tokens": answers.ravel(),
                }
            )
        )
    found = pd.concat(tables, ignore_index=True)
    found = found[found["requests"] > 0]
    return found.sort_values(["date", "project", "user"], ignore_index=True)


if __name__ == "__main__":
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "usage_log.csv")
    sample_log().to_csv(out, index=False, lineterminator="\n")
