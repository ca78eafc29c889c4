"""Real MCP servers, of the official SDK: discovered, called, read, rendered; and broken ones."""

import asyncio
import base64
import gc
from ipaddress import ip_network

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.routing import Route

from llmring_core.base64_text import to_base64url
from llmring_core.queries import Statement
from support.functions import Context
from support.mcp import (
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

LOOPBACK = (ip_network("127.0.0.0/8"),)
KEYS = [to_base64url(bytes([number]) * 32) for number in (1, 2)]


@pytest.fixture(scope="module")
def demos():
    """One server, at streamable HTTP and at SSE."""
    demo = Demo()
    http, sse = demo_server(demo).streamable_http_app(), demo_server(demo).sse_app()
    with serving(Watching(http, demo)) as port, serving(Watching(sse, demo)) as sse_port:
        demo.url, demo.sse_url = f"http://127.0.0.1:{port}/mcp", f"http://127.0.0.1:{sse_port}/sse"
        yield demo


@pytest.fixture
def demo(demos):
    """The same, as if nobody had called it yet."""
    demos.calls.clear()
    demos.headers.clear()
    demos.release.set()
    return demos


@pytest.fixture
async def alice(serve):
    http = await serve(mcp_allowed_networks=LOOPBACK, secrets_key=SecretStr(KEYS[0]))
    return Project(http, "alice")


@pytest.fixture
async def added(alice, demo):
    """A server of alice's, discovered."""
    server = await registered(alice, demo.url)
    await refreshed(alice, server)
    return server


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
    told = (await runs(alice, tool, {"input": {"size": 2**21}})).json()
    (kept,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert told["output"]["structuredContent"]["result"] == "x" * 2**21
    assert (kept["output"], len(kept["output_excerpt"])) == (None, 2**20)
    assert kept["output_bytes"] == told["output_bytes"] > 2**21


async def test_a_result_with_a_nul_is_answered_and_kept_as_text(alice, added):
    tool = await tool_of(alice, "odd")
    answer = await runs(alice, tool, {"input": {}})
    (kept,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert answer.json()["output"]["structuredContent"]["result"] == "a\x00b"
    assert (kept["status"], "a\\u0000b" in kept["output_excerpt"]) == ("succeeded", True)


async def test_a_changed_tool_is_not_run_until_it_is_approved_where_the_policy_is_block(
    alice, added, demo
):
    tool = await tool_of(alice, "add")
    await alice.ask("PUT", f"{MCP}/servers/{added['id']}", json={"policy": "block"})
    await refreshed(alice, added, {"tools": [{**tool["definition"], "description": "Evil."}]})
    refused = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    await alice.ask("POST", f"{MCP}/tools/{tool['id']}/approve")
    allowed = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    assert (refused.status_code, allowed.status_code, demo.calls) == (409, 200, ["add"])


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
    assert (without.status_code, beside.status_code) == (422, 422)


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


async def endless(request):
    async def chunks():
        while True:
            yield b"data: x\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(chunks(), media_type="text/event-stream")


async def huge(request):
    async def chunks():
        for _ in range(100):
            yield b"x" * 2**20

    return StreamingResponse(chunks(), media_type="application/json")


async def garbage(request):
    return PlainTextResponse("\xff{", media_type="application/json")


async def elsewhere(request):
    return RedirectResponse("http://169.254.169.254/latest/meta-data/", status_code=307)


@pytest.fixture(scope="module")
def broken():
    """A server that is broken in many ways, by path; its URL."""
    ways = [endless, huge, garbage, elsewhere]
    routes = [Route(f"/{way.__name__}", way, methods=["GET", "POST"]) for way in ways]
    with serving(Starlette(routes=routes)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("way", ["huge", "garbage", "elsewhere", "nothing"])
async def test_a_refresh_of_a_broken_server_fails_and_changes_nothing(alice, added, broken, way):
    path = f"{MCP}/servers/{added['id']}"
    await alice.ask("PUT", path, json={"url": f"{broken}/{way}"})
    answer = await alice.ask("POST", f"{path}/refresh")
    after = await alice.reads(path)
    assert (answer.status_code, after["refresh_error"]) == (502, answer.json()["detail"])
    assert len(await alice.reads(f"{MCP}/tools", is_active="true")) == 5


async def test_a_tool_of_a_server_that_streams_for_ever_is_given_up(alice, added, broken):
    tool = await tool_of(alice, "add")
    path = f"{MCP}/servers/{added['id']}"
    await alice.ask("PUT", path, json={"url": f"{broken}/endless"})
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}, "timeout_ms": 300})
    assert answer.status_code == 504


async def test_a_tool_of_a_server_that_is_down_is_a_failure_on_record(alice, added, demo):
    tool = await tool_of(alice, "add")
    path = f"{MCP}/servers/{added['id']}"
    await alice.ask("PUT", path, json={"url": "http://127.0.0.1:9/mcp"})
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, told["status"], demo.calls) == (502, "failed", [])


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


