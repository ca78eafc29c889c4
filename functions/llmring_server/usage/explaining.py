"""How a cost came about, written out from what its row keeps of it."""

from decimal import Decimal
from typing import Any

from llmring_core import pricing
from llmring_core.pricing import Line, Rate, Tokens
from llmring_server.usage.models import CostExplanation, CostLine

REASONS = {
    "unknown_model": "The registry has no price for this model.",
    "unknown_tokens": "The call was logged without its tokens.",
    "awaiting_registry": "No registry was at hand; the row is priced once there is one.",
}


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
