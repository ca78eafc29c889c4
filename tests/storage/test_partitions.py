"""Monthly partitions: made ahead, found by id, with a net below them."""

import json
from datetime import UTC, datetime

import pytest

from llmring_core.ids import millisecond_of, new_id
from llmring_core.partitions import make_ahead
from llmring_core.queries import Statement, load

INSERT = Statement(
    "insert into {schema}.usage_logs (api_key_id, logged_at, log_id, provider, model, input_tokens,"
    " output_tokens, cached_input_tokens, cost, cost_status)"
    " values ('p', $1, $2, 'openai', 'm', 1, 1, 0, 1, 'given')"
)
WHERE = Statement(
    "select relname from {schema}.usage_logs as row join pg_class on oid = row.tableoid"
)
TODAY = datetime(2031, 11, 23, tzinfo=UTC)


async def test_last_month_to_three_months_ahead_are_made(database):
    async with database.transaction() as tx:
        made = await make_ahead(tx, today=TODAY)
    assert made == [
        f"usage_logs_{month}" for month in ("2031_10", "2031_11", "2031_12", "2032_01", "2032_02")
    ]


async def test_making_them_again_makes_none(database):
    async with database.transaction() as tx:
        await make_ahead(tx, today=TODAY)
        assert await make_ahead(tx, today=TODAY) == []


async def test_a_row_of_a_month_that_nobody_made_is_kept(database):
    await database.execute(INSERT, TODAY, new_id(TODAY))
    assert await database.fetch_value(WHERE) == "usage_logs_default"


async def test_rows_in_the_net_move_when_their_month_is_made(database):
    await database.execute(INSERT, TODAY, new_id(TODAY))
    async with database.transaction() as tx:
        await make_ahead(tx, today=TODAY)
    assert await database.fetch_value(WHERE) == "usage_logs_2031_11"


@pytest.mark.parametrize("statement", ["find"])
async def test_a_look_up_by_id_reads_one_partition(database, statement):
    sql = load("llmring_server.usage")[statement]
    identifier = new_id(datetime.now(UTC))
    plan = await database.fetch_value(
        Statement(f"explain (format json) {sql}"), "p", *millisecond_of(identifier), identifier
    )
    assert json.dumps(plan).count("Relation Name") == 1
