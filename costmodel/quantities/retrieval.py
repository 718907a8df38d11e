"""Embedding, storing and searching a corpus."""

from __future__ import annotations

import numpy as np

from costmodel.months import Array, Numeric
from costmodel.quantities.volumes import TOKENS_PER_MTOK

BYTES_PER_DIMENSION = 4
BYTES_PER_GB = 1e9
BYTES_PER_GIB = 2.0**30
MILLION = 1e6
WRITE_UNIT_BYTES = 1000.0
LEAST_QUERY_GB = 1.28


def embedded_mtok(share: Numeric, corpus_tokens: Numeric, overlap: Numeric) -> Array:
    """Count the tokens embedded to index a corpus, or the changed part of it.

    Args:
        share: Share of the corpus embedded. [1/month], shape (..., T)
        corpus_tokens: Tokens of the corpus. [token]
        overlap: Share of each chunk that repeats the one before. [1]

    Returns:
        Tokens. [Mtok/month], shape (..., T)

    >>> float(embedded_mtok(1, 4e6, 0.2))
    5.0
    """
    return np.asarray(share * np.asarray(corpus_tokens) / (1.0 - overlap) / TOKENS_PER_MTOK, float)


def records_stored(corpus_tokens: Numeric, chunk_tokens: Numeric, overlap: Numeric) -> Array:
    """Count the vectors of a corpus.

    Args:
        corpus_tokens: Tokens of the corpus. [token]
        chunk_tokens: Tokens of a chunk. [token]
        overlap: Share of each chunk that repeats the one before. [1]
    """
    return np.asarray(np.asarray(corpus_tokens) / (chunk_tokens * (1.0 - np.asarray(overlap))))


def chunks_of(document_tokens: Numeric, chunk_tokens: Numeric, overlap: Numeric) -> Array:
    """Count the chunks of documents, each cut on its own.

    Args:
        document_tokens: Tokens of each document. [token]
        chunk_tokens: Tokens of a chunk. [token]
        overlap: Share of each chunk that repeats the one before. [1]

    >>> chunks_of([100, 512, 513, 5120], 512, 0.1).tolist()
    [1.0, 1.0, 2.0, 11.0]
    """
    step = chunk_tokens * (1.0 - np.asarray(overlap, float))
    beyond = np.maximum(np.asarray(document_tokens, float) - chunk_tokens, 0.0)
    return np.asarray(1.0 + np.ceil(beyond / step), float)


def record_bytes(dimensions: Numeric, metadata_bytes: Numeric) -> Array:
    """Return the size of a record: four bytes per dimension and its metadata.

    Source: the record size in Pinecone's cost guide, docs.pinecone.io (2025-11).

    Args:
        dimensions: Dimensions of the vector. [1]
        metadata_bytes: Metadata and identifier. [byte]
    """
    return np.asarray(BYTES_PER_DIMENSION * np.asarray(dimensions) + metadata_bytes, float)


