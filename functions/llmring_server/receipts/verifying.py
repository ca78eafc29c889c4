"""Whether a receipt is what it claims to be.

1. It names its key and carries a signature.
2. The key is one of ours.
3. The signature is that key's over the canonical form (RFC 8785) without `signature`.
4. A key that was rotated out has not signed anything since.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmring_core import canonical
from llmring_core.errors import Unprocessable
from llmring_core.key_ring import KeyRing, KnownKey
from llmring_core.quantities import CLOCK_SKEW
from llmring_core.signing import (
    NotASignature,
    WrongSignature,
    read_signature,
    write_signature,
)
from llmring_server.receipts import merkle
from llmring_server.receipts.fields import is_receipt_id, read_timestamp
from llmring_server.receipts.models import (
    SignedReceipt,
    Verdict,
)

SHOWN_CHARACTERS = 80


class Invalid(ValueError):
    """A check failed; the message begins with what was checked."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a receipt says: that this key made this signature over these bytes."""

    key_id: str
    signature: bytes
    signed: bytes
    timestamp: Any


def unwrapped(body: dict[str, Any]) -> dict[str, Any]:
    """The receipt of a body that is one, or has one as `receipt` as it is sent to be stored."""
    inner = body.get("receipt")
    return inner if isinstance(inner, dict) and "signature" not in body else body


async def verdict(receipt: Mapping[str, Any], keys: KeyRing) -> Verdict:
    """Say whether a receipt is valid, and if not, which check failed."""
    key_id = receipt.get("key_id")
    try:
        await _verify(receipt, keys)
    except Invalid as invalid:
        named = key_id if isinstance(key_id, str) else None
        return Verdict(valid=False, key_id=named, reason=str(invalid))
    return Verdict(valid=True, key_id=key_id, reason=None)


async def accepted(receipt: dict[str, Any], keys: KeyRing) -> SignedReceipt:
    """Verify a receipt that is to be stored, and write it in its canonical form.

    Raises:
        Unprocessable: a check failed, or it has no id to store it under; the message says which.
    """
    try:
        claim = await _verify(receipt, keys)
    except Invalid as invalid:
        raise Unprocessable(f"The receipt is not valid. {invalid}.") from None
    if not is_receipt_id(receipt.get("id")):
        raise Unprocessable("The receipt has no id that it could be stored under.")
    # However the signature was written, the same receipt has the same bytes.
    members = {**receipt, "signature": write_signature(claim.signature)}
    return SignedReceipt(members, canonical.dumps(members))


async def _verify(receipt: Mapping[str, Any], keys: KeyRing) -> Claim:
    claim = claim_of(receipt)
    check(claim, await keys.find(claim.key_id))
    return claim


def claim_of(receipt: Mapping[str, Any]) -> Claim:
    """Take a receipt apart.

    Raises:
        Invalid: (1) it names no key, or carries no signature.
    """
    unsigned = {name: value for name, value in receipt.items() if name != "signature"}
    key_id = unsigned.get("key_id")
    if not isinstance(key_id, str):
        raise Invalid("key_id: the receipt names no key")
    if "signature" not in receipt:
        raise Invalid("signature: the receipt has none")
    try:
        signature = read_signature(receipt["signature"])
    except NotASignature as error:
        raise Invalid(f"signature: {error}") from None
    return Claim(key_id, signature, canonical.dumps(unsigned), unsigned.get("timestamp"))


def check(claim: Claim, key: KnownKey | None) -> None:
    """Check what a receipt claims against the key of the name it gives.

    Raises:
        Invalid: (2) nobody knows the key, (3) the signature is wrong, (4) it came too late.
    """
    if key is None:
        raise Invalid(
            f"key_id: there is no public key of the name {claim.key_id[:SHOWN_CHARACTERS]!r}"
        )
    try:
        key.public.verify(claim.signed, claim.signature)
    except WrongSignature:
        raise Invalid(
            "signature: it is not this key's over this receipt; a member was changed, added or "
            "removed, or the signature is another's"
        ) from None
    if key.not_after is not None and not _is_before(claim.timestamp, key.not_after):
        raise Invalid("timestamp: the key had been rotated out by then")


def check_inclusion(receipt: Mapping[str, Any], proof: Mapping[str, Any]) -> None:
    """Check that a receipt covers the log of an inclusion proof (RFC 9162, section 2.1.3.2).

    The receipt must have been checked before.

    Raises:
        Invalid: the proof is not one of this receipt, or the log is not what was certified.
    """
    certified, leaf = receipt.get("certified"), proof.get("leaf")
    if not isinstance(certified, dict):
        raise Invalid("receipt: it certifies no logs")
    if not isinstance(leaf, dict):
        raise Invalid("leaf: the proof has none, so there is nothing that it proves")
    said = (proof.get("log_id"), proof.get("tree_size"))
    if said != (leaf.get("log_id"), certified.get("logs")) or not _are_counts(proof):
        raise Invalid(
            "log_id, leaf_index, tree_size: they are not those of the leaf and of the receipt"
        )
    leaf_hash = merkle.leaf_hash(canonical.dumps(leaf))
    if proof.get("leaf_hash") != leaf_hash.hex():
        raise Invalid("leaf: it is not the log that was certified")
    try:
        path = list(map(_hash, proof["audit_path"]))
        root = merkle.root_of_path(leaf_hash, proof["leaf_index"], proof["tree_size"], path)
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("audit_path: it is not a path of this place in such a tree") from error
    if root.hex() != certified.get("merkle_root"):
        raise Invalid("audit_path: it does not lead to the root that the receipt certifies")


def _are_counts(proof: Mapping[str, Any]) -> bool:
    return type(proof.get("leaf_index")) is int and type(proof.get("tree_size")) is int


def _hash(text: str) -> bytes:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("not a SHA-256 in hexadecimal")
    return bytes.fromhex(text)


def _is_before(timestamp: object, end: datetime) -> bool:
    """Whether a receipt is from before the end of its key, give or take a wrong clock."""
    try:
        return read_timestamp(str(timestamp)) <= end + CLOCK_SKEW
    except (ValueError, OverflowError):
        return False
