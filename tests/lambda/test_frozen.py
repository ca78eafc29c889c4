"""A container that was frozen goes on as if nothing had happened, whatever became of its line."""

import asyncio
import time

import asyncpg
import httpx
import pytest
from fastapi import APIRouter
from pydantic import SecretStr

from llmring_core import own_pool
from llmring_core.database import Database
from llmring_core.lambda_adapter import lambda_handler
from llmring_core.queries import Statement
from support.events import http_api
from support.functions import Context, FunctionsTransport
from support.lines import Line
from support.projects import Project


@pytest.fixture
async def line(database_url):
    async with Line(database_url).laid() as line:
        yield line


@pytest.fixture
def settings_by_line(settings, line):
    # As the template has it: one connection, and no statement prepared on it.
    as_on_lambda = {"database_pool_size": 1, "database_statement_cache": 0}
    return settings.model_copy(update={"database_url": SecretStr(line.url), **as_on_lambda})


@pytest.fixture
async def project(settings_by_line, line):
    """A project that speaks to the functions, which reach their database by the line."""
    transport = FunctionsTransport(settings_by_line)
    yield Project(httpx.AsyncClient(transport=transport, base_url="http://test"), "alice")
    line.close()
    # In a thread, because the line must notice while the functions hang up.
    await asyncio.to_thread(asyncio.run, transport.aclose())


@pytest.fixture
def slept(monkeypatch):
    """Makes every connection believe that it slept since its last use."""
    monkeypatch.setattr(own_pool, "SLEPT_SECONDS", 0)


@pytest.fixture
async def postgres(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


OTHERS = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


async def terminate(line, postgres):
    await postgres.fetch(f"select pg_terminate_backend(pid, 5000) {OTHERS}")


async def close(line, postgres):
    line.close()


async def reset(line, postgres):
    line.reset()


async def swallow(line, postgres):
    line.swallow()


@pytest.mark.parametrize("happen", [terminate, close, reset, swallow])
async def test_a_dead_connection_is_replaced_without_an_error(
    project, line, postgres, slept, happen
):
    await project.logs()
    await happen(line, postgres)
    await project.logs()
    assert len(await project.reads_logs()) == 2


async def test_a_swallowed_connection_costs_about_a_second(project, line, slept):
    await project.reads("/health")
    line.swallow()
    started = time.perf_counter()
    await project.reads("/health")
    assert time.perf_counter() - started < 1.5


async def test_many_swallowed_connections_cost_as_much_as_one(settings_by_line, line, slept):
    database = Database(settings_by_line)
    await asyncio.gather(*(database.fetch(Statement("select pg_sleep(0.1)")) for _ in range(4)))
    line.swallow()
    started = time.perf_counter()
    await database.fetch(Statement("select 1"))
    assert time.perf_counter() - started < 2
    line.close()
    await database.close()


async def test_a_frozen_write_is_done_once(project, line, postgres, slept):
    await project.logs()
    await terminate(line, postgres)
    answers = [await project.logs(**{"Idempotency-Key": "one"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(await project.reads_logs()) == 2


async def test_warm_invocations_share_one_connection(project, postgres):
    for _ in range(10):
        await project.reads("/health")
    assert await postgres.fetchval(f"select count(*) {OTHERS}") == 1


async def test_warm_logs_open_no_further_connection(project, postgres):
    await project.reads("/registry")
    seen = []
    # The first ones have company: what is done when a registry comes to hand.
    for _ in range(10):
        for _ in range(10):
            await project.logs()
        seen.append(await postgres.fetch(f"select pid {OTHERS} order by pid"))
        if seen[-1] in seen[:-1]:
            return
    pytest.fail(f"every ten logs opened connections: {seen}")


async def test_a_connection_in_use_is_not_asked_whether_it_lives(project, postgres):
    for _ in range(3):
        await project.reads("/health")
    last = await postgres.fetchval(f"select query {OTHERS}")
    assert last == "select true"


async def test_a_container_is_frozen_when_all_that_its_tasks_began_has_ended(settings):
    ended = []

    async def begin(generations):
        await asyncio.sleep(0)  # the answer leaves first
        if generations:
            kept.append(asyncio.create_task(begin(generations - 1)))
        else:
            ended.append("the last")

    kept = []
    router = APIRouter()

    @router.get("/begins")
    async def begins() -> None:
        kept.append(asyncio.create_task(begin(50)))

    def invoke():
        lambda_handler(router, settings=settings)(http_api("/begins"), Context())

    await asyncio.to_thread(invoke)
    assert ended == ["the last"]
