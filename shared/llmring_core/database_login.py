"""Who we are at the database, where AWS keeps that: asked for at each new connection."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from llmring_core import secret_store
from llmring_core.database_urls import check_database_url
from llmring_core.errors import StartRefused


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or a whole URL."""

    options: dict[str, str] = field(repr=False)


def login_of(name: str) -> Login:
    """Read the secret of a database: a URL, or the JSON that RDS keeps; blocks.

    Raises:
        StartRefused: it is neither.
        Unavailable: AWS does not hand it out.
    """
    text = secret_store.read_text(name).strip()
    try:
        told = json.loads(text) if text.startswith("{") else {"url": text}
        if "url" in told:
            return Login({"dsn": check_database_url(str(told["url"]))})
        return Login({"user": str(told["username"]), "password": str(told["password"])})
    except (ValueError, KeyError):
        raise StartRefused(
            "LLMRING_DATABASE_SECRET is neither a URL nor JSON with username and password."
        ) from None


async def connect(secret: str | None, dsn: str | None, **options: Any) -> Any:
    """Connect to a database, with the login of a secret if there is one.

    Raises as asyncpg and `login_of`.
    """
    if secret is None:
        return await asyncpg.connect(dsn, **options)
    try:
        return await _connect(secret, dsn, options)
    except asyncpg.InvalidAuthorizationSpecificationError:
        secret_store.forget(secret)  # it may have been rotated since it was read
        return await _connect(secret, dsn, options)


async def _connect(secret: str, dsn: str | None, options: dict[str, Any]) -> Any:
    login = await asyncio.to_thread(login_of, secret)
    return await asyncpg.connect(**{"dsn": dsn, **options, **login.options})
