"""`costmodel tokens`: text and datasets counted, and what providers bill for training on them."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from costmodel.cli import counted
from costmodel.cli.shell import (
    Json,
    On,
    Prices,
    app,
    count,
    elsewhere,
    grid,
    price_book,
    print_json,
    terminal,
)
from costmodel.errors import DataError, nearest

if TYPE_CHECKING:
    from costmodel.analysis.datasets import Dataset
    from costmodel.costs import TokenRule
    from costmodel.tokens.corpus import Job
    from costmodel.tokens.reading import Source
    from costmodel.tokens.tally import Tally

CALIBRATE = "tokens-calibrate"
# what a file name looks like, so that a misspelt one is not counted as text
NAMED = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt", ".md", ".gz", ".zst", ".ndjson")


@app.command()
def tokens(
    targets: Annotated[
        list[str], typer.Argument(metavar="TEXT|FILE...|-", help="Text, files, or standard input.")
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Model whose tokenizer counts.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding in place of a model; o200k_base if left out.")
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option("--estimate", help="Go by a ratio where the tokenizer is not public."),
    ] = False,
    content: Annotated[
        str, typer.Option(help="Kind of content, for ratios: english, german, code, json, ...")
    ] = "english",
    format_: Annotated[
        str | None, typer.Option("--format", help="Format of the records; found out if left out.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="KEY=COLUMN,...", help="Columns of a table, e.g. prompt=Question."),
    ] = None,
    limit: Annotated[
        float | None, count("--limit", "Longest example allowed; longer ones are listed.")
    ] = None,
    epochs: Annotated[
        float | None, count("--epochs", "Passes in training; each provider's default.")
    ] = None,
    validation: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Validation set of the training job.")
    ] = None,
    unpacked: Annotated[
        float | None, count("--unpacked", "Sequence length where examples are not packed.")
    ] = None,
    chunk: Annotated[
        float | None, count("--chunk", "Tokens of a chunk: count the chunks of documents.")
    ] = None,
    overlap: Annotated[
        float, count("--overlap", "Share of a chunk that repeats the one before.")
    ] = 0.0,
    sample: Annotated[
        float | None, count("--sample", "Estimate from so many records drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws of --sample.")] = 0,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Stop at the first record that is broken or of another format."
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Count parts of files in so many processes.")
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS|local", help="Count parts of files on a Dask cluster."),
    ] = None,
    metrics: Annotated[
        bool,
        typer.Option("--metrics", help="Print plain counts by role and field."),
    ] = False,
    on: On = None,
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Count the tokens of text or datasets, and what each provider bills for training on them."""
    from costmodel import costs
    from costmodel.analysis.datasets import Dataset, billed, summary
    from costmodel.tokens.corpus import Job, cores, tally_files
    from costmodel.tokens.counting import DEFAULT, ENCODINGS

    spread = workers is not None or dask is not None
    for wrong, message in (
        (model is not None and encoding is not None, "give --model or --encoding, not both"),
        (overlap >= 1, f"--overlap is a share below 1, got {overlap:g}"),
        (sample is not None and spread, "--sample reads one file; leave out --workers and --dask"),
        (sample is not None and metrics, "--metrics counts every record; leave out --sample"),
    ):
        if wrong:
            raise typer.BadParameter(message)
    if encoding is not None and encoding not in ENCODINGS:
        message = f"unknown encoding {encoding!r}{nearest(encoding, ENCODINGS)}"
        raise typer.BadParameter(message)
    book = price_book(prices)
    rule = (
        costs.TokenRule(encoding or DEFAULT, encoding or DEFAULT, encoding or DEFAULT)
        if model is None
        else costs.token_rule(model, estimate=estimate, content=content, book=book)
    )
    if not any(_is_file(target) for target in targets):
        _text(targets, rule, as_json=json_)
        return
    most = math.inf if limit is None else limit
    job = Job(rule.counted_with, most / rule.ratio, cores(), strict)
    sources = _sources(targets, columns, format_, folders=spread)
    with elsewhere(workers, dask, "counting") as executor:
        if sample is None:
            with _progress(sources) as progress:
                found = tally_files(sources, job, executor, progress)
            data, each = _datasets(sources, found, rule, most)
        else:
            data, each = _sampled(sources, job, rule, (int(sample), seed), most), []
        held = None
        if validation is not None:
            [part] = _sources([str(validation)], columns, format_, folders=False)
            [further] = tally_files([part], job, executor)
            held = Dataset("validation", data.shape, further, rule)
    if metrics:
        _metrics(data.tally, as_json=json_)
        return
    if chunk is not None:
        _chunks(data, each, chunk, overlap, as_json=json_)
        return
    report = summary(data)
    report["billed"] = []
    if data.tally.records and data.shape != "text":
        report["billed"] = billed(
            data,
            book,
            costs.today() if on is None else on,
            epochs=epochs,
            validation=held,
            content=content,
            sequence_length=unpacked,
        )
    _name_files(report, each)
    if json_:
        print_json(report)
    else:
        counted.show(report)


