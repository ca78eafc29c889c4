"""A database that hangs is noticed, and whoever waits for it is let go.

A statement may rightly take long. But when the database does not even take a new connection, those
that are under way will not be answered either: their connections are ended rather than waited for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from llmring_core.loops import is_over

log = logging.getLogger("llmring.database")

# How long a connection is out before the database is asked for a sign of life, and how long that
# may take. Together less than clients wait.
PATIENCE_SECONDS = 4.0
SIGN_SECONDS = 2.0
# How often a loop that is on time ticks meanwhile; one that ticks less than half of that was busy
# itself, and says nothing about the database.
TICK_SECONDS = 0.1
# Between two questions, as long as a connection is out.
PAUSE_SECONDS = 1.0


class Watch:
    """Watches the connections of a pool while they are out; of one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        """`connect` opens a connection, and raises TimeoutError when nobody answers."""
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._since: dict[Any, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._question: asyncio.Task[None] | None = None
        self._ticks = 0

    def begin(self, raw: Any) -> None:
        """Watch a connection that is lent."""
        self._since[raw] = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE_SECONDS, self._look)

    def end(self, raw: Any) -> None:
        """Watch it no more; harmless if it is not watched."""
        self._since.pop(raw, None)

    def close(self) -> None:
        """Watch nothing any more."""
        self._since.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._question is not None:
            self._question.cancel()

    def _look(self) -> None:
        self._timer = None
        if not self._since:
            return  # the next loan begins anew: nothing ticks while nobody asks anything
        oldest = self._loop.time() - min(self._since.values())
        if oldest >= PATIENCE_SECONDS and is_over(self._question):
            self._question = asyncio.create_task(self._end_what_hangs())
        wait = max(PATIENCE_SECONDS - oldest, PAUSE_SECONDS)
        self._timer = self._loop.call_later(wait, self._look)

    async def _end_what_hangs(self) -> None:
        waiting = list(self._since.items())
        self._ticks = 0
        ticking = asyncio.create_task(self._tick())
        try:
            (await self._connect()).terminate()
        except TimeoutError:
            if self._ticks * TICK_SECONDS < SIGN_SECONDS / 2:
                return  # it was we who did not listen; the next look asks again
            hanging = [raw for raw, since in waiting if self._since.get(raw) == since]
            log.warning("the database hangs; %d statements are given up", len(hanging))
            for raw in hanging:
                raw.terminate()
        except Exception as error:  # noqa: BLE001 - it refuses, so it is there
            log.warning("the database takes no connection: %s", type(error).__name__)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._ticks += 1
