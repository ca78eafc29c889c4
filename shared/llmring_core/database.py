"""PostgreSQL: a pool that opens at its first query, transactions, and its errors in our words."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from llmring_core import deadline, tracing
from llmring_core.collisions import until_undisturbed
from llmring_core.connection import Connection, HostPool, Row
from llmring_core.database_errors import cancelled_as_such, translated
from llmring_core.errors import StartRefused
from llmring_core.loops import is_over
from llmring_core.own_pool import (
    ACQUIRE_SECONDS,
    COMMAND_SECONDS,
    RELEASE_SECONDS,
    OwnPool,
    PoolUse,
)
from llmring_core.queries import Statement
from llmring_core.settings import Settings

log = logging.getLogger("llmring.database")

T = TypeVar("T")

# A migration of a large table, or counting it.
LONG_SECONDS = 12 * 3600.0


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
        self._own_pool = OwnPool(settings)
        self._host_pool = host_pool
        self._before_first_use = before_first_use
        self._is_ready = before_first_use is None
        self._preparation: asyncio.Future[object] | None = None
        self._prepared_sql: dict[str, str] = {}
        # Through a pooler without prepared statements, parse and execute of a statement may
        # reach two different servers unless a transaction holds them together.
        self._wrap_statements = settings.database_statement_cache == 0 and host_pool is None

    @property
    def has_somewhere_to_go(self) -> bool:
        """Whether there is a database to use: a URL or a host's pool."""
        return self._own_pool.has_somewhere_to_go or self._host_pool is not None

    def go_to(self, url: str) -> None:
        """Use the database at a URL, before the first query."""
        self._own_pool.go_to(url)

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        """Run one statement and return its rows; again if others were in its way.

        Raises:
            Unavailable: the database does not answer.
            AlreadyExists: a unique key is taken.
            Unprocessable: a value does not fit its column.
        """
        return await self.run(lambda connection: connection.fetch(statement, *arguments))

    async def fetch_row(self, statement: Statement, *arguments: object) -> Row | None:
        """Run one statement and return its first row, if it has one; raises as `fetch`."""
        return await self.run(lambda connection: connection.fetch_row(statement, *arguments))

    async def fetch_value(self, statement: Statement, *arguments: object) -> Any:
        """Run one statement and return its first value; raises as `fetch`."""
        return await self.run(lambda connection: connection.fetch_value(statement, *arguments))

    async def execute(self, statement: Statement, *arguments: object) -> None:
        """Run one statement; raises as `fetch`."""
        await self.run(lambda connection: connection.execute(statement, *arguments))

    @property
    def can_copy(self) -> bool:
        """Whether `Connection.copy` may be used.

        Not on a host's connections, which may write JSON in a way of their own, and not through a
        pooler, as the columns are asked for in a statement before.
        """
        return self._host_pool is None and not self._wrap_statements

    async def run(
        self, do: Callable[[Connection], Awaitable[T]], *, seconds: float | None = None
    ) -> T:
        """Run one statement of any kind, of so many seconds at most; raises as `fetch`."""

        async def once() -> T:
            async with self._single(seconds) as connection:
                return await do(connection)

        return await until_undisturbed(once)

    async def transact(self, do: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something in a transaction, and all of it again if others were in its way.

        So it does nothing that the end of the transaction does not undo. Raises as `fetch`.
        """

        async def once() -> T:
            async with self.transaction() as tx:
                return await do(tx)

        return await until_undisturbed(once)

    @asynccontextmanager
    async def transaction(self, *, is_long: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction, committed at the end; raises as `fetch`.

        `is_long` where a statement may take hours, as none of a request may. What is in the way of
        others is not done again: `transact` does that.
        """
        await self.ready()
        async with self.unprepared_transaction(is_long=is_long) as tx:
            yield tx

    @asynccontextmanager
    async def unprepared_transaction(self, *, is_long: bool = False) -> AsyncIterator[Connection]:
        """A transaction for `before_first_use` itself, which must not wait for its own end."""
        async with self._lend(is_long=is_long) as raw, _transaction(raw):
            yield self._connection(raw, LONG_SECONDS if is_long else None)

    @property
    def pool_use(self) -> PoolUse | None:
        """What our own connections do at this moment; None on those of a host."""
        return self._own_pool.use if self._host_pool is None else None

    def prepare_with(self, before_first_use: Callable[["Database"], Awaitable[object]]) -> None:
        """Have something done before the first statement, as if given from the start."""
        self._before_first_use, self._is_ready = before_first_use, False

    async def ready(self) -> None:
        """Return once `before_first_use` has run; the first caller starts it, all wait for it.

        It is a task of its own, so that a caller who gives up does not end it for the others.
        """
        if self._is_ready or self._before_first_use is None:
            return
        if is_over(self._preparation):
            self._preparation = asyncio.ensure_future(self._before_first_use(self))
        assert self._preparation is not None  # noqa: S101 - for the type checker
        await asyncio.shield(self._preparation)
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
        await self._own_pool.close()

    @asynccontextmanager
    async def _single(self, seconds: float | None) -> AsyncIterator[Connection]:
        await self.ready()
        async with self._lend() as raw:
            if self._wrap_statements:
                async with _transaction(raw):
                    yield self._connection(raw, seconds)
            else:
                yield self._connection(raw, seconds)

    def _connection(self, raw: Any, seconds: float | None = None) -> Connection:
        """Lend a connection for as long as a function of Lambda has left, if it is one."""
        if deadline.is_set() and seconds != LONG_SECONDS:
            margin = deadline.STATEMENT_MARGIN_SECONDS
            seconds = deadline.at_most(seconds or COMMAND_SECONDS, margin=margin)
        return Connection(raw, self.sql, self.schema, seconds)

    @asynccontextmanager
    async def _lend(self, *, is_long: bool = False) -> AsyncIterator[Any]:
        with tracing.span("database"), cancelled_as_such(), translated():
            if self._host_pool is None:
                async with self._own_pool.lend(is_long=is_long) as raw:
                    yield raw
                return
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(ACQUIRE_SECONDS):
                    raw = await stack.enter_async_context(self._host_pool.acquire())
                yield raw

    def sql(self, statement: str) -> str:
        """Put the schema, and that of MCP beside it, into a statement, once."""
        sql = self._prepared_sql.get(statement)
        if sql is None:
            own, mcp = f'"{self.schema}"', f'"{self.schema}_mcp"'
            sql = statement.replace("{schema}", own).replace("{mcp_schema}", mcp)
            self._prepared_sql[statement] = sql
        return sql


@asynccontextmanager
async def _transaction(raw: Any) -> AsyncIterator[None]:
    """A transaction that is not waited for when a dead line cannot even roll it back."""
    transaction = raw.transaction()
    await transaction.start()
    try:
        yield
    except BaseException:
        async with asyncio.timeout(RELEASE_SECONDS):
            await transaction.rollback()
        raise
    await transaction.commit()
