"""The registry in Redis: shared between processes, and never in the way."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from llmring_core import rate_limits
from llmring_core.callers import Caller
from llmring_core.errors import TooManyRequests
from llmring_core.rate_limits import REDIS_SECONDS, RateLimits
from llmring_core.registry import Registry
from llmring_core.registry_copies import RedisCopy
from llmring_core.settings import Settings
from support.processes import free_port, until

pytestmark = pytest.mark.skipif(
    not shutil.which("redis-server"), reason="redis-server is not installed"
)


@pytest.fixture
def redis(tmp_path):
    """A Redis of its own."""
    port = free_port()
    command = [shutil.which("redis-server"), "--port", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--save", "", "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    process.url = f"redis://127.0.0.1:{port}/0"
    try:
        until(lambda: listens(port))
        yield process
    finally:
        process.kill()
        process.wait()


def listens(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def with_redis(redis, settings, database):
    """Settings with a Redis that holds the registry."""
    settings = Settings(_env_file=None, **{**settings.model_dump(), "redis_url": redis.url})
    registry = Registry(settings, database)
    await registry.renew()
    yield settings
    await registry.close()


async def test_a_second_process_takes_it_from_redis(with_redis, database, upstream):
    asked = upstream.count()
    second = Registry(with_redis, database)
    await second.renew()
    assert (await second.snapshot()).prices.find("openai", "gpt-4.1")
    assert upstream.count() == asked


async def test_garbage_in_redis_counts_as_nothing(with_redis, redis):
    copy = RedisCopy(with_redis)
    async with Redis.from_url(redis.url) as client:
        await client.set(copy._key, "garbage")
    assert await copy.read() is None


async def test_a_redis_that_hangs_counts_as_nothing(with_redis, redis):
    os.kill(redis.pid, signal.SIGSTOP)
    assert await RedisCopy(with_redis).read() is None


@pytest.fixture
async def limits_of(redis, settings):
    """Make what counts for each of two processes, with a limit."""
    async with AsyncExitStack() as stack:

        def make(limit):
            limited = settings.model_copy(
                update={"redis_url": SecretStr(redis.url), "rate_limit": limit}
            )
            processes = RateLimits(limited), RateLimits(limited)
            for each in processes:
                stack.push_async_callback(each.close)
            return processes

        yield make


async def test_two_processes_count_requests_together(limits_of):
    (one, other), caller = limits_of("3/hour"), Caller("alice")
    for each in (one, other, one):
        await each.count(caller)
    with pytest.raises(TooManyRequests):
        await other.count(caller)


async def test_while_redis_hangs_each_process_counts_by_itself(redis, limits_of):
    (one, other), caller = limits_of("1/hour"), Caller("alice")
    os.kill(redis.pid, signal.SIGSTOP)
    await one.count(caller)
    await other.count(caller)
    with pytest.raises(TooManyRequests):
        await one.count(caller)


async def test_a_redis_that_hangs_is_left_alone_for_a_while(redis, limits_of):
    (one, _), caller = limits_of("100/hour"), Caller("alice")
    os.kill(redis.pid, signal.SIGSTOP)
    async with asyncio.timeout(50 * REDIS_SECONDS / 2):
        for _ in range(50):
            await one.count(caller)


async def test_a_redis_that_is_well_again_is_counted_in(redis, limits_of, monkeypatch):
    monkeypatch.setattr(rate_limits, "AWAY_SECONDS", 0.1)
    (one, other), caller = limits_of("100/hour"), Caller("alice")
    os.kill(redis.pid, signal.SIGSTOP)
    await one.count(caller)
    os.kill(redis.pid, signal.SIGCONT)
    await asyncio.sleep(0.1)
    await one.count(caller)
    assert ";r=98;" in (await other.count(caller))["RateLimit"]


async def test_closing_the_limits_leaves_no_connection_behind(redis, limits_of):
    one, _ = limits_of("3/hour")
    await one.count(Caller("alice"))
    await one.close()
    async with Redis.from_url(redis.url) as client:
        assert len(await client.client_list()) == 1
