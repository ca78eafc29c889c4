"""Every SQL statement compiles against the real schema."""

import re
from importlib import import_module

import pytest

from support.statements import every_statement

STATEMENTS = dict(every_statement())


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
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
