"""Deleting a conversation while messages come in leaves none behind."""

import asyncio

import pytest

from llmring_core import clock
from llmring_core.callers import Caller
from llmring_core.errors import NotFound
from llmring_core.queries import Statement
from llmring_server.conversations import messages, store
from llmring_server.conversations.models import ConversationChanges, NewMessage
from llmring_server.conversations.privacy import Kept

CALLER = Caller("p")
MESSAGE = NewMessage(role="user", content="x")
SOMEBODY_WAITS = Statement(
    "select exists (select from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock')"
)
COUNT = Statement("select count(*) from {schema}.messages")


@pytest.fixture
async def conversation(database):
    return await store.add(database, CALLER, ConversationChanges(), clock.now())


async def add(runner, conversation):
    await messages.add(runner, CALLER, conversation.id, [MESSAGE], [Kept(content="x")], "full")


async def started(database, coroutine):
    """A task, once it waits for a lock."""
    task = asyncio.create_task(coroutine)
    while not await database.fetch_value(SOMEBODY_WAITS):
        await asyncio.sleep(0)
    return task


async def test_messages_of_a_batch_that_was_first_go_too(database, conversation):
    async with database.transaction() as tx:
        await add(tx, conversation)
        deletion = await started(database, store.delete(database, CALLER, conversation.id))
    await deletion
    assert await database.fetch_value(COUNT) == 0


async def test_a_batch_that_comes_second_finds_no_conversation(database, conversation):
    async with database.transaction() as tx:
        await tx.fetch_value(store.SQL["hold"], CALLER.api_key_id, conversation.id)
        addition = await started(database, add(database, conversation))
        await tx.execute(store.SQL["delete"], CALLER.api_key_id, conversation.id)
    with pytest.raises(NotFound):
        await addition
    assert await database.fetch_value(COUNT) == 0
