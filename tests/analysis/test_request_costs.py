"""What one request costs on every model, worked out by hand on invented prices."""

from __future__ import annotations

from datetime import date

import pytest

import costmodel as cm
from costmodel.analysis.request_costs import Mix, mix_of, on_sale, request_costs, unbeaten
from costmodel.errors import PriceError

ON = date(2026, 12, 1)


@pytest.fixture(scope="module")
def shipped() -> cm.PriceBook:
    """Return the shipped prices."""
    return cm.PriceBook.read()


def test_a_request_of_a_thousand_and_a_hundred_tokens(example_book: cm.PriceBook) -> None:
    models = on_sale(example_book, ON, makers=False, new_days=None, find="mini-1")
    records = request_costs(Mix(1_000, 100), models, example_book, ON)
    record = next(r for r in records if (r["provider"], r["model"]) == ("example", "mini-1"))
    # 0.001 Mtok x $0.4 + 0.0001 Mtok x $1.6
    assert record["usd"] == pytest.approx(0.00056)
    assert (record["input_usd_per_mtok"], record["output_usd_per_mtok"]) == (0.4, 1.6)


def test_all_words_must_be_in_the_name_and_age_does_not_matter_then(
    shipped: cm.PriceBook,
) -> None:
    found = on_sale(shipped, ON, find="openai gpt-4.1 mini")
    assert found
    assert all("gpt-4.1" in m.name and "mini" in m.name for m in found)
    # released in April 2025, so not among the new ones
    assert "gpt-4.1-mini" not in {m.name for m in on_sale(shipped, ON)}


def test_models_to_come_and_models_gone_are_not_on_sale(shipped: cm.PriceBook) -> None:
    for day in (date(2026, 1, 1), ON):
        for model in on_sale(shipped, day, makers=False, new_days=None):
            assert model.released is None or model.released <= day
            assert not (model.ends_for_certain and model.retires and model.retires <= day)


def test_what_answers_no_text_with_text_is_found_by_its_name_only(shipped: cm.PriceBook) -> None:
    every = {model.name for model in on_sale(shipped, ON, makers=False, new_days=None)}
    assert "gpt-image-2" not in every
    assert "gpt-4o-transcribe" not in every
    assert "gpt-image-2" in {model.name for model in on_sale(shipped, ON, find="gpt-image")}
    # sold by the step of a picture: no price per token, so no row
    assert not [name for name in every if "flux" in name]


def test_a_prompt_beyond_the_window_leaves_a_model_out(shipped: cm.PriceBook) -> None:
    models = on_sale(shipped, ON)
    short = {r["model"] for r in request_costs(Mix(1_000, 100), models, shipped, ON)}
    long = request_costs(Mix(900_000, 100), models, shipped, ON)
    windows = [r["context_window"] for r in long if r["context_window"] is not None]
    assert len(long) < len(short)
    assert min(windows) >= 900_100


def test_no_model_left_is_an_error(shipped: cm.PriceBook) -> None:
    with pytest.raises(PriceError, match="no model on sale has prices for such a request"):
        request_costs(Mix(1e12, 1), on_sale(shipped, ON, find="gpt-6-luna"), shipped, ON)


def test_a_pair_is_asked_once_and_its_rejected_answer_is_no_part_of_it() -> None:
    roles = {"system": 1060, "user": 246, "frames": 220, "chosen": 703, "rejected": 532}
    # 1,526 sent and 703 answered in 20
    assert mix_of(roles, 20) == (76.3, 35.15)


def test_unbeaten_models_are_those_without_a_newer_and_cheaper_one() -> None:
    def record(usd: float, released: str | None) -> dict[str, object]:
        return {"usd": usd, "released": released, "provider": "x", "model": f"{usd} {released}"}

    records = [
        record(1.0, "2026-01-01"),
        record(2.0, "2025-06-01"),  # older and dearer
        record(3.0, "2026-05-01"),
        record(3.0, "2026-03-01"),  # as dear, and older
        record(0.5, None),
    ]
    assert [r["model"] for r in unbeaten(records)] == ["1.0 2026-01-01", "3.0 2026-05-01"]
