"""Registered keys made, listed, replaced and revoked by the operator."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from llmring_core import clock, ids
from llmring_core.api_keys import hash_of, hint_of, new_key
from llmring_core.callers import check_key, project_id
from llmring_core.connection import Row, Runner
from llmring_core.database import Database
from llmring_core.errors import AlreadyExists, NotFound, Unprocessable
from llmring_core.pepper import pepper_id
from llmring_core.queries import load
from llmring_core.terminal import printable
from llmring_server.admin.models import LATEST, MadeKey, NewKey, RegisteredKey, Successor

SQL = load("llmring_server.admin", "keys.sql")

NO_SUCH_KEY = "No key has this id."
LAST = UUID(int=2**128 - 1)


class _Holder(NamedTuple):
    """Whose key it is, and what it may do."""

    api_key_id: str
    project: str
    name: str
    scopes: Sequence[str]


async def create(database: Database, pepper: bytes, new: NewKey) -> MadeKey:
    """Make a key; only what is returned has it. Keys of one project see the same rows.

    Raises:
        Unprocessable: it would be over before it begins, or go on with rows that are not there.
        AlreadyExists: it was to go on with other rows than the keys of its project, or with those
            of another project.
        BadRequest: what was said to be a key of open mode cannot be one.
    """
    if new.expires_at is not None and new.expires_at <= clock.now():
        raise Unprocessable("expires_at lies in the past.")
    adopted = new.open_key and project_id(check_key(new.open_key.get_secret_value()))

    async def add(tx: Runner) -> MadeKey:
        await tx.execute(SQL["one_at_a_time"], new.project)
        known = await tx.fetch_value(SQL["rows_of_project"], new.project)
        if adopted and adopted != known:
            await _check_adoptable(tx, adopted, known)
        project = known or adopted or registered_project_id(new.project)
        holder = _Holder(project, new.project, new.name, sorted(set(new.scopes)))
        return await _add(tx, pepper, holder, clock.now(), new.expires_at)

    return await database.transact(add)


async def page(
    runner: Runner, *, project: str | None, before: UUID | None, limit: int
) -> list[RegisteredKey]:
    """Keys of all projects or of one, newest first, also those that are over."""
    rows = await runner.fetch(SQL["list"], project, before or LAST, limit)
    return [RegisteredKey.model_validate(dict(row)) for row in rows]


async def rotate(database: Database, pepper: bytes, key_id: UUID, overlap: timedelta) -> Successor:
    """Make a key that may do what another one may, for as long; that one ends after the overlap.

    Raises:
        NotFound: there is no such key, or it was revoked or is over.
        AlreadyExists: there is a key in its place already.
    """

    async def replace(tx: Runner) -> Successor:
        old, now = await tx.fetch_row(SQL["hold"], key_id), clock.now()
        if old is None:
            raise NotFound(NO_SUCH_KEY)
        _check_replaceable(old, now)
        until = await tx.fetch_value(SQL["replace"], key_id, now + overlap, now)
        holder = _Holder(*(old[each] for each in _Holder._fields))
        new = await _add(tx, pepper, holder, now, _for_as_long(old, now))
        return Successor(**new.model_dump(), old_key_opens_until=until)

    return await database.transact(replace)


async def revoke(runner: Runner, key_id: UUID) -> None:
    """End a key, within ten seconds everywhere; raises NotFound if there is none."""
    if await runner.fetch_value(SQL["revoke"], key_id, clock.now()) is None:
        raise NotFound(NO_SUCH_KEY)


def registered_project_id(project: str) -> str:
    """What rows carry of a project that has registered keys: other than of any key in open mode."""
    return hashlib.sha256(b"llmring-server registered project\x00" + project.encode()).hexdigest()


async def _check_adoptable(tx: Runner, adopted: str, known: str | None) -> None:
    if known:
        raise AlreadyExists("The project has rows of its own already: choose another name.")
    await tx.execute(SQL["one_at_a_time"], adopted)
    if (project := await tx.fetch_value(SQL["adopter"], adopted)) is not None:
        raise AlreadyExists(
            f"The project {printable(project)} goes on with the rows of that key already: make a "
            "key of that project."
        )
    if not await tx.fetch_value(SQL["anything_kept"], adopted):
        raise Unprocessable("Nothing is kept under that key; is it written as it was?")


def _check_replaceable(old: Row, now: datetime) -> None:
    if old["replaced_at"] is not None and old["revoked_at"] is None:
        raise AlreadyExists(
            f"This key was replaced at {old['replaced_at']:%Y-%m-%d %H:%M:%S} UTC: rotate the key "
            "that was made in its place then, or make a new one."
        )
    is_over = old["expires_at"] is not None and old["expires_at"] <= now
    if old["revoked_at"] is not None or is_over:
        raise NotFound("This key was revoked or is over: make a new one.")


def _for_as_long(old: Row, now: datetime) -> datetime | None:
    if old["expires_at"] is None:
        return None
    lifetime: timedelta = old["expires_at"] - old["created_at"]
    return now + min(lifetime, LATEST - now)


async def _add(
    runner: Runner, pepper: bytes, holder: _Holder, now: datetime, expires_at: datetime | None
) -> MadeKey:
    key = new_key()
    named = (ids.new_id(now), hash_of(key, pepper), *holder, hint_of(key), pepper_id(pepper))
    row = await runner.fetch_row(SQL["add"], *named, now, expires_at)
    assert row is not None  # noqa: S101 - the statement always returns the row it adds
    return MadeKey(**row, key=key)
