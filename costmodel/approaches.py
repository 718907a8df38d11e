"""Ways to make a model do the job. A new approach is one dataclass here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.errors import PriceError, ScenarioError, nearest
from costmodel.hosts import Host, Terms, Training, check_examples, epochs_of, tokens_per
from costmodel.months import Array, Numeric
from costmodel.prices.book import PriceBook
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.rows import TEAM, Key
from costmodel.prices.tables import METHODS, OBJECTIVES
from costmodel.quantities import effort, retrieval, serving, training, upkeep, volumes
from costmodel.quantities.ranges import check_ranges
from costmodel.quantities.requests import Part, Request, Size

Work = Quantity | Training
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Occasion:
    """Something that makes work: the build, a changed requirement, a retirement, ...

    Attributes:
        work: What is to be done: build, requirement_change, label_ageing, retirement (move to
            another base model), evaluation.
        phase, cause: Of the lines; no cause for the first build.
        times: How often in each month, an expectation. [1/month], shape (..., T)
        trainable: Share of these on which the tuning service still takes jobs. [1], (..., T)
        joint: Share of these whose training, evaluation and release are not done already on
            another occasion of the month. [1], shape (..., T)
        undated: Whether they come at no known day.
    """

    work: str
    phase: str
    cause: str
    times: Array
    trainable: Numeric = 1.0
    joint: Numeric = 1.0
    undated: bool = False

    @property
    def shared(self) -> Occasion:
        """The occasion, as often as it makes work that several causes share."""
        return replace(self, times=np.asarray(self.times * self.joint, float))


@dataclass(frozen=True, eq=False)
class Site:
    """What an approach is told about the stage in which it works.

    Attributes:
        name: Its name in the scenario, with the task where there are several.
        terms: Prices, months, counting.
        host: Where the model runs.
        model: Model in use.
        offer: Tuning offer, if a provider tunes it.
        requests: Calls to the model. [1/month], shape (..., T)
        request: What is sent and what comes back, as the approaches have reshaped it.
        active: Share of each month in which the stage serves. [1], shape (..., T)
        occasions: What makes work.
    """

    name: str
    terms: Terms
    host: Host
    model: str
    offer: TuningOffer | None
    requests: Array
    request: Request
    active: Array
    occasions: tuple[Occasion, ...]

    def tokens_of(self, model: Model) -> tuple[float, tuple[str, ...]]:
        """Return tokens of a model per token of the workload, and what that assumes."""
        how = (self.request.counted_with, self.request.content)
        return tokens_per(model, *how, self.terms.book)

    def labour(
        self,
        activity: str,
        role: str,
        occasion: Occasion,
        formula: Callable[..., Array],
        **inputs: Numeric,
    ) -> Quantity:
        """Count hours of people on an occasion."""
        return person_hours(self.terms.book, self.name, activity, role, occasion, formula, **inputs)


def person_hours(
    book: PriceBook,
    detail: str,
    activity: str,
    role: str,
    occasion: Occasion,
    formula: Callable[..., Array],
    **inputs: Numeric,
) -> Quantity:
    """Count hours of people on an occasion.

    Args:
        book: Knows the roles.
        detail: Approach or option they work for.
        activity: What they do.
        role: Role of labour.csv.
        occasion: Why, and how often.
        formula: Takes `occasions` and the further inputs.
        inputs: Its further inputs.
    """
    key = book.key(Key("labour", TEAM, role))
    line = Line(activity, key, "person_hour", occasion.phase, occasion.cause, detail)
    return measure(line, formula, occasions=occasion.times, **inputs)


@dataclass(frozen=True, eq=False)
class Counted:
    """What was counted in files that a scenario names.

    Attributes:
        said: Files, how much they hold, and how it was counted: an assumption that is shown.
        size: Lengths of the examples, in the workload's encoding; None = as stated. [token]
        chunks: Chunks of the documents; None where there are none. [1]
    """

    said: str
    size: Size | None = None
    chunks: float | None = None


def assumed(default: T) -> T:
    """Make a field whose default is a guess of ours, listed when it was not replaced."""
    made: T = field(default=default, metadata={"assumed": True})
    return made


@dataclass(frozen=True)
class Approach:
    """Reshapes the request and emits the work it needs.

    Attributes:
        shared: Whether several tasks share it: one index, one tuned model for all of them.
        counted: What was counted in its files.
        stated: Fields that a scenario file states, be it the default.
    """

    kind: ClassVar[str] = ""
    # whether requests go to a model of one's own making
    tunes: ClassVar[bool] = False

    shared: bool = field(default=False, kw_only=True)
    counted: Counted | None = field(default=None, kw_only=True, compare=False, repr=False)
    stated: frozenset[str] = field(default=frozenset(), kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        check_ranges(self)

    def reshape(self, request: Request) -> Request:
        """Return the request as this approach sends it."""
        return request

    def work(self, site: Site) -> Iterator[Work]:  # noqa: ARG002
        """Yield work that does not depend on the number of requests."""
        yield from ()

    def usage(self, site: Site) -> Iterator[Quantity]:  # noqa: ARG002
        """Yield what each request uses beside the model."""
        yield from ()


def _engineering(
    approach: Prompting | FewShot | Rag | LongContext | Tune, site: Site
) -> Iterator[Quantity]:
    """Yield the engineers' hours of each occasion."""
    hours = {
        "build": approach.build_hours,
        "requirement_change": approach.change_hours,
        "retirement": approach.migration_hours,
    }
    activities = {"build": "engineer", "requirement_change": "change", "retirement": "migrate"}
    for occasion in site.occasions:
        if occasion.work in hours:
            yield site.labour(
                activities[occasion.work],
                approach.role,
                occasion,
                effort.effort_hours,
                hours=hours[occasion.work],
            )


