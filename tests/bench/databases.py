"""The databases of a run, in one PostgreSQL: made, filled with a history, tidied."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import asyncpg

from llmring_core.callers import project_id
from llmring_core.database import Database
from llmring_core.migrate import migrate
from llmring_core.partitions import make_ahead
from llmring_core.settings import Settings
from support.processes import environment

DAYS = 90
AT_ONCE = 250_000  # rows per statement: what a trigger keeps of one has to fit somewhere
# A row per number from $1 to $2 of $3, spread evenly over the days up to now, oldest first.
CALLS = """
with call as (
    select
        number,
        $4::timestamptz - make_interval(days => $5) * (1 - number::float / $3) as moment
    from generate_series($1::bigint, $2::bigint) as number
)
"""
OURS = f"""{CALLS}
insert into llmring.usage_logs (
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, latency_ms, alias, profile, origin, metadata
)
select
    $6, date_trunc('milliseconds', moment),
    (
        lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(number::text), 1, 3) || '8' || substr(md5(number::text), 4, 15)
    )::uuid,
    'openai', 'model-' || number % 12, 1000 + number % 500, 100 + number % 300,
    number % 200, round(0.0005 + (number % 1000) * 0.00001, 8), 'given', 300 + number % 900,
    'alias-' || number % 10, 'default', 'origin-' || number % 8, '{{"finish_reason": "stop"}}'
from call
"""
PEERS = f"""{CALLS}
insert into llmring.usage_logs (
    api_key_id, created_at, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, latency_ms, alias, profile, origin, metadata
)
select
    $6, moment, 'openai', 'model-' || number % 12, 1000 + number % 500, 100 + number % 300,
    number % 200, 0.0005 + (number % 1000) * 0.00001, 300 + number % 900,
    'alias-' || number % 10, 'default', 'origin-' || number % 8, '{{"finish_reason": "stop"}}'
from call
"""


def url_of(local, name):
    return local.url.replace("/llmring?", f"/{name}?")


def create(local, name):
    """Make an empty database; its URL."""
    run(local.url, f"create database {name}")
    return url_of(local, name)


def run(url, sql, *arguments):
    """Run one statement; its first value, if it has one."""

    async def once():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(once())


def fill(url, peer_url, rows, key):
    """Give a project of ours, and the same one of the peer, a history of so many rows."""
    now = datetime.now(UTC)

    async def one(url, sql, project):
        connection = await asyncpg.connect(url)
        for first in range(1, rows + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, rows)
            await connection.execute(sql, first, last, rows, now, DAYS, project)
        await connection.execute("vacuum (analyze) llmring.usage_logs")
        await connection.execute("checkpoint")
        await connection.close()

    async def both():
        await asyncio.gather(one(url, OURS, project_id(key)), one(peer_url, PEERS, key))

    asyncio.run(both())


def months_of_the_past(url):
    """The partitions that a database which ran for all these days would have."""

    async def make():
        database = Database(Settings(_env_file=None, database_url=url))
        await migrate(database)
        async with database.transaction() as tx:
            await make_ahead(tx, today=datetime.now(UTC) - timedelta(days=DAYS))
        await database.close()

    asyncio.run(make())


def fold(folder, url):
    """Bring rollups up to date, where our server has a command for it."""
    command = [sys.executable, "-m", "llmring_server.cli", "stats", "fold"]
    settings = environment(folder, LLMRING_DATABASE_URL=url)
    options = {"env": settings, "cwd": folder, "capture_output": True}
    if subprocess.run([*command, "--help"], check=False, **options).returncode == 0:
        done = subprocess.run(command, check=False, **options)
        assert done.returncode == 0, done.stderr.decode()
