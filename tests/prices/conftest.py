"""Files of other people's price tables in the layout they document, written by us."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from costmodel.prices import sources

ON = date(2026, 11, 21)

LITELLM: dict[str, Any] = {
    "sample_spec": {"litellm_provider": "one of the providers", "mode": "one of: chat, embedding"},
    "swift-1": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 1e-07,
        "output_cost_per_token": 5e-07,
        "cache_read_input_token_cost": 1e-08,
        "cache_creation_input_token_cost": 1.25e-07,
        "cache_creation_input_token_cost_above_1hr": 2e-07,
        "input_cost_per_token_above_272k_tokens": 2e-07,
        "output_cost_per_token_above_272k_tokens": 7.5e-07,
        "input_cost_per_token_batches": 5e-08,
        "output_cost_per_token_batches": 2.5e-07,
        "output_cost_per_token_decisions": 0.0,
        "max_input_tokens": 922000,
        "max_output_tokens": 128000,
        "source": "https://example.com/openai",
    },
    "xai/groc-1": {
        "litellm_provider": "xai",
        "mode": "chat",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 6e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06,
        "output_cost_per_token_above_200k_tokens": 1.2e-05,
    },
    "claud-9": {
        "litellm_provider": "anthropic",
        "mode": "chat",
        "input_cost_per_token": 5e-06,
        "output_cost_per_token": 2.5e-05,
        "provider_specific_entry": {"us": 1.1, "fast": 6.0},
        "deprecation_date": "2027-09-01",
    },
    "claud-1": {
        "litellm_provider": "anthropic",
        "mode": "chat",
        "input_cost_per_token": 8e-06,
        "output_cost_per_token": 2.4e-05,
        "deprecation_date": "2025-07-21",
    },
    "swift-0": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
        "deprecation_date": "2027-01-14",
    },
    "gemini/free-1": {
        "litellm_provider": "gemini",
        "mode": "chat",
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
    },
    "embed-light-v3.0": {
        "litellm_provider": "cohere",
        "mode": "embedding",
        "input_cost_per_token": 1e-04,
        "output_cost_per_token": 0.0,
    },
    "vertex_ai/text-embedding-1": {
        "litellm_provider": "vertex_ai-embedding-models",
        "mode": "embedding",
        "input_cost_per_character": 2.5e-08,
        "input_cost_per_token": 1e-07,
    },
    "azure_ai/jay-30b": {
        "litellm_provider": "azure_ai",
        "mode": "chat",
        "input_cost_per_token": 3.2e-03,
        "output_cost_per_token": 9.71e-03,
    },
    "azure/eu/swift-1": {
        "litellm_provider": "azure",
        "mode": "chat",
        "input_cost_per_token": 1.1e-07,
        "output_cost_per_token": 5.5e-07,
    },
    "deepseek/deep-1": {
        "litellm_provider": "deepseek",
        "mode": "chat",
        "input_cost_per_token": 3e-07,
        "output_cost_per_token": 1.2e-06,
        "off_peak_pricing": {
            "input_cost_per_token": 1.5e-07,
            "output_cost_per_token": 6e-07,
            "windows": [
                {
                    "hours_utc": ["00:00-01:00", "04:00-06:00", "10:00-00:00"],
                    "weekdays": [1, 2, 3, 4, 5],
                },
                {"hours_utc": "00:00-00:00", "weekdays": [6, 7]},
            ],
        },
    },
    "whisper": {"litellm_provider": "openai", "mode": "audio_transcription"},
}

GENAI = [
    {
        "id": "x-ai",
        "api_pattern": "https://api\\.x\\.ai",
        "pricing_urls": ["https://example.com/xai"],
        "models": [
            {
                "id": "groc-1",
                "match": {"or": [{"equals": "groc-1"}, {"equals": "groc-1-latest"}]},
                "context_window": 500000,
                "prices": {
                    "input_mtok": {"base": 2, "tiers": [{"start": 199999, "price": 4}]},
                    "output_mtok": {"base": 6, "tiers": [{"start": 199999, "price": 12}]},
                },
            },
            {
                "id": "groc-2",
                "match": {"equals": "groc-2"},
                "prices": [
                    {
                        "prices": {
                            "input_mtok": {"base": 5, "tiers": [{"start": 200000, "price": 10}]},
                            "output_mtok": 25,
                        }
                    },
                    {
                        "constraint": {"start_date": "2026-12-01"},
                        "prices": {"input_mtok": 6, "output_mtok": 30},
                    },
                ],
                "price_variants": [
                    {
                        "when": {"processing": "batch"},
                        "prices": {"input_mtok": 2.5, "output_mtok": 12.5},
                        "constraint": {"start_date": "2026-10-14"},
                    },
                    {"when": {"route": "elsewhere"}, "prices": {"input_mtok": 9}},
                ],
            },
        ],
    }
]

GENAI_MODULE = '''"""Generated."""
import datetime
from decimal import Decimal
from .types import *

providers: list[Provider] = [
    Provider(id='x-ai', name='xAI', api_pattern='https://api', pricing_urls=['https://e.com/x'],
        models=[ModelInfo(id='groc-2', match=ClauseOr(or_=[ClauseEquals(equals='groc-2-latest')]),
            prices=[
                ConditionalPrice(
                    prices=ModelPrice(input_mtok=Decimal('5'), output_mtok=Decimal('25'))),
                ConditionalPrice(
                    constraint=StartDateConstraint(start_date=datetime.date(2026, 12, 1)),
                    prices=ModelPrice(input_mtok=Decimal('6'), output_mtok=Decimal('30')))])]),
]
'''

PORTKEY = {
    "default": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0}}}},
    "swift-1": {
        "pricing_config": {
            "pay_as_you_go": {
                "request_token": {"price": 0.00025},
                "response_token": {"price": 0.001},
                "cache_write_input_token": {"price": 0},
                "additional_units": {"web_search": {"price": 1}},
            },
            "finetune_config": {"pay_per_token": {"price": 0.0025}},
        },
        "custom_pricing": {
            "regions": {
                "default": {
                    "execution_modes": {
                        "batch": {
                            "pricing_config": {
                                "pay_as_you_go": {"request_token": {"price": 0.000125}}
                            }
                        }
                    }
                }
            }
        },
    },
    "swift-rft": {"pricing_config": {"finetune_config": {"pay_per_hour": {"price": 10000}}}},
}

MODELS_DEV = {
    "openai": {
        "id": "openai",
        "models": {
            "swift-1": {
                "release_date": "2026-07-01",
                "limit": {"context": 1000000, "input": 922000, "output": 128000},
                "cost": {
                    "input": 0.1,
                    "output": 0.5,
                    "cache_read": 0.01,
                    "tiers": [{"tier": {"type": "context", "size": 272000}, "input": 0.2}],
                },
            },
            "typo-1": {"cost": {"input": 1, "output": 2, "cached_input": 0.1}},
        },
    }
}

OPENROUTER = {
    "data": [
        {
            "id": "openai/swift-1",
            "created": 1782864000,
            "context_length": 922000,
            "top_provider": {"max_completion_tokens": 128000},
            "expiration_date": "2027-01-14",
            "pricing": {
                "prompt": "0.0000001",
                "completion": "0.0000005",
                "input_cache_read": "0.00000001",
                "overrides": [{"min_prompt_tokens": 272001, "prompt": "0.0000002"}],
            },
        },
        {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
    ]
}

AZURE = {
    "BillingCurrency": "USD",
    "Items": [
        {
            "currencyCode": "USD",
            "retailPrice": price,
            "armRegionName": region,
            "effectiveStartDate": "2026-07-01T00:00:00Z",
            "meterName": meter,
            "productName": product,
            "serviceName": "Foundry Models",
            "unitOfMeasure": unit,
            "type": "Consumption",
        }
        for meter, product, unit, price, region in (
            ("gpt 4o 0806 Inp glbl Tokens", "Azure OpenAI", "1K", 0.0025, "eastus2"),
            ("gpt 4o 0806 cchd Inp glbl Tokens", "Azure OpenAI", "1K", 0.00125, "eastus2"),
            ("gpt 4o 0806 Outp glbl Tokens", "Azure OpenAI", "1K", 0.01, "eastus2"),
            ("5.6 luna LongCo Inp PP DZ 1M Tokens", "Azure OpenAI GPT5", "1M", 2.2, "eastus2"),
            ("5.4 mini Inp Gl 1M Tokens", "Azure OpenAI GPT5", "1M", 0.75, "eastus2"),
            ("5.4 mini Inp Gl 1M Tokens", "Azure OpenAI GPT5", "1M", 0.9, "westeurope"),
            ("5.4 nano Inp Gl 1M Tokens", "Azure OpenAI GPT5", "1M", 0.2, "westus3"),
            ("5.4 nano Inp Gl 1M Tokens", "Azure OpenAI GPT5", "1M", 0.24, "southeastasia"),
            ("5.4 nano Inp Gl 1M Tokens", "Azure OpenAI GPT5", "1M", 0.26, "usgovvirginia"),
            ("gpt-4.1-mini FT Training global Tokens", "Azure OpenAI", "1K", 0.005, "eastus2"),
            ("gpt-4.1-mini-ft hosting global Unit", "Azure OpenAI", "1 Hour", 1.7, "eastus2"),
            ("gpt rt aud mn in rg 1215 1M Tokens", "Azure OpenAI Media", "1M", 11, "eastus2"),
            ("gpt-4o-mini-ft mdel grdr inpt Tokens", "Azure OpenAI", "1K", 0.000165, "eastus2"),
            ("gpt 4o mini dev ft inpt glbl Tokens", "Azure OpenAI", "1K", 0.0055, "eastus2"),
        )
    ],
    "NextPageLink": None,
}


def _product(name: str, usage: str, **more: str) -> dict[str, Any]:
    return {
        "attributes": {
            "regionCode": "us-east-1",
            "usagetype": usage,
            **more,
            "servicename" if "Edition" in name else "model": name,
        }
    }


def _term(sku: str, unit: str, usd: str) -> dict[str, Any]:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return {
        f"{sku}.T": {"effectiveDate": "2026-10-01T00:00:00Z", "priceDimensions": {"d": dimension}}
    }


AWS = {
    "formatVersion": "v1.0",
    "offerCode": "AmazonBedrockFoundationModels",
    "products": {
        "A1": _product(
            "Claude Opus 5.5 (Amazon Bedrock Edition)", "USE1-MP:USE1_input_tokens_standard-Units"
        ),
        "A2": _product(
            "Claude Opus 5.5 (Amazon Bedrock Edition)",
            "USE1-MP:USE1_input_tokens_global_standard-Units",
        ),
        "A3": _product(
            "Claude Opus 5.5 (Amazon Bedrock Edition)",
            "USE1-MP:USE1_CacheReadInputTokenCount_Global-Units",
        ),
        "N1": _product("Nova Pro", "USE1-NovaPro-input-tokens", inferenceType="Input tokens"),
        "N2": _product(
            "Nova Pro", "USE1-NovaPro-output-tokens-batch", inferenceType="Output tokens batch"
        ),
        # the price in a region and the global one, under usage types of another kind
        "N4": _product("Nova 2.0 Lite", "USE1-Nova2.0Lite-input-tokens-cross-region-global"),
        "N5": _product("Nova 2.0 Lite", "USE1-Nova2.0Lite-input-tokens"),
        "N6": _product(
            "Nova 2.0 Lite", "USE1-Nova2.0Lite-input-video-token-count-cross-region-global"
        ),
        "C1": _product(
            "Claude 3 Haiku (Amazon Bedrock Edition)", "USE1-MP:USE1_MillionBatchInputTokens-Units"
        ),
        "N3": _product("Nova Canvas", "USE1-NovaCanvas-image", inferenceType="T2I image"),
    },
    "terms": {
        "OnDemand": {
            "A1": _term("A1", "Units", "4.4000000000"),
            "A2": _term("A2", "Units", "4.0000000000"),
            "A3": _term("A3", "Units", "0.2000000000"),
            "N1": _term("N1", "1K tokens", "0.0008000000"),
            "N2": _term("N2", "1K tokens", "0.0016000000"),
            "N4": _term("N4", "1K tokens", "0.0003000000"),
            "N5": _term("N5", "1K tokens", "0.0003300000"),
            "N6": _term("N6", "1K tokens", "0.0009000000"),
            "C1": _term("C1", "Units", "0.1250000000"),
            "N3": _term("N3", "image", "0.04"),
        }
    },
}

DEPRECATIONS = [
    {
        "provider": "OpenAI",
        "model_id": "swift-0",
        "shutdown_date": "2027-01-14",
        "replacement_model": "swift-1",
        "url": "https://example.com/deprecations",
        "scraped_at": "2026-11-20T03:00:00+00:00",
    },
    {"provider": "OpenAI", "model_id": "swift-00", "shutdown_date": "2025-01-01", "url": ""},
    {"provider": "OpenAI", "model_id": "swift-x", "shutdown_date": "soon", "url": ""},
]

SKYPILOT = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Region,SpotPrice,Price,"
    "AvailabilityZone,GpuInfo\n"
    "1x_H100_SECURE,H100,1.0,8.0,117.0,US,3.99,3.99,US-CA-1,"
    "\"{'Gpus': [{'Name': 'H100 SXM', 'MemoryInfo': {'SizeInMiB': 80}}]}\"\n"
    "p5.48xlarge,H100,8.0,192.0,2048.0,us-east-1,31.2,55.04,use1-az2,\n"
    "p5.48xlarge,H100,8.0,192.0,2048.0,us-east-1,22.5,55.04,use1-az4,\n"
    ",L4,1.0,,,us-central1,0.28,0.56,us-central1-a,__import__('os')\n"
    "a1.large,,,2.0,4.0,us-east-1,0.05,0.06,use1-az2,\n"
)

GPUHUNT = (
    "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size\n"
    "gpu_1x_h100,us-east-1,2.49,26,200,1,H100,80.0,False,\n"
    "gpu_1x_h100,us-east-1,1.10,26,200,1,H100,80.0,True,\n"
    "cpu_4x,us-east-1,0.10,4,16,0,,,False,\n"
)

FILES: dict[str, tuple[str, str]] = {
    "litellm": ("model_prices_and_context_window.json", json.dumps(LITELLM)),
    "genai-prices": ("prices/data.json", json.dumps(GENAI)),
    "portkey": ("pricing/openai.json", json.dumps(PORTKEY)),
    "models-dev": ("api.json", json.dumps(MODELS_DEV)),
    "openrouter": ("models.json", json.dumps(OPENROUTER)),
    "azure-retail": ("page0.json", json.dumps(AZURE)),
    "aws-price-list": ("index.json", json.dumps(AWS)),
    "deprecations": ("deprecations.json", json.dumps(DEPRECATIONS)),
    "skypilot": ("runpod/vms.csv", SKYPILOT),
    "gpuhunt": ("lambdalabs.csv", GPUHUNT),
}


@pytest.fixture(scope="session")
def layouts() -> dict[str, tuple[str, str]]:
    """Return the name and the text of a file of each source, and of genai-prices' module."""
    return FILES | {"module": ("genai_prices/data.py", GENAI_MODULE)}


@pytest.fixture
def place(tmp_path: Path) -> Any:
    """Return a function that writes the file of a source and returns its path."""

    def write(name: str, text: str = "", file: str = "") -> Path:
        path = tmp_path / name / (file or FILES[name][0])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or FILES[name][1], "utf-8")
        return path

    return write


@pytest.fixture
def table(place: Any) -> Any:
    """Return a function that reads a source and returns its rows by (model, mode, tier)."""

    def read(name: str) -> pd.DataFrame:
        return sources.read(name, str(place(name)), ON).frame

    return read
