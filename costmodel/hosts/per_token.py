"""Tokens are billed, and the hours of a tuned model where the provider asks for them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from costmodel.bill import Line, Quantity, measure
from costmodel.errors import ScenarioError
from costmodel.hosts.base import Host, Serving, Terms, counted_calls
from costmodel.months import Array, Numeric
from costmodel.prices.catalog import Model, TuningOffer
from costmodel.prices.rows import Key
from costmodel.quantities import serving, volumes
from costmodel.quantities.requests import Sizes


@dataclass(frozen=True)
class PerToken(Host):
    """Tokens are billed; a tuned model also by the hour where the provider asks for that.

    Attributes:
        mode: standard | batch | flex | priority | ...
        deployed_share: Share of the hours in which a tuned model with an hourly fee is deployed.
        keep_cache: Whether prompts are kept in a cache that is billed by the hour, so that every
            request finds them, where the provider sells that.
    """

    kind = "per_token"

    mode: str = "standard"
    deployed_share: Numeric = 1.0
    keep_cache: bool = False

    def serve(self, servings: Sequence[Serving], terms: Terms) -> Iterator[Quantity]:
        """Count tokens by what is charged for them, then hourly fees."""
        deployed: dict[tuple[str, ...], tuple[Serving, TuningOffer]] = {}
        for item in servings:
            yield from self._tokens(item, terms)
            if item.offer is not None and item.offer.hosting_per_hour > 0 and not item.standing:
                # what several members of a mix, or several tasks, use is deployed once
                name = (item.deployment, item.model, item.phase, item.cause, str(item.since))
                deployed.setdefault(name, (item, item.offer))
        for item, offer in deployed.values():
            yield self._hosting(item, offer, terms)

    def _sku(self, item: Serving, terms: Terms) -> str:
        if not item.tuned:
            return terms.book.catalog.name(self.provider, item.model)
        if item.offer is None or item.offer.provider != self.provider or not item.offer.serves_as:
            message = (
                f"{self.provider} does not serve a tuned {item.model!r} by the token; "
                "use a dedicated, provisioned or rented host"
            )
            raise ScenarioError(message)
        return item.offer.serves_as

    def _tokens(self, item: Serving, terms: Terms) -> Iterator[Quantity]:
        book = terms.book
        sku = self._sku(item, terms)
        key = book.key(Key("inference", self.provider, sku, self.mode, self.region))
        model = book.catalog.model(self.provider, sku)
        calls, said = counted_calls(item, model, book)
        if item.offer is not None and math.isnan(item.offer.hosting_per_hour):
            fee = f"{self.provider} publishes no hourly fee for tunes of {item.offer.sku}"
            said += (f"{fee}: none billed",)
        conversations = np.asarray(item.requests * item.active, float)
        cached = item.caching and book.sells(key, "cached_input_mtok")
        starts = [call.prefix if cached else np.zeros(1) for call in calls]
        prefixes, unknown = _cacheable(starts, model, item.cache_hit_share)
        said += unknown
        prefix = sum(prefixes, np.zeros(1))
        hit: Numeric = np.zeros(1)
        if np.any(prefix > 0):
            if self.keep_cache:
                hit = np.ones(1)
            elif item.cache_hit_share is not None:
                hit = np.asarray(item.cache_hit_share, float)
            elif math.isnan(model.cache_ttl_minutes):
                said += (f"{model.name}: life of cached prompts not published, none taken as hit",)
            else:
                per_hour = item.requests * len(calls) / terms.months.hours
                hit = volumes.hit_share(per_hour, model.cache_ttl_minutes)
                said += (
                    f"{model.name}: {float(np.mean(hit)):.0%} of requests find the prompt cache "
                    f"warm ({model.cache_ttl_minutes:g} minutes, requests at random)"
                    + ("; a batch may differ: state cache_hit_share" * (self.mode == "batch")),
                )
        writes = cached and book.sells(key, "cache_write_mtok")
        kept: Numeric = 1.0 if writes else hit

        def line(meter: str) -> Line:
            return Line("serve", key, meter, item.phase, item.cause, item.task)

        total = sum((call.mean for call in calls), np.zeros(1))
        if np.any(prefix > 0):
            uncached = measure(
                line("input_mtok"),
                volumes.uncached_mtok,
                requests=conversations,
                input_tokens=total,
                prefix_tokens=prefix,
                hit_share=hit,
                writes_billed=1.0 if writes else 0.0,
            )
        else:
            uncached = measure(
                line("input_mtok"), volumes.request_mtok, requests=conversations, tokens=total
            )
        pairs = list(zip(calls, prefixes, strict=True))
        fresh = [
            (call.mean - start * kept, call.variance - call.prefix_variance * (start > 0))
            for call, start in pairs
        ]
        yield replace(uncached, sizes=Sizes.of(calls, fresh), assumptions=said)
        if np.any(prefix > 0):
            stored = [(start, call.prefix_variance * (start > 0)) for call, start in pairs]
            sizes = Sizes.of(calls, stored)
            read = measure(
                line("cached_input_mtok"),
                volumes.cached_mtok,
                requests=conversations,
                prefix_tokens=prefix,
                hit_share=hit,
            )
            yield replace(read, sizes=sizes)
            if self.keep_cache:
                yield measure(
                    line("cache_storage_mtok_hour"),
                    volumes.kept_mtok_hours,
                    prefix_tokens=prefix,
                    hours=terms.months.hours,
                    active=item.active,
                )
            if writes:
                written = measure(
                    line("cache_write_mtok"),
                    volumes.written_mtok,
                    requests=conversations,
                    prefix_tokens=prefix,
                    hit_share=hit,
                )
                yield replace(written, sizes=sizes)
        answer = measure(
            line("output_mtok"),
            volumes.request_mtok,
            requests=conversations,
            tokens=sum((call.output for call in calls), np.zeros(1)),
        )
        independent = [(call.output, np.zeros(1)) for call in calls]
        yield replace(answer, sizes=Sizes.of(calls, independent))

    def _hosting(self, item: Serving, offer: TuningOffer, terms: Terms) -> Quantity:
        key = Key("finetuning", offer.provider, offer.sku, offer.mode, offer.region)
        return measure(
            Line("host", key, "hosting_hour", item.phase, item.cause, item.deployment),
            serving.capacity_hours,
            units=1.0,
            hours=terms.months.hours,
            active=item.active * self.deployed_share,
        )


def _cacheable(
    prefixes: list[Array], model: Model, hit_share: Numeric | None
) -> tuple[list[Array], tuple[str, ...]]:
    """Return the part of each prompt that is cached, nothing below the minimum; and what is said.

    Args:
        prefixes: What each call begins with, the same every time. [token]
        model: The model.
        hit_share: Share of the calls that find it, None if it is not stated: who states one knows
            that there is a cache, also where its minimum is not published. [1]
    """
    least, said = model.cache_min_tokens, ""
    if math.isnan(least):
        least, said = (0.0, "of any length") if hit_share is not None else (math.inf, "none")
    found = [np.where(prefix >= least, prefix, 0.0) for prefix in prefixes]
    if not said or not any(np.any(prefix > 0) for prefix in prefixes):
        return found, ()
    unknown = f"{model.name}: the shortest prompt that is cached is not published"
    return found, (f"{unknown}, {said} taken as cached",)
