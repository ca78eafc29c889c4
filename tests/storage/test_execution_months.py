"""Tool executions by month: those of before are kept where they were, and old ones leave whole."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from llmring_core import clock
from llmring_core.database import Database
from llmring_core.ids import new_id
from llmring_core.migrate import migrate, shipped
from llmring_core.partitions import drop_old, make_ahead
from llmring_core.queries import Statement, load
from llmring_core.settings import Settings

SQL = load("llmring_server.mcp")
OLD = datetime(2020, 5, 17, tzinfo=UTC)
TOOL = new_id(OLD)
MONTHS = Statement("select to_char(now() at time zone 'UTC', 'YYYY_MM')")
OFFER = Statement(
    """insert into {mcp_schema}.servers (api_key_id, server_id, created_at, updated_at, name, url,
        transport_type, policy)
    select 'p', $1::uuid, now(), now(), 's', 'http://s', 'http', 'warn';
    """
)
DEFINE = Statement(
    """insert into {mcp_schema}.definitions (api_key_id, definition_id, server_id, kind, name,
        definition, digest, approved_digest, size, first_seen_at, last_seen_at)
    values ('p', $1::uuid, $1::uuid, 'tool', 't', '{}', 'd', 'd', 2, now(), now())"""
)
EXECUTE = Statement(
    """insert into {mcp_schema}.tool_executions (api_key_id, execution_id, executed_at, tool_id,
        executed_by, status, input, size)
    values ('p', $1::uuid, $2, $3::uuid, 'server', 'running', '{}', 2)"""
)
WHERE = Statement(
    "select relname from {mcp_schema}.tool_executions as row join pg_class on oid = row.tableoid"
    " where execution_id = $1"
)
COUNT = Statement("select count(*) from {mcp_schema}.tool_executions")


async def executed(database, moment):
    """An execution of a moment, by id."""
    identifier = new_id(moment)
    await database.execute(EXECUTE, identifier, moment, TOOL)
    return identifier


async def offered(database):
    await database.execute(OFFER, TOOL)
    await database.execute(DEFINE, TOOL)


@pytest.fixture
async def before(empty_database_url, monkeypatch):
    """A database of the version before, with a tool."""
    database = Database(Settings(_env_file=None, database_url=empty_database_url))
    with monkeypatch.context() as patch:
        patch.setattr("llmring_core.migrate.shipped", lambda: shipped()[:9])
        patch.setattr("llmring_core.migrate.make_ahead", lambda _: asyncio.sleep(0))
        await migrate(database)
    await offered(database)
    yield database
    await database.close()


async def test_executions_of_before_stay_and_are_found(before):
    identifier = await executed(before, OLD)
    await migrate(before)
    assert (await before.fetch_row(SQL["find_execution"], "p", identifier))["id"] == identifier
    month = await before.fetch_value(MONTHS)
    assert await before.fetch_value(WHERE, identifier) == f"tool_executions_{month}"


async def test_an_execution_that_was_running_can_be_ended(before):
    identifier = await executed(before, clock.now())
    await migrate(before)
    outcome = ("succeeded", "1", None, 1, "hash", False, None, 5)
    ended = await before.fetch_row(SQL["finish_execution"], "p", identifier, *outcome)
    assert ended["status"] == "succeeded"


async def test_one_whose_clock_was_ahead_is_no_obstacle(before):
    identifier = await executed(before, clock.now() + timedelta(days=62))
    await migrate(before)
    assert await before.fetch_value(WHERE, identifier) is not None


async def test_a_month_of_its_own_follows_that_of_before(before):
    await executed(before, OLD)
    await migrate(before)
    later = clock.now() + timedelta(days=40)
    identifier = await executed(before, later)
    assert await before.fetch_value(WHERE, identifier) == f"tool_executions_{later:%Y_%m}"


async def test_old_months_leave_whole_and_newer_ones_stay(database):
    await offered(database)
    later = datetime(2032, 5, 1, tzinfo=UTC)
    for moment in (later - timedelta(days=200), later):
        async with database.transaction() as tx:
            await make_ahead(tx, today=moment)
        await executed(database, moment)
    dropped = await drop_old(database, days=60, today=later)
    assert "tool_executions_2031_10" in dropped
    assert await database.fetch_value(COUNT) == 1


async def test_old_executions_in_the_net_leave_too(database):
    await offered(database)
    await executed(database, OLD)
    await drop_old(database, days=60)
    assert await database.fetch_value(COUNT) == 0


async def test_a_look_up_by_id_reads_one_partition(database):
    plan = await database.fetch_value(
        Statement(f"explain (format json) {SQL['find_execution']}"), "p", new_id(clock.now())
    )
    assert json.dumps(plan).count("Relation Name") == 1