def _curation(approach: Rag | LongContext, site: Site) -> Quantity:
    """Count the hours that keep the documents right."""
    always = Occasion("refresh", "upkeep", "stale_facts", site.active)
    hours = approach.curation_hours_per_month
    return site.labour("curate", approach.role, always, effort.effort_hours, hours=hours)


@dataclass(frozen=True)
class Prompting(Approach):
    """Instructions in a system prompt.

    Attributes:
        system_tokens: Length of the instructions; None = as the workload states. [token]
        build_hours, change_hours, migration_hours: Engineers' hours to write and test the prompt,
            to change it, to move it to another model. [h]
        role: Who does it, a role of labour.csv.
    """

    kind = "prompting"

    system_tokens: Numeric | None = None
    build_hours: Numeric = assumed(24.0)
    change_hours: Numeric = assumed(6.0)
    migration_hours: Numeric = assumed(12.0)
    role: str = "software_engineer"

    def reshape(self, request: Request) -> Request:
        """Put the instructions into the request."""
        if self.system_tokens is None:
            return request
        return request.with_part(replace(request.part("system"), tokens=self.system_tokens))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield hours of prompt writing."""
        yield from _engineering(self, site)


@dataclass(frozen=True)
class FewShot(Approach):
    """Worked examples in every prompt.

    Attributes:
        shots: Examples in the prompt.
        tokens_per_shot: Length of one; None = question and answer of the workload. [token]
        build_hours, change_hours, migration_hours: Engineers' hours to choose and test examples,
            to exchange them, to move to another model. [h]
        role: Who does it, a role of labour.csv.
    """

    kind = "few_shot"

    shots: Numeric = assumed(8.0)
    tokens_per_shot: Numeric | None = None
    build_hours: Numeric = assumed(40.0)
    change_hours: Numeric = assumed(8.0)
    migration_hours: Numeric = assumed(12.0)
    role: str = "software_engineer"

    def reshape(self, request: Request) -> Request:
        """Put the examples behind the system prompt."""
        each = self.tokens_per_shot
        if each is None:
            each = request.part("question").tokens + request.part("answer").tokens
        tokens = np.asarray(self.shots) * each
        return request.with_part(Part("shots", tokens, stable=True))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield hours of choosing examples."""
        yield from _engineering(self, site)


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
        yield from _engineering(self, site)
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
        yield _curation(self, site)

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
            searches |= self._product(
                self.rerank, "rerank", ("rerank krequest", "rerank mtok"), site
            )
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


