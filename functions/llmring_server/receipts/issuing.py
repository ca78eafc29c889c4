"""An unsigned receipt becomes a signed one: what is missing is filled in, then it is signed.

1. The id, the time and the cost are filled in where they are missing; the key's name always.
2. Every other member stays as it came.
3. The canonical form (RFC 8785) of all that is signed, and the signature added.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llmring_core import canonical, clock, ids, metrics, pricing
from llmring_core.errors import Unprocessable
from llmring_core.key_ring import KeyRing
from llmring_core.prices import PriceList
from llmring_core.pricing import Line, ModelPrices, Tokens
from llmring_core.registry import Registry
from llmring_core.signing import PrivateKey, write_signature
from llmring_server.receipts.models import (
    MAX_RECEIPT_BYTES,
    MAX_RECEIPT_DEPTH,
    SignedReceipt,
    UnsignedReceipt,
)

GIVEN = "given by the client"
UNPRICED = "unpriced: the registry has no price for this model"


async def issue(unsigned: UnsignedReceipt, keys: KeyRing, registry: Registry) -> SignedReceipt:
    """Complete a receipt and sign it.

    Raises:
        NotConfigured: there is no key to sign with, or it was rotated out.
        Unavailable: a price is needed, and no registry is at hand.
    """
    key = await keys.signer()
    prices = (await registry.snapshot()).prices if needs_prices(unsigned) else None
    return sign(completed(unsigned, prices, clock.now()), key)


def needs_prices(unsigned: UnsignedReceipt) -> bool:
    """Whether the cost has to be worked out."""
    return unsigned.cost is None or unsigned.cost.amount is None


def completed(unsigned: UnsignedReceipt, prices: PriceList | None, now: datetime) -> dict[str, Any]:
    """The members of a receipt with what was missing filled in; null counts as missing.

    `prices` are needed where `needs_prices` says so.
    """
    members = dict(unsigned.members)
    for name in ("signature", "certified"):
        members.pop(name, None)  # what the server alone may write is null here, if anything
    if unsigned.id is None:
        members["id"] = str(ids.new_id(now))
    if unsigned.timestamp is None:
        members["timestamp"] = clock.rfc3339(now)
    found = _find(unsigned, prices) if prices and needs_prices(unsigned) else None
    cost = dict(members.get("cost") or {})
    filled_in = _priced(found, unsigned) if needs_prices(unsigned) else {"calculation": GIVEN}
    for name, value in filled_in.items():
        if cost.get(name) is None:
            cost[name] = value
    return {**members, "cost": cost}


def sign(members: Mapping[str, Any], key: PrivateKey) -> SignedReceipt:
    """Sign a receipt: Ed25519 over its canonical form (RFC 8785), without `signature`.

    Raises:
        Unprocessable: it would be larger, or nested deeper, than receipts are read.
    """
    unsigned = {**members, "key_id": key.key_id}
    message = canonical.dumps(unsigned)
    if len(message) > MAX_RECEIPT_BYTES:
        raise Unprocessable(f"The receipt is larger than {MAX_RECEIPT_BYTES} bytes.")
    if canonical.depth(unsigned) > MAX_RECEIPT_DEPTH:
        raise Unprocessable(f"The receipt is nested more than {MAX_RECEIPT_DEPTH} deep.")
    receipt = {**unsigned, "signature": write_signature(key.sign(message))}
    metrics.receipt_signed()
    return SignedReceipt(receipt, canonical.dumps(receipt))


def _find(unsigned: UnsignedReceipt, prices: PriceList) -> ModelPrices | None:
    if unsigned.provider:
        return prices.find(unsigned.provider, unsigned.model)
    return prices.find_by_model(unsigned.model)


def _priced(found: ModelPrices | None, unsigned: UnsignedReceipt) -> dict[str, Any]:
    if found is None:
        return {"amount": None, "calculation": UNPRICED}
    tokens = unsigned.tokens
    bill = found.bill(Tokens(tokens.input, tokens.output, tokens.cached_input or 0))
    return {"amount": float(pricing.total(bill)), "calculation": _calculation(found, bill)}


def _calculation(found: ModelPrices, bill: list[Line]) -> str:
    """Write a bill out so that anyone can work it out again; prices are USD per million tokens."""
    terms = " + ".join(f"{line.tokens} * {line.rate.dollars_per_million_tokens}" for line in bill)
    source = f"{found.provider}:{found.model}, registry version {found.registry_version}"
    return f"({terms}) / 1000000 USD; {source}"
