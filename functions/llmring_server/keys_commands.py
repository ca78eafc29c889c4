"""`llmring-server keys`: registered API keys, made, listed, replaced and revoked."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from getpass import getpass
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError

from llmring_core import clock
from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.key_count import Count, count
from llmring_core.migrate import migrate
from llmring_core.settings import Settings
from llmring_core.terminal import printable
from llmring_server.admin import managing
from llmring_server.admin.models import MadeKey, NewKey, RegisteredKey
from llmring_server.db_commands import shown_database, with_database
from llmring_server.own_pepper import own_pepper

Result = TypeVar("Result")

IS_OPEN = (
    "Warning: LLMRING_AUTH_MODE is open here. A server in that mode lets any key in, and keeps "
    "what comes with this one apart from the project; start it with LLMRING_AUTH_MODE=registered."
)
SHOWN = 1000
TIME = "%Y-%m-%d %H:%M UTC"


def keys_create(
    project: str, name: str, scopes: Sequence[str] | None, days: int | None, *, adopt: bool
) -> int:
    """Make a key and print it, alone on the standard output."""
    asked: dict[str, object] = {"project": project, "name": name}
    if scopes:
        asked["scopes"] = sorted(set(scopes))
    if days is not None:
        asked["expires_at"] = datetime.now().astimezone() + timedelta(days=days)
    if adopt:
        asked["open_key"] = _read_key("The key that the project had in open mode: ")
    try:
        new = NewKey.model_validate(asked)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise StartRefused(f"{wrong['loc'][0]}: {wrong['msg']}.") from None
    return _show(_with_pepper(lambda database, pepper: managing.create(database, pepper, new)))


def keys_list() -> int:
    """List all keys, newest first."""
    keys = _migrated(partial(managing.page, project=None, before=None, limit=SHOWN))
    for key in keys:
        sys.stdout.write(f"{_line(key)}\n")
    if len(keys) == SHOWN:
        sys.stderr.write(f"These are the newest {SHOWN}; /api/v1/admin/keys has the others.\n")
    return 0


def keys_rotate(key_id: UUID, overlap_hours: int) -> int:
    """Make a key in the place of another and print it."""
    overlap = timedelta(hours=overlap_hours)

    async def rotate(database: Database, pepper: bytes) -> MadeKey:
        new = await managing.rotate(database, pepper, key_id, overlap)
        until = f"until {new.old_key_opens_until:{TIME}}"
        opens = until if overlap_hours else "nothing any more in ten seconds"
        sys.stderr.write(f"The old key opens {opens}.\n")
        return new

    return _show(_with_pepper(rotate))


def keys_revoke(key_id: UUID) -> int:
    """End a key."""
    _migrated(lambda database: managing.revoke(database, key_id))
    sys.stdout.write(f"{key_id} is revoked; it opens nothing any more in ten seconds.\n")
    return 0


def _migrated(work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run something on a database that a server may not have been started on yet."""

    async def run(database: Database) -> Result:
        await migrate(database)
        return await work(database)

    return with_database(run)


def _with_pepper(work: Callable[[Database, bytes], Awaitable[MadeKey]]) -> MadeKey:
    """Make a key, which opens what the operator may not have looked at: so say where it is kept."""
    settings = Settings.from_env()

    async def run(database: Database) -> tuple[MadeKey, Count]:
        pepper = await own_pepper(settings, database)
        return await work(database, pepper), await count(database, pepper)

    made, keys = _migrated(run)
    if told := keys.told_of_others:
        sys.stderr.write(f"Warning: {told}.\n")
    sys.stderr.write(f"Database: {shown_database(settings, with_folder=True)}\n")
    if settings.auth_mode == "open":
        sys.stderr.write(f"{IS_OPEN}\n")
    return made


def _read_key(prompt: str) -> str:
    """A line of the standard input, which a terminal does not show."""
    if sys.stdin.isatty():
        try:
            key = getpass(prompt)
        except EOFError:
            key = ""
    else:
        sys.stderr.write(prompt)
        sys.stderr.flush()
        key = sys.stdin.readline()
    key = key.strip()
    if not key:
        raise StartRefused("No key was given.")
    if not key.isprintable():  # such as bytes that are not UTF-8
        raise StartRefused("The key has characters that no key has.")
    return key


def _show(made: MadeKey) -> int:
    sys.stderr.write(f"{_line(made)}\nThe key, which is not shown again:\n")
    sys.stdout.write(f"{made.key}\n")
    return 0


def _line(key: RegisteredKey) -> str:
    until = "for ever" if key.expires_at is None else f"until {key.expires_at:{TIME}}"
    is_over = key.expires_at is not None and key.expires_at <= clock.now()
    until = f"replaced, {until}" if key.replaced_at else until
    state = "revoked" if key.revoked_at else "over" if is_over else until
    used = "never used" if key.last_used_at is None else f"used {key.last_used_at:{TIME}}"
    named = f"{key.project}/{key.name}" if key.name else key.project
    scopes = ",".join(key.scopes)
    about = f"{printable(named)}  {state}, {used}  {scopes}"
    return f"{key.key_id}  {key.hint}…  {about}  {key.api_key_id}"
