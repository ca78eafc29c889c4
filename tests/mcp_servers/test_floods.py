"""Servers that say far more than they were asked: what is read of it has an end."""

import asyncio
import gzip

import pytest
from mcp_types import ListToolsResult, Tool
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from llmring_core.errors import BadGateway
from llmring_server.mcp import bounded, remote
from support.mcp import MCP, refreshed, registered, runs, serving, tool_of

STREAM = "text/event-stream"
RESULT = '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[]}}'
EVENT = f"data: {RESULT}\n\n".encode()
GZIP = {"content-encoding": "gzip"}


async def comments():
    while True:
        yield b":" + b"x" * 2**16 + b"\n"
        await asyncio.sleep(0)  # so that it ends when nobody listens


async def compressed(request):
    body = gzip.compress(b"event: endpoint\ndata: /messages\n\n")
    return Response(body, headers=GZIP, media_type=STREAM)


async def endless(request):
    return StreamingResponse(comments(), media_type=STREAM)


@pytest.fixture(scope="module")
def flooding():
    """A server of SSE that says too much, by path; its URL."""
    ways = [compressed, endless]
    with serving(Starlette(routes=[Route(f"/{way.__name__}", way) for way in ways])) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("way", "why"), [("compressed", "its answer is compressed"), ("endless", "AnswerTooLarge")]
)
async def test_a_stream_that_is_too_much_is_not_read_on(alice, flooding, way, why):
    server = await registered(alice, f"{flooding}/{way}", transport_type="sse")
    answer = await alice.ask("POST", f"{MCP}/servers/{server['id']}/refresh")
    assert (answer.status_code, why in answer.json()["detail"]) == (502, True)


def resumed_compressed(scope, receive, send):
    """An app whose answer is cut off after an event with an id; the rest comes compressed."""
    answer = Response("id: 1\ndata:\n\n", media_type=STREAM)
    if scope["method"] == "GET":
        answer = Response(gzip.compress(EVENT), headers=GZIP, media_type=STREAM)
    return answer(scope, receive, send)


def endless_answer(scope, receive, send):
    return StreamingResponse(comments(), media_type=STREAM)(scope, receive, send)


MANY = EVENT.replace(b"[]", b"[]," + b'"structuredContent":{"a":[' + b"{}," * 300_000 + b"{}]}")
many_values = Response(MANY.removeprefix(b"data: "), media_type="application/json")
many_values_streamed = Response(MANY, media_type=STREAM)


@pytest.mark.parametrize(
    "app", [resumed_compressed, endless_answer, many_values, many_values_streamed]
)
async def test_a_call_that_is_answered_with_too_much_is_unknown(alice, added, demo, app):
    demo.answers_with = app
    answer = await runs(alice, await tool_of(alice, "add"), {"input": {"a": 1, "b": 2}})
    assert (answer.status_code, "nobody can say" in answer.json()["detail"]) == (502, True)


class Pages:
    """A client of a server that has pages of a hundred thousand values without end."""

    asked = 0

    async def list_tools(self, cursor):
        self.asked += 1
        tool = Tool(name="a", input_schema={"type": "object", "enum": [{}] * 50_000})
        return ListToolsResult(tools=[tool], next_cursor="more")


async def test_pages_are_asked_for_no_further_than_their_values_may_go():
    pages = Pages()
    with pytest.raises(BadGateway):
        await remote.tool_digest(pages, "b")
    assert pages.asked == 5


async def test_a_stream_is_read_as_utf_8_whatever_charset_it_names(alice, added, demo):
    demo.answers_with = Response(EVENT, media_type=f"{STREAM}; charset=punycode")
    answer = await runs(alice, await tool_of(alice, "add"), {"input": {"a": 1, "b": 2}})
    assert answer.json()["status"] == "succeeded"


async def test_one_stream_carries_as_many_answers_as_were_asked_for(alice, demo, monkeypatch):
    monkeypatch.setattr(bounded, "MAX_ANSWER_BYTES", 20_000)
    server = await registered(alice, demo.sse_url, transport_type="sse")
    await refreshed(alice, server)
    tool = await tool_of(alice, "large")
    said = [await runs(alice, tool, {"input": {"size": 9000}}) for _ in range(5)]
    assert {each.json()["status"] for each in said} == {"succeeded"}
