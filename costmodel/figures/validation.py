"""Pictures of predictions beside measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from costmodel.figures import style
from costmodel.figures.style import said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PLOT_PX = 400
TWICE = 2.0
MOST_HOVERS = 1500  # points above which only rows, and no words, are shown when pointed at
QUANTITIES = {
    "expected_usd": "cost in US$",
    "tok_s_total": "training speed in tokens/s",
    "peak_mem_gb": "peak memory in GB",
    "out_tok_s": "answer tokens/s of a replica",
}


def predicted_against_measured(
    frame: pd.DataFrame, measured: str, *, file: str = "", names: tuple[str, ...] = ("model", "gpu")
) -> go.Figure:
    """Draw predictions over measurements: on the diagonal they agree.

    Args:
        frame: `Validation.frame`: the cases with `predicted` and `ratio`; the index holds lines of
            the file where it is called `line`.
        measured: `Validation.measured`, name of the measured column.
        file: Name of the file, for what is shown when a point is pointed at.
        names: Columns that say what a point is.
    """
    import pandas as pd
    import plotly.graph_objects as go

    figure = go.Figure()
    known = pd.to_numeric(frame[measured], errors="coerce").to_numpy(float)
    ratio = frame["ratio"].to_numpy(float)
    ok = np.isfinite(ratio) & (ratio > 0) & (known > 0)
    what = QUANTITIES.get(measured, measured)
    if not ok.any():
        return style.dress(figure, "No row could be predicted", [], plot_px=40)
    at, x, y = np.flatnonzero(ok), known[ok], known[ok] * ratio[ok]
    low, high = float(min(x.min(), y.min())) * 0.8, float(max(x.max(), y.max())) * 1.25
    ends = [low, high]
    figure.add_scatter(
        x=ends, y=[v / TWICE for v in ends], mode="lines", line={"width": 0}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=ends,
        y=[v * TWICE for v in ends],
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor=style.alpha(style.GREY.line, 0.16),
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": style.QUIET, "width": 1.5}, hoverinfo="skip"
    )
    lines = np.asarray(frame.index if frame.index.name == "line" else np.arange(len(frame)) + 2)
    far = (ratio[ok] > TWICE) | (ratio[ok] < 1 / TWICE)
    where = said(file) or "row"
    for beyond, ink in ((False, style.BLUE), (True, style.VERMILLION)):
        rows = far == beyond
        if not rows.any():
            continue
        short = rows.sum() > MOST_HOVERS
        words = [
            " · ".join(said(frame[name].iloc[k]) for name in names if name in frame)
            for k in ([] if short else at[rows])
        ]
        numbers = lines[at[rows]].tolist()
        figure.add_scatter(
            x=_digits(x[rows]),
            y=_digits(y[rows]),
            mode="markers",
            marker={
                "size": 6 if len(at) < MOST_HOVERS else 4,
                "color": ink.line,
                "opacity": 0.65 if len(at) < MOST_HOVERS else 0.4,
                "symbol": "x-thin-open" if beyond else "circle",
                "line": {"width": 1.2 if beyond else 0},
            },
            customdata=numbers if short else [list(p) for p in zip(numbers, words, strict=True)],
            hovertemplate=(
                f"measured %{{x:,.3~g}}, predicted %{{y:,.3~g}}<br><i>{where} row %{{customdata}}"
                "</i><extra></extra>"
                if short
                else "<b>%{customdata[1]}</b><br>measured %{x:,.3~g}, predicted %{y:,.3~g}"
                f"<br><i>{where} row %{{customdata[0]}}</i><extra></extra>"
            ),
        )
    error = float(np.median(np.abs(ratio[ok] - 1)))
    title = f"Half of {ok.sum():,} predictions are off by less than {error:.1%}; "
    title += f"{style.chance(1 - float(far.mean()))} lie within a factor of two"
    note = (
        f"{what[:1].upper()}{what[1:]}, predicted over measured · line = agreement, grey = within "
    )
    note += f"a factor of two · {style.coloured(f'{style.TIMES} beyond', style.VERMILLION)}"
    style.dress(figure, title, [note], plot_px=PLOT_PX, bottom=58)
    axis = {"type": "log", "range": [np.log10(low), np.log10(high)], "dtick": 1}
    return figure.update_layout(
        xaxis=axis | {"title": {"text": f"measured {what}"}},
        yaxis=axis | {"title": {"text": "predicted"}, "automargin": True},
    )


def _digits(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Return numbers with three digits: a point is no finer on the screen."""
    return [float(f"{value:.3g}") for value in values]
