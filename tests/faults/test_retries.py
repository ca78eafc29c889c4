"""What PostgreSQL ends for the sake of another transaction is done again; what may be done is not.

The collisions are real: a second session locks what a write needs.
"""

import asyncio
import random
import re
from contextlib import asynccontextmanager

import asyncpg
import pytest

from support.ledger import url_of
from support.load import KINDS

CLIENTS = 12
# The table that a write with a key changes first; the last one is that of the keys.
FIRST = {
    "log": "llmring.usage_logs",
    "batch": "llmring.usage_logs",
    "issue": "llmring.receipts",
    "generate": "llmring.receipts",
    "conversation": "llmring.conversations",
    "message": "llmring.conversations",
    "messages": "llmring.conversations",
    "call": "llmring.conversations",
    "tool": "llmring_mcp.tool_executions",
}
KEYS = "llmring.idempotency_keys"


@pytest.fixture
def household(household):
    household.start()
    household.load.one_of_each()  # so that there is something to certify, and whatever is kept is
    return household


@asynccontextmanager
async def second_session(household):
    """Somebody else at the database, whom PostgreSQL does not end for the sake of others."""
    connection = await asyncpg.connect(url_of(household.folder))
    await connection.execute("set deadlock_timeout = '60s'")
    try:
        yield connection
    finally:
        await connection.close()


async def waits_for_lock(household):
    """Return once a statement waits for a lock."""
    connection = await asyncpg.connect(url_of(household.folder))
    while not await connection.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0.01)
    await connection.close()


def deadlocks(household):
    return logged(household, "deadlock detected")


def failures(household):
    return logged(household, "could not serialize access")


def logged(household, words):
    """How often PostgreSQL said something."""
    return len(re.findall(f"ERROR: *{words}", (household.folder / "postgres.log").read_text()))


async def in_deadlock(household, write, first, last):
    """Send a write that changes a table and then another, which a second session does as well."""
    async with second_session(household) as other, other.transaction():
        await other.execute(f"lock table {last} in exclusive mode")
        answer = asyncio.create_task(household.sent(write))
        await waits_for_lock(household)
        await other.execute(f"lock table {first} in exclusive mode")
    return await answer


async def test_a_write_that_was_ended_for_a_deadlock_is_done_again(household, noted, figures):
    load = household.load
    before = deadlocks(household)
    for kind, first in FIRST.items():
        write = load.new(kind, random.Random(kind), has_key=True)
        assert await in_deadlock(household, write, first, KEYS) == 200, write
    findings = await asyncio.to_thread(household.compare)
    seen = deadlocks(household) - before
    figures("deadlock", rounds=len(FIRST), **findings.counts(), seen=f"{seen} deadlocks")
    assert seen == len(FIRST)
    assert len(noted) == len(set(noted))


@pytest.mark.parametrize("kind", ["log", "batch"])
async def test_a_group_commit_that_was_ended_for_a_deadlock_is_done_again(household, kind):
    write = household.load.new(kind, random.Random(1), has_key=False)
    last = "llmring.usage_changes"
    assert await in_deadlock(household, write, FIRST[kind], last) == 200
    assert deadlocks(household) == 1
    await asyncio.to_thread(household.compare)


async def test_what_cannot_be_serialized_is_done_again(household, noted, figures):
    """Where a database asks for serializable transactions, as an operator may."""
    async with second_session(household) as other:
        await other.execute(
            "alter database llmring set default_transaction_isolation = 'serializable'"
        )
    household.kill_postgres()  # its connections learn of it by being new
    before = failures(household)
    load = household.load
    load.kinds = dict.fromkeys(set(KINDS) - {"generate"}, 1)
    writes = [load.new(kind, load.random) for kind in [*load.kinds] * CLIENTS]
    load.random.shuffle(writes)
    statuses = await asyncio.gather(*(household.sent(write) for write in writes))
    findings = await asyncio.to_thread(household.compare)
    seen = failures(household) - before
    figures(
        "serialization failure",
        rounds=len(writes),
        **findings.counts(),
        seen=f"{seen} failures; {load.told()}",
    )
    assert seen > 0
    assert set(statuses) == {200}, household.trace(statuses)
    assert len(noted) == len(set(noted))
