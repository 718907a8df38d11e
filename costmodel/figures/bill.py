"""Pictures of one bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.analysis.wording import amount, brief, money
from costmodel.bill import PHASES
from costmodel.figures import style
from costmodel.figures.rows import bar, beside, row_axis
from costmodel.figures.style import PHASE_INKS, said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

BAR_PX = 28
MOST_BARS = 14
CITED = 3  # lines named when a bar is pointed at
# activities of lines of a bill, as work is called
WORDS = {
    "serve": "Answer requests",
    "thinking": "Think",
    "idle": "Idle capacity",
    "host": "Host the tuned model",
    "engineer": "Engineering",
    "change": "Adapt to changes",
    "collect": "Collect examples",
    "label": "Label examples",
    "check": "Check labels",
    "train": "Training runs",
    "evaluate": "Evaluate",
    "release": "Release",
    "curate": "Keep documents current",
    "embed": "Embed documents",
    "index": "Write the index",
    "search": "Search the index",
    "store": "Store",
    "commit": "Committed capacity",
}


def waterfall(frame: pd.DataFrame, name: str, months: int) -> go.Figure:
    """Draw where the money of one option goes: a bar for each activity of each phase.

    Small activities of a phase are gathered in one bar.

    Args:
        frame: What `Bill.frame()` returns.
        name: The option.
        months: Length of the horizon. [month]
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    total = float(frame["cost_usd"].sum()) if len(frame) else 0.0
    if total <= 0:
        return style.dress(
            figure, f"{name} costs nothing", [f"Over {months} months"], plot_px=BAR_PX
        )
    bars = _bars(frame, total)
    begin = 0.0
    for at, (_, phase, rows) in enumerate(bars):
        usd = float(rows["cost_usd"].sum())
        bar(figure, at, usd, PHASE_INKS[phase], _about(rows, phase, total), begin=begin)
        begin += usd
        beside(figure, begin, at, brief(usd))
    about = f"<b>Total</b><br>{money(total)}{style.provenance(frame)}"
    bar(figure, len(bars), total, style.GREY, about)
    beside(figure, total, len(bars), f"<b>{brief(total)}</b>")
    phases = [phase for phase in PHASES if phase in set(frame["phase"])]
    notes = [f"{said(name)}, {months} months: {style.phase_key(phases)}", *_first_training(frame)]
    style.dress(
        figure, _finding(frame, name, total), [" · ".join(notes)], plot_px=BAR_PX * (len(bars) + 1)
    )
    return figure.update_layout(
        bargap=0.25,
        xaxis={"tickprefix": "$", "range": [0, total * 1.13], "nticks": 8},
        yaxis=row_axis([*(said(label) for label, _, _ in bars), "<b>Total</b>"]),
    )


def _bars(frame: pd.DataFrame, total: float) -> list[tuple[str, str, pd.DataFrame]]:
    """Return label, phase and lines of each bar, phases in order, dearest activity first."""
    import pandas as pd

    work = frame.assign(activity=frame["line"].str.partition("/")[0])
    sums = work.groupby(["phase", "activity"], sort=False)["cost_usd"].sum()
    kept = {key for key, usd in sums.nlargest(MOST_BARS).items() if usd > total / 100}
    bars = []
    for phase in PHASES:
        rows = work[work["phase"] == phase]
        parts = [(activity, part) for activity, part in rows.groupby("activity", sort=False)]
        parts.sort(key=lambda part: -float(part[1]["cost_usd"].sum()))
        large = [part for part in parts if (phase, part[0]) in kept]
        small = [p for p in parts if (phase, p[0]) not in kept and p[1]["cost_usd"].sum() > 0]
        if len(small) == 1:
            large, small = large + small, []
        bars += [(_word(str(activity)), phase, part) for activity, part in large]
        if small:
            bars.append((f"{len(small)} smaller", phase, pd.concat([part for _, part in small])))
    words = [word for word, _, _ in bars]
    return [
        (f"{word} ({phase})" if words.count(word) > 1 or "smaller" in word else word, phase, rows)
        for word, phase, rows in bars
    ]


def _word(activity: str) -> str:
    return WORDS.get(activity, activity.replace("_", " ").capitalize())


def _about(rows: pd.DataFrame, phase: str, total: float) -> str:
    """Return the dearest lines of a bar as quantity x unit price, with their price rows."""
    usd = float(rows["cost_usd"].sum())
    text = f"<b>{money(usd)}</b>, {usd / total:.0%} of the bill ({phase})"
    keys = ["line", "meter", "unit_price_usd", "file", "row", "verified_on"]
    lines = rows.groupby(keys, sort=False)[["quantity", "cost_usd"]].sum()
    lines = lines.sort_values("cost_usd", ascending=False)
    for item in lines.head(CITED).reset_index().to_dict("records"):
        text += (
            f"<br>{said(item['line'])}<br>  {money(item['cost_usd'])} = "
            f"{amount(round(item['quantity'], 4))} {item['meter'].replace('_', ' ')} {style.TIMES} "
            f"{style.price(item['unit_price_usd'])}"
            + style.cite(item["file"], item["row"], item["verified_on"])
        )
    more = len(lines) - CITED
    return text + (f"<br>and {more} more lines" if more > 0 else "")


def _finding(frame: pd.DataFrame, name: str, total: float) -> str:
    upkeep = float(frame.loc[frame["phase"] == "upkeep", "cost_usd"].sum())
    if upkeep <= 0:
        return f"{name} comes to {brief(total)}, none of it upkeep"
    return f"Upkeep is {upkeep / total:.0%} of the {brief(total)} for {name}"


def _first_training(frame: pd.DataFrame) -> list[str]:
    built = frame[(frame["phase"] == "build") & frame["line"].str.startswith("train/")]
    usd = float(built["cost_usd"].sum())
    return [f"the first training runs are {brief(usd)} of it"] if usd > 0 else []