@dataclass(frozen=True)
class Tune(Approach, ABC):
    """A model of one's own: made of examples, and made again and again.

    Attributes:
        examples: Examples in the training set.
        dataset: File of examples: their lengths, and their number where `examples` is not stated.
        validation: File of the validation set, in place of `validation_share`.
        objective: sft | dpo | ppo | grpo | rft.
        method: full | lora | qlora; None = what the host's provider sells.
        epochs: Passes over the set; None = the provider's default.
        trainer: Provider that trains, blank = the host's.
        tier: Tier of the training price: standard | developer.
        keeps: Share of each part of the request that tuning leaves, e.g. {"system": 0.2}.
        runs_per_release: Training runs for each release: trials and failures included.
        validation_share: Validation set over training set. [1]
        evaluations: Passes over the validation set in one run.
        hours_per_run: Length of a run, where it is billed by time. [h]
        packing: Whether short examples share a sequence; without it each is billed as a whole one.
        sequence_length: Tokens of a sequence, needed without packing. [token]
        minutes_per_example: To write, check and correct one. [min]
        second_annotator_share: Share of the examples that a second person labels, too. [1]
        usable_share: Share of the labelled examples that can be used. [1]
        synthetic_share: Share of the examples that a model writes. [1]
        synthetic_model: That model, `provider/model`.
        synthetic_prompt_tokens: Prompt for one such example. [token]
        refresh_share: Share of the examples renewed when requirements change or labels age. [1]
        collect_hours: To gather transcripts, manuals and past answers. [h]
        build_hours, change_hours, migration_hours: Engineers' hours for the first release with its
            integration, for a change, for the move to another base model. [h]
        release_hours: To release a version: tests, sign-off, roll-out. [h]
        versions_kept: Tuned versions stored.
        model_gb: Size of a stored adapter or model. [GB]
        role, label_role: Who trains and who labels, roles of labour.csv.
        label_vendor: Vendor that labels by the piece instead, `provider/item` of labelling.csv.
    """

    tunes = True

    examples: Numeric
    dataset: str = ""
    validation: str = ""
    objective: str = "sft"
    method: str | None = "lora"
    epochs: Numeric | None = None
    trainer: str = ""
    tier: str = "standard"
    keeps: Mapping[str, Numeric] = field(default_factory=dict)
    runs_per_release: Numeric = assumed(2.0)
    validation_share: Numeric = assumed(0.1)
    evaluations: Numeric = assumed(1.0)
    hours_per_run: Numeric | None = None
    packing: bool = True
    sequence_length: Numeric | None = None
    minutes_per_example: Numeric = assumed(10.0)
    second_annotator_share: Numeric = assumed(0.1)
    usable_share: Numeric = assumed(1.0)
    synthetic_share: Numeric = 0.0
    synthetic_model: str = ""
    synthetic_prompt_tokens: Numeric = assumed(600.0)
    refresh_share: Numeric = assumed(0.3)
    collect_hours: Numeric = assumed(16.0)
    build_hours: Numeric = assumed(60.0)
    change_hours: Numeric = assumed(10.0)
    migration_hours: Numeric = assumed(24.0)
    release_hours: Numeric = assumed(4.0)
    versions_kept: Numeric = assumed(2.0)
    model_gb: Numeric = assumed(0.5)
    role: str = "ml_engineer"
    label_role: str = "annotator"
    label_vendor: str = ""

    def __post_init__(self) -> None:
        """Refuse objectives and methods that do not exist."""
        super().__post_init__()
        for name, word, known in (
            ("objective", self.objective, OBJECTIVES),
            ("method", self.method, METHODS),
        ):
            if word is not None and word not in known:
                message = f"unknown {name} {word!r}{nearest(word, known)}"
                raise ScenarioError(message)
        if not self.packing and self.sequence_length is None:
            message = "packing = false needs sequence_length: every example is billed as that long"
            raise ScenarioError(message)
        if np.any(np.asarray(self.synthetic_share) > 0) and not self.synthetic_model:
            message = "synthetic_share needs synthetic_model, the provider/model that writes them"
            raise ScenarioError(message)

    def reshape(self, request: Request) -> Request:
        """Shorten the parts that the tuned model has learnt."""
        unknown = [name for name in self.keeps if name not in {p.name for p in request.parts}]
        if unknown:
            known = {part.name for part in request.parts}
            message = f"keeps: no part {unknown[0]!r} in the request{nearest(unknown[0], known)}"
            raise ScenarioError(message)
        for name, share in self.keeps.items():
            part = request.part(name)
            request = request.with_part(replace(part, tokens=part.tokens * np.asarray(share)))
        return request

    @abstractmethod
    def example_size(self, site: Site) -> Size:
        """Return the length of one example, in the workload's encoding. [token]"""

    @abstractmethod
    def written_tokens(self) -> Numeric:
        """Return what is written for one example, in the workload's encoding. [token]"""

    def sequences(self) -> Numeric:
        """Return the sequences of one example."""
        return 1.0

    def work(self, site: Site) -> Iterator[Work]:
        """Yield data, training, hours and storage of versions."""
        yield from _engineering(self, site)
        renewed = {
            "build": 1.0,
            "requirement_change": self.refresh_share,
            "label_ageing": self.refresh_share,
            "drift": self.refresh_share,
        }
        tokens = self.examples * np.asarray(self._billed_size(site))
        for occasion in site.occasions:
            if occasion.work not in (*renewed, "retirement"):
                continue
            if occasion.work in renewed:
                yield from self._data(site, occasion, renewed[occasion.work])
            runs = occasion.shared.times * self.runs_per_release * occasion.trainable
            yield Training(
                name=site.name,
                model=site.model,
                tokens=tokens,
                epochs=self.epochs,
                runs=runs,
                validation_tokens=tokens * np.asarray(self.validation_share),
                evaluations=self.evaluations,
                hours=self.hours_per_run,
                examples=self.examples,
                objective=self.objective,
                method=self.method,
                sequence_tokens=self.example_size(site).mean / self.sequences(),
                sequence_length=self.sequence_length,
                offer=site.offer,
                # the length of a sequence is in the tokens of the provider
                counted_with=site.request.counted_with if self.packing else "",
                content=site.request.content,
                phase=occasion.phase,
                cause=occasion.cause,
            )
            yield from self._grading(site, occasion, runs)
            yield site.labour(
                "release", self.role, occasion.shared, effort.effort_hours, hours=self.release_hours
            )
        yield from self._storage(site)

    def _data(self, site: Site, occasion: Occasion, share: Numeric) -> Iterator[Quantity]:
        """Yield the work of writing and checking examples."""
        if occasion.work == "build":
            yield site.labour(
                "collect", self.role, occasion, effort.effort_hours, hours=self.collect_hours
            )
        by_hand = np.asarray(share) * (1.0 - np.asarray(self.synthetic_share))
        labelled = by_hand / np.asarray(self.usable_share)
        for activity, part in (("label", 1.0), ("check", self.second_annotator_share)):
            if self.label_vendor:
                provider, _, item = self.label_vendor.partition("/")
                key = site.terms.book.key(Key("labelling", provider, item))
                line = Line(activity, key, "item", occasion.phase, occasion.cause, site.name)
                yield measure(
                    line,
                    effort.labelled_items,
                    occasions=occasion.times,
                    examples=self.examples,
                    share=labelled * np.asarray(part),
                )
                continue
            yield site.labour(
                activity,
                self.label_role,
                occasion,
                effort.labelling_hours,
                examples=self.examples,
                share=labelled * np.asarray(part),
                minutes_per_example=self.minutes_per_example,
            )
        if not self.synthetic_model:
            return
        provider, _, name = self.synthetic_model.partition("/")
        written = np.asarray(share) * self.synthetic_share / np.asarray(self.usable_share)
        counts = occasion.times * self.examples * written
        yield from _calls(
            site,
            (provider, name),
            ("synthesise", occasion.phase, occasion.cause),
            counts,
            (self.synthetic_prompt_tokens, self.written_tokens()),
        )

    def _grading(
        self,
        site: Site,  # noqa: ARG002
        occasion: Occasion,  # noqa: ARG002
        runs: Numeric,  # noqa: ARG002
    ) -> Iterator[Quantity]:
        """Yield what a grader reads and writes during training; nothing without one."""
        yield from ()

    def _billed_size(self, site: Site) -> Numeric:
        """Return the mean billed length of one example by the provider's rules. [token]

        Raises:
            ScenarioError: If the set does not fit the provider's limits.
        """
        size, offer = self.example_size(site), site.offer
        if offer is not None:
            check_examples(offer, float(np.mean(self.examples)))
        if not self.packing and self.sequence_length is not None:
            return self.sequence_length
        if offer is None:
            return size.mean
        if math.isnan(offer.max_example_tokens):
            return size.mean
        ratio, _ = site.tokens_of(site.host.model(site.model, site.terms.book))
        limit = offer.max_example_tokens / ratio
        if size.observed:
            lengths, counts = np.array(size.observed, float).T
            over = np.asarray(np.sum(counts[lengths > limit]) / counts.sum())
            billed = training.billed_file_tokens(lengths, counts, limit, offer.over_long)
            billed = billed / counts.sum()
        else:
            over = training.share_too_long(size.mean, size.cv, limit)
            billed = training.billed_example_tokens(size.mean, size.cv, limit, offer.over_long)
        if offer.over_long == "" and np.any(over > TOO_MANY):
            message = (
                f"{float(np.max(over)):.0%} of the examples are longer than the "
                f"{offer.max_example_tokens:,.0f} tokens that {offer.provider} takes for "
                f"{offer.sku}: shorten them"
            )
            raise ScenarioError(message)
        if np.any(billed <= 0):
            message = (
                f"every example is longer than the {offer.max_example_tokens:,.0f} tokens that "
                f"{offer.provider} takes for {offer.sku}, and would be dropped"
            )
            raise ScenarioError(message)
        return billed

    def _storage(self, site: Site) -> Iterator[Quantity]:
        offer = site.offer
        if offer is None or not offer.storage_per_month > 0:
            return
        key = Key("finetuning", offer.provider, offer.sku, offer.mode, offer.region)
        line = Line("store", key, "storage_model_month", "upkeep", "versions", site.name)
        if offer.storage_unit == "gb_month":
            yield measure(
                replace(line, meter="storage_gb_month"),
                upkeep.stored_model_gb,
                active=site.active,
                models=1.0,
                versions=self.versions_kept,
                gb=self.model_gb,
            )
        else:
            yield measure(
                line,
                upkeep.stored_models,
                active=site.active,
                models=1.0,
                versions=self.versions_kept,
            )


