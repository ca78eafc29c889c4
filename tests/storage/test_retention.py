"""Retention: few messages at a time, of every project, by any number of processes at once."""

import asyncio

import pytest

from llmring_core.database import Database
from llmring_core.queries import Statement
from llmring_server.conversations.retention import forget_old_messages

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
