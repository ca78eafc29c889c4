"""What runs statements: a connection that is lent to us, and what it is lent from."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from llmring_core.queries import Statement

Row = Mapping[str, Any]
Values = tuple[object, ...]


class HostPool(Protocol):
    """What we use of a pool that somebody else owns: `asyncpg.Pool` and pgdbm's manager have it."""

    def acquire(self) -> AbstractAsyncContextManager[Any]:
        """Lend a connection."""


class Runner(Protocol):
    """What runs statements: a database, each in its own transaction, or a transaction."""

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        """Run a statement and return its rows."""

    async def fetch_row(self, statement: Statement, *arguments: object) -> Row | None:
        """Run a statement and return its first row, if it has one."""

    async def fetch_value(self, statement: Statement, *arguments: object) -> Any:
        """Run a statement and return its first value."""

    async def execute(self, statement: Statement, *arguments: object) -> None:
        """Run a statement."""


class Connection:
    """A connection that is lent to us, and fills our schema into statements."""

    __slots__ = ("_options", "_raw", "_sql", "schema")

    def __init__(
        self, raw: Any, sql: Callable[[str], str], schema: str, seconds: float | None = None
    ) -> None:
        """`seconds` is how long a statement may take; None for what the connection says."""
        self._raw = raw
        self._sql = sql
        self._options = {} if seconds is None else {"timeout": seconds}
        self.schema = schema

    async def fetch(self, statement: Statement, *arguments: object) -> Sequence[Row]:
        """Run a statement and return its rows."""
        return cast(
            "Sequence[Row]",
            await self._raw.fetch(self._sql(statement), *arguments, **self._options),
        )

    async def fetch_row(self, statement: Statement, *arguments: object) -> Row | None:
        """Run a statement and return its first row, if it has one."""
        return cast(
            "Row | None",
            await self._raw.fetchrow(self._sql(statement), *arguments, **self._options),
        )

    async def fetch_value(self, statement: Statement, *arguments: object) -> Any:
        """Run a statement and return the first column of its first row."""
        return await self._raw.fetchval(self._sql(statement), *arguments, **self._options)

    async def execute(self, statement: Statement, *arguments: object) -> None:
        """Run a statement; without arguments it may be several, separated by semicolons."""
        await self._raw.execute(self._sql(statement), *arguments, **self._options)

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
        """Add rows to a table of our schema, all or none: faster than a statement does."""
        # asyncpg asks for the types of the columns first, and there heeds no timeout.
        async with asyncio.timeout(self._options.get("timeout")):
            await self._raw.copy_records_to_table(
                table, schema_name=self.schema, columns=columns, records=rows, **self._options
            )

    async def prepare(self, statement: Statement) -> None:
        """Have the server parse and plan a statement without running it."""
        await self._raw.prepare(self._sql(statement))
