"""Real MCP servers, of the official SDK: discovered, called, read, rendered."""

import asyncio
import base64

import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse

from llmring_core.queries import Statement
from support.mcp import (
    KEYS,
    LOOPBACK,
    MCP,
    Demo,
    Watching,
    demo_server,
    refreshed,
    registered,
    runs,
    serving,
    tool_of,
)
from support.projects import Project


def url_of(demo, transport):
    return demo.sse_url if transport == "sse" else demo.url


@pytest.mark.parametrize(
    ("transport", "at", "protocol"),
    [("http", "http", "2026-07-28"), ("sse", "sse", "2025-11-25"), ("http", "sse", "2025-11-25")],
)
async def test_a_server_is_asked_what_it_offers(alice, demo, transport, at, protocol):
    server = await registered(alice, url_of(demo, at), transport_type=transport)
    answer = await refreshed(alice, server)
    after = await alice.reads(f"{MCP}/servers/{server['id']}")
    assert answer["added"] == {
        "tools": ["add", "fail", "large", "odd", "wait"],
        "resources": ["memo://bytes", "memo://one"],
        "resource_templates": ["memo://{name}"],
        "prompts": ["greet"],
    }
    assert (after["protocol_version"], after["server_info"]["name"]) == (protocol, "demo")
    assert (after["refreshed_at"] is None, after["refresh_error"]) == (False, None)


