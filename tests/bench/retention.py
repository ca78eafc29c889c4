"""How long it takes until ten million old calls are gone, and what they leave behind.

    python tests/bench/retention.py [ROWS]

Prints the seconds that `drop_old` took, the size of the database before and after, and whether the
statistics still know the calls. Every row is of a month that is over.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import asyncpg

from bench import databases
from bench.databases import AT_ONCE, OURS
from llmring_core.callers import Caller, project_id
from llmring_core.database import Database
from llmring_core.local_postgres import LocalPostgres
from llmring_core.partitions import drop_old
from llmring_core.periods import period
from llmring_core.settings import Settings
from llmring_server.usage.statistics import statistics
from llmring_server.usage.summing import fold
from support.processes import data_folder

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
KEY = "retention"
SIZE = "select pg_database_size(current_database()) / 1024 / 1024"
KEPT_DAYS = 30
SPREAD_DAYS = 60


def main():
    with data_folder() as folder, LocalPostgres.open(folder) as local:
        url = databases.create(local, "ours")
        databases.months_of_the_past(url)
        asyncio.run(measure(url))


async def measure(url):
    connection = await asyncpg.connect(url)
    database = Database(Settings(_env_file=None, database_url=url))
    oldest_kept = datetime.now(UTC) - timedelta(days=KEPT_DAYS)
    last = datetime(oldest_kept.year, oldest_kept.month, 1, tzinfo=UTC) - timedelta(seconds=1)
    for first in range(1, ROWS + 1, AT_ONCE):
        until = min(first + AT_ONCE - 1, ROWS)
        await connection.execute(OURS, first, until, ROWS, last, SPREAD_DAYS, project_id(KEY))
    await fold(database)
    before, size = await counted(database), await connection.fetchval(SIZE)
    began = time.perf_counter()
    dropped = await drop_old(database, days=KEPT_DAYS)
    took = time.perf_counter() - began
    left = await connection.fetchval("select count(*) from llmring.usage_logs")
    after = await counted(database)
    for line in (
        f"{ROWS} old rows: {ROWS - left} left in {took:.2f} s, with {len(dropped)} partitions",
        f"database: {size} MB before, {await connection.fetchval(SIZE)} MB after",
        f"calls in the statistics: {before} before, {after} after",
    ):
        sys.stdout.write(f"{line}\n")
    await database.close()
    await connection.close()


async def counted(database):
    caller = Caller(project_id(KEY))
    stats = await statistics(database, caller, period(None, None), "month", "UTC")
    return stats.summary.total_requests


if __name__ == "__main__":
    main()
