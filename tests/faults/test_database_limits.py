"""A database that refuses: because it can only be read, or because it has no connection left."""

import asyncio
import time

import asyncpg
import pytest

from support.ledger import url_of
from support.processes import HEADERS, until

READS = ("/health", "/api/v1/stats", "/api/v1/logs", "/api/v1/receipts", "/conversations")
REFUSED_WITHIN = 8.0  # five seconds of waiting for a connection, and what a busy machine adds
BACK_WITHIN = 3.0
POOL = 3


@pytest.fixture
def household(household):
    household.start(LLMRING_DATABASE_POOL_SIZE=str(POOL))
    assert set(household.load.one_of_each().values()) == {200}
    return household


def read(household):
    """What each read is answered, and in how many seconds all of them."""
    began = time.monotonic()
    answers = [household.server.http.get(path, headers=HEADERS) for path in READS]
    return {answer.status_code for answer in answers}, time.monotonic() - began


def test_of_a_database_that_can_only_be_read_reads_go_on(household, figures):
    load = household.load
    household.sql("alter database llmring set default_transaction_read_only = on")
    cut_connections(household)
    with load.running():
        until(lambda: load.statuses()[503] > 100)
        statuses, _ = read(household)
        refused = load.one_of_each()
        household.sql("alter database llmring set default_transaction_read_only = off")
        cut_connections(household)
        began = time.monotonic()
        until(lambda: set(load.one_of_each().values()) == {200})
        back = time.monotonic() - began
    load.settle()
    findings = household.assert_honest()
    seen = f"{load.told()}; reads answered {statuses}; back after {back:.1f} s"
    figures("read-only database", **findings.counts(), seen=seen)
    assert (statuses, set(refused.values())) == ({200}, {503})
    assert back < BACK_WITHIN


def test_a_read_only_database_is_named_as_such(household):
    household.sql("alter database llmring set default_transaction_read_only = on")
    cut_connections(household)
    write = household.load.new("log", household.load.random)
    until(lambda: write.send(household.load.http, household.url) == 503 and "read" in write.detail)


def cut_connections(household):
    """Have the server open its connections anew, as they know what the database was set to."""
    household.sql(
        "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
        " where backend_type = 'client backend' and pid <> pg_backend_pid()"
    )


async def test_a_pool_whose_connections_are_all_held_refuses_soon(household, figures):
    """A table that somebody else locks holds every connection of the server."""
    load = household.load
    other = await asyncpg.connect(url_of(household.folder))
    async with other.transaction():
        await other.execute("lock table llmring.conversations in exclusive mode")
        holding = [load.new("conversation", load.random, has_key=True) for _ in range(POOL)]
        held = [asyncio.create_task(household.sent(write)) for write in holding]
        await held_connections(other)
        refused = [load.new("issue", load.random) for _ in range(20)]
        statuses = set(await asyncio.gather(*(household.sent(write) for write in refused)))
    await other.close()
    began = time.monotonic()
    assert await asyncio.gather(*held) == [200] * POOL
    assert set(load.one_of_each().values()) == {200}
    back = time.monotonic() - began
    load.settle()
    slowest = max(seconds for write in refused for seconds in write.seconds)
    findings = await asyncio.to_thread(household.assert_honest)
    seen = f"{load.told()}; refused within {slowest:.1f} s, back after {back:.1f} s"
    figures("pool exhausted", **findings.counts(), seen=seen)
    assert statuses == {503}
    assert (slowest < REFUSED_WITHIN, back < BACK_WITHIN) == (True, True), (slowest, back)


async def held_connections(other):
    asks = "select count(*) from pg_locks where not granted"
    while await other.fetchval(asks) < POOL:
        await asyncio.sleep(0.01)


async def test_a_database_without_a_connection_left_refuses_soon(household, figures):
    """Others took all that it has; those of the server were cut."""
    load = household.load
    others = await everything(household)
    refused = [load.new(kind, load.random) for kind in ["log", "issue", "message"] * 5]
    statuses = set(await asyncio.gather(*(household.sent(write) for write in refused)))
    for each in others:
        await each.close()
    began = time.monotonic()
    await asyncio.to_thread(until, lambda: set(load.one_of_each().values()) == {200})
    back = time.monotonic() - began
    load.settle()
    slowest = max(seconds for write in refused for seconds in write.seconds)
    findings = await asyncio.to_thread(household.assert_honest)
    seen = f"{load.told()}; refused within {slowest:.1f} s, back after {back:.1f} s"
    figures(f"all {len(others)} connections taken", **findings.counts(), seen=seen)
    assert statuses == {503}
    assert any("no more connections" in write.detail for write in refused)
    assert (slowest < REFUSED_WITHIN, back < BACK_WITHIN) == (True, True), (slowest, back)


async def everything(household):
    """Take every connection there is, also those that the server had."""
    taken = []
    while True:
        try:
            taken.append(await asyncpg.connect(url_of(household.folder)))
        except asyncpg.TooManyConnectionsError:
            ours = [each.get_server_pid() for each in taken]
            if not await taken[0].fetchval(CUT, ours):
                return taken


CUT = """
    select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
    where backend_type = 'client backend' and pid <> all ($1::int[])
"""
