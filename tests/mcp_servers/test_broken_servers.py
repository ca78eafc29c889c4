"""Servers that are down, hang, talk nonsense, or lie: nothing of ours breaks with them."""

import asyncio
import gc
import gzip
import logging

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from support.mcp import MCP, Demo, demo_server, refreshed, registered, runs, serving, tool_of


async def endless(request):
    async def chunks():
        while True:
            yield b": x\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(chunks(), media_type="text/event-stream")


async def huge(request):
    async def chunks():
        for _ in range(100):
            yield b"x" * 2**20

    return StreamingResponse(chunks(), media_type="application/json")


async def garbage(request):
    return PlainTextResponse("\xff{", media_type="application/json")


async def closed(request):
    return PlainTextResponse("no", status_code=401)


async def elsewhere(request):
    return RedirectResponse("http://169.254.169.254/latest/meta-data/", status_code=307)


@pytest.fixture(scope="module")
def broken():
    """A server that is broken in many ways, by path; its URL."""
    ways = [endless, huge, garbage, elsewhere, closed]
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


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("huge", "larger than 16 MiB"),
        ("nothing", "the HTTP status 404"),
        ("closed", "the HTTP status 401"),
    ],
)
async def test_a_refresh_that_fails_says_why(alice, broken, way, why):
    server = await registered(alice, f"{broken}/{way}")
    answer = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    assert why in answer.json()["detail"]
    assert "nobody can say" not in answer.json()["detail"]


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


def answers(status, text, media_type="application/json"):
    """An ASGI app that always says the same."""

    async def app(scope, receive, send):
        await PlainTextResponse(text, status, media_type=media_type)(scope, receive, send)

    return app


def says(what):
    """An ASGI app that answers a request of the protocol with a result or an error."""

    async def app(scope, receive, send):
        asked = await Request(scope, receive).json()
        await JSONResponse({"jsonrpc": "2.0", "id": asked["id"], **what})(scope, receive, send)

    return app


def protocol_error(code):
    """An answer that is an error of the protocol."""
    return says({"error": {"code": code, "message": "No: canary-token.\nINFO forged"}})


async def cut_off(scope, receive, send):
    headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
    raise RuntimeError("cut off")  # uvicorn closes the connection


async def streamed_nothing(scope, receive, send):
    await StreamingResponse(iter([b": hello\n\n"]), media_type="text/event-stream")(
        scope, receive, send
    )


def compressed(scope, receive, send):
    body = gzip.compress(b"x" * 10**7)
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    return Response(body, headers=headers)(scope, receive, send)


NO_ANSWERS = {
    "an HTTP error": answers(500, "{}"),
    "a small answer that unpacks to a large one": compressed,
    "too large an answer": answers(200, "x" * (16 * 2**20 + 1)),
    "a gateway's page": answers(503, "<html>", "text/html"),
    "no protocol": answers(200, "{"),
    "another shape": says({"result": {"content": 5}}),
    "another type": answers(200, "hello", "text/plain"),
    "accepted": answers(202, ""),
    "a redirect": RedirectResponse("http://169.254.169.254/latest/", status_code=307),
    "half an answer": cut_off,
    "a stream of nothing": streamed_nothing,
}


@pytest.mark.parametrize("app", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_a_call_without_an_answer_that_can_be_used_is_unknown(alice, added, demo, app):
    demo.answers_with = app
    tool = await tool_of(alice, "add")
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, told["status"]) == (502, "unknown")
    assert told["error"] == answer.json()["detail"]
    assert "nobody can say" in told["error"]
    assert "169.254" not in told["error"]


@pytest.mark.parametrize("code", [-32000, -32001, -32602, -32603, 42])
async def test_an_error_of_the_protocol_is_a_failure(alice, added, demo, code):
    demo.answers_with = protocol_error(code)
    tool = await tool_of(alice, "add")
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, told["status"]) == (502, "failed")
    assert told["error"] == "The server answered with an error: No: canary-token. INFO forged"


@pytest.mark.parametrize("status", [401, 404, 429])
async def test_a_request_that_was_not_taken_is_a_failure(alice, added, demo, status):
    demo.answers_with = answers(status, "no", "text/plain")
    tool = await tool_of(alice, "add")
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    (told,) = await alice.reads(f"{MCP}/tools/{tool['id']}/history")
    assert (answer.status_code, told["status"]) == (502, "failed")
    assert f"the HTTP status {status}" in told["error"]


