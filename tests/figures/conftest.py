"""What holds for every picture."""

import json
import re
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import costmodel as cm
from costmodel.figures import style
from costmodel.figures.labels import LINE_PX

SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|rgba?\([^)]*\)")


@pytest.fixture(scope="session")
def sound() -> Callable[..., str]:
    """Return a function that checks the house style of a figure and returns its JSON."""

    def check(figure: Any, cites: str = "") -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            text = json.dumps(json.loads(figure.to_json()), ensure_ascii=False)
        assert len(text.encode()) < 200_000
        layout = json.loads(text)["layout"]
        assert "sendChartToCloud" in layout["template"]["layout"]["modebar"]["remove"]
        assert layout["template"]["layout"]["showlegend"] is False
        assert layout["title"]["text"]
        assert not re.search(r"\$-?0\.0+(?!\d)", text), "writes $0.00"
        assert "$-" not in text
        assert "nan" not in text.lower().replace("finance", "")
        assert cites in text
        used = {colour.lower() for colour in COLOUR.findall(text)} - {style.CLEAR}
        strange = {c for c in used if not any(c.startswith(ink) for ink in style.DARK)}
        assert not strange, f"colours outside the palette: {strange}"
        # in the dark, none of the light inks remains that has another for it
        dark = set(COLOUR.findall(style.darkened(text))) - {style.CLEAR}
        assert not {
            c for c in dark if any(c.startswith(i) and style.DARK[i] != i for i in style.DARK)
        }
        return text

    return check


@pytest.fixture(scope="session")
def shipped() -> cm.PriceBook:
    """Return the shipped prices."""
    return cm.PriceBook.read()


@pytest.fixture(scope="session")
def support_bot(shipped: cm.PriceBook) -> Any:
    """Return the comparison of a shipped scenario."""
    return cm.compare(cm.Scenario.read(SCENARIOS / "support_bot.toml"), shipped)


@pytest.fixture(scope="session")
def ends_apart() -> Callable[[Any, float], None]:
    """Return a function that checks the distance of labels at the end of lines."""

    def check(figure: Any, plot_px: float) -> None:
        heights = sorted(
            note.y * plot_px
            for note in figure.layout.annotations
            if note.xref == "x domain" and note.x == 1 and note.xanchor == "left"
        )
        assert heights
        assert all(b - a >= LINE_PX - 1e-6 for a, b in pairwise(heights))
        assert heights[0] >= -1e-6
        assert heights[-1] <= plot_px + 1e-6

    return check
