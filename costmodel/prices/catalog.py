"""Models, tuning offers, GPUs and tokenizers: what a name means and what is known about it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from costmodel.errors import PriceError, nearest
from costmodel.prices.tables import TABLES, Record

TUNED_NAME = re.compile(r"ft:([^:]+)(?::.*)?")
# providers that sell models of their own making: what they say of a model comes first
VENDORS = ("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "xai")


def start_of(row: Record) -> date:
    """Return the first day on which a row holds; what has no first day always did."""
    return row["effective_from"] or date.min


def _holds(row: Record, on: date) -> bool:
    return bool(start_of(row) <= on < (row["effective_to"] or date.max))


def _rank(row: Record) -> tuple[int, date]:
    """Which of two rows that hold wins: that of the later layer, then the later one."""
    return row["layer"], start_of(row)


def same_rows(rows: Iterable[Record], key: tuple[str, ...]) -> dict[tuple[object, ...], Record]:
    """Lay rows over each other: of rows with the same key the last one stays."""
    return {tuple(row[column] for column in key): row for row in rows}


@dataclass(frozen=True)
class Model:
    """A hosted model, as `models.csv` knows it.

    Attributes:
        provider: Who serves it.
        name: Its id in the price tables.
        released: First day of service, None if not known.
        retires: First day without service, None if not known.
        retires_kind: retired | announced (both certain), floor | assumed (not sooner than).
        replaced_by: Model the provider names as successor.
        context_window: Most tokens of a prompt, nan if not known.
        encoding: Tokenizer in `tokenizers.csv`, blank if not known.
        cache_min_tokens: Shortest prompt prefix that is cached, nan if there is no caching.
        cache_ttl_minutes: Time an unused cached prefix is kept. [min]
        params_total: Parameters, mixture of experts counted whole; nan if not known.
        kind: image | speech | transcription where it does not answer text with text.
        row: The row this was read from, empty if the model has none.
    """

    provider: str
    name: str
    released: date | None = None
    retires: date | None = None
    retires_kind: str = ""
    replaced_by: str = ""
    context_window: float = math.nan
    max_output_tokens: float = math.nan
    encoding: str = ""
    cache_min_tokens: float = math.nan
    cache_ttl_minutes: float = math.nan
    params_total: float = math.nan
    kind: str = ""
    row: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def ends_for_certain(self) -> bool:
        """Whether `retires` was announced, rather than a date before which it will not happen."""
        return self.retires is not None and self.retires_kind in ("retired", "announced")


@dataclass(frozen=True)
class TuningOffer:
    """What a provider sells to someone who wants a model tuned: one row of `finetuning.csv`."""

    row: Mapping[str, object] = field(repr=False)
    provider: str = ""
    model: str = ""
    objective: str = ""
    method: str = ""
    region: str = ""
    mode: str = ""
    unit: str = ""
    serves_as: str = ""
    hosting_per_hour: float = math.nan
    storage_per_month: float = math.nan
    storage_unit: str = ""
    billed_validation: str = ""
    default_epochs: float = math.nan
    epochs_rule: str = ""
    min_examples: float = math.nan
    max_examples: float = math.nan
    max_example_tokens: float = math.nan
    over_long: str = ""
    packing: str = ""
    pair_rule: str = ""
    training_until: date | None = None
    inference_until: date | None = None
    until_kind: str = ""
    open_to: str = "all"

    @classmethod
    def of(cls, row: Record) -> TuningOffer:
        """Make an offer of a row of `finetuning.csv`."""
        names = [name for name in cls.__dataclass_fields__ if name != "row"]
        return cls(row=row, **{name: row[name] for name in names})

    @property
    def sku(self) -> str:
        """What is sold, in one name: model or size band, objective, method."""
        return tuning_sku(self.row)

    @property
    def dates_are_certain(self) -> bool:
        """Whether `training_until` and `inference_until` were announced, not `not before`."""
        return self.until_kind in ("fixed", "")

    @property
    def ends_for_certain(self) -> bool:
        """Whether `inference_until` was announced, rather than `not before`."""
        return self.inference_until is not None and self.dates_are_certain


def _billions(value: object) -> str:
    return f"{value / 1e9:g}B" if isinstance(value, float) and value > 0 else ""


def tuning_sku(row: Mapping[str, object]) -> str:
    """Name what a row of `finetuning.csv` sells.

    >>> tuning_sku({"model": "", "params_over": 16e9, "params_up_to": 69e9,
    ...             "objective": "sft", "method": "lora"})
    '16B-69B:sft:lora'
    """
    low, high = _billions(row["params_over"]), _billions(row["params_up_to"])
    band = f"{low}-{high}" if low and high else f"up to {high}" if high else f"over {low}"
    name = str(row["model"]) or band
    return ":".join(part for part in (name, str(row["objective"]), str(row["method"])) if part)


@dataclass(frozen=True)
class Catalog:
    """Everything known about names.

    Attributes:
        models: Rows of `models.csv`, later layers last.
        offers: Rows of `finetuning.csv`, later layers last.
        tokenizers: Rows of `tokenizers.csv`.
        gpus: Rows of `gpus.csv`.
        skus: Provider -> models with a token price.
        aliases: Rows of `aliases.csv`: own names, of deployments for example.
        claims: Rows of `claims.csv`: figures that circulate.
        rules: Rows of `rules.csv`: advice, with its condition.
        images: Rows of `images.csv`: how models count the tokens of pictures.
        rates: Rows of `fx.csv`, later layers last.
    """

    models: tuple[Record, ...]
    offers: tuple[Record, ...]
    tokenizers: tuple[Record, ...]
    gpus: tuple[Record, ...]
    skus: Mapping[str, frozenset[str]]
    aliases: tuple[Record, ...] = ()
    claims: tuple[Record, ...] = ()
    images: tuple[Record, ...] = ()
    rules: tuple[Record, ...] = ()
    rates: tuple[Record, ...] = ()

    @cached_property
    def providers(self) -> frozenset[str]:
        """Known providers: those with token prices or tuning offers."""
        return frozenset(self.skus) | {row["provider"] for row in self.offers}

    @cached_property
    def _models(self) -> dict[tuple[object, ...], Record]:
        return same_rows(self.models, ("provider", "model"))

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        """Provider -> every spelling of its models -> the name in the tables."""
        names: dict[str, dict[str, str]] = {p: {} for p in self.providers}
        for provider, skus in self.skus.items():
            names[provider].update({sku: sku for sku in skus})
        for row in self._models.values():
            names.setdefault(row["provider"], {})[row["model"]] = row["model"]
        for row in self.offers:
            if row["model"]:
                names[row["provider"]].setdefault(row["model"], row["model"])
        for row in self._models.values():
            known = names[row["provider"]]
            for alias in filter(None, (word.strip() for word in row["aliases"].split("|"))):
                other = known.setdefault(alias, row["model"])
                if other not in (row["model"], alias):
                    message = (
                        f"{row['file']} line {row['line']}: alias {alias!r} already stands for "
                        f"{other!r}; an alias names one model"
                    )
                    raise PriceError(message)
        stated: dict[str, set[str]] = {provider: set(known) for provider, known in names.items()}
        for row in self.aliases:
            known = names.get(row["provider"], {})
            if row["model"] not in known:
                hint = nearest(row["model"], known) if known else nearest(row["provider"], names)
                message = (
                    f"{row['file']} line {row['line']}: alias {row['alias']!r} stands for "
                    f"{row['provider']}/{row['model']}, which no table knows{hint}"
                )
                raise PriceError(message)
            if row["alias"] in stated[row["provider"]]:
                message = (
                    f"{row['file']} line {row['line']}: alias {row['alias']!r} already stands for "
                    f"{known[row['alias']]!r}; an alias names one model"
                )
                raise PriceError(message)
            known[row["alias"]] = known[row["model"]]
        return names

    def check_provider(self, provider: str) -> str:
        """Return the provider, or refuse a name no table knows."""
        if provider not in self.providers:
            message = f"unknown provider {provider!r}{nearest(provider, self.providers)}"
            raise PriceError(message)
        return provider

    def spellings(self, provider: str) -> Mapping[str, str]:
        """Return every spelling of a provider's models, and the name in the tables it stands for.

        Raises:
            PriceError: If an alias stands for two models.
        """
        return self._names[self.check_provider(provider)]

    def name(self, provider: str, model: str) -> str:
        """Return the name a model has in the tables, whatever way it is spelt.

        Raises:
            PriceError: If provider or model is unknown, with the nearest names.
        """
        known = self._names[self.check_provider(provider)]
        tuned = TUNED_NAME.fullmatch(model)
        plain = model.removeprefix(f"{provider}/")
        # what follows an at sign is a version of the same model
        spellings = [model, plain, plain.partition("@")[0]]
        if tuned:
            spellings.append(f"ft:{tuned[1]}")
            spellings.append(f"ft:{known.get(tuned[1], tuned[1])}")
        for spelling in spellings:
            if spelling in known:
                return known[spelling]
        folded = {name for name in known if name.lower() == model.lower()}
        if len(folded) == 1:
            return known[folded.pop()]
        elsewhere = sorted(
            p for p, names in self._names.items() if p != provider and model in names
        )
        hint = f"; sold by {' and '.join(elsewhere)}" if elsewhere else nearest(model, known)
        message = f"{provider} has no model {model!r} in the price tables{hint}"
        raise PriceError(message)

    def model(self, provider: str, model: str) -> Model:
        """Return what is known about a model, by any of its names."""
        name = self.name(provider, model)
        row = self._models.get((provider, name))
        if row is None:
            return Model(provider, name)
        facts = {k: row[k] for k in Model.__dataclass_fields__ if k in row}
        return Model(name=name, row=row, **facts)

    def row_of(self, provider: str, name: str) -> Record | None:
        """Return the row of `models.csv` for a model, by its name in the tables."""
        return self._models.get((provider, name))

    def offers_of(self, provider: str) -> list[Record]:
        """Return every tuning offer of a provider."""
        self.check_provider(provider)
        return [row for row in self.offers if row["provider"] == provider]

    def offers_on(self, on: date) -> list[Record]:
        """Return the tuning offers in force on a day: of each key the row of the last layer."""
        best: dict[tuple[object, ...], Record] = {}
        for row in self.offers:
            if not _holds(row, on):
                continue
            key = tuple(row[column] for column in TABLES["finetuning"].key)
            old = best.get(key)
            if old is None or _rank(row) >= _rank(old):
                best[key] = row
        return list(best.values())

    def tuning(
        self,
        provider: str,
        model: str,
        *,
        objective: str = "sft",
        method: str | None = None,
        region: str = "",
        mode: str = "standard",
        on: date,
    ) -> TuningOffer:
        """Return the offer under which a provider tunes a model.

        Args:
            provider: Who trains.
            model: Base model, by any of its names.
            objective: sft | dpo | ppo | grpo | rft.
            method: full | lora | qlora; None takes what the provider sells, LoRA if both.
            region: As in the tables, blank for the default one.
            mode: standard | developer | ...
            on: Day of the price.

        Raises:
            PriceError: If no row offers that.
        """
        name = self.name(provider, model)
        size = self.model(provider, name).params_total
        rows = self.offers_of(provider)
        mine = [row for row in rows if row["model"] == name]
        banded = [row for row in rows if not row["model"]]
        if not mine and banded and math.isnan(size):
            message = (
                f"{provider} prices tuning by model size, but the tables give no params_total "
                f"for {name!r}: add it to models.csv"
            )
            raise PriceError(message)
        mine = mine or [
            row
            for row in banded
            if (row["params_over"] or 0.0) < size <= (row["params_up_to"] or math.inf)
        ]
        if not mine:
            known = {row["model"] for row in rows if row["model"]}
            remedy = nearest(name, known) if known else ""
            message = f"{provider} does not tune {name!r}{remedy}"
            raise PriceError(message)
        wanted = {"objective": objective, "region": region, "mode": mode}
        for column, word in wanted.items():
            sold = sorted({row[column] for row in mine})
            mine = [row for row in mine if row[column] == word]
            if not mine:
                shown = " or ".join(repr(w) if w else "the default" for w in sold)
                message = f"{provider} tunes {name!r} with {column} {shown}, not {word!r}"
                raise PriceError(message)
        sold = sorted({row["method"] for row in mine})
        chosen = [row for row in mine if row["method"] in (method, "")]
        if method is None:
            chosen = [row for row in mine if row["method"] in ("lora", "")] or mine
        if not chosen or (method == "qlora" and "qlora" not in sold):
            shown = " or ".join(filter(None, sold)) or "a method of its own choice"
            message = f"{provider} tunes {name!r} with {shown}, not with {method!r}"
            raise PriceError(message)
        valid = [row for row in chosen if _holds(row, on)]
        if not valid:
            first = min(row["effective_from"] or date.max for row in chosen)
            message = f"{provider} prices tuning of {name!r} from {first} on, not on {on}"
            raise PriceError(message)
        return TuningOffer.of(max(valid, key=_rank))

    def tokens_per(self, encoding: str, counted_with: str, content: str = "english") -> float:
        """Return tokens of an encoding per token of another, for one kind of content.

        Raises:
            PriceError: If `tokenizers.csv` has no such encoding.
        """
        ratios = self._ratios
        for name in (encoding, counted_with):
            if name not in self.encodings:
                message = f"unknown encoding {name!r}{nearest(name, self.encodings)}"
                raise PriceError(message)
            if (name, content) not in ratios:
                known = {c for e, c in ratios if e == name}
                message = (
                    f"tokenizers.csv has no ratio of {name!r} for {content!r}"
                    f"{nearest(content, known)}"
                )
                raise PriceError(message)
        return float(ratios[encoding, content] / ratios[counted_with, content])

    @cached_property
    def _ratios(self) -> dict[tuple[str, str], float]:
        return {(row["encoding"], row["content"]): row["ratio"] for row in self.tokenizers}

    @cached_property
    def encodings(self) -> frozenset[str]:
        """Encodings whose ratios are known."""
        return frozenset(row["encoding"] for row in self.tokenizers)

    def models_named(self, word: str) -> list[Model]:
        """Return the models of all providers that have a name, most likely the vendor's own first.

        Args:
            word: Any name of a model, `provider/model`, or the id of a tuned model.

        Raises:
            PriceError: If no provider has such a model, with the nearest names.
        """
        provider, _, rest = word.partition("/")
        if rest and provider in self.providers:
            return [self.model(provider, rest)]
        tuned = TUNED_NAME.fullmatch(word)
        word = tuned[1] if tuned else word
        found = []
        for name in sorted(self.providers, key=lambda p: (p not in VENDORS, p)):
            try:
                found.append(self.model(name, word))
            except PriceError:
                continue
        if not found:
            every = {spelling for names in self._names.values() for spelling in names}
            message = f"no provider has a model {word!r} in the price tables{nearest(word, every)}"
            raise PriceError(message)
        return found

    def rates_of(self, currency: str) -> list[Record]:
        """Return the exchange rates of a currency, oldest first; none if it has no row.

        Each holds until the next one begins, and the first one before its day, too.

        Raises:
            PriceError: If a rate has an end.
        """
        return self._rates.get(currency, [])

    def usd_per(self, currency: str, on: date) -> float:
        """Return what a unit of a currency is worth on a day, nan if `fx.csv` has no rate. [US$]"""
        if currency in ("", "USD"):
            return 1.0
        rates = self.rates_of(currency)
        held = [row for row in rates if start_of(row) <= on] or rates[:1]
        return float(held[-1]["usd_per_unit"]) if held else math.nan

    @cached_property
    def _rates(self) -> dict[str, list[Record]]:
        rates: dict[str, list[Record]] = {}
        for row in sorted(self.rates, key=_rank):
            if row["effective_to"]:
                message = (
                    f"{row['file']} line {row['line']}: a rate holds until the next one; "
                    "leave effective_to blank"
                )
                raise PriceError(message)
            # a later layer has the word from its day on
            before = [r for r in rates.get(row["currency"], []) if start_of(r) < start_of(row)]
            rates[row["currency"]] = [*before, row]
        return rates

    def image_rule(self, model: str, encoding: str, detail: str = "high") -> Record | None:
        """Return the row of `images.csv` for a model, by its name or its encoding."""
        rows = {(row["model"], row["detail"]): row for row in self.images}
        return rows.get((model, detail)) or rows.get((encoding, detail))

    def gpu(self, name: str) -> str:
        """Return the name a GPU has in the tables.

        Raises:
            PriceError: If `gpus.csv` does not know it.
        """
        names = self._gpu_names
        if name.lower() not in names:
            message = f"unknown GPU {name!r}{nearest(name, names.values())}"
            raise PriceError(message)
        return names[name.lower()]

    @cached_property
    def _gpu_names(self) -> dict[str, str]:
        """Every spelling of a GPU in small letters -> its name; those of later layers win."""
        names: dict[str, str] = {}
        for row in reversed(self.gpus):
            for word in (row["gpu"], *filter(None, row["aliases"].split("|"))):
                names.setdefault(word.strip().lower(), row["gpu"])
        return names
