"""A server that lets only registered keys in."""

import httpx
import pytest
from pydantic import SecretStr

from conftest import client_of, started
from llmring_core import key_book
from support.functions import FunctionsTransport
from support.registered_keys import TOKEN, log


@pytest.fixture
def registered(settings):
    more = {
        "auth_mode": "registered",
        "key_pepper": SecretStr("cGVwcGVy" * 6),
        "admin_token": SecretStr(TOKEN),
    }
    return settings.model_copy(update=more)


@pytest.fixture(params=["standalone", "functions"])
async def http(request, registered):
    """A client of the server, in both of its forms."""
    if request.param == "standalone":
        async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
            yield client
        return
    async with client_of(FunctionsTransport(registered)) as client:
        yield client


@pytest.fixture
def impatient(monkeypatch):
    """Nothing is remembered of a key."""
    monkeypatch.setattr(key_book, "REMEMBERED_SECONDS", 0)


@pytest.fixture
async def alice(registered):
    """What has rows in open mode."""
    open_mode = registered.model_copy(update={"auth_mode": "open"})
    async with started(open_mode) as app, client_of(httpx.ASGITransport(app)) as client:
        await log(client, "alice")
    return "alice"
