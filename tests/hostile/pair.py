"""Two real servers that ought to answer alike: one that takes short paths, and one that takes none.

With a rate limit there are no short paths; with one this high there is no limit either.
"""

import asyncio
import json
import re
import signal
import sys
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import psutil

from hostile.endpoints import ADMIN, KEY, every_endpoint
from hostile.wire import SECONDS, Request, Wire
from llmring_core.base64_text import to_base64url
from support import upstream
from support.mcp import MCP, Demo, demo_server
from support.mcp import serving as serving_app
from support.one_of_each import one_of_each
from support.postgres import TEMPLATE, administer, url_of
from support.processes import Server, data_folder, until
from support.projects import Project
from support.stranger import check

ADMIN_TOKEN = "admin-token-of-the-hostile-tests"
JSON = (b"Content-Type", b"application/json")
# What the MCP server has of each kind.
OFFERED = {"tool_id": "add", "resource_id": "one", "prompt_id": "greet"}
# What differs from one server to the next, or from one moment to the next.
_OWN = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|\+00:00)?|[\w+/-]{16,}={0,2}"
    r'|"hint": ?"lr_\w+"|"duration_ms": ?\d+|"(?:bytes|output_bytes)": ?\d+|127\.0\.0\.1:\d+'
)
_PLAIN = "text/plain; charset=utf-8"
_NUMBERS = count()


class CollectingServer(Server):
    """A server that collects its garbage when it is told to, so that its memory can be compared."""

    command = (sys.executable, str(Path(__file__).with_name("collecting_server.py")))

    def memory(self):
        """The bytes of memory that it has, after a collection."""
        collections = self.output.read_text().count("collected\n")
        self.signal(signal.SIGUSR1)
        until(lambda: self.output.read_text().count("collected\n") > collections)
        return psutil.Process(self.process.pid).memory_info().rss


@dataclass
class Figures:
    """What came of it, for the table at the end."""

    requests: int = 0
    faults: int = 0
    slowest: float = 0.0
    slowest_request: str = ""
    problems: list[object] = field(default_factory=list)

    def note(self, request, answer):
        self.requests += 1
        self.faults += answer.status_code >= 500 and not _is_of_the_mcp_server(answer)
        if answer.seconds > self.slowest:
            self.slowest = answer.seconds
            target = request.target[:60].decode("latin-1")
            self.slowest_request = f"{request.method} {target}, {len(request.body or b'')} bytes"
        if problem := _problem_with(request, answer):
            self.problems.append((problem, *_told(request, answer)))


class Pair:
    """The two servers, asked the same."""

    def __init__(self, servers, demo_url):
        self.servers = servers
        self.figures = Figures()
        self.demo_url = demo_url
        self._wires = [Wire(server.port) for server in servers]
        self.first_answers = {}
        self._ids = {}

    def asks(self, *requests):
        """Send both a request, each with its own ids in it; note what is odd with the answers."""
        both = list(zip(self._wires, requests, strict=True))
        for wire, request in both:
            wire.send(request)
        answers = [wire.receive(request) for wire, request in both]
        for request, answer in zip(requests, answers, strict=True):
            self.figures.note(request, answer)
        if differ := _differ(*answers):
            self.figures.problems.append(("not alike", differ, *_told(requests[0], answers[0])))
        return answers[0]

    def both(self, method, target, headers=(), body=None):
        request = Request(method, target, [*headers], body)
        return self.asks(request, request)

    def ids_for(self, endpoint, key):
        """One of each thing on both servers, which endpoints that change nothing share."""
        can_run = endpoint.path.startswith(MCP)
        if not endpoint.needs_things:
            return key, [{}, {}]
        if endpoint.method == "DELETE":
            return key, self._made(key, can_run)
        whose = can_run if endpoint.method == "GET" else endpoint
        if whose not in self._ids:
            self._ids[whose] = key, self._made(key, can_run)
        return self._ids[whose]

    def _made(self, key, can_run):
        url = self.demo_url

        async def made():
            return await asyncio.gather(*(_make(each, key, url, can_run) for each in self.servers))

        return asyncio.run(made())

    def close(self):
        for wire in self._wires:
            wire.close()


class Asker:
    """Asks one endpoint, as a project of its own wherever that matters."""

    def __init__(self, pair, endpoint):
        self._pair = pair
        self._endpoint = endpoint
        key, self._ids = pair.ids_for(endpoint, f"key-{next(_NUMBERS)}")
        self._headers = [(b"X-API-Key", key.encode())]
        if endpoint.path.startswith(ADMIN):
            self._headers.append((b"Authorization", f"Bearer {ADMIN_TOKEN}".encode()))

    def __call__(self, body=None, *, tail=b"", odd=None, headers=()):
        """Ask both servers; `odd` is a name in the path and what stands in its place."""
        if body is None and self._endpoint.has_body:
            body = json.dumps(self._endpoint.example).encode()
        kind = [JSON] if body is not None else []
        headers = [*headers, *self._headers, *kind, (b"X-Request-Id", b"the-same")]
        targets = [self._target(ids, odd) + tail for ids in self._ids]
        return self._pair.asks(
            *(Request(self._endpoint.method, target, headers, body) for target in targets)
        )

    def _target(self, ids, odd):
        path = self._endpoint.path.encode()
        for name in self._endpoint.names:
            value = odd[1] if odd and odd[0] == name else ids[name].encode()
            path = path.replace(b"{%s}" % name.encode(), value)
        query = self._endpoint.query.encode()
        return path + (b"?" + query if query else b"")