def stored_gb(
    active: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Return what the index holds, in decimal gigabytes.

    Args:
        active: Share of the month in which it is kept. [1], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Storage. [GB-month], shape (..., T)

    >>> float(stored_gb(1, 1e6, 1536, 1000))
    7.144
    """
    size = np.asarray(records) * record_bytes(dimensions, metadata_bytes)
    return np.asarray(active * size / BYTES_PER_GB, float)


def stored_gib(
    active: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Return what the index holds, in binary gigabytes.

    Args:
        active: Share of the month in which it is kept. [1], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Storage. [GiB-month], shape (..., T)
    """
    decimal = stored_gb(active, records, dimensions, metadata_bytes)
    return np.asarray(decimal * BYTES_PER_GB / BYTES_PER_GIB, float)


def stored_gb_days(
    active: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric, days: Numeric
) -> Array:
    """Return what the index holds, in gigabyte-days.

    Args:
        active: Share of the month in which it is kept. [1], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]
        days: Days of the month. [day], shape (T,)

    Returns:
        Storage. [GB-day/month], shape (..., T)
    """
    return np.asarray(stored_gb(active, records, dimensions, metadata_bytes) * days, float)


def stored_mdim(active: Numeric, records: Numeric, dimensions: Numeric) -> Array:
    """Return the vector dimensions stored.

    Args:
        active: Share of the month in which they are kept. [1], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]

    Returns:
        Storage. [million dimensions-month], shape (..., T)
    """
    return np.asarray(active * np.asarray(records) * dimensions / MILLION, float)


def read_units(
    requests: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Count the read units of queries, which grow with the index: 1 per GB, at least 0.25.

    Source: the query costs in Pinecone's cost guide, docs.pinecone.io (2025-11).

    Args:
        requests: Queries. [1/month], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Read units. [million units/month], shape (..., T)

    >>> float((read_units(1, 1e6, 1536, 1000) * 1e6).round(2))
    7.14
    """
    size = stored_gb(1.0, records, dimensions, metadata_bytes)
    return np.asarray(requests * np.maximum(size, 0.25) / MILLION, float)


def write_units(
    share: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Count the write units of records put into the index: one per kilobyte begun.

    Source: the write costs in Pinecone's cost guide, docs.pinecone.io (2025-11).

    Args:
        share: Share of the records written. [1/month], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Write units. [million units/month], shape (..., T)
    """
    each = np.ceil(record_bytes(dimensions, metadata_bytes) / WRITE_UNIT_BYTES)
    return np.asarray(share * np.asarray(records) * each / MILLION, float)


def written_gb(
    share: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Return the size of the records put into the index.

    Args:
        share: Share of the records written. [1/month], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Written data. [GB/month], shape (..., T)
    """
    return stored_gb(share, records, dimensions, metadata_bytes)


def processed_tb(
    requests: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Return the data that queries go through: the whole index each time.

    Args:
        requests: Queries. [1/month], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Data processed. [TB/month], shape (..., T)
    """
    return np.asarray(requests * stored_gb(1.0, records, dimensions, metadata_bytes) / 1e3, float)


def queried_pb(
    requests: Numeric, records: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Return the data that queries go through where each counts as 1.28 GB at least.

    Source: the pricing notes of turbopuffer, turbopuffer.com (2026-09); its discounts on large
    name spaces are left out, so that the figure is an upper bound above 32 GB.

    Args:
        requests: Queries. [1/month], shape (..., T)
        records: Vectors stored. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Data queried. [PB/month], shape (..., T)
    """
    size = np.maximum(stored_gb(1.0, records, dimensions, metadata_bytes), LEAST_QUERY_GB)
    return np.asarray(requests * size / 1e6, float)


def returned_gb(
    requests: Numeric, top_k: Numeric, dimensions: Numeric, metadata_bytes: Numeric
) -> Array:
    """Return the records that queries send back.

    Args:
        requests: Queries. [1/month], shape (..., T)
        top_k: Records for each query. [1]
        dimensions: Dimensions of a vector. [1]
        metadata_bytes: Metadata and identifier of a record. [byte]

    Returns:
        Data returned. [GB/month], shape (..., T)
    """
    size = np.asarray(top_k) * record_bytes(dimensions, metadata_bytes)
    return np.asarray(requests * size / BYTES_PER_GB, float)


def thousand_requests(requests: Numeric) -> Array:
    """Count requests in thousands.

    Args:
        requests: Requests. [1/month], shape (..., T)

    Returns:
        Thousands of requests. [1,000/month], shape (..., T)
    """
    return np.asarray(requests, float) / 1e3


def million_requests(requests: Numeric) -> Array:
    """Count requests in millions.

    Args:
        requests: Requests. [1/month], shape (..., T)

    Returns:
        Millions of requests. [1,000,000/month], shape (..., T)
    """
    return np.asarray(requests, float) / MILLION


def fixed(active: Numeric) -> Array:
    """Count the months in which a fixed fee is paid.

    Args:
        active: Share of the month in which the service is used. [1], shape (..., T)

    Returns:
        Months. [month], shape (..., T)
    """
    return np.asarray(active, float)
