"""Apps in notebooks: `which_approach()` and the like show controls, one verdict, and pictures."""

from costmodel.ui.start_here import start_here
from costmodel.ui.which_approach import which_approach

__all__ = ["start_here", "which_approach"]
