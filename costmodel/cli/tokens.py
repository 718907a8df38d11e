"""`costmodel tokens`: text and datasets counted, and what providers bill for training on them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    from costmodel.prices.book import PriceBook
    from costmodel.tokens.corpus import Tally
    from costmodel.tokens.reading import Source

CALIBRATE = "tokens-calibrate"
EACH = 3  # offers of a provider shown in the terminal
SHOWN = 8  # problems, refusals and offers shown in the terminal
BAR = 30  # columns of the longest bar
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
    estimate: Annotated[  # noqa: FBT002
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
    strict: Annotated[  # noqa: FBT002
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
    metrics: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--metrics", help="Print plain counts by role and field."),
    ] = False,
    on: On = None,
    json_: Json = False,  # noqa: FBT002
    prices: Prices = None,
) -> None:
    """Count the tokens of text or datasets, and what each provider bills for training on them."""
    from costmodel import costs
    from costmodel.tokens.corpus import Job, cores
    from costmodel.tokens.counting import DEFAULT, ENCODINGS

    if model is not None and encoding is not None:
        message = "give --model or --encoding, not both"
        raise typer.BadParameter(message)
    if encoding is not None and encoding not in ENCODINGS:
        message = f"unknown encoding {encoding!r}{nearest(encoding, ENCODINGS)}"
        raise typer.BadParameter(message)
    if overlap >= 1:
        message = f"--overlap is a share below 1, got {overlap:g}"
        raise typer.BadParameter(message)
    book = price_book(prices) if model is not None or not metrics else None
    rule = (
        costs.TokenRule(encoding or DEFAULT, encoding or DEFAULT, encoding or DEFAULT)
        if model is None
        else costs.token_rule(model, estimate=estimate, content=content, book=book)
    )
    if not any(_is_file(target) for target in targets):
        _text(targets, rule, as_json=json_)
        return
    spread = workers is not None or dask is not None
    sources = _sources(targets, columns, format_, folders=spread)
    job = Job(rule.counted_with, (limit or math.inf) / rule.ratio, cores(), strict)
    if sample is not None:
        _sampled(sources, job, rule, (int(sample), seed), limit, as_json=json_, book=book, on=on)
        return
    with elsewhere(workers, dask, "counting") as executor, _progress(sources) as progress:
        from costmodel.tokens.corpus import tally_files

        found = tally_files(sources, job, executor, progress)
        further = None
        if validation is not None:
            [part] = _sources([str(validation)], columns, format_, folders=False)
            [further] = tally_files([part], job, executor)
    data, each = _datasets(sources, found, rule, limit)
    if metrics:
        _metrics(data.tally, as_json=json_)
        return
    if chunk is not None:
        _chunks(data, each, chunk, overlap, as_json=json_)
        return
    from costmodel.analysis.datasets import Dataset, billed, summary

    report = summary(data)
    assert book is not None
    if data.tally.records and data.shape != "text":
        held = None if further is None else Dataset("validation", data.shape, further, rule)
        report["billed"] = billed(
            data,
            book,
            costs.today() if on is None else on,
            epochs=epochs,
            validation=held,
            content=content,
            sequence_length=unpacked,
        )
    else:
        report["billed"] = []
    report["files"] = [
        {
            "file": one.name,
            "records": one.tally.records,
            "tokens": round(one.tally.tokens * rule.ratio),
        }
        for one in each
    ]
    _print_report(report, as_json=json_)


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
    sources: Sequence[Source], found: Sequence[Tally], rule: TokenRule, limit: float | None
) -> tuple[Dataset, list[Dataset]]:
    """Return all files together, and each."""
    from costmodel.analysis.datasets import Dataset
    from costmodel.tokens.corpus import Tally

    most = math.inf if limit is None else limit
    each = [
        Dataset(source.name, source.shape, tally, rule, most)
        for source, tally in zip(sources, found, strict=True)
    ]
    if len(each) == 1:
        return each[0], each
    whole = Tally(rule.counted_with)
    for one in each:
        whole.add(one.tally)
    shape = whole.shapes.most_common(1)[0][0] if whole.shapes else sources[0].shape
    return Dataset(f"{len(each)} files", shape, whole, rule, most), each


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
    sources: Sequence[Source],
    job: Any,
    rule: TokenRule,
    draws: tuple[int, int],
    limit: float | None,
    *,
    as_json: bool,
    book: PriceBook | None,
    on: Any,
) -> None:
    """Estimate one file from a sample and print it."""
    from costmodel import costs
    from costmodel.analysis.datasets import Dataset, billed, summary
    from costmodel.tokens.sampling import sample

    if len(sources) != 1:
        message = "--sample takes one file"
        raise typer.BadParameter(message)
    [source] = sources
    found = sample(source, job, *draws)
    most = math.inf if limit is None else limit
    data = Dataset(source.name, source.shape, found.tally, rule, most, found)
    report = summary(data)
    day = costs.today() if on is None else on
    assert book is not None
    report["billed"] = billed(data, book, day)
    report["files"] = []
    _print_report(report, as_json=as_json)


# for people


def _print_report(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    console = terminal()
    sampled = report["sampled"]
    about = "about " if sampled else ""
    how = report["said"] or f"{report['encoding']}, {report['engine']}"
    console.print(
        f"{report['file']}: {report['format']}, {about}{report['records']:,} records, "
        f"{about}{report['tokens']:,} tokens of {report['model']} ({how})"
    )
    if sampled:
        console.print(
            f"Estimated from {sampled['records']:,} records: 95 % interval "
            f"{sampled['tokens_low']:,} to {sampled['tokens_high']:,} tokens"
        )
    roles = sorted(report["by_role"].items(), key=lambda item: -item[1])
    total = max(report["tokens"], 1)
    shown = ", ".join(f"{name} {value:,} ({value / total:.0%})" for name, value in roles)
    console.print(f"By role: {shown}")
    q = report["quantiles"]
    console.print(
        f"Tokens of a record: mean {q['mean']:,.1f}, P50 {q['p50']:,.0f}, P90 {q['p90']:,.0f}, "
        f"P99 {q['p99']:,.0f}, max {q['max']:,.0f}"
    )
    for line in _bars(report["histogram"]):
        console.print(line)
    _print_notes(console, report)
    _print_billed(console, report)


def _bars(histogram: Sequence[Mapping[str, float]]) -> Iterator[str]:
    if sum(bin_["examples"] for bin_ in histogram) <= 1:
        return
    most = max(bin_["examples"] for bin_ in histogram)
    width = len(f"{histogram[-1]['to']:,}")
    for bin_ in histogram:
        bar = "█" * math.ceil(BAR * bin_["examples"] / most)
        ends = f"{bin_['from']:>{width},} - {bin_['to']:>{width},}"
        yield f"  {ends}  {bar} {bin_['examples']:,}"


def _print_notes(console: Any, report: Mapping[str, Any]) -> None:
    """Print what is wrong with the file, before the prices."""
    over = report["over_limit"]
    if over["limit"] is not None:
        lines = ", ".join(f"{one['line']:,} ({one['tokens']:,})" for one in over["first"][:SHOWN])
        console.print(
            f"Over {over['limit']:,.0f} tokens: {over['examples']:,} examples"
            + (f"; first lines (tokens): {lines}" if lines else "")
        )
    if report["duplicates"]:
        console.print(f"Duplicates: {report['duplicates']:,} records stand there before")
    images = report["images"]
    if images["count"]:
        unknown = images["count"] - images["of_known_size"]
        cost = "" if images["tokens"] is None else f", {images['tokens']:,} tokens on top"
        rest = f"; the size of {unknown:,} is not known, they are not counted" if unknown else ""
        console.print(f"Pictures and other media: {images['count']:,}{cost}{rest}")
    if report["problem_count"]:
        console.print(f"Problems: {report['problem_count']:,}")
        for one in report["problems"][:SHOWN]:
            console.print(f"  line {one['line']:,}: {one['reason']}")
        if report["problem_count"] > SHOWN:
            console.print("  ... all with --json")
    for found in report["preflight"][:SHOWN]:
        at = ", ".join(map(str, found["lines"][:SHOWN]))
        where = f" (lines {at}{', ...' if found['records'] > SHOWN else ''})" if at else ""
        console.print(
            f"Refused by {found['provider']}: {found['records']:,} records: {found['reason']}"
            f"{where}"
        )


def _print_billed(console: Any, report: Mapping[str, Any]) -> None:
    from costmodel.analysis.wording import money
    from costmodel.tokens.preflight import ACCEPTED

    offers = report["billed"]
    if not offers:
        return
    taken = [offer for offer in offers if offer["refused"] is None]
    cheapest = [
        offer
        for k, offer in enumerate(taken)
        if sum(other["provider"] == offer["provider"] for other in taken[:k]) < EACH
    ]
    rows = [
        [
            offer["provider"],
            " ".join(filter(None, [offer["sku"], offer["region"], _mode(offer["mode"])])),
            f"{offer['billed_tokens']:,.0f}",
            f"{offer['epochs']:g}",
            f"{offer['trained_tokens']:,.0f}",
            money(offer["train_usd"]),
            offer["counted"],
            ""
            if report["format"] in ACCEPTED.get(offer["provider"], (report["format"],))
            else "yes",
            f"{offer['file']}:{offer['row']}",
        ]
        for offer in cheapest
    ]
    columns = {"Provider": "left", "What": "left", "Tokens of an epoch": "right"}
    columns |= {"Epochs": "right", "Billed tokens": "right", "Training": "right"}
    columns |= {"Counted": "left", "Convert": "left", "Price row": "left"}
    console.print(grid(columns, rows, "What each provider bills for training on it today"))
    closed = len(offers) - len(taken)
    if closed:
        reasons = sorted(
            {f"{o['provider']} {o['sku']}: {o['refused']}" for o in offers if o["refused"]}
        )
        for text in reasons[:SHOWN]:
            console.print(f"Not today: {text}")
    hidden = len(taken) - len(cheapest) + max(0, closed - SHOWN)
    if hidden:
        console.print(f"... and {hidden} further offers, all with --json")


def _mode(mode: str) -> str:
    return "" if mode == "standard" else mode


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
    json_: Json = False,  # noqa: FBT002
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
