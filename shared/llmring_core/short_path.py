"""A short path past the framework, for the few routes that are called all the time.

FastAPI and the layers around it take 0.2 ms of a request; what a short path is for takes 0.03. It
answers a *plain* request of one route: no query (unless its path says that it reads one), no
repeated header, not of a web page. Whatever it does not take (then it returns None) goes on to the
app, body and all. So the route alone says what is wrong with a request, is what `/docs` shows, and
stays the specification: a test asks both the same and compares the answers.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmring_core import api_keys, edge, metrics, problems, telemetry
from llmring_core.callers import Caller, Door, known_caller
from llmring_core.errors import LLMRingError, Unavailable

_JSON = (b"application/json", b"application/json; charset=utf-8")
# As our own ids are written; the routes read other forms too.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What only the app heeds.
_NOT_PLAIN = {b"content-encoding", b"idempotency-key", b"origin"}

Headers = list[tuple[bytes, bytes]]


_NO_STORE, *_SECURE = [(name.lower().encode(), value.encode()) for name, value in edge.SECURE]


class PlainRequest(NamedTuple):
    """A request that a short path may answer; names of headers are in lower case."""

    headers: Mapping[bytes, bytes]
    body: bytes
    name: str  # the part of the path that `*` stands for
    query: bytes
    door: Door

    def caller_who_may(self, scope: api_keys.Scope) -> Caller | None:
        """Who is calling; None if the route is to find out, or to refuse it."""
        key = self.headers.get(b"x-api-key")
        caller = known_caller(self.door, key) if key else None
        if caller is None or not caller.may(scope):
            return None
        telemetry.project_id.set(caller.logged_as)
        return caller

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON."""
        return self.headers.get(b"content-type") in _JSON


class PlainAnswer(NamedTuple):
    """What a short path answers: JSON, as it is to be sent."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)


ShortPath = Callable[[PlainRequest], Awaitable[PlainAnswer | None]]
# By method and path; in a path, `*` may stand for a UUID, and `?` at its end for any query.
ShortPaths = dict[tuple[str, str], ShortPath]


class ShortPathMiddleware:
    """The outermost layer of an app: answers what a short path takes, and passes on the rest."""

    def __init__(self, app: ASGIApp, paths: ShortPaths, door: Door, *, varies: bool) -> None:
        """`varies`: the app answers web pages, so that a cache has to heed who asks."""
        self._app = app
        self._paths = paths
        self._door = door
        self._common = _SECURE + ([(b"vary", b"Origin")] if varies else [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        short, name = self._path_of(scope)
        headers = _headers(scope) if short else None
        if short is None or headers is None or not self._may_be_read(scope, headers):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        messages: deque[Message] = deque()
        identifier = edge.identify(scope, headers.get(b"x-request-id"))
        body = b"" if scope["method"] == "GET" else await _body(receive, messages)
        token = telemetry.begin_request(identifier)
        try:
            request = PlainRequest(headers, body, name, scope["query_string"], self._door)
            answer = await self._answer(short, request, identifier, send)
            if answer is not None:
                await self._send(answer, identifier, send)
                telemetry.log_access(scope["method"], scope["path"], answer.status, started)
                route = scope["path"].replace(name, "*") if name else scope["path"]
                metrics.request_ended(scope, answer.status, started, route=route)
        finally:
            telemetry.request_id.reset(token)
        if answer is None:
            await self._app(scope, _again(messages, receive), send)

    def _may_be_read(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request has no body, or comes from somebody whose body may be kept."""
        if scope["method"] == "GET":
            return True
        key = headers.get(b"x-api-key")
        return key is not None and known_caller(self._door, key) is not None

    async def _answer(
        self, short: ShortPath, request: PlainRequest, identifier: str, send: Send
    ) -> PlainAnswer | None:
        try:
            return await short(request)
        except asyncio.CancelledError:
            refusal = _refusal(problems.answer_to(Unavailable(edge.ENDS)))
            await self._send(refusal, identifier, send)
            raise
        except LLMRingError as error:
            return _refusal(problems.answer_to(error))
        except Exception:  # noqa: BLE001 - the last net, as `edge.LastNet` is
            edge.error_log.exception("a short path failed")
            return _refusal(problems.internal_error())

    async def _send(self, answer: PlainAnswer, identifier: str, send: Send) -> None:
        length = b"%d" % len(answer.body)
        headers: Headers = [
            (b"content-length", length),
            (b"x-request-id", identifier.encode("latin-1")),
            *answer.headers,
            *self._common,
        ]
        if not any(name == b"cache-control" for name, _ in answer.headers):
            headers.append(_NO_STORE)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _path_of(self, scope: Scope) -> tuple[ShortPath | None, str]:
        if scope["type"] != "http":
            return None, ""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if "*" in path or "?" in path:
            return None, ""  # a path that has the signs of a pattern in it is not meant by one
        end = "?" if scope["query_string"] else ""
        if short := self._paths.get((scope["method"], path + end)):
            return short, ""
        name = next(filter(_UUID.fullmatch, path.split("/")), "")
        if not name:
            return None, ""
        return self._paths.get((scope["method"], path.replace(name, "*") + end)), name


def _headers(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers of a plain request; None if it is not one."""
    headers = dict(scope["headers"])
    came_once = len(headers) == len(scope["headers"])
    return headers if came_once and _NOT_PLAIN.isdisjoint(headers) else None


async def _body(receive: Receive, messages: deque[Message]) -> bytes:
    """Read the body, and keep what it came in; one that is too large not to its end."""
    size, more = 0, True
    while more and size <= edge.MAX_BODY_BYTES:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    if size > edge.MAX_BODY_BYTES or messages[-1]["type"] != "http.request":
        return b""  # too large, or the client left in the middle
    return b"".join([each.get("body", b"") for each in messages])


def _again(messages: deque[Message], receive: Receive) -> Receive:
    """Let the body be received once more."""

    async def receive_again() -> Message:
        return messages.popleft() if messages else await receive()

    return receive_again


def _refusal(problem: Response) -> PlainAnswer:
    headers = tuple(each for each in problem.raw_headers if each[0] != b"content-length")
    return PlainAnswer(bytes(problem.body), problem.status_code, headers)
