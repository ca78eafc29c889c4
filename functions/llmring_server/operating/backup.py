"""`llmring-server backup`: the database in one file, while servers go on."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmring_core.database import Database
from llmring_core.errors import StartRefused
from llmring_core.key_ring import PRIVATE_KEY
from llmring_core.migrate import applied
from llmring_core.secrets_key import FILE as SECRETS_FILE
from llmring_core.settings import Settings
from llmring_server.db_commands import database_url, run_on
from llmring_server.embedded import data_folder, leave, uses_embedded
from llmring_server.operating.checksums import add_checksum
from llmring_server.operating.postgres_tools import tools_for
from llmring_server.operating.target import (
    address_of,
    major_version,
)
from llmring_server.own_pepper import PEPPER_FILE

# Whoever changes a table has it for moments; a longer wait would itself keep others waiting.
LOCK_WAIT = "10s"


def backup(file: Path, *, force: bool) -> int:
    """Write the database to a file, as it is at one moment.

    Raises:
        StartRefused: the file is there, is none, cannot be written, or there is nothing to back up.
        Unavailable: the database does not answer.
    """
    settings = Settings.from_env()
    folder, schema = data_folder(settings), settings.database_schema
    if uses_embedded(settings) and not (folder / "postgres").exists():
        raise StartRefused(f"There is no database in {folder}.")
    signal.signal(signal.SIGTERM, leave)
    with _new_file(file, force=force) as half_made, database_url(settings) as url:
        address = address_of(settings, url)
        major = asyncio.run(run_on(settings, url, _look_at))
        tools_for(major).run(
            "pg_dump",
            *("--format=custom", "--no-password", f"--lock-wait-timeout={LOCK_WAIT}"),
            *(f'--schema="{schema}"', f'--schema="{schema}_mcp"'),
            *("--file", str(half_made), "--dbname", address.url),
            environment=address.environment,
        )
        add_checksum(half_made)
    sys.stdout.write(f"{file} has the database, in {file.stat().st_size} bytes.\n")
    sys.stdout.write(f"Not in it, to be kept apart from it: {_kept_apart(settings, folder)}.\n")
    return 0


async def _look_at(database: Database) -> int:
    if not await applied(database):
        raise StartRefused(f"The database has no schema {database.schema} to back up.")
    return await major_version(database)


@contextmanager
def _new_file(file: Path, *, force: bool) -> Iterator[Path]:
    """A file beside another whose place it takes at the end; for its owner only."""
    _refuse_existing(file, force=force)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        os.close(descriptor)
        half_made = Path(name)
        try:
            yield half_made
            _refuse_existing(file, force=force)
            half_made.replace(file)
        finally:
            half_made.unlink(missing_ok=True)
    except OSError as error:
        raise StartRefused(f"Cannot write {file}: {error.strerror or error}.") from error


def _refuse_existing(file: Path, *, force: bool) -> None:
    if file.is_symlink() or (file.exists() and not file.is_file()):
        # It would be replaced, not written to: a device of the machine, or somebody's link.
        raise StartRefused(f"{file} is no plain file: choose another name.")
    if file.exists() and not force:
        raise StartRefused(f"{file} is there already: choose another name, or add --force.")


def _kept_apart(settings: Settings, folder: Path) -> str:
    files = [folder / name for name in (SECRETS_FILE, PEPPER_FILE)]
    here = [str(file) for file in files if uses_embedded(settings) and file.exists()]
    return ", ".join([*here, f"the settings, such as {PRIVATE_KEY}"])
