"""PostgreSQL: a pool that opens at its first query, transactions, and its errors in our words."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Annotated, Any, cast

import asyncpg
from fastapi import Depends, Request
from pydantic import SecretStr

from llmring_core.connection import Connection, HostPool, Row
from llmring_core.database_errors import LOST, translated
from llmring_core.database_login import connect
from llmring_core.errors import StartRefused
from llmring_core.queries import Statement
from llmring_core.settings import Settings

log = logging.getLogger("llmring.database")

CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 5.0
COMMAND_SECONDS = 30.0
# How long a query that was cancelled may take to end; then its connection is given up.
RELEASE_SECONDS = 1.0
# A connection unused for this long may have died unseen: a Lambda container is frozen between
# requests, a firewall forgets. Knocking costs one round trip; a dead one would cost a request.
SLEPT_SECONDS = 5.0
KNOCK_SECONDS = 1.0


class Database:
    """The database of one app.

    It opens its own pool at the first query, or wears one that a host owns and never opens or
    closes it. Nothing relies on session state, so it works through a transaction-mode pooler.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host_pool: HostPool | None = None,
        schema: str | None = None,
        before_first_use: Callable[["Database"], Awaitable[object]] | None = None,
    ) -> None:
        """`before_first_use` runs once, before the first statement of anybody else is answered.

        Raises:
            StartRefused: `schema` is not a name that we accept.
        """
        self.schema = schema or settings.database_schema
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,39}", self.schema):
            raise StartRefused("The database schema must be a plain name of at most 40 characters.")
        self._settings = settings
        self._url = settings.database_url
        self._host_pool = host_pool
        self._before_first_use = before_first_use
        self._is_ready = before_first_use is None
        self._lock = asyncio.Lock()
        self._pool: asyncpg.Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._last_used: dict[int, float] = {}
        self._prepared_sql: dict[str, str] = {}
        # Through a pooler without prepared statements, parse and execute of a statement may
        # reach two different servers unless a transaction holds them together.
        self._wrap_statements = settings.database_statement_cache == 0 and host_pool is None

    @property
    def has_somewhere_to_go(self) -> bool:
        """Whether there is a database to use: a URL or a host's pool."""
        return bool(self._url or self._settings.database_secret) or self._host_pool is not None

    def go_to(self, url: str) -> None:
        """Use the database at a URL, before the first query."""
        self._url = SecretStr(url)

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        """Run one statement and return its rows.

        Raises:
            Unavailable: the database does not answer.
            AlreadyExists: a unique key is taken.
            Unprocessable: a value does not fit its column.
        """
        async with self._single() as connection:
            return await connection.fetch(statement, *arguments)

    async def fetch_row(self, statement: Statement, *arguments: object) -> Row | None:
        """Run one statement and return its first row, if it has one; raises as `fetch`."""
        async with self._single() as connection:
            return await connection.fetch_row(statement, *arguments)

    async def fetch_value(self, statement: Statement, *arguments: object) -> Any:
        """Run one statement and return its first value; raises as `fetch`."""
        async with self._single() as connection:
            return await connection.fetch_value(statement, *arguments)

    async def execute(self, statement: Statement, *arguments: object) -> None:
        """Run one statement; raises as `fetch`."""
        async with self._single() as connection:
            await connection.execute(statement, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction, committed at the end; raises as `fetch`."""
        await self.ready()
        async with self._lend() as raw, raw.transaction():
            yield Connection(raw, self.sql, self.schema)

    @asynccontextmanager
    async def unprepared_transaction(self) -> AsyncIterator[Connection]:
        """A transaction for `before_first_use` itself, which must not wait for its own end."""
        async with self._lend() as raw, raw.transaction():
            yield Connection(raw, self.sql, self.schema)

    def prepare_with(self, before_first_use: Callable[["Database"], Awaitable[object]]) -> None:
        """Have something done before the first statement, as if given from the start."""
        self._before_first_use, self._is_ready = before_first_use, False

    async def ready(self) -> None:
        """Return once `before_first_use` has run; the first caller runs it, the others wait."""
        if self._is_ready or self._before_first_use is None:
            return
        async with self._lock:
            if not self._is_ready:
                await self._before_first_use(self)
                self._is_ready = True

    async def answers(self, within: float) -> bool:
        """Whether the database answers a question within so many seconds."""
        question = asyncio.create_task(self._ask())
        # Not awaited to its end: cancelling a query is itself a question to the database.
        done, _ = await asyncio.wait([question], timeout=within)
        question.cancel()
        return bool(done) and question.result()

    async def _ask(self) -> bool:
        try:
            async with self._lend() as raw:
                return bool(await raw.fetchval("select true"))
        except Exception as error:  # noqa: BLE001 - whatever the reason, the answer is no
            log.warning("the database does not answer: %s", type(error).__name__)
            return False

    async def close(self) -> None:
        """Close our own pool, if there is one; a host's pool is left alone."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), timeout=CONNECT_SECONDS)
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def _single(self) -> AsyncIterator[Connection]:
        await self.ready()
        async with self._lend() as raw:
            if self._wrap_statements:
                async with raw.transaction():
                    yield Connection(raw, self.sql, self.schema)
            else:
                yield Connection(raw, self.sql, self.schema)

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Any]:
        with translated():
            if self._host_pool is not None:
                async with AsyncExitStack() as stack:
                    async with asyncio.timeout(ACQUIRE_SECONDS):
                        raw = await stack.enter_async_context(self._host_pool.acquire())
                    yield raw
                return
            pool = await self._opened()
            raw = await self._wake(pool, await pool.acquire(timeout=ACQUIRE_SECONDS))
            try:
                yield raw
            except asyncpg.InternalClientError:
                raw.terminate()  # its protocol is out of step: it must not be lent again
                raise
            finally:
                self._last_used[id(raw._con)] = time.time()  # noqa: SLF001
                await pool.release(raw, timeout=RELEASE_SECONDS)

    async def _wake(self, pool: Any, raw: Any) -> Any:
        """Knock on a connection that slept, and take another while nobody answers."""
        while time.time() - self._last_used.get(id(raw._con), time.time()) > SLEPT_SECONDS:  # noqa: SLF001
            try:
                await raw.fetchval("select 1", timeout=KNOCK_SECONDS)
            except LOST:
                self._last_used.pop(id(raw._con), None)  # noqa: SLF001
                with suppress(asyncpg.InterfaceError):
                    raw.terminate()
                await pool.release(raw)
                await pool.expire_connections()  # what killed one while we slept, killed all
                raw = await pool.acquire(timeout=ACQUIRE_SECONDS)
            except asyncio.CancelledError:
                await pool.release(raw)
                raise
            else:
                break
        return raw

    async def _opened(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._pool is None or self._loop is not loop:
            # Nothing is awaited before both are set, so two first queries share one pool.
            self._pool, self._loop = self._make_pool(), loop
            self._last_used.clear()
        await self._pool  # opens it once; with min_size 0 that does not connect yet
        return self._pool

    def _make_pool(self) -> Any:
        if not self.has_somewhere_to_go:
            raise StartRefused("LLMRING_DATABASE_URL is not set: give the URL of a PostgreSQL.")
        return asyncpg.create_pool(
            None if self._url is None else self._url.get_secret_value(),
            connect=partial(connect, self._settings.database_secret),
            min_size=0,
            max_size=self._settings.database_pool_size,
            statement_cache_size=self._settings.database_statement_cache,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            reset=_nothing_to_reset,
        )

    def sql(self, statement: str) -> str:
        """Put the schema, and that of MCP beside it, into a statement, once."""
        sql = self._prepared_sql.get(statement)
        if sql is None:
            own, mcp = f'"{self.schema}"', f'"{self.schema}_mcp"'
            sql = statement.replace("{schema}", own).replace("{mcp_schema}", mcp)
            self._prepared_sql[statement] = sql
        return sql


async def _nothing_to_reset(_: object) -> None:
    """We leave no session state behind, so asyncpg's reset round trip per query is not needed."""


async def _of(request: Request) -> Database:
    return cast("Database", request.app.state.database)


Db = Annotated[Database, Depends(_of)]
