"""Group commit: the calls of many requests at once are written in one statement.

A commit waits for the disk. While one is under way, the calls that come wait for it together and
are written by the next one. A request that finds nothing under way writes at once, by itself: alone
it is as fast as it would be without the others, and on Lambda, where requests come one at a time,
that is all there is. So does a request that is large: nobody else should wait for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, NamedTuple, cast

from fastapi import Depends, Request

from llmring_core import usage_log
from llmring_core.background import of_nobody
from llmring_core.database import Database
from llmring_core.errors import AlreadyExists, LLMRingError, Unavailable, Unprocessable
from llmring_core.usage_log import Numbered

# Of requests that are written together; what is larger is written by itself.
MAX_CALLS = 50
MAX_BYTES = 64 * 1024
# What one statement writes, and what may wait: less than a second of work for a database that is
# well. In bytes of the requests.
GROUP_CALLS = 1000
GROUP_BYTES = 4 * 1024 * 1024
WAITING_CALLS = 10_000
WAITING_BYTES = 64 * 1024 * 1024
TOO_BUSY = "More calls are waiting to be stored than the database takes; try again shortly."
# A database that takes longer for one statement is not well, and nobody should wait for it.
WRITE_SECONDS = 10.0
# From how many calls on COPY is faster than an INSERT.
MANY = 2

_Calls = Sequence[tuple[str, Numbered]]


class _Waiting(NamedTuple):
    """Calls of one request, and its wish to hear that they are stored, all or none."""

    calls: _Calls
    size: int
    stored: asyncio.Future[None]


class GroupWriter:
    """Writes calls that name no conversation. A request is answered after its own commit."""

    def __init__(self, database: Database, noted: Callable[[], None]) -> None:
        """`noted` is called after each write."""
        self._database = database
        self._noted = noted
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_writing = False
        self._waiting: deque[_Waiting] = deque()
        self._count = self._size = 0
        self._task: asyncio.Task[None] | None = None

    async def add(self, api_key_id: str, calls: Sequence[Numbered], size: int) -> None:
        """Store the calls of one request, all or none; returns once they are committed.

        `size` is that of the request, in bytes.

        Raises:
            Unavailable: the database does not answer, or too much is waiting for it.
            Unprocessable: a value does not fit; the calls of other requests are stored.
        """
        own = [(api_key_id, call) for call in calls]
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._begin_in(loop)
        if len(own) > MAX_CALLS or size > MAX_BYTES:
            await self._write(own)
        elif not self._is_writing:
            await self._write_now(own)
        else:
            await self._wait(_Waiting(own, size, loop.create_future()))

    def _begin_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget what an earlier loop left; who waits there is told, if it still runs."""
        if self._waiting and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_tell, self._waiting, Unavailable())
        self._loop, self._is_writing, self._waiting = loop, False, deque()
        self._count = self._size = 0

    async def _wait(self, waiting: _Waiting) -> None:
        count, size = self._count + len(waiting.calls), self._size + waiting.size
        if count > WAITING_CALLS or size > WAITING_BYTES:
            raise Unavailable(TOO_BUSY, retry_after=1)
        self._waiting.append(waiting)
        self._count, self._size = count, size
        await waiting.stored

    async def _write_now(self, own: _Calls) -> None:
        self._is_writing = True
        try:
            await self._write(own)
        except Unavailable:
            self._refuse_waiting()  # rather than each of them waiting in vain
            raise
        finally:
            if self._waiting:
                self._task = of_nobody(self._write_waiting())
            else:
                self._is_writing = False

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                # Requests that have come are read first, so that they go along.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                await self._write_group(self._next_group())
        finally:
            self._is_writing = False
            self._refuse_waiting()  # there are none, unless this task was cancelled

    def _next_group(self) -> list[_Waiting]:
        """Take what one statement writes; a request that was given up meanwhile is left out."""
        group: list[_Waiting] = []
        count = size = 0
        while self._waiting and count < GROUP_CALLS and size < GROUP_BYTES:
            waiting = self._waiting.popleft()
            self._count -= len(waiting.calls)
            self._size -= waiting.size
            if not waiting.stored.done():
                group.append(waiting)
                count += len(waiting.calls)
                size += waiting.size
        return group

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._write([call for waiting in group for call in waiting.calls])
        except (AlreadyExists, Unprocessable):
            await self._write_each(group)
        except LLMRingError as error:
            _tell(group, error)
            self._refuse_waiting()  # rather than each of them waiting in vain
        else:
            _tell(group, None)
        finally:
            _tell(group, Unavailable())  # only those that the cases above left

    async def _write_each(self, group: Sequence[_Waiting]) -> None:
        """Find out whose call does not fit; a database that goes away meanwhile ends it."""
        for waiting in group:
            try:
                await self._write(waiting.calls)
            except Unavailable:
                return
            except LLMRingError as error:
                _tell([waiting], error)
            else:
                _tell([waiting], None)

    async def _write(self, calls: _Calls) -> None:
        is_copied = len(calls) >= MANY and self._database.can_copy
        add = usage_log.copy_of_projects if is_copied else usage_log.add_of_projects
        await self._database.run(lambda connection: add(connection, calls), seconds=WRITE_SECONDS)
        self._noted()

    def _refuse_waiting(self) -> None:
        _tell(self._waiting, Unavailable())
        self._waiting.clear()
        self._count = self._size = 0


def _tell(group: Iterable[_Waiting], error: LLMRingError | None) -> None:
    """Answer those who still wait."""
    for waiting in group:
        if waiting.stored.done():
            continue
        if error is None:
            waiting.stored.set_result(None)
        else:
            waiting.stored.set_exception(error)


async def _of(request: Request) -> GroupWriter:
    return cast("GroupWriter", request.app.state.usage_writer)


WriterDep = Annotated[GroupWriter, Depends(_of)]
