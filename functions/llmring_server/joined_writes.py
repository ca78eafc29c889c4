"""uvicorn's HTTP protocol, but the head and the body of an answer leave in one write.

uvicorn writes each by itself, and a write to a socket takes as long as all that we do to log a
call. Here the first part waits for the second, or for the end of this turn of the event loop.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class JoinedWrites(HttpToolsProtocol):
    """Answers HTTP/1.1."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak to a client."""
        super().connection_made(cast("asyncio.Transport", _Joining(transport, self.loop)))


class _Joining:
    """A transport that keeps a first part until the next comes, or the turn is over."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write with what comes next."""
        self._parts.append(data)
        if len(self._parts) == 1:
            self._loop.call_soon(self._flush)
        else:
            self._flush()

    def close(self) -> None:
        """Write what there is, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._transport.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