@dataclass(frozen=True)
class FineTune(Tune):
    """A model trained on labelled examples: questions with the ideal answer.

    All that it has in common with preference tuning stands in `Tune`.

    Attributes:
        tokens_per_example: Mean length of one, in the workload's encoding, or mean and cv. [token]
    """

    kind = "fine_tune"

    tokens_per_example: Size | Numeric = field(kw_only=True)

    def example_size(self, site: Site) -> Size:  # noqa: ARG002
        """Return the length of one example, in the workload's encoding. [token]"""
        if self.counted is not None and self.counted.size is not None:
            return self.counted.size
        size = self.tokens_per_example
        return size if isinstance(size, Size) else Size(size)

    def written_tokens(self) -> Numeric:
        """Return what is written for one example, in the workload's encoding. [token]"""
        size = self.tokens_per_example
        return size.mean if isinstance(size, Size) else size


@dataclass(frozen=True)
class PreferenceTune(Tune):
    """A model trained on preferences: pairs of answers (DPO), or answers that a grader scores.

    All that it has in common with supervised tuning stands in `Tune`. For DPO the provider bills
    the prompt with both answers, or by its own rule (`pair_rule` of finetuning.csv). For PPO, GRPO
    and RFT the model writes `samples` answers to each prompt.

    Attributes:
        prompt_tokens, answer_tokens: Length of a prompt, and of one answer. [token]
        samples: Answers written to each prompt in reinforcement learning.
        grader: Model that scores them in reinforcement learning, `provider/model`; blank = a rule
            of one's own that costs nothing.
        grader_output_tokens: What it writes for each answer. [token]
    """

    kind = "preference_tune"

    objective: str = "dpo"
    minutes_per_example: Numeric = assumed(5.0)
    prompt_tokens: Numeric = field(kw_only=True)
    answer_tokens: Numeric = field(kw_only=True)
    samples: Numeric = assumed(8.0)
    grader: str = ""
    grader_output_tokens: Numeric = assumed(50.0)

    def example_size(self, site: Site) -> Size:
        """Return the length of a pair, or of a prompt with all its sampled answers. [token]"""
        prompts = answers = np.asarray(self.samples, float)
        if self.objective in ("sft", "dpo"):
            # on own GPUs the prompt is read once with each of the answers
            rule = site.offer.pair_rule if site.offer is not None else "2p+c+r"
            prompts, answers = np.asarray(2.0 if rule == "2p+c+r" else 1.0), np.asarray(2.0)
        return Size(prompts * self.prompt_tokens + answers * self.answer_tokens)

    def sequences(self) -> Numeric:
        """Return the sequences of one example: two answers of a pair, or all samples."""
        return 2.0 if self.objective in ("sft", "dpo") else self.samples

    def written_tokens(self) -> Numeric:
        """Return what is written for one example: a pair, or a prompt alone. [token]"""
        answers = 2.0 if self.objective in ("sft", "dpo") else 0.0
        return np.asarray(self.prompt_tokens) + answers * np.asarray(self.answer_tokens)

    def _grading(self, site: Site, occasion: Occasion, runs: Numeric) -> Iterator[Quantity]:
        if not self.grader:
            return
        provider, _, name = self.grader.partition("/")
        site.terms.book.catalog.model(provider, name)
        if self.objective in ("sft", "dpo"):
            return
        epochs = epochs_of(self.epochs, site.offer, self.examples)[0]
        graded = np.asarray(runs * np.asarray(self.examples) * self.samples * epochs)
        yield from _calls(
            site,
            (provider, name),
            ("grade", occasion.phase, occasion.cause),
            graded,
            (np.asarray(self.prompt_tokens) + self.answer_tokens, self.grader_output_tokens),
        )


