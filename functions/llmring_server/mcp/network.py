"""How we connect to a host that a user named: to an address that was checked, and to no other.

The name is resolved once, every address is checked, and the connection goes to one that was; so
neither a redirect nor a second answer of the DNS leads anywhere else (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NoReturn

import httpcore2
import httpx2
from httpcore2 import AnyIOBackend

from llmring_core.errors import Forbidden
from llmring_core.settings import Settings
from llmring_server.mcp.addresses import Address, refuse_private

CONNECT_SECONDS = 5.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024


class TooLarge(Exception):
    """A server answered more than we read."""


@dataclass(slots=True)
class Guard:
    """Which addresses may be connected to; remembers what it refused, however that surfaced."""

    settings: Settings
    refusal: Forbidden | None = field(default=None)

    def check(self, host: str, addresses: Iterable[Address]) -> None:
        """Let a host pass that is allowed by name, or all of whose addresses may be connected to.

        Raises:
            Forbidden: one of them may not.
        """
        if any(_matches(host, each) for each in self.settings.mcp_allowed_hosts):
            return
        try:
            for address in addresses:
                refuse_private(address, self.settings.mcp_allowed_networks)
        except Forbidden as refusal:
            self.refusal = refusal
            raise


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects only where its guard lets it."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class has it so
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve a host, check what it resolves to, and connect to that."""
        addresses = await _resolved(host, port)
        self._guard.check(host, addresses)
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> NoReturn:
        """Never: a socket of our own machine is nobody else's business."""
        raise Forbidden(f"No connection is made to the socket {path}.")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class CheckedTransport(httpx2.AsyncHTTPTransport):
    """Sends requests over checked connections, and stops reading answers that are too large.

    Neither proxies nor certificates of the environment are used.
    """

    def __init__(self, guard: Guard) -> None:
        super().__init__(trust_env=False)
        # httpx2 has no parameter for this; a test holds that it is in effect.
        self._pool._network_backend = CheckedBackend(guard)  # noqa: SLF001

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        response = await super().handle_async_request(request)
        response.stream = _Counted(response.stream)
        return response


class _Counted(httpx2.AsyncByteStream):
    """The body of an answer, up to a size."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise TooLarge(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def client_of(guard: Guard, headers: dict[str, str], seconds: float) -> httpx2.AsyncClient:
    """Make an HTTP client of checked connections; it reads neither proxies nor netrc."""
    return httpx2.AsyncClient(
        transport=CheckedTransport(guard),
        headers=headers,
        timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        trust_env=False,
    )


async def _resolved(host: str, port: int) -> list[Address]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore2.ConnectTimeout(f"{host} is not resolved in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} cannot be resolved: {error}") from error
    return [ip_address(address[0]) for *_, address in found]


def _matches(host: str, allowed: str) -> bool:
    name, allowed = host.lower().rstrip("."), allowed.lower()
    if allowed.startswith("*."):
        return name.endswith(allowed[1:])
    return name == allowed
