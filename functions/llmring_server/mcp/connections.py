"""Connections to servers: kept while they are used, shared by the calls of the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, cast
from weakref import WeakValueDictionary

from fastapi import Depends, FastAPI, Request

from llmring_core import deadline, metrics, telemetry
from llmring_core.errors import (
    AlreadyExists,
    BadGateway,
    Forbidden,
    GatewayTimeout,
    LLMRingError,
    NotConfigured,
    Unavailable,
)
from llmring_core.settings import Settings
from llmring_server.mcp import failures
from llmring_server.mcp.checks import Checks
from llmring_server.mcp.held import CLOSE_SECONDS, PROCESS_END_SECONDS, Held
from llmring_server.mcp.transports import Target
from llmring_server.mcp.unanswered import Unanswered

if TYPE_CHECKING:
    from mcp import Client

IDLE_SECONDS = 60.0
# Calls to one server under way at the same time; the next ones wait.
AT_ONCE = 100


class Connections:
    """The connections of one app, each to one server with one set of credentials."""

    def __init__(self, settings: Settings, *, keep: bool) -> None:
        """`keep` is false where a process sleeps between requests, as on Lambda."""
        self.settings = settings
        self._keep = keep
        self._held: dict[Target, Held] = {}
        # Of all connections, also those that take nobody new but are not closed yet.
        self._tasks: set[asyncio.Task[None]] = set()
        self.checks = Checks()
        self._room: WeakValueDictionary[Target, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def use(self, target: Target, seconds: float) -> AsyncIterator["Client"]:
        """Lend a client of a server for at most so many seconds, waiting for it included.

        Raises:
            Unavailable: too many calls are under way there.
            Forbidden: the server is at an address that we do not connect to.
            GatewayTimeout: it did not answer in time.
            BadGateway: it cannot be reached, does not speak the protocol, or said error.
            Unanswered: it was asked, but whether it did it, nobody can say.
        """
        ends_at = asyncio.get_running_loop().time() + deadline.at_most(seconds)
        async with metrics.mcp_call(), self._room_for(target, ends_at):
            try:
                async with asyncio.timeout_at(ends_at), self._lent(target) as client:
                    yield client
            except TimeoutError as error:
                raise GatewayTimeout from error
            finally:
                if not self._keep:
                    await self._closed(deadline.at_most(CLOSE_SECONDS))

    def forget(self, api_key_id: str, url: str) -> None:
        """Have the connections of a project to a server closed; calls under way end as they may."""
        for target, held in list(self._held.items()):
            if (target.api_key_id, target.url) == (api_key_id, url):
                self._let_go(held)

    async def close(self) -> None:
        """Close every connection, and end the processes that check."""
        await self.checks.close()
        for held in list(self._held.values()):
            self._let_go(held)
        await self._closed(PROCESS_END_SECONDS + 1)
        for task in list(self._tasks):
            task.cancel()
        await self._closed(CLOSE_SECONDS)

    async def _closed(self, seconds: float) -> None:
        """Wait so long for connections that are being closed."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    @asynccontextmanager
    async def _room_for(self, target: Target, ends_at: float) -> AsyncIterator[None]:
        # Whoever has or waits for room keeps the semaphore alive.
        room = self._room.setdefault(target, asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout_at(ends_at):
                await room.acquire()
        except TimeoutError as error:
            raise Unavailable("Too many calls are under way at this server.") from error
        try:
            yield
        finally:
            room.release()

    @asynccontextmanager
    async def _lent(self, target: Target) -> AsyncIterator["Client"]:
        held, client = await self._joined(target)
        held.began()
        try:
            yield client
            held.ended_well()
        except LLMRingError:
            raise  # it is ours, of an answer that we do not take: the connection is as before
        except Exception as error:
            # The SDK wraps whatever happens in groups, so nothing narrower can be caught.
            failure = failures.translated(error, target)
            if isinstance(failure, Unanswered):
                self._let_go(held)
            raise failure from error
        except asyncio.CancelledError:
            self._let_go(held)
            raise
        finally:
            held.left()
            self._leave(held)

    async def _joined(self, target: Target) -> tuple[Held, "Client"]:
        """A living connection, of which the caller is a user now."""
        while True:
            held = self._held.get(target) or self._opened(target)
            held.users += 1
            client = None
            try:
                client = await held.client()
            finally:
                if client is None:
                    self._let_go(held)
                    self._leave(held)
            if client is not None:
                return held, client

    def _opened(self, target: Target) -> Held:
        held = self._held[target] = Held(target, self.settings)
        self._tasks.add(held.task)
        held.task.add_done_callback(self._tasks.discard)
        held.task.add_done_callback(lambda _: self._let_go(held))
        return held

    def _let_go(self, held: Held) -> None:
        """Have the next call open a connection anew; calls under way end as they may."""
        if self._held.get(held.target) is held:
            del self._held[held.target]
        held.end()

    def _leave(self, held: Held) -> None:
        held.users -= 1
        if held.users > 0:
            return
        loop = asyncio.get_running_loop()
        held.last_used = loop.time()
        if self._keep and self._held.get(held.target) is held:
            loop.call_later(IDLE_SECONDS, self._close_if_idle, held, held.last_used)
            return
        self._let_go(held)

    def _close_if_idle(self, held: Held, since: float) -> None:
        if held.users == 0 and held.last_used == since:
            self._let_go(held)


def hold_connections(app: FastAPI, *, keep: bool = True) -> None:
    """Give an app its connections to MCP servers; none is opened yet."""
    telemetry.silence_strangers()
    app.state.mcp = Connections(app.state.settings, keep=keep)


# Why a server cannot be called, or does not answer as it should.
ANY_FAILURE = (AlreadyExists, Forbidden, NotConfigured, BadGateway, GatewayTimeout)


async def _of(request: Request) -> Connections:
    return cast("Connections", request.app.state.mcp)


ConnectionsDep = Annotated[Connections, Depends(_of)]
