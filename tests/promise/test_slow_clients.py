"""A client that begins and does not go on is let go, and one that is only slow is not."""

import asyncio
import json
import logging
import socket
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn

from llmring_core import telemetry
from llmring_server import slow_clients
from llmring_server.slow_clients import BoundedPatience

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LARGE = b"x" * 20_000_000
TIMES = {
    "HEAD_SECONDS": 0.3,
    "BODY_SECONDS": 0.3,
    "REQUEST_SECONDS": 1.0,
    "ANSWER_SECONDS": 0.3,
    "CHECK_SECONDS": 0.02,
}


async def lengths(scope, receive, send):
    """Answers with the length of the body; a GET with more than fits into buffers."""
    size, more = 0, scope["method"] == "POST"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    await asyncio.sleep(1.0 if scope["path"] == "/late" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = LARGE if scope["method"] == "GET" else b"%d" % size
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def soon(monkeypatch):
    """Servers are sooner done with waiting than ours."""
    for name, seconds in TIMES.items():
        monkeypatch.setattr(slow_clients, name, seconds)


@asynccontextmanager
async def served(app):
    """The port of a server of an app."""
    config = uvicorn.Config(app, http=BoundedPatience, lifespan="off", log_config=None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@pytest.fixture
async def port(soon):
    async with served(lengths) as port:
        yield port


@pytest.fixture
async def our_port(soon, app):
    """The port of a server of our app."""
    async with served(app) as port:
        yield port


@asynccontextmanager
async def connected(port, words=b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def size_of(reader):
    size = 0
    while piece := await asyncio.wait_for(reader.read(2**20), 10):
        size += len(piece)
        await asyncio.sleep(0.01)
    return size


async def status_of(reader):
    line = await asyncio.wait_for(reader.readline(), 10)
    return int(line.split()[1])


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST / HT", id="half a line"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\n", id="half the headers"),
        pytest.param(HEAD, id="no body"),
        pytest.param(HEAD + b"12345", id="half a body"),
        pytest.param(HEAD + b"1234567890" + HEAD, id="half a second request"),
    ],
)
async def test_a_request_that_does_not_come_is_given_up(port, words):
    async with connected(port, words) as (reader, _):
        answers = await asyncio.wait_for(reader.read(), 10)
    last = answers.rpartition(b"HTTP/1.1 ")[2]
    assert last.startswith(b"408 Request Timeout\r\n")
    head, _, body = last.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["type"] == "urn:llmring:problem:request-timeout"


async def test_a_body_may_come_slowly(port):
    async with connected(port, HEAD) as (reader, writer):
        for _ in range(5):
            await asyncio.sleep(0.1)
            writer.write(b"xx")
        assert await status_of(reader) == 200


async def test_but_not_for_ever(port):
    head = HEAD.replace(b"10", b"10000")
    async with connected(port, head) as (reader, writer):
        status = asyncio.create_task(status_of(reader))
        while not status.done():
            writer.write(b"x")
            await asyncio.sleep(0.05)
    assert await status == 408


async def test_a_client_waits_as_long_as_an_answer_takes(port):
    head = HEAD.replace(b"/ ", b"/late ")
    async with connected(port, head + b"1234567890") as (reader, _):
        assert await status_of(reader) == 200


async def test_a_connection_that_rests_is_kept(port):
    async with connected(port, HEAD + b"1234567890") as (reader, writer):
        assert await status_of(reader) == 200
        await asyncio.sleep(0.8)
        writer.write(HEAD + b"1234567890")
        await reader.readuntil(b"HTTP/1.1 ")
        assert await reader.readexactly(3) == b"200"


async def test_who_takes_nothing_of_an_answer_is_cut_off(port):
    async with connected(port, GET) as (reader, _):
        await asyncio.sleep(1.0)
        assert 0 < await size_of(reader) < len(LARGE)


async def test_who_takes_it_slowly_is_not(port):
    async with connected(port, GET) as (reader, _):
        assert await size_of(reader) > len(LARGE)


async def refused(port, words):
    """The headers and the problem of the answer to a request that is not finished."""
    async with connected(port, words) as (reader, _):
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return headers, json.loads(body)


async def test_what_is_not_http_is_answered_with_a_problem_too(port):
    _, problem = await refused(port, b"GARBAGE\r\n\r\n")
    assert (problem["status"], problem["type"]) == (400, "urn:llmring:problem:bad-request")


@pytest.fixture
def lines(monkeypatch):
    """The records of requests that are written from now on."""
    handler, records = logging.Handler(), asyncio.Queue()
    handler.addFilter(telemetry.AddRequestId())
    handler.emit = records.put_nowait
    monkeypatch.setattr(telemetry, "_terminal", None)
    logger = logging.getLogger("llmring.access")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield records
    logger.removeHandler(handler)
    logger.setLevel(before)


HALF = b"POST %s HTTP/1.1\r\nHost: x\r\nX-API-Key: key\r\nContent-Type: application/json\r\n"
REFUSED = {
    "what is not HTTP": (b"GARBAGE\r\n\r\n", "-", 400),
    "half the headers": (HALF % b"/api/v1/log", "-", 408),
    "half a body": (
        HALF % b"/api/v1/receipts/issue" + b"Content-Length: 9\r\n\r\n{",
        "/api/v1/receipts/issue",
        408,
    ),
    "half a body on the short way": (
        HALF % b"/api/v1/log" + b"Content-Length: 9\r\n\r\n{",
        "/api/v1/log",
        408,
    ),
    "a chunk without a length": (
        HALF % b"/api/v1/log" + b"Transfer-Encoding: chunked\r\n\r\nx",
        "/api/v1/log",
        400,
    ),
}


@pytest.mark.parametrize(("words", "path", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_refusal_has_the_id_of_the_one_line_that_the_log_has_of_it(
    our_port, lines, words, path, status
):
    headers, problem = await refused(our_port, words)
    async with connected(our_port, GET.replace(b"/ ", b"/health ")) as (reader, _):
        assert await status_of(reader) == 200
    line, last = [await asyncio.wait_for(lines.get(), 10) for _ in range(2)]
    assert last.path == "/health"
    assert (problem["status"], line.path, line.status) == (status, path, status)
    assert headers["x-request-id"] == problem["request_id"] == line.request_id


async def test_a_refusal_has_the_headers_of_all_answers(port):
    headers, _ = await refused(port, b"GARBAGE\r\n\r\n")
    assert headers.items() >= {"cache-control": "no-store", "connection": "close"}.items()
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_request_that_is_cut_short_keeps_the_id_it_came_with(our_port):
    words = HALF % b"/api/v1/log" + b"X-Request-Id: mine\r\nContent-Length: 9\r\n\r\n{"
    _, problem = await refused(our_port, words)
    assert problem["request_id"] == "mine"


async def test_headers_have_an_end(port):
    async with connected(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000) as (reader, writer):
        await writer.drain()
        assert await status_of(reader) == 431
