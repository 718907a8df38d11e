"""Ways to make a model do the job. A new approach is one dataclass, entered in `APPROACHES`."""

from __future__ import annotations

from costmodel.approaches.base import (
    Approach,
    Counted,
    Occasion,
    Site,
    Work,
    assumed,
    model_calls,
    person_hours,
)
from costmodel.approaches.prompts import FewShot, LongContext, Prompting
from costmodel.approaches.rag import Rag
from costmodel.approaches.tuning import FineTune, PreferenceTune, Tune

__all__ = [
    "APPROACHES",
    "Approach",
    "Counted",
    "FewShot",
    "FineTune",
    "LongContext",
    "Occasion",
    "PreferenceTune",
    "Prompting",
    "Rag",
    "Site",
    "Tune",
    "Work",
    "assumed",
    "model_calls",
    "person_hours",
]

APPROACHES: dict[str, type[Approach]] = {
    approach.kind: approach
    for approach in (Prompting, FewShot, Rag, LongContext, FineTune, PreferenceTune)
}
