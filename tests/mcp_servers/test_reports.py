"""What the published client found on a server and ran there: kept, versioned, never run again."""

import hashlib
import json

import pytest

from llmring_core.queries import Statement
from llmring_server.mcp import catalogue
from support.mcp import MCP, refreshed, registered, runs, tool_of

URL = "https://mcp.example.org/mcp"


def a_tool(name="add", **members):
    return {"name": name, "description": "Add.", "inputSchema": {"type": "object"}, **members}


async def found(alice, server, *tools):
    return await refreshed(alice, server, {"tools": list(tools)})


async def test_what_a_client_found_is_listed(alice):
    server = await registered(alice, URL)
    answer = await refreshed(
        alice,
        server,
        {
            "tools": [a_tool(annotations={"readOnlyHint": True}), a_tool("sub", description=None)],
            "resources": [{"uri": "memo://one", "name": "one", "mimeType": "text/plain"}],
            "prompts": [{"name": "greet", "description": "d", "arguments": {"name": "x"}}],
        },
    )
    assert answer["added"] == {
        "tools": ["add", "sub"],
        "resources": ["memo://one"],
        "resource_templates": [],
        "prompts": ["greet"],
    }
    add, (resource,), (prompt,) = (
        await tool_of(alice, "add"),
        await alice.reads(f"{MCP}/resources"),
        await alice.reads(f"{MCP}/prompts"),
    )
    assert (add["input_schema"], add["annotations"]) == ({"type": "object"}, {"readOnlyHint": True})
    assert add["server"] == {"id": server["id"], "name": "demo", "is_active": True}
    assert (resource["uri"], resource["mime_type"]) == ("memo://one", "text/plain")
    assert (prompt["arguments"], prompt["server_id"]) == ({"name": "x"}, server["id"])


async def test_both_spellings_of_the_client_mean_the_same(alice):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    snake = {"name": "add", "description": "Add.", "input_schema": {"type": "object"}}
    answer = await found(alice, server, snake)
    assert (answer["unchanged"], answer["changed"]["tools"]) == (1, [])


async def test_ids_and_history_survive_a_refresh(alice):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    tool = await tool_of(alice, "add")
    await runs(alice, tool, {"input": {"a": 1}, "output": 3})
    answer = await found(alice, server, a_tool(description="Other."), a_tool("new"))
    after = await tool_of(alice, "add")
    assert (answer["added"]["tools"], answer["changed"]["tools"]) == (["new"], ["add"])
    assert (after["id"], after["version"], after["description"]) == (tool["id"], 2, "Other.")
    assert len(await alice.reads(f"{MCP}/tools/{tool['id']}/history")) == 1


async def test_what_vanished_is_inactive_until_it_comes_back(alice):
    server = await registered(alice, URL)
    await found(alice, server, a_tool(), a_tool("sub"))
    tool = await tool_of(alice, "sub")
    answer = await found(alice, server, a_tool())
    gone = await alice.reads(f"{MCP}/tools", is_active=False)
    back = await found(alice, server, a_tool(), a_tool("sub"))
    active = await alice.reads(f"{MCP}/tools", is_active="true")
    assert (answer["removed"]["tools"], [each["id"] for each in gone]) == (["sub"], [tool["id"]])
    assert (back["unchanged"], len(active)) == (2, 2)


async def test_kinds_that_a_report_does_not_name_stay(alice):
    server = await registered(alice, URL)
    await refreshed(alice, server, {"tools": [a_tool()], "prompts": [{"name": "greet"}]})
    answer = await refreshed(alice, server, {"tools": [], "prompts": None})
    assert answer["removed"]["tools"] == ["add"]
    assert [each["is_active"] for each in await alice.reads(f"{MCP}/prompts")] == [True]


async def test_changes_are_shown_newest_first_with_a_diff(alice):
    server = await registered(alice, URL)
    for text in ("One.", "Two.", "Three."):
        await found(alice, server, a_tool(description=text))
    newest, oldest = await alice.reads(f"{MCP}/servers/{server['id']}/changes")
    assert (newest["version"], oldest["version"], newest["name"]) == (3, 2, "add")
    assert '-  "description": "Two.",\n+  "description": "Three.",' in newest["diff"]
    assert newest["previous_digest"] == oldest["digest"]
    assert newest["is_approved"] is False


async def test_changes_are_read_page_by_page(alice):
    server = await registered(alice, URL)
    for number in range(6):
        await found(alice, server, a_tool(description=str(number)))
    seen, path = [], f"{MCP}/servers/{server['id']}/changes?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["version"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == [6, 5, 4, 3, 2]


async def test_a_page_of_changes_is_as_large_as_all_that_it_compares(alice, monkeypatch):
    monkeypatch.setattr(catalogue, "PAGE_BYTES", 1000)
    server = await registered(alice, URL)
    for text in ("One.", "x" * 1000, "Three."):
        await found(alice, server, a_tool(description=text))
    (newest,) = await alice.reads(f"{MCP}/servers/{server['id']}/changes")
    assert newest["version"] == 3


