"""One page about a scenario that stands by itself: verdict, pictures, bill, assumptions, sources.

The page loads nothing, from nowhere: plotly.js, figures and style are inside, and a content
security policy forbids the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from costmodel.analysis.breakeven import breakeven
from costmodel.analysis.calendar import KINDS
from costmodel.analysis.compare import Comparison, Result
from costmodel.analysis.prices import price_history
from costmodel.analysis.wording import amount, money, whole
from costmodel.costs import today
from costmodel.errors import ScenarioError
from costmodel.figures import breakeven as lines
from costmodel.figures import budget, compare, market, style
from costmodel.figures.bill import waterfall
from costmodel.hosts import PerToken
from costmodel.scenario import Mix, Option

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

CENT = 0.01
UNITS = {"usd_per_success": "Cost of a successful outcome", "total_usd": "Total cost"}
MANY = 3  # options named one by one
BILL_KEYS = [
    *("phase", "cause", "line", "detail", "meter", "unit_price_usd"),
    *("list_unit_price_usd", "file", "row", "source", "verified_on"),
]


@dataclass(frozen=True, eq=False)
class Report:
    """What a report shows.

    Attributes:
        result: The comparison.
        found: What `Budget.as_dict()` returns for the same scenario.
        chosen: The option shown in detail.
        on: Today.
    """

    result: Comparison
    found: Mapping[str, Any] = field(repr=False)
    chosen: str
    on: date

    @cached_property
    def bills(self) -> dict[str, pd.DataFrame]:
        """The bill of each feasible option, as a table."""
        return {name: found.frame() for name, found in self.result.bills.items()}

    @property
    def option(self) -> Result:
        """The option shown in detail."""
        return next(r for r in self.result.results if r.name == self.chosen)

    @cached_property
    def figures(self) -> dict[str, list[go.Figure]]:
        """The pictures of each part of the page: options, detail, prices."""
        scenario, frame = self.result.scenario, self.result.frame()
        bill, calendar = self.bills[self.chosen], self.option.as_dict()["calendar"]
        required = scenario.workload.required_success
        options = [compare.cost_by_phase(frame, scenario.months, self.result.bills)]
        if self.result.rated:
            unit = "usd_per_success" if frame["usd_per_success"].notna().any() else "total_usd"
            need = None if required is None else float(_mean(required))
            options.append(compare.pareto(frame, need, cost=unit, bills=self.bills))
        if len(self.result.ranked) > 1 and all(_mean(t.requests) > 0 for t in scenario.all_tasks):
            options.append(self._break_even())
        detail = [
            budget.burn(self.found, self.chosen, calendar, start=scenario.start, bill=bill),
            waterfall(bill, self.chosen, scenario.months),
            budget.tornado(self.found, self.chosen, bill=bill),
        ]
        return {"options": options, "detail": detail, "prices": list(self.price_histories())}

    def _break_even(self) -> go.Figure:
        line = breakeven(self.result.scenario, self.result.book)
        return lines.break_even(
            lines.swept(line),
            months=self.result.scenario.months,
            here=line.now,
            cost=UNITS[line.unit],
            found=lines.crossed(line),
            looks=style.option_looks(r.name for r in (*self.result.ranked, *self.result.results)),
        )

    def price_histories(self) -> Iterator[go.Figure]:
        """Draw how the prices of the models behind the option moved, where they are per token."""
        scenario = self.result.scenario
        option = scenario.option(self.chosen)
        members = (
            [scenario.option(name) for name in {**option.shares, **option.escalate}]
            if isinstance(option, Mix)
            else [option]
        )
        stages = [s for one in members if isinstance(one, Option) for s in one.stages]
        sold = {(s.host.provider, s.model) for s in stages if isinstance(s.host, PerToken)}
        for provider, model in sorted(sold):
            frame = price_history(self.result.book, provider, model)
            if not frame.empty:
                yield market.price_history(frame, self.on)

    def html(self) -> str:
        """Return the page."""
        from plotly.offline import get_plotlyjs

        result = self.result
        months = result.scenario.horizon
        groups = self.figures
        figures = [figure for group in groups.values() for figure in group]
        pictures = [(figure.to_json(), style.finding_of(figure)) for figure in figures]
        drawn = [
            f'<figure class="chart" id="chart{k}" role="figure" aria-label="{escape(finding)}" '
            f'style="height:{json.loads(text)["layout"]["height"]}px"></figure>'
            for k, (text, finding) in enumerate(pictures)
        ]
        first, last = len(groups["options"]), len(drawn) - len(groups["prices"])
        data = f"[{','.join(text for text, _ in pictures)}]".replace("<", "\\u003c")
        parts = [
            f"<h1>{escape(result.scenario.name)}</h1>",
            f'<p class="quiet">{months.labels[0]} to {months.labels[-1]}, {months.count} months, '
            "US dollars, undiscounted</p>",
            *(f'<p class="warning">{escape(text)}</p>' for text in warnings_of(result)),
            f'<p class="verdict" role="status">{escape(result.verdict)}</p>',
            *drawn[:first],
            options_table(result),
            f"<h2>{escape(self.chosen)}</h2>",
            *drawn[first:last],
            self._events(),
            "<h2>Bill</h2>",
            *self._bills(),
            "<h2>Assumptions</h2>",
            '<ul class="columns">',
            *(f"<li>{escape(text)}</li>" for text in result.assumptions),
            "</ul>",
            "<h2>Sources</h2>",
            *drawn[last:],
            self._sources(),
            f'<p class="quiet">{escape(self._prices())}</p>',
        ]
        return PAGE.format(
            title=escape(result.scenario.name),
            style=STYLE,
            body="\n".join(parts),
            plotly=get_plotlyjs(),
            figures=data,
            config=json.dumps(style.CONFIG),
            dark=json.dumps(style.DARK),
            shown=style.SHOWN,
        )

    def csv(self) -> dict[str, str]:
        """Return the tables behind the page: file name -> text."""
        import pandas as pd

        tables = {
            "options": self.result.frame(),
            "events": pd.DataFrame.from_records(
                [
                    {"option": r.name, **event}
                    for r in self.result.results
                    for event in r.as_dict()["calendar"]
                ],
                columns=["option", "day", "what", "kind"],
            ),
            "assumptions": pd.DataFrame({"assumption": list(self.result.assumptions)}),
            "budget": pd.DataFrame.from_records(
                [
                    {"option": o["name"], **row}
                    for o in self.found["options"]
                    for row in o["by_month"]
                ]
            ),
        }
        names = _file_names(self.bills)
        tables |= {f"bill_{names[name]}": frame for name, frame in self.bills.items()}
        return {
            f"{name}.csv": frame.to_csv(index=False, lineterminator="\n")
            for name, frame in tables.items()
        }

    def _events(self) -> str:
        events = self.option.as_dict()["calendar"]
        if not events:
            return ""
        rows = [[e["day"], escape(e["what"]), KINDS[e["kind"]]] for e in events]
        return "<h3>Calendar</h3>" + table({"Date": "words", "Event": "words", "": "words"}, rows)

    def _bills(self) -> Iterator[str]:
        order = [self.chosen, *(name for name in self.bills if name != self.chosen)]
        for name in order:
            total = float(_mean(self.result.bills[name].total))
            opened = " open" if name == self.chosen else ""
            yield f"<details{opened}><summary>{escape(name)}: {whole(total)}</summary>"
            yield bill_table(self.bills[name])
            yield "</details>"

    def _sources(self) -> str:
        import pandas as pd

        keys = ["file", "source", "verified_on"]
        lines = pd.concat([frame[[*keys, "row"]] for frame in self.bills.values()])
        rows = []
        for (file, source, day), part in lines.groupby(keys):
            numbers = ", ".join(str(row) for row in sorted(set(part["row"])))
            rows.append([escape(str(file)), numbers, link(str(source)), str(day)])
        return table(
            {"Table": "words", "Rows": "words", "Source": "words long", "Checked": "words day"},
            rows,
        )

    def _prices(self) -> str:
        days = self.result.prices_on
        frozen = f" of {days['day']}" if days["day"] else ""
        return (
            f"Prices{frozen}; the rows used were checked between {days['verified_from']} and "
            f"{days['verified_to']}. {self.found['draws']:,} draws, seed {self.found['seed']}. "
            "Every line of a bill is quantity x unit price, and cites the row of its price."
        )


def report(
    result: Comparison,
    found: Mapping[str, Any],
    option: str | None = None,
    *,
    on: date | None = None,
) -> Report:
    """Choose what a report shows in detail.

    Args:
        result: The comparison.
        found: What `Budget.as_dict()` returns for the same scenario.
        option: The option to show in detail; None = the best one.
        on: Day marked in the history of prices; None = today.

    Raises:
        ScenarioError: If the option has no bill, or none has.
    """
    return Report(result, found, shown_option(result, option), on or today())


def shown_option(result: Comparison, option: str | None = None) -> str:
    """Return the option that a report shows in detail.

    Args:
        result: The comparison.
        option: Its name; None = the best one.

    Raises:
        ScenarioError: If the option has no bill, or none has.
    """
    if option is not None:
        result.bill(option)
        return option
    if not result.bills:
        message = f"nothing to report: {result.verdict}"
        raise ScenarioError(message)
    if result.ranked:
        return result.ranked[0].name
    return min(result.bills, key=lambda name: _mean(result.bills[name].total))


def _mean(values: Any) -> float:
    import numpy as np

    return float(np.mean(values))


def _file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each option, each different.

    >>> _file_names(["RAG on A/B", "rag on a b"])
    {'RAG on A/B': 'rag_on_a_b', 'rag on a b': 'rag_on_a_b_2'}
    """
    found: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "option"
        taken, number, free = set(found.values()), 2, stem
        while free in taken:
            free, number = f"{stem}_{number}", number + 1
        found[name] = free
    return found


