"""A real PostgreSQL for the tests: started once, migrated once, cloned for each test."""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from llmring_core.database import Database
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import migrate
from llmring_core.settings import Settings

VARIABLE = "LLMRING_TESTS_POSTGRES"
TEMPLATE = "migrated"
ROOM_BYTES = 2 * 1024**3


class TestPostgres:
    """The server, owned by the process that started pytest; its workers learn its URL."""

    __test__ = False

    def __init__(self) -> None:
        # Not pytest's own folder: as root that one is closed to the account PostgreSQL runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="llmring-tests-", dir=_in_memory()))
        fast = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        self._local = LocalPostgres.open(self._folder, options=fast)
        os.environ[VARIABLE] = self._local.url
        asyncio.run(_make_template())

    def close(self) -> None:
        self._local.close()
        shutil.rmtree(self._folder)


def _in_memory() -> str | None:
    """A file system in memory with room for us: making and dropping databases is quicker there."""
    folder = Path("/dev/shm")
    has_room = folder.is_dir() and shutil.disk_usage(folder).free > ROOM_BYTES
    return str(folder) if has_room and os.access(folder, os.W_OK) else None


def url_of(database: str) -> str:
    return os.environ[VARIABLE].replace("/llmring?", f"/{database}?")


@asynccontextmanager
async def new_database(template: str | None = TEMPLATE) -> AsyncIterator[str]:
    """A database of its own, by URL: a clone of the migrated one, or an empty one for None."""
    name = f"test_{uuid.uuid4().hex}"
    source = f"template {template} strategy file_copy" if template else ""
    await administer(f"create database {name} {source}")
    try:
        yield url_of(name)
    finally:
        await administer(f"drop database {name} with (force)")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def administer(sql: str) -> None:
    async with connected(os.environ[VARIABLE]) as connection:
        await connection.execute(sql)


async def _make_template() -> None:
    await administer(f"create database {TEMPLATE}")
    database = Database(Settings(_env_file=None, database_url=url_of(TEMPLATE)))
    await migrate(database)
    await database.close()
