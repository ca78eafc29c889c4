"""The database and its schema, as `doctor` finds them."""

import time
from typing import cast

from llmring_core.connection import Row
from llmring_core.errors import Unavailable
from llmring_core.migrate import applied, check, shipped
from llmring_server.embedded import uses_embedded
from llmring_server.operating.findings import Finding, Patient, failed, ok, reason, warning
from llmring_server.operating.target import SQL

# The oldest that every migration and every statement was run on.
OLDEST_MAJOR = 15
SLOW_SECONDS = 0.1


async def database(patient: Patient) -> Finding:
    """Whether it answers, is new enough, may be written to and has connections left."""
    try:
        await patient.asked.fetch_value(SQL["time"])  # opens a connection
    except (Unavailable, ValueError) as error:
        return failed(reason(error), "see LLMRING_DATABASE_URL, and whether PostgreSQL runs there")
    begin = time.perf_counter()
    await patient.asked.fetch_value(SQL["time"])
    seconds = time.perf_counter() - begin
    row = cast("Row", await patient.asked.fetch_row(SQL["server"]))
    names = await patient.asked.fetch(SQL["unwritable"], patient.asked.schema)
    what = f"PostgreSQL {row['version']}{_where(patient)}, answers in {seconds * 1000:.1f} ms"
    if row["major"] < OLDEST_MAJOR:
        return failed(what, f"llmring-server needs PostgreSQL {OLDEST_MAJOR} or newer")
    if row["is_read_only"]:
        return failed(
            f"{what}, read-only", "point LLMRING_DATABASE_URL at the primary, not at a standby"
        )
    if names:
        tables = ", ".join(each["name"] for each in names)
        return failed(
            f"{what}, may not write {tables}", "let the user of LLMRING_DATABASE_URL own the tables"
        )
    if seconds > SLOW_SECONDS:
        return warning(what, "run servers near their database")
    return _connections(patient, row, f"{what}, writable")


def _connections(patient: Patient, row: Row, what: str) -> Finding:
    size = patient.settings.database_pool_size
    used = f"{row['busy']} of {row['connections']} connections in use"
    if row["connections"] - row["busy"] >= size:
        return ok(f"{what}, {used}")
    return warning(
        f"{what}, {used}, and a process may open {size} more",
        "raise max_connections of PostgreSQL, or lower LLMRING_DATABASE_POOL_SIZE",
    )


def _where(patient: Patient) -> str:
    if not uses_embedded(patient.settings):
        return ""
    how = "started for this look, as no server runs" if patient.was_started else "shared"
    return f" (embedded, {how})"


async def schema(patient: Patient) -> Finding:
    """Whether its migrations are those of this version."""
    name = patient.asked.schema
    done = await applied(patient.asked)
    check(shipped(), done)  # raises what says what to do
    pending = [each.name for each in shipped() if each.version not in done]
    apply = "run llmring-server db migrate, or start a server, which does so"
    if not done:
        return warning(f"there is no schema {name} yet", apply)
    if pending:
        return warning(f"{name} lacks {', '.join(pending)}", apply)
    return ok(f"{name}, all {len(done)} migrations applied")