# a share of over-long examples that is more than a few stray ones
TOO_MANY = 0.01


def _calls(
    site: Site,
    model: tuple[str, str],
    what: tuple[str, str, str],
    requests: Numeric,
    tokens: tuple[Numeric, Numeric],
) -> Iterator[Quantity]:
    """Yield the tokens of calls to a further hosted model.

    Args:
        site: Where the approach works.
        model: Provider and model.
        what: Activity, phase and cause of the lines.
        requests: Calls. [1/month], shape (..., T)
        tokens: Input and output of one, in the workload's encoding. [token]
    """
    return model_calls(
        site.terms.book,
        (site.name, *what),
        model,
        (site.request.counted_with, site.request.content),
        requests,
        tokens,
    )


def model_calls(
    book: PriceBook,
    about: tuple[str, str, str, str],
    model: tuple[str, str],
    counted: tuple[str, str],
    requests: Numeric,
    tokens: tuple[Numeric, Numeric],
) -> Iterator[Quantity]:
    """Yield the tokens of calls to a hosted model beside the one that serves.

    Args:
        book: The prices.
        about: For whom, activity, phase and cause of the lines.
        model: Provider and model.
        counted: Encoding and kind of content of the tokens.
        requests: Calls. [1/month], shape (..., T)
        tokens: Input and output of one. [token]
    """
    found = book.catalog.model(*model)
    detail, activity, phase, cause = about
    key = book.key(Key("inference", found.provider, found.name))
    ratio, said = tokens_per(found, *counted, book)
    for meter, count in zip(("input_mtok", "output_mtok"), tokens, strict=True):
        quantity = measure(
            Line(activity, key, meter, phase, cause, detail),
            volumes.request_mtok,
            requests=requests,
            tokens=np.asarray(count) * ratio,
        )
        yield replace(quantity, assumptions=said)


