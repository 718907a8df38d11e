"""What can be billed: the closed vocabulary of meters, each with its unit."""

from __future__ import annotations

METERS: dict[str, str] = {
    # tokens of one request, by what the provider charges for them
    "input_mtok": "Mtok",
    "cached_input_mtok": "Mtok",
    "cache_write_mtok": "Mtok",
    "cache_write_1h_mtok": "Mtok",
    "cache_storage_mtok_hour": "Mtok x h",
    "output_mtok": "Mtok",
    # training and keeping tuned models
    "train_mtok": "Mtok x epoch",
    "train_hour": "h",
    "train_gpu_hour": "GPU-h",
    "hosting_hour": "deployment-h",
    "storage_model_month": "model-month",
    "storage_gb_month": "GB-month",
    # capacity
    "unit_hour": "unit-h",
    "instance_hour": "instance-h",
    # own machines
    "gpu_purchase": "GPU",
    "kwh": "kWh",
    "kw_month": "kW-month",
    # retrieval
    "mtok": "Mtok",
    "krequest": "1,000 requests",
    "mrequest": "1,000,000 requests",
    "gb_month": "GB-month",
    "gib_month": "GiB-month",
    "gb_day": "GB-day",
    "mchar": "1,000,000 characters",
    "gb": "GB",
    "tb": "TB",
    "pb": "PB",
    "mru": "1,000,000 read units",
    "mwu": "1,000,000 write units",
    "mdim_month": "1,000,000 dimensions-month",
    "month": "month",
    "search_unit_hour": "search-unit-h",
    # labels bought by the piece
    "item": "item",
    # people
    "person_hour": "person-h",
    # charges beyond quantity x price, in dollars
    "minimum_top_up": "US$",
}

# columns of inference/<provider>.csv
TOKEN_COLUMNS: dict[str, str] = {
    "input_per_mtok": "input_mtok",
    "cached_input_per_mtok": "cached_input_mtok",
    "cache_write_per_mtok": "cache_write_mtok",
    "cache_write_1h_per_mtok": "cache_write_1h_mtok",
    "cache_storage_per_mtok_hour": "cache_storage_mtok_hour",
    "output_per_mtok": "output_mtok",
}

# token counts of requests -> meters; what is left of the input is plain input
TOKEN_COUNTS: dict[str, str] = {
    "cached_input_tokens": "cached_input_mtok",
    "cache_write_tokens": "cache_write_mtok",
    "cache_write_1h_tokens": "cache_write_1h_mtok",
    "output_tokens": "output_mtok",
}
# billed as plain input where no price of their own is published
AS_INPUT = ("cached_input_mtok", "cache_write_mtok")

# unit words of finetuning.csv and of its storage
TRAINING_UNITS: dict[str, str] = {
    "mtok_epoch": "train_mtok",
    "mtok": "train_mtok",
    "hour": "train_hour",
    "gpu_hour": "train_gpu_hour",
}
STORAGE_UNITS: dict[str, str] = {
    "model_month": "storage_model_month",
    "gb_month": "storage_gb_month",
}

# items of infrastructure.csv
INFRASTRUCTURE_ITEMS: dict[str, str] = {
    "purchase": "gpu_purchase",
    "electricity": "kwh",
    "colocation": "kw_month",
    "egress": "gb",
    "disk": "gb_month",
}

# unit words of retrieval.csv
RETRIEVAL_UNITS: dict[str, str] = {
    word: word
    for word in (
        "mtok",
        "krequest",
        "mrequest",
        "gb_month",
        "gib_month",
        "gb_day",
        "mchar",
        "gb",
        "tb",
        "pb",
        "mru",
        "mwu",
        "mdim_month",
        "month",
    )
} | {"unit_hour": "search_unit_hour"}