def warnings_of(result: Comparison) -> list[str]:
    """Return what the reader should know, with the options it is about."""
    about: dict[str, list[str]] = {text: [] for text in result.warnings}
    for option in result.results:
        for text in option.warnings:
            about.setdefault(text, []).append(option.name)
    return [
        text
        if not names
        else f"{text} ({'; '.join(names) if len(names) <= MANY else f'{len(names)} options'})"
        for text, names in about.items()
    ]


def table(
    columns: Mapping[str, str], rows: Iterable[Sequence[str]], caption: str = "", best: int = -1
) -> str:
    """Return a table as HTML.

    Args:
        columns: Heading -> class of the column: `words` to the left, blank for numbers.
        rows: Cells as HTML.
        caption: What it shows.
        best: Row to mark.
    """
    classes = [f' class="{kind}"' if kind else "" for kind in columns.values()]
    text = ["<div class='scroll'><table>", f"<caption>{caption}</caption>" if caption else ""]
    heads = zip(columns, classes, strict=True)
    text.append("<thead><tr>")
    text += [f'<th scope="col"{kind}>{head}</th>' for head, kind in heads]
    text.append("</tr></thead><tbody>")
    for k, row in enumerate(rows):
        cells = "".join(f"<td{kind}>{x}</td>" for x, kind in zip(row, classes, strict=True))
        text.append(f"<tr{' class=best' if k == best else ''}>{cells}</tr>")
    return "".join([*text, "</tbody></table></div>"])


