"""Connections to servers: kept while they are used, shared by the calls of the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, FastAPI, Request

from llmring_core import deadline
from llmring_core.errors import GatewayTimeout, Unavailable
from llmring_core.settings import Settings
from llmring_server.mcp import remote, transports
from llmring_server.mcp.transports import Target

if TYPE_CHECKING:
    from mcp import Client

    from llmring_server.mcp.network import Guard

IDLE_SECONDS = 60.0
# A connection unused for this long is asked whether it lives before it is used.
SLEPT_SECONDS = 5.0
KNOCK_SECONDS = 1.0
# The longest that anybody may wait for a call; what limits a call is its own time.
LONGEST_SECONDS = 600.0
# How long a connection that is not kept may take to close: its session ends at the server, too.
CLOSE_SECONDS = 2.0
AT_ONCE = 100


@dataclass(slots=True, eq=False)
class _Held:
    """A connection that is kept, by the task that opened it: only that one may close it."""

    guard: "Guard"
    ready: asyncio.Future["Client"]
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    users: int = 0
    last_used: float = 0.0


class Connections:
    """The connections of one app, each to one server with one set of credentials."""

    def __init__(self, settings: Settings, *, keep: bool) -> None:
        """`keep` is false where a process sleeps between requests, as on Lambda."""
        self._settings = settings
        self._keep = keep
        self._held: dict[Target, _Held] = {}
        self._room: dict[Target, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def use(self, target: Target, seconds: float) -> AsyncIterator["Client"]:
        """Lend a client of a server for at most so many seconds.

        Raises:
            Unavailable: too many calls are under way there.
            Forbidden: the server is at an address that we do not connect to.
            GatewayTimeout: it did not answer in time.
            BadGateway: it cannot be reached, does not speak the protocol, or said error.
        """
        seconds = deadline.at_most(seconds)
        async with self._room_for(target, seconds):
            held = await self._open(target)
            try:
                async with asyncio.timeout(seconds):
                    yield await asyncio.shield(held.ready)
            except TimeoutError as error:
                self._let_go(target, held)
                raise GatewayTimeout from error
            except Exception as error:
                # The SDK wraps whatever happens in groups, so nothing narrower can be caught.
                self._let_go(target, held)
                raise remote.translated(error, held.guard) from error
            finally:
                self._used(target, held)
                if not self._keep and held.task is not None:
                    await asyncio.wait([held.task], timeout=CLOSE_SECONDS)

    async def close(self) -> None:
        """Close every connection."""
        held, self._held = list(self._held.values()), {}
        tasks = [each.task for each in held if each.task is not None]
        for each in held:
            self._end(each)
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
            for task in unfinished:
                task.cancel()

    @asynccontextmanager
    async def _room_for(self, target: Target, seconds: float) -> AsyncIterator[None]:
        room = self._room.setdefault(target, asyncio.Semaphore(AT_ONCE))
        try:
            await asyncio.wait_for(room.acquire(), seconds)
        except TimeoutError as error:
            raise Unavailable("Too many calls are under way at this server.") from error
        try:
            yield
        finally:
            room.release()

    async def _open(self, target: Target) -> _Held:
        from llmring_server.mcp.network import Guard

        held = self._held.get(target)
        if held is not None and not await self._lives(held):
            self._let_go(target, held)
            held = self._held.get(target)
        if held is None:
            loop = asyncio.get_running_loop()
            held = _Held(Guard(self._settings), loop.create_future())
            self._held[target] = held
            held.task = asyncio.create_task(self._own(target, held))
        held.users += 1
        return held

    async def _lives(self, held: _Held) -> bool:
        is_known = not held.ready.done() or held.users > 0
        if is_known or asyncio.get_running_loop().time() - held.last_used < SLEPT_SECONDS:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(KNOCK_SECONDS):
                return await remote.lives(held.ready.result())
        return False

    async def _own(self, target: Target, held: _Held) -> None:
        """The life of a connection; the SDK wants it opened and closed by one task."""
        try:
            async with transports.connect(target, held.guard, LONGEST_SECONDS) as client:
                held.ready.set_result(client)
                await held.closing.wait()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the connection
            if not held.ready.done():
                held.ready.set_exception(error)
                held.ready.exception()  # nobody may be waiting any more
        finally:
            held.ready.cancel()
            self._let_go(target, held)

    def _let_go(self, target: Target, held: _Held) -> None:
        """Have the next call open a connection anew; calls under way end as they may."""
        if self._held.get(target) is held:
            del self._held[target]
        if held.users <= 1:
            self._end(held)

    def _end(self, held: _Held) -> None:
        """Have a connection closed; one that is still being opened is given up."""
        held.closing.set()
        if held.task is not None and not held.ready.done():
            held.task.cancel()

    def _used(self, target: Target, held: _Held) -> None:
        held.users -= 1
        loop = asyncio.get_running_loop()
        held.last_used = loop.time()
        if held.users > 0:
            return
        if not self._keep or self._held.get(target) is not held:
            self._let_go(target, held)
        else:
            loop.call_later(IDLE_SECONDS, self._close_if_idle, target, held, held.last_used)

    def _close_if_idle(self, target: Target, held: _Held, since: float) -> None:
        if held.users == 0 and held.last_used == since:
            self._let_go(target, held)
            self._room.pop(target, None)


def hold_connections(app: FastAPI, *, keep: bool = True) -> None:
    """Give an app its connections to MCP servers; none is opened yet."""
    app.state.mcp = Connections(app.state.settings, keep=keep)


def _of(request: Request) -> Connections:
    return cast("Connections", request.app.state.mcp)


ConnectionsDep = Annotated[Connections, Depends(_of)]