async def test_what_a_tool_says_is_taken_as_it_is(alice, added, demo):
    demo.answers_with = says(
        {"result": {"resultType": "complete", "content": [], "structuredContent": {"x": 1}}}
    )
    tool = await tool_of(alice, "add")
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    assert answer.json()["output"]["structuredContent"] == {"x": 1}
    assert "tools/list" not in {each.get("mcp-method") for each in demo.headers[-1:]}


# A container runs one at a time.
@pytest.mark.parametrize("kind", ["standalone"])
async def test_a_bad_answer_ends_no_other_call(alice, added, demo, kind):
    demo.release.clear()
    waiting = asyncio.create_task(runs(alice, await tool_of(alice, "wait"), {"input": {}}))
    while not demo.calls:
        await asyncio.sleep(0.01)
    demo.answers_with = cut_off
    bad = await runs(alice, await tool_of(alice, "add"), {"input": {"a": 1, "b": 2}})
    demo.release.set()
    assert (bad.status_code, (await waiting).json()["status"]) == (502, "succeeded")


async def test_after_a_call_that_failed_the_next_one_works(alice, added, demo):
    tool = await tool_of(alice, "add")
    demo.answers_with = answers(500, "")
    await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    demo.answers_with = None
    assert (await runs(alice, tool, {"input": {"a": 1, "b": 2}})).status_code == 200


async def test_credentials_that_a_server_echoes_are_shown_nowhere(alice, demo, caplog):
    caplog.set_level(logging.DEBUG)
    auth = {"type": "bearer", "token": "canary-token"}
    server = await registered(alice, demo.url, auth_config=auth)
    await refreshed(alice, server)
    demo.answers_with = protocol_error(-32000)
    tool = await tool_of(alice, "add")
    answer = await runs(alice, tool, {"input": {"a": 1, "b": 2}})
    history = await alice.ask("GET", f"{MCP}/tools/{tool['id']}/history")
    # All but those of the client that this test itself asks with.
    lines = [each for each in caplog.records if each.name != "httpx"]
    shown = answer.text + history.text + "\n".join(caplog.handler.format(each) for each in lines)
    assert "No: …" in answer.json()["detail"]
    assert ("canary" in shown, "\nINFO forged" in shown) == (False, False)


LONG = {"name": "a", "inputSchema": {"type": "object", "description": "x" * 2**20}}
UNKEEPABLE = {
    "a NUL in its name": {"serverInfo": {"name": "a\x00b", "version": "1"}},
    "a NUL in a tool": {"tools": [{"name": "a\x00", "inputSchema": {"type": "object"}}]},
    "a name without end": {"tools": [{"name": "a" * 3000, "inputSchema": {"type": "object"}}]},
    "pages without end": {"tools": [LONG], "page": {"nextCursor": "more"}},
}


def legacy_server(told):
    """A server of the revision with sessions that says what it is told to."""

    async def answer(request):
        asked = await request.json()
        if "id" not in asked:
            return Response(status_code=202)
        if asked["method"] == "server/discover":
            return Response(status_code=404)
        info = told.get("serverInfo", {"name": "odd", "version": "1"})
        results = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": info,
            },
            "tools/list": {"tools": told.get("tools", []), **told.get("page", {})},
        }
        result = {
            name: value for name, value in results[asked["method"]].items() if value is not None
        }
        return JSONResponse({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    return Starlette(routes=[Route("/mcp", answer, methods=["POST"])])


@pytest.mark.parametrize("told", UNKEEPABLE.values(), ids=UNKEEPABLE)
async def test_what_cannot_be_kept_is_the_servers_fault_and_remembered(alice, told):
    with serving(legacy_server(told)) as port:
        server = await registered(alice, f"http://127.0.0.1:{port}/mcp")
        path = f"{MCP}/servers/{server['id']}"
        answer = await alice.ask("POST", f"{path}/refresh")
    after = await alice.reads(path)
    assert (answer.status_code, after["refresh_error"]) == (502, answer.json()["detail"])
    assert await alice.reads(f"{MCP}/tools") == []


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
