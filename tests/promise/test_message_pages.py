"""Messages are read page by page; a page far on costs no more than the first."""

import json
from uuid import UUID

import pytest

from llmring_core.callers import Caller
from llmring_core.pages import FIRST, Page, Place
from llmring_core.queries import Statement
from llmring_server.conversations import messages
from support.conversations import added, begun, messages_of, said


@pytest.fixture(params=["/conversations", "/api/v1/conversations"])
def root(request):
    """Both places where every path answers."""
    return request.param


async def test_messages_are_read_page_by_page(alice, root):
    conversation = await begun(alice, root)
    await added(alice, conversation, said(*"abcde"))
    seen, path = [], f"{root}/{conversation['id']}/messages?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["content"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == list("abcde")
    later = await messages_of(alice, conversation, root, offset=3, limit=10)
    assert [each["content"] for each in later] == ["d", "e"]


class Explaining:
    """Runs statements on a database, and notes how many blocks each one reads."""

    def __init__(self, database):
        self._database = database
        self.blocks = 0

    async def fetch(self, statement, *arguments):
        explain = Statement(f"explain (analyze, buffers, format json) {statement}")
        (plan,) = json.loads(await self._database.fetch_value(explain, *arguments))
        self.blocks += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        return await self._database.fetch(statement, *arguments)

    async def fetch_row(self, statement, *arguments):
        return next(iter(await self.fetch(statement, *arguments)), None)


async def test_a_page_of_messages_reads_no_more_however_far_on_it_is(alice, database):
    conversation = await begun(alice)
    for _ in range(10):
        await added(alice, conversation, said(*["x"] * 1000))
    await database.execute(Statement("analyze {schema}.messages"))
    owner = Caller(
        await database.fetch_value(Statement("select api_key_id from {schema}.messages"))
    )
    blocks = {}
    for start in (0, 5000, 9900):
        by_cursor = Page(50, 0, Place(FIRST.moment, UUID(int=start)), None)
        by_offset = Page(50, start, None, None)
        for way, page in {"cursor": by_cursor, "offset": by_offset}.items():
            explaining = Explaining(database)
            found = await messages.page(explaining, owner, UUID(conversation["id"]), page)
            assert found.rows[0][0].id.int == start + 1
            blocks[way, start] = explaining.blocks
    assert max(blocks.values()) <= min(blocks.values()) + 5
    assert max(blocks.values()) < 40


async def test_an_offset_passes_over_what_is_there(alice):
    conversation = await begun(alice)
    old = "2026-01-01T00:00:00Z"
    await added(alice, conversation, [*said("a"), *said("b", "c", timestamp=old), *said("d", "e")])
    await alice.ask("DELETE", "/conversations/old-messages", params={"retention_days": 1})
    for offset, expected in enumerate(["ade", "de", "e", ""]):
        left = await messages_of(alice, conversation, offset=offset)
        assert "".join(each["content"] for each in left) == expected


async def test_an_offset_counts_from_the_cursor(alice):
    conversation = await begun(alice)
    await added(alice, conversation, said(*"abcdef"))
    first = await alice.ask("GET", f"/conversations/{conversation['id']}/messages?limit=2")
    cursor = first.headers["X-Next-Cursor"]
    later = await messages_of(alice, conversation, cursor=cursor, offset=1, limit=2)
    assert [each["content"] for each in later] == ["d", "e"]


LARGE = "x" * 1_000_000


async def test_a_page_of_large_messages_ends_early_and_leads_on(alice, root):
    conversation = await begun(alice, root)
    for _ in range(3):
        await added(alice, conversation, said(*[LARGE] * 6))
    seen, path = [], f"{root}/{conversation['id']}/messages?limit=100"
    while path:
        response = await alice.ask("GET", path)
        assert len(response.content) < 6_000_000
        seen.append(len(response.json()))
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert (len(seen), sum(seen)) == (4, 18)


async def test_of_large_messages_a_conversation_shows_the_latest(alice):
    conversation = await begun(alice)
    for part in "abc":
        await added(alice, conversation, said(*[part + LARGE] * 6))
    shown = (await alice.reads(f"/conversations/{conversation['id']}"))["messages"]
    assert 4 <= len(shown) < 6
    assert [each["content"][0] for each in shown] == sorted(each["content"][0] for each in shown)
    assert shown[-1]["content"][0] == "c"


async def test_a_page_of_large_conversations_ends_early_and_leads_on(alice):
    for _ in range(18):
        await begun(alice, system_prompt=LARGE)
    first = await alice.ask("GET", "/conversations")
    second = await alice.ask("GET", first.headers["Link"].partition(">")[0].lstrip("<"))
    found = await alice.ask("GET", "/conversations", params={"limit": 2})
    ids = {each["id"] for each in (*first.json(), *second.json())}
    assert (4 <= len(first.json()) < 6, len(found.json())) == (True, 2)
    assert len(ids) == len(first.json()) + len(second.json())


async def test_an_export_holds_all_however_large(alice, kind):
    conversation = await begun(alice)
    for _ in range(3):
        await added(alice, conversation, said(*[LARGE] * 6))
    answer = await alice.ask("GET", f"/conversations/{conversation['id']}/export")
    if kind == "functions":
        assert answer.status_code == 422  # a function of Lambda can give 6 MB
        return
    document = answer.json()
    assert [each["content"] for each in document["messages"]] == [LARGE] * 18
