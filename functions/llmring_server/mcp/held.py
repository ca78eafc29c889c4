"""A connection to a server that is held open, by a task of its own: the SDK wants it so."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from llmring_core.errors import BadGateway
from llmring_core.settings import Settings
from llmring_server.mcp import failures, remote, transports
from llmring_server.mcp.transports import Target

if TYPE_CHECKING:
    from mcp import Client

# A connection unused for this long is asked whether it lives before it is used.
SLEPT_SECONDS = 5.0
KNOCK_SECONDS = 1.0
# The longest that anybody may wait for a call; what limits a call is its own time.
LONGEST_SECONDS = 600.0
# The longest that closing may take: a server that is told does not have to answer. The SDK asks a
# process, then kills it.
CLOSE_SECONDS = 2.0
PROCESS_END_SECONDS = 7.0


class Held:
    """A connection and its users; once ended, it takes nobody new and closes with the last."""

    def __init__(self, target: Target, settings: Settings) -> None:
        """Begin to open it."""
        from llmring_server.mcp.network import Guard

        self.target = target
        self.guard = Guard(settings)
        self.users = 0
        self.last_used = 0.0
        self._loop = asyncio.get_running_loop()
        self._is_process = target.transport == "stdio"
        self._calls = 0
        self._last_heard = 0.0
        self._hearing = asyncio.Lock()
        self._is_ended = False
        self._closing = asyncio.Event()
        self._ready: asyncio.Future[Client] = self._loop.create_future()
        self.task = asyncio.create_task(self._own())

    async def client(self) -> "Client | None":
        """The client when it is connected; None if the connection died while nobody used it.

        Raises:
            Forbidden: the server is at an address that we do not connect to.
            BadGateway: it cannot be reached, or does not speak the protocol.
        """
        try:
            client = await asyncio.shield(self._ready)
        except Exception as error:
            # The SDK wraps whatever happens in groups, so nothing narrower can be caught.
            raise failures.not_opened(error, self.target, self.guard) from error
        # One asks whether it lives; who comes meanwhile waits for what that one hears.
        async with self._hearing:
            return client if await self._lives(client) else None

    async def _lives(self, client: "Client") -> bool:
        if self._is_ended:
            return False
        is_fresh = self._loop.time() - self._last_heard < SLEPT_SECONDS
        if not is_fresh and self._calls == 0:
            is_alive = False
            with suppress(TimeoutError):
                async with asyncio.timeout(KNOCK_SECONDS):
                    is_alive = await remote.lives(client, is_process=self._is_process)
            if not is_alive:
                return False
            self._last_heard = self._loop.time()
        return True

    def began(self) -> None:
        """Note that a call is under way."""
        self._calls += 1

    def ended_well(self) -> None:
        """Note that a call had its answer."""
        self._last_heard = self._loop.time()

    def left(self) -> None:
        """Note that a call is over, however it ended."""
        self._calls -= 1

    def end(self) -> None:
        """Take nobody new, and close when nobody uses it; one still being opened is given up."""
        self._is_ended = True
        if self.users == 0:
            self._closing.set()
            if not self._ready.done():
                self.task.cancel()

    async def _own(self) -> None:
        try:
            async with (
                asyncio.timeout(None) as limit,
                transports.connect(self.target, self.guard, LONGEST_SECONDS) as client,
            ):
                self._last_heard = self._loop.time()
                self._ready.set_result(client)
                await self._closing.wait()
                end = PROCESS_END_SECONDS if self._is_process else CLOSE_SECONDS
                limit.reschedule(self._loop.time() + end)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the connection
            if not self._ready.done():
                self._ready.set_exception(error)
                self._ready.exception()  # nobody may be waiting any more
        finally:
            self._is_ended = True
            if not self._ready.done():
                self._ready.set_exception(BadGateway("The connection to the server was given up."))
                self._ready.exception()
