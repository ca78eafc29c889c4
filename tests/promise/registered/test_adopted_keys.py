"""A key goes on with what was kept under a key of open mode."""

import asyncio

import httpx
import pytest

from conftest import client_of, started
from support.registered_keys import (
    KEYS,
    OPERATOR,
    made,
    requests_of,
    status,
)


async def test_a_key_goes_on_with_the_rows_of_an_open_key(alice, http):
    key = (await made(http, open_key=alice))["key"]
    assert await requests_of(http, key) == 1
    assert await status(http, alice) == 401


async def refusal(http, **members):
    response = await http.post(KEYS, json={"project": "billing", **members}, headers=OPERATOR)
    return response.status_code, response.json()["detail"]


@pytest.mark.parametrize("again", [{}, {"open_key": "alice"}], ids=["plain", "adopting"])
async def test_a_later_key_sees_the_rows_that_an_earlier_one_of_its_project_adopted(
    alice, http, again
):
    await made(http, open_key=alice)
    later = (await made(http, **again))["key"]
    assert await requests_of(http, later) == 1


async def test_a_project_with_rows_cannot_adopt_others(alice, http):
    await made(http)
    assert (await refusal(http, open_key=alice))[0] == 409


async def test_two_projects_cannot_adopt_the_same_rows(alice, http):
    await made(http, open_key=alice)
    assert await refusal(http, project="search", open_key=alice) == (
        409,
        "The project billing goes on with the rows of that key already: make a key of that "
        "project.",
    )


async def test_of_projects_that_adopt_the_same_rows_at_once_one_does(alice, registered):
    async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
        bodies = [{"project": f"p{number}", "open_key": alice} for number in range(5)]
        asked = [client.post(KEYS, json=body, headers=OPERATOR) for body in bodies]
        answers = [each.status_code for each in await asyncio.gather(*asked)]
    assert sorted(answers) == [201, 409, 409, 409, 409]


async def test_a_mistyped_key_is_not_adopted_and_the_right_one_can_be(alice, http):
    status, detail = await refusal(http, open_key="alcie")
    assert (status, detail[:35]) == (422, "Nothing is kept under that key; is ")
    assert "alcie" not in detail
    key = (await made(http, open_key=alice))["key"]
    assert await requests_of(http, key) == 1


async def test_what_no_client_can_send_is_no_key_to_adopt(http):
    body = {"project": "billing", "open_key": "a b"}
    assert (await http.post(KEYS, json=body, headers=OPERATOR)).status_code == 400
