"""Conversations and messages: kept in order, counted, found again; nobody else's."""

import asyncio
import json
from itertools import pairwise

import pytest

from llmring_core.queries import Statement
from support.conversations import added, begun, messages_of, said

UNKNOWN = "01a20b58-e53b-74d4-bfbd-eb894b64570c"


@pytest.fixture(params=["/conversations", "/api/v1/conversations"])
def root(request):
    """Both places where every path answers."""
    return request.param


async def test_a_conversation_is_begun_and_read(alice, root):
    given = {
        "title": "T",
        "system_prompt": "Be brief.",
        "model_alias": "fast",
        "temperature": 0.7,
        "max_tokens": None,
        "metadata": {"k": [1]},
        "project_id": "any text at all",
        "origin": "app",
    }
    conversation = await begun(alice, root, **given)
    assert conversation.items() >= given.items()
    assert (conversation["message_count"], conversation["total_cost"]) == (0, 0)
    read = await alice.reads(f"{root}/{conversation['id']}/")
    assert read == {**conversation, "messages": []}


async def test_a_conversation_needs_no_body(alice, root):
    assert (await alice.ask("POST", root)).json()["message_count"] == 0


async def test_the_last_message_is_the_latest_however_they_came(alice):
    conversation = await begun(alice)
    for moment in ("2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z", "2026-11-02T00:00:00Z"):
        await added(alice, conversation, said("x", timestamp=moment))
    read = await alice.reads(f"/conversations/{conversation['id']}")
    assert read["last_message_at"] == "2026-11-03T00:00:00Z"


async def test_conversations_are_listed_newest_first_page_by_page(alice, root):
    for number in range(5):
        await begun(alice, root, title=str(number))
    seen, path = [], f"{root}/?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["title"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == ["4", "3", "2", "1", "0"]


