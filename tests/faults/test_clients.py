"""Clients that hang, idle and crawl: nobody else notices, and memory stays bounded."""

import json
import socket
import time
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from support.processes import CALL, HEADERS, Server, until

MEGABYTE = 1024**2
HALF_HEAD = b"POST /api/v1/log HTTP/1.1\r\nHost: localhost\r\nX-API-Ke"
HALF_BODY = (
    b"POST /api/v1/log HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key\r\n"
    b"Content-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"provider": "op'
)
EXPORT = (
    b"GET /api/v1/logs/export HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\n"
    b"Connection: close\r\n\r\n"
)
# A limit that a busy machine keeps, and a server that waits for one of these clients does not.
SECONDS = 3.0


@pytest.fixture
def server(anyio_backend, database_url, folder):
    server = Server(
        data_dir=folder, LLMRING_DATABASE_URL=database_url, LLMRING_DATABASE_POOL_SIZE="3"
    )
    until(server.is_healthy)
    yield server
    server.close()


@pytest.fixture
def connect(server):
    """Opens connections to the server, and says something on each."""
    with ExitStack() as stack:

        def connect(words=b"", count=1, **options):
            ends = [stack.enter_context(connected(server.port, **options)) for _ in range(count)]
            for end in ends:
                end.sendall(words)
            return ends

        yield connect


@contextmanager
def connected(port, receives=None):
    with socket.socket() as end:
        if receives is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        end.settimeout(60)
        end.connect(("127.0.0.1", port))
        yield end


def memory_of(server):
    return psutil.Process(server.process.pid).memory_info().rss


def seconds_of(server, times=100):
    """How long logged calls take, the slowest last; every one is acknowledged."""
    taken = []
    for _ in range(times):
        began = time.monotonic()
        assert server.http.post("/api/v1/log", json=CALL, headers=HEADERS).status_code == 200
        taken.append(time.monotonic() - began)
    return sorted(taken)


def rest_of(end):
    """What still comes on a connection, up to its end."""
    pieces = []
    while piece := end.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def test_clients_that_hang_in_a_request_hold_nobody_up_and_are_let_go(server, connect, figures):
    before = memory_of(server)
    heads, bodies = connect(HALF_HEAD, count=100), connect(HALF_BODY, count=100)
    began = time.monotonic()
    taken = seconds_of(server)
    grown = memory_of(server) - before
    answers = {rest_of(end).split(b"\r\n")[0] for end in heads + bodies}
    held = time.monotonic() - began
    assert answers == {b"HTTP/1.1 408 Request Timeout"}
    assert taken[-1] < SECONDS
    assert grown < 32 * MEGABYTE
    assert held < 45
    figures(
        "200 clients stop in a request",
        acknowledged=len(taken),
        seen=f"others at most {taken[-1]:.2f} s, {grown / MEGABYTE:.1f} MB, let go in {held:.0f} s",
    )


def test_clients_that_send_a_byte_at_a_time_are_let_go_too(server, connect, figures):
    (end,) = connect(HALF_HEAD)
    end.setblocking(False)
    sent = 0

    def is_let_go():
        nonlocal sent
        try:
            end.send(b"y")
            sent += 1
            return end.recv(100)
        except BlockingIOError:
            return b""

    answer = until(is_let_go)
    assert answer.startswith(b"HTTP/1.1 408")
    figures("a head that comes byte by byte", seen=f"408 after {sent} bytes")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 50_000, id="one header"),
        pytest.param(
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 10_000,
            id="trailers",
        ),
    ],
)
def test_headers_without_an_end_are_refused(server, connect, figures, words):
    before = memory_of(server)
    (end,) = connect(words)
    more = b"x" * MEGABYTE if b"Long" in words else b"c: d\r\n" * 150_000
    with pytest.raises(OSError, match=r"reset|[Pp]ipe"):
        end.sendall(more * 200)
    grown = memory_of(server) - before
    assert server.is_healthy()
    assert grown < 32 * MEGABYTE
    figures("headers without an end", seen=f"refused, {grown / MEGABYTE:.1f} MB")


def test_a_thousand_idle_connections_cost_others_nothing(server, connect, figures):
    before = memory_of(server)
    idle = connect(count=1000)
    taken = seconds_of(server)
    grown = memory_of(server) - before
    assert taken[-1] < SECONDS
    assert grown < 64 * MEGABYTE
    for end in idle:
        rest_of(end)
    figures(
        "1000 idle connections",
        acknowledged=len(taken),
        seen=f"others at most {taken[-1]:.2f} s, {grown / MEGABYTE:.1f} MB, all let go",
    )


@pytest.fixture
def rows(server, database_url, anyio_backend):
    """Many rows of one project, with much to say: an export of 60 MB."""
    metadata = {"said": "x" * 3000}
    call = {**CALL, "metadata": metadata, "cost": 1}
    batch = json.dumps([call] * 1000)
    headers = {"X-API-Key": "large", "Content-Type": "application/json"}
    for _ in range(18):
        answer = server.http.post("/api/v1/log/batch", content=batch, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
    return 18_000


def test_slow_readers_of_an_export_hold_no_connection_to_the_database(
    server, connect, figures, rows
):
    readers = 40  # to three connections of the pool
    before = memory_of(server)
    ends = connect(EXPORT, count=readers, receives=4096)
    for end in ends:
        assert end.recv(12) == b"HTTP/1.1 200"
    taken = seconds_of(server)
    for end in ends:
        end.recv(10)
    grown = memory_of(server) - before
    assert taken[-1] < SECONDS
    assert grown < readers * 4 * MEGABYTE
    figures(
        f"{readers} slow readers of an export, 3 connections",
        acknowledged=len(taken),
        seen=f"others at most {taken[-1]:.2f} s, {grown / MEGABYTE:.1f} MB",
    )
