"""The synthetic log of the notebooks is what its generator says it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from costmodel.usage.reading import read
from costmodel.usage.sample import LAST, sample_log

SHIPPED = Path(__file__).parents[2] / "notebooks" / "data" / "usage_log.csv"


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return sample_log()


def test_the_shipped_log_is_what_the_generator_writes(log: pd.DataFrame) -> None:
    assert SHIPPED.read_text("utf-8") == log.to_csv(index=False, lineterminator="\n")
    assert len(read(SHIPPED).frame) == len(log)


def test_a_tenth_of_the_work_is_done_at_weekends(log: pd.DataFrame) -> None:
    by_day = log[log["project"] == "help-desk"].groupby("date")["requests"].sum()
    free = pd.to_datetime(by_day.index).day_of_week >= 5
    assert by_day[free].mean() / by_day[~free].mean() == pytest.approx(0.1, abs=0.01)


def test_the_model_changes_on_one_day_and_the_second_project_begins_on_another(
    log: pd.DataFrame,
) -> None:
    desk = log[log["project"] == "help-desk"]
    assert desk.loc[desk["date"] < "2026-10-05", "model"].unique().tolist() == ["gpt-5.6-sol"]
    assert desk.loc[desk["date"] >= "2026-10-05", "model"].unique().tolist() == ["gpt-6-sol"]
    mails = log[log["project"] == "mail-sorting"]
    assert mails["date"].min() == "2026-09-01"
    assert mails["mode"].unique().tolist() == ["batch"]
    assert log["date"].max() == LAST.isoformat()


def test_a_quarter_of_the_input_comes_from_the_cache(log: pd.DataFrame) -> None:
    desk = log[log["project"] == "help-desk"]
    share = desk["cached_input_tokens"].sum() / desk["input_tokens"].sum()
    assert share == pytest.approx(0.24, abs=0.01)
    assert np.all(desk["cached_input_tokens"] <= desk["input_tokens"])
