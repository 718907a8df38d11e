"""Apps in notebooks: `which_approach()` and the like show controls, one verdict, and pictures."""

from costmodel.ui.budget_and_forecast import budget_and_forecast
from costmodel.ui.fine_tune_commitment import fine_tune_commitment
from costmodel.ui.hosted_or_self_hosted import hosted_or_self_hosted
from costmodel.ui.start_here import start_here
from costmodel.ui.which_approach import which_approach

__all__ = [
    "budget_and_forecast",
    "fine_tune_commitment",
    "hosted_or_self_hosted",
    "start_here",
    "which_approach",
]
