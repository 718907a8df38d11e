"""Apps in notebooks: `which_approach()` and the like show controls, one verdict, and pictures."""

from costmodel.ui.budget_and_forecast import budget_and_forecast
from costmodel.ui.check_the_numbers import check_the_numbers
from costmodel.ui.count_my_tokens import count_my_tokens
from costmodel.ui.fine_tune_commitment import fine_tune_commitment
from costmodel.ui.hosted_or_self_hosted import hosted_or_self_hosted
from costmodel.ui.prices_and_providers import prices_and_providers
from costmodel.ui.start_here import start_here
from costmodel.ui.training_run import training_run
from costmodel.ui.usage_log import usage_log
from costmodel.ui.which_approach import which_approach

__all__ = [
    "budget_and_forecast",
    "check_the_numbers",
    "count_my_tokens",
    "fine_tune_commitment",
    "hosted_or_self_hosted",
    "prices_and_providers",
    "start_here",
    "training_run",
    "usage_log",
    "which_approach",
]
