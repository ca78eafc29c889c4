"""The upkeep of all tables: a step that fails stops no other."""

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


async def test_old_logs_leave_although_idempotency_keys_cannot(database):
    await database.execute(LOG, OLD, new_id(OLD))
    await database.execute(BREAK)
    with pytest.raises(Unavailable, match="not migrated"):
        await upkeep(database, usage_days=30)
    assert await database.fetch_value(COUNT) == 0
