"""What notebooks show."""

from __future__ import annotations

from html import escape
from pathlib import Path

from costmodel.analysis.compare import Comparison, compare
from costmodel.analysis.wording import money, whole
from costmodel.costs import shipped_book
from costmodel.figures.compare import cost_by_phase
from costmodel.scenario import Scenario

STYLE = """
<style>
.cm table {border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.6em 0}
.cm th, .cm td {padding: 0.25em 0.8em; text-align: right; border-bottom: 1px solid #8884}
.cm table {table-layout: auto}
.cm td:first-child, .cm th:first-child, .cm td.words, .cm th.words {text-align: left}
.cm .verdict {font-size: 1.15em; max-width: 60em; margin: 0.6em 0}
.cm .warning {border-left: 4px solid #d55e00; padding-left: 0.6em; margin: 0.3em 0}
.cm .small {opacity: 0.75; font-size: 0.9em}
</style>
"""


def show_comparison(path: str | Path) -> Comparison:
    """Read a scenario, and show verdict, warnings, table and the cost of each option by phase.

    Args:
        path: Scenario file.

    Returns:
        The comparison, for further questions: `.bills`, `.explain(...)`, `.frame()`.
    """
    from IPython.display import HTML, display

    result = compare(Scenario.read(path), shipped_book())
    display(HTML(STYLE + comparison_html(result)))  # type: ignore[no-untyped-call]
    display(cost_by_phase(result.frame(), result.scenario.months))  # type: ignore[no-untyped-call]
    return result


def comparison_html(result: Comparison) -> str:
    """Return verdict, warnings and table as HTML."""
    warnings: dict[str, list[str]] = {text: [] for text in result.warnings}
    for option in result.results:
        for text in option.warnings:
            warnings.setdefault(text, []).append(option.name)
    # JupyterLab would set what stands between two dollar signs as a formula
    parts = ['<div class="cm tex2jax_ignore mathjax_ignore">']
    for text, names in warnings.items():
        about = f" ({'; '.join(names)})" if names else ""
        parts.append(f'<div class="warning">{escape(text + about)}</div>')
    parts.append(f'<div class="verdict" role="status">{escape(result.verdict)}</div>')
    heads = ("Total", "Per request", "Success", "Per success", "Upkeep share")
    parts.append('<table><tr><th scope="col">Option</th><th scope="col" class="words">Model</th>')
    parts += [f'<th scope="col">{head}</th>' for head in heads]
    parts.append("</tr>")
    order = {option.name: k for k, option in enumerate(result.ranked)}
    rows = [option.as_dict() for option in result.results]
    rows.sort(key=lambda row: (not row["feasible"], order.get(row["name"], len(order))))
    for row in rows:
        name = f"{row['model']} ({row['provider']})"
        parts.append(f'<tr><td>{escape(row["name"])}</td><td class="words">{escape(name)}</td>')
        if row["feasible"]:
            rate, success = row["success_rate"], row["usd_per_success"]
            cells = [whole(row["total_usd"]), money(row["usd_per_request"])]
            cells += ["" if rate is None else f"{rate:.0%}"]
            cells += ["" if success is None else money(success)]
            cells += [f"{row['maintenance_share']:.0%}"]
            parts += [f"<td>{cell}</td>" for cell in cells]
        else:
            parts.append(f'<td class="words" colspan="5">no: {escape(row["reason"])}</td>')
        parts.append("</tr>")
    days = result.prices_on
    said = "".join(f"<li>{escape(text)}</li>" for text in result.assumptions)
    parts.append(
        f'</table><details class="small"><summary>{len(result.assumptions)} assumptions</summary>'
        f'<ul>{said}</ul></details><div class="small">Prices checked between '
        f"{days['verified_from']} and {days['verified_to']}.</div></div>"
    )
    return "".join(parts)
