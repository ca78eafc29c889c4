"""`llmring-server restore`: a backup becomes the database, all of it or nothing."""

import asyncio
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import SQL as MIGRATING
from llmring_core.migrate import shipped
from llmring_core.queries import load
from llmring_core.settings import Settings
from llmring_server.db_commands import run_on
from llmring_server.embedded import data_folder, leave, uses_embedded
from llmring_server.operating.archives import migrations_in
from llmring_server.operating.loading import load_archive
from llmring_server.operating.postgres_tools import newest_tools
from llmring_server.operating.target import (
    SQL,
    address_of,
    major_version,
)

LOADING = load("llmring_server.operating", "loading.sql")


def restore(file: Path, *, force: bool) -> int:
    """Fill an empty database from a backup; with `force` it takes the place of what is there.

    Raises:
        StartRefused: the file is no backup of ours, or of a newer version, or damaged; the database
            is not empty, or in use. Nothing was changed then.
        Unavailable: the database does not answer.
    """
    settings = Settings.from_env()
    tools = newest_tools()  # they alone read every backup
    count = migrations_in(tools, file, settings.database_schema)
    signal.signal(signal.SIGTERM, leave)
    with _target(settings) as url:
        address = address_of(settings, url)
        major = asyncio.run(run_on(settings, url, partial(_look_at, force=force)))
        begin, end = _around(Database(settings), force=force)
        load_archive(tools, file, address, begin, end, server_major=major)
    missing, all_of_them = len(shipped()) - count, len(shipped())
    later = f" The next start applies what it lacks: {missing} of {all_of_them} migrations."
    sys.stdout.write(f"The database is that of {file}.{later if missing else ''}\n")
    sys.stdout.write("Put back what was kept apart from it, then ask llmring-server doctor.\n")
    return 0


@contextmanager
def _target(settings: Settings) -> Iterator[str | None]:
    """The URL of the embedded database, for us alone; None if another is set."""
    if not uses_embedded(settings):
        yield None
        return
    folder = data_folder(settings)
    with LocalPostgres.open(folder) as local:
        if not local.started:
            raise StartRefused(f"A server uses the database in {folder}: stop it first.")
        yield local.url


async def _look_at(database: Database, *, force: bool) -> int:
    if not force and await database.fetch_value(SQL["has_schema"], database.schema):
        raise StartRefused(
            f"The database has a schema {database.schema} already: give an empty one, or add "
            "--force, which deletes what is there."
        )
    return await major_version(database)


def _around(database: Database, *, force: bool) -> tuple[str, str]:
    """What is run before a backup, and after it.

    A server that starts meanwhile waits at the lock before it migrates.
    """
    dropped = [LOADING["drop_schema"], LOADING["drop_mcp_schema"]] if force else []
    before = [
        "begin",
        "set local client_min_messages = warning",
        MIGRATING["lock"],
        *map(database.sql, dropped),
    ]
    after = [database.sql(LOADING["analyze"]), "commit"]
    return _script(before), _script(after)


def _script(statements: Sequence[str]) -> str:
    return "".join(f"{each};\n" for each in statements)
