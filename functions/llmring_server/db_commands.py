"""`llmring-server db`: migrations by hand."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from llmring_core.database import Database
from llmring_core.database_urls import shown_url
from llmring_core.local_postgres import LocalPostgres
from llmring_core.migrate import migrate, status
from llmring_core.settings import Settings
from llmring_server.embedded import data_folder, uses_embedded

Result = TypeVar("Result")


def db_migrate() -> int:
    """Apply the migrations that are missing."""
    names = with_database(migrate)
    for name in names:
        sys.stdout.write(f"applied {name}\n")
    sys.stdout.write("The database is up to date.\n")
    return 0


def db_status() -> int:
    """List the migrations; 1 unless all are applied as they were shipped."""
    states = with_database(status)
    for name, state in states:
        sys.stdout.write(f"{name}  {state}\n")
    return 0 if all(state.startswith("applied") for _, state in states) else 1


def with_database(work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Run something on the database of the settings, or the embedded one."""
    settings = Settings.from_env()
    with database_url(settings) as url:
        return asyncio.run(run_on(settings, url, work))


async def run_on(
    settings: Settings, url: str | None, work: Callable[[Database], Awaitable[Result]]
) -> Result:
    """Run something on a database: that of a URL, or of the settings if there is none."""
    database = Database(settings)
    if url is not None:
        database.go_to(url)
    try:
        return await work(database)
    finally:
        await database.close()


@contextmanager
def database_url(settings: Settings) -> Iterator[str | None]:
    """The URL of the embedded PostgreSQL for as long as it is needed; None if another is set."""
    if not uses_embedded(settings):
        yield None
        return
    with LocalPostgres.open(data_folder(settings)) as local:
        yield local.url


def shown_database(settings: Settings, *, with_folder: bool = False) -> str:
    """Which database it is; of a URL without its user, password and parameters."""
    if settings.database_url is not None:
        return shown_url(settings.database_url.get_secret_value())
    if settings.database_secret is not None:
        return "that of LLMRING_DATABASE_SECRET"
    folder = f" in {data_folder(settings)}" if with_folder else ""
    return f"embedded PostgreSQL{folder}"