@dataclass(frozen=True)
class LongContext(Approach):
    """The whole corpus in every prompt, where the provider caches it.

    Attributes:
        corpus_tokens: Tokens of the documents. [token]
        corpus: The documents themselves, e.g. "docs/*.md", in place of their tokens.
        build_hours, change_hours, migration_hours: Engineers' hours to prepare the corpus and the
            prompt, to change them, to move to another model. [h]
        curation_hours_per_month: Hours to keep the documents right. [h/month]
        role: Who does it, a role of labour.csv.
    """

    kind = "long_context"

    corpus_tokens: Numeric
    build_hours: Numeric = assumed(32.0)
    change_hours: Numeric = assumed(6.0)
    migration_hours: Numeric = assumed(12.0)
    curation_hours_per_month: Numeric = assumed(4.0)
    role: str = "software_engineer"
    corpus: str = ""

    def reshape(self, request: Request) -> Request:
        """Put the corpus behind the system prompt; it is the same in every request."""
        return request.with_part(Part("corpus", self.corpus_tokens, stable=True))

    def work(self, site: Site) -> Iterator[Work]:
        """Yield hours of preparing and keeping the corpus."""
        yield from _engineering(self, site)
        yield _curation(self, site)


APPROACHES: dict[str, type[Approach]] = {
    approach.kind: approach
    for approach in (Prompting, FewShot, Rag, LongContext, FineTune, PreferenceTune)
}
