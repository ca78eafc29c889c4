"""Idempotency-Key: the same write sent twice is done once."""

import asyncio

import asyncpg
import pytest

from llmring_core.idempotency import SQL
from support.projects import a_call


async def log(project, key, **members):
    call = a_call(**members)
    return await project.ask("POST", "/api/v1/log", json=call, headers={"Idempotency-Key": key})


async def test_a_repeated_request_gets_the_first_answer_again(alice):
    first, second = await log(alice, "k"), await log(alice, "k")
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(await alice.reads_logs()) == 1


async def test_a_key_in_quotes_is_the_same_key(alice):
    await log(alice, "k")
    assert (await log(alice, '"k"')).headers["Idempotency-Replayed"] == "true"


async def test_the_key_with_another_body_is_refused(alice):
    await log(alice, "k")
    response = await log(alice, "k", input_tokens=1)
    assert response.status_code == 422
    assert response.json()["type"].endswith("idempotency-key-reused")
    assert len(await alice.reads_logs()) == 1


async def test_a_refused_request_does_not_use_up_the_key(alice):
    assert (await log(alice, "k", input_tokens=-1)).status_code == 422
    assert (await log(alice, "k")).status_code == 200


async def test_keys_of_two_projects_have_nothing_to_do_with_each_other(alice, bob):
    await log(alice, "k")
    assert "Idempotency-Replayed" not in (await log(bob, "k")).headers


async def test_a_batch_is_replayed_too(alice):
    headers = {"Idempotency-Key": "k"}
    calls = [a_call(), a_call(input_tokens=-1)]
    ask = [("POST", "/api/v1/log/batch")] * 2
    first, second = [await alice.ask(*each, json=calls, headers=headers) for each in ask]
    assert second.json() == first.json()
    assert len(await alice.reads_logs()) == 1


async def test_a_log_and_a_batch_do_not_share_a_key(alice):
    await log(alice, "k")
    response = await alice.ask(
        "POST", "/api/v1/log/batch", json=[a_call()], headers={"Idempotency-Key": "k"}
    )
    assert response.json()["stored"] == 1


async def test_concurrent_requests_with_one_key_store_one_row(alice):
    responses = await asyncio.gather(*(log(alice, "k") for _ in range(20)))
    assert {each.status_code for each in responses} <= {200, 409}
    assert len({each.json()["log_id"] for each in responses if each.status_code == 200}) == 1
    assert len(await alice.reads_logs()) == 1


async def test_a_request_still_in_flight_is_a_conflict(alice, database_url):
    await log(alice, "other")
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await hold_key(connection, "k")
            response = await log(alice, "k")
    finally:
        await connection.close()
    assert response.status_code == 409
    assert response.headers["Retry-After"] == "1"


async def hold_key(connection, key):
    """Take the lock that a request with the key holds while it is worked on."""
    project = await connection.fetchval("select api_key_id from llmring.idempotency_keys")
    await connection.execute(
        SQL["claim"].replace("pg_try_", "pg_"),
        project,
        "POST /api/v1/log",
        key,
    )


async def test_a_key_older_than_a_day_is_forgotten(alice, database_url):
    await log(alice, "k")
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "update llmring.idempotency_keys set created_at = now() - interval '25 hours'"
    )
    await connection.close()
    assert "Idempotency-Replayed" not in (await log(alice, "k", input_tokens=1)).headers
    assert len(await alice.reads_logs()) == 2


@pytest.mark.parametrize("key", ["", '""', "with space", "x" * 256, "é"])
async def test_a_key_that_cannot_be_one_is_refused(alice, key):
    response = await log(alice, key.encode("latin-1"))
    assert response.status_code == 400
    assert await alice.reads_logs() == []
