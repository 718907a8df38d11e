"""Pictures of predictions beside measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from costmodel.analysis.lives import Backtest
from costmodel.figures import style
from costmodel.figures.rows import Row, rows_figure
from costmodel.figures.style import BLUE, GREEN, ORANGE, said

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PLOT_PX = 400
TWICE = 2.0
MOST_HOVERS = 1500  # points above which only rows, and no words, are shown when pointed at
QUANTITIES = {
    "expected_usd": "cost in US$",
    "reported_usd": "bill in US$",
    "tok_s_total": "training speed in tokens/s",
    "peak_mem_gb": "peak memory in GB",
    "out_tok_s": "answer tokens/s of a replica",
}


def predicted_against_measured(
    frame: pd.DataFrame,
    measured: str,
    *,
    file: str = "",
    names: tuple[str, ...] = ("model", "gpu"),
    within: float = 1.0,
) -> go.Figure:
    """Draw predictions over measurements: on the diagonal they agree.

    Args:
        frame: `Validation.frame`: the cases with `predicted` and `ratio`; the index holds lines of
            the file where it is called `line`.
        measured: `Validation.measured`, name of the measured column.
        file: Name of the file, for what is shown when a point is pointed at.
        names: Columns that say what a point is.
        within: Error up to which a prediction is near enough; 1 = a factor of two. [1]
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
    ends, (least, most) = [low, high], bounds(within)
    figure.add_scatter(
        x=ends, y=[v * least for v in ends], mode="lines", line={"width": 0}, hoverinfo="skip"
    )
    figure.add_scatter(
        x=ends,
        y=[v * most for v in ends],
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
    far = (ratio[ok] > most) | (ratio[ok] < least)
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
    title = f"Half of {ok.sum():,} predictions are off by less than {off(error)}; "
    title += f"{style.chance(1 - float(far.mean()))} lie within {near(within)}"
    note = f"{what[:1].upper()}{what[1:]}, predicted over measured · line = agreement, "
    note += f"grey = within {near(within)} · "
    note += style.key("beyond", style.VERMILLION, style.TIMES)
    style.dress(figure, title, [note], plot_px=PLOT_PX, bottom=58)
    axis = {"type": "log", "range": [np.log10(low), np.log10(high)], "dtick": 1}
    return figure.update_layout(
        xaxis=axis | {"title": {"text": f"measured {what}"}},
        yaxis=axis | {"title": {"text": "predicted"}, "automargin": True},
    )


def off(error: float) -> str:
    """Write an error, never as nought.

    >>> off(0.0658), off(0.0003)
    ('6.6%', '0.1%')
    """
    return f"{max(error, 0.001):.1%}"


def bounds(within: float) -> tuple[float, float]:
    """Return the least and the largest ratio of a prediction that is near enough.

    Args:
        within: Error allowed; 1 = a factor of two. [1]

    >>> bounds(0.25), bounds(1.0)
    ((0.75, 1.25), (0.5, 2.0))
    """
    return (1 - within, 1 + within) if within < 1 else (1 / TWICE, TWICE)


def near(within: float) -> str:
    """Write an error up to which predictions count as near enough.

    >>> near(1.0), near(0.25)
    ('a factor of two', '25%')
    """
    return f"{within:.0%}" if within < 1 else "a factor of two"


TESTS = {
    "fitted": ("rows of the fit", BLUE),
    "left_out_by_source": ("source left out", ORANGE),
    "left_out_by_model": ("model left out", GREEN),
    "left_out_by_gpu": ("GPU left out", style.PURPLE),
}


def errors_left_out(tested: Mapping[str, Mapping[str, Mapping[str, float]]]) -> go.Figure:
    """Draw how far predictions are off for rows that the fit did not know.

    Args:
        tested: What is predicted -> test -> errors, as `Validation.tested`.
    """
    rows = [
        Row(
            f"{what}, {TESTS[test][0]}",
            errors["median"] * 100,
            f"{errors['median']:.1%}, {style.chance(errors['within_2x'])} within 2x",
            ink=TESTS[test][1],
            about=f"<b>{said(what)}, {TESTS[test][0]}</b><br>half are off by less than "
            f"{errors['median']:.1%}; {style.chance(errors['within_25_percent'])} within 25%, "
            f"{style.chance(errors['within_2x'])} within a factor of two<br>"
            "<i>coefficients.csv</i>",
        )
        for what, tests in tested.items()
        for test, errors in tests.items()
        if test in TESTS
    ]
    worst = max(rows, key=lambda row: row.value) if rows else None
    title = "No test is recorded"
    if worst is not None:
        title = f"Even for rows the fit never saw, half are off by less than {worst.value:.0f}%"
    notes = [
        "Median error of the predictions · all rows of a source, a model or a GPU were left out, "
        "the fit repeated, and the rows left out predicted"
    ]
    return rows_figure(rows, title, notes, bars=True, suffix="%")


def forecast_of_ends(found: Sequence[Backtest]) -> go.Figure:
    """Draw how many models were expected to end, beside how many did, from several days on.

    Args:
        found: Forecasts, each made with what was known on its day.
    """
    rows = [
        Row(
            f"from {test.on}",
            test.expected,
            f"{test.expected:.0f} foretold, {test.ended} came",
            about=f"<b>{test.models} models alive on {test.on}</b><br>{test.expected:.1f} foretold "
            f"to end by {test.until}, {test.ended} did<br>the 80% interval held "
            f"{test.inside:.0%} of those that ended<br><i>lifetimes.csv, {said(test.method)}</i>",
            bound=float(test.ended),
        )
        for test in found
    ]
    if not rows:
        return rows_figure([], "No forecast can be tested", [])
    last = found[-1].until
    ratio = sum(t.expected for t in found) / max(sum(t.ended for t in found), 1)
    way = "fewer" if ratio < 1 else "more"
    title = f"Forecasts of retirements expected {abs(1 - ratio):.0%} {way} than came"
    notes = [
        f"Models alive on a day, foretold to end by {last} with what was known on that day · "
        "dot = foretold, upright line = what came"
    ]
    return rows_figure(rows, title, notes)


def _digits(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """Return numbers with three digits: a point is no finer on the screen."""
    return [float(f"{value:.3g}") for value in values]
