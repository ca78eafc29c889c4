"""LLMRING_RATE_LIMIT of registered keys: for each of them, also of one project."""

import httpx
import pytest

from conftest import client_of, started
from support.registered_keys import made, status


@pytest.fixture
async def limited(registered):
    """A client of a server that answers each key three times an hour."""
    settings = registered.model_copy(update={"rate_limit": "3/hour"})
    async with started(settings) as app, client_of(httpx.ASGITransport(app)) as client:
        yield client


async def test_a_key_that_is_used_too_often_stops_no_other_of_its_project(limited):
    busy, calm = [(await made(limited, name=name))["key"] for name in ("busy", "calm")]
    assert [await status(limited, busy) for _ in range(4)] == [200, 200, 200, 429]
    assert await status(limited, calm) == 200
