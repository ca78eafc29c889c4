"""The project is the key by which a distributed PostgreSQL could spread the rows (docs/aws.md)."""

import re
from pathlib import Path

import pytest

from llmring_core.queries import Statement

ROOT = Path(__file__).parents[2]
# Tables of the whole server: small, and the same for everybody.
SHARED = {"schema_migrations", "signing_keys", "registry_copies", "usage_kept", "api_keys"}
# Statements of upkeep, which look after all projects at once; no request waits for them.
UPKEEP = {
    *("awaiting_prices", "set_prices", "forget_old", "forget_awaited", "sweep", "projects"),
    *("pending_changes", "keys", "sealed", "rows_of_project"),
    *("move_in", "forget_old_messages", "old_messages_exist", "projects_with_old_messages"),
}
UNIQUE = Statement(
    """select c.relname as table, i.relname as index, array_agg(a.attname::text) as columns
    from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = i.oid
    where x.indisunique and n.nspname in ('llmring', 'llmring_mcp')
    group by 1, 2"""
)


async def test_every_unique_index_carries_the_project(database):
    rows = await database.fetch(UNIQUE)
    without = {row["index"] for row in rows if "api_key_id" not in row["columns"]}
    tables = {row["table"] for row in rows if row["index"] in without}
    assert (tables, len(rows) > 10) == (SHARED & tables, True)


def statements():
    # Those of the operator are about all projects.
    files = [
        file for file in sorted((ROOT / "functions").rglob("*.sql")) if file.parent.name != "admin"
    ]
    for file in files + [
        ROOT / "shared/llmring_core" / name for name in ("usage_log.sql", "idempotency.sql")
    ]:
        for part in re.split(r"^-- name: ", file.read_text(), flags=re.MULTILINE)[1:]:
            name, _, sql = part.partition("\n")
            yield pytest.param(name, sql, id=f"{file.parent.name}-{name}")


@pytest.mark.parametrize(("name", "sql"), list(statements()))
def test_every_statement_of_a_request_names_the_project(name, sql):
    is_of_a_table = re.search(r"\{(mcp_)?schema\}\.(?!migrations)", sql)
    if name in UPKEEP or not is_of_a_table:
        return
    assert "api_key_id" in sql
