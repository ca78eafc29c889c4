"""The cost of a reported call: given, priced from the registry, or not known yet."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from llmring_core import pricing
from llmring_core.prices import PriceList
from llmring_core.pricing import Line, Rate, Tokens
from llmring_core.quantities import CostStatus
from llmring_server.usage.models import CostExplanation, CostLine, UsageEntry

UNKNOWN_MODEL = {"unknown_model": True}
AWAITING_REGISTRY = {"awaiting_registry": True}
REASONS = {
    "unknown_model": "The registry has no price for this model.",
    "awaiting_registry": "No registry was at hand; the row is priced once there is one.",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost in USD, None while nobody knows it, and what its row keeps to explain it."""

    amount: Decimal | None
    status: CostStatus
    pricing: dict[str, Any] | None


def cost_of(entry: UsageEntry, prices: PriceList | None) -> Cost:
    """The cost of a call: the given one, else what the registry says."""
    if entry.cost is not None:
        return Cost(entry.cost, "given", None)
    tokens = Tokens(entry.input_tokens, entry.output_tokens, entry.cached_input_tokens)
    return priced(entry.provider, entry.model, tokens, prices)


def priced(provider: str, model: str, tokens: Tokens, prices: PriceList | None) -> Cost:
    """The cost of tokens at the registry's prices. An unknown model is not free: it is unpriced."""
    if prices is None:
        return Cost(None, "unpriced", AWAITING_REGISTRY)
    found = prices.find(provider, model)
    if found is None:
        return Cost(None, "unpriced", UNKNOWN_MODEL)
    bill = found.bill(tokens)
    kept = {
        "registry_version": found.registry_version,
        "provider": found.provider,
        "model": found.model,
        "rates": {
            line.item: [line.rate.field, str(line.rate.dollars_per_million_tokens)] for line in bill
        },
    }
    return Cost(pricing.total(bill), "priced", kept)


def explain(kept: dict[str, Any] | None, tokens: Tokens) -> CostExplanation:
    """Write out what a row keeps of its cost; its lines add up to the cost."""
    if kept is None:
        return CostExplanation(reason="The client gave the cost.")
    if "rates" not in kept:
        return CostExplanation(reason=REASONS[next(iter(kept))])
    counts = {
        "input_tokens": tokens.input - tokens.cached_input,
        "cached_input_tokens": tokens.cached_input,
        "output_tokens": tokens.output,
    }
    bill = [
        pricing.line(item, counts[item], Rate(field, Decimal(price)))
        for item, (field, price) in kept["rates"].items()
    ]
    return CostExplanation(
        registry_version=kept["registry_version"],
        provider=kept["provider"],
        model=kept["model"],
        lines=[
            _shown(line) for line in sorted(bill, key=lambda line: list(counts).index(line.item))
        ],
    )


def _shown(line: Line) -> CostLine:
    return CostLine(
        item=line.item,
        tokens=line.tokens,
        price_field=line.rate.field,
        dollars_per_million_tokens=line.rate.dollars_per_million_tokens,
        cost=line.cost,
    )
