"""The pool: opens late, translates errors, survives the loss of its connections."""

import asyncio

import pytest

from llmring_core import deadline
from llmring_core.database import Database
from llmring_core.errors import AlreadyExists, StartRefused, Unavailable, Unprocessable
from llmring_core.queries import Statement
from llmring_core.settings import Settings

ONE = Statement("select 1")
SLOW = Statement("select pg_sleep(0.3)")
VERY_SLOW = Statement("select pg_sleep(60)")
KILL_OTHERS = Statement(
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)
ADD_KEY = Statement("insert into {schema}.idempotency_keys values ('p', 'e', 'k', '', '')")


def on(url, **changes):
    return Database(Settings(_env_file=None, database_url=url, **changes))


async def test_making_a_database_connects_to_nothing():
    database = on("postgresql://nobody@127.0.0.1:9/none")
    await database.close()


async def test_a_database_that_is_away_is_unavailable():
    with pytest.raises(Unavailable):
        await on("postgresql://nobody@127.0.0.1:9/none").fetch_value(ONE)


async def test_without_a_url_the_variable_is_named():
    with pytest.raises(StartRefused, match="LLMRING_DATABASE_URL"):
        await Database(Settings(_env_file=None)).fetch_value(ONE)


async def test_a_taken_key_already_exists(database):
    await database.execute(ADD_KEY)
    with pytest.raises(AlreadyExists):
        await database.execute(ADD_KEY)


@pytest.mark.parametrize("value", [2**70, "text"])
async def test_a_value_that_does_not_fit_is_unprocessable(database, value):
    with pytest.raises(Unprocessable):
        await database.fetch_value(Statement("select $1::bigint"), value)


async def test_a_transaction_that_fails_leaves_nothing(database):
    async def fail():
        async with database.transaction() as tx:
            await tx.execute(ADD_KEY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    count = Statement("select count(*) from {schema}.idempotency_keys")
    assert await database.fetch_value(count) == 0


async def test_connections_that_were_cut_are_replaced(database, database_url):
    await asyncio.gather(*(database.fetch_value(ONE) for _ in range(5)))
    other = on(database_url)
    await other.fetch(KILL_OTHERS)
    await other.close()
    await asyncio.sleep(0)
    for _ in range(10):
        try:
            assert await database.fetch_value(ONE) == 1
        except Unavailable:
            continue  # the cut had not reached us yet
        break
    assert await database.fetch_value(ONE) == 1


async def test_an_exhausted_pool_is_unavailable_not_endless(database_url, monkeypatch):
    monkeypatch.setattr("llmring_core.own_pool.ACQUIRE_SECONDS", 0.05)
    database = on(database_url, database_pool_size=1)
    async with database.transaction():
        with pytest.raises(Unavailable):
            await database.fetch_value(ONE)
    assert await database.fetch_value(ONE) == 1
    await database.close()


async def test_a_statement_that_takes_too_long_is_ended(database_url, monkeypatch):
    monkeypatch.setattr("llmring_core.own_pool.COMMAND_SECONDS", 0.05)
    database = on(database_url)
    with pytest.raises(Unavailable):
        await database.execute(SLOW)
    await database.close()


async def test_a_migration_may_take_as_long_as_it_needs(database_url, monkeypatch):
    monkeypatch.setattr("llmring_core.own_pool.COMMAND_SECONDS", 0.05)
    database = on(database_url)
    async with database.unprepared_transaction(is_long=True) as tx:
        await tx.execute(SLOW)
    await database.close()


async def test_a_statement_is_ended_before_its_function_is(database):
    left = deadline.ends_in(deadline.STATEMENT_MARGIN_SECONDS + 0.1)
    with pytest.raises(Unavailable):
        await database.execute(VERY_SLOW)
    deadline.forget(left)


async def test_a_schema_that_is_no_name_is_refused():
    with pytest.raises(StartRefused):
        Database(Settings(_env_file=None), schema='x"; drop schema public')


async def test_a_caller_who_gives_up_does_not_end_what_all_wait_for(database_url):
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), []

    async def prepare(_):
        begun.set()
        await may_end.wait()
        ended.append(1)

    database = Database(
        Settings(_env_file=None, database_url=database_url), before_first_use=prepare
    )
    first = asyncio.create_task(database.fetch_value(ONE))
    await begun.wait()
    first.cancel()
    other = asyncio.create_task(database.fetch_value(ONE))
    await asyncio.wait([first])
    may_end.set()
    assert await other == 1
    assert ended == [1]
    await database.close()


async def test_a_database_that_nobody_migrated_says_what_to_do(empty_database_url):
    database = on(empty_database_url)
    with pytest.raises(Unavailable, match="llmring-server db migrate"):
        await database.execute(ADD_KEY)
    await database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "insert into {schema}.idempotency_keys values ('secret', null, 'k', '', '')",
        "select 'secret'::uuid",
        "select $1::text",
    ],
)
async def test_what_the_database_refuses_is_logged_without_what_was_to_be_stored(
    database, caplog, statement
):
    arguments = ["secret\x00"] if "$1" in statement else []
    with pytest.raises(Unprocessable):
        await database.execute(Statement(statement), *arguments)
    assert "a value was refused" in caplog.text
    assert "secret" not in caplog.text


async def test_a_url_with_a_parameter_that_makes_no_sense_is_no_fault_of_the_request(caplog):
    database = on("postgresql://user@127.0.0.1:9/none?sslmode=secret")
    with pytest.raises(StartRefused) as refused:
        await database.execute(ONE)
    assert "secret" not in str(refused.value) + caplog.text
    await database.close()
