"""How we connect to a host that a user named: to an address that was checked, and to no other.

The name is resolved once, every address is checked, and the connection goes to one that was; so
neither a redirect nor a second answer of the DNS leads anywhere else (DNS rebinding).
"""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import Any, NoReturn

import httpcore2
from httpcore2 import AnyIOBackend

from llmring_core.errors import Forbidden
from llmring_core.host_names import matches
from llmring_core.settings import Settings
from llmring_server.mcp.addresses import Address, refuse_private

CONNECT_SECONDS = 5.0
# Names are resolved in threads of their own: those of slow ones must not hold up anything else.
_RESOLVERS = ThreadPoolExecutor(8, thread_name_prefix="llmring-resolve")


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
        if any(matches(host, each) for each in self.settings.mcp_allowed_hosts):
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


async def _resolved(host: str, port: int) -> list[Address]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            loop = asyncio.get_running_loop()
            look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            found = await loop.run_in_executor(_RESOLVERS, look_up)
    except TimeoutError as error:
        raise httpcore2.ConnectTimeout(f"{host} is not resolved in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError(f"{host} cannot be resolved: {error}") from error
    return [ip_address(address[0]) for *_, address in found]