async def test_no_connection_is_held_while_a_tool_runs(alice, added, demo, database):
    busy = Statement(
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and state <> 'idle' and pid <> pg_backend_pid()"
    )
    demo.release.clear()
    running = asyncio.create_task(runs(alice, await tool_of(alice, "wait"), {"input": {}}))
    while not demo.calls:
        await asyncio.sleep(0.01)
    assert await database.fetch_value(busy) == 0
    demo.release.set()
    assert (await running).status_code == 200


async def test_a_connection_is_kept_by_a_process_that_lives_on(kind, alice, added, demo):
    tool = await tool_of(alice, "add")
    demo.headers.clear()
    for _ in range(5):
        assert (await runs(alice, tool, {"input": {"a": 1, "b": 2}})).status_code == 200
    opened = [each for each in demo.headers if each.get("mcp-method") == "server/discover"]
    assert len(opened) == (0 if kind == "standalone" else 5)


async def test_servers_with_other_credentials_have_other_connections(alice, demo):
    for token in ("one", "two"):
        server = await registered(
            alice, demo.url, auth_config={"type": "bearer", "token": token}, name=token
        )
        await refreshed(alice, server)
        assert demo.headers[-1]["authorization"] == f"Bearer {token}"


async def test_a_tool_is_given_no_longer_than_the_function_lives(
    kind, alice, added, demo, monkeypatch
):
    if kind == "standalone":
        return  # it lives on
    demo.release.clear()
    tool = await tool_of(alice, "wait")
    monkeypatch.setattr(Context, "seconds_left", 1.3)
    answer = await runs(alice, tool, {"input": {}, "timeout_ms": 20_000})
    demo.release.set()
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, told["status"]) == (504, "unknown")


async def test_two_projects_share_no_connection(alice, added, demo):
    demo.headers.clear()
    bob = Project(alice.http, "bob")
    await refreshed(bob, await registered(bob, demo.url))
    assert "server/discover" in {each.get("mcp-method") for each in demo.headers}


async def test_many_tools_run_at_once_on_few_database_connections(serve, kind, demo):
    if kind == "functions":
        return  # a container runs one at a time
    http = await serve(mcp_allowed_networks=LOOPBACK, database_pool_size=5)
    alice = Project(http, "alice")
    await refreshed(alice, await registered(alice, demo.url))
    demo.release.clear()
    tool = await tool_of(alice, "wait")
    running = [asyncio.create_task(runs(alice, tool, {"input": {}})) for _ in range(64)]
    while len(demo.calls) < 64:
        await asyncio.sleep(0.01)
    demo.release.set()
    assert {(await each).json()["status"] for each in running} == {"succeeded"}


# The SDK's server, cut off, leaves its streams to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_that_came_back_is_connected_to_anew(alice):
    demo = Demo()
    with serving(demo_server(demo).sse_app()) as port:
        server = await registered(alice, f"http://127.0.0.1:{port}/sse", transport_type="sse")
        await refreshed(alice, server)
    down = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    with serving(demo_server(demo).sse_app(), port) as port:
        assert (down.status_code, (await refreshed(alice, server))["unchanged"]) == (502, 9)
    gc.collect()
