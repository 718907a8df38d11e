"""Cost functions for scripts: tokens in, US dollars out, over scalars, arrays and Series alike."""

from costmodel.costs.inputs import shipped_book, today
from costmodel.costs.requests import Priced, inference_cost, price, priced
from costmodel.costs.serving import plan_serving
from costmodel.costs.tokens import TokenRule, count_tokens, token_rule
from costmodel.costs.tuning import maintenance_cost, training_bill, training_cost

__all__ = [
    "Priced",
    "TokenRule",
    "count_tokens",
    "inference_cost",
    "maintenance_cost",
    "plan_serving",
    "price",
    "priced",
    "shipped_book",
    "today",
    "token_rule",
    "training_bill",
    "training_cost",
]
