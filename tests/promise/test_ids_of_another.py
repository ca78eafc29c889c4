"""Ids of another project in bodies and queries: beside one's own they count for nothing.

A statement that is given ids of both projects must look at each, not only at whether some are its
caller's; so Bob always sends ids of his own with those of Alice.
"""

import pytest

from support.certified import logs_of
from support.conversations import begun
from support.logged_calls import conversation_of, logged, the_same_call
from support.mcp import MCP
from support.one_of_each import one_of_each
from support.projects import RECEIPTS, a_call

NOWHERE = "https://mcp.example.org/mcp"


def in_conversation(conversation, **members):
    return a_call(metadata={"conversation_id": conversation["id"]}, cost=1, **members)


async def uncertified(project):
    return [each["log_id"] for each in await project.reads(f"{RECEIPTS}/uncertified")]


@pytest.mark.parametrize("atomic", ["true", "false"])
async def test_a_batch_that_names_conversations_of_both_counts_in_ones_own(alice, bob, atomic):
    hers, his = await begun(alice), await begun(bob)
    before = await alice.reads(f"/conversations/{hers['id']}")
    calls = [in_conversation(each) for each in (hers, his, hers)]
    assert (await bob.logs_batch(calls, atomic=atomic)).json()["stored"] == 3
    assert await alice.reads(f"/conversations/{hers['id']}") == before
    assert (await bob.reads(f"/conversations/{his['id']}"))["total_cost"] == 1


async def test_a_batch_that_reports_calls_of_both_again_completes_ones_own(alice, bob):
    hers, his = await logged(alice), await logged(bob)
    log, conversation = await alice.reads_logs(), await conversation_of(alice, hers)
    again = [the_same_call(each["conversation_id"], cost=9) for each in (hers, his)]
    answers = (await bob.logs_batch(again)).json()["results"]
    assert hers["log_id"] != answers[0]["log_id"]
    assert his["log_id"] == answers[1]["log_id"]
    assert (await alice.reads_logs(), await conversation_of(alice, hers)) == (log, conversation)


async def test_what_another_reports_again_still_awaits_its_own_report(alice, bob):
    hers, his = await logged(alice), await logged(bob)
    again = [the_same_call(each["conversation_id"], cost=9) for each in (hers, his)]
    await bob.logs_batch(again)
    assert (await alice.logs(the_same_call(hers["conversation_id"])))["log_id"] == hers["log_id"]


@pytest.mark.parametrize("what", ["generate", "preview"])
async def test_ids_of_logs_of_both_are_refused_and_nothing_is_certified(alice, bob, what):
    hers, his = (await alice.logs())["log_id"], (await bob.logs())["log_id"]
    response = await bob.ask("POST", f"{RECEIPTS}/{what}", json={"log_ids": [his, hers]})
    assert response.status_code == 404
    assert response.json()["errors"] == [{"log_id": hers}]
    assert (await uncertified(alice), await uncertified(bob)) == ([hers], [his])
    assert await bob.reads_receipts() == []


async def test_of_a_conversation_of_another_one_certifies_ones_own_calls(alice, bob):
    hers = await begun(alice)
    log = (await alice.logs(in_conversation(hers)))["log_id"]
    own = (await bob.logs(in_conversation(hers)))["log_id"]
    receipt = await bob.generates(conversation_id=hers["id"])
    assert [each["log_id"] for each in await logs_of(bob, receipt)] == [own]
    assert await uncertified(alice) == [log]


async def test_what_another_logs_in_ones_conversation_is_not_certified_with_it(alice, bob):
    hers = await begun(alice)
    log = (await alice.logs(in_conversation(hers)))["log_id"]
    await bob.logs(in_conversation(hers))
    receipt = await alice.generates(conversation_id=hers["id"])
    assert [each["log_id"] for each in await logs_of(alice, receipt)] == [log]


async def test_a_receipt_of_ones_own_proves_no_log_of_another(alice, bob):
    hers = (await alice.logs())["log_id"]
    await alice.generates(log_ids=[hers])
    await bob.logs()
    receipt = await bob.generates(since_last_receipt=True)
    response = await bob.ask("GET", f"{RECEIPTS}/{receipt['id']}/logs/{hers}/proof")
    assert response.status_code == 404


@pytest.mark.parametrize("what", ["tools", "resources", "prompts"])
async def test_the_id_of_a_server_of_another_lists_nothing(alice, bob, what):
    hers = await one_of_each(alice, NOWHERE, "hers")
    await one_of_each(bob, NOWHERE, "his")
    assert await bob.reads(f"{MCP}/{what}", server_id=hers["server_id"]) == []


@pytest.mark.parametrize("path", ["/api/v1/logs", RECEIPTS, "/conversations", f"{MCP}/tools"])
async def test_the_cursor_of_another_leads_to_ones_own_rows(alice, bob, path):
    own = await one_of_each(bob, NOWHERE, "his")
    for number in range(2):
        await one_of_each(alice, NOWHERE, f"hers {number}")
    cursor = (await alice.ask("GET", path, params={"limit": 1})).headers["X-Next-Cursor"]
    (row,) = await bob.reads(path, cursor=cursor)
    assert {row.get("log_id"), row.get("id")} & set(own.values())
