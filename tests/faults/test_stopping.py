"""SIGTERM under load: what was begun is finished, and the server ends within ten seconds."""

import asyncio
import json
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from support.postgres import connected
from support.processes import CALL, HEADERS, Server, until
from support.proxy import proxied_database

SECONDS = 10.0
HALF_BODY = (
    b"POST /api/v1/log HTTP/1.1\r\nHost: localhost\r\nX-API-Key: key\r\n"
    b"Content-Type: application/json\r\n"
    b'Content-Length: 500\r\n\r\n{"provider": "op'
)
EXPORT = b"GET /api/v1/logs/export HTTP/1.1\r\nHost: localhost\r\nX-API-Key: large\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
ROWS = "select id_at_origin from llmring.usage_logs where id_at_origin is not null"
WAITING = """
select count(*) from pg_locks where not granted
and relation = 'llmring.usage_logs'::regclass and database = (
    select oid from pg_database where datname = current_database()
)
"""


@pytest.fixture(params=["1", "2"], ids=["one worker", "two workers"])
def server(request, anyio_backend, database_url, folder):
    with started(folder, database_url, request.param) as server:
        yield server


@contextmanager
def started(folder, url, workers="1"):
    server = Server("--workers", workers, data_dir=folder, LLMRING_DATABASE_URL=url)
    try:
        until(server.is_healthy)
        yield server
    finally:
        server.close()


def ended(server):
    """Tell a server to end; the seconds that it took."""
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    server.ends()
    return time.monotonic() - began


def log_one(http, name):
    body = {**CALL, "id_at_origin": name}
    return http.post("/api/v1/log", json=body, headers=HEADERS).status_code


class Load:
    """Clients that log calls one after the other, and note what was acknowledged."""

    def __init__(self, server, clients=16):
        self.acknowledged, self.refused, self.cut = [], [], []
        self._is_over = threading.Event()
        self._url = str(server.http.base_url)
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.acknowledged) > 100)
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=30) as http:
            while not self._is_over.is_set():
                name = uuid.uuid4().hex
                try:
                    status = log_one(http, name)
                except httpx.ConnectError:
                    return  # it listens no more
                except httpx.TransportError:
                    self.cut.append(name)
                    return
                (self.acknowledged if status == 200 else self.refused).append((name, status))


async def test_under_load_what_was_acknowledged_is_stored(server, database_url, figures):
    with Load(server) as load:
        seconds = ended(server)
    async with connected(database_url) as connection:
        stored = [row[0] for row in await connection.fetch(ROWS)]
    acknowledged = {name for name, _ in load.acknowledged}
    lost, doubled = acknowledged - set(stored), len(stored) - len(set(stored))
    assert (lost, doubled, load.refused) == (set(), 0, [])
    assert not set(load.cut) & set(stored)  # who was cut had not been begun
    assert seconds < SECONDS
    figures(
        "SIGTERM under load",
        acknowledged=len(acknowledged),
        lost=len(lost),
        duplicated=doubled,
        seen=f"ended in {seconds:.1f} s, {len(load.cut)} of 16 clients cut before an answer",
    )


async def test_requests_that_are_being_worked_on_are_finished(server, database_url, figures):
    """They wait for a lock when the signal comes, so it is sure that they are under way."""
    names = [uuid.uuid4().hex for _ in range(20)]
    clients = [httpx.Client(base_url=server.http.base_url, timeout=30) for _ in names]
    async with connected(database_url) as holder, connected(database_url) as watching:
        await holder.execute("begin; lock table llmring.usage_logs in exclusive mode")
        with ThreadPoolExecutor(len(names)) as pool:
            answers = [
                pool.submit(log_one, client, name)
                for client, name in zip(clients, names, strict=True)
            ]
            while not await watching.fetchval(WAITING):
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)  # till the others have come: they wait in memory
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            await asyncio.sleep(0.5)  # till it has been heard
            await holder.execute("rollback")
            statuses = [answer.result() for answer in answers]
        server.ends()
        seconds = time.monotonic() - began
        stored = [row[0] for row in await watching.fetch(ROWS)]
    for client in clients:
        client.close()
    assert statuses == [200] * len(names)
    assert sorted(stored) == sorted(names)
    assert seconds < SECONDS
    figures("SIGTERM with requests under way", acknowledged=20, seen=f"ended in {seconds:.1f} s")


@pytest.fixture
def clients_that_stay(server):
    """Clients in the middle of a request, at rest, and slow in reading an export."""
    batch = [{**CALL, "cost": 1, "metadata": {"said": "x" * 3000}}] * 1000
    headers = {"X-API-Key": "large", "Content-Type": "application/json"}
    for _ in range(4):
        server.http.post(
            "/api/v1/log/batch", content=json.dumps(batch), headers=headers
        ).raise_for_status()
    ends = []
    for words in [HALF_BODY, HEALTH, b"", EXPORT] * 5:
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        end.settimeout(30)
        end.connect(("127.0.0.1", server.port))
        end.sendall(words)
        if words in (HEALTH, EXPORT):
            assert end.recv(12) == b"HTTP/1.1 200"
        ends.append(end)
    yield ends
    for end in ends:
        end.close()


async def test_clients_that_hang_keep_no_server_from_ending(server, clients_that_stay, figures):
    seconds = ended(server)
    assert seconds < SECONDS
    figures("SIGTERM with clients that hang, rest, crawl", seen=f"ended in {seconds:.1f} s")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_paused_database_keeps_no_server_from_ending(
    anyio_backend, database_url, folder, figures, workers
):
    with (
        proxied_database(database_url) as (proxy, url),
        started(folder, url, workers) as server,
        ThreadPoolExecutor(20) as pool,
    ):
        clients = [httpx.Client(base_url=server.http.base_url, timeout=30) for _ in range(20)]
        for client in clients:
            assert log_one(client, "before") == 200
        proxy.pause()
        answers = [pool.submit(log_one, client, "paused") for client in clients]
        time.sleep(0.5)
        seconds = ended(server)
        proxy.resume()
        outcomes = [answer.exception() or answer.result() for answer in answers]
        for client in clients:
            client.close()
    assert seconds < SECONDS
    assert 200 not in outcomes
    statuses = [each for each in outcomes if isinstance(each, int)]
    assert set(statuses) <= {503}
    figures(
        "SIGTERM with a paused database",
        seen=f"ended in {seconds:.1f} s, {len(statuses)} of 20 answered 503, none 200",
    )