async def test_a_changed_tool_is_approved_as_it_was_seen(alice):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    await found(alice, server, a_tool(description="Evil."))
    seen = await tool_of(alice, "add")
    await found(alice, server, a_tool(description="More evil."))
    path = f"{MCP}/tools/{seen['id']}/approve"
    stale = await alice.ask("POST", path, json={"digest": seen["digest"]})
    misspelt = await alice.ask("POST", path, json={"digset": seen["digest"]})
    approved = await alice.ask("POST", path)
    assert (seen["is_approved"], stale.status_code, misspelt.status_code) == (False, 409, 422)
    assert approved.json()["is_approved"] is True


async def test_a_definition_that_changes_back_is_the_approved_one(alice):
    server = await registered(alice, URL)
    for text in ("One.", "Two.", "One."):
        await found(alice, server, a_tool(description=text))
    tool = await tool_of(alice, "add")
    assert (tool["version"], tool["is_approved"]) == (3, True)


@pytest.mark.parametrize("q", ["add", "ADD", "numb", "Zahlen"])
async def test_tools_are_found_by_name_and_description(alice, q):
    server = await registered(alice, URL)
    await found(
        alice, server, a_tool(description="Numbers; Zahlen."), a_tool("x_y", description="")
    )
    assert [each["name"] for each in await alice.reads(f"{MCP}/tools", q=q)] == ["add"]


@pytest.mark.parametrize("q", ["%", "_", "\\"])
async def test_a_sign_of_a_pattern_is_only_itself(alice, q):
    server = await registered(alice, URL)
    await found(alice, server, a_tool(), a_tool("x_y%\\"))
    assert [each["name"] for each in await alice.reads(f"{MCP}/tools", q=q)] == ["x_y%\\"]


@pytest.mark.parametrize(
    ("report", "status", "is_error"),
    [
        ({"output": {"a": [1]}, "error": None, "duration_ms": 12}, "succeeded", False),
        ({"output": None, "error": "broke", "duration_ms": None}, "failed", True),
        ({"output": None, "error": {"code": 1}, "duration_ms": 3.4}, "failed", True),
        ({"duration_ms": None}, "succeeded", False),
        ({"output": None}, "succeeded", False),
        ({"error": None}, "succeeded", False),
    ],
)
async def test_what_a_client_ran_is_recorded_and_nothing_is_run(alice, report, status, is_error):
    server = await registered(alice, "http://127.0.0.1:9/")
    await found(alice, server, a_tool())
    tool = await tool_of(alice, "add")
    body = {"tool_id": tool["id"], "input": {"a": 1}, "conversation_id": "c", **report}
    told = (await runs(alice, tool, body)).json()
    assert (told["status"], told["is_error"], told["executed_by"]) == (status, is_error, "client")
    assert (told["input"], told["output"]) == ({"a": 1}, report.get("output"))
    assert await alice.reads(f"{MCP}/tools/{tool['id']}/history") == [told]


async def test_history_is_read_newest_first_page_by_page(alice):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    tool = await tool_of(alice, "add")
    for number in range(5):
        await runs(alice, tool, {"input": {}, "output": number})
    seen, path = [], f"{MCP}/tools/{tool['id']}/history?limit=2"
    while path:
        response = await alice.ask("GET", path)
        seen += [each["output"] for each in response.json()]
        path = response.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert seen == [4, 3, 2, 1, 0]


async def test_of_an_output_that_is_too_large_the_size_and_hash_are_kept(alice):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    output = "x" * 2**20
    told = (await runs(alice, await tool_of(alice, "add"), {"input": {}, "output": output})).json()
    text = json.dumps(output).encode()
    assert (told["output"], told["output_bytes"]) == (None, len(text))
    assert told["output_excerpt"] == text.decode()[: 2**20]
    assert told["output_hash"] == hashlib.sha256(text).hexdigest()


async def test_long_names_are_kept(alice):
    server = await registered(alice, URL)
    uris = ["memo://" + "é" * 2000 + str(number) for number in range(2)]
    await refreshed(alice, server, {"resources": [{"uri": uri} for uri in uris]})
    answer = await refreshed(alice, server, {"resources": [{"uri": uris[0], "name": "new"}]})
    assert answer["changed"]["resources"] == uris[:1]
    assert answer["removed"]["resources"] == uris[1:]


@pytest.mark.parametrize(
    "body",
    [
        {"tools": {}},
        {"tools": [{"description": "x"}]},
        {"tools": [{"name": ""}]},
        {"tools": [{"name": "x" * 2049}]},
        {"resources": [{"name": "x"}]},
        {"prompts": ["x"]},
        {"tools": [a_tool(str(number)) for number in range(5001)]},
        {"tools": [a_tool(annotations={"a": [{}] * 260_000})]},
    ],
)
async def test_a_report_that_makes_no_sense_is_refused_and_changes_nothing(alice, body):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    path = f"{MCP}/servers/{server['id']}/refresh"
    assert (await alice.ask("POST", path, json=body)).status_code == 422
    assert (await tool_of(alice, "add"))["is_active"]


async def test_what_a_server_that_is_gone_left_running_is_unknown(alice, database):
    server = await registered(alice, URL)
    await found(alice, server, a_tool())
    tool = await tool_of(alice, "add")
    await runs(alice, tool, {"input": {}, "output": 1})
    await database.execute(
        Statement(
            "update {mcp_schema}.tool_executions set status = 'running', "
            "executed_at = executed_at - interval '1 hour'"
        )
    )
    (execution,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert execution["status"] == "unknown"