async def _make(server, key, demo_url, can_run):
    async with httpx.AsyncClient(base_url=str(server.http.base_url), timeout=30) as http:
        project = Project(http, key)
        ids = await one_of_each(project, demo_url, "text")
        if can_run:
            await project.ask("POST", f"{MCP}/servers/{ids['server_id']}/refresh")
            for name, wanted in OFFERED.items():
                found = await project.reads(f"{MCP}/{name.replace('_id', 's')}")
                (ids[name],) = [each["id"] for each in found if each["name"] == wanted]
        ids["receipt_id"] = (await project.generates(since_last_receipt=True))["id"]
        await project.logs()  # which no receipt covers yet
        admin = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        made = await http.post(f"{ADMIN}/keys", json={"project": key}, headers=admin)
        return ids | {"key_id": made.json()["key_id"]}


def _problem_with(request, answer):
    """A fault, a delay, or an answer that is neither a problem nor of a type that is told of."""
    if answer.seconds >= SECONDS:
        return "slow"
    if not answer.status_code:
        return "closed without an answer"
    if _is_no_answer_of_ours(request, answer):
        return None
    try:
        check(answer)
    except (AssertionError, ValueError, KeyError) as error:
        return repr(error)[:300]
    return "it names its software" if "server" in answer.headers else None


def _is_no_answer_of_ours(request, answer):
    """What is told by uvicorn before there is a request, or cannot tell, having no body."""
    is_no_http = answer.status_code == 400 and answer.headers.get("content-type") == _PLAIN
    is_head = request.method == "HEAD" and answer.status_code < 500
    return is_no_http or is_head or _is_of_the_mcp_server(answer)


def _is_of_the_mcp_server(answer):
    """Whether it is what the MCP server said, which is what a 502 is for."""
    return answer.status_code == 502 and b"The server answered with an error" in answer.content


def _differ(first, second):
    """What has to be the same of two answers, and is not."""
    one, other = _same_part(first), _same_part(second)
    if one == other and first.content == second.content:
        return None
    one["content"], other["content"] = map(_without_own, (first, second))
    return None if one == other else (one, other)


def _same_part(answer):
    names = [name for name in answer.headers if not name.startswith("ratelimit")]
    kind = answer.headers.get("content-type")
    return {"status": answer.status_code, "kind": kind, "names": sorted(names)}


def _without_own(answer):
    return _OWN.sub("…", answer.content[:50_000].decode("latin-1"))


def _told(request, answer):
    target, body = request.target[:200], (request.body or b"")[:200]
    told = answer.status_code, answer.content[:300]
    return request.method, target, request.headers[-2:], body, *told


@contextmanager
def database():
    """A migrated database of its own, by URL, for as long as a module needs it."""
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(administer(f"create database {name} template {TEMPLATE} strategy file_copy"))
    try:
        yield url_of(name)
    finally:
        asyncio.run(administer(f"drop database {name} with (force)"))


@contextmanager
def two_servers():
    """Start them, each with a database, and with a registry and an MCP server that both ask."""
    with ExitStack() as stack:
        port = stack.enter_context(serving_app(demo_server(Demo()).streamable_http_app()))
        registry = stack.enter_context(upstream.serving())
        variables = {
            "LLMRING_REGISTRY_BASE_URL": registry.url,
            "LLMRING_ADMIN_TOKEN": ADMIN_TOKEN,
            "LLMRING_KEY_PEPPER": to_base64url(bytes(32)),
            "LLMRING_SECRETS_KEY": to_base64url(bytes(32)),
            "LLMRING_RECEIPTS_PRIVATE_KEY_B64": KEY.seed_text(),
        }
        servers = []
        for limit in ("", "100000000/second"):
            server = CollectingServer(
                data_dir=stack.enter_context(data_folder()),
                LLMRING_DATABASE_URL=stack.enter_context(database()),
                LLMRING_RATE_LIMIT=limit,
                **variables,
            )
            stack.callback(server.close)
            servers.append(server)
        for server in servers:
            until(server.is_healthy)
            until(lambda http=server.http: http.get("/registry").status_code == 200)
        pair = Pair(servers, f"http://127.0.0.1:{port}/mcp")
        stack.callback(pair.close)
        yield pair


def warm_up(pair):
    """Have everything asked for once, as much is imported and kept at the first need."""
    for endpoint in every_endpoint():
        asks = Asker(pair, endpoint)
        pair.first_answers[endpoint.name] = asks()
        if endpoint.has_body:
            asks(b"[" * 100_000)
    for _ in range(3):
        Asker(pair, endpoint)(b'"' + b"x" * 10_000_000 + b'"')
