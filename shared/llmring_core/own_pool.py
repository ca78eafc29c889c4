"""The pool of an app without a host: opened at its first query; connections woken after sleep."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple

import asyncpg
from pydantic import SecretStr

from llmring_core import deadline, hanging
from llmring_core.database_errors import LOST
from llmring_core.database_login import connect
from llmring_core.errors import StartRefused
from llmring_core.settings import Settings

CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 5.0
COMMAND_SECONDS = 30.0
# The first connection of a function may have to ask AWS for its login.
LOGIN_SECONDS = 10.0
# How long a query that was cancelled may take to end; then its connection is given up.
RELEASE_SECONDS = 1.0
# How long connections may take to end properly, when the server ends.
CLOSE_SECONDS = 1.0
# A connection unused for this long may have died unseen: a Lambda container is frozen between
# requests, a firewall forgets. Knocking costs one round trip; a dead one would cost a request.
SLEPT_SECONDS = 5.0
KNOCK_SECONDS = 1.0


class PoolUse(NamedTuple):
    """What the connections of a pool do, and how many requests wait for one."""

    busy: int
    idle: int
    waiting: int


class OwnPool:
    """Opens connections to one database, at the first need, in whatever event loop asks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.database_url
        self._pool: asyncpg.Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_used: dict[int, float] = {}
        self._spare: Any = None
        self._waiting = 0
        self._watch: hanging.Watch | None = None

    @property
    def has_somewhere_to_go(self) -> bool:
        """Whether there is a database to use."""
        return bool(self._url or self._settings.database_secret)

    def go_to(self, url: str) -> None:
        """Use the database at a URL, before the first query."""
        self._url = SecretStr(url)

    @asynccontextmanager
    async def lend(self, *, is_long: bool = False) -> AsyncIterator[Any]:
        """Lend a connection; raises as asyncpg.

        One that is out for seconds while the database answers nobody is ended, unless `is_long`.

        The one that was used last is kept at hand: asyncpg's own lending takes half as long as a
        query. It goes back as soon as anybody waits for one.
        """
        pool = await self._opened()
        raw = await self._wake(pool, await self._at_hand(pool) or await self._acquired(pool))
        watch, is_sound = self._watch, False
        if watch is not None and not is_long:
            watch.begin(raw)
        try:
            yield raw
            is_sound = True
        except asyncpg.InternalClientError:
            raw.terminate()  # its protocol is out of step: it must not be lent again
            raise
        finally:
            if watch is not None:
                watch.end(raw)
            self._last_used[id(raw._con)] = time.time()  # noqa: SLF001
            if is_sound and self._spare is None and not self._waiting and pool is self._pool:
                self._spare = raw
            else:
                await _give_back(pool, raw)

    @property
    def use(self) -> PoolUse:
        """What its connections do at this moment."""
        if self._pool is None:
            return PoolUse(0, 0, self._waiting)
        idle = self._pool.get_idle_size() + (self._spare is not None)
        return PoolUse(self._pool.get_size() - idle, idle, self._waiting)

    async def close(self) -> None:
        """Close it, if it was opened."""
        pool, self._pool = self._pool, None
        spare, self._spare = self._spare, None
        watch, self._watch = self._watch, None
        if pool is None:
            return
        if watch is not None:
            watch.close()
        if spare is not None and _is_alive(spare):
            spare.terminate()
        try:
            await asyncio.wait_for(pool.close(), timeout=CLOSE_SECONDS)
        except TimeoutError:
            pool.terminate()

    async def _at_hand(self, pool: Any) -> Any:
        """The connection that was used last, if nobody has it and it still lives."""
        spare, self._spare = self._spare, None
        if spare is None or _is_alive(spare):
            return spare
        await _give_back(pool, spare)
        return None

    async def _acquired(self, pool: Any) -> Any:
        self._waiting += 1
        try:
            return await pool.acquire(timeout=self._patience())
        finally:
            self._waiting -= 1

    def _patience(self) -> float:
        """How long to wait for a connection, in seconds."""
        asks_for_login = self._settings.database_secret is not None and not self._last_used
        seconds = ACQUIRE_SECONDS + (LOGIN_SECONDS if asks_for_login else 0.0)
        return deadline.at_most(seconds, margin=deadline.STATEMENT_MARGIN_SECONDS)

    async def _wake(self, pool: Any, raw: Any) -> Any:
        """Knock on a connection that slept, and take another while nobody answers."""
        while time.time() - self._last_used.get(id(raw._con), time.time()) > SLEPT_SECONDS:  # noqa: SLF001
            try:
                await raw.fetchval("select 1", timeout=KNOCK_SECONDS)
            except LOST:
                self._last_used.pop(id(raw._con), None)  # noqa: SLF001
                with suppress(asyncpg.InterfaceError):
                    raw.terminate()
                await _give_back(pool, raw)
                await pool.expire_connections()  # what killed one while we slept, killed all
                raw = await self._acquired(pool)
            except asyncio.CancelledError:
                await _give_back(pool, raw)
                raise
            else:
                break
        return raw

    async def _opened(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            # Nothing is awaited before both are set, so two first queries share one pool.
            self._pool, self._loop = self._make_pool(), loop
            self._spare, self._waiting = None, 0
            self._watch = hanging.Watch(self._connect)
            self._last_used.clear()
        await self._pool  # opens it once; with min_size 0 that does not connect yet
        return self._pool

    async def _connect(self) -> Any:
        """Open a connection of its own, for a sign of life."""
        secret = self._settings.database_secret
        return await connect(secret, self._dsn(), timeout=hanging.SIGN_SECONDS)

    def _dsn(self) -> str | None:
        return None if self._url is None else self._url.get_secret_value()

    def _make_pool(self) -> Any:
        if not self.has_somewhere_to_go:
            raise StartRefused("LLMRING_DATABASE_URL is not set: give the URL of a PostgreSQL.")
        return asyncpg.create_pool(
            self._dsn(),
            connect=partial(connect, self._settings.database_secret),
            min_size=0,
            max_size=self._settings.database_pool_size,
            statement_cache_size=self._settings.database_statement_cache,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            reset=_nothing_to_reset,
        )


async def _give_back(pool: Any, raw: Any) -> None:
    """Return a connection to its pool, which ends one whose query cannot be cancelled in time."""
    with suppress(TimeoutError):
        await pool.release(raw, timeout=RELEASE_SECONDS)


def _is_alive(raw: Any) -> bool:
    """Whether a connection is open; one that was lost has left its wrapper."""
    return raw._con is not None and not raw.is_closed()  # noqa: SLF001


async def _nothing_to_reset(_: object) -> None:
    """We leave no session state behind, so asyncpg's reset round trip per query is not needed."""
