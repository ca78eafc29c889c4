"""Numbered migrations, each applied once, under a lock, checked against what was applied."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from llmring_core.connection import Connection, Row
from llmring_core.database import Database
from llmring_core.errors import DatabaseIsNewer, MigrationEdited
from llmring_core.partitions import make_ahead
from llmring_core.queries import Statement, load

SQL = load("llmring_core", "migrate.sql")
log = logging.getLogger("llmring.migrate")
_NAME = re.compile(r"(\d{4})_(pre|post)_\w+")
_FILE = re.compile(_NAME.pattern + r"\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One .sql file: `pre` is safe while the old code still runs, `post` needs the new code."""

    version: int
    name: str
    sql: Statement

    @property
    def checksum(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def shipped() -> tuple[Migration, ...]:
    """The migrations that came with this version, in order."""
    folder = resources.files("llmring_core").joinpath("migrations")
    files = sorted(file.name for file in folder.iterdir() if _FILE.fullmatch(file.name))
    return tuple(
        Migration(
            int(name[:4]),
            name.removesuffix(".sql"),
            Statement(folder.joinpath(name).read_text("utf-8")),
        )
        for name in files
    )


async def migrate(database: Database) -> list[str]:
    """Bring the schema up to date and make the partitions of the coming months.

    Any number of processes may call it at once: a transaction-scoped advisory lock lets one do
    the work (session-scoped locks do not survive a transaction-mode pooler).

    Returns:
        The names of the migrations that this call applied.

    Raises:
        MigrationEdited: an applied migration differs from the shipped one.
        DatabaseIsNewer: a newer version left behind what this one needs.
        Unavailable: the database does not answer.
    """
    names = []
    while (name := await _next(database, shipped())) is not None:
        names.append(name)
        log.info("applied migration %s", name)
    async with database.unprepared_transaction(is_long=True) as tx:
        await make_ahead(tx)
    return names


async def applied(database: Database) -> dict[int, Row]:
    """What was applied to a database, by its number; nothing is changed.

    Raises:
        Unavailable: the database does not answer.
    """
    async with database.unprepared_transaction() as tx:
        exists = await tx.fetch_value(SQL["ledger_exists"], database.schema)
        rows = await tx.fetch(SQL["applied"]) if exists else []
    return {row["version"]: row for row in rows}


async def status(database: Database) -> list[tuple[str, str]]:
    """Each migration with what is known of it: `applied <time>`, `pending` or `edited`."""
    rows = await applied(database)
    return [
        (migration.name, _state(migration, rows.get(migration.version))) for migration in shipped()
    ]


def _state(migration: Migration, row: Row | None) -> str:
    if row is None:
        return "pending"
    if row["checksum"] != migration.checksum:
        return "edited after it was applied"
    return f"applied {row['applied_at']:%Y-%m-%d %H:%M:%S} UTC"


async def _next(database: Database, migrations: Sequence[Migration]) -> str | None:
    """Apply the first migration that is missing, in a transaction of its own."""
    async with database.unprepared_transaction(is_long=True) as tx:
        await tx.execute(SQL["lock"])
        await _prepare_ledger(tx, database.schema)
        done = {row["version"]: row for row in await tx.fetch(SQL["applied"])}
        check(migrations, done)
        missing = next((each for each in migrations if each.version not in done), None)
        if missing is None:
            return None
        await tx.execute(missing.sql)
        await tx.execute(SQL["record"], missing.version, missing.name, missing.checksum)
        return missing.name


async def _prepare_ledger(tx: Connection, schema: str) -> None:
    # Asked first, because `create schema if not exists` needs the right to create one even
    # where it exists.
    if not await tx.fetch_value(SQL["schema_exists"], schema):
        await tx.execute(SQL["create_schema"])
    if not await tx.fetch_value(SQL["ledger_exists"], schema):
        await tx.execute(SQL["create_ledger"])


def _is_pre(name: str) -> bool:
    found = _NAME.match(name)
    return found is not None and found[2] == "pre"


def check(migrations: Sequence[Migration], applied: dict[int, Row]) -> None:
    """Compare what was applied with what is shipped.

    Raises:
        MigrationEdited: the two differ.
        DatabaseIsNewer: something was applied that this version does not know, and that is not
            one of the `pre` migrations, which older code lives with: during a deployment it
            starts anew, too.
    """
    known = {migration.version: migration for migration in migrations}
    for version, row in applied.items():
        if version not in known and _is_pre(row["name"]):
            log.info("the database has migration %s of a newer version", row["name"])
        elif version not in known:
            raise DatabaseIsNewer(
                f"The database has migration {row['name']}, which this version of llmring-server "
                "does not know: run the newer version."
            )
        elif row["checksum"] != known[version].checksum:
            raise MigrationEdited(
                f"Migration {row['name']} was edited after it was applied: restore the file and "
                "write a new migration instead."
            )
