"""Scopes hold on the short way too: what a key may not, it may not there either."""

import httpx
import pytest

from conftest import client_of, started
from llmring_core.api_keys import SCOPES
from llmring_core.settings import Settings
from llmring_server import create_app
from support.conversations import said
from support.projects import a_call
from support.registered_keys import made, status

# By method and path as an app has them, where `*` is a conversation and `?` any query.
NEEDED = {
    ("POST", "/api/v1/log"): "log:write",
    ("POST", "/api/v1/log/batch"): "log:write",
    ("GET", "/conversations/*"): "conversations:read",
    ("GET", "/conversations/*?"): "conversations:read",
    ("POST", "/conversations/*/messages/batch"): "conversations:write",
    ("GET", "/api/v1/conversations/*"): "conversations:read",
    ("GET", "/api/v1/conversations/*?"): "conversations:read",
    ("POST", "/api/v1/conversations/*/messages/batch"): "conversations:write",
}
PUBLIC = {("GET", "/registry"), ("GET", "/registry.json")}
each_short_path = pytest.mark.parametrize(("short", "scope"), NEEDED.items(), ids=str)


def body_of(path):
    if path.endswith("/messages/batch"):
        return {"messages": said("Hi")}
    return [a_call(cost=1)] if path.endswith("/batch") else a_call(cost=1)


async def asked(http, key, short, conversation):
    """Ask in the plain form that the short path takes."""
    method, path = short
    url = path.replace("*", conversation).replace("?", "?message_limit=5")
    body = {"json": body_of(path)} if method == "POST" else {}
    return await http.request(method, url, headers={"X-API-Key": key}, **body)


async def begun(http):
    """A conversation of the project whose keys ask."""
    key = (await made(http))["key"]
    response = await http.post("/conversations", json={}, headers={"X-API-Key": key})
    return response.json()["id"]


def test_every_short_path_is_in_the_table():
    settings = Settings(_env_file=None, database_url="postgresql://x")
    assert create_app(settings=settings).state.short_paths.keys() == NEEDED.keys() | PUBLIC


@each_short_path
async def test_a_key_without_the_scope_is_refused_also_when_it_is_remembered(http, short, scope):
    conversation = await begun(http)
    others = [each for each in SCOPES if each != scope]
    key = (await made(http, scopes=others))["key"]
    for _ in range(2):
        response = await asked(http, key, short, conversation)
        assert (response.status_code, scope in response.text) == (403, True)


@each_short_path
async def test_a_remembered_key_with_the_scope_needs_no_route(registered, short, scope):
    """So what the others were refused was asked in the form that the short path takes."""
    async with started(registered) as app, client_of(httpx.ASGITransport(app)) as client:
        conversation = await begun(client)
        key = (await made(client, scopes=[scope]))["key"]
        await status(client, key)  # refused or not, the key is known from now on
        app.router.routes.clear()
        assert (await asked(client, key, short, conversation)).status_code == 200
