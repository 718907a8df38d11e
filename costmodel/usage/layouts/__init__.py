"""The layouts of exports, one module per family; the first that fits a header is taken."""

from __future__ import annotations

from costmodel.usage.layouts import anthropic, aws, azure, focus, google, openai, own, routers
from costmodel.usage.layouts.base import Layout

# in order: what needs more columns, and rarer ones, comes first
LAYOUTS: tuple[Layout, ...] = (
    *focus.LAYOUTS,
    *aws.LAYOUTS,
    *azure.LAYOUTS,
    *google.LAYOUTS,
    *openai.LAYOUTS,
    *anthropic.LAYOUTS,
    *routers.LAYOUTS,
    *own.LAYOUTS,
)
