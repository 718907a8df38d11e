"""What each table of `pricing/` looks like, and reading one file of it strictly."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from costmodel.errors import PriceError, nearest
from costmodel.prices.meters import (
    INFRASTRUCTURE_ITEMS,
    RETRIEVAL_UNITS,
    STORAGE_UNITS,
    TOKEN_COLUMNS,
    TRAINING_UNITS,
)


def _names(text: str) -> tuple[str, ...]:
    """Return the words of a text: long lists of columns."""
    return tuple(text.split())


MODES = ("standard", "batch", "flex", "priority", "developer", "fast")
MARKETS = _names("on_demand spot reserved_1y reserved_3y capacity_block marketplace dedicated")
# the words of measured training runs; a column left blank is not known
TRAINING_WORDS: dict[str, tuple[str, ...]] = {
    "method": ("pretrain", "full_sft", "lora", "qlora", "peft_other", "dpo", "ppo", "grpo"),
    "layout": ("data-parallel", "sharded", "naive-pipeline"),
    "compute_precision": ("bf16", "fp8", "fp4"),
    "quantisation": ("nf4", "gptq", "torchao"),
    "checkpointing": ("none", "selective", "full"),
    "attention": ("flash2", "flash3-or-te", "flash-triton"),
    "stack": ("hf", "hf-fused", "unsloth", "fsdp2-compile", "megatron"),
    "loss_kernel": ("standard", "fused", "chunked"),
    "offload": ("none", "params", "optimizer", "activations"),
    "state_precision": ("frozen", "pure16", "mixed", "fp32"),
    "optimizer_kind": ("adamw", "adamw-fused", "adam8bit", "adam8bit-in-backward"),
    "lora_targets": ("qv", "qkvo", "all-linear", "all-linear+embeddings"),
}
TRAINING_NUMBERS = _names(
    "n_gpus dp tp pp cp zero_stage seq_len micro_batch grad_accum global_batch lora_rank "
    "peak_seq_len"
)
SERVING_WORDS: dict[str, tuple[str, ...]] = {
    "weights_prec": ("bf16", "fp16", "fp8", "fp8wo", "int8", "int4", "mxfp4", "nvfp4"),
    "kv_prec": ("auto", "bf16", "fp16", "fp8", "int8"),
    "mode": ("closed_loop", "static_batch", "static_max", "offline_max", "burst"),
}
SERVING_NUMBERS = ("n_gpus", "tp", "pp", "attn_dp", "ep", "isl", "osl", "concurrency")
MEMORY_BASES = ("allocated", "reserved", "device")
PREDICTED = ("training", "memory", "serving")
OBJECTIVES = ("sft", "dpo", "ppo", "grpo", "rft")
METHODS = ("full", "lora", "qlora")
CAUSES = ("date", "region", "mode", "tier", "alias", "unit", "error")
RETIREMENT_KINDS = ("retired", "announced", "floor", "assumed")
# of models whose lives were recorded: those without an end are censored
LIFE_KINDS = ("retired", "announced", "floor", "censored")
SOURCE_KINDS = ("provider_page", "secondary", "derived", "measured", "contract")
YES_NO = ("yes", "no")

# files above this are read by columns; below it, importing pandas takes longer
LARGE_BYTES = 4_000_000
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

# what a user knows and no bill can say: [situation] of a scenario
GOALS = (
    *("knowledge", "style", "format", "terminology", "reasoning", "edge_cases", "process"),
    *("awkward_task", "shorter_prompts", "latency", "safety"),
)
STATED: dict[str, str] = {
    "goals": "words",
    "prompting_suffices": "yes or no",
    "retrieval_suffices": "yes or no",
    "behaviour_right": "yes or no",
    "good_examples": "yes or no",
    "holdout": "yes or no",
    "citations": "yes or no",
    "specific_use": "yes or no",
    "lora_plateau": "yes or no",
    "preference_pairs": "number",
    "paraphrases_per_fact": "number",
}
# what the program works out, of the scenario and of each option
COMPUTED: dict[str, str] = {
    "requests": "number",
    "requirement_changes_per_year": "number",
    "tasks": "number",
    "corpus_tokens": "number",
    "monthly_churn": "number",
    "examples": "number",
    "shots": "number",
    "tuned": "yes or no",
    "open_weights": "yes or no",
    "tuning_closes": "yes or no",
    "tuned_model_ends": "yes or no",
    "standing_hours": "yes or no",
    "maintenance_share": "number",
    "labour_share": "number",
    "rag_over_tuned": "number",
}
COMPARISONS = ("is", "is_not", "has", "<", "<=", ">", ">=")
RULE_APPROACHES = (
    *("any", "prompting", "few_shot", "rag", "long_context", "fine_tune", "preference_tune"),
    *("full_fine_tune", "lora", "rag+fine_tune"),
)

Record = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Columns of one price table and what may stand in them.

    Attributes:
        path: File, relative to a folder of tables; `*` stands for the provider.
        key: Columns that together name a row; dates come on top where the table has them.
        texts: Further text columns.
        numbers: Columns of numbers >= 0.
        dates: Columns of dates.
        words: Closed vocabularies: column -> words allowed beside blank.
        required: Columns that may not be blank, beside `source` and `verified_on`.
        any_of: At least one of these columns may not be blank.
        defaults: What a blank means.
        dated: Whether rows hold from a date on.
        priced: Whether rows carry money: they have currency and kind of source.
        sourced: Whether rows are facts about the world: they have source and date.
        on_demand: Whether the table is read only when something asks for it (`prices.specs`).
        in_order: Whether the order of the rows says something, so that nothing sorts them.
    """

    path: str
    key: tuple[str, ...]
    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    dated: bool = False
    priced: bool = False
    sourced: bool = True
    on_demand: bool = False
    in_order: bool = False

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """Columns that may not be blank."""
        return (*self.required, *(("source", "verified_on") if self.sourced else ()))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns, each once."""
        tail: tuple[str, ...] = ("source", "verified_on", "note") if self.sourced else ("note",)
        if self.priced:
            tail = ("currency", "source_kind", *tail)
        if self.dated:
            tail = ("effective_from", "effective_to", *tail)
        both = (*self.key, *self.texts, *self.numbers, *self.dates, *self.words, *tail)
        return tuple(dict.fromkeys(both))


TABLES: dict[str, Table] = {
    "inference": Table(
        "inference/*.csv",
        key=("model", "mode", "region", "over_input_tokens", "window"),
        numbers=("over_input_tokens", *TOKEN_COLUMNS),
        words={"mode": MODES},
        required=("model",),
        any_of=tuple(TOKEN_COLUMNS),
        defaults={"mode": "standard"},
        dated=True,
        priced=True,
    ),
    "finetuning": Table(
        "finetuning.csv",
        key=_names("provider model params_over params_up_to objective method region mode unit"),
        texts=("serves_as",),
        numbers=_names(
            "params_over params_up_to price minimum hosting_per_hour storage_per_month "
            "max_example_tokens default_epochs min_examples max_examples"
        ),
        dates=("training_until", "inference_until"),
        words={
            "objective": OBJECTIVES,
            "method": METHODS,
            "mode": MODES,
            "unit": tuple(TRAINING_UNITS),
            "minimum_per": ("job", "month"),
            "storage_unit": tuple(STORAGE_UNITS),
            "billed_validation": YES_NO,
            "packing": YES_NO,
            "over_long": ("truncate", "drop", "bill"),
            "pair_rule": ("p+c+r", "2p+c+r"),
            "epochs_rule": ("by_examples",),
            "until_kind": ("fixed", "floor", "inferred"),
            "open_to": ("all", "existing"),
        },
        required=("provider", "objective", "unit", "price"),
        any_of=("model", "params_over", "params_up_to"),
        defaults={"mode": "standard", "open_to": "all", "minimum_per": "job"},
        dated=True,
        priced=True,
    ),
    "provisioned": Table(
        "provisioned.csv",
        key=("provider", "model", "region", "commitment_months"),
        numbers=("commitment_months", "price_per_unit_hour"),
        required=("provider", "model", "price_per_unit_hour"),
        defaults={"commitment_months": "0"},
        dated=True,
        priced=True,
    ),
    "retrieval": Table(
        "retrieval.csv",
        key=("provider", "product", "component", "unit"),
        numbers=("price", "allowance", "minimum", "dimensions", "max_input_tokens"),
        words={
            "component": ("embedding", "rerank", "vector_store", "ingestion", "search"),
            "unit": tuple(RETRIEVAL_UNITS),
        },
        required=("provider", "product", "component", "unit", "price"),
        dated=True,
        priced=True,
    ),
    "gpu_rental": Table(
        "gpu_rental.csv",
        key=("provider", "instance", "gpu", "region", "market"),
        numbers=_names("gpu_count price_per_hour price_low price_high billing_granularity_s"),
        words={"market": MARKETS},
        required=("provider", "instance", "gpu", "gpu_count", "market", "price_per_hour"),
        dated=True,
        priced=True,
    ),
    "infrastructure": Table(
        "infrastructure.csv",
        key=("provider", "item", "gpu", "region"),
        numbers=("price", "low", "high", "load_kw", "idle_kw", "provisioned_kw"),
        words={"item": tuple(INFRASTRUCTURE_ITEMS)},
        required=("provider", "item", "price"),
        dated=True,
        priced=True,
    ),
    "labour": Table(
        "labour.csv",
        key=("role",),
        numbers=("per_hour", "low", "high"),
        required=("role", "per_hour"),
        dated=True,
        priced=True,
    ),
    "labelling": Table(
        "labelling.csv",
        key=("provider", "item", "unit"),
        numbers=("price", "low", "high"),
        words={"unit": ("item",)},
        required=("provider", "item", "unit", "price"),
        dated=True,
        priced=True,
    ),
    "claims": Table(
        "claims.csv",
        key=("id",),
        texts=("claim", "circulates", "subject"),
        words={"verdict": ("ok", "wrong", "stale", "judgement")},
        required=("id", "claim", "circulates", "verdict", "subject"),
        in_order=True,
    ),
    "rules": Table(
        "rules.csv",
        key=("id", "attribute", "comparison", "value"),
        texts=("text",),
        words={
            "attribute": (*STATED, *COMPUTED),
            "comparison": COMPARISONS,
            "approach": RULE_APPROACHES,
            "verdict": ("for", "against", "consider"),
            "strength": ("hard", "strong", "weak", "info"),
        },
        required=("id", "approach", "verdict", "strength", "text"),
        in_order=True,
    ),
    "fx": Table(
        "fx.csv",
        key=("currency",),
        numbers=("usd_per_unit",),
        words={"source_kind": SOURCE_KINDS},
        required=("currency", "usd_per_unit"),
        dated=True,
    ),
    "overrides": Table(
        "overrides.csv",
        key=("provider", "model", "mode", "region", "meter"),
        numbers=("multiplier", "price"),
        texts=("currency",),
        words={"mode": (*MODES, *MARKETS)},
        required=("provider",),
        any_of=("multiplier", "price"),
        dated=True,
    ),
    "models": Table(
        "models.csv",
        key=("provider", "model"),
        texts=("aliases", "replaced_by", "encoding"),
        numbers=_names(
            "context_window max_output_tokens cache_min_tokens cache_ttl_minutes params_total"
        ),
        dates=("released", "retires"),
        words={"retires_kind": RETIREMENT_KINDS, "kind": ("image", "speech", "transcription")},
        required=("provider", "model"),
    ),
    "aliases": Table(
        "aliases.csv",
        key=("provider", "alias"),
        texts=("model",),
        required=("provider", "alias", "model"),
        sourced=False,
    ),
    "tokenizers": Table(
        "tokenizers.csv",
        key=("encoding", "content"),
        numbers=("ratio",),
        words={"source_kind": SOURCE_KINDS},
        required=("encoding", "content", "ratio"),
    ),
    "images": Table(
        "images.csv",
        key=("model", "detail"),
        numbers=("base_tokens", "tokens_each", "patch_px", "longest_px", "most_patches"),
        words={"detail": ("low", "high", "original"), "rule": ("tiles", "patches", "edge")},
        required=("model", "detail", "rule", "base_tokens", "tokens_each"),
    ),
    "gpus": Table(
        "gpus.csv",
        key=("gpu",),
        texts=("aliases", "vendor", "architecture", "link_kind", "uncited"),
        numbers=_names(
            "memory_gb memory_bandwidth_tbs bf16_dense_tflops fp8_dense_tflops fp4_dense_tflops "
            "int8_dense_tops mamf_bf16_tflops mamf_fp8_tflops link_gbs domain_gpus pcie_gbs tdp_w "
            "year"
        ),
        required=("gpu", "memory_gb"),
    ),
    "open_models": Table(
        "open_models.csv",
        key=("model",),
        texts=("aliases", "hf_id", "arch", "native_weights"),
        numbers=_names(
            "params_total params_active layers hidden heads kv_heads head_dim v_head_dim ffn_dim "
            "mlp_mats vocab context_window n_experts top_k moe_ffn shared_ffn n_moe_layers "
            "n_dense_mlp_layers expert_params dense_params mla_kv_rank mla_rope_dim mla_q_rank "
            "mla_nope_dim n_full_layers n_swa_layers swa_window swa_kv_heads swa_head_dim "
            "swa_heads n_linear_layers lin_params lin_state_elems kv_elems_per_tok_full "
            "kv_elems_per_tok_swa moe_latent attn_out_gate"
        ),
        words={"tied": YES_NO},
        required=("model", "params_total", "params_active", "layers", "hidden", "heads", "vocab"),
        on_demand=True,
        in_order=True,
    ),
    "stacks": Table(
        "stacks.csv",
        key=("tool",),
        texts=("aliases",),
        numbers=_names(
            "lora_speed lora_speed_low lora_speed_high qlora_speed qlora_speed_low qlora_speed_high"
        ),
        words={
            **{name: TRAINING_WORDS[name] for name in ("stack", "loss_kernel", "attention")},
            "full": YES_NO,
            "lora": YES_NO,
            "qlora": YES_NO,
            "tensor_parallel": YES_NO,
            "tensor_parallel_adapters": YES_NO,
            "pipeline_parallel": YES_NO,
        },
        required=("tool", "stack", "loss_kernel", "attention"),
        on_demand=True,
        in_order=True,
    ),
    "coefficients": Table(
        "coefficients.csv",
        key=("model", "name"),
        texts=("unit", "error"),
        numbers=("value", "n"),
        dates=("fitted_on",),
        words={"model": PREDICTED},
        required=("model", "name", "value", "unit", "fitted_on"),
        sourced=False,
        on_demand=True,
        in_order=True,
    ),
    "lifetimes": Table(
        "lifetimes.csv",
        key=("provider", "model"),
        dates=("released", "retired", "first_seen", "last_seen"),
        words={"date_kind": LIFE_KINDS},
        required=("provider", "model", "released", "date_kind", "first_seen", "last_seen"),
        on_demand=True,
    ),
    "survival": Table(
        "survival.csv",
        key=("provider", "age_days"),
        texts=("method",),
        numbers=("age_days", "survival", "lives", "ended"),
        dates=("fitted_on",),
        required=("provider", "age_days", "survival", "lives", "ended", "method", "fitted_on"),
        sourced=False,
        on_demand=True,
    ),
    "notices": Table(
        "notices.csv",
        key=("provider",),
        numbers=("days",),
        required=("provider", "days"),
        on_demand=True,
    ),
    "disagreements": Table(
        "disagreements.csv",
        key=("voice", "provider", "model"),
        texts=("explanation", "right", "theirs"),
        words={"cause": CAUSES},
        required=("voice", "provider", "model", "cause", "explanation", "right"),
        on_demand=True,
    ),
    "gpu_rents": Table(
        "benchmarks/gpu_rents.csv",
        key=("series", "seen_on"),
        texts=("gpu", "provider"),
        numbers=("usd_per_gpu_hour",),
        dates=("seen_on",),
        words={"market": MARKETS},
        required=("series", "seen_on", "gpu", "provider", "market", "usd_per_gpu_hour"),
        on_demand=True,
    ),
    "gpu_history": Table(
        "gpu_history.csv",
        key=("gpu", "market", "quarter"),
        numbers=("usd_per_gpu_hour", "low", "high", "series", "readings"),
        dates=("quarter",),
        words={"market": MARKETS},
        required=("gpu", "market", "quarter", "usd_per_gpu_hour", "series", "readings"),
        sourced=False,
        on_demand=True,
    ),
    "training_benchmarks": Table(
        "benchmarks/training.csv",
        key=("row_id",),
        texts=("source_id", "framework", "model", "gpu"),
        numbers=(*TRAINING_NUMBERS, "tok_s_total"),
        dates=("published",),
        words=TRAINING_WORDS,
        required=("row_id", "source_id", "method", "model", "stack", "tok_s_total"),
        on_demand=True,
        in_order=True,
    ),
    "memory_benchmarks": Table(
        "benchmarks/training_memory.csv",
        key=("row_id",),
        texts=("source_id", "framework", "model", "gpu"),
        numbers=(*TRAINING_NUMBERS, "peak_mem_gb"),
        dates=("published",),
        words=TRAINING_WORDS | {"memory_basis": MEMORY_BASES},
        required=("row_id", "source_id", "method", "model", "stack", "peak_mem_gb"),
        on_demand=True,
        in_order=True,
    ),
    "serving_benchmarks": Table(
        "benchmarks/serving.csv",
        key=("row_id",),
        texts=("source_id", "engine", "engine_version", "model", "gpu"),
        numbers=(*SERVING_NUMBERS, "out_tok_s", "ttft_ms", "tpot_ms"),
        dates=("published",),
        words=SERVING_WORDS,
        required=("row_id", "source_id", "engine", "model", "gpu", "isl", "osl", "out_tok_s"),
        on_demand=True,
        in_order=True,
    ),
    "rl_benchmarks": Table(
        "benchmarks/rl.csv",
        key=("row_id",),
        texts=("source_id", "framework", "method", "model", "gpu", "compute_precision", "rl_mode"),
        numbers=("n_gpus", "seq_len", "rl_tok_s_gpu", "sft_tok_s_gpu", "factor"),
        dates=("published",),
        required=("row_id", "source_id", "method", "model", "factor"),
        on_demand=True,
        in_order=True,
    ),
}


def _number(text: str, where: str, column: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0) or "_" in text:
        message = f"{where}: {column} must be a number >= 0, got {text!r}"
        raise PriceError(message)
    return number


def _date(text: str, where: str, column: str) -> date:
    try:
        if ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    message = f"{where}: {column} must be a date like 2026-12-01, got {text!r}"
    raise PriceError(message)


def value_of(table: Table, column: str, text: str, where: str) -> Any:
    """Turn the cell of a column into what it means.

    Args:
        table: The table.
        column: One of its columns.
        text: The cell, without spaces around it, or what a blank means in the column.
        where: File and line, for messages.

    Raises:
        PriceError: If the table does not allow it.
    """
    if not text:
        if column in table.needed:
            remedy = {
                "source": "give the https address of the page that states the figure",
                "verified_on": "give the date the figure was last seen at its source",
            }.get(column, "fill it in")
            message = f"{where}: {column} is missing; {remedy}"
            raise PriceError(message)
        if column == "over_input_tokens":
            return 0.0
        if column in (*table.dates, "effective_from", "effective_to"):
            return None
        return math.nan if column in table.numbers and column not in table.key else ""
    if column in table.numbers:
        return _number(text, where, column)
    if column in (*table.dates, "verified_on", "effective_from", "effective_to"):
        return _date(text, where, column)
    allowed = SOURCE_KINDS if column == "source_kind" else table.words.get(column)
    if allowed is not None and text not in allowed:
        message = f"{where}: unknown {column} {text!r}{nearest(text, allowed)}"
        raise PriceError(message)
    return text


def _record(table: Table, cells: Mapping[str, str], where: str) -> Record:
    """Turn the cells of a row into typed values, refusing what the table does not allow."""
    row: Record = {
        column: value_of(
            table, column, cells.get(column, "").strip() or table.defaults.get(column, ""), where
        )
        for column in table.columns
    }
    if table.any_of and all(not cells.get(column, "").strip() for column in table.any_of):
        message = f"{where}: give at least one of {', '.join(table.any_of)}"
        raise PriceError(message)
    start, end = row.get("effective_from"), row.get("effective_to")
    if start and end and start >= end:
        message = (
            f"{where}: effective_to {end} is not after effective_from {start}; "
            "effective_to is the first day the price no longer holds"
        )
        raise PriceError(message)
    return row


def csv_text(path: Path, name: str) -> str:
    """Return the text of a CSV file.

    Raises:
        PriceError: If the file cannot be read, or is no text in UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"{name}: is not a UTF-8 text file; save the table as CSV (UTF-8)"
        raise PriceError(message) from None
    except OSError as error:
        message = f"{name}: cannot be read ({error.strerror or error})"
        raise PriceError(message) from None
    if "\0" in text:
        message = f"{name}: is a binary file, not a CSV table"
        raise PriceError(message)
    return text


