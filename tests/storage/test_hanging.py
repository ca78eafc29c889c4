"""A database that hangs is noticed and given up; one that is only slow is waited for."""

import asyncio
import time

import pytest
from pydantic import SecretStr

from llmring_core import hanging
from llmring_core.database import Database
from llmring_core.errors import Unavailable
from llmring_core.queries import Statement
from support.lines import Line

VERY_SLOW = Statement("select pg_sleep(60)")
SLOW = Statement("select true from pg_sleep(0.5)")
ONE = Statement("select 1")
LIMIT = 10  # seconds; a statement that nobody gives up takes thirty


@pytest.fixture
async def line(database_url):
    async with Line(database_url).laid() as line:
        yield line


@pytest.fixture
async def far(settings, line, monkeypatch):
    """The database at the end of the line, with little patience."""
    monkeypatch.setattr(hanging, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(hanging, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(hanging, "SIGN_SECONDS", 0.3)
    monkeypatch.setattr(hanging, "TICK_SECONDS", 0.02)
    database = Database(settings.model_copy(update={"database_url": SecretStr(line.url)}))
    yield database
    await database.close()


async def sleeps(database):
    """Return once a statement is under way."""
    asks = Statement("select count(*) > 1 from pg_stat_activity where query like '%pg_sleep%'")
    while not await database.fetch_value(asks):
        await asyncio.sleep(0.005)


async def run(database, statement, **how):
    async with database.transaction(**how) as tx:
        return await tx.fetch_value(statement)


async def test_who_waits_for_a_database_that_hangs_is_told_soon(far, line):
    await far.fetch_value(ONE)
    line.hang()
    async with asyncio.timeout(LIMIT):
        answers = await asyncio.gather(*(run(far, ONE) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in answers] == [Unavailable] * 3


async def test_it_is_used_again_once_it_answers(far, line):
    await far.fetch_value(ONE)
    line.hang()
    with pytest.raises(Unavailable):
        await run(far, ONE)
    line.mend()
    assert await run(far, ONE) == 1


async def test_a_statement_that_takes_long_is_not_given_up_by_a_database_that_answers(far):
    assert await run(far, SLOW)


async def test_a_database_that_refuses_connections_does_not_hang(far, line, database):
    statement = asyncio.create_task(run(far, SLOW))
    await sleeps(database)
    line.refuse()
    assert await statement


async def test_what_may_take_hours_is_left_alone(far, line, database):
    statement = asyncio.create_task(run(far, VERY_SLOW, is_long=True))
    await sleeps(database)
    line.hang()
    done, _ = await asyncio.wait([statement], timeout=1)
    assert not done
    line.close()
    with pytest.raises(Unavailable):
        await statement


async def test_a_server_that_is_busy_itself_takes_no_database_for_hanging(far):
    await far.fetch_value(ONE)

    async def be_busy():
        for _ in range(6):
            time.sleep(0.5)  # noqa: ASYNC251 - the loop stands still, as while it reads a large body
            await asyncio.sleep(0.001)

    value, _ = await asyncio.gather(far.fetch_value(SLOW), be_busy())
    assert value