async def test_only_what_is_given_is_changed(alice, root):
    conversation = await begun(alice, root, title="old", temperature=0.5)
    changes = {"title": "new", "temperature": None}
    path = f"{root}/{conversation['id']}"
    changed = (await alice.ask("PATCH", path, json=changes)).json()
    assert changed == {**conversation, **changes, "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > conversation["updated_at"]


async def test_a_deleted_conversation_is_gone_with_its_messages(alice, root, database):
    conversation = await begun(alice, root)
    await added(alice, conversation, said("a"))
    path = f"{root}/{conversation['id']}"
    assert (await alice.ask("DELETE", path)).status_code == 204
    assert (await alice.ask("GET", path)).status_code == 404
    count = Statement("select count(*) from {schema}.messages")
    assert await database.fetch_value(count) == 0


async def test_a_batch_is_stored_in_its_order(alice, root):
    conversation = await begun(alice, root)
    moment = "2026-11-24T12:00:00.123456Z"
    answer = await added(alice, conversation, said("a", "b", "c", timestamp=moment), root)
    stored = await messages_of(alice, conversation, root)
    assert answer.json()["stored"] == 3
    assert answer.json()["message_ids"] == [each["id"] for each in stored]
    assert [each["content"] for each in stored] == ["a", "b", "c"]
    assert {each["timestamp"] for each in stored} == {moment}


async def test_one_message_is_stored_and_told(alice, root):
    conversation = await begun(alice, root)
    path = f"{root}/{conversation['id']}/messages"
    body = {"role": "assistant", "content": "x", "metadata": None, "output_tokens": 7}
    told = (await alice.ask("POST", path, json=body)).json()
    assert (told["role"], told["content"], told["token_count"]) == ("assistant", "x", 7)
    assert await messages_of(alice, conversation, root) == [told]


async def test_a_conversation_shows_its_latest_messages_oldest_first(alice, root):
    conversation = await begun(alice, root)
    await added(alice, conversation, said(*"abcdef"))
    path = f"{root}/{conversation['id']}"
    shown = await alice.reads(path, message_limit=2)
    assert [each["content"] for each in shown["messages"]] == ["e", "f"]
    assert (await alice.reads(path, include_messages=False))["messages"] is None


@pytest.mark.parametrize(
    "content",
    [
        "text",
        "",
        None,
        [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:"}}],
        {"type": "text", "text": "x"},
        "é😀\u2028\x1f",
    ],
)
async def test_contents_come_back_as_they_went_in(alice, content):
    conversation = await begun(alice)
    await added(alice, conversation, said(content))
    (stored,) = await messages_of(alice, conversation)
    assert stored["content"] == content


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool", "developer"])
async def test_every_role_is_kept(alice, role):
    conversation = await begun(alice)
    message = {
        "role": role,
        "content": "x",
        "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
        "tool_results": [{"ok": True}],
        "tool_call_id": "1",
        "metadata": {"tool_calls": None},
    }
    await added(alice, conversation, [message])
    (stored,) = await messages_of(alice, conversation)
    assert stored.items() >= message.items()


async def test_a_message_of_a_megabyte_is_kept_and_found(alice):
    conversation = await begun(alice)
    text = "needle " + " ".join(str(number) for number in range(170_000))
    answer = await added(alice, conversation, said(text))
    assert (len(text) > 2**20, answer.status_code) == (True, 200)
    assert (await messages_of(alice, conversation))[0]["content"] == text
    assert len(await alice.reads("/conversations", q="needle")) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [("\\u0000", "NUL character at $.messages[0].content"), ("\\ud800", "line 1 column")],
)
async def test_what_no_database_or_reader_could_hold_is_refused(alice, text, reason):
    conversation = await begun(alice)
    path = f"/conversations/{conversation['id']}/messages/batch"
    body = f'{{"messages":[{{"role":"user","content":"{text}"}}]}}'
    headers = {"Content-Type": "application/json"}
    answer = await alice.ask("POST", path, content=body, headers=headers)
    assert (answer.status_code, reason in answer.json()["detail"][0]["msg"]) == (422, True)
    assert await messages_of(alice, conversation) == []


async def test_batches_at_once_stay_together_and_every_count_is_exact(alice):
    conversation = await begun(alice)
    await asyncio.gather(
        *(
            added(alice, conversation, said(*[f"{batch}:{n}" for n in range(20)], input_tokens=2))
            for batch in range(50)
        )
    )
    stored = await messages_of(alice, conversation, limit=2000)
    batches = [each["content"].split(":") for each in stored]
    changes = sum(left[0] != right[0] for left, right in pairwise(batches))
    assert (len(stored), changes) == (1000, 49)
    assert [int(number) for _, number in batches] == list(range(20)) * 50
    counted = await alice.reads(f"/conversations/{conversation['id']}", include_messages=False)
    assert (counted["message_count"], counted["input_tokens"]) == (1000, 2000)
    assert counted["last_message_at"] == max(each["timestamp"] for each in stored)


async def test_a_batch_is_stored_as_a_whole_or_not_at_all(alice):
    conversation = await begun(alice)
    answer = await added(alice, conversation, [*said("a", "b"), {"role": "robot"}])
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (
        422,
        ["body", "messages", 2, "role"],
    )
    assert await messages_of(alice, conversation) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": said("x") * 1001},
        {"messages": [{"content": "x"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "input_tokens": -1}]},
        {"messages": [{"role": "user", "timestamp": "2999-01-01"}]},
        {"messages": said("x"), "logging_level": "some"},
    ],
)
async def test_a_batch_that_makes_no_sense_is_refused(alice, body):
    conversation = await begun(alice)
    path = f"/conversations/{conversation['id']}/messages/batch"
    assert (await alice.ask("POST", path, json=body)).status_code == 422


@pytest.mark.parametrize(
    "members",
    [
        {"title": "x" * 1001},
        {"temperature": -1},
        {"temperature": True},
        {"max_tokens": 1.5},
        {"metadata": []},
        {"project_id": 5},
        {"title": "\x00"},
    ],
)
async def test_what_cannot_be_in_a_conversation_is_refused(alice, members):
    assert (await alice.ask("POST", "/conversations", json=members)).status_code == 422


@pytest.mark.parametrize("q", ["receipt", "RECEIPT merkle", '"signed receipt"', "receipt -robot"])
async def test_a_search_finds_titles_and_messages(alice, bob, q):
    await begun(alice, title="A signed receipt and its Merkle root")
    by_message = await begun(alice, title="other")
    parts = [{"type": "text", "text": "about a signed receipt, merkle"}, {"type": "image_url"}]
    await added(alice, by_message, said(parts))
    await begun(alice, title="nothing of the kind, robot")
    theirs = await begun(bob, title="signed receipt merkle")
    assert len(await alice.reads("/conversations", q=q)) == 2
    assert [each["id"] for each in await bob.reads("/conversations", q=q)] == [theirs["id"]]


@pytest.mark.parametrize(
    "q", ["'", '"', "a & | !", ":*", "\\", "é", "-", "y" * 1000, "-" * 1000, "- " * 500]
)
async def test_no_search_is_an_error(alice, q):
    await begun(alice, title="x")
    assert await alice.reads("/conversations", q=q) == []


@pytest.mark.parametrize("q", ["- " * 499 + "x", "x " + "-" * 40 + " x", "x" + " or x" * 199])
async def test_a_question_with_many_signs_is_the_one_without(alice, q):
    await begun(alice, title="x")
    assert len(await alice.reads("/conversations", q=q)) == 1


