"""`costmodel savings`: the same log on other models, in other modes, with caches, shorter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from costmodel.cli.actuals import Projects, Usage, ledger_of
from costmodel.cli.shell import (
    At,
    Json,
    Prices,
    app,
    grid,
    price_book,
    print_json,
    tables_named,
    terminal,
    write_text,
)
from costmodel.cli.usage import Overlaps

if TYPE_CHECKING:
    from costmodel.analysis.compare import Comparison
    from costmodel.analysis.savings import Savings
    from costmodel.prices.book import PriceBook

KINDS = {
    "model": "Other models",
    "mode": "Other modes",
    "cache": "Caching",
    "prompt": "Shorter prompts",
    "together": "Together",
}


@app.command()
def savings(
    usage: Usage,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="PROVIDER/MODEL", help="Count this model; repeat it."),
    ] = None,
    batch: Annotated[float, typer.Option(help="Share of the requests that may wait.")] = 0.5,
    cached: Annotated[float, typer.Option(help="Share of the input from the cache.")] = 0.5,
    keeps: Annotated[
        float, typer.Option(help="Share of the input left when prompts are tuned or retrieved.")
    ] = 0.5,
    content: Annotated[
        str, typer.Option(help="Kind of content, for the ratios of tokenizers.csv.")
    ] = "english",
    project: Projects = None,
    overlaps: Overlaps = "refuse",
    to_scenario: Annotated[
        Path | None,
        typer.Option("--to-scenario", metavar="OUT.toml", help="Draft a scenario from this use."),
    ] = None,
    json_: Json = False,
    prices: Prices = None,
    at: At = None,
) -> None:
    """Say what a usage log would have cost on other models, in other modes, cached, shorter."""
    from costmodel.analysis.savings import savings as computed
    from costmodel.usage.pricing import price

    book = price_book(prices, at)
    ledger = ledger_of(usage, book, overlaps, project)
    priced = price(ledger, book)
    found = computed(
        priced, models=model or (), batch=batch, cached=cached, keeps=keeps, content=content
    )
    notes = [*ledger.notes, *priced.notes, *found.notes]
    if to_scenario is not None:
        from costmodel.analysis.drafting import closeness, drafted, scenario_text

        draft = drafted(priced)
        drawn_up = _write(to_scenario, scenario_text(draft, found, book), book)
        left = f"; left out: {', '.join(draft.left_out)}" if draft.left_out else ""
        notes.append(f"{to_scenario} is drafted from {draft.project or 'the whole log'}{left}")
        notes.append(closeness(draft, drawn_up))
    if json_:
        print_json(found.as_dict() | {"notes": notes})
        return
    _print(found)
    for note in notes:
        terminal().print(f"Note: {note}.")
    terminal().print(f"Prices from {tables_named(book.folders)}.")


def _write(path: Path, text: str, book: PriceBook) -> Comparison:
    """Write a draft that `costmodel compare` takes as it is, or nothing; return it billed.

    Raises:
        DataError: If it does not.
    """
    from costmodel.analysis.compare import compare
    from costmodel.errors import CostModelError, DataError
    from costmodel.scenario import Scenario

    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, "utf-8")
        try:
            found = compare(Scenario.read(trial), book)
        except CostModelError as error:
            message = f"no scenario can be drafted from this use: {error}"
            raise DataError(message) from None
    write_text(path, text)
    return found


def _print(found: Savings) -> None:
    from costmodel.analysis.savings import EQUAL
    from costmodel.analysis.wording import whole

    console = terminal()
    console.print(EQUAL)
    billed = "" if found.billed_usd is None else f"; {whole(found.billed_usd)} was billed"
    console.print(
        f"{found.first} to {found.last}: {whole(found.list_usd)} at list prices{billed}. The same "
        "log would have cost:"
    )
    rows = []
    for saving in found.found:
        share = saving.saved_usd / found.list_usd if found.list_usd else 0.0
        ratio = "" if saving.tokens_ratio == 1 else f"{saving.tokens_ratio:.2f}"
        rows.append(
            [
                KINDS[saving.kind],
                saving.name,
                whole(saving.usd),
                whole(saving.saved_usd),
                f"{share:.0%}",
                f"{saving.share:.0%}",
                ratio,
                "; ".join(saving.notes),
            ]
        )
    columns = {"Way": "left", "What": "left", "Cost": "right", "Saved": "right", "": "right"}
    columns |= {"Touches": "right", "Tokens": "right", "Note": "left"}
    console.print(grid(columns, rows))
    for name, why in found.refused.items():
        console.print(f"{name} is not counted: {why}")
