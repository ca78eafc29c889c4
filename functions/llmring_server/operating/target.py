"""Which database the settings mean, and what is known of it before its programs are called."""

from pathlib import Path
from types import FrameType
from typing import NoReturn

from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.local_postgres import default_data_dir
from llmring_core.queries import load
from llmring_core.settings import Settings
from llmring_server.operating.postgres_tools import Address

SQL = load("llmring_server.operating", "checks.sql")


def uses_embedded(settings: Settings) -> bool:
    """Whether the database is the embedded one."""
    return settings.database_url is None and settings.database_secret is None


def data_folder(settings: Settings) -> Path:
    """The folder of the embedded database and of the keys that are made beside it."""
    return settings.data_dir or default_data_dir()


def address_of(settings: Settings, embedded_url: str | None) -> Address:
    """Where the programs of PostgreSQL find the database.

    Raises:
        StartRefused: AWS keeps its login; there, it is the service that makes backups.
    """
    if embedded_url is not None:
        return Address.of(embedded_url)
    if settings.database_url is None or settings.database_secret is not None:
        raise StartRefused(
            "LLMRING_DATABASE_SECRET is set: make snapshots with the service that runs the "
            "database, or give a whole URL as LLMRING_DATABASE_URL instead."
        )
    return Address.of(settings.database_url.get_secret_value())


async def major_version(database: Database) -> int:
    """The major version of the server; raises `Unavailable`."""
    return int(await database.fetch_value(SQL["major_version"]))


def leave(number: int, _: FrameType | None) -> NoReturn:
    """End by a signal the way `exit` does, so that nothing half-made or running is left."""
    raise SystemExit(128 + number)
