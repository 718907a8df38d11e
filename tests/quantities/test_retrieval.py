"""Embedding, storing and searching a corpus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.quantities import retrieval

amounts = st.floats(1e-3, 1e9)


def test_overlap_is_embedded_twice() -> None:
    # 4 Mtok in chunks of which a fifth repeats the one before: 4 / 0.8
    assert float(retrieval.embedded_mtok(1, 4e6, 0.2)) == pytest.approx(5)
    # 5 % of it changes in a month
    assert float(retrieval.embedded_mtok(0.05, 4e6, 0.2)) == pytest.approx(0.25)


def test_records_by_hand() -> None:
    # each chunk of 500 moves on by 400: 4,000,000 / 400
    assert float(retrieval.records_stored(4e6, 500, 0.2)) == pytest.approx(10_000)


def test_a_record_is_four_bytes_a_dimension_and_its_metadata() -> None:
    assert float(retrieval.record_bytes(1_536, 1_000)) == 7_144


@pytest.mark.parametrize(
    ("records", "dimensions", "metadata", "units"),
    [
        # the table of the provider's cost guide, docs.pinecone.io (2025-11)
        (500_000, 768, 500, 1.78),
        (1_000_000, 1_536, 1_000, 7.14),
        (5_000_000, 1_024, 15_000, 95.5),
        (10_000_000, 1_536, 1_000, 71.4),
        # a small index costs a quarter of a unit
        (1_000, 768, 500, 0.25),
    ],
)
def test_published_read_units_are_met(
    records: int, dimensions: int, metadata: int, units: float
) -> None:
    million = retrieval.read_units(1, records, dimensions, metadata)
    assert float(million) * 1e6 == pytest.approx(units, rel=0.004)


def test_storage_in_the_units_of_the_providers() -> None:
    size = (1, 1_000_000, 1_536, 1_000)
    # 1,000,000 x 7,144 bytes = 7.144 GB = 7,144,000,000 / 2^30 GiB
    assert float(retrieval.stored_gb(*size)) == pytest.approx(7.144)
    assert float(retrieval.stored_gib(*size)) == pytest.approx(7_144_000_000 / 1_073_741_824)
    assert float(retrieval.stored_gb_days(*size, 31)) == pytest.approx(7.144 * 31)
    assert float(retrieval.stored_mdim(1, 1_000_000, 1_536)) == pytest.approx(1_536)


def test_a_write_unit_is_a_kilobyte_begun() -> None:
    # 7,144 bytes = 8 units; 1,000,000 records, a tenth of them
    assert float(retrieval.write_units(0.1, 1_000_000, 1_536, 1_000)) == pytest.approx(0.8)


def test_requests_in_thousands_and_millions() -> None:
    assert float(retrieval.thousand_requests(2_500)) == 2.5
    assert float(retrieval.million_requests(2_500_000)) == 2.5
    assert float(retrieval.fixed(0.5)) == 0.5


@given(amounts, st.floats(1, 1e4), st.floats(0, 0.9))
def test_twice_the_corpus_makes_twice_the_records(
    tokens: float, chunk: float, overlap: float
) -> None:
    one = float(retrieval.records_stored(tokens, chunk, overlap))
    assert float(retrieval.records_stored(2 * tokens, chunk, overlap)) == pytest.approx(2 * one)


@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4))
def test_arrays_are_scalars_side_by_side(rows: list[tuple[float, float]]) -> None:
    first, second = (np.array(column) for column in zip(*rows, strict=True))
    for k, (one, other) in enumerate(rows):
        assert retrieval.embedded_mtok(0.1, first, 0.2)[k] == retrieval.embedded_mtok(0.1, one, 0.2)
        assert retrieval.records_stored(first, second, 0.2)[k] == retrieval.records_stored(
            one, other, 0.2
        )
        for formula in (retrieval.stored_gb, retrieval.stored_gib, retrieval.read_units):
            assert formula(first, second, 768, 500)[k] == formula(one, other, 768, 500)
        assert retrieval.write_units(first, second, 768, 500)[k] == retrieval.write_units(
            one, other, 768, 500
        )
        assert retrieval.stored_mdim(first, second, 768)[k] == retrieval.stored_mdim(
            one, other, 768
        )
        assert retrieval.stored_gb_days(first, second, 768, 500, 31)[k] == retrieval.stored_gb_days(
            one, other, 768, 500, 31
        )
