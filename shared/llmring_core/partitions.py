"""The monthly partitions of the usage logs, made before they are needed."""

import logging
import re
from datetime import UTC, datetime, timedelta

from llmring_core import clock
from llmring_core.connection import Connection
from llmring_core.database import Database
from llmring_core.queries import Statement, load

log = logging.getLogger("llmring.upkeep")
SQL = load("llmring_core", "partitions.sql")

MONTHS_AHEAD = 3
ROWS_AT_ONCE = 10_000
_MONTH = re.compile(r"usage_logs_\d{4}_\d{2}")


async def make_ahead(tx: Connection, *, today: datetime | None = None) -> list[str]:
    """Make the partitions from last month to three months ahead, where they are missing.

    Rows that the default partition caught in the meantime move into theirs, in the same
    transaction. Runs at every start and once a day; as it is a net, a month that nobody made
    costs speed, never rows.

    Returns:
        The names of the partitions that this call made.
    """
    wanted = {_name(month): month for month in _months(today or clock.now())}
    if not wanted.keys() - await _existing(tx):
        return []
    await tx.execute(SQL["lock"])
    missing = sorted(wanted.keys() - await _existing(tx))
    for name in missing:
        await tx.execute(_create(name, wanted[name]))
    return missing


async def drop_old(database: Database, *, days: int, today: datetime | None = None) -> list[str]:
    """Drop the months all of whose rows are older than so many days; 0 keeps everything.

    Statistics keep their sums. It takes a moment, however many rows there are; only calls of
    those months that came later than their partition are deleted row by row.

    Returns:
        The names of the partitions that this call dropped.

    Raises:
        Unavailable: somebody used one of them all the time; it is for the next call.
    """
    if days == 0:
        return []
    kept_from = _first_of_month((today or clock.now()) - timedelta(days=days))
    await database.execute(SQL["kept_from"], kept_from)
    await _delete_older(database, kept_from)
    async with database.transaction() as tx:
        await tx.execute(SQL["lock"])
        await tx.execute(SQL["hurry"])
        # Their names are ordered as their months are.
        months = filter(_MONTH.fullmatch, await _existing(tx))
        old = sorted(name for name in months if name < _name(kept_from))
        for name in old:
            await tx.execute(Statement(SQL["drop_month"].replace("{partition}", name)))
    return old


async def _delete_older(database: Database, moment: datetime) -> None:
    total, count = 0, ROWS_AT_ONCE
    while count == ROWS_AT_ONCE:
        count = await database.fetch_value(SQL["delete_older"], moment, ROWS_AT_ONCE)
        total += count
    if total:
        log.info("deleted %d usage logs from before %s", total, moment.date())


async def _existing(tx: Connection) -> set[str]:
    rows = await tx.fetch(SQL["existing"], tx.schema)
    return {row["name"] for row in rows}


def _months(today: datetime) -> list[datetime]:
    first = today.year * 12 + today.month - 1
    return [_month(first + step) for step in range(-1, MONTHS_AHEAD + 1)]


def _month(number: int) -> datetime:
    """The first moment of a month, counted from the year 0."""
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _first_of_month(moment: datetime) -> datetime:
    return _month(moment.year * 12 + moment.month - 1)


def _name(month: datetime) -> str:
    return f"usage_logs_{month:%Y_%m}"


def _create(name: str, month: datetime) -> Statement:
    end = _month(month.year * 12 + month.month)
    parts = {"{partition}": name, "{start}": month.isoformat(), "{end}": end.isoformat()}
    sql: str = SQL["create_month"]
    for placeholder, value in parts.items():
        sql = sql.replace(placeholder, value)
    return Statement(sql)
