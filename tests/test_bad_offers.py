"""Jobs, data and products that no provider takes: one line, exit status 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.test_bad_input import Run, check

Folder = Callable[..., Path]

SCENARIO = """\
name = "case"
start = 2026-12-01
months = 1
existing_customer = ["openai", "azure"]

[workload]
requests = 1000
parts = {system = 100, question = 100, answer = 50}

[upkeep]
evaluation_cases = 10

[approach.way]
"""
OPTION = """
[[option]]
name = "a"
approaches = ["way"]
"""
OPENAI = 'model = "gpt-4.1-mini"\nhost = {kind = "per_token", provider = "openai"}'
TUNE = 'kind = "fine_tune"\nexamples = 500\ntokens_per_example = 400'
PAIRS = 'kind = "preference_tune"\nexamples = 500\nprompt_tokens = 200\nanswer_tokens = 100'
RAG = 'kind = "rag"\ncorpus_tokens = 1_000_000'
CORPUS = 'kind = "long_context"\ncorpus_tokens = 100_000'


def case(name: str, approach: str, *words: str, served: str = OPENAI, upkeep: str = "") -> object:
    """Return a test case: approach and option, and what the message must say."""
    care = f"cases = 10\n{upkeep}\n" if upkeep else "cases = 10\n"
    text = SCENARIO.replace("cases = 10\n", care)
    return pytest.param(f"{text}{approach}\n{OPTION}{served}\n", words, id=name)


def openai(model: str, host: str = "") -> str:
    return f'model = "{model}"\nhost = {{kind = "per_token", provider = "openai"{host}}}'


def served(provider: str, model: str) -> str:
    return f'model = "{model}"\nhost = {{kind = "per_token", provider = "{provider}"}}'


RULES = [
    case(
        "too few examples",
        TUNE.replace("500", "9"),
        "openai wants at least 10 examples to tune gpt-4.1-mini:sft, got 9",
    ),
    case(
        "examples without packing",
        TUNE + "\npacking = false",
        "line 13",
        "packing = false needs sequence_length",
    ),
    case(
        "share without a model",
        TUNE + "\nsynthetic_share = 0.5",
        "line 13",
        "synthetic_share needs synthetic_model",
    ),
    case(
        "unknown writer",
        TUNE + '\nsynthetic_share = 0.5\nsynthetic_model = "openai/gpt-6-lun"',
        "'gpt-6-luna'",
    ),
    case("unknown vendor", TUNE + '\nlabel_vendor = "nobody/pair"', "'pair'"),
    case("unknown role", TUNE + '\nlabel_role = "anotator"', "'anotator'", "'annotator'"),
    case("unknown objective", TUNE + '\nobjective = "sfd"', "unknown objective 'sfd'", "'sft'"),
    case("unknown tier", TUNE + '\ntier = "gold"', "mode 'standard', not 'gold'"),
    case("share above one", TUNE + "\nsecond_annotator_share = 20", "line 17", "<= 1, got 20"),
    case("nothing usable", TUNE + "\nusable_share = 0", "line 17", "usable_share", "got 0"),
    case("negative minutes", TUNE + "\nminutes_per_example = -1", "line 17", ">= 0, got -1"),
    case("text for packing", TUNE + '\npacking = "no"', "line 17", "true or false"),
    case("misspelt", TUNE + "\nusabel_share = 1", "line 17", "did you mean 'usable_share'"),
    case("no length", TUNE.replace("tokens_per_example = 400", ""), "needs tokens_per_example"),
    case(
        "preferences where examples are taken",
        PAIRS,
        "openai tunes 'gpt-4o-mini' with objective 'sft', not 'dpo'",
        served=openai("gpt-4o-mini"),
    ),
    case("no answer", PAIRS.replace("answer_tokens = 100", ""), "needs answer_tokens"),
    case(
        "unknown grader",
        PAIRS + '\ngrader = "openai/gpt-6-lun"\nhours_per_run = 1',
        "'gpt-6-luna'",
    ),
    case(
        "hours not stated",
        PAIRS + '\nobjective = "rft"\nmethod = "full"',
        "by time (hour); give the hours of one run",
        served=served("bedrock", "openai.gpt-oss-20b-1:0"),
    ),
    case(
        "a mode that is not sold",
        CORPUS,
        "gpt-4.1-mini",
        "no mode 'flex'",
        served=openai("gpt-4.1-mini", ', mode = "flex"'),
    ),
    case("corpus over the window", CORPUS.replace("100_000", "9_000_000"), "context window"),
    case("no corpus", 'kind = "long_context"', "needs corpus_tokens"),
    case("unknown store", RAG + '\nstore = "pinecone/serverles"', "no product", "did you mean"),
    case("unknown reranker", RAG + '\nrerank = "cohere/rerank-9"', "no rerank"),
    case("unknown embedding", RAG + '\nembedding = "openai/embed-9"', "no embedding"),
    case("overlap of all", RAG + "\noverlap = 1", "line 16", "overlap", "<= 0.99, got 1"),
    case("negative top_k", RAG + "\ntop_k = -1", "line 16", ">= 0, got -1"),
    case("unknown judge", TUNE, "'gpt-6-luna'", upkeep='judge = "openai/gpt-6-lun"'),
    case("judge without provider", TUNE, "unknown provider", upkeep='judge = "gpt-6-luna"'),
    case("negative qualities", TUNE, "line 12", ">= 0, got -1", upkeep="quality_dimensions = -1"),
    case("unknown deployment", TUNE, "'our-prod'", served=openai("our-prod")),
]


@pytest.mark.parametrize(("text", "words"), RULES)
def test_what_a_provider_does_not_take_is_refused_in_one_line(
    command_line: Run, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    path, target = tmp_path / "case.toml", tmp_path / "out.csv"
    path.write_text(text, "utf-8")
    check(command_line("bill", path, "--option", "a", "--csv", target), words)
    assert not target.exists()


def test_the_scenarios_above_are_right_but_for_one_thing(command_line: Run, tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    for approach in (TUNE, PAIRS, RAG, CORPUS):
        path.write_text(f"{SCENARIO}{approach}\n{OPTION}{OPENAI}\n", "utf-8")
        status, _, err = command_line("bill", path, "--option", "a")
        assert (status, err) == (0, ""), approach


TUNING = "provider,model,objective,method,unit,price,serves_as"
OFFERS: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "unknown objective": (
        (TUNING, "mine,m-1,sfd,lora,mtok_epoch,1,m-1"),
        ("unknown objective 'sfd'", "'sft'"),
    ),
    "unknown rule for long examples": (
        (f"{TUNING},over_long", "mine,m-1,sft,lora,mtok_epoch,1,m-1,shorten"),
        ("unknown over_long 'shorten'", "truncate"),
    ),
    "unknown rule for pairs": (
        (f"{TUNING},pair_rule", "mine,m-1,dpo,lora,mtok_epoch,1,m-1,p+2c"),
        ("unknown pair_rule 'p+2c'", "2p+c+r"),
    ),
    "negative minimum": (
        (f"{TUNING},min_examples", "mine,m-1,sft,lora,mtok_epoch,1,m-1,-1"),
        ("min_examples must be a number >= 0, got '-1'",),
    ),
    "served as nothing": (
        (TUNING, "mine,m-1,sft,lora,mtok_epoch,1,m-2"),
        ("serves_as 'm-2' has no price", "m-1"),
    ),
}


@pytest.mark.parametrize("name", OFFERS)
def test_a_wrong_row_of_ones_own_is_named(command_line: Run, tables: Folder, name: str) -> None:
    rows, words = OFFERS[name]
    tokens = ("model,input_per_mtok,output_per_mtok", "m-1,1,2")
    folder = tables(inference__mine=tokens, finetuning=rows)
    ran = command_line("train", "--examples", "9", "--example-tokens", "9", "--prices", folder)
    check(ran, ("finetuning.csv line 2", *words))


OTHERS: dict[str, tuple[str, tuple[str, str], tuple[str, ...]]] = {
    "label for nothing": (
        "labelling",
        ("provider,item,unit,price", "mine,pair,item,"),
        ("line 2", "price is missing"),
    ),
    "label by the hour": (
        "labelling",
        ("provider,item,unit,price", "mine,pair,hour,1"),
        ("line 2", "unknown unit 'hour'"),
    ),
    "alias of nothing": (
        "aliases",
        ("provider,alias,model", "azure,prod,gpt-4.1-mimi"),
        ("line 2", "azure/gpt-4.1-mimi", "gpt-4.1-mini"),
    ),
    "unit of a store": (
        "retrieval",
        ("provider,product,component,unit,price", "mine,shelf,search,mrus,1"),
        ("line 2", "unknown unit 'mrus'", "mru"),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_wrong_row_of_another_table_is_named(
    command_line: Run, tables: Folder, name: str
) -> None:
    table, rows, words = OTHERS[name]
    folder = tables(**{table: rows})
    ran = command_line("price", "openai", "gpt-6-luna", "--input", "1", "--prices", folder)
    check(ran, (f"{table}.csv", *words))


COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "neither tokens nor examples": ("train", ("--examples and --example-tokens",)),
    "examples without length": ("train --examples 9", ("--examples and --example-tokens",)),
    "provider without model": (
        "train openai --examples 9 --example-tokens 9",
        ("name PROVIDER and MODEL",),
    ),
    "negative examples": ("train --examples -1 --example-tokens 9", ("--examples", ">= 0")),
    "no number": ("train --examples many --example-tokens 9", ("--examples", "'many'")),
    "unknown objective": (
        "train --examples 99 --example-tokens 9 --objective sfd",
        ("'sfd'", "'sft'"),
    ),
    "bad day": ("train --examples 99 --example-tokens 9 --on soon", ("--on", "soon")),
    "preferences where examples are taken": (
        "train openai gpt-4o-mini --tokens 1M --objective dpo --on 2026-12-01",
        ("with objective 'sft', not 'dpo'",),
    ),
    "closed": (
        "train openai gpt-4o-mini --tokens 1M --on 2027-01-06",
        ("takes no jobs to tune gpt-4o-mini:sft since 2027-01-06",),
    ),
    "fewer than the minimum": (
        "train openai gpt-4o-mini --examples 9 --example-tokens 100 --on 2026-12-01",
        ("at least 10 examples",),
    ),
    "claims on no day": ("claims --on soon", ("--on", "soon")),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_command_is_refused_in_one_line(command_line: Run, name: str) -> None:
    words, said = COMMANDS[name]
    check(command_line(*words.split()), said)