def csv_lines(path: Path, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of a CSV file with their line numbers.

    Raises:
        PriceError: If the file cannot be read as CSV in UTF-8.
    """
    text = csv_text(path, name)
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        message = f"{name} line {line}: is not valid CSV ({error})"
        raise PriceError(message) from None


def read_file(table: Table, path: Path, name: str) -> list[Record]:
    """Read one file of a table; every record also carries `file` and `line`.

    Args:
        table: What the file must look like.
        path: Where it is.
        name: How messages and bills call it, e.g. `inference/openai.csv`.

    Raises:
        PriceError: At the first row that the table does not allow, with file, line and value.
    """
    if path.is_file() and path.stat().st_size > LARGE_BYTES:
        from costmodel.prices.columns import columns_of, records_of

        columns = columns_of(table, path)
        if columns is not None:
            return records_of(columns, name)
    lines = csv_lines(path, name)
    header = [cell.strip() for cell in next(lines, (1, []))[1]]
    if not any(header):
        message = f"{name} line 1: the file is empty; its first line names the columns"
        raise PriceError(message)
    # the name of the file is the provider; a column that repeats it does no harm
    allowed = (*table.columns, "provider") if "model" in table.key else table.columns
    for column in header:
        if column not in allowed:
            message = f"{name} line 1: unknown column {column!r}{nearest(column, allowed)}"
            if ";" in column or "\t" in column:
                message = f"{name} line 1: separate the cells by commas: save as CSV with commas"
            raise PriceError(message)
    repeated = [column for column in header if header.count(column) > 1]
    absent = [column for column in table.needed if column not in header]
    if repeated or absent:
        problem = f"column {repeated[0]!r} stands twice" if repeated else f"needs {absent[0]!r}"
        message = f"{name} line 1: {problem}; columns: {', '.join(table.columns)}"
        raise PriceError(message)
    records = []
    for number, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{name} line {number}"
        if len(cells) != len(header):
            message = (
                f"{where}: has {len(cells)} cells, the header has {len(header)}; "
                "put text with commas in double quotes"
            )
            raise PriceError(message)
        named = dict(zip(header, cells, strict=True))
        row = _record(table, named, where) | {"file": name, "line": number}
        if "provider" not in table.columns:
            row["provider"] = named.get("provider", "").strip()
        records.append(row)
    return records
