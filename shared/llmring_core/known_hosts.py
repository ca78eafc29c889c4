"""Requests that are for somebody else, by the Host header (RFC 9110, sections 7.2 and 7.4).

A web page may have its own name point to 127.0.0.1 (DNS rebinding). To the browser this server is
then a part of that page, which may ask it anything; only the Host header gives that away.
"""

import re
from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from llmring_core import problems
from llmring_core.edge import Edge
from llmring_core.host_names import matches

ANY = ("*",)
HERE = "localhost"
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*))(?::[0-9]*)?")
# So many are remembered as they were written, so that a request costs no search.
_MAX_REMEMBERED = 64


class KnownHosts:
    """A layer around an app that answers 421 to a request for a host that it is not."""

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        """`allowed` are names, or patterns of them, beside those of this machine."""
        self._app = app
        self._refusal = Edge(_refuse)
        self._allowed = (HERE, *allowed)
        self._remembered: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and value not in self._remembered and not self._knows(value):
                    await self._refusal(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _knows(self, value: bytes) -> bool:
        found = _HOST.fullmatch(value.decode("latin-1").strip(" \t"))
        host = (found[1] or found[2]) if found else ""
        is_known = _is_loopback(host) or any(matches(host, each) for each in self._allowed)
        if is_known and len(self._remembered) < _MAX_REMEMBERED:
            self._remembered.add(value)
        return is_known


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "This server is not the host that was asked for; LLMRING_ALLOWED_HOSTS names others."
    await problems.problem(421, "misdirected-request", detail)(scope, receive, send)
