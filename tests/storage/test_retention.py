"""Retention: few messages at a time, of every project, by any number of processes at once."""

import asyncio

import pytest

from llmring_core.callers import Caller
from llmring_core.database import Database
from llmring_core.errors import InProgress
from llmring_core.queries import Statement
from llmring_server.conversations.retention import forget_old_messages
from llmring_server.conversations.store import SQL

FILL = Statement("""
insert into {schema}.conversations (
    api_key_id, conversation_id, created_at, updated_at, message_count, search
) select 'p' || n, gen_random_uuid(), now(), now(), 1000, '' from generate_series(1, 3) n
""")
FILL_MESSAGES = Statement("""
insert into {schema}.messages (
    api_key_id, conversation_id, position, message_id, role, timestamp, logging_level
)
select api_key_id, conversation_id, n, gen_random_uuid(), 'user', now() - n * interval '1 hour',
    'full'
from {schema}.conversations, generate_series(1, 1000) n
""")
COUNTS = Statement("""
select message_count, (
    select count(*) from {schema}.messages
    where messages.conversation_id = conversations.conversation_id
) as there_are from {schema}.conversations
""")


@pytest.fixture
async def filled(database):
    await database.execute(FILL)
    await database.execute(FILL_MESSAGES)


async def test_what_is_older_than_the_days_goes_and_counters_follow(database, filled):
    deleted = await forget_old_messages(database, days=10)
    rows = await database.fetch(COUNTS)
    assert deleted == 3 * (1000 - 239)
    assert {(row["message_count"], row["there_are"]) for row in rows} == {(239, 239)}


async def test_zero_days_keep_everything(database, filled):
    assert await forget_old_messages(database, days=0) == 0


async def test_a_second_run_finds_nothing(database, filled):
    await forget_old_messages(database, days=10)
    assert await forget_old_messages(database, days=10) == 0


async def test_many_at_once_delete_each_message_once(settings, database, filled):
    databases = [Database(settings) for _ in range(5)]
    counts = await asyncio.gather(*(forget_old_messages(each, days=1) for each in databases))
    await asyncio.gather(*(each.close() for each in databases))
    rows = await database.fetch(COUNTS)
    assert sum(counts) == 3 * (1000 - 23)
    assert {(row["message_count"], row["there_are"]) for row in rows} == {(23, 23)}


async def test_a_project_that_asks_twice_at_once_is_told_so(database, filled):
    async with database.transaction() as tx:
        await tx.fetch_value(SQL["one_at_a_time"], "p1")
        with pytest.raises(InProgress):
            await forget_old_messages(database, days=1, caller=Caller("p1"))
        assert await forget_old_messages(database, days=1, caller=Caller("p2")) == 1000 - 23


async def test_what_another_process_looks_after_is_left_to_it(database, filled):
    async with database.transaction() as tx:
        await tx.fetch_value(SQL["one_at_a_time"], None)
        assert await forget_old_messages(database, days=1) == 0


async def test_messages_of_a_project_and_of_all_may_be_deleted_at_once(settings, database, filled):
    other = Database(settings)
    counts = await asyncio.gather(
        forget_old_messages(database, days=1),
        *(forget_old_messages(other, days=1, caller=Caller(f"p{n}")) for n in (1, 2, 3)),
    )
    await other.close()
    rows = await database.fetch(COUNTS)
    assert sum(counts) == 3 * (1000 - 23)
    assert {(row["message_count"], row["there_are"]) for row in rows} == {(23, 23)}
