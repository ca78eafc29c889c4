"""The monthly partitions of usage logs and tool executions, made before they are needed."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from llmring_core import clock
from llmring_core.connection import Connection, Runner
from llmring_core.database import Database
from llmring_core.errors import Unavailable
from llmring_core.ids import first_id
from llmring_core.queries import Statement, load

log = logging.getLogger("llmring.upkeep")
SQL = load("llmring_core", "partitions.sql")

MONTHS_AHEAD = 3
ROWS_AT_ONCE = 10_000


class Partitioned(NamedTuple):
    """A table with a partition for each month, and a default one as a net."""

    schema: str
    name: str
    key: str
    bound: Callable[[datetime], str]  # the least key of a moment
    months_back: int  # from which month on partitions are made, before the current one

    def month(self, month: datetime) -> str:
        """The name of the partition of a month; names are ordered as their months are."""
        return f"{self.name}_{month:%Y_%m}"

    def statement(self, name: str, partition: str = "", start: datetime | None = None) -> Statement:
        """A statement about this table, and about a partition or a month of it."""
        parts = {
            "{table}": f"{self.schema}.{self.name}",
            "{partition}": f"{self.schema}.{partition}",
            "{key}": self.key,
        }
        if start is not None:
            parts |= {"{start}": self.bound(start), "{end}": self.bound(_months_later(start, 1))}
        sql: str = SQL[name]
        for placeholder, value in parts.items():
            sql = sql.replace(placeholder, value)
        return Statement(sql)


USAGE_LOGS = Partitioned("{schema}", "usage_logs", "logged_at", datetime.isoformat, 1)
# What there was before it had partitions reaches up to the month in which it got them.
TOOL_EXECUTIONS = Partitioned(
    "{mcp_schema}", "tool_executions", "execution_id", lambda moment: str(first_id(moment)), 0
)
TABLES = (USAGE_LOGS, TOOL_EXECUTIONS)


async def make_ahead(
    tx: Connection, *, today: datetime | None = None, hurried: bool = False
) -> list[str]:
    """Make the partitions from last month, or this one, to three months ahead, where they miss.

    Rows that the default partition caught in the meantime move into theirs, in the same
    transaction. Runs at every start and once an hour; as it is a net, a month that nobody made
    costs speed, never rows. Where it is `hurried`, it gives up after two seconds: while a backup
    reads the table, it has to wait, and whoever comes meanwhile would wait behind it.

    Returns:
        The names of the partitions that this call made.

    Raises:
        Unavailable: somebody used the table all the time; it is for the next call.
    """
    made: list[str] = []
    for table in TABLES:
        first = _first_of_month(today or clock.now())
        months = [
            _months_later(first, each) for each in range(-table.months_back, MONTHS_AHEAD + 1)
        ]
        wanted = {table.month(month): month for month in months}
        if not wanted.keys() - await _existing(tx, table):
            continue
        await tx.execute(SQL["lock"])
        if hurried:
            await tx.execute(SQL["hurry"])
        missing = sorted(wanted.keys() - await _existing(tx, table))
        for name in missing:
            await tx.execute(table.statement("create_month", name, wanted[name]))
        made += missing
    return made


async def drop_old(database: Database, *, days: int, today: datetime | None = None) -> list[str]:
    """Drop the months all of whose rows are older than so many days; 0 keeps everything.

    Statistics keep their sums. It takes a moment, however many rows there are; only rows of those
    months that came later than their partition are deleted row by row.

    Returns:
        The names of the partitions that this call dropped.

    Raises:
        Unavailable: somebody used one of them all the time; it is for the next call.
    """
    if days == 0:
        return []
    kept_from = _first_of_month((today or clock.now()) - timedelta(days=days))
    await database.execute(SQL["kept_from"], kept_from)
    dropped: list[str] = []
    busy: Unavailable | None = None
    for table in TABLES:
        await _delete_older(database, table, kept_from)
        try:
            dropped += await _drop_older(database, table, kept_from)
        except Unavailable as error:  # the other table need not wait
            busy = error
    if busy is not None:
        raise busy
    return dropped


async def _drop_older(database: Database, table: Partitioned, kept_from: datetime) -> list[str]:
    is_month = re.compile(rf"{table.name}_\d{{4}}_\d{{2}}").fullmatch
    months = filter(is_month, await _existing(database, table))
    old = sorted(name for name in months if name < table.month(kept_from))
    for name in old:
        async with database.transaction() as tx:
            await tx.execute(SQL["lock"])
            await tx.execute(SQL["hurry"])
            if name in await _existing(tx, table):  # nobody else was faster
                await tx.execute(table.statement("drop_month", name))
    return old


async def _delete_older(database: Database, table: Partitioned, moment: datetime) -> None:
    total, count = 0, ROWS_AT_ONCE
    while count == ROWS_AT_ONCE:
        delete = table.statement("delete_older", start=moment)
        count = await database.fetch_value(delete, ROWS_AT_ONCE)
        total += count
    if total:
        log.info("deleted %d rows of %s from before %s", total, table.name, moment.date())


async def _existing(tx: Runner, table: Partitioned) -> set[str]:
    return {row["name"] for row in await tx.fetch(table.statement("existing"))}


def _first_of_month(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def _months_later(first: datetime, count: int) -> datetime:
    number = first.year * 12 + first.month - 1 + count
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
