"""Every SQL statement compiles against the real schema."""

import re
from importlib import import_module

import pytest

from llmring_core.queries import load

FILES = {
    "llmring_server.conversations": "queries.sql",
    "llmring_server.mcp": "queries.sql",
    "llmring_server.receipts": "queries.sql",
    "llmring_server.templates": "queries.sql",
    "llmring_server.usage": "queries.sql",
    "llmring_server.usage.summing": "sums.sql",
    "key_ring": "key_ring.sql",
    "idempotency": "idempotency.sql",
    "migrate": "migrate.sql",
    "registry_copies": "registry_copies.sql",
    "usage_log": "usage_log.sql",
    "partitions": "partitions.sql",
}
# Not single statements: they change the schema, with names put in by the code.
SCRIPTS = {"create_month", "create_schema", "create_ledger"}


def every_statement():
    for package, file in FILES.items():
        owner = package.removesuffix(".summing") if "." in package else "llmring_core"
        for name, statement in load(owner, file).items():
            if name not in SCRIPTS:
                yield pytest.param(statement, id=f"{package}.{name}")


@pytest.mark.parametrize("statement", list(every_statement()))
async def test_every_statement_compiles(database, statement):
    async with database.transaction() as tx:
        await tx.prepare(statement)


@pytest.mark.parametrize(
    "module",
    [
        "llmring_server.conversations.store",
        "llmring_server.mcp.store",
        "llmring_server.receipts.store",
        "llmring_server.templates.store",
        "llmring_server.usage.store",
        "llmring_server.usage.summing",
        "llmring_core.idempotency",
        "llmring_core.usage_log",
    ],
)
def test_every_statement_on_a_projects_rows_names_the_project(module):
    # What looks after the rows of all projects at once, and a lock, which has no rows.
    across_projects = {
        "awaiting_prices",
        "set_prices",
        "forget_old",
        "forget_awaited",
        "claim",
        "one_at_a_time",
        "old_of_all",
        "forget",
        "sweep",
        "may_fold",
        "one_folds",
        "fold",
        "recount",
    }
    scoped = re.compile(r"(where|on) (\w+\.)?api_key_id = \$1\b|insert into \S+ \(\s*api_key_id\b")
    for name, statement in import_module(module).SQL.items():
        assert name in across_projects or scoped.search(statement), name
