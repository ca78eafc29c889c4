"""Answers of servers that are read as they come, and no further than what was asked may take."""

from collections.abc import AsyncIterator
from typing import cast

import httpx2

from llmring_server.mcp.unanswered import Unanswered
from llmring_server.mcp.values import MAX_VALUES, values_in

MAX_ANSWER_BYTES = 16 * 1024 * 1024


class AnswerTooLarge(httpx2.SSEError):
    """A server says more than it was asked. An SSEError: the SDK asks no more for the rest."""


class Room:
    """How much a server may still say: so much with each request, and before the first."""

    def __init__(self) -> None:
        """Begin with the room of one answer."""
        self._bytes, self._values = MAX_ANSWER_BYTES, MAX_VALUES

    def asked(self) -> None:
        """Make room for one answer more."""
        self._bytes += MAX_ANSWER_BYTES
        self._values += MAX_VALUES

    def take(self, chunk: bytes) -> None:
        """Note what was said.

        Raises:
            AnswerTooLarge: it is too much.
        """
        self._bytes -= len(chunk)
        self._values -= values_in(chunk)
        if min(self._bytes, self._values) < 0:
            raise AnswerTooLarge("too large")


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, room: Room) -> None:
        self._stream, self._room = stream, room

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._room.take(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def is_compressed(response: httpx2.Response) -> bool:
    """Whether an answer, unpacked, could be a thousand times as large; a chunk is so at once."""
    return bool(response.headers.get("content-encoding", "identity") != "identity")


async def bounded(response: httpx2.Response, room: Room) -> httpx2.Response:
    """An answer that takes no more than the room there is.

    Raises:
        Unanswered: it is compressed.
    """
    if is_compressed(response):
        await response.aclose()
        raise Unanswered("its answer is compressed")
    # Event streams are UTF-8 (HTML, 9.2.5). A charset may name a codec that unpacks, as bz2 does.
    kind = response.headers.get("content-type", "").partition(";")[0]
    response.headers["content-type"] = kind
    response.stream = _Bounded(cast("httpx2.AsyncByteStream", response.stream), room)
    return response
