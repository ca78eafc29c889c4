"""`llmring-server keys`: registered API keys, made, listed, replaced and revoked."""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from pydantic import ValidationError

from llmring_core import clock
from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.local_postgres import default_data_dir
from llmring_core.migrate import migrate
from llmring_core.pepper import NAME, pepper_of
from llmring_core.secret_store import read_secret
from llmring_core.secrets_key import own_key
from llmring_core.settings import Settings
from llmring_core.terminal import printable
from llmring_server.admin import managing
from llmring_server.admin.models import MadeKey, NewKey, RegisteredKey
from llmring_server.db_commands import with_database

Result = TypeVar("Result")

PEPPER_FILE = "key.pepper"
SHOWN = 1000
TIME = "%Y-%m-%d %H:%M UTC"


def own_pepper(settings: Settings) -> bytes:
    """The pepper of the settings; beside the embedded database else one of our own making.

    It goes into the environment, from which the processes of a server read it.

    Raises:
        StartRefused: there is none, and the database is one that other machines may use.
    """
    if settings.key_pepper is None and settings.key_pepper_secret is not None:
        os.environ[NAME] = read_secret(settings.key_pepper_secret, member=NAME)
        settings = Settings.from_env()
    # One of our own beside a database of others would be one per machine: their keys would not
    # open here, nor ours there.
    is_beside = settings.database_url is None and settings.database_secret is None
    if settings.key_pepper is None and is_beside:
        folder = settings.data_dir or default_data_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[NAME] = own_key(folder, PEPPER_FILE)
        settings = Settings.from_env()
    return pepper_of(settings)


def keys_create(
    project: str, name: str, scopes: Sequence[str] | None, days: int | None, *, adopt: bool
) -> int:
    """Make a key and print it, alone on the standard output."""
    asked: dict[str, object] = {"project": project, "name": name}
    if scopes:
        asked["scopes"] = scopes
    if days is not None:
        asked["expires_at"] = datetime.now().astimezone() + timedelta(days=days)
    if adopt:
        sys.stderr.write("The key that the project had in open mode: ")
        sys.stderr.flush()
        asked["open_key"] = sys.stdin.readline().strip()
    try:
        new = NewKey.model_validate(asked)
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        raise StartRefused(f"{wrong['loc'][0]}: {wrong['msg']}.") from None
    pepper = own_pepper(Settings.from_env())
    return _show(_migrated(lambda database: managing.create(database, pepper, new)))


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
    pepper, overlap = own_pepper(Settings.from_env()), timedelta(hours=overlap_hours)
    return _show(_migrated(lambda database: managing.rotate(database, pepper, key_id, overlap)))


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


def _show(made: MadeKey) -> int:
    sys.stderr.write(f"{_line(made)}\nThe key, which is not shown again:\n")
    sys.stdout.write(f"{made.key}\n")
    return 0


def _line(key: RegisteredKey) -> str:
    until = "for ever" if key.expires_at is None else f"until {key.expires_at:{TIME}}"
    is_over = key.expires_at is not None and key.expires_at <= clock.now()
    state = "revoked" if key.revoked_at else "over" if is_over else until
    used = "never used" if key.last_used_at is None else f"used {key.last_used_at:{TIME}}"
    named = f"{key.project}/{key.name}" if key.name else key.project
    scopes = ",".join(key.scopes)
    return f"{key.key_id}  {key.hint}…  {printable(named)}  {state}, {used}  {scopes}"