class BeforeDiscover:
    """Makes a server one of the revisions with sessions: it does not know `server/discover`."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        headers = dict(scope.get("headers", []))
        if headers.get(b"mcp-method") == b"server/discover":
            await PlainTextResponse("unknown", 404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def test_a_server_of_a_revision_with_sessions_is_spoken_to(alice):
    demo = Demo()
    app = Watching(BeforeDiscover(demo_server(demo).streamable_http_app()), demo)
    with serving(app) as port:
        server = await registered(alice, f"http://127.0.0.1:{port}/mcp")
        await refreshed(alice, server)
        told = (await runs(alice, await tool_of(alice, "add"), {"input": {"a": 1, "b": 2}})).json()
        after = await alice.reads(f"{MCP}/servers/{server['id']}")
    assert (after["protocol_version"], told["status"]) == ("2025-11-25", "succeeded")
    assert any("mcp-session-id" in each for each in demo.headers)


async def test_a_second_refresh_changes_nothing(alice, added):
    tool = await tool_of(alice, "add")
    answer = await refreshed(alice, added)
    assert (answer["unchanged"], answer["changed"]["tools"], answer["removed"]["tools"]) == (
        9,
        [],
        [],
    )
    assert (await tool_of(alice, "add"))["id"] == tool["id"]


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_tool_is_run_and_recorded(alice, demo, transport):
    await refreshed(
        alice, await registered(alice, url_of(demo, transport), transport_type=transport)
    )
    tool = await tool_of(alice, "add")
    told = (await runs(alice, tool, {"input": {"a": 1, "b": 2}, "conversation_id": "c"})).json()
    assert (told["status"], told["is_error"], told["executed_by"]) == ("succeeded", False, "server")
    assert told["output"]["structuredContent"] == {"result": 3}
    assert (told["duration_ms"] >= 0, demo.calls) == (True, ["add"])
    assert await alice.reads(f"{MCP}/tools/{tool['id']}/history") == [told]


async def test_a_tool_that_says_error_is_answered_with_what_it_says(alice, added):
    answer = await runs(alice, await tool_of(alice, "fail"), {"input": {}})
    told = answer.json()
    assert (answer.status_code, told["status"], told["is_error"]) == (200, "failed", True)
    assert told["output"]["content"][0]["text"].startswith("Error executing tool fail")


@pytest.mark.parametrize(
    ("given", "place"),
    [({"a": 1}, ["body", "input"]), ({"a": 1, "b": "x"}, ["body", "input", "b"])],
)
async def test_an_input_that_the_tool_does_not_take_is_refused_by_place(
    alice, added, demo, given, place
):
    tool = await tool_of(alice, "add")
    answer = await runs(alice, tool, {"input": given})
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, place)
    assert demo.calls == await alice.reads(f"{MCP}/tools/{tool['id']}/history") == []


async def test_a_tool_that_does_not_answer_in_time_is_unknown_and_not_run_again(alice, added, demo):
    demo.release.clear()
    tool = await tool_of(alice, "wait")
    answer = await runs(alice, tool, {"input": {}, "timeout_ms": 300})
    demo.release.set()
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, demo.calls) == (504, ["wait"])
    assert answer.json()["errors"] == [{"execution_id": told["id"], "status": "unknown"}]
    assert told["status"] == "unknown"


async def test_an_execution_is_on_record_while_it_runs(alice, added, demo, database):
    demo.release.clear()
    running = asyncio.create_task(runs(alice, await tool_of(alice, "wait"), {"input": {}}))
    while not demo.calls:
        await asyncio.sleep(0.01)
    status = Statement("select status from {mcp_schema}.tool_executions")
    during = await database.fetch_value(status)
    demo.release.set()
    assert (during, (await running).json()["status"]) == ("running", "succeeded")


async def test_a_large_result_is_answered_whole_and_kept_in_part(alice, added):
    tool = await tool_of(alice, "large")
    told = (await runs(alice, tool, {"input": {"size": 3 * 2**19}})).json()
    (kept,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert told["output"]["structuredContent"]["result"] == "x" * 3 * 2**19
    assert (kept["output"], len(kept["output_excerpt"])) == (None, 2**20)
    assert kept["output_bytes"] == told["output_bytes"] > 3 * 2**20


async def test_a_result_with_a_nul_is_answered_and_kept_as_text(alice, added):
    tool = await tool_of(alice, "odd")
    answer = await runs(alice, tool, {"input": {}})
    (kept,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert answer.json()["output"]["structuredContent"]["result"] == "a\x00b"
    assert (kept["status"], "a\\u0000b" in kept["output_excerpt"]) == ("succeeded", True)


async def test_a_changed_tool_is_not_run_until_it_is_approved_where_the_policy_is_block(
    alice, demo
):
    server = await registered(alice, demo.url, policy="block")
    await refreshed(alice, server, {"tools": [{"name": "add", "description": "As it was."}]})
    tool = await tool_of(alice, "add")
    await refreshed(alice, server)
    refused = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    await alice.ask("POST", f"{MCP}/tools/{tool['id']}/approve")
    allowed = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    assert (refused.status_code, allowed.status_code, demo.calls) == (409, 200, ["add"])


async def test_a_tool_that_changed_since_the_refresh_is_not_run_where_the_policy_is_block(
    alice, added, demo
):
    tool = await tool_of(alice, "add")
    other = {**tool["definition"], "description": "Approved, but not what the server says."}
    await refreshed(alice, added, {"tools": [other]})
    await alice.ask("POST", f"{MCP}/tools/{tool['id']}/approve")
    warned = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    await alice.ask("PUT", f"{MCP}/servers/{added['id']}", json={"policy": "block"})
    blocked = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    assert (warned.status_code, blocked.status_code, demo.calls) == (200, 409, ["add"])


async def test_a_repeated_execution_is_answered_with_what_became_of_the_first(alice, added, demo):
    tool = await tool_of(alice, "add")
    path, key = f"{MCP}/tools/{tool['id']}/execute", {"Idempotency-Key": "one"}
    first = await alice.ask("POST", path, json={"input": {"a": 1, "b": 2}}, headers=key)
    again = await alice.ask("POST", path, json={"input": {"a": 1, "b": 2}}, headers=key)
    other = await alice.ask("POST", path, json={"input": {"a": 1, "b": 3}}, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert (other.status_code, demo.calls) == (422, ["add"])


# A container runs one at a time.
@pytest.mark.parametrize("kind", ["standalone"])
async def test_a_repeated_execution_that_still_runs_is_in_flight(alice, added, demo, kind):
    demo.release.clear()
    tool = await tool_of(alice, "wait")
    path, key = f"{MCP}/tools/{tool['id']}/execute", {"Idempotency-Key": "one"}
    running = asyncio.create_task(alice.ask("POST", path, json={"input": {}}, headers=key))
    while not demo.calls:
        await asyncio.sleep(0.01)
    meanwhile = await alice.ask("POST", path, json={"input": {}}, headers=key)
    demo.release.set()
    assert ((await running).status_code, meanwhile.status_code) == (200, 409)


async def test_a_server_that_is_not_active_is_not_asked(alice, added, demo):
    path = f"{MCP}/servers/{added['id']}"
    await alice.ask("PUT", path, json={"is_active": False})
    demo.headers.clear()
    assert (await alice.ask("POST", f"{path}/refresh")).status_code == 409
    assert demo.headers == []


async def test_a_report_of_a_client_leaves_what_clients_do_not_tell(alice, added):
    tools = await alice.reads(f"{MCP}/tools")
    resources = await alice.reads(f"{MCP}/resources")
    told = {
        "tools": [
            {"name": t["name"], "description": t["description"], "inputSchema": t["input_schema"]}
            for t in tools
        ],
        "resources": [
            {
                "uri": each["uri"],
                "name": each["name"],
                "mimeType": each["mime_type"],
                "description": each["description"],
            }
            for each in resources
        ],
    }
    answer = await refreshed(alice, added, told)
    changed = {kind: names for kind, names in answer["changed"].items() if names}
    assert (changed, answer["added"]["resources"]) == ({}, [])


async def test_a_tool_that_is_not_offered_any_more_is_not_run(alice, added, demo):
    tool = await tool_of(alice, "add")
    await refreshed(alice, added, {"tools": []})
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    assert (answer.status_code, demo.calls) == (409, [])


async def test_a_resource_is_read(alice, added):
    found = {each["uri"]: each for each in await alice.reads(f"{MCP}/resources")}
    text = await alice.reads(f"{MCP}/resources/{found['memo://one']['id']}/content")
    binary = await alice.reads(f"{MCP}/resources/{found['memo://bytes']['id']}/content")
    filled = await alice.reads(
        f"{MCP}/resources/{found['memo://{name}']['id']}/content", uri="memo://ann"
    )
    assert (text["contents"][0]["text"], text["contents"][0]["mime_type"]) == (
        "hello",
        "text/plain",
    )
    assert base64.b64decode(binary["contents"][0]["blob"]) == b"\x89PNG"
    assert (binary["contents"][0]["mime_type"], binary["contents"][0]["text"]) == (
        "image/png",
        None,
    )
    assert filled["contents"][0]["text"] == "hello ann"


async def test_a_template_and_only_a_template_is_read_by_a_uri(alice, added):
    found = {each["uri"]: each for each in await alice.reads(f"{MCP}/resources")}
    without = await alice.ask("GET", f"{MCP}/resources/{found['memo://{name}']['id']}/content")
    path = f"{MCP}/resources/{found['memo://one']['id']}/content"
    beside = await alice.ask("GET", path, params={"uri": "file:///etc/passwd"})
    path = f"{MCP}/resources/{found['memo://{name}']['id']}/content"
    other = await alice.ask("GET", path, params={"uri": "file:///etc/passwd"})
    assert (without.status_code, beside.status_code, other.status_code) == (422, 422, 422)


async def test_a_prompt_is_rendered(alice, added):
    (prompt,) = await alice.reads(f"{MCP}/prompts")
    path = f"{MCP}/prompts/{prompt['id']}/render"
    rendered = (await alice.ask("POST", path, json={"name": "Ann"})).json()
    missing = await alice.ask("POST", path, json={"tone": "coldly"})
    assert rendered["messages"][0]["content"]["text"] == "Greet Ann kindly."
    assert (missing.status_code, "name" in missing.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "bearer", "token": "tok"}, "authorization", "Bearer tok"),
        ({"type": "header", "name": "X-Key", "value": "v w"}, "x-key", "v w"),
        ({"type": "basic", "username": "a", "password": "b"}, "authorization", "Basic YTpi"),
    ],
)
async def test_credentials_reach_the_server(alice, demo, auth, header, value):
    await refreshed(alice, await registered(alice, demo.url, auth_config=auth))
    assert {each.get(header) for each in demo.headers} == {value}


async def test_credentials_sealed_with_an_old_key_still_work(serve, alice, demo):
    server = await registered(alice, demo.url, auth_config={"type": "bearer", "token": "tok"})
    for keys, status in ((KEYS[1], 503), (",".join(KEYS[::-1]), 200)):
        http = await serve(mcp_allowed_networks=LOOPBACK, secrets_key=SecretStr(keys))
        path = f"{MCP}/servers/{server['id']}/refresh"
        assert (await Project(http, "alice").ask("POST", path)).status_code == status


async def test_by_default_no_private_address_is_called(serve, demo):
    alice = Project(await serve(), "alice")
    server = await registered(alice, demo.url)
    answer = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    after = await alice.reads(f"{MCP}/servers/{server['id']}")
    assert (answer.status_code, "127.0.0.1" in answer.json()["detail"]) == (403, True)
    assert (after["refresh_error"], demo.headers) == (answer.json()["detail"], [])


async def test_a_host_that_is_allowed_by_name_is_called(serve, demo):
    alice = Project(await serve(mcp_allowed_hosts=("localhost",)), "alice")
    server = await registered(alice, demo.url.replace("127.0.0.1", "localhost"))
    assert (await refreshed(alice, server))["added"]["prompts"] == ["greet"]


async def test_a_stdio_server_is_the_clients_to_run(alice):
    server = await registered(alice, "uvx some-server", transport_type="stdio")
    path = f"{MCP}/servers/{server['id']}/refresh"
    assert (await alice.ask("POST", path)).status_code == 403
    assert (await alice.ask("POST", path, json={"tools": [{"name": "x"}]})).status_code == 200


async def test_a_schema_that_refers_elsewhere_fetches_nothing(alice, added, demo):
    schema = {"type": "object", "properties": {"a": {"$ref": f"{demo.url}/schema.json"}}}
    await refreshed(alice, added, {"tools": [{"name": "add", "inputSchema": schema}]})
    demo.headers.clear()
    answer = await runs(alice, await tool_of(alice, "add"), {"input": {"a": 1}})
    assert (answer.status_code, demo.headers) == (502, [])
