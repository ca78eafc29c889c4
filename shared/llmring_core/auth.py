"""Who is calling."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from llmring_core.errors import BadRequest, Unauthorized

MAX_KEY_LENGTH = 255

_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The key of a project.")
_bearer = HTTPBearer(auto_error=False, description="The same key, as a bearer token.")


@dataclass(frozen=True, slots=True)
class Caller:
    """The project behind the request. Every query that touches its rows takes one.

    `api_key_id` is what the rows carry: never the key itself, unless a host asked for that.
    `secret` is 32 bytes that follow from the key and stand in no row: what is kept for the caller
    alone is sealed with it.
    """

    api_key_id: str
    secret: bytes = field(default=bytes(32), repr=False, compare=False)


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
    return Caller(key if keys_are_ids else project_id(key), secret)


async def _caller(
    request: Request,
    header: Annotated[str | None, Security(_header)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    key = check_key(header or (bearer.credentials if bearer else ""))
    return caller_of(key, request.app.state.keys_are_ids)


CallerDep = Annotated[Caller, Depends(_caller)]
