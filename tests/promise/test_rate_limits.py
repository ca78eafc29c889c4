"""LLMRING_RATE_LIMIT: who asks too often is told when to ask again."""

import re

import httpx
import pytest
from pydantic import SecretStr

from conftest import client_of, started
from llmring_core import counted_here
from llmring_core.errors import StartRefused
from llmring_core.settings import Settings
from support.projects import a_call


@pytest.fixture
def limited(settings):
    return settings.model_copy(update={"rate_limit": "3/hour"})


@pytest.fixture
async def client(limited):
    async with started(limited) as app, client_of(httpx.ASGITransport(app)) as client:
        yield client


async def asked(client, key="alice", times=1):
    for _ in range(times):
        response = await client.get("/api/v1/stats", headers={"X-API-Key": key})
    return response


async def test_within_the_limit_answers_say_what_is_left(client):
    response = await asked(client)
    assert response.status_code == 200
    assert response.headers["ratelimit-policy"] == '"requests";q=3;w=3600'
    assert re.fullmatch(r'"requests";r=2;t=\d+', response.headers["ratelimit"])


async def test_beyond_it_they_say_when_to_ask_again(client):
    response = await asked(client, times=4)
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 3600
    assert '"requests";r=0;' in response.headers["ratelimit"]
    assert response.json()["type"] == "urn:llmring:problem:too-many-requests"


async def test_each_project_has_a_limit_of_its_own(client):
    await asked(client, times=4)
    assert (await asked(client, "bob")).status_code == 200


async def test_what_is_over_the_limit_is_not_done(client):
    headers = {"X-API-Key": "alice"}
    statuses = [
        (await client.post("/api/v1/log", json=a_call(cost=1), headers=headers)).status_code
        for _ in range(5)
    ]
    assert statuses == [200, 200, 200, 429, 429]


async def test_what_needs_no_key_is_not_counted(client):
    statuses = {(await client.get("/health")).status_code for _ in range(10)}
    assert statuses == {200}


async def test_without_a_limit_nothing_is_said_of_one(local):
    response = await asked(local, times=10)
    assert response.status_code == 200
    assert "ratelimit" not in response.headers


async def test_a_redis_that_is_away_leaves_each_process_to_itself(limited):
    away = limited.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9/0")})
    async with started(away) as app, client_of(httpx.ASGITransport(app)) as client:
        assert (await asked(client, times=3)).status_code == 200
        assert (await asked(client)).status_code == 429


@pytest.mark.parametrize("wrong", ["often", "0/second", "10", "10/fortnight", "-1/second"])
def test_a_limit_that_makes_no_sense_stops_the_start(monkeypatch, wrong):
    monkeypatch.setenv("LLMRING_RATE_LIMIT", wrong)
    with pytest.raises(StartRefused, match="LLMRING_RATE_LIMIT"):
        Settings.from_env(_env_file=None)


async def test_a_process_counts_no_more_than_so_many_projects(monkeypatch):
    monkeypatch.setattr(counted_here, "MAX_COUNTED", 4)
    memory = counted_here.BoundedMemory()
    for number in range(20):
        await memory.incr(f"project-{number}", 60)
    assert len(memory.storage) <= 5
    assert await memory.get("project-19") == 1
