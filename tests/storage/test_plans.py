"""No statement of a request reads a whole table, however many rows it has."""

import json

import asyncpg
import pytest

from llmring_core import partitions
from llmring_core.key_book import SQL as KEY_BOOK
from llmring_server.usage.summing import fold
from support.postgres import connected
from support.statements import every_statement

ROWS = 1_000_000
MESSAGES = 100_000
# What looks after all projects at once; no request waits for it.
UPKEEP = {"fold", "recount", "old_of_all", "existing", "hurry", "delete_older", "set_prices"}
# What an operator asks for by hand: doctor and restore.
BY_HAND = "operating."
# Of twenty projects over ninety days, so that most of it is in the partitions of months.
FILL_LOGS = """
insert into llmring.usage_logs (
    api_key_id, logged_at, log_id, provider, model, input_tokens, output_tokens,
    cached_input_tokens, cost, cost_status, alias, origin
)
select
    'project-' || n % 20, now() - make_interval(secs => n * 7.776), gen_random_uuid(), 'openai',
    'model-' || n % 20, 1000, 100, 0, 0.01, 'given', 'alias-' || n % 5, 'origin-' || n % 4
from generate_series(1, $1::int) as n
"""
FILL_MESSAGES = """
insert into llmring.messages (
    api_key_id, conversation_id, position, message_id, role, content, timestamp, logging_level, size
)
select
    'project-' || n % 20, md5((n % 1000)::text)::uuid, n, gen_random_uuid(), 'user', '"Hi"',
    now() - make_interval(secs => n), 'full', 4
from generate_series(1, $1::int) as n
"""
KEYS = 100_000
FILL_KEYS = """
insert into llmring.api_keys (
    key_id, key_hash, api_key_id, project, name, scopes, hint, created_at
)
select
    gen_random_uuid(), sha256(n::text::bytea), 'project-' || n % 20, 'project', 'key',
    '{log:write}', 'lr_abcde', now()
from generate_series(1, $1::int) as n
"""
# The plan for any parameters, which is what a prepared statement ends up with.
EXPLAIN = """
create function plan_of(statement text) returns json language plpgsql as $$
declare plan json;
begin
    execute 'explain (generic_plan, format json) ' || statement into plan;
    return plan -> 0 -> 'Plan';
end
$$
"""
LARGE = "select relname from pg_class where relkind = 'r' and reltuples > 10000"


@pytest.fixture
async def full(database, database_url):
    """A database with a million calls, analyzed as autovacuum does it."""
    connection = await asyncpg.connect(database_url)
    for months_ago in range(4):
        today = await connection.fetchval("select now() - make_interval(months => $1)", months_ago)
        async with database.transaction() as tx:
            await partitions.make_ahead(tx, today=today)
    await connection.execute(FILL_LOGS, ROWS)
    await connection.execute(FILL_MESSAGES, MESSAGES)
    await fold(database)
    await connection.execute("vacuum analyze")
    await connection.execute(EXPLAIN)
    yield connection
    await connection.close()


@pytest.fixture
async def many_keys(database_url):
    """A database with very many registered keys."""
    async with connected(database_url) as connection:
        await connection.execute(FILL_KEYS, KEYS)
        await connection.execute("analyze llmring.api_keys")
        await connection.execute(EXPLAIN)
        yield connection


def whole_tables(plan):
    """The tables that a plan reads from one end to the other."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", []):
        yield from whole_tables(part)


async def test_no_statement_of_a_request_reads_a_whole_table(database, full):
    large = {row["relname"] for row in await full.fetch(LARGE)}
    found = {}
    for name, statement in every_statement():
        if name.rpartition(".")[2] in UPKEEP or BY_HAND in name:
            continue
        plan = json.loads(await full.fetchval("select plan_of($1)", database.sql(statement)))
        if tables := large.intersection(whole_tables(plan)):
            found[name] = tables
    assert (found, len(large) > 5) == ({}, True)


@pytest.mark.parametrize("name", ["find", "used"])
async def test_a_key_is_found_among_very_many_without_reading_them_all(database, many_keys, name):
    statement = database.sql(KEY_BOOK[name])
    plan = json.loads(await many_keys.fetchval("select plan_of($1)", statement))
    assert list(whole_tables(plan)) == []
