"""Group commit: the calls of many requests at once are written in one statement.

A commit waits for the disk. While one is under way, the calls that come wait for it together and
are written by the next one. A request that finds nothing under way writes at once, by itself: alone
it is as fast as it would be without the others, and on Lambda, where requests come one at a time,
that is all there is.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Annotated, NamedTuple, cast

from fastapi import Depends, Request

from llmring_core import usage_log
from llmring_core.database import Database
from llmring_core.errors import AlreadyExists, LLMRingError, Unavailable, Unprocessable
from llmring_core.usage_log import Numbered

CALLS_AT_ONCE = 1000
# From how many on COPY pays.
MANY = 4
# What may wait: a few MB, and less than a second of work for a database that is well.
MAX_WAITING = 10_000
TOO_BUSY = "More calls are waiting to be stored than the database takes; try again shortly."
# A database that takes longer for one statement is not well, and nobody should wait for it.
WRITE_SECONDS = 10.0

_Calls = Sequence[tuple[str, Numbered]]


class _Waiting(NamedTuple):
    """Calls of one request, and its wish to hear that they are stored, all or none."""

    calls: _Calls
    stored: asyncio.Future[None]


class GroupWriter:
    """Writes calls that name no conversation. A request is answered after its own commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_writing = False
        self._waiting: deque[_Waiting] = deque()
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    async def add(self, api_key_id: str, calls: Sequence[Numbered]) -> None:
        """Store the calls of one request, all or none; returns once they are committed.

        Raises:
            Unavailable: the database does not answer, or too many calls are waiting for it.
            Unprocessable: a value does not fit; the calls of other requests are stored.
        """
        own = [(api_key_id, call) for call in calls]
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # what an earlier loop left will never end
            self._loop, self._is_writing, self._count = loop, False, 0
            self._waiting.clear()
        if not self._is_writing:
            await self._write_now(own)
            return
        if self._count + len(own) > MAX_WAITING:
            raise Unavailable(TOO_BUSY, retry_after=1)
        waiting = _Waiting(own, loop.create_future())
        self._waiting.append(waiting)
        self._count += len(own)
        await waiting.stored

    async def _write_now(self, own: _Calls) -> None:
        self._is_writing = True
        try:
            await self._write(own)
        finally:
            if self._waiting:
                self._task = asyncio.create_task(self._write_waiting())
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
        size = 0
        while self._waiting and size < CALLS_AT_ONCE:
            waiting = self._waiting.popleft()
            self._count -= len(waiting.calls)
            if not waiting.stored.done():
                group.append(waiting)
                size += len(waiting.calls)
        return group

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._write([call for waiting in group for call in waiting.calls])
        except (AlreadyExists, Unprocessable):
            for waiting in group:
                await self._write_alone(waiting)
        except LLMRingError as error:
            _tell(group, error)
            self._refuse_waiting()  # rather than each of them waiting in vain
        else:
            _tell(group, None)
        finally:
            _tell(group, Unavailable())  # only those that the cases above left

    async def _write_alone(self, waiting: _Waiting) -> None:
        """Find out which request of a group it was whose call does not fit."""
        try:
            await self._write(waiting.calls)
        except LLMRingError as error:
            _tell([waiting], error)
        else:
            _tell([waiting], None)

    async def _write(self, calls: _Calls) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                if len(calls) >= MANY and self._database.can_copy:
                    await usage_log.copy_of_projects(self._database, calls)
                else:
                    await usage_log.add_of_projects(self._database, calls)
        except TimeoutError as error:
            raise Unavailable from error

    def _refuse_waiting(self) -> None:
        _tell(self._waiting, Unavailable())
        self._waiting.clear()
        self._count = 0


def _tell(group: Sequence[_Waiting] | deque[_Waiting], error: LLMRingError | None) -> None:
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
