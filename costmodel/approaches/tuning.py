"""Approaches that train a model: on examples, on preferences, on grades."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from costmodel.approaches.base import Approach, Occasion, Site, Work, assumed, calls, engineering
from costmodel.bill import Line, Quantity, measure
from costmodel.errors import ScenarioError, nearest
from costmodel.hosts import Training, check_examples, epochs_of
from costmodel.months import Numeric
from costmodel.prices.rows import Key
from costmodel.prices.tables import METHODS, OBJECTIVES
from costmodel.quantities import effort, training, upkeep
from costmodel.quantities.requests import Request, Size

# a share of over-long examples that is more than a few stray ones
TOO_MANY = 0.01


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
        yield from engineering(self, site)
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
            # what cannot be trained is not labelled and not released
            done = replace(occasion, times=occasion.times * np.asarray(occasion.trainable))
            if occasion.work in renewed:
                yield from self._data(site, done, renewed[occasion.work])
            runs = done.shared.times * self.runs_per_release
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
                "release", self.role, done.shared, effort.effort_hours, hours=self.release_hours
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
        yield from calls(
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
        yield from calls(
            site,
            (provider, name),
            ("grade", occasion.phase, occasion.cause),
            graded,
            (np.asarray(self.prompt_tokens) + self.answer_tokens, self.grader_output_tokens),
        )
