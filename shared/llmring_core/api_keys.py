"""API keys that an operator makes: what they look like, what they may do, what is kept of them."""

import hashlib
import hmac
import secrets
import zlib
from typing import Literal, get_args

Scope = Literal[
    "log:write",
    "stats:read",
    "receipts:read",
    "receipts:write",
    "conversations:read",
    "conversations:write",
    "mcp:read",
    "mcp:execute",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)

PREFIX = "lr_"
SECRET_BITS = 160
HINT_LENGTH = 8
# How long a key that was replaced may go on to open.
MAX_OVERLAP_HOURS = 24 * 90
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# As many characters of base 62 as 160 and 32 bits take.
_SECRET_LENGTH = 27
_SUM_LENGTH = 6


def new_key() -> str:
    """Make a key: `lr_`, 160 random bits, `_`, their CRC-32; both numbers in base 62.

    The form lets scanners of secrets find a key that got into public, and tells a mistyped key
    from an unknown one without asking the database.
    """
    body = PREFIX + _base62(secrets.randbits(SECRET_BITS), _SECRET_LENGTH)
    return f"{body}_{_checksum(body)}"


def is_well_formed(key: str) -> bool:
    """Whether a key can be one that `new_key` made."""
    body, _, checksum = key.rpartition("_")
    length = len(PREFIX) + _SECRET_LENGTH
    return body.startswith(PREFIX) and len(body) == length and checksum == _checksum(body)


def hash_of(key: str, pepper: bytes) -> bytes:
    """What the database keeps of a key: HMAC-SHA-256, useless to who does not have the pepper."""
    return hmac.digest(pepper, key.encode(), hashlib.sha256)


def hint_of(key: str) -> str:
    """The beginning of a key, by which its owner knows it again."""
    return key[:HINT_LENGTH]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _SUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
