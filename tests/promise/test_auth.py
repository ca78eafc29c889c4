"""API keys: any key is a project of its own, and the database never holds it."""

import asyncpg
import pytest
from pydantic import SecretStr

from llmring_server import create_app
from support.projects import a_call
from support.scopes import scope_of

PATHS = ["/api/v1/logs", "/api/v1/stats", "/api/v1/logs/export"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_request_without_a_key_is_unauthorized(http, path):
    response = await http.get(path)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("headers", [{"X-API-Key": ""}, {"Authorization": "Basic abc"}])
async def test_an_empty_key_is_unauthorized(http, headers):
    assert (await http.get("/api/v1/logs", headers=headers)).status_code == 401


@pytest.mark.parametrize("key", ["x" * 256, "two words", "tab\tbed", "\x85"])
async def test_a_key_that_cannot_be_one_is_a_bad_request(local, key):
    headers = {"X-API-Key": key.encode("latin-1")}
    assert (await local.get("/api/v1/logs", headers=headers)).status_code == 400


async def test_a_bearer_token_is_the_same_key(alice):
    await alice.logs()
    headers = {"Authorization": f"Bearer {alice.key}"}
    assert len((await alice.http.get("/api/v1/logs", headers=headers)).json()) == 1


async def test_the_database_never_holds_the_key(alice, database_url):
    await alice.logs(a_call())
    connection = await asyncpg.connect(database_url)
    row = await connection.fetchval("select row_to_json(u)::text from llmring.usage_logs u")
    await connection.close()
    assert alice.key not in row


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
async def test_the_documentation_names_both_ways_to_send_a_key(local, header):
    schemes = (await local.get("/openapi.json")).json()["components"]["securitySchemes"]
    assert header in {each.get("name", "Authorization") for each in schemes.values()}


@pytest.mark.parametrize("path", ["/api/v1/log", "/api/v1/log/batch", "/api/v1/receipts"])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "lr_nobody_has_it"}])
async def test_of_a_caller_who_is_not_let_in_no_body_is_kept(settings, path, headers):
    async def receive():
        pytest.fail("the body was asked for")

    async def send(message):
        sent.append(message)

    sent = []
    only = {"auth_mode": "registered", "key_pepper": SecretStr("p" * 43)}
    app = create_app(settings=settings.model_copy(update=only))
    head = {"content-type": "application/json", "content-length": "10000000"}
    await app(scope_of(path, head | headers), receive, send)
    assert sent[0]["status"] == 401
