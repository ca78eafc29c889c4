"""Which database the settings mean, and what is known of it before its programs are called."""

from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.queries import load
from llmring_core.settings import Settings
from llmring_server.operating.postgres_tools import Address

SQL = load("llmring_server.operating", "checks.sql")


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
