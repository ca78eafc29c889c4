"""Who is cancelled ends, also while nothing comes back from the database."""

import asyncio

import pytest
from pydantic import SecretStr

from llmring_core.database import Database
from llmring_core.errors import Unavailable
from llmring_core.queries import Statement
from support.lines import Line

PATIENCE = 10  # seconds; a query that is not cancelled takes thirty
SLEEP = Statement("select pg_sleep(60)")


@pytest.fixture
async def line(database_url):
    async with Line(database_url).laid() as line:
        yield line


@pytest.fixture
async def far(settings, line):
    """The database, at the end of the line."""
    database = Database(settings.model_copy(update={"database_url": SecretStr(line.url)}))
    yield database
    await database.close()


async def in_a_statement(database):
    await database.execute(SLEEP)


async def in_a_transaction(database):
    async with database.transaction() as tx:
        await tx.execute(SLEEP)


def again_and_again(what):
    async def persist(database):
        while True:
            try:
                await what(database)
            except Unavailable:
                await asyncio.sleep(0)

    return persist


async def sleeps(database):
    """Return once a statement of ours is under way."""
    asks = Statement("select count(*) > 1 from pg_stat_activity where query like '%pg_sleep%'")
    while not await database.fetch_value(asks):
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("what", [in_a_statement, in_a_transaction])
async def test_a_task_that_tries_again_ends_on_a_dead_line(far, line, database, what):
    task = asyncio.create_task(again_and_again(what)(far))
    await sleeps(database)
    line.swallow()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=PATIENCE)
    assert done
    assert task.cancelled()
