"""The cost of a reported call: given, priced from the registry, or not known yet."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from llmring_core import pricing
from llmring_core.calls import UsageEntry
from llmring_core.prices import PriceList
from llmring_core.pricing import Tokens
from llmring_core.quantities import CostStatus

UNKNOWN_MODEL = {"unknown_model": True}
UNKNOWN_TOKENS = {"unknown_tokens": True}
AWAITING_REGISTRY = {"awaiting_registry": True}


class Cost(NamedTuple):
    """A cost in USD, None while nobody knows it, and what its row keeps to explain it."""

    amount: Decimal | None
    status: CostStatus
    pricing: Mapping[str, Any] | None


def cost_of(entry: UsageEntry, prices: PriceList | None, *, knows_tokens: bool = True) -> Cost:
    """The cost of a call: the given one, else what the registry says of its tokens, if known."""
    if entry.cost is not None:
        return Cost(entry.cost, "given", None)
    if not knows_tokens:
        return Cost(None, "unpriced", UNKNOWN_TOKENS)
    return priced(entry.provider, entry.model, entry.tokens, prices)


def priced(provider: str, model: str, tokens: Tokens, prices: PriceList | None) -> Cost:
    """The cost of tokens at the registry's prices. An unknown model is not free: it is unpriced."""
    if prices is None:
        return Cost(None, "unpriced", AWAITING_REGISTRY)
    found = prices.find(provider, model)
    if found is None:
        return Cost(None, "unpriced", UNKNOWN_MODEL)
    return Cost(pricing.total(found.bill(tokens)), "priced", found.record(tokens))
