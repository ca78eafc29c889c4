"""Registered keys made, listed, replaced and revoked by the operator."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from llmring_core import clock, ids
from llmring_core.api_keys import hash_of, hint_of, new_key
from llmring_core.callers import project_id
from llmring_core.connection import Runner
from llmring_core.database import Database
from llmring_core.errors import NotFound, Unprocessable
from llmring_core.queries import load
from llmring_server.admin.models import MadeKey, NewKey, RegisteredKey

SQL = load("llmring_server.admin", "keys.sql")

LAST = UUID(int=2**128 - 1)


class _Holder(NamedTuple):
    """Whose key it is, and what it may do."""

    api_key_id: str
    project: str
    name: str
    scopes: Sequence[str]


async def create(runner: Runner, pepper: bytes, new: NewKey) -> MadeKey:
    """Make a key; only what is returned has it.

    Raises:
        Unprocessable: it would be over before it begins.
    """
    if new.expires_at is not None and new.expires_at <= clock.now():
        raise Unprocessable("expires_at lies in the past.")
    if new.open_key is not None:
        project = project_id(new.open_key.get_secret_value())
    else:
        project = registered_project_id(new.project)
    holder = _Holder(project, new.project, new.name, sorted(set(new.scopes)))
    return await _add(runner, pepper, holder, new.expires_at)


async def page(
    runner: Runner, *, project: str | None, before: UUID | None, limit: int
) -> list[RegisteredKey]:
    """Keys of all projects or of one, newest first, also those that are over."""
    rows = await runner.fetch(SQL["list"], project, before or LAST, limit)
    return [RegisteredKey.model_validate(dict(row)) for row in rows]


async def rotate(database: Database, pepper: bytes, key_id: UUID, overlap: timedelta) -> MadeKey:
    """Make a key that may do what another one may; that one ends after the overlap.

    Raises:
        NotFound: there is no such key, or it is over.
    """
    now = clock.now()

    async def replace(tx: Runner) -> MadeKey:
        old = await tx.fetch_row(SQL["replace"], key_id, now + overlap, now)
        if old is None:
            raise NotFound
        return await _add(tx, pepper, _Holder(*old.values()), None)

    return await database.transact(replace)


async def revoke(runner: Runner, key_id: UUID) -> None:
    """End a key, within ten seconds everywhere; raises NotFound if there is none."""
    if await runner.fetch_value(SQL["revoke"], key_id, clock.now()) is None:
        raise NotFound


def registered_project_id(project: str) -> str:
    """What rows carry of a project that has registered keys: other than of any key in open mode."""
    return hashlib.sha256(b"llmring-server registered project\x00" + project.encode()).hexdigest()


async def _add(
    runner: Runner, pepper: bytes, holder: _Holder, expires_at: datetime | None
) -> MadeKey:
    now, key = clock.now(), new_key()
    named = (ids.new_id(now), hash_of(key, pepper), *holder, hint_of(key))
    row = await runner.fetch_row(SQL["add"], *named, now, expires_at)
    assert row is not None  # noqa: S101 - the statement always returns the row it adds
    return MadeKey(**row, key=key)