def _is_file(target: str) -> bool:
    """Say whether a word on the command line is a file rather than text."""
    if target == "-":
        return True
    try:
        there = Path(target).exists()
    except (OSError, ValueError):  # too long for a name
        return False
    return there or (len(target.split()) == 1 and Path(target).suffix.lower() in NAMED)


def _text(targets: Sequence[str], rule: TokenRule, *, as_json: bool) -> None:
    """Count words given on the command line."""
    from costmodel.tokens.counting import counter

    text = " ".join(targets)
    engine = counter(rule.counted_with)
    found = round(engine.count(text) * rule.ratio)
    if as_json:
        print_json(
            {
                "tokens": found,
                "characters": len(text),
                "model": rule.model,
                "encoding": rule.counted_with,
                "engine": engine.engine,
                "exact": rule.exact,
                "said": rule.said,
            }
        )
        return
    how = rule.said or f"{rule.counted_with}, exact, {engine.engine}"
    terminal().print(f"{found:,} tokens of {rule.model} ({how}); {len(text):,} characters")


def _sources(
    targets: Sequence[str], columns: str | None, format_: str | None, *, folders: bool
) -> list[Source]:
    """Tell how to read each file; a folder stands for the files in it."""
    from costmodel.tokens.formats import format_named
    from costmodel.tokens.reading import DATA_SUFFIXES, PACKED_SUFFIXES, TEXT_SUFFIXES, sniff

    renamed: dict[str, str] = {}
    for pair in (columns or "").split(",") if columns else []:
        key, equals, column = pair.partition("=")
        if not (key.strip() and equals and column.strip()):
            message = f"--columns reads like prompt=Question,completion=Answer, got {pair!r}"
            raise typer.BadParameter(message)
        renamed[key.strip()] = column.strip()
    shape = format_named(format_) if format_ else ""
    paths: list[str] = []
    for target in targets:
        if folders and target != "-" and Path(target).is_dir():
            known = (*DATA_SUFFIXES, *TEXT_SUFFIXES, *PACKED_SUFFIXES)
            inside = sorted(p for p in Path(target).rglob("*") if p.suffix.lower() in known)
            if not inside:
                message = f"{target}: holds no file of a kind that can be counted"
                raise DataError(message)
            paths += map(str, inside)
        else:
            paths.append(target)
    return [sniff(path, renamed, shape) for path in paths]


def _datasets(
    sources: Sequence[Source], found: Sequence[Tally], rule: TokenRule, limit: float
) -> tuple[Dataset, list[Dataset]]:
    """Return all files together, and each."""
    from costmodel.analysis.datasets import Dataset
    from costmodel.tokens.tally import Tally

    each = [
        Dataset(source.name, source.shape, tally, rule, limit)
        for source, tally in zip(sources, found, strict=True)
    ]
    if len(each) == 1:
        return each[0], each
    whole = Tally(rule.counted_with)
    for one in each:
        whole.add(one.tally)
    shape = whole.shapes.most_common(1)[0][0] if whole.shapes else sources[0].shape
    return Dataset(f"{len(each)} files", shape, whole, rule, limit), each


def _name_files(report: dict[str, Any], each: Sequence[Dataset]) -> None:
    """List the files; of several, say in which each finding stands, and on which line of it."""
    report["files"] = [
        {
            "file": one.name,
            "records": one.tally.records,
            "tokens": round(one.tally.tokens * one.rule.ratio),
        }
        for one in each
    ]
    if len(each) <= 1:
        return
    starts = list(accumulate((one.tally.lines for one in each), initial=0))

    def located(line: int) -> tuple[str, int]:
        at = min(bisect_left(starts, line), len(each)) - 1
        return each[at].name, line - starts[at]

    for one in [*report["problems"], *report["over_limit"]["first"]]:
        one["file"], one["line"] = located(one["line"])
    for one in report["preflight"]:
        places = [located(line) for line in one["lines"]]
        one["files"], one["lines"] = [file for file, _ in places], [line for _, line in places]


