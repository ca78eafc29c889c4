"""Requests that are for somebody else, by the Host header (RFC 9110, sections 7.2 and 7.4).

A web page may have its own name point to 127.0.0.1 (DNS rebinding). To the browser this server is
then a part of that page, which may ask it anything; only the Host header gives that away.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from llmring_core import edge, problems, telemetry
from llmring_core.host_names import matches

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# As most clients write it: without a search.
_USUAL = (b"127.0.0.1", b"localhost")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]*)?")


class KnownHosts:
    """The outermost layer of a server: answers 421 to a request for a host that it is not."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        """`allowed` are names, or patterns of them, beside those of this machine."""
        self._app = app
        self._allowed = (*LOOPBACK, *allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not self._is_known(value):
                    await _refuse(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _is_known(self, value: bytes) -> bool:
        if value.partition(b":")[0] in _USUAL:
            return True
        found = _HOST.fullmatch(value.decode("latin-1"))
        return found is not None and any(matches(found[1], each) for each in self._allowed)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    identifier = edge.request_id(None)
    token = telemetry.begin_request(identifier)
    detail = "This server is not the host that was asked for; LLMRING_ALLOWED_HOSTS names others."
    headers = {**dict(edge.SECURE), "X-Request-Id": identifier}
    try:
        refusal = problems.problem(421, "misdirected-request", detail, headers=headers)
        await refusal(scope, receive, send)
    finally:
        telemetry.request_id.reset(token)
