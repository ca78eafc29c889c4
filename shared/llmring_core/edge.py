"""What happens to every request before and after the app: path, query, request id, last net."""

import asyncio
import logging
import re
import time

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmring_core import ids, metrics, problems, telemetry, tracing
from llmring_core.errors import Unavailable
from llmring_core.inflating import inflated

error_log = logging.getLogger("llmring.error")

MAX_BODY_BYTES = 10 * 1024 * 1024
# Who is still waiting when a server waits no longer.
ENDS = "The server ends before the answer was known; ask again."
# The pages of the documentation load their scripts from elsewhere.
PAGES = ("/docs", "/docs/oauth2-redirect", "/redoc")
# Answers are data of one project: no cache may keep them, and no browser take them for a page.
SECURE = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
# In the state of a request: its id, and the status it was answered if that was not by the app.
_ID, CUT_SHORT = "llmring_request_id", "llmring_cut_short"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Edge:
    """The outermost layer: tidies the request, gives it an id and a log line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = identify(scope, _given_id(scope))
        token = telemetry.begin_request(identifier)
        status = 0
        started = time.perf_counter()

        inner = _tidy(scope)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, inner, identifier)
                tracing.name_request(identifier, has_query=bool(scope["query_string"]))
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(inner, receive, send_with_id)
        finally:
            note(scope, inner, status, started)
            telemetry.request_id.reset(token)


class LastNet:
    """The innermost layer: whatever the app did not foresee becomes a problem, not a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _has_nul(scope):
            refusal = problems.problem(422, "invalid-request", "The URL has a NUL character in it.")
            await refusal(scope, receive, send)
            return
        try:
            body = _content(scope, receive)
        except HTTPException as error:
            await problems.answer_to(error)(scope, receive, send)
            return
        await self._serve(scope, body, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def watched_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except asyncio.CancelledError:
            if not has_begun:
                await problems.answer_to(Unavailable(ENDS))(scope, receive, send)
            raise
        except Exception:
            if has_begun:
                raise  # half an answer is out: cutting the connection is the only honest end
            error_log.exception("%s %s failed", scope["method"], scope["path"])
            await problems.internal_error()(scope, receive, send)


def identify(scope: Scope, given: bytes | None) -> str:
    """The id of a request, the same each time: its X-Request-Id if that is sane, else a new one."""
    state = scope.setdefault("state", {})
    if _ID not in state:
        text = (given or b"").decode("latin-1")
        state[_ID] = text if _REQUEST_ID.fullmatch(text) else ids.new_request_id()
    return str(state[_ID])


def note(scope: Scope, inner: Scope, status: int, started: float) -> None:
    """Log a request as it came, and count it by the route that it took."""
    telemetry.log_access(scope["method"], scope["path"], status, started)
    metrics.request_ended(inner, status, started)


def _given_id(scope: Scope) -> bytes | None:
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    return given[0] if given else None


def _add_headers(message: Message, scope: Scope, identifier: str) -> None:
    headers = MutableHeaders(scope=message)
    secure(headers, is_page=scope["path"] in PAGES)
    headers.update(scope["state"].get("llmring_headers", {}))
    headers["X-Request-Id"] = identifier


def secure(headers: MutableHeaders, *, is_page: bool = False) -> None:
    """Say what a browser may do with an answer, where the route has not said so."""
    for name, value in SECURE:
        if not (is_page and name == "Content-Security-Policy"):
            headers.setdefault(name, value)


def _tidy(scope: Scope) -> Scope:
    """Take one trailing slash off the path and empty values out of the query; HEAD is a GET.

    Every path answers with and without a slash, without a redirect, and `start_date=` counts as
    absent: the published client writes it so.
    """
    scope = {"state": {}, **scope}
    if scope["method"] == "HEAD":
        scope["method"] = "GET"
    path, root = scope["path"], scope.get("root_path", "")
    if path.endswith("/") and path.removeprefix(root) not in ("", "/"):
        scope["path"] = path[:-1]
    pairs = scope["query_string"].split(b"&")
    scope["query_string"] = b"&".join(pair for pair in pairs if pair.partition(b"=")[2])
    return scope


def _content(scope: Scope, receive: Receive) -> Receive:
    """The body of a request, inflated and within the limit; raises HTTPException.

    What comes with a GET means nothing (RFC 9110, section 9.3.1) and no route reads it. But whoever
    streams an answer listens for the client to leave, and must not hear of a bad body instead.
    """
    return receive if scope["method"] == "GET" else _limited(inflated(scope, receive), scope)


def _limited(receive: Receive, scope: Scope) -> Receive:
    """Count a body while it comes in: what it says of its length may be untrue or missing.

    Starlette's own limit would do, but answers past us, without a problem or a request id.
    """
    size, more = 0, True

    async def counted() -> Message:
        nonlocal size, more
        message = await receive()
        if more and message["type"] == "http.disconnect":  # nobody reads it, but the log tells
            raise HTTPException(scope["state"].get(CUT_SHORT, 408), "The rest did not come.")
        more = message.get("more_body", False)
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes.")
        return message

    return counted


def _has_nul(scope: Scope) -> bool:
    return "\x00" in scope["path"] or b"%00" in scope["query_string"]