@contextmanager
def _progress(sources: Sequence[Source]) -> Iterator[Callable[[int], object] | None]:
    """Show how far counting is, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    sized = [s for s in sources if s.path != "-" and not s.packed]
    total = sum(Path(s.path).stat().st_size for s in sized) if len(sized) == len(sources) else None
    with tqdm(total=total, unit="B", unit_scale=True, leave=False, file=sys.stderr) as bar:
        yield bar.update


def _metrics(tally: Tally, *, as_json: bool) -> None:
    found = tally.metrics()
    if as_json:
        print_json({"metrics": found})
        return
    rows = [[name, f"{value:,}"] for name, value in found.items()]
    terminal().print(grid({"Metric": "left", "Count": "right"}, rows))


def _chunks(
    data: Dataset, each: Sequence[Dataset], chunk: float, overlap: float, *, as_json: bool
) -> None:
    """Print the chunks that an index of the documents holds."""
    from costmodel.quantities.retrieval import chunks_of

    if chunk < 1:
        message = f"--chunk must be at least 1, got {chunk:g}"
        raise typer.BadParameter(message)
    lengths, documents = data.distribution()
    chunks = float((chunks_of(lengths, chunk, overlap) * documents).sum())
    found = {
        "documents": int(documents.sum()),
        "tokens": round(float((lengths * documents).sum())),
        "chunks": round(chunks),
        "chunk_tokens": chunk,
        "overlap": overlap,
        "encoding": data.rule.counted_with,
        "said": data.rule.said,
        "files": [{"file": one.name, "tokens": one.tally.tokens} for one in each],
    }
    if as_json:
        print_json(found)
        return
    terminal().print(
        f"{found['documents']:,} documents, {found['tokens']:,} tokens "
        f"({data.rule.said or data.rule.counted_with}): {found['chunks']:,} chunks of {chunk:,.0f} "
        f"tokens with an overlap of {overlap:.0%}"
    )


def _sampled(
    sources: Sequence[Source], job: Job, rule: TokenRule, draws: tuple[int, int], limit: float
) -> Dataset:
    """Estimate one file from a sample: how many records, and the seed."""
    from costmodel.analysis.datasets import Dataset
    from costmodel.tokens.sampling import sample

    if len(sources) != 1:
        message = "--sample takes one file"
        raise typer.BadParameter(message)
    [source] = sources
    found = sample(source, job, *draws)
    return Dataset(source.name, source.shape, found.tally, rule, limit, found)


# ratios of one's own

PAGES = {
    "anthropic": "https://platform.claude.com/docs/en/build-with-claude/token-counting",
    "google": "https://ai.google.dev/gemini-api/docs/tokens",
    "vertex": "https://ai.google.dev/gemini-api/docs/tokens",
    "openai": "https://platform.openai.com/docs/api-reference/responses/input-tokens",
    "bedrock": "https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html",
    "cohere": "https://docs.cohere.com/reference/tokenize",
}


@app.command(CALIBRATE, hidden=True)
def calibrate(
    targets: Annotated[list[str], typer.Argument(metavar="TEXT|FILE...")],
    model: Annotated[str, typer.Option("--model", "-m", help="Model that its provider counted.")],
    counted: Annotated[float, count("--counted", "Tokens that the provider counted.")],
    content: Annotated[str, typer.Option(help="Kind of content: english, german, ...")] = "english",
    folder: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Folder of tables to store the ratio in.")
    ] = Path("pricing"),
    source: Annotated[
        str | None, typer.Option(help="Address of the provider's page on counting.")
    ] = None,
    json_: Json = False,
    prices: Prices = None,
) -> None:
    """Store how many tokens a model makes of content of yours, as its provider counted them."""
    from costmodel import costs
    from costmodel.analysis.calibration import calibrated, store
    from costmodel.tokens.corpus import Job, tally_files
    from costmodel.tokens.counting import DEFAULT, counter

    if counted <= 0:
        message = f"--counted must be above 0, got {counted:g}"
        raise typer.BadParameter(message)
    book = price_book(prices)
    if any(_is_file(target) for target in targets):
        sources = _sources(targets, None, None, folders=False)
        ours = sum(tally.tokens for tally in tally_files(sources, Job()))
    else:
        ours = counter(DEFAULT).count(" ".join(targets))
    found = book.catalog.models_named(model)[0]
    page = source or PAGES.get(found.provider)
    if page is None:
        message = f"--source: name the page where {found.provider} says how it counts"
        raise typer.BadParameter(message)
    ratio = calibrated(found, counted, ours, content, costs.today(), page)
    written = store(ratio, found, folder, book)
    if json_:
        print_json({"ratio": ratio.ratio, "encoding": ratio.encoding, "files": written})
        return
    terminal().print(
        f"{found.provider}/{found.name}: {counted:,.0f} tokens for {ours:,} of {DEFAULT}, ratio "
        f"{ratio.ratio:.4g} for {content}; written to {', '.join(written)}"
    )
