"""What a backup says of itself: whose schema it holds, and how far that was migrated."""

import re
from pathlib import Path

from llmring_core.errors import StartRefused
from llmring_core.migrate import shipped
from llmring_server.operating.checksums import check
from llmring_server.operating.postgres_tools import Tools

_SCHEMA = re.compile(r"^\d+; \d+ \d+ SCHEMA - (\w+) ", re.MULTILINE)
_LEDGER_ROW = re.compile(r"^(\d+)\t(\w+)\t([0-9a-f]{64})\t", re.MULTILINE)


def migrations_in(tools: Tools, file: Path, schema: str) -> int:
    """How many migrations there are in a backup that this version can go on with.

    Raises:
        StartRefused: it is no backup of such a schema, or of another version of the server.
    """
    try:
        check(file)
    except OSError as error:
        raise StartRefused(f"Cannot read {file}: {error.strerror or error}.") from error
    contents = tools.run("pg_restore", "--list", str(file))
    schemas = _SCHEMA.findall(contents)
    if schema not in schemas:
        has = ", ".join(schemas) or "none"
        raise StartRefused(
            f"{file} has no schema {schema}, but {has}: see LLMRING_DATABASE_SCHEMA."
        )
    where = (f"--schema={schema}", "--table=schema_migrations")
    rows = tools.run("pg_restore", "--data-only", *where, "--file=-", str(file))
    ledger = {
        int(version): (name, checksum) for version, name, checksum in _LEDGER_ROW.findall(rows)
    }
    if not ledger:
        raise StartRefused(f"{file} is no backup of llmring-server: it lists no migrations.")
    _compare(file, ledger)
    return len(ledger)


def _compare(file: Path, ledger: dict[int, tuple[str, str]]) -> None:
    known = {each.version: each for each in shipped()}
    for version, (name, checksum) in ledger.items():
        if version not in known:
            raise StartRefused(
                f"{file} is of a newer llmring-server, with migration {name}: restore it with that."
            )
        if known[version].checksum != checksum:
            raise StartRefused(f"{file} has another migration {name} than this llmring-server.")
