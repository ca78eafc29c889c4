"""A key is made in the place of another, which still opens for a while."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from conftest import client_of, started
from llmring_core.queries import Statement
from support.projects import a_call
from support.registered_keys import (
    KEYS,
    OPERATOR,
    made,
    rotate,
    status,
    when,
)


@pytest.mark.usefixtures("impatient")
async def test_a_rotated_key_still_opens_for_the_overlap(http):
    old = await made(http, scopes=["stats:read"])
    new = (await rotate(http, old)).json()
    assert (new["project"], new["scopes"]) == ("billing", ["stats:read"])
    assert [await status(http, each["key"]) for each in (old, new)] == [200, 200]


@pytest.mark.usefixtures("impatient")
async def test_without_an_overlap_the_old_key_ends_at_once(http):
    old = await made(http)
    new = (await rotate(http, old, overlap_hours=0)).json()
    assert [await status(http, each["key"]) for each in (old, new)] == [401, 200]


async def test_a_rotation_says_until_when_the_old_key_opens(http):
    old = await made(http)
    new = (await rotate(http, old, overlap_hours=2)).json()
    assert when(new["old_key_opens_until"]) == when(new["created_at"]) + timedelta(hours=2)
    *_, listed = (await http.get(KEYS, headers=OPERATOR)).json()
    assert listed["expires_at"] == new["old_key_opens_until"]


async def test_an_overlap_does_not_let_a_key_open_longer(http):
    old = await made(http, expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    new = (await rotate(http, old)).json()
    assert new["old_key_opens_until"] == old["expires_at"]


async def test_a_listed_key_tells_when_it_was_replaced(http):
    new = (await rotate(http, await made(http))).json()
    listed = (await http.get(KEYS, headers=OPERATOR)).json()
    assert [each["replaced_at"] for each in listed] == [None, new["created_at"]]


@pytest.mark.parametrize("overlap_hours", [0, 24])
async def test_a_key_is_replaced_once_and_then_the_one_in_its_place(http, overlap_hours):
    old = await made(http)
    new = (await rotate(http, old, overlap_hours=overlap_hours)).json()
    again = await rotate(http, old)
    assert (again.status_code, again.json()["type"]) == (409, "urn:llmring:problem:conflict")
    assert "rotate the key that was made in its place then" in again.json()["detail"]
    assert len((await http.get(KEYS, headers=OPERATOR)).json()) == 2
    assert (await rotate(http, new)).status_code == 201


async def test_of_two_who_rotate_a_key_at_once_one_does(registered):
    async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
        old = await made(client)
        answers = await asyncio.gather(*(rotate(client, old) for _ in range(5)))
        assert sorted(each.status_code for each in answers) == [201, 409, 409, 409, 409]


async def test_a_revoked_key_is_not_rotated_even_if_it_was_replaced(http):
    old = await made(http)
    await rotate(http, old)
    await http.delete(f"{KEYS}/{old['key_id']}", headers=OPERATOR)
    response = await rotate(http, old)
    assert (response.status_code, response.json()["detail"]) == (
        404,
        "This key was revoked or is over: make a new one.",
    )


async def test_a_key_that_is_over_is_not_rotated(http, database):
    old = await made(http)
    await database.execute(Statement("update {schema}.api_keys set expires_at = now()"))
    assert (await rotate(http, old)).status_code == 404


async def test_a_key_until_the_end_of_time_is_replaced_by_another(http, database):
    old = await made(http, expires_at="9999-12-31T23:59:59.999999Z")
    earlier = "update {schema}.api_keys set created_at = created_at - interval '1 day'"
    await database.execute(Statement(earlier))
    new = (await rotate(http, old)).json()
    assert [key["expires_at"] for key in (old, new)] == ["9999-12-31T23:59:59Z"] * 2


async def test_what_was_answered_once_is_answered_again_to_a_rotated_key(http):
    old = await made(http)
    new = (await rotate(http, old)).json()
    answers = []
    for each in (old, new):
        headers = {"X-API-Key": each["key"], "Idempotency-Key": "once"}
        answers.append((await http.post("/api/v1/log", json=a_call(), headers=headers)).json())
    assert answers[0] == answers[1]


@pytest.mark.parametrize("overlap_hours", [False, -1, 1.5, 24 * 90 + 1, None, "soon"])
async def test_an_overlap_that_makes_no_sense_ends_no_key(http, overlap_hours):
    old = await made(http)
    assert (await rotate(http, old, overlap_hours=overlap_hours)).status_code == 422
    assert (await http.get(KEYS, headers=OPERATOR)).json()[0]["replaced_at"] is None


async def test_a_key_for_a_time_is_replaced_by_one_for_as_long(http):
    first = await made(http, expires_at=(datetime.now(UTC) + timedelta(days=30)).isoformat())
    second = (await rotate(http, first)).json()
    third = (await rotate(http, second)).json()
    lifetimes = {
        when(key["expires_at"]) - when(key["created_at"]) for key in (first, second, third)
    }
    assert len(lifetimes) == 1
