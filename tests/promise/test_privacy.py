"""What of a message is kept: at most what the server allows, and what was asked for."""

import json

import pytest
from pydantic import SecretStr

from llmring_core.base64_text import to_base64url
from llmring_core.queries import Statement
from support.projects import Project

SECRET = "the secret plan"
KEY = {"secrets_key": SecretStr(to_base64url(bytes(range(32))))}
MESSAGE = {
    "role": "user",
    "content": SECRET,
    "tool_calls": [{"arguments": SECRET}],
    "tool_results": [SECRET],
    "metadata": {"tool_calls": SECRET},
    "input_tokens": 3,
}


async def begun(project, **members):
    return (await project.ask("POST", "/conversations", json=members)).json()


async def stored(project, conversation, level=None, message=MESSAGE):
    path = f"/conversations/{conversation['id']}/messages"
    body = {"messages": [message], "logging_level": level}
    answer = await project.ask("POST", f"{path}/batch", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["logging_level"], await project.reads(path)


@pytest.mark.parametrize(
    ("cap", "asked", "kept"),
    [
        ("full", None, "full"),
        ("full", "full", "full"),
        ("full", "metadata", "metadata"),
        ("full", "none", "none"),
        ("metadata", None, "metadata"),
        ("metadata", "full", "metadata"),
        ("metadata", "none", "none"),
        ("none", None, "none"),
        ("none", "full", "none"),
    ],
)
async def test_the_lower_of_what_is_asked_and_allowed_is_kept(serve, cap, asked, kept):
    alice = Project(await serve(message_logging_level=cap), "alice")
    level, messages = await stored(alice, await begun(alice), asked)
    assert level == kept
    assert [each["logging_level"] for each in messages] == ([] if kept == "none" else [kept])


async def test_at_metadata_nothing_of_what_was_said_reaches_the_database(serve, database):
    alice = Project(await serve(message_logging_level="metadata", **KEY), "alice")
    conversation = await begun(alice, system_prompt=SECRET)
    _, (message,) = await stored(alice, conversation)
    await alice.ask("PATCH", f"/conversations/{conversation['id']}", json={"system_prompt": SECRET})
    assert (message["content"], message["content_length"]) == (None, len(SECRET))
    assert (message["role"], message["input_tokens"]) == ("user", 3)
    for table in ("messages", "conversations"):
        rows = await database.fetch(Statement(f"select t::text as row from {{schema}}.{table} t"))
        assert "secret" not in "".join(row["row"] for row in rows)
    assert await alice.reads("/conversations", q="secret") == []


async def test_equal_contents_of_a_project_have_equal_hashes_and_no_others(serve):
    http = await serve(message_logging_level="metadata", **KEY)
    alice, bob = Project(http, "alice"), Project(http, "bob")
    mine, theirs = await begun(alice), await begun(bob)
    await stored(alice, mine)
    await stored(alice, mine, message={"role": "user", "content": [SECRET]})
    _, (first, parts, second) = await stored(alice, mine)
    _, (other,) = await stored(bob, theirs)
    assert first["content_hash"] == second["content_hash"]
    assert len({first["content_hash"], parts["content_hash"], other["content_hash"]}) == 3
    assert len(first["content_hash"]) == 64


async def test_the_hash_is_of_the_key_of_the_server(serve):
    hashes = []
    for key in (bytes(32), bytes(range(32))):
        changes = {"secrets_key": SecretStr(to_base64url(key))}
        alice = Project(await serve(message_logging_level="metadata", **changes), "alice")
        _, messages = await stored(alice, await begun(alice))
        hashes.append(messages[0]["content_hash"])
    assert hashes[0] != hashes[1]


async def test_without_a_key_there_is_no_hash_to_be_guessed(serve):
    alice = Project(await serve(message_logging_level="metadata"), "alice")
    _, (message,) = await stored(alice, await begun(alice))
    assert (message["content_hash"], message["content_length"]) == (None, len(SECRET))


async def test_at_none_a_message_is_told_but_not_kept(serve):
    alice = Project(await serve(message_logging_level="none"), "alice")
    conversation = await begun(alice)
    path = f"/conversations/{conversation['id']}/messages"
    told = (await alice.ask("POST", path, json=MESSAGE)).json()
    assert (told["id"], told["logging_level"], told["content"]) == (None, "none", None)
    assert await alice.reads(path) == []
    counted = await alice.reads(f"/conversations/{conversation['id']}")
    assert counted["message_count"] == 0


async def test_an_export_says_what_was_not_kept(serve):
    alice = Project(await serve(message_logging_level="metadata"), "alice")
    conversation = await begun(alice)
    await stored(alice, conversation)
    path = f"/conversations/{conversation['id']}/export"
    markdown = await alice.ask("GET", path, params={"format": "markdown"})
    assert f"*{len(SECRET)} characters, not kept*" in markdown.text
    exported = await alice.ask("GET", path)
    assert "secret" not in json.dumps(exported.json())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("POST", "/log"),
        ("GET", "/01a20b58-e53b-74d4-bfbd-eb894b64570c"),
        ("DELETE", "/old-messages"),
    ],
)
async def test_where_no_conversations_are_kept_every_path_says_so(serve, method, path):
    alice = Project(await serve(enable_conversation_tracking=False), "alice")
    for root in ("/conversations", "/api/v1/conversations"):
        answer = await alice.ask(method, root + path, json={})
        assert answer.status_code == 403
        assert "LLMRING_ENABLE_CONVERSATION_TRACKING" in answer.json()["detail"]
