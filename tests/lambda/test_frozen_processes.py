"""Containers that were really frozen, and many of them at once, behind a real pooler."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from support.built import needs_built
from support.events import a_log, http_api
from support.lines import Line
from support.pooler import needs_pgbouncer, pooled
from support.projects import a_call

pytestmark = needs_built

OTHERS = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
CONTAINERS = 50


@pytest.fixture
async def line(database_url):
    async with Line(database_url).laid() as line:
        yield line


@pytest.fixture
async def postgres(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def invoked(function, event):
    return await asyncio.to_thread(function.invoke, event)


async def closed(line, postgres):
    line.close()


async def reset(line, postgres):
    line.reset()


async def black_holed(line, postgres):
    line.swallow()


async def terminated(line, postgres):
    await postgres.fetch(f"select pg_terminate_backend(pid, 5000) {OTHERS}")


@pytest.mark.parametrize("happen", [closed, reset, black_holed, terminated])
async def test_a_thawed_container_answers_soon_and_writes_once(start, line, postgres, happen):
    function = start("Usage", url=line.url)
    log = a_log(http_api)
    assert (await invoked(function, log))["statusCode"] == 200
    function.freeze()
    await happen(line, postgres)
    # The time that passes while a container is frozen, without waiting for it.
    await postgres.fetch("select pg_sleep(5.2)")
    function.thaw()
    began = time.perf_counter()
    answer = await invoked(function, log)
    took = time.perf_counter() - began
    assert (answer["statusCode"], took < 1.5) == (200, True)
    assert await postgres.fetchval("select count(*) from llmring.usage_logs") == 2
    line.close()


async def test_a_thousand_warm_invocations_open_one_connection(start, postgres):
    function = start("Usage")
    await invoked(function, a_log(http_api))
    (before,) = await postgres.fetch(f"select pid {OTHERS}")

    def thousand():
        return {function.invoke(a_log(http_api))["statusCode"] for _ in range(1000)}

    assert await asyncio.to_thread(thousand) == {200}
    assert await postgres.fetch(f"select pid {OTHERS}") == [before]


@needs_pgbouncer
async def test_fifty_containers_behind_a_pooler_lose_nothing(start, database_url, postgres):
    with pooled(database_url) as url:
        functions = [start("Usage", url=url) for _ in range(CONTAINERS)]
        body = json.dumps(a_call(cost=0.25))
        batch = json.dumps([a_call(cost=0.25)] * 3)
        headers = {"X-API-Key": "alice", "Content-Type": "application/json"}

        def work(function):
            events = [
                http_api("/api/v1/log", "POST", headers=headers, body=body),
                http_api("/api/v1/log/batch", "POST", headers=headers, body=batch),
                http_api("/api/v1/stats", headers=headers),
            ]
            return [function.invoke(event)["statusCode"] for _ in range(4) for event in events]

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(CONTAINERS) as threads:
            answers = await asyncio.gather(
                *(loop.run_in_executor(threads, work, each) for each in functions)
            )
        assert {status for each in answers for status in each} == {200}
        for each in functions:
            each.close()
    count, cost = await postgres.fetchrow("select count(*), sum(cost) from llmring.usage_logs")
    assert (count, cost) == (CONTAINERS * 16, CONTAINERS * 4)
