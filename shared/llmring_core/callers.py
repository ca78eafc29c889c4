"""Who is calling: the project behind an API key."""

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from llmring_core.api_keys import Scope
from llmring_core.errors import BadRequest, LLMRingError, Unauthorized

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Caller:
    """The project behind the request. Every query that touches its rows takes one.

    `api_key_id` is what the rows carry: never the key itself, unless a host asked for that.
    `secret` is 32 bytes that stand in no row: what is kept for the caller alone is sealed with it.
    `scopes` are what the key may do, None if that is everything.
    `logged_as` is what log lines call the project: `-` where its id may be a key itself.
    `key_id` tells the keys of a project apart, None where a project has only one.
    """

    api_key_id: str
    secret: bytes = field(default=bytes(32), repr=False, compare=False)
    scopes: frozenset[str] | None = None
    logged_as: str = field(default="-", compare=False)
    key_id: str | None = field(default=None, compare=False)

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return self.scopes is None or scope in self.scopes


def project_id(key: str) -> str:
    """Derive what a standalone database keeps of an API key: a SHA-256, in hexadecimal."""
    return hashlib.sha256(b"llmring-server project\x00" + key.encode()).hexdigest()


def check_key(key: str) -> str:
    """Return an API key that can be one.

    Raises:
        Unauthorized: it is empty.
        BadRequest: it is over 255 characters or has white space or control characters in it.
    """
    if not key:
        raise Unauthorized
    if len(key) > MAX_KEY_LENGTH:
        raise BadRequest(f"The API key is longer than {MAX_KEY_LENGTH} characters.")
    if re.search(r"[\s\x00-\x1f\x7f-\x9f]", key):
        raise BadRequest("The API key has white space or control characters in it.")
    return key


def caller_of(key: str, keys_are_ids: bool) -> Caller:
    """The caller who has a key; `keys_are_ids` where a host wants rows to carry the key itself."""
    secret = hashlib.sha256(b"llmring-server secret\x00" + key.encode()).digest()
    if keys_are_ids:
        return Caller(key, secret)
    api_key_id = project_id(key)
    return Caller(api_key_id, secret, logged_as=api_key_id)


class Door(Protocol):
    """Decides who is let in."""

    async def caller(self, key: str) -> Caller:
        """The project of a key.

        Raises:
            UnknownKey: it belongs to nobody.
            Unavailable: nobody can tell at the moment.
        """

    def remembered(self, key: str) -> Caller | None:
        """The same without waiting for anybody; None if that is needed."""


class OpenDoor:
    """Lets every key in, as a project of its own that only who knows the key can reach."""

    def __init__(self, *, keys_are_ids: bool) -> None:
        self._caller_of = lru_cache(maxsize=1024)(lambda key: caller_of(key, keys_are_ids))

    async def caller(self, key: str) -> Caller:
        """The project of a key."""
        return self._caller_of(key)

    def remembered(self, key: str) -> Caller | None:
        """The project of a key."""
        return self._caller_of(key)


def known_caller(door: Door, key: bytes) -> Caller | None:
    """The project of a key as a header has it; None if the route is to find out, or to refuse."""
    try:
        return door.remembered(check_key(key.decode("latin-1")))
    except LLMRingError:
        return None
