"""Training runs for the tests of their speed and of their memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from costmodel.prices.specs import shipped_specs
from costmodel.prices.tables import TRAINING_NUMBERS, TRAINING_WORDS
from costmodel.quantities.training_runs import Runs, runs_of

SPECS = shipped_specs()


def some_runs(model: str, gpu: str = "A100-SXM-80GB", **settings: Any) -> Runs:
    """Return runs with some settings; what is left out is blank."""
    size = max((np.size(value) for value in settings.values()), default=1)
    words = {
        name: np.full(size, settings.get(name, ""), dtype="U32")
        for name in (*TRAINING_WORDS, "memory_basis")
    }
    numbers = {
        name: np.broadcast_to(np.asarray(settings.get(name, np.nan), float), (size,)).copy()
        for name in TRAINING_NUMBERS
    }
    return runs_of(
        SPECS.model_columns([model] * size),
        SPECS.gpu_columns([gpu] * size),
        SPECS.architectures([gpu] * size),
        numbers,
        words,
    )