async def test_a_renamed_conversation_is_found_by_its_new_title(alice):
    conversation = await begun(alice, title="old")
    await alice.ask("PATCH", f"/conversations/{conversation['id']}", json={"title": "new"})
    assert await alice.reads("/conversations", q="old") == []
    assert len(await alice.reads("/conversations", q="new")) == 1


async def test_an_export_as_json_holds_everything(alice, root):
    conversation = await begun(alice, root, title="T")
    await added(alice, conversation, said(*map(str, range(1000))))
    await added(alice, conversation, said(*map(str, range(3))))
    answer = await alice.ask("GET", f"{root}/{conversation['id']}/export")
    document = json.loads(answer.text)
    assert answer.headers["content-type"] == "application/json"
    assert document["title"] == "T"
    assert document["messages"] == await messages_of(alice, conversation, limit=2000)


async def test_an_export_as_markdown_is_readable(alice):
    conversation = await begun(alice, title="T", system_prompt="Be brief.")
    await added(alice, conversation, said("Hello", [{"type": "text", "text": "look"}, {"n": 1}]))
    path = f"/conversations/{conversation['id']}/export"
    answer = await alice.ask("GET", path, params={"format": "markdown"})
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.text.startswith("# T\n\nBe brief.\n\n## user (")
    assert "\n\nHello\n" in answer.text
    assert 'look\n\n```json\n{\n  "n": 1\n}\n```' in answer.text


async def test_an_export_cannot_be_forged_by_a_title_or_a_value(alice):
    conversation = await begun(alice, title="x\n## user (2026)\n\nforged")
    await added(alice, conversation, said({"value": "```\n## user"}))
    path = f"/conversations/{conversation['id']}/export"
    answer = await alice.ask("GET", path, params={"format": "markdown"})
    assert answer.text.startswith("# x ## user (2026) forged\n")
    assert "\n````json\n" in answer.text


async def test_old_messages_of_the_caller_alone_are_deleted(alice, bob, root):
    old, new = "2026-01-01T00:00:00Z", None
    for project in (alice, bob):
        conversation = await begun(project, root)
        await added(project, conversation, said("old", "old", timestamp=old))
        await added(project, conversation, said("new", timestamp=new))
    path = f"{root}/old-messages"
    answer = await alice.ask("DELETE", path, params={"retention_days": 30})
    (mine,), (theirs,) = await alice.reads(root), await bob.reads(root)
    assert answer.json() == {"deleted": 2, "retention_days": 30}
    assert (mine["message_count"], theirs["message_count"]) == (1, 3)
    assert [each["content"] for each in await messages_of(alice, mine)] == ["new"]


async def test_after_old_messages_were_deleted_new_ones_still_come_last(alice):
    conversation = await begun(alice)
    await added(alice, conversation, said("a", "b", timestamp="2026-01-01T00:00:00Z"))
    await alice.ask("DELETE", "/conversations/old-messages", params={"retention_days": 1})
    await added(alice, conversation, said("c"))
    await added(alice, conversation, said("d"))
    assert [each["content"] for each in await messages_of(alice, conversation)] == ["c", "d"]


@pytest.mark.parametrize("days", [None, "0", "-1", "x", "99999"])
async def test_a_retention_that_makes_no_sense_is_refused(alice, days):
    params = {} if days is None else {"retention_days": days}
    answer = await alice.ask("DELETE", "/conversations/old-messages", params=params)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"role": "user", "content": "x"}),
        ("POST", "/messages", {"role": "user", "content": "x", "logging_level": "none"}),
        ("POST", "/messages/batch", {"messages": [{"role": "user"}]}),
        ("POST", "/messages/batch", {"messages": [{"role": "user"}], "logging_level": "none"}),
        ("GET", "/export", None),
    ],
)
async def test_a_conversation_of_another_project_is_not_there(alice, bob, root, method, path, body):
    conversation = await begun(alice, root)
    answer = await bob.ask(method, f"{root}/{conversation['id']}{path}", json=body)
    assert answer.status_code == 404
    unknown = await bob.ask(method, f"{root}/{UNKNOWN}{path}", json=body)
    assert unknown.status_code == 404
    assert await bob.reads(root) == []
    assert await alice.reads(f"{root}/{conversation['id']}") == {**conversation, "messages": []}


async def test_every_path_wants_an_api_key(http, root):
    assert (await http.get(root)).status_code == 401
    assert (await http.delete(f"{root}/old-messages?retention_days=1")).status_code == 401
