"""Bytes as text: base64url written one way, and read in the ways that others write it."""

import base64
import binascii


def to_base64url(raw: bytes) -> str:
    """Write bytes in base64url without padding (RFC 4648, sections 5 and 3.2)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64(text: str) -> bytes:
    """Read base64 or base64url, padded or not.

    Bits that say nothing must be zero (RFC 4648, section 3.5): two different texts that mean the
    same bytes would let a changed receipt pass for the signed one.

    Raises:
        ValueError: it is neither.
    """
    bare = text.rstrip("=")
    url_safe = bare.replace("+", "-").replace("/", "_")
    padding = "=" * (-len(bare) % 4)
    if text not in (bare, bare + padding):
        raise ValueError("wrong padding")
    try:
        raw = base64.b64decode(url_safe + padding, altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if to_base64url(raw) != url_safe:
        raise ValueError("not base64")
    return raw
