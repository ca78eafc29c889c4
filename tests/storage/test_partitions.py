"""Monthly partitions: made ahead, found by id, with a net below them."""

import json
from datetime import UTC, datetime

import asyncpg
import pytest

from llmring_core import partitions
from llmring_core.callers import Caller
from llmring_core.errors import Unavailable
from llmring_core.ids import millisecond_of, new_id
from llmring_core.partitions import drop_old, make_ahead
from llmring_core.periods import period
from llmring_core.queries import Statement, load
from llmring_server.usage import summing
from llmring_server.usage.statistics import statistics

INSERT = Statement(
    "insert into {schema}.usage_logs (api_key_id, logged_at, log_id, provider, model, input_tokens,"
    " output_tokens, cached_input_tokens, cost, cost_status)"
    " values ('p', $1, $2, 'openai', 'm', 1, 1, 0, 1, 'given')"
)
WHERE = Statement(
    "select relname from {schema}.usage_logs as row join pg_class on oid = row.tableoid"
)
COUNT = Statement("select count(*) from {schema}.usage_logs")
TODAY = datetime(2031, 11, 23, tzinfo=UTC)
LATER = datetime(2032, 5, 1, tzinfo=UTC)


async def test_last_month_to_three_months_ahead_are_made(database):
    async with database.transaction() as tx:
        made = await make_ahead(tx, today=TODAY)
    assert [each for each in made if "usage" in each] == [
        f"usage_logs_{month}" for month in ("2031_10", "2031_11", "2031_12", "2032_01", "2032_02")
    ]


async def test_tool_executions_get_theirs_from_this_month_on(database):
    async with database.transaction() as tx:
        made = await make_ahead(tx, today=TODAY)
    assert [each for each in made if "tool" in each] == [
        f"tool_executions_{month}" for month in ("2031_11", "2031_12", "2032_01", "2032_02")
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


async def test_months_that_are_too_old_are_dropped_whole(database):
    for today in (datetime(2031, 8, 20, tzinfo=UTC), TODAY):
        async with database.transaction() as tx:
            await make_ahead(tx, today=today)
        await database.execute(INSERT, today, new_id(today))
    dropped = await drop_old(database, days=60, today=TODAY)
    # Of September there may still be rows that are younger than sixty days.
    assert [each for each in dropped if "2031" in each] == [
        "usage_logs_2031_07",
        "usage_logs_2031_08",
        "tool_executions_2031_08",
    ]
    assert await database.fetch_value(COUNT) == 1


async def test_old_rows_in_the_net_leave_too(database):
    old = datetime(2031, 1, 1, tzinfo=UTC)
    await database.execute(INSERT, old, new_id(old))
    await drop_old(database, days=60, today=TODAY)
    assert await database.fetch_value(COUNT) == 0


async def test_many_old_rows_leave_in_steps(database, monkeypatch):
    monkeypatch.setattr(partitions, "ROWS_AT_ONCE", 2)
    old = datetime(2031, 1, 1, tzinfo=UTC)
    for _ in range(5):
        await database.execute(INSERT, old, new_id(old))
    await drop_old(database, days=60, today=TODAY)
    assert await database.fetch_value(COUNT) == 0


async def test_without_a_limit_everything_stays(database):
    assert await drop_old(database, days=0, today=TODAY) == []


async def test_what_left_stays_in_the_statistics(database):
    await database.execute(INSERT, TODAY, new_id(TODAY))
    async with database.transaction() as tx:
        await make_ahead(tx, today=TODAY)
    await drop_old(database, days=1, today=LATER)
    stats = await statistics(database, Caller("p"), period(None, None), "month", "UTC")
    assert stats.summary.total_requests == 1


@pytest.mark.parametrize("tz", ["UTC", "Europe/Madrid", "Asia/Kolkata", "Asia/Singapore"])
async def test_what_left_stays_in_the_statistics_of_every_zone(database, tz):
    await database.execute(INSERT, TODAY, new_id(TODAY))
    await drop_old(database, days=1, today=LATER)
    await database.execute(INSERT, LATER, new_id(LATER))
    for fold_first in (False, True):
        if fold_first:
            await summing.fold(database)
        stats = await statistics(database, Caller("p"), period(None, None), "month", tz)
        assert [str(each.date) for each in stats.by_day] == ["2032-05-01", "2031-11-01"]
        assert stats.summary.total_requests == 2


async def test_what_left_stays_in_the_sums_when_a_late_call_comes(database):
    await database.execute(INSERT, TODAY, new_id(TODAY))
    await drop_old(database, days=1, today=LATER)
    await database.execute(INSERT, TODAY, new_id(TODAY))
    await summing.recount(database, repair=True)
    stats = await statistics(database, Caller("p"), period(None, None), "month", "UTC")
    assert stats.summary.total_requests == 2


async def test_somebody_who_reads_an_old_month_delays_its_end(database, database_url):
    reader = await asyncpg.connect(database_url)
    async with database.transaction() as tx:
        await make_ahead(tx, today=TODAY)
    async with reader.transaction():
        await reader.execute("select from llmring.usage_logs_2031_10")
        with pytest.raises(Unavailable):
            await drop_old(database, days=1, today=LATER)
    await reader.close()
