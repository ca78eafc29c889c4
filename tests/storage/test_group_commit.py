"""Group commit: what is acknowledged is stored, once; requests at once share a statement."""

import asyncio

import asyncpg
import pytest

from llmring_core import usage_log
from llmring_core.calls import UsageEntry
from llmring_core.costs import cost_of
from llmring_core.errors import Unavailable, Unprocessable
from llmring_server.usage import writing
from llmring_server.usage.writing import GroupWriter
from support.projects import a_call

TOO_LONG = "k" * 300  # no project has such an id: the database refuses the row


@pytest.fixture
async def postgres(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def writer(database):
    return GroupWriter(database, lambda: None)


@pytest.fixture
async def locked(database_url):
    """The table locked, so that a write that has begun waits until it is let go."""
    connection = await asyncpg.connect(database_url)
    lock = connection.transaction()
    await lock.start()
    await connection.execute("lock table llmring.usage_logs in share mode")
    yield lock
    await connection.close()


def calls(count=1):
    entries = [UsageEntry.model_validate(a_call(cost=1)) for _ in range(count)]
    return usage_log.numbered([(entry, cost_of(entry, None)) for entry in entries])


async def stored(postgres):
    return await postgres.fetchval("select count(*) from llmring.usage_logs")


async def waits_for_lock(postgres):
    """Return once a statement waits for the lock."""
    asks = "select exists (select from pg_locks where not granted)"
    while not await postgres.fetchval(asks):
        await asyncio.sleep(0.005)


def adding(writer, key, count=1):
    return asyncio.create_task(writer.add(key, calls(count), 100))


async def test_calls_at_once_share_a_transaction(writer, postgres, locked):
    tasks = [adding(writer, "alice") for _ in range(100)]
    await waits_for_lock(postgres)
    await locked.rollback()
    await asyncio.gather(*tasks)
    count = "select count(*), count(distinct xmin::text) from llmring.usage_logs"
    assert tuple(await postgres.fetchrow(count)) == (100, 2)


async def test_a_call_alone_is_written_by_its_own_request(writer, postgres):
    await writer.add("alice", calls(), 100)
    assert writer._task is None
    assert await stored(postgres) == 1


async def test_a_call_that_does_not_fit_fails_alone(writer, postgres, locked):
    tasks = [adding(writer, key) for key in ("alice", "alice", TOO_LONG, "bob")]
    await waits_for_lock(postgres)
    await locked.rollback()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in results] == [type(None), type(None), Unprocessable, type(None)]
    assert await stored(postgres) == 3


async def test_the_calls_of_a_request_are_stored_all_or_none(writer, postgres, locked):
    first, bad = adding(writer, "alice"), adding(writer, TOO_LONG, 10)
    await waits_for_lock(postgres)
    await locked.rollback()
    await asyncio.gather(first, bad, return_exceptions=True)
    assert await stored(postgres) == 1


async def test_a_full_queue_is_told_to_try_again(writer, postgres, locked, monkeypatch):
    monkeypatch.setattr(writing, "WAITING_CALLS", 5)
    first, waiting = adding(writer, "alice"), adding(writer, "alice", 5)
    await waits_for_lock(postgres)
    with pytest.raises(Unavailable) as refused:
        await writer.add("alice", calls(), 100)
    assert refused.value.headers == {"Retry-After": "1"}
    await locked.rollback()
    await asyncio.gather(first, waiting)
    assert await stored(postgres) == 6


async def test_what_waits_is_bounded_in_bytes_too(writer, postgres, locked, monkeypatch):
    monkeypatch.setattr(writing, "WAITING_BYTES", 150)
    first, waiting = adding(writer, "alice"), adding(writer, "alice")
    await waits_for_lock(postgres)
    with pytest.raises(Unavailable):
        await writer.add("alice", calls(), 100)
    await locked.rollback()
    await asyncio.gather(first, waiting)


@pytest.mark.parametrize(("count", "size"), [(1, 10**6), (51, 1000)], ids=["bytes", "calls"])
async def test_a_large_request_is_not_waited_for(writer, postgres, locked, count, size):
    large = asyncio.create_task(writer.add("alice", calls(count), size))
    await waits_for_lock(postgres)
    assert not writer._is_writing
    await locked.rollback()
    await large
    assert await stored(postgres) == count


async def test_a_waiting_request_that_is_given_up_stores_nothing(writer, postgres, locked):
    first, given_up, other = (adding(writer, "alice") for _ in range(3))
    await waits_for_lock(postgres)
    given_up.cancel()
    await locked.rollback()
    await asyncio.gather(first, other)
    assert await stored(postgres) == 2


async def test_others_are_stored_when_the_one_that_writes_is_given_up(writer, postgres, locked):
    first, other = adding(writer, "alice"), adding(writer, "bob")
    await waits_for_lock(postgres)
    first.cancel()
    await asyncio.wait([first])
    await locked.rollback()
    await other
    assert await postgres.fetchval("select api_key_id from llmring.usage_logs") == "bob"


async def test_a_lost_connection_is_told_to_all_who_wait(writer, postgres, locked):
    tasks = [adding(writer, "alice") for _ in range(5)]
    await waits_for_lock(postgres)
    await postgres.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'"
    )
    (failed,) = await asyncio.gather(tasks[0], return_exceptions=True)
    await locked.rollback()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(failed, Unavailable)
    assert await stored(postgres) == results.count(None)


async def test_it_writes_again_after_a_fault(writer, postgres, locked):
    task = adding(writer, "alice")
    await waits_for_lock(postgres)
    await postgres.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'"
    )
    await asyncio.gather(task, return_exceptions=True)
    await locked.rollback()
    await writer.add("alice", calls(), 100)
    assert await stored(postgres) == 1


async def test_a_database_that_hangs_is_not_waited_for(writer, postgres, locked, monkeypatch):
    monkeypatch.setattr(writing, "WRITE_SECONDS", 0.05)
    results = await asyncio.gather(
        *(writer.add("alice", calls(), 100) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in results] == [Unavailable] * 3
    await locked.rollback()
    assert await stored(postgres) == 0


async def test_a_table_that_cannot_even_be_looked_at_is_not_waited_for(
    writer, postgres, monkeypatch
):
    monkeypatch.setattr(writing, "WRITE_SECONDS", 0.05)
    async with postgres.transaction():
        await postgres.execute("lock table llmring.usage_logs in access exclusive mode")
        with pytest.raises(Unavailable):
            await asyncio.wait_for(writer.add("alice", calls(60), 100), timeout=5)


async def test_what_is_acknowledged_under_load_is_stored_once(writer, postgres):
    async def client():
        for _ in range(20):
            await writer.add("alice", calls(3), 300)

    await asyncio.gather(*(client() for _ in range(20)))
    assert await stored(postgres) == 1200