def options_table(result: Comparison) -> str:
    """Return the options side by side as HTML, best first."""
    order = {option.name: k for k, option in enumerate(result.ranked)}
    rows = [option.as_dict() for option in result.results]
    # those that cannot win stand below the others, the cheapest first
    rows.sort(
        key=lambda row: (
            not row["feasible"], order.get(row["name"], len(order)), row["total_usd"] or 0.0
        )
    )  # fmt: skip
    columns = {"Option": "words", "Model": "words", "Total": "", "Build": "", "Serve": ""}
    columns |= {"Upkeep": "", "Upkeep share": "", "Per request": "", "Success": ""}
    columns |= {"Per success": ""}
    cells, out = [], []
    for row in rows:
        model = f"{escape(row['model'])} <span class=quiet>{escape(row['provider'])}</span>"
        if not row["feasible"]:
            out.append(
                f"<p><b>{escape(row['name'])}</b> cannot be had: {escape(row['reason'])}</p>"
            )
            continue
        rate = row["success_rate"]
        cells.append(
            [
                escape(row["name"]),
                model,
                whole(row["total_usd"]),
                *(whole(row["by_phase"][phase]) for phase in ("build", "serve", "upkeep")),
                f"{row['maintenance_share']:.0%}",
                "" if row["usd_per_request"] is None else money(row["usd_per_request"]),
                "" if rate is None else f"{rate:.0%}",
                "" if row["usd_per_success"] is None else money(row["usd_per_success"]),
            ]
        )
    months = result.scenario.months
    caption = f"All options, {months} months, US dollars; best first"
    if result.ranked and len(result.ranked) < len(cells):
        caption += ", then those below the required success rate or without a stated one"
    return "".join([table(columns, cells, caption, best=0 if result.ranked else -1), *out])


def bill_table(frame: pd.DataFrame) -> str:
    """Return a bill as HTML, its lines summed over the months.

    Args:
        frame: What `Bill.frame()` returns.
    """
    sums = frame.groupby(BILL_KEYS, sort=False, dropna=False)[["quantity", "cost_usd"]].sum()
    rows = []
    contracts = frame["list_unit_price_usd"].notna().any()
    for item in sums.reset_index().to_dict("records"):
        usd, listed = item["cost_usd"], item["list_unit_price_usd"]
        about = ", ".join(filter(None, [item["cause"].replace("_", " "), item["detail"]]))
        row = [
            item["phase"],
            f"{escape(item['line'])} <span class=quiet>{escape(about)}</span>",
            f"{amount(round(item['quantity'], 4))}",
            style.price(item["unit_price_usd"]),
        ]
        row += ([style.price(listed) if listed == listed else ""]) if contracts else []  # noqa: PLR0124
        row += [
            f"${usd:,.2f}" if usd >= CENT else "$0" if usd == 0 else "&lt; $0.01",
            f"{escape(item['file'])}:{item['row']}",
            item["verified_on"],
        ]
        rows.append(row)
    columns = {"Phase": "words", "Line": "words long", "Quantity": "", "Unit price": ""}
    columns |= {"List price": ""} if contracts else {}
    columns |= {"Cost": "", "Price row": "words", "Checked": "words day"}
    return table(columns, rows)


