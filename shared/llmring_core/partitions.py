"""The monthly partitions of the usage logs, made before they are needed."""

from datetime import UTC, datetime

from llmring_core import clock
from llmring_core.connection import Connection
from llmring_core.queries import Statement, load

SQL = load("llmring_core", "partitions.sql")

MONTHS_AHEAD = 3


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


async def _existing(tx: Connection) -> set[str]:
    rows = await tx.fetch(SQL["existing"], tx.schema)
    return {row["name"] for row in rows}


def _months(today: datetime) -> list[datetime]:
    first = today.year * 12 + today.month - 1
    return [_month(first + step) for step in range(-1, MONTHS_AHEAD + 1)]


def _month(number: int) -> datetime:
    """The first moment of a month, counted from the year 0."""
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _name(month: datetime) -> str:
    return f"usage_logs_{month:%Y_%m}"


def _create(name: str, month: datetime) -> Statement:
    end = _month(month.year * 12 + month.month)
    parts = {"{partition}": name, "{start}": month.isoformat(), "{end}": end.isoformat()}
    sql: str = SQL["create_month"]
    for placeholder, value in parts.items():
        sql = sql.replace(placeholder, value)
    return Statement(sql)
