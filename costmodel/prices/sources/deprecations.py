"""deprecations.info: `deprecations.json`, the ends that providers announced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from costmodel.prices.sources.files import File
from costmodel.prices.sources.frame import common

PROVIDERS = {
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "Azure": "azure",
    "Google": "google",
    "Google Vertex": "vertex",
    "AWS Bedrock": "bedrock",
    "Cohere": "cohere",
    "xAI": "xai",
}
ISO = r"\d{4}-\d{2}-\d{2}"


def is_mine(file: File) -> bool:
    """Whether a file is a list of ends."""
    data = file.json
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], dict)
        and {"model_id", "shutdown_date"} <= set(data[0])
    )


def read(files: Sequence[File], on: str) -> pd.DataFrame:
    """Return the ends in the common layout, as rows of models.

    Args:
        files: The JSON list.
        on: Day of the import: later ends are still to come.
    """
    data = pd.DataFrame(files[0].json).astype(object)
    data = data.where(data.notna(), "").astype(str)
    end = data["shutdown_date"]
    rows = pd.DataFrame(
        {
            "table": "models",
            "provider": data["provider"].replace(PROVIDERS),
            "model": data["model_id"],
            "retires": end.where(end.str.fullmatch(ISO), ""),
            "retires_kind": np.where(end <= on, "retired", "announced"),
            "replaced_by": data.get("replacement_model", ""),
            "source": data.get("url", ""),
            "source_key": data["provider"] + "/" + data["model_id"],
            "doubt": np.where(end.str.fullmatch(ISO), "", "no day of the end"),
        }
    )
    rows.loc[rows["retires"] == "", "retires_kind"] = ""
    return common(rows[rows["model"] != ""])