def link(source: str) -> str:
    """Return a source as HTML, as a link where it is an address.

    >>> link("https://example.com/a?b&c")
    '<a href="https://example.com/a?b&amp;c" rel="noreferrer">https://example.com/a?b&amp;c</a>'
    >>> link("javascript:alert(1)")
    'javascript:alert(1)'
    """
    text = escape(source)
    if not re.match(r"https?://\S+$", source):
        return text
    return f'<a href="{text}" rel="noreferrer">{text}</a>'


STYLE = """
:root {color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --line: #dfe3e8;
  --paper: #fff; --soft: #f3f5f7; --accent: #0072b2; --warn: #d55e00}
@media (prefers-color-scheme: dark) {:root {--ink: #e6e8ea; --quiet: #a9b1ba; --line: #43484e;
  --paper: #212121; --soft: #2b2f33; --accent: #56b4e9; --warn: #e8701a}}
* {box-sizing: border-box}
body {margin: 0; background: var(--paper); color: var(--ink); line-height: 1.45;
  font: 15px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans',
  sans-serif}
main {max-width: 1120px; margin: 0 auto; padding: 28px 24px 60px}
h1 {font-size: 28px; font-weight: 600; margin: 0}
h2 {font-size: 21px; font-weight: 600; margin: 44px 0 10px}
h3 {font-size: 16px; font-weight: 600; margin: 24px 0 6px}
.quiet {color: var(--quiet)} td .quiet {font-size: 12px}
.verdict {font-size: 17px; background: var(--soft); border-left: 4px solid var(--accent);
  padding: 12px 16px; margin: 14px 0 22px}
.warning {border-left: 4px solid var(--warn); padding: 2px 0 2px 12px; margin: 6px 0}
.chart {margin: 26px 0 0; width: 100%}
.scroll {overflow-x: auto}
table {border-collapse: collapse; width: 100%; font-size: 13px; margin: 14px 0;
  font-variant-numeric: tabular-nums}
caption {text-align: left; color: var(--quiet); padding-bottom: 6px}
th, td {padding: 5px 8px; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: top}
th {font-weight: 600; white-space: nowrap} .words {text-align: left}
td:not(.words), .day {white-space: nowrap} .long {overflow-wrap: anywhere}
.best td {background: var(--soft); font-weight: 600}
details {margin: 4px 0} summary {cursor: pointer; padding: 3px 0}
.columns {columns: 2 380px; font-size: 13px; padding-left: 18px} .columns li {break-inside: avoid}
a {color: var(--accent)}
@page {margin: 14mm 12mm}
@media print {
  :root {--ink: #000; --quiet: #444; --line: #ccc; --paper: #fff; --soft: #f3f5f7;
    --accent: #0072b2; --warn: #d55e00}
  body {font-size: 11px} main {max-width: none; padding: 0} table {font-size: 9px}
  .verdict {font-size: 13px} th, td {padding: 2px 4px}
  .chart, tr, .verdict, .warning {break-inside: avoid} h2, h3 {break-after: avoid}
  thead {display: table-header-group} .modebar, details:not([open]) {display: none}
  td .quiet {font-size: 8px} .columns {columns: 2; font-size: 9px}
  .scroll {overflow: visible} a {color: inherit; text-decoration: none}
}
"""

# Figures are drawn in the inks of a light page, and recoloured for a dark one; print is light.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline';
 style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}: what it costs</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
<script>{plotly}</script>
<script>
const figures = {figures};
const config = {config};
const inks = {dark};
{shown}const theme = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
function draw(light, width) {{
  figures.forEach((figure, k) => {{
    const place = document.getElementById("chart" + k);
    const text = JSON.stringify(figure);
    const shown = shownFigure(text, light ? null : inks, width || place.clientWidth);
    place.style.height = shown.layout.height + "px";
    Plotly.react(place, shown.data, shown.layout, config);
    place.dataset.drawn = light ? "light" : "dark";
  }});
}}
const again = () => draw(paper.matches || !theme.matches, paper.matches ? 690 : 0);
again();
theme.addEventListener("change", again);
addEventListener("resize", again);
paper.addEventListener("change", again);
</script>
</body>
</html>
"""
