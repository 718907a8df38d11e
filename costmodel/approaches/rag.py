"""Passages retrieved for each question."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from costmodel.approaches.base import Approach, Occasion, Site, Work, assumed, curation, engineering
from costmodel.bill import Line, Quantity, measure
from costmodel.errors import PriceError, ScenarioError, nearest
from costmodel.months import Array, Numeric
from costmodel.prices.rows import Key
from costmodel.quantities import retrieval, serving, volumes
from costmodel.quantities.requests import Part, Request

# units of a store that Rag can count
STORE_UNITS = (
    *("ingestion mwu", "ingestion gb", "search mru", "search gb", "search tb", "search pb"),
    *("search krequest", "search mrequest", "search unit_hour", "vector_store month"),
    *("vector_store gb_month", "vector_store gib_month", "vector_store gb_day"),
    *("vector_store mdim_month",),
)
RERANK_UNITS = ("rerank krequest", "rerank mtok")
# what a store bills for putting records in, and for each search over all of them
INGESTION: dict[str, Callable[..., Array]] = {
    "ingestion mwu": retrieval.write_units,
    "ingestion gb": retrieval.written_gb,
}
SEARCHES: dict[str, Callable[..., Array]] = {
    "search mru": retrieval.read_units,
    "search tb": retrieval.processed_tb,
    "search pb": retrieval.queried_pb,
}


@dataclass(frozen=True)
class Rag(Approach):
    """Passages retrieved for each question.

    Attributes:
        context_tokens: Retrieved text in each request; None = `top_k` chunks. [token]
        top_k: Chunks retrieved for each request.
        context_cv: Its standard deviation over mean. [1]
        corpus_tokens: Tokens of the documents. [token]
        corpus: The documents themselves, e.g. "docs/*.md", in place of their tokens.
        monthly_churn: Share of the corpus that changes in a month. [1/month]
        chunk_tokens, overlap: Size of a chunk, and share of it that repeats the one before.
        embedding, store: Products of retrieval.csv, `provider/product`.
        rerank: Product of retrieval.csv, blank for none.
        metadata_bytes: Text and metadata kept beside each vector. [byte]
        search_units: Units of a store that is billed by the unit-hour.
        candidates: Chunks that a reranker reads for each request, where it is billed by tokens.
        build_hours, change_hours, migration_hours: Engineers' hours to build the index and the
            retrieval, to change it, to move to another model. [h]
        curation_hours_per_month: Hours to keep the documents right. [h/month]
        role: Who does it, a role of labour.csv.
    """

    kind = "rag"

    corpus_tokens: Numeric
    context_tokens: Numeric | None = None
    top_k: Numeric = assumed(5.0)
    context_cv: Numeric = 0.0
    monthly_churn: Numeric = assumed(0.02)
    chunk_tokens: Numeric = assumed(512.0)
    overlap: Numeric = assumed(0.1)
    embedding: str = assumed("openai/text-embedding-3-small")
    store: str = assumed("pinecone/serverless-standard")
    rerank: str = ""
    metadata_bytes: Numeric = assumed(1500.0)
    search_units: Numeric = 1.0
    candidates: Numeric = assumed(25.0)
    build_hours: Numeric = assumed(120.0)
    change_hours: Numeric = assumed(12.0)
    migration_hours: Numeric = assumed(16.0)
    curation_hours_per_month: Numeric = assumed(4.0)
    role: str = "software_engineer"
    corpus: str = ""

    def reshape(self, request: Request) -> Request:
        """Put the passages before the history; they differ from request to request."""
        tokens = self.context_tokens
        if tokens is None:
            tokens = np.asarray(self.top_k) * self.chunk_tokens
        return request.with_part(Part("context", tokens, self.context_cv))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield indexing, storage, re-indexing of what changes, and hours."""
        yield from engineering(self, site)
        churn = site.active * np.asarray(self.monthly_churn)
        stale = Occasion("refresh", "upkeep", "stale_facts", churn)
        build = [occasion for occasion in site.occasions if occasion.work == "build"]
        embedding, store = self._embedding(site), self._store(site)
        for occasion in (*build, stale):
            line = Line("embed", embedding, "mtok", occasion.phase, occasion.cause, site.name)
            yield measure(
                line,
                retrieval.embedded_mtok,
                share=occasion.times,
                corpus_tokens=self.corpus_tokens,
                overlap=self.overlap,
            )
            for name, formula in INGESTION.items():
                if name in store:
                    meter = name.split()[1]
                    yield measure(
                        replace(line, activity="index", key=store[name], meter=meter),
                        formula,
                        share=occasion.times,
                        **self._index(site),
                    )
        yield from self._stored(store, site)
        yield curation(self.role, self.curation_hours_per_month, site)

    def usage(self, site: Site) -> Iterator[Quantity]:
        """Yield the search behind each request."""
        requests = site.requests * site.active
        line = Line("embed", self._embedding(site), "mtok", "serve", "", f"{site.name} queries")
        yield measure(
            line,
            volumes.request_mtok,
            requests=requests,
            tokens=site.request.part("question").tokens,
        )
        searches = self._store(site)
        if self.rerank:
            searches |= self._product(self.rerank, "rerank", RERANK_UNITS, site)
        for name, key in searches.items():
            component, unit = name.split()
            asked = replace(line, activity=component, key=key, meter=unit)
            if name in SEARCHES:
                yield measure(asked, SEARCHES[name], requests=requests, **self._index(site))
            elif name == "search gb":
                size = self._index(site)
                yield measure(
                    asked,
                    retrieval.returned_gb,
                    requests=requests,
                    top_k=self.top_k,
                    dimensions=size["dimensions"],
                    metadata_bytes=size["metadata_bytes"],
                )
            elif name == "rerank mtok":
                query = site.request.part("question").tokens
                tokens = np.asarray(self.candidates) * (query + np.asarray(self.chunk_tokens))
                yield measure(asked, volumes.request_mtok, requests=requests, tokens=tokens)
            elif unit == "krequest":
                yield measure(asked, retrieval.thousand_requests, requests=requests)
            elif unit == "mrequest":
                yield measure(asked, retrieval.million_requests, requests=requests)

    def _index(self, site: Site) -> dict[str, Numeric]:
        """Return how many records the index holds and how large they are."""
        facts = site.terms.book.rows_of(self._embedding(site))[0].facts
        dimensions = float(facts["dimensions"])
        if math.isnan(dimensions):
            message = f"retrieval.csv gives no dimensions for {self.embedding!r}: fill them in"
            raise PriceError(message)
        records: Numeric
        if self.counted is not None and self.counted.chunks is not None:
            records = self.counted.chunks
        else:
            records = retrieval.records_stored(self.corpus_tokens, self.chunk_tokens, self.overlap)
        return {
            "records": records,
            "dimensions": dimensions,
            "metadata_bytes": self.metadata_bytes,
        }

    def _stored(self, store: Mapping[str, Key], site: Site) -> Iterator[Quantity]:
        """Count what keeping the index costs, in the units its provider bills."""
        size = self._index(site)
        months, active = site.terms.months, site.active

        def line(unit: str, meter: str | None = None) -> Line:
            key = store[f"vector_store {unit}" if meter is None else f"search {unit}"]
            return Line("store", key, meter or unit, "serve", "", site.name)

        if "vector_store gb_month" in store:
            yield measure(line("gb_month"), retrieval.stored_gb, active=active, **size)
        if "vector_store gib_month" in store:
            yield measure(line("gib_month"), retrieval.stored_gib, active=active, **size)
        if "vector_store gb_day" in store:
            days = months.days
            yield measure(
                line("gb_day"), retrieval.stored_gb_days, active=active, days=days, **size
            )
        if "vector_store mdim_month" in store:
            shape = {name: size[name] for name in ("records", "dimensions")}
            yield measure(line("mdim_month"), retrieval.stored_mdim, active=active, **shape)
        if "vector_store month" in store:
            yield measure(line("month"), retrieval.fixed, active=active)
        if "search unit_hour" in store:
            yield measure(
                line("unit_hour", "search_unit_hour"),
                serving.capacity_hours,
                units=self.search_units,
                hours=months.hours,
                active=active,
            )

    def _embedding(self, site: Site) -> Key:
        return self._product(self.embedding, "embedding", ("embedding mtok",), site)[
            "embedding mtok"
        ]

    def _store(self, site: Site) -> dict[str, Key]:
        return self._product(self.store, "", STORE_UNITS, site)

    @staticmethod
    def _product(name: str, component: str, units: Sequence[str], site: Site) -> dict[str, Key]:
        """Return the keys of a product of retrieval.csv by component and billing unit."""
        provider, _, product = name.partition("/")
        keys = site.terms.book.products()
        mine = {key.mode: key for key in keys if (key.provider, key.sku) == (provider, product)}
        known = {f"{key.provider}/{key.sku}" for key in keys if key.mode.startswith(component)}
        if name not in known:
            what = component or "product"
            message = f"no {what} {name!r} in retrieval.csv{nearest(name, known)}"
            raise PriceError(message)
        strange = [mode for mode in mine if mode not in units]
        if strange:
            message = (
                f"{name} bills {strange[0].replace(' ', ' by the ')}, which rag cannot count yet: "
                "choose another product"
            )
            raise ScenarioError(message)
        return mine
