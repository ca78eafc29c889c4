"""A conversation that is read again is the one that is there, whoever changed it meanwhile."""

import json
from uuid import UUID

import pytest

from llmring_core import clock as utc
from llmring_core.callers import Caller
from llmring_core.queries import Statement
from llmring_core.settings import Settings
from llmring_server.conversations import adding, latest, store
from llmring_server.conversations.latest import Latest
from llmring_server.conversations.models import ConversationChanges, NewMessage
from llmring_server.conversations.retention import forget_old_messages

ALICE = Caller("alice")
EDIT = Statement("""update {schema}.messages set content = '"edited"'""")
COST = Statement("update {schema}.conversations set total_cost = 0.25")


class Clock:
    """A timer that is put forward by hand."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(database, clock):
    return Latest(database, clock)


async def begun(database):
    new = ConversationChanges(title="T")
    return (await store.add(database, ALICE, new, utc.now())).id


async def said(database, conversation, *texts, **members):
    new = [NewMessage(role="user", content=text, **members) for text in texts]
    await adding.add_all(database, ALICE, conversation, new, None, Settings())


async def read(kept, conversation, limit=100):
    return json.loads(await kept.find(ALICE, conversation, limit))


def contents(conversation):
    return [each["content"] for each in conversation["messages"]]


async def test_what_was_added_since_is_there(database, kept):
    conversation = await begun(database)
    assert contents(await read(kept, conversation)) == []
    await said(database, conversation, "a")
    assert contents(await read(kept, conversation)) == ["a"]
    await said(database, conversation, "b")
    assert contents(await read(kept, conversation)) == ["a", "b"]


async def test_what_was_changed_since_is_there(database, kept):
    conversation = await begun(database)
    await read(kept, conversation)
    await store.change(database, ALICE, conversation, ConversationChanges(title="new"))
    assert (await read(kept, conversation))["title"] == "new"


async def test_a_cost_that_was_added_since_is_there(database, kept):
    conversation = await begun(database)
    await read(kept, conversation)
    await database.execute(COST)
    assert (await read(kept, conversation))["total_cost"] == 0.25


async def test_what_retention_deleted_since_is_not_there(database, kept):
    conversation = await begun(database)
    await said(database, conversation, "old", timestamp="2020-01-01T00:00:00Z")
    await said(database, conversation, "new")
    assert contents(await read(kept, conversation)) == ["old", "new"]
    await forget_old_messages(database, days=30)
    assert contents(await read(kept, conversation)) == ["new"]


async def test_a_conversation_that_was_deleted_since_is_not_found(database, kept):
    conversation = await begun(database)
    await read(kept, conversation)
    await store.delete(database, ALICE, conversation)
    with pytest.raises(latest.NotFound):
        await kept.find(ALICE, conversation, 100)


async def test_nobody_else_reads_what_is_kept(database, kept):
    conversation = await begun(database)
    await read(kept, conversation)
    with pytest.raises(latest.NotFound):
        await kept.find(Caller("bob"), conversation, 100)


async def test_another_number_of_messages_is_another_answer(database, kept):
    conversation = await begun(database)
    await said(database, conversation, "a", "b", "c")
    assert contents(await read(kept, conversation, 2)) == ["b", "c"]
    assert contents(await read(kept, conversation, 1)) == ["c"]
    assert (await read(kept, conversation, None))["messages"] is None


async def test_what_has_not_changed_is_not_made_again(database, kept):
    conversation = await begun(database)
    await said(database, conversation, "a")
    await read(kept, conversation)
    await database.execute(EDIT)  # past the server, so nobody is told
    assert contents(await read(kept, conversation)) == ["a"]


async def test_what_was_done_by_hand_shows_after_ten_seconds(database, kept, clock):
    conversation = await begun(database)
    await said(database, conversation, "a")
    await read(kept, conversation)
    await database.execute(EDIT)
    clock.seconds = 10.0
    assert contents(await read(kept, conversation)) == ["edited"]


async def test_a_large_conversation_is_not_kept(database, kept):
    conversation = await begun(database)
    await said(database, conversation, "a" * latest.LARGEST)
    await read(kept, conversation)
    await database.execute(EDIT)
    assert contents(await read(kept, conversation)) == ["edited"]


async def test_an_unknown_conversation_is_not_found(kept):
    with pytest.raises(latest.NotFound):
        await kept.find(ALICE, UUID(int=7), 100)
