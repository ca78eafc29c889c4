"""The upkeep of all tables: a step that fails stops no other."""

import asyncio
from datetime import UTC, datetime

import pytest

from llmring_core.errors import Unavailable
from llmring_core.ids import new_id
from llmring_core.queries import Statement
from llmring_server.jobs.upkeep import upkeep

OLD = datetime(2020, 5, 17, tzinfo=UTC)
LOG = Statement(
    "insert into {schema}.usage_logs (api_key_id, logged_at, log_id, provider, model, input_tokens,"
    " output_tokens, cached_input_tokens, cost, cost_status)"
    " values ('p', $1, $2, 'openai', 'm', 1, 1, 0, 1, 'given')"
)
BREAK = Statement("alter table {schema}.idempotency_keys rename to elsewhere")
COUNT = Statement("select count(*) from {schema}.usage_logs")
LAST_MONTH = Statement(
    'select max(inhrelid::regclass::text collate "C") from pg_inherits'
    " where inhparent = '{schema}.usage_logs'::regclass and inhrelid::regclass::text ~ '\\d$'"
)


async def test_old_logs_leave_although_idempotency_keys_cannot(database):
    await database.execute(LOG, OLD, new_id(OLD))
    await database.execute(BREAK)
    with pytest.raises(Unavailable, match="not migrated"):
        await upkeep(database, usage_days=30)
    assert await database.fetch_value(COUNT) == 0


async def test_months_are_not_made_while_a_backup_reads_and_nobody_waits_for_that(database):
    """A backup holds every table as a reader does; a writer behind the upkeep must not wait."""
    month = await database.fetch_value(LAST_MONTH)
    await database.execute(Statement(f"drop table {month}"))
    async with database.transaction() as backup:
        await backup.fetch_value(COUNT)
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable):
                await upkeep(database)
        now = datetime.now(UTC)
        await database.execute(LOG, now, new_id(now))
    await upkeep(database)
    assert await database.fetch_value(LAST_MONTH) == month
