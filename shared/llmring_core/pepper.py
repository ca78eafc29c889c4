"""The pepper: what makes the hashes of API keys useless to who only has the database."""

import hashlib
import hmac
from functools import lru_cache

from llmring_core.base64_text import from_base64
from llmring_core.errors import StartRefused
from llmring_core.secret_store import read_secret
from llmring_core.settings import Settings

MIN_BYTES = 32
NAME = "LLMRING_KEY_PEPPER"


def pepper_of(settings: Settings) -> bytes:
    """The pepper of the settings.

    Raises:
        StartRefused: there is none, or it is not at least 32 bytes in base64.
        Unavailable: AWS, which keeps it, does not hand it out.
    """
    if settings.key_pepper is not None:
        return read_pepper(settings.key_pepper.get_secret_value())
    if settings.key_pepper_secret is not None:
        return read_pepper(read_secret(settings.key_pepper_secret, member=NAME))
    raise StartRefused(f"Registered keys need {NAME} (32 bytes in base64) or {NAME}_SECRET.")


def pepper_id(pepper: bytes) -> bytes:
    """What tells a pepper from another, and nothing else of it; the database may know it."""
    return hmac.digest(pepper, b"llmring-server pepper id", hashlib.sha256)[:8]


@lru_cache(maxsize=4)
def read_pepper(text: str) -> bytes:
    """Read a pepper as a setting has it; raises StartRefused if it cannot be one."""
    try:
        pepper = from_base64(text.strip())
    except ValueError:
        pepper = b""
    if len(pepper) < MIN_BYTES:
        raise StartRefused(f"{NAME} is wrong: it takes at least 32 bytes in base64.")
    return pepper
