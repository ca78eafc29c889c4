"""When a key was last used is noted, now and then: never so that a request fails by it."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from conftest import client_of, started
from llmring_core.queries import Statement
from llmring_server import create_app
from support.registered_keys import made, status

LAST_USED = Statement("select last_used_at from {schema}.api_keys")
SET_LAST_USED = Statement("update {schema}.api_keys set last_used_at = $1")
READ_ONLY = Statement(
    "do $$begin execute format("
    "'alter database %I set default_transaction_read_only = on', current_database()); end$$"
)


async def test_a_key_is_let_in_where_its_use_cannot_be_noted(registered, database):
    async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
        key = (await made(client))["key"]
    await database.execute(READ_ONLY)  # for whoever connects from now on
    late = create_app(settings=registered)
    async with client_of(httpx.ASGITransport(late)) as client:
        assert await status(client, key) == 200
    await late.state.database.close()
    assert await database.fetch_value(LAST_USED) is None


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("seconds", "is_noted"), [(50, False), (70, True)])
async def test_the_use_of_a_key_is_noted_anew_after_a_minute(http, database, seconds, is_noted):
    key = (await made(http))["key"]
    before = datetime.now(UTC) - timedelta(seconds=seconds)
    await database.execute(SET_LAST_USED, before)
    assert await status(http, key) == 200
    assert (await database.fetch_value(LAST_USED) > before) is is_noted
