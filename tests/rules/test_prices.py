"""Which model a name means."""

import pytest

from llmring_core.prices import PriceList

ENTRY = {"dollars_per_million_tokens_input": 1.0, "dollars_per_million_tokens_output": 1.0}


def entry(price, *aliases):
    return {**ENTRY, "dollars_per_million_tokens_input": price, "model_aliases": list(aliases)}


PRICES = PriceList(
    {
        "openai": {
            "version": 1,
            "models": {
                "openai:gpt-x-2026-01-01": entry(1.0, "gpt-x", "gpt-y", "shared"),
                "openai:gpt-x": entry(2.0, "shared"),
                "openai:GPT-x": entry(3.0),
                "openai:vendor/gpt-z": entry(4.0),
            },
        },
        "google": {"version": 2, "models": {"google:gemini": entry(5.0)}},
    }
)


def price(provider, model):
    found = PRICES.find(provider, model)
    return found and found.rates["dollars_per_million_tokens_input"]


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("openai", "gpt-x-2026-01-01", 1),
        ("openai", "gpt-y", 1),
        ("openai", "gpt-x", 2),  # a model's own name wins over an alias
        ("openai", "shared", 1),  # the first to claim an alias keeps it
        ("openai", "GPT-x", 3),  # names are compared as written
        ("openai", "openai:gpt-x", 2),
        ("openai", "openai/gpt-x", 2),
        ("OpenAI", "OPENAI:gpt-x", 2),
        ("openai", "vendor/gpt-z", 4),
        ("google", "gemini", 5),
        ("google", "gpt-x", None),
        ("openai", "google:gemini", None),  # priced by another provider: not known
        ("ollama", "gpt-x", None),
        ("openai", "", None),
        ("openai", "openai:", None),
    ],
)
def test_a_name_means_one_model_or_none(provider, model, expected):
    assert price(provider, model) == expected
