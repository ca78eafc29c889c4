"""A registry upstream that is not well: prices stay exact, and what has none yet gets one later."""

import gzip
import json
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support.processes import HEADERS, servers_on, until
from support.projects import a_call
from support.upstream import REGISTRY

MEGABYTE = 1024**2
CALL = a_call(input_tokens=1_000_000, output_tokens=0)
PRICE = 2.0
GOOD = {
    "manifest.json": json.dumps({"version": "1", "providers": {name: {} for name in REGISTRY}}),
    **{f"{name}/models.json": json.dumps(file) for name, file in REGISTRY.items()},
}


@cache
def bomb(layers):
    """256 MB of zeros, packed into 1 MB; packed again, into a few thousand bytes."""
    packer = zlib.compressobj(level=1, wbits=31)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(256)) + packer.flush()
    return packed if layers == 1 else gzip.compress(packed)


class Upstream(BaseHTTPRequestHandler):
    """Answers as `server.fault` says, else with a good registry."""

    def do_GET(self):
        self.server.asked += 1
        with suppress(OSError):
            if self.server.fault is not None:
                self.server.fault(self)
            else:
                self.answers(GOOD[self.path.removeprefix("/")].encode())

    def answers(self, body, status=200, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def leads_to(self, place):
        self.answers(b"", 302, Location=place)

    def late(self):
        self.server.is_over.wait(30)
        self.answers(GOOD[self.path.removeprefix("/")].encode())

    def endless(self):
        self.answers(b'{"providers": ', length=100 * MEGABYTE)
        for _ in range(100):
            self.wfile.write(b" " * MEGABYTE)

    def truncated(self):
        body = GOOD[self.path.removeprefix("/")].encode()
        self.answers(body[: len(body) // 2])

    def cut_off(self):
        body = GOOD[self.path.removeprefix("/")].encode()
        self.answers(body[: len(body) // 2], length=len(body))

    def log_message(self, *_):
        """Says nothing."""


FAULTS = {
    "garbage": lambda it: it.answers(bytes(range(256)) * 100),
    "not HTTP": lambda it: it.wfile.write(b"\x00\xff\r\n\r\n" * 100),
    "a web page": lambda it: it.answers(b"<html></html>", Content_Type="text/html"),
    "status 500": lambda it: it.answers(b"{}", 500),
    "30 s late": Upstream.late,
    "100 MB": Upstream.endless,
    "truncated JSON": Upstream.truncated,
    "cut off": Upstream.cut_off,
    "to itself": lambda it: it.leads_to(it.path),
    "to a file": lambda it: it.leads_to("file:///etc/passwd"),
    "to nobody": lambda it: it.leads_to("http://127.0.0.1:9/manifest.json"),
    "gzip bomb": lambda it: it.answers(bomb(1), Content_Encoding="gzip"),
    "gzip bomb in gzip": lambda it: it.answers(bomb(2), Content_Encoding="gzip, gzip"),
    "not the gzip it says": lambda it: it.answers(b"{}", Content_Encoding="gzip"),
    "a million providers": lambda it: it.answers(
        json.dumps({"providers": [f"p{number}" for number in range(1_000_000)]}).encode()
    ),
}


@contextmanager
def serving():
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        server.fault, server.asked, server.is_over = None, 0, threading.Event()
        server.url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.is_over.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def upstream():
    with serving() as upstream:
        yield upstream


@pytest.fixture
def start(anyio_backend, database_url, folder, upstream):
    """Starts servers on one database; a copy of the registry is never fresh for them."""
    variables = {
        "LLMRING_DATABASE_URL": database_url,
        "LLMRING_CACHE_TTL": "0",
        "LLMRING_REGISTRY_BASE_URL": upstream.url,
    }
    with servers_on(folder, **variables) as start:
        yield start


def logged(server):
    response = server.http.post("/api/v1/log", json=CALL, headers=HEADERS)
    assert response.status_code == 200, response.text
    return response.json()


def cost_of(server, log_id):
    return server.http.get(f"/api/v1/logs/{log_id}", headers=HEADERS).json()["cost"]


def peak_of(server):
    """The most memory that a server has had, in bytes."""
    with open(f"/proc/{server.process.pid}/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_upstream_does_prices_stay_exact(upstream, start, figures, fault):
    upstream.fault = FAULTS[fault]
    first = start()
    waits = logged(first)
    assert (waits["cost"], waits["cost_status"]) == (None, "unpriced")
    assert first.http.get("/registry", timeout=20).status_code == 503
    peaks = [peak_of(first)]
    first.close()

    upstream.fault = None
    second = start()
    assert second.http.get("/registry").status_code == 200
    until(lambda: cost_of(second, waits["log_id"]) == PRICE)
    until(lambda: logged(second)["cost"] == PRICE)

    upstream.fault, asked, calm = FAULTS[fault], upstream.asked, peak_of(second)
    assert second.http.get("/registry").status_code == 200
    until(lambda: second.http.get("/registry").status_code == 200 and upstream.asked > asked)
    until(lambda: "could not be fetched" in second.output.read_text())
    models = second.http.get("/registry").json()["providers"]["openai"]["models"]
    assert set(models) == {"gpt-4.1", "gpt-4o-mini", "no-price"}
    assert logged(second)["cost"] == PRICE
    peaks.append(peak_of(second))
    assert max(peaks) - calm < 120 * MEGABYTE
    figures(
        f"registry upstream: {fault}",
        acknowledged=3,
        seen=f"last good copy served, {max(0, max(peaks) - calm) / MEGABYTE:.0f} MB",
    )


def test_a_registry_that_moved_is_found_at_its_new_place(upstream, start):
    with serving() as other:
        upstream.fault = lambda it: it.leads_to(other.url + it.path.removeprefix("/"))
        server = start()
        assert server.http.get("/registry").status_code == 200
        until(lambda: logged(server)["cost"] == PRICE)


def test_a_registry_that_comes_compressed_is_read(upstream, start):
    def compressed(it):
        body = GOOD[it.path.removeprefix("/")].encode()
        it.answers(gzip.compress(body), Content_Encoding="gzip")

    upstream.fault = compressed
    server = start()
    assert server.http.get("/registry").status_code == 200
    until(lambda: logged(server)["cost"] == PRICE)


def test_a_server_finds_by_itself_that_upstream_is_well_again(upstream, start, figures):
    upstream.fault = FAULTS["status 500"]
    server = start()
    waits = logged(server)
    until(lambda: upstream.asked)
    upstream.fault = None
    began = time.monotonic()
    while server.http.get("/registry").status_code != 200:
        assert time.monotonic() < began + 45, "it never asked again"
        time.sleep(0.2)
    until(lambda: cost_of(server, waits["log_id"]) == PRICE)
    figures(
        "registry upstream: well again",
        acknowledged=1,
        seen=f"asked again and priced after {time.monotonic() - began:.0f} s",
    )
